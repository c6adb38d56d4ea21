"""Buttons that turn pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mixpanel_pandas.notebook.preview.controls import Button, Html, Number, row
from mixpanel_pandas.notebook.preview.html import text

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Pager"]


class Pager:
    """First, previous, a number to type, next, last.

    Parameters
    ----------
    noun : str
        What is paged; it names the controls.
    name : str
        Their class.
    turned : callable
        Called after a page was turned.
    size : int
        Things on a page.
    """

    def __init__(self, noun: str, name: str, turned: Callable[[], object], size: int = 1) -> None:
        self.number, self._things, self.size, self._turned = 0, 0, size, turned
        self._first = Button("First", f"{name}-first", lambda: self.turn(0), f"First {noun}")
        self._back = Button(
            "Previous", f"{name}-previous", lambda: self.turn(self.number - 1), f"Previous {noun}"
        )
        self._typed = Number(f"{noun.capitalize()}", f"{name}-number", lambda number: self.turn(number - 1))
        self._of = Html(f"{name}-of")
        self._next = Button("Next", f"{name}-next", lambda: self.turn(self.number + 1), f"Next {noun}")
        self._last = Button("Last", f"{name}-last", lambda: self.turn(self.pages - 1), f"Last {noun}")
        self.box = row(self._first, self._back, self._typed, self._of, self._next, self._last)

    @property
    def pages(self) -> int:
        """How many there are; at least one."""
        return max(1, -(-self._things // self.size))

    @property
    def start(self) -> int:
        """Number of the first thing on the page."""
        return self.number * self.size

    @property
    def stop(self) -> int:
        """Number after that of the last thing on the page."""
        return min(self.start + self.size, self._things)

    def of(self, things: int) -> None:
        """Page through so many things."""
        self._things = things
        self._to(self.number)
        self.box.layout.display = None if self.pages > 1 else "none"

    def turn(self, number: int) -> None:
        """Go to a page."""
        self._to(number)
        self._turned()

    def _to(self, number: int) -> None:
        self.number = min(max(number, 0), self.pages - 1)
        self._typed.limit(self.pages, self.number + 1)
        self._of.value = text(f"of {self.pages:,}")
        for control in (self._first, self._back):
            control.enable(self.number > 0)
        for control in (self._next, self._last):
            control.enable(self.number < self.pages - 1)

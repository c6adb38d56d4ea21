"""Buttons that turn pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mixpanel_pandas.notebook.preview.controls import Button, Html, Number, hbox
from mixpanel_pandas.text import html_text

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Pager"]


class Pager:
    """First, previous, a number to type, next, last.

    Parameters
    ----------
    noun : str
        What a page is called, in the names of the controls.
    name : str
        How the CSS classes of the controls begin.
    turned : callable
        Called after a person has turned a page.
    size : int
        Number of items on a page.

    Attributes
    ----------
    number : int
        Number of the page that is shown, from 0.
    """

    def __init__(self, noun: str, name: str, turned: Callable[[], object], size: int = 1) -> None:
        self.number: int = 0
        self._count, self._size, self._turned = 0, size, turned
        self._first = Button("First", f"{name}-first", lambda: self.go_to(0), f"First {noun}")
        self._back = Button(
            "Previous", f"{name}-previous", lambda: self.go_to(self.number - 1), f"Previous {noun}"
        )
        self._typed = Number(f"{noun.capitalize()}", f"{name}-number", lambda number: self.go_to(number - 1))
        self._of = Html(f"{name}-of")
        self._next = Button("Next", f"{name}-next", lambda: self.go_to(self.number + 1), f"Next {noun}")
        self._last = Button("Last", f"{name}-last", lambda: self.go_to(self.pages - 1), f"Last {noun}")
        self.box: Any = hbox(
            self._first, self._back, self._typed, self._of, self._next, self._last, display="none"
        )

    @property
    def pages(self) -> int:
        """Number of pages, at least one."""
        return max(1, -(-self._count // self._size))

    @property
    def start(self) -> int:
        """Number of the first item on the page."""
        return self.number * self._size

    @property
    def stop(self) -> int:
        """Number after that of the last item on the page."""
        return min(self.start + self._size, self._count)

    def set_count(self, count: int) -> None:
        """Set the number of items on all pages. If the page is no longer there, the last one is shown."""
        self._count = count
        self._set_number(self.number)
        self.box.layout.display = None if self.pages > 1 else "none"

    def go_to(self, number: int) -> None:
        """Show a page, or the nearest that there is."""
        self._set_number(number)
        self._turned()

    def _set_number(self, number: int) -> None:
        self.number = min(max(number, 0), self.pages - 1)
        self._typed.limit(self.pages, self.number + 1)
        self._of.value = html_text(f"of {self.pages:,}")
        for control in (self._first, self._back):
            control.enable(self.number > 0)
        for control in (self._next, self._last):
            control.enable(self.number < self.pages - 1)

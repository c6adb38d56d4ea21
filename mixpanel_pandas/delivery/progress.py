"""How far an upload is, shown as a bar, or told to the log. What fails or hangs is switched off, and the upload goes on."""

from __future__ import annotations

import contextvars
import logging
import sys
import threading
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from mixpanel_pandas.delivery.shell import in_notebook
from mixpanel_pandas.text import counted, duration, percent, rounded, size_of

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Progress", "Reporter"]

#: Seconds between two moves of a bar, and between two lines about the progress in the log.
BAR_SECONDS, LINE_SECONDS = 0.2, 60.0

#: Seconds that a bar or a handler of the log has for a step: a terminal that is stopped, a pipe that nobody reads.
PATIENCE = 2.0

logger = logging.getLogger("mixpanel_pandas")


@dataclass(frozen=True)
class Progress:
    """How far an upload is.

    Attributes
    ----------
    rows, total : int
        Rows that Mixpanel took or refused, and rows to send.
    requests, bytes : int
        Requests made, and bytes of their bodies.
    waiting : str
        The wait that goes on: ``429, waiting 8 s (try 3 of 9)``; empty if none does.
    """

    rows: int
    total: int
    requests: int
    bytes: int
    waiting: str

    def __str__(self) -> str:
        return ", ".join(part for part in (f"{self.bytes / 1e6:,.1f} MB", self.waiting) if part)

    def in_words(self, seconds: float) -> str:
        """Return all of it in one line, with the rate and the time that is left by that.

        Parameters
        ----------
        seconds : float
            Since the upload began.
        """
        rate = self.rows / seconds if seconds > 0 else 0.0
        parts = [
            f"{self.rows:,} of {counted(self.total, 'row')}",
            *([f"{percent(self.rows / self.total)}"] if self.total else []),
            counted(self.requests, "request"),
            size_of(self.bytes),
            *(
                [f"{rounded(rate)} rows/s, about {duration((self.total - self.rows) / rate)} left"]
                if rate
                else []
            ),
        ]
        return "; ".join(part for part in (", ".join(parts), self.waiting) if part)


class Reporter:
    """Shows the progress of an upload: as a bar where somebody watches, else a line in the log, at most one a minute.

    Parameters
    ----------
    label : str
        What the upload is called.
    total : int
        Rows to send.
    wanted : bool or None
        Whether a bar is shown; None: in a notebook or a terminal.
    clock : callable
        Seconds that only grow.
    """

    def __init__(self, label: str, total: int, wanted: bool | None, clock: Callable[[], float]) -> None:
        self._label, self._total, self._wanted, self._clock = label, total, wanted, clock
        self._bar: Any = None
        self._broken = False
        self._began = clock()
        self._due, self._moved = self._began + LINE_SECONDS, self._began

    def begin(self) -> None:
        """Show a bar, where one is wanted."""
        if self._wanted is not False:
            self._guarded(self._make_bar)

    def show(self, progress: Progress) -> None:
        """Show how far it is."""
        now = self._clock()
        if self._bar is not None:
            if now >= self._moved + BAR_SECONDS:
                self._moved = now
                self._guarded(lambda: self._move_bar(progress))
        elif now >= self._due:
            self._guarded(lambda: self._tell(progress))

    def end(self, progress: Progress) -> None:
        """Show the end. The bar stays where it is."""
        if self._bar is not None:
            self._guarded(lambda: self._move_bar(progress))
            self._guarded(self._bar.close)

    def say(self, text: str) -> None:
        """Write the last line: to the log, and below the bar."""
        self._guarded(lambda: logger.info(text))
        if self._bar is not None:
            self._guarded(lambda: self._bar.write(text, file=self._bar.fp))

    def warn(self, text: str) -> None:
        """Write a warning to the log."""
        self._guarded(lambda: logger.warning(text))

    def _guarded(self, step: Callable[[], object]) -> None:
        """Do a step, unless one has failed or is still at it. It runs someone else's code.

        It is done in a thread of its own, as nobody knows when it ends.
        """
        if self._broken:
            return
        context = contextvars.copy_context()

        def work() -> None:
            try:
                context.run(step)
            except BaseException:  # noqa: BLE001  # signals do not arrive in this thread: whatever it is, it is theirs
                self._broken = True

        thread = threading.Thread(target=work, daemon=True, name="mixpanel_pandas progress")
        try:
            thread.start()
        except RuntimeError:  # too many threads, or the interpreter is shutting down
            work()
            return
        thread.join(PATIENCE)
        if thread.is_alive():
            self._broken = True

    def _make_bar(self) -> None:
        notebook = in_notebook()
        if not (notebook or sys.stderr.isatty() if self._wanted is None else self._wanted):
            return
        # tqdm warns in a notebook without widgets
        home = import_module("tqdm.auto" if notebook and find_spec("ipywidgets") else "tqdm")
        # tqdm's own thread would stay. A bar that fails leaves the lock held that all bars share, and its finalizer waits for it.
        own = {"monitor_interval": 0, "_lock": threading.RLock(), "__del__": lambda _bar: None}
        kind = type("Bar", (home.tqdm,), own)
        self._bar = kind(
            total=self._total, desc=self._label or None, unit=" rows", unit_scale=self._total >= 100_000
        )

    def _move_bar(self, progress: Progress) -> None:
        self._bar.set_postfix_str(str(progress), refresh=False)
        self._bar.update(progress.rows - self._bar.n)
        self._bar.refresh()

    def _tell(self, progress: Progress) -> None:
        now = self._clock()
        self._due = now + LINE_SECONDS
        logger.info("%s: %s", self._label or "upload", progress.in_words(now - self._began))

"""The progress of an upload, as a bar or in the log.

A record of the log has the attributes ``event`` (what kind of line it is) and ``numbers`` (what it says, for programs).
A bar or a log handler that fails or hangs is not called again, and the upload goes on.
"""

from __future__ import annotations

import contextvars
import logging
import sys
import threading
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from mixpanel_pandas.process.shell import in_notebook
from mixpanel_pandas.text import counted, durations, joined, percent, rounded, size_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Progress", "Reporter"]

#: Seconds between two moves of a bar, and between two lines about the progress in the log.
BAR_SECONDS, LINE_SECONDS = 0.2, 60.0

#: Seconds that a bar or a log handler may take for a step. A stopped terminal, or a pipe that nobody reads, takes forever.
PATIENCE = 2.0

_logger = logging.getLogger("mixpanel_pandas")


@dataclass(frozen=True)
class Progress:
    """How far an upload is.

    Attributes
    ----------
    rows, total : int
        Rows that Mixpanel accepted or rejected, and rows to send.
    requests, bytes : int
        Requests made, and bytes of their bodies.
    waiting : str
        What the upload waits for, such as ``429, waiting 8 s (try 3 of 9)``. Empty if it does not wait.
    """

    rows: int
    total: int
    requests: int
    bytes: int
    waiting: str

    def __str__(self) -> str:
        return ", ".join(text for text in (f"{self.bytes / 1e6:,.1f} MB", self.waiting) if text)

    def in_numbers(self, seconds: float) -> dict[str, float]:
        """Return the progress as a record of the log carries it, `seconds` after the upload began."""
        return {
            "rows": self.rows,
            "total": self.total,
            "requests": self.requests,
            "bytes": self.bytes,
            "seconds": round(seconds, 3),
        }

    def in_words(self, seconds: float) -> str:
        """Return the progress in one line, with the rate, the time so far and an estimate of the time left.

        Parameters
        ----------
        seconds : float
            Since the upload began.
        """
        rate = self.rows / seconds if seconds > 0 else 0.0
        elapsed, left = durations(seconds, (self.total - self.rows) / rate) if rate else ("", "")
        texts = [
            f"{self.rows:,} of {counted(self.total, 'row')}",
            *([f"{percent(self.rows / self.total)}"] if self.total else []),
            counted(self.requests, "request"),
            size_of(self.bytes),
            *([f"{rounded(rate)} rows/s, {elapsed} so far, about {left} left"] if rate else []),
        ]
        return joined(", ".join(texts), self.waiting)


class Reporter:
    """Shows the progress of an upload: as a bar in a notebook or a terminal, else as a line in the log at most once a minute.

    Parameters
    ----------
    label : str
        The name of the upload.
    total : int
        Rows to send.
    bar : bool or None
        Whether to show a bar. None: in a notebook or a terminal.
    clock : callable
        Returns seconds, as ``time.monotonic`` does.
    """

    def __init__(self, label: str, total: int, bar: bool | None, clock: Callable[[], float]) -> None:
        self._label, self._total, self._with_bar, self._clock = label, total, bar, clock
        self._bar: Any = None
        self._broken = False
        self._began = clock()
        self._due, self._moved = self._began + LINE_SECONDS, self._began

    def begin(self) -> None:
        """Show a bar, if there is to be one. It is one bar, however often the upload begins another part."""
        if self._with_bar is not False and self._bar is None:
            self._guarded(self._make_bar)

    def show(self, progress: Progress) -> None:
        """Show the progress, if it is time to."""
        now = self._clock()
        if self._bar is not None:
            if now >= self._moved + BAR_SECONDS:
                self._moved = now
                self._guarded(lambda: self._move_bar(progress))
        elif now >= self._due:
            self._guarded(lambda: self._log(progress))

    def end(self, progress: Progress) -> None:
        """Show the end. The bar stays on the screen."""
        if self._bar is not None:
            self._guarded(lambda: self._move_bar(progress))
            self._guarded(self._bar.close)

    def say(self, text: str, numbers: Mapping[str, float] | None = None, event: str = "uploaded") -> None:
        """Write a line to the log, and below the bar.

        Parameters
        ----------
        numbers : mapping, optional
            What the line says, for programs.
        event : str
            What kind of line it is. By default it is the last one.
        """
        extra = {"event": event, "numbers": dict(numbers or {})}
        self._guarded(lambda: _logger.info(text, extra=extra))
        if self._bar is not None:
            self._guarded(lambda: self._bar.write(text, file=self._bar.fp))

    def warn(self, text: str) -> None:
        """Write a warning to the log."""
        self._guarded(lambda: _logger.warning(text, extra={"event": "warning", "numbers": {}}))

    def _guarded(self, step: Callable[[], object]) -> None:
        """Do a step, unless an earlier one has failed or hangs.

        A step runs code of others, which may take forever, so it runs in a thread of its own.
        """
        if self._broken:
            return
        context = contextvars.copy_context()

        def work() -> None:
            try:
                context.run(step)
            except BaseException:  # noqa: BLE001  # no signal arrives in this thread, so it is an error of their code
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
        if not (notebook or sys.stderr.isatty() if self._with_bar is None else self._with_bar):
            return
        # tqdm warns in a notebook without widgets
        home = import_module("tqdm.auto" if notebook and find_spec("ipywidgets") else "tqdm")
        # Without a monitor tqdm leaves no thread behind. With a lock of its own a bar that fails cannot block other bars, and
        # without a finalizer it cannot hang when it is collected.
        own = {"monitor_interval": 0, "_lock": threading.RLock(), "__del__": lambda _bar: None}
        kind = type("Bar", (home.tqdm,), own)
        self._bar = kind(
            total=self._total, desc=self._label or None, unit=" rows", unit_scale=self._total >= 100_000
        )

    def _move_bar(self, progress: Progress) -> None:
        self._bar.set_postfix_str(str(progress), refresh=False)
        self._bar.update(progress.rows - self._bar.n)
        self._bar.refresh()

    def _log(self, progress: Progress) -> None:
        now = self._clock()
        self._due = now + LINE_SECONDS
        seconds = now - self._began
        extra = {"event": "progress", "numbers": progress.in_numbers(seconds)}
        _logger.info("%s: %s", self._label or "upload", progress.in_words(seconds), extra=extra)

"""A `Sending` beside the notebook: it runs in a thread of its own, so that the kernel stays free to hear a click on Stop."""

from __future__ import annotations

import threading
import time
import warnings
from typing import TYPE_CHECKING

from mixpanel_pandas.delivery.summary import words
from mixpanel_pandas.errors import MixpanelError, ProfileWarning, UploadInterrupted
from mixpanel_pandas.pipeline import prepare
from mixpanel_pandas.text import duration, size_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from mixpanel_pandas.delivery.progress import Progress
    from mixpanel_pandas.rules.operation import Operation

__all__ = ["Runner", "progress_in_words"]

#: Seconds between two looks at the progress.
TICK = 0.25


class Runner:
    """An upload under way, and what became of it.

    Parameters
    ----------
    frame, operation
        What is sent. It is checked at once.
    place : str
        Where it goes.
    told : callable
        Called from another thread when there is something new to tell, the last time after the end.

    Attributes
    ----------
    summary : pandas.DataFrame or None
        What became of every row; None until the end.
    error : str
        Why it did not end as asked, in our words.

    Raises
    ------
    MixpanelError
        If nothing can be sent.
    """

    def __init__(
        self, frame: pd.DataFrame, operation: Operation, place: str, told: Callable[[], object]
    ) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ProfileWarning)  # the findings view has told
            self._sending = prepare(frame, operation)
        self.summary: pd.DataFrame | None = None
        self.error = ""
        self._place, self._told = place, told
        self._began, self._seconds = time.monotonic(), 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._tell, daemon=True, name="mixpanel_pandas preview")

    def begin(self) -> None:
        """Send, beside the caller."""
        self._thread.start()

    def stop(self) -> None:
        """Send nothing else; what is on the wire has 5 seconds to answer."""
        self._sending.stop()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the end and for what is told of it; return whether it came."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def ended(self) -> bool:
        """Whether the summary is there, or never will be."""
        return self._ended.is_set()

    def progress(self) -> tuple[int, int, str]:
        """Return rows that are done, rows to send, and how it goes in words."""
        progress = self._sending.progress()
        if progress is None:
            return 0, 1, ""
        seconds = time.monotonic() - self._began
        return progress.rows, progress.total, progress_in_words(progress, seconds)

    def outcome(self) -> str:
        """Return what became of it in one line."""
        if self.summary is None:
            return self.error
        said = words(self.summary, self._seconds, self._place)
        return f"{said}. {self.error}" if self.error else said

    def _tell(self) -> None:
        """Send in a thread, and say how it goes until the end."""
        worker = threading.Thread(target=self._send, daemon=True, name="mixpanel_pandas preview sends")
        worker.start()
        while not self._ended.wait(TICK):
            self._told()
        worker.join()
        self._told()

    def _send(self) -> None:
        try:
            self.summary = self._sending.result()
        except (MixpanelError, UploadInterrupted) as error:
            self.summary, self.error = getattr(error, "summary", None), str(error)
        except BaseException as error:  # noqa: BLE001 (a thread has nobody to raise to; texts of others may hold values)
            self.error = f"the upload ended with {type(error).__name__}"
        finally:
            self._seconds = time.monotonic() - self._began
            self._ended.set()


def progress_in_words(progress: Progress, seconds: float) -> str:
    """Return how far it is, how fast, how long it will take, and what it waits for.

    >>> from mixpanel_pandas.delivery.progress import Progress
    >>> progress_in_words(Progress(2000, 10000, 1, 1_200_000, "429, waiting 8 s (try 3 of 9)"), 4.0)
    '2,000 of 10,000 rows, 1.2 MB, 500 rows/s, about 16 s left, 429, waiting 8 s (try 3 of 9)'
    """
    parts = [f"{progress.rows:,} of {progress.total:,} rows", f"{size_of(progress.bytes)}"]
    if progress.rows and seconds > 0:
        rate = progress.rows / seconds
        parts += [f"{rate:,.0f} rows/s", f"about {duration((progress.total - progress.rows) / rate)} left"]
    return ", ".join([*parts, *([progress.waiting] if progress.waiting else [])])

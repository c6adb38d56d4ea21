"""An upload, and a comparison with profiles, each in a thread of its own, so that the kernel stays free and receives a click on Stop."""

from __future__ import annotations

import threading
import time
import warnings
from typing import TYPE_CHECKING

from mixpanel_pandas.checking.decisions import check_frame
from mixpanel_pandas.checking.report import raise_errors
from mixpanel_pandas.delivery.summary_in_words import words
from mixpanel_pandas.errors import MixpanelError, ProfileWarning, UploadInterrupted
from mixpanel_pandas.pipeline.backup import with_backup
from mixpanel_pandas.pipeline.line import prepare
from mixpanel_pandas.plans.making import plan_of_checked

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from mixpanel_pandas.notebook.preview.state import State
    from mixpanel_pandas.plans.plan import Plan
    from mixpanel_pandas.rules.operation import Operation

__all__ = ["PlanMaker", "Runner"]

#: Seconds between two reports of the progress.
TICK = 0.25


class _Background:
    """Work in a thread of its own, and whether it is over.

    Parameters
    ----------
    work : callable
        Runs in the thread, and sets `_ended` when there is a result or an error.
    name : str
        Of the thread.
    """

    def __init__(self, work: Callable[[], object], name: str) -> None:
        self._ended = threading.Event()
        self._thread = threading.Thread(target=work, daemon=True, name=name)

    def begin(self) -> None:
        """Start the thread."""
        self._thread.start()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the end and its report. Return whether the end has come."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def ended(self) -> bool:
        """Whether there is a result, or an error."""
        return self._ended.is_set()


class Runner(_Background):
    """One upload, and what became of it.

    Parameters
    ----------
    frame, operation
        What is sent. It is checked at once.
    place : str
        Where it is sent to.
    changed : callable
        Called from another thread when there is news, and once more after the end.

    Attributes
    ----------
    summary : pandas.DataFrame or None
        What became of every row; None until the end.
    error : str
        Why the upload did not end as asked, without any value of the frame.

    Raises
    ------
    MixpanelError
        If nothing can be sent.
    """

    def __init__(
        self, frame: pd.DataFrame, operation: Operation, place: str, changed: Callable[[], object]
    ) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ProfileWarning)  # the findings view shows them
            self._sending = prepare(frame, operation)
        self.summary: pd.DataFrame | None = None
        self.error: str = ""
        self._place, self._changed = place, changed
        self._began, self._seconds = time.monotonic(), 0.0
        super().__init__(self._report, "mixpanel_pandas preview")

    def stop(self) -> None:
        """Send nothing else. Requests under way have 5 seconds to be answered."""
        self._sending.stop()

    def progress(self) -> tuple[int, int, str]:
        """Return rows that are done, rows to send, and the progress in words."""
        progress = self._sending.progress()
        if progress is None:
            return 0, 1, ""
        seconds = time.monotonic() - self._began
        return progress.rows, progress.total, progress.in_words(seconds)

    def outcome(self) -> str:
        """Return what became of the upload, in one line."""
        if self.summary is None:
            return self.error
        outcome = words(self.summary, self._seconds, self._place)
        outcome = "; ".join(filter(None, (outcome, self._sending.backup_in_words)))
        return f"{outcome}. {self.error}" if self.error else outcome

    def _report(self) -> None:
        """Send in another thread, and report the progress until the end."""
        worker = threading.Thread(target=self._send, daemon=True, name="mixpanel_pandas preview sends")
        worker.start()
        while not self._ended.wait(TICK):
            self._changed()
        worker.join()
        self._changed()

    def _send(self) -> None:
        try:
            self.summary = with_backup(self._sending).result()
        except (MixpanelError, UploadInterrupted) as error:
            self.summary, self.error = getattr(error, "summary", None), str(error)
        except BaseException as error:  # noqa: BLE001  # a thread has no caller to raise to; messages of others may hold values
            self.error = f"the upload ended with {type(error).__name__}"
        finally:
            self._seconds = time.monotonic() - self._began
            self._ended.set()


class PlanMaker(_Background):
    """What an operation would change, found in a thread of its own: reading profiles may take minutes.

    Parameters
    ----------
    state : State
        The operation and the frame. They are checked at once.
    operation : Operation
        The operation of the state, with the project that is asked.
    current : pandas.DataFrame or None
        What profiles hold. None: they are read.
    ended : callable
        Called from the thread at the end.

    Attributes
    ----------
    plan : Plan or None
        What would change; None until the end.
    error : str
        Why there is no plan, without any value of the frame.

    Raises
    ------
    MixpanelError
        If the frame holds errors.
    """

    def __init__(
        self, state: State, operation: Operation, current: pd.DataFrame | None, ended: Callable[[], object]
    ) -> None:
        self.state: State = state
        self.plan: Plan | None = None
        self.error: str = ""
        self._decisions = check_frame(state.frame.copy(), operation)  # what is planned is what is sent
        raise_errors(self._decisions)
        self._current, self._tell = current, ended
        super().__init__(self._make, "mixpanel_pandas plan")

    def _make(self) -> None:
        try:
            self.plan = plan_of_checked(self._decisions, self._current)
        except MixpanelError as error:
            self.error = str(error)
        except BaseException as error:  # noqa: BLE001  # a thread has no caller to raise to; messages of others may hold values
            self.error = f"the comparison ended with {type(error).__name__}"
        finally:
            self._ended.set()
        self._tell()

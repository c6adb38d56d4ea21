"""The exit status of a command: one table, from exceptions and summaries to what a scheduler acts on."""

from __future__ import annotations

import signal
import threading
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Self

from mixpanel_pandas.errors import (
    BudgetSpent,
    ConnectionFailed,
    DriftError,
    GuardError,
    MixpanelError,
    PageFailed,
    UploadError,
    UploadInterrupted,
    ValidationError,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["STATUS_IN_WORDS", "ExitStatus", "Termination", "status_of_error", "status_of_summary"]


class ExitStatus(IntEnum):
    """What a command ended with. `STATUS_IN_WORDS` says what each means."""

    OK = 0
    DATA = 1
    USAGE = 2
    SERVICE = 3
    REFUSED = 4
    INTERRUPTED = 128 + signal.SIGINT
    TERMINATED = 128 + signal.SIGTERM


#: Exit status -> when a command ends with it, and what to do.
STATUS_IN_WORDS: dict[ExitStatus, tuple[str, str]] = {
    ExitStatus.OK: ("every row is accepted, or skipped because it was accepted before", "nothing"),
    ExitStatus.DATA: (
        "data: a row was refused by checks or by Mixpanel, is unknown, or was not sent after others were accepted",
        "look at the log and the failures, correct the rows, and send them again",
    ),
    ExitStatus.USAGE: (
        "the command, the job, the project or the table cannot be read or is wrong; nothing was sent",
        "correct the command: a retry fails in the same way",
    ),
    ExitStatus.SERVICE: (
        "service: no connection, denied, or no clear answer; nothing was accepted",
        "try again later",
    ),
    ExitStatus.REFUSED: (
        "a guard refused the plan, or profiles have changed since it was made; nothing was sent",
        "look at the plan: allow more, correct the table, or make a new plan",
    ),
    ExitStatus.INTERRUPTED: ("Ctrl-C", "run the same job again: with a journal it resumes"),
    ExitStatus.TERMINATED: ("SIGTERM", "run the same job again: with a journal it resumes"),
}


#: Why rows are not accepted where the service, and no row, is the cause; the column `reason` of a summary.
SERVICE_REASONS = frozenset(
    {
        "circuit breaker",
        "deadline",
        "denied",
        "no clear answer",
        "no connection",
        "rate limited",
    }
)


def status_of_error(error: BaseException) -> ExitStatus:
    """Return the exit status for an exception of the package.

    >>> from mixpanel_pandas.errors import OperationError
    >>> status_of_error(OperationError("no such column"))
    <ExitStatus.USAGE: 2>
    """
    if isinstance(error, ConnectionFailed | PageFailed | BudgetSpent):
        return ExitStatus.SERVICE
    if isinstance(error, GuardError | DriftError):
        return ExitStatus.REFUSED
    if isinstance(error, UploadError):
        return status_of_summary(error.summary) or ExitStatus.DATA
    if isinstance(error, ValidationError):
        return ExitStatus.DATA
    if isinstance(error, UploadInterrupted | KeyboardInterrupt):
        return ExitStatus.INTERRUPTED
    return ExitStatus.USAGE if isinstance(error, MixpanelError) else ExitStatus.DATA


def status_of_summary(summary: pd.DataFrame, *, dry_run: bool = False) -> ExitStatus:
    """Return the exit status for the outcomes of the rows.

    Parameters
    ----------
    dry_run : bool
        Whether nothing was to be sent, so that rows that are not sent are no failure.
    """
    failing = ["rejected", "unknown", "invalid", *([] if dry_run else ["not_sent"])]
    failed = summary[summary[failing].sum(axis=1) > 0]
    if failed.empty:
        return ExitStatus.OK
    sent = failed[failed["invalid"] < failed["rows"]]
    if summary["accepted"].sum() or sent.empty or not sent["reason"].isin(SERVICE_REASONS).all():
        return ExitStatus.DATA
    is_idempotent = summary.attrs.get("mixpanel", {}).get("idempotent") == "true"
    return ExitStatus.SERVICE if is_idempotent or not sent["unknown"].any() else ExitStatus.DATA


class Termination:
    """Make SIGTERM end a command as Ctrl-C does: the summary is printed and written. A context manager.

    Attributes
    ----------
    is_over : bool
        Whether the upload is over, so that SIGTERM has nothing to stop.
    received : bool
        Whether SIGTERM came.
    """

    def __init__(self) -> None:
        self.is_over = self.received = False
        self._former: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            # a shell lets what it starts with `&` ignore Ctrl-C
            if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
                signal.signal(signal.SIGINT, signal.default_int_handler)
            self._former = signal.signal(signal.SIGTERM, self._receive)
        return self

    def _receive(self, *_signal: object) -> None:
        self.received = True
        if not self.is_over:
            signal.raise_signal(signal.SIGINT)

    def __exit__(self, *_error: object) -> None:
        if self._former is not None:
            signal.signal(signal.SIGTERM, self._former)

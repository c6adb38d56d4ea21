"""The outcomes of the rows of a command that sends: as text, as files, and as an exit status."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from mixpanel_pandas.cli.exit_status import ExitStatus, status_of_error, status_of_summary
from mixpanel_pandas.cli.logs import log_event
from mixpanel_pandas.cli.output import STDOUT, print_summary, write_output
from mixpanel_pandas.errors import UploadError, UploadInterrupted

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from mixpanel_pandas.cli.exit_status import Termination
    from mixpanel_pandas.cli.jobs import Call

__all__ = ["account_for"]


def account_for(
    call: Call,
    send: Callable[[], pd.DataFrame],
    termination: Termination,
    show_more: Callable[[bool], None] | None = None,
) -> ExitStatus:
    """Send, print and write the outcomes of the rows, and return the exit status.

    Parameters
    ----------
    send : callable
        Returns the summary, or raises an error that carries it.
    show_more : callable, optional
        Prints what belongs below the summary; it takes whether that is standard error.
    """
    from mixpanel_pandas.delivery.summary_in_words import in_numbers, words

    status, began = None, time.monotonic()
    try:
        summary = send()
    except (UploadError, UploadInterrupted) as error:
        log_event(logging.ERROR, "error", str(error))
        summary, status = error.summary, status_of_error(error)
    termination.is_over = True
    if not call["quiet"]:
        to_stderr = STDOUT in (call["failures"], call["summary"])
        print_summary(summary, error=to_stderr)
        if show_more is not None:
            show_more(to_stderr)
    written = write_output(call["summary"], lambda: summary, "the summary")
    if status is None:
        status = status_of_summary(summary, dry_run=bool(call["dry_run"]))
        if status and call["quiet"]:  # a quiet log lacks the line of the upload, which is no warning
            log_event(
                logging.WARNING, "uploaded", words(summary), **in_numbers(summary, time.monotonic() - began)
            )
    return status or (ExitStatus.OK if written else ExitStatus.DATA)

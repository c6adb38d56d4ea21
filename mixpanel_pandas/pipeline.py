"""The line: rows -> layout -> checks -> payloads -> batches -> deliveries -> summary.

`send` is the whole line. `report`, `payloads` and `schema` are the same line, stopped early. What comes after the line reads
a summary: `rows_with_outcomes` and `rows_to_send_again`.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mixpanel_pandas.checking.inventory import take_inventory
from mixpanel_pandas.checking.report import make_report, raise_errors, report_in_words, warn
from mixpanel_pandas.checking.scan import id_digest
from mixpanel_pandas.checking.schema import checked, make_schema
from mixpanel_pandas.delivery.ending import interrupted
from mixpanel_pandas.delivery.interrupts import Interrupts
from mixpanel_pandas.delivery.sending import Sending
from mixpanel_pandas.delivery.summary import failures_mask, outcomes
from mixpanel_pandas.errors import OperationError, SummaryError, choices, in_our_words
from mixpanel_pandas.payloads.json_text import read_json
from mixpanel_pandas.payloads.layout import layout_of_ids, make_layout
from mixpanel_pandas.payloads.slices import encode_slices
from mixpanel_pandas.project import Project, current_project

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    import pandera.pandas as pandera

    from mixpanel_pandas.checking.decisions import Decisions
    from mixpanel_pandas.rules.operation import Operation

__all__ = [
    "NOWHERE",
    "inventory",
    "payloads",
    "prepare",
    "project_of",
    "report",
    "rows_to_send_again",
    "rows_with_outcomes",
    "schema",
    "send",
]

#: The project of a dry run. The token has the usual length, so that sizes are right.
NOWHERE = Project("0" * 32, url="https://dry-run.invalid")

logger = logging.getLogger("mixpanel_pandas")


def send(frame: pd.DataFrame, operation: Operation) -> pd.DataFrame:
    """Check `frame`, send it, and return the summary.

    While the frame is checked, Ctrl-C ends the call at once. After that it stops the upload, and the summary accounts for every
    row.

    Raises
    ------
    MixpanelError
        As `prepare` and `Sending.result` raise it.
    UploadInterrupted
        After Ctrl-C, with the summary.
    """
    interrupts = Interrupts()
    try:
        with interrupts:
            sending = prepare(frame, operation)  # rows -> layout -> checks
            interrupts.at_once = False
            summary = sending.result(interrupts)  # payloads -> batches -> deliveries -> summary
    finally:
        interrupts.restore()
    if interrupts.count:
        raise interrupted(summary)
    return summary


def prepare(frame: pd.DataFrame, operation: Operation) -> Sending:
    """Check `frame`, and return what sends its rows.

    Raises
    ------
    ValidationError
        If the frame holds errors.
    OperationError
        If the frame or an option cannot be read, or if more profiles than `at_most` would be deleted.
    """
    began = time.perf_counter()
    project = project_of(operation)
    decisions, findings = checked(frame, operation)  # rows -> layout -> checks
    with in_our_words():
        raise_errors(decisions.frame, decisions.layout, findings)
        _refuse_many_deletes(decisions)
        warn(decisions.layout, findings)
    return Sending(decisions, project, began)


def project_of(operation: Operation) -> Project:
    """Return the project to write to: the one that the call names or else the current one; `NOWHERE` for a dry run."""
    options = operation.options
    return NOWHERE if options.dry_run else current_project(options.project)


def _refuse_many_deletes(decisions: Decisions) -> None:
    """Refuse to delete more profiles than `at_most`."""
    operation, profiles = decisions.layout.operation, decisions.sent
    at_most = operation.options.at_most
    if operation.verb == "delete" and profiles > at_most:
        msg = (
            f"this deletes {profiles:,} profiles for good, more than at_most={at_most:,}: nothing was sent; pass "
            f"at_most={profiles} if that is what you mean"
        )
        raise OperationError(msg)


def report(frame: pd.DataFrame, operation: Operation, first: int | None = 100) -> pd.DataFrame:
    """Check `frame`, and return its findings."""
    decisions, findings = checked(frame, operation)
    with in_our_words():
        found = make_report(decisions.frame, decisions.layout, findings, first)
    logger.info("validate: %s", report_in_words(found))
    return found


def payloads(frame: pd.DataFrame, operation: Operation) -> pd.Series[Any]:
    """Check `frame`, and return what would be sent for each row, without the token: a Python object per row, to look at."""
    decisions, findings = checked(frame, operation)
    frame, layout = decisions.frame, decisions.layout
    with in_our_words():
        raise_errors(frame, layout, findings)
    rows = np.full(len(frame), None, dtype=object)
    for found in encode_slices(layout, decisions.changes):
        texts = found.text.to_pylist()
        records = read_json([f"[{text[:-1]}]" for text in texts]).values  # each record ends with a comma
        for position, of_row in zip(found.positions, records, strict=True):
            rows[position] = of_row if len(of_row) > 1 else of_row[0]
    return pd.Series(rows, index=frame.index, name=operation.verb, dtype=object)


def inventory(frame: pd.DataFrame) -> pd.DataFrame:
    """Return what the columns of `frame` hold."""
    with in_our_words():
        return take_inventory(frame.copy(deep=False))


def schema(frame: pd.DataFrame, operation: Operation) -> pandera.DataFrameSchema:
    """Return the checks for frames like `frame`."""
    with in_our_words():
        return make_schema(make_layout(frame, operation))


def rows_with_outcomes(frame: pd.DataFrame, summary: pd.DataFrame) -> pd.DataFrame:
    """Return what became of each row of `frame`."""
    with in_our_words():
        return outcomes(summary, frame.index, _digest(frame, summary))


def rows_to_send_again(
    frame: pd.DataFrame, summary: pd.DataFrame, wanted: Iterable[str] | None
) -> pd.DataFrame:
    """Return the retryable rows of `frame`."""
    with in_our_words():
        rows = failures_mask(summary, frame.index, _digest(frame, summary), wanted)
    with in_our_words("a column", ": convert it to another dtype, so that pandas can take rows of it"):
        return frame[rows]


def _digest(frame: pd.DataFrame, summary: pd.DataFrame) -> str:
    """Return the digest of the ids of `frame`, in the column that the summary names."""
    named = getattr(summary, "attrs", {}).get("mixpanel", {}).get("id")
    labels: list[Hashable] = [*frame.columns, *(name for name in frame.index.names if name is not None)]
    label = next((label for label in labels if repr(label) == named), None)
    if named is not None and label is None:
        msg = f"the summary was made from a frame with its ids in {named}, which this one lacks: there are {choices(labels)}"
        raise SummaryError(msg)
    return id_digest(layout_of_ids(frame, label)) if named is not None else ""

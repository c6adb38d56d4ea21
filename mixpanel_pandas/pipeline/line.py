"""The line of a frame: rows -> layout -> checks -> payloads -> batches -> deliveries -> summary.

`send` is the whole line. `report`, `payloads` and `schema` are the same line, stopped early. What comes after the line reads
a summary: `rows_with_outcomes` and `rows_to_send_again`.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mixpanel_pandas.checking.decisions import check_frame
from mixpanel_pandas.checking.id_scan import id_digest
from mixpanel_pandas.checking.inventory import take_inventory
from mixpanel_pandas.checking.report import make_report, raise_errors, report_in_words, warn
from mixpanel_pandas.delivery.ending import interrupted
from mixpanel_pandas.delivery.interrupts import Interrupts
from mixpanel_pandas.delivery.sending import Sending
from mixpanel_pandas.delivery.summary import failures_mask, outcomes
from mixpanel_pandas.errors import OperationError, SummaryError, choices
from mixpanel_pandas.payloads.json_text import read_json
from mixpanel_pandas.payloads.layout import layout_of_ids
from mixpanel_pandas.payloads.slices import encode_slices
from mixpanel_pandas.payloads.sources import labels_of, rows_of_frame
from mixpanel_pandas.pipeline.backup import find_missing_backup, refuse_without_backup, with_backup
from mixpanel_pandas.pipeline.known import with_known_properties
from mixpanel_pandas.project import Project, current_project
from mixpanel_pandas.reading.malformed import MALFORMED_REASON
from mixpanel_pandas.text import repr_of

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

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
    "send_checked",
    "verb_and_id_of",
]

#: The project of a dry run. The token has the usual length, so that sizes are right.
NOWHERE = Project("0" * 32, url="https://dry-run.invalid")

logger: logging.Logger = logging.getLogger("mixpanel_pandas")


def send(frame: pd.DataFrame, operation: Operation, code: str = "df") -> pd.DataFrame:
    """Check `frame`, send it, and return the summary.

    While the frame is checked, and while a backup is read, Ctrl-C ends the call at once. After that it stops the upload, and the summary accounts for every
    row.

    Raises
    ------
    MixpanelError
        As `prepare`, `with_backup` and `Sending.result` raise it.
    UploadInterrupted
        After Ctrl-C, with the summary.
    """
    return _with_interrupts(lambda: with_backup(prepare(frame, operation, code)))  # rows -> layout -> checks


def send_checked(decisions: Decisions) -> pd.DataFrame:
    """Send what the checks leave of a frame, and return the summary: the second half of `send`.

    Raises
    ------
    OperationError
        If no project is named, or more profiles than `at_most` would be deleted.
    MixpanelError
        As `Sending.result` raises it.
    UploadInterrupted
        After Ctrl-C, with the summary.
    """
    return _with_interrupts(lambda: _ready(decisions, time.perf_counter()))


def _with_interrupts(make_sending: Callable[[], Sending]) -> pd.DataFrame:
    """Make what sends, and return its summary. Ctrl-C ends the call at once as long as nothing can be sent."""
    interrupts = Interrupts()
    try:
        with interrupts:
            sending = make_sending()
            interrupts.at_once = False
            summary = sending.result(interrupts)  # payloads -> batches -> deliveries -> summary
    finally:
        interrupts.restore()
    if interrupts.count:
        raise interrupted(summary)
    return summary


def prepare(frame: pd.DataFrame, operation: Operation, code: str = "df") -> Sending:
    """Check `frame`, and return what sends its rows.

    Parameters
    ----------
    code : str
        Code of the frame, for the warning that names a call.

    Raises
    ------
    ValidationError
        If the frame holds errors.
    OperationError
        If the call makes no sense on the frame, a column cannot be read, or more profiles than `at_most` would be deleted.
    BackupError
        If the call names a backup, and there can be none.
    """
    began = time.perf_counter()
    project = project_of(operation)
    _refuse_unseen_canaries(operation, project)
    refuse_without_backup(operation, project)
    decisions = _checked(frame, operation)
    raise_errors(decisions)
    _refuse_many_deletes(decisions)
    warn(decisions, code)
    return _sending(decisions, project, began)


def _checked(frame: pd.DataFrame, operation: Operation) -> Decisions:
    """Check `frame` for an operation, and whether what it removes can be kept."""
    decisions = check_frame(frame, with_known_properties(operation))  # rows -> layout -> checks
    find_missing_backup(decisions)
    return decisions


def _ready(decisions: Decisions, began: float) -> Sending:
    """Return what sends the rows of a frame that was checked before."""
    operation = decisions.layout.operation
    project = project_of(operation)
    _refuse_unseen_canaries(operation, project)
    _refuse_many_deletes(decisions)
    return _sending(decisions, project, began)


def _sending(decisions: Decisions, project: Project, began: float) -> Sending:
    """Return what sends the rows, with canaries if the call asks for them."""
    if not _has_canaries(decisions.layout.operation):
        return Sending(decisions, project, began)
    from mixpanel_pandas.pipeline.canary import ProfileCanaries

    return Sending(decisions, project, began, ProfileCanaries(decisions, project))


def _has_canaries(operation: Operation) -> bool:
    return operation.options.canary is not None and not operation.options.dry_run


def _refuse_unseen_canaries(operation: Operation, project: Project) -> None:
    """Refuse canaries that nobody could look for, before the frame is checked."""
    if _has_canaries(operation):
        from mixpanel_pandas.pipeline.canary import refuse_without_reader  # other calls read no profiles

        refuse_without_reader(operation, project)


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
            f"at_most={profiles} to delete them"
        )
        raise OperationError(msg)


def report(frame: pd.DataFrame, operation: Operation, first: int | None = 100) -> pd.DataFrame:
    """Check `frame`, and return its findings."""
    decisions = _checked(frame, operation)
    findings = make_report(decisions.frame, decisions.layout, decisions.findings, first)
    counts = {name: int(count) for name, count in findings.attrs["mixpanel"].items() if name != "creates"}
    extra = {"event": "validated", "numbers": counts}
    logger.info("validate: %s", report_in_words(findings), extra=extra)
    return findings


def payloads(frame: pd.DataFrame, operation: Operation) -> pd.Series[Any]:
    """Check `frame`, and return what would be sent for each row, without the token: a Python object per row, to look at."""
    decisions = check_frame(frame, with_known_properties(operation))
    raise_errors(decisions)
    rows = np.full(len(frame), None, dtype=object)
    for encoded in encode_slices(decisions.layout, decisions.changes):
        texts = encoded.text.to_pylist()
        lists = [f"[{text[:-1]}]" for text in texts]  # each record ends with a comma
        records = read_json(lists, huge=int).values
        for position, of_row in zip(encoded.positions, records, strict=True):
            rows[position] = of_row if len(of_row) > 1 else of_row[0]
    return pd.Series(rows, index=decisions.frame.index, name=operation.verb, dtype=object)


def inventory(frame: pd.DataFrame) -> pd.DataFrame:
    """Return what the columns of `frame` hold."""
    return take_inventory(frame.copy(deep=False))


def schema(frame: pd.DataFrame, operation: Operation) -> pandera.DataFrameSchema:
    """Return the checks for frames like `frame`."""
    from mixpanel_pandas.checking.schema import make_schema  # imports pandera, which takes about a second

    return make_schema(frame, with_known_properties(operation))


def rows_with_outcomes(frame: pd.DataFrame, summary: pd.DataFrame) -> pd.DataFrame:
    """Return the outcome of each row of `frame`."""
    summary = _of_frame(summary)
    return outcomes(summary, frame.index, _digest(frame, summary))


def verb_and_id_of(frame: pd.DataFrame, summary: pd.DataFrame) -> tuple[str, Hashable]:
    """Return the verb and the column of the ids that a summary was made with.

    Raises
    ------
    SummaryError
        If it is not a summary, or was made from a frame with another column of ids.
    """
    attributes = _attributes(summary)
    if not {"operator", "id"} <= set(attributes):
        msg = "this is not a summary of a verb, or it has lost its attrs['mixpanel']: save summaries as Parquet, not as CSV"
        raise SummaryError(msg)
    return attributes["operator"], _label(frame, attributes["id"])


def rows_to_send_again(
    frame: pd.DataFrame, summary: pd.DataFrame, outcomes: Iterable[str] | None
) -> pd.DataFrame:
    """Return the retryable rows of `frame`."""
    summary = _of_frame(summary)
    return rows_of_frame(frame, failures_mask(summary, frame.index, _digest(frame, summary), outcomes))


def _of_frame(summary: pd.DataFrame) -> pd.DataFrame:
    """Return a summary without malformed records, which are not rows of the frame."""
    if "reason" not in getattr(summary, "columns", ()):
        return summary
    is_malformed = (summary["reason"] == MALFORMED_REASON) & (summary["start"] == summary["stop"])
    return summary[~is_malformed.fillna(False)] if is_malformed.any() else summary


def _digest(frame: pd.DataFrame, summary: pd.DataFrame) -> str:
    """Return the digest of the ids of `frame`, in the column that the summary names; empty where it names none."""
    id_repr = _attributes(summary).get("id")
    return "" if id_repr is None else id_digest(layout_of_ids(frame, _label(frame, id_repr)))


def _attributes(summary: pd.DataFrame) -> dict[str, str]:
    """Return what a summary says about its call; nothing if it is no summary."""
    attributes = getattr(summary, "attrs", {}).get("mixpanel")
    return attributes if isinstance(attributes, dict) else {}


def _label(frame: pd.DataFrame, id_repr: str) -> Hashable:
    """Return the label of the column of ids that a summary names."""
    labels = labels_of(frame)
    for label in labels:
        if repr_of(label) == id_repr:
            return label
    msg = f"the summary was made from a frame with its ids in {id_repr}, which this one lacks: there are {choices(labels)}"
    raise SummaryError(msg)

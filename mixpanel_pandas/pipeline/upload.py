"""The line of any source: it is read into a frame, which is sent; malformed records and the retryable rows are accounted for."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from mixpanel_pandas.delivery.history import remember
from mixpanel_pandas.delivery.steps import summary_of_frame
from mixpanel_pandas.errors import MixpanelError, OperationError, UploadError, UploadInterrupted, choices
from mixpanel_pandas.payloads.layout import RESULT_COLUMNS
from mixpanel_pandas.pipeline.backup import refuse_without_backup
from mixpanel_pandas.pipeline.known import with_known_properties
from mixpanel_pandas.pipeline.line import project_of, rows_to_send_again, rows_with_outcomes, send
from mixpanel_pandas.process.signals import ends_the_call
from mixpanel_pandas.reading.frame import ID_NAMES, READING_OPTIONS, invalid_records, read_table
from mixpanel_pandas.reading.malformed import MALFORMED_CHECK, MALFORMED_REASON, Malformed
from mixpanel_pandas.reading.sources import local_files, source_names
from mixpanel_pandas.reading.text_columns import is_text_property
from mixpanel_pandas.reading.writing import atomic_write, refuse_output, write_table
from mixpanel_pandas.rules.code import frame_of
from mixpanel_pandas.rules.operation import operation, refuse_unknown_options
from mixpanel_pandas.rules.operators import OPERATORS
from mixpanel_pandas.rules.options import taken_by
from mixpanel_pandas.rules.outcomes import OUTCOMES
from mixpanel_pandas.text import Length, counted, quoted, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from os import PathLike

    from mixpanel_pandas.reading.frame import SourceTable
    from mixpanel_pandas.rules.operation import Operation

__all__ = [
    "failures_with_results",
    "is_used",
    "read_for",
    "take_malformed_remedy",
    "upload_source",
]

logger: logging.Logger = logging.getLogger("mixpanel_pandas")


def upload_source(
    source: Any,
    verb: str,
    id: Hashable,
    properties: Any,
    *,
    group: str | None,
    failures: str | PathLike[str] | None,
    options: Mapping[str, Any],
    send_frame: Callable[[pd.DataFrame, Operation], pd.DataFrame] | None = None,
    mirror: bool = False,
) -> pd.DataFrame:
    """Read the table of a source, send it, and return the summary. The arguments and errors are those of `mpd.upload`.

    Parameters
    ----------
    options : mapping
        Options of reading and of the verb.
    send_frame : callable, optional
        Sends the frame, and returns the summary or raises an error that carries it. By default `send`.
    mirror : bool
        Whether values that are not in the table are removed, so that no record may be left out.
    """
    options = dict(options)
    if verb in OPERATORS or verb == "update":
        taken = [*READING_OPTIONS, *(option.name for option in taken_by(verb))]
        refuse_unknown_options(verb, options, taken)
    of_reading = {name: options.pop(name) for name in READING_OPTIONS if name in options}
    code = _code_of_frame(source, {"id": id, "group": group, **options}, of_reading)
    remedy = take_malformed_remedy(options)
    asked = with_known_properties(operation(verb, id, properties, group, options))
    path = None if failures is None else Path(failures)
    if path is not None:
        refuse_output(path, local_files(source), "failures")
    refuse_without_backup(asked, project_of(asked))  # a call without a project reads nothing
    parse = dict(asked.options.parse or {})
    table, asked, malformed = read_for(asked, source, of_reading, remedy, mirror=mirror)
    frame, parse = table.as_frame(), table.parse | parse
    try:
        summary = send(frame, asked, code) if send_frame is None else send_frame(frame, asked)
    except (UploadError, UploadInterrupted) as error:
        error.summary = completed_summary(error.summary, malformed, parse)
        _keep(frame, error.summary, path)
        raise
    summary = completed_summary(summary, malformed, parse)
    _keep(frame, summary, path)
    return summary


def _code_of_frame(source: Any, options: Mapping[str, Any], of_reading: Mapping[str, Any]) -> str:
    """Return the call of `frame` that reads a source as an upload with these options does, for a warning that names it."""
    shared = {name: options.get(name) for name in ("id", "group", "na", "trim")}
    shared = {name: value for name, value in shared.items() if value not in (None, False, ())}
    return frame_of(source_names(source), {**shared, **of_reading}, Length.SENTENCE)


def _keep(frame: pd.DataFrame, summary: pd.DataFrame, failures: Path | None) -> None:
    """Let `last_summary` return a summary, and write the failures."""
    remember(summary)
    _write_failures(frame, summary, failures)


def read_for(
    asked: Operation, source: Any, of_reading: Mapping[str, Any], remedy: str, *, mirror: bool
) -> tuple[SourceTable, Operation, Malformed]:
    """Return the table of a source, the operation as it is applied to it, and the malformed records, which are left out.

    `parse` of columns that the operation sends is left to the operation, whose findings name what cannot be read. Other columns, such
    as that of the latitude, have their types when the operation begins.

    Parameters
    ----------
    of_reading : mapping
        Options of `frame`, except for those that the verbs have as well.
    remedy : str
        As `take_malformed_remedy` returns it.
    mirror : bool
        Whether values that are not in the table are removed, so that no record may be left out.

    Raises
    ------
    OperationError
        If the source cannot be read, or records are left out of a table that is mirrored.
    ValidationError
        If text of a column that is not sent cannot be read, or records are malformed and the remedy does not leave them out.
    """
    began = time.perf_counter()
    malformed = Malformed()
    options, readings = asked.options, dict(asked.options.parse or {})
    of_operation = {label: how for label, how in readings.items() if is_sent(label, asked)}
    table = read_table(
        source,
        malformed,
        id=asked.id,
        group=asked.group,
        na=options.na or (),
        trim=options.trim,
        parse={label: how for label, how in readings.items() if label not in of_operation},
        as_text=columns_of_text(asked),
        **of_reading,
    )
    if table.unread or (malformed.count and remedy != "drop_row"):
        raise invalid_records(table, malformed)
    _log_read(table, time.perf_counter() - began)
    _leave_out(malformed, mirror=mirror)
    named = {name: value for name, value in asked.named.items() if name != "parse"}
    asked = replace(asked, named=named | ({"parse": of_operation} if of_operation else {}))
    return table, asked, malformed


def _log_read(table: SourceTable, seconds: float) -> None:
    rows, columns = table.arrow.shape
    extra = {"event": "read", "numbers": {"rows": rows, "columns": columns, "seconds": round(seconds, 3)}}
    logger.info("read %s of %s", counted(rows, "row"), counted(columns, "column"), extra=extra)


def _leave_out(malformed: Malformed, *, mirror: bool) -> None:
    """Warn of malformed records that are left out. A table that is mirrored is refused: what they hold would be removed."""
    if not malformed.count:
        return
    records = counted(malformed.count, "malformed record")
    if mirror:
        msg = f"mirror=True would remove the values of the profiles of {records}: correct {malformed.words()}"
        raise OperationError(msg)
    extra = {"event": "malformed", "numbers": {"records": malformed.count}}
    logger.warning("%s left out: %s", records, malformed.words(), extra=extra)


def is_used(label: Hashable, asked: Operation) -> bool:
    """Return whether a column has a part in an operation: as one that is sent, or as one that an option names."""
    return label in _named_by_options(asked) or is_sent(label, asked)


def is_sent(label: Hashable, asked: Operation) -> bool:
    """Return whether a column becomes a property, as far as the call tells without a frame. The ids count as sent."""
    if asked.properties is None:
        return label not in _named_by_options(asked)
    return label in {*asked.properties, *ID_NAMES, asked.id, asked.group}


def _named_by_options(asked: Operation) -> tuple[Any, ...]:
    options = asked.options
    return options.ip, options.latitude, options.longitude, options.updated_at


def columns_of_text(asked: Operation) -> list[Hashable]:
    """Return the columns whose text the verb takes: those that it reads itself, and those that become properties of text."""
    rename = asked.options.rename
    renamed = rename.items() if isinstance(rename, Mapping) else ()
    return [*(asked.options.parse or ()), *(label for label, name in renamed if is_text_property(name))]


def take_malformed_remedy(options: dict[str, Any]) -> str:
    """Return what the option `invalid` says about malformed records, and take it out of a mapping: it is not a check of rows.

    Raises
    ------
    OperationError
        If a mapping names a remedy that malformed records do not have.
    """
    invalid = options.get("invalid", "raise")
    if not isinstance(invalid, Mapping):
        return str(invalid)
    remedy = invalid.get(MALFORMED_CHECK, "raise")
    if remedy not in {"raise", "drop_row"}:
        msg = f"invalid={{{MALFORMED_CHECK!r}: {remedy!r}}} is not one of {choices(['raise', 'drop_row'])}"
        raise OperationError(msg)
    options["invalid"] = {check: how for check, how in invalid.items() if check != MALFORMED_CHECK} or "raise"
    return str(remedy)


def completed_summary(summary: pd.DataFrame, malformed: Malformed, parse: Mapping[str, str]) -> pd.DataFrame:
    """Return the summary of an upload: with a row for malformed records, and with the readings.

    Parameters
    ----------
    summary : pandas.DataFrame
        As `send` returned it for the frame.
    malformed : Malformed
        The records that were left out.
    parse : mapping
        Column -> reading, as the call names them or as they were inferred.
    """
    attributes = summary.attrs
    if malformed.count:
        made_of = summary_of_frame(summary).attrs["mixpanel"]
        values = dict.fromkeys(("updates", "bytes", "requests", "attempts", "elapsed", *OUTCOMES), 0)
        values |= dict.fromkeys(("rows", "invalid"), malformed.count)
        values |= dict.fromkeys(("start", "stop"), int(made_of["rows"])) | {"step": 1}
        texts = {
            "outcome": "invalid",
            "operator": made_of["operator"],
            "reason": MALFORMED_REASON,
            "error": malformed.words(),
        }
        row = {
            name: pd.Series([(values | texts).get(name)], dtype=summary[name].dtype)
            for name in summary.columns
        }
        summary = (
            pd.concat([summary, pd.DataFrame(row)], ignore_index=True) if len(summary) else pd.DataFrame(row)
        )
    summary.attrs = dict(attributes)
    if parse:
        summary.attrs["mixpanel"] = attributes["mixpanel"] | {"parse": f"parse={parse!r}"}
    return summary


def _write_failures(frame: pd.DataFrame, summary: pd.DataFrame, path: Path | None) -> None:
    """Write the retryable rows with their outcomes.

    Raises
    ------
    UploadError
        If that fails: the upload is over, and its summary is not to be lost.
    """
    if path is None:
        return
    try:
        with atomic_write(path) as temporary:
            write_table(failures_with_results(frame, summary_of_frame(summary)), temporary)
    except Exception as error:
        if ends_the_call(error):
            raise
        reason = shortened(f"{type(error).__name__}: {error}", Length.SENTENCE)
        msg = f"the upload has ended, but failures={quoted(str(path))} was not written: {reason}"
        unwritten = UploadError(msg, summary)
        unwritten.cause_tells = not isinstance(error, MixpanelError | OSError)
        raise unwritten from error


def failures_with_results(frame: pd.DataFrame, summary: pd.DataFrame) -> pd.DataFrame:
    """Return the retryable rows of `frame` with three columns with the outcome of each: `RESULT_COLUMNS`."""
    rows = rows_to_send_again(frame, summary, None)
    results = rows_with_outcomes(frame, summary).loc[rows.index]
    excluded = summary[summary["outcome"] == "invalid"]
    checks = {
        error: str(reason).replace(" ", "_")
        for error, reason in zip(excluded["error"], excluded["reason"], strict=True)
    }
    invalid = results["outcome"] == "invalid"
    check = results["error"].map(checks).where(invalid, None)
    columns = (check.astype(object), results["outcome"].astype(str), results["error"].astype(object))
    return rows.assign(**dict(zip(RESULT_COLUMNS, columns, strict=True)))

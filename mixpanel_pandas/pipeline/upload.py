"""The line of any source: it is read into a frame, which is sent; malformed records and the retryable rows are accounted for."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from mixpanel_pandas.errors import MixpanelError, OperationError, UploadError, UploadInterrupted, choices
from mixpanel_pandas.payloads.layout import RESULT_COLUMNS
from mixpanel_pandas.pipeline.known import with_known_properties
from mixpanel_pandas.pipeline.line import project_of, rows_to_send_again, rows_with_outcomes, send
from mixpanel_pandas.process.signals import ends_the_call
from mixpanel_pandas.reading.frame import ID_NAMES, READING_OPTIONS, invalid_records, read_table
from mixpanel_pandas.reading.malformed import MALFORMED_CHECK, MALFORMED_REASON, Malformed
from mixpanel_pandas.reading.sources import local_files
from mixpanel_pandas.reading.text_columns import is_text_property
from mixpanel_pandas.reading.writing import atomic_write, refuse_output, write_table
from mixpanel_pandas.rules.operation import operation, refuse_unknown_options
from mixpanel_pandas.rules.operators import OPERATORS
from mixpanel_pandas.rules.options import taken_by
from mixpanel_pandas.rules.outcomes import OUTCOMES
from mixpanel_pandas.text import Length, counted, quoted, shortened

if TYPE_CHECKING:
    from collections.abc import Hashable
    from os import PathLike

    from mixpanel_pandas.reading.frame import SourceTable
    from mixpanel_pandas.rules.operation import Operation

__all__ = ["failures_with_results", "is_used", "read_for", "take_malformed_remedy", "upload"]

logger: logging.Logger = logging.getLogger("mixpanel_pandas")


def upload(
    source: Any,
    verb: str,
    id: Hashable = None,
    properties: Any = None,
    *,
    group: str | None = None,
    failures: str | PathLike[str] | None = None,
    **options: Any,
) -> pd.DataFrame:
    """Read the table of a source, send it with a verb, and return the summary: what became of every record.

    It is `frame` and the verb in one call. All of the source is read before anything is sent, so a source that fails on the way
    sends nothing.

    Parameters
    ----------
    source : path, list of paths, binary file, frame, or iterable of frames
        As `frame` takes it.
    verb : str
        set, set_once, add, union, append, remove, unset, delete or update.
    id : label, optional
        Column of the ids. By default ``$distinct_id`` or ``distinct_id``; for groups ``$group_id``, ``group_id`` or the column named
        like the group key.
    properties : label, list of labels or mapping, optional
        Columns to send, as the verb takes them. By default all columns that no option names.
    group : str, optional
        Write group profiles of this key instead of user profiles.
    failures : path, optional
        Where the retryable rows are written, as ``df.mixpanel.failures`` selects them: a ``.csv``, ``.jsonl`` or ``.parquet`` file with three
        more columns, ``mixpanel_check``, ``mixpanel_outcome`` and ``mixpanel_error``. When that file is uploaded these are not sent.
    **options
        Options of `frame` (infer, encoding, delimiter, header, names, decimal, format, spool) and of the verb: see `Options`. `na`
        and `trim` count while the source is read, too. With ``invalid="drop_row"``, or ``invalid={"malformed_record": "drop_row"}``,
        malformed records are left out.

    Returns
    -------
    pandas.DataFrame
        The summary, as verbs return it. Malformed records that were left out are a row of their own, with the outcome ``invalid`` and
        the reason ``malformed record``. ``attrs["mixpanel"]["parse"]`` holds the readings of a CSV file as a line to copy, such as
        ``"parse={'amount': 'number'}"``.

    Raises
    ------
    OperationError, MissingExtraError
        As `frame` raises them, or if the call makes no sense, or `failures` cannot be written. Nothing was sent.
    ValidationError
        If records are malformed, or the frame holds errors. Nothing was sent.
    UploadError, UploadInterrupted
        As the verb raises them, with the summary; also if `failures` was not written in the end.

    See Also
    --------
    frame : Read the table alone, to look at it or to change it.

    Examples
    --------
    >>> from pathlib import Path
    >>> _ = Path("users.csv").write_text("user_id,plan\\n007,pro\\n008,free\\n")
    >>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
    ...     summary = mpd.upload("users.csv", "set", "user_id")
    ...     emulator.profile("007")
    {'plan': 'pro'}
    >>> summary[["rows", "outcome"]]
       rows   outcome
    0     2  accepted
    """
    if verb in OPERATORS or verb == "update":
        taken = [*READING_OPTIONS, *(option.name for option in taken_by(verb))]
        refuse_unknown_options(verb, options, taken)
    of_reading = {name: options.pop(name) for name in READING_OPTIONS if name in options}
    remedy = take_malformed_remedy(options)
    asked = with_known_properties(operation(verb, id, properties, group, options))
    path = None if failures is None else Path(failures)
    if path is not None:
        refuse_output(path, local_files(source), "failures")
    project_of(asked)  # a call without a project reads nothing
    malformed = Malformed()
    parse = dict(asked.options.parse or {})
    table, asked = read_for(asked, source, malformed, of_reading)
    if malformed.count and remedy != "drop_row":
        raise invalid_records(table, malformed)
    if malformed.count:
        extra = {"event": "malformed", "numbers": {"records": malformed.count}}
        records = counted(malformed.count, "malformed record")
        logger.warning("upload: %s left out: %s", records, malformed.words(), extra=extra)
    frame = table.as_frame()
    parse = table.parse | parse
    try:
        summary = send(frame, asked)
    except (UploadError, UploadInterrupted) as error:
        error.summary = completed_summary(error.summary, malformed, parse)
        _write_failures(frame, error.summary, path)
        raise
    summary = completed_summary(summary, malformed, parse)
    _write_failures(frame, summary, path)
    return summary


def read_for(
    asked: Operation, source: Any, malformed: Malformed, of_reading: Mapping[str, Any]
) -> tuple[SourceTable, Operation]:
    """Return the table of a source, and the operation as it is applied to it.

    `parse` of columns that the operation sends is left to the operation, whose findings name what cannot be read. Other columns, such
    as that of the latitude, have their types when the operation begins.

    Parameters
    ----------
    malformed : Malformed
        Takes the records that are no rows.
    of_reading : mapping
        Options of `frame`, but for those that the verbs have as well.

    Raises
    ------
    OperationError
        If the source cannot be read.
    ValidationError
        If text of a column that is not sent cannot be read.
    """
    began = time.perf_counter()
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
    if table.unread:
        raise invalid_records(table, malformed)
    rows, columns = table.arrow.shape
    seconds = round(time.perf_counter() - began, 3)
    extra = {"event": "read", "numbers": {"rows": rows, "columns": columns, "seconds": seconds}}
    logger.info("read %s of %s", counted(rows, "row"), counted(columns, "column"), extra=extra)
    named = {name: value for name, value in asked.named.items() if name != "parse"}
    return table, replace(asked, named=named | ({"parse": of_operation} if of_operation else {}))


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
    """Return what the option `invalid` says about malformed records, and take it out of a mapping: it is no check of rows.

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
        made_of = attributes["mixpanel"]
        values = dict.fromkeys(("updates", "bytes", "requests", "attempts", "elapsed", *OUTCOMES), 0)
        values |= dict.fromkeys(("rows", "invalid"), malformed.count)
        values |= dict.fromkeys(("start", "stop"), int(made_of["rows"]))
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
    """Write the retryable rows, and what became of them.

    Raises
    ------
    UploadError
        If that fails: the upload is over, and its summary is not to be lost.
    """
    if path is None:
        return
    try:
        with atomic_write(path) as temporary:
            write_table(failures_with_results(frame, summary), temporary)
    except Exception as error:
        if ends_the_call(error):
            raise
        reason = shortened(f"{type(error).__name__}: {error}", Length.SENTENCE)
        msg = f"the upload is over, and failures={quoted(str(path))} was not written: {reason}"
        unwritten = UploadError(msg, summary)
        unwritten.cause_tells = not isinstance(error, MixpanelError | OSError)
        raise unwritten from error


def failures_with_results(frame: pd.DataFrame, summary: pd.DataFrame) -> pd.DataFrame:
    """Return the retryable rows of `frame` with three columns that say what became of each: `RESULT_COLUMNS`."""
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

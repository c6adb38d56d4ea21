"""`frame`: any table becomes an Arrow-backed pandas frame, which may be larger than memory.

The rows are read once, and written to a spool. Columns of a CSV file are spooled as text, while the evidence of all their values is
gathered; then those that hold something else than text are read, and written a second time.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass, field
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, TypedDict

import numpy as np
import pandas as pd
import pyarrow as pa

from mixpanel_pandas.errors import (
    ColumnNotFoundError,
    OperationError,
    ProfileWarning,
    ValidationError,
    choices,
    did_you_mean,
)
from mixpanel_pandas.payloads.arrays import LARGE_STRING
from mixpanel_pandas.payloads.memory import give_back
from mixpanel_pandas.reading.cleaning import missing_texts, read_missing, trimmed, trimmed_name
from mixpanel_pandas.reading.columns import is_text_type
from mixpanel_pandas.reading.dialect import Dialect
from mixpanel_pandas.reading.files import FORMATS
from mixpanel_pandas.reading.lists import SEPARATORS
from mixpanel_pandas.reading.malformed import Malformed
from mixpanel_pandas.reading.readings import FINDINGS, reading
from mixpanel_pandas.reading.sources import FileOptions, open_source, source_names
from mixpanel_pandas.reading.spool import coalesced, spooled
from mixpanel_pandas.reading.streams import shown_address
from mixpanel_pandas.reading.text_columns import (
    InferredTypes,
    Unread,
    inferred_columns,
    read_columns,
    stated_columns,
)
from mixpanel_pandas.text import counted, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["READING_OPTIONS", "ReadingOptions", "SourceTable", "frame", "invalid_records", "read_table"]

logger: logging.Logger = logging.getLogger("mixpanel_pandas")

#: Names of columns that can hold the ids.
ID_NAMES = ("$distinct_id", "distinct_id", "$group_id", "group_id")


class ReadingOptions(TypedDict, total=False):
    """The options of `frame` that the verbs do not have, as keywords of `upload`."""

    infer: bool
    encoding: str | None
    delimiter: str | None
    header: bool
    names: Collection[str] | None
    decimal: Literal[".", ","]
    format: Literal["csv", "tsv", "jsonl", "parquet", "arrow"] | None
    spool: str | PathLike[str] | None


#: Their names.
READING_OPTIONS = tuple(ReadingOptions.__annotations__)

#: Option of `frame` that says how the content of files is read -> its default.
_DEFAULTS: dict[str, Any] = {
    "na": [],
    "trim": False,
    "encoding": None,
    "delimiter": None,
    "header": True,
    "names": None,
    "decimal": ".",
    "format": None,
}


def frame(
    source: Any,
    *,
    id: str | None = None,
    group: str | None = None,
    parse: Mapping[str, str] | None = None,
    na: str | Collection[str] | None = (),
    trim: bool = False,
    infer: bool = True,
    invalid: Literal["raise", "drop_row"] = "raise",
    encoding: str | None = None,
    delimiter: str | None = None,
    header: bool = True,
    names: Collection[str] | None = None,
    decimal: Literal[".", ","] = ".",
    format: Literal["csv", "tsv", "jsonl", "parquet", "arrow"] | None = None,
    spool: str | PathLike[str] | None = None,
) -> pd.DataFrame:
    r"""Return the table of a source as a frame that may be larger than memory.

    The source is read once. Up to 64 MB stay in memory; a larger table is kept in a temporary file without a name, which is mapped
    into memory and disappears with the process. See "Files and streams" in the documentation.

    Parameters
    ----------
    source : path, list of paths, binary file, frame, or iterable of frames
        - A path, a folder (all its files, sorted; its folders such as ``country=NO`` become columns), a glob, an address with
          ``://`` that fsspec opens, or a list of them. The ending of the name decides whether a file is Parquet, CSV, TSV, JSON
          Lines or Arrow (Feather). Files may be compressed with gzip, bzip2 or Zstandard.
        - ``"-"`` for the standard input, or a file that is open in binary mode; both need `format`.
        - An object that exports Arrow data: a frame of Polars (eager or lazy), a relation of DuckDB, a table of PyArrow.
        - A pandas frame. Named levels of its index become columns.
        - An iterable of such frames, as ``pd.read_sql(..., chunksize=50_000)`` returns it.
    id : str, optional
        Column of the ids. It stays text, as ``$distinct_id``, ``distinct_id``, ``$group_id`` and ``group_id`` always do.
    group : str, optional
        The group key. The column with this name stays text.
    parse : mapping, optional
        Column -> the reading that converts its text, such as ``{"amount": "number:1.234,5"}``: see "Reading text" in the documentation.
    na : list of str or str, optional
        Texts that mean a missing value, or the name of a set of them: ``"common"`` or ``"pandas"``.
    trim : bool, default False
        Whether to remove outer blanks and invisible characters from names of columns and from text.
    infer : bool, default True
        Whether a column of a CSV file becomes numbers, booleans or dates if all of its values agree and nothing is lost. If False, all
        columns that are not in `parse` stay text.
    invalid : {"raise", "drop_row"}, default "raise"
        What happens to malformed records, and to rows whose text `parse` cannot convert: an error lists them, or they are left out with
        a warning.
    encoding : str, optional
        Encoding of CSV and JSON Lines, such as ``"cp1252"``. By default UTF-8, or UTF-16 if the file begins with its byte order mark.
    delimiter : str, optional
        Separator of a CSV file: one character, or comma, semicolon, tab, pipe or space. By default it is taken from the first line.
    header : bool, default True
        Whether the first record of a CSV file contains the names of the columns. If not, they are ``column_1``, ``column_2`` and so on.
    names : list of str, optional
        Names for all columns of a CSV file, in place of its own.
    decimal : {".", ","}, default "."
        The decimal mark of numbers in a CSV file.
    format : {"csv", "tsv", "jsonl", "parquet", "arrow"}, optional
        Format of the files. By default the ending of the name decides.
    spool : path, optional
        Folder of the temporary file. By default that of the environment variable ``TMPDIR``, or else ``/var/tmp``, because ``/tmp`` is
        often in memory.

    Returns
    -------
    pandas.DataFrame
        An Arrow-backed frame with a RangeIndex: the position of a row is that of its record. For a CSV file, ``attrs["parse"]`` is the
        inferred readings as code, such as ``"parse={'amount': 'number'}"``; with them and ``infer=False`` the next file is read in the
        same way. If the source is a path, a folder, a glob, an address or a list of them, ``attrs["source"]`` is the source, without
        secrets of an address, and ``attrs["source_options"]`` are the options with which its content was read. A frame keeps its attrs
        when you change it.

    Raises
    ------
    OperationError
        If the source cannot be read, or fails while it is read.
    ValidationError
        If records are malformed or text cannot be converted. The error covers the whole source. ``.report`` lists the first 100 of each
        kind, with the number of a malformed record in its file (``record``), or the row of a text (``position``).
    ColumnNotFoundError
        If there is no column `id`, or a column of `parse` does not exist.
    MissingExtraError
        If fsspec, or the library of an address's protocol, is not installed.

    Examples
    --------
    >>> from pathlib import Path
    >>> _ = Path("users.csv").write_text("user_id,plan,credits\n007,pro,12\n008,,7\n")
    >>> df = mpd.frame("users.csv", id="user_id")
    >>> df
      user_id  plan  credits
    0     007   pro       12
    1     008  <NA>        7
    >>> df.attrs["parse"]
    "parse={'credits': 'number'}"
    """
    _refuse_remedy(invalid)
    malformed = Malformed()
    content: dict[str, Any] = {
        "na": () if na is None else na,
        "trim": trim,
        "encoding": encoding,
        "delimiter": delimiter,
        "header": header,
        "names": names,
        "decimal": decimal,
        "format": format,
    }
    table = read_table(
        source, malformed, id=id, group=group, parse=parse, infer=infer, spool=spool, **content
    )
    if invalid == "raise" and (malformed.count or table.unread):
        raise invalid_records(table, malformed)
    if malformed.count:
        _warn(f"{counted(malformed.count, 'malformed record')} left out ({malformed.words()})")
    if table.unread:
        rows = table.unread_rows
        _warn(
            f"{counted(len(rows), 'row')} left out because their text cannot be read ({_first_words(table)})"
        )
        table = table.without(rows, spool)
    result = table.as_frame()
    if sources := source_names(source):
        result.attrs["source"] = sources if len(sources) > 1 else sources[0]
        result.attrs |= {"source_options": options} if (options := _not_default(content)) else {}
    return result


def _refuse_remedy(invalid: Any) -> None:
    if not isinstance(invalid, str) or invalid not in {"raise", "drop_row"}:
        msg = f"invalid={invalid!r} is not one of {choices(['raise', 'drop_row'])}"
        raise OperationError(msg)


def _not_default(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that differ from their defaults, as values that JSON has."""
    plain = {
        name: value if value is None or isinstance(value, str | bool) else list(value)
        for name, value in content.items()
    }
    return {name: value for name, value in plain.items() if value != _DEFAULTS[name]}


def _warn(counts: str) -> None:
    warnings.warn(ProfileWarning(counts, "invalid='raise'"), stacklevel=3)


@dataclass(frozen=True)
class SourceTable:
    """The table of a source.

    Attributes
    ----------
    arrow : pyarrow.Table
        Rows and columns.
    parse : dict of str to str
        Column -> reading, as the call names them or as they were inferred.
    unread : list of Unread
        Texts that are missing in the table, because no value could be made of them.
    has_header : bool
        Whether the records of the source are counted with a header.
    """

    arrow: pa.Table
    parse: dict[str, str] = field(default_factory=dict)
    unread: list[Unread] = field(default_factory=list)
    has_header: bool = False

    @property
    def unread_rows(self) -> np.ndarray:
        """The positions of the rows with a text that was not read, rising."""
        return np.unique(np.concatenate([unread.positions for unread in self.unread]))

    def without(self, rows: np.ndarray, spool: str | PathLike[str] | None) -> SourceTable:
        """Return the table without some rows."""
        keep = np.ones(self.arrow.num_rows, bool)
        keep[rows] = False

        def kept() -> Iterator[pa.RecordBatch]:
            start = 0
            for batch in self.arrow.to_batches():
                yield batch.filter(pa.array(keep[start : start + batch.num_rows]))
                start += batch.num_rows
                give_back()

        return SourceTable(spooled(kept(), spool), self.parse, [], self.has_header)

    def as_frame(self) -> pd.DataFrame:
        """Return the table as a pandas frame."""
        if self.arrow.num_columns:
            result: pd.DataFrame = self.arrow.to_pandas(types_mapper=pd.ArrowDtype)
        else:
            result = pd.DataFrame(index=pd.RangeIndex(self.arrow.num_rows))
        if self.parse:
            result.attrs["parse"] = f"parse={self.parse!r}"
        return result


def read_table(
    source: Any,
    malformed: Malformed,
    *,
    id: Hashable = None,
    group: str | None = None,
    parse: Mapping[Any, str] | None = None,
    na: str | Collection[str] | None = (),
    trim: bool = False,
    infer: bool = True,
    encoding: str | None = None,
    delimiter: str | None = None,
    header: bool = True,
    names: Collection[str] | None = None,
    decimal: str = ".",
    format: str | None = None,
    spool: str | PathLike[str] | None = None,
    as_text: Collection[Any] = (),
) -> SourceTable:
    """Return the table of a source.

    Parameters
    ----------
    source, id, group, parse, na, trim, infer, encoding, delimiter, header, names, decimal, format, spool
        As `frame` takes them.
    malformed : Malformed
        Collects the malformed records.
    as_text : collection
        Further columns whose text stays text.

    Raises
    ------
    OperationError
        As `frame` raises it, except for malformed records and text that cannot be read.
    """
    _refuse_mistakes(
        id=id,
        group=group,
        parse=parse,
        na=na,
        delimiter=delimiter,
        header=header,
        decimal=decimal,
        format=format,
        encoding=encoding,
        names=names,
    )
    names = None if names is None else tuple(names)
    missing: frozenset[str] = missing_texts(na) if na is not None and len(na) else frozenset()
    readings = {name: reading(how) for name, how in (parse or {}).items()}
    dialect = Dialect(delimiter, encoding, header, names)
    opened = open_source(
        source, FileOptions(format, dialect, None if spool is None else str(spool), malformed)
    )
    if not opened.is_text:
        of_csv = {"delimiter": delimiter, "header": not header, "names": names, "decimal": decimal == ","}
        _refuse_options_of_csv([name for name, value in of_csv.items() if value])
    stays_text = {*ID_NAMES, id, group, *as_text, *readings, *opened.stays_text}
    evidence = InferredTypes(stays_text, decimal) if opened.is_text and infer else None
    clean = _cleaning(missing, trim=trim)

    def prepared() -> Iterator[pa.RecordBatch]:
        for batch in coalesced(opened.batches):
            cleaned = clean(batch)
            if evidence is not None:
                evidence.take(cleaned)
            yield cleaned

    texts = spooled(prepared(), spool, opened.as_json)
    if not (texts.num_columns or texts.num_rows or malformed.count) and isinstance(source, str | PathLike):
        msg = f"cannot read {_named(source)}: it is empty"
        raise OperationError(msg)
    named = [(id, "id column"), *((name, "parse: column") for name in readings)]
    _refuse_unknown_columns(texts, source, malformed, named)
    inferred = evidence.types() if evidence is not None else {}
    columns = [*stated_columns(texts, readings), *inferred_columns(inferred, decimal)]
    result, unread = read_columns(texts, columns, spool)
    line = {column.name: column.reading.name for column in columns if column.reading.kind != "text"}
    if inferred_line := {name: how for name, how in line.items() if name not in readings}:
        extra = {"event": "inferred", "numbers": {"parse": inferred_line}}
        text = "frame: inferred parse=%r; pass it with infer=False to read the next file in the same way"
        logger.info(text, inferred_line, extra=extra)
    return SourceTable(result, line, unread, opened.is_text and header)


def _refuse_unknown_columns(
    texts: pa.Table, source: Any, malformed: Malformed, named: Iterable[tuple[Hashable, str]]
) -> None:
    """Raise for the first column that the call names and that is not there.

    Parameters
    ----------
    named : iterable of tuple
        Label, or None where the call names no column, and what it is, as the message begins.
    """
    unknown = [
        (label, what) for label, what in named if label is not None and label not in texts.column_names
    ]
    if not unknown:
        return
    if malformed.count and not texts.num_columns:
        msg = f"no record can be read: {malformed.words()}"
        raise OperationError(msg)
    label, what = unknown[0]
    place = _named(source).rpartition("/")[-1]
    msg = f"{what} {quoted(label)} is not in {place}: {did_you_mean(label, texts.column_names)}"
    raise ColumnNotFoundError(msg)


def _named(source: Any) -> str:
    """Return how messages call a source."""
    if isinstance(source, str | PathLike):
        return shown_address(str(source))
    return f"the {type(source).__name__}"


def _is_encoding(value: Any) -> bool:
    try:
        "".encode(value)
    except (LookupError, TypeError):
        return False
    return True


def _is_separator(value: Any) -> bool:
    return isinstance(value, str) and (value in SEPARATORS or re.fullmatch(r"[\t !#-~]", value) is not None)


def _are_names(value: Any) -> bool:
    return (
        isinstance(value, Collection)
        and not isinstance(value, str)
        and all(isinstance(name, str) and name for name in value)
        and len(set(value)) == len(value)
    )


def _are_readings(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(how, str) for how in value.values())


def _are_texts(value: Any) -> bool:
    is_collection = isinstance(value, Collection) and not isinstance(value, Mapping)
    return is_collection and all(isinstance(text, str) for text in value)


#: Option of `frame` -> whether a value makes sense, and what is wrong if it does not. None is the default of most, and always does.
_OPTION_CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "id": (lambda value: isinstance(value, Hashable), "is not the name of a column"),
    "group": (lambda value: isinstance(value, str), "is not the name of a group key"),
    "parse": (_are_readings, "must be a mapping from column to reading, such as {'amount': 'number'}"),
    "na": (
        _are_texts,
        "must be a list of texts, such as ['-', '?'], or the name of a set, such as 'common'",
    ),
    "delimiter": (
        _is_separator,
        f"must be one ASCII character, other than a quote or a line end, or one of {choices(SEPARATORS)}",
    ),
    "header": (lambda value: isinstance(value, bool | np.bool_), "must be True or False"),
    "decimal": (lambda value: isinstance(value, str) and value in {".", ","}, "is neither '.' nor ','"),
    "format": (
        lambda value: isinstance(value, str) and value in FORMATS.values(),
        f"is not one of {choices(dict.fromkeys(FORMATS.values()))}",
    ),
    "encoding": (_is_encoding, "is not known; it is a name such as 'cp1252'"),
    "names": (_are_names, "must be a list of different texts, one for each column"),
}


def _refuse_mistakes(**options: Any) -> None:
    """Raise if options make no sense, with all that is wrong with them."""
    mistakes = [
        f"{name}={quoted(options[name])} {wrong}"
        for name, (fits, wrong) in _OPTION_CHECKS.items()
        if options[name] is not None and not fits(options[name])
    ]
    if isinstance(options["na"], str) and options["na"]:
        try:
            missing_texts(options["na"])
        except OperationError as error:
            mistakes.append(str(error))
    if mistakes:
        raise OperationError("; ".join(mistakes))


def _refuse_options_of_csv(named: list[str]) -> None:
    if named:
        msg = f"{choices(named)}: these options are for CSV files, and the source is not one"
        raise OperationError(msg)


def _cleaning(missing: Collection[str], *, trim: bool) -> Callable[[pa.RecordBatch], pa.RecordBatch]:
    """Return the function that cleans the names and the text of a batch."""

    def clean(column: pa.Array) -> pa.Array:
        if not is_text_type(column.type):
            return column
        column = column.cast(LARGE_STRING)
        column = trimmed(column) if trim else column
        return read_missing(column, missing) if missing else column

    def clean_batch(batch: pa.RecordBatch) -> pa.RecordBatch:
        if not batch.num_columns or not (trim or missing):
            return batch
        names = [trimmed_name(name) if trim else name for name in batch.schema.names]
        return pa.record_batch([clean(column) for column in batch.columns], names=names)

    return clean_batch


# -- what is wrong ----------------------------------------------------------------------------------------------------


def _first_words(table: SourceTable) -> str:
    """Return what cannot be read, in words."""
    return "; ".join(
        f"{unread.message}, in {counted(len(unread.positions), 'row')}, first {quoted(unread.texts[0])} in row "
        f"{unread.positions[0]}"
        for unread in table.unread[:12]
    )


def invalid_records(table: SourceTable, malformed: Malformed) -> ValidationError:
    """Return the error that lists malformed records and texts that cannot be read."""
    parts = []
    if malformed.count:
        counting = " (the header is record 1)" if table.has_header else ""
        parts.append(f"{counted(malformed.count, 'malformed record')}: {malformed.words()}{counting}")
    if table.unread:
        parts.append(_first_words(table))
    rows = [
        {"check": "malformed_record", "record": record.number, "value": record.text, "count": malformed.count}
        | {"message": f"{record.file}: {record.message}"}
        for record in malformed.first
    ]
    for unread in table.unread:
        of_all = {"check": unread.finding, "column": unread.column, "count": len(unread.positions)}
        rows += [
            of_all | {"position": int(position), "value": text, "message": FINDINGS[unread.finding]}
            for position, text in zip(unread.positions, unread.texts, strict=False)
        ]
    report = pd.DataFrame(
        rows, columns=["check", "column", "message", "record", "position", "value", "count"]
    )
    report.insert(0, "severity", "error")
    report = report.astype({"record": "Int64", "position": "Int64"})
    msg = f"{'; '.join(parts)}; invalid='drop_row' leaves them out"
    return ValidationError(msg, report, note="The first 100 of each kind are in .report.")

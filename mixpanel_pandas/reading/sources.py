"""What a table can come from, and how it becomes record batches: a row in `SOURCES` for each kind of source."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import IO, Any
from uuid import UUID

import numpy as np
import pandas as pd
import pyarrow as pa

from mixpanel_pandas.errors import MixpanelError, OperationError, choices
from mixpanel_pandas.payloads.values import mapping_of, repeats_key
from mixpanel_pandas.process.signals import ends_the_call
from mixpanel_pandas.reading.csv import csv_batches
from mixpanel_pandas.reading.dialect import Dialect
from mixpanel_pandas.reading.files import FORMATS, SourceFile, files_of, format_of
from mixpanel_pandas.reading.json_lines import as_json, column_of_values, json_batches
from mixpanel_pandas.reading.malformed import Malformed
from mixpanel_pandas.reading.partitions import Literals, partitions
from mixpanel_pandas.reading.spool import temporary_file, temporary_folder
from mixpanel_pandas.reading.streams import open_decompressed, seekable, without_secrets
from mixpanel_pandas.text import Length, quoted, shortened

__all__ = ["SOURCES", "Opened", "local_files", "open_source", "source_names"]

#: Rows of a record batch.
ROWS = 65_536

#: What `next` returns behind the last item.
_END = object()

#: Bytes that are read from a Parquet file at once.
BUFFER_BYTES = 1 << 20


@dataclass(frozen=True)
class Opened:
    """A source that is about to be read.

    Attributes
    ----------
    batches : iterator of pyarrow.RecordBatch
        Read once.
    is_text : bool
        Whether all columns are text whose types are not known yet, as in CSV.
    stays_text : frozenset of str
        Columns of text whose types are known: the partitions that names of folders give.
    as_json : callable or None
        Makes JSON of a column whose types do not fit each other, where the source has values of several types.
    """

    batches: Iterator[pa.RecordBatch]
    is_text: bool = False
    stays_text: frozenset[str] = frozenset()
    as_json: Callable[[pa.Array], pa.Array | None] | None = None


@dataclass(frozen=True)
class FileOptions:
    """How files are read.

    Attributes
    ----------
    format : str or None
        The format of files; None: as their names say.
    dialect : Dialect
        How CSV files are written.
    spool : str or None
        Folder of temporary files.
    malformed : Malformed
        Takes the records that are no rows.
    """

    format: str | None = None
    dialect: Dialect = field(default_factory=Dialect)
    spool: str | None = None
    malformed: Malformed = field(default_factory=Malformed)


def open_source(source: Any, options: FileOptions) -> Opened:
    """Return how the table of a source is read.

    Raises
    ------
    OperationError
        If there is no way to read it.
    """
    if isinstance(source, list | tuple) and not source:
        msg = "the list of sources is empty: there is nothing to read"
        raise OperationError(msg)
    for fits, opened in SOURCES:
        if fits(source):
            return opened(source, options)
    hint = ""
    if isinstance(source, dict):
        hint = "; make a frame of a dict with pd.DataFrame(source)"
    msg = (
        f"cannot read a table from {type(source).__name__}: it must be a path, a folder, a glob, an address, a list of them, a binary "
        f"file, a frame or an Arrow table, or an iterable of frames or record batches{hint}"
    )
    raise OperationError(msg)


# -- files ------------------------------------------------------------------------------------------------------------


def source_names(source: Any) -> list[str]:
    """Return the paths and addresses that a source consists of, as they are named and without secrets.

    Other sources, such as the standard input and frames, have none.

    Examples
    --------
    >>> source_names("users/*.csv"), source_names(["s3://me:secret@bucket/users.csv"]), source_names("-")
    (['users/*.csv'], ['s3://bucket/users.csv'], [])
    """
    if not (_is_path(source) or _is_list_of_paths(source)):
        return []
    several = source if isinstance(source, list | tuple) else [source]
    return [without_secrets(os.fspath(name)) for name in several]


def local_files(source: Any) -> list[Path]:
    """Return the files of this machine that a source names."""
    if not (_is_path(source) or _is_list_of_paths(source)):
        return []
    return [Path(file.address) for file in files_of(source, "any") if "://" not in file.address]


def _is_path(source: Any) -> bool:
    return isinstance(source, str | os.PathLike) and source != "-"


def _is_list_of_paths(source: Any) -> bool:
    return isinstance(source, list | tuple) and bool(source) and all(map(_is_path, source))


def _is_open_file(source: Any) -> bool:
    return source == "-" if isinstance(source, str) else hasattr(source, "read")


def _open_files(source: Any, options: FileOptions) -> Opened:
    files = files_of(source, options.format)
    return _opened_as(
        files[0].format,
        _batches_of_files(files, options),
        {name for file in files for name in file.partition},
    )


def _open_file(source: Any, options: FileOptions) -> Opened:
    """Return how the standard input, or an open file, is read."""
    name = "the standard input" if isinstance(source, str) else getattr(source, "name", None)
    table_format = options.format
    if table_format is None and isinstance(name, str) and not isinstance(source, str):
        table_format = format_of(name)
    if table_format is None:
        msg = f"format= must say what is in {name or 'the file'}: {choices(dict.fromkeys(FORMATS.values()))}"
        raise OperationError(msg)
    file = SourceFile(name if isinstance(name, str) else "the file", table_format)
    return _opened_as(table_format, _batches_of_file(file, source, options), set())


def _opened_as(format: str, batches: Iterator[pa.RecordBatch], partitions: set[str]) -> Opened:
    return Opened(
        batches, format in {"csv", "tsv"}, frozenset(partitions), as_json if format == "jsonl" else None
    )


def _batches_of_files(files: list[SourceFile], options: FileOptions) -> Iterator[pa.RecordBatch]:
    for file in files:
        for batch in _batches_of_file(file, file.address, options):
            yield _with_partition(batch, file)


def _batches_of_file(file: SourceFile, source: Any, options: FileOptions) -> Iterator[pa.RecordBatch]:
    with _reading(file), open_decompressed(source) as stream:
        yield from READERS[file.format](stream, file.name, options)


def _with_partition(batch: pa.RecordBatch, file: SourceFile) -> pa.RecordBatch:
    """Return a batch with the columns that names of folders give; the file's own columns of these names win."""
    columns = {name: text for name, text in file.partition.items() if name not in batch.schema.names}
    if not columns:
        return batch
    added = [pa.array([text] * batch.num_rows, pa.large_string()) for text in columns.values()]
    return pa.record_batch([*batch.columns, *added], names=[*batch.schema.names, *columns])


@contextmanager
def _reading(file: SourceFile) -> Iterator[None]:
    """Turn what readers and file systems raise into an error that names the file."""
    try:
        yield
    except MixpanelError:
        raise
    except (OSError, UnicodeError, EOFError, pa.ArrowException) as error:
        what = str(error).replace(file.address, file.name)
        msg = f"cannot read {file.name}: {shortened(what, Length.SENTENCE)}"
        raise OperationError(msg) from error


def _read_csv(stream: IO[bytes], name: str, options: FileOptions) -> Iterator[pa.RecordBatch]:
    return csv_batches(stream, name, options.dialect, options.malformed)


def _read_tsv(stream: IO[bytes], name: str, options: FileOptions) -> Iterator[pa.RecordBatch]:
    dialect = options.dialect
    tabs = Dialect(dialect.delimiter or "\t", dialect.encoding, dialect.header, dialect.names)
    return csv_batches(stream, name, tabs, options.malformed)


def _read_json_lines(stream: IO[bytes], name: str, options: FileOptions) -> Iterator[pa.RecordBatch]:
    return json_batches(stream, name, options.malformed, options.dialect.encoding)


def _read_parquet(stream: IO[bytes], _name: str, options: FileOptions) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a Parquet file. Read in this way it takes a quarter of the memory that `pyarrow.dataset` takes."""
    from pyarrow import parquet

    with _seekable(stream, options) as seekable_stream:
        file = parquet.ParquetFile(
            seekable_stream,
            buffer_size=BUFFER_BYTES,
            pre_buffer=False,
            coerce_int96_timestamp_unit="us",  # nanoseconds turn dates before 1677 and after 2262 into others
        )
        nameless = _nameless_index(file.schema_arrow)
        columns = [place for place, name in enumerate(file.schema_arrow.names) if name not in nameless]
        yield _no_rows(file.schema_arrow).select(columns)
        for batch in file.iter_batches(ROWS, use_threads=False):
            yield batch.select(columns)


def _no_rows(schema: pa.Schema) -> pa.RecordBatch:
    """Return a batch without rows: a table has its columns even if there are no rows."""
    return pa.record_batch([pa.nulls(0, held) for held in schema.types], names=schema.names)


def _nameless_index(schema: pa.Schema) -> set[str]:
    """Return the columns in which pandas keeps an index that has no name."""
    metadata = json.loads((schema.metadata or {}).get(b"pandas", b"{}"))
    return {
        name
        for name in metadata.get("index_columns", [])
        if isinstance(name, str) and re.fullmatch(r"__index_level_\d+__", name)
    }


def _read_arrow(stream: IO[bytes], name: str, options: FileOptions) -> Iterator[pa.RecordBatch]:
    """Yield the rows of an Arrow file, or of an Arrow stream. The file is not mapped: whoever shortens it would end the process."""
    with _seekable(stream, options) as seekable_stream:
        start = seekable_stream.read(6)
        seekable_stream.seek(0)
        if start.startswith(b"FEA1"):
            msg = f"{name} is a Feather file of version 1: write it anew with pyarrow.feather.write_feather"
            raise OperationError(msg)
        if start != b"ARROW1":
            with pa.ipc.open_stream(seekable_stream) as stream_reader:
                yield _no_rows(stream_reader.schema)
                yield from stream_reader
            return
        with pa.ipc.open_file(pa.PythonFile(seekable_stream, mode="r")) as reader:
            yield _no_rows(reader.schema)
            for number in range(reader.num_record_batches):
                yield from _cut(reader.get_batch(number))


def _seekable(stream: IO[bytes], options: FileOptions) -> IO[bytes]:
    return seekable(stream, lambda: temporary_file(options.spool or temporary_folder()))


def _cut(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Yield a batch in pieces of at most `ROWS` rows; one of no rows as it is."""
    for start in range(0, max(batch.num_rows, 1), ROWS):
        yield batch.slice(start, ROWS)


#: Format of a file -> its reader, which takes the stream, the name for messages, and how to read.
READERS: dict[str, Callable[[IO[bytes], str, FileOptions], Iterator[pa.RecordBatch]]] = {
    "csv": _read_csv,
    "tsv": _read_tsv,
    "jsonl": _read_json_lines,
    "parquet": _read_parquet,
    "arrow": _read_arrow,
}


# -- frames and streams -----------------------------------------------------------------------------------------------


def _open_iterable(source: Iterable[Any], _options: FileOptions) -> Opened:
    return Opened(_batches_of_iterable(source))


def _batches_of_iterable(source: Iterable[Any]) -> Iterator[pa.RecordBatch]:
    """Yield the rows of frames, tables or batches, one after the other."""
    for one in _items_of(source):
        batches = next((batches for fits, batches in TABLES if fits(one)), None)
        if batches is None:
            hint = "; make a frame of dicts with pd.DataFrame(records)" if isinstance(one, dict) else ""
            msg = f"cannot read a table from items of type {type(one).__name__}: they must be frames or record batches{hint}"
            raise OperationError(msg)
        yield from batches(one)


def _items_of(source: Iterable[Any]) -> Iterator[Any]:
    """Yield the items of an iterable of the user or of another library, which may fail."""
    iterator = iter(source)
    while True:
        with _calling_source():
            one = next(iterator, _END)
        if one is _END:
            return
        yield one


@contextmanager
def _calling_source() -> Iterator[None]:
    """Turn what a source raises while it is read into an error; nothing was sent then."""
    try:
        yield
    except MixpanelError:
        raise
    except Exception as error:
        if ends_the_call(error):
            raise
        what = shortened(f"{type(error).__name__}: {error}", Length.SENTENCE)
        hint = "; cast integers of 128 bits to Int64 or to text" if "_pl" in what and "128" in what else ""
        failed = OperationError(
            f"the source failed while it was read, so nothing of it is used: {what}{hint}"
        )
        failed.cause_tells = True
        raise failed from error


def _has_stream(source: Any) -> bool:
    return hasattr(source, "__arrow_c_stream__")


def _has_array(source: Any) -> bool:
    return hasattr(source, "__arrow_c_array__")


def _batches_of_stream(source: Any) -> Iterator[pa.RecordBatch]:
    """Yield the rows of what hands out Arrow's stream, such as a Polars frame, a DuckDB relation or an Arrow table."""
    _refuse_wide_integers(source)
    with _calling_source():
        reader = pa.RecordBatchReader.from_stream(source)
    yield _no_rows(reader.schema)
    while True:
        with _calling_source():
            batch = next(reader, None)
        if batch is None:
            return
        yield from _cut(batch)


def _refuse_wide_integers(source: Any) -> None:
    """Raise for the integers of Polars that Arrow has no type for."""
    if not _is_of("polars", source):
        return
    wide = [name for name, dtype in source.schema.items() if str(dtype) in {"Int128", "UInt128"}]
    if wide:
        msg = f"columns {choices(wide)} hold integers of 128 bits, which Arrow has not: cast them to pl.Int64 or pl.String"
        raise OperationError(msg)


def _batches_of_array(source: Any) -> Iterator[pa.RecordBatch]:
    with _calling_source():
        batch = pa.record_batch(source)
    yield from _cut(batch)


def _is_lazy(source: Any) -> bool:
    return hasattr(source, "collect_batches")


def _batches_of_lazy(source: Any) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a Polars LazyFrame, which is computed piece by piece."""
    with _calling_source():
        pieces = source.collect_batches(maintain_order=True)
    return _batches_of_iterable(pieces)


def _is_of(library: str, source: Any) -> bool:
    """Return whether a value is of a class of a library, which need not be installed."""
    return type(source).__module__.partition(".")[0] == library


def _is_dask(source: Any) -> bool:
    return _is_of("dask", source) and hasattr(source, "to_delayed")


def _batches_of_dask(source: Any) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a Dask frame, whose partitions the cluster computes while they are read."""
    literals = Literals()
    for partition in _items_of(partitions(source)):
        literals.add(partition)
        yield from _batches_of_pandas(partition)
    literals.refuse()


def _is_ray(source: Any) -> bool:
    return _is_of("ray", source) and hasattr(source, "iter_batches")


def _batches_of_ray(source: Any) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a dataset of Ray, whose blocks the cluster computes while they are read."""
    with _calling_source():
        batches = source.iter_batches(batch_format="pyarrow", batch_size=ROWS)
    return _batches_of_iterable(batches)


def _is_pandas(source: Any) -> bool:
    return isinstance(source, pd.DataFrame)


def _batches_of_pandas(frame: pd.DataFrame) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a pandas frame. Levels of the index that have a name become columns."""
    if frame.columns.nlevels > 1:
        msg = "the columns are a MultiIndex: flatten them first, as df.columns = ['_'.join(map(str, names)) for names in df.columns]"
        raise OperationError(msg)
    names = [name for name in frame.index.names if name is not None]
    if shared := [name for name in names if name in frame.columns]:
        msg = f"levels of the index have the names of columns ({choices(shared)}): rename or drop them"
        raise OperationError(msg)
    if names:
        frame = frame.reset_index(names)
    labels = ["" if _is_missing(label) else str(label) for label in frame.columns]
    for start in range(0, max(len(frame), 1), ROWS):
        piece = frame.iloc[start : start + ROWS]
        columns = [_of_pandas(label, piece.iloc(axis=1)[place]) for place, label in enumerate(labels)]
        yield pa.record_batch(columns, names=labels)


def _of_pandas(name: str, column: pd.Series[Any]) -> pa.Array:
    """Return a column of pandas as Arrow's; objects and values of several types as JSON."""
    if isinstance(column.dtype, pd.SparseDtype):
        column = pd.Series(column.to_numpy(), index=column.index)
    try:
        if column.dtype == object and _has_objects(column):
            return column_of_values([None if _is_missing(value) else _plain_value(value) for value in column])
        array = pa.array(column, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError, UnicodeError) as error:
        what = shortened(error, Length.SENTENCE)
        msg = f"column {quoted(name)} cannot be kept by Arrow ({what}): use df.mixpanel on the frame itself, or convert the column"
        raise OperationError(msg) from error
    if isinstance(array, pa.ChunkedArray):
        return array.combine_chunks()
    return pa.concat_arrays([array])  # a copy: the user may change the frame in place


def _has_objects(column: pd.Series[Any]) -> bool:
    types = {type(value) for value in column if not _is_missing(value)}
    objects = (Mapping, list, tuple, np.ndarray, pd.Series)
    return len(types) > 1 or int in types or any(issubclass(kind, objects) for kind in types)


def _is_missing(value: Any) -> bool:
    return (
        value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and np.isnan(value))
    )


def _plain_value(value: Any) -> Any:
    """Return a value as JSON knows it.

    Raises
    ------
    ValueError
        If it is or holds what JSON does not know: an infinite number, a key that is no text, a date.
    """
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if (members := mapping_of(value)) is not None:
        odd = [key for key in members if not isinstance(key, str)]
        if odd or repeats_key(value):
            what = f"the key {odd[0]!r}, which is no text" if odd else "a key twice"
            msg = f"an object has {what}"
            raise ValueError(msg)
        return {key: _plain_value(item) for key, item in members.items()}
    if isinstance(value, list | tuple):
        return [_plain_value(item) for item in value]
    if isinstance(value, float) and np.isinf(value):
        msg = "JSON knows no infinite numbers"
        raise ValueError(msg)
    if _is_missing(value):
        return None
    if not isinstance(value, str | int | float | Decimal | UUID):
        msg = f"JSON knows no values of the type {type(value).__name__}"
        raise ValueError(msg)  # noqa: TRY004 (as the other values that JSON does not know)
    return value


def _opened(batches: Callable[[Any], Iterator[pa.RecordBatch]], source: Any, _options: FileOptions) -> Opened:
    return Opened(batches(source), as_json=as_json if _is_pandas(source) or _is_dask(source) else None)


#: Whether a value is a table in memory, or a lazy one -> its batches. An iterable may hold these.
TABLES: tuple[tuple[Callable[[Any], bool], Callable[[Any], Iterator[pa.RecordBatch]]], ...] = (
    (_is_pandas, _batches_of_pandas),
    (_is_lazy, _batches_of_lazy),
    (_is_dask, _batches_of_dask),
    (_is_ray, _batches_of_ray),
    (_has_stream, _batches_of_stream),
    (_has_array, _batches_of_array),
)

#: Whether a value is a source of this kind -> what opens it. The first row that fits decides.
SOURCES: tuple[tuple[Callable[[Any], bool], Callable[[Any, FileOptions], Opened]], ...] = (
    (_is_path, _open_files),
    (_is_list_of_paths, _open_files),
    *((fits, partial(_opened, batches)) for fits, batches in TABLES),
    (_is_open_file, _open_file),  # after frames, which may have a column of the name read
    (
        lambda source: isinstance(source, Iterable) and not isinstance(source, str | bytes | dict),
        _open_iterable,
    ),
)

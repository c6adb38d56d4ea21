"""What a table can come from, and how it becomes record batches: a row in `SOURCES` for each kind of source."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from mixpanel_pandas.errors import MixpanelError, OperationError, choices
from mixpanel_pandas.payloads.arrays import LARGE_STRING
from mixpanel_pandas.process.signals import ends_the_call
from mixpanel_pandas.reading.csv import csv_batches
from mixpanel_pandas.reading.dialect import Dialect
from mixpanel_pandas.reading.files import FORMATS, SourceFile, files_of, format_of
from mixpanel_pandas.reading.json_lines import as_json, json_batches
from mixpanel_pandas.reading.malformed import Malformed
from mixpanel_pandas.reading.spool import temporary_file, temporary_folder
from mixpanel_pandas.reading.streams import open_decompressed, reading_error, seekable, without_secrets
from mixpanel_pandas.reading.tables import (
    ROWS_PER_BATCH,
    TABLES,
    TableKind,
    batches_of_iterable,
    in_batches,
    no_rows,
)

__all__ = ["SOURCES", "Opened", "local_files", "open_source", "source_names"]

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
        Collects the malformed records.
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
    path = getattr(source, "name", None)  # a number, where the file was opened by its descriptor
    table_format = options.format
    if table_format is None and isinstance(path, str):
        table_format = format_of(path)
    name = path if isinstance(path, str) else "the file"
    if source == "-":
        name = "the standard input"
    if table_format is None:
        msg = f"name the format of {name} with format=: {choices(dict.fromkeys(FORMATS.values()))}"
        raise OperationError(msg)
    file = SourceFile(name, table_format)
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
    added = [pa.repeat(pa.scalar(text, LARGE_STRING), batch.num_rows) for text in columns.values()]
    return pa.record_batch([*batch.columns, *added], names=[*batch.schema.names, *columns])


@contextmanager
def _reading(file: SourceFile) -> Iterator[None]:
    """Turn what readers and file systems raise into an error that names the file."""
    try:
        yield
    except MixpanelError:
        raise
    except Exception as error:
        is_of_file = isinstance(error, OSError | UnicodeError | EOFError | pa.ArrowException)
        # libraries of file systems have classes of their own; a bug of ours is of a built-in class
        is_of_library = "://" in file.address and type(error).__module__ != "builtins"
        if ends_the_call(error) or not (is_of_file or is_of_library):
            raise
        failed = reading_error(file.address, error)
        raise failed from failed.__cause__


def _read_csv(stream: IO[bytes], name: str, options: FileOptions) -> Iterator[pa.RecordBatch]:
    return csv_batches(stream, name, options.dialect, options.malformed)


def _read_tsv(stream: IO[bytes], name: str, options: FileOptions) -> Iterator[pa.RecordBatch]:
    dialect = replace(options.dialect, delimiter=options.dialect.delimiter or "\t")
    return csv_batches(stream, name, dialect, options.malformed)


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
        yield no_rows(file.schema_arrow).select(columns)
        for batch in file.iter_batches(ROWS_PER_BATCH, use_threads=False):
            yield batch.select(columns)


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
            msg = f"{name} is a Feather file of version 1: rewrite it with pyarrow.feather.write_feather"
            raise OperationError(msg)
        if start != b"ARROW1":
            with pa.ipc.open_stream(seekable_stream) as stream_reader:
                yield no_rows(stream_reader.schema)
                yield from stream_reader
            return
        with pa.ipc.open_file(pa.PythonFile(seekable_stream, mode="r")) as reader:
            yield no_rows(reader.schema)
            for number in range(reader.num_record_batches):
                yield from in_batches(reader.get_batch(number))


def _seekable(stream: IO[bytes], options: FileOptions) -> IO[bytes]:
    return seekable(stream, lambda: temporary_file(options.spool or temporary_folder()))


#: Format of a file -> its reader, which takes the stream, the name for messages, and how to read.
READERS: dict[str, Callable[[IO[bytes], str, FileOptions], Iterator[pa.RecordBatch]]] = {
    "csv": _read_csv,
    "tsv": _read_tsv,
    "jsonl": _read_json_lines,
    "parquet": _read_parquet,
    "arrow": _read_arrow,
}


# -- kinds of sources -------------------------------------------------------------------------------------------------


def _open_table(kind: TableKind, source: Any, _options: FileOptions) -> Opened:
    return Opened(kind.batches(source), as_json=as_json if kind.has_objects else None)


def _is_iterable(source: Any) -> bool:
    return isinstance(source, Iterable) and not isinstance(source, str | bytes | dict)


def _open_iterable(source: Iterable[Any], _options: FileOptions) -> Opened:
    return Opened(batches_of_iterable(source))


#: Whether a value is a source of this kind -> what opens it. The first row that fits decides.
SOURCES: tuple[tuple[Callable[[Any], bool], Callable[[Any, FileOptions], Opened]], ...] = (
    (_is_path, _open_files),
    (_is_list_of_paths, _open_files),
    *((kind.fits, partial(_open_table, kind)) for kind in TABLES),
    (_is_open_file, _open_file),  # after frames, which may have a column of the name read
    (_is_iterable, _open_iterable),
)

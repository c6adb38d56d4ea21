"""Record batches become one table whose memory is a temporary file, so that a frame may be larger than memory.

The file has no name, is mapped, and goes away with the process. Up to 64 MB stay in memory. The columns and types of batches may
change on the way: each change begins a new part, and in the end all parts get the types of the last one, by casts that lose nothing.
"""

from __future__ import annotations

import errno
import mmap
import os
import tempfile
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.errors import OperationError, choices
from mixpanel_pandas.payloads.arrays import LARGE_STRING
from mixpanel_pandas.payloads.json_text import JSON
from mixpanel_pandas.payloads.memory import give_back, keep_mapped
from mixpanel_pandas.text import Length, quoted, size_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from os import PathLike

__all__ = ["coalesced", "spooled", "temporary_file", "temporary_folder"]

#: Bytes that stay in memory: a small table makes no file.
IN_MEMORY = 64_000_000

#: Bytes and rows of the batches that are written: many small ones would cost time whenever a slice is cut, and where columns are
#: looked at one by one.
BATCH_BYTES, BATCH_ROWS = 8_000_000, 10_000

#: Integers up to this size are doubles exactly.
EXACT = 2**53

#: Types that a file holds badly -> what they become. A view brings all bytes of its buffers with each batch.
PLAIN_TYPES = {"string_view": LARGE_STRING, "binary_view": pa.large_binary()}


def temporary_folder() -> str:
    """Return where large temporary files belong: ``TMPDIR`` if it is set, else ``/var/tmp``, because ``/tmp`` is often memory."""
    if os.environ.get("TMPDIR"):
        return tempfile.gettempdir()
    return "/var/tmp" if os.access("/var/tmp", os.W_OK) else tempfile.gettempdir()


def temporary_file(folder: str) -> IO[bytes]:
    """Return a new file without a name in a folder.

    Raises
    ------
    OperationError
        If there is no such folder, or it cannot be written to.
    """
    try:
        return tempfile.TemporaryFile(dir=folder)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise
        msg = (
            f"cannot create a temporary file in {quoted(folder, Length.SENTENCE)} ({error.strerror}): name another folder with spool=, "
            "or in the environment as TMPDIR"
        )
        raise OperationError(msg) from error


def spooled(
    batches: Iterable[pa.RecordBatch],
    folder: str | PathLike[str] | None = None,
    as_json: Callable[[pa.Array], pa.Array | None] | None = None,
) -> pa.Table:
    """Return batches as one table, in their order.

    Parameters
    ----------
    batches : iterable of pyarrow.RecordBatch
        Read once. A column that a batch lacks is missing there. Numbers, texts and times of several types get the type that holds
        all of them.
    folder : path, optional
        Where the temporary file is made; by default `temporary_folder`.
    as_json : callable, optional
        Makes a column of the type `JSON` of one whose types do not fit each other, or None where JSON knows no such values. Without it
        such types are an error.

    Returns
    -------
    pyarrow.Table
        In memory if it is small, else mapped.

    Raises
    ------
    OperationError
        If two columns share a name, the types of a column do not fit each other, a type cannot be kept, or the folder cannot take
        the file.
    """
    place = str(folder or temporary_folder())
    try:
        columns = _Columns(as_json)
        spool = _Spool(place)
        for batch in coalesced(batches):
            spool.write(columns.fitted(batch))
        parts = spool.parts()
        if len(parts) < 2:
            return parts[0] if parts else pa.table({})
        whole = _Spool(place)
        for part in parts:
            for batch in part.to_batches():
                whole.write(columns.cast(batch))
                give_back()
        return whole.parts()[0]
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise
        raise _no_space(place) from error


def coalesced(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield the same rows in batches of about 8 MB, of wide tables up to 64 MB, without types that a file holds badly. Neighbours of different schemas stay apart."""
    waiting: list[pa.RecordBatch] = []
    size = rows = 0
    for batch in map(_plain, batches):
        is_full = size >= IN_MEMORY or (size >= BATCH_BYTES and rows >= BATCH_ROWS)
        if waiting and (is_full or batch.schema != waiting[0].schema):
            yield _joined(waiting)
            waiting, size, rows = [], 0, 0
        waiting.append(batch)
        size, rows = size + batch.nbytes, rows + batch.num_rows
    if waiting:
        yield _joined(waiting)


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    if len(batches) == 1:
        return batches[0]
    if not batches[0].num_columns:
        return _without_columns(sum(batch.num_rows for batch in batches))
    columns = [
        pa.concat_arrays(list(parts)) for parts in zip(*(batch.columns for batch in batches), strict=True)
    ]
    return pa.record_batch(columns, schema=batches[0].schema)


def _without_columns(rows: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_struct_array(pa.array([{}] * rows, pa.struct([])))


class _Spool:
    """Batches: in memory, then in a file.

    Parameters
    ----------
    folder : str
        Where the file is made.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._batches: list[pa.RecordBatch] = []
        self._bytes = 0
        self._file: IO[bytes] | None = None
        self._writer: Any = None
        self._schema: pa.Schema | None = None
        self._starts: list[int] = []

    def write(self, batch: pa.RecordBatch) -> None:
        """Append a batch. One of another schema than the last begins a part."""
        if self._file is not None:
            self._append(self._file, batch)
            return
        self._batches.append(batch)
        self._bytes += batch.nbytes
        if self._bytes > IN_MEMORY:
            self._file = temporary_file(self._folder)
            waiting, self._batches = self._batches, []
            for one in waiting:
                self._append(self._file, one)

    def _append(self, file: IO[bytes], batch: pa.RecordBatch) -> None:
        if self._writer is None or batch.schema != self._schema:
            self._end_part()
            self._starts.append(file.tell())
            self._schema = batch.schema
            self._writer = pa.ipc.new_stream(file, batch.schema)
        self._writer.write_batch(batch)

    def _end_part(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def parts(self) -> list[pa.Table]:
        """Return what was written, as a table for each part."""
        if self._file is None:
            parts: list[list[pa.RecordBatch]] = []
            for batch in self._batches:
                if not parts or parts[-1][0].schema != batch.schema:
                    parts.append([])
                parts[-1].append(batch)
            return [pa.Table.from_batches(part) for part in parts]
        self._end_part()
        self._file.flush()
        mapped = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        self._file.close()
        keep_mapped(mapped)
        buffer = pa.py_buffer(mapped)
        stops = [*self._starts[1:], buffer.size]
        return [
            _mapped_table(buffer.slice(start, stop - start))
            for start, stop in zip(self._starts, stops, strict=True)
        ]


def _mapped_table(buffer: pa.Buffer) -> pa.Table:
    """Return the table in a part of a mapped file. To find its batches touches pages all over the file, which are given back."""
    batches = []
    with pa.ipc.open_stream(buffer) as reader:
        for batch in reader:
            batches.append(batch)
            give_back()
    return pa.Table.from_batches(batches, reader.schema)


def _no_space(place: str) -> OperationError:
    """Return the error to raise where a folder is full."""
    try:
        status = os.statvfs(place)
        left = f" ({size_of(status.f_bavail * status.f_frsize)} left)"
    except (OSError, AttributeError):
        left = ""
    msg = (
        f"the folder {quoted(place, Length.SENTENCE)} is full{left}: rows that do not fit into memory are kept there in a temporary "
        "file; name another folder with spool=, or in the environment as TMPDIR"
    )
    return OperationError(msg)


# -- types ------------------------------------------------------------------------------------------------------------


@dataclass
class _Column:
    """What is known of a column so far.

    Attributes
    ----------
    type : pyarrow.DataType
        Of all values.
    largest : int
        Absolute size of the largest integer.
    """

    type: pa.DataType
    largest: int = 0


@dataclass
class _Columns:
    """The columns of all batches so far, in the order in which they first occur."""

    as_json: Callable[[pa.Array], pa.Array | None] | None
    held: dict[str, _Column] = field(default_factory=dict)

    def fitted(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Take in the columns of a batch, and return it with all columns so far, in their types."""
        names = batch.schema.names
        if len(set(names)) < len(names):
            twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
            msg = f"columns {choices(twice)} occur more than once: rename or drop them"
            raise OperationError(msg)
        for name, values in zip(names, batch.columns, strict=True):
            largest = _largest(values)
            column = self.held.setdefault(name, _Column(values.type, largest))
            column.largest = max(column.largest, largest)
            column.type = self._type_of_both(name, column, values.type)
        return self.cast(batch)

    def _type_of_both(self, name: str, column: _Column, type: pa.DataType) -> pa.DataType:
        together = common(column.type, type, column.largest)
        if together is not None:
            return together
        if self.as_json is None:
            raise _changed(name, column.type, type)
        return JSON

    def cast(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return a batch with all columns so far, in their types."""
        schema = pa.schema([pa.field(name, column.type) for name, column in self.held.items()])
        if batch.schema == schema or not self.held:
            return batch
        return pa.record_batch([self._cast_column(batch, field) for field in schema], schema=schema)

    def _cast_column(self, batch: pa.RecordBatch, field: pa.Field) -> pa.Array:
        number = batch.schema.get_field_index(field.name)
        values = pa.nulls(batch.num_rows) if number < 0 else batch.column(number)
        if values.type == field.type:
            return values
        if field.type == JSON:
            if values.null_count == len(values) or self.as_json is None:
                return pa.ExtensionArray.from_storage(JSON, pa.nulls(len(values), LARGE_STRING))
            as_json = self.as_json(values)
            if as_json is None:
                raise _changed(field.name, values.type, field.type)
            return as_json
        try:
            return values.cast(field.type)
        except pa.ArrowInvalid as error:
            raise _changed(field.name, values.type, field.type) from error


def _changed(name: str, before: pa.DataType, type: pa.DataType) -> OperationError:
    """Return the error to raise where the types of a column do not fit each other."""
    return OperationError(
        f"column {quoted(name)} changes its type in the source, from {before} to {type}, and no type stores the values of both exactly: "
        "give it one type, such as text"
    )


def _largest(values: pa.Array) -> int:
    """Return the absolute size of the largest integer; 0 where there is none."""
    if not pa.types.is_integer(values.type):
        return 0
    extremes = pc.min_max(values)
    return max((abs(extreme.as_py()) for extreme in extremes.values() if extreme.is_valid), default=0)


def common(one: pa.DataType, other: pa.DataType, largest: int = 0) -> pa.DataType | None:
    """Return the type that holds the values of two types without a loss; None if there is none.

    Parameters
    ----------
    largest : int
        Absolute size of the largest integer.

    Examples
    --------
    >>> common(pa.int64(), pa.float64(), 2**53), common(pa.int64(), pa.float64(), 2**53 + 1), common(pa.null(), pa.string())
    (DataType(double), None, DataType(string))
    """
    types = [one, other]
    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    if all(map(pa.types.is_integer, types)):
        return pa.int64() if largest < 2**63 else None
    if all(pa.types.is_integer(each) or pa.types.is_floating(each) for each in types):
        return pa.float64() if largest <= EXACT else None
    if all(pa.types.is_string(each) or pa.types.is_large_string(each) for each in types):
        return LARGE_STRING
    if all(map(pa.types.is_decimal, types)):
        scale = max(one.scale, other.scale)
        digits = max(each.precision - each.scale for each in types) + scale
        return pa.decimal128(digits, scale) if digits <= 38 else None
    if all(map(pa.types.is_timestamp, types)) and one.tz == other.tz:
        return pa.timestamp(max((each.unit for each in types), key=["s", "ms", "us", "ns"].index), one.tz)
    if all(pa.types.is_list(each) or pa.types.is_large_list(each) for each in types):
        # the size of integers in lists is not known
        inner = common(one.value_type, other.value_type, EXACT + 1)
        return None if inner is None else pa.large_list(inner)
    return None


def _plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch without views, dictionaries and run ends, which files hold badly or once only."""
    types = [_plain_type(field.type, field.name) for field in batch.schema]
    if types == batch.schema.types:
        return batch.replace_schema_metadata(None) if batch.num_columns else batch
    schema = pa.schema(list(map(pa.field, batch.schema.names, types)))
    columns = list(map(_converted, batch.columns, types))
    return pa.record_batch(columns, schema=schema)


def _plain_type(type: pa.DataType, name: str) -> pa.DataType:
    """Return the type that a file holds a type as."""
    if pa.types.is_dictionary(type) or pa.types.is_run_end_encoded(type):
        return _plain_type(type.value_type, name)
    if isinstance(type, pa.BaseExtensionType) and type != JSON:
        if getattr(type, "extension_name", "") == "arrow.json":
            return JSON
        msg = f"column {quoted(name)} has values of type {type}, which cannot be stored exactly: convert them to text or numbers"
        raise OperationError(msg)
    if str(type) in PLAIN_TYPES:
        return PLAIN_TYPES[str(type)]
    if str(type).startswith(("list_view", "large_list_view")):
        return pa.large_list(_plain_type(type.value_type, name))
    if pa.types.is_list(type) or pa.types.is_large_list(type):
        inner = _plain_type(type.value_type, name)
        make = pa.large_list if pa.types.is_large_list(type) else pa.list_
        return type if inner == type.value_type else make(inner)
    if pa.types.is_fixed_size_list(type):
        inner = _plain_type(type.value_type, name)
        return type if inner == type.value_type else pa.list_(inner, type.list_size)
    if pa.types.is_struct(type):
        fields = [type.field(number) for number in range(type.num_fields)]
        plain = [_plain_type(field.type, name) for field in fields]
        if all(inner == field.type for inner, field in zip(plain, fields, strict=True)):
            return type
        return pa.struct([pa.field(field.name, inner) for field, inner in zip(fields, plain, strict=True)])
    return type


def _converted(column: pa.Array, type: pa.DataType) -> pa.Array:
    """Return a column as its plain type."""
    if column.type == type:
        return column
    if pa.types.is_dictionary(column.type):
        return _converted(column.dictionary, type).take(column.indices)
    if pa.types.is_run_end_encoded(column.type):
        return _converted(pc.run_end_decode(column), type)
    if type == JSON:
        return pa.ExtensionArray.from_storage(JSON, column.storage.cast(LARGE_STRING))
    try:
        return column.cast(type)
    except pa.ArrowNotImplementedError:  # views, before version 19 of Arrow
        return pa.array(column.to_pylist(), type)

"""Tables in memory, and lazy ones (frames of any library, Arrow data, iterables of them), as record batches: a row in `TABLES` for each kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
import pandas as pd
import pyarrow as pa

from mixpanel_pandas.errors import MixpanelError, OperationError, choices
from mixpanel_pandas.payloads.values import mapping_of, repeats_key
from mixpanel_pandas.process.signals import ends_the_call
from mixpanel_pandas.reading.json_lines import column_of_values
from mixpanel_pandas.reading.partitions import Literals, partitions
from mixpanel_pandas.text import Length, quoted, shortened

__all__ = ["ROWS_PER_BATCH", "TABLES", "TableKind", "batches_of_iterable", "in_batches", "no_rows"]

#: Rows of a record batch.
ROWS_PER_BATCH = 65_536

#: What `next` returns behind the last item.
_END = object()


def no_rows(schema: pa.Schema) -> pa.RecordBatch:
    """Return a batch without rows: a table has its columns even if there are no rows."""
    return pa.record_batch([pa.nulls(0, held) for held in schema.types], names=schema.names)


def in_batches(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a batch in batches of at most `ROWS_PER_BATCH` rows; one of no rows as it is."""
    for start in range(0, max(batch.num_rows, 1), ROWS_PER_BATCH):
        yield batch.slice(start, ROWS_PER_BATCH)


def batches_of_iterable(source: Iterable[Any]) -> Iterator[pa.RecordBatch]:
    """Yield the rows of frames, tables or batches, one after the other."""
    for one in _items_of(source):
        kind = next((kind for kind in TABLES if kind.fits(one)), None)
        if kind is None:
            hint = "; make a frame of dicts with pd.DataFrame(records)" if isinstance(one, dict) else ""
            msg = f"cannot read a table from items of type {type(one).__name__}: they must be frames or record batches{hint}"
            raise OperationError(msg)
        yield from kind.batches(one)


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
            f"the source failed while it was read, so none of its rows are used: {what}{hint}"
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
    yield no_rows(reader.schema)
    while True:
        with _calling_source():
            batch = next(reader, None)
        if batch is None:
            return
        yield from in_batches(batch)


def _refuse_wide_integers(source: Any) -> None:
    """Raise for the integers of Polars that Arrow has no type for."""
    if not _is_of("polars", source):
        return
    wide = [name for name, dtype in source.schema.items() if str(dtype) in {"Int128", "UInt128"}]
    if wide:
        msg = f"columns {choices(wide)} have integers of 128 bits, which Arrow does not support: cast them to pl.Int64 or pl.String"
        raise OperationError(msg)


def _batches_of_array(source: Any) -> Iterator[pa.RecordBatch]:
    with _calling_source():
        batch = pa.record_batch(source)
    yield from in_batches(batch)


def _is_lazy(source: Any) -> bool:
    return hasattr(source, "collect_batches")


def _batches_of_lazy(source: Any) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a Polars LazyFrame, which is computed piece by piece."""
    with _calling_source():
        pieces = source.collect_batches(maintain_order=True)
    return batches_of_iterable(pieces)


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
        batches = source.iter_batches(batch_format="pyarrow", batch_size=ROWS_PER_BATCH)
    return batches_of_iterable(batches)


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
    for start in range(0, max(len(frame), 1), ROWS_PER_BATCH):
        piece = frame.iloc[start : start + ROWS_PER_BATCH]
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
        msg = f"Arrow cannot store column {quoted(name)} ({what}): use df.mixpanel on the frame itself, or convert the column"
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
        If it is or holds what JSON does not know: an infinite number, a key that is not text, a date.
    """
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if (members := mapping_of(value)) is not None:
        odd = [key for key in members if not isinstance(key, str)]
        if odd or repeats_key(value):
            what = f"the key {odd[0]!r}, which is not text" if odd else "a key twice"
            msg = f"an object has {what}"
            raise ValueError(msg)
        return {key: _plain_value(item) for key, item in members.items()}
    if isinstance(value, list | tuple):
        return [_plain_value(item) for item in value]
    if isinstance(value, float) and np.isinf(value):
        msg = "JSON has no infinite numbers"
        raise ValueError(msg)
    if _is_missing(value):
        return None
    if not isinstance(value, str | int | float | Decimal | UUID):
        msg = f"JSON has no values of type {type(value).__name__}"
        raise ValueError(msg)  # noqa: TRY004 (as the other values that JSON does not know)
    return value


class TableKind(NamedTuple):
    """A kind of table.

    Attributes
    ----------
    fits : callable
        Whether a value is such a table.
    batches : callable
        Yields its rows.
    has_objects : bool
        Whether its columns may hold values of several types, which become JSON where their types do not fit each other.
    """

    fits: Callable[[Any], bool]
    batches: Callable[[Any], Iterator[pa.RecordBatch]]
    has_objects: bool = False


#: The kinds of tables, which an iterable may hold as well. The first one that fits decides.
TABLES = (
    TableKind(_is_pandas, _batches_of_pandas, has_objects=True),
    TableKind(_is_lazy, _batches_of_lazy),
    TableKind(_is_dask, _batches_of_dask, has_objects=True),
    TableKind(_is_ray, _batches_of_ray),
    TableKind(_has_stream, _batches_of_stream),
    TableKind(_has_array, _batches_of_array),
)

"""`Source`: a column or an index level of the frame, found by its label, and its values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from mixpanel_pandas.errors import ColumnNotFoundError, did_you_mean, reading_column
from mixpanel_pandas.payloads.dtypes import Rule, rule_for
from mixpanel_pandas.payloads.memory import give_back, has_mapped
from mixpanel_pandas.text import quoted

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

__all__ = [
    "Rows",
    "Source",
    "array_of",
    "column_source",
    "find_source",
    "has_label",
    "labels_of",
    "rows_of_frame",
    "values_at",
]

#: Chunks of a column between which memory is given back.
CHUNKS_AT_ONCE = 16

#: Rows of a frame that may be in a mapped file that are looked at together.
ROWS_AT_ONCE = 100_000

#: Rows of a frame: a slice, or positions.
Rows = slice | np.ndarray


@dataclass(frozen=True)
class Source:
    """A column or an index level of the frame.

    Attributes
    ----------
    label : hashable
        Its name.
    place : int
        Number of the column, or of the index level.
    in_index : bool
        Whether it is an index level.
    rule : Rule
        How its values are read.
    values : array or pandas.Index
        The array of the column, or the whole index. It is kept because a look into a frame costs more than to read a few rows.
    """

    label: Hashable
    place: int
    in_index: bool
    rule: Rule
    values: Any = field(default=None, repr=False, compare=False)

    def at(self, rows: Rows | None = None) -> Any:
        """Return the array of some rows, by default of all. A slice is not copied.

        Raises
        ------
        OperationError
            If the column cannot be read.
        """
        with reading_column(self.label):
            some = self.values if rows is None or self._is_all(rows) else values_at(self.values, rows)
            return array_of(some.get_level_values(self.place)) if self.in_index else some

    def _is_all(self, rows: Rows) -> bool:
        """Return whether `rows` are all rows: to cut a slice costs more than to read a few values."""
        return isinstance(rows, slice) and rows == slice(0, len(self.values))


def array_of(column: Any) -> Any:
    """Return the array of a series or an index: numpy's own where it has one."""
    return column.to_numpy() if isinstance(column.dtype, np.dtype) else column.array


def values_at(values: Any, rows: Rows) -> Any:
    """Return some values of an array or an index. A slice is not copied.

    To take positions from a column in chunks, Arrow first joins all chunks, so they are taken from each chunk by itself: 300 of
    4,000,000 texts in 80 chunks then take 3 ms and no memory, where Arrow takes 50 ms and 128 MB.
    """
    if isinstance(rows, slice) or not isinstance(values, pd.arrays.ArrowExtensionArray):
        return values[rows]
    column = pa.array(values)
    if not isinstance(column, pa.ChunkedArray) or column.num_chunks < 2:
        return values[rows]
    starts = np.cumsum([0, *map(len, column.chunks)])
    order = np.argsort(rows, kind="stable")
    bounds = np.searchsorted(rows[order], starts)
    taken = []
    for number, chunk in enumerate(column.chunks):
        in_chunk = order[bounds[number] : bounds[number + 1]]
        if in_chunk.size:
            taken.append(chunk.take(pa.array(rows[in_chunk] - starts[number])))
        if number % CHUNKS_AT_ONCE == 0:  # rows that are spread take nearly all pages of a mapped column
            give_back()
    give_back()
    places = np.empty(len(rows), np.int64)
    places[order] = np.arange(len(rows))
    return pd.array(pa.chunked_array(taken, column.type).take(pa.array(places)), dtype=values.dtype)


def labels_of(frame: pd.DataFrame) -> list[Hashable]:
    """Return the labels of the columns and the names of the index levels."""
    return [*frame.columns, *(name for name in frame.index.names if name is not None)]


def has_label(frame: pd.DataFrame, label: Any) -> bool:
    """Return whether a value is the label of a column. A value that cannot be hashed is not one."""
    try:
        return label in frame.columns
    except TypeError:
        return False


def find_source(frame: pd.DataFrame, label: Hashable, what: str) -> Source:
    """Return the column of that label, or else the index level of that name.

    Parameters
    ----------
    what : str
        What the column is needed for, as the error begins.

    Raises
    ------
    ColumnNotFoundError
        If there is neither.
    OperationError
        If the column cannot be read.
    """
    if has_label(frame, label):
        place: Any = frame.columns.get_loc(label)
        return column_source(frame, label, place)
    if label is not None and label in frame.index.names:
        place = frame.index.names.index(label)
        with reading_column(label):
            level = frame.index.get_level_values(place).to_series()
            return Source(label, place, True, rule_for(level), frame.index)
    msg = f"{what} {quoted(label)} is not in the frame: {did_you_mean(label, labels_of(frame))}"
    raise ColumnNotFoundError(msg)


def column_source(frame: pd.DataFrame, label: Hashable, place: int) -> Source:
    """Return the column at a place.

    Raises
    ------
    OperationError
        If the column cannot be read.
    """
    with reading_column(label):
        series = frame.iloc(axis=1)[place]  # half the time of iloc[:, place], which counts in wide frames
        return Source(label, place, False, rule_for(series), array_of(series))


def rows_of_frame(frame: pd.DataFrame, rows: np.ndarray) -> pd.DataFrame:
    """Return some rows of a frame.

    Parameters
    ----------
    rows : numpy.ndarray
        Mask.

    Raises
    ------
    OperationError
        If pandas cannot take rows of a column.
    """
    try:
        if not has_mapped() or len(frame) <= ROWS_AT_ONCE:
            return frame[rows]
        return pd.concat(_pieces(frame, rows))
    except Exception:
        for place, label in enumerate(frame.columns):
            with reading_column(label):
                frame.iloc[:, [place]][rows]
        raise


def _pieces(frame: pd.DataFrame, rows: np.ndarray) -> Iterator[pd.DataFrame]:
    """Yield the rows of a mask, those of a part of the frame at a time, so that not all of a mapped file is in memory at once."""
    for start in range(0, len(frame), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        yield frame.iloc[part][rows[part]]
        give_back()

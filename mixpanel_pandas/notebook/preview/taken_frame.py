"""Whether a frame was changed since a shallow copy of it was taken."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from mixpanel_pandas.payloads.sources import array_of

__all__ = ["is_changed"]

#: Columns that share no memory are compared value by value, up to so many values. Larger ones are taken for unchanged.
COMPARED = 2_000_000


def is_changed(taken: pd.DataFrame, frame: pd.DataFrame) -> bool:
    """Return whether a frame has other rows, columns or values than a shallow copy that was taken of it.

    pandas copies a column before it changes it, so a column in the same memory has not changed. (Before pandas 3 it may have been
    changed in place, which the copy shows as well.)

    Examples
    --------
    >>> frame = pd.DataFrame({"plan": ["pro", "free"]})
    >>> taken = frame.copy(deep=False)
    >>> frame["seats"] = 1
    >>> is_changed(taken, frame), is_changed(taken, frame[["plan"]])
    (True, False)
    """
    if (
        taken.shape != frame.shape
        or not taken.columns.equals(frame.columns)
        or not taken.index.equals(frame.index)
    ):
        return True
    return any(not _is_same(taken.iloc[:, place], frame.iloc[:, place]) for place in range(taken.shape[1]))


def _is_same(column: pd.Series[Any], other: pd.Series[Any]) -> bool:
    if column.dtype != other.dtype:
        return False
    if _place(array_of(column)) == _place(array_of(other)):
        return True
    if len(column) > COMPARED:
        return True
    try:
        return bool(column.equals(other))
    except Exception:  # noqa: BLE001  # values may be of any class, whose comparison fails
        return False


def _place(values: Any) -> Any:
    """Return where the values of a column are in memory. Of chunks the first and the last tell: pandas adds one for values that are set."""
    if isinstance(values, np.ndarray):
        return values.__array_interface__["data"][0], values.strides
    if not isinstance(values, pd.arrays.ArrowExtensionArray):
        return object()  # equal to no other
    column = pa.array(values)
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    ends = [
        (chunk.offset, len(chunk), *(buffer.address for buffer in chunk.buffers() if buffer is not None))
        for chunk in (*chunks[:1], *chunks[-1:])
    ]
    return len(chunks), len(column), ends

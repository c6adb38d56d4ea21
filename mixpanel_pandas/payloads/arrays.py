"""Small steps on Arrow arrays and numpy masks that several modules share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

__all__ = [
    "LARGE_STRING",
    "any_item",
    "as_objects",
    "byte_counts",
    "bytes_of",
    "emptied",
    "lengths_of",
    "lists_of",
    "longest_text",
    "mask_of",
    "nulls_in",
    "offsets_of",
]

#: Arrow's type of text, with offsets of 64 bits: the text of a column may be of any size.
LARGE_STRING = pa.large_string()


def mask_of(mask: pa.Array | np.ndarray) -> np.ndarray:
    """Return a mask as a numpy mask; null is False."""
    if isinstance(mask, np.ndarray):
        return mask
    return np.asarray(mask.fill_null(False) if mask.null_count else mask, dtype=bool)


def nulls_in(array: pa.Array) -> np.ndarray:
    """Return the mask of the nulls. Most arrays know that they have none."""
    return mask_of(array.is_null()) if array.null_count else np.zeros(len(array), bool)


def emptied(array: pa.Array, rows: np.ndarray) -> pa.Array:
    """Return `array` with null in `rows`, a mask. (``if_else`` misreads slices of strings in Arrow 17.)"""
    return array.take(pa.array(np.arange(len(array)), mask=rows)) if rows.any() else array


def offsets_of(strings: pa.LargeStringArray) -> np.ndarray:
    """Return where each string begins in the buffer, and where the last one ends (int64), without a copy."""
    if not len(strings):
        return np.zeros(1, np.int64)
    return np.frombuffer(strings.buffers()[1], np.int64)[strings.offset : strings.offset + len(strings) + 1]


def bytes_of(strings: pa.LargeStringArray) -> np.ndarray:
    """Return the bytes of all strings of an array, which may be a slice, without a copy."""
    buffer, offsets = strings.buffers()[2], offsets_of(strings)
    return np.frombuffer(buffer or b"", np.uint8)[offsets[0] : offsets[-1]]


def byte_counts(strings: pa.LargeStringArray) -> np.ndarray:
    """Return how often each of the 256 bytes stands in the strings of an array."""
    return np.bincount(bytes_of(strings), minlength=256)


def longest_text(strings: pa.LargeStringArray) -> int:
    """Return the bytes of the longest string. Bytes that lie under a null count, too."""
    offsets = offsets_of(strings)
    return int((offsets[1:] - offsets[:-1]).max(initial=0))


def lengths_of(lists: pa.Array) -> np.ndarray:
    """Return how many items each list has; a missing list has none."""
    lengths = pc.list_value_length(lists)
    return np.asarray(lengths.fill_null(0) if lengths.null_count else lengths)


def lists_of(items: pa.Array, lengths: np.ndarray, missing: np.ndarray) -> pa.Array:
    """Return an array of lists from all their items, the length of each list, and the mask of missing lists."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    mask = pa.array(missing) if missing.any() else None
    return pa.LargeListArray.from_arrays(pa.array(offsets), items, mask=mask)


def any_item(items: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return the mask of the lists with an item in `items`, a mask over all items.

    Examples
    --------
    >>> any_item(np.array([False, True, False]), np.array([2, 0, 1])).tolist()
    [True, False, False]
    """
    parents = np.repeat(np.arange(len(lengths)), lengths)
    lists: np.ndarray = np.bincount(parents[items], minlength=len(lengths)) > 0
    return lists


def as_objects(values: list[Any]) -> np.ndarray:
    """Return a one-dimensional array of objects, also of lists of one length."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array

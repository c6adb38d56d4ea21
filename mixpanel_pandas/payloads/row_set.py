"""`RowSet`: some rows of a frame, in few bytes. A mask would take a byte for each row of the frame, however few rows it picks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mixpanel_pandas.payloads.sources import Rows

__all__ = ["RowSet"]

#: Bits that a position takes.
POSITION_BITS = 64


class RowSet:
    """Rising positions of rows in a frame. numpy takes it for an array of them.

    It keeps whatever takes less: the positions, 8 bytes each, or a bit for each row between the first and the last.

    Parameters
    ----------
    positions : numpy.ndarray
        Rising, none twice.

    Attributes
    ----------
    start, stop : int
        Position of the first row, and the position after the last; 0 if there are none.

    Examples
    --------
    >>> rows = RowSet(np.array([3, 4, 7]))
    >>> len(rows), list(rows), rows.within(slice(4, 9)).tolist()
    (3, [3, 4, 7], [True, False, False, True, False])
    """

    __slots__ = ("_bits", "_length", "_positions", "start", "stop")

    def __init__(self, positions: np.ndarray) -> None:
        self._length = len(positions)
        self.start = int(positions[0]) if self._length else 0
        self.stop = int(positions[-1]) + 1 if self._length else 0
        self._positions: np.ndarray = np.zeros(0, np.int64)
        self._bits: np.ndarray | None = None
        if self._length * POSITION_BITS <= self.stop - self.start:
            self._positions = np.array(positions, np.int64)
        else:
            mask = np.zeros(self.stop - self.start, bool)
            mask[positions - self.start] = True
            self._bits = np.packbits(mask)

    @classmethod
    def of_mask(cls, mask: np.ndarray) -> RowSet:
        """Return the rows that a mask over the frame picks."""
        count = int(np.count_nonzero(mask))
        if count * POSITION_BITS <= len(mask):
            return cls(np.flatnonzero(mask))
        rows = cls(np.zeros(0, np.int64))  # not by way of positions, which would take 8 bytes each
        rows.start, rows.stop = int(mask.argmax()), len(mask) - int(mask[::-1].argmax())
        rows._length, rows._bits = count, np.packbits(mask[rows.start : rows.stop])
        return rows

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[int]:
        return iter(np.asarray(self).tolist())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Return the positions."""
        positions = self._positions
        if self._bits is not None:
            positions = np.flatnonzero(self._between(self.start, self.stop)) + self.start
        return np.array(positions, dtype, copy=True) if copy else np.asarray(positions, dtype)

    def __repr__(self) -> str:
        return f"RowSet({np.asarray(self)!r})"

    def head(self, n: int) -> np.ndarray:
        """Return the first `n` positions."""
        if self._bits is None:
            return self._positions[:n]
        stop = self.start
        while stop < self.stop and np.count_nonzero(self._between(self.start, stop)) < n:
            stop = min(self.start + max(n, 2 * (stop - self.start)), self.stop)
        return np.flatnonzero(self._between(self.start, stop))[:n] + self.start

    def mask(self, length: int) -> np.ndarray:
        """Return the mask over a frame of this many rows."""
        return self.within(slice(0, length))

    def within(self, rows: Rows) -> np.ndarray:
        """Return for each of `rows`, a slice with both ends or positions, whether it is one of these."""
        if not isinstance(rows, slice):
            return self._at(rows)
        mask = np.zeros(rows.stop - rows.start, bool)
        first, stop = max(self.start, rows.start), min(self.stop, rows.stop)
        if first < stop:
            mask[first - rows.start : stop - rows.start] = self._between(first, stop)
        return mask

    def _at(self, positions: np.ndarray) -> np.ndarray:
        """Return for each of some positions whether it is one of these."""
        if self._bits is None:
            return np.isin(positions, self._positions)
        inside = (positions >= self.start) & (positions < self.stop)
        places = np.where(inside, positions - self.start, 0)
        bits = self._bits[places >> 3] >> (7 - (places & 7)).astype(np.uint8)
        is_in: np.ndarray = inside & (bits & 1).astype(bool)
        return is_in

    def _between(self, first: int, stop: int) -> np.ndarray:
        """Return for each row from `first` up to `stop`, which lie within start and stop, whether it is one of these."""
        if self._bits is not None:
            begin, skipped = divmod(first - self.start, 8)
            bits = np.unpackbits(self._bits[begin : -(-(stop - self.start) // 8)])
            return bits[skipped : skipped + stop - first].view(bool)
        mask = np.zeros(stop - first, bool)
        low, high = np.searchsorted(self._positions, [first, stop])
        mask[self._positions[low:high] - first] = True
        return mask

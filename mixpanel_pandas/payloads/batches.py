"""Payloads -> batches: neighbouring payloads that travel in one request, limited in updates and in bytes.

Each payload ends with a comma. So a request body is the text of neighbouring payloads without the last comma, in brackets. No
payload is touched again, and the size of a batch is the difference of two offsets.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa

from mixpanel_pandas.payloads.arrays import offsets_of
from mixpanel_pandas.rules.limits import LIMITS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Batch", "Payloads", "cut"]


@dataclass(frozen=True)
class Payloads:
    """What rows of a frame become, one element per row.

    Attributes
    ----------
    text : pyarrow.LargeStringArray
        The updates of each row as JSON objects, each followed by a comma.
    updates : numpy.ndarray
        Number of updates of each row (int64).
    positions : numpy.ndarray
        Position of each row in the frame (int64, ascending).
    fingerprint : bytes
        Fingerprint of the text of a whole slice, if asked for. Some rows of a slice have none.
    """

    text: pa.LargeStringArray = field(repr=False)  # it holds the token, and reports of errors show locals
    updates: np.ndarray
    positions: np.ndarray
    fingerprint: bytes = b""

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, rows: slice) -> Payloads:
        return Payloads(self.text[rows], self.updates[rows], self.positions[rows])

    def filter(self, rows: np.ndarray) -> Payloads:
        """Return the payloads of `rows`, a mask."""
        return Payloads(self.text.filter(rows), self.updates[rows], self.positions[rows])

    @cached_property
    def offsets(self) -> np.ndarray:
        """Where each payload begins in the data buffer, and where the last one ends (int64)."""
        return offsets_of(self.text)

    @property
    def nbytes(self) -> int:
        """Bytes of all payloads, commas included."""
        return int(self.offsets[-1] - self.offsets[0]) if len(self) else 0


@dataclass(frozen=True)
class Batch:
    """Neighbouring rows that travel in one request.

    Attributes
    ----------
    number : int
        Counted from 0 over the upload. Both halves of a split batch keep it.
    payloads : Payloads
        At least one row.
    """

    number: int
    payloads: Payloads

    def __len__(self) -> int:
        return len(self.payloads)

    @property
    def positions(self) -> np.ndarray:
        """Positions of the rows in the frame."""
        return self.payloads.positions

    @cached_property
    def updates(self) -> int:
        """Number of updates of all rows."""
        return int(self.payloads.updates.sum())

    @property
    def nbytes(self) -> int:
        """Size of the body in bytes."""
        return self.payloads.nbytes + 1

    def body(self) -> bytes:
        """Return the JSON array that is sent."""
        offsets = self.payloads.offsets
        text = memoryview(self.payloads.text.buffers()[2])
        return b"".join((b"[", text[offsets[0] : offsets[-1] - 1], b"]"))

    def records(self) -> list[dict[str, Any]]:
        """Return the updates as objects, in the order in which they are sent."""
        records: list[dict[str, Any]] = orjson.loads(self.body())
        return records

    def rows_of_records(self) -> np.ndarray:
        """Return the row of this batch that each update belongs to."""
        return np.repeat(np.arange(len(self)), self.payloads.updates)

    def split(self) -> tuple[Batch, Batch]:
        """Return the first and the second half of the rows."""
        middle = len(self) // 2
        return Batch(self.number, self.payloads[:middle]), Batch(self.number, self.payloads[middle:])


def cut(
    slices: Iterable[Payloads], batch_size: int, request_bytes: int = LIMITS["request_bytes"].value
) -> Iterator[Batch]:
    """Cut payloads into full batches, across the borders of slices.

    Parameters
    ----------
    slices : iterable of Payloads
        Taken one at a time, when its rows are needed.
    batch_size : int
        Most updates in a batch. A single row that makes more travels alone.
    request_bytes : int
        Every body is smaller, in bytes. A single row that is larger travels alone.

    Yields
    ------
    Batch
        In the order of the rows. A batch has room left only if it is the last, or if the next rows stand earlier in the frame.
    """
    number, rest = 0, None
    for payloads in slices:
        if rest is not None and len(payloads) and payloads.positions[0] < rest.positions[-1]:
            yield Batch(number, rest)
            number, rest = number + 1, None
        start, updates_before = 0, np.concatenate(([0], np.cumsum(payloads.updates)))
        while start < len(payloads):
            updates_left, bytes_left = batch_size, request_bytes - 2  # one for a bracket, and below the limit
            if rest is not None:
                updates_left, bytes_left = updates_left - int(rest.updates.sum()), bytes_left - rest.nbytes
            stop = start + min(
                _fitting(updates_before[start:], updates_left), _fitting(payloads.offsets[start:], bytes_left)
            )
            if rest is None:
                stop = max(stop, start + 1)  # a row of any size fits into an empty batch
            rest = payloads[start:stop] if rest is None else _joined(rest, payloads[start:stop])
            if stop < len(payloads):  # the batch is full
                yield Batch(number, rest)
                number, rest = number + 1, None
            start = stop
    if rest is not None:
        yield Batch(number, rest)


def _fitting(sums: np.ndarray, room: int) -> int:
    """Return how many of the first items together take at most `room`.

    Parameters
    ----------
    sums : numpy.ndarray
        The sum before each item, and the sum after the last.
    room : int
        Negative if there is less than none.

    Examples
    --------
    >>> _fitting(np.array([10, 14, 19, 20]), 9)
    2
    """
    return max(0, int(np.searchsorted(sums, sums[0] + room, side="right")) - 1)


def _joined(first: Payloads, second: Payloads) -> Payloads:
    return Payloads(
        pa.concat_arrays([first.text, second.text]),
        np.concatenate([first.updates, second.updates]),
        np.concatenate([first.positions, second.positions]),
    )

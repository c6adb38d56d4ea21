"""Payloads -> request bodies, cut by number of updates and by bytes.

A payload ends with a comma, so a body is the text of neighbouring payloads, less the last comma, in brackets: no
payload is touched again, and the size of a batch is the difference of two offsets.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
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
        The row's updates as JSON objects, each followed by a comma.
    updates : numpy.ndarray
        How many updates that is (int64).
    positions : numpy.ndarray
        Where the row stands in the frame (int64, rising).
    fingerprint : bytes
        Of the text of a slice as a whole, if it was asked for; parts have none.
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
        """Return only `rows`, a mask."""
        return Payloads(self.text.filter(rows), self.updates[rows], self.positions[rows])

    @property
    def offsets(self) -> np.ndarray:
        """Where each element begins in the data buffer, and where the last one ends (int64)."""
        return offsets_of(self.text)

    @property
    def nbytes(self) -> int:
        """Bytes of all elements, the commas included."""
        return int(self.offsets[-1] - self.offsets[0]) if len(self) else 0


@dataclass(frozen=True)
class Batch:
    """Neighbouring rows that travel in one request.

    Attributes
    ----------
    number : int
        Counted from 0 over the upload; the parts of a split batch keep it.
    payloads : Payloads
        At least one row.
    """

    number: int
    payloads: Payloads

    def __len__(self) -> int:
        return len(self.payloads)

    @property
    def positions(self) -> np.ndarray:
        """Where the rows stand in the frame."""
        return self.payloads.positions

    @cached_property
    def updates(self) -> int:
        """How many updates the rows make."""
        return int(self.payloads.updates.sum())

    @property
    def nbytes(self) -> int:
        """Bytes of the body."""
        return self.payloads.nbytes + 1

    def body(self) -> bytes:
        """Return the JSON array that is sent."""
        offsets = self.payloads.offsets
        data = memoryview(self.payloads.text.buffers()[2])
        return b"".join((b"[", data[offsets[0] : offsets[-1] - 1], b"]"))

    def records(self) -> list[dict[str, Any]]:
        """Return the updates as objects, in the order in which they are sent."""
        records: list[dict[str, Any]] = orjson.loads(self.body())
        return records

    def rows_of_records(self) -> np.ndarray:
        """Return for each update the row of this batch that makes it."""
        return np.repeat(np.arange(len(self)), self.payloads.updates)

    def split(self) -> tuple[Batch, Batch]:
        """Return the first and the second half of the rows."""
        middle = len(self) // 2
        return Batch(self.number, self.payloads[:middle]), Batch(self.number, self.payloads[middle:])


def cut(
    slices: Iterable[Payloads], batch_size: int, request_bytes: int = LIMITS["request_bytes"].value
) -> Iterator[Batch]:
    """Cut payloads into batches that are full, whatever slices they come in.

    Parameters
    ----------
    slices : iterable of Payloads
        Taken one at a time, when its rows are needed.
    batch_size : int
        Updates per batch; a single row that makes more travels alone.
    request_bytes : int
        The bytes of a body stay below it; a single larger row travels alone.

    Yields
    ------
    Batch
        In the order of the rows. A batch has room left only if it is the last, or the rows after it come earlier in the frame.
    """
    number, rest = 0, None
    for arrived in slices:
        if rest is not None and len(arrived) and arrived.positions[0] < rest.positions[-1]:
            yield Batch(number, rest)  # the next rows come earlier in the frame
            number, rest = number + 1, None
        start, updates, offsets = 0, np.cumsum(arrived.updates).data, arrived.offsets.data
        while start < len(arrived):
            stop = _stop(start, updates, offsets, rest, batch_size, request_bytes - 1)
            rest = arrived[start:stop] if rest is None else _joined(rest, arrived[start:stop])
            if stop < len(arrived):  # the batch is full
                yield Batch(number, rest)
                number, rest = number + 1, None
            start = stop
    if rest is not None:
        yield Batch(number, rest)


def _stop(
    start: int, updates: memoryview, offsets: memoryview, beside: Payloads | None, room: int, nbytes: int
) -> int:
    """Return up to which payload they fit into a body beside others; the first always fits into an empty body.

    Parameters
    ----------
    start : int
        The first of them.
    updates, offsets : memoryview
        Of all payloads: updates up to and with each one, and where each one begins. (numpy's `searchsorted` would release the
        interpreter's lock, and workers would wait for each other.)
    room, nbytes : int
        Updates that a body may hold, and bytes.
    """
    if beside is not None:
        room, nbytes = room - int(beside.updates.sum()), nbytes - beside.nbytes
    by_updates = bisect_right(updates, room + (updates[start - 1] if start else 0), start)
    by_bytes = bisect_left(offsets, nbytes + offsets[start], start + 1) - 1
    return max(min(by_updates, by_bytes), start + (beside is None))


def _joined(first: Payloads, second: Payloads) -> Payloads:
    return Payloads(
        pa.concat_arrays([first.text, second.text]),
        np.concatenate([first.updates, second.updates]),
        np.concatenate([first.positions, second.positions]),
    )

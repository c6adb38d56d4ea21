"""Rows of the frame -> their payloads: normalise, leave out what the checks refuse, merge, encode."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from mixpanel_pandas.errors import OperationError
from mixpanel_pandas.payloads.encoding import Property, encode
from mixpanel_pandas.payloads.envelope import MEMBERS, envelope, has_member
from mixpanel_pandas.payloads.fingerprint import fingerprint
from mixpanel_pandas.payloads.normalise import cut_strings, normalise_column
from mixpanel_pandas.payloads.prefetch import prefetch
from mixpanel_pandas.payloads.sources import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mixpanel_pandas.payloads.batches import Payloads
    from mixpanel_pandas.payloads.changes import Changes
    from mixpanel_pandas.payloads.envelope import Envelope
    from mixpanel_pandas.payloads.layout import Layout
    from mixpanel_pandas.payloads.sources import Rows

__all__ = [
    "Slice",
    "encode_merged",
    "encode_rows",
    "encode_slice",
    "encode_slices",
    "fingerprinted",
]

#: Slices after which Arrow returns unused memory to the system: without that it piles up, but to do so takes time.
TIDY = 2


class Slice(NamedTuple):
    """Payloads that are encoded in one go.

    Attributes
    ----------
    wave : int
        Rows of the next wave are sent when all of this one have their final answers.
    number : int
        The same whenever the frame is sliced in the same way.
    payloads : Payloads
        With their fingerprint.
    """

    wave: int
    number: int
    payloads: Payloads


def encode_slices(
    layout: Layout, changes: Changes, token: str | None = None, key: bytes | None = None
) -> Iterator[Payloads]:
    """Yield the payloads of the rows that are sent, a slice at a time; those of merged rows come last.

    With a `key` each slice has its fingerprint.
    """

    def tidily(numbered: tuple[int, slice]) -> Payloads:
        number, rows = numbered
        payloads = fingerprinted(encode_slice(layout, changes, rows, token), key)
        if number % TIDY == 0:
            pa.default_memory_pool().release_unused()
        return payloads

    slices = [rows for rows in layout.slices() if changes.alone(rows).any()]
    yield from prefetch(tidily, list(enumerate(slices)), threaded=layout.threaded)
    pa.default_memory_pool().release_unused()  # what the threads held for themselves
    for payloads in encode_merged(layout, changes, token):
        yield fingerprinted(payloads, key)


def fingerprinted(payloads: Payloads, key: bytes | None) -> Payloads:
    """Return a slice with its fingerprint, if there is a key."""
    return payloads if key is None else replace(payloads, fingerprint=fingerprint(payloads, key))


def encode_slice(layout: Layout, changes: Changes, rows: slice, token: str | None = None) -> Payloads:
    """Return the payloads of those rows of a slice that are sent each by itself."""
    alone = changes.alone(rows)
    positions = np.flatnonzero(alone) + rows.start
    properties = [_property(layout, number, changes, rows) for number in range(len(layout.columns))]
    around = envelope(layout, rows, token)
    if not alone.all():
        keep = pa.array(alone)
        properties, around = [column.filter(keep) for column in properties], around.filter(keep)
    return _encoded(layout, properties, around, positions)


def encode_rows(
    layout: Layout, changes: Changes, positions: np.ndarray, token: str | None = None
) -> Payloads:
    """Return the payloads of a slice's worth of rows, wherever they stand."""
    properties = [_property(layout, number, changes, positions) for number in range(len(layout.columns))]
    return _encoded(layout, properties, envelope(layout, positions, token), positions)


def encode_merged(layout: Layout, changes: Changes, token: str | None = None) -> Iterator[Payloads]:
    """Yield the payloads of the rows that are merged; one stands where the last row of its id stands.

    For each property the last value among the rows of an id counts. Where there is none, a missing value means what it means
    in a row by itself, and a value that is left out means nothing. ``$ip`` and ``$time`` are those of the last row that has
    one.
    """
    for rows, starts in changes.together.by_id(layout.rows_per_slice):
        last_rows = rows[np.append(starts[1:], len(rows)) - 1]
        latest = partial(_latest, rows, starts, layout.rows_per_slice)
        properties = [
            _property(layout, number, changes, latest(_worth(layout, number, changes)))
            for number in range(len(layout.columns))
        ]
        elsewhere = {
            name: latest(_has_member(source, name))
            for name in MEMBERS
            if isinstance(source := getattr(layout, name), Source)
        }
        around = envelope(layout, last_rows, token, elsewhere)
        yield _encoded(layout, properties, around, last_rows)


def _latest(
    rows: np.ndarray, starts: np.ndarray, most: int, worth: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Return for each id the last among the rows of the highest worth.

    Parameters
    ----------
    rows, starts : numpy.ndarray
        As `Duplicates.by_id` yields them.
    most : int
        Rows that are weighed at once.
    worth : callable
        Rows -> small numbers.
    """
    keys = np.arange(len(rows))
    for begin in range(0, len(rows), most):
        keys[begin : begin + most] += len(rows) * worth(rows[begin : begin + most])
    latest: np.ndarray = rows[np.maximum.reduceat(keys, starts) % len(rows)]
    return latest


def _worth(layout: Layout, number: int, changes: Changes) -> Callable[[np.ndarray], np.ndarray]:
    """Return what gives rows a worth by what they hold of a property: a value, a missing one, or nothing."""

    def worth(rows: np.ndarray) -> np.ndarray:
        there = ~normalise_column(layout, layout.columns[number], rows).missing
        dropped = changes.dropped[number][rows] if number in changes.dropped else False
        return np.where(dropped, 0, 1 + there)

    return worth


def _has_member(source: Source, name: str) -> Callable[[np.ndarray], np.ndarray]:
    return lambda rows: has_member(source, name, rows)


def _encoded(layout: Layout, properties: list[Property], around: Envelope, positions: np.ndarray) -> Payloads:
    payloads = encode(properties, layout.removed, layout.operation.verb == "delete", around, positions)
    if around.ids.null_count or not payloads.updates.all():
        msg = "the frame was changed during the call: rows that had an id and values have none any more"
        raise OperationError(msg)
    return payloads


def _property(layout: Layout, number: int, changes: Changes, rows: Rows) -> Property:
    """Return a property of some rows."""
    column = layout.columns[number]
    read = changes.read.get(number) if isinstance(rows, slice) else None
    values = normalise_column(layout, column, rows) if read is None else read
    if number in changes.cut and changes.cut[number][rows].any():
        values = cut_strings(values, changes.cut[number][rows])
    dropped = changes.dropped[number][rows] if number in changes.dropped else None
    return Property(column.key_text, column.operator, column.missing, values, dropped)

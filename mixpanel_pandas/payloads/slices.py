"""Rows of the frame -> their payloads: normalise, leave out what the checks refuse, merge, encode."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from mixpanel_pandas.errors import OperationError
from mixpanel_pandas.payloads.ahead import ahead
from mixpanel_pandas.payloads.encoding import Property, encode
from mixpanel_pandas.payloads.envelope import MEMBERS, envelope, has_member
from mixpanel_pandas.payloads.fingerprint import fingerprint
from mixpanel_pandas.payloads.normalise import cut_strings, normalise_column
from mixpanel_pandas.payloads.plan import Source
from mixpanel_pandas.payloads.repeats import Repeats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mixpanel_pandas.payloads.batches import Payloads
    from mixpanel_pandas.payloads.envelope import Envelope
    from mixpanel_pandas.payloads.normalise import Normalised
    from mixpanel_pandas.payloads.plan import Plan, Rows

__all__ = [
    "Changes",
    "Slice",
    "encode_merged",
    "encode_rows",
    "encode_slice",
    "encode_slices",
    "fingerprinted",
]

#: Slices after which Arrow returns unused memory to the system: without that it piles up, but to do so takes time.
TIDY = 2

_NONE = Repeats(np.zeros(0, np.int64), np.zeros(0, np.int64))


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


@dataclass
class Changes:
    """What is left out, cut or merged before a frame is sent.

    Attributes
    ----------
    left_out : numpy.ndarray
        Mask of the rows that are not sent.
    dropped, cut : dict of int to numpy.ndarray
        Number of a column of the plan -> mask of the rows whose value is left out, or cut.
    merged : Repeats
        The rows that make one update together with the others of their id, those that are left out excepted.
    read : dict of int to Normalised
        Number of a column of the plan -> its values as the check has read them, where all rows of the frame are one slice.
    """

    left_out: np.ndarray
    dropped: dict[int, np.ndarray] = field(default_factory=dict)
    cut: dict[int, np.ndarray] = field(default_factory=dict)
    merged: Repeats = _NONE
    read: dict[int, Normalised] = field(default_factory=dict, repr=False)

    @property
    def together(self) -> Repeats:
        """The rows that are sent merged."""
        return self.merged.without(self.left_out)

    @property
    def sent(self) -> int:
        """Number of rows that are sent; those that are merged count as one."""
        together = self.together
        more = np.count_nonzero(together.last() != together.positions)
        return int(np.count_nonzero(~self.left_out) - more)

    def alone(self, rows: slice) -> np.ndarray:
        """Return the mask of those rows of a slice that are sent each by itself."""
        alone: np.ndarray = ~self.left_out[rows]
        first, last = np.searchsorted(self.merged.positions, [rows.start, rows.stop])
        alone[self.merged.positions[first:last] - rows.start] = False
        return alone


def encode_slices(
    plan: Plan, changes: Changes, token: str | None = None, key: bytes | None = None
) -> Iterator[Payloads]:
    """Yield the payloads of the rows that are sent, a slice at a time; those of merged rows come last.

    With a `key` each slice has its fingerprint.
    """

    def tidily(numbered: tuple[int, slice]) -> Payloads:
        number, rows = numbered
        payloads = fingerprinted(encode_slice(plan, changes, rows, token), key)
        if number % TIDY == 0:
            pa.default_memory_pool().release_unused()
        return payloads

    slices = [rows for rows in plan.slices() if changes.alone(rows).any()]
    yield from ahead(tidily, list(enumerate(slices)), threaded=plan.threaded)
    pa.default_memory_pool().release_unused()  # what the threads held for themselves
    for payloads in encode_merged(plan, changes, token):
        yield fingerprinted(payloads, key)


def fingerprinted(payloads: Payloads, key: bytes | None) -> Payloads:
    """Return a slice with its fingerprint, if there is a key."""
    return payloads if key is None else replace(payloads, fingerprint=fingerprint(payloads, key))


def encode_slice(plan: Plan, changes: Changes, rows: slice, token: str | None = None) -> Payloads:
    """Return the payloads of those rows of a slice that are sent each by itself."""
    alone = changes.alone(rows)
    positions = np.flatnonzero(alone) + rows.start
    properties = [_property(plan, number, changes, rows) for number in range(len(plan.columns))]
    around = envelope(plan, rows, token)
    if not alone.all():
        keep = pa.array(alone)
        properties, around = [column.filter(keep) for column in properties], around.filter(keep)
    return _encoded(plan, properties, around, positions)


def encode_rows(plan: Plan, changes: Changes, positions: np.ndarray, token: str | None = None) -> Payloads:
    """Return the payloads of a slice's worth of rows, wherever they stand."""
    properties = [_property(plan, number, changes, positions) for number in range(len(plan.columns))]
    return _encoded(plan, properties, envelope(plan, positions, token), positions)


def encode_merged(plan: Plan, changes: Changes, token: str | None = None) -> Iterator[Payloads]:
    """Yield the payloads of the rows that are merged; one stands where the last row of its id stands.

    For each property the last value among the rows of an id counts. Where there is none, a missing value means what it means
    in a row by itself, and a value that is left out means nothing. ``$ip`` and ``$time`` are those of the last row that has
    one.
    """
    for rows, starts in changes.together.by_id(plan.rows_per_slice):
        last_rows = rows[np.append(starts[1:], len(rows)) - 1]
        latest = partial(_latest, rows, starts, plan.rows_per_slice)
        properties = [
            _property(plan, number, changes, latest(_worth(plan, number, changes)))
            for number in range(len(plan.columns))
        ]
        elsewhere = {
            name: latest(_has_member(source, name))
            for name in MEMBERS
            if isinstance(source := getattr(plan, name), Source)
        }
        around = envelope(plan, last_rows, token, elsewhere)
        yield _encoded(plan, properties, around, last_rows)


def _latest(
    rows: np.ndarray, starts: np.ndarray, most: int, worth: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Return for each id the last among the rows of the highest worth.

    Parameters
    ----------
    rows, starts : numpy.ndarray
        As `Repeats.by_id` yields them.
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


def _worth(plan: Plan, number: int, changes: Changes) -> Callable[[np.ndarray], np.ndarray]:
    """Return what gives rows a worth by what they hold of a property: a value, a missing one, or nothing."""

    def worth(rows: np.ndarray) -> np.ndarray:
        there = ~normalise_column(plan, plan.columns[number], rows).missing
        dropped = changes.dropped[number][rows] if number in changes.dropped else False
        return np.where(dropped, 0, 1 + there)

    return worth


def _has_member(source: Source, name: str) -> Callable[[np.ndarray], np.ndarray]:
    return lambda rows: has_member(source, name, rows)


def _encoded(plan: Plan, properties: list[Property], around: Envelope, positions: np.ndarray) -> Payloads:
    payloads = encode(properties, plan.removed, plan.operation.verb == "delete", around, positions)
    if around.ids.null_count or not payloads.updates.all():
        msg = "the frame was changed during the call: rows that had an id and values have none any more"
        raise OperationError(msg)
    return payloads


def _property(plan: Plan, number: int, changes: Changes, rows: Rows) -> Property:
    """Return a property of some rows."""
    column = plan.columns[number]
    read = changes.read.get(number) if isinstance(rows, slice) else None
    values = normalise_column(plan, column, rows) if read is None else read
    if number in changes.cut and changes.cut[number][rows].any():
        values = cut_strings(values, changes.cut[number][rows])
    dropped = changes.dropped[number][rows] if number in changes.dropped else None
    return Property(column.key_text, column.operator, column.missing, values, dropped)

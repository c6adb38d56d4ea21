"""Rows of the frame -> their payloads, slice by slice: normalise, drop what the checks refuse, merge, encode."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from mixpanel_pandas.errors import OperationError
from mixpanel_pandas.payloads.duplicates import latest
from mixpanel_pandas.payloads.encoding import Property, encode
from mixpanel_pandas.payloads.envelope import envelope, has_member, members_in_columns
from mixpanel_pandas.payloads.fingerprint import fingerprint
from mixpanel_pandas.payloads.memory import give_back
from mixpanel_pandas.payloads.normalise import cut_strings, normalise_column
from mixpanel_pandas.payloads.prefetch import prefetch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

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
    "merged_properties",
    "property_of",
]


class Slice(NamedTuple):
    """Payloads that are encoded at once.

    Attributes
    ----------
    wave : int
        Rows of the next wave are sent when all rows of this one have their final answers.
    number : int
        The same whenever the frame is sliced in the same way.
    payloads : Payloads
        With their fingerprint, if asked for.
    """

    wave: int
    number: int
    payloads: Payloads


def encode_slices(
    layout: Layout, changes: Changes, token: str | None = None, key: bytes | None = None
) -> Iterator[Payloads]:
    """Yield the payloads of the rows that are sent, a slice at a time. Those of merged rows come last.

    Parameters
    ----------
    layout, changes
        How rows become payloads, and what the checks change before.
    token : str, optional
        Project token; None where nothing is sent.
    key : bytes, optional
        Key of fingerprints; None for payloads without.
    """

    def encoded(rows: slice) -> Payloads:
        return fingerprinted(encode_slice(layout, changes, rows, token), key)

    slices = [rows for rows in layout.slices() if changes.alone(rows).any()]
    yield from prefetch(encoded, slices, threaded=layout.threaded)
    pa.default_memory_pool().release_unused()  # memory that the threads keep
    for payloads in encode_merged(layout, changes, token):
        yield fingerprinted(payloads, key)


def fingerprinted(payloads: Payloads, key: bytes | None) -> Payloads:
    """Return the payloads of a slice with their fingerprint, if there is a key."""
    return payloads if key is None else replace(payloads, fingerprint=fingerprint(payloads, key))


def encode_slice(layout: Layout, changes: Changes, rows: slice, token: str | None = None) -> Payloads:
    """Return the payloads of those rows of a slice that are sent, and not merged."""
    alone = changes.alone(rows)
    positions = np.flatnonzero(alone) + rows.start
    properties = [property_of(layout, number, changes, rows) for number in range(len(layout.columns))]
    around = envelope(layout, rows, token)
    if not alone.all():
        properties, around = [column.filter(alone) for column in properties], around.filter(alone)
    return _encoded(layout, properties, around, positions)


def encode_rows(
    layout: Layout, changes: Changes, positions: np.ndarray, token: str | None = None
) -> Payloads:
    """Return the payloads of at most a slice's worth of rows, wherever they stand."""
    properties = [property_of(layout, number, changes, positions) for number in range(len(layout.columns))]
    return _encoded(layout, properties, envelope(layout, positions, token), positions)


def encode_merged(layout: Layout, changes: Changes, token: str | None = None) -> Iterator[Payloads]:
    """Yield the payloads of merged rows.

    For each property the last row of an id that has a value decides. Where none has, the last row with a missing value does,
    with the meaning that it has in a row by itself. A dropped value decides last, and says nothing. ``$ip``, ``$time`` and the
    location are those of the last row that has one.
    """
    for rows, starts in changes.together.by_id(layout.rows_per_slice):
        last_rows = rows[np.append(starts[1:], len(rows)) - 1]
        deciding = partial(latest, rows, starts, layout.rows_per_slice)
        properties = merged_properties(layout, changes, rows, starts, range(len(layout.columns)))
        elsewhere = {name: deciding(partial(has_member, layout, name)) for name in members_in_columns(layout)}
        yield _encoded(layout, properties, envelope(layout, last_rows, token, elsewhere), last_rows)
        give_back()


def merged_properties(
    layout: Layout, changes: Changes, rows: np.ndarray, starts: np.ndarray, numbers: Iterable[int]
) -> list[Property]:
    """Return some columns of the layout as properties of merged rows, one value for each id.

    Parameters
    ----------
    rows, starts
        As `Duplicates.by_id` yields them.
    numbers : iterable of int
        Of the columns.
    """
    deciding = partial(latest, rows, starts, layout.rows_per_slice)
    return [
        property_of(layout, number, changes, deciding(_worth_of_values(layout, number, changes)))
        for number in numbers
    ]


def _worth_of_values(layout: Layout, number: int, changes: Changes) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that gives each of some rows its worth for a property: 2 for a value, 1 for a missing one, 0 for a
    dropped one.
    """

    def worth(rows: np.ndarray) -> np.ndarray:
        has_value = ~normalise_column(layout, layout.columns[number], rows).missing
        dropped = changes.dropped[number].within(rows) if number in changes.dropped else False
        return np.where(dropped, 0, 1 + has_value)

    return worth


def property_of(layout: Layout, number: int, changes: Changes, rows: Rows) -> Property:
    """Return a column of the layout as a property of some rows."""
    column = layout.columns[number]
    values = changes.read.get(number) if isinstance(rows, slice) else None
    if values is None:
        values = normalise_column(layout, column, rows)
    if number in changes.cut and (cut := changes.cut[number].within(rows)).any():
        values = cut_strings(values, cut)
    dropped = changes.dropped[number].within(rows) if number in changes.dropped else None
    return Property(column.name, column.operator, column.missing, values, dropped)


def _encoded(layout: Layout, properties: list[Property], around: Envelope, positions: np.ndarray) -> Payloads:
    deletes = layout.operation.verb == "delete"
    payloads = encode(around.head(), properties, layout.removed, deletes, positions)
    if around.ids.null_count or not payloads.updates.all():
        msg = "the frame was changed during the call: some rows have lost their id or their values"
        raise OperationError(msg)
    return payloads

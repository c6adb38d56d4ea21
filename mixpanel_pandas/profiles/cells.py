"""Rows that were checked, and what profiles hold -> cells: for each value that an operation touches what it was and what it becomes.

Cells are a table in a temporary file, one property after the other, so that a plan of many profiles does not lie in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.payloads.arrays import LARGE_STRING, emptied, mask_of, nulls_in
from mixpanel_pandas.payloads.ids import ids_of_all_rows
from mixpanel_pandas.payloads.row_set import RowSet
from mixpanel_pandas.payloads.slices import merged_properties, property_of
from mixpanel_pandas.profiles.comparing import differ
from mixpanel_pandas.profiles.effects import after_operator, operands
from mixpanel_pandas.reading.spool import spooled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mixpanel_pandas.checking.decisions import Decisions
    from mixpanel_pandas.profiles.held import HeldProfiles

__all__ = ["ALWAYS_SENT", "CELLS", "KINDS_OF_CHANGE", "PlannedRows", "by_property", "cells_of"]

#: What happens to a value. A cell without a change is sent all the same: sums and lists, and the profile itself of a delete.
KINDS_OF_CHANGE = ("new", "changed", "emptied")
NEW, CHANGED, EMPTIED = range(len(KINDS_OF_CHANGE))

#: The columns of cells. ``property`` is missing for a profile as a whole, ``operand`` where a property is removed.
CELLS = pa.schema(
    [
        ("position", pa.int64()),
        ("id", LARGE_STRING),
        ("is_found", pa.bool_()),
        ("property", LARGE_STRING),
        ("verb", LARGE_STRING),
        ("operand", LARGE_STRING),
        ("before", LARGE_STRING),
        ("after", LARGE_STRING),
        ("change", pa.int8()),
    ]
)

#: Verbs whose updates are always sent: a profile does not show whether they were applied already.
ALWAYS_SENT = frozenset({"add", "append", "remove"})

_NULL = "null"


def by_property(cells: pa.Table) -> dict[str, pa.Table]:
    """Return the cells of each property, in their order and without a copy. Cells of profiles as a whole are left out.

    Cells of a property are neighbours, so a property is a few slices of the table.

    Parameters
    ----------
    cells : pyarrow.Table
        With a column ``property``.

    Examples
    --------
    >>> cells = pa.table({"property": ["p", "p", None, "q", "p"], "n": [1, 2, 3, 4, 5]})
    >>> {name: of_name["n"].to_pylist() for name, of_name in by_property(cells).items()}
    {'p': [1, 2, 5], 'q': [4]}
    """
    slices: dict[str, list[pa.Table]] = {}
    start = 0
    for chunk in cells["property"].chunks:
        encoded = chunk.dictionary_encode()
        codes, names = np.asarray(encoded.indices.fill_null(-1)), encoded.dictionary.to_pylist()
        begins = np.flatnonzero(np.diff(codes, prepend=-2))
        for begin, end in pairwise([*begins, len(codes)]):
            if codes[begin] >= 0:
                slices.setdefault(names[codes[begin]], []).append(cells.slice(start + begin, end - begin))
        start += len(chunk)
    return {name: pa.concat_tables(tables) for name, tables in slices.items()}


class PlannedRows:
    """The rows of a frame that are sent, and the profiles that they change.

    Parameters
    ----------
    decisions : Decisions
        The frame, checked.
    held : HeldProfiles
        What the profiles hold.

    Attributes
    ----------
    decisions, held
        As above.
    layout : Layout
        How the rows become updates.
    ids : pyarrow.LargeStringArray
        Of all rows.
    places : pyarrow.Int32Array
        Position of the profile of each row in `held`; null if it is not there.
    sent : numpy.ndarray
        Mask of the rows that are updates by themselves, or the last of the rows of which one is made.
    """

    def __init__(self, decisions: Decisions, held: HeldProfiles) -> None:
        self.decisions, self.held, self.layout = decisions, held, decisions.layout
        layout = decisions.layout
        self.ids = ids_of_all_rows(layout)
        self.places = held.places_of(self.ids)
        together = decisions.changes.together
        self.groups = list(together.by_id(layout.rows_per_slice))
        self.sent = ~decisions.changes.excluded
        for rows, starts in self.groups:
            self.sent[np.delete(rows, _last(rows, starts))] = False

    @cached_property
    def is_found(self) -> np.ndarray:
        """The mask of the rows whose profile was read."""
        return ~nulls_in(self.places)

    @cached_property
    def waves(self) -> list[_Wave]:
        """The rows that are sent: first those of each id that come first, then those that come after them, and so on."""
        codes = np.asarray(self.ids.dictionary_encode().indices.fill_null(-1))
        rows = np.flatnonzero(self.sent)
        order = rows[np.argsort(codes[rows], kind="stable")]
        begins = np.flatnonzero(np.diff(codes[order], prepend=-2))
        rank = np.arange(len(order)) - np.repeat(begins, np.diff(np.append(begins, len(order))))
        waves, previous = [], np.zeros(0, np.int64)
        by_rank = np.argsort(rank, kind="stable")
        for at in np.split(by_rank, np.cumsum(np.bincount(rank))[:-1]) if len(rank) else ():
            # `at - 1` is the row of the same id before; it stands among those of the wave before
            waves.append(_Wave(order[at], np.searchsorted(previous, at - 1)))
            previous = at
        return waves

    def held_values(self, name: str) -> pa.Array:
        """Return the value of a property on the profile of each row, as it was read."""
        return self.held.values_of(name, self.places)

    def stated(self, number: int) -> tuple[pa.Array, np.ndarray]:
        """Return the operands of a column as JSON, null without one, and the mask of the rows that remove the property."""
        layout, changes = self.layout, self.decisions.changes
        operand, removed = operands(property_of(layout, number, changes, slice(0, layout.rows)))
        for rows, starts in self.groups:
            last = rows[_last(rows, starts)]
            of_ids, removed_of_ids = operands(merged_properties(layout, changes, rows, starts, [number])[0])
            at = np.arange(len(operand))
            at[last] = len(operand) + np.arange(len(last))
            operand = pa.concat_arrays([operand, of_ids]).take(pa.array(at))
            removed[last] = removed_of_ids
        unsaid = ~self.sent
        return emptied(operand, unsaid), removed & ~unsaid

    def keep(self, number: int, kept: np.ndarray) -> None:
        """Let those values of a column be sent that are in `kept`, a mask of updates, and no others."""
        self.decisions.changes.dropped[number] = RowSet.of_mask(~self.of_all_rows(kept))

    def of_all_rows(self, updates: np.ndarray) -> np.ndarray:
        """Return a mask of updates as a mask of all rows of which they are made."""
        rows = updates.copy()
        for of_ids, starts in self.groups:
            counts = np.diff(np.append(starts, len(of_ids)))
            rows[of_ids] = np.repeat(updates[of_ids[_last(of_ids, starts)]], counts)
        return rows


@dataclass(frozen=True)
class _Wave:
    """Rows of different ids, and where among the rows of the wave before that of the same id stands."""

    rows: np.ndarray
    previous: np.ndarray


def _last(rows: np.ndarray, starts: np.ndarray) -> np.ndarray:
    return np.append(starts[1:], len(rows)) - 1


@dataclass(frozen=True, eq=False)
class _Cells:
    """The cells of one property: values for all rows, and the mask of the rows that have a cell."""

    name: str | None
    verb: str
    kept: np.ndarray
    operand: pa.Array
    before: pa.Array
    after: pa.Array


def cells_of(rows: PlannedRows, *, keeps_same: bool = False) -> pa.Table:
    """Return the cells of all properties, as `CELLS` describes them. What changes nothing is excluded or dropped from what is sent.

    Parameters
    ----------
    keeps_same : bool
        Whether values that stay the same are cells, too, so that a later step waits until they were read.
    """
    is_delete = rows.layout.operation.verb == "delete"
    properties = _of_deletes(rows) if is_delete else _of_updates(rows, keeps_same=keeps_same)
    is_sent = np.zeros(rows.layout.rows, bool)

    def batches() -> Iterator[pa.RecordBatch]:
        for cells in properties:
            is_sent[cells.kept] = True
            yield _batch(rows, cells)

    table = spooled(batches())
    words = "it has no profile" if is_delete else "the profile already has these values"
    rows.decisions.exclude(~rows.of_all_rows(is_sent), "skipped", "already so", words)
    rows.sent &= is_sent
    return table if table.num_columns else CELLS.empty_table()


def _of_updates(rows: PlannedRows, *, keeps_same: bool) -> Iterator[_Cells]:
    """Yield each property that the rows write or remove."""
    for number, column in enumerate(rows.layout.columns):
        verb = column.operator.verb
        operand, removed = rows.stated(number)
        before, after = _followed(rows, rows.held_values(column.name), verb, operand, removed)
        kept = rows.sent & (mask_of(operand.is_valid()) | removed)
        if not keeps_same and verb not in ALWAYS_SENT:
            kept &= differ(before, after)
        rows.keep(number, kept)
        yield _Cells(column.name, verb, kept, operand, before, after)
    nothing = pa.nulls(rows.layout.rows, LARGE_STRING)
    for name in rows.layout.removed:
        before = rows.held_values(name)
        yield _Cells(name, "unset", rows.sent & mask_of(before.is_valid()), nothing, before, nothing)


def _of_deletes(rows: PlannedRows) -> Iterator[_Cells]:
    """Yield the profiles that are deleted, and each property that they hold."""
    is_deleted = rows.sent & rows.is_found
    nothing = pa.nulls(rows.layout.rows, LARGE_STRING)
    yield _Cells(None, "delete", is_deleted, nothing, nothing, nothing)
    for name in rows.held.names:
        before = rows.held_values(name)
        yield _Cells(name, "delete", is_deleted & mask_of(before.is_valid()), nothing, before, nothing)


def _followed(
    rows: PlannedRows, before: pa.Array, verb: str, operand: pa.Array, removed: np.ndarray
) -> tuple[pa.Array, pa.Array]:
    """Return the values before and after each row. A later row of an id begins with what the one before it leaves."""
    if len(rows.waves) < 2:
        return before, emptied(after_operator(verb, before, operand), removed)
    begins: list[pa.Array] = []
    afters: list[pa.Array] = []
    for wave in rows.waves:
        at = pa.array(wave.rows)
        begin = afters[-1].take(pa.array(wave.previous)) if afters else before.take(at)
        begins.append(begin)
        afters.append(emptied(after_operator(verb, begin, operand.take(at)), removed[wave.rows]))
    place = np.full(len(before), 0)
    mask = np.ones(len(before), bool)
    order = np.concatenate([wave.rows for wave in rows.waves])
    place[order], mask[order] = np.arange(len(order)), False
    at = pa.array(place, mask=mask)
    return pa.concat_arrays(begins).take(at), pa.concat_arrays(afters).take(at)


def _batch(rows: PlannedRows, cells: _Cells) -> pa.RecordBatch:
    """Return the cells of a property as `CELLS` describes them."""
    positions = np.flatnonzero(cells.kept)
    at = pa.array(positions)
    before, after = cells.before.take(at), cells.after.take(at)
    columns = [
        at,
        rows.ids.take(at),
        pa.array(rows.is_found[positions]),
        pa.repeat(pa.scalar(cells.name, LARGE_STRING), len(at)),
        pa.repeat(pa.scalar(cells.verb, LARGE_STRING), len(at)),
        cells.operand.take(at),
        before,
        after,
        change_of(before, after),
    ]
    return pa.record_batch(columns, schema=CELLS)


def change_of(before: pa.Array, after: pa.Array) -> pa.Array:
    """Return what happens to values, as numbers of `KINDS_OF_CHANGE`; null where they stay the same."""
    is_emptied = nulls_in(after) | (mask_of(pc.equal(after, _NULL)) & ~nulls_in(before))
    change = np.where(is_emptied, EMPTIED, np.where(nulls_in(before), NEW, CHANGED)).astype(np.int8)
    return pa.array(change, mask=~differ(before, after))

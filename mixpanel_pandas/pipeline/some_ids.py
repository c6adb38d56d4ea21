"""`SomeIds`: some ids of a frame with all their rows, and what these rows say about a property, id by id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from mixpanel_pandas.payloads.arrays import emptied, mask_of
from mixpanel_pandas.payloads.duplicates import NO_DUPLICATES
from mixpanel_pandas.payloads.ids import ids_of
from mixpanel_pandas.payloads.slices import property_of
from mixpanel_pandas.profiles.effects import after_operator, operands

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mixpanel_pandas.checking.decisions import Decisions
    from mixpanel_pandas.payloads.changes import Changes
    from mixpanel_pandas.payloads.duplicates import Duplicates
    from mixpanel_pandas.payloads.layout import Layout

__all__ = ["SomeIds", "duplicates_of", "evenly", "some_ids"]


@dataclass(frozen=True, eq=False)
class SomeIds:
    """Some ids of a frame.

    Attributes
    ----------
    ids : pyarrow.LargeStringArray
        The ids, each once, in the order of their first rows.
    rows : numpy.ndarray
        Positions of all their rows that count, rising.
    numbers : numpy.ndarray
        For each of the rows, which of the ids it has.
    """

    ids: pa.Array
    rows: np.ndarray
    numbers: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def all_in(self, mask: np.ndarray) -> np.ndarray:
        """Return the mask of the ids whose rows are all in `mask`, a mask over the frame."""
        outside: np.ndarray = np.bincount(self.numbers, ~mask[self.rows], minlength=len(self)) == 0
        return outside

    def only(self, kept: np.ndarray) -> SomeIds:
        """Return the ids in `kept`, a mask over the ids."""
        of_kept = kept[self.numbers]
        new_numbers = np.cumsum(kept) - 1
        return SomeIds(
            self.ids.filter(pa.array(kept)), self.rows[of_kept], new_numbers[self.numbers[of_kept]]
        )

    def last_of(self, rows: np.ndarray) -> pa.Array:
        """Return for each id the last of its rows in `rows`, a mask over its rows; null where there is none."""
        last = np.full(len(self), -1)
        last[self.numbers[rows]] = np.flatnonzero(rows)  # a later row overwrites an earlier one
        return pa.array(last, mask=last < 0)

    def turns(self) -> Iterator[np.ndarray]:
        """Yield the mask of the first row of each id, then that of the second, and so on."""
        order = np.argsort(self.numbers, kind="stable")
        ordered = self.numbers[order]
        ranks = np.empty(len(order), np.int64)
        ranks[order] = np.arange(len(order)) - np.searchsorted(ordered, ordered)
        for rank in range(int(ranks.max(initial=-1)) + 1):
            yield ranks == rank

    def statements(self, layout: Layout, changes: Changes, number: int) -> tuple[pa.Array, np.ndarray]:
        """Return what the rows say about a column of the layout: operands as JSON, and the mask of those that remove it."""
        return operands(property_of(layout, number, changes, self.rows))

    def value_after(
        self, verb: str, before: pa.Array, operand: pa.Array, removed: np.ndarray, *, merged: bool
    ) -> pa.Array:
        """Return the values of a property after all rows of each id.

        Parameters
        ----------
        before : pyarrow.LargeStringArray
            The values before, one for each id.
        operand, removed
            As `statements` returns them.
        merged : bool
            Whether the rows of an id are one update, in which the last value that is not missing decides.
        """
        value = before
        for rows in [self._decisive(operand, removed)] if merged else self.turns():
            last = self.last_of(rows)
            of_id = mask_of(pa.array(removed).take(last))
            value = emptied(after_operator(verb, value, operand.take(last)), of_id)
        return value

    def stated_last(self, operand: pa.Array, removed: np.ndarray, *, merged: bool) -> pa.Array:
        """Return for each id the operand of the last row that says something; null if that row removes the property."""
        states = mask_of(operand.is_valid()) | removed
        last = self.last_of(self._decisive(operand, removed) if merged else states)
        return emptied(operand.take(last), mask_of(pa.array(removed).take(last)))

    def _decisive(self, operand: pa.Array, removed: np.ndarray) -> np.ndarray:
        """Return the mask of the rows that may decide in a merged update: those with a value, and others of ids without."""
        has_value = mask_of(operand.is_valid()) & ~_is_null(operand)
        without = np.bincount(self.numbers, has_value, minlength=len(self)) == 0
        states = mask_of(operand.is_valid()) | removed
        decisive: np.ndarray = has_value | (states & without[self.numbers])
        return decisive


def _is_null(operand: pa.Array) -> np.ndarray:
    return np.asarray([text == "null" for text in operand.to_pylist()], bool)


def some_ids(decisions: Decisions, rows: np.ndarray, most: int, *, single_first: bool = False) -> SomeIds:
    """Return at most this many ids, spread over the frame, with all their rows in `rows`.

    Parameters
    ----------
    rows : numpy.ndarray
        Mask of the rows that count, such as those that are sent.
    single_first : bool
        Whether ids with several rows are taken only where ids with a single row do not suffice, those with few rows first.
    """
    several = duplicates_of(decisions).without(~rows)
    is_single = rows.copy()
    is_single[several.positions] = False
    firsts = several.positions[several.ranks() == 0]
    singles = np.flatnonzero(is_single)
    if not single_first:
        chosen = evenly(np.sort(np.concatenate([singles, firsts])), most)
    elif len(singles) >= most:
        chosen = evenly(singles, most)
    else:
        counts = np.bincount(several.groups)[several.groups[several.ranks() == 0]]
        chosen = np.concatenate([singles, firsts[np.argsort(counts, kind="stable")][: most - len(singles)]])
    mask = np.zeros(len(rows), bool)
    mask[chosen] = True
    positions = np.flatnonzero(several.shared(mask) & rows)
    ids = ids_of(decisions.layout.id, positions).dictionary_encode()
    return SomeIds(ids.dictionary, positions, np.asarray(ids.indices))


def duplicates_of(decisions: Decisions) -> Duplicates:
    """Return the rows that are sent and share an id, whether one after the other or merged."""
    duplicates = decisions.duplicates or decisions.changes.merged
    return duplicates.without(decisions.changes.excluded) if len(duplicates) else NO_DUPLICATES


def evenly(positions: np.ndarray, most: int) -> np.ndarray:
    """Return at most this many of some positions, spread over them.

    Examples
    --------
    >>> evenly(np.arange(10), 3).tolist()
    [1, 5, 8]
    """
    if len(positions) <= most:
        return positions
    places = (2 * np.arange(most) + 1) * len(positions) // (2 * most)
    spread: np.ndarray = positions[places]
    return spread

"""Several rows of one id: sent one after the other, the n-th row in wave n; or merged to one update, with one outcome.

A wave begins when every request of the wave before has its final answer, so no two updates of one id are ever on the way
together. A row is held back where the order could be lost: an earlier row of its id may or may not be applied, was not
sent, or was sent twice and its first attempt may still arrive.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import takewhile
from typing import TYPE_CHECKING

import numpy as np

from mixpanel_pandas.payloads.batches import cut
from mixpanel_pandas.payloads.changes import Excluded
from mixpanel_pandas.payloads.duplicates import Duplicates
from mixpanel_pandas.payloads.slices import Slice, encode_rows, encode_slices, fingerprinted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from mixpanel_pandas.delivery.pending import Delivery
    from mixpanel_pandas.payloads.batches import Batch, Payloads
    from mixpanel_pandas.payloads.changes import Changes
    from mixpanel_pandas.payloads.layout import Layout

__all__ = ["MergedOutcomes", "Waves"]

#: Why a row is held back -> its reason and error in the summary. The first that is true counts.
HELD: dict[str, tuple[str, str]] = {
    "doubt": (
        "earlier row in doubt",
        "an earlier row of the same id is unknown or not sent: send the failures again, in order",
    ),
    "late": (
        "earlier attempt in doubt",
        "an earlier attempt of an earlier row of the same id may still arrive: send the failures again later",
    ),
}

#: Outcomes after which a later row of the same id is held back.
DOUBTFUL = {"unknown", "not_sent"}

_NONE = Duplicates(np.zeros(0, np.int64), np.zeros(0, np.int64))

#: Slices of one wave have numbers below this.
SLICES_PER_WAVE = 1 << 40


class Waves:
    """The batches of a frame, wave by wave.

    Parameters
    ----------
    layout, changes
        What is sent.
    duplicates : Duplicates or None
        Which rows share an id; None: every row is in the first wave.
    token : str
        Project token.
    key : bytes, optional
        Of fingerprints, if each slice is to have one.
    settled : numpy.ndarray, optional
        Mask of rows that are encoded, and not sent.
    doubtful : numpy.ndarray, optional
        Mask of rows that may be applied, after which later rows of their id are held back.
    resent : numpy.ndarray, optional
        Mask of rows that are sent again, though an earlier attempt may still arrive.

    Attributes
    ----------
    passed : callable
        Called with each slice before it is cut into batches.
    whole : bool
        Whether all slices were passed.
    """

    def __init__(
        self,
        layout: Layout,
        changes: Changes,
        duplicates: Duplicates | None,
        token: str,
        key: bytes | None = None,
        settled: np.ndarray | None = None,
        doubtful: np.ndarray | None = None,
        resent: np.ndarray | None = None,
    ) -> None:
        self._layout, self._changes, self._token, self._key = layout, changes, token, key
        self._batch_size: int = layout.operation.options.batch_size
        self._settled = settled
        self.passed: Callable[[Slice], object] = lambda _slice: None
        self.whole, self._gaps = False, False
        self._current: Iterator[Batch] = iter(())
        self._batches, self._wave = 0, 0
        duplicates = _NONE if duplicates is None else duplicates.without(changes.excluded)
        self._rising, self._groups, self._ranks = duplicates.positions, duplicates.groups, duplicates.ranks()
        # the rows of each wave are neighbours, and rising
        self._by_wave = np.argsort(self._ranks, kind="stable")
        waves = int(self._ranks.max(initial=0)) + 1
        self._begins = np.searchsorted(self._ranks[self._by_wave], np.arange(waves + 1))
        ids = int(self._groups.max(initial=-1)) + 1
        # reason -> for each id, the rank after which its rows are held back
        self._held_after = {name: np.full(ids, waves) for name in HELD}
        self._held_rows: dict[str, list[np.ndarray]] = {name: [] for name in HELD}
        for name, mask in (("doubt", doubtful), ("late", resent)):
            if mask is not None:
                self._hold(name, self._places(np.flatnonzero(mask)))
        self._begin(self._slices_of(0))

    # -- drawing ------------------------------------------------------------------------------------------------------

    def start_with(self, slices: Iterator[Slice]) -> None:
        """Take the first slices from an iterator over all of them, as `every_slice` returns it."""
        self._begin(takewhile(lambda part: part.wave == 0, slices))

    def draw(self, settled: Sequence[Delivery] | None = None) -> tuple[Batch | None, bool]:
        """Return the next batch, or None and whether another wave waits until all have final answers.

        Parameters
        ----------
        settled : sequence of Delivery, optional
            They have: these are the answers of the wave that is over. The next one begins.
        """
        if settled is not None:
            self._settle(settled)
            self._wave += 1
            self._begin(self._slices_of(self._wave))
        batch = next(self._current, None)
        waiting = batch is None and self._wave + 2 < len(self._begins)
        self.whole |= batch is None and not waiting and not self._gaps
        return batch, waiting

    def close(self) -> None:
        """Let go of what is encoded, with the threads that encode; who keeps an error may keep all of this."""
        self._current = iter(())

    def every_slice(self) -> Iterator[Slice]:
        """Yield all slices of all waves, whatever becomes of their rows."""
        for wave in range(len(self._begins) - 1):
            yield from self._slices_of(wave)

    def every(self) -> Iterator[Batch]:
        """Yield the batches of all waves, whatever becomes of them."""
        settled: tuple[Delivery, ...] | None = None
        while True:
            batch, waiting = self.draw(settled)
            settled = () if batch is None else None
            if batch is not None:
                yield batch
            elif not waiting:
                return

    @property
    def held(self) -> list[Excluded]:
        """The rows that were held back."""
        rows = {name: np.concatenate(parts) for name, parts in self._held_rows.items() if parts}
        return [Excluded(np.sort(positions), "not_sent", *HELD[name]) for name, positions in rows.items()]

    # -- slices -------------------------------------------------------------------------------------------------------

    def _slices_of(self, wave: int) -> Iterator[Slice]:
        payloads = self._first_wave() if wave == 0 else self._later_wave(wave)
        for number, part in enumerate(payloads):
            yield Slice(wave, wave * SLICES_PER_WAVE + number, part)

    def _first_wave(self) -> Iterator[Payloads]:
        """Yield the payloads of one row of every id."""
        later = self._changes.excluded.copy()
        later[self._rising[self._ranks > 0]] = True
        return encode_slices(self._layout, replace(self._changes, excluded=later), self._token, self._key)

    def _later_wave(self, wave: int) -> Iterator[Payloads]:
        positions, size = self._rising[self._rows_of(wave)], self._layout.rows_per_slice
        for start in range(0, len(positions), size):
            some = positions[start : start + size]
            yield fingerprinted(encode_rows(self._layout, self._changes, some, self._token), self._key)

    def _rows_of(self, wave: int) -> np.ndarray:
        """Return which of the repeated rows travel in a wave."""
        rows: np.ndarray = self._by_wave[self._begins[wave] : self._begins[wave + 1]]
        return rows

    def _begin(self, slices: Iterator[Slice]) -> None:
        """Begin to cut a wave into batches, unless all its rows are held back."""
        held = self._hold_back() if self._wave else np.zeros(0, np.int64)
        if self._wave and len(held) == len(self._rows_of(self._wave)):
            self._gaps, slices = True, iter(())
        self._current = self._cut(self._to_send(slices, held))

    def _to_send(self, slices: Iterator[Slice], held: np.ndarray) -> Iterator[Payloads]:
        """Yield the payloads without the rows that are settled or held back."""
        for part in slices:
            self.passed(part)
            payloads = part.payloads
            if self._settled is not None and (settled := self._settled[payloads.positions]).any():
                payloads = payloads.filter(~settled)
            if len(held):
                payloads = payloads.filter(~np.isin(payloads.positions, held))
            if len(payloads):
                yield payloads

    def _cut(self, slices: Iterator[Payloads]) -> Iterator[Batch]:
        for batch in cut(slices, self._batch_size):
            yield replace(batch, number=self._batches)
            self._batches += 1

    # -- holding back -------------------------------------------------------------------------------------------------

    def _settle(self, deliveries: Iterable[Delivery]) -> None:
        """Take in the final answers of a wave."""
        for delivery in deliveries:
            if delivery.late:
                self._hold("late", self._places(delivery.positions))
            doubtful = _doubtful(delivery)
            if len(doubtful):
                self._hold("doubt", self._places(doubtful))

    def _places(self, positions: range | np.ndarray) -> np.ndarray:
        """Return which of the repeated rows stand at some positions, which are rising."""
        if isinstance(positions, range):
            return np.arange(*np.searchsorted(self._rising, [positions.start, positions.stop]))
        places: np.ndarray = np.searchsorted(self._rising, positions)
        inside = places < len(self._rising)
        inside[inside] = self._rising[places[inside]] == positions[inside]
        repeated: np.ndarray = places[inside]
        return repeated

    def _hold(self, name: str, rows: np.ndarray) -> None:
        """Hold back the rows that follow some of the repeated rows."""
        np.minimum.at(self._held_after[name], self._groups[rows], self._ranks[rows])

    def _hold_back(self) -> np.ndarray:
        """Return the positions of this wave's rows that are held back, and keep them for the account."""
        rows = self._rows_of(self._wave)
        free = np.ones(len(rows), bool)
        for name, after in self._held_after.items():
            held = rows[free & (after[self._groups[rows]] < self._wave)]
            free &= ~np.isin(rows, held)
            positions = self._rising[held]
            if self._settled is not None:
                positions = positions[~self._settled[positions]]
            if len(positions):
                self._held_rows[name].append(positions)
        all_held: np.ndarray = self._rising[rows[~free]]
        return all_held


def _doubtful(delivery: Delivery) -> range | np.ndarray:
    """Return the positions of those rows after which a later row of the same id is held back."""
    if not delivery.apart:
        return delivery.positions if delivery.outcome in DOUBTFUL else range(0)
    doubtful = np.full(len(delivery.positions), delivery.outcome in DOUBTFUL)
    for row, (outcome, _error) in delivery.apart.items():
        doubtful[row] = outcome in DOUBTFUL
    positions: np.ndarray = delivery.rows[doubtful]
    return positions


class MergedOutcomes:
    """Turns final answers on updates into final answers on rows: rows that were merged share one.

    Parameters
    ----------
    merged : Duplicates
        The rows that were merged. Their update stands where the last row of its id stands.
    """

    def __init__(self, merged: Duplicates) -> None:
        last = merged.last()
        order = np.argsort(last, kind="stable")
        self._rows, self._last = merged.positions[order], last[order]
        self._several = np.zeros(self._last[-1] + 1 if len(last) else 0, bool)
        self._several[last] = True

    def of_rows(self, deliveries: Iterable[Delivery]) -> list[Delivery]:
        """Return final answers on all rows that the updates were made of."""
        return [
            self._shared(delivery) if self._several[self._within(delivery.positions)].any() else delivery
            for delivery in deliveries
        ]

    def _within(self, positions: range | np.ndarray) -> slice | np.ndarray:
        """Return the positions up to that of the last update that was merged."""
        if isinstance(positions, range):
            return slice(positions.start, positions.stop)
        return positions[: np.searchsorted(positions, len(self._several))]

    def _shared(self, delivery: Delivery) -> Delivery:
        updates = delivery.rows
        begin = np.searchsorted(self._last, updates)
        counts = np.searchsorted(self._last, updates, side="right") - begin
        alone = np.flatnonzero(counts == 0)
        update = np.repeat(np.arange(len(updates)), counts)
        within = np.arange(len(update)) - np.repeat(np.cumsum(counts) - counts, counts)
        positions = np.concatenate([updates[alone], self._rows[begin[update] + within]])
        update = np.concatenate([alone, update])
        order = np.argsort(positions)
        positions, update = positions[order], update[order]
        named = np.flatnonzero(np.isin(update, list(delivery.apart)))
        apart = {int(row): delivery.apart[int(update[row])] for row in named}
        return replace(delivery, positions=positions, apart=apart)

"""Rows of one id, one after the other: the n-th row of an id travels in wave n. Or merged, and then all meet one fate.

A wave begins when every request of the wave before has its final answer, so no two updates of one id are ever on the way
together. A row whose earlier row may or may not have been applied is held back: the order would be lost.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mixpanel_pandas.delivery.summary import LeftOut
from mixpanel_pandas.payloads.batches import cut
from mixpanel_pandas.payloads.slices import encode_rows, encode_slices

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mixpanel_pandas.delivery.pending import Delivery
    from mixpanel_pandas.payloads.batches import Batch, Payloads
    from mixpanel_pandas.payloads.plan import Plan
    from mixpanel_pandas.payloads.repeats import Repeats
    from mixpanel_pandas.payloads.slices import Changes

__all__ = ["Sharing", "Waves"]

#: Outcomes after which a later row of the same id is held back.
DOUBTFUL = {"unknown", "not_sent"}


class Waves:
    """The batches of a frame, wave by wave.

    Parameters
    ----------
    plan, changes
        What is sent.
    repeats : Repeats or None
        Which rows share an id; None: every row is in the first wave.
    token : str
        Project token.
    """

    def __init__(self, plan: Plan, changes: Changes, repeats: Repeats | None, token: str) -> None:
        self._plan, self._changes, self._token = plan, changes, token
        self._batch_size: int = plan.operation.option("batch_size")
        self._batches = 0
        self._wave = 0
        self.held: list[LeftOut] = []
        self._positions = self._groups = self._ranks = np.zeros(0, np.int64)
        if repeats is not None:
            kept = repeats.without(changes.left_out)
            self._positions, self._groups, self._ranks = kept.positions, kept.groups, kept.ranks()

    def first(self) -> Iterator[Batch]:
        """Return the batches of the first wave: one row of every id."""
        later = self._changes.left_out.copy()
        later[self._positions[self._ranks > 0]] = True
        return self._cut(encode_slices(self._plan, replace(self._changes, left_out=later), self._token))

    def every(self) -> Iterator[Batch]:
        """Return the batches of all waves, for looking at them."""
        batches: Iterator[Batch] | None = self.first()
        while batches is not None:
            yield from batches
            batches = self.later(())

    def later(self, deliveries: Iterable[Delivery]) -> Iterator[Batch] | None:
        """Return the batches of the next wave, given what became of all before; None when there is none."""
        self._wave += 1
        if not (self._ranks >= self._wave).any():
            return None
        self._hold_back(deliveries)
        return self._cut(self._encode(self._positions[self._ranks == self._wave]))

    def _hold_back(self, deliveries: Iterable[Delivery]) -> None:
        """Leave out the rows that come after a doubtful row of their id."""
        doubtful = np.zeros(len(self._changes.left_out), bool)
        for delivery in deliveries:
            positions = delivery.rows
            doubtful[positions] |= delivery.outcome in DOUBTFUL
            for row, (outcome, _error) in delivery.apart.items():
                doubtful[positions[row]] = outcome in DOUBTFUL
        groups = self._groups[doubtful[self._positions]]
        held = np.isin(self._groups, groups) & (self._ranks >= self._wave)
        if held.any():
            error = "an earlier row of the same id is unknown or not sent: send the failures again, in order"
            self.held.append(LeftOut(self._positions[held], "not_sent", "earlier row in doubt", error))
            kept = ~held
            self._positions, self._groups, self._ranks = (
                self._positions[kept],
                self._groups[kept],
                self._ranks[kept],
            )

    def _encode(self, positions: np.ndarray) -> Iterator[Payloads]:
        """Yield the payloads of a few rows, wherever they stand."""
        size = self._plan.rows_per_slice
        for start in range(0, len(positions), size):
            yield encode_rows(self._plan, self._changes, positions[start : start + size], self._token)

    def _cut(self, slices: Iterator[Payloads]) -> Iterator[Batch]:
        for batch in cut(slices, self._batch_size):
            yield replace(batch, number=self._batches)
            self._batches += 1


class Sharing:
    """What turns final answers on updates into final answers on rows: those that were merged share one.

    Parameters
    ----------
    merged : Repeats
        The rows that were merged. Their update stands where the last row of its id stands.
    """

    def __init__(self, merged: Repeats) -> None:
        last = merged.last()
        order = np.argsort(last, kind="stable")
        self._rows, self._last = merged.positions[order], last[order]
        self._several = np.zeros(self._last[-1] + 1 if len(last) else 0, bool)
        self._several[last] = True

    def of_rows(self, deliveries: Iterable[Delivery]) -> list[Delivery]:
        """Return final answers on all rows that the updates were made of."""
        return [
            self._shared(delivery) if self._several[self._known(delivery.positions)].any() else delivery
            for delivery in deliveries
        ]

    def _known(self, positions: range | np.ndarray) -> slice | np.ndarray:
        """Return those positions that do not lie beyond all rows that were merged."""
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

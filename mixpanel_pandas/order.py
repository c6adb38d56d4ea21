"""Rows of one id, one after the other: the n-th row of an id travels in wave n.

A wave begins when every request of the wave before has its final answer, so no two updates of one id are ever on the way
together. A row whose earlier row may or may not have been applied is held back: the order would be lost.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mixpanel_pandas.delivery.summary import LeftOut
from mixpanel_pandas.payloads.batches import Payloads, cut
from mixpanel_pandas.payloads.slices import Changes, encode_slices

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pandas as pd

    from mixpanel_pandas.delivery.parts import Delivery
    from mixpanel_pandas.payloads.batches import Batch
    from mixpanel_pandas.payloads.plan import Plan

__all__ = ["Repeats", "Waves"]

#: Outcomes after which a later row of the same id is held back.
DOUBTFUL = {"unknown", "not_sent"}


@dataclass(frozen=True)
class Repeats:
    """The rows whose id stands in several rows.

    Attributes
    ----------
    positions : numpy.ndarray
        Where they stand in the frame, rising.
    groups : numpy.ndarray
        A number for each of them, equal where the ids are.
    """

    positions: np.ndarray
    groups: np.ndarray

    def ranks(self) -> np.ndarray:
        """Return for each of the rows how many rows of its id stand before it.

        Examples
        --------
        >>> import numpy as np
        >>> Repeats(np.array([0, 2, 3, 7]), np.array([5, 8, 5, 5])).ranks().tolist()
        [0, 0, 1, 2]
        """
        order = np.argsort(self.groups, kind="stable")
        ordered = self.groups[order]
        first = np.searchsorted(ordered, ordered)
        ranks = np.empty(len(order), np.int64)
        ranks[order] = np.arange(len(order)) - first
        return ranks


class Waves:
    """The batches of a frame, wave by wave.

    Parameters
    ----------
    frame, plan, changes
        What is sent.
    repeats : Repeats or None
        Which rows share an id; None: every row is in the first wave.
    token : str
        Project token.
    """

    def __init__(
        self, frame: pd.DataFrame, plan: Plan, changes: Changes, repeats: Repeats | None, token: str
    ) -> None:
        self._frame, self._plan, self._changes, self._token = frame, plan, changes, token
        self._batch_size: int = plan.operation.option("batch_size")
        self._batches = 0
        self._wave = 0
        self.held: list[LeftOut] = []
        self._positions = self._groups = self._ranks = np.zeros(0, np.int64)
        if repeats is not None:
            sent = ~changes.left_out[repeats.positions]
            kept = Repeats(repeats.positions[sent], repeats.groups[sent])
            self._positions, self._groups, self._ranks = kept.positions, kept.groups, kept.ranks()

    def first(self) -> Iterator[Batch]:
        """Return the batches of the first wave: one row of every id."""
        later = self._changes.left_out.copy()
        later[self._positions[self._ranks > 0]] = True
        return self._cut(
            encode_slices(self._frame, self._plan, replace(self._changes, left_out=later), self._token)
        )

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
            positions = np.asarray(delivery.positions)
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
            some = positions[start : start + size]
            plan = replace(self._plan, rows=len(some))
            changes = Changes(
                np.zeros(len(some), bool),
                {number: mask[some] for number, mask in self._changes.dropped.items()},
                {number: mask[some] for number, mask in self._changes.cut.items()},
            )
            for payloads in encode_slices(self._frame.iloc[some], plan, changes, self._token):
                yield replace(payloads, positions=some[payloads.positions])

    def _cut(self, slices: Iterator[Payloads]) -> Iterator[Batch]:
        for batch in cut(slices, self._batch_size):
            yield replace(batch, number=self._batches)
            self._batches += 1

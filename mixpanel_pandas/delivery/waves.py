"""Several rows of one id, sent one after the other: the n-th row of every id travels in wave n.

A wave begins when every request of the wave before has its final answer, so two updates of one id are never on their way at
the same time. A row is held back where its turn could come before that of an earlier row of its id: where that row may or
may not be applied, was not sent, or was sent twice and its first attempt may still arrive.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import takewhile
from typing import TYPE_CHECKING

import numpy as np

from mixpanel_pandas.payloads.batches import cut
from mixpanel_pandas.payloads.changes import Excluded
from mixpanel_pandas.payloads.duplicates import NO_DUPLICATES
from mixpanel_pandas.payloads.memory import give_back
from mixpanel_pandas.payloads.slices import Slice, encode_rows, encode_slices, fingerprinted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from mixpanel_pandas.delivery.pending import Delivery, Positions
    from mixpanel_pandas.payloads.batches import Batch, Payloads
    from mixpanel_pandas.payloads.changes import Changes
    from mixpanel_pandas.payloads.duplicates import Duplicates
    from mixpanel_pandas.payloads.layout import Layout

__all__ = ["Waves"]

#: Why a row is held back -> its reason and error in the summary. The first that is true counts.
HELD: dict[str, tuple[str, str]] = {
    "overtaken": (
        "later row already sent",
        "a later row of the same id was already sent, and this row would overwrite it: to send it anyway, send it alone in another run",
    ),
    "doubt": (
        "earlier row in doubt",
        "an earlier row of the same id is unknown or not sent: send the failures again, in order",
    ),
    "late": (
        "earlier attempt in doubt",
        "an earlier attempt of an earlier row of the same id may still arrive: send the failures again later",
    ),
}

#: Outcomes after which later rows of the same id are held back.
DOUBTFUL = {"unknown", "not_sent"}

#: Slices of one wave have numbers below this.
SLICES_PER_WAVE = 1 << 40


class Waves:
    """The batches of a frame, wave by wave.

    Parameters
    ----------
    layout, changes
        How rows become payloads, and what the checks change before.
    duplicates : Duplicates or None
        The rows that share an id; None where every row travels in the first wave.
    token : str
        Project token.
    key : bytes, optional
        Key of fingerprints, if each slice is to have one.
    done : numpy.ndarray, optional
        Mask of the rows that have a final answer from an earlier session. They are encoded, and not sent.
    doubtful : numpy.ndarray, optional
        Mask of the rows that may be applied: later rows of their ids are held back.
    resent : numpy.ndarray, optional
        Mask of the rows that are sent again while an earlier attempt may still arrive.

    Attributes
    ----------
    passed : callable
        Called with each slice before it is cut into batches.
    whole : bool
        Whether all slices were passed.
    batches : int
        The number of the next batch.
    """

    def __init__(
        self,
        layout: Layout,
        changes: Changes,
        duplicates: Duplicates | None,
        token: str,
        key: bytes | None = None,
        done: np.ndarray | None = None,
        doubtful: np.ndarray | None = None,
        resent: np.ndarray | None = None,
    ) -> None:
        self._layout, self._changes, self._token, self._key = layout, changes, token, key
        self._batch_size: int = layout.operation.options.batch_size
        self._done = done
        self.passed: Callable[[Slice], object] = lambda _slice: None
        self.whole: bool = False
        self._skipped_a_wave = False
        self._rows = _RowsOfWaves(
            NO_DUPLICATES if duplicates is None else duplicates.without(changes.excluded)
        )
        for reason, mask in (("doubt", doubtful), ("late", resent)):
            if mask is not None:
                self._rows.hold_after(reason, np.flatnonzero(mask))
        self._held: dict[str, list[np.ndarray]] = {reason: [] for reason in HELD}
        if done is not None and layout.operation.ordered:
            self._hold_overtaken(done)
        self._wave = 0
        self.batches: int = 0
        self._current: Iterator[Batch] = iter(())
        self._begin(self._slices_of(0))

    def start_with(self, slices: Iterator[Slice]) -> None:
        """Take the slices of the first wave from an iterator over all slices, such as `every_slice` returns."""
        self._begin(takewhile(lambda encoded: encoded.wave == 0, slices))

    def draw(self, answers: Sequence[Delivery] | None = None) -> tuple[Batch | None, bool]:
        """Return the next batch, or None and whether another wave waits until all rows have final answers.

        Parameters
        ----------
        answers : sequence of Delivery, optional
            The final answers of a wave that is over. The next wave begins.
        """
        if answers is not None:
            self._take_in(answers)
            self._wave += 1
            self._begin(self._slices_of(self._wave))
        batch = next(self._current, None)
        waiting = batch is None and self._wave + 1 < self._rows.waves
        self.whole |= batch is None and not waiting and not self._skipped_a_wave
        return batch, waiting

    def close(self) -> None:
        """Release what is encoded, with the threads that encode. A traceback may keep this object for long."""
        self._current = iter(())

    def every_slice(self) -> Iterator[Slice]:
        """Yield all slices of all waves, whatever becomes of their rows."""
        for wave in range(self._rows.waves):
            yield from self._slices_of(wave)

    def every(self) -> Iterator[Batch]:
        """Yield the batches of all waves, whatever becomes of them."""
        answers: tuple[Delivery, ...] | None = None
        while True:
            batch, waiting = self.draw(answers)
            answers = () if batch is None else None
            if batch is not None:
                yield batch
            elif not waiting:
                return

    @property
    def held(self) -> list[Excluded]:
        """The rows that were held back."""
        return [
            Excluded(np.sort(np.concatenate(positions)), "not_sent", *HELD[reason])
            for reason, positions in self._held.items()
            if positions
        ]

    # -- slices -------------------------------------------------------------------------------------------------------

    def _slices_of(self, wave: int) -> Iterator[Slice]:
        payloads = self._first_wave() if wave == 0 else self._later_wave(wave)
        for number, encoded in enumerate(payloads):
            yield Slice(wave, wave * SLICES_PER_WAVE + number, encoded)

    def _first_wave(self) -> Iterator[Payloads]:
        """Yield the payloads of one row of every id."""
        changes, later = self._changes, self._rows.after_the_first_wave
        if later.size:
            changes = replace(changes, excluded=changes.excluded.copy())
            changes.excluded[later] = True
        return encode_slices(self._layout, changes, self._token, self._key)

    def _later_wave(self, wave: int) -> Iterator[Payloads]:
        positions, size = self._rows.of_wave(wave), self._layout.rows_per_slice
        for start in range(0, len(positions), size):
            rows = positions[start : start + size]
            yield fingerprinted(encode_rows(self._layout, self._changes, rows, self._token), self._key)
            give_back()

    def _begin(self, slices: Iterator[Slice]) -> None:
        """Begin to cut a wave into batches, unless all its rows are held back."""
        held = self._hold_back() if self._wave else np.zeros(0, np.int64)
        if self._wave and len(held) == len(self._rows.of_wave(self._wave)):
            self._skipped_a_wave, slices = True, iter(())
        self._current = self._cut(self._to_send(slices, held))

    def _to_send(self, slices: Iterator[Slice], held: np.ndarray) -> Iterator[Payloads]:
        """Yield the payloads without the rows that are done or held back."""
        for encoded in slices:
            self.passed(encoded)
            payloads = encoded.payloads
            if self._done is not None and (done := self._done[payloads.positions]).any():
                payloads = payloads.filter(~done)
            if len(held):
                payloads = payloads.filter(~np.isin(payloads.positions, held))
            if len(payloads):
                yield payloads

    def _cut(self, slices: Iterator[Payloads]) -> Iterator[Batch]:
        """Yield the batches of a wave, numbered over all waves."""
        for batch in cut(slices, self._batch_size):
            yield replace(batch, number=self.batches)
            self.batches += 1

    # -- holding back -------------------------------------------------------------------------------------------------

    def _hold_overtaken(self, done: np.ndarray) -> None:
        """Hold back the rows that an earlier session did not apply, and whose ids have a later row that is done."""
        overtaken = self._rows.overtaken(done)
        if len(overtaken):
            self._held["overtaken"].append(overtaken)
            self._done = done.copy()
            self._done[overtaken] = True

    def _take_in(self, answers: Iterable[Delivery]) -> None:
        """Hold back later rows of the ids whose answers leave a doubt."""
        for delivery in answers:
            if delivery.late:
                self._rows.hold_after("late", delivery.positions)
            self._rows.hold_after("doubt", _doubtful(delivery))

    def _hold_back(self) -> np.ndarray:
        """Return the positions of this wave's rows that are held back, and note those without a final answer by reason."""
        by_reason = self._rows.held_in(self._wave)
        for reason, positions in by_reason.items():
            undone = positions if self._done is None else positions[~self._done[positions]]
            if len(undone):
                self._held[reason].append(undone)
        return np.concatenate(list(by_reason.values()))


class _RowsOfWaves:
    """The rows that share an id, in waves, and which of them are held back.

    Parameters
    ----------
    duplicates : Duplicates
        The rows that are sent and share an id.

    Attributes
    ----------
    waves : int
        Number of waves; at least 1, as all other rows travel in the first.
    """

    def __init__(self, duplicates: Duplicates) -> None:
        self._positions, self._groups = duplicates.positions, duplicates.groups
        self._ranks = duplicates.ranks()
        self.waves = int(self._ranks.max(initial=0)) + 1
        self._by_wave = np.argsort(self._ranks, kind="stable")  # within a wave in the order of the frame
        self._begins = np.searchsorted(self._ranks[self._by_wave], np.arange(self.waves + 1))
        ids = int(self._groups.max(initial=-1)) + 1
        # for each reason and id the wave after which its rows are held back; none is the last wave
        self._held_after = {reason: np.full(ids, self.waves) for reason in HELD}

    @property
    def after_the_first_wave(self) -> np.ndarray:
        """Positions of the rows that travel in later waves."""
        later: np.ndarray = self._positions[self._ranks > 0]
        return later

    def of_wave(self, wave: int) -> np.ndarray:
        """Return the positions of those rows that travel in a wave, rising."""
        positions: np.ndarray = self._positions[self._numbers_of(wave)]
        return positions

    def hold_after(self, reason: str, positions: Positions) -> None:
        """Hold back all rows that follow a row at some positions, which are rising, on its id."""
        rows = self._numbers_at(positions)
        np.minimum.at(self._held_after[reason], self._groups[rows], self._ranks[rows])

    def overtaken(self, done: np.ndarray) -> np.ndarray:
        """Return the positions of the rows that are not done and stand before a row of their id that is; `done` is a mask."""
        are_done = done[self._positions]
        last_done = np.full(int(self._groups.max(initial=-1)) + 1, -1)
        np.maximum.at(last_done, self._groups[are_done], self._ranks[are_done])
        positions: np.ndarray = self._positions[~are_done & (self._ranks < last_done[self._groups])]
        return positions

    def held_in(self, wave: int) -> dict[str, np.ndarray]:
        """Return the reasons in `HELD` -> positions of the rows of a wave that are held back for it; no row has two."""
        rows = self._numbers_of(wave)
        held = {}
        for reason, after in self._held_after.items():
            is_held = after[self._groups[rows]] < wave
            held[reason] = self._positions[rows[is_held]]
            rows = rows[~is_held]
        return held

    def _numbers_of(self, wave: int) -> np.ndarray:
        """Return the numbers of the rows in a wave, counted among the rows that share an id."""
        rows: np.ndarray = self._by_wave[self._begins[wave] : self._begins[wave + 1]]
        return rows

    def _numbers_at(self, positions: Positions) -> np.ndarray:
        """Return the numbers of those rows at some positions that share an id."""
        if isinstance(positions, range):
            return np.arange(*np.searchsorted(self._positions, [positions.start, positions.stop]))
        positions = np.asarray(positions)
        places = np.searchsorted(self._positions, positions)
        inside = places < len(self._positions)
        inside[inside] = self._positions[places[inside]] == positions[inside]
        numbers: np.ndarray = places[inside]
        return numbers


def _doubtful(delivery: Delivery) -> Positions:
    """Return the positions of the rows after which later rows of their ids are held back."""
    if not delivery.apart:
        return delivery.positions if delivery.outcome in DOUBTFUL else range(0)
    doubtful = np.full(len(delivery.positions), delivery.outcome in DOUBTFUL)
    for row, (outcome, _error) in delivery.apart.items():
        doubtful[row] = outcome in DOUBTFUL
    positions: np.ndarray = delivery.rows[doubtful]
    return positions

"""A run as its records describe it: what it sends, what became of its rows, and how its sessions ended. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from mixpanel_pandas.delivery.journal.records import delivery_in, excluded_in, ids_in, positions_in
from mixpanel_pandas.delivery.journal.sessions import (
    codes,
    combined,
    last_words,
    with_settled,
    without_delivered,
)
from mixpanel_pandas.delivery.policy import ENDED, Stop
from mixpanel_pandas.delivery.summary import outcomes, summarise
from mixpanel_pandas.payloads.changes import Excluded
from mixpanel_pandas.project import destination
from mixpanel_pandas.rules.outcomes import OUTCOMES, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mixpanel_pandas.delivery.journal.records import Record
    from mixpanel_pandas.delivery.pending import Delivery

__all__ = ["ACCEPTED", "CARRIED", "UNKNOWN", "Run", "RunState", "replay", "run_ids", "run_of"]

#: Rows with ids that an earlier content of the run has dealt with: reason -> outcome, text.
CARRIED: dict[str, tuple[Outcome, str]] = {
    "sent before": ("skipped", "this run has an accepted update of the id, from an earlier frame"),
    "in doubt": (
        "unknown",
        "an update of the id, from an earlier frame, may be applied and must not be twice",
    ),
    "sent in part": (
        "not_sent",
        "of the updates of the id, from an earlier frame, some are applied and must not be twice",
    ),
}

ACCEPTED, UNKNOWN = (OUTCOMES.index(name) for name in ("accepted", "unknown"))


class Run(NamedTuple):
    """A run of a journal.

    Attributes
    ----------
    summary : pandas.DataFrame
        As the verb returned it, or would have.
    outcomes : pandas.DataFrame
        What became of each row, on an index of the ids: outcome, status_code, attempts, error.
    """

    summary: pd.DataFrame
    outcomes: pd.DataFrame


@dataclass
class RunState:
    """A run as its records leave it.

    Attributes
    ----------
    number : int
        Of the run in the file.
    begun : dict
        What was written down when it began: name, content, described, operator, idempotent, rows, rows_per_slice, ids, id.
    excluded : list of LeftOut
        Rows that are not sent, known before the first session.
    slices : dict of int to bytes
        Fingerprint of the payloads at each place.
    deliveries : list of Delivery
        What became of the rows over all sessions; no row is in two.
    sessions : int
        How many there were.
    held : list of LeftOut
        Rows that the last session held back.
    ended : float or None
        When the last session ended, in seconds since 1970, or wrote its last answer.
    stopped : Stop
        Why its last session left rows.
    unfolded : list of Delivery
        What the session that is being read has written down.
    """

    number: int
    begun: dict[str, Any]
    excluded: list[Excluded] = field(default_factory=list)
    slices: dict[int, bytes] = field(default_factory=dict)
    deliveries: list[Delivery] = field(default_factory=list)
    sessions: int = 0
    held: list[Excluded] = field(default_factory=list)
    ended: float | None = None
    stopped: Stop = ENDED
    unfolded: list[Delivery] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Rows of the frame."""
        return int(self.begun["rows"])

    @property
    def idempotent(self) -> bool:
        """Whether all operators are idempotent."""
        return bool(self.begun["idempotent"])

    @property
    def carried(self) -> list[Excluded]:
        """Rows whose ids an earlier content of the run has dealt with."""
        return [left for left in self.excluded if left.reason in CARRIED]

    def mask(self, *reasons: str) -> np.ndarray:
        """Return the mask of the rows that are not sent, for some reasons or for any."""
        mask = np.zeros(self.rows, bool)
        for left in self.excluded:
            mask[left.positions] |= not reasons or left.reason in reasons
        return mask

    def doubtful(self) -> np.ndarray:
        """Return the mask of the rows that may or may not be applied."""
        doubtful: np.ndarray = (codes(self.deliveries, self.rows) == UNKNOWN) | self.mask("in doubt")
        return doubtful

    def settled(self) -> np.ndarray:
        """Return the mask of the rows that are not sent again: accepted, or in doubt where they must not be applied twice."""
        last = codes(self.deliveries, self.rows)
        final = [ACCEPTED] if self.idempotent else [ACCEPTED, UNKNOWN]
        settled: np.ndarray = np.isin(last, final) | self.mask(*CARRIED)
        return settled

    def finished(self) -> bool:
        """Return whether nothing is left to try."""
        return self.sessions > 0 and bool((self.settled() | self.mask()).all())

    def untouched(self) -> bool:
        """Return whether no row is, or may be, applied."""
        return not np.isin(codes(self.deliveries, self.rows), [ACCEPTED, UNKNOWN]).any()

    def excludes(self, excluded: Iterable[Excluded]) -> bool:
        """Return whether the checks left out exactly these rows."""
        theirs = np.zeros(self.rows, bool)
        for left in excluded:
            theirs[left.positions] = True
        return bool((theirs == (self.mask() & ~self.mask(*CARRIED))).all())


def replay(records: Iterable[Record]) -> RunState:
    """Return a run as its records leave it; the first of them began it."""
    begin, *rest = records
    state = RunState(begin.run, begin.values)
    for record in rest:
        _REPLAYED[record.kind](state, record)
    _fold(state)
    return state


def _excluded(state: RunState, record: Record) -> None:
    (state.held if record.session else state.excluded).append(excluded_in(record))


def _slice(state: RunState, record: Record) -> None:
    state.slices[record.values["number"]] = record.more or b""


def _session(state: RunState, record: Record) -> None:
    _fold(state)
    state.sessions, state.held, state.stopped = record.session, [], ENDED
    state.ended = record.values["began"]


def _delivery(state: RunState, record: Record) -> None:
    delivery = delivery_in(record)
    state.unfolded.append(delivery)
    if delivery.started is not None:
        state.ended = max(state.ended or 0.0, delivery.started + delivery.elapsed)


def _end(state: RunState, record: Record) -> None:
    values = record.values
    state.ended = values["ended"]
    if values["reason"]:
        state.stopped = Stop(values["reason"], values["error"])


def _settle(state: RunState, record: Record) -> None:
    """Settle rows, also those that an earlier content of the run left in doubt."""
    _fold(state)
    values = record.values
    rows = np.zeros(state.rows, bool)
    rows[np.asarray(positions_in(values, record.more))] = True
    state.deliveries = with_settled(state.deliveries, rows, applied=values["applied"])
    state.excluded = [
        part for left in state.excluded for part in _settled_carried(left, rows, applied=values["applied"])
    ]


def _settled_carried(left: Excluded, rows: np.ndarray, *, applied: bool) -> list[Excluded]:
    """Return rows that were left out, those in doubt as sent before if they were applied, else not at all."""
    if left.reason != "in doubt":
        return [left]
    outcome, error = CARRIED["sent before"]
    now = rows[left.positions]
    parts = [replace(left, positions=left.positions[~now])]
    parts += [Excluded(left.positions[now], outcome, "sent before", error)] * applied
    return [part for part in parts if len(part.positions)]


_REPLAYED = {
    "excluded": _excluded,
    "slice": _slice,
    "session": _session,
    "delivery": _delivery,
    "end": _end,
    "settled": _settle,
}


def _fold(state: RunState) -> None:
    """Combine the deliveries of a session that is over with those before."""
    last = last_words(state.unfolded, state.rows)
    state.deliveries = combined(state.deliveries, last, state.rows)
    state.unfolded = []


def run_of(state: RunState, ids: pa.ChunkedArray) -> Run:
    """Return the summary of a run, and the outcome of each row."""
    summary = summarise(
        state.deliveries,
        [*state.excluded, *without_delivered(state.held, state.deliveries, state.rows)],
        operator=state.begun["operator"],
        rows=state.rows,
        digest=state.begun["ids"],
        idempotent=state.idempotent,
        stopped=state.stopped,
    )
    summary.attrs["mixpanel"] |= {
        "id": state.begun["id"],
        **destination(state.begun["described"].get("project")),
    }
    index = pd.Index(ids.to_pandas(), name="id")
    return Run(summary, outcomes(summary, index, state.begun["ids"]))


def run_ids(records: Iterable[Record]) -> pa.ChunkedArray:
    """Return the ids of a run."""
    chunks = [chunk for record in records for chunk in ids_in(record).chunks]
    return pa.chunked_array(chunks, pa.large_string())

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
from mixpanel_pandas.delivery.policy import PROCESS_ENDED, Stop
from mixpanel_pandas.delivery.summary import outcomes, summarise
from mixpanel_pandas.payloads.changes import Excluded
from mixpanel_pandas.payloads.fingerprint import digest_of_call
from mixpanel_pandas.project import destination
from mixpanel_pandas.rules.outcomes import OUTCOMES, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mixpanel_pandas.delivery.journal.records import Record
    from mixpanel_pandas.delivery.pending import Delivery

__all__ = ["ACCEPTED", "CARRIED", "UNKNOWN", "Run", "RunState", "replay", "run_ids", "run_of"]

#: Reason why an id is not sent, after an earlier content of the run -> outcome and error of its rows.
CARRIED: dict[str, tuple[Outcome, str]] = {
    "sent before": ("skipped", "this run has an accepted update of the id, from an earlier frame"),
    "in doubt": (
        "unknown",
        "an update of the id, from an earlier frame, may have been applied, and must not be applied twice",
    ),
    "sent in part": (
        "not_sent",
        "some updates of the id, from an earlier frame, were applied, and must not be applied twice",
    ),
}

ACCEPTED, UNKNOWN = (OUTCOMES.index(name) for name in ("accepted", "unknown"))


class Run(NamedTuple):
    """A run of a journal.

    Attributes
    ----------
    summary : pandas.DataFrame
        The summary that the verb returned or would have returned.
    outcomes : pandas.DataFrame
        The outcome of each row, on an index of the ids: outcome, status_code, attempts, error.
    """

    summary: pd.DataFrame
    outcomes: pd.DataFrame


@dataclass
class RunState:
    """What the records of a run tell about it.

    Attributes
    ----------
    number : int
        The number of the run in the file.
    begun : dict
        The record of its beginning: name, content, described, operator, idempotent, rows, rows_per_slice, ids, id.
    excluded : list of Excluded
        Rows that are not sent, as decided before the first session.
    slices : dict of int to bytes
        The fingerprint of each slice.
    deliveries : list of Delivery
        The outcomes of the rows over all sessions. No row is twice in them.
    sessions : int
        How many sessions there were.
    held : list of Excluded
        Rows that the last session held back.
    ended : float or None
        When the last session ended or had its last answer, in seconds since 1970.
    stopped : Stop
        Why the last session left rows.
    unfolded : list of Delivery
        Deliveries of the session that is being read.
    """

    number: int
    begun: dict[str, Any]
    excluded: list[Excluded] = field(default_factory=list)
    slices: dict[int, bytes] = field(default_factory=dict)
    deliveries: list[Delivery] = field(default_factory=list)
    sessions: int = 0
    held: list[Excluded] = field(default_factory=list)
    ended: float | None = None
    stopped: Stop = PROCESS_ENDED
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
        """The rows that are not sent because of an earlier content of the run."""
        return [excluded for excluded in self.excluded if excluded.reason in CARRIED]

    def mask(self, *reasons: str) -> np.ndarray:
        """Return the mask of the rows that are not sent, for one of some reasons or for any."""
        mask = np.zeros(self.rows, bool)
        for excluded in self.excluded:
            mask[excluded.positions] |= not reasons or excluded.reason in reasons
        return mask

    def doubtful(self) -> np.ndarray:
        """Return the mask of the rows that may or may not be applied."""
        doubtful: np.ndarray = (codes(self.deliveries, self.rows) == UNKNOWN) | self.mask("in doubt")
        return doubtful

    def done(self) -> np.ndarray:
        """Return the mask of the rows that are not sent again: accepted ones, and those in doubt if they must not be applied twice."""
        last = codes(self.deliveries, self.rows)
        final = [ACCEPTED] if self.idempotent else [ACCEPTED, UNKNOWN]
        done: np.ndarray = np.isin(last, final) | self.mask(*CARRIED)
        return done

    def finished(self) -> bool:
        """Return whether no row is left to send."""
        return self.sessions > 0 and bool((self.done() | self.mask()).all())

    def untouched(self) -> bool:
        """Return whether surely no row is applied."""
        return not np.isin(codes(self.deliveries, self.rows), [ACCEPTED, UNKNOWN]).any()

    def excludes(self, excluded: Iterable[Excluded]) -> bool:
        """Return whether the checks excluded exactly these rows."""
        theirs = np.zeros(self.rows, bool)
        for several in excluded:
            theirs[several.positions] = True
        return bool((theirs == (self.mask() & ~self.mask(*CARRIED))).all())


def replay(records: Iterable[Record]) -> RunState:
    """Return what the records of a run tell. The first one is that of its beginning."""
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
    state.sessions, state.held, state.stopped = record.session, [], PROCESS_ENDED
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
    """Settle rows, also those that are in doubt since an earlier content of the run."""
    _fold(state)
    values = record.values
    rows = np.zeros(state.rows, bool)
    rows[np.asarray(positions_in(values, record.more))] = True
    state.deliveries = with_settled(state.deliveries, rows, applied=values["applied"])
    state.excluded = [
        each
        for excluded in state.excluded
        for each in _settled_carried(excluded, rows, applied=values["applied"])
    ]


def _settled_carried(excluded: Excluded, rows: np.ndarray, *, applied: bool) -> list[Excluded]:
    """Return rows that are not sent, after some of them were settled.

    Those in doubt become "sent before" if they were applied, else they are to be sent.
    """
    if excluded.reason != "in doubt":
        return [excluded]
    outcome, error = CARRIED["sent before"]
    is_settled = rows[excluded.positions]
    remaining = [replace(excluded, positions=excluded.positions[~is_settled])]
    remaining += [Excluded(excluded.positions[is_settled], outcome, "sent before", error)] * applied
    return [each for each in remaining if len(each.positions)]


_REPLAYED = {
    "excluded": _excluded,
    "slice": _slice,
    "session": _session,
    "delivery": _delivery,
    "end": _end,
    "settled": _settle,
}


def _fold(state: RunState) -> None:
    """Combine the deliveries of a finished session with those of the sessions before."""
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
        "call": digest_of_call(state.begun["described"]),
        **destination(state.begun["described"].get("project")),
    }
    index = pd.Index(ids.to_pandas(), name="id")
    return Run(summary, outcomes(summary, index, state.begun["ids"]))


def run_ids(records: Iterable[Record]) -> pa.ChunkedArray:
    """Return the ids of a run."""
    chunks = [chunk for record in records for chunk in ids_in(record).chunks]
    return pa.chunked_array(chunks, pa.large_string())

"""What an answer means for the rows of a request: which are sent again, and which have a final answer. Pure.

A row is ``rejected`` or ``not_sent`` only if surely none of its updates is applied. If one may be applied, by this attempt or an
earlier one, the row is ``unknown``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from mixpanel_pandas.delivery.answers import NAMING, Answer
from mixpanel_pandas.delivery.policy import REACTIONS, FollowUp, Reaction, Stop
from mixpanel_pandas.payloads.batches import Batch
from mixpanel_pandas.payloads.row_set import RowSet
from mixpanel_pandas.text import joined

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mixpanel_pandas.delivery.answers import Evidence, Named
    from mixpanel_pandas.rules.outcomes import Outcome

__all__ = ["Delivery", "Pending", "Positions", "compact", "follow", "position_array", "rows_at"]

#: Rising positions of rows in the frame.
Positions = range | RowSet | np.ndarray


def compact(positions: Positions) -> range | RowSet:
    """Return rising positions in few bytes: as a range if they are neighbours.

    >>> compact(np.array([3, 4, 5])), compact(np.array([3, 5]))
    (range(3, 6), RowSet(array([3, 5])))
    """
    if isinstance(positions, range | RowSet):
        return positions
    start, stop = int(positions[0]), int(positions[-1]) + 1
    return range(start, stop) if stop - start == len(positions) else RowSet(positions)


def position_array(positions: Positions) -> np.ndarray:
    """Return positions as an array. (numpy turns a range into a list first.)"""
    if isinstance(positions, range):
        return np.arange(positions.start, positions.stop)
    return np.asarray(positions)


def rows_at(positions: Positions) -> slice | np.ndarray:
    """Return positions as numpy takes them for an index: a slice if they are a range, as nothing is copied then."""
    return slice(positions.start, positions.stop) if isinstance(positions, range) else np.asarray(positions)


@dataclass(frozen=True)
class Delivery:
    """The final answer on the rows of a batch, or on some of them.

    Attributes
    ----------
    batch : int
        Number of the batch.
    positions : range, RowSet or numpy.ndarray
        Positions of the rows in the frame, rising. Those that an upload keeps are `compact`.
    updates, bytes : int
        Updates of the rows, and the size of a body with them.
    outcome : str
        The outcome of the rows.
    apart : mapping
        Place of a row in `positions` -> its outcome and error, if they differ from the others.
    status_code : int or None
        The status of the last answer.
    requests, attempts : int
        How many requests are counted here, and how often the rows were sent.
    started : float or None
        When the first request began, in seconds since 1970.
    elapsed : float
        Seconds from there to the final answer, waits included.
    reason, error : str or None
        A short category, and a redacted text with the remedy. None for accepted rows.
    late : bool
        Whether an earlier attempt of these rows may still arrive.
    """

    batch: int
    positions: Positions
    updates: int
    bytes: int
    outcome: Outcome
    apart: Mapping[int, tuple[Outcome, str | None]] = field(default_factory=dict)
    status_code: int | None = None
    requests: int = 0
    attempts: int = 0
    started: float | None = None
    elapsed: float = 0.0
    reason: str | None = None
    error: str | None = None
    late: bool = False

    @property
    def rows(self) -> np.ndarray:
        """The positions as an array."""
        return position_array(self.positions)


@dataclass(frozen=True)
class Pending:
    """A batch, or rows of one, without a final answer.

    Attributes
    ----------
    batch : Batch
        The rows.
    attempts, requests : int
        How often the rows were sent, and how many requests are counted here. If a batch is divided, each request is counted once.
    tried : int
        How often exactly these rows were sent together.
    past : tuple of str
        Evidence of the attempts after which updates may be applied.
    unanswered, late : bool
        Whether an attempt had no complete answer, so that it may be applied at any time later, and whether the rows were sent
        again after it.
    status_code, error : int or None, str or None
        Status and text of the last answer.
    again : bool
        Whether named rows were removed from the request before.
    on_wire : bool
        Whether a request is under way.
    due : float
        When the next try may begin.
    started, began : float or None
        The time of the first request, in seconds since 1970 and on the clock of events.
    """

    batch: Batch
    attempts: int = 0
    requests: int = 0
    tried: int = 0
    past: tuple[Evidence, ...] = ()
    unanswered: bool = False
    late: bool = False
    status_code: int | None = None
    error: str | None = None
    again: bool = False
    on_wire: bool = False
    due: float = 0.0
    started: float | None = None
    began: float | None = None

    def sent(self, now: float, clock: float) -> Pending:
        """Return the rows with another request under way."""
        return replace(
            self,
            attempts=self.attempts + 1,
            requests=self.requests + 1,
            tried=self.tried + 1,
            on_wire=True,
            late=self.unanswered,
            started=now if self.started is None else self.started,
            began=clock if self.began is None else self.began,
        )

    def answered(self, answer: Answer) -> Pending:
        """Return the rows with their request answered."""
        may_be_applied = REACTIONS[answer.evidence].may_be_applied
        return replace(
            self,
            past=(*self.past, answer.evidence) if may_be_applied else self.past,
            unanswered=self.unanswered or (may_be_applied and not answer.complete),
            status_code=answer.status_code,
            error=answer.error,
            on_wire=False,
        )

    def of(self, batch: Batch, *, first: bool = False, again: bool = False) -> Pending:
        """Return some of the rows as pending by themselves. Only the first of several counts the requests so far."""
        requests = self.requests if first else 0
        return replace(self, batch=batch, tried=0, due=0.0, requests=requests, again=again or self.again)

    def halves(self) -> list[Pending]:
        """Return the two halves of the rows."""
        first, second = self.batch.split()
        return [self.of(first, first=True), self.of(second)]

    def ended(
        self,
        outcome: Outcome,
        reason: str | None,
        error: str | None,
        clock: float,
        apart: Mapping[int, tuple[Outcome, str | None]] | None = None,
    ) -> Delivery:
        """Return the final answer."""
        return Delivery(
            batch=self.batch.number,
            positions=compact(self.batch.positions),
            updates=self.batch.updates,
            bytes=self.batch.nbytes,
            outcome=outcome,
            apart=apart or {},
            status_code=self.status_code,
            requests=self.requests,
            attempts=self.attempts,
            started=self.started,
            elapsed=0.0 if self.began is None else clock - self.began,
            reason=reason,
            error=error,
            late=self.late,
        )

    def stopped(self, stop: Stop, clock: float) -> Delivery:
        """Return the final answer if nothing else is sent."""
        outcome: Outcome = "unknown" if self.past or self.on_wire else "not_sent"
        own = f"no further try: {stop.reason}" if self.attempts else stop.error
        error = "; before that: ".join(text for text in (own, self.error) if text)
        return self.ended(outcome, stop.reason, error, clock)


def follow(
    pending: Pending, answer: Answer, *, idempotent: bool, tries: int, clock: float, bisect: bool = True
) -> tuple[list[Pending], list[Delivery]]:
    """Return which rows are sent again after an answer, and which have a final answer.

    Parameters
    ----------
    pending : Pending
        The rows that were sent.
    answer : Answer
        The answer to their request.
    idempotent : bool
        Whether all operators are idempotent.
    tries : int
        How often the same rows are sent in all.
    clock : float
        The time on the clock of events.
    bisect : bool
        Whether a batch that is refused as a whole is bisected.
    """
    named = answer.named if answer.evidence in NAMING else ()
    refused = _refused(pending.batch, named)
    if named and not refused:  # one of the names identifies no row
        answer = replace(answer, evidence="none_applied" if answer.applied == 0 else "refused", named=())
    reaction = REACTIONS[answer.evidence]
    more = _go_on(pending.answered(answer), reaction.action(idempotent), tries, list(refused), bisect)
    if not refused:
        return (more, []) if more else ([], [_end(pending, answer, reaction, idempotent, clock)])
    return more, [_end_named(pending, answer, reaction, refused, bool(more), clock)]


def _go_on(pending: Pending, action: FollowUp, tries: int, refused: list[int], bisect: bool) -> list[Pending]:
    """Return what is sent next after an answer. It is nothing if the answer is final or no try is left."""
    following: dict[FollowUp, Callable[[], list[Pending]]] = {
        "retry": lambda: [pending] if pending.tried < tries else [],
        "halve": lambda: pending.halves() if len(pending.batch) > 1 else [],
        "bisect": lambda: pending.halves() if bisect and len(pending.batch) > 1 else [],
        "again": lambda: _rest(pending, refused),
    }
    return following.get(action, list)()


def _rest(pending: Pending, refused: list[int]) -> list[Pending]:
    kept = np.ones(len(pending.batch), bool)
    kept[refused] = False
    return [pending.of(_take(pending.batch, kept), again=True)] if kept.any() and not pending.again else []


def _end(pending: Pending, answer: Answer, reaction: Reaction, idempotent: bool, clock: float) -> Delivery:
    """Return the final answer on rows if none of them is named."""
    action, answered = reaction.action(idempotent), pending.answered(answer)
    refused_whole = action == "bisect" and reaction.may_be_applied
    # one update may be at fault, and the others applied
    some_applied = refused_whole and (pending.batch.updates > 1 or bool(answer.applied))
    outcome = _over_all(pending, "unknown" if action == "unknown" or some_applied else reaction.last)
    if outcome == "accepted":
        return answered.ended(outcome, None, None, clock)
    error = joined(answer.error, reaction.remedy_of(idempotent))
    return answered.ended(outcome, reaction.reason, error, clock)


def _end_named(
    pending: Pending,
    answer: Answer,
    reaction: Reaction,
    refused: dict[int, Named],
    rest_goes_on: bool,
    clock: float,
) -> Delivery:
    """Return the final answer on the named rows, and on the others unless they are sent again."""
    answered = pending.answered(answer)
    all_refused = _all_refused(pending.batch, answer)
    apart = {
        row: (
            _over_all(pending, "rejected" if all_refused(row) else "unknown"),
            joined(record.message or answer.error, reaction.remedy),
        )
        for row, record in refused.items()
    }
    if rest_goes_on:
        rows = sorted(apart)
        named = np.zeros(len(pending.batch), bool)
        named[rows] = True
        answered = replace(answered, batch=_take(pending.batch, named))
        apart = {place: apart[row] for place, row in enumerate(rows)}
    if len(apart) == len(answered.batch):
        outcome, error = apart[0]
        return answered.ended(outcome, reaction.reason, error, clock, apart)
    outcome = _over_all(pending, reaction.last)
    text = None if outcome == "accepted" else joined(answer.error, reaction.remedy)
    return answered.ended(outcome, reaction.reason, text, clock, apart)


def _over_all(pending: Pending, outcome: Outcome) -> Outcome:
    """Return the outcome over all attempts. It is unknown if an earlier attempt may be applied."""
    return "unknown" if pending.past and outcome in {"rejected", "not_sent"} else outcome


def _refused(batch: Batch, named: tuple[Named, ...]) -> dict[int, Named]:
    """Return row -> the first record that names it. If a record identifies no row, or several, return nothing."""
    if not named:
        return {}
    rows, ids = batch.rows_of_records(), _ids(batch, named)
    refused: dict[int, Named] = {}
    for record in named:  # few, and each by itself
        places = {ids.get(record.id)} if record.id is not None else set()
        places |= {int(rows[record.index])} if record.index is not None else set()
        if len(places) != 1 or (row := places.pop()) is None:
            return {}
        refused.setdefault(row, record)
    return refused


def _ids(batch: Batch, named: tuple[Named, ...]) -> dict[str, int]:
    """Return id -> row if a record is named by its id. Rows of a request have different ids."""
    if all(record.id is None for record in named):
        return {}
    ids = (str(record.get("$distinct_id", record.get("$group_id"))) for record in batch.records())
    return dict(zip(ids, batch.rows_of_records().tolist(), strict=True))


def _all_refused(batch: Batch, answer: Answer) -> Callable[[int], bool]:
    """Return a function of a row that tells whether surely none of its updates is applied.

    That is so if the answer counts none as applied, or names all updates of the row.
    """
    named = {record.index for record in answer.named if record.index is not None}
    by_index = np.bincount(batch.rows_of_records()[sorted(named)], minlength=len(batch))
    updates = batch.payloads.updates
    return lambda row: bool(answer.applied == 0 or updates[row] == 1 or by_index[row] == updates[row])


def _take(batch: Batch, rows: np.ndarray) -> Batch:
    return Batch(batch.number, batch.payloads.filter(rows))

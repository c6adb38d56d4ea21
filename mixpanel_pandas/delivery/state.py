"""The state of an upload: it takes events and returns actions. It has no threads, no clock and no sockets.

A worker does one thing at a time: it draws a batch, waits for a note to be written, makes a request, or rests. When it is
done, it reports an event and gets its next actions. `Upload` carries the actions out in threads. The tests also do so in a
simulation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mixpanel_pandas.delivery.events import (
    Absent,
    Action,
    Answered,
    Closed,
    Draw,
    Drawn,
    Event,
    Failed,
    Leave,
    Ready,
    Rest,
    Send,
    StopAsked,
    Wake,
    Write,
    Written,
)
from mixpanel_pandas.delivery.pending import Delivery, Pending, follow
from mixpanel_pandas.delivery.policy import (
    PROCESS_ENDED,
    REACTIONS,
    REFUSAL_EVIDENCE,
    RefusalCount,
    Stop,
    pause,
    tries,
)
from mixpanel_pandas.delivery.progress import Progress
from mixpanel_pandas.delivery.throttle import Throttle

if TYPE_CHECKING:
    from collections.abc import Callable

    from mixpanel_pandas.delivery.answers import Answer
    from mixpanel_pandas.payloads.batches import Batch

__all__ = ["DEADLINE", "UploadState"]

#: Evidence of an outage, if retries bring nothing else.
EXHAUSTING = frozenset({"no_connection", "rate_limited", "unclear"})

#: Why rows were not sent when the deadline came.
DEADLINE = Stop("deadline", "the deadline passed before these rows were sent: send the failures again")

#: Why rows have no answer if the upload ends while their request is on the wire.
CLOSED = Stop("interrupted", "the upload ended before an answer came")


@dataclass
class UploadState:
    """An upload under way.

    Parameters
    ----------
    workers : int
        How many workers there are. Each begins with the event `Ready`.
    idempotent : bool
        Whether all operators are idempotent.
    retries : int
        How often a request is tried again.
    backoff : float
        Seconds before the first retry.
    chance : callable
        Returns a random number from 0 to 1, for the jitter of pauses.
    throttle : Throttle
        Says when a request may begin.
    deadline : float
        The time after which no request begins. Requests on the wire end at this time.
    journalled : bool
        Whether a note is written before each request and after it.
    epoch : float
        The zero of the times of events, in seconds since 1970.

    Attributes
    ----------
    deliveries : list of Delivery
        Final answers so far.
    stopped : Stop or None
        Why nothing else is sent.
    closed : bool
        Whether the upload is over.
    error : BaseException or None
        The first error that a worker raised.
    connection_failed : str or None
        Why the very first connection could not be made. Nothing was sent then.
    active : set of int
        Workers that have not left.
    rows, requests, bytes : int
        Rows that Mixpanel accepted or rejected, requests that were answered, and bytes of their bodies.
    """

    workers: int
    idempotent: bool
    retries: int
    backoff: float
    chance: Callable[[], float]
    throttle: Throttle = field(default_factory=Throttle)
    deadline: float = math.inf
    journalled: bool = False
    epoch: float = 0.0

    deliveries: list[Delivery] = field(default_factory=list)
    stopped: Stop | None = None
    closed: bool = False
    error: BaseException | None = None
    connection_failed: str | None = None
    active: set[int] = field(init=False)
    rows: int = 0
    requests: int = 0
    bytes: int = 0

    def __post_init__(self) -> None:
        self.active = set(range(self.workers))
        self._now = 0.0
        self._wake = False
        self._open: dict[int, list[Pending]] = {}  # worker -> what it has left to send, the next request last
        self._of_batch: dict[int, RefusalCount] = {}
        self._refusals, self._exhausted = RefusalCount(), 0
        self._drawing: set[int] = set()
        self._drawn = self._exhaustive = False  # one batch was drawn; all were
        # rows wait for the end of a wave; the next wave is being begun
        self._waiting = self._advancing = False
        self._wave: list[Delivery] = []  # final answers of this wave
        self._met = False  # somebody answered, or no worker needs to wait for that
        self._answered_once = self._accepted = False
        self._rest: tuple[float, str] = (-math.inf, "")

    def continue_from(self, before: UploadState) -> None:
        """Begin with the answers, the counts and the throttle of an earlier part of the upload, which is over."""
        self.deliveries, self.throttle = list(before.deliveries), before.throttle
        self.rows, self.requests, self.bytes = before.rows, before.requests, before.bytes
        self._met, self._answered_once, self._accepted = before._met, before._answered_once, before._accepted

    def next(self, event: Event, now: float) -> list[Action]:
        """Take an event, and return what its worker does next. `Wake` concerns all workers."""
        self._now, self._wake = now, False
        actions = self._after(event)
        if self._wake:
            actions.append(Wake())
        return actions

    def _after(self, event: Event) -> list[Action]:
        match event:
            case Ready(worker):
                return self._go_on(worker)
            case Drawn(worker, batch, waiting):
                return self._after_draw(worker, batch, waiting)
            case Written(worker):
                return self._may_send(worker)
            case Answered(worker, answer):
                return self._after_answer(worker, answer)
            case Failed(worker, error):
                return self._after_failure(worker, error)
            case Absent(worker):
                return self._leave(worker)
            case StopAsked(stop):
                self._stop(stop)
                return []
            case Closed():
                return self._close()

    def progress(self, total: int, now: float) -> Progress:
        """Return the progress of the upload, of `total` rows."""
        until, words = self._rest
        left = until - now
        waiting = words.format(seconds=f"{left:.0f} s") if left > 0 and self.stopped is None else ""
        return Progress(self.rows, total, self.requests, self.bytes, waiting)

    # -- batches ------------------------------------------------------------------------------------------------------

    def _go_on(self, worker: int) -> list[Action]:
        """Return what a worker does next, with the batch that it has or with another one."""
        if self.closed:
            return self._leave(worker)
        return self._go_on_with(worker) if self._open.get(worker) else self._draw(worker)

    def _draw(self, worker: int) -> list[Action]:
        """Let a worker draw a batch. The second batch waits until the first one was answered."""
        if self.stopped or self._exhaustive:
            return self._leave(worker)
        if self._advancing or (self._drawn and not self._met):
            return [Rest(math.inf)]
        finished_wave = None
        if self._waiting:
            if self._drawing or any(self._open.values()):
                return [Rest(math.inf)]
            finished_wave, self._wave = tuple(self._wave), []
            self._waiting, self._advancing = False, True
        self._drawn = True
        self._drawing.add(worker)
        return [Draw(finished_wave)]

    def _after_draw(self, worker: int, batch: Batch | None, waiting: bool) -> list[Action]:
        self._drawing.discard(worker)
        # otherwise no worker rests because of this draw
        self._wake |= batch is None or self._advancing or self._waiting
        self._advancing = False
        if batch is None:
            self._met = True
            self._waiting, self._exhaustive = waiting, not waiting
        elif not self.closed:
            self._open[worker], self._of_batch[worker] = [Pending(batch)], RefusalCount()
        return self._go_on(worker)

    # -- requests -----------------------------------------------------------------------------------------------------

    def _go_on_with(self, worker: int) -> list[Action]:
        """Return what a worker does with its batch: rest, wait for a note to be written, make a request, or end it."""
        if self.stopped:
            return [*self._end_all(worker, self.stopped), *self._leave(worker)]
        pending = self._open[worker][-1]
        nbytes = pending.batch.nbytes
        free, by_rate = self.throttle.free(self._now, nbytes)
        until = max(free, pending.due)
        if until >= self.deadline:
            if self._now < self.deadline:
                return [Rest(self.deadline)]
            self._stop(DEADLINE)
            return self._go_on_with(worker)
        if until > self._now:
            self._tell_of_rest(pending, until, by_rate=by_rate and until == free)
            return [Rest(until)]
        self.throttle.add(self._now, nbytes)
        if not self.journalled:
            return self._may_send(worker)
        return [Write((self._sent(pending).stopped(PROCESS_ENDED, self._now),), wait=True)]

    def _tell_of_rest(self, pending: Pending, until: float, *, by_rate: bool) -> None:
        """Keep the wait for the progress. If another worker's answer causes it, that worker has kept it already."""
        if by_rate:
            self._rest = (until, "rate limit, waiting {seconds}")
        elif until == pending.due:
            status, tried = pending.status_code or "no answer", pending.tried + 1
            self._rest = (until, f"{status}, waiting {{seconds}} (try {tried} of {self._allowed()})")

    def _allowed(self) -> int:
        return tries(self.retries, met=self._answered_once)

    def _sent(self, pending: Pending) -> Pending:
        return pending.sent(self.epoch + self._now, self._now)

    def _may_send(self, worker: int) -> list[Action]:
        """Send, unless the upload was stopped while the note was written. This is the last check before a request."""
        if self.closed or self.stopped:
            return self._go_on(worker)
        stack = self._open[worker]
        stack[-1] = self._sent(stack[-1])
        return [Send(stack[-1].batch, self.deadline)]

    def _after_answer(self, worker: int, answer: Answer) -> list[Action]:
        if self.closed:
            return self._leave(worker)
        stack = self._open[worker]
        pending = stack[-1]
        self.requests, self.bytes = self.requests + 1, self.bytes + pending.batch.nbytes
        self._refusals = self._refusals.after(answer.evidence, answer.error)
        self._of_batch[worker] = self._of_batch[worker].after(answer.evidence, answer.error)
        self._answered_once |= answer.evidence != "no_connection"
        more, done = follow(
            pending, answer,
            idempotent=self.idempotent, tries=self._allowed(), clock=self._now,
            bisect=not self._of_batch[worker].exhausted,
        )  # fmt: skip
        self._stop_if_pointless(answer, more, done)
        wait = pause(pending.tried, self.backoff, answer.retry_after, self.chance)
        if answer.evidence == "rate_limited":
            self.throttle.hold(self._now + wait)
        more = [replace(later, due=self._now + wait) if later.tried else later for later in more]
        stack[-1:] = reversed(more)
        self._count(done)
        if self._answered_once and answer.evidence not in REFUSAL_EVIDENCE:
            self._meet()
        if not stack:
            self._end_batch()
        return [
            *self._note([*done, *(later.stopped(PROCESS_ENDED, self._now) for later in more)]),
            *self._go_on(worker),
        ]

    def _stop_if_pointless(self, answer: Answer, more: list[Pending], done: list[Delivery]) -> None:
        """Stop if an answer shows that no other request can succeed."""
        if answer.evidence == "no_connection" and not more and not self._answered_once:
            self.connection_failed = done[0].error
            self._stop(Stop("no connection", f"nothing was sent: {done[0].error}"))
        if REACTIONS[answer.evidence].action(self.idempotent) == "stop":
            self._stop(Stop("denied", f"not sent after an answer to another batch: {done[0].error}"))
        self._break_circuit(answer, done)

    def _break_circuit(self, answer: Answer, done: list[Delivery]) -> None:
        """Stop after too many requests in a row without a clear answer.

        The limit is the number of workers. If requests are not tried again, it is at least the tries that a request would have.
        """
        if answer.evidence not in EXHAUSTING:
            self._exhausted = 0
        elif done:
            self._exhausted += 1
        most = self.workers if self.idempotent else max(self.workers, self.retries + 1)
        if done and self._exhausted >= most:
            error = f"not sent after {most} requests in a row without a clear answer: {done[0].error}"
            self._stop(Stop("circuit breaker", error))

    def _end_batch(self) -> None:
        """Stop if all requests so far were refused, else let the other workers begin."""
        if self._refusals.exhausted and not self._accepted:
            self._stop(
                Stop("refused", f"not sent, because nothing was accepted before: {self._refusals.text}")
            )
        self._meet()

    def _meet(self) -> None:
        self._wake |= not self._met
        self._met = True

    def _count(self, done: list[Delivery]) -> None:
        for delivery in done:
            self.deliveries.append(delivery)
            self._wave.append(delivery)
            self._accepted |= delivery.outcome == "accepted"
            if delivery.outcome in {"accepted", "rejected"}:
                self.rows += len(delivery.positions)
        self._wake |= self._waiting and bool(done)

    def _note(self, deliveries: list[Delivery]) -> list[Action]:
        return [Write(tuple(deliveries))] if self.journalled and deliveries else []

    # -- the end ------------------------------------------------------------------------------------------------------

    def _stop(self, stop: Stop) -> None:
        """Send nothing else. The first reason is kept."""
        self.stopped = self.stopped or stop
        self._met = self._wake = True

    def _end_all(self, worker: int, stop: Stop) -> list[Action]:
        """Give final answers to all rows that a worker has."""
        done = [pending.stopped(stop, self._now) for pending in reversed(self._open.pop(worker, []))]
        self._count(done)
        return self._note(done)

    def _leave(self, worker: int) -> list[Action]:
        self.active.discard(worker)
        self._wake = True
        return [Leave()]

    def _after_failure(self, worker: int, error: BaseException) -> list[Action]:
        self.error = self.error or error
        self._drawing.discard(worker)
        self._advancing = False
        text = f"the upload ended with {type(error).__name__}"
        self._stop(Stop("error", f"{text} before these rows were sent"))
        return [*self._end_all(worker, Stop("error", text)), *self._leave(worker)]

    def _close(self) -> list[Action]:
        """Give final answers to all rows that have none. Those on the wire may be applied."""
        done = [
            pending.stopped(CLOSED if pending.on_wire else self.stopped or CLOSED, self._now)
            for stack in self._open.values()
            for pending in reversed(stack)
        ]
        self._open.clear()
        self._count(done)
        self._stop(CLOSED)
        self.closed = True
        return self._note(done)

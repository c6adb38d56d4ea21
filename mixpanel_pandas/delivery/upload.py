"""Batches -> deliveries, in parallel: the only module with threads.

Workers draw from the iterator of batches, one at a time and under a lock, so that no more batches exist than workers, and
so that Ctrl-C, which strikes the main thread, never breaks the iterator. The first batch travels alone until somebody
answers. The thread that asks for the result drives the progress bar.
"""

from __future__ import annotations

import logging
import math
import random
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from mixpanel_pandas.delivery import http
from mixpanel_pandas.delivery.answers import read
from mixpanel_pandas.delivery.pending import Delivery, Pending, follow
from mixpanel_pandas.delivery.policy import DECISIONS, ENDED, REFUSALS, Refusals, Stop, pause, tries
from mixpanel_pandas.delivery.throttle import Throttle
from mixpanel_pandas.notebook import in_notebook
from mixpanel_pandas.wording import counted, duration, percent, short, size_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mixpanel_pandas.delivery.answers import Answer
    from mixpanel_pandas.delivery.http import Client
    from mixpanel_pandas.payloads.batches import Batch
    from mixpanel_pandas.project import Project

__all__ = ["Lines", "Progress", "Upload", "start", "unbroken"]

Result = TypeVar("Result")

#: Final answers so far -> batches that had to wait for them, or None.
Later = Callable[[list[Delivery]], "Iterator[Batch] | None"]

#: What becomes of some rows -> a note of it, in a journal.
Record = Callable[[list[Delivery]], None]

#: Seconds that what is on the wire has to answer after a stop, and that a worker has to end after its socket was shut.
GRACE, END = 5.0, 1.0
#: Evidence of an outage, when it is all that retries brought.
EXHAUSTING = frozenset({"no_connection", "rate_limited", "unclear"})
#: Seconds between two looks at the progress, and between two lines about it in the log.
TICK, LINE = 0.2, 60.0

logger = logging.getLogger("mixpanel_pandas")


@dataclass(frozen=True)
class Progress:
    """How far an upload is.

    Attributes
    ----------
    rows, total : int
        Rows that Mixpanel took or refused, and rows to send.
    requests, bytes : int
        Requests made, and bytes of their bodies.
    waiting : str
        The wait that goes on: ``429, waiting 8 s (try 3 of 9)``; empty if none does.
    """

    rows: int
    total: int
    requests: int
    bytes: int
    waiting: str

    def __str__(self) -> str:
        return ", ".join(part for part in (f"{self.bytes / 1e6:,.1f} MB", self.waiting) if part)

    def in_words(self, seconds: float) -> str:
        """Return all of it in one line, with the rate and the time that is left by that.

        Parameters
        ----------
        seconds : float
            Since the upload began.
        """
        rate = self.rows / seconds if seconds > 0 else 0.0
        parts = [
            f"{self.rows:,} of {counted(self.total, 'row')}",
            *([f"{percent(self.rows / self.total)}"] if self.total else []),
            counted(self.requests, "request"),
            size_of(self.bytes),
            *(
                [f"{short(rate)} rows/s, about {duration((self.total - self.rows) / rate)} left"]
                if rate
                else []
            ),
        ]
        return "; ".join(part for part in (", ".join(parts), self.waiting) if part)


class Lines:
    """Lines in the log about an upload that nobody watches, never more than one a minute.

    Parameters
    ----------
    label : str
        What the upload is called.
    clock : callable
        Seconds that only grow.
    """

    def __init__(self, label: str, clock: Callable[[], float]) -> None:
        self._label, self._clock = label, clock
        self._began = clock()
        self._due = self._began + LINE

    def tell(self, progress: Progress) -> None:
        """Write a line if a minute has passed since the last one, or since the begin."""
        now = self._clock()
        if now >= self._due:
            self._due = now + LINE
            logger.info("%s: %s", self._label or "upload", progress.in_words(now - self._began))


def _attempt(
    client: Client, url: str, body: bytes, *, records: int, timeout: float, secrets: tuple[str, ...]
) -> Answer:
    """Post `body` once and return what the answer, or its absence, says."""
    return read(client.send(http.Request(url, body), timeout=timeout), records, secrets=secrets)


def start(
    batches: Iterator[Batch],
    project: Project,
    endpoint: Literal["engage", "groups"],
    *,
    idempotent: bool,
    workers: int = 4,
    label: str = "",
    rows: int = 0,
    progress: bool | None = None,
    session: Callable[[Project], Client] = http.Client,
    attempt: Callable[..., Answer] = _attempt,
    gate: Throttle | None = None,
    chance: Callable[[], float] = random.random,
    later: Later | None = None,
    record: Record | None = None,
    begin: bool = True,
) -> Upload:
    """Begin to send `batches` and return at once.

    Parameters
    ----------
    batches : iterator of Batch
        Drawn by the workers, one after the other.
    project : Project
        Where to, as whom, and how patiently.
    endpoint : {"engage", "groups"}
        User profiles or group profiles.
    idempotent : bool
        Whether all operators are idempotent.
    workers : int
        Requests under way at most.
    label : str
        What the progress bar is called.
    rows : int
        How many rows the batches hold, for progress.
    progress : bool, optional
        Whether a bar is shown; None: in a notebook or a terminal.
    session, attempt, gate, chance
        What tests and the emulator put in place of the network, the clock and random numbers.
    later : callable, optional
        Asked when all batches have final answers, and given these: returns the batches that had to wait for that, or None.
    record : callable, optional
        Given what becomes of the rows of a request if the process ends there and then: before it is made, and again after
        its answer. Where it raises, nothing else is sent.
    begin : bool
        Whether to begin at once; otherwise `Upload.result` does, which no Ctrl-C can miss.

    Raises
    ------
    ProjectError
        If the environment names certificates that do not exist.
    """
    sessions = [session(project) for _ in range(workers)]
    upload = Upload(
        iter(batches), project, endpoint, idempotent, sessions, attempt, gate or Throttle(), chance
    )
    upload.label, upload.total, upload.bar_wanted, upload.later = label, rows, progress, later
    upload.record = record
    if begin:
        upload.begin()
    return upload


class Upload:
    """An upload under way; `start` makes it.

    Attributes
    ----------
    deliveries : list of Delivery
        The final answers so far.
    interrupted : bool
        Whether Ctrl-C ended it.
    connection_failed : str or None
        Why the very first connection could not be made; nothing was sent then.
    """

    label, total = "", 0
    bar_wanted: bool | None = False
    later: Later | None = None
    record: Record | None = None

    def __init__(
        self,
        batches: Iterator[Batch],
        project: Project,
        endpoint: str,
        idempotent: bool,
        sessions: list[Client],
        attempt: Callable[..., Answer],
        gate: Throttle,
        chance: Callable[[], float],
    ) -> None:
        self.deliveries: list[Delivery] = []
        self.interrupted = False
        self.connection_failed: str | None = None
        self._batches, self._project, self._idempotent = batches, project, idempotent
        self._attempt, self._gate, self._chance = attempt, gate, chance
        self._url = http.address(project, endpoint)
        self._secrets = http.secrets_of(project)
        self._sessions = sessions
        self._drawing, self._lock = threading.Lock(), threading.RLock()
        self._settled = threading.Condition(self._lock)  # a batch has got its final answers
        self._met = threading.Event()  # somebody answered, or nobody needs to wait for that any more
        self._ended, self._at_work = threading.Event(), len(sessions)
        self._drawn = self._closed = False
        self._answered = self._accepted = False
        self._refusals = Refusals()  # of all batches
        self._exhausted = 0
        self._open: dict[int, list[Pending]] = {}
        self._rows = self._requests = self._bytes = 0
        self._error: BaseException | None = None
        self._deadline = math.inf
        self._waits, self._strikes, self._heeded = False, 0, 0  # whether a Ctrl-C ends a wait; how many came
        self._bar: Any = None
        self._lines = Lines("", gate.clock)
        self._workers = [
            threading.Thread(
                target=self._work, args=(number, session), daemon=True, name="mixpanel_pandas upload"
            )
            for number, session in enumerate(sessions)
        ]
        self._waiting = list(self._workers)

    def begin(self) -> None:
        """Let the workers begin; those that have begun go on."""
        if len(self._waiting) == len(self._workers):
            self._lines = Lines(self.label, self._gate.clock)
        while self._waiting:
            with suppress(RuntimeError):  # it had begun when Ctrl-C struck
                self._waiting[0].start()
            self._waiting.pop(0)

    @property
    def stopped(self) -> Stop | None:
        """Why nothing else is sent, if so."""
        return self._gate.stopped

    def stop(self) -> None:
        """Send nothing else; what is on the wire has 5 seconds to answer."""
        self._deadline = min(self._deadline, time.monotonic() + GRACE)
        self._halt("stopped", "stopped before these rows' turn: send the failures again")

    def progress(self) -> Progress:
        """Return how far the upload is."""
        return Progress(self._rows, self.total, self._requests, self._bytes, self._gate.waiting())

    def result(self) -> list[Delivery]:
        """Wait for the end and return the final answers, in no particular order.

        Rows whose turn did not come are in none of them; `stopped` says why.

        Ctrl-C stops the upload (a second one does not wait for the wire either) and sets `interrupted`.

        Raises
        ------
        Exception
            Whatever the iterator of batches raised. `deliveries` holds the final answers all the same.
        """
        with _heard(self._strike):
            self._follow()
        if self._error is not None:
            raise self._error
        return self.deliveries

    def say(self, text: str) -> None:
        """Write a line below the progress bar, if there is one."""
        if self._bar is not None:
            self._bar.write(text, file=self._bar.fp)

    def _follow(self) -> None:
        """See the upload to its end; every Ctrl-C brings that nearer."""
        while True:
            try:
                self.begin()
                self._watch()
                closing = threading.Thread(target=self._close, daemon=True)  # which no Ctrl-C can break
                closing.start()
                closing.join()
                _show(self._bar, self.progress(), last=True)
                break
            except KeyboardInterrupt:
                if self.interrupted or self._strikes > 1:
                    self._deadline = -math.inf
                self.interrupted, self._heeded = True, self._strikes
                self.stop()
        self.interrupted |= self._strikes > 0

    def _strike(self) -> None:
        """Take note of a Ctrl-C, and end the wait that goes on; what else goes on is not broken."""
        self._strikes += 1
        if self._waits:
            raise KeyboardInterrupt

    def _watch(self) -> None:
        """Show the progress until all workers have ended or the grace is over."""
        if self._bar is None:
            self._bar = _bar(self.label, self.total, self.bar_wanted)
        while not self._wait() and time.monotonic() < self._deadline:
            if self._bar is None:
                self._lines.tell(self.progress())
            _show(self._bar, self.progress())

    def _wait(self) -> bool:
        """Wait for a moment, and return whether all workers have ended."""
        if self._strikes > self._heeded:
            raise KeyboardInterrupt
        self._waits = True
        try:  # no join here: Ctrl-C during a join makes Python 3.11 believe that the worker has ended
            return self._ended.wait(TICK)
        finally:
            self._waits = False

    def _close(self) -> None:
        """Settle what has no final answer, and leave no socket and no thread behind."""
        with self._lock:
            self._closed = True
            stop = Stop("interrupted", "the upload ended before an answer came")
            for part in (part for parts in self._open.values() for part in parts):
                own = stop if part.on_wire else self._gate.stopped or stop
                self._count(part.stopped(own, self._gate.clock()))
            self._open.clear()
        for session in self._sessions:
            session.cut()
        until = time.monotonic() + END
        for worker in self._workers:
            worker.join(max(0.0, until - time.monotonic()))

    def _halt(self, reason: str, error: str) -> None:
        self._gate.stop(reason, error)
        self._met.set()
        with self._settled:
            self._settled.notify_all()

    def _work(self, number: int, session: Client) -> None:
        try:
            while (batch := self._draw(number)) is not None:
                self._deliver(number, session, batch)
        except BaseException as error:  # noqa: BLE001  # it is raised again by `result`
            traceback.clear_frames(error.__traceback__)  # locals hold the token
            with self._lock:
                self._error = self._error or error
            self._halt("error", f"the upload ended with {type(error).__name__} before these rows' turn")
        finally:
            session.close()
            with self._lock:
                self._at_work -= 1
            if not self._at_work:
                self._ended.set()

    def _draw(self, number: int) -> Batch | None:
        """Return the next batch; the second one waits until somebody answered the first."""
        with self._drawing:
            if self._drawn:
                self._met.wait()
            if self._closed or self.stopped:
                return None
            self._drawn = True
            batch = next(self._batches, None)
            while batch is None and self.later is not None:
                batch = self._next_wave(self.later)
            if batch is None:
                self._met.set()
                return None
            with self._lock:  # while nobody else draws: the next wave waits for all that is open
                self._open[number] = [Pending(batch)]
            return batch

    def _next_wave(self, later: Later) -> Batch | None:
        """Return the first batch of those that wait for all others, when these have final answers."""
        with self._settled:
            self._settled.wait_for(lambda: not any(self._open.values()) or self._closed or self.stopped)
            batches = None if self._closed or self.stopped else later(self.deliveries)
        if batches is None:
            self.later = None
            return None
        self._batches = batches
        return next(batches, None)

    def _deliver(self, number: int, session: Client, batch: Batch) -> None:
        """Send a batch, and what becomes of it, until each of its rows has a final answer."""
        parts, refusals = self._open.get(number, []), Refusals()  # none where the end came first
        while parts:
            part = parts[-1]
            allowed = tries(self._project.retries, met=self._answered)
            words = (
                f"{part.status_code or 'no answer'}, waiting {{seconds}} (try {part.tried + 1} of {allowed})"
            )
            if self._gate.passed(part.pause, words, part.batch.nbytes):
                sent = part.sent(time.time(), self._gate.clock())
                self._write_down([], [sent])
                parts[-1] = part = sent
                more, done, refusals = self._sent(session, part, refusals)
            else:
                more, done = [], [part.stopped(self._gate.stopped or Stop("", ""), self._gate.clock())]
            try:
                self._write_down(done, more)
            finally:
                self._settle(parts, more, done)
            if self._closed:
                return
        if self._refusals.given_up and not self._accepted:
            self._halt("refused", f"not sent, as nothing was accepted before: {self._refusals.text}")
        self._met.set()

    def _write_down(self, done: list[Delivery], under_way: list[Pending]) -> None:
        """Write down what becomes of these rows if the process ends now, where that is asked for."""
        if self.record is not None:
            self.record([*done, *(part.stopped(ENDED, self._gate.clock()) for part in under_way)])

    def _settle(self, parts: list[Pending], more: list[Pending], done: list[Delivery]) -> None:
        """Put in place of the last part what goes on of it; the rest has its final answers."""
        with self._lock:
            if not self._closed:
                parts[-1:] = reversed(more)
                for delivery in done:
                    self._count(delivery)
                self._settled.notify_all()

    def _sent(
        self, session: Client, part: Pending, refusals: Refusals
    ) -> tuple[list[Pending], list[Delivery], Refusals]:
        """Make one request and return what follows from its answer."""
        body = part.batch.body()
        answer = self._attempt(
            session, self._url, body,
            records=part.batch.updates, timeout=self._project.timeout, secrets=self._secrets,
        )  # fmt: skip
        with self._lock:
            self._requests += 1
            self._bytes += len(body)
            self._refusals = self._refusals.after(answer.evidence, answer.error)
        if answer.evidence != "no_connection":
            self._answered = True
        allowed = tries(self._project.retries, met=self._answered)
        refusals = refusals.after(answer.evidence, answer.error)
        more, done = follow(
            part, answer,
            idempotent=self._idempotent, tries=allowed, clock=self._gate.clock(), bisect=not refusals.given_up,
        )  # fmt: skip
        if answer.evidence == "no_connection" and not more and not self._answered:
            self.connection_failed = done[0].error
            self._halt("no connection", f"nothing was sent: {done[0].error}")
        if DECISIONS[answer.evidence].action(self._idempotent) == "stop":
            self._halt("denied", f"not sent after an answer to another batch: {done[0].error}")
        self._accepted |= any(delivery.outcome == "accepted" for delivery in done)
        if self._answered and answer.evidence not in REFUSALS:
            self._met.set()
        self._burn(answer, done)
        wait = pause(part.tried, self._project.backoff, answer.retry_after, self._chance)
        if answer.evidence == "rate_limited":
            self._gate.hold(wait)
        return [replace(later, pause=wait) if later.tried else later for later in more], done, refusals

    def _burn(self, answer: Answer, done: list[Delivery]) -> None:
        """Count requests in a row that brought no clear answer, and stop when there are too many.

        As many as workers, when each was tried to the end; where nothing is tried twice, at least as many as one would be.
        """
        fuse = len(self._workers) if self._idempotent else max(len(self._workers), self._project.retries + 1)
        with self._lock:
            if answer.evidence not in EXHAUSTING:
                self._exhausted = 0
            elif done:
                self._exhausted += 1
            blown = self._exhausted >= fuse
        if blown and done:
            self._halt(
                "fuse", f"not sent after {fuse} requests in a row without a clear answer: {done[0].error}"
            )

    def _count(self, delivery: Delivery) -> None:
        self.deliveries.append(delivery)
        if delivery.outcome in {"accepted", "rejected"}:
            self._rows += len(delivery.positions)


@contextmanager
def _heard(strike: Callable[[], None]) -> Iterator[None]:
    """Let Ctrl-C call `strike`: as an exception, it is lost where a finalizer happens to run, such as a progress bar's.

    A handler that somebody else has set stays, and so does everything in another thread, where no Ctrl-C arrives.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, lambda *_: strike())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def unbroken(work: Callable[[], Result]) -> tuple[Result, bool]:
    """Do `work` in a thread, which no Ctrl-C can break, and return what it returns and whether Ctrl-C struck meanwhile."""
    done, struck = threading.Event(), False
    found: list[Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            found.append(work())
        except BaseException as error:  # noqa: BLE001  # it is raised again below
            errors.append(error)
        done.set()

    waiting = [threading.Thread(target=run, daemon=True)]
    while not done.is_set():
        try:
            if waiting:
                with suppress(RuntimeError):
                    waiting[0].start()
                waiting.clear()
            done.wait()
        except KeyboardInterrupt:
            struck = True
    if errors:
        raise errors[0]
    return found[0], struck


def _bar(label: str, total: int, wanted: bool | None) -> Any:
    """Return a progress bar, or None where none is wanted: in logs and where nobody looks."""
    notebook = in_notebook()
    if not (notebook or sys.stderr.isatty() if wanted is None else wanted):
        return None
    # tqdm warns in a notebook without widgets
    home = import_module("tqdm.auto" if notebook and find_spec("ipywidgets") else "tqdm")
    kind = type("Bar", (home.tqdm,), {"monitor_interval": 0})  # tqdm's own thread would stay
    return kind(total=total, desc=label or None, unit=" rows", unit_scale=total >= 100_000)


def _show(bar: Any, progress: Progress, *, last: bool = False) -> None:
    if bar is None:
        return
    bar.set_postfix_str(str(progress), refresh=False)
    bar.update(progress.rows - bar.n)
    bar.close() if last else bar.refresh()

"""Batches -> deliveries, in parallel: threads that carry out the actions of the upload's state.

Workers draw from the source of batches one at a time and under a lock, so that no more batches exist than workers.
An upload gives its account only when no worker can send any more.
"""

from __future__ import annotations

import math
import threading
import time
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from mixpanel_pandas.delivery import http
from mixpanel_pandas.delivery.answers import read_answer
from mixpanel_pandas.delivery.events import (
    Absent,
    Answered,
    Closed,
    Draw,
    Drawn,
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
from mixpanel_pandas.delivery.messages import Request
from mixpanel_pandas.delivery.policy import Stop
from mixpanel_pandas.delivery.state import DEADLINE, UploadState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from mixpanel_pandas.delivery.answers import Answer
    from mixpanel_pandas.delivery.events import Action, Event
    from mixpanel_pandas.delivery.pending import Delivery
    from mixpanel_pandas.delivery.progress import Progress, Reporter
    from mixpanel_pandas.payloads.batches import Batch
    from mixpanel_pandas.project import Project

__all__ = ["Account", "ProfileClient", "Upload"]

#: Seconds that what is on the wire has to answer after a stop, and that a worker has to end after its socket was shut.
GRACE, END = 5.0, 1.0
#: Seconds between two checks of the progress and of what struck.
TICK = 0.1

#: Why rows have not had their turn when the upload is stopped.
STOPPED = Stop("stopped", "stopped before these rows' turn: send the failures again")


class BatchSource(Protocol):
    """Where batches come from."""

    def draw(self, settled: Sequence[Delivery] | None) -> tuple[Batch | None, bool]:
        """Return the next batch, or None and whether further ones wait until all have final answers.

        Parameters
        ----------
        settled : sequence of Delivery or None
            If not None: all have, since rows waited last these. What waited is drawn from here on.
        """


class BatchClient(Protocol):
    """What one worker sends with."""

    def send(self, batch: Batch, until: float) -> Answer:
        """Make one request, which ends at the latest at that time of `time.monotonic`, and return what came of it."""

    def cut(self) -> None:
        """End what is on the wire, and let nothing out any more."""

    def close(self) -> None:
        """Let the connection go."""


class ProfileClient:
    """Posts batches to an endpoint, and reads the answers.

    Parameters
    ----------
    project : Project
        Where to, and as whom.
    endpoint : {"engage", "groups"}
        User profiles or group profiles.
    """

    def __init__(self, project: Project, endpoint: Literal["engage", "groups"]) -> None:
        self._client, self._url = http.Client(project), http.address(project, endpoint)
        self._timeout, self._secrets = project.timeout, http.secrets_of(project)

    def send(self, batch: Batch, until: float) -> Answer:
        """Make one request, which ends at the latest at that time of `time.monotonic`, and return what came of it."""
        request = Request(self._url, batch.body())
        reply = self._client.send(request, timeout=self._timeout, until=until)
        return read_answer(reply, batch.updates, secrets=self._secrets)

    def cut(self) -> None:
        """End what is on the wire, and let nothing out any more."""
        self._client.cut()

    def close(self) -> None:
        """Let the connection go."""
        self._client.close()


class DeliveryLog(Protocol):
    """Where notes are kept of what becomes of rows if the process ends at once."""

    def write(self, deliveries: Iterable[Delivery], *, wait: bool) -> None:
        """Write it down; if `wait`, it is on disk when this returns."""


@dataclass(frozen=True)
class Account:
    """What became of the batches: made when no worker can send any more.

    Attributes
    ----------
    deliveries : list of Delivery
        Final answers, in no particular order. Rows whose turn did not come are in none of them.
    stopped : Stop or None
        Why nothing else was sent, if so.
    error : BaseException or None
        What a worker, or the source of the batches, raised.
    connection_failed : str or None
        Why the very first connection could not be made; nothing was sent then.
    """

    deliveries: list[Delivery]
    stopped: Stop | None
    error: BaseException | None
    connection_failed: str | None


class Upload:
    """An upload; `run` sends.

    Meanwhile other threads may look at its progress, and stop it.

    Parameters
    ----------
    source : BatchSource
        Of the batches.
    clients : sequence of BatchClient
        One for each worker.
    state : UploadState
        For as many workers.
    reporter : Reporter
        Shows the progress.
    rows : int
        Rows to send.
    notes : DeliveryLog, optional
        Asked before and after each request.
    clock : callable
        Seconds that only grow.
    """

    def __init__(
        self,
        source: BatchSource,
        clients: Sequence[BatchClient],
        state: UploadState,
        reporter: Reporter,
        rows: int,
        notes: DeliveryLog | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source, self._clients, self._state, self._reporter = source, clients, state, reporter
        self._rows, self._notes, self._clock = rows, notes, clock
        self._drawing = threading.Lock()
        self._changed = threading.Condition()
        self._wakes = 0  # how often `Wake` was called
        self._patience = math.inf  # when the wait for the wire is over
        self._workers: list[threading.Thread] = []

    def stop(self, stop: Stop = STOPPED) -> None:
        """Send nothing else; what is on the wire has 5 seconds to answer."""
        self._patience = min(self._patience, self._clock() + GRACE)
        self._next(StopAsked(stop))

    def progress(self) -> Progress:
        """Return how far the upload is."""
        return self._state.progress(self._rows, self._clock())

    def run(self, strikes: Callable[[], int] = lambda: 0) -> Account:
        """Send, and return what became of the batches.

        Parameters
        ----------
        strikes : callable
            How often something struck the caller: the first strike stops the upload, a second one does not wait for the
            wire either.
        """
        raised = None
        try:
            self._reporter.begin()
            self._start()
            self._watch(strikes)
        except BaseException as error:  # noqa: BLE001  # it is raised again, with the summary
            raised = error
        account = self._close(raised)
        self._reporter.end(self.progress())
        return account

    # -- the thread that runs the upload ------------------------------------------------------------------------------

    def _start(self) -> None:
        """Start the workers, as many as the system allows."""
        for number in range(len(self._clients)):
            worker = threading.Thread(
                target=self._work, args=(number,), daemon=True, name="mixpanel_pandas upload"
            )
            try:
                worker.start()
            except RuntimeError as error:  # too many threads, or the interpreter is shutting down
                self._do_without(number, error)
                return
            self._workers.append(worker)

    def _do_without(self, first: int, error: RuntimeError) -> None:
        """Go on without the workers from `first` on; without any, that is the end."""
        if first == 0:
            self._next(Failed(0, error))
        else:
            self._reporter.warn(f"{first} of {len(self._clients)} threads could be started: {error}")
        for worker in range(first, len(self._clients)):
            self._next(Absent(worker))

    def _watch(self, strikes: Callable[[], int]) -> None:
        """Show the progress until all workers have left, or the wait for the wire is over."""
        heeded = 0
        while self._clock() < self._patience:
            with self._changed:
                if self._changed.wait_for(lambda: not self._state.active, TICK):
                    return
            if (struck := strikes()) > heeded:
                self.stop()
                heeded = struck
            if struck > 1:
                return
            if self._clock() >= self._state.deadline:  # workers may wait for the disk, which knows of none
                self.stop(DEADLINE)
            self._reporter.show(self.progress())

    def _close(self, raised: BaseException | None) -> Account:
        """Settle what has no final answer, let nothing out any more, and give the account."""
        self._carry_out(-1, self._next(Closed()))
        for client in self._clients:
            client.cut()
        until = time.monotonic() + END
        for worker in self._workers:
            worker.join(max(0.0, until - time.monotonic()))
        for client in self._clients:
            client.close()
        state = self._state
        return Account(state.deliveries, state.stopped, state.error or raised, state.connection_failed)

    # -- workers ------------------------------------------------------------------------------------------------------

    def _next(self, event: Event) -> list[Action]:
        with self._changed:
            actions = self._state.next(event, self._clock())
            if any(isinstance(action, Wake) for action in actions):
                self._wakes += 1
                self._changed.notify_all()
            return actions

    def _work(self, number: int) -> None:
        event: Event | None = Ready(number)
        while event is not None:
            wakes = self._wakes  # a wake from here on ends the rest that the answer may be
            actions = self._next(event)
            try:
                event = self._carry_out(number, actions, wakes)
            except BaseException as error:  # noqa: BLE001  # it is raised again, with the summary
                traceback.clear_frames(error.__traceback__)  # locals hold the token
                event = Failed(number, error)

    def _carry_out(self, number: int, actions: list[Action], wakes: int = 0) -> Event | None:
        """Do what a worker has to do next, and return what happened; None: it has nothing left to do."""
        for action in actions:
            match action:
                case Draw(settled):
                    with self._drawing:
                        return Drawn(number, *self._source.draw(settled))
                case Write(deliveries, wait):
                    if self._notes is not None:
                        self._notes.write(deliveries, wait=wait)
                    if wait:
                        return Written(number)
                case Send(batch, until):
                    return Answered(number, self._clients[number].send(batch, until))
                case Rest(until):
                    self._rest(until, wakes)
                    return Ready(number)
                case Leave() | Wake():
                    pass
        return None

    def _rest(self, until: float, wakes: int) -> None:
        left = until - self._clock()
        with self._changed:
            self._changed.wait_for(lambda: self._wakes != wakes, None if left == math.inf else left)

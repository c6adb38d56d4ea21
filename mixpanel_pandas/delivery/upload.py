"""Batches -> deliveries, in threads that carry out the actions of an `UploadState`.

One worker at a time draws a batch, so there are never more batches than workers. An upload returns its account only when no
worker can send any more.
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

#: Seconds to wait after a stop for answers to requests on the wire, and for a worker after its socket was shut down.
GRACE, END = 5.0, 1.0
#: Seconds between two checks of the progress and of interrupts.
TICK = 0.1

#: Why rows were not sent when the upload was stopped.
STOPPED = Stop("stopped", "the upload was stopped before these rows were sent: send the failures again")


class BatchSource(Protocol):
    """Where batches come from."""

    def draw(self, finished_wave: Sequence[Delivery] | None, /) -> tuple[Batch | None, bool]:
        """Return the next batch, or None and whether another wave waits until all batches have final answers.

        Parameters
        ----------
        finished_wave : sequence of Delivery or None
            The final answers of a wave, if the next wave is to begin.
        """


class BatchClient(Protocol):
    """The client of one worker."""

    def send(self, batch: Batch, until: float) -> Answer:
        """Make one request, and return its answer. It ends at the latest at the time `until` of `time.monotonic`."""

    def cut(self) -> None:
        """End the request on the wire, and send nothing any more."""

    def close(self) -> None:
        """Close the connection."""


class ProfileClient:
    """Posts batches to an endpoint, and reads the answers.

    Parameters
    ----------
    project : Project
        The project.
    endpoint : {"engage", "groups"}
        User profiles or group profiles.
    """

    def __init__(self, project: Project, endpoint: Literal["engage", "groups"]) -> None:
        self._client, self._url = http.Client(project), http.address_of(project, endpoint)
        self._timeout, self._secrets = project.timeout, http.secrets_of(project)

    def send(self, batch: Batch, until: float) -> Answer:
        """Make one request, and return its answer. It ends at the latest at the time `until` of `time.monotonic`."""
        request = Request(self._url, batch.body())
        reply = self._client.send(request, timeout=self._timeout, until=until)
        return read_answer(reply, batch.updates, secrets=self._secrets)

    def cut(self) -> None:
        """End the request on the wire, and send nothing any more."""
        self._client.cut()

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


class DeliveryLog(Protocol):
    """A log of what becomes of rows if the process ends at once."""

    def write(self, deliveries: Iterable[Delivery], *, wait: bool) -> None:
        """Write deliveries down. With `wait` they are on disk when this returns."""


@dataclass(frozen=True)
class Account:
    """The results of the batches, made when no worker can send any more.

    Attributes
    ----------
    deliveries : list of Delivery
        Final answers, in no particular order. Rows that were never drawn are in none of them.
    stopped : Stop or None
        Why the upload stopped early, if it did.
    error : BaseException or None
        The error that a worker or the source of the batches raised.
    connection_failed : str or None
        Why the very first connection could not be made; nothing was sent then.
    complete : bool
        Whether every batch was drawn and has its final answer, so that another part of the upload may follow.
    """

    deliveries: list[Delivery]
    stopped: Stop | None
    error: BaseException | None
    connection_failed: str | None
    complete: bool


class Upload:
    """An upload. `run` sends it. Meanwhile other threads may ask for its progress, and stop it.

    Parameters
    ----------
    source : BatchSource
        Where the batches come from.
    clients : sequence of BatchClient
        One for each worker.
    state : UploadState
        A new state, for as many workers.
    reporter : Reporter
        Shows the progress.
    rows : int
        Rows to send.
    notes : DeliveryLog, optional
        Where notes are written before and after each request.
    clock : callable
        Returns seconds, as ``time.monotonic`` does.
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
        self._patience = math.inf  # when it stops waiting for requests on the wire
        self._workers: list[threading.Thread] = []

    def stop(self, stop: Stop = STOPPED) -> None:
        """Send nothing else. Requests on the wire have 5 seconds to be answered."""
        self._patience = min(self._patience, self._clock() + GRACE)
        self._next(StopAsked(stop))

    def progress(self) -> Progress:
        """Return how far the upload is."""
        return self._state.progress(self._rows, self._clock())

    def run(self, strikes: Callable[[], int] = lambda: 0, *, goes_on: bool = False) -> Account:
        """Send, and return the results of the batches.

        Parameters
        ----------
        strikes : callable
            Returns how often the caller was interrupted. The first interrupt stops the upload. The second also ends the wait
            for requests on the wire.
        goes_on : bool
            Whether another part of the same upload follows, so that the progress bar stays open.
        """
        raised = None
        try:
            self._reporter.begin()
            self._start()
            self._watch(strikes)
        except BaseException as error:  # noqa: BLE001  # it is raised again, with the summary
            raised = error
        account = self._close(raised)
        if not goes_on:
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
        """Go on without the workers from `first` on. Without any worker the upload fails."""
        if first == 0:
            self._next(Failed(0, error))
        else:
            self._reporter.warn(f"{first} of {len(self._clients)} threads could be started: {error}")
        for worker in range(first, len(self._clients)):
            self._next(Absent(worker))

    def _watch(self, strikes: Callable[[], int]) -> None:
        """Show the progress until all workers have left, or until the wait for requests on the wire is over."""
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
            if self._clock() >= self._state.deadline:  # a worker may wait for the disk, which has no deadline
                self.stop(DEADLINE)
            self._reporter.show(self.progress())

    def _close(self, raised: BaseException | None) -> Account:
        """Give final answers to all other rows, make sure that nothing else is sent, and return the account."""
        state = self._state
        complete = raised is None and state.stopped is None and not state.active
        self._carry_out(-1, self._next(Closed()))
        for client in self._clients:
            client.cut()
        until = time.monotonic() + END
        for worker in self._workers:
            worker.join(max(0.0, until - time.monotonic()))
        for client in self._clients:
            client.close()
        error = state.error or raised
        return Account(state.deliveries, state.stopped, error, state.connection_failed, complete)

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
            wakes = self._wakes  # if the next action is a rest, a wake from here on ends it
            actions = self._next(event)
            try:
                event = self._carry_out(number, actions, wakes)
            except BaseException as error:  # noqa: BLE001  # it is raised again, with the summary
                traceback.clear_frames(error.__traceback__)  # locals hold the token
                event = Failed(number, error)

    def _carry_out(self, number: int, actions: list[Action], wakes: int = 0) -> Event | None:
        """Carry out the actions of a worker, and return the event that ends them. None: the worker has left."""
        for action in actions:
            match action:
                case Draw(finished_wave):
                    with self._drawing:
                        return Drawn(number, *self._source.draw(finished_wave))
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

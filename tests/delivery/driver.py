"""A whole upload in one thread, step by step: what carries out the actions of `UploadState` without threads, clock or sockets."""

from __future__ import annotations

import json
import math
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from mixpanel_pandas.delivery.events import (
    Answered,
    Draw,
    Drawn,
    Failed,
    Leave,
    Ready,
    Rest,
    Send,
    Wake,
    Write,
    Written,
)
from mixpanel_pandas.payloads.batches import Payloads, cut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mixpanel_pandas.delivery.events import Action, Event
    from mixpanel_pandas.delivery.pending import Delivery
    from mixpanel_pandas.delivery.state import UploadState
    from mixpanel_pandas.payloads.batches import Batch


def payloads(updates: list[int], first: int = 0) -> Payloads:
    """Return payloads of some rows, given how many updates each makes; the id of a row is its position."""
    rows = [
        "".join(f'{{"$distinct_id":"{first + row}","n":{n}}},' for n in range(size))
        for row, size in enumerate(updates)
    ]
    positions = np.arange(first, first + len(rows), dtype=np.int64)
    return Payloads(pa.array(rows, pa.large_string()), np.array(updates, np.int64), positions)


class Batches:
    """A source of one wave."""

    def __init__(self, batches: Iterable[Batch]) -> None:
        self._batches = iter(batches)

    def draw(self, finished_wave: object) -> tuple[Batch | None, bool]:
        assert finished_wave is None
        return next(self._batches, None), False


def batches(rows: int, size: int = 2, updates: list[int] | None = None) -> Batches:
    return Batches(cut([payloads(updates or [1] * rows)], size))


def ids_of(batch: Batch) -> list[str]:
    return [record["$distinct_id"] for record in json.loads(batch.body())]


@dataclass
class Driver:
    """Drives a state: each step lets one worker do one thing.

    Parameters
    ----------
    state, source
        What is driven, and where batches come from.
    answer : callable
        Batch -> what its request comes to; may raise.
    """

    state: UploadState
    source: Any
    answer: Callable[[Batch], Any]
    now: float = 0.0
    sent: list[list[str]] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    notes: list[Delivery] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.due: deque[Event] = deque(Ready(worker) for worker in range(self.state.workers))
        self.resting: dict[int, float] = {}
        self.on_wire: dict[int, Batch] = {}

    def step(self) -> bool:
        """Let the worker whose turn it is do something; return whether anybody could."""
        if not self.due:
            if not self.resting or min(self.resting.values()) == math.inf:
                return False
            worker = min(self.resting, key=self.resting.__getitem__)
            until = self.resting.pop(worker)
            self.slept.append(until - self.now)
            self.now = max(self.now, until)
            self.due.append(Ready(worker))
        self.tell(self.due.popleft())
        return True

    def tell(self, event: Event) -> None:
        """Tell the state what happened, and do what it says."""
        worker = getattr(event, "worker", -1)
        for action in self.state.next(event, self.now):
            self.do(worker, action)

    def do(self, worker: int, action: Action) -> None:
        """Carry out one action."""
        match action:
            case Draw(finished_wave):
                self.due.append(self.tried(worker, lambda: Drawn(worker, *self.source.draw(finished_wave))))
            case Write(deliveries, wait):
                self.notes += deliveries
                if wait:
                    self.due.append(Written(worker))
            case Send(batch):
                self.sent.append(ids_of(batch))
                self.due.append(self.tried(worker, lambda: Answered(worker, self.answer(batch))))
            case Rest(until):
                self.resting[worker] = until
            case Wake():
                self.due.extend(map(Ready, sorted(self.resting)))
                self.resting.clear()
            case Leave():
                pass

    @staticmethod
    def tried(worker: int, call: Callable[[], Event]) -> Event:
        try:
            return call()
        except BaseException as error:  # noqa: BLE001
            return Failed(worker, error)

    def run(self) -> list[Delivery]:
        """Go on until nobody has anything left to do."""
        while self.step():
            pass
        assert not self.state.active
        return self.state.deliveries


def ends(deliveries: Iterable[Delivery], rows: int = 0) -> dict[int, str]:
    """Return position -> outcome, each position once; of `rows` rows those whose turn did not come are not sent."""
    found = [
        (int(position), delivery.apart.get(row, (delivery.outcome,))[0])
        for delivery in deliveries
        for row, position in enumerate(delivery.positions)
    ]
    assert len(dict(found)) == len(found)
    return dict.fromkeys(range(rows), "not_sent") | dict(found)

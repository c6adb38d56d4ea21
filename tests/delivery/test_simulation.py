"""An upload with everything that can happen to it, step by step: whatever comes in whatever order, no row is mis-called.

A state machine drives `UploadState` with real waves and a real journal file, one event a step: a worker goes on, an answer, a
break, time, a signal, a disk that commits, a kill, a new call, damage. A kill keeps what was committed and nothing else.
A failing sequence prints itself. ``poe simulation`` tries thirty times as many.
"""

from __future__ import annotations

import copy
import json
import math
import shutil
import tempfile
import warnings
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from mixpanel_pandas.checking.decisions import check_frame
from mixpanel_pandas.delivery.answers import Answer
from mixpanel_pandas.delivery.events import (
    Answered,
    Closed,
    Draw,
    Drawn,
    Leave,
    Ready,
    Rest,
    Send,
    StopAsked,
    Wake,
    Write,
    Written,
)
from mixpanel_pandas.delivery.journal.file import File
from mixpanel_pandas.delivery.journal.records import delivery_records, excluded_record, noted, place_of
from mixpanel_pandas.delivery.journal.run import replay, run_of
from mixpanel_pandas.delivery.journal.sessions import combined, without_delivered
from mixpanel_pandas.delivery.policy import Stop
from mixpanel_pandas.delivery.state import UploadState
from mixpanel_pandas.delivery.summary import summarise
from mixpanel_pandas.delivery.waves import Waves
from mixpanel_pandas.errors import JournalError
from mixpanel_pandas.rules.operation import operation
from tests.examples import examples

if TYPE_CHECKING:
    from mixpanel_pandas.delivery.pending import Delivery
    from mixpanel_pandas.payloads.batches import Batch

#: Sequences of events, and events in each at most: 10,000 in all.
SEQUENCES, EVENTS = examples(200), 50

#: What comes of a request -> the answer, and what the server does with its records: applies all, none, or all later.
ANSWERS: dict[str, tuple[Answer, str]] = {
    "accepted": (Answer("accepted", 200), "all"),
    "429": (Answer("rate_limited", 429, error="429"), "none"),
    "503, applied": (Answer("unclear", 503, error="503"), "all"),
    "503, not applied": (Answer("unclear", 503, error="503"), "none"),
    "no connection": (Answer("no_connection", error="refused", complete=False), "none"),
    "lost before": (Answer("unclear", error="reset", complete=False), "none"),
    "lost after": (Answer("unclear", error="reset", complete=False), "all"),
    "lost, and late": (Answer("unclear", error="timed out", complete=False), "later"),
    "413": (Answer("too_large", 413, error="413"), "none"),
    "401": (Answer("denied", 401, error="401"), "none"),
    "refused, 0 counted": (Answer("none_applied", 400, 0, error="400"), "none"),
    "refused": (Answer("refused", 400, error="400"), "none"),
    "half of it": (Answer("refused", 400, error="400"), "half"),
}

letters = st.sampled_from("abc")


class Simulation(RuleBasedStateMachine):
    """One run of a journal, over several processes."""

    @initialize(
        ids=st.lists(letters, min_size=1, max_size=8),
        verb=st.sampled_from(["set", "append"]),
        workers=st.integers(1, 3),
        batch_size=st.integers(1, 4),
    )
    def begin(self, ids: list[str], verb: str, workers: int, batch_size: int) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.path = self.folder / "mp.sqlite"
        self.frame = pd.DataFrame({"id": ids, "n": range(len(ids))})
        self.ids, self.workers, self.verb = ids, workers, verb
        options = {"duplicates": "all", "batch_size": batch_size}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.decisions = check_frame(self.frame, operation(verb, "id", None, None, options))
        self.idempotent = verb == "set"
        self.applied: list[int] = []  # rows, in the order in which they were applied
        self.late: list[list[int]] = []  # requests that may still arrive
        self.stale = 0  # how many of them arrive before the next call: nobody calls again within seconds
        self.now = 0.0
        with closing(File(self.path, writes=True, creates=True)) as file:
            file.append([noted("run", 1, 0, self._begun())])
        self.alive = False
        self.call_again()

    def teardown(self) -> None:
        shutil.rmtree(getattr(self, "folder", ""), ignore_errors=True)

    def _begun(self) -> dict[str, Any]:
        return {
            "name": "monday", "content": "", "described": {}, "operator": self.verb, "idempotent": self.idempotent,
            "rows": len(self.ids), "rows_per_slice": 1, "ids": "", "id": "id",
        }  # fmt: skip

    # -- processes ----------------------------------------------------------------------------------------------------

    @precondition(lambda self: not self.alive)
    @rule()
    def call_again(self) -> None:
        """A process begins, and goes on where the one before ended.

        What was on the wire at that moment may arrive even now. What was given up before has arrived.
        """
        for rows in self.late[: self.stale]:
            self._apply(rows)
        del self.late[: self.stale]
        with closing(File(self.path, writes=False)) as file:
            self.before = replay(file.records(1))
        self.session = self.before.sessions + 1
        self.queue = [noted("session", 1, self.session, {"began": self.now})]
        doubtful, done = self.before.doubtful(), self.before.done()
        decisions = self.decisions
        self.waves = Waves(
            decisions.layout, decisions.changes, decisions.duplicates, "0" * 32, b"key",
            done=done, doubtful=doubtful & done, resent=doubtful & ~done,
        )  # fmt: skip
        self.state = UploadState(
            self.workers,
            idempotent=self.idempotent,
            retries=2,
            backoff=1,
            chance=lambda: 0.0,
            journalled=True,
        )
        self.ready: list[Any] = [Ready(worker) for worker in range(self.workers)]
        self.resting: dict[int, float] = {}
        self.on_disk: list[int] = []  # workers that wait for the disk
        self.on_wire: dict[int, Batch] = {}
        self.alive = True

    def kill(self, applied: list[str]) -> None:
        """The process is gone, with all that was not committed; what was on the wire arrives, or not, or later."""
        self.stale = len(self.late)
        for worker, batch in self.on_wire.items():
            self._serve(batch, applied[worker])
        self.alive = False

    def close(self, applied: list[str]) -> None:
        """The call ends, and gives its account; what is on the wire arrives, or not, or later."""
        self.stale = len(self.late)
        for worker, batch in self.on_wire.items():
            self._serve(batch, applied[worker])
        self._tell(Closed())
        state = self.state
        deliveries = combined(self.before.deliveries, state.deliveries, len(self.ids))
        summary = summarise(
            deliveries,
            without_delivered(self.waves.held, deliveries, len(self.ids)),
            operator=self.verb, rows=len(self.ids), digest="", idempotent=self.idempotent, stopped=state.stopped,
        )  # fmt: skip
        assert summary["rows"].sum() == len(self.ids)
        held = [excluded_record(1, self.session, left) for left in self.waves.held]
        stop = state.stopped
        how = {"ended": self.now, "reason": stop and stop.reason, "error": stop and stop.error}
        self.queue += [*held, noted("end", 1, self.session, how)]
        self._commit()
        self.alive = False
        told = self._told_by_the_journal().summary
        counts = ["rows", "accepted", "rejected", "unknown", "not_sent"]
        assert summary[counts].sum().to_dict() == told[counts].sum().to_dict()

    @precondition(lambda self: not self.alive)
    @rule(identity=letters)
    def settle(self, identity: str) -> None:
        """The user finds out what became of the rows of an id that are in doubt."""
        arrived = {row for request in self.late for row in request}
        doubtful = np.flatnonzero(self._state_on_disk().doubtful())
        rows = [row for row in doubtful.tolist() if self.ids[row] == identity and row not in arrived]
        with closing(File(self.path, writes=True)) as file:
            for truth in (True, False):
                some = np.array([row for row in rows if (row in self.applied) == truth])
                if some.size:
                    values, more = place_of(some)
                    file.append([noted("settled", 1, self.session, values | {"applied": truth}, more)])

    @precondition(lambda self: not self.alive)
    @rule(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
    def damage(self, where: float, bit: int) -> None:
        """A bit of the file turns over: that is seen, or it changes nothing."""
        held = self.path.read_bytes()
        before = self._state_on_disk()
        broken = bytearray(held)
        broken[int(where * len(held))] ^= 1 << bit
        self.path.write_bytes(broken)
        try:
            after = self._state_on_disk()
        except JournalError:
            pass
        else:
            assert repr(after) == repr(before)
        self.path.write_bytes(held)

    # -- events -------------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.alive)
    @rule(
        strike=st.sampled_from([None] * 20 + ["kill", "close", "signal", "late"]),
        chosen=st.integers(0, 9),
        name=st.sampled_from([*ANSWERS, *["accepted"] * 6, *["lost, and late"] * 3]),
        on_wire=st.lists(st.sampled_from(["all", "none", "later"]), min_size=3, max_size=3),
    )
    def event(self, strike: str | None, chosen: int, name: str, on_wire: list[str]) -> None:
        """Something strikes; or a worker goes on, else the disk commits, a request is answered, or time passes."""
        if strike == "signal":
            self._tell(StopAsked(Stop("stopped", "stopped before these rows' turn")))
        elif strike == "late":
            self.late_arrives()
        elif strike:
            getattr(self, strike)(on_wire)
        elif self.ready:
            self._tell(self.ready.pop(chosen % len(self.ready)))
        elif self.on_disk and (chosen % 2 or not self.on_wire):
            self._disk_commits()
        elif self.on_wire:
            worker = sorted(self.on_wire)[chosen % len(self.on_wire)]
            answer, effect = ANSWERS[name]
            self._serve(self.on_wire.pop(worker), effect)
            self._tell(Answered(worker, answer))
        elif self.resting:
            self._time_passes()
        else:
            self.close(on_wire)

    def late_arrives(self) -> None:
        """A request that was given up is applied after all."""
        if self.late:
            self.stale = max(0, self.stale - 1)
            self._apply(self.late.pop(0))

    # -- the world ----------------------------------------------------------------------------------------------------

    def _disk_commits(self) -> None:
        """All notes that were handed over are on disk, in one go."""
        self._commit()
        waiting, self.on_disk = self.on_disk, []
        self.ready += map(Written, waiting)

    def _time_passes(self) -> None:
        soonest = min(self.resting.values())
        if soonest < math.inf:
            self.now = max(self.now, soonest)
            due = [worker for worker, until in self.resting.items() if until <= self.now]
            for worker in due:
                del self.resting[worker]
            self.ready += map(Ready, due)

    def _tell(self, event: Any) -> None:
        worker = getattr(event, "worker", -1)
        for action in self.state.next(event, self.now):
            match action:
                case Draw(finished_wave):
                    self.ready.append(Drawn(worker, *self.waves.draw(finished_wave)))
                case Write(deliveries, wait):
                    self.queue += delivery_records(1, self.session, deliveries)
                    if wait:
                        self.on_disk.append(worker)
                case Send(batch):
                    assert not self.state.closed
                    assert self.state.stopped is None
                    self.on_wire[worker] = batch
                case Rest(until):
                    self.resting[worker] = until
                case Wake():
                    self.ready += map(Ready, self.resting)
                    self.resting.clear()
                case Leave():
                    pass

    def _commit(self) -> None:
        with closing(File(self.path, writes=True)) as file:
            file.append(self.queue)
        self.queue = []

    def _serve(self, batch: Batch, effect: str) -> None:
        rows = [_row(record) for record in json.loads(batch.body())]
        if effect == "later":
            self.late.append(rows)
        elif effect != "none":
            self._apply(rows[: len(rows) // 2] if effect == "half" else rows)

    def _apply(self, rows: list[int]) -> None:
        for row in rows:
            earlier = [other for other in self.applied if self.ids[other] == self.ids[row]]
            assert not earlier or row >= max(earlier), "a row was applied after a later one of its id"
            self.applied.append(row)

    def _state_on_disk(self) -> Any:
        with closing(File(self.path, writes=False)) as file:
            return replay(file.records(1))

    def _told_by_the_journal(self) -> Any:
        import pyarrow as pa

        return run_of(self._state_on_disk(), pa.chunked_array([pa.array(self.ids, pa.large_string())]))

    # -- what is always true ------------------------------------------------------------------------------------------

    @invariant()
    def nothing_is_applied_twice(self) -> None:
        if not getattr(self, "idempotent", True):
            assert max(Counter(self.applied).values(), default=0) <= 1

    @invariant()
    def the_journal_tells_the_truth(self) -> None:
        """Also if the process ends here."""
        if hasattr(self, "path"):
            self._hold_against_the_world(self._outcomes_of(self._state_on_disk().deliveries))

    @invariant()
    def the_account_tells_the_truth(self) -> None:
        """Also if the call ends here."""
        if getattr(self, "alive", False):
            state = copy.deepcopy(self.state)
            state.next(Closed(), self.now)
            deliveries = combined(self.before.deliveries, state.deliveries, len(self.ids))
            self._hold_against_the_world(self._outcomes_of(deliveries))

    def _rows_on_wire(self) -> set[int]:
        return {_row(record) for batch in self.on_wire.values() for record in json.loads(batch.body())}

    def _outcomes_of(self, deliveries: list[Delivery]) -> dict[int, str]:
        return {
            int(position): delivery.apart.get(row, (delivery.outcome,))[0]
            for delivery in deliveries
            for row, position in enumerate(delivery.positions)
        }

    def _hold_against_the_world(self, outcomes: dict[int, str]) -> None:
        may_arrive = {row for request in self.late for row in request}
        if self.alive:
            may_arrive |= {
                _row(record) for batch in self.on_wire.values() for record in json.loads(batch.body())
            }
        for row, outcome in outcomes.items():
            if outcome == "accepted":
                assert row in self.applied
            if outcome in {"rejected", "not_sent"}:
                assert row not in self.applied
                assert row not in may_arrive


def _row(record: dict[str, Any]) -> int:
    return int(record.get("$set", record.get("$append"))["n"])


@pytest.mark.slow
def test_no_row_is_miscalled_whatever_happens_in_whatever_order() -> None:
    run_state_machine_as_test(
        Simulation,
        settings=settings(
            max_examples=SEQUENCES,
            stateful_step_count=EVENTS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )

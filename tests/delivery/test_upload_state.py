"""What an upload does after each event: without threads, clock or sockets."""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixpanel_pandas.delivery.answers import Answer, read_answer
from mixpanel_pandas.delivery.events import (
    Absent,
    Answered,
    Closed,
    Failed,
    Ready,
    Rest,
    StopAsked,
)
from mixpanel_pandas.delivery.messages import Response
from mixpanel_pandas.delivery.policy import Stop
from mixpanel_pandas.delivery.state import UploadState
from mixpanel_pandas.delivery.throttle import Throttle
from mixpanel_pandas.payloads.batches import cut
from tests.delivery.driver import Batches, Driver, batches, ends, ids_of, payloads
from tests.examples import examples

OK = Answer("accepted", 200)
LIMITED = Answer("rate_limited", 429, error="429 slow down")
NOBODY = Answer("no_connection", error="refused")
BROKEN = Answer("unclear", 503, error="503 oops")
DENIED = Answer("denied", 401, error="401 who are you?")
TOO_LARGE = Answer("too_large", 413, error="413")
REFUSED = Answer("refused", 400, error="400 bad")
NOTHING = Answer("none_applied", 400, 0, error="400 bad, 0 good")


def begin(answers, rows=4, *, idempotent=True, workers=1, retries=2, backoff=0, source=None, **options):
    """Return what drives an upload to a server that answers from a list, or by a function of the ids."""

    def answer(batch):
        return answers(ids_of(batch)) if callable(answers) else answers.pop(0)

    state = UploadState(
        workers, idempotent=idempotent, retries=retries, backoff=backoff, chance=lambda: 0.0, **options
    )
    return Driver(state, batches(rows) if source is None else source, answer)


def answered(status, content, records):
    """Return what an answer says."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return read_answer(Response(status, {}, body), records)


def named(*indices, applied=None):
    records = [{"index": index, "message": "bad"} for index in indices]
    content = {"failed_records": records, "num_good_events": applied}
    return lambda ids: answered(400, content, len(ids))


@pytest.mark.parametrize(
    ("answers", "options", "outcomes", "sent"),
    [
        pytest.param([OK, OK], {}, "aaaa", ["01", "23"], id="all well"),
        pytest.param([LIMITED, OK, OK], {}, "aaaa", ["01", "01", "23"], id="429, then well"),
        pytest.param(
            [LIMITED] * 3, {}, "nnnn", ["01"] * 3, id="429 until tries are used up, which opens the circuit"
        ),
        pytest.param([NOBODY, OK, OK], {}, "aaaa", ["01", "01", "23"], id="the second connection works"),
        pytest.param(
            [OK, NOBODY, NOBODY, NOBODY], {}, "aann", ["01"] + ["23"] * 3, id="the connection is lost"
        ),
        pytest.param([BROKEN, OK, OK], {}, "aaaa", ["01", "01", "23"], id="503, then well"),
        pytest.param([BROKEN, OK], {"idempotent": False}, "uuaa", ["01", "23"], id="503, not idempotent"),
        pytest.param(
            [BROKEN, LIMITED, LIMITED], {}, "uunn", ["01"] * 3, id="503, then 429, which opens the circuit"
        ),
        pytest.param(
            [BROKEN] * 3,
            {"idempotent": False, "rows": 8},
            "uuuuuunn",
            ["01", "23", "45"],
            id="503 without end, not idempotent",
        ),
        pytest.param([OK, DENIED], {"rows": 6}, "aarrnn", ["01", "23"], id="401 stops"),
        pytest.param([BROKEN, DENIED], {}, "uunn", ["01", "01"], id="503, then 401"),
        pytest.param([TOO_LARGE, OK, OK, OK], {}, "aaaa", ["01", "0", "1", "23"], id="413 is halved"),
        pytest.param(
            [TOO_LARGE, TOO_LARGE, OK, OK], {}, "raaa", ["01", "0", "1", "23"], id="413 for a single row"
        ),
        pytest.param([REFUSED, OK, OK, OK], {}, "aaaa", ["01", "0", "1", "23"], id="refused as a whole"),
        pytest.param(
            [REFUSED, REFUSED, OK, OK], {}, "uaaa", ["01", "0", "1", "23"], id="a row refused alone"
        ),
        pytest.param(
            [NOTHING, NOTHING, OK, OK],
            {},
            "raaa",
            ["01", "0", "1", "23"],
            id="a row refused alone, 0 counted",
        ),
        pytest.param(
            [REFUSED, OK], {"idempotent": False}, "uuaa", ["01", "23"], id="refused, not idempotent"
        ),
        pytest.param(
            [NOTHING, NOTHING, OK, OK],
            {"idempotent": False},
            "raaa",
            ["01", "0", "1", "23"],
            id="refused, 0 counted, not idempotent",
        ),
        pytest.param([named(0, applied=1), OK], {}, "raaa", ["01", "23"], id="named, the other counted"),
        pytest.param([named(0), OK, OK], {}, "raaa", ["01", "1", "23"], id="named, the other sent once more"),
        pytest.param([named(0), named(0), OK], {}, "ruaa", ["01", "1", "23"], id="the other named then"),
        pytest.param([named(0), OK], {"idempotent": False}, "ruaa", ["01", "23"], id="named, not idempotent"),
        pytest.param(
            [named(0, applied=0), OK, OK],
            {"idempotent": False},
            "raaa",
            ["01", "1", "23"],
            id="named, 0 counted",
        ),
    ],
)
def test_what_becomes_of_every_row(answers, options, outcomes, sent):
    left = list(answers)
    driver = begin(lambda ids: a(ids) if callable(a := left.pop(0)) else a, **options)
    words = {"a": "accepted", "r": "rejected", "u": "unknown", "n": "not_sent"}
    deliveries = driver.run()
    assert ends(deliveries, len(outcomes)) == {row: words[letter] for row, letter in enumerate(outcomes)}
    assert ["".join(ids) for ids in driver.sent] == sent
    assert left == []
    assert sum(delivery.requests for delivery in deliveries) == len(sent) == driver.state.requests
    assert driver.state.rows == sum(
        len(d.positions) for d in deliveries if d.outcome in {"accepted", "rejected"}
    )
    assert driver.state.connection_failed is None
    assert (driver.state.stopped is None) == ("n" not in outcomes)


@pytest.mark.parametrize(("retries", "times"), [(8, 2), (0, 1)])
def test_nobody_at_the_address(retries, times):
    driver = begin(lambda ids: NOBODY, rows=40, workers=4, retries=retries)
    deliveries = driver.run()
    assert set(ends(deliveries, 40).values()) == {"not_sent"}
    assert len(driver.sent) == times
    assert driver.state.connection_failed.startswith("refused; check the network")


def test_the_first_batch_travels_alone_until_somebody_answers():
    driver = begin(lambda ids: OK, rows=14, workers=3)
    while not driver.sent:
        driver.step()
    answered = driver.due.popleft()
    assert isinstance(answered, Answered)
    while driver.due:
        driver.step()
    assert (driver.sent, driver.resting) == ([["0", "1"]], {1: math.inf, 2: math.inf})
    driver.due.append(answered)
    assert set(ends(driver.run()).values()) == {"accepted"}


def test_pauses_double_and_a_429_holds_everyone():
    driver = begin([BROKEN, BROKEN, OK, LIMITED, OK], backoff=2)
    deliveries = driver.run()
    assert driver.slept == [3, 5, 3]
    assert [delivery.elapsed for delivery in deliveries] == [8, 3]
    assert [delivery.attempts for delivery in deliveries] == [3, 2]

    driver = begin([Answer("rate_limited", 429, retry_after=20), OK, OK], backoff=2)
    driver.run()
    assert driver.slept == [20]


def test_the_first_pause_is_the_backoff_and_the_next_are_twice_as_long():
    driver = begin([BROKEN, BROKEN, BROKEN, OK], rows=1, backoff=3, retries=3)
    driver.run()
    assert driver.slept == [3 + 1, 6 + 1, 12 + 1]  # a second is the least that chance adds


def test_requests_begin_at_the_time_of_day():
    deliveries = begin([BROKEN, OK, OK], backoff=2, epoch=1_800_000_000.0).run()
    assert [delivery.started for delivery in deliveries] == [1_800_000_000.0, 1_800_000_003.0]


def test_a_hold_outlives_its_batch():
    driver = begin([OK, LIMITED, LIMITED, OK], rows=6, backoff=2, retries=1, idempotent=False)
    assert list(ends(driver.run()).values()) == ["accepted"] * 2 + ["not_sent"] * 2 + ["accepted"] * 2
    assert driver.slept == [3, 5]


def test_a_rate_is_kept():
    driver = begin(lambda ids: OK, rows=8, throttle=Throttle(per_hour=2))
    driver.run()
    assert driver.slept == [3600]


def test_the_wait_is_told():
    driver = begin([BROKEN, OK, OK], backoff=2)
    while not driver.resting:
        driver.step()
    assert driver.state.progress(4, driver.now).waiting == "503, waiting 3 s (try 2 of 3)"
    driver.run()
    assert driver.state.progress(4, driver.now).waiting == ""


def test_an_error_of_the_batches_does_not_lose_the_truth():
    def source():
        yield from list(cut([payloads([1] * 6)], 2))[:2]
        raise ZeroDivisionError

    driver = begin(lambda ids: OK, rows=6, workers=2, source=Batches(source()))
    assert ends(driver.run()) == dict.fromkeys(range(4), "accepted")
    assert isinstance(driver.state.error, ZeroDivisionError)
    assert driver.state.stopped.reason == "error"


def test_an_error_within_a_request_leaves_its_rows_unknown():
    def answer(ids):
        raise ZeroDivisionError

    driver = begin(answer, rows=6)
    assert ends(driver.run()) == {0: "unknown", 1: "unknown"}


def test_a_stop_sends_nothing_else():
    driver = begin(lambda ids: OK, rows=8, workers=2)
    while len(driver.sent) < 2:
        driver.step()
    driver.tell(StopAsked(Stop("stopped", "stopped before")))
    deliveries = driver.run()
    assert len(driver.sent) == 2
    assert ends(deliveries, 8) == {row: "accepted" if row < 4 else "not_sent" for row in range(8)}


def test_a_stop_ends_a_pause():
    driver = begin(lambda ids: BROKEN, backoff=60)
    while not driver.resting:
        driver.step()
    driver.tell(StopAsked(Stop("stopped", "stopped before")))
    deliveries = driver.run()
    assert driver.slept == []
    assert ends(deliveries, 4) == {0: "unknown", 1: "unknown", 2: "not_sent", 3: "not_sent"}
    assert "before that: 503 oops" in deliveries[0].error


@pytest.mark.parametrize("ending", [StopAsked(Stop("stopped", "stopped before")), Closed()])
def test_a_worker_looks_once_more_between_the_note_and_the_wire(ending):
    """The note may take its time: the disk is slow."""
    driver = begin(lambda ids: OK, journalled=True)
    while not driver.notes:
        driver.step()
    assert driver.notes[0].outcome == "unknown"  # if the process ends here, nobody knows
    driver.tell(ending)
    deliveries = driver.run()
    assert driver.sent == []
    assert ends(deliveries) == {0: "not_sent", 1: "not_sent"}
    assert driver.notes[-1].outcome == "not_sent"


def test_what_is_on_the_wire_at_the_end_is_unknown_and_its_answer_comes_too_late():
    driver = begin(lambda ids: OK)
    while not driver.sent:
        driver.step()
    driver.tell(Closed())
    assert ends(driver.run()) == {0: "unknown", 1: "unknown"}
    assert driver.state.deliveries[0].reason == "interrupted"
    assert driver.state.rows == 0


def test_workers_that_cannot_begin_leave_their_work_to_the_others():
    driver = begin(lambda ids: OK, rows=8, workers=3)
    driver.due.clear()
    for worker in (1, 2):
        driver.tell(Absent(worker))
    driver.due.append(Ready(0))
    assert set(ends(driver.run(), 8).values()) == {"accepted"}


def test_without_any_worker_nothing_is_sent():
    driver = begin(lambda ids: OK, workers=1)
    driver.due.clear()
    driver.tell(Failed(0, RuntimeError("no thread")))
    assert driver.run() == []
    assert driver.state.stopped.reason == "error"


def test_notes_are_written_before_and_after_each_request():
    driver = begin([LIMITED, OK, OK], journalled=True)
    driver.run()
    assert [(note.outcome, note.attempts) for note in driver.notes] == [
        ("unknown", 1), ("not_sent", 1), ("unknown", 2), ("accepted", 2), ("unknown", 1), ("accepted", 1),
    ]  # fmt: skip


# -- doubt ------------------------------------------------------------------------------------------------------------

LOST = Answer("unclear", error="timed out", complete=False)


@pytest.mark.parametrize(
    ("answers", "late"),
    [
        pytest.param([OK], False, id="one attempt"),
        pytest.param([LOST, OK], True, id="the answer was lost, then well"),
        pytest.param([BROKEN, OK], False, id="a complete 503"),
        pytest.param([LIMITED, OK], False, id="429"),
        pytest.param([NOBODY, OK], False, id="no connection"),
        pytest.param([LOST, LIMITED, OK], True, id="lost, 429, well"),
    ],
)
def test_an_attempt_without_an_answer_may_arrive_late(answers, late):
    [delivery] = begin(list(answers), rows=2).run()
    assert delivery.outcome == "accepted"
    assert delivery.late is late


class Waves:
    """A source of two waves of one batch each."""

    def __init__(self):
        self.waves, self.settled = [iter(cut([payloads([1] * 2, 2 * wave)], 1)) for wave in (0, 1)], []

    def draw(self, settled):
        if settled is not None:
            self.settled.append(settled)
            self.waves.pop(0)
        batch = next(self.waves[0], None)
        return batch, batch is None and len(self.waves) > 1


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_a_wave_begins_when_all_before_it_have_final_answers(workers):
    source = Waves()
    driver = begin(lambda ids: OK, source=source, workers=workers)
    assert ends(driver.run()) == dict.fromkeys(range(4), "accepted")
    assert sorted(driver.sent[:2]) == [["0"], ["1"]]
    [settled] = source.settled
    assert sorted(ends(settled)) == [0, 1]


# -- any server -------------------------------------------------------------------------------------------------------

#: What a server does with a request: which records it refuses, whether the others are applied, and what it says.
behaviours = st.fixed_dictionaries(
    {
        "says": st.sampled_from(
            [
                "yes",
                "no",
                "named",
                "named by id",
                "429",
                "413",
                "401",
                "503",
                "nothing",
                "refused connection",
                "html",
            ]
        ),
        "applies": st.booleans(),
        "counts": st.booleans(),
    }
)


class Server:
    """A Mixpanel that refuses some records always, behaves as told, and never lies about what it counts or names."""

    def __init__(self, bad, script):
        self.bad, self.script, self.at = bad, script, count()
        self.applied = Counter()

    def __call__(self, records):
        told = self.script[next(self.at) % len(self.script)]
        bad = [at for at, record in enumerate(records) if record in self.bad]
        good = [at for at in range(len(records)) if at not in bad]
        says = told["says"]
        if says == "no" and not bad and any(self.applied[record] for record in records):
            says = "yes"  # what was good among others is good alone
        if says in {"429", "413", "401", "refused connection"}:
            return self.without_effect(says, len(records))
        spoilt = (
            says in {"no", "named", "named by id"} and not bad
        )  # refused without a bad record: all of them are
        applied = good if (told["applies"] and not spoilt) or (says == "yes" and not bad) else []
        self.applied.update(records[at] for at in applied)
        body = {"num_good_events": len(applied)} if told["counts"] else {}
        if says in {"503", "nothing", "html"}:
            return answered(200 if says == "html" else 503, b"<html>", len(records))
        if not bad and len(applied) == len(records) and says == "yes":
            return answered(200, {"status": 1, "error": None} | body, len(records))
        body |= {"status": 0, "error": "some are bad"}
        if says.startswith("named"):
            key = "index" if says == "named" else "$distinct_id"
            body["failed_records"] = [{key: at if key == "index" else records[at][0]} for at in bad]
        return answered(400, body, len(records))

    @staticmethod
    def without_effect(says, records):
        if says == "refused connection":
            return NOBODY
        return answered(int(says), {}, records)


@settings(max_examples=examples(300), deadline=None)
@given(
    updates=st.lists(st.integers(1, 2), min_size=1, max_size=12),
    bad=st.sets(st.tuples(st.integers(0, 11).map(str), st.integers(0, 1)), max_size=4),
    script=st.lists(behaviours, min_size=1, max_size=8),
    idempotent=st.booleans(),
    workers=st.integers(1, 3),
)
def test_every_row_has_one_outcome_and_it_is_true(updates, bad, script, idempotent, workers):
    server = Server(bad, script)
    state = UploadState(workers, idempotent=idempotent, retries=2, backoff=0, chance=lambda: 0.0)

    def answer(batch):
        return server([(record["$distinct_id"], record["n"]) for record in json.loads(batch.body())])

    driver = Driver(state, Batches(cut([payloads(updates)], 4)), answer)
    deliveries = driver.run()
    found = ends(deliveries, len(updates))
    assert sorted(found) == list(range(len(updates)))
    assert sum(delivery.requests for delivery in deliveries) == state.requests
    assert sum(delivery.updates for delivery in deliveries) == sum(updates[row] for row in ends(deliveries))
    for position, outcome in found.items():
        times = [server.applied[str(position), n] for n in range(updates[position])]
        if outcome == "accepted":
            assert min(times) > 0
        if outcome in {"rejected", "not_sent"}:
            assert max(times) == 0
        if not idempotent:
            assert max(times) <= 1
    if state.connection_failed:
        assert not server.applied


# -- when it is pointless ---------------------------------------------------------------------------------------------


def spoilt(bad, rows, *, size=2000, workers=4, counted=True):
    """Send to a server that refuses whole batches in which a row is bad, naming none."""

    def answer(ids):
        return (NOTHING if counted else REFUSED) if bad & set(map(int, ids)) else OK

    driver = begin(answer, source=batches(rows, size), workers=workers)
    driver.run()
    return driver


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("share", [0.0001, 0.001, 0.01])
def test_bisecting_finds_the_bad_rows(share, workers):
    rows = 20_000
    bad = set(random.Random(7).sample(range(rows), int(rows * share)))
    driver = spoilt(bad, rows, workers=workers)
    found = ends(driver.state.deliveries)
    assert {row for row, outcome in found.items() if outcome == "rejected"} == bad
    assert sum(outcome == "accepted" for outcome in found.values()) == rows - len(bad)
    assert len(driver.sent) <= rows / 2000 + 2 * len(bad) * 11


def test_where_nothing_is_good_the_upload_stops_soon():
    driver = spoilt(set(range(20_000)), 20_000)
    assert len(driver.sent) <= 50
    assert set(ends(driver.state.deliveries).values()) == {"rejected"}
    assert len(ends(driver.state.deliveries)) == 2000
    assert driver.state.stopped.reason == "refused"
    assert "nothing was accepted before: 400 bad, 0 good" in driver.state.stopped.error


def test_bisecting_is_given_up_for_one_batch_and_not_for_the_next():
    bad = set(range(2000, 4000)) | {5000}
    driver = spoilt(bad, 6000, workers=1)
    found = ends(driver.state.deliveries)
    assert {row for row, outcome in found.items() if outcome == "rejected"} == bad
    assert len(driver.sent) <= 3 + 24 + 11 + 22


def test_an_outage_in_the_middle_opens_the_circuit():
    answers = iter([OK] * 3)
    driver = begin(lambda ids: next(answers, BROKEN), rows=400, workers=4, retries=2)
    found = ends(driver.run(), 400)
    assert driver.state.stopped.reason == "circuit breaker"
    assert "in a row without a clear answer: 503 oops" in driver.state.stopped.error
    assert len(driver.sent) < 3 + 8 * 3
    assert Counter(found.values())["not_sent"] > 350


def test_no_request_begins_after_the_deadline():
    def slowly(ids):
        driver.now += 4
        return OK

    driver = begin(slowly, rows=20, deadline=10)
    found = ends(driver.run(), 20)
    assert [ids[0] for ids in driver.sent] == ["0", "2", "4"]
    assert driver.state.stopped.reason == "deadline"
    assert Counter(found.values()) == {"accepted": 6, "not_sent": 14}


def test_a_pause_ends_at_the_deadline():
    driver = begin([OK, BROKEN], backoff=60, deadline=10)
    assert ends(driver.run(), 4) == {0: "accepted", 1: "accepted", 2: "unknown", 3: "unknown"}
    assert driver.slept == [10]


def test_a_rest_ends_when_it_should():
    state = UploadState(1, idempotent=True, retries=0, backoff=0, chance=lambda: 0.0, throttle=Throttle(1))
    driver = Driver(state, batches(4), lambda batch: OK)
    while not driver.resting:
        driver.step()
    assert state.next(Ready(0), 100.0)[0] == Rest(3600.0)


def test_a_later_part_goes_on_with_answers_counts_and_throttle():
    before = begin([OK, OK], rows=4, throttle=Throttle(3))
    before.run()
    later = begin([NOBODY] * 9, rows=4, throttle=Throttle(), workers=2)
    later.state.continue_from(before.state)
    later.run()
    assert ends(later.state.deliveries[:2]) == dict.fromkeys(range(4), "accepted")
    assert len(later.state.deliveries) > 2
    assert len(before.state.deliveries) == 2, "its own answers stay as they are"
    assert later.state.rows == 4
    assert later.state.requests > before.state.requests == 2
    assert later.state.bytes > before.state.bytes
    assert later.state.connection_failed is None, "somebody answered before"
    assert max(later.slept) > 3000, "the requests of the earlier part count for those of the hour"

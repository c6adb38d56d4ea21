from __future__ import annotations

import _thread
import json
import logging
import random
import threading
import time
from collections import Counter
from itertools import count

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixpanel_pandas.delivery import answers
from mixpanel_pandas.delivery import upload as module
from mixpanel_pandas.delivery.answers import Answer
from mixpanel_pandas.delivery.messages import Response
from mixpanel_pandas.delivery.throttle import Throttle
from mixpanel_pandas.delivery.upload import Progress, start
from mixpanel_pandas.payloads.batches import Payloads, cut
from mixpanel_pandas.project import Project

TOKEN = "0123456789abcdef0123456789abcdef"
OK = Answer("accepted", 200)
LIMITED = Answer("rate_limited", 429, error="429 slow down")
NOBODY = Answer("no_connection", error="refused")
BROKEN = Answer("unclear", 503, error="503 oops")
DENIED = Answer("denied", 401, error="401 who are you?")
TOO_LARGE = Answer("too_large", 413, error="413")
REFUSED = Answer("refused", 400, error="400 bad")
NOTHING = Answer("none_applied", 400, 0, error="400 bad, 0 good")


def read(status, body, records):
    return answers.read(Response(status, {}, body), records)


class Session:
    """A client that goes nowhere."""

    opened = closed = 0

    def __init__(self, project):
        type(self).opened += 1

    def cut(self):
        pass

    def close(self):
        type(self).closed += 1


class Clock:
    def __init__(self):
        self.now, self.slept = 0.0, []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


def payloads(updates, first=0):
    rows = [
        "".join(f'{{"$distinct_id":"{first + row}","n":{n}}},' for n in range(size))
        for row, size in enumerate(updates)
    ]
    positions = np.arange(first, first + len(rows), dtype=np.int64)
    return Payloads(pa.array(rows, pa.large_string()), np.array(updates, np.int64), positions)


def batches(rows, size=2, updates=None):
    return cut([payloads(updates or [1] * rows)], size)


def attempting(answers):
    """Return an attempt that answers from a list or by a function of the ids, and a list of what was sent."""
    sent, lock = [], threading.Lock()

    def attempt(session, url, body, *, records, timeout, secrets):
        ids = [record["$distinct_id"] for record in json.loads(body)]
        assert len(ids) == records
        with lock:
            sent.append(ids)
            return answers(ids) if callable(answers) else answers.pop(0)

    return attempt, sent


def begin(
    answers, rows=4, *, idempotent=True, workers=1, retries=2, backoff=0, clock=None, source=None, **options
):
    attempt, sent = attempting(answers)
    clock = clock or Clock()
    project = Project(TOKEN, "eu", retries=retries, backoff=backoff)
    upload = start(
        batches(rows) if source is None else source,
        project,
        "engage",
        idempotent=idempotent,
        workers=workers,
        rows=rows,
        progress=options.pop("progress", False),
        session=Session,
        attempt=attempt,
        gate=options.pop("gate", None) or Throttle(clock, clock.sleep),
        chance=lambda: 0.0,
        **options,
    )
    return upload, sent


def ends(deliveries, rows=0):
    """Return position -> outcome, each position once; of `rows` rows those whose turn did not come are not sent."""
    found = [
        (int(position), delivery.apart.get(row, (delivery.outcome,))[0])
        for delivery in deliveries
        for row, position in enumerate(delivery.positions)
    ]
    assert len(dict(found)) == len(found)
    return dict.fromkeys(range(rows), "not_sent") | dict(found)


def named(*indices, applied=None):
    records = [{"index": index, "message": "bad"} for index in indices]
    return lambda ids: read(
        400, json.dumps({"failed_records": records, "num_good_events": applied}).encode(), len(ids)
    )


@pytest.mark.parametrize(
    ("answers", "options", "outcomes", "sent"),
    [
        pytest.param([OK, OK], {}, "aaaa", ["01", "23"], id="all well"),
        pytest.param([LIMITED, OK, OK], {}, "aaaa", ["01", "01", "23"], id="429, then well"),
        pytest.param(
            [LIMITED] * 3, {}, "nnnn", ["01"] * 3, id="429 until tries are used up, which blows the fuse"
        ),
        pytest.param([NOBODY, OK, OK], {}, "aaaa", ["01", "01", "23"], id="the second connection works"),
        pytest.param(
            [OK, NOBODY, NOBODY, NOBODY], {}, "aann", ["01"] + ["23"] * 3, id="the connection is lost"
        ),
        pytest.param([BROKEN, OK, OK], {}, "aaaa", ["01", "01", "23"], id="503, then well"),
        pytest.param([BROKEN, OK], {"idempotent": False}, "uuaa", ["01", "23"], id="503, not idempotent"),
        pytest.param(
            [BROKEN, LIMITED, LIMITED], {}, "uunn", ["01"] * 3, id="503, then 429, which blows the fuse"
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
    upload, found = begin(lambda ids: a(ids) if callable(a := left.pop(0)) else a, **options)
    words = {"a": "accepted", "r": "rejected", "u": "unknown", "n": "not_sent"}
    deliveries = upload.result()
    assert ends(deliveries, len(outcomes)) == {row: words[letter] for row, letter in enumerate(outcomes)}
    assert ["".join(ids) for ids in found] == sent
    assert left == []
    assert sum(delivery.requests for delivery in deliveries) == len(sent) == upload.progress().requests
    assert upload.progress().rows == sum(
        len(d.positions) for d in deliveries if d.outcome in {"accepted", "rejected"}
    )
    assert upload.connection_failed is None
    assert (upload.stopped is None) == ("n" not in outcomes)


@pytest.mark.parametrize(("retries", "times"), [(8, 2), (0, 1)])
def test_nobody_at_the_address(retries, times):
    upload, sent = begin(lambda ids: NOBODY, rows=40, workers=4, retries=retries)
    deliveries = upload.result()
    assert set(ends(deliveries).values()) == {"not_sent"}
    assert set(ends(deliveries, 40).values()) == {"not_sent"}
    assert len(sent) == times
    assert upload.connection_failed.startswith("refused; check the network")


def test_the_first_batch_travels_alone_until_somebody_answers():
    together, most, lock = 0, [], threading.Lock()
    all_there = threading.Barrier(3)

    def attempt(session, url, body, **more):
        nonlocal together
        with lock:
            together += 1
            most.append(together)
        if len(most) > 1:
            all_there.wait(10)
        with lock:
            together -= 1
        return OK

    upload = start(
        batches(14), Project(TOKEN, "eu", backoff=0), "engage",
        idempotent=True, workers=3, progress=False, session=Session, attempt=attempt,
    )  # fmt: skip
    assert set(ends(upload.result()).values()) == {"accepted"}
    assert most[:2] == [1, 1]
    assert max(most) == 3


def test_pauses_double_and_a_429_holds_everyone():
    clock = Clock()
    answers = [BROKEN, BROKEN, OK, LIMITED, OK]
    upload, _ = begin(answers, clock=clock, backoff=2)
    deliveries = upload.result()
    assert clock.slept == [3, 5, 3]
    assert [delivery.elapsed for delivery in deliveries] == [8, 3]
    assert [delivery.attempts for delivery in deliveries] == [3, 2]

    clock = Clock()
    upload, _ = begin([Answer("rate_limited", 429, retry_after=20), OK, OK], clock=clock, backoff=2)
    upload.result()
    assert clock.slept == [20]


def test_a_hold_outlives_its_batch():
    clock = Clock()
    upload, _ = begin([OK, LIMITED, LIMITED, OK], rows=6, clock=clock, backoff=2, retries=1, idempotent=False)
    assert list(ends(upload.result()).values()) == ["accepted"] * 2 + ["not_sent"] * 2 + ["accepted"] * 2
    assert clock.slept == [3, 5]


def test_memory_stays_flat():
    alive, most, lock = Counter(), [], threading.Lock()

    def source():
        for batch in batches(200):
            with lock:
                alive["drawn"] += 1
                most.append(alive["drawn"] - alive["done"])
            yield batch

    def answer(ids):
        alive["done"] += 1
        return OK

    upload, _ = begin(answer, rows=200, workers=4, source=source())
    assert len(ends(upload.result())) == 200
    assert max(most) <= 4 + 2


class Broken(Exception):
    pass


@pytest.mark.parametrize("error", [Broken("a bug"), MemoryError()])
def test_an_error_of_the_batches_does_not_lose_the_truth(error):
    def source():
        yield from list(batches(6))[:2]
        raise error

    upload, _ = begin(lambda ids: OK, rows=6, workers=2, source=source())
    with pytest.raises(type(error)):
        upload.result()
    assert ends(upload.deliveries) == dict.fromkeys(range(4), "accepted")
    assert upload.stopped.reason == "error"


def test_an_error_within_a_request_leaves_its_rows_unknown():
    def answer(ids):
        raise Broken

    upload, _ = begin(answer, rows=6)
    with pytest.raises(Broken):
        upload.result()
    assert ends(upload.deliveries) == {0: "unknown", 1: "unknown"}


def test_stop_sends_nothing_else_and_accounts_for_every_row():
    upload = None

    def answer(ids):
        if ids == ["2", "3"]:
            upload.stop()
        return OK

    ready = threading.Event()

    def waiting(ids):
        assert ready.wait(10)
        return answer(ids)

    upload, sent = begin(waiting, rows=8)
    ready.set()
    deliveries = upload.result()
    assert ends(deliveries, 8) == {row: "accepted" if row < 4 else "not_sent" for row in range(8)}
    assert sent == [["0", "1"], ["2", "3"]]
    assert upload.stopped.reason == "stopped"
    assert not upload.interrupted


def test_stop_ends_a_pause_at_once():
    upload, _ = begin(lambda ids: BROKEN, rows=4, backoff=60, gate=Throttle())
    while not upload.progress().waiting:
        time.sleep(0.001)
    assert upload.progress().waiting.startswith("503, waiting 6")
    assert upload.progress().waiting.endswith("s (try 2 of 3)")
    began = time.monotonic()
    upload.stop()
    assert ends(upload.result(), 4) == {0: "unknown", 1: "unknown", 2: "not_sent", 3: "not_sent"}
    assert time.monotonic() - began < 5
    assert "before that: 503 oops" in upload.deliveries[0].error


def test_ctrl_c_gives_the_wire_its_grace(monkeypatch):
    arrived, over, watching = threading.Event(), threading.Event(), threading.Event()
    monkeypatch.setattr(module, "_show", lambda *args, **more: watching.set())
    monkeypatch.setattr(module, "GRACE", 0.2)
    monkeypatch.setattr(module, "END", 0.1)

    def attempt(session, url, body, **more):
        arrived.set()
        over.wait(30)
        return OK

    def interrupt():
        assert arrived.wait(10)
        assert watching.wait(10)
        _thread.interrupt_main()

    upload = start(
        batches(4), Project(TOKEN, "eu", backoff=0), "engage",
        idempotent=True, workers=2, progress=False, session=Session, attempt=attempt,
    )  # fmt: skip
    threading.Thread(target=interrupt).start()
    deliveries = upload.result()
    assert upload.interrupted
    assert ends(deliveries)[0] == "unknown"
    assert {delivery.reason for delivery in deliveries if delivery.outcome == "unknown"} == {"interrupted"}
    over.set()
    for worker in upload._workers:
        worker.join(5)
    assert ends(upload.deliveries) == {0: "unknown", 1: "unknown"} | {
        row: "not_sent" for row in (2, 3) if row in ends(deliveries)
    }


def test_ctrl_c_lets_an_answer_that_comes_in_time_count(monkeypatch):
    arrived, over, watching = threading.Event(), threading.Event(), threading.Event()
    monkeypatch.setattr(module, "_show", lambda *args, **more: watching.set())

    def attempt(session, url, body, **more):
        arrived.set()
        assert over.wait(10)
        return OK

    upload = start(
        batches(6), Project(TOKEN, "eu", backoff=0), "engage",
        idempotent=True, workers=2, progress=False, session=Session, attempt=attempt,
    )  # fmt: skip

    def interrupt():
        assert arrived.wait(10)
        assert watching.wait(10)
        _thread.interrupt_main()
        while not upload.stopped:
            time.sleep(0.001)
        over.set()

    threading.Thread(target=interrupt).start()
    assert ends(upload.result(), 6) == {row: "accepted" if row < 2 else "not_sent" for row in range(6)}
    assert upload.interrupted


def test_no_threads_and_no_sessions_are_left():
    before = threading.active_count()
    Session.opened = Session.closed = 0
    upload, _ = begin(lambda ids: OK, rows=20, workers=4, progress=True)
    upload.result()
    assert threading.active_count() == before
    assert (Session.opened, Session.closed) == (4, 4)


def test_nothing_to_send():
    upload, sent = begin([], rows=0, source=iter(()), workers=3)
    assert (upload.result(), sent) == ([], [])


@pytest.mark.parametrize(
    ("wanted", "terminal", "shown"),
    [
        pytest.param(None, False, False, id="not in logs"),
        pytest.param(None, True, True, id="in a terminal"),
        pytest.param(True, False, True, id="asked for"),
        pytest.param(False, True, False, id="not wanted"),
    ],
)
def test_progress_bar(monkeypatch, capsys, wanted, terminal, shown):
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal, raising=False)
    upload, _ = begin([LIMITED, OK, OK], progress=wanted, label="set")
    upload.result()
    upload.say("set: 4 accepted")
    _, written = capsys.readouterr()
    assert ("set: 100%" in written) == shown
    assert ("4/4" in written) == shown
    assert ("0.0 MB" in written) == shown
    assert written.endswith("set: 4 accepted\n") == shown


class Kept(logging.Handler):
    """Keeps what is logged, and says when something is."""

    def __init__(self):
        super().__init__()
        self.texts, self.came = [], threading.Event()

    def emit(self, record):
        self.texts.append(record.getMessage())
        self.came.set()


@pytest.fixture
def kept():
    handler = Kept()
    module.logger.addHandler(handler)
    before = module.logger.level
    module.logger.setLevel("INFO")
    yield handler
    module.logger.setLevel(before)
    module.logger.removeHandler(handler)


def test_a_line_in_the_log_at_most_once_a_minute(kept):
    clock = Clock()
    lines = module.Lines("set", clock)
    half, more = Progress(500, 1000, 5, 2_000_000, ""), Progress(800, 1000, 8, 3_000_000, "429, waiting 8 s")
    for now, progress in (
        (0, half),
        (59.9, half),
        (60, half),
        (61, more),
        (119.9, more),
        (250, more),
        (251, more),
    ):
        clock.now = now
        lines.tell(progress)
    assert kept.texts == [
        "set: 500 of 1,000 rows, 50 %, 5 requests, 2.0 MB, 8.3 rows/s, about 60 s left",
        "set: 800 of 1,000 rows, 80 %, 8 requests, 3.0 MB, 3.2 rows/s, about 62 s left; 429, waiting 8 s",
    ]


def test_nothing_yet_has_no_rate():
    assert Progress(0, 10, 0, 0, "").in_words(60) == "0 of 10 rows, 0 %, 0 requests, 0 bytes"
    assert Progress(0, 0, 0, 0, "").in_words(0) == "0 of 0 rows, 0 requests, 0 bytes"


@pytest.mark.parametrize(("bar", "lines"), [(False, 2), (True, 0)])
def test_an_upload_without_a_bar_tells_the_log(kept, monkeypatch, bar, lines):
    monkeypatch.setattr(module, "TICK", 0.001)
    clock = Clock()
    seen = threading.Event()  # somebody has looked at the progress after the clock moved
    show = module._show
    monkeypatch.setattr(module, "_show", lambda *args, **more: (seen.set(), show(*args, **more)))

    def answer(ids):
        if int(ids[0]) in {4, 8}:
            clock.now += 61
            for _twice in range(2):
                seen.clear()
                assert seen.wait(10)
        return OK

    upload, _ = begin(answer, rows=20, clock=clock, progress=bar, label="set")
    upload.result()
    assert len(kept.texts) == lines
    assert all(text.startswith("set: ") for text in kept.texts)


def test_progress_in_words():
    assert str(Progress(1, 2, 3, 612_000_000, "429, waiting 8 s (try 3 of 9)")) == (
        "612.0 MB, 429, waiting 8 s (try 3 of 9)"
    )
    assert str(Progress(1, 2, 3, 0, "")) == "0.0 MB"


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
            return read(200 if says == "html" else 503, b"<html>", len(records))
        if not bad and len(applied) == len(records) and says == "yes":
            return read(200, json.dumps({"status": 1, "error": None} | body).encode(), len(records))
        body |= {"status": 0, "error": "some are bad"}
        if says.startswith("named"):
            key = "index" if says == "named" else "$distinct_id"
            body["failed_records"] = [{key: at if key == "index" else records[at][0]} for at in bad]
        return read(400, json.dumps(body).encode(), len(records))

    @staticmethod
    def without_effect(says, records):
        if says == "refused connection":
            return NOBODY
        return read(int(says), b"{}", records)


@settings(max_examples=300, deadline=None)
@given(
    updates=st.lists(st.integers(1, 2), min_size=1, max_size=12),
    bad=st.sets(st.tuples(st.integers(0, 11).map(str), st.integers(0, 1)), max_size=4),
    script=st.lists(behaviours, min_size=1, max_size=8),
    idempotent=st.booleans(),
    workers=st.integers(1, 3),
)
def test_every_row_has_one_outcome_and_it_is_true(updates, bad, script, idempotent, workers):
    server, lock = Server(bad, script), threading.Lock()

    def attempt(session, url, body, *, records, timeout, secrets):
        with lock:
            return server([(record["$distinct_id"], record["n"]) for record in json.loads(body)])

    upload = start(
        cut([payloads(updates)], 4), Project(TOKEN, "eu", retries=2, backoff=0), "engage",
        idempotent=idempotent, workers=workers, progress=False, session=Session, attempt=attempt,
    )  # fmt: skip
    deliveries = upload.result()
    found = ends(deliveries, len(updates))
    assert sorted(found) == list(range(len(updates)))
    assert sum(delivery.requests for delivery in deliveries) == upload.progress().requests
    assert sum(delivery.updates for delivery in deliveries) == sum(updates[row] for row in ends(deliveries))
    for position, outcome in found.items():
        times = [server.applied[str(position), n] for n in range(updates[position])]
        if outcome == "accepted":
            assert min(times) > 0
        if outcome in {"rejected", "not_sent"}:
            assert max(times) == 0
        if not idempotent:
            assert max(times) <= 1
    if upload.connection_failed:
        assert not server.applied


def spoilt(bad, rows, *, size=2000, workers=4, counted=True):
    """Send to a server that refuses whole batches in which a row is bad, naming none; return upload, deliveries, requests."""

    def answer(ids):
        return (NOTHING if counted else REFUSED) if bad & set(map(int, ids)) else OK

    attempt, sent = attempting(answer)
    upload = start(
        cut([payloads([1] * rows)], size), Project(TOKEN, "eu", backoff=0), "engage",
        idempotent=True, workers=workers, progress=False, session=Session, attempt=attempt,
    )  # fmt: skip
    return upload, upload.result(), sent


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("share", [0.0001, 0.001, 0.01])
def test_bisecting_finds_the_bad_rows(share, workers):
    rows = 20_000
    bad = set(random.Random(7).sample(range(rows), int(rows * share)))
    _, deliveries, sent = spoilt(bad, rows, workers=workers)
    found = ends(deliveries)
    assert {row for row, outcome in found.items() if outcome == "rejected"} == bad
    assert sum(outcome == "accepted" for outcome in found.values()) == rows - len(bad)
    assert len(sent) <= rows / 2000 + 2 * len(bad) * 11


def test_where_nothing_is_good_the_upload_stops_soon():
    upload, deliveries, sent = spoilt(set(range(20_000)), 20_000)
    assert len(sent) <= 50
    assert set(ends(deliveries).values()) == {"rejected"}
    assert len(ends(deliveries)) == 2000
    assert upload.stopped.reason == "refused"
    assert "nothing was accepted before: 400 bad, 0 good" in upload.stopped.error


def test_bisecting_is_given_up_for_one_batch_and_not_for_the_next():
    bad = set(range(2000, 4000)) | {5000}
    _, deliveries, sent = spoilt(bad, 6000, workers=1)
    found = ends(deliveries)
    assert {row for row, outcome in found.items() if outcome == "rejected"} == bad
    assert len(sent) <= 3 + 24 + 11 + 22


def test_an_outage_in_the_middle_blows_the_fuse():
    answers = iter([OK] * 3)
    upload, sent = begin(lambda ids: next(answers, BROKEN), rows=400, workers=4, retries=2)
    found = ends(upload.result(), 400)
    assert upload.stopped.reason == "fuse"
    assert "in a row without a clear answer: 503 oops" in upload.stopped.error
    assert len(sent) < 3 + 8 * 3
    assert Counter(found.values())["not_sent"] > 350


def test_no_request_begins_after_the_deadline():
    clock = Clock()

    def slowly(ids):
        clock.now += 4
        return OK

    upload, sent = begin(slowly, rows=20, clock=clock, gate=Throttle(clock, clock.sleep, deadline=10))
    found = ends(upload.result(), 20)
    assert [ids[0] for ids in sent] == ["0", "2", "4"]
    assert upload.stopped.reason == "deadline"
    assert Counter(found.values()) == {"accepted": 6, "not_sent": 14}


def test_a_pause_ends_at_the_deadline():
    clock = Clock()
    upload, _ = begin([OK, BROKEN], clock=clock, backoff=60, gate=Throttle(clock, clock.sleep, deadline=10))
    assert ends(upload.result(), 4) == {0: "accepted", 1: "accepted", 2: "unknown", 3: "unknown"}
    assert clock.slept == [10]


def test_a_batch_is_open_as_soon_as_it_is_drawn():
    """Another worker that draws next must not find all batches settled, and begin the next wave."""
    attempt, _sent = attempting([OK])
    upload = start(
        batches(2),
        Project(TOKEN, "eu"),
        "engage",
        idempotent=True,
        workers=2,
        session=Session,
        attempt=attempt,
        begin=False,
    )
    batch = upload._draw(0)
    assert [part.batch for parts in upload._open.values() for part in parts] == [batch]

"""The threads of an upload: they carry out what the state says, and end."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import Counter

import pytest
import tqdm

from mixpanel_pandas.delivery import progress as progress_module
from mixpanel_pandas.delivery import upload as module
from mixpanel_pandas.delivery.answers import Answer
from mixpanel_pandas.delivery.progress import Progress, Reporter
from mixpanel_pandas.delivery.state import UploadState
from mixpanel_pandas.delivery.upload import Upload
from mixpanel_pandas.payloads.batches import cut
from tests.delivery.driver import Batches, batches, ends, payloads
from tests.patience import PATIENCE

OK = Answer("accepted", 200)
BROKEN = Answer("unclear", 503, error="503 oops")


class Client:
    """Sends nowhere; all clients of an upload share what they sent."""

    def __init__(self, answer, sent, opened):
        self.answer, self.sent, self.opened = answer, sent, opened
        self.is_cut = False
        opened["opened"] += 1

    def send(self, batch, until):
        ids = [record["$distinct_id"] for record in json.loads(batch.body())]
        self.sent.append(ids)
        return self.answer(ids)

    def cut(self):
        self.is_cut = True

    def close(self):
        assert self.is_cut
        self.opened["closed"] += 1


def begin(
    answer, rows=4, *, workers=1, source=None, backoff=0, notes=None, wanted=False, label="", **options
):
    sent, opened = [], Counter()
    clients = [Client(answer, sent, opened) for _ in range(workers)]
    state = UploadState(
        workers, idempotent=True, retries=2, backoff=backoff, chance=lambda: 0.0,
        journalled=notes is not None, **options,
    )  # fmt: skip
    reporter = Reporter(label, rows, wanted, time.monotonic)
    upload = Upload(source or batches(rows), clients, state, reporter, rows, notes)
    return upload, sent, opened


def names():
    return [thread.name for thread in threading.enumerate() if "mixpanel_pandas" in thread.name]


def test_no_threads_and_no_clients_are_left():
    upload, sent, opened = begin(lambda ids: OK, rows=20, workers=4)
    account = upload.run()
    assert set(ends(account.deliveries, 20).values()) == {"accepted"}
    assert len(sent) == 10
    assert names() == []
    assert opened == {"opened": 4, "closed": 4}


def test_a_request_without_end_does_not_keep_the_process():
    daemons = []

    def answer(ids):
        daemons.append(threading.current_thread().daemon)
        return OK

    begin(answer, workers=2)[0].run()
    assert daemons == [True, True]


def test_nothing_to_send():
    upload, sent, _ = begin(lambda ids: OK, rows=0, source=Batches([]), workers=3)
    assert (upload.run().deliveries, sent) == ([], [])


def test_requests_are_made_beside_each_other():
    together = threading.Barrier(3)
    first = threading.Event()

    def answer(ids):
        if first.is_set():
            together.wait(PATIENCE)
        first.set()
        return OK

    upload, *_ = begin(answer, rows=8, workers=3)
    assert set(ends(upload.run().deliveries).values()) == {"accepted"}


def test_a_worker_that_has_nothing_to_do_waits_without_end(monkeypatch):
    """It sleeps until it is woken, and does not ask again and again."""
    rests, both_rest = [], threading.Event()
    wait_for = threading.Condition.wait_for

    def waiting(condition, predicate, timeout=None):
        if timeout is None:
            rests.append(predicate())
            if len(rests) == 2:
                both_rest.set()
        return wait_for(condition, predicate, timeout)

    def answer(ids):
        assert both_rest.wait(PATIENCE)
        return OK

    upload, *_ = begin(answer, rows=2, workers=3)
    monkeypatch.setattr(threading.Condition, "wait_for", waiting)
    assert set(ends(upload.run().deliveries).values()) == {"accepted"}
    assert not any(rests)


def test_memory_stays_flat():
    alive, most, lock = Counter(), [], threading.Lock()

    def source():
        for batch in cut([payloads([1] * 200)], 2):
            with lock:
                alive["drawn"] += 1
                most.append(alive["drawn"] - alive["done"])
            yield batch

    def answer(ids):
        with lock:
            alive["done"] += 1
        return OK

    upload, *_ = begin(answer, rows=200, workers=4, source=Batches(source()))
    assert len(ends(upload.run().deliveries)) == 200
    assert max(most) <= 4 + 2


@pytest.mark.parametrize("error", [ZeroDivisionError(), MemoryError(), SystemExit(3), KeyboardInterrupt()])
def test_an_error_of_a_worker_is_in_the_account(error):
    def answer(ids):
        raise error

    account = begin(answer, rows=6, workers=2)[0].run()
    assert account.error is error
    assert ends(account.deliveries) == {0: "unknown", 1: "unknown"}
    assert account.stopped.reason == "error"


def test_a_stop_ends_a_pause_at_once():
    upload, *_ = begin(lambda ids: BROKEN, backoff=600)
    watcher = threading.Thread(target=lambda: stop_when_waiting(upload))
    watcher.start()
    began = time.monotonic()
    account = upload.run()
    watcher.join()
    assert ends(account.deliveries, 4) == {0: "unknown", 1: "unknown", 2: "not_sent", 3: "not_sent"}
    assert time.monotonic() - began < 300


def stop_when_waiting(upload):
    while not upload.progress().waiting:
        time.sleep(0.001)
    upload.stop()


def test_a_stop_before_the_start_sends_nothing():
    upload, sent, _ = begin(lambda ids: OK)
    upload.stop()
    account = upload.run()
    assert (account.deliveries, sent, account.stopped.reason) == ([], [], "stopped")


def test_the_first_strike_gives_the_wire_its_grace_and_the_second_does_not(monkeypatch):
    monkeypatch.setattr(module, "GRACE", PATIENCE / 2)
    arrived, over = threading.Event(), threading.Event()

    def answer(ids):
        arrived.set()
        over.wait(PATIENCE)
        return OK

    upload, sent, opened = begin(answer, workers=2)
    strikes = iter([0, 1])

    def struck():
        arrived.wait(PATIENCE)
        return next(strikes, 2)

    began = time.monotonic()
    account = upload.run(struck)
    assert time.monotonic() - began < module.GRACE
    over.set()
    assert ends(account.deliveries) == {0: "unknown", 1: "unknown"}
    assert account.deliveries[0].reason == "interrupted"
    assert opened["closed"] == 2
    while names():
        time.sleep(0.001)
    assert len(account.deliveries) == len(sent) == 1  # the answer that came too late changed nothing


def test_an_answer_within_the_grace_counts():
    arrived, stopped = threading.Event(), threading.Event()

    def answer(ids):
        arrived.set()
        stopped.wait(PATIENCE)
        return OK

    upload, *_ = begin(answer, rows=6, workers=2)

    def struck():
        arrived.wait(PATIENCE)
        if upload._state.stopped:
            stopped.set()
        return 1

    account = upload.run(struck)
    assert ends(account.deliveries, 6) == {row: "accepted" if row < 2 else "not_sent" for row in range(6)}


class Notes:
    """A journal whose disk hangs from some note on."""

    def __init__(self, hangs_at):
        self.left, self.hanging, self.free = hangs_at, threading.Event(), threading.Event()

    def write(self, deliveries, *, wait):
        self.left -= 1
        if wait and self.left <= 0:
            self.hanging.set()
            self.free.wait(PATIENCE)


def test_what_waits_for_the_disk_at_the_end_is_never_sent():
    notes = Notes(3)
    upload, sent, _ = begin(lambda ids: OK, notes=notes)

    def struck():
        notes.hanging.wait(PATIENCE)
        return 2

    account = upload.run(struck)
    assert ends(account.deliveries) == {0: "accepted", 1: "accepted", 2: "not_sent", 3: "not_sent"}
    notes.free.set()
    while names():
        time.sleep(0.001)
    assert sent == [["0", "1"]]


def test_a_deadline_ends_the_wait_for_the_disk(monkeypatch):
    monkeypatch.setattr(module, "GRACE", 0.05)
    monkeypatch.setattr(module, "END", 0.05)
    notes = Notes(1)
    upload, sent, _ = begin(lambda ids: OK, notes=notes, deadline=time.monotonic() + 0.05)
    account = upload.run()
    assert set(ends(account.deliveries).values()) == {"not_sent"}
    assert account.stopped.reason == "deadline"
    notes.free.set()
    while names():
        time.sleep(0.001)
    assert sent == []


def refusing_after(started, monkeypatch):
    start, left = threading.Thread.start, [started]

    def start_if_possible(thread):
        if left[0] == 0:
            msg = "can't start new thread"
            raise RuntimeError(msg)
        left[0] -= 1
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_if_possible)


@pytest.mark.parametrize(("threads", "outcome"), [(0, "not_sent"), (1, "accepted"), (3, "accepted")])
def test_with_fewer_threads_than_asked_for(monkeypatch, caplog, threads, outcome):
    upload, *_ = begin(lambda ids: OK, rows=12, workers=4)
    refusing_after(threads, monkeypatch)
    account = upload.run()
    monkeypatch.undo()
    assert set(ends(account.deliveries, 12).values()) == {outcome}
    assert isinstance(account.error, RuntimeError) == (threads == 0)
    if threads:
        assert f"{threads} of 4 threads could be started" in caplog.text


# -- progress ---------------------------------------------------------------------------------------------------------


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
    reporter = Reporter("set", 4, wanted, time.monotonic)
    reporter.begin()
    reporter.show(Progress(2, 4, 1, 0, ""))
    reporter.end(Progress(4, 4, 2, 0, ""))
    reporter.say("set: 4 accepted")
    _, written = capsys.readouterr()
    assert ("set: 100%" in written) == shown
    assert ("4/4" in written) == shown
    assert ("0.0 MB" in written) == shown
    assert written.endswith("set: 4 accepted\n") == shown


def test_a_bar_moves_at_most_five_times_a_second(monkeypatch):
    now, moved = [0.0], []
    monkeypatch.setattr(Reporter, "_move_bar", lambda _, progress: moved.append(now[0]))
    reporter = Reporter("set", 4, True, lambda: now[0])
    reporter.begin()
    for moment in (0.0, 0.1, 0.2, 0.3, 0.39, 0.4, 1.0, 1.1):
        now[0] = moment
        reporter.show(Progress(2, 4, 1, 0, ""))
    assert moved == [0.2, 0.4, 1.0]
    reporter.end(Progress(4, 4, 2, 0, ""))
    assert moved == [0.2, 0.4, 1.0, 1.1]


@pytest.mark.parametrize(
    ("notebook", "widgets", "home"),
    [
        pytest.param(True, True, "tqdm.auto", id="a notebook"),
        pytest.param(True, False, "tqdm", id="a notebook without widgets, of which tqdm warns"),
        pytest.param(False, True, "tqdm", id="a terminal"),
        pytest.param(False, False, "tqdm", id="a terminal without widgets"),
    ],
)
def test_which_bar_is_shown(monkeypatch, notebook, widgets, home):
    imported = []

    def importing(name):
        imported.append(name)
        return tqdm

    monkeypatch.setattr(progress_module, "in_notebook", lambda: notebook)
    monkeypatch.setattr(progress_module, "find_spec", lambda _name: widgets or None)
    monkeypatch.setattr(progress_module, "import_module", importing)
    reporter = Reporter("set", 4, True, time.monotonic)
    reporter.begin()
    reporter.end(Progress(4, 4, 2, 0, ""))
    assert imported == [home]


class Broken:
    """A terminal that is gone."""

    def write(self, _text):
        raise BrokenPipeError

    flush = isatty = lambda self: True


@pytest.mark.parametrize("error", [BrokenPipeError, ValueError, SystemExit, KeyboardInterrupt])
def test_a_bar_that_fails_is_switched_off(monkeypatch, error):
    def fail(*_):
        calls.append(1)
        raise error

    calls = []
    upload, *_ = begin(lambda ids: OK, rows=40, wanted=True, label="set")
    monkeypatch.setattr(Reporter, "_move_bar", fail)
    account = upload.run()
    assert set(ends(account.deliveries, 40).values()) == {"accepted"}
    assert account.error is None
    assert calls == [1]


def test_a_terminal_that_is_gone_does_not_end_an_upload(monkeypatch):
    upload, *_ = begin(lambda ids: OK, rows=40, wanted=True, label="set")
    monkeypatch.setattr("sys.stderr", Broken())
    account = upload.run()
    monkeypatch.undo()
    assert set(ends(account.deliveries, 40).values()) == {"accepted"}
    assert account.error is None
    del upload
    bars = Reporter("next", 4, True, time.monotonic), tqdm.tqdm(total=1)  # nobody waits for what broke
    bars[0].begin()
    bars[0].end(Progress(4, 4, 2, 0, ""))
    bars[1].close()


def test_what_hangs_is_left_behind(monkeypatch):
    free = threading.Event()
    monkeypatch.setattr(progress_module, "PATIENCE", 0.05)
    monkeypatch.setattr(Reporter, "_make_bar", lambda _: free.wait(PATIENCE))
    upload, *_ = begin(lambda ids: OK, rows=40, wanted=True, label="set")
    account = upload.run()
    assert set(ends(account.deliveries, 40).values()) == {"accepted"}
    left = [thread for thread in threading.enumerate() if "mixpanel_pandas" in thread.name]
    assert [thread.daemon for thread in left] == [True]  # the process need not wait for it
    free.set()
    while names():
        time.sleep(0.001)


def test_a_handler_of_the_log_that_hangs_or_fails_harms_nothing(monkeypatch, kept):
    monkeypatch.setattr(progress_module, "PATIENCE", 0.05)
    free = threading.Event()
    kept.emit = lambda _record: free.wait(PATIENCE)
    reporter = Reporter("set", 10, False, time.monotonic)
    reporter.say("set: 10 accepted")
    free.set()
    kept.emit = lambda _record: 1 / 0
    upload, *_ = begin(lambda ids: OK, rows=12, workers=4)
    refusing_after(2, monkeypatch)
    account = upload.run()
    monkeypatch.undo()
    assert set(ends(account.deliveries, 12).values()) == {"accepted"}
    assert account.error is None


class Kept(logging.Handler):
    """Keeps what is logged; may fail."""

    error = None

    def __init__(self):
        super().__init__()
        self.texts = []

    def emit(self, record):
        if self.error:
            raise self.error
        self.texts.append(record.getMessage())


@pytest.fixture
def kept():
    handler, logger = Kept(), logging.getLogger("mixpanel_pandas")
    logger.addHandler(handler)
    before = logger.level
    logger.setLevel("INFO")
    yield handler
    logger.setLevel(before)
    logger.removeHandler(handler)


def test_a_line_in_the_log_at_most_once_a_minute(kept):
    now = [0.0]
    reporter = Reporter("set", 1000, False, lambda: now[0])
    half, more = Progress(500, 1000, 5, 2_000_000, ""), Progress(800, 1000, 8, 3_000_000, "429, waiting 8 s")
    for moment, progress in (
        (0, half),
        (59.9, half),
        (60, half),
        (61, more),
        (119.9, more),
        (250, more),
        (251, more),
    ):
        now[0] = moment
        reporter.show(progress)
    assert kept.texts == [
        "set: 500 of 1,000 rows, 50 %, 5 requests, 2.0 MB, 8.3 rows/s, 60 s so far, about 60 s left",
        "set: 800 of 1,000 rows, 80 %, 8 requests, 3.0 MB, 3.2 rows/s, 4.2 min so far, about 1.0 min left; 429, waiting 8 s",
    ]


def test_a_handler_of_the_log_that_fails_is_asked_no_more(kept):
    now = [0.0]
    reporter = Reporter("set", 10, False, lambda: now[0])
    kept.error = RuntimeError()
    now[0] = 60
    reporter.show(Progress(1, 10, 1, 1, ""))
    kept.error = None
    now[0] = 120
    reporter.show(Progress(2, 10, 1, 1, ""))
    reporter.say("set: 10 accepted")
    assert kept.texts == []


def test_nothing_yet_has_no_rate():
    assert Progress(0, 10, 0, 0, "").in_words(60) == "0 of 10 rows, 0 %, 0 requests, 0 bytes"
    assert Progress(0, 0, 0, 0, "").in_words(0) == "0 of 0 rows, 0 requests, 0 bytes"


def test_progress_in_words():
    assert str(Progress(1, 2, 3, 612_000_000, "429, waiting 8 s (try 3 of 9)")) == (
        "612.0 MB, 429, waiting 8 s (try 3 of 9)"
    )
    assert str(Progress(1, 2, 3, 0, "")) == "0.0 MB"

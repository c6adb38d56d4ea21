"""Whatever strikes the thread that waits: the work goes on to its end, and nothing that struck is lost."""

from __future__ import annotations

import _thread
import contextvars
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from mixpanel_pandas.delivery.history import Reservation
from mixpanel_pandas.delivery.interrupts import Interrupts, shielded
from mixpanel_pandas.delivery.journal import file as journal_file
from mixpanel_pandas.errors import UploadError
from tests.patience import PATIENCE

if sys.platform == "win32":
    pytest.skip("signals of POSIX", allow_module_level=True)

if TYPE_CHECKING:
    from pathlib import Path

    import mixpanel_pandas as mpd


class Limit(Exception):
    """A soft time limit."""


def pressed() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_the_result_is_that_of_the_work() -> None:
    variable = contextvars.ContextVar("variable", default="nobody's")
    variable.set("the caller's")
    outcome = shielded(lambda _: (variable.get(), threading.current_thread() is threading.main_thread()))
    assert outcome.result() == ("the caller's", False)
    assert outcome.strikes == []


def test_an_error_of_the_work_is_raised_with_its_own_traceback() -> None:
    outcome = shielded(lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        outcome.result()


@pytest.fixture
def alarms(monkeypatch: pytest.MonkeyPatch):
    """Let a signal's handler raise in the main thread, again and again; also in finalizers, of which nobody can be told."""
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)

    def strike(*_: object) -> None:
        raise Limit

    before = signal.signal(signal.SIGALRM, strike)
    yield lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("every", [0.05, 0.001])
def test_a_handler_that_raises_does_not_end_the_wait(alarms, every: float) -> None:
    def work(outcome) -> int:
        alarms(every)
        while len(outcome.strikes) < 5:
            time.sleep(0.001)
        signal.setitimer(signal.ITIMER_REAL, 0)
        time.sleep(0.05)
        return len(outcome.strikes)

    outcome = shielded(work)
    assert outcome.result() >= 5
    assert {type(strike) for strike in outcome.strikes} == {Limit}


def test_strikes_while_a_strike_is_noted_do_not_end_the_wait() -> None:
    class Struck(list):
        """Notes nothing at first, as it is struck itself."""

        times = 6

        def append(self, strike: BaseException) -> None:
            if self.times:
                self.times -= 1
                raise Limit
            super().append(strike)

    over, news = threading.Event(), threading.Event()

    def work(outcome) -> None:
        outcome.strikes = Struck()
        signal.raise_signal(signal.SIGALRM)
        while not outcome.strikes:
            news.wait(0.001)
        over.set()

    before = signal.signal(signal.SIGALRM, raise_limit)
    try:
        outcome = shielded(work)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert over.is_set()
    assert len(outcome.strikes) == 1


def raise_limit(*_: object) -> None:
    raise Limit


@pytest.mark.parametrize("struck", [[1], [2], [2, 3], [2, 3, 4, 5, 6, 7]])
def test_the_former_handler_is_back_whatever_strikes_while_it_is_put_there(
    monkeypatch: pytest.MonkeyPatch, struck: list[int]
) -> None:
    put, calls = signal.signal, []

    def put_and_strike(*arguments):
        calls.append(1)
        if len(calls) == 1 or len(calls) not in struck:
            put(*arguments)
        if len(calls) in struck:
            raise Limit

    monkeypatch.setattr(signal, "signal", put_and_strike)
    before = signal.getsignal(signal.SIGINT)
    frame = pd.DataFrame({"id": ["ann"], "n": [1]})
    with pytest.raises(Limit):
        frame.mixpanel.add("id", dry_run=True, progress=False)
    assert len(calls) > max(struck)
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_is_noted_and_handed_on_afterwards() -> None:
    heard = []
    before = signal.signal(signal.SIGINT, lambda *_: heard.append("theirs"))
    try:
        with Interrupts() as interrupts:

            def work(_outcome) -> None:
                for _twice in range(2):
                    count = interrupts.count
                    pressed()
                    while interrupts.count == count:
                        time.sleep(0.001)

            shielded(work).result()
            assert (interrupts.count, heard) == (2, [])
        assert heard == ["theirs"]
    finally:
        signal.signal(signal.SIGINT, before)


def test_ctrl_c_raises_at_once_while_that_loses_nothing() -> None:
    with pytest.raises(KeyboardInterrupt), Interrupts():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("handler", [signal.SIG_IGN])
def test_a_signal_that_is_ignored_stays_ignored(handler) -> None:
    before = signal.signal(signal.SIGINT, handler)
    try:
        with Interrupts() as interrupts:
            pressed()
            assert signal.getsignal(signal.SIGINT) is handler
        assert interrupts.count == 0
    finally:
        signal.signal(signal.SIGINT, before)


def test_elsewhere_than_on_the_main_thread_no_handler_is_touched() -> None:
    before = signal.getsignal(signal.SIGINT)

    def look() -> bool:
        with Interrupts():
            return signal.getsignal(signal.SIGINT) is before

    found: list[bool] = []
    thread = threading.Thread(target=lambda: found.append(look()))
    thread.start()
    thread.join()
    assert found == [True]


def test_where_no_thread_can_be_started_the_work_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        msg = "can't start new thread"
        raise RuntimeError(msg)

    monkeypatch.setattr(_thread, "start_new_thread", refuse)
    assert shielded(lambda _: threading.current_thread()).result() is threading.main_thread()


def test_a_strike_between_the_start_of_the_thread_and_the_news_of_it_does_not_do_the_work_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start, times = _thread.start_new_thread, []

    def start_and_strike(*arguments) -> None:
        start(*arguments)
        if not times:
            raise Limit

    monkeypatch.setattr(_thread, "start_new_thread", start_and_strike)
    begun = threading.Event()

    def work(_outcome) -> None:
        begun.wait(0.05)
        times.append(1)

    shielded(work).result()
    assert times == [1]


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame({"id": [f"user-{n}" for n in range(10)], "n": 1})


def test_ctrl_c_ends_the_wait_for_a_journal_that_cannot_be_opened(
    frame: pd.DataFrame, emulator: mpd.Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free, make = threading.Event(), journal_file.create
    given_up: list[bool] = []  # the call has waited for the disk, not for the key

    def hang(*arguments: Any) -> None:
        pressed()
        if not free.wait(PATIENCE):
            given_up.append(True)
        make(*arguments)

    monkeypatch.setattr(journal_file, "create", hang)
    with pytest.raises(KeyboardInterrupt):
        frame.mixpanel.add("id", journal=tmp_path / "j")
    assert not given_up
    free.set()
    assert emulator.requests == []


@pytest.mark.parametrize("strike", [signal.SIGINT, signal.SIGALRM])
def test_what_strikes_while_updates_are_compared_ends_the_call(
    frame: pd.DataFrame, emulator: mpd.Emulator, monkeypatch: pytest.MonkeyPatch, strike: int
) -> None:
    def add(part, self):
        os.kill(os.getpid(), strike)
        time.sleep(0.3)
        note(part, self)

    frame.mixpanel.add("id", duplicates="all")
    sent, note = len(emulator.requests), Reservation.add
    before = signal.signal(signal.SIGALRM, raise_limit)
    try:
        monkeypatch.setattr(Reservation, "add", add)
        with pytest.raises((KeyboardInterrupt, Limit)) as caught:
            pd.concat([frame, frame]).mixpanel.add("id", duplicates="all")
    finally:
        monkeypatch.undo()
        signal.signal(signal.SIGALRM, before)
    assert (caught.type is Limit) == (strike == signal.SIGALRM)
    assert len(emulator.requests) == sent
    assert pd.concat([frame, frame]).mixpanel.add("id", duplicates="all")["accepted"].sum() == 20


@pytest.mark.parametrize(("refused", "sent"), [(1, True), (2, False)])
def test_nothing_is_sent_by_the_thread_that_can_be_struck(
    frame: pd.DataFrame, emulator: mpd.Emulator, monkeypatch: pytest.MonkeyPatch, refused: int, sent: bool
) -> None:
    left, start = [refused], _thread.start_new_thread

    def refuse(*arguments: Any) -> int:
        if left[0]:
            left[0] -= 1
            msg = "can't start new thread"
            raise RuntimeError(msg)
        return start(*arguments)

    monkeypatch.setattr(_thread, "start_new_thread", refuse)
    if sent:
        assert frame.mixpanel.add("id")["accepted"].sum() == 10
    else:
        with pytest.raises(UploadError) as caught:
            frame.mixpanel.add("id")
        assert caught.value.summary["not_sent"].sum() == 10
        assert frame.mixpanel.add("id")["accepted"].sum() == 10

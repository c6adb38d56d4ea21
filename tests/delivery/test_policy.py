from __future__ import annotations

import threading
from typing import get_args

import pytest

from mixpanel_pandas.delivery.answers import Evidence
from mixpanel_pandas.delivery.policy import DECISIONS, OUTCOMES, Action, Refusals, pause, tries
from mixpanel_pandas.delivery.throttle import Rate, Throttle


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self):
        self.now = 100.0
        self.slept = []
        self.meanwhile = []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds
        if self.meanwhile:
            self.meanwhile.pop(0)()


def test_the_table_has_a_row_for_every_evidence():
    assert set(DECISIONS) == set(get_args(Evidence))
    actions = {action for row in DECISIONS.values() for action in (row.idempotent, row.otherwise)}
    assert actions == set(get_args(Action))


@pytest.mark.parametrize("evidence", get_args(Evidence))
def test_every_row_of_the_table_holds_together(evidence):
    row = DECISIONS[evidence]
    assert row.words
    assert row.last in OUTCOMES
    assert (row.reason == "") == (row.remedy == "") == (evidence == "accepted")
    if row.last == "not_sent":
        assert not row.may_be_applied
    if row.otherwise in {"retry", "again", "halve", "bisect"}:  # sent once more although it counts twice
        assert not row.may_be_applied


@pytest.mark.parametrize(
    ("tried", "backoff", "retry_after", "chance", "seconds"),
    [
        pytest.param(1, 2, None, 0, 3, id="first pause, least jitter"),
        pytest.param(1, 2, None, 1, 7, id="first pause, most jitter"),
        pytest.param(2, 2, None, 0, 5, id="doubled"),
        pytest.param(5, 2, None, 0, 33, id="doubled four times"),
        pytest.param(6, 2, None, 0, 61, id="at most a minute"),
        pytest.param(10_000, 2, None, 0, 61, id="after very many tries"),
        pytest.param(1, 2, 20, 0, 20, id="as long as the server asks"),
        pytest.param(6, 2, 20, 0, 61, id="longer than the server asks"),
        pytest.param(1, 2, 86_400, 0, 300, id="not as long as the server asks"),
        pytest.param(1, 0.5, None, 0, 1.5, id="another first pause"),
        pytest.param(3, 0, 30, 1, 0, id="no waiting at all"),
    ],
)
def test_pause(tried, backoff, retry_after, chance, seconds):
    assert pause(tried, backoff, retry_after, lambda: chance) == seconds


@pytest.mark.parametrize(
    ("retries", "met", "times"), [(8, True, 9), (8, False, 2), (0, True, 1), (0, False, 1)]
)
def test_tries(retries, met, times):
    assert tries(retries, met=met) == times


def test_a_gate_waits_for_the_longer_of_two_pauses():
    clock = Clock()
    gate = Throttle(clock, clock.sleep)
    assert gate.passed(0)
    assert clock.slept == []
    gate.hold(8)
    gate.hold(3)
    assert gate.passed(5)
    assert clock.slept == [8]
    assert gate.passed(2)
    assert clock.slept == [8, 2]


def test_a_hold_that_comes_during_a_pause_counts():
    clock = Clock()
    gate = Throttle(clock, clock.sleep)
    clock.meanwhile.append(lambda: gate.hold(10))
    assert gate.passed(4)
    assert clock.slept == [4, 10]


def test_a_gate_that_sleeps_too_short_sleeps_again():
    clock = Clock()
    gate = Throttle(clock, lambda seconds: clock.sleep(min(seconds, 1)))
    assert gate.passed(3)
    assert clock.slept == [1, 1, 1]


def test_a_stop_ends_pauses_and_the_first_reason_stays():
    clock = Clock()
    gate = Throttle(clock, clock.sleep)
    clock.meanwhile.append(lambda: gate.stop("denied", "401"))
    assert not gate.passed(60)
    gate.stop("stopped", "later")
    assert not gate.passed(0)
    assert clock.slept == [60]
    assert (gate.stopped.reason, gate.stopped.error) == ("denied", "401")


def test_a_stop_wakes_who_really_sleeps():
    gate = Throttle()
    passed = []
    sleeper = threading.Thread(target=lambda: passed.append(gate.passed(60)))
    sleeper.start()
    gate.stop("stopped", "")
    sleeper.join(5)
    assert passed == [False]


def test_the_wait_in_words():
    clock = Clock()
    gate = Throttle(clock, clock.sleep)
    seen = []
    clock.sleep = lambda seconds: (seen.append(gate.waiting()), setattr(clock, "now", clock.now + seconds))
    gate._sleep = clock.sleep
    gate.passed(8, "429, waiting {seconds} (try 3 of 9)")
    assert seen == ["429, waiting 8 s (try 3 of 9)"]
    assert gate.waiting() == ""


@pytest.mark.parametrize(
    ("costs", "times"),
    [
        pytest.param([1, 1, 1], [0, 0, 0], id="what fits passes at once"),
        pytest.param([1, 1, 1, 1, 1], [0, 0, 0, 10, 10], id="the next ones when the first have gone by"),
        pytest.param([2, 2, 2], [0, 10, 20], id="two of two do not fit together"),
        pytest.param([5, 1], [0, 10], id="what is more than the most passes alone"),
    ],
)
def test_a_pace_holds_in_any_stretch(costs, times):
    pace, now, found = Rate(10, 3), 0.0, []
    for cost in costs:
        now = pace.free(now, cost)
        pace.add(now, cost)
        found.append(now)
    assert found == times


def test_the_gate_paces_requests_and_bytes():
    clock = Clock()
    gate = Throttle(clock, clock.sleep, per_hour=2)
    assert [gate.passed(0) and clock() - 100 for _ in range(5)] == [0, 0, 3600, 3600, 7200]
    clock = Clock()
    gate = Throttle(clock, clock.sleep)
    assert [gate.passed(0, nbytes=10**9) and clock() - 100 for _ in range(3)] == [0, 0, 60]


def test_the_gate_says_that_it_is_the_pace():
    clock = Clock()
    said = []

    def sleep(seconds):
        said.append(gate.waiting())
        clock.sleep(seconds)

    gate = Throttle(clock, sleep, per_hour=1)
    assert gate.passed(0)
    assert gate.passed(0, "503, waiting {seconds}")
    assert said == ["pace, waiting 3600 s"]


@pytest.mark.parametrize(
    ("answers", "count", "given_up"),
    [
        pytest.param([("refused", "a")] * 3, 3, False, id="three"),
        pytest.param([("refused", "a")] * 24, 24, True, id="enough"),
        pytest.param([("refused", "a")] * 23 + [("refused", "b")], 1, False, id="another text"),
        pytest.param([("none_valid", "a")] * 24, 24, True, id="24 of which no record is valid"),
        pytest.param([("none_applied", "a")] * 23 + [("accepted", None)], 0, False, id="something accepted"),
        pytest.param([("refused", "a")] * 24 + [("accepted", None)], 24, True, id="given up stays given up"),
    ],
)
def test_refusals_are_counted_in_a_row(answers, count, given_up):
    refusals = Refusals()
    for evidence, text in answers:
        refusals = refusals.after(evidence, text)
    assert (refusals.count, refusals.given_up) == (count, given_up)

"""When canaries are looked for, and what follows from what is seen."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from mixpanel_pandas.delivery import canary
from mixpanel_pandas.delivery.canary import PAUSES, Sighting, Unproven, in_words, prove, rest, unless_ended
from mixpanel_pandas.delivery.policy import Stop
from mixpanel_pandas.delivery.upload import Account
from tests.patience import PATIENCE

STOPPED = Stop("stopped", "stopped before these rows' turn")
OLD, OTHER = "id 'u1', property 'p': expected 1, found 0", "id 'u2', property 'p': expected 1, found 2"


class Call:
    """Keeps what is shown and said."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.said: list[str] = []
        self.stop: Stop | None = None

    def ended(self) -> Stop | None:
        return self.stop

    def show(self, text: str) -> None:
        self.shown.append(text)

    def say(self, text: str) -> None:
        self.said.append(text)


class Canaries:
    """Shows what it is told to, one sighting a look."""

    def __init__(self, *sightings: Sighting | Exception) -> None:
        self.sightings = list(sightings)
        self.was_cut = False

    def choose(self, left: np.ndarray) -> np.ndarray:
        return left

    def look(self, rows: np.ndarray) -> Sighting:
        assert rows.tolist() == [True, False, True]
        sighting = self.sightings.pop(0)
        if isinstance(sighting, Exception):
            raise sighting
        return sighting

    def cut(self) -> None:
        self.was_cut = True


@pytest.fixture
def rests(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    seconds: list[float] = []
    monkeypatch.setattr(canary, "rest", lambda each, _ended, show: (seconds.append(each), show(each)))
    return seconds


def proven(*sightings: Sighting | Exception, call: Call | None = None) -> Unproven | None:
    return look_for(Canaries(*sightings), [True, False, True], call or Call())


def look_for(
    canaries: Canaries, accepted: list[bool], call: Call, *, complete: bool = True
) -> Unproven | None:
    account = Account([], STOPPED, None, None, complete)
    return prove(canaries, account, lambda: np.array(accepted), call)  # type: ignore[arg-type]


def test_the_looks_are_those_that_the_documentation_names() -> None:
    assert PAUSES == (5.0, 20.0, 60.0)
    assert in_words(1) == (
        "1 id would be sent first and looked for 5, 25 and 85 s later, the others after one of them is seen"
    )


@pytest.mark.parametrize(
    ("sightings", "looks"),
    [
        pytest.param([Sighting(2, 1)], 1, id="one of two is seen, the other not found"),
        pytest.param([Sighting(2, 0), Sighting(2, 2)], 2, id="at the second look"),
        pytest.param([Sighting(2, 0), Sighting(2, 0, OLD), Sighting(2, 2)], 3, id="at the third look"),
        pytest.param([Sighting(2, 1, OLD), Sighting(2, 2)], 2, id="one is late"),
        pytest.param([Sighting(2, 1, None, OTHER), Sighting(2, 2)], 2, id="one is wrong for a while"),
    ],
)
def test_canaries_that_are_seen_are_a_proof(
    rests: list[float], sightings: list[Sighting], looks: int
) -> None:
    call = Call()
    assert proven(*sightings, call=call) is None
    assert rests == [5.0, 20.0, 60.0][:looks]
    assert call.shown[0] == "look 1 of 3 at the canaries in 5 s"
    assert call.shown[-1] == "", "nothing is waited for any more"
    assert call.said[0] == "2 rows accepted as canaries; the others wait until they are seen"
    assert len(call.said) == 1 + looks


@pytest.mark.parametrize(
    ("last", "reason", "words"),
    [
        pytest.param(Sighting(2, 0), "canary not seen", "not seen within 85 s: wrong token, region or project", id="not found"),
        pytest.param(Sighting(2, 0, OLD), "canary not seen", "merged ids, or Mixpanel is slow", id="as before"),
        pytest.param(Sighting(2, 0, None, OTHER), "canary differs", OTHER, id="another value"),
        pytest.param(Sighting(2, 1, None, OTHER), "canary differs", OTHER, id="one seen, one wrong"),
        pytest.param(Sighting(2, 1, OLD), "canary differs", OLD, id="one seen, one as before"),
        pytest.param(Sighting(2, 1, OLD, OTHER), "canary differs", OTHER, id="a wrong value says more"),
    ],
)  # fmt: skip
def test_after_the_last_look_it_is_decided(
    rests: list[float], last: Sighting, reason: str, words: str
) -> None:
    unproven = proven(Sighting(2, 0), Sighting(2, 0), last)
    assert unproven is not None
    assert unproven.fails
    assert unproven.stop.reason == reason
    assert words in unproven.stop.error
    assert len(rests) == 3


def test_without_an_accepted_row_there_is_nothing_to_look_for(rests: list[float]) -> None:
    call = Call()
    unproven = look_for(Canaries(), [False] * 3, call)
    assert unproven == Unproven(Stop("canary not accepted", "Mixpanel accepted none of the canaries"))
    assert (rests, call.said) == ([], [])


def test_an_upload_that_ended_with_the_canaries_is_not_looked_for(rests: list[float]) -> None:
    assert look_for(Canaries(), [True], Call(), complete=False) == Unproven(STOPPED, fails=False)
    assert rests == []


def test_a_reading_that_fails_ends_it(rests: list[float]) -> None:
    error = ValueError("the query")
    unproven = proven(Sighting(2, 0), error)
    assert unproven is not None
    assert (unproven.cause, unproven.fails) == (error, True)
    assert unproven.stop == Stop("canary not read", "the canaries cannot be read: the query")


def test_an_end_is_no_failure_of_the_canaries(monkeypatch: pytest.MonkeyPatch) -> None:
    call = Call()
    monkeypatch.setattr(canary, "rest", lambda *_: setattr(call, "stop", STOPPED))
    assert proven(Sighting(2, 2), call=call) == Unproven(STOPPED, fails=False)


def test_a_rest_shows_how_long_it_takes_and_ends_early() -> None:
    shown: list[float] = []
    rest(0.0, lambda: None, shown.append)
    assert shown == []
    rest(1e9, lambda: len(shown) == 2, shown.append)
    assert len(shown) == 2
    assert all(1e9 - 1e6 < left <= 1e9 for left in shown)
    rest(0.01, lambda: None, shown.append)


def test_a_call_that_waits_is_cut() -> None:
    cut, inside = threading.Event(), threading.Event()

    def call() -> str:
        inside.set()
        assert cut.wait(PATIENCE)
        return "too late"

    assert unless_ended(call, cut.set, inside.is_set) is None
    assert cut.is_set()


def test_a_call_that_returns_or_raises_does_so() -> None:
    def call() -> Any:
        raise ZeroDivisionError

    assert unless_ended(lambda: 5, pytest.fail, lambda: False) == 5
    with pytest.raises(ZeroDivisionError):
        unless_ended(call, pytest.fail, lambda: False)
    assert unless_ended(pytest.fail, pytest.fail, lambda: True) is None, "it does not even begin"

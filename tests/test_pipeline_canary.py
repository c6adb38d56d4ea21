"""Canaries: some ids are sent first, and the others only if Mixpanel shows what was sent."""

from __future__ import annotations

import itertools
import logging
import os
import signal
import threading
import time
import warnings
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mixpanel_pandas as mpd
from mixpanel_pandas.checking.decisions import check_frame
from mixpanel_pandas.cli import main
from mixpanel_pandas.delivery import canary, history
from mixpanel_pandas.delivery.progress import Reporter
from mixpanel_pandas.pipeline import line
from mixpanel_pandas.pipeline.canary import ProfileCanaries
from mixpanel_pandas.rules.operation import operation
from tests.examples import examples
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOT_SEEN = "not seen within 85 s: wrong token, region or project, merged ids, or Mixpanel is slow"


class Mixpanel:
    """An emulator whose time passes only while the canaries are waited for."""

    def __init__(self, **switches: Any) -> None:
        self.now = 1_000_000.0
        self.emulator = mpd.Emulator(clock=lambda: self.now, **switches)
        self.project = replace(self.emulator.project, adapter=self.emulator.adapter())
        self.rests: list[float] = []
        self.meanwhile: Callable[[], object] = lambda: None

    def rest(self, seconds: float, ended: Callable[[], object], show: Callable[[float], None]) -> None:
        show(seconds)
        self.rests.append(seconds)
        self.now += seconds
        self.meanwhile()

    def hold(self, profiles: dict[str, dict[str, Any]], group: str | None = None) -> None:
        """Write profiles that can be read at once."""
        for identity, properties in profiles.items():
            frame = pd.DataFrame({"id": [identity]} | {name: [value] for name, value in properties.items()})
            target = frame.mixpanel if group is None else frame.mixpanel.group(group)
            target.set("id", project=self.project)
        self.now += 1000
        self.emulator._requests.clear()

    def overwrite(self, identity: str, properties: dict[str, Any]) -> None:
        """Let somebody else write a profile."""
        store = self.emulator._store
        store._write((self.emulator.token, None), identity, properties, self.now)

    @property
    def sent(self) -> list[list[str]]:
        """The ids of each request that writes."""
        return [
            [str(record.get("$distinct_id", record.get("$group_id"))) for record in request.records]
            for request in self.emulator.requests
            if request.records is not None and request.path in {"/engage", "/groups"}
        ]

    @property
    def queries(self) -> int:
        return sum(request.path == "/api/query/engage" for request in self.emulator.requests)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let backups lie in a folder of the test."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def mixpanel(monkeypatch: pytest.MonkeyPatch) -> Mixpanel:
    return place(Mixpanel(), monkeypatch)


def place(mixpanel: Mixpanel, monkeypatch: pytest.MonkeyPatch) -> Mixpanel:
    monkeypatch.setattr(canary, "rest", mixpanel.rest)
    return mixpanel


def ids(count: int) -> list[str]:
    return [f"u{number}" for number in range(count)]


def frame_of(values: Any, count: int = 30) -> pd.DataFrame:
    column = np.empty(count, object)
    column[:] = [values] * count
    return pd.DataFrame({"id": ids(count), "p": column})


def accounted(frame: pd.DataFrame, summary: pd.DataFrame) -> dict[str, int]:
    """Return outcome -> rows, after a check that each row has one."""
    assert summary["rows"].sum() == len(frame)
    of_rows = frame.mixpanel.outcomes(summary)["outcome"]
    assert of_rows.notna().all()
    counts = {str(name): int(rows) for name, rows in of_rows.value_counts().items() if rows}
    assert counts == {name: int(summary[name].sum()) for name in counts}
    return counts


# -- what is sent first, and what is seen -------------------------------------------------------------------------------

#: Verb -> value in the frame, value that is held, value after.
SEEN: dict[str, tuple[Any, Any, Any]] = {
    "set": ("pro", "free", "pro"),
    "set_once": ("pro", None, "pro"),
    "add": (2, 5, 7),
    "union": (["b"], ["a"], ["a", "b"]),
    "append": ("a", ["a"], ["a", "a"]),
    "remove": ("a", ["a", "b"], ["b"]),
}


@pytest.mark.parametrize(("verb", "value", "held", "after"), [(verb, *row) for verb, row in SEEN.items()])
def test_an_operator_is_seen(mixpanel: Mixpanel, verb: str, value: Any, held: Any, after: Any) -> None:
    mixpanel.hold({identity: {"other": 1} | ({} if held is None else {"p": held}) for identity in ids(30)})
    frame = frame_of(value)
    summary = getattr(frame.mixpanel, verb)("id", canary=4, project=mixpanel.project)
    assert accounted(frame, summary) == {"accepted": 30}
    first, rest = mixpanel.sent
    assert len(first) == 4
    assert sorted(first + rest) == sorted(ids(30))
    assert {
        tuple(mixpanel.emulator.profile(one)["p"])
        if isinstance(after, list)
        else mixpanel.emulator.profile(one)["p"]
        for one in ids(30)
    } == {tuple(after) if isinstance(after, list) else after}
    assert (mixpanel.queries, mixpanel.rests) == (2, [5.0])


def test_unset_and_delete_are_seen_by_what_is_absent(mixpanel: Mixpanel) -> None:
    mixpanel.hold({identity: {"fax": "1", "p": 2} for identity in ids(9)})
    frame = pd.DataFrame({"id": ids(9)})
    assert accounted(frame, frame.mixpanel.unset("id", ["fax"], canary=3, project=mixpanel.project)) == {
        "accepted": 9
    }
    assert accounted(frame, frame.mixpanel.delete("id", canary=3, project=mixpanel.project)) == {
        "accepted": 9
    }
    assert [len(sent) for sent in mixpanel.sent] == [3, 6, 3, 6]
    assert len(mixpanel.emulator.profiles()) == 0


def test_several_operators_are_seen_in_one_update(mixpanel: Mixpanel) -> None:
    mixpanel.hold({identity: {"n": 1, "fax": "x"} for identity in ids(6)})
    frame = pd.DataFrame({"id": ids(6), "n": 2, "plan": "pro", "fax": "y"})
    summary = frame.mixpanel.update(
        "id", {"n": "add", "plan": "set", "fax": "unset"}, canary=2, project=mixpanel.project
    )
    assert accounted(frame, summary) == {"accepted": 6}
    assert mixpanel.emulator.profile("u0") == {"n": 3, "plan": "pro"}


def test_missing_values_that_remove_a_property_are_seen(mixpanel: Mixpanel) -> None:
    mixpanel.hold({identity: {"p": "x"} for identity in ids(6)})
    frame = frame_of(None, 6)
    frame.mixpanel.set("id", missing="unset", canary=2, project=mixpanel.project)
    assert mixpanel.queries == 2
    mixpanel.hold({identity: {"p": "x"} for identity in ids(6)})
    frame.mixpanel.set("id", missing="null", canary=2, project=mixpanel.project)
    assert mixpanel.queries == 2


def test_groups_are_seen(mixpanel: Mixpanel) -> None:
    mixpanel.hold({identity: {"p": 1} for identity in ids(5)}, group="company")
    project = replace(mixpanel.emulator.project, adapter=mixpanel.emulator.adapter())
    frame = frame_of(2, 5)
    summary = frame.mixpanel.group("company").set("id", canary=2, project=project)
    assert accounted(frame, summary) == {"accepted": 5}
    assert [len(sent) for sent in mixpanel.sent] == [2, 3]


def test_dates_are_compared_to_the_second(monkeypatch: pytest.MonkeyPatch) -> None:
    mixpanel = place(Mixpanel(whole_seconds=True), monkeypatch)
    frame = frame_of(pd.Timestamp("2026-01-01T10:00:00.500Z"), 5)
    assert accounted(frame, frame.mixpanel.set("id", canary=2, project=mixpanel.project)) == {"accepted": 5}


def test_canaries_are_spread_over_the_frame(mixpanel: Mixpanel) -> None:
    frame = frame_of("pro", 1000)
    frame.mixpanel.set("id", canary=5, project=mixpanel.project)
    assert [int(identity[1:]) // 200 for identity in mixpanel.sent[0]] == [0, 1, 2, 3, 4]


def test_more_canaries_than_ids_are_all_of_them(mixpanel: Mixpanel) -> None:
    frame = frame_of("pro", 3)
    summary = frame.mixpanel.set("id", canary=1000, project=mixpanel.project)
    assert accounted(frame, summary) == {"accepted": 3}
    assert [len(sent) for sent in mixpanel.sent] == [3]


def test_all_rows_of_an_id_are_canaries(mixpanel: Mixpanel) -> None:
    frame = pd.DataFrame({"id": ["a", "b", "a", "b", "a"], "n": [1, 2, 3, 4, 5]})
    mixpanel.hold({"a": {"n": 10}, "b": {"n": 10}})
    summary = frame.mixpanel.add("id", canary=1, project=mixpanel.project)
    assert accounted(frame, summary) == {"accepted": 5}
    assert mixpanel.sent == [["b"], ["b"], ["a"], ["a"], ["a"]]
    assert mixpanel.emulator.profile("a") == {"n": 19}


@pytest.mark.parametrize(
    ("verb", "missing"), [("set", "skip"), ("set", "unset"), ("set", "null"), ("set_once", "null")]
)
def test_merged_rows_are_seen_as_one_update(mixpanel: Mixpanel, verb: str, missing: str) -> None:
    frame = pd.DataFrame({"id": ["a", "b", "a", "b"], "p": ["x", None, None, None], "q": [None, None, 1, 2]})
    mixpanel.hold({"a": {"other": "z"}, "b": {"other": "z"}})
    summary = getattr(frame.mixpanel, verb)(
        "id", duplicates="merge", missing=missing, canary=2, project=mixpanel.project
    )
    assert accounted(frame, summary)["accepted"] >= 3
    assert mixpanel.emulator.profile("a")["p"] == "x"
    assert mixpanel.rests == [5.0]


# -- when it is seen ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("delay", "looks"),
    [
        pytest.param(0.0, 1, id="at once"),
        pytest.param(5.0, 1, id="after 5 s"),
        pytest.param(5.1, 2, id="just after the first look"),
        pytest.param(25.0, 2, id="after 25 s"),
        pytest.param(25.1, 3, id="just after the second look"),
        pytest.param(85.0, 3, id="after 85 s"),
        pytest.param(85.1, None, id="just after the last look"),
    ],
)
def test_the_others_follow_once_canaries_are_seen(
    monkeypatch: pytest.MonkeyPatch, delay: float, looks: int | None
) -> None:
    mixpanel = place(Mixpanel(read_delay=delay), monkeypatch)
    mixpanel.hold({identity: {"p": "free"} for identity in ids(10)})
    frame = frame_of("pro", 10)

    def call() -> pd.DataFrame:
        return frame.mixpanel.set("id", canary=4, project=mixpanel.project)

    if looks is not None:
        assert accounted(frame, call()) == {"accepted": 10}
        assert (mixpanel.queries, mixpanel.rests) == (1 + looks, [5.0, 20.0, 60.0][:looks])
        return
    with pytest.raises(mpd.CanaryFailed, match=NOT_SEEN) as raised:
        call()
    assert accounted(frame, raised.value.summary) == {"accepted": 4, "not_sent": 6}
    left = raised.value.summary.query("outcome == 'not_sent'").iloc[0]
    assert left["reason"] == "canary not seen"
    assert NOT_SEEN in left["error"]
    assert [len(sent) for sent in mixpanel.sent] == [4]
    assert mixpanel.queries == 4
    assert isinstance(raised.value, mpd.UploadError)
    assert mpd.last_summary() is raised.value.summary


@pytest.mark.parametrize("verb", [*SEEN, "unset", "delete"])
def test_a_wrong_token_is_noticed(mixpanel: Mixpanel, verb: str) -> None:
    value, held, _after = SEEN.get(verb, (None, "x", None))
    mixpanel.hold({identity: {"other": 1} | ({} if held is None else {"p": held}) for identity in ids(30)})
    frame = frame_of(value)
    properties = {"unset": ["p"], "delete": None}.get(verb, ["p"])
    with pytest.raises(mpd.CanaryFailed, match=NOT_SEEN) as raised:
        getattr(frame.mixpanel, verb)(
            "id", properties, canary=4, project=replace(mixpanel.project, token="f" * 32)
        )
    assert accounted(frame, raised.value.summary) == {"accepted": 4, "not_sent": 26}
    assert mixpanel.emulator.profile("u0") is not None


def test_another_project_that_is_read_is_noticed(mixpanel: Mixpanel) -> None:
    """No id is found there, before and after."""
    frame = frame_of("pro")
    with pytest.raises(mpd.CanaryFailed, match=NOT_SEEN):
        frame.mixpanel.set("id", canary=4, project=replace(mixpanel.project, token="f" * 32))


def test_another_value_is_named(mixpanel: Mixpanel) -> None:
    mixpanel.hold({identity: {"p": "free"} for identity in ids(9)})
    mixpanel.meanwhile = lambda: mixpanel.overwrite("u4", {"p": "trial"})
    frame = frame_of("pro", 9)
    with pytest.raises(mpd.CanaryFailed) as raised:
        frame.mixpanel.set("id", canary=3, project=mixpanel.project)
    assert "id 'u4', property 'p': expected \"pro\", found \"trial\"; only the canaries were sent" in str(
        raised.value
    )
    assert accounted(frame, raised.value.summary) == {"accepted": 3, "not_sent": 6}
    assert "canary differs" in set(raised.value.summary["reason"])
    assert mixpanel.rests == [5.0, 20.0, 60.0]


def test_a_value_that_becomes_right_is_no_error(mixpanel: Mixpanel) -> None:
    mixpanel.hold({identity: {"p": "free"} for identity in ids(9)})
    values = iter(["trial", "pro"])
    mixpanel.meanwhile = lambda: mixpanel.overwrite("u4", {"p": next(values)})
    frame = frame_of("pro", 9)
    assert accounted(frame, frame.mixpanel.set("id", canary=3, project=mixpanel.project)) == {"accepted": 9}
    assert mixpanel.rests == [5.0, 20.0]


def test_one_canary_that_stays_as_it_was_is_another_value(mixpanel: Mixpanel) -> None:
    mixpanel.hold({identity: {"p": "free"} for identity in ids(9)})
    mixpanel.meanwhile = lambda: mixpanel.overwrite("u4", {"p": "free"})
    frame = frame_of("pro", 9)
    with pytest.raises(mpd.CanaryFailed, match="id 'u4', property 'p': expected \"pro\", found \"free\""):
        frame.mixpanel.set("id", canary=3, project=mixpanel.project)


def test_a_profile_that_is_not_deleted_is_named(mixpanel: Mixpanel) -> None:
    mixpanel.hold({identity: {"p": "free"} for identity in ids(9)})
    mixpanel.meanwhile = lambda: mixpanel.overwrite("u4", {"p": "free"})
    with pytest.raises(mpd.CanaryFailed, match="id 'u4': expected no profile, found one"):
        pd.DataFrame({"id": ids(9)}).mixpanel.delete("id", canary=3, project=mixpanel.project)


def test_merged_ids_are_not_found_and_prove_nothing(mixpanel: Mixpanel) -> None:
    frame = frame_of("pro", 9)
    mixpanel.emulator.add_alias("u4", "ann")
    assert accounted(frame, frame.mixpanel.set("id", canary=3, project=mixpanel.project)) == {"accepted": 9}
    assert "u4" in mixpanel.sent[0]
    for identity in ids(9):
        mixpanel.emulator.add_alias(identity, "ann")
    with pytest.raises(mpd.CanaryFailed, match=NOT_SEEN):
        frame_of("free", 9).mixpanel.set("id", canary=3, project=mixpanel.project)


@pytest.mark.parametrize("verb", ["add", "append", "union", "set_once"])
def test_what_was_not_found_before_is_no_wrong_value(mixpanel: Mixpanel, verb: str) -> None:
    """A profile that appears later may have held anything before."""
    value = {"add": 1, "union": ["a"]}.get(verb, "a")
    mixpanel.meanwhile = lambda: mixpanel.overwrite("u4", {"p": [7] if isinstance(value, list) else 7})
    frame = frame_of(value, 9)
    summary = getattr(frame.mixpanel, verb)("id", canary=3, project=mixpanel.project)
    assert accounted(frame, summary) == {"accepted": 9}


def test_a_plan_is_sent_with_canaries(mixpanel: Mixpanel) -> None:
    """Only what the plan sends is expected."""
    mixpanel.hold({identity: {"p": "free", "q": 1} for identity in ids(9)})
    current = mpd.read_profiles(project=mixpanel.project)
    mixpanel.overwrite("u0", {"p": "free", "q": 5})
    mixpanel.emulator._requests.clear()
    frame = frame_of("pro", 9).assign(q=1)
    plan = frame.mixpanel.plan("set", "id", current=current)
    summary = plan.apply(canary=9, backup=None, project=mixpanel.project)
    assert accounted(frame, summary) == {"accepted": 9}
    assert (len(mixpanel.sent), mixpanel.rests) == (1, [5.0])
    assert mixpanel.emulator.profile("u0") == {"p": "pro", "q": 5}


def test_what_was_there_before_is_no_proof(mixpanel: Mixpanel) -> None:
    """u0 holds the value already, whoever has written it."""
    mixpanel.hold({"u0": {"p": "pro"}})
    with pytest.raises(mpd.CanaryFailed, match=NOT_SEEN):
        frame_of("pro", 3).mixpanel.set("id", canary=3, project=replace(mixpanel.project, token="f" * 32))


# -- which ids are chosen ------------------------------------------------------------------------------------------------


def test_ids_whose_update_changes_something_are_preferred(mixpanel: Mixpanel) -> None:
    mixpanel.hold({identity: {"p": "free" if identity in {"u3", "u17"} else "pro"} for identity in ids(30)})
    frame = frame_of("pro")
    assert accounted(frame, frame.mixpanel.set("id", canary=3, project=mixpanel.project)) == {"accepted": 30}
    assert {"u3", "u17"} < set(mixpanel.sent[0])
    assert len(mixpanel.sent[0]) == 3


def test_profiles_that_are_there_are_preferred(mixpanel: Mixpanel) -> None:
    mixpanel.hold({"u5": {"p": "free"}, "u6": {"p": "free"}})
    frame_of("pro").mixpanel.set("id", canary=2, project=mixpanel.project)
    assert mixpanel.sent[0] == ["u5", "u6"]


@pytest.mark.parametrize(
    ("verb", "held"),
    [
        pytest.param("set", {"p": "pro"}, id="values that are there already"),
        pytest.param("set_once", {"p": "free"}, id="set_once of what is there"),
        pytest.param("unset", {"q": 1}, id="unset of what is not there"),
        pytest.param("delete", None, id="delete of profiles that are not found"),
        pytest.param("remove", {"p": ["a"]}, id="remove of what is not in the list"),
        pytest.param("append", {"p": "no list"}, id="append to what is no list"),
    ],
)
def test_nothing_is_sent_if_nothing_could_be_seen(mixpanel: Mixpanel, verb: str, held: Any) -> None:
    mixpanel.hold({identity: held for identity in ids(30) if held})
    properties = {"unset": ["p"], "delete": None}.get(verb, ["p"])
    with pytest.raises(
        mpd.OperationError, match=r"canary=3: none of the 30 ids that were looked at can prove anything"
    ):
        getattr(frame_of("pro").mixpanel, verb)("id", properties, canary=3, project=mixpanel.project)
    assert mixpanel.sent == []


def test_excluded_rows_are_no_canaries(mixpanel: Mixpanel) -> None:
    frame = frame_of("pro", 9)
    frame.loc[4, "p"] = "x" * 300
    summary = frame.mixpanel.set("id", canary=9, invalid="drop_row", project=mixpanel.project)
    assert accounted(frame, summary) == {"accepted": 8, "invalid": 1}
    assert "u4" not in mixpanel.sent[0]


# -- what goes wrong -----------------------------------------------------------------------------------------------------


def test_without_an_account_nothing_is_sent(mixpanel: Mixpanel) -> None:
    project = replace(mixpanel.project, username=None, secret=None)
    with pytest.raises(
        mpd.AccountError, match=r"^canary=3 reads profiles: reading needs username and secret"
    ):
        frame_of("pro").mixpanel.set("id", canary=3, project=project)
    with pytest.raises(mpd.OperationError, match="the number of group key 'company' is not known"):
        frame_of("pro").mixpanel.group("company").set("id", canary=3, project=mixpanel.project)
    assert not mixpanel.emulator.requests


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        pytest.param({"fault": 401}, mpd.AccountError, id="the account"),
        pytest.param({"fault": 403}, mpd.ReadError, id="the access"),
        pytest.param({"fault": 429, "retry_after": 3600}, mpd.BudgetSpent, id="the budget"),
        pytest.param({"fault": 500}, mpd.PageFailed, id="the service"),
    ],
)
@pytest.mark.parametrize("before", [pytest.param(True, id="before"), pytest.param(False, id="after")])
def test_profiles_that_cannot_be_read(
    mixpanel: Mixpanel, fault: dict[str, Any], error: type[Exception], before: bool
) -> None:
    mixpanel.emulator.fail(**fault, on="read", times=None, skip=0 if before else 1)
    frame = frame_of("pro")
    if before:
        with pytest.raises(error):
            frame.mixpanel.set("id", canary=3, project=mixpanel.project)
        assert mixpanel.sent == []
        return
    with pytest.raises(mpd.CanaryFailed, match="the canaries cannot be read: ") as raised:
        frame.mixpanel.set("id", canary=3, project=mixpanel.project)
    assert isinstance(raised.value.__cause__, error)
    assert accounted(frame, raised.value.summary) == {"accepted": 3, "not_sent": 27}
    assert "canary not read" in set(raised.value.summary["reason"])


def test_canaries_that_are_refused_keep_their_outcome(mixpanel: Mixpanel) -> None:
    mixpanel.emulator.fail("zero", times=None)
    frame = frame_of("pro")
    with pytest.raises(mpd.CanaryFailed, match="Mixpanel accepted none of the canaries") as raised:
        frame.mixpanel.set("id", canary=3, project=mixpanel.project)
    assert accounted(frame, raised.value.summary) == {"rejected": 3, "not_sent": 27}
    assert mixpanel.rests == []


def test_only_accepted_canaries_are_looked_for(mixpanel: Mixpanel) -> None:
    mixpanel.hold({identity: {"p": "free"} for identity in ids(9)})
    mixpanel.emulator.fail("refuse", record=lambda record: record["$distinct_id"] == "u4", times=None)
    frame = frame_of("pro", 9)
    summary = frame.mixpanel.set("id", canary=3, project=mixpanel.project)
    assert "u4" in mixpanel.sent[0]
    assert accounted(frame, summary) == {"accepted": 8, "rejected": 1}
    assert mixpanel.rests == [5.0]


def test_canaries_without_an_answer_are_not_looked_for(mixpanel: Mixpanel) -> None:
    mixpanel.emulator.fail("reset", applied=True)
    frame = frame_of(1)
    with pytest.raises(mpd.CanaryFailed, match="Mixpanel accepted none of the canaries") as raised:
        frame.mixpanel.add("id", canary=3, project=mixpanel.project)
    assert accounted(frame, raised.value.summary) == {"unknown": 3, "not_sent": 27}


def test_an_upload_that_stops_at_the_canaries_ends_as_without_them(mixpanel: Mixpanel) -> None:
    mixpanel.emulator.fail(401, times=None)
    frame = frame_of("pro")
    with pytest.raises(mpd.UploadFailed) as raised:
        frame.mixpanel.set("id", canary=3, project=mixpanel.project)
    assert accounted(frame, raised.value.summary) == {"rejected": 3, "not_sent": 27}
    mixpanel.emulator.heal()
    mixpanel.emulator.fail("refused", times=None)
    with pytest.raises(mpd.ConnectionFailed):
        frame.mixpanel.set("id", canary=3, project=mixpanel.project)


def test_no_connection_after_the_canaries_is_no_failed_first_connection(mixpanel: Mixpanel) -> None:
    mixpanel.emulator.fail("refused", skip=1, times=None)
    frame = frame_of("pro")
    summary = frame.mixpanel.set("id", canary=3, project=replace(mixpanel.project, retries=1))
    assert accounted(frame, summary) == {"accepted": 3, "not_sent": 27}


def test_a_bug_in_a_look_is_an_upload_error(mixpanel: Mixpanel, monkeypatch: pytest.MonkeyPatch) -> None:
    def look(self: Any, rows: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(ProfileCanaries, "look", look)
    frame = frame_of("pro")
    with pytest.raises(mpd.UploadError) as raised:
        frame.mixpanel.set("id", canary=3, project=mixpanel.project)
    assert isinstance(raised.value.__cause__, ZeroDivisionError)
    assert accounted(frame, raised.value.summary) == {"accepted": 3, "not_sent": 27}


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("check", [None, True])
def test_ctrl_c_while_it_waits_loses_nothing(
    mixpanel: Mixpanel, monkeypatch: pytest.MonkeyPatch, check: bool | None
) -> None:
    def rest(seconds: float, ended: Callable[[], object], show: Callable[[float], None]) -> None:
        mixpanel.rest(seconds, ended, show)
        main = threading.main_thread().ident
        assert main
        signal.pthread_kill(main, signal.SIGINT)
        until = time.monotonic() + PATIENCE
        while not ended() and time.monotonic() < until:
            time.sleep(0.01)

    monkeypatch.setattr(canary, "rest", rest)
    frame = frame_of("pro")
    with pytest.raises(mpd.UploadInterrupted) as raised:
        frame.mixpanel.set("id", canary=3, check=check, project=mixpanel.project)
    assert accounted(frame, raised.value.summary) == {"accepted": 3, "not_sent": 27}
    assert [len(sent) for sent in mixpanel.sent] == [3]
    assert mixpanel.rests == [5.0]


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("method", ["choose", "look"])
def test_ctrl_c_while_it_reads_loses_nothing(
    mixpanel: Mixpanel, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    was_cut = threading.Event()

    def read(self: Any, rows: Any) -> None:
        main = threading.main_thread().ident
        assert main
        signal.pthread_kill(main, signal.SIGINT)
        assert was_cut.wait(PATIENCE)

    monkeypatch.setattr(ProfileCanaries, method, read)
    monkeypatch.setattr(ProfileCanaries, "cut", lambda self: was_cut.set())
    frame = frame_of("pro")
    with pytest.raises(mpd.UploadInterrupted) as raised:
        frame.mixpanel.set("id", canary=3, project=mixpanel.project)
    left = {"choose": {"not_sent": 30}, "look": {"accepted": 3, "not_sent": 27}}[method]
    assert accounted(frame, raised.value.summary) == left
    assert was_cut.is_set()


def test_a_deadline_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    mixpanel = Mixpanel(read_delay=1e6)
    frame = frame_of("pro")
    summary = frame.mixpanel.set("id", canary=3, deadline=0.3, check=False, project=mixpanel.project)
    counts = accounted(frame, summary)
    assert counts.pop("accepted", 0) in {0, 3}
    assert set(counts) == {"not_sent"}
    assert "deadline" in set(summary["reason"])


# -- again, and in a journal ----------------------------------------------------------------------------------------------


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "mp.sqlite"


@pytest.mark.parametrize("run", [None, "monday"])
@pytest.mark.parametrize("verb", ["set", "add"])
def test_a_run_goes_on_and_sends_no_canary_again(
    mixpanel: Mixpanel, journal: Path, verb: str, run: str | None
) -> None:
    frame = pd.DataFrame({"id": ids(30), "n": 1})
    options = {"journal": journal, "run": run, "canary": 4, "project": mixpanel.project}
    mixpanel.emulator._store.read_delay = 1e6
    with pytest.raises(mpd.CanaryFailed) as raised:
        getattr(frame.mixpanel, verb)("id", **options)
    assert accounted(frame, raised.value.summary) == {"accepted": 4, "not_sent": 26}
    told = mpd.read_journal(journal, run).summary
    assert accounted(frame, told) == {"accepted": 4, "not_sent": 26}
    assert "canary not seen" in set(told["reason"])
    first = set(mixpanel.sent[0])
    mixpanel.emulator._store.read_delay = 0
    summary = getattr(frame.mixpanel, verb)("id", **options)
    assert accounted(frame, summary) == {"accepted": 30}
    sent = list(itertools.chain(*mixpanel.sent))
    assert [len(one) for one in mixpanel.sent] == [4, 4, 22]
    assert Counter(sent).most_common(1)[0][1] == 1
    assert first.isdisjoint(mixpanel.sent[1])
    queries = mixpanel.queries
    if run is not None:
        assert accounted(frame, getattr(frame.mixpanel, verb)("id", **options)) == {"accepted": 30}
        assert (mixpanel.queries, len(mixpanel.sent)) == (queries, 3)


def test_a_run_keeps_its_content_also_for_canaries(mixpanel: Mixpanel, journal: Path) -> None:
    mixpanel.emulator._store.read_delay = 1e6
    options = {"journal": journal, "run": "monday", "canary": 2, "project": mixpanel.project}
    with pytest.raises(mpd.CanaryFailed):
        pd.DataFrame({"id": ids(9), "n": 1}).mixpanel.add("id", **options)
    with pytest.raises((mpd.JournalError, mpd.UploadError), match="other values"):
        pd.DataFrame({"id": ids(9), "n": 2}).mixpanel.add("id", **options)
    assert [len(sent) for sent in mixpanel.sent] == [2]


def test_the_process_remembers_canaries(mixpanel: Mixpanel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "process_history", history.History())
    mixpanel.emulator._store.read_delay = 1e6
    frame = pd.DataFrame({"id": ids(600), "n": 1})
    with pytest.raises(mpd.CanaryFailed) as raised:
        frame.mixpanel.add("id", canary=2, project=mixpanel.project)
    with pytest.raises(mpd.AlreadySent, match="send the rest"):
        frame.mixpanel.add("id", project=mixpanel.project)
    rest = frame.mixpanel.failures(raised.value.summary)
    assert len(rest) == 598
    assert accounted(rest, rest.mixpanel.add("id", project=mixpanel.project)) == {"accepted": 598}
    assert {one["n"] for one in mixpanel.emulator._store.kind(mixpanel.emulator.token, None).values()} == {1}


# -- what it says ---------------------------------------------------------------------------------------------------------


def test_batches_are_numbered_over_both_parts(mixpanel: Mixpanel) -> None:
    summary = frame_of("pro", 10).mixpanel.set("id", canary=3, batch_size=2, project=mixpanel.project)
    assert sorted(summary["batch"]) == [0, 1, 2, 3, 4, 5]


def test_it_says_what_it_waits_for(mixpanel: Mixpanel, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "mixpanel_pandas")
    frame_of("pro").mixpanel.set("id", canary=3, project=mixpanel.project)
    lines = [record.getMessage() for record in caplog.records if record.event == "canary"]
    assert lines == [
        "set: 3 rows accepted as canaries; the others wait until they are seen",
        "set: look 1 of 3 at the canaries: 3 of 3 ids seen",
    ]


def test_a_dry_run_says_what_it_would_do(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "mixpanel_pandas")
    frame = frame_of("pro")
    assert accounted(frame, frame.mixpanel.set("id", canary=3, dry_run=True)) == {"not_sent": 30}
    assert (
        "3 ids would be sent first and looked for 5, 25 and 85 s later, the others after one of them is seen"
        in caplog.text
    )


def test_one_progress_bar_says_what_it_waits_for(
    mixpanel: Mixpanel, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    waiting: list[str] = []
    bars: list[str] = []
    make = Reporter._make_bar
    monkeypatch.setattr(Reporter, "_make_bar", lambda self: (bars.append(self._label), make(self)))
    asked = operation("set", "id", None, None, {"canary": 3, "project": mixpanel.project, "progress": True})
    sending = line.prepare(frame_of("pro"), asked)
    mixpanel.meanwhile = lambda: waiting.append(sending.progress().waiting)
    sending.result()
    assert waiting == ["look 1 of 3 at the canaries in 5 s"]
    progress = sending.progress()
    assert (progress.rows, progress.total, progress.requests, progress.waiting) == (30, 30, 2, "")
    assert bars == ["set"]
    shown = capsys.readouterr().err
    assert "3 rows accepted as canaries" in shown
    assert "30/30" in shown


def test_a_stop_from_another_thread_ends_the_wait(mixpanel: Mixpanel) -> None:
    frame = frame_of("pro")
    asked = operation("set", "id", None, None, {"canary": 3, "project": mixpanel.project})
    sending = line.prepare(frame, asked)
    mixpanel.meanwhile = sending.stop
    assert accounted(frame, sending.result()) == {"accepted": 3, "not_sent": 27}
    stopped = line.prepare(frame, asked)
    stopped.stop()
    assert accounted(frame, stopped.result()) == {"not_sent": 30}
    assert [len(sent) for sent in mixpanel.sent] == [3]


@pytest.mark.parametrize("value", [0, 1001, True, 2.0, "20"])
def test_a_number_of_canaries_is_from_1_to_1000(value: Any) -> None:
    with pytest.raises(mpd.OperationError, match=r"canary=.* must be a whole number from 1 to 1000"):
        frame_of("pro").mixpanel.set("id", canary=value)


@pytest.mark.parametrize("command", ["an option", "a job"])
def test_the_command_line_has_canaries(
    emulator: mpd.Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr(canary, "rest", lambda *_: None)
    table, job = tmp_path / "users.csv", tmp_path / "users.toml"
    table.write_text("id,plan\na,pro\nb,pro\nc,pro\n", encoding="utf-8")
    words = ["set", str(table), "--id", "id", "--canary", "2"]
    if command == "a job":
        assert CliRunner().invoke(main, [*words, "--save-job", str(job)]).exit_code == 0
        assert "canary = 2\n" in job.read_text(encoding="utf-8")
        words = ["run", str(job)]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    assert "look 1 of 3 at the canaries: 2 of 2 ids seen" in done.output
    assert [len(request.records) for request in emulator.requests if request.records] == [2, 1]
    wrong = {"MIXPANEL_TOKEN": "f" * 32, "MIXPANEL_URL": emulator.url}
    mpd.set_project(None)
    failed = CliRunner().invoke(main, words, env=wrong)
    assert failed.exit_code == 2
    assert "--canary 2 reads profiles: reading needs username and secret" in failed.output
    account = {
        "MIXPANEL_USERNAME": emulator.service_account[0],
        "MIXPANEL_SECRET": emulator.service_account[1],
    }
    table.write_text("id,plan\na,team\nb,team\nc,team\n", encoding="utf-8")
    failed = CliRunner().invoke(main, words, env={**wrong, **account, "MIXPANEL_PROJECT_ID": "1"})
    assert failed.exit_code == 1
    assert NOT_SEEN in failed.output


#: Verb -> values in frames. None is missing.
OPERANDS: dict[str, list[Any]] = {
    "set": [None, 5, "x", True, [1, "a"], {"b": 1, "a": 2}],
    "set_once": [None, 5, "x", [1]],
    "add": [None, 1, 2.5, -3],
    "union": [None, "a", ["a", "b"], [1]],
    "append": [None, "a", 1, {"k": 2}],
    "remove": [None, "a", 1],
}
HELD = [None, 5, 0.5, "x", True, ["a"], ["a", 1, "a"], [1, "a"], {"a": 2, "b": 1}]


@settings(max_examples=examples(150), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.data(),
    verb=st.sampled_from([*OPERANDS, "set", "set", "unset", "delete"]),
    count=st.integers(1, 6),
)
def test_what_mixpanel_does_is_never_taken_for_another_value(
    data: st.DataObject, verb: str, count: int
) -> None:
    """The emulator applies what is sent, and shows it. So canaries are seen, unless nothing can be seen."""
    mixpanel = Mixpanel(whole_seconds=data.draw(st.booleans()))
    letters = data.draw(st.lists(st.sampled_from("abc"), min_size=count, max_size=count))
    for identity in sorted(data.draw(st.sets(st.sampled_from("abc")))):
        held = data.draw(st.sampled_from(HELD))
        mixpanel.overwrite(identity, {"other": 1} | ({} if held is None else {"p": held}))
    column = np.empty(count, object)
    column[:] = data.draw(
        st.lists(st.sampled_from(OPERANDS.get(verb, [None])), min_size=count, max_size=count)
    )
    frame = pd.DataFrame({"id": letters, "p": column})
    ways = ["all", "last", *(["merge"] if verb in {"set", "set_once", "unset", "delete"} else [])]
    options: dict[str, Any] = {"duplicates": data.draw(st.sampled_from(ways))}
    if verb in {"set", "set_once"}:
        options["missing"] = data.draw(
            st.sampled_from(["skip", "null", *(["unset"] if verb == "set" else [])])
        )
    properties = {"unset": ["p"], "delete": None}.get(verb, ["p"])
    with pytest.MonkeyPatch.context() as patches, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        place(mixpanel, patches)
        patches.setattr(history, "process_history", history.History())
        try:
            summary = getattr(frame.mixpanel, verb)(
                "id", properties, canary=data.draw(st.integers(1, 4)), project=mixpanel.project, **options
            )
        except mpd.OperationError as error:
            if "can prove anything" not in str(error):
                raise
            return
        assert set(accounted(frame, summary)) <= {"accepted", "skipped"}
        comparison = frame.mixpanel.verify(summary, properties, project=mixpanel.project, **options)
    assert len(mixpanel.rests) <= 1
    if verb in {"set", "unset", "delete"}:
        assert comparison["matches"].fillna(True).all(), comparison
    if verb in {"union", "append"}:
        lists = comparison[comparison["found"].fillna("[").str.startswith("[")]
        assert lists["matches"].fillna(True).all(), comparison


# -- whatever happens -----------------------------------------------------------------------------------------------------

FAULTS: list[dict[str, Any]] = [
    {"fault": 503},
    {"fault": "reset", "applied": True},
    {"fault": "reset", "applied": False},
    {"fault": 429},
    {"fault": "zero"},
    {"fault": 401},
    {"fault": "garbage"},
    {"fault": 401, "on": "read"},
    {"fault": 500, "on": "read", "times": 20},
]


@settings(max_examples=examples(150), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    letters=st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=14),
    verb=st.sampled_from(["append", "set"]),
    wanted=st.integers(1, 9),
    delay=st.sampled_from([0.0, 20.0, 1e6]),
    faults=st.lists(st.tuples(st.sampled_from(FAULTS), st.integers(0, 3)), max_size=2),
    batch_size=st.integers(1, 5),
    merged=st.booleans(),
    calls=st.integers(1, 3),
    journalled=st.booleans(),
)
def test_every_row_has_one_outcome_and_none_is_sent_twice(
    tmp_path_factory: pytest.TempPathFactory,
    letters: list[str],
    verb: str,
    wanted: int,
    delay: float,
    faults: list[tuple[dict[str, Any], int]],
    batch_size: int,
    merged: bool,
    calls: int,
    journalled: bool,
) -> None:
    mixpanel = Mixpanel(read_delay=delay)
    frame = pd.DataFrame({"id": letters, "n": range(len(letters))})
    options: dict[str, Any] = {
        "canary": wanted, "batch_size": batch_size, "project": mixpanel.project, "check": False,
        "duplicates": "merge" if merged and verb == "set" else "all",
    }  # fmt: skip
    if journalled:
        options |= {"journal": tmp_path_factory.mktemp("journal") / "mp.sqlite", "run": "monday"}
    for fault, skip in faults:
        mixpanel.emulator.fail(**fault, skip=skip)
    with pytest.MonkeyPatch.context() as patches:
        place(mixpanel, patches)
        patches.setattr(history, "process_history", history.History())
        for _ in range(calls if journalled else 1):
            failed = False
            try:
                summary = getattr(frame.mixpanel, verb)("id", **options)
            except mpd.UploadError as error:
                summary, failed = error.summary, isinstance(error, mpd.CanaryFailed)
            except (mpd.ReadError, mpd.OperationError):
                continue  # nothing was sent
            accounted(frame, summary)
            if failed and not journalled:
                assert len({frame["id"][row["n"]] for row in applied(mixpanel, verb)}) <= wanted
            check_applications(frame, summary, mixpanel, verb, merged=options["duplicates"] == "merge")


def applied(mixpanel: Mixpanel, verb: str) -> list[dict[str, Any]]:
    return [one.record[f"${verb}"] for one in mixpanel.emulator.applied]


def check_applications(
    frame: pd.DataFrame, summary: pd.DataFrame, mixpanel: Mixpanel, verb: str, *, merged: bool
) -> None:
    """Each row that is accepted was applied, each that is not sent was not, and none that must not be twice was."""
    times = Counter(record["n"] for record in applied(mixpanel, verb))
    outcome = frame.mixpanel.outcomes(summary)["outcome"]
    decisive = frame.groupby("id")["n"].transform("max") if merged else frame["n"]
    for row, name in enumerate(outcome):
        count = times[decisive[row]]
        if name == "accepted":
            assert count >= 1
        if name in {"not_sent", "rejected"}:
            assert count == 0
        if verb == "append":
            assert count <= 1


def test_a_choice_is_of_ids_and_not_of_rows(mixpanel: Mixpanel) -> None:
    frame = pd.DataFrame({"id": [*"abcabcabc"], "n": range(9)})
    asked = operation("append", "id", None, None, {"canary": 2})
    decisions = check_frame(frame, asked)
    canaries = ProfileCanaries(decisions, mixpanel.project)
    rows = canaries.choose(np.ones(9, bool))
    assert frame["id"][rows].nunique() == 2
    assert rows.sum() == 6
    done = np.zeros(9, bool)
    done[0] = True
    assert not canaries.choose(~done)[[0, 3, 6]].any(), "an id of which a row was sent before"


def test_a_reading_that_was_cut_before_it_began_asks_nothing(mixpanel: Mixpanel) -> None:
    decisions = check_frame(frame_of("pro"), operation("set", "id", None, None, {"canary": 2}))
    canaries = ProfileCanaries(decisions, mixpanel.project)
    canaries.cut()
    with pytest.raises(Exception, match=r"^$"):
        canaries.choose(np.ones(30, bool))
    assert not mixpanel.emulator.requests

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import mixpanel_pandas as mpd
from mixpanel_pandas.delivery import canary
from tests.profiles.held import held_in, hold

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    slept: list[float] = []
    monkeypatch.setattr(canary, "rest", lambda seconds, *_: slept.append(seconds))
    return slept


HELD = [1, "x", None, ["a"], {"k": 1}, "2026-01-01T10:00:00", "", 1e20, True]


@pytest.mark.parametrize("keep", ["first", "last"])
@pytest.mark.parametrize("seed", range(6))
def test_values_move_to_the_new_name_and_back(
    keep: Any, seed: int, mixpanel: mpd.Emulator, project: mpd.Project, tmp_path: Path
) -> None:
    chance = np.random.default_rng(seed)
    before: dict[str, dict[str, Any]] = {}
    for number in range(30):
        names = [name for name in ("Plan", "PLAN", "plan", "other") if chance.random() < 0.5]
        before[f"u{number}"] = {name: HELD[int(chance.integers(len(HELD)))] for name in names}
    hold(mixpanel, before)
    before = held_in(mixpanel)
    plan = mpd.rename_property({"Plan": "plan", "PLAN": "plan"}, keep=keep, project=project)
    plan.apply(project=project, backup=tmp_path / "backup.parquet")
    order = ["plan", "Plan", "PLAN"] if keep == "first" else ["PLAN", "Plan", "plan"]
    expected = {}
    for key, profile in before.items():
        after = {name: value for name, value in profile.items() if name not in {"Plan", "PLAN"}}
        if profile.get("Plan") is None and profile.get("PLAN") is None:
            expected[key] = profile  # what is null is not found by a condition, and stays
            continue
        after["plan"] = next(profile[name] for name in order if name in profile)
        expected[key] = after
    assert held_in(mixpanel) == expected
    mpd.open_backup(tmp_path / "backup.parquet").plan().apply(project=project, backup=None)
    assert held_in(mixpanel) == before


def test_values_that_differ_are_an_error(mixpanel: mpd.Emulator, project: mpd.Project) -> None:
    hold(mixpanel, {"a": {"old": 1, "new": 2}, "b": {"old": 1, "new": 1.0}, "c": {"old": 1}})
    with pytest.raises(
        mpd.OperationError, match="1 profile with several different values of 'new', such as 'a'"
    ):
        mpd.rename_property({"old": "new"}, project=project)


@pytest.mark.parametrize(
    ("names", "match"),
    [
        ({}, "takes a mapping"),
        ({"a": 1}, "takes a mapping"),
        ("a", "takes a mapping"),
        ({"a": "b", "b": "c"}, "would be an old and a new name"),
        ({"a": "a"}, "would be an old and a new name"),
        ({"$last_seen": "seen"}, "Mixpanel itself writes it"),
    ],
)
def test_names_that_cannot_be_meant(names: Any, match: str, project: mpd.Project) -> None:
    with pytest.raises(mpd.OperationError, match=match):
        mpd.rename_property(names, project=project)


def test_nothing_is_removed_before_what_replaces_it_was_read(
    mixpanel: mpd.Emulator,
    project: mpd.Project,
    tmp_path: Path,
    no_pauses: list[float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hold(mixpanel, {"a": {"old": 1}, "b": {"old": 2}})
    path = tmp_path / "plan.parquet"
    plan = mpd.rename_property({"old": "new"}, project=project).save(path, project=project)
    store = mixpanel._store

    def lose(seconds: float, *_: object) -> None:
        no_pauses.append(seconds)
        store.kinds[mixpanel.token, None]["a"].pop("new", None)  # as if it could not be read yet
        store.version += 1

    monkeypatch.setattr(canary, "rest", lose)
    summary = plan.apply(project=project)
    assert summary.groupby("reason")["rows"].sum().to_dict() == {"not proven": 1}
    assert held_in(mixpanel) == {"a": {"old": 1}, "b": {"new": 2}}
    assert no_pauses == [5, 20, 60]
    monkeypatch.setattr(canary, "rest", lambda seconds, *_: no_pauses.append(seconds))
    summary = mpd.open_plan(path).apply(project=project)
    assert held_in(mixpanel) == {
        "a": {"old": 1},
        "b": {"new": 2},
    }  # the journal says that it was sent, and it is not there


def test_an_old_value_that_was_changed_meanwhile_stays(
    mixpanel: mpd.Emulator, project: mpd.Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(mixpanel, {"a": {"old": 1}, "b": {"old": 2}})
    plan = mpd.rename_property({"old": "new"}, project=project)

    def change(*_: object) -> None:
        mixpanel._store.kinds[mixpanel.token, None]["a"]["old"] = 9
        mixpanel._store.version += 1

    monkeypatch.setattr(canary, "rest", change)
    plan.apply(project=project, backup=None)
    assert held_in(mixpanel) == {"a": {"old": 9, "new": 1}, "b": {"new": 2}}


def test_a_new_name_that_has_the_value_already_is_proven_too(
    mixpanel: mpd.Emulator, project: mpd.Project
) -> None:
    hold(mixpanel, {"a": {"old": 1, "new": 1}})
    plan = mpd.rename_property({"old": "new"}, project=project)
    assert plan.cells["property"].tolist() == ["old"]
    hold(mixpanel, {"a": {"old": 1}})
    plan.apply(project=project, backup=None)
    assert held_in(mixpanel)["a"].get("new", held_in(mixpanel)["a"].get("old")) == 1


@pytest.mark.parametrize(
    ("strike", "kind"),
    [
        (KeyboardInterrupt(), mpd.UploadInterrupted),
        (ZeroDivisionError(), mpd.UploadError),
        (mpd.PageFailed("no"), mpd.UploadError),
    ],
)
def test_whatever_ends_the_second_step_the_error_accounts_for_both(
    strike: BaseException,
    kind: type[BaseException],
    mixpanel: mpd.Emulator,
    project: mpd.Project,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hold(mixpanel, {"a": {"old": 1}, "b": {"old": 2}})
    plan = mpd.rename_property({"old": "new"}, project=project)

    def fail(*_: object) -> None:
        raise strike

    monkeypatch.setattr(canary, "rest", fail)
    with pytest.raises(kind) as raised:
        plan.apply(project=project, backup=None)
    summary = raised.value.summary  # type: ignore[attr-defined]
    assert summary[["step", "rows", "outcome"]].to_numpy().tolist() == [
        [1, 2, "accepted"],
        [2, 2, "not_sent"],
    ]
    assert held_in(mixpanel) == {"a": {"old": 1, "new": 1}, "b": {"old": 2, "new": 2}}


# -- types --------------------------------------------------------------------------------------------------------


def test_text_gets_another_type(mixpanel: mpd.Emulator, project: mpd.Project) -> None:
    hold(
        mixpanel,
        {
            "a": {"n": "1,200", "when": "05/01/2026", "flag": "Yes", "code": 7},
            "b": {"n": 5, "when": "2026-01-05T00:00:00", "flag": True, "code": "x"},
            "c": {"n": None, "code": [1]},
        },
    )
    readings = {"n": "number:1,234.5", "flag": "boolean:Yes/No", "code": "text"}
    plan = mpd.retype_property(readings, project=project)
    plan.apply(project=project, backup=None)
    assert held_in(mixpanel) == {
        "a": {"n": 1200, "when": "05/01/2026", "flag": True, "code": "7"},
        "b": {"n": 5, "when": "2026-01-05T00:00:00", "flag": True, "code": "x"},
        "c": {"n": None, "code": [1]},
    }


def test_text_that_cannot_be_read(mixpanel: mpd.Emulator, project: mpd.Project) -> None:
    hold(mixpanel, {"a": {"n": "12"}, "b": {"n": "twelve"}})
    with pytest.raises(mpd.ValidationError, match="first at index 'b': 'twelve'"):
        mpd.retype_property({"n": "number"}, project=project)
    plan = mpd.retype_property({"n": "number"}, invalid="drop_value", project=project)
    assert plan.cells["id"].tolist() == ["a"]

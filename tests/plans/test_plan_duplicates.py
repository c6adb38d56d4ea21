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
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canary, "rest", lambda *_: None)


PROFILES: dict[str, dict[str, Any]] = {
    "1": {"$email": "a@b.co", "plan": "pro", "$last_seen": "2026-01-01T00:00:00"},
    "2": {"$email": "a@b.co", "city": "Rome", "plan": "free", "$last_seen": "2026-03-01T00:00:00"},
    "3": {"$email": "a@b.co", "city": "Bari", "seats": 3, "lang": "it", "$last_seen": "2026-02-01T00:00:00"},
    "4": {"$email": "", "plan": "x"},
    "5": {"$email": " ", "plan": "y"},
    "6": {"$email": None},
    "7": {"$email": ""},
    "8": {"$email": "A@B.co "},
    "9": {"plan": "z"},
}


@pytest.mark.parametrize(
    ("keep", "stays", "after"),
    [
        ("latest", "2", {"city": "Rome", "plan": "free", "seats": 3, "lang": "it"}),
        ("earliest", "1", {"city": "Rome", "plan": "pro", "seats": 3, "lang": "it"}),
        ("fullest", "3", {"city": "Bari", "plan": "free", "seats": 3, "lang": "it"}),
    ],
)
def test_one_profile_stays_and_gets_what_it_lacks(
    keep: Any, stays: str, after: dict[str, Any], mixpanel: mpd.Emulator, project: mpd.Project, tmp_path: Path
) -> None:
    hold(mixpanel, PROFILES)
    before = held_in(mixpanel)
    plan = mpd.deduplicate_profiles(keep=keep, project=project)
    plan.apply(project=project, backup=tmp_path / "backup.parquet")
    held = held_in(mixpanel)
    assert held.pop(stays) == {"$email": "a@b.co", **after}
    assert held == {key: profile for key, profile in before.items() if key not in {"1", "2", "3"}}
    mpd.open_backup(tmp_path / "backup.parquet").plan().apply(project=project, backup=None)
    assert held_in(mixpanel) == before


def test_case_and_blanks(mixpanel: mpd.Emulator, project: mpd.Project) -> None:
    hold(mixpanel, PROFILES)
    plan = mpd.deduplicate_profiles(ignore_case=True, merge=False, project=project)
    assert plan.counts["emptied profiles"] == 3
    plan.apply(project=project, backup=None)
    assert set(held_in(mixpanel)) == {"2", "4", "5", "6", "7", "9"}


@pytest.mark.parametrize("seed", range(5))
def test_every_value_leaves_one_profile(
    seed: int, mixpanel: mpd.Emulator, project: mpd.Project, tmp_path: Path
) -> None:
    chance = np.random.default_rng(seed)
    hold(
        mixpanel, {f"u{n}": {"key": str(chance.integers(8)), f"p{chance.integers(3)}": n} for n in range(40)}
    )
    before = held_in(mixpanel)
    plan = mpd.deduplicate_profiles("key", project=project).save(tmp_path / "plan.parquet", project=project)
    plan.apply(project=project)
    after = held_in(mixpanel)
    keys = [profile["key"] for profile in after.values()]
    assert sorted(keys) == sorted({profile["key"] for profile in before.values()})
    for profile in after.values():  # nothing is lost but values that another one of the same name replaces
        names = {name for other in before.values() if other["key"] == profile["key"] for name in other}
        assert set(profile) == names
    mpd.open_backup(tmp_path / "plan.backup.parquet").plan().apply(project=project, backup=None)
    assert held_in(mixpanel) == before


def test_what_cannot_be_meant(project: mpd.Project) -> None:
    with pytest.raises(mpd.OptionError, match="keep='newest' is not one of"):
        mpd.deduplicate_profiles(keep="newest", project=project)  # type: ignore[arg-type]
    with pytest.raises(mpd.OperationError, match="is not the name of a property"):
        mpd.deduplicate_profiles("", project=project)

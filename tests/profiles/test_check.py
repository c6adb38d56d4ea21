from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import mixpanel_pandas as mpd
from mixpanel_pandas import errors
from tests.profiles.held import hold


def checked(emulator: mpd.Emulator, **changes: Any) -> dict[str, bool | None]:
    frame = replace(emulator.project, adapter=emulator.adapter(), **changes).check()
    assert frame["message"].str.len().min() > 20
    return {
        row["part"]: None if row["works"] is None else row["works"]
        for row in frame.astype(object).where(frame.notna(), None).to_dict("records")
    }


def test_all_works() -> None:
    assert checked(mpd.Emulator()) == {
        "token": None,
        "service account": True,
        "project": True,
        "region": True,
    }


@pytest.mark.parametrize(
    ("status", "only_queries", "verdicts"),
    [
        pytest.param(401, False, (False, None, None), id="account"),
        pytest.param(403, False, (True, None, None), id="project"),
        pytest.param(403, True, (True, True, False), id="region"),
        pytest.param(404, True, (True, None, None), id="address"),
        pytest.param(402, True, (True, True, True), id="plan"),
    ],
)
def test_what_does_not_work(status: int, only_queries: bool, verdicts: tuple[bool | None, ...]) -> None:
    emulator = mpd.Emulator()
    emulator.fail(
        status, times=None, on="read", when=lambda request: not only_queries or "query" in request.path
    )
    parts = checked(emulator)
    assert tuple(parts[part] for part in ("service account", "project", "region")) == verdicts
    assert parts.get("plan", True) is (status != 402)


def test_no_account() -> None:
    emulator = mpd.Emulator()
    parts = checked(emulator, username=None, secret=None)
    assert parts["service account"] is False
    assert not emulator.requests


def test_group_keys() -> None:
    emulator = mpd.Emulator()
    hold(emulator, {"acme": {}}, "company")
    keys = {"company": emulator.data_group_id("company"), "team": "12"}
    parts = checked(emulator, group_keys=keys)
    assert (parts["group key company"], parts["group key team"]) == (True, False)


def test_nobody_answers() -> None:
    emulator = mpd.Emulator()
    emulator.fail("refused", times=None, on="read")
    with pytest.raises(errors.PageFailed):
        checked(emulator)

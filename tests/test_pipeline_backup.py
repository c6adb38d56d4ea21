"""What unset and delete remove is kept before anything is sent, and can be put back."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import mixpanel_pandas as mpd
from tests.profiles.held import hold

if TYPE_CHECKING:
    from collections.abc import Iterator

QUERY, UPDATE = "/api/query/engage", "/engage"
BEFORE: dict[str, dict[str, Any]] = {
    "a": {"fax": "+1 555", "plan": "pro"},
    "b": {"fax": None, "plan": "free"},
    "c": {"plan": "pro"},
    "e": {"fax": "+49 30"},
}
FRAME = pd.DataFrame({"id": ["a", "b", "c", "d"]})
VERBS = [pytest.param("unset", ["fax"], id="unset"), pytest.param("delete", None, id="delete")]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def mixpanel() -> mpd.Emulator:
    emulator = mpd.Emulator()
    hold(emulator, BEFORE)
    return emulator


@pytest.fixture
def project(mixpanel: mpd.Emulator) -> Iterator[mpd.Project]:
    with mpd.set_project(replace(mixpanel.project, adapter=mixpanel.adapter())) as project:
        assert project is not None
        yield project


def without_account(project: mpd.Project) -> mpd.Project:
    return replace(project, username=None, secret=None, project_id=None)


def held_in(mixpanel: mpd.Emulator, group: str | None = None) -> dict[str, dict[str, Any]]:
    """Return the profiles that hold anything, without what Mixpanel computes."""
    profiles = mixpanel._store.kind(mixpanel.token, group)
    shown = {
        key: {name: value for name, value in profile.items() if name != "$last_seen"}
        for key, profile in profiles.items()
    }
    return {key: profile for key, profile in shown.items() if profile}


def paths(mixpanel: mpd.Emulator) -> list[str]:
    return [request.path for request in mixpanel.requests]


def files() -> list[str]:
    return sorted(path.name for path in Path().iterdir())


def call(verb: str, properties: Any, frame: pd.DataFrame = FRAME, **options: Any) -> pd.DataFrame:
    summary: pd.DataFrame = getattr(frame.mixpanel, verb)("id", properties, **options)
    return summary


def undo(path: str) -> pd.DataFrame:
    return mpd.open_backup(path).plan().apply(backup=None)


VALUES = [5, 0.5, "x", "", "null", "2026-01-01T10:00:00", True, None, [], ["a", 1, "a"], {"b": 1, "a": [2]}]


@pytest.mark.parametrize(("verb", "properties"), [("unset", ["p", "q"]), ("delete", None)])
@pytest.mark.parametrize("duplicates", ["last", "merge", "all"])
@pytest.mark.parametrize("seed", range(4))
def test_what_was_removed_is_put_back(
    seed: int, duplicates: str, verb: str, properties: Any, mixpanel: mpd.Emulator, project: mpd.Project
) -> None:
    chance = np.random.default_rng(seed)
    world = {
        f"u{number}": {name: VALUES[chance.integers(len(VALUES))] for name in "pqr" if chance.random() < 0.7}
        for number in range(0, 40, 2)
    }
    hold(mixpanel, world)
    before = held_in(mixpanel)
    frame = pd.DataFrame({"id": [f"u{number}" for number in chance.integers(40, size=30)]})
    summary = call(verb, properties, frame, duplicates=duplicates, backup="before.parquet")
    sent = mixpanel.requests[-1].records
    after = held_in(mixpanel)
    assert after != before

    undo("before.parquet")
    assert held_in(mixpanel) == before

    hold(mixpanel, before)  # and what is sent is the same without a backup
    assert len(call(verb, properties, frame, duplicates=duplicates, backup=None)) == len(summary)
    assert mixpanel.requests[-1].records == sent
    assert held_in(mixpanel) == after


@pytest.mark.parametrize(("verb", "properties"), VERBS)
def test_by_default_it_is_kept_in_a_file_that_the_log_and_the_summary_name(
    verb: str,
    properties: Any,
    mixpanel: mpd.Emulator,
    project: mpd.Project,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    summary = call(verb, properties)
    (name,) = files()
    assert name.startswith(f"mixpanel-{verb}-")
    assert name.endswith(".backup.parquet")
    assert summary.attrs["mixpanel"]["backup"] == name
    assert paths(mixpanel) == [QUERY, UPDATE]
    assert "backup: 4 ids in 1 query and 1 request, about " in caplog.messages[0]
    assert f"are in {name!r}; mpd.open_backup({name!r}).plan() restores them" in caplog.text
    undo(name)
    assert held_in(mixpanel) == BEFORE


@pytest.mark.parametrize(("verb", "properties"), VERBS)
def test_the_same_call_keeps_what_an_earlier_one_has_removed_already(
    verb: str, properties: Any, mixpanel: mpd.Emulator, project: mpd.Project
) -> None:
    call(verb, properties)
    # another call removes the rest of an upload that was interrupted; meanwhile a value has changed
    hold(mixpanel, held_in(mixpanel) | {"a": {"fax": "new", "plan": "pro"}})
    call(verb, properties)
    (name,) = files()
    undo(name)
    assert held_in(mixpanel) == BEFORE | {"a": {"fax": "new", "plan": "pro"}}


@pytest.mark.parametrize(("verb", "properties"), VERBS)
def test_without_anything_to_keep_there_is_no_file_unless_one_is_named(
    verb: str, properties: Any, mixpanel: mpd.Emulator, project: mpd.Project
) -> None:
    nobody = pd.DataFrame({"id": ["nobody"]})
    assert call(verb, properties, nobody)["outcome"].tolist() == ["accepted"]
    assert files() == []
    call(verb, properties, nobody, backup=Path("named.parquet"))
    assert files() == ["named.parquet"]
    assert repr(mpd.open_backup("named.parquet")).startswith("backup of 0 profiles (0 values)")


@pytest.mark.parametrize(("verb", "properties"), VERBS)
@pytest.mark.parametrize("options", [{"backup": None}, {"dry_run": True}], ids=str)
def test_a_call_that_asks_for_none_reads_and_writes_nothing(
    options: dict[str, Any], verb: str, properties: Any, mixpanel: mpd.Emulator, project: mpd.Project
) -> None:
    call(verb, properties, **options)
    assert QUERY not in paths(mixpanel)
    assert files() == []
    with mpd.set_project(without_account(project)):
        call(verb, properties, **options)  # and no warning


@pytest.mark.parametrize(("verb", "properties"), VERBS)
def test_without_a_service_account_a_hint_says_that_nothing_is_kept(
    verb: str, properties: Any, mixpanel: mpd.Emulator, project: mpd.Project
) -> None:
    poor = without_account(project)
    with pytest.warns(mpd.ProfileWarning, match=r"1 hint \(no_backup\).*project=project\) shows"):
        summary = call(verb, properties, project=poor)
    assert summary["accepted"].sum() == len(FRAME)
    assert "backup" not in summary.attrs["mixpanel"]
    assert paths(mixpanel) == [UPDATE]
    assert files() == []
    report = FRAME.mixpanel.validate(verb, "id", properties, project=poor)
    assert report[["severity", "check", "column", "count"]].values.tolist() == [
        ["hint", "no_backup", None, 1]
    ]
    preview = FRAME.mixpanel.preview(verb, "id", properties, project=poor)
    assert "no_backup" in repr(preview)


@pytest.mark.parametrize(("verb", "properties"), VERBS)
def test_a_backup_that_is_named_and_cannot_be_made_refuses_the_call(
    verb: str, properties: Any, mixpanel: mpd.Emulator, project: mpd.Project
) -> None:
    def source() -> Iterator[pd.DataFrame]:
        pytest.fail("nothing is read")
        yield FRAME

    with mpd.set_project(without_account(project)):
        for send in (
            lambda: call(verb, properties, backup="x.parquet"),
            lambda: mpd.upload(source(), verb, "id", properties, backup="x.parquet"),
        ):
            with pytest.raises(
                mpd.BackupError,
                match=r"^backup='x.parquet' cannot be made: reading needs username.*; nothing was sent; backup=None",
            ):
                send()
    assert paths(mixpanel) == []
    assert files() == []


def test_groups_need_the_number_of_their_key(mixpanel: mpd.Emulator, project: mpd.Project) -> None:
    hold(mixpanel, BEFORE, "company")
    with pytest.warns(mpd.ProfileWarning, match="no_backup"):
        FRAME.iloc[3:].mixpanel.group("company").delete("id")
    with pytest.raises(mpd.BackupError, match="number of group key 'company' is not known"):
        FRAME.mixpanel.group("company").delete("id", backup="x.parquet")
    with mpd.set_project(replace(project, group_keys=mixpanel.project.group_keys)):
        FRAME.mixpanel.group("company").delete("id", backup="x.parquet")
        assert held_in(mixpanel, "company") == {"e": BEFORE["e"]}
        undo("x.parquet")
    assert held_in(mixpanel, "company") == BEFORE


def test_nothing_is_sent_where_the_profiles_cannot_be_read() -> None:
    emulator = mpd.Emulator(queries_per_hour=1)
    hold(emulator, BEFORE)
    with mpd.set_project(replace(emulator.project, adapter=emulator.adapter())):
        mpd.read_profiles()
        with pytest.raises(
            mpd.BudgetSpent, match=r"; nothing was sent; backup=None sends without a backup$"
        ) as caught:
            call("delete", None)
    assert caught.value.seconds
    assert set(paths(emulator)) == {QUERY}
    assert held_in(emulator) == BEFORE


def test_the_file_of_another_change_is_left_alone_and_takes_no_query(
    mixpanel: mpd.Emulator, project: mpd.Project
) -> None:
    call("unset", ["fax"], backup="x.parquet")
    before = Path("x.parquet").read_bytes()
    asked = paths(mixpanel)
    with pytest.raises(mpd.BackupError, match="is the backup of another change"):
        call("unset", ["plan"], backup="x.parquet")
    assert Path("x.parquet").read_bytes() == before
    assert paths(mixpanel) == asked


def test_ctrl_c_while_reading_sends_nothing(
    mixpanel: mpd.Emulator, project: mpd.Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = mixpanel.adapter()
    send = adapter.send

    def interrupted(request: Any, *args: Any, **kwargs: Any) -> Any:
        signal.raise_signal(signal.SIGINT)
        return send(request, *args, **kwargs)

    monkeypatch.setattr(adapter, "send", interrupted)
    with pytest.raises(KeyboardInterrupt) as caught:
        call("delete", None, project=replace(project, adapter=adapter))
    assert not isinstance(caught.value, mpd.UploadInterrupted)
    assert not getattr(caught.value, "__notes__", [])
    assert paths(mixpanel) == []
    assert held_in(mixpanel) == BEFORE
    assert files() == []

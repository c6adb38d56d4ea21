from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import requests

import mixpanel_pandas as mpd
from mixpanel_pandas.plans.snapshot import Snapshot
from mixpanel_pandas.rules.operators import OPERATORS
from tests.profiles.held import OPERANDS, held_in, hold, values_after

pytestmark = pytest.mark.filterwarnings("ignore::mixpanel_pandas.errors.ProfileWarning")

HELD = [
    5, 0.5, "x", "2026-01-01T10:00:00", True, 1, ["a"], ["a", 1, "a"], [1, "a"], {"a": 2, "b": 1}, 1e20, [1e20], "null", "",
]  # fmt: skip
ABSENT = object()


class World:
    """Profiles and a frame, by chance."""

    def __init__(self, seed: int, mixpanel: mpd.Emulator, verb: str) -> None:
        self._chance = np.random.default_rng(seed)
        before: dict[str, dict[str, Any]] = {}
        for number in range(0, 30, 2):
            values = {name: self.pick([ABSENT, None, *HELD]) for name in "pqr"}
            before[f"u{number}"] = {name: value for name, value in values.items() if value is not ABSENT}
        hold(mixpanel, before)
        verbs = {"p": self.pick(list(OPERANDS)), "q": self.pick(list(OPERANDS))} if verb == "update" else None
        self.frame = pd.DataFrame({"id": [f"u{number}" for number in range(30)]})
        for name in "pq":
            values = [None, *OPERANDS.get(verbs[name] if verbs else verb, [1])]
            self.frame[name] = pd.Series([self.pick(values) for _ in range(30)], dtype=object)
        self.properties = verbs or {"unset": ["p"], "delete": None}.get(verb)
        self.options: dict[str, Any] = {} if verb in {"unset", "delete"} else {"invalid": "drop_value"}
        if verb == "set":
            self.options["missing"] = self.pick(["skip", "null", "unset"])

    def pick(self, values: list[Any]) -> Any:
        return values[int(self._chance.integers(len(values)))]


VERBS = [*OPERANDS, "unset", "delete", "update"]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("seed", range(6))
def test_what_is_saved_does_what_was_planned_and_undo_puts_back_what_was(
    verb: str, seed: int, mixpanel: mpd.Emulator, project: mpd.Project, tmp_path: Path
) -> None:
    world = World(seed, mixpanel, verb)
    before = held_in(mixpanel)
    plan = world.frame.mixpanel.plan(verb, "id", world.properties, project=project, **world.options)
    opened = plan.save(tmp_path / "plan.parquet", project=project)
    assert repr(opened) == repr(plan)
    assert opened.cells.equals(plan.cells)
    summary = opened.apply(project=project, backup=tmp_path / "backup.parquet")
    assert set(summary["outcome"]) <= {"accepted", "skipped"}
    after = held_in(mixpanel)

    hold(mixpanel, before)
    if verb != "update" and OPERATORS[verb].idempotent:  # this process does not send the others twice
        direct = world.frame.mixpanel.plan(verb, "id", world.properties, project=project, **world.options)
        direct.apply(project=project, backup=None)
        assert held_in(mixpanel) == after
    hold(mixpanel, after)

    undo = mpd.open_backup(tmp_path / "backup.parquet").plan()
    undo.apply(project=project, backup=tmp_path / "again.parquet")
    assert held_in(mixpanel) == before

    mpd.open_backup(tmp_path / "again.parquet").plan().apply(project=project, backup=None)
    assert held_in(mixpanel) == after


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("seed", range(4))
def test_a_plan_that_is_applied_twice_changes_nothing_the_second_time(
    verb: str, seed: int, mixpanel: mpd.Emulator, project: mpd.Project, tmp_path: Path
) -> None:
    world = World(seed, mixpanel, verb)
    plan = world.frame.mixpanel.plan(verb, "id", world.properties, project=project, **world.options)
    path = tmp_path / "plan.parquet"
    plan.save(path, project=project).apply(project=project)
    after, requests = held_in(mixpanel), len([r for r in mixpanel.requests if r.records])
    mpd.open_plan(path).apply(project=project)
    assert held_in(mixpanel) == after
    assert len([r for r in mixpanel.requests if r.records]) == requests


def test_a_plan_that_is_applied_again_says_so(
    mixpanel: mpd.Emulator,
    project: mpd.Project,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("mixpanel_pandas.delivery.canary.PAUSES", (0.0,))
    hold(mixpanel, {"a": {"old": 1}, "b": {"old": 2}})
    plan = mpd.rename_property({"old": "new"}, project=project)
    opened = plan.save(tmp_path / "plan.parquet", project=project)  # it has two steps
    summary = opened.apply(project=project)
    assert mpd.last_summary() is summary
    assert "2 requests" in mpd.show(summary).caption
    caplog.clear()
    with caplog.at_level("INFO"):
        again = mpd.show(mpd.open_plan(tmp_path / "plan.parquet").apply(project=project)).caption
    assert re.fullmatch(r"set, unset: 4 accepted; already sent on .* UTC, and nothing was sent now", again)
    assert re.fullmatch(
        r"apply: the plan was already applied on .* UTC, and nothing was sent now", caplog.messages[-1]
    )


def test_drift_is_listed_and_left_out(mixpanel: mpd.Emulator, project: mpd.Project, tmp_path: Path) -> None:
    hold(mixpanel, {"a": {"p": 1}, "b": {"p": 1}, "c": {"p": 1}, "gone": {"p": 1}})
    df = pd.DataFrame({"id": ["a", "b", "c", "gone", "new"], "p": 2})
    plan = df.mixpanel.plan("set", "id", project=project).save(tmp_path / "plan.parquet", project=project)
    hold(mixpanel, {"a": {"p": 1}, "b": {"p": 2}, "c": {"p": 9}, "new": {"p": 3}})
    drift = plan.drift(project=project)
    assert drift["id"].tolist() == ["c", "gone", "new"]
    assert drift.loc[0, ["before", "now", "after"]].tolist() == ["1", "9", "2"]
    with pytest.raises(mpd.DriftError, match="3 profiles changed"):
        plan.apply(project=project, drift="raise")
    assert held_in(mixpanel)["a"] == {"p": 1}
    summary = plan.apply(project=project)
    rows = summary.set_index("reason")["rows"]
    assert (rows["already so"], rows["drift"]) == (1, 3)
    assert held_in(mixpanel) == {"a": {"p": 2}, "b": {"p": 2}, "c": {"p": 9}, "new": {"p": 3}}


def test_an_undo_leaves_alone_what_was_left_out(
    mixpanel: mpd.Emulator, project: mpd.Project, tmp_path: Path
) -> None:
    hold(mixpanel, {"a": {"p": 1}, "b": {"p": 1}})
    plan = pd.DataFrame({"id": ["a", "b"], "p": 2}).mixpanel.plan("set", "id", project=project)
    hold(mixpanel, {"a": {"p": 1}, "b": {"p": 9}})
    plan.apply(project=project, backup=tmp_path / "backup.parquet")
    undo = mpd.open_backup(tmp_path / "backup.parquet").plan()
    assert undo.cells["id"].tolist() == ["a"]
    drift = plan.drift(project=project)
    assert mpd.show(drift).caption == "1 profile changed since the plan was made"
    assert mpd.show(drift[:0]).caption == "nothing has changed since the plan was made"


@pytest.mark.parametrize("is_read_before", [True, False])
def test_a_profile_that_holds_more_than_was_planned_is_not_deleted(
    is_read_before: bool, mixpanel: mpd.Emulator, project: mpd.Project
) -> None:
    hold(mixpanel, {"empty": {}, "same": {"p": 1, "$last_seen": "2026-01-01T00:00:00"}, "more": {"p": 1}})
    current = mpd.read_profiles(project=project) if is_read_before else None
    df = pd.DataFrame({"id": ["empty", "same", "more"]})
    plan = df.mixpanel.plan("delete", "id", current=current, project=project)
    later = {"empty": {}, "same": {"p": 1, "$last_seen": "2026-02-02T00:00:00"}, "more": {"p": 1, "q": 2}}
    hold(mixpanel, later)
    assert plan.drift(project=project)[["id", "property", "now"]].to_numpy().tolist() == [["more", "q", "2"]]
    plan.apply(project=project, backup=None)
    assert set(mixpanel._store.kind(mixpanel.token, None)) == {"more"}


def test_properties_that_were_not_read_are_no_drift(mixpanel: mpd.Emulator, project: mpd.Project) -> None:
    hold(mixpanel, {"a": {"p": 1, "q": 2}})
    current = mpd.read_profiles(properties=["p"], project=project)
    plan = pd.DataFrame({"id": ["a"]}).mixpanel.plan("delete", "id", current=current, project=project)
    plan.apply(project=project, backup=None)
    assert held_in(mixpanel) == {}


def test_sums_that_the_journal_does_not_know_are_drift(mixpanel: mpd.Emulator, project: mpd.Project) -> None:
    hold(mixpanel, {"a": {"p": 1}})
    plan = pd.DataFrame({"id": ["a"], "p": [1]}).mixpanel.plan("add", "id", project=project)
    hold(mixpanel, {"a": {"p": 2}})
    assert plan.apply(project=project, backup=None)["reason"].tolist() == ["drift"]


@pytest.mark.parametrize(
    ("guards", "allowed", "match"),
    [
        ({"at_most": 2}, {"at_most": 3}, "changes 3 profiles, more than at_most=2"),
        (
            {"at_most_share": 0.4},
            {"at_most_share": 0.5},
            "changes 2 of 4 profiles, more than at_most_share=0.4",
        ),
        ({"at_most_emptied": 0}, {"at_most_emptied": 1}, "empties 1 value, more than at_most_emptied=0"),
        ({"new_properties": "raise"}, {"new_properties": "allow"}, "creates 1 property: 'z'"),
    ],
)
def test_guards(
    mixpanel: mpd.Emulator, project: mpd.Project, guards: dict[str, Any], allowed: dict[str, Any], match: str
) -> None:
    hold(mixpanel, {"a": {"p": 1}, "b": {"p": 1}, "x": {}, "y": {}})
    df = pd.DataFrame({"id": ["a", "b", "c"], "p": [None, 2, 3], "z": [1, None, None]})
    plan = df.mixpanel.plan("set", "id", current=mpd.read_profiles(project=project), missing="unset")
    with pytest.raises(mpd.GuardError, match=match):
        plan.apply(project=project, backup=None, **guards)
    assert all(request.records is None for request in mixpanel.requests)
    assert set(plan.apply(project=project, backup=None, **allowed)["outcome"]) <= {"accepted", "skipped"}


def test_a_guard_that_cannot_be_told_stops(mixpanel: mpd.Emulator, project: mpd.Project) -> None:
    hold(mixpanel, {"a": {"p": 1}})
    plan = pd.DataFrame({"id": ["a"], "p": [2]}).mixpanel.plan("set", "id", project=project)
    with pytest.raises(mpd.GuardError, match="cannot be checked"):
        plan.apply(project=project, backup=None, at_most_share=0.5)


def test_a_delete_is_guarded(mixpanel: mpd.Emulator, project: mpd.Project) -> None:
    hold(mixpanel, {"a": {"p": 1}, "b": {}})
    plan = pd.DataFrame({"id": ["a", "b"]}).mixpanel.plan("delete", "id", project=project)
    with pytest.raises(mpd.GuardError, match="deletes 2 profiles for good"):
        plan.apply(project=project, backup=None, at_most_deletes=1)
    plan.apply(project=project, backup=None)
    assert held_in(mixpanel) == {}


def test_without_an_account_a_plan_needs_to_be_told(mixpanel: mpd.Emulator) -> None:
    project = mpd.Project(mixpanel.token, url="http://127.0.0.1:1", adapter=mixpanel.adapter())
    current = pd.DataFrame({"p": [1]}, index=pd.Index(["a"], name="$distinct_id"))
    plan = pd.DataFrame({"id": ["a"], "p": [2]}).mixpanel.plan("set", "id", current=current)
    with pytest.raises(mpd.BackupError, match="backup=None"):
        plan.apply(project=project)
    with pytest.raises(mpd.AccountError, match=r"drift='raise' cannot be checked: .*; nothing was sent"):
        plan.apply(project=project, backup=None, drift="raise")
    assert not mixpanel.requests
    assert plan.apply(project=project, backup=None)["outcome"].tolist() == ["accepted"]


def test_another_project_and_a_damaged_plan(project: mpd.Project, tmp_path: Path) -> None:
    current = pd.DataFrame({"p": [1]}, index=pd.Index(["a"], name="$distinct_id"))
    path = tmp_path / "plan.parquet"
    plan = pd.DataFrame({"id": ["a"], "p": [2]}).mixpanel.plan("set", "id", current=current)
    opened = plan.save(path, project=project)
    with pytest.raises(mpd.ProjectError, match="another project"):
        opened.apply(project=mpd.Project("0" * 32, url="http://127.0.0.1:1"))
    table = pd.read_parquet(path)
    table.to_parquet(path)
    with pytest.raises(mpd.DamagedFile, match="is not a plan"):
        mpd.open_plan(path)
    path.write_bytes(b"PAR1")
    with pytest.raises(mpd.DamagedFile, match="is not a plan"):
        mpd.open_plan(path)
    with pytest.raises(mpd.DamagedFile, match="there is no plan"):
        mpd.open_plan(tmp_path / "none.parquet")


def test_a_plan_that_was_edited_is_refused(project: mpd.Project, tmp_path: Path) -> None:
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    current = pd.DataFrame({"p": [1]}, index=pd.Index(["a"], name="$distinct_id"))
    path = tmp_path / "plan.parquet"
    pd.DataFrame({"id": ["a"], "p": [2]}).mixpanel.plan("set", "id", current=current).save(
        path, project=project
    )
    table = pq.read_table(path)
    place = table.column_names.index("operand")
    edited = pc.replace_substring(table["operand"], "2", "3")
    pq.write_table(table.set_column(place, table.field(place), edited), path)
    with pytest.raises(mpd.DamagedFile, match="was changed after it was written"):
        mpd.open_plan(path)


# -- since and mirror ---------------------------------------------------------------------------------------------


def sent(mixpanel: mpd.Emulator) -> list[dict[str, Any]]:
    return [record for request in mixpanel.requests for record in request.records or ()]


def test_since_sends_what_is_different_from_what_was_accepted(
    mixpanel: mpd.Emulator, project: mpd.Project, tmp_path: Path
) -> None:
    snapshot = tmp_path / "snapshot.parquet"
    df = pd.DataFrame({"id": ["a", "b", "c"], "n": [5.0, 6.0, 0.1], "plan": ["pro", "free", "pro"]})
    df.mixpanel.plan("set", "id", since=snapshot, project=project).apply(backup=None)
    assert len(sent(mixpanel)) == 3
    requests = len(mixpanel.requests)
    summary = df.mixpanel.plan("set", "id", since=snapshot, project=project).apply()
    assert summary["reason"].tolist() == ["already so"]
    assert len(mixpanel.requests) == requests
    df.loc[1, "plan"], df.loc[2, "n"] = "pro", 7
    df.mixpanel.plan("set", "id", since=snapshot, project=project).apply(backup=None)
    assert [(r["$distinct_id"], r["$set"]) for r in sent(mixpanel)[3:]] == [
        ("b", {"plan": "pro"}),
        ("c", {"n": 7.0}),
    ]


def test_since_removes_what_somebody_else_has_written_and_remembers_that(
    mixpanel: mpd.Emulator, project: mpd.Project, tmp_path: Path
) -> None:
    hold(mixpanel, {"a": {"fax": 1}})
    df = pd.DataFrame({"id": ["a", "b"]})

    def remove() -> pd.DataFrame:
        plan = df.mixpanel.plan("unset", "id", ["fax"], since=tmp_path / "s.parquet", project=project)
        return plan.apply(backup=None)

    assert remove()["outcome"].tolist() == ["accepted"]
    assert "fax" not in mixpanel.profile("a")
    requests = len(mixpanel.requests)
    assert remove()["reason"].tolist() == ["already so"]
    assert len(mixpanel.requests) == requests
    for verb in "set", "unset":  # what is written again is removed again
        properties = ["fax"]
        plan = df.assign(fax=2).mixpanel.plan(
            verb, "id", properties, since=tmp_path / "s.parquet", project=project
        )
        assert plan.apply(backup=None)["accepted"].sum() == 2
        assert mixpanel.profile("a").get("fax") == (2 if verb == "set" else None)
    one = df.iloc[:1].assign(plan="pro")
    plan = one.mixpanel.plan("set", "id", since=tmp_path / "s.parquet", mirror=True, project=project)
    assert plan.counts[["new cells", "emptied cells"]].tolist() == [1, 0]


def test_since_cannot_tell_what_missing_values_would_remove(project: mpd.Project, tmp_path: Path) -> None:
    df = pd.DataFrame({"id": ["a"], "p": [None]})
    with pytest.raises(
        mpd.OperationError, match=r"missing='unset' removes a property whoever has written it.*mirror=True"
    ):
        df.mixpanel.plan("set", "id", since=tmp_path / "s.parquet", missing="unset", project=project)


def test_mirror_removes_what_is_no_longer_there(
    mixpanel: mpd.Emulator, project: mpd.Project, tmp_path: Path
) -> None:
    hold(mixpanel, {"a": {"theirs": 1}})
    snapshot = tmp_path / "snapshot.parquet"
    df = pd.DataFrame(
        {"id": ["a", "b", "c"], "n": [5, 6, 7], "plan": ["pro", None, "pro"], "old": [1, 2, None]}
    )
    df.mixpanel.plan("set", "id", since=snapshot, mirror=True, project=project).apply(backup=None)
    df = pd.DataFrame({"id": ["a", "b"], "n": [5, None], "plan": ["pro", "free"]})
    plan = df.mixpanel.plan("set", "id", since=snapshot, mirror=True, project=project)
    plan.apply(backup=None)
    assert held_in(mixpanel) == {"a": {"theirs": 1, "n": 5, "plan": "pro"}, "b": {"plan": "free"}}
    requests = len(mixpanel.requests)
    df.mixpanel.plan("set", "id", since=snapshot, mirror=True, project=project).apply()
    assert len(mixpanel.requests) == requests


def upload(p: object, snapshot: Path, project: mpd.Project, **options: Any) -> pd.DataFrame:
    df = pd.DataFrame({"id": ["a", "b"], "p": p})
    return mpd.upload(df, "set", "id", since=snapshot, project=project, **options)


def test_a_value_in_doubt_is_sent_again_also_where_it_is_as_it_was_accepted_before(
    mixpanel: mpd.Emulator, project: mpd.Project, tmp_path: Path
) -> None:
    snapshot, project = tmp_path / "s.parquet", replace(project, retries=0)
    upload(1, snapshot, project)
    mixpanel.fail(503, applied=True)
    summary = upload(2, snapshot, project, check=False)
    assert summary["outcome"].tolist() == ["unknown"]
    assert held_in(mixpanel)["a"] == {"p": 2}
    plan = pd.DataFrame({"id": ["a", "b"], "p": 1}).mixpanel.plan(
        "set", "id", since=snapshot, project=project
    )
    assert plan.cells[["before", "after", "change"]].drop_duplicates().to_numpy().tolist() == [
        ["?", "1", "changed"]
    ]
    upload(1, snapshot, project)
    assert held_in(mixpanel)["a"] == {"p": 1}
    assert upload(1, snapshot, project)["reason"].tolist() == ["already so"]


def test_a_process_that_ends_while_it_sends_leaves_its_values_in_doubt(
    mixpanel: mpd.Emulator, project: mpd.Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = tmp_path / "s.parquet"
    upload(1, snapshot, project)
    with monkeypatch.context() as patched:
        patched.setattr(
            "mixpanel_pandas.plans.applying.Applying._remember", lambda *_: None
        )  # as after a kill
        upload(2, snapshot, project)
    upload(1, snapshot, project)
    assert held_in(mixpanel) == {"a": {"p": 1}, "b": {"p": 1}}


def test_what_was_surely_not_sent_stays_as_it_was_accepted(
    mixpanel: mpd.Emulator, project: mpd.Project, tmp_path: Path
) -> None:
    snapshot = tmp_path / "s.parquet"
    upload(1, snapshot, project)
    mixpanel.fail(403)
    assert upload(2, snapshot, project, check=False)["outcome"].tolist() == ["rejected"]
    assert upload(1, snapshot, project)["reason"].tolist() == ["already so"]


def through_upload(df: pd.DataFrame, folder: Path, project: mpd.Project) -> None:
    mpd.upload(df, "set", "id", since=folder / "s.parquet", journal=folder / "j.sqlite", project=project)


def through_a_journal(df: pd.DataFrame, folder: Path, project: mpd.Project) -> None:
    df.mixpanel.plan("set", "id", project=project).apply(backup=None, journal=folder / "j.sqlite")


def through_a_file(df: pd.DataFrame, folder: Path, project: mpd.Project) -> None:
    plan = df.mixpanel.plan("set", "id", project=project).save(folder / "plan.parquet", project=project)
    plan.apply(project=project, backup=None)


@pytest.mark.parametrize("apply", [through_upload, through_a_journal, through_a_file])
def test_a_plan_that_does_what_an_earlier_one_did_is_another_plan(
    apply: Any, mixpanel: mpd.Emulator, project: mpd.Project, tmp_path: Path
) -> None:
    for value in (1, 2, 1, 2):
        apply(pd.DataFrame({"id": ["a"], "p": [value]}), tmp_path, project)
        assert held_in(mixpanel) == {"a": {"p": value}}


def test_a_plan_is_the_same_in_memory_and_in_a_file(
    mixpanel: mpd.Emulator, project: mpd.Project, tmp_path: Path
) -> None:
    hold(mixpanel, {"a": {"n": [1]}})
    plan = pd.DataFrame({"id": ["a"], "n": [2]}).mixpanel.plan("append", "id", project=project)
    saved = plan.save(tmp_path / "plan.parquet", project=project)
    for each in (plan, saved, plan, mpd.open_plan(tmp_path / "plan.parquet")):
        each.apply(project=project, journal=tmp_path / "j.sqlite", backup=None)
        assert held_in(mixpanel) == {"a": {"n": [1, 2]}}


def test_a_plan_that_was_applied_before_leaves_the_snapshot_as_later_plans_made_it(
    mixpanel: mpd.Emulator, project: mpd.Project, tmp_path: Path
) -> None:
    snapshot = tmp_path / "s.parquet"
    upload(1, snapshot, project)
    df = pd.DataFrame({"id": ["a", "b"], "p": 2})
    plan = df.mixpanel.plan("set", "id", since=snapshot, project=project).save(
        tmp_path / "plan.parquet", project=project
    )
    plan.apply(project=project, backup=None)
    upload(3, snapshot, project)
    plan.apply(project=project, backup=None)
    assert held_in(mixpanel) == {"a": {"p": 3}, "b": {"p": 3}}
    assert upload(3, snapshot, project)["reason"].tolist() == ["already so"]
    upload(2, snapshot, project)
    assert held_in(mixpanel) == {"a": {"p": 2}, "b": {"p": 2}}


@pytest.mark.parametrize("rows", [["a"], ["a", "a"]], ids=["one row of the id", "two rows of the id"])
def test_a_plan_that_goes_on_does_not_take_back_what_a_later_plan_wrote_to_the_snapshot(
    rows: list[str], mixpanel: mpd.Emulator, project: mpd.Project, tmp_path: Path
) -> None:
    snapshot = tmp_path / "s.parquet"
    df = pd.DataFrame({"id": [*rows, "b"], "p": 1, "q": [*range(len(rows)), 5]})
    plan = df.mixpanel.plan("set", "id", since=snapshot, duplicates="all", project=project).save(
        tmp_path / "plan.parquet", project=project
    )
    mixpanel.fail(
        403, when=lambda request: any(r["$set"]["q"] == df["q"].iloc[-1] for r in request.records or ())
    )
    if len(rows) > 1:
        mixpanel.fail(403, when=lambda request: any("p" not in r["$set"] for r in request.records or ()))
    plan.apply(project=project, backup=None, batch_size=1, workers=1, check=False)
    assert mixpanel.profile("a") == {"p": 1, "q": 0}
    upload(9, snapshot, project)
    plan.apply(project=project, backup=None)
    assert mixpanel.profile("a")["p"] == 9
    upload(1, snapshot, project)
    assert mixpanel.profile("a")["p"] == 1


def test_a_saved_plan_finds_its_snapshot_from_another_directory(
    mixpanel: mpd.Emulator, project: mpd.Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    upload(1, Path("s.parquet"), project)
    df = pd.DataFrame({"id": ["a", "b"], "p": 2})
    df.mixpanel.plan("set", "id", since="s.parquet", project=project).save("plan.parquet", project=project)
    monkeypatch.chdir(tmp_path / "other")
    mpd.open_plan("../plan.parquet").apply(project=project, backup=None)
    monkeypatch.chdir(tmp_path)
    upload(1, Path("s.parquet"), project)
    assert held_in(mixpanel) == {"a": {"p": 1}, "b": {"p": 1}}


def test_the_undo_of_a_plan_that_changed_nothing_changes_nothing(
    mixpanel: mpd.Emulator, project: mpd.Project, tmp_path: Path
) -> None:
    hold(mixpanel, {"a": {"p": 1}})
    plan = pd.DataFrame({"id": ["a"], "p": 2}).mixpanel.plan("set", "id", project=project)
    hold(mixpanel, {"a": {"p": 3}})
    plan.apply(backup=tmp_path / "backup.parquet")
    undo = mpd.open_backup(tmp_path / "backup.parquet").plan()
    assert repr(undo) == "0 new profiles, 0 changed (0 cells), 0 emptied, 0 unchanged"
    assert not len(undo.apply(project=project, backup=None))
    undo.save(tmp_path / "undo.parquet", project=project).apply(project=project, backup=None)
    assert mixpanel.profile("a") == {"p": 3}


def test_one_run_at_a_time_uses_a_snapshot(
    mixpanel: mpd.Emulator, project: mpd.Project, tmp_path: Path
) -> None:
    snapshot, link = tmp_path / "s.parquet", tmp_path / "link.parquet"
    upload(1, snapshot, project)
    link.symlink_to(snapshot)
    plan = pd.DataFrame({"id": ["a"], "p": [9]}).mixpanel.plan("set", "id", since=snapshot, project=project)
    refused: list[str] = []

    class Meanwhile(requests.adapters.BaseAdapter):
        """Makes other calls while a request is on the wire."""

        def send(self, *args: Any, **kwargs: Any) -> Any:
            for call in (
                lambda: upload(3, snapshot, project),
                lambda: upload(3, link, project),
                lambda: plan.apply(backup=None),
            ):
                with pytest.raises(mpd.OperationError) as raised:
                    call()
                refused.append(str(raised.value))
            assert upload(3, snapshot, project, dry_run=True)["reason"].tolist() == ["dry run"]
            return project.adapter.send(*args, **kwargs)

        def close(self) -> None:
            pass

    upload(2, snapshot, replace(project, adapter=Meanwhile()))
    assert len(refused) == 3
    assert "s.parquet' is in use: another run reads and writes it. Nothing was sent: wait" in refused[0]
    assert held_in(mixpanel) == {"a": {"p": 2}, "b": {"p": 2}}
    assert upload(2, snapshot, project)["reason"].tolist() == ["already so"]
    plan.apply(backup=None)
    assert mixpanel.profile("a") == {"p": 9}


def test_a_snapshot_of_another_project(project: mpd.Project, tmp_path: Path) -> None:
    df = pd.DataFrame({"id": ["a"], "n": [5]})
    df.mixpanel.plan("set", "id", since=tmp_path / "s.parquet", project=project).apply(backup=None)
    with pytest.raises(mpd.ProjectError, match="another project"):
        df.mixpanel.plan("set", "id", since=tmp_path / "s.parquet", project=mpd.Project("0" * 32, "eu"))


# -- several rows of one id ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["set", "add", "union", "append", "remove"])
@pytest.mark.parametrize("seed", range(4))
def test_several_rows_of_an_id(verb: str, seed: int, mixpanel: mpd.Emulator, project: mpd.Project) -> None:
    chance = np.random.default_rng(seed)
    hold(mixpanel, {"a": {"p": 1, "q": ["a"]}, "b": {"p": ["a", 1]}, "c": {}})
    df = pd.DataFrame({"id": [str(chance.choice(["a", "b", "c", "d"])) for _ in range(12)]})
    for name in "pq":
        values = [None, *OPERANDS[verb]]
        df[name] = pd.Series([values[int(chance.integers(len(values)))] for _ in range(12)], dtype=object)
    choices = ["all", "last", "merge"] if verb == "set" else ["all"]
    for way in choices:
        hold(mixpanel, {"a": {"p": 1, "q": ["a"]}, "b": {"p": ["a", 1]}, "c": {}})
        plan = df.mixpanel.plan(verb, "id", duplicates=way, project=project, invalid="drop_value")
        planned = values_after(plan, held_in(mixpanel))
        plan.apply(project=project, backup=None)
        assert held_in(mixpanel) == planned
        again = held_in(mixpanel)
        hold(mixpanel, {})
        hold(mixpanel, {"a": {"p": 1, "q": ["a"]}, "b": {"p": ["a", 1]}, "c": {}})
        getattr(df.mixpanel, verb)("id", duplicates=way, project=project, invalid="drop_value", repeat=True)
        assert held_in(mixpanel) == again


# -- what fails ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["set", "add", "append", "remove", "update", "delete"])
@pytest.mark.parametrize("seed", range(5))
def test_a_plan_that_fails_half_way_ends_as_if_it_had_not(
    verb: str, seed: int, mixpanel: mpd.Emulator, project: mpd.Project, tmp_path: Path
) -> None:
    world = World(seed, mixpanel, verb)
    before = held_in(mixpanel)
    plan = world.frame.mixpanel.plan(verb, "id", world.properties, project=project, **world.options)
    twin = plan.save(tmp_path / "twin.parquet", project=project)
    twin.apply(project=project, batch_size=3)
    expected = held_in(mixpanel)
    hold(mixpanel, before)
    path = tmp_path / "plan.parquet"
    plan.save(path, project=project)
    (tmp_path / "twin.parquet.journal").unlink()
    hurried = replace(project, retries=0, backoff=0.0)
    for attempt in range(4):
        # what may be applied is not sent again if that would apply it twice; 401 leaves no doubt
        status = 500 if plan.steps[0].operation.idempotent and attempt % 2 else 401
        mixpanel.fail(status, times=2, skip=attempt % 3)
        opened = mpd.open_plan(path)
        summary = opened.apply(
            project=hurried, backup=tmp_path / "backup.parquet", batch_size=3, workers=1, check=False
        )
        assert not (summary["reason"] == "drift").any()
    mixpanel.heal()
    opened.apply(project=project, backup=tmp_path / "backup.parquet")
    assert held_in(mixpanel) == expected
    mpd.open_backup(tmp_path / "backup.parquet").plan().apply(project=project, backup=None)
    assert held_in(mixpanel) == before


def test_an_interrupted_plan_of_two_steps_accounts_for_both(
    mixpanel: mpd.Emulator, project: mpd.Project, tmp_path: Path
) -> None:
    snapshot = tmp_path / "snapshot.parquet"
    df = pd.DataFrame({"id": ["a", "b"], "n": [5, 6], "old": [1, 2]})
    df.mixpanel.plan("set", "id", since=snapshot, project=project).apply(backup=None)
    plan = df[["id"]].assign(n=7).mixpanel.plan("set", "id", since=snapshot, mirror=True, project=project)
    mixpanel.fail(400, times=None)
    with pytest.raises(mpd.UploadFailed) as raised:
        plan.apply(backup=None, check=True)
    summary = raised.value.summary
    assert mpd.last_summary() is summary
    assert summary.groupby("step")["rows"].sum().tolist() == [2, 2]
    assert summary.set_index("step")["outcome"].loc[2] == "not_sent"


@pytest.mark.parametrize("verb", ["set", "unset", "delete", "update"])
def test_a_plan_of_nothing_is_saved_and_applied(
    verb: str, mixpanel: mpd.Emulator, project: mpd.Project, tmp_path: Path
) -> None:
    hold(mixpanel, {"a": {"p": 1}})
    df = pd.DataFrame({"id": ["a", "b"], "p": [1, None]})
    if verb in {"unset", "delete"}:
        df = df[1:]
    properties = {"unset": ["p"], "update": {"p": "set"}}.get(verb)
    plan = df.mixpanel.plan(verb, "id", properties, project=project).save(
        tmp_path / "p.parquet", project=project
    )
    summary = plan.apply(project=project)
    assert summary["rows"].sum() == 0
    assert held_in(mixpanel) == {"a": {"p": 1}}


def test_where_a_file_cannot_be_written(project: mpd.Project, tmp_path: Path) -> None:
    df = pd.DataFrame({"id": ["a"], "p": [1]})
    with pytest.raises(mpd.OperationError, match="cannot be written"):
        df.mixpanel.plan("set", "id", project=project).save(tmp_path / "no" / "p.parquet", project=project)
    (tmp_path / "s.parquet.lock").mkdir()
    with pytest.raises(mpd.OperationError, match=r"since=.* cannot be locked by the file s\.parquet\.lock"):
        upload(1, tmp_path / "s.parquet", project)
    with pytest.raises(mpd.OperationError, match=r"since=.*cannot be written"):
        df.mixpanel.plan("set", "id", since=tmp_path, project=project)
    with pytest.raises(mpd.BackupError, match="cannot be written"):
        df.mixpanel.plan("set", "id", project=project).apply(
            project=project, backup=tmp_path / "no" / "b.parquet"
        )


def test_a_plan_with_columns_beside_the_properties_is_applied_and_not_saved(
    mixpanel: mpd.Emulator, project: mpd.Project, tmp_path: Path
) -> None:
    hold(mixpanel, {"a": {"p": 1}})
    df = pd.DataFrame({"id": ["a"], "p": [2], "seen": pd.to_datetime(["2026-01-01"], utc=True)})
    plan = df.mixpanel.plan("set", "id", ["p"], updated_at="seen", project=project)
    with pytest.raises(mpd.OperationError, match="columns for 'time' cannot be saved"):
        plan.save(tmp_path / "plan.parquet")
    plan.apply(backup=tmp_path / "backup.parquet")
    assert mixpanel.profile("a", None) == {"p": 2, "$last_seen": "2026-01-01T00:00:00"}
    undo = mpd.open_backup(tmp_path / "backup.parquet").plan()
    other = mpd.Project("0" * 32, url="http://127.0.0.1:1")
    with pytest.raises(mpd.ProjectError, match="another project"):
        undo.save(tmp_path / "undo.parquet", project=other)


def test_what_was_sent_is_said_also_if_the_snapshot_cannot_be_written(
    mixpanel: mpd.Emulator, project: mpd.Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    df = pd.DataFrame({"id": ["a"], "p": [2]})
    plan = df.mixpanel.plan("set", "id", since=tmp_path / "s.parquet", project=project)

    save = Snapshot.save

    def fail(snapshot: Snapshot) -> None:
        if sent(mixpanel):
            raise KeyboardInterrupt
        save(snapshot)

    monkeypatch.setattr(Snapshot, "save", fail)
    with pytest.raises(mpd.UploadInterrupted) as raised:
        plan.apply(backup=None)
    assert raised.value.summary["accepted"].sum() == 1

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import mixpanel_pandas as mpd
from mixpanel_pandas.plans.plan import some_cells
from mixpanel_pandas.profiles.comparing import differ
from tests.profiles.held import OPERANDS, held_in, hold, values_after

HELD = [None, 5, 0.5, "x", "2026-01-01T10:00:00", True, 1, ["a"], ["a", 1, "a"], [1, "a"], {"a": 2, "b": 1}]


@pytest.mark.filterwarnings("ignore::mixpanel_pandas.errors.ProfileWarning")
@pytest.mark.parametrize("verb", [*OPERANDS, "unset", "delete", "update"])
@pytest.mark.parametrize("seed", range(8))
def test_after_is_what_mixpanel_holds_after_sending(
    verb: str, seed: int, mixpanel: mpd.Emulator, project: mpd.Project
) -> None:
    chance = np.random.default_rng(seed)

    def pick(values: list[Any]) -> Any:
        return values[int(chance.integers(len(values)))]

    before = {
        f"u{n}": {name: value for name in "pq" if (value := pick(HELD)) is not None} for n in range(0, 40, 2)
    }
    hold(mixpanel, before)
    current = mpd.read_profiles(project=project)
    verbs = {"p": pick(list(OPERANDS)), "q": pick(list(OPERANDS))} if verb == "update" else None
    operands = [OPERANDS.get(verbs[name] if verbs else verb, [1]) for name in "pq"]
    df = pd.DataFrame({"id": [f"u{n}" for n in range(40)]})
    for name, values in zip("pq", operands, strict=True):
        df[name] = pd.Series([pick([None, *values]) for _ in range(40)], dtype=object)
    properties = verbs or {"unset": ["p"], "delete": None}.get(verb)
    plan = df.mixpanel.plan(verb, "id", properties, current=current, invalid="drop_value")
    summary = plan.apply(project=project, backup=None)
    assert set(summary["outcome"]) <= {"accepted", "skipped"}
    # what is unchanged for Mixpanel is not sent, so the value before stays
    assert held_in(mixpanel) == ({} if verb == "delete" else values_after(plan, before))


def test_the_same_frame_twice_sends_nothing_and_edits_send_themselves(
    mixpanel: mpd.Emulator, project: mpd.Project
) -> None:
    df = pd.DataFrame(
        {
            "id": ["a", "b", "c"],
            "n": [5.0, 6.0, 0.1],
            "when": pd.to_datetime(["2026-01-01 10:00:00.123", None, "2026-02-01"], format="mixed", utc=True),
            "tags": [["x"], ["y", "z"], None],
            "plan": ["pro", "free", "pro"],
        }
    )
    df.mixpanel.set("id", project=project)
    current = mpd.read_profiles(project=project)
    requests = len(mixpanel.requests)
    plan = df.mixpanel.plan("set", "id", current=current)
    assert repr(plan) == "0 new profiles, 0 changed (0 cells), 0 emptied, 3 unchanged"
    summary = plan.apply(project=project, backup=None)
    assert len(mixpanel.requests) == requests
    assert summary["reason"].tolist() == ["already so"]

    df.loc[1, "plan"], df.loc[2, "n"] = "pro", 7
    plan = df.mixpanel.plan("set", "id", current=current)
    assert plan.changes()["id"].tolist() == ["b", "c"]
    plan.apply(project=project, backup=None)
    records = [record for request in mixpanel.requests[requests:] for record in request.records or ()]
    assert [(record["$distinct_id"], record["$set"]) for record in records] == [
        ("b", {"plan": "pro"}),
        ("c", {"n": 7.0}),
    ]


def test_changes_and_only(project: mpd.Project) -> None:
    current = pd.DataFrame({"p": [1, 2]}, index=pd.Index(["a", "b"], name="$distinct_id"))
    df = pd.DataFrame({"id": ["a", "b", "c"], "p": [None, 2, 3]})
    plan = df.mixpanel.plan("set", "id", current=current, missing="unset")
    assert plan.cells["change"].tolist() == ["emptied", "new"]
    assert plan.counts["unchanged profiles"] == 1
    existing = df.mixpanel.plan("set", "id", current=current, missing="unset", only="existing")
    assert existing.cells["id"].tolist() == ["a"]
    new = df.mixpanel.plan("set", "id", current=current, missing="unset", only="new")
    assert new.cells["id"].tolist() == ["c"]


def test_null_is_not_absent() -> None:
    current = pd.DataFrame({"p": [1, None]}, index=pd.Index(["a", "b"], name="$distinct_id"))
    df = pd.DataFrame({"id": ["a", "b"], "p": [None, None]})
    plan = df.mixpanel.plan("set", "id", current=current, missing="null")
    assert plan.cells["after"].tolist() == ["null", "null"]


def test_refusals() -> None:
    current = pd.DataFrame({"p": [1]}, index=pd.Index(["a"], name="$distinct_id"))
    df = pd.DataFrame({"id": ["a", "a"], "p": [1, 2]})
    with pytest.raises(mpd.OperationError, match="is not one of"):
        df[:1].mixpanel.plan("set", "id", current=current, only="both")
    with pytest.raises(mpd.OperationError, match="ids in an index named"):
        df[:1].mixpanel.plan("set", "id", current=current.reset_index())
    current.attrs["mixpanel"] = {"properties": ["p"]}
    with pytest.raises(mpd.OperationError, match="without the property 'q'"):
        df[:1].assign(q=1).mixpanel.plan("set", "id", current=current)
    with pytest.raises(mpd.OperationError, match="missing"):
        df[:1].mixpanel.plan("set", "id", current=current).apply(missing="null")


def test_changed_cells_are_those_of_profiles_that_are_there(project: mpd.Project) -> None:
    current = pd.DataFrame({"p": [1], "q": [1]}, index=pd.Index(["a"], name="$distinct_id"))
    df = pd.DataFrame({"id": ["a", "b"], "p": [1, 2], "q": [2, 2]})
    plan = df.mixpanel.plan("set", "id", current=current)
    assert repr(plan) == "1 new profile, 1 changed (1 cell), 0 emptied, 0 unchanged"
    df["p"] = 9  # the plan stays as it was
    assert plan.changes()["p"].tolist() == [1, 2]
    assert mpd.show(plan.cells).caption == "3 cells in 2 profiles: 2 new, 1 changed, 0 emptied"


@pytest.mark.parametrize("verb", ["set", "delete"])
def test_nothing_is_there(verb: str) -> None:
    none = pd.DataFrame({"p": []}, index=pd.Index([], name="$distinct_id", dtype=object))
    df = pd.DataFrame({"id": ["a"], "p": [1]})
    properties = ["p"] if verb == "set" else None
    assert len(df.mixpanel.plan(verb, "id", properties, current=none).cells) == (verb == "set")
    assert df[:0].mixpanel.plan(verb, "id", properties, current=none).cells.empty


def test_ids_of_groups(mixpanel: mpd.Emulator, project: mpd.Project) -> None:
    hold(mixpanel, {"acme": {"p": 1}}, "company")
    project = replace(mixpanel.project, adapter=mixpanel.adapter())
    current = mpd.read_profiles(group="company", project=project)
    df = pd.DataFrame({"id": ["acme", "new"], "p": [1, 2]})
    plan = df.mixpanel.group("company").plan("set", "id", current=current)
    plan.apply(project=project, backup=None)
    assert mixpanel._store.kind(mixpanel.token, "company")["new"]["p"] == 2
    assert plan.counts[:4].tolist() == [1, 0, 0, 1]


def test_rows_of_one_id_may_be_merged_where_there_is_one() -> None:
    current = pd.DataFrame({"p": [1]}, index=pd.Index(["a"], name="$distinct_id"))
    df = pd.DataFrame({"id": ["a"], "p": [2]})
    assert len(df.mixpanel.plan("set", "id", current=current, duplicates="merge").cells) == 1


@pytest.mark.parametrize(
    ("before", "after", "is_same"),
    [
        ("5", "5.0", True),
        ("100000000000000000000", "1e20", True),
        ("0", "-0.0", True),
        ("1", "true", False),
        ('"5"', "5", False),
        ('"2026-01-01T10:00:00"', '"2026-01-01T10:00:00.123"', True),
        ('"2026-01-01T10:00:00"', '"2026-01-01T10:00:01"', False),
        ('["2026-01-01T10:00:00",1]', '["2026-01-01T10:00:00.5",1.0]', True),
        ('{"a":1,"b":2}', '{"b":2.0,"a":1}', True),
        ("[1,2]", "[2,1]", False),
        (None, "null", False),
        (None, '""', False),
        (None, None, True),
    ],
)
def test_values_are_compared_as_mixpanel_sees_them(
    before: str | None, after: str | None, is_same: bool
) -> None:
    texts = [pa.array([text], pa.large_string()) for text in (before, after)]
    assert bool(differ(*texts)[0]) is not is_same


def test_sums_and_lists_are_sent_even_if_nothing_seems_to_change(
    mixpanel: mpd.Emulator, project: mpd.Project
) -> None:
    hold(mixpanel, {"a": {"p": 1}})
    current = mpd.read_profiles(project=project)
    plan = pd.DataFrame({"id": ["a"], "p": [0]}).mixpanel.plan("add", "id", current=current)
    assert plan.cells.empty
    assert plan.apply(project=project, backup=None)["outcome"].tolist() == ["accepted"]


def test_a_misspelled_guard_is_named(project: mpd.Project) -> None:
    df = pd.DataFrame({"id": ["a"], "n": [1]})
    plan = df.mixpanel.plan("set", "id", project=project)
    with pytest.raises(mpd.OptionError, match="'at_mots': did you mean 'at_most'"):
        plan.apply(at_mots=3)  # type: ignore[call-arg]


def test_a_part_of_the_cells_is_what_all_of_them_say() -> None:
    current = pd.DataFrame(
        {"p": [1, 2, 3], "q": [1, 2, 3]}, index=pd.Index(["a", "b", "c"], name="$distinct_id")
    )
    df = pd.DataFrame({"id": ["a", "b", "d"], "p": [9, None, 9], "q": [1, 9, 9]})
    plan = df.mixpanel.plan("set", "id", current=current, missing="unset")
    for change in (None, "new", "changed", "emptied"):
        cells = plan.cells if change is None else plan.cells[plan.cells["change"] == change]
        for start, stop in ((0, None), (0, 2), (1, 3), (4, 9), (0, 0)):
            part = some_cells(plan, start, stop, change)
            pd.testing.assert_frame_equal(part, cells.iloc[start:stop].reset_index(drop=True))


def test_a_plan_is_shown_without_reading_all_its_cells() -> None:
    current = pd.DataFrame({"p": [1]}, index=pd.Index(["z"], name="$distinct_id"))
    plan = pd.DataFrame({"id": list("abc"), "p": 2}).mixpanel.plan("set", "id", current=current)
    assert plan.show(2).note == "2 of 3 cells"
    assert plan.show(3).note == ""
    assert len(plan.show(0).cells) == 0
    assert "cells" not in vars(plan)

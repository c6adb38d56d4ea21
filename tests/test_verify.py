"""`df.mixpanel.verify`: what Mixpanel holds of accepted rows, beside what was sent."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

import mixpanel_pandas as mpd
from mixpanel_pandas.pipeline.verify import COMPARISONS, DELETED, LATER_ROW, NOT_FOUND
from mixpanel_pandas.rules.operators import OPERATORS


@pytest.fixture
def mixpanel() -> mpd.Emulator:
    return mpd.Emulator()


@pytest.fixture
def project(mixpanel: mpd.Emulator) -> mpd.Project:
    return replace(mixpanel.project, adapter=mixpanel.adapter())


def hold(mixpanel: mpd.Emulator, **profiles: Any) -> None:
    """Let somebody else write profiles; None deletes one."""
    for identity, properties in profiles.items():
        mixpanel._store._write((mixpanel.token, None), identity, properties, 0.0)


def rows_of(comparison: pd.DataFrame) -> list[tuple[Any, ...]]:
    def value(text: Any) -> Any:
        return None if pd.isna(text) else json.loads(text)

    return [
        (
            row.id,
            None if pd.isna(row.property) else row.property,
            value(row.expected),
            value(row.found),
            None if pd.isna(row.matches) else bool(row.matches),
            None if pd.isna(row.reason) else row.reason,
        )
        for row in comparison.itertuples()
    ]


def test_every_operator_is_compared() -> None:
    assert set(COMPARISONS) == set(OPERATORS) - {"delete"}


@pytest.mark.parametrize(
    ("verb", "value", "found", "matches"),
    [
        pytest.param("set", "pro", "pro", True, id="set"),
        pytest.param("set", "pro", "free", False, id="set, another value"),
        pytest.param("set", "pro", None, False, id="set, absent"),
        pytest.param("set", 5, 5.0, True, id="set, one number in two ways"),
        pytest.param("set", {"a": 1, "b": 2}, {"b": 2, "a": 1}, True, id="set, an object in another order"),
        pytest.param("set_once", "pro", "free", True, id="set_once, any value"),
        pytest.param("set_once", "pro", None, False, id="set_once, absent"),
        pytest.param("add", 5, 5, None, id="add"),
        pytest.param("union", ["a", 1], [1.0, "b", "a"], True, id="union"),
        pytest.param("union", ["a", "c"], ["a", "b"], False, id="union, one item is absent"),
        pytest.param("union", ["a"], "a", False, id="union, no list"),
        pytest.param("append", "a", ["b", "a"], True, id="append"),
        pytest.param("append", "a", ["b"], False, id="append, absent"),
        pytest.param("append", True, [1], False, id="append, true is not 1"),
        pytest.param("remove", "a", ["b"], True, id="remove"),
        pytest.param("remove", "a", None, True, id="remove, no list"),
        pytest.param("remove", "a", ["a"], False, id="remove, still there"),
    ],
)
def test_a_value_is_compared_as_its_operator_asks(
    mixpanel: mpd.Emulator, project: mpd.Project, verb: str, value: Any, found: Any, matches: bool | None
) -> None:
    frame = pd.DataFrame({"id": ["ann", "bob"], "p": [value, value]})
    summary = getattr(frame.mixpanel, verb)("id", project=project)
    profile = {"other": 1} if found is None else {"p": found}
    hold(mixpanel, ann=profile, bob=None)
    ann, bob = rows_of(frame.mixpanel.verify(summary, project=project))
    assert ann[:5] == ("ann", "p", value, found, matches)
    assert bob == ("bob", "p", value, None, None, NOT_FOUND)
    assert (ann[5] is None) == (COMPARISONS[verb].reason == "" or matches is True)


def test_dates_are_compared_to_the_second(mixpanel: mpd.Emulator, project: mpd.Project) -> None:
    frame = pd.DataFrame({"id": ["ann"], "p": [pd.Timestamp("2026-01-01T10:00:00.5Z")]})
    summary = frame.mixpanel.set("id", project=project)
    hold(mixpanel, ann={"p": "2026-01-01T10:00:00"})
    assert frame.mixpanel.verify(summary, project=project)["matches"].tolist() == [True]


def test_unset_and_delete_are_compared_by_what_is_absent(
    mixpanel: mpd.Emulator, project: mpd.Project
) -> None:
    frame = pd.DataFrame({"id": ["ann", "bob", "cem"]})
    hold(mixpanel, ann={"fax": 1, "tel": 2}, bob={"fax": 1}, cem={"fax": 1})
    summary = frame.mixpanel.unset("id", ["fax", "tel"], project=project, backup=None)
    hold(mixpanel, bob={"tel": 5}, cem=None)
    assert rows_of(frame.mixpanel.verify(summary, ["fax", "tel"], project=project)) == [
        ("ann", "fax", None, None, True, None),
        ("ann", "tel", None, None, True, None),
        ("bob", "fax", None, None, True, None),
        ("bob", "tel", None, 5, False, None),
        ("cem", "fax", None, None, None, NOT_FOUND),
        ("cem", "tel", None, None, None, NOT_FOUND),
    ]
    summary = frame.mixpanel.delete("id", project=project, backup=None)
    hold(mixpanel, bob={"tel": 5})
    comparison = frame.mixpanel.verify(summary, project=project)
    assert comparison["matches"].tolist() == [True, False, True]
    assert comparison["property"].isna().all()
    assert comparison["found"].fillna("").tolist() == ["", "a profile", ""]
    assert comparison["reason"].fillna("").tolist() == [DELETED, "", DELETED]


def test_missing_values_say_nothing_null_or_remove(mixpanel: mpd.Emulator, project: mpd.Project) -> None:
    frame = pd.DataFrame({"id": ["ann", "bob"], "p": ["x", None], "q": [1, 2]})
    hold(mixpanel, ann={"p": "z"}, bob={"p": "z"})
    matches = {}
    for missing in ("skip", "null", "unset"):
        summary = frame.mixpanel.set("id", missing=missing, project=project)
        comparison = frame.mixpanel.verify(summary, missing=missing, project=project)
        matches[missing] = comparison.query("id == 'bob'")[["property", "matches"]].values.tolist()
    assert matches["skip"] == [["q", True]]
    assert matches["null"] == matches["unset"] == [["p", True], ["q", True]]


def test_the_last_of_several_rows_counts(mixpanel: mpd.Emulator, project: mpd.Project) -> None:
    frame = pd.DataFrame({"id": ["ann", "bob", "ann"], "p": ["x", "y", "z"], "q": ["k", None, None]})
    summary = frame.mixpanel.set("id", duplicates="all", project=project)
    expected = [
        ("ann", "p", "z", "z", True, None),
        ("ann", "q", "k", "k", True, None),
        ("bob", "p", "y", "y", True, None),
    ]
    assert rows_of(frame.mixpanel.verify(summary, duplicates="all", project=project)) == expected
    summary = frame.mixpanel.set("id", duplicates="merge", project=project)
    assert rows_of(frame.mixpanel.verify(summary, duplicates="merge", project=project)) == expected
    summary = frame.mixpanel.set("id", duplicates="last", project=project)
    assert rows_of(frame.mixpanel.verify(summary, duplicates="last", project=project)) == [
        ("bob", "p", "y", "y", True, None),
        ("ann", "p", "z", "z", True, None),
    ]


@pytest.mark.parametrize("missing", ["null", "unset"])
def test_a_missing_value_does_not_count_in_merged_rows(project: mpd.Project, missing: str) -> None:
    frame = pd.DataFrame({"id": ["ann", "ann"], "p": ["x", None]})
    options = {"missing": missing, "project": project}
    for duplicates, expected in (("merge", "x"), ("all", None)):
        summary = frame.mixpanel.set("id", duplicates=duplicates, **options)
        ((_, _, shown, found, matches, _),) = rows_of(
            frame.mixpanel.verify(summary, duplicates=duplicates, **options)
        )
        assert (shown, found, matches) == (expected, expected, True)


def test_lists_hold_the_items_of_all_rows(mixpanel: mpd.Emulator, project: mpd.Project) -> None:
    frame = pd.DataFrame({"id": ["ann", "ann"], "p": ["x", "y"]})
    summary = frame.mixpanel.append("id", project=project)
    assert frame.mixpanel.verify(summary, project=project)["matches"].tolist() == [True]
    hold(mixpanel, ann={"p": ["y"]})
    assert frame.mixpanel.verify(summary, project=project)["matches"].tolist() == [False]


def test_a_later_row_in_doubt_may_have_changed_the_value(
    mixpanel: mpd.Emulator, project: mpd.Project
) -> None:
    frame = pd.DataFrame({"id": ["ann", "bob", "ann"], "p": ["x", "y", "z"]})
    mixpanel.fail("reset", applied=True, skip=1, times=None)
    summary = frame.mixpanel.set("id", duplicates="all", check=False, project=replace(project, retries=0))
    assert summary["unknown"].sum() == 1
    assert rows_of(frame.mixpanel.verify(summary, duplicates="all", project=project)) == [
        ("ann", "p", "x", "z", None, LATER_ROW),
        ("bob", "p", "y", "y", True, None),
    ]


def test_only_accepted_rows_are_compared(mixpanel: mpd.Emulator, project: mpd.Project) -> None:
    frame = pd.DataFrame({"id": ["ann", "bob", "cem"], "p": ["x", "y" * 300, None]})
    summary = frame.mixpanel.set("id", invalid="drop_row", project=project)
    assert frame.mixpanel.verify(summary, invalid="drop_row", project=project)["id"].tolist() == ["ann"]
    mixpanel.fail(401, times=None)
    summary = frame[:1].mixpanel.set("id", check=False, project=project)
    none = frame[:1].mixpanel.verify(summary, project=project)
    assert none.empty
    assert list(none.columns) == ["id", "property", "expected", "found", "matches", "reason"]
    assert mpd.show(none).caption == "0 values in 0 profiles"


def test_a_sample_is_spread_over_the_frame(mixpanel: mpd.Emulator, project: mpd.Project) -> None:
    frame = pd.DataFrame({"id": range(1, 101), "p": "x"})
    summary = frame.mixpanel.set("id", project=project)
    comparison = frame.mixpanel.verify(summary, sample=4, project=project)
    assert comparison["id"].tolist() == ["13", "38", "63", "88"]
    assert sum(request.path == "/api/query/engage" for request in mixpanel.requests) == 1
    assert len(frame.mixpanel.verify(summary, project=project)) == 100


def test_groups_and_renamed_columns(mixpanel: mpd.Emulator, project: mpd.Project) -> None:
    frame = pd.DataFrame({"company": ["acme"], "seats": ["1.234,5"]})
    options = {"rename": {"seats": "Seats"}, "parse": {"seats": "number:1.234,5"}}
    summary = frame.mixpanel.group("company").set(**options, project=project)
    project = replace(mixpanel.project, adapter=mixpanel.adapter())
    comparison = frame.mixpanel.group("company").verify(summary, **options, project=project)
    assert rows_of(comparison) == [("acme", "Seats", 1234.5, 1234.5, True, None)]


def test_update_is_compared_by_the_operator_of_each_column(
    mixpanel: mpd.Emulator, project: mpd.Project
) -> None:
    frame = pd.DataFrame({"id": ["ann"], "n": [1], "plan": ["pro"], "tags": ["x"], "fax": ["y"]})
    verbs = {"n": "add", "plan": "set", "tags": "union", "fax": "unset"}
    summary = frame.mixpanel.update("id", verbs, project=project)
    comparison = frame.mixpanel.verify(summary, verbs, project=project)
    assert comparison["property"].tolist() == ["n", "plan", "tags", "fax"]
    assert comparison["matches"].fillna(False).tolist() == [False, True, True, True]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"rename": {"p": "P"}}, "made with other columns or options", id="another name"),
        pytest.param({"properties": ["q"]}, "made with other columns or options", id="other columns"),
        pytest.param({"missing": "null"}, "made with other columns or options", id="another option"),
        pytest.param(
            {"project": mpd.Project("e" * 32, "eu")}, "of an upload to another project", id="project"
        ),
    ],
)
def test_a_summary_of_another_call_is_refused(
    project: mpd.Project, options: dict[str, Any], message: str
) -> None:
    frame = pd.DataFrame({"id": ["ann"], "p": ["x"], "q": ["y"]})
    summary = frame.mixpanel.set("id", project=project)
    with pytest.raises(mpd.SummaryError, match=message):
        frame.mixpanel.verify(summary, **{"project": project, **options})


def test_what_is_no_summary_of_the_frame_is_refused(project: mpd.Project) -> None:
    frame = pd.DataFrame({"id": ["ann"], "p": ["x"]})
    summary = frame.mixpanel.set("id", project=project)
    with pytest.raises(mpd.SummaryError, match="this is not a summary of a verb"):
        frame.mixpanel.verify(frame, project=project)
    with pytest.raises(mpd.SummaryError, match="with other ids"):
        frame.assign(id="bob").mixpanel.verify(summary, project=project)
    with pytest.raises(mpd.SummaryError, match="with its ids in 'id', which this one lacks"):
        frame.rename(columns={"id": "user"}).mixpanel.verify(summary, project=project)
    for sample in (0, 60_001, True, 2.5):
        with pytest.raises(mpd.OperationError, match=r"sample=.* must be a whole number from 1 to 60000"):
            frame.mixpanel.verify(summary, sample=sample, project=project)
    with pytest.raises(mpd.AccountError):
        frame.mixpanel.verify(summary, project=replace(project, username=None, secret=None))


def test_a_summary_that_was_kept_is_as_good(project: mpd.Project, tmp_path: Any) -> None:
    frame = pd.DataFrame({"id": ["ann"], "p": ["x"]})
    path = tmp_path / "mp.sqlite"
    frame.mixpanel.set("id", journal=path, run="monday", project=project).to_parquet(tmp_path / "s.parquet")
    for summary in (pd.read_parquet(tmp_path / "s.parquet"), mpd.read_journal(path, "monday").summary):
        assert frame.mixpanel.verify(summary, project=project)["matches"].tolist() == [True]
        with pytest.raises(mpd.SummaryError, match="other columns or options"):
            frame.mixpanel.verify(summary, trim=True, project=project)


def test_it_is_shown_with_what_differs_first(mixpanel: mpd.Emulator, project: mpd.Project) -> None:
    frame = pd.DataFrame({"id": ["ann", "bob", "cem"], "p": ["x", "x", "x"]})
    summary = frame.mixpanel.set("id", project=project)
    hold(mixpanel, bob=None, cem={"p": "y"})
    table = mpd.show(frame.mixpanel.verify(summary, project=project), rows=1)
    assert table.caption == "3 values in 3 profiles: 1 as sent, 1 different, 1 not known"
    assert table.cells[0][:5] == ("cem", "p", '"x"', '"y"', "no")
    assert table.note == "1 of 3 values, those that differ first"

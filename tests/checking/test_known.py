"""The option `known`: what Mixpanel has, and what a frame would do to it."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pytest

import mixpanel_pandas as mpd
from mixpanel_pandas.pipeline.known import with_known_properties
from mixpanel_pandas.rules.known import KnownProperties
from mixpanel_pandas.rules.operation import operation
from mixpanel_pandas.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TYPES = {
    "plan": "string",
    "age": "number",
    "is_vip": "boolean",
    "born": "datetime",
    "tags": "list",
    "address": "object",
    "q1 score": "number",
    "id": "string",
}


def table_of(types: dict[str, str]) -> pd.DataFrame:
    return pd.DataFrame({"name": list(types), "type": list(types.values()), "count": 1})


def users(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"user_id": ["ann", "bob"], **columns})


def said(
    frame: pd.DataFrame, verb: str = "set", properties: Any = None, **options: Any
) -> list[tuple[str, str, str]]:
    """Return severity, check and message of each finding."""
    report = frame.mixpanel.validate(verb, "user_id", properties, **{"known": table_of(TYPES), **options})
    return list(zip(report["severity"].astype(str), report["check"], report["message"], strict=True))


@pytest.fixture
def emulator() -> Iterator[mpd.Emulator]:
    """A Mixpanel without sockets."""
    emulator = mpd.Emulator()
    with mpd.set_project(replace(emulator.project, adapter=emulator.adapter())):
        yield emulator


NEW = "creates the property {!r}, which Mixpanel does not have"
TEXTS, NUMBERS = ["x", "y"], [1, 2]

FINDINGS = [
    pytest.param(users(plan=TEXTS, age=NUMBERS), {}, [], id="what Mixpanel has"),
    pytest.param(
        users(plna=TEXTS),
        {},
        [("warning", "new_property", NEW.format("plna") + "; it has 'plan': rename={'plna': 'plan'} sends it as 'plan'")],
        id="two letters have changed places",
    ),
    pytest.param(
        users(plna=TEXTS, plan=TEXTS),
        {},
        [("warning", "new_property", NEW.format("plna") + "; it has 'plan'")],
        id="the like one is sent, too",
    ),
    pytest.param(users(city=TEXTS), {"rename": {"city": "plan"}}, [], id="the name after rename counts"),
    pytest.param(
        users(plan=TEXTS),
        {"rename": {"plan": "seats"}},
        [("warning", "new_property", NEW.format("seats"))],
        id="also where it is the new one",
    ),
    pytest.param(
        users(at=[{"plan": "x", "pln": "y"}, {"plan": "z"}]),
        {"spread": ["at"]},
        [("warning", "new_property", NEW.format("pln") + "; it has 'plan'")],
        id="keys of objects that are spread",
    ),
    pytest.param(users(**{"plan ": TEXTS}), {"trim": True}, [], id="the name after trim counts"),
    pytest.param(
        users(**{"$email": ["a@x.org", "b@x.org"], "$browser": TEXTS}), {"known": []}, [], id="Mixpanel's own properties",
    ),
    pytest.param(users(plan=[None, None]), {"known": []}, [], id="a column without values creates nothing"),
    pytest.param(
        users(seats=[None, None]),
        {"missing": "null"},
        [("warning", "new_property", NEW.format("seats"))],
        id="but null does",
    ),
    pytest.param(
        users(seats=NUMBERS),
        {"new_properties": "raise"},
        [("error", "new_property", NEW.format("seats"))],
        id="as an error",
    ),
    pytest.param(
        users(plna=TEXTS),
        {"verb": "remove"},
        [("warning", "absent_property", "Mixpanel does not have the property 'plna': there is nothing to remove; it has 'plan'")],
        id="an item of no list",
    ),
    pytest.param(
        users(plan=TEXTS),
        {"verb": "update", "properties": {"plan": "set", "fax": "unset", "age": "unset"}},
        [("warning", "absent_property", "Mixpanel does not have the property 'fax': there is nothing to remove")],
        id="a property to remove",
    ),
    pytest.param(
        users(age=TEXTS),
        {},
        [("warning", "type_drift", "Mixpanel has 'age' as number, but the column is string: reports show one type at a time")],
        id="text in numbers",
    ),
    pytest.param(
        users(plan=NUMBERS),
        {"verb": "set_once"},
        [("warning", "type_drift", "Mixpanel has 'plan' as string, but the column is number: reports show one type at a time")],
        id="numbers in text",
    ),
    pytest.param(
        users(is_vip=NUMBERS),
        {},
        [("warning", "type_drift", "Mixpanel has 'is_vip' as boolean, but the column is number: reports show one type at a time")],
        id="numbers in booleans",
    ),
    pytest.param(
        users(plan=[["a"], ["b"]]),
        {},
        [("warning", "type_drift", "Mixpanel has 'plan' as string, but the column is list: reports show one type at a time")],
        id="lists in text",
    ),
    pytest.param(users(age=["1", "2"]), {"parse": {"age": "number"}}, [], id="the type after parse counts"),
    pytest.param(users(born=pd.to_datetime(["2024-01-01", None], utc=True)), {}, [], id="dates"),
    pytest.param(users(born=["2024-01-01", "2024-01-01T10:00:00"]), {}, [], id="text of dates is a date for Mixpanel"),
    pytest.param(
        users(born=["2024-01-01", "soon"]),
        {},
        [("warning", "type_drift", "Mixpanel has 'born' as date, but the column is string: reports show one type at a time")],
        id="text in dates",
    ),
    pytest.param(users(age=TEXTS), {"known": {"age": "NUMBER"}}, [("warning", "type_drift", "Mixpanel has 'age' as number, but the column is string: reports show one type at a time")], id="a mapping"),
    pytest.param(users(age=TEXTS), {"known": {"age": "undefined"}}, [], id="a type that is none"),
    pytest.param(users(age=TEXTS), {"known": {"age": None}}, [], id="a type that is missing"),
    pytest.param(users(age=TEXTS), {"known": ["age"]}, [], id="names alone have no types"),
    pytest.param(users(age=TEXTS), {"known": pd.DataFrame({"name": ["age", None]})}, [], id="so has a frame without them"),
    *(
        pytest.param(users(age=TEXTS), {"known": known}, [], id=f"names in {type(known).__name__}")
        for known in (("age",), {"age"}, frozenset({"age"}), {"age": None}.keys(), pd.Index(["age"]), pd.Series(["age"]), pd.array(["age"]))
    ),
    pytest.param(users(age=TEXTS), {"known": pa.table({"name": ["age"], "type": ["string"]})}, [], id="a table of Arrow"),
    pytest.param(users(tags=TEXTS), {"verb": "union"}, [], id="an item of a list"),
    *(
        pytest.param(
            users(plan=TEXTS),
            {"verb": verb},
            [("warning", "no_list", f"Mixpanel has 'plan' as string, not list: it then ignores ${verb} without an error")],
            id=f"{verb} on text",
        )
        for verb in ("union", "append", "remove")
    ),
    pytest.param(users(age=NUMBERS), {"verb": "add"}, [], id="add on numbers"),
    pytest.param(
        users(plan=NUMBERS),
        {"verb": "add"},
        [("warning", "no_number", "Mixpanel has 'plan' as string, not number: what $add does then is not documented")],
        id="add on text",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("frame", "call", "findings"), FINDINGS)
def test_findings(frame: pd.DataFrame, call: dict[str, Any], findings: list[tuple[str, str, str]]) -> None:
    assert said(frame, **call) == findings


@pytest.mark.parametrize(
    ("name", "like"),
    [
        pytest.param("plna", "plan", id="changed places"),
        pytest.param("Plan", "plan", id="case"),
        pytest.param("PLAN ", "plan", id="case and blanks"),
        pytest.param("plans", "plan", id="one letter more"),
        pytest.param("pla", "plan", id="one letter less"),
        pytest.param("plon", "plan", id="another letter"),
        pytest.param("isVip", "is_vip", id="signs"),
        pytest.param("q1_score", "q1 score", id="the same digits"),
        pytest.param("q2 score", None, id="other digits"),
        pytest.param("ID", "id", id="a short name in capitals"),
        pytest.param("ip", None, id="another short name"),
        pytest.param("ids", None, id="too short to differ in a letter"),
        pytest.param("$$$", None, id="no letter at all"),
        pytest.param("", None, id="no name"),
        pytest.param("plotted", None, id="another word"),
    ],
)
def test_names_that_are_like(name: str, like: str | None) -> None:
    assert KnownProperties(None, None, TYPES | {"%%": "string"}).like(name) == like


def test_the_same_letters_are_more_alike_than_others() -> None:
    assert KnownProperties(None, None, {"plans": None, "plan": None}).like("Plan") == "plan"


THREE = users(plna=TEXTS, Plan=TEXTS, is_vip=[True, False], age=NUMBERS)
IN_WORDS = "creates 3 properties: plna (like plan), Plan (like plan), is_vip"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param({}, f"; {IN_WORDS}", id="all"),
        pytest.param({"known": ["plan", "Plan", "is_vip", "age"]}, "; creates 1 property: plna (like plan)", id="one"),
        pytest.param({"invalid": {"new_property": "drop_value"}}, "", id="what is left out is not created"),
        pytest.param({"known": None}, "", id="nothing is known"),
    ],
)  # fmt: skip
def test_the_line_of_a_report(options: dict[str, Any], words: str) -> None:
    report = THREE.mixpanel.validate("set", "user_id", **{"known": ["plan", "age"], **options})
    warned = counted(len(report), "warning")
    line = f"0 errors, {warned}, 0 hints in 2 rows x 4 properties{words}"
    assert mpd.show(report).caption == line


def test_many_properties_in_one_line() -> None:
    frame = users(**{f"p{number}": NUMBERS for number in range(14)})
    report = frame.mixpanel.validate("set", "user_id", known=[])
    names = ", ".join(f"p{number}" for number in range(12))
    assert report.attrs["mixpanel"]["creates"] == f"creates 14 properties: {names}, 2 more"


def test_a_verb_warns_in_one_line(emulator: mpd.Emulator) -> None:
    call = "df.mixpanel.validate('set', 'user_id', known=['plan', 'age'])"
    with pytest.warns(mpd.ProfileWarning) as caught:
        THREE.mixpanel.set("user_id", known=["plan", "age"])
    assert [str(one.message) for one in caught] == [
        f"3 warnings (new_property); {IN_WORDS}: {call} shows them"
    ]
    assert set(emulator.profile("ann")) == {"plna", "Plan", "is_vip", "age"}


def test_a_job_refuses_new_properties(emulator: mpd.Emulator) -> None:
    options = {"known": ["age"], "new_properties": "raise"}
    with pytest.raises(mpd.ValidationError) as caught:
        users(plan=TEXTS, age=NUMBERS).mixpanel.set("user_id", **options)
    assert str(caught.value).splitlines()[:2] == [
        "1 error in 2 rows: nothing was sent",
        "  new_property in 'plan': creates the property 'plan', which Mixpanel does not have",
    ]
    for invalid in ("drop_value", {"new_property": "drop_value"}):
        users(plan=TEXTS, age=NUMBERS).mixpanel.set("user_id", invalid=invalid, **options)
        assert emulator.profile("ann") == {"age": 1}


def test_true_asks_mixpanel_once(emulator: mpd.Emulator) -> None:
    users(plan=TEXTS, age=NUMBERS).mixpanel.set("user_id")
    sent = len(emulator.requests)
    assert said(users(plan=TEXTS, age=TEXTS), known=True) == [
        ("warning", "type_drift", "Mixpanel has 'age' as number, but the column is string: reports show one type at a time")
    ]  # fmt: skip
    assert [request.path for request in emulator.requests[sent:]] == ["/api/query/engage/properties"]
    with pytest.warns(mpd.ProfileWarning, match=r"creates 1 property: seats: df.*known=True\) shows"):
        users(seats=NUMBERS).mixpanel.set("user_id", known=True, dry_run=True)


def test_true_asks_for_the_properties_of_the_group() -> None:
    emulator = mpd.Emulator()
    with mpd.set_project(replace(emulator.project, adapter=emulator.adapter())):
        users(plan=TEXTS).mixpanel.set("user_id")
        users(seats=NUMBERS).mixpanel.group("company").set("user_id")
    with mpd.set_project(replace(emulator.project, adapter=emulator.adapter())):  # it knows the group key now
        report = (
            users(plan=TEXTS, seats=NUMBERS).mixpanel.group("company").validate("set", "user_id", known=True)
        )
    assert report["property"].tolist() == ["plan"]


def test_true_needs_a_service_account() -> None:
    emulator = mpd.Emulator()
    project = mpd.Project(str(emulator.token), url=emulator.project.url, adapter=emulator.adapter())
    with mpd.set_project(project), pytest.raises(mpd.AccountError) as caught:
        users(plan=TEXTS).mixpanel.validate("set", "user_id", known=True)
    assert str(caught.value).startswith(
        "known=True asks Mixpanel: reading needs username and secret and project_id: pass mpd.Project("
    )
    assert not emulator.requests


@pytest.mark.parametrize("name", ["known.csv", "known.parquet"])
def test_a_file(name: str, tmp_path: Path) -> None:
    table = table_of(TYPES | {"7": "string"})
    table.to_parquet(tmp_path / name) if name.endswith("parquet") else table.to_csv(tmp_path / name)
    frame = users(plan=TEXTS, age=TEXTS, **{"7": TEXTS})
    checks = [check for _, check, _ in said(frame, known=tmp_path / name)]
    assert checks == [check for _, check, _ in said(frame, known=str(tmp_path / name))] == ["type_drift"]


REFUSED = (
    " must be a frame of read_properties, the path of a file, names of properties, or True to ask Mixpanel"
)


@pytest.mark.parametrize(
    ("known", "message"),
    [
        pytest.param(False, f"known=False{REFUSED}", id="False"),
        pytest.param(5, f"known=5{REFUSED}", id="a number"),
        pytest.param([1], f"known=[1]{REFUSED}", id="names that are no text"),
        pytest.param({"plan": 5}, f"known={{'plan': 5}}{REFUSED}", id="types that are no text"),
        pytest.param("", f"known=''{REFUSED}", id="no path"),
        pytest.param("gone.csv", "cannot read gone.csv: No such file or directory", id="no file"),
        pytest.param(
            pd.DataFrame({"n": [1]}),
            "known has no column 'name', only 'n': it needs name and type, as read_properties returns them",
            id="another table",
        ),
    ],
)
def test_what_is_refused(known: Any, message: str) -> None:
    with pytest.raises(mpd.OperationError) as caught:
        users(plan=TEXTS).mixpanel.validate("set", "user_id", known=known)
    assert str(caught.value) == message


def test_new_properties_needs_known() -> None:
    with pytest.raises(mpd.OperationError) as caught:
        users(plan=TEXTS).mixpanel.validate("set", "user_id", new_properties="raise")
    assert str(caught.value) == "new_properties='raise' needs the properties that exist: pass known as well"


def test_an_upload_reads_no_source_without_what_is_known(tmp_path: Path, emulator: mpd.Emulator) -> None:
    with pytest.raises(mpd.OperationError, match=r"gone\.csv"):
        mpd.upload(tmp_path / "users.csv", "set", "user_id", known="gone.csv")
    users(plan=TEXTS).to_csv(tmp_path / "users.csv", index=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mpd.upload(tmp_path / "users.csv", "set", "user_id", known=["plan"])
    assert emulator.profile("ann") == {"plan": "x"}


def test_a_journal_takes_another_table_for_the_same_run(tmp_path: Path, emulator: mpd.Emulator) -> None:
    options = {"journal": tmp_path / "journal.sqlite", "run": "monday"}
    users(plan=TEXTS).mixpanel.set("user_id", known=["plan"], **options)
    again = users(plan=TEXTS).mixpanel.set(
        "user_id", known=table_of(TYPES), new_properties="raise", **options
    )
    assert again["outcome"].tolist() == ["accepted"]
    assert len(emulator.requests) == 1


def test_what_is_known_is_read_once(emulator: mpd.Emulator) -> None:
    asked = with_known_properties(operation("set", "user_id", None, None, {"known": True}))
    assert with_known_properties(asked) is asked
    assert len(emulator.requests) == 1
    without = operation("set", "user_id", None, None, {})
    assert with_known_properties(without) is without


def test_a_schema_refuses_new_properties() -> None:
    import pandera.errors

    schema = users(plan=TEXTS).mixpanel.schema("set", "user_id", known=["plan"], new_properties="raise")
    assert len(schema.validate(users(plan=TEXTS))) == 2
    schema = users(plan=TEXTS, n=NUMBERS).mixpanel.schema(
        "set", "user_id", known=["plan"], new_properties="raise"
    )
    with pytest.raises(pandera.errors.SchemaErrors, match="new_property"):
        schema.validate(users(plan=TEXTS, n=NUMBERS), lazy=True)

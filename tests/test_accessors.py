from __future__ import annotations

import inspect
import pickle
import re
from dataclasses import fields
from decimal import Decimal
from typing import Any, get_type_hints

import pandas as pd
import pytest

import mixpanel_pandas as mpd
from mixpanel_pandas.pipeline import line
from mixpanel_pandas.rules.operators import OPERATORS
from mixpanel_pandas.rules.options import ALL_OPTIONS, Options, taken_by

FRAME = pd.DataFrame(
    {
        "user_id": ["ann", "bob"],
        "plan": ["pro", "free"],
        "tags": [["a"], ["b", "c"]],
        "credits": [1, 2],
        "note": ["x", "y"],
    }
)

VERBS = [*OPERATORS, "update"]


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_shows_its_options(verb: str) -> None:
    method = getattr(FRAME.mixpanel, verb)
    shown = inspect.signature(method).parameters
    assert list(shown)[:2] == ["id", "properties"]
    assert list(shown)[2:] == documented(method) == [option.name for option in taken_by(verb)]
    assert "https://developer.mixpanel.com/reference/" in method.__doc__


@pytest.mark.parametrize("verb", ["validate", "payloads", "preview", "schema"])
def test_what_sends_nothing_shows_every_option(verb: str) -> None:
    shown = inspect.signature(getattr(FRAME.mixpanel, verb)).parameters
    assert list(shown)[:3] == ["operator", "id", "properties"]
    assert [name for name in shown if name in ALL_OPTIONS] == list(ALL_OPTIONS)


@pytest.mark.parametrize("verb", [*VERBS, "validate", "plan", "payloads", "preview", "schema"])
def test_options_have_the_types_and_defaults_of_the_table(verb: str) -> None:
    method = getattr(mpd.MixpanelAccessor, verb)
    types = {field.name: field.type for field in fields(Options)}
    for name, parameter in inspect.signature(method).parameters.items():
        if name in ALL_OPTIONS:
            assert parameter.default == ALL_OPTIONS[name].default
            assert parameter.kind is parameter.KEYWORD_ONLY
            assert parameter.annotation in {types[name], f"{types[name]} | None"}


def documented(method: Any) -> list[str]:
    """Return the options that a docstring describes, in the order of the table."""
    text = inspect.cleandoc(method.__doc__).partition("Returns\n---")[0]
    names = [
        name for line in text.splitlines() if not line.startswith(" ") for name in re.split(", | : ", line)
    ]
    return [name for name in ALL_OPTIONS if name in names]


#: Option -> a value that is not its default.
VALUES: dict[str, Any] = {
    "rename": {"note": "Note"},
    "missing": "null",
    "blank": "missing",
    "parse": {"note": ";"},
    "na": "common",
    "trim": True,
    "spread": ["tags"],
    "invalid": "drop_row",
    "duplicates": "last",
    "ip": "192.0.2.1",
    "latitude": 52.5,
    "longitude": 13.4,
    "updated_at": "refresh",
    "ignore_alias": False,
    "schema": object(),
    "known": ["plan", "tags", "credits", "note"],
    "new_properties": "raise",
    "at_most": 5,
    "backup": "before.parquet",
    "project": mpd.Project("0" * 32, "eu"),
    "batch_size": 10,
    "workers": 2,
    "requests_per_hour": 9,
    "deadline": 1.5,
    "check": True,
    "canary": 20,
    "dry_run": True,
    "journal": "mp.sqlite",
    "run": "monday",
    "on_changed": "remaining",
    "repeat": True,
    "progress": False,
}


@pytest.mark.parametrize("method", [*VERBS, "validate", "payloads", "schema"])
def test_every_option_arrives(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    stop = {"validate": "report", "payloads": "payloads", "schema": "schema"}.get(method, "send")
    monkeypatch.setattr(line, stop, lambda frame, operation, *rest: asked.append(operation))
    verb = method if method in VERBS else "set"
    values = VALUES | {"missing": "null" if verb in {"set", "set_once", "update"} else "skip"}
    properties = {"unset": ["fax"], "update": {"note": "set"}}.get(verb)
    for option in taken_by(verb):
        options = {option.name: values[option.name]}
        if option.name in {"run", "on_changed"}:
            options |= {"journal": "mp.sqlite", "run": "monday"}
        if option.name == "new_properties":
            options |= {"known": ["plan"]}
        if option.name in {"latitude", "longitude"}:
            options = {"latitude": 52.5, "longitude": 13.4}
        arguments = ["user_id", properties] if method in VERBS else [verb, "user_id", properties]
        getattr(FRAME.mixpanel, method)(*arguments, **options)
        operation = asked.pop()
        assert getattr(operation.options, option.name) == options[option.name]
        assert operation.named == {name: v for name, v in options.items() if v != ALL_OPTIONS[name].default}


def test_the_function_returns_the_accessor_with_its_type() -> None:
    assert type(mpd.accessor(FRAME)) is type(FRAME.mixpanel) is mpd.MixpanelAccessor
    assert get_type_hints(mpd.accessor)["return"] is mpd.MixpanelAccessor
    assert mpd.accessor(FRAME).payloads("set", "user_id").equals(FRAME.mixpanel.payloads("set", "user_id"))


@pytest.mark.parametrize(
    ("verb", "properties", "profile"),
    [
        pytest.param("set", ["plan"], {"plan": "pro"}, id="set"),
        pytest.param("set_once", ["plan"], {"plan": "pro"}, id="set_once"),
        pytest.param("add", ["credits"], {"credits": 1}, id="add"),
        pytest.param("union", ["tags", "note"], {"tags": ["a"], "note": ["x"]}, id="union"),
        pytest.param("append", ["note"], {"note": ["x"]}, id="append"),
        pytest.param("remove", ["note"], None, id="remove from nothing"),
        pytest.param("unset", ["fax"], {}, id="unset"),
        pytest.param("delete", None, None, id="delete"),
        pytest.param("update", {"plan": "set", "credits": "add"}, {"plan": "pro", "credits": 1}, id="update"),
    ],
)
def test_a_verb_reaches_the_profile(emulator: mpd.Emulator, verb: str, properties: Any, profile: Any) -> None:
    summary = getattr(FRAME.mixpanel, verb)("user_id", properties, updated_at="keep")
    assert summary["accepted"].sum() == len(FRAME)
    assert emulator.profile("ann") == profile


@pytest.mark.parametrize("verb", [verb for verb, operator in OPERATORS.items() if operator.groups])
def test_groups_have_the_verb(emulator: mpd.Emulator, verb: str) -> None:
    properties = {"delete": None, "unset": ["fax"]}.get(verb, ["note"])
    options = {} if OPERATORS[verb].has_values else {"backup": None}
    summary = getattr(FRAME.mixpanel.group("company"), verb)("user_id", properties, **options)
    assert summary["accepted"].sum() == 2
    request = emulator.requests[0]
    assert request.path == "/groups"
    assert {record["$group_key"] for record in request.records or ()} == {"company"}


@pytest.mark.parametrize("verb", [verb for verb, operator in OPERATORS.items() if not operator.groups])
def test_groups_lack_the_verb(verb: str) -> None:
    with pytest.raises(mpd.OperationError, match=r"not supported in group profiles.*use set, or union"):
        getattr(FRAME.mixpanel.group("company"), verb)("user_id", ["credits"])


@pytest.mark.parametrize(
    ("frame", "group", "id"),
    [
        pytest.param(
            {"$distinct_id": ["a"], "distinct_id": ["b"]}, None, "a", id="$distinct_id before distinct_id"
        ),
        pytest.param({"distinct_id": ["b"]}, None, "b", id="distinct_id"),
        pytest.param({"$group_id": ["a"], "company": ["b"]}, "company", "a", id="$group_id"),
        pytest.param({"company": ["b"]}, "company", "b", id="the column named like the key"),
    ],
)
def test_the_id_column_is_found(frame: dict[str, list[str]], group: str | None, id: str) -> None:
    df = pd.DataFrame({**frame, "x": [1]})
    profiles = df.mixpanel.group(group) if group else df.mixpanel
    payload = profiles.payloads("set", properties=["x"]).iloc[0]
    assert payload["$group_id" if group else "$distinct_id"] == id


def test_payloads_show_every_digit_that_is_sent() -> None:
    long = Decimal("0.1234567890123456789")
    df = pd.DataFrame({"user_id": ["a", "b"], "x": [2**70, long], "y": [1.5, 0.1]})
    payloads = df.mixpanel.payloads("update", "user_id", {"x": "set", "y": "set_once"})
    assert [[record.get("$set", record.get("$set_once")) for record in row] for row in payloads] == [
        [{"x": str(2**70)}, {"y": 1.5}],
        [{"x": long}, {"y": 0.1}],
    ]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        pytest.param(
            lambda df: df.mixpanel.set("plan_id"),
            "id column 'plan_id' is not in the frame: did you mean",
            id="no such id",
        ),
        pytest.param(
            lambda df: df.mixpanel.set(), "which column holds the ids? Name it first", id="no id named"
        ),
        pytest.param(
            lambda df: df.mixpanel.set("user_id", ["paln"]),
            "not in the frame: 'paln': did you mean 'plan'?",
            id="no such column",
        ),
        pytest.param(
            lambda df: df.mixpanel.unset(["fax"]),
            "the id comes first: unset(id, ['fax'])",
            id="names in place of the id",
        ),
        pytest.param(
            lambda df: df.mixpanel.delete("user_id", ["plan"]),
            "delete removes whole profiles and takes no properties: to remove properties call unset('user_id', ['plan'])",
            id="properties of delete",
        ),
        pytest.param(
            lambda df: df.mixpanel.set("user_id", {"plan": "Plan"}),
            "properties is a list of columns, not a mapping: set(id, ['plan'], rename={'plan': 'Plan'})",
            id="mapping to names",
        ),
        pytest.param(
            lambda df: df.mixpanel.set("user_id", {"plan": "set", "tags": "union"}),
            "set is one operator; for several call update(",
            id="mapping to verbs",
        ),
        pytest.param(
            lambda df: df.mixpanel.update("user_id", {"plan": "sett"}),
            "the operators of update are 'set'",
            id="mistyped verb",
        ),
        pytest.param(
            lambda df: df.mixpanel.set("user_id", ip="pln"),
            "ip must be an address or a column, and 'pln' is not in the frame",
            id="ip",
        ),
        pytest.param(
            lambda df: df[["user_id"]].mixpanel.set("user_id"),
            "there is no column to set",
            id="no column to send",
        ),
        pytest.param(
            lambda df: pd.concat([df, df[["plan"]]], axis=1).mixpanel.set("user_id"),
            "columns 'plan' occur more than once in the frame",
            id="duplicate columns",
        ),
        pytest.param(
            lambda df: pd.concat({"a": df}, axis=1).mixpanel.set("user_id"),
            "the columns are a MultiIndex of 2 levels",
            id="MultiIndex columns",
        ),
        pytest.param(
            lambda df: df.mixpanel.set("user_id", misssing="null"),
            "no option 'misssing': did you mean 'missing'?",
            id="option",
        ),
        pytest.param(
            lambda df: df.mixpanel.unset("user_id", ["a"], missing="null"),
            "unset takes no option 'missing'",
            id="not its option",
        ),
        pytest.param(
            lambda df: df.mixpanel.delete("user_id", rename={"plan": "Plan"}),
            "delete takes no option 'rename': there are 'invalid', ",
            id="nothing to rename",
        ),
        pytest.param(
            lambda df: df.mixpanel.validate("set", "user_id", misssing="null"),
            "validate takes no option 'misssing': did you mean 'missing'?",
            id="option of validate",
        ),
        pytest.param(
            lambda df: df.mixpanel.validate("delete", "user_id", missing="null"),
            "delete takes no option 'missing': there are 'invalid', ",
            id="not an option of the verb that is validated",
        ),
        pytest.param(
            lambda df: df.mixpanel.set("user_id", missing="nul"),
            "missing='nul' is not one of 'skip', 'null', 'unset'",
            id="value",
        ),
        pytest.param(
            lambda df: df.mixpanel.add("user_id", ["credits"], missing="null"),
            "missing='null' has no meaning for add: choose 'skip'",
            id="value that the verb does not know",
        ),
        pytest.param(
            lambda df: df.mixpanel.set("user_id", requests_per_hour=0, deadline="soon"),
            "requests_per_hour=0 must be a whole number of 1 or more; deadline='soon' must be a number of seconds above 0",
            id="no pace and no deadline",
        ),
        pytest.param(
            lambda df: df.mixpanel.group(""), "group takes the name of a group key", id="no group key"
        ),
        pytest.param(
            lambda df: df.mixpanel.validate("sett", "user_id"),
            "operator 'sett' is not known: did you mean 'set'?",
            id="operator",
        ),
    ],
)
def test_a_call_that_cannot_be_meant_is_refused(emulator: mpd.Emulator, call: Any, message: str) -> None:
    with pytest.raises(mpd.OperationError) as raised:
        call(FRAME)
    assert message in str(raised.value)
    assert not emulator.requests
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)


def test_the_accessor_keeps_the_frame_and_changes_nothing(emulator: mpd.Emulator) -> None:
    frame = FRAME.copy()
    frame.mixpanel.set("user_id", ["plan", "tags"])
    mpd.MixpanelAccessor(frame).set("user_id", ["plan", "tags"])
    pd.testing.assert_frame_equal(frame, FRAME)
    assert frame.attrs == {}
    assert len(emulator.requests) == 2

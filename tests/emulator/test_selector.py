from __future__ import annotations

import contextlib
from datetime import UTC
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixpanel_pandas.emulator.selector import (
    FUNCTIONS,
    UNDEFINED,
    SelectorError,
    compile_selector,
    parse_selector,
)

NOW = 1_700_000_000.5
PROFILE = {
    "plan": "pro",
    "n": 3,
    "x": -2.5,
    "vip": True,
    "off": False,
    "nothing": None,
    "tags": ["a", 1, True],
    "at": "2023-11-14T22:13:20.999",
    "day": "2023-11-14",
    "text": "false",
    "digits": "12.5",
    'a "quoted" \\ name': "yes",
    "place": {"city": "Ghent"},
}


def value(text, zone=UTC):
    return compile_selector(text, NOW, zone)(PROFILE)


#: Expression -> value.
VALUES = {
    # comparisons
    'properties["plan"] == "pro"': True,
    'user["plan"] == "pro"': True,
    'properties [ "plan" ]=="pro"': True,
    'properties["n"] == "3"': False,
    'properties["n"] == 3.0': True,
    'properties["vip"] == 1': False,
    'properties["vip"] == true': True,
    'properties["off"] == false': True,
    'properties["none"] == "pro"': False,
    'properties["plan"] != "free"': True,
    'properties["none"] != "pro"': True,
    'properties["n"] != 3': False,
    'properties["n"] > 2': True,
    'properties["x"] < -2': True,
    'properties["n"] >= 3': True,
    'properties["n"] <= 2.9': False,
    'properties["plan"] > "abc"': True,
    'properties["plan"] > 1': UNDEFINED,
    'properties["none"] > 1': UNDEFINED,
    'properties["vip"] > false': UNDEFINED,
    # quotes
    'properties["a \\"quoted\\" \\\\ name"] == "yes"': True,
    '"a\\\\b" == "a" + "\\\\" + "b"': True,
    # logic
    'not properties["vip"]': False,
    'not properties["none"]': True,
    'not properties["plan"]': UNDEFINED,
    'properties["vip"] and properties["none"]': False,
    'properties["off"] or properties["vip"]': True,
    'properties["n"] > 1 and properties["n"] < 5 and properties["plan"] == "pro"': True,
    "true or false and false": True,
    "(true or false) and false": False,
    "not false and false": False,
    "not (false and false)": True,
    'not properties["plan"] == "free"': True,
    'not "b" in properties["tags"]': True,
    # lists and substrings
    '"a" in properties["tags"]': True,
    '"1" in properties["tags"]': False,
    '"ro" in properties["plan"]': True,
    '"ro" in properties["none"]': UNDEFINED,
    '1 in properties["plan"]': UNDEFINED,
    'properties["n"] in [1,2,3]': True,
    'properties["plan"] in ["free", "max"]': False,
    'properties["none"] in []': False,
    # defined
    'defined(properties["n"])': True,
    'defined (properties["none"])': False,
    'defined(properties["nothing"])': False,
    'not defined(properties["none"])': True,
    # arithmetic
    'properties["n"] + 1 == 4': True,
    'properties["n"] - 1': 2,
    "1 - 2 - 3": -4,
    "2 + 3 * 4": 14,
    "(2 + 3) * 4": 20,
    "7 / 2": 3.5,
    "7 / 0": UNDEFINED,
    "-7 % 3": -1.0,
    "7 % 0": UNDEFINED,
    '-properties["n"]': -3,
    '-properties["plan"]': UNDEFINED,
    '"a" + "b"': "ab",
    '"a" + 1': UNDEFINED,
    "true + 1": UNDEFINED,
    "floor(2.7)": 2,
    "ceil(2.1)": 3,
    "round(2.5)": 3,
    'round("2")': UNDEFINED,
    "floor(1e999)": UNDEFINED,
    # casts
    'number(properties["digits"])': 12.5,
    'number(properties["plan"])': UNDEFINED,
    "number(true)": 1.0,
    'number(properties["nothing"])': UNDEFINED,
    'string(properties["n"])': "3",
    'string(properties["x"])': "-2.5",
    "string(2.0)": "2",
    "string(true)": "true",
    'string(properties["nothing"])': None,
    'string(properties["none"])': UNDEFINED,
    "string(datetime(0 + 1))": "1970-01-01T00:00:01",
    'boolean("true")': True,
    'boolean(properties["text"])': False,
    'boolean(properties["plan"])': True,
    'boolean("")': False,
    "boolean(0)": False,
    'boolean(properties["none"])': UNDEFINED,
    '1 in list(properties["tags"])': True,
    'list(properties["plan"])': UNDEFINED,
    # dates
    'datetime(properties["at"]) == datetime("2023-11-14T22:13:20")': True,
    'properties["at"] >= datetime("2023-11-14")': True,
    'datetime(properties["day"]) < datetime("2023-11-14T00:00:01")': True,
    'datetime(properties["plan"]) < datetime("2023-11-14")': UNDEFINED,
    'datetime(properties["at"]) == datetime(NOW)': True,
    'datetime(properties["at"]) >= datetime(NOW - 604800) and datetime(properties["at"]) < datetime(NOW + 1)': True,
    "datetime(4294967295) > datetime(1)": True,
    "datetime(4294967296) < datetime(5000000)": True,  # milliseconds
    "datetime(0) < datetime(1)": UNDEFINED,
    "datetime(NOW - NOW) < datetime(1)": UNDEFINED,
    "datetime(1e999)": UNDEFINED,
    "NOW": 1_700_000_000,
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), VALUES.items(), ids=list(VALUES))
def test_value(text, expected):
    result = value(text)
    assert result == expected
    assert isinstance(result, bool) == isinstance(expected, bool)


def test_every_function_has_a_value():
    text = " ".join(VALUES)
    assert not [name for name, _ in FUNCTIONS if name not in text]
    assert {function.source for function in FUNCTIONS.values()} <= {
        "documentation", "headless", "utils", "airbyte",
    }  # fmt: skip


#: Text -> the beginning of the refusal.
REFUSALS = {
    "": "expected a value, found the end",
    "   ": "expected a value, found the end",
    'properties["n"] = 1': "cannot read '= 1' at character 16",
    'properties["n"] && true': "cannot read '&& true' at character 16",
    "properties['n']": "cannot read \"'n']\"",
    'properties["n': "cannot read '\"n'",
    "properties.n == 1": "cannot read '.n == 1'",
    "properties[n]": "expected the name of a property in double quotes, found n",
    'properties["n"': "expected ']', found the end",
    'properties["n"] == 1)': "expected an operator, found )",
    '(properties["n"] == 1': "expected ')', found the end",
    'properties["n"] ==': "expected a value, found the end",
    'properties["a"] properties["b"]': "expected an operator, found properties",
    "NOW -604800": "expected an operator, found -604800",
    "1 2": "expected an operator, found 2",
    "1x": "cannot read '1x'",
    '[1, properties["n"]]': "expected a string, a number or a boolean, found properties",
    "[1": "expected ']', found the end",
    '"\\n"': "unknown escape \\n in a string",
    'event["$time"] > 1': "'event' is not known",
    'behaviors["x"] > 1': "'behaviors' is not known",
    'startswith(properties["n"])': "'startswith' is not known",
    'definde(properties["n"])': "'definde' is not known: did you mean 'defined'?",
    "defined": "expected '(', found the end",
    "defined()": "expected a value, found )",
    "TRUE": "'TRUE' is not known",
    "null == 1": "'null' is not known",
    'datetime("yesterday")': "'yesterday' is not a date",
    'datetime("2024-02-30")': "'2024-02-30' is not a date",
    "(" * 101 + "1" + ")" * 101: "nested deeper than 100 levels",
    "not " * 101 + "true": "nested deeper than 100 levels",
    "1" + " + 1" * 101: "nested deeper than 100 levels",
}


@pytest.mark.parametrize(("text", "error"), REFUSALS.items(), ids=[text[:40] for text in REFUSALS])
def test_refusal(text, error):
    with pytest.raises(SelectorError) as refusal:
        parse_selector(text)
    assert str(refusal.value).startswith(error)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        pytest.param('properties["plan"] and true', "'and' takes booleans, not a string", id="and"),
        pytest.param('false or properties["nothing"]', "'or' takes booleans, not a null", id="or"),
    ],
)
def test_a_value_that_logic_cannot_take(text, error):
    with pytest.raises(SelectorError, match=error):
        value(text)


def test_a_long_chain():
    assert value(" or ".join(f'properties["n"] == {n}' for n in range(5000, 2, -1))) is True


def test_dates_are_in_the_zone_of_the_project():
    tokyo = ZoneInfo("Asia/Tokyo")
    assert value('datetime(properties["at"]) == datetime("2023-11-15T07:13:20")', tokyo) is True
    assert value('datetime(properties["at"]) == datetime("2023-11-14T22:13:20")', tokyo) is False


@given(st.text())
def test_any_text_can_be_quoted(text):
    quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    assert compile_selector(f"properties[{quoted}] == {quoted}", NOW, UTC)({text: text}) is True


@given(st.text(alphabet='properties["n"] ()<>=!+-*/%not and or in 123.,NOWdatetime\\', max_size=60))
def test_any_text_is_read_or_refused(text):
    with contextlib.suppress(SelectorError):
        compile_selector(text, NOW, UTC)(PROFILE)

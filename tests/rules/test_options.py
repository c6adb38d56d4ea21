"""Every row of the table of options, and what a call is refused for."""

from __future__ import annotations

import inspect
from dataclasses import fields

import numpy as np
import pandas as pd
import pytest

import mixpanel_pandas as mpd
from mixpanel_pandas import OperationError, OptionError
from mixpanel_pandas.errors import choices
from mixpanel_pandas.rules.operation import operation
from mixpanel_pandas.rules.operators import OPERATORS, Operator
from mixpanel_pandas.rules.options import ALL_OPTIONS, Options, taken_by

VERBS = [*OPERATORS, "update"]

#: Option, default, who takes it, the values that it may have (anything when empty).
ROWS = [
    ("rename", None, "values", ()),
    ("missing", "skip", "values", ("skip", "null", "unset")),
    ("blank", "keep", "values", ("keep", "missing")),
    ("parse", None, "values", ()),
    ("na", None, "values", ()),
    ("trim", False, "values", (True, False)),
    ("spread", None, "values", ()),
    ("invalid", "raise", "rows", ()),
    ("duplicates", None, "rows", ALL_OPTIONS["duplicates"].choices),
    ("ip", None, "rows", ()),
    ("latitude", None, "rows", ()),
    ("longitude", None, "rows", ()),
    ("updated_at", None, "rows", ()),
    ("ignore_alias", None, "rows", (None, True, False)),
    ("schema", None, "rows", ()),
    ("known", None, "values", ()),
    ("new_properties", "warn", "values", ("warn", "raise")),
    ("at_most", 1000, "delete", ()),
    ("backup", True, "removal", ()),
    ("project", None, "sending", ()),
    ("batch_size", None, "sending", ()),
    ("workers", 4, "sending", ()),
    ("check", None, "sending", (None, True, False)),
    ("dry_run", False, "sending", (True, False)),
    ("progress", None, "sending", (None, True, False)),
]


def ask(verb="set", id="user_id", properties=None, group=None, **options):
    if properties is None and isinstance(verb, str):
        properties = {"unset": ["fax"], "update": {"plan": "set"}}.get(verb)
    return operation(verb, id, properties, group, options)


@pytest.mark.parametrize(("name", "default", "of", "values"), ROWS, ids=[row[0] for row in ROWS])
def test_options(name, default, of, values):
    option = ALL_OPTIONS[name]
    assert (option.name, option.default, option.of, option.choices) == (name, default, of, values)
    assert option.does.endswith(".")
    assert repr(default).strip("'") in option.type or default is None or option.choices


@pytest.mark.parametrize("option", ALL_OPTIONS.values(), ids=list(ALL_OPTIONS))
def test_every_option_has_its_verbs_its_type_and_its_place_in_signatures(option):
    takers = {verb for verb in VERBS if option in taken_by(verb)}
    expected = {
        "rows": set(VERBS),
        "sending": set(VERBS),
        "values": set(VERBS) - {"unset", "delete"},
        "removal": {"unset", "delete"},
        "delete": {"delete"},
    }
    assert takers == expected[option.of]
    for verb in VERBS:
        signature = inspect.signature(getattr(mpd.MixpanelAccessor, verb))
        parameter = signature.parameters.get(option.name)
        assert (parameter is not None) == (verb in takers)
        assert parameter is None or (parameter.default, parameter.kind) == (
            option.default,
            parameter.KEYWORD_ONLY,
        )


@pytest.mark.parametrize(
    "option", [o for o in ALL_OPTIONS.values() if o.choices], ids=lambda option: option.name
)
def test_closed_options_take_their_values_and_no_others(option):
    verb = "set" if option.of != "delete" else "delete"
    needed = {"on_changed": {"journal": "mp.sqlite", "run": "monday"}, "new_properties": {"known": ["plan"]}}
    others = needed.get(option.name, {})
    for value in option.choices:
        asked = ask(verb, **{option.name: value}, **others)
        assert asked.named.get(option.name, option.default) == value
        assert value is None or getattr(asked.options, option.name) == value
    with pytest.raises(OperationError) as caught:
        ask(verb, **{option.name: "sideways"}, **others)
    assert str(caught.value) == f"{option.name}='sideways' is not one of {choices(option.choices)}"


@pytest.mark.parametrize(
    "option", [o for o in ALL_OPTIONS.values() if "bool" in o.type], ids=lambda option: option.name
)
def test_a_switch_is_on_or_off(option):
    assert option.choices == ((None, True, False) if option.default is None else (True, False))


def test_the_table_has_a_row_for_each_option():
    defaults = {field.name: field.default for field in fields(Options)}
    assert list(defaults) == list(ALL_OPTIONS)
    for name, option in ALL_OPTIONS.items():
        of_operators = {field.name: field.default for field in fields(Operator)}
        assert defaults[name] == (
            option.default if name not in of_operators or name == "missing" else of_operators[name]
        )


@pytest.mark.parametrize("option", ALL_OPTIONS.values(), ids=list(ALL_OPTIONS))
def test_options_are_documented(option):
    text = inspect.cleandoc(Options.__doc__)
    assert f"\n{option.name} : {option.type}\n" in text


@pytest.mark.parametrize("option", ALL_OPTIONS.values(), ids=list(ALL_OPTIONS))
def test_an_option_at_its_default_is_not_named(option):
    verb = "delete" if option.of == "delete" else "set"
    assert ask(verb, **{option.name: option.default}) == ask(verb)
    assert operation("delete", "user_id", None, None, {option.name: option.default}).named == {}


CHOSEN = [
    pytest.param("set", {"duplicates": "last"}, "duplicates", "last", id="what was asked for"),
    pytest.param("unset", {}, "duplicates", "last", id="the operator's default"),
    pytest.param("set", {"workers": 8}, "workers", 8, id="a number"),
    pytest.param("set", {}, "workers", 4, id="the option's default"),
    pytest.param("delete", {"ignore_alias": False}, "ignore_alias", False, id="False is an answer"),
    pytest.param("delete", {}, "ignore_alias", True, id="delete takes ids literally"),
]


@pytest.mark.parametrize(("verb", "options", "name", "value"), CHOSEN)
def test_what_an_option_comes_to(verb, options, name, value):
    assert getattr(ask(verb, **options).options, name) == value


FIRST = "the id comes first: "
WHERE = "where id is the column of the ids"

REFUSED = [
    pytest.param(
        {"verb": "unset", "id": ["fax"]},
        f"{FIRST}unset(id, ['fax']), {WHERE}",
        id="unset: names in place of the id",
    ),
    pytest.param({"id": ["a", "b"]}, f"{FIRST}set(id, ['a', 'b']), {WHERE}", id="columns in place of the id"),
    pytest.param(
        {"id": pd.Index(list("abcde"))},
        f"{FIRST}set(id, ['a', 'b', 'c' and 2 more]), {WHERE}",
        id="an index of them",
    ),
    pytest.param(
        {"id": pd.Series(["a"])}, f"{FIRST}set(id, ['a']), {WHERE}", id="a series in place of its label"
    ),
    pytest.param(
        {"verb": "delete", "properties": ["fax", "plan"]},
        "delete removes whole profiles and takes no properties: to remove properties call unset('user_id', "
        "['fax', 'plan']); to delete the profiles call delete('user_id')",
        id="delete with properties",
    ),
    pytest.param(
        {"verb": "unset", "properties": []},
        "unset needs the names of the properties to remove: unset(id, ['fax']); to remove profiles call delete(id)",
        id="unset without names",
    ),
    pytest.param(
        {"properties": {"mail": "$email"}},
        "properties is a list of columns, not a mapping: set(id, ['mail'], rename={'mail': '$email'}) sends them under other "
        "names; values come from the frame",
        id="a mapping of names",
    ),
    pytest.param(
        {"properties": {"plan": "pro"}},
        "properties is a list of columns, not a mapping: set(id, ['plan'], rename={'plan': 'pro'}) sends them under other "
        "names; values come from the frame",
        id="a mapping of values",
    ),
    pytest.param(
        {"properties": {"plan": "set", "tags": "union"}},
        "set is one operator; for several call update(id, {'plan': 'set', 'tags': 'union'})",
        id="a mapping of operators",
    ),
    pytest.param(
        {"verb": "update", "properties": ["plan"]},
        "update takes a mapping from column to operator: update(id, {'plan': 'set', 'tags': 'union'})",
        id="update without operators",
    ),
    pytest.param(
        {"verb": "update", "properties": {"plan": "delete", "tags": "set"}},
        "the operators of update are 'set', 'set_once', 'add', 'union', 'append', 'remove', 'unset', not {'plan': 'delete'}",
        id="update that deletes",
    ),
    pytest.param(
        {"verb": "sett"}, "operator 'sett' is not known: did you mean 'set'?", id="a mistyped operator"
    ),
    pytest.param(
        {"verb": "increment"},
        "operator 'increment' is not known: there are 'set', 'set_once', 'add', 'union', 'append', 'remove', 'unset', "
        "'delete', 'update'",
        id="another library's operator",
    ),
    pytest.param(
        {"verb": ["set"]},
        "operator ['set'] is not known: did you mean 'set'?",
        id="a list of operators",
    ),
    pytest.param(
        {"invalid": "drop"},
        "invalid='drop': 'drop' is not one of 'raise', 'drop_row', 'drop_value', 'truncate'",
        id="a mistyped remedy",
    ),
    pytest.param(
        {"invalid": {"long_string": "cut"}},
        "invalid={'long_string': 'cut'}: 'cut' is not one of 'raise', 'drop_row', 'drop_value', 'truncate'",
        id="a mistyped remedy of one check",
    ),
    pytest.param(
        {"batch_size": 2001}, "batch_size=2001 must be a whole number from 1 to 2000", id="large batches"
    ),
    pytest.param({"batch_size": 0}, "batch_size=0 must be a whole number from 1 to 2000", id="empty batches"),
    pytest.param({"journal": ""}, "journal='' must be the path of a file", id="a path of no characters"),
    pytest.param({"journal": 1}, "journal=1 must be the path of a file", id="a number for a path"),
    pytest.param(
        {"journal": "mp.sqlite", "run": ""},
        "run='' must be a name, such as '2026-11-21'",
        id="a name of no characters",
    ),
    pytest.param({"workers": None}, "workers=None must be a whole number from 1 to 64", id="no workers"),
    pytest.param(
        {"workers": True}, "workers=True must be a whole number from 1 to 64", id="True is no number"
    ),
    pytest.param(
        {"verb": "delete", "at_most": 1.5},
        "at_most=1.5 must be a whole number of 0 or more",
        id="a broken number",
    ),
    pytest.param(
        {"verb": "delete", "backup": False},
        "backup=False must be the path of a file, True for one in the working directory, or None",
        id="False is no file",
    ),
    pytest.param(
        {"verb": "delete", "backup": ""},
        "backup='' must be the path of a file, True for one in the working directory, or None",
        id="no name of a file",
    ),
    pytest.param(
        {"parse": "json"},
        "parse='json' must be a mapping from column to reading, such as {'amount': 'number', 'tags': ';'}",
        id="parse for no column",
    ),
    pytest.param(
        {"parse": {"tags": 5}},
        "parse={'tags': 5}: a reading is a name, such as 'number' or 'date:dd/mm/yyyy'",
        id="parse by a number",
    ),
    pytest.param(
        {"parse": {"tags": "list:", "when": "list:"}},
        "parse: 'list:' lacks a detail: there are 'list:semicolon', 'list:comma', 'list:pipe', 'list:tab', 'list:space', "
        "'list:python', 'list:postgres'",
        id="a reading without its detail, said once",
    ),
    pytest.param(
        {"parse": {"a": "boolean:yes", "b": "number:monye"}},
        "parse: no reading 'boolean:yes': name the words for true and false with a slash between them, such as "
        "Yes/No; there are 'boolean', 'boolean:Yes/No'; parse: no reading 'number:monye': did you mean 'money'?; there are "
        "'number', 'number:1.234,5', 'number:1 234,5', \"number:1'234.50\", 'number:money', 'number:money:1.234,5', "
        "'number:percent'",
        id="two readings that do not exist",
    ),
    pytest.param(
        {"na": "comon"},
        "na='comon' is not the name of a set (put a text of your own in a list, na=['comon']): did you mean 'common'?",
        id="a set that does not exist",
    ),
    pytest.param(
        {"na": [5]},
        "na=[5] must be a list of texts, such as ['-', '?'], or the name of a set, such as 'common'",
        id="a number that means missing",
    ),
    pytest.param(
        {"na": {"x": "-"}},
        "na={'x': '-'} must be a list of texts, such as ['-', '?'], or the name of a set, such as 'common'",
        id="texts of a column that mean missing",
    ),
    pytest.param(
        {"latitude": 52.5},
        "latitude has no meaning alone: pass latitude and longitude",
        id="latitude alone",
    ),
    pytest.param(
        {"spread": [["tags"]]},
        "spread=[['tags']] must be a column, a list of columns, or a mapping from column to prefix",
        id="spread of a list in a list",
    ),
    pytest.param(
        {"spread": {"tags": 5}},
        "spread={'tags': 5}: a prefix is text, such as {'address': 'address_'}",
        id="spread with a number as prefix",
    ),
    pytest.param(
        {"rename": "upper"},
        "rename='upper' must be a mapping from column to property, a function, or 'reserved'",
        id="rename to nothing known",
    ),
    pytest.param(
        {"verb": "add", "missing": "null"},
        "missing='null' has no meaning for add: choose 'skip'",
        id="null for add",
    ),
    pytest.param(
        {"missing": "none", "workers": 0, "spread": [{}]},
        "missing='none' is not one of 'skip', 'null', 'unset'; workers=0 must be a whole number from 1 to 64; "
        "spread=[{}] must be a column, a list of columns, or a mapping from column to prefix",
        id="all at once",
    ),
]


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_calls_that_cannot_be_meant(call, message):
    with pytest.raises(OperationError) as caught:
        ask(**call) if call.get("properties") != [] else operation(call["verb"], "user_id", [], None, {})
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("name", "fitting", "others"),
    [
        pytest.param("batch_size", [1, 2000], [0, 2001, 1.0], id="batch_size"),
        pytest.param("workers", [1, 64], [0, 65, True], id="workers"),
        pytest.param("at_most", [0, 2**70], [-1, False], id="at_most"),
        pytest.param("requests_per_hour", [1, 2**70], [0, 1.5], id="requests_per_hour"),
        pytest.param("deadline", [5e-324, 1, float("inf")], [0, 0.0, -1, float("nan"), True], id="deadline"),
    ],
)
def test_the_edges_of_numbers(name, fitting, others):
    verb = "delete" if name == "at_most" else "set"
    for value in fitting:
        assert getattr(ask(verb, **{name: value}).options, name) == value
    for value in others:
        with pytest.raises(OperationError, match=f"^{name}={value!r} must be a "):
            ask(verb, **{name: value})


MISTYPED = [
    pytest.param(
        "set", {"invald": 1}, "set takes no option 'invald': did you mean 'invalid'?", id="mistyped"
    ),
    pytest.param(
        "set",
        {"dryrun": True, "at_most": 5},
        "set takes no option 'dryrun': did you mean 'dry_run'?; no option 'at_most': there are ",
        id="two, of which one is another verb's",
    ),
    pytest.param(
        "unset", {"missing": "null"}, "unset takes no option 'missing': there are 'invalid', ", id="no values"
    ),
    pytest.param(
        "delete",
        {"rename": {}},
        "delete takes no option 'rename': there are 'invalid', ",
        id="nothing to rename",
    ),
]


@pytest.mark.parametrize(("verb", "options", "message"), MISTYPED)
def test_options_that_the_verb_does_not_take(verb, options, message):
    with pytest.raises(OptionError) as caught:
        ask(verb, **options)
    assert str(caught.value).startswith(message)
    assert isinstance(caught.value, TypeError)


PROPERTIES = [
    pytest.param(None, None, id="all"),
    pytest.param("plan", ("plan",), id="a label"),
    pytest.param(5, (5,), id="a number"),
    pytest.param(["a", "b"], ("a", "b"), id="a list"),
    pytest.param(("a", "b"), ("a", "b"), id="a tuple"),
    pytest.param(pd.Index(["a", "b"]), ("a", "b"), id="an index"),
    pytest.param(np.array(["a"]), ("a",), id="an array"),
]


@pytest.mark.parametrize(("properties", "labels"), PROPERTIES)
def test_properties_are_labels(properties, labels):
    assert operation("set", "user_id", properties, None, {}).properties == labels


@pytest.mark.parametrize("option", ["missing", "duplicates", "check", "invalid", "rename"])
@pytest.mark.parametrize("values", [np.array(["a", "b"]), pd.Series([1, 2]), pd.DataFrame({"a": [1, 2]})])
def test_an_array_is_no_choice(option, values):
    with pytest.raises(OperationError, match=f"^{option}="):
        ask(**{option: values})


def test_the_texts_that_mean_missing_may_be_an_array():
    assert ask(na=np.array(["-", "?"])).options.na == ["-", "?"]
    assert ask(na=pd.Index(["-", "?"])).options.na == ["-", "?"]


def test_a_set_has_the_same_order_in_each_process():
    """A journal compares calls by their columns and options."""
    labels = {f"column {number}" for number in range(20)}
    asked = ask(properties=labels, spread=labels, na=labels)
    assert list(asked.properties) == asked.options.spread == asked.options.na == sorted(labels)


def test_the_labels_of_a_generator_are_its_items():
    assert ask(properties=(label for label in ("a", "b"))).properties == ("a", "b")
    assert ask(properties=frozenset(["b", "a"])).properties == ("a", "b")
    with pytest.raises(OperationError, match="unset needs the names"):
        operation("unset", "user_id", iter([]), None, {})


def test_a_label_of_numpy_is_a_label():
    assert ask(id=np.int64(3)).id == 3

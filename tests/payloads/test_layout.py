# ruff: noqa: DTZ001 (datetimes without a time zone are what is tested)
from __future__ import annotations

import datetime as dt
import decimal
import io
import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from reference import MISSING, Point, encoded, objects

import mixpanel_pandas as mpd
from mixpanel_pandas.errors import ColumnNotFoundError, OperationError
from mixpanel_pandas.payloads.ip_and_time import address
from mixpanel_pandas.payloads.layout import layout_of_columns, layout_of_ids, make_layout
from mixpanel_pandas.payloads.normalise import normalise_column
from mixpanel_pandas.payloads.slice_sizes import FEW_ROWS, SLICE_BYTES, WIDE_BYTES
from mixpanel_pandas.rules.operation import operation

FRAME = pd.DataFrame(
    {
        "user_id": ["ann", "bob"],
        "email": ["a@x.org", None],
        "plan": ["pro", "free"],
        "age": [30, 40],
        "tags": [["a"], ["b"]],
        "at": pd.to_datetime(["2024-01-01", None]),
    }
)
LIST = "'user_id', 'email', 'plan', 'age', 'tags', 'at'"


def plan_for(frame, verb="set", id="user_id", properties=None, group=None, **options):
    return make_layout(frame, operation(verb, id, properties, group, options))


def with_columns(*labels):
    return pd.DataFrame([["ann", *range(len(labels) - 1)]], columns=pd.Index(labels, dtype=object))


@pytest.mark.parametrize(
    ("frame", "call", "error", "message"),
    [
        pytest.param(
            FRAME,
            {"id": "userid"},
            ColumnNotFoundError,
            "id column 'userid' is not in the frame: did you mean 'user_id'?",
            id="a mistyped id",
        ),
        pytest.param(
            FRAME.set_index(["user_id", "plan"]),
            {"id": "user"},
            ColumnNotFoundError,
            "id column 'user' is not in the frame: did you mean 'user_id'?",
            id="a mistyped index level",
        ),
        pytest.param(
            FRAME,
            {"id": None},
            OperationError,
            f"which column holds the ids? Name it first, as in set('user_id'); there are {LIST}",
            id="no id",
        ),
        pytest.param(
            FRAME,
            {"id": None, "group": "company"},
            OperationError,
            f"which column holds the ids? Name it first, as in set('user_id'); there are {LIST}",
            id="no id of a group",
        ),
        pytest.param(
            FRAME,
            {"properties": ["plann", "agee"]},
            ColumnNotFoundError,
            "not in the frame: 'plann': did you mean 'plan'?; 'agee': did you mean 'age'?",
            id="mistyped properties, all at once",
        ),
        pytest.param(
            FRAME,
            {"verb": "update", "properties": {"plann": "set", "fax": "unset"}},
            ColumnNotFoundError,
            "not in the frame: 'plann': did you mean 'plan'?",
            id="what is removed need not be a column",
        ),
        pytest.param(
            FRAME.assign(age=objects([pd.Series([1, 2], ["a", "a"]), None])),
            {"spread": ["age"]},
            OperationError,
            "cannot spread column 'age': 1 of its values have a key twice, the first at index 0: for JSON text, column.map(json.loads) "
            "keeps the last",
            id="spread of a Series with a label twice",
        ),
        pytest.param(
            FRAME,
            {"latitude": "north", "longitude": "age"},
            ColumnNotFoundError,
            f"latitude must be a number of degrees or a column, and 'north' is not in the frame: there are {LIST}",
            id="no column of latitudes",
        ),
        pytest.param(
            FRAME,
            {"latitude": 1, "longitude": "plan"},
            OperationError,
            "longitude='plan' is a column of strings: expected degrees as numbers",
            id="a column of text as longitudes",
        ),
        pytest.param(
            FRAME,
            {"latitude": 90.5, "longitude": 0},
            OperationError,
            "latitude=90.5 must be from -90 to 90 degrees",
            id="more degrees than there are",
        ),
        pytest.param(
            FRAME,
            {"latitude": 0, "longitude": float("nan")},
            OperationError,
            "longitude=nan must be from -180 to 180 degrees",
            id="no degrees",
        ),
        pytest.param(
            FRAME,
            {"latitude": [1], "longitude": 0},
            OperationError,
            "latitude=[1] must be a number or a column",
            id="a list of degrees",
        ),
        pytest.param(
            FRAME[["user_id"]],
            {},
            OperationError,
            "there is no column to set: the id or an option uses every column of the frame ('user_id')",
            id="no column left",
        ),
        pytest.param(
            FRAME[["user_id", "at"]],
            {"updated_at": "at"},
            OperationError,
            "there is no column to set: the id or an option uses every column of the frame ('user_id', 'at')",
            id="no column left beside the time",
        ),
        pytest.param(
            pd.concat([FRAME, FRAME[["plan"]]], axis=1),
            {},
            OperationError,
            "columns 'plan' occur more than once in the frame: rename or drop them",
            id="a column twice",
        ),
        pytest.param(
            FRAME.set_axis(pd.MultiIndex.from_arrays([FRAME.index] * 2, names=["key", "key"])),
            {},
            OperationError,
            "levels of the index share a name ('key', 'key'): rename them",
            id="a level of the index twice",
        ),
        pytest.param(
            pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "x"), ("a", "y")])),
            {},
            OperationError,
            "the columns are a MultiIndex of 2 levels: a property has one name, so flatten them first, with "
            "df.columns = ['_'.join(filter(None, map(str, names))) for names in df.columns]",
            id="columns of two levels",
        ),
        pytest.param(
            FRAME,
            {"ip": "1.2.3.400"},
            ColumnNotFoundError,
            f"ip must be an address or a column, and '1.2.3.400' is not in the frame: there are {LIST}",
            id="a mistyped address",
        ),
        pytest.param(
            FRAME,
            {"ip": "fe80::1%eth0"},
            ColumnNotFoundError,
            f"ip must be an address or a column, and 'fe80::1%eth0' is not in the frame: there are {LIST}",
            id="an address that is good on one network only",
        ),
        pytest.param(
            FRAME,
            {"ip": ["1.2.3.4"]},
            OperationError,
            "ip=['1.2.3.4'] must be an address or a column",
            id="a list for ip",
        ),
        pytest.param(
            FRAME,
            {"ip": "age"},
            OperationError,
            "ip='age' is a column of numbers: expected addresses as text",
            id="a column of numbers for ip",
        ),
        pytest.param(
            FRAME,
            {"updated_at": "keeep"},
            ColumnNotFoundError,
            f"updated_at must be 'keep', 'refresh', a column or a datetime, and 'keeep' is not in the frame: there are {LIST}",
            id="a mistyped updated_at",
        ),
        pytest.param(
            FRAME,
            {"updated_at": "tags"},
            OperationError,
            "updated_at='tags' is a column of lists: expected datetimes, ISO dates or seconds since 1970",
            id="a column of lists for updated_at",
        ),
        pytest.param(
            FRAME.assign(age=pd.to_timedelta(FRAME["age"], unit="s")),
            {"updated_at": "age"},
            OperationError,
            "updated_at='age' is a column of timedeltas: expected datetimes, ISO dates or seconds since 1970",
            id="a column of timedeltas for updated_at",
        ),
        *(
            pytest.param(
                FRAME,
                {"updated_at": value},
                OperationError,
                f"updated_at={value!r} must be 'keep', 'refresh', a column, a datetime, or seconds since 1970",
                id=f"updated_at: {name}",
            )
            for name, value in {
                "a boolean": True,
                "NaT": pd.NaT,
                "NA": pd.NA,
                "a list": [1],
                "bytes": b"2024",
                "a timedelta": dt.timedelta(1),
                "numpy's timedelta": np.timedelta64(1, "s"),
            }.items()
        ),
        *(
            pytest.param(
                FRAME,
                {"updated_at": value},
                OperationError,
                f"updated_at={value!r} must be from 1970 on and, as a number, seconds below 1e11: larger ones are milliseconds",
                id=f"updated_at: {name}",
            )
            for name, value in {
                "milliseconds": 1_704_110_400_000,
                "before 1970": -1,
                "a datetime before 1970": dt.datetime(1960, 1, 1),
                "NaN": float("nan"),
                "infinity": float("inf"),
                "an integer beyond floats": 10**400,
            }.items()
        ),
        pytest.param(
            FRAME,
            {"parse": {"tag": ";"}, "spread": ["x"], "rename": {"emial": "$email"}},
            ColumnNotFoundError,
            "not among the columns that are sent: parse: 'tag' (did you mean 'tags'?); "
            "spread: 'x' (there are 'email', 'plan', 'age', 'tags', 'at'); rename: 'emial' (did you mean 'email'?)",
            id="unknown labels of options, all at once",
        ),
        pytest.param(
            FRAME,
            {"invalid": {"long_string": "truncate", "plann": {"long_string": "truncate"}}},
            ColumnNotFoundError,
            "not among the columns that are sent: invalid: 'plann' (did you mean 'plan'?)",
            id="remedies of an unknown column",
        ),
        pytest.param(
            FRAME,
            {"properties": ["plan"], "parse": {"tags": ";"}},
            ColumnNotFoundError,
            "not among the columns that are sent: parse: 'tags' (there are 'plan')",
            id="an option for a column that is not sent",
        ),
        pytest.param(
            FRAME.assign(age=[{"a": 1}, 5]).set_axis(["x", "y"]),
            {"spread": ["age"]},
            OperationError,
            "cannot spread column 'age': 1 of its values are not objects with text keys, the first at index 'y'",
            id="spread of a number",
        ),
        pytest.param(
            FRAME,
            {"spread": ["tags"]},
            OperationError,
            "cannot spread column 'tags': 2 of its values are not objects with text keys, the first at index 0",
            id="spread of lists",
        ),
        pytest.param(
            FRAME.assign(plan=['{"a": 1}', "pro"]),
            {"spread": ["plan"]},
            OperationError,
            "cannot spread column 'plan': 1 of its values are not objects with text keys, the first at index 1",
            id="spread of text that is no JSON",
        ),
        pytest.param(
            FRAME.assign(plan=['{"a": 1}', "[1]"]),
            {"spread": ["plan"]},
            OperationError,
            "cannot spread column 'plan': 1 of its values are not objects with text keys, the first at index 1",
            id="spread of a JSON list",
        ),
        pytest.param(
            FRAME.assign(age=[{1: "a"}, {"b": 2}]),
            {"spread": ["age"]},
            OperationError,
            "cannot spread column 'age': 1 of its values are not objects with text keys, the first at index 0",
            id="spread of keys that are no text",
        ),
        pytest.param(
            FRAME.assign(plan=['{"a": {"b": 1}}', '{"a": {"b": 1, "b": 2}}']),
            {"spread": ["plan"]},
            OperationError,
            "cannot spread column 'plan': 1 of its values have a key twice, the first at index 1: for JSON text, column.map(json.loads) keeps "
            "the last",
            id="spread of JSON text with a key twice",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(frame, call, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        plan_for(frame, **call)


@pytest.mark.parametrize(
    ("frame", "call", "label", "in_index"),
    [
        pytest.param(FRAME, {}, "user_id", False, id="a column"),
        pytest.param(FRAME.set_index("user_id"), {}, "user_id", True, id="the index"),
        pytest.param(FRAME.set_index(["plan", "user_id"]), {}, "user_id", True, id="an index level"),
        pytest.param(
            FRAME.set_index("user_id", drop=False), {}, "user_id", False, id="a column before an index level"
        ),
        pytest.param(
            FRAME.rename(columns={"user_id": "distinct_id"}),
            {"id": None},
            "distinct_id",
            False,
            id="distinct_id",
        ),
        pytest.param(
            FRAME.assign(**{"$distinct_id": ["a", "b"], "distinct_id": 1}),
            {"id": None},
            "$distinct_id",
            False,
            id="$distinct_id first",
        ),
        pytest.param(
            FRAME.assign(company="x"),
            {"id": None, "group": "company"},
            "company",
            False,
            id="the column named like the group key",
        ),
        pytest.param(
            FRAME.assign(company="x", group_id="y"),
            {"id": None, "group": "company"},
            "group_id",
            False,
            id="group_id before it",
        ),
        pytest.param(with_columns(0, 1), {"id": 0}, 0, False, id="a label that is a number"),
        pytest.param(
            FRAME.set_axis(pd.MultiIndex.from_arrays([FRAME.index] * 2)),
            {"id": "user_id"},
            "user_id",
            False,
            id="beside levels without names",
        ),
    ],
)
def test_where_the_ids_are(frame, call, label, in_index):
    source = plan_for(frame, **call).id
    assert (source.label, source.in_index) == (label, in_index)


@pytest.mark.parametrize(
    ("call", "names"),
    [
        pytest.param({}, ["email", "plan", "age", "tags", "at"], id="every other column"),
        pytest.param({"properties": "plan"}, ["plan"], id="one label"),
        pytest.param({"properties": ["age", "plan"]}, ["age", "plan"], id="labels in their order"),
        pytest.param({"updated_at": "at"}, ["email", "plan", "age", "tags"], id="but for those of options"),
        pytest.param(
            {"updated_at": "at", "properties": ["at", "age"]}, ["at", "age"], id="unless they are named"
        ),
        pytest.param(
            {"rename": {"plan": "Plan"}}, ["email", "Plan", "age", "tags", "at"], id="renamed by a mapping"
        ),
        pytest.param(
            {"rename": str.upper}, ["EMAIL", "PLAN", "AGE", "TAGS", "AT"], id="renamed by a function"
        ),
        pytest.param({"rename": "reserved"}, ["$email", "plan", "age", "tags", "at"], id="reserved names"),
        pytest.param(
            {"invalid": {"user_id": {"missing_id": "drop_row"}}},
            ["email", "plan", "age", "tags", "at"],
            id="remedies of the ids",
        ),
        pytest.param(
            {"id": "email", "rename": {"email": "$email"}},
            ["user_id", "$email", "plan", "age", "tags", "at"],
            id="the ids, if rename names them",
        ),
        pytest.param(
            {"id": "email", "rename": "reserved"},
            ["user_id", "plan", "age", "tags", "at"],
            id="not by a set of names",
        ),
        pytest.param(
            {"properties": ["plan", "user_id"]}, ["plan", "user_id"], id="the ids, if properties name them"
        ),
        pytest.param(
            {"updated_at": "at", "rename": {"at": "When"}},
            ["email", "plan", "age", "tags", "When"],
            id="times, if rename names them",
        ),
        pytest.param(
            {"latitude": "age", "longitude": 5},
            ["email", "plan", "tags", "at"],
            id="locations are no properties",
        ),
    ],
)
def test_which_columns_become_which_properties(call, names):
    assert [column.name for column in plan_for(FRAME, **call).columns] == names


def test_ids_in_the_index_are_a_property_if_they_are_named():
    frame = FRAME.set_index("email")
    for call in (
        {"rename": {"email": "$email"}},
        {"properties": ["email", "plan"], "rename": {"email": "$email"}},
    ):
        layout = plan_for(frame, id="email", **call)
        assert "$email" in [column.name for column in layout.columns]
    [[record]] = encoded(frame[:1], "set", ["email"], id="email")
    assert record["$set"] == {"email": record["$distinct_id"]}


def test_several_operators():
    layout = plan_for(
        FRAME,
        "update",
        properties={"plan": "set", "fax": "unset", "tags": "union", "age": "add"},
        missing="unset",
    )
    assert [(column.name, column.operator.verb, column.missing) for column in layout.columns] == [
        ("plan", "set", "unset"),
        ("tags", "union", "skip"),
        ("age", "add", "skip"),
    ]
    assert layout.removed == ("fax",)


@pytest.mark.parametrize(
    ("values", "meant"),
    [
        pytest.param(
            [{"a": 1, "b": "x"}, {"b": None}, {}, None],
            [{"a": 1, "b": "x"}, MISSING, MISSING, MISSING],
            id="dicts",
        ),
        pytest.param(
            ['{"a": [1], "b": {"c": 1}}', "null", " ", None],
            [{"a": [1], "b": {"c": 1}}, MISSING, MISSING, MISSING],
            id="JSON text",
        ),
        pytest.param(
            ['{"a": 18446744073709551617}', '{"b": {"c": 0.12345678901234567890}}'],
            [{"a": "18446744073709551617"}, {"b": {"c": decimal.Decimal("0.12345678901234567890")}}],
            id="long numbers in JSON text",
        ),
        pytest.param(
            pd.Series(
                [{"a": 1, "b": "x"}, {"a": None, "b": "y"}, None],
                dtype=pd.ArrowDtype(pa.struct([("a", pa.int64()), ("b", pa.string())])),
            ),
            [{"a": 1, "b": "x"}, {"b": "y"}, MISSING],
            id="structs",
        ),
        pytest.param(
            pd.Series([[("k", 1)], None], dtype=pd.ArrowDtype(pa.map_(pa.string(), pa.int64()))),
            [{"k": 1}, MISSING],
            id="maps",
        ),
        pytest.param([{"a": 1}, {"a": "x"}], [{"a": 1}, {"a": "x"}], id="a key with values of several types"),
        pytest.param([{}, None], [MISSING, MISSING], id="no keys at all"),
        pytest.param([None], [MISSING], id="no objects at all"),
    ],
)
def test_spread(values, meant):
    column = values if isinstance(values, pd.Series) else objects(values)
    frame = pd.DataFrame({"id": [f"u{row}" for row in range(len(column))], "x": column, "also": 1})
    for per_slice in range(1, len(column) + 1):
        rows = encoded(frame, "set", spread=["x"], rows_per_slice=per_slice)
        found = [
            {key: value for key, value in record["$set"].items() if key != "also"} or MISSING
            for [record] in rows
        ]
        assert found == meant


@pytest.mark.parametrize("value", [pytest.param(None, id="nothing"), pytest.param({}, id="an empty object")])
def test_objects_without_keys_leave_a_column_that_says_nothing(value):
    frame = pd.DataFrame({"user_id": ["a"], "x": objects([value])})
    layout = plan_for(frame, spread=["x"], missing="unset")
    [column] = layout.columns
    assert (column.name, column.missing) == ("x", "skip")
    assert normalise_column(layout, column, slice(0, 1)).missing.tolist() == [True]


def test_a_key_that_no_object_has_is_neither_null_nor_removed():
    frame = pd.DataFrame({"id": ["a"], "x": objects([None]), "also": [1]})
    for missing in ("null", "unset"):
        [[record]] = encoded(frame, "set", spread=["x"], missing=missing)
        assert record["$set"] == {"also": 1}


def test_the_keys_of_spread_objects_may_be_missing():
    frame = pd.DataFrame({"id": ["a", "b"], "x": [{"p": 1}, {"q": 2}]})
    first, second = encoded(frame, "set", spread=["x"], missing="unset")
    assert [record.get("$set", record.get("$unset")) for record in first] == [{"p": 1}, ["q"]]
    assert [record.get("$set", record.get("$unset")) for record in second] == [{"q": 2}, ["p"]]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("1.2.3.4", "1.2.3.4", id="IPv4"),
        pytest.param("::FFFF:1", "::ffff:1", id="IPv6 in one form"),
        pytest.param("fe80::1%eth0", None, id="with a zone"),
        pytest.param("1.2.3", None, id="cut short"),
        pytest.param(" 1.2.3.4", None, id="with a blank"),
        pytest.param(16909060, None, id="a number"),
        pytest.param(None, None, id="nothing"),
    ],
)
def test_addresses(text, found):
    assert address(text) == found


@pytest.mark.parametrize(
    ("frame", "least", "most"),
    [
        pytest.param(pd.DataFrame({"user_id": ["a"], "x": [1]}), 25_000, SLICE_BYTES, id="narrow"),
        pytest.param(
            pd.DataFrame({"user_id": ["a"], "x": ["y" * 1_000_000]}), 1, WIDE_BYTES / 1e6, id="long text"
        ),
        pytest.param(
            pd.DataFrame({"user_id": ["a"], "x": ["y" * 100_000_000]}),
            1,
            1,
            id="one row is more than a slice",
        ),
        pytest.param(pd.DataFrame({"user_id": [], "x": []}), 1, SLICE_BYTES, id="no rows"),
        pytest.param(
            pd.DataFrame(np.ones((3, 500))).rename(columns=str).assign(user_id="a"),
            FEW_ROWS,
            2000,
            id="many columns",
        ),
    ],
)
def test_a_slice_is_judged_by_its_bytes(frame, least, most):
    assert least <= plan_for(frame).rows_per_slice <= most


def test_objects_that_are_spread_count_once():
    frame = pd.DataFrame({"user_id": "a", "x": [{f"key{number}": number for number in range(50)}] * 10})
    whole, spread = (plan_for(frame, **options).rows_per_slice for options in ({}, {"spread": ["x"]}))
    assert spread > whole / 3


def test_long_text_anywhere_in_the_frame_counts():
    column = pd.array(["x"] * 1000 + ["y" * 5000] * 1000, dtype="string[pyarrow]")
    few = plan_for(pd.DataFrame({"user_id": "a", "x": column})).rows_per_slice
    assert SLICE_BYTES / 5500 < few < SLICE_BYTES / 2000


def test_objects_weigh_more_because_they_are_copied_first():
    texts = ["y" * 500] * 1000
    in_arrow, objects = (
        plan_for(pd.DataFrame({"user_id": "a", "x": pd.Series(texts, dtype=dtype)})).rows_per_slice
        for dtype in ("string[pyarrow]", object)
    )
    assert in_arrow / 3 < objects < in_arrow / 2


@pytest.mark.parametrize(
    "index",
    [
        pytest.param(pd.Index([3, 3, 3], name="user_id"), id="doubles"),
        pytest.param(pd.RangeIndex(3, name="user_id"), id="range"),
        pytest.param(pd.CategoricalIndex(["a", "b", "a"], name="user_id"), id="categories"),
        pytest.param(pd.Index(["a", "b", None], name="user_id", dtype=object), id="objects"),
        pytest.param(
            pd.MultiIndex.from_product([["x"], ["a", "b", "c"]], names=["level", "user_id"]), id="levels"
        ),
    ],
)
def test_values_of_an_index_level(index):
    frame = pd.DataFrame({"x": [1, 2, 3]}, index=index)
    source = plan_for(frame).id
    meant = list(index.get_level_values("user_id"))
    assert list(source.at()) == meant
    assert list(source.at(slice(1, 3))) == meant[1:]


def test_the_values_of_a_column_are_not_copied():
    frame = pd.DataFrame({"user_id": np.arange(5), "x": 1.0})
    assert np.shares_memory(layout_of_ids(frame, "user_id").id.at(slice(1, 3)), frame["user_id"].to_numpy())


def test_a_plan_of_ids_reads_nothing_else():
    layout = layout_of_ids(FRAME, "user_id")
    assert (layout.columns, layout.rows, layout.id.label) == ((), 2, "user_id")


@pytest.mark.parametrize("rows", [0, 1, 7, 1000])
def test_slices_and_spans_are_all_rows(rows):
    frame = pd.DataFrame({"user_id": np.arange(rows), "a": 1, "b": 2})
    layout = replace(plan_for(frame), rows_per_slice=3)
    for parts in (layout.slices(), layout.spans()):
        assert [row for part in parts for row in range(part.start, part.stop)] == list(range(rows))
    assert len(layout.spans()) <= len(layout.slices())


def test_the_layout_of_columns_alone():
    layout = layout_of_columns(FRAME)
    assert [column.label for column in layout.columns] == list(FRAME.columns)
    assert [column.kind for column in layout.columns] == [column.rule.kind for column in layout.columns]
    assert layout.rows == len(FRAME)
    assert layout.rows_per_slice > 0


@pytest.mark.parametrize(
    ("spread", "names"),
    [
        pytest.param("o", ["city", "zip"], id="one label"),
        pytest.param(["o"], ["city", "zip"], id="a list"),
        pytest.param(iter(["o"]), ["city", "zip"], id="an iterator"),
        pytest.param({"o": "address_"}, ["address_city", "address_zip"], id="a prefix"),
        pytest.param({"o": ""}, ["city", "zip"], id="an empty prefix"),
        pytest.param({"o": None}, ["city", "zip"], id="no prefix"),
        pytest.param(5, ["n"], id="a label that is a number"),
    ],
)
def test_the_names_of_properties_that_are_spread(spread, names):
    frame = pd.DataFrame({"id": ["a", "b"], "o": [{"city": "Ulm"}, {"zip": "1"}], 5: [{"n": 1}, None]})
    properties = [5] if spread == 5 else ["o"]
    layout = make_layout(frame, operation("set", "id", properties, None, {"spread": spread}))
    assert [column.name for column in layout.columns] == names


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(Point(1, "z"), id="named tuple"),
        pytest.param(pd.Series([1, "z"], ["x", "y"], dtype=object), id="Series"),
    ],
)
def test_objects_that_are_no_dicts_are_spread(value):
    frame = pd.DataFrame({"id": ["a"], "o": objects([value])})
    [[record]] = encoded(frame, "set", spread="o")
    assert record["$set"] == {"x": 1, "y": "z"}


@pytest.mark.parametrize("value", [2**64, [2**64, 1], {"a": {"b": -(2**70)}}, [[2**64]], [{"a": 2**64}]])
def test_huge_integers_are_sent_alike_by_all_ways(value):
    text = json.dumps(value)
    frames = [
        (pd.DataFrame({"id": ["a"], "v": objects([value])}), {}),
        (pd.DataFrame({"id": ["a"], "v": [text]}), {"parse": {"v": "json"}}),
        (mpd.frame(io.BytesIO(f'{{"id":"a","v":{text}}}'.encode()), format="jsonl"), {}),
        (mpd.frame([pd.DataFrame({"id": ["a"], "v": objects([value])})]), {}),
    ]
    for frame, options in frames:
        [[record]] = encoded(frame, "set", ["v"], **options)
        assert json.dumps(record["$set"]["v"], default=int) == re.sub(r"-?\d{19,}", r'"\g<0>"', text)
        assert "inexact_integer" in set(frame.mixpanel.validate("set", "id", ["v"], **options)["check"])


def test_huge_integers_are_no_numbers_to_add():
    frame = pd.DataFrame({"id": ["a", "b"], "v": objects([2**64, 1])})
    report = frame.mixpanel.validate("add", "id")
    assert report.loc[report["check"] == "wrong_type", "position"].tolist() == [0]


def test_huge_integers_of_json_text_that_is_spread_are_reported():
    frame = pd.DataFrame({"id": ["a", "b"], "o": ['{"n": 18446744073709551616}', '{"n": 5}']})
    report = frame.mixpanel.validate("set", "id", spread="o")
    assert set(report["check"]) == {"inexact_integer", "mixed_types"}


class Nameless:
    """A label that cannot be written."""

    def __str__(self):
        raise ZeroDivisionError


def test_a_label_without_a_text_is_refused():
    with pytest.raises(OperationError, match="cannot be converted to text"):
        plan_for(with_columns("user_id", Nameless()))

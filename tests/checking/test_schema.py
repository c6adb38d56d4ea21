"""Every check by a frame that fails it and one that just passes; the user's own schema; schemas to take away."""

from __future__ import annotations

import datetime as dt
import gc
import os
import subprocess
import sys
import warnings
import weakref
from decimal import Decimal

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from mixpanel_pandas import OperationError, ValidationError
from mixpanel_pandas.checking import schema as schema_module
from mixpanel_pandas.checking.findings import PARSE_MESSAGES
from mixpanel_pandas.rules.checks import CHECKS
from mixpanel_pandas.rules.limits import HELPER_COLUMNS

LONG = "x" * 256
FIELDS = ("ip", "latitude", "longitude")
INDEX = ["p", "q", "r"]

BYTES, CHARACTERS, PLENTY = "255 bytes", "255 characters", "256,000 bytes"
EXACT, KEYS, LEVELS = "9,007,199,254,740,992", "255 keys", "3 levels"
MEGABYTE, SECONDS = "1,000,000 bytes", "100,000,000,000 seconds"


def nested(levels):
    return {"k": nested(levels - 1)} if levels > 1 else {"k": 1}


def keys(count):
    return {f"k{number}": 1 for number in range(count)}


def column(bad, passes, like=None, **more):
    """A row of `VALUES`: a bad value and one that just passes; the other rows hold `like`, of the same type."""
    return {"bad": bad, "passes": passes, "like": passes if like is None else like, **more}


AWARE = dt.datetime(2024, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
NAIVE = AWARE.replace(tzinfo=None)
IN_BERLIN = {"v": "date:Europe/Berlin"}

#: Check, severity, limit, values; each value stands in row 1 of three.
VALUES = [
    ("long_string", "error", BYTES, column(LONG, "x" * 255)),
    ("long_string", "error", BYTES, column("é" * 128, "é" * 127 + "x")),
    ("long_string", "error", BYTES, column(LONG, "x" * 255, 5)),
    ("long_item", "error", CHARACTERS, column(["a", LONG], ["a", "x" * 255])),
    ("long_item", "error", CHARACTERS, column([LONG, {}], ["x" * 255, {}])),
    ("heavy_item", "warning", BYTES, column(["é" * 128], ["é" * 127 + "x"])),
    ("heavy_item", "warning", BYTES, column(["é" * 128, {}], ["é" * 127 + "x", {}])),
    ("large_list", "error", PLENTY, column(["x" * 197] * 1281, ["x" * 197] * 1279)),
    ("large_list", "error", PLENTY, column([{"k": "x" * 191}] * 1281, [{"k": "x" * 191}] * 1279)),
    ("nested_list", "error", None, column([["a"]], [{"a": 1}])),
    ("large_object", "error", PLENTY, column({"k": "x" * 255_993}, {"k": "x" * 255_992})),
    ("many_keys", "error", KEYS, column(keys(256), keys(255))),
    ("many_keys", "error", KEYS, column({"k": keys(256)}, {"k": keys(255)})),
    ("deep_object", "error", LEVELS, column(nested(4), nested(3))),
    ("deep_item", "error", "1 level", column([{"k": {"l": 1}}], [{"k": 1}])),
    ("odd_key", "error", None, column({1: "a"}, {"1": "a"})),
    ("infinite", "error", None, column(np.inf, 1e308)),
    ("infinite", "error", None, column(-np.inf, -1e308)),
    ("infinite", "error", None, column([1.5, np.inf], [1.5, 2.5])),
    ("infinite", "error", None, column({"k": [{"l": np.inf}]}, {"k": [{"l": 1.5}]})),
    ("broken_text", "error", None, column("a\ud800", "a\u20ac")),
    ("broken_text", "error", None, column({"k": "\ud800"}, {"k": "€"})),
    (
        "date_range",
        "error",
        None,
        column(np.datetime64("10000-01-01", "s"), np.datetime64("9999-12-31", "s")),
    ),
    ("unsupported_value", "error", None, column(object(), "x", 5)),
    ("unsupported_value", "error", None, column({"k": b"x"}, {"k": "x"})),
    ("bad_json", "error", None, column("{", "{}", parse={"v": "json"})),
    ("repeated_key", "error", None, column('{"a":1,"a":1}', '{"a":1,"b":{"a":1}}', parse={"v": "json"})),
    (
        "missing_as_text",
        "hint",
        None,
        column(
            "N/A",
            "NA",
            "x",
            says="texts that probably mean a missing value are sent as text ('N/A'): na='common' treats them as missing",
        ),
    ),
    (
        "missing_as_text",
        "hint",
        None,
        column(
            r"\N",
            "N",
            5,
            says=r"texts that probably mean a missing value are sent as text ('\\N'): na='common' treats them as missing",
        ),
    ),
    ("wrong_type", "error", None, column("x", 1, 2.5, verb="add")),
    ("wrong_type", "error", None, column(["x"], "x", 1, verb="remove")),
    ("union_items", "error", None, column([{"k": 1}], ["k"], verb="union")),
    ("union_items", "error", None, column([True], [1], verb="union")),
    ("inexact_integer", "warning", EXACT, column(2**53 + 1, 2**53)),
    ("inexact_integer", "warning", EXACT, column(-(2**53) - 1, -(2**53))),
    ("inexact_integer", "warning", EXACT, column({"k": 2**53 + 1}, {"k": 2**53})),
    ("inexact_integer", "warning", EXACT, column("[18446744073709551616]", "[1]", parse={"v": "json"})),
    ("inexact_decimal", "warning", None, column(Decimal("0.1000000000000000123"), Decimal("0.1"))),
    ("inexact_decimal", "warning", None, column("[1e-324]", "[5e-324]", parse={"v": "json"})),
    ("naive_datetime", "warning", None, column({"k": NAIVE}, {"k": AWARE})),
    ("offset_date", "warning", None, column("2024-01-05T23:00:00-05:00", "2024-01-05T23:00:00Z")),
    ("offset_date", "warning", None, column("2024-01-05 23:00+01", "2024-01-05 23:00", 5)),
    ("sub_millisecond", "hint", None, column(AWARE.replace(microsecond=1), AWARE.replace(microsecond=1000))),
    ("period", "hint", None, column({"k": pd.Period("2024-01")}, {"k": AWARE})),
    ("unreadable", "error", None, column("1,5", "1.5", parse={"v": "number"})),
    ("unreadable", "error", None, column("maybe", "NO", "yes", parse={"v": "boolean:Yes/No"})),
    ("unreadable", "error", None, column('"a', '"a;b"', parse={"v": "list:semicolon"})),
    ("inexact", "error", None, column("9007199254740993", "9007199254740992", "1.5", parse={"v": "number"})),
    ("other_currency", "error", None, column("€1", "$1", parse={"v": "number:money"})),
    ("two_way_date", "error", None, column("05/07/2024", "2024-07-05", parse={"v": "date"})),
    ("no_offset", "error", None, column("2024-01-02T03:04", "2024-01-02T03:04Z", parse={"v": "date"})),
    ("nonexistent_time", "error", None, column("2024-03-31 02:00", "2024-03-31 03:00", parse=IN_BERLIN)),
    ("ambiguous_time", "error", None, column("2024-10-27 02:00", "2024-10-27 03:00", parse=IN_BERLIN)),
    (
        "out_of_range",
        "error",
        None,
        column("0001-01-01T00:59+01", "0001-01-01T01:00+01", parse={"v": "date"}),
    ),
    ("mixed_items", "error", None, column("['a', 1]", "['a', '1']", parse={"v": "list:python"})),
    ("email", "warning", None, column("ann", "ann@x.com", name="$email")),
    ("email", "warning", None, column("ann x@x.com", "ann.x@x.com", name="$email")),
    ("email", "warning", None, column("ann", "ann@x.com", 5, name="$email")),
    (
        "email",
        "warning",
        None,
        column(
            "ann@x.com\u200b",
            "ann@x.com",
            name="$email",
            says="the value is not an e-mail address: trim=True removes outer blanks and invisible characters",
        ),
    ),
    ("phone", "warning", None, column("0049 1", "+49 1", name="$phone")),
    ("avatar", "warning", None, column("https://x.org/a.svg", "https://x.org/a.JPEG?s=9", name="$avatar")),
    ("avatar", "warning", None, column("x.org/a.png", "http://x.org/a.png", name="$avatar")),
    ("created", "error", None, column("1.2.2024", "2024-01-02T03:04:05", name="$created")),
    ("created", "error", None, column(5, "2024-01-02", name="$created")),
    ("timezone", "warning", None, column("UTC+01:00", "Europe/Berlin", name="$timezone")),
    ("country_code", "warning", None, column("DEU", "DE", name="$country_code")),
    ("reserved_type", "warning", None, column(5, "+49 1", name="$phone")),
    ("blank_id", "error", None, column(" \t", "x", name="user_id")),
    ("junk_id", "error", None, column(" NULL ", "nullable", name="user_id")),
    ("missing_id", "error", None, column(None, "x", name="user_id")),
    ("inexact_id", "error", None, column(2.0**53, 2.0**53 - 1, 5.0, name="user_id")),
    ("inexact_id", "error", None, column(1.5, 2.0, 5.0, name="user_id")),
    ("untyped_id", "error", None, column(["x"], "x", name="user_id")),
    ("untyped_id", "error", None, column(True, "x", name="user_id")),
    ("long_id", "warning", BYTES, column(LONG, "x" * 255, "short", name="user_id")),
    ("anonymous_id", "warning", None, column("$device:1", "device:1", name="user_id")),
    ("anonymous_id", "warning", None, column("Anon-1", "nonanon-1", name="user_id")),
    ("padded_id", "warning", None, column(" ann", "a nn", name="user_id")),
    ("invisible_id", "warning", None, column("an\u200bn", "ann", name="user_id")),
    ("unicode_form", "warning", None, column("jose\u0301", "jos\u00e9", name="user_id")),
    ("float_id", "warning", None, column("101.0", "101.5", name="user_id")),
    ("exponent_id", "warning", None, column("1.23457E+11", "E11", name="user_id")),
    ("guarded_id", "warning", None, column("'7001", "o'neill", name="user_id")),
    ("error_cell", "warning", None, column("#REF!", "#1", name="user_id")),
    ("similar_id", "warning", None, column("U0", "u1", name="user_id", others={0})),
    ("duplicate_id", "error", None, column("u0", "u1", name="user_id", others={0})),
    ("shared_email", "warning", None, column("A@x.com", "b@x.com", name="$email", others={0})),
    ("ip", "error", None, column("300.1.1.1", "255.1.1.1", name="ip", ip="ip")),
    ("ip", "error", None, column("localhost", "::1", name="ip", ip="ip")),
    (
        "latitude",
        "error",
        "90 degrees",
        column(-90.5, -90.0, name="latitude", latitude="latitude", longitude=180),
    ),
    ("latitude", "error", "90 degrees", column(None, 0, name="latitude", latitude="latitude", longitude=0)),
    (
        "longitude",
        "error",
        "180 degrees",
        column(181, 180, name="longitude", latitude=-90, longitude="longitude"),
    ),
    ("time", "error", SECONDS, column(100_000_000_000, 99_999_999_999, name="time", updated_at="time")),
    ("time", "error", SECONDS, column("soon", "2024-01-02", name="time", updated_at="time")),
]


def frame_of(values, value):
    """Return a frame of three rows with `value` in the one in the middle."""
    name = values.get("name", "v")
    like = values["like"]
    if name == "user_id":
        base = ["u0", "u1", "u2"] if isinstance(like, str) else [like, like + 1, like + 2]
    elif "others" in values:
        base = ["a@x.com", "o@x.com", "p@x.com"]
    else:
        base = [like, like, like]
    cells = np.empty(3, dtype=object)
    cells[:] = [base[0], value, base[2]]
    scalar = isinstance(value, float | np.datetime64) and type(like) is type(value)
    surrogate = value == "a\ud800"  # pandas' own strings cannot hold it
    series = pd.Series(
        list(cells) if scalar else cells, INDEX, dtype=object if surrogate else None, name=name
    )
    frame = pd.DataFrame({"user_id": pd.Series(["u0", "u1", "u2"], INDEX), "n": pd.Series([1, 2, 3], INDEX)})
    return frame.assign(**{name: series})


def checked(values, value):
    """Return the frame with `value`, and its report."""
    options = {key: values[key] for key in ("parse", *FIELDS, "updated_at") if key in values}
    frame = frame_of(values, value)
    properties = None if values.get("name") in {"user_id", *FIELDS, "time"} else [values.get("name", "v")]
    report = frame.mixpanel.validate(values.get("verb", "set"), "user_id", properties, **options)
    return frame, report


VALUE_IDS = [f"{check}: {row['bad']!r:.16} ({place})" for place, (check, _s, _l, row) in enumerate(VALUES)]


@pytest.mark.parametrize(("check", "severity", "limit", "values"), VALUES, ids=VALUE_IDS)
def test_a_value_that_fails(check, severity, limit, values):
    frame, report = checked(values, values["bad"])
    found = report[report["check"] == check]
    positions = sorted({1, *values.get("others", ())})
    label = values.get("name", "v")
    name = None if label in {"user_id", *FIELDS, "time"} else label
    assert found["position"].tolist() == positions
    assert found["index"].tolist() == [INDEX[position] for position in positions]
    assert found["severity"].unique().tolist() == [severity]
    assert found["limit"].unique().tolist() == [limit]
    assert found["column"].unique().tolist() == [label]
    assert found["property"].unique().tolist() == [name]
    says = values.get("says", CHECKS[check].says)
    if "parse" in values and check in PARSE_MESSAGES:
        says = PARSE_MESSAGES[check].format(parse=f"parse={values['parse']!r}")
    assert found["message"].unique().tolist() == [says]
    assert found["count"].unique().tolist() == [len(positions)]
    for position, value in zip(positions, found["value"], strict=True):
        expected = frame[label].iloc[position]
        assert value is expected or value == expected or (pd.isna(value) and pd.isna(expected))


@pytest.mark.parametrize(("check", "severity", "limit", "values"), VALUES, ids=VALUE_IDS)
def test_a_value_that_just_passes(check, severity, limit, values):
    _frame, report = checked(values, values["passes"])
    assert check not in report["check"].tolist()


DURATION = pd.to_timedelta([1], unit="s")

#: Check, severity, limit, columns of a frame that fails, columns of one that passes, what is called, value.
COLUMNS = [
    ("long_name", "error", CHARACTERS, {"é" * 256: [1]}, {"é" * 255: [1]}, {}),
    ("same_name", "error", None, {"a": [1], "b": [2]}, {"a": [1], "b": [2]}, {"rename": {"b": "a"}}),
    ("same_name", "error", None, {"x" * 255 + "a": [1], "x" * 255 + "b": [2]}, {"x" * 254 + "a": [1]}, {}),
    ("no_name", "error", None, {" ": [1]}, {" a": [1]}, {}),
    ("no_name", "error", None, {None: [1]}, {"None": [1]}, {}),
    ("no_name", "error", None, {float("nan"): [1]}, {"nan": [1]}, {}),
    ("broken_name", "error", None, {"a\ud800": [1]}, {"a€": [1]}, {}),
    ("computed_property", "error", None, {"$last_seen": ["x"]}, {"$city": ["x"]}, {}),
    ("identity_property", "error", None, {"$distinct_id": ["x"]}, {"distinct id": ["x"]}, {}),
    ("alias_property", "warning", None, {"$vwo_user_id": ["x"]}, {"$flagship_user_id": ["x"]}, {}),
    ("misplaced_field", "warning", None, {"$ip": ["1.2.3.4"]}, {"$os": ["x"]}, {}),
    ("unsupported_dtype", "error", None, {"t": DURATION}, {"t": DURATION.total_seconds()}, {}),
    ("wrong_type", "error", None, {"n": ["x"]}, {"n": [1]}, {"verb": "add"}),
    ("wrong_type", "error", None, {"n": [5]}, {"n": [["a"]]}, {"parse": {"n": ";"}}),
    ("created", "error", None, {"$created": [5]}, {"$created": [AWARE]}, {}),
    ("reserved_type", "warning", None, {"$phone": [5]}, {"$phone": ["+5"]}, {}),
    ("mixed_types", "warning", None, {"v": [5, "x"]}, {"v": ["5", "x"]}, {}),
    ("naive_datetime", "warning", None, {"v": [NAIVE]}, {"v": [AWARE]}, {}),
    (
        "naive_datetime",
        "warning",
        None,
        {"v": ["2024-01-02T03"]},
        {"v": ["2024-01-02T03Z"]},
        {"parse": {"v": "date"}},
    ),
    ("number_as_text", "hint", None, {"v": ["1,5"]}, {"v": ["1,5", "x"]}, {}),
    ("date_as_text", "hint", None, {"v": ["5 Jan 2024"]}, {"v": ["5 Jan"]}, {}),
    ("boolean_as_text", "hint", None, {"v": ["yes", "no"]}, {"v": ["yes", "no", "later"]}, {}),
    ("list_as_text", "hint", None, {"v": ["a;b", "b"]}, {"v": ["a;b", "c"]}, {}),
    ("json_as_text", "hint", None, {"v": ["{}"]}, {"v": ["{]"]}, {}),
    ("padded_name", "warning", None, {"plan\u200b": ["x"]}, {"p lan": ["x"]}, {}),
    ("padded_name", "warning", None, {" plan": ["x"]}, {"plan": ["x"]}, {}),
    ("similar_name", "warning", None, {"Plan": ["x"], "plan": ["x"]}, {"plan": ["x"], "plans": ["x"]}, {}),
    ("similar_name", "warning", None, {"$Last_Seen": ["x"]}, {"last_seen": ["x"]}, {}),
    ("helper_column", "warning", None, {"Unnamed: 0": [5]}, {"Unnamed": [5]}, {}),
    ("helper_column", "warning", None, {"_merge": ["both"]}, {"merge": ["both"]}, {}),
    ("no_header", "warning", None, {0: [5]}, {"0": [5]}, {}),
    ("bucket", "warning", None, {"bucket": [5]}, {"buckets": [5]}, {}),
    ("lookalike", "hint", None, {"E-Mail": ["a@b.c"]}, {"$email": ["a@b.c"]}, {}),
    ("dollar_name", "hint", None, {"$plan": ["pro"]}, {"plan$": ["pro"]}, {}),
    ("record_field", "hint", None, {"token": ["x"]}, {"tokens": ["x"]}, {}),
    ("new_property", "warning", None, {"plna": ["x"]}, {"plan": ["x"]}, {"known": ["plan"]}),
    (
        "absent_property",
        "warning",
        None,
        {"plna": ["x"]},
        {"plan": ["x"]},
        {"known": ["plan"], "verb": "remove"},
    ),
    ("type_drift", "warning", None, {"n": ["x"]}, {"n": [5]}, {"known": {"n": "number"}}),
    (
        "no_list",
        "warning",
        None,
        {"n": ["x"]},
        {"tags": ["x"]},
        {"known": {"n": "number", "tags": "list"}, "verb": "union"},
    ),
    (
        "no_number",
        "warning",
        None,
        {"n": [5]},
        {"m": [5]},
        {"known": {"n": "list", "m": "number"}, "verb": "add"},
    ),
    ("appended_list", "hint", None, {"v": [["x"]]}, {"v": ["x"]}, {"verb": "append"}),
]
COLUMN_IDS = [f"{row[0]}: {next(iter(row[3]))!r:.20} ({place})" for place, row in enumerate(COLUMNS)]


def column_report(columns, verb="set", **options):
    rows = len(next(iter(columns.values())))
    frame = pd.concat(
        [pd.Series([f"u{row}" for row in range(rows)]), *map(pd.Series, columns.values())], axis=1
    )
    frame.columns = pd.Index(["user_id", *columns], dtype=object)
    return frame.mixpanel.validate(verb, "user_id", **options)


@pytest.mark.parametrize(("check", "severity", "limit", "bad", "passes", "call"), COLUMNS, ids=COLUMN_IDS)
def test_a_column_that_fails_as_a_whole(check, severity, limit, bad, passes, call):
    report = column_report(bad, **call)
    found = report[report["check"] == check]
    assert len(found) == (len(bad) if check in {"same_name", "similar_name"} else 1)
    first = found.iloc[0]
    label = next(iter(bad))
    assert first["column"] is label or first["column"] == label or pd.isna(label)
    assert (first["severity"], first["limit"], first["count"]) == (severity, limit, 1)
    assert first["index"] is None
    assert first["position"] is pd.NA
    assert first["property"] == call.get("rename", {}).get(label, str(label))
    if check != "same_name":
        assert check not in column_report(passes, **call)["check"].tolist()
    else:
        assert check not in column_report(passes)["check"].tolist()


#: Checks that are told elsewhere: by the number of columns and by size; of the dtype of the ids.
BY_SIZE = {"many_properties", "large_update", "large_row"}
BY_DTYPE = {"float_ids"}
OF_CALLS = {"no_backup"}  # tests/test_pipeline_backup.py


@pytest.mark.parametrize(
    ("ids", "checks"),
    [
        pytest.param([1.0, 2.0], ["float_ids"], id="floats"),
        pytest.param(pd.array([1.0, None], "Float64"), ["missing_id", "float_ids"], id="nullable floats"),
        pytest.param([1.0, 2.5], ["inexact_id"], id="floats that are no ids anyway"),
        pytest.param([1, 2], [], id="whole numbers"),
        pytest.param(["1.0", "2"], ["float_id"], id="text of floats"),
    ],
)
def test_ids_that_are_floats(ids, checks):
    for frame in (
        pd.DataFrame({"user_id": ids, "n": 1}),
        pd.DataFrame({"n": 1}, pd.Index(ids, name="user_id")),
    ):
        report = frame.mixpanel.validate("set", "user_id")
        assert report["check"].tolist() == checks
        of_whole = report[report["check"] == "float_ids"]
        assert of_whole["severity"].tolist() == ["warning"] * len(of_whole)
        assert of_whole["column"].tolist() == ["user_id"] * len(of_whole)
        assert of_whole["position"].isna().all()


def test_every_check_has_a_case():
    assert {row[0] for row in [*VALUES, *COLUMNS]} | BY_SIZE | BY_DTYPE | OF_CALLS == set(CHECKS)


@pytest.mark.parametrize("check", CHECKS.values(), ids=list(CHECKS))
def test_severities_of_the_table_are_those_of_the_cases(check):
    told = {row[1] for row in [*VALUES, *COLUMNS] if row[0] == check.name}
    assert told == ({check.severity} if check.name not in BY_SIZE | BY_DTYPE | OF_CALLS else set())


SIZES = [
    pytest.param(
        {f"p{n}": [1] for n in range(2001)}, "set", {}, "many_properties", "2,000 properties", id="properties"
    ),
    pytest.param({"a": ["x" * 1_000_001]}, "set", {}, "large_update", MEGABYTE, id="update"),
    pytest.param(
        {"a": ["x" * 600_000], "b": ["x" * 600_000]},
        "update",
        {"a": "set", "b": "set_once"},
        "large_row",
        MEGABYTE,
        id="row",
    ),
]


@pytest.mark.parametrize(("columns", "verb", "properties", "check", "limit"), SIZES)
def test_a_row_that_is_too_much(columns, verb, properties, check, limit):
    frame = pd.DataFrame({"user_id": ["ann"], **columns}, index=["p"])
    report = frame.mixpanel.validate(verb, "user_id", properties or None)
    (row,) = report[report["check"] == check].to_dict("records")
    assert row == {
        "severity": "error",
        "check": check,
        "column": None,
        "property": None,
        "index": "p",
        "position": 0,
        "value": None,
        "limit": limit,
        "message": CHECKS[check].says,
        "count": 1,
    }


ALONE = [
    pytest.param(
        {"user_id": [1.5]}, {}, ["inexact_id"], id="an id that is no whole number is not missing, too"
    ),
    pytest.param({"user_id": [["x"]]}, {}, ["untyped_id"], id="an id of another type is not missing, too"),
    pytest.param({"v": [[True]]}, {}, [], id="only $union is particular about items"),
    pytest.param({"v": [[{"k": 1}]]}, {}, [], id="also about objects"),
    pytest.param(
        {"v": [LONG]}, {"verb": "add"}, ["wrong_type", "long_string"], id="a column of the wrong type"
    ),
]


@pytest.mark.parametrize(("columns", "call", "checks"), ALONE)
def test_nothing_is_told_twice(columns, call, checks):
    frame = {"user_id": ["u"], "n": [1], **columns}
    report = pd.DataFrame(frame).mixpanel.validate(call.get("verb", "set"), "user_id")
    assert report["check"].tolist() == checks


GROUPS = [
    pytest.param("null", [("warning", "junk_id")], id="junk may be the name of a group"),
    pytest.param("$device:1", [], id="groups are not anonymous"),
    pytest.param(" ", [("error", "blank_id")], id="a blank names no group"),
]


@pytest.mark.parametrize(("value", "expected"), GROUPS)
def test_ids_of_groups(value, expected):
    report = pd.DataFrame({"company": [value], "n": [1]}).mixpanel.group("company").validate("set")
    assert list(zip(report["severity"], report["check"], strict=True)) == expected


@pytest.mark.parametrize(
    "name", ["Unnamed: 0", "Unnamed: 12_level_1", "_merge", "index", "level_0", "__index_level_0__"]
)
def test_names_of_helper_columns(name):
    assert HELPER_COLUMNS.fullmatch(name)


def test_findings_come_worst_first_then_ids_then_columns():
    frame = pd.DataFrame(
        {"user_id": ["A", "a", None], "email": ["x", "x", "x"], "b": [LONG, "x", "x"], "a": [np.inf, 1, 1]}
    )
    report = frame.mixpanel.validate("set", "user_id")
    assert report["check"].tolist() == [
        "missing_id",
        "long_string",
        "infinite",
        "similar_id",
        "similar_id",
        "lookalike",
    ]


def test_the_frame_stays_as_it_is():
    frame = pd.DataFrame({"user_id": ["a", "a"], "s": [LONG, None], "n": [np.inf, 1]}, index=["x", "x"])
    before = frame.copy(deep=True)
    frame.mixpanel.validate(
        "set", "user_id", schema=pandera.DataFrameSchema({"n": pandera.Column(nullable=False)})
    )
    assert_frame_equal(frame, before)


# -- the positions are exactly those of the findings --------------------------------------------------------------

INJECTED = {
    "long_string": ("s", LONG),
    "infinite": ("n", np.inf),
    "junk_id": ("user_id", "null"),
    "missing_id": ("user_id", None),
    "large_object": ("o", {"k": "x" * 256_001}),
}


@given(
    rows=st.integers(1, 30),
    marks=st.lists(st.tuples(st.integers(0, 29), st.sampled_from(sorted(INJECTED))), max_size=12),
    index=st.sampled_from(["range", "labels", "one label", "levels"]),
)
def test_a_report_names_the_rows_with_findings_and_the_others_are_sent(rows, marks, index):
    columns = {
        "user_id": [f"u{row}" for row in range(rows)],
        "s": ["x"] * rows,
        "n": [1.0] * rows,
        "o": [{"k": "x"}] * rows,
    }
    injected = {}
    for row, check in marks:
        label, value = INJECTED[check]
        if row < rows and injected.setdefault((row, label), check) == check:
            columns[label][row] = value
    frame = pd.DataFrame(columns)
    frame.index = {
        "range": frame.index,
        "labels": pd.Index([f"row {row}" for row in range(rows)]),
        "one label": pd.Index(["x"] * rows),
        "levels": pd.MultiIndex.from_arrays([["a"] * rows, range(rows)], names=["l", "m"]),
    }[index]
    bad_ids = {row for (row, label) in injected if label == "user_id"}
    report = frame.mixpanel.validate("set", "user_id", first=None)
    found = set(zip(report["position"], report["check"], strict=True))
    assert found == {(row, check) for (row, label), check in injected.items()}
    assert report["index"].tolist() == [frame.index[position] for position in report["position"]]
    payloads = frame.mixpanel.payloads("set", "user_id", invalid="drop_row")
    bad = {row for row, _label in injected}
    assert [row for row in range(rows) if payloads.iloc[row] is None] == sorted(bad)
    assert bad_ids <= bad


# -- the user's own schema ----------------------------------------------------------------------------------------


class Model(pandera.DataFrameModel):
    age: int = pandera.Field(ge=0)


def people(**columns):
    return pd.DataFrame({"user_id": ["a", "b", "c"], "age": [5, -1, 7], **columns}, index=INDEX)


positive = pandera.Check(lambda ages: ages >= 0, name="positive", error="ages are positive")

#: Schema, frame, what is reported: check, severity, column, positions (None for a column as a whole), message.
SCHEMAS = [
    pytest.param(
        pandera.DataFrameSchema({"age": pandera.Column(int, positive)}),
        people(),
        [("positive", "error", "age", [1], "your schema: ages are positive")],
        id="a check of a column",
    ),
    pytest.param(
        Model,
        people(),
        [("greater_than_or_equal_to", "error", "age", [1], "greater_than_or_equal_to(0)")],
        id="a model",
    ),
    pytest.param(
        pandera.DataFrameSchema(
            {"age": pandera.Column(checks=pandera.Check(lambda age: age >= 0, element_wise=True))}
        ),
        people(),
        [("<lambda>", "error", "age", [1], "your schema: <lambda>")],
        id="a check of single values",
    ),
    pytest.param(
        pandera.DataFrameSchema(
            checks=pandera.Check(lambda frame: frame["age"] < frame["most"], name="at most")
        ),
        people(most=[6, 6, 6]),
        [("at most", "error", None, [2], "at most")],
        id="a check of several columns",
    ),
    pytest.param(
        pandera.DataFrameSchema(checks=pandera.Check(lambda frame: frame != -1, name="table")),
        people(),
        [("table", "error", None, [1], "table")],
        id="a check that returns a table",
    ),
    pytest.param(
        pandera.DataFrameSchema(checks=pandera.Check(lambda frame: len(frame) > 5, name="many rows")),
        people(),
        [("many rows", "error", None, None, "many rows")],
        id="a check of the frame as a whole",
    ),
    pytest.param(
        pandera.DataFrameSchema(
            index=pandera.Index(str, pandera.Check(lambda labels: labels != "q", name="no q"))
        ),
        people(),
        [("no q", "error", None, [1], "no q")],
        id="a check of the index",
    ),
    pytest.param(
        pandera.DataFrameSchema(
            index=pandera.MultiIndex(
                [pandera.Index(str, name="l"), pandera.Index(int, pandera.Check.gt(1), name="m")]
            )
        ),
        people().set_index(pd.MultiIndex.from_arrays([INDEX, [1, 2, 3]], names=["l", "m"])),
        [("greater_than", "error", "m", [0], "greater_than(1)")],
        id="a check of an index level",
    ),
    pytest.param(
        pandera.DataFrameSchema(index=pandera.Index(unique=True)),
        people().set_axis(["x", "y", "x"]),
        [("field_uniqueness", "error", None, [0, 2], "values are not unique")],
        id="an index that must be unique",
    ),
    pytest.param(
        pandera.DataFrameSchema({"age": pandera.Column(int, positive)}),
        people().set_axis(["x", "x", "x"]),
        [("positive", "error", "age", [1], "ages are positive")],
        id="an index of one label",
    ),
    pytest.param(
        pandera.DataFrameSchema({"age": pandera.Column(checks=positive, nullable=True)}),
        people(age=[None, -1.0, 7.0]),
        [("positive", "error", "age", [1], "ages are positive")],
        id="a check that does not look at missing values",
    ),
    pytest.param(
        pandera.DataFrameSchema({"age": pandera.Column(checks=positive, nullable=True)}),
        people(age=[None, -1.0, 7.0]).set_axis(["x", "x", "x"]),
        [("positive", "error", "age", [1], "ages are positive")],
        id="the same with an index of one label",
    ),
    pytest.param(
        pandera.DataFrameSchema({"age": pandera.Column(nullable=False)}),
        people(age=[5, None, 7]),
        [("not_nullable", "error", "age", [1], "values are missing")],
        id="a value that must be there",
    ),
    pytest.param(
        pandera.DataFrameSchema({"age": pandera.Column(unique=True)}),
        people(age=[5, 6, 5]),
        [("field_uniqueness", "error", "age", [0, 2], "values are not unique")],
        id="values that must be unique",
    ),
    pytest.param(
        pandera.DataFrameSchema({"age": pandera.Column(unique=True)}, report_duplicates="exclude_first"),
        people(age=[5, 6, 5]),
        [("field_uniqueness", "error", "age", [0, 2], "values are not unique")],
        id="a setting of the frame is not that of the column",
    ),
    pytest.param(
        pandera.DataFrameSchema(unique=["age", "n"]),
        people(age=[5, 5, 5], n=[1, 2, 1]),
        [
            (
                "multiple_fields_uniqueness",
                "error",
                None,
                [0, 2],
                "values of 'age', 'n' together are not unique",
            )
        ],
        id="values that must be unique together",
    ),
    pytest.param(
        pandera.DataFrameSchema(unique="age", report_duplicates="exclude_first"),
        people(age=[5, 6, 5]),
        [("multiple_fields_uniqueness", "error", None, [2], "values of 'age' together are not unique")],
        id="the first of equal values passes",
    ),
    pytest.param(
        pandera.DataFrameSchema(checks=pandera.Check(lambda frame: frame["age"] > 0, name="old"), name="age"),
        people(),
        [("old", "error", None, [1], "your schema: old")],
        id="a schema with the name of a column",
    ),
    pytest.param(
        pandera.DataFrameSchema(
            {
                "age": pandera.Column(
                    checks=pandera.Check(
                        lambda of: {key: ages.min() > 0 for key, ages in of.items()}["x"],
                        name="by",
                        groupby="key",
                    )
                ),
                "key": pandera.Column(),
            }
        ),
        people(key=["x", "x", "y"]),
        [("by", "error", "age", None, "your schema: by")],
        id="a check of groups",
    ),
    pytest.param(
        pandera.DataFrameSchema({"a.*": pandera.Column(checks=positive, regex=True)}),
        people(),
        [("positive", "error", "age", [1], "ages are positive")],
        id="columns by pattern",
    ),
    pytest.param(
        pandera.DataFrameSchema(
            {
                "age": pandera.Column(
                    checks=pandera.Check(
                        lambda of: pd.Series([ages.min() > 0 for ages in of.values()]),
                        name="by",
                        groupby="key",
                    )
                ),
                "key": pandera.Column(),
            }
        ),
        people(key=["x", "x", "y"]),
        [("by", "error", "age", None, "your schema: by")],
        id="a check with an answer for each group",
    ),
    pytest.param(
        pandera.DataFrameSchema(
            {"age": pandera.Column(checks=pandera.Check(lambda s: (s > 0)[::-1], name="turned"))}
        ),
        people(),
        [("turned", "error", "age", None, "your schema: turned")],
        id="an answer about rows in another order",
    ),
    pytest.param(
        pandera.DataFrameSchema(
            {
                "age": pandera.Column(
                    checks=pandera.Check(lambda age: age >= 0, name="positive", raise_warning=True)
                )
            }
        ),
        people(),
        [("positive", "warning", "age", [1], "your schema: positive")],
        id="a check that only warns",
    ),
    pytest.param(
        pandera.DataFrameSchema({"age": pandera.Column(float)}),
        people(),
        [("wrong_datatype", "error", "age", None, "found 'int64'")],
        id="a dtype",
    ),
    pytest.param(
        pandera.DataFrameSchema({"height": pandera.Column()}),
        people(),
        [("column_not_in_dataframe", "error", None, None, "found 'height'")],
        id="a column that is not there",
    ),
    pytest.param(
        pandera.DataFrameSchema({"user_id": pandera.Column()}, strict=True),
        people(),
        [("column_not_in_schema", "error", None, None, "found 'age'")],
        id="a column too many",
    ),
    pytest.param(
        pandera.DataFrameSchema(
            {"age": pandera.Column(checks=pandera.Check(lambda age: age / "x", name="broken"))}
        ),
        people(),
        [("broken", "error", "age", None, "your schema: check 'broken' raised TypeError")],
        id="a check that raises",
    ),
    pytest.param(
        pandera.DataFrameSchema({"age": pandera.Column(int, positive)}),
        people(age=[1, 2, 3]),
        [],
        id="nothing to find",
    ),
    pytest.param(
        pandera.DataFrameSchema({"age": pandera.Column(int, positive)}), people()[:0], [], id="no rows"
    ),
]


@pytest.mark.parametrize(("schema", "frame", "expected"), SCHEMAS)
def test_the_users_own_schema_is_in_the_same_report(schema, frame, expected):
    report = frame.mixpanel.validate("set", "user_id", schema=schema, first=None)
    found = [
        (
            check,
            rows["severity"].iloc[0],
            rows["column"].iloc[0],
            None if rows["position"].isna().all() else rows["position"].tolist(),
        )
        for check, rows in report.groupby("check", sort=False)
    ]
    assert found == [row[:4] for row in expected]
    for message, row in zip(report.drop_duplicates("check")["message"], expected, strict=True):
        assert message.startswith("your schema: ")
        assert row[4] in message


def test_the_users_schema_stands_beside_ours():
    frame = people(bio=[LONG, "x", "x"])
    schema = pandera.DataFrameSchema({"age": pandera.Column(int, positive)})
    report = frame.mixpanel.validate("set", "user_id", schema=schema)
    assert report["check"].tolist() == ["positive", "long_string"]


def test_the_users_schema_stays_as_it_is():
    schema = pandera.DataFrameSchema(
        {"age": pandera.Column(int, positive, unique=True)},
        index=pandera.Index(str),
        unique=["age", "user_id"],
    )
    before = repr(schema)
    people().mixpanel.validate("set", "user_id", schema=schema)
    assert repr(schema) == before
    assert schema.columns["age"].unique
    assert positive.n_failure_cases is None


schema_of_ages = pandera.DataFrameSchema({"age": pandera.Column(int, positive)})

OUTCOMES = [
    pytest.param("drop_row", {"a": {"age": 5, "n": 1}, "c": {"age": 7, "n": 3}}, id="the row is left out"),
    pytest.param(
        "drop_value", {"a": {"age": 5, "n": 1}, "b": {"n": 2}, "c": {"age": 7, "n": 3}}, id="the value"
    ),
    pytest.param({"positive": "drop_row"}, {"a": {"age": 5, "n": 1}, "c": {"age": 7, "n": 3}}, id="by name"),
    pytest.param("raise", None, id="raise"),
    pytest.param("truncate", None, id="nothing of the user's is cut"),
    pytest.param({"long_string": "drop_row"}, None, id="another check"),
]


@pytest.mark.parametrize(("invalid", "expected"), OUTCOMES)
def test_failures_of_the_users_schema_follow_invalid(invalid, expected):
    call = {"invalid": invalid, "schema": schema_of_ages}
    frame = people(n=[1, 2, 3])
    if expected is None:
        with pytest.raises(ValidationError, match="positive in 'age': 1 row, your schema: ages are positive"):
            frame.mixpanel.payloads("set", "user_id", **call)
    else:
        payloads = frame.mixpanel.payloads("set", "user_id", **call).dropna()
        assert {payload["$distinct_id"]: payload["$set"] for payload in payloads} == expected


def test_a_row_that_lost_its_only_value_to_the_users_schema_is_left_out():
    payloads = people().mixpanel.payloads("set", "user_id", schema=schema_of_ages, invalid="drop_value")
    assert [payload and payload["$set"] for payload in payloads] == [{"age": 5}, None, {"age": 7}]


def test_a_missing_value_is_not_left_out_twice():
    schema = pandera.DataFrameSchema(
        {"age": pandera.Column(nullable=False), "n": pandera.Column(nullable=False)}
    )
    frame = pd.DataFrame({"user_id": ["a", "b"], "age": [None, 1.0], "n": [2.0, 3.0]})
    payloads = frame.mixpanel.payloads("set", "user_id", schema=schema, invalid="drop_value")
    assert [payload["$set"] for payload in payloads] == [{"n": 2.0}, {"age": 1.0, "n": 3.0}]


UNMENDABLE = [
    pytest.param(
        pandera.DataFrameSchema({"user_id": pandera.Column(unique=True)}), "drop_value", id="the id column"
    ),
    pytest.param(pandera.DataFrameSchema({"age": pandera.Column(str)}), "drop_row", id="a column as a whole"),
]


@pytest.mark.parametrize(("schema", "invalid"), UNMENDABLE)
def test_what_invalid_cannot_mend_in_the_users_schema_raises(schema, invalid):
    frame = pd.DataFrame({"user_id": ["a", "b"], "age": [1, 2], "key": [1, 2]}, index=["x", "x"])
    if "user_id" in schema.columns:
        frame["user_id"] = ["a", "a"]
    with pytest.raises(ValidationError, match="your schema: "):
        frame.mixpanel.payloads(
            "delete" if "user_id" in schema.columns else "set",
            "user_id",
            schema=schema,
            invalid=invalid,
            **({"duplicates": "raise"} if "user_id" in schema.columns else {}),
        )


CHANGING = [
    pytest.param(pandera.DataFrameSchema(coerce=True), ["coerce"], id="coerce"),
    pytest.param(
        pandera.DataFrameSchema({"age": pandera.Column(int, coerce=True)}),
        ["coerce of column 'age'"],
        id="coerce one",
    ),
    pytest.param(
        pandera.DataFrameSchema(drop_invalid_rows=True), ["drop_invalid_rows"], id="drop_invalid_rows"
    ),
    pytest.param(
        pandera.DataFrameSchema(add_missing_columns=True), ["add_missing_columns"], id="add_missing_columns"
    ),
    pytest.param(pandera.DataFrameSchema(strict="filter"), ["strict='filter'"], id="filter"),
    pytest.param(
        pandera.DataFrameSchema({"age": pandera.Column(int, default=5)}),
        ["default of column 'age'"],
        id="default",
    ),
    pytest.param(
        pandera.DataFrameSchema({"age": pandera.Column(int, default=0)}),
        ["default of column 'age'"],
        id="default 0",
    ),
    pytest.param(
        pandera.DataFrameSchema(parsers=pandera.Parser(lambda frame: frame)), ["parsers"], id="parsers"
    ),
    pytest.param(
        pandera.DataFrameSchema(index=pandera.Index(int, coerce=True)), ["coerce of the index"], id="index"
    ),
    pytest.param(
        pandera.DataFrameSchema(index=pandera.MultiIndex([pandera.Index(int, coerce=True, name="l")])),
        ["coerce of index level 'l'"],
        id="level",
    ),
    pytest.param(
        pandera.DataFrameSchema(
            index=pandera.MultiIndex(
                [pandera.Index(int, name="l"), pandera.Index(int, name="m")], coerce=True
            )
        ),
        ["coerce of the index"],
        id="all levels",
    ),
    pytest.param(
        pandera.DataFrameSchema(
            {"age": pandera.Column(int, coerce=True)}, strict="filter", drop_invalid_rows=True
        ),
        ["drop_invalid_rows", "coerce of column 'age'", "strict='filter'"],
        id="all at once",
    ),
]


@pytest.mark.parametrize(("schema", "named"), CHANGING)
def test_a_schema_that_would_change_the_frame_is_refused(schema, named):
    with pytest.raises(OperationError) as caught:
        people().mixpanel.validate("set", "user_id", schema=schema)
    assert str(caught.value) == (
        f"schema would change the frame ({', '.join(named)}): it may only check; change the frame before the call"
    )


REFUSED = [
    pytest.param(
        {"schema": 3}, "schema must be a pandera DataFrameSchema or DataFrameModel, not 3", id="no schema"
    ),
    pytest.param(
        {"schema": pandera.DataFrameSchema({"(": pandera.Column(regex=True)})},
        "schema cannot be run: ",
        id="a broken schema",
    ),
    pytest.param(
        {"invalid": {"long_strings": "truncate"}},
        "invalid names no check 'long_strings': did you mean 'long_string'?",
        id="a mistyped check",
    ),
    pytest.param(
        {"invalid": {"positiv": "drop_row"}, "schema": schema_of_ages},
        "invalid names no check 'positiv': did you mean 'positive'?",
        id="a mistyped check of the user's",
    ),
]


@pytest.mark.parametrize("error", [MemoryError(), KeyboardInterrupt()], ids=repr)
def test_an_error_that_ends_the_call_is_no_failed_check(error):
    def fail(_values):
        raise error

    schema = pandera.DataFrameSchema({"age": pandera.Column(checks=pandera.Check(fail))})
    with pytest.raises(type(error)) as caught:
        people().mixpanel.validate("set", "user_id", schema=schema)
    assert caught.value is error


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_refusals(options, message):
    with pytest.raises(OperationError) as caught:
        people().mixpanel.validate("set", "user_id", **options)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"PANDERA_VALIDATION_ENABLED": "False"}, id="switched off"),
        pytest.param({"PANDERA_VALIDATION_DEPTH": "SCHEMA_ONLY"}, id="schema only"),
        pytest.param({"PANDERA_VALIDATION_DEPTH": "DATA_ONLY"}, id="data only"),
    ],
)
def test_the_environment_does_not_switch_checks_off(settings):
    program = (
        "import pandas as pd, pandera.pandas as pandera, mixpanel_pandas\n"
        "schema = pandera.DataFrameSchema({'n': pandera.Column(str, pandera.Check(lambda n: n != 1, name='mine'))})\n"
        "frame = pd.DataFrame({'user_id': ['null'], 'n': [1]})\n"
        "print(*frame.mixpanel.validate('set', 'user_id', schema=schema)['check'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["junk_id", "wrong_datatype", "mine"]


# -- schemas to take away -----------------------------------------------------------------------------------------


def sample():
    return pd.DataFrame(
        {
            "user_id": ["a", "b"],
            "bio": ["x", "y"],
            "n": [1.5, 2.5],
            "when": [AWARE, AWARE],
            "$email": ["a@b.c", "d@b.c"],
        }
    )


OTHERS = [
    pytest.param({}, [], [], id="the same"),
    pytest.param({"bio": [LONG, "y"]}, ["long_string"], [], id="a long text"),
    pytest.param({"n": [np.inf, 1]}, ["infinite"], [], id="infinity"),
    pytest.param({"n": [1, 2]}, [], [], id="whole numbers"),
    pytest.param({"n": ["x", "y"]}, ["wrong_type"], [], id="text where numbers were"),
    pytest.param({"bio": ["x", 5]}, ["wrong_type"], [], id="values of several types where text was"),
    pytest.param({"bio": [None, None]}, [], [], id="nothing"),
    pytest.param({"n": pd.to_timedelta([1, 2])}, ["unsupported_dtype"], [], id="a dtype that cannot be sent"),
    pytest.param({"when": [NAIVE, NAIVE]}, [], ["naive_datetime"], id="no time zone"),
    pytest.param({"user_id": ["null", "b"]}, ["junk_id"], [], id="a junk id"),
    pytest.param({"user_id": ["a", "a"]}, ["duplicate_id"], [], id="one id twice"),
    pytest.param({"user_id": ["a", "A"]}, [], ["similar_id"], id="ids of different case"),
    pytest.param({"$email": ["a", "d@b.c"]}, [], ["email"], id="no address"),
    pytest.param({"$email": ["a@b.c", "a@b.c"]}, [], ["shared_email"], id="a shared address"),
    pytest.param({"bio": ["x" * 1_000_001, "y"]}, ["large_update", "long_string"], [], id="a large update"),
]


@pytest.mark.parametrize("index", [["p", "q"], ["x", "x"]], ids=["labels", "one label"])
@pytest.mark.parametrize(("columns", "errors", "warned"), OTHERS)
def test_a_schema_works_on_other_frames(columns, errors, warned, index):
    schema = sample().mixpanel.schema("set", "user_id")
    frame = sample().assign(**columns).set_axis(index)
    assert sorted(failures(schema, frame, warned)) == sorted(errors)


def failures(schema, frame, warned=(), *, inplace=False):
    """Return names of the checks that fail; those that warn are `warned`."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            schema.validate(frame, lazy=True, inplace=inplace)
            failed = []
        except pandera.errors.SchemaErrors as error:
            failed = [
                each.check if isinstance(each.check, str) else each.check.name for each in error.schema_errors
            ]
    messages = [str(warning.message) for warning in caught if warning.category.__name__ == "SchemaWarning"]
    assert len(messages) == len(warned)
    assert all(
        name in message or CHECKS[name].says in message
        for name, message in zip(warned, messages, strict=True)
    )
    return failed


def test_a_validation_checks_the_frame_once(monkeypatch):
    schema, frame = sample().mixpanel.schema("set", "user_id"), sample()
    calls, check_frame = [], schema_module.check_frame
    monkeypatch.setattr(schema_module, "check_frame", lambda *asked: calls.append(1) or check_frame(*asked))
    for number in (1, 2):
        assert failures(schema, frame, inplace=True) == []
        assert len(calls) == number


def test_a_schema_looks_at_each_frame_anew():
    schema = sample().mixpanel.schema("set", "user_id")
    good, bad = sample(), sample().assign(user_id=["null", "b"])
    assert [failures(schema, frame, inplace=True) for frame in (good, bad, good)] == [[], ["junk_id"], []]


def test_a_schema_looks_again_at_a_frame_that_was_changed():
    schema = sample().mixpanel.schema("set", "user_id")
    frame = sample()
    assert failures(schema, frame, inplace=True) == []
    frame.loc[0, "user_id"] = "null"
    assert failures(schema, frame, inplace=True) == ["junk_id"]
    frame.loc[0, "user_id"] = "a"
    assert failures(schema, frame, inplace=True) == []


def test_a_schema_keeps_no_values():
    frame = pd.DataFrame({"user_id": ["a", "b"], "when": [1, 2], "x": [1.5, 2.5]})
    kept = weakref.ref(frame["x"].to_numpy().base)
    schema = frame.mixpanel.schema("set", "user_id", ["x"], updated_at="when")
    del frame
    gc.collect()
    assert kept() is None
    assert "x" in schema.columns


def test_a_schema_can_be_extended():
    schema = sample().mixpanel.schema("set", "user_id")
    more = schema.add_columns({"age": pandera.Column(int, positive)})
    assert failures(more, sample().assign(age=[1, -1], bio=[LONG, "x"])) == ["long_string", "positive"]
    assert failures(more, sample()) == ["column_in_dataframe"]


def test_a_schema_knows_what_was_wrong_with_names():
    frame = sample().rename(columns={"bio": "$last_seen"})
    assert failures(frame.mixpanel.schema("set", "user_id"), frame) == ["computed_property"]


@pytest.mark.parametrize(
    ("label", "failing", "warned"),
    [
        pytest.param("a\ud800", ["broken_name"], [], id="a lone surrogate"),
        pytest.param("é", [], [], id="a letter beyond ASCII"),
        pytest.param(None, ["no_name"], [], id="no name"),
        pytest.param(7, [], ["no_header"], id="a number"),
    ],
)
def test_a_schema_of_columns_with_any_label(label, failing, warned):
    frame = sample()[["user_id", "bio"]].set_axis(pd.Index(["user_id", label], dtype=object), axis="columns")
    assert failures(frame.mixpanel.schema("set", "user_id"), frame, warned) == failing


def test_a_schema_fails_where_the_ids_are_not_there():
    schema = sample().mixpanel.schema("set", "user_id")
    with pytest.raises(pandera.errors.SchemaErrors, match="user_id"):
        schema.validate(sample().drop(columns="user_id"), lazy=True)


@pytest.mark.parametrize(
    ("verb", "properties"),
    [
        pytest.param("unset", ["fax"], id="unset"),
        pytest.param("delete", None, id="delete"),
        pytest.param("update", {"bio": "set", "n": "add"}, id="update"),
    ],
)
def test_a_schema_of_other_operators(verb, properties):
    schema = sample().mixpanel.schema(verb, "user_id", properties)
    assert failures(schema, sample()) == []
    assert failures(schema, sample().assign(user_id=["null", "b"])) == ["junk_id"]


def test_a_schema_of_spread_objects_and_ids_in_the_index():
    frame = pd.DataFrame({"o": [{"a": 1, "b": "x"}]}, index=pd.Index(["u"], name="user_id"))
    schema = frame.mixpanel.schema("set", "user_id", spread=["o"])
    assert failures(schema, frame) == []
    other = pd.DataFrame({"o": [{"a": 1, "b": LONG}]}, index=pd.Index(["u"], name="user_id"))
    assert failures(schema, other) == ["long_string"]

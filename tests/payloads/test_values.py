# ruff: noqa: DTZ001 (datetimes without a time zone are what is tested)
from __future__ import annotations

import collections
import datetime as dt
import decimal
import enum
import ipaddress
import sys
import time
import uuid
import zoneinfo

import numpy as np
import orjson
import pandas as pd
import pytest
from reference import Pair, Point, Size

from mixpanel_pandas.payloads.normalise import from_objects
from mixpanel_pandas.payloads.values import encodable, to_json
from mixpanel_pandas.rules.checks import CHECKS

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")


class Layout(enum.Enum):
    PRO = "pro"
    OLD = dt.date(2020, 1, 2)
    NONE = None


class Some:
    pass


class Huge(enum.Enum):
    VALUE = 2**70


class Color(str, enum.Enum):  # noqa: UP042 (what frames hold)
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


LONGER = pytest.mark.skipif(
    np.finfo(np.longdouble).nmant < 60, reason="numpy has no longer floats on this machine"
)


def converted(value):
    normalised = from_objects([value])
    findings = {name for name, mask in normalised.findings.items() if mask[0]}
    assert findings <= set(CHECKS)
    return normalised.array[0].as_py(), normalised.kinds[0], findings


@pytest.mark.parametrize(
    ("value", "text", "kind"),
    [
        pytest.param("a", '"a"', "string", id="text"),
        pytest.param(np.str_("a"), '"a"', "string", id="numpy text"),
        pytest.param('"\\\n\x00\x7f', '"\\"\\\\\\n\\u0000\x7f"', "string", id="text to escape"),
        pytest.param("\u2028</script>", '"\u2028</script>"', "string", id="line separator and HTML"),
        pytest.param(True, "true", "boolean", id="true is not 1"),
        pytest.param(np.bool_(False), "false", "boolean", id="numpy boolean"),
        pytest.param(1, "1", "number", id="1 is not true"),
        pytest.param(np.uint8(200), "200", "number", id="numpy integer"),
        pytest.param(-(2**53), "-9007199254740992", "number", id="the last sure integer"),
        pytest.param(1.5, "1.5", "number", id="float"),
        pytest.param(np.float32(0.1), "0.1", "number", id="single precision is as short as it reads"),
        pytest.param(np.float16(0.1), "0.1", "number", id="half precision, too"),
        pytest.param(decimal.Decimal("1.50"), "1.50", "number", id="Decimal keeps its digits"),
        pytest.param(decimal.Decimal("1E-8"), "1E-8", "number", id="small Decimal"),
        pytest.param(
            decimal.Decimal("0.10000000000000001"),
            "0.10000000000000001",
            "number",
            id="17 digits of a double",
        ),
        pytest.param(
            decimal.Decimal("19.99" + "0" * 20),
            "19.99" + "0" * 20,
            "number",
            id="Decimal with zeros at its end",
        ),
        pytest.param(1e308, orjson.dumps(1e308).decode(), "number", id="a large float"),
        pytest.param(np.float32(16777218), "16777218.0", "number", id="whole number of single precision"),
        pytest.param(np.float16(65504), "65504.0", "number", id="whole number of half precision"),
        pytest.param(np.longdouble("0.1"), "0.1", "number", id="a fraction is cut to a double"),
        pytest.param(
            np.ma.array([1, 2], mask=[False, True]), "[1,null]", "list", id="what numpy masks is missing"
        ),
        pytest.param(Color.RED, '"red"', "string", id="Enum of text gives its value, not its name"),
        pytest.param(Size.SMALL, '"small"', "string", id="Enum of text that is another than its value"),
        pytest.param(Layout.PRO, '"pro"', "string", id="Enum"),
        pytest.param(Layout.OLD, '"2020-01-02"', "date", id="Enum of a date"),
        pytest.param(Layout.NONE, None, "missing", id="Enum of nothing"),
        pytest.param(Level.HIGH, "3", "number", id="IntEnum"),
        pytest.param(uuid.UUID(int=1), '"00000000-0000-0000-0000-000000000001"', "string", id="UUID"),
        pytest.param(dt.time(1, 2, 3), '"01:02:03"', "string", id="time of day"),
        pytest.param(dt.date(5, 1, 2), '"0005-01-02"', "date", id="date with a short year"),
        pytest.param(
            dt.datetime(2024, 1, 2, 3, tzinfo=BERLIN), '"2024-01-02T02:00:00"', "date", id="datetime in UTC"
        ),
        pytest.param(
            dt.datetime(2024, 1, 2, 3, 4, 5, 1000, tzinfo=dt.UTC),
            '"2024-01-02T03:04:05.001"',
            "date",
            id="a single millisecond",
        ),
        pytest.param(
            pd.Timestamp("2024-01-02T03:04:05.006", tz="UTC"),
            '"2024-01-02T03:04:05.006"',
            "date",
            id="milliseconds",
        ),
        pytest.param([1, "a", None], '[1,"a",null]', "list", id="list"),
        pytest.param((1, 2), "[1,2]", "list", id="tuple"),
        pytest.param({"b", "a", "c"}, '["a","b","c"]', "list", id="set in one order"),
        pytest.param(frozenset({2, 10}), "[10,2]", "list", id="frozenset"),
        pytest.param(np.array([1.5, np.nan]), "[1.5,null]", "list", id="numpy array with NaN"),
        pytest.param(np.array(7), "7", "number", id="numpy array without a dimension"),
        pytest.param(
            np.array(["2024-01-02"], "M8[D]"), '["2024-01-02T00:00:00"]', "list", id="numpy array of dates"
        ),
        pytest.param(pd.Series({"jan": 1, "feb": None}), '{"jan":1.0,"feb":null}', "object", id="Series"),
        pytest.param(Point(1, (2, 3)), '{"x":1,"y":[2,3]}', "object", id="named tuple"),
        pytest.param([Pair(1, None)], '[{"one":1,"two":null}]', "list", id="a named tuple inside"),
        pytest.param(pd.Index([1, 2]), "[1,2]", "list", id="Index"),
        pytest.param(ipaddress.ip_address("::1"), '"::1"', "string", id="address"),
        pytest.param(ipaddress.ip_interface("::1/64"), '"::1/64"', "string", id="address with its network"),
        pytest.param(ipaddress.ip_network("10.0.0.0/8"), '"10.0.0.0/8"', "string", id="network"),
        pytest.param(pd.array([1, None], dtype="Int64"), "[1,null]", "list", id="pandas array"),
        pytest.param(
            {"a": float("nan"), "b": {"c": (1,)}}, '{"a":null,"b":{"c":[1]}}', "object", id="nested object"
        ),
        pytest.param(collections.OrderedDict(b=1, a=2), '{"b":1,"a":2}', "object", id="ordered dict"),
        pytest.param(
            {Color.RED: 1, np.str_("n"): 2}, '{"red":1,"n":2}', "object", id="keys that are also text"
        ),
        pytest.param(None, None, "missing", id="None"),
        pytest.param(float("nan"), None, "missing", id="NaN is missing: orjson would write null"),
        pytest.param(pd.NA, None, "missing", id="NA"),
        pytest.param(pd.NaT, None, "missing", id="NaT"),
        pytest.param(np.datetime64("NaT", "ns"), None, "missing", id="numpy's NaT"),
        pytest.param(np.timedelta64("NaT", "ns"), None, "missing", id="numpy's NaT of durations"),
        pytest.param(decimal.Decimal("NaN"), None, "missing", id="a Decimal that is no number"),
        pytest.param(decimal.Decimal("sNaN"), None, "missing", id="a Decimal that signals it"),
    ],
)
def test_what_a_value_becomes(value, text, kind):
    found, found_kind, findings = converted(value)
    assert (found, found_kind) == (text, kind)
    assert findings <= {"naive_datetime", "union_items"}


def test_an_integer_of_more_digits_than_python_writes_is_text():
    findings = set()
    assert to_json(10**5000, findings) == b'"1' + b"0" * 5000 + b'"'
    assert "inexact_integer" in findings


@pytest.mark.parametrize(
    ("value", "text", "finding"),
    [
        pytest.param(float("inf"), None, "infinite", id="infinity"),
        pytest.param([float("-inf"), 1], "[null,1]", "infinite", id="infinity in a list"),
        pytest.param({float("inf")}, "[null]", "infinite", id="infinity in a set"),
        pytest.param(decimal.Decimal("-Infinity"), None, "infinite", id="infinite Decimal"),
        pytest.param(decimal.Decimal("1E+400"), None, "infinite", id="Decimal beyond doubles"),
        pytest.param(2**64 - 1, str(2**64 - 1), "inexact_integer", id="the last integer of 64 bits"),
        pytest.param(2**64, f'"{2**64}"', "inexact_integer", id="the first integer beyond 64 bits"),
        pytest.param(-(2**63), str(-(2**63)), "inexact_integer", id="the lowest integer of 64 bits"),
        pytest.param(-(2**63) - 1, f'"{-(2**63) - 1}"', "inexact_integer", id="the first below 64 bits"),
        pytest.param([-(2**70), 1], f'["{-(2**70)}",1]', "inexact_integer", id="the same in a list"),
        pytest.param((2**70,), f'["{2**70}"]', "inexact_integer", id="the same in a tuple"),
        pytest.param(
            {"a": [{"b": 2**70}]},
            f'{{"a":[{{"b":"{2**70}"}}]}}',
            "inexact_integer",
            id="the same, deep in an object",
        ),
        pytest.param(Huge.VALUE, f'"{2**70}"', "inexact_integer", id="the same as an Enum"),
        pytest.param(10**200, f'"{10**200}"', "inexact_integer", id="an integer of 200 digits"),
        pytest.param(decimal.Decimal("1E+308"), "1E+308", "inexact_integer", id="a Decimal as large"),
        pytest.param(
            decimal.Decimal("0.1000000000000000123"),
            "0.1000000000000000123",
            "inexact_decimal",
            id="Decimal that no double holds",
        ),
        pytest.param(
            {"a": decimal.Decimal("1E-400")}, '{"a":1E-400}', "inexact_decimal", id="next to nothing"
        ),
        pytest.param(
            np.longdouble(2) ** 60 + 1,
            str(2**60 + 1),
            "inexact_integer",
            id="longer than a double",
            marks=LONGER,
        ),
        pytest.param(np.longdouble("1e400"), None, "infinite", id="larger than a double", marks=LONGER),
        pytest.param(2**53 + 1, "9007199254740993", "inexact_integer", id="integer beyond 2**53"),
        pytest.param(
            decimal.Decimal(2**53 + 1), "9007199254740993", "inexact_integer", id="Decimal beyond 2**53"
        ),
        pytest.param(dt.datetime(2024, 1, 2), '"2024-01-02T00:00:00"', "naive_datetime", id="no time zone"),
        pytest.param(
            dt.datetime(2024, 1, 2, 3, 4, 5, 6999, tzinfo=dt.UTC),
            '"2024-01-02T03:04:05.006"',
            "sub_millisecond",
            id="microseconds",
        ),
        pytest.param(
            pd.Timestamp("2024-01-02T00:00:00.000000001Z"),
            '"2024-01-02T00:00:00"',
            "sub_millisecond",
            id="nanoseconds",
        ),
        pytest.param(
            np.datetime64("2024-01-02T00:00:00.000000001"),
            '"2024-01-02T00:00:00"',
            "sub_millisecond",
            id="numpy's",
        ),
        pytest.param(pd.Period("2024-03", "M"), '"2024-03-01"', "period", id="month"),
        pytest.param(pd.Period("3024-03", "M"), '"3024-03-01"', "period", id="month beyond nanoseconds"),
        pytest.param(pd.Period("2024-03-01 05:00", "h"), '"2024-03-01T05:00:00"', "period", id="hour"),
        pytest.param(pd.Timestamp(np.datetime64("12024-01-02", "s")), None, "date_range", id="year 12024"),
        pytest.param(pd.Timestamp(np.datetime64("-0005-01-02", "s")), None, "date_range", id="before Christ"),
        pytest.param(np.datetime64("12024-01-02"), None, "date_range", id="year 12024 of numpy's"),
        pytest.param(
            np.datetime64(2**62, "s"), None, "date_range", id="a year that wraps around in microseconds"
        ),
        pytest.param(
            dt.datetime(1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1))),
            None,
            "date_range",
            id="pushed over year 1",
        ),
        pytest.param(b"a", None, "unsupported_value", id="bytes"),
        pytest.param(1j, None, "unsupported_value", id="complex"),
        pytest.param(dt.timedelta(1), None, "unsupported_value", id="timedelta"),
        pytest.param(np.timedelta64(1, "D"), None, "unsupported_value", id="numpy's timedelta is no integer"),
        pytest.param(pd.Interval(0, 1), None, "unsupported_value", id="interval"),
        pytest.param(Some(), None, "unsupported_value", id="an object of some class"),
        pytest.param(time.gmtime(0), None, "unsupported_value", id="a time that is a tuple"),
        pytest.param(pd.Series([1, 2]), None, "odd_key", id="a Series with numbers as labels"),
        pytest.param(pd.Series([1, 2], ["a", "a"]), None, "repeated_key", id="a Series with a label twice"),
        pytest.param(object, None, "unsupported_value", id="a class"),
        pytest.param({1: "a"}, None, "odd_key", id="a number for a key"),
        pytest.param([{None: 1}], "[null]", "odd_key", id="None for a key, in a list"),
        pytest.param("\ud800", None, "broken_text", id="lone surrogate"),
        pytest.param(["a", "\udfff"], None, "broken_text", id="lone surrogate in a list"),
        pytest.param({"\ud800": 1}, None, "broken_text", id="lone surrogate in a key"),
        pytest.param([[1]], "[[1]]", "nested_list", id="list in a list"),
        pytest.param([True], "[true]", "union_items", id="boolean in a list"),
    ],
)
def test_what_is_wrong_with_a_value(value, text, finding):
    found, _kind, findings = converted(value)
    assert found == text
    assert finding in findings
    assert findings <= {finding, "naive_datetime", "inexact_integer", "union_items", "nested_list"}


def nested(depth):
    return {"a": nested(depth - 1)} if depth > 1 else {"a": 1}


@pytest.mark.parametrize(
    ("good", "bad", "finding"),
    [
        pytest.param("é" * 127, "é" * 128, "long_string", id="255 bytes of text"),
        pytest.param(["x" * 255], ["x" * 256], "long_item", id="255 characters of an item"),
        pytest.param(["é" * 127], ["é" * 128], "heavy_item", id="255 bytes of an item"),
        pytest.param(["x" * 200] * 1250, ["x" * 200] * 1300, "large_list", id="256 KB of a list"),
        pytest.param({"a": "x" * 255_990}, {"a": "x" * 256_000}, "large_object", id="256 KB of an object"),
        pytest.param(
            dict.fromkeys(map(str, range(255))),
            dict.fromkeys(map(str, range(256))),
            "many_keys",
            id="255 keys",
        ),
        pytest.param(
            {"a": dict.fromkeys(map(str, range(255)))},
            {"a": dict.fromkeys(map(str, range(256)))},
            "many_keys",
            id="255 keys of an object within",
        ),
        pytest.param(nested(3), nested(4), "deep_object", id="three levels"),
        pytest.param([nested(1)], [nested(2)], "deep_item", id="one level in a list"),
        pytest.param({"a": [1, [2]]}, {"a": [{"b": [{"c": 1}]}]}, "deep_object", id="lists count as levels"),
    ],
)
def test_limits(good, bad, finding):
    assert finding not in converted(good)[2]
    assert finding in converted(bad)[2]


def test_a_value_that_stands_in_itself_ends():
    loop: list[object] = [1]
    loop.append(loop)
    assert converted(loop)[0] == "[1,null]"
    assert "deep_object" in converted(loop)[2]
    tower: dict[str, object] = {}
    for _ in range(sys.getrecursionlimit() + 10):
        tower = {"a": tower}
    assert "deep_object" in converted(tower)[2]


def test_one_value_in_two_places_is_no_loop():
    shared = {"a": 1}
    assert converted([shared, shared])[0] == '[{"a":1},{"a":1}]'


def test_a_set_is_written_in_one_order():
    texts = {converted(set(order))[0] for order in (["b", 1, "a", 2.5], [2.5, "a", 1, "b"])}
    assert texts == {orjson.dumps([2.5, 1, "a", "b"]).decode()}


@pytest.mark.parametrize(
    ("text", "whole"),
    [pytest.param("👩", True, id="an emoji"), pytest.param("\ud83d", False, id="half of an emoji")],
)
def test_only_text_without_lone_surrogates_is_encodable(text, whole):
    assert encodable(text) is whole

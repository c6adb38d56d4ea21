"""Every limit on a value, from both sides, in every container that a value can stand in."""

from __future__ import annotations

import datetime as dt
import decimal
import json

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from reference import objects

from mixpanel_pandas.payloads.json_text import json_lines
from mixpanel_pandas.payloads.measures import Structure, json_findings, longest_string_in_lists, longest_value
from mixpanel_pandas.rules.limits import LIMITS
from tests.examples import examples

EXACT = 2**53

pytestmark = pytest.mark.filterwarnings("ignore::mixpanel_pandas.ProfileWarning")


def arrow(array):
    return pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([array])))


def arrow_items(array, wrap):
    """Return a column of lists (structs, maps) that hold one value each."""
    rows = np.arange(len(array) + 1)
    if wrap == "list":
        return arrow(pa.ListArray.from_arrays(pa.array(rows, pa.int32()), array))
    if wrap == "struct":
        return arrow(pa.StructArray.from_arrays([array], ["a"]))
    keys = pa.array(["a"] * len(array))
    return arrow(pa.MapArray.from_arrays(pa.array(rows, pa.int32()), keys, array))


def failing(column, **options):
    """Return name of a check -> rows that fail it, of a column as a whole frame is checked."""
    frame = pd.DataFrame({"id": [f"u{row}" for row in range(len(column))], "x": column})
    report = frame.mixpanel.validate("set", "id", **({"properties": ["x"]} | options))
    rows = report[report["position"].notna()]
    return {check: sorted(set(of_check["position"])) for check, of_check in rows.groupby("check")}


#: Container -> function from values to a column that holds one in each row, and options. Every value can be a Python object.
ANY = {
    "objects": lambda values: (objects(values), {}),
    "objects of several types": lambda values: (objects([*values, True]), {}),
    "items beside others": lambda values: (objects([[value, 1, "a"] for value in values]), {}),
    "items of tuples": lambda values: (objects([(value, 1.5, "a") for value in values]), {}),
    "objects' values": lambda values: (objects([{"a": value} for value in values]), {}),
    "nested objects": lambda values: (objects([{"a": {"b": [value]}} for value in values]), {}),
    "objects in lists": lambda values: (objects([[{"a": value}] for value in values]), {}),
    "a spread key": lambda values: (objects([{"a": value} for value in values]), {"spread": ["x"]}),
}

#: The same for values that JSON has.
JSON = {
    f"JSON text: {name}": lambda values, wrap=wrap: (
        pd.Series([json.dumps(wrap(value)) for value in values]),
        {"parse": {"x": "json"}},
    )
    for name, wrap in (
        ("the value", lambda value: value),
        ("a list", lambda value: [value]),
        ("an object", lambda value: {"a": value}),
        ("nested", lambda value: {"a": {"b": [1, value]}}),
    )
}

#: The same for values with an Arrow type, given as an array.
ARROW = {
    "Arrow": lambda array: (arrow(array), {}),
    "Arrow dictionaries": lambda array: (arrow(array.dictionary_encode()), {}),
    "Arrow lists": lambda array: (arrow_items(array, "list"), {}),
    "Arrow structs": lambda array: (arrow_items(array, "struct"), {}),
    "Arrow maps": lambda array: (arrow_items(array, "map"), {}),
    "Arrow lists in structs": lambda array: (
        arrow_items(pa.ListArray.from_arrays(pa.array(range(len(array) + 1), pa.int32()), array), "struct"),
        {},
    ),
    "a spread Arrow struct": lambda array: (arrow_items(array, "struct"), {"spread": ["x"]}),
}


def check_rows(column, options, check, rows):
    """Assert that these rows fail the check, and no others."""
    if "spread" in options:
        options = {"properties": None} | options
    assert failing(column, **options).get(check, []) == rows


# -- numbers ------------------------------------------------------------------------------------------------------

INTEGERS = [EXACT, -EXACT, EXACT + 1, -EXACT - 1, EXACT]
LARGEST = int(1e308)

NUMBERS = {
    "numpy": lambda values: (pd.Series(values), {}),
    "nullable": lambda values: (pd.Series([*values, None], dtype="Int64"), {}),
    "categories": lambda values: (pd.Series(pd.Categorical(values)), {}),
    "sparse": lambda values: (pd.Series(pd.arrays.SparseArray(np.array(values))), {}),
    "lists": lambda values: (objects([[value] for value in values]), {}),
    "arrays": lambda values: (objects([np.array([value]) for value in values]), {}),
    **ANY,
    **JSON,
    **{name: lambda values, of=of: of(pa.array(values, pa.int64())) for name, of in ARROW.items()},
    **{
        f"{name}, decimals": lambda values, of=of: of(
            pa.array(map(decimal.Decimal, values), pa.decimal128(20, 2))
        )
        for name, of in ARROW.items()
        if "dictionar" not in name
    },
    "Decimal objects": lambda values: (objects(list(map(decimal.Decimal, values))), {}),
}


@pytest.mark.parametrize("container", NUMBERS)
def test_an_integer_is_exact_up_to_2_to_the_53(container):
    column, options = NUMBERS[container](INTEGERS)
    check_rows(column, options, "inexact_integer", [2, 3])
    assert "infinite" not in failing(column, **options)


@pytest.mark.parametrize("container", JSON)
def test_an_integer_of_json_text_is_a_number_up_to_64_bits(container):
    values = [2**64 - 1, 2**64, -(2**63), -(2**63) - 1, LARGEST, -LARGEST, 7]
    column, options = JSON[container](values)
    check_rows(column, options, "inexact_integer", [0, 1, 2, 3, 4, 5])
    assert "infinite" not in failing(column, **options)


@pytest.mark.parametrize("container", ANY)
def test_an_integer_as_large_as_doubles_get_is_an_inexact_integer(container):
    column, options = ANY[container]([LARGEST, -LARGEST, 2**64, 7])
    check_rows(column, options, "inexact_integer", [0, 1, 2])
    assert "infinite" not in failing(column, **options)


@pytest.mark.parametrize("container", [*ANY, "Arrow", "Arrow lists", "Arrow structs"])
def test_a_float_is_as_exact_as_it_was_before(container):
    of, values = (ANY | ARROW)[container], [2.0**53, 2.0**53 + 2, 1e308]
    column, options = of(pa.array(values) if container in ARROW else values)
    assert not {"inexact_integer", "inexact_decimal", "infinite"} & set(failing(column, **options))


@pytest.mark.parametrize("text", ["a:9007199254740993,", "[9007199254740993]", "9007199254740993"])
def test_digits_in_a_string_are_no_integer(text):
    for value in (text, [text, 1], {text: text}, {"a": {"b": [text]}}):
        assert failing(objects([value, 1])) == {}


# -- dates --------------------------------------------------------------------------------------------------------

NOON = dt.datetime(2024, 1, 2, 12, tzinfo=dt.UTC)
MOMENTS = [NOON.replace(microsecond=microseconds) for microseconds in (0, 999, 1000, 1001, 999_000)]

DATES = {
    **{
        f"numpy, {unit}": lambda values, unit=unit: (pd.Series(values).dt.as_unit(unit), {})
        for unit in ("us", "ns")
    },
    **ANY,
    **{
        f"{name}, {unit}": lambda values, of=of, unit=unit: of(pa.array(values, pa.timestamp(unit, "UTC")))
        for name, of in ARROW.items()
        for unit in ("us", "ns")
    },
    "Timestamps": lambda values: (objects([*map(pd.Timestamp, values), 1]), {}),
    "numpy's objects": lambda values: (
        objects([*(np.datetime64(value.replace(tzinfo=None), "ns") for value in values), 1]),
        {},
    ),
    "periods, us": lambda values: (pd.Series(pd.PeriodIndex([str(v)[:-6] for v in values], freq="us")), {}),
    "periods, ns": lambda values: (pd.Series(pd.PeriodIndex([str(v)[:-6] for v in values], freq="ns")), {}),
}


@pytest.mark.parametrize("container", DATES)
def test_a_whole_millisecond_is_sent_and_less_is_said(container):
    column, options = DATES[container](MOMENTS)
    check_rows(column, options, "sub_millisecond", [1, 3])
    frame = pd.DataFrame({"id": [f"u{row}" for row in range(len(column))], "x": column})
    payloads = frame.mixpanel.payloads("set", "id", options.pop("properties", None) or None, **options)
    texts = [json.dumps(payload) for payload in payloads][: len(MOMENTS)]
    assert ['T12:00:00"' in text for text in texts] == [True, True, False, False, False]
    assert ['T12:00:00.001"' in text for text in texts] == [False, False, True, True, False]
    assert 'T12:00:00.999"' in texts[4]


def test_nanoseconds_of_a_period_are_less_than_a_millisecond():
    periods = pd.Series([pd.Period("2024-01-02 00:00:00.000000001", freq="ns")])
    assert failing(periods) == {"period": [0], "sub_millisecond": [0]}


FIRST = int(np.datetime64("0001-01-01", "s").astype(int))
LAST = int(np.datetime64("9999-12-31T23:59:59", "s").astype(int))
SECONDS = [FIRST, LAST, FIRST - 1, LAST + 1, 0]
YEARS = {
    "numpy": lambda seconds: (pd.Series(seconds), {}),
    "categories": lambda seconds: (pd.Series(pd.Categorical(seconds)), {}),
    **{name: lambda seconds, of=of: of(list(seconds)) for name, of in ANY.items()},
    "Timestamps": lambda seconds: (objects([*map(pd.Timestamp, seconds), 1]), {}),
    "arrays": lambda seconds: (objects([seconds[row : row + 1] for row in range(len(seconds))]), {}),
    "periods": lambda seconds: (
        pd.Series([pd.Period(ordinal=int(second.astype(int)), freq="s") for second in seconds]),
        {},
    ),
    **{
        f"{name}, {unit}": lambda seconds, of=of, unit=unit, zone=zone: of(
            pa.array(seconds.astype(f"M8[{unit}]").astype(np.int64)).cast(pa.timestamp(unit, zone))
        )
        for name, of in ARROW.items()
        for unit, zone in (("s", "UTC"), ("ms", None), ("us", "Europe/Berlin"))
    },
}


@pytest.mark.parametrize("container", YEARS)
def test_dates_are_from_the_years_1_to_9999(container):
    column, options = YEARS[container](np.array(SECONDS, "M8[s]"))
    check_rows(column, options, "date_range", [2, 3])


@pytest.mark.parametrize("container", ARROW)
@pytest.mark.parametrize("type", [pa.date32(), pa.date64()], ids=str)
def test_days_are_from_the_years_1_to_9999(container, type):
    days = np.array(["0001-01-01", "9999-12-31", "0000-12-31", "10000-01-01", "NaT"], "M8[D]").astype("i8")
    array = pa.array(days.astype("i4"), pa.int32(), mask=days == days.min()).cast(pa.date32()).cast(type)
    column, options = ARROW[container](array)
    check_rows(column, options, "date_range", [2, 3])


@pytest.mark.parametrize(
    ("ordinal", "frequency"),
    [(2**40, "Y"), (-(2**40), "Y"), (106973382, "Y"), (2**45, "M"), (2**50, "h"), (2**31 - 1, "D")],
)
def test_a_period_that_pandas_cannot_count_is_none_of_today(ordinal, frequency):
    assert "date_range" in failing(pd.Series([pd.Period(ordinal=ordinal, freq=frequency)]))


# -- strings ------------------------------------------------------------------------------------------------------

#: Strings of 255 bytes or fewer; one byte more in each is too much.
FIT = [
    "x" * 255,
    "é" * 127 + "x",
    "€" * 85,
    "👩" * 63 + "xxx",
    "👩" * 60 + "x" * 15,
    "👩" * 30 + "é" * 60 + "x" * 15,
    "\n" * 255,
    "\x01" * 255,
    '"' * 255,
    "\\" * 255,
    '","' * 85,
    "{[:" * 85,
]
LONG = [text + "x" for text in FIT] + ["👩" * 64, "👩" * 90, "é" * 128]
SHORT = ["👩" * length for length in range(60, 64)]

STRINGS = {
    "strings": lambda values: (pd.Series(values), {}),
    "python": lambda values: (pd.Series(values, dtype=pd.StringDtype("python")), {}),
    "categories": lambda values: (pd.Series(pd.Categorical(values)), {}),
    "sparse": lambda values: (
        pd.Series(pd.arrays.SparseArray(np.array(values, object), fill_value=np.nan)),
        {},
    ),
    "objects": ANY["objects"],
    "objects of several types": ANY["objects of several types"],
    "a spread key": ANY["a spread key"],
    "JSON text": JSON["JSON text: the value"],
    "Arrow": lambda values: ARROW["Arrow"](pa.array(values)),
    "Arrow dictionaries": lambda values: ARROW["Arrow dictionaries"](pa.array(values)),
    "a spread Arrow struct": lambda values: ARROW["a spread Arrow struct"](pa.array(values)),
}


@pytest.mark.parametrize("container", STRINGS)
def test_a_string_has_255_bytes(container):
    column, options = STRINGS[container]([*FIT, *SHORT, *LONG])
    first = len(FIT) + len(SHORT)
    check_rows(column, options, "long_string", list(range(first, first + len(LONG))))


ITEMS = {
    "lists": lambda values: (objects([["a", value] for value in values]), {}),
    "arrays": lambda values: (objects([np.array([value], object) for value in values]), {}),
    "sets": lambda values: (objects([{value} for value in values]), {}),
    "items beside others": ANY["items beside others"],
    "items of tuples": ANY["items of tuples"],
    "lists among other values": lambda values: (objects([*([value] for value in values), 1]), {}),
    "JSON text": JSON["JSON text: a list"],
    "a spread key": lambda values: (objects([{"a": [value]} for value in values]), {"spread": ["x"]}),
    "Arrow lists": lambda values: ARROW["Arrow lists"](pa.array(values)),
    "lists of Arrow dictionaries": lambda values: ARROW["Arrow lists"](pa.array(values).dictionary_encode()),
    "separated text": lambda values: (pd.Series(values), {"parse": {"x": "|"}}),
}


@pytest.mark.parametrize("container", ITEMS)
def test_an_item_has_255_bytes_and_characters(container):
    blank = {"\n" * 255}  # a separator trims it away
    fit = [text for text in [*FIT, *SHORT] if container != "separated text" or text not in blank]
    heavy = [text for text in LONG if len(text) <= 255]
    long = [text for text in LONG if len(text) > 255 and text[0] != "\n"]
    column, options = ITEMS[container]([*fit, *heavy, *long])
    places = np.cumsum([len(fit), len(heavy), len(long)]).tolist()
    check_rows(column, options, "heavy_item", list(range(places[0], places[1])))
    check_rows(column, options, "long_item", list(range(places[1], places[2])))


@pytest.mark.parametrize("container", ["objects' values", "nested objects", "objects in lists"])
def test_a_string_in_an_object_has_no_limit_of_its_own(container):
    column, options = ANY[container](LONG)
    assert failing(column, **options) == {}


# -- lists and objects --------------------------------------------------------------------------------------------


def nested(levels, inner=1):
    return {"a": nested(levels - 1, inner)} if levels > 1 else {"a": inner}


def keys(count):
    return {f"k{number}": "a:b,{" for number in range(count)}


def list_of(size, text="x"):
    """Return a list whose JSON has so many bytes."""
    item = text * 98
    count, rest = divmod(size - 1, 101)
    return [*[item] * count, *([text * (rest - 3)] if rest >= 3 else [])]


LIST, OBJECT = LIMITS["list_bytes"].value, LIMITS["object_bytes"].value

#: Limit, check, a value at the limit, one beyond it.
SHAPES = [
    ("list_bytes", "large_list", list_of(LIST), list_of(LIST + 1)),
    ("list_bytes", "large_list", [{"a": "x" * (LIST - 10)}], [{"a": "x" * (LIST - 9)}]),
    ("object_bytes", "large_object", {"a": "x" * (OBJECT - 8)}, {"a": "x" * (OBJECT - 7)}),
    ("object_bytes", "large_object", {"a": list_of(OBJECT - 6)}, {"a": list_of(OBJECT - 5)}),
    ("object_keys", "many_keys", keys(255), keys(256)),
    ("object_keys", "many_keys", {"a": keys(255), "b": keys(255)}, {"a": keys(255), "b": keys(256)}),
    ("object_keys", "many_keys", {"a": [keys(1), keys(255)]}, {"a": [keys(1), keys(256)]}),
    ("object_keys", "many_keys", [keys(200), keys(255)], [keys(256), keys(200)]),
    ("object_depth", "deep_object", nested(3), nested(4)),
    ("object_depth", "deep_object", nested(3, [1, 2]), nested(3, [{}])),
    ("object_depth", "deep_object", {"a": [{"b": 1}, {"c": [1]}]}, {"a": [{"b": {"c": 1}}]}),
    ("object_depth", "deep_object", {"a": [[[1]]]}, {"a": [[[[1]]]]}),
    ("list_object_depth", "deep_item", [{"b": 1}, nested(1, [1])], [{"b": 1}, nested(2)]),
    ("list_object_depth", "deep_item", [{"a": []}], [{"a": [[]]}]),
]

WRAPS = {
    "objects": ANY["objects"],
    "objects of several types": ANY["objects of several types"],
    "a spread key": ANY["a spread key"],
    "JSON text": JSON["JSON text: the value"],
    "Arrow": lambda values: (arrow(pa.array(values)), {}),
    "a spread Arrow struct": lambda values: ARROW["a spread Arrow struct"](pa.array(values)),
}


@pytest.mark.parametrize("container", WRAPS)
@pytest.mark.parametrize(
    ("check", "fits", "over"),
    [pytest.param(*row[1:], id=f"{row[0]} {place}") for place, row in enumerate(SHAPES)],
)
def test_lists_and_objects(check, fits, over, container):
    """A value at the limit passes, and one just beyond it fails. Arrow gives every struct the keys of all, so each stands alone."""
    for value, rows in ((fits, []), (over, [0])):
        column, options = WRAPS[container]([value])
        check_rows(column, options, check, rows)


def test_the_sizes_are_what_they_say():
    assert [len(orjson.dumps(list_of(size))) for size in (LIST, LIST + 1)] == [LIST, LIST + 1]
    assert [len(orjson.dumps(row[2])) for row in SHAPES[:4]] == [LIST, LIST, OBJECT, OBJECT]


@pytest.mark.parametrize(
    ("check", "verbs"),
    [
        pytest.param("large_update", {"a": "set", "b": "set"}, id="one update"),
        pytest.param("large_row", {"a": "set", "b": "set_once"}, id="two updates"),
    ],
)
def test_the_updates_of_a_row_have_a_million_bytes(check, verbs):
    def frame(size):
        values = {f"p{place}": [{"k": "x" * 249_000}] for place in range(3)}
        return pd.DataFrame({"id": ["u"], "a": [{"k": "x" * 249_000}], "b": [{"k": "x" * size}], **values})

    def failing_checks(size):
        return frame(size).mixpanel.validate("update", "id", properties)["check"].tolist()

    properties = verbs | {f"p{place}": "set" for place in range(3)}
    payloads = frame(0).mixpanel.payloads("update", "id", properties)
    updates = payloads[0] if isinstance(payloads[0], list) else payloads
    around = sum(len(orjson.dumps({"$token": "x" * 32, **update})) for update in updates)
    fits = LIMITS["update_bytes"].value - around
    assert failing_checks(fits) == []
    assert failing_checks(fits + 1) == [check]


#: Limits that are no limits on a value of a property, and the tests that hold them.
ELSEWHERE = {
    "properties": "checking/test_decisions.py",
    "name_characters": "checking/test_schema.py",
    "request_updates": "payloads/test_batches.py",
    "request_bytes": "payloads/test_batches.py",
    "id_bytes": "checking/test_schema.py",
    "latitude": "checking/test_schema.py",
    "longitude": "checking/test_schema.py",
    "time_seconds": "checking/test_schema.py",
}


def test_every_limit_is_tested_at_its_edge():
    here = {"exact_integer", "string_bytes", "item_bytes", "item_characters", "update_bytes", "row_bytes"}
    here |= {row[0] for row in SHAPES}
    assert here | set(ELSEWHERE) == set(LIMITS)
    assert not here & set(ELSEWHERE)


# -- the same measures in plain Python ----------------------------------------------------------------------------


def levels_and_keys(value, level=1):
    """Yield the level of each list or object, and how many keys it has; a list of single values is no level."""
    if isinstance(value, dict | list):
        items = list(value.values()) if isinstance(value, dict) else value
        if isinstance(value, dict) or any(isinstance(item, dict | list) for item in items):
            yield level, len(value) if isinstance(value, dict) else 0
        for item in items:
            yield from levels_and_keys(item, level + 1)


def plain_findings(value):
    """Return the findings of a value that was read from JSON, by walking through it."""
    text, kind = orjson.dumps(value), kind_of(value)
    levels = list(levels_and_keys(value))
    found = set()
    if kind == "string" and len(value.encode()) > 255:
        found.add("long_string")
    if kind == "list":
        strings = [item for item in value if isinstance(item, str)]
        found |= {"large_list"} if len(text) > LIST else set()
        found |= {"long_item"} if any(len(item) > 255 for item in strings) else set()
        found |= {"heavy_item"} if any(len(item) <= 255 < len(item.encode()) for item in strings) else set()
        found |= {"nested_list"} if any(isinstance(item, list) for item in value) else set()
        found |= (
            {"union_items"} if any(isinstance(item, bool | dict | list | None) for item in value) else set()
        )
    if kind == "object" and len(text) > OBJECT:
        found.add("large_object")
    if kind in {"list", "object"}:
        most = 2 if kind == "list" else 3
        found |= (
            {"deep_item" if isinstance(value, list) else "deep_object"}
            if any(level > most for level, _keys in levels)
            else set()
        )
        found |= {"many_keys"} if any(count > 255 for _level, count in levels) else set()
    return found | ({"inexact_integer"} if any(abs(number) > EXACT for number in integers(value)) else set())


def integers(value):
    if isinstance(value, dict | list):
        return [n for item in (value.values() if isinstance(value, dict) else value) for n in integers(item)]
    return [value] if isinstance(value, int) and not isinstance(value, bool) else []


def kind_of(value):
    kinds = {str: "string", bool: "boolean", list: "list", dict: "object", type(None): "missing"}
    return kinds.get(type(value), "number")


PIECES = [
    '"',
    "\\",
    '\\"',
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    '","',
    "],[",
    ":9007199254740993,",
    "null",
    "\n",
    "é",
    "",
]
TEXT = st.lists(st.sampled_from(PIECES), max_size=4).map("".join) | st.sampled_from(
    ["x" * 255, "x" * 256, "é" * 127, "é" * 128, "\n" * 255, "\n" * 256, '"' * 128]
)
LEAVES = st.one_of(
    TEXT,
    st.booleans(),
    st.none(),
    st.sampled_from(
        [0, EXACT, EXACT + 1, -EXACT, -EXACT - 1, 2**64 - 1, 1234567890123456, -12345678, 1 / 3, 1e16]
    ),
)
MEMBERS = st.sampled_from(["a", "b", '"', "{", ":", "9007199254740993"])
VALUES = st.recursive(
    LEAVES | st.sampled_from([keys(254), keys(255), keys(256)]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(MEMBERS, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=examples(400), deadline=None)
@example([[keys(255), keys(2)], [{"a": keys(256)}]], 0)
@example(["12345678", 1234567, 123456789012345678, 12345], 0)
@example(["a" * 20, [[1]], [1], {"a": keys(256)}, {"a": 1}, [9007199254740993], [1]], 1)
@example(["a" * 20, [[1]], ["x" * 256], [keys(256)], [{"a": {"b": {}}}], [1]], 1)
@given(st.lists(VALUES, min_size=1, max_size=6), st.integers(0, 3))
def test_json_is_measured_as_if_each_value_were_walked_through(values, start):
    texts = json_lines(values)[start:]
    values = values[start:]
    findings = json_findings(texts, np.array([*map(kind_of, values)], dtype=object))
    assert all(mask.any() for mask in findings.values())
    named = [{name for name, mask in findings.items() if mask[row]} for row in range(len(values))]
    assert named == [plain_findings(value) for value in values]


@settings(deadline=None)
@given(st.lists(VALUES, max_size=4))
def test_the_structure_of_json_is_outside_its_strings(values):
    structure = Structure.of(json_lines(values))
    assert bytes(structure.chars) == b"".join(skeleton(value) for value in values)
    assert (structure.depth >= 0).all()
    assert not len(structure.depth) or structure.depth[-1] == 0


def skeleton(value):
    """Return the brackets, colons and commas that the JSON of a value has outside strings."""
    if isinstance(value, dict):
        return b"{" + b",".join(b":" + skeleton(item) for item in value.values()) + b"}"
    return b"[" + b",".join(map(skeleton, value)) + b"]" if isinstance(value, list) else b""


@settings(deadline=None)
@given(st.lists(st.lists(TEXT | LEAVES | st.lists(TEXT) | st.just({"a": "b"}), max_size=4), min_size=1))
def test_lists_of_strings_are_known_by_their_bytes(lists):
    longest = longest_string_in_lists(json_lines(lists))
    if all(isinstance(item, str) for items in lists for item in items):
        written = [len(orjson.dumps(item)) - 2 for items in lists for item in items]
        assert longest == max(written, default=0)
    else:
        assert longest is None


@pytest.mark.parametrize(
    ("values", "type"),
    [
        pytest.param(["\0" * 9, "a"], pa.large_string(), id="control characters"),
        pytest.param([["\0" * 3] * 3, ["\0" * 9], []], pa.large_list(pa.large_string()), id="lists of them"),
        pytest.param(
            [[-2.2250738585072014e-308] * 3, []], pa.large_list(pa.float64()), id="lists of numbers"
        ),
        pytest.param([[]], pa.large_list(pa.bool_()), id="lists of nothing"),
    ],
)
def test_no_value_is_longer_than_the_bound(values, type):
    assert longest_value(pa.array(values, type)) >= max(len(orjson.dumps(value)) for value in values)

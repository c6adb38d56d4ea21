# ruff: noqa: DTZ001 (datetimes without a time zone are what is tested)
from __future__ import annotations

import datetime as dt
import decimal
import enum
import json
import uuid
from dataclasses import replace

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from reference import KINDS, MISSING, Size, column_of, objects, values_sent

from mixpanel_pandas.payloads.arrays import emptied, lists_of
from mixpanel_pandas.payloads.dtypes import SAMPLE, rule_for
from mixpanel_pandas.payloads.encoding import json_texts
from mixpanel_pandas.payloads.measures import json_findings
from mixpanel_pandas.payloads.normalise import Normalised, cut_strings, from_objects, normalise
from mixpanel_pandas.payloads.parsing import parsing_of
from mixpanel_pandas.payloads.sources import find_source
from mixpanel_pandas.payloads.values import to_json
from mixpanel_pandas.rules.checks import CHECKS
from tests.examples import examples

LONGER = pytest.mark.skipif(
    np.finfo(np.longdouble).nmant < 60, reason="numpy has no longer floats on this machine"
)


def normalised(values, parse=None, **options):
    column = values if isinstance(values, pd.Series) else objects(values)
    source = find_source(column.to_frame("x"), "x", "column")
    return normalise(source.at(), source.rule, parse=parsing_of(source, parse), **options)


def masks(found):
    assert set(found.findings) <= set(CHECKS)
    assert all(len(mask) == len(found) for mask in found.findings.values())
    return {name: mask.tolist() for name, mask in found.findings.items() if mask.any()}


@pytest.mark.parametrize(
    ("values", "left", "findings"),
    [
        pytest.param(
            pd.Series([1.0, np.inf, -np.inf, np.nan]),
            [1.0, None, None, None],
            {"infinite": [False, True, True, False]},
            id="infinities are neither text nor silently null",
        ),
        pytest.param(
            pd.Series([1.0, np.inf], dtype="float16"),
            [1.0, None],
            {"infinite": [False, True]},
            id="of half precision",
        ),
        pytest.param(
            pd.Series(pd.arrays.FloatingArray(np.array([np.nan, np.inf]), np.array([False, False]))),
            [None, None],
            {"infinite": [False, True]},
            id="NaN inside a nullable column",
        ),
        pytest.param(
            [[1.0, np.inf], [2.0]],
            [[1.0, None], [2.0]],
            {"infinite": [True, False], "union_items": [True, False]},
            id="infinity in a list",
        ),
        pytest.param(
            pd.Series(
                np.array(["0000-12-31", "0001-01-01", "9999-12-31T23:59:59", "10000-01-01", "NaT"], "M8[s]")
            ),
            [None, dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59), None, None],
            {"date_range": [True, False, False, True, False]},
            id="years out of range never become text",
        ),
        pytest.param(
            pd.Series(np.array([-(2**63) + 1, 2**63 - 1], "M8[s]")),
            [None, None],
            {"date_range": [True, True]},
            id="the first and the last second that numpy counts",
        ),
        pytest.param(
            pd.Series([2**31 - 1, -(2**31)], dtype=pd.ArrowDtype(pa.int32())).astype(
                pd.ArrowDtype(pa.date32())
            ),
            [None, None],
            {"date_range": [True, True]},
            id="arrow dates out of range",
        ),
        pytest.param(
            pd.Series(np.array(["1969-12-31T23:59:59.9999"], "M8[us]")),
            [dt.datetime(1969, 12, 31, 23, 59, 59, 999_000)],
            {"sub_millisecond": [True]},
            id="microseconds are cut downwards before 1970, too",
        ),
        pytest.param(
            pd.Series([2**53, -(2**53), 2**53 + 1, -(2**53) - 1]),
            [2**53, -(2**53), 2**53 + 1, -(2**53) - 1],
            {"inexact_integer": [False, False, True, True]},
            id="integers beyond 2**53",
        ),
        pytest.param(
            pd.Series([0, 2**64 - 1], dtype="uint64"),
            [0, 2**64 - 1],
            {"inexact_integer": [False, True]},
            id="integers beyond 2**63",
        ),
        pytest.param(
            pd.Series(
                [decimal.Decimal(2**53), decimal.Decimal(2**53 + 2)],
                dtype=pd.ArrowDtype(pa.decimal128(20, 0)),
            ),
            [str(2**53), str(2**53 + 2)],
            {"inexact_integer": [False, True]},
            id="decimals beyond 2**53",
        ),
        pytest.param(
            pd.Series(
                [decimal.Decimal("0.1234567890123456789"), decimal.Decimal("19.99"), None],
                dtype=pd.ArrowDtype(pa.decimal128(38, 19)),
            ),
            ["0.1234567890123456789", "19.9900000000000000000", None],
            {"inexact_decimal": [True, False, False]},
            id="decimals that no double holds",
        ),
        pytest.param(
            pd.Series(np.array([np.longdouble(2) ** 60 + 1, 0.5, np.nan])),
            [str(2**60 + 1), "0.5", None],
            {"inexact_integer": [True, False, False]},
            id="whole numbers longer than a double",
            marks=LONGER,
        ),
        pytest.param(
            pd.Series(np.array([np.longdouble("1e400"), 0.5])),
            [None, "0.5"],
            {"infinite": [True, False]},
            id="numbers larger than a double",
            marks=LONGER,
        ),
        pytest.param(["a", "\ud800"], ["a", None], {"broken_text": [False, True]}, id="lone surrogate"),
        pytest.param(
            objects(["a", "\ud800", None]),
            ["a", None, None],
            {"broken_text": [False, True, False]},
            id="lone surrogate beside a missing value",
        ),
        pytest.param(
            [["a"], ["\ud800"]],
            ['["a"]', None],
            {"broken_text": [False, True]},
            id="lone surrogate in a list",
        ),
        pytest.param(
            [["x" * 256, "a"], ["é" * 128], ["a"], None],
            [["x" * 256, "a"], ["é" * 128], ["a"], None],
            {"long_item": [True, False, False, False], "heavy_item": [False, True, False, False]},
            id="long items",
        ),
        pytest.param(
            [[True], [False, None], None],
            [[True], [False, None], None],
            {"union_items": [True, True, False]},
            id="booleans and missing items are none for union",
        ),
    ],
)
def test_findings_are_masks(values, left, findings):
    found = normalised(values)
    assert found.array.to_pylist() == left
    assert masks(found) == findings


def test_lone_surrogates_in_python_strings_are_found_whatever_the_dtype():
    column = pd.Series(["a", "\ud800"], dtype=pd.StringDtype("python"))
    found = normalised(column)
    assert found.array.to_pylist() == ["a", None]
    assert masks(found) == {"broken_text": [False, True]}


def test_the_type_of_text_does_not_depend_on_what_else_a_slice_holds():
    """Checks on text look at large_string arrays: a lone surrogate must not hide its neighbours from them."""
    for values in (["a"], ["a", "\ud800"]):
        found = normalised(values)
        assert found.array.type == pa.large_string()
        assert found.kinds is None


def test_findings_of_items_fall_on_the_list_that_holds_them():
    """Lists without items and missing lists lie between, and the missing one hides items of its own."""
    items = pa.array(["a", "hidden", "x" * 300, "b"], pa.large_string())
    lists = pa.LargeListArray.from_arrays(
        pa.array([0, 1, 2, 2, 3, 4]), items, mask=pa.array([False, True, False, False, False])
    )
    column = pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([lists])))
    found = normalised(column)
    assert masks(found) == {"long_item": [False, False, False, True, False]}
    assert found.array.to_pylist() == [["a"], None, [], ["x" * 300], ["b"]]


#: Strings as they may stand in lists, those above all that look like what stands between strings in JSON.
TAGS = st.one_of(
    st.sampled_from(
        [
            '","',
            '"',
            "\\",
            '\\"',
            "],[",
            ",\n,",
            "null",
            "",
            "é" * 127,
            "é" * 128,
            "x" * 255,
            "x" * 256,
            "x," * 128,
        ]
    ),
    st.text(),
)


@given(values=st.lists(st.none() | st.lists(TAGS) | st.lists(TAGS).map(tuple), min_size=1))
def test_lists_of_strings_come_out_as_arrow_would_have_them(values):
    """orjson writes them faster than Arrow reads them; where one may be too long, Arrow takes a closer look."""
    column = objects(values)
    rule = rule_for(column)
    found = normalise(column.to_numpy(), rule)
    meant = normalise(column.to_numpy(), replace(rule, plain=False))
    assert json_of(found) == json_of(meant)
    assert masks(found) == masks(meant)
    assert found.missing.tolist() == meant.missing.tolist()


def json_of(found):
    opening, texts, closing = json_texts(found)
    return [None if text is None else orjson.loads(opening + text + closing) for text in texts.to_pylist()]


#: What may stand in a list beside strings.
ODD = st.sampled_from(
    [
        1, 1.5, float("nan"), float("inf"), True, None, pd.NA, {}, {"a": "b"}, {"a": ["b"]}, {"a": 1}, [], ["a"], [[]], ("a",), {"a"},
        dt.datetime(2024, 1, 2, 3, tzinfo=dt.UTC), dt.date(2024, 1, 2), dt.time(1, 2), pd.Timestamp("2024-01-02"), uuid.UUID(int=1),
        np.str_("a"), np.int64(1), decimal.Decimal("1.50"), Size.SMALL, b"a", object, "\ud800",
    ]
)  # fmt: skip


@example(odd=[[Size.SMALL]])
@example(odd=[[{"a": "b"}, "["]])
@given(odd=st.lists(st.none() | st.lists(TAGS | ODD, max_size=4) | st.lists(TAGS).map(tuple), min_size=1))
def test_a_list_of_something_else_is_noticed_behind_any_number_of_lists_of_strings(odd):
    """The rule has looked at the first lists alone. What it would have made of the others is what they become."""
    column = objects([*[["a", "b"]] * SAMPLE, *odd])
    rule = rule_for(column)
    assert rule.plain
    found = normalise(column.to_numpy()[SAMPLE:], rule)
    meant = normalise(column.to_numpy()[SAMPLE:], replace(rule, plain=False))
    assert json_of(found) == json_of(meant)
    assert masks(found) == masks(meant)
    assert found.missing.tolist() == meant.missing.tolist()


@pytest.mark.parametrize(
    ("values", "plain"),
    [
        pytest.param([["a"], ("b", "c"), None, []], True, id="strings"),
        pytest.param([["a"], [None]], False, id="a missing item"),
        pytest.param([["a"], [np.str_("b")]], False, id="strings of numpy"),
        pytest.param([["a"], np.array(["b"], dtype=object)], False, id="an array"),
        pytest.param([[1]], False, id="numbers"),
    ],
)
def test_only_lists_of_nothing_but_strings_are_left_to_orjson(values, plain):
    assert rule_for(objects(values)).plain is plain
    assert (normalised(values).kinds is not None) is plain


@pytest.mark.parametrize("column", ["categories", "sparse"])
def test_lists_are_left_to_orjson_only_where_they_stand_by_themselves(column):
    pairs = objects([("a", "b"), ("c",), ("a", "b")])
    wrapped = pairs.astype("category") if column == "categories" else pd.Series(pd.arrays.SparseArray(pairs))
    assert not rule_for(wrapped).plain
    assert json_of(normalised(wrapped)) == [["a", "b"], ["c"], ["a", "b"]]


@pytest.mark.parametrize("missing", [pd.NA, pd.NaT, float("nan"), None], ids=str)
def test_a_missing_list_is_missing_whatever_stands_for_it(missing):
    found = normalised([["a"], missing])
    assert json_of(found) == [["a"], None]
    assert masks(found) == {}


@pytest.mark.parametrize(
    ("values", "blank", "meant"),
    [
        pytest.param(["", " \t\u2003", "a", None], "keep", ["", " \t\u2003", "a", MISSING], id="keep"),
        pytest.param(
            ["", " \t\u2003", "a ", None], "missing", [MISSING, MISSING, "a ", MISSING], id="missing"
        ),
        pytest.param(
            ["", 1, [""]], "missing", [MISSING, 1, [""]], id="missing among mixed values, not in lists"
        ),
        pytest.param(
            pd.Series(["", "a"], dtype="category"), "missing", [MISSING, "a"], id="missing categories"
        ),
        pytest.param(
            pd.Series(["", "a"], dtype=pd.ArrowDtype(pa.string())),
            "missing",
            [MISSING, "a"],
            id="missing arrow strings",
        ),
        pytest.param(["\u200b"], "missing", ["\u200b"], id="a zero-width space is no white space"),
    ],
)
def test_blank(values, blank, meant):
    assert values_sent(values, blank=blank) == meant


@pytest.mark.parametrize(
    ("values", "parse", "meant"),
    [
        pytest.param(
            ["a;b", " c ; ;d;", ";", "", None],
            ";",
            [["a", "b"], ["c", "d"], [], MISSING, MISSING],
            id="separator",
        ),
        pytest.param(["a b  c"], " ", [["a", "b", "c"]], id="a blank as separator"),
        pytest.param(["a||b|c"], "||", [["a", "b|c"]], id="separator of two characters"),
        pytest.param(["a.b"], ".", [["a", "b"]], id="a separator is no pattern"),
        pytest.param(['"a";\\'], ";", [['"a"', "\\"]], id="items to escape"),
        pytest.param(
            ["a;b", ["c;d"], 1, None], ";", [["a", "b"], ["c;d"], 1, MISSING], id="text beside lists"
        ),
        pytest.param(pd.Series([1, 2]), ";", [1, 2], id="numbers stay"),
        pytest.param(pd.Series(["a;b"], dtype="category"), ";", [["a", "b"]], id="categories"),
        pytest.param(
            pd.Series(["a;b"], dtype=pd.ArrowDtype(pa.string())), ";", [["a", "b"]], id="arrow strings"
        ),
        pytest.param(
            ["[1, true, null]", '{"a": 1.5}'],
            "json",
            [[1, True, None], {"a": decimal.Decimal("1.5")}],
            id="JSON",
        ),
        pytest.param(
            ["1", '"a"', "true", "null", " "], "json", [1, "a", True, MISSING, MISSING], id="JSON scalars"
        ),
        pytest.param(['{"a":1}', {"b": 2}], "json", [{"a": 1}, {"b": 2}], id="JSON beside objects"),
    ],
)
def test_parse(values, parse, meant):
    assert values_sent(values, parse={"x": parse}) == meant


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("{'a': 1}", id="Python's own quotes"),
        pytest.param('{"a": 1', id="cut short"),
        pytest.param("NaN", id="NaN"),
        pytest.param('"\\ud800"', id="an escaped lone surrogate"),
        pytest.param("abc", id="words"),
    ],
)
def test_broken_json_is_a_finding_of_its_row(text):
    found = normalised(['{"a":1}', text, None], parse="json")
    assert found.array.to_pylist() == ['{"a":1}', None, None]
    assert masks(found) == {"bad_json": [False, True, False]}


def test_json_says_what_it_would_lose():
    texts = ['{"a":1,"a":2}', "[18446744073709551616]", '{"b":[0.12345678901234567890]}', "[1.50]", None]
    found = normalised(texts, parse="json")
    assert found.array.to_pylist() == [
        None,
        '["18446744073709551616"]',
        '{"b":[0.12345678901234567890]}',
        "[1.5]",
        None,
    ]
    assert masks(found) == {
        "repeated_key": [True, False, False, False, False],
        "inexact_integer": [False, True, False, False, False],
        "inexact_decimal": [False, False, True, False, False],
    }


def test_parsed_text_is_checked_for_what_it_stands_for():
    assert masks(normalised(["a;" + "x" * 300], parse=";")) == {"long_item": [True]}
    assert "deep_object" in masks(normalised(['{"a":{"b":{"c":{"d":1}}}}'], parse="json"))


@given(
    st.lists(st.text(st.characters(codec="utf-8")) | st.none(), max_size=5),
    st.sampled_from([";", " ", "\n", "||", "é"]),
)
@settings(max_examples=examples(60), deadline=None)
def test_a_separator_means_the_same_for_text_alone_and_beside_other_values(texts, separator):
    meant = [
        MISSING
        if text is None or not text.strip()
        else [piece.strip() for piece in text.split(separator) if piece.strip()]
        for text in texts
    ]
    assert values_sent([*texts, "a"], parse={"x": separator}) == [*meant, ["a"]]
    assert values_sent([*texts, 1], parse={"x": separator}) == [*meant, 1]


@pytest.mark.parametrize(
    ("values", "rows", "meant"),
    [
        pytest.param(
            ["x" * 300, "x" * 300, None], [0], ["x" * 255, "x" * 300, None], id="only the rows of the mask"
        ),
        pytest.param(["é" * 200], [0], ["é" * 127], id="between two code points"),
        pytest.param(["👩" * 100], [0], ["👩" * 63], id="of four bytes"),
        pytest.param(["short"], [0], ["short"], id="short text stays"),
        pytest.param(
            [["é" * 200, "b", None], []], [0, 1], [["é" * 127, "b", None], []], id="strings in a list"
        ),
        pytest.param(
            ["x" * 300, 2**70, ["y" * 300, 1.50], {"a": "z" * 300}],
            [0, 1, 2, 3],
            ["x" * 255, str(2**70), ["y" * 255, 1.5], {"a": "z" * 300}],
            id="mixed values: text and text in lists, never in objects",
        ),
        pytest.param([{"x" * 300, "b"}, None], [0, 1], [["b", "x" * 255], None], id="sets"),
        pytest.param(['"' * 300, 1], [0], ['"' * 255, 1], id="text to escape, among mixed values"),
        pytest.param(["a"], [], ["a"], id="nothing to cut"),
    ],
)
def test_cut_strings(values, rows, meant):
    column = normalised(values)
    cut = cut_strings(column, np.isin(np.arange(len(values)), rows))
    assert (cut.kinds is None) == (column.kinds is None)
    found = cut.array.to_pylist()
    assert (found if cut.kinds is None else [text and json.loads(text) for text in found]) == meant


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_every_step_keeps_the_number_of_rows(kind, data):
    rows = data.draw(st.integers(0, 5))
    column, _meant = data.draw(column_of(kind, rows))
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=rows, max_size=rows)), bool)
    for options in ({}, {"blank": "missing"}, {"parse": "json"}, {"parse": ";"}):
        found = normalised(column, **options)
        assert len(found) == rows
        assert len(found.missing) == rows
        assert found.kinds is None or len(found.kinds) == rows
        masks(found)
        emptied_rows = found.without(mask)
        assert len(emptied_rows) == rows
        assert (emptied_rows.missing == (found.missing | mask)).all()
        kept = found.filter(pa.array(mask, pa.bool_()))
        assert len(kept) == mask.sum()
        assert kept.kinds is None or len(kept.kinds) == mask.sum()


def test_emptied_reads_slices_rightly():
    array = pa.array(["", "0", None, "bcd", "e"], pa.large_string())[3:]
    assert emptied(array, np.array([False, True])).to_pylist() == ["bcd", None]


def arrow_column(values, type):
    return pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([pa.array(values, type)])))


#: Name of a container -> a column of it that holds the numbers as their own type.
CONTAINERS = {
    "numpy": pd.Series,
    "sparse": lambda numbers: pd.Series(pd.arrays.SparseArray(numbers)),
    "Arrow": lambda numbers: arrow_column([*numbers, None], pa.from_numpy_dtype(numbers.dtype)),
    "Arrow dictionary": lambda numbers: arrow_column(
        pa.DictionaryArray.from_arrays(np.arange(len(numbers), dtype="i4"), pa.array(numbers)),
        pa.dictionary(pa.int32(), pa.from_numpy_dtype(numbers.dtype)),
    ),
    "objects": lambda numbers: objects([*numbers, None]),
    "objects of several types": lambda numbers: objects([*numbers, "text"]),
    "lists": lambda numbers: objects([[number] for number in numbers]),
    "lists with text": lambda numbers: objects([["text", number] for number in numbers]),
    "arrays": lambda numbers: objects([np.array([number]) for number in numbers]),
    "Arrow lists": lambda numbers: arrow_column(
        [[number, None] for number in numbers], pa.list_(pa.from_numpy_dtype(numbers.dtype))
    ),
    "dicts": lambda numbers: objects([{"a": {"b": number}} for number in numbers]),
    "Arrow structs": lambda numbers: arrow_column(
        [{"a": number} for number in numbers], pa.struct([("a", pa.from_numpy_dtype(numbers.dtype))])
    ),
    "Arrow maps": lambda numbers: arrow_column(
        [[("a", number)] for number in numbers], pa.map_(pa.string(), pa.from_numpy_dtype(numbers.dtype))
    ),
}

#: What pandas has for single precision alone.
SINGLE = {
    "nullable": lambda numbers: pd.Series([*numbers, None], dtype="Float32"),
    "categories": lambda numbers: pd.Series(pd.Categorical(numbers)),
}

#: Short floats, and the numbers that are meant by them.
SHORT = {
    "single precision": (
        np.array([123456792, -16777218, 16777216, 16777215, 1e10, 0.1], "f4"),
        [123456792, -16777218, 16777216, 16777215, 10**10, decimal.Decimal("0.1")],
    ),
    "half precision": (
        np.array([65504, -4100, 2050, 2048, 2047, 0.1], "f2"),
        [65504, -4100, 2050, 2048, 2047, decimal.Decimal("0.1")],
    ),
}


def numbers_in(value):
    if isinstance(value, dict | list):
        items = value.values() if isinstance(value, dict) else value
        return [number for item in items for number in numbers_in(item)]
    return [value] if isinstance(value, decimal.Decimal) else []


@pytest.mark.parametrize(
    ("column", "numbers", "meant"),
    [
        pytest.param(column, *SHORT[precision], id=f"{container}, {precision}")
        for precision, containers in (
            ("single precision", CONTAINERS | SINGLE),
            ("half precision", CONTAINERS),
        )
        for container, column in containers.items()
    ],
)
def test_short_floats_are_sent_whole_as_they_are_and_fractions_as_they_read(column, numbers, meant):
    assert numbers_in(values_sent(column(numbers))) == meant


@pytest.mark.parametrize("precision", SHORT)
def test_short_floats_under_a_key_that_is_spread(precision):
    numbers, meant = SHORT[precision]
    assert numbers_in(values_sent(objects([{"x": number} for number in numbers]), spread=["x"])) == meant


def test_a_single_float_beyond_what_doubles_hold_whole_is_the_double_that_it_is():
    beyond = np.array([2.0**53, 2.0**54, 1e20, np.finfo("f4").max, np.inf, np.nan], "f4")
    sent = values_sent(pd.Series(beyond))
    assert [float(number) for number in sent[:4]] == beyond[:4].astype("f8").tolist()
    assert sent[4:] == [MISSING, MISSING]


def test_lists_of_items_and_lengths():
    lists = lists_of(pa.array([1, 2, 3]), np.array([2, 0, 0, 1]), np.array([False, True, False, False]))
    assert lists.to_pylist() == [[1, 2], None, [], [3]]
    assert lists_of(pa.array([], pa.int64()), np.array([], int), np.array([], bool)).to_pylist() == []


def test_normalised_of_nothing():
    assert len(Normalised(pa.nulls(0))) == 0


zones = st.sampled_from(
    [dt.UTC, dt.timezone(dt.timedelta(hours=5, minutes=30)), dt.timezone(dt.timedelta(hours=-11))]
)
instants = st.one_of(
    st.none(),
    st.datetimes(timezones=zones),
    st.builds(
        lambda nanoseconds, zone: pd.Timestamp(nanoseconds, tz="UTC").tz_convert(zone),
        st.integers(-(2**62), 2**62),
        zones,
    ),
)


def in_json(values):
    opening, texts, closing = json_texts(values)
    return [None if text is None else f"{opening}{text}{closing}" for text in texts.to_pylist()]


@given(st.lists(instants, min_size=1))
def test_instants_are_read_together_as_they_are_one_by_one(values):
    together, one_by_one = normalised(values), from_objects(values)
    assert in_json(together) == in_json(one_by_one)
    assert masks(together) == masks(one_by_one)


ODD = [
    *(
        2**53,
        -(2**53) - 1,
        2**70,
        float("nan"),
        float("inf"),
        np.float64(0.5),
        np.int64(7),
        None,
        pd.NA,
        b"x",
    ),
    *("x" * 256, "é" * 128, "null", "\n", "\ud800", np.str_("a"), decimal.Decimal("1.50"), (1,), {1}),
    dt.datetime(2024, 1, 2, 3, tzinfo=dt.UTC),
    orjson.Fragment("1"),
    enum.Enum("Text", {"MEMBER": "a"}, type=str).MEMBER,
    dict.fromkeys(map(str, range(256)), 1),
    ["x" * 250] * 1100,
    {"a": "x" * 256_000},
]
NAMES = st.sampled_from(["a", "b", "é", "\n", "\udfff", 1, np.str_("c")])
LEAVES = st.one_of(st.sampled_from(ODD), st.text(max_size=3), st.booleans(), st.integers(0, 9), st.floats())
NESTED = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=examples(500))
@given(st.lists(NESTED, max_size=6))
def test_objects_written_together_are_what_each_is_by_itself(values):
    together = from_objects(values)
    findings = [set() for _value in values]
    texts = [to_json(value, names) for value, names in zip(values, findings, strict=True)]
    assert together.array.to_pylist() == [text and text.decode() for text in texts]
    for names, text, kind in zip(findings, texts, together.kinds, strict=True):
        names.update(measured(text, kind))
    named = [{name for name, mask in together.findings.items() if mask[row]} for row in range(len(values))]
    assert named == findings
    assert all(mask.any() for mask in together.findings.values())


def measured(text, kind):
    """Return the findings of one JSON text by itself."""
    return set(json_findings(pa.array([text], pa.large_string()), np.array([kind], dtype=object)))


@pytest.mark.parametrize(
    "value",
    [
        pytest.param([1.5, float("nan")], id="NaN in a list is null"),
        pytest.param([np.int64(7), 1], id="a number of numpy's in a list"),
        pytest.param([{"a": float("nan")}], id="an object in a list"),
        pytest.param({"a": {"b": {"c": [1]}}}, id="a list on the last level"),
        pytest.param({"a": {"b": [{"c": 1}]}}, id="a list of objects on the last level"),
        pytest.param({"a": [[[1]]]}, id="lists in lists"),
        pytest.param({"a": [[[[1]]]]}, id="one list more"),
        pytest.param({"a": {"b": {"c": [[1]]}}}, id="lists in a list on the last level"),
        pytest.param([{"a": [1]}], id="a list in an object in a list"),
        pytest.param([{"a": [[1]]}], id="and one more"),
        *(pytest.param([value], id=f"odd value {place}, in a list") for place, value in enumerate(ODD)),
        *(
            pytest.param({"a": value}, id=f"odd value {place}, in an object")
            for place, value in enumerate(ODD)
        ),
    ],
)
def test_what_is_left_to_orjson_is_what_it_would_be_converted(value):
    normalised, findings = from_objects(["before", value, 1]), set()
    text = to_json(value, findings)
    assert normalised.array.to_pylist() == ['"before"', text and text.decode(), "1"]
    assert normalised.kinds.tolist()[::2] == ["string", "number"]
    assert set(normalised.findings) == findings | measured(text, normalised.kinds[1])
    assert all(mask.tolist() == [False, True, False] for mask in normalised.findings.values())

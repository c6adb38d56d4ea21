# ruff: noqa: DTZ001 (datetimes without a time zone are what is tested)
from __future__ import annotations

import datetime as dt
import decimal
import json

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reference import (
    KINDS,
    MISSING,
    Said,
    bodies,
    column_of,
    encoded,
    heads_of,
    loads,
    records_of_rows,
    same,
    values_sent,
)

from mixpanel_pandas.payloads.changes import Changes
from mixpanel_pandas.payloads.encoding import (
    MANY_PARTS,
    PARTS_TOGETHER,
    Property,
    _between,
    encode,
    escaped,
    join,
)
from mixpanel_pandas.payloads.envelope import Envelope
from mixpanel_pandas.payloads.layout import make_layout
from mixpanel_pandas.payloads.normalise import Normalised, normalise_column
from mixpanel_pandas.payloads.row_set import RowSet
from mixpanel_pandas.rules.operation import operation
from mixpanel_pandas.rules.operators import OPERATORS
from tests.examples import examples

QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
SOME = settings(max_examples=12, deadline=None, suppress_health_check=QUIET)
MANY = settings(max_examples=examples(150), deadline=None, suppress_health_check=QUIET)

WITH_VALUES = [verb for verb, operator in OPERATORS.items() if operator.has_values]


def said_of(name, verb, missing, values, blank="keep"):
    """Return a property as it is meant: what an operator does not know is skipped, and no list unites with nothing."""
    values = [
        MISSING
        if (blank == "missing" and isinstance(value, str) and not value.strip())
        or (verb == "union" and value == [])
        else value
        for value in values
    ]
    known = missing in OPERATORS[verb].missing
    return Said(name, f"${verb}", values, missing if known else "skip")


def check(read, meant):
    assert len(read) == len(meant)
    for row, (records, wanted) in enumerate(zip(read, meant, strict=True)):
        assert same(records, wanted), (row, records, wanted)


TEXT = pa.large_string()


def texts(*values):
    return pa.array(values, TEXT)


@pytest.mark.parametrize(
    ("parts", "nulls", "expected"),
    [
        pytest.param(["a", texts("1", "2"), "b", "c"], "emit_null", ["a1bc", "a2bc"], id="constants meet"),
        pytest.param([texts("1", None), "b"], "emit_null", ["1b", None], id="null where a part is"),
        pytest.param([texts("1", None), "b"], "replace", ["1b", "b"], id="null as nothing"),
        pytest.param([texts("1", "2"), texts("3", "4")], "emit_null", ["13", "24"], id="columns alone"),
        pytest.param([texts(), "a"], "emit_null", [], id="no rows"),
    ],
)
def test_parts_are_joined_row_by_row(parts, nulls, expected):
    joined = join(*parts, nulls=nulls)
    assert joined.type == TEXT
    assert joined.to_pylist() == expected


@pytest.mark.parametrize("start", [0, 3])
def test_all_rows_are_joined_in_their_order_however_many(start):
    rows = 100_000
    strings = pa.array(np.arange(start + rows)).cast(TEXT)[start:]
    joined = join("a", strings, "=", strings)
    assert joined.to_pylist() == [f"a{number}={number}" for number in range(start, start + rows)]


@pytest.mark.parametrize("nulls", ["emit_null", "replace"])
@pytest.mark.parametrize("more", [-1, 0, 1, PARTS_TOGETHER])
def test_parts_are_joined_in_their_order_however_many(more, nulls):
    columns = [texts(f"{number}", None if number == 700 else "x") for number in range(MANY_PARTS + more)]
    joined = join(*columns, nulls=nulls)
    whole = "".join(str(number) for number in range(len(columns)))
    assert joined.to_pylist() == [whole, None if nulls == "emit_null" else "x" * (len(columns) - 1)]


STRINGS = st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"])), max_size=6)


@SOME
@given(STRINGS, st.text(max_size=3).filter(str.isascii), st.sampled_from(["", ",", "ü"]), st.integers(0, 6))
def test_constants_around_a_column_are_what_a_join_makes(values, before, after, start):
    """A fragment is written faster than by `join`, and is the same, also of a slice."""
    column = pa.array(values, TEXT)[start:]
    assert _between(before, column, after).equals(join(before, column, after))


@pytest.mark.parametrize("kind", KINDS)
@SOME
@given(data=st.data())
def test_a_column_of_every_kind_is_what_the_reference_says(kind, data):
    rows = data.draw(st.integers(1, 6), label="rows")
    values, meant = data.draw(column_of(kind, rows), label=kind)
    blank = data.draw(st.sampled_from(["keep", "missing"]), label="blank")
    verb = data.draw(st.sampled_from(WITH_VALUES), label="verb")
    missing = data.draw(st.sampled_from(OPERATORS[verb].missing), label="missing")
    per_slice = data.draw(st.integers(1, rows), label="rows_per_slice")
    if kind.startswith(("UUID", "times")):
        blank = "keep"
    frame = pd.DataFrame({"id": [f"u{row}" for row in range(rows)], "always": 1, "x": values})
    said = [Said("always", "$set", [1] * rows), said_of("x", verb, missing, meant, blank)]
    read = encoded(
        frame, "update", {"always": "set", "x": verb}, missing=missing, blank=blank, rows_per_slice=per_slice
    )
    check(read, records_of_rows(heads_of(frame["id"]), said))


def with_index(frame, index):
    """Return the frame with an index of some kind; the ids are a column, or a level of it."""
    rows = len(frame)
    if index == "doubles":
        return frame.set_axis(np.zeros(rows, int))
    if index == "dates":
        return frame.set_axis(pd.DatetimeIndex(["2024-01-01"] * rows))
    if index == "ids":
        return frame.set_index("id")
    if index == "level of ids":
        return frame.assign(level=range(rows)).set_index(["level", "id"])
    return frame


@MANY
@given(data=st.data())
def test_a_whole_frame_is_what_the_reference_says_however_it_is_cut(data):
    rows = data.draw(st.integers(0, 7), label="rows")
    count = data.draw(st.integers(1, 4), label="columns")
    group = data.draw(st.sampled_from([None, None, "company"]), label="group")
    missing = data.draw(st.sampled_from(["skip", "null", "unset"]), label="missing")
    index = data.draw(st.sampled_from(["plain", "doubles", "dates", "ids", "level of ids"]), label="index")
    verbs = [verb for verb in WITH_VALUES if OPERATORS[verb].groups or group is None]
    ids = [f'u{row}"\\\n' for row in range(rows)]
    frame = pd.DataFrame({"id": pd.Series(ids, dtype=object)})
    properties, said, removed = {"always": "set"}, [Said("always", "$set", ["é"] * rows)], ()
    frame["always"] = pd.Series(["é"] * rows, dtype=object)
    for number in range(count):
        name = data.draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), label="name") + str(
            number
        )
        kind = data.draw(st.sampled_from(list(KINDS)), label="kind")
        verb = data.draw(st.sampled_from(verbs), label="verb")
        values, meant = data.draw(column_of(kind, rows), label=kind)
        column = said_of(name, verb, missing, meant)
        column.dropped = data.draw(st.lists(st.integers(0, max(rows - 1, 0)), max_size=rows), label="dropped")
        frame[name] = values
        properties[name] = verb
        said.append(column)
    if data.draw(st.booleans(), label="unset"):
        properties["gone"], removed = "unset", ("gone",)
    excluded = np.array(
        data.draw(st.lists(st.booleans(), min_size=rows, max_size=rows), label="left out"), bool
    )
    if not any(missing in OPERATORS[verb].missing for verb in properties.values()):
        missing = "skip"
    dropped = {
        number: RowSet(np.unique(column.dropped)) for number, column in enumerate(said) if column.dropped
    }
    read = encoded(
        with_index(frame, index),
        "update",
        properties,
        group=group,
        missing=missing,
        changes=Changes(excluded, dropped),
        rows_per_slice=data.draw(st.integers(1, 8), label="rows_per_slice"),
    )
    meant = records_of_rows(heads_of(ids, group), said, removed)
    check(read, [records for records, out in zip(meant, excluded, strict=True) if not out])


#: Verb, properties, and what stands in the record beside the head.
RECORDS = [
    pytest.param("set", ["x"], {"$set": {"x": 5}}, id="set"),
    pytest.param("set_once", ["x"], {"$set_once": {"x": 5}}, id="set_once moves Updated at"),
    pytest.param("add", ["x"], {"$add": {"x": 5}}, id="add"),
    pytest.param("union", ["x"], {"$union": {"x": [5]}}, id="union wraps a scalar"),
    pytest.param("append", ["x"], {"$append": {"x": 5}}, id="append"),
    pytest.param("remove", ["x"], {"$remove": {"x": 5}}, id="remove"),
    pytest.param("unset", ["x", "y"], {"$unset": ["x", "y"]}, id="unset names all in one record"),
    pytest.param("delete", None, {"$delete": ""}, id="delete holds nothing and takes the id literally"),
]


def test_every_operator_has_its_record():
    assert {case.values[0] for case in RECORDS} == set(OPERATORS)


@pytest.mark.parametrize(("verb", "properties", "record"), RECORDS)
def test_a_record_of_each_operator(verb, properties, record):
    switches = {} if verb == "set_once" else {"$ignore_time": True}
    if verb == "delete":
        switches["$ignore_alias"] = True
    [[found]] = encoded(pd.DataFrame({"id": ["ann"], "x": [5]}), verb, properties)
    assert same(found, {"$distinct_id": "ann", "$ip": "0", **switches, **record})


@pytest.mark.parametrize(
    ("missing", "verb", "meant"),
    [
        pytest.param("skip", "set", [{"$set": {"y": 1}}], id="skip"),
        pytest.param("null", "set", [{"$set": {"x": None, "y": 1}}], id="null"),
        pytest.param("unset", "set", [{"$set": {"y": 1}}, {"$unset": ["x"]}], id="unset"),
        pytest.param("null", "set_once", [{"$set_once": {"x": None, "y": 1}}], id="null of set_once"),
    ],
)
def test_what_a_missing_value_means(missing, verb, meant):
    frame = pd.DataFrame({"id": ["ann"], "x": [None], "y": [1]})
    [records] = encoded(frame, verb, missing=missing)
    assert [
        {
            name: operand
            for name, operand in record.items()
            if name not in {"$distinct_id", "$ip", "$ignore_time"}
        }
        for record in records
    ] == meant


@pytest.mark.parametrize("missing", ["skip", "null", "unset"])
def test_a_value_that_was_left_out_is_neither_null_nor_removed(missing):
    frame = pd.DataFrame({"id": ["ann", "bob"], "x": ["long", None], "y": [1, 2]})
    dropped = {0: RowSet(np.arange(2))}
    rows = encoded(frame, "set", missing=missing, changes=Changes(np.zeros(2, bool), dropped))
    meant = [Said("x", "$set", [MISSING, MISSING], dropped=[0, 1]), Said("y", "$set", [1, 2])]
    check(rows, records_of_rows(heads_of(["ann", "bob"]), meant))


def test_removed_names_and_missing_values_share_a_record():
    frame = pd.DataFrame({"id": ["ann"], "x": [None], "y": [1]})
    [[first, second]] = encoded(frame, "update", {"x": "set", "y": "set", "fax": "unset"}, missing="unset")
    assert first["$set"] == {"y": 1}
    assert second["$unset"] == ["fax", "x"]


def test_rows_whose_values_are_all_missing_keep_the_ids_aligned():
    frame = pd.DataFrame(
        {"id": ["a", "b", "c", "d"], "x": [None, "1", None, "4"], "y": [None, None, "3", None]}
    )
    excluded = np.array([True, False, False, False])
    rows = encoded(frame, "set", changes=Changes(excluded))
    assert [(row["$distinct_id"], row["$set"]) for [row] in rows] == [
        ("b", {"x": "1"}),
        ("c", {"y": "3"}),
        ("d", {"x": "4"}),
    ]


def test_a_row_that_says_nothing_stays_in_its_place():
    values = [Normalised(pa.array([None, "b", None], pa.large_string())) for _ in range(2)]
    properties = [
        Property(name, OPERATORS[verb], "skip", column)
        for name, verb, column in zip("xy", ("set", "union"), values, strict=True)
    ]
    around = Envelope(pa.array(["1", "2", "3"], pa.large_string()))
    payloads = encode(around.head(), properties, (), False, np.arange(3))
    assert len(payloads.text) == 3
    assert payloads.updates.tolist() == [0, 2, 0]


@pytest.mark.parametrize(
    ("values", "meant"),
    [
        pytest.param(
            [dt.date(2024, 1, 2), dt.datetime(2024, 1, 2, 3, 4, 5)],
            ["2024-01-02", "2024-01-02T03:04:05"],
            id="a date beside a datetime: the time stays",
        ),
        pytest.param([1.5, True], [1.5, True], id="a float beside a boolean: true is not 1"),
        pytest.param([1, True], [1, True], id="an integer beside a boolean"),
        pytest.param([1, 1.5], [1, 1.5], id="an integer beside a float"),
        pytest.param(
            [2**53 + 1, 0.5], [2**53 + 1, 0.5], id="a large integer beside a float keeps its digits"
        ),
        pytest.param(
            [{"a": 1}, {"b": 2}, {}], [{"a": 1}, {"b": 2}, {}], id="objects are not filled with nulls"
        ),
        pytest.param([[{"a": 1}, {"b": 2}]], [[{"a": 1}, {"b": 2}]], id="nor are objects in lists"),
        pytest.param([{"a": None}], [{"a": None}], id="a null that is there stays"),
        pytest.param(
            [np.nan, "a", pd.NA, pd.NaT, None], [MISSING, "a"] + [MISSING] * 3, id="every missing value"
        ),
        pytest.param([np.datetime64("NaT", "ns"), "a"], [MISSING, "a"], id="numpy's NaT beside text"),
        pytest.param(
            [np.timedelta64("NaT", "ns"), 1], [MISSING, 1], id="numpy's NaT of durations beside a number"
        ),
        pytest.param([decimal.Decimal("NaN"), 1.5], [MISSING, 1.5], id="a Decimal's NaN beside a float"),
        pytest.param(
            [float("nan"), 1, "a"], [MISSING, 1, "a"], id="NaN among mixed values is missing, not null"
        ),
        pytest.param([[1.0, float("nan")]], [[1.0, None]], id="NaN in a list holds its place"),
        pytest.param(["a", ["b"]], ["a", ["b"]], id="text beside a list"),
    ],
)
def test_values_that_inference_would_change(values, meant):
    found = values_sent(values)
    assert [
        read is MISSING if value is MISSING else same(read, value)
        for read, value in zip(found, meant, strict=True)
    ]
    for read, value in zip(found, meant, strict=True):
        assert (read is MISSING) if value is MISSING else same(read, value), (read, value)


@pytest.mark.parametrize("digits", ["0.00000001", "-0.00000001", "0.00000012", "0E-8", "12.00000000"])
@pytest.mark.parametrize("type", [pa.decimal128(12, 8), pa.decimal256(50, 8)], ids=str)
def test_small_arrow_decimals_are_correct_json(digits, type):
    """Arrow 17 writes 1.E-8."""
    values = pd.Series([decimal.Decimal(digits)], dtype=pd.ArrowDtype(type))
    assert values_sent(values) == [decimal.Decimal(digits)]


@pytest.mark.parametrize(
    ("values", "meant"),
    [
        pytest.param([1, 2], [[1], [2]], id="numbers"),
        pytest.param(["a", None], [["a"], MISSING], id="strings"),
        pytest.param(["a", 1, ["b", 2]], [["a"], [1], ["b", 2]], id="values of several types"),
        pytest.param([decimal.Decimal("1.50")], [[decimal.Decimal("1.50")]], id="decimals"),
        pytest.param([dt.date(2024, 1, 2)], [["2024-01-02"]], id="dates"),
        pytest.param(
            pd.Series([decimal.Decimal("1.50"), None], dtype=pd.ArrowDtype(pa.decimal128(5, 2))),
            [[decimal.Decimal("1.50")], MISSING],
            id="arrow decimals",
        ),
        pytest.param([["a"], [], None], [["a"], MISSING, MISSING], id="an empty list unites nothing"),
        pytest.param([["a", 1], []], [["a", 1], MISSING], id="nor does an empty list among mixed ones"),
        pytest.param([{"a"}, set()], [["a"], MISSING], id="nor does an empty set"),
        pytest.param(
            pd.Series([["a"], []], dtype=pd.ArrowDtype(pa.list_(pa.string()))),
            [["a"], MISSING],
            id="arrow lists",
        ),
    ],
)
def test_union_sends_lists_and_none_that_is_empty(values, meant):
    found = values_sent(values, "union")
    for read, value in zip(found, meant, strict=True):
        assert (read is MISSING) if value is MISSING else same(read, value), (read, value)


def test_set_keeps_an_empty_list():
    assert values_sent([["a"], []]) == [["a"], []]


HARD = {
    "quotes": '"',
    "backslash": "\\",
    "both, and an escape that is none": '\\"\\u0041\\',
    "every control character": "".join(map(chr, range(32))),
    "DEL and the controls above": "".join(map(chr, range(0x7F, 0xA0))),
    "emoji": "👩‍👩‍👧🏽",
    "line separators": "\u2028\u2029",
    "HTML": "</script><!-- & -->",
    "byte order mark and the last code point": "\ufeff\U0010ffff\uffff",
    "very long": "ü" * 3_000_000,
}


@pytest.mark.parametrize("dtype", ["object", "string[python]", "string[pyarrow]", "category"])
@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in HARD.items()])
def test_any_text_is_correct_json(text, dtype):
    found = values_sent(pd.Series(["plain", text, None], dtype=dtype))
    assert found == ["plain", text, MISSING]


@pytest.mark.parametrize(
    "name", [pytest.param(text[:255], id=name) for name, text in HARD.items() if text.strip()]
)
def test_any_name_is_correct_json(name):
    frame = pd.DataFrame({"id": ["ann"], name: [1]})
    [[record]] = encoded(frame, "set")
    assert record["$set"] == {name: 1}
    [[record]] = encoded(frame, "unset", [name])
    assert record["$unset"] == [name]
    [[record]] = encoded(frame, "set", group=name)
    assert record["$group_key"] == name


@pytest.mark.parametrize("text", [pytest.param(text[:300], id=name) for name, text in HARD.items()])
def test_any_id_is_correct_json(text):
    [[record]] = encoded(pd.DataFrame({"id": [f"id {text}"], "x": [1]}), "set")
    assert record["$distinct_id"] == f"id {text}"


@given(
    st.lists(st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]))), min_size=1, max_size=6),
    st.data(),
)
@settings(max_examples=examples(60), deadline=None)
def test_escaped_text_is_what_orjson_writes_also_in_a_slice(texts, data):
    start = data.draw(st.integers(0, len(texts)))
    array = pa.array(texts, pa.large_string())[start:]
    meant = [None if text is None else orjson.dumps(text).decode()[1:-1] for text in texts[start:]]
    assert escaped(array).to_pylist() == meant


def test_the_token_stands_in_the_records_for_sending_only():
    frame = pd.DataFrame({"id": ["ann"], "x": [1]})
    [[sent]] = encoded(frame, "set", token="0123456789abcdef0123456789abcdef")
    [[shown]] = encoded(frame, "set")
    assert sent == {"$token": "0123456789abcdef0123456789abcdef", **shown}
    assert "0123" not in json.dumps(shown, default=str)


def test_the_output_does_not_depend_on_how_much_a_slice_holds():
    """Values that lead single slices another way: lone large integers, blanks, lists that only Python can hold."""
    frame = pd.DataFrame(
        {
            "id": [f"u{row}" for row in range(6)],
            "integers": pd.Series([1, 2**70, 3, None, 5, 6], dtype=object),
            "lists": pd.Series([[1], [2**70], [], None, [5, None], [6]], dtype=object),
            "floats": [1.0, 2.5, np.nan, 1e300, 5e-324, -0.0],
            "text": ["a", '"', "\n", None, "\x7f", ""],
            "instants": pd.to_datetime(["2024-01-01T00:00:00.000"] * 5 + ["2024-01-01T00:00:00.001"]),
        }
    )
    whole = [batch.body() for batch in bodies(frame, "set", batch_size=2000)]
    [body] = whole
    for per_slice in range(1, 7):
        rows = encoded(frame, "set", rows_per_slice=per_slice)
        assert [record for records in rows for record in records] == loads(body)


def test_a_frame_without_rows_makes_nothing():
    frame = pd.DataFrame({"id": pd.Series([], dtype=object), "x": pd.Series([], dtype="float64")})
    assert encoded(frame, "set") == []
    assert bodies(frame, "set", batch_size=5) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_slice_without_rows_is_empty(kind):
    column = KINDS[kind].column([])
    frame = pd.DataFrame({"id": pd.Series([], dtype=object), "x": column})
    layout = make_layout(frame, operation("set", "id", None, None, {}))
    assert len(normalise_column(layout, layout.columns[0], slice(0, 0))) == 0


@pytest.mark.parametrize("missing", ["skip", "null"])
@pytest.mark.parametrize("whole", ["", "a", "b", "c", "ab", "bc", "ac", "abc"])
def test_properties_stand_in_the_order_of_the_columns(whole, missing):
    frame = pd.DataFrame(
        {"id": ["u", "v"], **{name: [1, 2 if name in whole else None] for name in "abc"}, "d": [None, 3]}
    )
    first, second = (record["$set"] for (record,) in encoded(frame, "set", missing=missing))
    assert "".join(first) == ("abc" if missing == "skip" else "abcd")
    assert "".join(second) == (f"{whole}d" if missing == "skip" else "abcd")

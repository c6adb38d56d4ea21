# ruff: noqa: DTZ001 (datetimes without a time zone are what is tested)
from __future__ import annotations

import datetime as dt
import decimal
import enum
import ipaddress
import time
import uuid

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import KINDS, MISSING, Pair, Point, column_of, values_sent

from mixpanel_pandas.payloads.arrays import as_objects
from mixpanel_pandas.payloads.dtypes import Rule, rule_for, rule_for_objects


class Mixed(enum.Enum):
    TEXT = "a"
    NUMBER = 1


def objects(*values):
    return pd.Series(as_objects(list(values)), dtype=object)


def arrow(type, *values):
    return pd.Series(list(values), dtype=pd.ArrowDtype(type))


@pytest.mark.parametrize(
    ("column", "name", "kind", "note"),
    [
        pytest.param(pd.Series([1]), "numbers", "number", "", id="int64"),
        pytest.param(pd.Series([1], dtype="UInt8"), "numbers", "number", "", id="UInt8"),
        pytest.param(pd.Series([True]), "booleans", "boolean", "", id="bool"),
        pytest.param(pd.Series([True], dtype="boolean"), "booleans", "boolean", "", id="boolean"),
        pytest.param(pd.Series(["a"], dtype="string"), "strings", "string", "", id="string"),
        pytest.param(objects("a", None), "strings", "string", "", id="object strings"),
        pytest.param(
            pd.to_datetime(pd.Series(["2024-01-01"])),
            "datetimes without a time zone",
            "date",
            "naive_datetime",
            id="naive",
        ),
        pytest.param(
            pd.to_datetime(pd.Series(["2024-01-01"]), utc=True), "datetimes", "date", "", id="aware"
        ),
        pytest.param(
            pd.Series(pd.period_range("2024", periods=1, freq="M")), "periods", "date", "", id="periods"
        ),
        pytest.param(
            pd.Series(["a"], dtype="category"), "categories of strings", "string", "", id="categories"
        ),
        pytest.param(
            pd.Series(pd.Categorical(pd.to_datetime(["2024-01-01"]))),
            "categories of datetimes without a time zone",
            "date",
            "naive_datetime",
            id="categories keep the note",
        ),
        pytest.param(pd.Series(pd.arrays.SparseArray([1.0])), "sparse numbers", "number", "", id="sparse"),
        pytest.param(
            pd.Series(pd.arrays.SparseArray(np.array(["a"], dtype=object))),
            "sparse strings",
            "string",
            "",
            id="sparse text",
        ),
        pytest.param(objects(np.array([1.5])), "lists of double", "list", "", id="arrays"),
        pytest.param(objects(np.array([1.5]), np.array([[1.5]])), "lists", "list", "", id="arrays of both"),
        pytest.param(objects(None, np.nan, pd.NA), "only missing values", "missing", "", id="nothing"),
        pytest.param(pd.Series([], dtype=object), "only missing values", "missing", "", id="no rows"),
        pytest.param(
            objects(1.5, True), "values of several types", "mixed", "mixed_types", id="a float and a boolean"
        ),
        pytest.param(objects(1, 1.5), "number objects", "number", "", id="an integer and a float"),
        pytest.param(objects(1, 2**64 - 1), "integers", "number", "", id="integers of 64 bits"),
        pytest.param(
            objects(1, 2**64), "values of several types", "mixed", "mixed_types", id="an integer beyond"
        ),
        pytest.param(
            objects(1.5, -(2**63) - 1),
            "values of several types",
            "mixed",
            "mixed_types",
            id="one beside a float",
        ),
        pytest.param(
            objects(dt.date(2024, 1, 1), dt.datetime(2024, 1, 1)),
            "date objects",
            "date",
            "",
            id="dates and datetimes",
        ),
        pytest.param(
            objects(
                dt.datetime(2024, 1, 1, tzinfo=dt.UTC), pd.Timestamp("2024-01-01", tz="Asia/Tokyo"), None
            ),
            "datetime objects",
            "date",
            "",
            id="instants of several zones",
        ),
        pytest.param(
            objects(dt.datetime(2024, 1, 1, tzinfo=dt.UTC), dt.datetime(2024, 1, 1)),
            "date objects",
            "date",
            "",
            id="datetimes with and without a zone",
        ),
        pytest.param(objects(decimal.Decimal(1)), "number objects", "number", "", id="Decimal"),
        pytest.param(objects(uuid.UUID(int=1), "a"), "string objects", "string", "", id="UUID beside text"),
        pytest.param(
            objects(Mixed.TEXT), "values of several types", "mixed", "mixed_types", id="Enum of several types"
        ),
        pytest.param(
            objects(np.timedelta64(1, "s")), "mixed objects", "mixed", "", id="numpy's timedelta is no number"
        ),
        pytest.param(objects({"a": 1}), "objects", "object", "", id="dicts"),
        pytest.param(objects(["a", None], [None]), "lists of large_string", "list", "", id="lists of text"),
        pytest.param(objects(["a"], []), "lists", "list", "", id="lists of nothing but text"),
        pytest.param(objects([], []), "lists", "list", "", id="empty lists"),
        pytest.param(objects([1], (2,)), "lists of int64", "list", "", id="lists and tuples of integers"),
        pytest.param(objects([1, 1.5]), "lists", "list", "", id="lists of several types"),
        pytest.param(objects({1}), "lists", "list", "", id="sets"),
        pytest.param(objects(np.ones((2, 2))), "lists", "list", "", id="arrays of two dimensions"),
        pytest.param(
            objects(pd.array(["a"]), pd.Index([1]), ["a"]), "list objects", "list", "", id="columns"
        ),
        pytest.param(objects(pd.Series([1], ["a"])), "object objects", "object", "", id="Series have labels"),
        pytest.param(
            objects(Point(1, 2), Pair(1, 2)), "object objects", "object", "", id="named tuples have fields"
        ),
        pytest.param(
            objects((1, 2), Point(1, 2)),
            "values of several types",
            "mixed",
            "mixed_types",
            id="a tuple beside a named one",
        ),
        pytest.param(
            objects(time.gmtime(0)), "mixed objects", "mixed", "", id="a time that is a tuple is no list"
        ),
        pytest.param(
            objects(*map(ipaddress.ip_address, ("1.2.3.4", "::1"))),
            "string objects",
            "string",
            "",
            id="addresses",
        ),
        pytest.param(
            objects("a", ["a"]), "values of several types", "mixed", "mixed_types", id="text and lists"
        ),
        pytest.param(
            arrow(pa.dictionary(pa.int32(), pa.int64()), 1),
            "numbers",
            "number",
            "",
            id="dictionary of integers",
        ),
        pytest.param(
            arrow(pa.dictionary(pa.int32(), pa.string()), "a"),
            "strings",
            "string",
            "",
            id="dictionary of text",
        ),
        pytest.param(
            arrow(pa.timestamp("s"), dt.datetime(2024, 1, 1)),
            "datetimes without a time zone",
            "date",
            "naive_datetime",
            id="arrow timestamp",
        ),
        pytest.param(arrow(pa.time64("us"), dt.time(1)), "times of day", "string", "", id="arrow time"),
        pytest.param(
            arrow(pa.list_(pa.date32()), [dt.date(2024, 1, 1)]), "lists", "list", "", id="arrow list of dates"
        ),
        pytest.param(arrow(pa.null(), None), "only missing values", "missing", "", id="arrow null"),
    ],
)
def test_the_rule_for_a_column(column, name, kind, note):
    rule = rule_for(column)
    assert (rule.name, rule.kind, rule.note, rule.refusal) == (name, kind, note, "")


@pytest.mark.parametrize(
    ("column", "refusal"),
    [
        pytest.param(pd.to_timedelta(pd.Series([1])), "send a number instead", id="timedelta64"),
        pytest.param(arrow(pa.duration("s"), dt.timedelta(1)), "send a number instead", id="arrow duration"),
        pytest.param(pd.Series([1j]), "send real and imaginary part", id="complex"),
        pytest.param(
            pd.Series(pd.arrays.SparseArray([1j])), "send real and imaginary part", id="sparse complex"
        ),
        pytest.param(pd.Series(pd.cut([1.0, 2.0], 2)), "send them as text", id="categories of intervals"),
        pytest.param(pd.Series(pd.interval_range(0, 2)), "send them as text", id="intervals"),
        pytest.param(arrow(pa.binary(), b"a"), "decode them to text", id="arrow binary"),
        pytest.param(arrow(pa.binary(1), b"a"), "decode them to text", id="arrow fixed binary"),
        pytest.param(
            arrow(pa.dictionary(pa.int32(), pa.binary()), b"a"),
            "decode them to text",
            id="dictionary of binary",
        ),
    ],
)
def test_columns_that_cannot_be_sent(column, refusal):
    rule = rule_for(column)
    assert rule.refusal.startswith(refusal)
    assert len(rule.read(column.array)) == len(column)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_reading_keeps_the_length_of_every_slice(kind, data):
    rows = data.draw(st.integers(0, 5))
    column, _meant = data.draw(column_of(kind, rows))
    rule = rule_for(column)
    assert isinstance(rule, Rule)
    start, stop = sorted(data.draw(st.tuples(st.integers(0, rows), st.integers(0, rows))))
    values = column.to_numpy() if isinstance(column.dtype, np.dtype) else column.array
    read = rule.read(values[start:stop])
    assert len(read) == stop - start
    assert not isinstance(read, pa.ChunkedArray)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([[1, 2], [3, 4]], id="lists of one length"),
        pytest.param([np.zeros(2), np.ones(2)], id="arrays of one length"),
        pytest.param([(1,), (2,)], id="tuples"),
        pytest.param([[], []], id="empty lists"),
        pytest.param([], id="nothing"),
    ],
)
def test_an_array_of_objects_has_one_dimension(values):
    array = as_objects(values)
    assert array.shape == (len(values),)
    assert all(found is value for found, value in zip(array, values, strict=True))


def test_long_floats_are_read_as_doubles():
    values = np.array([1.5, np.nan], np.longdouble)
    assert rule_for(pd.Series(values)).read(values).equals(pa.array([1.5, None]))


def test_only_the_categories_of_a_slice_are_read(monkeypatch):
    """Else a column with a category for each row would be read as many times as it has slices."""
    column = pd.Series([f"id{row}" for row in range(1000)], dtype="category")
    rule = rule_for(column)
    read = []
    monkeypatch.setattr(
        "mixpanel_pandas.payloads.dtypes._array",
        lambda values, *_: read.append(len(values)) or pa.nulls(len(values)),
    )
    for start in range(0, 1000, 10):
        rule.read(column.array[start : start + 10])
    assert sum(read) == 1000


@pytest.mark.parametrize("beside", ["a", ["a"], 1, True], ids=repr)
@pytest.mark.parametrize(
    "nothing",
    [
        None,
        pd.NA,
        pd.NaT,
        np.nan,
        np.float32("nan"),
        np.datetime64("NaT", "ns"),
        np.timedelta64("NaT", "ns"),
        complex("nan"),
        decimal.Decimal("NaN"),
    ],
    ids=repr,
)
def test_what_pandas_calls_missing_tells_nothing(nothing, beside):
    alone, both = (rule_for_objects(as_objects(values)) for values in ([beside], [nothing, beside]))
    assert (both.name, both.kind) == (alone.name, alone.kind)


def test_the_rule_looks_at_all_values_not_at_the_first():
    assert rule_for_objects(as_objects(["a"] * 100_000 + [1])).kind == "mixed"


@pytest.mark.parametrize("items", [["a", "b"], [1, None], [1.5], [True]], ids=str)
def test_a_slice_of_lists_is_read_without_those_behind_it(items):
    """Arrow itself would look at the items of all lists, for each slice: a frame twice as long would take four times as long."""
    column = pd.Series(pd.arrays.ArrowExtensionArray(pa.array([items] * 10_000)))
    found = rule_for(column).read(column.array[5_000:5_003])
    assert found.to_pylist() == [items] * 3
    assert found.get_total_buffer_size() < 1_000


#: Kind of nesting -> an Arrow array of three values with one item each.
NESTED = {
    "a struct": lambda items: pa.StructArray.from_arrays([items], ["k"]),
    "a map": lambda items: pa.MapArray.from_arrays([0, 1, 2, 3], pa.array(["k"] * 3), items),
    "a list": lambda items: pa.ListArray.from_arrays([0, 1, 2, 3], items),
    "a large list": lambda items: pa.LargeListArray.from_arrays([0, 1, 2, 3], items),
    "a list of one length": lambda items: pa.FixedSizeListArray.from_arrays(items, 1),
    "a list of categories": lambda items: NESTED["a list"](
        pa.DictionaryArray.from_arrays(pa.array([0, 1, 2]), items)
    ),
    "a list of structs": lambda items: NESTED["a list"](NESTED["a struct"](items)),
}


@pytest.mark.parametrize("nest", NESTED.values(), ids=list(NESTED))
@pytest.mark.parametrize(
    ("type", "day", "valid", "beyond"),
    [
        pytest.param(pa.date32(), 1, dt.date(2024, 1, 1), "D", id="days"),
        pytest.param(pa.date64(), 86_400_000, dt.date(2024, 1, 1), "ms", id="days in milliseconds"),
        pytest.param(pa.timestamp("s"), 86_400, pd.Timestamp(2024, 1, 1), "s", id="naive"),
        pytest.param(
            pa.timestamp("s", "Europe/Berlin"), 86_400, pd.Timestamp("2024-01-01", tz="UTC"), "s", id="aware"
        ),
    ],
)
def test_a_nested_date_beyond_the_years_of_python_spoils_no_other(nest, type, day, valid, beyond):
    counts = pa.array([19_723 * day, None, 2_932_897 * day], pa.int32() if day == 1 else pa.int64())
    column = pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([nest(counts.view(type))])))

    def item(value):
        while isinstance(value, dict | list):
            [value] = value.values() if isinstance(value, dict) else value
        return value

    items = [item(value) for value in rule_for(column).read(column.array)]
    assert items == [valid, None, np.datetime64("10000-01-01", beyond)]
    assert [one.__class__ for one in items[::2]] == [valid.__class__, np.datetime64]


# -- dtypes of other packages ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "values", "sent"),
    [
        pytest.param("dbdate", [dt.date(2024, 1, 5), None], ["2024-01-05", MISSING], id="dates"),
        pytest.param(
            "dbtime",
            [dt.time(1, 2, 3), dt.time(1, 2, 3, 45), None],
            ["01:02:03", "01:02:03.000045", MISSING],
            id="times of day",
        ),
        pytest.param(
            "dbjson",
            [{"a": 1}, [1, "b"], "text", None],
            [{"a": decimal.Decimal(1)}, [decimal.Decimal(1), "b"], "text", MISSING],
            id="JSON",
        ),
    ],
)
def test_columns_of_bigquery(dtype, values, sent):
    pytest.importorskip("db_dtypes")
    assert values_sent(pd.Series(values, dtype=dtype)) == sent


class Tagged(pa.ExtensionType):
    """An Arrow type of which nothing is known but its name."""

    def __init__(self, name, storage):
        super().__init__(storage, name)

    def __arrow_ext_serialize__(self):
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, storage, serialized):
        return cls("", storage)


def tagged(name, values):
    array = pa.ExtensionArray.from_storage(Tagged(name, pa.string()), pa.array(values))
    return pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([array])))


@pytest.mark.parametrize("name", ["arrow.json", "dbjson"])
def test_an_arrow_type_of_json_is_read_as_json(name):
    column = tagged(name, ['{"a": [1]}', '"text"', "null", None])
    assert values_sent(column) == [{"a": [decimal.Decimal(1)]}, "text", MISSING, MISSING]
    assert values_sent(column, parse={"x": "text"}) == ['{"a": [1]}', '"text"', "null", MISSING]
    report = pd.DataFrame({"id": ["a", "b"], "x": tagged(name, ['{"a":1,"a":2}', "{"])}).mixpanel.validate(
        "set", "id"
    )
    assert set(report["check"]) == {"repeated_key", "bad_json"}


def test_an_arrow_type_that_is_not_known_is_refused():
    assert rule_for(tagged("acme.secret", ["a"])).refusal


@pytest.mark.skipif(not hasattr(pa, "uuid"), reason="Arrow has no type of UUIDs")
def test_an_arrow_type_of_uuids():
    one = uuid.UUID(int=1)
    assert values_sent(arrow(pa.uuid(), one.bytes, None)) == [str(one), MISSING]

"""The inventory: one row per column of any frame."""

from __future__ import annotations

import datetime as dt
import decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from mixpanel_pandas import OperationError
from mixpanel_pandas.checking.inventory import COLUMNS
from mixpanel_pandas.payloads import slice_sizes

LONG = "x" * 300


def of(values, label="c"):
    """Return the inventory's row for one column."""
    return pd.Series(values, name=label).to_frame().mixpanel.inventory().iloc[0]


#: Values -> type, types, filled, distinct, bytes of the largest, values over a limit, findings.
HOLDS = [
    pytest.param(["a", "é", None], "string", {"string": 2}, 2, 2, 2, 0, {}, id="strings"),
    pytest.param(["", " ", "a"], "string", {"string": 3}, 3, 3, 1, 0, {}, id="blanks are values"),
    pytest.param(["", None], "string", {"string": 1}, 1, 1, 0, 0, {}, id="empty strings"),
    pytest.param(['"', "\\n"], "string", {"string": 2}, 2, 2, 2, 0, {}, id="escapes do not count"),
    pytest.param([LONG, "a", LONG], "string", {"string": 3}, 3, 2, 300, 2, {"long_string": 2}, id="long strings"),
    pytest.param(pd.Categorical(["x", "y", "x", None]), "string", {"string": 3}, 3, 2, 1, 0, {}, id="categories"),
    pytest.param([1, 20, 1], "number", {"number": 3}, 3, 2, 2, 0, {}, id="integers"),
    pytest.param([1.5, np.nan, 1.5], "number", {"number": 2}, 2, 1, 3, 0, {}, id="floats"),
    pytest.param([1.5, np.inf], "number", {"number": 1, "none": 1}, 2, 1, 3, 0, {"infinite": 1}, id="infinity"),
    pytest.param(
        [2**70, 1], "mixed", {"string": 1, "number": 1}, 2, 2, 22, 0, {"inexact_integer": 1, "mixed_types": 1}, id="a number too exact"
    ),
    pytest.param([decimal.Decimal("1.10")] * 2, "number", {"number": 2}, 2, 1, 4, 0, {}, id="decimals"),
    pytest.param([True, False, True], "boolean", {"boolean": 3}, 3, 2, 5, 0, {}, id="booleans"),
    pytest.param(pd.to_datetime(["2020-01-01", None], utc=True), "date", {"date": 1}, 1, 1, 19, 0, {}, id="dates"),
    pytest.param([dt.date(2020, 1, 1), pd.Period("2020-01")], "date", {"date": 2}, 2, 1, 10, 0, {"period": 1}, id="days"),
    pytest.param([["a", "b"], ["a", "b"], []], "list", {"list": 3}, 3, 2, 9, 0, {}, id="lists"),
    pytest.param([[LONG], ["a"]], "list", {"list": 2}, 2, 2, 304, 1, {"long_item": 1}, id="a long item"),
    pytest.param([{"k": 1}, None], "object", {"object": 1}, 1, 1, 7, 0, {}, id="objects"),
    pytest.param(
        [1, "1", "a", None, {"k": "ü"}, ["a"], True, 1],
        "mixed", {"number": 2, "string": 2, "object": 1, "list": 1, "boolean": 1}, 7, 6, 10, 0, {"mixed_types": 1},
        id="several types",
    ),
    pytest.param(["a", 1, 1], "mixed", {"string": 1, "number": 2}, 3, 2, 1, 0, {"mixed_types": 1}, id="two types"),
    pytest.param([b"x", "a"], "string", {"none": 1, "string": 1}, 2, 1, 1, 0, {"unsupported_value": 1, "mixed_types": 1}, id="bytes"),
    pytest.param(pd.to_timedelta([1, None]), "none", {"none": 1}, 1, 0, None, 0, {"unsupported_dtype": 1}, id="timedeltas"),
    pytest.param([None, None], "none", {}, 0, 0, None, 0, {}, id="nothing at all"),
    pytest.param(np.array([np.nan, np.nan]), "number", {}, 0, 0, None, 0, {}, id="no number"),
    pytest.param(
        pd.array([[1], [1, 2]], dtype=pd.ArrowDtype(pa.list_(pa.int64()))), "list", {"list": 2}, 2, 2, 5, 0, {}, id="Arrow lists",
    ),
    pytest.param(
        pd.array([{"a": 1}] * 2, dtype=pd.ArrowDtype(pa.struct({"a": pa.int64()}))), "object", {"object": 2}, 2, 1, 7, 0, {},
        id="Arrow structs",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "type", "types", "filled", "distinct", "largest", "over_limit", "findings"), HOLDS
)
def test_what_a_column_holds(values, type, types, filled, distinct, largest, over_limit, findings):
    found = of(values)
    assert found["type"] == type
    assert found["types"] == types
    assert found["filled"] == filled
    assert found["fill"] == pytest.approx(filled / len(values))
    assert found["distinct"] == distinct
    assert pd.isna(found["largest"]) if largest is None else found["largest"] == largest
    assert found["over_limit"] == over_limit
    assert found["findings"] == findings


@pytest.mark.parametrize("values", [case.values[0] for case in HOLDS], ids=[case.id for case in HOLDS])
def test_slices_make_no_difference(values, monkeypatch):
    whole = of(values)
    monkeypatch.setattr(slice_sizes, "SLICE_BYTES", 1)
    pd.testing.assert_series_equal(of(values), whole)


def test_a_slice_that_only_python_reads_counts_as_the_others_do(monkeypatch):
    monkeypatch.setattr(slice_sizes, "SLICE_BYTES", 1)
    numbers = of(pd.Series([1, 2**63, 1], dtype=object))
    assert (numbers["distinct"], numbers["types"]) == (2, {"number": 3})
    lists = of([["a"], ["\ud800"], ["a"]])
    assert (lists["distinct"], lists["types"]) == (1, {"list": 2, "none": 1})


def test_long_texts_are_told_apart_to_their_end():
    assert of([LONG + "a", LONG + "b", LONG + "a"])["distinct"] == 2


@pytest.mark.parametrize(
    ("label", "reserved", "finding"),
    [
        pytest.param("email", "$email", "lookalike", id="look-alike"),
        pytest.param("E-Mail", "$email", "lookalike", id="look-alike in other letters"),
        pytest.param("$email", "$email", None, id="reserved"),
        pytest.param("$token", "$token", "identity_property", id="no property"),
        pytest.param("$mp_first_event_time", "$mp_first_event_time", "computed_property", id="computed"),
        pytest.param("plan", None, None, id="a name of one's own"),
        pytest.param("x" * 256, None, "long_name", id="long name"),
        pytest.param("", None, "no_name", id="no name"),
        pytest.param(7, None, "no_header", id="a number"),
    ],
)
def test_names(label, reserved, finding):
    found = of(["ann@here.com"], label)
    assert found["column"] == label
    assert found["reserved"] == reserved
    assert list(found["findings"]) == ([finding] if finding else [])


@pytest.mark.parametrize(
    ("values", "share", "constant"),
    [
        pytest.param(["a"] * 99 + ["b"], 0.99, True, id="99 of 100"),
        pytest.param(["a"] * 98 + ["b"] * 2, 0.98, False, id="98 of 100"),
        pytest.param(["a", "a", None], 1.0, True, id="missing values do not count"),
        pytest.param(["a", None], 1.0, False, id="a single value"),
        pytest.param([None], np.nan, False, id="no value"),
    ],
)
def test_nearly_constant(values, share, constant):
    found = of(values)
    assert found["top_share"] == pytest.approx(share, nan_ok=True)
    assert found["nearly_constant"] == constant


@pytest.mark.parametrize(
    ("values", "examples"),
    [
        pytest.param(["a", None, "a", "b", "c", "d"], ["a", "b", "c"], id="the first different ones"),
        pytest.param([[1], [1], {"k": 2}], [[1], {"k": 2}], id="as the frame has them"),
        pytest.param([b"x", b"y"], [b"x"], id="what cannot be sent, where there is nothing else"),
        pytest.param([None], [], id="none"),
    ],
)
def test_examples(values, examples):
    assert of(values)["examples"] == examples


FRAMES = [
    pytest.param(pd.DataFrame({"a": [1, "x"], "b": [None, 2.5]}), 2, id="some rows"),
    pytest.param(pd.DataFrame({"a": ["x"], "b": [2.5]})[:0], 2, id="no rows"),
    pytest.param(pd.DataFrame(index=range(3)), 0, id="no columns"),
    pytest.param(pd.DataFrame(), 0, id="nothing"),
    pytest.param(pd.DataFrame([[1, "x"]], columns=["a", "a"]), 2, id="labels that repeat"),
]


@pytest.mark.parametrize(("frame", "rows"), FRAMES)
def test_any_frame_has_the_same_columns_and_dtypes(frame, rows):
    before = frame.copy()
    found = frame.mixpanel.inventory()
    assert found.dtypes.astype(str).to_dict() == COLUMNS
    assert found.index.equals(pd.RangeIndex(rows))
    assert found.attrs == {"mixpanel": {"rows": str(len(frame))}}
    assert type(found) is pd.DataFrame
    pd.testing.assert_frame_equal(frame, before)


def test_columns_that_share_a_label_are_told_apart():
    found = pd.DataFrame([[1, "x"], [2, "x"]], columns=["a", "a"]).mixpanel.inventory()
    assert found["type"].tolist() == ["number", "string"]
    assert found["examples"].tolist() == [[1, 2], ["x"]]
    assert found["findings"].tolist() == [{"same_name": 1}, {"same_name": 1}]


def test_columns_of_several_levels_are_refused_in_our_words():
    frame = pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "b"), ("a", "c")]))
    with pytest.raises(OperationError, match="the columns are a MultiIndex of 2 levels"):
        frame.mixpanel.inventory()


def test_it_finds_what_validate_finds():
    frame = pd.DataFrame(
        {"id": ["a", "b", "c"], "s": [LONG, LONG, "y"], "n": [1.0, np.inf, 2**60], "email": ["x", "y", None]}
    )
    report = frame.mixpanel.validate("set", "id")
    told = report.drop_duplicates(["check", "column"]).set_index(["column", "check"])["count"].to_dict()
    found = frame.mixpanel.inventory().set_index("column")["findings"]
    assert {(label, check): count for label, of in found.items() for check, count in of.items()} == told


def test_how_the_values_are_spread_is_plain_data():
    found = of(["pro", "free", "pro", None])["distribution"]
    assert found == {
        "of": "values",
        "labels": ("pro", "free"),
        "counts": (2, 1),
        "low": "",
        "high": "",
        "rows": None,
    }
    assert of([None, None])["distribution"] is None
    assert of(pd.to_timedelta([1, 2]))["distribution"] is None
    assert of([-1e308, 1e308, *range(6)])["distribution"] is None

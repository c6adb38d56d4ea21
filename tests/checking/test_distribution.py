"""How the values of a column are spread, in a few bars."""

from __future__ import annotations

import datetime as dt
import decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixpanel_pandas.checking import distribution as module
from mixpanel_pandas.checking.distribution import BARS, BINS, distribution_of
from mixpanel_pandas.payloads.dtypes import rule_for
from mixpanel_pandas.payloads.normalise import normalise
from tests.examples import examples

DAYS = pd.Timestamp("2024-01-01") + pd.to_timedelta(range(24), "D")


def reader(series, reads=None):
    """Return what reads rows of a column; `reads` keeps the number of rows of each time."""
    rule = rule_for(series)

    def read(rows):
        some = series.iloc[rows]
        if reads is not None:
            reads.append(len(some))
        return normalise(some.array, rule)

    return read


def of(values, **options):
    series = values if isinstance(values, pd.Series) else pd.Series(values)
    return distribution_of(reader(series), len(series), **options)


#: Values -> what is counted, the labels, and the counts.
SPREAD = [
    pytest.param(["pro", "free", "pro", None], "values", ("pro", "free"), (2, 1), id="text that repeats"),
    pytest.param(["a"] * 10 + list("bcdefghi"), "values", ("a", "b", "c", "d", "e", "f", "other"), (10, 1, 1, 1, 1, 1, 3), id="the commonest, and the rest"),
    pytest.param([f"{n}" for n in range(7)], "characters", ("1",), (7,), id="text that differs"),
    pytest.param([f"{n:0{n % 2 + 1}}" for n in range(8, 24)], "characters", ("1", "2"), (1, 15), id="two lengths"),
    pytest.param([f"{n}" for n in range(50)] * 2, "characters", ("1", "2"), (20, 80), id="text that repeats, none of it common"),
    pytest.param([3, 1, 3, None], "values", ("1", "3"), (1, 2), id="few numbers in their order"),
    pytest.param(pd.Series([3, 1, 3]), "values", ("1", "3"), (1, 2), id="few whole numbers"),
    pytest.param(range(10), "numbers", tuple("0123456789"), (1,) * 10, id="a bar for each whole number"),
    pytest.param(range(24), "numbers", tuple(f"{n} to {n + 1}" for n in range(0, 24, 2)), (2,) * 12, id="ranges of whole numbers"),
    pytest.param(range(100), "numbers", tuple(f"{n} to {n + 9}" for n in range(0, 100, 10)), (10,) * 10, id="so many ranges that all are of one width"),
    pytest.param([n / 8 for n in range(9)], "numbers", ("0.00 to 0.08", "0.08 to 0.17"), None, id="fractions"),
    pytest.param([*range(7), 10**9], "numbers", ("0 to 90,909,090", "90,909,091 to 181,818,181"), (7, *[0] * 9, 1), id="an outlier"),
    pytest.param([-1e308, 1e308, *range(6)], "numbers", (), (), id="no float is as wide"),
    pytest.param([2**62 + n for n in range(8)], "numbers", ("4.61e+18",), (8,), id="numbers that floats do not tell apart"),
    pytest.param([2**70, 1, None], "types", (), (1, 1), id="beyond 64 bits, which is text"),
    pytest.param([decimal.Decimal("1.5")] * 2, "values", ("1.5",), (2,), id="decimals"),
    pytest.param([True, None, False, True], "values", ("false", "true"), (1, 2), id="booleans"),
    pytest.param(pd.Series([True, False, True]), "values", ("false", "true"), (1, 2), id="booleans without gaps"),
    pytest.param(DAYS, "dates", ("2024-01-01 to 2024-01-02", "2024-01-03 to 2024-01-04"), (2,) * 12, id="days"),
    pytest.param(pd.to_datetime(["2024-01-01 10:00", "2024-03-01 00:00"]), "dates", ("2024-01-01 to 2024-01-06",), None, id="times of many days"),
    pytest.param(pd.to_datetime(["2024-01-01 10:00", "2024-01-01 11:00"]), "dates", ("2024-01-01 10:00 to 2024-01-01 10:05",), None, id="minutes"),
    pytest.param(pd.to_datetime(["2024-01-01", None]), "dates", ("2024-01-01",), (1,), id="one date"),
    pytest.param([dt.date(2024, 1, 1), pd.Period("2024-01")], "dates", ("2024-01-01",), (2,), id="dates that only Python reads"),
    pytest.param([["a", "b"], [], ["c", "d"]], "items", ("0", "1", "2"), (1, 0, 2), id="lists"),
    pytest.param([[{"k": 1}, 2], []], "items", ("0", "1", "2"), (1, 0, 1), id="lists of anything"),
    pytest.param([{"k": 1}, {"k": 10}], "bytes", ("7", "8"), (1, 1), id="objects"),
    pytest.param([1, "a", "b", ["c"]], "types", ("string", "number", "list"), (2, 1, 1), id="several types"),
    pytest.param(["abc", b"x", "abcd", "abc"], "values", ("abc", "abcd"), (2, 1), id="text among what cannot be sent"),
    pytest.param([*["a", "bb"] * 4, *map(str, range(50)), b"x"], "characters", ("1", "2"), (14, 44), id="lengths of such text"),
    pytest.param([n * 1e-9 for n in range(8)], "numbers", ("0 to 5.83e-10",), None, id="tiny numbers"),
    pytest.param([n / 1e5 for n in range(8)], "numbers", ("0.000000 to 0.000006",), None, id="millionths"),
    pytest.param(pd.Series(["x", "y", "x"], dtype="category"), "values", ("x", "y"), (2, 1), id="categories"),
    pytest.param(pd.Series([1.5, 2.5], dtype=pd.ArrowDtype(pa.float64())), "values", ("1.5", "2.5"), (1, 1), id="Arrow"),
]  # fmt: skip


@pytest.mark.parametrize(("values", "counted", "labels", "counts"), SPREAD)
def test_how_values_are_spread(values, counted, labels, counts):
    spread = of(values)
    assert spread.of == counted
    assert spread.labels[: len(labels)] == labels
    assert counts is None or spread.counts == counts
    assert len(spread.labels) == len(spread.counts) <= max(BINS, BARS + 1)
    assert spread.rows is None
    assert spread.has_rest == ("other" in spread.labels)
    sendable = {str(value) for value in pd.Series(values).dropna() if not isinstance(value, bytes)}
    assert spread.distinct == len(sendable) or counted == "dates"


@pytest.mark.parametrize("values", [case.values[0] for case in SPREAD], ids=[case.id for case in SPREAD])
def test_parts_make_no_difference(values, monkeypatch):
    whole = of(values)
    monkeypatch.setattr(module, "RUNS", module.SAMPLE)  # runs of one row
    in_parts = of(values)
    assert (in_parts.of, in_parts.labels, in_parts.counts) == (
        whole.of,
        whole.labels,
        whole.counts,
    ) or whole.of == "types"


@pytest.mark.parametrize("values", [[None], [], pd.to_timedelta([1]), [np.nan]], ids=str)
def test_without_values_there_is_nothing(values):
    assert of(pd.Series(values, dtype=None if len(values) else object)) is None


numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53)


@settings(max_examples=examples(300))
@given(
    st.lists(st.none() | numbers, max_size=40)
    | st.lists(st.none() | st.text("ab \n<", max_size=5), max_size=40)
)
def test_every_value_is_in_one_bar(values):
    spread = of(pd.Series(values, dtype=object))
    filled = sum(value is not None for value in values)
    assert (spread is None) == (filled == 0)
    if spread is not None and spread.counts:
        assert sum(spread.counts) == filled
        assert spread.in_words().startswith(f"{spread.of}: ")


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        pytest.param(["ann@x.com", "bob@x.com"] * 9, ("9",), id="text has lengths"),
        pytest.param([15550100, 15550101], (), id="numbers have nothing"),
        pytest.param(DAYS, (), id="dates have nothing"),
        pytest.param([True, False], (), id="booleans have nothing"),
        pytest.param([["a"], []], ("0", "1"), id="lists have a number of items"),
    ],
)
def test_private_values_are_not_told(values, labels):
    spread = of(values, hides_values=True)
    assert spread.labels == labels
    assert spread.distinct == len(pd.Series(values).astype(str).unique())
    assert not any(name in f"{spread.low}{spread.high}" for name in ("155501", "2024"))


def test_of_many_rows_some_from_all_parts_are_read(monkeypatch):
    monkeypatch.setattr(module, "SAMPLE", 100)
    monkeypatch.setattr(module, "RUNS", 10)
    series, reads = pd.Series(np.arange(1000.0)), []
    spread = distribution_of(reader(series, reads), len(series))
    assert reads == [10] * 10
    assert spread.rows == sum(spread.counts) == 100
    assert (spread.low, spread.high) == ("0", "999")
    assert spread.in_words().endswith("in a sample of 100 rows")
    assert of(series[:100]).rows is None
    assert of(series[:101]).rows == 100


def test_few_rows_are_read_in_parts_too(monkeypatch):
    monkeypatch.setattr(module, "SAMPLE", 100)
    monkeypatch.setattr(module, "RUNS", 10)
    reads = []
    distribution_of(reader(pd.Series(["x" * 9] * 95), reads), 95)
    assert reads == [10] * 9 + [5, 1]  # the last is the value of the bar


@pytest.mark.parametrize(
    ("values", "words"),
    [
        pytest.param(["pro", "pro", "free"], "values: pro (67 %), free (33 %)", id="values"),
        pytest.param([*range(9)] * 2 + [8], "numbers: 0 to 8; most in 8 (16 %)", id="numbers"),
        pytest.param(["abc"] * 2 + [f"{n:08}" for n in range(9)], "characters: 3 to 8 characters; most in 8 (82 %)", id="text"),
        pytest.param(pd.to_datetime(["2024-01-01"]), "dates: 2024-01-01", id="one date"),
        pytest.param([1, "a"], "types: number (50 %), string (50 %)", id="types"),
    ],
)  # fmt: skip
def test_in_words(values, words):
    assert of(values).in_words() == words

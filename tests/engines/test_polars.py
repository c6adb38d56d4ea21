"""Polars frames go to Mixpanel as pandas frames do."""

from __future__ import annotations

import datetime as dt
import decimal

import pandas as pd
import pytest

pl = pytest.importorskip("polars")

import mixpanel_pandas as mpd
import mixpanel_pandas.polars

NOON = dt.datetime(2024, 2, 29, 12, tzinfo=dt.UTC)

#: Polars' type of a column -> its values, and the property of the first row.
COLUMNS = [
    (pl.String, ["a", None], "a"),
    (pl.Int8, [1, None], 1),
    (pl.UInt64, [2**53, None], 2**53),
    (pl.Float32, [0.5, None], 0.5),
    (pl.Boolean, [True, None], True),
    (pl.Date, [dt.date(2024, 2, 29), None], "2024-02-29"),
    (pl.Datetime("us", "UTC"), [NOON, None], "2024-02-29T12:00:00"),
    (pl.Time, [dt.time(9, 30), None], "09:30:00"),
    (pl.List(pl.String), [["a", "b"], None], ["a", "b"]),
    (pl.Array(pl.Int64, 2), [[1, 2], None], [1, 2]),
    (pl.Struct({"city": pl.String}), [{"city": "Ulm"}, None], {"city": "Ulm"}),
    (pl.Categorical, ["a", None], "a"),
    (pl.Enum(["a", "b"]), ["b", None], "b"),
    (pl.Decimal(10, 2), [decimal.Decimal("1.50"), None], 1.5),
]


@pytest.mark.parametrize(("dtype", "values", "expected"), COLUMNS, ids=str)
@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
def test_types(emulator, dtype, values, expected, lazy):
    frame = pl.DataFrame({"id": ["ann", "bob"], "value": pl.Series(values, dtype=dtype)})
    summary = (frame.lazy() if lazy else frame).mixpanel.set("id")
    assert summary["accepted"].sum() == 1
    assert summary["skipped"].sum() == 1
    assert emulator.profile("ann") == {"value": expected}


@pytest.mark.parametrize("dtype", [pl.Duration, pl.Binary, pl.Int128], ids=str)
def test_types_that_are_refused(emulator, dtype):
    values = {pl.Duration: [dt.timedelta(1)], pl.Binary: [b"x"], pl.Int128: [2**100]}[dtype]
    frame = pl.DataFrame({"id": ["ann"], "value": pl.Series(values, dtype=dtype)})
    with pytest.raises(mpd.MixpanelError, match="value"):
        frame.mixpanel.set("id")
    assert emulator.requests == []


def test_a_verb_reads_the_frame_as_it_is_then(emulator):
    frame = pl.DataFrame({"id": ["ann"], "plan": ["pro"]})
    frame.mixpanel.set("id")
    frame[0, "plan"] = "free"
    frame.mixpanel.set("id")
    assert emulator.profile("ann") == {"plan": "free"}


def test_results_are_those_of_pandas(emulator):
    columns = {"id": ["ann", "bob", "ann"], "n": [1, 2, 3]}
    frame, same = pl.DataFrame(columns), pd.DataFrame(columns)
    report, expected = frame.mixpanel.validate("set", "id"), same.mixpanel.validate("set", "id")
    assert report["check"].tolist() == expected["check"].tolist()
    assert list(frame.mixpanel.payloads("set", "id", duplicates="all")) == list(
        same.mixpanel.payloads("set", "id", duplicates="all")
    )
    summary = frame.mixpanel.add("id", duplicates="all")
    assert frame.mixpanel.failures(summary).empty
    assert emulator.profile("ann") == {"n": 4}


def test_groups(emulator):
    pl.DataFrame({"company": ["acme"], "seats": [12]}).mixpanel.group("company").set()
    assert emulator.profile("acme", "company") == {"seats": 12}


def test_repr_names_the_library():
    assert "polars" in repr(pl.LazyFrame({"id": [1]}).mixpanel)

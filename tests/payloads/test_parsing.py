"""Columns of text that a reading turns into values, also slice by slice."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from mixpanel_pandas.payloads import parsing
from mixpanel_pandas.payloads.layout import make_layout
from mixpanel_pandas.payloads.normalise import normalise_column
from mixpanel_pandas.payloads.sources import find_source
from mixpanel_pandas.reading.readings import READINGS, reading
from mixpanel_pandas.rules.operation import operation
from tests.payloads.reference import encoded

EXAMPLES = [example for row in READINGS.values() for example in row.examples]


def frame_of(values, **columns):
    series = values if isinstance(values, pd.Series) else pd.Series(values, dtype=object)
    return pd.DataFrame({"id": [f"u{row}" for row in range(len(series))], "x": series, **columns})


def sent(values, name, *, rows_per_slice=None, verb="set"):
    records = encoded(frame_of(values), verb, ["x"], rows_per_slice=rows_per_slice, parse={"x": name})
    return [row[0][f"${verb}"]["x"] if row else None for row in records]


def column_of(values, name, verb="set"):
    layout = make_layout(frame_of(values), operation(verb, "id", ["x"], None, {"parse": {"x": name}}))
    return layout, layout.columns[0]


READ = [
    pytest.param(["12", "-3.5", " 7 "], "number", [12, -3.5, 7], id="numbers"),
    pytest.param(["1.234,5", "7"], "number:1.234,5", [1234.5, 7], id="numbers with marks"),
    pytest.param(["$5", "($1.50)"], "number:money", [5, -1.5], id="money"),
    pytest.param(["5%"], "number:percent", [5], id="percent"),
    pytest.param(["2024-07-05"], "date", ["2024-07-05"], id="dates"),
    pytest.param(
        ["2024-07-05T01:00Z", "2024-07-05T01:00+02:00"],
        "date",
        ["2024-07-05T01:00:00", "2024-07-04T23:00:00"],
        id="times in UTC",
    ),
    pytest.param(["05/07/2024"], "date:dd/mm/yyyy", ["2024-07-05"], id="dates of a format"),
    pytest.param(["yes", "No"], "boolean:Yes/No", [True, False], id="booleans"),
    pytest.param(['{"a": 1}', "[1]"], "json", [{"a": 1}, [1]], id="JSON"),
    pytest.param(["a; b", "c"], "list:semicolon", [["a", "b"], ["c"]], id="lists"),
    pytest.param(["a; b", "c"], ";", [["a", "b"], ["c"]], id="lists by their separator"),
    pytest.param(["['a', 'b']"], "list:python", [["a", "b"]], id="lists of Python"),
    pytest.param(["{a,b}"], "list:postgres", [["a", "b"]], id="lists of PostgreSQL"),
    pytest.param([" a "], "text", [" a "], id="text"),
]


@pytest.mark.parametrize(("values", "name", "meant"), READ)
@pytest.mark.parametrize("dtype", ["object", "str", "string[pyarrow]", "category", "large_string[pyarrow]"])
def test_text_of_every_dtype_is_read(values, name, meant, dtype):
    if dtype.startswith("large_string"):
        dtype = pd.ArrowDtype(pa.large_string())
    assert sent(pd.Series(values).astype(dtype), name) == meant


@pytest.mark.parametrize(("values", "name", "meant"), READ)
def test_blank_text_is_missing(values, name, meant):
    read = column_of([*values, "", None], name)
    if name != "text":
        assert normalise_column(*read, slice(0, None)).missing.tolist() == [False] * len(values) + [
            True,
            True,
        ]


@pytest.mark.parametrize(
    ("values", "name"),
    [
        pytest.param(["1", "2", "3", "4.5"], "number", id="whole numbers before others"),
        pytest.param(["2024-01-02", "2024-01-03", "2024-01-02T03:04"], "date", id="dates before times"),
        pytest.param(["2024-01-02", "2024-01-03T04:05Z"], "date", id="dates before times in UTC"),
        pytest.param(["2024-01-02T03:04", "2024-01-03T04:05Z"], "date", id="times without an offset"),
        pytest.param(["€1", "$1", "$2"], "number:money", id="another currency first"),
        pytest.param(["[1]", "[2.5]", "['a']"], "list:python", id="lists of several types"),
    ],
)
def test_values_do_not_depend_on_slices(values, name, monkeypatch):
    monkeypatch.setattr(parsing, "ROWS_AT_ONCE", 1)
    layout, column = column_of(values, name)
    whole = normalise_column(layout, column, slice(0, len(values)))
    for row in range(len(values)):
        for rows in (slice(row, row + 1), np.array([row])):
            piece = normalise_column(layout, column, rows)
            assert piece.array.type == whole.array.type
            assert piece.array.to_pylist() == whole.array[row : row + 1].to_pylist()
            assert {name for name, mask in piece.findings.items() if mask.any()} == {
                name for name, mask in whole.findings.items() if mask[row]
            }


def test_values_beside_text_stay():
    values = [5, "1,5", None, 2.5, "x"]
    layout, column = column_of(values, "number:1,5", "add")
    read = normalise_column(layout, column, slice(0, 5))
    assert column.kind == "mixed"
    assert read.array.to_pylist() == ["5", "1.5", None, "2.5", None]
    assert {name: mask.tolist() for name, mask in read.findings.items()} == {
        "unreadable": [False] * 4 + [True]
    }


def test_money_beside_numbers_is_compared_over_all_rows():
    layout, column = column_of([5, "$1", "$2", "€3"], "number:money", "add")
    assert normalise_column(layout, column, slice(3, 4)).findings["other_currency"].tolist() == [True]
    assert normalise_column(layout, column, slice(0, 3)).array.to_pylist() == ["5", "1", "2"]


def test_times_beside_datetimes_are_in_utc():
    values = [dt.datetime(2024, 1, 2, tzinfo=dt.UTC), "2024-01-02T03:04"]
    assert sent(values, "date") == ["2024-01-02T00:00:00", "2024-01-02T03:04:00"]


@pytest.mark.parametrize("name", ["number", "number:money", ";"])
def test_a_lone_surrogate_is_a_finding(name):
    layout, column = column_of(["1", "\ud800"], name)
    read = normalise_column(layout, column, slice(0, 2))
    assert read.findings["broken_text"].tolist() == [False, True]
    assert read.missing.tolist() == [False, True]


#: Column -> the readings that do nothing with it. "json" takes every column: its values are JSON already.
TYPED = [
    pytest.param([5, 6], {"number", "json"}, id="numbers"),
    pytest.param([True], {"boolean", "json"}, id="booleans"),
    pytest.param([dt.date(2024, 1, 2)], {"date", "json"}, id="dates"),
    pytest.param([["a"]], {"list", "json"}, id="lists"),
    pytest.param([{"a": 1}], {"json"}, id="objects"),
    pytest.param([None], {row.split(":")[0] for row in READINGS}, id="nothing"),
]


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize(("values", "kinds"), TYPED)
def test_a_column_that_is_no_text_stays_or_is_refused(name, values, kinds):
    frame = frame_of(values)
    plain = make_layout(frame, operation("set", "id", ["x"], None, {})).columns[0]
    column = column_of(values, name)[1]
    assert column.kind == plain.kind
    refused = frame.mixpanel.validate("set", "id", ["x"], parse={"x": name})
    messages = refused["message"][refused["check"] == "wrong_type"].tolist()
    if reading(name).kind in kinds:
        assert column.parse is None
        assert messages == []
    else:
        assert messages == [
            f"parse={{'x': {name!r}}} reads text, but the column has {plain.rule.name}".replace(
                "'number:1'234.50'", '"number:1\'234.50"'
            )
        ]


@pytest.mark.parametrize(
    ("verb", "name", "refused"),
    [
        pytest.param("add", "number", False, id="add numbers"),
        pytest.param("add", "date", True, id="add dates"),
        pytest.param("union", "boolean", True, id="unite booleans"),
        pytest.param("union", "list:semicolon", False, id="unite lists"),
        pytest.param("remove", "list:semicolon", True, id="remove lists"),
    ],
)
def test_operators_take_the_type_that_the_reading_makes(verb, name, refused):
    report = frame_of(["1"]).mixpanel.validate(verb, "id", ["x"], parse={"x": name})
    assert ("wrong_type" in report["check"].tolist()) == refused


def test_unreadable_text_is_dealt_with_as_asked():
    frame = frame_of(["1", "one", "3"])
    for invalid, left in (("drop_row", 2), ("drop_value", 2), ({"unreadable": "drop_value"}, 2)):
        summary = frame.mixpanel.set("id", ["x"], parse={"x": "number"}, invalid=invalid, dry_run=True)
        assert summary["not_sent"].sum() == left
    (finding,) = frame.mixpanel.validate("set", "id", ["x"], parse={"x": "number"}).to_dict("records")
    assert (finding["check"], finding["position"], finding["value"]) == ("unreadable", 1, "one")


def test_a_column_is_of_the_kind_that_is_read_or_else_of_its_own():
    _layout, column = column_of(["$1"], "number:money")
    assert column.kind == "number"
    assert column == column_of(["$1"], "number:money")[1]
    assert replace(column, parse=None).kind == "string"


def test_a_column_of_no_rows_has_no_type():
    for name in EXAMPLES:
        source = find_source(frame_of(pd.Series([], dtype="str")), "x", "column")
        parse = parsing.parsing_of(source, name)
        assert parse is None or parse.type is None


# -- na and trim --------------------------------------------------------------------------------------------------------

#: Values, options, what is sent; MISSING where the row is not sent.
CLEANED = [
    pytest.param(["a", " NULL ", "Nan"], {"na": "common"}, ["a", None, "Nan"], id="a set"),
    pytest.param(["a", "-", "NULL"], {"na": ["-"]}, ["a", None, "NULL"], id="texts"),
    pytest.param(["a", "NULL"], {"na": []}, ["a", "NULL"], id="no texts"),
    pytest.param([" a", "b\u200b"], {"trim": True}, ["a", "b"], id="blanks and invisible characters"),
    pytest.param([" a"], {}, [" a"], id="nothing by default"),
    pytest.param(["x", "\u200bNULL"], {"na": "common", "trim": True}, ["x", None], id="both"),
    pytest.param([5, " a", "NULL"], {"na": "common", "trim": True}, [5, "a", None], id="beside numbers"),
    pytest.param(
        [[" a"], ["NULL"]], {"na": "common", "trim": True}, [[" a"], ["NULL"]], id="not items of lists"
    ),
    pytest.param(["1", "N/A"], {"na": "common", "parse": {"x": "number"}}, [1, None], id="before a reading"),
    pytest.param(
        ["$1", "N/A"],
        {"na": "common", "parse": {"x": "number:money"}},
        [1, None],
        id="before one that compares",
    ),
]


@pytest.mark.parametrize(("values", "options", "meant"), CLEANED)
@pytest.mark.parametrize("dtype", ["object", "category"])
def test_values_are_cleaned_as_asked(values, options, meant, dtype):
    hashable = all(isinstance(value, str | int) for value in values)
    frame = frame_of(pd.Series(values, dtype=dtype if hashable else object))
    records = encoded(frame, "set", ["x"], missing="null", **options)
    assert [row[0]["$set"]["x"] for row in records] == meant


def test_a_lone_surrogate_is_not_cleaned():
    frame = frame_of([" a", " \ud800"])
    report = frame.mixpanel.validate("set", "id", ["x"], trim=True, na="common")
    assert report["check"].tolist() == ["broken_text"]


def test_ids_and_names_are_cleaned():
    frame = pd.DataFrame(
        {"id": [" ann", "NULL", "bob\u200b"], " plan\ufeff": ["a", "b", "c"], "o": [{" k": " v"}] * 3}
    )
    report = frame.mixpanel.validate("set", "id", trim=True, na="common")
    assert report["check"].tolist() == ["missing_id"]
    records = frame.mixpanel.payloads("set", "id", trim=True, na="common", spread=["o"], invalid="drop_row")
    assert [row and (row["$distinct_id"], row["$set"]) for row in records] == [
        ("ann", {"plan": "a", "k": "v"}),
        None,
        ("bob", {"plan": "c", "k": "v"}),
    ]


def test_removed_properties_are_named_without_blanks():
    layout = make_layout(
        frame_of(["a"]), operation("update", "id", {"x": "set", " fax": "unset"}, None, {"trim": True})
    )
    assert layout.removed == ("fax",)


def test_a_name_with_a_lone_surrogate_stays():
    frame = pd.DataFrame([["u", 1]], columns=pd.Index(["id", " \ud800"], dtype=object))
    layout = make_layout(frame, operation("set", "id", None, None, {"trim": True}))
    assert layout.columns[0].name == " \ud800"


def test_a_summary_of_cleaned_ids_belongs_to_its_frame():
    frame = pd.DataFrame({"id": [" ann", "bob"], "x": ["a", "?"]})
    summary = frame.mixpanel.set("id", dry_run=True, trim=True, na=["?"])
    assert frame.mixpanel.outcomes(summary)["outcome"].tolist() == ["not_sent", "skipped"]


def test_ids_that_are_one_id_when_cleaned_are_duplicates():
    frame = pd.DataFrame({"id": ["ann", " ann"], "x": [1, 2]})
    assert frame.mixpanel.validate("set", "id", trim=True)["check"].unique().tolist() == ["duplicate_id"]

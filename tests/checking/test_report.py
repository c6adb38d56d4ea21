"""The report frame, and the error that carries it."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pandas as pd
import pytest

from mixpanel_pandas import ProfileWarning, ValidationError
from mixpanel_pandas.checking.findings import Finding
from mixpanel_pandas.checking.report import failure_cases, report_in_words
from mixpanel_pandas.payloads.row_set import RowSet

LONG = "x" * 300

DTYPES = {
    "severity": "category",
    "check": "object",
    "column": "object",
    "property": "object",
    "index": "object",
    "position": "Int64",
    "value": "object",
    "limit": "object",
    "message": "object",
    "count": "int64",
}

FRAMES = [
    pytest.param(pd.DataFrame({"user_id": ["a"], "n": [1]}), id="nothing is wrong"),
    pytest.param(pd.DataFrame({"user_id": ["a"], "n": [1]})[:0], id="no rows"),
    pytest.param(pd.DataFrame({"user_id": ["null"], "n": [1]}), id="a row"),
    pytest.param(pd.DataFrame({"user_id": ["a"], "$token": [1]}), id="a column"),
    pytest.param(pd.DataFrame({"user_id": ["a"], "$token": [1]})[:0], id="a column without rows"),
    pytest.param(pd.DataFrame({"user_id": ["a", None], "$token": [1, 2], "s": [LONG, "y"]}), id="all kinds"),
]


@pytest.mark.parametrize("frame", FRAMES)
def test_a_report_has_the_same_columns_and_dtypes_whatever_is_wrong(frame):
    report = frame.mixpanel.validate("set", "user_id")
    assert report.dtypes.astype(str).to_dict() == DTYPES
    assert list(report["severity"].cat.categories) == ["error", "warning", "hint"]
    assert report["severity"].cat.ordered
    assert report.index.equals(pd.RangeIndex(len(report)))


def bad(rows):
    return pd.DataFrame(
        {"user_id": [f"u{row}" for row in range(rows)], "s": [LONG] * rows, "n": [np.inf] * rows}
    )


@pytest.mark.parametrize(
    ("first", "shown"),
    [
        pytest.param({}, 100, id="a hundred unless told otherwise"),
        pytest.param({"first": 3}, 3, id="three"),
        pytest.param({"first": 0}, 0, id="none"),
        pytest.param({"first": None}, 250, id="all"),
        pytest.param({"first": 1000}, 250, id="more than there are"),
    ],
)
def test_rows_are_bounded_for_each_finding_and_counted_in_full(first, shown):
    report = bad(250).mixpanel.validate("set", "user_id", **first)
    assert report["check"].tolist() == ["long_string"] * shown + ["infinite"] * shown
    assert set(report["count"]) <= {250}
    assert report["position"].tolist() == [*range(shown), *range(shown)]
    assert report.attrs["mixpanel"] == {
        "rows": "250",
        "properties": "2",
        "error": "500",
        "warning": "0",
        "hint": "0",
    }


INDEXES = [
    pytest.param(pd.Index(["x", "x", "y"]), "x", id="labels that repeat"),
    pytest.param(pd.Index([3, 1, 2]), 1, id="numbers"),
    pytest.param(pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)]), ("a", 2), id="levels"),
    pytest.param(
        pd.DatetimeIndex(["2024-01-01", "2024-01-02", "2024-01-03"]), pd.Timestamp("2024-01-02"), id="dates"
    ),
    pytest.param(pd.Index([None, None, "y"], dtype=object), None, id="missing labels"),
]


@pytest.mark.parametrize(("index", "label"), INDEXES)
def test_index_labels_are_the_frames_own(index, label):
    frame = pd.DataFrame({"user_id": ["a", "b", "c"], "n": [1, np.inf, 3]}).set_axis(index)
    (row,) = frame.mixpanel.validate("set", "user_id").to_dict("records")
    assert (row["index"], row["position"], row["value"]) == (label, 1, np.inf)


def test_ids_in_the_index_are_shown_as_values():
    index = pd.MultiIndex.from_arrays([["x", "y"], ["ann", "null"]], names=["l", "user_id"])
    (row,) = pd.DataFrame({"n": [1, 2]}, index=index).mixpanel.validate("set", "user_id").to_dict("records")
    assert (row["column"], row["index"], row["value"]) == ("user_id", ("y", "null"), "null")


def test_labels_that_are_no_text_keep_their_type():
    frame = pd.DataFrame({"user_id": ["a"], pd.Timestamp("2024-01-01"): [np.inf], 5: [np.inf]})
    report = frame.mixpanel.validate("set", "user_id")
    errors = report[report["severity"] == "error"]
    assert errors["column"].tolist() == [pd.Timestamp("2024-01-01"), 5]
    assert errors["property"].tolist() == ["2024-01-01 00:00:00", "5"]


def test_values_are_the_users_own():
    frame = pd.DataFrame({"user_id": ["a"], "o": [{"k": {1: 2}}], "t": ["{"]})
    report = frame.mixpanel.validate("set", "user_id", parse={"t": "json"})
    assert report["value"].tolist() == [{"k": {1: 2}}, "{"]


def test_a_report_survives_parquet_where_its_values_do(tmp_path):
    report = bad(2).mixpanel.validate("set", "user_id")[
        ["severity", "check", "index", "position", "limit", "message", "count"]
    ]
    report.to_parquet(tmp_path / "report.parquet")
    assert pd.read_parquet(tmp_path / "report.parquet")["check"].tolist() == report["check"].tolist()


# -- the error ----------------------------------------------------------------------------------------------------


def refusal(frame, *call, **options):
    with pytest.raises(ValidationError) as caught:
        frame.mixpanel.payloads(*(call or ("set", "user_id")), **options)
    return caught.value


def test_the_message_reads_well():
    frame = pd.DataFrame(
        {
            "user_id": ["ann", None, "bob", "bob", "cid"],
            "bio": ["a", "b", "c", "d", LONG],
            "score": [1.5, 2.5, np.inf, np.inf, 3.5],
            "$last_seen": ["x"] * 5,
            "$email": ["ann"] * 5,
        },
        index=["p", "q", "r", "s", "t"],
    )
    assert str(refusal(frame)) == (
        "7 errors in 5 rows: nothing was sent\n"
        "  missing_id in 'user_id': 1 row, the id is missing: every row needs one; first at index 'q': nan\n"
        "  duplicate_id in 'user_id': 2 rows, several rows have this id: duplicates='last' sends the last of them, duplicates='merge' "
        "the last value of each property, duplicates='all' sends all of them in order; "
        "first at index 'r': 'bob'\n"
        "  computed_property in '$last_seen': Mixpanel computes $last_seen: updated_at='$last_seen' sets it, or do not send it\n"
        "  long_string in 'bio': 1 row, the text is too long (limit: 255 bytes); first at index 't': "
        "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…\n"
        "  infinite in 'score': 2 rows, the number is infinite, or beyond the largest double (1.8e308), which becomes infinity: replace it; first at index 'r': inf\n"
        "invalid='drop_row' leaves these rows out, invalid='drop_value' leaves these values out, invalid='truncate' cuts these texts"
    ).replace("nan", repr(frame["user_id"].iloc[1]))


MESSAGES = [
    pytest.param(bad(1)[["user_id", "n"]], ["1 error in 1 row: nothing was sent"], id="one of each"),
    pytest.param(
        bad(1200)[["user_id", "n"]], ["1,200 errors in 1,200 rows", "infinite in 'n': 1,200 rows,"], id="many"
    ),
    pytest.param(
        pd.DataFrame({"user_id": ["a"], **{f"p{number}": ["x"] for number in range(2001)}}),
        [
            "many_properties: 1 row, too many properties for one profile (limit: 2,000 properties); first at index 0\n"
        ],
        id="a whole row has no column",
    ),
    pytest.param(
        pd.DataFrame({"user_id": ["a"], **{f"$p{number}" + "x" * 255: ["x"] for number in range(20)}}),
        ["20 errors in 1 row", "\n  and 8 more checks"],
        id="no more lines than can be read",
    ),
    pytest.param(
        pd.DataFrame({"user_id": [1.5], "n": [1]}, index=[np.int64(7)]),
        ["first at index 7: 1.5"],
        id="plain numbers",
    ),
]


@pytest.mark.parametrize(("frame", "parts"), MESSAGES)
def test_messages(frame, parts):
    message = str(refusal(frame))
    assert [part for part in parts if part not in message] == []


def test_the_error_carries_the_whole_report():
    frame = pd.DataFrame({"user_id": ["a", "A"], "s": [LONG, "x"]})
    report = refusal(frame).report
    pd.testing.assert_frame_equal(report, frame.mixpanel.validate("set", "user_id"))
    assert report["check"].tolist() == ["long_string", "similar_id", "similar_id"]


def test_errors_with_a_remedy_are_in_the_report_and_not_in_the_message():
    frame = pd.DataFrame({"user_id": ["a", "b"], "s": [LONG, "x"], "n": [1, np.inf]})
    error = refusal(frame, invalid={"long_string": "truncate"})
    assert "long_string" not in str(error)
    assert error.report["check"].tolist() == ["long_string", "infinite"]


@pytest.mark.parametrize(
    "again",
    [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, copy.deepcopy],
    ids=["pickle", "copy", "deepcopy"],
)
def test_the_error_survives(again):
    error = refusal(pd.DataFrame({"user_id": ["a", None], "o": [{"k": {1: 2}}, None], "$token": [1, 2]}))
    other = again(error)
    assert type(other) is ValidationError
    assert str(other) == str(error)
    pd.testing.assert_frame_equal(other.report, error.report)
    assert other.report.attrs == error.report.attrs


def test_failure_cases_are_those_of_pandera() -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": [3, 4]}, index=pd.Index(["x", "y"], name="key"))
    rows = RowSet(np.array([1]))
    findings = [
        Finding("first", "error", "a", "a", "", rows=rows),
        Finding("second", "error", "key", "key", "", rows=rows),
        Finding("third", "error", None, None, "", rows=rows),
        Finding("fourth", "error", "a", "a", "", value="int64"),
    ]
    assert failure_cases(frame, findings).to_dict("list") == {
        "schema_context": ["Column", "DataFrameSchema", "DataFrameSchema", "Column"],
        "column": ["a", "key", None, "a"],
        "check": ["first", "second", "third", "fourth"],
        "check_number": [0, 0, 0, 1],
        "failure_case": [2, "y", None, "int64"],
        "index": ["y", "y", "y", None],
    }


@pytest.mark.parametrize(
    ("attrs", "words"),
    [
        pytest.param({}, "1 error, 0 warnings, 0 hints", id="attrs that were lost"),
        pytest.param(
            {"rows": "0", "properties": "0"}, "1 error, 0 warnings, 0 hints in 0 rows", id="nothing"
        ),
        pytest.param(
            {"rows": "2", "properties": "1", "error": "7"},
            "7 errors, 0 warnings, 0 hints in 2 rows x 1 property",
            id="more than is listed",
        ),
    ],
)
def test_a_report_in_words(attrs: dict[str, str], words: str) -> None:
    report = pd.DataFrame({"severity": ["error"]})
    report.attrs = {"mixpanel": attrs} if attrs else {}
    assert report_in_words(report) == words


def test_a_warning_names_the_line_of_the_caller() -> None:
    frame = pd.DataFrame({"id": ["a"], "email": ["a@b.c"], "when": pd.to_datetime(["2024-01-01"])})
    with pytest.warns(ProfileWarning) as caught:
        frame.mixpanel.set("id", dry_run=True)
    assert caught[0].filename == __file__

"""What the pandera schema accepts, the verb accepts, and the other way round, with the same failure cases."""

from __future__ import annotations

import datetime as dt
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mixpanel_pandas as mpd
from mixpanel_pandas.checking import report
from mixpanel_pandas.checking.report import FAILURE_COLUMNS
from tests.examples import examples

EXAMPLES = examples(60)

LONG = "x" * 256
AWARE = dt.datetime(2024, 1, 2, tzinfo=dt.UTC)

#: Column -> values that it may hold; some of them fail a check.
VALUES = {
    "user_id": ["u0", "u1", "u2", "u3", "u4", "U0", "null", " ", None, "$device:1", 5, 1.5],
    "text": ["a", "b", LONG, None, "", "a\ud800"],
    "number": [1.0, 2.5, np.inf, None, 2.0**60],
    "mixed": ["a", 1, LONG, [1], {"k": 1}, {1: "k"}, None, b"x", AWARE],
    "tags": [["a"], ["b", LONG], [True], [], None, [{"k": 1}]],
    "$email": ["a@x.org", "b@x.org", "nobody", None],
    "$created": ["2024-01-02", "yesterday", None],
    "when": [1_700_000_000, "2024-01-02", "soon", None],
    "json": ['{"a": 1}', "{", '{"a": 1, "a": 2}', None],
    "$last_seen": ["x"],
}
INDEXES = {
    "range": pd.RangeIndex,
    "labels": lambda rows: pd.Index([f"row {row}" for row in range(rows)]),
    "levels": lambda rows: pd.MultiIndex.from_arrays([["a"] * rows, range(rows)], names=["l", "m"]),
}
USER_SCHEMAS = [
    pandera.DataFrameSchema({"text": pandera.Column(unique=True, nullable=True)}),
    pandera.DataFrameSchema({"number": pandera.Column(float, pandera.Check.lt(2), nullable=True)}),
    pandera.DataFrameSchema({"text": pandera.Column(nullable=False)}),
    pandera.DataFrameSchema({"nowhere": pandera.Column()}),
    pandera.DataFrameSchema(
        {"text": pandera.Column(checks=pandera.Check(lambda text: text != "a", raise_warning=True))}
    ),
    pandera.DataFrameSchema(
        checks=pandera.Check(lambda frame: frame["number"].notna(), name="numbered", ignore_na=False)
    ),
]

#: Option -> values.
ALL_OPTIONS = {
    "invalid": st.sampled_from(
        [
            "raise",
            "drop_row",
            "drop_value",
            "truncate",
            {"email": "drop_value", "long_string": "truncate"},
            {"email": "raise"},
            {"infinite": "drop_value", "naive_datetime": "raise"},
            {"similar_id": "drop_row"},
        ]
    ),
    "duplicates": st.sampled_from(["raise", "last", "all"]),
    "updated_at": st.sampled_from(["keep", "when"]),
    "blank": st.sampled_from(["keep", "missing"]),
    "parse": st.just({"json": "json"}),
    "na": st.sampled_from(["common", ["a", "x"]]),
    "trim": st.booleans(),
    "rename": st.sampled_from(["reserved", {"text": "$phone"}, {"text": "number"}, str.upper]),
    "schema": st.sampled_from(USER_SCHEMAS),
}


@st.composite
def frames(draw):
    rows = draw(st.integers(0, 5))
    names = ["user_id", "text", "number", "when", "json"]
    names += draw(st.lists(st.sampled_from([name for name in VALUES if name not in names]), unique=True))
    columns = {}
    for name in names:
        first = draw(st.integers(1, len(VALUES[name])))  # fewer kinds of values in many frames
        cells = draw(st.lists(st.sampled_from(VALUES[name][:first]), min_size=rows, max_size=rows))
        column = np.empty(rows, dtype=object)
        column[:] = cells
        series = pd.Series(column, dtype=object)
        columns[name] = series.astype(float) if name == "number" else series
    frame = pd.DataFrame(columns)
    return frame.set_axis(INDEXES[draw(st.sampled_from(list(INDEXES)))](rows))


@st.composite
def calls(draw):
    verb = draw(
        st.sampled_from(["set", "set", "set_once", "add", "union", "append", "unset", "update", "delete"])
    )
    options = draw(st.fixed_dictionaries({}, optional=ALL_OPTIONS))
    if verb in {"unset", "delete"}:
        options = {
            name: value
            for name, value in options.items()
            if name not in {"blank", "parse", "na", "trim", "rename"}
        }
    properties = {
        "unset": ["text", "x" * 300],
        "update": {"text": "set", "number": "add", "json": "append", "fax": "unset"},
    }
    return verb, properties.get(verb), options


def cases(failure_cases):
    """Return what each line of a frame of failure cases says: check, column and row."""
    columns = [failure_cases[name] for name in ("check", "column", "index")]
    return sorted(zip(*([str(cell) for cell in column] for column in columns), strict=True))


def refused_by_verb(frame, verb, properties, options):
    try:
        call = {**options, "dry_run": True, **({"at_most": 10} if verb == "delete" else {})}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", mpd.ProfileWarning)
            accessor = getattr(frame.mixpanel, verb)
            accessor("user_id", **call) if properties is None else accessor("user_id", properties, **call)
    except mpd.ValidationError as error:
        return cases(error.failure_cases)
    return []


def refused_by_schema(schema, frame):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pandera.errors.SchemaWarning)
            schema.validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as error:
        return cases(error.failure_cases)
    return []


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(frame=frames(), call=calls())
def test_a_schema_and_the_verb_refuse_the_same(frame, call):
    verb, properties, options = call
    try:
        schema = frame.mixpanel.schema(verb, "user_id", properties, **options)
    except mpd.OperationError as refusal:
        with pytest.raises(type(refusal)):
            refused_by_verb(frame, verb, properties, options)
        return
    assert refused_by_schema(schema, frame) == refused_by_verb(frame, verb, properties, options)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(frame=frames(), other=frames(), call=calls())
def test_what_a_schema_of_another_frame_accepts_the_verb_accepts(frame, other, call):
    verb, properties, options = call
    try:
        schema = frame.mixpanel.schema(verb, "user_id", properties, **options)
    except mpd.OperationError:
        return
    if verb not in {"unset", "delete", "update"}:
        properties = [
            name for name in frame.columns if name != "user_id" and name != options.get("updated_at")
        ]
    if not refused_by_schema(schema, other):
        assert refused_by_verb(other, verb, properties, options) == []


@pytest.mark.parametrize("verb", ["set", "delete"])
def test_a_verb_without_a_schema_does_not_import_pandera(verb):
    program = (
        "import sys, warnings, pandas as pd, mixpanel_pandas\n"
        "warnings.simplefilter('ignore')\n"
        "frame = pd.DataFrame({'user_id': ['ann', 'A', 'a'], 'email': ['x' * 300, 'y', 'z']})\n"
        f"frame.mixpanel.{verb}('user_id', dry_run=True, invalid={{'long_id': 'drop_row', 'long_string': 'drop_row'}})\n"
        f"frame.mixpanel.validate({verb!r}, 'user_id')\n"
        "print('pandera' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]


# -- failure cases of the error -------------------------------------------------------------------------------------


def refusal(frame, **options):
    with pytest.raises(mpd.ValidationError) as caught:
        frame.mixpanel.payloads("set", "user_id", **options)
    return caught.value


def test_failure_cases_have_the_columns_of_pandera():
    frame = pd.DataFrame(
        {"user_id": ["a", None], "text": [LONG, "b"], "$last_seen": ["x", "y"]}, index=["p", "q"]
    )
    failed = refusal(frame).failure_cases
    with pytest.raises(pandera.errors.SchemaErrors) as caught:
        frame.mixpanel.schema("set", "user_id").validate(frame, lazy=True)
    assert list(failed) == list(caught.value.failure_cases) == FAILURE_COLUMNS
    assert failed[["schema_context", "column", "check", "index"]].to_numpy().tolist() == [
        ["Column", "user_id", "missing_id", "q"],
        ["Column", "$last_seen", "computed_property", None],
        ["Column", "text", "long_string", "p"],
    ]
    assert failed["failure_case"].tolist()[1:] == ["$last_seen", LONG]


def test_failure_cases_leave_out_what_does_not_refuse_the_frame():
    frame = pd.DataFrame({"user_id": ["a", "A"], "text": [LONG, "b"], "number": [1.0, np.inf]})
    failed = refusal(frame, invalid={"long_string": "truncate"}).failure_cases
    assert failed["check"].tolist() == ["infinite"]


def test_failure_cases_are_all_of_them_and_made_when_they_are_asked_for(monkeypatch):
    made, failure_cases = [], report.failure_cases
    monkeypatch.setattr(
        "mixpanel_pandas.checking.report.failure_cases",
        lambda *asked: made.append(1) or failure_cases(*asked),
    )
    rows = 250
    error = refusal(pd.DataFrame({"user_id": [f"u{row}" for row in range(rows)], "text": [LONG] * rows}))
    assert made == []
    assert error.failure_cases["index"].tolist() == list(range(rows))
    assert error.failure_cases is error.failure_cases
    assert made == [1]
    assert str(error).count("x" * 50) == 1


def test_failure_cases_survive_pickling():
    error = refusal(pd.DataFrame({"user_id": ["a", None], "text": [LONG, "b"]}))
    copy = pickle.loads(pickle.dumps(error))
    pd.testing.assert_frame_equal(copy.failure_cases, error.failure_cases)


def test_pandera_drops_the_rows_that_fail():
    frame = pd.DataFrame({"user_id": ["a", "b", None], "text": [LONG, "b", "c"]})
    schema = frame.mixpanel.schema("set", "user_id")
    schema.drop_invalid_rows = True
    assert schema.validate(frame, lazy=True)["user_id"].tolist() == ["b"]

"""What is read is sent back without a change, whatever the values."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mixpanel_pandas as mpd
from mixpanel_pandas.payloads.json_text import JSON
from mixpanel_pandas.profiles.columns import profiles_as_batch, profiles_as_frame
from mixpanel_pandas.profiles.selection import Selection
from tests.examples import examples
from tests.profiles.held import hold


def frame_of(*pages: list[Any]) -> pd.DataFrame:
    """Return one property, whose values come on several pages, as a frame."""
    batches, number = [], 0
    for page in pages:
        batches.append(
            profiles_as_batch([(str(number + place), {"x": value}) for place, value in enumerate(page)])
        )
        number += len(page)
    return profiles_as_frame(batches, Selection(({},), None, "$distinct_id"))


@pytest.mark.parametrize(
    ("values", "arrow"),
    [
        pytest.param(["a", None, ""], pa.large_string(), id="text"),
        pytest.param([1, 2**63 - 1], pa.int64(), id="whole numbers"),
        pytest.param([1, 2.5], pa.float64(), id="numbers"),
        pytest.param([True, None], pa.bool_(), id="booleans"),
        pytest.param([["a"], [], None], pa.large_list(pa.large_string()), id="lists of text"),
        pytest.param(
            ["2026-11-20T10:00:00", "2026-11-20T10:00:00.120"], pa.timestamp("ms", "UTC"), id="dates"
        ),
        pytest.param([None, None], pa.null(), id="nothing"),
        pytest.param(
            ["2026-11-20", "2026-11-21"], pa.large_string(), id="days, which would come back with a time"
        ),
        pytest.param(["2026-02-30T10:00:00"], pa.large_string(), id="no date of the calendar"),
        pytest.param(["2026-11-20T10:00:00.000"], pa.large_string(), id="zeros that would be lost"),
        pytest.param(["2026-11-20T10:00:00", "soon"], pa.large_string(), id="dates and text"),
        pytest.param(["2026-11-20T10:00:00\n"], pa.large_string(), id="a line end"),
        pytest.param([2**53 + 1, 0.5], JSON, id="numbers that no type holds"),
        pytest.param([2**64], JSON, id="an integer beyond 64 bits"),
        pytest.param([1, "1", True], JSON, id="several types"),
        pytest.param([["a"], [1]], JSON, id="lists of several types"),
        pytest.param([{"a": 1}], JSON, id="objects"),
    ],
)
def test_types(values: list[Any], arrow: pa.DataType) -> None:
    for pages in [values], [[value] for value in values]:  # however they are spread over pages
        column = frame_of(*pages)["x"]
        assert column.dtype == pd.ArrowDtype(arrow)
        assert column.isna().tolist() == [value is None for value in values]


NAMES = st.sampled_from(["plan", "n", "when", "tags", "x", "$email"])
TEXTS = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=8)
DATES = st.datetimes().map(lambda moment: moment.isoformat(timespec="milliseconds")) | st.datetimes().map(
    lambda moment: moment.isoformat(timespec="seconds")
)
NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
SCALARS = TEXTS | DATES | NUMBERS | st.booleans()
VALUES = (
    SCALARS
    | st.lists(TEXTS, max_size=3)
    | st.lists(SCALARS, max_size=3)
    | st.dictionaries(TEXTS, SCALARS, max_size=2)
)
PROFILES = st.dictionaries(
    TEXTS.map("user {}".format), st.dictionaries(NAMES, VALUES, max_size=5), max_size=7
)


@pytest.mark.filterwarnings("ignore::mixpanel_pandas.ProfileWarning")
@given(profiles=PROFILES, page_size=st.integers(1, 4))
@settings(max_examples=examples(200))
def test_sending_back_what_is_read_changes_nothing(
    profiles: dict[str, dict[str, Any]], page_size: int
) -> None:
    emulator = mpd.Emulator(page_size=page_size)
    hold(emulator, profiles)
    project = replace(emulator.project, adapter=emulator.adapter())
    frame = mpd.read_profiles(project=project)
    assert set(frame.index) == set(profiles)
    if frame.columns.empty:
        return
    sent = frame.rename_axis(index="the id").reset_index()
    summary = sent.mixpanel.set("the id", list(frame.columns), updated_at="keep", project=project)
    assert set(summary["outcome"]) <= {"accepted", "skipped"}, summary
    for key, properties in profiles.items():
        assert same(emulator.profile(key), properties)
    again = mpd.read_profiles(project=project)
    pd.testing.assert_frame_equal(again, frame)


def same(one: Any, other: Any) -> bool:
    """Return whether JSON is equal: 1 and true are not, 1 and 1.0 are."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


@given(values=st.lists(VALUES | st.none(), max_size=9), cuts=st.lists(st.integers(0, 9), max_size=3))
@settings(max_examples=examples(200))
def test_a_column_does_not_depend_on_the_pages(values: list[Any], cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(values)]
    pages = [values[start:stop] for start, stop in pairwise(edges)]
    pd.testing.assert_frame_equal(frame_of(*pages), frame_of(values))

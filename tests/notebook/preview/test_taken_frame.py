from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixpanel_pandas.notebook.preview.taken_frame import is_changed, take
from tests.examples import examples

if TYPE_CHECKING:
    from collections.abc import Callable


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "text": ["a", "b", None],
            "object": pd.Series([["a"], {"b": 1}, np.nan], dtype=object),
            "number": [1, 2, 3],
            "masked": pd.array([1, None, 3], dtype="Int64"),
            "category": pd.Categorical(["x", "y", "x"]),
            "arrow": pd.array([1.5, None, 2.5], dtype=pd.ArrowDtype(pa.float64())),
            "time": pd.to_datetime(["2023-01-05", None, "2023-01-07"], utc=True),
        }
    )


def _write(label: str, value: object) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def write(changed: pd.DataFrame) -> pd.DataFrame:
        changed.loc[1, label] = value
        return changed

    return write


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda changed: changed.assign(more=1), id="a column more"),
        pytest.param(lambda changed: changed.drop(columns="text"), id="a column less"),
        pytest.param(lambda changed: changed.rename(columns={"text": "words"}), id="a name"),
        pytest.param(lambda changed: changed.iloc[:2], id="a row less"),
        pytest.param(lambda changed: changed.set_axis([5, 6, 7]), id="row labels"),
        pytest.param(lambda changed: changed.assign(number=changed["number"].astype(float)), id="a dtype"),
        pytest.param(_write("text", "c"), id="a text"),
        pytest.param(_write("number", 9), id="a number"),
        pytest.param(_write("masked", 9), id="a masked number"),
        pytest.param(_write("category", "x"), id="a category"),
        pytest.param(_write("arrow", 9.5), id="a number of Arrow"),
        pytest.param(_write("object", "c"), id="an object"),
    ],
)
def test_a_changed_frame_is_told(change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    original = frame()
    taken = original.copy(deep=False)
    if int(pd.__version__.split(".")[0]) < 3:  # pandas writes in place, so the copy is changed as well
        taken = original.copy()
    assert is_changed(taken, change(original))


def test_a_frame_that_is_as_it_was_is_not_changed() -> None:
    original = frame()
    taken = original.copy(deep=False)
    assert not is_changed(taken, original)
    assert not is_changed(taken, original.copy())


def test_each_repair_leaves_a_frame_that_needs_none_of_them_alone() -> None:
    frame = pd.DataFrame({"plan": ["pro"]}, index=pd.MultiIndex.from_tuples([("a", "b")], names=[None, None]))
    taken = take(frame)
    assert (taken.notes, taken.lines, taken.labels) == ((), (), {})
    pd.testing.assert_frame_equal(taken.frame, frame)


@given(
    st.lists(st.tuples(st.sampled_from(["a", "a_b", ""]), st.sampled_from(["b", "", "x"])), max_size=6),
    st.lists(st.sampled_from(["k", "k_2", None]), min_size=2, max_size=4),
)
@settings(max_examples=examples(50))
def test_the_lines_do_what_was_done(columns: list[tuple[str, str]], levels: list[str | None]) -> None:
    index = pd.MultiIndex.from_tuples([tuple(range(len(levels)))], names=levels)
    labels = pd.MultiIndex.from_tuples(columns) if columns else pd.Index([])
    frame = pd.DataFrame([[*range(len(columns))]], index=index, columns=labels)
    taken = take(frame)
    names = {"users": frame.copy()}
    exec(taken.code("users"), names)  # noqa: S102  # the code that the preview shows
    pd.testing.assert_frame_equal(taken.frame, names["users"])
    assert taken.frame.columns.is_unique
    assert taken.frame.columns.nlevels == 1
    assert len({*filter(None, taken.frame.index.names)}) == sum(
        name is not None for name in taken.frame.index.names
    )

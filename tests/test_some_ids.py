from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixpanel_pandas.checking.decisions import check_frame
from mixpanel_pandas.pipeline.some_ids import evenly, some_ids
from mixpanel_pandas.rules.operation import operation
from tests.examples import examples


@settings(max_examples=examples(300))
@given(st.integers(0, 200), st.integers(0, 60))
def test_positions_are_spread_evenly(count: int, most: int) -> None:
    chosen = evenly(np.arange(count), most)
    assert len(chosen) == min(count, most)
    assert (np.diff(chosen) > 0).all()
    if 0 < most < count:
        gaps = np.diff(np.concatenate([[-1], chosen, [count]]))
        assert gaps.max() <= 2 * (count // most + 1)


@settings(max_examples=examples(300))
@given(
    letters=st.lists(st.sampled_from("abcdefghij"), min_size=1, max_size=30),
    left=st.integers(0, 2**30),
    most=st.integers(1, 12),
    single_first=st.booleans(),
    duplicates=st.sampled_from(["all", "merge", "last"]),
)
def test_ids_come_with_all_their_rows(
    letters: list[str], left: int, most: int, single_first: bool, duplicates: str
) -> None:
    frame = pd.DataFrame({"id": letters, "n": 1})
    decisions = check_frame(frame, operation("set", "id", None, None, {"duplicates": duplicates}))
    counts = np.array([bool(left >> row & 1) for row in range(len(letters))]) & ~decisions.changes.excluded
    some = some_ids(decisions, counts, most, single_first=single_first)
    ids = some.ids.to_pylist()
    sizes = frame["id"][counts].value_counts()
    assert len(set(ids)) == len(ids) == min(most, len(sizes))
    wanted = np.flatnonzero(counts & frame["id"].isin(ids).to_numpy())
    assert some.rows.tolist() == wanted.tolist()
    assert [ids[number] for number in some.numbers] == frame["id"][wanted].tolist()
    if single_first and len(sizes):
        assert max(sizes[ids]) <= sorted(sizes)[len(ids) - 1]
    turns = list(some.turns())
    assert sum(turns, np.zeros(len(some.rows), int)).tolist() == [1] * len(some.rows)
    for number, turn in enumerate(turns):
        assert turn.sum() == (sizes[ids] > number).sum()


@pytest.mark.parametrize(
    ("outside", "whole"),
    [pytest.param(None, [True, True], id="all rows"), pytest.param(2, [False, True], id="one is not")],
)
def test_ids_whose_rows_are_all_in_a_mask(outside: int | None, whole: list[bool]) -> None:
    frame = pd.DataFrame({"id": ["a", "b", "a"], "n": 1})
    decisions = check_frame(frame, operation("append", "id", None, None, {}))
    some = some_ids(decisions, np.ones(3, bool), 5)
    mask = np.ones(3, bool)
    if outside is not None:
        mask[outside] = False
    assert some.all_in(mask).tolist() == whole
    only = some.only(some.all_in(mask))
    assert only.ids.to_pylist() == [name for name, kept in zip("ab", whole, strict=True) if kept]
    assert [only.ids[number].as_py() for number in only.numbers.tolist()] == frame["id"][only.rows].tolist()

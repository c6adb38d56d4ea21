from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixpanel_pandas.payloads.duplicates import NO_DUPLICATES, Duplicates

LETTERS = "abcdefghij"

ids_of_rows = st.lists(st.sampled_from(LETTERS), max_size=40)


def repeats_of(ids):
    """Return the rows whose id stands in several; the numbers of the ids have no order that means anything."""
    counts = Counter(ids)
    positions = [row for row, identity in enumerate(ids) if counts[identity] > 1]
    groups = [(LETTERS.index(ids[row]) * 7) % 10 for row in positions]
    return Duplicates(np.array(positions, np.int64), np.array(groups, np.int64))


@settings(deadline=None)
@given(ids_of_rows)
def test_a_rank_counts_the_rows_before(ids):
    duplicates = repeats_of(ids)
    counters = {letter: itertools.count() for letter in LETTERS}
    assert duplicates.ranks().tolist() == [next(counters[ids[row]]) for row in duplicates.positions]


@settings(deadline=None)
@given(ids_of_rows)
def test_the_last_row_of_an_id(ids):
    duplicates = repeats_of(ids)
    last = {identity: row for row, identity in enumerate(ids)}
    assert duplicates.last().tolist() == [last[ids[row]] for row in duplicates.positions]


@settings(deadline=None)
@given(ids_of_rows, st.data())
def test_what_one_row_of_an_id_has_all_have(ids, data):
    rows = np.array(data.draw(st.lists(st.booleans(), min_size=len(ids), max_size=len(ids))), bool)
    before = rows.copy()
    having = {identity for identity, has in zip(ids, rows, strict=True) if has}
    assert repeats_of(ids).shared(rows).tolist() == [identity in having for identity in ids]
    assert (rows == before).all()


@settings(deadline=None)
@given(ids_of_rows, st.data())
def test_rows_that_are_left_out_leave_their_ids(ids, data):
    excluded = np.array(data.draw(st.lists(st.booleans(), min_size=len(ids), max_size=len(ids))), bool)
    whole = repeats_of(ids)
    kept = whole.without(excluded)
    assert len(kept) == len(kept.positions)
    assert list(zip(kept.positions, kept.groups, strict=True)) == [
        (row, group) for row, group in zip(whole.positions, whole.groups, strict=True) if not excluded[row]
    ]


@settings(deadline=None)
@given(ids_of_rows, st.integers(1, 12))
def test_rows_by_id_come_whole_and_in_the_order_of_their_last(ids, most):
    duplicates = repeats_of(ids)
    found = []
    for rows, starts in duplicates.by_id(most):
        of_ids = np.split(rows, starts[1:])
        assert len(rows) <= most or len(of_ids) == 1
        found += [of_id.tolist() for of_id in of_ids]
    meant = {ids[row]: [] for row in duplicates.positions}
    for row in duplicates.positions:
        meant[ids[row]].append(row)
    assert found == sorted(meant.values(), key=lambda rows: rows[-1])


@pytest.mark.parametrize("most", [1, 5])
def test_nothing_repeated(most):
    nothing = repeats_of("abc")
    assert (len(nothing), nothing.last().tolist(), list(nothing.by_id(most))) == (0, [], [])
    assert nothing.shared(np.array([True, False, False])).tolist() == [True, False, False]


def test_no_duplicates_are_none():
    assert len(NO_DUPLICATES) == len(NO_DUPLICATES.groups) == len(NO_DUPLICATES.ranks()) == 0

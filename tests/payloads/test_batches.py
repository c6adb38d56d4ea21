from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import bodies, encoded

from mixpanel_pandas.payloads.batches import Batch, Payloads, cut
from mixpanel_pandas.rules.limits import LIMITS
from tests.examples import examples


def payloads(texts, updates=None, start=0):
    updates = [1] * len(texts) if updates is None else updates
    return Payloads(
        pa.array(texts, pa.large_string()), np.array(updates, np.int64), np.arange(start, start + len(texts))
    )


def rows_of(lengths, updates=None):
    """Return rows whose texts, commas included, have these lengths."""
    return payloads([f'"{"x" * (length - 3)}",' for length in lengths], updates)


def sizes(batches):
    return [len(batch) for batch in batches]


@given(
    st.lists(st.tuples(st.integers(3, 60), st.integers(1, 5)), max_size=40),
    st.lists(st.integers(0, 10), max_size=12),
    st.integers(1, 8),
    st.integers(10, 100),
)
@settings(max_examples=examples(300), deadline=None)
def test_batches_are_full_within_the_limits_whatever_the_slices(rows, steps, batch_size, request_bytes):
    whole = rows_of([length for length, _ in rows], [updates for _, updates in rows])
    ends = [*np.clip(np.cumsum([0, *steps]), 0, len(rows)), len(rows)]
    slices = [whole[start:stop] for start, stop in zip([0, *ends], [*ends, len(rows)], strict=True)]
    batches = list(cut(iter(slices), batch_size, request_bytes))

    assert [batch.number for batch in batches] == list(range(len(batches)))
    assert np.concatenate([[], *[batch.positions for batch in batches]]).tolist() == list(range(len(rows)))
    assert "".join(batch.body()[1:-1].decode() + "," for batch in batches) == "".join(whole.text.to_pylist())
    for batch in batches:
        assert len(batch.body()) == batch.nbytes
        assert len(batch) == 1 or (batch.updates <= batch_size and batch.nbytes < request_bytes)
    for batch, after in pairwise(batches):
        more = after.payloads[:1]
        assert batch.updates + more.updates.sum() > batch_size or batch.nbytes + more.nbytes >= request_bytes


@pytest.mark.parametrize(
    ("lengths", "updates", "batch_size", "request_bytes", "meant"),
    [
        pytest.param([3] * 5, None, 2, 100, [2, 2, 1], id="by updates"),
        pytest.param([10] * 5, None, 100, 22, [2, 2, 1], id="a body of 21 bytes is below 22"),
        pytest.param([10] * 5, None, 100, 21, [1] * 5, id="but not below 21"),
        pytest.param([3, 500, 3, 3], None, 100, 50, [1, 1, 2], id="a row over the limit travels alone"),
        pytest.param(
            [3] * 4, [1, 9, 1, 1], 3, 100, [1, 1, 2], id="a row of more updates than a batch travels alone"
        ),
        pytest.param(
            [3] * 4, [2, 2, 2, 2], 3, 100, [1, 1, 1, 1], id="the updates of a row are not torn apart"
        ),
        pytest.param([], None, 5, 100, [], id="no rows"),
    ],
)
def test_where_batches_end(lengths, updates, batch_size, request_bytes, meant):
    assert sizes(cut([rows_of(lengths, updates)], batch_size, request_bytes)) == meant


def test_rows_that_stand_further_up_begin_a_batch():
    slices = [
        payloads(["a,"] * 3, start=10),
        payloads(["b,"] * 2, start=0),
        payloads([]),
        payloads(["c,"], start=4),
    ]
    batches = list(cut(slices, 100))
    assert [batch.positions.tolist() for batch in batches] == [[10, 11, 12], [0, 1, 4]]
    assert [batch.number for batch in batches] == [0, 1]


def test_no_slices_make_no_batches():
    assert list(cut([], 5)) == []
    assert list(cut([rows_of([])], 5)) == []


def test_a_body_stays_below_mixpanels_limits():
    updates, bytes_ = LIMITS["request_updates"].value, LIMITS["request_bytes"].value
    small = list(cut([rows_of([30] * 5000)], updates))
    assert sizes(small) == [2000, 2000, 1000]
    large = list(cut([rows_of([400_000] * 7)], updates))
    assert sizes(large) == [4, 3]
    assert all(len(batch.body()) < bytes_ for batch in large)


def test_slices_are_taken_when_they_are_needed():
    taken = []

    def slices():
        for number in range(5):
            taken.append(number)
            yield rows_of([10, 10])

    batches = cut(slices(), 2)
    assert taken == []
    next(batches)
    assert taken == [0] or taken == [0, 1]


def test_a_batch_of_real_payloads():
    frame = pd.DataFrame({"id": ["ann", "bob", "cleo"], "x": [1, None, 3], "y": ["a", "b", None]})
    whole, *others = bodies(frame, "set", batch_size=100, missing="unset")
    assert not others
    assert whole.updates == 5
    assert [record["$distinct_id"] for record in whole.records()] == ["ann", "bob", "bob", "cleo", "cleo"]
    assert whole.rows_of_records().tolist() == [0, 1, 1, 2, 2]
    assert whole.records() == [
        record for records in encoded(frame, "set", missing="unset") for record in records
    ]
    assert sizes(bodies(frame, "set", batch_size=3, missing="unset")) == [2, 1]


def test_the_halves_of_a_batch_keep_its_number_and_its_rows():
    batch = Batch(7, payloads(["1,", "2,", "3,4,", "5,"], [1, 1, 2, 1], start=100)[1:])
    first, second = batch.split()
    assert (first.number, second.number) == (7, 7)
    assert (first.body(), second.body()) == (b"[2]", b"[3,4,5]")
    assert (first.positions.tolist(), second.positions.tolist()) == ([101], [102, 103])
    assert (first.records(), second.records()) == ([2], [3, 4, 5])
    assert second.rows_of_records().tolist() == [0, 0, 1]
    assert (first.nbytes, second.nbytes) == (3, 7)


@pytest.mark.parametrize(("rows", "halves"), [(2, [1, 1]), (5, [2, 3]), (6, [3, 3]), (7, [3, 4])])
def test_the_halves_of_a_batch_are_alike(rows, halves):
    batch = Batch(0, payloads(["1,"] * rows, [1] * rows))
    assert [len(half) for half in batch.split()] == halves


def test_payloads_of_a_slice_know_their_bytes():
    some = payloads(["11,", "2,", "333,"])[1:]
    assert (len(some), some.nbytes) == (2, 6)
    assert some[2:].nbytes == 0

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixpanel_pandas.payloads.row_set import POSITION_BITS, RowSet


@st.composite
def masks(draw):
    """Return masks of few rows, of many, and of rows that are far apart."""
    length = draw(st.integers(1, 400))
    rows = draw(st.lists(st.integers(0, length - 1), max_size=draw(st.sampled_from([3, 400]))))
    mask = np.zeros(length, bool)
    mask[rows] = True
    return mask


@given(masks(), st.data())
def test_it_tells_the_same_as_the_mask(mask, data):
    rows = RowSet.of_mask(mask)
    positions = np.flatnonzero(mask)
    assert len(rows) == len(positions)
    assert list(rows) == np.asarray(rows).tolist() == list(RowSet(positions)) == positions.tolist()
    assert (rows.start, rows.stop) == ((positions[0], positions[-1] + 1) if len(positions) else (0, 0))
    assert (rows.mask(len(mask)) == mask).all()
    first = data.draw(st.integers(0, len(mask)))
    part = slice(first, data.draw(st.integers(first, len(mask))))
    assert (rows.within(part) == mask[part]).all()
    some = np.array(data.draw(st.lists(st.integers(0, len(mask) - 1))), np.int64)
    assert (rows.within(some) == mask[some]).all()
    n = data.draw(st.integers(0, 400))
    assert rows.head(n).tolist() == positions[:n].tolist()
    assert list(pickle.loads(pickle.dumps(rows))) == list(rows)  # our own


def size_of(rows):
    return sum(part.nbytes for part in (rows._positions, rows._bits) if part is not None)


@pytest.mark.parametrize(
    "make", [RowSet, lambda positions: RowSet.of_mask(np.isin(np.arange(10**6), positions))]
)
@pytest.mark.parametrize(
    ("positions", "most"),
    [
        pytest.param(np.zeros(0, np.int64), 0, id="none"),
        pytest.param(np.array([0, 10**6 - 1]), 2 * 8, id="two far apart"),
        pytest.param(
            np.arange(0, 10**6, POSITION_BITS), 10**6 // 8, id="one in as many as a position has bits"
        ),
        pytest.param(np.arange(0, 10**6, POSITION_BITS - 1), 10**6 // 8, id="one more"),
        pytest.param(np.arange(10**6), 10**6 // 8, id="all"),
        pytest.param(np.arange(500_000, 500_100), 100 // 8 + 1, id="neighbours"),
    ],
)
def test_it_takes_the_bytes_of_positions_or_of_bits(make, positions, most):
    rows = make(positions)
    assert size_of(rows) <= most
    assert np.asarray(rows).tolist() == positions.tolist()

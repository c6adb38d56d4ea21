from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixpanel_pandas.payloads.sources import values_at

TYPES = [
    pytest.param(pa.large_string(), [None, "a", "bc", ""], id="text"),
    pytest.param(pa.int64(), [None, 1, 2**60, -3], id="integers"),
    pytest.param(pa.timestamp("us", "UTC"), [None, 0, 10**15, 1], id="times"),
    pytest.param(pa.large_list(pa.string()), [None, ["a"], [], ["b", "c"]], id="lists"),
    pytest.param(pa.struct({"a": pa.int64()}), [None, {"a": 1}, {"a": None}, {"a": 2}], id="objects"),
]


@pytest.mark.parametrize(("type", "values"), TYPES)
@given(
    lengths=st.lists(st.integers(0, 4), min_size=1, max_size=5).filter(any),
    places=st.lists(st.integers(0, 99)),
)
def test_rows_of_a_column_in_chunks_are_those_of_the_whole_column(type, values, lengths, places):
    whole = pa.array([values[row % len(values)] for row in range(sum(lengths))], type)
    ends = np.cumsum(lengths)
    chunks = [whole[end - length : end] for end, length in zip(ends, lengths, strict=True)]
    column = pd.array(pa.chunked_array(chunks, type), dtype=pd.ArrowDtype(type))
    rows = np.array([place % len(whole) for place in places], np.int64)
    taken = values_at(column, rows)
    assert taken.dtype == column.dtype
    assert pa.array(taken).to_pylist() == whole.take(pa.array(rows)).to_pylist()


@pytest.mark.parametrize("dtype", ["str", "Int64", "category", "int64", object])
def test_other_columns_are_asked_themselves(dtype):
    values = (
        pd.concat([pd.Series(["1", "2"]), pd.Series(["3"])])
        .astype("int64" if dtype == "Int64" else dtype)
        .astype(dtype)
    )
    taken = values_at(values.array, np.array([2, 0, 2]))
    assert list(taken) == [values.iloc[2], values.iloc[0], values.iloc[2]]
    assert values_at(values.array, slice(1, 2)).tolist() == [values.iloc[1]]

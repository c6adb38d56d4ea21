"""What rows of text are joined of, at once and later."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from mixpanel_pandas.payloads.joining import NEAR, Later, join, made

TEXT = pa.large_string()


def texts(*values):
    return pa.array(values, TEXT)


def as_text(numbers):
    return Later(lambda values: values.cast(TEXT), (pa.array(numbers),))


@pytest.mark.parametrize(
    ("parts", "nulls", "found"),
    [
        pytest.param(["a", texts("1", "2"), "b", "c"], "emit_null", ["a1bc", "a2bc"], id="constants meet"),
        pytest.param([texts("1", None), "b"], "emit_null", ["1b", None], id="null where a part is"),
        pytest.param([texts("1", None), "b"], "replace", ["1b", "b"], id="null as nothing"),
        pytest.param([pa.scalar("s", TEXT), texts("1", "2")], "emit_null", ["s1", "s2"], id="a scalar"),
        pytest.param(["n", as_text([1, None])], "emit_null", ["n1", None], id="a cast that is put off"),
        pytest.param(
            [texts("x", "y"), Later(pc.utf8_upper, (as_text([True, None]),)), "!"],
            "replace",
            ["xTRUE!", "y!"],
            id="a step after another",
        ),
        pytest.param([texts(), "a"], "emit_null", [], id="no rows"),
    ],
)
def test_parts_are_joined_row_by_row(parts, nulls, found):
    joined_texts = join(*parts, nulls=nulls)
    assert joined_texts.type == TEXT
    assert joined_texts.to_pylist() == found


@pytest.mark.parametrize("nulls", ["emit_null", "replace"])
@pytest.mark.parametrize("arguments", [2 * NEAR, 2 * NEAR + 1, 3 * NEAR, 3 * NEAR + 1])
def test_any_number_of_parts_is_joined(arguments, nulls):
    """The last of them may be a constant that is a group by itself."""
    parts = [str(place) if place % 2 == 0 else texts("x", "y") for place in range(arguments)]
    parts[1] = texts("x", None)
    whole = "".join(str(place) if place % 2 == 0 else "y" for place in range(arguments))
    found = join(*parts, nulls=nulls).to_pylist()
    assert found == [whole.replace("y", "x"), None if nulls == "emit_null" else whole.replace("y", "", 1)]


@pytest.mark.parametrize("start", [0, 3])
def test_all_rows_come_in_their_order_however_many(start):
    rows = 100_000  # Arrow takes some 32,000 at a time
    numbers = pa.array(np.arange(start + rows))[start:]
    strings = numbers.cast(TEXT)
    found = join("a", strings, "=", Later(lambda values: values.cast(TEXT), (numbers,)))
    assert len(found) == rows
    assert found.to_pylist() == [f"a{number}={number}" for number in range(start, start + rows)]


def test_what_is_made_already_is_returned_as_it_is():
    array = texts("a")
    assert made(array) is array

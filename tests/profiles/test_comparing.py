from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest

from mixpanel_pandas.profiles.comparing import holds


@pytest.mark.parametrize(
    ("held", "item", "is_held"),
    [
        pytest.param(["a", "b"], "b", True, id="text"),
        pytest.param(["a"], "A", False, id="another text"),
        pytest.param([1], 1.0, True, id="numbers are doubles"),
        pytest.param([1], True, False, id="true is not 1"),
        pytest.param(["1"], 1, False, id="text of a number"),
        pytest.param(["2026-01-01T10:00:00"], "2026-01-01T10:00:00.500", True, id="dates have seconds"),
        pytest.param(["2026-01-01T10:00:01"], "2026-01-01T10:00:00", False, id="another second"),
        pytest.param([{"b": 1, "a": [2.0]}], {"a": [2], "b": 1}, True, id="keys have no order"),
        pytest.param([None], None, True, id="null"),
        pytest.param([], "a", False, id="an empty list"),
        pytest.param("a", "a", False, id="no list"),
        pytest.param({"a": 1}, "a", False, id="an object"),
    ],
)
def test_a_list_holds_an_item(held: Any, item: Any, is_held: bool) -> None:
    lists = pa.array([json.dumps(held), None], pa.large_string())
    items = pa.array([json.dumps(item)] * 2, pa.large_string())
    assert holds(lists, items).tolist() == [is_held, False]


def test_a_missing_item_is_held_by_none() -> None:
    assert holds(pa.array(["[null]"], pa.large_string()), pa.nulls(1, pa.large_string())).tolist() == [False]

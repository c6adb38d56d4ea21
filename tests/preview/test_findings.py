from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mixpanel_pandas.errors import OperationError
from mixpanel_pandas.preview.findings import effect_of_invalid, offences, problems_of, rows_of
from tests.preview.frames import people, state


def wrong() -> pd.DataFrame:
    """Return a frame with errors for which `invalid` has a remedy."""
    return pd.DataFrame(
        {
            "user_id": ["ann", None, "null", "dan", "eve"],
            "bio": ["x" * 300, "ok", "ok", "y" * 256, "ok"],
            "score": [1.0, 2.0, 3.0, np.inf, 5.0],
            "avatar": ["ok", "ok", "ok", "ok", "z" * 300],
        }
    )


def test_problems_are_filtered() -> None:
    found = state(people())
    assert {problem.check for problem in problems_of(found, "hint")} == {"lookalike"}
    assert [problem.check for problem in problems_of(found, column="bio")] == ["long_string"]
    assert problems_of(found, "warning", "bio") == []


def test_a_problem_of_a_column_is_in_all_rows() -> None:
    found = state(wrong(), rename={"score": "$score"})
    rows = {problem.check: rows_of(problem) for problem in problems_of(found)}
    assert rows["long_string"] == "1"
    assert {rows_of(problem) for problem in found.problems if problem.rows is None} == {"all"}


@pytest.mark.parametrize("remedy", ["drop_row", "drop_value", "truncate"])
def test_what_is_said_of_invalid_is_what_it_does(remedy: str) -> None:
    """Each error alone, with and without the remedy: the rows said are the rows that are changed."""
    frame, options = wrong(), {"rename": {"avatar": "$avatar"}}
    for problem in problems_of(state(frame, **options), "error"):
        helps, _, refuses = effect_of_invalid(problem).partition(";")
        try:
            changes = state(frame, invalid={problem.check: remedy}, **options).inspection.changes
        except OperationError:  # no such remedy
            assert f'"{remedy}"' in refuses
            continue
        dropped, cut = (masks.values() for masks in (changes.dropped, changes.cut))
        masks = {"drop_row": [changes.left_out], "drop_value": dropped, "truncate": cut}[remedy]
        changed = max((int(mask[problem.rows].sum()) for mask in masks), default=0)
        assert changed == (problem.count if f'"{remedy}" ' in helps else 0)


@pytest.mark.parametrize(
    ("check", "words"),
    [
        pytest.param(
            "long_string",
            'invalid="drop_row" leaves out 2 rows, "drop_value" leaves \'bio\' out of 2 rows, '
            "\"truncate\" cuts 'bio' to 255 bytes in 2 rows.",
            id="everything helps",
        ),
        pytest.param(
            "missing_id",
            'invalid="drop_row" leaves out 1 row; "drop_value" and "truncate" would refuse the frame.',
            id="ids",
        ),
    ],
)
def test_the_effect_in_words(check: str, words: str) -> None:
    found = next(problem for problem in state(wrong()).problems if problem.check == check)
    assert effect_of_invalid(found) == words


def test_values_come_a_page_at_a_time() -> None:
    frame = pd.DataFrame({"user_id": [f"u{n}" for n in range(50)], "bio": ["x" * 300] * 25 + ["ok"] * 25})
    frame["note"] = frame["bio"]
    found = state(frame)
    rows = [one.row for one in offences(found, found.problems, 20, 30)]
    assert rows == [*map(str, range(20, 25)), *map(str, range(5))]
    assert [one.column for one in offences(found, found.problems, 20, 30)] == ["bio"] * 5 + ["note"] * 5
    assert offences(found, found.problems, 50, 60) == []


def test_private_values_are_masked_until_they_are_shown() -> None:
    found = state(people())
    values = {one.value for one in offences(found, found.problems, 0, 10)}
    assert "bob@example.com" not in str(values)
    assert "'bo***@e***'" in values
    assert "'bob@example.com'" in {one.value for one in offences(found, found.problems, 0, 10, shown=True)}

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mixpanel_pandas.errors import OperationError
from mixpanel_pandas.notebook.preview.finding_rows import (
    effect_of_invalid,
    finding_rows,
    findings_table,
    select_findings,
)
from mixpanel_pandas.payloads.row_set import RowSet
from tests.notebook.preview.frames import people, state


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


def test_findings_are_filtered() -> None:
    found = state(people())
    assert {finding.check for finding in select_findings(found, "hint")} == {"lookalike"}
    assert [finding.check for finding in select_findings(found, column="bio")] == ["long_string"]
    assert select_findings(found, "warning", "bio") == []


def test_a_finding_of_a_column_is_in_all_rows() -> None:
    found = state(wrong(), rename={"score": "$score"})
    rows = {row[1]: row[3] for row in findings_table(found.findings).cells}
    assert rows["long_string"] == "1"
    assert {rows[finding.check] for finding in found.findings if finding.rows is None} == {"all"}


@pytest.mark.parametrize("remedy", ["drop_row", "drop_value", "truncate"])
def test_what_is_said_of_invalid_is_what_it_does(remedy: str) -> None:
    """Each error alone, with and without the remedy: the rows said are the rows that are changed."""
    frame, options = wrong(), {"rename": {"avatar": "$avatar"}}
    for finding in select_findings(state(frame, **options), "error"):
        helps, _, refuses = effect_of_invalid(finding).partition(";")
        try:
            changes = state(frame, invalid={finding.check: remedy}, **options).decisions.changes
        except OperationError:  # no such remedy
            assert f'"{remedy}"' in refuses
            continue
        dropped, cut = (rows.values() for rows in (changes.dropped, changes.cut))
        excluded = RowSet.of_mask(changes.excluded)
        sets = {"drop_row": [excluded], "drop_value": dropped, "truncate": cut}[remedy]
        changed = max((len({*rows} & {*finding.rows}) for rows in sets), default=0)
        assert changed == (finding.count if f'"{remedy}" ' in helps else 0)


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
    found = next(finding for finding in state(wrong()).findings if finding.check == check)
    assert effect_of_invalid(found) == words


def test_values_come_a_page_at_a_time() -> None:
    frame = pd.DataFrame({"user_id": [f"u{n}" for n in range(50)], "bio": ["x" * 300] * 25 + ["ok"] * 25})
    frame["note"] = frame["bio"]
    found = state(frame)
    rows = [one.row for one in finding_rows(found, found.findings, 20, 30)]
    assert rows == [*map(str, range(20, 25)), *map(str, range(5))]
    assert [one.column for one in finding_rows(found, found.findings, 20, 30)] == ["bio"] * 5 + ["note"] * 5
    assert finding_rows(found, found.findings, 50, 60) == []


def test_private_values_are_masked_until_they_are_shown() -> None:
    found = state(people())
    values = {one.value for one in finding_rows(found, found.findings, 0, 10)}
    assert "bob@example.com" not in str(values)
    assert "'bo***@e***'" in values
    assert "'bob@example.com'" in {
        one.value for one in finding_rows(found, found.findings, 0, 10, unmasked=True)
    }

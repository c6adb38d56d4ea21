from __future__ import annotations

import pandas as pd

from mixpanel_pandas.notebook.preview.findings_view import (
    finding_rows,
    select_findings,
)
from tests.notebook.preview.frames import people, state


def test_findings_are_filtered() -> None:
    found = state(people())
    assert {finding.check for finding in select_findings(found, "hint")} == {"lookalike"}
    assert [finding.check for finding in select_findings(found, column="bio")] == ["long_string"]
    assert select_findings(found, "warning", "bio") == []


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

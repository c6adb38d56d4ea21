from __future__ import annotations

import pandas as pd
import pytest

import mixpanel_pandas as mpd
from mixpanel_pandas.checking import scan
from mixpanel_pandas.errors import ColumnNotFoundError
from mixpanel_pandas.notebook.preview.edits import with_group, with_name, with_option, with_reading
from mixpanel_pandas.notebook.preview.state import State
from mixpanel_pandas.rules.operation import operation
from tests.notebook.preview.frames import people, state


def test_the_verdict_counts_by_severity() -> None:
    found = state(people(), duplicates="all")
    assert found.verdict() == "3 errors, 0 warnings, 2 hints in 5 rows x 5 properties"
    assert found.standing == 3


def test_rows_that_refuse_the_frame_have_no_payload() -> None:
    assert state(people(), duplicates="all").sent_rows.tolist() == [1, 4]
    assert state(people(), duplicates="last", invalid="drop_row").sent_rows.tolist() == [4]


def test_a_column_that_cannot_be_sent_leaves_no_payload() -> None:
    frame = pd.DataFrame({"id": ["ann", "bob"], "x": [1j, 2j]})
    found = state(frame, id="id")
    assert found.refused_columns
    assert found.sent_rows.tolist() == []
    assert found.measured.requests == 0


def test_rows_are_found_by_id_in_every_slice() -> None:
    frame = pd.DataFrame({"id": [f"u{number % 7}" for number in range(20)], "text": ["x" * 10] * 20})
    found = state(frame, "append", id="id")
    object.__setattr__(found.layout, "rows_per_slice", 3)
    assert found.rows_of_id("u3").tolist() == [3, 10, 17]
    assert found.rows_of_id("nobody").tolist() == []


def test_a_frame_that_is_changed_is_looked_at_as_it_was() -> None:
    frame = people()
    found = State(frame.copy(deep=False), operation("set", "user_id", ["visits"], None, {}))
    frame["visits"] = "now text"
    assert {finding.check for finding in found.findings} == {"missing_id", "junk_id", "duplicate_id"}


def test_a_column_that_is_not_there_is_refused_at_once() -> None:
    with pytest.raises(ColumnNotFoundError, match="did you mean 'email'"):
        state(people(), properties=["emial"])


@pytest.mark.parametrize(
    ("index", "label"),
    [
        pytest.param(None, "1", id="numbers"),
        pytest.param(pd.Index([3, 5, 7, 9, 11]), "5", id="numbers that are NumPy's"),
        pytest.param(pd.Index(list("vwxyz"), name="plan"), "'w'", id="text of a level that says what it is"),
        pytest.param(pd.Index([f"{c}@x.example" for c in "vwxyz"]), "'***@x***'", id="text without a name"),
        pytest.param(pd.Index(["anna", "boris", "c", "d", "e"], name="First Name"), "'bo***'", id="names"),
        pytest.param(
            pd.MultiIndex.from_arrays([range(5), ["anna", "boris", "c", "d", "e"]], names=["n", "name"]),
            "(1, 'bo***')",
            id="one level of two",
        ),
    ],
)
def test_labels_that_name_people_are_masked(index: pd.Index | None, label: str) -> None:
    frame = people() if index is None else people().set_axis(index)
    found = state(frame)
    assert found.row_label(1, unmasked=False) == label
    assert "***" not in found.row_label(1, unmasked=True)


def test_an_index_that_holds_the_ids_is_masked() -> None:
    frame = people().set_index("user_id")
    assert state(frame).row_label(0, unmasked=False) == "'an***@e***'"


def test_mixpanel_is_asked_once_for_its_properties_and_again_for_a_group(emulator: mpd.Emulator) -> None:
    pd.DataFrame({"user_id": ["ann"], "plan": ["pro"]}).mixpanel.set("user_id")
    sent = len(emulator.requests)
    first = state(pd.DataFrame({"user_id": ["ann"], "plan": ["pro"]}), known=True)
    renamed = first.changed(with_name(first.operation, first.layout, "plan", "Plan"))
    assert [finding.check for finding in first.findings] == []
    assert [finding.check for finding in renamed.findings] == ["new_property"]
    assert renamed.code() == "df.mixpanel.set('user_id', known=True, rename={'plan': 'Plan'})"
    assert len(emulator.requests) == sent + 1
    with pytest.raises(mpd.OperationError, match="group key 'company' is not known"):
        renamed.changed(with_group(renamed.operation, "company"))


def test_a_change_scans_only_the_columns_that_it_touches(monkeypatch: pytest.MonkeyPatch) -> None:
    scanned: list[str] = []
    scan_piece = scan._scan_piece
    monkeypatch.setattr(
        scan,
        "_scan_piece",
        lambda layout, column, *others: scanned.append(column.name) or scan_piece(layout, column, *others),
    )
    now = state(people())
    assert now.findings
    assert scanned == ["email", "name", "bio", "visits", "tags"]
    for edit, names in [
        (lambda s: with_reading(s.operation, "bio", "json"), ["bio"]),
        (lambda s: with_option(s.operation, "missing", "null"), []),
        (lambda s: with_name(s.operation, s.layout, "email", "$email"), ["$email"]),
        (lambda s: with_option(s.operation, "duplicates", "last"), []),
        (lambda s: with_option(s.operation, "invalid", "drop_row"), []),
        (lambda s: with_option(s.operation, "trim", True), ["$email", "name", "bio", "visits", "tags"]),
    ]:
        scanned.clear()
        now = now.changed(edit(now))
        assert now.findings
        assert scanned == names

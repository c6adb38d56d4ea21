from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from mixpanel_pandas.notebook.preview.fixes import (
    applied_fix,
    fixes_of,
    lookalike_in_words,
    suggestions,
    taken_back,
    with_fixes,
)
from tests.notebook.preview.frames import messy, people, state


def fixes(found: Any, check: str, column: Any = None) -> dict[str, Any]:
    """Return words -> fix of the one finding of a check."""
    (finding,) = [f for f in found.findings if f.check == check and column in {None, f.column}]
    return {fix.words: fix for fix in fixes_of(found, finding)}


def line(found: Any, check: str, words: str, column: Any = None) -> str:
    """Return the line after a fix was taken."""
    return found.changed(with_fixes(found, [fixes(found, check, column)[words]])).code()


@pytest.mark.parametrize(
    ("columns", "options", "check", "words", "arguments"),
    [
        pytest.param(
            {"bio": ["x" * 300, "a"]},
            {},
            "long_string",
            "cut to 255 bytes in 1 row",
            "invalid={'bio': {'long_string': 'truncate'}}",
            id="cut",
        ),
        pytest.param(
            {"user_id": [None, "b"], "n": [1, 2]},
            {},
            "missing_id",
            "leave 1 row out",
            "invalid={'missing_id': 'drop_row'}",
            id="leave a row out",
        ),
        pytest.param(
            {"user_id": ["a", "a"], "n": [1, 2]},
            {},
            "duplicate_id",
            "send the last row of each id",
            "duplicates='last'",
            id="several rows of one id",
        ),
        pytest.param(
            {"amount": ["1,234.50", "7.00"]},
            {},
            "number_as_text",
            "read as number: 1,234.5",
            "parse={'amount': 'number:1,234.5'}",
            id="a reading",
        ),
        pytest.param(
            {"amount": ["1,234.50", "7.00", "N/A"]},
            {},
            "number_as_text",
            "read as number: 1,234.5, N/A and the like as missing",
            "parse={'amount': 'number:1,234.5'}, na='common'",
            id="a reading beside missing-value markers",
        ),
        pytest.param(
            {"amount": ["12", "x"]},
            {"parse": {"amount": "number"}},
            "unreadable",
            "leave the column as text",
            "parse={'amount': 'text'}",
            id="no reading",
        ),
        pytest.param(
            {"day": ["05/07/2023", "2023-01-02"]},
            {"parse": {"day": "date"}},
            "two_way_date",
            "read as date: dd/mm/yyyy",
            "parse={'day': 'date:dd/mm/yyyy'}",
            id="a two-way date",
        ),
        pytest.param(
            {"at": ["2023-01-05T10:00+01:00", "2023-01-05T11:00+01:00"]},
            {},
            "offset_date",
            "read as date",
            "parse={'at': 'date'}",
            id="a time with an offset",
        ),
        pytest.param(
            {"Full Name": ["Ann", "Bob"]},
            {},
            "lookalike",
            "send as $name",
            "rename={'Full Name': '$name'}",
            id="a name",
        ),
        pytest.param(
            {"Created": ["25/12/2023", "01/02/2023"]},
            {},
            "lookalike",
            "send as $created, read as date: dd/mm/yyyy",
            "rename={'Created': '$created'}, parse={'Created': 'date:dd/mm/yyyy'}",
            id="a name whose values fit by a reading",
        ),
        pytest.param(
            {" plan ": ["a", "b"]}, {}, "padded_name", "trim names, ids and text", "trim=True", id="trim"
        ),
        pytest.param(
            {"$ip": ["192.0.2.1", "192.0.2.2"], "n": [1, 2]},
            {},
            "misplaced_field",
            "send as the field $ip",
            "ip='$ip'",
            id="a field",
        ),
        pytest.param(
            {"$last_seen": ["x", "y"], "n": [1, 2]},
            {},
            "computed_property",
            "leave the property out",
            "invalid={'$last_seen': {'computed_property': 'drop_value'}}",
            id="a property that Mixpanel computes",
        ),
        pytest.param(
            {"Unnamed: 0": [0, 1], "n": [1, 2]},
            {},
            "helper_column",
            "leave the column out",
            "['n']",
            id="a column",
        ),
    ],
)
def test_a_fix_is_a_part_of_the_line(
    columns: dict[str, Any], options: dict[str, Any], check: str, words: str, arguments: str
) -> None:
    rows = len(next(iter(columns.values())))
    frame = pd.DataFrame({"user_id": [f"u{n}" for n in range(rows)], **columns})
    assert line(state(frame, **options), check, words) == f"df.mixpanel.set('user_id', {arguments})"


def test_what_was_chosen_for_one_finding_leaves_the_others() -> None:
    found = state(people(), invalid={"long_string": "drop_value", "missing_id": "drop_row"})
    (long,) = [finding for finding in found.findings if finding.check == "long_string"]
    assert applied_fix(found, long, fixes_of(found, long)).words == "leave the value out of 1 row"
    raised = found.changed(taken_back(found, long))
    assert raised.operation.options.invalid == {
        "long_string": "drop_value",
        "missing_id": "drop_row",
        "bio": {"long_string": "raise"},
    }
    assert applied_fix(raised, long, fixes_of(raised, long)) is None
    cut = found.changed(with_fixes(raised, [fixes(raised, "long_string")["cut to 255 bytes in 1 row"]]))
    assert cut.operation.options.invalid["bio"] == {"long_string": "truncate"}


def test_what_is_taken_back_is_not_named() -> None:
    found = state(people(), invalid={"bio": {"long_string": "truncate"}})
    (long,) = [finding for finding in found.findings if finding.check == "long_string"]
    assert taken_back(found, long).named == {}


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        pytest.param(
            {"Created": ["soon", "later"]}, "looks like $created, but its values do not fit", id="no dates"
        ),
        pytest.param({"phone": [1, 2]}, "looks like $phone, but its values do not fit", id="numbers"),
        pytest.param(
            {"E-Mail": ["a", "b"]}, "looks like $email, but its values do not fit", id="no addresses"
        ),
        pytest.param({"E-Mail": ["a@b.c", "b"]}, "looks like $email", id="half of them addresses"),
        pytest.param({"Created": ["2023-01-05", "2023-01-06"]}, "looks like $created", id="ISO dates"),
        pytest.param(
            {"Created": pd.to_datetime(["2023-01-05", "2023-01-06"])}, "looks like $created", id="dates"
        ),
    ],
)
def test_a_reserved_property_is_offered_where_the_values_fit(columns: dict[str, Any], words: str) -> None:
    found = state(pd.DataFrame({"user_id": ["a", "b"], **columns}))
    (finding,) = [finding for finding in found.findings if finding.check == "lookalike"]
    assert lookalike_in_words(found, finding) == words
    assert bool(fixes_of(found, finding)) == ("do not fit" not in words)


def test_one_column_of_several_becomes_the_reserved_property() -> None:
    found = state(pd.DataFrame({"user_id": ["a"], "E-Mail": ["a@b.c"], "email": ["a@b.c"]}))
    words = {f.column: lookalike_in_words(found, f) for f in found.findings if f.check == "lookalike"}
    assert words == {
        "E-Mail": "looks like $email, but another column is meant as well",
        "email": "looks like $email",
    }


def test_all_suggestions_at_once_make_a_messy_table_right() -> None:
    before = state(messy(), id="User ID")
    clear, either = suggestions(before)
    assert not either
    after = before.changed(with_fixes(before, clear))
    assert suggestions(after) == ([], [])
    assert {column.name: column.kind for column in after.layout.columns} == {
        "$name": "string",
        "$email": "string",
        "$phone": "string",
        "$created": "date",
        "Last Login": "string",
        "Amount": "number",
        "Newsletter": "boolean",
        "Tags": "list",
        "Zip": "string",
        "Bio": "string",
        "Visits": "number",
    }
    assert {finding.check for finding in after.findings if finding.severity == "error"} == {
        "missing_id",
        "duplicate_id",
        "long_string",
    }


def test_what_may_be_read_in_two_ways_is_left_to_a_person() -> None:
    found = state(pd.DataFrame({"user_id": ["a", "b"], "Created": ["05/07/2023", "01/02/2023"]}))
    clear, either = suggestions(found)
    assert not clear
    assert [fix.words for fix in either] == ["read as date: dd/mm/yyyy", "read as date: mm/dd/yyyy"]
    chosen = found.changed(with_fixes(found, either[:1]))
    assert [fix.words for fix in suggestions(chosen)[0]] == ["send as $created"]

from __future__ import annotations

import pandas as pd
import pytest

from mixpanel_pandas.notebook.preview.edits import with_reading
from mixpanel_pandas.notebook.preview.mapping import (
    Remark,
    column_mappings,
    ids_in_words,
)
from tests.notebook.preview.frames import people, state


def test_the_map_has_a_row_for_each_column() -> None:
    found = {
        column.label: column
        for column in column_mappings(state(people(), properties=["email", "bio", "visits"]))
    }
    assert list(found) == ["email", "name", "bio", "visits", "tags"]
    assert [label for label, column in found.items() if column.sent] == ["email", "bio", "visits"]
    assert found["email"].fill == 0.8
    assert found["email"].remarks == (Remark("looks like $email", followed=True),)
    assert [fix.words for fix in found["email"].fixes] == ["send as $email"]
    assert found["name"].remarks == ()
    assert [column.type for column in found.values()] == ["string", "string", "string", "number", "list"]
    assert found["visits"].example == "1"
    assert found["tags"].example == '["a"]'


def test_private_examples_are_masked_until_they_are_shown() -> None:
    masked, readable = (
        column_mappings(state(people(), "set"), unmasked=unmasked) for unmasked in (False, True)
    )
    assert [column.example for column in masked[:2]] == ['"an***@e***"', '"An***"']
    assert [column.example for column in readable[:2]] == ['"ann@example.com"', '"Ann Lee"']


@pytest.mark.parametrize(
    ("options", "name", "kind"),
    [
        pytest.param({"rename": {"x": "y"}}, "y", "object", id="renamed"),
        pytest.param({"spread": ["x"]}, "2 properties", "object, spread", id="spread"),
        pytest.param({"missing": "null"}, "x", "object", id="as it is"),
    ],
)
def test_what_a_column_becomes(options: dict, name: str, kind: str) -> None:
    frame = pd.DataFrame({"user_id": ["ann"], "x": [{"a": 1, "email": "ann@example.com"}]})
    (found,) = column_mappings(state(frame, **options))
    assert (found.name, found.type) == (name, kind)
    assert found.example == '{"a": 1, "email": "an***@e***"}'
    assert found.renames is ("spread" not in options)


def test_an_example_is_read_as_the_call_says() -> None:
    frame = pd.DataFrame({"user_id": ["ann"], "x": ["a;b"]})
    (found,) = column_mappings(state(frame, parse={"x": ";"}))
    assert (found.type, found.example) == ("list", '["a", "b"]')


def test_readings_to_choose_from_begin_with_those_that_fit() -> None:
    frame = pd.DataFrame({"user_id": ["ann", "bob"], "x": ["05/07/2023", "01/02/2023"], "n": [1, 2]})
    text, number = column_mappings(state(frame))
    fitting = ("date:dd/mm/yyyy", "date:mm/dd/yyyy")
    assert text.readings[:2] == fitting
    assert {"text", "number", "date", "boolean", "json", "list:semicolon"} < set(text.readings)
    assert len(set(text.readings)) == len(text.readings)
    assert text.samples == (("05/07/2023", '"2023-07-05"'), ("01/02/2023", '"2023-02-01"'))
    assert (text.reading, number.readings) == (None, ())
    assert text.remarks == (Remark("looks like dates: date:dd/mm/yyyy or date:mm/dd/yyyy", followed=True),)
    assert [fix.words for fix in text.fixes] == ["read as date: dd/mm/yyyy", "read as date: mm/dd/yyyy"]
    chosen = state(frame).changed(with_reading(state(frame).operation, "x", "date:dd/mm/yyyy"))
    assert chosen.code() == "df.mixpanel.set('user_id', parse={'x': 'date:dd/mm/yyyy'})"
    text, _number = column_mappings(chosen)
    assert (text.type, text.reading, text.example) == ("date", "date:dd/mm/yyyy", '"2023-07-05"')
    assert text.remarks == ()
    assert chosen.changed(with_reading(chosen.operation, "x", None)).operation.named.get("parse") is None


def test_what_is_unset_need_not_be_a_column() -> None:
    found = {
        column.label: column
        for column in column_mappings(state(people(), "unset", properties=["fax", "bio"]))
    }
    assert [label for label, column in found.items() if column.sent] == ["bio", "fax"]
    assert found["fax"].fill is None


def test_ids_are_counted_whatever_the_options_say() -> None:
    words = "5 rows: 1 missing, 1 junk, 2 duplicate"
    assert ids_in_words(state(people())) == words
    assert ids_in_words(state(people(), duplicates="last", invalid="drop_row")) == words
    assert ids_in_words(state(people(), id="visits")) == "5 rows: 0 missing, 0 junk, 0 duplicate"


def test_only_what_is_looked_at_is_read() -> None:
    frame = pd.DataFrame({f"c{number}": [number, None] for number in range(500)}).assign(user_id=["a", "b"])
    found = state(frame)
    assert len(column_mappings(found, 24, 36)) == 12
    assert sorted(found.facts._columns) == list(range(24, 36))

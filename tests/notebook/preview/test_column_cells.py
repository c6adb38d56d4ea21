from __future__ import annotations

import ipywidgets
import pandas as pd
import pytest

from mixpanel_pandas.checking import distribution
from mixpanel_pandas.errors import reading_values
from mixpanel_pandas.notebook.preview import column_cells
from mixpanel_pandas.notebook.preview.column_cells import (
    ANOTHER,
    LEAVE_OUT,
    column_distribution,
    distinct_in_words,
    picture_of_column,
)
from tests.notebook.preview.frames import messy, people, state
from tests.notebook.preview.screens import Screen, screen


def dates() -> pd.DataFrame:
    return pd.DataFrame({"user_id": ["a", "b"], "day": ["05.07.2023 10:30", "x"], "plan": ["pro", "free"]})


def test_any_reading_can_be_written() -> None:
    found = screen(dates())
    found.one("column-reading", "Read text of day as").value = ANOTHER
    line = found.one("column-format", "Reading of day")
    line.value = "date:dd.mm.yyyy hh:mm"
    assert found.preview.code == "df.mixpanel.set('user_id', parse={'day': 'date:dd.mm.yyyy hh:mm'})"
    assert found.one("column-reading", "Read text of day as").value == ANOTHER
    assert found.one("column-format", "Reading of day") is line  # which has the focus
    assert line.value == "date:dd.mm.yyyy hh:mm"
    assert '05.07.2023 10:30 \u2192 "2023-07-05T10:30:00"' in found.text()
    assert "x \u2192 cannot be read" in found.text()


def test_a_reading_that_is_none_is_told_and_changes_nothing() -> None:
    found = screen(dates())
    found.one("column-reading", "Read text of day as").value = ANOTHER
    found.one("column-format", "Reading of day").value = "date:dd.mm.yyyy hh:xx"
    assert "no reading 'date:dd.mm.yyyy hh:xx'" in found.text()
    assert found.preview.code == "df.mixpanel.set('user_id')"
    assert found.one("column-format", "Reading of day").value == "date:dd.mm.yyyy hh:xx"
    found.one("column-reading", "Read text of day as").value = "text"
    assert not [w for w in found.visible() if "mp-column-format" in w._dom_classes]
    found.one("column-reading", "Read text of day as").value = ANOTHER
    assert found.one("column-format", "Reading of day").value == "text"


def test_a_choice_redraws_nothing_but_what_differs() -> None:
    """A box whose children are set anew loses the focus of the control that somebody has just used."""
    found = Screen(messy().mixpanel.preview())
    drawn: list[ipywidgets.Box] = []
    for box in [w for w in found.all() if isinstance(w, ipywidgets.Box)]:
        box.observe(lambda change: drawn.append(change["owner"]), names="children")
    found.one("column-name", "name for Bio").value = "about"
    found.one("column-sent", "Send Visits").value = False
    found.one("column-reading", "Read text of Zip as").value = LEAVE_OUT
    found.one("missing").value = "null"
    assert drawn == []
    reading = found.one("column-reading", "Read text of Amount as")
    reading.value = "number:1,234.5"
    assert drawn
    assert not [box for box in drawn if reading in box.children]
    assert found.one("column-reading", "Read text of Amount as") is reading


def test_the_focus_goes_on_where_a_suggestion_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    focused: list[str] = []
    monkeypatch.setattr(ipywidgets.DOMWidget, "focus", lambda widget: focused.append(widget.description))
    found = Screen(messy().mixpanel.preview())
    found.one("column-fix", "Read as yes/no: Yes/No").click()
    assert focused[-1] == "Property name for Newsletter"
    found.one("take-all").click()
    assert focused[-1] == "Property name for Full Name"


def test_a_column_is_left_out_and_sent_again_with_a_reading() -> None:
    found = screen(dates())
    found.one("column-reading", "Read text of day as").value = LEAVE_OUT
    assert found.preview.code == "df.mixpanel.set('user_id', ['plan'])"
    assert not found.one("column-sent", "Send day").value
    assert found.one("column-reading", "Read text of day as").value == LEAVE_OUT
    found.one("column-reading", "Read text of day as").value = "list:pipe"
    assert found.preview.code == "df.mixpanel.set('user_id', parse={'day': 'list:pipe'})"
    assert found.one("column-sent", "Send day").value


@pytest.mark.parametrize(
    ("label", "type"), [("Last Login", "date"), ("Signup Date", "string"), ("Visits", "number")]
)
def test_types_are_those_of_mixpanel(label: str, type: str) -> None:
    found = screen(messy(), id="User ID")
    assert f"Property name for {label} {label} {type}, 100 %" in found.text()


def test_one_click_takes_one_suggestion_and_one_takes_all() -> None:
    found = screen(messy(), id="User ID")
    found.one("column-fix", "Read as yes/no: Yes/No").click()
    assert found.preview.code == "df.mixpanel.set('User ID', parse={'Newsletter': 'boolean:Yes/No'})"
    assert "Yes \u2192 true" in found.text()
    found.one("take-all").click()
    assert not [w for w in found.visible() if {"mp-take-all", "mp-column-fix"} & set(w._dom_classes)]
    assert set(found.preview.operation.options.parse) == {"Newsletter", "Signup Date", "Amount", "Tags"}


def test_values_of_people_are_masked_before_and_after() -> None:
    frame = pd.DataFrame({"user_id": ["a", "b"], "name": ["Ann Lee", "Bob"]})
    found = screen(frame, parse={"name": "list:comma"})
    assert 'An*** \u2192 ["An***"]' in found.text()
    assert "Ann Lee" not in found.text()
    found.one("show-values").value = True
    assert 'Ann Lee \u2192 ["Ann Lee"]' in found.text()


def test_a_choice_between_two_readings_is_told() -> None:
    frame = pd.DataFrame({"user_id": ["a", "b"], "day": ["05/07/2023", "01/02/2023"]})
    found = Screen(frame.mixpanel.preview())
    assert "1 column may be read in more than one way: choose below." in found.text()
    assert not [w for w in found.visible() if "mp-take-all" in w._dom_classes]
    found.one("column-fix", "Read as date: mm/dd/yyyy").click()
    assert "more than one way" not in found.text()


@pytest.mark.parametrize(
    ("label", "options", "unmasked", "of", "labels"),
    [
        pytest.param("visits", {}, False, "values", ("1", "2", "3", "4", "5"), id="numbers"),
        pytest.param("email", {}, False, "characters", ("3 to 4", "5 to 6"), id="private text has lengths"),
        pytest.param("email", {}, True, "values", ("ann@example.com", "bob"), id="unmasked"),
        pytest.param(
            "bio", {"rename": {"bio": "$phone"}}, False, "characters", None, id="private by its property"
        ),
        pytest.param("user_id", {}, False, "characters", None, id="the ids"),
        pytest.param(
            "visits", {"properties": ["bio"]}, False, "values", ("1", "2"), id="a column that is not sent"
        ),
        pytest.param("tags", {"spread": None}, False, "items", ("0", "1", "2"), id="lists"),
    ],
)
def test_what_is_shown_of_a_column(label, options, unmasked, of, labels):
    spread = column_distribution(state(people(), **options), label, unmasked=unmasked)
    assert spread.of == of
    assert labels is None or spread.labels[: len(labels)] == labels


def test_text_is_shown_as_it_is_read():
    frame = pd.DataFrame({"user_id": ["a", "b", "c"], "amount": ["1,50", "2,50", "N/A"]})
    assert column_distribution(state(frame), "amount").labels == ("1,50", "2,50", "N/A")
    read = state(frame, parse={"amount": "number:1.234,5"}, na=["N/A"])
    assert column_distribution(read, "amount").labels == ("1.5", "2.5")


def test_it_is_computed_once(monkeypatch):
    found = state(people())
    first = column_distribution(found, "visits")
    again = found.changed(found.operation)
    assert column_distribution(again, "visits") is first
    assert column_distribution(again, "email") is not column_distribution(again, "email", unmasked=True)


@pytest.mark.parametrize(
    "values", [pytest.param([None, None], id="no value"), pytest.param(pd.to_timedelta([1, 2]), id="not sent")]
)  # fmt: skip
def test_without_a_value_there_is_no_picture(values):
    found = state(pd.DataFrame({"user_id": ["a", "b"], "x": values}))
    picture = picture_of_column(found, "x")
    assert (picture, picture.html) == ("", "")


def test_what_cannot_be_read_is_shown_without(monkeypatch):
    def broken(*_values, **_how):
        with reading_values():
            raise ValueError

    monkeypatch.setattr(column_cells, "normalise", broken)
    assert picture_of_column(state(people()), "visits") == ""


def test_a_property_that_is_no_column_has_no_picture():
    assert picture_of_column(state(people(), "unset", properties=["fax"]), "fax").html == ""


def test_how_many_differ_is_the_least_where_not_all_rows_are_read(monkeypatch):
    frame = pd.DataFrame({"user_id": range(100), "n": range(100)})
    assert distinct_in_words(column_distribution(state(frame), "n")) == "100 distinct"
    monkeypatch.setattr(distribution, "SAMPLE", 50)
    assert distinct_in_words(column_distribution(state(frame), "n")) == "50+ distinct"

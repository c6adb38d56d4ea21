from __future__ import annotations

import pandas as pd
import pytest

from mixpanel_pandas.checking import distribution
from mixpanel_pandas.errors import reading_values
from mixpanel_pandas.notebook.preview import column_values
from mixpanel_pandas.notebook.preview.column_values import (
    column_distribution,
    distinct_in_words,
    picture_of_column,
)
from tests.notebook.preview.frames import people, state


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

    monkeypatch.setattr(column_values, "normalise", broken)
    assert picture_of_column(state(people()), "visits") == ""


def test_a_property_that_is_no_column_has_no_picture():
    assert picture_of_column(state(people(), "unset", properties=["fax"]), "fax").html == ""


def test_how_many_differ_is_the_least_where_not_all_rows_are_read(monkeypatch):
    frame = pd.DataFrame({"user_id": range(100), "n": range(100)})
    assert distinct_in_words(column_distribution(state(frame), "n")) == "100 distinct"
    monkeypatch.setattr(distribution, "SAMPLE", 50)
    assert distinct_in_words(column_distribution(state(frame), "n")) == "50+ distinct"

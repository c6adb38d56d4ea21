from __future__ import annotations

import pandas as pd
import pytest

from mixpanel_pandas.errors import OperationError
from mixpanel_pandas.notebook.preview.column_filter import SHOWN, SORTED, columns_shown
from mixpanel_pandas.notebook.preview.mapping import KNOWN_STATES
from mixpanel_pandas.notebook.preview.state import State
from tests.notebook.preview.frames import state


def frame():
    return pd.DataFrame(
        {
            "user_id": ["a", "b", "c", "d"],
            "plan": ["pro", "free", None, None],
            "email": ["a@x.com", "b@x.com", "c@x.com", None],
            "bio": ["x" * 300, "y", "z", "z"],
            "fax": None,
            "Score": [1, 2, 3, 4],
        }
    )


def shown(*choices, properties=None, **options):
    return columns_shown(state(frame(), properties=properties, **options), *choices)


EVERY = ["plan", "email", "bio", "fax", "Score"]


@pytest.mark.parametrize(
    ("choices", "labels"),
    [
        pytest.param((), EVERY, id="all"),
        pytest.param(("SCO",), ["Score"], id="a name in any case"),
        pytest.param((" ai ",), ["email"], id="part of a name"),
        pytest.param(("about",), ["bio"], id="the name of the property"),
        pytest.param(("nothing",), [], id="no such name"),
        pytest.param(("", "problem"), ["email", "bio"], id="with a problem"),
        pytest.param(("", "empty"), ["fax"], id="without values"),
        pytest.param(("", "sent"), EVERY, id="sent"),
        pytest.param(("", "not sent"), [], id="not sent"),
        pytest.param(("", "all", "problem"), ["bio", "email", "plan", "fax", "Score"], id="problems first"),
        pytest.param(("", "all", "fullest"), ["bio", "Score", "email", "plan", "fax"], id="fullest first"),
        pytest.param(("", "all", "emptiest"), ["fax", "plan", "email", "bio", "Score"], id="emptiest first"),
        pytest.param(("e", "problem", "emptiest"), ["email"], id="all at once"),
    ],
)
def test_which_columns_are_shown(choices, labels):
    assert shown(*choices, rename={"bio": "about"}) == labels


def test_columns_are_known_by_the_rules_of_the_findings():
    known = {"plan": "string", "email": None, "Score": "string", "fax": "list"}
    found = state(frame(), known=known)
    assert columns_shown(found, "", "new") == ["bio"]
    assert columns_shown(found, "", "other type") == ["Score"]
    checks = {finding.column: finding.check for finding in found.findings if finding.check in KNOWN_STATES}
    assert checks == {"bio": "new_property", "Score": "type_drift"}


def test_what_is_sent_and_what_is_not():
    assert shown("", "sent", properties=["bio", "plan"]) == ["plan", "bio"]
    assert shown("", "not sent", properties=["bio", "plan"]) == ["email", "fax", "Score"]
    found = state(frame(), "unset", properties=["fax", "old"])
    assert columns_shown(found, "", "sent") == ["fax", "old"]


@pytest.mark.parametrize("order", SORTED)
@pytest.mark.parametrize("choice", SHOWN)
def test_every_choice_shows_some_of_the_columns_once(choice, order):
    labels = shown("", choice, order)
    assert len(set(labels)) == len(labels)
    assert set(labels) <= set(EVERY)


def test_names_and_types_are_known_before_a_frame_is_checked(monkeypatch):
    monkeypatch.setattr("mixpanel_pandas.notebook.preview.state.CHECKED_AT_ONCE", 0)
    found = state(frame())
    assert columns_shown(found, "", "problem") == ["email"]
    assert not found.is_checked


def test_a_frame_that_cannot_be_checked_is_shown(monkeypatch):
    def broken(_state):
        raise OperationError

    monkeypatch.setattr(State, "findings", property(broken))
    assert columns_shown(state(frame()), "", "all", "problem") == EVERY

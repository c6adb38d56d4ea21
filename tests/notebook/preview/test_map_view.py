from __future__ import annotations

from mixpanel_pandas.notebook.preview.map_view import available_verbs, id_labels, option_choices
from mixpanel_pandas.notebook.preview.mapping import sendable_labels
from tests.notebook.preview.frames import people, state


def test_ids_may_stand_in_the_index() -> None:
    found = state(people().set_index("user_id"))
    assert id_labels(found)[-1] == "user_id"
    assert sendable_labels(found)[0] == "email"


def test_verbs_and_options_are_those_of_the_tables() -> None:
    assert "add" in available_verbs(state(people()))
    assert "add" not in available_verbs(state(people(), group="company"))
    assert option_choices(state(people()), "missing") == ["skip", "null", "unset"]
    assert option_choices(state(people(), "union", properties=["tags"]), "missing") == ["skip"]
    assert option_choices(state(people(), "delete"), "missing") == []

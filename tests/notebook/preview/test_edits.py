from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixpanel_pandas.errors import MixpanelError, OperationError
from mixpanel_pandas.notebook.preview import edits
from mixpanel_pandas.notebook.preview.mapping import sendable_labels
from mixpanel_pandas.notebook.preview.state import State
from mixpanel_pandas.rules.operation import operation
from mixpanel_pandas.rules.operators import OPERATORS
from tests.examples import examples
from tests.notebook.preview.frames import evaluated, people, state

FRAME = people()
COLUMNS = st.sampled_from(list(FRAME.columns))

#: What a person may do, as functions of the state.
EDITS = st.one_of(
    COLUMNS.map(lambda label: lambda s: edits.with_id(s.operation, label)),
    st.sampled_from([None, "company"]).map(lambda key: lambda s: edits.with_group(s.operation, key)),
    st.sampled_from([*OPERATORS, "update"]).map(lambda verb: lambda s: s.with_verb(verb)),
    st.tuples(COLUMNS, st.booleans()).map(
        lambda done: lambda s: edits.with_columns(s.operation, s.layout, sendable_labels(s), *done)
    ),
    st.tuples(st.lists(COLUMNS, min_size=1, unique=True), st.booleans()).map(
        lambda done: lambda s: edits.with_many_columns(s.operation, s.layout, sendable_labels(s), *done)
    ),
    st.tuples(COLUMNS, st.sampled_from(["a", "$email", "bio"])).map(
        lambda done: lambda s: edits.with_name(s.operation, s.layout, *done)
    ),
    st.tuples(COLUMNS, st.sampled_from(["add", "union", "unset"])).map(
        lambda done: lambda s: edits.with_verb_of(s.operation, *done)
    ),
    st.tuples(COLUMNS, st.sampled_from([None, "text", "json", "list:semicolon"])).map(
        lambda done: lambda s: edits.with_reading(s.operation, *done)
    ),
    st.sampled_from(
        [
            ("missing", "null"),
            ("duplicates", "last"),
            ("invalid", "truncate"),
            ("invalid", {"bio": {"long_string": "truncate"}, "missing_id": "drop_row"}),
            ("trim", True),
            ("na", "common"),
        ]
    ).map(lambda done: lambda s: edits.with_option(s.operation, *done)),
)
STARTS = [
    lambda: state(FRAME),
    lambda: state(FRAME, properties=["name", "bio"], rename=str.upper),
    lambda: state(FRAME, "update", properties={"visits": "add", "tags": "union", "fax": "unset"}),
    lambda: state(FRAME, "unset", properties=["fax", "bio"]),
    lambda: state(FRAME, parse={"bio": ";"}, rename="reserved", missing="unset"),
]


@settings(deadline=None, max_examples=examples(60))
@given(st.sampled_from(STARTS), st.lists(EDITS, max_size=8))
def test_whatever_is_clicked_the_line_does_the_same(start: Any, clicks: list[Any]) -> None:
    now = start()
    assert now.findings
    for click in clicks:
        try:
            now = now.changed(click(now))
        except MixpanelError:
            continue
        assert evaluated(now.code(), FRAME) == now.operation
        afresh = State(FRAME, now.operation)
        assert repr(now.findings) == repr(
            afresh.findings
        )  # though only what the click touches is scanned again
        assert np.array_equal(now.sent_rows, afresh.sent_rows)


@pytest.mark.parametrize(
    ("start", "edit", "line"),
    [
        pytest.param(
            lambda: state(FRAME),
            lambda s: edits.with_columns(s.operation, s.layout, sendable_labels(s), "bio", False),
            "df.mixpanel.set('user_id', ['email', 'name', 'visits', 'tags'])",
            id="a column less",
        ),
        pytest.param(
            lambda: state(FRAME, properties=["email", "name", "visits", "tags"]),
            lambda s: edits.with_columns(s.operation, s.layout, sendable_labels(s), "bio", True),
            "df.mixpanel.set('user_id')",
            id="all columns are the same as none named",
        ),
        pytest.param(
            lambda: state(FRAME, rename={"bio": "about"}),
            lambda s: edits.with_many_columns(
                s.operation, s.layout, sendable_labels(s), ["bio", "tags"], False
            ),
            "df.mixpanel.set('user_id', ['email', 'name', 'visits'])",
            id="two columns less",
        ),
        pytest.param(
            lambda: state(FRAME, properties=["email", "bio"]),
            lambda s: edits.with_many_columns(
                s.operation, s.layout, sendable_labels(s), ["email", "bio", "tags"], False
            ),
            "df.mixpanel.set('user_id', ['email'])",
            id="one column is left",
        ),
        pytest.param(
            lambda: state(FRAME, properties=["email"]),
            lambda s: edits.with_many_columns(
                s.operation, s.layout, sendable_labels(s), sendable_labels(s), True
            ),
            "df.mixpanel.set('user_id')",
            id="every column",
        ),
        pytest.param(
            lambda: state(FRAME, "update", properties={"visits": "add", "bio": "set"}),
            lambda s: edits.with_many_columns(
                s.operation, s.layout, sendable_labels(s), ["visits", "tags"], True
            ),
            "df.mixpanel.update('user_id', {'bio': 'set', 'visits': 'add', 'tags': 'set'})",
            id="more columns of several operators",
        ),
        pytest.param(
            lambda: state(FRAME, "unset", properties=["fax", "bio"]),
            lambda s: edits.with_many_columns(
                s.operation, s.layout, sendable_labels(s), ["fax", "bio"], False
            ),
            "df.mixpanel.unset('user_id', ['fax'])",
            id="one property is left to unset",
        ),
        pytest.param(
            lambda: state(FRAME, rename={"bio": "about"}),
            lambda s: edits.with_verb(s.operation, s.layout, "add"),
            "df.mixpanel.add('user_id', ['visits'])",
            id="only numbers are added",
        ),
        pytest.param(
            lambda: state(FRAME[["user_id", "bio"]]),
            lambda s: edits.with_verb(s.operation, s.layout, "add"),
            "df.mixpanel.add('user_id')",
            id="no numbers at all, which is a finding",
        ),
        pytest.param(
            lambda: state(FRAME),
            lambda s: edits.with_verb(s.operation, s.layout, "append"),
            "df.mixpanel.append('user_id')",
            id="anything is appended",
        ),
        pytest.param(
            lambda: state(FRAME, rename={"bio": "about"}),
            lambda s: edits.with_columns(s.operation, s.layout, sendable_labels(s), "bio", False),
            "df.mixpanel.set('user_id', ['email', 'name', 'visits', 'tags'])",
            id="what is not sent is not renamed",
        ),
        pytest.param(
            lambda: state(FRAME, rename="reserved"),
            lambda s: edits.with_name(s.operation, s.layout, "bio", "about"),
            "df.mixpanel.set('user_id', rename={'email': '$email', 'name': '$name', 'bio': 'about'})",
            id="one more name than the reserved ones",
        ),
        pytest.param(
            lambda: state(FRAME, rename={"bio": "about"}),
            lambda s: edits.with_name(s.operation, s.layout, "bio", "bio"),
            "df.mixpanel.set('user_id')",
            id="its own name",
        ),
        pytest.param(
            lambda: state(FRAME, properties=["email", "name"]),
            lambda s: edits.with_id(s.operation, "email"),
            "df.mixpanel.set('email', ['name'])",
            id="the ids are no property",
        ),
        pytest.param(
            lambda: state(FRAME, properties=["visits"], missing="null", blank="missing"),
            lambda s: edits.with_verb(s.operation, s.layout, "add"),
            "df.mixpanel.add('user_id', ['visits'], blank='missing')",
            id="an operator that knows less",
        ),
        pytest.param(
            lambda: state(FRAME, properties=["visits", "bio"], rename={"bio": "about"}),
            lambda s: edits.with_verb(s.operation, s.layout, "unset"),
            "df.mixpanel.unset('user_id', ['visits', 'about'])",
            id="properties are unset by the names they were sent as",
        ),
        pytest.param(
            lambda: state(FRAME, properties=["visits", "bio"]),
            lambda s: edits.with_verb(s.operation, s.layout, "delete"),
            "df.mixpanel.delete('user_id')",
            id="profiles are deleted as a whole",
        ),
        pytest.param(
            lambda: state(FRAME, properties=["visits", "bio"]),
            lambda s: edits.with_verb(s.operation, s.layout, "update"),
            "df.mixpanel.update('user_id', {'visits': 'set', 'bio': 'set'})",
            id="several operators begin as one",
        ),
        pytest.param(
            lambda: state(FRAME, missing="null"),
            lambda s: edits.with_option(s.operation, "missing", "skip"),
            "df.mixpanel.set('user_id')",
            id="a default is not written",
        ),
        pytest.param(
            lambda: state(FRAME),
            lambda s: edits.with_group(s.operation, "company"),
            "df.mixpanel.group('company').set('user_id')",
            id="a group",
        ),
    ],
)
def test_a_click_becomes_a_line(start: Any, edit: Any, line: str) -> None:
    before = start()
    assert before.changed(edit(before)).code() == line


def test_a_click_that_cannot_be_meant_is_refused() -> None:
    before = state(FRAME, "add", properties=["visits"])
    with pytest.raises(OperationError, match="not supported in group profiles"):
        edits.with_group(before.operation, "company")
    unset = state(FRAME, "unset", properties=["fax"])
    with pytest.raises(OperationError, match="Nothing would be left to unset: choose another property"):
        edits.with_columns(unset.operation, unset.layout, sendable_labels(unset), "fax", False)


def test_a_function_that_renames_becomes_the_names_it_gives() -> None:
    found = State(FRAME, operation("set", "user_id", ["bio"], None, {"rename": str.upper}))
    assert found.code() == "df.mixpanel.set('user_id', ['bio'], rename={'bio': 'BIO'})"
    assert pd.Series([column.name for column in found.layout.columns]).tolist() == ["BIO"]

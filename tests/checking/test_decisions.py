"""What becomes of each row: the order of decisions, the remedies, duplicates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixpanel_pandas import ValidationError
from mixpanel_pandas.checking.decisions import decide
from mixpanel_pandas.checking.id_scan import id_digest
from mixpanel_pandas.errors import OperationError
from mixpanel_pandas.payloads.layout import layout_of_ids, make_layout
from mixpanel_pandas.payloads.slices import encode_slices
from mixpanel_pandas.rules.operation import operation

LONG = "x" * 256
CUT = "x" * 255


def look(frame, verb="set", id="user_id", properties=None, group=None, **options):
    return decide(frame, make_layout(frame, operation(verb, id, properties, group, options)))


def excluded(decisions):
    return {(left.outcome, left.reason): left.positions.tolist() for left in decisions.excluded}


def users(**columns):
    rows = len(next(iter(columns.values())))
    return pd.DataFrame({"user_id": [f"u{row}" for row in range(rows)], **columns})


def sent(frame, verb="set", **options):
    """Return position -> what the row says, for the rows that are sent."""
    payloads = frame.mixpanel.payloads(verb, "user_id", **options)
    records = {row: payload for row, payload in enumerate(payloads) if payload is not None}
    return {row: record[f"${verb}"] for row, record in records.items()}


# -- remedies -----------------------------------------------------------------------------------------------------

REMEDIES = [
    pytest.param({"bio": ["a", LONG]}, "drop_row", {0: {"bio": "a"}}, id="a long text: the row is left out"),
    pytest.param(
        {"bio": ["a", LONG], "n": [1, 2]},
        "drop_value",
        {0: {"bio": "a", "n": 1}, 1: {"n": 2}},
        id="a long text: the value is left out",
    ),
    pytest.param(
        {"bio": ["a", LONG]},
        "drop_value",
        {0: {"bio": "a"}},
        id="a long text alone: nothing of the row is left",
    ),
    pytest.param(
        {"bio": ["a", LONG]}, "truncate", {0: {"bio": "a"}, 1: {"bio": CUT}}, id="a long text is cut"
    ),
    pytest.param(
        {"bio": ["ü" * 128]}, "truncate", {0: {"bio": "ü" * 127}}, id="a cut falls between two characters"
    ),
    pytest.param(
        {"tags": [["a"], ["b", LONG]]},
        "truncate",
        {0: {"tags": ["a"]}, 1: {"tags": ["b", CUT]}},
        id="a long text in a flat list is cut",
    ),
    pytest.param(
        {"bio": ["a", LONG]},
        {"long_string": "truncate", "infinite": "drop_row"},
        {0: {"bio": "a"}, 1: {"bio": CUT}},
        id="a mapping names the remedy of each check",
    ),
    pytest.param(
        {"bio": [LONG, "b", "c"], "n": [1.0, np.inf, 3.0]},
        {"long_string": "truncate", "infinite": "drop_value"},
        {0: {"bio": CUT, "n": 1.0}, 1: {"bio": "b"}, 2: {"bio": "c", "n": 3.0}},
        id="each check goes its own way",
    ),
    pytest.param(
        {"bio": ["a", LONG], "note": [LONG, "b"]},
        {"long_string": "drop_value", "bio": {"long_string": "truncate"}},
        {0: {"bio": "a"}, 1: {"bio": CUT, "note": "b"}},
        id="a column has a remedy of its own, others that of the check",
    ),
    pytest.param(
        {"email": ["a", LONG]},
        {"email": {"long_string": "truncate"}},
        {0: {"email": "a"}, 1: {"email": CUT}},
        id="a column named like a check",
    ),
    pytest.param(
        {"$email": ["ann@x.com", "ann"], "n": [1, 2]},
        {"email": "drop_value"},
        {0: {"$email": "ann@x.com", "n": 1}, 1: {"n": 2}},
        id="a mapping may name a warning",
    ),
    pytest.param(
        {"$token": [1, 2], "$last_seen": ["x", None], "n": [1, None]},
        "drop_value",
        {0: {"n": 1}},
        id="a property that Mixpanel computes, or that is none, is left out",
    ),
]


@pytest.mark.parametrize(("columns", "invalid", "says"), REMEDIES)
def test_what_becomes_of_rows_with_an_error(columns, invalid, says):
    assert sent(users(**columns), invalid=invalid) == says


#: What is wrong, and remedies that cannot mend it.
BEYOND_REMEDY = [
    pytest.param({"$email": ["a@b.c", LONG]}, "truncate", "long_string", id="addresses are never cut"),
    pytest.param({"$phone": ["+1", "+" + LONG]}, "truncate", "long_string", id="phone numbers are never cut"),
    pytest.param(
        {"$avatar": [f"https://x.org/{LONG}.png"]}, "truncate", "long_string", id="avatars are never cut"
    ),
    pytest.param({"n": [1.0, np.inf]}, "truncate", "infinite", id="a number cannot be cut"),
    pytest.param({"o": [{"k": {1: 2}}]}, "truncate", "odd_key", id="an object cannot be cut"),
    pytest.param({"x" * 256: [1]}, "drop_row", "long_name", id="a name is a whole column's: drop_row"),
    pytest.param({"x" * 256: [1]}, "truncate", "long_name", id="a name is never cut"),
    pytest.param({"x" * 256: [1]}, "drop_value", "long_name", id="nor dropped"),
    pytest.param(
        {"$created": [5], "n": [1]},
        "drop_value",
        "created",
        id="a column of a wrong type is not left out in silence",
    ),
    pytest.param({"$token": [1]}, "drop_row", "identity_property", id="not every row for a name"),
    pytest.param(
        {"$token": [1]},
        {"bucket": "raise"},
        "identity_property",
        id="a property that the mapping does not name",
    ),
    pytest.param(
        {"n": [1.0, np.inf]}, {"long_string": "drop_row"}, "infinite", id="a mapping that names others"
    ),
    pytest.param({"n": [1.0, np.inf]}, {}, "infinite", id="an empty mapping"),
    pytest.param(
        {"n": [1.0, np.inf], "m": [1.0, 2.0]},
        {"m": {"infinite": "drop_row"}},
        "infinite",
        id="a mapping of another column",
    ),
    pytest.param({"$email": ["ann"]}, {"email": "raise"}, "email", id="a warning that was asked to raise"),
]


@pytest.mark.parametrize(("columns", "invalid", "check"), BEYOND_REMEDY)
def test_what_cannot_be_mended_raises(columns, invalid, check):
    with pytest.raises(ValidationError, match=f"^1 error in .*: nothing was sent\n  {check} "):
        sent(users(**columns), invalid=invalid)


@pytest.mark.parametrize(
    ("columns", "invalid", "last"),
    [
        pytest.param(
            {"user_id": ["null", "a"], "n": 1},
            "drop_value",
            "invalid='drop_value' does not apply to junk_id: use 'drop_row'.",
            id="a bad id needs its row dropped",
        ),
        pytest.param(
            {"user_id": ["a", "b"], "n": [1, np.inf], "o": [5, {1: 2}]},
            "truncate",
            "invalid='truncate' does not apply to infinite, odd_key: use 'drop_row' or 'drop_value'.",
            id="several checks of one way",
        ),
        pytest.param(
            {"user_id": ["a"], "$token": [1]},
            "drop_row",
            "invalid='drop_row' does not apply to identity_property: use 'drop_value'.",
            id="a property that is none",
        ),
        pytest.param(
            {"user_id": ["null"], "n": 1},
            "raise",
            "invalid='drop_row' leaves these rows out",
            id="the option is not given",
        ),
    ],
)
def test_the_message_names_the_ways_out(columns, invalid, last):
    with pytest.raises(ValidationError) as caught:
        pd.DataFrame(columns).mixpanel.payloads("set", "user_id", invalid=invalid)
    assert str(caught.value).splitlines()[-1] == last


def test_the_message_names_the_property_of_a_spread_key():
    frame = users(exported=[{"$last_seen": "2024-01-01", "bio": LONG}])
    with pytest.raises(ValidationError) as caught:
        frame.mixpanel.payloads("set", "user_id", spread="exported")
    message = str(caught.value)
    assert (
        "computed_property in 'exported' (property '$last_seen'): Mixpanel computes $last_seen: do not send it; "
        in message
    )
    assert "invalid={'computed_property': 'drop_value'} leaves it out" in message
    assert "long_string in 'exported' (property 'bio'): " in message


@pytest.mark.parametrize("invalid", ["drop_value", "truncate"])
def test_a_bad_id_can_only_lose_its_row(invalid):
    frame = pd.DataFrame({"user_id": ["ann", None], "n": [1, 2]})
    with pytest.raises(ValidationError, match="missing_id in 'user_id': 1 row"):
        sent(frame, invalid=invalid)
    assert sent(frame, invalid="drop_row") == {0: {"n": 1}}


def test_columns_of_one_label_and_several_keys_lose_their_own_values():
    frame = users(o=[{"a": LONG, "b": 1}, {"a": "x", "b": 2}])
    assert sent(frame, spread=["o"], invalid="drop_value") == {0: {"b": 1}, 1: {"a": "x", "b": 2}}


# -- the order of decisions ---------------------------------------------------------------------------------------

ORDER = [
    pytest.param(
        {"user_id": [None, "a", "a"], "n": [1.0, 2.0, 3.0]},
        {"invalid": "drop_row", "duplicates": "last"},
        {("invalid", "missing id"): [0], ("skipped", "superseded"): [1]},
        id="ids come before duplicates",
    ),
    pytest.param(
        {"user_id": ["a", "a", "null"], "n": [1.0, 2.0, 3.0]},
        {"invalid": "drop_row", "duplicates": "last"},
        {("invalid", "junk id"): [2], ("skipped", "superseded"): [0]},
        id="the last row with a usable id is picked",
    ),
    pytest.param(
        {"user_id": ["a", "a"], "n": [1.0, np.inf]},
        {"invalid": "drop_row", "duplicates": "last"},
        {("skipped", "superseded"): [0], ("invalid", "infinite"): [1]},
        id="superseded rows stay so when the last one is left out",
    ),
    pytest.param(
        {"user_id": ["a", "a"], "n": [np.inf, 1.0]},
        {"invalid": "raise", "duplicates": "last"},
        {("skipped", "superseded"): [0]},
        id="what is wrong with superseded rows does not matter",
    ),
    pytest.param(
        {"user_id": ["a", "a"], "n": [1.0, np.nan]},
        {"duplicates": "last"},
        {("skipped", "superseded"): [0], ("skipped", "nothing to send"): [1]},
        id="duplicates come before nothing to send",
    ),
    pytest.param(
        {"user_id": ["a", "b"], "n": [np.nan, 1.0], "ip": ["nowhere", "1.1.1.1"]},
        {"ip": "ip", "invalid": "drop_row"},
        {("skipped", "nothing to send"): [0]},
        id="nothing to send comes before what stands around the properties",
    ),
    pytest.param(
        {"user_id": ["a", "a"], "n": [1.0, 2.0], "ip": ["1.1.1.1", "nowhere"]},
        {"ip": "ip", "invalid": "drop_row", "duplicates": "last"},
        {("skipped", "superseded"): [0], ("invalid", "ip"): [1]},
        id="duplicates come before addresses",
    ),
    pytest.param(
        {"user_id": ["a", "b"], "n": [np.nan, np.inf], "s": [None, "x"]},
        {"invalid": "drop_value"},
        {("skipped", "nothing to send"): [0]},
        id="nothing to send is not the same as nothing left",
    ),
    pytest.param(
        {"user_id": ["a", "b"], "n": [1.0, np.inf], "s": ["x", None]},
        {"invalid": "drop_value"},
        {("invalid", "no value left"): [1]},
        id="a row that lost its only value",
    ),
    pytest.param(
        {"user_id": ["a", "b"], "n": [np.inf, np.inf], "s": [LONG, "x"]},
        {"invalid": "drop_value"},
        {("invalid", "no value left"): [0]},
        id="a row that lost all its values",
    ),
    pytest.param(
        {"user_id": ["a", "b"], "n": [np.inf, np.inf], "s": [None, None]},
        {"invalid": "drop_value", "missing": "unset"},
        {},
        id="a row that lost its values and still removes a property",
    ),
]


@pytest.mark.parametrize(("columns", "options", "expected"), ORDER)
def test_the_first_reason_in_the_order_of_decisions_counts(columns, options, expected):
    columns = {
        label: pd.Series(values, dtype=object if label == "s" else None) for label, values in columns.items()
    }
    decisions = look(pd.DataFrame(columns), **options)
    assert excluded(decisions) == expected
    assert decisions.sent == len(decisions.frame) - sum(map(len, expected.values()))


MERGED = [
    pytest.param(
        {"user_id": ["a", None, "a"], "n": [1.0, 2.0, 3.0]},
        {"invalid": "drop_row"},
        {("invalid", "missing id"): [1]},
        {2: {"n": 3.0}},
        id="only rows with a usable id are merged",
    ),
    pytest.param(
        {"user_id": ["a", "a"], "n": [1.0, np.nan]},
        {},
        {},
        {1: {"n": 1.0}},
        id="a row without values shares the update of the others",
    ),
    pytest.param(
        {"user_id": ["a", "b", "a"], "n": [np.nan, 1.0, np.nan]},
        {},
        {("skipped", "nothing to send"): [0, 2]},
        {1: {"n": 1.0}},
        id="nothing to send: no row of the id has a value",
    ),
    pytest.param(
        {"user_id": ["a", "a"], "n": [1.0, np.inf], "s": [None, "x"]},
        {"invalid": "drop_row"},
        {("invalid", "infinite"): [1]},
        {0: {"n": 1.0}},
        id="a row that is left out takes no part",
    ),
    pytest.param(
        {"user_id": ["a", "a", "b"], "n": [np.inf, np.nan, 1.0]},
        {"invalid": "drop_row"},
        {("invalid", "infinite"): [0], ("skipped", "nothing to send"): [1]},
        {2: {"n": 1.0}},
        id="nothing to send once the other row is left out",
    ),
    pytest.param(
        {"user_id": ["a", "a"], "n": [1.0, np.inf]},
        {"invalid": "drop_value"},
        {},
        {1: {"n": 1.0}},
        id="a value that is left out gives way to an earlier one",
    ),
    pytest.param(
        {"user_id": ["a", "a", "b"], "n": [np.inf, np.nan, 1.0]},
        {"invalid": "drop_value"},
        {("invalid", "no value left"): [0, 1]},
        {2: {"n": 1.0}},
        id="all rows of an id that lost its only value",
    ),
    pytest.param(
        {"user_id": ["a", "a"], "n": [np.inf, np.nan]},
        {"invalid": "drop_value", "missing": "null"},
        {},
        {1: {"n": None}},
        id="a value that is left out says nothing, a missing one says null",
    ),
    pytest.param(
        {"user_id": ["a", "a", "b"], "n": [1.0, np.nan, 2.0], "ip": ["nowhere", "1.1.1.1", None]},
        {"ip": "ip", "invalid": "drop_row"},
        {("invalid", "ip"): [0], ("skipped", "nothing to send"): [1]},
        {2: {"n": 2.0}},
        id="a row left out for its address takes no part",
    ),
]


@pytest.mark.parametrize(("columns", "options", "expected", "payloads"), MERGED)
def test_what_becomes_of_rows_that_are_merged(columns, options, expected, payloads):
    columns = {
        label: pd.Series(values, dtype=object if label in {"s", "ip"} else None)
        for label, values in columns.items()
    }
    frame = pd.DataFrame(columns)
    decisions = look(frame, duplicates="merge", **options)
    assert excluded(decisions) == expected
    assert decisions.sent == len(payloads)
    assert sent(frame, duplicates="merge", **options) == payloads


def test_rows_that_are_too_large_together_are_left_out_together():
    tags = ["x" * 250] * 30
    wide = {f"p{number}": [tags, None] if number % 2 else [None, tags] for number in range(160)}
    frame = pd.DataFrame({"user_id": ["a", "a"], **wide}, dtype=object)
    assert not (frame.mixpanel.validate("set", "user_id", duplicates="all")["severity"] == "error").any()
    decisions = look(frame, duplicates="merge", invalid="drop_row")
    assert excluded(decisions) == {("invalid", "large update"): [0, 1]}
    assert decisions.sent == 0


def test_rows_that_are_left_out_already_are_not_looked_at():
    frame = pd.DataFrame({"user_id": ["a", "a", None], "n": [np.inf, 1, np.inf]})
    decisions = look(frame, invalid={"missing_id": "drop_row"}, duplicates="last")
    assert [finding.check for finding in decisions.findings] == ["missing_id"]


def test_no_row_is_left_out_twice():
    frame = pd.DataFrame({"user_id": ["a", "a", None, "null", "b"], "n": [np.inf, np.inf, np.inf, 1, np.nan]})
    decisions = look(frame, invalid="drop_row", duplicates="last")
    positions = np.concatenate([left.positions for left in decisions.excluded])
    assert sorted(positions) == sorted(set(positions)) == [0, 1, 2, 3, 4]


DUPLICATES = [
    pytest.param("set", None, "raise", id="set raises"),
    pytest.param("set_once", None, "raise", id="set_once raises"),
    pytest.param("unset", None, "last", id="unset takes the last"),
    pytest.param("delete", None, "last", id="delete takes the last"),
    pytest.param("set", "last", "last", id="set takes the last when told to"),
    pytest.param("delete", "raise", "raise", id="delete raises when told to"),
    pytest.param("set", "merge", "merge", id="set merges when told to"),
    pytest.param("delete", "merge", "merge", id="delete merges when told to"),
]


@pytest.mark.parametrize(("verb", "duplicates", "does"), DUPLICATES)
def test_duplicates_by_operator(verb, duplicates, does):
    frame = pd.DataFrame({"user_id": ["a", "b", "a", "a"], "n": [1, 2, 3, 4]})
    properties = {"unset": ["n"]}.get(verb)
    decisions = look(frame, verb, properties=properties, duplicates=duplicates)
    standing = [(finding.check, list(finding.rows)) for finding in decisions.findings]
    if does == "raise":
        assert standing == [("duplicate_id", [0, 2, 3])]
        assert excluded(decisions) == {}
    else:
        assert standing == []
        assert excluded(decisions) == ({("skipped", "superseded"): [0, 2]} if does == "last" else {})
        assert decisions.sent == 2


def test_invalid_has_no_say_in_duplicates():
    frame = pd.DataFrame({"user_id": ["a", "a"], "n": [1, 2]})
    with pytest.raises(ValidationError, match="duplicate_id in 'user_id': 2 rows"):
        sent(frame, invalid="drop_row")


@pytest.mark.parametrize(
    ("invalid", "message"),
    [
        ({"duplicate_id": "drop_row"}, "'duplicate_id' can be 'raise', not 'drop_row'"),
        ({"missing_id": "truncate"}, "'missing_id' can be 'raise', 'drop_row', not 'truncate'"),
        (
            {"n": {"infinite": "truncate"}},
            "'infinite' can be 'raise', 'drop_row', 'drop_value', not 'truncate'",
        ),
        ({"n": {"infinitee": "drop_row"}}, "no check 'infinitee': did you mean 'infinite'?"),
    ],
)
def test_a_remedy_that_does_nothing_is_refused(invalid, message):
    with pytest.raises(OperationError, match=message):
        sent(pd.DataFrame({"user_id": ["a", "a"], "n": [1, 2]}), invalid=invalid)


SIMILAR = [
    pytest.param(["Ann", "ann", "bob"], [0, 1], id="case"),
    pytest.param(["ann", "bob", "ann "], [0, 2], id="outer blanks"),
    pytest.param([" ANN", "bob", "ann", "Bob"], [0, 1, 2, 3], id="two groups"),
    pytest.param(["ann", "bob"], [], id="none"),
    pytest.param(["jos\u00e9", "bob", "jose\u0301"], [0, 2], id="two Unicode forms"),
    pytest.param(["STRASSE", "straße"], [], id="other letters are others"),
]


@pytest.mark.parametrize(("ids", "positions"), SIMILAR)
def test_ids_that_differ_only_in_case_or_blanks(ids, positions):
    decisions = look(pd.DataFrame({"user_id": ids, "n": range(len(ids))}))
    similar = [finding for finding in decisions.findings if finding.check == "similar_id"]
    assert [list(finding.rows) for finding in similar] == ([positions] if positions else [])


def test_superseded_rows_are_like_no_other():
    frame = pd.DataFrame({"user_id": ["a", "a", "A", "A"], "n": [1, 2, 3, 4]})
    (finding,) = look(frame, duplicates="last").findings
    assert (finding.check, list(finding.rows)) == ("similar_id", [1, 3])


EMAILS = [
    pytest.param(["a", "b", "c"], ["x@y.z", "X@y.z ", "o@y.z"], [0, 1], id="two ids"),
    pytest.param(["a", "a"], ["x@y.z", "x@y.z"], [], id="two rows of one id"),
    pytest.param(["a", None], ["x@y.z", "x@y.z"], [], id="a row without an id"),
    pytest.param(["a", "b"], [None, None], [], id="no addresses"),
]


@pytest.mark.parametrize(("ids", "emails", "positions"), EMAILS)
def test_one_address_on_several_ids(ids, emails, positions):
    decisions = look(pd.DataFrame({"user_id": ids, "$email": emails, "n": 1}))
    found = [list(p.rows) for p in decisions.findings if p.check == "shared_email"]
    assert found == ([positions] if positions else [])


def test_one_address_in_spread_objects():
    objects = [{"$email": "x@y.z"}, {"$email": "X@y.z"}, {"plan": "pro"}, {"$email": "o@y.z"}]
    (finding,) = look(users(o=objects), spread=["o"]).findings
    assert (finding.check, list(finding.rows)) == ("shared_email", [0, 1])


# -- sizes --------------------------------------------------------------------------------------------------------


def wide(rows, columns, **more):
    values = {f"p{number:04d}": ["x"] * rows for number in range(columns)}
    return users(**values, **more)


@pytest.mark.parametrize(
    ("columns", "options", "positions"),
    [
        pytest.param(2000, {}, [], id="as many as a profile holds"),
        pytest.param(2001, {}, [0, 1], id="one more"),
    ],
)
def test_the_number_of_properties_is_counted_by_row(columns, options, positions):
    decisions = look(wide(2, columns), **options)
    found = [list(p.rows) for p in decisions.findings if p.check == "many_properties"]
    assert found == ([positions] if positions else [])


def test_values_that_are_missing_or_left_out_do_not_count_as_properties():
    frame = wide(3, 2000, last=[LONG, None, "x"])
    decisions = look(frame, invalid="drop_value")
    assert [p.check for p in decisions.findings] == ["long_string", "many_properties"]
    assert list(decisions.findings[1].rows) == [2]


def test_properties_to_remove_do_not_count():
    (finding,) = look(wide(2, 2000, last=["x", None]), missing="unset").findings
    assert (finding.check, list(finding.rows)) == ("many_properties", [0])


@pytest.mark.parametrize(
    ("items", "checks"),
    [
        pytest.param(240, [], id="below a megabyte"),
        pytest.param(280, ["large_update"], id="above"),
    ],
)
def test_the_size_of_an_update_is_measured(items, checks):
    frame = users(**{f"p{number}": [["x" * 200] * items, ["x"]] for number in range(18)})
    decisions = look(frame)
    assert [p.check for p in decisions.findings] == checks
    assert all(list(p.rows) == [0] for p in decisions.findings)


def test_the_updates_of_a_row_are_measured_together():
    half = [["x" * 200] * 1200]
    frame = users(a=half, b=half, c=half, d=half, e=half)
    asked = {"a": "set", "b": "set", "c": "union", "d": "union", "e": "union"}
    decisions = look(frame, "update", properties=asked)
    assert [p.check for p in decisions.findings] == ["large_row"]


def test_a_very_long_id_counts():
    frame = pd.DataFrame({"user_id": ["i" * 1_000_100], "n": [1]})
    assert [finding.check for finding in look(frame).findings] == ["large_update", "long_id"]


# -- slices -------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(["a", "A", "b", "null", None, "c "]),
            st.sampled_from(["x", LONG, None, ""]),
            st.sampled_from([1.0, np.inf, np.nan]),
        ),
        min_size=1,
        max_size=12,
    ),
    size=st.integers(1, 5),
    invalid=st.sampled_from(["raise", "drop_row", "drop_value", "truncate"]),
    duplicates=st.sampled_from(["raise", "last", "merge"]),
    cores=st.sampled_from([1, 3]),
)
def test_slices_and_cores_change_nothing(rows, size, invalid, duplicates, cores):
    frame = pd.DataFrame(rows, columns=["user_id", "s", "n"]).astype(
        {"user_id": object, "s": object, "n": float}
    )
    layout = make_layout(
        frame, operation("set", "user_id", None, None, {"invalid": invalid, "duplicates": duplicates})
    )
    whole = decide(frame, layout)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mixpanel_pandas.payloads.layout.ROWS_FOR_THREADS", 1)
        patch.setattr("mixpanel_pandas.payloads.prefetch._cores", lambda: cores)
        sliced = decide(frame, replace(layout, rows_per_slice=size))

    def told(decisions):
        return (
            [
                (p.check, p.column, p.stands, None if p.rows is None else list(p.rows))
                for p in decisions.findings
            ],
            excluded(decisions),
            decisions.digest,
            {number: list(rows) for number, rows in decisions.changes.dropped.items()},
        )

    def to_send(decisions):
        slices = encode_slices(decisions.layout, decisions.changes)
        return sorted(
            (row, text)
            for found in slices
            for row, text in zip(found.positions, found.text.to_pylist(), strict=True)
        )

    assert told(whole) == told(sliced)
    if not any(finding.stands for finding in whole.findings):
        assert to_send(whole) == to_send(sliced)


def test_what_the_check_has_read_of_a_frame_of_one_slice_is_not_read_again(monkeypatch):
    frame = users(bio=["a", LONG], n=[1, None])
    decisions = look(frame, invalid="truncate")
    monkeypatch.setattr("mixpanel_pandas.payloads.slices.normalise_column", None)
    (payloads,) = encode_slices(decisions.layout, decisions.changes)
    assert payloads.text.to_pylist() == [
        '{"$distinct_id":"u0","$ip":"0","$ignore_time":true,"$set":{"bio":"a","n":1}},',
        f'{{"$distinct_id":"u1","$ip":"0","$ignore_time":true,"$set":{{"bio":"{CUT}"}}}},',
    ]


@pytest.mark.parametrize("size", [1, 2])
def test_of_longer_frames_nothing_is_kept(size):
    layout = make_layout(users(n=[1, 2, 3, 4]), operation("set", "user_id", None, None, {}))
    assert not decide(users(n=[1, 2, 3, 4]), replace(layout, rows_per_slice=size)).changes.read


def test_the_digest_is_that_of_the_ids_alone():
    frame = users(n=[1, 2, 3])
    assert look(frame).digest == id_digest(layout_of_ids(frame, "user_id"))
    assert look(frame).digest != look(frame.iloc[::-1]).digest


@pytest.mark.parametrize("options", [{}, {"trim": True}, {"na": ["-"]}, {"trim": True, "na": ["-"]}], ids=str)
def test_the_digest_is_that_of_the_ids_as_the_frame_holds_them(options):
    frame = pd.DataFrame({"user_id": [" ann ", "bob", "-"], "n": [1, 2, 3]})
    assert look(frame, **options).digest == id_digest(layout_of_ids(frame, "user_id"))


def test_a_frame_without_rows_has_no_findings():
    decisions = look(users(n=[1.0])[:0])
    assert (decisions.findings, decisions.excluded, decisions.sent) == ([], [], 0)


def test_properties_are_counted_over_all_rows_of_an_id():
    half = [1.0] * 1500 + [None] * 1500
    frame = pd.DataFrame(
        [half, half[::-1], half, [1.0] * 1500 + [None] * 1500], columns=[f"p{n}" for n in range(3000)]
    )
    frame.insert(0, "user_id", ["ann", "ann", "bob", "bob"])
    with pytest.raises(ValidationError, match="many_properties: 2 rows"):
        sent(frame, duplicates="all")
    assert len(sent(frame.iloc[2:], duplicates="all")) == 2
    with pytest.raises(ValidationError, match="many_properties: 2 rows"):
        sent(frame, duplicates="merge")
    assert len(sent(frame.iloc[2:], duplicates="merge")) == 1


def test_a_column_that_fails_the_users_own_check_as_a_whole_is_not_left_out():
    schema = pandera.DataFrameSchema(
        {"n": pandera.Column(checks=pandera.Check(lambda column: False, name="never"))}
    )
    for invalid in ("drop_value", "drop_row"):
        with pytest.raises(ValidationError, match="never in 'n'") as caught:
            sent(users(n=[1], m=[2]), schema=schema, invalid=invalid)
        assert "can." not in str(caught.value)

"""What is wrong with columns as a whole."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mixpanel_pandas.checking.findings import column_findings
from mixpanel_pandas.payloads.layout import make_layout
from mixpanel_pandas.rules.limits import LOOKALIKES, RESERVED_PROPERTIES
from mixpanel_pandas.rules.operation import operation

FRAME = pd.DataFrame(
    {
        "user_id": ["ann", "bob"],
        "email": ["a@x.org", None],
        "plan": ["pro", "free"],
        "age": [30, 40],
        "tags": [["a"], ["b"]],
        "at": pd.to_datetime(["2024-01-01", None]),
    }
)


def findings_for(frame, verb="set", properties=None, **options):
    layout = make_layout(frame, operation(verb, "user_id", properties, None, options))
    return list(column_findings(layout))


def with_columns(*labels):
    return pd.DataFrame([["ann", *range(len(labels) - 1)]], columns=pd.Index(labels, dtype=object))


@pytest.mark.parametrize(
    ("frame", "call", "check", "value"),
    [
        pytest.param(with_columns("user_id", "x" * 256), {}, "long_name", "x" * 256, id="a long name"),
        pytest.param(with_columns("user_id", " "), {}, "no_name", " ", id="a blank name"),
        pytest.param(with_columns("user_id", None), {}, "no_name", "None", id="None for a name"),
        pytest.param(with_columns("user_id", np.nan), {}, "no_name", "nan", id="NaN for a name"),
        pytest.param(
            with_columns("user_id", "\ud800"), {}, "broken_name", "\ud800", id="a lone surrogate in a name"
        ),
        pytest.param(
            with_columns("user_id", "a\udfff"), {}, "broken_name", "a\udfff", id="the last of the surrogates"
        ),
        pytest.param(
            with_columns("user_id", "a", "b"),
            {"rename": {"b": "a"}},
            "same_name",
            "a",
            id="two columns of one name",
        ),
        pytest.param(
            with_columns("user_id", "x" * 255, "x" * 255 + "y"),
            {},
            "same_name",
            "x" * 255 + "y",
            id="two names that are one after the cut",
        ),
        pytest.param(
            with_columns("user_id", "a", "b"),
            {"verb": "update", "properties": {"a": "set", "b": "set", "B": "unset"}, "rename": {"b": "B"}},
            "same_name",
            "B",
            id="set and removed",
        ),
        pytest.param(
            FRAME, {"verb": "unset", "properties": ["fax", "fax"]}, "same_name", "fax", id="removed twice"
        ),
        pytest.param(
            with_columns("user_id", "$distinct_id"), {}, "identity_property", "$distinct_id", id="an identity"
        ),
        pytest.param(
            with_columns("user_id", "$last_seen"),
            {},
            "computed_property",
            "$last_seen",
            id="a computed property",
        ),
        pytest.param(
            with_columns("user_id", "Unnamed: 0"), {}, "helper_column", "Unnamed: 0", id="a helper column"
        ),
        pytest.param(with_columns("user_id", 5), {}, "no_header", "5", id="a number for a name"),
        pytest.param(
            with_columns("user_id", "column_2"), {}, "no_header", "column_2", id="a name that mpd.frame gives"
        ),
        pytest.param(with_columns("user_id", "bucket"), {}, "bucket", "bucket", id="bucket"),
        pytest.param(with_columns("user_id", "E-Mail"), {}, "lookalike", "E-Mail", id="a look-alike"),
        pytest.param(with_columns("user_id", "$plan"), {}, "dollar_name", "$plan", id="a name with $"),
        pytest.param(with_columns("user_id", "token"), {}, "record_field", "token", id="a field of records"),
        pytest.param(
            FRAME.assign(age=pd.to_timedelta(FRAME["age"])),
            {},
            "unsupported_dtype",
            "timedeltas",
            id="a dtype that cannot be sent",
        ),
        pytest.param(FRAME, {"verb": "add", "properties": "plan"}, "wrong_type", "string", id="text to add"),
        pytest.param(
            FRAME, {"verb": "remove", "properties": "tags"}, "wrong_type", "list", id="a list to remove"
        ),
        pytest.param(
            FRAME,
            {"verb": "remove", "properties": "plan", "parse": {"plan": ";"}},
            "wrong_type",
            "list",
            id="text that is parsed, too",
        ),
        pytest.param(
            FRAME.assign(age=True),
            {"verb": "union", "properties": "age"},
            "wrong_type",
            "boolean",
            id="booleans to unite",
        ),
        pytest.param(
            FRAME, {"rename": {"age": "$created"}}, "created", "numbers", id="a number for a reserved date"
        ),
        pytest.param(
            FRAME, {"rename": {"age": "$name"}}, "reserved_type", "numbers", id="a number for a reserved text"
        ),
        pytest.param(FRAME, {}, "naive_datetime", "datetimes without a time zone", id="no time zone"),
        pytest.param(
            FRAME.assign(age=[1, "a"]),
            {},
            "mixed_types",
            "values of several types",
            id="values of several types",
        ),
        pytest.param(
            FRAME,
            {"verb": "append", "properties": "tags"},
            "appended_list",
            "lists",
            id="a list as one item",
        ),
    ],
)
def test_findings_of_whole_columns(frame, call, check, value):
    values = [finding.value for finding in findings_for(frame, **call) if finding.check == check]
    assert values[-1:] == [value]


@pytest.mark.parametrize(
    ("call", "check", "message"),
    [
        pytest.param(
            {},
            "lookalike",
            "looks like $email, but is another property: rename={'email': '$email'} sends it as $email",
            id="look-alike",
        ),
        pytest.param(
            {"verb": "add", "properties": "plan"},
            "wrong_type",
            "$add takes numbers (parse={'plan': 'number'} converts text), not strings",
            id="type",
        ),
        pytest.param(
            {"rename": {"age": "$created"}},
            "created",
            "$created must be a date, not numbers",
            id="reserved date",
        ),
    ],
)
def test_messages_that_say_more_than_the_check(call, check, message):
    messages = [finding.message for finding in findings_for(FRAME, **call) if finding.check == check]
    assert messages == [message]


@pytest.mark.parametrize("name", ["email", "Unnamed: 0", "bucket", "$mine", "token"])
def test_a_clean_up_removes_properties_with_odd_names(name):
    assert len(findings_for(pd.DataFrame({"user_id": ["ann"], name: ["x"]}))) == 1
    assert findings_for(FRAME, verb="unset", properties=[name]) == []


def test_the_characters_beside_the_surrogates_are_text():
    assert findings_for(with_columns("user_id", "\ud7ff", "\ue000")) == []


@pytest.mark.parametrize(
    ("name", "check", "message"),
    [
        pytest.param("$ip", "misplaced_field", "ip='$ip'", id="address"),
        pytest.param("$latitude", "misplaced_field", "latitude='$latitude'", id="latitude"),
        pytest.param("$longitude", "misplaced_field", "longitude='$longitude'", id="longitude"),
        pytest.param("$time", "misplaced_field", "updated_at='$time'", id="time"),
        pytest.param("$ignore_time", "misplaced_field", "the option updated_at sets", id="switch of time"),
        pytest.param(
            "$ignore_alias", "misplaced_field", "the option ignore_alias sets", id="switch of aliases"
        ),
        pytest.param("ip", "record_field", "ip='ip' sends it as the field $ip", id="nearly the address"),
        pytest.param("latitude", "record_field", "latitude='latitude' sends it", id="nearly the latitude"),
    ],
)
def test_a_column_named_like_a_field_names_the_option(name, check, message):
    assert message in hints(name)[check]


def test_a_group_has_no_location():
    frame = pd.DataFrame({"id": ["a"], "$latitude": [1.5], "longitude": [1.5], "$ip": ["1.2.3.4"]})
    report = frame.mixpanel.group("company").validate("set", "id")
    assert report[["check", "column"]].to_numpy().tolist() == [["misplaced_field", "$ip"]]


def test_a_column_that_is_the_field_is_no_finding():
    frame = pd.DataFrame(
        {"id": ["a"], "$ip": ["1.2.3.4"], "$latitude": [1], "$longitude": [2], "$time": [5], "x": [1]}
    )
    options = {"ip": "$ip", "latitude": "$latitude", "longitude": "$longitude", "updated_at": "$time"}
    assert frame.mixpanel.validate("set", "id", **options).empty
    (record,) = frame.mixpanel.payloads("set", "id", **options)
    assert record == {
        "$distinct_id": "a", "$ip": "1.2.3.4", "$latitude": 1, "$longitude": 2, "$time": 5, "$set": {"x": 1}
    }  # fmt: skip


@pytest.mark.parametrize("name", [name for name, row in RESERVED_PROPERTIES.items() if row.role == "alias"])
def test_a_property_that_makes_an_alias_of_a_user_is_a_warning(name):
    assert set(hints(name)) == {"alias_property"}
    frame = pd.DataFrame({"id": ["a"], name: ["x"]})
    assert frame.mixpanel.group("company").validate("set", "id").empty
    assert frame.mixpanel.validate("unset", "id", [name]).empty


def test_plain_columns_have_no_findings():
    frame = pd.DataFrame(
        {"user_id": ["ann"], "seats": [1], "$email": ["a@x.org"], "$created": ["2024-01-01"]}
    )
    assert findings_for(frame) == []


# -- hints about the names of properties ------------------------------------------------------------------------------


def hints(name: str, value: object = "x") -> dict[str, str]:
    """Return check -> message, of a frame with one property."""
    report = pd.DataFrame({"id": ["ann"], name: [value]}).mixpanel.validate("set", "id")
    return dict(zip(report["check"], report["message"], strict=True))


@pytest.mark.parametrize(("lookalike", "meant"), LOOKALIKES.items(), ids=list(LOOKALIKES))
def test_a_look_alike_names_the_property_that_is_meant(lookalike: str, meant: str) -> None:
    for name in (lookalike, lookalike.upper(), f"{lookalike[:2]} {lookalike[2:]}"):
        message = hints(name)["lookalike"]
        assert message.startswith(f"looks like {meant}, but is another property")
        assert f"rename={{{name!r}: {meant!r}}}" in message


@pytest.mark.parametrize(
    "name", [name for name, row in RESERVED_PROPERTIES.items() if row.role == "editable"]
)
def test_a_reserved_property_does_not_look_like_itself(name: str) -> None:
    assert not {"lookalike", "dollar_name"} & hints(name).keys()


@pytest.mark.parametrize(
    ("name", "check"),
    [
        pytest.param("$email", None, id="a reserved property"),
        pytest.param("$E-mail", "lookalike", id="nearly one"),
        pytest.param("$plan", "dollar_name", id="one that there is not"),
        pytest.param("$username", None, id="one of Mixpanel's, which may be set"),
        pytest.param("$ios_urban_airship_channel_id", None, id="one of an integration"),
        pytest.param("$onesignal_user_id", None, id="one that makes an alias"),
        pytest.param("$latitude", None, id="a field of updates"),
        pytest.param("plan", None, id="one of their own"),
        pytest.param("emails", None, id="one letter more"),
    ],
)
def test_a_name_is_one_or_the_other(name: str, check: str | None) -> None:
    assert {"lookalike", "dollar_name"} & hints(name).keys() == ({check} if check else set())

from __future__ import annotations

import copy

import pytest

from mixpanel_pandas.emulator.store import (
    ALIASING,
    EFFECTS,
    GEOLOCATION,
    Refusal,
    Store,
    refusal_of,
    size_refusal,
)
from mixpanel_pandas.rules.limits import LIMITS
from mixpanel_pandas.rules.operators import OPERATORS

NOW = 1_700_000_000.0


def applied(*records, group=False, geolocate=False, now=NOW):
    store = Store()
    for record in records:
        key = {"$group_key": "company", "$group_id": "a"} if group else {"$distinct_id": "a"}
        store.apply({"$token": "T", **key, **record}, group=group, now=now, geolocate=geolocate)
    return store.kind("T", "company" if group else None).get("a")


def quiet(operand):
    return {**operand, "$ignore_time": True}


def test_every_operator_has_an_effect():
    assert set(EFFECTS) == set(OPERATORS)


@pytest.mark.parametrize(
    ("verb", "old", "operand", "new"),
    [
        pytest.param("set", None, {"a": 1}, {"a": 1}, id="set creates a profile"),
        pytest.param(
            "set", {"a": 1, "b": 2}, {"a": 3}, {"a": 3, "b": 2}, id="set writes over and leaves the others"
        ),
        pytest.param("set", {"a": 1}, {"a": None}, {"a": None}, id="set keeps null as a value"),
        pytest.param("set_once", None, {"a": 1}, {"a": 1}, id="set_once creates a profile"),
        pytest.param(
            "set_once", {"a": 1}, {"a": 2, "b": 2}, {"a": 1, "b": 2}, id="set_once only what is absent"
        ),
        pytest.param("set_once", {"a": None}, {"a": 2}, {"a": None}, id="set_once takes null for present"),
        pytest.param("add", None, {"a": 2.5}, {"a": 2.5}, id="add counts from 0"),
        pytest.param("add", {"a": 5}, {"a": -7}, {"a": -2}, id="add subtracts"),
        pytest.param("add", {"a": "5"}, {"a": 1}, {"a": "5"}, id="add leaves text alone"),
        pytest.param("add", {"a": True}, {"a": 1}, {"a": True}, id="add leaves a boolean alone"),
        pytest.param(
            "union", None, {"a": ["x", "y", "x"]}, {"a": ["x", "y"]}, id="union creates, each item once"
        ),
        pytest.param(
            "union", {"a": ["x"]}, {"a": ["y", "x"]}, {"a": ["x", "y"]}, id="union adds what is new"
        ),
        pytest.param(
            "union",
            {"a": [1]},
            {"a": [True, "1"]},
            {"a": [1, True, "1"]},
            id="union tells 1, true and text apart",
        ),
        pytest.param(
            "union", {"a": "x"}, {"a": ["y"]}, {"a": "x"}, id="union silently ignores what is no list"
        ),
        pytest.param("append", None, {"a": {"n": 1}}, {"a": [{"n": 1}]}, id="append makes a list of one"),
        pytest.param("append", {"a": ["x"]}, {"a": "x"}, {"a": ["x", "x"]}, id="append keeps duplicates"),
        pytest.param("append", {"a": 1}, {"a": "x"}, {"a": 1}, id="append silently ignores what is no list"),
        pytest.param("remove", None, {"a": "x"}, None, id="remove creates no profile"),
        pytest.param(
            "remove", {"a": ["x", "y", "x"]}, {"a": "x"}, {"a": ["y", "x"]}, id="remove takes the first"
        ),
        pytest.param(
            "remove", {"a": ["x"]}, {"a": "z", "b": "x"}, {"a": ["x"]}, id="remove ignores what is not there"
        ),
        pytest.param(
            "remove", {"a": "x"}, {"a": "x"}, {"a": "x"}, id="remove silently ignores what is no list"
        ),
        pytest.param("unset", {"a": 1, "b": 2}, ["a", "c"], {"b": 2}, id="unset removes by name"),
        pytest.param("unset", None, ["a"], {}, id="unset leaves an empty profile"),
        pytest.param("delete", {"a": 1}, "", None, id="delete removes the profile"),
        pytest.param("delete", None, {}, None, id="delete of nobody"),
    ],
)
def test_effect(verb, old, operand, new):
    before = copy.deepcopy((old, operand))
    assert EFFECTS[verb](old, operand) == new
    assert (old, operand) == before  # requests on record share these values


@pytest.mark.parametrize(
    ("records", "seen"),
    [
        pytest.param([{"$set": {}}], "2023-11-14T22:13:20", id="moves with an update"),
        pytest.param([{"$set": {}, "$ignore_time": True}], None, id="stays with $ignore_time"),
        pytest.param(
            [{"$set": {}, "$time": 0}, quiet({"$add": {"n": 1}})], "1970-01-01T00:00:00", id="stays as it was"
        ),
        pytest.param([{"$set": {}, "$time": 86_400.5}], "1970-01-02T00:00:00", id="is $time in seconds"),
        pytest.param(
            [{"$set": {}, "$time": 1_700_000_000_000}], "2023-11-14T22:13:20", id="knows milliseconds"
        ),
        pytest.param(
            [{"$set": {}, "$ignore_time": True, "$time": 0}], None, id="stays though there is a $time"
        ),
    ],
)
def test_updated_at(records, seen):
    assert applied(*records).get("$last_seen") == seen


@pytest.mark.parametrize(
    "operand",
    [
        pytest.param({"tags": "z"}, id="an item that is not there"),
        pytest.param({"none": "a"}, id="a property that is not there"),
        pytest.param({"text": "a"}, id="a property that is no list"),
    ],
)
def test_remove_of_nothing_is_no_update(operand):
    before = {"$set": {"tags": ["a"], "text": "a"}, "$time": 0}
    assert applied(before, {"$remove": operand})["$last_seen"] == "1970-01-01T00:00:00"
    assert applied(before, {"$remove": {"tags": "a"}})["$last_seen"] == "2023-11-14T22:13:20"


@pytest.mark.parametrize(
    ("record", "geolocate", "moved"),
    [
        pytest.param({"$set": {"a": 1}}, True, True, id="by the address of the request"),
        pytest.param({"$set": {"a": 1}}, False, False, id="not when the request says so"),
        pytest.param({"$set": {"a": 1}, "$ip": "0"}, True, False, id="not when the record says so in text"),
        pytest.param({"$set": {"a": 1}, "$ip": 0}, True, False, id="not when the record says so as a number"),
        pytest.param({"$set": {"a": 1}, "$ip": "8.8.8.8"}, False, True, id="by the address in the record"),
        pytest.param({"$add": {"a": 1}}, True, False, id="not when nothing is set"),
    ],
)
def test_geolocation(record, geolocate, moved):
    properties = applied(quiet(record), geolocate=geolocate)
    assert properties == {"a": 1, **(GEOLOCATION if moved else {})}


def test_coordinates_of_a_record():
    place = {"$latitude": 51.05, "$longitude": 3.73}
    assert applied(quiet({"$set": {"a": 1}, **place})) == {
        "a": 1,
        **GEOLOCATION,
        "$geo_source": "reverse_geocoding",
    }
    assert applied(quiet({"$set": {"a": 1}, "$latitude": 51.05})) == {"a": 1}


def test_what_is_set_wins_over_geolocation():
    properties = applied({"$set": {"$city": "Ghent"}}, geolocate=True)
    assert (properties["$city"], properties["$country_code"]) == ("Ghent", "ZZ")


def test_groups_have_no_geolocation():
    assert applied(quiet({"$set": {"a": 1}}), group=True, geolocate=True) == {"a": 1}


def test_kinds_and_tokens_are_apart():
    store = Store()
    for token in "TU":
        store.apply(
            {"$token": token, "$distinct_id": "a", **quiet({"$set": {"t": token}})},
            group=False,
            now=0,
            geolocate=False,
        )
    store.apply(
        {"$token": "T", "$group_key": "company", "$group_id": 7, **quiet({"$set": {"t": 1}})},
        group=True,
        now=0,
        geolocate=False,
    )
    assert store.kind("T", None) == {"a": {"t": "T"}}
    assert store.kind("T", "company") == {"7": {"t": 1}}
    assert store.kind("T", "plan") == {}


ALIASED = [
    pytest.param({"$set": {"n": 1}}, {"ann": {"n": 1}}, id="goes to the user"),
    pytest.param({"$set": {"n": 1}, "$ignore_alias": False}, {"ann": {"n": 1}}, id="goes there by default"),
    pytest.param({"$set": {"n": 1}, "$ignore_alias": True}, {"ann": {}, "a@x": {"n": 1}}, id="or to itself"),
    pytest.param(
        {"$set": {"n": 1}, "$ignore_alias": "true"}, {"ann": {}, "a@x": {"n": 1}}, id="also in text"
    ),
    pytest.param({"$delete": ""}, {}, id="deletes the user"),
    pytest.param({"$delete": "", "$ignore_alias": True}, {"ann": {}}, id="or nobody"),
]


def write(store, identity, record, **key):
    full = {"$token": "T", **(key or {"$distinct_id": identity}), "$ignore_time": True, **record}
    store.apply(full, group=bool(key), now=NOW, geolocate=False)


@pytest.mark.parametrize(("record", "profiles"), ALIASED)
def test_an_alias(record, profiles):
    store = Store()
    write(store, "ann", {"$set": {}})
    store.alias("T", "a@x", "ann", NOW)
    write(store, "a@x", record)
    assert store.kind("T", None) == profiles


def test_aliases_of_aliases():
    store = Store()
    for identity in ("a", "b", "c"):
        write(store, identity, {"$set": {"id": identity}})
    store.alias("T", "a", "b", NOW)
    store.alias("T", "b", "c", NOW)
    store.alias("T", "d", "a", NOW)
    store.alias("T", "c", "d", NOW)  # it is itself
    for identity in ("a", "b", "c", "d"):
        write(store, identity, {"$append": {"log": identity}})
    assert store.kind("T", None) == {"c": {"id": "c", "log": ["a", "b", "c", "d"]}}
    write(store, "a", {"$set": {}}, **{"$group_key": "company", "$group_id": "a"})
    assert store.kind("T", "company") == {"a": {}}


@pytest.mark.parametrize("name", sorted(ALIASING))
def test_a_property_that_is_an_alias(name):
    store = Store()
    write(store, "ann", {"$set": {name: "device 7"}})
    write(store, "device 7", {"$set": {"n": 1}})
    write(store, "bob", {"$set": {name: None}})
    write(store, "None", {"$set": {"n": 2}})
    assert store.kind("T", None) == {"ann": {name: "device 7", "n": 1}, "bob": {name: None}, "None": {"n": 2}}


def test_more_properties_than_fit_silently_fail():
    limit = LIMITS["properties"].value
    first = applied(quiet({"$set": {f"p{n}": n for n in range(limit)}}))
    both = applied(
        quiet({"$set": {f"p{n}": n for n in range(limit)}}), quiet({"$set": {"p0": -1, "late": 1}})
    )
    assert both == {**first, "p0": -1}


def test_long_names_are_cut():
    limit = LIMITS["name_characters"].value
    assert applied(quiet({"$set": {"x" * (limit + 1): 1}})) == {"x" * limit: 1}
    assert applied(quiet({"$set": {"x" * limit: 1}}), quiet({"$unset": ["x" * (limit + 1)]})) == {}
    assert applied({"$delete": [1, "x" * (limit + 1)]}) is None


USER = {"$token": "T", "$distinct_id": "a"}
GROUP = {"$token": "T", "$group_key": "company", "$group_id": "a"}


@pytest.mark.parametrize(
    ("record", "group", "refusal"),
    [
        pytest.param({**USER, "$set": {}}, False, None, id="a user"),
        pytest.param({**GROUP, "$set": {}}, True, None, id="a group"),
        pytest.param({**USER, "$distinct_id": 7, "$set": {}}, False, None, id="a number for an id"),
        pytest.param({**USER, "$delete": None}, False, None, id="delete of any value"),
        pytest.param(
            {**USER, "$delete": "", "$ignore_alias": True}, False, None, id="delete without aliases"
        ),
        pytest.param({**USER, "$append": {"a": {"n": [1]}}}, False, None, id="append of an object"),
        pytest.param("a", False, "record, must be an object", id="no object"),
        pytest.param({"$distinct_id": "a", "$set": {}}, False, "$token, missing or empty", id="no token"),
        pytest.param({**USER, "$token": "", "$set": {}}, False, "$token, missing or empty", id="empty token"),
        pytest.param({"$token": "T", "$set": {}}, False, "$distinct_id, missing or empty", id="no id"),
        pytest.param(
            {**USER, "$distinct_id": "", "$set": {}}, False, "$distinct_id, missing or empty", id="empty id"
        ),
        pytest.param(
            {**USER, "$distinct_id": None, "$set": {}},
            False,
            "$distinct_id, missing or empty",
            id="null for an id",
        ),
        pytest.param(
            {**USER, "$distinct_id": ["a"], "$set": {}},
            False,
            "$distinct_id, missing or empty",
            id="a list for an id",
        ),
        pytest.param({**USER, "$set": {}}, True, "$group_key, missing or empty", id="a user among groups"),
        pytest.param(
            {**GROUP, "$group_id": "", "$set": {}}, True, "$group_id, missing or empty", id="empty group id"
        ),
        pytest.param(
            {**GROUP, "$distinct_id": "a", "$set": {}},
            True,
            "$distinct_id, disallowed on groups records",
            id="a group with a user",
        ),
        pytest.param(
            {**USER, "$set": {}, "$time": "now"},
            False,
            "$time, must be seconds since 1970",
            id="time as text",
        ),
        pytest.param(USER, False, "operator, exactly one is needed, found none", id="no operator"),
        pytest.param(
            {**USER, "$merge": {}},
            False,
            "operator, exactly one is needed, found none",
            id="an unknown operator",
        ),
        pytest.param(
            {**USER, "$set": {}, "$unset": ["a"]},
            False,
            "operator, exactly one is needed, found $set, $unset",
            id="two operators",
        ),
        pytest.param(
            {**GROUP, "$add": {"a": 1}}, True, "$add, not supported in group profiles", id="add to a group"
        ),
        pytest.param(
            {**GROUP, "$append": {"a": 1}},
            True,
            "$append, not supported in group profiles",
            id="append to a group",
        ),
        pytest.param({**USER, "$set": ["a"]}, False, "$set, must be an object", id="set of a list"),
        pytest.param({**USER, "$add": {"a": "1"}}, False, "$add.a, must be a number", id="add of text"),
        pytest.param({**USER, "$add": {"a": True}}, False, "$add.a, must be a number", id="add of a boolean"),
        pytest.param({**USER, "$add": {"a": None}}, False, "$add.a, must be a number", id="add of null"),
        pytest.param(
            {**USER, "$union": {"a": "x"}},
            False,
            "$union.a, must be a list of at least one item",
            id="union of text",
        ),
        pytest.param(
            {**USER, "$union": {"a": []}},
            False,
            "$union.a, must be a list of at least one item",
            id="union of nothing",
        ),
        pytest.param(
            {**USER, "$remove": {"a": ["x"]}},
            False,
            "$remove.a, must be a single value",
            id="remove of a list",
        ),
        pytest.param(
            {**USER, "$unset": "a"}, False, "$unset, must be a list of at least one name", id="unset of text"
        ),
        pytest.param(
            {**USER, "$unset": []},
            False,
            "$unset, must be a list of at least one name",
            id="unset of nothing",
        ),
        pytest.param(
            {**USER, "$unset": [1]},
            False,
            "$unset, must be a list of at least one name",
            id="unset of a number",
        ),
    ],
)
def test_refusal(record, group, refusal):
    found = refusal_of(record, group=group)
    assert (found and str(found)) == refusal


@pytest.mark.parametrize("operator", OPERATORS.values(), ids=lambda operator: operator.name)
def test_groups_have_the_operators_of_the_table(operator):
    operand = {"names": ["a"], "list": {"a": [1]}}.get(operator.takes, {"a": 1})
    refusal = refusal_of({**GROUP, operator.name: operand}, group=True)
    assert (refusal is None) == operator.groups


def test_size_of_a_record():
    limit = LIMITS["update_bytes"].value
    assert size_refusal({"a": "x" * (limit - 8)}) is None
    assert size_refusal({"a": "x" * (limit - 7)}) == Refusal("record", "larger than 1,000,000 bytes")

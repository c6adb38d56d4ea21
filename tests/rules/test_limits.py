"""Every row of the tables of limits and of reserved properties."""

from __future__ import annotations

import re

import pytest

from mixpanel_pandas.rules.limits import (
    JUNK_IDS,
    LIMITS,
    LOOKALIKES,
    PAGES,
    RESERVED_PROPERTIES,
    plain,
    reserved_names,
)

PAGE = re.compile(r"https://(docs|developer)\.mixpanel\.com/[\w/-]+")

#: Limit -> what a message says of it.
TEXTS = {
    "properties": "2,000 properties",
    "name_characters": "255 characters",
    "string_bytes": "255 bytes",
    "item_bytes": "255 bytes",
    "item_characters": "255 characters",
    "list_bytes": "256,000 bytes",
    "object_bytes": "256,000 bytes",
    "object_keys": "255 keys",
    "object_depth": "3 levels",
    "list_object_depth": "1 level",
    "update_bytes": "1,000,000 bytes",
    "row_bytes": "1,000,000 bytes",
    "request_updates": "2,000 updates",
    "request_bytes": "2,000,000 bytes",
    "exact_integer": "9,007,199,254,740,992",
    "id_bytes": "255 bytes",
    "latitude": "90 degrees",
    "longitude": "180 degrees",
    "time_seconds": "100,000,000,000 seconds",
}


def test_the_limits_are_those_of_the_documentation():
    assert {name: str(limit) for name, limit in LIMITS.items()} == TEXTS


@pytest.mark.parametrize("name", LIMITS)
def test_every_limit_has_a_unit_a_place_and_a_page(name):
    limit = LIMITS[name]
    assert PAGE.fullmatch(limit.source)
    assert limit.of
    assert limit.unit or name == "exact_integer"
    assert limit.value > 0


@pytest.mark.parametrize("row", RESERVED_PROPERTIES.values(), ids=list(RESERVED_PROPERTIES))
def test_every_reserved_property_has_a_page_and_a_role(row):
    assert PAGE.fullmatch(row.source)
    assert row.name.startswith("$")
    assert row.display
    assert row.role in {"editable", "alias", "computed", "identity"}
    assert bool(row.expects) == (row.role == "editable")
    assert all(lookalike == plain(lookalike) for lookalike in row.lookalikes)


@pytest.mark.parametrize("row", RESERVED_PROPERTIES.values(), ids=list(RESERVED_PROPERTIES))
def test_lookalikes_are_of_properties_that_may_be_set(row):
    meant = {LOOKALIKES[lookalike] for lookalike in row.lookalikes if row.role == "editable"}
    assert meant == ({row.name} if meant else set())
    assert (plain(row.name) in LOOKALIKES) == (row.role == "editable")


def test_no_name_looks_like_two_properties():
    looks = [look for row in RESERVED_PROPERTIES.values() for look in {plain(row.name), *row.lookalikes}]
    assert len(looks) == len(set(looks))


@pytest.mark.parametrize(
    "name",
    ["E-Mail", "email", "EMAIL", "e mail", "Mail", "Email Address"],
    ids=lambda name: name.replace(" ", "_"),
)
def test_lookalikes_are_found_in_any_case(name):
    assert LOOKALIKES[plain(name)] == "$email"


@pytest.mark.parametrize(
    ("labels", "renamed"),
    [
        pytest.param(
            ["Email Address", "Full Name", "Phone Number", 7, "plan"],
            {"Email Address": "$email", "Full Name": "$name", "Phone Number": "$phone"},
            id="as the hints name them",
        ),
        pytest.param(["E-Mail", "email", "mail"], {"email": "$email"}, id="the very name wins"),
        pytest.param(["E-Mail", "Mail"], {"E-Mail": "$email"}, id="else the first"),
        pytest.param(["$email", "email", "name"], {"name": "$name"}, id="what is there already"),
    ],
)
def test_renaming_to_reserved_names(labels, renamed):
    assert reserved_names(labels) == renamed


def test_renaming_to_reserved_names_is_what_the_hints_say():
    labels = [look for row in RESERVED_PROPERTIES.values() for look in row.lookalikes[:1]]
    assert reserved_names(labels) == {label: LOOKALIKES[label] for label in labels if label in LOOKALIKES}


def test_junk_ids_are_those_of_the_documentation_and_what_careless_text_makes_of_missing_values():
    assert set(JUNK_IDS) == {
        "00000000-0000-0000-0000-000000000000", "anon", "anonymous", "nil", "none", "null", "n/a", "na", "undefined",
        "unknown", "<nil>", "0", "-1", "true", "false", "[]", "{}", "nan", "<na>", "nat", "\\n", "(null)", "<null>", "[null]",
        "__hive_default_partition__",
    }  # fmt: skip
    assert all(junk == junk.strip().lower() for junk in JUNK_IDS)


@pytest.mark.parametrize("page", PAGES.values(), ids=list(PAGES))
def test_pages(page):
    assert PAGE.fullmatch(page)

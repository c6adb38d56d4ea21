from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixpanel_pandas.notebook.preview.masking import PRIVATE, PRIVATE_NAMES, is_private, masked, masked_record
from mixpanel_pandas.rules.limits import LOOKALIKES, RESERVED_PROPERTIES, plain


def test_what_is_private_is_reserved() -> None:
    assert set(RESERVED_PROPERTIES) >= PRIVATE


@pytest.mark.parametrize(
    ("name", "private"),
    [("$email", True), ("E-Mail", True), ("last name", True), ("plan", False), ("$city", False), (7, False)],
)
def test_names_that_are_private(name: object, private: bool) -> None:
    assert is_private(name) is private


@pytest.mark.parametrize("name", sorted(PRIVATE_NAMES))
def test_what_reaches_a_person_without_a_property_of_its_own(name: str) -> None:
    assert plain(name) == name
    assert is_private(name.upper())
    assert name not in LOOKALIKES


@given(st.text(min_size=3), st.text(alphabet="abc", min_size=2))
def test_a_masked_text_shows_two_characters_and_one_of_the_host(user: str, host: str) -> None:
    found = masked(f"{user}@{host}")
    assert found == f"{user[:2]}***@{host[0]}***"


def test_a_record_is_masked_wherever_a_person_is_named() -> None:
    record = {
        "$distinct_id": "ann@example.com",
        "$ip": "192.0.2.7",
        "$set": {
            "$email": "ann@example.com",
            "phone": "+49 151 12345",
            "plan": "pro",
            "manager": {"name": "Robert Roe", "seats": 3},
            "contacts": [{"e-mail": "carl@example.com"}],
        },
        "$unset": ["$email"],
    }
    text = json.dumps(masked_record(record))
    for secret in ("ann@example.com", "192.0.2.7", "12345", "Robert", "carl@example.com"):
        assert secret not in text
    assert '"plan": "pro"' in text
    assert '"seats": 3' in text
    assert '"$unset": ["$email"]' in text

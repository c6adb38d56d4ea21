"""Hints about the names of properties."""

from __future__ import annotations

import pandas as pd
import pytest

from mixpanel_pandas.rules.limits import LOOKALIKES, RESERVED_PROPERTIES


def hints(name: str, value: object = "x") -> dict[str, str]:
    """Return check -> message, of a frame with one property."""
    report = pd.DataFrame({"id": ["ann"], name: [value]}).mixpanel.validate("set", "id")
    return dict(zip(report["check"], report["message"], strict=True))


@pytest.mark.parametrize(("lookalike", "meant"), LOOKALIKES.items(), ids=list(LOOKALIKES))
def test_a_look_alike_names_the_property_that_is_meant(lookalike: str, meant: str) -> None:
    for name in (lookalike, lookalike.upper(), f"{lookalike[:2]} {lookalike[2:]}"):
        message = hints(name)["lookalike"]
        assert message.startswith(f"looks like {meant}, which is another property")
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
        pytest.param("plan", None, id="one of their own"),
        pytest.param("emails", None, id="one letter more"),
    ],
)
def test_a_name_is_one_or_the_other(name: str, check: str | None) -> None:
    assert {"lookalike", "dollar_name"} & hints(name).keys() == ({check} if check else set())

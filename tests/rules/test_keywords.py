from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from mixpanel_pandas.plans.uploading import UploadOptions
from mixpanel_pandas.reading.frame import READING_OPTIONS
from mixpanel_pandas.rules import keywords
from mixpanel_pandas.rules.operators import OPERATORS
from mixpanel_pandas.rules.options import ALL_OPTIONS, Options, taken_by

TAKEN = {
    "unset": keywords.UnsetOptions,
    "delete": keywords.DeleteOptions,
}


@pytest.mark.parametrize("verb", [*OPERATORS, "update"])
def test_the_keywords_of_a_verb_are_the_options_that_it_takes(verb: str) -> None:
    options = TAKEN.get(verb, keywords.VerbOptions)
    assert set(options.__annotations__) == {option.name for option in taken_by(verb)}


@pytest.mark.parametrize(
    ("options", "names"),
    [
        pytest.param(keywords.EveryOption, {*ALL_OPTIONS}, id="all"),
        pytest.param(UploadOptions, {*ALL_OPTIONS, *READING_OPTIONS}, id="an upload"),
        pytest.param(
            keywords.PlanOptions,
            {option.name for option in taken_by("set", sending=False)} | {"project"},
            id="a plan",
        ),
        pytest.param(
            keywords.SendingOptions,
            {option.name for option in ALL_OPTIONS.values() if option.of == "sending"}
            - {"project", "run", "on_changed", "repeat"},
            id="how a plan is sent",
        ),
    ],
)
def test_other_calls_take_some_of_the_options(options: Any, names: set[str]) -> None:
    assert set(options.__annotations__) == names


def test_keywords_have_the_types_of_the_options() -> None:
    types = {field.name: field.type for field in fields(Options)}
    for name, of in keywords.EveryOption.__annotations__.items():
        assert of.__forward_arg__ in {types[name], f"{types[name]} | None"}

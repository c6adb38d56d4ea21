"""The docstrings of all public names, as numpydoc checks them. It is tested where numpydoc is installed, with the extra `lint`."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

import mixpanel_pandas as mpd
from mixpanel_pandas.rules.options import ALL_OPTIONS

validate = pytest.importorskip("numpydoc.validate").validate

#: What numpydoc checks and this package does without.
NOT_ASKED = {
    "ES01": "an extended summary: where one sentence says it all, there is one",
    "SA01": "a section See Also: names in the text lead on",
}

#: What else it does without for exceptions, which are caught and not made.
NOT_ASKED_OF_EXCEPTIONS = {
    "EX01": "an example",
    "PR01": "arguments: attributes are described",
}

#: What else it does without for methods whose options are named together, because `Options` describes each of them once, in the order
#: of the table. `test_accessors` compares the names.
NOT_ASKED_OF_VERBS = {
    "PR01": "each option by itself",
    "PR02": "names alone: a list may say '...'",
    "PR03": "the order of the signature",
    "PR04": "the type of each option",
    "PR07": "a description of each option",
}


def documented() -> dict[str, Any]:
    """Return address -> object: the public functions and classes, and the public methods and properties of the classes."""
    found: dict[str, Any] = {}
    for name in mpd.__all__:
        value = getattr(mpd, name)
        if inspect.isroutine(value) or inspect.isclass(value):
            found[f"{value.__module__}.{value.__qualname__}"] = value
        if inspect.isclass(value):
            for base in [base for base in value.__mro__ if base.__module__.startswith("mixpanel_pandas")]:
                for member, inner in vars(base).items():
                    if not member.startswith("_") and (
                        callable(inner) or isinstance(inner, property | classmethod)
                    ):
                        found[f"{value.__module__}.{value.__qualname__}.{member}"] = inner
    return found


def test_all_methods_are_looked_at() -> None:
    addresses = documented()
    assert "mixpanel_pandas.accessors.MixpanelAccessor.set" in addresses
    assert "mixpanel_pandas.accessors.GroupProfiles.union" in addresses
    assert "mixpanel_pandas.project.project.Project.from_env" in addresses


OPTIONS = ALL_OPTIONS.keys() - {"project"}


def not_asked(value: Any) -> set[str]:
    if inspect.isclass(value) and issubclass(value, BaseException):
        return NOT_ASKED.keys() | NOT_ASKED_OF_EXCEPTIONS
    if inspect.isfunction(value) and OPTIONS & inspect.signature(value).parameters.keys():
        return NOT_ASKED.keys() | NOT_ASKED_OF_VERBS
    return set(NOT_ASKED)


@pytest.mark.parametrize("address", documented())
def test_a_docstring_is_complete(address: str) -> None:
    errors = validate(address)["errors"]
    assert not [error for error in errors if error[0] not in not_asked(documented()[address])]

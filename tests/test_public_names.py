"""One public name means one thing in the whole package."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections import defaultdict
from typing import Any

import mixpanel_pandas as mpd


def public() -> dict[str, dict[int, tuple[str, str, Any]]]:
    """Return name in lower case -> what it means: id of an object -> module, name, object."""
    names = [info.name for info in pkgutil.walk_packages(mpd.__path__, "mixpanel_pandas.")]
    meanings: dict[str, dict[int, tuple[str, str, Any]]] = defaultdict(dict)
    for module_name in ["mixpanel_pandas", *names]:
        if module_name.endswith(("__main__", ".dask", ".polars")):  # they only register accessors
            continue
        module = importlib.import_module(module_name)
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            meanings[name.casefold()][id(value)] = (module_name.removeprefix("mixpanel_pandas."), name, value)
    return meanings


def is_confusable(name: str, value: Any, other_name: str, other: Any) -> bool:
    """Return whether two names are the same, or differ only in case and not in what they are.

    A function is told apart from a class or a constant, as `operation` is from `Operation`.
    """
    return name == other_name or inspect.isroutine(value) == inspect.isroutine(other)


def test_one_public_name_means_one_thing() -> None:
    wrong = [
        f"{module}.{name} and {other_module}.{other_name}"
        for meanings in public().values()
        for place, (module, name, value) in enumerate(meanings.values())
        for other_module, other_name, other in list(meanings.values())[place + 1 :]
        if is_confusable(name, value, other_name, other)
    ]
    assert not wrong

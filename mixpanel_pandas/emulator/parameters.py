"""Parameters of queries: which endpoint takes which, and how their text is read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from mixpanel_pandas.emulator.budget import QueryRefused
from mixpanel_pandas.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["PARAMETERS", "REFUSED_PARAMETERS", "QueryFields"]

_EVERYWHERE = {"project_id", "workspace_id", "query_origin"}
_PROFILES = {"data_group_id", "where", "selector"}
_COHORT = {"filter_by_cohort", "include_all_users"}

#: Endpoint -> the parameters that it takes.
PARAMETERS: dict[str, set[str]] = {
    "engage": _EVERYWHERE
    | _PROFILES
    | _COHORT
    | {"distinct_id", "distinct_ids", "output_properties", "session_id", "page"}
    # Not documented, but sent by clients: a smaller page (tap-mixpanel, Airbyte, mixpanel-headless), and an order (mixpanel-headless).
    | {"page_size", "limit", "sort_key", "sort_order"},
    "engage/stats": _EVERYWHERE | _PROFILES | _COHORT | {"action"},
    "engage/properties": _EVERYWHERE | _PROFILES | {"limit"},
    "cohorts/list": _EVERYWHERE,
}

#: Parameters that Mixpanel knows, and why the emulator does not.
REFUSED_PARAMETERS: dict[str, str] = {
    "behaviors": "it keeps no events",
    "as_of_timestamp": "it keeps no history of profiles",
    "search": "what it finds is not documented",
    "segment_by_cohorts": "its answer is not documented",
}


@dataclass(frozen=True)
class QueryFields:
    """The parameters of a query. An empty one is missing."""

    texts: dict[str, str]

    def check(self, endpoint: str) -> None:
        """Refuse parameters that the emulator would ignore."""
        for name in self.texts:
            if name in REFUSED_PARAMETERS:
                msg = f"the emulator does not support {name}: {REFUSED_PARAMETERS[name]}"
                raise QueryRefused(400, msg)
            if name not in PARAMETERS[endpoint]:
                msg = f"{endpoint} takes no parameter {name!r}: {did_you_mean(name, sorted(PARAMETERS[endpoint]))}"
                raise QueryRefused(400, msg)

    def __contains__(self, name: object) -> bool:
        return name in self.texts

    def text(self, name: str) -> str | None:
        """Return a parameter as text."""
        return self.texts.get(name)

    def part(self, names: Iterable[str]) -> tuple[str | None, ...]:
        """Return some of the parameters, to compare them with those of another query."""
        return tuple(self.texts.get(name) for name in names)

    def number(self, name: str, default: int, *, least: int = 0) -> int:
        """Return a parameter that is a whole number."""
        text = self.texts.get(name, str(default))
        if not re.fullmatch(r"\d{1,18}", text, re.ASCII) or int(text) < least:
            msg = f"{name} must be a whole number of at least {least}, not {text!r}"
            raise QueryRefused(400, msg)
        return int(text)

    def flag(self, name: str, *, default: bool) -> bool:
        """Return a parameter that is a boolean."""
        text = self.texts.get(name, str(default)).lower()
        if text not in {"true", "false", "1", "0"}:
            msg = f"{name} must be true or false, not {text!r}"
            raise QueryRefused(400, msg)
        return text in {"true", "1"}

    def names(self, name: str) -> list[str] | None:
        """Return a parameter that is a list of texts in JSON. Numbers are read as text."""
        items = self._json(name)
        if items is not None and not (isinstance(items, list) and all(map(_is_name, items))):
            msg = f"{name} must be a list of texts in JSON, not {self.texts[name]!r}"
            raise QueryRefused(400, msg)
        return None if items is None else [str(item) for item in items]

    def cohort_id(self) -> int | None:
        """Return the id in ``filter_by_cohort``."""
        cohort = self._json("filter_by_cohort")
        if cohort is None:
            return None
        number = cohort.get("id") if isinstance(cohort, dict) and set(cohort) == {"id"} else None
        if not re.fullmatch(r"\d{1,18}", str(number), re.ASCII):
            msg = f'filter_by_cohort must look like {{"id": 1}}, not {self.texts["filter_by_cohort"]!r}'
            raise QueryRefused(400, msg)
        return int(str(number))

    def _json(self, name: str) -> Any:
        if name not in self.texts:
            return None
        try:
            return orjson.loads(self.texts[name])
        except orjson.JSONDecodeError:
            msg = f"{name} must be JSON, not {self.texts[name]!r}"
            raise QueryRefused(400, msg) from None


def _is_name(item: object) -> bool:
    return isinstance(item, str | int) and not isinstance(item, bool)

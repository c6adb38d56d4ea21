"""What an emulator holds: put there, and looked at, without any request."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd

from mixpanel_pandas.emulator.moments import without_fractions

if TYPE_CHECKING:
    from collections.abc import Mapping

    import mixpanel_pandas as mpd
    from mixpanel_pandas.plans.plan import Plan

__all__ = ["OPERANDS", "held_in", "hold", "values_after"]

#: Verb -> operands that fit it.
OPERANDS: dict[str, list[Any]] = {
    "set": [5, 5.0, "x", "2026-01-01T10:00:00.500", True, [1, "a"], {"b": 1, "a": 2}],
    "set_once": [5, "x", [1]],
    "add": [1, 2.5],
    "union": ["a", ["a", "b"], [1]],
    "append": ["a", 1, {"k": 2}],
    "remove": ["a", 1],
}


def hold(emulator: mpd.Emulator, profiles: Mapping[str, dict[str, Any]], group: str | None = None) -> None:
    """Let an emulator hold exactly these profiles of users, or of a group key."""
    store = emulator._store
    store.kinds[emulator.token, group] = {key: dict(properties) for key, properties in profiles.items()}
    store.version += 1


def held_in(emulator: mpd.Emulator) -> dict[str, dict[str, Any]]:
    """Return what can be read of the users that hold anything, without what Mixpanel computes."""
    return _shown(emulator._store.kind(emulator.token, None))


def values_after(plan: Plan, before: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return what can be read of profiles with the cells of a plan in them, in the order of its rows."""
    after = {key: dict(properties) for key, properties in before.items()}
    for cell in plan.cells.sort_values("position", kind="stable").itertuples():
        profile = after.setdefault(cell.id, {})
        if pd.isna(cell.after):
            del profile[cell.property]
        else:
            profile[cell.property] = json.loads(cell.after)
    return _shown(after)


def _shown(profiles: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    shown = {
        key: {name: without_fractions(value) for name, value in profile.items() if name != "$last_seen"}
        for key, profile in profiles.items()
    }
    return {key: profile for key, profile in shown.items() if profile}

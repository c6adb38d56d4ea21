"""Statistics of profiles, as ``engage/stats`` gives them.

The actions, and the fields of their answers, are those that Mixpanel's client ``mixpanel-headless`` expects. How a percentile is
computed is not documented.
"""

from __future__ import annotations

import re
import statistics
from typing import TYPE_CHECKING, Any

from mixpanel_pandas.emulator.selector import SelectorError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mixpanel_pandas.emulator.selector import Evaluator, Profile

__all__ = ["statistic"]

_ACTION = re.compile(r"\s*(\w+)\s*\((.*)\)\s*", re.DOTALL)
_PERCENTILE = re.compile(r"(.*),\s*(\d+(?:\.\d+)?)\s*", re.DOTALL | re.ASCII)


def statistic(
    action: str, profiles: Sequence[Profile], read: Callable[[str], Evaluator]
) -> int | dict[str, Any]:
    """Return the result of an action on `profiles`. `read` makes a function of a selector.

    >>> from datetime import UTC
    >>> from mixpanel_pandas.emulator.selector import compile_selector
    >>> read = lambda text: compile_selector(text, 0.0, UTC)
    >>> statistic('extremes(properties["n"])', [{"n": 3}, {"n": 1.5}, {"n": "x"}, {}], read)
    {'max': 3, 'min': 1.5}
    """
    match = _ACTION.fullmatch(action)
    name, argument = match.groups() if match else ("", "")
    if name == "count" and not argument.strip():
        return len(profiles)
    if name == "percentile" and (percentile := _PERCENTILE.fullmatch(argument)):
        numbers = _numbers(profiles, read(percentile[1]))
        share = float(percentile[2])
        if share <= 100:
            return {"percentile": share, "result": _percentile(sorted(numbers), share)}
    if name in _SUMMARIES:
        return _SUMMARIES[name](_numbers(profiles, read(argument)))
    msg = f"cannot read the action {action!r}: expected count(), extremes(e), numeric_summary(e) or percentile(e, 50)"
    raise SelectorError(msg)


def _numbers(profiles: Sequence[Profile], evaluate: Evaluator) -> list[float]:
    values = map(evaluate, profiles)
    return [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]


def _extremes(numbers: list[float]) -> dict[str, Any]:
    return {"max": max(numbers, default=None), "min": min(numbers, default=None)}


def _summary(numbers: list[float]) -> dict[str, Any]:
    return {
        "count": len(numbers),
        "mean": statistics.fmean(numbers) if numbers else None,
        "var": statistics.pvariance(numbers) if numbers else None,
        "sum_of_squares": sum(number * number for number in numbers),
    }


def _percentile(numbers: list[float], share: float) -> float | None:
    """Return the number below which a share of the sorted `numbers` is, between two of them in proportion."""
    if not numbers:
        return None
    place = (len(numbers) - 1) * share / 100
    low = int(place)
    high = min(low + 1, len(numbers) - 1)
    return numbers[low] + (numbers[high] - numbers[low]) * (place - low)


_SUMMARIES = {"extremes": _extremes, "numeric_summary": _summary}

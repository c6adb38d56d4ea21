"""Time in tests: a slow or busy machine fails none of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds to wait for what is sure to come, on any machine.
PATIENCE = 100.0


def at_some_pace(attempt: Callable[[float], None]) -> None:
    """Call `attempt` with a factor for all its times, and with a larger one where it fails.

    A test of timeouts has to be faster than they are. A busy machine may be too slow for short ones; code that is wrong fails with
    long ones too.
    """
    for factor in (1, 5):
        try:
            return attempt(factor)
        except AssertionError:
            continue
    return attempt(25)

"""When a request may be sent, by pauses for all workers and by rates. It has no clock."""

from __future__ import annotations

import math
from collections import deque

__all__ = ["BYTES_PER_MINUTE", "Rate", "Throttle"]

#: The bytes a minute that Mixpanel's ingestion accepts. https://developer.mixpanel.com/reference/rate-limits
BYTES_PER_MINUTE = 2_000_000_000


class Rate:
    """A limit on what may pass within any stretch of time.

    Parameters
    ----------
    seconds : float
        The length of the stretch.
    most : float
        The cost that may pass within it. A single request that costs more passes alone.
    """

    def __init__(self, seconds: float, most: float) -> None:
        self._seconds, self._most = seconds, most
        self._passed: deque[tuple[float, float]] = deque()
        self._sum = 0.0

    def free(self, now: float, cost: float) -> float:
        """Return when a request of some cost may pass."""
        while self._passed and self._passed[0][0] <= now - self._seconds:
            self._sum -= self._passed.popleft()[1]
        excess = self._sum + cost - self._most
        for passed, earlier in self._passed:
            if excess <= 0:
                break
            now, excess = passed + self._seconds, excess - earlier
        return now

    def add(self, now: float, cost: float) -> None:
        """Count a request that has passed."""
        self._passed.append((now, cost))
        self._sum += cost


class Throttle:
    """The limits that all workers of an upload share.

    Parameters
    ----------
    per_hour : int, optional
        How many requests may be sent in any hour. By default any number.
    """

    def __init__(self, per_hour: int | None = None) -> None:
        self._bytes, self._requests = Rate(60.0, BYTES_PER_MINUTE), Rate(3600.0, per_hour or math.inf)
        self._held_until = -math.inf

    def hold(self, until: float) -> None:
        """Let no request pass until a time. A longer hold stays."""
        self._held_until = max(self._held_until, until)

    def free(self, now: float, nbytes: int) -> tuple[float, bool]:
        """Return when a request of `nbytes` may be sent, and whether a rate makes it wait."""
        by_rate = max(self._bytes.free(now, nbytes), self._requests.free(now, 1))
        return max(now, by_rate, self._held_until), by_rate > max(now, self._held_until)

    def add(self, now: float, nbytes: int) -> None:
        """Count a request of `nbytes` that is sent."""
        self._bytes.add(now, nbytes)
        self._requests.add(now, 1)

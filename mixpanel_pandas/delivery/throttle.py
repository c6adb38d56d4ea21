"""When a request may be sent: by pauses that hold for all workers, and by rates. Without a clock."""

from __future__ import annotations

import math
from collections import deque

__all__ = ["BYTES_PER_MINUTE", "Rate", "Throttle"]

#: What Mixpanel's ingestion takes in a minute. https://developer.mixpanel.com/reference/rate-limits
BYTES_PER_MINUTE = 2_000_000_000


class Rate:
    """How much may pass in any stretch of time.

    Parameters
    ----------
    seconds : float
        How long the stretch is.
    most : float
        What may pass in it. A single thing that costs more passes alone.
    """

    def __init__(self, seconds: float, most: float) -> None:
        self._seconds, self._most = seconds, most
        self._passed: deque[tuple[float, float]] = deque()
        self._sum = 0.0

    def free(self, now: float, cost: float) -> float:
        """Return when something that costs `cost` may pass."""
        while self._passed and self._passed[0][0] <= now - self._seconds:
            self._sum -= self._passed.popleft()[1]
        over = self._sum + cost - self._most
        for passed, earlier in self._passed:
            if over <= 0:
                break
            now, over = passed + self._seconds, over - earlier
        return now

    def add(self, now: float, cost: float) -> None:
        """Note that something has passed."""
        self._passed.append((now, cost))
        self._sum += cost


class Throttle:
    """When a request may pass.

    Parameters
    ----------
    per_hour : int, optional
        How many requests may pass in any hour.
    """

    def __init__(self, per_hour: int | None = None) -> None:
        self._bytes, self._requests = Rate(60.0, BYTES_PER_MINUTE), Rate(3600.0, per_hour or math.inf)
        self._held_until = -math.inf

    def hold(self, until: float) -> None:
        """Let nobody pass until then; a longer hold stays."""
        self._held_until = max(self._held_until, until)

    def free(self, now: float, nbytes: int) -> tuple[float, bool]:
        """Return when a request of so many bytes may pass, and whether a rate is why it waits."""
        by_rate = max(self._bytes.free(now, nbytes), self._requests.free(now, 1))
        return max(now, by_rate, self._held_until), by_rate > max(now, self._held_until)

    def add(self, now: float, nbytes: int) -> None:
        """Note that a request of so many bytes has passed."""
        self._bytes.add(now, nbytes)
        self._requests.add(now, 1)

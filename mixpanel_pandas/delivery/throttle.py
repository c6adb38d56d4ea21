"""The throttle that every request passes: pauses of one worker or of all, the rates, the deadline and the end."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from mixpanel_pandas.delivery.policy import Stop

if TYPE_CHECKING:
    from collections.abc import Callable

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
        What may pass in it. A single thing that is more passes alone.
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
    """What every request passes: pauses of one worker or of all, the pace, the deadline and the end.

    Parameters
    ----------
    clock : callable
        Seconds that only grow.
    sleep : callable, optional
        Waits some seconds; may return early. By default a wait that ends when `stop` is called.
    per_hour : int, optional
        How many requests may pass in any hour.
    deadline : float, optional
        Seconds from now after which none passes.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
        *,
        per_hour: int | None = None,
        deadline: float | None = None,
    ) -> None:
        self.clock = clock
        self._bytes, self._requests = Rate(60.0, BYTES_PER_MINUTE), Rate(3600.0, per_hour or float("inf"))
        self._deadline = float("inf") if deadline is None else clock() + deadline
        self.stopped: Stop | None = None
        self._lock, self._wake = threading.Lock(), threading.Event()
        self._sleep = sleep or self._wake.wait
        self._held_until = float("-inf")
        self._wait: tuple[float, str] = (float("-inf"), "")

    def hold(self, seconds: float) -> None:
        """Let nobody pass for so long; a longer hold stays."""
        with self._lock:
            self._held_until = max(self._held_until, self.clock() + seconds)

    def stop(self, reason: str, error: str) -> None:
        """Let nobody pass any more, and end all pauses; the first reason stays."""
        with self._lock:
            self.stopped = self.stopped or Stop(reason, error)
        self._wake.set()

    def passed(self, seconds: float, words: str = "", nbytes: int = 0) -> bool:
        """Wait `seconds`, as long as others are held, and for the pace; return False if the end came before."""
        until = self.clock() + seconds
        while self.stopped is None:
            with self._lock:
                now = self.clock()
                paced = max(self._bytes.free(now, nbytes), self._requests.free(now, 1))
                free = max(until, self._held_until, paced)
                if free <= now < self._deadline:
                    self._bytes.add(now, nbytes)
                    self._requests.add(now, 1)
                    return True
            if free >= self._deadline:
                self._until_deadline(now)
                continue
            if free == paced:
                self._wait = (free, "pace, waiting {seconds}")
            elif words and free == until:  # who is held by others says nothing
                self._wait = (free, words)
            self._sleep(free - now)
        return False

    def _until_deadline(self, now: float) -> None:
        """Wait for the deadline, and end everything then."""
        if now < self._deadline:
            self._sleep(self._deadline - now)
        if self.clock() >= self._deadline:
            self.stop("deadline", "the deadline came before these rows' turn: send the failures again")

    def waiting(self) -> str:
        """Return the wait that goes on as progress shows it, ``429, waiting 8 s (try 3 of 9)``, or nothing."""
        until, words = self._wait
        left = until - self.clock()
        return words.format(seconds=f"{left:.0f} s") if left > 0 and self.stopped is None else ""

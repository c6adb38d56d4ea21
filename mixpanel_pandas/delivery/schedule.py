"""What to do after an answer, and when: the decision table, the pauses, and the gate that all workers pass. Pure."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from mixpanel_pandas.delivery.answers import Evidence

__all__ = [
    "DECISIONS",
    "ENDED",
    "OUTCOMES",
    "REFUSALS",
    "Action",
    "Decision",
    "Gate",
    "Outcome",
    "Refusals",
    "Stop",
    "pause",
    "tries",
]

Outcome = Literal["accepted", "rejected", "unknown", "not_sent", "invalid", "skipped"]

#: What can become of a row, in the order of the summary's categories.
OUTCOMES: tuple[Outcome, ...] = ("accepted", "rejected", "unknown", "not_sent", "invalid", "skipped")

#: - ``accept``: the rows that are not named are accepted.
#: - ``retry``: the same request once more, after a pause, while tries are left.
#: - ``halve``: each half by itself, down to a single row.
#: - ``bisect``: as ``halve``, to find the rows that spoil the request.
#: - ``again``: once more without the named rows.
#: - ``stop``: nothing else is sent.
#: - ``unknown``: nothing more can be found out without the risk of applying an update twice.
Action = Literal["accept", "retry", "halve", "bisect", "again", "stop", "unknown"]

#: Seconds: the longest pause of our own, what chance adds to a pause, the longest wait a server may ask for.
LONGEST_PAUSE, JITTER, LONGEST_RETRY_AFTER = 60.0, (1.0, 5.0), 300.0
#: Tries of the very first connection: who mistyped an address wants to know soon.
FIRST_TRIES = 2
#: Requests of one batch in a row that may be refused with one text before bisecting it is given up.
BISECTING = 24
#: Requests of one batch that may be refused at all before: with more bad rows than this finds, look at the data.
BISECTING_AT_ALL = 500
#: What Mixpanel's ingestion takes in a minute. https://developer.mixpanel.com/reference/rate-limits
BYTES_PER_MINUTE = 2_000_000_000


@dataclass(frozen=True)
class Decision:
    """What follows from one kind of evidence: a row of the decision table.

    Attributes
    ----------
    words : str
        The evidence, for people.
    may_be_applied : bool
        Whether updates of the request that are not named may be applied.
    harmless, otherwise : str
        What is done where all operators are harmless twice, and where not.
    last : str
        Outcome of the rows when nothing is left to try.
    reason : str
        Short category for the summary.
    remedy : str
        What a person can do.
    """

    words: str
    may_be_applied: bool
    harmless: Action
    otherwise: Action
    last: Outcome
    reason: str
    remedy: str

    def action(self, harmless: bool) -> Action:
        """Return what is done."""
        return self.harmless if harmless else self.otherwise


DECISIONS: dict[Evidence, Decision] = {
    "no_connection": Decision(
        "no connection (refused, DNS, connect timeout, TLS, proxy)", False, "retry", "retry", "not_sent",
        "no connection", "check the network, the proxy and the address, then send the failures again",
    ),
    "rate_limited": Decision(
        "429", False, "retry", "retry", "not_sent",
        "rate limited", "send the failures again later, with fewer workers",
    ),
    "too_large": Decision(
        "413", False, "halve", "halve", "rejected",
        "too large", "send fewer or shorter values for this row",
    ),
    "denied": Decision(
        "401, 402, 403, 404, 405, 3xx (never followed)", False, "stop", "stop", "rejected",
        "denied", "check token, region and address, then send the failures again",
    ),
    "unclear": Decision(
        "408, 5xx, a broken or timed-out read, a 2xx of no known shape or cut short", True, "retry", "unknown",
        "unknown", "no clear answer", "it may have been applied: look at the profiles before sending it again",
    ),
    "refused": Decision(
        "400 or status 0, nobody named", True, "bisect", "unknown", "rejected",
        "refused", "correct what the text names; rows beside the wrong one may have been applied",
    ),
    "none_applied": Decision(
        "400 or status 0, nobody named, 0 counted", False, "bisect", "bisect", "rejected",
        "refused", "correct what the text names, then send the failures again",
    ),
    "named": Decision(
        "some records named", True, "again", "unknown", "unknown",
        "record refused", "correct the named rows; the others of their request may have been applied",
    ),
    "named_rest_applied": Decision(
        "some records named, all others counted", True, "accept", "accept", "accepted",
        "record refused", "correct the named rows, then send the failures again",
    ),
    "named_none_applied": Decision(
        "some records named, 0 counted", False, "again", "again", "rejected",
        "record refused", "correct the named rows, then send the failures again",
    ),
    "accepted": Decision("a known shape of success", True, "accept", "accept", "accepted", "", ""),
}  # fmt: skip


def tries(retries: int, *, met: bool) -> int:
    """Return how often a request is tried in all; less often while nobody was `met` at the address."""
    return retries + 1 if met else min(FIRST_TRIES, retries + 1)


def pause(tried: int, backoff: float, retry_after: float | None, random: Callable[[], float]) -> float:
    """Return the seconds to wait after the `tried`-th try (counted from 1); 0 where `backoff` is 0.

    The pause doubles from `backoff` to 60 seconds, 1 to 5 seconds are added by chance, and a server's wish of up to 300
    seconds is its floor.
    """
    if backoff == 0:
        return 0.0
    least, most = JITTER
    own = min(backoff * 2.0 ** min(tried - 1, 30), LONGEST_PAUSE) + least + (most - least) * random()
    return max(own, min(retry_after or 0.0, LONGEST_RETRY_AFTER))


@dataclass(frozen=True)
class Stop:
    """Why nothing else is sent: a short category, and a text."""

    reason: str
    error: str


#: What is true of rows if the process ends before their answer is written down, or between two tries.
ENDED = Stop("process ended", "the process ended before these rows' turn: make the same call again")


@dataclass(frozen=True)
class Refusals:
    """Requests of one batch in a row that were refused with one text, no row accepted: bisecting goes on while it pays.

    Attributes
    ----------
    count, refused : int
        How many in a row, and how many in all.
    text : str or None
        What they were refused with.
    """

    count: int = 0
    refused: int = 0
    text: str | None = None

    def after(self, evidence: Evidence, text: str | None) -> Refusals:
        """Return the count after one more answer; what was given up stays so."""
        if self.given_up:
            return self
        if evidence not in REFUSALS:
            return Refusals(0, self.refused)
        return Refusals(self.count + 1 if text == self.text else 1, self.refused + 1, text)

    @property
    def given_up(self) -> bool:
        """Whether the rest of the batch is sent as it is, and not halved any more."""
        return self.count >= BISECTING or self.refused >= BISECTING_AT_ALL


#: Evidence that a request was refused as a whole.
REFUSALS: frozenset[Evidence] = frozenset({"refused", "none_applied"})


class Pace:
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


class Gate:
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
        self._bytes, self._requests = Pace(60.0, BYTES_PER_MINUTE), Pace(3600.0, per_hour or float("inf"))
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

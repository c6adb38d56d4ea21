"""What an upload does after an answer, and when: the decision table and the pauses, without side effects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from mixpanel_pandas.delivery.answers import Evidence
    from mixpanel_pandas.rules.outcomes import Outcome

__all__ = [
    "PROCESS_ENDED",
    "REACTIONS",
    "REFUSAL_EVIDENCE",
    "FollowUp",
    "Reaction",
    "RefusalCount",
    "Stop",
    "pause",
    "tries",
]

#: - ``accept``: rows that are not named are accepted.
#: - ``retry``: send the same request again after a pause, if tries are left.
#: - ``halve``: send each half by itself, down to a single row.
#: - ``bisect``: as ``halve``, to isolate the rows that the request is refused for.
#: - ``reject``: the rows are refused, and nothing is sent again.
#: - ``again``: send the request again without the named rows.
#: - ``stop``: send nothing else.
#: - ``unknown``: nothing is sent again, because that could apply an update twice.
FollowUp = Literal["accept", "retry", "halve", "bisect", "reject", "again", "stop", "unknown"]

#: Seconds: the longest pause of our own, the least and the most jitter, the longest wait that a server may ask for.
LONGEST_PAUSE, JITTER, LONGEST_RETRY_AFTER = 60.0, (1.0, 5.0), 300.0
#: Tries of the very first connection. There are few, so that a mistyped address shows soon.
FIRST_TRIES = 2
#: Bisecting a batch ends after this many requests in a row were refused with the same text.
BISECTING = 24
#: Bisecting a batch ends after this many refused requests in all: it is better to correct so many bad rows at their source.
BISECTING_AT_ALL = 500


@dataclass(frozen=True)
class Reaction:
    """What an upload does after one kind of evidence: a row of the decision table.

    Attributes
    ----------
    may_be_applied : bool
        Whether updates that are not named may be applied.
    idempotent, otherwise : str
        What the upload does if all operators are idempotent, and if not.
    last : str
        The outcome of the rows if nothing is sent again.
    reason : str
        A short category for the summary.
    remedy : str
        What the user can do.
    idempotent_remedy : str, optional
        What the user can do if all operators are idempotent. By default the same.
    """

    may_be_applied: bool
    idempotent: FollowUp
    otherwise: FollowUp
    last: Outcome
    reason: str
    remedy: str
    idempotent_remedy: str = ""

    def remedy_of(self, idempotent: bool) -> str:
        """Return what the user can do."""
        return (idempotent and self.idempotent_remedy) or self.remedy

    def action(self, idempotent: bool) -> FollowUp:
        """Return what the upload does."""
        return self.idempotent if idempotent else self.otherwise


REACTIONS: dict[Evidence, Reaction] = {
    # no connection (refused, DNS, connect timeout, TLS, proxy)
    "no_connection": Reaction(
        False, "retry", "retry", "not_sent",
        "no connection", "check the network, the proxy and the address, then send the failures again",
    ),
    # 429
    "rate_limited": Reaction(
        False, "retry", "retry", "not_sent",
        "rate limited", "send the failures again later, with fewer workers",
    ),
    # 413
    "too_large": Reaction(
        False, "halve", "halve", "rejected",
        "too large", "send fewer or shorter values for this row",
    ),
    # 401, 402, 403, 404, 405, 3xx but 303 (never followed), 400 that cannot authenticate
    "denied": Reaction(
        False, "stop", "stop", "rejected",
        "denied", "check token, region and address, then send the failures again",
    ),
    # 408, 5xx, 303, status 0 with a temporary failure, a broken or timed-out read, an answer of no known shape, cut short, oddly
    # framed, compressed, or that contradicts itself
    "unclear": Reaction(
        True, "retry", "unknown", "unknown",
        "no clear answer", "the updates may have been applied, so look at the profiles before you send the rows again",
        "send the failures again; if the updates were already applied, this changes nothing",
    ),
    # 400 or status 0, nobody named
    "refused": Reaction(
        True, "bisect", "unknown", "rejected",
        "refused", "correct the mistake that the answer names; other rows of the request may have been applied",
    ),
    # 400 or status 0, nobody named, 0 counted
    "none_applied": Reaction(
        False, "bisect", "bisect", "rejected",
        "refused", "correct the mistake that the answer names, then send the failures again",
    ),
    # a bare 0, 414
    "none_valid": Reaction(
        False, "reject", "reject", "rejected",
        "refused", "correct the mistake that all rows of the request have, then send the failures again",
    ),
    # some records named
    "named": Reaction(
        True, "again", "unknown", "unknown",
        "record refused", "correct the named rows; the others of their request may have been applied",
    ),
    # some records named, all others counted
    "named_rest_applied": Reaction(
        True, "accept", "accept", "accepted",
        "record refused", "correct the named rows, then send the failures again",
    ),
    # some records named, 0 counted
    "named_none_applied": Reaction(
        False, "again", "again", "rejected",
        "record refused", "correct the named rows, then send the failures again",
    ),
    # a known shape of success
    "accepted": Reaction(True, "accept", "accept", "accepted", "", ""),
}  # fmt: skip


def tries(retries: int, *, met: bool) -> int:
    """Return how often a request is tried in all. It is less often until a first answer has come (`met`)."""
    return retries + 1 if met else min(FIRST_TRIES, retries + 1)


def pause(tried: int, backoff: float, retry_after: float | None, random: Callable[[], float]) -> float:
    """Return the seconds to wait after a try.

    The pause doubles from `backoff` up to 60 seconds, with a jitter of 1 to 5 seconds. It is at least as long as the server asks
    for, up to 300 seconds.

    Parameters
    ----------
    tried : int
        The number of the try, counted from 1.
    backoff : float
        Seconds of the first pause. 0: there are no pauses.
    retry_after : float or None
        Seconds that the server asks to wait.
    random : callable
        Returns a number from 0 to 1.
    """
    if backoff == 0:
        return 0.0
    least, most = JITTER
    own = min(backoff * 2.0 ** min(tried - 1, 30), LONGEST_PAUSE) + least + (most - least) * random()
    return max(own, min(retry_after or 0.0, LONGEST_RETRY_AFTER))


@dataclass(frozen=True)
class Stop:
    """Why an upload sends nothing else.

    Attributes
    ----------
    reason : str
        A short category for the summary.
    error : str
        The text for the summary.
    """

    reason: str
    error: str


#: Why rows have no final answer if the process ends before it is written down, or between two tries.
PROCESS_ENDED = Stop(
    "process ended", "the process ended before these rows were sent: make the same call again"
)


@dataclass(frozen=True)
class RefusalCount:
    """Counts refused requests, to end bisecting where it isolates no row.

    Attributes
    ----------
    count, refused : int
        How many were refused in a row with the same text, and how many in all.
    text : str or None
        The text of the last refusal.
    """

    count: int = 0
    refused: int = 0
    text: str | None = None

    def after(self, evidence: Evidence, text: str | None) -> RefusalCount:
        """Return the count after another answer. Once exhausted, it stays exhausted."""
        if self.exhausted:
            return self
        if evidence not in REFUSAL_EVIDENCE:
            return RefusalCount(0, self.refused)
        return RefusalCount(self.count + 1 if text == self.text else 1, self.refused + 1, text)

    @property
    def exhausted(self) -> bool:
        """Whether the batch is not bisected any more."""
        return self.count >= BISECTING or self.refused >= BISECTING_AT_ALL


#: Evidence that a request was refused as a whole.
REFUSAL_EVIDENCE: frozenset[Evidence] = frozenset({"refused", "none_applied", "none_valid"})

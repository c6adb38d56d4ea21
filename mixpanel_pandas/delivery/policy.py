"""What to do after an answer, and when: the decision table and the pauses. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from mixpanel_pandas.delivery.answers import Evidence
    from mixpanel_pandas.rules.outcomes import Outcome

__all__ = [
    "ENDED",
    "REACTIONS",
    "REFUSAL_EVIDENCE",
    "FollowUp",
    "Reaction",
    "RefusalCount",
    "Stop",
    "pause",
    "tries",
]

#: - ``accept``: the rows that are not named are accepted.
#: - ``retry``: the same request once more, after a pause, while tries are left.
#: - ``halve``: each half by itself, down to a single row.
#: - ``bisect``: as ``halve``, to find the rows that spoil the request.
#: - ``reject``: the rows are refused, and no part of them is tried.
#: - ``again``: once more without the named rows.
#: - ``stop``: nothing else is sent.
#: - ``unknown``: nothing more can be found out without the risk of applying an update twice.
FollowUp = Literal["accept", "retry", "halve", "bisect", "reject", "again", "stop", "unknown"]

#: Seconds: the longest pause of our own, what chance adds to a pause, the longest wait a server may ask for.
LONGEST_PAUSE, JITTER, LONGEST_RETRY_AFTER = 60.0, (1.0, 5.0), 300.0
#: Tries of the very first connection: a mistyped address is to show soon.
FIRST_TRIES = 2
#: Requests of one batch that are refused in a row with the same text, after which bisecting it ends.
BISECTING = 24
#: Requests of one batch that are refused at all, after which it ends: more bad rows than that are a matter of the data.
BISECTING_AT_ALL = 500


@dataclass(frozen=True)
class Reaction:
    """What follows from one kind of evidence: a row of the decision table.

    Attributes
    ----------
    words : str
        The evidence, for people.
    may_be_applied : bool
        Whether updates of the request that are not named may be applied.
    idempotent, otherwise : str
        What is done where all operators are idempotent, and where not.
    last : str
        Outcome of the rows when nothing is left to try.
    reason : str
        Short category for the summary.
    remedy : str
        What a person can do.
    """

    words: str
    may_be_applied: bool
    idempotent: FollowUp
    otherwise: FollowUp
    last: Outcome
    reason: str
    remedy: str

    def action(self, idempotent: bool) -> FollowUp:
        """Return what is done."""
        return self.idempotent if idempotent else self.otherwise


REACTIONS: dict[Evidence, Reaction] = {
    "no_connection": Reaction(
        "no connection (refused, DNS, connect timeout, TLS, proxy)", False, "retry", "retry", "not_sent",
        "no connection", "check the network, the proxy and the address, then send the failures again",
    ),
    "rate_limited": Reaction(
        "429", False, "retry", "retry", "not_sent",
        "rate limited", "send the failures again later, with fewer workers",
    ),
    "too_large": Reaction(
        "413", False, "halve", "halve", "rejected",
        "too large", "send fewer or shorter values for this row",
    ),
    "denied": Reaction(
        "401, 402, 403, 404, 405, 3xx but 303 (never followed), 400 that cannot authenticate", False, "stop", "stop", "rejected",
        "denied", "check token, region and address, then send the failures again",
    ),
    "unclear": Reaction(
        "408, 5xx, 303, status 0 with a temporary failure, a broken or timed-out read, an answer of no known shape, "
        "cut short, oddly framed, compressed, or that contradicts itself", True, "retry", "unknown",
        "unknown", "no clear answer", "it may have been applied: look at the profiles before sending it again",
    ),
    "refused": Reaction(
        "400 or status 0, nobody named", True, "bisect", "unknown", "rejected",
        "refused", "correct what the text names; rows beside the wrong one may have been applied",
    ),
    "none_applied": Reaction(
        "400 or status 0, nobody named, 0 counted", False, "bisect", "bisect", "rejected",
        "refused", "correct what the text names, then send the failures again",
    ),
    "none_valid": Reaction(
        "a bare 0, 414", False, "reject", "reject", "rejected",
        "refused", "correct what every row of the request has wrong, then send the failures again",
    ),
    "named": Reaction(
        "some records named", True, "again", "unknown", "unknown",
        "record refused", "correct the named rows; the others of their request may have been applied",
    ),
    "named_rest_applied": Reaction(
        "some records named, all others counted", True, "accept", "accept", "accepted",
        "record refused", "correct the named rows, then send the failures again",
    ),
    "named_none_applied": Reaction(
        "some records named, 0 counted", False, "again", "again", "rejected",
        "record refused", "correct the named rows, then send the failures again",
    ),
    "accepted": Reaction("a known shape of success", True, "accept", "accept", "accepted", "", ""),
}  # fmt: skip


def tries(retries: int, *, met: bool) -> int:
    """Return how often a request is tried in all: less often as long as no answer has come (`met`)."""
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


#: Why rows have no answer if the process ends before it is written down, or between two tries.
ENDED = Stop("process ended", "the process ended before these rows' turn: make the same call again")


@dataclass(frozen=True)
class RefusalCount:
    """Counts the refused requests of a batch, to end bisecting where it finds no row to blame.

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

    def after(self, evidence: Evidence, text: str | None) -> RefusalCount:
        """Return the count after one more answer; what was given up stays so."""
        if self.given_up:
            return self
        if evidence not in REFUSAL_EVIDENCE:
            return RefusalCount(0, self.refused)
        return RefusalCount(self.count + 1 if text == self.text else 1, self.refused + 1, text)

    @property
    def given_up(self) -> bool:
        """Whether the rest of the batch is sent as it is, and not halved any more."""
        return self.count >= BISECTING or self.refused >= BISECTING_AT_ALL


#: Evidence that a request was refused as a whole.
REFUSAL_EVIDENCE: frozenset[Evidence] = frozenset({"refused", "none_applied", "none_valid"})

"""How many queries are answered, in an hour and at once."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

__all__ = ["Budget", "QueryRefused"]

_WINDOW = 3600

#: How many queries run at once, by Mixpanel's pages.
_AT_ONCE = 5

#: Seconds to wait if too many run at once, as recorded from Mixpanel.
_PAUSE = 10

# Texts and headers as recorded from Mixpanel.
_EXCEEDED = "Query rate limit exceeded for project_id: {project_id}. This request exceeded the "
_TOO_MANY_IN_AN_HOUR = (
    _EXCEEDED
    + "rate limit ({used}/{per_hour} queries running in the last hour). For more information, please consult our "
    "documentation at https://help.mixpanel.com/hc/en-us/articles/115004602563-Rate-Limits-for-Export-API-Endpoints"
)
_TOO_MANY_AT_ONCE = _EXCEEDED + "concurrency limit ({running}/{at_once} queries running concurrently)."
_POLICY = '"project";q={per_hour};w={window}, "project-concurrency";q={at_once};qu="concurrent-requests"'
_HOUR_IS_FULL = '"project";r=0;t={wait}, "project-concurrency";r={free}'
_ALL_ARE_BUSY = '"project";r={left}, "project-concurrency";r=0;t={wait}'


class QueryRefused(Exception):
    """A query is answered with an error: a status, a text, and headers."""

    def __init__(self, status: int, error: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(error)
        self.status = status
        self.headers = headers or {}


@dataclass
class Budget:
    """The queries of a project.

    Attributes
    ----------
    project_id : int
        The project, for messages.
    per_hour : int
        Queries in an hour. Pages after the first one do not count, and neither do refusals with 401, 402, 403 and 429.
    running : int
        Queries whose answer has not been sent.
    """

    project_id: int
    per_hour: int
    running: int = 0
    _recent: deque[float] = field(default_factory=deque)

    def admit(self, now: float, *, counts: bool) -> None:
        """Admit a query, or refuse it with 429. If it `counts`, it is one of this hour."""
        while self._recent and self._recent[0] <= now - _WINDOW:
            self._recent.popleft()
        left = self.per_hour - len(self._recent)
        if self.running >= _AT_ONCE:
            limit = _ALL_ARE_BUSY.format(left=max(left, 0), wait=_PAUSE)
            raise self._refusal(_TOO_MANY_AT_ONCE, limit, _PAUSE)
        if counts and left <= 0:
            wait = math.ceil(self._recent[0] + _WINDOW - now) if self._recent else _WINDOW
            limit = _HOUR_IS_FULL.format(wait=wait, free=_AT_ONCE - self.running)
            raise self._refusal(_TOO_MANY_IN_AN_HOUR, limit, wait)
        if counts:
            self._recent.append(now)

    def _refusal(self, text: str, limit: str, wait: int) -> QueryRefused:
        error = text.format(
            project_id=self.project_id,
            used=len(self._recent) + 1,
            per_hour=self.per_hour,
            running=self.running + 1,
            at_once=_AT_ONCE,
        )
        policy = _POLICY.format(per_hour=self.per_hour, window=_WINDOW, at_once=_AT_ONCE)
        headers = {"RateLimit-Policy": policy, "RateLimit": limit, "Retry-After": str(wait)}
        return QueryRefused(429, error, headers)

"""The Query API: a question and its answer. A question changes nothing, so it is asked again while that may help.

https://developer.mixpanel.com/reference/engage-query and https://developer.mixpanel.com/reference/rate-limits
"""

from __future__ import annotations

import base64
import queue
import random
import re
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

from mixpanel_pandas.delivery import http
from mixpanel_pandas.delivery.answers import error_text, seconds_to_wait
from mixpanel_pandas.delivery.messages import Failure, Request, Response
from mixpanel_pandas.delivery.policy import LONGEST_RETRY_AFTER, pause, tries
from mixpanel_pandas.delivery.redaction import redact
from mixpanel_pandas.delivery.throttle import Throttle
from mixpanel_pandas.errors import (
    AccessError,
    AccountError,
    BudgetSpent,
    PageFailed,
    QueryError,
    ReadError,
    RegionError,
    SubscriptionError,
)
from mixpanel_pandas.payloads.json_text import read_json
from mixpanel_pandas.project.project import Secret
from mixpanel_pandas.text import duration

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mixpanel_pandas.project import Project

__all__ = [
    "AT_ONCE",
    "QUERIES_PER_HOUR",
    "Queries",
    "SessionEnded",
    "UnreadableAnswer",
    "refuse_without_account",
]

#: Queries that may run at once, and queries of an hour. Pages after the first one do not count as queries.
#: https://developer.mixpanel.com/reference/rate-limits
AT_ONCE, QUERIES_PER_HOUR = 5, 60

#: Bytes that are read of a page. 1,000 profiles of 256 kB are as long.
PAGE_BYTES = 256_000_000

#: Seconds to wait after the first, second and any later 429 that does not say how long.
RATE_PAUSES = (30.0, 60.0, 120.0)

#: A limit in the header ``RateLimit`` of which nothing is left, and the seconds until there is.
_USED_UP = re.compile(r"r=0\s*;\s*t=(\d{1,9})")

Result = TypeVar("Result")


@dataclass(frozen=True)
class StatusMeaning:
    """What a status means that a further try does not change.

    Attributes
    ----------
    error : type of ReadError
        What is raised.
    words : str
        What is wrong and what to do, before the text of the server.
    """

    error: type[ReadError]
    words: str


#: Status -> what it means. Other 4xx and all 3xx are as 404. Anything else is asked again.
STATUSES: dict[int, StatusMeaning] = {
    400: StatusMeaning(
        QueryError,
        "Mixpanel cannot read the query: correct it, see https://developer.mixpanel.com/reference/segmentation-expressions",
    ),
    401: StatusMeaning(
        AccountError, "Mixpanel does not accept the service account: check username and secret"
    ),
    402: StatusMeaning(
        SubscriptionError, "the subscription of this project at Mixpanel does not include the query"
    ),
    403: StatusMeaning(
        AccessError,
        "the service account may not read the project: add it as a member (Mixpanel: Project Settings > Users), or check "
        "project_id and region",
    ),
    404: StatusMeaning(AccessError, "the address does not answer queries: check region or url"),
}
_STATUS_TO_RETRY = {408, 429}


class SessionEnded(Exception):
    """The session of a page does not answer any more."""


class UnreadableAnswer(Exception):
    """An answer does not hold what was asked for."""


class _Stopped(Exception):
    """Another thread has ended the reading."""


class Queries:
    """Asks the Query API of a project, from up to 5 threads at once, which share all pauses.

    Parameters
    ----------
    project : Project
        The project.
    clock : callable
        Returns seconds, as ``time.monotonic`` does.

    Attributes
    ----------
    project_id : int
        The number of the project.
    requests, bytes : int
        Requests made, and bytes of the answers.
    waiting : str
        What it waits for. Empty if it does not wait.

    Raises
    ------
    AccountError
        If the project has no service account, or no number.
    """

    def __init__(self, project: Project, clock: Callable[[], float] = time.monotonic) -> None:
        refuse_without_account(project)
        self._project, self._clock = project, clock
        self._secrets = http.secrets_of(project)
        self._clients = [http.Client(project, project.query_base) for _ in range(AT_ONCE)]
        self._idle: queue.SimpleQueue[http.Client] = queue.SimpleQueue()
        for client in self._clients:
            self._idle.put(client)
        self._throttle, self._lock = Throttle(), threading.Lock()
        self._stopped = threading.Event()
        self._met = False
        self.project_id: int | None = project.project_id
        self.requests: int = 0
        self.bytes: int = 0
        self.waiting: str = ""

    def cut(self) -> None:
        """End all requests and pauses, and ask nothing any more."""
        self._stopped.set()
        for client in self._clients:
            client.cut()

    def close(self) -> None:
        """Close the connections."""
        for client in self._clients:
            client.close()

    def ask(
        self,
        path: str,
        read: Callable[[Any], Result],
        form: Mapping[str, str] | None = None,
        *,
        what: str,
        fields: Mapping[str, str] | None = None,
        in_session: bool = False,
    ) -> Result:
        """Ask one question until it is answered.

        Parameters
        ----------
        path : str
            Of the endpoint below ``/api/query``.
        read : callable
            Makes the result of the JSON of the answer, or raises `UnreadableAnswer`.
        form : mapping, optional
            What is posted. Without it, it is a GET.
        what : str
            What is asked for, as messages name it.
        fields : mapping, optional
            What the address says beside the project.
        in_session : bool
            Whether a 400 or 404 means that the session has ended.

        Raises
        ------
        ReadError
            If there is no answer after all tries, or another try does not help.
        SessionEnded
            If the session has ended.
        """
        tried = 0
        address = f"/api/query{path}?{urlencode({'project_id': self.project_id, **(fields or {})})}"
        while True:
            self._rest()
            reply = self._send(address, form)
            tried += 1
            problem = self._problem(reply)
            if problem is None and isinstance(reply, Response):
                try:
                    return read(_parsed(reply))
                except UnreadableAnswer as error:
                    problem = f"{reply.status}, but {error}"
            if isinstance(reply, Response) and not _is_retried(reply):
                if in_session and reply.status in {400, 404, 410}:
                    raise SessionEnded(problem)
                raise self._refusal(reply.status, problem or "")
            self._prepare_retry(what, reply, problem or "", tried)

    def knows_project(self) -> bool | None:
        """Return whether the service account is a member of the project. None: not known.

        This is no query, so it takes none of the hour.
        """
        reply = self._send("/api/app/me", None)
        if not isinstance(reply, Response) or reply.status != 200:
            return None
        try:
            projects = _parsed(reply)["results"]["projects"]
        except (UnreadableAnswer, KeyError, TypeError):
            return None
        return str(self._project.project_id) in projects if isinstance(projects, dict) else None

    # -- one try ------------------------------------------------------------------------------------------------------

    def _send(self, path: str, form: Mapping[str, str] | None) -> Response | Failure:
        headers = {"Accept": "*/*", "Accept-Encoding": "identity", "Authorization": _login(self._project)}
        body = b""
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = urlencode(form).encode()
        method = "GET" if form is None else "POST"
        request = Request(f"{self._project.query_base}{path}", body, method, headers, PAGE_BYTES)
        client = self._idle.get()
        try:
            reply = client.send(request, timeout=self._project.timeout)
        finally:
            self._idle.put(client)
        with self._lock:
            self.requests += 1
            self._met = self._met or isinstance(reply, Response)
            self.bytes += len(reply.body) if isinstance(reply, Response) else 0
        return reply

    def _problem(self, reply: Response | Failure) -> str | None:
        """Return what is wrong with a reply, without secrets. None: it is sound, and a success."""
        if isinstance(reply, Failure):
            return redact(reply.text, self._secrets)
        if reply.flaw is not None:
            return redact(f"{reply.status}, but {reply.flaw}", self._secrets)
        if reply.status == 200:
            return None
        parsed = read_json([reply.body[:10_000].decode(errors="replace")]).values[0]
        return redact(f"{reply.status} {error_text(parsed, reply.body)}", self._secrets)

    def _refusal(self, status: int, problem: str) -> ReadError:
        meaning = STATUSES.get(status, STATUSES[404])
        if status == 403 and self.knows_project():
            return RegionError(
                f"the service account is a member of project {self._project.project_id}, but {self._project.place} does not let "
                f"it read: check the region, which is where the project's data is ({problem})"
            )
        return meaning.error(f"{meaning.words} ({problem})")

    # -- pauses -------------------------------------------------------------------------------------------------------

    def _prepare_retry(self, what: str, reply: Response | Failure, problem: str, tried: int) -> None:
        """Hold all threads until the next try.

        Raises
        ------
        BudgetSpent, PageFailed
            If there is none.
        """
        if self._stopped.is_set():
            raise _Stopped
        limited = isinstance(reply, Response) and reply.status == 429
        asked = _asked_to_wait(reply) if isinstance(reply, Response) else None
        most = tries(self._project.retries, met=self._met)
        too_long = asked is not None and asked > LONGEST_RETRY_AFTER
        if limited and (too_long or tried >= most):
            when = f"in {duration(asked)}" if asked is not None else "in an hour at the latest"
            msg = (
                f"{what}: Mixpanel answers no more queries now (the limit of a project is {QUERIES_PER_HOUR} an hour and "
                f"{AT_ONCE} at once): make the same call again {when} ({problem})"
            )
            raise BudgetSpent(msg, seconds=asked)
        if tried >= most:
            msg = f"{what} failed after {tried} {'try' if tried == 1 else 'tries'}: make the same call again ({problem})"
            raise PageFailed(msg)
        if limited and asked is None:
            asked = RATE_PAUSES[min(tried, len(RATE_PAUSES)) - 1]
        seconds = pause(tried, self._project.backoff, asked, random.random)
        with self._lock:
            self._throttle.hold(self._clock() + seconds)
            words = f"{problem[:40]}, waiting {duration(seconds)} (try {tried + 1} of {most})"
            self.waiting = words if seconds else ""

    def _rest(self) -> None:
        """Wait until the next request may be sent."""
        while True:
            with self._lock:
                now = self._clock()
                left = self._throttle.free(now, 0)[0] - now
                if left <= 0:
                    self.waiting = ""
            if self._stopped.wait(max(left, 0)) or self._stopped.is_set():
                raise _Stopped
            if left <= 0:
                return


def _login(project: Project) -> Secret:
    """Return the header with which the service account is sent. Tracebacks that show locals do not show it."""
    account = f"{project.username}:{project.secret}".encode()
    return Secret(f"Basic {base64.b64encode(account).decode()}")


def refuse_without_account(project: Project) -> None:
    """Refuse a project that cannot be asked.

    Raises
    ------
    AccountError
        If it has no service account, or no number.
    """
    names = {
        "username": "MIXPANEL_USERNAME",
        "secret": "MIXPANEL_SECRET",
        "project_id": "MIXPANEL_PROJECT_ID",
    }
    missing = [name for name in names if getattr(project, name) is None]
    if missing:
        msg = (
            f"reading needs {' and '.join(missing)}: pass mpd.Project(..., username=, secret=, project_id=), or set "
            f"{', '.join(names[name] for name in missing)} (Mixpanel: Organization Settings > Service Accounts, and Project "
            "Settings for the number of the project)"
        )
        raise AccountError(msg)


def _is_retried(reply: Response) -> bool:
    """Return whether another try may bring something else: all but a sound 3xx or 4xx."""
    return reply.flaw is not None or reply.status in _STATUS_TO_RETRY or reply.status // 100 not in {3, 4}


def _asked_to_wait(reply: Response) -> float | None:
    """Return the seconds that a reply asks to wait: by ``Retry-After``, else by the limits of which nothing is left."""
    asked = seconds_to_wait(reply.headers.get("Retry-After"), time.time())
    if asked is not None:
        return asked
    limits = _USED_UP.findall(reply.headers.get("RateLimit", ""))
    return max(map(float, limits), default=None)


def _parsed(reply: Response) -> Any:
    """Return the JSON of a reply, with all digits of its numbers."""
    try:
        text = reply.body.decode()
    except UnicodeDecodeError:
        msg = "it is not in UTF-8"
        raise UnreadableAnswer(msg) from None
    parsed = read_json([text])
    if parsed.broken[0] or parsed.values[0] is None:
        msg = "it is not JSON"
        raise UnreadableAnswer(msg)
    if parsed.repeated[0]:
        msg = "a name occurs twice in it"
        raise UnreadableAnswer(msg)
    return parsed.values[0]

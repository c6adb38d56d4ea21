"""The class `Emulator`, which answers requests and shows their effects."""

from __future__ import annotations

import secrets
import threading
import time
from collections import deque
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from mixpanel_pandas.emulator.budget import Budget
from mixpanel_pandas.emulator.faults import Cues, RequestKind
from mixpanel_pandas.emulator.ingestion import StrictShape, Terms, ingest
from mixpanel_pandas.emulator.moments import zone_of
from mixpanel_pandas.emulator.query import READS, Reader, ServiceAccount, data_group_id
from mixpanel_pandas.emulator.received import Applied, Received
from mixpanel_pandas.emulator.store import Store
from mixpanel_pandas.emulator.wire import (
    NO_CONNECTION,
    WireRequest,
    WireResponse,
    answer_html,
    answer_json,
    answer_preflight,
    read_request,
    with_origin,
)
from mixpanel_pandas.project import Project
from mixpanel_pandas.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import TracebackType

    import pandas as pd

    from mixpanel_pandas.emulator.adapter import EmulatorAdapter
    from mixpanel_pandas.emulator.server import Server

__all__ = ["Emulator"]

#: The address of an emulator that was not started. Nothing listens there.
_NOWHERE = "http://127.0.0.1:1"

#: The most bytes of path and query. Web servers usually allow 8 KB.
_TARGET_LIMIT = 8192


class Emulator:
    """A Mixpanel on this machine, for tests, notebooks and a first try.

    It stores the profiles that are written to it, applies every operator as Mixpanel documents it, answers queries, and simulates
    failures. Nothing leaves this machine: it listens on 127.0.0.1, or with `adapter` uses no socket at all.

    Parameters
    ----------
    token : str, optional
        Project token, 32 letters and digits. By default a random one. A record with another token gets the answer of success and
        changes no profile, as in Mixpanel.
    strict : StrictShape, optional
        The shape of answers to ``strict=1``, which Mixpanel does not document.
    page_size : int, default 1000
        The most profiles on a page of the Query API.
    queries_per_hour : int, default 60
        How many queries are answered in an hour. Further ones get a 429. Only page 0 counts. A sixth query at the same time gets a
        429, too.
    session_seconds : float, default 3600
        How long the pages of a query can be read after its latest page. Mixpanel does not document this time.
    read_delay : float, default 0
        Seconds until queries see an update. `profile` and `profiles` show it at once.
    whole_seconds : bool, default False
        Whether queries return dates to the second, as Mixpanel exports them. By default they return them as they were written.
    timezone : str, default "UTC"
        The time zone of the project, which applies to dates in selectors.
    history : int, optional
        How many of the latest requests to keep in `requests`, with their records. By default all.
    clock : callable, default time.time
        Returns seconds since 1970, for "Updated at", sessions, delays, and the queries of an hour.

    Attributes
    ----------
    token : str
        The project token.
    service_account : tuple of str
        Username and secret of the account that may read.
    project_secret : str
        The secret of the project: the older way to authenticate queries, as the user of the request.
    project_id : int
        The project's number in queries.
    url : str
        The address.

    Notes
    -----
    Updates are applied in order of arrival, not of ``$time``. Queries are answered at ``/api/query/`` and ``/api/2.0/``, with
    GET and POST: ``engage``, ``engage/stats``, ``engage/properties`` and ``cohorts/list``; and the account at ``/api/app/me``.
    The emulator refuses parameters that it does not support, such as ``behaviors``.

    Examples
    --------
    >>> customers = pd.DataFrame({"id": ["ann", "bob"], "plan": ["pro", "free"]})
    >>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
    ...     summary = customers.mixpanel.set("id")
    ...     emulator.profiles()
                  plan
    $distinct_id
    ann            pro
    bob           free
    """

    def __init__(
        self,
        *,
        token: str | None = None,
        strict: StrictShape | None = None,
        page_size: int = 1000,
        queries_per_hour: int = 60,
        session_seconds: float = 3600.0,
        read_delay: float = 0.0,
        whole_seconds: bool = False,
        timezone: str = "UTC",
        history: int | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.token: str = token or secrets.token_hex(16)
        self.service_account: ServiceAccount = ServiceAccount("emulator", secrets.token_hex(16))
        self.project_secret: str = secrets.token_hex(16)
        self.project_id: int = 1
        self.url: str = _NOWHERE
        self._strict = strict or StrictShape()
        self._page_size, self._queries_per_hour = page_size, queries_per_hour
        self._session_seconds, self._read_delay = session_seconds, read_delay
        self._whole_seconds, self._zone = whole_seconds, zone_of(timezone)
        self._history, self._clock = history, clock
        self._lock = threading.RLock()
        self._server: Server | None = None
        self.reset()

    def reset(self) -> None:
        """Forget profiles, aliases, cohorts, requests, queries and faults.

        Examples
        --------
        >>> emulator = mpd.Emulator()
        >>> emulator.add_cohort("paying", ["ann"])
        1
        >>> emulator.reset()
        >>> emulator.add_cohort("new", ["bob"])
        1
        """
        with self._lock:
            self._store, self._cues = Store(self._read_delay), Cues()
            self._reader = Reader(
                self._store,
                self.token,
                self.service_account,
                self.project_secret,
                self.project_id,
                Budget(self.project_id, self._queries_per_hour),
                self._page_size,
                self._session_seconds,
                self._zone,
                self._whole_seconds,
            )
            self._requests: deque[Received] = deque(maxlen=self._history)
            self._arrived = 0

    def __repr__(self) -> str:
        with self._lock:
            mine = {group: kind for (token, group), kind in self._store.kinds.items() if token == self.token}
        profiles = {"users": 0} | {group or "users": len(kind) for group, kind in mine.items()}
        shown = ", ".join(f"{printable(kind)}: {count:,}" for kind, count in profiles.items())
        return f"<Emulator {self.url if self._server else 'not listening'}, requests: {self._arrived:,}, {shown}>"

    # -- starting and closing -----------------------------------------------------------------------------------------

    def start(self, port: int = 0) -> Self:
        """Listen on a port of 127.0.0.1, and set `url` to the address.

        Parameters
        ----------
        port : int, default 0
            The port; 0 means a free one. An emulator that is already listening keeps its port.

        Returns
        -------
        Emulator
            The same emulator.

        Raises
        ------
        OperationError
            If it cannot listen on the port, for example because the port is in use.

        Examples
        --------
        >>> emulator = mpd.Emulator().start()
        >>> emulator.url
        'http://127.0.0.1:...'
        >>> emulator.close()
        """
        if self._server is None:
            from mixpanel_pandas.emulator.server import Server

            self._server = Server(self.exchange, port)
            self.url = self._server.url
        return self

    def close(self) -> None:
        """Stop listening, and end all connections. Profiles and requests are kept. New connections to `url` are refused.

        Examples
        --------
        >>> emulator = mpd.Emulator().start()
        >>> emulator.close()
        >>> emulator
        <Emulator not listening, requests: 0, users: 0>
        """
        if self._server is not None:
            self._server.close()
            self._server = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def adapter(self) -> EmulatorAdapter:
        """Return an adapter for a `requests.Session`, or for a `Project`, that reaches the emulator without sockets.

        With the adapter, timeouts and delays take no time, and the emulator need not be started.

        Returns
        -------
        requests.adapters.BaseAdapter
            It always reaches this emulator, whatever the address of the request.

        Examples
        --------
        >>> import requests
        >>> emulator = mpd.Emulator()
        >>> with requests.Session() as session:
        ...     session.mount(emulator.url, emulator.adapter())
        ...     session.post(f"{emulator.url}/engage", json=[]).text
        '0'
        """
        from mixpanel_pandas.emulator.adapter import EmulatorAdapter

        return EmulatorAdapter(self.answer)

    # -- looking at it ------------------------------------------------------------------------------------------------

    @property
    def project(self) -> Project:
        """The project to write to and to read from: this address, token and service account, without pauses between attempts.

        Its group keys are those of the existing profiles.

        Examples
        --------
        An emulator without sockets need not be started:

        >>> from dataclasses import replace
        >>> emulator = mpd.Emulator()
        >>> with mpd.set_project(replace(emulator.project, adapter=emulator.adapter())):
        ...     summary = pd.DataFrame({"id": ["a"], "plan": ["pro"]}).mixpanel.set("id")
        >>> len(emulator.profiles())
        1
        """
        with self._lock:
            groups = {group for token, group in self._store.kinds if token == self.token and group}
        return Project(
            self.token,
            url=self.url,
            timeout=10.0,
            backoff=0.0,
            username=self.service_account.username,
            secret=self.service_account.secret,
            project_id=self.project_id,
            group_keys={group: data_group_id(group) for group in sorted(groups)},
        )

    @property
    def requests(self) -> list[Received]:
        """The requests that arrived, in order.

        Examples
        --------
        >>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
        ...     _ = pd.DataFrame({"id": ["ann"], "plan": ["pro"]}).mixpanel.set("id")
        >>> [(request.path, request.status) for request in emulator.requests]
        [('/engage', 200)]
        """
        with self._lock:
            return list(self._requests)

    @property
    def applied(self) -> list[Applied]:
        """Every record that was applied, in order. A record that was applied twice is listed twice.

        Examples
        --------
        >>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
        ...     _ = pd.DataFrame({"id": ["ann"], "plan": ["pro"]}).mixpanel.set("id")
        >>> [applied.record["$set"] for applied in emulator.applied]
        [{'plan': 'pro'}]
        """
        return [
            Applied(request.number, position, request.records[position])
            for request in self.requests
            if request.records
            for position in request.applied
        ]

    def profile(self, identity: str, group: str | None = None) -> dict[str, Any] | None:
        """Return the properties of a user profile or a group profile.

        Parameters
        ----------
        identity : str
            The id of the profile.
        group : str, optional
            The group key. By default users.

        Returns
        -------
        dict or None
            Property -> value. None if there is no such profile.

        Examples
        --------
        >>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
        ...     _ = pd.DataFrame({"id": ["ann"], "plan": ["pro"]}).mixpanel.set("id")
        >>> emulator.profile("ann")
        {'plan': 'pro'}
        """
        with self._lock:
            properties = self._store.kind(self.token, group).get(str(identity))
            return None if properties is None else dict(properties)

    def profiles(self, group: str | None = None) -> pd.DataFrame:
        """Return a frame with a row for each user profile, or for each profile of a group, with the ids as index.

        Parameters
        ----------
        group : str, optional
            The group key. By default users.

        Returns
        -------
        pandas.DataFrame
            A column per property, of dtype object, with NaN if a profile lacks the property. The name of the index is
            ``$distinct_id``, or the group key.

        Examples
        --------
        >>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
        ...     _ = pd.DataFrame({"company": ["acme"], "seats": [12]}).mixpanel.group("company").set()
        >>> emulator.profiles("company")
                seats
        company
        acme       12
        """
        import pandas as pd

        with self._lock:
            profiles = dict(sorted(self._store.kind(self.token, group).items()))
        names = dict.fromkeys(name for properties in profiles.values() for name in properties)
        index = pd.Index(list(profiles), dtype=object, name=group or "$distinct_id")
        return pd.DataFrame(
            {
                name: pd.Series(
                    [properties.get(name, float("nan")) for properties in profiles.values()],
                    index,
                    dtype=object,
                )
                for name in names
            },
            index=index,
        )

    def data_group_id(self, group: str) -> str:
        """Return the number that the Query API uses for a group key.

        Parameters
        ----------
        group : str
            The group key.

        Returns
        -------
        str
            A negative whole number, as in `Project.group_keys`. It is the same in every emulator.

        Examples
        --------
        >>> mpd.Emulator().data_group_id("company") == mpd.Emulator().data_group_id("company")
        True
        """
        return data_group_id(group)

    # -- aliases and cohorts ------------------------------------------------------------------------------------------

    def add_alias(self, alias: str, identity: str) -> None:
        """Make `alias` another id of the user `identity`, as if the two ids were merged.

        Updates of the alias then change the profile of `identity`, unless they contain ``$ignore_alias``. Queries find a profile
        only by its own id. If the alias has a profile of its own, that profile is removed, as Mixpanel documents it for
        anonymous ids (``$device:...``).

        Parameters
        ----------
        alias : str
            The other id.
        identity : str
            The id of the user, who need not have a profile yet.

        Examples
        --------
        >>> import requests
        >>> emulator = mpd.Emulator()
        >>> emulator.add_alias("ann@example.org", "ann")
        >>> with requests.Session() as session:
        ...     session.mount(emulator.url, emulator.adapter())
        ...     record = {"$token": emulator.token, "$distinct_id": "ann@example.org", "$set": {"plan": "pro"}}
        ...     session.post(f"{emulator.url}/engage", json=record).text
        '1'
        >>> emulator.profile("ann")["plan"]
        'pro'
        """
        with self._lock:
            self._store.alias(self.token, str(alias), str(identity), self._clock())

    def add_cohort(self, name: str, ids: Iterable[str]) -> int:
        """Add a cohort: a list of ids with a name.

        Parameters
        ----------
        name : str
            The name of the cohort.
        ids : iterable of str
            The ids of its users.

        Returns
        -------
        int
            The number of the cohort, for queries with ``filter_by_cohort={"id": 1}``.

        Examples
        --------
        >>> emulator = mpd.Emulator()
        >>> emulator.add_cohort("paying", ["ann", "bob"])
        1
        """
        with self._lock:
            return self._reader.add_cohort(name, ids, self._clock())

    # -- failures -----------------------------------------------------------------------------------------------------

    def fail(
        self,
        fault: str | int,
        *,
        times: int | None = 1,
        skip: int = 0,
        when: Callable[[WireRequest], bool] | None = None,
        on: RequestKind = "write",
        **details: Any,
    ) -> None:
        """Make the next requests fail.

        Parameters
        ----------
        fault : str or int
            The name of a fault, see Notes, or the HTTP status of the answer.
        times : int or None, default 1
            How many requests fail. A request gets the first of these faults that fits it. None: all requests fail, in addition
            to other faults.
        skip : int, default 0
            How many fitting requests succeed first.
        when : callable, optional
            A function that returns whether the fault fits a request, which has ``path``, ``fields``, ``records`` and ``nbytes``.
        on : {"write", "read"}, default "write"
            Whether requests that write fail, or requests that read.
        **details
            Details of the fault, see Notes.

        Raises
        ------
        OperationError
            If the fault does not exist, or does not have one of the details.

        Notes
        -----
        Faults that replace the right answer, with their details and defaults; `applied` decides whether the records are applied:

        - ``status``: `status` (500), `body` (text, or an object for JSON), `headers`, `retry_after` (seconds, a datetime, or
          any text), `location`, `applied` (False)
        - ``garbage``: 200 with a meaningless `body`; `applied` (True)
        - ``zero``: 200 with a bare 0; `applied` (False)
        - ``rejected``: 200 with status 0 and one `error` that names no record; `applied` (False)
        - ``echo``: an error that repeats the first record, including its token; `status` (400)
        - ``too_large``: 413 if the body has more than `limit` bytes

        Faults without a complete answer:

        - ``closed``, ``reset``: the connection is closed or reset; `applied` (False)
        - ``timeout``: no answer until the client gives up; `applied` (True)
        - ``truncated``, ``stalled``: in the middle of the right answer, the connection ends or stalls
        - ``refused``, ``unresolved``, ``connect_timeout``, ``tls``, ``proxy``: no connection; only with `adapter` (a closed
          emulator refuses connections, too)

        Faults that change the right answer:

        - ``refuse``: records for which the function `record` returns True are refused with `message`; `naming`, `count` and
          `partial` are those of `StrictShape`
        - ``shuffle``: the records of a request are applied in another order; `seed` (0)
        - ``delay``: the answer comes after `seconds`; the records are applied before that
        - ``content_type``: the answer has another content type; `kind` ("text/html")

        Examples
        --------
        >>> emulator = mpd.Emulator()
        >>> emulator.fail(429, retry_after=2)
        >>> emulator.fail("reset", applied=True, skip=1)
        >>> emulator.fail("refuse", record=lambda record: record["$distinct_id"] == "bob", times=None)
        """
        name, details = (
            ("status", {"status": fault, **details}) if isinstance(fault, int) else (fault, details)
        )
        with self._lock:
            self._cues.add(name, details, times=times, skip=skip, when=when, on=on)

    def heal(self) -> None:
        """Remove all faults that have not happened yet.

        Examples
        --------
        >>> emulator = mpd.Emulator()
        >>> emulator.fail(503, times=None)
        >>> emulator.heal()
        """
        with self._lock:
            self._cues = Cues()

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> WireResponse:
        """Answer one request.

        The server and the adapter both return this answer, so they always agree. The records are applied when this returns.

        Parameters
        ----------
        method : str
            The method, such as ``"POST"``.
        target : str
            The path with its query, such as ``"/engage?verbose=1"``.
        headers : mapping
            Name in lower case -> value.
        body : bytes
            The body as it was sent.

        Returns
        -------
        WireResponse
            The answer, with ``status``, ``headers`` and ``body``.

        Examples
        --------
        >>> mpd.Emulator().answer("GET", "/nothing", {}, b"").status
        404
        """
        with self.exchange(method, target, headers, body) as response:
            return response

    @contextmanager
    def exchange(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> Iterator[WireResponse]:
        """Answer one request. If it is a query, it counts as running until the end of the ``with`` block.

        Parameters
        ----------
        method, target : str
            As for `answer`.
        headers : mapping
            As for `answer`.
        body : bytes
            As for `answer`.

        Yields
        ------
        WireResponse
            The answer, as `answer` returns it.

        Examples
        --------
        >>> emulator = mpd.Emulator()
        >>> with emulator.exchange("GET", "/api/app/me", {}, b"") as response:
        ...     response.status
        401
        """
        request = read_request(method, target, headers, body)
        with self._lock:
            now, budget = self._clock(), self._reader.budget
            response = self._answer(request, Terms(now, self._strict))
            if origin := request.headers.get("origin"):
                response = with_origin(response, origin)
            if response.ending not in NO_CONNECTION:
                self._requests.append(Received.of(self._arrived, request, response, now))
                self._arrived += 1
            runs = READS.get(request.path, "me") != "me" and response.status not in _NOT_RUN
            budget.running += runs
        try:
            yield response
        finally:
            with self._lock:
                budget.running -= runs

    def _answer(self, request: WireRequest, terms: Terms) -> WireResponse:
        if request.path not in _ENDPOINTS:
            return answer_json(404, {"error": f"no endpoint {request.path}", "status": "error"})
        if request.method == "OPTIONS":
            return answer_preflight(request)
        if request.method not in {"GET", "POST"}:
            return answer_json(405, {"error": f"{request.method} is not allowed", "status": "error"})
        if len(request.target) > _TARGET_LIMIT:
            return answer_html(414)
        if "transfer-encoding" in request.headers:
            return answer_html(411)
        kind, endpoint = _ENDPOINTS[request.path]
        return self._cues.around(request, kind, partial(endpoint, self, request))(terms)

    def _write(self, request: WireRequest, terms: Terms) -> WireResponse:
        return ingest(self._store, request, terms)

    def _read(self, request: WireRequest, terms: Terms) -> WireResponse:
        return self._reader.answer(request, terms.now)


#: Statuses with which a query is refused before it runs.
_NOT_RUN = (401, 402, 403, 429)

_ENDPOINTS: dict[str, tuple[RequestKind, Callable[[Emulator, WireRequest, Terms], WireResponse]]] = {
    "/engage": ("write", Emulator._write),
    "/groups": ("write", Emulator._write),
    **dict.fromkeys(READS, ("read", Emulator._read)),
}

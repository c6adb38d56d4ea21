"""One attempt -> an `Answer`: the only module that speaks HTTP.

requests finds the way (proxies and certificates of the environment, TLS), once for each worker. urllib3 goes it, request after
request: what requests does around that takes the interpreter as long again, and all workers share one.
"""

from __future__ import annotations

import os
import socket
import ssl
import time
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mixpanel_pandas.delivery.answers import ANSWER_BYTES, Answer, Evidence, read, seconds_to_wait
from mixpanel_pandas.delivery.redaction import redact
from mixpanel_pandas.errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from requests.adapters import HTTPAdapter
    from urllib3 import BaseHTTPResponse, Timeout

    from mixpanel_pandas.project import Project

__all__ = ["Session", "address", "attempt", "secrets_of"]

#: Seconds to wait for a connection at most: longer than that, nobody is there.
CONNECT_SECONDS = 10.0

HEADERS = {"Content-Type": "application/json", "Accept": "*/*", "Accept-Encoding": "identity"}


def address(project: Project, endpoint: str) -> str:
    """Return where updates are posted: no look-up of addresses, every record checked, an answer in JSON."""
    return f"{project.base}/{endpoint}?ip=0&strict=1&verbose=1"


def secrets_of(project: Project) -> tuple[str, ...]:
    """Return the texts that no message may hold."""
    passwords = [part for url in _proxies(project).values() for part in _credentials(url)]
    return tuple(secret for secret in (project.token, *passwords) if secret)


def _credentials(url: str) -> list[str]:
    """Return what stands before the @ of an address, as a whole and in parts; no parser is needed to be right about the rest."""
    before, at, _host = url.rpartition("@")
    credentials = before.rpartition("//")[2] if at else ""
    return [credentials, *credentials.partition(":")[::2]]


class Session:
    """What one worker sends with: one connection, no retries of its own, no redirects, no cookies, no ``.netrc``.

    Proxies and certificates that the environment names are honoured, but loopback hosts are reached directly.

    Raises
    ------
    ProjectError
        If the environment names a file of certificates that does not exist.
    """

    def __init__(self, project: Project) -> None:
        self.certificates = _certificates() or True
        self.proxies = _proxies(project)
        self._opened: list[Any] = []  # at most one connection
        self._adapter = _adapter(self._opened)
        self._ways: dict[str, tuple[Any, str]] = {}

    def post(self, url: str, body: bytes, timeout: Timeout) -> BaseHTTPResponse:
        """Make one request."""
        if url not in self._ways:
            self._ways[url] = self._way(url)
        pool, target = self._ways[url]
        response: BaseHTTPResponse = pool.urlopen(
            "POST", target, body, HEADERS,
            retries=False, redirect=False, assert_same_host=False, timeout=timeout, preload_content=False,
        )  # fmt: skip
        return response

    def _way(self, url: str) -> tuple[Any, str]:
        """Return the connections that lead to an address, by a proxy or not, and what is asked for there."""
        import requests

        request = requests.Request("POST", url).prepare()
        pool = self._adapter.get_connection_with_tls_context(request, self.certificates, self.proxies)
        self._adapter.cert_verify(pool, url, self.certificates, None)  # type: ignore[no-untyped-call]
        return pool, self._adapter.request_url(request, self.proxies)

    def abort(self) -> None:
        """End what is on the wire: a worker that waits for an answer stops waiting."""
        for connection in self._opened:
            if (wire := getattr(connection, "sock", None)) is not None:
                try:
                    socket.socket.shutdown(wire, socket.SHUT_RDWR)
                except OSError:
                    continue  # it has just ended by itself

    def close(self) -> None:
        """Close the connection."""
        self._adapter.close()


def attempt(
    session: Session,
    url: str,
    body: bytes,
    *,
    records: int,
    timeout: float,
    secrets: tuple[str, ...] = (),
) -> Answer:
    """Post `body` once and return what the answer, or its absence, says.

    Parameters
    ----------
    session : Session
        Of the worker.
    url : str
        As `address` makes it.
    body : bytes
        A JSON array.
    records : int
        How many records `body` holds.
    timeout : float
        Seconds to wait for an answer.
    secrets : tuple of str
        What no text may hold.
    """
    import requests
    import urllib3

    of_urllib3 = urllib3.exceptions
    errors = (requests.RequestException, of_urllib3.HTTPError, of_urllib3.ProxySchemeUnsupported, OSError)
    try:
        response = session.post(
            url, body, urllib3.Timeout(connect=min(timeout, CONNECT_SECONDS), read=timeout)
        )
    except errors as error:
        return _unanswered(error, secrets)
    with response:
        try:
            found = _bounded(response.stream(65_536))
        except errors as error:
            return replace(_unanswered(error, secrets), evidence="unclear", status_code=response.status)
    retry_after = seconds_to_wait(response.headers.get("Retry-After"), time.time())
    return read(response.status, found, records, retry_after=retry_after, secrets=secrets)


def _unanswered(error: Exception, secrets: tuple[str, ...]) -> Answer:
    causes = list(_causes(error))
    # the last text: some exceptions hold a connection beside it
    words = next((arg for arg in reversed(causes[-1].args) if isinstance(arg, str)), str(causes[-1]))
    text = redact(f"{type(error).__name__}: {words}", secrets)
    return Answer(_evidence_of_exception(causes), error=text, complete=False)


def _bounded(chunks: Iterable[bytes]) -> bytes:
    """Return what arrives, up to the first piece that makes it too long."""
    body = b""
    for chunk in chunks:
        body += chunk
        if len(body) > ANSWER_BYTES:
            break
    return body


def _evidence_of_exception(causes: list[BaseException]) -> Evidence:
    """Return whether an exception proves that nothing was sent; the most specific class among its causes decides."""
    from requests import RequestException
    from urllib3 import exceptions as of_urllib3

    table: tuple[tuple[type[BaseException], Evidence], ...] = (
        (RequestException, "no_connection"),  # it finds the way and no more
        (of_urllib3.NewConnectionError, "no_connection"),
        (of_urllib3.ConnectTimeoutError, "no_connection"),
        (of_urllib3.ProtocolError, "unclear"),  # TLS that broke later is one, too: see `_adapter`
        (ConnectionResetError, "unclear"),
        (of_urllib3.ProxyError, "no_connection"),
        (of_urllib3.LocationParseError, "no_connection"),  # of a proxy, as the next two: ours is checked
        (of_urllib3.ProxySchemeUnknown, "no_connection"),
        (of_urllib3.ProxySchemeUnsupported, "no_connection"),
        (of_urllib3.SSLError, "no_connection"),
        (ConnectionRefusedError, "no_connection"),
        (socket.gaierror, "no_connection"),
        (BaseException, "unclear"),  # read timeouts, and whatever is not known
    )
    return next(evidence for kind, evidence in table if any(isinstance(cause, kind) for cause in causes))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and what it wraps, as urllib3 and requests wrap it."""
    yield error
    inner = [*error.args, getattr(error, "reason", None), error.__cause__]
    for cause in dict.fromkeys(cause for cause in inner if isinstance(cause, BaseException)):
        yield from _causes(cause)


def _proxies(project: Project) -> dict[str, str]:
    """Return the proxies that the environment names for a project's host."""
    from requests.utils import get_environ_proxies

    return {} if _is_loopback(project.base) else get_environ_proxies(project.base)


def _certificates() -> str | None:
    """Return the file of certificates that the environment names for requests."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        if path := os.environ.get(name):
            if not Path(path).exists():
                msg = f"{name} names {path!r}, which does not exist: correct it, or unset it"
                raise ProjectError(msg)
            return path
    return None


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _adapter(opened: list[Any]) -> HTTPAdapter:
    """Return an adapter that keeps its open connection in a list, and tells a failed handshake from a broken read."""
    from requests.adapters import HTTPAdapter
    from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
    from urllib3.exceptions import NewConnectionError, ProtocolError

    @contextmanager
    def broken() -> Iterator[None]:
        try:
            yield
        except ssl.SSLError as error:
            msg = "Connection broken."
            raise ProtocolError(msg, error) from error

    def remembering(pool: Any) -> Any:
        class Connection(pool.ConnectionCls):  # type: ignore[misc]  # the class is urllib3's choice
            def connect(self) -> None:
                try:
                    super().connect()
                except OSError as error:  # the handshake is part of it
                    raise NewConnectionError(self, str(error)) from error
                opened[:] = [self]

            def request(self, *args: Any, **kwargs: Any) -> None:
                with broken():
                    super().request(*args, **kwargs)

            def getresponse(self) -> Any:
                with broken():
                    return super().getresponse()

        return type(pool.__name__, (pool,), {"ConnectionCls": Connection})

    pools = {"http": remembering(HTTPConnectionPool), "https": remembering(HTTPSConnectionPool)}

    class Adapter(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            super().init_poolmanager(*args, **kwargs)
            self.poolmanager.pool_classes_by_scheme = pools

        def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
            manager = super().proxy_manager_for(*args, **kwargs)
            manager.pool_classes_by_scheme = pools
            return manager

    return Adapter(max_retries=0, pool_connections=1, pool_maxsize=1)

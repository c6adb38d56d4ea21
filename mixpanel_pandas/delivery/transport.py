"""One attempt -> an `Answer`: the only module that speaks HTTP."""

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
    from collections.abc import Iterator

    import requests
    from requests.adapters import HTTPAdapter

    from mixpanel_pandas.project import Project

__all__ = ["abort", "address", "attempt", "secrets_of", "session"]

#: Seconds to wait for a connection at most: longer than that, nobody is there.
CONNECT_SECONDS = 10.0


def address(project: Project, endpoint: str) -> str:
    """Return where updates are posted: no look-up of addresses, every record checked, an answer in JSON."""
    return f"{project.base}/{endpoint}?ip=0&strict=1&verbose=1"


def secrets_of(project: Project) -> tuple[str, ...]:
    """Return the texts that no message may hold."""
    from requests.utils import get_environ_proxies

    proxies = {} if _is_loopback(project.base) else get_environ_proxies(project.base)
    passwords = [part for url in proxies.values() for part in _credentials(url)]
    return tuple(secret for secret in (project.token, *passwords) if secret)


def _credentials(url: str) -> list[str]:
    """Return what stands before the @ of an address, as a whole and in parts; no parser is needed to be right about the rest."""
    before, at, _host = url.rpartition("@")
    credentials = before.rpartition("//")[2] if at else ""
    return [credentials, *credentials.partition(":")[::2]]


def session(project: Project) -> requests.Session:
    """Return a session for one worker: one connection, no retries of its own, no redirects, no cookies, no ``.netrc``.

    Proxies and certificates that the environment names are honoured, but loopback hosts are reached directly.

    Raises
    ------
    ProjectError
        If the environment names a file of certificates that does not exist.
    """
    from http.cookiejar import DefaultCookiePolicy

    import requests
    from requests.utils import get_environ_proxies

    session = requests.Session()
    session.trust_env = False  # it stands for .netrc, too; the rest of the environment is read here
    session.verify = _certificates() or True
    session.proxies = {} if _is_loopback(project.base) else get_environ_proxies(project.base)
    session.headers.update(
        {"Content-Type": "application/json", "Accept": "*/*", "Accept-Encoding": "identity"}
    )
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    # requests would read the whole body of a redirect even where it does not follow it
    session.get_redirect_target = lambda resp: None  # type: ignore[method-assign]  # the one seam for it
    session.mount("https://", adapter := _adapter())
    session.mount("http://", adapter)
    return session


def attempt(
    session: requests.Session,
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
    session : requests.Session
        As `session` makes it.
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

    errors = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)
    waits = (min(timeout, CONNECT_SECONDS), timeout)
    try:
        response = session.send(
            _request(session, url, body), timeout=waits, allow_redirects=False, stream=True
        )
    except errors as error:
        return _unanswered(error, secrets)
    with response:
        try:
            found = _bounded(response.iter_content(65_536))
        except errors as error:
            return replace(_unanswered(error, secrets), evidence="unclear", status_code=response.status_code)
    retry_after = seconds_to_wait(response.headers.get("Retry-After"), time.time())
    return read(response.status_code, found, records, retry_after=retry_after, secrets=secrets)


def _request(session: requests.Session, url: str, body: bytes) -> requests.PreparedRequest:
    """Return the one request of a session: the next differs in its body, and to prepare it afresh costs a third of sending it."""
    import requests

    prepared: requests.PreparedRequest | None = vars(session).get("prepared")
    if prepared is None or prepared.url != url:
        prepared = session.prepare_request(requests.Request("POST", url))
        vars(session)["prepared"] = prepared
    prepared.prepare_body(body, None)
    return prepared


def _unanswered(error: Exception, secrets: tuple[str, ...]) -> Answer:
    causes = list(_causes(error))
    # the last text: some exceptions hold a connection beside it
    words = next((arg for arg in reversed(causes[-1].args) if isinstance(arg, str)), str(causes[-1]))
    text = redact(f"{type(error).__name__}: {words}", secrets)
    return Answer(_evidence_of_exception(causes), error=text)


def _bounded(chunks: Iterator[bytes]) -> bytes:
    """Return what arrives, up to the first piece that makes it too long."""
    body = b""
    for chunk in chunks:
        body += chunk
        if len(body) > ANSWER_BYTES:
            break
    return body


def _evidence_of_exception(causes: list[BaseException]) -> Evidence:
    """Return whether an exception proves that nothing was sent; the most specific class among its causes decides.

    A ``ConnectionError`` of requests may be either, so that what it wraps is looked at.
    """
    from requests import exceptions as of_requests
    from urllib3 import exceptions as of_urllib3

    table: tuple[tuple[type[BaseException], Evidence], ...] = (
        (of_urllib3.NewConnectionError, "no_connection"),
        (of_urllib3.ConnectTimeoutError, "no_connection"),
        (of_requests.ConnectTimeout, "no_connection"),
        (of_urllib3.ProtocolError, "unclear"),  # TLS that broke later is one, too: see `_adapter`
        (ConnectionResetError, "unclear"),
        (of_requests.ProxyError, "no_connection"),
        (of_requests.InvalidURL, "no_connection"),  # of a proxy, as all of these: ours is checked
        (of_requests.InvalidSchema, "no_connection"),
        (of_requests.MissingSchema, "no_connection"),
        (of_urllib3.LocationParseError, "no_connection"),
        (of_urllib3.ProxySchemeUnknown, "no_connection"),
        (of_urllib3.ProxySchemeUnsupported, "no_connection"),
        (of_requests.SSLError, "no_connection"),
        (ConnectionRefusedError, "no_connection"),
        (socket.gaierror, "no_connection"),
        (BaseException, "unclear"),  # read timeouts, and whatever is not known
    )
    return next(evidence for kind, evidence in table if any(isinstance(cause, kind) for cause in causes))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and what it wraps, as requests and urllib3 wrap it."""
    yield error
    inner = [*error.args, getattr(error, "reason", None), error.__cause__]
    for cause in dict.fromkeys(cause for cause in inner if isinstance(cause, BaseException)):
        yield from _causes(cause)


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


def abort(session: requests.Session) -> None:
    """End what is on the wire: a worker that waits for an answer stops waiting."""
    for adapter in session.adapters.values():
        getattr(adapter, "abort", lambda: None)()


def _adapter() -> HTTPAdapter:
    """Return an adapter that knows its open connection, and tells a failed handshake from a broken read."""
    from requests.adapters import HTTPAdapter
    from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
    from urllib3.exceptions import NewConnectionError, ProtocolError

    opened: list[Any] = []  # at most one: a session serves one worker

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

        def abort(self) -> None:
            for connection in opened:
                if (wire := getattr(connection, "sock", None)) is not None:
                    try:
                        socket.socket.shutdown(wire, socket.SHUT_RDWR)
                    except OSError:
                        continue  # it has just ended by itself

    return Adapter(max_retries=0, pool_connections=1, pool_maxsize=1)

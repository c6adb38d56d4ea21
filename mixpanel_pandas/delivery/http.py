"""`Request` -> `Response` or `Failure`: how requests go out, over requests.

A client sends through an adapter, as a session of requests does: that of the project, or one of ours with a single connection.
What an answer proves is decided in `answers`.
"""

from __future__ import annotations

import os
import time
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mixpanel_pandas.delivery.messages import ANSWER_BYTES, Failure, Request, Response
from mixpanel_pandas.errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from requests import PreparedRequest
    from requests import Response as RequestsResponse

    from mixpanel_pandas.project import Project

__all__ = ["Client", "address", "secrets_of"]

#: Variables of the environment that may name a file of certificates: those of requests, then OpenSSL's. The first counts.
CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


class Client:
    """What one worker sends with: one connection, no retries of its own, no redirects, no cookies, no ``.netrc``.

    Proxies and certificates that the environment names are honoured, but loopback hosts are reached directly. One thread at a
    time may use it; `cut` is for any other.

    Parameters
    ----------
    project : Project
        Where requests go. Its adapter, if it has one, is used, and left open.

    Raises
    ------
    ProjectError
        If the environment names a file of certificates that does not exist.
    """

    def __init__(self, project: Project) -> None:
        from mixpanel_pandas.delivery import connection

        self._certificates = _certificates() or True
        self._proxies = _proxies(project)
        self._line = connection.Line()
        self._own = None if project.adapter is not None else connection.ClientAdapter(self._line)
        self._adapter: Any = project.adapter or self._own
        self._connect_seconds, self._errors = connection.CONNECT_SECONDS, connection.ERRORS
        self._failure, self._already_read = connection.failure_of, connection.ReadResponse
        self._prepared: dict[tuple[Any, ...], PreparedRequest] = {}

    def send(self, request: Request, *, timeout: float, until: float = float("inf")) -> Response | Failure:
        """Make one request and return what comes back.

        Parameters
        ----------
        request : Request
            What goes out.
        timeout : float
            Seconds that sending may take, and after that the whole answer.
        until : float
            When the request ends whatever it is doing, on the clock of ``time.monotonic``.
        """
        left = min(timeout, until - time.monotonic())
        if self._line.is_cut or left <= 0:
            return Failure("the time was over before it was sent", "no_connection")
        self._line.limit(timeout, until)
        try:
            response = self._adapter.send(
                self._prepare(request), stream=True, timeout=(min(left, self._connect_seconds), left),
                verify=self._certificates, cert=None, proxies=self._proxies,
            )  # fmt: skip
        except self._errors as error:
            return self._failure(error)
        return self._read(response)

    def cut(self) -> None:
        """End what is on the wire, and let nothing out any more."""
        self._line.cut()

    def close(self) -> None:
        """Close the connection."""
        self._line.close()
        if self._own is not None:
            self._own.close()

    def _prepare(self, request: Request) -> PreparedRequest:
        """Return a request as an adapter takes it: made once for each address, and copied for each body."""
        key = (request.method, request.url, *request.headers.items())
        if key not in self._prepared:
            from requests import Request as Unprepared

            self._prepared[key] = Unprepared(request.method, request.url, dict(request.headers)).prepare()
        prepared = self._prepared[key].copy()
        if request.body:
            prepared.body = request.body
            prepared.headers["Content-Length"] = str(len(request.body))
        return prepared

    def _read(self, response: RequestsResponse) -> Response:
        """Return an answer with its body, and why it proves nothing, if so."""
        body, flaw = b"", _coding(response.headers)
        if isinstance(response.raw, self._already_read):
            body, flaw = response.raw.content, response.raw.flaw or flaw
            response.raw.release_conn()
        elif flaw is None:
            body, flaw = self._body(response)
        response.close()
        return Response(response.status_code, response.headers, body[:ANSWER_BYTES], flaw)

    def _body(self, response: RequestsResponse) -> tuple[bytes, str | None]:
        """Return the body of an answer of a foreign adapter, with no more read than `ANSWER_BYTES` and a piece."""
        body = b""
        try:
            for piece in response.iter_content(65_536):
                body += piece
                if len(body) > ANSWER_BYTES:
                    return body, f"it is longer than {ANSWER_BYTES:,} bytes"
        except self._errors as error:
            return body, f"its body broke off: {self._failure(error).text}"
        return body, None


def address(project: Project, endpoint: str) -> str:
    """Return where updates are posted: IP addresses are not looked up, every record is checked, the answer is JSON."""
    return f"{project.base}/{endpoint}?ip=0&strict=1&verbose=1"


def secrets_of(project: Project) -> tuple[str, ...]:
    """Return the texts that no message may hold."""
    passwords = [part for url in _proxies(project).values() for part in _credentials(url)]
    return tuple(secret for secret in (project.token, *passwords) if secret)


def _credentials(url: str) -> list[str]:
    """Return what comes before the @ of an address, as a whole and in parts, also where the address cannot be parsed."""
    before, at, _host = url.rpartition("@")
    credentials = before.rpartition("//")[2] if at else ""
    return [credentials, *credentials.partition(":")[::2]]


def _coding(headers: Mapping[str, str]) -> str | None:
    """Return why an answer proves nothing if it is compressed: a few bytes may unpack to more than memory holds."""
    coding = headers.get("Content-Encoding", "").strip().casefold()
    return None if coding in {"", "identity"} else f"it is compressed ({coding}), which nobody asked for"


def _proxies(project: Project) -> dict[str, str]:
    """Return the proxies that the environment names for a project's host."""
    from requests.utils import get_environ_proxies

    return {} if _is_loopback(project.base) else get_environ_proxies(project.base)


def _certificates() -> str | None:
    """Return the file of certificates that the environment names."""
    for name in CERTIFICATES:
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

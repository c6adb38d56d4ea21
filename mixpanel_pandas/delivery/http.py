"""`Request` -> `Response` or `Failure`, over the library requests.

A client sends through an adapter, as a session of requests does. It is the adapter of the project, or one of ours with a single
connection. `answers` decides what a response proves.
"""

from __future__ import annotations

import os
import time
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mixpanel_pandas.delivery.messages import Failure, Request, Response
from mixpanel_pandas.errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from requests import PreparedRequest
    from requests import Response as RequestsResponse

    from mixpanel_pandas.project import Project

__all__ = ["Client", "address_of", "secrets_of"]

#: Environment variables that may name a file of certificates: those of requests, then that of OpenSSL. The first one counts.
CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


class Client:
    """The HTTP client of one worker: one connection, no retries, no redirects, no cookies, no ``.netrc``.

    It honours the proxies and certificates of the environment, but reaches loopback hosts directly. One thread at a time may use
    it. Any thread may call `cut`.

    Parameters
    ----------
    project : Project
        The project. If it has an adapter, requests go out through that. It is not closed.
    base : str, optional
        The address of all requests, without a path. By default that of updates.

    Raises
    ------
    ProjectError
        If the environment names a file of certificates that does not exist.
    """

    def __init__(self, project: Project, base: str | None = None) -> None:
        from mixpanel_pandas.delivery import connection

        self._certificates = _certificates() or True
        self._proxies = _proxies(base or project.base)
        self._line = connection.Line()
        self._own = None if project.adapter is not None else connection.ClientAdapter(self._line)
        self._adapter: Any = project.adapter or self._own
        self._connect_seconds, self._errors = connection.CONNECT_SECONDS, connection.ERRORS
        self._failure, self._already_read = connection.failure_of, connection.ReadResponse
        self._prepared: dict[tuple[Any, ...], PreparedRequest] = {}

    def send(self, request: Request, *, timeout: float, until: float = float("inf")) -> Response | Failure:
        """Make one request, and return the response, or why there is none.

        Parameters
        ----------
        request : Request
            The request.
        timeout : float
            Seconds that sending may take, and after that the whole answer.
        until : float
            When the request ends in any case, on the clock of ``time.monotonic``.
        """
        left = min(timeout, until - time.monotonic())
        if self._line.is_cut or left <= 0:
            return Failure("the time ran out before it was sent", "no_connection")
        self._line.limit(timeout, until, request.answer_bytes)
        try:
            response = self._adapter.send(
                self._prepare(request), stream=True, timeout=(min(left, self._connect_seconds), left),
                verify=self._certificates, cert=None, proxies=self._proxies,
            )  # fmt: skip
        except self._errors as error:
            return self._failure(error)
        return self._read(response, request.answer_bytes)

    def cut(self) -> None:
        """End the request on the wire, and send nothing any more."""
        self._line.cut()

    def close(self) -> None:
        """Close the connection."""
        self._line.close()
        if self._own is not None:
            self._own.close()

    def _prepare(self, request: Request) -> PreparedRequest:
        """Return a request as an adapter takes it. It is prepared once for each address, and copied for each body."""
        key = (request.method, request.url, *request.headers.items())
        if key not in self._prepared:
            from requests import Request as Unprepared

            self._prepared[key] = Unprepared(request.method, request.url, dict(request.headers)).prepare()
        prepared = self._prepared[key].copy()
        if request.body:
            prepared.body = request.body
            prepared.headers["Content-Length"] = str(len(request.body))
        return prepared

    def _read(self, response: RequestsResponse, most: int) -> Response:
        """Return a response with its body, and with its flaw if it has one."""
        body, flaw = b"", _coding(response.headers)
        if isinstance(response.raw, self._already_read):
            body, flaw = response.raw.content, response.raw.flaw or flaw
            response.raw.release_conn()
        elif flaw is None:
            body, flaw = self._body(response, most)
        response.close()
        return Response(response.status_code, response.headers, body[:most], flaw)

    def _body(self, response: RequestsResponse, most: int) -> tuple[bytes, str | None]:
        """Return the body from another adapter and its flaw. Read no more than `most` bytes and a piece."""
        body = bytearray()
        try:
            for piece in response.iter_content(65_536):
                body += piece
                if len(body) > most:
                    return bytes(body), f"it is longer than {most:,} bytes"
        except self._errors as error:
            return bytes(body), f"its body broke off: {self._failure(error).text}"
        return bytes(body), None


def address_of(project: Project, endpoint: str) -> str:
    """Return the address to post updates to. IP addresses are not looked up, all records are checked, the answer is JSON."""
    return f"{project.base}/{endpoint}?ip=0&strict=1&verbose=1"


def secrets_of(project: Project) -> tuple[str, ...]:
    """Return the texts to redact in messages: the token, the secret of the service account, and the passwords of proxies."""
    proxies = {**_proxies(project.base), **_proxies(project.query_base)}
    passwords = [text for url in proxies.values() for text in _credentials(url)]
    return tuple(secret for secret in (project.token, project.secret, *passwords) if secret)


def _credentials(url: str) -> list[str]:
    """Return what stands before the @ of an address, as a whole, and its user and password. The address may be malformed."""
    before, at, _host = url.rpartition("@")
    credentials = before.rpartition("//")[2] if at else ""
    return [credentials, *credentials.partition(":")[::2]]


def _coding(headers: Mapping[str, str]) -> str | None:
    """Return the flaw of a compressed response. It is not decompressed, as a few bytes may become more than memory holds."""
    coding = headers.get("Content-Encoding", "").strip().casefold()
    return (
        None
        if coding in {"", "identity"}
        else f"it is compressed ({coding}), but the request asked for an uncompressed one"
    )


def _proxies(base: str) -> dict[str, str]:
    """Return the proxies of the environment for an address."""
    from requests.utils import get_environ_proxies

    return {} if _is_loopback(base) else get_environ_proxies(base)


def _certificates() -> str | None:
    """Return the file of certificates of the environment, if it names one."""
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

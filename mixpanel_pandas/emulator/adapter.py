"""The emulator without sockets: a transport adapter for `requests`.

It replaces only the innermost layer, urllib3's pool of connections. The pool raises what urllib3 raises, and `requests` handles
that as it does on the network.
"""

from __future__ import annotations

import errno
import io
import os
import socket
import ssl
from functools import partial
from http.client import RemoteDisconnected
from typing import TYPE_CHECKING, Any, NoReturn

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPResponse
from urllib3.connection import HTTPConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from requests import PreparedRequest
    from requests import Response as Answered
    from urllib3.util import Timeout

    from mixpanel_pandas.emulator.server import AnswerFunction
    from mixpanel_pandas.emulator.wire import Ending, WireResponse

__all__ = ["EmulatorAdapter"]


#: The message of urllib3 when a connection ends before an answer.
_ABORTED = "Connection aborted."


class EmulatorAdapter(HTTPAdapter):
    """Answers in place of the network. Mount it on a `requests.Session`, or pass it as the `adapter` of a `Project`."""

    def __init__(self, answer: AnswerFunction) -> None:
        super().__init__()
        self.poolmanager.pool_classes_by_scheme = {
            scheme: partial(_Pool, answer, scheme) for scheme in ("http", "https")
        }

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Answered:
        """Answer a request, without any proxy."""
        kwargs["proxies"] = None
        return super().send(request, *args, **kwargs)


class _Pool(HTTPConnectionPool):
    """A pool without connections."""

    def __init__(
        self, answer: AnswerFunction, scheme: str, host: str, port: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(host, port)
        self._answer, self.scheme = answer, scheme

    def __str__(self) -> str:
        """As messages show it."""
        return f"{self.scheme.upper()}ConnectionPool(host={self.host!r}, port={self.port!r})"

    def urlopen(  # type: ignore[override]  # only what requests passes
        self, method: str, url: str, body: Any = None, headers: Any = None, *, timeout: Timeout, **kwargs: Any
    ) -> HTTPResponse:
        """Return or raise what the emulator's answer becomes on the network."""
        response = self._answer(method, url, dict(headers or {}), _bytes(body))
        if response.delay > (timeout.read_timeout or float("inf")):
            _no_answer(self, url, timeout)
        return _ENDINGS[response.ending](self, url, timeout, response)

    def connection(self) -> HTTPConnection:
        """Return a connection for error messages."""
        return HTTPConnection(self.host, self.port)


def _bytes(body: Any) -> bytes:
    """Return the body of a request, which `requests` may pass as text, bytes or an iterator."""
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    return body if isinstance(body, bytes) else b"".join(body)


class _Stalling(io.BytesIO):
    """A body that stalls: after the last byte it times out."""

    def read(self, *args: Any) -> bytes:
        piece = super().read(*args)
        if not piece:
            raise TimeoutError
        return piece


def _received(pool: _Pool, response: WireResponse, body: io.BytesIO) -> HTTPResponse:
    return HTTPResponse(
        body,
        response.headers,
        response.status,
        reason=response.reason,
        version=11,
        version_string="HTTP/1.1",
        preload_content=False,
        decode_content=False,
        pool=pool,
    )


def _complete(pool: _Pool, url: str, timeout: Timeout, response: WireResponse) -> HTTPResponse:
    return _received(pool, response, io.BytesIO(response.body))


def _truncated(pool: _Pool, url: str, timeout: Timeout, response: WireResponse) -> HTTPResponse:
    return _received(pool, response, io.BytesIO(response.first_half))


def _stalled(pool: _Pool, url: str, timeout: Timeout, response: WireResponse) -> HTTPResponse:
    return _received(pool, response, _Stalling(response.first_half))


def _no_answer(pool: _Pool, url: str, timeout: Timeout, response: object = None) -> NoReturn:
    raise ReadTimeoutError(pool, url, f"Read timed out. (read timeout={timeout.read_timeout})")


def _closed(pool: _Pool, url: str, timeout: Timeout, response: object) -> NoReturn:
    cause = RemoteDisconnected("Remote end closed connection without response")
    raise ProtocolError(_ABORTED, cause)


def _reset(pool: _Pool, url: str, timeout: Timeout, response: object) -> NoReturn:
    raise ProtocolError(_ABORTED, ConnectionResetError(*_words(errno.ECONNRESET)))


def _unconnected(reason: Callable[[_Pool, Timeout], HTTPError]) -> Callable[..., NoReturn]:
    """Return an ending in which no connection is made, because of `reason`."""

    def ending(pool: _Pool, url: str, timeout: Timeout, response: object) -> NoReturn:
        raise MaxRetryError(pool, url, reason(pool, timeout))

    return ending


def _refused(pool: _Pool, timeout: Timeout) -> NewConnectionError:
    number, words = _words(errno.ECONNREFUSED)
    return NewConnectionError(
        pool.connection(), f"Failed to establish a new connection: [Errno {number}] {words}"
    )


def _unresolved(pool: _Pool, timeout: Timeout) -> NameResolutionError:
    cause = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return NameResolutionError(pool.host, pool.connection(), cause)


def _too_slow(pool: _Pool, timeout: Timeout) -> ConnectTimeoutError:
    words = f"Connection to {pool.host} timed out. (connect timeout={timeout.connect_timeout})"
    return ConnectTimeoutError(pool.connection(), words)


def _tls(pool: _Pool, timeout: Timeout) -> SSLError:
    words = (
        "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer certificate"
    )
    return SSLError(ssl.SSLCertVerificationError(1, words))


def _proxy(pool: _Pool, timeout: Timeout) -> ProxyError:
    return ProxyError("Unable to connect to proxy", _refused(pool, timeout))


def _words(number: int) -> tuple[int, str]:
    return number, os.strerror(number)


_ENDINGS: dict[Ending, Callable[[_Pool, str, Timeout, WireResponse], HTTPResponse]] = {
    "complete": _complete,
    "truncated": _truncated,
    "stalled": _stalled,
    "silent": _no_answer,
    "closed": _closed,
    "reset": _reset,
    "refused": _unconnected(_refused),
    "unresolved": _unconnected(_unresolved),
    "connect_timeout": _unconnected(_too_slow),
    "tls": _unconnected(_tls),
    "proxy": _unconnected(_proxy),
}

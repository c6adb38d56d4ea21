"""Connections with a time limit for each request, which another thread can cut.

There is one subclass of urllib3's connection, and the adapter of requests that makes it. It differs from urllib3's own in
four ways:

- it skips every 1xx before the final answer;
- a time limit holds for the whole request and for the whole answer, not for each read;
- another thread can shut the socket down from the moment it exists;
- it closes the connection if there are bytes that may belong to the answer to another request.
"""

from __future__ import annotations

import io
import socket
import ssl
import threading
import time
from contextlib import suppress
from http.client import HTTPConnection as StandardConnection
from http.client import HTTPException, HTTPResponse
from typing import TYPE_CHECKING, Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPHeaderDict, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationParseError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    ProxySchemeUnknown,
    ProxySchemeUnsupported,
)
from urllib3.util.connection import allowed_gai_family
from urllib3.util.ssl_match_hostname import CertificateError
from urllib3.util.ssltransport import SSLTransport

from mixpanel_pandas.delivery.messages import ANSWER_BYTES, Failure
from mixpanel_pandas.delivery.reply import Reply, unread_of_tls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Literal

__all__ = ["CONNECT_SECONDS", "ERRORS", "ClientAdapter", "Line", "ReadResponse", "failure_of"]

#: Seconds that a connection may take at most, TLS and proxy included.
CONNECT_SECONDS = 10.0

#: Bytes that are handed to a socket at once; the time limit is checked before each piece.
PIECE = 1_048_576

#: What requests, urllib3, http.client and the system raise. Anything else is a bug of ours, and is raised as it is.
ERRORS = (requests.RequestException, HTTPError, ProxySchemeUnsupported, HTTPException, OSError)

#: Class of an exception or of one of its causes -> its evidence. "no_connection" means that surely nothing was sent. The first
#: row that fits counts.
_EVIDENCE: tuple[tuple[type[BaseException], Literal["no_connection", "unclear"]], ...] = (
    (NewConnectionError, "no_connection"),  # raised by us for any failure to connect, also of TLS or a proxy
    (ConnectTimeoutError, "no_connection"),
    (ProtocolError, "unclear"),
    (ConnectionResetError, "unclear"),
    (ProxyError, "no_connection"),
    (ssl.SSLCertVerificationError, "no_connection"),  # other errors of TLS may also come later
    (LocationParseError, "no_connection"),  # of a proxy, as the next two: the project's address is checked
    (ProxySchemeUnknown, "no_connection"),
    (ProxySchemeUnsupported, "no_connection"),
    (ConnectionRefusedError, "no_connection"),
    (socket.gaierror, "no_connection"),
    *((kind, "no_connection") for kind in (
        requests.ConnectTimeout, requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema,
        requests.exceptions.MissingSchema, requests.exceptions.ProxyError,
    )),
    (BaseException, "unclear"),  # reads that timed out, and anything else
)  # fmt: skip

#: Why an answer proves nothing that came while the request was still being sent.
EARLY = "it came before the whole request was sent"


class Line:
    """What a client shares with its connections: the time limits, and the sockets that another thread may shut down.

    Parameters
    ----------
    clock : callable
        Returns seconds, as ``time.monotonic`` does.

    Attributes
    ----------
    is_cut : bool
        Whether nothing may go out any more.
    answer_bytes : int
        The most bytes that are read of an answer.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.RLock()  # a signal handler may cut what its own thread is just cutting
        self._wires: dict[HTTPConnection, socket.socket] = {}
        self._timeout = self._until = self._ends = float("inf")
        self.is_cut: bool = False
        self.answer_bytes: int = ANSWER_BYTES

    def limit(self, timeout: float, until: float, answer_bytes: int = ANSWER_BYTES) -> None:
        """Set the limits of the next request."""
        self._timeout, self._until, self.answer_bytes = timeout, until, answer_bytes

    def begin(self, at_most: float = float("inf")) -> None:
        """Begin a phase of a request: connecting, sending or reading the answer. Each may take the timeout, or `at_most`."""
        self._ends = min(self._clock() + min(self._timeout, at_most), self._until)

    def left(self) -> float:
        """Return the seconds that are left for this phase.

        Raises
        ------
        TimeoutError
            If none are.
        """
        left = self._ends - self._clock()
        if left <= 0:
            msg = "timed out"
            raise TimeoutError(msg)
        return left

    def hold(self, connection: HTTPConnection, wire: socket.socket) -> None:
        """Keep a duplicate of the socket of `connection`, because TLS takes the original over."""
        with self._lock:
            self.check()
            self._wires[connection] = wire.dup()

    def let_go(self, connection: HTTPConnection) -> None:
        """Close the duplicate of the socket of `connection`."""
        with self._lock:
            wire = self._wires.pop(connection, None)
            if wire is not None:
                wire.close()

    def check(self) -> None:
        """Raise if the line is cut."""
        if self.is_cut:
            msg = "the upload ended before anything was sent"
            raise ConnectionAbortedError(msg)

    def cut(self) -> None:
        """Shut the sockets down. Threads that wait for them wake up, and no further byte goes out."""
        with self._lock:
            self.is_cut = True
            for wire in self._wires.values():
                with suppress(OSError):  # it is not connected yet, and checks again when it is
                    wire.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            connections = list(self._wires)
        for connection in connections:
            connection.close()


def failure_of(error: BaseException) -> Failure:
    """Return one of `ERRORS` as a text and the evidence that it gives."""
    causes = list(_causes(error))
    # the last text among the arguments of the innermost cause: some exceptions also hold a connection there
    words = next((arg for arg in reversed(causes[-1].args) if isinstance(arg, str)), str(causes[-1]))
    evidence = next(proof for kind, proof in _EVIDENCE if any(isinstance(cause, kind) for cause in causes))
    return Failure(f"{type(error).__name__}: {words}", evidence)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and the exceptions that it wraps, in the ways of urllib3 and requests."""
    yield error
    inner = [*error.args, getattr(error, "reason", None), error.__cause__]
    for cause in dict.fromkeys(cause for cause in inner if isinstance(cause, BaseException)):
        yield from _causes(cause)


def _packed(wire: Any) -> int:
    """Return how many bytes of a proxy's TLS were received and are not decrypted."""
    if not isinstance(wire, SSLTransport):
        return 0
    proxy: Any = wire.socket
    return wire.incoming.pending + int(proxy.pending())


class ReadResponse(urllib3.HTTPResponse):
    """A final answer, as requests expects it, whose body is read already.

    Attributes
    ----------
    content : bytes
        The body.
    flaw : str or None
        Why it proves nothing.
    """

    content: bytes = b""
    flaw: str | None = None


class _Connection(HTTPConnection):
    """The differences from urllib3's connection, as the top of this module lists them. `_pool_class` adds `line`, and TLS."""

    line: Line
    _connecting = _begun = _whole = False

    @property
    def is_connected(self) -> bool:
        """Whether it can be used again: nothing has arrived since the last answer."""
        return super().is_connected and not unread_of_tls(self.sock) and not _packed(self.sock)

    def _new_conn(self) -> socket.socket:
        """Connect to the first address that can be reached. The socket can be cut before it is connected."""
        try:
            addresses = socket.getaddrinfo(
                self._dns_host, self.port, allowed_gai_family(), socket.SOCK_STREAM
            )
        except UnicodeError as error:
            msg = f"host {self.host!r} is not a valid name"
            raise OSError(msg) from error
        failure = OSError("no address")
        for family, kind, protocol, _name, address in addresses:
            try:
                return self._reach(socket.socket(family, kind, protocol), address)
            except OSError as error:
                failure = error
        raise failure

    def _reach(self, wire: socket.socket, address: Any) -> socket.socket:
        try:
            for option in self.socket_options or ():
                wire.setsockopt(*option)
            self.line.hold(self, wire)
            wire.settimeout(self.line.left())
            wire.connect(address)
            self.line.check()
            wire.settimeout(self.line.left())  # for the handshake of TLS, which takes it over
        except BaseException:
            self.line.let_go(self)
            wire.close()
            raise
        return wire

    def connect(self) -> None:
        """Connect, with TLS and through a proxy if needed. If it fails, nothing of a request has gone out."""
        self.line.begin(CONNECT_SECONDS)
        self._connecting, self._begun = True, False
        try:
            super().connect()
        except (OSError, HTTPError, HTTPException, CertificateError) as error:
            raise NewConnectionError(self, str(error)) from error
        finally:
            self._connecting = False

    def request(self, *args: Any, **kwargs: Any) -> None:
        """Send a request."""
        self._begun = self._whole = False
        super().request(*args, **kwargs)
        self._whole = True

    def send(self, data: Any) -> None:
        """Send bytes of a request. While connecting, they are those of a CONNECT to a proxy."""
        if self.sock is None:
            self.connect()
        if not (self._connecting or self._begun):
            self._begun = True
            self.line.begin()
        with memoryview(data) as view:
            sent = 0
            while sent < len(view):
                self.sock.settimeout(self.line.left())
                sent += self.sock.send(view[sent : sent + PIECE])

    def response_class(self, wire: Any, *args: Any, **kwargs: Any) -> HTTPResponse:  # type: ignore[override]  # a method makes one
        """Return the object with which `http.client` reads an answer."""
        return Reply(wire, self.line.left, self.line.answer_bytes, *args, **kwargs)

    def getresponse(self) -> ReadResponse:  # type: ignore[override]  # urllib3 departs from http.client in this
        """Return the final answer, with its body. Close the connection if it must not be used again."""
        self.line.begin()
        reply: Any = StandardConnection.getresponse(self)  # urllib3's reads the body in its own way
        if not self._whole:  # the server closed the connection before it had the whole request
            self.close()
        answer = ReadResponse(
            io.BytesIO(reply.content), None, reply.status,
            version=reply.version, reason=reply.reason, preload_content=False, decode_content=False,
        )  # fmt: skip
        # set afterwards: in the constructor urllib3 looks for a length in them, and raises if there are several
        answer.headers = HTTPHeaderDict(reply.msg.items())
        early = None if self._whole or reply.status >= 400 else EARLY
        answer.content, answer.flaw = bytes(reply.content), reply.flaw or early
        return answer

    def close(self) -> None:
        """Close the socket and its duplicate."""
        try:
            super().close()
        finally:
            self.line.let_go(self)


class ClientAdapter(HTTPAdapter):
    """An adapter of requests with at most one connection to each host, and without retries.

    Parameters
    ----------
    line : Line
        Of the client.
    """

    def __init__(self, line: Line) -> None:
        self._pools = {
            "http": _pool_class(HTTPConnectionPool, HTTPConnection, line),
            "https": _pool_class(HTTPSConnectionPool, HTTPSConnection, line),
        }
        self._pools_by_url: dict[str, Any] = {}
        self._certified: set[Any] = set()
        self._targets: dict[str, str] = {}
        super().__init__(max_retries=0, pool_connections=1, pool_maxsize=1)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Use our connections."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        """Use our connections for a proxy."""
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = self._pools
        return manager

    # requests takes as long to choose a connection as to use it. A client always uses the same certificates and proxies, so it
    # chooses once for each address.

    def get_connection_with_tls_context(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the pool of connections to an address."""
        if request.url not in self._pools_by_url:
            self._pools_by_url[request.url] = super().get_connection_with_tls_context(
                request, *args, **kwargs
            )
        return self._pools_by_url[request.url]

    def cert_verify(self, conn: Any, *args: Any, **kwargs: Any) -> None:
        """Set the certificates of connections."""
        if conn not in self._certified:
            super().cert_verify(conn, *args, **kwargs)  # type: ignore[no-untyped-call]
            self._certified.add(conn)

    def request_url(self, request: Any, *args: Any, **kwargs: Any) -> str:
        """Return the target of a request: a path, or the whole address for a proxy."""
        if request.url not in self._targets:
            self._targets[request.url] = super().request_url(request, *args, **kwargs)
        return self._targets[request.url]


def _pool_class(pool: type[Any], connection: type[Any], line: Line) -> Any:
    """Return a subclass of a pool that makes our connections."""
    ours = type("Connection", (_Connection, connection), {"line": line})
    return type(pool.__name__, (pool,), {"ConnectionCls": ours})

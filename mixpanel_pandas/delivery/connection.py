"""Connections that keep to a time limit, can be cut from another thread, and say why an answer proves nothing.

One subclass of urllib3's connection, and the adapter of requests that makes it. It differs from urllib3's own in four ways:

- every 1xx before the final answer is skipped;
- a time limit holds for sending as a whole and for the answer as a whole, not for each read;
- the socket can be shut down from the moment it exists;
- bytes that may belong to the answer to another request close the connection.
"""

from __future__ import annotations

import io
import re
import socket
import ssl
import threading
import time
from contextlib import suppress
from functools import partial
from http.client import HTTPConnection as StandardConnection
from http.client import HTTPException, HTTPResponse
from itertools import islice
from typing import TYPE_CHECKING, Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPHeaderDict, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HeaderParsingError,
    HTTPError,
    LocationParseError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    ProxySchemeUnknown,
    ProxySchemeUnsupported,
)
from urllib3.util.connection import allowed_gai_family
from urllib3.util.response import assert_header_parsing
from urllib3.util.ssl_match_hostname import CertificateError
from urllib3.util.ssltransport import SSLTransport

from mixpanel_pandas.delivery.messages import ANSWER_BYTES, Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Literal, NoReturn

    from typing_extensions import Buffer

__all__ = ["CONNECT_SECONDS", "ERRORS", "ClientAdapter", "Line", "ReadResponse", "failure_of"]

#: Seconds to wait for a connection at most, TLS and proxy included.
CONNECT_SECONDS = 10.0

#: Lines after the last chunk of an answer, and bytes of the line before a chunk.
TRAILERS, CHUNK_LINE = 100, 4096
#: Bytes that are handed to a socket at once; the time limit is checked before each piece.
PIECE = 1_048_576

#: What requests, urllib3, http.client and the system raise. Whatever else is raised is a bug of ours, and is shown as one.
ERRORS = (requests.RequestException, HTTPError, ProxySchemeUnsupported, HTTPException, OSError)

#: Class of an exception, or of one of its causes -> whether it proves that nothing was sent; the first row that fits counts.
_EVIDENCE: tuple[tuple[type[BaseException], Literal["no_connection", "unclear"]], ...] = (
    (NewConnectionError, "no_connection"),  # ours: whatever failed in connecting, TLS and a proxy's answer included
    (ConnectTimeoutError, "no_connection"),
    (ProtocolError, "unclear"),
    (ConnectionResetError, "unclear"),
    (ProxyError, "no_connection"),
    (ssl.SSLCertVerificationError, "no_connection"),  # other errors of TLS come later, too
    (LocationParseError, "no_connection"),  # of a proxy, as the next two: ours is checked
    (ProxySchemeUnknown, "no_connection"),
    (ProxySchemeUnsupported, "no_connection"),
    (ConnectionRefusedError, "no_connection"),
    (socket.gaierror, "no_connection"),
    *((kind, "no_connection") for kind in (
        requests.ConnectTimeout, requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema,
        requests.exceptions.MissingSchema, requests.exceptions.ProxyError,
    )),
    (BaseException, "unclear"),  # reads that took too long, and whatever is not known
)  # fmt: skip

_LENGTH = re.compile(r"[0-9]{1,18}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n")

#: Why the body of an answer proves nothing.
CUT_SHORT = "it is cut short"
BAD_CHUNK = "its chunks cannot be read"
TOO_LONG = f"it is longer than {ANSWER_BYTES:,} bytes"
ENDLESS = "it does not say where it ends"
TRAILING = "bytes come after its end"
EARLY = "it came before the request was sent as a whole"

#: Statuses of answers that have no body, whatever their headers say.
_BODILESS = frozenset({204, 304})


class Line:
    """What a client and its connections share: the limits of time, and the sockets, which another thread may shut.

    Parameters
    ----------
    clock : callable
        Seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.RLock()  # a signal handler may cut what its own thread is just cutting
        self._wires: dict[_Connection, socket.socket] = {}
        self._timeout = self._until = self._ends = float("inf")
        self.is_cut = False

    def limit(self, timeout: float, until: float) -> None:
        """Set the limits of the next request."""
        self._timeout, self._until = timeout, until

    def begin(self, at_most: float = float("inf")) -> None:
        """Begin a phase of a request (connecting, sending, the answer): each has the timeout, or `at_most`, for itself."""
        self._ends = min(self._clock() + min(self._timeout, at_most), self._until)

    def left(self) -> float:
        """Return the seconds that are left of this phase.

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

    def hold(self, connection: _Connection, wire: socket.socket) -> None:
        """Keep hold of the socket of `connection`: a duplicate, because TLS takes the original over."""
        with self._lock:
            self.check()
            self._wires[connection] = wire.dup()

    def let_go(self, connection: _Connection) -> None:
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
        """Shut the sockets down: threads that wait for one wake up, and no further byte goes out."""
        with self._lock:
            self.is_cut = True
            for wire in self._wires.values():
                with suppress(OSError):  # it is not connected yet, and checks once more when it is
                    wire.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            connections = list(self._wires)
        for connection in connections:
            connection.close()


def failure_of(error: BaseException) -> Failure:
    """Return the text of one of `ERRORS`, and the evidence that it gives."""
    causes = list(_causes(error))
    # the last text among the arguments of the innermost one, where some exceptions also hold a connection
    words = next((arg for arg in reversed(causes[-1].args) if isinstance(arg, str)), str(causes[-1]))
    evidence = next(proof for kind, proof in _EVIDENCE if any(isinstance(cause, kind) for cause in causes))
    return Failure(f"{type(error).__name__}: {words}", evidence)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and what it wraps, as urllib3 and requests wrap it."""
    yield error
    inner = [*error.args, getattr(error, "reason", None), error.__cause__]
    for cause in dict.fromkeys(cause for cause in inner if isinstance(cause, BaseException)):
        yield from _causes(cause)


class _UnsoundError(Exception):
    """Why an answer proves nothing."""


class _Source(io.RawIOBase):
    """What a socket receives, as a file whose reads keep to the time that is left."""

    def __init__(self, line: Line, wire: Any) -> None:
        self._line, self._wire = line, wire
        self.exhausted = False  # whether only what is in the buffer is still given out

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return the buffered file that `http.client` asks a socket for."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int | None:
        if self.exhausted:
            return None
        self._wire.settimeout(self._line.left())
        count: int = self._wire.recv_into(buffer)
        return count


class _Reply(HTTPResponse):
    """A final answer, read to its end before it is returned.

    Attributes
    ----------
    content : bytearray
        The body as far as it came.
    flaw : str or None
        Why the answer proves nothing.
    """

    def __init__(self, line: Line, wire: Any, *args: Any, **kwargs: Any) -> None:
        self._source, self._wire = _Source(line, wire), wire
        self.content = bytearray()
        self.flaw: str | None = None
        super().__init__(self._source, *args, **kwargs)  # type: ignore[arg-type]  # it only calls `makefile`

    def begin(self) -> None:
        """Read the answer that is no 1xx (but for 101, after which no other comes)."""
        super().begin()
        while 100 <= self.status < 200 and self.status != 101:
            self.headers = None  # type: ignore[assignment]  # otherwise it has begun
            super().begin()
        try:
            self._read_body()
        except _UnsoundError as reason:
            self.flaw = str(reason)
        except (OSError, HTTPException) as error:
            self.flaw = f"its body broke off: {error}"
        self.will_close = self.will_close or self.flaw is not None
        self.close()

    def _read_body(self) -> None:
        """Read the body.

        Raises
        ------
        _UnsoundError
            If it cannot be told where the answer ends, or it does not end there.
        """
        codings, lengths = _values(self.msg, "Transfer-Encoding"), _values(self.msg, "Content-Length")
        if reason := next((words for odd, words in self._oddities(codings, lengths) if odd), None):
            raise _UnsoundError(reason)
        if self.status not in _BODILESS:
            if codings:
                self._read_chunks()
            elif lengths:
                self._read_piece(int(lengths[0]))
            else:
                self._read_to_the_end()
        self._source.exhausted = True
        if self.fp.peek(1) or _unpacked(self._wire):
            raise _UnsoundError(TRAILING)

    def _oddities(self, codings: list[str], lengths: list[str]) -> Iterator[tuple[bool, str]]:
        """Yield whether the answer is odd, and in what way."""
        yield self.status == 101, "it changes to another protocol"
        yield _is_garbled(self.msg), "its headers cannot be read"
        if self.status not in _BODILESS:
            yield bool(codings and lengths), "it has both a length and a transfer coding"
            yield codings not in ([], ["chunked"]), "its transfer coding is not known"
            yield bool(codings) and self.version < 11, "its transfer coding is not known to HTTP/1.0"
            yield len(set(lengths)) > 1, "it has several lengths"
            yield not all(map(_LENGTH.fullmatch, lengths)), "its length is no number"

    def _read_piece(self, size: int) -> None:
        piece = self.fp.read(min(size, ANSWER_BYTES + 1 - len(self.content)))
        self.content += piece
        if len(self.content) > ANSWER_BYTES:
            raise _UnsoundError(TOO_LONG)
        if len(piece) < size:
            raise _UnsoundError(CUT_SHORT)

    def _read_chunks(self) -> None:
        while size := self._chunk_size():
            self._read_piece(size)
            if self.fp.read(2) != b"\r\n":
                raise _UnsoundError(BAD_CHUNK)
        trailers = iter(partial(self.fp.readline, CHUNK_LINE), b"\r\n")
        if not all(line.endswith(b"\r\n") for line in islice(trailers, TRAILERS)):
            raise _UnsoundError(CUT_SHORT)

    def _chunk_size(self) -> int:
        line = _CHUNK.fullmatch(self.fp.readline(CHUNK_LINE))
        if line is None:
            raise _UnsoundError(BAD_CHUNK)
        return int(line[1], 16)

    def _read_to_the_end(self) -> NoReturn:
        """Read until the server closes the connection, if it is about to; nothing tells whether that is all."""
        if self.version < 11 or "close" in _values(self.msg, "Connection"):
            self.content += self.fp.read(ANSWER_BYTES)
        raise _UnsoundError(ENDLESS)


def _values(headers: Any, name: str) -> list[str]:
    """Return the values of all headers of a name, in lower case; none where there is no such header."""
    lines: list[str] = headers.get_all(name, [])
    return [value.strip().casefold() for line in lines for value in line.split(",")]


def _is_garbled(headers: Any) -> bool:
    """Return whether some line of the headers is no header: those after it, such as a length, are lost."""
    try:
        assert_header_parsing(headers)
    except HeaderParsingError:
        return True
    return False


def _unpacked(wire: Any) -> int:
    """Return how many bytes TLS has unpacked that nobody has read."""
    tls = wire.sslobj if isinstance(wire, SSLTransport) else wire
    return tls.pending() if isinstance(tls, ssl.SSLSocket | ssl.SSLObject) else 0


def _packed(wire: Any) -> int:
    """Return how many bytes, within the TLS of a proxy, are off the socket and not unpacked."""
    if not isinstance(wire, SSLTransport):
        return 0
    proxy: Any = wire.socket
    return wire.incoming.pending + int(proxy.pending())


class ReadResponse(urllib3.HTTPResponse):
    """A final answer as requests takes it, with the body that was read.

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
    """What a connection does in our way: see the top of this module. The class of a pool adds `line`, and TLS."""

    line: Line
    _connecting = _begun = _whole = False

    @property
    def is_connected(self) -> bool:
        """Whether it can be used again: nothing has arrived since the last answer."""
        return super().is_connected and not _unpacked(self.sock) and not _packed(self.sock)

    def _new_conn(self) -> socket.socket:
        """Connect to the first address that can be reached; each socket can be cut before it connects."""
        try:
            addresses = socket.getaddrinfo(
                self._dns_host, self.port, allowed_gai_family(), socket.SOCK_STREAM
            )
        except UnicodeError as error:
            msg = f"host {self.host!r} is no name"
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
        """Connect, with TLS and through a proxy where needed; whatever fails, nothing of a request has gone out."""
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
        """Send bytes: of the request, or while connecting, those that ask a proxy for a way."""
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

    def response_class(self, wire: Any, *args: Any, **kwargs: Any) -> _Reply:  # type: ignore[override]  # a method makes one
        """Return what `http.client` reads an answer with."""
        return _Reply(self.line, wire, *args, **kwargs)

    def getresponse(self) -> ReadResponse:  # type: ignore[override]  # urllib3 departs from http.client in this
        """Return the final answer, whole; a connection that must not be used again is closed by then."""
        self.line.begin()
        reply: Any = StandardConnection.getresponse(self)  # urllib3's would read the body by rules of its own
        if not self._whole:  # the server closed the connection before it had the whole request
            self.close()
        answer = ReadResponse(
            io.BytesIO(reply.content), None, reply.status,
            version=reply.version, reason=reply.reason, preload_content=False, decode_content=False,
        )  # fmt: skip
        # not before: urllib3 would look for a length in them, and raise where there are several
        answer.headers = HTTPHeaderDict(reply.msg.items())
        early = None if self._whole or reply.status >= 400 else EARLY
        answer.content, answer.flaw = bytes(reply.content), reply.flaw or early
        return answer

    def close(self) -> None:
        """Close the socket, and its duplicate."""
        try:
            super().close()
        finally:
            self.line.let_go(self)


class ClientAdapter(HTTPAdapter):
    """An adapter of requests with at most one connection to a place, and no retries of its own.

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
        """Make connections of ours."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        """Make connections of ours."""
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = self._pools
        return manager

    # requests takes as long to choose a connection as to use it. A client always uses the same certificates and proxies, so
    # the choice is made once for each address.

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
        """Return the target of a request: a path, or for a proxy an address."""
        if request.url not in self._targets:
            self._targets[request.url] = super().request_url(request, *args, **kwargs)
        return self._targets[request.url]


def _pool_class(pool: type[Any], connection: type[Any], line: Line) -> Any:
    """Return a kind of pool whose connections are ours."""
    ours = type("Connection", (_Connection, connection), {"line": line})
    return type(pool.__name__, (pool,), {"ConnectionCls": ours})

"""One answer of HTTP, read strictly: it counts only if it says where it ends, and ends there.

Servers, proxies and firewalls may cut an answer or mix up two of them. ``http.client`` is lenient with such answers, and an
upload must not be: an answer whose framing is odd proves nothing.
"""

from __future__ import annotations

import io
import re
import ssl
from functools import partial
from http.client import HTTPException, HTTPResponse
from itertools import islice
from typing import TYPE_CHECKING, Any

from urllib3.exceptions import HeaderParsingError
from urllib3.util.response import assert_header_parsing
from urllib3.util.ssltransport import SSLTransport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from http.client import HTTPMessage
    from typing import NoReturn

    from typing_extensions import Buffer

__all__ = ["Reply", "unread_of_tls"]

#: Lines after the last chunk of an answer, and bytes of the line before a chunk.
TRAILERS, CHUNK_LINE = 100, 4096

_LENGTH = re.compile(r"[0-9]{1,18}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n")

#: Why the body of an answer proves nothing.
CUT_SHORT = "it is cut short"
BAD_CHUNK = "its chunks cannot be read"
TOO_LONG = "it is longer than {:,} bytes"
ENDLESS = "it does not declare its length"
TRAILING = "bytes come after its end"

#: Statuses of answers that have no body, whatever their headers say.
_BODILESS = frozenset({204, 304})


class _UnsoundError(Exception):
    """Why an answer proves nothing."""


class _Source(io.RawIOBase):
    """What a socket receives, as a file whose reads keep to the time that is left.

    Attributes
    ----------
    exhausted : bool
        Whether nothing more is read from the socket: only what is in the buffer is returned.
    """

    def __init__(self, wire: Any, left: Callable[[], float]) -> None:
        self._wire, self._left = wire, left
        self.exhausted: bool = False

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return the buffered file that `http.client` asks a socket for."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int | None:
        if self.exhausted:
            return None
        self._wire.settimeout(self._left())
        count: int = self._wire.recv_into(buffer)
        return count


class Reply(HTTPResponse):
    """A final answer, read to its end before it is returned.

    Parameters
    ----------
    wire : socket
        Where it comes from.
    left : callable
        Returns the seconds that are left, and raises `TimeoutError` if there are none.
    most : int
        Bytes that are read of the body.

    Attributes
    ----------
    content : bytearray
        The body as far as it came.
    flaw : str or None
        Why the answer proves nothing.
    """

    def __init__(self, wire: Any, left: Callable[[], float], most: int, *args: Any, **kwargs: Any) -> None:
        self._source, self._wire, self._most = _Source(wire, left), wire, most
        self.content: bytearray = bytearray()
        self.flaw: str | None = None
        super().__init__(self._source, *args, **kwargs)  # type: ignore[arg-type]  # it only calls `makefile`

    def begin(self) -> None:
        """Read the final answer, and skip every 1xx before it. 101 is final, because no HTTP answer follows it."""
        super().begin()
        while 100 <= self.status < 200 and self.status != 101:
            self.headers: HTTPMessage = None  # type: ignore[assignment]  # otherwise it has begun
            super().begin()
        try:
            self._read_body()
        except _UnsoundError as reason:
            self.flaw = str(reason)
        except (OSError, HTTPException) as error:
            self.flaw = f"its body broke off: {error}"
        self.will_close: bool = self.will_close or self.flaw is not None
        self.close()

    def _read_body(self) -> None:
        """Read the body.

        Raises
        ------
        _UnsoundError
            If the answer does not say where it ends, or does not end there.
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
        if self.fp.peek(1) or unread_of_tls(self._wire):
            raise _UnsoundError(TRAILING)

    def _oddities(self, codings: list[str], lengths: list[str]) -> Iterator[tuple[bool, str]]:
        """Yield whether the answer is odd, and in what way."""
        yield self.status == 101, "it changes to another protocol"
        yield _is_garbled(self.msg), "its headers cannot be read"
        if self.status not in _BODILESS:
            yield bool(codings and lengths), "it has both a length and a transfer coding"
            yield codings not in ([], ["chunked"]), "its transfer coding is not known"
            yield bool(codings) and self.version < 11, "its transfer coding is not part of HTTP/1.0"
            yield len(set(lengths)) > 1, "it has several lengths"
            yield not all(map(_LENGTH.fullmatch, lengths)), "its length is not a number"

    def _read_piece(self, size: int) -> None:
        piece = self.fp.read(min(size, self._most + 1 - len(self.content)))
        self.content += piece
        if len(self.content) > self._most:
            raise _UnsoundError(TOO_LONG.format(self._most))
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
        """Read until the server closes the connection, if it announced that. Nothing tells whether the body is complete."""
        if self.version < 11 or "close" in _values(self.msg, "Connection"):
            self.content += self.fp.read(self._most)
        raise _UnsoundError(ENDLESS)


def _values(headers: Any, name: str) -> list[str]:
    """Return the values of all headers of a name, in lower case."""
    lines: list[str] = headers.get_all(name, [])
    return [value.strip().casefold() for line in lines for value in line.split(",")]


def _is_garbled(headers: Any) -> bool:
    """Return whether a line of the headers cannot be parsed. The headers after it, such as a length, are lost then."""
    try:
        assert_header_parsing(headers)
    except HeaderParsingError:
        return True
    return False


def unread_of_tls(wire: Any) -> int:
    """Return how many bytes TLS has decrypted that nobody has read."""
    tls = wire.sslobj if isinstance(wire, SSLTransport) else wire
    return tls.pending() if isinstance(tls, ssl.SSLSocket | ssl.SSLObject) else 0

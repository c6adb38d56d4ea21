"""Servers of this machine that say byte for byte what a test wants, with TLS or without, and proxies."""

from __future__ import annotations

import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trustme

from tests.patience import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

Script = Iterable[bytes | float | str] | Callable[[], Iterable[bytes | float | str]]

#: Steps of a script besides bytes to send and seconds to wait: how the connection ends.
CLOSE, RESET = "close", "reset"

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1"


@dataclass(frozen=True)
class Arrived:
    """A request: on the how-manieth connection, and what it says."""

    connection: int
    head: bytes
    body: bytes


class Server:
    """Answers the n-th request with the n-th script, and all later ones with the last.

    Parameters
    ----------
    *scripts : iterable, or callable that returns one
        Steps: bytes to send, seconds to wait (or until the client leaves), `CLOSE` or `RESET`.
    tls : ssl.SSLContext, optional
        What connections begin with.
    reads : bool
        Whether requests are read at all.
    """

    def __init__(
        self,
        *scripts: Script,
        tls: ssl.SSLContext | None = None,
        reads: bool = True,
    ) -> None:
        self.arrived: list[Arrived] = []
        self.connected, self.asked, self._over = (threading.Event() for _ in range(3))
        self.scripts, self._tls, self._reads = scripts or ([OK],), tls, reads
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.connections: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for sock in (self._listener, *self.connections):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(PATIENCE)
        for sock in self.connections:
            sock.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections.append(connection)
                number = len(self.connections)
                thread = threading.Thread(target=self._serve, args=(connection, number))
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        self.connected.set()
        with suppress(OSError, ValueError):
            if self._tls:
                connection = self._tls.wrap_socket(connection.dup(), server_side=True)
            with closing(connection):
                self.talk(connection, number)

    def talk(self, connection: socket.socket, number: int) -> None:
        """Read requests and answer them until one of the two hangs up."""
        if not self._reads:
            self._over.wait(PATIENCE)
        while (request := _request(connection)) is not None:
            script = self.scripts[min(len(self.arrived), len(self.scripts) - 1)]
            self.arrived.append(Arrived(number, *request))
            self.asked.set()
            for step in script() if callable(script) else script:
                if step == RESET:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                if step in {CLOSE, RESET}:
                    connection.close()
                    return
                if isinstance(step, bytes):
                    connection.sendall(step)
                elif isinstance(step, float):
                    select.select([connection], [], [], step)


class Proxy(Server):
    """Leads every CONNECT to one port of this machine."""

    def __init__(self, port: int, *, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls=tls)
        self._to = port

    def talk(self, connection: socket.socket, number: int) -> None:
        """Take a CONNECT and carry bytes both ways."""
        request = _request(connection)
        if request is not None:
            self.arrived.append(Arrived(number, *request))
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            with socket.create_connection(("127.0.0.1", self._to)) as onward:
                back = threading.Thread(target=_carry, args=(onward, connection))
                back.start()
                _carry(connection, onward)
                back.join()


def _carry(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65_536):
            target.sendall(piece)
    for sock in (source, target):
        with suppress(OSError):
            socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _request(connection: socket.socket) -> tuple[bytes, bytes] | None:
    """Return head and body of the next request; None where there is none."""
    received = b""
    while b"\r\n\r\n" not in received:
        piece = connection.recv(65_536)
        if not piece:
            return None
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    lengths = [
        line.partition(b":")[2] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
    ]
    while lengths and len(body) < int(lengths[0]):
        piece = connection.recv(1 << 20)
        if not piece:
            return None
        body += piece
    return head, body


def forever(*pieces: bytes, first: bytes = b"", every: float = 0.03) -> Script:
    """Return a script that begins with `first` and then sends `pieces` again and again."""

    def steps() -> Iterable[bytes | float | str]:
        yield first
        while True:
            for piece in pieces:
                yield piece
                yield every

    return steps


@dataclass(frozen=True)
class Authority:
    """An authority that nobody knows, and a server's certificate that it issued."""

    server: ssl.SSLContext
    path: Path

    @classmethod
    def at(cls, path: Path) -> Authority:
        """Make one, and write its own certificate to `path`."""
        authority = trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1", "localhost", "mixpanel.com", "*.mixpanel.com").configure_cert(
            context
        )
        authority.cert_pem.write_to_path(str(path))
        return cls(context, path)

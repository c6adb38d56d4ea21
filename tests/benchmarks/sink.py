"""A loopback server that reads bodies and answers at once: what is measured against it is the client alone."""

from __future__ import annotations

import multiprocessing
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ANSWER = b'{"status":1,"error":null}'
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
    len(ANSWER),
    ANSWER,
)


@contextmanager
def sink() -> Iterator[tuple[str, Any]]:
    """Yield the address of a sink in a process of its own, and a counter of the records that arrived."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    context = multiprocessing.get_context("fork")
    counter = context.Value("q", 0)
    process = context.Process(target=_serve, args=(listener, counter), daemon=True)
    process.start()
    listener.close()
    try:
        yield address, counter
    finally:
        process.kill()
        process.join()


def _serve(listener: socket.socket, counter: Any) -> None:
    import threading

    while True:
        connection, _peer = listener.accept()
        threading.Thread(target=_answer, args=(connection, counter), daemon=True).start()


def _answer(connection: socket.socket, counter: Any) -> None:
    stream = connection.makefile("rb", buffering=1 << 16)
    while line := stream.readline():
        length = 0
        while line.strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
            line = stream.readline()
        body = stream.read(length)
        with counter.get_lock():
            counter.value += body.count(b'"$token"')
        connection.sendall(RESPONSE)

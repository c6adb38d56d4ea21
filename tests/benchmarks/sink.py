"""A loopback server that reads bodies and answers at once, or after a latency: what is measured against it is the client alone.

It understands what Mixpanel's clients send (JSON, forms with JSON, forms with base64), answers as Mixpanel does, and counts the
records that arrive. A GET is answered with the counts, a DELETE begins them anew.
"""

from __future__ import annotations

import argparse
import base64
import json
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator

ANSWER = b'{"status":1,"error":null}'
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Sink:
    """A sink that runs in a process of its own."""

    address: str

    def counts(self) -> dict[str, float]:
        """Return what arrived: see `Counts`."""
        counts: dict[str, float] = json.loads(self._ask("GET"))
        return counts

    def reset(self) -> None:
        """Begin to count anew."""
        self._ask("DELETE")

    def _ask(self, method: str) -> bytes:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(urllib.request.Request(self.address, method=method)) as answer:  # our own address
            body: bytes = answer.read()
        return body


@contextmanager
def sink(latency: float = 0.0, *, counted: bool = True) -> Iterator[Sink]:
    """Start a sink that answers after `latency` seconds, and end it; unless `counted` it counts bytes and requests alone.

    To count the records of a body takes the server longer than to read it.
    """
    command = [
        sys.executable,
        "-m",
        "tests.benchmarks.sink",
        str(latency),
        *([] if counted else ["--uncounted"]),
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield Sink(process.stdout.readline().strip())
        finally:
            process.kill()


def records(body: bytes) -> int:
    """Return how many records a body holds, in each form in which clients send them: every record has one token."""
    if body.startswith((b"[", b"{")):
        return body.count(b'"$token"')
    if found := body.count(b"%22%24token%22"):
        return found
    text = next((part[5:] for part in body.split(b"&") if part.startswith(b"data=")), b"")
    for code, character in ((b"%2B", b"+"), (b"%2F", b"/"), (b"%3D", b"=")):
        text = text.replace(code, character)
    return base64.b64decode(text).count(b'"$token"')


@dataclass
class Counts:
    """What arrived, and how many requests were under way at once."""

    records: int = 0
    bytes: int = 0
    requests: int = 0
    most_in_flight: int = 0
    first: float = 0.0  #: when the first request began, in seconds of some clock
    last: float = 0.0  #: when a request began or ended last
    in_flight: int = 0
    busy: float = 0.0  #: seconds of all requests together
    lock: threading.Lock = field(default_factory=threading.Lock)

    def step(self, change: int, body: int = 0, found: int = 0) -> None:
        """Note that a request began (1) or ended (-1)."""
        with self.lock:
            now = time.perf_counter()
            self.first = self.first or now
            self.busy += self.in_flight * (now - self.last if self.last else 0)
            self.last = now
            self.in_flight += change
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            self.requests += change > 0
            self.bytes += body
            self.records += found

    def said(self) -> bytes:
        """Return the counts as JSON, with the seconds from the first request to the last answer, the mean in flight, and the
        processor seconds of the server since it began.
        """
        with self.lock:
            seconds = self.last - self.first
            told = {name: value for name, value in vars(self).items() if name != "lock"}
        told |= {"seconds": seconds, "mean_in_flight": self.busy / (seconds or 1), "cpu": time.process_time()}
        return json.dumps(told).encode()


class Server:
    """Threads that each answer one connection."""

    def __init__(self, latency: float, counted: bool) -> None:
        self.latency, self.counted, self.counts = latency, counted, Counts()

    def serve(self) -> None:
        listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        while True:
            connection, _peer = listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.answer, args=(connection,), daemon=True).start()

    def answer(self, connection: socket.socket) -> None:
        stream = connection.makefile("rb", buffering=1 << 16)
        while line := stream.readline():
            method, length = line.split(b" ", 1)[0], self._length(stream)
            if method == b"POST":
                self.counts.step(1)
                body = stream.read(length)
                found = records(body) if self.counted else 0
                if self.latency:
                    time.sleep(self.latency)
                self.counts.step(-1, length, found)
                said = ANSWER
            else:
                said = self.counts.said()
                if method == b"DELETE":
                    self.counts = Counts()
            connection.sendall(RESPONSE % (len(said), said))

    @staticmethod
    def _length(stream: BinaryIO) -> int:
        """Read the headers, and return the length of the body."""
        length = 0
        while (line := stream.readline()).strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return length


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("latency", type=float, nargs="?", default=0.0, help="seconds")
    parser.add_argument("--uncounted", action="store_true", help="count no records")
    chosen = parser.parse_args()
    Server(chosen.latency, not chosen.uncounted).serve()

"""The emulator on a loopback socket."""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import TYPE_CHECKING, Any

from mixpanel_pandas.emulator.wire import NO_CONNECTION, Ending, WireResponse, answer_text
from mixpanel_pandas.errors import OperationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    AnswerFunction = Callable[[str, str, Mapping[str, str], bytes], WireResponse]
    ExchangeFunction = Callable[[str, str, Mapping[str, str], bytes], AbstractContextManager[WireResponse]]

__all__ = ["Server"]

#: The only address. The emulator accepts all requests, so it must not be reachable from other machines.
_HOST = "127.0.0.1"


class Server:
    """A server that listens on a port, in threads of its own, until it is closed."""

    def __init__(self, exchange: ExchangeFunction, port: int = 0) -> None:
        try:
            self._listener = _Listener((_HOST, port), _Handler)
        except (OSError, OverflowError) as error:  # Python refuses numbers that are no port
            msg = (
                f"cannot listen on port {port!r} of {_HOST}: {error}; choose another one, or 0 for a free one"
            )
            raise OperationError(msg) from error
        self._listener.exchange = exchange
        self.url: str = f"http://{_HOST}:{self._listener.server_port}"
        self._thread = threading.Thread(
            target=self._listener.serve_forever, args=(0.01,), name="mixpanel-emulator", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop listening, end all connections, and wait for the threads to end."""
        self._listener.shutdown()
        self._listener.server_close()
        self._thread.join()
        for thread, connection in list(self._listener.open.items()):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    exchange: ExchangeFunction

    def __init__(self, *args: Any) -> None:
        self.open: dict[threading.Thread, socket.socket] = {}
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread that `close` can find."""
        thread = threading.Thread(
            target=self.process_request_thread,
            args=(request, client_address),
            name="mixpanel-emulator",
            daemon=True,
        )
        self.open[thread] = request
        thread.start()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve one connection to its end."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.open.pop(threading.current_thread(), None)

    def server_bind(self) -> None:
        """Bind without looking up the name of this machine, as HTTPServer does."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = _HOST, self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Show errors of the emulator, but not those of clients that disconnect."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Listener

    def _exchange(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if "Transfer-Encoding" in self.headers:  # it is answered with 411, and its chunks stay unread
            self.close_connection = True
        if len(body) < length:  # the client disconnected early: nothing is applied
            self.close_connection = True
            return
        with self.server.exchange(self.command, self.path, dict(self.headers.items()), body) as response:
            if response.delay:
                self._wait(response.delay)
        if response.ending in NO_CONNECTION:
            text = f"the fault {response.ending!r} happens before a connection exists: simulate it with Emulator.adapter()"
            response = answer_text(501, text)
        _ENDINGS[response.ending](self, response)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _exchange

    def log_message(self, *args: object) -> None:
        """Keep quiet."""

    def _send(self, response: WireResponse, body: bytes) -> None:
        self.send_response_only(response.status, response.reason)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self._headers_buffer: list[bytes]
        self._headers_buffer.append(b"\r\n" + body)  # header and body in one segment
        self.flush_headers()

    def _wait(self, seconds: float | None = None) -> None:
        """Wait for some seconds, or until the client or the emulator ends the connection."""
        self.connection.settimeout(seconds)
        with contextlib.suppress(OSError):
            self.connection.recv(1, socket.MSG_PEEK)
        self.connection.settimeout(None)

    def _complete(self, response: WireResponse) -> None:
        self._send(response, response.body)

    def _truncated(self, response: WireResponse) -> None:
        self._send(response, response.first_half)
        self.close_connection = True

    def _stalled(self, response: WireResponse) -> None:
        self._send(response, response.first_half)
        self._wait()
        self.close_connection = True

    def _silent(self, response: WireResponse) -> None:
        self._wait()
        self.close_connection = True

    def _closed(self, response: WireResponse) -> None:
        self.close_connection = True

    def _reset(self, response: WireResponse) -> None:
        # With a linger time of 0 closing sends a reset. socketserver would shut the connection down in order first.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        socket.close(self.connection.detach())
        self.close_connection = True


_ENDINGS: dict[Ending, Callable[[_Handler, WireResponse], None]] = {
    "complete": _Handler._complete,
    "truncated": _Handler._truncated,
    "stalled": _Handler._stalled,
    "silent": _Handler._silent,
    "closed": _Handler._closed,
    "reset": _Handler._reset,
}

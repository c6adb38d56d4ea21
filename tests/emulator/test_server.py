from __future__ import annotations

import base64
import http.client
import json
import socket
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from mixpanel_pandas.emulator import Emulator
from mixpanel_pandas.errors import OperationError
from tests.patience import PATIENCE


@pytest.fixture
def emulator():
    with Emulator() as emulator:
        yield emulator


def connect(emulator):
    return http.client.HTTPConnection(urlsplit(emulator.url).netloc, timeout=PATIENCE)


def record(emulator, name="ann"):
    return {"$token": emulator.token, "$distinct_id": name, "$ignore_time": True, "$add": {"n": 1}}


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "mixpanel-emulator"]


def test_listens_on_this_machine_only(emulator):
    assert emulator._server._listener.server_address[0] == "127.0.0.1"


def test_listens_on_the_port_that_is_named(emulator):
    port = urlsplit(emulator.url).port
    emulator.close()
    assert emulator.start(port).url == f"http://127.0.0.1:{port}"
    assert emulator.start(port + 1).url == f"http://127.0.0.1:{port}"


def test_a_port_on_which_it_cannot_listen(emulator):
    port = urlsplit(emulator.url).port
    with pytest.raises(OperationError, match=rf"port {port} of 127\.0\.0\.1: .*in use; choose another one"):
        Emulator().start(port)
    with pytest.raises(OperationError, match="port 65536"):
        Emulator().start(65_536)


def test_a_connection_is_kept(emulator):
    connection = connect(emulator)
    connection.connect()
    first = connection.sock
    for _ in range(3):
        connection.request("POST", "/engage?ip=0", json.dumps(record(emulator)))
        assert connection.getresponse().read() == b"1"
    assert connection.sock is first
    connection.close()
    assert emulator.profile("ann") == {"n": 3}


def test_headers_are_ours_alone(emulator):
    connection = connect(emulator)
    connection.request("POST", "/engage", "[]")
    response = connection.getresponse()
    assert dict(response.getheaders()) == {"Content-Type": "text/plain", "Content-Length": "1"}
    connection.close()


def test_a_request_that_is_cut_short_is_never_applied(emulator):
    body = json.dumps(record(emulator)).encode()
    host, port = urlsplit(emulator.url).hostname, urlsplit(emulator.url).port
    with socket.create_connection((host, port)) as client:
        head = f"POST /engage HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body) + 1}\r\n\r\n"
        client.sendall(head.encode() + body)
        client.shutdown(socket.SHUT_WR)
        assert client.recv(100) == b""
    assert emulator.requests == []
    assert emulator.profile("ann") is None


def test_a_request_is_applied_before_its_connection_ends(emulator):
    emulator.fail("closed", applied=True)
    connection = connect(emulator)
    connection.request("POST", "/engage?ip=0", json.dumps(record(emulator)))
    with pytest.raises(http.client.RemoteDisconnected):
        connection.getresponse()
    connection.close()
    assert emulator.profile("ann") == {"n": 1}


def test_many_at_once_are_applied_once_each(emulator):
    def send(worker):
        connection = connect(emulator)
        for number in range(20):
            connection.request(
                "POST", "/engage?ip=0", json.dumps([record(emulator), record(emulator, f"{worker}-{number}")])
            )
            connection.getresponse().read()
        connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(send, range(8)))
    assert emulator.profile("ann") == {"n": 160}
    assert len(emulator.profiles()) == 161
    assert [row.number for row in emulator.requests] == list(range(160))


@pytest.mark.parametrize("fault", [None, "timeout", "stalled", "delay"])
def test_closing_leaves_nothing_behind(fault):
    emulator = Emulator().start()
    if fault:
        emulator.fail(fault, **({"seconds": 60} if fault == "delay" else {}))
    connection = connect(emulator)
    connection.request("POST", "/engage", json.dumps(record(emulator)))
    while not emulator.requests:
        time.sleep(0.001)
    emulator.close()
    assert threads() == []
    with pytest.raises(ConnectionRefusedError):
        connect(emulator).connect()
    connection.close()


def test_clients_that_leave_are_not_reported(emulator, capfd):
    emulator.fail("delay", seconds=60)
    connection = connect(emulator)
    connection.request("POST", "/engage", json.dumps(record(emulator)))
    connection.sock.setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
    )  # closing is a reset
    while not emulator.requests:
        time.sleep(0.001)
    connection.close()
    emulator.close()
    assert capfd.readouterr() == ("", "")


ORIGIN = "https://shop.example.org"


@pytest.mark.parametrize("path", ["/engage", "/groups/", "/api/query/engage", "/api/app/me"])
def test_a_browser_may_ask_whether_it_may_ask(emulator, path):
    connection = connect(emulator)
    asks = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type",
    }
    connection.request("OPTIONS", path, headers=asks)
    response = connection.getresponse()
    assert (response.status, response.read()) == (200, b"")
    assert dict(response.getheaders()) == {
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Allow-Headers": "authorization, content-type",
        "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
        "Access-Control-Allow-Origin": ORIGIN,
        "Content-Length": "0",
        "Content-Type": "text/plain",
        "Vary": "Origin",
    }
    connection.close()


def test_a_page_may_read_every_answer(emulator):
    connection = connect(emulator)
    for path, status in (("/engage", 200), ("/api/query/engage", 401), ("/track", 404)):
        connection.request("POST", path, "[]", {"Origin": ORIGIN})
        response = connection.getresponse()
        response.read()
        assert response.status == status
        assert response.getheader("Access-Control-Allow-Origin") == ORIGIN
    connection.close()


def test_a_query_runs_until_its_answer_is_sent(emulator):
    arrived = threading.Semaphore(0)
    emulator.fail(
        "delay", on="read", seconds=PATIENCE, times=5, when=lambda request: arrived.release() is None
    )
    connections = [connect(emulator) for _ in range(6)]
    for connection in connections[:5]:
        connection.request("GET", "/api/query/engage?project_id=1", headers=reader(emulator))
    assert all(arrived.acquire(timeout=PATIENCE) for _ in connections[:5])
    connections[5].request("GET", "/api/query/engage?project_id=1", headers=reader(emulator))
    assert connections[5].getresponse().status == 429
    for connection in connections:
        connection.close()


def reader(emulator):
    login = base64.b64encode(":".join(emulator.service_account).encode()).decode()
    return {"Authorization": f"Basic {login}"}

from __future__ import annotations

import copy
import gc
import io
import pickle
import socket
import ssl
import sys
import threading
import time
from contextlib import closing, suppress
from dataclasses import replace
from http.client import IncompleteRead
from pathlib import Path
from urllib.parse import parse_qs

import pytest
import requests
import responses
import urllib3
from requests.adapters import BaseAdapter, HTTPAdapter

import mixpanel_pandas as mpd
from mixpanel_pandas.delivery import http
from mixpanel_pandas.delivery.connection import CONNECT_SECONDS, Line, failure_of
from mixpanel_pandas.delivery.http import Client
from mixpanel_pandas.delivery.messages import ANSWER_BYTES, Failure, Request, Response
from mixpanel_pandas.errors import ProjectError
from mixpanel_pandas.project import Project
from tests.loopback import CLOSE, OK, RESET, Authority, Proxy, Server, forever
from tests.patience import PATIENCE, at_some_pace

TOKEN = "0123456789abcdef0123456789abcdef"
PROJECT = Project(TOKEN, "eu")
URL = http.address_of(PROJECT, "engage")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    """No proxies, no certificates."""
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in http.CERTIFICATES:
        monkeypatch.delenv(name, raising=False)


def post(url, body=b"[{}]", *, timeout=PATIENCE, **options):
    """Make one request with a client of its own."""
    with closing(Client(Project(TOKEN, url=url))) as client:
        return client.send(Request(f"{url}/engage", body), timeout=timeout, **options)


def answered(*pieces, timeout=PATIENCE):
    """Return what comes of an answer that is sent like this."""
    with Server([*pieces]) as server:
        return post(server.url, timeout=timeout)


# -- what goes out ------------------------------------------------------------------------------------------------


def test_a_request_is_a_plain_json_post():
    with Server() as server:
        assert post(server.url, b'[{"a":1}]').body == b"1"
    (request,) = server.arrived
    first, *lines = request.head.decode().split("\r\n")
    headers = dict(line.split(": ") for line in lines)
    headers.pop("User-Agent")
    assert (first, request.body) == ("POST /engage HTTP/1.1", b'[{"a":1}]')
    assert headers == {
        "Host": f"127.0.0.1:{server.port}",
        "Content-Type": "application/json",
        "Content-Length": "9",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
    }


def test_the_address_asks_for_checks_and_for_no_place():
    path, _, query = URL.partition("?")
    assert path == "https://api-eu.mixpanel.com/engage"
    assert parse_qs(query) == {"ip": ["0"], "strict": ["1"], "verbose": ["1"]}


def test_another_method_and_other_headers():
    with Server() as server, closing(Client(Project(TOKEN, url=server.url))) as client:
        client.send(Request(f"{server.url}/a?b=c", b"", "GET", {"Accept": "text/plain"}), timeout=PATIENCE)
    (request,) = server.arrived
    assert request.head.startswith(b"GET /a?b=c HTTP/1.1\r\n")
    assert b"Accept: text/plain\r\n" in request.head + b"\r\n"
    assert b"Content" not in request.head


def test_each_body_arrives_whole_on_one_connection():
    bodies = [b"[{},{},{}]", b"[{}]", b"[" + b"{}," * 1_000_000 + b"{}]"]
    with Server() as server, closing(Client(Project(TOKEN, url=server.url))) as client:
        assert [client.send(Request(server.url, body), timeout=PATIENCE).status for body in bodies] == [
            200
        ] * 3
    assert [request.body for request in server.arrived] == bodies
    assert {request.connection for request in server.arrived} == {1}


def test_connecting_sending_and_reading_have_a_time_limit_each(monkeypatch):
    """Head and body are sent within one."""
    begun, begin = [], Line.begin
    monkeypatch.setattr(Line, "begin", lambda line, *at_most: begun.append(at_most) or begin(line, *at_most))
    with Server() as server, closing(Client(Project(TOKEN, url=server.url))) as client:
        for _ in range(2):
            client.send(Request(server.url, b"[" + b"{}," * 100_000 + b"{}]"), timeout=PATIENCE)
    assert begun == [(CONNECT_SECONDS,), (), (), (), ()]


def test_a_request_does_not_wait_for_more_to_send():
    """Without this option a small request waits for the answer to the one before."""
    with Server() as server, closing(Client(Project(TOKEN, url=server.url))) as client:
        client.send(Request(server.url, b"[{}]"), timeout=PATIENCE)
        (wire,) = client._line._wires.values()
        assert wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_nothing_of_a_request_is_shown():
    assert repr(Request(URL, b"secret")) == f"Request(url={URL!r}, method='POST')"
    assert repr(Response(200, {"a": "b"}, b"secret")) == "Response(status=200, flaw=None)"


@responses.activate
def test_netrc_is_never_read_and_no_cookie_is_kept(monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine api-eu.mixpanel.com login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    responses.post(URL, b"1", headers={"Set-Cookie": "a=b"})
    with closing(Client(PROJECT)) as client:
        assert [client.send(Request(URL, body), timeout=PATIENCE).body for body in (b"[1]", b"[2]")] == [
            b"1"
        ] * 2
    assert [call.request.body for call in responses.calls] == [b"[1]", b"[2]"]
    for call in responses.calls:
        assert not {"Authorization", "Cookie"} & set(call.request.headers)


@pytest.mark.parametrize("location", ["/elsewhere", "https://elsewhere.example/", "http://[", "ftp://x"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed(location, status):
    moved = f"HTTP/1.1 {status} X\r\nContent-Length: 5\r\nLocation: {location}\r\n\r\nmoved".encode()
    with Server([moved]) as server:
        reply = post(server.url)
    assert (reply.status, reply.body, reply.flaw) == (status, b"moved", None)
    assert len(server.arrived) == 1


# -- what comes back ----------------------------------------------------------------------------------------------


def test_headers_are_found_in_upper_and_lower_case():
    reply = answered(b"HTTP/1.1 429 X\r\nretry-after: 7\r\nContent-Length: 0\r\n\r\n")
    assert reply.headers["Retry-After"] == "7"


INTERIM = (
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 102 Processing\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\nContent-Length: 3\r\n\r\n",
)


@pytest.mark.parametrize(
    "interim",
    [
        *(pytest.param([one], id=one[9:20].decode()) for one in INTERIM),
        pytest.param([*INTERIM * 200], id="very many"),
        pytest.param([INTERIM[2], 0.05], id="and the final answer later"),
    ],
)
def test_what_comes_before_the_final_answer_is_skipped(interim):
    second = b"HTTP/1.1 400 X\r\nContent-Length: 1\r\n\r\n2"
    with (
        Server([*interim, OK], [second]) as server,
        closing(Client(Project(TOKEN, url=server.url))) as client,
    ):
        replies = [client.send(Request(server.url, b"[]"), timeout=PATIENCE) for _ in range(2)]
    assert [(reply.status, reply.body, reply.flaw) for reply in replies] == [
        (200, b"1", None),
        (400, b"2", None),
    ]
    assert [request.connection for request in server.arrived] == [1, 1]


def chunked(body, more=b""):
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + more + b"\r\n" + body


def plain(length, body, more=b""):
    return b"HTTP/1.1 200 OK\r\nContent-Length: " + length + b"\r\n" + more + b"\r\n" + body


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        pytest.param(plain(b"2", b"ab"), b"ab", id="a length"),
        pytest.param(plain(b"0", b""), b"", id="nothing"),
        pytest.param(plain(b"2", b"ab", b"content-length: 2\r\n"), b"ab", id="the same length twice"),
        pytest.param(
            plain(b"%d" % ANSWER_BYTES, b"x" * ANSWER_BYTES), b"x" * ANSWER_BYTES, id="just small enough"
        ),
        pytest.param(chunked(b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"), b"abc", id="chunks"),
        pytest.param(
            chunked(b"A;x=y\r\n0123456789\r\n0\r\n\r\n"), b"0123456789", id="a chunk with an extension"
        ),
        pytest.param(
            chunked(b"1F\r\n" + b"x" * 31 + b"\r\n0\r\n\r\n"), b"x" * 31, id="a chunk of two hex digits"
        ),
        pytest.param(chunked(b"1\r\na\r\n0\r\nX: y\r\nZ: w\r\n\r\n"), b"a", id="trailers"),
        pytest.param(chunked(b"0\r\n\r\n"), b"", id="no chunk"),
        pytest.param(
            chunked(b"1;" + b"x" * (4096 - 4) + b"\r\na\r\n0\r\n\r\n"),
            b"a",
            id="the longest line of a chunk",
        ),
        pytest.param(chunked(b"0\r\n" + b"x" * (4096 - 2) + b"\r\n\r\n"), b"", id="the longest trailer"),
        pytest.param(chunked(b"0\r\n" + b"X: y\r\n" * 99 + b"\r\n"), b"", id="the most trailers"),
        pytest.param(b"HTTP/1.1 204 X\r\n\r\n", b"", id="a status that has no body"),
        pytest.param(
            b"HTTP/1.1 304 X\r\nContent-Length: 9\r\n\r\n", b"", id="304 with the length of another"
        ),
        pytest.param(
            b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na", b"a", id="HTTP/1.0"
        ),
        pytest.param(
            plain(b"1", b"a", b"Content-Encoding: identity\r\n"), b"a", id="not compressed, as it says"
        ),
        pytest.param(
            plain(b"1", b"a", b"Content-Type: multipart/mixed; boundary=x\r\n"),
            b"a",
            id="a type of many parts",
        ),
    ],
)
def test_sound_answers_keep_the_connection(answer, body):
    with Server([answer], [OK]) as server, closing(Client(Project(TOKEN, url=server.url))) as client:
        reply = client.send(Request(server.url, b"[]"), timeout=PATIENCE)
        client.send(Request(server.url, b"[]"), timeout=PATIENCE)
    assert (reply.body, reply.flaw) == (body, None)
    assert [request.connection for request in server.arrived] == [1, 1]


def test_a_connection_that_the_server_ends_is_not_used_again():
    closing_one = plain(b"1", b"a", b"Connection: close\r\n")
    with (
        Server([closing_one, CLOSE], [OK]) as server,
        closing(Client(Project(TOKEN, url=server.url))) as client,
    ):
        assert [client.send(Request(server.url, b"[]"), timeout=PATIENCE).flaw for _ in range(2)] == [
            None
        ] * 2
    assert [request.connection for request in server.arrived] == [1, 2]


CUT_SHORT = "it is cut short"
UNSOUND = [
    pytest.param(plain(b"x", b"a"), "its length is not a number", id="a length in letters"),
    pytest.param(plain(b"-1", b"a"), "its length is not a number", id="a length below nothing"),
    pytest.param(plain(b"+1", b"a"), "its length is not a number", id="a length with a sign"),
    pytest.param(
        plain(b"1_0", b"0123456789"), "its length is not a number", id="a length as Python writes it"
    ),
    pytest.param(plain("\u0661".encode(), b"a"), "its length is not a number", id="a length in other digits"),
    pytest.param(plain(b"", b"a"), "its length is not a number", id="a length of nothing"),
    pytest.param(plain(b"9" * 5000, b"a"), "its length is not a number", id="a length too long to read"),
    pytest.param(plain(b"1", b"ab", b"Content-Length: 2\r\n"), "it has several lengths", id="two lengths"),
    pytest.param(plain(b"1, 2", b"ab"), "it has several lengths", id="two lengths in one header"),
    pytest.param(
        plain(b"1", b"1\r\na\r\n0\r\n\r\n", b"Transfer-Encoding: chunked\r\n"),
        "it has both a length and a transfer coding",
        id="a length and chunks",
    ),
    pytest.param(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\na",
        "its transfer coding is not known",
        id="a coding that nobody knows",
    ),
    pytest.param(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "its transfer coding is not known",
        id="two codings",
    ),
    pytest.param(
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "its transfer coding is not part of HTTP/1.0",
        id="chunks in HTTP/1.0",
    ),
    pytest.param(
        b"HTTP/1.1 200 OK\r\n\r\n1", "it does not declare its length", id="neither length nor chunks"
    ),
    pytest.param(plain(b"1", b"12"), "bytes come after its end", id="bytes after the body"),
    pytest.param(plain(b"1", b"1" + OK), "bytes come after its end", id="another answer after it"),
    pytest.param(chunked(b"0\r\n\r\nx"), "bytes come after its end", id="bytes after the last chunk"),
    pytest.param(b"HTTP/1.1 204 X\r\n\r\nx", "bytes come after its end", id="a body where none can be"),
    pytest.param(chunked(b"x\r\na\r\n"), "its chunks cannot be read", id="a chunk's size in letters"),
    pytest.param(
        chunked(b"+1\r\na\r\n0\r\n\r\n"), "its chunks cannot be read", id="a chunk's size with a sign"
    ),
    pytest.param(chunked(b"-1\r\na\r\n0\r\n\r\n"), "its chunks cannot be read", id="a chunk below nothing"),
    pytest.param(chunked(b"1\r\nab\r\n0\r\n\r\n"), "its chunks cannot be read", id="a chunk too long"),
    pytest.param(
        chunked(b"1;" + b"x" * (4096 - 3) + b"\r\na\r\n0\r\n\r\n"),
        "its chunks cannot be read",
        id="a chunk's line just too long",
    ),
    pytest.param(
        chunked(b"0\r\n" + b"x" * (4096 - 1) + b"\r\n\r\n"), CUT_SHORT, id="a trailer just too long"
    ),
    pytest.param(
        chunked(b"0\r\n" + b"X: y\r\n" * 100 + b"\r\n"),
        "bytes come after its end",
        id="a trailer too many",
    ),
    pytest.param(chunked(b"1;" + b"x" * 9000), "its chunks cannot be read", id="a chunk's line without end"),
    pytest.param(
        plain(b"%d" % (ANSWER_BYTES + 1), b"x" * (ANSWER_BYTES + 1)),
        "it is longer than 1,000,000 bytes",
        id="just too long",
    ),
    pytest.param(
        chunked(b"fffffff\r\n" + b"x" * (ANSWER_BYTES + 1)),
        "it is longer than 1,000,000 bytes",
        id="chunks, too long",
    ),
    pytest.param(
        plain(b"1", b"1", b"Content-Encoding: gzip\r\n"),
        "it is compressed (gzip), but the request asked for an uncompressed one",
        id="compressed",
    ),
    pytest.param(
        plain(b"1", b"1", b"Content-Encoding: br, gzip\r\n"),
        "it is compressed (br, gzip), but the request asked for an uncompressed one",
        id="compressed twice",
    ),
    pytest.param(
        b"HTTP/1.1 200 OK\r\nnonsense\r\nContent-Length: 1\r\n\r\n1",
        "its headers cannot be read",
        id="a header that is none",
    ),
    pytest.param(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        "it changes to another protocol",
        id="another protocol",
    ),
]


@pytest.mark.parametrize(("answer", "flaw"), UNSOUND)
def test_unsound_answers_prove_nothing_and_close_the_connection(answer, flaw):
    with Server([answer], [OK]) as server, closing(Client(Project(TOKEN, url=server.url))) as client:
        reply = client.send(Request(server.url, b"[]"), timeout=PATIENCE)
        again = client.send(Request(server.url, b"[]"), timeout=PATIENCE)
    assert reply.flaw == flaw
    assert reply.status == int(answer[9:12])
    assert len(reply.body) <= ANSWER_BYTES
    assert (again.status, again.body, again.flaw) == (200, b"1", None)
    connections = [request.connection for request in server.arrived]
    assert connections == ([1, 1] if "compressed" in flaw else [1, 2])


@pytest.mark.parametrize(
    ("steps", "flaw", "body"),
    [
        pytest.param([plain(b"9", b"abc"), CLOSE], CUT_SHORT, b"abc", id="hung up in the body"),
        pytest.param([chunked(b"5\r\nab"), CLOSE], CUT_SHORT, b"ab", id="hung up in a chunk"),
        pytest.param(
            [chunked(b"1\r\na"), CLOSE], "its chunks cannot be read", b"a", id="hung up after a chunk"
        ),
        pytest.param([chunked(b"0\r\nX: "), CLOSE], CUT_SHORT, b"", id="hung up in the trailers"),
        pytest.param([chunked(b"0\r\n"), CLOSE], CUT_SHORT, b"", id="hung up before the last line"),
        pytest.param(
            [b"HTTP/1.0 200 OK\r\n\r\nabc", CLOSE],
            "it does not declare its length",
            b"abc",
            id="the end of the connection ends it",
        ),
        pytest.param(
            [plain(b"9", b"abc"), 0.05, RESET],
            "its body broke off: [Errno 104] Connection reset by peer",
            b"",
            id="a reset in the body",
        ),
    ],
)
def test_an_answer_that_ends_too_early_proves_nothing(steps, flaw, body):
    reply = answered(*steps)
    assert (reply.status, reply.flaw) == (200, flaw)
    assert reply.body in {b"", body}


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([CLOSE], id="hung up"),
        pytest.param([RESET], id="reset"),
        pytest.param([b"what?\r\n\r\n", CLOSE], id="no HTTP"),
        pytest.param([b"HTTP/9 200 OK\r\n\r\n", CLOSE], id="another HTTP"),
        pytest.param([b"HTTP/1.1 20", CLOSE], id="hung up in the status line"),
        pytest.param([b"HTTP/1.1 103 X\r\n\r\n", CLOSE], id="hung up before the final answer"),
        pytest.param([b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n", CLOSE], id="too many headers"),
        pytest.param([b"HTTP/1.1 200 " + b"x" * 100_000, CLOSE], id="too long a line"),
    ],
)
def test_no_final_answer(steps):
    assert answered(*steps).evidence == "unclear"


def test_bytes_that_come_later_are_never_taken_for_the_next_answer():
    refused = b"HTTP/1.1 400 X\r\nContent-Length: 1\r\n\r\n2"
    with (
        Server([OK, 0.05, OK], [refused]) as server,
        closing(Client(Project(TOKEN, url=server.url))) as client,
    ):
        assert client.send(Request(server.url, b"[]"), timeout=PATIENCE).status == 200
        time.sleep(0.3)  # it is the network that has to move
        assert client.send(Request(server.url, b"[]"), timeout=PATIENCE).status == 400
    assert [request.connection for request in server.arrived] == [1, 2]


class Hasty(Server):
    """Answers as soon as a request begins, and hangs up with the rest of it unread."""

    def talk(self, connection, _number):
        connection.recv(1)
        (answer,) = self.scripts[0]
        connection.sendall(answer)
        connection.shutdown(socket.SHUT_WR)
        time.sleep(0.1)  # the answer has to arrive before the reset


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the answer may be lost with the connection")
@pytest.mark.parametrize(
    ("status", "flaw"), [(413, None), (200, "it came before the whole request was sent")]
)
def test_an_answer_to_half_a_request(status, flaw):
    """That it is too large can be true; that it is accepted cannot."""
    with (
        Hasty([b"HTTP/1.1 %d X\r\nContent-Length: 1\r\n\r\n1" % status]) as server,
        closing(Client(Project(TOKEN, url=server.url))) as client,
    ):
        replies = [client.send(Request(server.url, b"x" * 30_000_000), timeout=PATIENCE) for _ in range(2)]
    assert [(reply.status, reply.flaw) for reply in replies] == [(status, flaw)] * 2


# -- limits of time -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(forever(b"O", first=b"HTTP/1.1 200 "), id="the status line"),
        pytest.param(forever(b"y", first=b"HTTP/1.1 200 OK\r\nX: "), id="a header"),
        pytest.param(forever(b"X: y\r\n", first=b"HTTP/1.1 200 OK\r\n"), id="headers"),
        pytest.param(forever(*INTERIM), id="interim answers"),
        pytest.param(forever(b" ", first=plain(b"900000", b"")), id="the body"),
        pytest.param(forever(b"1\r\n \r\n", first=chunked(b"")), id="chunks"),
        pytest.param(forever(b"0", first=chunked(b"")), id="the size of a chunk"),
        pytest.param(forever(b"X: y\r\n", first=chunked(b"0\r\n")), id="trailers"),
        pytest.param(forever(b" ", first=b"HTTP/1.0 200 OK\r\n\r\n"), id="what does not say where it ends"),
        pytest.param([60.0], id="nothing"),
    ],
)
@pytest.mark.parametrize(
    ("timeout", "deadline"), [(0.3, float("inf")), (60.0, 0.3)], ids=["its timeout", "a deadline"]
)
def test_an_answer_that_drips_ends_with(script, timeout, deadline):
    def drips(factor):
        with Server(script) as server:
            began = time.monotonic()
            reply = post(server.url, timeout=timeout * factor, until=began + deadline * factor)
            assert 0.25 < time.monotonic() - began < 30 * factor
        assert not (reply.flaw is None if isinstance(reply, Response) else reply.evidence == "no_connection")

    at_some_pace(drips)


@pytest.mark.parametrize(
    ("timeout", "deadline"), [(0.3, float("inf")), (60.0, 0.3)], ids=["its timeout", "a deadline"]
)
@pytest.mark.parametrize("secure", [False, True], ids=["plain", "TLS"])
def test_a_server_that_does_not_read(monkeypatch, authority, secure, timeout, deadline):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.path))

    def does_not_read(factor):
        with Server(reads=False, tls=authority.server if secure else None) as server:
            began = time.monotonic()
            reply = post(
                server.url, b"x" * 50_000_000, timeout=timeout * factor, until=began + deadline * factor
            )
            assert 0.25 < time.monotonic() - began < 30 * factor
        assert reply.evidence == "unclear"

    at_some_pace(does_not_read)


def test_sending_and_the_answer_have_the_timeout_each():
    def slow(factor):
        class Slow(Server):
            def talk(self, connection, number):
                time.sleep(0.4 * factor)
                super().talk(connection, number)

        with Slow([0.4 * factor, OK]) as server:
            reply = post(server.url, b"x" * 20_000_000, timeout=0.7 * factor)
        assert isinstance(reply, Response)
        assert reply.body == b"1"

    at_some_pace(slow)


def test_a_connection_may_rest_for_longer_than_the_timeout():
    def rests(factor):
        with Server() as server, closing(Client(Project(TOKEN, url=server.url))) as client:
            replies = [client.send(Request(server.url, b"[]"), timeout=0.2 * factor)]
            time.sleep(0.3 * factor)
            replies.append(client.send(Request(server.url, b"[]"), timeout=0.2 * factor))
        assert all(isinstance(reply, Response) for reply in replies)
        assert [request.connection for request in server.arrived] == [1, 1]

    at_some_pace(rests)


def test_a_handshake_that_never_comes():
    with Server(reads=False) as server:
        reply = post(server.url.replace("http:", "https:"), timeout=0.3)
    assert (reply.evidence, server.arrived) == ("no_connection", [])


def test_a_proxy_that_never_answers(monkeypatch):
    def never_answers(factor):
        with Server(forever(b"H", first=b"HTTP/1.1 200 ")) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy.url)
            with closing(Client(PROJECT)) as client:
                reply = client.send(Request(URL, b"[]"), timeout=0.3 * factor)
        assert reply.evidence == "no_connection"
        assert [request.body for request in proxy.arrived] == [b""]

    at_some_pace(never_answers)


@pytest.mark.parametrize(
    ("timeout", "until", "at_most", "left"),
    [
        pytest.param(5.0, 1000.0, 10.0, 5.0, id="the timeout"),
        pytest.param(60.0, 1000.0, 10.0, 10.0, id="what this phase may take"),
        pytest.param(60.0, 103.0, 10.0, 3.0, id="the deadline"),
        pytest.param(60.0, 1000.0, None, 60.0, id="the timeout, where the phase has no limit of its own"),
    ],
)
def test_a_phase_ends_with_whatever_comes_first(timeout, until, at_most, left):
    now = [0.0]
    line = Line(clock=lambda: now[0])
    line.limit(timeout, until)
    now[0] = 100.0  # the timeout is that of a phase, not of the request
    line.begin(**({} if at_most is None else {"at_most": at_most}))
    assert line.left() == left
    now[0] += left - 0.5
    assert line.left() == 0.5
    for _moment in range(2):
        now[0] += 0.5
        with pytest.raises(TimeoutError):
            line.left()


def test_connecting_takes_ten_seconds_at_most_and_the_other_phases_their_timeout(monkeypatch):
    phases, begin = [], Line.begin
    monkeypatch.setattr(Line, "begin", lambda line, *at_most: (phases.append(at_most), begin(line, *at_most)))
    with Server() as server, closing(Client(Project(TOKEN, url=server.url))) as client:
        assert client.send(Request(server.url, b"[]"), timeout=PATIENCE).flaw is None
    assert phases[0] == (10.0,)
    assert set(phases[1:]) == {()}


def test_nothing_is_sent_after_the_deadline():
    with Server() as server:
        reply = post(server.url, until=time.monotonic())
    assert (reply.evidence, server.arrived, server.connected.is_set()) == ("no_connection", [], False)


# -- a cut --------------------------------------------------------------------------------------------------------


def cut_when(event, client, request, timeout=30.0):
    """Return what comes of a request whose client is cut when `event` is set, and what comes of the next one."""
    replies = []
    call = threading.Thread(target=lambda: replies.append(client.send(request, timeout=timeout)))
    call.start()
    assert event.wait(PATIENCE)
    time.sleep(0.05)  # the worker has to get back to its wait
    client.cut()
    call.join(PATIENCE)
    assert not call.is_alive()
    return replies[0], client.send(request, timeout=timeout)


@pytest.mark.parametrize(
    ("script", "body"),
    [
        pytest.param([60.0], b"[]", id="before the answer"),
        pytest.param([b"HTTP/1.1 200 OK\r\n", 60.0], b"[]", id="in the headers"),
        pytest.param([plain(b"9", b"1"), 60.0], b"[]", id="in the body"),
        pytest.param(None, b"x" * 50_000_000, id="while it is sent"),
    ],
)
@pytest.mark.parametrize("secure", [False, True], ids=["plain", "TLS"])
def test_a_cut_ends_what_is_on_the_wire_and_lets_nothing_out(monkeypatch, authority, secure, script, body):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.path))
    tls = authority.server if secure else None
    with (
        Server(script or [], tls=tls, reads=script is not None) as server,
        closing(Client(Project(TOKEN, url=server.url))) as client,
    ):
        event = server.asked if script else server.connected
        reply, later = cut_when(event, client, Request(server.url, body))
    assert not (reply.flaw is None if isinstance(reply, Response) else reply.evidence == "no_connection")
    assert later.evidence == "no_connection"
    assert len(server.arrived) == (1 if script else 0)


def test_a_cut_reaches_a_handshake():
    with Server(reads=False) as server:
        url = server.url.replace("http:", "https:")
        with closing(Client(Project(TOKEN, url=url))) as client:
            replies = cut_when(server.connected, client, Request(url, b"[]"))
    assert [reply.evidence for reply in replies] == ["no_connection"] * 2


def test_a_cut_reaches_a_proxy_s_answer(monkeypatch):
    with Server([60.0]) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with closing(Client(PROJECT)) as client:
            replies = cut_when(proxy.asked, client, Request(URL, b"[]"))
    assert [reply.evidence for reply in replies] == ["no_connection"] * 2
    assert len(proxy.arrived) == 1


def test_a_cut_during_the_look_up_of_a_name(monkeypatch):
    asked, go_on = threading.Event(), threading.Event()
    look_up = socket.getaddrinfo

    def slow(*args):
        asked.set()
        assert go_on.wait(PATIENCE)
        return look_up(*args)

    with Server() as server, closing(Client(Project(TOKEN, url=server.url))) as client:
        monkeypatch.setattr(socket, "getaddrinfo", slow)
        replies = []
        call = threading.Thread(
            target=lambda: replies.append(client.send(Request(server.url, b"[]"), timeout=PATIENCE))
        )
        call.start()
        assert asked.wait(PATIENCE)
        client.cut()
        go_on.set()
        call.join(PATIENCE)
    assert [reply.evidence for reply in replies] == ["no_connection"]
    assert server.arrived == []


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_cut_while_it_connects(monkeypatch, scheme):
    connect = socket.socket.connect

    class Silent(Server):
        def talk(self, connection, _number):
            received.append(connection.recv(65_536))

    received = []
    with Silent() as server:
        url = server.url.replace("http:", f"{scheme}:")
        with closing(Client(Project(TOKEN, url=url))) as client:

            def cut_and_connect(self, address):
                client.cut()
                return connect(self, address)

            monkeypatch.setattr(socket.socket, "connect", cut_and_connect)
            assert client.send(Request(url, b"[]"), timeout=PATIENCE).evidence == "no_connection"
            assert server.connected.wait(PATIENCE)
    assert received == [b""]


def test_a_cut_before_the_first_request_and_two_cuts():
    with Server() as server, closing(Client(Project(TOKEN, url=server.url))) as client:
        client.cut()
        client.cut()
        assert client.send(Request(server.url, b"[]"), timeout=PATIENCE).evidence == "no_connection"
    assert not server.connected.is_set()


def test_a_cut_of_an_idle_connection():
    with Server() as server, closing(Client(Project(TOKEN, url=server.url))) as client:
        assert client.send(Request(server.url, b"[]"), timeout=PATIENCE).flaw is None
        client.cut()
        assert client.send(Request(server.url, b"[]"), timeout=PATIENCE).evidence == "no_connection"
    assert len(server.arrived) == 1


# -- descriptors --------------------------------------------------------------------------------------------------


def sockets():
    """Return the sockets that this process holds open, by their inodes."""
    inodes = set()
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the descriptor of the folder itself
            inodes.add(str(link.readlink()))
    return {inode for inode in inodes if inode.startswith("socket:")}


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the system does not list descriptors")
@pytest.mark.parametrize("secure", [False, True], ids=["plain", "TLS"])
@pytest.mark.parametrize(
    "script",
    [
        pytest.param([OK], id="an idle connection"),
        pytest.param([plain(b"x", b"")], id="an unsound answer"),
        pytest.param([plain(b"9", b"1"), CLOSE], id="an answer cut short"),
        pytest.param([RESET], id="a reset"),
        pytest.param([60.0], id="no answer"),
    ],
)
def test_no_socket_is_left_when_close_returns(monkeypatch, authority, secure, script):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.path))
    gc.collect()
    gc.disable()
    try:
        before = sockets()
        with Server(script, tls=authority.server if secure else None) as server:
            client = Client(Project(TOKEN, url=server.url))
            client.send(Request(server.url, b"[]"), timeout=0.3)
            client.close()
        assert sockets() == before
    finally:
        gc.enable()
    del client


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority.at(tmp_path_factory.mktemp("tls") / "authority.pem")


# -- proxies and certificates of the environment ------------------------------------------------------------------


@pytest.fixture
def trusted(monkeypatch, authority):
    """The authority of the test servers is known."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.path))
    return authority


def sent_to_mixpanel():
    with closing(Client(PROJECT)) as client:
        return client.send(Request(URL, b"[1]"), timeout=PATIENCE), client.send(
            Request(URL, b"[2]"), timeout=PATIENCE
        )


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("secure", [False, True], ids=["plain", "by TLS"])
def test_a_proxy_of_the_environment_is_asked_for_the_way(monkeypatch, trusted, name, secure):
    with (
        Server(tls=trusted.server) as server,
        Proxy(server.port, tls=trusted.server if secure else None) as proxy,
    ):
        monkeypatch.setenv(name, proxy.url.replace("://", "://me:secret@"))
        replies = sent_to_mixpanel()
    assert [reply.body for reply in replies] == [b"1"] * 2
    assert [request.body for request in server.arrived] == [b"[1]", b"[2]"]
    (asked,) = proxy.arrived
    assert asked.head.startswith(b"CONNECT api-eu.mixpanel.com:443 HTTP/1.")
    assert b"Proxy-Authorization: Basic bWU6c2VjcmV0" in asked.head
    assert b"Proxy-Authorization" not in server.arrived[0].head


@pytest.mark.parametrize(
    ("value", "proxies"),
    [
        pytest.param("api-eu.mixpanel.com", 0, id="the host"),
        pytest.param("mixpanel.com", 0, id="the domain"),
        pytest.param("*", 0, id="all"),
        pytest.param("example.com", 1, id="another"),
    ],
)
def test_no_proxy_names_hosts_that_are_reached_directly(monkeypatch, trusted, value, proxies):
    with Server(tls=trusted.server) as server, Proxy(server.port) as proxy:
        look_up = socket.getaddrinfo

        def local(host, port, *args):
            return look_up("127.0.0.1", server.port if "mixpanel" in host else port, *args)

        monkeypatch.setattr(socket, "getaddrinfo", local)
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", value)
        assert [reply.body for reply in sent_to_mixpanel()] == [b"1"] * 2
    assert len(proxy.arrived) == proxies


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_this_machine_is_reached_without_a_proxy(monkeypatch, host):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with Server() as server:
        assert post(server.url.replace("127.0.0.1", host)).body == b"1"


def test_a_proxy_that_refuses(monkeypatch):
    refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    with Server([refusal, CLOSE]) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        reply, _ = sent_to_mixpanel()
    assert (reply.evidence, "407" in reply.text) == ("no_connection", True)


@pytest.mark.parametrize(
    "proxy",
    [
        "socks5://proxy.example:1",
        "http://",
        "http://[",
        "nonsense://x",
        "http://127.0.0.1:1",
        "https://127.0.0.1:1",
    ],
)
def test_a_proxy_that_is_none_leads_nowhere(monkeypatch, proxy):
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    assert [reply.evidence for reply in sent_to_mixpanel()] == ["no_connection"] * 2


def test_a_proxy_with_a_certificate_that_nobody_knows(monkeypatch, authority):
    with Proxy(1, tls=authority.server) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        reply, _ = sent_to_mixpanel()
    assert (reply.evidence, proxy.arrived) == ("no_connection", [])


@pytest.mark.parametrize("name", http.CERTIFICATES)
def test_certificates_of_the_environment(monkeypatch, authority, tmp_path, name):
    with Server(tls=authority.server) as server:
        unknown = post(server.url)
        assert (unknown.evidence, "CERTIFICATE_VERIFY_FAILED" in unknown.text) == ("no_connection", True)
        monkeypatch.setenv(name, str(authority.path))
        assert post(server.url).body == b"1"
        monkeypatch.setenv(name, str(tmp_path / "none"))
        with pytest.raises(ProjectError, match=rf"{name} names .*none.*does not exist"):
            post(server.url)
    assert [request.body for request in server.arrived] == [b"[{}]"]


def test_the_names_for_certificates_count_in_their_order(monkeypatch, authority, tmp_path):
    other = Authority.at(tmp_path / "other.pem")
    for name, path in zip(http.CERTIFICATES, (authority.path, other.path, other.path), strict=True):
        monkeypatch.setenv(name, str(path))
    with Server(tls=authority.server) as server:
        assert post(server.url).body == b"1"


def test_a_certificate_for_another_host(monkeypatch, trusted):
    with Server(tls=trusted.server) as server:
        look_up = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", lambda host, *args: look_up("127.0.0.1", *args))
        reply = post(f"https://other.example:{server.port}")
    assert (reply.evidence, server.arrived) == ("no_connection", [])


def test_passwords_of_proxies_are_secrets(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@proxy.example:3128")
    assert set(http.secrets_of(PROJECT)) == {TOKEN, "me:secret", "me", "secret"}


@pytest.mark.parametrize("proxy", ["http://proxy.example:3128", "http://@proxy.example", "proxy.example"])
def test_a_proxy_without_a_password_adds_no_secret(monkeypatch, proxy):
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    assert http.secrets_of(PROJECT) == (TOKEN,)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        pytest.param(
            OSError(111, "refused"), "ConnectionRefusedError: refused", id="the text without the number"
        ),
        pytest.param(OSError("no address"), "OSError: no address", id="a text alone"),
        pytest.param(OSError(), "OSError: ", id="no text"),
        pytest.param(
            requests.ConnectionError(
                urllib3.exceptions.ProtocolError("broken", ConnectionResetError(104, "reset"))
            ),
            "ConnectionError: reset",
            id="the text of the innermost cause",
        ),
        pytest.param(
            requests.ConnectionError(urllib3.exceptions.ProtocolError(object(), "nobody there")),
            "ConnectionError: nobody there",
            id="the text behind a connection",
        ),
    ],
)
def test_a_failure_says_what_is_behind_it(error, text):
    assert failure_of(error).text == text


# -- what fails ---------------------------------------------------------------------------------------------------


def test_nobody_there():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        reply = post(f"http://127.0.0.1:{taken.getsockname()[1]}")
    assert (reply.evidence, "Connection refused" in reply.text) == ("no_connection", True)


def test_a_server_that_has_no_tls():
    class Plain(Server):
        def talk(self, connection, _number):
            connection.recv(1)
            connection.sendall(b"HTTP/1.1 400 X\r\n\r\n")

    with Plain() as server:
        reply = post(server.url.replace("http:", "https:"))
    assert (reply.evidence, "SSL" in reply.text) == ("no_connection", True)


@pytest.mark.parametrize("host", ["unknown.invalid", "a..b", f"{'x' * 70}.example"])
def test_a_name_that_is_nobody_s(monkeypatch, host):
    def unknown(name, *_):
        name.encode("idna")
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert post(f"https://{host}").evidence == "no_connection"


def test_the_next_address_is_tried(monkeypatch):
    look_up = socket.getaddrinfo
    with Server() as server:
        addresses = [
            *look_up("127.0.0.1", 1, 0, socket.SOCK_STREAM),
            *look_up("127.0.0.1", server.port, 0, socket.SOCK_STREAM),
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_: addresses)
        assert post("http://localhost:9").body == b"1"


class Failing(HTTPAdapter):
    """Raises instead of sending."""

    def __init__(self, error):
        super().__init__()
        self.error, self.sent, self.closed = error, [], False

    def send(self, request, **options):
        self.sent.append(options)
        raise self.error

    def close(self):
        self.closed = True


POOL = urllib3.HTTPSConnectionPool("api-eu.mixpanel.com")
CONNECTION = urllib3.connection.HTTPConnection("api-eu.mixpanel.com")
URLLIB3, REQUESTS = urllib3.exceptions, requests.exceptions


def gave_up(reason):
    return requests.ConnectionError(URLLIB3.MaxRetryError(POOL, "/engage", reason))


def aborted(cause):
    return requests.ConnectionError(URLLIB3.ProtocolError("Connection aborted.", cause))


@pytest.mark.parametrize(
    ("error", "evidence"),
    [
        pytest.param(URLLIB3.NewConnectionError(CONNECTION, "refused"), "no_connection", id="refused"),
        pytest.param(
            gave_up(URLLIB3.NewConnectionError(CONNECTION, "refused")), "no_connection", id="given up"
        ),
        pytest.param(
            gave_up(URLLIB3.NameResolutionError("host", CONNECTION, socket.gaierror(-2, "unknown"))),
            "no_connection",
            id="no such host",
        ),
        pytest.param(socket.gaierror(-2, "unknown"), "no_connection", id="no such host, bare"),
        pytest.param(
            gave_up(URLLIB3.ConnectTimeoutError(CONNECTION, "slow")), "no_connection", id="connect timeout"
        ),
        pytest.param(requests.ConnectTimeout("slow"), "no_connection", id="connect timeout, bare"),
        pytest.param(ConnectionRefusedError(111, "refused"), "no_connection", id="refused, bare"),
        pytest.param(
            REQUESTS.SSLError(URLLIB3.SSLError(ssl.SSLCertVerificationError(1, "self-signed"))),
            "no_connection",
            id="certificate",
        ),
        pytest.param(
            REQUESTS.SSLError(URLLIB3.SSLError(ssl.SSLError(1, "bad record"))), "unclear", id="TLS, some time"
        ),
        pytest.param(REQUESTS.SSLError("?"), "unclear", id="TLS, bare"),
        pytest.param(
            REQUESTS.ProxyError(URLLIB3.ProxyError("no proxy", OSError("tunnel failed"))),
            "no_connection",
            id="no way past a proxy",
        ),
        pytest.param(
            URLLIB3.ProxyError("cannot", ConnectionResetError(104, "reset")), "unclear", id="reset by a proxy"
        ),
        pytest.param(
            URLLIB3.ProxyError("cannot", URLLIB3.ProtocolError("broken")), "unclear", id="broken by a proxy"
        ),
        pytest.param(URLLIB3.LocationParseError("http://["), "no_connection", id="address of no proxy"),
        pytest.param(URLLIB3.ProxySchemeUnknown("x"), "no_connection", id="no scheme of a proxy"),
        pytest.param(URLLIB3.ProxySchemeUnsupported("x"), "no_connection", id="a proxy that cannot be used"),
        pytest.param(REQUESTS.InvalidProxyURL("x"), "no_connection", id="no way found"),
        pytest.param(
            requests.ReadTimeout(URLLIB3.ReadTimeoutError(POOL, "/", "slow")), "unclear", id="read timeout"
        ),
        pytest.param(aborted(ConnectionResetError(104, "reset")), "unclear", id="reset"),
        pytest.param(aborted(ssl.SSLEOFError(8, "EOF")), "unclear", id="TLS broke off"),
        pytest.param(aborted(IncompleteRead(b"", 7)), "unclear", id="short read"),
        pytest.param(requests.ConnectionError("?"), "unclear", id="without a cause"),
        pytest.param(requests.Timeout("?"), "unclear", id="a timeout of no kind"),
        pytest.param(URLLIB3.HTTPError("?"), "unclear", id="anything else of urllib3"),
        pytest.param(OSError("?"), "unclear", id="anything of the system"),
    ],
)
def test_what_an_adapter_raises_is_evidence(error, evidence):
    adapter = Failing(error)
    with closing(Client(replace(PROJECT, adapter=adapter))) as client:
        reply = client.send(Request(URL, b"[]"), timeout=PATIENCE)
    assert isinstance(reply, Failure)
    assert (reply.evidence, reply.text.startswith(type(error).__name__)) == (evidence, True)
    assert not adapter.closed  # it is not ours


@pytest.mark.parametrize("error", [ZeroDivisionError("ours"), ValueError("ours"), AssertionError("ours")])
def test_a_bug_is_shown_as_one(error):
    with (
        closing(Client(replace(PROJECT, adapter=Failing(error)))) as client,
        pytest.raises(type(error), match="ours"),
    ):
        client.send(Request(URL, b"[]"), timeout=PATIENCE)


# -- the adapter of a project -------------------------------------------------------------------------------------


def test_an_adapter_is_asked_as_a_session_asks(monkeypatch, tmp_path):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    (tmp_path / "ca.pem").touch()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    adapter = Failing(OSError())
    with closing(Client(replace(PROJECT, adapter=adapter))) as client:
        client.send(Request(URL, b"[]"), timeout=60)
        client.send(Request(URL, b"[]"), timeout=60, until=time.monotonic() + 5)
    first, second = adapter.sent
    assert first.pop("proxies")["https"] == "http://proxy.example:3128"
    assert first.pop("timeout")[1] == pytest.approx(60, abs=1)
    assert first == {"stream": True, "verify": str(tmp_path / "ca.pem"), "cert": None}
    assert max(second["timeout"]) <= 5


class Canned(BaseAdapter):
    """An adapter that is no more than it has to be."""

    def send(self, request, **options):
        answer = requests.Response()
        answer.status_code, answer.raw = 200, io.BytesIO(b"1")
        return answer

    def close(self):
        raise AssertionError


def test_an_adapter_of_the_least_kind():
    with closing(Client(replace(PROJECT, adapter=Canned()))) as client:
        reply = client.send(Request(URL, b"[]"), timeout=PATIENCE)
    assert (reply.status, reply.body, reply.flaw) == (200, b"1", None)


def test_a_plain_adapter_of_requests_goes_out_and_finds_the_same_flaws():
    answers = [[OK], [plain(b"9", b"1"), CLOSE], [plain(b"1", b"1", b"Content-Encoding: gzip\r\n")]]
    long = plain(b"%d" % (3 * ANSWER_BYTES), b" " * 3 * ANSWER_BYTES)
    with (
        Server(*answers, [long]) as server,
        closing(HTTPAdapter()) as adapter,
        closing(Client(Project(TOKEN, url=server.url, adapter=adapter))) as client,
    ):
        replies = [client.send(Request(server.url, b"[]"), timeout=PATIENCE) for _ in range(4)]
    assert [reply.flaw is None for reply in replies] == [True, False, False, False]
    assert replies[0].body == b"1"
    assert len(replies[3].body) == ANSWER_BYTES


@responses.activate
def test_responses_answers_in_place_of_the_network():
    responses.post(URL, b"0", status=400, headers={"Retry-After": "3"})
    with closing(Client(PROJECT)) as client:
        reply = client.send(Request(URL, b"[1]"), timeout=PATIENCE)
    assert (reply.status, reply.body, reply.headers["retry-after"], reply.flaw) == (400, b"0", "3", None)


@pytest.mark.parametrize("fault", ["refused", "unresolved", "connect_timeout", "tls", "proxy"])
def test_the_emulator_s_faults_before_a_connection(fault):
    emulator = mpd.Emulator()
    emulator.fail(fault)
    with closing(Client(replace(emulator.project, adapter=emulator.adapter()))) as client:
        assert (
            client.send(Request(f"{emulator.url}/engage", b"[]"), timeout=PATIENCE).evidence
            == "no_connection"
        )


@pytest.mark.parametrize("fault", ["closed", "reset", "timeout", "truncated", "stalled"])
def test_the_emulator_s_faults_on_the_way_back(fault):
    emulator = mpd.Emulator()
    emulator.fail(fault)
    with closing(Client(replace(emulator.project, adapter=emulator.adapter()))) as client:
        reply = client.send(Request(f"{emulator.url}/engage", b"[]"), timeout=PATIENCE)
    assert not (reply.flaw is None if isinstance(reply, Response) else reply.evidence == "no_connection")


def test_an_adapter_takes_no_part_in_what_a_project_is():
    adapter = Canned()
    with_one = replace(PROJECT, adapter=adapter)
    assert (with_one, hash(with_one), repr(with_one)) == (PROJECT, hash(PROJECT), repr(PROJECT))
    assert pickle.loads(pickle.dumps(with_one)) == PROJECT
    assert pickle.loads(pickle.dumps(with_one)).adapter is None
    assert (
        copy.copy(with_one).adapter is copy.deepcopy(with_one).adapter is adapter
    )  # else it would go to the network


@pytest.mark.parametrize("adapter", ["http", 1, HTTPAdapter, object()])
def test_an_adapter_that_is_none_is_refused(adapter):
    with pytest.raises(ProjectError, match=r"adapter must be an adapter of requests, .* not "):
        Project(TOKEN, "eu", adapter=adapter)

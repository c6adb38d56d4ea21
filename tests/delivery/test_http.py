from __future__ import annotations

import io
import json
import socket
import ssl
import threading
from contextlib import closing
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest
import requests
import urllib3

from mixpanel_pandas.delivery import http
from mixpanel_pandas.delivery.answers import ANSWER_BYTES, Answer, Named, read, seconds_to_wait
from mixpanel_pandas.errors import ProjectError
from mixpanel_pandas.project import Project

TOKEN = "0123456789abcdef0123456789abcdef"
PROJECT = Project(TOKEN, "eu", timeout=2)
URL = http.address(PROJECT, "engage")
RECORDS = 3
HTML = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


def js(**body):
    return json.dumps(body).encode()


def failed(*records, **more):
    return js(
        status="Bad Request", code=400, error="some data points failed", failed_records=list(records), **more
    )


@dataclass
class Call:
    method: str
    target: str
    body: bytes
    headers: dict[str, str]


class Network:
    """Answers, or fails, in place of urllib3's connections, and keeps what it was asked."""

    def __init__(self):
        self.calls = []
        self.answers()

    def answers(self, status=200, body=b"1", headers=None):
        self.error, self.answer = None, (status, body, headers or {})

    def fails(self, error):
        self.error = error

    def ask(self, call):
        self.calls.append(call)
        if self.error is not None:
            raise self.error
        status, body, headers = self.answer
        return urllib3.HTTPResponse(io.BytesIO(body), headers, status, preload_content=False)


@pytest.fixture
def network(monkeypatch):
    network = Network()

    def urlopen(pool, method, target, body, headers, **_):
        return network.ask(Call(method, target, body, headers))

    monkeypatch.setattr(urllib3.HTTPConnectionPool, "urlopen", urlopen)
    return network


@pytest.fixture
def session():
    with closing(http.Session(PROJECT)) as session:
        yield session


def attempt(session, body=b"[{},{},{}]", url=URL):
    return http.attempt(session, url, body, records=RECORDS, timeout=2, secrets=(TOKEN,))


SHAPES = [
    # success
    pytest.param(200, b"1", "accepted", None, id="bare 1"),
    pytest.param(200, b"1\n", "accepted", None, id="bare 1 and a line end"),
    pytest.param(200, js(status=1, error=None), "accepted", None, id="status 1, no error"),
    pytest.param(200, js(error=None, status=1), "accepted", None, id="the same in another order"),
    pytest.param(200, js(status=1), "accepted", None, id="status 1 alone"),
    pytest.param(200, js(status=True), "accepted", None, id="status true"),
    pytest.param(200, js(status="OK"), "accepted", None, id="status OK"),
    pytest.param(200, js(status="ok", error=""), "accepted", None, id="status ok, empty error"),
    pytest.param(
        200, js(code=200, num_records_imported=3, status="OK"), "accepted", 3, id="OK, all imported"
    ),
    pytest.param(200, js(num_good_events=3, status=1, error=None), "accepted", 3, id="status 1, all good"),
    pytest.param(200, js(num_good_events=3, error=None), "accepted", 3, id="all good, no status"),
    pytest.param(202, js(status=1), "accepted", None, id="another 2xx"),
    pytest.param(200, js(status=1, failed_records=[]), "accepted", None, id="nobody failed"),
    pytest.param(200, b"\xef\xbb\xbf1", "accepted", None, id="bare 1 after a byte order mark"),
    # refused as a whole
    pytest.param(200, b"0", "refused", None, id="bare 0"),
    pytest.param(
        200, js(error="$token, missing or empty", status=0), "refused", None, id="status 0 and an error"
    ),
    pytest.param(200, js(status=0), "refused", None, id="status 0 alone"),
    pytest.param(200, js(status=False), "refused", None, id="status false"),
    pytest.param(200, js(status="error", error="no"), "refused", None, id="status error"),
    pytest.param(200, js(status=1, error="disallowed"), "refused", None, id="status 1 with an error"),
    pytest.param(200, js(error="no"), "refused", None, id="an error alone"),
    pytest.param(200, js(status="OK", code=400), "refused", None, id="OK with the code of a failure"),
    pytest.param(400, js(status="Bad Request", code=400, error="no"), "refused", None, id="400"),
    pytest.param(400, HTML, "refused", None, id="400 in HTML"),
    pytest.param(400, b"1", "refused", None, id="400 with a bare 1"),
    pytest.param(414, HTML, "refused", None, id="414 of a gateway"),
    pytest.param(422, b"", "refused", None, id="another 4xx"),
    pytest.param(200, js(status=1, num_good_events=2), "refused", 2, id="success with a count too small"),
    pytest.param(200, js(num_good_events=2), "refused", 2, id="only a count too small"),
    pytest.param(400, js(error="no", num_records_imported=0), "none_applied", 0, id="400, 0 imported"),
    pytest.param(200, js(status=1, num_good_events=0), "none_applied", 0, id="success with a count of 0"),
    pytest.param(200, js(status=0, num_good_events=0, error="no"), "none_applied", 0, id="status 0, 0 good"),
    # some are named
    pytest.param(400, failed({"index": 1, "message": "m"}), "named", None, id="named by index, no count"),
    pytest.param(400, failed({"$distinct_id": "a", "message": "m"}), "named", None, id="named by id"),
    pytest.param(400, failed({"$group_id": "a"}, "text"), "named", None, id="named by group id, and a text"),
    pytest.param(
        400, failed({"index": 1}, num_records_imported=2), "named_rest_applied", 2, id="the others imported"
    ),
    pytest.param(
        400,
        failed({"index": 1}, {"index": 1}, num_records_imported=2),
        "named_rest_applied",
        2,
        id="named twice",
    ),
    pytest.param(
        400, failed({"index": 1}, num_records_imported=1), "named", 1, id="fewer imported than not named"
    ),
    pytest.param(
        400, failed({"index": 1}, num_records_imported=0), "named_none_applied", 0, id="named, 0 imported"
    ),
    pytest.param(
        400, failed({"index": 1}, "text", num_records_imported=2), "named", 2, id="found, and a text too many"
    ),
    pytest.param(200, js(status=0, failed_records=[{"index": 0}]), "named", None, id="lookup table shape"),
    pytest.param(200, js(status=1, failed_records=[{"index": 0}]), "named", None, id="status 1, one named"),
    pytest.param(
        200, failed({"index": 1}, "text", num_records_imported=1), "named", 1, id="one found, one not"
    ),
    pytest.param(400, failed("no identity events"), "refused", None, id="plain strings name nobody"),
    pytest.param(400, failed({"index": 3}), "refused", None, id="index behind the end"),
    pytest.param(400, failed({"index": -1}), "refused", None, id="negative index"),
    pytest.param(
        400, failed({"index": 1}, {"index": 9}), "refused", None, id="one index behind the end spoils all"
    ),
    pytest.param(
        400, failed({"index": True}, {"index": "1"}), "refused", None, id="indices that are no numbers"
    ),
    pytest.param(400, failed({"message": "m"}), "refused", None, id="neither index nor id"),
    pytest.param(
        200, js(status=1, failed_records="all"), "refused", None, id="failed records of no known shape"
    ),
    # counts that contradict
    pytest.param(200, js(status=1, num_good_events=4), "unclear", 4, id="more than were sent"),
    pytest.param(400, js(error="no", num_records_imported=3), "unclear", 3, id="refused, and all imported"),
    pytest.param(
        400, failed({"index": 1}, num_records_imported=3), "unclear", 3, id="named, and all imported"
    ),
    pytest.param(
        200, js(status=1, num_good_events=3, num_records_imported=2), "unclear", None, id="two counts"
    ),
    pytest.param(200, js(status=1, num_good_events="3"), "unclear", None, id="a count in words"),
    pytest.param(200, js(status=1, num_good_events=-1), "unclear", None, id="a negative count"),
    pytest.param(
        200, js(status=1, num_good_events=True), "unclear", None, id="a count that is a truth value"
    ),
    # no known shape
    pytest.param(200, b"", "unclear", None, id="empty"),
    pytest.param(204, b"", "unclear", None, id="no content"),
    pytest.param(200, HTML, "unclear", None, id="HTML with 200"),
    pytest.param(200, b'{"status": 1, "err', "unclear", None, id="truncated JSON"),
    pytest.param(200, b"{}", "unclear", None, id="empty object"),
    pytest.param(200, b"[1]", "unclear", None, id="a list"),
    pytest.param(200, b"2", "unclear", None, id="another number"),
    pytest.param(200, b"1.0", "unclear", None, id="1 with a point"),
    pytest.param(200, b"true", "unclear", None, id="bare true"),
    pytest.param(200, b'"1"', "unclear", None, id="1 as a text"),
    pytest.param(200, b"null", "unclear", None, id="null"),
    pytest.param(200, js(status="queued"), "unclear", None, id="a status nobody knows"),
    pytest.param(200, js(status=["ok"]), "unclear", None, id="a status of no type we know"),
    pytest.param(200, js(status=None, error=None), "unclear", None, id="status null"),
    pytest.param(200, b"[" * 100_000, "unclear", None, id="nested too deeply"),
    pytest.param(200, b"1" + b" " * ANSWER_BYTES, "unclear", None, id="huge"),
    pytest.param(200, b"1" * 5000, "unclear", None, id="a number too long to read"),
    pytest.param(200, b"\xff\xfe\x00", "unclear", None, id="no text at all"),
    # the status decides
    *(
        pytest.param(code, js(error="...", status="error"), "denied", None, id=f"{code}")
        for code in (301, 302, 307, 308, 401, 402, 403, 404, 405)
    ),
    pytest.param(304, b"", "denied", None, id="304, which has no body"),
    *(
        pytest.param(code, HTML, "unclear", None, id=f"{code}")
        for code in (408, 500, 502, 503, 504, 524, 599)
    ),
    pytest.param(500, js(status=1), "unclear", None, id="500 that speaks of success"),
    pytest.param(
        503, failed({"index": 1}, num_records_imported=2), "unclear", 2, id="503 that names a record"
    ),
    pytest.param(
        413,
        js(code=413, error="request exceeds max limit of 2097152 bytes", status="Request Entity Too Large"),
        "too_large",
        None,
        id="413",
    ),
    pytest.param(
        429, js(code=429, error="rate limits", status="Too Many Requests"), "rate_limited", None, id="429"
    ),
    pytest.param(429, b"", "rate_limited", None, id="429, empty"),
    pytest.param(429, js(error="no", num_good_events=0), "rate_limited", 0, id="429, 0 good"),
    pytest.param(429, js(error="no", num_good_events=1), "unclear", 1, id="429 that counts one as applied"),
    pytest.param(413, js(error="no", num_good_events="x"), "unclear", None, id="413 with a count in words"),
]


@pytest.mark.parametrize(
    "kind", ["application/json", "text/html"], ids=["as JSON", "under a wrong content type"]
)
@pytest.mark.parametrize(("status", "body", "evidence", "applied"), SHAPES)
def test_every_shape_of_answer(session, network, status, body, evidence, applied, kind):
    network.answers(status, body, {"Content-Type": kind})
    answer = attempt(session)
    assert (answer.evidence, answer.status_code, answer.applied) == (evidence, status, applied)
    assert (answer.error is None) == (evidence == "accepted")
    assert bool(answer.named) == evidence.startswith("named")


@pytest.mark.parametrize(
    ("record", "named"),
    [
        pytest.param(
            {"index": 1, "$distinct_id": "a", "field": "properties.time", "message": "bad"},
            Named(1, "a", "properties.time: bad"),
            id="all of it",
        ),
        pytest.param({"index": 0, "$insert_id": "x"}, Named(0, None, None), id="index alone"),
        pytest.param({"$group_id": 12}, Named(None, "12", None), id="id alone, a number"),
        pytest.param(
            {"index": 2, "error": f"bad {TOKEN}"}, Named(2, None, "bad ***"), id="a message with the token"
        ),
    ],
)
def test_named_records_are_read(record, named):
    assert read(400, failed(record), RECORDS, secrets=(TOKEN,)).named == (named,)


POOL = urllib3.HTTPSConnectionPool("api-eu.mixpanel.com")
CONNECTION = urllib3.connection.HTTPConnection("api-eu.mixpanel.com")
URLLIB3 = urllib3.exceptions


def gave_up(reason):
    return URLLIB3.MaxRetryError(POOL, "/engage", reason)


def aborted(cause):
    return URLLIB3.ProtocolError("Connection aborted.", cause)


@pytest.mark.parametrize(
    ("error", "evidence"),
    [
        pytest.param(URLLIB3.NewConnectionError(CONNECTION, "refused"), "no_connection", id="refused"),
        pytest.param(
            gave_up(URLLIB3.NewConnectionError(CONNECTION, "refused")), "no_connection", id="given up"
        ),
        pytest.param(
            URLLIB3.NameResolutionError("host", CONNECTION, socket.gaierror(-2, "unknown")),
            "no_connection",
            id="no such host",
        ),
        pytest.param(socket.gaierror(-2, "unknown"), "no_connection", id="no such host, bare"),
        pytest.param(
            URLLIB3.ConnectTimeoutError(CONNECTION, "timed out"), "no_connection", id="connect timeout"
        ),
        pytest.param(ConnectionRefusedError(111, "refused"), "no_connection", id="refused, bare"),
        pytest.param(
            URLLIB3.SSLError(ssl.SSLCertVerificationError(1, "self-signed")),
            "no_connection",
            id="certificate",
        ),
        pytest.param(URLLIB3.SSLError("handshake"), "no_connection", id="handshake"),
        pytest.param(
            URLLIB3.ProxyError("no proxy", OSError("tunnel failed")),
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
        pytest.param(requests.exceptions.InvalidProxyURL("x"), "no_connection", id="no way found"),
        pytest.param(URLLIB3.ReadTimeoutError(POOL, "/", "slow"), "unclear", id="read timeout"),
        pytest.param(aborted(ConnectionResetError(104, "reset")), "unclear", id="reset"),
        pytest.param(aborted(ssl.SSLEOFError(8, "EOF")), "unclear", id="TLS broke off"),
        pytest.param(aborted(URLLIB3.IncompleteRead(3, 7)), "unclear", id="short read"),
        pytest.param(URLLIB3.ProtocolError("?"), "unclear", id="without a cause"),
        pytest.param(URLLIB3.HTTPError("?"), "unclear", id="anything else"),
        pytest.param(OSError("?"), "unclear", id="anything of the system"),
    ],
)
def test_every_exception_is_evidence(session, network, error, evidence):
    network.fails(error)
    answer = attempt(session)
    assert (answer.evidence, answer.status_code) == (evidence, None)
    assert answer.error


def test_a_request_is_a_plain_json_post(session, network):
    attempt(session, b'[{"a":1}]')
    (call,) = network.calls
    path, _, query = call.target.partition("?")
    assert (call.method, path, call.body) == ("POST", "/engage", b'[{"a":1}]')
    assert parse_qs(query) == {"ip": ["0"], "strict": ["1"], "verbose": ["1"]}
    assert call.headers == {
        "Content-Type": "application/json", "Accept": "*/*", "Accept-Encoding": "identity",
    }  # fmt: skip


def test_netrc_is_never_read_and_proxies_are(monkeypatch, network, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine api-eu.mixpanel.com login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    session = http.Session(PROJECT)
    assert session.proxies["https"] == "http://proxy.example:3128"
    attempt(session)
    assert "Authorization" not in network.calls[0].headers
    for url in ("http://127.0.0.1:8000", "http://localhost:8000", "http://[::1]:8000"):
        assert http.Session(Project(TOKEN, url=url)).proxies == {}
    monkeypatch.setenv("NO_PROXY", "mixpanel.com")
    assert "https" not in http.Session(PROJECT).proxies


def test_a_proxy_of_the_environment_is_asked_first(monkeypatch):
    asked = []

    def refuse():
        connection, _ = listening.accept()
        with connection:
            asked.append(connection.recv(4096))
            connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:secret@127.0.0.1:{listening.getsockname()[1]}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        refusing = threading.Thread(target=refuse)
        refusing.start()
        with closing(http.Session(PROJECT)) as session:
            answer = attempt(session)
        refusing.join()
    assert answer.evidence == "no_connection"
    assert asked[0].startswith(b"CONNECT api-eu.mixpanel.com:443 HTTP/1")
    assert b"Proxy-Authorization: Basic bWU6c2VjcmV0" in asked[0]


@pytest.mark.parametrize("proxy", ["socks5://proxy.example:1", "http://", "http://[", "nonsense://x"])
def test_a_proxy_that_is_none_leads_nowhere(monkeypatch, proxy):
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with closing(http.Session(PROJECT)) as session:
        assert attempt(session).evidence == "no_connection"


def test_certificates_of_the_environment(monkeypatch, tmp_path):
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    assert http.Session(PROJECT).certificates is True
    monkeypatch.setenv("CURL_CA_BUNDLE", str(tmp_path))
    assert http.Session(PROJECT).certificates == str(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none"))
    with pytest.raises(ProjectError, match=r"REQUESTS_CA_BUNDLE names .*none.*does not exist"):
        http.Session(PROJECT)


def test_no_cookie_is_kept(session, network):
    network.answers(headers={"Set-Cookie": "a=b"})
    attempt(session)
    attempt(session)
    assert "Cookie" not in network.calls[1].headers


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        pytest.param(None, None, id="absent"),
        pytest.param("7", 7.0, id="seconds"),
        pytest.param("0.5", 0.5, id="part of a second"),
        pytest.param("-3", 0.0, id="negative"),
        pytest.param("Thu, 01 Jan 1970 00:01:40 GMT", 90.0, id="a date"),
        pytest.param("Thu, 01 Jan 1970 00:00:00 GMT", 0.0, id="a date gone by"),
        pytest.param("nan", None, id="not a number"),
        pytest.param("inf", None, id="for ever"),
        pytest.param("soon", None, id="a word"),
        pytest.param("Thu, 99 Jan 1970 00:00:00 GMT", None, id="a date that is none"),
    ],
)
def test_retry_after(header, seconds):
    assert seconds_to_wait(header, now=10.0) == seconds


def test_retry_after_is_part_of_the_answer(session, network):
    network.answers(429, headers={"Retry-After": "12"})
    assert attempt(session).retry_after == 12.0


def test_an_answer_that_echoes_the_record_is_redacted(session, network):
    record = json.dumps([{"$token": TOKEN, "$distinct_id": "a"}])
    network.answers(400, js(error=f"cannot read {record}", status=0))
    assert attempt(session).error == '400 cannot read [{"$token": "***", "$distinct_id": "a"}]'


class Server(ThreadingHTTPServer):
    """A loopback server that answers with what `reply` writes."""

    daemon_threads = True

    def __init__(self, reply):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                reply(self)

            def log_message(self, *args):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *args):
        self.shutdown()
        super().__exit__(*args)


def reply_with(head, body=b"", *, reset=False):
    def reply(handler):
        handler.wfile.write(head + b"\r\n\r\n" + body)
        if reset:
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        handler.close_connection = True

    return reply


@pytest.mark.parametrize(
    ("reply", "evidence", "status"),
    [
        pytest.param(reply_with(b"HTTP/1.1 200 OK\r\nContent-Length: 1", b"1"), "accepted", 200, id="right"),
        pytest.param(
            reply_with(b"HTTP/1.1 200 OK\r\nContent-Length: 9", b"1"), "unclear", 200, id="cut short"
        ),
        pytest.param(
            reply_with(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", b"5\r\n1"),
            "unclear",
            200,
            id="broken chunk",
        ),
        pytest.param(
            reply_with(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1", b"1"),
            "unclear",
            200,
            id="no gzip after all",
        ),
        pytest.param(
            reply_with(b"HTTP/1.1 200 OK\r\nContent-Length: 90000000", b"[" * 3_000_000, reset=True),
            "unclear",
            200,
            id="larger than is read",
        ),
        pytest.param(
            lambda handler: setattr(handler, "close_connection", True), "unclear", None, id="hung up"
        ),
        pytest.param(reply_with(b"what?"), "unclear", None, id="no HTTP"),
    ],
)
def test_over_a_real_socket(reply, evidence, status):
    with Server(reply) as server, closing(http.Session(Project(TOKEN, url=server.url))) as session:
        answer = attempt(session, url=server.url)
    assert (answer.evidence, answer.status_code) == (evidence, status)


@pytest.mark.parametrize("location", ["/elsewhere", "https://elsewhere.example/", "http://[", "ftp://x"])
def test_a_redirect_is_never_followed(location):
    asked = []

    def reply(handler):
        asked.append(handler.path)
        reply_with(b"HTTP/1.1 307 Moved\r\nContent-Length: 5\r\nLocation: " + location.encode(), b"moved")(
            handler
        )

    with Server(reply) as server, closing(http.Session(Project(TOKEN, url=server.url))) as session:
        assert attempt(session, url=f"{server.url}/engage").evidence == "denied"
    assert asked == ["/engage"]


def test_nobody_there():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with closing(http.Session(Project(TOKEN, url=url))) as session:
            assert attempt(session, url=url).evidence == "no_connection"


def test_tls_with_a_server_that_has_none():
    with Server(reply_with(b"HTTP/1.1 200 OK")) as server:
        url = server.url.replace("http:", "https:")
        with closing(http.Session(Project(TOKEN, url=url))) as session:
            assert attempt(session, url=url).evidence == "no_connection"


def test_abort_ends_a_wait_for_an_answer():
    arrived, over = threading.Event(), threading.Event()

    def reply(handler):
        arrived.set()
        over.wait(30)
        handler.close_connection = True

    answers: list[Answer] = []
    with Server(reply) as server, closing(http.Session(Project(TOKEN, url=server.url))) as session:
        call = threading.Thread(
            target=lambda: answers.append(
                http.attempt(session, server.url, b"[]", records=1, timeout=30, secrets=())
            )
        )
        call.start()
        assert arrived.wait(5)
        session.abort()
        call.join(5)
        over.set()
        assert not call.is_alive()
    assert [answer.evidence for answer in answers] == ["unclear"]


def test_tls_that_breaks_while_the_answer_is_read(monkeypatch):
    def getresponse(self):
        raise ssl.SSLEOFError(8, "EOF occurred in violation of protocol")

    monkeypatch.setattr(urllib3.connection.HTTPConnection, "getresponse", getresponse)
    with (
        Server(reply_with(b"HTTP/1.1 200 OK")) as server,
        closing(http.Session(Project(TOKEN, url=server.url))) as session,
    ):
        assert attempt(session, url=server.url).evidence == "unclear"


def test_a_handshake_that_is_cut_off():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"https://127.0.0.1:{listening.getsockname()[1]}"

        def hang_up():
            connection, _ = listening.accept()
            with connection:
                connection.recv(1)  # the handshake has begun
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

        hanging_up = threading.Thread(target=hang_up)
        hanging_up.start()
        with closing(http.Session(Project(TOKEN, url=url))) as session:
            assert attempt(session, url=url).evidence == "no_connection"
        hanging_up.join()


def test_a_session_finds_its_way_once_and_each_body_arrives_whole(session, network, monkeypatch):
    ways, find = [], session._way
    monkeypatch.setattr(session, "_way", lambda url: ways.append(url) or find(url))
    bodies = [b"[{},{},{}]", b"[{}]", b'[{"a":"' + b"x" * 1000 + b'"}]']
    assert [attempt(session, body).evidence for body in bodies] == ["accepted"] * 3
    assert [call.body for call in network.calls] == bodies
    assert ways == [URL]


def test_a_connection_is_used_again():
    lengths, connections = [], set()

    def reply(handler):
        lengths.append(handler.headers["Content-Length"])
        connections.add(handler.client_address)
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1")

    bodies = [b"[{},{},{}]", b"[{}]", b"[" + b"{}," * 100_000 + b"{}]"]
    with Server(reply) as server, closing(http.Session(Project(TOKEN, url=server.url))) as session:
        assert [attempt(session, body, server.url).evidence for body in bodies] == ["accepted"] * 3
    assert lengths == [str(len(body)) for body in bodies]
    assert len(connections) == 1


def test_whatever_breaks_within_the_body_comes_after_the_request(session, network, monkeypatch):
    def stream(self, size):
        raise URLLIB3.SSLError

    monkeypatch.setattr(urllib3.HTTPResponse, "stream", stream)
    answer = attempt(session)
    assert (answer.evidence, answer.status_code) == ("unclear", 200)

"""Each fault through a real socket and through the adapter; and which request it happens to."""

from __future__ import annotations

import json
import re
import socket
import time
from datetime import UTC, datetime

import pytest
import requests

from mixpanel_pandas.emulator import FAULTS, Emulator
from mixpanel_pandas.emulator.adapter import _ENDINGS as ADAPTER_ENDINGS
from mixpanel_pandas.emulator.server import _ENDINGS as SERVER_ENDINGS
from mixpanel_pandas.emulator.wire import NO_CONNECTION
from mixpanel_pandas.errors import OperationError, OptionError
from tests.loopback import Authority, Server
from tests.patience import PATIENCE


@pytest.fixture
def emulator():
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def network():
    with requests.Session() as session:
        session.trust_env = False
        yield session


@pytest.fixture
def in_process(emulator):
    with requests.Session() as session:
        session.mount(emulator.url, emulator.adapter())
        yield session


def records(emulator, *names):
    return [
        {"$token": emulator.token, "$distinct_id": name, "$ignore_time": True, "$append": {"log": name}}
        for name in names
    ]


def post(session, emulator, *names, url=None, timeout=PATIENCE, **options):
    body = json.dumps(records(emulator, *(names or ("ann", "bob")))).encode()
    url = url or f"{emulator.url}/engage?ip=0&strict=1"
    headers = {"Content-Type": "application/json"}
    return session.post(url, data=body, headers=headers, timeout=timeout, allow_redirects=False, **options)


def told(error):
    """Return an exception as types and words, along the chain of its causes."""
    chain = []
    while isinstance(error, BaseException):
        chain.append((type(error), re.sub(r" at 0x\w+", "", str(error))))
        error = getattr(error, "reason", None) or (error.args[-1] if error.args else None)
    return chain


def outcome(session, emulator, **options):
    """Return all that a client gets: an answer, or an exception."""
    try:
        response = post(session, emulator, **options)
    except requests.RequestException as error:
        return told(error)
    return response.status_code, response.reason, dict(response.headers), response.content, response.url


def after(emulator):
    """Return all that is to be seen in the emulator, once the request is there."""
    while not emulator.requests:  # a client may give up before
        time.sleep(0.001)
    return emulator.profiles().to_dict("index"), [(row.status, row.applied) for row in emulator.requests]


def is_bob(record):
    return record["$distinct_id"] == "bob"


#: Faults that last until a client gives up.
WAITING = {"timeout", "stalled", "connect_timeout"}

BOTH, NONE = {"ann": {"log": ["ann"]}, "bob": {"log": ["bob"]}}, {}
FAULT_CASES = [
    pytest.param("status", {"status": 429}, NONE, id="429"),
    pytest.param("status", {"status": 429, "retry_after": 2}, NONE, id="429, seconds to wait"),
    pytest.param(
        "status",
        {"status": 429, "retry_after": datetime(2030, 1, 1, tzinfo=UTC)},
        NONE,
        id="429, time to wait for",
    ),
    pytest.param("status", {"status": 429, "retry_after": "soon"}, NONE, id="429, nonsense to wait for"),
    pytest.param("status", {"status": 408}, NONE, id="408"),
    pytest.param("status", {"status": 500, "applied": True}, BOTH, id="500 after applying"),
    pytest.param("status", {"status": 502}, NONE, id="502 in HTML"),
    pytest.param(
        "status", {"status": 503, "body": {"a": 1}, "headers": {"X-Mark": "1"}}, NONE, id="503 of one's own"
    ),
    pytest.param("status", {"status": 504}, NONE, id="504"),
    *(
        pytest.param("status", {"status": status}, NONE, id=str(status))
        for status in (401, 402, 403, 404, 405, 413, 414)
    ),
    pytest.param("status", {"status": 301, "location": "/engage"}, NONE, id="301"),
    pytest.param("status", {"status": 302, "location": "/engage"}, NONE, id="302"),
    pytest.param("status", {"status": 307, "location": "https://example.org/"}, NONE, id="307"),
    pytest.param("status", {"status": 599, "body": "?"}, NONE, id="a status without words"),
    pytest.param("garbage", {}, BOTH, id="200 that says nothing"),
    pytest.param("zero", {}, NONE, id="200 with 0"),
    pytest.param("rejected", {}, NONE, id="200 with status 0"),
    pytest.param("echo", {}, NONE, id="an error that repeats the record"),
    pytest.param("too_large", {"limit": 100}, NONE, id="413 above a limit"),
    pytest.param("too_large", {"limit": 10_000}, BOTH, id="below that limit"),
    pytest.param("refuse", {"record": is_bob}, {"ann": BOTH["ann"]}, id="a record refused by index"),
    pytest.param(
        "refuse", {"record": is_bob, "naming": "id"}, {"ann": BOTH["ann"]}, id="a record refused by id"
    ),
    pytest.param(
        "refuse", {"record": is_bob, "naming": "text"}, {"ann": BOTH["ann"]}, id="a record refused by text"
    ),
    pytest.param(
        "refuse", {"record": is_bob, "naming": "nobody", "partial": False}, NONE, id="all refused, count 0"
    ),
    pytest.param(
        "refuse",
        {"record": is_bob, "naming": "nobody", "count": ""},
        {"ann": BOTH["ann"]},
        id="no name, no count",
    ),
    pytest.param("shuffle", {"seed": 1}, BOTH, id="another order"),
    pytest.param("content_type", {}, BOTH, id="wrong content type"),
    pytest.param("delay", {"seconds": 0.01}, BOTH, id="late"),
    pytest.param("delay", {"seconds": 60}, BOTH, id="too late"),
    pytest.param("truncated", {}, BOTH, id="cut short"),
    pytest.param("stalled", {}, BOTH, id="stalled in the middle"),
    pytest.param("closed", {}, NONE, id="closed before applying"),
    pytest.param("closed", {"applied": True}, BOTH, id="closed after applying"),
    pytest.param("reset", {}, NONE, id="reset before applying"),
    pytest.param("reset", {"applied": True}, BOTH, id="reset after applying"),
    pytest.param("timeout", {}, BOTH, id="no answer after applying"),
    pytest.param("timeout", {"applied": False}, NONE, id="no answer, not applied"),
]


def test_every_fault_has_a_case():
    assert {case.values[0] for case in FAULT_CASES} == set(FAULTS) - set(NO_CONNECTION)
    assert set(ADAPTER_ENDINGS) - set(SERVER_ENDINGS) == set(NO_CONNECTION)


@pytest.mark.parametrize(("fault", "details", "profiles"), FAULT_CASES)
def test_adapter_gives_what_the_network_gives(emulator, network, in_process, fault, details, profiles):
    seen, patience = [], 0.1 if fault in WAITING or details.get("seconds") == 60 else 5.0
    for session in (network, in_process):
        emulator.fail(fault, **details)
        seen.append((outcome(session, emulator, timeout=patience), after(emulator)))
        emulator.reset()
    assert seen[0] == seen[1]
    assert seen[0][1][0] == profiles


def full(listener):
    """Return sockets that fill the queue of `listener`, so that nobody else can connect."""
    waiting = [socket.socket() for _ in range(4)]
    for client in waiting:
        client.setblocking(False)
        client.connect_ex(listener.getsockname())
    return waiting


def unreachable(fault, emulator, network, monkeypatch, tmp_path):
    """Return what the network gives for a connection that fails as `fault` says."""
    if fault == "connect_timeout":
        with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
            emulator.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            waiting = full(listener)
            seen = outcome(network, emulator, timeout=0.1)
            for client in waiting:
                client.close()
            return seen
    if fault == "unresolved":

        def unknown(*args, **kwargs):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        with monkeypatch.context() as patch:
            patch.setattr(socket, "getaddrinfo", unknown)
            return outcome(network, emulator)
    if fault == "tls":
        with Server(tls=Authority.at(tmp_path / "authority.pem").server) as server:
            return outcome(network, emulator, url=f"{server.url}/engage?ip=0&strict=1")
    if fault == "proxy":
        return outcome(network, emulator, proxies={"http": "http://127.0.0.1:1"})
    emulator.close()
    return outcome(network, emulator)


@pytest.mark.parametrize("fault", NO_CONNECTION)
def test_adapter_fails_to_connect_as_the_network_does(emulator, network, monkeypatch, tmp_path, fault):
    real = unreachable(fault, emulator, network, monkeypatch, tmp_path)
    emulator.fail(fault)
    with requests.Session() as in_process:
        in_process.mount(emulator.url, emulator.adapter())
        seen = outcome(in_process, emulator, timeout=0.1 if fault in WAITING else 5.0)
    assert [kind for kind, _ in seen] == [kind for kind, _ in real]
    if fault not in {"tls", "proxy"}:  # those name OpenSSL's line and the proxy's address
        assert seen == real
    assert emulator.requests == []
    assert emulator.profiles().empty


def test_a_server_cannot_undo_a_connection(emulator, network):
    emulator.fail("refused")
    response = post(network, emulator)
    assert response.status_code == 501
    assert "Emulator.adapter()" in response.text
    assert emulator.requests == []


def test_waits_take_no_time_in_process(emulator, in_process):
    emulator.fail("delay", seconds=60)
    assert post(in_process, emulator, timeout=61).status_code == 200
    emulator.fail("timeout")
    with pytest.raises(requests.ReadTimeout, match=r"read timeout=3600\.0"):
        post(in_process, emulator, timeout=(1.0, 3600.0))


def test_echo_repeats_the_token(emulator, in_process):
    emulator.fail("echo")
    assert emulator.token in post(in_process, emulator).text


def test_refused_records_of_a_request_without_strict(emulator, in_process):
    emulator.fail("refuse", record=is_bob, times=None)
    url = f"{emulator.url}/engage?ip=0&verbose=1"
    assert post(in_process, emulator, "ann", "bob", url=url).json() == {"error": None, "status": 1}
    assert post(in_process, emulator, "bob", url=url).json() == {
        "error": "record, refused on cue",
        "status": 0,
    }


def test_shuffled_records_are_applied_once_each_in_another_order(emulator, in_process):
    emulator.fail("shuffle", seed=3)
    post(in_process, emulator, *"abcdefgh")
    assert emulator.requests[0].applied != tuple(range(8))
    assert sorted(emulator.requests[0].applied) == list(range(8))


def statuses(session, emulator, count):
    return [post(session, emulator).status_code for _ in range(count)]


@pytest.mark.parametrize(
    ("faults", "seen"),
    [
        pytest.param([(500, {})], [500, 200, 200, 200], id="once"),
        pytest.param([(500, {"times": 2})], [500, 500, 200, 200], id="twice"),
        pytest.param([(500, {"times": None})], [500] * 4, id="always"),
        pytest.param([(500, {"skip": 2})], [200, 200, 500, 200], id="later"),
        pytest.param([(500, {"skip": 2, "times": None})], [200, 200, 500, 500], id="always, from later on"),
        pytest.param([(500, {}), (503, {}), (429, {})], [500, 503, 429, 200], id="in line"),
        pytest.param([(500, {"skip": 1}), (503, {})], [200, 500, 503, 200], id="in line, the first later"),
        pytest.param(
            [(500, {"times": None}), (503, {"times": 2})],
            [503, 503, 500, 500],
            id="counted ones around lasting ones",
        ),
        pytest.param(
            [(500, {"when": lambda request: False}), (503, {})],
            [503, 200, 200, 200],
            id="past one that does not fit",
        ),
        pytest.param([(500, {"on": "read", "times": None})], [200] * 4, id="on other requests"),
    ],
)
def test_which_request_fails(emulator, in_process, faults, seen):
    for fault, options in faults:
        emulator.fail(fault, **options)
    assert statuses(in_process, emulator, 4) == seen


def test_faults_by_what_a_request_holds(emulator, in_process):
    emulator.fail(503, when=lambda request: is_bob(request.records[0]), times=None)
    assert post(in_process, emulator, "ann").status_code == 200
    assert post(in_process, emulator, "bob").status_code == 503


def test_faults_combine(emulator, in_process):
    emulator.fail("refuse", record=is_bob, times=None)
    emulator.fail("status", status=500, applied=True)
    assert post(in_process, emulator).status_code == 500
    assert list(emulator.profiles().index) == ["ann"]


def test_faults_of_reading(emulator, in_process):
    emulator.fail(429, on="read")
    url = f"{emulator.url}/api/query/engage?project_id={emulator.project_id}"
    asked = [in_process.post(url, auth=emulator.service_account) for _ in range(2)]
    assert [response.status_code for response in asked] == [429, 200]
    assert asked[0].json()["error"].startswith("Query rate limit exceeded")
    assert "Retry-After" not in asked[0].headers  # a server under load sends none
    assert emulator.requests[-1].status == 200


@pytest.mark.parametrize("status", [400, 401, 402, 403, 429])
def test_errors_of_queries_have_a_shape_of_their_own(emulator, in_process, status):
    emulator.fail(status, on="read")
    response = in_process.get(f"{emulator.url}/api/app/me")
    assert (response.status_code, set(response.json())) == (status, {"request", "error"})


@pytest.mark.parametrize(
    ("fault", "details", "error", "message"),
    [
        pytest.param(
            "reste",
            {},
            OperationError,
            "fault 'reste' is not known: did you mean 'reset'?",
            id="a fault that is none",
        ),
        pytest.param(
            "reset",
            {"seconds": 1},
            OptionError,
            "fault 'reset': got an unexpected keyword argument 'seconds'",
            id="too much",
        ),
        pytest.param("delay", {}, OptionError, "fault 'delay': missing a required", id="too little"),
    ],
)
def test_faults_that_cannot_be_meant(fault, details, error, message):
    with pytest.raises(error, match=re.escape(message)):
        Emulator().fail(fault, **details)

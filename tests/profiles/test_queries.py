"""Pauses between tries, and what all threads share."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import closing, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

import mixpanel_pandas as mpd
from mixpanel_pandas import errors
from mixpanel_pandas.delivery.policy import JITTER
from mixpanel_pandas.profiles.query import Queries
from tests.loopback import CLOSE, Server

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "0123456789abcdef0123456789abcdef"


class Time:
    """A clock that only pauses move."""

    def __init__(self, queries: Queries) -> None:
        self.now, self.pauses = 0.0, list[float]()
        queries._clock = lambda: self.now
        queries._stopped.wait = self.wait  # type: ignore[assignment,method-assign]

    def wait(self, timeout: float | None = None) -> bool:
        if timeout:
            self.pauses.append(timeout)
            self.now += timeout
        return False


def pauses_of(emulator: mpd.Emulator, *, retries: int = 8) -> list[float]:
    """Ask once, and return the pauses."""
    project = replace(emulator.project, adapter=emulator.adapter(), backoff=2.0, retries=retries)
    with closing(Queries(project)) as queries:
        time = Time(queries)
        with suppress(errors.ReadError):
            queries.ask("/engage", lambda answer: answer, {}, what="page 0")
        assert len(emulator.requests) == len(time.pauses) + 1
        return time.pauses


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        pytest.param({"status": 429}, [30.0, 60.0, 120.0, 120.0], id="429 without a word"),
        pytest.param({"status": 429, "retry_after": 17}, [17.0] * 4, id="Retry-After"),
        pytest.param(
            {"status": 429, "headers": {"RateLimit": '"project";r=9, "project-concurrency";r=0;t=40'}},
            [40.0] * 4,
            id="RateLimit",
        ),
        pytest.param(
            {"status": 429, "retry_after": 70, "headers": {"RateLimit": '"project";r=0;t=100'}},
            [70.0] * 4,
            id="both",
        ),
        pytest.param({"status": 503, "retry_after": 90}, [90.0] * 4, id="503 with Retry-After"),
    ],
)
def test_pauses_by_the_headers(details: dict[str, Any], expected: list[float]) -> None:
    emulator = mpd.Emulator()
    emulator.fail("status", times=4, on="read", **details)
    pauses = pauses_of(emulator)
    # a pause of our own after several tries may be longer than what was asked for
    assert all(pause >= wait for pause, wait in zip(pauses, expected, strict=True))
    assert pauses[0] == pytest.approx(expected[0])


def test_pauses_of_our_own_double() -> None:
    emulator = mpd.Emulator()
    emulator.fail(500, times=3, on="read")
    least, most = JITTER
    for pause, own in zip(pauses_of(emulator), [2.0, 4.0, 8.0], strict=True):
        assert own + least <= pause <= own + most


def test_five_minutes_is_the_longest_pause() -> None:
    emulator = mpd.Emulator()
    emulator.fail(429, retry_after=300, on="read")
    assert pauses_of(emulator) == [300.0]
    emulator.fail(429, retry_after=301, on="read", times=None)
    emulator._requests.clear()
    assert pauses_of(emulator) == []


def test_few_tries_where_nobody_answers() -> None:
    emulator = mpd.Emulator()
    emulator.fail("refused", on="read", times=None)
    project = replace(emulator.project, adapter=emulator.adapter())
    with (
        closing(Queries(project)) as queries,
        pytest.raises(errors.PageFailed, match="page 0 failed after 2 tries"),
    ):
        queries.ask("/engage", lambda answer: answer, {}, what="page 0")


def test_a_pause_holds_all_threads() -> None:
    emulator = mpd.Emulator()
    project = replace(emulator.project, adapter=emulator.adapter(), backoff=2.0)
    with closing(Queries(project)) as queries:
        time = Time(queries)
        emulator.fail(429, retry_after=50, on="read")
        queries.ask("/engage", lambda answer: answer, {}, what="page 0")
        queries.ask("/engage", lambda answer: answer, {}, what="page 0")
        assert time.pauses == [50.0]
        assert queries.waiting == ""


def test_cutting_ends_a_pause() -> None:
    emulator = mpd.Emulator()
    project = replace(emulator.project, adapter=emulator.adapter(), backoff=30.0)
    emulator.fail(429, on="read", times=None)
    with closing(Queries(project)) as queries:
        ended: list[BaseException] = []

        def ask() -> None:
            try:
                queries.ask("/engage", lambda answer: answer, {}, what="page 0")
            except BaseException as error:  # noqa: BLE001
                ended.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        while not queries.waiting:
            thread.join(0.01)
        assert queries.waiting.startswith("429")
        queries.cut()
        thread.join(30)
        assert not thread.is_alive()
        assert not isinstance(ended[0], errors.ReadError)


def test_secrets_are_in_no_message() -> None:
    emulator = mpd.Emulator()
    secret = emulator.service_account.secret
    emulator.fail(400, body=f"bad login {secret}", on="read")
    project = replace(emulator.project, adapter=emulator.adapter())
    with closing(Queries(project)) as queries, pytest.raises(errors.QueryError, match=r"bad login \*\*\*"):
        queries.ask("/engage", lambda answer: answer, {}, what="page 0")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"results": "\xff"}', id="not in UTF-8"),
        pytest.param('{"n": 12345678901234567890, "n": 2}', id="a name that occurs twice"),
        pytest.param('{"a": ', id="cut short"),
        pytest.param("", id="empty"),
        pytest.param("null", id="null"),
    ],
)
def test_an_answer_that_cannot_be_read_is_asked_again(body: str | bytes) -> None:
    emulator = mpd.Emulator()
    emulator.fail("status", status=200, body=body, on="read")
    project = replace(emulator.project, adapter=emulator.adapter())
    with closing(Queries(project)) as queries:
        assert queries.ask("/engage", lambda answer: answer["status"], {}, what="page 0") == "ok"
    assert len(emulator.requests) == 2


@pytest.mark.parametrize(
    ("details", "known"),
    [
        pytest.param({"status": 200, "body": {"results": {"projects": {"1": {}}}}}, True, id="a member"),
        pytest.param({"status": 200, "body": {"results": {"projects": {"2": {}}}}}, False, id="no member"),
        pytest.param({"status": 200, "body": {"results": {}}}, None, id="another shape"),
        pytest.param({"status": 200, "body": {"results": {"projects": [1]}}}, None, id="projects as a list"),
        pytest.param({"status": 200, "body": "soon"}, None, id="no JSON"),
        pytest.param({"status": 500}, None, id="no answer"),
    ],
)
def test_whether_the_account_is_a_member(details: dict[str, Any], known: bool | None) -> None:
    emulator = mpd.Emulator()
    emulator.fail("status", on="read", **details)
    with closing(Queries(replace(emulator.project, adapter=emulator.adapter()))) as queries:
        assert queries.knows_project() is known


# -- over real sockets ------------------------------------------------------------------------------------------------


def answer(body: str, *, length: int | None = None, status: str = "200 OK") -> bytes:
    size = len(body.encode()) if length is None else length
    return f"HTTP/1.1 {status}\r\nContent-Length: {size}\r\n\r\n{body}".encode()


def page(number: int, ids: list[str], size: int = 2) -> str:
    results = ",".join(f'{{"$distinct_id":"{one}","$properties":{{"n":1}}}}' for one in ids)
    total = '"total":3,' if number == 0 else ""
    return (
        f'{{"page":{number},"page_size":{size},{total}"session_id":"s","status":"ok","results":[{results}]}}'
    )


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param([answer("", status="429 Too Many Requests")], id="429"),
        pytest.param([answer("", status="502 Bad Gateway")], id="502"),
        pytest.param([answer(page(1, ["c"]), length=500), CLOSE], id="cut short"),
        pytest.param([answer(page(1, ["c"])[:-9])], id="JSON that is cut short"),
        pytest.param([b"HTTP/1.1 200 OK\r\n\r\n" + page(1, ["c"]).encode(), CLOSE], id="no length"),
        pytest.param([CLOSE], id="closed"),
        pytest.param(["reset"], id="reset"),
    ],
)
def test_faults_on_a_page_over_sockets(fault: list[bytes | str]) -> None:
    scripts = [answer(page(0, ["a", "b"]))], fault, [answer(page(1, ["c"]))]
    with Server(*scripts) as server:
        project = mpd.Project(
            TOKEN, url=server.url, backoff=0, username="me", secret="a secret", project_id=1
        )
        assert list(mpd.read_profiles(project=project).index) == ["a", "b", "c"]
        first = server.arrived[0]
    assert first.head.startswith(b"POST /api/query/engage?project_id=1 HTTP/1.1")
    assert b"authorization: basic bWU6YSBzZWNyZXQ=".lower() in first.head.lower()
    assert first.body == b""
    assert server.arrived[2].body == b"session_id=s&page=1"


def test_a_page_of_several_megabytes() -> None:
    text = "x" * 3_000_000
    body = page(0, ["a"]).replace('"total":3', '"total":1').replace('"n":1', f'"n":"{text}"')
    with Server([answer(body)]) as server:
        project = mpd.Project(TOKEN, url=server.url, username="me", secret="a secret", project_id=1)
        assert mpd.read_profiles(project=project).loc["a", "n"] == text


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_ctrl_c_ends_the_requests_on_the_wire(tmp_path: Path) -> None:
    silent = [600.0]  # until the client leaves
    with Server([answer(page(0, ["a", "b"]))], silent) as server:
        project = mpd.Project(TOKEN, url=server.url, username="me", secret="a secret", project_id=1)

        def strike() -> None:
            while len(server.arrived) < 2:
                server.asked.wait(0.01)
            os.kill(os.getpid(), signal.SIGINT)

        thread = threading.Thread(target=strike)
        thread.start()
        with pytest.raises(KeyboardInterrupt) as raised:
            mpd.read_profiles(project=project, to=tmp_path / "profiles")
        thread.join()
    assert raised.value.__notes__ == [
        f"1 page kept in {tmp_path}/profiles.reading: the same call continues from there, as long as Mixpanel's session lasts."
    ]
    assert not [one for one in threading.enumerate() if one.name.startswith("mixpanel_pandas")]

"""Clients that others publish read profiles from the emulator, unchanged.

Those that know no other address than Mixpanel's go through a proxy that leads mixpanel.com here. None of them is needed to work
on the package, and their dependencies exclude each other, so each is tested where it is installed: `pip install
'.[test,clients]'` for mixpanel-headless, and `pipx install` for programs.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from mixpanel_pandas.emulator import Emulator
from tests.loopback import Authority
from tests.patience import PATIENCE

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

PEOPLE = {
    f"user {n}": {
        "n": n,
        "plan": ["free", "pro"][n % 2],
        "tags": ["a", "b"][: n % 3],
        "$email": f"{n}@example.org",
        "when": "2024-01-01T10:00:00",
    }
    for n in range(7)
}
SEEN = 1_700_000_000


@pytest.fixture
def emulator(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    with Emulator(page_size=getattr(request, "param", 2)) as emulator:
        records = [
            {"$token": emulator.token, "$distinct_id": name, "$time": SEEN + number, "$set": properties}
            for number, (name, properties) in enumerate(PEOPLE.items())
        ]
        emulator.answer("POST", "/engage?ip=0", {}, json.dumps(records).encode())
        emulator.add_cohort("paying", ["user 1", "user 3"])
        yield emulator


def paths(emulator):
    return [request.path for request in emulator.requests[1:]]


# -- mixpanel-headless ------------------------------------------------------------------------------------------------


@pytest.fixture
def headless(emulator, monkeypatch, tmp_path):
    """Return a workspace of Mixpanel's client, which takes its address from the environment."""
    client = pytest.importorskip("mixpanel_headless", reason="mixpanel-headless is not installed")
    for name, value in {
        "MP_API_BASE_URL": emulator.url,
        "MP_USERNAME": emulator.service_account.username,
        "MP_SECRET": emulator.service_account.secret,
        "MP_PROJECT_ID": str(emulator.project_id),
        "MP_REGION": "us",
        "MP_STORAGE_DIR": str(tmp_path),
        "HOME": str(tmp_path),
        "NO_PROXY": "127.0.0.1",
    }.items():
        monkeypatch.setenv(name, value)
    workspace = client.Workspace()
    yield workspace
    workspace.close()


@pytest.mark.parametrize("parallel", [False, True])
def test_headless_reads_all_pages(emulator, headless, parallel):
    profiles = headless.query_user(mode="profiles", limit=None, parallel=parallel).profiles
    assert {profile["distinct_id"]: profile["properties"] for profile in profiles} == PEOPLE
    assert len(paths(emulator)) >= 4


def test_headless_filters(headless):
    from mixpanel_headless import Filter

    def chosen(*filters, **options):
        result = headless.query_user(mode="profiles", where=list(filters), limit=None, **options)
        return [int(profile["distinct_id"].split()[1]) for profile in result.profiles]

    assert chosen(Filter.equals("plan", ["pro", "max"])) == [1, 3, 5]
    assert chosen(Filter.not_equals("plan", "pro")) == [0, 2, 4, 6]
    assert chosen(Filter.contains("tags", "b")) == [2, 5]
    assert chosen(Filter.not_contains("tags", "a")) == [0, 3, 6]
    assert chosen(Filter.between("n", 2, 4), Filter.is_set("$email")) == [2, 3, 4]
    assert chosen(Filter.is_not_set("none"), Filter.greater_than("n", 5)) == [6]
    assert chosen(Filter.on("when", "2024-01-01"), Filter.less_than("n", 1)) == [0]
    assert chosen(Filter.before("when", "2024-01-01")) == []
    assert chosen(Filter.in_the_last("when", 7, "day")) == []
    assert chosen(sort_by="n", sort_order="descending", properties=["n"]) == [6, 5, 4, 3, 2, 1, 0]
    assert chosen(Filter.in_cohort(1)) == [1, 3]


def test_headless_reads_statistics(headless):
    def value(aggregate, **options):
        return headless.query_user(
            mode="aggregate", aggregate=aggregate, aggregate_property="n", **options
        ).aggregate_data

    assert headless.query_user(mode="aggregate").value == 7
    assert value("extremes") == {"max": 6, "min": 0}
    assert value("percentile", percentile=50) == {"percentile": 50, "result": 3}
    assert value("numeric_summary") == {"count": 7, "mean": 3, "var": 4, "sum_of_squares": 91}


def test_headless_knows_cohorts_and_the_account(emulator, headless):
    assert [(cohort.id, cohort.name, cohort.count) for cohort in headless.cohorts()] == [(1, "paying", 2)]
    assert list(headless.me().projects) == [str(emulator.project_id)]


def test_headless_understands_a_refusal(headless):
    from mixpanel_headless import QueryError

    with pytest.raises(QueryError, match=r"expected ']', found the end"):
        headless.query_user(mode="profiles", where='properties["n"')


# -- programs ---------------------------------------------------------------------------------------------------------


class Mixpanel(ThreadingHTTPServer):
    """A proxy that leads every host to an emulator."""

    def __init__(self, emulator: Emulator, tls: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.emulator, self.tls = emulator, tls


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Mixpanel

    def do_CONNECT(self) -> None:
        """Become the host that the client asks for."""
        self.send_response_only(200)
        self.end_headers()
        self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb")
        self.close_connection = False

    def finish(self) -> None:
        """Close the connection that `do_CONNECT` made of the accepted one."""
        super().finish()
        self.connection.close()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = self.server.emulator.answer(self.command, self.path, dict(self.headers.items()), body)
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)
        self.wfile.flush()

    do_GET = do_POST = _answer

    def log_message(self, *args: object) -> None:
        """Keep quiet."""


#: Modules that programs in Python find before others: the certificate of the proxy also for those that look for none in the
#: environment, and a clock that skips the pauses between requests.
SURROUNDINGS = {
    "certifi": """
import os
def where():
    return os.environ["REQUESTS_CA_BUNDLE"]
""",
    "sitecustomize": """
import time
skipped, now, monotonic = 0.0, time.time, time.monotonic
def skip(seconds):
    global skipped
    skipped += seconds
time.sleep = skip
time.time, time.monotonic = lambda: now() + skipped, lambda: monotonic() + skipped
""",
}


@pytest.fixture
def run(emulator, tmp_path):
    """Return a function that runs a program for which mixpanel.com is the emulator, and returns what it prints."""
    for name, code in SURROUNDINGS.items():
        (tmp_path / f"{name}.py").write_text(code)
    authority = Authority.at(tmp_path / "authority.pem")
    server = Mixpanel(emulator, authority.server)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()} | {
        "PYTHONPATH": str(tmp_path),
        "HTTPS_PROXY": f"http://127.0.0.1:{server.server_port}",
        "REQUESTS_CA_BUNDLE": str(authority.path),
        "HOME": str(tmp_path),
    }

    def run_program(program, *arguments, **files):
        path = shutil.which(program)
        if path is None:
            pytest.skip(f"{program} is not installed")
        for name, content in files.items():
            (tmp_path / f"{name}.json").write_text(json.dumps(content))
        done = subprocess.run(
            [path, *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    yield run_program
    server.shutdown()
    server.server_close()
    thread.join()


def singer_stream(name, keys, /, **properties):
    """Return a selected stream as a catalog of Singer describes it."""
    metadata = [{"breadcrumb": [], "metadata": {"selected": True, "inclusion": "available"}}]
    metadata += [
        {"breadcrumb": ["properties", key], "metadata": {"inclusion": "automatic"}} for key in properties
    ]
    schema = {"type": "object", "properties": {key: {"type": kind} for key, kind in properties.items()}}
    return {
        "stream": name,
        "tap_stream_id": name,
        "key_properties": keys,
        "schema": schema,
        "metadata": metadata,
    }


@pytest.mark.slow
@pytest.mark.parametrize("emulator", [1000], indirect=True)
def test_singer_reads_profiles_and_members_of_cohorts(emulator, run):
    """It asks for pages of 250, and counts on them."""
    more = [{"$token": emulator.token, "$distinct_id": f"more {n}", "$set": {"n": n}} for n in range(600)]
    emulator.answer("POST", "/engage?ip=0", {}, json.dumps(more).encode())
    config = {
        "api_secret": emulator.project_secret,
        "project_timezone": "UTC",
        "attribution_window": "5",
        "start_date": "2026-01-01T00:00:00Z",
        "user_agent": "tests",
    }
    streams = [
        singer_stream("engage", ["distinct_id"], distinct_id="string", n="number", plan="string"),
        singer_stream("cohorts", ["id"], id="integer", name="string"),
        singer_stream(
            "cohort_members", ["cohort_id", "distinct_id"], cohort_id="integer", distinct_id="string"
        ),
    ]
    output = run(
        "tap-mixpanel",
        "--config",
        "config.json",
        "--catalog",
        "catalog.json",
        config=config,
        catalog={"streams": streams},
    )
    rows = {stream["stream"]: [] for stream in streams}
    for message in map(json.loads, output.splitlines()):
        if message["type"] == "RECORD":
            rows[message["stream"]].append(message["record"])
    assert {row["distinct_id"]: row["n"] for row in rows["engage"]} == {
        name: emulator.profile(name)["n"] for name in emulator.profiles().index
    }
    assert paths(emulator).count("/api/2.0/engage") == 1 + 3 + 1  # access, pages, members
    assert [row["name"] for row in rows["cohorts"]] == ["paying"]
    assert [row["distinct_id"] for row in rows["cohort_members"]] == ["user 1", "user 3"]


def airbyte_config(emulator):
    return {
        "credentials": {
            "option_title": "Service Account",
            "username": emulator.service_account.username,
            "secret": emulator.service_account.secret,
            "project_id": emulator.project_id,
        },
        "project_timezone": "UTC",
        "start_date": "2023-11-14T00:00:00Z",
        "region": "US",
        "page_size": 2,
    }


@pytest.mark.slow
def test_airbyte_reads_profiles(emulator, run):
    catalog = {
        "streams": [
            {
                "stream": {
                    "name": "engage",
                    "json_schema": {},
                    "supported_sync_modes": ["full_refresh", "incremental"],
                },
                "sync_mode": "full_refresh",
                "destination_sync_mode": "overwrite",
            }
        ]
    }
    output = run(
        "source-mixpanel", "read", "--config", "config.json", "--catalog", "catalog.json",
        config=airbyte_config(emulator), catalog=catalog,
    )  # fmt: skip
    messages = [json.loads(line) for line in output.splitlines()]
    rows = [message["record"]["data"] for message in messages if message["type"] == "RECORD"]
    assert {row["distinct_id"]: row["n"] for row in rows} == {name: row["n"] for name, row in PEOPLE.items()}

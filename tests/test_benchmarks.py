"""The benchmarks are fair: all tools send the same records, and what arrives is counted."""

from __future__ import annotations

import base64
import json
from urllib.parse import urlencode

import pytest
import requests

import mixpanel_pandas as mpd
from tests.benchmarks.__main__ import SCRIPTS, written
from tests.benchmarks.frames import SHAPES, customers
from tests.benchmarks.jobs import JOBS, TOKEN, Task, identified, record, write_files
from tests.benchmarks.journey import changes_in
from tests.benchmarks.measuring import ROOT, table
from tests.benchmarks.sink import records, sink

pytestmark = pytest.mark.slow

ROWS = 450


@pytest.fixture(scope="module")
def target():
    with sink() as target:
        yield target


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    write_files(ROWS, str(folder))
    return str(folder)


RECORDS = json.dumps([{"$token": TOKEN, "$set": {"note": '"$set" & ü?'}}] * 3)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(RECORDS.encode(), id="JSON"),
        pytest.param(urlencode({"data": RECORDS, "verbose": 1, "ip": 0}).encode(), id="a form with JSON"),
        pytest.param(
            urlencode({"data": base64.b64encode(RECORDS.encode())}).encode(), id="a form with base64"
        ),
        pytest.param(
            urlencode({"verbose": 1, "data": base64.b64encode(RECORDS.encode())}).encode(),
            id="a form with base64 in another place",
        ),
    ],
)
def test_the_sink_counts_records_in_each_form(body):
    assert records(body) == 3


def test_the_sink_counts_what_is_under_way(target):
    target.reset()
    with requests.Session() as session:
        session.trust_env = False
        for _ in range(2):
            assert session.post(target.address, data=RECORDS.encode()).json()["status"] == 1
    counts = target.counts()
    assert (counts["records"], counts["requests"], counts["bytes"]) == (6, 2, 2 * len(RECORDS))
    assert (counts["most_in_flight"], counts["in_flight"]) == (1, 0)
    assert 0 < counts["mean_in_flight"] <= 1
    assert counts["busy"] <= counts["seconds"]


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    "job",
    [
        "this_project",
        "this_project_without_lists",
        pytest.param("official_sdk", marks=pytest.mark.filterwarnings("ignore::DeprecationWarning")),
        "utils_csv",
        "utils_list",
        "utils_file",
        "sample_script",
        "by_hand",
        "push_requests",
        "push_http_client",
    ],
)
def test_every_tool_delivers_every_row(job, target, folder, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.chdir(folder)
    if job == "official_sdk":
        pytest.importorskip("mixpanel", reason="Mixpanel's own client is not installed")
    if job.startswith("utils"):
        pytest.importorskip("mixpanel_utils", reason="Mixpanel's own tool is not installed")
    target.reset()
    with mpd.set_project(mpd.Project(TOKEN, url=target.address)):
        JOBS[job](Task(ROWS, target.address, folder))()
    assert target.counts()["records"] == ROWS


def test_the_others_send_what_this_project_sends():
    frame = customers(ROWS)
    ours = [{"$token": TOKEN, **payload} for payload in frame.mixpanel.payloads("set", "user_id")]
    assert ours == [record(*row) for row in identified(frame)]


@pytest.mark.filterwarnings("ignore::mixpanel_pandas.ProfileWarning")
@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_can_be_sent(name):
    frame = SHAPES[name](4)
    assert frame.mixpanel.set("user_id", dry_run=True)["invalid"].sum() == 0


def test_changes_of_the_module_are_counted_between_the_named_folders(emulator):
    frame = customers(1)[["user_id", "plan"]]
    changes = changes_in(lambda: frame.mixpanel.set("user_id"), ("payloads", "checking"))
    assert changes["payloads.slices", "payloads.encoding"] == 1
    assert changes["payloads.batches", "payloads.slices"] == 2  # the first slice, and the end
    assert {name.split(".")[0] for pair in changes for name in pair} == {"payloads", "checking"}
    assert all(origin != target for origin, target in changes)


def test_a_section_takes_the_place_of_its_former_self():
    first, *_, last = (f"## {script.TITLE}" for script, _ in SCRIPTS.values())
    page = written(written("", f"{last}\n\nslow"), f"{first}\n\nfast")
    assert page.endswith(f"{first}\n\nfast\n\n{last}\n\nslow\n")
    assert written(page, f"{last}\n\nfaster").endswith(f"{first}\n\nfast\n\n{last}\n\nfaster\n")


def test_the_page_has_every_section():
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert [line.removeprefix("## ") for line in page.splitlines() if line.startswith("## ")] == [
        script.TITLE for script, _ in SCRIPTS.values()
    ]


def test_tables_are_lined_up():
    assert table(("", "s"), [("one", "1.0"), ("a longer name", "10.0")]).splitlines() == [
        "|               |    s |",
        "| ------------- | ---: |",
        "| one           |  1.0 |",
        "| a longer name | 10.0 |",
    ]

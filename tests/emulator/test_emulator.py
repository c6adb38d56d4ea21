from __future__ import annotations

import inspect
import json
import math
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest
import requests

from mixpanel_pandas.emulator import Emulator
from mixpanel_pandas.project import Project


def write(emulator, *records, path="/engage"):
    full = [{"$token": emulator.token, "$ignore_time": True, **record} for record in records]
    return emulator.answer("POST", f"{path}?ip=0", {}, json.dumps(full).encode())


def test_project_points_here_and_never_pauses():
    with Emulator() as emulator:
        account = {**emulator.service_account._asdict(), "project_id": 1, "group_keys": {}}
        assert emulator.project == Project(
            emulator.token, url=emulator.url, timeout=10.0, backoff=0.0, **account
        )
        assert emulator.project.base.startswith("http://127.0.0.1:")


def test_the_project_knows_the_group_keys_that_are_there():
    emulator = Emulator()
    write(emulator, {"$group_key": "company", "$group_id": "acme", "$set": {"n": 1}}, path="/groups")
    assert emulator.project.group_keys == {"company": emulator.data_group_id("company")}


def test_start_and_close_may_be_repeated():
    emulator = Emulator().start()
    url = emulator.url
    assert emulator.start().url == url
    emulator.close()
    emulator.close()
    with emulator:
        assert emulator.url != "http://127.0.0.1:1"


def test_an_emulator_that_was_not_started_is_reached_in_process_only():
    emulator = Emulator()
    with requests.Session() as session:
        session.trust_env = False
        with pytest.raises(requests.ConnectionError, match="refused"):
            session.post(f"{emulator.url}/engage")
        session.mount(emulator.url, emulator.adapter())
        assert session.post(f"{emulator.project.base}/engage").text == "0"


def test_the_adapter_stands_in_for_any_address():
    emulator = Emulator()
    with requests.Session() as session:
        session.mount("https://api-eu.mixpanel.com", emulator.adapter())
        record = {"$token": emulator.token, "$distinct_id": "ann", "$set": {"n": 1}}
        assert (
            session.post("https://api-eu.mixpanel.com/engage", params={"verbose": 1}, json=record).json()[
                "status"
            ]
            == 1
        )
    assert emulator.profile("ann")["n"] == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param("[]", 200, id="text"),
        pytest.param(b"[]", 200, id="bytes"),
        pytest.param(iter([b"[", b"]"]), 411, id="in pieces"),
    ],
)
def test_forms_of_body(body, status):
    emulator = Emulator()
    with requests.Session() as session:
        session.mount(emulator.url, emulator.adapter())
        assert session.post(f"{emulator.url}/engage", data=body).status_code == status


def test_the_adapter_asks_no_proxy(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    emulator = Emulator()
    with requests.Session() as session:
        session.mount("http://emulator.test", emulator.adapter())
        assert session.post("http://emulator.test/engage").text == "0"


def test_many_at_once_are_applied_once_each():
    emulator = Emulator()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: write(emulator, {"$distinct_id": "ann", "$add": {"n": 1}}), range(400)))
    finally:
        sys.setswitchinterval(interval)
    assert emulator.profile("ann") == {"n": 400}
    assert [row.number for row in emulator.requests] == list(range(400))


def test_profiles_as_a_frame():
    emulator = Emulator()
    write(
        emulator,
        {"$distinct_id": "bob", "$set": {"n": 1, "tags": ["x"], "null": None}},
        {"$distinct_id": "ann", "$set": {"plan": "pro", "place": {"city": "Ghent"}}},
    )
    nan = math.nan
    expected = pd.DataFrame(
        {
            "plan": ["pro", nan],
            "place": [{"city": "Ghent"}, nan],
            "n": [nan, 1],
            "tags": [nan, ["x"]],
            "null": [nan, None],
        },
        index=pd.Index(["ann", "bob"], dtype=object, name="$distinct_id"),
        dtype=object,
    )
    pd.testing.assert_frame_equal(emulator.profiles(), expected)
    assert type(emulator.profiles()["n"]["bob"]) is int


def test_group_profiles_as_a_frame():
    emulator = Emulator()
    write(emulator, {"$group_key": "company", "$group_id": "acme", "$set": {"n": 1}}, path="/groups")
    frame = emulator.profiles("company")
    assert (frame.index.name, frame.to_dict("index")) == ("company", {"acme": {"n": 1}})
    assert emulator.profile("acme", "company") == {"n": 1}
    assert emulator.profile("acme") is None


def test_no_profiles_are_an_empty_frame():
    frame = Emulator().profiles()
    assert (frame.shape, frame.index.name) == ((0, 0), "$distinct_id")


def test_a_profile_is_a_copy():
    emulator = Emulator()
    write(emulator, {"$distinct_id": "ann", "$set": {"n": 1}})
    emulator.profile("ann")["n"] = 2
    assert emulator.profile("ann") == {"n": 1}


def test_requests_tell_what_arrived():
    emulator = Emulator(clock=lambda: 12.5)
    bad = {"$distinct_id": "ann", "$set": []}
    good = {"$distinct_id": "ann", "$set": {"n": 1}}
    write(emulator, bad, good)
    (request,) = emulator.requests
    assert (request.number, request.method, request.path, request.query) == (
        0,
        "POST",
        "/engage",
        {"ip": "0"},
    )
    assert (request.status, request.applied, request.time) == (200, (1,), 12.5)
    assert request.records[1]["$set"] == {"n": 1}
    assert request.nbytes == len(json.dumps(request.records))


def test_applied_tells_how_often():
    emulator = Emulator()
    emulator.fail(500, applied=True)
    for _ in range(2):
        write(emulator, {"$distinct_id": "ann", "$add": {"n": 1}}, {"$distinct_id": "", "$set": {}})
    assert [(row.request, row.position, row.record["$distinct_id"]) for row in emulator.applied] == [
        (0, 0, "ann"),
        (1, 0, "ann"),
    ]
    assert emulator.profile("ann") == {"n": 2}


def test_history_may_be_short():
    emulator = Emulator(history=2)
    for _ in range(5):
        write(emulator)
    assert [request.number for request in emulator.requests] == [3, 4]


def test_reset_forgets_everything_but_the_project():
    emulator = Emulator()
    project = emulator.project
    write(emulator, {"$distinct_id": "ann", "$set": {}})
    emulator.fail(500)
    emulator.reset()
    assert (emulator.requests, emulator.profile("ann"), emulator.project) == ([], None, project)
    assert write(emulator).status == 200


def test_nothing_shows_a_secret():
    emulator = Emulator()
    write(emulator, {"$distinct_id": "ann", "$set": {}})
    write(emulator, {"$group_key": "company", "$group_id": "acme", "$set": {}}, path="/groups")
    emulator.answer("GET", "/api/query/engage", {"Authorization": emulator.service_account.secret}, b"")
    assert repr(emulator) == "<Emulator not listening, requests: 3, users: 1, company: 1>"
    shown = repr((emulator, emulator.project, emulator.requests, emulator.service_account, emulator._reader))
    assert emulator.token not in shown
    assert emulator.service_account.secret not in shown


@pytest.mark.parametrize("module", ["requests", "http.server", "mixpanel_pandas.emulator.server"])
def test_importing_it_is_cheap(module):
    code = f"import sys, mixpanel_pandas.emulator; print({module!r} in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_the_page_names_all_switches():
    page = (Path(__file__).parents[2] / "docs" / "emulator.md").read_text(encoding="utf-8")
    switches = page.partition("## Switches")[2].partition("## ")[0]
    named = re.findall(r"^\| `(\w+)` \|", switches, flags=re.MULTILINE)
    assert named == list(inspect.signature(Emulator).parameters)

from __future__ import annotations

import base64
import json
from urllib.parse import urlencode

import pytest

from mixpanel_pandas.emulator import Emulator

PATHS = ["/api/query/engage", "/api/2.0/engage"]
PEOPLE = {
    "ann": {"plan": "pro", "n": 1, "since": "2024-01-01"},
    "bob": {"plan": "free", "n": 2.5, "tags": ["x"]},
    "eve": {"plan": "pro", "vip": True, "n": None},
}


def login(account):
    return "Basic " + base64.b64encode(":".join(account).encode()).decode()


def make(**options):
    emulator = Emulator(**options)
    write(emulator, PEOPLE)
    return emulator


def write(emulator, people):
    records = [
        {"$token": emulator.token, "$distinct_id": name, "$ignore_time": True, "$set": properties}
        for name, properties in people.items()
    ]
    emulator.answer("POST", "/engage?ip=0", {}, json.dumps(records).encode())


def ask(emulator, path=PATHS[0], *, method="POST", **fields):
    form = urlencode({"project_id": emulator.project_id, **fields})
    headers = {
        "Authorization": login(emulator.service_account),
        "Content-Type": "application/x-www-form-urlencoded",
    }
    if method == "GET":
        return emulator.answer("GET", f"{path}?{form}", headers, b"")
    return emulator.answer("POST", path, headers, form.encode())


def found(response):
    assert response.status == 200, response.body
    return {row["$distinct_id"]: row["$properties"] for row in json.loads(response.body)["results"]}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_all_profiles(path, method):
    response = ask(make(), path, method=method)
    page = json.loads(response.body)
    assert found(response) == PEOPLE
    assert {name: page[name] for name in ("page", "page_size", "status", "total")} == {
        "page": 0, "page_size": 1000, "status": "ok", "total": 3,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "ids"),
    [
        pytest.param({"where": 'properties["plan"] == "pro"'}, ["ann", "eve"], id="equal text"),
        pytest.param({"where": '(properties["plan"]=="pro")'}, ["ann", "eve"], id="in brackets"),
        pytest.param({"where": 'user["plan"] == "pro"'}, ["ann", "eve"], id="said of the user"),
        pytest.param({"where": 'properties["n"] == 2.5'}, ["bob"], id="equal number"),
        pytest.param({"where": 'properties["n"] == "1"'}, [], id="another type is never equal"),
        pytest.param({"where": 'properties["vip"] == true'}, ["eve"], id="equal boolean"),
        pytest.param({"where": 'defined(properties["tags"])'}, ["bob"], id="defined"),
        pytest.param({"selector": '(defined (properties["tags"]))'}, ["bob"], id="selector"),
        pytest.param({"where": 'boolean(properties["vip"]) == true'}, ["eve"], id="truth"),
        pytest.param({"where": ""}, ["ann", "bob", "eve"], id="no condition"),
        pytest.param({"distinct_id": "bob"}, ["bob"], id="one id"),
        pytest.param({"distinct_ids": '["eve", "bob", "who"]'}, ["bob", "eve"], id="some ids"),
        pytest.param(
            {"distinct_ids": '["eve", "bob"]', "where": 'properties["plan"] == "pro"'},
            ["eve"],
            id="ids and a condition",
        ),
    ],
)
def test_conditions(fields, ids):
    assert list(found(ask(make(), **fields))) == ids


def test_output_properties():
    assert found(ask(make(), output_properties='["n", "tags"]')) == {
        "ann": {"n": 1},
        "bob": {"n": 2.5, "tags": ["x"]},
        "eve": {"n": None},
    }


def test_groups_by_their_number():
    emulator = make()
    record = {
        "$token": emulator.token,
        "$group_key": "company",
        "$group_id": "acme",
        "$ignore_time": True,
        "$set": {"n": 1},
    }
    emulator.answer("POST", "/groups", {}, json.dumps(record).encode())
    number = emulator.data_group_id("company")
    assert len(number.lstrip("-")) == 19
    assert found(ask(emulator, data_group_id=number)) == {"acme": {"n": 1}}
    assert ask(emulator, data_group_id="company").status == 400


def test_pages_of_a_session_hold_what_was_there():
    emulator = make(page_size=2)
    first = ask(emulator)
    session = json.loads(first.body)["session_id"]
    write(emulator, {"aaa": {}, "ann": {"plan": "late"}})
    second = ask(emulator, session_id=session, page=1)
    assert found(first) | found(second) == PEOPLE
    assert json.loads(second.body)["total"] == 3
    assert found(ask(emulator, session_id=session, page=2)) == {}


def test_conditions_must_come_with_every_page():
    emulator = make(page_size=1)
    where = 'properties["plan"] == "pro"'
    session = json.loads(ask(emulator, where=where).body)["session_id"]
    assert list(found(ask(emulator, where=where, session_id=session, page=1))) == ["eve"]
    assert list(found(ask(emulator, session_id=session, page=1))) == ["bob"]


@pytest.mark.parametrize(
    ("fields", "status", "error"),
    [
        pytest.param({"page": 1}, 400, "page needs the session_id of page 0", id="page without a session"),
        pytest.param({"page": "x"}, 400, "page must be a number", id="page in words"),
        pytest.param({"session_id": "x"}, 400, "unknown session_id 'x'", id="unknown session"),
        pytest.param(
            {"distinct_ids": "x"}, 400, "distinct_ids must be a list in JSON", id="ids that are no list"
        ),
        pytest.param(
            {"where": 'properties["n"] > 1'},
            400,
            "the emulator understands",
            id="a condition beyond the emulator",
        ),
        pytest.param({"where": 'properties["n"] == x'}, 400, "cannot read 'x'", id="a value that is none"),
        pytest.param({"behaviors": "[]"}, 400, "the emulator knows no behaviors", id="behaviors"),
        pytest.param({"project_id": 7}, 403, "no access", id="another project"),
    ],
)
def test_refusals(fields, status, error):
    response = ask(make(), **fields)
    assert response.status == status
    assert json.loads(response.body)["status"] == "error"
    assert error in json.loads(response.body)["error"]


@pytest.mark.parametrize(
    ("headers", "fields", "status"),
    [
        pytest.param({}, {"project_id": 1}, 401, id="no login"),
        pytest.param(
            {"Authorization": login(("emulator", "wrong"))}, {"project_id": 1}, 401, id="wrong secret"
        ),
        pytest.param({"Authorization": login(("emulator", "right"))}, {}, 400, id="no project"),
    ],
)
def test_who_may_read(headers, fields, status):
    emulator = make()
    headers = {
        name: value.replace(login(("emulator", "right")), login(emulator.service_account))
        for name, value in headers.items()
    }
    assert emulator.answer("GET", f"/api/query/engage?{urlencode(fields)}", headers, b"").status == status


def test_sixty_queries_an_hour():
    now = 0.0
    emulator = make(clock=lambda: now)
    assert [ask(emulator, PATHS[n % 2]).status for n in range(60)] == [200] * 60
    refused = ask(emulator)
    assert refused.status == 429
    assert json.loads(refused.body)["error"] == (
        "Query rate limit exceeded for project_id: 1. 1/5 queries running concurrently and 61/60 queries running in the "
        "last hour"
    )
    now = 3600.0
    assert ask(emulator).status == 200


def test_catalogue_of_properties():
    response = ask(make(), "/api/2.0/engage/properties", method="GET")
    assert json.loads(response.body)["results"] == {
        "plan": {"count": 3, "type": "string"},
        "n": {"count": 3, "type": "number"},
        "since": {"count": 1, "type": "datetime"},
        "tags": {"count": 1, "type": "list"},
        "vip": {"count": 1, "type": "boolean"},
    }

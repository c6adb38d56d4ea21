from __future__ import annotations

import base64
import json
from contextlib import ExitStack
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
    assert json.loads(first.body)["total"] == 3
    assert "total" not in json.loads(second.body)
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
        pytest.param({"page": "x"}, 400, "page must be a whole number of at least 0", id="page in words"),
        pytest.param(
            {"page": -1}, 400, "page must be a whole number of at least 0", id="page before the first"
        ),
        pytest.param({"limit": 0}, 400, "limit must be a whole number of at least 1", id="no rows on a page"),
        pytest.param({"session_id": "x"}, 400, "unknown or expired session_id 'x'", id="unknown session"),
        pytest.param({"distinct_ids": "x"}, 400, "distinct_ids must be JSON", id="ids that are no JSON"),
        pytest.param({"distinct_ids": '"eve"'}, 400, "distinct_ids must be a list", id="a text for ids"),
        pytest.param(
            {"distinct_ids": "[[]]"}, 400, "distinct_ids must be a list of texts", id="lists for ids"
        ),
        pytest.param(
            {"distinct_ids": "[]", "distinct_id": "a"},
            400,
            "exclude each other",
            id="an id and a list of ids",
        ),
        pytest.param(
            {"output_properties": "{}"}, 400, "output_properties must be a list", id="names that are no list"
        ),
        pytest.param(
            {"where": 'properties["n"] = 1'}, 400, "cannot read '= 1'", id="a selector that is none"
        ),
        pytest.param({"where": 'properties["n"] == x'}, 400, "'x' is not known", id="a value that is none"),
        pytest.param(
            {"where": 'properties["plan"] or true'},
            400,
            "'or' takes booleans, not a string",
            id="a value of wrong type",
        ),
        pytest.param(
            {"sort_key": 'properties["n"]', "sort_order": "up"}, 400, "sort_order must be", id="no order"
        ),
        pytest.param({"behaviors": "[]"}, 400, "the emulator does not support behaviors", id="behaviors"),
        pytest.param(
            {"as_of_timestamp": 1}, 400, "the emulator does not support as_of_timestamp", id="the past"
        ),
        pytest.param({"search": "ann"}, 400, "the emulator does not support search", id="search"),
        pytest.param({"wheres": "1"}, 400, "did you mean 'where'?", id="mistyped"),
        pytest.param({"filter_by_cohort": '{"id": 1}'}, 400, "unknown cohort 1", id="unknown cohort"),
        pytest.param(
            {"filter_by_cohort": '{"raw_cohort": {}}'},
            400,
            "filter_by_cohort must look like",
            id="cohort of events",
        ),
        pytest.param(
            {"filter_by_cohort": "7"}, 400, "filter_by_cohort must look like", id="number of a cohort alone"
        ),
        pytest.param({"data_group_id": "7"}, 400, "unknown data_group_id 7", id="unknown group key"),
        pytest.param({"project_id": 7}, 403, "no access", id="another project"),
    ],
)
def test_refusals(fields, status, error):
    response = ask(make(), **fields)
    assert response.status == status
    refusal = json.loads(response.body)
    assert set(refusal) == {"request", "error"}  # as recorded from Mixpanel
    assert refusal["request"] == PATHS[0]
    assert error in refusal["error"]


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
    now = 100.0
    refused = ask(emulator)
    assert refused.status == 429
    assert json.loads(refused.body)["error"].startswith(
        "Query rate limit exceeded for project_id: 1. This request exceeded the rate limit (61/60 queries running in the last "
        "hour). For more information,"
    )
    assert {name: refused.headers[name] for name in ("RateLimit-Policy", "RateLimit", "Retry-After")} == {
        "RateLimit-Policy": '"project";q=60;w=3600, "project-concurrency";q=5;qu="concurrent-requests"',
        "RateLimit": '"project";r=0;t=3500, "project-concurrency";r=5',
        "Retry-After": "3500",
    }
    now = 3600.0
    assert ask(emulator).status == 200


def test_only_page_0_counts():
    emulator = make(page_size=1, queries_per_hour=1)
    session = json.loads(ask(emulator, session_id="").body)["session_id"]
    assert [ask(emulator, session_id=session, page=page).status for page in (1, 2, 0)] == [200] * 3
    assert ask(emulator).status == 429


@pytest.mark.parametrize(
    ("path", "fields", "counts"),
    [
        pytest.param(PATHS[0], {"where": "("}, True, id="a query that fails"),
        pytest.param(f"{PATHS[0]}/stats", {}, True, id="statistics"),
        pytest.param(f"{PATHS[1]}/properties", {}, True, id="catalogue"),
        pytest.param("/api/query/cohorts/list", {}, True, id="cohorts"),
        pytest.param(PATHS[0], {"project_id": 7}, False, id="no access"),
        pytest.param(
            PATHS[0], {"session_id": "gone", "page": 1}, False, id="a page of a session that is gone"
        ),
        pytest.param("/api/app/me", {}, False, id="the account"),
    ],
)
def test_what_counts(path, fields, counts):
    emulator = make(queries_per_hour=1)
    ask(emulator, path, **fields)
    assert ask(emulator).status == (429 if counts else 200)


def test_five_run_at_once():
    emulator = make()
    headers = {"Authorization": login(emulator.service_account)}
    query = "GET", f"{PATHS[0]}?project_id=1", headers, b""
    with ExitStack() as stack:
        running = [stack.enter_context(emulator.exchange(*query)) for _ in range(7)]
        assert [response.status for response in running] == [200] * 5 + [429] * 2
        refused = running[-1]
        assert json.loads(refused.body)["error"] == (
            "Query rate limit exceeded for project_id: 1. This request exceeded the concurrency limit (6/5 queries running "
            "concurrently)."
        )
        assert refused.headers["RateLimit"] == '"project";r=55, "project-concurrency";r=0;t=10'
        assert refused.headers["Retry-After"] == "10"
        with emulator.exchange("GET", "/api/app/me", headers, b"") as response:
            assert response.status == 200
    assert ask(emulator).status == 200


def test_a_session_expires():
    now = 0.0
    emulator = make(page_size=1, session_seconds=60, clock=lambda: now)
    session = json.loads(ask(emulator).body)["session_id"]
    now = 59.0
    assert ask(emulator, session_id=session, page=1).status == 200
    now = 118.0
    assert ask(emulator, session_id=session, page=2).status == 200
    now = 178.0
    assert ask(emulator, session_id=session, page=2).status == 400


def test_a_session_is_of_one_group_key():
    emulator = make()
    session = json.loads(ask(emulator).body)["session_id"]
    number = emulator.data_group_id("company")
    assert (
        "not that of page 0"
        in json.loads(ask(emulator, session_id=session, data_group_id=number).body)["error"]
    )


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        pytest.param({"page_size": 2}, 2, id="smaller"),
        pytest.param({"page_size": 5000}, 3, id="never larger"),
        pytest.param({"limit": 1, "page_size": 2}, 1, id="limit"),
    ],
)
def test_size_of_a_page(fields, size):
    page = json.loads(ask(make(page_size=3), **fields).body)
    assert (page["page_size"], len(page["results"]), page["total"]) == (size, size, 3)


def body_of(emulator, kind, fields, *, query=""):
    headers = {"Authorization": login(emulator.service_account), "Content-Type": kind}
    return emulator.answer("POST", f"{PATHS[0]}/?project_id=1{query}", headers, fields)


@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded", "text/plain"])
@pytest.mark.parametrize(
    "fields",
    [
        pytest.param(b'{"distinct_ids": ["bob"], "session_id": null, "page": 0}', id="JSON"),
        pytest.param(b'{"distinct_ids": "[\\"bob\\"]", "session_id": ""}', id="JSON in JSON"),
        pytest.param(urlencode({"distinct_ids": '["bob"]', "session_id": ""}).encode(), id="form"),
    ],
)
def test_bodies(kind, fields):
    assert list(found(body_of(make(), kind, fields))) == ["bob"]


def test_the_body_wins_over_the_address():
    assert list(
        found(body_of(make(), "application/json", b'{"distinct_id": "bob"}', query="&distinct_id=ann"))
    ) == ["bob"]
    assert list(found(body_of(make(), "", b"[1]", query="&distinct_id=ann"))) == ["ann"]


@pytest.mark.parametrize(
    ("order", "ids"),
    [
        pytest.param("ascending", ["ann", "bob", "eve"], id="ascending"),
        pytest.param("descending", ["bob", "ann", "eve"], id="descending, no value last"),
    ],
)
def test_order(order, ids):
    assert list(found(ask(make(), sort_key='properties["n"]', sort_order=order))) == ids


@pytest.mark.parametrize(
    ("fields", "ids"),
    [
        pytest.param({}, ["ann", "eve", "who"], id="members without a profile are there"),
        pytest.param({"include_all_users": "false"}, ["ann", "eve"], id="unless told otherwise"),
        pytest.param({"where": 'properties["vip"] == true'}, ["eve"], id="and a condition"),
        pytest.param({"distinct_ids": '["ann", "bob"]'}, ["ann"], id="and ids"),
    ],
)
def test_cohorts(fields, ids):
    emulator = make()
    emulator.add_alias("eve@example.org", "eve")
    number = emulator.add_cohort("paying", ["eve@example.org", "ann", "who"])
    rows = found(ask(emulator, filter_by_cohort=json.dumps({"id": number}), **fields))
    assert list(rows) == ids
    assert rows.get("who", {}) == {}


@pytest.mark.parametrize("path", ["/api/query/cohorts/list", "/api/2.0/cohorts/list"])
def test_list_of_cohorts(path):
    emulator = Emulator(clock=lambda: 1_700_000_000.5)
    emulator.add_cohort("paying", ["ann"])
    assert json.loads(ask(emulator, path).body) == [
        {
            "count": 1,
            "is_visible": 1,
            "description": "",
            "created": "2023-11-14 22:13:20",
            "project_id": 1,
            "id": 1,
            "name": "paying",
        }
    ]


def test_only_canonical_ids_are_found():
    emulator = make()
    write(emulator, {"$device:1": {"n": 0}})
    emulator.add_alias("$device:1", "ann")
    assert list(found(ask(emulator))) == ["ann", "bob", "eve"]
    assert found(ask(emulator, distinct_ids='["$device:1"]')) == {}
    write(emulator, {"$device:1": {"plan": "max"}})
    assert found(ask(emulator, distinct_id="ann"))["ann"]["plan"] == "max"


def test_queries_see_a_write_later():
    now = 0.0
    emulator = make(read_delay=10, clock=lambda: now)
    assert found(ask(emulator)) == {}
    assert emulator.profile("ann") == PEOPLE["ann"]
    now = 9.0
    emulator.answer(
        "POST",
        "/engage",
        {},
        json.dumps({"$token": emulator.token, "$distinct_id": "ann", "$delete": ""}).encode(),
    )
    now = 10.0
    assert found(ask(emulator)) == PEOPLE
    now = 19.0
    assert list(found(ask(emulator))) == ["bob", "eve"]
    assert json.loads(ask(emulator, f"{PATHS[0]}/properties").body)["results"]["n"]["count"] == 2


@pytest.mark.parametrize(
    ("whole", "value"),
    [
        pytest.param(False, "2024-01-01T10:00:00.123Z", id="as written"),
        pytest.param(True, "2024-01-01T10:00:00", id="whole"),
    ],
)
def test_precision_of_dates(whole, value):
    emulator = Emulator(whole_seconds=whole)
    write(
        emulator,
        {"ann": {"at": "2024-01-01T10:00:00.123Z", "all": ["2024-01-01T10:00:00.123Z"], "day": "2024-01-01"}},
    )
    assert found(ask(emulator))["ann"] == {"at": value, "all": [value], "day": "2024-01-01"}
    assert emulator.profile("ann")["at"] == "2024-01-01T10:00:00.123Z"


def test_dates_in_a_selector_are_in_the_time_zone_of_the_project():
    emulator = Emulator(timezone="Asia/Tokyo")
    write(emulator, {"before": {"at": "2023-12-31T14:59:59"}, "after": {"at": "2023-12-31T15:00:00"}})
    assert list(found(ask(emulator, where='datetime(properties["at"]) >= datetime("2024-01-01")'))) == [
        "after"
    ]


@pytest.mark.parametrize(
    ("fields", "results"),
    [
        pytest.param({}, 3, id="all"),
        pytest.param({"action": "count()", "selector": 'properties["plan"] == "pro"'}, 2, id="some"),
        pytest.param({"action": 'extremes(properties["n"])'}, {"max": 2.5, "min": 1}, id="extremes"),
        pytest.param(
            {"action": 'numeric_summary(properties["n"])'},
            {"count": 2, "mean": 1.75, "var": 0.5625, "sum_of_squares": 7.25},
            id="summary",
        ),
        pytest.param(
            {"action": 'percentile(properties["n"], 50)'},
            {"percentile": 50.0, "result": 1.75},
            id="percentile",
        ),
        pytest.param({"action": 'extremes(properties["plan"])'}, {"max": None, "min": None}, id="no numbers"),
    ],
)
def test_statistics(fields, results):
    emulator = make(clock=lambda: 0.0)
    assert json.loads(ask(emulator, "/api/query/engage/stats", **fields).body) == {
        "results": results, "status": "ok", "computed_at": "1970-01-01T00:00:00+00:00",
    }  # fmt: skip


def test_the_account():
    response = ask(make(timezone="Asia/Tokyo"), "/api/app/me", method="GET")
    me = json.loads(response.body)
    assert (me["status"], me["results"]["projects"]["1"]["timezone"]) == ("ok", "Asia/Tokyo")


@pytest.mark.parametrize("colon", ["", ":"])
def test_the_secret_of_the_project_reads_too(colon):
    emulator = make()
    login = base64.b64encode(f"{emulator.project_secret}{colon}".encode()).decode()
    response = emulator.answer("GET", "/api/2.0/engage", {"Authorization": f"Basic {login}"}, b"")
    assert found(response) == PEOPLE


def test_a_snapshot_copies_no_profile():
    emulator = make()
    ask(emulator)
    ask(emulator, where="true")
    write(emulator, {"new": {}})
    ask(emulator)
    before, same, after = (session.profiles for session in emulator._reader._sessions.values())
    assert before["ann"] is emulator._store.kind(emulator.token, None)["ann"]
    assert before is same
    assert "new" not in before
    assert "new" in after


@pytest.mark.parametrize("path", [f"{path}/properties" for path in PATHS])
def test_catalogue_of_properties(path):
    emulator = make()
    write(emulator, {"eve": {"nothing": None}, "bob": {"plan": 7}})
    assert json.loads(ask(emulator, path, method="GET").body) == {
        "results": {
            "plan": {"count": 3, "type": "string"},
            "n": {"count": 3, "type": "number"},
            "since": {"count": 1, "type": "datetime"},
            "tags": {"count": 1, "type": "list"},
            "vip": {"count": 1, "type": "boolean"},
            "nothing": {"count": 1, "type": "unknown"},
        },
        "status": "ok",
    }
    assert list(json.loads(ask(emulator, path, limit=1).body)["results"]) == ["plan"]

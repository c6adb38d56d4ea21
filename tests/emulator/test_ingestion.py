from __future__ import annotations

import base64
import json
from urllib.parse import quote, urlencode

import pytest

from mixpanel_pandas.emulator import Emulator, StrictShape
from mixpanel_pandas.emulator.ingestion import BODY_LIMIT
from mixpanel_pandas.rules.limits import LIMITS

TOKEN = "0123456789abcdef0123456789abcdef"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def emulator():
    return Emulator(token=TOKEN)


def user(identity="a", **operator):
    return {
        "$token": TOKEN,
        "$distinct_id": identity,
        "$ignore_time": True,
        **(operator or {"$set": {"n": 1}}),
    }


GOOD, BAD, NOBODY = user("good"), user("bad", **{"$add": {"n": "x"}}), user("")


def post(emulator, records, target="/engage?ip=0", headers=JSON):
    body = records if isinstance(records, bytes) else json.dumps(records).encode()
    return emulator.answer("POST", target, headers, body)


def content(response):
    return json.loads(response.body)


def encoded(records):
    return base64.b64encode(json.dumps(records).encode())


@pytest.mark.parametrize(
    ("method", "target", "headers", "body"),
    [
        pytest.param("POST", "/engage?ip=0", JSON, json.dumps([GOOD]), id="array of records"),
        pytest.param("POST", "/engage?ip=0", JSON, json.dumps(GOOD), id="single record"),
        pytest.param("POST", "/engage/?ip=0", JSON, json.dumps(GOOD), id="slash at the end"),
        pytest.param("POST", "/engage?ip=0", {}, json.dumps(GOOD), id="no content type"),
        pytest.param(
            "POST", "/engage", FORM, urlencode({"data": json.dumps([GOOD]), "ip": 0}), id="form, JSON"
        ),
        pytest.param(
            "POST", "/engage", FORM, urlencode({"data": encoded([GOOD]), "ip": 0}), id="form, base64"
        ),
        pytest.param(
            "POST", "/engage?ip=0", FORM, urlencode({"data": encoded(GOOD)}), id="form, one record in base64"
        ),
        pytest.param(
            "POST",
            "/engage/?ip=0&verbose=0&_=1700000000000",
            {"Content-Type": "text/plain;charset=UTF-8"},
            urlencode({"data": json.dumps([GOOD])}),
            id="form as plain text",
        ),
        pytest.param(
            "POST", "/engage?ip=0", {"Content-Type": "text/plain"}, json.dumps(GOOD), id="JSON as plain text"
        ),
        pytest.param("GET", f"/engage?ip=0&data={quote(json.dumps(GOOD))}", {}, "", id="address, JSON"),
        pytest.param("GET", f"/engage?ip=0&data={quote(encoded([GOOD]))}", {}, "", id="address, base64"),
    ],
)
def test_content_types(emulator, method, target, headers, body):
    response = emulator.answer(method, target, headers, body.encode())
    assert (response.status, response.body, response.headers["Content-Type"]) == (200, b"1", "text/plain")
    assert emulator.profile("good") == {"n": 1}


def test_halves_of_a_surrogate_pair_that_are_encoded_apart(emulator):
    """Mixpanel's SDK for browsers encodes each by itself before it makes base64 of it (CESU-8)."""
    text = json.dumps([user(**{"$set": {"face": "\U0001f600", "name": "Zoë"}})], ensure_ascii=False)
    halves = text.encode("utf-16-be")
    units = [
        halves[place : place + 2].decode("utf-16-be", "surrogatepass") for place in range(0, len(halves), 2)
    ]
    cesu = b"".join(unit.encode("utf-8", "surrogatepass") for unit in units)
    assert post(emulator, urlencode({"data": base64.b64encode(cesu)}).encode(), headers=FORM).body == b"1"
    assert emulator.profile("a") == {"face": "\U0001f600", "name": "Zoë"}
    alone = base64.b64encode(cesu.replace(b"\xed\xb8\x80", b""))
    assert post(emulator, urlencode({"data": alone}).encode(), headers=FORM).body == b"0"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        pytest.param(b"", "data, not a list of objects in JSON", id="nothing"),
        pytest.param(b"{", "data, not a list of objects in JSON", id="half an object"),
        pytest.param(b'[{"$token": NaN}]', "data, not a list of objects in JSON", id="NaN"),
        pytest.param(
            json.dumps(json.dumps([GOOD])).encode(), "data, not a list of objects in JSON", id="encoded twice"
        ),
        pytest.param(
            b"\x1f\x8b\x08\x00", "data, not a list of objects in JSON", id="gzip, which profiles do not take"
        ),
        pytest.param(b"[]", "data, missing or empty", id="no records"),
        pytest.param(
            json.dumps([GOOD] * 2001).encode(), "data, more than 2,000 updates", id="too many records"
        ),
    ],
)
def test_unreadable(emulator, body, error):
    assert content(post(emulator, body, "/engage?verbose=1")) == {"error": error, "status": 0}
    assert post(emulator, body).body == b"0"
    strict = post(emulator, body, "/engage?strict=1")
    assert strict.status == 400
    assert content(strict) == {"code": 400, "error": error, "num_good_events": 0, "status": "Bad Request"}
    assert emulator.applied == []


def test_as_many_records_as_the_limit(emulator):
    assert post(emulator, [GOOD] * LIMITS["request_updates"].value).body == b"1"


@pytest.mark.parametrize(
    ("query", "records", "status", "answer"),
    [
        pytest.param("", [GOOD, GOOD], 200, 1, id="bare"),
        pytest.param("", [GOOD, BAD], 200, 1, id="bare, one good"),
        pytest.param("", [BAD], 200, 0, id="bare, none good"),
        pytest.param("verbose=1", [GOOD], 200, {"error": None, "status": 1}, id="verbose"),
        pytest.param("verbose=2", [GOOD], 200, {"error": None, "status": 1}, id="verbose=2 of the samples"),
        pytest.param("verbose=1", [GOOD, BAD], 200, {"error": None, "status": 1}, id="verbose, one good"),
        pytest.param(
            "verbose=1",
            [NOBODY],
            200,
            {"error": "$distinct_id, missing or empty", "status": 0},
            id="verbose, none good",
        ),
        pytest.param("strict=0&verbose=0", [GOOD], 200, 1, id="both off"),
        pytest.param(
            "strict=1",
            [GOOD, GOOD],
            200,
            {"error": None, "errors": {}, "num_good_events": 2, "status": 1},
            id="strict",
        ),
        pytest.param(
            "strict=1&verbose=1",
            [GOOD, BAD, NOBODY],
            400,
            {
                "code": 400,
                "error": "some data points in the request failed validation",
                "failed_records": [
                    {
                        "index": 1,
                        "$distinct_id": "bad",
                        "field": "$add.n",
                        "message": "$add.n, must be a number",
                    },
                    {
                        "index": 2,
                        "$distinct_id": "",
                        "field": "$distinct_id",
                        "message": "$distinct_id, missing or empty",
                    },
                ],
                "num_good_events": 1,
                "status": "Bad Request",
            },
            id="strict, two bad",
        ),
    ],
)
@pytest.mark.parametrize("place", ["address", "form"])
def test_answers(emulator, query, records, status, answer, place):
    if place == "address":
        response = post(emulator, records, f"/engage?ip=0&{query}")
    else:
        response = post(
            emulator, f"{query}&{urlencode({'data': json.dumps(records)})}".encode(), "/engage", FORM
        )
    assert response.status == status
    assert content(response) == answer
    assert (emulator.profile("good") is not None) == (GOOD in records)
    assert emulator.profile("bad") is None


ERROR = {"code": 400, "error": "some data points in the request failed validation", "status": "Bad Request"}


def test_errors_in_the_shape_of_success():
    """What Mixpanel has in the recorded `errors` of a bad request is not known: an answer that claims success is the worst case."""
    emulator = Emulator(token=TOKEN, strict=StrictShape(naming="errors"))
    response = post(emulator, [GOOD, BAD], "/engage?ip=0&strict=1")
    assert (response.status, content(response)) == (
        200,
        {"error": None, "errors": {"1": ["$add.n, must be a number"]}, "num_good_events": 1, "status": 1},
    )
    assert post(emulator, b"{", "/engage?strict=1").status == 400


@pytest.mark.parametrize(
    ("shape", "failure", "success"),
    [
        pytest.param(
            StrictShape(naming="id"),
            {
                "failed_records": [
                    {"$distinct_id": "bad", "field": "$add.n", "message": "$add.n, must be a number"}
                ],
                "num_good_events": 1,
            },
            {"error": None, "errors": {}, "num_good_events": 1, "status": 1},
            id="by id",
        ),
        pytest.param(
            StrictShape(naming="text", count="num_records_imported"),
            {"failed_records": ["$add.n, must be a number"], "num_records_imported": 1},
            {"code": 200, "error": None, "num_records_imported": 1, "status": "OK"},
            id="by text, another count",
        ),
        pytest.param(
            StrictShape(naming="nobody", count=""), {}, {"error": None, "status": 1}, id="nobody, no count"
        ),
        pytest.param(
            StrictShape(naming="nobody", partial=False),
            {"num_good_events": 0},
            {"error": None, "errors": {}, "num_good_events": 1, "status": 1},
            id="all or nothing",
        ),
    ],
)
def test_shapes_of_strict_answers(shape, failure, success):
    emulator = Emulator(token=TOKEN, strict=shape)
    assert content(post(emulator, [GOOD, BAD], "/engage?ip=0&strict=1")) == {**ERROR, **failure}
    assert (emulator.profile("good") is not None) == shape.partial
    assert content(post(emulator, [GOOD], "/engage?ip=0&strict=1")) == success


def test_groups_are_named_by_group_id(emulator):
    group = {"$token": TOKEN, "$group_key": "company", "$group_id": "acme", "$add": {"n": 1}}
    (failed,) = content(post(emulator, [group], "/groups?strict=1"))["failed_records"]
    assert failed["$group_id"] == "acme"


def test_groups(emulator):
    group = {
        "$token": TOKEN,
        "$group_key": "company",
        "$group_id": "acme",
        "$ignore_time": True,
        "$set": {"n": 1},
    }
    assert post(emulator, [group], "/groups").body == b"1"
    assert post(emulator, [user()], "/groups").body == b"0"
    assert post(emulator, [group], "/engage").body == b"0"
    assert emulator.profiles("company").to_dict("index") == {"acme": {"n": 1}}
    assert emulator.profiles().empty


def test_another_token_is_answered_with_success_and_lands_nowhere(emulator):
    assert post(emulator, [{**GOOD, "$token": "f" * 32}]).body == b"1"
    assert emulator.profile("good") is None


def test_the_requests_own_address_is_looked_up_unless_told_otherwise(emulator):
    post(emulator, [user("told")], "/engage?ip=0")
    post(emulator, [user("not told")], "/engage")
    assert "$city" not in emulator.profile("told")
    assert "$city" in emulator.profile("not told")


def test_a_record_that_is_too_large(emulator):
    large = user("large", **{"$set": {"text": "x" * LIMITS["update_bytes"].value}})
    answer = content(post(emulator, [GOOD, large], "/engage?strict=1"))
    assert [row["message"] for row in answer["failed_records"]] == ["record, larger than 1,000,000 bytes"]


def test_a_body_that_is_too_large(emulator):
    response = post(emulator, b" " * (BODY_LIMIT + 1))
    assert response.status == 413
    assert content(response) == {
        "code": 413,
        "error": "request exceeds max limit of 2097152 bytes",
        "status": "Request Entity Too Large",
    }


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        pytest.param("POST", "/track", 404, id="another endpoint"),
        pytest.param("PUT", "/engage", 405, id="another method"),
        pytest.param("GET", "/engage?data=" + "x" * 9000, 414, id="a long address"),
    ],
)
def test_other_statuses(emulator, method, target, status):
    assert emulator.answer(method, target, {}, b"").status == status

from __future__ import annotations

import json
from contextlib import closing

import pandas as pd
import pytest
import responses

import mixpanel_pandas as mpd
from mixpanel_pandas.delivery import http
from mixpanel_pandas.delivery.answers import Answer, Named, read_answer, seconds_to_wait
from mixpanel_pandas.delivery.messages import Failure, Request, Response
from mixpanel_pandas.project import Project
from tests.patience import PATIENCE

TOKEN = "0123456789abcdef0123456789abcdef"
PROJECT = Project(TOKEN, "eu", backoff=0, retries=0)
URL = http.address_of(PROJECT, "engage")
RECORDS = 3
HTML = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


def js(**body):
    return json.dumps(body).encode()


def recorded(good, errors=None, *, status=1):
    """Return an answer in the shape that was recorded from Mixpanel."""
    count = {} if good is None else {"num_good_events": good}
    return js(error=None, errors={} if errors is None else errors, **count, status=status)


def failed(*records, **more):
    return js(
        status="Bad Request", code=400, error="some data points failed", failed_records=list(records), **more
    )


def answer_to(status, body, records=RECORDS, **headers):
    return read_answer(Response(status, headers, body), records, secrets=(TOKEN,), now=10.0)


SHAPES = [
    # success
    pytest.param(200, recorded(3), "accepted", 3, id="the recorded shape"),
    pytest.param(
        200, js(error=None, errors=None, num_good_events=3, status=1), "accepted", 3, id="errors null"
    ),
    pytest.param(
        200, js(error=None, errors=[], num_good_events=3, status=1), "accepted", 3, id="errors an empty list"
    ),
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
    # refused as a whole
    pytest.param(200, b"0", "none_valid", None, id="bare 0"),
    pytest.param(200, b"0\n", "none_valid", None, id="bare 0 and a line end"),
    pytest.param(400, b"0", "none_valid", None, id="400 with a bare 0"),
    pytest.param(414, HTML, "none_valid", None, id="414 of a gateway"),
    pytest.param(
        200, js(error="$token, missing or empty", status=0), "refused", None, id="status 0 and an error"
    ),
    pytest.param(200, js(status=0), "refused", None, id="status 0 alone"),
    pytest.param(200, js(status=False), "refused", None, id="status false"),
    pytest.param(200, js(status="error", error="no"), "refused", None, id="status error"),
    pytest.param(200, js(error="no"), "refused", None, id="an error alone"),
    pytest.param(400, js(status="Bad Request", code=400, error="no"), "refused", None, id="400"),
    pytest.param(400, HTML, "refused", None, id="400 in HTML"),
    pytest.param(422, b"", "refused", None, id="another 4xx"),
    pytest.param(200, js(status=1, num_good_events=2), "refused", 2, id="success with a count too small"),
    pytest.param(200, js(num_good_events=2), "refused", 2, id="only a count too small"),
    pytest.param(400, js(error="no", num_records_imported=0), "none_applied", 0, id="400, 0 imported"),
    pytest.param(200, js(error=None, num_good_events=0), "none_applied", 0, id="only a count of 0"),
    pytest.param(
        200, js(status=0, error="name was temporary"), "refused", None, id="a word that is not the first"
    ),
    pytest.param(
        400, js(error="a temporary failure occurred"), "refused", None, id="400 with a temporary failure"
    ),
    pytest.param(
        200,
        js(error="Unable to authenticate request", status=0),
        "refused",
        None,
        id="200 that cannot authenticate",
    ),
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
        400, js(error="no", failed_records="all"), "refused", None, id="failed records of no known shape"
    ),
    # errors that name records by their index
    pytest.param(200, recorded(2, {"1": ["bad"]}), "named_rest_applied", 2, id="errors, the others good"),
    pytest.param(
        200,
        recorded(2, {"1": ["bad", "worse"]}, status=0),
        "named_rest_applied",
        2,
        id="errors with status 0",
    ),
    pytest.param(
        200, recorded(2, {"1": "bad"}), "named_rest_applied", 2, id="errors with a text and no list"
    ),
    pytest.param(200, recorded(1, {"0": ["a"], "2": ["b"]}), "named_rest_applied", 1, id="two errors"),
    pytest.param(
        200, recorded(0, {"0": ["a"], "1": ["b"], "2": ["c"]}), "named_none_applied", 0, id="all named"
    ),
    pytest.param(200, recorded(0, {"1": ["a"]}, status=0), "named_none_applied", 0, id="errors, 0 good"),
    pytest.param(200, recorded(1, {"1": ["a"]}), "named", 1, id="errors, fewer good than not named"),
    pytest.param(200, recorded(None, {"1": ["a"]}), "named", None, id="errors, no count"),
    pytest.param(200, js(errors={"1": ["a"]}), "named", None, id="errors and nothing else"),
    pytest.param(400, recorded(2, {"1": ["a"]}, status=0), "named_rest_applied", 2, id="400 with errors"),
    pytest.param(200, js(status=0, errors={"3": ["a"]}), "refused", None, id="errors behind the end"),
    pytest.param(
        200,
        js(status=0, errors={"0": ["a"], "3": ["a"]}),
        "refused",
        None,
        id="one behind the end spoils all",
    ),
    pytest.param(
        200, js(status=0, errors={"0": ["a"], "x": ["a"]}), "refused", None, id="a key that is no index"
    ),
    pytest.param(200, js(status=0, errors={"-1": ["a"]}), "refused", None, id="a negative key"),
    pytest.param(200, js(status=0, errors={"01": ["a"]}), "refused", None, id="a key with a zero too many"),
    pytest.param(200, js(status=0, errors={"\u0661": ["a"]}), "refused", None, id="a key in other digits"),
    pytest.param(200, js(status=0, errors={"9" * 5000: ["a"]}), "refused", None, id="a key too long to read"),
    pytest.param(200, js(status=0, errors=["a", "b"]), "refused", None, id="errors in a list"),
    pytest.param(200, js(status=0, errors="a"), "refused", None, id="errors in a text"),
    pytest.param(200, js(status=0, errors={"0": []}), "refused", None, id="an error without a text"),
    pytest.param(200, js(status=0, errors={"0": {"a": 1}}), "refused", None, id="an error that is no text"),
    pytest.param(200, recorded(None, ["a"]), "unclear", None, id="status 1 with errors in a list"),
    pytest.param(200, recorded(3, {"x": ["a"]}), "unclear", 3, id="all good, and errors that name nobody"),
    pytest.param(200, recorded(3, {"0": ["a"]}), "unclear", 3, id="all good, and one with an error"),
    # two statements that contradict each other
    pytest.param(200, js(status=1, error="disallowed"), "unclear", None, id="status 1 with an error"),
    pytest.param(200, js(status="OK", code=400), "unclear", None, id="OK with the code of a failure"),
    pytest.param(200, js(status=1, failed_records="all"), "unclear", None, id="status 1 with failed records"),
    pytest.param(200, js(status=1, num_good_events=0), "unclear", 0, id="success with a count of 0"),
    pytest.param(200, recorded(0, {"1": ["a"]}), "unclear", 0, id="success, one named, a count of 0"),
    pytest.param(400, b"1", "unclear", None, id="400 with a bare 1, of many"),
    pytest.param(400, js(status=1, error=None), "unclear", None, id="400 that speaks of success"),
    pytest.param(422, recorded(3), "unclear", 3, id="422 in the recorded shape"),
    *(
        pytest.param(code, recorded(3), "unclear", 3, id=f"{code} that speaks of success")
        for code in (301, 401, 403, 404, 413, 414, 429)
    ),
    pytest.param(403, js(status="ok"), "unclear", None, id="403 with status ok"),
    # a failure that passes, and an old way to say 401
    pytest.param(
        200, js(error="a temporary failure occurred", status=0), "unclear", None, id="a temporary failure"
    ),
    pytest.param(
        200,
        js(error="A temporary failure occurred", errors={}, num_good_events=0, status=0),
        "unclear",
        0,
        id="a temporary failure, 0 good",
    ),
    pytest.param(
        200,
        js(error="Service temporarily unavailable", status=0),
        "unclear",
        None,
        id="temporarily unavailable",
    ),
    pytest.param(
        400, js(error="Unable to authenticate request"), "denied", None, id="400 that cannot authenticate"
    ),
    pytest.param(400, b"Unable to authenticate request", "denied", None, id="the same without JSON"),
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
    pytest.param(200, b"1", "unclear", None, id="bare 1, of many"),
    pytest.param(200, b"1.0", "unclear", None, id="1 with a point"),
    pytest.param(200, b"true", "unclear", None, id="bare true"),
    pytest.param(200, b'"1"', "unclear", None, id="1 as a text"),
    pytest.param(200, b"null", "unclear", None, id="null"),
    pytest.param(200, js(status="queued"), "unclear", None, id="a status nobody knows"),
    pytest.param(200, js(status=["ok"]), "unclear", None, id="a status of no type we know"),
    pytest.param(200, js(status=None, error=None), "unclear", None, id="status null"),
    pytest.param(200, b"[" * 100_000, "unclear", None, id="nested too deeply"),
    pytest.param(200, b"1" * 5000, "unclear", None, id="a number too long to read"),
    pytest.param(200, b"\xff\xfe\x00", "unclear", None, id="no text at all"),
    # the status decides
    *(
        pytest.param(code, js(error="...", status="error"), "denied", None, id=f"{code}")
        for code in (300, 301, 302, 307, 308, 401, 402, 403, 404, 405)
    ),
    pytest.param(304, b"", "denied", None, id="304, which has no body"),
    *(
        pytest.param(code, HTML, "unclear", None, id=f"{code}")
        for code in (303, 408, 500, 502, 503, 504, 524, 599)
    ),
    pytest.param(504, js(error="refused", status=0, num_good_events=0), "unclear", 0, id="504 that counts 0"),
    pytest.param(504, b"0", "unclear", None, id="504 with a bare 0"),
    pytest.param(199, b"", "unclear", None, id="an interim answer"),
    pytest.param(600, b"1", "unclear", None, id="a status that HTTP does not know"),
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


@pytest.mark.parametrize(("status", "body", "evidence", "applied"), SHAPES)
def test_every_shape_of_answer(status, body, evidence, applied):
    answer = answer_to(status, body)
    assert (answer.evidence, answer.status_code, answer.applied) == (evidence, status, applied)
    assert (answer.error is None) == (evidence == "accepted")
    assert bool(answer.named) == evidence.startswith("named")
    assert answer.complete


@pytest.mark.parametrize("status", [200, 400, 401, 413, 429, 503])
def test_an_answer_with_a_flaw_proves_nothing(status):
    reply = Response(status, {"Retry-After": "9"}, recorded(3), "it is cut short")
    answer = read_answer(reply, RECORDS)
    assert (answer.evidence, answer.status_code, answer.applied, answer.complete) == (
        "unclear",
        status,
        None,
        False,
    )
    assert answer.error.startswith(f"{status}, but the answer proves nothing, as it is cut short: ")


@pytest.mark.parametrize("evidence", ["no_connection", "unclear"])
def test_a_failure_is_evidence_and_no_complete_answer(evidence):
    answer = read_answer(Failure(f"ReadTimeout: {TOKEN}", evidence), RECORDS, secrets=(TOKEN,))
    assert answer == Answer(evidence, error="ReadTimeout: ***", complete=False)


@pytest.mark.parametrize(
    ("body", "evidence"),
    [
        pytest.param(b"1", "accepted", id="bare 1"),
        pytest.param(b"1\n", "accepted", id="bare 1 and a line end"),
        pytest.param(b"\xef\xbb\xbf1", "accepted", id="bare 1 after a byte order mark"),
        pytest.param(b"0", "none_valid", id="bare 0"),
        pytest.param(b"-1", "unclear", id="bare -1"),
        pytest.param(b"2", "unclear", id="bare 2"),
        pytest.param(b"true", "unclear", id="bare true"),
        pytest.param(b"1.0", "unclear", id="1 with a point"),
        pytest.param(recorded(1), "accepted", id="the recorded shape"),
        pytest.param(recorded(0, {"0": ["bad"]}), "named_none_applied", id="the recorded shape, refused"),
        pytest.param(recorded(1, {"0": ["bad"]}), "unclear", id="good and with an error"),
    ],
)
def test_an_answer_to_a_single_record(body, evidence):
    assert answer_to(200, body, 1).evidence == evidence


def test_a_bare_1_confirms_one_record_and_says_nothing_of_two():
    assert [answer_to(200, b"1", records).evidence for records in (1, 2)] == ["accepted", "unclear"]
    assert answer_to(400, b"1", 1).evidence == "unclear"


@pytest.mark.parametrize(
    ("body", "named"),
    [
        pytest.param(
            failed({"index": 1, "$distinct_id": "a", "field": "properties.time", "message": "bad"}),
            [Named(1, "a", "properties.time: bad")],
            id="all of it",
        ),
        pytest.param(failed({"index": 0, "$insert_id": "x"}), [Named(0, None, None)], id="index alone"),
        pytest.param(failed({"$group_id": 12}), [Named(None, "12", None)], id="id alone, a number"),
        pytest.param(
            failed({"index": 2, "error": f"bad {TOKEN}"}),
            [Named(2, None, "bad ***")],
            id="a message with the token",
        ),
        pytest.param(
            recorded(1, {"0": ["bad", "worse"], "2": [f"of {TOKEN}"]}),
            [Named(0, None, "bad; worse"), Named(2, None, "of ***")],
            id="errors",
        ),
        pytest.param(
            js(status=0, errors={"0": ["bad"]}, failed_records=[{"index": 0, "message": "m"}, {"index": 1}]),
            [Named(0, None, "m"), Named(1, None, None)],
            id="both shapes at once",
        ),
    ],
)
def test_named_records_are_read(body, named):
    assert answer_to(400, body).named == tuple(named)


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
    headers = {} if header is None else {"Retry-After": header}
    assert answer_to(429, b"", **headers).retry_after == seconds


def test_an_answer_that_echoes_the_record_is_redacted():
    record = json.dumps([{"$token": TOKEN, "$distinct_id": "a"}])
    answer = answer_to(400, js(error=f"cannot read {record}", status=0))
    assert answer.error == '400 cannot read [{"$token": "***", "$distinct_id": "a"}]'


# -- the answers that are known, from the network to the outcome of each row ---------------------------------------

TOO_MANY = js(
    code=429,
    error="Project exceeded rate limits. Please retry the request with exponential backoff.",
    status="Too Many Requests",
)
TOO_LARGE = js(
    code=413, error="request exceeds max limit of 2097152 bytes", status="Request Entity Too Large"
)
IMPORTED = js(
    code=400,
    error="some data points in the request failed validation",
    failed_records=[{"index": 1, "$insert_id": "x", "field": "properties.time", "message": "bad"}],
    num_records_imported=2,
    status="Bad Request",
)

#: status, body, evidence, then the outcomes of three rows that the answer is all there is to, for both kinds of operators.
#: Documented, recorded from Mixpanel, or what its own clients read.
KNOWN = [
    pytest.param(200, b"1", "unclear", "uuu", "uuu", id="one or more objects provided are valid"),
    pytest.param(200, b"0", "none_valid", "rrr", "rrr", id="no data objects in the body are valid"),
    pytest.param(200, js(status=1, error=None), "accepted", "aaa", "aaa", id="verbose success"),
    pytest.param(200, js(error="$token, missing or empty", status=0), "refused", "uuu", "uuu", id="verbose refusal"),
    pytest.param(
        200, js(error="a temporary failure occurred", status=0), "unclear", "uuu", "uuu", id="a temporary failure"
    ),
    pytest.param(200, recorded(3), "accepted", "aaa", "aaa", id="strict success"),
    pytest.param(200, recorded(2, {"1": ["bad"]}), "named_rest_applied", "ara", "ara", id="strict, one refused"),
    pytest.param(
        200, recorded(2, {"1": ["bad"]}, status=0), "named_rest_applied", "ara", "ara", id="the same, status 0"
    ),
    pytest.param(
        200, js(code=200, num_records_imported=3, status="OK"), "accepted", "aaa", "aaa", id="success of the import"
    ),
    pytest.param(400, IMPORTED, "named_rest_applied", "ara", "ara", id="one refused by the import"),
    pytest.param(
        400,
        js(code=400, error="no", failed_records=["identity events are not allowed"], status="Bad Request"),
        "refused", "uuu", "uuu",
        id="failed records in words",
    ),
    pytest.param(
        200, js(status=0, failed_records=[{"index": 1, "message": "m"}]), "named", "uru", "uru", id="a lookup table"
    ),
    pytest.param(400, js(error="Unable to authenticate request"), "denied", "rrr", "rrr", id="400 of /export"),
    pytest.param(401, js(error="...", status="error"), "denied", "rrr", "rrr", id="401"),
    pytest.param(402, b"Payment required", "denied", "rrr", "rrr", id="402"),
    pytest.param(403, js(error="...", status="error"), "denied", "rrr", "rrr", id="403"),
    pytest.param(413, TOO_LARGE, "too_large", "rrr", "rrr", id="413"),
    pytest.param(414, HTML, "none_valid", "rrr", "rrr", id="414 of nginx"),
    pytest.param(429, TOO_MANY, "rate_limited", "nnn", "nnn", id="429"),
    pytest.param(500, b"Internal server error", "unclear", "uuu", "uuu", id="500 in words"),
    pytest.param(502, HTML, "unclear", "uuu", "uuu", id="502 of a gateway"),
    pytest.param(504, js(error="refused", status=0), "unclear", "uuu", "uuu", id="504 whatever it says"),
    pytest.param(303, b"", "unclear", "uuu", "uuu", id="303 after a POST"),
    pytest.param(307, b"", "denied", "rrr", "rrr", id="307"),
]  # fmt: skip

LETTERS = {"accepted": "a", "rejected": "r", "unknown": "u", "not_sent": "n"}


@pytest.mark.parametrize("kind", ["application/json", "text/html"])
@pytest.mark.parametrize(("status", "body", "evidence", "idempotent", "otherwise"), KNOWN)
@responses.activate
def test_known_answers_over_requests(status, body, evidence, idempotent, otherwise, kind):
    responses.post(URL, body, status=status, content_type=kind)
    with closing(http.Client(PROJECT)) as client:
        reply = client.send(Request(URL, b"[{},{},{}]"), timeout=PATIENCE)
    assert read_answer(reply, RECORDS).evidence == evidence


@pytest.mark.parametrize(("status", "body", "evidence", "idempotent", "otherwise"), KNOWN)
@pytest.mark.parametrize("verb", ["set", "add"])
@responses.activate
def test_known_answers_decide_the_outcome_of_each_row(status, body, evidence, idempotent, otherwise, verb):
    responses.post(URL, body, status=status)
    frame = pd.DataFrame({"id": ["a", "b", "c"], "n": [1, 2, 3]})
    with mpd.set_project(PROJECT):
        summary = getattr(frame.mixpanel, verb)("id", progress=False, check=False, repeat=True)
        outcomes = frame.mixpanel.outcomes(summary)["outcome"]
    assert "".join(LETTERS[outcome] for outcome in outcomes) == (idempotent if verb == "set" else otherwise)


@pytest.mark.parametrize(
    ("status", "body", "requests"),
    [
        pytest.param(200, b"0", 1, id="bare 0"),
        pytest.param(414, HTML, 1, id="414"),
        pytest.param(200, js(error="no", status=0), 5, id="status 0"),
    ],
)
@responses.activate
def test_what_is_not_bisected(status, body, requests):
    responses.post(URL, body, status=status)
    with mpd.set_project(PROJECT):
        pd.DataFrame({"id": ["a", "b", "c"], "n": [1, 2, 3]}).mixpanel.set(
            "id", progress=False, check=False, repeat=True
        )
    assert len(responses.calls) == requests


@responses.activate
def test_an_upload_of_which_no_record_is_valid_ends_early():
    responses.post(URL, b"0")
    frame = pd.DataFrame({"id": [f"u{n}" for n in range(100)], "n": 1})
    with mpd.set_project(PROJECT):
        summary = frame.mixpanel.set("id", batch_size=1, workers=1, progress=False, check=False)
    assert len(responses.calls) == 24
    assert summary[["rejected", "not_sent"]].sum().tolist() == [24, 76]

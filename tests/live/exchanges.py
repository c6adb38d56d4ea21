"""Requests that write, and their answers: bare, verbose and strict, good, bad and mixed, at the limits of a request."""

from __future__ import annotations

from typing import Any

from mixpanel_pandas.rules.limits import LIMITS
from tests.live.cases import OPENAPI, RECORDED, SILENT, VALUE, Exchange

_BARE, _STRICT = "ip=0", "ip=0&strict=1&verbose=1"
_W6W = "measured by the connector of w6w"
_SET = f"{OPENAPI}/profile-set"
_IMPORT = f"{OPENAPI}/import-events"

_GOOD = {"error": None, "status": 1}
_UPDATES, _RECORD = LIMITS["request_updates"].value, LIMITS["update_bytes"].value


def _record(end: str = "a", **more: Any) -> dict[str, Any]:
    """Return a good record, with other fields. None leaves a field out."""
    record = {
        "$token": "{token}",
        "$distinct_id": f"{{id}}{{case}}-{end}",
        "$ip": "0",
        "$ignore_time": True,
        "$set": {VALUE: end},
    }
    record |= {f"${name}": value for name, value in more.items()}
    return {name: value for name, value in record.items() if value is not None}  # fmt: skip


_BAD = _record("b", token=None)
_MIXED = [_record("a"), _BAD, _record("c")]
_FAILED = {
    "code": 400,
    "error": "some data points in the request failed validation",
    "status": "Bad Request",
}


_NAMED = {
    "index": 1,
    "$distinct_id": "{id}{case}-b",
    "field": "$token",
    "message": "$token, missing or empty",
}

#: Words of the request -> records, the error, and where the error is documented.
_WRONG: dict[str, tuple[Any, str, str]] = {
    "no $token": (_record(token=None), "$token, missing or empty", _W6W),
    "no $distinct_id": (_record(distinct_id=None), "$distinct_id, missing or empty", "segment-integrations"),
    "an empty $distinct_id": (_record(distinct_id=""), "$distinct_id, missing or empty", "segment-integrations"),
    "no operator": (_record(set=None), "operator, exactly one is needed, found none", SILENT),
    "two operators": (_record(add={VALUE: 1}), "operator, exactly one is needed, found $set, $add", SILENT),
    "$set of a text": (_record(set="text"), "$set, must be an object", SILENT),
    "$add of a text": (_record(set=None, add={VALUE: "2"}), "$add.mpd_live, must be a number", f"{OPENAPI}/profile-numerical-add"),
    "$union of a text": (_record(set=None, union={VALUE: "a"}), "$union.mpd_live, must be a list of at least one item", f"{OPENAPI}/user-profile-union"),
    "$union of an empty list": (_record(set=None, union={VALUE: []}), "$union.mpd_live, must be a list of at least one item", f"{OPENAPI}/user-profile-union"),
    "$remove of a list": (_record(set=None, remove={VALUE: ["a"]}), "$remove.mpd_live, must be a single value", SILENT),
    "$unset of no names": (_record(set=None, unset=[]), "$unset, must be a list of at least one name", f"{OPENAPI}/profile-delete-property"),
    "$time as a text": (_record(time="2026-01-02"), "$time, must be seconds since 1970", SILENT),
}  # fmt: skip


def _large(bytes_of_text: int) -> list[Any]:
    return [_record(set={VALUE: "x" * bytes_of_text})]


USER_EXCHANGES = (
    Exchange("bare: a good record", [_record()], (200, 1), _SET, ("a",), _BARE),
    Exchange("bare: a bad record", [_BAD], (200, 0), _SET, (), _BARE),
    Exchange("bare: good and bad records", _MIXED, (200, 1), _SET, ("a", "c"), _BARE),
    Exchange("verbose: a good record", [_record()], (200, _GOOD), RECORDED, ("a",)),
    Exchange("verbose=2: a good record", [_record()], (200, _GOOD), SILENT, ("a",), "ip=0&verbose=2"),
    Exchange("verbose: good and bad records", _MIXED, (200, _GOOD), _SET, ("a", "c")),
    Exchange("strict: good records", [_record("a"), _record("b")], (200, {**_GOOD, "errors": {}, "num_good_events": 2}), RECORDED, ("a", "b"), _STRICT),
    Exchange("strict without verbose: a good record", [_record()], (200, {**_GOOD, "errors": {}, "num_good_events": 1}), SILENT, ("a",), "ip=0&strict=1"),
    Exchange("strict: good and bad records", _MIXED, (400, {**_FAILED, "failed_records": [_NAMED], "num_good_events": 2}), _IMPORT, ("a", "c"), _STRICT),
    Exchange("strict: a bad record", [_record("a", token=None)], (400, {**_FAILED, "failed_records": [{**_NAMED, "index": 0, "$distinct_id": "{id}{case}-a"}], "num_good_events": 0}), _IMPORT, (), _STRICT),
    Exchange("strict: a token of nobody", [_record(token="{stranger}")], (200, {**_GOOD, "errors": {}, "num_good_events": 1}), RECORDED, (), _STRICT),
    *(Exchange(f"verbose: {words}", [record], (200, {"error": error, "status": 0}), source) for words, (record, error, source) in _WRONG.items()),
    Exchange("one record, without a list", _record(), (200, _GOOD), "RudderStack", ("a",)),
    Exchange("a form with JSON", [_record()], (200, _GOOD), "SDK for Python", ("a",), encoding="form"),
    Exchange("a form with base64", [_record()], (200, _GOOD), "SDK for Node", ("a",), encoding="base64"),
    Exchange("a form as plain text", [_record()], (200, _GOOD), "SDK for JavaScript", ("a",), encoding="text"),
    Exchange("an empty list", [], (200, {"error": "data, missing or empty", "status": 0}), SILENT),
    Exchange("no JSON", "{token}", (200, {"error": "data, not a list of objects in JSON", "status": 0}), SILENT),
    Exchange("2,000 records", [_record()], (200, {**_GOOD, "errors": {}, "num_good_events": _UPDATES}), LIMITS["request_updates"].source, ("a",), _STRICT, times=_UPDATES),
    Exchange("2,001 records", [_record()], (400, {"code": 400, "error": "data, more than 2,000 updates", "num_good_events": 0, "status": "Bad Request"}), LIMITS["request_updates"].source, (), _STRICT, times=_UPDATES + 1),
    Exchange("a record of 900 kB", _large(900_000), (200, _GOOD), LIMITS["update_bytes"].source, ("a",)),
    Exchange("a record above 1 MB", _large(_RECORD), (200, {"error": "record, larger than 1,000,000 bytes", "status": 0}), LIMITS["update_bytes"].source),
    Exchange("a body above 2 MiB", _large(900_000), (413, {"code": 413, "error": "request exceeds max limit of 2097152 bytes", "status": "Request Entity Too Large"}), _IMPORT, times=3),
)  # fmt: skip


def _group_record(**more: Any) -> dict[str, Any]:
    record = _record(distinct_id=None) | {"$group_key": "{group}", "$group_id": "{id}{case}-a"}
    record |= {f"${name}": value for name, value in more.items()}
    return {name: value for name, value in record.items() if value is not None}


GROUP_EXCHANGES = (
    Exchange("group, strict: a good record", [_group_record()], (200, {**_GOOD, "errors": {}, "num_good_events": 1}), RECORDED, ("a",), _STRICT, endpoint="groups"),
    Exchange("group: no $group_key", [_group_record(group_key=None)], (200, {"error": "$group_key, missing or empty", "status": 0}), SILENT, endpoint="groups"),
    Exchange("group: no $group_id", [_group_record(group_id=None)], (200, {"error": "$group_id, missing or empty", "status": 0}), SILENT, endpoint="groups"),
    Exchange("group: $distinct_id", [_group_record(distinct_id="{id}{case}-a")], (200, {"error": "$distinct_id, disallowed on groups records", "status": 0}), "mixpanel/mixpanel-swift#539", endpoint="groups"),
)  # fmt: skip

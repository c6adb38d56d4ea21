"""Requests that write, to ``/engage`` and ``/groups``, with every shape of answer."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from mixpanel_pandas.emulator.store import Refusal, refusal_of, size_refusal
from mixpanel_pandas.emulator.wire import WireRequest, WireResponse, answer_json, answer_text
from mixpanel_pandas.rules.limits import LIMITS

if TYPE_CHECKING:
    from collections.abc import Callable

    from mixpanel_pandas.emulator.store import Store

__all__ = ["BODY_LIMIT", "StrictShape", "Terms", "ingest", "too_large"]

#: The most bytes of a body. It is not documented for profiles. This is the number in Mixpanel's example of a 413.
BODY_LIMIT = 2_097_152


_PLAIN = {"error": None, "status": 1}

#: Field that counts the applied records -> the rest of a strict answer to a good request: as recorded from Mixpanel, as the
#: import endpoint documents it, and without a count.
_SUCCESS: dict[str, dict[str, Any]] = {
    "num_good_events": {"error": None, "errors": {}, "status": 1},
    "num_records_imported": {"code": 200, "error": None, "status": "OK"},
    "": _PLAIN,
}


class _Refused(NamedTuple):
    position: int
    record: Any
    refusal: Refusal


def _identity(record: Any) -> dict[str, Any]:
    names = ("$distinct_id", "$group_id")
    return {name: record[name] for name in names if name in record} if isinstance(record, dict) else {}


def _by_id(refused: _Refused) -> dict[str, Any]:
    return {
        **_identity(refused.record),
        "field": refused.refusal.field,
        "message": str(refused.refusal),
    }


def _by_index(refused: _Refused) -> dict[str, Any]:
    return {"index": refused.position, **_by_id(refused)}


def _by_text(refused: _Refused) -> str:
    return str(refused.refusal)


#: How a strict answer names refused records -> function of a refused record. None: it does not name them.
_NAMINGS: dict[str, Callable[[_Refused], dict[str, Any] | str] | None] = {
    "index": _by_index,
    "id": _by_id,
    "text": _by_text,
    "errors": None,  # in a shape of its own
    "nobody": None,
}


@dataclass(frozen=True)
class StrictShape:
    """The shape of the answers to requests with ``strict=1``.

    Mixpanel publishes no schema of these answers, and does not document whether the good records of a bad request are applied. The
    default follows the import endpoint, which documents both.

    Parameters
    ----------
    naming : {"index", "id", "text", "errors", "nobody"}, default "index"
        How the answer names refused records: by index and id, only by id, only by a text, or not at all. "errors" answers with
        status 200 and the object ``errors`` (index -> texts), which is empty in Mixpanel's answers to good requests.
    count : {"num_good_events", "num_records_imported", ""}, default "num_good_events"
        The field that counts the applied records. Empty: there is no count, and success is only ``status: 1``.
    partial : bool, default True
        Whether the good records of a request are applied if others are bad.
    """

    naming: Literal["index", "id", "text", "errors", "nobody"] = "index"
    count: Literal["num_good_events", "num_records_imported", ""] = "num_good_events"
    partial: bool = True


@dataclass(frozen=True)
class Terms:
    """How a request is answered, which faults can change.

    Attributes
    ----------
    now : float
        The time in seconds since 1970.
    shape : StrictShape
        The shape of a strict answer.
    refuse : callable, optional
        A function that returns whether to refuse a good record.
    message : str
        The reason for such records.
    order : int, optional
        Seed of the order in which records are applied. None: the order of the request.
    """

    now: float
    shape: StrictShape
    refuse: Callable[[Any], bool] | None = None
    message: str = ""
    order: int | None = None


@dataclass(frozen=True)
class _Outcome:
    """The result of a request."""

    applied: tuple[int, ...]
    refused: list[_Refused]
    shape: StrictShape
    readable: bool

    @property
    def error(self) -> str:
        return str(self.refused[0].refusal)


def ingest(store: Store, request: WireRequest, terms: Terms) -> WireResponse:
    """Apply the good records of `request` to `store`, and answer."""
    if request.nbytes > BODY_LIMIT:
        return too_large(BODY_LIMIT)
    group = request.path == "/groups"
    records, refusal = _readable(request)
    refused = [_Refused(0, None, refusal)] if refusal else _refused(records, request, terms, group=group)
    bad = {row.position for row in refused}
    strict = request.flag("strict")
    apply = not refusal and (terms.shape.partial or not strict or not refused)
    applied = [index for index in range(len(records)) if index not in bad] if apply else []
    if terms.order is not None:
        random.Random(terms.order).shuffle(applied)
    # Mixpanel's prose says that the address of a request is looked up unless ip=0. The specification says the opposite. The
    # emulator follows the prose, which is the harmful variant.
    geolocate = request.flag("ip", "1")
    for index in applied:
        store.apply(records[index], group=group, now=terms.now, geolocate=geolocate)
    answer = _strict if strict else _verbose if request.flag("verbose") else _bare
    outcome = _Outcome(tuple(applied), refused, terms.shape, readable=not refusal)
    return replace(answer(outcome), applied=outcome.applied)


def _readable(request: WireRequest) -> tuple[list[Any], Refusal | None]:
    """Return the records of `request`, or the reason to refuse all of them. The wording is not documented."""
    limit = LIMITS["request_updates"]
    if request.records is None:
        return [], Refusal("data", "not a list of objects in JSON")
    if not request.records:
        return [], Refusal("data", "missing or empty")
    if len(request.records) > limit.value:
        return [], Refusal("data", f"more than {limit}")
    return request.records, None


def _refused(records: list[Any], request: WireRequest, terms: Terms, *, group: bool) -> list[_Refused]:
    large = request.nbytes > LIMITS["update_bytes"].value  # else no record of it can be
    refusals = (
        refusal_of(record, group=group)
        or (size_refusal(record) if large else None)
        or (Refusal("record", terms.message) if terms.refuse and terms.refuse(record) else None)
        for record in records
    )
    return [
        _Refused(index, record, refusal)
        for index, (record, refusal) in enumerate(zip(records, refusals, strict=True))
        if refusal
    ]


def _bare(outcome: _Outcome) -> WireResponse:
    return answer_text(200, "1" if outcome.applied else "0")


def _verbose(outcome: _Outcome) -> WireResponse:
    return answer_json(200, _PLAIN if outcome.applied else {"error": outcome.error, "status": 0})


def _strict(outcome: _Outcome) -> WireResponse:
    shape = outcome.shape
    count: dict[str, int] = {shape.count: len(outcome.applied)} if shape.count else {}
    if not outcome.refused:
        return answer_json(200, _SUCCESS[shape.count] | count)
    if shape.naming == "errors" and outcome.readable:
        errors = {str(row.position): [str(row.refusal)] for row in outcome.refused}
        return answer_json(200, _SUCCESS["num_good_events"] | {"errors": errors} | count)
    name = _NAMINGS[shape.naming] if outcome.readable else None
    failed: dict[str, Any] = {"failed_records": [name(row) for row in outcome.refused]} if name else {}
    error = "some data points in the request failed validation" if outcome.readable else outcome.error
    return answer_json(400, {"code": 400, "error": error, **failed, **count, "status": "Bad Request"})


def too_large(limit: int) -> WireResponse:
    """Return the documented answer to a body of more than `limit` bytes."""
    error = f"request exceeds max limit of {limit} bytes"
    return answer_json(413, {"code": 413, "error": error, "status": "Request Entity Too Large"})

"""What an answer says, in whichever of the known shapes it comes.

No schema of the answers to ``strict=1`` is published, so a body is judged by what it says and not by its content type:
``1`` or ``0``, or an object with a status and perhaps an error, a count and named records. What is none of these is
no success, and a count that contradicts the rest proves nothing.
"""

from __future__ import annotations

import json
import math
import re
import sys
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from mixpanel_pandas.delivery.redaction import READ_CHARACTERS, redact

__all__ = ["ANSWER_BYTES", "NAMING", "Answer", "Evidence", "Named", "read", "seconds_to_wait"]

Evidence = Literal[
    "no_connection",
    "rate_limited",
    "too_large",
    "denied",
    "unclear",
    "refused",
    "none_applied",
    "named",
    "named_rest_applied",
    "named_none_applied",
    "accepted",
]

#: Evidence that names records.
NAMING: frozenset[Evidence] = frozenset({"named", "named_rest_applied", "named_none_applied"})

#: Bytes of an answer that are read at most; a longer one is of no known shape.
ANSWER_BYTES = 1_000_000

#: What a status says whatever the body says. The others are judged by the body.
_BY_STATUS: dict[int, Evidence] = {
    401: "denied",
    402: "denied",
    403: "denied",
    404: "denied",
    405: "denied",
    408: "unclear",
    413: "too_large",
    429: "rate_limited",
}
_BY_HUNDRED: dict[int, Evidence] = {1: "unclear", 3: "denied", 5: "unclear"}

#: What `status` in a body says, in lower case; any other word says nothing.
_SUCCESS: dict[object, bool] = {1: True, 0: False, "ok": True, "bad request": False, "error": False}


#: Stands for counts that make no sense: it contradicts every request.
_TOO_MANY = sys.maxsize


@dataclass(frozen=True)
class Named:
    """A record that an answer names as refused.

    Attributes
    ----------
    index : int or None
        Its place in the request.
    id : str or None
        The id of its profile.
    message : str or None
        Why, redacted.
    """

    index: int | None
    id: str | None
    message: str | None


@dataclass(frozen=True)
class Answer:
    """What one request came to.

    Attributes
    ----------
    evidence : str
        Key of the decision table.
    status_code : int or None
        None when no answer came.
    applied : int or None
        How many records the server says it applied.
    named : tuple of Named
        The records it names as refused, each once; empty where one of them cannot be in the request.
    error : str or None
        What it says, redacted.
    retry_after : float or None
        Seconds that it asks to wait.
    complete : bool
        Whether it arrived whole. A request without a complete answer may be applied any time later.
    """

    evidence: Evidence
    status_code: int | None = None
    applied: int | None = None
    named: tuple[Named, ...] = ()
    error: str | None = None
    retry_after: float | None = None
    complete: bool = True


def read(
    status_code: int,
    body: bytes,
    records: int,
    *,
    retry_after: float | None = None,
    secrets: tuple[str, ...] = (),
) -> Answer:
    """Return what an answer to a request of `records` records says, in whichever of the known shapes it comes."""
    says = _parsed(body)
    applied, named = _applied(says), _named(says, secrets)
    evidence = _BY_STATUS.get(status_code) or _BY_HUNDRED.get(status_code // 100)
    if evidence is None and status_code // 100 not in {2, 4}:  # no status that HTTP knows
        evidence = "unclear"
    elif evidence is None:
        evidence = _judged(_success(says), 200 <= status_code < 300, applied, named, records)
    elif applied:  # what is not applied for sure is not counted either
        evidence = "unclear"
    found = _usable(named, records) if evidence in NAMING else ()
    error = None if evidence == "accepted" else redact(f"{status_code} {_text(says, body)}", secrets)
    return Answer(evidence, status_code, None if applied == _TOO_MANY else applied, found, error, retry_after)


def _judged(
    success: bool | None, taken: bool, applied: int | None, named: list[Named], records: int
) -> Evidence:
    """Return the evidence of a body: `success` is what it says, `taken` what the status says."""
    usable = len(_usable(named, records))
    if (taken and success is None) or (applied is not None and applied > records - usable):
        return "unclear"
    if usable:
        if applied == 0:
            return "named_none_applied"
        all_found = all(record.index is not None or record.id is not None for record in named)
        return "named_rest_applied" if all_found and applied == records - usable else "named"
    if taken and success and applied in {None, records}:
        return "accepted"
    if applied == records:  # all of a request that is refused
        return "unclear"
    return "none_applied" if applied == 0 else "refused"


def _parsed(body: bytes) -> Any:
    """Return what a body holds as JSON; None where it is none."""
    try:
        return json.loads(body) if len(body) <= ANSWER_BYTES else None
    except (ValueError, RecursionError):
        return None


def _success(says: Any) -> bool | None:
    """Return whether a body speaks of success; None where it is of no known shape."""
    if not isinstance(says, dict):
        return bool(says) if type(says) is int and says in {0, 1} else None
    code = says.get("code")
    if says.get("error") or says.get("failed_records") or (type(code) is int and code // 100 != 2):
        return False
    if says.get("status") is None:  # no error and a count: what bulk tools read as success
        return True if _applied(says) is not None else None
    status = says["status"]
    return (
        _SUCCESS.get(status.casefold() if isinstance(status, str) else status) if _is_plain(status) else None
    )


def _applied(says: Any) -> int | None:
    """Return how many records a body counts as applied; more than any request holds where the counts make no sense."""
    names = ("num_good_events", "num_records_imported")
    counts = [says[name] for name in names if says.get(name) is not None] if isinstance(says, dict) else []
    if any(type(count) is not int or count < 0 for count in counts) or len(set(map(str, counts))) > 1:
        return _TOO_MANY
    return counts[0] if counts else None


def _named(says: Any, secrets: tuple[str, ...]) -> list[Named]:
    """Return the refused records of a body as it names them, or does not: each may be an object or a text."""
    failed = says.get("failed_records") if isinstance(says, dict) else None
    return [_record(record, secrets) for record in failed] if isinstance(failed, list) else []


def _record(record: Any, secrets: tuple[str, ...]) -> Named:
    if not isinstance(record, dict):
        return Named(None, None, redact(str(record), secrets))
    index = record.get("index")
    ids = (record.get(name) for name in ("$distinct_id", "distinct_id", "$group_id", "group_id"))
    known = next((str(value) for value in ids if _is_plain(value)), None)
    message = ": ".join(str(record[key]) for key in ("field", "message", "error") if record.get(key))
    return Named(index if type(index) is int else None, known, redact(message, secrets) or None)


def _usable(named: list[Named], records: int) -> tuple[Named, ...]:
    """Return the records that can be found, each once; none at all where one points outside of the request."""
    if any(record.index is not None and not 0 <= record.index < records for record in named):
        return ()
    found: dict[object, Named] = {}
    for record in named:
        key = record.id if record.index is None else record.index
        if key is not None:
            found.setdefault(key, record)
    return tuple(found.values())


def _text(says: Any, body: bytes) -> str:
    """Return the words of an answer: its error, else its text without markup."""
    if isinstance(says, dict) and says.get("error"):
        return str(says["error"])
    words = re.sub(rb"<[^>]*>", b" ", body[:READ_CHARACTERS]).decode("utf-8", "replace")
    return words if words.strip() else "(an empty answer)"


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int)


def seconds_to_wait(retry_after: str | None, now: float) -> float | None:
    """Return what a ``Retry-After`` header asks for: it holds seconds or a date."""
    try:
        seconds = float(retry_after or "")
    except ValueError:
        try:
            seconds = parsedate_to_datetime(retry_after or "").timestamp() - now
        except (ValueError, OverflowError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None

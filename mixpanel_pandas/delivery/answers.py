"""What an answer proves about the records of its request.

Mixpanel does not document its answers to ``strict=1``. The shapes here come from a few recorded answers and from the code of its
own clients. A body is judged by its content and not by its content type: it is ``1`` or ``0``, or an object with a status and
perhaps an error, a count, and named records. Anything else is no success. An answer that contradicts itself proves nothing.
"""

from __future__ import annotations

import json
import math
import re
import sys
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Literal

from mixpanel_pandas.delivery.messages import Failure, Response
from mixpanel_pandas.delivery.redaction import READ_CHARACTERS, redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["NAMING", "Answer", "Evidence", "Named", "error_text", "read_answer", "seconds_to_wait"]

Evidence = Literal[
    "no_connection",
    "rate_limited",
    "too_large",
    "denied",
    "unclear",
    "refused",
    "none_applied",
    "none_valid",
    "named",
    "named_rest_applied",
    "named_none_applied",
    "accepted",
]

#: Evidence that names records.
NAMING: frozenset[Evidence] = frozenset({"named", "named_rest_applied", "named_none_applied"})

#: Status -> evidence, unless the body claims success. Other 2xx and 4xx are judged by the body.
_BY_STATUS: dict[int, Evidence] = {
    303: "unclear",  # the answer to a POST that was carried out (RFC 9110, 15.4.4)
    401: "denied",
    402: "denied",
    403: "denied",
    404: "denied",
    405: "denied",
    408: "unclear",
    413: "too_large",
    414: "none_valid",  # all requests have the same address, so halving does not help
    429: "rate_limited",
}
#: Class of a status -> evidence of those that are not in the table above. None: the body decides. Other classes are unclear.
_BY_HUNDRED: dict[int, Evidence | None] = {2: None, 3: "denied", 4: None}

#: Class of a status, the beginning of the error of a refusal, and the evidence.
_BY_WORDS: tuple[tuple[int, re.Pattern[str], Evidence], ...] = (
    (4, re.compile(r"\s*unable to authenticate", re.IGNORECASE), "denied"),
    (2, re.compile(r"\s*(\w+ )?temporar(y|ily) (failure|error|unavailable)", re.IGNORECASE), "unclear"),
)

#: `status` of a body, in lower case -> whether it claims success. Any other value claims nothing.
_SUCCESS: dict[object, bool] = {1: True, 0: False, "ok": True, "bad request": False, "error": False}

#: An index as text, as the keys of `errors` are.
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)

#: Stands for counts that make no sense: it is larger than any request.
_TOO_MANY = sys.maxsize


@dataclass(frozen=True)
class Named:
    """A record that an answer names as refused.

    Attributes
    ----------
    index : int or None
        The position of the record in the request.
    id : str or None
        The id of its profile.
    message : str or None
        Why it is refused, redacted.
    """

    index: int | None
    id: str | None
    message: str | None


@dataclass(frozen=True)
class Answer:
    """The result of one request.

    Attributes
    ----------
    evidence : str
        What the answer proves: a key of the decision table.
    status_code : int or None
        The status of the answer. None if none came.
    applied : int or None
        How many records were applied, by the answer.
    named : tuple of Named
        The records that it names as refused, each once. Empty if one of them cannot be in the request.
    error : str or None
        The text of the answer or the failure, redacted.
    retry_after : float or None
        Seconds that the server asks to wait.
    complete : bool
        Whether a sound answer came, of any status. Without one the request may still be applied at any time later.
    """

    evidence: Evidence
    status_code: int | None = None
    applied: int | None = None
    named: tuple[Named, ...] = ()
    error: str | None = None
    retry_after: float | None = None
    complete: bool = True


def read_answer(
    reply: Response | Failure,
    records: int,
    *,
    secrets: tuple[str, ...] = (),
    now: float | None = None,
) -> Answer:
    """Return what an answer proves.

    Parameters
    ----------
    reply : Response or Failure
        The response to a request, or why there is none.
    records : int
        How many records the request held.
    secrets : tuple of str
        Texts to redact.
    now : float, optional
        The time in seconds since 1970, for a date in ``Retry-After``. By default the time of the clock.
    """
    if isinstance(reply, Failure):
        return Answer(reply.evidence, error=redact(reply.text, secrets), complete=False)
    if reply.flaw:
        text = f": {error_text(None, reply.body)}" if reply.body else ""
        words = f"{reply.status}, but the answer proves nothing, as {reply.flaw}{text}"
        return Answer("unclear", reply.status, error=redact(words, secrets), complete=False)
    body = _parsed(reply.body)
    applied, named = _applied(body), tuple(_named(body, secrets))
    usable = _usable(named, records)
    evidence = _evidence(
        reply.status, body, applied, records, usable, all_usable=all(map(_is_identified, named))
    )
    if evidence in {"refused", "none_applied"}:
        evidence = _by_words(reply.status, error_text(body, reply.body)) or evidence
    return Answer(
        evidence,
        reply.status,
        None if applied == _TOO_MANY else applied,
        usable if evidence in NAMING else (),
        None if evidence == "accepted" else redact(f"{reply.status} {error_text(body, reply.body)}", secrets),
        seconds_to_wait(reply.headers.get("Retry-After"), time.time() if now is None else now),
    )


def _evidence(
    status: int, body: Any, applied: int | None, records: int, usable: tuple[Named, ...], *, all_usable: bool
) -> Evidence:
    """Return what an answer proves, by its status if that is enough, else by its body."""
    fixed = _BY_STATUS.get(status) or _BY_HUNDRED.get(status // 100, "unclear")
    claims = set(_statements(body))
    if fixed is not None:  # a failed status contradicts a body that claims success
        return "unclear" if True in claims or applied else fixed
    if applied is not None and applied > records - len(usable):
        return "unclear"
    if usable:
        return _evidence_of_names(claims, applied, records - len(usable), all_usable=all_usable)
    if type(body) is int and body == 0:
        return "none_valid"
    if type(body) is int and records > 1:  # a bare 1 only means that at least one record is valid
        return "unclear"
    claims |= {False} if status // 100 == 4 else set()
    claims |= {applied == records} if applied in {0, records} else set()
    if len(claims) != 1:  # it claims nothing, or contradicts itself
        return "refused" if applied and not claims else "unclear"
    if True in claims and applied in {None, records}:
        return "accepted"
    return "none_applied" if applied == 0 else "refused"


def _evidence_of_names(claims: set[bool], applied: int | None, others: int, *, all_usable: bool) -> Evidence:
    """Return what an answer with named records proves about the other records."""
    if applied == 0:
        return "unclear" if True in claims and others else "named_none_applied"
    return "named_rest_applied" if all_usable and applied == others else "named"


def _by_words(status: int, text: str) -> Evidence | None:
    """Return what the text of a refusal proves, if it proves anything."""
    fitting = (
        evidence for hundred, words, evidence in _BY_WORDS if hundred == status // 100 and words.match(text)
    )
    return next(fitting, None)


def _statements(body: Any) -> Iterator[bool]:
    """Yield True or False for each part of the body that claims success or failure."""
    if type(body) is int and body in {0, 1}:
        yield bool(body)
    if isinstance(body, dict):
        status, code = body.get("status"), body.get("code")
        status = status.casefold() if isinstance(status, str) else status
        if _is_plain(status) and status in _SUCCESS:
            yield _SUCCESS[status]
        has_failed_code = type(code) is int and code // 100 != 2
        if has_failed_code or any(body.get(name) for name in ("error", *_COMPLAINTS)):
            yield False


def _parsed(body: bytes) -> Any:
    """Return the body, parsed as JSON. None: it is not JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _applied(body: Any) -> int | None:
    """Return how many records were applied, by the body. Counts that make no sense are `_TOO_MANY`."""
    names = ("num_good_events", "num_records_imported")
    counts = [body[name] for name in names if body.get(name) is not None] if isinstance(body, dict) else []
    if any(type(count) is not int or count < 0 for count in counts) or len(set(map(str, counts))) > 1:
        return _TOO_MANY
    return counts[0] if counts else None


def _named(body: Any, secrets: tuple[str, ...]) -> Iterator[Named]:
    """Yield the refused records of a body. Those that it does not identify have neither index nor id."""
    if isinstance(body, dict):
        for name, records_of in _COMPLAINTS.items():
            if body.get(name):
                yield from records_of(body[name], secrets)


def _failed_records(failed: Any, secrets: tuple[str, ...]) -> list[Named]:
    """Return the records of ``failed_records``, which is a list of objects or texts."""
    return [_record(record, secrets) for record in failed] if isinstance(failed, list) else []


def _record(record: Any, secrets: tuple[str, ...]) -> Named:
    if not isinstance(record, dict):
        return Named(None, None, redact(str(record), secrets))
    index = record.get("index")
    ids = (record.get(name) for name in ("$distinct_id", "distinct_id", "$group_id", "group_id"))
    own = next((str(value) for value in ids if _is_plain(value)), None)
    message = ": ".join(str(record[key]) for key in ("field", "message", "error") if record.get(key))
    return Named(index if type(index) is int else None, own, redact(message, secrets) or None)


def _errors(errors: Any, secrets: tuple[str, ...]) -> list[Named]:
    """Return the records of ``errors``, which maps an index as text to texts. Any other form identifies no record."""
    is_known = isinstance(errors, dict) and all(map(_INDEX.fullmatch, errors))
    if not is_known or not all(map(_texts, errors.values())):
        return [Named(None, None, redact(str(errors), secrets))]
    return [
        Named(int(index), None, redact("; ".join(_texts(texts)), secrets)) for index, texts in errors.items()
    ]


def _texts(value: Any) -> list[str]:
    """Return a text or a list of texts as a list. Anything else is an empty list."""
    texts = [value] if isinstance(value, str) else value
    return texts if isinstance(texts, list) and all(isinstance(text, str) and text for text in texts) else []


#: Field of refused records -> what reads it. If nothing is wrong, the field is empty or missing.
_COMPLAINTS: dict[str, Callable[[Any, tuple[str, ...]], list[Named]]] = {
    "failed_records": _failed_records,
    "errors": _errors,
}


def _is_identified(record: Named) -> bool:
    return record.index is not None or record.id is not None


def _usable(named: tuple[Named, ...], records: int) -> tuple[Named, ...]:
    """Return the records that can be identified, each once. If an index is outside of the request, return none."""
    if any(record.index is not None and not 0 <= record.index < records for record in named):
        return ()
    by_place: dict[object, Named] = {}
    for record in filter(_is_identified, named):
        by_place.setdefault(record.id if record.index is None else record.index, record)
    return tuple(by_place.values())


def error_text(parsed: Any, body: bytes) -> str:
    """Return the error of an answer, or its text without markup."""
    if isinstance(parsed, dict) and parsed.get("error"):
        return str(parsed["error"])
    words = re.sub(rb"<[^>]*>", b" ", body[:READ_CHARACTERS]).decode("utf-8", "replace")
    return words if words.strip() else "(an empty answer)"


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int)


def seconds_to_wait(retry_after: str | None, now: float) -> float | None:
    """Return the seconds that a ``Retry-After`` header asks to wait. It holds seconds or a date."""
    try:
        seconds = float(retry_after or "")
    except ValueError:
        try:
            seconds = parsedate_to_datetime(retry_after or "").timestamp() - now
        except (ValueError, OverflowError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None

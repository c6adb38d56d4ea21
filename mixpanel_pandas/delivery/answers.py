"""What an answer says, in whichever of the known shapes it comes.

What Mixpanel answers to ``strict=1`` is known from a few recorded answers and from the code of its own clients, so a body is
judged by what it says and not by its content type: ``1`` or ``0``, or an object with a status and perhaps an error, a count and
records that it names. What is none of these is no success. Two statements that contradict each other prove nothing.
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

__all__ = ["NAMING", "Answer", "Evidence", "Named", "read", "seconds_to_wait"]

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

#: What a status says as long as the body does not speak of success. The other 2xx and 4xx are judged by the body.
_BY_STATUS: dict[int, Evidence] = {
    303: "unclear",  # how a POST is answered that was carried out (RFC 9110, 15.4.4)
    401: "denied",
    402: "denied",
    403: "denied",
    404: "denied",
    405: "denied",
    408: "unclear",
    413: "too_large",
    414: "none_valid",  # the address is that of every request: no half of it fits better
    429: "rate_limited",
}
#: Hundred of a status -> what it says unless the table above does; what HTTP does not know says nothing.
_BY_HUNDRED: dict[int, Evidence | None] = {2: None, 3: "denied", 4: None}

#: Hundred of a status, how the error of a refusal begins -> what it says.
_BY_WORDS: tuple[tuple[int, re.Pattern[str], Evidence], ...] = (
    (4, re.compile(r"\s*unable to authenticate", re.IGNORECASE), "denied"),
    (2, re.compile(r"\s*(\w+ )?temporar(y|ily) (failure|error|unavailable)", re.IGNORECASE), "unclear"),
)

#: What `status` in a body says, in lower case; any other word says nothing.
_SUCCESS: dict[object, bool] = {1: True, 0: False, "ok": True, "bad request": False, "error": False}

#: An index as text, as the keys of `errors` are.
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)

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
        Whether the attempt ended with a sound answer, of any status. Without one it may be applied any time later.
    """

    evidence: Evidence
    status_code: int | None = None
    applied: int | None = None
    named: tuple[Named, ...] = ()
    error: str | None = None
    retry_after: float | None = None
    complete: bool = True


def read(
    reply: Response | Failure,
    records: int,
    *,
    secrets: tuple[str, ...] = (),
    now: float | None = None,
) -> Answer:
    """Return what came of a request of `records` records.

    Parameters
    ----------
    reply : Response or Failure
        What came back.
    records : int
        How many records were sent.
    secrets : tuple of str
        What no text may hold.
    now : float, optional
        Seconds since 1970, for a date in ``Retry-After``; by default the clock's.
    """
    if isinstance(reply, Failure):
        return Answer(reply.evidence, error=redact(reply.text, secrets), complete=False)
    if reply.flaw:
        text = f": {_text(None, reply.body)}" if reply.body else ""
        words = f"{reply.status}, but the answer proves nothing, as {reply.flaw}{text}"
        return Answer("unclear", reply.status, error=redact(words, secrets), complete=False)
    body = _parsed(reply.body)
    applied, named = _applied(body), tuple(_named(body, secrets))
    usable = _usable(named, records)
    evidence = _evidence(
        reply.status, body, applied, records, usable, all_usable=all(map(_is_findable, named))
    )
    if evidence in {"refused", "none_applied"}:
        evidence = _by_words(reply.status, _text(body, reply.body)) or evidence
    return Answer(
        evidence,
        reply.status,
        None if applied == _TOO_MANY else applied,
        usable if evidence in NAMING else (),
        None if evidence == "accepted" else redact(f"{reply.status} {_text(body, reply.body)}", secrets),
        seconds_to_wait(reply.headers.get("Retry-After"), time.time() if now is None else now),
    )


def _evidence(
    status: int, body: Any, applied: int | None, records: int, usable: tuple[Named, ...], *, all_usable: bool
) -> Evidence:
    """Return what an answer proves: its status where that says enough, else its body."""
    fixed = _BY_STATUS.get(status) or _BY_HUNDRED.get(status // 100, "unclear")
    says = set(_statements(body))
    if fixed is not None:
        return (
            "unclear" if True in says or applied else fixed
        )  # what is not applied for sure is not counted, either
    if applied is not None and applied > records - len(usable):
        return "unclear"
    if usable:
        return _evidence_of_names(says, applied, records - len(usable), all_usable=all_usable)
    if type(body) is int and body == 0:
        return "none_valid"
    if type(body) is int and records > 1:  # "one or more objects are valid", it means
        return "unclear"
    says |= {False} if status // 100 == 4 else set()
    says |= {applied == records} if applied in {0, records} else set()
    if len(says) != 1:  # nothing, or two things that contradict each other
        return "refused" if applied and not says else "unclear"
    if True in says and applied in {None, records}:
        return "accepted"
    return "none_applied" if applied == 0 else "refused"


def _evidence_of_names(says: set[bool], applied: int | None, others: int, *, all_usable: bool) -> Evidence:
    """Return what an answer proves that names records: what became of the others."""
    if applied == 0:
        return "unclear" if True in says and others else "named_none_applied"
    return "named_rest_applied" if all_usable and applied == others else "named"


def _by_words(status: int, text: str) -> Evidence | None:
    """Return what a refusal proves by its words, if these are known."""
    fitting = (
        evidence for hundred, words, evidence in _BY_WORDS if hundred == status // 100 and words.match(text)
    )
    return next(fitting, None)


def _statements(body: Any) -> Iterator[bool]:
    """Yield whether the request succeeded, once for each place of the body that speaks of that."""
    if type(body) is int and body in {0, 1}:
        yield bool(body)
    if isinstance(body, dict):
        status, code = body.get("status"), body.get("code")
        word = (
            _SUCCESS.get(status.casefold() if isinstance(status, str) else status)
            if _is_plain(status)
            else None
        )
        yield from () if word is None else (word,)
        if (
            body.get("error")
            or any(body.get(name) for name in _COMPLAINTS)
            or (type(code) is int and code // 100 != 2)
        ):
            yield False


def _parsed(body: bytes) -> Any:
    """Return what a body holds as JSON; None where it is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _applied(body: Any) -> int | None:
    """Return how many records a body counts as applied; more than any request holds where the counts make no sense."""
    names = ("num_good_events", "num_records_imported")
    counts = [body[name] for name in names if body.get(name) is not None] if isinstance(body, dict) else []
    if any(type(count) is not int or count < 0 for count in counts) or len(set(map(str, counts))) > 1:
        return _TOO_MANY
    return counts[0] if counts else None


def _named(body: Any, secrets: tuple[str, ...]) -> Iterator[Named]:
    """Yield the refused records of a body as it names them, or does not."""
    if isinstance(body, dict):
        for name, records_of in _COMPLAINTS.items():
            if body.get(name):
                yield from records_of(body[name], secrets)


def _failed_records(failed: Any, secrets: tuple[str, ...]) -> list[Named]:
    """Return the records of ``failed_records``: a list of objects or texts."""
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
    """Return the records of ``errors``: index as text -> texts. Of any other form, and with any other key, it names nobody."""
    if (
        not isinstance(errors, dict)
        or not all(map(_INDEX.fullmatch, errors))
        or not all(map(_texts, errors.values()))
    ):
        return [Named(None, None, redact(str(errors), secrets))]
    return [
        Named(int(index), None, redact("; ".join(_texts(texts)), secrets)) for index, texts in errors.items()
    ]


def _texts(value: Any) -> list[str]:
    """Return a text or a list of texts as a list; nothing where it is something else."""
    texts = [value] if isinstance(value, str) else value
    return texts if isinstance(texts, list) and all(isinstance(text, str) and text for text in texts) else []


#: Field of a body that is there only if something is wrong, if it is not empty -> what reads the records that it names.
_COMPLAINTS: dict[str, Callable[[Any, tuple[str, ...]], list[Named]]] = {
    "failed_records": _failed_records,
    "errors": _errors,
}


def _is_findable(record: Named) -> bool:
    return record.index is not None or record.id is not None


def _usable(named: tuple[Named, ...], records: int) -> tuple[Named, ...]:
    """Return the records that can be found, each once; none at all where one points outside of the request."""
    if any(record.index is not None and not 0 <= record.index < records for record in named):
        return ()
    by_place: dict[object, Named] = {}
    for record in filter(_is_findable, named):
        by_place.setdefault(record.id if record.index is None else record.index, record)
    return tuple(by_place.values())


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

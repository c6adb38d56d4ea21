"""Faults: what can go wrong with a request, on cue.

A fault is a function of the request, of `proceed`, which answers it, and of the `Terms` on which it is answered. It may answer
itself, or call `proceed` and change the terms or the answer. So faults combine.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.utils import format_datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import orjson

from mixpanel_pandas.emulator.ingestion import BODY_LIMIT, Terms, too_large
from mixpanel_pandas.emulator.wire import (
    NO_CONNECTION,
    Ending,
    WireRequest,
    WireResponse,
    answer_html,
    answer_json,
    answer_text,
)
from mixpanel_pandas.errors import OperationError, OptionError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable

    Proceed = Callable[[Terms], WireResponse]

__all__ = ["FAULTS", "Cues", "RequestKind"]

RequestKind = Literal["write", "read"]

#: Status -> the usual answer, as far as it is documented. Other statuses come with the error page of a gateway.
_USUAL: dict[int, WireResponse] = {
    401: answer_json(401, {"error": "Unauthorized", "status": "error"}),
    402: answer_text(402, "Payment required"),
    403: answer_json(403, {"error": "Forbidden", "status": "error"}),
    413: too_large(BODY_LIMIT),
    429: answer_json(
        429,
        {
            "code": 429,
            "error": "Project exceeded rate limits. Please retry the request with exponential backoff.",
            "status": "Too Many Requests",
        },
    ),
    500: answer_text(500, "Internal server error"),
}

#: The same for queries. Their errors have a shape of their own. That of 429 is the one of a server under load, without headers.
_USUAL_ERRORS: dict[int, str] = {
    400: "the selector cannot be read",
    401: "Unauthorized",
    402: "Payment required",
    403: "Forbidden",
    429: "Query rate limit exceeded for project_id: 1 For more information, please consult our documentation",
}


def _instead(answer: WireResponse, proceed: Proceed, terms: Terms, *, applied: bool) -> WireResponse:
    """Return `answer` instead of the right one. The records are applied or not."""
    return replace(answer, applied=proceed(terms).applied if applied else ())


def _status(
    request: WireRequest,
    proceed: Proceed,
    terms: Terms,
    *,
    status: int = 500,
    body: object = None,
    headers: dict[str, str] | None = None,
    retry_after: str | float | datetime | None = None,
    location: str | None = None,
    applied: bool = False,
) -> WireResponse:
    """Answer with `status`, by default in the usual words. `body` is a text, or an object for JSON."""
    if body is None:
        answer = _usual(request, status)
    else:
        answer = answer_text(status, body) if isinstance(body, str | bytes) else answer_json(status, body)
    retry = format_datetime(retry_after, usegmt=True) if isinstance(retry_after, datetime) else retry_after
    named = {
        name: str(value)
        for name, value in (("Retry-After", retry), ("Location", location))
        if value is not None
    }
    answer = replace(answer, headers={**answer.headers, **named, **(headers or {})})
    return _instead(answer, proceed, terms, applied=applied)


def _usual(request: WireRequest, status: int) -> WireResponse:
    """Return the usual answer with a status to a request that writes, or to a query."""
    if request.path.startswith("/api/") and status in _USUAL_ERRORS:
        return answer_json(status, {"request": request.target, "error": _USUAL_ERRORS[status]})
    return _USUAL.get(status) or answer_html(status)


def _garbage(
    request: WireRequest,
    proceed: Proceed,
    terms: Terms,
    *,
    body: str = "<html>Welcome to the airport</html>",
    applied: bool = True,
) -> WireResponse:
    """Answer 200 with a meaningless text."""
    return _instead(answer_text(200, body, kind="text/html"), proceed, terms, applied=applied)


def _zero(request: WireRequest, proceed: Proceed, terms: Terms, *, applied: bool = False) -> WireResponse:
    """Answer 200 with a bare 0."""
    return _instead(answer_text(200, "0"), proceed, terms, applied=applied)


def _rejected(
    request: WireRequest,
    proceed: Proceed,
    terms: Terms,
    *,
    error: str = "refused on cue",
    applied: bool = False,
) -> WireResponse:
    """Answer 200 with status 0 and an error that names no record."""
    return _instead(answer_json(200, {"error": error, "status": 0}), proceed, terms, applied=applied)


def _echo(request: WireRequest, proceed: Proceed, terms: Terms, *, status: int = 400) -> WireResponse:
    """Answer with an error that repeats the first record, its token included."""
    first = orjson.dumps((request.records or [None])[0]).decode()
    return answer_json(status, {"code": status, "error": f"cannot read {first}", "status": "Bad Request"})


def _too_large(request: WireRequest, proceed: Proceed, terms: Terms, *, limit: int) -> WireResponse:
    """Answer 413 to a body of more than `limit` bytes."""
    return too_large(limit) if request.nbytes > limit else proceed(terms)


def _refuse(
    request: WireRequest,
    proceed: Proceed,
    terms: Terms,
    *,
    record: Callable[[Any], bool],
    message: str = "refused on cue",
    naming: Literal["index", "id", "text", "errors", "nobody"] | None = None,
    count: Literal["num_good_events", "num_records_imported", ""] | None = None,
    partial: bool | None = None,
) -> WireResponse:
    """Refuse the records for which `record` returns True. The rest is as in `StrictShape`."""
    changes = {"naming": naming, "count": count, "partial": partial}
    shape = replace(terms.shape, **{name: value for name, value in changes.items() if value is not None})  # type: ignore[arg-type]  # names and types are those of the parameters
    return proceed(replace(terms, refuse=record, message=message, shape=shape))


def _shuffle(request: WireRequest, proceed: Proceed, terms: Terms, *, seed: int = 0) -> WireResponse:
    """Apply the records of a request in another order."""
    return proceed(replace(terms, order=seed))


def _content_type(
    request: WireRequest, proceed: Proceed, terms: Terms, *, kind: str = "text/html"
) -> WireResponse:
    """Give the right answer with a wrong content type."""
    answer = proceed(terms)
    return replace(answer, headers={**answer.headers, "Content-Type": kind})


def _delay(request: WireRequest, proceed: Proceed, terms: Terms, *, seconds: float) -> WireResponse:
    """Answer after `seconds`. The records are applied before."""
    return replace(proceed(terms), delay=seconds)


def _cut(request: WireRequest, proceed: Proceed, terms: Terms, *, ending: Ending) -> WireResponse:
    return replace(proceed(terms), ending=ending)


def _unanswered(
    request: WireRequest, proceed: Proceed, terms: Terms, *, ending: Ending, applied: bool = False
) -> WireResponse:
    return _instead(WireResponse(0, b"", {}, ending=ending), proceed, terms, applied=applied)


def _unarrived(request: WireRequest, proceed: Proceed, terms: Terms, *, ending: Ending) -> WireResponse:
    return WireResponse(0, b"", {}, ending=ending)


#: Name -> fault. The keyword arguments of a fault are the details that `Emulator.fail` takes.
FAULTS: dict[str, Callable[..., WireResponse]] = {
    "status": _status,
    "garbage": _garbage,
    "zero": _zero,
    "rejected": _rejected,
    "echo": _echo,
    "too_large": _too_large,
    "refuse": _refuse,
    "shuffle": _shuffle,
    "content_type": _content_type,
    "delay": _delay,
    "truncated": partial(_cut, ending="truncated"),
    "stalled": partial(_cut, ending="stalled"),
    "closed": partial(_unanswered, ending="closed"),
    "reset": partial(_unanswered, ending="reset"),
    "timeout": partial(_unanswered, ending="silent", applied=True),
    **{ending: partial(_unarrived, ending=ending) for ending in NO_CONNECTION},
}


@dataclass
class _Cue:
    """A fault that waits for requests, as `Emulator.fail` describes it."""

    effect: Callable[[WireRequest, Proceed, Terms], WireResponse]
    times: int | None
    skip: int
    when: Callable[[WireRequest], bool] | None
    on: RequestKind

    def fits(self, request: WireRequest, kind: RequestKind) -> bool:
        return kind == self.on and (self.when is None or self.when(request))

    def due(self) -> bool:
        """Count a request that fits, and return whether it fails."""
        if self.skip:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True


@dataclass
class Cues:
    """The faults that wait for requests, in the order in which they were added."""

    waiting: list[_Cue] = field(default_factory=list)

    def add(
        self,
        fault: str,
        details: dict[str, Any],
        *,
        times: int | None,
        skip: int,
        when: Callable[[WireRequest], bool] | None,
        on: RequestKind,
    ) -> None:
        """Add a fault at the end."""
        if fault not in FAULTS:
            msg = f"fault {fault!r} is not known: {did_you_mean(fault, FAULTS)}"
            raise OperationError(msg)
        effect = FAULTS[fault]
        try:
            inspect.signature(effect).bind(None, None, None, **details)
        except TypeError as error:
            msg = f"fault {fault!r}: {error}"
            raise OptionError(msg) from None
        self.waiting.append(_Cue(partial(effect, **details), times, skip, when, on))

    def around(self, request: WireRequest, kind: RequestKind, proceed: Proceed) -> Proceed:
        """Return `proceed` with the faults of a request around it.

        These are all lasting faults that fit the request, and around them the first counted one.
        """
        fitting = [cue for cue in self.waiting if cue.fits(request, kind)]
        counted = [cue for cue in fitting if cue.times is not None][:1]
        for cue in [*reversed([cue for cue in fitting if cue.times is None]), *counted]:
            if cue.due():
                proceed = partial(cue.effect, request, proceed)
        self.waiting = [cue for cue in self.waiting if cue.times != 0]
        return proceed

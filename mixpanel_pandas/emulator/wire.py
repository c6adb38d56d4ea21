"""Requests and answers as plain data, without sockets."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qsl, urlsplit

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "NO_CONNECTION",
    "Ending",
    "WireRequest",
    "WireResponse",
    "answer_html",
    "answer_json",
    "answer_preflight",
    "answer_text",
    "read_request",
    "with_origin",
]

#: How an exchange ends: with a complete answer, with half of one (the connection is closed, or stalls), without an answer (the
#: connection is closed, reset, or silent), or without a connection.
Ending = Literal[
    "complete", "truncated", "stalled", "closed", "reset", "silent",
    "refused", "unresolved", "connect_timeout", "tls", "proxy",
]  # fmt: skip

#: Endings in which the request never arrives.
NO_CONNECTION: tuple[Ending, ...] = ("refused", "unresolved", "connect_timeout", "tls", "proxy")


@dataclass(frozen=True)
class WireRequest:
    """A request, parsed.

    Attributes
    ----------
    method : str
        ``POST`` or ``GET``.
    path : str
        Without the query and without a slash at the end.
    query : dict of str
        Parameters of the address.
    headers : dict of str
        Names in lower case.
    fields : dict of str
        Parameters of the address and of the body, those of the body first.
    records : list, optional
        The updates of the request. None: they cannot be read.
    nbytes : int
        Size of the body.
    target : str
        Path and query as they were sent.
    """

    method: str
    path: str
    query: dict[str, str] = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    fields: dict[str, str] = field(repr=False)
    records: list[Any] | None = field(repr=False)
    nbytes: int
    target: str = field(repr=False)

    def flag(self, name: str, default: str = "0") -> bool:
        """Return whether a parameter is on, as in ``verbose=1`` or ``verbose=2``."""
        return self.fields.get(name, default) not in {"", "0", "false"}


@dataclass(frozen=True)
class WireResponse:
    """An answer, and how it is delivered.

    Attributes
    ----------
    status : int
        The status code.
    body : bytes
        The body.
    headers : dict of str
        The headers, with ``Content-Length``.
    applied : tuple of int
        Positions of the records of the request that were applied, in the order in which they were applied.
    delay : float
        Seconds until the first byte.
    ending : str
        See `Ending`.
    """

    status: int
    body: bytes
    headers: dict[str, str]
    applied: tuple[int, ...] = ()
    delay: float = 0.0
    ending: Ending = "complete"

    @property
    def reason(self) -> str:
        """The phrase of the status, such as ``Not Found``."""
        return phrase(self.status)

    @property
    def first_half(self) -> bytes:
        """The first half of the body, for answers that are cut short."""
        return self.body[: len(self.body) // 2]


def phrase(status: int) -> str:
    """Return the phrase of a status.

    >>> phrase(429)
    'Too Many Requests'
    """
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def answer_text(status: int, text: str | bytes, *, kind: str = "text/plain") -> WireResponse:
    """Return an answer with a text of the content type `kind`."""
    body = text.encode() if isinstance(text, str) else text
    return WireResponse(status, body, {"Content-Type": kind, "Content-Length": str(len(body))})


def answer_html(status: int) -> WireResponse:
    """Return an error page as gateways send it."""
    title = f"{status} {phrase(status)}"
    page = f"<html>\r\n<head><title>{title}</title></head>\r\n<body><h1>{title}</h1></body>\r\n</html>\r\n"
    return answer_text(status, page, kind="text/html")


def answer_json(status: int, content: object) -> WireResponse:
    """Return an answer with `content` as JSON."""
    return answer_text(status, orjson.dumps(content), kind="application/json")


def answer_preflight(request: WireRequest) -> WireResponse:
    """Return the answer to a browser that asks whether a page may send a request."""
    asked = request.headers.get("access-control-request-headers", "")
    headers = {"Access-Control-Allow-Methods": "GET, POST, OPTIONS", "Access-Control-Allow-Headers": asked}
    answer = answer_text(200, "")
    return replace(answer, headers={**answer.headers, **headers})


def with_origin(response: WireResponse, origin: str) -> WireResponse:
    """Return an answer that a page of `origin` may read.

    Mixpanel's SDK for browsers sends its requests with credentials, for which a browser insists on the page's own origin.
    """
    headers = {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Credentials": "true",
        "Vary": "Origin",
    }
    return replace(response, headers={**response.headers, **headers})


def read_request(method: str, target: str, headers: Mapping[str, str], body: bytes) -> WireRequest:
    """Return the parsed request for `target` (path and query)."""
    parts = urlsplit(target)
    path = parts.path.rstrip("/") or "/"
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    lower = {name.lower(): value for name, value in headers.items()}
    if path.startswith("/api/"):
        fields, records = query | _parameters(body), None
    else:
        fields = query | (_form(body) if _holds_form(lower, body) else {})
        records = _records(fields["data"].encode() if "data" in fields else body)
    return WireRequest(
        method=method,
        path=path,
        query=query,
        headers=lower,
        fields=fields,
        records=records,
        nbytes=len(body),
        target=target,
    )


def _holds_form(headers: dict[str, str], body: bytes) -> bool:
    """Return whether the body of a request that writes is a form. Mixpanel's SDK for browsers also sends it as ``text/plain``."""
    kind = headers.get("content-type", "")
    return "x-www-form-urlencoded" in kind or ("text/plain" in kind and body.startswith(b"data="))


def _form(body: bytes) -> dict[str, str]:
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def _parameters(body: bytes) -> dict[str, str]:
    """Return the parameters in the body of a query, which is an object in JSON, else a form, whatever its type says."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _form(body)
    pairs = content.items() if isinstance(content, dict) else ()
    return {name: _as_text(value) for name, value in pairs if value is not None}


def _as_text(value: object) -> str:
    """Return the value of a parameter as a form has it: anything but a text is JSON there."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _records(text: bytes) -> list[Any] | None:
    """Return the records in `text`, which is JSON or base64 of JSON, with an array or a single object."""
    try:
        content = orjson.loads(
            _joined_surrogates(
                text if text.lstrip()[:1] in {b"[", b"{"} else base64.b64decode(text, validate=True)
            )
        )
    except (orjson.JSONDecodeError, binascii.Error, UnicodeError):
        return None
    records = [content] if isinstance(content, dict) else content
    return records if isinstance(records, list) else None


def _joined_surrogates(text: bytes) -> bytes:
    """Return `text` as UTF-8. Mixpanel's SDK for browsers encodes each half of a surrogate pair by itself (CESU-8)."""
    if b"\xed" not in text:  # the first byte of every surrogate
        return text
    return text.decode("utf-8", "surrogatepass").encode("utf-16", "surrogatepass").decode("utf-16").encode()

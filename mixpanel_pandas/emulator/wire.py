"""Requests and answers as plain data, without sockets."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
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
    "answer_text",
    "read_request",
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
        Parameters of the address and of a form, the form's first.
    records : list, optional
        The updates of the request. None: they cannot be read.
    nbytes, target_bytes : int
        Size of the body, and of path and query.
    """

    method: str
    path: str
    query: dict[str, str] = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    fields: dict[str, str] = field(repr=False)
    records: list[Any] | None = field(repr=False)
    nbytes: int
    target_bytes: int = field(repr=False)

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


def read_request(method: str, target: str, headers: Mapping[str, str], body: bytes) -> WireRequest:
    """Return the parsed request for `target` (path and query). Its records may be in the body or in a form."""
    parts = urlsplit(target)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    lower = {name.lower(): value for name, value in headers.items()}
    form = _form(body) if "x-www-form-urlencoded" in lower.get("content-type", "") else {}
    fields = query | form
    return WireRequest(
        method=method,
        path=parts.path.rstrip("/") or "/",
        query=query,
        headers=lower,
        fields=fields,
        records=_records(fields["data"].encode() if "data" in fields else body),
        nbytes=len(body),
        target_bytes=len(target),
    )


def _form(body: bytes) -> dict[str, str]:
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def _records(text: bytes) -> list[Any] | None:
    """Return the records in `text`, which is JSON or base64 of JSON, with an array or a single object."""
    try:
        content = orjson.loads(
            text if text.lstrip()[:1] in {b"[", b"{"} else base64.b64decode(text, validate=True)
        )
    except (orjson.JSONDecodeError, binascii.Error):
        return None
    records = [content] if isinstance(content, dict) else content
    return records if isinstance(records, list) else None

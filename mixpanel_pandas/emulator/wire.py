"""What arrives and what is answered, as plain data: no sockets here."""

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

#: How an exchange ends: with a whole answer, with a part of one (then the connection ends, or nothing more comes), with no
#: answer (the connection ends in order, or by a reset, or nothing comes), or before there is a connection at all.
Ending = Literal[
    "complete", "truncated", "stalled", "closed", "reset", "silent",
    "refused", "unresolved", "connect_timeout", "tls", "proxy",
]  # fmt: skip

#: Endings in which the request never arrives.
NO_CONNECTION: tuple[Ending, ...] = ("refused", "unresolved", "connect_timeout", "tls", "proxy")


@dataclass(frozen=True)
class WireRequest:
    """A request, read.

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
        What was sent to be written; None if it cannot be read.
    nbytes : int
        Size of the body as it arrived.
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
        """Return whether the parameter `name` is on; ``verbose=2`` is."""
        return self.fields.get(name, default) not in {"", "0", "false"}


@dataclass(frozen=True)
class WireResponse:
    """An answer, and how it goes out.

    Attributes
    ----------
    status : int
        Of HTTP.
    body : bytes
        As it goes out.
    headers : dict of str
        ``Content-Length`` among them: the length of the body.
    applied : tuple of int
        Positions of the request's records that were applied, in that order.
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
        """The words beside the status."""
        return phrase(self.status)

    @property
    def first_half(self) -> bytes:
        """What is sent of a body that is cut short: less than its announced length."""
        return self.body[: len(self.body) // 2]


def phrase(status: int) -> str:
    """Return the words beside a status.

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
    """Return an error page such as a gateway puts in front of a service."""
    title = f"{status} {phrase(status)}"
    page = f"<html>\r\n<head><title>{title}</title></head>\r\n<body><h1>{title}</h1></body>\r\n</html>\r\n"
    return answer_text(status, page, kind="text/html")


def answer_json(status: int, content: object) -> WireResponse:
    """Return an answer with `content` as JSON."""
    return answer_text(status, orjson.dumps(content), kind="application/json")


def read_request(method: str, target: str, headers: Mapping[str, str], body: bytes) -> WireRequest:
    """Return the request for `target` (path and query), its records read from wherever they travel."""
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
    """Return the records in `text`: JSON, or base64 of JSON; an array, or a single object."""
    try:
        content = orjson.loads(
            text if text.lstrip()[:1] in {b"[", b"{"} else base64.b64decode(text, validate=True)
        )
    except (orjson.JSONDecodeError, binascii.Error):
        return None
    records = [content] if isinstance(content, dict) else content
    return records if isinstance(records, list) else None

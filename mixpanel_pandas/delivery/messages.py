"""Requests, responses and failures as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ANSWER_BYTES", "Failure", "Request", "Response"]

#: The most bytes that are read of an answer, unless the request says otherwise. A longer one proves nothing.
ANSWER_BYTES = 1_000_000

#: The default headers. They ask for an uncompressed answer, because nothing is decompressed.
_JSON: Mapping[str, str] = MappingProxyType(
    {"Content-Type": "application/json", "Accept": "*/*", "Accept-Encoding": "identity"}
)


@dataclass(frozen=True)
class Request:
    """A request of HTTP.

    Attributes
    ----------
    url : str
        The whole address.
    body : bytes
        The body.
    method : str
        The method.
    headers : mapping
        All headers but ``Host``, ``Content-Length`` and ``User-Agent``, which are added.
    answer_bytes : int
        The most bytes that are read of the answer.
    """

    url: str
    body: bytes = field(repr=False)
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=lambda: _JSON, repr=False)
    answer_bytes: int = field(default=ANSWER_BYTES, repr=False)


@dataclass(frozen=True)
class Response:
    """A final response of HTTP.

    Attributes
    ----------
    status : int
        The status code. No 1xx but 101 is final.
    headers : mapping
        The headers, by name in any case.
    body : bytes
        The body, up to `Request.answer_bytes` bytes of it.
    flaw : str or None
        Why the answer proves nothing: it is incomplete, its framing is odd, or it is compressed. None: it is sound.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    flaw: str | None = None


@dataclass(frozen=True)
class Failure:
    """A request without a final response.

    Attributes
    ----------
    text : str
        The class and the message of the error. It may hold secrets.
    evidence : {"no_connection", "unclear"}
        ``no_connection`` proves that nothing was sent.
    """

    text: str
    evidence: Literal["no_connection", "unclear"]

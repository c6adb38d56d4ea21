"""What goes out and what comes back, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ANSWER_BYTES", "Failure", "Request", "Response"]

#: Bytes of an answer that are read at most: a longer one proves nothing.
ANSWER_BYTES = 1_000_000

#: Headers of a request that names none. Nothing compressed is asked for, because nothing is unpacked.
_JSON: Mapping[str, str] = MappingProxyType(
    {"Content-Type": "application/json", "Accept": "*/*", "Accept-Encoding": "identity"}
)


@dataclass(frozen=True)
class Request:
    """What goes out.

    Attributes
    ----------
    url : str
        Where to.
    body : bytes
        As it goes out.
    method : str
        Of HTTP.
    headers : mapping
        All of them but ``Host``, ``Content-Length`` and ``User-Agent``, which are added.
    """

    url: str
    body: bytes = field(repr=False)
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=lambda: _JSON, repr=False)


@dataclass(frozen=True)
class Response:
    """A final answer of HTTP.

    Attributes
    ----------
    status : int
        Of HTTP; of the 1xx only 101.
    headers : mapping
        By name, whatever its case.
    body : bytes
        As it came, `ANSWER_BYTES` at most.
    flaw : str or None
        Why the answer proves nothing: it is not whole, its framing is odd, or it is compressed. None: it is sound.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    flaw: str | None = None


@dataclass(frozen=True)
class Failure:
    """No final answer.

    Attributes
    ----------
    text : str
        Class and words of what failed. It may hold secrets.
    evidence : {"no_connection", "unclear"}
        Whether it proves that nothing was sent.
    """

    text: str
    evidence: Literal["no_connection", "unclear"]

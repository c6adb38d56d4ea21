"""What the emulator keeps of each request, for tests to look at."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Self

if TYPE_CHECKING:
    from mixpanel_pandas.emulator.wire import WireRequest, WireResponse

__all__ = ["Applied", "Received"]


@dataclass(frozen=True)
class Received:
    """A request that arrived, and what became of it.

    Attributes
    ----------
    number : int
        From 0, in order of arrival.
    method, path : str
        As they arrived, the path without a slash at the end.
    query, headers : dict of str
        Names of headers in lower case.
    records : list, optional
        What was sent to be written; None if it could not be read.
    nbytes : int
        Size of the body.
    status : int, optional
        What was answered; None: nothing.
    applied : tuple of int
        Positions of the records that were applied, in that order.
    time : float
        Seconds since 1970.
    """

    number: int
    method: str
    path: str
    query: dict[str, str] = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    records: list[Any] | None = field(repr=False)
    nbytes: int
    status: int | None
    applied: tuple[int, ...] = field(repr=False)
    time: float

    @classmethod
    def of(cls, number: int, request: WireRequest, response: WireResponse, now: float) -> Self:
        """Return a request with what became of it."""
        return cls(
            number=number,
            method=request.method,
            path=request.path,
            query=request.query,
            headers=request.headers,
            records=request.records,
            nbytes=request.nbytes,
            status=response.status or None,
            applied=response.applied,
            time=now,
        )


class Applied(NamedTuple):
    """One application of one record."""

    request: int
    position: int
    record: dict[str, Any]

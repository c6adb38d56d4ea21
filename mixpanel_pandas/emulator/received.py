"""The records that the emulator keeps of each request, for tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Self

if TYPE_CHECKING:
    from mixpanel_pandas.emulator.wire import WireRequest, WireResponse

__all__ = ["Applied", "Received"]


@dataclass(frozen=True)
class Received:
    """A request that arrived, with its answer and its effect.

    Attributes
    ----------
    number : int
        The number of the request, in order of arrival, from 0.
    method, path : str
        The method, and the path without a slash at its end.
    query, headers : dict of str
        Parameters and headers. Names of headers are in lower case.
    records : list, optional
        The updates of the request. None: they could not be read.
    nbytes : int
        Size of the body.
    status : int, optional
        Status of the answer. None: there was no answer.
    applied : tuple of int
        Positions of the records that were applied, in the order in which they were applied.
    time : float
        Time of arrival in seconds since 1970.
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
        """Return a request with its answer and its effect."""
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
    """One application of a record: the number of its request, and its position there."""

    request: int
    position: int
    record: dict[str, Any]

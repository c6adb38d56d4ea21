"""What this process has sent: the last summary, and updates that must not be sent twice by accident.

An upload is known by the fingerprints of its slices. Before the first byte of another one goes out, its slices are
encoded and compared as long as they equal those of an earlier upload. At the first difference it is another upload.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Literal

from mixpanel_pandas.errors import AlreadySent, OperationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

    from mixpanel_pandas.payloads.slices import Slice

__all__ = ["Reservation", "last_summary", "remember", "reserve"]

#: Slices that are kept while they are compared, so that they are not encoded again: about 20 MB.
KEPT_SLICES = 2

_lock = threading.Lock()
_reservations: list[Reservation] = []
_last: list[pd.DataFrame] = []


@dataclass(eq=False)
class Reservation:
    """An upload that this process has begun: nobody else may send the same.

    Attributes
    ----------
    fingerprints : dict of int to bytes
        Number of a slice -> its fingerprint, as far as they are encoded.
    whole : bool
        Whether these are all.
    under_way : bool
        Whether it may still send.
    complete : bool
        Whether every row had its turn.
    """

    fingerprints: dict[int, bytes] = field(default_factory=dict)
    whole: bool = False
    under_way: bool = True
    complete: bool = False

    def add(self, part: Slice) -> None:
        """Take note of a slice before it is sent."""
        self.fingerprints[part.number] = part.payloads.fingerprint

    def compared(self, other: Reservation) -> Literal["same", "open", "different"]:
        """Return whether another upload, as far as it is encoded, is the same; open: further slices tell."""
        mine, theirs = self.fingerprints, other.fingerprints
        if any(theirs[number] != mine[number] for number in mine.keys() & theirs.keys()):
            return "different"
        if (self.whole and theirs.keys() - mine.keys()) or (other.whole and mine.keys() - theirs.keys()):
            return "different"
        return "same" if other.whole or (not self.whole and mine.keys() <= theirs.keys()) else "open"

    def release(self, summary: pd.DataFrame | None) -> None:
        """Let it be an upload of the past; one of which surely nothing is applied is forgotten."""
        self.under_way = False
        if summary is not None:
            self.complete = not summary[["not_sent", "rejected"]].to_numpy().any()
            if not summary[["accepted", "unknown"]].to_numpy().any():
                with _lock:
                    _reservations.remove(self)


def reserve(
    encode: Callable[[], Iterator[Slice]], *, repeat: bool = False
) -> tuple[Reservation, Iterator[Slice]]:
    """Reserve updates that must not be applied twice, and return the reservation with the slices to send.

    Parameters
    ----------
    encode : callable
        Returns the slices with their fingerprints.
    repeat : bool
        Whether they may be sent though they were before.

    Raises
    ------
    AlreadySent
        If this process has sent the same updates, or is at it.
    """
    mine, slices = Reservation(), encode()
    kept: list[Slice] | None = []
    entered = False
    while not entered:
        part = next(slices, None)
        if part is None:
            mine.whole = True
        else:
            mine.add(part)
            kept = None if kept is None or len(kept) == KEPT_SLICES else [*kept, part]
        entered = _enter(mine, repeat=repeat)
    return mine, encode() if kept is None else chain(kept, slices)


def _enter(mine: Reservation, *, repeat: bool) -> bool:
    """Enter a reservation, and return whether that was done: not while further slices tell whether it is another upload."""
    with _lock:
        compared = [(other, other.compared(mine)) for other in _reservations if not repeat]
        for other, result in compared:
            if result == "same":
                raise AlreadySent(_refusal(other))
        if any(result == "open" for _other, result in compared):
            return False
        _reservations.append(mine)
        return True


def _refusal(earlier: Reservation) -> str:
    """Return why the same updates are not sent, and what to do instead."""
    if earlier.under_way:
        return "the same updates are on their way from this process, and would be applied twice: wait for the end of that call"
    if not earlier.complete:
        return (
            "the same updates were sent by this process, but not all of them arrived: send the rest, "
            "df.mixpanel.failures(mpd.last_summary()); the whole frame would be applied twice"
        )
    return (
        "the same updates were already sent by this process, and would be applied twice (was a cell run twice?): "
        "pass repeat=True to send them again"
    )


def remember(summary: pd.DataFrame) -> None:
    """Keep the latest summary."""
    _last[:] = [summary]


def last_summary() -> pd.DataFrame:
    """Return the summary of the latest upload of this process, also where the call itself raised or its result is lost.

    Raises
    ------
    OperationError
        If nothing was uploaded yet.

    Examples
    --------
    >>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
    ...     _ = pd.DataFrame({"user_id": ["ann"], "plan": ["pro"]}).mixpanel.set("user_id")
    >>> mpd.last_summary()["outcome"].tolist()
    ['accepted']
    """
    if not _last:
        msg = "this process has uploaded nothing yet"
        raise OperationError(msg)
    return _last[0]

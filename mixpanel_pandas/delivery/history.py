"""What this process has sent: the last summary, and updates that must not be sent twice by accident.

An upload is known by fingerprints of its rows, in the order in which they are sent. Before the first byte of another one
goes out, its slices are encoded and compared as long as they equal those of an earlier upload. At the first difference it
is another upload.
"""

from __future__ import annotations

import os
import threading
from itertools import chain
from typing import TYPE_CHECKING, Literal, NamedTuple

from mixpanel_pandas.errors import AlreadySent, OperationError
from mixpanel_pandas.payloads.fingerprint import Chain

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    import pandas as pd

    from mixpanel_pandas.payloads.slices import Slice

__all__ = ["InRun", "Reservation", "last_summary", "remember", "reserve"]

#: Slices that are kept while they are compared, so that they are not encoded again: about 20 MB.
KEPT_SLICES = 2

_lock = threading.Lock()
_reservations: list[Reservation] = []
_last: list[pd.DataFrame] = []


def _anew() -> None:
    global _lock  # noqa: PLW0603  # a thread that held it is not in this process
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_anew)


class InRun(NamedTuple):
    """The run of a journal in which something is sent.

    Attributes
    ----------
    run : tuple
        What tells it from other runs.
    named : bool
        Whether the user named it.
    resumed : bool
        Whether the journal knows what was sent of it before.
    """

    run: tuple[str, str]
    named: bool
    resumed: bool


class Reservation:
    """An upload that this process has begun: nobody else may send the same.

    Parameters
    ----------
    key : bytes
        Of fingerprints.
    journalled : InRun, optional
        The run in which it is sent.

    Attributes
    ----------
    whole : bool
        Whether these are all of its rows.
    under_way : bool
        Whether it may still send.
    complete : bool
        Whether every row arrived.
    """

    def __init__(self, key: bytes, journalled: InRun | None = None) -> None:
        self.journalled = journalled
        self.whole, self.under_way, self.complete = False, True, False
        self._chain, self._wave, self._number = Chain(key), 0, -1
        self._different: set[Reservation] = set()

    def add(self, part: Slice) -> None:
        """Take note of a slice before it is sent, unless that was done."""
        if part.number > self._number:
            if part.wave > self._wave:  # where one ends does not depend on the slices
                self._chain.end()
            self._wave, self._number = part.wave, part.number
            self._chain.add(part.payloads)

    def finish(self) -> None:
        """Take note that these are all rows."""
        self._chain.end()
        self.whole = True

    @property
    def count(self) -> int:
        """How many fingerprints there are."""
        return len(self._chain.fingerprints)

    def compared(self, other: Reservation) -> Literal["same", "open", "different"]:
        """Return whether another upload, as far as it is encoded, is the same; open: further slices tell."""
        whole, others_whole = self.whole, other.whole  # before the others are counted
        mine, theirs = self._chain.fingerprints, other._chain.fingerprints
        count, others_count = len(mine), len(theirs)
        both = min(count, others_count)
        if not both:
            return "different" if whole or others_whole else "open"
        if mine[both - 1] != theirs[both - 1]:
            return "different"
        if (whole and others_count > count) or (others_whole and count > others_count):
            return "different"
        return "same" if others_whole or (not whole and count <= others_count) else "open"

    def like(self, others: Iterable[Reservation]) -> dict[Reservation, Literal["same", "open"]]:
        """Return those of others that are the same as far as this one is encoded: what differs once is never asked again."""
        alike: dict[Reservation, Literal["same", "open"]] = {}
        for other in others:
            if other not in self._different:
                if (result := other.compared(self)) == "different":
                    self._different.add(other)
                else:
                    alike[other] = result
        if not alike:
            self._different.clear()  # nothing else is compared
        return alike

    def allows(self, other: InRun | None) -> bool:
        """Return whether what was sent here may be sent in another run."""
        if other is None or self.journalled is None:
            return False
        if other.run == self.journalled.run:
            return other.resumed  # the journal knows what of it is left to send
        return other.named and not self.under_way  # the user's way to send the same again

    def release(self, summary: pd.DataFrame | None) -> None:
        """Let it be an upload of the past; one of which surely nothing is applied is forgotten."""
        self.under_way = False
        if summary is not None:
            self.complete = not summary[["not_sent", "rejected", "unknown"]].to_numpy().any()
            if not summary[["accepted", "unknown"]].to_numpy().any():
                with _lock:
                    _reservations.remove(self)


def reserve(
    encode: Callable[[], Generator[Slice]],
    key: bytes,
    *,
    repeat: bool = False,
    journalled: InRun | None = None,
) -> tuple[Reservation, Iterator[Slice]]:
    """Reserve updates that must not be applied twice, and return the reservation with the slices to send.

    Parameters
    ----------
    encode : callable
        Returns the slices.
    key : bytes
        Of fingerprints.
    repeat : bool
        Whether they may be sent though they were before.
    journalled : InRun, optional
        The run of a journal in which they are sent.

    Raises
    ------
    AlreadySent
        If this process has sent the same updates, or is at it.
    """
    mine, slices = Reservation(key, journalled), encode()
    try:
        kept = _compare(mine, slices, repeat=repeat)
    except BaseException:
        slices.close()  # the error would keep it, with the threads that encode
        raise
    if kept is None:
        slices.close()
        return mine, encode()
    return mine, chain(kept, slices)


def _compare(mine: Reservation, slices: Iterator[Slice], *, repeat: bool) -> list[Slice] | None:
    """Encode until a reservation is entered, and return the slices for that; None where they are too many to keep."""
    kept: list[Slice] | None = []
    entered = False
    while not entered:
        part = next(slices, None)
        if part is None:
            mine.finish()
        else:
            mine.add(part)
            kept = None if kept is None or len(kept) == KEPT_SLICES else [*kept, part]
        if mine.count or mine.whole:  # else others could not tell it from theirs
            entered = _enter(mine, repeat=repeat)
    return kept


def _enter(mine: Reservation, *, repeat: bool) -> bool:
    """Enter a reservation, and return whether that was done: not while further slices tell whether it is another upload."""
    with _lock:
        others = [other for other in _reservations if not (repeat or other.allows(mine.journalled))]
        like = mine.like(others)
        for other, result in like.items():
            if result == "same":
                raise AlreadySent(_refusal(other, mine.journalled))
        if like:
            return False
        _reservations.append(mine)
        return True


def _refusal(earlier: Reservation, journalled: InRun | None) -> str:
    """Return why the same updates are not sent, and what to do instead."""
    if earlier.under_way:
        return "the same updates are on their way from this process, and would be applied twice: wait for the end of that call"
    if not earlier.complete:
        return (
            "the same updates were sent by this process, but not all of them arrived: send the rest, "
            "df.mixpanel.failures(mpd.last_summary()), and look at the profiles of unknown rows; the whole frame would be "
            "applied twice"
        )
    again = "pass repeat=True to send them again"
    if journalled is not None:
        again = (
            "pass repeat=True, without a journal, to send them again"
            if earlier.journalled is None
            else "name another run to send them again, such as run='2026-11-21'"
        )
    return f"the same updates were already sent by this process, and would be applied twice (was a cell run twice?): {again}"


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

"""What this process has sent: the summary of the latest upload, and updates that must not be applied twice.

An upload is identified by fingerprints of its payloads, in the order in which they are sent. Before its first byte goes out,
its slices are encoded and compared with those of earlier uploads. As soon as they differ from all of them, it is another
upload and is sent.

All of this is kept in memory, so it is bounded. Only the latest summary is kept. Of an upload that is over, `Fingerprints`
keeps a few. A `History` keeps a limited number of uploads, and reports it when it is full.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Literal, NamedTuple, Self

from mixpanel_pandas.errors import AlreadySent, OperationError
from mixpanel_pandas.payloads.fingerprint import SIZE, Chain
from mixpanel_pandas.process.locks import per_process

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    import pandas as pd

    from mixpanel_pandas.payloads.slices import Slice

__all__ = ["History", "InRun", "Reservation", "last_summary", "process_history", "remember", "reserve"]

#: Slices that are kept while they are compared, so that they are not encoded again: about 20 MB.
KEPT_SLICES = 2

#: Uploads that a process remembers: about 50 MB. One a minute reaches it after ten weeks.
MOST_UPLOADS = 100_000

_lock = per_process(threading.RLock)
_last: list[pd.DataFrame] = []


class InRun(NamedTuple):
    """The run of a journal in which something is sent.

    Attributes
    ----------
    run : tuple of str
        The file and the name of the run.
    named : bool
        Whether the user named it.
    resumed : bool
        Whether an earlier session of the run has sent something.
    """

    run: tuple[str, str]
    named: bool
    resumed: bool


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """Some fingerprints of an upload: the 1st, 2nd, 4th, 8th and so on, and the last.

    Each fingerprint covers all rows before it, so the last one identifies the whole upload. The others only tell early that
    another upload differs, at the latest after twice the rows that they share.

    Attributes
    ----------
    count : int
        How many the upload had.
    kept : bytes
        Those that are kept, one after the other.
    """

    count: int
    kept: bytes

    @classmethod
    def of(cls, fingerprints: list[bytes]) -> Self:
        """Return those of an upload that is over."""
        count = len(fingerprints)
        places = [1 << power for power in range(count.bit_length())]
        kept = [fingerprints[place - 1] for place in dict.fromkeys([*places, count] if count else [])]
        return cls(count, b"".join(kept))

    def latest(self, count: int) -> tuple[int, bytes]:
        """Return the last of the first `count` fingerprints that is kept, and its place, counted from 1."""
        if count >= self.count:
            return self.count, self.kept[-SIZE:]
        power = count.bit_length() - 1
        return 1 << power, self.kept[power * SIZE : (power + 1) * SIZE]


class Reservation:
    """An upload that this process has begun: no other call may send the same updates.

    Parameters
    ----------
    key : bytes
        The key of its fingerprints.
    journalled : InRun, optional
        The run of a journal in which it is sent.

    Attributes
    ----------
    whole : bool
        Whether its fingerprints cover all of its rows.
    under_way : bool
        Whether it may still send.
    complete : bool
        Whether every row was accepted.
    """

    __slots__ = ("_chain", "_number", "_over", "_wave", "complete", "journalled", "under_way", "whole")

    def __init__(self, key: bytes, journalled: InRun | None = None) -> None:
        self.journalled: InRun | None = journalled
        self.whole: bool = False
        self.under_way: bool = True
        self.complete: bool = False
        self._chain: Chain | None = Chain(key)
        self._over: Fingerprints | None = None  # once it is not under way
        self._wave, self._number = 0, -1

    def add(self, encoded: Slice) -> None:
        """Add the fingerprints of a slice before it is sent. A slice that was added before is skipped."""
        chain = self._chain
        if chain is not None and encoded.number > self._number:
            if encoded.wave > self._wave:  # waves end at the same rows, however the frame is sliced
                chain.end()
            self._wave, self._number = encoded.wave, encoded.number
            chain.add(encoded.payloads)

    def finish(self) -> None:
        """Add the last fingerprint: all rows were added."""
        if self._chain is not None:
            self._chain.end()
            self.whole = True

    @property
    def count(self) -> int:
        """How many fingerprints there are."""
        return self._over.count if self._over is not None else len(self.fingerprints)

    @property
    def fingerprints(self) -> list[bytes]:
        """The fingerprints so far; none are listed once the upload is over."""
        return [] if self._chain is None else self._chain.fingerprints

    def compare(self, later: Reservation) -> Literal["same", "open", "different"]:
        """Compare a later upload, as far as it is encoded. Open: further slices tell.

        An upload that ended early is the same as one that begins with all of its rows.
        """
        whole, later_whole = self.whole, later.whole  # before the fingerprints are counted
        count, later_count = self.count, later.count
        both = min(count, later_count)
        if not both:  # one of them has no rows: uploads are compared once one has a fingerprint or is whole
            return "different"
        place, fingerprint = self._latest(both)
        if fingerprint != later.fingerprints[place - 1]:
            return "different"
        if (whole and later_count > count) or (later_whole and count > later_count):
            return "different"
        return "same" if later_whole or (not whole and count <= later_count) else "open"

    @property
    def first(self) -> bytes:
        """The first fingerprint; empty if there is none."""
        return self._latest(1)[1] if self.count else b""

    def _latest(self, count: int) -> tuple[int, bytes]:
        return (count, self.fingerprints[count - 1]) if self._over is None else self._over.latest(count)

    def allows(self, other: InRun | None) -> bool:
        """Return whether the same updates may be sent in another run, or in none."""
        if other is None or self.journalled is None:
            return False
        if other.run == self.journalled.run:
            return other.resumed  # the journal says which rows are left to send
        return other.named and not self.under_way  # the user's way to send the same again

    def release(self, summary: pd.DataFrame | None) -> None:
        """End the upload. It is forgotten if surely nothing was applied.

        Parameters
        ----------
        summary : pandas.DataFrame or None
            The outcomes of its rows. None: not known.
        """
        with _lock():  # others compare meanwhile
            self._over, self._chain = Fingerprints.of(self.fingerprints), None
            self.under_way = False
            if summary is not None:
                self.complete = not summary[["not_sent", "rejected", "unknown"]].to_numpy().any()
                if not summary[["accepted", "unknown"]].to_numpy().any():
                    process_history.remove(self)


class History:
    """The uploads of a process that must not be sent again by accident.

    It is bounded. When it is full, it forgets the oldest upload that was sent in a journal, which still refuses the same call. If
    there is none, it forgets nothing: further uploads are refused, unless the user wants no comparison (``repeat=True``).

    Parameters
    ----------
    most : int
        Uploads that are kept.
    """

    def __init__(self, most: int = MOST_UPLOADS) -> None:
        self._most = most
        self._by_first: dict[bytes, list[Reservation]] = {}  # first fingerprint -> uploads, the oldest first
        self._count = 0
        self._has_gaps = False  # an upload was sent that is not kept

    def __len__(self) -> int:
        return self._count

    def enter(self, later: Reservation, different: set[Reservation], *, repeat: bool) -> bool:
        """Keep an upload once it differs from all others, and return whether it does.

        Parameters
        ----------
        later : Reservation
            The upload, as far as it is encoded.
        different : set of Reservation
            Those that are known to differ from it. Further ones are added.
        repeat : bool
            Whether the same updates may be sent again.

        Raises
        ------
        AlreadySent
            If it is the same as another one.
        OperationError
            If the history is full.
        """
        with _lock():
            is_open = False
            for other in self._by_first.get(later.first, []):
                if repeat or other in different or other.allows(later.journalled):
                    continue
                result = other.compare(later)
                if result == "same":
                    raise AlreadySent(_refusal(other, later.journalled))
                if result == "different":
                    different.add(other)
                is_open |= result == "open"
            if not is_open:
                self._keep(later, repeat=repeat)
            return not is_open

    def _keep(self, reservation: Reservation, *, repeat: bool) -> None:
        if self._count >= self._most:
            self._forget_journalled()
        if self._count >= self._most or self._has_gaps:
            if not repeat:
                raise OperationError(_FULL.format(self._most))
            self._has_gaps = True
            return
        self._by_first.setdefault(reservation.first, []).append(reservation)
        self._count += 1

    def _forget_journalled(self) -> None:
        """Forget the oldest upload that is over and was sent in a journal, if there is one."""
        kept = (one for several in self._by_first.values() for one in several)
        oldest = next((one for one in kept if one.journalled and not one.under_way), None)
        if oldest is not None:
            self.remove(oldest)

    def remove(self, reservation: Reservation) -> None:
        """Forget an upload, if it is kept."""
        with _lock():
            alike = self._by_first.get(reservation.first, [])
            if reservation in alike:
                alike.remove(reservation)
                self._count -= 1
                if not alike:
                    del self._by_first[reservation.first]


#: Why further uploads are refused.
_FULL = (
    "this process has sent {:,} uploads whose updates must not be applied twice, and cannot remember more of them, so it is not "
    "known whether this is a new one: start a new process, or pass repeat=True if it is new (uploads in a journal do not count)"
)

#: The uploads of this process.
process_history: History = History()


def reserve(
    encode: Callable[[], Generator[Slice]],
    key: bytes,
    *,
    repeat: bool = False,
    journalled: InRun | None = None,
) -> tuple[Reservation, Iterator[Slice]]:
    """Reserve updates that must not be applied twice.

    Parameters
    ----------
    encode : callable
        Returns the slices.
    key : bytes
        The key of fingerprints.
    repeat : bool
        Whether the same updates may be sent again.
    journalled : InRun, optional
        The run of a journal in which they are sent.

    Returns
    -------
    Reservation, iterator of Slice
        The reservation, and the slices to send.

    Raises
    ------
    AlreadySent
        If this process has sent the same updates, or is sending them.
    OperationError
        If this process cannot keep any more uploads.
    """
    mine, slices = Reservation(key, journalled), encode()
    try:
        kept = _compare(mine, slices, repeat=repeat)
    except BaseException:
        slices.close()  # the error keeps it alive, and with it the threads that encode
        raise
    if kept is None:
        slices.close()
        return mine, encode()
    return mine, chain(kept, slices)


def _compare(mine: Reservation, slices: Iterator[Slice], *, repeat: bool) -> list[Slice] | None:
    """Encode until the reservation is made, and return the slices so far; None if they are too many to keep."""
    kept: list[Slice] | None = []
    different: set[Reservation] = set()
    entered = False
    while not entered:
        encoded = next(slices, None)
        if encoded is None:
            mine.finish()
        else:
            mine.add(encoded)
            kept = None if kept is None or len(kept) == KEPT_SLICES else [*kept, encoded]
        if mine.count or mine.whole:  # without a fingerprint others could not compare it with theirs
            entered = process_history.enter(mine, different, repeat=repeat)
    return kept


def _refusal(earlier: Reservation, journalled: InRun | None) -> str:
    """Return why the same updates are not sent, and what to do instead."""
    if earlier.under_way:
        return "another call of this process is sending the same updates, which would be applied twice: wait until it has ended"
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
    """Return the summary of the latest upload of this process, even if the call raised an error or its result was not kept.

    Returns
    -------
    pandas.DataFrame
        The same object that the verb returned or its error carries.

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
        msg = "this process has not uploaded anything yet"
        raise OperationError(msg)
    return _last[0]

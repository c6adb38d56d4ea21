"""Canaries: a few rows are sent first and looked for in Mixpanel. Only if they are seen, the others follow.

What is read, and what it proves, is decided elsewhere (`Canaries`). Here is when to look, and what follows.
"""

from __future__ import annotations

import contextvars
import threading
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np

from mixpanel_pandas.delivery.policy import Stop
from mixpanel_pandas.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from mixpanel_pandas.delivery.upload import Account

__all__ = ["PAUSES", "Canaries", "Sighting", "Unproven", "in_words", "prove", "unless_ended"]

#: Seconds before each look. Mixpanel documents no time after which an update can be read.
PAUSES: tuple[float, ...] = (5.0, 20.0, 60.0)

#: Why nothing else is sent where there is nothing to look for.
NOT_ACCEPTED = Stop("canary not accepted", "Mixpanel accepted none of the canaries")

#: Seconds between two checks whether the call is to end.
TICK = 0.1

Result = TypeVar("Result")


@dataclass(frozen=True)
class Sighting:
    """What a reading shows of the canaries.

    Attributes
    ----------
    ids, seen : int
        How many ids were looked for, and how many show what was sent.
    unchanged : str or None
        The first value that is still as it was before, in words.
    other : str or None
        The first value that is neither as before nor as expected, in words.
    """

    ids: int
    seen: int
    unchanged: str | None = None
    other: str | None = None

    @property
    def is_proof(self) -> bool:
        """Whether at least one id shows what was sent, and none shows anything else."""
        return self.seen > 0 and self.unchanged is None and self.other is None


class Canaries(Protocol):
    """Chooses the canaries and reads their profiles."""

    def choose(self, left: np.ndarray) -> np.ndarray:
        """Return the mask of the canaries' rows among those that are left to send, a mask. It reads their profiles."""

    def look(self, rows: np.ndarray) -> Sighting:
        """Read the profiles of the canaries whose rows are all among `rows`, a mask, and return what they show."""

    def cut(self) -> None:
        """End a reading that is under way in another thread."""


class Call(Protocol):
    """The call that waits for the canaries."""

    def ended(self) -> Stop | None:
        """Return why the call is to end; None while it goes on."""

    def show(self, waiting: str, /) -> None:
        """Show what is waited for; empty if nothing is."""

    def say(self, text: str, /) -> None:
        """Write a line to the log."""


@dataclass(frozen=True)
class Unproven:
    """Why nothing is sent after the canaries.

    Attributes
    ----------
    stop : Stop
        For the rows that are not sent.
    fails : bool
        Whether it is an error of the call. It is none if the call was stopped.
    cause : Exception or None
        What broke the reading.
    """

    stop: Stop
    fails: bool = True
    cause: Exception | None = None


def in_words(ids: int) -> str:
    """Return what a call with canaries would do."""
    moments = [f"{sum(PAUSES[:number]):.0f}" for number in range(1, len(PAUSES) + 1)]
    return (
        f"{counted(ids, 'id')} would be sent first and looked for {', '.join(moments[:-1])} and {moments[-1]} s later, the others after "
        "one of them is seen"
    )


def prove(
    canaries: Canaries, account: Account, accepted_rows: Callable[[], np.ndarray], call: Call
) -> Unproven | None:
    """Look for the canaries up to three times, and return why the others are not sent; None: updates arrive.

    Parameters
    ----------
    account : Account
        The results of the canaries' batches.
    accepted_rows : callable
        Returns the mask of the rows that Mixpanel accepted.
    call : Call
        Tells when the call is to end, and shows what is waited for.
    """
    if not account.complete:
        return Unproven(account.stopped or NOT_ACCEPTED, fails=False)
    accepted = accepted_rows()
    rows = int(np.count_nonzero(accepted))
    if not rows:
        return Unproven(NOT_ACCEPTED)
    call.say(f"{counted(rows, 'row')} accepted as canaries; the others wait until they are seen")
    try:
        return _watch(canaries, accepted, call)
    finally:
        call.show("")


def _watch(canaries: Canaries, accepted: np.ndarray, call: Call) -> Unproven | None:
    look = Sighting(0, 0)
    for number, seconds in enumerate(PAUSES, 1):
        nth = f"look {number} of {len(PAUSES)} at the canaries"
        rest(seconds, call.ended, partial(_show_time_left, call, nth))
        call.show(nth)
        try:
            answer = unless_ended(partial(canaries.look, accepted), canaries.cut, call.ended)
        except Exception as error:  # noqa: BLE001  # it is raised again, with the summary
            return Unproven(Stop("canary not read", f"the canaries cannot be read: {error}"), cause=error)
        if answer is None:
            return Unproven(call.ended() or NOT_ACCEPTED, fails=False)
        look = answer
        call.say(f"{nth}: {look.seen:,} of {counted(look.ids, 'id')} seen")
        if look.is_proof:
            return None
    return Unproven(_verdict(look))


def _show_time_left(call: Call, nth: str, seconds: float) -> None:
    call.show(f"{nth} in {seconds:.0f} s")


def _verdict(look: Sighting) -> Stop:
    """Return why nothing else is sent after the last look."""
    wrong = look.other or (look.unchanged if look.seen else None)
    if wrong is not None:
        return Stop("canary differs", f"a canary has another value than the one that was sent: {wrong}")
    within = f"{sum(PAUSES):.0f} s"
    return Stop(
        "canary not seen",
        f"the canaries were not seen within {within}: wrong token, region or project, merged ids, or Mixpanel is slow",
    )


def rest(seconds: float, ended: Callable[[], object], show: Callable[[float], None]) -> None:
    """Wait, unless the call is to end.

    Parameters
    ----------
    show : callable
        Called now and then with the seconds that are left.
    """
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0 and not ended():
        show(left)
        time.sleep(min(TICK, left))


def unless_ended(
    call: Callable[[], Result], cut: Callable[[], None], ended: Callable[[], object]
) -> Result | None:
    """Return the result of a call that waits for others; None if it was cut because `ended` returned something.

    It runs in a thread of its own, because a request may take minutes to end.
    """
    results: list[Result] = []
    errors: list[Exception] = []

    def work() -> None:
        try:
            results.append(call())
        except Exception as error:  # noqa: BLE001  # it is raised again by the caller
            errors.append(error)

    context = contextvars.copy_context()
    if ended():
        return None
    thread = threading.Thread(target=lambda: context.run(work), daemon=True, name="mixpanel_pandas canaries")
    thread.start()
    while thread.is_alive():
        thread.join(TICK)
        if ended():
            cut()
            thread.join(TICK)
            return None
    if errors:
        raise errors[0]
    return results[0]

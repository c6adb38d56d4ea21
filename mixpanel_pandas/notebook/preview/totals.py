"""What the send view shows: how much would be sent, and what the button says that it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mixpanel_pandas.delivery.throttle import BYTES_PER_MINUTE
from mixpanel_pandas.rules.limits import LIMITS
from mixpanel_pandas.text import counted, duration, printable, shortened, size_of

if TYPE_CHECKING:
    from mixpanel_pandas.notebook.preview.state import State

__all__ = ["Totals", "confirmation", "deed", "totals", "totals_in_words"]

#: Frames of more slices are estimated from some rows until somebody asks for exact totals.
COUNTED_AT_ONCE, SAMPLES, SAMPLE_ROWS = 3, 4, 500

#: Verb -> what the button says that it does.
DEEDS = {
    "set": "Set {properties} on {profiles}",
    "set_once": "Set {properties} once on {profiles}",
    "add": "Add to {properties} of {profiles}",
    "union": "Unite {properties} of {profiles}",
    "append": "Append to {properties} of {profiles}",
    "remove": "Remove items from {properties} of {profiles}",
    "unset": "Remove {properties} from {profiles}",
    "delete": "Delete {profiles}",
    "update": "Update {properties} of {profiles}",
}

#: Verbs that have to be confirmed by typing.
CONFIRMED = ("delete", "unset")


@dataclass(frozen=True)
class Totals:
    """What an upload is made of.

    Attributes
    ----------
    rows, profiles, properties, updates, requests, bytes : int
        How many; bytes of the requests' bodies.
    exact : bool
        Whether updates, requests and bytes were counted, or estimated from some rows.
    seconds : float
        For how long the pace limits hold it back at least.
    """

    rows: int
    profiles: int
    properties: int
    updates: int
    requests: int
    bytes: int
    exact: bool
    seconds: float


def totals(state: State) -> Totals:
    """Return what would be sent: exact where that is quick or every row was encoded already, else estimated."""
    payloads = len(state.sent_rows)
    exact = (
        not payloads
        or state.is_measured
        or state.layout.rows <= COUNTED_AT_ONCE * state.layout.rows_per_slice
    )
    if exact:
        measured = state.measured
        updates, requests, nbytes = measured.updates, measured.requests, measured.bytes
    else:
        updates, nbytes = _estimated(state)
        most = state.operation.options.batch_size
        requests = max(-(-updates // most), -(-nbytes // LIMITS["request_bytes"].value))
    per_hour = state.operation.options.requests_per_hour
    held = max(
        60.0 * (max(nbytes - 1, 0) // BYTES_PER_MINUTE),
        3600.0 * (max(requests - 1, 0) // per_hour) if per_hour else 0.0,
    )
    names = {column.name for column in state.layout.columns} | set(state.layout.removed)
    return Totals(
        state.layout.rows - state.excluded,
        payloads - state.repeated_rows(),
        len(names),
        updates,
        requests,
        nbytes,
        exact,
        held,
    )


def _estimated(state: State) -> tuple[int, int]:
    """Return updates and bytes of all rows, judged by some of them from all over the frame."""
    count = len(state.sent_rows)
    starts = np.linspace(0, max(count - SAMPLE_ROWS, 0), SAMPLES).astype(int)
    some = np.unique(np.concatenate([state.sent_rows[start : start + SAMPLE_ROWS] for start in starts]))
    found = state.encoded(some)
    share = count / len(some)
    updates = sum(int(payloads.updates.sum()) for payloads in found)
    return round(share * updates), round(share * sum(payloads.nbytes for payloads in found))


def totals_in_words(found: Totals) -> str:
    """Return how much would be sent, in one line."""
    about = "" if found.exact else "about "
    text = (
        f"{about}{counted(found.updates, 'update')} in {about}{counted(found.requests, 'request')}, "
        f"{about}{size_of(found.bytes)}"
    )
    return (
        f"{text}; the pace limits make it take at least {duration(found.seconds)}" if found.seconds else text
    )


def deed(state: State, found: Totals, place: str) -> str:
    """Return what sending does, in the words of a button; without a place where none is named yet."""
    group = state.operation.group
    whose = counted(found.profiles, "user") if group is None else counted(found.profiles, "profile")
    said = DEEDS[state.operation.verb].format(
        properties=counted(found.properties, "property"),
        profiles=whose if group is None else f"{whose} of group {shortened(printable(group))}",
    )
    return f"{'Dry run: ' if state.operation.options.dry_run else ''}{said}{f' in {place}' if place else ''}"


def confirmation(state: State, found: Totals) -> str:
    """Return what has to be typed before it is sent; nothing where nothing is lost."""
    verbs = {operator.verb for operator in state.operation.operators}
    return next((f"{verb} {found.profiles}" for verb in CONFIRMED if verb in verbs), "")

"""How much an operation would send, and the words of the button that sends it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mixpanel_pandas.delivery.throttle import BYTES_PER_MINUTE
from mixpanel_pandas.rules.limits import LIMITS
from mixpanel_pandas.text import counted, duration, shortened, size_of

if TYPE_CHECKING:
    from mixpanel_pandas.notebook.preview.state import State

__all__ = ["UploadSize", "button_text", "confirmation_text", "size_in_words", "upload_size"]

#: Frames of more slices are estimated, until somebody asks for exact numbers.
COUNTED_AT_ONCE = 3

#: An estimate is made from this many samples, each of neighbouring rows.
SAMPLES, SAMPLE_ROWS = 4, 500

#: Verb -> text of the button.
BUTTON_TEXTS = {
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
class UploadSize:
    """How much an upload sends.

    Attributes
    ----------
    rows, profiles, properties, updates, requests : int
        Number of each.
    bytes : int
        Bytes of the requests' bodies.
    exact : bool
        Whether updates, requests and bytes are exact, or estimated from some rows.
    seconds : float
        How long the upload takes at least, because of the limits on bytes and requests.
    """

    rows: int
    profiles: int
    properties: int
    updates: int
    requests: int
    bytes: int
    exact: bool
    seconds: float


def upload_size(state: State) -> UploadSize:
    """Return how much would be sent.

    It is exact if that is quick, or if every row was encoded already, else it is estimated.
    """
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
    seconds = max(
        60.0 * (max(nbytes - 1, 0) // BYTES_PER_MINUTE),
        3600.0 * (max(requests - 1, 0) // per_hour) if per_hour else 0.0,
    )
    names = {column.name for column in state.layout.columns} | set(state.layout.removed)
    return UploadSize(
        rows=state.layout.rows - state.excluded,
        profiles=state.profiles,
        properties=len(names),
        updates=updates,
        requests=requests,
        bytes=nbytes,
        exact=exact,
        seconds=seconds,
    )


def _estimated(state: State) -> tuple[int, int]:
    """Return the updates and bytes of all rows, estimated from samples all over the frame."""
    count = len(state.sent_rows)
    starts = np.linspace(0, max(count - SAMPLE_ROWS, 0), SAMPLES).astype(int)
    sample = np.unique(np.concatenate([state.sent_rows[start : start + SAMPLE_ROWS] for start in starts]))
    payloads = state.encoded(sample)
    factor = count / len(sample)
    updates = sum(int(part.updates.sum()) for part in payloads)
    return round(factor * updates), round(factor * sum(part.nbytes for part in payloads))


def size_in_words(size: UploadSize) -> str:
    """Return how much would be sent, in one line."""
    about = "" if size.exact else "about "
    numbers = (counted(size.updates, "update"), counted(size.requests, "request"), size_of(size.bytes))
    text = "{0}{1} in {0}{2}, {0}{3}".format(about, *numbers)
    return f"{text}; the pace limits make it take at least {duration(size.seconds)}" if size.seconds else text


def button_text(state: State, size: UploadSize, place: str) -> str:
    """Return the text of the button that sends. It names no place if there is no project yet."""
    group = state.operation.group
    profiles = (
        counted(size.profiles, "user")
        if group is None
        else f"{counted(size.profiles, 'profile')} of group {shortened(group)}"
    )
    text = BUTTON_TEXTS[state.operation.verb].format(
        properties=counted(size.properties, "property"), profiles=profiles
    )
    return f"{'Dry run: ' if state.operation.options.dry_run else ''}{text}{f' in {place}' if place else ''}"


def confirmation_text(state: State, size: UploadSize) -> str:
    """Return what a person has to type before it is sent; empty if nothing is removed."""
    verbs = {operator.verb for operator in state.operation.operators}
    return next((f"{verb} {size.profiles:,}" for verb in CONFIRMED if verb in verbs), "")

"""What this process has sent: the last summary, and updates that must not be sent twice by accident."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from mixpanel_pandas.errors import AlreadySent, OperationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from mixpanel_pandas.payloads.batches import Payloads
    from mixpanel_pandas.project import Project

__all__ = ["digest_of", "last_summary", "refuse_repetition", "remember"]

_sent: set[bytes] = set()
_last: list[pd.DataFrame] = []


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


def digest_of(slices: Iterable[Payloads], project: Project) -> bytes:
    """Return what tells these updates of this project from all others; the payloads hold no token."""
    digest = hashlib.blake2b(f"{project.base} {project.token!s}".encode(), digest_size=16)
    for payloads in slices:
        offsets = payloads.offsets
        digest.update(memoryview(payloads.text.buffers()[2])[offsets[0] : offsets[-1]])
    return digest.digest()


def refuse_repetition(digest: bytes) -> None:
    """Refuse updates that this process has sent already.

    Raises
    ------
    AlreadySent
        If so.
    """
    if digest in _sent:
        msg = (
            "the same updates were already sent by this process, and would be applied twice (was a cell run twice?): "
            "pass repeat=True to send them again"
        )
        raise AlreadySent(msg)


def remember(summary: pd.DataFrame, digest: bytes | None) -> None:
    """Keep the latest summary, and the digest of updates of which some may be applied."""
    _last[:] = [summary]
    if digest is not None and summary[["accepted", "unknown"]].to_numpy().any():
        _sent.add(digest)

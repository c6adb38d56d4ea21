"""What tells the updates of one slice from others, without telling a value of them."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mixpanel_pandas.payloads.batches import Payloads
    from mixpanel_pandas.project import Project

__all__ = ["fingerprint", "key_of"]


def key_of(project: Project) -> bytes:
    """Return the key of the fingerprints of a project's updates: who does not have the token cannot try values."""
    return hashlib.blake2b(
        f"{project.base} {project.token!s}".encode(), digest_size=32, person=b"fingerprints"
    ).digest()


def fingerprint(payloads: Payloads, key: bytes) -> bytes:
    """Return the fingerprint of a slice, 16 bytes."""
    offsets = payloads.offsets
    text = memoryview(payloads.text.buffers()[2])[offsets[0] : offsets[-1]]
    return hmac.digest(key, text, "sha256")[:16]

"""Foreign texts made fit to be kept: short, on one line, and without secrets."""

from __future__ import annotations

import base64
import string
from functools import lru_cache
from itertools import groupby
from urllib.parse import quote

__all__ = ["redact"]

#: Characters of a foreign text that are kept.
TEXT_CHARACTERS = 200
#: Characters of a foreign text that are looked at.
READ_CHARACTERS = 4000
#: Characters in a row of a secret that are hidden: half a secret is hidden, too, wherever a text was cut before.
PIECE_CHARACTERS = 8

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)  # keeps every character in its place


def redact(text: str, secrets: tuple[str, ...] = ()) -> str:
    """Return `text` on one line of 200 characters at most, without control characters and pieces of `secrets`.

    >>> redact("bad token 0123456789abcdef\\n", ("0123456789abcdef",))
    'bad token ***'
    """
    line = "".join(c for c in " ".join(text[:READ_CHARACTERS].split()) if c.isprintable())
    hidden, folded = bytearray(len(line)), line.translate(_LOWER)
    for size, pieces in _pieces(secrets).items():
        for at in range(len(line) - size + 1):
            if folded[at : at + size] in pieces:
                hidden[at : at + size] = b"\1" * size
    runs = groupby(zip(line, hidden, strict=True), key=lambda pair: pair[1])
    line = "".join("***" if secret else "".join(c for c, _ in run) for secret, run in runs)
    return line if len(line) <= TEXT_CHARACTERS else f"{line[: TEXT_CHARACTERS - 1]}…"


@lru_cache(maxsize=16)
def _pieces(secrets: tuple[str, ...]) -> dict[int, set[str]]:
    """Return the pieces of secrets to look for by their length, in lower case."""
    found: dict[int, set[str]] = {}
    for form in (form.translate(_LOWER) for secret in secrets for form in _forms(secret)):
        size = min(PIECE_CHARACTERS, len(form))
        found.setdefault(size, set()).update(form[at : at + size] for at in range(len(form) - size + 1))
    return found


def _forms(secret: str) -> list[str]:
    """Return a secret as it is, URL-coded, and as it looks inside of a longer text that is base64-coded."""
    plain = secret.encode()
    percent = "".join(f"%{byte:02x}" for byte in plain)
    coded = [
        # the characters that depend on nothing but the secret, wherever it begins in a group of three bytes
        base64.b64encode(bytes(shift) + plain).decode()[-(-shift * 4 // 3) : (shift + len(plain)) * 4 // 3]
        for shift in range(3)
    ]
    safe = [text.translate(str.maketrans("+/", "-_")) for text in coded]
    return [form for form in (secret, quote(secret, safe=""), percent, *coded, *safe) if form]

"""Texts of servers, made short, put on one line, and without secrets.

A secret in the form in which it was sent is replaced by stars, and the rest of the text stays. If a server or a firewall echoes
it in another encoding or order, the whole text is dropped. Nothing is cached, so that no cache holds a secret.
"""

from __future__ import annotations

import base64
import html
import re
import string
import sys
import unicodedata
from dataclasses import dataclass, field
from itertools import groupby
from math import gcd
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from mixpanel_pandas.text import is_visible, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["redact"]

#: Characters of a text that are kept.
TEXT_CHARACTERS = 200
#: Characters of a text that are looked at.
READ_CHARACTERS = 4000
#: So many characters in a row of a secret are hidden, so that what remains of a secret in a cut text is hidden, too.
PIECE_CHARACTERS = 8
#: Shorter secrets are not searched for in decoded text, because they may occur there by chance.
LEAST_CHARACTERS = 6
#: So many characters in a row of a secret are a crumb. A text with crumbs of more than half of it reveals it.
CRUMB_CHARACTERS = 4
#: How many encodings within each other are decoded.
LAYERS = 4

#: Replaces a text that holds a secret in some encoding.
DROPPED = "(a text with a secret was removed)"

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)  # keeps every character in its place

#: A character written as a number behind a mark: %37, =37, 0x37, \x37, \x{37}, \u0037, \u{37}, %u0037, U+0037, \067.
_MARKED = re.compile(
    r"(?:%u|\\{1,8}u|u\+)([0-9a-f]{4})|\\{1,8}[ux]\{([0-9a-f]{1,6})\}|(?:%|=|0x|\\{1,8}x)([0-9a-f]{2})|\\{1,8}([0-7]{1,3})", re.IGNORECASE
)  # fmt: skip
_OCTAL = 4  # its group

#: Tags; and characters that stand alone, as those of a list do, or of a mapping from their places.
_MARKUP, _ALONE = re.compile(r"<[^<>]*>"), re.compile(r"(?<![0-9a-z])[0-9a-z](?![0-9a-z])", re.IGNORECASE)

_NOT_ALPHANUMERIC = bytes(set(range(256)) - set((string.ascii_letters + string.digits).encode()))


@dataclass(frozen=True)
class Alphabet:
    """Characters that encode the same number of bits each. Other characters between them are skipped.

    Attributes
    ----------
    size : int
        Bits of a character.
    bits : dict of int to str
        Code of a character -> its bits.
    others : bytes
        All other bytes.
    """

    size: int
    bits: dict[int, str]
    others: bytes


def _alphabet(*spellings: str) -> Alphabet:
    """Return an alphabet. Its values may have several spellings."""
    size = (len(spellings[0]) - 1).bit_length()
    bits = {
        ord(character): f"{value:0{size}b}"
        for spelling in spellings
        for value, character in enumerate(spelling)
    }
    return Alphabet(size, bits, bytes(set(range(256)) - set(bits)))


_HEX, _BASE32 = "0123456789abcdefghijklmnopqrstuv", "abcdefghijklmnopqrstuvwxyz234567"
_BASE64 = string.ascii_uppercase + string.ascii_lowercase + string.digits

#: Binary, hex, base32 of two sorts, base64 of two sorts.
_ALPHABETS = (
    _alphabet("01"),
    _alphabet(_HEX[:16], _HEX[:16].upper()),
    _alphabet(_BASE32, _BASE32.upper()),
    _alphabet(_HEX, _HEX.upper()),
    _alphabet(f"{_BASE64}+/", f"{_BASE64}-_"),
)


def redact(text: str, secrets: tuple[str, ...] = ()) -> str:
    """Return `text` on one line of at most 200 characters, without invisible characters and without `secrets`.

    >>> redact("bad token 0123456789abcdef\\n", ("0123456789abcdef",))
    'bad token ***'
    >>> redact("bad token 0123 4567 89ab cdef", ("0123456789abcdef",))
    '(a text with a secret was removed)'
    """
    line = "".join(filter(is_visible, " ".join(text[:READ_CHARACTERS].split())))
    # the password of a proxy is part of an address, so it may be percent-encoded
    to_hide = [secret for secret in dict.fromkeys([*secrets, *map(unquote, secrets)]) if secret]
    line = _hidden(line, [form for secret in to_hide for form in _forms(secret)])
    if to_hide and _reveals(line, to_hide):
        return DROPPED
    return shortened(line, TEXT_CHARACTERS)


def _hidden(line: str, forms: list[str]) -> str:
    """Return a line with stars in place of the pieces of secrets, in any case."""
    folded, hidden = line.translate(_LOWER), bytearray(len(line))
    forms = [form.translate(_LOWER) for form in forms]
    long = "\n".join(form for form in forms if len(form) >= PIECE_CHARACTERS)
    hits = [
        (at, PIECE_CHARACTERS)
        for at in range(len(line) - PIECE_CHARACTERS + 1)
        if folded[at : at + PIECE_CHARACTERS] in long
    ]
    for form in forms:
        if len(form) < PIECE_CHARACTERS:
            hits += [(at, len(form)) for at in range(len(line)) if folded.startswith(form, at)]
    for at, size in hits:
        hidden[at : at + size] = b"\1" * size
    runs = groupby(zip(line, hidden, strict=True), key=lambda pair: pair[1])
    return "".join("***" if secret else "".join(c for c, _ in run) for secret, run in runs)


def _forms(secret: str) -> list[str]:
    """Return a secret as it is, percent-encoded, and as it looks within a longer text in base64."""
    plain = secret.encode(errors="replace")
    percent = "".join(f"%{byte:02x}" for byte in plain)
    coded = [
        # the characters that depend on nothing but the secret, wherever it begins in a group of three bytes
        base64.b64encode(bytes(shift) + plain).decode()[-(-shift * 4 // 3) : (shift + len(plain)) * 4 // 3]
        for shift in range(3)
    ]
    safe = [text.translate(str.maketrans("+/", "-_")) for text in coded]
    return [form for form in (secret, quote(plain, safe=""), percent, *coded, *safe) if form]


def _reveals(line: str, secrets: list[str]) -> bool:
    """Return whether a line, or a decoding of it, holds a piece of a secret, or most of it in crumbs."""
    short = [secret.casefold() for secret in secrets if LEAST_CHARACTERS <= len(secret) < PIECE_CHARACTERS]
    orders = [
        _cut(order)
        for secret in dict.fromkeys(map(_alphanumeric, secrets))
        if len(secret) >= PIECE_CHARACTERS
        for order in _orders(secret)
    ]
    least = LEAST_CHARACTERS if short else PIECE_CHARACTERS
    for view in _views(line, re.compile(rf"[ -~]{{{least},}}")):
        letters, folded = _alphanumeric(view), view.casefold()
        if any(secret in folded for secret in short) or any(order.is_in(letters) for order in orders):
            return True
    return False


@dataclass(frozen=True)
class Cut:
    """A secret in one order, cut into pieces and crumbs.

    Attributes
    ----------
    pieces, crumbs : list of bytes
        One begins at each character of the secret.
    """

    pieces: list[bytes] = field(repr=False)
    crumbs: list[bytes] = field(repr=False)

    def is_in(self, letters: bytes) -> bool:
        """Return whether a text holds a piece of the secret, or more than half of it in crumbs."""
        # every piece holds one of these crumbs
        if not any(crumb in letters for crumb in self.crumbs[::CRUMB_CHARACTERS]):
            return False
        if any(piece in letters for piece in self.pieces):
            return True
        hits = [at for at, crumb in enumerate(self.crumbs) if crumb in letters]
        covered = {at + place for at in hits for place in range(CRUMB_CHARACTERS)}
        return 2 * len(covered) > len(self.crumbs) + CRUMB_CHARACTERS - 1 >= 2 * PIECE_CHARACTERS


def _cut(secret: bytes) -> Cut:
    pieces, crumbs = (
        [secret[at : at + size] for at in range(len(secret) - size + 1)]
        for size in (PIECE_CHARACTERS, CRUMB_CHARACTERS)
    )
    return Cut(pieces, crumbs)


def _alphanumeric(text: str) -> bytes:
    """Return the letters and digits of a text in lower case, without anything between them."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)  # there are full-width letters and digits
    return text.encode("ascii", "ignore").lower().translate(None, _NOT_ALPHANUMERIC)


def _orders(secret: bytes) -> Iterator[bytes]:
    """Yield a secret forwards, backwards, and with its bytes swapped in pairs, as in memory dumps."""
    yield secret
    yield secret[::-1]
    for first in range(2):
        pairs = [secret[at : at + 2][::-1] for at in range(first, len(secret), 2)]
        yield secret[:first] + b"".join(pairs)


def _views(text: str, readable: re.Pattern[str]) -> Iterator[str]:
    """Yield a text, its decodings, their decodings and so on. Only readable ones are decoded again."""
    layer, seen = [text], {text}
    for depth in range(LAYERS + 1):
        yield from layer
        if depth < LAYERS:
            # in UTF-16 zeros stand between the characters
            decoded = [
                " ".join(readable.findall(view.replace("\0", "")))
                for coded in layer
                for view in _decoded(coded)
            ]
            layer = [view for view in dict.fromkeys(decoded) if view and view not in seen]
            seen.update(layer)


def _decoded(text: str) -> Iterator[str]:
    """Yield all decodings of a text."""
    yield _MARKUP.sub("", text)
    yield "".join(_ALONE.findall(text))
    yield html.unescape(text)
    yield _MARKED.sub(_character, text)
    yield from _of_numbers(text)
    raw = text.encode("ascii", "ignore")
    for alphabet in _ALPHABETS:
        yield from _of_bits(raw, alphabet)


def _character(mark: re.Match[str]) -> str:
    number = int(mark[mark.lastindex or 0], 8 if mark.lastindex == _OCTAL else 16)
    return chr(number) if number <= sys.maxunicode else mark[0]


def _of_numbers(text: str) -> Iterator[str]:
    """Yield the characters whose codes are the numbers of a text, in decimal and in octal."""
    numbers = re.findall(r"[0-9]+", text)
    if len(numbers) >= LEAST_CHARACTERS:
        for base in (8, 10):
            digits = set(string.digits[:base])
            codes = [
                int(number, base) for number in numbers if len(number) <= 3 and digits.issuperset(number)
            ]
            yield "".join(chr(code) for code in codes if code < 128)


def _of_bits(raw: bytes, alphabet: Alphabet) -> Iterator[str]:
    """Yield the bytes that the characters of an alphabet encode, for each place where a byte may begin."""
    coded = raw.translate(None, alphabet.others)
    if len(coded) * alphabet.size >= 8 * LEAST_CHARACTERS:
        bits = "".join(map(alphabet.bits.__getitem__, coded))
        for start in range(0, 8, gcd(alphabet.size, 8)):
            count = (len(bits) - start) // 8
            yield int(bits[start : start + 8 * count] or "0", 2).to_bytes(count, "big").decode("latin-1")

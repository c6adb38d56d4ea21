"""How numbers and values are written where people read them."""

from __future__ import annotations

__all__ = ["counted", "duration", "percent", "shortened", "size"]

#: How much of a value is shown in a table, in characters.
SHOWN_CHARACTERS = 80

#: Noun -> its plural, where that is no mere s.
PLURALS = {"property": "properties"}

_BYTES = (("GB", 10**9), ("MB", 10**6), ("kB", 10**3))
_UNITS = (("h", 3600), ("min", 60), ("s", 1))


def counted(count: int, noun: str) -> str:
    """Return a number with its noun.

    >>> counted(1, "row"), counted(1200, "row"), counted(2, "property")
    ('1 row', '1,200 rows', '2 properties')
    """
    return f"{count:,} {noun if count == 1 else PLURALS.get(noun, f'{noun}s')}"


def shortened(text: str, most: int = SHOWN_CHARACTERS) -> str:
    """Return a text that fits in a table.

    >>> shortened("abcdef", 3)
    'abc…'
    """
    return text if len(text) <= most else f"{text[:most]}…"


def duration(seconds: float) -> str:
    """Return a time that nobody needs to know more exactly.

    >>> duration(8.2), duration(150), duration(7200)
    ('8 s', '3 min', '2 h')
    """
    unit, length = next(row for row in _UNITS if seconds >= 1.5 * row[1] or row[1] == 1)
    return f"{-(-seconds // length):,.0f} {unit}" if length > 1 else f"{seconds:.0f} s"


def percent(share: float) -> str:
    """Return a share in percent; what is not all of them is never called 100 %.

    >>> percent(1.0), percent(0.9999), percent(0.0001), percent(0.0)
    ('100%', '99%', '1%', '0%')
    """
    whole = int(share * 100)
    return f"{max(whole, 1) if share else 0}%"


def size(nbytes: int) -> str:
    """Return bytes in the unit that fits.

    >>> size(120), size(19_717), size(1_200_000)
    ('120 bytes', '19.7 kB', '1.2 MB')
    """
    unit, factor = next((row for row in _BYTES if nbytes >= row[1]), ("bytes", 1))
    return f"{nbytes / factor:,.1f} {unit}" if factor > 1 else f"{nbytes} {unit}"

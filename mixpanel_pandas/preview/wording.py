"""How much of a text a table shows."""

from __future__ import annotations

__all__ = ["shortened"]

#: How much of a value is shown in a table, in characters.
SHOWN_CHARACTERS = 80


def shortened(text: str, most: int = SHOWN_CHARACTERS) -> str:
    """Return a text that fits in a table.

    >>> shortened("abcdef", 3)
    'abc…'
    """
    return text if len(text) <= most else f"{text[:most]}…"

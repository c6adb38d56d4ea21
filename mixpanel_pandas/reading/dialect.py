"""How a CSV file is written: its separator, encoding and names, as the call or the file itself says."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mixpanel_pandas.errors import OperationError
from mixpanel_pandas.reading.lists import SEPARATORS

__all__ = ["BEGINNING", "Dialect", "delimiter_of", "without_sep_line"]

#: Separators that a file may have that does not say which it has.
_GUESSED = (",", ";", "\t", "|")

#: Bytes at the beginning of a file that show its separator, and whether backslashes escape quotes.
BEGINNING = 1 << 16

#: Lines behind the first that are to agree on the separator if that shows none.
_LINES = 10


@dataclass(frozen=True)
class Dialect:
    """How a CSV file is written.

    Attributes
    ----------
    delimiter : str or None
        One character, or a word of `SEPARATORS`. None: the one that a ``sep=`` line or the first record shows, else a comma.
    encoding : str or None
        None: UTF-8, or UTF-16 where the file begins with its byte order mark.
    header : bool
        Whether the first record holds the names of the columns.
    names : tuple of str or None
        Names of the columns, in place of those in the file.
    """

    delimiter: str | None = None
    encoding: str | None = None
    header: bool = True
    names: tuple[str, ...] | None = None


def without_sep_line(start: bytes) -> tuple[bytes, str | None]:
    """Return the beginning of a file without the line in which Excel names the separator, and the separator."""
    line, _, rest = start.partition(b"\n")
    named = re.fullmatch(rb'"?sep=([\t -~])"?\r?', line)
    return (rest, named[1].decode("latin-1")) if named else (start, None)


def delimiter_of(start: bytes, name: str, named: str | None) -> str:
    """Return the separator of a file: the one that is named, or that the first record shows, else a comma.

    Parameters
    ----------
    start : bytes
        The first `BEGINNING` bytes of the file, in UTF-8.
    name : str
        What messages call the file.
    named : str or None
        One character, or a word of `SEPARATORS`.

    Raises
    ------
    OperationError
        If none is named, the first record shows none, and the lines behind it agree on one.
    """
    if named:
        return SEPARATORS.get(named, named)
    is_whole = len(start) < BEGINNING
    unquoted = re.sub(r'"[^"]*"', "", start.decode("utf-8", "replace"))
    lines = re.split(r"[\r\n]+", unquoted.lstrip("\r\n"))
    header, others = lines[0], [line for line in (lines[1:] if is_whole else lines[1:-1]) if line][:_LINES]
    delimiter = next((guess for guess in _GUESSED if guess in header), None)
    if delimiter is not None or len(others) < 2:
        return delimiter or ","
    for guess in _GUESSED:
        counts = {line.count(guess) for line in others}
        if len(counts) == 1 and counts != {0}:
            msg = (
                f"{name}: the first line has one column, but the lines after it have {counts.pop() + 1}, with the separator {guess!r}: "
                "remove the first line if it is a title, or name the separator with delimiter="
            )
            raise OperationError(msg)
    return ","

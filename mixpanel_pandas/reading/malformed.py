"""Malformed records of a file: how many there are, and what is wrong with the first ones."""

from __future__ import annotations

from dataclasses import dataclass, field

from mixpanel_pandas.text import Length, shortened

__all__ = ["MALFORMED_CHECK", "MALFORMED_REASON", "Malformed", "MalformedRecord"]

#: Name of the check that malformed records do not pass, and the reason that a summary gives.
MALFORMED_CHECK, MALFORMED_REASON = "malformed_record", "malformed record"

#: Records that are kept, and those of them that a message names.
LISTED, NAMED = 100, 5


@dataclass(frozen=True)
class MalformedRecord:
    """A malformed record, which cannot become a row.

    Attributes
    ----------
    file : str
        The file, as messages call it.
    number : int
        Of the record in a CSV file, where the header is 1 and empty lines do not count; of the line in JSON Lines.
    message : str
        What is wrong with it, as a sentence without its end.
    text : str
        The beginning of the record.
    lines : int
        How many lines it has. A record on several lines counts as many, because each of them may be one.
    """

    file: str
    number: int
    message: str
    text: str
    lines: int = 1


@dataclass
class Malformed:
    """The malformed records of a source.

    Attributes
    ----------
    first : list of MalformedRecord
        The first 100.
    count : int
        How many there are; of a record on several lines, how many lines.
    """

    first: list[MalformedRecord] = field(default_factory=list)
    count: int = 0

    def add(self, file: str, number: int, message: str, text: str, lines: int = 1) -> None:
        """Note a record; those of a file in any order."""
        self.count += lines
        record = MalformedRecord(file, number, message, shortened(text, Length.VALUE), lines)
        place = len(self.first)
        while place and self.first[place - 1].file == file and self.first[place - 1].number > number:
            place -= 1
        self.first[place:] = [record, *self.first[place:]][: LISTED - place]

    def words(self) -> str:
        """Return what is wrong with the first ones, and how many there are beside them."""
        files = list(dict.fromkeys(record.file for record in self.first))
        named = self.first[:NAMED]
        several = len(files) > 1
        lines = [f"{f'{record.file}: ' if several else ''}{record.message}" for record in named]
        others = self.count - sum(record.lines for record in named)
        more = f"; and {others:,} more" if others else ""
        return f"{'' if several or not files else f'{files[0]}: '}{'; '.join(lines)}{more}"

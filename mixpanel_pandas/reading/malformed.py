"""Records of a file that are no rows: how many there are, and what is wrong with the first ones."""

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
    """A record that is no row.

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
    """

    file: str
    number: int
    message: str
    text: str


@dataclass
class Malformed:
    """The records of a source that are no rows.

    Attributes
    ----------
    first : list of MalformedRecord
        The first 100.
    count : int
        How many there are.
    """

    first: list[MalformedRecord] = field(default_factory=list)
    count: int = 0

    def add(self, file: str, number: int, message: str, text: str) -> None:
        """Note a record."""
        self.count += 1
        if len(self.first) < LISTED:
            self.first.append(MalformedRecord(file, number, message, shortened(text, Length.VALUE)))

    def words(self) -> str:
        """Return what is wrong with the first ones, and how many there are beside them."""
        files = list(dict.fromkeys(record.file for record in self.first))
        named = self.first[:NAMED]
        several = len(files) > 1
        lines = [f"{f'{record.file}: ' if several else ''}{record.message}" for record in named]
        more = f"; and {self.count - len(lines):,} more" if self.count > len(lines) else ""
        return f"{'' if several or not files else f'{files[0]}: '}{'; '.join(lines)}{more}"

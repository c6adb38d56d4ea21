r"""Quotes of a CSV file: whether each record that goes over several lines says itself where it ends.

Arrow's reader takes everything up to the next quote for one value. Where two quotes are lost, as in ``1,"hello\n2,b\n3,"world\n``, it makes
one record of several, and nobody would notice. So records on several lines are read a second time, and more strictly: behind the
quote that closes a value follows a separator or the end of the record, and a value that does not begin with a quote does not end in
one. Records on one line cannot hide others, and are not looked at: in ``5" pipe`` a quote is a character like others.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from mixpanel_pandas.payloads.arrays import mask_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["QuoteCheck", "Undecided", "line_count"]

_LINE_END = re.compile(rb"\r\n?|\n")


@dataclass(frozen=True)
class Undecided:
    """A row of a batch whose record may hold others.

    Attributes
    ----------
    row : int
        Position in the batch.
    text : str
        The record as it is in the file.
    """

    row: int
    text: str


class QuoteCheck:
    """Finds the rows whose records may hold others, batch by batch.

    Each block of the file gives one batch, which ends with the last record that ends in the block. While no value of a batch holds the
    end of a line, each line of its block is a record. So the records of a later batch are found without reading all before them again.

    Parameters
    ----------
    delimiter : str
        Separator of values.
    escaping : bool
        Whether a backslash takes the meaning from the character behind it.

    Attributes
    ----------
    is_doubtful : bool
        Whether all batches are looked at, because a record on several lines was malformed and is in no batch.
    """

    def __init__(self, delimiter: str, *, escaping: bool) -> None:
        self._escaping = escaping
        self._grammar = _Grammar.of(delimiter, escaping=escaping)
        self._blocks: deque[bytes] = deque()
        self._block: bytes = b""
        self._text: bytes | None = b""  # what stands behind the last record; None: it is not known
        self.is_doubtful = False

    def add_block(self, block: bytes) -> None:
        """Take the next block of the file."""
        self._blocks.append(block)

    def undecided(self, batch: pa.RecordBatch) -> list[Undecided]:
        """Return the rows of the next batch whose records may hold others.

        Raises
        ------
        ValueError
            If the records cannot be told apart.
        """
        before, self._block = self._block, self._blocks.popleft()
        if batch.num_rows and not self.is_doubtful and not self._is_on_lines(batch, before):
            self._text = None
            return []
        text = self._text_behind(before) + self._block
        end = self._grammar.decided_end(text)
        undecided = []
        if self._grammar.record.match(text, end):
            records, end = self._grammar.records_on_lines(text, batch.num_columns)
            rows = _rows_on_lines(batch)
            undecided = [
                Undecided(int(row), record.decode("utf-8", "replace"))
                for row, (record, is_decided) in zip(rows, records, strict=True)
                if not is_decided
            ]
        self._text = text[end:]
        return undecided

    def _is_on_lines(self, batch: pa.RecordBatch, before: bytes) -> bool:
        """Return whether a value of the batch holds the end of a line. Most blocks have no quote, which is found out fastest."""
        may_hold = (
            self._escaping or b'"' in self._block or b'"' in (before if self._text is None else self._text)
        )
        return may_hold and _holds_line_ends(batch)

    def _text_behind(self, block: bytes) -> bytes:
        """Return what stands behind a record, the last one where that is known; else `block` is that of a batch of records on one line."""
        return _LINE_END.split(block, maxsplit=1)[-1] if self._text is None else self._text

    def is_open(self) -> bool:
        """Return whether the file ends in a value whose quote is not closed."""
        if self._text is None and not self._blocks:
            return False
        text = self._text_behind(self._block) + b"".join(self._blocks)
        _, end = self._grammar.records_on_lines(text, 0)
        return bool(text[end:].strip(b"\r\n"))


def line_count(text: str) -> int:
    r"""Return how many lines a record has.

    >>> line_count("1,a"), line_count('1,"a\r\nb"')
    (1, 2)
    """
    return 1 + len(_LINE_END.findall(text.encode()))


def _holds_line_ends(batch: pa.RecordBatch) -> bool:
    """Return whether a value holds the end of a line. This looks at the bytes of all values at once."""
    buffers = [column.buffers()[2] for column in batch.columns]
    texts = [buffer.to_pybytes() for buffer in buffers if buffer is not None]
    return any(end in text for text in texts for end in (b"\n", b"\r"))


def _rows_on_lines(batch: pa.RecordBatch) -> np.ndarray:
    """Return the rows with values that hold the end of a line."""
    masks = [mask_of(pc.match_substring_regex(column, "[\r\n]")) for column in batch.columns]
    return np.flatnonzero(np.logical_or.reduce(masks))


@dataclass(frozen=True)
class _Grammar:
    """How the records of a file are written, as regular expressions that never go back.

    Attributes
    ----------
    decided : re.Pattern
        Records, one after the other, each with its line end.
    record : re.Pattern
        A record as Arrow's reader finds it.
    value : re.Pattern
        A value with the separator in front of it.
    """

    decided: re.Pattern[bytes]
    record: re.Pattern[bytes]
    value: re.Pattern[bytes]

    @classmethod
    def of(cls, delimiter: str, *, escaping: bool) -> _Grammar:
        """Return how records are written with a separator, and with or without backslashes that escape."""
        separator, slash = re.escape(delimiter.encode()), rb"\\" if escaping else b""
        stops = separator + rb"\r\n"

        def run(stops: bytes, among: bytes, escaped: bytes = b".") -> bytes:
            """Everything up to one of `stops`, with what may stand `among` it."""
            among = b"|".join([*filter(None, [among]), *([rb"\\" + escaped] if escaping else [])])
            plain = b"[^" + stops + slash + b"]*+"
            return plain + (b"(?:(?:" + among + b")" + plain + b")*+" if among else b"")

        def value(inside: bytes, behind: bytes) -> bytes:
            """A value in quotes, with what stands inside of them and behind them; or one without."""
            return b'(?:"' + inside + b'"' + behind + b'|(?!")' + behind + b")"

        inside = run(b'"', b'""')
        short = value(run(rb'"\r\n', b'""', rb"[^\r\n]"), run(stops, b"", rb"[^\r\n]"))
        strict = b'(?:"' + inside + b'"|(?!")' + run(stops + b'"', b'"(?![' + stops + b"])") + b")"
        lenient = value(inside, run(stops, b""))
        end = rb"(?:\r\n?+|\n)"
        decided = (
            rb'(?:[^"\r\n' + slash + b"]*+" + end  # nearly all lines
            + b"|" + short + b"(?:" + separator + short + b")*+" + end
            + b"|" + strict + b"(?:" + separator + strict + b")*+" + end + b")*+"
        )  # fmt: skip
        record = b"(" + lenient + b"(?:" + separator + lenient + b")*+)" + end
        return cls(
            re.compile(decided, re.DOTALL),
            re.compile(record, re.DOTALL),
            re.compile(rb"(?:\A|" + separator + b")" + lenient, re.DOTALL),
        )

    def decided_end(self, text: bytes) -> int:
        """Return where the first record ends that leaves it open where it ends, or that goes on behind the text."""
        matched = self.decided.match(text)
        return matched.end() if matched else 0

    def records_on_lines(self, text: bytes, columns: int) -> tuple[list[tuple[bytes, bool]], int]:
        """Return the records on several lines that have `columns` values, and whether they are decided; and where the last one ends.

        It loops over records, because few files hold one that is not decided.
        """
        records, end = [], 0
        while matched := self.record.match(text, end):
            record, end = matched[1], matched.end()
            if _LINE_END.search(record) and len(self.value.findall(record)) == columns:
                records.append((record, self.decided.fullmatch(matched[0]) is not None))
        return records, end

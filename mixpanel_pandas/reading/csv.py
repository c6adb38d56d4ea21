"""CSV as text: every value as it is in the file, record by record. `inference` decides later which columns hold numbers.

Arrow's reader splits the records. Around it stand the things that it does not see: the encoding, a ``sep=`` line, the separator,
quotes that a backslash escapes, a quote that is never closed.
"""

from __future__ import annotations

import codecs
import io
import logging
import re
from array import array
from collections import Counter
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING

import numpy as np
import pyarrow as pa

from mixpanel_pandas.errors import OperationError, choices
from mixpanel_pandas.reading.dialect import BEGINNING, delimiter_of, without_sep_line
from mixpanel_pandas.reading.quotes import QuoteCheck, line_count
from mixpanel_pandas.reading.streams import Replayed, Utf8
from mixpanel_pandas.text import Length, counted, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyarrow import csv

    from mixpanel_pandas.reading.dialect import Dialect
    from mixpanel_pandas.reading.malformed import Malformed

__all__ = ["csv_batches"]

logger: logging.Logger = logging.getLogger("mixpanel_pandas")

#: Bytes that Arrow parses at once; a record must fit into it.
BLOCK_BYTES = 1 << 20

#: Columns of the widest table.
COLUMNS = 20_000

#: A quote behind a backslash, inside of a value: what follows is neither the end of the value nor another quote.
_ESCAPED_QUOTE = re.compile(rb'\\"[^",;|\t\r\n]')

_OPEN_QUOTE = "{name}: a quote is never closed, so all records after it would become one value"


def csv_batches(
    stream: IO[bytes], name: str, dialect: Dialect, malformed: Malformed
) -> Iterator[pa.RecordBatch]:
    """Yield the records of a CSV file, every column as text; ``a,`` is missing and ``a,""`` is empty text.

    Parameters
    ----------
    stream : binary file
        Decompressed.
    name : str
        What messages call the file.
    dialect : Dialect
        How it is written.
    malformed : Malformed
        Takes the records that have another number of values.

    Raises
    ------
    OperationError
        If the text is in another encoding, a quote is not closed, a record is longer than 1 MB, or a column has no name or that of
        another.
    """
    from pyarrow import csv

    text = Utf8(stream, name, dialect.encoding)
    start, named = without_sep_line(text.read(BEGINNING))
    delimiter = delimiter_of(start, name, dialect.delimiter or named)
    escaping = _ESCAPED_QUOTE.search(start) is not None
    whole: IO[bytes] = Replayed(start, text)
    quotes = QuoteCheck(delimiter, escaping=escaping)
    unescaping = _Unescaping(whole, delimiter)
    rest = _Watched(unescaping if escaping else whole, name, quotes, escaping=escaping)
    records = _Records(name, malformed, quotes)
    if not start.strip():
        if dialect.names is not None:
            yield pa.record_batch([pa.array([], pa.large_string())] * len(dialect.names), names=dialect.names)
        return
    is_whole = len(start) < BEGINNING
    columns = start.count(delimiter.encode()) + 1 if is_whole else COLUMNS  # the names of many take time
    options = _options_of_arrow(delimiter, columns, records, escaping=escaping)
    names: list[str] | None = None
    try:
        with (
            csv.open_csv(pa.PythonFile(rest, mode="r"), *options) as reader,
            _ended(reader, rest),
        ):
            for arrows in reader:
                if arrows.num_columns > columns:
                    msg = f"{name} has {arrows.num_columns:,} columns: at most {columns:,} can be read"
                    raise OperationError(msg)
                batch = records.decided(arrows, has_names=names is None and dialect.header)
                if names is None:
                    names = _names(batch, name, dialect)
                    batch = batch.slice(int(dialect.header))  # the header is no record
                    yield batch.rename_columns(names)
                elif batch.num_rows:
                    yield batch.rename_columns(names)
    except pa.ArrowInvalid as error:
        raise _in_words(error, name, rest, quotes) from error
    if quotes.is_open():
        raise OperationError(_OPEN_QUOTE.format(name=name))
    if unescaping.has_pairs and unescaping.has_single_ones:
        words = "%s: backslashes escape quotes and backslashes, so two backslashes are read as one; but some backslashes are single, as in C:\\temp"
        logger.warning(words, name, extra={"event": "backslashes"})


def _options_of_arrow(
    delimiter: str, columns: int, records: _Records, *, escaping: bool
) -> tuple[csv.ReadOptions, csv.ParseOptions, csv.ConvertOptions]:
    """Return the options with which Arrow reads every value as text, the header as a record, and skips records of another length."""
    from pyarrow import csv

    reading = csv.ReadOptions(block_size=BLOCK_BYTES, use_threads=False, autogenerate_column_names=True)
    parsing = csv.ParseOptions(
        delimiter=delimiter,
        newlines_in_values=True,
        invalid_row_handler=records.skip,
        escape_char="\\" if escaping else False,
    )
    converting = csv.ConvertOptions(
        column_types={f"f{number}": pa.large_string() for number in range(columns)},
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    return reading, parsing, converting


class _Records:
    """The records of a file, of which some are malformed.

    Parameters
    ----------
    name : str
        What messages call the file.
    malformed : Malformed
        Collects the malformed records.
    quotes : QuoteCheck
        Finds the records that may hold others.
    """

    def __init__(self, name: str, malformed: Malformed, quotes: QuoteCheck) -> None:
        self._name, self._malformed, self._quotes = name, malformed, quotes
        self._rows, self._skipped = 0, array("q")

    def skip(self, row: csv.InvalidRow) -> str:
        """Note a record with another number of values than the first."""
        lines = line_count(row.text)
        self._skipped.append(row.number)
        self._quotes.is_doubtful |= lines > 1
        values = f"{counted(row.actual_columns, 'value')}, not {row.expected_columns}"
        message = f"record {row.number} has {values}{f', on {lines} lines' if lines > 1 else ''}"
        self._malformed.add(self._name, row.number, message, row.text, lines)
        return "skip"

    def decided(self, batch: pa.RecordBatch, *, has_names: bool) -> pa.RecordBatch:
        """Return a batch without the records that may hold others, and note these.

        Raises
        ------
        OperationError
            If one of them has the names of the columns.
        """
        try:
            undecided = self._quotes.undecided(batch)
        except ValueError as error:
            msg = f"cannot read {self._name}: records span several lines, and their ends are ambiguous; put all values in quotes"
            raise OperationError(msg) from error
        first, self._rows = self._rows, self._rows + batch.num_rows
        if not undecided:
            return batch
        if has_names and undecided[0].row == 0:
            msg = f"{self._name}: {_undecided_in_words(1, undecided[0].text)}, but it must name the columns"
            raise OperationError(msg)
        keep = np.ones(batch.num_rows, bool)
        for record in undecided:
            keep[record.row] = False
            number = self._number(first + record.row)
            message = _undecided_in_words(number, record.text)
            self._malformed.add(self._name, number, message, record.text, line_count(record.text))
        return batch.filter(pa.array(keep))

    def _number(self, row: int) -> int:
        """Return the number of the record that is a row, both with the header."""
        rows_before = np.array(self._skipped, "int64") - np.arange(1, len(self._skipped) + 1)
        return row + 1 + int(np.searchsorted(rows_before, row, side="right"))


def _undecided_in_words(number: int, text: str) -> str:
    return f"record {number} spans {line_count(text)} lines, and a quote in it is not closed or not doubled"


@contextmanager
def _ended(reader: csv.CSVStreamingReader, rest: _Watched) -> Iterator[None]:
    """Let Arrow come to its end where reading stops early: a thread of it that still reads while Python exits aborts the process."""
    try:
        yield
    except BaseException:
        rest.is_over = True
        with suppress(pa.ArrowException, StopIteration, OSError):
            for _batch in reader:
                pass
        raise


def _names(batch: pa.RecordBatch, name: str, dialect: Dialect) -> list[str]:
    """Return the names of the columns."""
    if dialect.names is not None:
        if len(dialect.names) != batch.num_columns:
            msg = f"{name} has {counted(batch.num_columns, 'column')}, but names= has {len(dialect.names)}"
            raise OperationError(msg)
        return list(dialect.names)
    if not dialect.header:
        return [f"column_{number + 1}" for number in range(batch.num_columns)]
    names = [column[0].as_py() or "" for column in batch.columns]
    twice = sorted(label for label, count in Counter(names).items() if count > 1)
    if twice:
        msg = f"columns {choices(twice)} occur more than once in {name}: rename them, or name all columns with names="
        raise OperationError(msg)
    return names


def _in_words(error: pa.ArrowInvalid, name: str, watched: _Watched, quotes: QuoteCheck) -> Exception:
    """Return an error of Arrow's reader in our words."""
    text = str(error)
    if watched.error is not None:  # ours, raised while Arrow read
        return watched.error
    if "Empty CSV" in text and quotes.is_open():
        msg = _OPEN_QUOTE.format(name=name)
    elif "straddl" in text:
        msg = f"{name}: a record is longer than {BLOCK_BYTES >> 20} MB, or a quote is not closed"
    else:
        msg = f"cannot read {name}: {shortened(error, Length.SENTENCE)}"
    return OperationError(msg)


class _Unescaping(io.RawIOBase, IO[bytes]):
    r"""A stream of CSV in which backslashes escape quotes, prepared for Arrow, which drops each backslash that it takes for an escape.

    A backslash is an escape in front of a quote, a separator, a line end and another backslash. Elsewhere, as in ``C:\temp`` or ``\N``,
    it is part of the value, and so is doubled.

    Parameters
    ----------
    stream : binary file
        In UTF-8.
    delimiter : str
        Separator of values.

    Attributes
    ----------
    has_pairs, has_single_ones : bool
        Whether a backslash escapes another one; and whether one is part of a value, other than ``\N`` and ``\0``, which writers
        that escape have for what is missing. In a file that has both, not all backslashes are escaped.
    """

    def __init__(self, stream: IO[bytes], delimiter: str) -> None:
        super().__init__()
        self._stream, self._held, self._prepared = stream, b"", b""
        self.has_pairs = self.has_single_ones = False
        self._backslash = re.compile(rb'\\(["\\\r\n' + re.escape(delimiter.encode()) + rb"])?")

    def read(self, size: int = -1, /) -> bytes:
        """Return `size` bytes; fewer only at the end."""
        while size < 0 or len(self._prepared) < size:
            block = self._stream.read(BLOCK_BYTES)
            text, self._held = self._held + block, b""
            if block and (len(text) - len(text.rstrip(b"\\"))) % 2:  # the next block holds what it escapes
                text, self._held = text[:-1], b"\\"
            self._prepared += self._backslash.sub(self._for_arrow, text)
            if not block:
                break
        size = len(self._prepared) if size < 0 else size
        taken, self._prepared = self._prepared[:size], self._prepared[size:]
        return taken

    def _for_arrow(self, backslash: re.Match[bytes]) -> bytes:
        """Return a backslash, and what it escapes, as Arrow is to read it."""
        if backslash[1]:
            self.has_pairs |= backslash[1] == b"\\"
            return backslash[0]
        self.has_single_ones |= backslash.string[backslash.end() : backslash.end() + 1] not in b"N0"
        return b"\\\\"


class _Watched(Replayed):
    """A stream of CSV that sees what Arrow does not, and keeps the error that it raises, which Arrow would hide.

    Attributes
    ----------
    error : Exception or None
        What reading raised.
    is_over : bool
        Whether the stream is to end here, because nobody wants the rest.
    """

    def __init__(self, stream: IO[bytes], name: str, quotes: QuoteCheck, *, escaping: bool) -> None:
        super().__init__(b"", stream)
        self._name, self._quotes, self._escaping = name, quotes, escaping
        self._tail = self._held = b""
        self._ended = self.is_over = False
        self.error: Exception | None = None
        self._utf8 = codecs.getincrementaldecoder("utf-8")()

    def read(self, size: int = -1, /) -> bytes:
        """Return `size` bytes; fewer only at the end, which ends a line."""
        if self.is_over:
            return b""
        try:
            block = self._held + super().read(size - len(self._held))
            self._held = b""
            self._refuse_late_escapes(block)
            self._refuse_other_encodings(block, is_last=not 0 <= size <= len(block))
        except (OSError, EOFError, OperationError) as error:
            self.error = error
            raise
        self._tail = block[-2:]
        if len(block) == size and block.endswith(b"\r"):  # Arrow drops its \n, also inside of quotes
            block, self._held = block[:-1], b"\r"
        elif 0 <= len(block) < size and not self._ended:
            self._ended = True  # Arrow refuses a lone header that does not end its line
            block += b"" if block.endswith(b"\n") else b"\n"
        if block:
            self._quotes.add_block(block)
        return block

    def _refuse_other_encodings(self, block: bytes, *, is_last: bool) -> None:
        """Raise if a block is not in UTF-8."""
        try:
            if not block.isascii() or self._utf8.getstate()[0]:  # nearly all blocks are ASCII
                self._utf8.decode(block, final=is_last)
        except UnicodeDecodeError as error:
            line = (
                error.object[max(error.start - 20, 0) : error.start]
                .rpartition(b"\n")[2]
                .decode(errors="ignore")
            )
            wrong = f"byte 0x{error.object[error.start]:02x} after {line!r}"
            msg = f'{self._name} is not in UTF-8: name its encoding, such as encoding="cp1252" ({wrong})'
            raise OperationError(msg) from error

    def _refuse_late_escapes(self, block: bytes) -> None:
        """Raise if backslashes escape quotes only far behind the beginning: what was read before may have held them, too."""
        if not self._escaping and _ESCAPED_QUOTE.search(self._tail + block):
            msg = f"cannot read {self._name}: a backslash escapes a quote; write a quote in a value as two quotes"
            raise OperationError(msg)

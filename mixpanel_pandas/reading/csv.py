"""CSV as text: every value as it stands in the file, record by record. `inference` decides later which columns hold numbers.

Arrow's reader splits the records. Around it stand the things that it does not see: the encoding, a ``sep=`` line, the separator,
quotes that a backslash escapes, a quote that is never closed.
"""

from __future__ import annotations

import codecs
import io
import re
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

import pyarrow as pa

from mixpanel_pandas.errors import OperationError, choices
from mixpanel_pandas.reading.lists import SEPARATORS
from mixpanel_pandas.reading.streams import Replayed, Utf8
from mixpanel_pandas.text import Length, counted, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyarrow import csv

    from mixpanel_pandas.reading.malformed import Malformed

__all__ = ["Dialect", "csv_batches"]

#: Separators that a file may have that does not say which it has.
_GUESSED = (",", ";", "\t", "|")

#: Bytes that Arrow parses at once; a record must fit into it.
BLOCK_BYTES = 1 << 20

#: Columns of the widest table.
COLUMNS = 20_000

#: Bytes at the beginning of a file that show its separator, and whether backslashes escape quotes.
_BEGINNING = 1 << 16

#: A quote behind a backslash, inside of a value: what follows is neither the end of the value nor another quote.
_ESCAPED_QUOTE = re.compile(rb'\\"[^",;|\t\r\n]')

_OPEN_QUOTE = "{name}: a quote is opened and never closed, so that all records behind it would be one value"


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
    start, delimiter = _without_sep_line(text.read(_BEGINNING), dialect.delimiter)
    escaping = _ESCAPED_QUOTE.search(start) is not None
    whole: IO[bytes] = Replayed(start, text)
    rest = _Watched(_Unescaping(whole, delimiter) if escaping else whole, name, escaping=escaping)
    if not start.strip():
        if dialect.names is not None:
            yield pa.record_batch([pa.array([], pa.large_string())] * len(dialect.names), names=dialect.names)
        return
    last_malformed = ""

    def take(row: csv.InvalidRow) -> str:
        nonlocal last_malformed
        last_malformed = row.text
        values = counted(row.actual_columns, "value")
        malformed.add(
            name, row.number, f"record {row.number} has {values}, not {row.expected_columns}", row.text
        )
        return "skip"

    is_whole = len(start) < _BEGINNING
    columns = start.count(delimiter.encode()) + 1 if is_whole else COLUMNS  # the names of many take time
    reading = csv.ReadOptions(block_size=BLOCK_BYTES, use_threads=False, autogenerate_column_names=True)
    parsing = csv.ParseOptions(
        delimiter=delimiter,
        newlines_in_values=True,
        invalid_row_handler=take,
        escape_char="\\" if escaping else False,
    )
    converting = csv.ConvertOptions(
        column_types={f"f{number}": pa.large_string() for number in range(columns)},
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    names: list[str] | None = None
    last = None
    try:
        with (
            csv.open_csv(pa.PythonFile(rest, mode="r"), reading, parsing, converting) as reader,
            _ended(reader, rest),
        ):
            for batch in reader:
                if names is None:
                    names, last = _names(batch, name, dialect), batch
                    batch = batch.slice(int(dialect.header))  # noqa: PLW2901 (the header is no record)
                    yield batch.rename_columns(names)
                elif batch.num_rows:
                    yield batch.rename_columns(names)
                last = batch if batch.num_rows else last
    except pa.ArrowInvalid as error:
        raise _in_words(error, name, rest) from error
    if rest.quotes % 2 and (_ends_in_the_middle(last) or "\n" in last_malformed):
        raise OperationError(_OPEN_QUOTE.format(name=name))


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


def _ends_in_the_middle(batch: pa.RecordBatch | None) -> bool:
    """Return whether a value of the last record ends with a line, as one does that has swallowed the rest of the file."""
    return batch is not None and any((column[-1].as_py() or "").endswith("\n") for column in batch.columns)


def _without_sep_line(start: bytes, delimiter: str | None) -> tuple[bytes, str]:
    """Return the beginning of a file without the line in which Excel names the separator, and the separator."""
    line, _, rest = start.partition(b"\n")
    named = re.fullmatch(rb'"?sep=([\t -~])"?\r?', line)
    if named:
        start, delimiter = rest, delimiter or named[1].decode("latin-1")
    delimiter = SEPARATORS.get(delimiter or "", delimiter)
    if delimiter is None:
        header = re.sub(r'"[^"]*"', "", start.partition(b"\n")[0].decode("utf-8", "replace"))
        delimiter = next((guess for guess in _GUESSED if guess in header), ",")
    return start, delimiter


def _names(batch: pa.RecordBatch, name: str, dialect: Dialect) -> list[str]:
    """Return the names of the columns."""
    if dialect.names is not None:
        if len(dialect.names) != batch.num_columns:
            msg = f"{name} has {counted(batch.num_columns, 'column')}, and names= has {len(dialect.names)}"
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


def _in_words(error: pa.ArrowInvalid, name: str, watched: _Watched) -> Exception:
    """Return an error of Arrow's reader in our words."""
    text = str(error)
    if watched.error is not None:  # ours, raised while Arrow read
        return watched.error
    if "Empty CSV" in text and watched.quotes % 2:
        msg = _OPEN_QUOTE.format(name=name)
    elif "straddl" in text:
        msg = (
            f"{name}: a record is longer than {BLOCK_BYTES >> 20} MB, or a quote is not closed"
            f"{': there is an odd number of quotes' if watched.quotes % 2 else ''}"
        )
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
    """

    def __init__(self, stream: IO[bytes], delimiter: str) -> None:
        super().__init__()
        self._stream, self._held, self._prepared = stream, b"", b""
        self._backslash = re.compile(rb'\\(["\\\r\n' + re.escape(delimiter.encode()) + rb"])?")

    def read(self, size: int = -1, /) -> bytes:
        """Return `size` bytes; fewer only at the end."""
        while size < 0 or len(self._prepared) < size:
            block = self._stream.read(BLOCK_BYTES)
            text, self._held = self._held + block, b""
            if block and (len(text) - len(text.rstrip(b"\\"))) % 2:  # the next block holds what it escapes
                text, self._held = text[:-1], b"\\"
            self._prepared += self._backslash.sub(lambda match: match[0] if match[1] else b"\\\\", text)
            if not block:
                break
        size = len(self._prepared) if size < 0 else size
        taken, self._prepared = self._prepared[:size], self._prepared[size:]
        return taken


class _Watched(Replayed):
    """A stream of CSV that sees what Arrow does not, and keeps the error that it raises, which Arrow would hide.

    Attributes
    ----------
    quotes : int
        How many quotes were read that no backslash escapes.
    error : Exception or None
        What reading raised.
    is_over : bool
        Whether the stream is to end here, because nobody wants the rest.
    """

    def __init__(self, stream: IO[bytes], name: str, *, escaping: bool) -> None:
        super().__init__(b"", stream)
        self._name, self._escaping, self._ended, self._tail, self.quotes = name, escaping, False, b"", 0
        self.error: Exception | None = None
        self.is_over = False
        self._utf8 = codecs.getincrementaldecoder("utf-8")()

    def read(self, size: int = -1, /) -> bytes:
        """Return `size` bytes; fewer only at the end, which ends a line."""
        if self.is_over:
            return b""
        try:
            block = super().read(size)
            self._refuse_late_escapes(block)
            self._refuse_other_encodings(block, is_last=not 0 <= size <= len(block))
        except (OSError, EOFError, OperationError) as error:
            self.error = error
            raise
        self.quotes += block.count(b'"')
        if self._escaping:
            self.quotes -= self._escaped_quotes(block)
        self._tail = block[-2:]
        if 0 <= len(block) < size and not self._ended:
            self._ended = True  # Arrow refuses a lone header that does not end its line
            block += b"" if block.endswith(b"\n") else b"\n"
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
            wrong = f"byte 0x{error.object[error.start]:02x} behind {line!r}"
            msg = f'{self._name} is not in UTF-8: name its encoding, as encoding="cp1252" ({wrong})'
            raise OperationError(msg) from error

    def _refuse_late_escapes(self, block: bytes) -> None:
        """Raise if backslashes escape quotes only far behind the beginning: what was read before may have held them, too."""
        if not self._escaping and _ESCAPED_QUOTE.search(self._tail + block):
            msg = f"cannot read {self._name}: a backslash escapes a quote; write a quote in a value as two quotes"
            raise OperationError(msg)

    def _escaped_quotes(self, block: bytes) -> int:
        """Return how many quotes of a block a backslash escapes."""
        before = block.startswith(b'"') and self._tail.endswith(b"\\") and self._tail != b"\\\\"
        return block.replace(b"\\\\", b"  ").count(b'\\"') + before

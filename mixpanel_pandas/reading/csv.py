"""CSV as text: every value as it stands in the file, record by record. `inference` decides later which columns hold numbers.

Arrow's reader splits the records. Around it stand the things that it does not see: the encoding, a ``sep=`` line, the separator,
quotes that a backslash escapes, a quote that is never closed.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

import pyarrow as pa

from mixpanel_pandas.errors import OperationError, choices
from mixpanel_pandas.reading.streams import Replayed
from mixpanel_pandas.text import Length, counted, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyarrow import csv

__all__ = ["Malformed", "csv_batches"]

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

#: Records that a message names.
_NAMED = 100


@dataclass
class Malformed:
    """Records with too many or too few values; a record is counted with the header and without empty lines.

    Attributes
    ----------
    first : list of tuple
        Number, values expected and values found of the first ones.
    count : int
        How many there are.
    """

    first: list[tuple[int, int, int]] = field(default_factory=list)
    count: int = 0

    def take(self, row: csv.InvalidRow) -> str:
        """Note a record for Arrow, which goes on without it."""
        self.count += 1
        if len(self.first) < _NAMED:
            self.first.append((row.number, row.expected_columns, row.actual_columns))
        return "skip"

    def words(self) -> str:
        """Return what is wrong with them."""
        lines = [
            f"record {number} has {counted(actual, 'value')}, not {expected}"
            for number, expected, actual in self.first[:5]
        ]
        more = f", and {self.count - len(lines):,} more" if self.count > len(lines) else ""
        return f"{'; '.join(lines)}{more}"


def csv_batches(
    stream: IO[bytes], name: str, delimiter: str | None, malformed: Malformed
) -> Iterator[pa.RecordBatch]:
    """Yield the records of a CSV file, every column as text; ``a,`` is missing and ``a,""`` is empty text.

    Parameters
    ----------
    stream : binary file
        Decompressed; UTF-8, or UTF-16 with its byte order mark.
    name : str
        What messages call the file.
    delimiter : str, optional
        By default the separator that a ``sep=`` line or the first record shows, else a comma.
    malformed : Malformed
        Takes the records that have another number of values.

    Raises
    ------
    OperationError
        If the text is in another encoding, a quote is not closed, a record is longer than 1 MB, or columns share a name.
    """
    from pyarrow import csv

    text = _Text(stream, name)
    start = text.read(_BEGINNING)
    start, delimiter = _without_sep_line(start, delimiter)
    escaping = _ESCAPED_QUOTE.search(start) is not None
    rest = _Watched(Replayed(start, text), name, escaping=escaping)
    if not start.strip():
        return
    reading = csv.ReadOptions(block_size=BLOCK_BYTES, use_threads=False, autogenerate_column_names=True)
    parsing = csv.ParseOptions(
        delimiter=delimiter,
        newlines_in_values=True,
        invalid_row_handler=malformed.take,
        escape_char="\\" if escaping else False,
    )
    converting = csv.ConvertOptions(
        column_types={f"f{number}": pa.large_string() for number in range(COLUMNS)},
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    names: list[str] | None = None
    try:
        with csv.open_csv(pa.PythonFile(rest, mode="r"), reading, parsing, converting) as reader:
            for batch in reader:
                if names is None:
                    names = _names(batch, name)
                    batch = batch.slice(1)  # noqa: PLW2901 (the header is no record)
                if batch.num_rows:
                    yield batch.rename_columns(names)
            if names is not None and not batch.num_rows:
                yield batch.rename_columns(names)  # a header alone: columns without rows
    except pa.ArrowInvalid as error:
        raise _in_words(error, name, rest) from error
    rest.refuse_open_quote()


def _without_sep_line(start: bytes, delimiter: str | None) -> tuple[bytes, str]:
    """Return the beginning of a file without the line in which Excel names the separator, and the separator."""
    line, _, rest = start.partition(b"\n")
    named = re.fullmatch(rb'"?sep=(.)"?\r?', line)
    if named:
        start, delimiter = rest, delimiter or named[1].decode("latin-1")
    if delimiter is None:
        header = re.sub(r'"[^"]*"', "", start.partition(b"\n")[0].decode("utf-8", "replace"))
        delimiter = next((guess for guess in _GUESSED if guess in header), ",")
    return start, delimiter


def _names(batch: pa.RecordBatch, name: str) -> list[str]:
    """Return the names of the columns, which the first record holds."""
    names = [column[0].as_py() or "" for column in batch.columns]
    twice = sorted({label for label in names if names.count(label) > 1})
    if twice:
        msg = f"columns {choices(twice)} occur more than once in {name}: rename them"
        raise OperationError(msg)
    return names


def _in_words(error: pa.ArrowInvalid, name: str, watched: _Watched) -> Exception:
    """Return an error of Arrow's reader in our words."""
    text = str(error)
    if watched.error is not None:  # ours, raised while Arrow read
        return watched.error
    if "straddl" in text:
        msg = (
            f"{name}: a record is longer than {BLOCK_BYTES >> 20} MB, or a quote is not closed"
            f"{': there is an odd number of quotes' if watched.quotes % 2 else ''}"
        )
    elif "UTF8" in text:
        msg = f"{name} is not in UTF-8: save it as UTF-8 ({shortened(error, Length.SENTENCE)})"
    elif "Expected" in text and "columns" in text:
        msg = f"cannot read {name}: {shortened(error, Length.SENTENCE)}"
    else:
        msg = f"cannot read {name}: {shortened(error, Length.SENTENCE)}"
    return OperationError(msg)


class _Text(Replayed):
    """A stream of text, as UTF-8 without a byte order mark.

    Parameters
    ----------
    stream : binary file
        UTF-8, or UTF-16 with its mark.
    name : str
        What messages call the file.
    """

    def __init__(self, stream: IO[bytes], name: str) -> None:
        start = stream.read(4)
        start = start.removeprefix(codecs.BOM_UTF8)
        is_utf16 = start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        self._decoder = codecs.getincrementaldecoder("utf-16")() if is_utf16 else None
        super().__init__(start, stream)
        self._name, self._decoded = name, b""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes; fewer only at the end."""
        if self._decoder is None:
            return super().read(size)
        while size < 0 or len(self._decoded) < size:
            raw = super().read(BLOCK_BYTES)
            try:
                self._decoded += self._decoder.decode(raw, final=not raw).encode()
            except UnicodeError as error:
                msg = f"cannot read {self._name}: it begins as UTF-16, and is not ({shortened(error, Length.SENTENCE)})"
                raise OperationError(msg) from error
            if not raw:
                break
        size = len(self._decoded) if size < 0 else size
        taken, self._decoded = self._decoded[:size], self._decoded[size:]
        return taken


class _Watched(Replayed):
    """A stream of CSV that sees what Arrow does not, and keeps the error that it raises, which Arrow would hide."""

    def __init__(self, stream: IO[bytes], name: str, *, escaping: bool) -> None:
        super().__init__(b"", stream)
        self._name, self._escaping, self._ended, self._tail, self.quotes = name, escaping, False, b"", 0
        self.error: OperationError | None = None

    def read(self, size: int = -1, /) -> bytes:
        """Return `size` bytes; fewer only at the end, which ends a line."""
        try:
            block = super().read(size)
            self._refuse_late_escapes(block)
        except OperationError as error:
            self.error = error
            raise
        self.quotes += block.count(b'"')
        if (
            0 <= len(block) < size and not self._ended
        ):  # Arrow refuses a lone header that does not end its line
            self._ended = True
            block += b"" if block.endswith(b"\n") else b"\n"
        return block

    def _refuse_late_escapes(self, block: bytes) -> None:
        """Raise if backslashes escape quotes only far behind the beginning: what was read before may have held them, too."""
        if not self._escaping and _ESCAPED_QUOTE.search(self._tail + block):
            msg = f"cannot read {self._name}: a backslash escapes a quote; write a quote in a value as two quotes"
            raise OperationError(msg)
        self._tail = block[-2:]

    def refuse_open_quote(self) -> None:
        """Raise if a quote is never closed: it has swallowed all records behind it."""
        if self.quotes % 2:
            msg = f"{self._name}: a quote is opened and never closed, so that all records behind it would be one value"
            raise OperationError(msg)

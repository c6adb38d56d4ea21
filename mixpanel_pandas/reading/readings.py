"""The readings of text: what the texts of a column mean, by a name such as ``number`` or ``date:dd/mm/yyyy``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa

from mixpanel_pandas.errors import OperationError, choices, did_you_mean
from mixpanel_pandas.payloads.arrays import mask_of
from mixpanel_pandas.reading.columns import ReadColumn, as_texts, is_text_type, without_blanks
from mixpanel_pandas.reading.date_formats import date_format
from mixpanel_pandas.reading.dates import NAIVE, UTC, read_dates
from mixpanel_pandas.reading.lists import (
    SEPARATORS,
    read_json_texts,
    read_postgres_lists,
    read_python_lists,
    read_separated,
)
from mixpanel_pandas.reading.numbers import PLAIN, marks_of, read_money, read_numbers, read_percent
from mixpanel_pandas.text import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Reader = Callable[[pa.LargeStringArray, pa.DataType | None], ReadColumn]

__all__ = ["FINDINGS", "READINGS", "Reading", "ReadingRow", "common_type", "reading"]

#: Name of a finding -> what is wrong with the text, in words.
FINDINGS = {
    "unreadable": "the text is not in the format of the reading",
    "inexact": "the number has more digits than its type can store",
    "other_currency": "the amount has another currency than most of the column",
    "two_way_date": "the day and the month are ambiguous: name the format, date:dd/mm/yyyy or date:mm/dd/yyyy",
    "no_offset": "the time has no offset, but others in the column have one: add the time zone to the reading, such as date:Europe/Berlin",
    "nonexistent_time": "the time does not exist in the time zone: clocks skip it when summer time begins",
    "ambiguous_time": "the time exists twice in the time zone, because summer time ends",
    "out_of_range": "the date is before the year 1 or after the year 9999, in UTC",
    "repeated_key": "an object has a key twice",
    "mixed_items": "the items have another type than those of the column's other lists",
}


@dataclass(frozen=True)
class Reading:
    """What the texts of a column mean.

    Attributes
    ----------
    name : str
        As it is written in ``parse=``.
    kind : str
        text, number, date, boolean, json or list: the first word of the name.
    """

    name: str
    kind: str
    _reader: Reader

    @property
    def compares_rows(self) -> bool:
        """Whether findings compare a row with the others, so that a column has to be read as a whole."""
        return self.name.startswith(("number:money", "list:python"))

    def read(self, column: pa.Array | pa.ChunkedArray, type: pa.DataType | None = None) -> ReadColumn:
        """Return what the texts of a column mean.

        Null and blank texts are missing (but ``text`` keeps blanks, and a blank list is empty). A column that has the type of the
        reading already is returned as it is.

        Parameters
        ----------
        column : pyarrow.Array or pyarrow.ChunkedArray
            Text; null where it is missing.
        type : pyarrow.DataType, optional
            The type of the values. By default that which the texts need: whole numbers are int64, and doubles where one of them
            has decimals; dates are date32, and timestamps where one of them has a time. Whoever reads a column in pieces reads
            again those pieces whose type is not the `common_type` of all. (Readings that compare rows take a column in one piece.)

        Returns
        -------
        ReadColumn
            Values, and masks of the rows that were not read, by the names of `FINDINGS`.

        Raises
        ------
        OperationError
            If the column holds neither text nor what the reading makes of text.
        """
        if isinstance(column, pa.ChunkedArray) and self.compares_rows:
            column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.nulls(0, column.type)
        if isinstance(column, pa.ChunkedArray):
            return self._read_chunks(column, type)
        if not is_text_type(column.type) and not pa.types.is_null(column.type):
            if not READINGS[self.kind].has_type(column.type):
                msg = f"{self.name!r} reads text, but the column has {column.type}"
                raise OperationError(msg)
            return ReadColumn(column)
        return self._reader(as_texts(column), type)

    def _read_chunks(self, column: pa.ChunkedArray, type: pa.DataType | None) -> ReadColumn:
        chunks = column.chunks or [pa.nulls(0, column.type)]
        pieces = [self.read(chunk, type) for chunk in chunks]
        shared = common_type(piece.values.type for piece in pieces)
        pieces = [
            piece if piece.values.type == shared else self.read(chunk, shared)
            for piece, chunk in zip(pieces, chunks, strict=True)
        ]
        findings = {
            name: np.concatenate([piece.mask(name) for piece in pieces])
            for name in {name for piece in pieces for name in piece.findings}
        }
        return ReadColumn(pa.concat_arrays([piece.values for piece in pieces]), findings)


def common_type(types: Iterable[pa.DataType]) -> pa.DataType:
    """Return the one type in which all pieces of a column can be read.

    >>> common_type([pa.int64(), pa.float64()])
    DataType(double)
    """
    distinct = set(types)
    return max(distinct, key=lambda held: _BREADTH.index(held) if held in _BREADTH else 0)


#: Types of which a later one holds what an earlier one holds. Times without an offset are findings among those with one.
_BREADTH = [pa.null(), pa.int64(), pa.float64(), pa.date32(), NAIVE, UTC]


# -- the table --------------------------------------------------------------------------------------------------------


def _text(detail: str) -> Reader:
    _refuse_detail(detail)
    return lambda texts, _type: ReadColumn(texts)  # all readers take the same


#: First word of the detail -> what reads such numbers.
_KINDS_OF_NUMBERS = {"money": read_money, "percent": read_percent}


def _number(detail: str) -> Reader:
    word, _colon, example = detail.partition(":")
    if word in _KINDS_OF_NUMBERS:
        read = _KINDS_OF_NUMBERS[word]
    elif word.isalpha():
        raise ValueError(did_you_mean(word, _KINDS_OF_NUMBERS))
    else:
        read, example = read_numbers, detail
    marks = marks_of(example) if example else PLAIN
    return lambda texts, needed: read(texts, needed, marks)


def _date(detail: str) -> Reader:
    written = date_format(detail)
    return lambda texts, needed: read_dates(texts, needed, written)


def _boolean(detail: str) -> Reader:
    words = [word.strip().casefold() for word in (detail or "true/false").split("/")]
    if len(words) != 2 or not all(words) or words[0] == words[1]:
        msg = "name the words for true and false with a slash between them, such as Yes/No"
        raise ValueError(msg)
    return lambda texts, _type: _read_booleans(texts, words)  # they have one type


def _json(detail: str) -> Reader:
    _refuse_detail(detail)
    return lambda texts, _type: read_json_texts(texts)  # it stays text


def _list(detail: str) -> Reader:
    if detail == "python":
        return read_python_lists
    if detail == "postgres":
        return lambda texts, _type: read_postgres_lists(texts)  # items are text
    if detail not in SEPARATORS:
        raise ValueError(did_you_mean(detail, [*SEPARATORS, "python", "postgres"]))
    return _separated(SEPARATORS[detail], quotes=True)


def _separated(separator: str, *, quotes: bool) -> Reader:
    return lambda texts, _type: read_separated(texts, separator, quotes=quotes)  # items are text


def _refuse_detail(detail: str) -> None:
    if detail:
        msg = "it has no details"
        raise ValueError(msg)


def _read_booleans(texts: pa.LargeStringArray, words: list[str]) -> ReadColumn:
    """Return whether texts are the first of two words, in any casing; what is neither is unreadable."""
    distinct = without_blanks(texts).dictionary_encode()
    folded = [text.casefold() for text in distinct.dictionary.to_pylist()]
    verdicts = pa.array([text == words[0] if text in words else None for text in folded], pa.bool_())
    values = verdicts.take(distinct.indices)
    return ReadColumn(
        values, {"unreadable": mask_of(values.is_null()) & mask_of(distinct.indices.is_valid())}
    )


@dataclass(frozen=True)
class ReadingRow:
    """A kind of reading.

    Attributes
    ----------
    examples : tuple of str
        Names as they are written.
    reads, refuses : str
        In words, for a page and for messages.
    makes : str
        Mixpanel's type of the values; ``mixed`` where a column may hold several.
    has_type : callable
        Whether a column of an Arrow type, which is not text, holds such values already.
    """

    examples: tuple[str, ...]
    reads: str
    refuses: str
    makes: Literal["string", "number", "date", "boolean", "list", "mixed"]
    has_type: Callable[[pa.DataType], bool]
    _reader: Callable[[str], Reader]


def _is_number(type: pa.DataType) -> bool:
    return bool(pa.types.is_integer(type) or pa.types.is_floating(type) or pa.types.is_decimal(type))


def _is_date(type: pa.DataType) -> bool:
    return bool(pa.types.is_date(type) or pa.types.is_timestamp(type))


def _is_list(type: pa.DataType) -> bool:
    return bool(pa.types.is_list(type) or pa.types.is_large_list(type) or pa.types.is_fixed_size_list(type))


def _never(type: pa.DataType) -> bool:
    return False


#: First word of a name -> what such readings read.
READINGS: dict[str, ReadingRow] = {
    "text": ReadingRow(("text",), "text as it is", "nothing", "string", _never, _text),
    "number": ReadingRow(
        (
            "number",
            "number:1.234,5",
            "number:1 234,5",
            "number:1'234.50",
            "number:money",
            "number:money:1.234,5",
            "number:percent",
        ),
        "12, -3.5, +5, .5, 1e5; the marks of the example; with money, amounts without the currency, a minus "
        "before or after, parentheses as a minus; with percent, 5% as 5",
        "1,234 without an example, groups of other than three digits, NaN, inf, digits that would be lost, a second currency",
        "number",
        _is_number,
        _number,
    ),
    "date": ReadingRow(
        (
            "date",
            "date:dd/mm/yyyy",
            "date:mm/dd/yyyy hh:mm am/pm",
            "date:%d.%m.%Y",
            "date:dd/mm/yyyy hh:mm Europe/Berlin",
        ),
        "ISO 8601, with offsets converted to UTC; a format in words or as for strptime; the last word may be a time zone",
        "05/07/2024 without a format, times that do not exist or exist twice in the time zone, years before 1 and after 9999",
        "date",
        _is_date,
        _date,
    ),
    "boolean": ReadingRow(
        ("boolean", "boolean:Yes/No"),
        "true and false, or the two words, in any casing",
        "other words",
        "boolean",
        pa.types.is_boolean,
        _boolean,
    ),
    "json": ReadingRow(("json",), "JSON", "an object with a key twice", "mixed", pa.types.is_nested, _json),
    "list": ReadingRow(
        (*(f"list:{word}" for word in SEPARATORS), "list:python", "list:postgres"),
        "items between separators, without outer blanks, outer double quotes and empty items; ['a', 'b']; {a,\"b c\",NULL}",
        "unclosed quotes, lists in lists, items of several types",
        "list",
        _is_list,
        _list,
    ),
}


@lru_cache
def reading(name: str) -> Reading:
    """Return the reading of a name.

    Parameters
    ----------
    name : str
        A word, alone or with a detail after a colon, such as ``number`` or ``date:dd/mm/yyyy``: see `READINGS`. Or a separator of
        lists, such as ``;``: one character, or text that does not begin with a letter or a digit. Other than in ``list:semicolon`` quotes have no meaning then.

    Raises
    ------
    OperationError
        If there is no such reading.

    Examples
    --------
    >>> reading("number:1.234,5").read(pa.array(["1.234,50", "7", "1,2,3"])).values.to_pylist()
    [1234.5, 7.0, None]
    """
    word, colon, detail = name.partition(":")
    row = READINGS.get(word)
    if row is None:
        if name and (len(name) == 1 or not name[0].isalnum()):
            return Reading(name, "list", _separated(name, quotes=False))
        examples = [example for row in READINGS.values() for example in row.examples]
        hint = did_you_mean(word, READINGS)
        hint = hint if hint.startswith("did you mean") else "it does not exist."
        msg = f"no reading {quoted(name)}: {hint} There are {choices(examples, len(examples))}, or a separator such as ';'"
        raise OperationError(msg)
    if (colon and not detail) or (word == "list" and not detail):
        msg = f"{quoted(name)} lacks a detail: there are {choices(row.examples)}"
        raise OperationError(msg)
    try:
        return Reading(name, word, row._reader(detail))
    except ValueError as error:
        msg = f"no reading {quoted(name)}: {error}; there are {choices(row.examples)}"
        raise OperationError(msg) from error

"""`Parsing`: how the text of a column is read, as the option `parse` says; and text without blanks, as `na` and `trim` say.

A reading makes whole numbers or numbers, dates or times, as the texts need it. So that all slices of a column have one type, the
whole column is looked at once, when the layout is made.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from mixpanel_pandas.errors import naming_column, reading_column, reading_values
from mixpanel_pandas.payloads.arrays import LARGE_STRING, as_objects
from mixpanel_pandas.payloads.memory import give_back
from mixpanel_pandas.payloads.values import convert, encodable
from mixpanel_pandas.reading.cleaning import missing_texts, read_missing, trimmed
from mixpanel_pandas.reading.columns import ReadColumn, is_text_type
from mixpanel_pandas.reading.dates import NAIVE
from mixpanel_pandas.reading.readings import READINGS, common_type, reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mixpanel_pandas.payloads.dtypes import Rule
    from mixpanel_pandas.payloads.sources import Rows, Source
    from mixpanel_pandas.reading.readings import Reading
    from mixpanel_pandas.rules.options import Options

__all__ = ["TEXT_KINDS", "Parsing", "at", "cleaned", "parsing_of", "read_texts"]

#: Mixpanel's types of columns that hold text, perhaps beside other values.
TEXT_KINDS = ("string", "mixed")

#: Kinds of readings whose values have one of several Arrow types.
SEVERAL_TYPES = ("number", "date")

#: Rows that are read at once to find the type of a column.
ROWS_AT_ONCE = 100_000


@dataclass(frozen=True)
class Parsing:
    """How the text of a column is read.

    Attributes
    ----------
    reading : Reading
        What the texts mean.
    fits : bool
        Whether the column holds text.
    type : pyarrow.DataType or None
        The type of all values, where the reading has several.
    whole : ReadColumn or None
        The values of all rows, where the reading compares them.
    """

    reading: Reading
    fits: bool = True
    type: pa.DataType | None = None
    whole: ReadColumn | None = field(default=None, repr=False, compare=False)

    @property
    def kind(self) -> str:
        """Mixpanel's type of what the reading makes of text."""
        return READINGS[self.reading.kind].makes

    @property
    def is_naive(self) -> bool:
        """Whether it makes times without a time zone."""
        return self.type is not None and bool(self.type == NAIVE)

    def read(self, texts: pa.LargeStringArray) -> ReadColumn:
        """Return what some texts mean."""
        return self.reading.read(texts, self.type)


def parsing_of(source: Source, name: str | None) -> Parsing | None:
    """Return how the text of a column is read; None if its values stay as they are.

    Parameters
    ----------
    name : str or None
        Name of the reading; None for that of the column's dtype, if it has one.

    Raises
    ------
    OperationError
        If there is no such reading, or the column cannot be read.
    """
    name = name or source.rule.reading
    if not name:
        return None
    how, kind = reading(name), source.rule.kind
    if kind not in TEXT_KINDS:
        has_the_type = kind in {"missing", READINGS[how.kind].makes} or how.kind == "json"
        return None if has_the_type else Parsing(how, fits=False)
    if how.kind == "text":
        return None
    if how.compares_rows:
        texts = list(_texts_of(source))
        joined = pa.chunked_array([piece.values for piece in texts], LARGE_STRING)
        return Parsing(how, whole=_joined(texts, how.read(joined)))
    if how.kind in SEVERAL_TYPES:
        types = {how.read(texts.values).values.type for texts in _texts_of(source)} - {pa.null()}
        return Parsing(how, type=common_type(types) if types else None)
    return Parsing(how)


def _texts_of(source: Source) -> Iterator[ReadColumn]:
    """Yield the texts of a column, in slices."""
    for start in range(0, len(source.values), ROWS_AT_ONCE):
        rows = slice(start, min(start + ROWS_AT_ONCE, len(source.values)))
        values = source.at(rows)
        with reading_column(source.label):
            values = source.rule.read(values)
        with naming_column(source.label):
            texts = read_texts(values, source.rule.kind)
        yield texts
        give_back()


def _joined(texts: list[ReadColumn], read: ReadColumn) -> ReadColumn:
    """Return what was read, with what is wrong with the texts themselves."""
    no_row = np.zeros(0, bool)
    broken = np.concatenate([no_row, *(piece.mask("broken_text") for piece in texts)])
    return ReadColumn(read.values, read.findings | {"broken_text": broken})


def at(column: ReadColumn, rows: Rows) -> ReadColumn:
    """Return some rows of a column that was read as a whole."""
    values = column.values[rows] if isinstance(rows, slice) else column.values.take(pa.array(rows))
    return ReadColumn(values, {name: mask[rows] for name, mask in column.findings.items()})


def read_texts(values: pa.Array | np.ndarray, kind: str) -> ReadColumn:
    """Return values of a column as text. A text with a lone surrogate is null and the finding ``broken_text``.

    Parameters
    ----------
    values : array
        As the rule of the column reads them.
    kind : str
        Mixpanel's type of the column. Mixed values that are not text are null.
    """
    if isinstance(values, pa.Array):
        return ReadColumn(values.cast(LARGE_STRING))
    texts: list[str | None] = []
    findings: dict[str, np.ndarray] = {"broken_text": np.zeros(len(values), bool)}
    with reading_values():
        for row, value in enumerate(values):
            names: set[str] = set()
            text = None if kind == "mixed" and not isinstance(value, str) else convert(value, names)
            if text is not None and not encodable(text):
                text, names = None, {"broken_text"}
            texts.append(text)
            for name in names:
                findings.setdefault(name, np.zeros(len(values), bool))[row] = True
    return ReadColumn(pa.array(texts, LARGE_STRING), findings)


def cleaned(rule: Rule, options: Options) -> Rule:
    """Return the rule of a column that reads text as the options `na` and `trim` say."""
    if (options.na is None and not options.trim) or rule.kind not in TEXT_KINDS:
        return rule
    missing = missing_texts(options.na or ())

    def read(values: Any) -> pa.Array | np.ndarray:
        held = rule.read(values)
        if isinstance(held, np.ndarray):
            return _with_texts(held, clean)
        return clean(held) if is_text_type(held.type) else held

    def clean(texts: pa.Array) -> pa.Array:
        texts = trimmed(texts) if options.trim else texts
        return read_missing(texts, missing) if missing else texts

    return replace(rule, read=read)


def _with_texts(values: np.ndarray, change: Callable[[pa.Array], pa.Array]) -> np.ndarray:
    """Return Python values of which the texts are changed. Texts with lone surrogates stay."""
    places = [place for place, value in enumerate(values) if isinstance(value, str) and encodable(value)]
    values = values.copy()
    values[places] = as_objects(
        change(pa.array([str(values[place]) for place in places], LARGE_STRING)).to_pylist()
    )
    return values

"""The columns of a table that hold text: which of them hold something else, and the values that their texts mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from mixpanel_pandas.errors import OperationError
from mixpanel_pandas.payloads.arrays import LARGE_STRING
from mixpanel_pandas.payloads.json_text import JSON, json_array
from mixpanel_pandas.payloads.memory import give_back
from mixpanel_pandas.reading.columns import is_text_type
from mixpanel_pandas.reading.inference import TypeEvidence, reading_of
from mixpanel_pandas.reading.malformed import LISTED
from mixpanel_pandas.reading.readings import FINDINGS, common_type, reading
from mixpanel_pandas.reading.spool import spooled
from mixpanel_pandas.rules.limits import LOOKALIKES, RESERVED_PROPERTIES, plain
from mixpanel_pandas.text import quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterator, Mapping
    from os import PathLike

    from mixpanel_pandas.reading.readings import Reading

__all__ = [
    "InferredTypes",
    "TextColumn",
    "Unread",
    "inferred_columns",
    "is_text_property",
    "read_columns",
    "stated_columns",
]


@dataclass(frozen=True)
class Unread:
    """Texts of a column that its reading cannot read.

    Attributes
    ----------
    column : str
        Name of the column.
    reading : str
        Name of the reading.
    finding : str
        What is wrong, a key of `FINDINGS`.
    positions : numpy.ndarray
        Their rows, rising.
    texts : list of str
        The first 100 of them.
    """

    column: str
    reading: str
    finding: str
    positions: np.ndarray
    texts: list[str]

    @property
    def message(self) -> str:
        """What is wrong, in words."""
        return f"column {quoted(self.column)} as {self.reading}: {FINDINGS[self.finding]}"


class InferredTypes:
    """The evidence of all values of the columns that may hold something else than text.

    Parameters
    ----------
    stays_text : set
        Columns that stay text.
    decimal : {".", ","}
        The decimal mark of numbers.
    """

    def __init__(self, stays_text: Collection[Hashable], decimal: str) -> None:
        self._stays_text, self._decimal = stays_text, decimal
        self._evidence: dict[str, TypeEvidence] = {}

    def take(self, batch: pa.RecordBatch) -> None:
        """Take in the values of a batch."""
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            evidence = self._evidence.get(name, TypeEvidence())
            if name in self._stays_text or is_text_property(name) or evidence.is_settled:
                continue
            self._evidence[name] = evidence & TypeEvidence.of(column, self._decimal)

    def types(self) -> dict[str, pa.DataType]:
        """Return column -> type, of the columns that do not stay text."""
        types = {name: evidence.type for name, evidence in self._evidence.items()}
        return {name: held for name, held in types.items() if held != LARGE_STRING}


def is_text_property(name: str) -> bool:
    """Return whether Mixpanel defines a property, or the property that a name looks like, as text."""
    reserved = RESERVED_PROPERTIES.get(LOOKALIKES.get(plain(name), name))
    return reserved is not None and reserved.expects not in {"", "date"}


@dataclass(frozen=True)
class TextColumn:
    """A column whose text is read.

    Attributes
    ----------
    name : str
        Of the column.
    reading : Reading
        How its text is read.
    type : pyarrow.DataType
        Of the values.
    """

    name: str
    reading: Reading
    type: pa.DataType

    def read(self, texts: pa.Array) -> tuple[pa.Array, dict[str, np.ndarray]]:
        """Return the values of some texts, and the masks of those that cannot be read."""
        if pa.types.is_null(self.type):
            return pa.nulls(len(texts)), {}
        read = self.reading.read(texts, self.type)
        values = json_array(read.values) if self.type == JSON else read.values
        return values, read.findings


def inferred_columns(types: Mapping[str, pa.DataType], decimal: str) -> Iterator[TextColumn]:
    """Yield the columns whose types were inferred, with the readings that make these types."""
    for name, inferred in types.items():
        how = "number:0,5" if decimal == "," and inferred == pa.float64() else reading_of(inferred)
        yield TextColumn(name, reading(how), inferred)


def stated_columns(texts: pa.Table, readings: Mapping[str, Reading]) -> Iterator[TextColumn]:
    """Yield the columns that the call reads, with the type that all their values need."""
    for name, how in readings.items():
        column = texts[name]
        if how.kind == "text" or column.type == JSON:
            continue
        if not is_text_type(column.type) and not pa.types.is_null(column.type):
            try:
                how.read(column.slice(0, 0))
            except OperationError as error:
                msg = f"parse: column {quoted(name)}: {error}"
                raise OperationError(msg) from error
            continue
        if how.kind == "json":
            yield TextColumn(name, how, JSON)
        elif how.compares_rows:
            yield TextColumn(name, how, how.read(column).values.type)
        else:
            types = {how.read(chunk).values.type for chunk in column.chunks}
            yield TextColumn(name, how, common_type(types or {pa.null()}))
        give_back()


def read_columns(
    texts: pa.Table, columns: list[TextColumn], spool: str | PathLike[str] | None
) -> tuple[pa.Table, list[Unread]]:
    """Return the table with the values of some columns of text, and the texts that cannot be read."""
    if not columns:
        return texts, []
    pieces: dict[tuple[str, str, str], list[tuple[np.ndarray, list[str]]]] = {}

    def typed() -> Iterator[pa.RecordBatch]:
        start = 0
        for batch in _batches(texts.select([column.name for column in columns]), columns):
            values = []
            for column, text in zip(columns, batch.columns, strict=True):
                read, findings = column.read(text)
                values.append(read)
                for finding, mask in findings.items():
                    rows = np.flatnonzero(mask)
                    first = text.take(pa.array(rows[:LISTED])).to_pylist()
                    pieces.setdefault((column.name, column.reading.name, finding), []).append(
                        (rows + start, first)
                    )
            yield pa.record_batch(values, names=[column.name for column in columns])
            start += batch.num_rows
            give_back()

    read = spooled(typed(), spool)
    for name in read.column_names:  # pa.table would look into every chunk, all over the mapped file
        texts = texts.set_column(texts.column_names.index(name), name, read[name])
    unread = []
    for (column, reading_name, finding), some in pieces.items():
        positions = np.concatenate([rows for rows, _first in some])
        first_texts = [text for _rows, first in some for text in first][:LISTED]
        unread.append(Unread(column, reading_name, finding, positions, first_texts))
    return texts, unread


def _batches(texts: pa.Table, columns: list[TextColumn]) -> Iterator[pa.RecordBatch]:
    """Yield the rows in batches; in a single one if a reading compares a row with the others."""
    if any(column.reading.compares_rows for column in columns):
        yield from texts.combine_chunks().to_batches()
    else:
        yield from texts.to_batches()

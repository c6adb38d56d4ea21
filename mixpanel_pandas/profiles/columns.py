"""Profiles as columns: the Arrow type of each property, so that sending a value back changes nothing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.payloads.arrays import LARGE_STRING
from mixpanel_pandas.payloads.json_text import json_array, json_text
from mixpanel_pandas.payloads.memory import give_back
from mixpanel_pandas.payloads.values import HugeInteger
from mixpanel_pandas.reading.json_lines import as_json, column_of_values
from mixpanel_pandas.reading.spool import spooled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mixpanel_pandas.profiles.selection import Selection

__all__ = [
    "ID",
    "column_of_property",
    "profiles_as_batch",
    "profiles_as_frame",
    "profiles_as_texts",
    "property_of_column",
]

#: The column of the ids, and of a property that has this name.
ID, PROPERTY_NAMED_ID = "$distinct_id", "properties.$distinct_id"

_TEXTS = pa.large_list(LARGE_STRING)
_DATE = pa.timestamp("ms", "UTC")

#: Text of dates as the verbs write it: a date that is read is sent back as the same text.
_DATES = r"^[1-9]\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?$"
_NO_FRACTION = ".000"


def profiles_as_batch(profiles: list[tuple[str, dict[str, Any]]]) -> pa.RecordBatch:
    """Return ids and properties as columns: text, numbers, booleans and lists of text, else each value as JSON text.

    A column for each property, in the order in which they occur; null and absent are missing. The values come row by row, so
    there is a loop over rows here.
    """
    return _batch(profiles, lambda name: _column([properties.get(name) for _, properties in profiles]))


def profiles_as_texts(profiles: list[tuple[str, dict[str, Any]]]) -> pa.RecordBatch:
    """Return ids and properties as columns of JSON texts. Null is the text ``null``, and what a profile lacks is missing."""

    def texts(name: str) -> pa.Array:
        values = [json_text(properties[name]) if name in properties else None for _, properties in profiles]
        return pa.array(values, LARGE_STRING)

    return _batch(profiles, texts)


def _as_double(value: Any) -> Any:
    """Return a value whose integers beyond 64 bits are doubles, as Mixpanel keeps all numbers: so they are sent as numbers."""
    if isinstance(value, HugeInteger):
        return float(value)
    if isinstance(value, list):
        return [_as_double(item) for item in value]
    if isinstance(value, dict):
        return {name: _as_double(item) for name, item in value.items()}
    return value


def _batch(
    profiles: list[tuple[str, dict[str, Any]]], column_of: Callable[[str], pa.Array]
) -> pa.RecordBatch:
    """Return a column of the ids, and one for each property, in the order in which they occur."""
    names = dict.fromkeys(name for _, properties in profiles for name in properties)
    columns = {ID: pa.array([one for one, _ in profiles], LARGE_STRING)}
    columns |= {column_of_property(name): column_of(name) for name in names}
    return pa.record_batch(list(columns.values()), names=list(columns))


def column_of_property(name: str) -> str:
    """Return the column of a property; one that is named like that of the ids has another name there."""
    return PROPERTY_NAMED_ID if name == ID else name


def property_of_column(column: str) -> str:
    """Return the property of a column."""
    return ID if column == PROPERTY_NAMED_ID else column


def _column(values: list[Any]) -> pa.Array:
    lists = [value for value in values if value is not None]
    if lists and all(type(value) is list and all(type(item) is str for item in value) for value in lists):
        return pa.array(values, _TEXTS)
    return column_of_values([_whole(value) if type(value) is float else value for value in values])


def _whole(number: float) -> float | int:
    """Return a whole number as an integer. Mixpanel has one type of numbers, so 1.0 and 1 are of the same type."""
    is_whole = number.is_integer() and -(2.0**63) <= number < 2.0**63
    return int(number) if is_whole and (number or math.copysign(1, number) > 0) else number  # but for -0.0


def profiles_as_frame(batches: Iterable[pa.RecordBatch], selection: Selection) -> pd.DataFrame:
    """Return profiles as an Arrow-backed frame with the ids as index. Beyond 64 MB it lies in a temporary file."""
    dates = _Dates()
    table = spooled(dates.watch(batches), as_json=_as_json)
    if names := dates.names:
        table = spooled(_with_dates(table, names))
    if not table.num_columns:
        table = pa.table({ID: pa.array([], LARGE_STRING)})
    if selection.properties is not None:
        table = _only(table, selection.properties)
    frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype).set_index(ID)
    return frame.rename(columns={PROPERTY_NAMED_ID: ID}).rename_axis(index=selection.index_name)


def _only(table: pa.Table, properties: list[str]) -> pa.Table:
    """Return the ids and some properties. Those that no profile has are missing everywhere."""
    columns = {ID: table[ID]}
    for name in properties:
        held = column_of_property(name)
        columns[held] = table[held] if held in table.column_names else pa.nulls(len(table))
    return pa.table(columns)


def _as_json(column: pa.Array) -> pa.Array | None:
    """Return a column of `profiles_as_batch` as JSON text."""
    return (
        json_array([None if value is None else json_text(value) for value in column.to_pylist()])
        if column.type == _TEXTS
        else as_json(column)
    )


class _Dates:
    """Finds the columns of text whose values are all dates."""

    def __init__(self) -> None:
        self._is_date: dict[str, bool] = {}

    @property
    def names(self) -> list[str]:
        """The columns that hold dates alone."""
        return [name for name, dates in self._is_date.items() if dates]

    def watch(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield batches unchanged."""
        for batch in batches:
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                if name != ID and self._is_date.get(name, True) and column.null_count < len(column):
                    self._is_date[name] = _is_date(column)
            yield batch


def _is_date(column: pa.Array) -> bool:
    """Return whether all values are dates, in the form in which they are sent back."""
    if column.type != LARGE_STRING:
        return False
    fits = pc.match_substring_regex(column, _DATES)
    if not pc.all(fits).as_py() or pc.any(pc.ends_with(column, _NO_FRACTION)).as_py():
        return False
    try:
        _as_dates(column)
    except pa.ArrowInvalid:  # such as February 30
        return False
    return True


def _as_dates(column: pa.Array) -> pa.Array:
    return column.cast(pa.timestamp("ms")).cast(_DATE)


def _with_dates(table: pa.Table, names: list[str]) -> Iterator[pa.RecordBatch]:
    for batch in table.to_batches():
        columns = [
            _as_dates(column) if name in names else column
            for name, column in zip(batch.schema.names, batch.columns, strict=True)
        ]
        yield pa.record_batch(columns, names=batch.schema.names)
        give_back()

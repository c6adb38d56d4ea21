"""Nested Arrow values (structs, maps, lists of them) -> Python objects. Arrow's own ``to_pylist`` makes pairs of maps and fails on far years."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from mixpanel_pandas.payloads.arrays import as_objects
from mixpanel_pandas.payloads.measures import to_milliseconds

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["python_values"]


def python_values(array: pa.Array) -> np.ndarray:
    """Return nested values as Python objects: maps as dicts, short floats with the digits that they show.

    Raises
    ------
    ValueError
        If a map holds a key twice.
    """
    convert = _converter(array.type)
    try:
        items = array.to_pylist()
    except (OverflowError, ValueError):  # a year that Python's dates do not have
        items, convert = array.view(_counted(array.type)).to_pylist(), _converter(array.type, counted=True)
    return as_objects([convert(item) for item in items])


def _counted(arrow: pa.DataType) -> pa.DataType:
    """Return a nested type with integers in place of dates."""
    if pa.types.is_timestamp(arrow) or pa.types.is_date64(arrow):
        return pa.int64()
    if pa.types.is_date32(arrow):
        return pa.int32()
    if pa.types.is_struct(arrow):
        return pa.struct([field.with_type(_counted(field.type)) for field in arrow])
    if pa.types.is_dictionary(arrow):
        return pa.dictionary(arrow.index_type, _counted(arrow.value_type))
    if pa.types.is_map(arrow):
        return pa.map_(arrow.key_type, _counted(arrow.item_type))
    if pa.types.is_fixed_size_list(arrow):
        return pa.list_(_counted(arrow.value_type), arrow.list_size)
    if pa.types.is_list(arrow):
        return pa.list_(_counted(arrow.value_type))
    return pa.large_list(_counted(arrow.value_type)) if pa.types.is_large_list(arrow) else arrow


def _converter(arrow: pa.DataType, *, counted: bool = False) -> Callable[[Any], Any]:
    """Return the function from the Python value that Arrow gives for a type to the one that is meant.

    With `counted`, dates are integers, as in `_counted`.
    """
    if pa.types.is_map(arrow):
        item = _converter(arrow.item_type, counted=counted)
        return lambda pairs: None if pairs is None else _as_dict([(key, item(value)) for key, value in pairs])
    if pa.types.is_struct(arrow):
        fields = {field.name: _converter(field.type, counted=counted) for field in arrow}
        return lambda struct: struct and {name: fields[name](value) for name, value in struct.items()}
    if pa.types.is_float16(arrow) or pa.types.is_float32(arrow):
        short = arrow.to_pandas_dtype()
        return lambda number: None if number is None else short(number)
    if pa.types.is_date(arrow) or pa.types.is_timestamp(arrow):
        return partial(_date, arrow) if counted else lambda date: date
    if hasattr(arrow, "value_type"):  # lists, dictionaries, runs
        inner = _converter(arrow.value_type, counted=counted)
        return lambda value: [inner(item) for item in value] if isinstance(value, list) else inner(value)
    return lambda value: value


def _date(arrow: pa.DataType, count: int | None) -> Any:
    """Return the date that a count stands for; as numpy's, which is never sent, if Python has no such year."""
    if count is None:
        return None
    unit: Any = "D" if pa.types.is_date32(arrow) else "ms" if pa.types.is_date64(arrow) else arrow.unit
    instant = np.datetime64(count, unit)
    _milliseconds, outside, _finer = to_milliseconds(instant)
    if outside:
        return instant
    if pa.types.is_date(arrow):
        return instant.astype("M8[D]").item()
    return pd.Timestamp(instant, tz="UTC" if arrow.tz else None)


def _as_dict(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        msg = "a map has a key twice, which an object cannot have"
        raise ValueError(msg)
    return members

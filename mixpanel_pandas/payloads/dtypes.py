"""Every dtype that a frame really has -> the rule by which its values are read.

`rule_for` takes one look at a whole column; the rule then reads any slice of it, so that every slice comes out the same.
Most columns become an Arrow array of a type that is stated here and never inferred. A column that only Python can
read stays an array of objects, and `values` takes it value by value. Lists that may hold nothing but strings are looked
into slice by slice, when they are written: to look into all of them before would take longer than that.
"""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.payloads.measures import beyond_exact

__all__ = ["Rule", "rule_for", "rule_for_objects"]

LARGE_STRING = pa.large_string()

#: Arrow's longest numbers; numpy has longer floats on some machines, which Mixpanel does not keep.
ARROW_BYTES = 8

#: So many lists show whether a column of them may hold strings alone.
SAMPLE = 100

Read = Callable[[Any], "pa.Array | np.ndarray"]


@dataclass(frozen=True)
class Rule:
    """How the values of one column are read.

    Attributes
    ----------
    name : str
        What the column holds, in the reader's words.
    kind : str
        Mixpanel's type of the values: string, number, boolean, date, list, object; mixed; missing when there are none.
    read : callable
        Slice of the column's array -> Arrow array of a stated type, or an array of objects for `values`.
    note : str
        Name of a check that speaks about the column as a whole.
    refusal : str
        Why the column cannot be sent, and what to do.
    plain : bool
        Whether the values are lists of which the first hold nothing but strings. If the others do not, either, orjson writes them
        faster than Arrow reads them.
    """

    name: str
    kind: str
    read: Read
    note: str = ""
    refusal: str = ""
    plain: bool = False


def rule_for(column: pd.Series[Any]) -> Rule:
    """Return the rule for a whole column."""
    dtype = column.dtype
    for dtype_class, rule in EXTENSION_RULES:
        if isinstance(dtype, dtype_class):
            return rule(column) if callable(rule) else rule
    if dtype.kind == "O":
        return rule_for_objects(column.to_numpy())
    return NUMPY_RULES.get(dtype.kind, UNKNOWN)


def rule_for_objects(values: np.ndarray) -> Rule:
    """Return the rule for an array of objects, from one look at the types of its values.

    Parameters
    ----------
    values : numpy.ndarray
        Of objects; missing ones tell nothing.
    """
    present, types = values, set(map(type, values))
    if any(issubclass(kind, _MAYBE_MISSING) for kind in types):  # nowhere else does pandas have to look
        present = values[~pd.isna(values)]
        types = set(map(type, present))
    if not types:
        return MISSING
    for family, rule in OBJECT_RULES:
        if types <= family:
            return rule
    if types <= _INSTANTS and all(value.tzinfo is not None for value in present):
        return INSTANTS
    if all(issubclass(kind, _LISTS) for kind in types):
        return _rule_for_lists(present, types)
    kinds = {_kind(kind) for plain in types for kind in _without_enum(plain)}
    if len(kinds) > 1:
        return MIXED
    kind = kinds.pop()
    return Rule(f"{kind} objects", kind, _objects)


def _rule_for_lists(present: np.ndarray, types: set[type]) -> Rule:
    """Lists of one simple type have an Arrow type; sets have no order, so they go to Python."""
    if any(issubclass(kind, set | frozenset) for kind in types):
        return LISTS
    if any(issubclass(kind, np.ndarray) for kind in types) and any(
        getattr(value, "ndim", 1) != 1 for value in present
    ):
        return LISTS
    if types <= {list, tuple} and _types_of_items(present[:SAMPLE]) <= {str}:
        return PLAIN_LISTS
    return _rule_for_items(present)


def _types_of_items(lists: np.ndarray) -> set[type]:
    return set(map(type, chain.from_iterable(lists)))


def _rule_for_items(lists: np.ndarray) -> Rule:
    items = _types_of_items(lists)
    for family, item_type in ITEM_TYPES:
        if items <= family:
            return Rule(f"lists of {item_type}", "list", _lists_of(item_type))
    return LISTS


def _array(values: Any, type: pa.DataType | None = None) -> pa.Array:
    if isinstance(values, np.ndarray):
        return _of_numpy(values, type)
    # not to the type at once: that would cast all that a slice is cut from
    array = _whole(pa.array(values, from_pandas=True))
    array.validate(full=True)  # Arrow takes whatever a file holds, text that is no UTF-8 above all
    return array if type in {None, array.type} else array.cast(type)


def _of_numpy(values: np.ndarray, type: pa.DataType | None) -> pa.Array:
    if not values.dtype.isnative:
        values = values.astype(values.dtype.newbyteorder("="))
    # pandas knows more kinds of missing values than Arrow
    missing = pd.isna(values) if values.dtype.kind == "O" else None
    return _whole(pa.array(values, type=type, mask=missing, from_pandas=True))


def _whole(array: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return one array. Of nested values it is a copy: Arrow looks at all that lie behind a slice of them, for each slice."""
    array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    return pa.concat_arrays([array]) if pa.types.is_nested(array.type) else array


def _encoded(values: Any) -> pa.Array:
    """A dictionary or runs as they are: what they stand for is looked at when it is read."""
    return _whole(pa.array(values))


def _strings(values: Any) -> pa.Array | np.ndarray:
    try:
        return _array(values, LARGE_STRING)
    except UnicodeEncodeError:  # a lone surrogate: Python finds and names it
        return _objects(values)
    except pa.ArrowInvalid:
        return _objects(values) if isinstance(values, np.ndarray) else _broken_strings(pa.array(values))


def _broken_strings(array: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """Strings one by one, with a lone surrogate for every byte that is no UTF-8."""
    texts = array.cast(pa.large_binary()).to_pylist()
    return as_objects([text and text.decode("utf-8", "surrogateescape") for text in texts])


def _typed(type: pa.DataType) -> Read:
    return lambda values: _array(values, type)


def _integers(values: Any) -> pa.Array | np.ndarray:
    try:
        return _array(values, pa.int64())
    except (OverflowError, pa.ArrowInvalid):
        return _objects(values)


def _floats(values: Any) -> pa.Array | np.ndarray:
    """Floats that are longer than doubles lose digits of fractions, which Mixpanel does not keep; large ones go to Python."""
    if not isinstance(values, np.ndarray) or values.dtype.itemsize <= ARROW_BYTES:
        return _array(values)
    with np.errstate(over="ignore"):
        doubles = values.astype("f8")
    large = beyond_exact(doubles)
    return _objects(values) if (values[large] != doubles[large]).any() else _array(doubles)


def _datetimes(values: Any) -> pa.Array:
    """Instants in UTC, whatever the time zone; ``asi8`` counts from the epoch in UTC."""
    instants: Any = pd.array(values) if isinstance(values, np.ndarray) else values
    return _array(instants.asi8.view(f"M8[{instants.unit}]"))


def _instants(values: np.ndarray) -> pa.Array | np.ndarray:
    """Objects that are all instants; those beyond what pandas counts go to Python."""
    try:
        return _datetimes(pd.DatetimeIndex(pd.to_datetime(values, utc=True)).array)
    except (ValueError, OverflowError):
        return _objects(values)


def _list_array(values: np.ndarray, type: pa.DataType) -> pa.Array:
    try:
        return pa.array(values, type)
    except pa.ArrowTypeError:  # a missing value that only pandas knows; most columns have none
        return _array(values, type)


def _lists_of(item_type: pa.DataType) -> Read:
    def read(values: np.ndarray) -> pa.Array | np.ndarray:
        try:
            return _list_array(values, pa.large_list(item_type))
        except (UnicodeEncodeError, OverflowError, pa.ArrowInvalid):
            return values

    return read


def _objects(values: Any) -> np.ndarray:
    return np.asarray(values, dtype=object)


def _pylist(values: Any) -> np.ndarray:
    """Nested Arrow values as Python objects: maps as dicts, short floats as they read."""
    array = _array(values)
    convert = _converter(array.type)
    return as_objects([convert(item) for item in array.to_pylist()])


def _converter(arrow: pa.DataType) -> Callable[[Any], Any]:
    """Return what makes of the Python value that Arrow gives for a type the one that is meant."""
    if pa.types.is_map(arrow):
        item = _converter(arrow.item_type)
        return lambda pairs: None if pairs is None else _as_dict([(key, item(value)) for key, value in pairs])
    if pa.types.is_struct(arrow):
        fields = {field.name: _converter(field.type) for field in arrow}
        return lambda struct: struct and {name: fields[name](value) for name, value in struct.items()}
    if pa.types.is_float16(arrow) or pa.types.is_float32(arrow):
        short = arrow.to_pandas_dtype()
        return lambda number: None if number is None else short(number)
    if hasattr(arrow, "value_type"):  # lists, dictionaries, runs
        inner = _converter(arrow.value_type)
        return lambda value: [inner(item) for item in value] if isinstance(value, list) else inner(value)
    return lambda value: value


def _as_dict(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        msg = "a map holds a key twice, an object once"
        raise ValueError(msg)
    return found


def as_objects(values: list[Any]) -> np.ndarray:
    """Return a one-dimensional array of objects, also of lists of one length."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _categorical(column: pd.Series[Any]) -> Rule:
    """Categories are read once for a slice, all of them or those that it holds, then taken by code."""
    rule = rule_for(pd.Series(column.cat.categories))

    def read(values: pd.Categorical) -> pa.Array | np.ndarray:
        codes, categories = values.codes, values.categories
        missing = codes < 0
        if len(categories) > len(codes):
            used = np.unique(codes[~missing])
            codes, categories = np.searchsorted(used, codes), categories[used]
        distinct = rule.read(categories.array)
        if isinstance(distinct, np.ndarray):
            return _objects(values)
        return distinct.take(pa.array(codes, mask=missing))

    return replace(rule, name=f"categories of {rule.name}", read=read, plain=False)


def _period(column: pd.Series[Any]) -> Rule:
    return Rule("periods", "date", _objects)


def _sparse(column: pd.Series[Any]) -> Rule:
    rule = rule_for(pd.Series(np.asarray(column.array)))
    name = f"sparse {rule.name}"
    return replace(rule, name=name, read=lambda values: rule.read(np.asarray(values)), plain=False)


def _lists_of_a_slice(values: np.ndarray) -> pa.Array | np.ndarray:
    return _rule_for_items(values[~pd.isna(values)]).read(values)


def _string_dtype(column: pd.Series[Any]) -> Rule:
    return STRINGS


def _masked(column: pd.Series[Any]) -> Rule:
    return NUMPY_RULES.get(column.dtype.kind, UNKNOWN)


def _arrow_dtype(column: pd.Series[Any]) -> Rule:
    return rule_for_arrow(column.dtype.pyarrow_dtype)  # type: ignore[union-attr]


def rule_for_arrow(arrow: pa.DataType) -> Rule:
    """Return the rule for a column of an Arrow type."""
    if pa.types.is_dictionary(arrow):
        rule = rule_for_arrow(arrow.value_type)
        return replace(rule, read=lambda values: rule.read(_encoded(values).dictionary_decode()))
    if pa.types.is_run_end_encoded(arrow):
        rule = rule_for_arrow(arrow.value_type)
        return replace(rule, read=lambda values: rule.read(pc.run_end_decode(_encoded(values))))
    return next((rule for fits, rule in ARROW_RULES if fits(arrow)), UNKNOWN)


def _refused(name: str, refusal: str) -> Rule:
    return Rule(name, "missing", lambda values: pa.nulls(len(values)), refusal=refusal)


MISSING = Rule("nothing but missing values", "missing", lambda values: pa.nulls(len(values)))
MIXED = Rule("values of several types", "mixed", _objects, note="mixed_types")
STRINGS = Rule("strings", "string", _strings)
PLAIN_LISTS = Rule("lists", "list", _lists_of_a_slice, plain=True)
LISTS = Rule("lists", "list", _objects)
OBJECTS = Rule("objects", "object", _objects)
NUMBERS = Rule("numbers", "number", _array)
NAIVE = Rule("datetimes without a time zone", "date", _datetimes, note="naive_datetime")
AWARE = Rule("datetimes", "date", _datetimes)
INSTANTS = Rule("datetime objects", "date", _instants)

UNKNOWN = _refused(
    "values of an unknown dtype", "convert it to a dtype that pandas itself has, or to text with astype(str)"
)
TIMEDELTAS = _refused("timedeltas", "send a number instead, such as column.dt.total_seconds()")
BYTES = _refused("bytes", "decode them to text, with column.str.decode('utf-8') or base64")
COMPLEX = _refused("complex numbers", "send real and imaginary part as two columns")
INTERVALS = _refused("intervals", "send them as text, with astype(str), or their bounds as two columns")

#: ``dtype.kind`` of numpy's dtypes and of pandas' nullable ones.
NUMPY_RULES: dict[str, Rule] = {
    "b": Rule("booleans", "boolean", _array),
    "i": NUMBERS,
    "u": NUMBERS,
    "f": Rule(NUMBERS.name, "number", _floats),
    "M": NAIVE,
    "m": TIMEDELTAS,
    "c": COMPLEX,
    "S": BYTES,
    "V": BYTES,
    "U": STRINGS,
}

#: Class of an extension dtype -> rule, or what finds it out from the column.
EXTENSION_RULES: tuple[tuple[Any, Rule | Callable[[pd.Series[Any]], Rule]], ...] = (
    (pd.CategoricalDtype, _categorical),
    (pd.DatetimeTZDtype, AWARE),
    (pd.PeriodDtype, _period),
    (pd.IntervalDtype, INTERVALS),
    (pd.SparseDtype, _sparse),
    (pd.StringDtype, _string_dtype),
    (pd.ArrowDtype, _arrow_dtype),
    (pd.api.extensions.ExtensionDtype, _masked),
)

#: Test of the type of an Arrow list's items -> the type in which they are read; other lists go to Python.
ARROW_ITEMS: tuple[tuple[Callable[[pa.DataType], bool], pa.DataType], ...] = (
    (pa.types.is_string, LARGE_STRING),
    (pa.types.is_large_string, LARGE_STRING),
    (pa.types.is_boolean, pa.bool_()),
    (pa.types.is_signed_integer, pa.int64()),
    (pa.types.is_float32, pa.float32()),
    (pa.types.is_float64, pa.float64()),
)


def _is_list_of(fits: Callable[[pa.DataType], bool]) -> Callable[[pa.DataType], bool]:
    return lambda arrow: (pa.types.is_list(arrow) or pa.types.is_large_list(arrow)) and fits(arrow.value_type)


#: Test of an Arrow type -> rule, for Arrow-backed dtypes.
ARROW_RULES: tuple[tuple[Callable[[pa.DataType], bool], Rule], ...] = (
    (pa.types.is_null, MISSING),
    (pa.types.is_boolean, NUMPY_RULES["b"]),
    (pa.types.is_integer, NUMBERS),
    (pa.types.is_floating, NUMBERS),
    (pa.types.is_decimal, Rule("decimal numbers", "number", _array)),
    (pa.types.is_string, STRINGS),
    (pa.types.is_large_string, STRINGS),
    (lambda arrow: str(arrow) == "string_view", STRINGS),
    (
        lambda arrow: pa.types.is_timestamp(arrow) and arrow.tz is None,
        Rule(NAIVE.name, "date", _array, NAIVE.note),
    ),
    (pa.types.is_timestamp, Rule(AWARE.name, "date", _array)),
    (pa.types.is_date, Rule("dates", "date", _typed(pa.date32()))),
    (pa.types.is_time, Rule("times of day", "string", _array)),
    *(
        (_is_list_of(test), Rule(f"lists of {item}", "list", _typed(pa.large_list(item))))
        for test, item in ARROW_ITEMS
    ),
    (pa.types.is_struct, Rule("objects", "object", _pylist)),
    (pa.types.is_map, Rule("objects", "object", _pylist)),
    (
        lambda arrow: hasattr(arrow, "value_type"),
        Rule("lists", "list", _pylist),
    ),  # after maps
    (pa.types.is_duration, TIMEDELTAS),
    (pa.types.is_interval, TIMEDELTAS),
    (pa.types.is_binary, BYTES),
    (pa.types.is_large_binary, BYTES),
    (pa.types.is_fixed_size_binary, BYTES),
)

#: Types with values that are missing; ``pd.NaT`` is a datetime.
_MAYBE_MISSING = (type(None), type(pd.NA), dt.datetime, float, complex, decimal.Decimal, np.generic)

_INSTANTS: set[type] = {dt.datetime, pd.Timestamp}

_LISTS = (list, tuple, set, frozenset, np.ndarray)

#: Types of the values of an object column -> rule, where one Arrow type holds them all.
OBJECT_RULES: tuple[tuple[set[type], Rule], ...] = (
    ({str, np.str_}, STRINGS),
    ({bool, np.bool_}, Rule("booleans", "boolean", _typed(pa.bool_()))),
    ({int, np.int64, np.int32, np.int16, np.int8}, Rule("integers", "number", _integers)),
    ({float, np.float64}, Rule("numbers", "number", _typed(pa.float64()))),
    ({dict}, OBJECTS),
)

#: Types of the items of lists -> Arrow type of the items. None is a missing item.
ITEM_TYPES: tuple[tuple[set[type], pa.DataType], ...] = (
    ({str, np.str_, type(None)}, LARGE_STRING),
    ({bool, np.bool_, type(None)}, pa.bool_()),
    ({int, np.int64, type(None)}, pa.int64()),
    ({float, np.float64, type(None)}, pa.float64()),
)

#: Mixpanel's type -> the Python types that become it.
KINDS: tuple[tuple[str, tuple[type, ...]], ...] = (
    ("boolean", (bool, np.bool_)),  # before the numbers: a bool is an int
    ("mixed", (np.timedelta64,)),  # and numpy's timedelta, too
    ("number", (int, float, np.integer, np.floating, decimal.Decimal)),
    ("date", (dt.date, np.datetime64, pd.Period)),
    ("string", (str, uuid.UUID, dt.time)),
    ("object", (dict,)),
    ("list", (*_LISTS, pd.Series, pd.Index, pd.api.extensions.ExtensionArray)),  # such as groupby's unique()
)


def _kind(kind: type) -> str:
    return next((name for name, members in KINDS if issubclass(kind, members)), "mixed")


def _without_enum(kind: type) -> set[type]:
    """Return the type, or for an Enum the types of its members' values."""
    return {type(member.value) for member in kind} if issubclass(kind, enum.Enum) else {kind}

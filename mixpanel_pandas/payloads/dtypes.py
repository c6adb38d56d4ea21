"""The dtype of a column -> the rule by which its values are read.

`rule_for` looks at a whole column once. Its rule then reads any slice, so that all slices are read alike. Most columns become an
Arrow array of a type that is stated here and never inferred. A column that no Arrow type holds stays an array of objects, which
`values` converts one by one. Lists that may hold only strings are not all looked into: their slices are, when they are written,
which takes less time.
"""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.payloads.arrays import LARGE_STRING, as_objects
from mixpanel_pandas.payloads.json_text import TYPE_OF_FIRST
from mixpanel_pandas.payloads.measures import beyond_exact
from mixpanel_pandas.payloads.nested import python_values
from mixpanel_pandas.payloads.values import ADDRESSES, ORJSON_INTEGERS, is_named_tuple

__all__ = ["Rule", "rule_for", "rule_for_objects"]


#: Bytes of the longest number in Arrow. On some machines numpy has longer floats.
ARROW_BYTES = 8

#: How many lists are looked into to see whether a column may hold only lists of strings.
SAMPLE = 100

Read = Callable[[Any], "pa.Array | np.ndarray"]


@dataclass(frozen=True)
class Rule:
    """How the values of one column are read.

    Attributes
    ----------
    name : str
        Description of the column's values for messages.
    kind : str
        Mixpanel's type of the values: string, number, boolean, date, list, object; mixed; missing when there are none.
    read : callable
        Slice of the column's array -> Arrow array of a stated type, or an array of objects for `values`.
    note : str
        Name of a check that the column as a whole fails, or ``""``.
    refusal : str
        Why the column cannot be sent, and what to do.
    plain : bool
        Whether the values are lists, and the first hold only strings. If all do, orjson writes them faster than Arrow reads them.
    reading : str
        Name of the reading of the text that the dtype stands for, such as ``"json"``, or ``""``.
    """

    name: str
    kind: str
    read: Read
    note: str = ""
    refusal: str = ""
    plain: bool = False
    reading: str = ""


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
        Of objects. Missing values do not count.
    """
    present, types = values, set(map(type, values))
    if any(issubclass(kind, _MAYBE_MISSING) for kind in types):  # nowhere else does pandas have to look
        present = values[~pd.isna(values)]
        types = set(map(type, present))
    if not types:
        return MISSING
    rule = _rule_for_types(present, types)
    return MIXED if rule.kind == "number" and _holds_huge_integers(present, types) else rule


def _holds_huge_integers(present: np.ndarray, types: set[type]) -> bool:
    """Return whether some integers are beyond 64 bits. These are sent as text."""
    if types <= {int}:
        return any(value not in ORJSON_INTEGERS for value in present)
    members = (member.value for kind in types if issubclass(kind, enum.Enum) for member in kind)
    integers = (value for value in chain(present, members) if isinstance(value, int))
    return any(int(value) not in ORJSON_INTEGERS for value in integers)  # other types are slow in a range


def _rule_for_types(present: np.ndarray, types: set[type]) -> Rule:
    """Return the rule for values of some types."""
    for family, rule in OBJECT_RULES:
        if types <= family:
            return rule
    if types <= _INSTANTS and all(value.tzinfo is not None for value in present):
        return INSTANTS
    if all(issubclass(kind, _LISTS) and _kind(kind) == "list" for kind in types):
        return _rule_for_lists(present, types)
    kinds = {_kind(kind) for plain in types for kind in _without_enum(plain)}
    if len(kinds) > 1:
        return MIXED
    kind = kinds.pop()
    return Rule(f"{kind} objects", kind, _objects)


def _rule_for_lists(present: np.ndarray, types: set[type]) -> Rule:
    """Return the rule for lists. Lists of one simple type have an Arrow type; sets have no order, so they stay objects."""
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
    # a cast in one step would cast the whole array of which `values` is a slice
    array = _whole(pa.array(values, from_pandas=True))
    array.validate(full=True)  # Arrow does not check what it reads from a file, such as UTF-8
    return array if type in {None, array.type} else array.cast(type)


def _of_numpy(values: np.ndarray, type: pa.DataType | None) -> pa.Array:
    if not values.dtype.isnative:
        values = values.astype(values.dtype.newbyteorder("="))
    # pandas knows more kinds of missing values than Arrow
    missing = pd.isna(values) if values.dtype.kind == "O" else None
    return _whole(pa.array(values, type=type, mask=missing, from_pandas=True))


def _whole(array: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return one array. Nested values are copied: for each slice of them, Arrow would look at all values behind it."""
    array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    return pa.concat_arrays([array]) if pa.types.is_nested(array.type) else array


def _encoded(values: Any) -> pa.Array:
    """Return a dictionary or run-end encoded array as it is. Its values are checked when they are decoded."""
    return _whole(pa.array(values))


def _strings(values: Any) -> pa.Array | np.ndarray:
    try:
        return _array(values, LARGE_STRING)
    except UnicodeEncodeError:  # a lone surrogate: a finding of its row
        return _objects(values)
    except pa.ArrowInvalid:
        return _objects(values) if isinstance(values, np.ndarray) else _broken_strings(pa.array(values))


def _broken_strings(array: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """Return strings one by one, with a lone surrogate for every byte that is not UTF-8."""
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
    """Return floats as doubles; as objects if large ones are longer than doubles. Mixpanel keeps no more digits of a fraction."""
    if not isinstance(values, np.ndarray) or values.dtype.itemsize <= ARROW_BYTES:
        return _array(values)
    with np.errstate(over="ignore"):
        doubles = values.astype("f8")
    large = beyond_exact(doubles)
    return _objects(values) if (values[large] != doubles[large]).any() else _array(doubles)


def _datetimes(values: Any) -> pa.Array:
    """Return instants in UTC, whatever their time zone: ``asi8`` counts from the epoch in UTC."""
    instants: Any = pd.array(values) if isinstance(values, np.ndarray) else values
    return _array(instants.asi8.view(f"M8[{instants.unit}]"))


def _instants(values: np.ndarray) -> pa.Array | np.ndarray:
    """Return datetime objects as instants; as objects if pandas cannot count so far."""
    try:
        return _datetimes(pd.DatetimeIndex(pd.to_datetime(values, utc=True)).array)
    except (ValueError, OverflowError):
        return _objects(values)


def _list_array(values: np.ndarray, type: pa.DataType) -> pa.Array:
    try:
        return pa.array(values, type)
    except pa.ArrowTypeError:  # a missing value that Arrow does not know; most columns have none
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


def _json_texts(values: Any) -> pa.Array:
    array = _whole(pa.array(values))
    texts = array.storage if isinstance(array, pa.ExtensionArray) else array
    texts.validate(full=True)
    return texts.cast(LARGE_STRING)


def _uuids(values: Any) -> np.ndarray:
    return as_objects(_whole(pa.array(values)).to_pylist())


def _nested(values: Any) -> np.ndarray:
    return python_values(_array(values))


def _categorical(column: pd.Series[Any]) -> Rule:
    """Return the rule for a categorical. For each slice, the categories are read once and taken by code."""
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


def _sparse(column: pd.Series[Any]) -> Rule:
    rule = rule_for(pd.Series(np.asarray(column.array)))
    name = f"sparse {rule.name}"
    return replace(rule, name=name, read=lambda values: rule.read(np.asarray(values)), plain=False)


def _lists_of_a_slice(values: np.ndarray) -> pa.Array | np.ndarray:
    return _rule_for_items(values[~pd.isna(values)]).read(values)


def _other_extension(column: pd.Series[Any]) -> Rule:
    return DB_DTYPES.get(column.dtype.name) or NUMPY_RULES.get(column.dtype.kind, UNKNOWN)


def _arrow_dtype(column: pd.Series[Any]) -> Rule:
    rule = rule_for_arrow(column.dtype.pyarrow_dtype)  # type: ignore[union-attr]
    return replace(rule, note=MIXED.note) if rule.reading == "json" and _holds_several_types(column) else rule


def _holds_several_types(column: pd.Series[Any]) -> bool:
    """Return whether the values of JSON texts have several types, from the first character of each."""
    kinds: set[str] = set()
    for chunk in pa.chunked_array(pa.array(column)).chunks:
        texts = chunk.storage if isinstance(chunk, pa.ExtensionArray) else chunk
        first = pc.utf8_slice_codeunits(texts, 0, 1).unique().to_pylist()
        kinds |= {TYPE_OF_FIRST.get(character, "number") for character in first if character not in _NO_TYPE}
    return len(kinds - {"missing"}) > 1


def rule_for_arrow(arrow: pa.DataType) -> Rule:
    """Return the rule for a column of an Arrow type."""
    if pa.types.is_dictionary(arrow):
        rule = rule_for_arrow(arrow.value_type)
        return replace(rule, read=lambda values: rule.read(_encoded(values).dictionary_decode()))
    if pa.types.is_run_end_encoded(arrow):
        rule = rule_for_arrow(arrow.value_type)
        return replace(rule, read=lambda values: rule.read(pc.run_end_decode(_encoded(values))))
    if isinstance(arrow, pa.BaseExtensionType):
        return ARROW_EXTENSIONS.get(arrow.extension_name, UNKNOWN)
    return next((rule for fits, rule in ARROW_RULES if fits(arrow)), UNKNOWN)


def _refused(name: str, refusal: str) -> Rule:
    return Rule(name, "missing", lambda values: pa.nulls(len(values)), refusal=refusal)


MISSING = Rule("only missing values", "missing", lambda values: pa.nulls(len(values)))
MIXED = Rule("values of several types", "mixed", _objects, note="mixed_types")
STRINGS = Rule("strings", "string", _strings)
PLAIN_LISTS = Rule("lists", "list", _lists_of_a_slice, plain=True)
LISTS = Rule("lists", "list", _objects)
OBJECTS = Rule("objects", "object", _objects)
NUMBERS = Rule("numbers", "number", _array)
NAIVE = Rule("datetimes without a time zone", "date", _datetimes, note="naive_datetime")
DATES = Rule("dates", "date", _typed(pa.date32()))
AWARE = Rule("datetimes", "date", _datetimes)
JSON = Rule("JSON text", "string", _json_texts, reading="json")
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

#: Class of an extension dtype -> rule, or the function from the column to its rule.
EXTENSION_RULES: tuple[tuple[Any, Rule | Callable[[pd.Series[Any]], Rule]], ...] = (
    (pd.CategoricalDtype, _categorical),
    (pd.DatetimeTZDtype, AWARE),
    (pd.PeriodDtype, Rule("periods", "date", _objects)),
    (pd.IntervalDtype, INTERVALS),
    (pd.SparseDtype, _sparse),
    (pd.StringDtype, STRINGS),
    (pd.ArrowDtype, _arrow_dtype),
    (pd.api.extensions.ExtensionDtype, _other_extension),
)

#: Name of a dtype of the package db-dtypes, in which BigQuery's columns come -> rule. A time has microseconds there.
DB_DTYPES: dict[str, Rule] = {
    "dbdate": DATES,
    "dbtime": Rule("times of day", "string", _typed(pa.time64("us"))),
    "dbjson": JSON,
}

#: Name of an Arrow extension type -> rule.
ARROW_EXTENSIONS: dict[str, Rule] = {
    "arrow.json": JSON,
    "arrow.uuid": Rule("UUIDs", "string", _uuids),
    "dbjson": JSON,
}

#: Test of the type of an Arrow list's items -> the type in which they are read. Other lists become objects.
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
    (pa.types.is_date, DATES),
    (pa.types.is_time, Rule("times of day", "string", _array)),
    *(
        (_is_list_of(test), Rule(f"lists of {item}", "list", _typed(pa.large_list(item))))
        for test, item in ARROW_ITEMS
    ),
    (pa.types.is_struct, Rule("objects", "object", _nested)),
    (pa.types.is_map, Rule("objects", "object", _nested)),
    (
        lambda arrow: hasattr(arrow, "value_type"),
        Rule("lists", "list", _nested),
    ),  # after maps
    (pa.types.is_duration, TIMEDELTAS),
    (pa.types.is_interval, TIMEDELTAS),
    (pa.types.is_binary, BYTES),
    (pa.types.is_large_binary, BYTES),
    (pa.types.is_fixed_size_binary, BYTES),
)

#: First characters of texts that do not show the type of a value: nothing, and blanks.
_NO_TYPE = {None, "", *" \t\r\n"}

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
    # numpy calls the first an integer, Python the second a tuple
    ("mixed", (np.timedelta64, time.struct_time)),
    ("number", (int, float, np.integer, np.floating, decimal.Decimal)),
    ("date", (dt.date, np.datetime64, pd.Period)),
    ("string", (str, uuid.UUID, dt.time, *ADDRESSES)),
    ("object", (dict, pd.Series)),
    ("list", (*_LISTS, pd.Index, pd.api.extensions.ExtensionArray)),  # such as groupby's unique()
)


def _kind(kind: type) -> str:
    """Return Mixpanel's type of the values of a Python type. Enums count for what their members hold."""
    if is_named_tuple(kind):
        return "object"
    return next((name for name, members in KINDS if issubclass(kind, members)), "mixed")


def _without_enum(kind: type) -> set[type]:
    """Return the type, or for an Enum the types of its members' values."""
    return {type(member.value) for member in kind} if issubclass(kind, enum.Enum) else {kind}

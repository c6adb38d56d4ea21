"""One Python value -> what orjson writes for it, for columns that only Python can read.

`convert` has a converter for each type. What is wrong with the type of a value is added to ``findings``, under the name of the
check that reports it, and null stands for the value. Limits are measured later, on the JSON text (`measures`). Most values need no
converter: `are_native` finds those that orjson writes rightly by itself.
"""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import ipaddress
import math
import time
import uuid
from collections.abc import Mapping
from functools import singledispatch
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pandas as pd

from mixpanel_pandas.payloads.measures import beyond_exact, decimal_finding, outside_years, to_milliseconds

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "ADDRESSES",
    "ORJSON_INTEGERS",
    "HugeInteger",
    "are_native",
    "convert",
    "encodable",
    "is_date",
    "is_named_tuple",
    "mapping_of",
    "repeats_key",
    "to_json",
]

#: Lists and objects around a value that is converted: more than any limit of Mixpanel, and far from the limit of Python's stack.
_DEEPEST = 32

#: Lists and objects around a value that is left to orjson. JSON within the limits has no more; deeper values may hold themselves.
_NATIVE_LEVELS = 4

#: Integers that orjson writes.
ORJSON_INTEGERS = range(-(2**63), 2**64)

_DATES = (dt.date, np.datetime64, pd.Period)  # datetime and Timestamp are dates

#: Types of `ipaddress`, which become text. An interface is an address, too.
ADDRESSES = (
    ipaddress.IPv4Address,
    ipaddress.IPv6Address,
    ipaddress.IPv4Network,
    ipaddress.IPv6Network,
)


class HugeInteger(str):
    """The digits of an integer of JSON text that is beyond 64 bits: to make a number of many digits takes long."""

    __slots__ = ()


def is_named_tuple(kind: type) -> bool:
    """Return whether a type is one of `collections.namedtuple` or `typing.NamedTuple`."""
    return issubclass(kind, tuple) and hasattr(kind, "_fields")


def mapping_of(value: Any) -> Mapping[Any, Any] | None:
    """Return an object as a mapping; None if it is not an object.

    Objects are mappings, named tuples with the names of their fields, and pandas Series with their labels: of equal labels the
    last one counts, see `repeats_key`.

    Examples
    --------
    >>> mapping_of(pd.Series({"jan": 1, "feb": 2})), mapping_of([1, 2])
    ({'jan': 1, 'feb': 2}, None)
    """
    if isinstance(value, Mapping):
        return value
    if isinstance(value, pd.Series):
        return dict(value.items())
    return dict(zip(value._fields, value, strict=True)) if is_named_tuple(type(value)) else None


def repeats_key(value: Any) -> bool:
    """Return whether a value is a Series that has a label twice."""
    return isinstance(value, pd.Series) and not value.index.is_unique


def are_native(values: Iterable[Any], levels: int = _NATIVE_LEVELS) -> bool:
    """Return whether orjson writes values as `convert` would have them, or refuses them.

    Types are compared exactly, because orjson also takes an Enum or a Fragment, and writes something else. It writes null for
    infinity, which `convert` reports. It refuses lone surrogates, keys that are not text, and integers beyond 64 bits.

    Examples
    --------
    >>> are_native(["a", 1, {"b": [1.5, None]}]), are_native([float("inf")]), are_native([{"a": {1, 2}}])
    (True, False, False)
    """
    for value in values:
        kind = type(value)
        if kind is str or kind is int or kind is bool or value is None:
            continue
        if kind is float:
            if math.isinf(value):
                return False
        elif kind is list or kind is dict:
            items = value if kind is list else value.values()
            if not levels or not are_native(items, levels - 1):
                return False
        else:
            return False
    return True


def to_json(value: Any, findings: set[str]) -> bytes | None:
    """Return the JSON of one value, or None if it is missing or cannot be sent.

    Parameters
    ----------
    value : object
        A cell of a frame.
    findings : set of str
        The names of checks that the value fails are added to it.
    """
    converted = convert(value, findings)
    if converted is None:
        return None
    try:
        return orjson.dumps(converted)
    except orjson.JSONEncodeError:  # a lone surrogate: the one thing that converters let pass
        findings.add("broken_text")
        return None


def is_date(value: Any) -> bool:
    """Return whether a value is a date, and not just its text."""
    return isinstance(value.value if isinstance(value, enum.Enum) else value, _DATES)


def convert(value: Any, findings: set[str], around: tuple[int, ...] = ()) -> Any:
    """Return `value` in the types that orjson writes. What cannot be sent becomes null and a finding.

    Parameters
    ----------
    value : object
        Anything.
    findings : set of str
        The names of checks that the value fails are added to it.
    around : tuple of int
        Identities of the lists and objects that hold the value.
    """
    kind = type(value)
    if kind is str or kind is bool or (kind is float and math.isfinite(value)):
        return value  # most values are as they have to be
    if isinstance(value, enum.Enum):  # before its type, which may be that of its members, too
        return convert(value.value, findings, around)
    return _convert(value, findings, around)


@singledispatch
def _convert(value: Any, findings: set[str], around: tuple[int, ...]) -> Any:
    findings.add("unsupported_value")


@_convert.register(type(None))
@_convert.register(type(pd.NA))
@_convert.register(type(pd.NaT))
def _(value: Any, findings: set[str], around: tuple[int, ...]) -> None:
    return None


@_convert.register
def _(value: str, findings: set[str], around: tuple[int, ...]) -> str:
    return str.__str__(value)  # a subclass may have its own str()


@_convert.register
def _(value: HugeInteger, findings: set[str], around: tuple[int, ...]) -> str:
    findings.add("inexact_integer")
    return str.__str__(value)


@_convert.register(bool)
@_convert.register(np.bool_)
def _(value: Any, findings: set[str], around: tuple[int, ...]) -> bool:
    return bool(value)


@_convert.register(int)
@_convert.register(np.integer)
def _(value: Any, findings: set[str], around: tuple[int, ...]) -> Any:
    """Return an integer, as text if it is beyond 64 bits: text keeps its digits, and Mixpanel would round the number."""
    number = int(value)
    if number in ORJSON_INTEGERS:
        return number
    findings.add("inexact_integer")
    return str(decimal.Decimal(number))  # str(number) refuses those of more than 4,300 digits


@_convert.register(type(np.ma.masked))
def _(value: Any, findings: set[str], around: tuple[int, ...]) -> None:
    """An item that a numpy array masks is missing; numpy calls it an array."""


@_convert.register(float)
@_convert.register(np.floating)
def _(value: Any, findings: set[str], around: tuple[int, ...]) -> Any:
    if math.isfinite(value):
        if value != float(value) and beyond_exact(value):  # longer than a double
            return convert(int(value), findings, around)
        # the fraction of a shorter float is written as it reads: 0.1, not 0.10000000149011612
        return float(value) if isinstance(value, float) or value == np.floor(value) else float(str(value))
    if math.isinf(value):
        findings.add("infinite")
    return None


@_convert.register
def _(value: decimal.Decimal, findings: set[str], around: tuple[int, ...]) -> Any:
    if value.is_nan():
        return None
    if math.isinf(float(value)):  # or beyond the largest double
        findings.add("infinite")
        return None
    if finding := decimal_finding(value):
        findings.add(finding)
    return orjson.Fragment(str(value))


@_convert.register
def _(value: dt.datetime, findings: set[str], around: tuple[int, ...]) -> str | None:
    if value.tzinfo is None:
        findings.add("naive_datetime")
    else:
        try:
            value = value.astimezone(dt.UTC).replace(tzinfo=None)
        except (OverflowError, ValueError):  # pushed over the first or the last year
            findings.add("date_range")
            return None
    if outside_years(value.year):  # a Timestamp may be from any year
        findings.add("date_range")
        return None
    if value.microsecond % 1000 or getattr(value, "nanosecond", 0):
        findings.add("sub_millisecond")
    return value.isoformat(timespec="milliseconds" if value.microsecond >= 1000 else "seconds")[:23]


@_convert.register
def _(value: np.datetime64, findings: set[str], around: tuple[int, ...]) -> str | None:
    if np.isnat(value):
        return None
    milliseconds, outside, finer = to_milliseconds(value)
    if outside:
        findings.add("date_range")
        return None
    if finer:
        findings.add("sub_millisecond")
    text: str = convert(milliseconds.item(), findings, around)
    return text


@_convert.register
def _(value: np.timedelta64, findings: set[str], around: tuple[int, ...]) -> None:
    if not np.isnat(value):  # numpy calls it an integer
        findings.add("unsupported_value")


@_convert.register
def _(value: dt.date, findings: set[str], around: tuple[int, ...]) -> str:
    return value.isoformat()


@_convert.register
def _(value: pd.Period, findings: set[str], around: tuple[int, ...]) -> str | None:
    findings.add("period")
    start = _start_of(value)
    if start is None:
        findings.add("date_range")
        return None
    of_start: set[str] = set()
    text: str | None = convert(start, of_start, around)
    findings |= of_start - {"naive_datetime"}
    return text and text.removesuffix("T00:00:00")


def _start_of(period: pd.Period) -> np.datetime64 | None:
    """Return the first instant of a period; None where pandas cannot count so far, and silently wraps around."""
    if isinstance(period.freq, pd.offsets.Nano):
        return np.datetime64(period.ordinal, "ns")
    start = period.asfreq("us", how="start")
    if start.asfreq(period.freqstr).ordinal != period.ordinal:
        return None
    return np.datetime64(start.ordinal, "us")


def _as_text(value: Any, findings: set[str], around: tuple[int, ...]) -> str:
    return str(value)


for _kind in (dt.time, uuid.UUID, *ADDRESSES):
    _convert.register(_kind, _as_text)


@_convert.register(list)
@_convert.register(tuple)
@_convert.register(np.ndarray)
@_convert.register(pd.Index)
@_convert.register(pd.api.extensions.ExtensionArray)
def _(value: Any, findings: set[str], around: tuple[int, ...]) -> Any:
    if is_named_tuple(type(value)):
        return _object(value, findings, around)
    if getattr(value, "ndim", 1) == 0:
        return convert(value[()], findings, around)
    if _too_deep(value, around):
        findings.add("deep_object")
        return None
    inside = (*around, id(value))
    return [convert(item, findings, inside) for item in value]


@_convert.register(set)
@_convert.register(frozenset)
def _(value: Any, findings: set[str], around: tuple[int, ...]) -> list[Any] | None:
    """A set has no order of its own: the text must not change from one process to the next."""
    ordered = sorted(value, key=lambda item: (type(item).__name__, str(item)))
    items: list[Any] | None = convert(ordered, findings, around)
    return items


@_convert.register(time.struct_time)
def _(value: Any, findings: set[str], around: tuple[int, ...]) -> None:
    """A time that Python calls a tuple: as a list it would lose what its numbers mean."""
    findings.add("unsupported_value")


@_convert.register(dict)
@_convert.register(pd.Series)
def _object(value: Any, findings: set[str], around: tuple[int, ...]) -> dict[str, Any] | None:
    if _too_deep(value, around):
        findings.add("deep_object")
        return None
    members = mapping_of(value) or {}
    if not all(isinstance(key, str) for key in members):
        findings.add("odd_key")
        return None
    if repeats_key(value):
        findings.add("repeated_key")
        return None
    inside = (*around, id(value))
    return {str.__str__(key): convert(item, findings, inside) for key, item in members.items()}


def _too_deep(value: Any, around: tuple[int, ...]) -> bool:
    """Return whether `value` stands in itself, or deeper than Python's stack is sure to reach."""
    return len(around) >= _DEEPEST or id(value) in around


def encodable(text: str) -> bool:
    """Return whether `text` has no lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True

"""One Python value -> what orjson writes for it, for columns that only Python can read.

Each type has a converter (`convert` dispatches on the type); what is wrong with a value is added to ``findings`` by the
name of the check that reports it, and the value goes on as null. What is plain, such as parsed JSON mostly is, needs neither
a converter nor a text of its own: `prepared` leaves it to orjson, which writes thousands of values in one call.
"""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import math
import uuid
from functools import singledispatch
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pandas as pd

from mixpanel_pandas.rules.limits import LIMITS

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "convert",
    "encodable",
    "exact_below",
    "holds",
    "kind_of",
    "over",
    "prepared",
    "to_json",
    "written",
]

_STRING_BYTES = LIMITS["string_bytes"].value
_ITEM_BYTES = LIMITS["item_bytes"].value
_ITEM_CHARACTERS = LIMITS["item_characters"].value
_OBJECT_BYTES = LIMITS["object_bytes"].value
_LIST_BYTES = LIMITS["list_bytes"].value
_OBJECT_KEYS = LIMITS["object_keys"].value
_OBJECT_DEPTH = LIMITS["object_depth"].value
_LIST_OBJECT_DEPTH = LIMITS["list_object_depth"].value
_EXACT_INTEGER = LIMITS["exact_integer"].value

#: Deeper than any limit of Mixpanel, and far from Python's own.
_DEEPEST = 32

#: No double has more digits, but for zeros.
_DOUBLE_DIGITS = 767

#: Type of a converted value -> Mixpanel's name for it. Dates are text by then, and so are named by their converters.
_KINDS: dict[type, str] = {
    str: "string",
    bool: "boolean",
    int: "number",
    float: "number",
    orjson.Fragment: "number",
    list: "list",
    dict: "object",
    type(None): "missing",
}

_UNITED = {str, int, float}

_DATES = (dt.date, np.datetime64, pd.Period)  # datetime and Timestamp are dates


def prepared(value: Any, findings: set[str]) -> tuple[Any, str]:
    """Return something of which orjson writes the JSON of `value`, and its Mixpanel type; None for a missing value.

    orjson may still refuse it, and it may be too large: `written` and `to_json` find that.
    """
    return (value, _KINDS[type(value)]) if _is_plain(value, findings) else _measured(value, findings)


def written(value: Any, findings: set[str]) -> tuple[orjson.Fragment | None, str]:
    """Return the same as `prepared`, written already, whatever the value is."""
    text, kind = to_json(value, findings)
    return None if text is None else orjson.Fragment(text), kind


def _is_plain(value: Any, findings: set[str]) -> bool:
    """Return whether `convert` would change nothing and `_measure` find nothing but ``union_items``, which is added.

    Types are compared, not asked: orjson would also take an Enum or a Fragment, and write something else. Keys are left to
    orjson, which refuses all but plain text.
    """
    kind = type(value)
    if kind is str:
        return not over(value, _STRING_BYTES)
    if kind is int:
        return bool(-_EXACT_INTEGER <= value <= _EXACT_INTEGER)
    if kind is float:
        return math.isfinite(value)  # NaN is a missing value here, and null in a list or an object
    if kind is list:
        return _is_plain_list(value, findings)
    return kind is bool or value is None or (kind is dict and _are_plain((value,), _OBJECT_DEPTH))


def _is_plain_list(value: list[Any], findings: set[str]) -> bool:
    types = set(map(type, value))
    long = str in types and any(type(item) is str and over(item, _ITEM_BYTES) for item in value)
    if long or list in types or not _are_plain(value, _LIST_OBJECT_DEPTH):
        return False
    has_nan = float in types and any(item != item for item in value)  # it becomes null
    if has_nan or not types <= _UNITED:
        findings.add("union_items")
    return True


def _are_plain(items: Iterable[Any], levels: int) -> bool:
    """Return whether items of a list or an object are plain, with so many levels of objects, and lists of them, inside."""
    for item in items:
        kind = type(item)
        if kind is str or kind is bool or item is None:
            continue
        if kind is int:
            plain = -_EXACT_INTEGER <= item <= _EXACT_INTEGER
        elif kind is float:
            plain = not math.isinf(item)
        elif kind is dict:
            plain = levels > 0 and len(item) <= _OBJECT_KEYS and _are_plain(item.values(), levels - 1)
        else:  # a list of single values is no level
            plain = kind is list and levels >= 0 and _are_plain(item, levels - 1)
        if not plain:
            return False
    return True


def to_json(value: Any, findings: set[str]) -> tuple[bytes | None, str]:
    """Return the JSON of `value` and its Mixpanel type; None for a missing value.

    Parameters
    ----------
    value : object
        A cell of a frame.
    findings : set of str
        Names of checks that the value does not pass are added to it.
    """
    converted, kind = _measured(value, findings)
    if converted is None:
        return None, kind
    try:
        text = orjson.dumps(converted)
    except orjson.JSONEncodeError:  # a lone surrogate, the one thing that converters let pass
        findings.add("broken_text")
        return None, kind
    if kind == "list" and len(text) > _LIST_BYTES:
        findings.add("large_list")
    if kind == "object" and len(text) > _OBJECT_BYTES:
        findings.add("large_object")
    return text, kind


def _measured(value: Any, findings: set[str]) -> tuple[Any, str]:
    converted = convert(value, findings, ())
    kind = kind_of(value, converted)
    _measure(converted, kind, findings)
    return converted, kind


def kind_of(value: Any, converted: Any) -> str:
    """Return Mixpanel's name for the type of a value."""
    if isinstance(value, enum.Enum):
        value = value.value
    return "date" if isinstance(value, _DATES) and converted is not None else _KINDS[type(converted)]


def convert(value: Any, findings: set[str], around: tuple[int, ...]) -> Any:
    """Return `value` in the types that orjson writes; what cannot be sent is null and a finding.

    Parameters
    ----------
    value : object
        Anything.
    findings : set of str
        Names of checks are added to it.
    around : tuple of int
        Identities of the lists and objects that the value stands in.
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
    return str.__str__(value)  # not str(value), which a subclass may have its own way with


@_convert.register(bool)
@_convert.register(np.bool_)
def _(value: Any, findings: set[str], around: tuple[int, ...]) -> bool:
    return bool(value)


@_convert.register(int)
@_convert.register(np.integer)
def _(value: Any, findings: set[str], around: tuple[int, ...]) -> Any:
    number = int(value)
    if abs(number) <= _EXACT_INTEGER:
        return number
    try:
        float(number)
    except OverflowError:  # beyond the largest double
        findings.add("infinite")
        return None
    findings.add("inexact_integer")
    return number if -(2**63) <= number < 2**64 else orjson.Fragment(str(number))


@_convert.register(type(np.ma.masked))
def _(value: Any, findings: set[str], around: tuple[int, ...]) -> None:
    """An item that a numpy array masks is missing; numpy calls it an array."""


@_convert.register(float)
@_convert.register(np.floating)
def _(value: Any, findings: set[str], around: tuple[int, ...]) -> Any:
    if math.isfinite(value):
        if value != float(value) and abs(value) > _EXACT_INTEGER:  # longer than a double
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
    if value.copy_abs() > _EXACT_INTEGER:
        findings.add("inexact_integer")
    elif not holds(value):
        findings.add("inexact_decimal")
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
    if not 1 <= value.year <= 9999:  # a Timestamp may be from any year
        findings.add("date_range")
        return None
    if value.microsecond % 1000 or getattr(value, "nanosecond", 0):
        findings.add("sub_millisecond")
    return value.isoformat(timespec="milliseconds" if value.microsecond >= 1000 else "seconds")[:23]


@_convert.register
def _(value: np.datetime64, findings: set[str], around: tuple[int, ...]) -> str | None:
    if np.isnat(value):
        return None
    if not 1 <= value.astype("M8[Y]").astype(int) + 1970 <= 9999:
        findings.add("date_range")
        return None
    microseconds = value.astype("M8[us]")
    if microseconds != value:
        findings.add("sub_millisecond")
    text: str = convert(microseconds.item(), findings, around)
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
    start = np.datetime64(value.asfreq("us", how="start").ordinal, "us")
    found = {"period"}
    text: str | None = convert(start, found, around)
    findings |= found - {"naive_datetime"}
    return text and text.removesuffix("T00:00:00")


@_convert.register(dt.time)
@_convert.register(uuid.UUID)
def _(value: Any, findings: set[str], around: tuple[int, ...]) -> str:
    return str(value)


@_convert.register(list)
@_convert.register(tuple)
@_convert.register(np.ndarray)
@_convert.register(pd.Series)
@_convert.register(pd.Index)
@_convert.register(pd.api.extensions.ExtensionArray)
def _(value: Any, findings: set[str], around: tuple[int, ...]) -> Any:
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


@_convert.register
def _(value: dict, findings: set[str], around: tuple[int, ...]) -> dict[str, Any] | None:  # type: ignore[type-arg]  # dispatch wants the class
    if _too_deep(value, around):
        findings.add("deep_object")
        return None
    if not all(isinstance(key, str) for key in value):
        findings.add("odd_key")
        return None
    inside = (*around, id(value))
    return {str.__str__(key): convert(item, findings, inside) for key, item in value.items()}


def _too_deep(value: Any, around: tuple[int, ...]) -> bool:
    """Return whether `value` stands in itself, or deeper than Python's stack is sure to reach."""
    return len(around) >= _DEEPEST or id(value) in around


def _measure(converted: Any, kind: str, findings: set[str]) -> None:
    """Add what is over a limit, but for the size of the JSON."""
    if kind == "string" and over(converted, _STRING_BYTES):
        findings.add("long_string")
    if kind == "list":
        _measure_list(converted, findings)
    if kind == "object":
        _measure_object(converted, findings, _OBJECT_DEPTH)


def _measure_list(items: list[Any], findings: set[str]) -> None:
    for item in items:
        if isinstance(item, str) and over(item, _ITEM_BYTES):
            findings.add("long_item" if len(item) > _ITEM_CHARACTERS else "heavy_item")
        if isinstance(item, dict):
            _measure_object(item, findings, _LIST_OBJECT_DEPTH)
        if isinstance(item, list):
            findings.add("nested_list")
        if isinstance(item, bool | dict | list | type(None)):
            findings.add("union_items")


def _measure_object(value: dict[str, Any], findings: set[str], deepest: int) -> None:
    level: list[Any] = [value]
    for _depth in range(deepest):
        if any(len(node) > _OBJECT_KEYS for node in level if isinstance(node, dict)):
            findings.add("many_keys")
        level = [
            item
            for node in level
            for item in (node.values() if isinstance(node, dict) else node)
            if isinstance(item, dict)
            or (isinstance(item, list) and any(isinstance(x, dict | list) for x in item))
        ]
        if not level:
            return
    findings.add("deep_object")


def exact_below(dtype: Any) -> int:
    """Return below what a float type holds every whole number, and above it nothing else: 2**53 for doubles."""
    return 1 << int(np.finfo(dtype).nmant) + 1


def holds(number: decimal.Decimal) -> bool:
    """Return whether a double holds a decimal number as it is written: it is the same, rounded to as many digits.

    Examples
    --------
    >>> from decimal import Decimal
    >>> [holds(Decimal(text)) for text in ("0.1", "0.10000000000000001", "0.1000000000000000123", "1e-400")]
    [True, True, False, False]
    """
    double = float(number)
    if number == decimal.Decimal(repr(double)):
        return True
    digits = min(len(bytes(number.as_tuple().digits).rstrip(b"\0")), _DOUBLE_DIGITS)
    return decimal.Decimal(f"{double:.{digits - 1}e}") == number


def encodable(text: str) -> bool:
    """Return whether `text` has no lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def over(text: str, most: int) -> bool:
    """Return whether `text` has more than `most` bytes; lone surrogates count as three."""
    return 4 * len(text) > most and len(text.encode("utf-8", "surrogatepass")) > most

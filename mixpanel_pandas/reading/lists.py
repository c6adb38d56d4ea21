"""Text -> lists, and text -> JSON.

Items of lists are text without outer blanks; empty items go. ``list:python`` and ``list:postgres`` read what `str` and PostgreSQL make
of lists, with the items' own blanks and empty texts. What is plain is split in Arrow; the rest is read in Python, once for each
distinct text.
"""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.payloads.arrays import (
    LARGE_STRING,
    emptied,
    lengths_of,
    lists_of,
    mask_of,
    nulls_in,
)
from mixpanel_pandas.reading.columns import (
    ReadColumn,
    masks_of,
    matching,
    over_distinct,
    without_blanks,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "SEPARATORS",
    "TEXT_LISTS",
    "read_json_texts",
    "read_postgres_lists",
    "read_python_lists",
    "read_separated",
]

TEXT_LISTS = pa.large_list(LARGE_STRING)

#: Word -> separator.
SEPARATORS = {"semicolon": ";", "comma": ",", "pipe": "|", "tab": "\t", "space": " "}


class _Refused(ValueError):
    """A text that cannot be read."""

    finding = "unreadable"


class _RepeatedKey(_Refused):
    finding = "repeated_key"


# -- lists with separators --------------------------------------------------------------------------------------------


def read_separated(texts: pa.LargeStringArray, separator: str, *, quotes: bool) -> ReadColumn:
    """Return texts as lists of what stands between separators.

    Parameters
    ----------
    separator : str
        Any text. Where it is a blank, every blank separates.
    quotes : bool
        Whether an item in double quotes keeps its separators, as in CSV; two of them are one. A quote that does not end is unreadable.

    Notes
    -----
    Items have no outer blanks, and empty items are left out: ``a;;b;`` has two. Blank text is an empty list.
    """
    quoted = mask_of(pc.match_substring(texts, '"')) if quotes else np.zeros(len(texts), bool)
    split = pc.split_pattern(emptied(texts, quoted), separator)
    values = _without_empty(split)
    if not quoted.any():
        return ReadColumn(values)
    mark = re.escape(separator)
    item = re.compile(rf'\s*(?:"((?:[^"]|"")*)"|([^"{mark}][^{mark}]*)?)\s*({mark}|$)')
    return _with_slow_rows(values, texts, quoted, lambda text: _quoted_items(text, item))


def _without_empty(split: pa.Array) -> pa.Array:
    """Return lists of texts without outer blanks of items, and without empty items."""
    items = pc.utf8_trim_whitespace(split.flatten()).cast(LARGE_STRING)
    kept = mask_of(pc.greater(pc.binary_length(items), 0))
    parents = np.repeat(np.arange(len(split)), lengths_of(split))[kept]
    lengths = np.bincount(parents, minlength=len(split))
    return lists_of(items.filter(pa.array(kept)), lengths, nulls_in(split))


def _quoted_items(text: str, item: re.Pattern[str]) -> list[str]:
    items, at = [], 0
    while True:
        match = item.match(text, at)
        if not match:
            raise _Refused
        quoted, plain, end = match.groups()
        read = quoted.replace('""', '"').strip() if quoted is not None else (plain or "").strip()
        items += [read] if read else []
        at = match.end()
        if not end:
            return items


def _with_slow_rows(
    values: pa.Array, texts: pa.Array, rows: np.ndarray, read: Callable[[str], Any]
) -> ReadColumn:
    """Return `values` with what `read` makes of the texts of `rows`, a mask."""
    distinct, of_rows = over_distinct(texts.filter(pa.array(rows)), lambda text: _or_finding(read, text))
    places = np.full(len(texts), -1)
    places[rows] = of_rows
    findings = masks_of([item if isinstance(item, str) else "" for item in distinct], places)
    lists = pa.array([None if isinstance(item, str) else item for item in distinct], values.type)
    order = np.where(rows, len(texts) + places, np.arange(len(texts)))
    return ReadColumn(pa.concat_arrays([values, lists]).take(pa.array(order)), findings)


def _or_finding(read: Callable[[str], Any], text: str) -> Any:
    """Return what `read` makes of a text; the name of the finding, which is a str, where it refuses it."""
    try:
        return read(text)
    except _Refused as refused:
        return refused.finding


# -- lists of PostgreSQL ----------------------------------------------------------------------------------------------

_POSTGRES_ITEM = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^\s{}",\\][^{}",\\]*?))\s*(,|$)', re.DOTALL)


def read_postgres_lists(texts: pa.LargeStringArray) -> ReadColumn:
    r"""Return array literals of PostgreSQL, such as ``{a,"b c",NULL}``, as lists of text.

    NULL without quotes is a missing item. Arrays in arrays are unreadable.
    Source: https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
    """
    texts = without_blanks(texts)
    plain = matching(texts, r'\{(?:[^{}",\\\s]+(?:,[^{}",\\\s]+)*)?\}')
    inner = pc.utf8_trim(emptied(texts, ~plain), "{}")
    values = _without_empty(pc.split_pattern(inner, ","))
    values = lists_of(_null_words(values.flatten()), lengths_of(values), nulls_in(values))
    slow = ~plain & mask_of(texts.is_valid())
    return _with_slow_rows(values, texts, slow, _postgres_items) if slow.any() else ReadColumn(values)


def _null_words(items: pa.Array) -> pa.Array:
    return emptied(items, matching(items, "(?i)null"))


def _postgres_items(text: str) -> list[str | None]:
    if not (text.startswith("{") and text.endswith("}") and len(text) > 1):
        raise _Refused
    inner = text[1:-1]
    items: list[str | None] = []
    at = 0
    while inner.strip():
        match = _POSTGRES_ITEM.match(inner, at)
        if not match:
            raise _Refused
        quoted, word, end = match.groups()
        if quoted is not None:
            items.append(re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL))
        else:
            items.append(None if word.lower() == "null" else word)
        at = match.end()
        if not end:
            break
    return items


# -- lists of Python --------------------------------------------------------------------------------------------------

_PLAIN_PYTHON = r"""\['[^'"\\]*'(?:, '[^'"\\]*')*\]"""

#: Two strings side by side, which Python joins: what numpy writes for an array of texts.
_NEIGHBOURS = re.compile(r"""['"]\s*['"]""")

_SCALARS = (str, int, float, bool, type(None))


def read_python_lists(texts: pa.LargeStringArray, type: pa.DataType | None) -> ReadColumn:
    """Return literals of Python such as ``['a', 'b']`` as lists: those of lists, tuples and sets of single values.

    All items of a column have one type: text, whole numbers, numbers, or true and false; None is a missing item. Findings are
    ``unreadable``, ``mixed_items`` (items of another type than the first list has) and ``inexact`` (whole numbers beyond 64 bits).
    """
    texts = without_blanks(texts)
    plain = matching(texts, _PLAIN_PYTHON)
    present = mask_of(texts.is_valid())
    if type in (None, TEXT_LISTS) and (plain | ~present).all():
        return ReadColumn(_plain_python(texts))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd escapes in strings
        distinct, places = over_distinct(texts, lambda text: _or_finding(_python_items, text))
    kinds = [None if isinstance(items, str) else _kind(items) for items in distinct]
    needed = type or _type_of(kinds)
    fitting = _FITTING[needed.value_type]
    findings = [
        items if isinstance(items, str) else _misfit(items, kind, fitting)
        for items, kind in zip(distinct, kinds, strict=True)
    ]
    readable = [None if finding else items for items, finding in zip(distinct, findings, strict=True)]
    lists = pa.array([*readable, None], needed)
    places_of_lists = np.where(places < 0, len(readable), places)
    return ReadColumn(lists.take(pa.array(places_of_lists)), masks_of(findings, places))


def _plain_python(texts: pa.Array) -> pa.Array:
    inner = pc.utf8_slice_codeunits(texts, 2, -2)
    split = pc.split_pattern(inner, "', '")
    return lists_of(split.flatten().cast(LARGE_STRING), lengths_of(split), nulls_in(split))


def _python_items(text: str) -> list[Any]:
    try:
        body = ast.parse(text, mode="eval").body
        elements = body.elts if isinstance(body, ast.List | ast.Tuple | ast.Set) else None
        items = [ast.literal_eval(element) for element in elements or ()]
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        raise _Refused from None
    texts = sum(isinstance(item, str) for item in items)
    joined = _NEIGHBOURS.search(text) and texts != _count_strings(text)
    if elements is None or joined or not all(isinstance(item, _SCALARS) for item in items):
        raise _Refused
    return list(dict.fromkeys(items)) if isinstance(body, ast.Set) else items


def _count_strings(text: str) -> int:
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return sum(token.type == tokenize.STRING for token in tokens)


def _kind(items: list[Any]) -> frozenset[type]:
    return frozenset(map(type, items)) - {type(None)}


def _type_of(kinds: list[frozenset[type] | None]) -> pa.DataType:
    """Return the type of lists for a column: what the first list with items has; numbers are doubles if one is not a whole number."""
    first = next((kind for kind in kinds if kind), frozenset((str,)))
    if first <= {int, float}:
        numbers = frozenset().union(*(kind for kind in kinds if kind and kind <= {int, float}))
        return pa.large_list(pa.float64() if float in numbers else pa.int64())
    return pa.large_list(pa.bool_()) if first == {bool} else TEXT_LISTS


_FITTING: dict[pa.DataType, frozenset[type]] = {
    LARGE_STRING: frozenset((str,)),
    pa.int64(): frozenset((int,)),
    pa.float64(): frozenset((int, float)),
    pa.bool_(): frozenset((bool,)),
}


def _misfit(items: list[Any], kind: frozenset[type] | None, fitting: frozenset[type]) -> str:
    """Return the finding of a list among lists whose items have the types `fitting`, or nothing."""
    if kind is None or not kind <= fitting:
        return "mixed_items"
    whole = [item for item in items if type(item) is int]
    if float in fitting:
        return "inexact" if any(not _as_double(item) for item in whole) else ""
    return "" if all(-(2**63) <= item < 2**63 for item in whole) else "inexact"


def _as_double(item: int) -> bool:
    try:
        return int(float(item)) == item
    except OverflowError:
        return False


# -- JSON -------------------------------------------------------------------------------------------------------------


def read_json_texts(texts: pa.LargeStringArray) -> ReadColumn:
    """Return texts that are JSON as they stand, so that no digit and no key is lost before they are sent.

    Findings are ``unreadable`` and ``repeated_key`` (an object holds a key twice). Blank text is missing.
    """
    texts = without_blanks(texts)
    distinct, places = over_distinct(texts, _json_finding)
    refused = np.array([*map(bool, distinct), False])[places]
    return ReadColumn(emptied(texts, refused), masks_of(distinct, places))


def _json_finding(text: str) -> str:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return "unreadable"
    if not isinstance(value, dict | list) or ":" not in text:
        return ""
    try:
        if text.count('"') == orjson.dumps(value).count(b'"') and "\\" not in text:
            return ""
        json.loads(text, object_pairs_hook=_once)
    except _Refused as refused:
        return refused.finding
    except (ValueError, RecursionError, orjson.JSONEncodeError):  # deeper than anything that is sent
        return ""
    return ""


def _once(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) < len(pairs):
        raise _RepeatedKey

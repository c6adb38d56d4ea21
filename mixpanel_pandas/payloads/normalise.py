"""A slice of a column + its rule -> an array in Mixpanel's types, and masks of what is wrong with its values.

The types: string (large_string), number (integers, floats), boolean, date (timestamp[ms] in UTC, date32), list
(large_list of strings, numbers or booleans). What has no such type, objects above all, is JSON text already. A value
that cannot be sent is null, and a finding; the length never changes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.errors import reading_column
from mixpanel_pandas.payloads.dtypes import as_objects
from mixpanel_pandas.payloads.json_text import json_lines, read_json
from mixpanel_pandas.payloads.spread import values_of_key
from mixpanel_pandas.payloads.values import (
    convert,
    encodable,
    exact_below,
    holds,
    over,
    prepared,
    to_json,
    written,
)
from mixpanel_pandas.rules.limits import LIMITS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from mixpanel_pandas.payloads.dtypes import Rule
    from mixpanel_pandas.payloads.layout import Layout, PropertyColumn
    from mixpanel_pandas.payloads.sources import Rows

__all__ = [
    "Normalised",
    "bytes_of",
    "cut_strings",
    "emptied",
    "lengths_of",
    "lists_of",
    "longest_text",
    "mask_of",
    "normalise",
    "normalise_column",
    "nulls_in",
    "offsets_of",
]

LARGE_STRING = pa.large_string()
MILLISECONDS = pa.timestamp("ms")

#: Milliseconds from the epoch of the first instant of year 1 and of year 10000.
FIRST, LAST = -62_135_596_800_000, 253_402_300_800_000

#: An item that is not longer is not too long, however it is measured.
_LONG = min(LIMITS["item_bytes"].value, LIMITS["item_characters"].value)

#: Shorter than any JSON that is too large.
_LARGE = min(LIMITS["list_bytes"].value, LIMITS["object_bytes"].value)

_LIST = np.array("list", dtype=object)
_NULL = pa.scalar("null", LARGE_STRING)

#: Decimal digits that a double holds, whatever they are.
_SURE_DIGITS = 15

_PER_MILLISECOND = {"us": 1_000, "ns": 1_000_000}
_MILLISECONDS_PER = {"s": 1_000, "ms": 1}

Findings = dict[str, np.ndarray]


@dataclass(frozen=True)
class Normalised:
    """Values of one column in Mixpanel's types.

    Attributes
    ----------
    array : pyarrow.Array
        One element per row, null where the value is missing or cannot be sent.
    findings : dict of str to numpy.ndarray
        Name of a check -> mask of the rows that do not pass it.
    kinds : numpy.ndarray or None
        Set where `array` is JSON text: Mixpanel's type of each value.
    """

    array: pa.Array
    findings: Findings = field(default_factory=dict)
    kinds: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.array)

    @property
    def missing(self) -> np.ndarray:
        """Mask of the rows without a value."""
        return nulls_in(self.array)

    def without(self, rows: np.ndarray) -> Normalised:
        """Return the same with the values of `rows`, a mask, missing."""
        return Normalised(emptied(self.array, rows), self.findings, self.kinds)

    def filter(self, rows: pa.Array) -> Normalised:
        """Return only `rows`, a mask; the findings are left behind."""
        kinds = None if self.kinds is None else self.kinds[mask_of(rows)]
        return Normalised(self.array.filter(rows), kinds=kinds)


def normalise(values: Any, rule: Rule, *, parse: str | None = None, blank: str = "keep") -> Normalised:
    """Return a slice of a column in Mixpanel's types.

    Parameters
    ----------
    values : array
        Slice of the column's own array.
    rule : Rule
        How the column is read.
    parse : str, optional
        ``"json"``, or what separates the items of a list, for text that stands for more.
    blank : {"keep", "missing"}
        Whether ``""`` and white space are values; they are no JSON and no list.
    """
    if rule.plain and parse is None and (lists := _plain_lists(values)) is not None:
        return lists
    read = rule.read(values)
    if blank == "missing" or parse is not None:
        read = _without_blanks(read)
    if parse is not None:
        return _parsed(read, parse)
    if not isinstance(read, np.ndarray):
        return _from_arrow(read)
    return _texts(read) if rule.kind == "string" else from_objects(read)


def normalise_column(layout: Layout, column: PropertyColumn, rows: Rows) -> Normalised:
    """Return some of a property's values in Mixpanel's types; an empty list is nothing to unite with."""
    unites = column.operator.takes == "list"
    blank = layout.operation.options.blank
    with reading_column(column.label):
        values = column.source.at(rows)
        if column.key is not None:
            values = values_of_key(column.source.rule.read(values), column.key)
        normalised = normalise(values, column.rule, parse=column.parse, blank=blank)
    return normalised.without(_empty_lists(normalised)) if unites else normalised


def _empty_lists(column: Normalised) -> np.ndarray:
    if pa.types.is_large_list(column.array.type):
        return mask_of(pc.equal(pc.list_value_length(column.array), 0))
    if column.kinds is not None:
        return mask_of(pc.equal(column.array, "[]"))
    return np.zeros(len(column), bool)


def from_objects(values: Iterable[Any]) -> Normalised:
    """Return Python values as JSON text, looked at one by one because no Arrow type holds them all, written together."""
    values = list(values)
    try:
        return _written(values, prepared)
    except orjson.JSONEncodeError:  # a lone surrogate, or a key that is no text: whose it is shows one by one
        return _written(values, written)


def _written(values: list[Any], prepare: Callable[[Any, set[str]], tuple[Any, str]]) -> Normalised:
    pieces, kinds, found = [], [], []
    findings: set[str] = set()
    for place, value in enumerate(values):
        piece, kind = prepare(value, findings)
        pieces.append(piece)
        kinds.append(kind)
        if findings:
            found.append((place, findings))
            findings = set()
    array = _json_texts(pieces)
    large = mask_of(pc.greater(pc.binary_length(array), _LARGE))  # what `prepare` could not know
    for place in np.flatnonzero(large).tolist():
        to_json(values[place], findings := set())
        found.append((place, findings))
    return Normalised(array, _masks(found, len(values)), np.array(kinds, dtype=object))


def _json_texts(pieces: list[Any]) -> pa.Array:
    """Return the JSON of each piece, null for null."""
    texts = json_lines(pieces)
    return emptied(texts, mask_of(pc.equal(texts, _NULL)))


def _plain_lists(values: np.ndarray) -> Normalised | None:
    """Return lists of strings as JSON text, written together; None where one holds something else, or what cannot be sent."""
    try:
        array = _json_texts(values.tolist())
    except orjson.JSONEncodeError:  # a lone surrogate, or what has no JSON of its own
        return None
    longest = _longest_string(array)
    if longest is None or longest > _LONG or longest_text(array) > _LARGE:
        return None
    return Normalised(array, kinds=np.broadcast_to(_LIST, len(array)))


def _longest_string(lists: pa.Array) -> int | None:
    """Return bytes that no string in the JSON of lists passes; None where a list holds something else.

    A list of strings is two brackets and a comma before each string but the first, which stands behind a bracket. That is the
    least that there can be around so many strings: whatever else a list holds makes it longer.
    """
    text = bytes_of(lists)
    if (text == ord("\\")).any():  # no quote that a string holds is one that ends it
        plain = text.tobytes().replace(b"\\\\", b"..").replace(b'\\"', b"..")
        text = np.frombuffer(plain, np.uint8)
    quotes = np.flatnonzero(text == ord('"'))
    begins, lengths = quotes[::2], quotes[1::2] - quotes[::2] + 1
    first = np.count_nonzero(text[begins - 1] == ord("["))
    least = 2 * (len(lists) - lists.null_count) + len(begins) - first
    return int(lengths.max(initial=2)) - 2 if len(text) - lengths.sum() == least else None


def _texts(values: Iterable[Any]) -> Normalised:
    """Return Python values that become strings, and strings of which some are broken, one by one."""
    found, texts = [], []
    for place, value in enumerate(values):
        findings: set[str] = set()
        text = convert(value, findings, ())
        if text is not None and not encodable(text):
            findings.add("broken_text")
            text = None
        texts.append(text)
        if findings:
            found.append((place, findings))
    return Normalised(pa.array(texts, LARGE_STRING), _masks(found, len(texts)))


def _masks(found: list[tuple[int, set[str]]], length: int) -> Findings:
    """Return name of a finding -> mask, from the names of each row that has findings."""
    masks = {
        name: np.zeros(length, bool) for name in sorted({name for _place, names in found for name in names})
    }
    for place, names in found:
        for name in names:
            masks[name][place] = True
    return masks


def _from_arrow(array: pa.Array) -> Normalised:
    for fits, finish in FINISH:
        if fits(array.type):
            return finish(array)
    msg = f"no rule for Arrow type {array.type}"  # the dtype rules let none through
    raise AssertionError(msg)


def _plain(array: pa.Array) -> Normalised:
    return Normalised(array)


def _text(array: pa.Array) -> Normalised:
    return Normalised(array.cast(LARGE_STRING))


def _times(array: pa.Array) -> Normalised:
    """Times of day as text, without a fraction of zeros."""
    text = array.cast(LARGE_STRING)
    return Normalised(pc.replace_substring_regex(text, r"\.0+$", ""))


def _integers(array: pa.Array) -> Normalised:
    largest = LIMITS["exact_integer"].value
    bounds = pc.min_max(array)
    low, high = bounds["min"].as_py(), bounds["max"].as_py()
    if low is None or (low >= -largest and high <= largest):
        return Normalised(array)
    inexact = mask_of(pc.greater(array, pa.scalar(largest, array.type)))
    if low < -largest:
        inexact |= mask_of(pc.less(array, pa.scalar(-largest, array.type)))
    return Normalised(array, {"inexact_integer": inexact})


def _floats(array: pa.Array) -> Normalised:
    if array.type != pa.float64():
        array = _widened(array)
    if pc.all(pc.is_finite(array), min_count=0).as_py():
        return Normalised(array)
    infinite = mask_of(pc.is_inf(array))
    array = emptied(array, mask_of(pc.is_nan(array)) | infinite)
    return Normalised(array, {"infinite": infinite} if infinite.any() else {})


def _widened(array: pa.Array) -> pa.Array:
    """Return short floats as doubles: fractions as they read (0.1, not 0.10000000149011612), whole numbers as they are.

    Arrow writes single precision as short as it reads. So it stays, unless it holds whole numbers that are longer than that.
    """
    numbers = np.asarray(array.to_numpy(zero_copy_only=False), array.type.to_pandas_dtype())  # NaN where null
    whole = np.abs(numbers) > exact_below(numbers.dtype)
    if array.type == pa.float16():
        shortest = numbers.astype(str).astype(np.float64)
    elif whole.any():
        shortest = np.asarray(array.cast(LARGE_STRING).cast(pa.float64()))
    else:
        return array
    return pa.array(np.where(whole, numbers.astype(np.float64), shortest))


def _decimals(array: pa.Array) -> Normalised:
    """All digits, as JSON text. Arrow 17 writes 1.E-8 where JSON wants 1E-8."""
    text = pc.replace_substring(array.cast(LARGE_STRING), ".E", "E")
    inexact = mask_of(pc.greater(pc.abs(array.cast(pa.float64())), LIMITS["exact_integer"].value))
    findings = {"inexact_integer": inexact, "inexact_decimal": ~inexact & _without_a_double(array, text)}
    findings = {name: mask for name, mask in findings.items() if mask.any()}
    return Normalised(text, findings, np.full(len(array), "number", dtype=object))


def _without_a_double(decimals: pa.Array, texts: pa.Array) -> np.ndarray:
    """Return the mask of the decimals that no double holds as they are written; only long ones are looked at."""
    rows = np.zeros(len(decimals), bool)
    if decimals.type.precision > _SURE_DIGITS:
        digits = pc.replace_substring(pc.utf8_rtrim(pc.utf8_ltrim(texts, "-0."), "0"), ".", "")
        rows = mask_of(pc.greater(pc.binary_length(digits), _SURE_DIGITS))
    rows[rows] = [not holds(number) for number in decimals.filter(pa.array(rows)).to_pylist()]
    return rows


def _timestamps(array: pa.Array) -> Normalised:
    """Instants to whole milliseconds, downwards; years that ISO dates do not have are a finding."""
    whole = _as_milliseconds(array)
    if whole is not None:
        return Normalised(whole)
    missing = nulls_in(array)
    count = np.asarray(array.cast(pa.int64()).fill_null(0))
    findings: Findings = {}
    if array.type.unit in _MILLISECONDS_PER:
        scale = _MILLISECONDS_PER[array.type.unit]
        outside = (count < FIRST // scale) | (count >= LAST // scale)
        milliseconds = np.where(outside, 0, count) * scale
    else:
        scale = _PER_MILLISECOND[array.type.unit]
        milliseconds = np.floor_divide(count, scale)
        outside = (milliseconds < FIRST) | (milliseconds >= LAST)
        finer = milliseconds * scale != count
        if finer.any():
            findings["sub_millisecond"] = finer
    if outside.any():
        findings["date_range"] = outside
        missing |= outside
    return Normalised(pa.array(milliseconds, MILLISECONDS, mask=missing), findings)


def _as_milliseconds(array: pa.Array) -> pa.Array | None:
    """Return instants in milliseconds, if that is exact and all have ISO dates."""
    try:
        instants = array if array.type.tz is None else array.view(pa.timestamp(array.type.unit))
        milliseconds = instants.cast(MILLISECONDS)
    except pa.ArrowInvalid:
        return None
    bounds = pc.min_max(milliseconds.view(pa.int64()))
    first, last = bounds["min"].as_py(), bounds["max"].as_py()
    return milliseconds if first is None or FIRST <= first <= last < LAST else None


def _dates(array: pa.Array) -> Normalised:
    days = np.asarray(array.cast(pa.int32()).fill_null(0)).astype(np.int64) * 86_400_000
    outside = (days < FIRST) | (days >= LAST)
    return Normalised(emptied(array, outside), {"date_range": outside} if outside.any() else {})


def _lists(array: pa.Array) -> Normalised:
    """Findings of items are findings of their list; infinite items are null in it."""
    items = _from_arrow(array.flatten())
    findings = dict(items.findings)
    if array.type.value_type == LARGE_STRING:
        findings |= _long_items(items.array)
    if pa.types.is_boolean(array.type.value_type) or items.array.null_count:
        findings["union_items"] = items.missing | pa.types.is_boolean(array.type.value_type)
    if not findings and items.array.type == array.type.value_type:
        return Normalised(array)
    lengths = lengths_of(array)
    parents = np.repeat(np.arange(len(array)), lengths)
    of_lists = {name: np.bincount(parents[mask], minlength=len(array)) > 0 for name, mask in findings.items()}
    return Normalised(lists_of(items.array, lengths, nulls_in(array)), of_lists)


def lengths_of(lists: pa.Array) -> np.ndarray:
    """Return how many items each list has; a missing one has none."""
    lengths = pc.list_value_length(lists)
    return np.asarray(lengths.fill_null(0) if lengths.null_count else lengths)


def lists_of(items: pa.Array, lengths: np.ndarray, missing: np.ndarray) -> pa.Array:
    """Return an array of lists, given their items one after the other and how many each list has."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    mask = pa.array(missing) if missing.any() else None
    return pa.LargeListArray.from_arrays(pa.array(offsets), items, mask=mask)


def _long_items(items: pa.Array) -> Findings:
    bytes_, characters = LIMITS["item_bytes"].value, LIMITS["item_characters"].value
    if longest_text(items) <= bytes_:
        return {}
    long = mask_of(pc.greater(pc.utf8_length(items), characters))
    heavy = mask_of(pc.greater(pc.binary_length(items), bytes_)) & ~long
    return {name: mask for name, mask in (("long_item", long), ("heavy_item", heavy)) if mask.any()}


#: Test of an Arrow type -> what takes it to Mixpanel's type.
FINISH: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.Array], Normalised]], ...] = (
    (pa.types.is_null, _plain),
    (pa.types.is_large_string, _plain),
    (pa.types.is_integer, _integers),
    (pa.types.is_floating, _floats),
    (pa.types.is_boolean, _plain),
    (pa.types.is_timestamp, _timestamps),
    (pa.types.is_date, _dates),
    (pa.types.is_large_list, _lists),
    (pa.types.is_decimal, _decimals),
    (pa.types.is_time, _times),
    (pa.types.is_string, _text),
)


def _without_blanks(read: pa.Array | np.ndarray) -> pa.Array | np.ndarray:
    """Return values without the text that is nothing but white space."""
    if isinstance(read, np.ndarray):
        return as_objects([None if isinstance(value, str) and not value.strip() else value for value in read])
    if read.type != LARGE_STRING:
        return read
    return emptied(read, mask_of(pc.equal(pc.utf8_trim_whitespace(read), "")))


def _parsed(read: pa.Array | np.ndarray, parse: str) -> Normalised:
    """Return text as what it stands for; what is no text (a list already) stays."""
    if isinstance(read, np.ndarray):
        return _from_json(read) if parse == "json" else from_objects(_pieces(value, parse) for value in read)
    if read.type != LARGE_STRING:
        return _from_arrow(read)
    return _from_json(read.to_pylist()) if parse == "json" else _lists(_split(read, parse))


def _split(texts: pa.Array, separator: str) -> pa.Array:
    pieces = pc.split_pattern(texts, separator)
    lengths = lengths_of(pieces)
    items = pc.utf8_trim_whitespace(pieces.flatten()).cast(LARGE_STRING)
    wanted = mask_of(pc.not_equal(items, ""))
    parents = np.repeat(np.arange(len(texts)), lengths)[wanted]
    return lists_of(
        items.filter(pa.array(wanted)), np.bincount(parents, minlength=len(texts)), nulls_in(texts)
    )


def _from_json(items: Sequence[Any] | np.ndarray) -> Normalised:
    """Return what JSON text stands for, and other values that stand beside it."""
    parsed = read_json(items)
    normalised = from_objects(parsed.values)
    findings = {"bad_json": parsed.broken, "repeated_key": parsed.repeated}
    found = {name: mask for name, mask in findings.items() if mask.any()}
    return Normalised(normalised.array, normalised.findings | found, normalised.kinds)


def _pieces(value: Any, separator: str) -> Any:
    """Return the items that a text stands for; what is no text stays."""
    if not isinstance(value, str):
        return value
    return [item for piece in value.split(separator) if (item := piece.strip())]


def emptied(array: pa.Array, rows: np.ndarray) -> pa.Array:
    """Return `array` with null in `rows`, a mask. (Arrow's own ``if_else`` misread slices of strings in version 17.)"""
    return array.take(pa.array(np.arange(len(array)), mask=rows)) if rows.any() else array


def nulls_in(array: pa.Array) -> np.ndarray:
    """Return the mask of what is null; most arrays know that nothing is."""
    return mask_of(array.is_null()) if array.null_count else np.zeros(len(array), bool)


def offsets_of(strings: pa.LargeStringArray) -> np.ndarray:
    """Return where each of some strings begins in their buffer, and where the last one ends (int64); nothing is copied."""
    if not len(strings):
        return np.zeros(1, np.int64)
    return np.frombuffer(strings.buffers()[1], np.int64)[strings.offset : strings.offset + len(strings) + 1]


def bytes_of(strings: pa.LargeStringArray) -> np.ndarray:
    """Return the bytes of all strings of an array, which may be a slice; nothing is copied."""
    data, offsets = strings.buffers()[2], offsets_of(strings)
    return np.frombuffer(data or b"", np.uint8)[offsets[0] : offsets[-1]]


def longest_text(strings: pa.LargeStringArray) -> int:
    """Return bytes that none of some strings passes; one at least has them, unless something lies under a null."""
    offsets = offsets_of(strings)
    return int((offsets[1:] - offsets[:-1]).max(initial=0))


def mask_of(mask: pa.Array) -> np.ndarray:
    """Return an Arrow mask as one of numpy; null is False."""
    return np.asarray(mask.fill_null(False) if mask.null_count else mask, dtype=bool)


def cut_strings(column: Normalised, rows: np.ndarray) -> Normalised:
    """Return `column` with the strings of `rows`, a mask, cut to the limit between two code points."""
    positions = np.flatnonzero(rows)
    whole = column.array.take(pa.array(positions)).to_pylist()
    cut = _cut if column.kinds is None else _cut_json
    order = np.arange(len(column))
    order[positions] = len(column) + np.arange(len(positions))
    both = pa.concat_arrays([column.array, pa.array(map(cut, whole), column.array.type)])
    return Normalised(both.take(pa.array(order)), column.findings, column.kinds)


def _cut_json(text: str | None) -> str | None:
    """Cut the strings of JSON text; the numbers keep their digits."""
    if text is None:
        return None
    value = json.loads(text, parse_int=orjson.Fragment, parse_float=orjson.Fragment)
    return orjson.dumps(_cut(value)).decode()


def _cut(value: Any) -> Any:
    if isinstance(value, list):
        return [_cut(item) for item in value]
    if not isinstance(value, str) or not over(value, LIMITS["string_bytes"].value):
        return value
    return value.encode()[: LIMITS["string_bytes"].value].decode(errors="ignore")

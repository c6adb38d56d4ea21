"""A slice of a column + its rule -> an array in Mixpanel's types, and masks of what is wrong with its values.

The types are string (large_string), number (integers, floats), boolean, date (timestamp[ms] in UTC, date32), and list
(large_list of strings, numbers or booleans). Values without such a type, objects above all, become JSON text. A value that cannot
be sent becomes null and a finding; the length never changes.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.errors import naming_column, reading_values
from mixpanel_pandas.payloads import measures
from mixpanel_pandas.payloads.arrays import (
    LARGE_STRING,
    any_item,
    as_objects,
    bytes_of,
    emptied,
    lengths_of,
    lists_of,
    mask_of,
    nulls_in,
    offsets_of,
)
from mixpanel_pandas.payloads.json_text import TYPE_OF_FIRST, json_lines, read_json
from mixpanel_pandas.payloads.parsing import at, read_texts
from mixpanel_pandas.payloads.spread import values_of_key
from mixpanel_pandas.payloads.values import are_native, convert, is_date, to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from mixpanel_pandas.payloads.dtypes import Rule
    from mixpanel_pandas.payloads.layout import Layout, PropertyColumn
    from mixpanel_pandas.payloads.measures import Masks
    from mixpanel_pandas.payloads.parsing import Parsing
    from mixpanel_pandas.payloads.sources import Rows

__all__ = ["Normalised", "cut_strings", "from_objects", "normalise", "normalise_column"]

MILLISECONDS = pa.timestamp("ms")

_LIST = np.array("list", dtype=object)

#: First byte of a JSON text -> Mixpanel's type of the value.
_KINDS = np.full(256, "number", dtype=object)
_KINDS[[*map(ord, TYPE_OF_FIRST)]] = [*TYPE_OF_FIRST.values()]


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
    findings: Masks = field(default_factory=dict)
    kinds: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.array)

    @property
    def missing(self) -> np.ndarray:
        """Mask of the rows without a value."""
        return nulls_in(self.array)

    @property
    def present(self) -> np.ndarray:
        """Mask of the rows with a value, be it one that cannot be sent."""
        present = ~self.missing
        for mask in self.findings.values():
            present |= mask
        return present

    def without(self, rows: np.ndarray) -> Normalised:
        """Return the same without the values of `rows`, a mask."""
        return Normalised(emptied(self.array, rows), self.findings, self.kinds)

    def filter(self, rows: pa.Array) -> Normalised:
        """Return only `rows`, a mask, without the findings."""
        kinds = None if self.kinds is None else self.kinds[mask_of(rows)]
        return Normalised(self.array.filter(rows), kinds=kinds)


def normalise(
    values: Any, rule: Rule, *, parse: Parsing | None = None, blank: str = "keep", rows: Rows | None = None
) -> Normalised:
    """Return a slice of a column in Mixpanel's types.

    Parameters
    ----------
    values : array
        Slice of the column's own array.
    rule : Rule
        How the column is read.
    parse : Parsing, optional
        How text is read.
    blank : {"keep", "missing"}
        Whether ``""`` and white space are values. With `parse` they are always missing.
    rows : slice or numpy.ndarray, optional
        Positions of the values in the column. By default their text is read by itself, also by readings that compare rows.
    """
    if rule.plain and parse is None and (lists := _string_lists(values)) is not None:
        return lists
    with reading_values():
        read = rule.read(values)
    if blank == "missing" or parse is not None:
        read = _blank_as_missing(read)
    if parse is not None and parse.fits:
        return _parsed(read, rule, parse, rows)
    if not isinstance(read, np.ndarray):
        return _from_arrow(read)
    return _texts(read) if rule.kind == "string" else from_objects(read)


def normalise_column(layout: Layout, column: PropertyColumn, rows: Rows) -> Normalised:
    """Return some of a property's values in Mixpanel's types. For ``$union``, an empty list is a missing value."""
    unites = column.operator.takes == "list"
    blank = layout.operation.options.blank
    values = column.source.at(rows)
    with naming_column(column.label):
        if column.key is not None:
            with reading_values():
                values = values_of_key(column.source.rule.read(values), column.key)
        normalised = normalise(values, column.rule, parse=column.parse, blank=blank, rows=rows)
    return normalised.without(_empty_lists(normalised)) if unites else normalised


def _empty_lists(column: Normalised) -> np.ndarray:
    if pa.types.is_large_list(column.array.type):
        return mask_of(pc.equal(pc.list_value_length(column.array), 0))
    if column.kinds is not None:
        return mask_of(pc.equal(column.array, "[]"))
    return np.zeros(len(column), bool)


def from_objects(values: Iterable[Any]) -> Normalised:
    """Return Python values as JSON text. No Arrow type holds them all, so Python looks at each."""
    values = list(values)
    try:
        if are_native(values):  # measured: to ask for all at once saves 15 % of the time of a column of dicts
            return _as_json(values, values, {})
        return _as_json(values, *_converted(values, _native_or_converted))
    except orjson.JSONEncodeError:  # orjson does not say which value it refuses, so each is written by itself
        return _as_json(values, *_converted(values, _written))


def _native_or_converted(value: Any, findings: set[str]) -> Any:
    return value if are_native((value,)) else convert(value, findings)


def _written(value: Any, findings: set[str]) -> orjson.Fragment | None:
    text = to_json(value, findings)
    return None if text is None else orjson.Fragment(text)


def _as_json(values: list[Any], converted: list[Any], names: dict[int, set[str]]) -> Normalised:
    """Return the JSON of values, written in one call, with what is wrong with their types and with their JSON."""
    texts, first_bytes = _json_texts(converted)
    kinds = np.take(_KINDS, first_bytes)
    with reading_values():
        dates = [row for row, value in enumerate(values) if converted[row] is not value and is_date(value)]
    kinds[dates] = np.where(kinds[dates] == "missing", "missing", "date")
    findings = _masks(names, len(values))
    for name, mask in measures.json_findings(texts, kinds).items():
        findings[name] = findings[name] | mask if name in findings else mask
    return Normalised(texts, findings, kinds)


def _converted(
    values: Iterable[Any], convert_value: Callable[[Any, set[str]], Any]
) -> tuple[list[Any], dict[int, set[str]]]:
    """Return the converted values, and the names of the checks that they fail, by row."""
    converted, names = [], {}
    findings: set[str] = set()
    with reading_values():
        for row, value in enumerate(values):
            converted.append(convert_value(value, findings))
            if findings:
                names[row] = findings
                findings = set()
    return converted, names


def _masks(names: dict[int, set[str]], length: int) -> Masks:
    """Return name of a check -> mask, from the names of the checks that each row fails."""
    masks = {name: np.zeros(length, bool) for name in sorted(set().union(*names.values()))}
    for row, of_row in names.items():
        for name in of_row:
            masks[name][row] = True
    return masks


def _json_texts(values: list[Any]) -> tuple[pa.Array, np.ndarray]:
    """Return the JSON of each value, null for null, and the first byte of each."""
    texts = json_lines(values)
    offsets = offsets_of(texts)
    first_bytes = bytes_of(texts)[offsets[:-1] - offsets[0]]
    return emptied(texts, first_bytes == ord("n")), first_bytes


def _string_lists(values: np.ndarray) -> Normalised | None:
    """Return lists of strings as JSON text; None where a list holds something else, or may be over a limit."""
    try:
        texts, _first_bytes = _json_texts(values.tolist())
    except orjson.JSONEncodeError:  # a lone surrogate, or a value that orjson does not know
        return None
    if not measures.string_lists_fit(texts):
        return None
    return Normalised(texts, kinds=np.broadcast_to(_LIST, len(texts)))


def _texts(values: np.ndarray) -> Normalised:
    """Return Python values that become strings, one by one, because some may not be encodable."""
    texts = read_texts(values, "string")
    return Normalised(texts.values, texts.findings)


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
    """Return times of day as text, without a fraction of zeros."""
    text = array.cast(LARGE_STRING)
    return Normalised(pc.replace_substring_regex(text, r"\.0+$", ""))


def _integers(array: pa.Array) -> Normalised:
    numbers = np.asarray(array.fill_null(0) if array.null_count else array)
    inexact = measures.beyond_exact(numbers)
    return Normalised(array, {"inexact_integer": inexact} if inexact.any() else {})


def _floats(array: pa.Array) -> Normalised:
    if array.type != pa.float64():
        array = _widened(array)
    if pc.all(pc.is_finite(array), min_count=0).as_py():
        return Normalised(array)
    infinite = mask_of(pc.is_inf(array))
    array = emptied(array, mask_of(pc.is_nan(array)) | infinite)
    return Normalised(array, {"infinite": infinite} if infinite.any() else {})


def _widened(array: pa.Array) -> pa.Array:
    """Return short floats as doubles: fractions with the digits that they show (0.1, not 0.10000000149011612), integers exactly.

    Arrow writes single precision with these digits, so such an array stays as it is, unless it holds large integers.
    """
    numbers = np.asarray(array.to_numpy(zero_copy_only=False), array.type.to_pandas_dtype())  # NaN where null
    whole = np.abs(numbers) > measures.exact_below(numbers.dtype)
    if array.type == pa.float16():
        shortest = numbers.astype(str).astype(np.float64)
    elif whole.any():
        shortest = np.asarray(array.cast(LARGE_STRING).cast(pa.float64()))
    else:
        return array
    return pa.array(np.where(whole, numbers.astype(np.float64), shortest))


def _decimals(array: pa.Array) -> Normalised:
    """Return decimals as JSON text with all their digits. (Arrow 17 writes 1.E-8 where JSON needs 1E-8.)"""
    texts = pc.replace_substring(array.cast(LARGE_STRING), ".E", "E")
    suspects = np.flatnonzero(_may_be_inexact(array, texts))
    numbers = array.take(pa.array(suspects)).to_pylist()
    names = {
        row: {name}
        for row, number in zip(suspects.tolist(), numbers, strict=True)
        if (name := measures.decimal_finding(number))
    }
    return Normalised(texts, _masks(names, len(array)), np.full(len(array), "number", dtype=object))


def _may_be_inexact(decimals: pa.Array, texts: pa.Array) -> np.ndarray:
    """Return the mask of the decimals that are large or have many digits; all others are exact."""
    doubles = np.asarray(decimals.cast(pa.float64()).fill_null(0))
    large: np.ndarray = np.abs(doubles) >= measures.exact_below(doubles.dtype)
    digits = pc.replace_substring(pc.utf8_rtrim(pc.utf8_ltrim(texts, "-0."), "0"), ".", "")
    large |= mask_of(pc.greater(pc.binary_length(digits), sys.float_info.dig))
    return large


def _timestamps(array: pa.Array) -> Normalised:
    """Return instants cut down to whole milliseconds."""
    whole = _as_milliseconds(array)
    if whole is not None:
        return Normalised(whole)
    milliseconds, outside, finer = measures.to_milliseconds(_instants(array))
    whole = pa.array(milliseconds.view(np.int64), MILLISECONDS, mask=nulls_in(array) | outside)
    findings = {"date_range": outside, "sub_millisecond": finer}
    return Normalised(whole, {name: mask for name, mask in findings.items() if mask.any()})


def _as_milliseconds(array: pa.Array) -> pa.Array | None:
    """Return instants in milliseconds, if that is exact and all are within the years of ISO dates.

    Measured: this saves a quarter of the time in which a column of datetimes becomes JSON.
    """
    try:
        instants = array if array.type.tz is None else array.view(pa.timestamp(array.type.unit))
        milliseconds = instants.cast(MILLISECONDS)
    except pa.ArrowInvalid:
        return None
    bounds = pc.min_max(milliseconds)
    ends = _instants(pa.array([bounds["min"], bounds["max"]], MILLISECONDS))
    return None if measures.to_milliseconds(ends)[1].any() else milliseconds


def _instants(array: pa.Array) -> np.ndarray:
    """Return timestamps as numpy's, in UTC; the epoch stands for null."""
    return np.asarray(array.view(pa.int64()).fill_null(0)).view(f"M8[{array.type.unit}]")


def _dates(array: pa.Array) -> Normalised:
    days = np.asarray(array.cast(pa.int32()).fill_null(0)).astype("M8[D]")
    _milliseconds, outside, _finer = measures.to_milliseconds(days)
    return Normalised(emptied(array, outside), {"date_range": outside} if outside.any() else {})


def _lists(array: pa.Array) -> Normalised:
    """Return lists with the findings of their items. Infinite items become null."""
    items = _from_arrow(array.flatten())
    lengths = lengths_of(array)
    findings = {name: any_item(mask, lengths) for name, mask in items.findings.items()}
    if array.type.value_type == LARGE_STRING:
        findings |= measures.item_findings(array)
    if pa.types.is_boolean(array.type.value_type) or items.array.null_count:
        no_union = items.missing | pa.types.is_boolean(array.type.value_type)
        findings["union_items"] = any_item(no_union, lengths)
    if not findings and items.array.type == array.type.value_type:
        return Normalised(array)
    findings = {name: mask for name, mask in findings.items() if mask.any()}
    return Normalised(lists_of(items.array, lengths, nulls_in(array)), findings)


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


def _blank_as_missing(read: pa.Array | np.ndarray) -> pa.Array | np.ndarray:
    """Return values of which a text that is blank is missing."""
    if isinstance(read, np.ndarray):
        with reading_values():
            return as_objects(
                [None if isinstance(value, str) and not value.strip() else value for value in read]
            )
    if read.type != LARGE_STRING:
        return read
    return emptied(read, mask_of(pc.equal(pc.utf8_trim_whitespace(read), "")))


def _parsed(read: pa.Array | np.ndarray, rule: Rule, parse: Parsing, rows: Rows | None) -> Normalised:
    """Return text as the values that it means. Values beside it that are not text (a list already) stay."""
    if parse.reading.kind == "json":
        return _from_json(read if isinstance(read, np.ndarray) else read.to_pylist())
    texts = read_texts(read, rule.kind)
    column = parse.read(texts.values) if parse.whole is None or rows is None else at(parse.whole, rows)
    if rule.kind == "mixed":
        values = from_objects(_beside(np.asarray(read), texts.values, column.values))
    else:
        values = _from_arrow(column.values)
    return Normalised(values.array, values.findings | texts.findings | column.findings, values.kinds)


def _beside(values: np.ndarray, texts: pa.Array, read: pa.Array) -> np.ndarray:
    """Return mixed values with the values of their texts in place of the texts. Times without a zone are in UTC."""
    if pa.types.is_timestamp(read.type):
        read = read.cast(pa.timestamp(read.type.unit, "UTC"))
    values = values.copy()
    places = np.flatnonzero(mask_of(texts.is_valid()))
    values[places] = as_objects(read.take(pa.array(places)).to_pylist())
    return values


def _from_json(items: Sequence[Any] | np.ndarray) -> Normalised:
    """Return the values of JSON text, and the other values beside it."""
    parsed = read_json(items)
    normalised = from_objects(parsed.values)
    of_text = {"bad_json": parsed.broken, "repeated_key": parsed.repeated}
    findings = normalised.findings | {name: mask for name, mask in of_text.items() if mask.any()}
    return Normalised(normalised.array, findings, normalised.kinds)


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
    return measures.cut_string(value) if isinstance(value, str) else value

"""A slice of a column + its rule -> an array in Mixpanel's types, and masks of what is wrong with its values.

The types: string (large_string), number (integers, floats), boolean, date (timestamp[ms] in UTC, date32), list
(large_list of strings, numbers or booleans). What has no such type, objects above all, is JSON text already. A value
that cannot be sent is null, and a problem; the length never changes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.payloads.dtypes import as_objects
from mixpanel_pandas.payloads.plan import values_of, values_of_key
from mixpanel_pandas.payloads.values import over, to_json
from mixpanel_pandas.rules.limits import LIMITS

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from mixpanel_pandas.payloads.dtypes import Rule
    from mixpanel_pandas.payloads.plan import Plan, PropertyColumn

__all__ = ["Normalised", "cut_strings", "mask_of", "normalise", "normalise_column"]

LARGE_STRING = pa.large_string()
MILLISECONDS = pa.timestamp("ms")

#: Milliseconds from the epoch of the first instant of year 1 and of year 10000.
FIRST, LAST = -62_135_596_800_000, 253_402_300_800_000

_PER_MILLISECOND = {"us": 1_000, "ns": 1_000_000}
_MILLISECONDS_PER = {"s": 1_000, "ms": 1}

Problems = dict[str, np.ndarray]


@dataclass(frozen=True)
class Normalised:
    """Values of one column in Mixpanel's types.

    Attributes
    ----------
    array : pyarrow.Array
        One element per row, null where the value is missing or cannot be sent.
    problems : dict of str to numpy.ndarray
        Name of a check -> mask of the rows that do not pass it.
    kinds : numpy.ndarray or None
        Set where `array` is JSON text: Mixpanel's type of each value.
    """

    array: pa.Array
    problems: Problems = field(default_factory=dict)
    kinds: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.array)

    @property
    def missing(self) -> np.ndarray:
        """Mask of the rows without a value."""
        return mask_of(self.array.is_null())

    def without(self, rows: np.ndarray) -> Normalised:
        """Return the same with the values of `rows`, a mask, missing."""
        return Normalised(_emptied(self.array, rows), self.problems, self.kinds)

    def filter(self, rows: pa.Array) -> Normalised:
        """Return only `rows`, a mask; the problems are left behind."""
        kinds = None if self.kinds is None else self.kinds[mask_of(rows)]
        return Normalised(self.array.filter(rows), kinds=kinds)


def normalise(
    values: Any, rule: Rule, *, parse: str | None = None, blank: str = "keep", as_list: bool = False
) -> Normalised:
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
        Whether ``""`` and white space are values.
    as_list : bool
        JSON text: wrap what is no list into one.
    """
    read = rule.read(values)
    if isinstance(read, np.ndarray):
        normalised = from_objects(read, blank, as_list=as_list)
        if (
            rule.kind == "string"
        ):  # strings with lone surrogates: the other values of the slice are checked as text
            normalised = _without_surrogates(read)
    else:
        normalised = _from_arrow(read)
    if parse is not None:
        return _parsed(normalised, parse, as_list=as_list)
    return _blanks_missing(normalised) if blank == "missing" else normalised


def normalise_column(frame: pd.DataFrame, plan: Plan, column: PropertyColumn, rows: slice) -> Normalised:
    """Return a slice of a property's values in Mixpanel's types; an empty list is nothing to unite with."""
    values = values_of(frame, column.source, rows)
    if column.key is not None:
        values = values_of_key(column.source.rule.read(values), column.key)
    unites = column.operator.takes == "list"
    blank = plan.operation.option("blank")
    normalised = normalise(values, column.rule, parse=column.parse, blank=blank, as_list=unites)
    return normalised.without(_empty_lists(normalised)) if unites else normalised


def _empty_lists(column: Normalised) -> np.ndarray:
    if pa.types.is_large_list(column.array.type):
        return mask_of(pc.equal(pc.list_value_length(column.array), 0))
    if column.kinds is not None:
        return mask_of(pc.equal(column.array, "[]"))
    return np.zeros(len(column), bool)


def from_objects(values: np.ndarray, blank: str = "keep", *, as_list: bool = False) -> Normalised:
    """Return Python values as JSON text, taken one by one because no Arrow type holds them all."""
    found: list[set[str]] = []
    texts, kinds = [], []
    for value in values:
        problems: set[str] = set()
        if blank == "missing" and isinstance(value, str) and not value.strip():
            value = None  # noqa: PLW2901 (the value that is sent)
        text, kind = to_json(value, problems, as_list=as_list)
        texts.append(text)
        kinds.append(kind)
        found.append(problems)
    names = set().union(*found)
    problems_of = {name: np.fromiter((name in row for row in found), bool, len(found)) for name in names}
    array = pa.array(texts, pa.large_binary()).cast(LARGE_STRING)
    return Normalised(array, problems_of, np.array(kinds, dtype=object))


def _without_surrogates(values: np.ndarray) -> Normalised:
    broken = np.fromiter(
        (isinstance(value, str) and not _encodable(value) for value in values), bool, len(values)
    )
    array = pa.array(np.where(broken, None, values), LARGE_STRING, from_pandas=True)
    return Normalised(array, {"broken_text": broken})


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


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
    inexact = (
        pc.or_(pc.greater(array, largest), pc.less(array, -largest))
        if low < 0
        else pc.greater(array, largest)
    )
    return Normalised(array, {"inexact_integer": mask_of(inexact)})


def _floats(array: pa.Array) -> Normalised:
    if array.type == pa.float16():
        array = array.cast(pa.float32())
    array = _null_where(array, pc.is_nan(array))
    infinite = mask_of(pc.is_inf(array))
    if not infinite.any():
        return Normalised(array)
    return Normalised(_emptied(array, infinite), {"infinite": infinite})


def _decimals(array: pa.Array) -> Normalised:
    """All digits, as JSON text. Arrow writes 1.E-8 where JSON wants 1E-8."""
    text = pc.replace_substring(array.cast(LARGE_STRING), ".E", "E")
    return Normalised(text, kinds=np.full(len(array), "number", dtype=object))


def _timestamps(array: pa.Array) -> Normalised:
    """Instants to whole milliseconds, downwards; years that ISO dates do not have are a problem."""
    missing = mask_of(array.is_null())
    count = np.asarray(array.cast(pa.int64()).fill_null(0))
    problems: Problems = {}
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
            problems["sub_millisecond"] = finer
    if outside.any():
        problems["date_range"] = outside
        missing |= outside
    return Normalised(pa.array(milliseconds, MILLISECONDS, mask=missing), problems)


def _dates(array: pa.Array) -> Normalised:
    days = np.asarray(array.cast(pa.int32()).fill_null(0)).astype(np.int64) * 86_400_000
    outside = (days < FIRST) | (days >= LAST)
    if not outside.any():
        return Normalised(array)
    return Normalised(_emptied(array, outside), {"date_range": outside})


def _lists(array: pa.Array) -> Normalised:
    """Problems of items are problems of their list; infinite items are null in it."""
    items = _from_arrow(array.flatten())
    problems = dict(items.problems)
    if array.type.value_type == LARGE_STRING:
        problems |= _long_items(items.array)
    if pa.types.is_boolean(array.type.value_type) or items.array.null_count:
        problems["union_items"] = items.missing | pa.types.is_boolean(array.type.value_type)
    if not problems:
        return Normalised(array)
    parents = np.asarray(pc.list_parent_indices(array))
    of_lists = {name: np.bincount(parents[mask], minlength=len(array)) > 0 for name, mask in problems.items()}
    missing = mask_of(array.is_null())
    lengths = np.asarray(pc.list_value_length(array).fill_null(0))
    offsets = pa.array(np.concatenate(([0], np.cumsum(lengths))))
    rebuilt = pa.LargeListArray.from_arrays(offsets, items.array, mask=pa.array(missing))
    return Normalised(rebuilt, of_lists)


def _long_items(items: pa.Array) -> Problems:
    bytes_, characters = LIMITS["item_bytes"].value, LIMITS["item_characters"].value
    if (pc.max(pc.binary_length(items)).as_py() or 0) <= bytes_:
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


def _blanks_missing(column: Normalised) -> Normalised:
    if column.array.type != LARGE_STRING or column.kinds is not None:
        return column
    blank = mask_of(pc.equal(pc.utf8_trim_whitespace(column.array), ""))
    return column.without(blank) if blank.any() else column


def _parsed(column: Normalised, parse: str, *, as_list: bool) -> Normalised:
    """Return text as what it stands for; what is no text (a list already) stays."""
    if column.array.type != LARGE_STRING or column.kinds is not None:
        return column
    column = _blanks_missing(column)
    if parse == "json":
        values = [_from_json(text) for text in column.array.to_pylist()]
        broken = np.fromiter((value is _BROKEN for value in values), bool, len(values))
        parsed = from_objects(
            as_objects([None if value is _BROKEN else value for value in values]), as_list=as_list
        )
        return Normalised(
            parsed.array, column.problems | parsed.problems | {"bad_json": broken}, parsed.kinds
        )
    pieces = pc.split_pattern(column.array, parse)
    lengths = np.asarray(pc.list_value_length(pieces).fill_null(0))
    items = pc.utf8_trim_whitespace(pieces.flatten()).cast(LARGE_STRING)
    wanted = mask_of(pc.not_equal(items, ""))
    parents = np.repeat(np.arange(len(column)), lengths)[wanted]
    offsets = np.concatenate(([0], np.cumsum(np.bincount(parents, minlength=len(column)))))
    lists = pa.LargeListArray.from_arrays(
        pa.array(offsets), items.filter(pa.array(wanted)), mask=pa.array(column.missing)
    )
    normalised = _lists(lists)
    return Normalised(normalised.array, column.problems | normalised.problems)


_BROKEN = object()


def _from_json(text: str | None) -> Any:
    try:
        return None if text is None else orjson.loads(text)
    except orjson.JSONDecodeError:
        return _BROKEN


def _null_where(array: pa.Array, mask: pa.Array) -> pa.Array:
    return pc.if_else(mask, pa.scalar(None, array.type), array) if pc.any(mask).as_py() else array


def _emptied(array: pa.Array, rows: np.ndarray) -> pa.Array:
    """Return `array` with null in `rows`, a mask."""
    if pa.types.is_large_list(array.type):
        keep = np.arange(len(array))
        return array.take(pa.array(keep, mask=rows))
    return pc.if_else(pa.array(rows), pa.scalar(None, array.type), array)


def mask_of(mask: pa.Array) -> np.ndarray:
    """Return an Arrow mask as one of numpy; null is False."""
    return np.asarray(mask.fill_null(False) if mask.null_count else mask, dtype=bool)


def cut_strings(column: Normalised, rows: np.ndarray) -> Normalised:
    """Return `column` with the strings of `rows`, a mask, cut to the limit between two code points."""
    positions = np.flatnonzero(rows)
    whole = column.array.take(pa.array(positions)).to_pylist()
    parts = [_cut(value) for value in whole]
    order = np.arange(len(column))
    order[positions] = len(column) + np.arange(len(positions))
    both = pa.concat_arrays([column.array, pa.array(parts, column.array.type)])
    return Normalised(both.take(pa.array(order)), column.problems)


def _cut(value: Any) -> Any:
    if isinstance(value, list):
        return [_cut(item) for item in value]
    if not isinstance(value, str) or not over(value, LIMITS["string_bytes"].value):
        return value
    return value.encode()[: LIMITS["string_bytes"].value].decode(errors="ignore")

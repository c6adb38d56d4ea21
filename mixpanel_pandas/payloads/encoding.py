"""Normalised columns -> `Payloads`: JSON, one element per row, written column by column.

A record is one join over the row: its head, ``"name":value`` for each property that the row has, its tail. A property that
every row has takes part in that join with its name and quotes as constants. The other properties become fragments first,
null where the row does not have them. The records of a row follow each other, each ending with a comma. Nothing here walks
rows, and every step keeps the number of rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.payloads.arrays import LARGE_STRING, bytes_of, emptied, lengths_of, lists_of, nulls_in
from mixpanel_pandas.payloads.batches import Payloads
from mixpanel_pandas.payloads.normalise import Normalised

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mixpanel_pandas.rules.operators import Missing, Operator

__all__ = [
    "Part",
    "Property",
    "encode",
    "escaped",
    "join",
    "json_of",
    "json_texts",
    "operand_texts",
    "whole_texts",
]

#: What a text is joined of: a constant, or a column with one text per row.
Part: TypeAlias = str | pa.Array

#: A column as JSON: what every value begins with, the texts in between, what every value ends with.
JsonTexts: TypeAlias = tuple[str, pa.Array, str]

SECONDS = pa.timestamp("s")

#: A position after the last byte of any text.
END = 2**63 - 1


@dataclass(frozen=True)
class Property:
    """One property of some rows.

    Attributes
    ----------
    name : str
        The property's name.
    operator : Operator
        What happens to the property.
    missing : {"skip", "null", "unset"}
        What a missing value means.
    values : Normalised
        One value per row.
    dropped : numpy.ndarray or None
        Mask of the rows that say nothing about the property, whatever a missing value means.
    """

    name: str
    operator: Operator
    missing: Missing
    values: Normalised
    dropped: np.ndarray | None = None

    def filter(self, rows: np.ndarray) -> Property:
        """Return the property of `rows`, a mask."""
        dropped = None if self.dropped is None else self.dropped[rows]
        return replace(self, values=self.values.filter(pa.array(rows)), dropped=dropped)

    @property
    def has_gaps(self) -> bool:
        """Whether some rows have no value."""
        return self.dropped is not None or self.values.array.null_count > 0


def encode(
    head: Sequence[Part],
    properties: Sequence[Property],
    removed: Sequence[str],
    deletes: bool,
    positions: np.ndarray,
) -> Payloads:
    """Return the updates of each row as JSON.

    Parameters
    ----------
    head : sequence of str or pyarrow.LargeStringArray
        What every record of a row begins with, up to the comma before its operator.
    properties : sequence of Property
        One value per row each.
    removed : sequence of str
        Names of the properties that every row removes.
    deletes : bool
        Whether every row deletes its profile.
    positions : numpy.ndarray
        Positions of the rows in the frame.
    """
    records = [
        _record(head, operator, [column for column in properties if column.operator == operator])
        for operator in dict.fromkeys(column.operator for column in properties)
    ]
    unset = [_name_where_missing(column) for column in properties if column.missing == "unset"]
    names = [pa.repeat(constant(json_of(name)), len(positions)) for name in removed]
    if unset or names:
        records.append(join(*head, ',"$unset":[', _join_present([*names, *unset], ","), "]},"))
    if deletes:
        records.append(join(*head, ',"$delete":""},'))
    updates = np.zeros(len(positions), np.int64)
    for record in records:
        updates += np.asarray(record.is_valid())
    return Payloads(_join_present(records, ""), updates, positions)


def _record(head: Sequence[Part], operator: Operator, columns: Sequence[Property]) -> pa.Array:
    """Return the record of one operator for each row, null for rows without any of its properties.

    Where a property is in every row, the properties before it bring the comma that follows them, and the properties after it
    bring the comma before them. To write every property as a fragment would be simpler, and takes 17 % more processor time of
    an upload (``python -m tests.benchmarks.throughput``).
    """
    opening, closing = f',"{operator.name}":{{', "}},"
    whole = next((place for place, column in enumerate(columns) if not column.has_gaps), None)
    if whole is None:
        fragments = [_fragment(column) for column in columns]
        return join(*head, opening, _join_present(fragments, ","), closing)
    members: list[Part] = []
    for place, column in enumerate(columns):
        left, right = ("," if place > whole else ""), ("," if place < whole else "")
        if column.has_gaps:
            members.append(_fragment(column, left, right))
        else:
            before, text, after = operand_texts(column)
            members += [f"{left}{json_of(column.name)}:{before}", text, f"{after}{right}"]
    return join(*head, opening, *members, closing, nulls="replace")


def _fragment(column: Property, left: str = "", right: str = "") -> pa.Array:
    """Return ``"name":value`` for each row, between `left` and `right`; null where the row says nothing about the property."""
    key = f"{left}{json_of(column.name)}:"
    before, text, after = operand_texts(column)
    fragment = _between(f"{key}{before}", text, f"{after}{right}")
    if column.missing == "null":
        fragment = fragment.fill_null(f"{key}null{right}")
    return _without_dropped(fragment, column)


def _between(before: str, texts: pa.Array, after: str) -> pa.Array:
    """Return texts with a constant before and one after each.

    It does what ``join(before, texts, after)`` does. That takes 3 % more processor time of an upload, and 9 % where half of
    the columns have no values (``python -m tests.benchmarks.shapes --only "without a value"``).
    """
    texts = pc.binary_replace_slice(texts, 0, 0, before)
    return pc.binary_replace_slice(texts, END, END, after) if after else texts


def _name_where_missing(column: Property) -> pa.Array:
    """Return the name of a property for the rows without a value, null for the other rows."""
    names = pc.if_else(
        column.values.array.is_null(), constant(json_of(column.name)), pa.scalar(None, LARGE_STRING)
    )
    return _without_dropped(names, column)


def _without_dropped(fragments: pa.Array, column: Property) -> pa.Array:
    return fragments if column.dropped is None else emptied(fragments, column.dropped)


def _join_present(columns: Sequence[pa.Array], separator: str) -> pa.Array:
    """Return those texts of each row that are not null, joined; null where all are, which Arrow would make an empty text."""
    if len(columns) == 1:
        return columns[0]
    absent = np.all([nulls_in(column) for column in columns], axis=0)
    if absent.any():
        columns = [pc.if_else(pa.array(absent), constant(""), columns[0]), *columns[1:]]
    present = pc.binary_join_element_wise(*columns, constant(separator), null_handling="skip")
    return emptied(present, absent)


#: Rows of more parts than this are joined in groups first: Arrow jumps between less memory. 7 to 10 % of an upload of 2,000 columns, and
#: a loss below 100 columns (``python -m tests.benchmarks shapes``).
MANY_PARTS, PARTS_TOGETHER = 1_000, 48


def join(*parts: Part, nulls: str = "emit_null") -> pa.Array:
    """Return the parts of each row joined; null where one of them is null, unless `nulls` is ``"replace"``.

    Parameters
    ----------
    *parts : str or pyarrow.LargeStringArray
        At least one array.
    nulls : {"emit_null", "replace"}
        Whether null makes null, or counts as an empty text.

    Examples
    --------
    >>> join("<", pa.array(["a", None], pa.large_string()), ">").to_pylist()
    ['<a>', None]
    """
    arguments: list[pa.Array | pa.Scalar] = []
    for are_constants, neighbours in groupby(parts, lambda part: isinstance(part, str)):
        if are_constants:
            arguments.append(constant("".join(neighbours)))
        else:
            arguments += neighbours
    if len(arguments) > MANY_PARTS:
        arguments = [
            _joined(arguments[start : start + PARTS_TOGETHER], nulls)
            for start in range(0, len(arguments), PARTS_TOGETHER)
        ]
    return _joined(arguments, nulls)


def _joined(arguments: list[pa.Array | pa.Scalar], nulls: str) -> pa.Array:
    return pc.binary_join_element_wise(*arguments, constant(""), null_handling=nulls)


def constant(text: str) -> pa.Scalar:
    """Return a text as an Arrow scalar."""
    return pa.scalar(text, LARGE_STRING)


# -- values -------------------------------------------------------------------------------------------------------


def operand_texts(column: Property) -> JsonTexts:
    """Return the values of a property as JSON, in the form that its operator takes."""
    opening, text, closing = json_texts(column.values)
    if column.operator.takes != "list":
        return opening, text, closing
    if column.values.kinds is None:
        are_lists = pa.types.is_large_list(column.values.array.type)
        return (opening, text, closing) if are_lists else (f"[{opening}", text, f"{closing}]")
    kinds_are_lists = column.values.kinds == "list"
    if not kinds_are_lists.all():
        text = pc.if_else(pa.array(kinds_are_lists), text, join("[", text, "]"))
    return opening, text, closing


def json_texts(values: Normalised) -> JsonTexts:
    """Return values as JSON in three parts: what every value begins with, the texts, what every value ends with."""
    array = values.array
    if values.kinds is not None:
        return "", array, ""
    if pa.types.is_large_string(array.type):
        return '"', escaped(array), '"'
    if pa.types.is_timestamp(array.type):
        return '"', _instants(array), '"'
    if pa.types.is_date(array.type):
        return '"', array.cast(LARGE_STRING), '"'
    if pa.types.is_large_list(array.type):
        return "[", _items(array), "]"
    return "", array.cast(LARGE_STRING), ""


def whole_texts(texts: JsonTexts) -> pa.Array:
    """Return values as JSON in one part."""
    opening, middle, closing = texts
    return join(opening, middle, closing) if opening or closing else middle.cast(LARGE_STRING)


def _instants(array: pa.Array) -> pa.Array:
    """Return ISO dates, with milliseconds where they are not zero."""
    seconds = array.cast(SECONDS, safe=False)
    are_whole = pc.equal(array, seconds.cast(array.type))
    texts = _iso(seconds)
    return texts if pc.all(are_whole).as_py() else pc.if_else(are_whole, texts, _iso(array))


def _iso(instants: pa.Array) -> pa.Array:
    """Return instants as text; a cast writes a blank where ISO has a T."""
    return pc.replace_substring(instants.cast(LARGE_STRING), " ", "T")


def _items(array: pa.Array) -> pa.Array:
    """Return the items of each list as JSON, joined by commas."""
    items = join(*json_texts(Normalised(array.flatten()))).fill_null("null")
    return pc.binary_join(lists_of(items, lengths_of(array), nulls_in(array)), constant(","))


def escaped(strings: pa.Array) -> pa.Array:
    """Return strings as they stand between the quotes of JSON.

    Most columns have nothing to escape, which their bytes show. Without that look an upload of strings takes 43 % more
    processor time (``python -m tests.benchmarks.shapes --only "all different"``).
    """
    codes = bytes_of(strings)
    text = codes.tobytes()
    has_controls = codes.min(initial=ord(" ")) < ord(" ")
    if not has_controls and b'"' not in text and b"\\" not in text:
        return strings
    strings = pc.replace_substring(pc.replace_substring(strings, "\\", "\\\\"), '"', '\\"')
    for code in np.unique(codes[codes < ord(" ")]) if has_controls else ():
        strings = pc.replace_substring(strings, chr(code), json_of(chr(code))[1:-1])
    return strings


def json_of(text: str) -> str:
    """Return a text as JSON."""
    return orjson.dumps(text).decode()

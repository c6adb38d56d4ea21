"""Arrow arrays + envelope -> `Payloads`: JSON, one element per row, written column by column.

A record is one join over the row: a head, ``"name":value`` for each property that it has, a tail. What every row has goes
into that join with its name and quotes as constants; the others become fragments before, null where the row has nothing
to say. A row's records follow each other, each ending with a comma. Nothing here walks rows, and every step
keeps the number of rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.payloads.arrays import bytes_of, emptied, lengths_of, lists_of, mask_of, nulls_in
from mixpanel_pandas.payloads.batches import Payloads
from mixpanel_pandas.payloads.joining import Later, constant, join, made
from mixpanel_pandas.payloads.normalise import Normalised

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mixpanel_pandas.payloads.envelope import Envelope
    from mixpanel_pandas.payloads.joining import Part
    from mixpanel_pandas.rules.operators import Missing, Operator

__all__ = ["Property", "encode", "escaped"]

#: JSON of values: what every text begins with, the texts, what every text ends with.
Texts: TypeAlias = tuple[str, "pa.Array | Later", str]

LARGE_STRING = pa.large_string()
SECONDS = pa.timestamp("s")

#: Behind the last byte of any text.
END = 2**63 - 1


@dataclass(frozen=True)
class Property:
    """The values of one property.

    Attributes
    ----------
    name : str
        As JSON, with its quotes.
    operator : Operator
        What happens to it.
    missing : {"skip", "null", "unset"}
        What a missing value means.
    values : Normalised
        One per row.
    dropped : numpy.ndarray or None
        Mask of the rows that say nothing about it, whatever a missing value means.
    """

    name: str
    operator: Operator
    missing: Missing
    values: Normalised
    dropped: np.ndarray | None = None

    def filter(self, rows: pa.Array) -> Property:
        """Return only `rows`, a mask."""
        dropped = None if self.dropped is None else self.dropped[mask_of(rows)]
        return replace(self, values=self.values.filter(rows), dropped=dropped)

    def said(self, fragments: pa.Array | Later) -> pa.Array | Later:
        """Return fragments without those of the rows that say nothing."""
        return fragments if self.dropped is None else emptied(made(fragments), self.dropped)


def encode(
    properties: Sequence[Property],
    removed: Sequence[str],
    deletes: bool,
    envelope: Envelope,
    positions: np.ndarray,
) -> Payloads:
    """Return the updates of each row as JSON.

    Parameters
    ----------
    properties : sequence of Property
        All of one length.
    removed : sequence of str
        Names of properties that every row removes.
    deletes : bool
        Every row deletes its profile.
    envelope : Envelope
        Of the same length.
    positions : numpy.ndarray
        Where the rows stand in the frame.
    """
    head, rows = _head(envelope), len(positions)
    records = [
        _record(head, operator, [column for column in properties if column.operator == operator])
        for operator in _operators(properties)
    ]
    unset = [_name_where_missing(column) for column in properties if column.missing == "unset"]
    names = [pa.repeat(constant(_json(name)), rows) for name in removed]
    if unset or names:
        records.append(join(*head, ',"$unset":[', _join_present([*names, *unset], ","), "]},"))
    if deletes:
        records.append(join(*head, ',"$delete":""},'))
    updates = np.sum([~nulls_in(record) for record in records], axis=0, dtype=np.int64)
    return Payloads(_join_present(records, ""), np.asarray(updates), positions)


def _head(envelope: Envelope) -> list[Part]:
    """Return what a record begins with, up to the comma before its operator."""
    token = "" if envelope.token is None else f'"$token":{_json(envelope.token)},'
    group = envelope.group
    id_name = '"$distinct_id":"' if group is None else f'"$group_key":{_json(group)},"$group_id":"'
    opening = pa.scalar(f"{{{token}{id_name}", LARGE_STRING)  # `constant` would keep the token
    return [opening, escaped(envelope.ids), f'"{envelope.fields}', *envelope.columns]


def _operators(properties: Sequence[Property]) -> list[Operator]:
    return list(dict.fromkeys(column.operator for column in properties))


def _record(head: list[Part], operator: Operator, columns: Sequence[Property]) -> pa.Array:
    """Return the record of one operator, null for rows without members.

    Where a property is in every row, those before it bring the comma that follows them, and those after it the one before.
    """
    opening, closing = f',"{operator.name}":{{', "}},"
    members = [(column, *_json_parts(column)) for column in columns]
    gaps = [column.dropped is not None or column.values.array.null_count > 0 for column in columns]
    if all(gaps):
        fragments = [made(_fragment(*member)) for member in members]
        return join(*head, opening, _join_present(fragments, ","), closing)
    first = gaps.index(False)
    parts: list[Part] = []
    for place, (column, before, text, after) in enumerate(members):
        left, right = "," * (place > first), "," * (place < first)
        if gaps[place]:
            parts.append(_fragment(column, before, text, after, left, right))
        else:
            parts += [f"{left}{column.name}:{before}", text, after]
    return join(*head, opening, *parts, closing, nulls="replace")


def _json_parts(column: Property) -> Texts:
    """Return values as JSON, as the operator wants them."""
    opening, text, closing = _texts(column.values)
    if column.operator.takes == "list":
        return _as_lists(column.values, opening, text, closing)
    return opening, text, closing


def _fragment(
    column: Property, before: str, text: pa.Array | Later, after: str, left: str = "", right: str = ""
) -> pa.Array | Later:
    """Return ``"name":value`` for each row, between `left` and `right`, null where nothing is said about the property."""
    fragment: pa.Array | Later = Later(
        partial(_between, f"{left}{column.name}:{before}", after + right), (text,)
    )
    if column.missing == "null":
        fragment = made(fragment).fill_null(constant(f"{left}{column.name}:null{right}"))
    return column.said(fragment)


def _between(before: str, after: str, texts: Any) -> Any:
    """Return texts with a constant before and one after each; to join them would take twice as long."""
    texts = pc.binary_replace_slice(texts, 0, 0, before)
    return pc.binary_replace_slice(texts, END, END, after) if after else texts


def _as_lists(values: Normalised, opening: str, text: pa.Array | Later, closing: str) -> Texts:
    """Return the parts of values as JSON with brackets around what is no list."""
    if values.kinds is None:
        lists = pa.types.is_large_list(values.array.type)
        return (opening, text, closing) if lists else (f"[{opening}", text, f"{closing}]")
    are_lists = values.kinds == "list"
    if not are_lists.all():
        text = pc.if_else(pa.array(are_lists), text, join("[", text, "]"))
    return opening, text, closing


def _name_where_missing(column: Property) -> pa.Array:
    missing = column.values.array.is_null()
    return column.said(pc.if_else(missing, constant(column.name), pa.scalar(None, LARGE_STRING)))


def json_texts(values: Normalised) -> tuple[str, pa.Array, str]:
    """Return values as JSON in three parts: what every text begins with, the texts, what every text ends with."""
    opening, text, closing = _texts(values)
    return opening, made(text), closing


def _texts(values: Normalised) -> Texts:
    array = values.array
    if values.kinds is not None:
        return "", array, ""
    if pa.types.is_large_string(array.type):
        return '"', escaped(array), '"'
    if pa.types.is_timestamp(array.type):
        return '"', _instants(array), '"'
    if pa.types.is_date(array.type):
        return '"', Later(_text, (array,)), '"'
    if pa.types.is_large_list(array.type):
        return "[", _items(array), "]"
    return "", Later(_text, (array,)), ""


def _text(values: Any) -> Any:
    return values.cast(LARGE_STRING)


def _instants(array: pa.Array) -> Later:
    """Return ISO dates, with milliseconds where they are not zero."""
    try:
        return Later(_iso, (array.cast(SECONDS),))
    except pa.ArrowInvalid:  # some have milliseconds
        whole = array.cast(SECONDS, safe=False)
        return Later(_iso_or_finer, (pc.equal(array, whole.cast(array.type)), whole, array))


def _iso(instants: Any) -> Any:
    """Return instants as text; a cast writes a blank where ISO has a T."""
    return pc.binary_replace_slice(_text(instants), 10, 11, "T")


def _iso_or_finer(is_whole: Any, seconds: Any, milliseconds: Any) -> Any:
    return pc.if_else(is_whole, _iso(seconds), _iso(milliseconds))


def _items(array: pa.Array) -> pa.Array:
    """Return the items of each list as JSON, joined by commas."""
    opening, text, closing = json_texts(Normalised(array.flatten()))
    items = join(opening, text, closing)
    items = items.fill_null("null") if items.null_count else items
    return pc.binary_join(lists_of(items, lengths_of(array), nulls_in(array)), constant(","))


def escaped(strings: pa.Array) -> pa.Array:
    """Return strings as they stand between the quotes of JSON; most columns have nothing to escape, seen from their bytes."""
    held = bytes_of(strings)
    text = held.tobytes()
    controls = held.min(initial=ord(" ")) < ord(" ")
    if not controls and b'"' not in text and b"\\" not in text:
        return strings
    strings = pc.replace_substring(pc.replace_substring(strings, "\\", "\\\\"), '"', '\\"')
    for code in np.unique(held[held < ord(" ")]) if controls else ():
        strings = pc.replace_substring(strings, chr(code), _json(chr(code))[1:-1])
    return strings


def _join_present(parts: Sequence[pa.Array], separator: str) -> pa.Array:
    """Return the parts of each row that are not null, joined; null where all are: Arrow by itself would drop the row."""
    if len(parts) == 1:
        return parts[0]
    absent = np.all([nulls_in(part) for part in parts], axis=0)
    if absent.any():
        parts = [pc.if_else(pa.array(absent), constant(""), parts[0]), *parts[1:]]
    present = pc.binary_join_element_wise(*parts, constant(separator), null_handling="skip")
    return emptied(present, absent)


def _json(text: str) -> str:
    return orjson.dumps(text).decode()

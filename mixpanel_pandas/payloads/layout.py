"""Operation + whole frame -> a `Layout`: which column becomes which property, how it is read and what its gaps mean.

The layout is made once, from one look at every column, so that every slice of the frame comes out the same. What cannot be
meant raises at once; what is wrong with a column as a whole is a `Note` for the report.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import math
from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pandas as pd

from mixpanel_pandas.errors import ColumnNotFoundError, OperationError, choices, did_you_mean, in_our_words
from mixpanel_pandas.payloads.dtypes import MISSING, Rule, as_objects, rule_for, rule_for_objects
from mixpanel_pandas.payloads.json_text import read_json
from mixpanel_pandas.payloads.notes import Note, notes_on
from mixpanel_pandas.rules.limits import (
    LIMITS,
    RENAMED_BY_RESERVED,
)
from mixpanel_pandas.rules.operation import Operation
from mixpanel_pandas.rules.operators import OPERATORS, Missing, Operator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

__all__ = [
    "Layout",
    "PropertyColumn",
    "Rows",
    "Source",
    "array_of",
    "layout_of_columns",
    "layout_of_ids",
    "make_layout",
    "reading",
]

#: Rows of a frame: a slice, or positions.
Rows = slice | np.ndarray

_ALL = slice(None)

#: A slice of the frame makes about this many bytes of JSON; fewer where it holds Python's objects, which are copied first.
SLICE_BYTES = 10_000_000

#: A slice of fewer rows than that pays more for its columns than for its values: it may hold as many bytes as this instead.
FEW_ROWS, WIDE_BYTES = 768, 36_000_000

#: What Arrow keeps for a text beside its bytes.
OFFSET_BYTES = 8

#: In slices of fewer rows most of the work is the interpreter's, so that threads would wait for each other.
ROWS_FOR_THREADS = 2_000

#: So many slices, at most, are one where columns are looked at by themselves: fewer steps, but more memory.
SPAN = 2

#: Operator's operand -> Mixpanel types that fit it. A union wraps what is no list.
OPERANDS: dict[str, set[str]] = {
    "any": {"string", "number", "boolean", "date", "list", "object"},
    "item": {"string", "number", "boolean", "date", "list", "object"},
    "number": {"number"},
    "scalar": {"string", "number", "boolean", "date"},
    "list": {"string", "number", "date", "list"},
}


@dataclass(frozen=True)
class Source:
    """A column or an index level of the frame.

    Attributes
    ----------
    label : hashable
        Its name.
    place : int
        Number of the column, or of the index level.
    in_index : bool
        Whether it is an index level.
    rule : Rule
        How it is read.
    values : array or pandas.Index
        The array of the column, or the whole index: looked up once, because each look into a frame costs more than to read
        a few rows.
    """

    label: Hashable
    place: int
    in_index: bool
    rule: Rule
    values: Any = field(default=None, repr=False, compare=False)

    def at(self, rows: Rows = _ALL) -> Any:
        """Return the array of some rows; of a slice nothing is copied."""
        some = self.values if _are_all(rows, len(self.values)) else self.values[rows]
        return array_of(some.get_level_values(self.place)) if self.in_index else some


@dataclass(frozen=True)
class PropertyColumn:
    """A column, or one key of the objects in a column, that becomes a property.

    Attributes
    ----------
    source : Source
        Where the values are.
    name : str
        The property's name.
    operator : Operator
        What happens to it.
    missing : {"skip", "null", "unset"}
        What a missing value means.
    parse : str or None
        How text is read: ``"json"`` or a separator.
    key : str or None
        Which key of the objects it is.
    rule : Rule
        How the values are read; the rule of the key's values where there is a key.
    """

    source: Source
    name: str
    operator: Operator
    missing: Missing
    rule: Rule
    parse: str | None = None
    key: str | None = None

    @property
    def label(self) -> Hashable:
        """Name of the column."""
        return self.source.label

    @property
    def key_text(self) -> str:
        """The property's name as JSON."""
        return orjson.dumps(self.name).decode()

    @property
    def kind(self) -> str:
        """Mixpanel's type of the values, after parsing."""
        if self.parse is None:
            return self.rule.kind
        return "mixed" if self.parse == "json" else "list"

    @property
    def operands(self) -> set[str]:
        """Mixpanel types that the operator takes."""
        return OPERANDS[self.operator.takes]


@dataclass(frozen=True)
class Layout:
    """How the rows of one frame become updates.

    Attributes
    ----------
    operation : Operation
        What was asked for.
    rows : int
        Number of rows of the frame.
    id : Source
        Where the ids are.
    columns : tuple of PropertyColumn
        In the order of the records.
    removed : tuple of str
        Names of properties to remove from every row's profile.
    ip, time : Source, str, number or None
        Where ``$ip`` and ``$time`` come from; a constant, or nothing.
    notes : tuple of Note
        What is wrong with whole columns.
    rows_per_slice : int
        How many rows make about `SLICE_BYTES` of JSON.
    """

    operation: Operation
    rows: int
    id: Source
    columns: tuple[PropertyColumn, ...]
    removed: tuple[str, ...] = ()
    ip: Source | str = "0"
    time: Source | int | str = "keep"
    notes: tuple[Note, ...] = ()
    rows_per_slice: int = 1

    @property
    def threaded(self) -> bool:
        """Whether slices are worth a thread each."""
        return self.rows_per_slice >= ROWS_FOR_THREADS

    def slices(self, within: slice | None = None) -> Iterator[slice]:
        """Yield the slices of the frame, or of a part of it, in order."""
        return _cut(within or slice(0, self.rows), self.rows_per_slice)

    def spans(self) -> Iterator[slice]:
        """Yield longer slices, for looking at one column after the other: together they make no more bytes."""
        return _cut(slice(0, self.rows), self.rows_per_slice * max(1, min(len(self.columns), SPAN)))

    def without_values(self) -> Layout:
        """Return the same layout without the values, for what outlives the frame."""

        def empty(source: Any) -> Any:
            return replace(source, values=None) if isinstance(source, Source) else source

        columns = tuple(replace(column, source=empty(column.source)) for column in self.columns)
        return replace(self, id=empty(self.id), columns=columns, ip=empty(self.ip), time=empty(self.time))


def reading(label: Hashable) -> AbstractContextManager[None]:
    """Let what a column raises when it is read, whatever it is, name the column."""
    return in_our_words(f"column {label!r}", ": convert it to another dtype, or leave it out")


def _are_all(rows: Rows, length: int) -> bool:
    """Return whether rows are all rows: to cut a slice of an array takes longer than to read a few of its values."""
    return isinstance(rows, slice) and rows == slice(0, length)


def _cut(rows: slice, length: int) -> Iterator[slice]:
    """Yield slices of about that length, all alike: a few rows left over would take as many steps as a whole slice."""
    total = rows.stop - rows.start
    size = math.ceil(total / max(1, round(total / length))) or 1
    for start in range(rows.start, rows.stop, size):
        yield slice(start, min(start + size, rows.stop))


def array_of(column: Any) -> Any:
    """Return the array of a series or an index: numpy's own where it has one."""
    return column.to_numpy() if isinstance(column.dtype, np.dtype) else column.array


def values_of_key(values: Any, key: str) -> np.ndarray:
    """Return what stands under `key` in each object of `values`; None where there is none."""
    return as_objects([item.get(key) if isinstance(item, Mapping) else None for item in as_mappings(values)])


def as_mappings(values: Any) -> list[Any]:
    """Return objects, structs and JSON text as dicts; what is none of them stays, but for text."""
    return read_json(np.asarray(values, dtype=object)).values


def make_layout(frame: pd.DataFrame, operation: Operation) -> Layout:
    """Return the layout for `operation` on `frame`.

    Raises
    ------
    OperationError
        If the frame has no such columns, or names them in a way that cannot be meant.
    """
    _refuse_odd_columns(frame)
    id_source = _id_source(frame, operation)
    ip = _ip(frame, operation)
    time = _time(frame, operation)
    taken = {
        source.label for source in (id_source, ip, time) if isinstance(source, Source) and not source.in_index
    }
    columns: tuple[PropertyColumn, ...] = ()
    removed: tuple[str, ...] = ()
    if operation.verb == "unset":
        removed = tuple(str(name) for name in operation.properties or ())
    elif operation.verb != "delete":
        verbs = _verbs(frame, operation, id_source, taken)
        removed = tuple(str(label) for label, verb in verbs.items() if verb == "unset")
        columns = tuple(_columns(frame, operation, {k: v for k, v in verbs.items() if v != "unset"}))
    layout = Layout(operation, len(frame), id_source, columns, removed, ip, time)
    return replace(layout, notes=tuple(notes_on(layout)), rows_per_slice=_rows_per_slice(layout))


def layout_of_ids(frame: pd.DataFrame, label: Hashable) -> Layout:
    """Return a layout that reads the ids and nothing else."""
    return Layout(
        Operation("delete", label), len(frame), _source(frame, label, "id column"), (), rows_per_slice=100_000
    )


def layout_of_columns(frame: pd.DataFrame) -> Layout:
    """Return a layout that reads every column as it would be set, also those that share a name, and no ids.

    Raises
    ------
    OperationError
        If the columns are a MultiIndex.
    """
    _refuse_levels(frame)
    set_ = OPERATORS["set"]
    columns = []
    for place, label in enumerate(frame.columns):
        with reading(label):
            source = _column_source(frame, label, place)
        columns.append(PropertyColumn(source, str(label), set_, "skip", source.rule))
    no_ids = Source(None, -1, True, MISSING)
    layout = Layout(Operation("set", None), len(frame), no_ids, tuple(columns))
    return replace(layout, rows_per_slice=_rows_per_slice(layout))


def _refuse_odd_columns(frame: pd.DataFrame) -> None:
    _refuse_levels(frame)
    if not frame.columns.is_unique:
        several = [label for label, count in Counter(frame.columns).items() if count > 1]
        msg = f"columns {choices(several)} stand in the frame more than once: rename or drop them"
        raise OperationError(msg)
    names = [name for name in frame.index.names if name is not None]
    if len(set(names)) < len(names):
        msg = f"levels of the index share a name ({choices(names)}): rename them"
        raise OperationError(msg)


def _refuse_levels(frame: pd.DataFrame) -> None:
    if isinstance(frame.columns, pd.MultiIndex):
        msg = (
            f"the columns are a MultiIndex of {frame.columns.nlevels} levels: a property has one name, so flatten them first, with "
            "df.columns = ['_'.join(map(str, names)) for names in df.columns]"
        )
        raise OperationError(msg)


def _source(frame: pd.DataFrame, label: Hashable, what: str) -> Source:
    """Return the column or else the index level of that name."""
    if label in frame.columns:
        place: Any = frame.columns.get_loc(label)
        with reading(label):
            return _column_source(frame, label, place)
    if label in frame.index.names and label is not None:
        place = frame.index.names.index(label)
        with reading(label):
            level = frame.index.get_level_values(place).to_series()
            return Source(label, place, True, rule_for(level), frame.index)
    known = [*frame.columns, *(name for name in frame.index.names if name is not None)]
    msg = f"{what} {label!r} is not in the frame: {did_you_mean(label, known)}"
    raise ColumnNotFoundError(msg)


def _column_source(frame: pd.DataFrame, label: Hashable, place: int) -> Source:
    series = frame.iloc(axis=1)[place]  # half the time of iloc[:, place], which counts in wide frames
    return Source(label, place, False, rule_for(series), array_of(series))


def _id_source(frame: pd.DataFrame, operation: Operation) -> Source:
    if operation.id is not None:
        return _source(frame, operation.id, "id column")
    known = [*frame.columns, *(name for name in frame.index.names if name is not None)]
    usual = ("$group_id", "group_id", operation.group) if operation.group else ("$distinct_id", "distinct_id")
    for label in usual:
        if label in frame.columns or label in frame.index.names:
            return _source(frame, label, "id column")
    msg = f"which column holds the ids? Name it first, as in {operation.verb}('user_id'); there are {choices(known)}"
    raise OperationError(msg)


def _ip(frame: pd.DataFrame, operation: Operation) -> Source | str:
    value: Any = operation.options.ip
    if value is None:
        return "0"
    if not _is_label(frame, value) and (found := address(value)):
        return found
    if not isinstance(value, Hashable):
        msg = f"ip={value!r} is neither an address nor a column"
        raise OperationError(msg)
    source = _source(frame, value, "ip is an address or a column, and")
    return _of_kind(source, "ip", ("string", "mixed", "missing"), "addresses as text")


def address(text: object) -> str | None:
    """Return an IP address as Mixpanel reads it; None for what is none, or is good on one network only."""
    if not isinstance(text, str) or "%" in text:
        return None
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def _time(frame: pd.DataFrame, operation: Operation) -> Source | int | str:
    value = operation.options.updated_at
    if isinstance(value, str) and value in {"keep", "refresh"}:
        return value
    instant = _from_iso(value)
    if instant is not None and not _is_label(frame, value):
        value = instant
    elif isinstance(value, str) or _is_label(frame, value):
        source = _source(frame, value, "updated_at is 'keep', 'refresh', a column or a datetime, and")
        kinds = ("date", "number", "string", "mixed", "missing")
        return _of_kind(source, "updated_at", kinds, "datetimes, ISO dates or seconds since 1970")
    seconds = _seconds(value)
    if not 0 <= seconds < LIMITS["time_seconds"].value:
        msg = (
            f"updated_at={value!r} must be from 1970 on and, as a number, seconds below 1e11: "
            "larger ones are milliseconds"
        )
        raise OperationError(msg)
    return int(seconds)


def _from_iso(value: Any) -> dt.datetime | None:
    """Return the time that an ISO text stands for."""
    try:
        return dt.datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _seconds(time: Any) -> float:
    """Return a number as it is, and a date or datetime (in UTC where it says nothing else) as seconds since 1970."""
    try:
        if isinstance(time, int | float | np.number) and not isinstance(time, bool | np.timedelta64):
            return float(time)
        if isinstance(time, dt.date | np.datetime64) and not pd.isna(time):
            instant = pd.Timestamp(time)
            return (instant.tz_localize("UTC") if instant.tz is None else instant).timestamp()
    except (OverflowError, ValueError):  # an integer beyond floats, a date beyond timestamps
        return np.inf
    msg = f"updated_at={time!r} is none of 'keep', 'refresh', a column, a datetime, or seconds since 1970"
    raise OperationError(msg)


def _is_label(frame: pd.DataFrame, value: Any) -> bool:
    return isinstance(value, Hashable) and value in frame.columns


def _of_kind(source: Source, option: str, kinds: tuple[str, ...], expected: str) -> Source:
    """Return `source`, if its values can be what is expected of it."""
    if source.rule.kind not in kinds or source.rule.refusal:
        msg = f"{option}={source.label!r} is a column of {source.rule.name}: expected {expected}"
        raise OperationError(msg)
    return source


def _verbs(
    frame: pd.DataFrame, operation: Operation, id_source: Source, taken: set[Hashable]
) -> dict[Hashable, str]:
    """Return column -> verb for everything that is sent."""
    labels = operation.properties
    if labels is None:
        labels = tuple(label for label in frame.columns if label not in taken)
    elif id_source.label in labels and not id_source.in_index:
        msg = (
            f"column {id_source.label!r} holds the ids, so it is no property: leave it out of the properties"
        )
        raise OperationError(msg)
    verbs = {label: operation.verbs[label] if operation.verbs else operation.verb for label in labels}
    unknown = [label for label, verb in verbs.items() if label not in frame.columns and verb != "unset"]
    if unknown:
        hints = "; ".join(f"{label!r}: {did_you_mean(label, frame.columns)}" for label in unknown)
        msg = f"not in the frame: {hints}"
        raise ColumnNotFoundError(msg)
    if not verbs:
        msg = (
            f"no column is left to {operation.verb}: the frame has {choices(frame.columns)}, all of them in use already"
            if operation.properties is None
            else "properties names no column: leave it out to send all columns"
        )
        raise OperationError(msg)
    _refuse_unknown_labels(operation, verbs)
    return verbs


def _refuse_unknown_labels(operation: Operation, verbs: Mapping[Hashable, str]) -> None:
    """Refuse options that speak of columns which are not sent."""
    rename = operation.options.rename
    spoken_of = {
        "parse": list(operation.options.parse or {}),
        "spread": list(operation.options.spread or []),
        "rename": list(rename) if isinstance(rename, Mapping) else [],
    }
    unknown = {name: [label for label in labels if label not in verbs] for name, labels in spoken_of.items()}
    if any(unknown.values()):
        hints = [
            f"{name}: {label!r} ({did_you_mean(label, verbs)})"
            for name, labels in unknown.items()
            for label in labels
        ]
        msg = f"not among the columns that are sent: {'; '.join(hints)}"
        raise ColumnNotFoundError(msg)


def _columns(
    frame: pd.DataFrame, operation: Operation, verbs: Mapping[Hashable, str]
) -> Iterator[PropertyColumn]:
    name_of = _renamer(operation.options.rename)
    parse = operation.options.parse or {}
    spread = set(operation.options.spread or [])
    for label, verb in verbs.items():
        source = _source(frame, label, "column")
        operator = OPERATORS[verb]
        column = PropertyColumn(
            source, name_of(label), operator, operation.missing(operator), source.rule, parse.get(label)
        )
        yield from _spread(frame, column) if label in spread else [column]


def _renamer(rename: Any) -> Callable[[Hashable], str]:
    if callable(rename):
        return lambda label: _renamed(rename, label)
    if rename == "reserved":
        rename = {name: f"${name}" for name in RENAMED_BY_RESERVED}
    names = rename or {}
    return lambda label: str(names.get(label, label))


def _renamed(rename: Callable[[Any], Any], label: Hashable) -> str:
    try:
        return str(rename(label))
    except Exception as error:
        msg = f"rename fails on column {label!r}: {type(error).__name__}: {error}"
        raise OperationError(msg) from error


def _spread(frame: pd.DataFrame, column: PropertyColumn) -> list[PropertyColumn]:
    """Return a column for each key that the objects of `column` have; one that says nothing where there are none."""
    with reading(column.label):
        parsed = read_json(np.asarray(column.rule.read(column.source.at()), dtype=object))
    if parsed.repeated.any():
        msg = (
            f"cannot spread column {column.label!r}: {parsed.repeated.sum()} of its values hold a key twice, the first at index "
            f"{frame.index[int(parsed.repeated.argmax())]!r}: column.map(json.loads) keeps the last"
        )
        raise OperationError(msg)
    objects = as_objects(parsed.values)
    odd = [
        place
        for place in np.flatnonzero(~pd.isna(objects) | parsed.broken)
        if not _is_object_with_names(objects[place])
    ]
    if odd:
        msg = (
            f"cannot spread column {column.label!r}: {len(odd)} of its values are no objects with text as keys, "
            f"the first at index {frame.index[int(odd[0])]!r}"
        )
        raise OperationError(msg)
    keys = dict.fromkeys(key for item in objects if isinstance(item, Mapping) for key in item)
    return [
        replace(
            column,
            name=key,
            key=key,
            parse=None,
            rule=rule_for_objects(values_of_key(objects, key)),
        )
        for key in keys
    ] or [replace(column, parse=None, missing="skip", rule=MISSING)]


def _is_object_with_names(item: Any) -> bool:
    return isinstance(item, Mapping) and all(isinstance(key, str) for key in item)


def _rows_per_slice(layout: Layout) -> int:
    """Return how many rows make about `SLICE_BYTES` of JSON, or a little more, judged by some rows of each column."""
    names = sum(len(column.name) + 6 for column in layout.columns)
    sources = {column.source.place: column.source for column in layout.columns}  # spread objects count once
    few = max(8, 4000 // max(1, len(sources)))
    rows = np.unique(np.linspace(0, max(layout.rows - 1, 0), few).astype(int))[: layout.rows]
    width = 100 + names + sum(_width(source, rows) for source in sources.values())
    return max(1, int(SLICE_BYTES / width), min(FEW_ROWS, int(WIDE_BYTES / width)))


def _width(source: Source, rows: np.ndarray) -> float:
    """Return about how many bytes of JSON a value makes; of an object three times as many, for a copy that grows by doubling."""
    if source.rule.kind in {"number", "boolean", "date", "missing"}:
        return 12
    if isinstance(source.values, pd.arrays.ArrowStringArray):  # all of them in less time than some would take
        return max(0.0, source.values.nbytes / max(1, len(source.values)) - OFFSET_BYTES) + 2
    try:
        lengths = [len(str(value)) for value in source.at(rows)]
    except Exception:  # noqa: BLE001  # a guess: whoever reads the values says what is wrong with them
        lengths = [100]
    return 3 * float(np.mean(lengths)) + 2 if lengths else 2

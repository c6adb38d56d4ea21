"""Operation + whole frame -> a `Layout`: which column becomes which property, how it is read and what its gaps mean.

The layout is made once, from a look at whole columns, so that a frame is encoded the same however it is sliced. A call that makes
no sense on the frame raises here. What is wrong with a column is for the checks to find.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mixpanel_pandas.errors import ColumnNotFoundError, OperationError, calling, choices, did_you_mean
from mixpanel_pandas.payloads.dtypes import MISSING, Rule
from mixpanel_pandas.payloads.ip_and_time import degrees_source, ip_source, time_source
from mixpanel_pandas.payloads.parsing import Parsing, cleaned, parsing_of
from mixpanel_pandas.payloads.slice_sizes import rows_per_slice
from mixpanel_pandas.payloads.sources import Source, column_source, find_source, has_label, labels_of
from mixpanel_pandas.payloads.spread import rules_of_keys
from mixpanel_pandas.reading.cleaning import trimmed_name
from mixpanel_pandas.rules.limits import reserved_names
from mixpanel_pandas.rules.operation import Operation
from mixpanel_pandas.rules.operators import OPERATORS, Missing, Operator
from mixpanel_pandas.text import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

__all__ = [
    "FIELDS",
    "FLATTENING",
    "RESULT_COLUMNS",
    "Layout",
    "PropertyColumn",
    "layout_of_columns",
    "layout_of_ids",
    "make_layout",
]

#: Columns of a file of failures with the outcome of a row. They are sent only if they are named.
RESULT_COLUMNS = ("mixpanel_check", "mixpanel_outcome", "mixpanel_error")

#: Attributes of `Layout` that hold where a field of the records comes from, beside the id and the properties.
FIELDS = ("ip", "latitude", "longitude", "time")

#: In slices of fewer rows most of the work is the interpreter's, so that threads would wait for each other.
ROWS_FOR_THREADS = 2_000

#: A span is at most this many slices: a step on one column at a time can take more rows, at the cost of memory.
SLICES_PER_SPAN = 2

#: Rows of a slice where nothing but ids is read.
IDS_PER_SLICE = 100_000

#: What gives columns of several levels one name each, in pandas' words.
FLATTENING = "df.columns = ['_'.join(filter(None, map(str, names))) for names in df.columns]"

#: Operator's operand -> Mixpanel types that fit it. A union wraps what is no list.
OPERANDS: dict[str, set[str]] = {
    "any": {"string", "number", "boolean", "date", "list", "object"},
    "item": {"string", "number", "boolean", "date", "list", "object"},
    "number": {"number"},
    "scalar": {"string", "number", "boolean", "date"},
    "list": {"string", "number", "date", "list"},
}


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
    parse : Parsing or None
        How text is read.
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
    parse: Parsing | None = None
    key: str | None = None

    @property
    def label(self) -> Hashable:
        """Name of the column."""
        return self.source.label

    @property
    def kind(self) -> str:
        """Mixpanel's type of the values, after parsing."""
        if self.parse is None or not self.parse.fits or self.rule.kind == "mixed":
            return self.rule.kind
        return self.parse.kind

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
    ip, latitude, longitude, time : Source, str, number or None
        Where ``$ip``, ``$latitude``, ``$longitude`` and ``$time`` come from: a column, or a constant.
    rows_per_slice : int
        How many rows make a slice, see `slice_sizes`.
    """

    operation: Operation
    rows: int
    id: Source
    columns: tuple[PropertyColumn, ...]
    removed: tuple[str, ...] = ()
    ip: Source | str = "0"
    latitude: Source | float | None = None
    longitude: Source | float | None = None
    time: Source | int | str = "keep"
    rows_per_slice: int = 1

    @property
    def taken(self) -> set[Hashable]:
        """Labels of the columns of ids and of fields beside the properties."""
        sources = (self.id, *(getattr(self, name) for name in FIELDS))
        return {source.label for source in sources if isinstance(source, Source) and not source.in_index}

    @property
    def threaded(self) -> bool:
        """Whether slices are worth a thread each."""
        return self.rows_per_slice >= ROWS_FOR_THREADS

    def slices(self, within: slice | None = None) -> list[slice]:
        """Return the slices of the frame, or of a part of it, in order."""
        return _cut_evenly(within or slice(0, self.rows), self.rows_per_slice)

    def spans(self) -> list[slice]:
        """Return longer slices, for steps on one column at a time: such a step makes no more bytes than one on a whole slice."""
        slices = max(1, min(len(self.columns), SLICES_PER_SPAN))
        return _cut_evenly(slice(0, self.rows), self.rows_per_slice * slices)


def _cut_evenly(rows: slice, length: int) -> list[slice]:
    """Return slices of about that length, all alike: a few rows left over would take as many steps as a whole slice.

    >>> _cut_evenly(slice(0, 10), 4)
    [slice(0, 5, None), slice(5, 10, None)]
    """
    total = rows.stop - rows.start
    size = math.ceil(total / max(1, round(total / length))) or 1
    return [slice(start, min(start + size, rows.stop)) for start in range(rows.start, rows.stop, size)]


def make_layout(frame: pd.DataFrame, operation: Operation, *, asks: bool = False) -> Layout:
    """Return the layout for `operation` on `frame`.

    Parameters
    ----------
    asks : bool, default False
        Whether the column of the ids may still be open, so that no row has an id, and whether no column may be left to send.

    Raises
    ------
    OperationError
        If the frame has no such columns, a column cannot be read, or the call makes no sense on them.
    """
    _refuse_levels(frame)
    _refuse_shared_labels(frame)
    if asks and operation.id is None:
        id_source = _no_ids(len(frame))
    else:
        id_source = _cleaned(_id_source(frame, operation), operation)
    options = operation.options
    layout = Layout(
        operation,
        len(frame),
        id_source,
        (),
        ip=ip_source(frame, options.ip),
        latitude=degrees_source(frame, "latitude", options.latitude),
        longitude=degrees_source(frame, "longitude", options.longitude),
        time=time_source(frame, options.updated_at),
    )
    if operation.verb == "delete":
        return _sliced(layout)
    if operation.verb == "unset":
        return _sliced(replace(layout, removed=tuple(map(_property_name, operation.properties or ()))))
    verbs = _verbs(frame, operation, layout, asks=asks)
    trim = trimmed_name if options.trim else str
    removed = tuple(trim(_property_name(label)) for label, verb in verbs.items() if verb == "unset")
    written = {label: verb for label, verb in verbs.items() if verb != "unset"}
    columns = tuple(_property_columns(frame, operation, written))
    return _sliced(replace(layout, columns=columns, removed=removed))


def layout_of_ids(frame: pd.DataFrame, label: Hashable) -> Layout:
    """Return a layout that reads the ids and nothing else."""
    source = find_source(frame, label, "id column")
    return Layout(Operation("delete", label), len(frame), source, (), rows_per_slice=IDS_PER_SLICE)


def layout_of_columns(frame: pd.DataFrame) -> Layout:
    """Return a layout that reads every column as it would be set, also columns that share a label, and no ids.

    Raises
    ------
    OperationError
        If the columns are a MultiIndex, or one of them cannot be read.
    """
    _refuse_levels(frame)
    columns = []
    for place, label in enumerate(frame.columns):
        source = column_source(frame, label, place)
        parse = parsing_of(source, None)
        columns.append(
            PropertyColumn(source, _property_name(label), OPERATORS["set"], "skip", source.rule, parse)
        )
    return _sliced(Layout(Operation("set", None), len(frame), _no_ids(len(frame)), tuple(columns)))


def _sliced(layout: Layout) -> Layout:
    """Return the layout with the number of rows that make a slice."""
    names = [column.name for column in layout.columns]
    sources = {column.source.place: column.source for column in layout.columns}  # spread objects count once
    return replace(layout, rows_per_slice=rows_per_slice(layout.rows, names, list(sources.values())))


# -- what makes no sense --------------------------------------------------------------------------------------------


def _refuse_levels(frame: pd.DataFrame) -> None:
    """Refuse columns of several levels."""
    if isinstance(frame.columns, pd.MultiIndex):
        msg = (
            f"the columns are a MultiIndex of {frame.columns.nlevels} levels: a property has one name, so flatten them first, with "
            f"{FLATTENING}"
        )
        raise OperationError(msg)


def _refuse_shared_labels(frame: pd.DataFrame) -> None:
    """Refuse columns, or index levels, that share a label."""
    if not frame.columns.is_unique:
        shared = [label for label, count in Counter(frame.columns).items() if count > 1]
        msg = f"columns {choices(shared)} occur more than once in the frame: rename or drop them"
        raise OperationError(msg)
    names = [name for name in frame.index.names if name is not None]
    if len(set(names)) < len(names):
        msg = f"levels of the index share a name ({choices(names)}): rename them"
        raise OperationError(msg)


# -- which columns --------------------------------------------------------------------------------------------------


def _id_source(frame: pd.DataFrame, operation: Operation) -> Source:
    """Return the column of the ids: as named by the call, else one with a usual name."""
    if operation.id is not None:
        return find_source(frame, operation.id, "id column")
    usual = ("$group_id", "group_id", operation.group) if operation.group else ("$distinct_id", "distinct_id")
    for label in usual:
        if label in frame.columns or label in frame.index.names:
            return find_source(frame, label, "id column")
    msg = (
        f"which column holds the ids? Name it first, as in {operation.verb}('user_id'); "
        f"there are {choices(labels_of(frame))}"
    )
    raise OperationError(msg)


def _no_ids(rows: int) -> Source:
    """Return a column in which no row has an id, and which takes no memory."""
    return Source(None, -1, False, MISSING, np.broadcast_to(np.array(None, object), (rows,)))


def _verbs(
    frame: pd.DataFrame, operation: Operation, layout: Layout, *, asks: bool = False
) -> dict[Hashable, str]:
    """Return column -> verb for every column that is sent.

    Columns of ids, addresses, locations and times are sent only if `properties` or `rename` name them; of index levels that of
    the ids.
    """
    labels = _columns_by_default(frame, layout) if operation.properties is None else operation.properties
    verbs = {label: operation.verbs[label] if operation.verbs else operation.verb for label in labels}
    read = [label for label, verb in verbs.items() if verb != "unset" and label != layout.id.label]
    _refuse_unknown_columns(frame, read)
    if not verbs and not (asks and operation.properties is None):
        msg = (
            f"there is no column to {operation.verb}: the id or an option uses every column of the frame ({choices(frame.columns)})"
            if operation.properties is None
            else "properties is empty: leave it out to send all columns"
        )
        raise OperationError(msg)
    _refuse_options_of_other_columns(operation, verbs, {layout.id.label, *layout.taken})
    return verbs


def _columns_by_default(frame: pd.DataFrame, layout: Layout) -> list[Hashable]:
    """Return the columns that a call sends which names none."""
    rename = layout.operation.options.rename
    renamed = set(rename) if isinstance(rename, Mapping) else set()
    candidates = [*([layout.id.label] if layout.id.in_index else []), *frame.columns]
    taken = {layout.id.label, *layout.taken, *RESULT_COLUMNS}
    return [label for label in candidates if label not in taken or label in renamed]


def _refuse_unknown_columns(frame: pd.DataFrame, labels: Iterable[Hashable]) -> None:
    unknown = [label for label in labels if not has_label(frame, label)]
    if unknown:
        hints = "; ".join(f"{quoted(label)}: {did_you_mean(label, frame.columns)}" for label in unknown)
        msg = f"not in the frame: {hints}"
        raise ColumnNotFoundError(msg)


def _columns_of_remedies(operation: Operation) -> list[Hashable]:
    """Return the columns for which the option `invalid` has remedies of their own."""
    invalid = operation.options.invalid
    items = invalid.items() if isinstance(invalid, Mapping) else ()
    return [label for label, remedies in items if isinstance(remedies, Mapping)]


def _refuse_options_of_other_columns(
    operation: Operation, verbs: Mapping[Hashable, str], others: Collection[Hashable]
) -> None:
    """Refuse options that name columns which are not sent. Remedies may also name the columns of ids and fields, `others`."""
    rename = operation.options.rename
    named = {
        "parse": list(operation.options.parse or {}),
        "spread": list(operation.prefixes),
        "rename": list(rename) if isinstance(rename, Mapping) else [],
        "invalid": [label for label in _columns_of_remedies(operation) if label not in others],
    }
    hints = [
        f"{option}: {quoted(label)} ({did_you_mean(label, verbs)})"
        for option, labels in named.items()
        for label in labels
        if label not in verbs
    ]
    if hints:
        msg = f"not among the columns that are sent: {'; '.join(hints)}"
        raise ColumnNotFoundError(msg)


def _property_columns(
    frame: pd.DataFrame, operation: Operation, verbs: Mapping[Hashable, str]
) -> Iterator[PropertyColumn]:
    """Yield what each column becomes: one property, or if it is spread one for each key."""
    name_of = _renamer(operation.options.rename, verbs)
    trim = trimmed_name if operation.options.trim else str
    parse = operation.options.parse or {}
    prefixes = operation.prefixes
    for label, verb in verbs.items():
        source = _cleaned(find_source(frame, label, "column"), operation)
        operator = OPERATORS[verb]
        missing = operation.missing(operator)
        parsing = None if label in prefixes else parsing_of(source, parse.get(label))
        column = PropertyColumn(source, trim(name_of(label)), operator, missing, source.rule, parsing)
        if label not in prefixes:
            yield column
            continue
        for of_key in _spread(frame, column, prefixes[label]):
            name = of_key.name if of_key.key is None else trim(of_key.name)
            yield replace(of_key, name=name, rule=cleaned(of_key.rule, operation.options))


def _cleaned(source: Source, operation: Operation) -> Source:
    """Return a column of which the text is read as the options `na` and `trim` say."""
    rule = cleaned(source.rule, operation.options)
    return source if rule is source.rule else replace(source, rule=rule)


def _spread(frame: pd.DataFrame, column: PropertyColumn, prefix: str) -> list[PropertyColumn]:
    """Return a column for each key of the objects; where no object has a key, one without values."""
    rules = rules_of_keys(column.source, frame.index)
    columns = [replace(column, name=f"{prefix}{key}", key=key, rule=rule) for key, rule in rules.items()]
    return columns or [replace(column, missing="skip", rule=MISSING)]


def _renamer(rename: Any, labels: Iterable[Hashable]) -> Callable[[Hashable], str]:
    """Return the function that the option `rename` means: label -> property name."""
    if callable(rename):
        return lambda label: _renamed(rename, label)
    if rename == "reserved":
        rename = reserved_names(labels)
    names = rename or {}
    return lambda label: _property_name(names.get(label, label))


def _renamed(rename: Callable[[Any], Any], label: Hashable) -> str:
    with calling(f"rename failed on column {quoted(label)}"):
        return str(rename(label))


def _property_name(label: Hashable) -> str:
    """Return the property name of a label."""
    if isinstance(label, str):
        return str(label)
    with calling(f"the name of column {quoted(label)} cannot be converted to text"):
        return str(label)

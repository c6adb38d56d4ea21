"""The edits of the preview: each takes an `Operation` and returns another one.

Every edit calls `operation`, so an edit that makes no sense raises, and the operation before it stays.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mixpanel_pandas.errors import OperationError
from mixpanel_pandas.payloads.sources import labels_of
from mixpanel_pandas.rules.limits import plain
from mixpanel_pandas.rules.operation import operation
from mixpanel_pandas.rules.operators import OPERATORS
from mixpanel_pandas.rules.options import taken_by

if TYPE_CHECKING:
    import pandas as pd

    from mixpanel_pandas.payloads.layout import Layout
    from mixpanel_pandas.rules.operation import Operation

__all__ = [
    "explicit_names",
    "fitted_to",
    "fitting",
    "guessed_id",
    "has_values",
    "keeps_columns",
    "restored",
    "takes_numbers",
    "with_columns",
    "with_fitting_columns",
    "with_group",
    "with_id",
    "with_labels",
    "with_many_columns",
    "with_name",
    "with_option",
    "with_options",
    "with_reading",
    "with_verb",
    "with_verb_of",
]

#: Options that name single columns. Columns that are not sent are removed from them.
OF_COLUMNS = ("rename", "parse", "spread", "invalid")

#: Options that may name a column, which is then no property.
FIELD_OPTIONS = ("ip", "latitude", "longitude", "updated_at")

#: Plain names of columns that hold ids of users, the likeliest first.
ID_NAMES = ("distinctid", "userid", "customerid", "uid", "id")


def _remade(asked: Operation, **changes: Any) -> Operation:
    """Return the operation with some of its parts changed, without options that its verb does not take."""
    properties: Any = dict(asked.verbs) if asked.verbs else asked.properties
    parts: dict[str, Any] = {
        "verb": asked.verb,
        "id": asked.id,
        "properties": properties if asked.verbs or properties is None else list(properties),
        "group": asked.group,
        "options": asked.named,
    } | changes
    if parts["properties"] is not None and not len(parts["properties"]):
        what = "property to remove" if parts["verb"] == "unset" else "column"
        msg = f"Nothing would be left to {parts['verb']}: choose another {what} first."
        raise OperationError(msg)
    takes = {option.name for option in taken_by(parts["verb"])}
    parts["options"] = {name: value for name, value in parts["options"].items() if name in takes}
    return operation(**parts)


def with_id(asked: Operation, label: Hashable) -> Operation:
    """Take the ids from another column, which is then no property."""
    if asked.properties is None or asked.verb == "unset":
        return _remade(asked, id=label, options=_restricted_to(asked, without=label))
    kept = [name for name in asked.properties if name != label]
    properties = {name: asked.verbs[name] for name in kept} if asked.verbs else kept
    return _remade(asked, id=label, properties=properties, options=_restricted_to(asked, kept))


def with_group(asked: Operation, key: str | None) -> Operation:
    """Write to the profiles of a group key; None: of users."""
    return _remade(asked, group=key)


def with_option(asked: Operation, name: str, value: Any) -> Operation:
    """Set an option. Its default is the same as no value."""
    options = {other: old for other, old in asked.named.items() if other != name}
    return _remade(asked, options={**options, name: value})


def with_options(asked: Operation, layout: Layout, options: Mapping[str, Any]) -> Operation:
    """Set several options. Those of columns keep what they say of other columns."""
    before = dict(asked.named)
    if "rename" in options:
        before["rename"] = explicit_names(layout)
    merged = {
        name: {**before[name], **value}
        if name in OF_COLUMNS and isinstance(before.get(name), Mapping) and isinstance(value, Mapping)
        else value
        for name, value in options.items()
    }
    return _remade(asked, options={**before, **merged})


def with_reading(asked: Operation, label: Hashable, name: str | None) -> Operation:
    """Read the text of a column by a reading; None: leave it as it is."""
    parse = {column: other for column, other in (asked.options.parse or {}).items() if column != label}
    if name is not None:
        parse[label] = name
    return with_option(asked, "parse", parse or None)


def restored(asked: Operation, kept: Operation) -> Operation:
    """Return the columns, names and readings of an earlier operation, after a verb that has none, for the ids and profiles of now."""
    takes = {option.name for option in taken_by(asked.verb)}
    lost = {name: value for name, value in kept.named.items() if name not in takes}
    back = with_id(kept, asked.id) if asked.id != kept.id else kept
    lost = {name: back.named[name] for name in lost if name in back.named}
    # names and readings of columns that were left out meanwhile come back, those of the others are as they are now
    of_columns = {
        name: {**value, **asked.named.get(name, {})}
        for name, value in back.named.items()
        if name in {"rename", "parse"}
        and isinstance(value, dict)
        and isinstance(asked.named.get(name, {}), dict)
    }
    return _remade(
        back,
        group=asked.group,
        options=fitting({**lost, **of_columns, **asked.named, **of_columns}, back.verb),
    )


def with_verb(asked: Operation, layout: Layout, verb: str) -> Operation:
    """Use another verb for the same columns.

    `update` starts with the former operator for each column, and `unset` with the names of the properties.
    """
    if verb == asked.verb:
        return asked
    labels = list(dict.fromkeys(column.label for column in layout.columns))
    names = list(dict.fromkeys([*(column.name for column in layout.columns), *layout.removed]))
    options = fitting(asked.named, verb)
    if verb == "update":
        of_each = asked.verb if asked.verb in OPERATORS and OPERATORS[asked.verb].has_values else "set"
        return _remade(asked, verb=verb, properties=dict.fromkeys(labels or names, of_each), options=options)
    if verb == "delete" or (not labels and verb != "unset"):
        return _remade(asked, verb=verb, properties=None, options=options)
    if verb == "unset":
        return _remade(asked, verb=verb, properties=names, options=options)
    everything = asked.properties is None
    return with_fitting_columns(
        _remade(asked, verb=verb, properties=None if everything else labels, options=options), layout
    )


def with_fitting_columns(asked: Operation, layout: Layout) -> Operation:
    """Send only columns of numbers where the operator takes nothing else. If there are none, all are sent, which is a finding."""
    columns = (
        [column for column in layout.columns if column.kind == "number"] if takes_numbers(asked.verb) else []
    )
    if not columns or len(columns) == len(layout.columns):
        return asked
    labels = list(dict.fromkeys(column.label for column in columns))
    return _remade(asked, properties=labels, options=_restricted_to(asked, labels))


def has_values(verb: str) -> bool:
    """Return whether a verb sends values of columns."""
    return verb == "update" or OPERATORS[verb].has_values


def keeps_columns(verb: str) -> bool:
    """Return whether a verb sends the values of columns of any type: what another one leaves out comes back after it."""
    return has_values(verb) and not takes_numbers(verb)


def takes_numbers(verb: str) -> bool:
    """Return whether a verb sends numbers alone."""
    return verb in OPERATORS and OPERATORS[verb].takes == "number"


def fitting(options: Mapping[str, Any], verb: str) -> dict[str, Any]:
    """Return the options without values that a verb does not take."""
    if verb not in OPERATORS:
        return dict(options)
    row = OPERATORS[verb]
    return {
        name: value
        for name, value in options.items()
        if not (name == "missing" and value not in row.missing)
        and not (name == "duplicates" and value == "merge" and not row.merges)
    }


def with_verb_of(asked: Operation, label: Hashable, verb: str) -> Operation:
    """Use another verb for one column of an ``update``."""
    return _remade(asked, properties={**(asked.verbs or {}), label: verb})


def with_columns(
    asked: Operation, layout: Layout, known: list[Hashable], label: Hashable, sent: bool
) -> Operation:
    """Send a column or do not send it; for ``unset``, remove a property or keep it.

    Parameters
    ----------
    known : list of labels
        Every column that can be sent. Naming all of them is the same as naming none.
    """
    return with_many_columns(asked, layout, known, [label], sent)


def with_many_columns(
    asked: Operation, layout: Layout, known: list[Hashable], labels: Collection[Hashable], sent: bool
) -> Operation:
    """Send columns or do not send them, as `with_columns` does with one. One of many has to be left: the first of them."""
    if asked.verb == "unset":
        before: list[Hashable] = list(asked.properties or ())
        changed: list[Hashable] = [str(label) for label in labels]
    else:
        before = list(asked.verbs or dict.fromkeys(column.label for column in layout.columns))
        changed = list(labels)
    kept = [name for name in before if name not in changed] + changed * sent
    if not kept and len(changed) > 1:
        kept = changed[:1]
    if asked.verb == "unset":
        return _remade(asked, properties=kept)
    options = _restricted_to(asked, kept)
    if asked.verbs is not None:
        return _remade(
            asked, properties={name: asked.verbs.get(name, "set") for name in kept}, options=options
        )
    return _remade(asked, properties=None if set(kept) == set(known) else kept, options=options)


def with_name(asked: Operation, layout: Layout, label: Hashable, name: str) -> Operation:
    """Send a column as a property of another name."""
    names = explicit_names(layout) | {label: name}
    rename = {column: given for column, given in names.items() if given != str(column)}
    return with_option(asked, "rename", rename or None)


def explicit_names(layout: Layout) -> dict[Hashable, str]:
    """Return column -> property name where they differ, without columns of which each key is a property."""
    return {
        column.label: column.name
        for column in layout.columns
        if column.key is None and column.name != str(column.label)
    }


def guessed_id(frame: pd.DataFrame, group: str | None) -> Hashable:
    """Return the column or index level that is named like ids, the likeliest first; None if there is none.

    >>> import pandas as pd
    >>> guessed_id(pd.DataFrame(columns=["id", "User ID"]), None), guessed_id(pd.DataFrame(columns=["plan"]), None)
    ('User ID', None)
    """
    of_group = (plain(group), f"{plain(group)}id", "groupid", "id") if group is not None else ID_NAMES
    labels = labels_of(frame)
    return next((label for name in of_group for label in labels if plain(label) == name), None)


def fitted_to(frame: pd.DataFrame, asked: Operation) -> Operation:
    """Return the operation without columns that a frame does not have. Without that of its ids, no column holds them."""
    there = set(labels_of(frame))
    kept = [label for label in asked.properties or () if label in there]
    named = {
        name: value
        for name, value in asked.named.items()
        if name not in FIELD_OPTIONS or value in there or not _names_column(name, value)
    }
    properties: Any = {label: asked.verbs[label] for label in kept} if asked.verbs else kept or None
    if asked.verb == "unset":
        properties = list(asked.properties or ())
    options = _restricted_to(replace(asked, named=named), [*there])
    return _remade(asked, id=asked.id if asked.id in there else None, properties=properties, options=options)


def with_labels(asked: Operation, labels: Mapping[Hashable, Hashable]) -> Operation:
    """Return the operation on a frame whose columns have other labels now.

    Parameters
    ----------
    labels : mapping
        Label before -> label now.
    """
    named = {
        name: {labels.get(label, label): how for label, how in value.items()}
        if name in OF_COLUMNS and isinstance(value, Mapping)
        else value
        for name, value in asked.named.items()
    }
    return replace(
        asked,
        id=labels.get(asked.id, asked.id),
        properties=None
        if asked.properties is None
        else tuple(labels.get(one, one) for one in asked.properties),
        verbs=None
        if asked.verbs is None
        else {labels.get(one, one): verb for one, verb in asked.verbs.items()},
        named=named,
    )


def _names_column(option: str, value: Any) -> bool:
    """Return whether the value of an option may be the label of a column: neither a number, a time, an address nor a choice."""
    return (
        isinstance(value, str)
        and not (option == "ip" and value[:1].isdigit())
        and value not in {"keep", "refresh"}
    )


def _restricted_to(
    asked: Operation, labels: list[Hashable] | None = None, *, without: Hashable = None
) -> dict[str, Any]:
    """Return the options without columns that are not sent."""

    def kept(label: Hashable) -> bool:
        return label != without if labels is None else label in labels

    restricted = dict(asked.named)
    for name in OF_COLUMNS:
        value = restricted.get(name)
        if name == "invalid" and isinstance(value, Mapping):  # ids have remedies, and checks of all columns
            of_columns = {label for label, how in value.items() if isinstance(how, Mapping)}
            restricted[name] = {
                label: how
                for label, how in value.items()
                if label not in of_columns or label == asked.id or kept(label)
            }
        elif isinstance(value, Mapping):
            restricted[name] = {label: how for label, how in value.items() if kept(label)}
        elif isinstance(value, list):
            restricted[name] = [label for label in value if kept(label)]
        if isinstance(value, Mapping | list) and not restricted[name]:
            del restricted[name]
    return restricted

"""The edits of the preview: each takes an `Operation` and returns another one.

Every edit calls `operation`, so an edit that makes no sense raises, and the operation before it stays.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from typing import TYPE_CHECKING, Any

from mixpanel_pandas.rules.operation import operation
from mixpanel_pandas.rules.operators import OPERATORS
from mixpanel_pandas.rules.options import ALL_OPTIONS, taken_by

if TYPE_CHECKING:
    from mixpanel_pandas.payloads.layout import Layout
    from mixpanel_pandas.rules.operation import Operation

__all__ = [
    "explicit_names",
    "with_columns",
    "with_fitting_columns",
    "with_group",
    "with_id",
    "with_many_columns",
    "with_name",
    "with_option",
    "with_reading",
    "with_verb",
    "with_verb_of",
]

#: Options that name single columns. Columns that are not sent are removed from them.
OF_COLUMNS = ("rename", "parse", "spread")


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
    takes = {option.name for option in taken_by(parts["verb"])}
    parts["options"] = {name: value for name, value in parts["options"].items() if name in takes}
    return operation(**parts)


def with_id(asked: Operation, label: Hashable) -> Operation:
    """Take the ids from another column, which is then no property."""
    if asked.properties is None or asked.verb == "unset":
        return _remade(asked, id=label, options=_restricted_to(asked.named, without=label))
    kept = [name for name in asked.properties if name != label]
    properties = {name: asked.verbs[name] for name in kept} if asked.verbs else kept
    return _remade(asked, id=label, properties=properties, options=_restricted_to(asked.named, kept))


def with_group(asked: Operation, key: str | None) -> Operation:
    """Write to the profiles of a group key; None: of users."""
    return _remade(asked, group=key)


def with_option(asked: Operation, name: str, value: Any) -> Operation:
    """Set an option. Its default is the same as no value."""
    options = {other: old for other, old in asked.named.items() if other != name}
    return _remade(asked, options={**options, name: value})


def with_reading(asked: Operation, label: Hashable, name: str | None) -> Operation:
    """Read the text of a column by a reading; None: leave it as it is."""
    parse = {column: other for column, other in (asked.options.parse or {}).items() if column != label}
    if name is not None:
        parse[label] = name
    return with_option(asked, "parse", parse or None)


def with_verb(asked: Operation, layout: Layout, verb: str) -> Operation:
    """Use another verb for the same columns.

    `update` starts with the former operator for each column, and `unset` with the names of the properties.
    """
    if verb == asked.verb:
        return asked
    labels = list(dict.fromkeys(column.label for column in layout.columns))
    names = list(dict.fromkeys([*(column.name for column in layout.columns), *layout.removed]))
    options = _fitting(asked.named, verb)
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
    takes_numbers = asked.verb in OPERATORS and OPERATORS[asked.verb].takes == "number"
    columns = [column for column in layout.columns if column.kind == "number"] if takes_numbers else []
    if not columns or len(columns) == len(layout.columns):
        return asked
    labels = list(dict.fromkeys(column.label for column in columns))
    return _remade(asked, properties=labels, options=_restricted_to(asked.named, labels))


def _fitting(options: Mapping[str, Any], verb: str) -> dict[str, Any]:
    """Return the options without a value of `missing` that the verb does not take."""
    knows = OPERATORS[verb].missing if verb in OPERATORS else ALL_OPTIONS["missing"].choices
    return {name: value for name, value in options.items() if name != "missing" or value in knows}


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
    options = _restricted_to(asked.named, kept)
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


def _restricted_to(
    options: Mapping[str, Any], labels: list[Hashable] | None = None, *, without: Hashable = None
) -> dict[str, Any]:
    """Return the options without columns that are not sent."""

    def kept(label: Hashable) -> bool:
        return label != without if labels is None else label in labels

    restricted = dict(options)
    for name in OF_COLUMNS:
        value = restricted.get(name)
        if isinstance(value, Mapping):
            restricted[name] = {label: how for label, how in value.items() if kept(label)}
        elif isinstance(value, list):
            restricted[name] = [label for label in value if kept(label)]
        if isinstance(value, Mapping | list) and not restricted[name]:
            del restricted[name]
    return restricted

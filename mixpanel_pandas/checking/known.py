"""The option `known`: a frame, a file or names -> `KnownProperties`, and what a layout would do to properties that Mixpanel lacks or has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd
import pyarrow.compute as pc

from mixpanel_pandas.errors import OperationError, choices
from mixpanel_pandas.payloads.normalise import normalise_column
from mixpanel_pandas.rules.checks import no_date
from mixpanel_pandas.rules.code import option_in_words
from mixpanel_pandas.rules.known import KnownProperties, is_collection_of_names
from mixpanel_pandas.text import Length, quoted

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from mixpanel_pandas.payloads.layout import Layout, PropertyColumn

__all__ = ["KnownFailure", "known_failures", "known_properties"]

#: Rows at the top of a column of text that tell whether it holds ISO dates, which are dates for Mixpanel.
ROWS_FOR_DATES = 1_000


def _table_of(source: Any) -> pd.DataFrame:
    from mixpanel_pandas.reading.frame import frame  # imports the readers of files

    return frame(source, infer=False)


def known_properties(known: Any, source: Any, group: str | None) -> KnownProperties:
    """Return the properties of a table, of a mapping from name to type, or of names alone.

    Parameters
    ----------
    known : frame, path, mapping or collection of str
        Where they stand.
    source : object
        The value of the option that asked for them.
    group : str or None
        The group key whose profiles have them.

    Raises
    ------
    OperationError
        If a table has no column ``name``.
    MixpanelError
        As `frame` raises it.
    """
    if is_collection_of_names(known):
        types = dict(known) if isinstance(known, Mapping) else dict.fromkeys(known)
        return KnownProperties(source, group, types)
    table = known if isinstance(known, pd.DataFrame) else _table_of(known)
    if "name" not in table.columns:
        msg = f"known has no column 'name', only {choices(table.columns)}: it needs name and type, as read_properties returns them"
        raise OperationError(msg)
    names = table["name"].tolist()
    kinds = table["type"].tolist() if "type" in table.columns else [None] * len(names)
    pairs = zip(names, kinds, strict=True)
    return KnownProperties(
        source,
        group,
        {str(name): None if pd.isna(kind) else str(kind) for name, kind in pairs if not pd.isna(name)},
    )


class KnownFailure(NamedTuple):
    """What is wrong with a column, or with a property to remove, according to the properties in Mixpanel."""

    check: str
    label: Hashable
    name: str
    value: str
    message: str
    like: str | None = None


def known_failures(layout: Layout) -> Iterator[KnownFailure]:
    """Yield what is wrong with the properties of a layout, according to those in Mixpanel. Without `known` there is nothing to yield."""
    known = layout.operation.options.known
    if not isinstance(known, KnownProperties):
        return
    sent = {column.name for column in layout.columns}
    for column in layout.columns:
        if column.kind == "missing" and column.missing != "null":
            continue  # no value is sent
        if column.name in known:
            yield from _failures_of_types(layout, column, known)
        elif column.operator.verb == "remove":
            yield _absent(column.label, column.name, known)
        else:
            yield _new(column, known, sent)
    for name in layout.removed:
        if name not in known:
            yield _absent(name, name, known)


def _new(column: PropertyColumn, known: KnownProperties, sent: set[str]) -> KnownFailure:
    like = known.like(column.name)
    message = f"creates the property {quoted(column.name, Length.NAME)}, which Mixpanel does not have"
    if like is not None:
        message += f"; it has {quoted(like, Length.NAME)}"
    if like is not None and like not in sent and column.key is None:
        message += (
            f": {option_in_words('rename', {column.label: like})} sends it as {quoted(like, Length.NAME)}"
        )
    return KnownFailure("new_property", column.label, column.name, column.name, message, like)


def _absent(label: Hashable, name: str, known: KnownProperties) -> KnownFailure:
    like = known.like(name)
    message = f"Mixpanel does not have the property {quoted(name, Length.NAME)}: there is nothing to remove"
    message += "" if like is None else f"; it has {quoted(like, Length.NAME)}"
    return KnownFailure("absent_property", label, name, name, message, like)


def _failures_of_types(
    layout: Layout, column: PropertyColumn, known: KnownProperties
) -> Iterator[KnownFailure]:
    """Yield whether the operator, or the values, do not fit the type that the property has in Mixpanel."""
    kind, operator = known.type_of(column.name), column.operator
    has = f"Mixpanel has {quoted(column.name, Length.NAME)} as {kind}"
    if kind is None:
        return
    if operator.takes == "any":
        if column.kind not in {kind, "mixed", "missing"} and not _is_date(layout, column, kind):
            message = f"{has}, but the column is {column.kind}: reports show one type at a time"
            yield KnownFailure("type_drift", column.label, column.name, column.kind, message)
    elif operator.takes == "number":
        if kind != "number":
            message = f"{has}, not number: what {operator.name} does then is not documented"
            yield KnownFailure("no_number", column.label, column.name, kind, message)
    elif kind != "list":
        message = f"{has}, not list: it then ignores {operator.name} without an error"
        yield KnownFailure("no_list", column.label, column.name, kind, message)


def _is_date(layout: Layout, column: PropertyColumn, kind: str) -> bool:
    """Return whether a property of dates gets text that is a date for Mixpanel, as far as the first rows tell."""
    if (kind, column.kind) != ("date", "string"):
        return False
    texts = normalise_column(layout, column, slice(0, min(layout.rows, ROWS_FOR_DATES))).array
    return not pc.any(no_date(texts.drop_null())).as_py()

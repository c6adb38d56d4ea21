"""What is wrong with a column as a whole: its dtype, its name, or what its operator takes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mixpanel_pandas.rules.limits import (
    HELPER_COLUMNS,
    LIMITS,
    LOOKALIKES,
    RECORD_FIELDS,
    RESERVED_PROPERTIES,
    plain,
)

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from mixpanel_pandas.payloads.layout import Layout, PropertyColumn

__all__ = ["EXPECTED", "Note", "names_of", "notes_on", "notes_on_column"]

#: Operator's operand -> what it takes, in words.
OPERANDS_IN_WORDS = {
    "any": "values that have a type in Mixpanel",
    "item": "values that have a type in Mixpanel",
    "number": "numbers (for numbers in text, see pandas.to_numeric)",
    "scalar": "single values",
    "list": "strings, numbers, dates and lists of them",
}

#: Kind of reserved property -> Mixpanel types that it may have.
EXPECTED: dict[str, set[str]] = {"date": {"date", "string"}}


@dataclass(frozen=True)
class Note:
    """What is wrong with a column as a whole.

    Attributes
    ----------
    check : str
        Key of `CHECKS`.
    column : hashable
        The column's label.
    name : str
        The property's name.
    value : object
        What is wrong.
    advice : str
        More than the check itself says.
    """

    check: str
    column: Hashable
    name: str
    value: Any
    advice: str = ""


def names_of(layout: Layout) -> Counter[str]:
    """Return the names of all properties as Mixpanel cuts them, and how often each stands there."""
    names = [*(column.name for column in layout.columns), *layout.removed]
    return Counter(name[: LIMITS["name_characters"].value] for name in names)


def notes_on(layout: Layout) -> Iterator[Note]:
    names = names_of(layout)
    for column in layout.columns:
        yield from notes_on_column(column, names)
    for name in layout.removed:
        for check, wrong in _name_checks(name, name, names):
            if wrong:
                yield Note(check, name, name, name)


def notes_on_column(column: PropertyColumn, names: Counter[str]) -> Iterator[Note]:
    label, name = column.label, column.name
    for check, wrong in (*_name_checks(label, name, names), *_odd_name_checks(label, name)):
        if wrong:
            yield Note(
                check, label, name, name, _lookalike_advice(label, name) if check == "lookalike" else ""
            )
    if column.rule.refusal:
        yield Note(
            "unsupported_dtype", label, name, column.rule.name, f"{column.rule.name}: {column.rule.refusal}"
        )
    elif column.kind not in column.operands | {"mixed", "missing"}:
        wanted = OPERANDS_IN_WORDS[column.operator.takes]
        yield Note(
            "wrong_type",
            label,
            name,
            column.kind,
            f"{column.operator.name} takes {wanted}, not {column.rule.name}",
        )
    reserved = RESERVED_PROPERTIES.get(name)
    if (
        reserved
        and reserved.expects
        and column.kind not in {"mixed", "missing", *EXPECTED.get(reserved.expects, {"string"})}
    ):
        check = "created" if reserved.expects == "date" else "reserved_type"
        yield Note(
            check, label, name, column.rule.name, f"{name} holds {'a date' if check == 'created' else 'text'}"
        )
    if column.rule.note:
        yield Note(column.rule.note, label, name, column.rule.name)
    if column.operator.takes == "item" and column.kind == "list":
        yield Note("appended_list", label, name, column.rule.name)


def _name_checks(label: Hashable, name: str, names: Counter[str]) -> Iterator[tuple[str, bool]]:
    """Yield check -> whether the name of a property fails it, be it written or removed."""
    most = LIMITS["name_characters"].value
    reserved = RESERVED_PROPERTIES.get(name)
    yield "no_name", not name.strip() or label is None or (isinstance(label, float) and np.isnan(label))
    yield "long_name", len(name) > most
    yield "same_name", names[name[:most]] > 1
    yield "broken_name", not name.isascii() and bool(set(name) & _SURROGATES)
    yield "identity_property", bool(reserved) and reserved.role == "identity"  # type: ignore[union-attr]
    yield "computed_property", bool(reserved) and reserved.role == "computed"  # type: ignore[union-attr]


def _odd_name_checks(label: Hashable, name: str) -> Iterator[tuple[str, bool]]:
    """Yield check -> whether a name should be thought about before it is written; a clean-up removes such names."""
    reserved = RESERVED_PROPERTIES.get(name)
    yield "helper_column", bool(HELPER_COLUMNS.fullmatch(name))
    yield "no_header", isinstance(label, int | np.integer) and str(label) == name
    yield "bucket", name in {"bucket", "$bucket"}
    yield "lookalike", reserved is None and plain(name) in LOOKALIKES
    yield "dollar_name", name.startswith("$") and reserved is None and plain(name) not in LOOKALIKES
    yield "record_field", name in RECORD_FIELDS


_SURROGATES = {chr(code) for code in range(0xD800, 0xE000)}


def _lookalike_advice(label: Hashable, name: str) -> str:
    meant = LOOKALIKES[plain(name)]
    return f"looks like {meant}, which is another property: rename={{{label!r}: {meant!r}}} sends it as that"

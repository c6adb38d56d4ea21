"""`Finding`, what a check reports, and the checks of whole columns: their dtypes, their names and what their operators take."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mixpanel_pandas.checking.known import known_failures
from mixpanel_pandas.payloads.sources import Source
from mixpanel_pandas.reading.cleaning import trimmed_name
from mixpanel_pandas.rules.checks import CHECKS
from mixpanel_pandas.rules.code import option_in_words
from mixpanel_pandas.rules.limits import (
    HELPER_COLUMNS,
    KNOWN_PROPERTIES,
    LIMITS,
    LOOKALIKES,
    RECORD_FIELDS,
    RESERVED_PROPERTIES,
    UPDATE_FIELDS,
    plain,
)
from mixpanel_pandas.text import Length, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

    from mixpanel_pandas.payloads.layout import Layout, PropertyColumn
    from mixpanel_pandas.payloads.row_set import RowSet
    from mixpanel_pandas.rules.checks import Check

__all__ = [
    "PARSE_MESSAGES",
    "Finding",
    "Names",
    "column_findings",
    "finding_of",
    "findings_of_column",
    "names_of",
    "severity_of",
    "types_expected",
]

#: Reserved properties whose values are never cut.
NEVER_CUT = {"$email", "$phone", "$avatar"}

#: Operator's operand -> what the operator takes, in words.
OPERANDS_IN_WORDS = {
    "any": "values that have a type in Mixpanel",
    "item": "values that have a type in Mixpanel",
    "number": "numbers ({parse} converts text)",
    "scalar": "single values",
    "list": "strings, numbers, dates and lists of them",
}

#: Check of a reading -> its message where the call has the option `parse` for the column, which fills the template.
PARSE_MESSAGES = {"unreadable": "{parse} cannot read the text"}

SURROGATES = {chr(code) for code in range(0xD800, 0xE000)}


@dataclass(frozen=True)
class Finding:
    """A check that did not pass, and where.

    Attributes
    ----------
    check : str
        Name of the check; for a check of the user's schema, its name in pandera.
    severity : {"error", "warning", "hint"}
        How bad it is.
    column : hashable
        Label of the column or index level; None for a whole row.
    name : str or None
        The property's name.
    message : str
        What is wrong, and what would be right.
    limit : str or None
        The number that decides, with its unit.
    value : object
        What is wrong with a column as a whole: its dtype or its name.
    remedies : tuple of str
        Values of the option `invalid`, beside ``"raise"``, that can deal with the rows.
    rows : RowSet or None
        The rows that do not pass; None for a column as a whole.
    stands : bool
        Whether the finding refuses the frame: no remedy was asked for, or none exists.
    readings : tuple of str
        Readings that read all text of the column, where it looks like more than text.
    like : str or None
        The property in Mixpanel whose name is like that of a property which Mixpanel does not have.
    """

    check: str
    severity: str
    column: Hashable
    name: str | None
    message: str
    limit: str | None = None
    value: Any = None
    remedies: tuple[str, ...] = ()
    rows: RowSet | None = None
    stands: bool = False
    readings: tuple[str, ...] = ()
    like: str | None = None

    @property
    def count(self) -> int:
        """Number of rows; 1 for a column as a whole."""
        return 1 if self.rows is None else len(self.rows)

    @property
    def words(self) -> str:
        """The check's name as words, for a summary."""
        return self.check.replace("_", " ")


def finding_of(check: Check, layout: Layout, number: int | None = None) -> Finding:
    """Return what a check of ids, values or rows reports; the caller adds the rows.

    Parameters
    ----------
    number : int, optional
        Number of the column in the layout, for a check of values.
    """
    name = None if number is None else layout.columns[number].name
    remedies = tuple(remedy for remedy in check.remedies if remedy != "truncate" or name not in NEVER_CUT)
    column = _label(check, layout, number)
    severity = severity_of(check, layout)
    parse = None if number is None else layout.columns[number].parse
    message = check.says
    if parse is not None and check.name in PARSE_MESSAGES:
        option = option_in_words("parse", {column: parse.reading.name})
        message = PARSE_MESSAGES[check.name].format(parse=option)
    return Finding(check.name, severity, column, name, message, check.limit_text, remedies=remedies)


def severity_of(check: Check, layout: Layout) -> str:
    """Return how bad a check's findings are. An id that is junk for a user may be the name of a group; `new_properties` decides, too."""
    operation = layout.operation
    if check.name == "junk_id" and operation.group:
        return "warning"
    if check.name == "new_property" and operation.options.new_properties == "raise":
        return "error"
    return check.severity


def _label(check: Check, layout: Layout, number: int | None) -> Hashable:
    """Return the label of the column or index level that a check looks at; None for a whole row, and for the call."""
    if number is not None:
        return layout.columns[number].label
    if check.of in {"row", "call"}:
        return None
    source = getattr(layout, check.name) if check.of == "record" else layout.id
    return source.label if isinstance(source, Source) else None


# -- whole columns ------------------------------------------------------------------------------------------------


def column_findings(layout: Layout) -> Iterator[Finding]:
    """Yield what is wrong with columns as a whole, and with the names of properties to remove."""
    names = names_of(layout)
    for column in layout.columns:
        for finding in findings_of_column(column, names):
            if layout.operation.group is None or not _is_for_users(finding):
                yield finding
    for name in layout.removed:
        for check, fails in _name_checks(name, name, names):
            if fails:
                yield replace(_finding_of_whole(check, name, name, name), remedies=())
    for failure in known_failures(layout):
        severity = severity_of(CHECKS[failure.check], layout)
        yield replace(
            _finding_of_whole(failure.check, failure.label, failure.name, failure.value, failure.message),
            severity=severity,
            like=failure.like,
        )


def _is_for_users(finding: Finding) -> bool:
    """Return whether a finding is about what only updates of users have: aliases, and a location."""
    is_location = finding.name is not None and finding.name.removeprefix("$") in {"latitude", "longitude"}
    return finding.check == "alias_property" or (
        is_location and finding.check in {"misplaced_field", "record_field"}
    )


@dataclass(frozen=True)
class Names:
    """The names of all properties of a layout.

    Attributes
    ----------
    counts : Counter
        Each name, as Mixpanel cuts it -> how many properties have it.
    similar : dict of str to list
        Name -> the other names that differ from it only in case, blanks or invisible characters, if there are any. Those
        of Mixpanel's own properties that cannot be set are among them.
    """

    counts: Counter[str]
    similar: dict[str, list[str]]


def names_of(layout: Layout) -> Names:
    """Return the names of all properties."""
    names = [*(column.name for column in layout.columns), *layout.removed]
    spellings = {folded: {name} for folded, name in _FOLDED_RESERVED.items()}
    for column in layout.columns:
        spellings.setdefault(_folded_name(column.name), set()).add(column.name)
    shared = [names for names in spellings.values() if len(names) > 1]
    similar = {name: sorted(names - {name}) for names in shared for name in names}
    return Names(Counter(name[: LIMITS["name_characters"].value] for name in names), similar)


def _folded_name(name: str) -> str:
    """Return a name without case, blanks and invisible characters, and in one Unicode form.

    >>> _folded_name("\ufeffPlan  type ")
    'plantype'
    """
    if not name.isascii():
        name = unicodedata.normalize("NFC", trimmed_name(name))
    return "".join(name.split()).casefold()


#: Folded name -> the property of Mixpanel's. For those that can be set, `lookalike` says so.
_FOLDED_RESERVED = {
    _folded_name(name): name for name, row in RESERVED_PROPERTIES.items() if row.role != "editable"
}


def findings_of_column(column: PropertyColumn, names: Names) -> Iterator[Finding]:
    """Yield what is wrong with one column as a whole."""
    label, name, rule = column.label, column.name, column.rule
    for check, fails in (*_name_checks(label, name, names), *_odd_name_checks(label, name, names)):
        if fails:
            message = _NAME_MESSAGES[check](label, name, names) if check in _NAME_MESSAGES else ""
            yield _finding_of_whole(check, label, name, name, message)
    yield from _type_findings(column)
    yield from _reserved_findings(column)
    if rule.note:
        yield _finding_of_whole(rule.note, label, name, rule.name)
    if column.parse is not None and column.parse.is_naive:
        message = "the times have no time zone and are taken as UTC: name one at the end of the reading, as in 'date:Europe/Berlin'"
        yield _finding_of_whole("naive_datetime", label, name, rule.name, message)
    if column.operator.takes == "item" and column.kind == "list":
        yield _finding_of_whole("appended_list", label, name, rule.name)


def _type_findings(column: PropertyColumn) -> Iterator[Finding]:
    """Yield whether the values cannot be sent, cannot be converted by `parse`, or are not accepted by the operator."""
    label, name, rule, operator = column.label, column.name, column.rule, column.operator
    if rule.refusal:
        message = f"{rule.name}: {rule.refusal}"
        yield _finding_of_whole("unsupported_dtype", label, name, rule.name, message)
    elif column.parse is not None and not column.parse.fits:
        message = f"{option_in_words('parse', {label: column.parse.reading.name})} reads text, but the column has {rule.name}"
        yield _finding_of_whole("wrong_type", label, name, column.kind, message)
    elif column.kind not in column.operands | {"mixed", "missing"}:
        takes = OPERANDS_IN_WORDS[operator.takes].format(parse=option_in_words("parse", {label: "number"}))
        message = f"{operator.name} takes {takes}, not {rule.name}"
        yield _finding_of_whole("wrong_type", label, name, column.kind, message)


def _reserved_findings(column: PropertyColumn) -> Iterator[Finding]:
    """Yield whether the values have another type than a reserved property has."""
    reserved = RESERVED_PROPERTIES.get(column.name)
    expects = reserved.expects if reserved else ""
    if expects and column.kind not in {"mixed", "missing", *types_expected(expects)}:
        check, noun = ("created", "a date") if expects == "date" else ("reserved_type", "text")
        message = f"{column.name} must be {noun}, not {column.rule.name}"
        yield _finding_of_whole(check, column.label, column.name, column.rule.name, message)


def types_expected(expects: str) -> set[str]:
    """Return the Mixpanel types that a kind of reserved property may have.

    >>> sorted(types_expected("date")), sorted(types_expected("phone"))
    (['date', 'string'], ['string'])
    """
    return {"date", "string"} if expects == "date" else {"string"}


def _finding_of_whole(check_name: str, label: Hashable, name: str, value: Any, message: str = "") -> Finding:
    check = CHECKS[check_name]
    remedies = ("drop_value",) if check.can_drop else ()
    text = message or check.says
    return Finding(check.name, check.severity, label, name, text, check.limit_text, value, remedies)


def _name_checks(label: Hashable, name: str, names: Names) -> Iterator[tuple[str, bool]]:
    """Yield check -> whether a property's name fails it; also for properties that are removed."""
    most = LIMITS["name_characters"].value
    reserved = RESERVED_PROPERTIES.get(name)
    role = reserved.role if reserved else None
    yield "no_name", not name.strip() or label is None or (isinstance(label, float) and np.isnan(label))
    yield "long_name", len(name) > most
    yield "same_name", names.counts[name[:most]] > 1
    yield "broken_name", not name.isascii() and bool(set(name) & SURROGATES)
    yield "identity_property", role == "identity"
    yield "computed_property", role == "computed"


def _odd_name_checks(label: Hashable, name: str, names: Names) -> Iterator[tuple[str, bool]]:
    """Yield check -> whether a name that is written fails it. To remove a property with such a name is fine."""
    reserved = RESERVED_PROPERTIES.get(name)
    similar = names.similar.get(name, [])
    is_own = reserved is None and name not in UPDATE_FIELDS and not KNOWN_PROPERTIES.fullmatch(name)
    is_lookalike = is_own and plain(name) in LOOKALIKES
    yield "padded_name", bool(name.strip()) and _trimmed(name) != name
    yield "similar_name", bool(similar)
    yield "helper_column", bool(HELPER_COLUMNS.fullmatch(name))
    is_number = isinstance(label, int | np.integer) or re.fullmatch("column_[0-9]+", str(label))
    yield "no_header", bool(is_number) and str(label) == name
    yield "bucket", name in {"bucket", "$bucket"}
    yield "alias_property", reserved is not None and reserved.role == "alias"
    yield "misplaced_field", name in UPDATE_FIELDS
    yield "lookalike", is_lookalike
    is_new = name.startswith("$") and is_own and not is_lookalike
    yield "dollar_name", is_new and not any(other in RESERVED_PROPERTIES for other in similar)
    yield "record_field", name in RECORD_FIELDS


def _trimmed(name: str) -> str:
    """Return a name as `trim` leaves it. Arrow is asked only where Python's own strip may not do."""
    return name.strip() if name.isascii() and name.isprintable() else trimmed_name(name)


def _lookalike_message(label: Hashable, name: str, _names: Names) -> str:
    meant = LOOKALIKES[plain(name)]
    return f"looks like {meant}, but is another property: {option_in_words('rename', {label: meant})} sends it as {meant}"


def _field_message(label: Hashable, name: str, _names: Names) -> str:
    option = UPDATE_FIELDS[name]
    if name in {"$ignore_time", "$ignore_alias"}:
        return f"{name} is a field of the update, but is sent as a property: the option {option} sets the field of every update"
    return f"{name} is a field of the update, but is sent as a property: {option_in_words(option, label)} sends it as the field"


def _record_field_message(label: Hashable, name: str, _names: Names) -> str:
    field = f"${name}"
    if field in {"$ip", "$latitude", "$longitude"}:
        option = option_in_words(UPDATE_FIELDS[field], label)
        return f"the column is sent as an ordinary property: {option} sends it as the field {field} of the update"
    return CHECKS["record_field"].says


def _computed_message(label: Hashable, name: str, _names: Names) -> str:
    if name == "$last_seen" and name == label:
        return f"Mixpanel computes {name}: {option_in_words('updated_at', label)} sets it, or do not send it"
    return f"Mixpanel computes {name}: do not send it; {_leaving_out('computed_property')}"


def _identity_message(_label: Hashable, name: str, _names: Names) -> str:
    return f"{name} identifies the profile and is not a property: do not send it; {_leaving_out('identity_property')}"


def _leaving_out(check: str) -> str:
    return f"{option_in_words('invalid', {check: 'drop_value'})} leaves it out"


def _padded_message(_label: Hashable, _name: str, _names: Names) -> str:
    return f"the name has outer blanks or invisible characters: {option_in_words('trim', True)} removes them"


def _similar_message(label: Hashable, name: str, names: Names) -> str:
    other = names.similar[name][0]
    message = f"the name differs from {quoted(other, Length.NAME)} only in case, blanks or invisible characters, but is another property"
    if other in RESERVED_PROPERTIES:
        return message
    return f"{message}: leave one out, or rename it with {option_in_words('rename', {label: 'another name'})}"


#: Check of a name -> what it says about a name, beyond the words of the table.
_NAME_MESSAGES: dict[str, Callable[[Hashable, str, Names], str]] = {
    "computed_property": _computed_message,
    "identity_property": _identity_message,
    "lookalike": _lookalike_message,
    "misplaced_field": _field_message,
    "padded_name": _padded_message,
    "record_field": _record_field_message,
    "similar_name": _similar_message,
}

"""What one click can do about a finding: a remedy, a reading, a name, an option, or to leave the column out.

A `Fix` is data: the options that it adds to the call. So several can be taken at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mixpanel_pandas.checking.remedies import named_remedy, remedy_for
from mixpanel_pandas.checking.scan import findings_of_slice, property_checks
from mixpanel_pandas.checking.text_columns import missing_markers, na_for
from mixpanel_pandas.notebook.preview.edits import with_columns, with_option, with_options
from mixpanel_pandas.payloads.normalise import normalise_column
from mixpanel_pandas.reading.readings import READINGS, reading
from mixpanel_pandas.rules.checks import CHECKS, LOOKS
from mixpanel_pandas.rules.code import option_in_words
from mixpanel_pandas.rules.limits import LOOKALIKES, RESERVED_PROPERTIES, UPDATE_FIELDS, plain, reserved_names
from mixpanel_pandas.rules.options import taken_by
from mixpanel_pandas.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator

    from mixpanel_pandas.checking.findings import Finding
    from mixpanel_pandas.notebook.preview.state import State
    from mixpanel_pandas.payloads.layout import PropertyColumn
    from mixpanel_pandas.rules.operation import Operation

__all__ = [
    "Fix",
    "applied_fix",
    "column_of",
    "fixes_of",
    "is_followed",
    "lookalike_in_words",
    "reading_in_words",
    "suggestions",
    "taken_back",
    "with_fixes",
]

#: Remedy of the option `invalid` -> what it does to so many rows.
REMEDIES_IN_WORDS = {
    "drop_row": "leave {rows} out",
    "drop_value": "leave the value out of {rows}",
    "truncate": "cut to {limit} in {rows}",
}

#: Value of the option `duplicates` -> what it does with several rows of one id.
DUPLICATES_IN_WORDS = {
    "last": "send the last row of each id",
    "merge": "merge the rows of each id",
    "all": "send all rows, in order",
}

#: Word of a reading -> what it is called.
READINGS_IN_WORDS = {"boolean": "yes/no", "json": "JSON"}

#: Checks that are mended by reading text as what it looks like.
READ_CHECKS = ("wrong_type", "created", *(f"{kind}_as_text" for kind in LOOKS))

#: Warnings about a whole column that leaving the column out ends, as it ends every error.
LEFT_OUT = ("helper_column", "similar_name", "bucket", "alias_property", "new_property", "type_drift")

#: Of a check that only warns, so many values may fail before a column is no longer taken for such a property.
MOST_FAILING = 0.5


@dataclass(frozen=True)
class Fix:
    """What one click does.

    Attributes
    ----------
    words : str
        What it does, and to how many rows.
    options : mapping
        The options of the call that it sets; those of columns keep what they say of other columns.
    suggested : bool
        Whether it makes values right without losing any: the map offers it.
    leaves_out : bool
        Whether it leaves the column out.
    column : hashable
        The label of the column, if it leaves it out.
    remedy : str
        The value of the option `invalid` that it sets for the check, if it does: then the finding stays, and is taken care of.
    """

    words: str
    options: Mapping[str, Any] = field(default_factory=dict)
    suggested: bool = False
    leaves_out: bool = False
    column: Hashable = None
    remedy: str = ""


def fixes_of(state: State, finding: Finding) -> list[Fix]:
    """Return what can be done about a finding."""
    takes = {option.name for option in taken_by(state.operation.verb)}
    fixes = [fix for way in _WAYS for fix in way(state, finding)]
    return [fix for fix in fixes if set(fix.options) <= takes]


def suggestions(state: State, column: Hashable = None) -> tuple[list[Fix], list[Fix]]:
    """Return the suggested fixes, of one column or of all: those that are clear, and those of which a person has to choose one.

    Parameters
    ----------
    column : hashable, optional
        Label of the column; None for the whole frame.
    """
    clear: dict[str, Fix] = {}
    either: dict[str, Fix] = {}
    for finding in state.findings:
        if column is None or finding.column == column:
            fixes = {
                f"{finding.column!r} {fix.words}": fix for fix in fixes_of(state, finding) if fix.suggested
            }
            if len(fixes) == 1:
                clear |= fixes
            elif finding.check != "lookalike":  # once one of its readings is chosen, its values fit
                either |= fixes
    return _without_parts(clear.values()), list(either.values())


def _without_parts(fixes: Iterable[Fix]) -> list[Fix]:
    """Return some fixes without those that are a part of another."""
    fixes = list(fixes)
    return [
        fix
        for fix in fixes
        if not any(_is_part(fix.options, other.options) for other in fixes if other is not fix)
    ]


def _is_part(options: Mapping[str, Any], others: Mapping[str, Any]) -> bool:
    return set(options) < set(others) and all(others[name] == value for name, value in options.items())


def is_followed(state: State, finding: Finding, fixes: Iterable[Fix]) -> bool:
    """Return whether one of some fixes does what is suggested about a finding."""
    suggested = [fix.options for fix in fixes_of(state, finding) if fix.suggested]
    return any(
        options == fix.options or _is_part(options, fix.options) for options in suggested for fix in fixes
    )


def with_fixes(state: State, fixes: Iterable[Fix]) -> Operation:
    """Return the operation with some fixes."""
    merged: dict[str, Any] = {}
    operation = state.operation
    for fix in fixes:
        if fix.leaves_out:
            labels = [column.label for column in state.layout.columns]
            operation = with_columns(
                operation, state.layout, [*labels, *state.layout.removed], fix.column, False
            )
        for name, value in fix.options.items():
            both = isinstance(value, Mapping) and isinstance(merged.get(name), Mapping)
            merged[name] = {**merged[name], **value} if both else value
    return with_options(operation, state.layout, merged) if merged else operation


# -- remedies ---------------------------------------------------------------------------------------------------------


def applied_fix(state: State, finding: Finding, fixes: Iterable[Fix]) -> Fix | None:
    """Return the one of some fixes that is applied to a finding already: a remedy."""
    now = _remedy_now(state, finding)
    return next((fix for fix in fixes if fix.remedy and fix.remedy == now), None)


def taken_back(state: State, finding: Finding) -> Operation:
    """Return the operation without a remedy for a finding."""
    value = _invalid_with(state, finding, "raise")
    return with_option(state.operation, "invalid", value or "raise")


def _by_remedy(state: State, finding: Finding) -> Iterator[Fix]:
    """Leave out rows or values, or cut them."""
    rows = counted(finding.count, "row")
    for remedy in finding.remedies:
        whole = finding.rows is None
        if remedy in REMEDIES_IN_WORDS and not (whole and remedy != "drop_value"):
            words = REMEDIES_IN_WORDS[remedy].format(rows=rows, limit=finding.limit)
            yield Fix(
                "leave the property out" if whole else words,
                {"invalid": _invalid_with(state, finding, remedy)},
                remedy=remedy,
            )


def _remedy_now(state: State, finding: Finding) -> str:
    invalid = state.operation.options.invalid
    return remedy_for(finding, of_property=finding.name is not None, invalid=invalid)


def _invalid_with(state: State, finding: Finding, remedy: str) -> dict[Any, Any]:
    """Return the option `invalid` with another remedy for one finding.

    One remedy for all becomes that of each finding that it takes care of now.
    """
    before = state.operation.options.invalid
    invalid: dict[Any, Any] = {}
    if isinstance(before, Mapping):
        invalid = {name: dict(how) if isinstance(how, Mapping) else how for name, how in before.items()}
    else:
        for other in state.findings:
            if (now := _remedy_now(state, other)) in REMEDIES_IN_WORDS:
                _set_remedy(invalid, other, now)
    _set_remedy(invalid, finding, remedy)
    return invalid


def _set_remedy(invalid: dict[Any, Any], finding: Finding, remedy: str) -> None:
    """Set a remedy: of ids and rows for the check, of values for the check of their column."""
    check = CHECKS.get(finding.check)
    of_all = finding.column is None or (check is not None and check.of in {"id", "frame", "row"})
    place = finding.check if of_all else finding.column
    before = invalid.pop(place, None)
    others = dict(before) if isinstance(before, Mapping) and not of_all else {}
    others.pop(finding.check, None)
    if others:
        invalid[place] = others
    if remedy != "raise" or named_remedy(finding, invalid) is not None:
        invalid[place] = remedy if of_all else {**others, finding.check: remedy}


# -- readings ---------------------------------------------------------------------------------------------------------


def reading_in_words(name: str) -> str:
    """Return what a reading is called.

    >>> [reading_in_words(name) for name in ("number", "date:dd/mm/yyyy", "boolean:Yes/No", "json", ";")]
    ['number', 'date: dd/mm/yyyy', 'yes/no: Yes/No', 'JSON', 'list: ;']
    """
    word, _colon, detail = name.partition(":")
    if word not in READINGS:
        word, detail = "list", name
    words = READINGS_IN_WORDS.get(word, word)
    return f"{words}: {detail}" if detail else words


def _by_reading(state: State, finding: Finding) -> Iterator[Fix]:
    """Read the text of a column as what it looks like, or as text again."""
    if finding.check in READ_CHECKS:
        for name in _looks(state, finding.column):
            yield _read_as(state, finding.column, name)
    if (check := CHECKS.get(finding.check)) is not None and check.of == "reading":
        if finding.check == "two_way_date":
            for name in ("date:dd/mm/yyyy", "date:mm/dd/yyyy"):
                yield Fix(f"read as {reading_in_words(name)}", {"parse": {finding.column: name}})
        yield Fix("leave the column as text", {"parse": {finding.column: "text"}})
    if finding.check == "offset_date":
        yield Fix("read as date", {"parse": {finding.column: "date"}}, suggested=True)


def _read_as(state: State, label: Hashable, name: str, meant: str | None = None) -> Fix:
    """Return the fix that reads a column, with its missing-value markers as missing; with `meant` also one that sends it as that."""
    words, options = f"read as {reading_in_words(name)}", {"parse": {label: name}}
    if any(other.check == "missing_as_text" and other.column == label for other in state.findings):
        words, options = f"{words}, N/A and the like as missing", options | {"na": _na(state)}
    if meant is not None:
        words, options = f"send as {meant}, {words}", options | {"rename": {label: meant}}
    return Fix(words, options, suggested=True)


def _looks(state: State, label: Hashable) -> tuple[str, ...]:
    """Return the readings that read all text of a column, where it looks like more than text."""
    return next((other.readings for other in state.findings if other.readings and other.column == label), ())


# -- names ------------------------------------------------------------------------------------------------------------


def lookalike_in_words(state: State, finding: Finding) -> str:
    """Return what a column looks like, and why it is not offered to send it as that."""
    meant, fixes = property_meant(state, finding)
    winners = reserved_names(other.name for other in state.layout.columns)
    why = "its values do not fit" if winners.get(finding.name) == meant else "another column is meant as well"
    return f"looks like {meant}" if fixes else f"looks like {meant}, but {why}"


def property_meant(state: State, finding: Finding) -> tuple[str, list[Fix]]:
    """Return the reserved property that a column looks like, and the fixes that send it as that: none where its values do not fit.

    Of several columns that look like one property it is one, as with ``rename="reserved"``. Values fit a date if all of them are dates, or if one reading makes all of them dates. Of e-mail addresses and the like most
    have to fit: a few that do not are warnings.
    """
    meant, column = LOOKALIKES[plain(str(finding.name))], column_of(state, finding)
    winners = reserved_names(other.name for other in state.layout.columns)
    if column is None or column.key is not None or winners.get(finding.name) != meant:
        return meant, []
    if _fits(state, column, meant):
        return meant, [Fix(f"send as {meant}", {"rename": {finding.column: meant}}, suggested=True)]
    expects = RESERVED_PROPERTIES[meant].expects
    return meant, [
        _read_as(state, finding.column, name, meant)
        for name in _looks(state, finding.column)
        if reading(name).kind == expects
    ]


def _by_name(state: State, finding: Finding) -> list[Fix]:
    """Send a column as the reserved property that it looks like."""
    return property_meant(state, finding)[1] if finding.check == "lookalike" else []


def _fits(state: State, column: PropertyColumn, meant: str) -> bool:
    """Return whether the values of a column are what a reserved property holds."""
    options = state.operation.options
    read = column.parse.reading.name if column.parse is not None else None
    key = ("fits", column.source.place, meant, read, repr(options.na), options.trim, options.blank)
    return state.facts.once(key, lambda: _fit(state, replace(column, name=meant)))


def _fit(state: State, column: PropertyColumn) -> bool:
    expects_date = RESERVED_PROPERTIES[column.name].expects == "date"
    if column.kind not in {"missing", "mixed", "string", *(["date"] if expects_date else [])}:
        return False
    checks = {check.name: check for check in property_checks(column)}
    if column.kind == "date" or not checks:
        return column.kind != "mixed"
    present = failing = 0
    for span in state.layout.spans():
        values = normalise_column(state.layout, column, span)
        present += int((~values.missing).sum())
        failing += sum(int(mask.sum()) for name, mask in findings_of_slice(values, column) if name in checks)
    strict = any(check.severity == "error" for check in checks.values())
    return failing <= (0 if strict else MOST_FAILING * present)


# -- options of the whole call, and columns ---------------------------------------------------------------------------


def _by_na(state: State, finding: Finding) -> Iterator[Fix]:
    """Take missing-value markers as missing."""
    if finding.check == "missing_as_text":
        words = f"take as missing in {counted(finding.count, 'row')}"
        yield Fix(words, {"na": _na(state)}, suggested=True)


def _na(state: State) -> Any:
    """Return the value of `na` that takes the missing-value markers of all columns."""
    found = [finding for finding in state.findings if finding.check == "missing_as_text"]
    words = [
        word
        for finding in found
        if (column := column_of(state, finding)) is not None and finding.rows is not None
        for word in missing_markers(state.layout, column, finding.rows.mask(state.layout.rows))
    ]
    return na_for(words, state.operation.options.na)


def _by_trim(_state: State, finding: Finding) -> Iterator[Fix]:
    """Take away outer blanks and characters that nobody sees."""
    if option_in_words("trim", True) in finding.message:
        yield Fix("trim names, ids and text", {"trim": True}, suggested=True)


def _by_duplicates(state: State, finding: Finding) -> Iterator[Fix]:
    """Choose what several rows of one id do."""
    if finding.check == "duplicate_id":
        merges = all(operator.merges for operator in state.operation.operators)
        for value, words in DUPLICATES_IN_WORDS.items():
            if merges or value != "merge":
                yield Fix(words, {"duplicates": value})


def _by_field(state: State, finding: Finding) -> Iterator[Fix]:
    """Send a column as the field of the update that it is named like."""
    option = UPDATE_FIELDS.get(str(finding.name))
    if (
        finding.check == "misplaced_field"
        and option in {"ip", "updated_at"}
        and str(finding.column) != "$ignore_time"
    ):
        yield Fix(f"send as the field {finding.name}", {option: finding.column})


def _by_leaving_out(state: State, finding: Finding) -> Iterator[Fix]:
    """Leave the column out."""
    of_column = finding.rows is None and column_of(state, finding) is not None
    if of_column and (finding.severity == "error" or finding.check in LEFT_OUT):
        yield Fix("leave the column out", leaves_out=True, column=finding.column)


def column_of(state: State, finding: Finding) -> PropertyColumn | None:
    """Return the column of the layout that a finding is about."""
    of_finding = (column for column in state.layout.columns if column.label == finding.column)
    return next((column for column in of_finding if finding.name in {None, column.name}), None)


_WAYS: tuple[Callable[[State, Finding], Iterable[Fix]], ...] = (
    _by_name,
    _by_reading,
    _by_na,
    _by_trim,
    _by_duplicates,
    _by_field,
    _by_remedy,
    _by_leaving_out,
)

"""What the map shows: for each column what it becomes and what to know about it, and the ids in one line."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.checking.findings import column_findings
from mixpanel_pandas.errors import OperationError, naming_column, reading_column
from mixpanel_pandas.notebook.preview.fixes import is_followed, lookalike_in_words, suggestions
from mixpanel_pandas.notebook.preview.masking import masked, masked_record
from mixpanel_pandas.payloads.encoding import json_texts
from mixpanel_pandas.payloads.normalise import normalise, normalise_column
from mixpanel_pandas.payloads.parsing import TEXT_KINDS
from mixpanel_pandas.payloads.sources import array_of
from mixpanel_pandas.reading.cleaning import MISSING_MARKERS
from mixpanel_pandas.reading.columns import matching
from mixpanel_pandas.reading.readings import reading
from mixpanel_pandas.rules.checks import CHECKS, ISO_DATE, LOOKS
from mixpanel_pandas.rules.limits import LOOKALIKES, plain
from mixpanel_pandas.rules.operators import OPERATORS
from mixpanel_pandas.rules.options import taken_by
from mixpanel_pandas.text import Length, counted, shortened

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from mixpanel_pandas.checking.findings import Finding
    from mixpanel_pandas.notebook.preview.fixes import Fix
    from mixpanel_pandas.notebook.preview.state import State
    from mixpanel_pandas.payloads.layout import PropertyColumn

__all__ = [
    "ColumnMapping",
    "Remark",
    "available_verbs",
    "column_mappings",
    "id_labels",
    "ids_in_words",
    "option_choices",
    "sendable_labels",
]

#: Check of ids -> what its rows are called.
IDS_IN_WORDS = {
    "missing_id": "missing",
    "blank_id": "blank",
    "junk_id": "junk",
    "inexact_id": "inexact",
    "untyped_id": "neither text nor number",
    "duplicate_id": "duplicate",
    "similar_id": "alike but for case, blanks or Unicode form",
    "padded_id": "padded",
    "invisible_id": "with invisible characters",
    "unicode_form": "with accents apart",
    "float_id": "written as floats",
    "exponent_id": "with an exponent",
    "guarded_id": "guarded",
    "error_cell": "errors of formulas",
    "anonymous_id": "anonymous",
    "long_id": "long",
}

#: These are counted even if there are none.
ALWAYS_COUNTED = ("missing_id", "junk_id", "duplicate_id")


#: Different texts of a column that are shown before and after, of so many that are looked at.
SAMPLES, LOOKED_AT = 3, 1_000

#: Readings to choose from, beside those that fit.
USUAL_READINGS = (
    "number",
    "number:1.234,5",
    "number:money",
    "number:percent",
    "date",
    "date:dd/mm/yyyy",
    "date:mm/dd/yyyy",
    "date:dd.mm.yyyy",
    "boolean",
    "boolean:Yes/No",
    "list:comma",
    "list:semicolon",
    "list:pipe",
    "json",
    "text",
)


@dataclass(frozen=True)
class Remark:
    """Something to know about a column, and whether one of its fixes follows it."""

    text: str
    followed: bool = False


@dataclass(frozen=True)
class ColumnMapping:
    """What a column becomes.

    Attributes
    ----------
    label : hashable
        Label of the column; for ``unset`` the name of the property.
    sent : bool
        Whether it is part of the operation.
    name : str
        Name of the property.
    renames : bool
        Whether it can be sent under another name.
    verb : str
        The operator that is applied to the property.
    type : str
        Mixpanel's type; empty for a property that is not a column.
    fill : float or None
        Share of the rows that have a value.
    example : str
        The first value, as JSON.
    remarks : tuple of Remark
        What to know about it.
    reading : str or None
        The reading of its text, as `parse` names it.
    readings : tuple of str
        The readings to choose from, those that read all of the text first; none where the column holds no text.
    samples : tuple of pairs of str
        Of text that is read, or is likely to be: its first different values, before and after.
    fixes : tuple of Fix
        What is suggested.
    """

    label: Hashable
    sent: bool
    name: str
    renames: bool
    verb: str
    type: str
    fill: float | None
    example: str
    remarks: tuple[Remark, ...] = ()
    reading: str | None = None
    readings: tuple[str, ...] = ()
    samples: tuple[tuple[str, str], ...] = ()
    fixes: tuple[Fix, ...] = ()


def ids_in_words(state: State) -> str:
    """Return what is wrong with the ids, in one line."""
    if state.asks:
        return f"{counted(state.layout.rows, 'row')}: which column holds the ids?"
    counts = state.facts.ids(state.layout.id.label, state.operation.group)
    parts = [
        f"{counts.get(name, 0):,} {words}"
        for name, words in IDS_IN_WORDS.items()
        if counts.get(name) or name in ALWAYS_COUNTED
    ]
    return f"{counted(state.layout.rows, 'row')}: {', '.join(parts)}"


def id_labels(state: State) -> list[Hashable]:
    """Return the columns and index levels that may hold the ids."""
    return [*state.frame.columns, *(name for name in state.frame.index.names if name is not None)]


def sendable_labels(state: State) -> list[Hashable]:
    """Return the columns that could be sent, and for ``unset`` also the names that are not columns."""
    layout = state.layout
    sent = {column.label for column in layout.columns}
    labels = [label for label in state.frame.columns if label not in layout.taken or label in sent]
    return [*labels, *(name for name in layout.removed if name not in set(map(str, labels)))]


def available_verbs(state: State) -> list[str]:
    """Return the verbs for users, or those for groups."""
    group = state.operation.group
    return [verb for verb, row in OPERATORS.items() if (row.users if group is None else row.groups)] + [
        "update"
    ]


def option_choices(state: State, option: str) -> list[Any]:
    """Return the values that an option can have; none if the verb does not take it."""
    row = next((row for row in taken_by(state.operation.verb) if row.name == option), None)
    if row is None:
        return []
    operators = state.operation.operators
    if option == "missing":
        return list(dict.fromkeys(way for row in operators for way in row.missing))
    if option == "duplicates" and not all(row.merges for row in operators):
        return [choice for choice in row.choices if choice != "merge"]
    return list(row.choices)


def column_mappings(
    state: State,
    start: int = 0,
    stop: int | None = None,
    *,
    labels: Sequence[Hashable] | None = None,
    unmasked: bool = False,
) -> list[ColumnMapping]:
    """Return what some columns become. Other columns are not read.

    Parameters
    ----------
    start, stop : int
        Which of the labels.
    labels : sequence of labels, optional
        By default the `sendable_labels`.
    unmasked : bool
        Whether private values can be read.
    """
    sent: dict[Hashable, list[PropertyColumn]] = {}
    for column in state.layout.columns:
        sent.setdefault(column.label, []).append(column)
    shown = (sendable_labels(state) if labels is None else labels)[start:stop]
    findings: dict[Hashable, list[Finding]] = {}
    for finding in _findings_of_columns(state):
        findings.setdefault(finding.column, []).append(finding)
    return [
        _column_mapping(state, label, sent.get(label, []), findings.get(label, []), unmasked)
        for label in shown
    ]


def _findings_of_columns(state: State) -> list[Finding]:
    """Return the findings about columns as a whole. What cannot be checked is shown without: Findings says why."""
    try:
        if state.is_checked:
            return [finding for finding in state.findings if finding.rows is None]
    except OperationError:
        pass
    return list(column_findings(state.layout))


def _column_mapping(
    state: State, label: Hashable, sent: list[PropertyColumn], findings: list[Finding], unmasked: bool
) -> ColumnMapping:
    first = sent[0] if sent else None
    removed = str(label) in state.layout.removed
    verb = "unset" if removed else first.operator.verb if first else state.operation.verb
    kind, fill, example = _contents(state, label, first, unmasked)
    name = first.name if first else str(label)
    if first and first.key is not None:
        kind, name = f"{kind}, spread", counted(len(sent), "property")
    fitting = next((finding.readings for finding in findings if finding.readings), ())
    readings = _readings(state, label, first, fitting) if not removed else ()
    reading_now = (state.operation.options.parse or {}).get(label) if readings else None
    shown = reading_now or (fitting[0] if fitting else None)
    fixes = _fixes(state, label) if first else ()
    return ColumnMapping(
        label,
        sent=bool(sent) or removed,
        name=name,
        renames=first is not None and first.key is None,
        verb=verb,
        type=kind,
        fill=fill,
        example=example,
        remarks=tuple(
            Remark(_remark_text(state, finding), bool(fixes) and is_followed(state, finding, fixes))
            for finding in findings
        ),
        reading=reading_now,
        readings=readings,
        samples=_samples(state, label, first, shown, unmasked) if readings and first and shown else (),
        fixes=fixes,
    )


def _fixes(state: State, label: Hashable) -> tuple[Fix, ...]:
    """Return what is suggested for a column."""
    if not state.is_checked:
        return ()
    try:
        clear, either = suggestions(state, label)
    except OperationError:
        return ()
    return (*clear, *either)


def _readings(
    state: State, label: Hashable, column: PropertyColumn | None, fitting: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the readings to choose from: those that fit, that of now, then the usual ones. None where there is no text to read."""
    takes_parse = any(option.name == "parse" for option in taken_by(state.operation.verb))
    if not takes_parse or label not in state.frame.columns or (column is not None and column.key is not None):
        return ()
    place: Any = state.frame.columns.get_loc(label)
    rule = column.source.rule if column is not None else state.facts.column(place, None)[0]
    if rule.kind not in TEXT_KINDS:
        return ()
    chosen = (state.operation.options.parse or {}).get(label)
    return tuple(dict.fromkeys([*fitting, *([chosen] if chosen else []), *USUAL_READINGS]))


def _samples(
    state: State, label: Hashable, column: PropertyColumn, name: str, unmasked: bool
) -> tuple[tuple[str, str], ...]:
    """Return the first different texts of a column, and what a reading makes of each."""
    place: Any = state.frame.columns.get_loc(label)
    texts = state.facts.once(("texts", place, column.source.rule.name), lambda: _first_texts(column))
    read = reading(name).read(pa.array(texts, pa.large_string())).values.to_pylist()
    pairs = []
    for text, value in zip(texts, read, strict=True):
        private = state.is_private(label, column.name) and not unmasked
        shown = masked(text) if private else text
        after = json.dumps(masked(value) if private else value, ensure_ascii=False, default=_iso)
        nothing = "missing" if text.strip() in MISSING_MARKERS or not text.strip() else "cannot be read"
        pairs.append(
            (shortened(shown, Length.EXAMPLE), nothing if value is None else shortened(after, Length.EXAMPLE))
        )
    return tuple(pairs)


def _iso(value: Any) -> str:
    return str(value.isoformat())


def _first_texts(column: PropertyColumn) -> list[str]:
    """Return the first different texts of a column."""
    some = normalise(column.source.at(slice(0, LOOKED_AT)), column.source.rule)
    if some.kinds is not None:  # of several types
        kinds = some.kinds.astype(str) == "string"
        texts = [json.loads(text) for text in some.array.filter(pa.array(kinds)).to_pylist()]
    else:
        texts = some.array.drop_null().to_pylist()
    return list(dict.fromkeys(text for text in texts if text.strip()))[:SAMPLES]


def _remark_text(state: State, finding: Finding) -> str:
    """Return what a finding says."""
    if finding.check == "lookalike":
        if state.is_checked:
            return lookalike_in_words(state, finding)
        return f"looks like {LOOKALIKES[plain(str(finding.name))]}"
    if finding.readings:
        looks = LOOKS[reading(finding.readings[0]).kind]
        return f"looks like {looks}: {' or '.join(finding.readings)}"
    says_more = finding.message != CHECKS[finding.check].says
    return finding.message if says_more else finding.words


def _contents(
    state: State, label: Hashable, column: PropertyColumn | None, unmasked: bool
) -> tuple[str, float | None, str]:
    """Return the type of a column, its fill, and an example of its values."""
    if label not in state.frame.columns:
        return "", None, ""
    place: Any = state.frame.columns.get_loc(label)
    rule, count, first = state.facts.column(place, column.source.rule if column else None)
    if column is not None:
        rule = column.source.rule  # which may clean text
    kind = column.kind if column and column.key is None else rule.kind
    if column is not None and kind == "string" and column.key is None and _are_iso_dates(state, column):
        kind = "date"
    fill = count / max(state.layout.rows, 1)
    if first < 0:
        return kind, fill, ""
    with reading_column(label):
        values = array_of(state.frame.iloc[first : first + 1, place])
    with naming_column(label):
        opening, texts, closing = json_texts(normalise(values, rule, parse=column.parse if column else None))
    text = texts[0].as_py()
    if text is None:
        return kind, fill, "(cannot be sent)"
    example = f"{opening}{text}{closing}"
    if not unmasked:
        mask = masked if state.is_private(label, column.name if column else None) else masked_record
        example = json.dumps(mask(json.loads(example)), ensure_ascii=False)
    return kind, fill, shortened(example)


def _are_iso_dates(state: State, column: PropertyColumn) -> bool:
    """Return whether all text of a column is ISO dates, which Mixpanel takes for dates."""
    options = state.operation.options
    key = ("iso", column.source.place, repr(options.na), options.trim, options.blank)
    first = _first_texts(column)
    if not first or not matching(pa.array(first, pa.large_string()), ISO_DATE).all():
        return False

    def all_are() -> bool:
        for span in state.layout.spans():
            texts = pc.unique(normalise_column(state.layout, column, span).array.drop_null())
            if not matching(texts, ISO_DATE).all():
                return False
        return True

    return state.facts.once(key, all_are)

"""What the map shows: for each column what it becomes and what to know about it, and the ids in one line."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mixpanel_pandas.checking.findings import column_findings
from mixpanel_pandas.errors import OperationError, naming_column, reading_column
from mixpanel_pandas.notebook.preview.masking import masked, masked_record
from mixpanel_pandas.payloads.encoding import json_texts
from mixpanel_pandas.payloads.normalise import normalise
from mixpanel_pandas.payloads.parsing import TEXT_KINDS
from mixpanel_pandas.payloads.sources import array_of
from mixpanel_pandas.reading.readings import READINGS, reading
from mixpanel_pandas.rules.checks import CHECKS, LOOKS
from mixpanel_pandas.rules.limits import LOOKALIKES, plain
from mixpanel_pandas.rules.operators import OPERATORS
from mixpanel_pandas.rules.options import taken_by
from mixpanel_pandas.text import counted, shortened

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from mixpanel_pandas.checking.findings import Finding
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


@dataclass(frozen=True)
class Remark:
    """Something to know about a column. If it probably means another property, `name` is the name of that."""

    text: str
    name: str | None = None


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
    """

    label: Hashable
    sent: bool
    name: str
    renames: bool
    verb: str
    type: str
    fill: float | None
    example: str
    remarks: tuple[Remark, ...]
    reading: str | None = None
    readings: tuple[str, ...] = ()


def ids_in_words(state: State) -> str:
    """Return what is wrong with the ids, in one line."""
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
    if option == "missing":
        return list(dict.fromkeys(way for row in state.operation.operators for way in row.missing))
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
    looks = _looks(state)
    remarks: dict[Hashable, list[Remark]] = {}
    for finding in (*column_findings(state.layout), *looks):
        remarks.setdefault(finding.column, []).append(_remark(finding))
    readings = {finding.column: finding.readings for finding in looks}
    mappings = [
        _column_mapping(state, label, sent.get(label, []), tuple(remarks.get(label, ())), unmasked)
        for label in (sendable_labels(state) if labels is None else labels)[start:stop]
    ]
    return [
        replace(
            mapping, **_reading_choices(state, sent.get(mapping.label, []), readings.get(mapping.label, ()))
        )
        for mapping in mappings
    ]


def _looks(state: State) -> list[Finding]:
    """Return the findings of text that looks like more. What cannot be checked is shown without: Findings says why."""
    try:
        return [finding for finding in state.findings if finding.readings] if state.is_checked else []
    except OperationError:
        return []


def _reading_choices(state: State, sent: list[PropertyColumn], fitting: tuple[str, ...]) -> dict[str, Any]:
    """Return how the text of a column is read, and the readings to choose from: those that fit, then one of each kind."""
    if len(sent) != 1 or sent[0].key is not None or sent[0].source.rule.kind not in TEXT_KINDS:
        return {}
    chosen = (state.operation.options.parse or {}).get(sent[0].label)
    of_each_kind = [row.examples[0] for row in READINGS.values()]
    names = dict.fromkeys([*fitting, *([chosen] if chosen else []), *of_each_kind])
    return {"reading": chosen, "readings": tuple(names)}


def _remark(finding: Finding) -> Remark:
    """Return what a finding says. A look-alike names the property that is probably meant."""
    if finding.check == "lookalike":
        meant = LOOKALIKES[plain(str(finding.name))]
        return Remark(f"looks like {meant}", meant)
    if finding.readings:
        return Remark(
            f"looks like {LOOKS[reading(finding.readings[0]).kind]}: {' or '.join(finding.readings)}"
        )
    says_more = finding.message != CHECKS[finding.check].says
    return Remark(finding.message if says_more else finding.words)


def _column_mapping(
    state: State, label: Hashable, sent: list[PropertyColumn], remarks: tuple[Remark, ...], unmasked: bool
) -> ColumnMapping:
    first = sent[0] if sent else None
    removed = str(label) in state.layout.removed
    verb = "unset" if removed else first.operator.verb if first else state.operation.verb
    kind, fill, example = _contents(state, label, first, unmasked)
    name = first.name if first else str(label)
    if first and first.key is not None:
        kind, name = f"{kind}, spread", counted(len(sent), "property")
    renames = first is not None and first.key is None
    return ColumnMapping(label, bool(sent) or removed, name, renames, verb, kind, fill, example, remarks)


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

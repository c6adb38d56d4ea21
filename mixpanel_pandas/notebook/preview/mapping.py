"""What the map shows: a row for each column, what it becomes, and what is noteworthy about it; the ids in one line."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mixpanel_pandas.checking.findings import column_findings
from mixpanel_pandas.errors import reading_column
from mixpanel_pandas.notebook.preview.masking import masked, masked_record
from mixpanel_pandas.payloads.encoding import json_texts
from mixpanel_pandas.payloads.normalise import normalise
from mixpanel_pandas.payloads.sources import Source, array_of
from mixpanel_pandas.rules.checks import CHECKS
from mixpanel_pandas.rules.limits import LOOKALIKES, plain
from mixpanel_pandas.rules.operators import OPERATORS
from mixpanel_pandas.rules.options import taken_by
from mixpanel_pandas.text import counted, shortened

if TYPE_CHECKING:
    from collections.abc import Hashable

    from mixpanel_pandas.checking.findings import Finding
    from mixpanel_pandas.notebook.preview.state import State
    from mixpanel_pandas.payloads.layout import PropertyColumn

__all__ = ["Column", "Hint", "choices_of", "columns", "id_labels", "ids_in_words", "labels", "verbs"]

#: Checks of ids -> what their rows are called in one line; the others stand there in any case.
IDS_IN_WORDS = {
    "missing_id": "missing",
    "blank_id": "blank",
    "junk_id": "junk",
    "inexact_id": "inexact",
    "untyped_id": "neither text nor number",
    "duplicate_id": "duplicate",
    "similar_id": "alike but for case or blanks",
    "anonymous_id": "anonymous",
    "long_id": "long",
}
ALWAYS = ("missing_id", "junk_id", "duplicate_id")


@dataclass(frozen=True)
class Hint:
    """Something to know about a column; where one click mends it, the property name that does."""

    text: str
    name: str | None = None


@dataclass(frozen=True)
class Column:
    """A row of the map.

    Attributes
    ----------
    label : hashable
        The column's name; for ``unset`` the property's.
    sent : bool
        Whether it is part of the operation.
    name : str
        The property's name.
    renames : bool
        Whether it can have another name.
    verb : str
        What happens to it.
    type : str
        Mixpanel's type; empty for what is no column.
    fill : float or None
        Share of the rows that have a value.
    example : str
        The first value, as JSON.
    hints : tuple of Hint
        What is noteworthy.
    """

    label: Hashable
    sent: bool
    name: str
    renames: bool
    verb: str
    type: str
    fill: float | None
    example: str
    hints: tuple[Hint, ...]


def ids_in_words(state: State) -> str:
    """Return what is wrong with the ids in one line."""
    counts = state.facts.ids(state.layout.id.label, state.operation.group)
    parts = [
        f"{counts.get(name, 0):,} {words}"
        for name, words in IDS_IN_WORDS.items()
        if counts.get(name) or name in ALWAYS
    ]
    return f"{counted(state.layout.rows, 'row')}: {', '.join(parts)}"


def id_labels(state: State) -> list[Hashable]:
    """Return columns and index levels that may hold the ids."""
    return [*state.frame.columns, *(name for name in state.frame.index.names if name is not None)]


def labels(state: State) -> list[Hashable]:
    """Return columns that could be sent, and for ``unset`` the names that are no columns."""
    layout = state.layout
    taken = {s.label for s in (layout.id, layout.ip, layout.time) if isinstance(s, Source) and not s.in_index}
    known = [label for label in state.frame.columns if label not in taken]
    return [*known, *(name for name in layout.removed if name not in set(map(str, known)))]


def verbs(state: State) -> list[str]:
    """Return the verbs that there are for users, or for groups."""
    group = state.operation.group
    return [verb for verb, row in OPERATORS.items() if (row.users if group is None else row.groups)] + [
        "update"
    ]


def choices_of(state: State, option: str) -> list[Any]:
    """Return the values that an option may have; none where the verb does not take it."""
    row = next((row for row in taken_by(state.operation.verb) if row.name == option), None)
    if row is None:
        return []
    if option == "missing":
        return list(dict.fromkeys(way for row in state.operation.operators for way in row.missing))
    return list(row.choices)


def columns(state: State, start: int = 0, stop: int | None = None, *, shown: bool = False) -> list[Column]:
    """Return rows of the map.

    Parameters
    ----------
    start, stop : int
        Which of `labels`; the others are not looked at.
    shown : bool
        Whether private values are readable.
    """
    sent: dict[Hashable, list[PropertyColumn]] = {}
    for column in state.layout.columns:
        sent.setdefault(column.label, []).append(column)
    hints: dict[Hashable, list[Hint]] = {}
    for finding in column_findings(state.layout):
        hints.setdefault(finding.column, []).append(_hint(finding))
    return [
        _column(state, label, sent.get(label, []), tuple(hints.get(label, ())), shown)
        for label in labels(state)[start:stop]
    ]


def _hint(finding: Finding) -> Hint:
    """Return what is noteworthy about a column; a look-alike names the property that is probably meant."""
    if finding.check == "lookalike":
        meant = LOOKALIKES[plain(str(finding.name))]
        return Hint(f"looks like {meant}", meant)
    says_more = finding.message != CHECKS[finding.check].says
    return Hint(finding.message if says_more else finding.words)


def _column(
    state: State, label: Hashable, sent: list[PropertyColumn], hints: tuple[Hint, ...], shown: bool
) -> Column:
    first = sent[0] if sent else None
    removed = str(label) in state.layout.removed
    verb = "unset" if removed else first.operator.verb if first else state.operation.verb
    kind, fill, example = _held(state, label, first, shown)
    name = first.name if first else str(label)
    if first and first.key is not None:
        kind, name = f"{kind}, spread", counted(len(sent), "property")
    renames = first is not None and first.key is None
    return Column(label, bool(sent) or removed, name, renames, verb, kind, fill, example, hints)


def _held(
    state: State, label: Hashable, column: PropertyColumn | None, shown: bool
) -> tuple[str, float | None, str]:
    """Return type, fill and an example of what a column holds."""
    if label not in state.frame.columns:
        return "", None, ""
    place: Any = state.frame.columns.get_loc(label)
    rule, count, first = state.facts.column(place, column.source.rule if column else None)
    kind = column.kind if column and column.key is None else rule.kind
    fill = count / max(state.layout.rows, 1)
    if first < 0:
        return kind, fill, ""
    with reading_column(label):
        values = array_of(state.frame.iloc[first : first + 1, place])
        opening, texts, closing = json_texts(normalise(values, rule, parse=column.parse if column else None))
    text = texts[0].as_py()
    if text is None:
        return kind, fill, "(cannot be sent)"
    example = f"{opening}{text}{closing}"
    if not shown:
        mask = masked if state.is_private(label, column.name if column else None) else masked_record
        example = json.dumps(mask(json.loads(example)), ensure_ascii=False)
    return kind, fill, shortened(example)

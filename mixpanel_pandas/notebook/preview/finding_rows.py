"""What the findings view shows: the findings in words, what `invalid` does about them, and a row for each value."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mixpanel_pandas.checking.report import make_report, new_properties_in_words
from mixpanel_pandas.notebook.preview.masking import masked, masked_record
from mixpanel_pandas.notebook.tables import Table, TableColumn
from mixpanel_pandas.payloads.ids import ids_of
from mixpanel_pandas.payloads.row_set import RowSet
from mixpanel_pandas.rules.checks import SEVERITIES
from mixpanel_pandas.rules.options import ALL_OPTIONS
from mixpanel_pandas.text import Length, counted, quoted, shortened

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from mixpanel_pandas.checking.findings import Finding
    from mixpanel_pandas.notebook.preview.state import State

__all__ = [
    "FindingRow",
    "effect_of_invalid",
    "excluded_in_words",
    "finding_rows",
    "findings_table",
    "in_words_of_the_widget",
    "remedies_in_words",
    "select_findings",
    "values_table",
]

#: Value of `invalid` -> what it does to the rows that do not pass a check.
EFFECTS = {
    "drop_row": "leaves out {rows}",
    "drop_value": "leaves {name} out of {rows}",
    "truncate": "cuts {name} to {limit} in {rows}",
}

FINDING_COLUMNS = (
    TableColumn("severity", wraps=False, kind="badge", width="68px"),
    TableColumn("check", width="14%"),
    TableColumn("column", width="14%"),
    TableColumn("rows", align_right=True, wraps=False, width="60px"),
    TableColumn("what is wrong, and what invalid would do", short="what is wrong"),
)
EXAMPLES_COLUMN = TableColumn("first", kind="code", width="24%")

#: An option with a value, as Python writes it.
_OPTION = rf"(?:{'|'.join(ALL_OPTIONS)})="

#: What a message says about options of Python -> what stands there in the widget, beside controls that do the same.
_WAYS_OUT = (
    (
        re.compile(r"pass repeat=True.* to send them again"),
        "tick the box above the button to send them again",
    ),
    (re.compile(rf" \({_OPTION}.*?\)(?=[,.;]|$)", re.DOTALL), ""),
    (re.compile(rf"(?:[:;]|; for \S+ pass| with) {_OPTION}.*", re.DOTALL), ""),
)

#: Of the values of one finding, and of several.
VALUE_COLUMNS = (
    TableColumn("row", kind="code", width="12%"),
    TableColumn("id", kind="code", width="18%"),
    TableColumn("value", kind="code", width="50%"),
    TableColumn("length", align_right=True, width="20%"),
)
OF_SEVERAL = (
    TableColumn("row", kind="code", width="10%"),
    TableColumn("id", kind="code", width="15%"),
    TableColumn("column", width="15%"),
    TableColumn("check", width="15%"),
    TableColumn("value", kind="code", width="29%"),
    TableColumn("length", align_right=True, width="16%"),
)


@dataclass(frozen=True)
class FindingRow:
    """One row of the report, as text.

    Attributes
    ----------
    severity, check, column : str
        As in the report.
    row : str
        Index label of the row; empty if the finding is about the column as a whole.
    id : str
        Id of the row; empty if it has none.
    value : str
        The value as Python writes it, or its beginning; empty if there is none.
    length : str
        Length of the whole value, of text; in the unit of the limit, if there is one.
    """

    severity: str
    check: str
    column: str
    row: str
    id: str
    value: str
    length: str


def select_findings(state: State, severity: str | None = None, column: Hashable = None) -> list[Finding]:
    """Return the findings of a severity, a column or both; None stands for all."""
    return [
        finding
        for finding in state.findings
        if severity in {None, finding.severity} and column in {None, finding.column}
    ]


def findings_table(findings: Sequence[Finding], examples: Sequence[str] = ()) -> Table:
    """Return a table of findings, with examples of their values if there are any.

    Parameters
    ----------
    examples : sequence of str
        One for each finding, or none.
    """
    examples = examples if any(examples) else ()
    columns = (*FINDING_COLUMNS, EXAMPLES_COLUMN) if examples else FINDING_COLUMNS
    cells = [
        (
            finding.severity,
            finding.check,
            "" if finding.column is None else shortened(finding.column),
            "all" if finding.rows is None else f"{finding.count:,}",
            f"{finding.message}. {effect_of_invalid(finding)}",
            *examples[number : number + 1],
        )
        for number, finding in enumerate(findings)
    ]
    return Table(columns, tuple(cells))


def values_table(rows: Sequence[FindingRow], *, several: bool = True) -> Table:
    """Return a table of the values with findings.

    Parameters
    ----------
    several : bool
        Whether they are of several findings, which are then named.
    """
    if several:
        cells = [(row.row, row.id, row.column, row.check, row.value, row.length) for row in rows]
        return Table(OF_SEVERAL, tuple(cells))
    return Table(VALUE_COLUMNS, tuple((row.row, row.id, row.value, row.length) for row in rows))


def remedies_in_words(state: State) -> str:
    """Return how many errors stop sending and how many are taken care of, and what else there is, in one line."""
    errors = [finding for finding in state.findings if finding.severity == "error"]
    cared = sum(finding.count for finding in errors) - state.standing
    counts = Counter[str]()
    for finding in state.findings:
        counts[finding.severity] += finding.count
    stop = f"{counted(state.standing, 'error')} {'stops' if state.standing == 1 else 'stop'} sending"
    parts = [
        stop if state.standing else "Nothing stops sending",
        *([f"{cared:,} taken care of"] if cared else []),
    ]
    others = [counted(counts[name], name) for name in SEVERITIES[1:]]
    sizes = f"{counted(state.layout.rows, 'row')} x {counted(len(state.layout.columns) + len(state.layout.removed), 'property')}"
    creates = (
        [new] if (new := new_properties_in_words(state.findings, state.operation.options.invalid)) else []
    )
    return "; ".join([", ".join(parts), f"{', '.join(others)} in {sizes}", *creates])


def excluded_in_words(state: State) -> str:
    """Return how many rows are left out for which reason, in one line; empty if none is."""
    reasons = [f"{len(excluded.positions):,} {excluded.reason}" for excluded in state.decisions.excluded]
    return f"Rows left out: {', '.join(reasons)}." if reasons else ""


def effect_of_invalid(finding: Finding) -> str:
    """Return what the option `invalid` would do, or does, to how many rows, in one sentence."""
    if finding.severity != "error":
        return "Sent anyway."
    rows = counted(finding.count, "row")
    effects = {
        remedy: effect.format(rows=rows, name=quoted(finding.name, Length.NAME), limit=finding.limit)
        for remedy, effect in EFFECTS.items()
        if remedy in finding.remedies and finding.rows is not None
    }
    if not effects:
        return "No choice of invalid mends this: change the frame or the call."
    choices = ", ".join(f'"{remedy}" {effect}' for remedy, effect in effects.items())
    others = " and ".join(f'"{remedy}"' for remedy in EFFECTS if remedy not in effects)
    now = "" if finding.stands else "Taken care of: "
    return f"{now}invalid={choices}{f'; {others} would refuse the frame' if others else ''}."


def in_words_of_the_widget(message: str) -> str:
    """Return a message without what Python would say to mend it: in the widget that is a choice or a button.

    >>> in_words_of_the_widget("looks like $email, which is another property: rename={'e': '$email'} sends it as that")
    'looks like $email, which is another property'
    >>> in_words_of_the_widget("$add takes numbers (parse={'plan': 'number'} reads those in text), not str")
    '$add takes numbers, not str'
    """
    for pattern, words in _WAYS_OUT:
        message = pattern.sub(words, message)
    return message


def finding_rows(
    state: State, findings: Sequence[Finding], start: int, stop: int, *, unmasked: bool = False
) -> list[FindingRow]:
    """Return some rows of the report on `findings`. The values of other rows are not looked up.

    Parameters
    ----------
    start, stop : int
        Which rows, counted through all findings.
    unmasked : bool
        Whether private values can be read.
    """
    page = list(_page_of(findings, start, stop))
    report = make_report(state.frame, state.layout, page, first=stop - start)
    positions = report["position"].dropna().to_numpy(np.int64)
    ids = dict(zip(positions.tolist(), ids_of(state.layout.id, positions).to_pylist(), strict=True))
    return [_finding_row(state, row, ids, unmasked) for _number, row in report.iterrows()]


def _page_of(findings: Sequence[Finding], start: int, stop: int) -> Iterator[Finding]:
    """Yield the findings that have some of the rows from `start` to `stop`, with only these rows."""
    before = 0
    for finding in findings:
        first, last = max(start - before, 0), min(stop - before, finding.count)
        before += finding.count
        if first < last and finding.rows is not None:
            yield replace(finding, rows=RowSet(finding.rows.head(last)[first:]))
        elif first < last:
            yield finding


def _finding_row(state: State, row: pd.Series[Any], ids: dict[int, str | None], unmasked: bool) -> FindingRow:
    value = row["value"]
    length = _length(value, row["limit"])
    has_row = not pd.isna(row["position"])  # otherwise the value is a name or a dtype
    if has_row and not unmasked:
        private = state.is_private(row["column"], row["property"])
        value = masked(value) if private else masked_record(value)
    return FindingRow(
        str(row["severity"]),
        str(row["check"]),
        "" if row["column"] is None else str(row["column"]),
        state.row_label(int(row["position"]), unmasked=unmasked) if has_row else "",
        _shown_id(ids.get(int(row["position"])) if has_row else None, unmasked),
        "" if _is_missing(value) else quoted(value, Length.NAME),
        length,
    )


def _is_missing(value: Any) -> bool:
    return value is None or (pd.api.types.is_scalar(value) and bool(pd.isna(value)))


def _shown_id(id: str | None, unmasked: bool) -> str:
    return "" if id is None else shortened(id if unmasked else masked(id))


def _length(value: Any, limit: str | None) -> str:
    """Return the length of text, in bytes where the limit is in bytes."""
    if not isinstance(value, str):
        return ""
    if limit is not None and limit.endswith("bytes"):
        return counted(len(value.encode("utf-8", "surrogatepass")), "byte")
    return counted(len(value), "character")

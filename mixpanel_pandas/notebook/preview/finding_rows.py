"""The tables of the findings view: a row for each finding with what `invalid` does about it, and a row for each value."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from mixpanel_pandas.checking.report import make_report
from mixpanel_pandas.notebook.preview.masking import masked, masked_record
from mixpanel_pandas.notebook.tables import Table, TableColumn
from mixpanel_pandas.payloads.row_set import RowSet
from mixpanel_pandas.text import Length, counted, quoted, shortened

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from mixpanel_pandas.checking.findings import Finding
    from mixpanel_pandas.notebook.preview.state import State

__all__ = [
    "FindingRow",
    "effect_of_invalid",
    "finding_rows",
    "findings_table",
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

VALUE_COLUMNS = (
    TableColumn("row", kind="code", width="16%"),
    TableColumn("column", width="16%"),
    TableColumn("check", width="16%"),
    TableColumn("value", kind="code"),
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
    value : str
        The value as Python writes it; empty if there is none.
    """

    severity: str
    check: str
    column: str
    row: str
    value: str


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


def values_table(rows: Sequence[FindingRow]) -> Table:
    """Return a table of the values with findings."""
    return Table(VALUE_COLUMNS, tuple((row.row, row.column, row.check, row.value) for row in rows))


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
    return [_finding_row(state, row, unmasked) for _number, row in report.iterrows()]


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


def _finding_row(state: State, row: pd.Series[Any], unmasked: bool) -> FindingRow:
    value = row["value"]
    has_row = not pd.isna(row["position"])  # otherwise the value is a name or a dtype
    if has_row and not unmasked:
        private = state.is_private(row["column"], row["property"])
        value = masked(value) if private else masked_record(value)
    return FindingRow(
        str(row["severity"]),
        str(row["check"]),
        "" if row["column"] is None else str(row["column"]),
        state.row_label(int(row["position"]), unmasked=unmasked) if has_row else "",
        "" if value is None else quoted(value, Length.NAME),
    )

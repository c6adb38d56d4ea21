"""What the findings view shows: each finding with what `invalid` would do about it, and the values, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mixpanel_pandas.checking.report import make_report
from mixpanel_pandas.notebook.preview.masking import masked, masked_record
from mixpanel_pandas.text import counted, repr_of, shortened

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from mixpanel_pandas.checking.findings import Finding
    from mixpanel_pandas.notebook.preview.state import State

__all__ = ["Offence", "effect_of_invalid", "findings_of", "offences", "rows_of"]

#: What `invalid` does to the rows that a check found, in words.
REMEDIES_IN_WORDS = {
    "drop_row": "leaves out {rows}",
    "drop_value": "leaves {name} out of {rows}",
    "truncate": "cuts {name} to {limit} in {rows}",
}


@dataclass(frozen=True)
class Offence:
    """One row of the report, as text.

    Attributes
    ----------
    severity, check, column : str
        As in the report.
    row : str
        The row's label; empty for a column as a whole.
    value : str
        As it is written in Python; empty where none is at fault.
    """

    severity: str
    check: str
    column: str
    row: str
    value: str


def findings_of(state: State, severity: str | None = None, column: Hashable = None) -> list[Finding]:
    """Return the findings of a severity and a column; None: of all."""
    return [
        finding
        for finding in state.findings
        if severity in {None, finding.severity} and column in {None, finding.column}
    ]


def rows_of(finding: Finding) -> str:
    """Return in how many rows a finding is; that of a column as a whole is in all."""
    return "all" if finding.rows is None else f"{finding.count:,}"


def effect_of_invalid(finding: Finding) -> str:
    """Return what the option `invalid` would do, or does, to how many rows, in one sentence."""
    if finding.severity != "error":
        return "Sent all the same."
    rows = counted(finding.count, "row")
    does = {
        remedy: words.format(rows=rows, name=repr(finding.name), limit=finding.limit)
        for remedy, words in REMEDIES_IN_WORDS.items()
        if remedy in finding.remedies and finding.rows is not None
    }
    if not does:
        return "No choice of invalid mends this: change the frame or the call."
    said = ", ".join(f'"{remedy}" {effect}' for remedy, effect in does.items())
    rest = " and ".join(f'"{remedy}"' for remedy in REMEDIES_IN_WORDS if remedy not in does)
    now = "" if finding.stands else "Taken care of: "
    return f"{now}invalid={said}{f'; {rest} would refuse the frame' if rest else ''}."


def offences(
    state: State, findings: Sequence[Finding], start: int, stop: int, *, shown: bool = False
) -> list[Offence]:
    """Return some rows of the report on `findings`, counted through all of them; no other values are looked up.

    Parameters
    ----------
    start, stop : int
        Which rows.
    shown : bool
        Whether private values are readable.
    """
    report = make_report(state.frame, state.layout, list(_part(findings, start, stop)), first=stop - start)
    return [_offence(state, row, shown) for _number, row in report.iterrows()]


def _part(findings: Sequence[Finding], start: int, stop: int) -> Iterator[Finding]:
    """Yield the findings that have some of the rows, with these alone."""
    before = 0
    for finding in findings:
        first, last = max(start - before, 0), min(stop - before, finding.count)
        before += finding.count
        if first < last and finding.rows is not None:
            rows = np.zeros(len(finding.rows), bool)
            rows[np.flatnonzero(finding.rows)[first:last]] = True
            yield replace(finding, rows=rows)
        elif first < last:
            yield finding


def _offence(state: State, row: pd.Series[Any], shown: bool) -> Offence:
    value = row["value"]
    of_row = not pd.isna(row["position"])  # otherwise the value is a name or a dtype
    if of_row and not shown:
        private = state.is_private(row["column"], row["property"])
        value = masked(value) if private else masked_record(value)
    return Offence(
        str(row["severity"]),
        str(row["check"]),
        "" if row["column"] is None else str(row["column"]),
        state.row_label(int(row["position"]), shown=shown) if of_row else "",
        "" if value is None else shortened(repr_of(value)),
    )

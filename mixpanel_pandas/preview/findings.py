"""What the problems view shows: each problem with what `invalid` would do about it, and the values, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mixpanel_pandas.errors import in_our_words
from mixpanel_pandas.preview.masking import masked, masked_record
from mixpanel_pandas.report import make_report
from mixpanel_pandas.text import shortened
from mixpanel_pandas.wording import counted

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from mixpanel_pandas.preview.state import State
    from mixpanel_pandas.problems import Problem

__all__ = ["Offence", "effect_of_invalid", "offences", "problems_of", "rows_of"]

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


def problems_of(state: State, severity: str | None = None, column: Hashable = None) -> list[Problem]:
    """Return the problems of a severity and a column; None: of all."""
    return [
        problem
        for problem in state.problems
        if severity in {None, problem.severity} and column in {None, problem.column}
    ]


def rows_of(problem: Problem) -> str:
    """Return in how many rows a problem is; that of a column as a whole is in all."""
    return "all" if problem.rows is None else f"{problem.count:,}"


def effect_of_invalid(problem: Problem) -> str:
    """Return what the option `invalid` would do, or does, to how many rows, in one sentence."""
    if problem.severity != "error":
        return "Sent all the same."
    rows = counted(problem.count, "row")
    does = {
        remedy: words.format(rows=rows, name=repr(problem.name), limit=problem.limit)
        for remedy, words in REMEDIES_IN_WORDS.items()
        if remedy in problem.remedies and problem.rows is not None
    }
    if not does:
        return "No choice of invalid mends this: change the frame or the call."
    said = ", ".join(f'"{remedy}" {effect}' for remedy, effect in does.items())
    rest = " and ".join(f'"{remedy}"' for remedy in REMEDIES_IN_WORDS if remedy not in does)
    now = "" if problem.stands else "Taken care of: "
    return f"{now}invalid={said}{f'; {rest} would refuse the frame' if rest else ''}."


def offences(
    state: State, problems: Sequence[Problem], start: int, stop: int, *, shown: bool = False
) -> list[Offence]:
    """Return some rows of the report on `problems`, counted through all of them; no other values are looked up.

    Parameters
    ----------
    start, stop : int
        Which rows.
    shown : bool
        Whether private values are readable.
    """
    with in_our_words():
        report = make_report(state.frame, state.plan, list(_part(problems, start, stop)), first=stop - start)
    return [_offence(state, row, shown) for _number, row in report.iterrows()]


def _part(problems: Sequence[Problem], start: int, stop: int) -> Iterator[Problem]:
    """Yield the problems that have some of the rows, with these alone."""
    before = 0
    for problem in problems:
        first, last = max(start - before, 0), min(stop - before, problem.count)
        before += problem.count
        if first < last and problem.rows is not None:
            rows = np.zeros(len(problem.rows), bool)
            rows[np.flatnonzero(problem.rows)[first:last]] = True
            yield replace(problem, rows=rows)
        elif first < last:
            yield problem


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
        "" if value is None else shortened(repr(value)),
    )

"""What is wrong with a frame, as a frame to look at, and as an error that reads well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mixpanel_pandas.errors import ValidationError
from mixpanel_pandas.payloads.dtypes import as_objects
from mixpanel_pandas.payloads.plan import Plan, values_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

__all__ = ["SEVERITIES", "Problem", "make_report", "raise_errors"]

SEVERITIES = ["error", "warning", "hint"]

#: How much of a value an error message shows, in characters, and how many checks it names.
SHOWN_CHARACTERS, SHOWN_CHECKS = 60, 12

#: Column of the report -> dtype.
REPORT_COLUMNS: dict[str, Any] = {
    "severity": object,
    "check": object,
    "column": object,
    "property": object,
    "index": object,
    "position": "Int64",
    "value": object,
    "limit": object,
    "message": object,
    "count": "int64",
}


@dataclass(frozen=True)
class Problem:
    """A check that did not pass, and where.

    Attributes
    ----------
    check : str
        Name of the check; in a schema of the user's, pandera's name for it.
    severity : {"error", "warning", "hint"}
        How bad it is.
    column : hashable
        Label of the column; None for a whole row.
    name : str or None
        The property's name.
    message : str
        What is wrong, and what would be right.
    limit : str or None
        The number that decides, with its unit.
    value : object
        What is wrong, where it is not a value of the frame.
    positions : numpy.ndarray or None
        Rows that do not pass; None for a column as a whole.
    stands : bool
        An error for which there is no remedy, or none was asked for: the frame is refused.
    """

    check: str
    severity: str
    column: Hashable
    name: str | None
    message: str
    limit: str | None = None
    value: Any = None
    positions: np.ndarray | None = None
    stands: bool = False

    @property
    def count(self) -> int:
        """Number of rows; 1 for a column as a whole."""
        return 1 if self.positions is None else len(self.positions)


def make_report(
    frame: pd.DataFrame, plan: Plan, problems: Iterable[Problem], first: int | None = 100
) -> pd.DataFrame:
    """Return one row per problem and row of the frame, at most `first` of each problem.

    Parameters
    ----------
    first : int or None
        Rows per problem; None for all. ``count`` tells how many there are.
    """
    problems = list(problems)
    parts = [_report_rows(frame, plan, problem, first) for problem in problems]
    empty = {name: pd.Series(dtype=dtype) for name, dtype in REPORT_COLUMNS.items()}
    report = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(empty)
    report = report.astype({"position": "Int64", "count": "int64"})
    report["severity"] = pd.Categorical(report["severity"], SEVERITIES, ordered=True)
    counts = {name: str(sum(p.count for p in problems if p.severity == name)) for name in SEVERITIES}
    report.attrs["mixpanel"] = {"rows": str(plan.rows), "properties": str(len(plan.columns)), **counts}
    return report


def _report_rows(frame: pd.DataFrame, plan: Plan, problem: Problem, first: int | None) -> pd.DataFrame:
    positions = problem.positions
    shown = np.zeros(1, np.int64) if positions is None else positions[:first]
    length = len(shown)
    known = positions is not None

    def same(value: Any) -> np.ndarray:
        return as_objects([value] * length)

    columns = {
        "severity": same(problem.severity),
        "check": same(problem.check),
        "column": same(problem.column),
        "property": same(problem.name),
        "index": as_objects(frame.index[shown]) if known else same(None),
        "position": pd.array(shown if known else [None] * length, dtype="Int64"),
        "value": as_objects(_values_at(frame, plan, problem, shown)) if known else same(problem.value),
        "limit": same(problem.limit),
        "message": same(problem.message),
        "count": np.full(length, problem.count),
    }
    return pd.DataFrame(
        {name: pd.Series(values, dtype=REPORT_COLUMNS[name]) for name, values in columns.items()}
    )


def _values_at(frame: pd.DataFrame, plan: Plan, problem: Problem, positions: np.ndarray) -> Any:
    """Return the user's own values."""
    if problem.column is None:
        return [None] * len(positions)
    if problem.column == plan.id.label and plan.id.in_index:
        return values_of(frame, plan.id)[positions]
    if problem.column not in frame.columns:
        return [None] * len(positions)
    return frame.iloc[positions, frame.columns.get_loc(problem.column)]


def raise_errors(frame: pd.DataFrame, plan: Plan, problems: list[Problem]) -> None:
    """Raise for errors that no option takes care of.

    Raises
    ------
    ValidationError
        With a count and the first example of each check, and the report of everything.
    """
    standing = [problem for problem in problems if problem.stands]
    if standing:
        raise ValidationError(_message(frame, plan, standing), make_report(frame, plan, problems))


def _message(frame: pd.DataFrame, plan: Plan, standing: list[Problem]) -> str:
    count = sum(problem.count for problem in standing)
    lines = [f"{count:,} error{'s' * (count != 1)} in {plan.rows:,} rows: nothing was sent"]
    lines += [f"  {_line(frame, plan, problem)}" for problem in standing[:SHOWN_CHECKS]]
    if len(standing) > SHOWN_CHECKS:
        lines.append(f"  and {len(standing) - SHOWN_CHECKS:,} more checks")
    lines.append(
        "All of them are in .report of this error; invalid= can leave rows or values out, or cut strings."
    )
    return "\n".join(lines)


def _line(frame: pd.DataFrame, plan: Plan, problem: Problem) -> str:
    where = f" in {problem.column!r}" if problem.column is not None else ""
    limit = f" (limit: {problem.limit})" if problem.limit else ""
    if problem.positions is None:
        return f"{problem.check}{where}: {problem.message}{limit}"
    place = int(problem.positions[0])
    value = repr(as_objects(_values_at(frame, plan, problem, np.array([place])))[0])
    shown = value if len(value) <= SHOWN_CHARACTERS else f"{value[:SHOWN_CHARACTERS]}…"
    example = f"first at index {frame.index[place]!r}" + (f": {shown}" if problem.column is not None else "")
    rows = f"{problem.count:,} row{'s' * (problem.count != 1)}"
    return f"{problem.check}{where}: {rows}, {problem.message}{limit}; {example}"

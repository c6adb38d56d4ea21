"""What is wrong with a frame: as a frame to look at, as an error that reads well, and as one warning."""

from __future__ import annotations

import inspect
import warnings
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mixpanel_pandas.errors import ProfileWarning, ValidationError
from mixpanel_pandas.payloads.dtypes import as_objects
from mixpanel_pandas.rules.checks import SEVERITIES
from mixpanel_pandas.rules.options import taken_by
from mixpanel_pandas.text import counted, quoted, shortened

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mixpanel_pandas.checking.findings import Finding
    from mixpanel_pandas.payloads.layout import Layout

__all__ = ["make_report", "raise_errors", "report_in_words", "warn"]

#: How much of a value and of a finding's words an error message shows, in characters, and how many checks it names.
SHOWN_CHARACTERS, MESSAGE_CHARACTERS, SHOWN_CHECKS = 61, 200, 12

#: Stands for a value of which there is no text.
NOT_SHOWN = "cannot be shown"

#: Longer calls are not written out in a warning, in characters.
LONGEST_CALL = 200


def make_report(
    frame: pd.DataFrame, layout: Layout, findings: Iterable[Finding], first: int | None = 100
) -> pd.DataFrame:
    """Return one row per finding and row of the frame, at most `first` of each finding.

    Parameters
    ----------
    first : int or None
        Rows per finding; None for all. ``count`` tells how many there are.
    """
    findings = list(findings)
    places = [_places(finding, first) for finding in findings]
    lengths = [len(positions) for positions in places]
    positions = np.concatenate([np.zeros(0, np.int64), *places])
    known = np.repeat(np.array([finding.rows is not None for finding in findings], bool), lengths)

    def each(name: str) -> np.ndarray:
        return np.repeat(as_objects([getattr(finding, name) for finding in findings]), lengths)

    columns: dict[str, Any] = {
        "severity": pd.Categorical(each("severity"), SEVERITIES, ordered=True),
        "check": each("check"),
        "column": each("column"),
        "property": each("name"),
        "limit": each("limit"),
        "message": each("message"),
        "index": labels_at(frame, positions, known),
        "position": pd.arrays.IntegerArray(positions, ~known),
        "value": as_objects(
            [
                value
                for finding, at in zip(findings, places, strict=True)
                for value in values_at(frame, finding, at)
            ]
        ),
        "count": each("count").astype(np.int64),
    }
    report = pd.DataFrame(
        {
            name: pd.Series(values, dtype=object) if values.dtype == object else values
            for name, values in columns.items()
        }
    )
    counts = {name: str(sum(p.count for p in findings if p.severity == name)) for name in SEVERITIES}
    properties = len(layout.columns) + len(layout.removed)
    report.attrs["mixpanel"] = {"rows": str(layout.rows), "properties": str(properties), **counts}
    return report


def report_in_words(report: pd.DataFrame) -> str:
    """Return what a report found in one line.

    Parameters
    ----------
    report : pandas.DataFrame
        As `make_report` made it. Where it has lost its attrs, its own lines are counted.
    """
    made: dict[str, str] = report.attrs.get("mixpanel", {})
    lines = report["severity"].astype(str).value_counts()
    counts = [counted(int(made.get(name, lines.get(name, 0))), name) for name in SEVERITIES]
    sizes = {"row": int(made.get("rows", -1)), "property": int(made.get("properties", 0)) or -1}
    of = " x ".join(counted(size, noun) for noun, size in sizes.items() if size >= 0)
    return ", ".join(counts) + (f" in {of}" if of else "")


def _places(finding: Finding, first: int | None) -> np.ndarray:
    """Return the positions that are shown; a column as a whole has one row, without a position."""
    return np.zeros(1, np.int64) if finding.rows is None else np.flatnonzero(finding.rows)[:first]


def labels_at(frame: pd.DataFrame, positions: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return the index labels of those positions that are known."""
    labels = np.full(len(positions), None, dtype=object)
    labels[known] = as_objects([_showable(label) for label in frame.index[positions[known]]])
    return labels


def _showable(value: Any) -> Any:
    """Return `value`, unless it cannot show itself: a time zone's dates beyond Python's years cannot, for one."""
    try:
        repr(value)
    except Exception:  # noqa: BLE001  # whatever it is, the report is shown
        return NOT_SHOWN
    return value


def values_at(frame: pd.DataFrame, finding: Finding, positions: np.ndarray) -> list[Any]:
    """Return the user's own values; for a column as a whole what is wrong with it."""
    label: Any = finding.column
    if finding.rows is None:
        return [finding.value]
    try:
        if label is not None and label in frame.columns:
            return [_showable(value) for value in frame[label].iloc[positions]]
        if label is not None and label in frame.index.names:
            return [_showable(value) for value in frame.index.get_level_values(label)[positions]]
    except Exception:  # noqa: BLE001 (text that is no UTF-8 and the like: the finding is told without its values)
        return [NOT_SHOWN] * len(positions)
    return [None] * len(positions)


def raise_errors(frame: pd.DataFrame, layout: Layout, findings: list[Finding]) -> None:
    """Raise for errors that no option takes care of.

    Raises
    ------
    ValidationError
        With a count and the first example of each check, and the report of everything.
    """
    standing = [finding for finding in findings if finding.stands]
    if standing:
        raise ValidationError(_message(frame, layout, standing), make_report(frame, layout, findings))


def _message(frame: pd.DataFrame, layout: Layout, standing: list[Finding]) -> str:
    count = sum(finding.count for finding in standing)
    lines = [f"{counted(count, 'error')} in {counted(layout.rows, 'row')}: nothing was sent"]
    lines += [f"  {_line(frame, finding)}" for finding in standing[:SHOWN_CHECKS]]
    if len(standing) > SHOWN_CHECKS:
        lines.append(f"  and {len(standing) - SHOWN_CHECKS:,} more checks")
    if any(finding.remedies for finding in standing):
        lines.append("The option invalid can leave such rows or values out, or cut strings.")
    return "\n".join(lines)


def _line(frame: pd.DataFrame, finding: Finding) -> str:
    where = f" in {quoted(finding.column, SHOWN_CHARACTERS)}" if finding.column is not None else ""
    limit = f" (limit: {finding.limit})" if finding.limit else ""
    message = shortened(finding.message, MESSAGE_CHARACTERS)
    if finding.rows is None:
        return f"{finding.check}{where}: {message}{limit}"
    place = np.flatnonzero(finding.rows)[:1]
    label = _showable(next(iter(frame.index[place])))
    value = (
        f": {quoted(values_at(frame, finding, place)[0], SHOWN_CHARACTERS)}"
        if finding.column is not None
        else ""
    )
    rows = counted(finding.count, "row")
    return f"{finding.check}{where}: {rows}, {message}{limit}; first at index {quoted(label, SHOWN_CHARACTERS)}{value}"


def warn(layout: Layout, findings: list[Finding]) -> None:
    """Issue one warning with the counts of warnings and hints, at the line of the user's that called a verb."""
    counts = Counter[str]()
    for finding in findings:
        counts[finding.severity] += finding.count
    parts = [
        f"{counts[name]:,} {name}{'s' * (counts[name] != 1)}" for name in ("warning", "hint") if counts[name]
    ]
    if parts:
        checks = dict.fromkeys(finding.check for finding in findings if finding.severity != "error")
        call = f"df.mixpanel{_group_call(layout)}.validate({_arguments(layout)})"
        named = [shortened(name, SHOWN_CHARACTERS) for name in checks][:SHOWN_CHECKS]
        rest = [f"{len(checks) - SHOWN_CHECKS:,} more checks"] if len(checks) > SHOWN_CHECKS else []
        found = f"{' and '.join(parts)} ({', '.join([*named, *rest])})"
        warnings.warn(ProfileWarning(found, call), stacklevel=_frames_of_ours())


def _frames_of_ours() -> int:
    """Return how far up the caller of this package stands, as ``stacklevel`` of a warning."""
    folder, level, frame = str(Path(__file__).parent.parent), 0, inspect.currentframe()
    while frame is not None and frame.f_code.co_filename.startswith(folder):
        level, frame = level + 1, frame.f_back
    return level


def _arguments(layout: Layout) -> str:
    """Return the arguments of the call as they are written, or the first of them where they are long."""
    operation = layout.operation
    properties = operation.verbs or (list(operation.properties) if operation.properties is not None else None)
    rows = [option.name for option in taken_by(operation.verb, sending=False)]
    given = [repr(operation.verb), repr(layout.id.label)]
    given += [repr(properties)] if properties is not None else []
    given += [f"{name}={value!r}" for name, value in operation.named.items() if name in rows]
    text = ", ".join(given)
    first = ", ".join(given[:2])
    return text if len(text) <= LONGEST_CALL else f"{first}, ..." if len(first) <= LONGEST_CALL else "..."


def _group_call(layout: Layout) -> str:
    return f".group({quoted(layout.operation.group)})" if layout.operation.group else ""

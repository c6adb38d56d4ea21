"""What is wrong with a frame: as a frame to look at, as an error that reads well, in pandera's form, and as one warning."""

from __future__ import annotations

import inspect
import warnings
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mixpanel_pandas.checking.remedies import remedy_for
from mixpanel_pandas.errors import OperationError, ProfileWarning, ValidationError, reading_column
from mixpanel_pandas.payloads.arrays import as_objects
from mixpanel_pandas.payloads.sources import values_at
from mixpanel_pandas.rules.checks import CHECKS, SEVERITIES
from mixpanel_pandas.rules.code import validation_of
from mixpanel_pandas.text import NOT_SHOWN, Length, counted, has_repr, joined, quoted, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator

    from mixpanel_pandas.checking.decisions import Decisions
    from mixpanel_pandas.checking.findings import Finding
    from mixpanel_pandas.payloads.layout import Layout
    from mixpanel_pandas.payloads.row_set import RowSet

__all__ = [
    "FAILURE_COLUMNS",
    "failure_cases",
    "make_report",
    "raise_errors",
    "report_in_words",
    "shown_values",
    "warn",
]

#: Columns of pandera's `SchemaErrors.failure_cases`.
FAILURE_COLUMNS = ["schema_context", "column", "check", "check_number", "failure_case", "index"]

#: How many checks an error message names.
SHOWN_CHECKS = 12

#: What the option `invalid` may be -> what it does with the rows of a finding that has it as a remedy.
WAYS_OUT = {
    "drop_row": "leaves these rows out",
    "drop_value": "leaves these values out",
    "truncate": "cuts these texts",
}

#: Arguments of a call that a warning writes out, in characters.
LONGEST_CALL = 200


# -- frames ---------------------------------------------------------------------------------------------------------


def make_report(
    frame: pd.DataFrame, layout: Layout, findings: Iterable[Finding], first: int | None = 100
) -> pd.DataFrame:
    """Return one row per finding and row of the frame, at most `first` of each finding.

    Parameters
    ----------
    first : int or None
        Rows per finding; None for all. ``count`` is the number of all.
    """
    findings = list(findings)
    lines = _Lines(frame, findings, first)
    columns: dict[str, Any] = {
        "severity": pd.Categorical(lines.of_each("severity"), SEVERITIES, ordered=True),
        "check": lines.of_each("check"),
        "column": lines.of_each("column"),
        "property": lines.of_each("name"),
        "limit": lines.of_each("limit"),
        "message": lines.of_each("message"),
        "index": lines.labels(),
        "position": pd.arrays.IntegerArray(lines.positions, ~lines.has_row),
        "value": lines.values(),
        "count": lines.of_each("count").astype(np.int64),
    }
    report = pd.DataFrame(
        {
            name: pd.Series(values, dtype=object) if values.dtype == object else values
            for name, values in columns.items()
        }
    )
    counts = {
        name: str(sum(finding.count for finding in findings if finding.severity == name))
        for name in SEVERITIES
    }
    properties = len(layout.columns) + len(layout.removed)
    report.attrs["mixpanel"] = {"rows": str(layout.rows), "properties": str(properties), **counts}
    if creates := new_properties_in_words(findings, layout.operation.options.invalid):
        report.attrs["mixpanel"]["creates"] = creates
    return report


def report_in_words(report: pd.DataFrame) -> str:
    """Return the counts of a report in one line.

    Parameters
    ----------
    report : pandas.DataFrame
        From `make_report`. If it has lost its attrs, its own lines are counted.
    """
    totals: dict[str, str] = report.attrs.get("mixpanel", {})
    lines = report["severity"].astype(str).value_counts()
    words = ", ".join(counted(int(totals.get(name, lines.get(name, 0))), name) for name in SEVERITIES)
    if "rows" in totals:
        words += f" in {counted(int(totals['rows']), 'row')}"
    if totals.get("properties", "0") != "0":
        words += f" x {counted(int(totals['properties']), 'property')}"
    return joined(words, totals.get("creates"))


def new_properties_in_words(findings: Iterable[Finding], invalid: Any) -> str:
    """Return the properties that are created in one line, such as "creates 2 properties: plna (like plan), is_vip", if there are any.

    Parameters
    ----------
    invalid : str or mapping
        The option, which may leave such properties out.
    """
    new = [
        shortened(finding.name) + (f" (like {shortened(finding.like)})" if finding.like is not None else "")
        for finding in findings
        if finding.check == "new_property"
        and remedy_for(finding, of_property=True, invalid=invalid) != "drop_value"
    ]
    shown = new[:SHOWN_CHECKS] + ([f"{len(new) - SHOWN_CHECKS:,} more"] if len(new) > SHOWN_CHECKS else [])
    return f"creates {counted(len(new), 'property')}: {', '.join(shown)}" if new else ""


def failure_cases(frame: pd.DataFrame, findings: Iterable[Finding], first: int | None = None) -> pd.DataFrame:
    """Return one row per finding and row of the frame, in the form of pandera's `SchemaErrors.failure_cases`.

    Parameters
    ----------
    first : int or None
        Rows per finding; None for all.

    Returns
    -------
    pandas.DataFrame
        ``schema_context`` ("Column", or "DataFrameSchema" for whole rows and index levels), ``column``, ``check`` (its name),
        ``check_number`` (of the finding, among those of its column), ``failure_case`` (the value) and ``index`` (the label of the
        row, as text in a MultiIndex; None for a column as a whole).
    """
    findings = list(findings)
    lines = _Lines(frame, findings, first)
    labels = lines.labels()
    if frame.index.nlevels > 1:
        labels[lines.has_row] = [str(label) for label in labels[lines.has_row]]
    numbers = Counter[Any]()
    check_numbers = []
    for finding in findings:
        check_numbers.append(numbers[finding.column])
        numbers[finding.column] += 1
    contexts = ["Column" if _is_column(frame, finding) else "DataFrameSchema" for finding in findings]
    columns = {
        "schema_context": lines.repeated(as_objects(contexts)),
        "column": lines.of_each("column"),
        "check": lines.of_each("check"),
        "check_number": lines.repeated(np.array(check_numbers, np.int64)),
        "failure_case": lines.values(),
        "index": labels,
    }
    return pd.DataFrame({name: pd.Series(column, dtype=column.dtype) for name, column in columns.items()})


def _is_column(frame: pd.DataFrame, finding: Finding) -> bool:
    return finding.column is not None and finding.column in frame.columns


class _Lines:
    """The lines of a table of findings: one for each row that does not pass, and one for a column as a whole.

    Parameters
    ----------
    frame : pandas.DataFrame
        The frame that was checked.
    findings : list of Finding
        In the order of the lines.
    first : int or None
        Rows per finding; None for all.

    Attributes
    ----------
    positions : numpy.ndarray
        The position of the row of each line; of a column as a whole it means nothing.
    has_row : numpy.ndarray
        Mask of the lines that are about a row.
    """

    def __init__(self, frame: pd.DataFrame, findings: list[Finding], first: int | None) -> None:
        self._frame, self._findings = frame, findings
        self._positions_of = [_positions(finding.rows, first) for finding in findings]
        self._lengths = [len(positions) for positions in self._positions_of]
        self.positions = np.concatenate([np.zeros(0, np.int64), *self._positions_of])
        self.has_row = self.repeated(np.array([finding.rows is not None for finding in findings], bool))

    def repeated(self, of_findings: np.ndarray) -> np.ndarray:
        """Return the texts about each finding, once for each of its lines."""
        return np.repeat(of_findings, self._lengths)

    def of_each(self, attribute: str) -> np.ndarray:
        """Return an attribute of the findings, once for each of their lines."""
        return self.repeated(as_objects([getattr(finding, attribute) for finding in self._findings]))

    def labels(self) -> np.ndarray:
        """Return the index label of the row of each line; None for a column as a whole."""
        return _labels_at(self._frame, self.positions, self.has_row)

    def values(self) -> np.ndarray:
        """Return the value of each line."""
        pairs = zip(self._findings, self._positions_of, strict=True)
        return as_objects(
            [value for finding, rows in pairs for value in _values_at(self._frame, finding, rows)]
        )


def _positions(rows: RowSet | None, first: int | None) -> np.ndarray:
    """Return the positions of the rows that are shown; a column as a whole has one line, without a position."""
    if rows is None:
        return np.zeros(1, np.int64)
    return np.asarray(rows) if first is None else rows.head(first)


def _labels_at(frame: pd.DataFrame, positions: np.ndarray, has_row: np.ndarray) -> np.ndarray:
    """Return the index labels of the positions that are rows."""
    labels = np.full(len(positions), None, dtype=object)
    rows = positions[has_row]
    labels[has_row] = as_objects(shown_values("index", lambda: frame.index[rows], len(rows)))
    return labels


def _values_at(frame: pd.DataFrame, finding: Finding, positions: np.ndarray) -> list[Any]:
    """Return the user's own values; for a column as a whole what is wrong with it, for a whole row None."""
    label: Any = finding.column
    if finding.rows is None:
        return [finding.value]
    if _is_column(frame, finding):
        return shown_values(label, lambda: _rows_of(frame[label], positions), len(positions))
    if label is not None and label in frame.index.names:
        return shown_values(label, lambda: frame.index.get_level_values(label)[positions], len(positions))
    return [None] * len(positions)


def _rows_of(column: pd.Series[Any], positions: np.ndarray) -> pd.Series[Any]:
    return pd.Series(values_at(column.array, positions), dtype=column.dtype)


def shown_values(label: Hashable, read: Callable[[], Iterable[Any]], length: int) -> list[Any]:
    """Return values that a frame can show. A finding is reported also where its values cannot be read, or have no `repr`."""
    try:
        with reading_column(label):
            return [value if has_repr(value) else NOT_SHOWN for value in read()]
    except OperationError:
        return [NOT_SHOWN] * length


# -- messages -------------------------------------------------------------------------------------------------------


def raise_errors(decisions: Decisions) -> None:
    """Raise for findings that refuse the frame.

    Raises
    ------
    ValidationError
        With a count and the first example of each check, and the report of everything.
    """
    standing = [finding for finding in decisions.findings if finding.stands]
    if standing:
        frame, layout = decisions.frame, decisions.layout
        report = make_report(frame, layout, decisions.findings)
        error = ValidationError(
            _message(frame, layout, standing), report, lambda: failure_cases(frame, standing)
        )
        if of_ours := [finding.check for finding in standing if finding.check in CHECKS]:
            error.add_note(f"mpd.explain({of_ours[0]!r}) explains a check.")
        raise error


def _message(frame: pd.DataFrame, layout: Layout, standing: list[Finding]) -> str:
    count = sum(finding.count for finding in standing)
    lines = [f"{counted(count, 'error')} in {counted(layout.rows, 'row')}: nothing was sent"]
    lines += [f"  {_line(frame, finding)}" for finding in standing[:SHOWN_CHECKS]]
    if len(standing) > SHOWN_CHECKS:
        lines.append(f"  and {len(standing) - SHOWN_CHECKS:,} more checks")
    if any(finding.remedies for finding in standing):
        lines += _ways_out(standing, layout.operation.options.invalid)
    return "\n".join(lines)


def _ways_out(standing: list[Finding], invalid: Any) -> Iterator[str]:
    """Yield what the option `invalid` can do with the findings; where it is given, only for those that it cannot mend."""
    if not isinstance(invalid, str) or invalid == "raise":
        remedies_of_all = {remedy for finding in standing for remedy in finding.remedies}
        yield ", ".join(
            f"invalid={remedy!r} {does}" for remedy, does in WAYS_OUT.items() if remedy in remedies_of_all
        )
        return
    checks_of: dict[tuple[str, ...], list[str]] = {}
    for finding in standing:
        others = tuple(remedy for remedy in finding.remedies if remedy != invalid)
        checks_of.setdefault(others, []).append(finding.check)
    for remedies, checks in checks_of.items():
        if remedies:
            names = ", ".join(dict.fromkeys(checks))
            yield f"invalid={invalid!r} does not apply to {names}: use {' or '.join(map(repr, remedies))}."


def _line(frame: pd.DataFrame, finding: Finding) -> str:
    where = f" in {quoted(finding.column, Length.NAME)}" if finding.column is not None else ""
    if isinstance(finding.column, str) and finding.name not in {None, finding.column}:
        where += f" (property {quoted(finding.name, Length.NAME)})"
    limit = f" (limit: {finding.limit})" if finding.limit else ""
    message = shortened(finding.message, Length.SENTENCE)
    if finding.rows is None:
        return f"{finding.check}{where}: {message}{limit}"
    first = finding.rows.head(1)
    label = quoted(_labels_at(frame, first, np.ones(1, bool))[0], Length.NAME)
    value = (
        f": {quoted(_values_at(frame, finding, first)[0], Length.NAME)}" if finding.column is not None else ""
    )
    rows = counted(finding.count, "row")
    return f"{finding.check}{where}: {rows}, {message}{limit}; first at index {label}{value}"


def warn(decisions: Decisions, frame: str = "df") -> None:
    """Issue one warning with the counts of warnings and hints, at the line of the user's code that called a verb.

    Parameters
    ----------
    frame : str
        Code of the frame that was checked.
    """
    findings = decisions.findings
    counts = Counter[str]()
    for finding in findings:
        counts[finding.severity] += finding.count
    parts = [counted(counts[name], name) for name in ("warning", "hint") if counts[name]]
    if parts:
        layout = decisions.layout
        checks = list(dict.fromkeys(finding.check for finding in findings if finding.severity != "error"))
        names = [shortened(name) for name in checks[:SHOWN_CHECKS]]
        if len(checks) > SHOWN_CHECKS:
            names.append(f"{len(checks) - SHOWN_CHECKS:,} more checks")
        call = validation_of(layout.operation, layout.id.label, LONGEST_CALL, frame)
        creates = new_properties_in_words(findings, layout.operation.options.invalid)
        words = joined(f"{' and '.join(parts)} ({', '.join(names)})", creates)
        message = ProfileWarning(words, call)
        warnings.warn(message, stacklevel=_frames_of_ours())


def _frames_of_ours() -> int:
    """Return the ``stacklevel`` of a warning that names the caller of this package."""
    folder, level, frame = str(Path(__file__).parent.parent), 0, inspect.currentframe()
    while frame is not None and frame.f_code.co_filename.startswith(folder):
        level, frame = level + 1, frame.f_back
    return level

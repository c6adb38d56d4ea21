"""The checks as a pandera schema, and what it finds as findings.

The schema is called once over the user's own frame. In the check pass its checks return the masks that `decisions`
made of the normalised columns; a schema to take away makes them itself, of any frame.
"""

from __future__ import annotations

import weakref
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mixpanel_pandas.checking.decisions import Decisions, decide
from mixpanel_pandas.checking.findings import Finding, finding_of, finding_of_note
from mixpanel_pandas.checking.scan import property_checks, value_findings
from mixpanel_pandas.checking.user_schema import (
    failures,
    labels_apart,
    refuse_unknown_checks,
    rows_of,
    usable_schema,
    users_findings,
)
from mixpanel_pandas.errors import in_our_words
from mixpanel_pandas.payloads.dtypes import rule_for, rule_for_objects
from mixpanel_pandas.payloads.layout import Layout, PropertyColumn, make_layout, values_of_key
from mixpanel_pandas.rules.checks import CHECKS, SEVERITIES

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator

    import pandera.pandas as pandera

    from mixpanel_pandas.rules.operation import Operation

__all__ = ["check_frame", "checked", "make_schema"]

#: What does not pass: the mask of the rows, True for the column as a whole, or None.
Failing = np.ndarray | bool | None
Failings = dict[Any, Failing]

#: A check as pandera gets it: label of the column that it looks at, or None for the frame; the finding that it reports;
#: what finds it.
Applied = tuple[Any, Finding, Callable[[Any], Failing]]


def checked(frame: pd.DataFrame, operation: Operation) -> tuple[Decisions, list[Finding]]:
    """Plan and check, on a frame of its own: columns that are set, moved or dropped meanwhile do not matter."""
    with in_our_words():
        frame = frame.copy(deep=False)
        return check_frame(frame, make_layout(frame, operation))


def check_frame(frame: pd.DataFrame, layout: Layout) -> tuple[Decisions, list[Finding]]:
    """Return what becomes of each row, and all that is wrong, worst first.

    Raises
    ------
    OperationError
        If the user's own schema is none, would change the frame or cannot be run, or if `invalid` names no check.
    """
    schema = usable_schema(layout.operation.options.schema)
    refuse_unknown_checks(layout.operation.options.invalid, schema)
    decisions = decide(frame, layout, users_findings(schema, frame) if schema is not None else ())
    findings = _confirmed(decisions)
    return decisions, sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


def _confirmed(decisions: Decisions) -> list[Finding]:
    """Return the findings of an inspection as pandera reports them: a check that found nothing has nothing to return."""
    if not decisions.findings:
        return []
    frame = decisions.frame.copy(deep=False)
    frame.index = pd.RangeIndex(len(frame))
    applied: list[Applied] = [
        (finding.column if _addressable(finding.column, frame) else None, finding, _returning(finding.rows))
        for finding in decisions.findings
    ]
    schema = _schema(decisions.layout, applied, labels_apart, warn=False)
    failed = {error.check.number: error for error in failures(schema, frame)}
    return [
        replace(finding, rows=rows_of(failed[number])) if finding.rows is not None else finding
        for number, finding in enumerate(decisions.findings)
    ]


def _returning(rows: np.ndarray | None) -> Callable[[Any], Failing]:
    return lambda _checked: True if rows is None else rows


def _addressable(label: Any, frame: pd.DataFrame) -> bool:
    """Return whether pandera can look at a column of that name: no missing value, and no text with a lone surrogate."""
    if callable(label) or label not in frame.columns or (pd.api.types.is_scalar(label) and pd.isna(label)):
        return False
    return not isinstance(label, str) or label.isascii() or label.encode(errors="ignore").decode() == label


def make_schema(layout: Layout) -> pandera.DataFrameSchema:
    """Return a schema for frames like the one that the layout was made for.

    Its checks look at whatever frame they are given; warnings and hints are warnings of pandera's.
    """
    layout = layout.without_values()
    labels = tuple(dict.fromkeys(column.label for column in layout.columns))
    named = {**layout.operation.named, "invalid": "raise"}
    operation = replace(
        layout.operation, named=named, properties=layout.operation.properties or labels or None
    )

    def of_frame(frame: pd.DataFrame) -> Failings:
        findings = decide(frame, make_layout(frame, operation)).findings
        return {_key(finding): True if finding.rows is None else finding.rows for finding in findings}

    def of_column(column: PropertyColumn) -> Callable[[Any, Hashable], Failing]:
        return lambda series, name: _of_column(series, layout, column).get(name)

    found = _remembering(of_frame)
    whole = [
        *(finding_of(check, layout) for check in CHECKS.values() if check.of in OF_FRAMES),
        *map(finding_of_note, layout.notes),
    ]
    applied: list[Applied] = [(None, finding, _looking_up(found, _key(finding))) for finding in whole]
    applied += [
        (column.label, finding_of(CHECKS[name], layout, number), _looking_up(of_column(column), name))
        for number, column in enumerate(layout.columns)
        for name in _checks_of(column)
    ]
    return _schema(layout, applied, lambda checked: checked.index, warn=True)


#: What checks look at that need the whole frame to do so.
OF_FRAMES = {"id", "frame", "row", "record"}


def _key(finding: Finding) -> Hashable:
    """Return what tells a finding of a whole frame from the others."""
    return (
        finding.check
        if CHECKS[finding.check].of in OF_FRAMES
        else (finding.check, finding.column, finding.name)
    )


def _looking_up(found: Callable[[Any, Hashable], Failing], key: Hashable) -> Callable[[Any], Failing]:
    return lambda checked: found(checked, key)


def _checks_of(column: PropertyColumn) -> Iterator[str]:
    """Yield the checks that the values of a column may fail; one without any values may come to hold all kinds."""
    kind = "mixed" if column.kind == "missing" else column.kind
    yield from ("wrong_type", "unsupported_dtype")
    for check in CHECKS.values():
        if kind in check.kinds and check.name != "wrong_type":
            yield check.name
    yield from (check.name for check in property_checks(column))


def _of_column(series: pd.Series[Any], layout: Layout, column: PropertyColumn) -> Failings:
    """Return what is wrong with a column of another frame, which may hold other types."""
    now = _reread(column, series)
    failing: Failings = {**value_findings(series, layout, now)}
    if now.rule.refusal:
        failing["unsupported_dtype"] = True
    if now.rule.note and now.rule.note != column.rule.note:
        failing[now.rule.note] = True
    if column.kind not in {now.kind, "mixed", "missing"} and now.kind != "missing":
        failing["wrong_type"] = True
    return failing


def _reread(column: PropertyColumn, series: pd.Series[Any]) -> PropertyColumn:
    """Return the column with the rule for the values that it holds now."""
    rule = rule_for(series)
    source = replace(column.source, rule=rule)
    if column.key is not None:
        rule = rule_for_objects(values_of_key(rule.read(series.array), column.key))
    return replace(column, source=source, rule=rule)


def _remembering(function: Callable[[Any], Failings]) -> Callable[[Any, Hashable], Failing]:
    """Return what looks up `function` of a frame by key, called once a run: pandera asks once for each check."""
    frame_of: Callable[[], Any] = lambda: None
    failings: Failings = {}
    told: set[Hashable] = set()

    def remembered(frame: Any, key: Hashable) -> Failing:
        nonlocal frame_of, failings, told
        if frame_of() is not frame or key in told:  # a check that asks again belongs to another run
            frame_of, failings, told = weakref.ref(frame), function(frame), set()
        told.add(key)
        return failings.get(key)

    return remembered


def _schema(
    layout: Layout, applied: Iterable[Applied], labels_of: Callable[[Any], pd.Index[Any]], *, warn: bool
) -> pandera.DataFrameSchema:
    """Return a schema of checks, which are numbered.

    Parameters
    ----------
    labels_of : callable
        What is checked -> the index of what a check returns.
    warn : bool
        Whether warnings and hints are warnings of pandera's; otherwise they are failures like errors.
    """
    import pandera.pandas as pandera

    checks: dict[Any, list[Any]] = defaultdict(list)
    for number, (place, finding, finds) in enumerate(applied):
        check = pandera.Check(
            _passes(finds, labels_of),
            name=finding.check if finding.check in CHECKS else None,  # pandera looks names of its own up
            error=finding.message,
            ignore_na=False,
            n_failure_cases=1,
            raise_warning=warn and finding.severity != "error",
        )
        check.number = number  # type: ignore[attr-defined]  # pandera's copies of the check keep it
        checks[place].append(check)
    whole = checks.pop(None, [])
    columns = {label: pandera.Column(checks=of_column, nullable=True) for label, of_column in checks.items()}
    return pandera.DataFrameSchema(columns, checks=whole, name=layout.operation.verb)


def _passes(
    finds: Callable[[Any], Failing], labels_of: Callable[[Any], pd.Index[Any]]
) -> Callable[[Any], Any]:
    """Return what pandera calls: the column or frame -> whether each row passes, or all of it."""

    def passes(checked: Any) -> Any:
        failing = finds(checked)
        if not isinstance(failing, np.ndarray) or not failing.any():
            return failing is not True
        labels = labels_of(checked)
        return pd.Series(~failing, index=labels) if labels.is_unique else False

    return passes

"""The checks as a pandera schema, and what it finds as a report frame.

The schema is called once over the user's own frame. Its checks return the masks that the check pass made of the
normalised columns; the user's own schema goes the same way, and every problem becomes rows of one report.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mixpanel_pandas.errors import OperationError, choices
from mixpanel_pandas.inspection import (
    Inspection,
    inspect,
    property_checks,
    severity_of,
    value_masks,
)
from mixpanel_pandas.payloads.plan import Plan, PropertyColumn, make_plan
from mixpanel_pandas.report import SEVERITIES, Problem
from mixpanel_pandas.rules.checks import CHECKS, Check
from mixpanel_pandas.rules.limits import LIMITS

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator

    import pandera.pandas as pandera

__all__ = ["check_frame", "make_schema"]

Masks = Mapping[str, np.ndarray]


def problem_of(check: Check, plan: Plan, column: PropertyColumn | None) -> Problem:
    """Return the problem that a check reports, without its rows."""
    label = column.label if column else plan.id.label if check.of in {"id", "frame"} else None
    limit = str(LIMITS[check.limit]) if check.limit else None
    return Problem(
        check.name, severity_of(check, plan), label, column.name if column else None, check.says, limit
    )


class Schema:
    """A pandera schema, and for each of its checks the problem that it reports.

    Parameters
    ----------
    plan : Plan
        What is checked.
    warn : bool
        Whether warnings and hints are warnings of pandera's; otherwise they are failures like errors.
    """

    def __init__(self, plan: Plan, *, warn: bool) -> None:
        self.plan, self.warn = plan, warn
        self.problems: dict[int, Problem] = {}
        self.columns: dict[Hashable, list[pandera.Check]] = {}
        self.frame: list[pandera.Check] = []

    def add(
        self, problem: Problem, finds: Callable[[Any], np.ndarray | bool | None], *, whole: bool = False
    ) -> None:
        """Add a check: `finds` takes a column (or the frame) and returns the mask of what does not pass, or None."""
        import pandera.pandas as pandera

        def passes(checked: Any) -> Any:
            mask = finds(checked)
            if mask is None or mask is False or (isinstance(mask, np.ndarray) and not mask.any()):
                return True
            return False if mask is True else pd.Series(~mask, index=checked.index)

        check = pandera.Check(
            passes,
            name=problem.check,
            error=problem.message,
            ignore_na=False,
            n_failure_cases=1,
            raise_warning=self.warn and problem.severity != "error",
        )
        self.problems[id(check)] = problem
        (self.frame if whole else self.columns.setdefault(problem.column, [])).append(check)

    def build(self) -> pandera.DataFrameSchema:
        """Return the schema."""
        import pandera.pandas as pandera

        columns = {
            label: pandera.Column(checks=checks, nullable=True) for label, checks in self.columns.items()
        }
        return pandera.DataFrameSchema(columns, checks=self.frame, name=self.plan.operation.verb)


def _schema(
    plan: Plan,
    of_column: Callable[[PropertyColumn, pd.Series[Any]], Masks],
    of_frame: Callable[[pd.DataFrame], Masks],
    *,
    warn: bool,
    found: Iterable[tuple[str, PropertyColumn | None]] = (),
) -> Schema:
    """Return the schema of a plan, given what says which rows fail.

    Parameters
    ----------
    of_column, of_frame : callable
        A column, or the frame -> name of a check -> mask.
    found : iterable
        Checks that are known to fail, beside those that the kind of a column is known for.
    """
    schema = Schema(plan, warn=warn)
    names = {name: None for name, check in CHECKS.items() if check.of in {"id", "frame", "row", "record"}}
    for name in names:
        schema.add(
            problem_of(CHECKS[name], plan, None),
            lambda frame, name=name: of_frame(frame).get(name),
            whole=True,
        )
    for column in plan.columns:
        applicable = dict.fromkeys(_checks_of(column)) | dict.fromkeys(
            name for name, of in found if of is column
        )
        for name in applicable:
            schema.add(
                problem_of(CHECKS[name], plan, column),
                lambda series, name=name, column=column: of_column(column, series).get(name),
            )
    for note in plan.notes:
        check = CHECKS[note.check]
        message = note.advice or check.says
        limit = str(LIMITS[check.limit]) if check.limit else None
        stands = check.severity == "error"
        problem = Problem(
            check.name, check.severity, note.column, note.name, message, limit, note.value, stands=stands
        )
        schema.add(problem, lambda frame: True, whole=True)
    return schema


def _checks_of(column: PropertyColumn) -> Iterator[str]:
    for check in CHECKS.values():
        if column.kind in check.kinds and (check.name != "union_items" or column.operator.takes == "list"):
            yield check.name
    if column.kind in {"string", "mixed"}:
        yield from (check.name for check in property_checks(column))


def make_schema(plan: Plan) -> pandera.DataFrameSchema:
    """Return a schema for frames like the one that the plan was made for.

    Its checks look at whatever frame they are given; warnings and hints are warnings of pandera's.
    """

    def of_frame(frame: pd.DataFrame) -> Masks:
        inspection = inspect(frame, make_plan(frame, plan.operation))
        return {finding.check.name: finding.rows for finding in inspection.findings if finding.column is None}

    def of_column(column: PropertyColumn, series: pd.Series[Any]) -> Masks:
        return value_masks(series, plan, column)

    return _schema(plan, of_column, _remembering(of_frame), warn=True).build()


def _remembering(function: Callable[[Any], Masks]) -> Callable[[Any], Masks]:
    """Return `function` with a memory of its last answer: pandera asks once for each check."""
    last: list[Any] = [None, {}]

    def remembered(frame: Any) -> Masks:
        if last[0] is not frame:
            last[:] = [frame, function(frame)]
        masks: Masks = last[1]
        return masks

    return remembered


def check_frame(frame: pd.DataFrame, plan: Plan) -> tuple[Inspection, list[Problem]]:
    """Return what becomes of each row, and all that is wrong, worst first."""
    inspection = inspect(frame, plan)
    of_column: dict[int, dict[str, np.ndarray]] = {}
    of_frame: dict[str, np.ndarray] = {}
    for finding in inspection.findings:
        masks = of_frame if finding.column is None else of_column.setdefault(id(finding.column), {})
        masks[finding.check.name] = finding.rows
    schema = _schema(
        plan,
        lambda column, _series: of_column.get(id(column), {}),
        lambda _frame: of_frame,
        warn=False,
        found=[(finding.check.name, finding.column) for finding in inspection.findings],
    )
    problems = [*_run(schema.build(), frame, schema.problems)]
    problems += _users_problems(inspection)
    return inspection, sorted(problems, key=lambda problem: SEVERITIES.index(problem.severity))


def _run(
    schema: pandera.DataFrameSchema, frame: pd.DataFrame, known: Mapping[int, Problem]
) -> Iterator[Problem]:
    """Validate `frame`, and yield what failed. Pandera's own error stays here: its text holds values."""
    import pandera.pandas as pandera
    from pandera.config import ValidationDepth, config_context

    try:
        # whatever the environment says about pandera: a check that is switched off would let rows through
        with config_context(validation_enabled=True, validation_depth=ValidationDepth.SCHEMA_AND_DATA):
            schema.validate(frame.copy(deep=False), lazy=True, inplace=True)
    except pandera.errors.SchemaErrors as failed:
        errors = failed.schema_errors
    else:
        return
    for error in errors:
        problem = known.get(id(error.check)) or _users_problem(error)
        output = error.check_output
        if isinstance(output, pd.Series) and len(output) == len(frame):
            problem = replace(problem, positions=np.flatnonzero(~output.to_numpy(dtype=bool)))
        yield problem


def _users_problems(inspection: Inspection) -> list[Problem]:
    """Run the user's own schema, and do with its rows what `invalid` asks for."""
    schema = inspection.plan.operation.option("schema")
    if schema is None:
        return []
    if hasattr(schema, "to_schema"):
        schema = schema.to_schema()
    refuse_changes(schema)
    return [_mended(inspection, problem) for problem in _run(schema, inspection.frame, {})]


def _mended(inspection: Inspection, problem: Problem) -> Problem:
    """Do what was asked for rows with an error, as far as it can be done."""
    plan = inspection.plan
    asked = plan.operation.option("invalid")
    remedy = asked.get(problem.check, "raise") if isinstance(asked, Mapping) else asked
    column = next((column for column in plan.columns if column.label == problem.column), None)
    if (
        problem.positions is None
        or remedy not in {"drop_row", "drop_value"}
        or (remedy == "drop_value" and not column)
    ):
        return problem
    rows = np.zeros(plan.rows, bool)
    rows[problem.positions] = True
    inspection.mend(remedy, rows, column, problem.check.replace("_", " "), problem.message)
    return replace(problem, stands=False)


def _users_problem(error: Any) -> Problem:
    name = str(getattr(error.check, "name", None) or getattr(error.reason_code, "name", "schema")).lower()
    column = (
        getattr(error.schema, "name", None) if type(error.schema).__name__ in {"Column", "Index"} else None
    )
    said = getattr(error.check, "error", None) or getattr(error.check, "description", None)
    message = f"your schema: {said or name}"
    return Problem(name, "error", column, None, message, stands=True)


#: Settings of a pandera schema (or of its columns) that change a frame -> what does no harm.
CHANGING: dict[str, tuple[Any, ...]] = {
    "coerce": (False, None),
    "parsers": ([], None),
    "add_missing_columns": (False, None),
    "drop_invalid_rows": (False, None),
    "default": (None,),
}


def refuse_changes(schema: Any) -> None:
    """Refuse a schema that would change the frame instead of only looking at it.

    Raises
    ------
    OperationError
        Naming each setting.
    """
    if not hasattr(schema, "columns") or not hasattr(schema, "validate"):
        msg = f"schema must be a pandera DataFrameSchema or DataFrameModel, not {type(schema).__name__}"
        raise OperationError(msg)
    parts = {"": schema, **{f" of column {label!r}": column for label, column in schema.columns.items()}}
    if getattr(schema, "index", None) is not None:
        parts[" of the index"] = schema.index
    changing = [
        f"{setting}{where}"
        for where, part in parts.items()
        for setting, harmless in CHANGING.items()
        if not _is_one_of(getattr(part, setting, None), harmless)
    ]
    if getattr(schema, "strict", False) == "filter":
        changing.append("strict='filter'")
    if changing:
        msg = f"schema would change the frame ({choices(changing)}): it may only check; change the frame before the call"
        raise OperationError(msg)


def _is_one_of(value: Any, harmless: tuple[Any, ...]) -> bool:
    return any(value is known or (isinstance(known, list) and value == known) for known in harmless) or (
        isinstance(value, float) and np.isnan(value)
    )

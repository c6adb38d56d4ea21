"""The checks as a pandera schema, and what it finds as problems.

The schema is called once over the user's own frame. In the check pass its checks return the masks that `inspection`
made of the normalised columns; a schema to take away makes them itself, of any frame. The user's own schema is run
before, so that what it finds goes the same way.
"""

from __future__ import annotations

import copy
import weakref
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mixpanel_pandas.errors import OperationError, choices, did_you_mean
from mixpanel_pandas.inspection import Inspection, inspect, property_checks, value_problems
from mixpanel_pandas.payloads.dtypes import rule_for, rule_for_objects
from mixpanel_pandas.payloads.plan import Plan, PropertyColumn, make_plan, values_of_key
from mixpanel_pandas.problems import Problem, problem_of, problem_of_note
from mixpanel_pandas.rules.checks import CHECKS, SEVERITIES

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator

    import pandera.pandas as pandera

__all__ = ["check_frame", "make_schema"]

#: What does not pass: the mask of the rows, True for the column as a whole, or None.
Failing = np.ndarray | bool | None
Failings = dict[Any, Failing]

#: A check as pandera gets it: label of the column that it looks at, or None for the frame; the problem that it reports;
#: what finds it.
Applied = tuple[Any, Problem, Callable[[Any], Failing]]

#: How much of a foreign exception's text a message shows, in characters.
SHOWN_CHARACTERS = 80


def check_frame(frame: pd.DataFrame, plan: Plan) -> tuple[Inspection, list[Problem]]:
    """Return what becomes of each row, and all that is wrong, worst first.

    Raises
    ------
    OperationError
        If the user's own schema is none, would change the frame or cannot be run, or if `invalid` names no check.
    """
    schema = _their_schema(plan.operation.option("schema"))
    _refuse_unknown_checks(plan.operation.option("invalid"), schema)
    inspection = inspect(frame, plan, _theirs(schema, frame) if schema is not None else ())
    problems = _confirmed(inspection)
    return inspection, sorted(problems, key=lambda problem: SEVERITIES.index(problem.severity))


# -- our checks ---------------------------------------------------------------------------------------------------


def _confirmed(inspection: Inspection) -> list[Problem]:
    """Return the problems of an inspection as pandera reports them: a check that found nothing has nothing to return."""
    frame = inspection.frame.copy(deep=False)
    frame.index = pd.RangeIndex(len(frame))
    applied: list[Applied] = [
        (problem.column if _addressable(problem.column, frame) else None, problem, _returning(problem.rows))
        for problem in inspection.problems
    ]
    schema = _schema(inspection.plan, applied, _labels_apart, warn=False)
    failed = {error.check.number: error for error in _failures(schema, frame)}
    return [
        replace(problem, rows=_rows_of(failed[number])) if problem.rows is not None else problem
        for number, problem in enumerate(inspection.problems)
    ]


def _returning(rows: np.ndarray | None) -> Callable[[Any], Failing]:
    return lambda _checked: True if rows is None else rows


def _addressable(label: Any, frame: pd.DataFrame) -> bool:
    """Return whether pandera can look at a column of that name: no missing value, and no text with a lone surrogate."""
    if label not in frame.columns or (pd.api.types.is_scalar(label) and pd.isna(label)):
        return False
    return not isinstance(label, str) or label.isascii() or label.encode(errors="ignore").decode() == label


def make_schema(plan: Plan) -> pandera.DataFrameSchema:
    """Return a schema for frames like the one that the plan was made for.

    Its checks look at whatever frame they are given; warnings and hints are warnings of pandera's.
    """
    labels = tuple(dict.fromkeys(column.label for column in plan.columns))
    options = {**plan.operation.options, "invalid": "raise"}
    operation = replace(
        plan.operation, options=options, properties=plan.operation.properties or labels or None
    )

    def of_frame(frame: pd.DataFrame) -> Failings:
        problems = inspect(frame, make_plan(frame, operation)).problems
        return {_key(problem): True if problem.rows is None else problem.rows for problem in problems}

    def of_column(column: PropertyColumn) -> Callable[[Any, Hashable], Failing]:
        return lambda series, name: _of_column(series, plan, column).get(name)

    found = _remembering(of_frame)
    whole = [
        *(problem_of(check, plan) for check in CHECKS.values() if check.of in OF_FRAMES),
        *map(problem_of_note, plan.notes),
    ]
    applied: list[Applied] = [(None, problem, _looking_up(found, _key(problem))) for problem in whole]
    applied += [
        (column.label, problem_of(CHECKS[name], plan, number), _looking_up(of_column(column), name))
        for number, column in enumerate(plan.columns)
        for name in _checks_of(column)
    ]
    return _schema(plan, applied, lambda checked: checked.index, warn=True)


#: What checks look at that need the whole frame to do so.
OF_FRAMES = {"id", "frame", "row", "record"}


def _key(problem: Problem) -> Hashable:
    """Return what tells a problem of a whole frame from the others."""
    return (
        problem.check
        if CHECKS[problem.check].of in OF_FRAMES
        else (problem.check, problem.column, problem.name)
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


def _of_column(series: pd.Series[Any], plan: Plan, column: PropertyColumn) -> Failings:
    """Return what is wrong with a column of another frame, which may hold other types."""
    now = _reread(column, series)
    failing: Failings = {**value_problems(series, plan, now)}
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
    plan: Plan, applied: Iterable[Applied], labels_of: Callable[[Any], pd.Index[Any]], *, warn: bool
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
    for number, (place, problem, finds) in enumerate(applied):
        check = pandera.Check(
            _passes(finds, labels_of),
            name=problem.check if problem.check in CHECKS else None,  # pandera looks names of its own up
            error=problem.message,
            ignore_na=False,
            n_failure_cases=1,
            raise_warning=warn and problem.severity != "error",
        )
        check.number = number  # type: ignore[attr-defined]  # pandera's copies of the check keep it
        checks[place].append(check)
    whole = checks.pop(None, [])
    columns = {label: pandera.Column(checks=of_column, nullable=True) for label, of_column in checks.items()}
    return pandera.DataFrameSchema(columns, checks=whole, name=plan.operation.verb)


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


# -- running a schema ---------------------------------------------------------------------------------------------


def _failures(schema: pandera.DataFrameSchema, frame: pd.DataFrame) -> list[Any]:
    """Return what failed. Pandera's own error stays here: its text holds values, and it does not pickle."""
    import warnings

    import pandera.pandas as pandera
    from pandera.config import ValidationDepth, config_context

    try:
        # whatever the environment says about pandera: a check that is switched off would let rows through
        with config_context(True, ValidationDepth.SCHEMA_AND_DATA), warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=FutureWarning, module="pandera")
            schema.validate(frame, lazy=True, inplace=True)
    except pandera.errors.SchemaErrors as failed:
        errors: list[Any] = failed.schema_errors
        return errors
    return []


def _labels_apart(checked: Any) -> pd.Index[Any]:
    """Return labels for what a check returns: unlike those of the frame they keep pandera from copying failed values."""
    return pd.RangeIndex(1, len(checked) + 1)


def _rows_of(error: Any) -> np.ndarray | None:
    """Return the mask of the rows that do not pass; None where that cannot be said."""
    output = error.check_output
    return ~output.to_numpy() if isinstance(output, pd.Series) else None


# -- the user's own schema ----------------------------------------------------------------------------------------

#: Settings of a pandera schema (or of its columns) that change a frame -> what does no harm.
CHANGING: dict[str, tuple[Any, ...]] = {
    "coerce": (False, None),
    "parsers": ([], (), None),
    "add_missing_columns": (False, None),
    "drop_invalid_rows": (False, None),
    "default": (None,),
}


def _their_schema(schema: Any) -> pandera.DataFrameSchema | None:
    """Return the user's schema, refused where it would change the frame instead of only looking at it.

    Raises
    ------
    OperationError
        Naming each setting.
    """
    if schema is None:
        return None
    import pandera.pandas as pandera

    if isinstance(schema, type) and issubclass(schema, pandera.DataFrameModel):
        schema = schema.to_schema()
    if not isinstance(schema, pandera.DataFrameSchema):
        msg = f"schema must be a pandera DataFrameSchema or DataFrameModel, not {_shortened(schema)}"
        raise OperationError(msg)
    changing = [
        f"{setting}{where}"
        for where, part in _parts(schema)
        for setting, harmless in CHANGING.items()
        if not _is_one_of(getattr(part, setting, None), harmless)
    ]
    if schema.strict == "filter":
        changing.append("strict='filter'")
    if changing:
        msg = f"schema would change the frame ({', '.join(changing)}): it may only check; change the frame before the call"
        raise OperationError(msg)
    return schema


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"


def _parts(schema: pandera.DataFrameSchema) -> Iterator[tuple[str, Any]]:
    """Yield where something is set, and what it is set on."""
    yield "", schema
    for label, column in schema.columns.items():
        yield f" of column {label!r}", column
    levels = _levels(schema)
    if len(levels) > 1 and not any(level.coerce for level in levels):
        yield " of the index", schema.index
    for level in levels:
        yield f" of index level {level.name!r}" if level.name is not None else " of the index", level


def _levels(schema: pandera.DataFrameSchema) -> list[Any]:
    index = schema.index
    return [] if index is None else list(getattr(index, "indexes", [index]))


def _is_one_of(value: Any, harmless: tuple[Any, ...]) -> bool:
    return any(value is known or (value == known and not known) for known in harmless) or (
        isinstance(value, float) and np.isnan(value)
    )


def _refuse_unknown_checks(invalid: Any, schema: pandera.DataFrameSchema | None) -> None:
    """Refuse a mapping that names checks which are neither ours nor the user's."""
    if not isinstance(invalid, Mapping):
        return
    known = [*CHECKS, *BUILT_IN]
    if schema is not None:
        known += [check.name for _where, part in _parts(schema) for check in part.checks]
    unknown = [name for name in invalid if name not in known]
    if unknown:
        hints = "; ".join(f"no check {name!r}: {did_you_mean(name, known)}" for name in unknown)
        msg = f"invalid names {hints}"
        raise OperationError(msg)


def _theirs(schema: pandera.DataFrameSchema, frame: pd.DataFrame) -> list[Problem]:
    """Run the user's schema over the frame, and the part about the index over the index as a frame.

    Raises
    ------
    OperationError
        If it cannot be run.
    """
    try:
        of_columns = _failures(_bounded(schema), frame.copy(deep=False))
        problems = [_their_problem(error, frame) for error in of_columns]
        return [*problems, *_about_index(schema, frame)]
    except Exception as exc:
        msg = f"schema cannot be run: {type(exc).__name__}: {str(exc)[:SHOWN_CHARACTERS]}"
        raise OperationError(msg) from exc


def _about_index(schema: pandera.DataFrameSchema, frame: pd.DataFrame) -> Iterator[Problem]:
    """Yield what fails of what the schema says about the index: a schema of columns for a frame of its levels."""
    import pandera.pandas as pandera

    if schema.index is None:
        return
    names = [number if name is None else name for number, name in enumerate(frame.index.names)]
    checked = pd.DataFrame({name: frame.index.get_level_values(number) for number, name in enumerate(names)})
    levels = {
        names[number] if level.name is None else level.name: pandera.Column(
            level.dtype, level.checks, nullable=level.nullable, unique=level.unique
        )
        for number, level in enumerate(_levels(schema))
    }
    unique = getattr(schema.index, "indexes", None) and schema.index.unique
    for error in _failures(_bounded(pandera.DataFrameSchema(levels, unique=unique)), checked):
        problem = _their_problem(error, checked)
        label = problem.column if problem.column in frame.index.names else None
        yield replace(problem, column=label, remedies=("drop_row",))


def _bounded(schema: pandera.DataFrameSchema) -> pandera.DataFrameSchema:
    """Return a copy whose every check says which rows fail, and keeps none of their values."""
    schema = copy.deepcopy(schema)
    schema.index = None
    for part in (schema, *schema.columns.values()):
        part.checks = [_bounded_check(check) for check in (*part.checks, *_checks_of_settings(part))]
    return schema


def _bounded_check(theirs: Any) -> Any:
    """Return a check that asks one of the user's: the rows are told by position, so that pandera looks no values up."""
    import pandera.pandas as pandera

    def passes(checked: Any) -> Any:
        output = theirs(checked).check_output
        if isinstance(output, pd.DataFrame):
            output = output.all(axis="columns")
        if not isinstance(output, pd.Series):
            return output
        seen = np.ones(len(checked), bool)
        if len(output) != len(checked):  # a check that leaves missing values out sees the others alone
            seen = checked.notna().to_numpy()
        if not output.index.equals(checked.index[seen]):
            return bool(output.all())
        passing = ~seen
        passing[seen] = output.to_numpy(dtype=bool, na_value=False)
        return pd.Series(passing, index=_labels_apart(checked))

    # groups know nothing of rows
    check: Any = theirs if theirs.groupby else pandera.Check(passes, ignore_na=False, n_failure_cases=1)
    severity = "warning" if theirs.raise_warning else "error"
    message = f"your schema: {theirs.error or theirs.description or theirs.name}"
    check.raise_warning = False
    check.problem = Problem(theirs.name, severity, None, None, message, remedies=("drop_row", "drop_value"))
    return check


#: Names of the checks that settings of pandera's stand for.
BUILT_IN = ("not_nullable", "field_uniqueness", "multiple_fields_uniqueness")


def _checks_of_settings(part: Any) -> Iterator[Any]:
    """Take the settings ``nullable`` and ``unique`` from a part of a schema, and yield checks that say the same."""
    import pandera.pandas as pandera

    keep: Any = KEPT.get(getattr(part, "report_duplicates", ""), False)
    unique, part.unique = part.unique, None
    if isinstance(part, pandera.DataFrameSchema):
        together = [unique] if unique and isinstance(unique[0], str) else unique or []
        for labels in together:
            yield pandera.Check(
                lambda frame, labels=labels: ~frame.duplicated(labels, keep=keep),
                name="multiple_fields_uniqueness",
                error=f"values of {choices(labels)} together are not unique",
                ignore_na=False,
            )
        return
    if not part.nullable:
        yield pandera.Check(pd.notna, name="not_nullable", error="values are missing", ignore_na=False)
    if unique:
        yield pandera.Check(
            lambda series: ~series.duplicated(keep=keep),
            name="field_uniqueness",
            error="values are not unique",
            ignore_na=False,
        )
    part.nullable = True


#: Pandera's word for which of equal values pass -> pandas' word.
KEPT = {"exclude_first": "first", "exclude_last": "last"}


def _their_problem(error: Any, frame: pd.DataFrame) -> Problem:
    """Return what failed in the user's schema as a problem."""
    check, part = error.check, error.schema
    column = part.name if not hasattr(part, "columns") and part.name in frame.columns else None
    if not hasattr(check, "problem"):  # a setting, such as a dtype
        found = f", found {error.failure_cases!r}" if isinstance(error.failure_cases, str) else ""
        return Problem(error.reason_code.name.lower(), "error", column, None, f"your schema: {check}{found}")
    problem: Problem = check.problem
    if error.reason_code.name == "CHECK_ERROR":
        message = f"your schema: check {problem.check!r} raised {str(error.failure_cases)[:SHOWN_CHARACTERS]}"
        return replace(problem, severity="error", column=column, message=message)
    return replace(problem, column=column, rows=None if check.groupby else _rows_of(error))

"""The user's own pandera schema: refused where it would change the frame, run beside our checks, and reported like them.

Pandera's errors hold values and do not pickle, so none of them leaves this module.
"""

from __future__ import annotations

import copy
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pandera.pandas as pandera
from pandera.config import ValidationDepth, config_context

from mixpanel_pandas.checking.findings import Finding
from mixpanel_pandas.errors import OperationError, calling, choices
from mixpanel_pandas.payloads.row_set import RowSet
from mixpanel_pandas.process.signals import ends_the_call
from mixpanel_pandas.text import Length, quoted, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["UserSchema"]

#: Settings of a schema, or of its columns, that change a frame -> the values with which they do not.
CHANGING: dict[str, tuple[Any, ...]] = {
    "coerce": (False, None),
    "parsers": ([], (), None),
    "add_missing_columns": (False, None),
    "drop_invalid_rows": (False, None),
    "default": (None,),
}

#: Pandera's word for which of equal values pass -> the word of `pandas.DataFrame.duplicated`.
KEEP = {"exclude_first": "first", "exclude_last": "last"}

#: Pandera's names for what it finds wrong with the columns that a frame has.
CHECKS_OF_COLUMNS = (
    "column_not_in_dataframe",
    "column_not_in_schema",
    "column_not_ordered",
    "wrong_datatype",
)


class UserSchema:
    """A schema that is safe to run.

    Parameters
    ----------
    schema : pandera.DataFrameSchema or pandera.DataFrameModel
        The option `schema`.

    Raises
    ------
    OperationError
        If it is not a schema, or would change the frame. The message names each setting that would.
    """

    def __init__(self, schema: Any) -> None:
        if isinstance(schema, type) and issubclass(schema, pandera.DataFrameModel):
            with calling("schema cannot be made of the model"):
                schema = schema.to_schema()
        if not isinstance(schema, pandera.DataFrameSchema):
            msg = f"schema must be a pandera DataFrameSchema or DataFrameModel, not {quoted(schema)}"
            raise OperationError(msg)
        _refuse_changes(schema)
        self._schema = schema

    @property
    def check_names(self) -> list[str]:
        """Names of the checks; settings such as ``nullable`` are not among them."""
        return [check.name for _where, part in _parts(self._schema) for check in part.checks]

    def possible_findings(self) -> Iterator[Finding]:
        """Yield what the schema can find, without rows; columns that it names by a pattern are left out."""
        schema = _with_own_checks(self._schema)
        parts = {None: schema, **{label: part for label, part in schema.columns.items() if not part.regex}}
        for label, part in parts.items():
            for check in part.checks:
                yield replace(check.finding, column=label)
            for name in CHECKS_OF_COLUMNS if label is None else ("wrong_datatype",):
                yield Finding(name, "error", label, None, f"your schema: {name.replace('_', ' ')}")

    def findings(self, frame: pd.DataFrame) -> list[Finding]:
        """Run the schema over a frame.

        Raises
        ------
        OperationError
            If it cannot be run.
        """
        with calling("schema cannot be run"):
            errors = _failures(_with_own_checks(self._schema), frame.copy(deep=False))
            findings = [_finding_of(error, frame) for error in errors]
            return findings + _index_findings(self._schema, frame)


# -- what would change the frame ------------------------------------------------------------------------------------


def _refuse_changes(schema: pandera.DataFrameSchema) -> None:
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


def _parts(schema: pandera.DataFrameSchema) -> Iterator[tuple[str, Any]]:
    """Yield the schema, its columns and its index levels, each with its place in words."""
    yield "", schema
    for label, column in schema.columns.items():
        yield f" of column {quoted(label)}", column
    levels = _levels(schema)
    if len(levels) > 1 and not any(level.coerce for level in levels):
        yield " of the index", schema.index
    for level in levels:
        yield f" of index level {quoted(level.name)}" if level.name is not None else " of the index", level


def _levels(schema: pandera.DataFrameSchema) -> list[Any]:
    index = schema.index
    return [] if index is None else list(getattr(index, "indexes", [index]))


def _is_one_of(value: Any, harmless: tuple[Any, ...]) -> bool:
    """Return whether a setting has one of these values; NaN stands for None."""
    return (isinstance(value, float) and np.isnan(value)) or value in harmless


# -- a copy that tells which rows fail ------------------------------------------------------------------------------


def _with_own_checks(schema: pandera.DataFrameSchema) -> pandera.DataFrameSchema:
    """Return a copy without index whose checks tell the rows by position, and keep none of their values."""
    schema = copy.deepcopy(schema)
    schema.index = None
    for part in (schema, *schema.columns.values()):
        part.checks = [_own_check(check) for check in (*part.checks, *_checks_of_settings(part))]
    return schema


def _own_check(user_check: Any) -> Any:
    """Return a check that asks one of the user's, and carries the finding without its rows."""

    def passes(checked: Any) -> Any:
        try:
            output = user_check(checked).check_output
        except Exception as error:  # pandera makes a failure of it
            if ends_the_call(error):
                raise _EndsTheCall from error
            raise
        return _by_position(output, checked)

    # a check of groups knows nothing of rows
    check: Any = (
        user_check if user_check.groupby else pandera.Check(passes, ignore_na=False, n_failure_cases=1)
    )
    severity = "warning" if user_check.raise_warning else "error"
    message = f"your schema: {user_check.error or user_check.description or user_check.name}"
    check.raise_warning = False
    check.finding = Finding(
        user_check.name, severity, None, None, message, remedies=("drop_row", "drop_value")
    )
    return check


class _EndsTheCall(BaseException):
    """Carries through pandera, as its cause, an exception that a check of the user's must not turn into a failure."""


def _by_position(output: Any, checked: Any) -> Any:
    """Return what a check answers: where it answers for each row, by position, else as one answer.

    The labels are those of no row, because pandera copies the values that fail if the labels are those of the frame.
    """
    if isinstance(output, pd.DataFrame):
        output = output.all(axis="columns")
    if not isinstance(output, pd.Series):
        return output
    is_checked = np.ones(len(checked), bool)
    if len(output) != len(checked):  # pandera hides missing values from a check with ignore_na
        is_checked = checked.notna().to_numpy()
    if not output.index.equals(checked.index[is_checked]):
        return bool(output.all())  # the answer is not about the rows
    passing = ~is_checked
    passing[is_checked] = output.to_numpy(dtype=bool, na_value=False)
    return pd.Series(passing, index=pd.RangeIndex(1, len(checked) + 1))


def _checks_of_settings(part: Any) -> Iterator[Any]:
    """Take the settings ``nullable`` and ``unique`` from a part of a schema, and yield checks that say the same."""
    keep: Any = KEEP.get(getattr(part, "report_duplicates", ""), False)
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


def _index_findings(schema: pandera.DataFrameSchema, frame: pd.DataFrame) -> list[Finding]:
    """Return what is wrong with the index: the levels are checked as the columns of a frame."""
    if schema.index is None:
        return []
    names = [number if name is None else name for number, name in enumerate(frame.index.names)]
    levels = pd.DataFrame({name: frame.index.get_level_values(number) for number, name in enumerate(names)})
    columns = {
        names[number] if level.name is None else level.name: pandera.Column(
            level.dtype, level.checks, nullable=level.nullable, unique=level.unique
        )
        for number, level in enumerate(_levels(schema))
    }
    unique = getattr(schema.index, "indexes", None) and schema.index.unique
    schema_of_levels = _with_own_checks(pandera.DataFrameSchema(columns, unique=unique))
    findings = [_finding_of(error, levels) for error in _failures(schema_of_levels, levels)]
    return [
        replace(
            finding,
            column=finding.column if finding.column in frame.index.names else None,
            remedies=("drop_row",),
        )
        for finding in findings
    ]


# -- what fails -----------------------------------------------------------------------------------------------------


def _failures(schema: pandera.DataFrameSchema, frame: pd.DataFrame) -> list[Any]:
    """Return pandera's errors, one for each check that fails."""
    try:
        # whatever the environment says about pandera: a check that is switched off would let rows through
        with config_context(True, ValidationDepth.SCHEMA_AND_DATA), warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=FutureWarning, module="pandera")
            schema.validate(frame, lazy=True, inplace=True)
    except pandera.errors.SchemaErrors as failed:
        errors: list[Any] = failed.schema_errors
        return errors
    except _EndsTheCall as carrier:
        raise carrier.__cause__ or carrier from None
    return []


def _finding_of(error: Any, frame: pd.DataFrame) -> Finding:
    """Return the finding that one of pandera's errors stands for."""
    check, part = error.check, error.schema
    column = part.name if not hasattr(part, "columns") and part.name in frame.columns else None
    if not hasattr(check, "finding"):  # a setting, such as a dtype
        actual = f", found {error.failure_cases!r}" if isinstance(error.failure_cases, str) else ""
        message = f"your schema: {check}{actual}"
        return Finding(error.reason_code.name.lower(), "error", column, None, message)
    finding: Finding = check.finding
    if error.reason_code.name == "CHECK_ERROR":
        raised = str(error.failure_cases).partition("(")[0]  # without the text, which may hold values
        message = f"your schema: check {finding.check!r} raised {shortened(raised, Length.VALUE)}"
        return replace(finding, severity="error", column=column, message=message, remedies=())
    rows = None if check.groupby else _rows_of(error)
    return replace(finding, column=column, rows=rows, remedies=() if rows is None else finding.remedies)


def _rows_of(error: Any) -> RowSet | None:
    """Return the rows that do not pass; None if they are not known."""
    output = error.check_output
    return RowSet.of_mask(~output.to_numpy()) if isinstance(output, pd.Series) else None

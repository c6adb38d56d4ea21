"""The user's own pandera schema: refused where it would change the frame, run beside ours, and reported in the same way.

Pandera's errors hold values and do not pickle, so none of them leaves this module's callers: `failures` returns what failed.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mixpanel_pandas.checking.findings import Finding
from mixpanel_pandas.errors import OperationError, choices, did_you_mean
from mixpanel_pandas.rules.checks import CHECKS

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandera.pandas as pandera

__all__ = ["failures", "labels_apart", "refuse_unknown_checks", "rows_of", "usable_schema", "users_findings"]

#: How much of a foreign exception's text a message shows, in characters.
SHOWN_CHARACTERS = 80

#: Settings of a pandera schema (or of its columns) that change a frame -> what does no harm.
CHANGING: dict[str, tuple[Any, ...]] = {
    "coerce": (False, None),
    "parsers": ([], (), None),
    "add_missing_columns": (False, None),
    "drop_invalid_rows": (False, None),
    "default": (None,),
}


def usable_schema(schema: Any) -> pandera.DataFrameSchema | None:
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


def refuse_unknown_checks(invalid: Any, schema: pandera.DataFrameSchema | None) -> None:
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
    idle = {
        name: remedy
        for name, remedy in invalid.items()
        if name in CHECKS and remedy not in ("raise", *CHECKS[name].remedies)
    }
    if idle:
        hints = "; ".join(
            f"{name!r} knows {choices(('raise', *CHECKS[name].remedies))}, not {remedy!r}"
            for name, remedy in idle.items()
        )
        msg = f"invalid={invalid!r}: {hints}"
        raise OperationError(msg)


def users_findings(schema: pandera.DataFrameSchema, frame: pd.DataFrame) -> list[Finding]:
    """Run the user's schema over the frame, and the part about the index over the index as a frame.

    Raises
    ------
    OperationError
        If it cannot be run.
    """
    try:
        of_columns = failures(_bounded(schema), frame.copy(deep=False))
        findings = [_their_finding(error, frame) for error in of_columns]
        return [*findings, *_about_index(schema, frame)]
    except Exception as exc:
        msg = f"schema cannot be run: {type(exc).__name__}: {str(exc)[:SHOWN_CHARACTERS]}"
        raise OperationError(msg) from exc


def _about_index(schema: pandera.DataFrameSchema, frame: pd.DataFrame) -> Iterator[Finding]:
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
    for error in failures(_bounded(pandera.DataFrameSchema(levels, unique=unique)), checked):
        finding = _their_finding(error, checked)
        label = finding.column if finding.column in frame.index.names else None
        yield replace(finding, column=label, remedies=("drop_row",))


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
        return pd.Series(passing, index=labels_apart(checked))

    # groups know nothing of rows
    check: Any = theirs if theirs.groupby else pandera.Check(passes, ignore_na=False, n_failure_cases=1)
    severity = "warning" if theirs.raise_warning else "error"
    message = f"your schema: {theirs.error or theirs.description or theirs.name}"
    check.raise_warning = False
    check.finding = Finding(theirs.name, severity, None, None, message, remedies=("drop_row", "drop_value"))
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


def _their_finding(error: Any, frame: pd.DataFrame) -> Finding:
    """Return what failed in the user's schema as a finding."""
    check, part = error.check, error.schema
    column = part.name if not hasattr(part, "columns") and part.name in frame.columns else None
    if not hasattr(check, "finding"):  # a setting, such as a dtype
        found = f", found {error.failure_cases!r}" if isinstance(error.failure_cases, str) else ""
        return Finding(error.reason_code.name.lower(), "error", column, None, f"your schema: {check}{found}")
    finding: Finding = check.finding
    if error.reason_code.name == "CHECK_ERROR":
        message = f"your schema: check {finding.check!r} raised {str(error.failure_cases)[:SHOWN_CHARACTERS]}"
        return replace(finding, severity="error", column=column, message=message)
    return replace(finding, column=column, rows=None if check.groupby else rows_of(error))


def failures(schema: pandera.DataFrameSchema, frame: pd.DataFrame) -> list[Any]:
    """Return what failed. Pandera's own error stays here: its text holds values, and it does not pickle."""
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


def labels_apart(checked: Any) -> pd.Index[Any]:
    """Return labels for what a check returns: unlike those of the frame they keep pandera from copying failed values."""
    return pd.RangeIndex(1, len(checked) + 1)


def rows_of(error: Any) -> np.ndarray | None:
    """Return the mask of the rows that do not pass; None where that cannot be said."""
    output = error.check_output
    return ~output.to_numpy() if isinstance(output, pd.Series) else None

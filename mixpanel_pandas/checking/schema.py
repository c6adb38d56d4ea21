"""The checks as a pandera schema, to extend, to keep, and to use without the verbs.

The schema accepts a frame that the verb accepts, and fails with the same failure cases as the verb: each of its checks asks
`check_frame` about the whole frame, and reports the findings that belong to it. It also refuses columns whose Mixpanel type is not
that of the frame it was made from.
"""

from __future__ import annotations

import weakref
from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NoReturn

import pandas as pd
import pandera.pandas as pandera
from pandera.api.base.checks import CheckResult

from mixpanel_pandas.checking.decisions import check_frame, user_schema_of
from mixpanel_pandas.checking.findings import Finding, column_findings, finding_of
from mixpanel_pandas.checking.remedies import named_remedy
from mixpanel_pandas.checking.report import failure_cases
from mixpanel_pandas.checking.scan import property_checks
from mixpanel_pandas.errors import OperationError
from mixpanel_pandas.payloads.layout import make_layout
from mixpanel_pandas.rules.checks import CHECKS, STRINGS
from mixpanel_pandas.text import NOT_SHOWN, is_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mixpanel_pandas.payloads.layout import Layout, PropertyColumn
    from mixpanel_pandas.rules.operation import Operation

__all__ = ["make_schema"]

#: What tells a finding from others: the check, the label of the column, and the name of the property.
Key = tuple[str, Hashable, str | None]

#: The check that reports what no other check of a schema reports.
OTHER = "other_findings"


def make_schema(frame: pd.DataFrame, operation: Operation) -> pandera.DataFrameSchema:
    """Return a schema for frames like `frame`. Errors fail; warnings and hints are warnings of pandera's.

    Raises
    ------
    OperationError
        If the call makes no sense on the frame.
    """
    layout = make_layout(frame, operation)
    user_schema = user_schema_of(operation)
    findings = [*_possible_findings(layout), *(user_schema.possible_findings() if user_schema else ())]
    possible = {_key(finding): finding for finding in findings}
    findings_of = _Findings(_for_other_frames(layout), _kinds(layout), frozenset(possible))
    checks: dict[Any, list[FrameCheck]] = defaultdict(list)
    for key, finding in possible.items():
        place = finding.column if _is_addressable(finding.column, frame) else None
        only_warns = finding.severity != "error" and not _is_named(finding, operation)
        checks[place].append(
            FrameCheck(findings_of, key, finding.check, finding.message, raise_warning=only_warns)
        )
    of_frames = checks.pop(None, [])
    of_frames.append(FrameCheck(findings_of, None, OTHER, "the verb would refuse this frame"))
    columns = {
        label: pandera.Column(checks=list(of_column), nullable=True) for label, of_column in checks.items()
    }
    return pandera.DataFrameSchema(columns, checks=of_frames, name=operation.verb)


def _for_other_frames(layout: Layout) -> Operation:
    """Return the operation with the columns named: another frame may have more."""
    operation = layout.operation
    labels = tuple(dict.fromkeys(column.label for column in layout.columns))
    return replace(operation, properties=operation.properties or labels or None)


def _kinds(layout: Layout) -> dict[tuple[Hashable, str], str]:
    """Return label of the column and name of the property -> Mixpanel's type of the values."""
    return {(column.label, column.name): column.kind for column in layout.columns}


def _is_named(finding: Finding, operation: Operation) -> bool:
    """Return whether the option `invalid` says what becomes of rows with such a finding."""
    return named_remedy(finding, operation.options.invalid) is not None


def _is_addressable(label: Any, frame: pd.DataFrame) -> bool:
    """Return whether pandera can look at a column of that name: no missing value, and no text with a lone surrogate."""
    if callable(label) or label not in frame.columns or (pd.api.types.is_scalar(label) and pd.isna(label)):
        return False
    return not isinstance(label, str) or label.isascii() or label.encode(errors="ignore").decode() == label


def _key(finding: Finding) -> Key:
    return finding.check, finding.column, finding.name


# -- what can be found ----------------------------------------------------------------------------------------------


def _possible_findings(layout: Layout) -> Iterator[Finding]:
    """Yield the findings that frames like this can have, without their rows."""
    for check in CHECKS.values():
        if check.of in {"id", "frame", "row", "record"} and check.name != "shared_email":
            yield finding_of(check, layout)
    yield finding_of(CHECKS["float_ids"], layout)
    yield from column_findings(layout)
    for number, column in enumerate(layout.columns):
        parsed = column.label in (layout.operation.options.parse or {})
        for name in _checks_of_values(column, parsed=parsed):
            yield finding_of(CHECKS[name], layout, number)


def _checks_of_values(column: PropertyColumn, *, parsed: bool) -> Iterator[str]:
    """Yield the checks that the values of a column may fail. A column without values may come to hold any."""
    kind = "mixed" if column.kind == "missing" else column.kind
    yield from ("wrong_type", "unsupported_dtype")
    yield from (check.name for check in CHECKS.values() if kind in check.kinds and check.name != "wrong_type")
    if kind in STRINGS:
        yield from (check.name for check in CHECKS.values() if check.of == "text")
    if parsed:
        yield from (check.name for check in CHECKS.values() if check.of == "reading")
    yield from (check.name for check in property_checks(column))
    if column.name == "$email":
        yield "shared_email"


# -- what is found --------------------------------------------------------------------------------------------------


class FrameCheck(pandera.Check):
    """A check of pandera's that looks at the whole frame, also where it belongs to a column.

    Parameters
    ----------
    findings_of : callable
        Frame and key -> the findings of the frame with that key.
    key : tuple or None
        Which findings fail the check.
    name, description : str
        Name of the check, as in reports; what is wrong, and what would be right.
    raise_warning : bool
        Whether pandera warns instead of failing.
    """

    def __init__(
        self,
        findings_of: Callable[[pd.DataFrame, Key | None], list[Finding]],
        key: Key | None,
        name: str,
        description: str,
        *,
        raise_warning: bool = False,
    ) -> None:
        super().__init__(
            _needs_whole_frame,
            name=name,
            description=description,
            ignore_na=False,
            raise_warning=raise_warning,
        )
        self.findings_of: Callable[[pd.DataFrame, Key | None], list[Finding]] = findings_of
        self.key: Key | None = key

    def __call__(self, check_obj: Any, column: Any = None) -> CheckResult:
        """Look at a frame; pandera passes the whole frame and the name of the column."""
        if not isinstance(check_obj, pd.DataFrame):
            _needs_whole_frame(check_obj)
        findings = self.findings_of(check_obj, self.key)
        if not findings:
            return CheckResult(True, True, check_obj, None)
        cases = failure_cases(check_obj, findings, first=1 if self.raise_warning else None)
        cases["failure_case"] = cases["failure_case"].where(cases["failure_case"].map(is_text), NOT_SHOWN)
        return CheckResult(_passing(check_obj, findings), False, check_obj, cases)


def _needs_whole_frame(checked: Any) -> NoReturn:
    msg = "this check needs the ids and the columns together: validate the whole frame with the schema"
    raise OperationError(msg)


def _passing(frame: pd.DataFrame, findings: list[Finding]) -> Any:
    """Return the mask of the rows that pass; False where a column fails as a whole."""
    passing = pd.Series(True, index=frame.index)
    for finding in findings:
        if finding.rows is None:
            return False
        passing &= ~finding.rows.mask(len(frame))
    return passing


@dataclass
class _Validation:
    """The findings of one frame, while a schema validates it."""

    frame: weakref.ref[pd.DataFrame]
    findings: dict[Key | None, list[Finding]]
    refusal: OperationError | None = None
    asked: set[Key | None] = field(default_factory=set)


class _Findings:
    """Finds what is wrong with a frame once for each validation; pandera asks once for each check.

    Parameters
    ----------
    operation : Operation
        With its columns named.
    kinds : dict
        Column and property -> Mixpanel's type, in the frame that the schema was made from.
    possible : frozenset
        Keys that a check asks for. All other findings that refuse the frame have the key None.
    """

    def __init__(
        self, operation: Operation, kinds: dict[tuple[Hashable, str], str], possible: frozenset[Key]
    ) -> None:
        self._operation, self._kinds, self._possible = operation, kinds, possible
        self._validation: _Validation | None = None

    def __deepcopy__(self, _memo: object) -> _Findings:
        """Return the same object: pandera copies the checks of each column for each validation."""
        return self

    def __call__(self, frame: pd.DataFrame, key: Key | None) -> list[Finding]:
        validation = self._validation
        # a check that asks again belongs to another validation: the frame may have changed since
        if validation is None or validation.frame() is not frame or key in validation.asked:
            validation = self._validation = self._validate(frame)
        validation.asked.add(key)
        if validation.refusal is not None and key is None:
            raise validation.refusal
        return validation.findings.get(key, [])

    def _validate(self, frame: pd.DataFrame) -> _Validation:
        reference = weakref.ref(frame)
        try:
            decisions = check_frame(frame, self._operation)
        except OperationError as refusal:
            return _Validation(reference, {}, refusal)
        by_key: dict[Key | None, list[Finding]] = defaultdict(list)
        for finding in decisions.findings:
            key = _key(finding)
            if finding.stands:
                by_key[key if key in self._possible else None].append(finding)
            elif (
                finding.severity != "error"
                and key in self._possible
                and not _is_named(finding, self._operation)
            ):
                by_key[key].append(finding)
        for finding in self._changed_types(decisions.layout):
            if _key(finding) not in by_key:
                by_key[_key(finding)].append(finding)
        return _Validation(reference, dict(by_key))

    def _changed_types(self, layout: Layout) -> Iterator[Finding]:
        """Yield columns whose values have another type than in the frame that the schema was made from."""
        for number, column in enumerate(layout.columns):
            kind = self._kinds.get((column.label, column.name), "missing")
            if kind not in {column.kind, "mixed", "missing"} and column.kind != "missing":
                yield replace(
                    finding_of(CHECKS["wrong_type"], layout, number), value=column.kind, stands=True
                )

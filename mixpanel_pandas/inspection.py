"""The check pass: every row of a frame, slice by slice -> what is wrong with it, and what becomes of it.

The order decides: id, then duplicates, then nothing to send, then values, then size. A row that is left out for one
reason is not looked at for the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.payloads.encoding import json_texts
from mixpanel_pandas.payloads.envelope import envelope
from mixpanel_pandas.payloads.ids import IdDigest, folded, hash_texts, normalise_ids, repeated
from mixpanel_pandas.payloads.normalise import Normalised, mask_of, normalise_column
from mixpanel_pandas.payloads.plan import Plan, PropertyColumn, values_of
from mixpanel_pandas.payloads.slices import Changes, encode_slice
from mixpanel_pandas.rules.checks import CHECKS, Check
from mixpanel_pandas.rules.limits import LIMITS, RESERVED_PROPERTIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pandas as pd

__all__ = [
    "Finding",
    "Inspection",
    "LeftOutRows",
    "id_digest",
    "inspect",
    "property_checks",
    "severity_of",
    "value_masks",
]

Masks = dict[str, np.ndarray]

#: Reserved properties whose values are never cut.
NEVER_CUT = {"$email", "$phone", "$avatar"}

_VALUE_CHECKS = [check for check in CHECKS.values() if check.of == "value" and check.finds]
_PROPERTY_CHECKS = {check.expects: check for check in CHECKS.values() if check.of == "property"}
_ID_CHECKS = [check for check in CHECKS.values() if check.of == "id" and check.finds]


@dataclass(frozen=True)
class Finding:
    """Rows that do not pass a check.

    Attributes
    ----------
    check : Check
        Which one.
    column : PropertyColumn or None
        Whose values; None for ids, rows and what else stands in a record.
    rows : numpy.ndarray
        Mask over the frame.
    """

    check: Check
    column: PropertyColumn | None
    rows: np.ndarray


@dataclass(frozen=True)
class LeftOutRows:
    """Rows that are not sent, for one reason."""

    positions: np.ndarray
    outcome: str
    reason: str
    error: str


@dataclass
class Inspection:
    """What is wrong with a frame, and what becomes of its rows.

    Attributes
    ----------
    frame, plan
        What was looked at.
    digest : str
        Of all ids, in order.
    findings : list of Finding
        Ids first, then columns in their order, then whole rows.
    left_out : list of LeftOutRows
        One for each reason; no row is in two.
    changes : Changes
        What is left out or cut.
    """

    frame: pd.DataFrame
    plan: Plan
    changes: Changes
    digest: str = ""
    findings: list[Finding] = field(default_factory=list)
    left_out: list[LeftOutRows] = field(default_factory=list)

    @property
    def sent(self) -> int:
        """Number of rows that are sent."""
        return int(self.plan.rows - self.changes.left_out.sum())

    def leave_out(self, rows: np.ndarray, outcome: str, reason: str, error: str) -> None:
        """Leave out those of `rows`, a mask, that are still in."""
        rows = rows & ~self.changes.left_out
        if rows.any():
            self.changes.left_out |= rows
            self.left_out.append(LeftOutRows(np.flatnonzero(rows), outcome, reason, error))

    def add(self, name: str, rows: np.ndarray, column: PropertyColumn | None = None) -> None:
        """Note that `rows`, a mask, do not pass a check, and do what was asked for such rows."""
        check = CHECKS[name]
        rows = rows & ~self.changes.left_out
        if not rows.any():
            return
        self.findings.append(Finding(check, column, rows))
        if severity_of(check, self.plan) == "error":
            self.mend(remedy_for(check, self.plan, column), rows, column, check.words, check.says)

    def mend(
        self, remedy: str, rows: np.ndarray, column: PropertyColumn | None, reason: str, error: str
    ) -> None:
        """Leave rows or values out, or cut strings."""
        if remedy == "drop_row":
            self.leave_out(rows, "invalid", reason, error)
        elif remedy in {"drop_value", "truncate"} and column is not None:
            masks = self.changes.dropped if remedy == "drop_value" else self.changes.cut
            number = self.plan.columns.index(column)
            masks[number] = masks.get(number, False) | rows


def severity_of(check: Check, plan: Plan) -> str:
    """Return how bad it is: what is junk for a user may be the name of a group."""
    return "warning" if check.name == "junk_id" and plan.operation.group else check.severity


def remedy_for(check: Check, plan: Plan, column: PropertyColumn | None) -> str:
    """Return what was asked for rows with this error, or "raise" where that cannot be done."""
    asked = plan.operation.option("invalid")
    remedy: str = asked.get(check.name, "raise") if isinstance(asked, Mapping) else asked
    if check.of == "column" or check.name == "duplicate_id":  # duplicates have an option of their own
        return "raise"
    if remedy == "drop_value" and column is None:
        return "raise"
    if remedy == "truncate" and not (check.can_cut and column is not None and column.name not in NEVER_CUT):
        return "raise"
    return remedy


def inspect(frame: pd.DataFrame, plan: Plan) -> Inspection:
    """Return what is wrong with a frame, and what becomes of its rows."""
    inspection = Inspection(frame, plan, Changes(np.zeros(len(frame), bool)))
    _inspect_ids(inspection)
    longest = _inspect_columns(inspection)
    _inspect_sizes(inspection, longest)
    return inspection


# -- ids and what else stands around the properties ---------------------------------------------------------------


def id_digest(frame: pd.DataFrame, plan: Plan) -> str:
    """Return the digest of all ids."""
    digest = IdDigest()
    for rows in plan.slices():
        digest.update(normalise_ids(values_of(frame, plan.id, rows), plan.id.rule).array)
    return digest.hexdigest()


def _inspect_ids(inspection: Inspection) -> None:
    frame, plan = inspection.frame, inspection.plan
    masks: Masks = {}
    digest = IdDigest()
    hashes, alike = np.zeros(len(frame), np.uint64), np.zeros(len(frame), np.uint64)
    for rows in plan.slices():
        around = envelope(frame, plan, rows)
        _collect(masks, _record_problems(around.ids, around.problems, plan), rows, len(frame))
        digest.update(around.ids)
        hashes[rows] = hash_texts(around.ids)
        like = folded(around.ids)
        alike[rows] = hashes[rows] if like.equals(around.ids) else hash_texts(like)
    inspection.digest = digest.hexdigest()
    unusable = _any(len(frame), (mask for name, mask in masks.items() if _bars(name, plan)))
    hashes[unusable] = alike[unusable] = 0
    for name, mask in masks.items():
        inspection.add(name, mask)
    _inspect_duplicates(inspection, hashes, alike)


def _bars(name: str, plan: Plan) -> bool:
    return CHECKS[name].of == "id" and severity_of(CHECKS[name], plan) == "error"


def _record_problems(ids: pa.Array, problems: Masks, plan: Plan) -> Iterator[tuple[str, np.ndarray]]:
    """Yield check -> mask for the ids of a slice, and for ``$ip`` and ``$time``."""
    yield from problems.items()
    yield (
        "missing_id",
        mask_of(ids.is_null())
        & ~_any(len(ids), (problems.get(name) for name in ("inexact_id", "untyped_id"))),
    )
    for check in _ID_CHECKS:
        if check.name != "anonymous_id" or plan.operation.group is None:
            yield check.name, mask_of(check.finds(ids))  # type: ignore[misc]


def _inspect_duplicates(inspection: Inspection, hashes: np.ndarray, alike: np.ndarray) -> None:
    """Find ids that stand in several rows, and ids that differ only in case or outer blanks."""
    rows = inspection.plan.rows

    def texts_at(positions: np.ndarray) -> pa.Array:
        return _ids_at(inspection, positions)

    positions, groups = repeated(hashes, texts_at)
    if positions.size and inspection.plan.operation.option("duplicates") == "last":
        last = np.zeros(groups.max() + 1, np.int64)
        last[groups] = positions  # a later row overwrites an earlier one
        superseded = _mask(rows, positions[last[groups] != positions])
        inspection.leave_out(superseded, "skipped", "superseded", "a later row holds the same id")
    elif positions.size:
        inspection.add("duplicate_id", _mask(rows, positions))
    like, like_groups = repeated(alike, lambda places: folded(texts_at(places)))
    if like.size:
        inspection.add("similar_id", _mask(rows, like[_differ(like_groups, texts_at(like))]))


def _differ(groups: np.ndarray, texts: pa.Array) -> np.ndarray:
    """Return the mask of the elements whose group holds different texts."""
    import pandas as pd

    distinct = pd.Series(texts.to_pylist(), dtype=object).groupby(groups).transform("nunique")
    differ: np.ndarray = distinct.to_numpy() > 1
    return differ


def _ids_at(inspection: Inspection, positions: np.ndarray) -> pa.Array:
    values = values_of(inspection.frame, inspection.plan.id)
    return normalise_ids(values[positions], inspection.plan.id.rule).array


# -- values -------------------------------------------------------------------------------------------------------


def _inspect_columns(inspection: Inspection) -> np.ndarray:
    """Find what is wrong with values, and rows without any; return for each slice how long its longest row may be."""
    frame, plan = inspection.frame, inspection.plan
    slices = list(plan.slices())
    longest = np.full(
        len(slices), 400 * max(1, len(plan.operation.operators)) + sum(len(n) + 6 for n in plan.removed)
    )
    found: list[tuple[PropertyColumn, Masks]] = []
    said = np.zeros(len(frame), np.int32)  # how many properties the row says something about
    for column in plan.columns:
        masks: Masks = {}
        for number, rows in enumerate(slices):
            values = normalise_column(frame, plan, column, rows)
            _collect(masks, _value_problems(values, column), rows, len(frame))
            longest[number] += _longest(values) + 6 * len(column.name.encode()) + 4
            said[rows] += (
                ~values.missing | _any(len(values), values.problems.values()) | (column.missing != "skip")
            )
        found.append((column, masks))
    if plan.columns and not plan.removed:
        inspection.leave_out(said == 0, "skipped", "nothing to send", "no property of the row has a value")
    for column, masks in found:
        for name, mask in masks.items():
            inspection.add(name, mask, column)
    _inspect_shared_emails(inspection)
    inspection.add("many_properties", said > LIMITS["properties"].value)
    for mask in inspection.changes.dropped.values():
        said -= mask
    if inspection.changes.dropped and not plan.removed:
        inspection.leave_out(
            said == 0, "invalid", "no value left", "every value of the row was left out as invalid"
        )
    return longest


def value_masks(series: pd.Series[Any], plan: Plan, column: PropertyColumn) -> Masks:
    """Return name of a check -> mask for a column that stands alone."""
    source = replace(column.source, place=0, in_index=False)
    alone = replace(plan, rows=len(series))
    masks: Masks = {}
    for rows in alone.slices():
        values = normalise_column(series.to_frame(), alone, replace(column, source=source), rows)
        _collect(masks, _value_problems(values, column), rows, len(series))
    return masks


def _value_problems(values: Normalised, column: PropertyColumn) -> Iterator[tuple[str, np.ndarray]]:
    """Yield check -> mask for the values of a slice."""
    for name, mask in values.problems.items():
        if name != "union_items" or column.operator.takes == "list":
            yield name, mask
    if values.kinds is not None:
        fitting = [*column.operands, "missing"]
        yield "wrong_type", ~np.isin(values.kinds.astype(str), fitting) & ~values.missing
    elif pa.types.is_large_string(values.array.type):
        for check in [*_VALUE_CHECKS, *property_checks(column)]:
            yield check.name, mask_of(check.finds(values.array))  # type: ignore[misc]
    elif pa.types.is_large_list(values.array.type) and _longest(values) > LIMITS["list_bytes"].value:
        yield (
            "large_list",
            mask_of(pc.greater(pc.binary_length(json_texts(values)[1]), LIMITS["list_bytes"].value - 2)),
        )


def property_checks(column: PropertyColumn) -> list[Check]:
    reserved = RESERVED_PROPERTIES.get(column.name)
    check = _PROPERTY_CHECKS.get(reserved.expects) if reserved else None
    return [check] if check else []


def _longest(values: Normalised) -> int:
    """Return bytes that no value's JSON passes; an escaped byte may take six."""
    array = values.array
    if values.kinds is not None:
        return int(pc.max(pc.binary_length(array)).as_py() or 0)
    if pa.types.is_large_string(array.type):
        return 6 * int(pc.max(pc.binary_length(array)).as_py() or 0) + 4
    if pa.types.is_large_list(array.type):
        return (_longest(Normalised(array.flatten())) + 1) * int(
            pc.max(pc.list_value_length(array)).as_py() or 0
        ) + 4
    return 30


def _inspect_shared_emails(inspection: Inspection) -> None:
    """Find addresses that stand on several ids."""
    frame, plan = inspection.frame, inspection.plan
    column = next(
        (column for column in plan.columns if column.name == "$email" and column.kind == "string"), None
    )
    if column is None:
        return
    hashes = np.zeros(len(frame), np.uint64)
    for rows in plan.slices():
        hashes[rows] = hash_texts(folded(normalise_column(frame, plan, column, rows).array))
    hashes[inspection.changes.left_out] = 0

    def texts_at(positions: np.ndarray) -> pa.Array:
        return folded(column.rule.read(values_of(frame, column.source)[positions]))

    positions, groups = repeated(hashes, texts_at)
    if positions.size:
        shared = positions[_differ(groups, _ids_at(inspection, positions))]
        inspection.add("shared_email", _mask(len(frame), shared), column)


# -- whole rows ---------------------------------------------------------------------------------------------------


def _inspect_sizes(inspection: Inspection, longest: np.ndarray) -> None:
    """Find rows over the limit; only slices in which a row may be that long are encoded to know."""
    plan = inspection.plan
    masks = {name: np.zeros(plan.rows, bool) for name in ("large_update", "large_row")}
    for rows, most in zip(plan.slices(), longest, strict=True):
        if most <= LIMITS["update_bytes"].value or inspection.changes.left_out[rows].all():
            continue
        payloads = encode_slice(inspection.frame, plan, inspection.changes, rows, token=" " * 32)
        heavy = np.diff(payloads.offsets) > LIMITS["row_bytes"].value
        masks["large_update"][payloads.positions[heavy & (payloads.updates == 1)]] = True
        masks["large_row"][payloads.positions[heavy & (payloads.updates > 1)]] = True
    for name, mask in masks.items():
        inspection.add(name, mask)


# -- masks --------------------------------------------------------------------------------------------------------


def _collect(masks: Masks, problems: Iterable[tuple[str, np.ndarray]], rows: slice, length: int) -> None:
    """Put the masks of a slice where they belong in the masks of the frame."""
    for name, mask in problems:
        if mask.any():
            masks.setdefault(name, np.zeros(length, bool))[rows] |= mask


def _any(length: int, masks: Iterable[Any]) -> np.ndarray:
    found = np.zeros(length, bool)
    for mask in masks:
        if mask is not None:
            found |= mask
    return found


def _mask(length: int, positions: np.ndarray) -> np.ndarray:
    mask = np.zeros(length, bool)
    mask[positions] = True
    return mask

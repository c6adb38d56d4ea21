"""The check pass: every row of a frame, slice by slice -> what is wrong with it, and what becomes of it.

The order decides: id, then duplicates, then nothing to send, then values, then size. A row that is left out for one
reason is not looked at for the next.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa

from mixpanel_pandas.delivery.summary import LeftOut
from mixpanel_pandas.looks import Masks, Seen, collect, emails_of, has_value, look_at_ids, read_columns
from mixpanel_pandas.payloads.ahead import ahead
from mixpanel_pandas.payloads.ids import IdDigest, folded, ids_of, repeated
from mixpanel_pandas.payloads.normalise import longest_text, normalise_column, nulls_in
from mixpanel_pandas.payloads.repeats import Repeats
from mixpanel_pandas.payloads.slices import Changes, encode_merged, encode_slice
from mixpanel_pandas.problems import Problem, problem_of, problem_of_note, remedy_for, severity_of
from mixpanel_pandas.rules.checks import CHECKS
from mixpanel_pandas.rules.limits import LIMITS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import pandas as pd

    from mixpanel_pandas.payloads.batches import Payloads
    from mixpanel_pandas.payloads.plan import Plan

__all__ = ["Inspection", "inspect"]

#: Bytes that stand in a record around its properties, with room to spare, but for the id.
RECORD_BYTES = 400

#: Where a check stands in the table, so that a report does not depend on how a frame is sliced.
_PLACE = {name: place for place, name in enumerate(CHECKS)}


@dataclass
class Inspection:
    """What is wrong with a frame, and what becomes of its rows.

    Attributes
    ----------
    frame, plan
        What was looked at.
    changes : Changes
        What is left out or cut.
    digest : str
        Of all ids, in order.
    problems : list of Problem
        Ids first, then columns in their order, then whole rows.
    left_out : list of LeftOut
        One for each reason; no row is in two.
    repeats : Repeats or None
        The rows whose id stands in several rows, where all of them are sent one after the other.
    """

    frame: pd.DataFrame
    plan: Plan
    changes: Changes
    digest: str = ""
    problems: list[Problem] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    repeats: Repeats | None = None

    @property
    def sent(self) -> int:
        """Number of rows that are sent; those that are merged count as one."""
        return self.changes.sent

    def leave_out(
        self, rows: np.ndarray, outcome: Literal["invalid", "skipped"], reason: str, error: str
    ) -> None:
        """Leave out those of `rows`, a mask, that are still in."""
        rows = rows & ~self.changes.left_out
        if rows.any():
            self.changes.left_out |= rows
            self.left_out.append(LeftOut(np.flatnonzero(rows), outcome, reason, error))

    def add(self, problem: Problem, rows: np.ndarray | None, number: int | None = None) -> None:
        """Note a problem of those of `rows`, a mask, that are still in, and do what `invalid` asks for.

        Parameters
        ----------
        problem : Problem
            Without its rows.
        rows : numpy.ndarray or None
            None for a column as a whole.
        number : int, optional
            Of the column in the plan, if it is one of the plan's.
        """
        if rows is not None:
            rows = rows & ~self.changes.left_out
            if not rows.any():
                return
        remedy = remedy_for(problem, rows, number, self.plan.operation.option("invalid"))
        self.problems.append(replace(problem, rows=rows, stands=remedy == "raise"))
        if rows is None or remedy in {"", "raise"}:
            return
        if remedy == "drop_row":
            self.leave_out(rows, "invalid", problem.words, problem.message)
        elif number is not None:
            masks = self.changes.dropped if remedy == "drop_value" else self.changes.cut
            masks[number] = masks.get(number, False) | rows


def inspect(frame: pd.DataFrame, plan: Plan, theirs: Iterable[Problem] = ()) -> Inspection:
    """Return what is wrong with a frame, and what becomes of its rows.

    Parameters
    ----------
    theirs : iterable of Problem
        What the user's own schema found. It counts before rows with nothing to send are left out: that a value is there
        may be what the schema asks for.
    """
    inspection = Inspection(frame, plan, Changes(np.zeros(len(frame), bool)))
    ids = _inspect_ids(inspection)
    for note in plan.notes:
        inspection.add(problem_of_note(note), None)
    _inspect_theirs(inspection, theirs)
    seen = read_columns(plan, _accumulating(inspection))
    inspection.changes.read = seen.read
    _leave_out_silent(inspection, seen)
    _inspect_values(inspection, ids, seen)
    _leave_out_silent(inspection, seen)  # a row may have lost those with which it was to be merged
    _inspect_drops(inspection, seen)
    _inspect_sizes(inspection, seen, ids.longest)
    pa.default_memory_pool().release_unused()  # it would stand beside what encoding needs
    return inspection


def _accumulating(inspection: Inspection) -> Repeats | None:
    """Return the rows whose values meet on one profile with those of other rows, if there are any."""
    if inspection.repeats is not None:
        return inspection.repeats
    return inspection.changes.merged if len(inspection.changes.merged) else None


def _leave_out_silent(inspection: Inspection, seen: Seen) -> None:
    """Leave out rows that say nothing about any property, and have not lost what they said."""
    if inspection.plan.columns and not inspection.plan.removed:
        error = "no property of the row has a value"
        inspection.leave_out(_silent(inspection, seen), "skipped", "nothing to send", error)


def _silent(inspection: Inspection, seen: Seen) -> np.ndarray:
    """Return the mask of the rows that say nothing, nor do those with which they are merged."""
    silent: np.ndarray = ~inspection.changes.together.shared(seen.said > 0)
    return silent


# -- ids ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ids:
    """What one look at all ids found.

    Attributes
    ----------
    hashes, usable : numpy.ndarray
        One for each row, and the mask of the rows with an id that can be sent; empty where nobody asks for them again.
    around : dict of str to numpy.ndarray
        What is wrong beside them, with ``$ip`` and ``$time``: name of a check -> mask.
    longest : int
        Bytes that what stands around the properties of a row does not pass.
    """

    hashes: np.ndarray
    usable: np.ndarray
    around: Masks
    longest: int


def _inspect_ids(inspection: Inspection) -> Ids:
    """Find what is wrong with ids, alone and among themselves."""
    plan = inspection.plan
    of_ids: Masks = {}
    of_records: Masks = {}
    longest = 0
    digest = IdDigest()
    hashes = alike = np.zeros(plan.rows, np.uint64)  # the same until some of them differ
    usable = np.zeros(plan.rows, bool)
    spans = list(plan.spans())
    looks = ahead(partial(look_at_ids, plan), spans, threaded=plan.threaded)
    for rows, look in zip(spans, looks, strict=True):
        digest.update(look.ids)
        longest = max(longest, longest_text(look.ids))
        hashes[rows] = look.hashes
        if look.alike is not look.hashes and alike is hashes:
            alike = hashes.copy()
        alike[rows] = look.alike
        usable[rows] = ~nulls_in(look.ids)
        for name, mask in look.problems:
            collect(of_ids if CHECKS[name].of == "id" else of_records, name, mask, rows, plan.rows)
    inspection.digest = digest.hexdigest()
    for name, mask in _in_order(of_ids):
        if severity_of(CHECKS[name], plan) == "error":
            usable &= ~mask
        inspection.add(problem_of(CHECKS[name], plan), mask)
    _inspect_duplicates(inspection, hashes, usable)
    if alike is not hashes:
        similar = _shared(alike, hashes, usable, lambda positions: folded(ids_of(plan.id, positions)))
        inspection.add(problem_of(CHECKS["similar_id"], plan), similar)
    records = len(plan.operation.operators) + 1  # one to remove properties
    if not emails_of(plan):
        hashes, usable = hashes[:0].copy(), usable[:0].copy()
    return Ids(hashes, usable, of_records, records * (RECORD_BYTES + 6 * longest))


def _inspect_duplicates(inspection: Inspection, hashes: np.ndarray, usable: np.ndarray) -> None:
    """Find ids that stand in several rows; of these the last one is sent, or all merged, or all in their order, or none."""
    positions, groups = repeated(hashes, usable, lambda at: ids_of(inspection.plan.id, at))
    if not positions.size:
        return
    wanted = inspection.plan.operation.option("duplicates")
    if wanted == "all":
        inspection.repeats = Repeats(positions, groups)
    elif wanted == "merge":
        inspection.changes.merged = Repeats(positions, groups)
    elif wanted == "last":
        superseded = _mask(len(hashes), positions[Repeats(positions, groups).last() != positions])
        inspection.leave_out(superseded, "skipped", "superseded", "a later row holds the same id")
    else:
        problem = problem_of(CHECKS["duplicate_id"], inspection.plan)
        inspection.add(problem, _mask(len(hashes), positions))


def _shared(
    hashes: np.ndarray, ids: np.ndarray, usable: np.ndarray, texts_at: Callable[[np.ndarray], Any]
) -> np.ndarray:
    """Return the mask of the rows whose text stands on several ids.

    Parameters
    ----------
    hashes, ids : numpy.ndarray
        Hashes of the texts and of the ids.
    usable : numpy.ndarray
        Mask of the rows that have both.
    texts_at : callable
        Positions -> their texts.
    """
    positions, groups = repeated(hashes, usable, texts_at)
    one_of = np.zeros(groups.max(initial=-1) + 1, np.uint64)
    one_of[groups] = ids[positions]
    others = np.bincount(groups, one_of[groups] != ids[positions]) > 0
    return _mask(len(hashes), positions[others[groups]])


# -- values -------------------------------------------------------------------------------------------------------


def _inspect_values(inspection: Inspection, ids: Ids, seen: Seen) -> None:
    """Note what is wrong with values, and what stands in a record beside them."""
    plan = inspection.plan
    for name, mask in _in_order(ids.around):
        inspection.add(problem_of(CHECKS[name], plan), mask)
    emails = emails_of(plan)
    for number, (column, masks) in enumerate(zip(plan.columns, seen.masks, strict=True)):
        for name, mask in _in_order(masks):
            inspection.add(problem_of(CHECKS[name], plan, number), mask, number)
        if column is emails:
            usable = ids.usable & seen.has_email & ~inspection.changes.left_out
            shared = _shared(
                seen.emails,
                ids.hashes,
                usable,
                lambda at: folded(normalise_column(plan, emails, at).array),
            )
            inspection.add(problem_of(CHECKS["shared_email"], plan, number), shared, number)


def _inspect_theirs(inspection: Inspection, theirs: Iterable[Problem]) -> None:
    """Note what the user's own schema found."""
    numbers = {c.label: number for number, c in enumerate(inspection.plan.columns) if c.key is None}
    for problem in theirs:
        inspection.add(problem, problem.rows, numbers.get(problem.column))


def _inspect_drops(inspection: Inspection, seen: Seen) -> None:
    """Find rows that have lost all their values, and those that have too many left."""
    plan = inspection.plan
    for number, dropped in inspection.changes.dropped.items():
        column = plan.columns[number]
        for rows in plan.spans():
            if dropped[rows].any():
                has = has_value(normalise_column(plan, column, rows))
                seen.said[rows] -= dropped[rows] & (has | (column.missing != "skip"))
                seen.held[rows] -= dropped[rows] & (has | (column.missing == "null"))
    if inspection.changes.dropped and not plan.removed:
        error = "every value of the row was left out as invalid"
        inspection.leave_out(_silent(inspection, seen), "invalid", "no value left", error)
    many = seen.held > LIMITS["properties"].value
    repeats = _accumulating(inspection)
    if repeats is not None and seen.of_ids.size:
        together = seen.of_ids[repeats.groups] > LIMITS["properties"].value
        many[repeats.positions[together]] = True
    inspection.add(problem_of(CHECKS["many_properties"], plan), many)


# -- whole rows ---------------------------------------------------------------------------------------------------


def _inspect_sizes(inspection: Inspection, seen: Seen, around: int) -> None:
    """Find rows over the limit, of those that are merged all of the id.

    Parameters
    ----------
    around : int
        Bytes that what stands around the properties of a row does not pass.
    """
    plan, together = inspection.plan, inspection.changes.together
    masks = {name: np.zeros(plan.rows, bool) for name in ("large_update", "large_row")}
    for payloads in _perhaps_large(inspection, seen.longest + around):
        heavy = np.diff(payloads.offsets) > LIMITS["row_bytes"].value
        masks["large_update"][payloads.positions[heavy & (payloads.updates == 1)]] = True
        masks["large_row"][payloads.positions[heavy & (payloads.updates > 1)]] = True
    for name, mask in masks.items():
        inspection.add(problem_of(CHECKS[name], plan), together.shared(mask))


def _perhaps_large(inspection: Inspection, longest: np.ndarray) -> Iterator[Payloads]:
    """Yield payloads to weigh: only of spans in which a row may be over the limit."""
    plan, changes = inspection.plan, inspection.changes
    for span, most in zip(plan.spans(), longest[:-1], strict=True):
        for rows in plan.slices(span) if most > LIMITS["update_bytes"].value else ():
            if changes.alone(rows).any():
                yield encode_slice(plan, changes, rows, token=" " * 32)
    if longest[-1] > LIMITS["update_bytes"].value:
        yield from encode_merged(plan, changes, token=" " * 32)


# -- masks --------------------------------------------------------------------------------------------------------


def _in_order(masks: Masks) -> list[tuple[str, np.ndarray]]:
    """Return the masks in the order of the table."""
    return sorted(masks.items(), key=lambda item: _PLACE[item[0]])


def _mask(length: int, positions: np.ndarray) -> np.ndarray:
    mask = np.zeros(length, bool)
    mask[positions] = True
    return mask

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

from mixpanel_pandas.checking.findings import Finding, finding_of, finding_of_note, remedy_for, severity_of
from mixpanel_pandas.checking.scan import Masks, Scan, collect, emails_of, has_value, scan_columns, scan_ids
from mixpanel_pandas.payloads.arrays import longest_text, nulls_in
from mixpanel_pandas.payloads.changes import Changes, Excluded
from mixpanel_pandas.payloads.duplicates import Duplicates
from mixpanel_pandas.payloads.ids import IdDigest, folded, ids_of, repeated
from mixpanel_pandas.payloads.normalise import normalise_column
from mixpanel_pandas.payloads.prefetch import prefetch
from mixpanel_pandas.payloads.slices import encode_merged, encode_slice
from mixpanel_pandas.rules.checks import CHECKS
from mixpanel_pandas.rules.limits import LIMITS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import pandas as pd

    from mixpanel_pandas.payloads.batches import Payloads
    from mixpanel_pandas.payloads.layout import Layout

__all__ = ["Decisions", "decide"]

#: Bytes that stand in a record around its properties, with room to spare, but for the id.
RECORD_BYTES = 400

#: Where a check stands in the table, so that a report does not depend on how a frame is sliced.
_PLACE = {name: place for place, name in enumerate(CHECKS)}


@dataclass
class Decisions:
    """What is wrong with a frame, and what becomes of its rows.

    Attributes
    ----------
    frame, layout
        What was looked at.
    changes : Changes
        What is left out or cut.
    digest : str
        Of all ids, in order.
    findings : list of Finding
        Ids first, then columns in their order, then whole rows.
    excluded : list of LeftOut
        One for each reason; no row is in two.
    duplicates : Duplicates or None
        The rows whose id stands in several rows, where all of them are sent one after the other.
    """

    frame: pd.DataFrame
    layout: Layout
    changes: Changes
    digest: str = ""
    findings: list[Finding] = field(default_factory=list)
    excluded: list[Excluded] = field(default_factory=list)
    duplicates: Duplicates | None = None

    @property
    def sent(self) -> int:
        """Number of rows that are sent; those that are merged count as one."""
        return self.changes.sent

    def exclude(
        self, rows: np.ndarray, outcome: Literal["invalid", "skipped"], reason: str, error: str
    ) -> None:
        """Leave out those of `rows`, a mask, that are still in."""
        rows = rows & ~self.changes.excluded
        if rows.any():
            self.changes.excluded |= rows
            self.excluded.append(Excluded(np.flatnonzero(rows), outcome, reason, error))

    def add(self, finding: Finding, rows: np.ndarray | None, number: int | None = None) -> None:
        """Note a finding of those of `rows`, a mask, that are still in, and do what `invalid` asks for.

        Parameters
        ----------
        finding : Finding
            Without its rows.
        rows : numpy.ndarray or None
            None for a column as a whole.
        number : int, optional
            Of the column in the layout, if it is one of the plan's.
        """
        if rows is not None:
            rows = rows & ~self.changes.excluded
            if not rows.any():
                return
        remedy = remedy_for(finding, rows, number, self.layout.operation.options.invalid)
        self.findings.append(replace(finding, rows=rows, stands=remedy == "raise"))
        if rows is None or remedy in {"", "raise"}:
            return
        if remedy == "drop_row":
            self.exclude(rows, "invalid", finding.words, finding.message)
        elif number is not None:
            masks = self.changes.dropped if remedy == "drop_value" else self.changes.cut
            masks[number] = masks.get(number, False) | rows


def decide(frame: pd.DataFrame, layout: Layout, theirs: Iterable[Finding] = ()) -> Decisions:
    """Return what is wrong with a frame, and what becomes of its rows.

    Parameters
    ----------
    theirs : iterable of Finding
        What the user's own schema found. It counts before rows with nothing to send are left out: that a value is there
        may be what the schema asks for.
    """
    decisions = Decisions(frame, layout, Changes(np.zeros(len(frame), bool)))
    ids = _inspect_ids(decisions)
    for note in layout.notes:
        decisions.add(finding_of_note(note), None)
    _inspect_theirs(decisions, theirs)
    scan = scan_columns(layout, _accumulating(decisions))
    decisions.changes.read = scan.read
    _leave_out_silent(decisions, scan)
    _inspect_values(decisions, ids, scan)
    _leave_out_silent(decisions, scan)  # a row may have lost those with which it was to be merged
    _inspect_drops(decisions, scan)
    _inspect_sizes(decisions, scan, ids.longest)
    pa.default_memory_pool().release_unused()  # it would stand beside what encoding needs
    return decisions


def _accumulating(decisions: Decisions) -> Duplicates | None:
    """Return the rows whose values meet on one profile with those of other rows, if there are any."""
    if decisions.duplicates is not None:
        return decisions.duplicates
    return decisions.changes.merged if len(decisions.changes.merged) else None


def _leave_out_silent(decisions: Decisions, scan: Scan) -> None:
    """Leave out rows that say nothing about any property, and have not lost what they said."""
    if decisions.layout.columns and not decisions.layout.removed:
        error = "no property of the row has a value"
        decisions.exclude(_silent(decisions, scan), "skipped", "nothing to send", error)


def _silent(decisions: Decisions, scan: Scan) -> np.ndarray:
    """Return the mask of the rows that say nothing, nor do those with which they are merged."""
    silent: np.ndarray = ~decisions.changes.together.shared(scan.said > 0)
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


def _inspect_ids(decisions: Decisions) -> Ids:
    """Find what is wrong with ids, alone and among themselves."""
    layout = decisions.layout
    of_ids: Masks = {}
    of_records: Masks = {}
    longest = 0
    digest = IdDigest()
    hashes = alike = np.zeros(layout.rows, np.uint64)  # the same until some of them differ
    usable = np.zeros(layout.rows, bool)
    spans = list(layout.spans())
    scans = prefetch(partial(scan_ids, layout), spans, threaded=layout.threaded)
    for rows, slice_scan in zip(spans, scans, strict=True):
        digest.update(slice_scan.ids)
        longest = max(longest, longest_text(slice_scan.ids))
        hashes[rows] = slice_scan.hashes
        if slice_scan.alike is not slice_scan.hashes and alike is hashes:
            alike = hashes.copy()
        alike[rows] = slice_scan.alike
        usable[rows] = ~nulls_in(slice_scan.ids)
        for name, mask in slice_scan.findings:
            collect(of_ids if CHECKS[name].of == "id" else of_records, name, mask, rows, layout.rows)
    decisions.digest = digest.hexdigest()
    for name, mask in _in_order(of_ids):
        if severity_of(CHECKS[name], layout) == "error":
            usable &= ~mask
        decisions.add(finding_of(CHECKS[name], layout), mask)
    _inspect_duplicates(decisions, hashes, usable)
    if alike is not hashes:
        similar = _shared(alike, hashes, usable, lambda positions: folded(ids_of(layout.id, positions)))
        decisions.add(finding_of(CHECKS["similar_id"], layout), similar)
    records = len(layout.operation.operators) + 1  # one to remove properties
    if not emails_of(layout):
        hashes, usable = hashes[:0].copy(), usable[:0].copy()
    return Ids(hashes, usable, of_records, records * (RECORD_BYTES + 6 * longest))


def _inspect_duplicates(decisions: Decisions, hashes: np.ndarray, usable: np.ndarray) -> None:
    """Find ids that stand in several rows; of these the last one is sent, or all merged, or all in their order, or none."""
    positions, groups = repeated(hashes, usable, lambda at: ids_of(decisions.layout.id, at))
    if not positions.size:
        return
    wanted = decisions.layout.operation.options.duplicates
    if wanted == "all":
        decisions.duplicates = Duplicates(positions, groups)
    elif wanted == "merge":
        decisions.changes.merged = Duplicates(positions, groups)
    elif wanted == "last":
        superseded = _mask(len(hashes), positions[Duplicates(positions, groups).last() != positions])
        decisions.exclude(superseded, "skipped", "superseded", "a later row holds the same id")
    else:
        finding = finding_of(CHECKS["duplicate_id"], decisions.layout)
        decisions.add(finding, _mask(len(hashes), positions))


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


def _inspect_values(decisions: Decisions, ids: Ids, scan: Scan) -> None:
    """Note what is wrong with values, and what stands in a record beside them."""
    layout = decisions.layout
    for name, mask in _in_order(ids.around):
        decisions.add(finding_of(CHECKS[name], layout), mask)
    emails = emails_of(layout)
    for number, (column, masks) in enumerate(zip(layout.columns, scan.masks, strict=True)):
        for name, mask in _in_order(masks):
            decisions.add(finding_of(CHECKS[name], layout, number), mask, number)
        if column is emails:
            usable = ids.usable & scan.has_email & ~decisions.changes.excluded
            shared = _shared(
                scan.emails,
                ids.hashes,
                usable,
                lambda at: folded(normalise_column(layout, emails, at).array),
            )
            decisions.add(finding_of(CHECKS["shared_email"], layout, number), shared, number)


def _inspect_theirs(decisions: Decisions, theirs: Iterable[Finding]) -> None:
    """Note what the user's own schema found."""
    numbers = {c.label: number for number, c in enumerate(decisions.layout.columns) if c.key is None}
    for finding in theirs:
        decisions.add(finding, finding.rows, numbers.get(finding.column))


def _inspect_drops(decisions: Decisions, scan: Scan) -> None:
    """Find rows that have lost all their values, and those that have too many left."""
    layout = decisions.layout
    for number, dropped in decisions.changes.dropped.items():
        column = layout.columns[number]
        for rows in layout.spans():
            if dropped[rows].any():
                has = has_value(normalise_column(layout, column, rows))
                scan.said[rows] -= dropped[rows] & (has | (column.missing != "skip"))
                scan.held[rows] -= dropped[rows] & (has | (column.missing == "null"))
    if decisions.changes.dropped and not layout.removed:
        error = "every value of the row was left out as invalid"
        decisions.exclude(_silent(decisions, scan), "invalid", "no value left", error)
    many = scan.held > LIMITS["properties"].value
    duplicates = _accumulating(decisions)
    if duplicates is not None and scan.of_ids.size:
        together = scan.of_ids[duplicates.groups] > LIMITS["properties"].value
        many[duplicates.positions[together]] = True
    decisions.add(finding_of(CHECKS["many_properties"], layout), many)


# -- whole rows ---------------------------------------------------------------------------------------------------


def _inspect_sizes(decisions: Decisions, scan: Scan, around: int) -> None:
    """Find rows over the limit, of those that are merged all of the id.

    Parameters
    ----------
    around : int
        Bytes that what stands around the properties of a row does not pass.
    """
    layout, together = decisions.layout, decisions.changes.together
    masks = {name: np.zeros(layout.rows, bool) for name in ("large_update", "large_row")}
    for payloads in _perhaps_large(decisions, scan.longest + around):
        heavy = np.diff(payloads.offsets) > LIMITS["row_bytes"].value
        masks["large_update"][payloads.positions[heavy & (payloads.updates == 1)]] = True
        masks["large_row"][payloads.positions[heavy & (payloads.updates > 1)]] = True
    for name, mask in masks.items():
        decisions.add(finding_of(CHECKS[name], layout), together.shared(mask))


def _perhaps_large(decisions: Decisions, longest: np.ndarray) -> Iterator[Payloads]:
    """Yield payloads to weigh: only of spans in which a row may be over the limit."""
    layout, changes = decisions.layout, decisions.changes
    for span, most in zip(layout.spans(), longest[:-1], strict=True):
        for rows in layout.slices(span) if most > LIMITS["update_bytes"].value else ():
            if changes.alone(rows).any():
                yield encode_slice(layout, changes, rows, token=" " * 32)
    if longest[-1] > LIMITS["update_bytes"].value:
        yield from encode_merged(layout, changes, token=" " * 32)


# -- masks --------------------------------------------------------------------------------------------------------


def _in_order(masks: Masks) -> list[tuple[str, np.ndarray]]:
    """Return the masks in the order of the table."""
    return sorted(masks.items(), key=lambda item: _PLACE[item[0]])


def _mask(length: int, positions: np.ndarray) -> np.ndarray:
    mask = np.zeros(length, bool)
    mask[positions] = True
    return mask

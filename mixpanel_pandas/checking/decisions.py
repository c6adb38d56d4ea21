"""The check of a whole frame: what is wrong with it, and what becomes of each of its rows.

The order of the steps matters: ids, duplicates, the user's schema, rows with nothing to send, values, size. A row that one step
excludes is not looked at by the next.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
import pyarrow as pa
from pandas.api.types import is_float_dtype

from mixpanel_pandas.checking.findings import Finding, column_findings, finding_of, severity_of
from mixpanel_pandas.checking.id_scan import id_digest, scan_ids
from mixpanel_pandas.checking.remedies import refuse_impossible_remedies, remedy_for
from mixpanel_pandas.checking.scan import ValueScan, email_column, key_of_column, scan_values
from mixpanel_pandas.checking.text_columns import (
    email_message,
    look_at_column,
    look_finding,
    missing_markers,
    missing_message,
    na_for,
)
from mixpanel_pandas.payloads.changes import Changes, Excluded
from mixpanel_pandas.payloads.duplicates import Duplicates
from mixpanel_pandas.payloads.ids import folded, ids_of, repeated
from mixpanel_pandas.payloads.layout import layout_of_ids, make_layout
from mixpanel_pandas.payloads.measures import ESCAPED_BYTES
from mixpanel_pandas.payloads.memory import give_back
from mixpanel_pandas.payloads.normalise import normalise_column
from mixpanel_pandas.payloads.row_set import RowSet
from mixpanel_pandas.payloads.slices import encode_merged, encode_slice
from mixpanel_pandas.rules.checks import CHECKS, SEVERITIES
from mixpanel_pandas.rules.limits import LIMITS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import pandas as pd

    from mixpanel_pandas.checking.id_scan import IdScan
    from mixpanel_pandas.checking.scan import ScanMemo
    from mixpanel_pandas.checking.text_columns import ColumnLook
    from mixpanel_pandas.checking.user_schema import UserSchema
    from mixpanel_pandas.payloads.batches import Payloads
    from mixpanel_pandas.payloads.layout import Layout, PropertyColumn
    from mixpanel_pandas.payloads.measures import Masks
    from mixpanel_pandas.rules.operation import Operation

__all__ = ["Decisions", "check_frame", "decide", "user_schema_of"]

#: Bytes that a record takes beside its id and its properties, rounded up.
RECORD_BYTES = 400

#: As long as every token, so that sizes are right.
TOKEN = " " * 32

#: A mask or a set of the rows that do not pass a check.
Failing = TypeVar("Failing", np.ndarray, RowSet)

#: Check -> its place in the table. Findings come in this order, however a frame is sliced.
_PLACES = {name: place for place, name in enumerate(CHECKS)}


@dataclass
class Decisions:
    """What is wrong with a frame, and what becomes of its rows.

    Attributes
    ----------
    frame, layout
        What was checked.
    changes : Changes
        What is excluded, dropped, cut or merged before the frame is sent.
    digest : str
        Of all ids, in order.
    findings : list of Finding
        Worst first; of one severity ids first, then columns in their order, then whole rows.
    excluded : list of Excluded
        One for each reason; no row is in two of them.
    duplicates : Duplicates or None
        The rows whose id is in several rows, where all of them are sent one after the other.
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
        """Number of rows that are sent; rows that are merged count as one."""
        return self.changes.sent

    def copy(self) -> Decisions:
        """Return the same decisions, for a call that excludes further rows."""
        changes = replace(self.changes, excluded=self.changes.excluded.copy())
        return replace(self, changes=changes, excluded=list(self.excluded))

    def exclude(
        self, rows: np.ndarray, outcome: Literal["invalid", "skipped", "not_sent"], reason: str, error: str
    ) -> None:
        """Exclude those of `rows`, a mask, that are not excluded yet."""
        rows = rows & ~self.changes.excluded
        if rows.any():
            self.changes.excluded |= rows
            self.excluded.append(Excluded(np.flatnonzero(rows), outcome, reason, error))

    def find(
        self, check: str, rows: np.ndarray, number: int | None = None, message: str | None = None
    ) -> None:
        """Report those of `rows`, a mask, that do not pass a check.

        Parameters
        ----------
        check : str
            Name of the check.
        rows : numpy.ndarray
            Mask.
        number : int, optional
            Number of the column in the layout, for values of a property.
        message : str, optional
            What is wrong, if more is known than what the check says.
        """
        if rows.any():
            finding = finding_of(CHECKS[check], self.layout, number)
            self.report(finding if message is None else replace(finding, message=message), rows, number)

    def report(self, finding: Finding, rows: np.ndarray | None, number: int | None = None) -> None:
        """Add a finding of those of `rows` that are not excluded yet, and do with them what `invalid` asks for.

        Parameters
        ----------
        finding : Finding
            Without its rows.
        rows : numpy.ndarray or None
            Mask; None for a column as a whole.
        number : int, optional
            Number of the column in the layout, for values of a property.
        """
        if rows is not None:
            rows = rows & ~self.changes.excluded
            if not rows.any():
                return
        finding = replace(finding, rows=None if rows is None else RowSet.of_mask(rows))
        invalid = self.layout.operation.options.invalid
        remedy = remedy_for(finding, of_property=number is not None, invalid=invalid)
        self.findings.append(replace(finding, stands=remedy == "raise"))
        if remedy == "drop_row" and rows is not None:
            self.exclude(rows, "invalid", finding.words, finding.message)
        changed = {"drop_value": self.changes.dropped, "truncate": self.changes.cut}.get(remedy)
        if changed is not None and number is not None:
            of_whole = np.ones(self.layout.rows, bool) if rows is None else rows
            changed[number] = _with_rows(changed.get(number), of_whole)


def _with_rows(earlier: RowSet | None, rows: np.ndarray) -> RowSet:
    """Return some rows, a mask, and those of earlier findings."""
    return RowSet.of_mask(rows if earlier is None else rows | earlier.mask(len(rows)))


def check_frame(frame: pd.DataFrame, operation: Operation) -> Decisions:
    """Lay out and check a frame for an operation.

    The frame is copied without its values first: columns that are set, moved or dropped meanwhile do not matter.

    Raises
    ------
    OperationError
        If the call makes no sense on the frame, a column cannot be read, the user's schema cannot be used, or `invalid` names no
        check.
    """
    frame = frame.copy(deep=False)
    layout = make_layout(frame, operation)
    user_schema = user_schema_of(operation)
    return decide(frame, layout, user_schema.findings(frame) if user_schema is not None else ())


def user_schema_of(operation: Operation) -> UserSchema | None:
    """Return the schema that the call names, and check the option `invalid`, which may name checks of the schema.

    Raises
    ------
    OperationError
        If the option `schema` is no schema, or one that would change the frame, or if `invalid` names no check.
    """
    user_schema = None
    if operation.options.schema is not None:
        from mixpanel_pandas.checking.user_schema import UserSchema  # imports pandera: about a second

        user_schema = UserSchema(operation.options.schema)
    names = () if user_schema is None else user_schema.check_names
    refuse_impossible_remedies(operation.options.invalid, names)
    return user_schema


def decide(
    frame: pd.DataFrame,
    layout: Layout,
    user_findings: Iterable[Finding] = (),
    memo: ScanMemo | None = None,
) -> Decisions:
    """Return what is wrong with a frame, and what becomes of its rows.

    Parameters
    ----------
    user_findings : iterable of Finding
        What the user's own schema finds. They count before rows with nothing to send are excluded: a schema may ask for values
        that are not there.
    memo : ScanMemo, optional
        What the latest check of the same frame has scanned.
    """
    decisions = Decisions(frame, layout, Changes(np.zeros(len(frame), bool)))
    if memo is not None:
        memo.begin()
    ids = _check_ids(decisions, memo)
    numbers: dict[tuple[Any, str | None], int] = {
        (column.label, column.name): number for number, column in enumerate(layout.columns)
    }
    for finding in column_findings(layout):
        decisions.report(finding, None, numbers.get((finding.column, finding.name)))
    _report_user_findings(decisions, user_findings)
    scan = scan_values(layout, _merging(decisions), memo)
    decisions.changes.read = scan.normalised
    _exclude_empty_rows(decisions, scan)
    _check_values(decisions, ids, scan, memo)
    _exclude_empty_rows(decisions, scan)  # a row may have lost the rows with which it was to be merged
    _check_number_of_properties(decisions, scan)
    _check_sizes(decisions, scan.longest + ids.longest_record)
    decisions.findings.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    pa.default_memory_pool().release_unused()  # encoding will need memory of its own
    return decisions


def _merging(decisions: Decisions) -> Duplicates | None:
    """Return the rows whose values meet on one profile with the values of other rows, if there are any."""
    if decisions.duplicates is not None:
        return decisions.duplicates
    return decisions.changes.merged if decisions.changes.merged.positions.size else None


# -- ids ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CheckedIds:
    """What later steps need to know of the ids.

    Attributes
    ----------
    hashes, usable : numpy.ndarray
        Hash of each id, and the mask of the rows whose id can be sent; empty where no column holds ``$email``.
    record_masks : dict of str to numpy.ndarray
        Check of ``$ip`` or ``$time`` -> mask.
    longest_record : int
        Bytes that a record takes beside its properties, at most.
    """

    hashes: np.ndarray
    usable: np.ndarray
    record_masks: Masks
    longest_record: int


def _check_ids(decisions: Decisions, memo: ScanMemo | None) -> CheckedIds:
    """Check each id, and the ids among each other."""
    layout = decisions.layout
    scan = scan_ids(layout, memo)
    decisions.digest = _digest_of_frame(decisions, scan)
    usable = scan.present
    for name, mask in _in_order(scan.masks):
        if severity_of(CHECKS[name], layout) == "error":
            usable &= ~mask
        decisions.find(name, mask)
    if "inexact_id" not in scan.masks and is_float_dtype(layout.id.at(slice(0, 0)).dtype):
        decisions.report(finding_of(CHECKS["float_ids"], layout), None)
    _check_duplicates(decisions, scan.hashes, usable)
    if scan.folded_hashes is not scan.hashes:
        similar = _rows_sharing(
            scan.folded_hashes, scan.hashes, usable, lambda rows: folded(ids_of(layout.id, rows))
        )
        decisions.find("similar_id", similar)
    records = len(layout.operation.operators) + 1  # one to remove properties
    longest_record = records * (RECORD_BYTES + ESCAPED_BYTES * scan.longest)
    if email_column(layout):
        return CheckedIds(scan.hashes, usable, scan.record_masks, longest_record)
    return CheckedIds(np.zeros(0, np.uint64), np.zeros(0, bool), scan.record_masks, longest_record)


def _digest_of_frame(decisions: Decisions, scan: IdScan) -> str:
    """Return the digest of the ids as the frame holds them, with which a summary is matched: before `na` and `trim` change them."""
    layout, options = decisions.layout, decisions.layout.operation.options
    if layout.id.place < 0 or not (options.trim or options.na is not None):
        return scan.digest
    return id_digest(layout_of_ids(decisions.frame, layout.id.label))


def _check_duplicates(decisions: Decisions, hashes: np.ndarray, usable: np.ndarray) -> None:
    """Find ids that are in several rows, and do with them what the option `duplicates` asks for."""
    positions, groups = repeated(hashes, usable, lambda rows: ids_of(decisions.layout.id, rows))
    if not positions.size:
        return
    duplicates = Duplicates(positions, groups)
    choice = decisions.layout.operation.options.duplicates
    if choice == "all":
        decisions.duplicates = duplicates
    elif choice == "merge":
        decisions.changes.merged = duplicates
    elif choice == "last":
        superseded = _mask(len(hashes), positions[duplicates.last() != positions])
        decisions.exclude(superseded, "skipped", "superseded", "a later row has the same id")
    else:
        decisions.find("duplicate_id", _mask(len(hashes), positions))


def _rows_sharing(
    hashes: np.ndarray, id_hashes: np.ndarray, usable: np.ndarray, texts_at: Callable[[np.ndarray], Any]
) -> np.ndarray:
    """Return the mask of the rows whose text stands on several ids.

    Parameters
    ----------
    hashes, id_hashes : numpy.ndarray
        Hashes of the texts and of the ids.
    usable : numpy.ndarray
        Mask of the rows that have both.
    texts_at : callable
        Positions -> their texts.
    """
    positions, groups = repeated(hashes, usable, texts_at)
    one_of_group = np.zeros(groups.max(initial=-1) + 1, np.uint64)
    one_of_group[groups] = id_hashes[positions]
    has_others = np.bincount(groups, one_of_group[groups] != id_hashes[positions]) > 0
    return _mask(len(hashes), positions[has_others[groups]])


# -- values -------------------------------------------------------------------------------------------------------


def _report_user_findings(decisions: Decisions, user_findings: Iterable[Finding]) -> None:
    """Report what the user's own schema finds."""
    layout = decisions.layout
    numbers = {
        column.label: number
        for number, column in enumerate(layout.columns)
        if column.key is None and column.label != layout.id.label
    }
    for finding in user_findings:
        rows = None if finding.rows is None else finding.rows.mask(decisions.layout.rows)
        decisions.report(finding, rows, numbers.get(finding.column))


def _exclude_empty_rows(decisions: Decisions, scan: ValueScan) -> None:
    """Exclude rows that change no property."""
    if decisions.layout.columns and not decisions.layout.removed:
        error = "no property of the row has a value"
        decisions.exclude(_rows_without_change(decisions, scan), "skipped", "nothing to send", error)


def _rows_without_change(decisions: Decisions, scan: ValueScan) -> np.ndarray:
    """Return the mask of the rows that change no property, and are merged with no row that does."""
    without_change: np.ndarray = ~decisions.changes.shared(scan.touched > 0)
    return without_change


def _check_values(decisions: Decisions, ids: CheckedIds, scan: ValueScan, memo: ScanMemo | None) -> None:
    """Report what is wrong with ``$ip`` and ``$time``, and with the values of each column."""
    layout = decisions.layout
    for name, mask in _in_order(ids.record_masks):
        decisions.find(name, mask)
    emails = email_column(layout)
    markers = _markers_of_columns(layout, scan)
    na = na_for(chain.from_iterable(markers.values()), layout.operation.options.na)
    for number, (column, failing) in enumerate(zip(layout.columns, scan.failing, strict=True)):
        for name, rows in _in_order(failing):
            mask, message = rows.mask(layout.rows), None
            if name == "missing_as_text":
                message = missing_message(markers[number], na)
            elif name == "email":
                message = email_message(layout, column, mask)
            decisions.find(name, mask, number, message)
        look = _look(layout, column, scan.samples[number], memo)
        if look is not None:
            decisions.report(look_finding(layout, number, look, na), None, number)
        if column is emails:
            usable = ids.usable & scan.has_email & ~decisions.changes.excluded
            shared = _rows_sharing(
                scan.email_hashes,
                ids.hashes,
                usable,
                lambda rows: folded(normalise_column(layout, emails, rows).array),
            )
            decisions.find("shared_email", shared, number)


def _look(
    layout: Layout, column: PropertyColumn, sample: Sequence[str], memo: ScanMemo | None
) -> ColumnLook | None:
    if memo is None:
        return look_at_column(layout, column, sample)
    return memo.once(("look", key_of_column(layout, column)), lambda: look_at_column(layout, column, sample))


def _markers_of_columns(layout: Layout, scan: ValueScan) -> dict[int, list[str]]:
    """Return number of a column -> its missing-value markers.

    A finding names one value of `na` for all columns, so the markers of all columns are needed before the first is reported.
    """
    return {
        number: missing_markers(layout, layout.columns[number], failing["missing_as_text"].mask(layout.rows))
        for number, failing in enumerate(scan.failing)
        if "missing_as_text" in failing
    }


# -- whole rows ---------------------------------------------------------------------------------------------------


def _check_number_of_properties(decisions: Decisions, scan: ValueScan) -> None:
    """Exclude rows whose values are all dropped, and find rows that still have too many properties."""
    layout = decisions.layout
    _subtract_dropped(decisions, scan)
    if decisions.changes.dropped and not layout.removed:
        error = "every value of the row was left out as invalid"
        decisions.exclude(_rows_without_change(decisions, scan), "invalid", "no value left", error)
    most = LIMITS["properties"].value
    many = scan.written > most
    merging = _merging(decisions)
    if merging is not None and scan.written_by_id.size:
        many[merging.positions[scan.written_by_id[merging.groups] > most]] = True
    decisions.find("many_properties", many)


def _subtract_dropped(decisions: Decisions, scan: ValueScan) -> None:
    """Take values that are dropped from the counts of a scan."""
    layout = decisions.layout
    for number, dropped in decisions.changes.dropped.items():
        column = layout.columns[number]
        for span in layout.spans():
            if (rows := dropped.within(span)).any():
                has = normalise_column(layout, column, span).present
                scan.touched[span] -= rows & (has | (column.missing != "skip"))
                scan.written[span] -= rows & (has | (column.missing == "null"))
                give_back()


def _check_sizes(decisions: Decisions, longest: np.ndarray) -> None:
    """Find rows whose payloads are too large; where rows are merged, all rows of the id.

    Parameters
    ----------
    longest : numpy.ndarray
        Upper bounds in bytes: for each span, of the payload of a row; last, of the payload of rows that are merged.
    """
    layout = decisions.layout
    masks = {name: np.zeros(layout.rows, bool) for name in ("large_update", "large_row")}
    for payloads in _large_payloads(decisions, longest):
        commas = payloads.updates  # one behind each update
        large = np.diff(payloads.offsets) - commas > LIMITS["row_bytes"].value
        masks["large_update"][payloads.positions[large & (payloads.updates == 1)]] = True
        masks["large_row"][payloads.positions[large & (payloads.updates > 1)]] = True
    for name, mask in masks.items():
        if mask.any():
            decisions.find(name, decisions.changes.shared(mask))


def _large_payloads(decisions: Decisions, longest: np.ndarray) -> Iterator[Payloads]:
    """Yield the payloads of spans in which a row may be too large. Most frames have none, and are not encoded to know it."""
    layout, changes = decisions.layout, decisions.changes
    for span, bound in zip(layout.spans(), longest[:-1], strict=True):
        for rows in layout.slices(span) if bound > LIMITS["update_bytes"].value else ():
            if changes.alone(rows).any():
                yield encode_slice(layout, changes, rows, token=TOKEN)
                give_back()
    if longest[-1] > LIMITS["update_bytes"].value:
        yield from encode_merged(layout, changes, token=TOKEN)


# -- masks --------------------------------------------------------------------------------------------------------


def _in_order(rows: Mapping[str, Failing]) -> list[tuple[str, Failing]]:
    """Return check -> rows in the order of the table of checks."""
    return sorted(rows.items(), key=lambda item: _PLACES[item[0]])


def _mask(length: int, positions: np.ndarray) -> np.ndarray:
    mask = np.zeros(length, bool)
    mask[positions] = True
    return mask

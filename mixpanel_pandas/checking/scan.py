"""The scan of all values, column by column and span by span -> the rows that do not pass a check, and counts for each row.

`id_scan` does the same for the ids. `decisions` asks for both, and decides what becomes of the rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa

from mixpanel_pandas.checking.findings import types_expected
from mixpanel_pandas.checking.text_columns import is_looked_at, sample_of, texts_in_json
from mixpanel_pandas.payloads import measures
from mixpanel_pandas.payloads.arrays import longest_text, mask_of
from mixpanel_pandas.payloads.encoding import json_texts
from mixpanel_pandas.payloads.ids import folded, hash_texts
from mixpanel_pandas.payloads.normalise import Normalised, normalise_column
from mixpanel_pandas.payloads.prefetch import prefetch
from mixpanel_pandas.payloads.row_set import RowSet
from mixpanel_pandas.rules.checks import CHECKS
from mixpanel_pandas.rules.limits import LIMITS, RESERVED_PROPERTIES

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

    from mixpanel_pandas.payloads.duplicates import Duplicates
    from mixpanel_pandas.payloads.layout import Layout, PropertyColumn
    from mixpanel_pandas.payloads.measures import Masks
    from mixpanel_pandas.rules.checks import Check

__all__ = [
    "ScanMemo",
    "ValueScan",
    "add_mask",
    "email_column",
    "fails",
    "findings_of_slice",
    "key_of_column",
    "property_checks",
    "scan_values",
]

Made = TypeVar("Made")


class ScanMemo:
    """What the latest check of a frame has scanned, so that the next one scans only the columns that a change of the call touches.

    It is of one frame. What the check before the latest one needed and the latest did not is forgotten.
    """

    def __init__(self) -> None:
        self._before: dict[Hashable, Any] = {}
        self._now: dict[Hashable, Any] = {}

    def begin(self) -> None:
        """Begin another check."""
        self._before, self._now = self._now, {}

    def once(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """Return what was made under a key; it is made if it is not known."""
        made: Made
        made = self._now[key] = self._before[key] if key in self._before else make()
        return made


def key_of_column(layout: Layout, column: PropertyColumn) -> tuple[Hashable, ...]:
    """Return what decides how a column of a frame is scanned, and what is found."""
    options = layout.operation.options
    parse = None if column.parse is None else (column.parse.reading.name, column.parse.type)
    of_source = (column.source.place, column.source.in_index, column.key)
    of_property = (column.name, column.operator.verb, is_looked_at(layout, column), parse)
    return (*of_source, *of_property, options.blank, repr(options.na), options.trim)


_VALUE_CHECKS = [check for check in CHECKS.values() if check.of == "value" and check.finds]
_PROPERTY_CHECKS = {check.expects: check for check in CHECKS.values() if check.of == "property"}


@dataclass(frozen=True)
class ValueScan:
    """What the scan of all values finds.

    Attributes
    ----------
    failing : list of dict
        For each column of the layout, name of a check -> the rows that do not pass it.
    touched, written : numpy.ndarray
        For each row, how many properties it changes in any way, and to how many it writes a value or null.
    longest : numpy.ndarray
        Upper bounds in bytes: for each span, of the properties of a row; last, of the properties of all rows that are merged.
    email_hashes, has_email : numpy.ndarray
        Hash of each row's ``$email``, and the mask of the rows that have one; empty where no column holds them.
    written_by_id : numpy.ndarray
        For each id of several rows, to how many properties these write together; empty where that cannot be too many.
    samples : list of list of str
        For each column of the layout some of its texts, where these may look like more than text.
    normalised : dict of int to Normalised
        Number of a column of the layout -> its values, where all rows are one slice.
    """

    failing: list[dict[str, RowSet]]
    touched: np.ndarray
    written: np.ndarray
    longest: np.ndarray
    email_hashes: np.ndarray
    has_email: np.ndarray
    written_by_id: np.ndarray
    samples: list[list[str]]
    normalised: dict[int, Normalised] = field(default_factory=dict)


def scan_values(layout: Layout, duplicates: Duplicates | None, memo: ScanMemo | None = None) -> ValueScan:
    """Scan every value once, column by column and span by span.

    Parameters
    ----------
    memo : ScanMemo, optional
        What was scanned by the latest check of the frame. It holds on to what is scanned, which takes memory.
    duplicates : Duplicates or None
        Rows whose values meet on one profile.
    """
    spans = layout.spans()
    scan = _empty_scan(layout, len(spans), duplicates)
    pieces = _scanned_pieces(layout, spans, memo)
    counted = duplicates if len(scan.written_by_id) else None
    for number, column in enumerate(layout.columns):
        before = scan.written.copy() if counted is not None else scan.written
        longest = 0
        masks: Masks = {}
        for place, span in enumerate(spans):
            piece = next(pieces)
            for name, mask in piece.findings:
                add_mask(masks, name, mask, span, layout.rows)
            scan.longest[place] += piece.longest
            longest = max(longest, piece.longest)
            scan.touched[span] += piece.has_value if column.missing == "skip" else True
            scan.written[span] += piece.has_value if column.missing != "null" else True
            if piece.hashes is not None:
                scan.email_hashes[span] = piece.hashes
                scan.has_email[span] = piece.sendable
            scan.samples[number] += piece.sample
            if piece.values is not None:
                scan.normalised[number] = piece.values
        scan.failing.append({name: RowSet.of_mask(mask) for name, mask in masks.items()})
        scan.longest[-1] += longest
        if counted is not None:
            writes = (scan.written > before)[counted.positions]
            scan.written_by_id[np.unique(counted.groups[writes])] += 1
    return scan


def _empty_scan(layout: Layout, spans: int, duplicates: Duplicates | None) -> ValueScan:
    """Return a scan that has seen no column; only the names of removed properties take bytes."""
    count: Any = np.min_scalar_type(len(layout.columns))
    touched, written = np.zeros(layout.rows, count), np.zeros(layout.rows, count)
    longest = np.full(spans + 1, sum(map(_longest_name, layout.removed)))
    emails = layout.rows if email_column(layout) else 0
    too_many = len(layout.columns) > LIMITS["properties"].value
    groups = duplicates.groups.max() + 1 if duplicates and too_many else 0
    return ValueScan(
        failing=[],
        touched=touched,
        written=written,
        longest=longest,
        email_hashes=np.zeros(emails, np.uint64),
        has_email=np.zeros(emails, bool),
        written_by_id=np.zeros(groups, np.int64),
        samples=[[] for _column in layout.columns],
    )


@dataclass(frozen=True)
class Piece:
    """What the scan of one column in one span finds.

    Attributes
    ----------
    values : Normalised or None
        The values, where all rows are one slice.
    findings : list
        Name of a check, and the mask of the rows that do not pass it.
    has_value : numpy.ndarray
        Mask of the rows that have a value.
    longest : int
        Bytes that the property of no row exceeds.
    sendable : numpy.ndarray
        Mask of the rows whose value can be sent.
    hashes : numpy.ndarray or None
        Of the column of ``$email``: the hash of each address without case and outer blanks.
    sample : list of str
        Some of the texts, where they may look like more than text.
    """

    values: Normalised | None
    findings: list[tuple[str, np.ndarray]]
    has_value: np.ndarray
    longest: int
    sendable: np.ndarray
    hashes: np.ndarray | None
    sample: list[str]


def _scanned_pieces(layout: Layout, spans: list[slice], memo: ScanMemo | None) -> Iterator[Piece]:
    """Yield the pieces of all columns in their order, some of them scanned ahead in threads."""
    keep_values = len(layout.slices()) == 1
    emails = email_column(layout)

    def scan(place: tuple[PropertyColumn, slice]) -> Piece:
        column, span = place
        scan_it = partial(_scan_piece, layout, column, span, column is emails, keep_values)
        if memo is None:
            return scan_it()
        key = ("values", *key_of_column(layout, column), column is emails, keep_values, span.start, span.stop)
        return memo.once(key, scan_it)

    places = [(column, span) for column in layout.columns for span in spans]
    return prefetch(scan, places, threaded=layout.threaded and len(spans) > 1)


def _scan_piece(
    layout: Layout, column: PropertyColumn, span: slice, is_email: bool, keep_values: bool
) -> Piece:
    values = normalise_column(layout, column, span)
    return Piece(
        values if keep_values else None,
        [(name, mask) for name, mask in findings_of_slice(values, column) if mask.any()],
        values.present,
        _longest_json(values) + _longest_name(column.name),
        ~values.missing,
        hash_texts(folded(values.array)) if is_email else None,
        sample_of(values) if is_looked_at(layout, column) else [],
    )


def email_column(layout: Layout) -> PropertyColumn | None:
    """Return the column that becomes ``$email``, if its values are text."""
    emails = (column for column in layout.columns if column.name == "$email" and column.kind == "string")
    return next(emails, None)


def findings_of_slice(values: Normalised, column: PropertyColumn) -> Iterator[tuple[str, np.ndarray]]:
    """Yield check -> mask for the values of a slice."""
    for name, mask in values.findings.items():
        if name != "union_items" or column.operator.takes == "list":
            yield name, mask
    if values.kinds is not None:
        yield from _findings_of_kinds(values, values.kinds, column)
    elif pa.types.is_large_string(values.array.type):
        longest = longest_text(values.array)
        for check in [*_VALUE_CHECKS, *property_checks(column)]:
            is_over = not check.limit or longest > LIMITS[check.limit].value  # a limit of bytes
            if is_over and longest >= check.shortest:
                yield check.name, fails(check, values.array)
    elif pa.types.is_large_list(values.array.type) and measures.may_be_large_lists(values.array):
        _opening, items, _closing = json_texts(values)
        yield "large_list", measures.large_lists(items)


def _findings_of_kinds(
    values: Normalised, kinds_of_values: np.ndarray, column: PropertyColumn
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield check -> mask for values that are JSON text. If all are of one wrong type, the column as a whole is the finding."""
    checks = property_checks(column)
    if column.kind != "mixed" and not checks:
        return
    kinds = kinds_of_values.astype(str)
    mixed = ~values.missing & (column.kind == "mixed")
    yield "wrong_type", mixed & ~np.isin(kinds, [*column.operands])
    texts = texts_in_json(values.array)
    if column.kind == "mixed":
        for name in ("missing_as_text", "offset_date"):
            yield name, mixed & (kinds == "string") & fails(CHECKS[name], texts)
    for check in checks:
        yield check.name, (kinds == "string") & fails(check, texts)
        of_other_type = mixed & ~np.isin(kinds, [*types_expected(check.expects)])
        yield "created" if check.expects == "date" else "reserved_type", of_other_type


def fails(check: Check, strings: pa.Array) -> np.ndarray:
    """Return the mask of the strings that do not pass a check, which has a function."""
    return mask_of(check.finds(strings))  # type: ignore[misc]  # the caller picks checks that have one


def property_checks(column: PropertyColumn) -> list[Check]:
    """Return the checks of a reserved property's values."""
    reserved = RESERVED_PROPERTIES.get(column.name)
    check = _PROPERTY_CHECKS.get(reserved.expects) if reserved else None
    return [check] if check else []


def _longest_name(name: str) -> int:
    """Return the bytes that a property's name takes in JSON, at most."""
    return measures.json_bytes(len(name.encode("utf-8", "replace")))


def _longest_json(values: Normalised) -> int:
    """Return the bytes that no value exceeds in JSON."""
    return measures.longest_value(values.array) if values.kinds is None else longest_text(values.array)


def add_mask(masks: Masks, name: str, mask: np.ndarray, rows: slice, length: int) -> None:
    """Add the mask of a slice to the mask of the frame, which has this many rows."""
    if mask.any():
        masks.setdefault(name, np.zeros(length, bool))[rows] |= mask

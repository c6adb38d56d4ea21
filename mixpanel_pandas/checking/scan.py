"""One look at all ids, and at every value, span by span -> masks of what is wrong. `decisions` decides what becomes of the rows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.payloads import measures
from mixpanel_pandas.payloads.arrays import longest_text, mask_of, nulls_in
from mixpanel_pandas.payloads.encoding import json_texts
from mixpanel_pandas.payloads.envelope import envelope
from mixpanel_pandas.payloads.ids import IdDigest, folded, hash_texts, ids_of
from mixpanel_pandas.payloads.layout import Layout, PropertyColumn, array_of
from mixpanel_pandas.payloads.normalise import Normalised, normalise_column
from mixpanel_pandas.payloads.notes import EXPECTED
from mixpanel_pandas.payloads.prefetch import prefetch
from mixpanel_pandas.rules.checks import CHECKS, Check
from mixpanel_pandas.rules.limits import LIMITS, RESERVED_PROPERTIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

    from mixpanel_pandas.payloads.duplicates import Duplicates

__all__ = [
    "IdScan",
    "Masks",
    "Scan",
    "collect",
    "emails_of",
    "findings_of_slice",
    "has_value",
    "id_digest",
    "property_checks",
    "scan_columns",
    "scan_ids",
    "value_findings",
]

#: Name of a check -> mask of the rows that do not pass it.
Masks = dict[str, np.ndarray]

#: Looks at slices of columns that a thread takes in one go: many are over before another thread would have begun.
SLICES_AT_ONCE = 8

_VALUE_CHECKS = [check for check in CHECKS.values() if check.of == "value" and check.finds]
_PROPERTY_CHECKS = {check.expects: check for check in CHECKS.values() if check.of == "property"}
_ID_CHECKS = [check for check in CHECKS.values() if check.of == "id" and check.finds]


# -- ids ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class IdScan:
    """What one look at the ids of a span found.

    Attributes
    ----------
    ids : pyarrow.LargeStringArray
        The ids.
    hashes, alike : numpy.ndarray
        Of the ids, and of their folded form; one array where folding changes nothing. Those of missing ids mean nothing.
    findings : list
        Checks, and the masks of what did not pass them.
    """

    ids: pa.Array
    hashes: np.ndarray
    alike: np.ndarray
    findings: list[tuple[str, np.ndarray]]


def scan_ids(layout: Layout, rows: slice) -> IdScan:
    """Return what a look at the ids of a span finds, and at what else stands around its properties."""
    around = envelope(layout, rows)
    ids, like = around.ids, folded(around.ids)
    hashes = hash_texts(ids)
    alike = hashes if like.equals(ids) else hash_texts(like)
    return IdScan(ids, hashes, alike, list(_id_findings(ids, like, around.findings, layout)))


def _id_findings(
    ids: pa.Array, like: pa.Array, findings: Masks, layout: Layout
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield check -> mask for the ids of a slice, given also in their folded form."""
    missing = nulls_in(ids)
    for name, mask in findings.items():
        yield name, mask
        missing &= ~mask | (CHECKS[name].of != "id")  # null because it is no id, not because there is none
    yield "missing_id", missing
    for check in _ID_CHECKS:
        if check.name != "anonymous_id" or layout.operation.group is None:
            yield check.name, _found(check, like if check.folded else ids)


def id_digest(layout: Layout) -> str:
    """Return the digest of all ids."""
    digest = IdDigest()
    for rows in layout.spans():
        digest.update(ids_of(layout.id, rows))
    return digest.hexdigest()


# -- values -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scan:
    """What one look at all values found.

    Attributes
    ----------
    masks : list of dict
        For each column of the layout, name of a check -> mask.
    said, held : numpy.ndarray
        For each row, how many properties it says something about, and to how many it gives a value (or null).
    longest : numpy.ndarray
        For each span, bytes that the properties of no row pass; last, bytes that those of no merged rows pass.
    emails, has_email : numpy.ndarray
        Hash of each row's ``$email``, and the mask of the rows that have one; empty where no column holds them.
    of_ids : numpy.ndarray
        For each id that stands in several rows, how many properties these give a value together; empty where that cannot be
        too many.
    read : dict of int to Normalised
        Number of a column of the layout -> its values, where all rows are one slice.
    """

    masks: list[Masks]
    said: np.ndarray
    held: np.ndarray
    longest: np.ndarray
    emails: np.ndarray
    has_email: np.ndarray
    of_ids: np.ndarray
    read: dict[int, Normalised] = field(default_factory=dict)


def scan_columns(layout: Layout, duplicates: Duplicates | None) -> Scan:
    """Look at every value once, column by column and span by span."""
    of_emails = emails_of(layout)
    several = duplicates if len(layout.columns) > LIMITS["properties"].value else None
    spans = list(layout.spans())
    names = sum(map(_longest_name, layout.removed))
    counts: Any = np.min_scalar_type(len(layout.columns))
    said: np.ndarray = np.zeros(layout.rows, counts)
    held: np.ndarray = np.zeros(layout.rows, counts)
    emails = np.zeros(layout.rows if of_emails else 0, np.uint64)
    has_email = np.zeros(len(emails), bool)
    of_ids = np.zeros(several.groups.max() + 1 if several else 0, np.int64)
    masks: list[Masks] = [{} for _column in layout.columns]
    scan = Scan(masks, said, held, np.full(len(spans) + 1, names), emails, has_email, of_ids)
    places = [(column, rows) for column in layout.columns for rows in spans]
    turns = [places[begin : begin + SLICES_AT_ONCE] for begin in range(0, len(places), SLICES_AT_ONCE)]
    threaded = layout.threaded and len(spans) > 1
    keep = len(list(layout.slices())) == 1
    scans = chain.from_iterable(
        prefetch(partial(_scan_slices, layout, of_emails, keep), turns, threaded=threaded)
    )
    for number, column in enumerate(layout.columns):
        before = held.copy() if several else held
        longest = 0
        for place, rows in enumerate(spans):
            slice_scan = next(scans)
            for name, mask in slice_scan.findings:
                collect(masks[number], name, mask, rows, layout.rows)
            scan.longest[place] += slice_scan.longest
            longest = max(longest, slice_scan.longest)
            said[rows] += slice_scan.has if column.missing == "skip" else True
            held[rows] += slice_scan.has if column.missing != "null" else True
            if slice_scan.hashes is not None:
                emails[rows] = slice_scan.hashes
                has_email[rows] = slice_scan.sendable
            if slice_scan.values is not None:
                scan.read[number] = slice_scan.values
        scan.longest[-1] += longest
        if several:
            given = (held > before)[several.positions]
            scan.of_ids[np.unique(several.groups[given])] += 1
    return scan


@dataclass(frozen=True)
class SliceScan:
    """What one look at a slice of a column found.

    Attributes
    ----------
    values : Normalised or None
        What was read, if it was asked for.
    findings : list
        Checks, and the masks of what did not pass them.
    has : numpy.ndarray
        Mask of the values that are there.
    longest : int
        Bytes that no row's property passes.
    sendable : numpy.ndarray
        Mask of the values that can be sent.
    hashes : numpy.ndarray or None
        Hash of each folded text, if it was asked for.
    """

    values: Normalised | None
    findings: list[tuple[str, np.ndarray]]
    has: np.ndarray
    longest: int
    sendable: np.ndarray
    hashes: np.ndarray | None


def _scan_slices(
    layout: Layout,
    hashed: PropertyColumn | None,
    keep: bool,
    places: Sequence[tuple[PropertyColumn, slice]],
) -> list[SliceScan]:
    """Return what looks at some slices of columns find; of one column with the hashes of its texts."""
    scans = []
    for column, rows in places:
        values = normalise_column(layout, column, rows)
        slice_scan = SliceScan(
            values if keep else None,
            [(name, mask) for name, mask in findings_of_slice(values, column) if mask.any()],
            has_value(values),
            _longest(values) + _longest_name(column.name),
            ~values.missing,
            hash_texts(folded(values.array)) if column is hashed else None,
        )
        scans.append(slice_scan)
    return scans


def emails_of(layout: Layout) -> PropertyColumn | None:
    """Return the column that becomes ``$email``, if its values are text."""
    return next((c for c in layout.columns if c.name == "$email" and c.kind == "string"), None)


def has_value(values: Normalised) -> np.ndarray:
    """Return the mask of the values that are there, also of those that cannot be sent."""
    has = ~values.missing
    for mask in values.findings.values():
        has |= mask
    return has


def value_findings(series: pd.Series[Any], layout: Layout, column: PropertyColumn) -> Masks:
    """Return name of a check -> mask for a column that stands alone."""
    alone = replace(column, source=replace(column.source, values=array_of(series)))
    masks: Masks = {}
    for rows in replace(layout, rows=len(series)).slices():
        for name, mask in findings_of_slice(normalise_column(layout, alone, rows), column):
            collect(masks, name, mask, rows, len(series))
    return masks


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
            if not check.limit or longest > LIMITS[check.limit].value:  # a limit of bytes
                yield check.name, _found(check, values.array)
    elif pa.types.is_large_list(values.array.type) and measures.may_be_large_lists(values.array):
        _opening, items, _closing = json_texts(values)
        yield "large_list", measures.large_lists(items)


def _findings_of_kinds(
    values: Normalised, objects: np.ndarray, column: PropertyColumn
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield check -> mask for values that are JSON text; where all are of one type, the layout has noted what is wrong."""
    checks = property_checks(column)
    if column.kind != "mixed" and not checks:
        return
    kinds = objects.astype(str)
    there = ~values.missing & (column.kind == "mixed")
    yield "wrong_type", there & ~np.isin(kinds, [*column.operands])
    for check in checks:
        yield check.name, (kinds == "string") & _found(check, pc.utf8_slice_codeunits(values.array, 1, -1))
        odd = "created" if check.expects == "date" else "reserved_type"
        yield odd, there & ~np.isin(kinds, [*EXPECTED.get(check.expects, {"string"})])


def _found(check: Check, strings: pa.Array) -> np.ndarray:
    """Return the mask of the strings that do not pass a check."""
    return mask_of(check.finds(strings))  # type: ignore[misc]  # it was picked for having the function


def property_checks(column: PropertyColumn) -> list[Check]:
    """Return the checks of a reserved property's values."""
    reserved = RESERVED_PROPERTIES.get(column.name)
    check = _PROPERTY_CHECKS.get(reserved.expects) if reserved else None
    return [check] if check else []


def _longest(values: Normalised) -> int:
    """Return bytes that the JSON of no value is longer than."""
    return measures.longest_value(values.array) if values.kinds is None else longest_text(values.array)


def _longest_name(name: str) -> int:
    """Return bytes that the name of a property takes at most in JSON."""
    return measures.json_bytes(len(name.encode("utf-8", "replace")))


def collect(masks: Masks, name: str, mask: np.ndarray, rows: slice, length: int) -> None:
    """Put the mask of a slice where it belongs in the mask of the frame."""
    if mask.any():
        masks.setdefault(name, np.zeros(length, bool))[rows] |= mask

"""The scan of all ids, span by span -> the rows that do not pass a check, hashes that tell which ids are equal, and a digest.

The fields beside the properties (``$ip``, the location, ``$time``) are scanned with the ids, because both are parts of the envelope.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from mixpanel_pandas.checking.scan import add_mask, fails
from mixpanel_pandas.payloads.arrays import longest_text, nulls_in
from mixpanel_pandas.payloads.envelope import envelope
from mixpanel_pandas.payloads.ids import IdDigest, folded, hash_texts, ids_of
from mixpanel_pandas.payloads.prefetch import prefetch
from mixpanel_pandas.reading.cleaning import id_findings
from mixpanel_pandas.rules.checks import CHECKS

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    import pyarrow as pa

    from mixpanel_pandas.checking.scan import ScanMemo
    from mixpanel_pandas.payloads.layout import Layout
    from mixpanel_pandas.payloads.measures import Masks

__all__ = ["IdScan", "id_digest", "scan_ids"]

_ID_CHECKS = [check for check in CHECKS.values() if check.of == "id" and check.finds]


@dataclass
class IdScan:
    """What the scan of all ids finds.

    Attributes
    ----------
    present : numpy.ndarray
        Mask of the rows that have an id.
    hashes, folded_hashes : numpy.ndarray
        Of the ids, and of the ids without case and outer blanks; one array where that changes nothing. Those of missing ids mean
        nothing.
    masks, record_masks : dict of str to numpy.ndarray
        Check -> mask of the rows that do not pass it: of ids, and of the fields beside the properties.
    longest : int
        Bytes of the longest id.
    digest : str
        Of all ids, in order.
    """

    present: np.ndarray
    hashes: np.ndarray
    folded_hashes: np.ndarray
    masks: Masks = field(default_factory=dict)
    record_masks: Masks = field(default_factory=dict)
    longest: int = 0
    digest: str = ""


def scan_ids(layout: Layout, memo: ScanMemo | None = None) -> IdScan:
    """Scan every id once.

    Parameters
    ----------
    memo : ScanMemo, optional
        What was scanned by the latest check of the frame. It holds on to what is scanned, which takes memory.
    """
    hashes = np.zeros(layout.rows, np.uint64)
    scan = IdScan(np.zeros(layout.rows, bool), hashes, hashes)
    digest = IdDigest()
    spans = layout.spans()
    pieces = prefetch(partial(_scanned_piece, layout, memo), spans, threaded=layout.threaded)
    for span, piece in zip(spans, pieces, strict=True):
        digest.update(piece.ids)
        scan.longest = max(scan.longest, longest_text(piece.ids))
        scan.present[span] = ~nulls_in(piece.ids)
        scan.hashes[span] = piece.hashes
        if piece.folded_hashes is not piece.hashes and scan.folded_hashes is scan.hashes:
            scan.folded_hashes = scan.hashes.copy()
        scan.folded_hashes[span] = piece.folded_hashes
        for name, mask in piece.findings:
            masks = scan.masks if CHECKS[name].of == "id" else scan.record_masks
            add_mask(masks, name, mask, span, layout.rows)
    scan.digest = digest.hexdigest()
    return scan


def id_digest(layout: Layout) -> str:
    """Return the digest of all ids."""
    digest = IdDigest()
    for ids in prefetch(partial(ids_of, layout.id), layout.spans(), threaded=layout.threaded):
        digest.update(ids)
    return digest.hexdigest()


@dataclass(frozen=True)
class _Piece:
    """What the scan of the ids of a span finds.

    Attributes
    ----------
    ids : pyarrow.LargeStringArray
        The ids.
    hashes, folded_hashes : numpy.ndarray
        As of `IdScan`.
    findings : list
        Name of a check, and the mask of the rows that do not pass it.
    """

    ids: pa.LargeStringArray
    hashes: np.ndarray
    folded_hashes: np.ndarray
    findings: list[tuple[str, np.ndarray]]


def _scanned_piece(layout: Layout, memo: ScanMemo | None, span: slice) -> _Piece:
    if memo is None:
        return _scan_piece(layout, span)
    return memo.once(("ids", *_key_of_ids(layout), span.start, span.stop), partial(_scan_piece, layout, span))


def _key_of_ids(layout: Layout) -> tuple[Hashable, ...]:
    """Return what decides how ids, and the fields beside the properties, are scanned."""
    options, operation = layout.operation.options, layout.operation
    fields = tuple(repr(getattr(options, name)) for name in ("ip", "latitude", "longitude", "updated_at"))
    return (layout.id.place, layout.id.in_index, operation.group, *fields, repr(options.na), options.trim)


def _scan_piece(layout: Layout, span: slice) -> _Piece:
    parts = envelope(layout, span)
    ids, folded_ids = parts.ids, folded(parts.ids)
    hashes = hash_texts(ids)
    folded_hashes = hashes if folded_ids.equals(ids) else hash_texts(folded_ids)
    findings = _findings_of_ids(layout, ids, folded_ids, parts.findings)
    return _Piece(ids, hashes, folded_hashes, [(name, mask) for name, mask in findings if mask.any()])


def _findings_of_ids(
    layout: Layout, ids: pa.LargeStringArray, folded_ids: pa.LargeStringArray, unreadable: Masks
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield check -> mask for the ids of a span.

    Parameters
    ----------
    unreadable : dict of str to numpy.ndarray
        What is wrong with values of ids, addresses, degrees and times, none of which could be made of them.
    """
    missing = nulls_in(ids)
    for name, mask in unreadable.items():
        yield name, mask
        if CHECKS[name].of == "id":
            missing &= ~mask  # null because the value is no id, not because there is none
    yield "missing_id", missing
    for check in _ID_CHECKS:
        if check.name != "anonymous_id" or layout.operation.group is None:
            yield check.name, fails(check, folded_ids if check.folded else ids)
    yield from id_findings(ids).items()

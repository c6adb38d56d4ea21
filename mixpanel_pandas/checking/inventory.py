"""One row per column of any frame: what it would be in Mixpanel, how full and varied it is, and what is wrong with it.

As in the check of a frame, a layout is made once, then every column is normalised slice by slice, and the same checks look at its
values. Of a column a hash and three marks are kept for each row.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.checking.distribution import distribution_of, texts_of
from mixpanel_pandas.checking.findings import Names, findings_of_column, names_of
from mixpanel_pandas.checking.report import shown_values
from mixpanel_pandas.checking.scan import findings_of_slice
from mixpanel_pandas.checking.text_columns import is_looked_at, look_at_column, sample_of
from mixpanel_pandas.errors import reading_column
from mixpanel_pandas.payloads.arrays import as_objects
from mixpanel_pandas.payloads.ids import hash_texts
from mixpanel_pandas.payloads.layout import layout_of_columns
from mixpanel_pandas.payloads.memory import give_back
from mixpanel_pandas.payloads.normalise import normalise_column
from mixpanel_pandas.rules.checks import CHECKS
from mixpanel_pandas.rules.limits import LOOKALIKES, RESERVED_PROPERTIES, plain

if TYPE_CHECKING:
    from mixpanel_pandas.payloads.layout import Layout, PropertyColumn
    from mixpanel_pandas.payloads.normalise import Normalised

__all__ = ["EXAMPLES", "NEARLY", "take_inventory"]

#: How many examples are given, and from which share on one value makes a column nearly constant.
EXAMPLES, NEARLY = 3, 0.99

#: Columns of the inventory -> dtype.
COLUMNS: dict[str, str] = {
    "column": "object",
    "type": "object",
    "fill": "float64",
    "distinct": "int64",
    "types": "object",
    "filled": "int64",
    "top_share": "float64",
    "nearly_constant": "bool",
    "examples": "object",
    "distribution": "object",
    "largest": "Int64",
    "over_limit": "int64",
    "reserved": "object",
    "findings": "object",
}


def take_inventory(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row per column of `frame`.

    Raises
    ------
    OperationError
        If the columns are a MultiIndex.
    """
    layout = layout_of_columns(frame)
    names = names_of(layout)
    rows = [_row(layout, column, names) for column in layout.columns]
    inventory = pd.DataFrame(
        {
            name: pd.Series(as_objects([row[name] for row in rows]), dtype=dtype)
            for name, dtype in COLUMNS.items()
        }
    )
    inventory.attrs["mixpanel"] = {"rows": str(layout.rows)}
    return inventory


@dataclass
class ColumnScan:
    """What the scan of all values of a column finds.

    Attributes
    ----------
    present, sendable, over_limit : numpy.ndarray
        Masks of the rows that have a value, that have one which can be sent, and that have one over a limit.
    hashes : numpy.ndarray
        Hash of each value that can be sent.
    types, findings : Counter
        Mixpanel type -> values; name of a check -> values.
    largest : int
        Bytes of the largest value.
    sample : list of str
        Some of the texts, where they may look like more than text.
    """

    present: np.ndarray
    sendable: np.ndarray
    over_limit: np.ndarray
    hashes: np.ndarray
    types: Counter[str] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)
    largest: int = 0
    sample: list[str] = field(default_factory=list)


def _row(layout: Layout, column: PropertyColumn, names: Names) -> dict[str, Any]:
    scan = _scan(layout, column)
    scan.findings.update(finding.check for finding in findings_of_column(column, names))
    if (look := look_at_column(layout, column, scan.sample)) is not None:
        scan.findings[look.check.name] += 1
    filled = int(scan.present.sum())
    hashes, repeats = np.unique(scan.hashes[scan.sendable], return_counts=True)
    top = float(repeats.max() / filled) if repeats.size else np.nan
    return {
        "column": column.label,
        "type": _type(scan, column),
        "types": dict(scan.types.most_common()),
        "filled": filled,
        "fill": filled / layout.rows if layout.rows else np.nan,
        "distinct": len(hashes),
        "top_share": top,
        "nearly_constant": filled > 1 and top >= NEARLY,
        "examples": _examples(column, scan),
        "distribution": _distribution(layout, column),
        "largest": scan.largest if scan.sendable.any() else None,
        "over_limit": int(scan.over_limit.sum()),
        "reserved": column.name if column.name in RESERVED_PROPERTIES else LOOKALIKES.get(plain(column.name)),
        "findings": {name: scan.findings[name] for name in CHECKS if name in scan.findings},
    }


def _scan(layout: Layout, column: PropertyColumn) -> ColumnScan:
    """Scan every value of a column once, slice by slice."""
    rows = layout.rows
    scan = ColumnScan(
        np.zeros(rows, bool), np.zeros(rows, bool), np.zeros(rows, bool), np.zeros(rows, np.uint64)
    )
    takes_sample = is_looked_at(layout, column)
    for part in layout.slices():
        values = normalise_column(layout, column, part)
        scan.sendable[part] = ~values.missing
        scan.present[part] = _is_present(column, part) if column.rule.refusal else values.present
        for name, mask in findings_of_slice(values, column):
            scan.findings[name] += int(mask.sum())
            if CHECKS[name].limit and CHECKS[name].severity == "error":
                scan.over_limit[part] |= mask
        scan.types.update(_types(values, column))
        scan.sample += sample_of(values) if takes_sample else []
        texts = texts_of(values)
        scan.hashes[part] = hash_texts(texts)
        scan.largest = max(scan.largest, _largest(values, texts))
        give_back()
    scan.types["none"] = int((scan.present & ~scan.sendable).sum())
    scan.findings, scan.types = +scan.findings, +scan.types
    return scan


def _distribution(layout: Layout, column: PropertyColumn) -> dict[str, Any] | None:
    """Return how the values are spread, as plain data. How many differ is known of all rows."""
    spread = distribution_of(lambda rows: normalise_column(layout, column, rows), layout.rows)
    if spread is None or not spread.counts:
        return None
    return {name: value for name, value in asdict(spread).items() if name != "distinct"}


def _is_present(column: PropertyColumn, rows: slice) -> np.ndarray:
    """Return the mask of the rows that have a value, of a column that cannot be sent."""
    with reading_column(column.label):
        return ~np.asarray(pd.isna(column.source.at(rows)), bool)


def _types(values: Normalised, column: PropertyColumn) -> dict[str, int]:
    """Return Mixpanel type -> how many values can be sent as that."""
    sendable = ~values.missing
    return Counter(values.kinds[sendable]) if values.kinds is not None else {column.kind: int(sendable.sum())}


def _type(scan: ColumnScan, column: PropertyColumn) -> str:
    """Return the type of all values; that of the dtype if there are no values."""
    types = set(scan.types) - {"none"}
    if types:
        return types.pop() if len(types) == 1 else "mixed"
    return "none" if scan.present.any() or column.kind == "missing" else column.kind


def _largest(values: Normalised, texts: pa.Array) -> int:
    """Return the bytes of the largest value; strings and dates count without the quotes and escapes of JSON."""
    lengths = np.asarray(pc.binary_length(texts).fill_null(0))
    if values.kinds is not None:
        strings = np.isin(values.kinds.astype(str), ["string", "date"]) & ~values.missing
        raw = texts.filter(pa.array(strings)).to_pylist()
        lengths = np.concatenate([lengths[~strings], [len(orjson.loads(text).encode()) for text in raw]])
    return int(lengths.max(initial=0))


def _examples(column: PropertyColumn, scan: ColumnScan) -> list[Any]:
    """Return the first different values, as the frame has them."""
    left = scan.sendable.copy() if scan.sendable.any() else scan.present.copy()
    positions: list[int] = []
    while len(positions) < EXAMPLES and left.any():
        positions.append(int(left.argmax()))
        left &= scan.hashes != scan.hashes[positions[-1]]
    some = np.array(positions, int)
    return shown_values(column.label, lambda: _python_values(column.source.at(some)), len(positions))


def _python_values(values: Any) -> list[Any]:
    return list(pd.Series(values, dtype=values.dtype).tolist())

"""How many rows make a slice: its bytes of JSON are estimated from the names and some values of each column."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mixpanel_pandas.errors import OperationError, reading_column
from mixpanel_pandas.payloads.memory import give_back

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mixpanel_pandas.payloads.sources import Source

__all__ = ["FEW_ROWS", "SLICE_BYTES", "WIDE_BYTES", "rows_per_slice"]

#: A slice of the frame makes about this many bytes of JSON; fewer where it holds Python's objects, which are copied first.
SLICE_BYTES = 10_000_000

#: A slice of fewer rows than that costs more for its columns than for its values: it may hold as many bytes as this instead.
FEW_ROWS, WIDE_BYTES = 768, 36_000_000

#: What Arrow keeps for a text beside its bytes.
OFFSET_BYTES = 8

#: Values that are looked at to judge a frame, and the least number of them in each column.
SAMPLED_VALUES, SAMPLED_ROWS = 4000, 8

#: Places in the frame at which neighbouring rows are looked at, at most: of a mapped file, each place takes some pages into memory.
PLACES = 40

#: Bytes of JSON: what stands around the properties of a row; around a name; a number, boolean or date; an unreadable value.
ROW_BYTES, NAME_BYTES, SCALAR_BYTES, UNREADABLE_BYTES = 100, 6, 12, 100

#: An object takes its JSON three times: once itself, twice in a copy that grows by doubling.
OBJECT_COPIES = 3


def rows_per_slice(rows: int, names: Sequence[str], sources: Sequence[Source]) -> int:
    """Return how many rows make about `SLICE_BYTES` of JSON.

    Parameters
    ----------
    rows : int
        Of the frame.
    names : sequence of str
        Names of the properties.
    sources : sequence of Source
        Each column once, however many properties it becomes.
    """
    sample = _sample(rows, max(SAMPLED_ROWS, SAMPLED_VALUES // max(1, len(sources))))
    width: float = ROW_BYTES + sum(len(name) + NAME_BYTES for name in names)
    for source in sources:
        width += _bytes_per_value(source, sample)
        give_back()
    return max(1, int(SLICE_BYTES / width), min(FEW_ROWS, int(WIDE_BYTES / width)))


def _sample(rows: int, few: int) -> np.ndarray:
    """Return the positions of about `few` rows, spread over a frame from its first row to its last.

    >>> _sample(1000, 5).tolist()
    [0, 249, 499, 749, 999]
    >>> _sample(3, 5).tolist()
    [0, 1, 2]
    >>> _sample(1000, 120)[:9].tolist()
    [0, 1, 2, 25, 26, 27, 51, 52, 53]
    """
    if rows <= few:
        return np.arange(rows)
    neighbours = math.ceil(few / PLACES)
    starts = np.linspace(0, max(rows - neighbours, 0), math.ceil(few / neighbours)).astype(int)
    sample: np.ndarray = np.unique(starts[:, None] + np.arange(neighbours))
    return sample[sample < rows]


def _bytes_per_value(source: Source, sample: np.ndarray) -> float:
    """Return about how many bytes a value takes while it is encoded."""
    if source.rule.kind in {"number", "boolean", "date", "missing"}:
        return SCALAR_BYTES
    if isinstance(source.values, pd.arrays.ArrowStringArray):  # all of them cost less than some would
        return max(0.0, source.values.nbytes / max(1, len(source.values)) - OFFSET_BYTES) + 2
    try:
        with reading_column(source.label):
            lengths = [len(str(value)) for value in source.at(sample)]
    except OperationError:  # whoever reads the values says what is wrong with them
        lengths = [UNREADABLE_BYTES]
    return OBJECT_COPIES * float(np.mean(lengths)) + 2 if lengths else 2

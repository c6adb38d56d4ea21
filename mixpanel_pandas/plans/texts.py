"""Ids and JSON texts -> a frame that was checked: so a plan that was opened, an undo and a clean-up are sent by the same line."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.checking.decisions import check_frame
from mixpanel_pandas.payloads.json_text import json_array
from mixpanel_pandas.payloads.row_set import RowSet
from mixpanel_pandas.rules.operators import OPERATORS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mixpanel_pandas.checking.decisions import Decisions
    from mixpanel_pandas.rules.operation import Operation

__all__ = ["checked_cells", "checked_texts", "label_beside", "series_of"]


def checked_texts(
    asked: Operation,
    ids: pa.Array,
    columns: Mapping[str, pa.Array],
    said: Mapping[str, np.ndarray] | None = None,
) -> Decisions:
    """Return a frame of ids and JSON texts, checked for an operation.

    Parameters
    ----------
    asked : Operation
        The operator, the group and the options. Its labels are replaced by those of the frame.
    ids : pyarrow.LargeStringArray
        Of the rows.
    columns : mapping
        Property -> its operands, null where there is none.
    said : mapping, optional
        Property -> the mask of the rows that say something about it. By default all do.
    """
    label = label_beside(columns)
    frame = pd.DataFrame(
        {label: series_of(ids), **{name: series_of(json_array(texts)) for name, texts in columns.items()}}
    )
    properties = (
        tuple(columns) if asked.verb in OPERATORS and OPERATORS[asked.verb].has_values else asked.properties
    )
    decisions = check_frame(frame, replace(asked, id=label, properties=properties))
    for number, column in enumerate(decisions.layout.columns):
        if said is not None and column.name in said:
            decisions.changes.dropped[number] = RowSet.of_mask(~said[column.name])
    return decisions


def checked_cells(asked: Operation, cells: pa.Table) -> Decisions:
    """Return the frame that makes exactly these cells, checked.

    Parameters
    ----------
    asked : Operation
        The operation that made them.
    cells : pyarrow.Table
        As `CELLS` describes them.
    """
    positions = cells["position"].to_numpy()
    rows, first, row_of_cell = np.unique(positions, return_index=True, return_inverse=True)
    ids = cells["id"].take(pa.array(first)).combine_chunks()
    columns: dict[str, pa.Array] = {}
    said: dict[str, np.ndarray] = {}
    for name in _written(asked):
        at = np.flatnonzero(np.asarray(pc.equal(cells["property"], name)))
        place, has = np.zeros(len(rows), np.int64), np.zeros(len(rows), bool)
        place[row_of_cell[at]], has[row_of_cell[at]] = at, True
        columns[name] = cells["operand"].take(pa.array(place, mask=~has)).combine_chunks()
        said[name] = has
    return checked_texts(asked, ids, columns, said)


def _written(asked: Operation) -> list[str]:
    """Return the properties that get values."""
    if asked.verb in {"unset", "delete"}:
        return []
    verbs = asked.verbs or {}
    return [str(name) for name in asked.properties or () if verbs.get(name) != "unset"]


def label_beside(columns: Mapping[str, object]) -> str:
    """Return a label for the ids that no property has."""
    return next(name for number in count() if (name := f"id{number or ''}") not in columns)


def series_of(values: pa.Array) -> pd.Series[Any]:
    """Return Arrow values as a column."""
    return pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([values])))

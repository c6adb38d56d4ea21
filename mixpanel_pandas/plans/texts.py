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
from mixpanel_pandas.payloads.arrays import LARGE_STRING
from mixpanel_pandas.payloads.json_text import json_array
from mixpanel_pandas.payloads.row_set import RowSet

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
    is_unset = asked.verb == "unset"
    properties = asked.properties if is_unset else None if asked.verb == "delete" else tuple(columns)
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
    names = [] if asked.verb in {"unset", "delete"} else cells["property"].unique().drop_null().to_pylist()
    for name in names:
        at = np.flatnonzero(np.asarray(pc.equal(cells["property"], name)))
        is_value = np.asarray(pc.not_equal(cells["verb"].take(pa.array(at)), "unset"))
        if not is_value.any():  # an update that unsets it for every row
            continue
        place, has = np.zeros(len(rows), np.int64), np.zeros(len(rows), bool)
        place[row_of_cell[at]], has[row_of_cell[at]] = at, True
        columns[name] = cells["operand"].take(pa.array(place, mask=~has)).combine_chunks().cast(LARGE_STRING)
        said[name] = has
    verbs = None if asked.verbs is None else _verbs_of(cells)
    properties = tuple(cells["property"].unique().drop_null().to_pylist())
    return checked_texts(replace(asked, verbs=verbs, properties=properties), ids, columns, said)


def _verbs_of(cells: pa.Table) -> dict[Any, str]:
    pairs = cells.select(["property", "verb"]).group_by(["property", "verb"]).aggregate([])
    return dict(zip(pairs["property"].to_pylist(), pairs["verb"].to_pylist(), strict=True))


def label_beside(columns: Mapping[str, object]) -> str:
    """Return a label for the ids that no property has."""
    return next(name for number in count() if (name := f"id{number or ''}") not in columns)


def series_of(values: pa.Array) -> pd.Series[Any]:
    """Return Arrow values as a column."""
    return pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([values])))

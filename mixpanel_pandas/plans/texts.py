"""Ids and JSON texts -> a frame that was checked: so a plan that was opened, an undo and a clean-up are sent by the same line."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from mixpanel_pandas.checking.decisions import check_frame
from mixpanel_pandas.payloads.json_text import json_array
from mixpanel_pandas.payloads.row_set import RowSet
from mixpanel_pandas.profiles.cells import by_property
from mixpanel_pandas.rules.operators import REMOVALS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mixpanel_pandas.checking.decisions import Decisions
    from mixpanel_pandas.rules.operation import Operation

__all__ = ["checked_cells", "checked_texts", "columns_of", "label_beside", "series_of"]


def checked_texts(
    asked: Operation,
    ids: pa.Array,
    columns: Mapping[str, pa.Array],
    touched: Mapping[str, np.ndarray] | None = None,
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
    touched : mapping, optional
        Property -> the mask of the rows that write or remove it. By default all do.
    """
    label = label_beside(columns)
    frame = pd.DataFrame(
        {label: series_of(ids), **{name: series_of(json_array(texts)) for name, texts in columns.items()}}
    )
    # an update has its verbs by property, and what only removes has no columns
    properties = asked.properties if asked.verb in {"update", *REMOVALS} else tuple(columns)
    decisions = check_frame(frame, replace(asked, id=label, properties=properties))
    for number, column in enumerate(decisions.layout.columns):
        if touched is not None and column.name in touched:
            decisions.changes.dropped[number] = RowSet.of_mask(~touched[column.name])
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
    of_names = by_property(cells.append_column("row", pa.array(row_of_cell)))
    nothing = cells.slice(0, 0).append_column("row", pa.array([], pa.int64()))
    named = {name: of_names.get(name, nothing) for name in _written(asked)}
    return checked_texts(asked, ids, *columns_of(named, "operand", len(rows)))


def columns_of(
    cells: Mapping[str, pa.Table], values: str, rows: int
) -> tuple[dict[str, pa.Array], dict[str, np.ndarray]]:
    """Return cells as columns: the values of each property, and the mask of the rows that have a cell of it.

    Parameters
    ----------
    cells : mapping
        Property -> its cells, with the place of each one in a column ``row``.
    values : str
        The column of the values.
    rows : int
        How many rows there are.
    """
    columns, touched = {}, {}
    for name, of_name in cells.items():
        place, has = np.zeros(rows, np.int64), np.zeros(rows, bool)
        at = of_name["row"].to_numpy()
        place[at], has[at] = np.arange(len(at)), True
        columns[name] = of_name[values].take(pa.array(place, mask=~has)).combine_chunks()
        touched[name] = has
    return columns, touched


def _written(asked: Operation) -> list[str]:
    """Return the properties that get values."""
    if asked.verb in REMOVALS:
        return []
    verbs = asked.verbs or {}
    return [str(name) for name in asked.properties or () if verbs.get(name) != "unset"]


def label_beside(columns: Mapping[str, object]) -> str:
    """Return a label for the ids that no property has."""
    return next(name for number in count() if (name := f"id{number or ''}") not in columns)


def series_of(values: pa.Array) -> pd.Series[Any]:
    """Return Arrow values as a column."""
    return pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([values])))

"""A slice of the frame -> its payloads: normalise, leave out what was decided, encode."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from mixpanel_pandas.errors import OperationError
from mixpanel_pandas.payloads.encoding import Property, encode
from mixpanel_pandas.payloads.envelope import envelope
from mixpanel_pandas.payloads.normalise import cut_strings, normalise_column

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from mixpanel_pandas.payloads.batches import Payloads
    from mixpanel_pandas.payloads.plan import Plan

__all__ = ["Changes", "encode_slice", "encode_slices"]


@dataclass
class Changes:
    """What is left out or cut before a frame is sent.

    Attributes
    ----------
    left_out : numpy.ndarray
        Mask of the rows that are not sent.
    dropped, cut : dict of int to numpy.ndarray
        Number of a column of the plan -> mask of the rows whose value is left out, or cut.
    """

    left_out: np.ndarray
    dropped: dict[int, np.ndarray] = field(default_factory=dict)
    cut: dict[int, np.ndarray] = field(default_factory=dict)


def encode_slices(
    frame: pd.DataFrame, plan: Plan, changes: Changes, token: str | None = None
) -> Iterator[Payloads]:
    """Yield the payloads of the rows that are sent, a slice at a time."""
    for rows in plan.slices():
        if not changes.left_out[rows].all():
            yield encode_slice(frame, plan, changes, rows, token)


def encode_slice(
    frame: pd.DataFrame, plan: Plan, changes: Changes, rows: slice, token: str | None = None
) -> Payloads:
    """Return the payloads of those rows of a slice that are sent."""
    keep = pa.array(~changes.left_out[rows])
    properties = [_property(frame, plan, number, changes, rows, keep) for number in range(len(plan.columns))]
    around = envelope(frame, plan, rows, token).filter(keep)
    positions = np.flatnonzero(~changes.left_out[rows]) + rows.start
    payloads = encode(properties, plan.removed, plan.operation.verb == "delete", around, positions)
    if around.ids.null_count or not payloads.updates.all():
        msg = "the frame was changed during the call: rows that had an id and values have none any more"
        raise OperationError(msg)
    return payloads


def _property(
    frame: pd.DataFrame, plan: Plan, number: int, changes: Changes, rows: slice, keep: pa.Array
) -> Property:
    column = plan.columns[number]
    values = normalise_column(frame, plan, column, rows)
    if number in changes.cut and changes.cut[number][rows].any():
        values = cut_strings(values, changes.cut[number][rows])
    dropped = changes.dropped[number][rows][~changes.left_out[rows]] if number in changes.dropped else None
    return Property(column.key_text, column.operator, column.missing, values.filter(keep), dropped)

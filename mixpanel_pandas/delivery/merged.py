"""Deliveries of merged updates -> deliveries of the rows that they are made of."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mixpanel_pandas.delivery.pending import compact

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mixpanel_pandas.delivery.pending import Delivery
    from mixpanel_pandas.payloads.duplicates import Duplicates

__all__ = ["deliveries_of_rows"]


def deliveries_of_rows(deliveries: Iterable[Delivery], merged: Duplicates) -> list[Delivery]:
    """Return final answers on all rows that the updates are made of.

    Parameters
    ----------
    deliveries : iterable of Delivery
        Final answers on updates.
    merged : Duplicates
        The rows that are sent merged.
    """
    return [_of_rows(delivery, merged) for delivery in deliveries] if len(merged) else list(deliveries)


def _of_rows(delivery: Delivery, merged: Duplicates) -> Delivery:
    rows, updates = merged.rows_of_updates(delivery.rows)
    if len(rows) == len(delivery.positions):
        return delivery
    exceptions = np.flatnonzero(np.isin(updates, list(delivery.apart)))
    apart = {int(row): delivery.apart[int(updates[row])] for row in exceptions}
    return replace(delivery, positions=compact(rows), apart=apart)

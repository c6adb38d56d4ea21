"""What the checks change before a frame is sent: rows that are excluded or merged, values that are dropped or cut."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from mixpanel_pandas.payloads.duplicates import NO_DUPLICATES

if TYPE_CHECKING:
    from mixpanel_pandas.payloads.duplicates import Duplicates
    from mixpanel_pandas.payloads.normalise import Normalised
    from mixpanel_pandas.payloads.row_set import RowSet
    from mixpanel_pandas.rules.outcomes import Outcome

__all__ = ["Changes", "Excluded"]


@dataclass(frozen=True)
class Excluded:
    """Rows that are not sent, for one reason.

    Attributes
    ----------
    positions : numpy.ndarray
        Positions of the rows in the frame, ascending.
    outcome : {"invalid", "skipped", "not_sent", "unknown"}
        Their outcome.
    reason, error : str
        Short category, and a text that says what is wrong or why there is nothing to do.
    """

    positions: np.ndarray
    outcome: Outcome
    reason: str
    error: str | None = None


@dataclass
class Changes:
    """What is excluded, dropped, cut or merged before a frame is sent.

    Attributes
    ----------
    excluded : numpy.ndarray
        Mask of the rows that are not sent.
    dropped, cut : dict of int to RowSet
        Number of a column of the layout -> the rows whose value is dropped, or cut to the limit.
    merged : Duplicates
        The rows that become one update with the other rows of their id, also those that are excluded.
    read : dict of int to Normalised
        Number of a column of the layout -> its values as the checks have read them, where the frame is a single slice. To read
        such a frame again takes 7 % more processor time of an upload of 20,000 plain rows, and 40 % of mixed objects
        (``python -m tests.benchmarks.shapes 2 --only mixed``).
    """

    excluded: np.ndarray
    dropped: dict[int, RowSet] = field(default_factory=dict)
    cut: dict[int, RowSet] = field(default_factory=dict)
    merged: Duplicates = NO_DUPLICATES
    read: dict[int, Normalised] = field(default_factory=dict, repr=False)

    @property
    def together(self) -> Duplicates:
        """The rows that are sent merged."""
        return self.merged.without(self.excluded) if self.merged.positions.size else self.merged

    def shared(self, rows: np.ndarray) -> np.ndarray:
        """Return `rows`, a mask, with all rows that are merged with one of them."""
        together = self.together
        return together.shared(rows) if together.positions.size else rows

    @property
    def sent(self) -> int:
        """Number of updates, or of rows that are sent: merged rows of an id count as one."""
        together = self.together
        rows = int(np.count_nonzero(~self.excluded))
        return rows - len(together.groups) + len(np.unique(together.groups))

    def alone(self, rows: slice) -> np.ndarray:
        """Return the mask of those rows of a slice that are sent, and not merged."""
        alone: np.ndarray = ~self.excluded[rows]
        first, last = np.searchsorted(self.merged.positions, [rows.start, rows.stop])
        alone[self.merged.positions[first:last] - rows.start] = False
        return alone

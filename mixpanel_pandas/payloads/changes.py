"""What a check changes before a frame is sent: rows that are excluded or merged, values that are dropped or cut."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from mixpanel_pandas.payloads.duplicates import Duplicates

if TYPE_CHECKING:
    from mixpanel_pandas.payloads.normalise import Normalised
    from mixpanel_pandas.rules.outcomes import Outcome

__all__ = ["Changes", "Excluded"]

_NONE = Duplicates(np.zeros(0, np.int64), np.zeros(0, np.int64))


@dataclass(frozen=True)
class Excluded:
    """Rows that are excluded before sending, for one reason.

    Attributes
    ----------
    positions : numpy.ndarray
        Where they stand in the frame, rising.
    outcome : {"invalid", "skipped", "not_sent", "unknown"}
        What they are called.
    reason, error : str
        Short category, and a text that says what is wrong or why there is nothing to do.
    """

    positions: np.ndarray
    outcome: Outcome
    reason: str
    error: str | None = None


@dataclass
class Changes:
    """What is left out, cut or merged before a frame is sent.

    Attributes
    ----------
    excluded : numpy.ndarray
        Mask of the rows that are not sent.
    dropped, cut : dict of int to numpy.ndarray
        Number of a column of the layout -> mask of the rows whose value is left out, or cut.
    merged : Duplicates
        The rows that make one update together with the others of their id, those that are left out excepted.
    read : dict of int to Normalised
        Number of a column of the layout -> its values as the check has read them, where all rows of the frame are one slice.
    """

    excluded: np.ndarray
    dropped: dict[int, np.ndarray] = field(default_factory=dict)
    cut: dict[int, np.ndarray] = field(default_factory=dict)
    merged: Duplicates = _NONE
    read: dict[int, Normalised] = field(default_factory=dict, repr=False)

    @property
    def together(self) -> Duplicates:
        """The rows that are sent merged."""
        return self.merged.without(self.excluded)

    @property
    def sent(self) -> int:
        """Number of rows that are sent; those that are merged count as one."""
        together = self.together
        more = np.count_nonzero(together.last() != together.positions)
        return int(np.count_nonzero(~self.excluded) - more)

    def alone(self, rows: slice) -> np.ndarray:
        """Return the mask of those rows of a slice that are sent each by itself."""
        alone: np.ndarray = ~self.excluded[rows]
        first, last = np.searchsorted(self.merged.positions, [rows.start, rows.stop])
        alone[self.merged.positions[first:last] - rows.start] = False
        return alone

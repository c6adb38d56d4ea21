"""The rows whose id stands in several rows: their order, and what they have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Duplicates"]


@dataclass(frozen=True)
class Duplicates:
    """The rows whose id stands in several rows.

    Attributes
    ----------
    positions : numpy.ndarray
        Where they stand in the frame, rising.
    groups : numpy.ndarray
        A number for each of them, equal where the ids are.
    """

    positions: np.ndarray
    groups: np.ndarray

    def __len__(self) -> int:
        return len(self.positions)

    def without(self, rows: np.ndarray) -> Duplicates:
        """Return the same without `rows`, a mask over the frame; of an id one row may be left."""
        kept = ~rows[self.positions]
        return Duplicates(self.positions[kept], self.groups[kept])

    def ranks(self) -> np.ndarray:
        """Return for each of the rows how many rows of its id stand before it.

        Examples
        --------
        >>> import numpy as np
        >>> Duplicates(np.array([0, 2, 3, 7]), np.array([5, 8, 5, 5])).ranks().tolist()
        [0, 0, 1, 2]
        """
        order = np.argsort(self.groups, kind="stable")
        ordered = self.groups[order]
        first = np.searchsorted(ordered, ordered)
        ranks = np.empty(len(order), np.int64)
        ranks[order] = np.arange(len(order)) - first
        return ranks

    def last(self) -> np.ndarray:
        """Return for each of the rows where the last row of its id stands.

        Examples
        --------
        >>> import numpy as np
        >>> Duplicates(np.array([0, 2, 3, 7]), np.array([5, 8, 5, 5])).last().tolist()
        [7, 2, 7, 7]
        """
        last = np.zeros(self.groups.max(initial=-1) + 1, np.int64)
        last[self.groups] = self.positions  # a later row overwrites an earlier one
        of_rows: np.ndarray = last[self.groups]
        return of_rows

    def shared(self, rows: np.ndarray) -> np.ndarray:
        """Return `rows`, a mask over the frame, with all rows of the ids that have one among them.

        Examples
        --------
        >>> import numpy as np
        >>> duplicates = Duplicates(np.array([0, 2, 3]), np.array([5, 8, 5]))
        >>> duplicates.shared(np.array([False, True, False, True])).tolist()
        [True, True, False, True]
        """
        found = np.bincount(self.groups, rows[self.positions]) > 0
        rows = rows.copy()
        rows[self.positions] = found[self.groups]
        return rows

    def by_id(self, most: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the rows of some ids at a time, an id after the other, in the order of their last rows.

        Parameters
        ----------
        most : int
            Rows at a time; those of an id that has more come alone.

        Yields
        ------
        rows : numpy.ndarray
            Positions in the frame; those of each id rising.
        starts : numpy.ndarray
            Where among them each id begins.

        Examples
        --------
        >>> import numpy as np
        >>> duplicates = Duplicates(np.array([0, 2, 3, 7]), np.array([5, 8, 5, 8]))
        >>> [(rows.tolist(), starts.tolist()) for rows, starts in duplicates.by_id(most=4)]
        [([0, 3, 2, 7], [0, 2])]
        >>> [(rows.tolist(), starts.tolist()) for rows, starts in duplicates.by_id(most=3)]
        [([0, 3], [0]), ([2, 7], [0])]
        """
        last = self.last()
        order = np.argsort(last, kind="stable")
        rows, last = self.positions[order], last[order]
        bounds = np.append(np.flatnonzero(np.diff(last, prepend=-1)), len(rows))
        begin = 0
        while begin < len(bounds) - 1:
            end = max(begin + 1, int(np.searchsorted(bounds, bounds[begin] + most, side="right")) - 1)
            yield rows[bounds[begin] : bounds[end]], bounds[begin:end] - bounds[begin]
            begin = end

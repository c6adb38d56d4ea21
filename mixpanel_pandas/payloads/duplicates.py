"""The rows whose id is in several rows.

Such rows are sent one after the other, or merged. Merged rows of an id become one update:

- The update is at the position of the last of these rows (`Duplicates.last`).
- For each property the last row that has a value decides (`Duplicates.by_id`, `latest`).
- What is true of one of these rows is true of the update, and so of all of them (`Duplicates.shared`).
- All of these rows share the outcome of the update (`Duplicates.rows_of_updates`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["NO_DUPLICATES", "Duplicates", "latest"]


@dataclass(frozen=True)
class Duplicates:
    """The rows whose id is in several rows.

    Attributes
    ----------
    positions : numpy.ndarray
        Positions of these rows in the frame, ascending.
    groups : numpy.ndarray
        A number for each of these rows, equal where the ids are equal.
    """

    positions: np.ndarray
    groups: np.ndarray

    def __len__(self) -> int:
        return len(self.positions)

    def without(self, rows: np.ndarray) -> Duplicates:
        """Return the duplicates without `rows`, a mask over the frame. An id may keep a single row."""
        kept = ~rows[self.positions]
        return Duplicates(self.positions[kept], self.groups[kept])

    def ranks(self) -> np.ndarray:
        """Return for each of the rows how many rows of its id come before it.

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
        """Return for each of the rows the position of the last row of its id.

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
        """Return `rows`, a mask over the frame, with all rows of the ids that have one row among them.

        Examples
        --------
        >>> import numpy as np
        >>> duplicates = Duplicates(np.array([0, 2, 3]), np.array([5, 8, 5]))
        >>> duplicates.shared(np.array([False, True, False, True])).tolist()
        [True, True, False, True]
        """
        concerned = np.bincount(self.groups, rows[self.positions]) > 0
        rows = rows.copy()
        rows[self.positions] = concerned[self.groups]
        return rows

    def by_id(self, most: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the rows of some ids at a time, id after id, in the order of their last rows.

        Parameters
        ----------
        most : int
            Rows at a time. The rows of an id that has more come alone.

        Yields
        ------
        rows : numpy.ndarray
            Positions in the frame. Those of each id are neighbours, and rising.
        starts : numpy.ndarray
            Where among `rows` each id begins.

        Examples
        --------
        >>> import numpy as np
        >>> duplicates = Duplicates(np.array([0, 2, 3, 7]), np.array([5, 8, 5, 8]))
        >>> [(rows.tolist(), starts.tolist()) for rows, starts in duplicates.by_id(most=4)]
        [([0, 3, 2, 7], [0, 2])]
        >>> [(rows.tolist(), starts.tolist()) for rows, starts in duplicates.by_id(most=3)]
        [([0, 3], [0]), ([2, 7], [0])]
        """
        rows, last = self._in_order_of_last
        bounds = np.append(np.flatnonzero(np.diff(last, prepend=-1)), len(rows))
        begin = 0
        while begin < len(bounds) - 1:
            end = max(begin + 1, int(np.searchsorted(bounds, bounds[begin] + most, side="right")) - 1)
            yield rows[bounds[begin] : bounds[end]], bounds[begin:end] - bounds[begin]
            begin = end

    def rows_of_updates(self, updates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return all rows of which some updates are made.

        Parameters
        ----------
        updates : numpy.ndarray
            Positions of the updates in the frame, ascending. A row that is not merged is an update by itself.

        Returns
        -------
        rows : numpy.ndarray
            Positions in the frame, rising.
        places : numpy.ndarray
            For each of these rows, which of `updates` it is part of.

        Examples
        --------
        >>> import numpy as np
        >>> merged = Duplicates(np.array([0, 2, 3, 7]), np.array([5, 8, 5, 8]))
        >>> rows, places = merged.rows_of_updates(np.array([3, 4, 7]))
        >>> rows.tolist(), places.tolist()
        ([0, 2, 3, 4, 7], [0, 2, 0, 1, 2])
        """
        rows, last = self._in_order_of_last
        begin = np.searchsorted(last, updates)
        counts = np.searchsorted(last, updates, side="right") - begin
        alone = np.flatnonzero(counts == 0)
        places = np.repeat(np.arange(len(updates)), counts)
        within = np.arange(len(places)) - np.repeat(np.cumsum(counts) - counts, counts)
        positions = np.concatenate([updates[alone], rows[begin[places] + within]])
        order = np.argsort(positions)
        return positions[order], np.concatenate([alone, places])[order]

    @cached_property
    def _in_order_of_last(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows, id after id, and for each of them the position of the last row of its id, rising."""
        last = self.last()
        order = np.argsort(last, kind="stable")
        return self.positions[order], last[order]


NO_DUPLICATES = Duplicates(np.zeros(0, np.int64), np.zeros(0, np.int64))


def latest(
    rows: np.ndarray, starts: np.ndarray, most: int, worth: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Return for each id the last among its rows of the highest worth.

    Parameters
    ----------
    rows, starts : numpy.ndarray
        As `Duplicates.by_id` yields them.
    most : int
        Rows whose worth is asked for at once.
    worth : callable
        Rows -> a small number for each of them.

    Examples
    --------
    >>> import numpy as np
    >>> latest(np.array([0, 3, 2, 7]), np.array([0, 2]), most=9, worth=lambda rows: rows < 3).tolist()
    [0, 2]
    """
    keys = np.arange(len(rows))
    for begin in range(0, len(rows), most):
        keys[begin : begin + most] += len(rows) * worth(rows[begin : begin + most])
    best: np.ndarray = rows[np.maximum.reduceat(keys, starts) % len(rows)]
    return best

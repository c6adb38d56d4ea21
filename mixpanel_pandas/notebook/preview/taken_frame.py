"""The frame that a preview shows: repaired where no call could be meant on it, and whether it was changed since it was taken."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from mixpanel_pandas.errors import choices
from mixpanel_pandas.payloads.layout import FLATTENING
from mixpanel_pandas.payloads.sources import array_of
from mixpanel_pandas.rules.code import literal

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

__all__ = ["REPAIRS", "Repair", "TakenFrame", "is_changed", "take"]

#: Columns that share no memory are compared value by value, up to so many values. Larger ones are taken for unchanged.
COMPARED = 2_000_000


@dataclass(frozen=True)
class TakenFrame:
    """A frame on which a call can be meant.

    Attributes
    ----------
    frame : pandas.DataFrame
        A shallow copy, or a repaired one.
    notes : tuple of str
        What was repaired, and what else there is to do.
    lines : tuple of str
        The same repairs in pandas' words, of a frame named ``df``.
    labels : mapping
        Label of a column before -> its label now, where they differ.
    """

    frame: pd.DataFrame
    notes: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    labels: Mapping[Hashable, Hashable] = field(default_factory=dict)

    def code(self, name: str) -> str:
        """Return the lines for the frame of that name, each with its line break."""
        return "".join(re.sub(r"\bdf\b", name, line) + "\n" for line in self.lines)


@dataclass(frozen=True)
class Repair:
    """What makes a frame right that no call could be meant on. Each part is a function of the frame.

    Attributes
    ----------
    needed : callable
        Whether it has to be done.
    done : callable
        The repaired frame.
    line : callable
        What does it in pandas' words.
    note : callable
        What is wrong and what was done, in a sentence.
    """

    needed: Callable[[pd.DataFrame], bool]
    done: Callable[[pd.DataFrame], pd.DataFrame]
    line: Callable[[pd.DataFrame], str]
    note: Callable[[pd.DataFrame], str]


def take(frame: pd.DataFrame) -> TakenFrame:
    r"""Take a frame as it is now, and repair it if need be.

    Examples
    --------
    >>> taken = take(pd.DataFrame([[1, 2, 3]], columns=["id", "plan", "id"]))
    >>> list(taken.frame), taken.code("users")
    (['id', 'plan'], 'users = users.loc[:, ~users.columns.duplicated()]\n')
    """
    taken = frame.copy(deep=False)
    notes: list[str] = []
    lines: list[str] = []
    labels: dict[Hashable, Hashable] = {}
    for repair in REPAIRS:
        if repair.needed(taken):
            notes.append(repair.note(taken))
            lines.append(repair.line(taken))
            before, taken = taken, repair.done(taken)
            if len(before.columns) == len(taken.columns):
                labels |= dict(zip(before.columns, taken.columns, strict=True))
    return TakenFrame(taken, tuple(notes), tuple(lines), labels)


def _flattened(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.set_axis(["_".join(filter(None, map(str, names))) for names in frame.columns], axis=1)


def _levels_named_apart(frame: pd.DataFrame) -> list[Hashable]:
    """Return names of the levels of the index, none twice."""
    names: list[Hashable] = []
    for name in frame.index.names:
        number, apart = 2, name
        while apart is not None and apart in names:
            apart, number = f"{name}_{number}", number + 1
        names.append(apart)
    return names


def _shared(labels: Any) -> list[Hashable]:
    return [label for label, count in Counter(labels).items() if count > 1]


#: In the order in which they are done: flattened names may be the same.
REPAIRS: tuple[Repair, ...] = (
    Repair(
        needed=lambda frame: isinstance(frame.columns, pd.MultiIndex),
        done=_flattened,
        line=lambda _frame: FLATTENING,
        note=lambda frame: (
            f"The columns are a MultiIndex of {frame.columns.nlevels} levels, and a property has one name: they are "
            "flattened here, as the first line of the code does."
        ),
    ),
    Repair(
        needed=lambda frame: not frame.columns.is_unique,
        done=lambda frame: frame.loc[:, ~frame.columns.duplicated()],
        line=lambda _frame: "df = df.loc[:, ~df.columns.duplicated()]",
        note=lambda frame: (
            f"Columns {choices(_shared(frame.columns))} stand in the frame more than once: the first of each is "
            "shown and sent. If the others hold something else, rename them first."
        ),
    ),
    Repair(
        needed=lambda frame: _levels_named_apart(frame) != list(frame.index.names),
        done=lambda frame: frame.set_axis(frame.index.set_names(_levels_named_apart(frame))),
        line=lambda frame: f"df.index.names = {literal(_levels_named_apart(frame))}",
        note=lambda frame: (
            f"Levels of the index share a name ({choices(_shared(frame.index.names))}): they have names of their own "
            "here."
        ),
    ),
)


def is_changed(taken: pd.DataFrame, frame: pd.DataFrame) -> bool:
    """Return whether a frame has other rows, columns or values than a shallow copy that was taken of it.

    pandas copies a column before it changes it, so a column in the same memory has not changed. (Before pandas 3 it may have been
    changed in place, which the copy shows as well.)

    Examples
    --------
    >>> frame = pd.DataFrame({"plan": ["pro", "free"]})
    >>> taken = frame.copy(deep=False)
    >>> frame["seats"] = 1
    >>> is_changed(taken, frame), is_changed(taken, frame[["plan"]])
    (True, False)
    """
    if (
        taken.shape != frame.shape
        or not taken.columns.equals(frame.columns)
        or not taken.index.equals(frame.index)
    ):
        return True
    return any(not _is_same(taken.iloc[:, place], frame.iloc[:, place]) for place in range(taken.shape[1]))


def _is_same(column: pd.Series[Any], other: pd.Series[Any]) -> bool:
    if column.dtype != other.dtype:
        return False
    if _place(array_of(column)) == _place(array_of(other)):
        return True
    if len(column) > COMPARED:
        return True
    try:
        return bool(column.equals(other))
    except Exception:  # noqa: BLE001  # values may be of any class, whose comparison fails
        return False


def _place(values: Any) -> Any:
    """Return where the values of a column are in memory. Of chunks the first and the last tell: pandas adds one for values that are set."""
    if isinstance(values, np.ndarray):
        return values.__array_interface__["data"][0], values.strides
    if not isinstance(values, pd.arrays.ArrowExtensionArray):
        return object()  # equal to no other
    column = pa.array(values)
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    ends = [
        (chunk.offset, len(chunk), *(buffer.address for buffer in chunk.buffers() if buffer is not None))
        for chunk in (*chunks[:1], *chunks[-1:])
    ]
    return len(chunks), len(column), ends

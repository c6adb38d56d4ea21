"""What a plan holds: steps, each of them an operation and the cells that it changes.

Values are JSON texts in Arrow, one column at a time. The operands come from the payloads' own steps, so a plan knows what is sent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.payloads.arrays import LARGE_STRING
from mixpanel_pandas.profiles.cells import ALWAYS_SENT, KINDS_OF_CHANGE, PlannedRows, cells_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mixpanel_pandas.checking.decisions import Decisions
    from mixpanel_pandas.profiles.held import HeldProfiles
    from mixpanel_pandas.rules.operation import Operation

__all__ = ["Origin", "Planned", "Step", "counts_of", "step_of"]


@dataclass(frozen=True)
class Origin:
    """Where the values before a plan come from.

    Attributes
    ----------
    is_read : bool
        Whether they were read. Else they are what was last accepted, and a profile that holds another value has not drifted.
    where : str or None
        The condition of the reading. None: all profiles, or some ids.
    is_whole : bool
        Whether all profiles of the project were read.
    total : int or None
        How many profiles were read.
    tells_null : bool
        Whether a null in a profile differs from a missing property.
    tells_all : bool
        Whether all properties of the profiles were read, so that one that is new shows.
    remembered : int or None
        How many profiles the snapshot has. None: there is no snapshot.
    """

    is_read: bool = True
    where: str | None = None
    is_whole: bool = False
    total: int | None = None
    tells_null: bool = True
    tells_all: bool = True
    remembered: int | None = None


@dataclass(frozen=True, eq=False)
class Step:
    """One operation of a plan.

    Attributes
    ----------
    operation : Operation
        What is done.
    cells : pyarrow.Table
        The values that it touches, as `CELLS` describes them.
    make : callable
        Returns the rows that are sent, checked.
    proof : pyarrow.Table or None
        Only for a step after another one: ``id`` of each profile of this step and ``of``, the profile that proves it. The step
        waits until all that the steps before did to that profile was read back. None: it waits for nothing.
    """

    operation: Operation
    cells: pa.Table
    make: Callable[[], Decisions]
    proof: pa.Table | None = None

    @property
    def rows(self) -> np.ndarray:
        """The positions of the rows that are sent, one for each update, rising."""
        return np.unique(self.cells["position"].to_numpy())


@dataclass(frozen=True, eq=False, repr=False)
class Planned:
    """What a plan holds.

    Attributes
    ----------
    steps : tuple of Step
        What is done, one after the other.
    counts : pandas.Series
        Number of profiles and of cells by change. An emptied profile is one that is deleted.
    origin : Origin
        Where the values before come from.
    since : str or None
        The snapshot that learns what was accepted.
    path : str or None
        The file that the plan was opened from.
    identity : str or None
        The project that the plan may be applied to: the address and the fingerprint of the token. None: any.
    made : str or None
        When an opened plan was made, in UTC.
    name : str
        What tells it from another plan that does the same, in a journal: each plan is applied once. It stays in its file. Empty: the
        file is of an earlier version, and has none.
    """

    steps: tuple[Step, ...]
    counts: pd.Series[Any]
    origin: Origin = Origin()
    since: str | None = None
    path: str | None = None
    identity: str | None = None
    made: str | None = None
    name: str = field(default_factory=lambda: uuid4().hex)

    @property
    def group(self) -> str | None:
        """The group key; None for user profiles.

        Examples
        --------
        >>> current = pd.DataFrame({"seats": [10]}, index=pd.Index(["acme"], name="company"))
        >>> df = pd.DataFrame({"company": ["acme"], "seats": [12]})
        >>> df.mixpanel.group("company").plan("set", current=current).group
        'company'
        """
        return self.steps[0].operation.group


def step_of(
    decisions: Decisions, held: HeldProfiles, proof: pa.Table | None = None, *, keeps_same: bool = False
) -> tuple[Step, pa.Array]:
    """Return what the rows of a frame change in profiles, and the ids of the profiles that stay as they are.

    What changes nothing is excluded from `decisions`, or dropped.

    Parameters
    ----------
    proof : pyarrow.Table, optional
        As `Step` describes it.
    keeps_same : bool
        Whether values that stay the same are cells, too, so that a later step waits until they were read.
    """
    rows = PlannedRows(decisions, held)
    looked_at = rows.sent.copy()
    cells = cells_of(rows, keeps_same=keeps_same)
    step = Step(decisions.layout.operation, cells, lambda: decisions, proof)
    same = rows.ids.filter(pa.array(looked_at & ~rows.sent)).unique()
    changed = rows.ids.filter(pa.array(rows.sent))
    return step, same.filter(pc.invert(pc.is_in(same, value_set=changed)))


def counts_of(steps: Sequence[Step], unchanged: int) -> pd.Series[Any]:
    """Return how many profiles and cells there are of each change."""
    table = pa.concat_tables([step.cells.select(["id", "is_found", "verb", "change"]) for step in steps])
    always = pa.array([*ALWAYS_SENT, "delete"], LARGE_STRING)
    table = table.filter(pc.or_(table["change"].is_valid(), pc.is_in(table["verb"], value_set=always)))
    is_deleted = np.asarray(pc.equal(table["verb"], "delete"))
    is_found = np.asarray(table["is_found"])

    def profiles(rows: np.ndarray) -> int:
        return int(pc.count_distinct(table["id"].filter(pa.array(rows))).as_py())

    cells = np.bincount(table["change"].drop_null().to_numpy(), minlength=len(KINDS_OF_CHANGE))
    counts = {
        "new profiles": profiles(~is_found),
        "changed profiles": profiles(is_found & ~is_deleted),
        "emptied profiles": profiles(is_deleted),
        "unchanged profiles": unchanged,
        **{f"{name} cells": int(count) for name, count in zip(KINDS_OF_CHANGE, cells, strict=True)},
    }
    return pd.Series(counts, dtype="int64", name="count")

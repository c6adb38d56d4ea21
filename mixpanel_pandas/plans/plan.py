"""`Plan`: what an operation would change in profiles that were read: before, after, and the operation between them.

Values are JSON texts in Arrow, one column at a time. The operands come from the payloads' own steps, so a plan knows what is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.payloads.arrays import LARGE_STRING
from mixpanel_pandas.payloads.sources import rows_of_frame
from mixpanel_pandas.profiles.cells import ALWAYS_SENT, CELLS, CHANGES, PlannedRows, cells_of
from mixpanel_pandas.reading.spool import spooled
from mixpanel_pandas.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from os import PathLike

    from mixpanel_pandas.checking.decisions import Decisions
    from mixpanel_pandas.notebook.tables import Table
    from mixpanel_pandas.profiles.held import HeldProfiles
    from mixpanel_pandas.project import Project
    from mixpanel_pandas.rules.operation import Operation

__all__ = ["Origin", "Plan", "Step", "plan_of", "step_of"]

#: Columns of `Plan.cells`.
SHOWN = ("position", "id", "property", "before", "after")


@dataclass(frozen=True)
class Origin:
    """What the profiles before a plan were read from.

    Attributes
    ----------
    where : str or None
        The condition of the reading. None: all profiles, or some ids.
    is_whole : bool
        Whether all profiles of the project were read.
    total : int or None
        How many profiles were read.
    tells_null : bool
        Whether a null that a profile holds is told from a property that it lacks.
    """

    where: str | None = None
    is_whole: bool = False
    total: int | None = None
    tells_null: bool = True


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
class Plan:
    """What an operation would change: the values before and after, and the operation between them.

    ``df.mixpanel.plan`` makes one, and so do `rename_property`, `retype_property`, `deduplicate_profiles`, `open_plan`, and
    ``open_backup(path).plan()``.

    Attributes
    ----------
    counts : pandas.Series
        Number of profiles and of cells by change. An emptied profile is one that is deleted.
    since : str or None
        The snapshot that learns what was accepted.
    path : str or None
        The file that the plan was opened from.
    identity : str or None
        The project that an opened plan may be applied to: the address and the fingerprint of the token.
    made : str or None
        When an opened plan was made, in UTC.
    """

    steps: tuple[Step, ...]
    counts: pd.Series[Any]
    origin: Origin = Origin()
    since: str | None = None
    path: str | None = None
    identity: str | None = None
    made: str | None = None

    def __repr__(self) -> str:
        of = self.counts
        cells = sum(_cells_of_profiles_that_are_there(step) for step in self.steps)
        return (
            f"{counted(int(of['new profiles']), 'new profile')}, {of['changed profiles']:,} changed "
            f"({counted(cells, 'cell')}), {of['emptied profiles']:,} emptied, {of['unchanged profiles']:,} unchanged"
        )

    @property
    def group(self) -> str | None:
        """The group key; None for user profiles."""
        return self.steps[0].operation.group

    @cached_property
    def cells(self) -> pd.DataFrame:
        """A row for each value that changes: ``position`` in the frame, ``id``, ``property``, ``before`` and ``after`` as JSON
        (missing: the profile lacks the property), and ``change``: new, changed or emptied.
        """
        table = pa.concat_tables([step.cells.filter(step.cells["change"].is_valid()) for step in self.steps])
        change = pc.take(pa.array(CHANGES, LARGE_STRING), table["change"])
        shown = table.select(SHOWN).append_column("change", change)
        cells: pd.DataFrame = shown.to_pandas(types_mapper=pd.ArrowDtype)
        return cells

    def changes(self) -> pd.DataFrame:
        """Return the rows that are sent, as they stand in the frame."""
        decisions = self.steps[0].make()
        return rows_of_frame(decisions.frame, ~decisions.changes.excluded)

    def show(self, rows: int = 20) -> Table:
        """Return the cells as a table that reads well, with the counts in one line above it.

        Parameters
        ----------
        rows : int, default 20
            How many cells are shown at most.

        Returns
        -------
        Table
            A notebook shows it as HTML, ``print`` as text, and ``.markdown()`` is for a pull request.
        """
        # Tables are made on the floor above this one. The method is here, because it is the plan that one looks at.
        table: Table = import_module("mixpanel_pandas.notebook.show").show_plan(self, rows)
        return table

    def apply(
        self,
        *,
        project: Project | None = None,
        backup: str | PathLike[str] | Literal[True] | None = True,
        drift: Literal["leave_out", "raise"] = "leave_out",
        wait: bool = False,
        at_most: int | None = None,
        at_most_share: float | None = None,
        at_most_emptied: int | None = None,
        at_most_deletes: int = 1000,
        new_properties: Literal["allow", "raise"] = "allow",
        **options: Any,
    ) -> pd.DataFrame:
        """Send what the plan says, to the profiles that are still as it says.

        The profiles are read again first, and written to the backup. A profile that is as the plan would leave it is
        ``skipped``, with the reason ``already so``. One that has changed since the plan was made is left out, as ``not_sent`` with the
        reason ``drift``; `drift` lists what has changed. Then the operation is sent as it was planned. A step that removes what another step replaces waits
        until that was read back.

        Parameters
        ----------
        project : Project, optional
            The project. By default that of the call that made the plan, of `set_project` or of the environment.
        backup : path-like, True or None, default True
            The file that `open_backup` opens, with what the profiles held before. True: beside the plan, else in the working
            directory; the log names it. None: there is no way back.
        drift : {"leave_out", "raise"}, default "leave_out"
            Whether profiles that have changed since the plan was made are left out, or refuse the plan.
        wait : bool, default False
            Whether to wait when Mixpanel's queries of this hour are used up.
        at_most : int, optional
            The most profiles that may change.
        at_most_share : float, optional
            The largest share of all profiles that may change, from 0 to 1. The plan must have been made with all of them.
        at_most_emptied : int, optional
            The most values that may be emptied.
        at_most_deletes : int, default 1000
            The most profiles that may be deleted.
        new_properties : {"allow", "raise"}, default "allow"
            Whether properties may be created that no profile has.
        **options
            How the updates are sent, such as ``workers`` and ``journal``; `Options` describes each. The journal of an opened plan
            stands beside it by default: the same call goes on after an interruption.

        Returns
        -------
        pandas.DataFrame
            The summary, as the verbs return it. That of several steps has the column ``step`` as well.

        Raises
        ------
        GuardError
            If the plan would do more than one of `at_most` and its like allows, or that cannot be told.
        DriftError
            If profiles have changed, and `drift` is ``"raise"``.
        ProjectError
            If the plan was made for another project.
        BackupError
            If there can be no backup, and `backup` is not None.
        ReadError
            If the profiles cannot be read again.
        MixpanelError
            As the verb raises it.
        """
        from mixpanel_pandas.plans.applying import apply_plan
        from mixpanel_pandas.plans.guards import Guards

        guards = Guards(at_most, at_most_share, at_most_emptied, at_most_deletes, new_properties)
        return apply_plan(self, project, backup, drift, wait, guards, options)

    def drift(self, *, project: Project | None = None, wait: bool = False) -> pd.DataFrame:
        """Read the profiles again, and return what has changed since the plan was made; send nothing.

        Parameters
        ----------
        project, wait
            As for `apply`.

        Returns
        -------
        pandas.DataFrame
            A row for each value that is neither as the plan found it nor as it leaves it: ``id``, ``property``, ``before``,
            ``now`` and ``after`` as JSON.

        Raises
        ------
        ReadError
            If the profiles cannot be read.
        """
        from mixpanel_pandas.plans.applying import drift_of_plan

        return drift_of_plan(self, project, wait)

    def save(self, path: str | PathLike[str], *, project: Project | None = None) -> Plan:
        """Write the plan to a Parquet file, sealed: what it does, to which project, and a digest of all of it.

        Parameters
        ----------
        path : path-like
            The file, which `open_plan` opens. An older one is replaced once the new one is whole.
        project : Project, optional
            Where it may be applied. By default that of the call that made the plan, of `set_project` or of the environment.

        Returns
        -------
        Plan
            The plan as `open_plan` opens it.

        Raises
        ------
        OperationError
            If the plan depends on what a file cannot hold.
        ProjectError
            If no project is named.
        """
        from mixpanel_pandas.plans.sealing import save_plan

        return save_plan(self, path, project)


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
    cells = spooled(cells_of(rows, decisions, held, keeps_same=keeps_same))
    if not cells.num_columns:
        cells = CELLS.empty_table()
    step = Step(decisions.layout.operation, cells, lambda: decisions, proof)
    same = rows.ids.filter(pa.array(looked_at & ~rows.sent)).unique()
    changed = rows.ids.filter(pa.array(rows.sent))
    return step, same.filter(pc.invert(pc.is_in(same, value_set=changed)))


def plan_of(
    steps: Sequence[Step],
    unchanged: int,
    origin: Origin,
    since: str | None = None,
    identity: str | None = None,
) -> Plan:
    """Return a plan of some steps. A step that does nothing is no part of it, unless all do nothing.

    Parameters
    ----------
    unchanged : int
        Profiles that were looked at and stay as they are.
    """
    steps = [step for step in steps if len(step.cells)] or steps[:1]
    return Plan(tuple(steps), _counts(steps, unchanged), origin, since, identity=identity)


def _counts(steps: Sequence[Step], unchanged: int) -> pd.Series[Any]:
    """Return how many profiles and cells there are of each change."""
    table = pa.concat_tables([step.cells.select(["id", "is_found", "verb", "change"]) for step in steps])
    always = pa.array([*ALWAYS_SENT, "delete"], LARGE_STRING)
    table = table.filter(pc.or_(table["change"].is_valid(), pc.is_in(table["verb"], value_set=always)))
    is_deleted = np.asarray(pc.equal(table["verb"], "delete"))
    is_found = np.asarray(table["is_found"])

    def profiles(rows: np.ndarray) -> int:
        return int(pc.count_distinct(table["id"].filter(pa.array(rows))).as_py())

    cells = np.bincount(table["change"].drop_null().to_numpy(), minlength=len(CHANGES))
    counts = {
        "new profiles": profiles(~is_found),
        "changed profiles": profiles(is_found & ~is_deleted),
        "emptied profiles": profiles(is_deleted),
        "unchanged profiles": unchanged,
        **{f"{name} cells": int(count) for name, count in zip(CHANGES, cells, strict=True)},
    }
    return pd.Series(counts, dtype="int64", name="count")


def _cells_of_profiles_that_are_there(step: Step) -> int:
    if step.operation.verb == "delete":
        return 0
    changes = pc.and_(step.cells["is_found"], step.cells["change"].is_valid())
    return int(pc.sum(changes).as_py() or 0)

"""`Plan`: what an operation would change in profiles that were read: the values before and after, and the operation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Unpack

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.notebook.show import show
from mixpanel_pandas.payloads.arrays import LARGE_STRING
from mixpanel_pandas.payloads.sources import rows_of_frame
from mixpanel_pandas.plans.applying import apply_plan, drift_of_plan
from mixpanel_pandas.plans.guards import Guards
from mixpanel_pandas.plans.sealing import read_plan, write_plan
from mixpanel_pandas.plans.snapshot import locked_snapshot
from mixpanel_pandas.plans.steps import Origin, Planned, counts_of
from mixpanel_pandas.profiles.cells import KINDS_OF_CHANGE
from mixpanel_pandas.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from mixpanel_pandas.notebook.tables import Table
    from mixpanel_pandas.plans.steps import Step
    from mixpanel_pandas.project import Project
    from mixpanel_pandas.rules.keywords import SendingOptions

__all__ = ["Plan", "open_plan", "plan_of", "some_cells"]

#: Columns of `Plan.cells`.
SHOWN = ("position", "id", "property", "before", "after")


@dataclass(frozen=True, eq=False, repr=False)
class Plan(Planned):
    """What an operation would change in profiles: each value before and after, and the operation.

    ``df.mixpanel.plan`` makes one, and so do `rename_property`, `retype_property`, `deduplicate_profiles`, `open_plan`, and
    ``open_backup(path).plan()``.

    Parameters
    ----------
    steps : tuple of Step
        The operations in their order, each with the cells that it changes.
    counts : pandas.Series
        Number of profiles and of cells for each kind of change. A deleted profile counts as emptied.
    origin : Origin
        The source of the values before.
    since : str or None
        The snapshot to which accepted values are added.
    path : str or None
        The file that the plan was opened from.
    identity : str or None
        The project that an opened plan may be applied to: the address and the fingerprint of the token.
    made : str or None
        When an opened plan was made, in UTC.
    name : str
        The name that distinguishes the plan in a journal from another plan that does the same.

    Examples
    --------
    >>> current = pd.DataFrame({"plan": ["free"]}, index=pd.Index(["ann"], name="$distinct_id"))
    >>> df = pd.DataFrame({"user_id": ["ann", "bob"], "plan": ["pro", "free"]})
    >>> plan = df.mixpanel.plan("set", "user_id", current=current)
    >>> plan
    1 new profile, 1 changed (1 cell), 0 emptied, 0 unchanged
    >>> plan.counts[["new profiles", "new cells", "changed cells"]].to_dict()
    {'new profiles': 1, 'new cells': 1, 'changed cells': 1}
    """

    def __repr__(self) -> str:
        of = self.counts
        cells = sum(_cells_of_profiles_that_are_there(step) for step in self.steps)
        return (
            f"{counted(int(of['new profiles']), 'new profile')}, {of['changed profiles']:,} changed "
            f"({counted(cells, 'cell')}), {of['emptied profiles']:,} emptied, {of['unchanged profiles']:,} unchanged"
        )

    @cached_property
    def cells(self) -> pd.DataFrame:
        """A row for each value that changes: ``position`` in the frame, ``id``, ``property``, ``before`` and ``after`` as JSON
        (missing: the profile lacks the property), and ``change``: new, changed or emptied.
        """
        return some_cells(self, 0)

    def changes(self) -> pd.DataFrame:
        """Return the rows that are sent, as they are in the frame.

        Returns
        -------
        pandas.DataFrame
            Rows of the frame of the first step, with its columns and index.

        Examples
        --------
        >>> current = pd.DataFrame({"plan": ["free"]}, index=pd.Index(["ann"], name="$distinct_id"))
        >>> df = pd.DataFrame({"user_id": ["ann", "bob"], "plan": ["free", "pro"]})
        >>> df.mixpanel.plan("set", "user_id", current=current).changes()
          user_id plan
        1     bob  pro
        """
        decisions = self.steps[0].make()
        return rows_of_frame(decisions.frame, ~decisions.changes.excluded)

    def show(self, rows: int = 20) -> Table:
        """Return the cells as a formatted table, below a line with the counts.

        Parameters
        ----------
        rows : int, default 20
            The most cells to show.

        Returns
        -------
        Table
            A notebook shows the table as HTML, ``print`` shows it as text, and ``.markdown()`` returns it for a pull request.

        Examples
        --------
        >>> current = pd.DataFrame({"plan": ["free"]}, index=pd.Index(["ann"], name="$distinct_id"))
        >>> df = pd.DataFrame({"user_id": ["ann"], "plan": ["pro"]})
        >>> df.mixpanel.plan("set", "user_id", current=current).show()
        0 new profiles, 1 changed (1 cell), 0 emptied, 0 unchanged
        id   property  before  after  change
        ann  plan      "free"  "pro"  changed
        """
        number = int(self.counts[[f"{kind} cells" for kind in KINDS_OF_CHANGE]].sum())
        note = f"{rows:,} of {counted(number, 'cell')}" if rows < number else ""
        return replace(show(some_cells(self, 0, max(rows, 0)), rows), caption=repr(self), note=note)

    def _repr_html_(self) -> str:
        return self.show()._repr_html_()

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
        **options: Unpack[SendingOptions],
    ) -> pd.DataFrame:
        """Send the plan to the profiles that have not changed since it was made.

        The profiles are first read again, and written to the backup. A profile that already has the values of the plan is
        ``skipped``, with the reason ``already so``. A profile that has changed since the plan was made is ``not_sent``, with the
        reason ``drift``; `drift` lists the changes. Then the operation is sent as it was planned. A step that removes what another
        step replaces waits until that was read back. A plan made with ``since`` has no drift: it reads the profiles only for the
        backup.

        Parameters
        ----------
        project : Project, optional
            The project. By default that of the call that made the plan, of `set_project` or of the environment.
        backup : path-like, True or None, default True
            The file with the values of the profiles before the change, which `open_backup` opens. True writes it beside the plan, or
            else in the working directory, and the log contains its path. None writes no backup, so the change cannot be undone.
        drift : {"leave_out", "raise"}, default "leave_out"
            What happens if profiles have changed since the plan was made: they are left out, or the plan is refused.
        wait : bool, default False
            Whether to wait when Mixpanel's queries of this hour are used up.
        at_most : int, optional
            The most profiles that may change.
        at_most_share : float, optional
            The largest share of all profiles that may change, from 0 to 1. The plan must have been made with all profiles, or with
            ``since``, where the share is that of the profiles in the snapshot.
        at_most_emptied : int, optional
            The most values that may be emptied.
        at_most_deletes : int, default 1000
            The most profiles that may be deleted.
        new_properties : {"allow", "raise"}, default "allow"
            Whether the plan may create properties that no profile has.
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
            If the plan would change more than one of the guards (`at_most` and the others) allows, or if that is not known.
        DriftError
            If profiles have changed, and `drift` is ``"raise"``.
        ProjectError
            If the plan was made for another project.
        BackupError
            If the backup cannot be written, and `backup` is not None.
        ReadError
            If the profiles cannot be read again.
        MixpanelError
            As the verb raises it.

        Examples
        --------
        >>> df = pd.DataFrame({"user_id": ["ann", "bob"], "plan": ["pro", "free"]})
        >>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
        ...     _ = df.head(1).mixpanel.set("user_id")
        ...     summary = df.mixpanel.plan("set", "user_id").apply(backup="before.parquet", at_most=100)
        >>> summary[["outcome", "rows"]]
            outcome  rows
        0   skipped     1
        1  accepted     1
        """
        guards = Guards(at_most, at_most_share, at_most_emptied, at_most_deletes, new_properties)
        with locked_snapshot(None if options.get("dry_run") else self.since):
            return apply_plan(self, project, backup, drift, wait, guards, options)

    def drift(self, *, project: Project | None = None, wait: bool = False) -> pd.DataFrame:
        """Read the profiles again, and return what has changed since the plan was made; send nothing.

        Parameters
        ----------
        project : Project, optional
            As for `apply`.
        wait : bool, default False
            As for `apply`.

        Returns
        -------
        pandas.DataFrame
            A row for each value that now differs both from the value before and from the value after: ``id``, ``property``,
            ``before``, ``now`` and ``after`` as JSON.

        Raises
        ------
        ReadError
            If the profiles cannot be read.

        Examples
        --------
        >>> df = pd.DataFrame({"user_id": ["ann"], "plan": ["pro"]})
        >>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
        ...     _ = df.assign(plan="free").mixpanel.set("user_id")
        ...     plan = df.mixpanel.plan("set", "user_id")
        ...     _ = df.assign(plan="trial").mixpanel.set("user_id")
        ...     plan.drift()
            id property  before      now  after
        0  ann     plan  "free"  "trial"  "pro"
        """
        return drift_of_plan(self, project, wait)

    def save(self, path: str | PathLike[str], *, project: Project | None = None) -> Plan:
        """Write the plan to a Parquet file, with its project and a digest that reveals later changes of the file.

        Parameters
        ----------
        path : path-like
            The file, which `open_plan` opens. An older file is replaced when the new one is complete.
        project : Project, optional
            The project that the plan may be applied to. By default that of the call that made the plan, of `set_project` or of the
            environment.

        Returns
        -------
        Plan
            The plan as `open_plan` opens it.

        Raises
        ------
        OperationError
            If the plan depends on something that a file cannot store.
        ProjectError
            If no project is named.

        Examples
        --------
        >>> current = pd.DataFrame({"plan": ["free"]}, index=pd.Index(["ann"], name="$distinct_id"))
        >>> df = pd.DataFrame({"user_id": ["ann"], "plan": ["pro"]})
        >>> project = mpd.Project("0123456789abcdef0123456789abcdef", "eu")
        >>> df.mixpanel.plan("set", "user_id", current=current).save("plan.parquet", project=project)
        0 new profiles, 1 changed (1 cell), 0 emptied, 0 unchanged
        """
        path = Path(path).expanduser()
        write_plan(self, path, project)
        return open_plan(path)


def open_plan(path: str | PathLike[str]) -> Plan:
    """Open a plan that was saved.

    Parameters
    ----------
    path : path-like
        The file that `Plan.save` wrote.

    Returns
    -------
    Plan
        The same plan. It can only be applied to the project that it was made for.

    Raises
    ------
    DamagedFile
        If the file is not a plan, or was changed.

    Examples
    --------
    >>> current = pd.DataFrame({"plan": ["free"]}, index=pd.Index(["ann"], name="$distinct_id"))
    >>> df = pd.DataFrame({"user_id": ["ann", "bob"], "plan": ["pro", "free"]})
    >>> project = mpd.Project("0123456789abcdef0123456789abcdef", "eu")
    >>> _ = df.mixpanel.plan("set", "user_id", current=current).save("plan.parquet", project=project)
    >>> mpd.open_plan("plan.parquet")
    1 new profile, 1 changed (1 cell), 0 emptied, 0 unchanged
    """
    return Plan(**vars(read_plan(Path(path).expanduser())))


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
    return Plan(tuple(steps), counts_of(steps, unchanged), origin, since, identity=identity)


def some_cells(plan: Planned, start: int, stop: int | None = None, change: str | None = None) -> pd.DataFrame:
    """Return some rows of `Plan.cells`, without reading the values of the others: those of a large plan are on disk.

    Parameters
    ----------
    start : int
        Position of the first row.
    stop : int, optional
        Position after the last row. By default the end.
    change : str, optional
        Count and return only the rows of this change, one of `KINDS_OF_CHANGE`.
    """
    table = pa.concat_tables([step.cells for step in plan.steps])
    if change is None:
        is_shown = table["change"].is_valid()
    else:
        is_shown = pc.equal(table["change"], KINDS_OF_CHANGE.index(change)).fill_null(False)
    at = np.flatnonzero(is_shown)[start:stop]
    begin, length = (at[0], at[-1] + 1 - at[0]) if len(at) else (0, 0)
    table = table.slice(begin, length).filter(is_shown.slice(begin, length))
    kinds = pc.take(pa.array(KINDS_OF_CHANGE, LARGE_STRING), table["change"])
    cells: pd.DataFrame = (
        table.select(SHOWN).append_column("change", kinds).to_pandas(types_mapper=pd.ArrowDtype)
    )
    return cells


def _cells_of_profiles_that_are_there(step: Step) -> int:
    if step.operation.verb == "delete":
        return 0
    changes = pc.and_(step.cells["is_found"], step.cells["change"].is_valid())
    return int(pc.sum(changes).as_py() or 0)

"""Backups as plans, which restore the values that profiles had before a change."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.notebook.show import table_of
from mixpanel_pandas.payloads.arrays import LARGE_STRING, mask_of
from mixpanel_pandas.plans.plan import plan_of
from mixpanel_pandas.plans.steps import Origin, step_of
from mixpanel_pandas.plans.texts import checked_texts, columns_of
from mixpanel_pandas.profiles.backup import FORMAT
from mixpanel_pandas.profiles.cells import by_property
from mixpanel_pandas.profiles.files import read_file
from mixpanel_pandas.profiles.held import HeldProfiles
from mixpanel_pandas.rules.limits import NEVER_WRITTEN
from mixpanel_pandas.rules.operation import Operation
from mixpanel_pandas.text import counted

if TYPE_CHECKING:
    from os import PathLike

    from mixpanel_pandas.checking.decisions import Decisions
    from mixpanel_pandas.notebook.tables import Table
    from mixpanel_pandas.plans.plan import Plan
    from mixpanel_pandas.plans.steps import Step

__all__ = ["Backup", "open_backup"]


@dataclass(frozen=True, eq=False, repr=False)
class Backup:
    """The values that profiles had before a change.

    Parameters
    ----------
    path : Path
        The file.
    identity : str
        The project: the address and the fingerprint of the token.
    group : str or None
        The group key of the profiles; None for users.
    made : str
        When the backup was made, in UTC.
    values : pyarrow.Table
        ``id``, ``is_found``, ``property``, ``before`` and ``after``, the planned value.

    Examples
    --------
    >>> df = pd.DataFrame({"user_id": ["ann"], "fax": ["+1 555"]})
    >>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
    ...     _ = df.mixpanel.set("user_id")
    ...     _ = df.mixpanel.unset("user_id", ["fax"], backup="fax.parquet")
    >>> mpd.open_backup("fax.parquet")
    backup of 1 profile (1 value) from ...
    """

    path: Path
    identity: str
    group: str | None
    made: str
    values: pa.Table

    def __repr__(self) -> str:
        ids = self.values["id"]
        values = pc.sum(pc.is_valid(self.values["property"])).as_py() or 0
        return f"backup of {counted(pc.count_distinct(ids).as_py(), 'profile')} ({counted(values, 'value')}) from {self.made}"

    def _repr_html_(self) -> str:
        return self.show()._repr_html_()

    def show(self, rows: int = 20) -> Table:
        """Return the values as a formatted table: before the change, and as it was planned.

        Parameters
        ----------
        rows : int, default 20
            The most values to show.

        Returns
        -------
        Table
            As `Plan.show` returns it.

        Examples
        --------
        >>> df = pd.DataFrame({"user_id": ["ann"], "fax": ["+1 555"]})
        >>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
        ...     _ = df.mixpanel.set("user_id")
        ...     _ = df.mixpanel.unset("user_id", ["fax"], backup="fax.parquet")
        >>> mpd.open_backup("fax.parquet").show()
        backup of 1 profile (1 value) from ...
        id   property  before
        ann  fax       "+1 555"
        """
        first = self.values.slice(0, rows).select(["id", "property", "before", "after"])
        is_whole = len(first) == len(self.values)
        note = "" if is_whole else f"{len(first):,} of {counted(len(self.values), 'value')}"
        return table_of(first.to_pandas(types_mapper=pd.ArrowDtype), repr(self), note=note)

    def plan(self) -> Plan:
        """Return the plan that restores the values.

        It sets properties to their earlier values, removes properties that did not exist, and creates deleted profiles again. It
        never deletes a profile: if a profile did not exist before the change, it only removes the properties that were set. Values
        that have changed since are in `Plan.drift`, and are left out. Properties that Mixpanel computes, such as ``$last_seen``,
        are not restored.

        Returns
        -------
        Plan
            The plan, to review, save and apply. Applying it writes another backup, so the undo can be undone.

        Examples
        --------
        >>> df = pd.DataFrame({"user_id": ["ann"], "fax": ["+1 555"]})
        >>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
        ...     _ = df.mixpanel.set("user_id")
        ...     _ = df.mixpanel.unset("user_id", ["fax"], backup="fax.parquet")
        >>> mpd.open_backup("fax.parquet").plan()
        0 new profiles, 1 changed (1 cell), 0 emptied, 0 unchanged
        """
        is_whole = pc.is_null(self.values["property"])
        deleted = self.values.filter(is_whole)["id"].unique()
        cells = self.values.filter(pc.invert(is_whole))
        computed = pc.is_in(cells["property"], value_set=pa.array(sorted(NEVER_WRITTEN), LARGE_STRING))
        cells = cells.filter(pc.invert(computed))
        is_null = mask_of(pc.equal(cells["before"], "null").combine_chunks())
        held = _expected(self.values, deleted)
        asked = Operation("set", None, None, None, self.group, {"missing": "unset"})
        nulls = Operation("set", None, None, None, self.group, {"missing": "null"})
        if not len(
            cells
        ):  # a plan that sent nothing; an update without columns is none, a removal may name no property
            asked = Operation("unset", None, (), None, self.group, {})
        steps: list[Step] = []
        unchanged = 0
        for part, operation in ((~is_null, asked), (is_null, nulls)):
            rows = cells.filter(pa.array(part))
            if not len(rows) and steps:
                continue
            step, same = step_of(_checked(rows, operation), held)
            steps.append(step)
            unchanged += len(same)
        return plan_of(steps, unchanged, Origin(), identity=self.identity)


def open_backup(path: str | PathLike[str]) -> Backup:
    """Open a backup, to restore the values that profiles had before a change.

    Parameters
    ----------
    path : path-like
        The file of the option ``backup``.

    Returns
    -------
    Backup
        ``.plan()`` returns the plan that restores the values.

    Raises
    ------
    DamagedFile
        If the file is not a backup, or was changed.

    Examples
    --------
    >>> df = pd.DataFrame({"user_id": ["ann"], "plan": ["pro"]})
    >>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
    ...     _ = df.assign(plan="free").mixpanel.set("user_id")
    ...     _ = df.mixpanel.plan("set", "user_id").apply(backup="before.parquet")
    ...     undo = mpd.open_backup("before.parquet").plan()
    ...     _ = undo.apply(backup=None)
    ...     emulator.profile("ann")
    {'plan': 'free'}
    >>> undo.cells[["id", "property", "before", "after", "change"]]
        id property before   after   change
    0  ann     plan  "pro"  "free"  changed
    """
    path = Path(path).expanduser()
    header, values = read_file(path, FORMAT, "backup")
    return Backup(path, header.identity, header.group, header.made, values)


def _expected(values: pa.Table, deleted: pa.Array) -> HeldProfiles:
    """Return what the profiles hold if all that was to be done was done."""
    ids = values["id"].unique()
    ids = ids.filter(pc.invert(pc.is_in(ids, value_set=deleted)))

    rows = pc.index_in(values["id"], value_set=ids)
    there = values.append_column("row", rows).filter(rows.is_valid())
    columns, _touched = columns_of(by_property(there), "after", len(ids))
    return HeldProfiles(ids, {name: partial(lambda texts: texts, texts) for name, texts in columns.items()})


def _checked(cells: pa.Table, asked: Operation) -> Decisions:
    """Return the rows that write the values of a backup."""
    ids = cells["id"].unique()
    cells = cells.append_column("row", pc.index_in(cells["id"], value_set=ids))
    return checked_texts(asked, ids, *columns_of(by_property(cells), "before", len(ids)))

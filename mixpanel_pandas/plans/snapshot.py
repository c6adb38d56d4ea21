"""`Snapshot`: what was last accepted by Mixpanel, in a Parquet file, so that the next plan sends only what is different."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.errors import OperationError
from mixpanel_pandas.payloads.arrays import LARGE_STRING, emptied, mask_of, nulls_in
from mixpanel_pandas.payloads.ids import ids_of_all_rows
from mixpanel_pandas.payloads.row_set import RowSet
from mixpanel_pandas.plans.steps import step_of
from mixpanel_pandas.plans.texts import checked_texts
from mixpanel_pandas.process.locks import file_lock
from mixpanel_pandas.profiles.cells import by_property
from mixpanel_pandas.profiles.columns import ID, column_of_property
from mixpanel_pandas.profiles.files import Header, read_file, refuse_unwritable, write_file
from mixpanel_pandas.profiles.held import HeldProfiles, held_in_table
from mixpanel_pandas.reading.writing import link_target
from mixpanel_pandas.rules.operation import Operation
from mixpanel_pandas.text import Length, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

    from mixpanel_pandas.checking.decisions import Decisions
    from mixpanel_pandas.plans.steps import Step
    from mixpanel_pandas.project import Project

__all__ = ["Snapshot", "in_doubt", "locked_snapshot", "step_of_gone"]

FORMAT = "mixpanel_pandas snapshot, 1"

#: Marks a value that may or may not have arrived. It is not JSON, so it differs from every value, which is sent again.
IN_DOUBT = "?"

#: Marks a property that `unset` has removed. Without it a property may be there that somebody else has written.
REMOVED = "-"


@contextmanager
def locked_snapshot(path: str | PathLike[str] | None) -> Iterator[None]:
    """Let no other run compare with a snapshot or write it until the end of the block.

    Parameters
    ----------
    path : path-like or None
        The file, which need not be there. None: nothing is locked.

    Raises
    ------
    OperationError
        If another run does so now, or the file cannot be written.
    """
    if path is None:
        yield
        return
    path = Path(path).expanduser()
    refuse_unwritable(path, "since=")
    with ExitStack() as stack:
        shown = quoted(str(path), Length.SENTENCE)
        try:
            stack.enter_context(file_lock(link_target(path)))
        except BlockingIOError as error:
            msg = (
                f"since={shown} is in use: another run reads and writes it. Nothing was sent: wait until that run has ended, or "
                "name another file"
            )
            raise OperationError(msg) from error
        except OSError as error:
            msg = f"since={shown} cannot be locked by the file {path.name}.lock beside it: {error}"
            raise OperationError(msg) from error
        yield


@dataclass(frozen=True)
class _Accepted(HeldProfiles):
    """What was last accepted, in place of what profiles hold.

    Attributes
    ----------
    removes : bool
        Whether it is compared with what removes properties. Then a property of which nothing was accepted is in doubt.
    """

    removes: bool = False

    def values_of(self, name: str, places: pa.Array) -> pa.Array:
        values = super().values_of(name, places)
        if self.removes:
            values = values.fill_null(IN_DOUBT)
        return emptied(values, mask_of(pc.equal(values, REMOVED)))


@dataclass(frozen=True)
class Snapshot:
    """What was last accepted.

    Attributes
    ----------
    path : Path
        The file. It holds ids and values.
    identity : str
        The project that accepted it.
    group : str or None
        The group key of the profiles.
    table : pyarrow.Table
        Ids, and a column of JSON texts for each property.
    """

    path: Path
    identity: str
    group: str | None
    table: pa.Table

    @classmethod
    def of(cls, path: str | PathLike[str], project: Project, group: str | None) -> Snapshot:
        """Return the snapshot of a file. It is empty if there is no file yet.

        Raises
        ------
        DamagedFile
            If the file is not a snapshot.
        ProjectError
            If it belongs to another project.
        """
        path = Path(path).expanduser()
        refuse_unwritable(path, "since=")
        table = pa.table({ID: pa.array([], LARGE_STRING)})
        if path.exists():
            header, table = read_file(path, FORMAT, "snapshot")
            header.refuse_other_project(project, path)
            header.refuse_other_group(group, path)
        return cls(path, project.identity, group, table)

    def held(self, *, removes: bool = False) -> HeldProfiles:
        """Return the profiles and their values.

        Parameters
        ----------
        removes : bool, default False
            Whether they are compared with an operation that removes properties, whoever has written them.
        """
        held = held_in_table(self.table)
        return _Accepted(held.ids, held.columns, removes=removes)

    def with_cells(self, cells: pa.Table) -> Snapshot:
        """Return a snapshot that also holds the values after some cells. Profiles of which nothing is left are no part of it.

        Parameters
        ----------
        cells : pyarrow.Table
            The cells, in the order of the rows.
        """
        old = self.table[ID].combine_chunks()
        new = cells["id"].unique()
        new = new.filter(pc.is_null(pc.index_in(new, value_set=old)))
        ids = pa.concat_arrays([old, new.cast(LARGE_STRING)])
        columns = {
            name: _extended(self.table[name], len(ids)) for name in self.table.column_names if name != ID
        }
        for name, of_name in by_property(cells).items():
            column = column_of_property(name)
            before = columns.get(column, pa.nulls(len(ids), LARGE_STRING))
            after = of_name["after"]
            if of_name["verb"][0].as_py() == "unset":
                after = after.fill_null(REMOVED)
            columns[column] = _overwritten(before, ids, of_name["id"], after)
        return replace(self, table=_without_nothing(pa.table({ID: ids, **columns})))

    def save(self) -> None:
        """Write the file. An older one is replaced once the new one is whole."""
        write_file(self.path, Header(FORMAT, self.identity, self.group), self.table)


def in_doubt(cells: pa.Table, rows: np.ndarray) -> pa.Table:
    """Return cells of which those in `rows`, a mask, may or may not have arrived."""
    after = pc.if_else(pa.array(rows), pa.scalar(IN_DOUBT, LARGE_STRING), cells["after"])
    return cells.set_column(cells.column_names.index("after"), "after", after)


def _extended(values: pa.ChunkedArray, length: int) -> pa.ChunkedArray:
    """Return values with nulls behind them, without a copy."""
    return pa.chunked_array([*values.chunks, pa.nulls(length - len(values), LARGE_STRING)])


def _overwritten(
    before: pa.Array | pa.ChunkedArray, ids: pa.Array, changed: pa.ChunkedArray, after: pa.ChunkedArray
) -> pa.Array:
    """Return the values of all ids; where an id is changed more than once, the last value."""
    at = np.arange(len(ids))
    at[np.asarray(pc.index_in(changed, value_set=ids))] = len(ids) + np.arange(len(changed))
    return pa.concat_arrays([*_chunks(before), *_chunks(after)]).take(pa.array(at))


def _chunks(values: pa.Array | pa.ChunkedArray) -> list[pa.Array]:
    return list(values.chunks) if isinstance(values, pa.ChunkedArray) else [values]


def _without_nothing(table: pa.Table) -> pa.Table:
    """Return the profiles that hold anything, and the properties that any of them holds."""
    holds = np.zeros(len(table), bool)
    for name in table.column_names:
        if name != ID:
            holds |= ~nulls_in(table[name].combine_chunks())
    table = table.filter(pa.array(holds))
    return table.select(
        [name for name in table.column_names if name == ID or table[name].null_count < len(table)]
    )


def step_of_gone(decisions: Decisions, snapshot: Snapshot) -> Step | None:
    """Return the step that removes what was written before and is no longer in the frame. None: there is nothing to remove.

    It is the properties of which the frame has no column, and all properties of the profiles of which it has no row.
    """
    layout, held = decisions.layout, snapshot.held()
    ids = ids_of_all_rows(layout)
    is_gone = nulls_in(pc.index_in(held.ids, value_set=ids.unique()))
    columns = {column.name for column in layout.columns}
    names = [name for name in held.names if is_gone.any() or name not in columns]
    if not names or not len(is_gone):
        return None
    nothing = pa.nulls(len(is_gone), LARGE_STRING)
    asked = Operation("set", None, None, None, layout.operation.group, {"missing": "unset"})
    gone = checked_texts(asked, held.ids, dict.fromkeys(names, nothing))
    for number, column in enumerate(gone.layout.columns):
        if column.name in columns:  # only the profiles of which there is no row lose it
            gone.changes.dropped[number] = RowSet.of_mask(~is_gone)
    return step_of(gone, held)[0]

"""Backups: the values of profiles before a change, and the planned values, in a sealed file."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.errors import BackupError
from mixpanel_pandas.payloads.arrays import LARGE_STRING, mask_of, nulls_in
from mixpanel_pandas.profiles.cells import by_property
from mixpanel_pandas.profiles.comparing import differ
from mixpanel_pandas.profiles.files import Header, read_file, write_file
from mixpanel_pandas.reading.spool import spooled
from mixpanel_pandas.text import Length, counted, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mixpanel_pandas.profiles.held import HeldProfiles
    from mixpanel_pandas.project import Project

__all__ = ["COLUMNS_OF_BACKUP", "FORMAT", "earlier_backup", "edges", "write_backup"]

FORMAT = "mixpanel_pandas backup, 1"

#: The columns of a backup. ``property`` is missing for a profile that was to be deleted; ``after`` is what was to become of the value.
COLUMNS_OF_BACKUP = pa.schema(
    [
        ("id", LARGE_STRING),
        ("is_found", pa.bool_()),
        ("property", LARGE_STRING),
        ("before", LARGE_STRING),
        ("after", LARGE_STRING),
    ]
)

logger: logging.Logger = logging.getLogger("mixpanel_pandas")


def write_backup(
    path: Path, digest: str, project: Project, group: str | None, cells: pa.Table, now: HeldProfiles
) -> None:
    """Write the present values of profiles that cells change.

    If the file is an earlier backup of the same change, it keeps its values for cells that were already changed and for profiles
    that do not exist any more.

    Parameters
    ----------
    digest : str
        Of the change.
    cells : pyarrow.Table
        What is to be changed, as `CELLS` describes it.

    Raises
    ------
    BackupError
        If the file cannot be written, or holds something else.
    """
    shown = quoted(str(path), Length.SENTENCE)
    old = earlier_backup(path, digest, project)
    table = spooled(_kept(cells, now, old))
    table = table if table.num_columns else COLUMNS_OF_BACKUP.empty_table()
    try:
        write_file(path, Header(FORMAT, project.identity, group, {"digest": digest}), table)
    except OSError as error:
        msg = f"the backup {shown} cannot be written ({error.strerror or error}): nothing was sent; name another file with backup="
        raise BackupError(msg) from error
    profiles = counted(int(pc.count_distinct(table["id"]).as_py()), "profile")
    logger.info(
        "backup: the values of %s are in %s; mpd.open_backup(%r).plan() restores them",
        profiles,
        shown,
        str(path),
    )


def earlier_backup(path: Path, digest: str, project: Project) -> pa.Table:
    """Return the values of an earlier backup of the same change; none if there is no such backup.

    Raises
    ------
    BackupError
        If the file is the backup of another change.
    DamagedFile
        If it is not a backup.
    """
    if not path.exists():
        return COLUMNS_OF_BACKUP.empty_table()
    header, old = read_file(path, FORMAT, "backup")
    if header.more.get("digest") != digest or header.identity != project.identity:
        msg = f"{quoted(str(path), Length.SENTENCE)} is the backup of another change: name another file, so that no backup is lost"
        raise BackupError(msg)
    return old


def edges(cells: pa.Table) -> tuple[pa.Array, pa.Array, pa.Array]:
    """Return the ids of the cells of one property, none twice, with the value before the first cell of each and after the last."""
    ids = cells["id"].combine_chunks()
    codes = np.asarray(ids.dictionary_encode().indices)
    _, first = np.unique(codes, return_index=True)
    _, last = np.unique(codes[::-1], return_index=True)
    last = len(codes) - 1 - last
    before, after = cells["before"].take(pa.array(first)), cells["after"].take(pa.array(last))
    return ids.take(pa.array(first)), before.combine_chunks(), after.combine_chunks()


def _kept(cells: pa.Table, now: HeldProfiles, old: pa.Table) -> Iterator[pa.RecordBatch]:
    """Yield what is kept: what is changed, one property after the other, what is deleted, and what an earlier backup alone holds."""
    is_delete = pc.equal(cells["verb"], "delete")
    old = old.append_column("place", pa.array(np.arange(len(old))))
    is_replaced = np.zeros(len(old), bool)
    old_of = by_property(old)
    for name, changed in by_property(cells.filter(pc.invert(is_delete))).items():
        earlier = old_of.get(name, old.slice(0, 0))
        batch = _changed(name, changed, now, earlier)
        yield batch
        of_same_ids = pc.is_in(earlier["id"], value_set=batch["id"])
        is_replaced[earlier["place"].filter(of_same_ids).to_numpy()] = True
    deleted = cells.filter(pc.and_(is_delete, pc.is_null(cells["property"])))["id"].unique()
    deleted = deleted.filter(now.places_of(deleted).is_valid())
    yield from _deleted(deleted, now)
    is_replaced |= mask_of(pc.is_in(old["id"], value_set=deleted))
    yield from old.drop_columns("place").filter(pa.array(~is_replaced)).to_batches()


def _changed(name: str, cells: pa.Table, now: HeldProfiles, earlier: pa.Table) -> pa.RecordBatch:
    """Return what profiles hold now of a property that is changed; of one that was changed already, what an earlier backup holds."""
    ids, planned, after = edges(cells)
    places = now.places_of(ids)
    values = now.values_of(name, places)
    in_earlier = pc.index_in(ids, value_set=earlier["id"].combine_chunks())
    is_changed_already = pa.array(differ(values, planned) & ~nulls_in(in_earlier))
    kept, was_found = (earlier[column].take(in_earlier).combine_chunks() for column in ("before", "is_found"))
    before = pc.if_else(is_changed_already, kept, values)
    found = pc.if_else(is_changed_already, was_found, pc.is_valid(places))
    return _batch(ids, found, name, before, after)


def _deleted(there: pa.Array, now: HeldProfiles) -> Iterator[pa.RecordBatch]:
    """Yield whole profiles."""
    if not len(there):
        return
    places = now.places_of(there)
    yield _batch(there, pa.repeat(True, len(there)), None, None, None)
    for name in now.names:
        values = now.values_of(name, places)
        has = values.is_valid()
        some = there.filter(has)
        yield _batch(some, pa.repeat(True, len(some)), name, values.filter(has), None)


def _batch(
    ids: pa.Array, found: pa.Array, name: str | None, before: pa.Array | None, after: pa.Array | None
) -> pa.RecordBatch:
    """Return values as a backup holds them."""
    none = pa.nulls(len(ids), LARGE_STRING)
    columns = [
        ids,
        found,
        pa.repeat(pa.scalar(name, LARGE_STRING), len(ids)),
        none if before is None else before,
        none if after is None else after,
    ]
    return pa.record_batch(columns, schema=COLUMNS_OF_BACKUP)

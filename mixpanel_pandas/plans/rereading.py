"""What the profiles of a plan hold now: read in whichever way costs less."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import pyarrow as pa

from mixpanel_pandas.errors import BudgetSpent
from mixpanel_pandas.payloads.arrays import nulls_in
from mixpanel_pandas.payloads.ids import ids_of
from mixpanel_pandas.plans.steps import Origin
from mixpanel_pandas.profiles.held import HeldProfiles, held_together
from mixpanel_pandas.profiles.query import AT_ONCE, QUERIES_PER_HOUR
from mixpanel_pandas.profiles.read import read_held
from mixpanel_pandas.profiles.selection import IDS_AT_ONCE
from mixpanel_pandas.text import duration

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mixpanel_pandas.checking.decisions import Decisions
    from mixpanel_pandas.project import Project

__all__ = ["read_now", "read_profiles_of"]

#: Up to so many queries of ids are made rather than one of all profiles, where nothing is known of their number.
QUERIES_OF_IDS = 5

logger: logging.Logger = logging.getLogger("mixpanel_pandas")


def read_profiles_of(decisions: Decisions, project: Project) -> tuple[HeldProfiles, Origin]:
    """Return what the profiles of the rows of a frame hold."""
    layout = decisions.layout
    ids = ids_of(layout.id, slice(0, layout.rows)).filter(pa.array(~decisions.changes.excluded))
    names = None
    if layout.operation.verb != "delete":
        names = list(dict.fromkeys([*(column.name for column in layout.columns), *layout.removed]))
    held = read_now(project, ids.unique(), names, layout.operation.group)
    return held, Origin(total=None)


def read_now(
    project: Project,
    ids: pa.Array,
    names: Sequence[str] | None,
    group: str | None,
    origin: Origin | None = None,
    *,
    wait: bool = False,
) -> HeldProfiles:
    """Return what some profiles hold now, by the cheaper of two ways: queries of 1,000 ids each, or one of all profiles.

    Mixpanel answers 60 queries an hour; pages after the first are no queries. Where the profiles of a plan were read by a
    condition, that is asked again, and what it does not find any more is asked by id.

    Parameters
    ----------
    ids : pyarrow.LargeStringArray
        Of the profiles, none twice.
    names : list of str or None
        The properties. None: all.
    origin : Origin, optional
        What the profiles were read from before.
    wait : bool
        Whether to wait when the queries of this hour are used up.

    Raises
    ------
    BudgetSpent
        If the queries of this hour are used up.
    ReadError
        As `read_profiles` raises it.
    """
    origin = origin or Origin()
    queries = -(-len(ids) // IDS_AT_ONCE)
    pages = -(-origin.total // (AT_ONCE * IDS_AT_ONCE)) if origin.total else QUERIES_OF_IDS
    if queries <= min(max(pages, 1), QUERIES_PER_HOUR):
        return _patiently(lambda: _of_ids(project, ids, names, group), wait)
    found = _patiently(lambda: read_held(project, where=origin.where, properties=names, group=group), wait)
    missing = ids.filter(pa.array(nulls_in(found.places_of(ids))))
    if origin.where is None or not len(missing):
        return found
    if len(missing) > QUERIES_PER_HOUR * IDS_AT_ONCE:
        return _patiently(lambda: read_held(project, properties=names, group=group), wait)
    return held_together([found, _patiently(lambda: _of_ids(project, missing, names, group), wait)])


def _of_ids(project: Project, ids: pa.Array, names: Sequence[str] | None, group: str | None) -> HeldProfiles:
    return read_held(project, ids=ids.to_pylist(), properties=names, group=group)


def _patiently(read: Callable[[], HeldProfiles], wait: bool) -> HeldProfiles:
    while True:
        try:
            return read()
        except BudgetSpent as error:
            if not wait or error.seconds is None:
                raise
            logger.warning(
                "the queries of this hour are used up: reading goes on in %s", duration(error.seconds)
            )
            time.sleep(error.seconds)

"""What the profiles that are about to change hold now: read in whichever way costs less."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from mixpanel_pandas.errors import BudgetSpent
from mixpanel_pandas.payloads.arrays import nulls_in
from mixpanel_pandas.payloads.ids import ids_of_all_rows
from mixpanel_pandas.profiles.held import HeldProfiles, held_together
from mixpanel_pandas.profiles.query import AT_ONCE, QUERIES_PER_HOUR
from mixpanel_pandas.profiles.read import LABEL, not_found_in_words, read_held
from mixpanel_pandas.profiles.selection import IDS_AT_ONCE
from mixpanel_pandas.text import duration

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mixpanel_pandas.checking.decisions import Decisions
    from mixpanel_pandas.project import Project

__all__ = ["queries_of_ids", "read_now", "read_profiles_of"]

#: Seconds after which all queries are there again, where Mixpanel does not say when the next one is.
HOUR = 3600.0

#: Up to this many queries of ids are made, rather than one query of all profiles, if the number of profiles is not known.
QUERIES_OF_IDS = 5

logger: logging.Logger = logging.getLogger("mixpanel_pandas")


def read_profiles_of(decisions: Decisions, project: Project, label: str = LABEL) -> HeldProfiles:
    """Return what the profiles of the rows that are sent hold, so far as the operation is about it."""
    layout = decisions.layout
    ids = ids_of_all_rows(layout).filter(pa.array(~decisions.changes.excluded))
    names = None
    if layout.operation.verb != "delete":
        names = list(dict.fromkeys([*(column.name for column in layout.columns), *layout.removed]))
    return read_now(project, ids.unique(), names, layout.operation.group, label=label)


def queries_of_ids(count: int, total: int | None = None) -> int | None:
    """Return how many queries read this many profiles by their ids. None: one query of all profiles costs less.

    Parameters
    ----------
    total : int, optional
        How many profiles there are, if that is known.
    """
    queries = -(-count // IDS_AT_ONCE)
    pages = -(-total // (AT_ONCE * IDS_AT_ONCE)) if total else QUERIES_OF_IDS
    return queries if queries <= min(max(pages, 1), QUERIES_PER_HOUR) else None


def read_now(
    project: Project,
    ids: pa.Array,
    names: Sequence[str] | None,
    group: str | None,
    *,
    where: str | None = None,
    total: int | None = None,
    wait: bool = False,
    label: str = LABEL,
) -> HeldProfiles:
    """Return what some profiles hold now, by the cheaper of two ways: queries of 1,000 ids each, or one of all profiles.

    Mixpanel answers 60 queries an hour; pages after the first do not count. Where profiles were read by a condition before,
    that is asked again, and what it does not find any more is asked by id.

    Parameters
    ----------
    ids : pyarrow.LargeStringArray
        Of the profiles, none twice.
    names : list of str or None
        The properties. None: all.
    where : str, optional
        The condition by which they were read before.
    total : int, optional
        How many profiles were read then.
    wait : bool
        Whether to wait when the queries of this hour are used up.
    label : str
        What the profiles are read for, as the log begins.

    Raises
    ------
    BudgetSpent
        If the queries of this hour are used up.
    ReadError
        As `read_profiles` raises it.
    """

    def read(**selection: Any) -> HeldProfiles:
        return _patiently(
            lambda: read_held(project, properties=names, group=group, label=label, **selection), wait
        )

    if queries_of_ids(len(ids), total) is not None:
        return read(ids=ids.to_pylist())
    found = read(where=where)
    missing = ids.filter(pa.array(nulls_in(found.places_of(ids))))
    if where is not None and len(missing):
        if len(missing) <= QUERIES_PER_HOUR * IDS_AT_ONCE:
            return held_together([found, read(ids=missing.to_pylist())])
        found = read()
        missing = ids.filter(pa.array(nulls_in(found.places_of(ids))))
    if len(missing):
        logger.info("%s: %s", label, not_found_in_words(len(missing), len(ids)))
    return found


def _patiently(read: Callable[[], HeldProfiles], wait: bool) -> HeldProfiles:
    while True:
        try:
            return read()
        except BudgetSpent as error:
            if not wait:
                raise
            seconds = HOUR if error.seconds is None else error.seconds
            logger.warning("the queries of this hour are used up: reading continues in %s", duration(seconds))
            time.sleep(seconds)

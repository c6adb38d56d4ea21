"""What has become of the profiles of a plan since it was made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.payloads.arrays import LARGE_STRING, emptied, mask_of, nulls_in
from mixpanel_pandas.profiles.backup import edges
from mixpanel_pandas.profiles.cells import ALWAYS_SENT, by_property
from mixpanel_pandas.profiles.comparing import differ
from mixpanel_pandas.rules.limits import NEVER_WRITTEN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mixpanel_pandas.plans.steps import Origin, Step
    from mixpanel_pandas.profiles.held import HeldProfiles

__all__ = ["DRIFT", "Compared", "compare", "proven"]

DRIFT = pa.schema([(name, LARGE_STRING) for name in ("id", "property", "before", "now", "after")])


@dataclass(frozen=True)
class Compared:
    """The profiles of a step, as they are now.

    Attributes
    ----------
    done : pyarrow.LargeStringArray
        Ids of those that are as the step would leave them.
    drifted : pyarrow.LargeStringArray
        Ids of those that have changed in another way, or are not found any more.
    drift : pandas.DataFrame
        The values of `drifted` that have changed.
    """

    done: pa.Array
    drifted: pa.Array
    drift: pd.DataFrame


@dataclass(frozen=True)
class _Values:
    """One property of the profiles of a step. The masks have an item for each of `ids`."""

    name: str
    ids: pa.Array
    before: pa.Array
    now: pa.Array
    after: pa.Array
    is_before: np.ndarray
    is_after: np.ndarray
    is_lost: np.ndarray


def compare(step: Step, now: HeldProfiles, origin: Origin) -> Compared:
    """Return what has become of the profiles of a step.

    Parameters
    ----------
    now : HeldProfiles
        What the profiles hold now.
    origin : Origin
        Where the values before come from.
    """
    ids = step.cells["id"].unique()
    has_drift, is_open = np.zeros(len(ids), bool), np.zeros(len(ids), bool)
    parts = [DRIFT.empty_table()]
    for values in _values(step, now, origin.tells_null):
        drifts = (~values.is_before & ~values.is_after | values.is_lost) & origin.is_read
        at = np.asarray(pc.index_in(values.ids, value_set=ids))
        has_drift[at] |= drifts
        is_open[at] |= ~values.is_after
        parts.append(_drift(values, drifts))
    for values in _of_deletes(step, now):
        at = np.asarray(pc.index_in(values.ids, value_set=ids))
        is_open[at] |= ~values.is_after
        if origin.tells_all:
            has_drift[at] |= ~values.is_before
            parts.append(_drift(values, ~values.is_before))
    return Compared(
        ids.filter(pa.array(~has_drift & ~is_open)),
        ids.filter(pa.array(has_drift)),
        pa.concat_tables(parts).to_pandas(types_mapper=pd.ArrowDtype),
    )


def proven(steps: Iterable[Step], of: pa.Array, now: HeldProfiles) -> pa.Array:
    """Return those profiles of `of` that are there, and in which all that `steps` have done can be read."""
    holds = ~nulls_in(now.places_of(of))
    for step in steps:
        for values in _values(step, now, tells_null=True):
            at = pc.index_in(of, value_set=values.ids)
            holds &= nulls_in(at) | mask_of(pa.array(values.is_after).take(at))
    return of.filter(pa.array(holds))


def _values(step: Step, now: HeldProfiles, tells_null: bool) -> Iterator[_Values]:
    """Yield each property of a step, except for those that Mixpanel computes.

    Sums and lists never count as what the step leaves: another writer may have made them.
    """
    for name, cells in by_property(step.cells).items():
        if name in NEVER_WRITTEN:
            continue
        ids, before, after = edges(cells)
        at_first = pc.index_in(ids, value_set=cells["id"].combine_chunks())
        is_found = np.asarray(cells["is_found"].take(at_first))
        places = now.places_of(ids)
        held = now.values_of(name, places)
        as_planned = held if tells_null else emptied(held, mask_of(pc.equal(held, "null")))
        is_before, is_after = ~differ(as_planned, before), ~differ(held, after)
        if cells["verb"][0].as_py() in ALWAYS_SENT:
            is_after[:] = False
        yield _Values(name, ids, before, held, after, is_before, is_after, is_found & nulls_in(places))


def _of_deletes(step: Step, now: HeldProfiles) -> Iterator[_Values]:
    """Yield the profiles to delete, which are open as long as they are there, and each property that is new on them."""
    ids = step.cells.filter(step.cells["property"].is_null())["id"].unique()
    if not len(ids):
        return
    places = now.places_of(ids)
    is_lost, every = nulls_in(places), np.ones(len(ids), bool)
    none = pa.nulls(len(ids), LARGE_STRING)
    planned = by_property(step.cells)
    yield _Values("", ids, none, none, none, every, is_lost, is_lost)
    for name in now.names:
        if name in NEVER_WRITTEN:
            continue
        held = now.values_of(name, places)
        is_new = mask_of(held.is_valid())
        if name in planned:
            is_new &= ~mask_of(pc.is_in(ids, value_set=planned[name]["id"].combine_chunks()))
        yield _Values(name, ids, none, held, none, ~is_new, every, is_lost)


def _drift(values: _Values, drifts: np.ndarray) -> pa.Table:
    at = pa.array(np.flatnonzero(drifts))
    columns = [
        values.ids.take(at),
        pa.repeat(pa.scalar(values.name, LARGE_STRING), len(at)),
        values.before.take(at),
        values.now.take(at),
        values.after.take(at),
    ]
    return pa.table(columns, schema=DRIFT)

"""The plan that merges profiles with the same value of a property into one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.errors import OperationError, OptionError, choices
from mixpanel_pandas.payloads.arrays import LARGE_STRING, emptied, mask_of, nulls_in
from mixpanel_pandas.plans.plan import plan_of
from mixpanel_pandas.plans.steps import Origin, step_of
from mixpanel_pandas.plans.texts import checked_texts
from mixpanel_pandas.profiles.read import read_held
from mixpanel_pandas.profiles.selection import defined
from mixpanel_pandas.project import current_project
from mixpanel_pandas.rules.limits import NEVER_WRITTEN
from mixpanel_pandas.rules.operation import Operation
from mixpanel_pandas.text import quoted

if TYPE_CHECKING:
    from collections.abc import Callable

    from mixpanel_pandas.plans.plan import Plan
    from mixpanel_pandas.profiles.held import HeldProfiles
    from mixpanel_pandas.project import Project

__all__ = ["deduplicate_profiles"]

LAST_SEEN = "$last_seen"


def deduplicate_profiles(
    on: str = "$email",
    *,
    keep: Literal["latest", "earliest", "fullest"] = "latest",
    ignore_case: bool = False,
    merge: bool = True,
    where: str | None = None,
    group: str | None = None,
    project: Project | None = None,
) -> Plan:
    """Return the plan that merges profiles with the same value of a property into one profile; send nothing.

    The plan has two steps. The first step adds to the profile that stays the properties that only the others have. The second step
    deletes the others, after the result of the first step was read back. Blank and missing values never count as the same.

    Parameters
    ----------
    on : str, default "$email"
        The property.
    keep : {"latest", "earliest", "fullest"}, default "latest"
        Which profile stays: the one with the latest or earliest "Updated at" (``$last_seen``), or with the most properties. If
        several are equal, the one whose id comes first.
    ignore_case : bool, default False
        Whether texts that differ only in case and outer blanks count as the same.
    merge : bool, default True
        Whether the profile that stays gets the properties that it lacks. Each comes from the latest other profile that has it.
    where : str, optional
        Which profiles, as a condition of Mixpanel; see `read_profiles`. By default all.
    group : str, optional
        The group key, for profiles of groups.
    project : Project, optional
        The project. By default that of `set_project`, else that of the environment.

    Returns
    -------
    Plan
        The plan, to review, save and apply. `Plan.apply` deletes at most 1,000 profiles, unless ``at_most_deletes`` is higher.

    Raises
    ------
    OptionError
        If `keep` is not one of the three.
    ReadError
        As `read_profiles` raises it.

    Notes
    -----
    Events of a deleted profile stay, with its id. The plan does not link the users: that is the task of Mixpanel's identity
    management.

    https://docs.mixpanel.com/docs/tracking-methods/id-management/identifying-users-simplified

    Examples
    --------
    >>> df = pd.DataFrame({"id": ["1", "2", "3"], "crm": ["A1", "A1", ""], "plan": ["pro", None, "free"]})
    >>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
    ...     _ = df.mixpanel.set("id")
    ...     plan = mpd.deduplicate_profiles("crm", keep="fullest")
    >>> plan
    0 new profiles, 0 changed (0 cells), 1 emptied, 0 unchanged
    """
    if keep not in _ORDERS:
        msg = f"keep={keep!r} is not one of {choices(_ORDERS)}"
        raise OptionError(msg)
    if not on or not isinstance(on, str):
        msg = f"on={quoted(on)} is not the name of a property"
        raise OperationError(msg)
    project = current_project(project)
    condition = defined(on) if where is None else f"({where}) and {defined(on)}"
    held = read_held(project, where=condition, group=group)
    groups = _Groups(held, _keys(held, on, ignore_case=ignore_case), _ORDERS[keep](held), _latest(held))
    columns = _gained(held, groups) if merge else {}
    stays = held.ids.take(pa.array(groups.first))
    options = {"project": project}
    steps = []
    if columns:
        writing = Operation("set", None, None, None, group, options)
        gets_it = {name: mask_of(column.is_valid()) for name, column in columns.items()}
        steps.append(step_of(checked_texts(writing, stays, columns, gets_it), held)[0])
    others = held.ids.take(pa.array(groups.others))
    proof = pa.table({"id": others, "of": stays.take(pa.array(groups.group_of_others))})
    deleting = Operation("delete", None, None, None, group, options)
    steps.append(step_of(checked_texts(deleting, others, {}), held, proof)[0])
    return plan_of(steps, 0, Origin(where=condition, total=len(held.ids)))


class _Groups:
    """Profiles with the same key, of which there are at least two.

    Attributes
    ----------
    first : numpy.ndarray
        Place of the profile of each group that stays.
    others : numpy.ndarray
        Places of the other profiles, those of a group one after the other, in the order in which they give values.
    group_of_others : numpy.ndarray
        The group of each of them, as a place in `first`.
    """

    def __init__(self, held: HeldProfiles, keys: pa.Array, order: np.ndarray, latest: np.ndarray) -> None:
        key = np.asarray(keys.dictionary_encode().indices.fill_null(-1))
        ids = _ranks(held.ids)
        has_key = key >= 0
        is_shared = has_key & (np.bincount(key[has_key], minlength=1)[key] > 1)
        # the places of profiles that share a key, key after key, beginning with the one that stays
        places = np.lexsort((ids, order, key))
        places = places[is_shared[places]]
        stays = np.diff(key[places], prepend=-1) != 0
        self.first, others = places[stays], places[~stays]
        self.others = others[np.lexsort((ids[others], latest[others], key[others]))]
        self.group_of_others = np.searchsorted(key[self.first], key[self.others])

    def turns(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return groups and one of their other profiles each: first the first of each group, then the second, and so on."""
        begins = np.flatnonzero(np.diff(self.group_of_others, prepend=-1))
        turn = np.arange(len(self.others)) - np.repeat(begins, np.diff(np.append(begins, len(self.others))))
        return [
            (self.group_of_others[turn == number], self.others[turn == number])
            for number in range(int(turn.max(initial=-1)) + 1)
        ]


def _keys(held: HeldProfiles, on: str, *, ignore_case: bool) -> pa.Array:
    """Return the values that are compared; null for those that are never equal."""
    keys = held.values_of(on, pa.array(np.arange(len(held.ids))))
    if ignore_case:
        keys = pc.replace_substring_regex(pc.utf8_lower(keys), r'^"\s*(.*?)\s*"$', r'"\1"')
    is_blank = pc.match_substring_regex(keys, r'^("\s*"|null|\[\]|\{\})$')
    return emptied(keys, mask_of(is_blank))


def _gained(held: HeldProfiles, groups: _Groups) -> dict[str, pa.Array]:
    """Return property -> what the profiles that stay get: null where they have it, or no other profile does."""
    columns = {}
    for name in held.names:
        if name in NEVER_WRITTEN:
            continue
        own = held.values_of(name, pa.array(groups.first))
        gained = pa.nulls(len(own), LARGE_STRING)
        for of, places in groups.turns():
            at = np.full(len(own), -1)
            at[of] = places
            gained = pc.coalesce(gained, held.values_of(name, pa.array(at, mask=at < 0)))
        gained = emptied(gained, ~nulls_in(own) | mask_of(pc.equal(gained, "null")))
        if gained.null_count < len(gained):
            columns[name] = gained
    return columns


# -- which profile comes first ------------------------------------------------------------------------------------


def _latest(held: HeldProfiles) -> np.ndarray:
    return -_ranks(_last_seen(held).fill_null(""))


def _earliest(held: HeldProfiles) -> np.ndarray:
    return _ranks(_last_seen(held).fill_null("~"))  # after every date


def _fullest(held: HeldProfiles) -> np.ndarray:
    count = np.zeros(len(held.ids), np.int64)
    every = pa.array(np.arange(len(held.ids)))
    for name in held.names:
        if name not in NEVER_WRITTEN:
            count -= mask_of(held.values_of(name, every).is_valid())
    return count


def _last_seen(held: HeldProfiles) -> pa.Array:
    return held.values_of(LAST_SEEN, pa.array(np.arange(len(held.ids))))


def _ranks(texts: pa.Array) -> np.ndarray:
    """Return the place of each text in their order. Equal texts have the same."""
    ranks: np.ndarray = np.asarray(pc.rank(texts, sort_keys="ascending", tiebreaker="dense")).astype(np.int64)
    return ranks


_ORDERS: dict[str, Callable[[HeldProfiles], np.ndarray]] = {
    "latest": _latest,
    "earliest": _earliest,
    "fullest": _fullest,
}

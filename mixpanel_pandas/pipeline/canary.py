"""The canaries of an upload: which ids are sent first, what their profiles held, and what they must hold afterwards."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.delivery.canary import Sighting
from mixpanel_pandas.errors import AccountError, OperationError
from mixpanel_pandas.payloads.arrays import LARGE_STRING, mask_of, nulls_in
from mixpanel_pandas.pipeline.some_ids import SomeIds, duplicates_of, evenly, some_ids
from mixpanel_pandas.profiles.comparing import differ
from mixpanel_pandas.profiles.query import Queries
from mixpanel_pandas.profiles.read import read_held
from mixpanel_pandas.profiles.selection import IDS_AT_ONCE, group_number
from mixpanel_pandas.text import Length, counted, quoted, shortened

if TYPE_CHECKING:
    from mixpanel_pandas.checking.decisions import Decisions
    from mixpanel_pandas.profiles.held import HeldProfiles
    from mixpanel_pandas.project import Project
    from mixpanel_pandas.rules.operation import Operation

__all__ = ["ProfileCanaries", "refuse_without_reader"]

#: Ids that are read for each canary, so that those are chosen that can tell something. One query holds them all.
CANDIDATES = 10

#: A small property, to read where only the profile itself counts.
SMALL = "$last_seen"

#: Verbs that leave the same value, whatever was there before.
INDEPENDENT = frozenset({"set"})


def refuse_without_reader(operation: Operation, project: Project) -> None:
    """Refuse a call with canaries if the profiles cannot be read.

    Raises
    ------
    AccountError, OperationError
        If the project has no service account, or does not know the number of the group key.
    """
    canary = operation.options.canary
    try:
        with closing(Queries(project)):
            pass
    except AccountError as error:
        msg = f"canary={canary} reads profiles: {error}"
        raise AccountError(msg) from error
    if operation.group is not None:
        group_number(project, operation.group)


@dataclass(frozen=True, eq=False)
class _Cells:
    """A property of the canaries, one value for each.

    Attributes
    ----------
    name : str or None
        The property. None: the profile as a whole, of which the value is a text if it is there.
    before, after : pyarrow.LargeStringArray
        The values that were read, and those that are expected, as JSON.
    states : numpy.ndarray
        Mask of the ids whose rows say something about the property.
    is_sure : numpy.ndarray
        Mask of the ids whose expected value does not depend on something that could not be read.
    """

    name: str | None
    before: pa.Array
    after: pa.Array
    states: np.ndarray
    is_sure: np.ndarray

    @property
    def tells(self) -> np.ndarray:
        """Mask of the ids whose update changes the value, so that it can be seen."""
        tells: np.ndarray = self.states & differ(self.before, self.after)
        return tells

    def only(self, kept: np.ndarray) -> _Cells:
        """Return the property of the ids in `kept`, a mask."""
        at = pa.array(kept)
        return _Cells(
            self.name, self.before.filter(at), self.after.filter(at), self.states[kept], self.is_sure[kept]
        )

    def words(self, identity: str, place: int, value: pa.Array) -> str:
        """Return what a profile shows instead of the expected value."""
        if self.name is None:
            return f"id {quoted(identity)}: expected no profile, found one"
        expected, found = (_words(values[place].as_py()) for values in (self.after, value))
        return f"id {quoted(identity)}, property {quoted(self.name, Length.NAME)}: expected {expected}, found {found}"


class ProfileCanaries:
    """The canaries of an upload.

    Parameters
    ----------
    decisions : Decisions
        The frame, and what becomes of its rows.
    project : Project
        Where they are sent, and read.
    """

    def __init__(self, decisions: Decisions, project: Project) -> None:
        self._decisions, self._project = decisions, project
        self._operation = decisions.layout.operation
        self._queries: Queries | None = None
        self._is_cut = False
        self._chosen: SomeIds | None = None
        self._cells: list[_Cells] = []

    def choose(self, left: np.ndarray) -> np.ndarray:
        """Return the mask of the canaries' rows among those that are left to send, a mask. It is one query.

        Ids whose update changes something that was read are taken first, then those that were not found.

        Raises
        ------
        OperationError
            If no update of those that were looked at could be seen.
        MixpanelError
            As `read_profiles` raises it.
        """
        wanted: int = self._operation.options.canary or 0
        done = ~left & ~self._decisions.changes.excluded
        untouched = left & ~duplicates_of(self._decisions).shared(done)
        usable = untouched if untouched.any() else left
        candidates = some_ids(
            self._decisions, usable, min(CANDIDATES * wanted, IDS_AT_ONCE), single_first=True
        )
        held = self._read(candidates)
        cells = self._cells_before(candidates, held)
        is_found = ~nulls_in(held.places_of(candidates.ids))
        tells = np.any([one.tells for one in cells], axis=0)
        if not tells.any():
            raise OperationError(self._nothing_to_see(candidates, is_found))
        chosen = _first_of([tells & is_found, tells & ~is_found, ~tells], wanted)
        self._chosen = candidates.only(chosen)
        self._cells = [one.only(chosen) for one in cells]
        rows = np.zeros(len(left), bool)
        rows[self._chosen.rows] = True
        return rows

    def look(self, rows: np.ndarray) -> Sighting:
        """Read the profiles of the canaries whose rows are all among `rows`, a mask, and return what they show."""
        assert self._chosen is not None, "canaries are looked for once they are chosen"
        accepted = self._chosen.all_in(rows)
        canaries = self._chosen.only(accepted)
        held = self._read(canaries)
        places = held.places_of(canaries.ids)
        is_found = ~nulls_in(places)
        is_seen = np.zeros(len(canaries), bool)
        unchanged: str | None = None
        other: str | None = None
        for cells in (one.only(accepted) for one in self._cells):
            value = _value(held, cells.name, places)
            tells, can_tell = cells.tells, is_found | (cells.name is None)
            is_same, is_old = ~differ(value, cells.after), ~differ(value, cells.before)
            is_seen |= tells & can_tell & is_same
            waits = tells & can_tell & ~is_same & is_old
            wrong = cells.states & cells.is_sure & can_tell & ~is_same & ~waits
            unchanged = unchanged or self._first_words(cells, canaries, value, waits)
            other = other or self._first_words(cells, canaries, value, wrong)
        return Sighting(len(canaries), int(np.count_nonzero(is_seen)), unchanged, other)

    def cut(self) -> None:
        """End a reading that is under way in another thread. Nothing is read any more."""
        self._is_cut = True
        if self._queries is not None:
            self._queries.cut()

    def _read(self, some: SomeIds) -> HeldProfiles:
        def keep(queries: Queries) -> None:
            self._queries = queries
            if self._is_cut:
                queries.cut()

        layout = self._decisions.layout
        names = [*(column.name for column in layout.columns), *layout.removed] or [SMALL]
        return read_held(
            self._project,
            ids=some.ids.to_pylist(),
            properties=names,
            group=self._operation.group,
            begun=keep,
        )

    def _cells_before(self, some: SomeIds, held: HeldProfiles) -> list[_Cells]:
        """Return each property with the values that were read, and those that are expected."""
        layout, changes = self._decisions.layout, self._decisions.changes
        places = held.places_of(some.ids)
        is_found, everywhere = ~nulls_in(places), np.ones(len(some), bool)
        nothing = pa.nulls(len(some), LARGE_STRING)
        if self._operation.verb == "delete":
            return [_Cells(None, _value(held, None, places), nothing, everywhere, is_found)]
        merged = len(changes.merged) > 0
        cells = []
        for number, column in enumerate(layout.columns):
            operand, removed = some.statements(layout, changes, number)
            before, verb = _value(held, column.name, places), column.operator.verb
            after = some.value_after(verb, before, operand, removed, merged=merged)
            states = ~nulls_in(some.last_of(mask_of(operand.is_valid()) | removed))
            is_sure = everywhere if verb in INDEPENDENT else is_found
            cells.append(_Cells(column.name, before, after, states, is_sure))
        return cells + [
            _Cells(name, _value(held, name, places), nothing, everywhere, everywhere)
            for name in layout.removed
        ]

    def _first_words(self, cells: _Cells, some: SomeIds, value: pa.Array, mask: np.ndarray) -> str | None:
        if not mask.any():
            return None
        place = int(np.argmax(mask))
        words = cells.words(some.ids[place].as_py(), place, value)
        more = int(np.count_nonzero(mask)) - 1
        return f"{words} ({counted(more, 'other id')} alike)" if more else words

    def _nothing_to_see(self, some: SomeIds, is_found: np.ndarray) -> str:
        found = int(np.count_nonzero(is_found))
        return (
            f"canary={self._operation.options.canary}: none of the {counted(len(some), 'id')} that were looked at can prove anything: "
            f"{found:,} profiles would stay as they are, and {len(some) - found:,} were not found; nothing was sent: leave canary out, or "
            "send only rows that change something, which df.mixpanel.plan finds"
        )


def _value(held: HeldProfiles, name: str | None, places: pa.Array) -> pa.Array:
    """Return a property as it was read, or a text for each profile that is there."""
    if name is not None:
        return held.values_of(name, places)
    return pc.if_else(places.is_valid(), pa.scalar("true", LARGE_STRING), pa.scalar(None, LARGE_STRING))


def _first_of(tiers: list[np.ndarray], wanted: int) -> np.ndarray:
    """Return the mask of this many places: spread over those of the first mask, then over those of the next ones."""
    chosen = np.zeros(len(tiers[0]), bool)
    for tier in tiers:
        chosen[evenly(np.flatnonzero(tier), wanted - int(np.count_nonzero(chosen)))] = True
    return chosen


def _words(text: str | None) -> str:
    return "no value" if text is None else shortened(text)

"""`verify`: rows that Mixpanel accepted are read again, and their values compared, column by column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.checking.decisions import check_frame
from mixpanel_pandas.errors import OperationError, SummaryError
from mixpanel_pandas.payloads.arrays import LARGE_STRING, emptied, mask_of, nulls_in
from mixpanel_pandas.payloads.fingerprint import describe_call, digest_of_call
from mixpanel_pandas.pipeline.known import with_known_properties
from mixpanel_pandas.pipeline.line import rows_with_outcomes
from mixpanel_pandas.pipeline.some_ids import SomeIds, some_ids
from mixpanel_pandas.profiles.comparing import differ, holds
from mixpanel_pandas.profiles.read import read_held
from mixpanel_pandas.project import current_project
from mixpanel_pandas.rules.operation import is_whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from mixpanel_pandas.checking.decisions import Decisions
    from mixpanel_pandas.profiles.held import HeldProfiles
    from mixpanel_pandas.project import Project
    from mixpanel_pandas.rules.operation import Operation

__all__ = ["verify"]

#: As many ids as the queries of an hour can read.
MOST_IDS = 60_000

NOT_FOUND = "not found: merged ids cannot be recognised for 24 hours"
LATER_ROW = "another row of the id is unknown and may be applied"
DELETED = "absent, as expected; whether it existed before is not known"


@dataclass(frozen=True, eq=False)
class _Stated:
    """What the rows of some ids say about a property, and what their profiles hold.

    Attributes
    ----------
    some : SomeIds
        The ids and their rows.
    operand, removed : pyarrow.LargeStringArray, numpy.ndarray
        For each row, as `SomeIds.statements` returns them.
    found : pyarrow.LargeStringArray
        The value that was read, for each id.
    expected : pyarrow.LargeStringArray
        What the last row of each id says.
    """

    some: SomeIds
    operand: pa.Array
    removed: np.ndarray
    found: pa.Array
    expected: pa.Array

    def every_row(self, passes: np.ndarray) -> np.ndarray:
        """Return the mask of the ids of which each row that has an operand is in `passes`, a mask over the rows."""
        fails = mask_of(self.operand.is_valid()) & ~passes
        every: np.ndarray = np.bincount(self.some.numbers, fails, minlength=len(self.some)) == 0
        return every

    @property
    def found_by_row(self) -> pa.Array:
        """The value that was read, for each row."""
        return self.found.take(pa.array(self.some.numbers))


def _is_equal(stated: _Stated) -> np.ndarray:
    return ~differ(stated.expected, stated.found)


def _is_there(stated: _Stated) -> np.ndarray:
    return ~nulls_in(stated.found)


def _holds_item(stated: _Stated) -> np.ndarray:
    return stated.every_row(holds(stated.found_by_row, stated.operand))


def _lacks_item(stated: _Stated) -> np.ndarray:
    return stated.every_row(~holds(stated.found_by_row, stated.operand))


def _holds_items(stated: _Stated) -> np.ndarray:
    """Each item of a row's list is one row here."""
    lists = [[] if text is None else orjson.loads(text) for text in stated.operand.to_pylist()]
    rows = np.repeat(np.arange(len(lists)), [len(items) for items in lists])
    items = pa.array([orjson.dumps(item).decode() for items in lists for item in items], LARGE_STRING)
    lacking = ~holds(stated.found_by_row.take(pa.array(rows)), items)
    return stated.every_row(np.bincount(rows, lacking, minlength=len(lists)) == 0)


@dataclass(frozen=True)
class _Comparison:
    """How the values of an operator are compared.

    Attributes
    ----------
    matches : callable or None
        Returns the mask of the ids whose value is as it must be. None: not known.
    reason : str
        Why it is not known, or what a value that does not match may mean.
    """

    matches: Callable[[_Stated], np.ndarray] | None
    reason: str = ""


#: Verb -> how its values are compared.
COMPARISONS: dict[str, _Comparison] = {
    "set": _Comparison(_is_equal),
    "set_once": _Comparison(_is_there),
    "add": _Comparison(None, "not comparable for add: the number before is not known"),
    "union": _Comparison(_holds_items),
    "append": _Comparison(_holds_item),
    "remove": _Comparison(_lacks_item, "it may have been in the list several times"),
    "unset": _Comparison(_is_equal),
}


def verify(frame: pd.DataFrame, asked: Operation, summary: pd.DataFrame, sample: int) -> pd.DataFrame:
    """Return how the profiles of some accepted rows compare with what was sent.

    Raises
    ------
    SummaryError
        If the summary was made from another frame, or with other columns or options.
    OperationError
        If `sample` is no number of ids, or the call makes no sense.
    MixpanelError
        As `read_profiles` raises it.
    """
    if not is_whole(sample, 1, MOST_IDS):
        msg = f"sample={sample!r} must be a whole number from 1 to {MOST_IDS}"
        raise OperationError(msg)
    project = current_project(asked.options.project)
    outcome = rows_with_outcomes(frame, summary)["outcome"]
    decisions = check_frame(frame, with_known_properties(asked))
    _refuse_other_call(decisions, summary, project)
    some = some_ids(decisions, (outcome == "accepted").to_numpy(), sample)
    layout = decisions.layout
    held = read_held(
        project,
        ids=some.ids.to_pylist(),
        properties=[*(column.name for column in layout.columns), *layout.removed] or ["$last_seen"],
        group=asked.group,
    )
    in_doubt = some_ids(decisions, (outcome == "unknown").to_numpy(), layout.rows).ids
    is_in_doubt = mask_of(pc.is_in(some.ids, value_set=in_doubt))
    tables = _deleted(some, held) if asked.verb == "delete" else _compared(decisions, some, held)
    return _as_frame(tables, some, is_in_doubt)


def _refuse_other_call(decisions: Decisions, summary: pd.DataFrame, project: Project) -> None:
    made_of = summary.attrs["mixpanel"]
    is_elsewhere = made_of.get("token_fingerprint") not in {None, project.fingerprint}
    if is_elsewhere and summary["accepted"].any():
        msg = f"the summary is of an upload to another project, not to that of {project.place}: pass that project with project="
        raise SummaryError(msg)
    call = made_of.get("call")
    if call is not None and call != digest_of_call(describe_call(decisions.layout)):
        msg = (
            "the summary was made with other columns or options: pass the properties and the options of that call to verify, "
            "such as rename= and parse="
        )
        raise SummaryError(msg)


# -- comparing --------------------------------------------------------------------------------------------------------


def _compared(decisions: Decisions, some: SomeIds, held: HeldProfiles) -> list[pa.Table]:
    """Return a table for each property."""
    layout, changes = decisions.layout, decisions.changes
    places = held.places_of(some.ids)
    merged = len(changes.merged) > 0
    nothing, nowhere = pa.nulls(len(some.rows), LARGE_STRING), np.ones(len(some.rows), bool)
    tables = []
    for number, column in enumerate(layout.columns):
        operand, removed = some.statements(layout, changes, number)
        states = ~nulls_in(some.last_of(mask_of(operand.is_valid()) | removed))
        expected = some.stated_last(operand, removed, merged=merged)
        stated = _Stated(some, operand, removed, held.values_of(column.name, places), expected)
        tables.append(_table(column.name, stated, states, places, COMPARISONS[column.operator.verb]))
    for name in layout.removed:
        expected = pa.nulls(len(some), LARGE_STRING)
        stated = _Stated(some, nothing, nowhere, held.values_of(name, places), expected)
        tables.append(_table(name, stated, np.ones(len(some), bool), places, COMPARISONS["unset"]))
    return tables


def _table(
    name: str, stated: _Stated, states: np.ndarray, places: pa.Array, comparison: _Comparison
) -> pa.Table:
    """Return a row for each id whose rows say something about a property."""
    is_found = ~nulls_in(places)
    reason = np.full(len(states), None, object)
    reason[~is_found] = NOT_FOUND
    if comparison.matches is None:
        matches = pa.nulls(len(states), pa.bool_())
        reason[is_found] = comparison.reason
    else:
        is_match = comparison.matches(stated)
        matches = pa.array(is_match, mask=~is_found)
        reason[is_found & ~is_match] = comparison.reason or None
    return _columns(name, stated.expected, stated.found, matches, reason).filter(pa.array(states))


def _deleted(some: SomeIds, held: HeldProfiles) -> list[pa.Table]:
    is_gone = nulls_in(held.places_of(some.ids))
    found = emptied(pa.repeat(pa.scalar("a profile", LARGE_STRING), len(some)), is_gone)
    reason = np.full(len(some), None, object)
    reason[is_gone] = DELETED
    return [_columns(None, pa.nulls(len(some), LARGE_STRING), found, pa.array(is_gone), reason)]


def _columns(
    name: str | None, expected: pa.Array, found: pa.Array, matches: pa.Array, reason: np.ndarray
) -> pa.Table:
    return pa.table(
        {
            "number": np.arange(len(found)),
            "property": pa.repeat(pa.scalar(name, LARGE_STRING), len(found)),
            "expected": expected,
            "found": found,
            "matches": matches,
            "reason": pa.array(reason, LARGE_STRING),
        }
    )


def _as_frame(tables: list[pa.Table], some: SomeIds, is_in_doubt: np.ndarray) -> pd.DataFrame:
    """Return all tables as a frame, id after id."""
    table = pa.concat_tables(tables)
    table = table.take(pa.array(np.argsort(np.asarray(table["number"]), kind="stable")))
    numbers, matches, reason = (table[name].combine_chunks() for name in ("number", "matches", "reason"))
    is_open = is_in_doubt[np.asarray(numbers)] & ~mask_of(matches)
    columns = {
        "id": some.ids.take(numbers),
        **{name: table[name] for name in ("property", "expected", "found")},
        "matches": emptied(matches, is_open),
        "reason": pc.if_else(pa.array(is_open), LATER_ROW, reason),
    }
    result: pd.DataFrame = pa.table(columns).to_pandas(types_mapper=pd.ArrowDtype)
    return result.astype({"matches": "boolean"})

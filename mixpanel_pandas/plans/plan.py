"""`Plan`: what an operation would change in profiles that were read: before, after, and the operation between them.

Values are JSON texts in Arrow, one column at a time. The operands come from the payloads' own steps, so a plan knows what is sent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.checking.decisions import check_frame
from mixpanel_pandas.checking.report import raise_errors, warn
from mixpanel_pandas.errors import OperationError, choices
from mixpanel_pandas.payloads.arrays import LARGE_STRING, emptied, mask_of, nulls_in
from mixpanel_pandas.payloads.ids import ids_of
from mixpanel_pandas.payloads.row_set import RowSet
from mixpanel_pandas.payloads.slices import property_of
from mixpanel_pandas.payloads.sources import rows_of_frame
from mixpanel_pandas.pipeline.known import with_known_properties
from mixpanel_pandas.pipeline.line import send_checked
from mixpanel_pandas.profiles.comparing import differ
from mixpanel_pandas.profiles.effects import after_operator, operands
from mixpanel_pandas.profiles.held import held_in_frame
from mixpanel_pandas.rules.operation import operation, refuse_unknown_options
from mixpanel_pandas.rules.options import taken_by
from mixpanel_pandas.text import counted

if TYPE_CHECKING:
    from mixpanel_pandas.checking.decisions import Decisions
    from mixpanel_pandas.rules.operation import Operation

__all__ = ["Plan", "make_plan"]

#: What happens to a value.
CHANGES = pa.array(["new", "changed", "emptied"])

#: Verbs whose updates are always sent: a profile does not show whether they were applied already.
ALWAYS_SENT = frozenset({"add", "append", "remove"})

_NULL = "null"


@dataclass(frozen=True, repr=False)
class Plan:
    """What an operation would change: the values before and after, and the operation between them.

    Attributes
    ----------
    operation : Operation
        What was asked for.
    cells : pandas.DataFrame
        A row for each value that changes: ``position`` in the frame, ``id``, ``property``, ``before`` and ``after`` as JSON (missing: the
        profile lacks the property), and ``change``: new, changed or emptied.
    counts : pandas.Series
        Number of profiles and of cells by change.
    """

    operation: Operation
    cells: pd.DataFrame
    counts: pd.Series[Any]
    _decisions: Decisions
    _changed_cells: int

    def __repr__(self) -> str:
        of = self.counts
        return (
            f"{counted(int(of['new profiles']), 'new profile')}, {of['changed profiles']:,} changed "
            f"({counted(self._changed_cells, 'cell')}), {of['emptied profiles']:,} emptied, {of['unchanged profiles']:,} unchanged"
        )

    def changes(self) -> pd.DataFrame:
        """Return the rows of the frame that are sent."""
        return rows_of_frame(self._decisions.frame, ~self._decisions.changes.excluded)

    def send(self, **options: Any) -> pd.DataFrame:
        """Send the operation, without the rows and values that change nothing.

        Parameters
        ----------
        **options
            How the updates are sent, such as ``project`` and ``journal``; `Options` describes each.

        Returns
        -------
        pandas.DataFrame
            The summary, as the verb returns it. Rows that change nothing are ``skipped``, with the reason ``already so``.

        Raises
        ------
        OptionError
            If an option is none of sending.
        MixpanelError
            As the verb raises it.
        """
        asked = self.operation
        of_rows = {option.name for option in taken_by(asked.verb, sending=False)}
        of_sending = [option.name for option in taken_by(asked.verb) if option.name not in of_rows]
        refuse_unknown_options(asked.verb, options, of_sending)
        properties = asked.verbs or asked.properties
        again = operation(asked.verb, asked.id, properties, asked.group, {**asked.named, **options})
        decisions = self._decisions
        layout = replace(decisions.layout, operation=again)
        return send_checked(replace(decisions, layout=layout))


def make_plan(
    frame: pd.DataFrame,
    asked: Operation,
    current: pd.DataFrame,
    only: Literal["existing", "new"] | None = None,
) -> Plan:
    """Return what an operation on `frame` would change in the profiles of `current`.

    Raises
    ------
    ValidationError
        If the frame holds errors.
    OperationError
        If the call makes no sense on the frames, or a profile has several rows.
    """
    if only not in {None, "existing", "new"}:
        msg = f"only={only!r} is not one of {choices(['existing', 'new'])}"
        raise OperationError(msg)
    decisions = check_frame(
        frame.copy(), with_known_properties(asked)
    )  # what is sent is what was planned; Arrow columns are shared
    raise_errors(decisions)
    warn(decisions)
    layout = decisions.layout
    held = held_in_frame(current, asked.group or "$distinct_id")
    ids = ids_of(layout.id, slice(0, layout.rows))
    _refuse_several_rows(decisions, ids)
    places = held.places_of(ids)
    is_found = ~nulls_in(places)
    if only is not None:
        left = ~is_found if only == "existing" else is_found
        reason = "no such profile" if only == "existing" else "existing profile"
        decisions.exclude(left, "skipped", reason, f'only="{only}" leaves the row out')
    rows = ~decisions.changes.excluded

    cells = []
    is_sent = is_found & (asked.verb == "delete")
    for number, column in enumerate(layout.columns):
        stated = property_of(layout, number, decisions.changes, slice(0, layout.rows))
        before = held.values_of(column.name, places)
        operand, removed = operands(stated)
        after = emptied(after_operator(column.operator.verb, before, operand), removed)
        touched = rows & (mask_of(operand.is_valid()) | removed)
        differs = touched & differ(before, after)
        cells.append(_cells_of(column.name, before, after, differs, ids))
        is_always_sent = column.operator.verb in ALWAYS_SENT
        kept = touched if is_always_sent else differs
        is_sent = is_sent | kept
        dropped = ~kept if stated.dropped is None else ~kept | stated.dropped
        decisions.changes.dropped[number] = RowSet.of_mask(dropped)
    for name in held.names if asked.verb == "delete" else layout.removed:
        before = held.values_of(name, places)
        differs = rows & mask_of(before.is_valid())
        cells.append(_cells_of(name, before, pa.nulls(len(before), LARGE_STRING), differs, ids))
        is_sent = is_sent | differs
    words = (
        "current has no such profile" if asked.verb == "delete" else "the profile holds these values already"
    )
    decisions.exclude(~is_sent, "skipped", "already so", words)
    table = pa.concat_tables(cells) if cells else _no_cells()
    counts = _counts(table, rows, is_found, is_sent & rows, asked)
    changed_cells = 0 if asked.verb == "delete" else np.count_nonzero(is_found[table["position"].to_numpy()])
    return Plan(asked, table.to_pandas(types_mapper=pd.ArrowDtype), counts, decisions, int(changed_cells))


def _refuse_several_rows(decisions: Decisions, ids: pa.Array) -> None:
    sent = ids.filter(pa.array(~decisions.changes.excluded))
    if pc.count_distinct(sent).as_py() < len(sent):
        msg = 'a plan takes one row for each profile, and some ids have several: pass duplicates="last", or drop them before'
        raise OperationError(msg)


# -- cells and counts ---------------------------------------------------------------------------------------------


def _cells_of(name: str, before: pa.Array, after: pa.Array, differs: np.ndarray, ids: pa.Array) -> pa.Table:
    """Return the cells of a property that change."""
    positions = np.flatnonzero(differs)
    at = pa.array(positions)
    before, after = before.take(at), after.take(at)
    is_emptied = nulls_in(after) | (mask_of(pc.equal(after, _NULL)) & ~nulls_in(before))
    change = np.where(is_emptied, 2, np.where(nulls_in(before), 0, 1)).astype(np.int8)
    names = pa.DictionaryArray.from_arrays(np.zeros(len(at), np.int32), pa.array([name]))
    return pa.table(
        {
            "position": at,
            "id": ids.take(at),
            "property": names.cast(LARGE_STRING),
            "before": before,
            "after": after,
            "change": pa.DictionaryArray.from_arrays(pa.array(change), CHANGES).cast(LARGE_STRING),
        }
    )


def _no_cells() -> pa.Table:
    none = pa.array([], LARGE_STRING)
    return _cells_of("", none, none, np.zeros(0, bool), none)


def _counts(
    cells: pa.Table, rows: np.ndarray, is_found: np.ndarray, is_sent: np.ndarray, asked: Operation
) -> pd.Series[Any]:
    """Return how many profiles and cells there are of each change."""
    is_delete = asked.verb == "delete"
    of_change = pc.value_counts(cells["change"]).to_pylist()
    cells_of = {one["values"]: one["counts"] for one in of_change}
    found = np.count_nonzero(is_sent & is_found)
    counts = {
        "new profiles": np.count_nonzero(is_sent & ~is_found),
        "changed profiles": 0 if is_delete else found,
        "emptied profiles": found if is_delete else 0,
        "unchanged profiles": np.count_nonzero(rows & ~is_sent),
        **{f"{change} cells": cells_of.get(change, 0) for change in CHANGES.to_pylist()},
    }
    return pd.Series(counts, dtype="int64", name="count")

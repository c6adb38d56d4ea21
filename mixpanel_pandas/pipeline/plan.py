"""`Plan`: what an operation would change in profiles that were read: before, after, and the operation between them.

Values are JSON texts in Arrow, one column at a time. The operands come from the payloads' own steps, so a plan knows what is sent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.checking.decisions import check_frame
from mixpanel_pandas.checking.report import raise_errors, warn
from mixpanel_pandas.errors import OperationError, choices
from mixpanel_pandas.payloads.arrays import LARGE_STRING, emptied, mask_of, nulls_in
from mixpanel_pandas.payloads.encoding import join, json_texts, operand_texts
from mixpanel_pandas.payloads.ids import ids_of, normalise_ids
from mixpanel_pandas.payloads.layout import layout_of_columns
from mixpanel_pandas.payloads.normalise import normalise_column
from mixpanel_pandas.payloads.row_set import RowSet
from mixpanel_pandas.payloads.slices import property_of
from mixpanel_pandas.payloads.sources import column_source, rows_of_frame
from mixpanel_pandas.pipeline.known import with_known_properties
from mixpanel_pandas.pipeline.line import send_checked
from mixpanel_pandas.rules.operation import operation, refuse_unknown_options
from mixpanel_pandas.rules.options import taken_by
from mixpanel_pandas.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from mixpanel_pandas.checking.decisions import Decisions
    from mixpanel_pandas.payloads.encoding import Property
    from mixpanel_pandas.rules.operation import Operation

__all__ = ["Plan", "make_plan"]

#: What happens to a value.
CHANGES = pa.array(["new", "changed", "emptied"])

#: Verbs whose updates are always sent: a profile does not show whether they were applied already.
ALWAYS_SENT = frozenset({"add", "append", "remove"})

_DATE = r'^"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?Z?"$'
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
    held = _Held(current, asked.group or "$distinct_id")
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
        operand, removed = _operands(stated)
        after = emptied(_after(column.operator.verb, before, operand), removed)
        touched = rows & (mask_of(operand.is_valid()) | removed)
        differs = touched & _differ(before, after)
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


class _Held:
    """Profiles that were read, as JSON texts by property."""

    def __init__(self, current: pd.DataFrame, index_name: str) -> None:
        if not isinstance(current, pd.DataFrame):
            msg = f"current takes a frame of mpd.read_profiles, not {type(current).__name__}"  # type: ignore[unreachable]  # callers without a type checker
            raise OperationError(msg)
        if current.index.name != index_name:
            msg = (
                f"current takes profiles as mpd.read_profiles returns them, with the ids in an index named {index_name!r}, not "
                f"{current.index.name!r}"
            )
            raise OperationError(msg)
        self._layout = layout_of_columns(current)
        self._columns = {column.name: column for column in self._layout.columns}
        of_ids = current.index.to_frame(index=False, name="id")
        source = column_source(of_ids, "id", 0)
        self._ids = normalise_ids(source.at(slice(0, len(current))), source.rule).array
        queries = current.attrs.get("mixpanel", {}).get("queries", ())
        self._is_partial = any("output_properties" in form for form in queries)

    @property
    def names(self) -> list[str]:
        return list(self._columns)

    def places_of(self, ids: pa.Array) -> pa.Array:
        """Return where each id stands among the profiles; null where it is none of them."""
        return pc.index_in(ids, value_set=self._ids, skip_nulls=True)

    def values_of(self, name: str, places: pa.Array) -> pa.Array:
        """Return a property of some profiles as JSON; null where a profile lacks it."""
        if name not in self._columns:
            if self._is_partial:
                msg = f"current was read without the property {name!r}: name it in read_profiles(properties=)"
                raise OperationError(msg)
            return pa.nulls(len(places), LARGE_STRING)
        values = normalise_column(self._layout, self._columns[name], slice(0, self._layout.rows))
        return _texts(json_texts(values)).take(places)


def _refuse_several_rows(decisions: Decisions, ids: pa.Array) -> None:
    sent = ids.filter(pa.array(~decisions.changes.excluded))
    if pc.count_distinct(sent).as_py() < len(sent):
        msg = 'a plan takes one row for each profile, and some ids have several: pass duplicates="last", or drop them before'
        raise OperationError(msg)


def _texts(parts: tuple[str, pa.Array, str]) -> pa.Array:
    opening, texts, closing = parts
    return join(opening, texts, closing) if opening or closing else texts.cast(LARGE_STRING)


def _operands(stated: Property) -> tuple[pa.Array, np.ndarray]:
    """Return what rows say about a property: the operands as JSON, null without one; and the mask of rows that remove it."""
    texts = _texts(operand_texts(stated))
    missing = nulls_in(stated.values.array)
    if stated.missing == "null":
        texts = texts.fill_null(_NULL)
    removed = missing & (stated.missing == "unset")
    if stated.dropped is not None:
        texts, removed = emptied(texts, stated.dropped), removed & ~stated.dropped
    return texts, removed


# -- what the operators do ----------------------------------------------------------------------------------------


def _after(verb: str, before: pa.Array, operand: pa.Array) -> pa.Array:
    """Return the values after the operator, where rows have an operand; elsewhere those before."""
    if verb == "set":
        return pc.coalesce(operand, before)
    if verb == "set_once":
        return pc.coalesce(before, operand)
    # Sums and lists are made value by value; the rows without an operand are not looked at.
    places = pa.array(np.flatnonzero(mask_of(operand.is_valid())))
    pairs = zip(before.take(places).to_pylist(), operand.take(places).to_pylist(), strict=True)
    effect = _EFFECTS[verb]
    values = [_apply(effect, one, other) for one, other in pairs]
    return pc.replace_with_mask(before, operand.is_valid(), pa.array(values, LARGE_STRING))


def _apply(effect: Callable[[Any, Any], Any], before: str | None, operand: str) -> str | None:
    held = None if before is None else orjson.loads(before)
    value = effect(held, orjson.loads(operand))
    if before is None and value is None:
        return None
    return before if value is held else orjson.dumps(value).decode()


def _add(before: Any, number: Any) -> Any:
    if before is None:
        return number
    is_number = isinstance(before, int | float) and not isinstance(before, bool)
    if not is_number:
        return before
    total = before + number
    return total if -(2**63) <= total < 2**63 else float(total)


def _append(before: Any, item: Any) -> Any:
    items = [] if before is None else before
    return [*items, item] if isinstance(items, list) else before


def _union(before: Any, more: list[Any]) -> Any:
    items = [] if before is None else before
    if not isinstance(items, list):
        return before
    united = list(items)
    for item in more:
        if not any(_same(item, other) for other in united):
            united.append(item)
    return united


def _remove(before: Any, item: Any) -> Any:
    if not isinstance(before, list):
        return before
    first = next((place for place, other in enumerate(before) if _same(item, other)), len(before))
    return before[:first] + before[first + 1 :]


def _same(one: object, other: object) -> bool:
    return one == other and isinstance(one, bool) == isinstance(other, bool)


_EFFECTS: dict[str, Callable[[Any, Any], Any]] = {
    "add": _add,
    "append": _append,
    "union": _union,
    "remove": _remove,
}


# -- comparing ----------------------------------------------------------------------------------------------------


def _differ(before: pa.Array, after: pa.Array) -> np.ndarray:
    """Return the mask of the values that differ for Mixpanel. Only texts that differ are looked at closely."""
    differs: np.ndarray = mask_of(pc.not_equal(before, after)) | (nulls_in(before) != nulls_in(after))
    suspects = np.flatnonzero(differs & ~nulls_in(before) & ~nulls_in(after))
    if suspects.size:
        at = pa.array(suspects)
        same = pc.equal(_canonical(before.take(at)), _canonical(after.take(at)))
        differs[suspects] = ~mask_of(same)
    return differs


def _canonical(texts: pa.Array) -> pa.Array:
    """Return JSON texts so that values that are the same for Mixpanel are the same text.

    Numbers are doubles, dates have seconds, and the keys of objects have no order.
    """
    texts = pc.replace_substring_regex(texts, _DATE, r'"\1"')
    numbers = pc.match_substring_regex(texts, r"^-?\d")
    if pc.any(numbers).as_py():
        doubles = pc.add(texts.filter(numbers).cast(pa.float64()), 0.0)  # -0.0 becomes 0.0
        texts = pc.replace_with_mask(texts, numbers, doubles.cast(LARGE_STRING))
    nested = pc.match_substring_regex(texts, r"^[\[{]")
    if pc.any(nested).as_py():
        values = [_canonical_value(orjson.loads(text)) for text in texts.filter(nested).to_pylist()]
        written = [orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode() for value in values]
        texts = pc.replace_with_mask(texts, nested, pa.array(written, LARGE_STRING))
    return texts


def _canonical_value(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _canonical_value(inner) for name, inner in value.items()}
    if isinstance(value, list):
        items = [_canonical_value(item) for item in value]
        is_text = [isinstance(item, str) for item in items]
        if any(is_text):
            texts = pa.array([orjson.dumps(i).decode() for i in items if isinstance(i, str)], LARGE_STRING)
            dates = iter(pc.replace_substring_regex(texts, _DATE, r'"\1"').to_pylist())
            items = [
                orjson.loads(next(dates)) if text else item for item, text in zip(items, is_text, strict=True)
            ]
        return items
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) + 0.0 if is_number else value


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

"""What operators do to values: the value before and the operand -> the value after, as JSON texts in Arrow.

https://developer.mixpanel.com/reference/profile-set and the pages of the other operators
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.payloads.arrays import LARGE_STRING, emptied, mask_of, nulls_in
from mixpanel_pandas.payloads.encoding import operand_texts, whole_texts

if TYPE_CHECKING:
    from collections.abc import Callable

    from mixpanel_pandas.payloads.encoding import Property

__all__ = ["after_operator", "operands"]


def operands(stated: Property) -> tuple[pa.Array, np.ndarray]:
    """Return what rows say about a property: the operands as JSON, null without one; and the mask of rows that remove it."""
    texts = whole_texts(operand_texts(stated))
    missing = nulls_in(stated.values.array)
    if stated.missing == "null":
        texts = texts.fill_null("null")
    removed = missing & (stated.missing == "unset")
    if stated.dropped is not None:
        texts, removed = emptied(texts, stated.dropped), removed & ~stated.dropped
    return texts, removed


def after_operator(verb: str, before: pa.Array, operand: pa.Array) -> pa.Array:
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

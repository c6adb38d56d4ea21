"""Whether values are the same for Mixpanel: numbers are doubles, dates have seconds, the keys of objects have no order.

https://docs.mixpanel.com/docs/data-structure/property-reference/data-type
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.payloads.arrays import LARGE_STRING, mask_of, nulls_in

__all__ = ["differ", "holds"]

_DATE = r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?Z?"
_DATE_IN_LIST = re.compile(rf"^{_DATE}$", re.ASCII)


def differ(before: pa.Array, after: pa.Array) -> np.ndarray:
    """Return the mask of the values that differ for Mixpanel. Only texts that differ are looked at closely."""
    differs: np.ndarray = mask_of(pc.not_equal(before, after)) | (nulls_in(before) != nulls_in(after))
    suspects = np.flatnonzero(differs & ~nulls_in(before) & ~nulls_in(after))
    if suspects.size:
        at = pa.array(suspects)
        same = pc.equal(_canonical(before.take(at)), _canonical(after.take(at)))
        differs[suspects] = ~mask_of(same)
    return differs


def holds(lists: pa.Array, items: pa.Array) -> np.ndarray:
    """Return the mask of the lists that hold an item; a value that is not a list, or is null, has no items. Values are compared one by one."""
    pairs = zip(lists.to_pylist(), items.to_pylist(), strict=True)
    return np.fromiter((_holds(one, item) for one, item in pairs), bool, len(items))


def _holds(text: str | None, item: str | None) -> bool:
    held = None if text is None or item is None else orjson.loads(text)
    if not isinstance(held, list) or item is None:
        return False
    wanted = _written(orjson.loads(item))
    return any(_written(one) == wanted for one in held)


def _written(item: Any) -> bytes:
    return orjson.dumps(_canonical_item(item), option=orjson.OPT_SORT_KEYS)


def _canonical(texts: pa.Array) -> pa.Array:
    """Return JSON texts so that values that are the same for Mixpanel are the same text.

    Numbers are doubles, dates have seconds, and the keys of objects have no order.
    """
    texts = pc.replace_substring_regex(texts, f'^"{_DATE}"$', r'"\1"')
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
        return [_canonical_item(item) for item in value]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) + 0.0 if is_number else value


def _canonical_item(item: Any) -> Any:
    """Return the item of a list; dates in lists have seconds, too."""
    return _DATE_IN_LIST.sub(r"\1", item) if isinstance(item, str) else _canonical_value(item)

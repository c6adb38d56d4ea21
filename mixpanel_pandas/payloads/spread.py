"""The option `spread`: columns of objects (dicts, structs, JSON text) whose keys become properties."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mixpanel_pandas.errors import OperationError, reading_column
from mixpanel_pandas.payloads.arrays import as_objects
from mixpanel_pandas.payloads.dtypes import rule_for_objects
from mixpanel_pandas.payloads.json_text import read_json
from mixpanel_pandas.payloads.values import mapping_of, repeats_key
from mixpanel_pandas.text import quoted

if TYPE_CHECKING:
    from mixpanel_pandas.payloads.dtypes import Rule
    from mixpanel_pandas.payloads.sources import Source

__all__ = ["rules_of_keys", "values_of_key"]


def rules_of_keys(source: Source, index: pd.Index[Any]) -> dict[str, Rule]:
    """Return each key of the objects in a column -> how its values are read.

    Parameters
    ----------
    index : pandas.Index
        Of the frame, for the message.

    Raises
    ------
    OperationError
        If a value is not an object, has a key that is not text, or has a key twice.
    """
    values = source.at()
    with reading_column(source.label):
        values = np.asarray(source.rule.read(values), dtype=object)
    parsed = read_json(values)
    objects = as_objects(parsed.values)
    with reading_column(source.label):
        present = ~pd.isna(objects) | parsed.broken
        odd = [place for place in np.flatnonzero(present) if not _has_text_keys(objects[place])]
        repeated = parsed.repeated | np.array([repeats_key(item) for item in objects], bool)
    if repeated.any():
        first = quoted(index[int(repeated.argmax())])
        msg = (
            f"cannot spread column {quoted(source.label)}: {repeated.sum()} of its values have a key twice, the first at index "
            f"{first}: for JSON text, column.map(json.loads) keeps the last"
        )
        raise OperationError(msg)
    if odd:
        msg = (
            f"cannot spread column {quoted(source.label)}: {len(odd)} of its values are not objects with text keys, "
            f"the first at index {quoted(index[int(odd[0])])}"
        )
        raise OperationError(msg)
    with reading_column(source.label):
        keys = dict.fromkeys(key for item in objects for key in mapping_of(item) or ())
        return {key: rule_for_objects(values_of_key(objects, key)) for key in keys}


def _has_text_keys(item: Any) -> bool:
    members = mapping_of(item)
    return members is not None and all(isinstance(key, str) for key in members)


def values_of_key(values: Any, key: str) -> np.ndarray:
    """Return what each of `values`, objects or JSON text, holds under `key`; None where it has no such key."""
    items = read_json(np.asarray(values, dtype=object)).values
    return as_objects([(mapping_of(item) or {}).get(key) for item in items])

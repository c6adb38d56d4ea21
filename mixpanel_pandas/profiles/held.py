"""`HeldProfiles`: what profiles hold, by property, as JSON texts in Arrow."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.errors import OperationError
from mixpanel_pandas.payloads.arrays import LARGE_STRING
from mixpanel_pandas.payloads.encoding import json_texts, whole_texts
from mixpanel_pandas.payloads.ids import normalise_ids
from mixpanel_pandas.payloads.layout import layout_of_columns
from mixpanel_pandas.payloads.normalise import normalise_column
from mixpanel_pandas.payloads.sources import column_source
from mixpanel_pandas.profiles.columns import ID, property_of_column

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["HeldProfiles", "held_in_frame", "held_in_table", "held_together"]


@dataclass(frozen=True, eq=False)
class HeldProfiles:
    """What profiles hold.

    Attributes
    ----------
    ids : pyarrow.LargeStringArray
        Of the profiles.
    columns : mapping
        Property -> a function that returns its values: JSON texts, null where a profile lacks the property.
    only : frozenset of str or None
        The properties that were read. None: all.
    tells_null : bool
        Whether a null that a profile holds is the text ``null``. Else null and absent look alike.
    """

    ids: pa.Array
    columns: Mapping[str, Callable[[], pa.Array | pa.ChunkedArray]]
    only: frozenset[str] | None = None
    tells_null: bool = True

    @property
    def names(self) -> list[str]:
        """The properties that at least one profile may have."""
        return list(self.columns)

    def places_of(self, ids: pa.Array) -> pa.Array:
        """Return the place of each id among the profiles; null if it has no profile."""
        return pc.index_in(ids, value_set=self.ids, skip_nulls=True)

    def values_of(self, name: str, places: pa.Array) -> pa.Array:
        """Return a property of some profiles as JSON; null where a profile lacks it, and where a place is null.

        Raises
        ------
        OperationError
            If the property was not read.
        """
        if name not in self.columns:
            if self.only is not None and name not in self.only:
                msg = f"current was read without the property {name!r}: name it in read_profiles(properties=)"
                raise OperationError(msg)
            return pa.nulls(len(places), LARGE_STRING)
        values = self.columns[name]().take(places)
        return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def held_in_table(table: pa.Table, only: Sequence[str] | None = None) -> HeldProfiles:
    """Return the profiles of a table of ids and JSON texts, as `read_held` makes it."""
    ids = table[ID].combine_chunks() if ID in table.column_names else pa.array([], LARGE_STRING)
    columns = {
        property_of_column(column): partial(table.column, column)
        for column in table.column_names
        if column != ID
    }
    return HeldProfiles(ids, columns, None if only is None else frozenset(only))


def held_together(parts: Sequence[HeldProfiles]) -> HeldProfiles:
    """Return several readings of different profiles as one."""

    def values(name: str) -> pa.ChunkedArray:
        chunks: list[pa.Array] = []
        for part in parts:
            column = part.columns[name]() if name in part.columns else pa.nulls(len(part.ids), LARGE_STRING)
            chunks += column.chunks if isinstance(column, pa.ChunkedArray) else [column]
        return pa.chunked_array(chunks, LARGE_STRING)

    names = dict.fromkeys(name for part in parts for name in part.names)
    columns = {name: partial(values, name) for name in names}
    return HeldProfiles(pa.concat_arrays([part.ids for part in parts]), columns, parts[0].only)


def held_in_frame(current: Any, index_name: str) -> HeldProfiles:
    """Return the profiles of a frame that `read_profiles` returned.

    Raises
    ------
    OperationError
        If it is not such a frame.
    """
    if not isinstance(current, pd.DataFrame):
        msg = f"current must be a frame of mpd.read_profiles, not {type(current).__name__}"
        raise OperationError(msg)
    if current.index.name != index_name:
        msg = (
            f"current must have profiles as mpd.read_profiles returns them, with the ids in an index named {index_name!r}, not "
            f"{current.index.name!r}"
        )
        raise OperationError(msg)
    layout = layout_of_columns(current)

    def values(number: int) -> pa.Array:
        values = normalise_column(layout, layout.columns[number], slice(0, layout.rows))
        return whole_texts(json_texts(values))

    columns = {column.name: partial(values, number) for number, column in enumerate(layout.columns)}
    of_ids = current.index.to_frame(index=False, name="id")
    source = column_source(of_ids, "id", 0)
    ids = normalise_ids(source.at(slice(0, len(current))), source.rule).array
    only = current.attrs.get("mixpanel", {}).get("properties")
    return HeldProfiles(ids, columns, None if only is None else frozenset(only), tells_null=False)

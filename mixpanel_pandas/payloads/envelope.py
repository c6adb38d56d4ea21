"""What every record holds besides its operator: token, id, ``$ip``, ``$time`` and switches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.errors import naming_column
from mixpanel_pandas.payloads.arrays import LARGE_STRING, emptied, mask_of, nulls_in
from mixpanel_pandas.payloads.encoding import escaped, join, json_of
from mixpanel_pandas.payloads.ids import normalise_ids
from mixpanel_pandas.payloads.ip_and_time import address
from mixpanel_pandas.payloads.normalise import Normalised, normalise
from mixpanel_pandas.payloads.sources import Rows, Source
from mixpanel_pandas.rules.limits import LIMITS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mixpanel_pandas.payloads.encoding import Part
    from mixpanel_pandas.payloads.layout import Layout
    from mixpanel_pandas.payloads.measures import Masks

__all__ = ["MEMBERS", "Envelope", "envelope", "has_member", "members_in_columns"]


@dataclass(frozen=True)
class Envelope:
    """What the records of some rows hold besides the operator.

    Attributes
    ----------
    ids : pyarrow.LargeStringArray
        Null where there is no usable id.
    group : str or None
        Group key; None for users.
    token : str or None
        Project token; None where nothing is sent.
    fields : str
        JSON members that every record has, each with a comma before it.
    columns : tuple of pyarrow.LargeStringArray
        Further members, which differ from row to row, each with a comma before it; never null.
    findings : dict of str to numpy.ndarray
        Name of a check -> mask of the rows that do not pass it.
    """

    ids: pa.LargeStringArray
    group: str | None = None
    token: str | None = field(default=None, repr=False)
    fields: str = ""
    columns: tuple[pa.LargeStringArray, ...] = ()
    findings: dict[str, np.ndarray] = field(default_factory=dict)

    def filter(self, rows: np.ndarray) -> Envelope:
        """Return the envelope of `rows`, a mask, without the findings."""
        mask = pa.array(rows)
        columns = tuple(column.filter(mask) for column in self.columns)
        return Envelope(self.ids.filter(mask), self.group, self.token, self.fields, columns)

    def head(self) -> list[Part]:
        """Return what every record begins with, up to the comma before its operator."""
        token = "" if self.token is None else f'"$token":{json_of(self.token)},'
        id_name = (
            '"$distinct_id"' if self.group is None else f'"$group_key":{json_of(self.group)},"$group_id"'
        )
        return [f'{{{token}{id_name}:"', escaped(self.ids), f'"{self.fields}', *self.columns]


def envelope(
    layout: Layout,
    rows: Rows,
    token: str | None = None,
    elsewhere: Mapping[str, np.ndarray] | None = None,
) -> Envelope:
    """Return the envelope of some rows.

    Parameters
    ----------
    layout : Layout
        Where the ids, ``$ip`` and ``$time`` come from.
    rows : slice or numpy.ndarray
        Which rows of the frame.
    token : str, optional
        Project token.
    elsewhere : mapping, optional
        Key of `MEMBERS` -> the rows from which that member is taken instead, as many as `rows`.
    """
    values = layout.id.at(rows)
    with naming_column(layout.id.label):
        ids = normalise_ids(values, layout.id.rule)
    findings = dict(ids.findings)
    fields, columns = "", []
    for name, member in MEMBERS.items():
        sources = member.sources_of(layout)
        if any(isinstance(source, Source) for source in sources):
            texts, member_findings = member.of_columns(sources, (elsewhere or {}).get(name, rows))
            columns.append(texts.fill_null(member.default))
            findings |= member_findings
        else:
            fields += member.of_constants(*sources)
    if layout.operation.options.ignore_alias and layout.operation.group is None:
        fields += ',"$ignore_alias":true'
    return Envelope(ids.array, layout.operation.group, token, fields, tuple(columns), findings)


def members_in_columns(layout: Layout) -> list[str]:
    """Return the keys of the `MEMBERS` that come from columns."""
    return [
        name
        for name, member in MEMBERS.items()
        if any(isinstance(source, Source) for source in member.sources_of(layout))
    ]


def has_member(layout: Layout, name: str, rows: np.ndarray) -> np.ndarray:
    """Return the mask of those of `rows` whose columns hold usable values for a member, given by its key in `MEMBERS`."""
    texts, _findings = MEMBERS[name].of_columns(MEMBERS[name].sources_of(layout), rows)
    return ~nulls_in(texts)


# -- members ------------------------------------------------------------------------------------------------------


#: Where the parts of a member come from: columns, or constants.
Sources = Sequence[Any]


def _read(source: Source, rows: Rows) -> Normalised:
    values = source.at(rows)
    with naming_column(source.label):
        return normalise(values, source.rule, blank="missing")


def _ip_field(address: str) -> str:
    return f',"$ip":"{address}"'


def _ip_column(sources: Sources, rows: Rows) -> tuple[pa.Array, Masks]:
    """Return the member for each row, null where there is no address, and the mask of the values that are not addresses."""
    normalised = _read(sources[0], rows)
    texts = _texts(normalised)
    usable = pa.array([text for text in pc.unique(texts).to_pylist() if address(text)], LARGE_STRING)
    good = pc.is_in(texts, usable, skip_nulls=True)
    members = join(',"$ip":"', pc.if_else(good, texts, pa.scalar(None, LARGE_STRING)), '"')
    return members, {"ip": ~mask_of(good) & normalised.present}


def _location_field(latitude: float | None, longitude: float | None) -> str:
    return "" if latitude is None else f',"$latitude":{latitude},"$longitude":{longitude}'


def _location_columns(sources: Sources, rows: Rows) -> tuple[pa.Array, Masks]:
    """Return the members for each row, null where one of them is missing or no number of degrees, and what is wrong with either."""
    latitude, has_latitude, good_latitude = _degrees(sources[0], rows, LIMITS["latitude"].value)
    longitude, has_longitude, good_longitude = _degrees(sources[1], rows, LIMITS["longitude"].value)
    either = has_latitude | has_longitude
    findings = {"latitude": either & ~good_latitude, "longitude": either & ~good_longitude}
    members = join(',"$latitude":', latitude, ',"$longitude":', longitude)
    return emptied(members, ~(good_latitude & good_longitude)), findings


def _degrees(source: Any, rows: Rows, most: int) -> tuple[Part, Any, Any]:
    """Return degrees as JSON, whether there is a value, and whether it is usable: of a column for each row, else once."""
    if not isinstance(source, Source):
        return str(source), np.True_, np.True_
    normalised = _read(source, rows)
    return (
        normalised.array.cast(LARGE_STRING),
        normalised.present,
        np.abs(_numbers(normalised)) <= most,
    )


def _time_field(time: Any) -> str:
    if isinstance(time, int):
        return f',"$time":{time}'
    return ',"$ignore_time":true' if time == "keep" else ""


def _time_column(sources: Sources, rows: Rows) -> tuple[pa.Array, Masks]:
    """Return the member for each row in whole seconds, null where there is no time, and the mask of the values that are not times."""
    normalised = _read(sources[0], rows)
    seconds = np.floor(_seconds(normalised))
    good = (seconds >= 0) & (seconds < LIMITS["time_seconds"].value)
    whole = pa.array(np.where(good, seconds, 0).astype(np.int64), mask=~good)
    texts = join(',"$time":', whole.cast(LARGE_STRING))
    return texts, {"time": ~good & normalised.present}


@dataclass(frozen=True)
class Member:
    """A member of the envelope, or two that belong together, of constants or from columns.

    Attributes
    ----------
    names : tuple of str
        Attributes of the layout that hold where the parts come from.
    of_constants : callable
        Constants -> the JSON member with a comma before it, or an empty text.
    of_columns : callable
        Columns or constants, and rows -> the member for each row, null where there is none, and findings.
    default : str
        The member of a row that has none of its own.
    """

    names: tuple[str, ...]
    of_constants: Callable[..., str]
    of_columns: Callable[[Sources, Rows], tuple[pa.Array, Masks]]
    default: str

    def sources_of(self, layout: Layout) -> Sources:
        """Return where the parts come from."""
        return [getattr(layout, name) for name in self.names]


#: Name -> member. Without a time "Updated at" stays as it is.
MEMBERS = {
    "ip": Member(("ip",), _ip_field, _ip_column, ',"$ip":"0"'),
    "location": Member(("latitude", "longitude"), _location_field, _location_columns, ""),
    "time": Member(("time",), _time_field, _time_column, ',"$ignore_time":true'),
}


def _seconds(normalised: Normalised) -> np.ndarray:
    """Return seconds since the epoch, NaN where a value is not a time."""
    array = normalised.array
    if pa.types.is_null(array.type):
        return np.full(len(array), np.nan)
    if normalised.kinds is not None:
        return _seconds_of_texts(_texts(normalised), normalised.kinds == "number")
    if pa.types.is_large_string(array.type):
        return _seconds_of_texts(array, np.zeros(len(array), bool))
    if pa.types.is_timestamp(array.type):
        return _doubles(array.cast(pa.int64())) // 1000
    if pa.types.is_date(array.type):
        return _doubles(array.cast(pa.int32())) * 86_400
    return _doubles(array)


def _numbers(normalised: Normalised) -> np.ndarray:
    """Return numbers as doubles, NaN where a value is not a number."""
    if normalised.kinds is None:
        return _doubles(normalised.array)
    texts = emptied(normalised.array, normalised.kinds != "number")
    return _doubles(texts.cast(pa.float64()))


def _doubles(array: pa.Array) -> np.typing.NDArray[np.float64]:
    """Return numbers as doubles, NaN where null."""
    return np.asarray(array.cast(pa.float64(), safe=False), np.float64)


def _seconds_of_texts(texts: pa.Array, numbers: np.ndarray) -> np.ndarray:
    """Return seconds since the epoch of ISO dates, and of numbers where the mask `numbers` is True."""
    values = texts.to_pylist()
    instants = pd.DatetimeIndex(pd.to_datetime(values, utc=True, errors="coerce", format="ISO8601"))
    seconds = np.array(instants.as_unit("s").asi8, np.float64)
    seconds[instants.isna()] = np.nan
    numbers = numbers & ~nulls_in(texts)
    seconds[numbers] = [float(values[row]) for row in np.flatnonzero(numbers)]
    return seconds


def _texts(normalised: Normalised) -> pa.Array:
    """Return values as text. Strings in JSON text lose their quotes."""
    if normalised.kinds is None:
        return normalised.array.cast(LARGE_STRING)
    texts = normalised.array.to_pylist()
    return pa.array([orjson.loads(text) if text and text[0] == '"' else text for text in texts], LARGE_STRING)

"""What stands in a record beside its operator: the id, ``$ip``, ``$time`` and the switches."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.payloads.ids import normalise_ids
from mixpanel_pandas.payloads.normalise import mask_of, normalise
from mixpanel_pandas.payloads.plan import Plan, Source, values_of
from mixpanel_pandas.rules.limits import LIMITS

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Envelope", "envelope"]

LARGE_STRING = pa.large_string()


@dataclass(frozen=True)
class Envelope:
    """The parts of the records of some rows that no operator changes.

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
        Further members, different from row to row, likewise; never null.
    problems : dict of str to numpy.ndarray
        Name of a check -> mask of the rows that do not pass it.
    """

    ids: pa.LargeStringArray
    group: str | None = None
    token: str | None = field(default=None, repr=False)
    fields: str = ""
    columns: tuple[pa.LargeStringArray, ...] = ()
    problems: dict[str, np.ndarray] = field(default_factory=dict)

    def filter(self, rows: pa.Array) -> Envelope:
        """Return only `rows`, a mask."""
        columns = tuple(column.filter(rows) for column in self.columns)
        return Envelope(self.ids.filter(rows), self.group, self.token, self.fields, columns)


def envelope(frame: pd.DataFrame, plan: Plan, rows: slice, token: str | None = None) -> Envelope:
    """Return the envelope of a slice of the frame."""
    ids = normalise_ids(values_of(frame, plan.id, rows), plan.id.rule)
    problems = dict(ids.problems)
    fields, columns = "", []
    for source, constant, column in (
        (plan.ip, _ip_field, _ip_column),
        (plan.time, _time_field, _time_column),
    ):
        if isinstance(source, Source):
            members, found = column(values_of(frame, source, rows), source)
            columns.append(members)
            problems |= found
        else:
            fields += constant(source)
    if plan.operation.option("ignore_alias") and plan.operation.group is None:
        fields += ',"$ignore_alias":true'
    return Envelope(ids.array, plan.operation.group, token, fields, tuple(columns), problems)


def _ip_field(address: Any) -> str:
    return f',"$ip":"{address}"'


def _ip_column(values: Any, source: Source) -> tuple[pa.Array, dict[str, np.ndarray]]:
    """Return the member for each row, "0" where there is no address, and the mask of what is none."""
    texts = normalise(values, source.rule, blank="missing").array
    if not pa.types.is_large_string(texts.type):
        texts = texts.cast(LARGE_STRING)
    distinct = pc.unique(texts)
    usable = pa.array(
        [text for text in distinct.to_pylist() if text is not None and _is_address(text)], LARGE_STRING
    )
    good = pc.is_in(texts, usable)
    members = pc.binary_join_element_wise(
        _text(',"$ip":"'), pc.if_else(good, texts, _text("0")), _text('"'), _text("")
    )
    return members, {"ip": ~mask_of(good) & mask_of(texts.is_valid())}


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _time_field(time: Any) -> str:
    if isinstance(time, int):
        return f',"$time":{time}'
    return ',"$ignore_time":true' if time == "keep" else ""


def _time_column(values: Any, source: Source) -> tuple[pa.Array, dict[str, np.ndarray]]:
    """Return the member for each row: whole seconds, or where there is no time "Updated at" stays."""
    normalised = normalise(values, source.rule, blank="missing")
    seconds, broken = _seconds(normalised.array)
    broken = broken | normalised.problems.get("date_range", False)
    texts = pc.binary_join_element_wise(_text(',"$time":'), seconds.cast(LARGE_STRING), _text(""))
    return texts.fill_null(',"$ignore_time":true'), {"time": broken}


def _seconds(array: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """Return seconds since the epoch, and the mask of what is no time."""
    missing = mask_of(array.is_null())
    if pa.types.is_timestamp(array.type):
        count = np.floor_divide(np.asarray(array.cast(pa.int64()).fill_null(0)), 1000)
    elif pa.types.is_date(array.type):
        count = np.asarray(array.cast(pa.int32()).fill_null(0)).astype(np.int64) * 86_400
    elif pa.types.is_integer(array.type) or pa.types.is_floating(array.type):
        count = np.asarray(array.cast(pa.float64()).fill_null(0)).astype(np.int64)
    else:
        return _seconds_of_texts(array)
    broken = ~missing & ((count < 0) | (count >= LIMITS["time_seconds"].value))
    return pa.array(np.where(broken, 0, count), mask=missing | broken), broken


def _seconds_of_texts(array: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """JSON text of dates that only Python could read, or ISO text."""
    import pandas as pd

    texts = [_unquoted(text) for text in array.cast(LARGE_STRING).to_pylist()]
    instants = pd.to_datetime(pd.Series(texts, dtype=object), utc=True, errors="coerce", format="ISO8601")
    present = np.array([text is not None for text in texts], bool)
    broken = present & instants.isna().to_numpy()
    count = instants.dt.as_unit("s").to_numpy().astype("M8[s]").astype(np.int64)
    return pa.array(np.where(instants.isna(), 0, count), mask=instants.isna().to_numpy()), broken


def _unquoted(text: str | None) -> str | None:
    return str(orjson.loads(text)) if text is not None and text.startswith('"') else text


def _text(text: str) -> pa.Scalar:
    return pa.scalar(text, LARGE_STRING)

"""The records of a journal: how they are made and read. Pure.

A record has a kind, a run, a session, a body of plain values, and further bytes if it holds positions, ids or a fingerprint.
"""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import orjson
import pyarrow as pa

from mixpanel_pandas.delivery.pending import Delivery, compact
from mixpanel_pandas.payloads.changes import Excluded
from mixpanel_pandas.payloads.row_set import RowSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mixpanel_pandas.delivery.pending import Positions

__all__ = [
    "Record",
    "delivery_in",
    "delivery_records",
    "excluded_in",
    "excluded_record",
    "ids_in",
    "noted",
    "packed_ids",
    "place_of",
    "positions_in",
]

#: - ``run``: what is sent under a name. ``ids``: the ids of some rows, in order.
#: - ``excluded``: rows that are not sent, known before anything is sent (session 0) or at the end of a session.
#: - ``session``, ``end``: the beginning and the end of a call.
#: - ``slice``: the fingerprint of a slice.
#: - ``delivery``: what becomes of the rows of a request if the process ends after this record.
#: - ``settled``: rows in doubt that the user has settled.
RecordKind = Literal["run", "ids", "excluded", "session", "slice", "delivery", "settled", "end"]


class Record(NamedTuple):
    """A record, as the file holds it."""

    kind: str
    run: int
    session: int
    body: bytes
    more: bytes | None = None

    @property
    def values(self) -> dict[str, Any]:
        """The plain values of the body."""
        values: dict[str, Any] = orjson.loads(self.body)
        return values


def noted(
    kind: RecordKind, run: int, session: int, values: dict[str, Any], more: bytes | None = None
) -> Record:
    """Return a record."""
    return Record(kind, run, session, orjson.dumps(values, option=orjson.OPT_SERIALIZE_NUMPY), more)


def place_of(positions: Positions) -> tuple[dict[str, int], bytes | None]:
    """Return start and stop of positions as plain values. If they are no neighbours, also return all of them as bytes."""
    run = compact(positions)
    place = {"start": run.start, "stop": run.stop}
    return place, None if isinstance(run, range) else np.asarray(run, "<i8").tobytes()


def positions_in(values: Mapping[str, Any], more: bytes | None) -> range | RowSet:
    """Return the positions that `place_of` has written."""
    return range(values["start"], values["stop"]) if more is None else RowSet(np.frombuffer(more, "<i8"))


#: Plain field of a delivery -> its default. A field with its default is not written.
_PLAIN = {
    field.name: None if field.default is MISSING else field.default
    for field in fields(Delivery)
    if field.name not in {"positions", "apart"}
}


def delivery_records(run: int, session: int, deliveries: Iterable[Delivery]) -> list[Record]:
    """Return the records of deliveries."""
    return [_delivery_record(run, session, delivery) for delivery in deliveries]


def _delivery_record(run: int, session: int, delivery: Delivery) -> Record:
    values, more = place_of(delivery.positions)
    written: dict[str, Any] = {
        name: value for name, default in _PLAIN.items() if (value := getattr(delivery, name)) != default
    }
    if delivery.apart:
        written["apart"] = [[row, *became] for row, became in delivery.apart.items()]
    return noted("delivery", run, session, values | written, more)


def delivery_in(record: Record) -> Delivery:
    """Return the delivery of a record."""
    values = record.values
    apart = {row: (outcome, error) for row, outcome, error in values.get("apart", [])}
    plain = {name: value for name, value in values.items() if name in _PLAIN}
    return Delivery(positions=positions_in(values, record.more), apart=apart, **plain)


def excluded_record(run: int, session: int, excluded: Excluded) -> Record:
    """Return the record of rows that are not sent for one reason."""
    values, more = place_of(excluded.positions)
    why = {"outcome": excluded.outcome, "reason": excluded.reason, "error": excluded.error}
    return noted("excluded", run, session, values | why, more)


def excluded_in(record: Record) -> Excluded:
    """Return the rows that are not sent, of a record."""
    values = record.values
    positions = np.asarray(positions_in(values, record.more))
    return Excluded(positions, values["outcome"], values["reason"], values["error"])


def packed_ids(ids: pa.Array) -> bytes:
    """Return ids as the bytes of an Arrow stream."""
    batch = pa.record_batch([ids], names=["id"])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    packed: bytes = sink.getvalue().to_pybytes()
    return packed


def ids_in(record: Record) -> pa.ChunkedArray:
    """Return the ids of a record."""
    return pa.ipc.open_stream(record.more).read_all().column(0)

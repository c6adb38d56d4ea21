"""The table that a command reads, and the readings that were inferred of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from mixpanel_pandas.cli.jobs import Call

__all__ = ["inferred_readings", "read_frame"]


def read_frame(call: Call) -> pd.DataFrame:
    """Return the table that a call names. Columns that the verb reads with `parse` stay text.

    Raises
    ------
    OperationError, ValidationError
        If it cannot be read.
    """
    from mixpanel_pandas.reading.frame import READING_OPTIONS, invalid_records, read_table
    from mixpanel_pandas.reading.malformed import Malformed

    malformed = Malformed()
    source = call.sources if len(call.sources) > 1 else call.sources[0]
    as_text = [*(call["parse"] or {})]
    way = call.of(READING_OPTIONS)
    table = read_table(source, malformed, id=call["id"], group=call["group"], as_text=as_text, **way)
    if malformed.count:
        raise invalid_records(table, malformed)
    return table.as_frame()


def inferred_readings(frame: pd.DataFrame) -> dict[str, str]:
    """Return column -> reading for the columns whose type is not that of text, as a job names them."""
    from mixpanel_pandas.reading.inference import reading_of

    arrow: dict[Any, Any] = {
        label: getattr(dtype, "pyarrow_dtype", None) for label, dtype in frame.dtypes.items()
    }
    readings = {label: reading_of(kind) for label, kind in arrow.items() if kind is not None}
    return {label: name for label, name in readings.items() if name != "text"}

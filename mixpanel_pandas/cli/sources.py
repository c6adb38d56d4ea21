"""The table that a command reads, and the readings that were inferred of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixpanel_pandas.errors import OperationError

if TYPE_CHECKING:
    import pandas as pd

    from mixpanel_pandas.cli.jobs import Call

__all__ = ["inferred_readings", "read_frame"]


def read_frame(call: Call) -> pd.DataFrame:
    """Return the table that a call names.

    Raises
    ------
    OperationError
        If it cannot be read.
    """
    from mixpanel_pandas.reading.files import read_table

    if len(call.sources) > 1:
        msg = "name one table to read"
        raise OperationError(msg)
    path = Path(call.sources[0])
    if not path.exists():
        msg = f"cannot read {path}: there is no such file"
        raise OperationError(msg)
    if call["infer"] is False:
        return read_table(path, call["id"], call["group"], infer=False)
    return read_table(path, call["id"], call["group"])


def inferred_readings(frame: pd.DataFrame) -> dict[str, str]:
    """Return column -> reading for the columns whose type is not that of text, as a job names them."""
    from mixpanel_pandas.reading.inference import reading_of

    arrow: dict[Any, Any] = {
        label: getattr(dtype, "pyarrow_dtype", None) for label, dtype in frame.dtypes.items()
    }
    readings = {label: reading_of(kind) for label, kind in arrow.items() if kind is not None}
    return {label: name for label, name in readings.items() if name != "text"}

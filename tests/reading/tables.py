"""Tables that several tests read, and what is read as plain lists."""

from __future__ import annotations

import io
from typing import Any

import pandas as pd
import pyarrow as pa

import mixpanel_pandas as mpd

CSV = b"user_id,plan,credits\n007,pro,12\n008,,7\n"
ROWS = [["007", "pro", 12], ["008", None, 7]]
TABLE_OF_ROWS = pa.table({"user_id": ["007", "008"], "plan": ["pro", None], "credits": [12, 7]})


def rows(frame: pd.DataFrame) -> list[list[object]]:
    return [
        [None if pd.isna(value) is True else value for value in row]
        for row in frame.astype(object).to_numpy().tolist()
    ]


def read(content: bytes, format: str = "csv", **options: Any) -> pd.DataFrame:
    return mpd.frame(io.BytesIO(content), format=format, **options)

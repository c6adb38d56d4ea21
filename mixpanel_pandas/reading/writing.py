"""Write a table to a file, whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa

from mixpanel_pandas.errors import OperationError, choices
from mixpanel_pandas.text import Length, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["WRITTEN_ENDINGS", "atomic_write", "link_target", "refuse_output", "rows_as_json", "write_table"]

#: Endings of the files that `write_table` writes.
WRITTEN_ENDINGS = (".csv", ".csv.gz", ".jsonl", ".ndjson", ".parquet", ".pq")

#: How many rows are written to JSON Lines at once.
ROWS_AT_ONCE = 10_000


def refuse_output(path: Path, inputs: Iterable[Path], what: str) -> None:
    """Refuse a path that cannot be written to, so that a call ends before anything is sent.

    Parameters
    ----------
    path : Path
        Where a table is to be written.
    inputs : iterable of Path
        Files that must not be overwritten.
    what : str
        What the path is, as the message begins.

    Raises
    ------
    OperationError
        If the ending of the name is not known, the folder cannot be written to, or the path leads to one of `inputs`.
    """
    mistake = _output_mistake(path, link_target(path), inputs)
    if mistake is not None:
        msg = f"{what}={quoted(str(path), Length.SENTENCE)}{mistake}"
        raise OperationError(msg)


def _output_mistake(path: Path, target: Path, inputs: Iterable[Path]) -> str | None:
    """Return why a path, or the file that its links lead to, cannot be written to; None if it can."""
    if not path.name.lower().endswith(WRITTEN_ENDINGS):
        return f": the name of the file must end in {choices(WRITTEN_ENDINGS)}"
    if not os.access(target.parent, os.W_OK):
        return f": {quoted(str(target.parent), Length.SENTENCE)} is not a folder that can be written to"
    if any(_is_same_file(one, target) for one in inputs):
        return " is a file that is read: choose another"
    return None


def _is_same_file(one: Path, target: Path) -> bool:
    return link_target(one) == target or (one.exists() and target.exists() and one.samefile(target))


def link_target(path: Path) -> Path:
    """Return the path with all links followed. A link to nothing is not an error."""
    return Path(os.path.realpath(path))


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, and move the file written there to `path`. After an error an old file is unchanged.

    A link is followed. What is not a file, such as a pipe, is written to directly.
    """
    target = link_target(path)
    if target.exists() and not target.is_file():
        yield target
        return
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".mixpanel_pandas-") as folder:
        temporary = Path(folder, target.name)  # writers choose the format by the ending of the name
        yield temporary
        if target.exists():
            shutil.copymode(target, temporary)
        temporary.replace(target)


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame to Parquet, JSON Lines or CSV. In CSV lists and objects are JSON, which ``parse={column: "json"}`` reads.

    Parameters
    ----------
    path : Path
        The format is Parquet if the name ends in ``.parquet`` or ``.pq``, JSON Lines if it ends in ``.jsonl`` or ``.ndjson``, else CSV.
    """
    if path.suffix.lower() in {".jsonl", ".ndjson"}:
        with path.open("wb") as stream:
            stream.writelines(rows_as_json(frame))
        return
    if path.suffix.lower() in {".parquet", ".pq"}:
        frame.to_parquet(path, index=False)
        return
    frame.apply(_nested_as_json).to_csv(path, index=False)


def _nested_as_json(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column with its lists and objects as JSON; one that holds none is not looked into."""
    dtype = column.dtype
    may_be_nested = dtype == object or (
        isinstance(dtype, pd.ArrowDtype) and pa.types.is_nested(dtype.pyarrow_dtype)
    )
    return column.map(_as_json) if may_be_nested else column


def rows_as_json(frame: pd.DataFrame) -> Iterator[bytes]:
    """Yield each row as a line of JSON. Missing values are null, and what JSON does not know is text.

    >>> list(rows_as_json(pd.DataFrame({"id": ["a"], "n": [pd.NA]})))
    [b'{"id":"a","n":null}\\n']
    """
    option = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS | orjson.OPT_APPEND_NEWLINE
    for start in range(0, len(frame), ROWS_AT_ONCE):
        rows = frame.iloc[start : start + ROWS_AT_ONCE].apply(_infinite_as_text)
        for record in rows.to_dict("records"):
            yield orjson.dumps(record, default=_null_or_text, option=option)


def _infinite_as_text(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column of numbers with text for those that are infinite, of which orjson would make null."""
    if not pd.api.types.is_float_dtype(column.dtype):
        return column
    is_infinite = column.isin([np.inf, -np.inf])
    return column.astype(object).mask(is_infinite, column.astype(str)) if is_infinite.any() else column


def _null_or_text(value: Any) -> Any:
    return None if pd.api.types.is_scalar(value) and bool(pd.isna(value)) else str(value)


def _as_json(value: Any) -> Any:
    if not isinstance(value, list | tuple | dict | np.ndarray):
        return value
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY, default=str).decode()

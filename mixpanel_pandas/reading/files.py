"""Read a table from a file, with the values that the file has, and write one."""

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
import pyarrow.compute as pc

from mixpanel_pandas.errors import ColumnNotFoundError, OperationError, choices, did_you_mean
from mixpanel_pandas.text import Length, quoted, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["atomic_write", "read_table", "resolved", "write_table"]

#: Text that a number would not keep: the zeros of 007, the letters of 1E5 and 0x10. It may be a product code.
_NOT_JUST_A_NUMBER = r"^\s*[+-]?0[0-9xX]|[0-9][eE]"

#: Text with more digits than a float keeps.
_TOO_LONG_FOR_FLOATS = r"^\D*(?:\d\D*){16,}$"


def read_table(path: str | Path, id: str | None = None) -> pd.DataFrame:
    """Return the table in a CSV or Parquet file, Arrow-backed.

    In CSV the id column is text, so that ``007`` stays ``007``. The other columns have the types that pyarrow infers, except
    that a column stays text if a number in it has leading zeros, an exponent or too many digits. An empty cell is a missing
    value.

    Parameters
    ----------
    path : str or Path
        Its name ends in ``.csv``, ``.csv.gz``, ``.tsv``, ``.parquet`` or ``.pq``.
    id : str, optional
        Name of the id column.

    Raises
    ------
    OperationError
        If the file cannot be read, or its name has another ending.
    ColumnNotFoundError
        If there is no such column.
    """
    path = Path(path)
    reader = next((reader for ending, reader in READERS.items() if path.name.lower().endswith(ending)), None)
    if reader is None:
        msg = f"cannot read {quoted(path.name)}: the name of a file must end in {choices(READERS)}"
        raise OperationError(msg)
    try:
        table = reader(path, id)
    except (OSError, UnicodeError, pa.ArrowException) as error:
        msg = f"cannot read {shortened(path, Length.SENTENCE)}: {shortened(error, Length.SENTENCE)}"
        raise OperationError(msg) from error
    frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype)
    return frame


def resolved(path: Path) -> Path:
    """Return the path with all links followed. A link to nothing is not an error."""
    return Path(os.path.realpath(path))


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, and move the file written there to `path`. After an error an old file is unchanged.

    A link is followed. What is not a file, such as a pipe, is written to directly.
    """
    target = resolved(path)
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
    """Write a frame to Parquet or CSV. In CSV lists and objects are JSON, which ``parse={column: "json"}`` reads.

    Parameters
    ----------
    path : Path
        The format is Parquet if the name ends in ``.parquet`` or ``.pq``, else CSV.
    """
    if path.suffix in {".parquet", ".pq"}:
        frame.to_parquet(path, index=False)
        return
    nested = {
        label: column.map(_as_json)
        for label, column in frame.items()
        if column.dtype == object
        or (isinstance(column.dtype, pd.ArrowDtype) and pa.types.is_nested(column.dtype.pyarrow_dtype))
    }
    frame.assign(**{str(label): column for label, column in nested.items()}).to_csv(path, index=False)


def _as_json(value: Any) -> Any:
    if not isinstance(value, list | tuple | dict | np.ndarray):
        return value
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY, default=str).decode()


def _read_csv(path: Path, id: str | None, delimiter: str = ",") -> pa.Table:
    from pyarrow import csv

    parse = csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    # only an empty cell is missing: "NA" may be Namibia
    convert = {"null_values": [""], "strings_can_be_null": True}
    text_id = {} if id is None else {id: pa.large_string()}
    table = csv.read_csv(
        path, parse_options=parse, convert_options=csv.ConvertOptions(column_types=text_id, **convert)
    )
    if id is not None and id not in table.column_names:
        msg = (
            f"id column {quoted(id)} is not in {shortened(path.name)}: {did_you_mean(id, table.column_names)}"
        )
        raise ColumnNotFoundError(msg)
    broken = [field.name for field in table.schema if pa.types.is_binary(field.type)]
    if broken:
        msg = f"{shortened(path, Length.SENTENCE)} is not in UTF-8 (see {choices(broken)}): save it as UTF-8"
        raise OperationError(msg)
    repeated = sorted({name for name in table.column_names if table.column_names.count(name) > 1})
    if repeated:
        msg = f"columns {choices(repeated)} occur more than once in {shortened(path.name)}: rename them"
        raise OperationError(msg)
    numbers = [field.name for field in table.schema if _is_number(field.type)]
    if not numbers:
        return table
    as_text = csv.ConvertOptions(
        column_types=dict.fromkeys(numbers, pa.large_string()), include_columns=numbers, **convert
    )
    texts = csv.read_csv(path, parse_options=parse, convert_options=as_text)
    for name in numbers:
        floats = pa.types.is_floating(table.schema.field(name).type)
        pattern = f"{_NOT_JUST_A_NUMBER}|{_TOO_LONG_FOR_FLOATS}" if floats else _NOT_JUST_A_NUMBER
        if pc.any(pc.match_substring_regex(texts[name], pattern)).as_py():
            table = table.set_column(table.column_names.index(name), name, texts[name])
    return table


def _read_tsv(path: Path, id: str | None) -> pa.Table:
    return _read_csv(path, id, delimiter="\t")


def _read_parquet(path: Path, id: str | None) -> pa.Table:
    from pyarrow import parquet

    return parquet.read_table(path)


def _is_number(type: pa.DataType) -> bool:
    return bool(pa.types.is_integer(type) or pa.types.is_floating(type))


#: Ending of a file's name -> its reader, which takes the path and the name of the id column.
READERS: dict[str, Callable[[Path, str | None], pa.Table]] = {
    ".csv": _read_csv,
    ".csv.gz": _read_csv,
    ".tsv": _read_tsv,
    ".parquet": _read_parquet,
    ".pq": _read_parquet,
}

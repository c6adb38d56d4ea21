"""Tables in files -> frames whose values are those of the file."""

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
from mixpanel_pandas.text import printable, quoted, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["read", "real", "replacing", "write"]

#: How much of a path or of a foreign message a message repeats, in characters.
LONGEST_WORDS = 300

#: Text that a number would not keep: the zeros of 007, the letters of 1E5 and 0x10. It may be the code of a product.
_NOT_JUST_A_NUMBER = r"^\s*[+-]?0[0-9xX]|[0-9][eE]"

#: More digits than a float keeps.
_TOO_LONG_FOR_FLOATS = r"^\D*(?:\d\D*){16,}$"


def read(path: str | Path, id: str | None = None) -> pd.DataFrame:
    """Return the table in a CSV or Parquet file, Arrow-backed.

    In CSV the id column is text, so that ``007`` stays ``007``. The other columns are what pyarrow infers, but those in
    which a number has leading zeros or an exponent stay text, too. An empty cell is a missing value.

    Parameters
    ----------
    path : str or Path
        Ends in ``.csv``, ``.csv.gz``, ``.tsv``, ``.parquet`` or ``.pq``.
    id : str, optional
        Name of the id column.

    Raises
    ------
    OperationError
        If the file cannot be read, or is of another kind.
    ColumnNotFoundError
        If there is no such column.
    """
    path = Path(path)
    reader = next((reader for ending, reader in READERS.items() if path.name.lower().endswith(ending)), None)
    if reader is None:
        msg = f"{quoted(path.name)} is no kind of file that can be read: its name ends in {choices(READERS)}"
        raise OperationError(msg)
    try:
        table = reader(path, id)
    except (OSError, UnicodeError, pa.ArrowException) as error:
        msg = f"{_words(path)} cannot be read: {_words(error)}"
        raise OperationError(msg) from error
    frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype)
    return frame


def real(path: Path) -> Path:
    """Return where a path leads, links followed; a link to nothing is no error."""
    return Path(os.path.realpath(path))


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path beside `path`, and move what was written there to `path`; an error leaves an old file as it was.

    A link is followed. Something that is no file, such as a pipe, is written to directly.
    """
    target = real(path)
    if target.exists() and not target.is_file():
        yield target
        return
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".mixpanel_pandas-") as folder:
        beside = Path(folder, target.name)  # the ending of the name says how it is written
        yield beside
        if target.exists():
            shutil.copymode(target, beside)
        beside.replace(target)


def write(frame: pd.DataFrame, path: Path) -> None:
    """Write a table to Parquet or CSV; in CSV lists and objects are JSON, which ``parse={column: "json"}`` reads.

    Parameters
    ----------
    frame : pandas.DataFrame
        Any.
    path : Path
        Parquet where it ends in ``.parquet`` or ``.pq``, else CSV.
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
    # an empty cell is missing; "NA" may be Namibia
    convert = {"null_values": [""], "strings_can_be_null": True}
    text_id = {} if id is None else {id: pa.large_string()}
    table = csv.read_csv(
        path, parse_options=parse, convert_options=csv.ConvertOptions(column_types=text_id, **convert)
    )
    if id is not None and id not in table.column_names:
        msg = f"id column {quoted(id)} is not in {_words(path.name)}: {did_you_mean(id, table.column_names)}"
        raise ColumnNotFoundError(msg)
    broken = [field.name for field in table.schema if pa.types.is_binary(field.type)]
    if broken:
        msg = f"{_words(path)} is not in UTF-8 (see {choices(broken)}): save it as that"
        raise OperationError(msg)
    repeated = sorted({name for name in table.column_names if table.column_names.count(name) > 1})
    if repeated:
        msg = f"columns {choices(repeated)} occur in {_words(path.name)} more than once: rename them"
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


def _words(foreign: object) -> str:
    """Return a path or a foreign message on one line."""
    return shortened(printable(str(foreign)), LONGEST_WORDS)


def _is_number(type: pa.DataType) -> bool:
    return bool(pa.types.is_integer(type) or pa.types.is_floating(type))


#: Ending of a file's name -> what reads it.
READERS: dict[str, Callable[[Path, str | None], pa.Table]] = {
    ".csv": _read_csv,
    ".csv.gz": _read_csv,
    ".tsv": _read_tsv,
    ".parquet": _read_parquet,
    ".pq": _read_parquet,
}

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

from mixpanel_pandas.errors import ColumnNotFoundError, OperationError, choices, did_you_mean
from mixpanel_pandas.reading.csv import Malformed, csv_batches
from mixpanel_pandas.reading.inference import inferred, reading_of
from mixpanel_pandas.reading.readings import reading
from mixpanel_pandas.reading.streams import open_decompressed
from mixpanel_pandas.rules.limits import LOOKALIKES, RESERVED_PROPERTIES, plain
from mixpanel_pandas.text import Length, quoted, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

__all__ = ["atomic_write", "link_target", "read_table", "write_table"]

#: Names of columns that can hold the ids.
ID_NAMES = ("$distinct_id", "distinct_id", "$group_id", "group_id")


def read_table(
    path: str | Path, id: str | None = None, group: str | None = None, *, infer: bool = True
) -> pd.DataFrame:
    """Return the table in a CSV or Parquet file, Arrow-backed.

    The values of a CSV file are those that it shows. A column becomes numbers, booleans or dates only if nothing is lost, which
    `TypeEvidence` decides. Columns that can hold the ids, and those that Mixpanel knows as text (``$phone``, ``name``, ...), stay
    text. An empty cell is a missing value; ``""`` is empty text.

    Parameters
    ----------
    path : str or Path
        Its name ends in ``.csv``, ``.csv.gz``, ``.tsv``, ``.parquet`` or ``.pq``. The separator of a CSV file is that of its first
        line. It is in UTF-8, or in UTF-16 with its byte order mark.
    id : str, optional
        Name of the id column.
    group : str, optional
        The group key, whose column holds the ids if no other is named.
    infer : bool
        Whether columns of a CSV file become numbers, booleans or dates.

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
        table = reader(path, {*ID_NAMES, id, group} if infer else _Everything())
    except (OSError, UnicodeError, pa.ArrowException) as error:
        msg = f"cannot read {shortened(path, Length.SENTENCE)}: {shortened(error, Length.SENTENCE)}"
        raise OperationError(msg) from error
    if id is not None and id not in table.column_names:
        msg = (
            f"id column {quoted(id)} is not in {shortened(path.name)}: {did_you_mean(id, table.column_names)}"
        )
        raise ColumnNotFoundError(msg)
    frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype)
    return frame


class _Everything(set[str | None]):
    def __contains__(self, _name: object) -> bool:
        return True


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


def _read_csv(path: Path, ids: Collection[str | None], delimiter: str | None = None) -> pa.Table:
    malformed = Malformed()
    with open_decompressed(path) as stream:
        batches = list(csv_batches(stream, shortened(path, Length.SENTENCE), delimiter, malformed))
    if malformed.count:
        msg = f"cannot read {shortened(path, Length.SENTENCE)}: {malformed.words()} (the header is record 1)"
        raise OperationError(msg)
    if not batches:
        msg = f"cannot read {shortened(path, Length.SENTENCE)}: it is empty"
        raise OperationError(msg)
    texts = pa.Table.from_batches(batches)
    columns = [
        column if name in ids or _is_text_property(name) else _typed(column)
        for name, column in zip(texts.column_names, texts.columns, strict=True)
    ]
    return pa.table(columns, names=texts.column_names)


def _is_text_property(name: str) -> bool:
    """Return whether Mixpanel defines a property, or the property that a name looks like, as text."""
    reserved = RESERVED_PROPERTIES.get(LOOKALIKES.get(plain(name), name))
    return reserved is not None and reserved.expects not in {"", "date"}


def _typed(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column of text in the type that it has."""
    column_type = inferred(texts)
    if column_type == texts.type:
        return texts
    if pa.types.is_null(column_type):
        return pa.chunked_array([pa.nulls(len(texts))])
    read = reading(reading_of(column_type)).read
    return pa.chunked_array([read(chunk, column_type).values for chunk in texts.chunks], column_type)


def _read_tsv(path: Path, ids: Collection[str | None]) -> pa.Table:
    return _read_csv(path, ids, delimiter="\t")


def _read_parquet(path: Path, ids: Collection[str | None]) -> pa.Table:
    from pyarrow import parquet

    return parquet.read_table(path)


#: Ending of a file's name -> its reader, which takes the path and the names of columns that can hold the ids.
READERS: dict[str, Callable[[Path, Collection[str | None]], pa.Table]] = {
    ".csv": _read_csv,
    ".csv.gz": _read_csv,
    ".tsv": _read_tsv,
    ".parquet": _read_parquet,
    ".pq": _read_parquet,
}

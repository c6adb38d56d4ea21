"""Sealed files: Parquet with a header that says what they are, and a digest of all that they hold."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mixpanel_pandas.errors import DamagedFile, OperationError, ProjectError
from mixpanel_pandas.payloads.arrays import bytes_of
from mixpanel_pandas.reading.spool import spooled
from mixpanel_pandas.reading.writing import atomic_write, link_target
from mixpanel_pandas.text import Length, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mixpanel_pandas.project import Project

__all__ = ["Header", "digest_of", "read_file", "refuse_unwritable", "sealed_format", "write_file"]

KEY = b"mixpanel_pandas"

#: Rows of a group of the file, and rows that the digest takes at once: it does not depend on how a table is cut.
ROWS = 65_536


@dataclass(frozen=True)
class Header:
    """What a file is.

    Attributes
    ----------
    format : str
        Its kind and version.
    identity : str
        The project to which it belongs: the address and the fingerprint of the token.
    group : str or None
        The group key of the profiles.
    more : dict
        What else belongs to it.
    made : str
        When it was made, in UTC.
    """

    format: str
    identity: str
    group: str | None = None
    more: dict[str, Any] = field(default_factory=dict)
    made: str = field(default_factory=lambda: dt.datetime.now(dt.UTC).isoformat(timespec="seconds"))

    def refuse_other_project(self, project: Project, path: Path) -> None:
        """Refuse to use the file for another project.

        Raises
        ------
        ProjectError
            If it belongs to another one.
        """
        if self.identity != project.identity:
            msg = (
                f"{_shown(path)} belongs to another project ({self.identity}, not {project.identity}): pass project= or set the "
                "environment to that of the file"
            )
            raise ProjectError(msg)

    def refuse_other_group(self, group: str | None, path: Path) -> None:
        """Refuse to use the file for profiles of another kind.

        Raises
        ------
        DamagedFile
            If it holds others.
        """
        if self.group != group:
            kinds = [f"the group {quoted(key)}" if key else "users" for key in (self.group, group)]
            msg = f"{_shown(path)} contains profiles of {kinds[0]}, not of {kinds[1]}: name another file"
            raise DamagedFile(msg)


def refuse_unwritable(path: Path, what: str) -> None:
    """Refuse a path whose folder cannot be written to.

    Parameters
    ----------
    what : str
        What the path is, as the message begins.

    Raises
    ------
    OperationError
        If it cannot.
    """
    folder = link_target(path).parent
    if path.is_dir() or not os.access(folder, os.W_OK):
        msg = f"{what}{_shown(path)} cannot be written: name a file in a folder that exists and is writable"
        raise OperationError(msg)


def write_file(path: Path, header: Header, table: pa.Table) -> str:
    """Write a sealed file, and return its digest. An older file is replaced once the new one is whole."""
    digest = digest_of(header, table)
    text = orjson.dumps({**asdict(header), "digest": digest})
    with atomic_write(path) as temporary:
        pq.write_table(
            table.replace_schema_metadata({KEY: text}), temporary, row_group_size=ROWS, compression="zstd"
        )
    return digest


def read_file(path: Path, format: str, kind: str) -> tuple[Header, pa.Table]:
    """Return the header and the table of a sealed file. A large table lies in a temporary file.

    Parameters
    ----------
    format : str
        What the header must say.
    kind : str
        What the file is, as messages name it.

    Raises
    ------
    DamagedFile
        If there is no such file, it is something else, or it was changed.
    """
    try:
        file = pq.ParquetFile(path, pre_buffer=False)
        written = orjson.loads((file.schema_arrow.metadata or {})[KEY])
        digest = written.pop("digest")
        header = Header(**written)
    except FileNotFoundError:
        msg = f"there is no {kind} {_shown(path)}"
        raise DamagedFile(msg) from None
    except (OSError, pa.ArrowInvalid, KeyError, TypeError, ValueError) as error:
        msg = f"{_shown(path)} is not a {kind}, or it is damaged ({type(error).__name__})"
        raise DamagedFile(msg) from error
    if header.format != format:
        msg = f"{_shown(path)} is not a {kind} of this version: its format is {quoted(header.format)}, not {format!r}"
        raise DamagedFile(msg)
    try:
        table = _table(file)
    except (OSError, pa.ArrowInvalid) as error:
        msg = f"the {kind} {_shown(path)} is damaged ({type(error).__name__}): make it again"
        raise DamagedFile(msg) from error
    if digest_of(header, table) != digest:
        msg = f"the {kind} {_shown(path)} was changed after it was written: make it again"
        raise DamagedFile(msg)
    return header, table


def sealed_format(path: Path) -> str | None:
    """Return what the header of a file says that it is. None: it is not a sealed file."""
    try:
        return str(orjson.loads((pq.read_schema(path).metadata or {})[KEY])["format"])
    except (OSError, pa.ArrowInvalid, KeyError, TypeError, ValueError):
        return None


def _table(file: pq.ParquetFile) -> pa.Table:
    schema = pa.schema(list(file.schema_arrow))
    table = spooled(file.iter_batches(ROWS, use_threads=False))
    return table if table.num_columns else schema.empty_table()


def digest_of(header: Header, table: pa.Table) -> str:
    """Return the digest of a file: of its header and of all values, however the table is cut."""
    digest = hashlib.blake2b(orjson.dumps(asdict(header), option=orjson.OPT_SORT_KEYS), digest_size=16)
    for part in _parts(table):
        digest.update(part)
    return digest.hexdigest()


def _parts(table: pa.Table) -> Iterator[Any]:
    for start in range(0, len(table), ROWS):
        for name, column in zip(table.column_names, table.slice(start, ROWS).columns, strict=True):
            values = column.combine_chunks()
            yield name.encode()
            yield pc.is_null(values).cast(pa.uint8()).to_numpy(zero_copy_only=False)
            if pa.types.is_large_string(values.type):
                texts = values.fill_null("")
                yield pc.binary_length(texts).to_numpy()
                yield bytes_of(texts)
            else:
                nothing = False if pa.types.is_boolean(values.type) else 0
                yield values.fill_null(nothing).cast(pa.int64()).to_numpy()


def _shown(path: Path) -> str:
    return quoted(str(path), Length.SENTENCE)

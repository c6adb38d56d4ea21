"""The files that a source names: paths, folders, globs, addresses, and lists of them."""

from __future__ import annotations

import errno
import glob
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from mixpanel_pandas.errors import OperationError, choices
from mixpanel_pandas.reading.streams import calling_fsspec, shown_address
from mixpanel_pandas.text import Length, quoted, shortened

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["FORMATS", "SourceFile", "files_of", "format_of"]

#: Ending of a file's name, without that of its compression -> the format of the table in it.
FORMATS: dict[str, str] = {
    ".csv": "csv",
    ".txt": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
}

#: Endings of compressed files. What is compressed, and how, the first bytes of the file say.
COMPRESSED = {".gz", ".bz2", ".zst"}

#: Endings of files that are no tables.
SPREADSHEETS = {".xls", ".xlsx", ".xlsm", ".xlsb", ".ods"}

#: What Hive names a partition whose value is missing.
HIVE_MISSING = "__HIVE_DEFAULT_PARTITION__"

#: Folder of a table that is more than its files -> what it is, and what reads it.
TABLE_FOLDERS = {
    "_delta_log": "a Delta Lake table, some of whose files are out of date: pass deltalake.DeltaTable(path).to_pyarrow_table()",
    "metadata": "an Iceberg table, some of whose files are out of date: pass what pyiceberg's table.scan().to_arrow() returns",
}


@dataclass(frozen=True)
class SourceFile:
    """One file of a source.

    Attributes
    ----------
    address : str
        Its path, or an address with ``://``.
    format : {"csv", "tsv", "jsonl", "parquet", "arrow"}
        What is in it.
    partition : dict of str to str or None
        Columns that the names of its folders give, as Hive writes them (``country=NO``): text, or missing.
    """

    address: str
    format: str
    partition: dict[str, str | None] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The address, as messages call it."""
        return shown_address(self.address)


def files_of(source: Any, format: str | None = None) -> list[SourceFile]:
    """Return the files that a path, a folder, a glob, an address or a list of them names.

    Files of a folder or a glob are sorted by their path. Names that begin with ``_`` or ``.`` are skipped: writers leave them beside
    the data.

    Parameters
    ----------
    source : str, path, or list of them
        Addresses with ``://`` need fsspec and the library of their protocol.
    format : str, optional
        The format of all files. By default the ending of each name says it.

    Raises
    ------
    OperationError
        If there is no such file, its name does not say what is in it, or files have several formats.
    MissingExtraError
        If the library of a protocol is not installed.
    """
    several = [source] if isinstance(source, str | os.PathLike) else source
    files = [file for one in several for file in _files_of_one(os.fspath(one), format)]
    formats = {file.format: file.name for file in files}
    if len(formats) > 1:
        msg = f"the files have several formats ({', '.join(formats.values())}): read each format by itself, and join the frames"
        raise OperationError(msg)
    return files


def _files_of_one(source: str, format: str | None) -> list[SourceFile]:
    if "://" in source:
        root, addresses = calling_fsspec(source, lambda fsspec: _remote(fsspec, source))
        return [_file(address, root, format) for address in addresses]
    path = Path(source).expanduser()
    if path.is_dir():
        _refuse_table(path)
        return _listed([str(inner) for inner in path.rglob("*") if inner.is_file()], str(path), format)
    if path.exists():
        return [_file(str(path), str(path.parent), format)]
    if not glob.has_magic(source):
        msg = f"cannot read {shortened(source, Length.SENTENCE)}: {os.strerror(errno.ENOENT)}"
        raise OperationError(msg)
    # glob.glob, because Path.glob takes no absolute patterns
    matches = [match for match in glob.glob(str(path), recursive=True) if Path(match).is_file()]  # noqa: PTH207
    root = str(path)[: re.search(r"[*?\[]", str(path)).start()]  # type: ignore[union-attr]  # it has magic
    return _listed(matches, os.path.dirname(root), format)  # noqa: PTH120 (a path may end in a slash)


def _refuse_table(folder: Path) -> None:
    """Refuse a folder whose files alone are not the table."""
    for inner, what in TABLE_FOLDERS.items():
        if (folder / inner).is_dir() and (
            inner != "metadata" or any((folder / inner).glob("*.metadata.json"))
        ):
            msg = f"{quoted(str(folder), Length.SENTENCE)} is {what}"
            raise OperationError(msg)


def _listed(paths: Iterable[str], root: str, format: str | None) -> list[SourceFile]:
    """Return files in the order of their paths, without hidden ones."""
    visible = [path for path in sorted(paths) if not _is_hidden(os.path.relpath(path, root or "."))]
    if not visible:
        msg = f"there are no files in {quoted(root or '.', Length.SENTENCE)} that match"
        raise OperationError(msg)
    return [_file(path, root, format) for path in visible]


def _is_hidden(relative: str) -> bool:
    """Return whether a part of a path begins as those that writers leave beside the data; ``_day=1`` is a partition."""
    parts = re.split(r"[\\/]", relative)
    return any(part.startswith(("_", ".")) and "=" not in part and part not in {".", ".."} for part in parts)


def _remote(fsspec: Any, address: str) -> tuple[str, list[str]]:
    """Return where the files of an address, a folder or a glob lie, and their addresses."""
    filesystem, path = fsspec.core.url_to_fs(address)
    if glob.has_magic(path):
        paths = sorted(filesystem.glob(path))
    elif filesystem.isdir(path):
        paths = sorted(filesystem.find(path))
    else:
        return address.rpartition("/")[0], [address]
    root = re.split(r"[*?\[]", path)[0].rstrip("/")
    visible = [path for path in paths if not _is_hidden(path[len(root) :].lstrip("/"))]
    if not visible:
        msg = f"there are no files in {shown_address(address)} that match"
        raise OperationError(msg)
    return filesystem.unstrip_protocol(root), [filesystem.unstrip_protocol(path) for path in visible]


def _file(address: str, root: str, format: str | None) -> SourceFile:
    inner = address.removeprefix(root)
    segments = [part.partition("=") for part in re.split(r"[\\/]", inner)[:-1] if re.match(r"[^=]+=", part)]
    partition = {
        unquote(name): None if value == HIVE_MISSING else unquote(value) for name, _, value in segments
    }
    return SourceFile(address, format or format_of(address), partition)


def format_of(name: str) -> str:
    """Return the format that the ending of a file's name says.

    Raises
    ------
    OperationError
        If it says none.

    Examples
    --------
    >>> format_of("s3://exports/users.csv.gz")
    'csv'
    """
    path = name.split("?", maxsplit=1)[0] if "://" in name else name  # an address may end in a query
    last = re.split(r"[\\/]", path)[-1]
    endings = [ending.lower() for ending in Path(last).suffixes]
    if endings and endings[-1] in COMPRESSED:
        endings.pop()
    if endings and endings[-1] in SPREADSHEETS:
        msg = f"cannot read {quoted(last)}: save the spreadsheet as CSV, or in Python pass pd.read_excel(path, dtype=str)"
        raise OperationError(msg)
    if not endings or endings[-1] not in FORMATS:
        msg = (
            f"cannot read {quoted(last)}: the name of a file must end in {choices(FORMATS)}, or format= must name one of "
            f"{choices(dict.fromkeys(FORMATS.values()))}"
        )
        raise OperationError(msg)
    return FORMATS[endings[-1]]

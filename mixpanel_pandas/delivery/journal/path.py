"""The resolved path of a journal, and the identity of the file there.

A process that closes a file loses all its locks on it, whichever code took them. So only SQLite opens a journal, except when
`create` makes it.
"""

from __future__ import annotations

import os
import stat
import time
from typing import Any

from mixpanel_pandas.errors import JournalError

__all__ = ["create", "identity_of", "resolved"]

#: Device and inode of a file. They stay the same while it is written, and change when it is replaced.
Identity = tuple[int, int]

#: Seconds to wait for another process to fill a file that it has just made.
MOMENT = 0.2

#: SQLite's name for a database in memory, and the beginning of its URIs.
_MEMORY, _ADDRESS = ":memory:", "file:"


def resolved(path: Any) -> str:
    """Return the path of the file itself, behind all symbolic links.

    Raises
    ------
    JournalError
        If it cannot be a path of a file.
    """
    text = os.fspath(path)
    text = os.fsdecode(text) if isinstance(text, bytes) else text
    if not text or text == _MEMORY or text.startswith(_ADDRESS) or "\0" in text:
        msg = f"journal={text!r} is not the path of a file: name one, such as 'mp.sqlite'"
        raise JournalError(msg)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        msg = f"journal={text!r} is not the path of a file: it cannot be encoded in UTF-8"
        raise JournalError(msg) from error
    real = os.path.realpath(text)
    if os.path.islink(real) or (os.path.islink(text) and not os.path.lexists(real)):  # noqa: PTH114
        msg = f"the journal {text} is a symbolic link to nothing: remove it, or name the file itself"
        raise JournalError(msg)
    return real


def identity_of(path: str) -> Identity | None:
    """Return the identity of the file at a path. None: there is no file.

    Raises
    ------
    JournalError
        If the file cannot be a journal.
    OSError
        If its status cannot be read.
    """
    until = time.monotonic() + MOMENT
    while (there := _stat(path)) is not None and not there.st_size and time.monotonic() < until:
        time.sleep(MOMENT / 100)
    if there is None:
        return None
    refusals = (
        (not stat.S_ISREG(there.st_mode), "is not a file"),
        (
            there.st_nlink > 1,
            "has several names (hard links), of which only one would be locked: remove all but one",
        ),
        (not there.st_size, "is empty, which a journal never is: remove it if you do not need it"),
    )
    for refused, why in refusals:
        if refused:
            msg = f"the journal {path} {why}"
            raise JournalError(msg)
    return there.st_dev, there.st_ino


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)  # noqa: PTH116  # pathlib would drop blanks at the end of a path
    except FileNotFoundError:
        return None


def create(path: str, image: bytes) -> None:
    """Make a file that only its owner can read. It is on disk when this returns.

    Raises
    ------
    FileExistsError
        If something is there, even a symbolic link to nothing.
    OSError
        If it cannot be made. Nothing is left behind then.
    """
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    try:
        while image:
            image = image[os.write(file, image) :]
        os.fsync(file)
    except BaseException:
        os.unlink(path)  # noqa: PTH108
        raise
    finally:
        os.close(file)
    _sync_folder(os.path.dirname(path))  # noqa: PTH120


def _sync_folder(folder: str) -> None:
    """Bring the entries of a folder to disk, if the system can open folders."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)

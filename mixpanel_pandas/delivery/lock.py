"""A lock between processes that ends with the process that holds it, however that ends."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Lock"]

if sys.platform == "win32":
    import msvcrt

    def _take(file: int) -> None:
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _take(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


class Lock:
    """The lock that goes with a file, which is there while somebody holds the lock.

    Parameters
    ----------
    path : Path
        Of a file that is made for nothing else.

    Raises
    ------
    BlockingIOError
        If another process, or another lock of this one, holds it.
    OSError
        If the file cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        while True:
            self._file = open(path, "wb", opener=_private)  # noqa: SIM115  # closed by `release`, or with the process
            try:
                _take(self._file.fileno())
            except OSError as error:
                self._file.close()
                raise BlockingIOError(error.errno, "held by another upload", str(path)) from None
            if self._is_there():
                return
            self._file.close()  # its holder has just removed it: one that others see is needed

    def _is_there(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._file.fileno()), self._path.stat())
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Let others have it."""
        if sys.platform != "win32":  # where nobody can remove a file that is open
            self._path.unlink(missing_ok=True)
        self._file.close()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)

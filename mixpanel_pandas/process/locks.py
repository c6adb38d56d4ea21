"""Locks of a process, which a fork gets anew, and locks between processes, which end with the process that holds them."""

from __future__ import annotations

import os
import sqlite3
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["file_lock", "per_process"]

Lock = TypeVar("Lock")


def per_process(make: Callable[[], Lock]) -> Callable[[], Lock]:
    """Return a function that returns the lock of this process.

    A forked process starts with a copy of each lock. If a thread of the parent held it, nobody in the child releases it. So
    the child makes its own locks.

    Parameters
    ----------
    make : callable
        Makes a lock, such as ``threading.Lock``.

    Examples
    --------
    >>> import threading
    >>> lock = per_process(threading.Lock)
    >>> with lock():
    ...     lock().locked()
    True
    """
    made = [make()]

    def renew() -> None:
        made[0] = make()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=renew)
    return lambda: made[0]


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Hold the lock of a file: no other thread or process gets it before the end of the block, or of this process.

    It is SQLite's lock, as that of a journal, on an empty file beside it, which stays. So the file itself can be replaced.

    Raises
    ------
    BlockingIOError
        If another thread or process holds it.
    OSError
        If the file beside it cannot be made, or is another one.
    """
    with ExitStack() as stack:
        try:
            lock = sqlite3.connect(f"{path}.lock", timeout=0, isolation_level=None)
            stack.enter_context(closing(lock))
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            is_held = error.sqlite_errorcode == sqlite3.SQLITE_BUSY
            raise (BlockingIOError if is_held else OSError)(str(error)) from error
        yield

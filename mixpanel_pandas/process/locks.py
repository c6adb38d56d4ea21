"""Locks that a forked process gets anew, so that it does not wait for threads which it does not have."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["per_process"]

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

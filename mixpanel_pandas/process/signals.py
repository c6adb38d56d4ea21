"""Exceptions that end a call wherever they are raised: Ctrl-C, lack of memory, and what a signal handler raises."""

from __future__ import annotations

import signal
from typing import Any

__all__ = ["ends_the_call"]


def ends_the_call(error: BaseException) -> bool:
    """Return whether an exception has to leave a call as it is.

    Those are lack of memory, what is no `Exception` (`KeyboardInterrupt` for example), and whatever a signal handler raises, such as
    the time limit of a test or of a job.
    """
    return isinstance(error, MemoryError) or not isinstance(error, Exception) or _is_from_handler(error)


def _is_from_handler(error: BaseException) -> bool:
    """Return whether a signal handler that is installed now raised an exception."""
    handlers = {_code_of(signal.getsignal(number)) for number in signal.valid_signals()} - {None}
    traceback = error.__traceback__
    while traceback is not None and handlers:
        if traceback.tb_frame.f_code in handlers:
            return True
        traceback = traceback.tb_next
    return False


def _code_of(handler: Any) -> Any:
    """Return the code of a handler: a function, a method or an object that can be called; None for what is not Python's."""
    return getattr(handler, "__code__", None) or getattr(getattr(handler, "__call__", None), "__code__", None)  # noqa: B004

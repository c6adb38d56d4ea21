"""Interrupts of a call: Ctrl-C, and exceptions that a signal handler raises. Here they are called strikes.

The work is done in a thread of its own, where no signal arrives. The calling thread only waits for it, without any lock that an
exception could leave held. Ctrl-C is counted and not raised, and an exception is kept. Both make the work end early.
"""

from __future__ import annotations

import _thread
import contextvars
import signal
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Interrupts", "Shielded", "shielded"]

Result = TypeVar("Result")

#: Seconds between two checks whether the work is over, in case an exception prevents the wake-up.
TICK = 0.2

#: How many exceptions in a row may strike while the one before is being kept, which takes a microsecond or less.
NESTED = 12


class Interrupts:
    """Counts Ctrl-C on the main thread for the length of a ``with`` block, in place of any other handler.

    Before anything is sent, Ctrl-C may end the call at once: while `at_once` is True, the handler raises as Python's does. After
    the block the former handler is back, and is called once if Ctrl-C struck. Call `restore` again after the block, because an
    exception may strike at its edge.

    Attributes
    ----------
    count : int
        How often Ctrl-C struck.
    at_once : bool
        Whether it raises `KeyboardInterrupt` at once.
    """

    def __init__(self) -> None:
        self.count: int = 0
        self.at_once: bool = False
        self._former: Any = None
        self._restored = False

    def __enter__(self) -> Self:
        former = signal.getsignal(signal.SIGINT)
        on_main_thread = threading.current_thread() is threading.main_thread()
        if on_main_thread and former is not None and former is not signal.SIG_IGN:
            self.at_once = former is signal.default_int_handler
            self._former = former
            signal.signal(signal.SIGINT, self._note)
        return self

    def _note(self, *_signal: object) -> None:
        self.count += 1
        if self.at_once:
            raise KeyboardInterrupt

    def __exit__(self, *_error: object) -> None:
        if self._former is None:
            return
        self.restore()
        if self.count:
            with suppress(KeyboardInterrupt):  # the error of the call itself says more
                signal.raise_signal(signal.SIGINT)

    def restore(self, nested: int = NESTED) -> None:
        """Restore the former handler, even if something strikes meanwhile."""
        try:
            if nested:
                self.restore(nested - 1)
        finally:
            self.at_once = False
            if self._former is not None and not self._restored:
                signal.signal(signal.SIGINT, self._former)
                self._restored = True


class Shielded(Generic[Result]):
    """The outcome of some work: its result, or the error that it raised.

    Attributes
    ----------
    strikes : list of BaseException
        The exceptions that struck the waiting thread meanwhile.
    exposed : bool
        Whether the calling thread does the work itself, where a strike may come anywhere.
    """

    def __init__(self, work: Callable[[Shielded[Result]], Result]) -> None:
        self.strikes: list[BaseException] = []
        self.exposed: bool = False
        self._work = [work]  # the thread that pops it does the work, so it is done once
        self._context = contextvars.copy_context()
        self._over = False
        self._news = _thread.allocate_lock()
        self._news.acquire()
        self._result: list[Result] = []
        self._error: BaseException | None = None

    def result(self) -> Result:
        """Return the result, or raise the error."""
        if self._error is not None:
            raise self._error
        return self._result[0]

    def outlast(self) -> None:
        """Begin, and wait for the end, even if something strikes while a strike is being kept."""
        self._outlast(NESTED)

    def _outlast(self, nested: int) -> None:
        while not self._over:  # a strike on this line is kept by the caller
            try:
                if nested:
                    self._outlast(nested - 1)
                else:
                    self._begin_and_wait()
            except BaseException as strike:  # noqa: BLE001
                self.strikes.append(strike)

    def _begin_and_wait(self) -> None:
        if self._work:
            try:
                self._start()
            except RuntimeError:  # too many threads, or the interpreter is shutting down
                self.exposed = True
                self._do()
        while not self._over:
            self._news.acquire(timeout=TICK)  # an exception leaves this lock as it was

    def _start(self) -> None:
        try:
            _thread.start_new_thread(self._do, ())
        except RuntimeError:  # another thread may just have ended
            _thread.start_new_thread(self._do, ())

    def _do(self) -> None:
        try:
            work = self._work.pop()
        except IndexError:  # a strike came right after the start, so a second thread was started
            return
        try:
            self._result.append(self._context.run(work, self))
        except BaseException as error:  # noqa: BLE001  # it is raised again by `result`
            self._error = error
        self._over = True
        self._news.release()


def shielded(work: Callable[[Shielded[Result]], Result]) -> Shielded[Result]:
    """Do `work` in a thread of its own, and wait for its end, even if something strikes the waiting thread.

    Parameters
    ----------
    work : callable
        Takes the outcome, and looks at its `strikes`: each makes the end more urgent. It sees the context variables of the
        caller. If no thread can be started, the calling thread does it, and the outcome is `exposed`.
    """
    outcome = Shielded(work)
    outcome.outlast()
    return outcome

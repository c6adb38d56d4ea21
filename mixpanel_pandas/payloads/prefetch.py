"""Work on items beside each other: Arrow lets go of the interpreter, so that every core takes part."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["prefetch"]

Item = TypeVar("Item")
Result = TypeVar("Result")

#: More threads than that would only wait for the interpreter.
MOST = 4


def prefetch(
    work: Callable[[Item], Result], items: Sequence[Item], *, threaded: bool = True
) -> Iterator[Result]:
    """Yield what `work` makes of each item, in order; a thread for each core is at work, and one result waits for its turn.

    Unless `threaded`, each is worked on when it is asked for.

    Nothing is begun before the first result is asked for, and no thread is left behind when it ends or is closed.

    Examples
    --------
    >>> list(prefetch(str.upper, "abc"))
    ['A', 'B', 'C']
    """
    threads = min(MOST, _cores(), len(items))
    if threads < 2 or not threaded:
        yield from map(work, items)
        return
    begun: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads, "mixpanel_pandas slices") as pool:
        try:
            for item in items:
                begun.append(_begun(pool, work, item))
                if len(begun) > threads:
                    yield begun.popleft().result()
            while begun:
                yield begun.popleft().result()
        finally:
            for future in begun:
                future.cancel()


def _begun(pool: ThreadPoolExecutor, work: Callable[[Item], Result], item: Item) -> Future[Result]:
    """Let a thread work on an item; where none can be started, do it here."""
    try:
        return pool.submit(work, item)
    except RuntimeError:  # too many threads, or the interpreter is shutting down
        done: Future[Result] = Future()
        done.set_result(work(item))
        return done


def _cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

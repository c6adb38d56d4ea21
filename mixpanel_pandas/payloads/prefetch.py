"""Work on the next items while the caller uses a result, in threads: Arrow releases the interpreter's lock, so all cores take part.

On two cores an upload of plain columns takes 1.3 times as long without (``python -m tests.benchmarks.throughput``).
"""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from mixpanel_pandas.payloads.memory import give_back

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["prefetch"]

Item = TypeVar("Item")
Result = TypeVar("Result")

#: Most threads; each of them holds a slice.
MOST = 4


def prefetch(
    work: Callable[[Item], Result], items: Sequence[Item], *, threaded: bool = True
) -> Iterator[Result]:
    """Yield the result of `work` for each item, in order.

    Nothing begins before the first result is asked for. From then on there is a thread for each core, and one result more than
    threads is under way or waits. No thread is left when the iterator ends or is closed. Behind each result, memory that is not
    needed now is given back.

    Parameters
    ----------
    work : callable
        Item -> result.
    items : sequence
        Any number.
    threaded : bool
        Whether there are threads; else `work` is called when its result is asked for.

    Examples
    --------
    >>> list(prefetch(str.upper, "abc"))
    ['A', 'B', 'C']
    """
    threads = min(MOST, _cores(), len(items))
    if threads < 2 or not threaded:
        for item in items:
            yield work(item)
            give_back()
        return
    pending: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads, "mixpanel_pandas slices") as pool:
        try:
            for item in items:
                pending.append(_begin(pool, work, item))
                if len(pending) > threads:
                    yield pending.popleft().result()
                    give_back()
            while pending:
                yield pending.popleft().result()
                give_back()
        finally:
            for future in pending:
                future.cancel()


def _begin(pool: ThreadPoolExecutor, work: Callable[[Item], Result], item: Item) -> Future[Result]:
    """Let a thread work on an item; where no thread can be started, work on it here."""
    try:
        return pool.submit(work, item)
    except RuntimeError:  # too many threads, or the interpreter is shutting down
        done: Future[Result] = Future()
        done.set_result(work(item))
        return done


def _cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

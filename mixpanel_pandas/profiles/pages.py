"""Pages of profiles: page 0 begins a session, and the other pages of it are read at most 5 at once, in order."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any, TypeAlias

from mixpanel_pandas.payloads.json_text import json_text
from mixpanel_pandas.profiles.query import AT_ONCE, UnreadableAnswer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

    import pyarrow as pa

    from mixpanel_pandas.profiles.query import Queries

__all__ = ["AsBatch", "Page", "Session", "first_page", "later_pages"]

ENDPOINT = "/engage"

#: Makes columns of profiles, which are ids and properties.
AsBatch: TypeAlias = "Callable[[list[tuple[str, dict[str, Any]]]], pa.RecordBatch]"

#: Pages that are read before the one that is waited for is there.
AHEAD = 2 * AT_ONCE

#: Seconds between two moves of the progress.
TICK = 0.1


@dataclass(frozen=True)
class Session:
    """What page 0 says: Mixpanel keeps the profiles as they were then.

    Attributes
    ----------
    id : str
        Its name.
    total : int or None
        How many profiles there are, if the answer contains it.
    page_size : int
        Profiles on a page.
    started : str
        When it began, in UTC.
    """

    id: str
    total: int | None
    page_size: int
    started: str

    @property
    def pages(self) -> int:
        """How many pages there are, if the answer contains it."""
        return max(1, -(-(self.total or 0) // self.page_size))


@dataclass(frozen=True)
class Page:
    """A page of profiles.

    Attributes
    ----------
    number : int
        From 0.
    profiles : pyarrow.RecordBatch
        Its ids and properties.
    """

    number: int
    profiles: pa.RecordBatch

    @property
    def rows(self) -> int:
        """Profiles on it."""
        return int(self.profiles.num_rows)


def first_page(queries: Queries, form: dict[str, str], as_batch: AsBatch) -> tuple[Session, Page]:
    """Begin a session, and return it with its page 0."""

    def read(answer: Any) -> tuple[Session, Page]:
        page = Page(0, as_batch(_profiles(answer)))
        total, size = answer.get("total"), answer.get("page_size")
        if not isinstance(answer.get("session_id"), str) or type(size) is not int or size < 1:
            msg = "it has no session_id and page_size"
            raise UnreadableAnswer(msg)
        started = datetime.now(UTC).isoformat(timespec="seconds")
        has_total = type(total) is int and total >= page.rows
        return Session(answer["session_id"], total if has_total else None, size, started), page

    return queries.ask(ENDPOINT, read, form, what="page 0")


def later_pages(
    queries: Queries,
    form: dict[str, str],
    as_batch: AsBatch,
    session: Session,
    missing: Iterable[int],
    last_rows: int,
    tick: Callable[[], None],
) -> Iterator[Page]:
    """Yield the pages of a session, in order.

    Mixpanel says how many profiles there are, but only a page that is not full is surely the last one.

    Parameters
    ----------
    as_batch : callable
        Makes columns of profiles.
    missing : iterable of int
        The pages to read, in order, of those that the session counts.
    last_rows : int
        Profiles on the last page that the session counts, if that is not missing.
    tick : callable
        Is called several times a second.
    """

    def ask(number: int) -> Page:
        fields = {**form, "session_id": session.id, "page": str(number)}

        def read(answer: Any) -> Page:
            page = Page(number, as_batch(_profiles(answer)))
            if answer.get("page", number) != number:
                msg = f"it is page {answer['page']!r}"
                raise UnreadableAnswer(msg)
            return page

        return queries.ask(ENDPOINT, read, fields, what=f"page {number:,}", in_session=True)

    pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="mixpanel_pandas reading")
    reading: deque[Future[Page]] = deque()
    try:
        for number in missing:
            reading.append(pool.submit(ask, number))
            if len(reading) >= AHEAD:
                yield _awaited(reading.popleft(), tick)
        while reading:
            page = _awaited(reading.popleft(), tick)
            if page.number == session.pages - 1:
                last_rows = page.rows
            yield page
        for number in count(session.pages):
            if last_rows < session.page_size:
                break
            page = _awaited(pool.submit(ask, number), tick)
            last_rows = page.rows
            if last_rows:
                yield page
    except BaseException:
        queries.cut()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _awaited(future: Future[Page], tick: Callable[[], None]) -> Page:
    while not wait([future], timeout=TICK).done:
        tick()
    tick()
    return future.result()


def _profiles(answer: Any) -> list[tuple[str, dict[str, Any]]]:
    """Return the profiles of an answer: ids and properties."""
    results = answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(results, list) or not all(map(_is_profile, results)):
        msg = "it has no list of profiles"
        raise UnreadableAnswer(msg)
    return [(_id(result["$distinct_id"]), result["$properties"]) for result in results]


def _is_profile(result: Any) -> bool:
    if not isinstance(result, dict) or not isinstance(result.get("$properties"), dict):
        return False
    identity = result.get("$distinct_id")
    return identity is not None and not isinstance(identity, bool | list | dict)


def _id(identity: Any) -> str:
    """Return an id as text. Mixpanel may answer a number."""
    return identity if isinstance(identity, str) else json_text(identity)

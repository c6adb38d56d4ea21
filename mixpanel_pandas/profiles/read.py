"""`read_profiles`: profiles as a frame."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from mixpanel_pandas.delivery.progress import Progress, Reporter
from mixpanel_pandas.errors import PageFailed, ReadError
from mixpanel_pandas.payloads.memory import give_back
from mixpanel_pandas.profiles.columns import profiles_as_batch, profiles_as_frame, profiles_as_texts
from mixpanel_pandas.profiles.folder import Folder
from mixpanel_pandas.profiles.held import held_in_table
from mixpanel_pandas.profiles.pages import Page, Session, first_page, later_pages
from mixpanel_pandas.profiles.query import AT_ONCE, Queries, SessionEnded
from mixpanel_pandas.profiles.selection import select
from mixpanel_pandas.project import current_project
from mixpanel_pandas.reading.spool import spooled
from mixpanel_pandas.text import counted, duration

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from os import PathLike

    import pandas as pd
    import pyarrow as pa

    from mixpanel_pandas.profiles.held import HeldProfiles
    from mixpanel_pandas.profiles.pages import AsBatch
    from mixpanel_pandas.profiles.selection import Selection
    from mixpanel_pandas.project import Project

__all__ = ["LABEL", "not_found_in_words", "read_held", "read_profiles"]

#: How often reading begins anew because Mixpanel has ended the session.
SESSIONS = 3

#: How lines in the log begin.
LABEL = "read_profiles"

Result = TypeVar("Result")


def read_profiles(
    where: str | None = None,
    *,
    ids: Iterable[str] | None = None,
    cohort: int | None = None,
    having: str | None = None,
    properties: Iterable[str] | None = None,
    group: str | None = None,
    project: Project | None = None,
    to: str | PathLike[str] | None = None,
) -> pd.DataFrame:
    """Return the profiles in Mixpanel, as they were at one moment.

    A call takes one query, however many pages the answer has; with `ids` it takes one for each 1,000 ids. Mixpanel answers 60
    queries an hour for each project. Up to 5 pages of 1,000 profiles are read at once.

    Parameters
    ----------
    where : str, optional
        The condition that selects profiles: ``'properties["plan"] == "pro"'``. Its dates are in the project's time zone. By
        default all profiles are read.
    ids : list of str, optional
        The ids of the profiles to read, at most 60,000. Mixpanel finds a profile only by its canonical id, not by an id that was
        merged into it, so an id that is not found may still have a profile.
    cohort : int, optional
        The number of a cohort whose profiles are read; it is in the address of the cohort in Mixpanel. `where`, `ids` and `cohort`
        exclude each other.
    having : str, optional
        A property that the profiles must have: ``having="plan"`` means ``defined(properties["plan"])``.
    properties : list of str, optional
        The properties to read, in this order. Reading few properties is much faster. By default all.
    group : str, optional
        The group key, to read profiles of groups. Its number must be in the ``group_keys`` of the `Project`.
    project : Project, optional
        The project, with a service account. By default that of `set_project`, else that of the environment.
    to : path, optional
        A folder for the pages (a Parquet file for each) and a manifest. If reading is interrupted, the same call continues while
        Mixpanel's session lasts, or else starts again with a warning. An older reading stays in the folder until the new one is
        complete.

    Returns
    -------
    pandas.DataFrame
        A row for each profile. The index has the ids as text; its name is ``$distinct_id`` or the group key. The frame has an
        Arrow-backed column for each property: text, numbers, booleans, lists of text, or dates in UTC. If a property has values of
        several types, objects or other lists, its column has each value as JSON text, and the verbs send the original value. A
        value is missing if the profile lacks the property, or if it is null. ``attrs["mixpanel"]`` has the region, the project,
        and the sessions with their times. A frame of more than 64 MB is kept in a temporary file.

    Raises
    ------
    AccountError, AccessError, RegionError, SubscriptionError
        If the service account is missing or may not read the project. `Project.check` shows which parts work.
    QueryError
        If Mixpanel cannot read `where`.
    BudgetSpent
        If the queries of this hour are used up, and Mixpanel asks to wait for more than 5 minutes.
    PageFailed
        If a page fails after all retries. With `to`, the pages that were read are kept.
    OperationError
        If an argument is wrong, or the folder contains something else.

    Notes
    -----
    Mixpanel exports dates to the second, and does not document how soon an update can be read.

    https://developer.mixpanel.com/reference/engage-query and https://developer.mixpanel.com/reference/rate-limits

    Examples
    --------
    >>> customers = pd.DataFrame({"id": ["ann", "bob"], "plan": ["pro", "free"], "credits": [7, None]})
    >>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
    ...     summary = customers.mixpanel.set("id")
    ...     mpd.read_profiles('properties["plan"] == "pro"', properties=["plan", "credits"])
                 plan  credits
    $distinct_id
    ann           pro        7
    """
    chosen = current_project(project)
    selection = select(chosen, where, ids, cohort, having, properties, group)
    folder = None if to is None else Folder(Path(to).expanduser(), _source(chosen, selection))

    def read(reading: _Reading) -> pd.DataFrame:
        frame = profiles_as_frame(reading.batches(), selection)
        frame.attrs["mixpanel"] = {
            "place": chosen.place,
            "project_id": chosen.project_id,
            "properties": selection.properties,
            "where": selection.where,
            "is_whole": selection.is_whole,
            "sessions": [asdict(session) for session in reading.sessions],
        }
        return frame

    return _read(chosen, selection, folder, profiles_as_batch, read)


def read_held(
    project: Project,
    *,
    where: str | None = None,
    ids: Iterable[str] | None = None,
    properties: Iterable[str] | None = None,
    group: str | None = None,
    begun: Callable[[Queries], object] = lambda _queries: None,
    label: str = LABEL,
) -> HeldProfiles:
    """Return the values of profiles unchanged, with null distinct from absent. The other arguments and the errors are those of
    `read_profiles`.

    Parameters
    ----------
    begun : callable
        Is called with what asks, so that another thread can cut it.
    label : str
        What the profiles are read for, as the log begins.
    """
    selection = select(project, where, ids, cohort=None, having=None, properties=properties, group=group)
    return _read(
        project,
        selection,
        None,
        profiles_as_texts,
        lambda reading: held_in_table(spooled(reading.batches()), selection.properties),
        begun,
        label,
    )


def _read(
    project: Project,
    selection: Selection,
    folder: Folder | None,
    as_batch: AsBatch,
    read: Callable[[_Reading], Result],
    begun: Callable[[Queries], object] = lambda _queries: None,
    label: str = LABEL,
) -> Result:
    """Return what `read` makes of a reading. If Mixpanel ends the session, it starts again."""
    for _ in range(SESSIONS):
        with closing(Queries(project)) as queries:
            begun(queries)
            reading = _Reading(queries, selection, folder, as_batch, label)
            try:
                return read(reading)
            except SessionEnded as ended:
                reading.warn(f"Mixpanel's session has ended, so reading starts again ({ended})")
                if folder is not None:
                    folder.begin_again()
                continue
            except ReadError as error:
                raise _with_kept(error, folder) from error.__cause__
            except KeyboardInterrupt as stop:
                if label == LABEL:
                    stop.add_note(_kept_in_words(folder))
                raise
    msg = f"Mixpanel has ended {SESSIONS} sessions before all their pages were read: make the same call again later"
    raise PageFailed(msg)


class _Reading:
    """One reading, from the pages that are kept or from page 0.

    Parameters
    ----------
    queries : Queries
        Asks the project.
    selection : Selection
        What is read.
    folder : Folder or None
        Where pages are kept.
    as_batch : callable
        Makes columns of profiles.
    label : str
        How lines in the log begin.

    Attributes
    ----------
    sessions : list of Session
        One for each query that has begun.
    """

    def __init__(
        self,
        queries: Queries,
        selection: Selection,
        folder: Folder | None,
        as_batch: AsBatch,
        label: str,
    ) -> None:
        self._queries, self._selection, self._folder, self._as_batch = queries, selection, folder, as_batch
        self._label = label
        self.sessions: list[Session] = []
        self._rows = 0
        self._began = time.monotonic()
        self._reporter = Reporter(label, selection.ids or 0, False, time.monotonic)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Read everything, and yield it. With a folder nothing is yielded until all of it is kept.

        Raises
        ------
        SessionEnded
            If Mixpanel has ended a session.
        """
        if self._folder is not None:
            self._folder.open()
        try:
            with closing(self._all_pages()) as pages:
                for page in pages:
                    if self._folder is None:
                        yield page.profiles
                    else:
                        give_back()
        finally:
            self._reporter.end(self._progress())
        self._report()
        if self._folder is not None:
            self._folder.finish()
            yield from self._folder.batches()

    def warn(self, text: str) -> None:
        """Write a warning to the log."""
        self._reporter.warn(text)

    def _all_pages(self) -> Generator[Page]:
        for query in range(len(self._selection.forms)):
            yield from self._pages(query)

    def _pages(self, query: int) -> Iterator[Page]:
        """Yield the pages of a query. Those that are kept in the folder are not read again, and not yielded."""
        form, folder = self._selection.forms[query], self._folder
        if folder is not None and query < len(folder.sessions):
            session = folder.sessions[query]
            kept = {number: folder.rows(query, number) for number in range(session.pages)}
        else:
            session, first = first_page(self._queries, form, self._as_batch)
            kept = {0: first.rows}
            if folder is not None:
                folder.add_session(session)
                folder.keep(query, first)
            yield first
        self.sessions.append(session)
        missing = [number for number in range(session.pages) if kept.get(number) is None]
        rows = sum(rows or 0 for rows in kept.values())
        self._rows += rows
        if query == 0:
            self._announce(session, len(missing))
        # a page that is not full is the last one, and so is one that holds all ids that were asked for
        last_rows = 0 if rows >= self._selection.most(query) else kept.get(session.pages - 1) or 0
        for page in later_pages(self._queries, form, self._as_batch, session, missing, last_rows, self._tick):
            if folder is not None:
                folder.keep(query, page)
            self._rows += page.rows
            yield page

    # -- what a person sees -------------------------------------------------------------------------------------------

    def _announce(self, session: Session, missing: int) -> None:
        """Say how much there is to read, and how long it takes as far as the first page tells."""
        queries = len(self._selection.forms)
        total = self._selection.ids or session.total or 0
        requests = queries + session.pages - 1
        seconds = (time.monotonic() - self._began) * (missing / AT_ONCE + queries - 1)
        self._reporter = Reporter(self._label, total, None, time.monotonic)
        if requests > 1:
            self._reporter.begin()
        kept = session.pages - missing
        self._reporter.say(
            f"{self._label}: {counted(total, 'id' if self._selection.ids else 'profile')} in {counted(queries, 'query')} and {counted(requests, 'request')}, "
            + (f"of which {kept:,} {'is' if kept == 1 else 'are'} kept, " if kept > 1 else "")
            + f"about {duration(seconds)}"
        )

    def _progress(self) -> Progress:
        return Progress(
            self._rows,
            self._selection.ids or sum(session.total or 0 for session in self.sessions),
            self._queries.requests,
            self._queries.bytes,
            self._queries.waiting,
        )

    def _tick(self) -> None:
        self._reporter.show(self._progress())

    def _report(self) -> None:
        """Say where it is not what was announced or asked for."""
        totals = [session.total for session in self.sessions]
        announced = sum(total or 0 for total in totals)
        if None not in totals and announced != self._rows:
            self.warn(f"{self._label}: Mixpanel announced {announced:,} profiles, and sent {self._rows:,}")
        not_found = (self._selection.ids or 0) - self._rows
        if not_found > 0:
            self._reporter.say(f"{self._label}: {not_found_in_words(not_found, self._selection.ids or 0)}")


def not_found_in_words(missing: int, ids: int) -> str:
    """Return what it means that some ids are not found."""
    return (
        f"{missing:,} of {counted(ids, 'id')} not found: Mixpanel finds a profile only by its canonical id, so an id that was merged "
        "may still have one"
    )


def _source(project: Project, selection: Selection) -> dict[str, Any]:
    """Return what the pages of one folder have in common."""
    return {
        "address": project.query_base,
        "project_id": project.project_id,
        "queries": list(selection.forms),
    }


def _kept_in_words(folder: Folder | None) -> str:
    if folder is None:
        return "Nothing is kept; with to= the pages that were read are kept."
    return (
        f"{counted(folder.pages, 'page')} kept in {folder.working}: the same call continues from there, as long as Mixpanel's session "
        "lasts."
    )


def _with_kept(error: ReadError, folder: Folder | None) -> ReadError:
    """Return an error that also says which pages are kept."""
    if folder is None or not folder.pages:
        return error
    _, arguments = error.__reduce__()
    message, _, *rest = arguments
    kept: ReadError = type(error)(f"{message}. {_kept_in_words(folder)}", str(folder.working), *rest)
    return kept

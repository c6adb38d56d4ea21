"""The thread that writes a journal. Only this thread uses the file.

Notes of several threads go to disk in one commit. A thread that waits for its note goes on when the note is on disk. Notes that
no thread waits for are kept for a moment, because a note that a thread waits for often follows, and one commit is enough for
both.
"""

from __future__ import annotations

import os
import threading
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from mixpanel_pandas.delivery.journal.file import File
from mixpanel_pandas.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from mixpanel_pandas.delivery.journal.records import Record

__all__ = ["Writer"]

Result = TypeVar("Result")

#: Seconds that notes wait for others if no thread waits for them, seconds if one does, and how many waiting threads are enough.
LINGER, GATHER, CROWD = 0.01, 0.002, 4
#: Seconds that the thread may take to end.
END = 5.0
#: Seconds between two checks whether to give up a wait.
TICK = 0.1


@dataclass
class _Job:
    """A job for the thread: records to add, or a function to call.

    Attributes
    ----------
    records : sequence of Record
        The records to add.
    work : callable or None
        A function of the file, which is called instead.
    waits : bool
        Whether a thread waits for the end of the job.
    """

    records: Sequence[Record] = ()
    work: Callable[[File], Any] | None = None
    waits: bool = True
    ended: threading.Event = field(default_factory=threading.Event)
    result: Any = None
    error: BaseException | None = None

    def end(self, result: Any = None, error: BaseException | None = None) -> None:
        """End the job, and wake the thread that waits for it. Only the first call has an effect."""
        if not self.ended.is_set():
            self.result, self.error = result, error
            self.ended.set()


class Writer:
    """A journal that several threads of this process write to.

    Parameters
    ----------
    path : str or path-like
        The file.
    open_file : callable
        Opens the file, in the thread.
    hurried : callable
        Returns whether to give up a wait for anything but a note.

    Raises
    ------
    JournalError
        If the file cannot be opened, or the thread cannot be started.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        open_file: Callable[..., File] = File,
        hurried: Callable[[], bool] = lambda: False,
    ) -> None:
        self._hurried = hurried
        self._path, self._open_file, self._process = path, open_file, os.getpid()
        self._turn = threading.Condition()
        self._jobs: list[_Job] = []
        self._closing = self._given_up = False
        self._error: BaseException | None = None
        self._ended = threading.Event()
        opened = _Job()
        self._under_way = [opened]
        try:
            threading.Thread(
                target=self._main, args=(opened,), daemon=True, name="mixpanel_pandas journal"
            ).start()
        except RuntimeError as error:
            self._ended.set()
            msg = f"the journal {path} cannot be written: {error}"
            raise JournalError(msg) from error
        try:
            self._wait_unless_hurried(opened)
        except BaseException:
            self.close(0)
            raise

    def call(self, work: Callable[[File], Result]) -> Result:
        """Let the thread call `work` with the file. Return what it returns, or raise what it raises."""
        job = _Job(work=work)
        self._hand_over(job)
        result: Result = self._wait_unless_hurried(job)
        return result

    def write(self, records: Iterable[Record], *, wait: bool, timeout: float | None = None) -> None:
        """Add records after those of earlier calls.

        Parameters
        ----------
        records : iterable of Record
            The records. All of them are written, or none.
        wait : bool
            Whether to return only when they are on disk. If not, the next call that waits raises the error, if there is one.
        timeout : float, optional
            Seconds to wait at most.

        Raises
        ------
        JournalError
            If these or earlier records cannot be written, or not in time.
        """
        job = _Job(list(records), waits=wait)
        self._hand_over(job)
        if wait:
            self._wait(job, timeout)

    def close(self, timeout: float = END) -> bool:
        """Write what was handed over, close the file, and return whether that is done.

        What is not on disk after `timeout` seconds is not written later, unless the disk is writing it already.
        """
        if os.getpid() != self._process:
            return True  # the file belongs to the parent
        with self._turn:
            self._closing = True
            self._turn.notify_all()
        if not self._ended.wait(timeout):
            with self._turn:
                self._given_up = True
                late = [*self._under_way, *self._jobs]
            for job in late:
                job.end(error=self._late())
        return self._ended.is_set()

    def _hand_over(self, job: _Job) -> None:
        if os.getpid() != self._process:
            msg = f"the journal {self._path} belongs to the process that opened it: a forked one cannot write to it"
            raise JournalError(msg)
        with self._turn:
            if self._error is not None:
                job.end(error=self._error)
            elif self._closing:
                msg = f"the journal {self._path} is closed: nothing is written to it any more"
                raise JournalError(msg)
            else:
                self._jobs.append(job)
                self._turn.notify_all()

    def _wait_unless_hurried(self, job: _Job) -> Any:
        while not job.ended.wait(TICK):
            if self._hurried():
                raise self._late()
        return self._wait(job)

    def _late(self) -> JournalError:
        return JournalError(f"the journal {self._path} cannot be written: the disk did not answer in time")

    def _wait(self, job: _Job, timeout: float | None = None) -> Any:
        if not job.ended.wait(timeout):
            raise self._late()
        if isinstance(job.error, JournalError):  # each waiting thread raises an error of its own
            raise JournalError(*job.error.args) from job.error
        if job.error is not None:
            raise job.error
        return job.result

    def _main(self, opened: _Job) -> None:
        try:
            with closing(self._open_file(self._path, writes=True, creates=True)) as file:
                opened.end()
                while jobs := self._next():
                    self._do(file, jobs)
        except BaseException as error:  # noqa: BLE001  # the waiting thread raises it
            self._fail(error)
        finally:
            self._ended.set()

    def _next(self) -> list[_Job]:
        """Wait for jobs, and a moment for further ones, and return them. At the end there are none."""
        with self._turn:
            self._turn.wait_for(lambda: self._jobs or self._closing)
            self._turn.wait_for(lambda: self._closing or any(job.waits for job in self._jobs), LINGER)
            self._turn.wait_for(lambda: self._closing or self._is_crowded(), GATHER)
            self._under_way, self._jobs = self._jobs, []
            return self._under_way

    def _is_crowded(self) -> bool:
        """Return whether enough threads wait for a commit, or one waits for another job."""
        waiting = [job for job in self._jobs if job.waits]
        return len(waiting) >= CROWD or any(job.work is not None for job in waiting)

    def _do(self, file: File, jobs: list[_Job]) -> None:
        """Do jobs in order, with neighbouring notes in one commit, and drop them."""
        notes: list[_Job] = []
        for job in jobs:
            if job.work is None:
                notes.append(job)
                continue
            self._add(file, notes)
            notes = []
            try:
                job.end(job.work(file))
            except Exception as error:  # noqa: BLE001  # the waiting thread raises it
                job.end(error=error)
        self._add(file, notes)
        jobs.clear()  # a job may keep the journal alive, which is closed once nothing refers to it

    def _add(self, file: File, notes: list[_Job]) -> None:
        if records := [record for job in notes for record in job.records]:
            file.append(records, allowed=lambda: not self._given_up)
        for job in notes:
            job.end()

    def _fail(self, error: BaseException) -> None:
        """End all jobs with an error, and refuse further ones."""
        with self._turn:
            self._closing, self._error = True, error
            jobs, self._jobs = [*self._under_way, *self._jobs], []
        for job in jobs:
            job.end(error=error)

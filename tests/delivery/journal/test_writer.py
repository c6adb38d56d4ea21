"""One thread writes: many notes in one commit, none after a failure, none once it was given up."""

from __future__ import annotations

import gc
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from mixpanel_pandas.delivery.journal import Journal
from mixpanel_pandas.delivery.journal.file import File
from mixpanel_pandas.delivery.journal.records import Record
from mixpanel_pandas.delivery.journal.writer import Writer
from mixpanel_pandas.errors import JournalError
from tests.delivery.journal.conftest import content
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def record(number: int) -> Record:
    return Record("delivery", 1, 1, b"%d" % number)


def numbers(path: Path) -> list[int]:
    with closing(File(path, writes=False)) as file:
        return [int(record.body) for record in file.records()]


class Watched(File):
    """A file whose commits wait until the test lets them, and are counted."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.commits: list[int] = []
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()

    def append(self, records: Any, allowed: Callable[[], bool] = lambda: True) -> None:
        records = list(records)

        def when_let() -> bool:
            self.begun.set()
            assert self.go_on.wait(PATIENCE)
            return allowed()

        super().append(records, when_let)
        self.commits.append(len(records))


def watched(path: Path) -> tuple[Writer, Watched]:
    writer = Writer(path, Watched)
    return writer, writer.call(lambda file: file)  # type: ignore[return-value]


def in_thread(work: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    ended: list[Any] = []

    def run() -> None:
        try:
            ended.append(work())
        except JournalError as error:
            ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, ended


def test_what_was_waited_for_is_on_disk_with_all_that_came_before(path: Path) -> None:
    writer, file = watched(path)
    for number in range(20):
        writer.write([record(number)], wait=number % 10 == 9)
    assert sum(file.commits) == 20
    writer.write([record(20)], wait=False)
    assert writer.close()
    assert numbers(path) == [*range(21)]


def test_what_comes_during_a_commit_goes_into_the_next(path: Path) -> None:
    writer, file = watched(path)
    file.go_on.clear()
    threads = [in_thread(lambda: writer.write([record(0)], wait=True))[0]]
    assert file.begun.wait(PATIENCE)
    threads += [in_thread(lambda: writer.write([record(1)] * 2, wait=True))[0] for _worker in range(5)]
    while len(writer._jobs) < 5:  # all are handed over
        pass
    file.go_on.set()
    for thread in threads:
        thread.join()
    assert file.commits == [1, 10]
    assert writer.close()


def test_a_note_that_nobody_waits_for_is_written_soon(path: Path) -> None:
    writer, file = watched(path)
    file.begun.clear()
    writer.write([record(1)], wait=False)
    assert file.begun.wait(PATIENCE)
    assert writer.close()


def test_after_a_failure_nothing_is_written_and_who_waits_hears_of_it(path: Path) -> None:
    writer = Writer(path)
    writer.write([record(0)], wait=True)
    path.rename(path.with_name("moved"))
    writer.write([record(1)], wait=False)
    for _call in range(2):
        with pytest.raises(JournalError, match="removed or replaced"):
            writer.write([record(2)], wait=True)
    writer.write([record(3)], wait=False)
    assert writer.close()
    assert numbers(path.with_name("moved")) == [0]


def test_what_work_raises_is_raised_and_harms_nothing(path: Path) -> None:
    writer = Writer(path)
    with pytest.raises(ZeroDivisionError):
        writer.call(lambda _file: 1 // 0)
    writer.write([record(0)], wait=True)
    assert writer.close()
    assert numbers(path) == [0]


def test_what_is_not_on_disk_in_time_is_not_written_later(path: Path) -> None:
    writer, file = watched(path)
    writer.write([record(0)], wait=True)
    file.begun.clear()
    file.go_on.clear()  # the disk hangs
    threads = [in_thread(lambda: writer.write([record(1)], wait=True))]
    assert file.begun.wait(PATIENCE)
    threads.append(in_thread(lambda: writer.write([record(2)], wait=True)))
    writer.write([record(3)], wait=False)
    with pytest.raises(JournalError, match="in time"):
        writer.write([record(4)], wait=True, timeout=0.01)
    assert not writer.close(0.01)
    for thread, ended in threads:
        thread.join()
        assert "did not answer in time" in str(ended[0])
    with pytest.raises(JournalError, match="in use"):  # it may still have it in hand
        File(path, writes=False)
    file.go_on.set()
    assert writer.close()
    assert numbers(path) == [0]


def test_who_is_in_a_hurry_does_not_wait_for_a_disk_that_hangs(path: Path) -> None:
    hurried, free = threading.Event(), threading.Event()
    writer = Writer(path, hurried=hurried.is_set)
    thread, ended = in_thread(lambda: writer.call(lambda _file: free.wait(PATIENCE)))
    thread.join(0.2)
    assert not ended
    hurried.set()
    thread.join(PATIENCE)
    assert "in time" in str(ended[0])
    assert not writer.close(0)
    free.set()


def test_a_file_that_cannot_be_opened_in_time_is_let_go_when_it_is(path: Path) -> None:
    free, hurried = threading.Event(), threading.Event()

    def open_late(*args: Any, **kwargs: Any) -> File:
        hurried.set()
        free.wait(PATIENCE)
        return File(*args, **kwargs)

    with pytest.raises(JournalError, match="in time"):
        Writer(path, open_late, hurried=hurried.is_set)
    free.set()
    while any(thread.name == "mixpanel_pandas journal" for thread in threading.enumerate()):
        free.wait(0.01)
    assert numbers(path) == []


def test_a_closed_one_takes_nothing(path: Path) -> None:
    writer = Writer(path)
    assert writer.close()
    assert writer.close()
    for wait in (True, False):
        with pytest.raises(JournalError, match="is closed"):
            writer.write([record(1)], wait=wait)


def test_a_thread_that_cannot_begin_is_an_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")  # noqa: EM101

    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(JournalError, match="can't start new thread"):
        Writer(path)


def test_workers_that_write_while_it_is_closed_end_with_an_error(path: Path) -> None:
    for _round in range(20):
        writer = Writer(path)
        begun = threading.Barrier(5)

        def write(writer: Writer = writer, begun: threading.Barrier = begun) -> None:
            begun.wait()
            while True:
                writer.write([record(1)], wait=True)

        threads = [in_thread(write) for _worker in range(4)]
        begun.wait()
        assert writer.close()
        for thread, ended in threads:
            thread.join(PATIENCE)
            assert "is closed" in str(ended[0])
    numbers(path)


def test_a_journal_that_nobody_closed_lets_go_when_nobody_has_it(path: Path) -> None:
    journal = Journal(path, "monday", content())
    ended = journal._writer._ended
    del journal
    gc.collect()
    assert ended.wait(PATIENCE)
    File(path, writes=True).close()

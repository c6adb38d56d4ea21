"""What stands in a journal is read as it was written, or not at all; and one process has it at a time."""

from __future__ import annotations

import errno
import os
import random
import shutil
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import mixpanel_pandas as mpd
from mixpanel_pandas.delivery.journal import file as files
from mixpanel_pandas.delivery.journal.file import File
from mixpanel_pandas.delivery.journal.path import create
from mixpanel_pandas.delivery.journal.records import Record
from mixpanel_pandas.errors import JournalError
from tests.examples import examples

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES = examples(500)


def records(count: int, run: int = 1) -> list[Record]:
    return [Record("delivery", run, 1, b'{"n": %d}' % n, bytes(8 * (n % 5)) or None) for n in range(count)]


def write(path: Path, *groups: list[Record]) -> None:
    with closing(File(path, writes=True, creates=True)) as file:
        for group in groups:
            file.append(group)


def read(path: Path) -> list[Record]:
    with closing(File(path, writes=False)) as file:
        return list(file.records())


def test_records_are_read_in_the_order_in_which_they_were_written(path: Path) -> None:
    write(path, records(3), records(200, run=2))
    write(path, records(2, run=3))
    assert read(path) == [*records(3), *records(200, run=2), *records(2, run=3)]
    with closing(File(path, writes=False)) as file:
        assert list(file.records(2)) == records(200, run=2)
        assert list(file.records(2, "delivery")) == records(200, run=2)
        assert list(file.records(None, "end", "session")) == []


def test_it_is_one_file_for_its_owner_alone(path: Path) -> None:
    write(path, records(3))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [found.name for found in path.parent.iterdir()] == [path.name]


def test_a_group_of_records_is_there_as_a_whole_or_not(path: Path) -> None:
    def breaking() -> Any:
        yield from records(2)
        raise ZeroDivisionError

    with closing(File(path, writes=True, creates=True)) as file:
        file.append(records(1))
        with pytest.raises(ZeroDivisionError):
            file.append(breaking())
        file.append(records(1, run=2))
    assert read(path) == [*records(1), *records(1, run=2)]


def test_what_is_committed_outlives_a_power_cut(path: Path) -> None:
    with closing(File(path, writes=True, creates=True)) as file:
        database = file._database
        assert database.execute("PRAGMA synchronous").fetchone() == (3,)  # EXTRA
        assert database.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert database.execute("PRAGMA cell_size_check").fetchone() == (1,)


def test_a_new_journal_is_on_disk_and_then_its_name(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced, sync = [], os.fsync

    def noted(file: int) -> None:
        synced.append(os.fstat(file).st_ino)
        sync(file)

    monkeypatch.setattr(os, "fsync", noted)
    create(str(path), b"image")
    assert synced == [path.stat().st_ino, path.parent.stat().st_ino]
    assert path.read_bytes() == b"image"


def test_the_marks_of_a_journal_are_those_of_the_ones_that_are_out_there(path: Path) -> None:
    """Other numbers, and nobody could read the journals of yesterday."""
    File(path, writes=True, creates=True).close()
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA application_id").fetchone() == (int.from_bytes(b"mpdj"),)
        assert database.execute("PRAGMA user_version").fetchone() == (2,)
        assert database.execute("SELECT number, checksum FROM head").fetchall() == [(0, bytes(16))]


SYNCS = """
import os, sys
from contextlib import closing
from mixpanel_pandas.delivery.journal.file import File
from mixpanel_pandas.delivery.journal.records import Record
with closing(File(sys.argv[1], writes=True, creates=True)) as file:
    for number in range(20):
        file.append([Record("delivery", 1, 1, b"{}")])
"""


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace counts what is brought to disk")
def test_each_commit_is_brought_to_disk(path: Path) -> None:
    log = path.with_name("trace")
    called = [sys.executable, "-c", SYNCS, str(path)]
    subprocess.run(["strace", "-f", "-e", "trace=fsync,fdatasync", "-o", log, *called], check=True)
    assert log.read_text().count("sync(") >= 3 * 20


# -- who has it ---------------------------------------------------------------------------------------------------


HOLDER = """
import sys
from mixpanel_pandas.delivery.journal.file import File
file = File(sys.argv[1], writes=True, creates=True)
print("held", flush=True)
sys.stdin.read()
"""


def hold(path: Path) -> subprocess.Popen[str]:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


OTHERS: list[Any] = [
    pytest.param(lambda path: File(path, writes=True, creates=True), id="another upload"),
    pytest.param(lambda path: File(path, writes=False), id="a look at it"),
    pytest.param(mpd.read_journal, id="read_journal"),
    pytest.param(lambda path: mpd.settle(path, "monday", "ann", applied=True), id="settle"),
]


@pytest.mark.parametrize("other", OTHERS)
def test_nobody_else_gets_at_a_file_that_is_in_use(path: Path, other: Callable[[Any], Any]) -> None:
    with closing(File(path, writes=True, creates=True)), pytest.raises(JournalError, match="in use"):
        other(path)
    with hold(path) as holder:
        with pytest.raises(JournalError, match="in use"):
            other(path)
        holder.kill()
    File(path, writes=True).close()


def test_the_file_is_the_same_by_a_symbolic_link(path: Path) -> None:
    link = path.with_name("link")
    link.symlink_to(path.name)
    with pytest.raises(JournalError, match="symbolic link to nothing"):
        File(link, writes=True, creates=True)
    write(path, records(1))
    with closing(File(path, writes=True)), pytest.raises(JournalError, match="in use"):
        File(link, writes=True)
    write(link, records(2))
    assert read(path) == [*records(1), *records(2)]
    assert sorted(found.name for found in path.parent.iterdir()) == ["link", path.name]


def test_a_file_with_two_names_is_refused(path: Path) -> None:
    write(path, records(1))
    other = path.with_name("other")
    os.link(path, other)
    for name in (path, other):
        with pytest.raises(JournalError, match="several names"):
            File(name, writes=True)
    other.unlink()
    assert read(path) == records(1)


def removed(path: Path) -> None:
    path.unlink()


def replaced(path: Path) -> None:
    shutil.copy(path, path.with_name("copy"))
    path.with_name("copy").replace(path)


def emptied(path: Path) -> None:
    path.unlink()
    path.touch()


@pytest.mark.parametrize("change", [removed, replaced, emptied])
def test_nothing_is_written_to_a_file_that_is_gone(path: Path, change: Callable[[Path], None]) -> None:
    with closing(File(path, writes=True, creates=True)) as file:
        file.append(records(1))
        change(path)
        before = path.read_bytes() if path.exists() else None
        with pytest.raises(JournalError, match=r"removed or replaced|is empty"):
            file.append(records(1))
    assert (path.read_bytes() if path.exists() else None) == before


CHILD = """
import gc, os, sys
from mixpanel_pandas.delivery.journal.writer import Writer
from mixpanel_pandas.delivery.journal.records import Record
from mixpanel_pandas.errors import JournalError
writer = Writer(sys.argv[1])
writer.write([Record("delivery", 1, 1, b"{}")], wait=True)

def take_in_the_middle(file):
    file._database.execute("BEGIN IMMEDIATE")
    file._database.execute("DELETE FROM records")
    if not (child := os.fork()):
        os._exit(0)
    os.waitpid(child, 0)
    file._database.execute("ROLLBACK")

writer.call(take_in_the_middle)
if not os.fork():
    for call in (lambda: writer.write([], wait=True), lambda: writer.write([], wait=False), lambda: writer.call(print)):
        try:
            call()
        except JournalError as error:
            assert "forked" in str(error)
        else:
            os._exit(3)
    assert writer.close()
    del writer
    gc.collect()
    sys.exit()  # as any script ends: what can be finalized is
assert os.wait()[1] == 0
print("forked", flush=True)
sys.stdin.readline()
writer.write([Record("delivery", 1, 1, b"{}")], wait=True)
assert writer.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nobody forks here")
def test_a_forked_process_neither_writes_nor_lets_go(path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", CHILD, path],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as parent:  # fmt: skip
        assert parent.stdout is not None
        assert parent.stdout.readline() == "forked\n"
        with pytest.raises(JournalError, match="in use"):
            File(path, writes=False)
        parent.communicate("\n")
    assert parent.returncode == 0
    assert len(read(path)) == 2


# -- what is no journal -------------------------------------------------------------------------------------------

NAMES: list[Any] = [
    pytest.param("", "not the path of a file", id="nothing"),
    pytest.param(":memory:", "not the path of a file", id="a database without a file"),
    pytest.param("file:mp.sqlite?mode=memory", "not the path of a file", id="an address"),
    pytest.param("mp\0.sqlite", "not the path of a file", id="a NUL"),
    pytest.param("mp\ud800.sqlite", "UTF-8", id="half a character"),
    pytest.param("nowhere/mp.sqlite", "cannot be used", id="no folder"),
    pytest.param(".", "is not a file", id="a folder"),
    pytest.param("loop", "symbolic link to nothing|cannot be used", id="a link to itself"),
    pytest.param("pipe", "is not a file", id="a pipe"),
]


@pytest.mark.parametrize(("name", "message"), NAMES)
@pytest.mark.skipif(sys.platform == "win32", reason="pipes of POSIX")
def test_a_name_that_cannot_be_a_journal_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("loop").symlink_to("loop")
    os.mkfifo("pipe")
    with pytest.raises(JournalError, match=message):
        File(name, writes=True, creates=True)
    with pytest.raises(JournalError):
        mpd.read_journal(name)
    assert sorted(found.name for found in tmp_path.iterdir()) == ["loop", "pipe"]


@pytest.mark.parametrize("name", ["a?mode=memory", "a#b", " a ", "a%41", "C:", "\N{SNOWMAN}", "'; --"])
def test_an_odd_name_is_taken_literally(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, records(1))
    assert [found.name for found in tmp_path.iterdir()] == [name]
    assert read(tmp_path / name) == records(1)
    assert read(os.fsencode(tmp_path / name)) == records(1)  # type: ignore[arg-type]


def other_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE mine (a)")


def other_database_with_log(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE mine (a)")


def of_version(version: int) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        write(path, records(1))
        with closing(sqlite3.connect(path)) as database:
            database.execute(f"PRAGMA user_version = {version}")

    return make


FOREIGN: list[Any] = [
    pytest.param(lambda path: path.touch(), "is empty", id="an empty file"),
    pytest.param(lambda path: path.write_text("a,b\n1,2\n" * 1000), "cannot be used", id="a CSV file"),
    pytest.param(
        lambda path: path.write_bytes(b"SQLite format 3\0"), "cannot be used|not a journal", id="a beginning"
    ),
    pytest.param(other_database, "is not a journal", id="another database"),
    pytest.param(other_database_with_log, "is not a journal", id="another database with a log"),
    pytest.param(of_version(1), "an earlier version", id="an earlier version"),
    pytest.param(of_version(3), "a later version", id="a later version"),
]


@pytest.mark.parametrize(("make", "message"), FOREIGN)
def test_what_is_no_journal_is_refused_and_stays_as_it_is(
    path: Path, make: Callable[[Path], None], message: str
) -> None:
    make(path)
    before = path.read_bytes()
    for writes in (True, False):
        with pytest.raises(JournalError, match=message):
            File(path, writes=writes, creates=writes)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("beside", ["-journal", "-wal"])
def test_no_link_beside_it_is_followed(path: Path, beside: str) -> None:
    victim = path.with_name("thesis.tex")
    victim.write_text("two years of work")
    path.with_name(path.name + beside).symlink_to(victim)
    with pytest.raises(JournalError):
        write(path, records(3))
    assert victim.read_text() == "two years of work"


def test_what_is_left_of_a_removed_journal_is_no_part_of_a_new_one(path: Path) -> None:
    left = path.with_name(f"{path.name}-journal")
    left.write_bytes(b"pages of another")
    with pytest.raises(JournalError, match="belongs to another database"):
        write(path, records(1))
    assert list(path.parent.iterdir()) == [left]
    left.unlink()
    write(path, records(1))


def test_what_cannot_be_made_leaves_nothing_behind(path: Path) -> None:
    path.touch()
    with pytest.raises(FileExistsError):
        create(str(path), b"image")
    assert path.read_bytes() == b""


def test_a_file_that_cannot_be_written_is_not_left_behind(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="no space left"):
        create(str(path), b"image")
    assert not path.exists()


def test_a_journal_that_is_only_read_is_not_made(path: Path) -> None:
    with pytest.raises(JournalError, match="there is no journal"):
        File(path, writes=False)
    assert not path.exists()


def test_a_journal_of_an_earlier_version_is_brought_to_this_one(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_version(1)(path)

    def migrate(database: sqlite3.Connection) -> None:
        database.execute("UPDATE records SET session = session")

    monkeypatch.setitem(files.MIGRATIONS, 1, migrate)
    write(path, records(1))
    monkeypatch.undo()
    assert read(path) == records(1) * 2


# -- damage -------------------------------------------------------------------------------------------------------

PAGE = 4096


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A journal of some pages, as bytes."""
    path = tmp_path_factory.mktemp("whole") / "mp.sqlite"
    write(
        path,
        *([Record("ids", 1, 0, b"{}", random.Random(n).randbytes(3000)), *records(40)] for n in range(6)),
    )
    return path.read_bytes()


def changed(statement: str) -> Callable[[bytes, Path], bytes]:
    """Return what changes a journal as somebody does who knows SQLite, but not the journal."""

    def change(content: bytes, path: Path) -> bytes:
        path.write_bytes(content)
        with closing(sqlite3.connect(path)) as database, database:
            database.executescript(statement)
        return path.read_bytes()

    return change


def pages_swapped(content: bytes, path: Path) -> bytes:
    pages = [content[start : start + PAGE] for start in range(0, len(content), PAGE)]
    leaves = [number for number, page in enumerate(pages) if number and page[0] == 13]
    first, second = leaves[-2:]
    pages[first], pages[second] = pages[second], pages[first]
    return b"".join(pages)


def page_of_before(content: bytes, path: Path) -> bytes:
    """Return a journal with one page as it was before the last commit."""
    path.write_bytes(content)
    write(path, records(3))
    after = path.read_bytes()
    changes = [at for at in range(0, len(content), PAGE) if content[at : at + PAGE] != after[at : at + PAGE]]
    at = max(changes, key=lambda at: after[at] == 13 and at)  # of the records, not of the head
    return after[:at] + content[at : at + PAGE] + after[at + PAGE :]


DAMAGE: list[Any] = [
    pytest.param(lambda content, path: content[:-PAGE], id="the last page is gone"),
    pytest.param(lambda content, path: content[: len(content) // 2], id="half of it is gone"),
    pytest.param(lambda content, path: content[:1000], id="less than a page is there"),
    pytest.param(lambda content, path: content[:-PAGE] + bytes(PAGE), id="the last page is zeros"),
    pytest.param(lambda content, path: content[:PAGE] * (len(content) // PAGE), id="every page is the first"),
    pytest.param(pages_swapped, id="pages are swapped"),
    pytest.param(page_of_before, id="a page is older"),
    pytest.param(changed("DELETE FROM records WHERE number = 7"), id="a record is lost"),
    pytest.param(changed("DELETE FROM records WHERE number > 9"), id="the last records are lost"),
    pytest.param(changed("DELETE FROM records"), id="all records are lost"),
    pytest.param(
        changed("DELETE FROM records; UPDATE head SET number = 0"), id="all records are lost, as is the count"
    ),
    pytest.param(
        changed("UPDATE records SET body = (SELECT body FROM records WHERE number = 4) WHERE number = 5"),
        id="a body is that of another",
    ),
    pytest.param(changed("UPDATE records SET run = 2 WHERE number = 5"), id="a record is of another run"),
    pytest.param(changed("UPDATE records SET session = 2 WHERE number = 5"), id="a record is of another session"),
    pytest.param(changed("UPDATE records SET kind = 'end' WHERE number = 5"), id="a record is of another kind"),
    pytest.param(
        changed(
            "UPDATE records SET number = -4 WHERE number = 4; UPDATE records SET number = 4 WHERE number = 5;"
            "UPDATE records SET number = 5 WHERE number = -4"
        ),
        id="two records are swapped",
    ),
    pytest.param(
        changed("INSERT INTO records SELECT 1 + (SELECT max(number) FROM records), kind, run, session, checksum, body, "
                "more FROM records ORDER BY number DESC LIMIT 1"),
        id="a record is repeated",
    ),
    pytest.param(changed("UPDATE records SET body = CAST(body AS TEXT)"), id="bodies are text"),
    pytest.param(changed("UPDATE records SET body = 5 WHERE number = 3"), id="a body is a number"),
    pytest.param(changed("DELETE FROM head"), id="the head is lost"),
    pytest.param(changed("INSERT INTO head SELECT * FROM head"), id="there are two heads"),
    pytest.param(changed("DROP TABLE head"), id="a table is gone"),
    pytest.param(changed("CREATE TABLE mine (a)"), id="a table is there that is not ours"),
    pytest.param(
        changed("CREATE TRIGGER forget AFTER INSERT ON records BEGIN DELETE FROM records; END"),
        id="a trigger forgets records",
    ),
    pytest.param(changed("PRAGMA journal_mode = WAL"), id="it keeps a log"),
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_an_error_and_never_a_fresh_start(
    path: Path, whole: bytes, damage: Callable[[bytes, Path], bytes]
) -> None:
    damaged = damage(whole, path.with_name("other"))
    assert damaged != whole
    path.write_bytes(damaged)
    for writes in (True, False):
        with pytest.raises(JournalError):
            File(path, writes=writes, creates=writes)
    assert path.read_bytes() == damaged


def test_damage_that_sqlite_quotes_is_an_error_of_ours(path: Path, whole: bytes) -> None:
    at = whole.index(b"TABLE records")
    path.write_bytes(whole[:at] + b"\xc5" + whole[at + 1 :])
    with pytest.raises(JournalError):
        read(path)


def test_a_flipped_bit_is_seen_or_makes_no_difference(path: Path, whole: bytes) -> None:
    path.write_bytes(whole)
    expected, chance, seen = read(path), random.Random(4), 0
    at = [*range(200), *(chance.randrange(len(whole)) for _ in range(EXAMPLES))]
    for place in at:
        flipped = bytearray(whole)
        flipped[place] ^= 1 << chance.randrange(8)
        path.write_bytes(flipped)
        try:
            assert read(path) == expected
            with closing(File(path, writes=True)) as file:
                file.append(records(1))
            assert read(path) == [*expected, *records(1)]
        except JournalError:
            seen += 1
    assert seen > len(at) / 4


def test_what_a_process_left_half_written_is_taken_back(path: Path, whole: bytes) -> None:
    """A copy of file and rollback journal in the middle of a commit is what a power cut leaves."""
    path.write_bytes(whole)
    expected = read(path)
    other = path.with_name("copy")
    with closing(File(path, writes=True)) as file:
        file._database.execute("PRAGMA cache_spill = 1")
        file._database.execute("BEGIN IMMEDIATE")
        file._database.executemany(
            files.INSERT, [(n, b"", *Record("ids", 1, 0, b"{}", bytes(5000))) for n in range(1000, 3000)]
        )
        for beside in ("", "-journal"):
            shutil.copy(f"{path}{beside}", f"{other}{beside}")
        file._database.execute("ROLLBACK")
    assert other.stat().st_size > len(whole)
    assert read(other) == expected

"""The file of a journal: a SQLite database with a table of records, to which records are only added.

The checksum of a record covers its content, its number and the checksum of the record before. The last checksum is also kept in
a second table. So the file shows if a record was lost, moved, repeated or changed. One connection locks the file from the
moment it opens it, with SQLite's own lock.

There is no write-ahead log, because a log that lost its end would look complete.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from mixpanel_pandas.delivery.journal.path import create, identity_of, resolved
from mixpanel_pandas.delivery.journal.records import Record
from mixpanel_pandas.errors import JournalError
from mixpanel_pandas.process.locks import per_process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["File"]

#: The application id that marks a SQLite file as a journal ("mpdj"), and the version of its tables and records.
MARK, VERSION = 0x6D70646A, 2

#: Version -> function that upgrades a journal to the next version. Version 1 cannot be upgraded: it identifies runs by their
#: values, which the journal does not hold.
MIGRATIONS: dict[int, Callable[[sqlite3.Connection], None]] = {}

TABLES = {
    "records": "CREATE TABLE records (number INTEGER PRIMARY KEY, kind TEXT, run INTEGER, session INTEGER, checksum BLOB, "
    "body BLOB, more BLOB)",
    "head": "CREATE TABLE head (number INTEGER, checksum BLOB)",
}

#: Seconds to wait for another process to release the file, such as one that only reads it.
LOCK_SECONDS = 0.25

#: The checksum before the first record.
BEGIN = b"\0" * 16

#: Held while a file is made or opened. To make a file is to close it, which drops all locks of this process on it.
_opening = per_process(threading.Lock)


class File:
    """An open journal. No other process or thread can open it meanwhile, and only the thread that opened it may use it.

    Parameters
    ----------
    path : str or path-like
        The file.
    writes, creates : bool
        Whether records are added, and whether the file is made if it does not exist. Only its owner can read it then.

    Raises
    ------
    JournalError
        By the constructor and every method, if the file cannot be read or written, is in use or damaged, or is not a journal.
    """

    def __init__(self, path: str | os.PathLike[str], *, writes: bool, creates: bool = False) -> None:
        self._path = resolved(path)
        with self._in_words(), _opening():
            self._identity = identity_of(self._path)
            if self._identity is None and not creates:
                msg = f"there is no journal {self._path}"
                raise JournalError(msg)
            self._check_beside()
            if self._identity is None:
                with suppress(FileExistsError):
                    create(self._path, _image())
                self._identity = identity_of(self._path)
            address = f"{Path(self._path).as_uri()}?mode=rw"  # rw does not make a file
            self._database = sqlite3.connect(address, uri=True, timeout=LOCK_SECONDS, isolation_level=None)
            try:
                self._take(writes=writes)
                self._check_place()
                self._check_version(writes=writes)
                self._check_pages()
                self._number, self._checksum = self._check_records()
                self._database.execute("COMMIT")
            except BaseException:
                self._database.close()
                raise

    def _take(self, *, writes: bool) -> None:
        """Lock the file, and make commits survive a power cut."""
        self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._database.execute("PRAGMA synchronous = EXTRA")  # FULL does not sync the folder
        self._database.execute("PRAGMA cell_size_check = ON")
        self._database.execute("BEGIN EXCLUSIVE" if writes else "BEGIN")

    def _check_beside(self) -> None:
        """Refuse leftovers of another database beside the file, which SQLite would apply to this one."""
        for ending in ("-wal", "-journal") if self._identity is None else ("-wal",):
            if os.path.lexists(self._path + ending):
                msg = f"{self._path}{ending} belongs to another database than this journal: remove it, or name another file"
                raise JournalError(msg)

    def _check_place(self) -> None:
        """Refuse to go on if the file was removed or replaced."""
        if identity_of(self._path) != self._identity:
            msg = f"the journal {self._path} was removed or replaced while it was in use: nothing is written to it any more"
            raise JournalError(msg)

    def _check_version(self, *, writes: bool) -> None:
        """Refuse a file that is not a journal, or is one of another version."""
        mark, version = (self._value(f"PRAGMA {name}") for name in ("application_id", "user_version"))
        if mark != MARK:
            msg = f"{self._path} is not a journal: name another file"
            raise JournalError(msg)
        while writes and version in MIGRATIONS:
            MIGRATIONS[version](self._database)
            version += 1
            self._database.execute(f"PRAGMA user_version = {version}")
        if version != VERSION:
            whose = "an earlier" if version < VERSION else "a later"
            msg = (
                f"the journal {self._path} was written by {whose} version of mixpanel_pandas (format {version}, not "
                f"{VERSION}): name another file, or use that version"
            )
            raise JournalError(msg)

    def _check_pages(self) -> None:
        """Refuse a file whose damage SQLite detects."""
        errors = [row[0] for row in self._database.execute("PRAGMA quick_check(1)")]
        tables = dict(self._database.execute("SELECT name, sql FROM sqlite_master"))
        if errors != ["ok"]:
            self._refuse_damaged("its pages are inconsistent")
        if tables != TABLES or self._value("PRAGMA journal_mode") != "delete":
            self._refuse_damaged("its tables or its mode are not those of a journal")

    def _check_records(self) -> tuple[int, bytes]:
        """Refuse a file whose records are not those that were written. Return number and checksum of the last one."""
        last, checksum = 0, BEGIN
        for number, expected, *record in self._database.execute(
            f"SELECT number, checksum, {COLUMNS} FROM records ORDER BY number"
        ):
            last, checksum = last + 1, _checksum(checksum, last + 1, record)
            if (number, expected) != (last, checksum):
                self._refuse_damaged(f"record {last} was changed after it was written")
        if self._database.execute("SELECT number, checksum FROM head").fetchall() != [(last, checksum)]:
            self._refuse_damaged("its last records are gone")
        return last, checksum

    def _refuse_damaged(self, what: str) -> NoReturn:
        msg = (
            f"the journal {self._path} is damaged: {what}. Restore it from a copy, or look at the "
            "profiles and name another file"
        )
        raise JournalError(msg)

    def records(self, run: int | None = None, *kinds: str) -> Iterator[Record]:
        """Yield the records of a run, or of all runs, in order. With `kinds` only those of some kinds."""
        marks = ", ".join("?" * len(kinds))
        of_kind = f"AND kind IN ({marks})" if kinds else ""
        with self._in_words():
            for row in self._database.execute(
                f"SELECT {COLUMNS} FROM records WHERE run = ifnull(?, run) {of_kind} ORDER BY number",
                (run, *kinds),
            ):
                yield Record(*row)

    def append(self, records: Iterable[Record], allowed: Callable[[], bool] = lambda: True) -> None:
        """Add all of the records, or none. They are on disk when this returns.

        Parameters
        ----------
        records : iterable of Record
            The records, in order.
        allowed : callable
            Returns at the last moment whether they may still be added. Once it returns False, nothing else may be added.
        """
        number, checksum = self._number, self._checksum
        with self._in_words():
            self._check_place()
            self._database.execute("BEGIN IMMEDIATE")
            try:
                for record in records:
                    number, checksum = number + 1, _checksum(checksum, number + 1, record)
                    self._database.execute(INSERT, (number, checksum, *record))
                self._database.execute("UPDATE head SET number = ?, checksum = ?", (number, checksum))
                self._database.execute("COMMIT" if allowed() else "ROLLBACK")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise
        self._number, self._checksum = number, checksum

    def close(self) -> None:
        """Close the file, so that others can open it."""
        self._database.close()

    def _value(self, query: str) -> Any:
        return self._database.execute(query).fetchone()[0]

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF not in {
                sqlite3.SQLITE_BUSY,
                sqlite3.SQLITE_LOCKED,
            }:
                raise self._unusable(error) from error
            msg = (
                f"the journal {self._path} is in use: another upload writes it, or a process reads it. Wait until that has ended, "
                "or name another file"
            )
            raise JournalError(msg) from error
        except (sqlite3.Error, OSError, UnicodeDecodeError) as error:  # SQLite quotes damaged text
            if isinstance(error, JournalError):
                raise
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> JournalError:
        return JournalError(f"the journal {self._path} cannot be used: {error}")


COLUMNS = "kind, run, session, body, more"
INSERT = f"INSERT INTO records (number, checksum, {COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"


def _image() -> bytes:
    """Return the bytes of a journal without records."""
    with closing(sqlite3.connect(":memory:")) as database:
        for table in TABLES.values():
            database.execute(table)
        database.execute("INSERT INTO head VALUES (0, ?)", (BEGIN,))
        database.commit()
        database.execute(f"PRAGMA application_id = {MARK}")
        database.execute(f"PRAGMA user_version = {VERSION}")
        return database.serialize()


def _checksum(before: bytes, number: int, record: Iterable[Any]) -> bytes:
    """Return the checksum of a record, given the checksum of the record before."""
    kind, run, session, body, more = record
    if not isinstance(body, bytes) or not isinstance(more, bytes | None):
        return b""  # no checksum is empty
    checksum = hashlib.sha256(before)
    checksum.update(repr((number, kind, run, session, len(body), more and len(more))).encode())
    checksum.update(body)
    checksum.update(more or b"")
    return checksum.digest()[:16]

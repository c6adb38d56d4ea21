"""The file of a journal: a SQLite database of runs, and its rows as deliveries."""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa

from mixpanel_pandas.delivery.pending import Delivery
from mixpanel_pandas.delivery.sessions import last_words, over
from mixpanel_pandas.delivery.summary import LeftOut
from mixpanel_pandas.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

__all__ = ["Runs"]

#: What marks a SQLite file as a journal ("mpdj"), and the version of the tables below.
MARK, VERSION = 0x6D70646A, 1

#: Seconds that another run of the same file has to write its lines.
PATIENCE = 30.0

TABLES = """
CREATE TABLE runs (
    number INTEGER PRIMARY KEY, name TEXT, content TEXT, described TEXT, operator TEXT, idempotent INTEGER, rows INTEGER,
    ids TEXT, id TEXT, began REAL
);
CREATE TABLE slices (run INTEGER, start INTEGER, ids BLOB, digests BLOB);
CREATE TABLE sessions (run INTEGER, session INTEGER, began REAL, ended REAL, reason TEXT, error TEXT);
CREATE TABLE left_out (
    run INTEGER, session INTEGER, start INTEGER, stop INTEGER, positions BLOB, outcome TEXT, reason TEXT, error TEXT
);
CREATE TABLE deliveries (
    run INTEGER, session INTEGER, start INTEGER, stop INTEGER, positions BLOB, batch INTEGER, updates INTEGER,
    bytes INTEGER, outcome TEXT, apart TEXT, status_code INTEGER, requests INTEGER, attempts INTEGER, started REAL,
    elapsed REAL, reason TEXT, error TEXT
);
CREATE INDEX runs_by_name ON runs (name);
CREATE INDEX slices_by_run ON slices (run);
CREATE INDEX left_out_by_run ON left_out (run, session);
CREATE INDEX deliveries_by_run ON deliveries (run, session);
"""

_PLAIN = tuple(field.name for field in fields(Delivery) if field.name not in {"positions", "apart", "late"})


class Runs:
    """An open journal.

    Parameters
    ----------
    path : Path
        The file.
    create : bool
        Whether it is made where it is not there, for its owner alone.

    Raises
    ------
    JournalError
        From here on, and from every method: if the file cannot be read or written, or is no journal.
    """

    def __init__(self, path: Path, *, create: bool) -> None:
        self._path = path
        with self._in_words():
            if create:
                os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            elif not path.is_file():
                msg = f"there is no journal {path}"
                raise JournalError(msg)
            self._file = sqlite3.connect(
                path, timeout=PATIENCE, isolation_level=None, check_same_thread=False
            )
            self._file.row_factory = sqlite3.Row
            try:
                self._file.execute(
                    "PRAGMA synchronous = FULL"
                )  # a row on disk before its request is on the wire
                self._check(create)
            except BaseException:
                self._file.close()
                raise

    def _check(self, create: bool) -> None:
        """Make the tables of a new file, and refuse one that is no journal."""
        with self.transaction() if create else self._in_words():
            mark, version = (self._value(f"PRAGMA {name}") for name in ("application_id", "user_version"))
            if create and not mark and not self._value("SELECT count(*) FROM sqlite_master"):
                for statement in TABLES.split(";"):
                    self._file.execute(statement)
                self._file.execute(f"PRAGMA application_id = {MARK}")
                self._file.execute(f"PRAGMA user_version = {VERSION}")
            elif (mark, version) != (MARK, VERSION):
                msg = f"{self._path} is no journal of this version of mixpanel_pandas: name another file"
                raise JournalError(msg)

    def close(self) -> None:
        """Let the file go."""
        self._file.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Write all of it or nothing."""
        with self._in_words():
            self._file.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._file.execute("COMMIT")
            except BaseException:
                if self._file.in_transaction:
                    self._file.execute("ROLLBACK")
                raise

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            if isinstance(error, JournalError):
                raise
            msg = f"the journal {self._path} cannot be used: {error}"
            raise JournalError(msg) from error

    def _value(self, query: str, *values: Any) -> Any:
        return self._file.execute(query, values).fetchone()[0]

    def _select(self, query: str, *values: Any) -> list[sqlite3.Row]:
        with self._in_words():
            return self._file.execute(query, values).fetchall()

    def insert(self, table: str, rows: Iterable[dict[str, Any]]) -> None:
        """Add rows to a table; all have the same columns."""
        for row in rows:
            marks = ", ".join(f":{name}" for name in row)
            self._file.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", row)

    # -- what is written ----------------------------------------------------------------------------------------------

    def add_run(
        self,
        described: dict[str, Any],
        slices: Iterable[tuple[pa.Array, np.ndarray]],
        left_out: Sequence[LeftOut],
    ) -> int:
        """Write down a run, with the ids and a digest of each row, and return its number."""
        with self.transaction():
            self.insert("runs", [described])
            run = int(self._value("SELECT max(number) FROM runs"))
            start = 0
            for ids, digests in slices:
                row = {
                    "run": run,
                    "start": start,
                    "ids": _packed(ids),
                    "digests": digests.astype("<u8").tobytes(),
                }
                self.insert("slices", [row])
                start += len(ids)
            self.insert("left_out", [_left_out_row(run, 0, left) for left in left_out])
        return run

    def add_session(self, run: int, began: float) -> int:
        """Begin one more session of a run, and return its number, counted from 1."""
        with self.transaction():
            session = 1 + int(self._value("SELECT count(*) FROM sessions WHERE run = ?", run))
            self.insert("sessions", [{"run": run, "session": session, "began": began}])
        return session

    def add_deliveries(self, run: int, session: int, deliveries: Iterable[Delivery]) -> None:
        """Write down what becomes of some rows."""
        with self.transaction():
            self.insert("deliveries", [_delivery_row(run, session, delivery) for delivery in deliveries])

    def end_session(self, run: int, session: int, held: Iterable[LeftOut], **ended: Any) -> None:
        """Write down how a session ended: when, and the reason and error of a stop."""
        with self.transaction():
            self.insert("left_out", [_left_out_row(run, session, left) for left in held])
            self._file.execute(
                "UPDATE sessions SET ended = :ended, reason = :reason, error = :error WHERE run = :run AND session = :session",
                {"run": run, "session": session, **ended},
            )

    # -- what is read -------------------------------------------------------------------------------------------------

    def named(self, name: str) -> list[sqlite3.Row]:
        """Return the runs of a name, the first one first: each has another content, or began after the end of the others."""
        return self._select("SELECT * FROM runs WHERE name = ? ORDER BY number", name)

    def names(self) -> list[str]:
        """Return the names of all runs, the latest first."""
        return [
            row[0] for row in self._select("SELECT name FROM runs GROUP BY name ORDER BY max(number) DESC")
        ]

    def deliveries(self, run: sqlite3.Row) -> list[Delivery]:
        """Return what became of the rows of a run over all its sessions."""
        found: list[Delivery] = []
        for session in self._sessions(run):
            rows = self._select(
                "SELECT * FROM deliveries WHERE run = ? AND session = ? ORDER BY rowid",
                run["number"],
                session["session"],
            )
            found = over(found, last_words([_delivery(row) for row in rows], run["rows"]), run["rows"])
        return found

    def left_out(self, run: sqlite3.Row, session: int = 0) -> list[LeftOut]:
        """Return the rows that were left out before anything was sent, or held back in a session."""
        rows = self._select(
            "SELECT * FROM left_out WHERE run = ? AND session = ? ORDER BY rowid", run["number"], session
        )
        return [
            LeftOut(np.asarray(_positions(row)), row["outcome"], row["reason"], row["error"]) for row in rows
        ]

    def last_session(self, run: sqlite3.Row) -> sqlite3.Row | None:
        """Return how the last session began and ended."""
        return next(reversed(self._sessions(run)), None)

    def _sessions(self, run: sqlite3.Row) -> list[sqlite3.Row]:
        return self._select("SELECT * FROM sessions WHERE run = ? ORDER BY session", run["number"])

    def ids(self, run: sqlite3.Row) -> pa.ChunkedArray:
        """Return the ids of a run."""
        rows = self._select("SELECT ids FROM slices WHERE run = ? ORDER BY start", run["number"])
        return pa.chunked_array([_unpacked(row["ids"]) for row in rows], pa.large_string())

    def digests(self, run: sqlite3.Row) -> np.ndarray:
        """Return the digest of each row's payload."""
        rows = self._select("SELECT digests FROM slices WHERE run = ? ORDER BY start", run["number"])
        return np.frombuffer(b"".join(row["digests"] for row in rows), "<u8")


def _packed(ids: pa.Array) -> bytes:
    batch = pa.record_batch([ids], names=["id"])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    packed: bytes = sink.getvalue().to_pybytes()
    return packed


def _unpacked(packed: bytes) -> pa.Array:
    return pa.ipc.open_stream(packed).read_all().column(0).combine_chunks()


def _place(positions: range | np.ndarray) -> dict[str, Any]:
    """Return positions as columns: the first, the last and one, and all of them where there are holes."""
    start, stop = int(positions[0]), int(positions[-1]) + 1
    holes = stop - start != len(positions)
    return {
        "start": start,
        "stop": stop,
        "positions": np.asarray(positions, "<i8").tobytes() if holes else None,
    }


def _positions(row: sqlite3.Row) -> range | np.ndarray:
    if row["positions"] is None:
        return range(row["start"], row["stop"])
    return np.frombuffer(row["positions"], "<i8")


def _delivery_row(run: int, session: int, delivery: Delivery) -> dict[str, Any]:
    apart = [[row, *said] for row, said in delivery.apart.items()]
    plain = {name: getattr(delivery, name) for name in _PLAIN}
    return {
        "run": run,
        "session": session,
        **_place(delivery.positions),
        "apart": orjson.dumps(apart).decode(),
        **plain,
    }


def _delivery(row: sqlite3.Row) -> Delivery:
    apart = {place: (outcome, error) for place, outcome, error in orjson.loads(row["apart"])}
    return Delivery(positions=_positions(row), apart=apart, **{name: row[name] for name in _PLAIN})


def _left_out_row(run: int, session: int, left: LeftOut) -> dict[str, Any]:
    said = {"outcome": left.outcome, "reason": left.reason, "error": left.error}
    return {"run": run, "session": session, **_place(left.positions), **said}

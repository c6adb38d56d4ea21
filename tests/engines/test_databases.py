"""Tables of databases, in pieces."""

from __future__ import annotations

import sqlite3

import pandas as pd
import pytest

import mixpanel_pandas as mpd

ROWS = 1_000


@pytest.fixture
def path(tmp_path):
    """Return the path of an SQLite database whose table has NULL only late."""
    path = tmp_path / "crm.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table users (user_id text, score integer, town text)")
        rows = [(f"u{row}", row if row < 900 else None, "Ulm" if row % 2 else None) for row in range(ROWS)]
        connection.executemany("insert into users values (?, ?, ?)", rows)
    connection.close()
    return path


def check(emulator: mpd.Emulator, summary: pd.DataFrame) -> None:
    """Assert that all rows are there."""
    assert summary["rows"].sum() == ROWS
    assert emulator.profile("u1") == {"score": 1, "town": "Ulm"}
    assert emulator.profile("u901") == {"town": "Ulm"}


def test_pandas_read_sql(emulator, path):
    connection = sqlite3.connect(path)
    chunks = pd.read_sql("select * from users", connection, chunksize=100)
    check(emulator, mpd.upload(chunks, "set", "user_id"))
    connection.close()


def test_adbc(emulator, path):
    adbc = pytest.importorskip("adbc_driver_sqlite.dbapi")
    with adbc.connect(f"file:{path}") as connection, connection.cursor() as cursor:
        cursor.execute("select * from users")
        check(emulator, mpd.upload(cursor.fetch_record_batch(), "set", "user_id"))


def test_duckdb(emulator, path):
    duckdb = pytest.importorskip("duckdb")
    frame = pd.DataFrame({"user_id": [f"u{row}" for row in range(ROWS)]})
    frame["score"] = pd.array([row if row < 900 else None for row in range(ROWS)], dtype="Int64")
    frame["town"] = ["Ulm" if row % 2 else None for row in range(ROWS)]
    relation = duckdb.from_df(frame)
    check(emulator, mpd.upload(relation, "set", "user_id"))

"""Batches become one table: types that change on the way, and where a large table lies."""

from __future__ import annotations

import datetime as dt
import decimal
import errno
import os
import tempfile
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import mixpanel_pandas as mpd
from mixpanel_pandas.reading import spool as spool_module
from tests.reading.tables import TABLE_OF_ROWS, rows

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        pytest.param([[1], [0.5], [None]], [1.0, 0.5, None], id="int, float, null"),
        pytest.param([[None], ["a"]], [None, "a"], id="null, text"),
        pytest.param([[2**53], [0.5]], [2.0**53, 0.5], id="the last exact integer"),
        pytest.param([[{"a": 1}], [None], [{"b": 2}]], ['{"a":1}', None, '{"b":2}'], id="objects"),
        pytest.param(
            [[decimal.Decimal("1.5")], [decimal.Decimal("10.25")]],
            [decimal.Decimal("1.50"), decimal.Decimal("10.25")],
            id="decimals",
        ),
        pytest.param(
            [np.array([2**63 - 1], "u8"), [-1]], [2**63 - 1, -1], id="integers with and without a sign"
        ),
        pytest.param([[2**70], [None]], [str(2**70), None], id="beyond 64 bits"),
    ],
)
def test_types_that_fit_each_other(pieces: list[list[object]], expected: list[object]) -> None:
    frame = mpd.frame(pd.DataFrame({"v": piece}) for piece in pieces)
    assert [row[0] for row in rows(frame)] == expected


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([[1], ["a"]], id="int, text"),
        pytest.param([[2**53 + 1], [0.5]], id="an integer that no double holds"),
        pytest.param([[0.5], [2**53 + 1]], id="the same in the other order"),
        pytest.param([[dt.date(2020, 1, 1)], [pd.Timestamp("2020")]], id="date, time"),
        pytest.param(
            [[pd.Timestamp("2020")], [pd.Timestamp("2020", tz="UTC")]], id="times with and without a zone"
        ),
        pytest.param([np.array([2**63], "u8"), [-1]], id="integers that no type holds"),
        pytest.param([[dt.date(2020, 1, 1)], [1]], id="date, number"),
    ],
)
def test_types_that_do_not_fit_are_refused(pieces: list[list[object]]) -> None:
    with pytest.raises(mpd.OperationError, match=r"column 'v' changes its type in the source, from .* to "):
        mpd.frame(pd.DataFrame({"v": piece}) for piece in pieces)


def test_a_large_table_lies_in_a_file_without_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "IN_MEMORY", 1000)
    before = pa.total_allocated_bytes()
    frame = mpd.frame((pa.record_batch({"id": [f"{n:09}"] * 10_000}) for n in range(200)), spool=tmp_path)
    assert pa.total_allocated_bytes() - before < 2_000_000
    assert not list(tmp_path.iterdir())
    assert frame["id"].iloc[[0, 10_000, -1]].tolist() == ["000000000", "000000001", "000000199"]


def test_a_folder_that_cannot_take_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "IN_MEMORY", 0)
    with pytest.raises(mpd.OperationError, match=r"cannot create a temporary file in .*none.*spool="):
        mpd.frame(TABLE_OF_ROWS, spool=tmp_path / "none")

    def full(_folder: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(spool_module, "temporary_file", full)
    with pytest.raises(mpd.OperationError, match=r"is full \(.* left\): .*spool=.*TMPDIR"):
        mpd.frame(TABLE_OF_ROWS, spool=tmp_path)


@pytest.mark.parametrize(
    ("variable", "writable", "expected"),
    [
        pytest.param("/tmp", True, "/tmp", id="TMPDIR"),
        pytest.param("", True, "/var/tmp", id="/var/tmp, because /tmp may be memory"),
        pytest.param("", False, tempfile.gettempdir(), id="where /var/tmp is missing"),
    ],
)
def test_where_the_temporary_file_lies(
    monkeypatch: pytest.MonkeyPatch, variable: str, writable: bool, expected: str
) -> None:
    monkeypatch.setenv("TMPDIR", variable)
    monkeypatch.setattr(os, "access", lambda _path, _mode: writable)
    monkeypatch.setattr(tempfile, "tempdir", variable or None)
    assert spool_module.temporary_folder() == expected


def test_views_and_dictionaries_are_decoded() -> None:
    table = pa.table(
        {
            "d": pa.array(["x", "y", "x"]).dictionary_encode(),
            "v": pa.array(["a", "b", None], pa.string_view()),
            "l": pa.array([["a"], [], None], pa.list_(pa.string_view())),
        }
    )
    frame = mpd.frame(iter([*table.to_batches(), *table[1:].to_batches()]))
    assert [str(dtype) for dtype in frame.dtypes][:2] == ["string[pyarrow]", "large_string[pyarrow]"]
    assert frame["d"].tolist() == ["x", "y", "x", "y", "x"]
    assert [None if value is pd.NA else list(value) for value in frame["l"]] == [["a"], [], None, [], None]

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from mixpanel_pandas.delivery.journal import Journal
from mixpanel_pandas.delivery.pending import Delivery
from mixpanel_pandas.payloads.fingerprint import Content

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mp.sqlite"


def content(rows: int = 6, *, idempotent: bool = False, **changes: Any) -> Content:
    """Return what a run of some rows sends, two rows a slice."""
    ids = changes.pop("ids", [f"user-{row}" for row in range(rows)])
    fields: dict[str, Any] = {
        "name": "c0ffee",
        "described": {"operator": "set" if idempotent else "add", "columns": ["n ($add)"]},
        "operator": "set" if idempotent else "add",
        "idempotent": idempotent,
        "rows": len(ids),
        "ids": lambda: iter([pa.array(ids[:4], pa.large_string()), pa.array(ids[4:], pa.large_string())]),
        "ids_digest": "digest of " + ",".join(map(str, ids)),
        "id": "'id'",
        "rows_per_slice": 2,
    }
    return Content(**fields | changes)


def delivery(positions: range | list[int], outcome: Any = "accepted", **fields: Any) -> Delivery:
    rows = positions if isinstance(positions, range) else np.array(positions)
    return Delivery(0, rows, len(rows), 10 * len(rows), outcome, started=1_800_000_000.0, **fields)


@pytest.fixture
def opened(path: Path) -> Iterator[Callable[..., Journal]]:
    """What opens a journal; one that is still open at the end is closed."""
    journals: list[Journal] = []

    def open_journal(
        run: str | None = "monday", of: Content | None = None, *, remaining: bool = False
    ) -> Journal:
        journals.append(Journal(path, run, of or content(), remaining=remaining))
        return journals[-1]

    yield open_journal
    for journal in journals:
        journal.close()


def upload(journal: Journal, outcomes: dict[int, Any], *, values: str = "values", end: bool = True) -> None:
    """Do what an upload does that sends each row by itself and is answered with an outcome, or with none: None."""
    rows = journal.done()
    for row, outcome in outcomes.items():
        if rows[row]:
            continue
        number = row // 2
        journal.note_slice(number, f"{values} {number}".encode())
        journal.write([delivery(range(row, row + 1), "unknown")], wait=True)
        if outcome is not None:
            journal.write([delivery(range(row, row + 1), outcome)], wait=False)
    if end:
        journal.end([], None)
    journal.close()

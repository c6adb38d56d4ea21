from __future__ import annotations

import gc
import mmap

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from mixpanel_pandas.payloads.memory import _MAPPED, give_back, has_mapped, keep_mapped


@pytest.fixture
def mapped(tmp_path):
    """A mapped file of several pages."""
    path = tmp_path / "pages"
    path.write_bytes(b"page" * 10_000)
    with path.open("rb") as file:
        pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    keep_mapped(pages)
    yield pages
    pages.close()


def test_pages_that_are_given_back_can_be_read_again(mapped):
    before = bytes(mapped)
    give_back()
    assert bytes(mapped) == before


def test_a_closed_file_is_let_alone(mapped):
    mapped.close()
    give_back()


def test_a_file_that_nobody_uses_any_more_is_forgotten(mapped, tmp_path):
    count = len(_MAPPED)
    with (tmp_path / "pages").open("rb") as file:
        other = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    keep_mapped(other)
    assert has_mapped()
    assert len(_MAPPED) == count + 1
    del other
    gc.collect()
    assert len(_MAPPED) == count


def mapped_frame(frame, path, rows_per_chunk):
    """Return the frame in Arrow's memory that is a mapped file, in chunks, as large files are read."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=rows_per_chunk)
    with path.open("rb") as file:
        pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    keep_mapped(pages)
    return pa.ipc.open_file(pa.py_buffer(pages)).read_all().to_pandas(types_mapper=pd.ArrowDtype)


@pytest.mark.parametrize(
    "options", [{}, {"duplicates": "merge"}, {"duplicates": "all"}, {"duplicates": "last"}]
)
def test_a_mapped_frame_is_sent_as_the_frame_in_memory(emulator, tmp_path, monkeypatch, options):
    monkeypatch.setattr("mixpanel_pandas.payloads.sources.ROWS_AT_ONCE", 16)
    number = np.arange(100)
    frame = pd.DataFrame(
        {
            "user_id": [f"u{row % 90}" for row in number],
            "name": [None if row % 7 == 0 else "x" * (300 if row % 10 == 3 else 3) for row in number],
            "score": number * 0.5,
            "tags": [["a", str(row)] for row in number],
        }
    )
    options = {"invalid": "drop_row", "check": False, "duplicates": "last", **options}
    held = {}
    for name, of_kind in {"memory": frame, "mapped": mapped_frame(frame, tmp_path / "frame", 7)}.items():
        emulator.reset()
        with pytest.warns(UserWarning, match="drop_row|left out"):
            summary = of_kind.mixpanel.set("user_id", batch_size=10, project=emulator.project, **options)
        failures = of_kind.mixpanel.failures(summary)
        held[name] = (
            emulator.profiles().astype(str).to_dict("index"),
            of_kind.mixpanel.outcomes(summary)["outcome"].tolist(),
            failures["user_id"].tolist(),
            failures.index.tolist(),
        )
    assert held["mapped"] == held["memory"]
    assert "invalid" in held["memory"][1]

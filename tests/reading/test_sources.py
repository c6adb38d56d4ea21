"""What a table can come from: files of every kind, folders, addresses, frames of other libraries."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import json
import subprocess
import sys
import traceback
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

import mixpanel_pandas as mpd
from tests.reading.tables import CSV, ROWS, TABLE_OF_ROWS, rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def compressed(name: str, content: bytes) -> bytes:
    buffer = pa.BufferOutputStream()
    with pa.CompressedOutputStream(buffer, name) as stream:
        stream.write(content)
    return buffer.getvalue().to_pybytes()


def parquet_bytes(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    parquet.write_table(table, buffer)
    return buffer.getvalue()


def arrow_bytes(write: Any) -> bytes:
    buffer = io.BytesIO()
    with write(buffer, TABLE_OF_ROWS.schema) as writer:
        writer.write_table(TABLE_OF_ROWS)
    return buffer.getvalue()


JSON_LINES = b'{"user_id": "007", "plan": "pro", "credits": 12}\n{"user_id": "008", "credits": 7}'

FILES = {
    "users.csv": CSV,
    "users.txt": CSV.replace(b",", b";"),
    "users.tsv": CSV.replace(b",", b"\t"),
    "users.csv.gz": gzip.compress(CSV[:30]) + gzip.compress(CSV[30:]),
    "users.csv.bz2": compressed("bz2", CSV[:30]) + compressed("bz2", CSV[30:]),
    "users.csv.zst": compressed("zstd", CSV[:30]) + compressed("zstd", CSV[30:]),
    "no_ending_of_compression.csv": gzip.compress(CSV),
    "users.jsonl": JSON_LINES,
    "users.ndjson.gz": gzip.compress(JSON_LINES),
    "users.parquet": parquet_bytes(TABLE_OF_ROWS),
    "users.pq.gz": gzip.compress(parquet_bytes(TABLE_OF_ROWS)),
    "users.arrow": arrow_bytes(pa.ipc.new_file),
    "users.feather.zst": compressed("zstd", arrow_bytes(pa.ipc.new_file)),
    "stream.ipc": arrow_bytes(pa.ipc.new_stream),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_any_kind(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(FILES[name])
    frame = mpd.frame(tmp_path / name)
    assert rows(frame) == ROWS
    assert all(isinstance(dtype, pd.ArrowDtype) for dtype in frame.dtypes)
    assert frame.index.equals(pd.RangeIndex(2))


@pytest.mark.parametrize("name", FILES)
def test_an_open_file_of_any_kind_stays_open(name: str) -> None:
    file = io.BytesIO(FILES[name])
    file.name = name
    assert rows(mpd.frame(file)) == ROWS
    assert not file.closed


def test_the_standard_input_may_be_a_pipe() -> None:
    code = "import mixpanel_pandas as mpd; print(mpd.frame('-', format='parquet')['user_id'].tolist())"
    done = subprocess.run(
        [sys.executable, "-c", code], input=FILES["users.parquet"], capture_output=True, check=True
    )
    assert done.stdout.split() == [b"['007',", b"'008']"]


class Exporting:
    """What hands out Arrow's stream, and nothing else."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


class Lazy:
    def collect_batches(self, *, maintain_order: bool) -> Iterator[Exporting]:
        assert maintain_order
        return iter([Exporting(TABLE_OF_ROWS[:1]), Exporting(TABLE_OF_ROWS[1:])])


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(lambda: TABLE_OF_ROWS, id="an Arrow table"),
        pytest.param(TABLE_OF_ROWS.to_reader, id="an Arrow reader"),
        pytest.param(lambda: TABLE_OF_ROWS.to_batches()[0], id="a record batch"),
        pytest.param(lambda: Exporting(TABLE_OF_ROWS), id="a stream"),
        pytest.param(Lazy, id="a lazy frame"),
        pytest.param(TABLE_OF_ROWS.to_pandas, id="a pandas frame"),
        pytest.param(lambda: TABLE_OF_ROWS.to_pandas().set_index("user_id"), id="a named index"),
        pytest.param(lambda: iter(TABLE_OF_ROWS.to_batches(1)), id="batches"),
        pytest.param(lambda: (TABLE_OF_ROWS[row : row + 1].to_pandas() for row in range(2)), id="frames"),
        pytest.param(lambda: [TABLE_OF_ROWS[:1], TABLE_OF_ROWS[1:].to_pandas()], id="a list"),
    ],
)
def test_frames_and_streams(source: Callable[[], Any]) -> None:
    assert rows(mpd.frame(source())) == ROWS


def test_a_column_may_have_any_name() -> None:
    source = pd.DataFrame({"read": ["a"], "collect_batches": [1]})
    assert mpd.frame(source).columns.tolist() == ["read", "collect_batches"]


def test_the_frame_does_not_change_with_its_source() -> None:
    source = pd.DataFrame({"id": ["a", "b"], "n": [1, 2]})
    frame = mpd.frame(source)
    source.loc[0, "n"] = 5
    assert frame["n"].tolist() == [1, 2]


def test_folders_globs_and_lists(tmp_path: Path) -> None:
    for country, code, number in (("NO", "007", 1), ("__HIVE_DEFAULT_PARTITION__", "a%2Fb", 2)):
        folder = tmp_path / f"country={country}" / f"code={code}"
        folder.mkdir(parents=True)
        (folder / "part-0.csv").write_text(f"id,n\nx,{number}\n", encoding="utf-8")
        (folder / "_SUCCESS").touch()
        (folder / ".part-0.csv.crc").touch()
    expected = [["x", 1, "NO", "007"], ["x", 2, None, "a/b"]]
    assert rows(mpd.frame(tmp_path)) == expected
    assert rows(mpd.frame(f"{tmp_path}/*/*/*.csv")) == expected
    files = sorted(tmp_path.rglob("*.csv"), reverse=True)
    assert rows(mpd.frame(files))[0][:2] == ["x", 2]


def test_files_that_differ_in_their_columns_and_values(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("id,n,a\nx,1,2024-01-01\n", encoding="utf-8")
    (tmp_path / "2.csv").write_text("id,b,n\ny,true,abc\n", encoding="utf-8")
    frame = mpd.frame(tmp_path)
    assert frame.columns.tolist() == ["id", "n", "a", "b"]
    assert rows(frame) == [["x", "1", dt.date(2024, 1, 1), None], ["y", "abc", None, True]]


def test_an_address(tmp_path: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    for name in ("users.csv.gz", "users.parquet", "users.jsonl"):
        memory.pipe(f"/exports/day=2024-01-01/{name}", FILES[name])
        assert rows(mpd.frame(f"memory://exports/day=2024-01-01/{name}")) == ROWS
    found = mpd.frame("memory://exports/*/*.parquet")
    assert rows(found) == [[*row, "2024-01-01"] for row in ROWS]
    memory.rm("/exports/day=2024-01-01/users.parquet")
    memory.rm("/exports/day=2024-01-01/users.jsonl")
    assert rows(mpd.frame("memory://exports")) == [[*row, "2024-01-01"] for row in ROWS]


def test_messages_hold_no_secrets_of_an_address() -> None:
    pytest.importorskip("fsspec")
    with pytest.raises(mpd.OperationError) as raised:
        mpd.frame("nothing://me:my@secret@host/users.csv?signature=abc")
    assert str(raised.value).startswith("cannot read nothing://host/users.csv: ")
    assert "secret" not in str(raised.value)
    assert "abc" not in str(raised.value)


def test_what_a_library_raises_on_the_way_is_an_error_of_the_file() -> None:
    fsspec = pytest.importorskip("fsspec")

    class ConnectionLost(Exception):
        """As libraries of file systems have errors of their own."""

    class Breaking(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > 100:
                message = "url='breaking://host/users.csv?signature=abc'"
                raise ConnectionLost(message)
            return super().read(size)

    class BreakingFiles(fsspec.AbstractFileSystem):
        protocol = "breaking"

        def isdir(self, _path: str) -> bool:
            return False

        def _open(self, _path: str, **_options: object) -> Breaking:
            return Breaking(b"id,n\n" + b"a,1\n" * 10**6)

    fsspec.register_implementation("breaking", BreakingFiles, clobber=True)
    with pytest.raises(
        mpd.OperationError,
        match=r"^cannot read breaking://host/users.csv: ConnectionLost: url='breaking://host/users.csv'$",
    ):
        mpd.frame("breaking://host/users.csv")


@pytest.mark.parametrize("name", ["users.csv", "*.csv"])
def test_what_a_file_system_raises_names_the_address_without_secrets(name: str) -> None:
    fsspec = pytest.importorskip("fsspec")
    password = "pass1234"

    class Refusing(fsspec.AbstractFileSystem):
        protocol = "refusing"

        def ls(self, path: str, **_options: object) -> list[str]:
            message = f"403, url='refusing://me:{password}@{path}?signature=abc'"
            raise RuntimeError(message)  # as HTTP libraries raise errors of their own

        glob = isdir = ls

    fsspec.register_implementation("refusing", Refusing, clobber=True)
    with pytest.raises(mpd.OperationError) as raised:
        mpd.frame(f"refusing://me:{password}@host/{name}")
    assert str(raised.value).startswith(
        f"cannot read refusing://host/{name}: RuntimeError: 403, url='refusing://"
    )
    assert password not in "".join(traceback.format_exception(raised.value))


def test_the_library_of_an_address_is_missing() -> None:
    with pytest.raises(mpd.MissingExtraError, match=r"s3://bucket/users\.csv"):
        mpd.frame("s3://bucket/users.csv")


@pytest.mark.parametrize("library", ["polars", "duckdb"])
def test_other_libraries(library: str) -> None:
    module = pytest.importorskip(library)
    if library == "duckdb":
        names = [mpd.frame(module.sql("select '007' as user_id, 'pro' as plan, 12 as credits"))]
    else:
        frame = module.from_arrow(TABLE_OF_ROWS).with_columns(module.col("plan").cast(module.Categorical))
        names = [mpd.frame(frame), mpd.frame(frame.lazy())]
    assert [rows(frame)[0] for frame in names] == [ROWS[0]] * len(names)


def written(path: Path, table: pa.Table, **options: Any) -> Path:
    parquet.write_table(table, path, **options)
    return path


def test_dates_of_any_year_in_parquet(tmp_path: Path) -> None:
    dates = pa.array(["1500-01-01", "2024-01-01 02:03:04.000005", "9999-12-31"]).cast(pa.timestamp("us"))
    table = pa.table({"d": dates})
    path = written(tmp_path / "t.parquet", table, use_deprecated_int96_timestamps=True)
    assert mpd.frame(path)["d"].array._pa_array.combine_chunks().equals(dates)


def test_named_tuples_series_and_missing_values_in_cells() -> None:
    class Point(NamedTuple):
        x: int
        y: int | None

    cells = [Point(1, None), pd.Series({"u": 1.5}), {"v": [pd.NA, pd.NaT, float("nan")]}]
    frame = mpd.frame(pd.DataFrame({"id": list("abc"), "v": pd.Series(cells, dtype=object)}))
    assert list(map(json.loads, frame["v"])) == [{"x": 1, "y": None}, {"u": 1.5}, {"v": [None] * 3}]
    assert mpd.frame(pd.DataFrame({"v": [Point(1, 2)]}))["v"].tolist() == ['{"x":1,"y":2}']


def test_sparse_columns_and_labels_that_are_missing() -> None:
    frame = pd.DataFrame({"id": ["a", "b"], None: pd.arrays.SparseArray([0, 1])})
    assert mpd.frame(frame).to_dict("list") == {"id": ["a", "b"], "": [0, 1]}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        pytest.param(lambda _path: 3, "cannot read a table from int", id="a number"),
        pytest.param(lambda _path: {"a": [1]}, r"pd.DataFrame\(source\)", id="a dict"),
        pytest.param(lambda _path: [{"a": 1}], r"pd.DataFrame\(records\)", id="dicts"),
        pytest.param(lambda _path: [], "list of sources is empty", id="nothing"),
        pytest.param(lambda _path: io.BytesIO(CSV), "name the format of", id="no name"),
        pytest.param(lambda _path: io.StringIO("a"), "name the format of", id="no name of text"),
        pytest.param(lambda path: path / "*.csv", "there are no files in", id="a glob of nothing"),
        pytest.param(lambda path: path, "there are no files in", id="an empty folder"),
        pytest.param(
            lambda path: path / "none", "cannot read .*none: No such file or directory", id="no folder"
        ),
        pytest.param(
            lambda _path: pa.table([["a"], ["b"]], names=["x", "x"]), "'x' occur more than once", id="labels"
        ),
        pytest.param(
            lambda _path: pd.DataFrame({"p": pd.period_range("2020", periods=2)}),
            "column 'p' has values of type .*period",
            id="periods",
        ),
        pytest.param(
            lambda _path: pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")])),
            "the columns are a MultiIndex",
            id="levels",
        ),
        pytest.param(
            lambda _path: pd.DataFrame({"id": [1]}, index=pd.Index([2], name="id")),
            r"levels of the index have the names of columns \('id'\)",
            id="a level and a column of one name",
        ),
        pytest.param(
            lambda _path: pd.DataFrame({"v": [float("inf"), "x"]}), "no infinite numbers", id="infinite"
        ),
        pytest.param(
            lambda _path: pd.DataFrame({"v": [[1, float("-inf")]]}), "no infinite numbers", id="in a list"
        ),
        pytest.param(
            lambda _path: pd.DataFrame({"v": [{1: 2}]}),
            "the key 1, which is not text",
            id="a key that is a number",
        ),
        pytest.param(
            lambda _path: pd.DataFrame({"v": [[dt.date(2024, 1, 1)]]}),
            "JSON has no values of type date",
            id="a date in a list",
        ),
        pytest.param(
            lambda path: written(path / "t.parquet", pa.table([["a"], ["b"]], names=["x", "x"])),
            "'x' occur more than once",
            id="labels in Parquet",
        ),
        pytest.param(
            lambda _path: pd.DataFrame({"v": [*["a"] * 65_536, dt.date(2020, 1, 1)]}),
            "column 'v' changes its type in the source, from date32.* to extension",
            id="a date among text",
        ),
        pytest.param(
            lambda _path: pd.DataFrame({"v": pd.Series([*[float("inf")] * 65_536, "a"], dtype=object)}),
            "column 'v' changes its type in the source, from double to extension",
            id="an infinite number among text",
        ),
    ],
)
def test_sources_that_are_none(tmp_path: Path, source: Callable[[Path], Any], message: str) -> None:
    with pytest.raises(mpd.OperationError, match=message):
        mpd.frame(source(tmp_path))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        pytest.param("t.csv.gz", gzip.compress(CSV * 100)[:-12], "t.csv.gz: ", id="truncated"),
        pytest.param("t.parquet", FILES["users.parquet"][:-20], "t.parquet: ", id="truncated Parquet"),
        pytest.param("t.feather", b"FEA1" * 4, "Feather file of version 1", id="old Feather"),
        pytest.param("t.json", b'[{"a": 1}]', "is a JSON array", id="array"),
        pytest.param("t.csv", b'a,b\n1,"x\n2,y\n', "a quote is never closed", id="open quote"),
        pytest.param("t.csv", b'"a,b\n1,x\n2,y\n', "a quote is never closed", id="in the header"),
        pytest.param("t.csv", b'a,b\n"1,x\n2,y\n', "a quote is never closed", id="malformed, too"),
        pytest.param("t.csv", "a\n\u00e9\n".encode("cp1252"), 'encoding="cp1252"', id="not in UTF-8"),
        pytest.param("t.zip", b"PK", "must end in '.csv'", id="ending"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(mpd.OperationError, match=message):
        mpd.frame(tmp_path / name)


@pytest.mark.parametrize("inner", ["_delta_log/0.json", "metadata/v1.metadata.json"])
def test_tables_that_are_more_than_their_files(tmp_path: Path, inner: str) -> None:
    (tmp_path / inner).parent.mkdir()
    (tmp_path / inner).touch()
    with pytest.raises(mpd.OperationError, match="some of whose files are out of date"):
        mpd.frame(tmp_path)


def test_files_of_several_formats(tmp_path: Path) -> None:
    files = [tmp_path / "a.csv", tmp_path / "b.pq"]
    for file in files:
        file.touch()
    with pytest.raises(mpd.OperationError, match="have several formats"):
        mpd.frame(files)


def test_a_source_that_fails_half_way() -> None:
    def pieces() -> Iterator[pd.DataFrame]:
        yield pd.DataFrame({"id": ["a"]})
        msg = "connection lost"
        raise RuntimeError(msg)

    with pytest.raises(
        mpd.OperationError, match="so none of its rows are used: RuntimeError: connection lost"
    ):
        mpd.frame(pieces())


def test_an_index_without_a_name_is_no_column(tmp_path: Path) -> None:
    pd.DataFrame({"id": ["a", "b"]}, index=[3, 4]).to_parquet(tmp_path / "t.parquet")
    assert mpd.frame(tmp_path / "t.parquet").columns.tolist() == ["id"]

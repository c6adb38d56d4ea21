from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

import mixpanel_pandas as mpd
from mixpanel_pandas.reading.writing import write_table

if TYPE_CHECKING:
    from pathlib import Path

TABLE = """user,zip,amount,code,flag,when,note,big
007,01234,1.5,1E5,true,2024-01-02T03:04:05Z,NA,1
42,99999,,12,false,,,2
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "users.csv"
    path.write_text(TABLE, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("column", "values"),
    [
        pytest.param("user", ["007", "42"], id="ids stay text"),
        pytest.param("zip", ["01234", "99999"], id="leading zeros stay text"),
        pytest.param("code", ["1E5", "12"], id="exponents stay text"),
        pytest.param("amount", [1.5, pd.NA], id="numbers are numbers, an empty cell is missing"),
        pytest.param("flag", [True, False], id="booleans"),
        pytest.param("when", [pd.Timestamp("2024-01-02T03:04:05Z"), pd.NaT], id="times"),
        pytest.param("note", ["NA", pd.NA], id="NA may be Namibia"),
        pytest.param("big", [1, 2], id="integers"),
    ],
)
def test_values_are_those_of_the_file(table: Path, column: str, values: list[object]) -> None:
    found = mpd.frame(table, id="user")[column].tolist()
    assert [None if pd.isna(value) else value for value in found] == [
        None if pd.isna(value) else value for value in values
    ]
    assert [type(value) for value in found if not pd.isna(value)] == [
        type(value) for value in values if not pd.isna(value)
    ]


def test_an_id_of_digits_stays_text_whatever_the_column(table: Path) -> None:
    assert mpd.frame(table, id="big")["big"].tolist() == ["1", "2"]


def test_compressed_tabbed_and_parquet(tmp_path: Path, table: Path) -> None:
    (tmp_path / "users.csv.gz").write_bytes(gzip.compress(TABLE.encode()))
    (tmp_path / "users.tsv").write_text(TABLE.replace(",", "\t"), encoding="utf-8")
    mpd.frame(table, id="user").to_parquet(tmp_path / "users.parquet")
    for name in ("users.csv.gz", "users.tsv", "users.parquet"):
        pd.testing.assert_frame_equal(
            mpd.frame(tmp_path / name, id="user"), mpd.frame(table, id="user"), check_dtype=False
        )


def test_integers_with_gaps_stay_integers(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    parquet.write_table(pa.table({"id": [1, 2], "n": pa.array([3, None], pa.int64())}), path)
    assert mpd.frame(path).mixpanel.payloads("set", "id").map(lambda row: row and row["$set"]).tolist() == [
        {"n": 3},
        None,
    ]


@pytest.mark.parametrize(
    ("column", "found"),
    [
        pytest.param("12345678901234567890123\n1", ["12345678901234567890123", "1"], id="beyond 64 bits"),
        pytest.param(
            "9007199254740993\n0.5", ["9007199254740993", "0.5"], id="more digits than a float keeps"
        ),
        pytest.param("0x10\n0xFF", ["0x10", "0xFF"], id="hexadecimal"),
        pytest.param("9007199254740993\n1", ["9007199254740993", "1"], id="more digits than 15"),
        pytest.param("123456789012345\n1", [123456789012345, 1], id="15 digits"),
        pytest.param("+15550100\n+4915112345678", ["+15550100", "+4915112345678"], id="plus signs"),
        pytest.param("1.10\n2.5", ["1.10", "2.5"], id="versions"),
        pytest.param("1.50\n2.25", [1.5, 2.25], id="as many decimals in all"),
        pytest.param("nan\n0.5", ["nan", "0.5"], id="not a number"),
    ],
)
def test_no_digit_is_lost(tmp_path: Path, column: str, found: list[object]) -> None:
    path = tmp_path / "t.csv"
    path.write_text("p\n" + column + "\n", encoding="utf-8")
    values = mpd.frame(path)["p"].tolist()
    assert values == found
    assert list(map(type, values)) == list(map(type, found))


@pytest.mark.parametrize(
    "name", ["$distinct_id", "distinct_id", "group_id", "company", "user", "phone", "$name", "First Name"]
)
def test_ids_and_text_properties_stay_text(tmp_path: Path, name: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"{name},n\n1,1\n2,2\n", encoding="utf-8")
    table = mpd.frame(path, id="user" if name == "user" else None, group="company")
    assert [table[name].tolist(), table["n"].tolist()] == [["1", "2"], [1, 2]]


def test_lists_and_objects_come_back(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": ["a"], "tags": [list(range(2000))], "o": [{"k": "v"}]})
    frame.to_parquet(tmp_path / "t.parquet")
    for source in (frame, mpd.frame(tmp_path / "t.parquet")):
        write_table(source, tmp_path / "t.csv")
        back = mpd.frame(tmp_path / "t.csv").mixpanel.payloads(
            "set", "id", parse={"tags": "json", "o": "json"}
        )
        assert back.iloc[0]["$set"] == {"tags": list(range(2000)), "o": {"k": "v"}}


@pytest.mark.parametrize(
    ("name", "content", "id", "message"),
    [
        pytest.param(
            "users.xlsx",
            b"",
            None,
            "cannot read 'users.xlsx': the name of a file must end in '.csv'",
            id="kind",
        ),
        pytest.param("users.csv", b"", None, "users.csv: it is empty", id="empty"),
        pytest.param(
            "users.csv",
            b"user,a\n1,2,3\n",
            None,
            "record 2 has 3 values, not 2 (the header is record 1)",
            id="ragged",
        ),
        pytest.param("users.parquet", b"no", None, "users.parquet: ", id="broken"),
        pytest.param(
            "users.csv",
            b"user,a\n1,2\n",
            "usr",
            "users.csv: did you mean 'user'?",
            id="id",
        ),
    ],
)
def test_refusals(tmp_path: Path, name: str, content: bytes, id: str | None, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises((mpd.OperationError, mpd.ValidationError)) as raised:
        mpd.frame(tmp_path / name, id=id)
    assert message in str(raised.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(mpd.OperationError, match=r"cannot read .*users\.csv: "):
        mpd.frame(tmp_path / "users.csv")

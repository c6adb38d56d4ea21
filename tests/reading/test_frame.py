"""`mpd.frame`: each value as it stands in the file, the options of reading, malformed records, and however a file is cut."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

import mixpanel_pandas as mpd
from mixpanel_pandas.reading import csv as csv_module
from mixpanel_pandas.reading import json_lines as json_module
from mixpanel_pandas.reading import spool as spool_module
from mixpanel_pandas.reading.writing import rows_as_json, write_table
from tests.examples import examples
from tests.reading.tables import CSV, read, rows

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


def test_infinite_numbers_are_text_in_json_lines() -> None:
    numbers = pd.DataFrame({"a": [1.5, np.inf, np.nan]})
    numbers["b"] = pd.array([None, -np.inf, 2.0], dtype=pd.ArrowDtype(pa.float64()))
    assert [*rows_as_json(numbers)] == [
        b'{"a":1.5,"b":null}\n',
        b'{"a":"inf","b":"-inf"}\n',
        b'{"a":null,"b":2.0}\n',
    ]
    assert [*rows_as_json(pd.DataFrame())] == []


def test_a_column_keeps_its_place_and_its_label_in_csv(tmp_path: Path) -> None:
    write_table(pd.DataFrame({0: [["a"]], "plan": ["pro"]}), tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text(encoding="utf-8") == '0,plan\n"[""a""]",pro\n'


@pytest.mark.parametrize(
    ("name", "content", "id", "message"),
    [
        pytest.param(
            "users.doc",
            b"",
            None,
            "cannot read 'users.doc': the name of a file must end in '.csv'",
            id="kind",
        ),
        pytest.param(
            "users.xlsx",
            b"",
            None,
            "cannot read 'users.xlsx': save the spreadsheet as CSV, or in Python pass pd.read_excel(path, dtype=str)",
            id="spreadsheet",
        ),
        pytest.param("users.csv", b"", None, "users.csv: it is empty", id="empty"),
        pytest.param("users.jsonl", b"", "id", "users.jsonl: it is empty", id="empty JSON Lines"),
        pytest.param(
            "users.jsonl",
            b'{\n"id": 1\n}\n',
            "id",
            "users.jsonl: line 1 is not valid JSON; line 2 is not",
            id="one object on several lines",
        ),
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
            "id column 'usr' is not in users.csv: did you mean 'user'?",
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


# -- options of reading -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "options", "expected"),
    [
        pytest.param(
            "id,v\n\u00e9,1\n".encode("cp1252"), {"encoding": "cp1252"}, [["\u00e9", 1]], id="cp1252"
        ),
        pytest.param(
            "id,v\n\u00e9,1\n".encode("utf-16-le"), {"encoding": "utf-16-le"}, [["\u00e9", 1]], id="LE"
        ),
        pytest.param(b"id;v\na;1,5\n", {"decimal": ","}, [["a", 1.5]], id="decimal comma"),
        pytest.param(b"id;v\na;1.234\n", {"decimal": ","}, [["a", "1.234"]], id="no point beside it"),
        pytest.param(b"id;v\na;7\n", {"decimal": ","}, [["a", 7]], id="whole numbers"),
        pytest.param(b"id|v,w\na|1\n", {"delimiter": "pipe"}, [["a", 1]], id="word"),
        pytest.param(b"id#v\na#1\n", {"delimiter": "#"}, [["a", 1]], id="character"),
        pytest.param(b"a,1\nb,2\n", {"header": False}, [["a", 1], ["b", 2]], id="no header"),
        pytest.param(b"a,1\n", {"header": False, "names": ["id", "v"]}, [["a", 1]], id="names"),
        pytest.param(b"x,x\na,1\n", {"names": ["id", "v"]}, [["a", 1]], id="names in place of the header"),
        pytest.param(b"id,v\na,1\n", {"infer": False}, [["a", "1"]], id="text"),
        pytest.param(b"id,v\na,N/A\nb,5\n", {"na": "common"}, [["a", None], ["b", 5]], id="na"),
        pytest.param(b"id, v\n a ,\xc2\xa05\n", {"trim": True}, [["a", 5]], id="trim"),
        pytest.param(b"id,v\na,0012\n", {"parse": {"v": "number"}}, [["a", 12]], id="parse"),
        pytest.param(b"id,v\na,12\n", {"parse": {"v": "text"}}, [["a", "12"]], id="parse as text"),
        pytest.param(b'id,v\na,"[1,""x""]"\n', {"parse": {"v": "json"}}, [["a", '[1,"x"]']], id="json"),
        pytest.param(b'id,v\na,"1.234,5"\n', {"parse": {"v": "number:1.234,5"}}, [["a", 1234.5]], id="marks"),
        pytest.param(b'a,5" x\n', {"header": False}, [["a", '5" x']], id="inches"),
    ],
)
def test_options(content: bytes, options: dict[str, Any], expected: list[list[object]]) -> None:
    frame = read(content, **options)
    assert rows(frame) == expected
    assert [list(map(type, row)) for row in rows(frame)] == [list(map(type, row)) for row in expected]


def test_the_line_to_copy_reads_the_same() -> None:
    content = b'id,n,x,b,d,t,s\n1,7,"1,5",true,2024-01-02,2024-01-02T03:04:05Z,a\n'
    frame = read(content, decimal=",", id="id")
    line = frame.attrs["parse"]
    assert line == ("parse={'n': 'number', 'x': 'number:0,5', 'b': 'boolean', 'd': 'date', 't': 'date'}")
    again = read(content, infer=False, parse=eval(line.removeprefix("parse=")))
    pd.testing.assert_frame_equal(again, frame)


def test_the_source_is_named_without_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.csv").write_text("id,v\nx,?\n", encoding="utf-8")
    frame = mpd.frame("a.csv", na={"?"}, header=True, delimiter=",")
    assert frame.attrs == {"source": "a.csv", "source_options": {"na": ["?"], "delimiter": ","}}
    assert frame[frame["id"] == "x"].copy().attrs == frame.attrs
    assert mpd.frame([Path("a.csv"), "a.csv"]).attrs == {"source": ["a.csv", "a.csv"]}
    assert mpd.frame(f"file://{tmp_path}/a.csv").attrs == {"source": f"file://{tmp_path}/a.csv"}
    assert mpd.frame(pd.DataFrame({"id": ["x"]})).attrs == {}
    with Path("a.csv").open("rb") as file:
        assert mpd.frame(file, format="csv").attrs == {}


def test_mistakes_are_named_at_once() -> None:
    with pytest.raises(mpd.OperationError) as raised:
        read(CSV, delimiter="ab", encoding="nope", decimal=";", names=["a", "a"], na="zzz")
    for name in ("delimiter", "encoding", "decimal", "names", "na"):
        assert f"{name}=" in str(raised.value)
    for options, message in [
        (
            {"format": "jsonl", "delimiter": ";", "header": False},
            "'delimiter', 'header': these options are for CSV files",
        ),
        ({"delimiter": '"'}, "must be one ASCII character, other than a quote"),
        ({"delimiter": "\u00a6"}, "must be one ASCII character"),
        ({"format": "xls"}, "format='xls' is not one of"),
        ({"invalid": "truncate"}, "invalid='truncate' is not one of"),
        ({"names": ["a"]}, "has 3 columns, but names= has 1"),
        ({"parse": {"plam": "number"}}, "did you mean 'plan'"),
        ({"parse": {"plan": "nr"}}, "no reading 'nr'"),
    ]:
        with pytest.raises(mpd.OperationError, match=message):
            read(CSV, **{"format": "csv", **options})


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("id", ["uid"]),
        ("group", ["company"]),
        ("parse", "number"),
        ("parse", {"plan": 5}),
        ("na", [5]),
        ("na", 5),
        ("names", "abc"),
        ("names", 5),
        ("delimiter", np.array([",", ";"])),
        ("decimal", [","]),
        ("format", ["csv"]),
        ("encoding", 5),
        ("header", "yes"),
        ("invalid", np.array(["raise", "drop_row"])),
    ],
)
def test_a_value_of_another_type_is_a_mistake(option: str, value: object) -> None:
    with pytest.raises(mpd.OperationError, match=f"^{option}="):
        mpd.frame(io.BytesIO(CSV), **{"format": "csv", option: value})


def test_names_and_texts_may_be_an_array_or_an_index(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,-\n", encoding="utf-8")
    for make in (np.array, pd.Index):
        table = mpd.frame(tmp_path / "t.csv", names=make(["x", "y"]), na=make(["-", "?"]))
        assert rows(table) == [[1, None]]
        assert table.attrs["source_options"] == {"names": ["x", "y"], "na": ["-", "?"]}


# -- malformed records, and text that cannot be read ------------------------------------------------------------------


def test_malformed_records_are_listed(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"{number}.csv").write_text("id,n\na,1\nb\n" + "c,2,3\n" * 80, encoding="utf-8")
    with pytest.raises(mpd.ValidationError) as raised:
        mpd.frame(tmp_path)
    assert "162 malformed records" in str(raised.value)
    assert "1.csv: record 3 has 1 value, not 2" in str(raised.value)
    report = raised.value.report
    assert len(report) == 100
    assert report["count"].unique().tolist() == [162]
    assert report["message"].iloc[-1].endswith("2.csv: record 21 has 3 values, not 2")
    assert pickle.loads(pickle.dumps(raised.value)).report.equals(report)
    with pytest.warns(mpd.ProfileWarning, match="162 malformed records left out"):
        assert rows(mpd.frame(tmp_path, invalid="drop_row")) == [["a", 1]] * 2


def test_lines_that_are_no_objects_are_listed() -> None:
    content = b'{"a": 1}\n\n[1]\n{"a": \n"x"\n{"a": 1, "a": 2}\n{"b": \xff}\nnull\n{"a": 2}\n'
    with pytest.raises(mpd.ValidationError) as raised:
        read(content, "jsonl")
    assert raised.value.report["message"].tolist() == [
        f"the file: line {number} {words}"
        for number, words in [
            (3, "is an array, not an object"),
            (4, "is not valid JSON"),
            (5, "is a string, not an object"),
            (6, "has an object with a repeated key"),
            (7, "is not in UTF-8 (invalid start byte at byte 7)"),
            (8, "is null, not an object"),
        ]
    ]
    assert raised.value.report["record"].tolist() == [3, 4, 5, 6, 7, 8]
    with pytest.warns(mpd.ProfileWarning, match="6 malformed records left out"):
        assert rows(read(content, "jsonl", invalid="drop_row")) == [[1], [2]]


@pytest.mark.parametrize("levels", [250, 251, 600])
def test_lines_that_are_nested_too_deeply_are_malformed(levels: int) -> None:
    content = b'{"a": ' + b"[" * (levels - 1) + b"]" * (levels - 1) + b'}\n{"a": [' + b"{}," * 600 + b"{}]}\n"
    if levels <= 250:
        assert len(read(content, "jsonl")) == 2
        return
    with pytest.raises(
        mpd.ValidationError, match=r"1 malformed record: .*line 1 is nested more than 250 levels deep"
    ):
        read(content, "jsonl")


def test_texts_that_cannot_be_read_are_listed() -> None:
    content = b"id,n,d\na,1,2024-01-01\nb,x,y\nc,3,z\n"
    readings = {"n": "number", "d": "date"}
    with pytest.raises(
        mpd.ValidationError, match=r"column 'n' as number: .* in 1 row, first 'x' in row 1"
    ) as raised:
        read(content, parse=readings)
    report = raised.value.report
    assert report[["column", "position", "value", "count"]].values.tolist() == [
        ["n", 1, "x", 1],
        ["d", 1, "y", 2],
        ["d", 2, "z", 2],
    ]
    with pytest.warns(mpd.ProfileWarning, match="2 rows left out because their text cannot be read"):
        assert rows(read(content, parse=readings, invalid="drop_row")) == [["a", 1, dt.date(2024, 1, 1)]]


# -- objects, lists, and values of several types ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param(["1", "2.5"], [1.0, 2.5], id="numbers"),
        pytest.param([str(2**53), "0.5"], [2.0**53, 0.5], id="the last exact integer"),
        pytest.param([str(2**53 + 1), "0.5"], [str(2**53 + 1), "0.5"], id="an integer that no double holds"),
        pytest.param([str(2**63 - 1), "-1"], [2**63 - 1, -1], id="64 bits"),
        pytest.param([str(2**63), "-1"], [str(2**63), "-1"], id="beyond 64 bits"),
        pytest.param(["0.12345678901234567891"], ["0.12345678901234567891"], id="a long decimal"),
        pytest.param(["1.0", '"a"'], ["1", '"a"'], id="number, text"),
        pytest.param(["true", "1"], ["true", "1"], id="boolean, number"),
        pytest.param(['{"b": 1, "a": [null]}'], ['{"b":1,"a":[null]}'], id="object"),
        pytest.param(["null", "null"], [None, None], id="nothing"),
        pytest.param([r'"\u00e9"'], ["\u00e9"], id="escapes"),
    ],
)
@pytest.mark.parametrize("block", [8, 10**6], ids=["line by line", "at once"])
def test_values_of_json_lines(monkeypatch, values: list[str], expected: list[object], block: int) -> None:
    monkeypatch.setattr(json_module, "BLOCK_BYTES", block)
    monkeypatch.setattr(spool_module, "IN_MEMORY", 0)
    content = "".join(f'{{"v": {value}}}\n' for value in values).encode()
    assert [row[0] for row in rows(read(content, "jsonl"))] == expected


def test_json_columns_survive_filters_and_concat_and_are_sent_as_json() -> None:
    frame = read(b'{"id": "a", "v": {"k": [1]}}\n{"id": "b", "v": "1"}\n{"id": "c"}\n', "jsonl")
    joined = pd.concat([frame[frame["id"] != "c"], frame])
    sent = joined.mixpanel.payloads("set", "id", duplicates="all").map(lambda row: row and row["$set"]["v"])
    assert sent.tolist() == [{"k": [1]}, "1", {"k": [1]}, "1", None]
    again = frame.mixpanel.payloads("set", "id", parse={"v": "json"}).map(
        lambda row: row and row["$set"]["v"]
    )
    assert again.tolist() == sent.tolist()[2:]


# -- however a file is cut --------------------------------------------------------------------------------------------


CELLS = st.sampled_from(
    [
        "",
        '""',
        "1",
        "-2",
        "2.5",
        "1.10",
        "007",
        "9007199254740993",
        "true",
        "False",
        "2024-01-02",
        "abc",
        '"a\nb"',
        "2024-01-02T03:04:05",
        "2024-01-02T03:04:05Z",
        '"a ""b"""',
        "12345678901234567890",
    ]
)


def reading_in_blocks(content: bytes, format: str, block: int, spill: int, batch: int) -> pd.DataFrame:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_module, "BLOCK_BYTES", block)
        patch.setattr(json_module, "BLOCK_BYTES", block)
        patch.setattr(spool_module, "IN_MEMORY", spill)
        patch.setattr(spool_module, "BATCH_BYTES", batch)
        patch.setattr(spool_module, "BATCH_ROWS", 1)
        return read(content, format)


SIZES = st.tuples(st.integers(300, 2000), st.sampled_from([0, 2000, 10**9]), st.sampled_from([1, 500, 10**9]))


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=40), SIZES)
@settings(max_examples=examples(100), deadline=None)
def test_a_csv_file_is_read_the_same_however_it_is_cut(cells, sizes) -> None:
    content = ("id,a,b\n" + "".join(f"x,{one},{other}\n" for one, other in cells)).encode()
    pd.testing.assert_frame_equal(reading_in_blocks(content, "csv", *sizes), read(content))


VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.sampled_from([0, 1, 2**53, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), 0.0, -0.0, 1.0, 2.5, 1e300])
    | st.text(max_size=3)
    | st.lists(st.integers(0, 3) | st.floats(0, 2), max_size=2)
    | st.dictionaries(st.sampled_from("xyz"), st.integers(0, 3) | st.none(), max_size=2)
)
#: Columns of few types, because those of many are JSON from their first values on.
KINDS = st.lists(
    st.sampled_from([0, 1, 2.5, 1.0, -0.0, 2**53 + 1, 2**63, None, "a", True]), min_size=1, max_size=3
)


@given(st.data(), SIZES)
@settings(max_examples=examples(100), deadline=None)
def test_json_lines_are_read_the_same_however_they_are_cut(data, sizes) -> None:
    kinds = data.draw(KINDS)
    objects = data.draw(
        st.lists(
            st.fixed_dictionaries({}, optional={"a": st.sampled_from(kinds), "b": VALUES, "c": VALUES}),
            max_size=30,
        )
    )
    content = "".join(json.dumps(one) + "\n" for one in objects).encode()
    whole = read(content, "jsonl")
    block, *others = sizes
    pd.testing.assert_frame_equal(reading_in_blocks(content, "jsonl", block // 10, *others), whole)
    assert len(whole) == len(objects)
    for name, column in whole.items():
        for value, one in zip(column, objects, strict=True):
            held = None if value is pd.NA else value
            is_json = "json" in str(column.dtype)
            assert (json.loads(held) if is_json and held is not None else held) == one.get(name)

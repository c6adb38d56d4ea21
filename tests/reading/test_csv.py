"""CSV as people have it: separators, encodings, quotes, malformed records; each value as it stands in the file."""

from __future__ import annotations

import gzip
import io

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixpanel_pandas.errors import OperationError
from mixpanel_pandas.reading import csv as module
from mixpanel_pandas.reading.csv import csv_batches
from mixpanel_pandas.reading.dialect import Dialect
from mixpanel_pandas.reading.malformed import Malformed
from mixpanel_pandas.reading.streams import Replayed, open_decompressed
from tests.examples import examples


def columns(content, **dialect):
    malformed = Malformed()
    batches = list(csv_batches(io.BytesIO(content), "t.csv", Dialect(**dialect), malformed))
    table = pa.Table.from_batches(batches) if batches else pa.table({})
    return table.to_pydict(), malformed


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b'a,b\n1,\n2,""\n', {"a": ["1", "2"], "b": [None, ""]}, id="missing, and empty text"),
        pytest.param(b"a;b\r\n1;x,y\r\n", {"a": ["1"], "b": ["x,y"]}, id="semicolons"),
        pytest.param(b"a\tb\n1\tx\n", {"a": ["1"], "b": ["x"]}, id="tabs"),
        pytest.param(b"a|b\n1|x\n", {"a": ["1"], "b": ["x"]}, id="pipes"),
        pytest.param(b'"x;y",b\n1,2\n', {"x;y": ["1"], "b": ["2"]}, id="a separator in a quoted name"),
        pytest.param(b"sep=;\na;b\n1;2\n", {"a": ["1"], "b": ["2"]}, id="sep= line"),
        pytest.param("a,b\n1,\u00e9\n".encode("utf-16"), {"a": ["1"], "b": ["\u00e9"]}, id="UTF-16"),
        pytest.param(b"\xef\xbb\xbfa,b\n1,2\n", {"a": ["1"], "b": ["2"]}, id="byte order mark"),
        pytest.param(
            b'a,b\n1,"Bob \\"B\\" X"\n', {"a": ["1"], "b": ['Bob "B" X']}, id="backslash before quotes"
        ),
        pytest.param(
            b'a,b\n\\N,"Bob \\"B\\" C:\\temp\\\\"\n',
            {"a": ["\\N"], "b": ['Bob "B" C:\\temp\\']},
            id="other backslashes beside those before quotes",
        ),
        pytest.param(
            b'a,b\n1,"5\\" x"\n2,"y\n"\n',
            {"a": ["1", "2"], "b": ['5" x', "y\n"]},
            id="an odd number of quotes, one of them escaped",
        ),
        pytest.param(b'a,b\n1,"C:\\"\n', {"a": ["1"], "b": ["C:\\"]}, id="a backslash at the end"),
        pytest.param("a,b\n1,\u00e9\n".encode("utf-32"), {"a": ["1"], "b": ["\u00e9"]}, id="UTF-32"),
        pytest.param(b'a,b\n1,"x\ny"\n', {"a": ["1"], "b": ["x\ny"]}, id="line end in quotes"),
        pytest.param(b"a,b\n\n1,2\n\n", {"a": ["1"], "b": ["2"]}, id="empty lines"),
        pytest.param(b"a,b", {"a": [], "b": []}, id="header alone"),
        pytest.param(b"a,b\n1,NA\n", {"a": ["1"], "b": ["NA"]}, id="NA may be Namibia"),
        pytest.param(b"", {}, id="nothing"),
    ],
)
def test_values_are_those_of_the_file(content, expected):
    found, malformed = columns(content)
    assert (found, malformed.count) == (expected, 0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b'a,b\n1,"x\n2,y\n', "a quote is never closed", id="open quote"),
        pytest.param(b'"a,b\n1,x\n', "a quote is never closed", id="open quote in the header"),
        pytest.param(
            "a,b\n1,\u00e9\n".encode("cp1252"),
            't.csv is not in UTF-8: name its encoding, such as encoding="cp1252"',
            id="cp1252",
        ),
        pytest.param(
            "a,b\n1,2,\u00e9\n".encode("cp1252"),
            "not in UTF-8: name its encoding",
            id="cp1252, malformed, too",
        ),
        pytest.param(b"a,b\n1,\xc3", "byte 0xc3 after '1,'", id="half a character of UTF-8"),
        pytest.param("a,b\n1,x\n".encode("utf-16-le"), 'encoding="utf-16-le"', id="UTF-16 without its mark"),
        pytest.param(b"PK\x03\x04\n", "t.csv is a zip archive or an Excel workbook", id="Excel"),
        pytest.param(b"\xd0\xcf\x11\xe0\n", "read it with pd.read_excel", id="old Excel"),
        pytest.param(b"PAR1\x15", "read it with format='parquet'", id="Parquet"),
        pytest.param(b"ARROW1", "read it with format='arrow'", id="Arrow"),
        pytest.param("a,b\n1,x\n".encode("utf-16")[:-1], "t.csv is not in utf-16", id="half a character"),
        pytest.param(
            b"," * 20_000 + b"\n" + b"07," * 20_000 + b"07\n",
            "t.csv has 20,001 columns: at most 20,000 can be read",
            id="too many columns",
        ),
        pytest.param(b"a,a\n1,2\n", "columns 'a' occur more than once in t.csv", id="names twice"),
        pytest.param(
            b"a,b\n1," + b"x" * 3_000_000 + b"\n1,2\n", "a record is longer than 1 MB", id="long record"
        ),
        pytest.param(
            b"a,b\n" + b"1,x\n" * 40_000 + b'1,"B \\"x\\" y"\n',
            "a backslash escapes a quote",
            id="late backslashes",
        ),
    ],
)
def test_what_cannot_be_read_is_said(content, message):
    with pytest.raises(OperationError) as caught:
        columns(content)
    assert message in str(caught.value)


@pytest.mark.parametrize("block", [300, 301, 302, 303])
def test_backslashes_at_the_end_of_a_block(monkeypatch, block):
    monkeypatch.setattr(module, "BLOCK_BYTES", block)
    found, _ = columns(b"a,b\n" + b'"\\"x\\"",C:\\\\t\\emp\n' * 200)
    assert found == {"a": ['"x"'] * 200, "b": ["C:\\t\\emp"] * 200}


@pytest.mark.parametrize(
    ("value", "is_said"),
    [
        pytest.param(r"C:\\temp", False, id="all escaped"),
        pytest.param(r"C:\temp", False, id="none escaped"),
        pytest.param(r"C:\\temp \N \0", False, id="words of MySQL"),
        pytest.param(r"\\server C:\temp", True, id="both"),
    ],
)
def test_backslashes_that_may_be_two_are_said(caplog, value, is_said):
    columns(b'a,b\n1,"B \\"x\\" y"\n2,' + value.encode() + b"\n")
    assert [record.event for record in caplog.records] == ["backslashes"] * is_said
    assert ("t.csv: backslashes escape quotes" in caplog.text) is is_said


def test_a_line_end_in_quotes_stays_whole_between_two_blocks(monkeypatch):
    monkeypatch.setattr(module, "BLOCK_BYTES", 40)
    for count in range(40):
        found, _ = columns(b"a\r\n" + b"1\r\n" * count + b'"x\r\ny"\r\n')
        assert found["a"] == ["1"] * count + ["x\r\ny"]


def test_a_file_that_is_not_read_to_its_end_is_let_go(monkeypatch):
    monkeypatch.setattr(module, "BLOCK_BYTES", 300)
    sizes = []

    class File(io.BytesIO):
        def read(self, size=-1):
            block = super().read(size)
            sizes.append(len(block))
            return block

    file = File(b"a,b\n" + b"1,x\n" * 1_000_000)
    batches = csv_batches(file, "t.csv", Dialect(), Malformed())
    assert next(batches).num_rows
    batches.close()
    assert sum(sizes) < 1_000_000
    assert file.closed


def test_malformed_records_are_counted_and_named():
    found, malformed = columns(b"a,b\n1\n2,3,4\n5,6\n" + b"7\n" * 200)
    assert found == {"a": ["5"], "b": ["6"]}
    assert malformed.count == 202
    assert malformed.words().startswith(
        "t.csv: record 2 has 1 value, not 2; record 3 has 3 values, not 2; record 5 has 1 value"
    )
    assert malformed.words().endswith("; and 197 more")


VALUES = st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=8)


@given(st.lists(st.tuples(VALUES, VALUES), max_size=12), st.integers(24, 400))
@settings(max_examples=examples(100), deadline=None)
def test_any_block_size_gives_the_same(rows, block):
    quoted = lambda value: "" if value is None else '"' + value.replace('"', '""') + '"'
    content = "a,b\n" + "".join(
        f"{quoted(one)},{quoted(other)}\n" for one, other in rows if (one, other) != (None, None)
    )
    expected = [
        list(column) for column in zip(*[row for row in rows if row != (None, None)], strict=True)
    ] or [[], []]
    with pytest.MonkeyPatch.context() as patch:
        whole, _ = columns(content.encode())
        patch.setattr(
            module, "BLOCK_BYTES", max(block, max(map(len, content.encode().split(b"\n"))) + 100, 300)
        )
        cut, _ = columns(content.encode())
    assert list(whole.values()) == expected
    assert cut == whole


@pytest.mark.parametrize("parts", [1, 2])
def test_a_compressed_file_of_several_parts_is_read_whole(tmp_path, parts):
    path = tmp_path / "t.csv.gz"
    path.write_bytes(b"".join(gzip.compress(b"line\n" * 100_000) for _ in range(parts)))
    with open_decompressed(path) as stream:
        assert Replayed(b"first\n", stream).read() == b"first\n" + b"line\n" * 100_000 * parts


def test_a_truncated_file_is_refused(tmp_path):
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 1000)[:-20])
    with open_decompressed(path) as stream, pytest.raises(OSError, match="Truncated"):
        list(csv_batches(stream, "t.csv", Dialect(), Malformed()))

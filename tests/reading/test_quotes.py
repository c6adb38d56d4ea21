"""Quotes that are not closed: records on several lines are what they say, and no record vanishes in another."""

from __future__ import annotations

import csv
import gzip
import io
import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import mixpanel_pandas as mpd
from mixpanel_pandas.errors import OperationError, ValidationError
from mixpanel_pandas.reading import csv as module
from mixpanel_pandas.reading.csv import csv_batches
from mixpanel_pandas.reading.dialect import Dialect
from mixpanel_pandas.reading.malformed import LISTED, Malformed
from tests.examples import examples

#: Lines of which two quotes of different records are lost.
SWALLOWED = b'id,text\n1,"hello\n2,b\n3,"world\n4,c\n'


def records(content, block=1 << 20, **dialect):
    malformed = Malformed()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK_BYTES", block)
        batches = csv_batches(io.BytesIO(content), "t.csv", Dialect(**dialect), malformed)
        rows = [
            [text or "" for text in row]
            for batch in batches
            for row in zip(*(column.to_pylist() for column in batch.columns), strict=True)
        ]
    return rows, malformed


def block_for(content, block):
    """Return a size of blocks that each record fits into."""
    return max(block, len(content) + 10 if block > 200 else max(map(len, content.splitlines())) * 4)


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        pytest.param(b'a,b\n1,"x\ny ""z"" w"\n', [["1", 'x\ny "z" w']], id="doubled quotes"),
        pytest.param(b'a,b\n1,"x\ny"', [["1", "x\ny"]], id="the end of the file"),
        pytest.param(b'a,b\r\n"1\r\n",""\r\n', [["1\r\n", ""]], id="CRLF"),
        pytest.param(b'a,b\r"1\rx","y"\r2,z\r', [["1\rx", "y"], ["2", "z"]], id="CR alone"),
        pytest.param(b'a,b\n5" pipe,"x\ny"\n', [['5" pipe', "x\ny"]], id="a quote in a value without quotes"),
        pytest.param(b'a,b\n1,5"\n2,"x\ny"\n', [["1", '5"'], ["2", "x\ny"]], id="inches in a record before"),
        pytest.param(b'a,b\n1,"x"y\n', [["1", "xy"]], id="text behind quotes, on one line"),
        pytest.param(b'"a\nb",c\n1,2\n', [["1", "2"]], id="a name on two lines"),
        pytest.param(
            b'a,b\n1,"5\\" x\ny\\\\"\n2,x\\\ny\n', [["1", '5" x\ny\\'], ["2", "x\ny"]], id="backslashes"
        ),
        pytest.param('a,b\n1,"\u00e9\ny"\n'.encode("utf-16"), [["1", "\u00e9\ny"]], id="UTF-16"),
        pytest.param(b'a,b\n\n1,"\n\n"\n\n\n', [["1", "\n\n"]], id="empty lines"),
    ],
)
@pytest.mark.parametrize("block", [40, 1 << 20])
def test_legal_records_on_several_lines_stay(content, rows, block):
    found, malformed = records(content, block)
    assert (found, malformed.count) == (rows, 0)


@pytest.mark.parametrize(
    ("content", "rows", "message", "count"),
    [
        pytest.param(SWALLOWED, [["4", "c"]], "record 2 spans 3 lines", 3, id="two quotes that open"),
        pytest.param(
            SWALLOWED.replace(b"\n", b"\r\n"), [["4", "c"]], "record 2 spans 3 lines", 3, id="CRLF"
        ),
        pytest.param(
            SWALLOWED.replace(b"\n", b"\r"), [["4", "c"]], "record 2 spans 3 lines", 3, id="CR alone"
        ),
        pytest.param(
            b'a,b\n0\n1,"x\n2,", y"\n', [], "record 2 has 1 value, not 2; record 3 has 3 values, not 2, on 2 lines", 3,
            id="a record of too many values",
        ),
        pytest.param(
            b'a,b,c\n1,"x\n2,", y"\n0\n3,4,5\n', [["3", "4", "5"]],
            "record 2 spans 2 lines, and a quote in it is not closed or not doubled; record 3 has 1 value", 3,
            id="a value behind that ends in a quote",
        ),
        pytest.param(
            b'a,b\nq,"B \\"C\\" d"\n1,"x\n2,"y\n', [["q", 'B "C" d']], "record 3 spans 2 lines", 2, id="backslashes",
        ),
    ],
)  # fmt: skip
def test_records_that_may_hold_others_are_malformed(content, rows, message, count):
    found, malformed = records(content)
    assert (found, malformed.count) == (rows, count)
    assert malformed.words().startswith(f"t.csv: {message}")
    assert "more" not in malformed.words()


def test_all_of_them_are_listed_with_their_numbers_in_blocks_of_any_size():
    parts = [b'1,"x\ny"\n', b"0\n", b'2,"x\n3,"y\n'] * 60
    for block in [30, 45, 1 << 20]:
        found, malformed = records(b"a,b\n" + b"".join(parts), block)
        assert len(found) == 60
        assert malformed.count == 60 * 3
        assert [record.number for record in malformed.first] == [3 * k // 2 + 3 for k in range(LISTED)]
        assert malformed.words().endswith(f"; and {180 - 1 - 2 - 1 - 2 - 1} more")


def test_a_header_that_may_hold_records_is_an_error():
    with pytest.raises(OperationError, match=r"record 1 spans 2 lines.*it must name the columns"):
        records(b'id,"text\n1,"h"\n')


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_frames_list_them_and_uploads_count_them(tmp_path, suffix):
    path = tmp_path / f"t{suffix}"
    path.write_bytes(gzip.compress(SWALLOWED) if suffix.endswith("gz") else SWALLOWED)
    with pytest.raises(ValidationError, match=r"3 malformed records: .*record 2 spans 3 lines") as caught:
        mpd.frame(path)
    assert caught.value.report["value"].tolist() == [r'1,"hello\n2,b\n3,"world']
    with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
        summary = mpd.upload(path, "set", "id", invalid="drop_row")
    assert summary[["rows", "outcome"]].to_numpy().tolist() == [[1, "accepted"], [3, "invalid"]]


# -- generated tables -------------------------------------------------------------------------------------------------

STYLES = {
    "minimal": {"quoting": csv.QUOTE_MINIMAL},
    "all": {"quoting": csv.QUOTE_ALL},
    "text": {"quoting": csv.QUOTE_NONNUMERIC},
    "backslashes": {"quoting": csv.QUOTE_ALL, "doublequote": False, "escapechar": "\\"},
    "backslashes alone": {"quoting": csv.QUOTE_NONE, "escapechar": "\\"},
}


def written(rows, delimiter=",", end="\n", **style):
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter, lineterminator=end, **style).writerows(rows)
    return file.getvalue()


def tables(values):
    return st.integers(2, 4).flatmap(
        lambda width: st.lists(st.lists(values, min_size=width, max_size=width), min_size=1, max_size=8)
    )


@given(
    tables(st.text(st.sampled_from('ab",;\t|\\\n\r \u00e9\U0001f600'), max_size=6)),
    st.sampled_from(",;\t|"),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(sorted(STYLES)),
    st.sampled_from([None, "utf-16", "cp65001", "utf-32"]),
    st.integers(30, 300),
)
@settings(max_examples=examples(400), deadline=None)
def test_written_tables_are_read_back(rows, delimiter, end, style, encoding, block):
    width = len(rows[0])
    if style.startswith("backslashes"):
        rows = [['"x"'] * width, *rows]  # the file shows at once that backslashes escape
    if style in {
        "minimal",
        "backslashes alone",
    }:  # Python does not mark an end of a line that is not the file's
        rows = [[value.replace("\r", "") if end != "\r\n" else value for value in row] for row in rows]
        rows = [[value.replace("\n", "") if end == "\r" else value for value in row] for row in rows]
    names = [f"c{number}" for number in range(width)]
    content = written([names, *rows], delimiter, end, **STYLES[style])
    assume(style.startswith("backslashes") or not re.search(r'\\"[^",;|\t\r\n]', content))
    found, malformed = records(
        content.encode(encoding or "utf-8"),
        block_for(content.encode(), block),
        delimiter=delimiter,
        encoding=encoding,
    )
    assert (found, malformed.count) == (rows, 0)


def legal_records(content):
    """Return the records of a file that is written as RFC 4180 says, but for quotes in values without quotes; None of another."""
    value = r'(?:"(?:[^"]|"")*"|(?!")[^,\r\n]*)'
    record = rf"{value}(?:,{value})*(?:\r\n|\r|\n|\Z)"
    if not re.fullmatch(rf"(?:{record})*", content):
        return None
    return [row for row in csv.reader(io.StringIO(content, newline="")) if row]


@given(
    tables(st.from_regex(r'[ab]([ab",\n]{0,5}[ab])?', fullmatch=True)),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["all", "text", "minimal"]),
    st.lists(st.integers(0, 300), min_size=2, max_size=2, unique=True),
    st.integers(30, 300),
)
@settings(max_examples=examples(600), deadline=None)
def test_two_lost_quotes_lose_no_record_silently(rows, end, style, lost, block):
    names = [f"c{number}" for number in range(len(rows[0]))]
    content = written([names, *rows], end="\r\n" if style == "minimal" else end, **STYLES[style])
    quotes = [place for place, character in enumerate(content) if character == '"']
    assume(len(quotes) >= 2)
    places = {quotes[number % len(quotes)] for number in lost}
    assume(len(places) == 2)
    damaged = "".join(character for place, character in enumerate(content) if place not in places)
    try:
        found, malformed = records(damaged.encode(), block_for(damaged.encode(), block))
    except OperationError:
        return
    legal = legal_records(damaged)
    assert malformed.count or len(found) >= len(rows) or (legal is not None and found == legal[1:])


@given(
    tables(st.text(st.sampled_from('ab",\n'), max_size=5)), st.sets(st.integers(0, 300), max_size=6), st.integers(30, 300)
)  # fmt: skip
@settings(max_examples=examples(600), deadline=None)
def test_each_record_on_several_lines_is_legal_whatever_quotes_are_lost(rows, lost, block):
    content = written([[f"c{number}" for number in range(len(rows[0]))], *rows], quoting=csv.QUOTE_ALL)
    quotes = [place for place, character in enumerate(content) if character == '"']
    places = {quotes[number % len(quotes)] for number in lost}
    damaged = "".join(character for place, character in enumerate(content) if place not in places)
    try:
        found, _ = records(damaged.encode(), block_for(damaged.encode(), block))
    except OperationError:
        return
    for row in found:
        for value in row:
            doubled = value.replace('"', '""')
            assert "\n" not in value or re.search(rf'(?<![^,\n])"{re.escape(doubled)}"(?![^,\n])', damaged)


#: Records of a file of two columns, of all kinds.
PIECES = [
    b"1,plain\n",
    b'2,"in quotes"\n',
    b'3,"on\ntwo lines"\n',
    b'"on\n""three""\nlines",4\n',
    b'5,5" pipe\n',
    b"6\n",
    b'7,"too\nmany",7\n',
    b'7,"too\n""",7\n',
    b'7,"a quote\n"""\n',
    b'8,"open\n8,b\n8,"again\n',
    b'9,"x\r\ny"z\r\n',
    b'10,"' + b"long " * 10 + b'\n10,"open\n',
    b"\n",
]
ESCAPING = [b"1,on\\\ntwo lines\n", b'2,"a \\"quote\\"\nhere"\n', b'3,"open\\"\n3,b\n3,"again\n']


@given(
    st.lists(st.sampled_from(PIECES), min_size=3, max_size=25),
    st.lists(st.sampled_from(ESCAPING), max_size=5),
    st.randoms(use_true_random=False),
    st.integers(80, 120),
)
@settings(max_examples=examples(600), deadline=None)
def test_blocks_of_any_size_give_the_same(pieces, escaping, random, block):
    mixed = [*pieces, *escaping]
    random.shuffle(mixed)
    content = (b'a,"b \\"c\\" d"\n' if escaping else b"a,b\n") + b"".join(mixed)
    whole, all_malformed = records(content)
    cut, malformed = records(content, block)
    assert cut == whole
    assert malformed == all_malformed
    assert len(whole) + malformed.count >= sum(piece != b"\n" for piece in mixed)


def test_values_on_several_lines_without_quotes():
    content = b'a,"b \\"c\\" d"\n' + ESCAPING[0] * 30 + b'2,"open\n3,"again\n'
    found, malformed = records(content, 80)
    assert (len(found), malformed.count) == (30, 2)


def test_a_record_that_fills_a_whole_block():
    content = b"a,b\n" + b"1," + b"x" * 43 + b'\n2,"y\n' + b"z" * 44 + b'"z\n'
    found, malformed = records(content, 50)
    assert (len(found), malformed.count) == (1, 2)

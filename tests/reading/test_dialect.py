"""The separator of a CSV file that does not name it."""

from __future__ import annotations

import pytest

from mixpanel_pandas.errors import OperationError
from mixpanel_pandas.reading.dialect import BEGINNING, delimiter_of, without_sep_line


@pytest.mark.parametrize(
    ("start", "named", "expected"),
    [
        pytest.param(b"a;b\n1;x,y\n", None, ";", id="the first record"),
        pytest.param(b'"a;b",c\n', None, ",", id="one in quotes"),
        pytest.param(b'"a\n;b"|c\n', None, "|", id="one in quotes, on the second line"),
        pytest.param(b"a;b\n", "tab", "\t", id="named by a word"),
        pytest.param(b"a;b\n1;2\n3;4\n", ",", ",", id="named"),
        pytest.param(b"tags\na;b\n", None, ",", id="one line does not tell"),
        pytest.param(b"tags\na;b\nc;d;e\n", None, ",", id="lines that do not agree"),
        pytest.param(b"tags\na;b\nc\n", None, ",", id="a line without"),
        pytest.param(b'text\n"a;b"\n"c;d"\n', None, ",", id="lines in quotes"),
        pytest.param(b"text\na;b\nc" + b"x" * BEGINNING + b";", None, ",", id="a line that goes on"),
        pytest.param(b"id\n1\n2\n", None, ",", id="one column"),
        pytest.param(b"", None, ",", id="nothing"),
    ],
)
def test_the_separator(start, named, expected):
    assert delimiter_of(start[:BEGINNING], "t.csv", named) == expected


@pytest.mark.parametrize(
    ("start", "message"),
    [
        pytest.param(b"Report\n\nid;plan\n1;pro\n", "have 2, with the separator ';'", id="a title"),
        pytest.param(
            b"Report\r\n1,2,3\r\n4,5,6", "have 3, with the separator ','", id="a title above commas"
        ),
        pytest.param(b"\nid\n1\t2\n3\t4", r"have 2, with the separator '\\t'", id="a header of one name"),
    ],
)
def test_a_first_line_of_one_column_above_others_is_an_error(start, message):
    with pytest.raises(
        OperationError, match="t.csv: the first line has one column, but the lines after it " + message
    ):
        delimiter_of(start, "t.csv", None)


def test_the_line_of_excel():
    assert without_sep_line(b"sep=;\r\na;b\n") == (b"a;b\n", ";")
    assert without_sep_line(b"a;b\n") == (b"a;b\n", None)

"""A reading is found by its name, and reads columns of every kind of text."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pytest

from mixpanel_pandas.errors import OperationError
from mixpanel_pandas.reading.readings import FINDINGS, READINGS, common_type, reading

EXAMPLES = [example for row in READINGS.values() for example in row.examples]

#: Texts of which each reading reads one at least.
TEXTS = [
    "12", "1.234,5", "1 234,5", "1'234.50", "5 %", "2024-01-05", "25/12/2024", "12/25/2024 1:05 pm", "25.12.2024",
    "25/12/2024 10:20", "true", "Yes", "{}", "[1]", None,
]  # fmt: skip


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_of_the_table_is_a_reading(name):
    read = reading(name).read(pa.array(TEXTS))
    assert len(read.values) == len(TEXTS)
    assert not read.refused.all()
    assert set(read.findings) <= set(FINDINGS)
    assert not read.refused[-1]


@pytest.mark.parametrize("name", [*EXAMPLES, ";"])
@pytest.mark.parametrize(
    "column",
    [
        pytest.param(pa.array(TEXTS, pa.string()), id="string"),
        pytest.param(pa.array(TEXTS, pa.large_string()), id="large_string"),
        pytest.param(pa.array([None, "?", *TEXTS], pa.string()).slice(2), id="a slice"),
        pytest.param(pa.array(TEXTS, pa.string()).dictionary_encode(), id="a dictionary"),
        pytest.param(pa.chunked_array([TEXTS[:4], [], TEXTS[4:]], pa.string()), id="chunks"),
    ],
)
def test_text_of_every_type_is_read_the_same(name, column):
    expected, read = reading(name).read(pa.array(TEXTS)), reading(name).read(column)
    assert read.values.equals(expected.values)
    assert read.refused.tolist() == expected.refused.tolist()


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize(
    "column",
    [
        pa.nulls(2),
        pa.array([], pa.string()),
        pa.chunked_array([], pa.string()),
        pa.array([None], pa.string()),
    ],
)
def test_nothing_is_read_as_nothing(name, column):
    read = reading(name).read(column)
    assert read.values.null_count == len(read.values) == len(column)
    assert not read.findings


@pytest.mark.parametrize(
    ("name", "column"),
    [
        pytest.param("number", pa.array([1]), id="numbers"),
        pytest.param("number:percent", pa.array([1.5]), id="percent"),
        pytest.param("date:dd/mm/yyyy", pa.array([1], pa.timestamp("ns")), id="times"),
        pytest.param("boolean", pa.array([True]), id="booleans"),
        pytest.param("list:comma", pa.array([["a"]]), id="lists"),
        pytest.param("json", pa.array([{"a": 1}]), id="objects"),
    ],
)
def test_a_column_that_has_the_type_already_stays(name, column):
    assert reading(name).read(column).values is column


def test_a_column_of_another_type_is_refused():
    with pytest.raises(OperationError, match="'date' reads text, but the column has int64"):
        reading("date").read(pa.array([1]))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        pytest.param(
            "nuber", "no reading 'nuber': did you mean 'number'? There are 'text', 'number'", id="mistyped"
        ),
        pytest.param("nuber:1,5", "did you mean 'number'?", id="mistyped with a detail"),
        pytest.param("xyz", "no reading 'xyz': it does not exist. There are 'text'", id="no word"),
        pytest.param("", "no reading ''", id="empty"),
        pytest.param(
            "number:mony", "did you mean 'money'?; there are 'number', 'number:1.234,5'", id="mistyped detail"
        ),
        pytest.param("number:1,234", "the mark in 1,234 may separate", id="an example that may be either"),
        pytest.param("number:money:x", "the example must be a number", id="no example"),
        pytest.param("list", "'list' lacks a detail: there are 'list:semicolon'", id="a list of what"),
        pytest.param("list:semi", "did you mean 'semicolon'?", id="mistyped separator"),
        pytest.param("date:", "'date:' lacks a detail", id="an empty detail"),
        pytest.param("json:x", "it has no details", id="a detail too many"),
        pytest.param("boolean:Yes", "name the words for true and false with a slash", id="one word"),
        pytest.param("boolean:Yes/yes", "name the words for true and false with a slash", id="the same word"),
    ],
)
def test_a_wrong_name_is_refused_with_what_there_is(name, words):
    with pytest.raises(OperationError, match=re.escape(words)):
        reading(name)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        pytest.param("boolean", "true", True, id="true"),
        pytest.param("boolean", "FALSE", False, id="capitals"),
        pytest.param("boolean", " True ", True, id="outer blanks"),
        pytest.param("boolean", "yes", "unreadable", id="another word"),
        pytest.param("boolean", "1", "unreadable", id="a number"),
        pytest.param("boolean", "", None, id="empty"),
        pytest.param("boolean:Yes/No", "yES", True, id="the first word"),
        pytest.param("boolean:Yes/No", "no", False, id="the second word"),
        pytest.param("boolean:Yes/No", "true", "unreadable", id="not the two words"),
        pytest.param("boolean:1/0", "0", False, id="digits"),
        pytest.param("boolean:S\u00cd/no", "s\u00ed", True, id="letters with accents"),
        pytest.param("text", " a ", " a ", id="text stays"),
        pytest.param("text", "", "", id="empty text stays"),
    ],
)
def test_booleans_and_text(name, text, value):
    read = reading(name).read(pa.array([text]))
    assert next(iter(read.findings), read.values[0].as_py()) == value


def test_rows_of_a_finding_are_null_and_listed_once():
    read = reading("number").read(pa.array(["1", "x", None, "9223372036854775808"]))
    assert read.values.to_pylist() == [1, None, None, None]
    assert read.refused.tolist() == [False, True, False, True]
    assert all(mask.dtype == np.dtype(bool) for mask in read.findings.values())


@pytest.mark.parametrize(
    ("types", "common"),
    [
        ([pa.int64(), pa.int64()], pa.int64()),
        ([pa.float64(), pa.int64()], pa.float64()),
        ([pa.date32(), pa.timestamp("us")], pa.timestamp("us")),
        ([pa.timestamp("us", "UTC"), pa.timestamp("us")], pa.timestamp("us", "UTC")),
    ],
)
def test_the_common_type_of_pieces(types, common):
    assert common_type(types) == common
    assert common_type(reversed(types)) == common

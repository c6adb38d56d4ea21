"""Missing-value markers, invisible characters, and odd ids."""

from __future__ import annotations

from unicodedata import category, is_normalized, normalize

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixpanel_pandas.errors import OperationError
from mixpanel_pandas.reading.cleaning import (
    _ODD_BYTES,
    ERROR_CELLS,
    NA_TEXTS,
    _findings_of,
    composed,
    id_findings,
    read_missing,
    trimmed,
)


@pytest.mark.parametrize(
    ("text", "na", "missing"),
    [
        pytest.param(r"\N", "common", True, id="MySQL"),
        pytest.param("NULL", "common", True, id="SQL"),
        pytest.param("#N/A", "common", True, id="Excel"),
        pytest.param("nan", "common", True, id="pandas"),
        pytest.param("None", "common", True, id="Python"),
        pytest.param(" NULL ", "common", True, id="outer blanks"),
        pytest.param("Null", "common", False, id="a name"),
        pytest.param("Nan", "common", False, id="another name"),
        pytest.param("NA", "common", False, id="Namibia"),
        pytest.param("NA", "pandas", True, id="pandas knows no Namibia"),
        pytest.param("", "common", False, id="empty text"),
        pytest.param("-", "common", False, id="a dash"),
        pytest.param("-", ["-", "?"], True, id="texts of one's own"),
        pytest.param("NULL", ["-"], False, id="not among one's own"),
    ],
)
def test_texts_that_mean_missing(text, na, missing):
    array = pa.array(["a", text, None])
    assert read_missing(array, na).to_pylist() == ["a", None if missing else text, None]


def test_a_set_that_does_not_exist():
    with pytest.raises(OperationError, match=r"na=\['comon'\].*did you mean 'common'\?"):
        read_missing(pa.array(["a"]), "comon")


def test_every_text_of_a_set_is_missing():
    for name, texts in NA_TEXTS.items():
        assert read_missing(pa.array(sorted(texts)), name).null_count == len(texts)


def test_the_set_of_pandas_is_that_of_pandas():
    from pandas._libs.parsers import STR_NA_VALUES

    assert NA_TEXTS["pandas"] == STR_NA_VALUES - {""}


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        pytest.param(" a b ", "a b", id="blanks"),
        pytest.param("\t a\r\n", "a", id="tabs and line ends"),
        pytest.param("\u00a0a\u3000", "a", id="other blanks"),
        pytest.param("\ufeffa", "a", id="a byte order mark"),
        pytest.param("a\u200b", "a", id="a zero-width space"),
        pytest.param("\u200b \u00ada", "a", id="blanks between invisible characters"),
        pytest.param("e\u00advy", "evy", id="a soft hyphen inside"),
        pytest.param("a\u202eb", "ab", id="a turned direction"),
        pytest.param("a\x00", "a", id="a control character at the end"),
        pytest.param("a\u200d", "a", id="a joiner at the end"),
        pytest.param(
            "\U0001f469\u200d\U0001f4bb", "\U0001f469\u200d\U0001f4bb", id="a joiner in an emoji stays"
        ),
        pytest.param(
            "\u0645\u06cc\u200c\u062e", "\u0645\u06cc\u200c\u062e", id="a joiner in a Persian word stays"
        ),
        pytest.param("jos\u00e9", "jos\u00e9", id="accents stay"),
        pytest.param(" ", "", id="only blanks"),
        pytest.param(None, None, id="missing"),
    ],
)
def test_trimmed(text, clean):
    assert trimmed(pa.array([text, "x"])).to_pylist() == [clean, "x"]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_trimming_twice_is_trimming_once(texts):
    once = trimmed(pa.array(texts, pa.string()))
    assert trimmed(once).equals(once)
    assert all(text == text.strip() for text in once.to_pylist())


@pytest.mark.parametrize(
    ("id", "findings"),
    [
        pytest.param("101.0", {"float_id"}, id="a float"),
        pytest.param("101.5", set(), id="a version"),
        pytest.param("1.23457E+11", {"exponent_id"}, id="an exponent"),
        pytest.param("1e5", {"exponent_id"}, id="a short exponent"),
        pytest.param("1e1234", {"exponent_id"}, id="an exponent beyond any number"),
        pytest.param("12e5", set(), id="a code"),
        pytest.param("'7001", {"guarded_id"}, id="an apostrophe in front"),
        pytest.param("'ann", set(), id="a name in front of which one stands"),
        pytest.param('="00123"', {"guarded_id"}, id="a formula"),
        pytest.param("#REF!", {"error_cell"}, id="an error"),
        pytest.param("#1", set(), id="a number sign"),
        pytest.param(" jo@x.com", {"padded_id"}, id="a blank in front"),
        pytest.param("jo@x.com\u00a0", {"padded_id"}, id="another blank behind"),
        pytest.param("ann\u200b", {"invisible_id"}, id="a zero-width space"),
        pytest.param("\ufeffbob", {"invisible_id"}, id="a byte order mark"),
        pytest.param("e\u00advy", {"invisible_id"}, id="a soft hyphen"),
        pytest.param("jose\u0301", {"unicode_form"}, id="a letter and its accent"),
        pytest.param("jos\u00e9", set(), id="a composed letter"),
        pytest.param(" 101.0", {"padded_id", "float_id"}, id="two at once"),
        pytest.param("ann", set(), id="plain"),
        pytest.param("00123", set(), id="leading zeros"),
    ],
)
def test_odd_ids(id, findings):
    found = id_findings(pa.array(["u1", id, None]))
    assert set(found) == findings
    assert all(mask.tolist() == [False, True, False] for mask in found.values())


def test_every_error_of_a_spreadsheet_is_found():
    assert id_findings(pa.array(sorted(ERROR_CELLS)))["error_cell"].all()


def test_characters_of_plain_bytes_are_plain():
    for character in map(chr, [*range(33, 127), *range(0xA0, 0xD800), *range(0xE000, 0x110000)]):
        if not _ODD_BYTES[character.encode()[0]]:
            assert category(character)[0] not in "MZ", character
            assert category(character) not in {"Cc", "Cf"}, character
            assert is_normalized("NFC", character), character


ODD_TEXTS = st.text(
    st.sampled_from("0015.eE+-'=#\"aZ \t\x7f\u00a0\u200b\u00e9\u0301\u4e2d\u3000\u1100\u1161\U0001f600"),
    max_size=8,
)


@given(
    st.lists(
        st.none() | ODD_TEXTS | st.sampled_from(["101.0", "1e5", "#REF!", "'1", '="1"', "-5.00"]), max_size=8
    ),
    st.integers(0, 3),
)
@settings(max_examples=500)
def test_a_few_bytes_clear_no_odd_id(ids, start):
    texts = pa.array(ids, pa.large_string())[start:]
    thorough = {name: mask.tolist() for name, mask in _findings_of(texts) if mask.any()}
    assert {name: mask.tolist() for name, mask in id_findings(texts).items()} == thorough


@given(st.lists(st.none() | ODD_TEXTS, max_size=5), st.integers(0, 3))
def test_composed_is_what_python_composes(texts, start):
    array = pa.array(texts, pa.large_string())[start:]
    assert composed(array).to_pylist() == [text and normalize("NFC", text) for text in texts[start:]]

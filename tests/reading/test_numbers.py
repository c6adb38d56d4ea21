"""Numbers in text are read to the last digit, or not at all."""

from __future__ import annotations

import decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixpanel_pandas.reading.numbers import PLAIN, marks_of, read_numbers
from mixpanel_pandas.reading.readings import reading


def one(name, text):
    """Return the value of a text, or the name of its finding."""
    read = reading(name).read(pa.array([text]))
    return next(iter(read.findings), read.values[0].as_py())


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("12", 12, id="whole"),
        pytest.param("-3.5", -3.5, id="negative"),
        pytest.param("\u22123.5", -3.5, id="the minus sign of typography"),
        pytest.param("+5", 5, id="a plus"),
        pytest.param(".5", 0.5, id="nothing before the point"),
        pytest.param("5.", 5.0, id="nothing after the point"),
        pytest.param("1e5", 1e5, id="an exponent"),
        pytest.param("007", 7, id="leading zeros"),
        pytest.param(" 12 ", 12, id="outer blanks"),
        pytest.param("\u00a012", 12, id="a blank that does not break"),
        pytest.param("", None, id="empty is missing"),
        pytest.param("  ", None, id="blank is missing"),
        pytest.param("1,234", "unreadable", id="a comma may be either"),
        pytest.param("1 234", "unreadable", id="a blank inside"),
        pytest.param("nan", "unreadable", id="no number"),
        pytest.param("inf", "unreadable", id="infinity"),
        pytest.param("0x10", "unreadable", id="hexadecimal"),
        pytest.param("1_000", "unreadable", id="underscore"),
        pytest.param("--5", "unreadable", id="two signs"),
        pytest.param("5-", "unreadable", id="a sign behind"),
        pytest.param("1e", "unreadable", id="half an exponent"),
        pytest.param(".", "unreadable", id="a point alone"),
        pytest.param("\u0661\u0662", "unreadable", id="digits of another script"),
        pytest.param("\u200b12", "unreadable", id="an invisible character"),
        pytest.param("9223372036854775807", 2**63 - 1, id="the last integer of 64 bits"),
        pytest.param("9223372036854775808", "inexact", id="the first beyond"),
        pytest.param("-9223372036854775808", -(2**63), id="the lowest integer of 64 bits"),
        pytest.param("-9223372036854775809", "inexact", id="the first below"),
        pytest.param("0" * 30 + "1", 1, id="many zeros in front"),
        pytest.param("0.123456789012345", 0.123456789012345, id="15 digits"),
        pytest.param("0.12345678901234567", "inexact", id="17 digits that a double rounds"),
        pytest.param("0.30000000000000004", 0.30000000000000004, id="17 digits of a double"),
        pytest.param("19.99000000000000000000", 19.99, id="zeros at the end"),
        pytest.param("0.0000000000000000000000", 0.0, id="nothing, at length"),
        pytest.param("9007199254740993.0", "inexact", id="beyond 2**53"),
        pytest.param("1e400", "inexact", id="larger than any double"),
        pytest.param("1e-400", "inexact", id="smaller than any double"),
        pytest.param("1.23456789012e-315", "inexact", id="so small that digits are lost"),
        pytest.param("1e999999999999999999999", "inexact", id="an exponent that decimals do not have"),
    ],
)
@pytest.mark.parametrize("beside", [pytest.param([], id="alone"), pytest.param(["x"], id="beside text")])
def test_number(text, value, beside):
    read = reading("number").read(pa.array([text, *beside]))
    finding = [name for name, mask in read.findings.items() if mask[0]]
    assert (finding or [read.values[0].as_py()]) == [value]
    if isinstance(value, str):
        assert read.values[0].as_py() is None


def test_whole_numbers_become_doubles_beside_decimals_and_what_a_double_rounds_is_said():
    read = reading("number").read(pa.array(["1.5", "9007199254740992", "9007199254740993"]))
    assert read.values.to_pylist() == [1.5, 2.0**53, None]
    assert read.findings["inexact"].tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("example", "text", "value"),
    [
        pytest.param("1.234,5", "1.234,50", 1234.5, id="groups and decimals"),
        pytest.param("1.234,5", "1234,5", 1234.5, id="without groups"),
        pytest.param("1.234,5", "-1.234.567", -1234567, id="several groups"),
        pytest.param("1.234,5", "12.34", "unreadable", id="a group of two digits"),
        pytest.param("1.234,5", "1.2345", "unreadable", id="a group of four digits"),
        pytest.param("1.234,5", "0.123", "unreadable", id="no group begins with zero"),
        pytest.param("1.234,5", "1234.567", "unreadable", id="four digits before a group"),
        pytest.param("1.234,5", "1,234.5", "unreadable", id="the marks of others"),
        pytest.param("1,234.5", "1,234.50", 1234.5, id="English"),
        pytest.param("1.234.567", "1.234", 1234, id="groups alone"),
        pytest.param("1'234.50", "1\u2019234.5", 1234.5, id="the apostrophe of typography"),
        pytest.param("1 234,5", "1\u202f234,5", 1234.5, id="a narrow blank"),
        pytest.param("1 234", "1\u00a0234,5", 1234.5, id="groups of blanks have a comma"),
        pytest.param("1,5", "12,25", 12.25, id="a decimal comma alone"),
        pytest.param("1,5", "1.234,5", "unreadable", id="groups that the example has not"),
        pytest.param("0,125", "1,125", 1.125, id="no group begins with zero, so it is a decimal comma"),
        pytest.param("12", "1.5", 1.5, id="an example without marks"),
    ],
)
def test_number_with_the_marks_of_an_example(example, text, value):
    assert one(f"number:{example}", text) == value


@pytest.mark.parametrize("example", ["1,234", "1.234", "12,34,567.8", "1,234,5", "x", "1.5.5", "-1,5"])
def test_an_example_that_does_not_show_the_marks(example):
    with pytest.raises(ValueError, match=r"example|may separate"):
        marks_of(example)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        pytest.param("number:money", "$12.50", 12.5, id="a sign in front"),
        pytest.param("number:money", "12.50 \u20ac", 12.5, id="a sign behind"),
        pytest.param("number:money", "EUR 12", 12, id="a code in front"),
        pytest.param("number:money", "12 eur", 12, id="a code in small letters"),
        pytest.param("number:money", "US$4", 4, id="a sign of several characters"),
        pytest.param("number:money", "kr 5", 5, id="a sign of letters"),
        pytest.param("number:money", "12", 12, id="no currency"),
        pytest.param("number:money", "-$3", -3, id="a minus before the sign"),
        pytest.param("number:money", "$-3", -3, id="a minus after the sign"),
        pytest.param("number:money", "3-", -3, id="a minus behind"),
        pytest.param("number:money", "3 \u20ac-", -3, id="a minus behind the sign"),
        pytest.param("number:money", "($4.50)", -4.5, id="parentheses"),
        pytest.param("number:money", "-(3)", "unreadable", id="a minus and parentheses"),
        pytest.param("number:money", "-3-", "unreadable", id="two minuses"),
        pytest.param("number:money", "(3", "unreadable", id="half a parenthesis"),
        pytest.param("number:money", "$5 EUR", "unreadable", id="two currencies in one amount"),
        pytest.param("number:money", "1$2", "unreadable", id="a sign inside"),
        pytest.param("number:money", "$", "unreadable", id="a sign alone"),
        pytest.param("number:money", "5 XXX", "unreadable", id="no currency's code"),
        pytest.param("number:money", "$1,234", "unreadable", id="a comma may be either"),
        pytest.param("number:money:1,234.5", "$1,234.50", 1234.5, id="with marks"),
        pytest.param("number:money:1.234,5", "1.234,50 \u20ac", 1234.5, id="with other marks"),
        pytest.param("number:percent", "5%", 5, id="percent"),
        pytest.param("number:percent", "-1.5 %", -1.5, id="a blank before the sign"),
        pytest.param("number:percent", "5", "unreadable", id="no percent sign"),
        pytest.param("number:percent", "5%%", "unreadable", id="two percent signs"),
        pytest.param("number:percent:0,5", "12,5 %", 12.5, id="percent with marks"),
    ],
)
def test_money_and_percent(name, text, value):
    assert one(name, text) == value


def test_a_second_currency_is_said():
    read = reading("number:money").read(pa.chunked_array([["$5"], ["USD 6", "7", "8 EUR"]]))
    assert read.values.to_pylist() == [5, 6, 7, None]
    assert read.findings["other_currency"].tolist() == [False, False, False, True]


NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**11), max_value=10**11)


@given(
    NUMBERS,
    st.sampled_from(
        [("1,234.5", ",", "."), ("1.234,5", ".", ","), ("1 234,5", " ", ","), ("1'234.5", "'", ".")]
    ),
)
def test_a_number_that_is_written_with_marks_is_read_again(number, marks):
    example, group, point = marks
    text = f"{number:,.3f}".replace(",", "\0").replace(".", point).replace("\0", group)
    assert one(f"number:{example}", text) == float(number)


@given(st.lists(st.from_regex(r"\A[+-]?[0-9]{0,25}\.?[0-9]{0,25}([eE][+-]?[0-9]{1,3})?\Z"), min_size=1))
def test_a_number_that_is_read_has_lost_no_digit(texts):
    read = read_numbers(pa.array(texts, pa.large_string()), None, PLAIN)
    for text, value in zip(texts, read.values.to_pylist(), strict=True):
        if value is not None:
            exact = decimal.Decimal(text)
            assert exact in (decimal.Decimal(repr(value)), decimal.Decimal(value))


@given(st.lists(st.text("0123456789+-.eEx ", max_size=8), min_size=1))
def test_what_arrow_reads_at_once_is_read_the_same_one_by_one(texts):
    together = read_numbers(pa.array(texts, pa.large_string()), pa.float64(), PLAIN)
    for place, text in enumerate(texts):
        alone = read_numbers(pa.array([text, "x"], pa.large_string()), pa.float64(), PLAIN)
        assert alone.values[0].as_py() == together.values[place].as_py()
        assert alone.refused[0] == together.refused[place]

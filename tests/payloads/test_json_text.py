"""JSON text is read to the last digit and the last key, and what cannot be kept is said."""

from __future__ import annotations

import decimal
import json

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mixpanel_pandas.payloads import json_text
from mixpanel_pandas.payloads.json_text import json_lines, read_json
from mixpanel_pandas.payloads.values import HugeInteger
from tests.examples import examples


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("18446744073709551615", 2**64 - 1, id="the last integer of 64 bits"),
        pytest.param("18446744073709551616", HugeInteger(2**64), id="the first beyond"),
        pytest.param("-9223372036854775809", HugeInteger(-(2**63) - 1), id="below 64 bits"),
        pytest.param("1" + "0" * 308, HugeInteger(10**308), id="an integer as large as doubles get"),
        pytest.param("0.1", 0.1, id="a fraction"),
        pytest.param("0.10000000000000001", 0.1, id="17 digits of a double"),
        pytest.param("0.1000000000000000055511151231257827", 0.1, id="all digits of a double"),
        pytest.param("19.9900000000000000000000", 19.99, id="zeros at the end"),
        pytest.param("1.5E3", 1500.0, id="an exponent"),
        pytest.param("5e-324", 5e-324, id="the smallest double"),
        pytest.param(
            "5.960464477539063e-08", 2**-24, id="a double halfway between two numbers of so many digits"
        ),
        pytest.param("1.7976931348623157e308", 1.7976931348623157e308, id="the largest double"),
        pytest.param("-0", 0, id="minus nothing"),
        pytest.param("9007199254740993.0", decimal.Decimal("9007199254740993.0"), id="beyond 2**53"),
        pytest.param(
            "0.1234567890123456789012345", decimal.Decimal("0.1234567890123456789012345"), id="many digits"
        ),
        pytest.param("1e-400", decimal.Decimal("1E-400"), id="smaller than any double"),
        pytest.param("0." + "0" * 400 + "1", decimal.Decimal("1E-401"), id="the same in digits"),
    ],
)
@pytest.mark.parametrize(
    ("around", "within"),
    [
        pytest.param("%s", lambda value: value, id="alone"),
        pytest.param('{"a": [%s]}', lambda value: value["a"][0], id="inside"),
        pytest.param('{"\\u0061\\"": 1, "b":%s}', lambda value: value["b"], id="beside escapes"),
    ],
)
def test_numbers_keep_their_digits(around, within, text, value):
    parsed = read_json(["[1]", around % text])
    found = within(parsed.values[1])
    assert (found, type(found)) == (value, type(value))
    assert parsed.values[0] == [1]
    assert not parsed.broken.any()
    assert not parsed.repeated.any()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"plan":"pro","plan":"free"}', id="at the top"),
        pytest.param('[{"a":[{"b":1,"c":2,"b":1}]}]', id="inside, with the same value"),
        pytest.param('{"\\u0061":1,"a":2}', id="one of them escaped"),
        pytest.param('{"a b":1, "a b":2}', id="with blanks"),
        pytest.param('{"\\"":1,"\\"":2}', id="quotes"),
        pytest.param('{"\\\\":1,"\\\\":2}', id="backslashes"),
        pytest.param('{"":1,"":2}', id="empty"),
        pytest.param('{"a":"\\"","a":1,"b":"\\\\"}', id="beside text with quotes"),
    ],
)
def test_keys_that_stand_twice_are_found(text):
    parsed = read_json(['{"plan": "pro"}', text, None])
    assert parsed.repeated.tolist() == [False, True, False]
    assert parsed.values == [{"plan": "pro"}, None, None]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"a":1,"b":{"a":1}}', id="in another object"),
        pytest.param('{"a":1,"A":2,"a ":3}', id="nearly"),
        pytest.param('{"\\u00e9": "\\u0022", "b": "\\/"}', id="escapes that are written in another way"),
    ],
)
def test_keys_that_stand_once(text):
    parsed = read_json([text])
    assert not parsed.repeated.any()
    assert parsed.values == [json.loads(text)]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("NaN", id="NaN"),
        pytest.param("[-Infinity]", id="infinity"),
        pytest.param("1E400", id="beyond the largest double"),
        pytest.param("1" * 5000, id="more digits than Python reads"),
        pytest.param("[1e-99999999999999999999]", id="an exponent that no decimal has"),
        pytest.param('"\\ud800"', id="an escaped lone surrogate"),
        pytest.param('"\ud800"', id="a lone surrogate"),
        pytest.param("{} {}", id="two values"),
    ],
)
def test_what_cannot_be_read_is_broken(text):
    parsed = read_json([text, "1"])
    assert parsed.values == [None, 1]
    assert parsed.broken.tolist() == [True, False]


def test_blank_text_is_missing_and_what_is_no_text_stays():
    items = [" \n", None, {"a": 1}, np.str_("[1]")]
    parsed = read_json(items)
    assert parsed.values == [None, None, {"a": 1}, [1]]
    assert not parsed.broken.any()


@pytest.mark.parametrize(
    "levels", [pytest.param(300, id="too deep to write"), pytest.param(1020, id="to read again")]
)
def test_depth_hides_nothing(levels):
    parsed = read_json(['{"a":1,"a":2}', "[" * levels + "]" * levels, "18446744073709551616"])
    assert parsed.repeated.tolist() == [True, False, False]
    assert isinstance(parsed.values[1], list)
    assert parsed.values[2] == str(2**64)


def test_text_that_lost_nothing_is_read_once(monkeypatch):
    monkeypatch.setattr(json_text, "json", None)
    values = [
        {
            "plan": "pro",
            "n": 12,
            "score": 0.30000000000000004,
            "city": "Zürich",
            "of": [True, None, "1234567890123456789"],
        },
        0.1,
        "text",
        None,
    ]
    ways = [{}, {"indent": 1}, {"separators": (",", ":")}, {"ensure_ascii": False}]
    texts = [json.dumps(value, **way) for value in values for way in ways]
    assert read_json(texts).values == [value for value in values for _way in ways]


DIGITS = st.integers(0, 10**25).map(str)
NUMBERS = st.one_of(
    DIGITS,
    DIGITS.map("-{}".format),
    st.builds("{}.{}".format, DIGITS, st.text("0123456789", min_size=1, max_size=20)),
    st.builds("{}.{}{}{}".format, DIGITS, DIGITS, st.sampled_from(["e-", "E+", "e"]), st.integers(0, 260)),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.floats(allow_nan=False, allow_infinity=False).map("{:.17g}".format),
)
STRINGS = st.builds(
    lambda text, escaped: json.dumps(text, ensure_ascii=escaped),
    st.text(st.sampled_from(' "\\ab1é,:\n'), max_size=3) | DIGITS,
    st.booleans(),
)
BLANKS = st.sampled_from(["", " ", "\n\t"])


def containers(inside: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    member = st.builds("{}{}:{}{}".format, STRINGS, BLANKS, BLANKS, inside)
    return st.one_of(
        st.builds(lambda items, blank: f"[{f',{blank}'.join(items)}]", st.lists(inside, max_size=3), BLANKS),
        st.builds(lambda items, blank: f"{{{blank}{','.join(items)}}}", st.lists(member, max_size=3), BLANKS),
    )


JSON = st.recursive(NUMBERS | STRINGS | st.sampled_from(["true", "false", "null"]), containers, max_leaves=6)


class RepeatedError(Exception):
    pass


def meant(text):
    """Return what a text says: decimals with all their digits, objects with all their keys."""

    def once(pairs):
        if len(dict(pairs)) < len(pairs):
            raise RepeatedError
        return dict(pairs)

    def integer(digits):
        return int(digits) if -(2**63) <= int(digits) < 2**64 else HugeInteger(digits)

    return json.loads(text, parse_int=integer, parse_float=decimal.Decimal, object_pairs_hook=once)


def says(value, exact):
    """Return whether a value says all that was meant."""
    if isinstance(exact, list):
        return isinstance(value, list) and len(value) == len(exact) and all(map(says, value, exact))
    if isinstance(exact, dict):
        return value.keys() == exact.keys() and all(says(value[key], exact[key]) for key in exact)
    if isinstance(value, float):
        if (
            decimal.Decimal(repr(value)) == exact
        ):  # 2**-24 ends with a 5 that repr rounds up, and the format below to even
            return True
        digits = len(bytes(exact.as_tuple().digits).strip(b"\0")) or 1
        return decimal.Decimal(f"{value:.{digits - 1}e}") == exact
    return type(value) is type(exact) and value == exact


@given(st.lists(JSON, min_size=1, max_size=3))
@example(["5.960464477539063e-08"])
@settings(max_examples=examples(300), deadline=None)
def test_nothing_is_lost_without_a_word(texts):
    parsed = read_json(texts)
    for text, value, broken, repeated in zip(
        texts, parsed.values, parsed.broken, parsed.repeated, strict=True
    ):
        try:
            exact = meant(text)
        except RepeatedError:
            assert (value, broken, repeated) == (None, False, True)
        else:
            assert not repeated
            assert not broken
            assert says(value, exact)


def test_lines_of_nothing():
    assert json_lines([]).to_pylist() == []
    assert json_lines([None, "a\n,", [1]]).to_pylist() == ["null", '"a\\n,"', "[1]"]

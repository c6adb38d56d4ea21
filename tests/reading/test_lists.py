"""Lists and JSON in text."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixpanel_pandas.reading.readings import reading


def one(name, text):
    """Return the value of a text, or the name of its finding."""
    read = reading(name).read(pa.array([text], pa.string()))
    return next(iter(read.findings), read.values[0].as_py())


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        pytest.param("list:semicolon", "a; b ;c", ["a", "b", "c"], id="semicolons"),
        pytest.param("list:comma", "a,b", ["a", "b"], id="commas"),
        pytest.param("list:pipe", "a|b^c", ["a", "b^c"], id="pipes"),
        pytest.param("list:tab", "a\tb c", ["a", "b c"], id="tabs"),
        pytest.param("list:space", " a  b ", ["a", "b"], id="blanks"),
        pytest.param("list:semicolon", "a", ["a"], id="one item"),
        pytest.param("list:semicolon", "a;;b;", ["a", "b"], id="empty items go"),
        pytest.param("list:semicolon", "", [], id="empty text"),
        pytest.param("list:semicolon", " ; ", [], id="blank items go"),
        pytest.param("list:semicolon", None, None, id="missing"),
        pytest.param("list:semicolon", '"a;b"; c', ["a;b", "c"], id="a separator in quotes"),
        pytest.param("list:semicolon", 'c ; " a;b "', ["c", "a;b"], id="blanks around and in quotes"),
        pytest.param("list:semicolon", '"say ""hi"""', ['say "hi"'], id="quotes in quotes"),
        pytest.param("list:semicolon", '5" pipe;6" pipe', ['5" pipe', '6" pipe'], id="quotes inside an item"),
        pytest.param("list:semicolon", '"a;b', "unreadable", id="a quote that does not end"),
        pytest.param("list:semicolon", '"a"b;c', "unreadable", id="more behind a quote"),
        pytest.param("list:pipe", '"a|b"|c', ["a|b", "c"], id="a pipe in quotes"),
        pytest.param(";", '"a;b";c', ['"a', 'b"', "c"], id="the short form knows no quotes"),
        pytest.param(" and ", "a and b", ["a", "b"], id="a separator of several characters"),
        pytest.param("x", "axb", ["a", "b"], id="a letter"),
        pytest.param("list:postgres", "{a,b}", ["a", "b"], id="PostgreSQL"),
        pytest.param("list:postgres", "{}", [], id="no items"),
        pytest.param("list:postgres", '{a,"b c",NULL}', ["a", "b c", None], id="quotes, and a missing item"),
        pytest.param("list:postgres", "{null,b}", [None, "b"], id="missing in small letters"),
        pytest.param("list:postgres", '{"NULL"}', ["NULL"], id="the word itself"),
        pytest.param("list:postgres", "{ a , b c }", ["a", "b c"], id="blanks around items"),
        pytest.param("list:postgres", r'{"x\"y\\z"}', [r"x\"y\z".replace('\\"', '"')], id="escapes"),
        pytest.param("list:postgres", '{""," "}', ["", " "], id="empty and blank items stay"),
        pytest.param("list:postgres", "{{a},{b}}", "unreadable", id="arrays in an array"),
        pytest.param("list:postgres", "{a,,b}", "unreadable", id="nothing between commas"),
        pytest.param("list:postgres", "{a,}", "unreadable", id="nothing behind a comma"),
        pytest.param("list:postgres", "a,b", "unreadable", id="no braces"),
        pytest.param("list:postgres", "{a", "unreadable", id="half a brace"),
        pytest.param("list:python", "['a', 'b']", ["a", "b"], id="Python"),
        pytest.param("list:python", "['a, b']", ["a, b"], id="a comma in an item"),
        pytest.param("list:python", "[]", [], id="no items in Python"),
        pytest.param("list:python", "('a',)", ["a"], id="a tuple"),
        pytest.param("list:python", "{'b', 'a', 'b'}", ["b", "a"], id="a set, in the order of the text"),
        pytest.param(
            "list:python", """["it's", None]""", ["it's", None], id="quotes, and a missing item in Python"
        ),
        pytest.param("list:python", "['', '']", ["", ""], id="empty items stay"),
        pytest.param("list:python", "[1, -2]", [1, -2], id="whole numbers"),
        pytest.param("list:python", "[1, 2.5]", [1.0, 2.5], id="numbers"),
        pytest.param("list:python", "[True]", [True], id="true and false"),
        pytest.param(
            "list:python", "['a' 'b']", "unreadable", id="what numpy writes, of which Python makes one text"
        ),
        pytest.param("list:python", "['a', 1]", "mixed_items", id="text beside numbers"),
        pytest.param("list:python", "[9223372036854775808]", "inexact", id="beyond 64 bits"),
        pytest.param("list:python", "[9007199254740993, 0.5]", "inexact", id="beyond 2**53 beside decimals"),
        pytest.param("list:python", "{'a': 1}", "unreadable", id="a dict"),
        pytest.param("list:python", "[['a']]", "unreadable", id="a list in a list"),
        pytest.param("list:python", "'a'", "unreadable", id="no list"),
        pytest.param("list:python", "[nan]", "unreadable", id="a name"),
        pytest.param("list:python", "[__import__('os')]", "unreadable", id="code is not run"),
        pytest.param("list:python", "[" * 10_000, "unreadable", id="too deep"),
        pytest.param("list:python", r"['\d', 'x']", [r"\d", "x"], id="an odd escape"),
        pytest.param("list:python", " ", None, id="blank is missing"),
        pytest.param("json", '{"a": [1]}', '{"a": [1]}', id="JSON stays text"),
        pytest.param(
            "json", '{"tag": 80241446968629135069}', '{"tag": 80241446968629135069}', id="long numbers stay"
        ),
        pytest.param("json", "{'a': 1}", "unreadable", id="no JSON"),
        pytest.param("json", '{"a":1,"a":2}', "repeated_key", id="a key twice"),
        pytest.param("json", '{"a"\t:1,"a"\n:2}', "repeated_key", id="a key twice, with blanks behind it"),
        pytest.param(
            "json", r'{"b":[{"k":"\"", "\u006b":2}]}', "repeated_key", id="a key twice, inside and escaped"
        ),
        pytest.param("json", '{"a":"b","c":"a"}', '{"a":"b","c":"a"}', id="a value like a key"),
        pytest.param("json", " ", None, id="blank JSON is missing"),
    ],
)
def test_lists_and_json(name, text, value):
    assert one(name, text) == value


def test_fast_and_slow_rows_keep_their_places():
    texts = ["a;b", '"x;y"', None, "", '"open', "c", '"x;y"']
    read = reading("list:semicolon").read(pa.array(texts))
    assert read.values.to_pylist() == [["a", "b"], ["x;y"], None, [], None, ["c"], ["x;y"]]
    assert read.findings["unreadable"].tolist() == [False, False, False, False, True, False, False]
    assert read.values.slice(1).equals(reading("list:semicolon").read(pa.array(texts).slice(1)).values)


def test_lists_of_python_have_one_type_in_all_pieces():
    read = reading("list:python").read(pa.chunked_array([["[1]"], ["[2.5]"], ["['a']"]]))
    assert read.values.to_pylist() == [[1.0], [2.5], None]
    assert read.findings["mixed_items"].tolist() == [False, False, True]


@given(st.lists(st.lists(st.text())))
def test_what_python_writes_is_read_again(lists):
    read = reading("list:python").read(pa.array([str(items) for items in lists], pa.string()))
    assert read.values.to_pylist() == lists


@given(
    st.lists(
        st.lists(
            st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
        )
    )
)
def test_what_postgres_writes_is_read_again(lists):
    def written(item):
        if item is None:
            return "NULL"
        return (
            item
            if item.isalnum() and item.isascii() and item.lower() != "null"
            else '"' + item.replace("\\", r"\\").replace('"', r"\"") + '"'
        )

    texts = ["{" + ",".join(map(written, items)) + "}" for items in lists]
    assert reading("list:postgres").read(pa.array(texts, pa.string())).values.to_pylist() == lists


@given(st.lists(st.text('ab;" ', max_size=6)))
def test_a_list_without_quotes_is_what_stands_between_separators(texts):
    read = reading("list:semicolon").read(pa.array(texts, pa.string()))
    for text, items in zip(texts, read.values.to_pylist(), strict=True):
        if '"' not in text:
            assert items == [item.strip() for item in text.split(";") if item.strip()]

from __future__ import annotations

import re

import pytest

from mixpanel_pandas.emulator.budget import QueryRefused
from mixpanel_pandas.emulator.parameters import PARAMETERS, REFUSED_PARAMETERS, QueryFields


def fields(**texts):
    return QueryFields(texts)


@pytest.mark.parametrize(("endpoint", "names"), PARAMETERS.items())
def test_each_endpoint_takes_its_parameters(endpoint, names):
    fields(**dict.fromkeys(names, "1")).check(endpoint)
    for name in [*REFUSED_PARAMETERS, "wheres"]:
        with pytest.raises(QueryRefused, match=name):
            fields(**{name: "1"}).check(endpoint)
    assert not names & REFUSED_PARAMETERS.keys()


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("12", 12),
        ("007", 7),
        ("-1", None),
        ("1.0", None),
        ("x", None),
        ("\u0661", None),
        ("9" * 19, None),
    ],
)
def test_numbers(text, number):
    if number is None:
        with pytest.raises(QueryRefused, match="page must be a whole number of at least 0"):
            fields(page=text).number("page", 5)
    else:
        assert fields(page=text).number("page", 5) == number
    assert fields().number("page", 5) == 5


@pytest.mark.parametrize(("text", "flag"), [("true", True), ("False", False), ("1", True), ("0", False)])
def test_flags(text, flag):
    assert fields(all=text).flag("all", default=not flag) is flag
    assert fields().flag("all", default=flag) is flag
    with pytest.raises(QueryRefused, match="all must be true or false, not 'yes'"):
        fields(all="yes").flag("all", default=flag)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        pytest.param('["a", 7]', ["a", "7"], id="texts and numbers"),
        pytest.param("[]", [], id="none"),
        pytest.param('"a"', "must be a list of texts", id="a text"),
        pytest.param('{"a": 1}', "must be a list of texts", id="an object"),
        pytest.param("[true]", "must be a list of texts", id="a boolean in it"),
        pytest.param("[null]", "must be a list of texts", id="null in it"),
        pytest.param("a", "must be JSON, not 'a'", id="no JSON"),
    ],
)
def test_names(text, names):
    if isinstance(names, str):
        with pytest.raises(QueryRefused, match=names):
            fields(ids=text).names("ids")
    else:
        assert fields(ids=text).names("ids") == names
    assert fields().names("ids") is None


@pytest.mark.parametrize(
    ("text", "number"),
    [
        pytest.param('{"id": 7}', 7, id="a number"),
        pytest.param('{"id": "7"}', 7, id="a number as text"),
        pytest.param('{"id": 7, "raw_cohort": {}}', None, id="more than an id"),
        pytest.param('{"id": null}', None, id="null"),
        pytest.param("[7]", None, id="a list"),
        pytest.param("7", None, id="the number alone"),
    ],
)
def test_cohorts(text, number):
    cohort = fields(filter_by_cohort=text)
    if number is None:
        with pytest.raises(QueryRefused, match=re.escape('filter_by_cohort must look like {"id": 1}')):
            cohort.cohort_id()
    else:
        assert cohort.cohort_id() == number
    assert fields().cohort_id() is None

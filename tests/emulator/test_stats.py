from __future__ import annotations

from datetime import UTC

import pytest

from mixpanel_pandas.emulator.selector import SelectorError, compile_selector
from mixpanel_pandas.emulator.stats import statistic

PROFILES = [{"n": n, "m": -n} for n in (3, 1, 4.5, 2)] + [{"n": "5"}, {"n": True}, {"n": None}, {}]


def read(text):
    return compile_selector(text, 0.0, UTC)


@pytest.mark.parametrize(
    ("action", "result"),
    [
        pytest.param("count()", 8, id="count"),
        pytest.param(" count ( ) ", 8, id="count with blanks"),
        pytest.param('extremes(properties["n"])', {"max": 4.5, "min": 1}, id="extremes of the numbers"),
        pytest.param('extremes(properties["n"] * 2)', {"max": 9.0, "min": 2}, id="of an expression"),
        pytest.param('extremes(properties["x"])', {"max": None, "min": None}, id="of nothing"),
        pytest.param(
            'numeric_summary(properties["m"])',
            {"count": 4, "mean": -2.625, "var": 1.671875, "sum_of_squares": 34.25},
            id="summary",
        ),
        pytest.param(
            'numeric_summary(properties["x"])',
            {"count": 0, "mean": None, "var": None, "sum_of_squares": 0},
            id="summary of nothing",
        ),
        pytest.param('percentile(properties["n"], 0)', {"percentile": 0.0, "result": 1}, id="lowest"),
        pytest.param('percentile(properties["n"],50)', {"percentile": 50.0, "result": 2.5}, id="between two"),
        pytest.param(
            'percentile(properties["n"], 99.5)', {"percentile": 99.5, "result": 4.4775}, id="near the highest"
        ),
        pytest.param('percentile(properties["n"], 100)', {"percentile": 100.0, "result": 4.5}, id="highest"),
        pytest.param(
            'percentile(properties["x"], 50)',
            {"percentile": 50.0, "result": None},
            id="percentile of nothing",
        ),
    ],
)
def test_statistic(action, result):
    assert statistic(action, PROFILES, read) == pytest.approx(result)


@pytest.mark.parametrize(
    ("action", "error"),
    [
        pytest.param("", "cannot read the action ''", id="nothing"),
        pytest.param("count", "cannot read the action", id="no brackets"),
        pytest.param("count(1)", "cannot read the action", id="count of something"),
        pytest.param('median(properties["n"])', "cannot read the action", id="another statistic"),
        pytest.param('percentile(properties["n"])', "cannot read the action", id="no share"),
        pytest.param('percentile(properties["n"], 101)', "cannot read the action", id="a share above all"),
        pytest.param("extremes()", "expected a value, found the end", id="extremes of no expression"),
        pytest.param('percentile(properties["n", 5)', "expected ']', found the end", id="no expression"),
    ],
)
def test_refusals(action, error):
    with pytest.raises(SelectorError) as refusal:
        statistic(action, PROFILES, read)
    assert str(refusal.value).startswith(error)

from __future__ import annotations

import datetime as dt
import ipaddress
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mixpanel_pandas.errors import OperationError
from mixpanel_pandas.rules.code import line_of, literal
from mixpanel_pandas.rules.known import KnownProperties
from mixpanel_pandas.rules.operation import Operation, operation
from mixpanel_pandas.rules.operators import OPERATORS
from mixpanel_pandas.rules.options import taken_by
from tests.notebook.preview.frames import evaluated

LABELS = st.one_of(
    st.text(max_size=5),
    st.integers(-5, 5),
    st.tuples(st.text(max_size=2), st.integers(0, 3)),
    st.dates(),
    st.datetimes(pd.Timestamp(1990, 1, 1).to_pydatetime(), timezones=st.none() | st.just(dt.UTC)),
    st.timedeltas().map(lambda length: pd.Timedelta(microseconds=length.microseconds)),
)
#: Option -> values; those without a line here are made of the table's choices.
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "rename": st.dictionaries(LABELS, st.text(max_size=3)) | st.just("reserved"),
    "parse": st.dictionaries(LABELS, st.sampled_from(["json", ";", "number:1.234,5", "boolean:Yes/No"])),
    "na": st.just("common") | st.lists(st.text(max_size=3), max_size=2),
    "spread": st.lists(LABELS, max_size=3) | st.dictionaries(LABELS, st.text(max_size=3), max_size=2),
    "invalid": st.just("drop_row") | st.dictionaries(st.just("long_string"), st.just("truncate")),
    "ip": st.just("192.0.2.1") | LABELS,
    "updated_at": st.just("keep") | LABELS,
    "known": st.just(True) | st.just("known.csv") | st.lists(st.text(max_size=3), max_size=2),
    "at_most": st.integers(0, 9),
    "batch_size": st.integers(1, 2000),
    "workers": st.integers(1, 64),
    "requests_per_hour": st.integers(1, 9),
    "deadline": st.floats(0.1, 9),
}


@st.composite
def operations(draw: st.DrawFn) -> Operation:
    """Return an operation that a call could have made."""
    verb = draw(st.sampled_from([*OPERATORS, "update"]))
    properties: Any = draw(st.none() | st.lists(LABELS, min_size=1, max_size=3))
    if verb == "update":
        properties = draw(st.dictionaries(LABELS, st.sampled_from(["set", "add", "unset"]), min_size=1))
    taken = {
        option.name: VALUES.get(option.name, st.sampled_from(option.choices or (None,)))
        for option in taken_by(verb)
    }
    options = draw(st.fixed_dictionaries({}, optional=taken))
    options.pop("schema", None)
    try:
        return operation(verb, draw(st.none() | LABELS), properties, draw(st.none() | st.text("ab")), options)
    except OperationError:
        assume(False)
        raise


@pytest.mark.parametrize(
    ("known", "text"),
    [
        pytest.param(True, "True", id="ask"),
        pytest.param("known.csv", "'known.csv'", id="a path as text"),
        pytest.param(Path("known.csv"), "'known.csv'", id="a path"),
        pytest.param(["plan"], "['plan']", id="names"),
        pytest.param({"plan": "string"}, "{'plan': 'string'}", id="types"),
        pytest.param(pd.Index(["plan"]), "known", id="an index"),
        pytest.param(pd.DataFrame({"name": ["plan"]}), "known", id="a frame"),
    ],
)
def test_what_is_known_has_a_literal_or_a_name(known: object, text: str) -> None:
    for value in (known, KnownProperties(known, None, {})):
        asked = operation("set", "id", None, None, {"known": value})
        assert line_of(asked) == f"df.mixpanel.set('id', known={text})"


@given(operations())
def test_the_line_asks_for_the_same_operation(asked: Operation) -> None:
    assume(asked.group is None or asked.group.strip())
    assert evaluated(line_of(asked), pd.DataFrame()) == asked


@pytest.mark.parametrize(
    ("value", "same"),
    [
        pytest.param(float("inf"), lambda found: found == math.inf, id="infinity"),
        pytest.param(pd.NA, lambda found: found is pd.NA, id="NA"),
        pytest.param(pd.NaT, lambda found: found is pd.NaT, id="NaT"),
        pytest.param(
            pd.Period("2024-01", "M"), lambda found: found == pd.Period("2024-01", "M"), id="period"
        ),
        pytest.param(Path("a/b"), lambda found: Path(found) == Path("a/b"), id="path"),
        pytest.param(ipaddress.ip_address("::1"), lambda found: found == "::1", id="address"),
        pytest.param(("a",), lambda found: found == ("a",), id="tuple of one"),
        pytest.param(pd.Series([3])[0], lambda found: found == 3, id="numpy's integer"),
    ],
)
def test_a_literal_is_what_it_stands_for(value: Any, same: Any) -> None:
    assert same(eval(literal(value), {"pd": pd}))


def test_a_schema_is_named() -> None:
    asked = Operation("set", "id", named={"schema": object(), "missing": "null"})
    assert line_of(asked, "users") == "users.mixpanel.set('id', schema=schema, missing='null')"

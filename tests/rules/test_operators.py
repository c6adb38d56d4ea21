"""Every row of the table of operators."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from mixpanel_pandas import OperationError
from mixpanel_pandas.rules.operation import operation
from mixpanel_pandas.rules.operators import OPERATORS
from mixpanel_pandas.rules.options import ALL_OPTIONS, taken_by

#: Verb, name, operand, groups, idempotent, values that missing may have, duplicates, merges, "Updated at", alias, batch.
ROWS = [
    ("set", "$set", "any", True, True, ("skip", "null", "unset"), "raise", True, "keep", False, 2000),
    ("set_once", "$set_once", "any", True, True, ("skip", "null"), "raise", True, "refresh", False, 2000),
    ("add", "$add", "number", False, False, ("skip",), "all", False, "keep", False, 200),
    ("union", "$union", "list", True, True, ("skip",), "all", False, "keep", False, 2000),
    ("append", "$append", "item", False, False, ("skip",), "all", False, "keep", False, 200),
    ("remove", "$remove", "scalar", True, False, ("skip",), "all", False, "keep", False, 200),
    ("unset", "$unset", "names", True, True, ("skip",), "last", True, "keep", False, 2000),
    ("delete", "$delete", "nothing", True, True, ("skip",), "last", True, "keep", True, 2000),
]


def test_the_table_is_that_of_the_documentation():
    told = [
        (
            row.verb, row.name, row.takes, row.groups, row.idempotent, row.missing, row.duplicates, row.merges,
            row.updated_at, row.ignore_alias, row.batch_size,
        )
        for row in OPERATORS.values()
    ]  # fmt: skip
    assert told == ROWS


@pytest.mark.parametrize("row", OPERATORS.values(), ids=list(OPERATORS))
def test_every_operator_names_its_page(row):
    assert re.fullmatch(r"https://developer\.mixpanel\.com/reference/[a-z-]+", row.source)
    assert row.does.endswith(".")
    assert row.users


def asked(verb, group=None, **options):
    properties = {"unset": ["fax"], "update": {"a": "set", "b": "union"}}.get(verb)
    return operation(verb, "user_id", properties, group, options)


def test_only_sums_know_no_order():
    assert [verb for verb, row in OPERATORS.items() if not row.ordered] == ["add"]


@pytest.mark.parametrize("row", OPERATORS.values(), ids=list(OPERATORS))
def test_defaults_of_a_call_are_those_of_the_operator(row):
    call = asked(row.verb)
    assert call.operators == (row,)
    assert call.idempotent == row.idempotent
    for option in ("duplicates", "updated_at", "ignore_alias", "batch_size"):
        assert getattr(call.options, option) == getattr(row, option)
    assert call.missing(row) == row.missing[0]


@pytest.mark.parametrize("row", OPERATORS.values(), ids=list(OPERATORS))
def test_groups_have_the_operators_that_are_documented_for_them(row):
    if row.groups:
        assert asked(row.verb, "company").endpoint == "groups"
    else:
        with pytest.raises(OperationError) as caught:
            asked(row.verb, "company")
        assert str(caught.value) == (
            f"{row.name} is not supported in group profiles, according to Mixpanel's documentation (one reference page lists it, "
            "but no SDK offers it): compute the new value in the frame and use set, or union for lists"
        )


@pytest.mark.parametrize("row", OPERATORS.values(), ids=list(OPERATORS))
@pytest.mark.parametrize("missing", ALL_OPTIONS["missing"].choices)
def test_what_missing_values_may_mean(row, missing):
    if not row.has_values:
        assert "missing" not in [option.name for option in taken_by(row.verb)]
    elif missing in row.missing:
        assert asked(row.verb, missing=missing).missing(row) == missing
    else:
        known = ", ".join(map(repr, sorted(row.missing)))
        with pytest.raises(
            OperationError, match=f"^missing='{missing}' has no meaning for {row.verb}: choose {known}$"
        ):
            asked(row.verb, missing=missing)


@pytest.mark.parametrize("row", OPERATORS.values(), ids=list(OPERATORS))
def test_rows_are_merged_only_where_no_value_is_lost(row):
    if row.merges:
        assert asked(row.verb, duplicates="merge").options.duplicates == "merge"
    else:
        with pytest.raises(
            OperationError,
            match=f"^duplicates='merge' would lose values of {row.verb}: duplicates='all' sends all rows in order$",
        ):
            asked(row.verb, duplicates="merge")


def test_all_operators_of_an_update_must_merge():
    with pytest.raises(OperationError, match="would lose values of union, add:"):
        operation("update", "id", {"a": "set", "b": "union", "c": "add"}, None, {"duplicates": "merge"})


#: Operand -> what fits it, out of one value of each Mixpanel type.
VALUES = {
    "string": "x",
    "number": 1.5,
    "boolean": True,
    "date": pd.Timestamp("2024-01-01", tz="UTC"),
    "list": ["x"],
    "object": {"k": "x"},
}
FITS = {
    "any": set(VALUES),
    "item": set(VALUES),
    "number": {"number"},
    "scalar": {"string", "number", "boolean", "date"},
    "list": {"string", "number", "date", "list"},
}


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("verb", [verb for verb, row in OPERATORS.items() if row.has_values])
@pytest.mark.parametrize("mixed", [False, True], ids=["one type", "several types"])
def test_operands(verb, kind, mixed):
    fitting = FITS[OPERATORS[verb].takes]
    other = "x" if kind == "number" and "string" in fitting else 2
    values = [VALUES[kind], other] if mixed else [VALUES[kind], VALUES[kind]]
    frame = pd.DataFrame({"user_id": ["a", "b"], "v": pd.Series(values, dtype=object if mixed else None)})
    report = frame.mixpanel.validate(verb, "user_id")
    wrong = report[report["check"] == "wrong_type"]
    assert wrong["severity"].astype(str).tolist() == ([] if kind in fitting else ["error"])
    if kind not in fitting:
        assert wrong["position"].isna().tolist() == [not mixed]


MIXTURES = [
    pytest.param({"a": "set", "b": "union"}, (True, "raise", "keep", False, 2000), id="harmless ones"),
    pytest.param(
        {"a": "set", "b": "add"}, (False, "raise", "keep", False, 200), id="one that is not idempotent"
    ),
    pytest.param({"a": "set_once"}, (True, "raise", "refresh", False, 2000), id="set_once alone refreshes"),
    pytest.param(
        {"a": "set_once", "b": "set"}, (True, "raise", "keep", False, 2000), id="set_once among others"
    ),
    pytest.param({"a": "unset"}, (True, "last", "keep", False, 2000), id="unset alone takes the last"),
    pytest.param({"a": "unset", "b": "set"}, (True, "raise", "keep", False, 2000), id="unset among others"),
]


@pytest.mark.parametrize(("verbs", "expected"), MIXTURES)
def test_several_operators_have_the_stricter_defaults(verbs, expected):
    call = operation("update", "user_id", verbs, None, {})
    options = [
        getattr(call.options, name) for name in ("duplicates", "updated_at", "ignore_alias", "batch_size")
    ]
    assert (call.idempotent, *options) == expected

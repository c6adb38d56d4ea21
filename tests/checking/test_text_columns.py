"""What columns of text look like: which are named, with which remedy, and which are quiet."""

from __future__ import annotations

import datetime as dt
import shlex

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from mixpanel_pandas.checking import text_columns
from mixpanel_pandas.cli import main
from mixpanel_pandas.payloads import slice_sizes
from mixpanel_pandas.rules.checks import LOOKS

AS_TEXT = {f"{kind}_as_text" for kind in LOOKS}


def frame_of(texts, name="v"):
    return pd.DataFrame({"user_id": [f"u{row}" for row in range(len(texts))], name: texts})


def hints_of(frame, verb="set", **options):
    """Return check -> message of the hints on text."""
    report = frame.mixpanel.validate(verb, "user_id", **options)
    report = report[report["check"].isin({*AS_TEXT, "missing_as_text"})]
    assert not report.duplicated(["check", "column", "position"]).any()
    return report.drop_duplicates(["check", "column"]).set_index("check")["message"].to_dict()


def sent(frame, **options):
    """Return the value of ``v`` that each row sends; None where it sends none."""
    rows = frame.mixpanel.payloads("set", "user_id", **options)
    return [None if row is None else row["$set"]["v"] for row in rows]


# -- columns that are named ---------------------------------------------------------------------------------------

#: Texts, kind, remedy, what the remedy sends.
NAMED = [
    pytest.param(["1,234.50", "7.00"], "number", {"parse": {"v": "number:1,234.5"}}, [1234.5, 7.0], id="groups and a point"),
    pytest.param(["1.234,50", "7,00"], "number", {"parse": {"v": "number:1.234,5"}}, [1234.5, 7.0], id="groups and a comma"),
    pytest.param(["1 234,50", "7,00"], "number", {"parse": {"v": "number:1 234,5"}}, [1234.5, 7.0], id="blanks between groups"),
    pytest.param(["12,5", "3"], "number", {"parse": {"v": "number:1,5"}}, [12.5, 3], id="a comma"),
    pytest.param(["12", "7", "105"], "number", {"parse": {"v": "number"}}, [12, 7, 105], id="whole numbers"),
    pytest.param(["-0.5", "2.25"], "number", {"parse": {"v": "number"}}, [-0.5, 2.25], id="decimals"),
    pytest.param(["$1,234.50", "$7"], "number", {"parse": {"v": "number:money:1,234.5"}}, [1234.5, 7], id="money"),
    pytest.param(["12 EUR", "-3 EUR"], "number", {"parse": {"v": "number:money"}}, [12, -3], id="money with a code"),
    pytest.param(["5%", "12.5%"], "number", {"parse": {"v": "number:percent"}}, [5, 12.5], id="percent"),
    pytest.param(["25/12/2023", "05/07/2023"], "date", {"parse": {"v": "date:dd/mm/yyyy"}}, ["2023-12-25", "2023-07-05"], id="day first"),
    pytest.param(["12/25/2023", "05/07/2023"], "date", {"parse": {"v": "date:mm/dd/yyyy"}}, ["2023-12-25", "2023-05-07"], id="month first"),
    pytest.param(["25.12.23"], "date", {"parse": {"v": "date:dd.mm.yy"}}, ["2023-12-25"], id="a short year"),
    pytest.param(["5 Jan 2024"], "date", {"parse": {"v": "date:dd mmm yyyy"}}, ["2024-01-05"], id="a month's name"),
    pytest.param(["yes", "No", "YES"], "boolean", {"parse": {"v": "boolean:Yes/No"}}, [True, False, True], id="yes and no"),
    pytest.param(["Y", "N"], "boolean", {"parse": {"v": "boolean:Y/N"}}, [True, False], id="letters for yes and no"),
    pytest.param(["True", "False"], "boolean", {"parse": {"v": "boolean"}}, [True, False], id="true and false"),
    pytest.param(["a;b", "b", "c;a"], "list", {"parse": {"v": "list:semicolon"}}, [["a", "b"], ["b"], ["c", "a"]], id="semicolons"),
    pytest.param(["a, b", "b, c, a"], "list", {"parse": {"v": "list:comma"}}, [["a", "b"], ["b", "c", "a"]], id="commas"),
    pytest.param(["a|b", "b"], "list", {"parse": {"v": "list:pipe"}}, [["a", "b"], ["b"]], id="pipes"),
    pytest.param(["['a', 'b']", "['c']"], "list", {"parse": {"v": "list:python"}}, [["a", "b"], ["c"]], id="lists of Python"),
    pytest.param(["{a,b}", "{c}"], "list", {"parse": {"v": "list:postgres"}}, [["a", "b"], ["c"]], id="lists of PostgreSQL"),
    pytest.param(['{"a": 1}', "[1, 2]"], "json", {"parse": {"v": "json"}}, [{"a": 1}, [1, 2]], id="JSON"),
    pytest.param(["12", "N/A"], "number", {"parse": {"v": "number"}, "na": "common"}, [12, None], id="numbers and a missing-value marker"),
    pytest.param(["1,5", "-"], "number", {"parse": {"v": "number:1,5"}, "na": ["-"]}, [1.5, None], id="numbers and a dash"),
]  # fmt: skip


def in_python(remedy):
    return " with ".join(f"{name}={value!r}" for name, value in remedy.items())


@pytest.mark.parametrize(("texts", "kind", "remedy", "values"), NAMED)
def test_text_that_is_more_is_named_with_a_remedy_that_works(texts, kind, remedy, values):
    frame = frame_of(texts)
    hints = hints_of(frame)
    hint = hints.pop(f"{kind}_as_text")
    assert set(hints) == ({"missing_as_text"} if "na" in remedy else set())
    assert hint.startswith(f"the text looks like {LOOKS[kind]} ({texts[0]!r}")
    assert hint.endswith(f": {in_python(remedy)} converts it")
    assert hints_of(frame, **remedy) == {}
    assert sent(frame, **remedy) == values


@pytest.mark.parametrize(("texts", "kind", "remedy", "values"), NAMED)
def test_the_command_line_names_the_remedy_as_it_is_typed(texts, kind, remedy, values, tmp_path):
    path = tmp_path / "t.parquet"
    frame_of(texts).to_parquet(path)

    def report(*options):
        return (
            CliRunner()
            .invoke(
                main, ["validate", "set", str(path), "--id", "user_id", *options], env={"COLUMNS": "1000"}
            )
            .output
        )

    typed = shlex.quote(f"v={remedy['parse']['v']}")
    hint = report()
    assert f"--parse {typed}" in hint
    na = remedy.get("na", [])
    words = [na] if isinstance(na, str) else na
    assert all(f"--na {word}" in hint for word in words)
    options = ["--parse", f"v={remedy['parse']['v']}", *(part for word in words for part in ("--na", word))]
    assert "_as_text" not in report(*options)


TWO_WAYS = [
    pytest.param(
        ["05/07/2023", "01/02/2023"], "date", ("date:dd/mm/yyyy", "date:mm/dd/yyyy"), id="day or month"
    ),
    pytest.param(["1.234", "5.678"], "number", ("number", "number:1.234,5"), id="thousands or decimals"),
]


@pytest.mark.parametrize(("texts", "kind", "readings"), TWO_WAYS)
def test_text_that_may_be_read_in_two_ways_names_both(texts, kind, readings):
    hint = hints_of(frame_of(texts))[f"{kind}_as_text"]
    one, other = (f"parse={{'v': {name!r}}}" for name in readings)
    assert hint.endswith(f": {one} or {other}, whichever is meant, converts it")
    for name in readings:
        assert hints_of(frame_of(texts), parse={"v": name}) == {}


def test_a_hint_names_rows_and_three_values():
    hint = hints_of(frame_of(["1,5", "2,5", "1,5", None, "3,5", " ", "4,5"]))["number_as_text"]
    assert "('1,5', '2,5', '3,5' in 5 rows)" in hint


# -- columns that are quiet ---------------------------------------------------------------------------------------

QUIET = [
    pytest.param("v", ["1.10", "1.9", "2.0"], id="versions"),
    pytest.param("v", ["1.2.3", "1.10.0"], id="versions of three parts"),
    pytest.param("v", ["203.0.113.7", "198.51.100.12"], id="IP addresses, which begin like dates"),
    pytest.param("v", ["20.11.2026 10:30.5"], id="a date with a fraction and no seconds"),
    pytest.param("app_version", ["1.1", "2.3"], id="versions that only the name tells"),
    pytest.param("v", ["+15550100", "+4930123456"], id="phone numbers"),
    pytest.param("phone", ["5550100", "030123456"], id="a column of phone numbers"),
    pytest.param("v", ["(555) 0100", "(555) 0199"], id="phone numbers with an area code"),
    pytest.param("v", ["555 010 000", "555 019 999"], id="phone numbers in groups"),
    pytest.param("v", ["15550100123", "4930123456"], id="long digits"),
    pytest.param("v", ["0123", "4567"], id="zip codes with a zero"),
    pytest.param("v", ["10115", "80331"], id="zip codes without a zero"),
    pytest.param("zip", ["123", "10115"], id="a column of zip codes"),
    pytest.param("v", ["1e5", "2e3"], id="codes with an e"),
    pytest.param("v", ["4711", "4712"], id="digits of one length"),
    pytest.param("order_id", ["7", "12"], id="ids"),
    pytest.param("orderId", ["7", "12"], id="ids in camel case"),
    pytest.param("Account Number", ["7", "12"], id="numbers of accounts"),
    pytest.param("v", ["ann", "bob", "Yusuf"], id="names"),
    pytest.param("v", ["Smith, John", "Doe, Jane", "Doe, John, Jr."], id="names with commas"),
    pytest.param("v", ["Y", "N", "U"], id="letters beside yes and no"),
    pytest.param("v", ["yes", "no", "maybe"], id="words beside yes and no"),
    pytest.param("v", ["N"], id="one of two words alone"),
    pytest.param("v", ["M", "F"], id="other pairs of letters"),
    pytest.param(
        "v", ["Great, thanks", "Late, broken, and nobody answers, sadly"], id="free text with commas"
    ),
    pytest.param("v", ["Well; no", "Not yet; maybe later"], id="free text with semicolons"),
    pytest.param("v", ["Ulm, Germany", "Bonn, Germany"], id="places"),
    pytest.param(
        "v", ["Main St 5, Ulm, Germany", "Lake Rd 7, Bonn, Germany", "Ulm, Germany"], id="addresses"
    ),
    pytest.param("v", ["Home | Shop", "Cart | Shop"], id="titles of pages"),
    pytest.param("v", ["[redacted]", "{unknown}"], id="words in brackets"),
    pytest.param("v", ["{3F2504E0-4F89-11D3}", "{6F9619FF-8B86-D011}"], id="ids in braces"),
    pytest.param("v", ["192.168.0.1", "10.0.0.12"], id="addresses of machines"),
    pytest.param("v", ["10:30", "23:15"], id="times alone"),
    pytest.param("v", ["2024-01-05T23:00:00-05:00"], id="times with an offset, which offset_date names"),
    pytest.param("v", ["2024-01-05", "2024-12-31T10:00:00"], id="ISO dates, which are dates for Mixpanel"),
    pytest.param("v", ["12", "7", "twelve"], id="a single word among numbers"),
    pytest.param("v", ["12/25/2023", "25/12/2023"], id="days and months in both orders"),
    pytest.param("v", ["BA 123", "LH 400"], id="flights"),
    pytest.param("v", ["5 kg", "7 kg"], id="weights"),
    pytest.param(
        "v", ["Nan", "NA", "Null", "none"], id="names and countries that are no missing-value markers"
    ),
    pytest.param("v", ["-1", "--x", "-a-"], id="dashes within text"),
    pytest.param("v", ["", " ", None], id="blanks"),
    pytest.param("v", [None, None], id="nothing"),
    pytest.param("$name", ["12", "7"], id="a property that is text for Mixpanel"),
    pytest.param("$country_code", ["NO", "YE"], id="country codes"),
    pytest.param("city", ["1,5", "2,5"], id="a look-alike of such a property"),
]


@pytest.mark.parametrize(("name", "texts"), QUIET)
def test_text_is_quiet(name, texts):
    assert hints_of(frame_of(texts, name)) == {}
    assert not {*AS_TEXT, "missing_as_text"} & set(
        frame_of(texts, name).mixpanel.inventory()["findings"].iloc[1]
    )


@pytest.mark.parametrize("dtype", ["str", object, "string", "category"])
def test_all_dtypes_of_text_are_looked_at(dtype):
    frame = frame_of(
        pd.array(["1,5", "2,5", "N/A"]).astype(dtype) if dtype != "str" else ["1,5", "2,5", "N/A"]
    )
    assert set(hints_of(frame)) == {"number_as_text", "missing_as_text"}


def test_a_reading_of_the_call_is_an_answer():
    assert hints_of(frame_of(["12", "7"]), parse={"v": "text"}) == {}


def test_only_readings_that_the_operator_takes_are_named():
    assert set(hints_of(frame_of(["a;b", "b"]), "union")) == {"list_as_text"}
    assert hints_of(frame_of(["a;b", "b"]), "remove") == {}
    assert set(hints_of(frame_of(["yes", "no"]), "set_once")) == {"boolean_as_text"}
    assert hints_of(frame_of(["yes", "no"]), "union") == {}


# -- missing-value markers --------------------------------------------------------------------------------------------

WORDS = [
    pytest.param(["x", "N/A", "NULL"], "common", id="words of the common set"),
    pytest.param(["x", r"\N"], "common", id="of a database"),
    pytest.param(["x", "nan", "None"], "common", id="of Python"),
    pytest.param(["x", "-"], ["-"], id="a dash"),
    pytest.param(["x", "-", "N/A"], ["common", "-"], id="both"),
    pytest.param(["x", "#REF!"], ["#REF!"], id="an error of a spreadsheet"),
    pytest.param(["N/A", "N/A"], "common", id="nothing else"),
    pytest.param(["x", 5, "N/A"], "common", id="beside values of other types"),
]


@pytest.mark.parametrize(("values", "na"), WORDS)
def test_missing_value_markers_are_named_with_their_rows(values, na):
    frame = frame_of(pd.Series(values, dtype=object))
    report = frame.mixpanel.validate("set", "user_id", first=None)
    found = report[report["check"] == "missing_as_text"]
    words = [value for value in values if value not in ("x", 5)]
    assert found["value"].tolist() == words
    assert found["message"].unique()[0].endswith(f": na={na!r} treats them as missing")
    assert "missing_as_text" not in hints_of(frame, na=na)
    assert sent(frame, na=na) == [value if value in ("x", 5) else None for value in values]


def test_one_remedy_takes_the_words_of_all_columns():
    frame = pd.DataFrame({"user_id": ["a", "b"], "v": ["x", "-"], "w": ["N/A", "y"]})
    report = frame.mixpanel.validate("set", "user_id")
    assert report["check"].tolist() == ["missing_as_text"] * 2
    assert all("na=['common', '-'] treats" in message for message in report["message"])
    assert frame.mixpanel.validate("set", "user_id", na=["common", "-"]).empty


def test_the_remedy_keeps_what_the_call_names_already():
    frame = frame_of(["x", "N/A", "-"])
    assert "na=['common', '-']" in hints_of(frame, na="common")["missing_as_text"]
    assert "na=['?', 'common', '-']" in hints_of(frame, na=["?"])["missing_as_text"]


def test_rows_with_missing_value_markers_can_be_left_out():
    frame = frame_of(["x", "N/A"])
    assert sent(frame, invalid={"missing_as_text": "drop_value"}) == ["x", None]


# -- large columns ------------------------------------------------------------------------------------------------


@pytest.fixture
def small_steps(monkeypatch):
    """Look at few texts together, in slices of few rows."""
    monkeypatch.setattr(slice_sizes, "SLICE_BYTES", 1)
    monkeypatch.setattr(text_columns, "DISTINCT", 50)


@pytest.mark.usefixtures("small_steps")
def test_all_values_count_beyond_those_that_are_looked_at_together():
    texts = [f"{number},5" for number in range(2000)]
    assert set(hints_of(frame_of(texts))) == {"number_as_text"}
    for place in (0, 1000, 1999):
        odd = [*texts[:place], "x", *texts[place + 1 :]]
        assert hints_of(frame_of(odd)) == {}


@pytest.mark.usefixtures("small_steps")
def test_later_values_tell_the_day_from_the_month():
    days = [dt.date(2001, 1, 1) + dt.timedelta(day) for day in range(3000)]
    either = [day.strftime("%d/%m/%Y") for day in days if day.day <= 12]
    hint = hints_of(frame_of([*either, "31/12/2023"]))["date_as_text"]
    assert "parse={'v': 'date:dd/mm/yyyy'} converts it" in hint


@pytest.mark.usefixtures("small_steps")
def test_few_texts_among_missing_values_are_found():
    texts = np.full(5000, None, dtype=object)
    texts[[17, 2500, 4998]] = ["1,5", "2,5", "N/A"]
    frame = frame_of(texts).assign(n=1)
    assert set(hints_of(frame)) == {"number_as_text", "missing_as_text"}


@given(
    st.lists(st.floats(-1e6, 1e6).map(lambda number: round(number, 2)), min_size=1, max_size=30),
    st.sampled_from(["1,234.5", "1.234,5", "1'234.5"]),
)
def test_the_remedy_sends_numbers_with_marks(numbers, marks):
    group, point = marks[1], marks[-2]
    texts = [f"{number:,.2f}".translate(str.maketrans({",": group, ".": point})) for number in numbers]
    hint = hints_of(frame_of(texts))["number_as_text"]
    names = [f"number:{marks}", "number", "number:1,5"]
    named = [name for name in names if f"parse={{'v': {name!r}}}" in hint]
    assert sent(frame_of(texts), parse={"v": named[0]}) == numbers

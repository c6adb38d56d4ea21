"""What a person sees of a summary, a report, totals and an inventory."""

from __future__ import annotations

import html.parser
import warnings

import numpy as np
import pandas as pd
import pytest

import mixpanel_pandas as mpd
from mixpanel_pandas.checking.inventory import COLUMNS as INVENTORY
from mixpanel_pandas.delivery.summary import COLUMNS
from mixpanel_pandas.notebook.show import FORMATS, KINDS
from mixpanel_pandas.notebook.tables import MARKS
from mixpanel_pandas.plans.comparing import DRIFT
from mixpanel_pandas.rules.checks import SEVERITIES
from mixpanel_pandas.rules.outcomes import OUTCOMES

LONG = "x" * 300
HOSTILE = "<script>alert(1)</script>|**b**\n\x1b[31m$x$"


class Cells(html.parser.HTMLParser):
    """Reads a table as a browser does: tags, and the text of each cell."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.rows, self.styles = [], [], {}
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")
            self.style = dict(attrs)["style"]

    def handle_data(self, data):
        if self.rows and self.tags[-1] in {"td", "th"}:
            self.rows[-1][-1] += data
            self.styles[data] = self.style


def html_of(table):
    return Cells(table._repr_html_())


def cells(table):
    return [dict(zip(table.names, line, strict=True)) for line in table.cells]


@pytest.fixture
def summary(emulator):
    frame = pd.DataFrame({"user_id": [f"u{n}" for n in range(5000)], "s": ["a"] * 4998 + [LONG, "b"]})
    emulator.fail("refuse", times=None, record=lambda record: record["$distinct_id"] in {"u0", "u1"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return frame.mixpanel.set("user_id", invalid="drop_row", workers=1)


def report_of(frame, **options):
    return frame.mixpanel.validate("set", "user_id", **options)


def test_a_clean_report_says_so_in_words():
    report = report_of(pd.DataFrame({"user_id": ["a", "b"], "n": [1, 2], "m": [1, 2]}))
    assert report.empty
    assert mpd.show(report).caption == "0 errors, 0 warnings, 0 hints in 2 rows x 2 properties"
    assert str(mpd.show(report)) == mpd.show(report).caption
    assert mpd.show(report).caption in mpd.show(report)._repr_html_()
    assert "<table" not in mpd.show(report)._repr_html_()  # it would be as narrow as a word


@pytest.mark.parametrize(
    ("verb", "properties", "caption"),
    [
        pytest.param("set", None, "0 errors, 0 warnings, 0 hints in 1 row x 1 property", id="set"),
        pytest.param("unset", ["a", "b"], "0 errors, 0 warnings, 0 hints in 1 row x 2 properties", id="unset"),
        pytest.param("delete", None, "0 errors, 0 warnings, 0 hints in 1 row", id="delete"),
    ],
)  # fmt: skip
def test_a_report_says_how_much_was_checked(verb, properties, caption):
    frame = pd.DataFrame({"user_id": ["a"], "n": [1]})
    assert mpd.show(frame.mixpanel.validate(verb, "user_id", properties)).caption == caption


def test_a_report_without_its_attrs_counts_its_own_lines():
    report = report_of(pd.DataFrame({"user_id": ["a", "b"], "s": [LONG, LONG], "email": "x"}))
    report.attrs = {}
    assert mpd.show(report).caption == "2 errors, 0 warnings, 1 hint"


def test_a_report_tells_each_thing_once():
    report = report_of(pd.DataFrame({"user_id": ["a"], "email": [LONG]}), rename={"email": "$email"})
    error, warning = cells(mpd.show(report))
    assert error["severity"] == "✗ error"
    assert (error["column"], error["property"]) == ("email", "$email")
    assert (error["value"], error["limit"], error["count"]) == ("x" * 59 + "…", "255 bytes", "1")
    assert warning["severity"] == "! warning"
    hint = cells(mpd.show(report_of(pd.DataFrame({"user_id": ["a"], "email": ["x"]}))))
    assert "property" not in hint[0]
    assert "value" not in hint[0]


def test_a_summary_in_words_and_units(summary):
    table = mpd.show(summary)
    assert table.caption.startswith("set: 4,997 accepted, 2 rejected, 1 invalid (1 long string); ")
    assert table.caption.endswith(" s")
    lines = cells(table)
    assert [line["outcome"] for line in lines] == ["✗ rejected", "✓ accepted", "✓ accepted", "! invalid"]
    assert lines[0]["of them"] == "1,998 accepted, 2 rejected"
    assert lines[1]["of them"] == ""
    assert lines[1]["rows"] == "2,000"
    assert lines[1]["bytes"].endswith(" kB")
    assert lines[1]["elapsed"].endswith(" s")
    assert lines[1]["started (UTC)"] == f"{summary['started'][1]:%Y-%m-%d %H:%M:%S}"
    invalid = {name: text for name, text in lines[3].items() if text}
    assert invalid.keys() == {"rows", "outcome", "reason", "error"}


def test_what_tells_comes_first_where_not_all_is_shown(summary):
    table = mpd.show(summary, rows=2)
    assert [line["outcome"] for line in cells(table)] == ["✗ rejected", "! invalid"]
    assert str(table).endswith("\n2 of 4 lines, those with rows that are not accepted first")
    frame = pd.DataFrame({"user_id": [f"u{n}" for n in range(9)], "a": [LONG] * 9, "b": [np.inf] * 9})
    shown = mpd.show(report_of(frame), rows=3)
    assert [(line["check"], line["index"]) for line in cells(shown)] == [
        ("long_string", "0"),
        ("infinite", "0"),
        ("long_string", "1"),
    ]
    assert shown.note == "3 of 18 lines, the first of each finding first"


def test_no_lines_are_shown_where_none_are_wanted(summary):
    assert mpd.show(summary, rows=0).cells == ()
    assert str(mpd.show(summary, rows=0)).endswith("\n0 of 4 lines")


def test_totals(summary):
    table = mpd.show(mpd.totals(summary))
    assert table.caption == "5,000 rows, 4,999 updates"
    assert cells(table)[0] == {
        "outcome": "✓ accepted",
        "reason": "",
        "status_code": "200",
        "rows": "2,999",
        "updates": "2,999",
    }


def test_an_inventory():
    frame = pd.DataFrame({"email": ["a@b.com", None, None], "plan": ["pro"] * 3, "m": [1, "x" * 300, None]})
    table = mpd.show(frame.mixpanel.inventory())
    assert table.caption == (
        "3 properties of 3 rows: 1 with values over a limit, 1 nearly constant, 1 reserved or alike"
    )
    email, layout, mixed = cells(table)
    assert (email["fill"], email["largest"], email["reserved"]) == ("33 %", "7 bytes", "$email")
    assert (layout["type"], layout["fill"], layout["constant"]) == ("string", "100 %", "yes")
    assert mixed["type"] == "number 1, string 1"
    assert mixed["findings"] == "long_string 1, mixed_types 1"
    assert (email["distribution"], layout["distribution"], mixed["distribution"]) == ("█", "█", "██")


def test_an_inventory_has_a_picture_of_each_column():
    page = mpd.show(
        pd.DataFrame({"plan": ["pro", "pro", "free"], "n": [None] * 3}).mixpanel.inventory()
    )._repr_html_()
    assert page.count("<svg") == page.count("aria-label=") == 1
    assert 'aria-label="values: pro (67 %), free (33 %)"' in page
    assert "<script" not in page


def test_what_the_lines_of_a_finding_have_alike_is_said_once():
    frame = pd.DataFrame({"user_id": list("abc"), "s": [LONG, LONG, "x"], "email": "x"})
    lines = cells(mpd.show(report_of(frame)))
    assert [(line["index"], line["message"], line["limit"], line["count"]) for line in lines[:2]] == [
        ("0", "the text is too long", "255 bytes", "2"),
        ("1", "", "", ""),
    ]
    assert [line["severity"] for line in lines] == ["✗ error", "✗ error", "i hint"]
    assert lines[2]["message"].startswith("looks like $email")


def test_rows_stack_on_a_narrow_page():
    page = mpd.show(pd.DataFrame({"a<b": [1], "c": ["x"]}))._repr_html_()
    assert "@container (max-width" in page
    assert 'data-label="a&lt;b"' in page
    assert 'class="mp-empty"' not in page
    assert 'class="mp-empty"' in mpd.show(pd.DataFrame({"a": ["x", None]}))._repr_html_()


def test_a_summary_without_one_of_its_columns_is_shown(emulator):
    summary = pd.DataFrame({"user_id": ["ann"], "plan": ["pro"]}).mixpanel.set("user_id")
    for name in summary:
        assert mpd.show(summary.drop(columns=name)).cells


def test_any_frame_is_shown():
    frame = pd.DataFrame([[1, "x"], [2, None]], columns=["a", "a"])
    table = mpd.show(frame)
    assert table.caption == "2 rows x 2 columns"
    assert table.cells == (("1", "x"), ("2", ""))


class Odd:
    def __str__(self):
        raise RuntimeError


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(Odd(), "cannot be shown", id="no text"),
        pytest.param([1, None], "[1, None]", id="list"),
        pytest.param("a\x1b[31mb\nc\u202ed", "a\\x1b[31mb\\nc\\u202ed", id="control characters"),
        pytest.param("é日本", "é日本", id="letters"),
        pytest.param(float("nan"), "", id="missing"),
        pytest.param("y" * 10**6, "y" * 59 + "…", id="long"),
        pytest.param("\ud800", "\\ud800", id="lone surrogate"),
    ],
)
def test_any_value_is_shown_on_one_line(value, text):
    frame = pd.DataFrame({"n": [1], "v": pd.Series([value], dtype=object)})
    assert cells(mpd.show(frame))[0].get("v", "") == text
    str(mpd.show(frame)).encode()
    mpd.show(frame)._repr_html_().encode()


def test_what_users_wrote_is_text_and_nothing_else():
    frame = pd.DataFrame({"user_id": [HOSTILE], HOSTILE: [HOSTILE * 9]}, index=[HOSTILE])
    for shown in (mpd.show(report_of(frame)), mpd.show(frame), mpd.show(frame.mixpanel.inventory())):
        page = html_of(shown)
        of_tables = {"div", "table", "caption", "thead", "tbody", "tr", "th", "td", "p"}
        assert set(page.tags) <= of_tables | {"style", "svg", "path", "span"}  # the latter of pictures
        assert any("<script>alert(1)</script>" in cell for row in page.rows for cell in row)
        assert "\x1b" not in str(shown) + shown._repr_html_()
        assert "mathjax_ignore" in shown._repr_html_()  # $x$ is no formula


def test_a_reason_of_the_users_own_does_not_paint_the_terminal(summary):
    summary.loc[3, "reason"] = HOSTILE
    table = mpd.show(summary)
    assert r"\n\x1b[31m$x$" in table.caption
    assert "\x1b" not in str(table) + table._repr_html_()


def test_html_has_what_the_text_has(summary):
    table = mpd.show(summary)
    page = html_of(table)
    assert page.rows == [list(table.names), *map(list, table.cells)]
    assert MARKS["accepted"].colour in page.styles["✓ accepted"]
    assert "color" not in page.styles["2,000"]


def test_every_outcome_and_severity_is_told_by_a_mark_and_a_colour_of_its_own():
    assert set(MARKS) == {*OUTCOMES, *SEVERITIES}
    for names in (OUTCOMES, SEVERITIES):
        assert len({MARKS[name].symbol for name in names}) == len(names)
        assert len({MARKS[name].colour for name in names}) == len(names)


def test_kinds_and_formats_speak_of_columns_that_there_are(summary):
    report = report_of(pd.DataFrame({"user_id": ["a"], "n": [1]}))
    held = pd.DataFrame({"n": [0]}, index=pd.Index(["a"], name="$distinct_id"))
    cells = pd.DataFrame({"user_id": ["a"], "n": [1]}).mixpanel.plan("set", "user_id", current=held).cells
    frame = pd.DataFrame({"user_id": ["a"], "n": [1]})
    compared = frame.mixpanel.verify(frame.mixpanel.set("user_id")).columns
    columns = {*COLUMNS, *report.columns, *INVENTORY, *cells.columns, *DRIFT.names, *compared, "of them"}
    assert set(FORMATS) <= columns
    assert {name for kind in KINDS for name in (*kind.required, *kind.columns)} <= columns
    for frame, kind in zip((summary, report, mpd.totals(summary)), KINDS, strict=False):
        assert set(kind.required) <= set(frame.columns)


@pytest.mark.parametrize("width", [80, 100, 120])
def test_text_fits_the_terminal(summary, width):
    frame = pd.DataFrame({"user_id": ["a", "日本語" * 9], "s": [LONG, "b c " * 90], "email": ["x", None]})
    for shown in (mpd.show(summary), mpd.show(report_of(frame)), mpd.show(frame.mixpanel.inventory())):
        assert max(map(len, shown.text(width).splitlines())) <= width


def test_the_frame_stays_as_it_is(summary):
    before = summary.copy()
    mpd.show(summary)
    pd.testing.assert_frame_equal(summary, before)
    assert summary.attrs == before.attrs


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(([1],), "show needs a frame, such as the summary that a verb returned, not list", id="no frame"),
        pytest.param((pd.DataFrame(), -1), "rows=-1 must be a whole number", id="rows"),
    ],
)  # fmt: skip
def test_mistakes(arguments, message):
    with pytest.raises(mpd.OperationError, match=message):
        mpd.show(*arguments)


def test_the_log_says_what_a_report_found(caplog):
    with caplog.at_level("INFO", logger="mixpanel_pandas"):
        report_of(pd.DataFrame({"user_id": ["a"], "n": [1]}))
    assert caplog.messages == ["validate: 0 errors, 0 warnings, 0 hints in 1 row x 1 property"]


def test_what_pandas_shows_of_a_wide_frame_tells_most(summary, monkeypatch):
    """In a terminal pandas leaves out the middle of a frame, in a notebook what is beyond 20 columns."""
    with pd.option_context("display.max_columns", 0, "display.width", 100):
        monkeypatch.setattr("pandas.io.formats.console.in_ipython_frontend", lambda: False)
        head = repr(summary).splitlines()[0].split()
    assert head[:3] == ["batch", "outcome", "rows"]
    assert head[-2:] == ["status_code", "reason"]
    excluded = list(summary.columns[10:-10])
    assert excluded == ["start", "stop", "positions", "position_outcomes"]

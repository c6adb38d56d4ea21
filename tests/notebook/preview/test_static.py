from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from mixpanel_pandas.errors import OperationError
from mixpanel_pandas.notebook.preview import html
from mixpanel_pandas.notebook.preview import state as state_module
from mixpanel_pandas.notebook.preview.findings_view import select_findings
from mixpanel_pandas.notebook.preview.static import (
    COLUMNS,
    FINDINGS,
    as_html,
    as_text,
    effect_of_invalid,
    findings_table,
)
from mixpanel_pandas.payloads.row_set import RowSet
from tests.notebook.preview.frames import ATTACKS, people, state


class Elements(HTMLParser):
    """Names of all elements and attributes, and the text between them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)
        self.attributes |= {name for name, _value in attrs}

    def handle_data(self, data):
        self.words += data


def hostile() -> pd.DataFrame:
    """Return a frame that is named and filled with markup."""
    frame = people()
    return frame.rename(columns={"bio": ATTACKS[0], "visits": ATTACKS[1]})


@pytest.mark.parametrize("unmasked", [False, True])
def test_what_comes_from_a_frame_is_text(unmasked: bool) -> None:
    frame = hostile()
    frame.index = [f"<b>{n}</b>" for n in range(5)]
    found = state(frame, duplicates="all", group="<i>team</i>")
    elements = Elements(as_html(found, found.code(), "<u>eu</u>", unmasked=unmasked, outcome="<s>done</s>"))
    assert elements.names <= {
        "div",
        "h4",
        "p",
        "b",
        "pre",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "span",
        "svg",
        "path",
    }
    of_pictures = {"title", "role", "width", "height", "d", "opacity"}
    assert (
        elements.attributes
        <= {"class", "style", "scope", "tabindex", "aria-label", "data-label"} | of_pictures
    )
    assert ATTACKS[0] in elements.words
    assert "<u>eu</u>" in elements.words or "<s>done</s>" in elements.words


def test_private_values_are_not_saved() -> None:
    found = state(people(), duplicates="all", invalid="drop_row")
    for text in (as_html(found, found.code(), "eu"), as_text(found, found.code(), "eu")):
        assert "example.com" not in text
        assert "Bob" not in text
        assert "bo***@e***" in text
    assert "bob@example.com" in as_html(found, found.code(), "eu", unmasked=True)


def test_it_says_what_would_be_sent() -> None:
    found = state(people(), duplicates="last", invalid="drop_row")
    words = Elements(as_html(found, found.code(), "eu")).words
    assert "Set 5 properties on 1 user in eu: 1 update in 1 request" in words
    assert "4 rows left out" in words
    refused = state(people())
    assert "Nothing would be sent: 5 errors would refuse the frame." in as_text(refused, refused.code(), "eu")


def test_many_columns_and_findings_are_cut_short() -> None:
    frame = pd.DataFrame({f"email {number}": ["x" * 300] for number in range(500)}).assign(user_id="ann")
    found = state(frame)
    text = as_html(found, found.code(), "eu")
    assert f"and {500 - COLUMNS:,} more columns" in text
    assert f"and {500 - FINDINGS:,} more findings" in text
    assert len(text) < 40_000
    assert f"and {500 - COLUMNS:,} more columns" in as_text(found, found.code(), "eu")


def test_a_terminal_gets_no_control_characters() -> None:
    frame = pd.DataFrame({"user_id": ["ann"], "a\x1b[2J\nb": ["\x1b[31mred\x07"]})
    found = state(frame)
    text = as_text(found, found.code(), "eu")
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", text)


def test_lines_of_the_table_fit() -> None:
    frame = people().rename(columns={"bio": "a name that is far too long for a table in a terminal"})
    found = state(frame)
    table = as_text(found, found.code(), "eu").split("\n\n")[1]
    assert max(map(len, table.split("\n"))) <= 132


def test_a_large_frame_says_that_it_is_not_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_module, "CHECKED_AT_ONCE", 3)
    found = state(people())
    assert "not checked yet" in as_text(found, found.code(), "eu")
    assert "not checked yet" in as_html(found, found.code(), "eu")
    _ = found.findings
    assert "not checked yet" not in as_html(found, found.code(), "eu")


def test_colours_come_from_the_theme() -> None:
    for colour in re.findall(r"(?:color|background): ([^;]+);", html.STYLE):
        assert "var(" in colour or colour == "none"


# -- findings, in the words of Python ------------------------------------------------------------------------------------


def wrong() -> pd.DataFrame:
    """Return a frame with errors for which `invalid` has a remedy."""
    return pd.DataFrame(
        {
            "user_id": ["ann", None, "null", "dan", "eve"],
            "bio": ["x" * 300, "ok", "ok", "y" * 256, "ok"],
            "score": [1.0, 2.0, 3.0, np.inf, 5.0],
            "avatar": ["ok", "ok", "ok", "ok", "z" * 300],
        }
    )


def test_a_finding_of_a_column_is_in_all_rows() -> None:
    found = state(wrong(), rename={"score": "$score"})
    rows = {row[1]: row[3] for row in findings_table(found.findings).cells}
    assert rows["long_string"] == "1"
    assert {rows[finding.check] for finding in found.findings if finding.rows is None} == {"all"}


@pytest.mark.parametrize("remedy", ["drop_row", "drop_value", "truncate"])
def test_what_is_said_of_invalid_is_what_it_does(remedy: str) -> None:
    """Each error alone, with and without the remedy: the rows said are the rows that are changed."""
    frame, options = wrong(), {"rename": {"avatar": "$avatar"}}
    for finding in select_findings(state(frame, **options), "error"):
        helps, _, refuses = effect_of_invalid(finding).partition(";")
        try:
            changes = state(frame, invalid={finding.check: remedy}, **options).decisions.changes
        except OperationError:  # no such remedy
            assert f'"{remedy}"' in refuses
            continue
        dropped, cut = (rows.values() for rows in (changes.dropped, changes.cut))
        excluded = RowSet.of_mask(changes.excluded)
        sets = {"drop_row": [excluded], "drop_value": dropped, "truncate": cut}[remedy]
        changed = max((len({*rows} & {*finding.rows}) for rows in sets), default=0)
        assert changed == (finding.count if f'"{remedy}" ' in helps else 0)


@pytest.mark.parametrize(
    ("check", "words"),
    [
        pytest.param(
            "long_string",
            'invalid="drop_row" leaves out 2 rows, "drop_value" leaves \'bio\' out of 2 rows, '
            "\"truncate\" cuts 'bio' to 255 bytes in 2 rows.",
            id="everything helps",
        ),
        pytest.param(
            "missing_id",
            'invalid="drop_row" leaves out 1 row; "drop_value" and "truncate" would refuse the frame.',
            id="ids",
        ),
    ],
)
def test_the_effect_in_words(check: str, words: str) -> None:
    found = next(finding for finding in state(wrong()).findings if finding.check == check)
    assert effect_of_invalid(found) == words

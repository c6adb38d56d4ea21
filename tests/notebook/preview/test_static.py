from __future__ import annotations

import re
from html.parser import HTMLParser

import pandas as pd
import pytest

from mixpanel_pandas.notebook.preview import html
from mixpanel_pandas.notebook.preview import state as state_module
from mixpanel_pandas.notebook.preview.static import COLUMNS, FINDINGS, as_html, as_text
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

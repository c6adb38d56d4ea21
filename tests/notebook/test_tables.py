"""How a table is laid out: as text of any width, and as HTML."""

from __future__ import annotations

import pytest

from mixpanel_pandas.notebook.preview import html
from mixpanel_pandas.notebook.tables import Table, TableColumn

COLUMNS = (
    TableColumn("name", wraps=False),
    TableColumn("rows", align_right=True, wraps=False),
    TableColumn("message"),
)
TABLE = Table(
    COLUMNS,
    (("a", "1,000", "one two three four five six"), ("bb", "2", "")),
    caption="what it says",
    note="2 of 9 lines",
)


@pytest.mark.parametrize(
    ("width", "text"),
    [
        pytest.param(
            60,
            """
what it says
name   rows  message
a     1,000  one two three four five six
bb        2
2 of 9 lines
""",
            id="there is room",
        ),
        pytest.param(
            27,
            """
what it says
name   rows  message
a     1,000  one two three
             four five six
bb        2
2 of 9 lines
""",
            id="text takes more lines",
        ),
        pytest.param(
            22,
            """
what it says
   name   rows
0  a     1,000
1  bb        2
   message
0  one two three four
   five six
1
2 of 9 lines
""",
            id="too narrow for one block",
        ),
    ],
)
def test_a_table_fits_its_width(width: int, text: str) -> None:
    assert TABLE.text(width) == text.strip("\n")


def test_wide_characters_take_two_places_and_accents_none() -> None:
    table = Table((TableColumn("a"), TableColumn("b")), (("日本", "x"), ("e\u0301", "y")))
    assert table.text(80) == "a     b\n日本  x\ne\u0301     y"


def test_a_table_without_rows_is_its_caption() -> None:
    table = Table(COLUMNS, caption="nothing")
    assert table.text() == repr(table) == "nothing"
    assert "<table" not in table._repr_html_()


def test_text_and_html_show_cells_as_text() -> None:
    table = Table((TableColumn("<i>\x1b"),), (("<b>\u202e",),), "<u>", "<s>\n")
    assert table.text() == "<u>\n<i>\\x1b\n<b>\\u202e\n<s>\\n"
    for page in (table._repr_html_(), html.table(table)):
        assert "&lt;i&gt;\\x1b" in page
        assert "&lt;b&gt;\\u202e" in page
        assert not {"<i>", "<b>", "<u>", "<s>"} & set(page.split())


@pytest.mark.parametrize(
    ("kind", "cell"),
    [
        pytest.param("text", '<td data-label="severity">error</td>', id="text"),
        pytest.param("code", '<td data-label="severity"><span class="mp-mono">error</span></td>', id="code"),
        pytest.param(
            "badge", '<td data-label="severity"><span class="mp-badge mp-error">error</span></td>', id="badge"
        ),
    ],
)
def test_the_preview_shows_each_kind_of_column_in_its_way(kind: str, cell: str) -> None:
    page = html.table(Table((TableColumn("severity", kind=kind, width="68px"),), (("error",),)))
    assert '<th scope="col" style="width: 68px">severity</th>' in page
    assert cell in page


def test_a_mark_has_its_colour_in_a_notebook() -> None:
    table = Table((TableColumn("outcome"),), (("✓ accepted",), ("accepted",)))
    assert table._repr_html_().count("border-left: 4px solid #009e73") == 1

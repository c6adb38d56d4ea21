"""A distribution as an SVG and as block characters."""

from __future__ import annotations

from html import escape
from html.parser import HTMLParser

import pytest

from mixpanel_pandas.checking.distribution import Distribution
from mixpanel_pandas.notebook.pictures import BLOCKS, Picture, cell_html, picture_of

PLANS = Distribution("values", ("pro", "free", "other"), (60, 30, 10))
AMOUNTS = Distribution("numbers", ("0 to 9", "10 to 19", "20 to 29"), (8, 0, 1), "0", "29")
HOSTILE = Distribution("values", ('"><script>alert(1)</script>',), (1,))


class Elements(HTMLParser):
    """The attributes of each element, and the text."""

    def __init__(self, text):
        super().__init__()
        self.found, self.words = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words += data

    def all(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


@pytest.mark.parametrize(
    ("spread", "blocks"),
    [
        pytest.param(PLANS, "█▅▃", id="values"),
        pytest.param(AMOUNTS, "█▁▂", id="nothing is lower than the fewest"),
        pytest.param(Distribution("values"), "", id="nothing to show"),
        pytest.param(Distribution("values", ("5",), (3,)), "█", id="one value"),
    ],
)
def test_block_characters(spread, blocks):
    assert picture_of(spread) == blocks


def test_each_count_has_its_height():
    counts = tuple(range(len(BLOCKS)))
    assert picture_of(Distribution("numbers", tuple(map(str, counts)), counts, "0", "7")) == BLOCKS


def test_a_picture_says_what_it_shows():
    page = Elements(picture_of(AMOUNTS, "3 distinct").html)
    (svg,) = page.all("svg")
    assert svg["role"] == "img"
    assert svg["aria-label"] == "numbers: 0 to 29; most in 0 to 9 (89 %); 3 distinct"
    assert page.words == "3 distinct0 to 29"
    assert "var(--jp-brand-color1" in svg["style"]


def test_bars_are_as_high_as_their_counts():
    bars, rest, line = Elements(
        picture_of(Distribution("values", (*"abcdef", "other"), (20, 10, 5, 5, 5, 5, 40))).html
    ).all("path")
    heights = [part.split("h")[0] for part in bars["d"].split("v-")[1:]]
    assert heights == ["10.0", "5.0", "2.5", "2.5", "2.5", "2.5"]
    assert "v-20.0" in rest["d"]
    assert "opacity" in rest
    assert "currentColor" in line["style"]


@pytest.mark.parametrize(
    ("spread", "places", "width"),
    [
        pytest.param(Distribution("numbers", tuple("ab"), (1, 1), "0", "1"), ["0.0", "25.0"], "24.0", id="two ranges"),
        pytest.param(Distribution("numbers", (*"abcdefghijkl",), (1,) * 12, "0", "11"), ["0.0", "8.1"], "7.1", id="twelve ranges"),
        pytest.param(Distribution("values", tuple("ab"), (1, 1)), ["0.0", "28.0"], "24.0", id="values stand apart"),
        pytest.param(Distribution("values", (*"abcdef",), (1,) * 6), ["0.0", "16.7"], "12.7", id="six values"),
    ],
)  # fmt: skip
def test_bars_share_the_width(spread, places, width):
    bars = Elements(picture_of(spread).html).all("path")[0]["d"].removesuffix("z").split("z")
    assert [bar.split()[0].removeprefix("M") for bar in bars[:2]] == places
    assert bars[0].split("h")[1].split("v")[0] == width


def test_no_value_has_no_bar_and_one_of_many_has():
    bars, _line = Elements(
        picture_of(Distribution("numbers", ("0", "1", "2"), (1000, 0, 1), "0", "2")).html
    ).all("path")
    assert [part.split("h")[0] for part in bars["d"].split("v-")[1:]] == ["20.0", "1.5"]


def test_without_bars_there_is_no_image():
    page = Elements(picture_of(Distribution("values"), "2 distinct").html)
    assert page.words == "2 distinct"
    assert not page.all("svg")


def test_values_are_text():
    page = Elements(picture_of(HOSTILE).html)
    assert {tag for tag, _ in page.found} == {"span", "svg", "path"}
    assert "<script>" in page.all("svg")[0]["aria-label"]
    assert "<script>" in page.words


def test_a_cell_is_a_picture_or_text():
    assert cell_html("<b>") == escape("<b>")
    assert cell_html(Picture("█", "<svg></svg>")) == "<svg></svg>"
    assert Picture() == ""

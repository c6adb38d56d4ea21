"""Small pictures of a distribution: an SVG for pages, block characters for a terminal.

The colours are those of JupyterLab's theme if there is one, and suit light and dark pages elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from mixpanel_pandas.text import html_text, joined

if TYPE_CHECKING:
    from mixpanel_pandas.checking.distribution import Distribution

__all__ = ["Picture", "cell_html", "picture_of"]

#: Pixels of a picture, the least that a bar is high, and between two bars of a histogram and two of single values.
WIDTH, HEIGHT, LEAST, GAP, WIDE_GAP = 96, 20, 1.5, 1, 4

#: Bars in a terminal, from the lowest.
BLOCKS = "▁▂▃▄▅▆▇█"

COLOUR = "var(--jp-brand-color1, #4a86c8)"


class Picture(str):
    """The text of a cell, which has a picture on pages.

    Attributes
    ----------
    html : str
        The picture.
    """

    __slots__ = ("html",)
    html: str

    def __new__(cls, text: str = "", html: str = "") -> Self:
        picture = super().__new__(cls, text)
        picture.html = html
        return picture


def picture_of(distribution: Distribution, beside: str = "") -> Picture:
    """Return a distribution as block characters, and as an SVG above a line that says what it spans.

    Parameters
    ----------
    beside : str
        The HTML beside the SVG.
    """
    blocks = "".join(BLOCKS[_level(count, distribution)] for count in distribution.counts)
    words = html_text(joined(distribution.in_words() if distribution.counts else "", beside))
    drawn = _svg(distribution, words) if distribution.counts else ""
    right = f'<span style="{SMALL}; white-space: nowrap">{html_text(beside)}</span>' if beside else ""
    below = f'<span style="{SMALL}; {ONE_LINE}">{html_text(distribution.summary())}</span>'
    return Picture(
        blocks,
        f'<span title="{words}" style="display: block"><span style="{ROW}">{drawn}{right}</span>{below}</span>',
    )


def cell_html(text: str) -> str:
    """Return the text of a cell, or its picture, as HTML."""
    return text.html if isinstance(text, Picture) else html_text(text)


SMALL = "font-size: 11px; line-height: 1.3"
ROW = "display: flex; flex-wrap: wrap; align-items: flex-end; gap: 0 6px"

#: The line below the picture, whose end is cut off.
ONE_LINE = "display: block; max-width: 13.5em; overflow: hidden; text-overflow: ellipsis; white-space: nowrap"


def _level(count: int, distribution: Distribution) -> int:
    """Return the height of a bar in a terminal. Only no value at all, and the fewest of many, are at the bottom."""
    return -(-count * (len(BLOCKS) - 1) // max(distribution.counts))


def _svg(distribution: Distribution, words: str) -> str:
    counts = distribution.counts
    gap = GAP if distribution.is_histogram else WIDE_GAP
    width = min((WIDTH + gap) / len(counts) - gap, WIDTH / 4)
    heights = [max(LEAST, HEIGHT * count / max(counts)) if count else 0 for count in counts]
    bars = [
        f"M{place * (width + gap):.1f} {HEIGHT}v-{height:.1f}h{width:.1f}v{height:.1f}z" if height else ""
        for place, height in enumerate(heights)
    ]
    rest = bars.pop() if distribution.has_rest else ""
    paths = f'<path d="{"".join(bars)}"/>' + (f'<path d="{rest}" opacity="0.45"/>' if rest else "")
    return (
        f'<svg role="img" aria-label="{words}" width="{WIDTH}" height="{HEIGHT + 1}" style="display: block; fill: {COLOUR}">'
        f'{paths}<path d="M0 {HEIGHT}h{WIDTH}v1h-{WIDTH}z" style="fill: currentColor" opacity="0.35"/></svg>'
    )

"""Tables for people. One description of columns and cells becomes HTML for a notebook and text for a terminal."""

from __future__ import annotations

import re
import shutil
import textwrap
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal

from mixpanel_pandas.notebook.pictures import cell_html
from mixpanel_pandas.text import html_text, is_visible, printable

__all__ = ["MARKS", "Mark", "Table", "TableColumn", "stacked_attributes", "stacked_css"]

#: Characters to which a column of text may be narrowed, and blanks between two columns, in a terminal.
NARROWEST, GAP = 12, 2


@dataclass(frozen=True)
class Mark:
    """How an outcome or a severity is marked: by a symbol, and by a colour for those who see it.

    Attributes
    ----------
    symbol : str
        One character.
    colour : str
        Of the palette of Okabe and Ito, which the colour-blind can tell apart.
    """

    symbol: str
    colour: str


#: Outcome or severity -> its mark.
MARKS: dict[str, Mark] = {
    "accepted": Mark("✓", "#009e73"),
    "rejected": Mark("✗", "#d55e00"),
    "unknown": Mark("?", "#e69f00"),
    "not_sent": Mark("-", "#56b4e9"),
    "invalid": Mark("!", "#cc79a7"),
    "skipped": Mark("·", "#8c8c8c"),
    "error": Mark("✗", "#d55e00"),
    "warning": Mark("!", "#e69f00"),
    "hint": Mark("i", "#56b4e9"),
}

#: Text of a cell with a mark -> colour.
_COLOURS = {f"{mark.symbol} {name}": mark.colour for name, mark in MARKS.items()}


@dataclass(frozen=True)
class TableColumn:
    """How one column of a table is shown.

    Attributes
    ----------
    name : str
        Its heading.
    align_right : bool
        Whether it is aligned to the right, as numbers are.
    wraps : bool
        Whether a cell may take several lines, so that the table fits.
    kind : {"text", "code", "badge"}
        What a page with a style sheet makes of its cells: text, a value as a program writes it, or a word in a frame.
    width : str
        Its width on a page, in CSS. By default an equal share.
    short : str
        Its heading where rows are stacked on a narrow page. By default its name.
    """

    name: str
    align_right: bool = False
    wraps: bool = True
    kind: Literal["text", "code", "badge"] = "text"
    width: str = "auto"
    short: str = ""


#: Makes one cell of an HTML table: tag ("th" or "td"), column, text -> HTML.
CellMaker = Callable[[str, TableColumn, str], str]


@dataclass(frozen=True)
class Table:
    """A table to look at. Notebooks show its HTML, ``print`` shows its text.

    Attributes
    ----------
    columns : tuple of TableColumn
        How each column is shown.
    cells : tuple of tuple of str
        One tuple for each row; a missing value is an empty text.
    caption : str
        What the table says, in one line above it.
    note : str
        What the table leaves out, in one line below it.
    """

    columns: tuple[TableColumn, ...] = ()
    cells: tuple[tuple[str, ...], ...] = ()
    caption: str = ""
    note: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The headings of the columns."""
        return tuple(column.name for column in self.columns)

    def __repr__(self) -> str:
        return self.text()

    def text(self, width: int | None = None) -> str:
        """Return the table as text.

        Parameters
        ----------
        width : int, optional
            Characters in a line at most, as far as columns can be narrowed. By default the width of the terminal.
        """
        width = width or shutil.get_terminal_size().columns
        lines = textwrap.wrap(printable(self.caption), width)
        for block in _blocks(self, width) if self.cells else []:
            lines += _beside_each_other(block, width)
        return "\n".join([*lines, *textwrap.wrap(printable(self.note), width)])

    def markdown(self) -> str:
        """Return the table as Markdown, for a pull request or a page."""

        def line(texts: Iterable[str]) -> str:
            return f"| {' | '.join(_in_markdown(text) for text in texts)} |"

        rule = ["---:" if column.align_right else "---" for column in self.columns]
        rows = [line(self.names), f"| {' | '.join(rule)} |", *map(line, self.cells)] if self.cells else []
        blocks = [_in_markdown(self.caption), "\n".join(rows), _in_markdown(self.note)]
        return "\n\n".join(block for block in blocks if block)

    def html(self, cell: CellMaker, attributes: str = "", before: str = "") -> str:
        """Return the table alone as HTML.

        Parameters
        ----------
        cell : callable
            Makes each cell, and escapes its text.
        attributes : str
            HTML attributes of the table.
        before : str
            HTML before the rows, such as a caption.
        """

        def row(tag: str, texts: Iterable[str]) -> str:
            made = (cell(tag, column, text) for column, text in zip(self.columns, texts, strict=True))
            return f"<tr>{''.join(made)}</tr>"

        head = row("th", self.names)
        body = "".join(row("td", texts) for texts in self.cells)
        return f"<table{attributes}>{before}<thead>{head}</thead><tbody>{body}</tbody></table>"

    def _repr_html_(self) -> str:
        caption = html_text(self.caption)
        if self.cells:
            above = f'<caption style="caption-side: top; {_CAPTION_STYLE}">{caption}</caption>'
            shown = self.html(_cell_with_style, f' class="dataframe" style="{_TABLE_STYLE}"', above)
        else:  # the caption of an empty table would be as narrow as its longest word
            shown = f'<p style="{_CAPTION_STYLE}">{caption}</p>'
        note = f"<p>{html_text(self.note)}</p>" if self.note else ""
        # the classes keep a notebook from reading text between two $ as a formula
        around = '<div class="mixpanel-table mathjax_ignore tex2jax_ignore" style="overflow-x: auto; container-type: inline-size">'
        style = f"<style>{stacked_css('.mixpanel-table')}</style>" if self.cells else ""
        return f"{around}{style}{shown}{note}</div>"


def stacked_css(selector: str) -> str:
    """Return the rules that show the cells of each row below each other, where the place of the tables is narrow.

    Parameters
    ----------
    selector : str
        The element around the tables, which has to be a container of its own.
    """
    return STACKED.replace("AROUND", selector)


def stacked_attributes(column: TableColumn, text: str) -> str:
    """Return the attributes of a cell that these rules read."""
    empty = "" if text else ' class="mp-empty"'
    return f' data-label="{html_text(column.short or column.name)}"{empty}'


STACKED = """
@container (max-width: 640px) {
  AROUND table, AROUND tbody, AROUND tr, AROUND caption { display: block !important; width: auto !important; }
  AROUND thead { position: absolute; width: 1px; height: 1px; overflow: hidden; }
  AROUND thead, AROUND th { clip-path: inset(50%); }
  AROUND tr { border-bottom: 1px solid #8888; padding: 4px 0; }
  AROUND td {
    display: grid !important; grid-template-columns: 84px minmax(0, 1fr); gap: 0 8px; border-width: 0; padding: 0 !important;
    text-align: left !important; white-space: normal !important; max-width: 100%;
  }
  AROUND td::before { content: attr(data-label); opacity: 0.85; font-size: 11px; line-height: 1.6; }
  AROUND td > * { justify-self: start; max-width: 100%; }
  AROUND td.mp-empty { display: none !important; }
}
"""


# -- HTML -------------------------------------------------------------------------------------------------------------

_TABLE_STYLE = "font-size: 12px; line-height: 1.35; margin: 0; table-layout: auto"
_CAPTION_STYLE = "text-align: left; color: inherit; font-weight: bold; padding: 0.5em 0"


def _cell_with_style(tag: str, column: TableColumn, text: str) -> str:
    """Return a cell with its style, because some pages that show notebooks drop style sheets.

    Text keeps the colour that the page gives it, and tints are half transparent, so that both suit dark pages as well.
    """
    colour = _COLOURS.get(text)
    style = f"text-align: {'right' if column.align_right else 'left'}; vertical-align: top; padding: 2px 7px"
    style += "" if column.wraps else "; white-space: nowrap"
    style += "; overflow-wrap: anywhere; min-width: 7em" if column.wraps and column.width != "auto" else ""
    style += f"; border-left: 4px solid {colour}; background: {colour}33" if colour else ""
    style += f"; width: {column.width}" if tag == "th" and column.width != "auto" else ""
    attributes = ' scope="col"' if tag == "th" else stacked_attributes(column, text)
    return f'<{tag}{attributes} style="{style}">{cell_html(text)}</{tag}>'


# -- text -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _TextColumn:
    """The texts of a column, its heading first."""

    texts: list[str]
    align_right: bool
    wraps: bool

    @property
    def widest(self) -> int:
        return max(map(_width, self.texts))

    @property
    def narrowest(self) -> int:
        return min(self.widest, max(NARROWEST, _width(self.texts[0]))) if self.wraps else self.widest


def _in_markdown(text: str) -> str:
    """Return a text that Markdown shows as it is, in one line."""
    return re.sub(r"([\\`*_{}\[\]<>|#~])", r"\\\1", " ".join(printable(text).split()))


def _blocks(table: Table, width: int) -> list[list[_TextColumn]]:
    """Return the columns of a table in one block, or in several if they are too wide for the terminal.

    Blocks stand below each other, each with the numbers of the rows, as pandas shows a wide frame.
    """
    columns = [
        _TextColumn([printable(text) for text in texts], column.align_right, column.wraps)
        for column, *texts in zip(table.columns, table.names, *table.cells, strict=True)
    ]
    if sum(column.narrowest + GAP for column in columns) - GAP <= width:
        return [columns]
    numbers = _TextColumn(["", *map(str, range(len(table.cells)))], align_right=True, wraps=False)
    blocks = [[numbers]]
    for column in columns:
        taken = sum(other.narrowest + GAP for other in blocks[-1])
        if taken + column.narrowest > width and len(blocks[-1]) > 1:
            blocks.append([numbers])
        blocks[-1].append(column)
    return blocks if len(blocks) > 1 else [columns]


def _beside_each_other(columns: list[_TextColumn], width: int) -> list[str]:
    """Return the lines of a block. Where it is too wide, its widest columns of text are narrowed."""
    widths = [column.widest for column in columns]
    narrowest = [column.narrowest for column in columns]
    while sum(widths) + GAP * (len(widths) - 1) > width and widths != narrowest:
        can_give_way = [number for number, least in enumerate(narrowest) if widths[number] > least]
        widths[max(can_give_way, key=widths.__getitem__)] -= 1
    lines = []
    for cells in zip(*(column.texts for column in columns), strict=True):
        wrapped = [textwrap.wrap(cell, most) or [""] for cell, most in zip(cells, widths, strict=True)]
        for parts in zip_longest(*wrapped, fillvalue=""):
            padded = [
                _padded(part, most, column.align_right)
                for part, most, column in zip(parts, widths, columns, strict=True)
            ]
            lines.append((" " * GAP).join(padded).rstrip())
    return lines


def _padded(text: str, width: int, align_right: bool) -> str:
    blanks = " " * (width - _width(text))
    return blanks + text if align_right else text + blanks


def _width(text: str) -> int:
    """Return how many places a text takes in a terminal. A Chinese character takes two, a combining accent none."""
    if text.isascii():
        return len(text)
    return sum(
        0
        if unicodedata.combining(character) or not is_visible(character)
        else 1 + (unicodedata.east_asian_width(character) in {"W", "F"})
        for character in text
    )

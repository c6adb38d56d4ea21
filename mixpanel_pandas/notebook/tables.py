"""Frames of this package as tables that read well, in a notebook and in a terminal; the frames themselves stay plain.

Each kind of frame has a row in `VIEWS` (which columns are shown, what stands above them, which lines come first where there
are too many), each column a format in `FORMATS`. HTML has no style sheet and no script, so that it looks the same in a
saved notebook, where these are taken out; colours are tints of whatever the background is, and never tell anything alone.
"""

from __future__ import annotations

import html
import shutil
import textwrap
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mixpanel_pandas.checking.report import report_in_words
from mixpanel_pandas.delivery.summary import COLUMNS, words
from mixpanel_pandas.errors import OperationError
from mixpanel_pandas.rules.outcomes import OUTCOMES
from mixpanel_pandas.text import counted, is_seen, percent, printable, shortened, size_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

__all__ = ["LOOKS", "Look", "Table", "show"]

#: How much of a value and of a sentence is shown, in characters, and how narrow a column of text may get in a terminal.
SHOWN_CHARACTERS, SENTENCE_CHARACTERS, NARROWEST = 60, 1_000, 12


@dataclass(frozen=True)
class Look:
    """How an outcome or a severity is told apart: by its mark for everybody, by its colour for most.

    Attributes
    ----------
    mark : str
        One character.
    colour : str
        Of Okabe and Ito's palette, which the colour-blind tell apart.
    """

    mark: str
    colour: str


LOOKS: dict[str, Look] = {
    "accepted": Look("✓", "#009e73"),
    "rejected": Look("✗", "#d55e00"),
    "unknown": Look("?", "#e69f00"),
    "not_sent": Look("-", "#56b4e9"),
    "invalid": Look("!", "#cc79a7"),
    "skipped": Look("·", "#8c8c8c"),
    "error": Look("✗", "#d55e00"),
    "warning": Look("!", "#e69f00"),
    "hint": Look("i", "#56b4e9"),
}

Format = Callable[[Any], str]


def _plain(value: Any) -> str:
    """Return any value as text of one line, whatever it is; long ones without their end."""
    try:
        text = value[: 2 * SHOWN_CHARACTERS] if isinstance(value, str) else str(value)
    except Exception:  # noqa: BLE001 (an object of the user's)
        text = "cannot be shown"
    return shortened(printable(text[: 2 * SHOWN_CHARACTERS]), SHOWN_CHARACTERS)


def _sentence(value: Any) -> str:
    """Return words of our own whole; those of a user's schema may be long."""
    return shortened(printable(str(value)[:SENTENCE_CHARACTERS]), SENTENCE_CHARACTERS)


def _count(value: Any) -> str:
    return f"{value:,.0f}"


def _marked(value: Any) -> str:
    return f"{LOOKS[value].mark} {value}" if value in LOOKS else _plain(value)


def _size(value: int) -> str:
    return size_of(value) if value else ""


def _seconds(value: float) -> str:
    """Return how long a request took; what was not sent took no time."""
    if not value:
        return ""
    return f"{value:,.3f} s" if value < 10 else f"{value:,.1f} s"


def _instant(value: Any) -> str:
    return f"{value:%Y-%m-%d %H:%M:%S}"


def _listed(values: Any) -> str:
    """Return a list, or a mapping of names to counts, as words."""
    if isinstance(values, str):
        return _plain(values)
    pairs = values.items() if isinstance(values, Mapping) else ((value, None) for value in values)
    return ", ".join(_plain(name) if count is None else f"{_plain(name)} {count:,}" for name, count in pairs)


@dataclass(frozen=True)
class Column:
    """How a column is shown.

    Attributes
    ----------
    text : callable
        A value that is there -> text.
    right : bool
        Whether it is aligned to the right, as numbers are.
    wraps : bool
        Whether it may be made narrower by using more lines.
    name : str
        What stands above it, where that is not its name.
    """

    text: Format = _plain
    right: bool = False
    wraps: bool = False
    name: str = ""


#: Name of a column -> how it is shown.
FORMATS: dict[str, Column] = {
    **dict.fromkeys(("rows", "updates", "attempts", "start", "stop", *OUTCOMES), Column(_count, right=True)),
    **dict.fromkeys(("count", "position", "filled", "distinct", "over_limit"), Column(_count, right=True)),
    **dict.fromkeys(("bytes", "largest"), Column(_size, right=True)),
    **dict.fromkeys(("fill", "top_share"), Column(percent, right=True)),
    "requests": Column(lambda requests: _count(requests) if requests > 1 else "", right=True),
    **dict.fromkeys(("batch", "status_code"), Column(str, right=True)),
    **dict.fromkeys(("outcome", "severity"), Column(_marked)),
    **dict.fromkeys(("message", "error", "reason", "of them"), Column(_sentence, wraps=True)),
    **dict.fromkeys(("type", "types", "findings"), Column(_listed, wraps=True)),
    "limit": Column(_sentence),
    "elapsed": Column(_seconds, right=True),
    "started": Column(_instant, name="started (UTC)"),
    "nearly_constant": Column(lambda constant: "yes" if constant else "", name="constant"),
}


@dataclass(frozen=True)
class View:
    """How one kind of frame is shown.

    Attributes
    ----------
    known_by : tuple of str
        A frame with these columns is of this kind.
    columns : tuple of str
        What is shown, in this order, as far as the frame has it and it says something; empty for all.
    caption : callable
        Frame -> one line that says it all.
    prepare : callable
        The lines that are shown -> the same, with what their columns say together.
    lines : str
        What its rows are called.
    rank : callable, optional
        Frame -> numbers; where not all lines are shown, those with the lowest come first.
    ranked : str
        What comes first, in words.
    """

    known_by: tuple[str, ...]
    columns: tuple[str, ...]
    caption: Callable[[pd.DataFrame], str]
    prepare: Callable[[pd.DataFrame], pd.DataFrame] = lambda lines: lines
    lines: str = "line"
    rank: Callable[[pd.DataFrame], Any] | None = None
    ranked: str = ""


def _totals_in_words(found: pd.DataFrame) -> str:
    return f"{counted(int(found['rows'].sum()), 'row')}, {counted(int(found['updates'].sum()), 'update')}"


def _inventory_in_words(found: pd.DataFrame) -> str:
    made: Mapping[str, str] = found.attrs.get("mixpanel", {})
    rows = f" of {counted(int(made['rows']), 'row')}" if "rows" in made else ""
    marks = {
        "with values over a limit": (found["over_limit"] > 0).sum(),
        "nearly constant": found["nearly_constant"].sum(),
        "empty": (found["filled"] == 0).sum(),
        "reserved or alike": found["reserved"].notna().sum(),
    }
    said = ", ".join(f"{number:,} {mark}" for mark, number in marks.items() if number)
    return f"{counted(len(found), 'property')}{rows}{f': {said}' if said else ''}"


def _with_mixtures(summary: pd.DataFrame) -> pd.DataFrame:
    """Say how the rows of a request ended, where not all ended alike."""
    counts = summary[list(OUTCOMES)].to_dict("records")
    texts = [", ".join(f"{count:,} {name}" for name, count in found.items() if count) for found in counts]
    mixed = (summary[list(OUTCOMES)] > 0).sum(axis=1) > 1
    return summary.assign(**{"of them": pd.Series(texts, summary.index, dtype=object).where(mixed, None)})


def _with_what_tells(report: pd.DataFrame) -> pd.DataFrame:
    """Leave out what is said twice: the property where it is named like its column, the value where a column is the matter."""
    names = [
        None if str(label) == name else name
        for label, name in zip(report["column"], report["property"], strict=True)
    ]
    values = [
        value if known else None
        for value, known in zip(report["value"], report["position"].notna(), strict=True)
    ]
    return report.assign(
        property=pd.Series(names, report.index, dtype=object),
        value=pd.Series(values, report.index, dtype=object),
    )


def _with_types(found: pd.DataFrame) -> pd.DataFrame:
    """Count types where there are several; give no more examples than fit a line."""
    types = [kind if len(of) < 2 else of for kind, of in zip(found["type"], found["types"], strict=True)]
    examples = [_few([_plain(value) for value in values]) for values in found["examples"]]
    return found.assign(
        type=pd.Series(types, found.index, dtype=object),
        examples=pd.Series(examples, found.index, dtype=object),
    )


def _few(texts: list[str]) -> str:
    """Return as many texts as fit a short line, but one at least."""
    while len(texts) > 1 and len(", ".join(texts)) > SHOWN_CHARACTERS // 2:
        texts = texts[:-1]
    return ", ".join(texts)


def _size_in_words(frame: pd.DataFrame) -> str:
    return f"{counted(len(frame), 'row')} x {counted(frame.shape[1], 'column')}"


VIEWS: tuple[View, ...] = (
    View(
        tuple(COLUMNS),
        ("batch", "rows", "outcome", "of them", "bytes", "status_code", "requests", "started", "elapsed", "reason", "error"),
        words,
        _with_mixtures,
        rank=lambda summary: summary["accepted"] == summary["rows"],
        ranked="those with rows that are not accepted first",
    ),
    View(
        ("severity", "check", "column", "property", "position", "value", "message"),
        ("severity", "check", "column", "property", "index", "value", "limit", "message", "count"),
        report_in_words,
        _with_what_tells,
        rank=lambda report: report.groupby(["severity", "check", "column", "message"], dropna=False, observed=True).cumcount(),
        ranked="each finding's first ones first",
    ),
    View(("outcome", "reason", "status_code", "rows", "updates"), (), _totals_in_words),
    View(
        ("column", "type", "types", "filled", "examples", "over_limit", "nearly_constant", "reserved"),
        ("column", "type", "fill", "distinct", "examples", "largest", "nearly_constant", "reserved", "findings"),
        _inventory_in_words,
        _with_types,
    ),
)  # fmt: skip

#: Any other frame.
ANY = View((), (), _size_in_words, lines="row")


@dataclass(frozen=True)
class Table:
    """A table to look at: notebooks show its HTML, ``print`` its text.

    Attributes
    ----------
    caption : str
        What the frame says in one line.
    names : tuple of str
        What stands above the columns.
    cells : tuple of tuple of str
        A tuple for each line; a missing value is blank.
    right, wraps : tuple of bool
        Which columns are aligned to the right, and which may be made narrower by using more lines.
    note : str
        What is not shown, if anything.
    """

    caption: str
    names: tuple[str, ...] = ()
    cells: tuple[tuple[str, ...], ...] = ()
    right: tuple[bool, ...] = ()
    wraps: tuple[bool, ...] = ()
    note: str = ""

    def __repr__(self) -> str:
        return self.text()

    def text(self, width: int | None = None) -> str:
        """Return the table as text.

        Parameters
        ----------
        width : int, optional
            Characters in a line at most, as long as the columns can be made narrow enough. By default those of the terminal.
        """
        lines = textwrap.wrap(self.caption, width := width or shutil.get_terminal_size().columns)
        blocks = self._blocks(width) if self.cells else []
        numbers = [_Cells(["", *map(str, range(len(self.cells)))], True, False)] if len(blocks) > 1 else []
        for block in blocks:
            lines += _lines([*numbers, *block], width)
        return "\n".join([*lines, *([self.note] if self.note else [])])

    def _blocks(self, width: int) -> list[list[_Cells]]:
        """Return the columns in one block, or where they are too wide for that in several, one below the other as pandas has them."""
        columns = [
            _Cells(list(texts), right, wraps)
            for texts, right, wraps in zip(
                zip(self.names, *self.cells, strict=True), self.right, self.wraps, strict=True
            )
        ]
        if sum(column.narrowest + 2 for column in columns) - 2 <= width:
            return [columns]
        blocks: list[list[_Cells]] = [[]]
        taken = number_width = len(str(len(self.cells)))
        for column in columns:
            if taken + 2 + column.narrowest > width and blocks[-1]:
                blocks.append([])
                taken = number_width
            blocks[-1].append(column)
            taken += 2 + column.narrowest
        return blocks

    def _repr_html_(self) -> str:
        rows = [_row("th", self.names, self), *(_row("td", cells, self) for cells in self.cells)]
        caption = html.escape(self.caption)
        table = (
            f'<table class="dataframe"><caption style="caption-side: top; {_CAPTION}">{caption}</caption>'
            f"<thead>{rows[0]}</thead><tbody>{''.join(rows[1:])}</tbody></table>"
            if self.cells
            else f'<p style="{_CAPTION}">{caption}</p>'  # the caption of an empty table is as narrow as its longest word
        )
        note = f"<p>{html.escape(self.note)}</p>" if self.note else ""
        # the classes keep a notebook from reading what stands between two $ as a formula
        return f'<div class="mathjax_ignore tex2jax_ignore" style="overflow-x: auto">{table}{note}</div>'


_CAPTION = "text-align: left; color: inherit; font-weight: bold; padding: 0.5em 0"


#: A cell with one of these texts has a bar and a tint of its colour.
_TINTED = {f"{look.mark} {name}": look.colour for name, look in LOOKS.items()}


def _row(tag: str, cells: Iterable[str], table: Table) -> str:
    """Return a line of the table; the text keeps the colour that the page gives it, on dark as on light."""
    found = []
    for cell, right, wraps in zip(cells, table.right, table.wraps, strict=True):
        colour = _TINTED.get(cell)
        style = f"text-align: {'right' if right else 'left'}; vertical-align: top; padding: 0.2em 0.7em"
        style += "" if wraps else "; white-space: nowrap"
        style += f"; border-left: 4px solid {colour}; background: {colour}33" if colour else ""
        scope = ' scope="col"' if tag == "th" else ""
        found.append(f'<{tag}{scope} style="{style}">{html.escape(cell)}</{tag}>')
    return f"<tr>{''.join(found)}</tr>"


@dataclass(frozen=True)
class _Cells:
    """A column as text, its name first."""

    texts: list[str]
    right: bool
    wraps: bool

    @property
    def widest(self) -> int:
        return max(map(_width, self.texts))

    @property
    def narrowest(self) -> int:
        return min(self.widest, max(NARROWEST, len(self.texts[0]))) if self.wraps else self.widest


def _lines(columns: list[_Cells], width: int) -> list[str]:
    """Return columns beside each other; those of text give way where they are too wide, the widest first."""
    widths = [column.widest for column in columns]
    least = [column.narrowest for column in columns]
    while sum(widths) + 2 * (len(widths) - 1) > width and widths != least:
        widths[max(range(len(widths)), key=lambda n: (widths[n] > least[n], widths[n]))] -= 1
    lines = []
    for cells in zip(*(column.texts for column in columns), strict=True):
        wrapped = [textwrap.wrap(cell, most) or [""] for cell, most in zip(cells, widths, strict=True)]
        for parts in zip_longest(*wrapped, fillvalue=""):
            padded = [
                _padded(part, most, column.right)
                for part, most, column in zip(parts, widths, columns, strict=True)
            ]
            lines.append("  ".join(padded).rstrip())
    return lines


def _padded(text: str, width: int, right: bool) -> str:
    blanks = " " * (width - _width(text))
    return blanks + text if right else text + blanks


def _width(text: str) -> int:
    """Return how many places a text takes in a terminal, where Chinese characters take two."""
    if text.isascii():
        return len(text)
    return sum(
        0
        if unicodedata.combining(c) or not is_seen(c)
        else 1 + (unicodedata.east_asian_width(c) in {"W", "F"})
        for c in text
    )


def show(frame: pd.DataFrame, rows: int = 20) -> Table:
    """Return a frame as a table that reads well, with what it says in one line above it.

    Made for the summary of an upload, the report of `validate`, totals and the inventory; any other frame is shown with all its
    columns. The frame stays as it is.

    Parameters
    ----------
    frame : pandas.DataFrame
        Such a frame, or some of its rows and columns.
    rows : int, default 20
        How many lines are shown at most. Where there are more, the lines of a summary with rows that are not accepted come
        first, and of a report the first of each finding.

    Returns
    -------
    Table
        A notebook shows it as HTML, ``print`` as text as wide as the terminal; ``.caption`` is the line above it. Missing values
        are blank, columns that say nothing are left out, bytes are in kB and MB, values are escaped.

    Raises
    ------
    OperationError
        If it is no frame, or `rows` is below 0.

    Examples
    --------
    >>> df = pd.DataFrame({"user_id": ["ann", "bob"], "$email": ["ann@here.com", "bob"]})
    >>> mpd.show(df.mixpanel.validate("set", "user_id"))
    0 errors, 1 warning, 0 hints in 2 rows x 1 property
    severity   check  column  index  value  message                count
    ! warning  email  $email      1  bob    not an e-mail address      1
    >>> mpd.show(df[:1].mixpanel.validate("set", "user_id"))
    0 errors, 0 warnings, 0 hints in 1 row x 1 property
    """
    given: Any = frame
    if not isinstance(given, pd.DataFrame):
        msg = f"show takes a frame, such as the summary that a verb returned, not {type(given).__name__}"
        raise OperationError(msg)
    if rows < 0:
        msg = f"rows={rows!r} is no number of lines: 0 or more"
        raise OperationError(msg)
    view = next((view for view in VIEWS if set(view.known_by) <= set(frame.columns)), ANY)
    shown = view.prepare(_first(frame, view, rows))
    labels = [*shown.columns]
    places = [labels.index(name) for name in view.columns if name in labels] or range(len(labels))
    columns = [_column(labels[place], shown.iloc[:, place]) for place in places]
    columns = [column for column in columns if any(column[1])]
    return Table(
        _sentence(view.caption(frame)),
        tuple(how.name or name for name, _texts, how in columns),
        tuple(zip(*(texts for _name, texts, _how in columns), strict=True)),
        tuple(how.right for _name, _texts, how in columns),
        tuple(how.wraps for _name, _texts, how in columns),
        _note(frame, view, len(shown)),
    )


def _column(label: Hashable, column: pd.Series[Any]) -> tuple[str, list[str], Column]:
    """Return the name of a column, its values as text, blank where they are missing, and how they are shown."""
    numbers = pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype)
    how = FORMATS.get(str(label), Column(right=numbers, wraps=not numbers))
    values: list[Any] = [None] * len(column)
    for place in range(len(column)):
        try:
            values[place] = column.iloc[place]
        except Exception:  # noqa: BLE001 (dates beyond Python's years and the like)
            values[place] = "cannot be shown"
    return _plain(label), ["" if _is_missing(value) else _text(value, how) for value in values], how


def _is_missing(value: Any) -> bool:
    return value is None or (pd.api.types.is_scalar(value) and bool(pd.isna(value)))


def _text(value: Any, how: Column) -> str:
    """Return a value as its column has it, or as it is where it is something else, in a frame that only looks like ours."""
    try:
        return _sentence(how.text(value))
    except Exception:  # noqa: BLE001
        return _plain(value)


def _first(frame: pd.DataFrame, view: View, rows: int) -> pd.DataFrame:
    """Return as many lines as are shown."""
    if len(frame) <= rows or view.rank is None:
        return frame.iloc[:rows]
    return frame.iloc[np.argsort(np.asarray(view.rank(frame)), kind="stable")[:rows]]


def _note(frame: pd.DataFrame, view: View, shown: int) -> str:
    if shown == len(frame):
        return ""
    ranked = f", {view.ranked}" if view.ranked and shown else ""
    return f"{shown:,} of {counted(len(frame), view.lines)}{ranked}"

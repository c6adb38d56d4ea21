"""The preview where no widget lives: text for a terminal, HTML for a saved notebook, GitHub and nbconvert.

What stands here is saved, so ids and values that name a person or reach one are masked unless the call said otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mixpanel_pandas.errors import MixpanelError
from mixpanel_pandas.notebook.preview import html
from mixpanel_pandas.notebook.preview.finding_rows import effect_of_invalid, offences, rows_of
from mixpanel_pandas.notebook.preview.mapping import columns, ids_in_words, labels
from mixpanel_pandas.notebook.preview.payload_page import payload
from mixpanel_pandas.notebook.preview.totals import deed, totals, totals_in_words
from mixpanel_pandas.text import counted, percent, printable, quoted, shortened

if TYPE_CHECKING:
    from mixpanel_pandas.notebook.preview.mapping import Column
    from mixpanel_pandas.notebook.preview.payload_page import Payload
    from mixpanel_pandas.notebook.preview.state import State

__all__ = ["as_html", "as_text", "sent_to", "whose"]

#: How many columns, findings, values of each and payloads are shown.
COLUMNS, FINDINGS, VALUES, PAYLOADS = 25, 12, 3, 2

FINDINGS_HEAD = {
    "severity": "68px",
    "check": "14%",
    "column": "14%",
    "rows": "56px",
    "what is wrong": "auto",
    "first": "24%",
}
NARROW = {"type": "70px", "fill": "50px"}
HEAD = ("column", "property", "type", "fill", "example", "hint")

#: How wide the parts of the text table are at most, in characters.
WIDTHS = (24, 24, 9, 5, 28, 30)

UNCHECKED = "not checked yet: a large frame is checked in the background"


def whose(state: State) -> str:
    """Return what is written to, and from where."""
    group = state.operation.group
    profiles = "user profiles" if group is None else f"profiles of group {quoted(group)}"
    return f"{state.operation.verb} on {profiles}, ids in {quoted(state.layout.id.label)}"


def sent_to(state: State, place: str) -> str:
    """Return what would be sent, and where to, in one line."""
    if state.standing:
        return f"Nothing would be sent: {counted(state.standing, 'error')} would refuse the frame."
    found = totals(state)
    excluded = state.layout.rows - found.rows
    rest = f"; {counted(excluded, 'row')} left out" if excluded else ""
    named = "" if place else " No project is named yet."
    return f"{deed(state, found, place)}: {totals_in_words(found)}{rest}.{named}"


def _payloads(state: State, shown: bool) -> list[Payload]:
    return [payload(state, number, shown=shown) for number in range(min(PAYLOADS, len(state.sent_rows)))]


def _more(state: State) -> list[str]:
    """Return what is said of the findings that are not shown."""
    rest = len(state.findings) - FINDINGS
    return [f"and {counted(rest, 'more finding')}"] if rest > 0 else []


# -- text -----------------------------------------------------------------------------------------------------------


def as_text(state: State, line: str, place: str, *, shown: bool = False) -> str:
    """Return the preview for a terminal.

    Parameters
    ----------
    line : str
        The same in Python.
    place : str
        Where it would be sent.
    shown : bool
        Whether private values are readable.
    """
    parts = [whose(state), f"  {line}", f"  ids in {ids_in_words(state)}", "", *_text_table(state, shown), ""]
    if not state.is_checked:
        return _lines([*parts, UNCHECKED])
    parts.append(state.verdict())
    for finding in state.findings[:FINDINGS]:
        where = f" in {quoted(finding.column)}" if finding.column is not None else ""
        rows = "" if finding.rows is None else f"{finding.count:,}, "
        parts.append(f"  {finding.severity} {finding.check}{where}: {rows}{finding.message}")
        parts += [f"    {effect_of_invalid(finding)}"] * (finding.severity == "error")
    parts += [f"  {more}" for more in _more(state)]
    for found in _payloads(state, shown)[:1]:
        parts += ["", f"row {found.label}, {found.bytes:,} bytes", *found.text.split("\n")]
    return _lines([*parts, "", sent_to(state, place)])


def _lines(parts: list[str]) -> str:
    return "\n".join(map(printable, parts))


def _text_table(state: State, shown: bool) -> list[str]:
    if state.operation.verb == "delete":
        return ["  whole profiles are deleted: no column is sent"]
    rows: list[tuple[str, ...]] = [HEAD]
    rows += [_cells(column) for column in columns(state, 0, COLUMNS, shown=shown)]
    widths = [min(max(len(printable(row[place])) for row in rows), most) for place, most in enumerate(WIDTHS)]
    lines = [
        "  " + "  ".join(_fitted(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    rest = len(labels(state)) - COLUMNS
    return lines + ([f"  and {rest:,} more columns"] if rest > 0 else [])


def _cells(column: Column) -> tuple[str, ...]:
    """Return the text of a row of the map."""
    name = column.name if column.sent else "(not sent)"
    fill = "" if column.fill is None else percent(column.fill)
    hint = "; ".join(hint.text for hint in column.hints)
    return str(column.label), name, column.type, fill, column.example, hint


def _fitted(cell: str, width: int) -> str:
    return shortened(printable(cell[: 2 * width]), width).ljust(width)


# -- HTML -----------------------------------------------------------------------------------------------------------


def as_html(
    state: State, line: str, place: str, *, shown: bool = False, outcome: str = "", classes: str = ""
) -> str:
    """Return the preview for what is saved.

    Parameters
    ----------
    line : str
        The same in Python.
    place : str
        Where it would be sent.
    shown : bool
        Whether private values are readable.
    outcome : str
        What became of it, when it was sent.
    classes : str
        Further classes of the element around it.
    """
    parts = [f"<h4>{html.text(whose(state))}</h4>", html.code(line)]
    parts += [html.note(outcome, "message")] if outcome else []
    parts += [html.note(f"Ids in {ids_in_words(state)}"), _html_columns(state, shown)]
    if state.is_checked:
        parts += [*_html_findings(state, shown), *_html_payloads(state, shown)]
        parts += [] if outcome else [html.note(sent_to(state, place), "message")]
    else:
        parts.append(html.note(UNCHECKED))
    return html.page(parts, f"mixpanel-saved {classes}".strip())


def _html_columns(state: State, shown: bool) -> str:
    if state.operation.verb == "delete":
        return html.note("Whole profiles are deleted: no column is sent.")
    rows = [
        (
            html.text(label),
            html.text(name),
            html.text(kind),
            html.text(fill),
            html.mono(example),
            html.text(hint),
        )
        for label, name, kind, fill, example, hint in map(_cells, columns(state, 0, COLUMNS, shown=shown))
    ]
    rest = len(labels(state)) - COLUMNS
    more = html.note(f"and {rest:,} more columns") if rest > 0 else ""
    return html.table(dict.fromkeys(HEAD, "auto") | NARROW, rows) + more


def _html_findings(state: State, shown: bool) -> list[str]:
    parts = [f"<p><b>{html.text(state.verdict())}</b></p>"]
    rows = []
    for finding in state.findings[:FINDINGS]:
        found = offences(state, [finding], 0, VALUES, shown=shown)
        examples = ", ".join(f"{one.row}: {one.value}" for one in found if one.row)
        effect = f". {effect_of_invalid(finding)}" if finding.severity == "error" else ""
        column = "" if finding.column is None else str(finding.column)
        rows.append(
            (
                html.badge(finding.severity),
                html.text(finding.check),
                html.text(column),
                html.text(rows_of(finding)),
                html.text(finding.message + effect),
                html.mono(examples),
            )
        )
    if rows:
        parts.append(html.table(FINDINGS_HEAD, rows))
    return parts + [html.note(more) for more in _more(state)]


def _html_payloads(state: State, shown: bool) -> list[str]:
    parts = []
    try:
        for found in _payloads(state, shown):
            parts += [html.note(f"Row {found.label}, {found.bytes:,} bytes"), html.pre(found.text)]
    except MixpanelError as error:  # the frame was changed since
        parts.append(html.note(str(error), "error"))
    return parts

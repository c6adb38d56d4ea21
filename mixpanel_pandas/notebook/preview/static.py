"""The preview without a widget: text for a terminal, HTML for a saved notebook, GitHub and nbconvert.

All of this may be saved. So ids and values that name or reach a person are masked, unless the call says otherwise.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mixpanel_pandas.errors import MixpanelError
from mixpanel_pandas.notebook.preview import html
from mixpanel_pandas.notebook.preview.column_cells import picture_of_column
from mixpanel_pandas.notebook.preview.findings_view import finding_rows
from mixpanel_pandas.notebook.preview.mapping import column_mappings, ids_in_words, sendable_labels
from mixpanel_pandas.notebook.preview.payloads_view import payload_page
from mixpanel_pandas.notebook.preview.send_view import button_text, size_in_words, upload_size
from mixpanel_pandas.notebook.tables import Table, TableColumn
from mixpanel_pandas.text import Length, counted, html_text, percent, printable, quoted, shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mixpanel_pandas.checking.findings import Finding
    from mixpanel_pandas.notebook.pictures import Picture
    from mixpanel_pandas.notebook.preview.mapping import ColumnMapping
    from mixpanel_pandas.notebook.preview.payloads_view import PayloadPage
    from mixpanel_pandas.notebook.preview.state import State

__all__ = [
    "as_html",
    "as_text",
    "destination_in_words",
    "effect_of_invalid",
    "findings_table",
    "operation_in_words",
]

#: How many columns, findings, values of each finding, and payloads are shown.
COLUMNS, FINDINGS, VALUES, PAYLOADS = 25, 12, 3, 2

MAP_COLUMNS = (
    TableColumn("column"),
    TableColumn("property"),
    TableColumn("type", width="64px"),
    TableColumn("fill", align_right=True, wraps=False, width="56px"),
    TableColumn("values", wraps=False, width="170px"),
    TableColumn("example", kind="code"),
    TableColumn("hint"),
)

#: Value of `invalid` -> what it does to the rows that do not pass a check.
EFFECTS = {
    "drop_row": "leaves out {rows}",
    "drop_value": "leaves {name} out of {rows}",
    "truncate": "cuts {name} to {limit} in {rows}",
}

FINDING_COLUMNS = (
    TableColumn("severity", wraps=False, kind="badge", width="68px"),
    TableColumn("check", width="14%"),
    TableColumn("column", width="14%"),
    TableColumn("rows", align_right=True, wraps=False, width="60px"),
    TableColumn("what is wrong, and what invalid would do", short="what is wrong"),
)
EXAMPLES_COLUMN = TableColumn("first", kind="code", width="24%")

NOT_CHECKED = "not checked yet: a large frame is checked in the background"
NO_COLUMNS = "Whole profiles are deleted: no column is sent."


def as_text(state: State, line: str, place: str, *, unmasked: bool = False, about: Sequence[str] = ()) -> str:
    """Return the preview for a terminal.

    Parameters
    ----------
    line : str
        The line of Python that does the same.
    place : str
        Where the updates would be sent.
    unmasked : bool
        Whether private values can be read.
    about : sequence of str
        What is to be known of the frame and its ids.
    """
    parts = [
        operation_in_words(state),
        line,
        *about,
        f"ids in {ids_in_words(state)}",
        "",
    ]
    if not state.has_nothing:
        parts += [NO_COLUMNS if state.operation.verb == "delete" else _map_table(state, unmasked).text(), ""]
    if state.is_checked:
        parts.append(_findings_table(state).text())
        for page in _payload_pages(state, unmasked)[:1]:
            parts += ["", f"row {page.label}, {page.bytes:,} bytes", page.text]
        parts += ["", destination_in_words(state, place)]
    else:
        parts.append(NOT_CHECKED)
    return printable("\n".join(parts), keep="\n")


def as_html(
    state: State,
    line: str,
    place: str,
    *,
    unmasked: bool = False,
    outcome: str = "",
    changes: Sequence[str] = (),
    about: Sequence[str] = (),
    classes: str = "",
) -> str:
    """Return the preview for a saved notebook.

    Parameters
    ----------
    line : str
        The line of Python that does the same.
    place : str
        Where the updates would be sent.
    unmasked : bool
        Whether private values can be read.
    outcome : str
        What became of the upload, if there was one.
    changes : sequence of str
        What it would change in profiles, as HTML, if that was compared.
    about : sequence of str
        What is to be known of the frame and its ids.
    classes : str
        Further classes of the element around it.
    """
    parts = [f"<h4>{html_text(operation_in_words(state))}</h4>", html.code(line)]
    parts += [html.note(outcome, "message")] if outcome else []
    parts += [html.note(sentence, "message") for sentence in about]
    parts.append(html.note(f"Ids in {ids_in_words(state)}"))
    parts += (
        [html.note(NO_COLUMNS)]
        if state.operation.verb == "delete"
        else _html_table(_map_table(state, unmasked))
    )
    if state.is_checked:
        parts.append(f"<p><b>{html_text(state.verdict())}</b></p>")
        parts += _html_table(_findings_table(state, _examples(state, unmasked)))
        parts += [*_html_payloads(state, unmasked), *changes]
        parts += [] if outcome else [html.note(destination_in_words(state, place), "message")]
    else:
        parts.append(html.note(NOT_CHECKED))
    return html.page(parts, f"mixpanel-saved {classes}".strip())


def operation_in_words(state: State) -> str:
    """Return what the operation does, to which profiles, and where their ids are."""
    group = state.operation.group
    profiles = "user profiles" if group is None else f"profiles of group {quoted(group)}"
    ids = "and no column of ids yet" if state.asks else f"ids in {quoted(state.layout.id.label)}"
    return f"{state.operation.verb} on {profiles}, {ids}"


def destination_in_words(state: State, place: str) -> str:
    """Return what would be sent, and where to, in one line."""
    if state.has_nothing:
        return f"Nothing would be sent: no column is left to {state.operation.verb}."
    if state.standing:
        return f"Nothing would be sent: {counted(state.standing, 'error')} would refuse the frame."
    size = upload_size(state)
    excluded = state.layout.rows - size.rows
    rest = f"; {counted(excluded, 'row')} left out" if excluded else ""
    no_project = "" if place else " No project is named yet."
    return f"{button_text(state, size, place)}: {size_in_words(size)}{rest}.{no_project}"


def _map_table(state: State, unmasked: bool) -> Table:
    """Return the first columns of the map."""
    rows = [
        _map_row(mapping, picture_of_column(state, mapping.label, unmasked=unmasked))
        for mapping in column_mappings(state, 0, COLUMNS, unmasked=unmasked)
    ]
    rest = len(sendable_labels(state)) - COLUMNS
    return Table(MAP_COLUMNS, tuple(rows), note=f"and {counted(rest, 'more column')}" if rest > 0 else "")


def _map_row(mapping: ColumnMapping, picture: Picture) -> tuple[str, ...]:
    return (
        shortened(mapping.label),
        shortened(mapping.name) if mapping.sent else "(not sent)",
        mapping.type,
        "" if mapping.fill is None else percent(mapping.fill),
        picture,
        mapping.example,
        "; ".join([*mapping.marks, *(remark.text for remark in mapping.remarks)]),
    )


def _findings_table(state: State, examples: list[str] | None = None) -> Table:
    """Return the first findings, below the counts of all of them."""
    rest = len(state.findings) - FINDINGS
    return replace(
        findings_table(state.findings[:FINDINGS], examples or []),
        caption=state.verdict(),
        note=f"and {counted(rest, 'more finding')}" if rest > 0 else "",
    )


def findings_table(findings: Sequence[Finding], examples: Sequence[str] = ()) -> Table:
    """Return a table of findings, with examples of their values if there are any.

    Parameters
    ----------
    examples : sequence of str
        One for each finding, or none.
    """
    examples = examples if any(examples) else ()
    columns = (*FINDING_COLUMNS, EXAMPLES_COLUMN) if examples else FINDING_COLUMNS
    cells = [
        (
            finding.severity,
            finding.check,
            "" if finding.column is None else shortened(finding.column),
            "all" if finding.rows is None else f"{finding.count:,}",
            f"{finding.message}. {effect_of_invalid(finding)}",
            *examples[number : number + 1],
        )
        for number, finding in enumerate(findings)
    ]
    return Table(columns, tuple(cells))


def effect_of_invalid(finding: Finding) -> str:
    """Return what the option `invalid` would do, or does, to how many rows, in one sentence."""
    if finding.severity != "error":
        return "Sent anyway."
    rows = counted(finding.count, "row")
    effects = {
        remedy: effect.format(rows=rows, name=quoted(finding.name, Length.NAME), limit=finding.limit)
        for remedy, effect in EFFECTS.items()
        if remedy in finding.remedies and finding.rows is not None
    }
    if not effects:
        return "No choice of invalid mends this: change the frame or the call."
    choices = ", ".join(f'"{remedy}" {effect}' for remedy, effect in effects.items())
    others = " and ".join(f'"{remedy}"' for remedy in EFFECTS if remedy not in effects)
    now = "" if finding.stands else "Taken care of: "
    return f"{now}invalid={choices}{f'; {others} would refuse the frame' if others else ''}."


def _examples(state: State, unmasked: bool) -> list[str]:
    """Return the first values of each of the first findings."""

    def examples(finding: Finding) -> str:
        rows = finding_rows(state, [finding], 0, VALUES, unmasked=unmasked)
        return ", ".join(f"{row.row}: {row.value}" for row in rows if row.row)

    return [examples(finding) for finding in state.findings[:FINDINGS]]


def _payload_pages(state: State, unmasked: bool) -> list[PayloadPage]:
    numbers = range(min(PAYLOADS, len(state.sent_rows)))
    return [payload_page(state, number, unmasked=unmasked) for number in numbers]


def _html_table(table: Table) -> list[str]:
    """Return a table and its note; the caption stands elsewhere."""
    return ([html.table(table)] if table.cells else []) + ([html.note(table.note)] if table.note else [])


def _html_payloads(state: State, unmasked: bool) -> list[str]:
    parts = []
    try:
        for page in _payload_pages(state, unmasked):
            parts += [html.note(f"Row {page.label}, {page.bytes:,} bytes"), html.pre(page.text)]
    except MixpanelError as error:  # the frame was changed since
        parts.append(html.note(str(error), "error"))
    return parts

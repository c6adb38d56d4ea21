"""The tab Findings: the findings in words, a row for each with what can be done about it, and the values, a page at a time."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mixpanel_pandas.checking.report import make_report, new_properties_in_words
from mixpanel_pandas.notebook.preview import html
from mixpanel_pandas.notebook.preview.controls import (
    HIDDEN_NAME,
    Button,
    Choice,
    Html,
    Pager,
    Shared,
    grid,
    hbox,
    set_children,
    vbox,
)
from mixpanel_pandas.notebook.preview.fixes import applied_fix, fixes_of, taken_back, with_fixes
from mixpanel_pandas.notebook.preview.masking import masked, masked_record
from mixpanel_pandas.notebook.tables import Table, TableColumn
from mixpanel_pandas.payloads.ids import ids_of
from mixpanel_pandas.payloads.row_set import RowSet
from mixpanel_pandas.rules.checks import SEVERITIES
from mixpanel_pandas.rules.options import ALL_OPTIONS
from mixpanel_pandas.text import Length, counted, html_text, quoted, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

    from mixpanel_pandas.checking.findings import Finding
    from mixpanel_pandas.notebook.preview.fixes import Fix
    from mixpanel_pandas.notebook.preview.host import Host
    from mixpanel_pandas.notebook.preview.state import State

__all__ = [
    "FindingRow",
    "FindingsView",
    "excluded_in_words",
    "finding_rows",
    "in_words_of_the_widget",
    "remedies_in_words",
    "select_findings",
    "values_table",
]

#: An option with a value, as Python writes it.
_OPTION = rf"(?:{'|'.join(ALL_OPTIONS)})="

#: What a message says about options of Python -> what stands there in the widget, beside controls that do the same.
_WAYS_OUT = (
    (
        re.compile(r"pass repeat=True.* to send them again"),
        "tick the box above the button to send them again",
    ),
    (re.compile(rf" \({_OPTION}.*?\)(?=[,.;]|$)", re.DOTALL), ""),
    (re.compile(rf"(?:[:;]|; for \S+ pass| with) {_OPTION}.*", re.DOTALL), ""),
)

#: Of the values of one finding, and of several.
VALUE_COLUMNS = (
    TableColumn("row", kind="code", width="12%"),
    TableColumn("id", kind="code", width="18%"),
    TableColumn("value", kind="code", width="50%"),
    TableColumn("length", align_right=True, width="20%"),
)
OF_SEVERAL = (
    TableColumn("row", kind="code", width="10%"),
    TableColumn("id", kind="code", width="15%"),
    TableColumn("column", width="15%"),
    TableColumn("check", width="15%"),
    TableColumn("value", kind="code", width="29%"),
    TableColumn("length", align_right=True, width="16%"),
)


@dataclass(frozen=True)
class FindingRow:
    """One row of the report, as text.

    Attributes
    ----------
    severity, check, column : str
        As in the report.
    row : str
        Index label of the row; empty if the finding is about the column as a whole.
    id : str
        Id of the row; empty if it has none.
    value : str
        The value as Python writes it, or its beginning; empty if there is none.
    length : str
        Length of the whole value, of text; in the unit of the limit, if there is one.
    """

    severity: str
    check: str
    column: str
    row: str
    id: str
    value: str
    length: str


def select_findings(state: State, severity: str | None = None, column: Hashable = None) -> list[Finding]:
    """Return the findings of a severity, a column or both; None stands for all."""
    return [
        finding
        for finding in state.findings
        if severity in {None, finding.severity} and column in {None, finding.column}
    ]


def values_table(rows: Sequence[FindingRow], *, several: bool = True) -> Table:
    """Return a table of the values with findings.

    Parameters
    ----------
    several : bool
        Whether they are of several findings, which are then named.
    """
    if several:
        cells = [(row.row, row.id, row.column, row.check, row.value, row.length) for row in rows]
        return Table(OF_SEVERAL, tuple(cells))
    return Table(VALUE_COLUMNS, tuple((row.row, row.id, row.value, row.length) for row in rows))


def remedies_in_words(state: State) -> str:
    """Return how many errors stop sending and how many are taken care of, and what else there is, in one line."""
    errors = [finding for finding in state.findings if finding.severity == "error"]
    cared = sum(finding.count for finding in errors) - state.standing
    counts = Counter[str]()
    for finding in state.findings:
        counts[finding.severity] += finding.count
    stop = f"{counted(state.standing, 'error')} {'stops' if state.standing == 1 else 'stop'} sending"
    parts = [
        stop if state.standing else "Nothing stops sending",
        *([f"{cared:,} taken care of"] if cared else []),
    ]
    others = [counted(counts[name], name) for name in SEVERITIES[1:]]
    sizes = f"{counted(state.layout.rows, 'row')} x {counted(len(state.layout.columns) + len(state.layout.removed), 'property')}"
    creates = (
        [new] if (new := new_properties_in_words(state.findings, state.operation.options.invalid)) else []
    )
    return "; ".join([", ".join(parts), f"{', '.join(others)} in {sizes}", *creates])


def excluded_in_words(state: State) -> str:
    """Return how many rows are left out for which reason, in one line; empty if none is."""
    reasons = [f"{len(excluded.positions):,} {excluded.reason}" for excluded in state.decisions.excluded]
    return f"Rows left out: {', '.join(reasons)}." if reasons else ""


def in_words_of_the_widget(message: str) -> str:
    """Return a message without what Python would say to mend it: in the widget that is a choice or a button.

    >>> in_words_of_the_widget("looks like $email, which is another property: rename={'e': '$email'} sends it as that")
    'looks like $email, which is another property'
    >>> in_words_of_the_widget("$add takes numbers (parse={'plan': 'number'} reads those in text), not str")
    '$add takes numbers, not str'
    """
    for pattern, words in _WAYS_OUT:
        message = pattern.sub(words, message)
    return message


def finding_rows(
    state: State, findings: Sequence[Finding], start: int, stop: int, *, unmasked: bool = False
) -> list[FindingRow]:
    """Return some rows of the report on `findings`. The values of other rows are not looked up.

    Parameters
    ----------
    start, stop : int
        Which rows, counted through all findings.
    unmasked : bool
        Whether private values can be read.
    """
    page = list(_page_of(findings, start, stop))
    report = make_report(state.frame, state.layout, page, first=stop - start)
    positions = report["position"].dropna().to_numpy(np.int64)
    ids = dict(zip(positions.tolist(), ids_of(state.layout.id, positions).to_pylist(), strict=True))
    return [_finding_row(state, row, ids, unmasked) for _number, row in report.iterrows()]


def _page_of(findings: Sequence[Finding], start: int, stop: int) -> Iterator[Finding]:
    """Yield the findings that have some of the rows from `start` to `stop`, with only these rows."""
    before = 0
    for finding in findings:
        first, last = max(start - before, 0), min(stop - before, finding.count)
        before += finding.count
        if first < last and finding.rows is not None:
            yield replace(finding, rows=RowSet(finding.rows.head(last)[first:]))
        elif first < last:
            yield finding


def _finding_row(state: State, row: pd.Series[Any], ids: dict[int, str | None], unmasked: bool) -> FindingRow:
    value = row["value"]
    length = _length(value, row["limit"])
    has_row = not pd.isna(row["position"])  # otherwise the value is a name or a dtype
    if has_row and not unmasked:
        private = state.is_private(row["column"], row["property"])
        value = masked(value) if private else masked_record(value)
    return FindingRow(
        str(row["severity"]),
        str(row["check"]),
        "" if row["column"] is None else str(row["column"]),
        state.row_label(int(row["position"]), unmasked=unmasked) if has_row else "",
        _shown_id(ids.get(int(row["position"])) if has_row else None, unmasked),
        "" if _is_missing(value) else quoted(value, Length.NAME),
        length,
    )


def _is_missing(value: Any) -> bool:
    return value is None or (pd.api.types.is_scalar(value) and bool(pd.isna(value)))


def _shown_id(id: str | None, unmasked: bool) -> str:
    return "" if id is None else shortened(id if unmasked else masked(id))


def _length(value: Any, limit: str | None) -> str:
    """Return the length of text, in bytes where the limit is in bytes."""
    if not isinstance(value, str):
        return ""
    if limit is not None and limit.endswith("bytes"):
        return counted(len(value.encode("utf-8", "surrogatepass")), "byte")
    return counted(len(value), "character")


#: How many findings and values a page shows.
FINDINGS, VALUES = 8, 10

#: Widths of severity and check, column, rows, what is wrong, and what to do.
WIDTHS = "minmax(0, 12fr) minmax(0, 11fr) 76px minmax(0, 25fr) minmax(0, 22fr)"
HEAD = ("check", "column", "rows", "what is wrong", "what to do")

#: What happens to an error, a warning or a hint about which nothing is done.
NOTHING_DONE = {"error": "stop sending", "warning": "send it as it is", "hint": "send it as it is"}

#: Number of a fix in a choice, if there is none.
NOTHING = -1


class FindingsView:
    """The tab Findings."""

    title = "Findings"

    def __init__(self, host: Host) -> None:
        self._host = host
        self._chosen: tuple[str, Hashable] | None = None
        refresh = lambda _value=None: host.guarded(self.refresh)
        self._verdict = Html("verdict")
        self._severity = Choice("Severity", "severity", refresh)
        self._column = Choice("Column", "finding-column", refresh)
        self._head = Html("findings-head")
        shared: Shared = {}
        self._lines = [FindingLine(host, shared, self._choose) for _ in range(FINDINGS)]
        self._table = vbox()
        self._none = Html("findings-none")
        self._findings_pager = Pager("page of findings", "findings-page", refresh, FINDINGS)
        self._of = Html("values-of")
        self._all = Button("Show all rows", "all-values", lambda: self._choose(None))
        self._values = Html("values")
        self._values_pager = Pager("page of values", "values-page", refresh, VALUES)
        for control in (self._severity, self._column):
            control.label_width("70px")
        self.box: Any = vbox(
            self._verdict,
            grid(self._severity, self._column, columns="repeat(auto-fit, minmax(200px, 1fr))"),
            self._head,
            self._table,
            self._none,
            self._findings_pager.box,
            hbox(self._of, self._all),
            self._values,
            self._values_pager.box,
        )
        self._head.show(False)
        self._all.show(False)
        self._severity.offer([("all", None), *((name, name) for name in SEVERITIES)], None)
        cells = "".join(f"<b>{html_text(name)}</b>" for name in HEAD)
        self._head.value = html.page(
            [f'<div class="mp-head" style="grid-template-columns: {WIDTHS}">{cells}</div>']
        )

    def _choose(self, finding: Finding | None) -> None:
        """Show the values of one finding, or those of all."""
        self._chosen = None if finding is None else (finding.check, finding.column)
        self._values_pager.go_to(0)

    def refresh(self) -> None:
        """Show the state of now."""
        state = self._host.state
        excluded = excluded_in_words(state)
        asks = [html.note("Which column holds the ids? Choose it on the Map.", "error")] if state.asks else []
        verdict = f"<b>{html_text(remedies_in_words(state))}</b>"
        self._verdict.value = html.page([*asks, verdict, *([html.note(excluded)] if excluded else [])])
        self._offer_columns()
        findings = select_findings(state, self._severity.value, self._column.value)
        self._findings_pager.set_count(len(findings))
        page = findings[self._findings_pager.start : self._findings_pager.stop]
        lines = self._lines[: len(page)]
        for line, finding in zip(lines, page, strict=True):
            line.show(finding)
        set_children(self._table, [line.box for line in lines])
        self._head.show(bool(page))
        self._none.value = "" if page else html.page([html.note("Nothing is wrong here.")])
        self._show_values([finding for finding in findings if finding.rows is not None])

    def _show_values(self, findings: list[Finding]) -> None:
        chosen = [finding for finding in findings if (finding.check, finding.column) == self._chosen]
        findings = chosen or findings
        self._values_pager.set_count(sum(finding.count for finding in findings))
        start, stop = self._values_pager.start, self._values_pager.stop
        rows = finding_rows(self._host.state, findings, start, stop, unmasked=self._host.unmasked)
        what = (
            f"Rows of {chosen[0].check} in {shortened(chosen[0].column)}"
            if chosen
            else "Rows of these findings"
        )
        self._of.value = html.page([f"<b>{html_text(what)}</b>"] if rows else [])
        self._all.show(bool(chosen))
        self._values.value = html.page([html.table(values_table(rows, several=not chosen))] if rows else [])

    def _offer_columns(self) -> None:
        labels = dict.fromkeys(
            finding.column for finding in self._host.state.findings if finding.column is not None
        )
        chosen = self._column.value if self._column.value in labels else None
        self._column.offer([("all", None), *((str(label), label) for label in labels)], chosen)


class FindingLine:
    """The controls for one finding.

    Parameters
    ----------
    choose : callable
        Called with the finding when a person wants to see its rows.
    """

    def __init__(self, host: Host, shared: Shared, choose: Callable[[Finding], object]) -> None:
        self._host = host
        self._finding: Finding | None = None
        self._fixes: list[Fix] = []
        self._check = Html("finding-check", shared=shared)
        self._column = Html("finding-label", shared=shared)
        self._count = Html("finding-all", shared=shared)
        self._rows = Button(
            "", "finding-rows", lambda: self._finding and choose(self._finding), shared=shared
        )
        self._message = Html("finding-message", shared=shared)
        self._fix = Choice("", "finding-fix", self._take, shared=shared)
        self._fix.widget.add_class(HIDDEN_NAME)
        self.box: Any = grid(columns=WIDTHS, shared=shared)
        self.box.add_class("mp-finding-row")

    def show(self, finding: Finding) -> None:
        """Show a finding."""
        state = self._host.state
        self._finding, self._fixes = finding, fixes_of(state, finding)
        column = "" if finding.column is None else shortened(finding.column)
        self._check.value = html.page([html.badge(finding.severity), " ", html_text(finding.words)])
        self._column.value = html.page([html_text(column)])
        self._rows.set_text(counted(finding.count, "row"), f"Show the rows of {finding.words} in {column}")
        self._count.value = html.page([html_text("the column")])
        self._message.value = html.page([html_text(in_words_of_the_widget(finding.message))])
        applied = applied_fix(state, finding, self._fixes)
        options = [(NOTHING_DONE[finding.severity], NOTHING)]
        options += [(fix.words, number) for number, fix in enumerate(self._fixes)]
        self._fix.offer(options, NOTHING if applied is None else self._fixes.index(applied))
        self._fix.name(f"What to do about {finding.words} in {column}")
        self._fix.enable(len(options) > 1)
        count = self._count if finding.rows is None else self._rows
        set_children(self.box, [self._check, self._column, count, self._message, self._fix])

    def _take(self, number: int) -> None:
        finding, fixes = self._finding, self._fixes
        if finding is not None and number == NOTHING:
            self._host.change(lambda state: taken_back(state, finding))
        elif finding is not None:
            self._host.change(lambda state: with_fixes(state, [fixes[number]]))

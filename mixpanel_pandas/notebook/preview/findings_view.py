"""The tab Findings: what is wrong, what `invalid` would do about it, and the values, a page at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mixpanel_pandas.notebook.preview import html
from mixpanel_pandas.notebook.preview.controls import Choice, Html, grid, vbox
from mixpanel_pandas.notebook.preview.edits import with_option
from mixpanel_pandas.notebook.preview.finding_rows import (
    finding_rows,
    findings_table,
    select_findings,
    values_table,
)
from mixpanel_pandas.notebook.preview.mapping import option_choices
from mixpanel_pandas.notebook.preview.pager import Pager
from mixpanel_pandas.rules.checks import SEVERITIES
from mixpanel_pandas.rules.options import REMEDIES
from mixpanel_pandas.text import html_text

if TYPE_CHECKING:
    from mixpanel_pandas.notebook.preview.host import Host

__all__ = ["FindingsView"]

#: How many findings and values a page shows.
FINDINGS, VALUES = 8, 10

#: Value of `invalid` -> what the choice is called.
INVALID_IN_WORDS = {
    "raise": "refuse the frame",
    "drop_row": "leave the row out",
    "drop_value": "leave the value out",
    "truncate": "cut the text",
}


class FindingsView:
    """The tab Findings."""

    title = "Findings"

    def __init__(self, host: Host) -> None:
        self._host = host
        refresh = lambda _value=None: host.guarded(self.refresh)
        self._verdict = Html("verdict")
        self._severity = Choice("Severity", "severity", refresh)
        self._column = Choice("Column", "finding-column", refresh)
        self._invalid = Choice("What is invalid", "invalid", self._choose_invalid)
        self._table = Html("findings")
        self._findings_pager = Pager("page of findings", "findings-page", refresh, FINDINGS)
        self._values = Html("values")
        self._values_pager = Pager("page of values", "values-page", refresh, VALUES)
        controls = grid(
            self._severity, self._column, self._invalid, columns="repeat(auto-fit, minmax(200px, 1fr))"
        )
        self.box: Any = vbox(
            self._verdict,
            controls,
            self._table,
            self._findings_pager.box,
            self._values,
            self._values_pager.box,
        )
        self._severity.offer([("all", None), *((name, name) for name in SEVERITIES)], None)

    def _choose_invalid(self, value: Any) -> None:
        if value is not None:
            self._host.change(lambda state: with_option(state.operation, "invalid", value))

    def refresh(self) -> None:
        """Show the state of now."""
        state = self._host.state
        self._verdict.value = html.page([f"<b>{html_text(state.verdict())}</b>"])
        self._offer_columns()
        invalid = state.operation.options.invalid
        choices: list[tuple[str, Any]] = [(INVALID_IN_WORDS[name], name) for name in REMEDIES]
        if invalid not in REMEDIES:
            choices.append(("as the call says", None))
        self._invalid.offer(choices, invalid if invalid in REMEDIES else None)
        self._invalid.show(bool(option_choices(state, "invalid") or state.findings))
        findings = select_findings(state, self._severity.value, self._column.value)
        self._findings_pager.set_count(len(findings))
        page = findings[self._findings_pager.start : self._findings_pager.stop]
        self._table.value = html.page(
            [html.table(findings_table(page)) if page else html.note("Nothing is wrong here.")]
        )
        of_rows = [finding for finding in findings if finding.rows is not None]
        self._values_pager.set_count(sum(finding.count for finding in of_rows))
        start, stop = self._values_pager.start, self._values_pager.stop
        rows = finding_rows(state, of_rows, start, stop, unmasked=self._host.unmasked)
        self._values.value = html.page([html.table(values_table(rows))] if rows else [])

    def _offer_columns(self) -> None:
        labels = dict.fromkeys(
            finding.column for finding in self._host.state.findings if finding.column is not None
        )
        chosen = self._column.value if self._column.value in labels else None
        self._column.offer([("all", None), *((str(label), label) for label in labels)], chosen)

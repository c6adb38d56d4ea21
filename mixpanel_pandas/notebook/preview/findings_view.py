"""The findings: how many of each, what `invalid` would do, and the values, a page at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mixpanel_pandas.notebook.preview import html
from mixpanel_pandas.notebook.preview.controls import Choice, Html, column, grid
from mixpanel_pandas.notebook.preview.edits import with_option
from mixpanel_pandas.notebook.preview.finding_rows import effect_of_invalid, findings_of, offences, rows_of
from mixpanel_pandas.notebook.preview.mapping import choices_of
from mixpanel_pandas.notebook.preview.pager import Pager
from mixpanel_pandas.rules.checks import SEVERITIES
from mixpanel_pandas.rules.options import REMEDIES

if TYPE_CHECKING:
    from mixpanel_pandas.checking.findings import Finding
    from mixpanel_pandas.notebook.preview.host import Host

__all__ = ["FindingsView"]

#: Findings and values on a page.
FINDINGS, VALUES = 8, 10

HEAD = {
    "severity": "68px",
    "check": "16%",
    "column": "16%",
    "rows": "60px",
    "what is wrong, and what invalid would do": "auto",
}
VALUES_HEAD = {"row": "16%", "column": "16%", "check": "16%", "value": "auto"}

#: What the values of `invalid` are called.
INVALID_IN_WORDS = {
    "raise": "refuse the frame",
    "drop_row": "leave the row out",
    "drop_value": "leave the value out",
    "truncate": "cut the text",
}


class FindingsView:
    """What is wrong."""

    title = "Findings"

    def __init__(self, host: Host) -> None:
        self._host = host
        again = lambda _value: host.look(self.refresh)
        self._verdict = Html("verdict")
        self._severity = Choice("Severity", "severity", again)
        self._column = Choice("Column", "finding-column", again)
        self._invalid = Choice("What is invalid", "invalid", self._choose_invalid)
        self._table = Html("findings")
        self._findings = Pager("page of findings", "findings-page", lambda: host.look(self.refresh), FINDINGS)
        self._values = Html("values")
        self._pager = Pager("page of values", "values-page", lambda: host.look(self.refresh), VALUES)
        controls = grid(
            self._severity, self._column, self._invalid, columns="repeat(auto-fit, minmax(200px, 1fr))"
        )
        self.box = column(
            self._verdict, controls, self._table, self._findings.box, self._values, self._pager.box
        )
        self._severity.offer([("all", None), *((name, name) for name in SEVERITIES)], None)

    def _choose_invalid(self, value: Any) -> None:
        if value is not None:
            self._host.change(lambda state: with_option(state.operation, "invalid", value))

    def refresh(self) -> None:
        """Show the state."""
        state = self._host.state
        self._verdict.value = html.page([f"<b>{html.text(state.verdict())}</b>"])
        self._offer_columns()
        given = state.operation.options.invalid
        offered: list[tuple[str, Any]] = [(INVALID_IN_WORDS[name], name) for name in REMEDIES]
        if given not in REMEDIES:
            offered.append(("as the call says", None))
        self._invalid.offer(offered, given if given in REMEDIES else None)
        self._invalid.show(bool(choices_of(state, "invalid") or state.findings))
        found = findings_of(state, self._severity.value, self._column.value)
        self._findings.of(len(found))
        self._table.value = html.page([_table(found[self._findings.start : self._findings.stop])])
        found = [finding for finding in found if finding.rows is not None]
        self._pager.of(sum(finding.count for finding in found))
        rows = offences(state, found, self._pager.start, self._pager.stop, shown=self._host.shown)
        self._values.value = html.page(
            [
                html.table(
                    VALUES_HEAD,
                    (
                        (
                            html.mono(one.row),
                            html.text(one.column),
                            html.text(one.check),
                            html.mono(one.value),
                        )
                        for one in rows
                    ),
                )
            ]
            if rows
            else []
        )

    def _offer_columns(self) -> None:
        known = dict.fromkeys(p.column for p in self._host.state.findings if p.column is not None)
        chosen = self._column.value if self._column.value in known else None
        self._column.offer([("all", None), *((str(label), label) for label in known)], chosen)


def _table(findings: list[Finding]) -> str:
    if not findings:
        return html.note("Nothing is wrong here.")
    return html.table(
        HEAD,
        (
            (
                html.badge(finding.severity),
                html.text(finding.check),
                html.text("" if finding.column is None else finding.column),
                html.text(rows_of(finding)),
                html.text(f"{finding.message}. {effect_of_invalid(finding)}"),
            )
            for finding in findings
        ),
    )

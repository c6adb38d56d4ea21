"""Which columns the map shows, and in which order; and buttons that send all of them or none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mixpanel_pandas.checking.findings import column_findings
from mixpanel_pandas.errors import OperationError
from mixpanel_pandas.notebook.preview import html
from mixpanel_pandas.notebook.preview.controls import Button, Choice, Html, Input, hbox
from mixpanel_pandas.notebook.preview.edits import with_many_columns
from mixpanel_pandas.notebook.preview.mapping import sendable_labels
from mixpanel_pandas.rules.checks import SEVERITIES
from mixpanel_pandas.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from mixpanel_pandas.notebook.preview.host import Host
    from mixpanel_pandas.notebook.preview.state import State

__all__ = ["ColumnFilter", "columns_shown"]

#: Name of a choice of columns -> its words, and whether it shows a column: given its fill, whether it is sent, and its problem's rank.
SHOWN: dict[str, tuple[str, Callable[[float, bool, int], bool]]] = {
    "all": ("all columns", lambda _fill, _sent, _rank: True),
    "sent": ("what is sent", lambda _fill, sent, _rank: sent),
    "not sent": ("what is not sent", lambda _fill, sent, _rank: not sent),
    "problem": ("what has a problem", lambda _fill, _sent, rank: rank < len(SEVERITIES)),
    "empty": ("what has no values", lambda fill, _sent, _rank: fill == 0),
}

#: Name of an order -> its words, and the number by which columns are sorted; columns with the same one stay as in the frame.
SORTED: dict[str, tuple[str, Callable[[float, int], float]]] = {
    "frame": ("as in the frame", lambda _fill, _rank: 0),
    "problem": ("problems first", lambda _fill, rank: rank),
    "fullest": ("fullest first", lambda fill, _rank: -fill),
    "emptiest": ("emptiest first", lambda fill, _rank: fill),
}


def columns_shown(state: State, name: str = "", shown: str = "all", order: str = "frame") -> list[Hashable]:
    """Return the columns to show.

    Parameters
    ----------
    name : str
        What the name of a column or its property contains, in any case.
    shown, order : str
        Keys of `SHOWN` and `SORTED`.
    """
    labels = sendable_labels(state)
    names = {column.label: column.name for column in state.layout.columns}
    if word := name.strip().casefold():
        labels = [label for label in labels if word in f"{label}\n{names.get(label, '')}".casefold()]
    if shown == "all" and order == "frame":
        return labels
    sent = {*names, *state.layout.removed}
    ranks = _ranks(state)
    fills = {label: _fill(state, label) for label in labels}
    worst = len(SEVERITIES)
    labels = [
        label for label in labels if SHOWN[shown][1](fills[label], label in sent, ranks.get(label, worst))
    ]
    return sorted(labels, key=lambda label: SORTED[order][1](fills[label], ranks.get(label, worst)))


def _fill(state: State, label: Hashable) -> float:
    """Return the share of the rows that have a value; 1 for a property that is not a column."""
    if label not in state.frame.columns:
        return 1.0
    place: Any = state.frame.columns.get_loc(label)
    return float(state.facts.column(place, None)[1] / max(state.layout.rows, 1))


def _ranks(state: State) -> dict[Hashable, int]:
    """Return column -> place of its worst finding among the severities. Before a large frame is checked, names and types are known."""
    try:
        findings = [*state.findings] if state.is_checked else column_findings(state.layout)
    except OperationError:  # Findings says why
        findings = []
    ranks: dict[Hashable, int] = {}
    for finding in findings:
        rank = [*SEVERITIES].index(finding.severity)  # type: ignore[arg-type]  # a finding has one of these
        ranks[finding.column] = min(rank, ranks.get(finding.column, rank))
    return ranks


class ColumnFilter:
    """The controls above the columns, shown if they take more than a page.

    Parameters
    ----------
    changed : callable
        Called after a person has chosen other columns.
    """

    def __init__(self, host: Host, changed: Callable[[], object]) -> None:
        self._host = host
        choose = lambda _value: changed()
        self._name = Input("Find", "find-column", choose, hint="part of a name", each_key=True)
        self._shown = Choice("Show", "show-columns", choose)
        self._order = Choice("Sort", "sort-columns", choose)
        self._all = Button(
            "Send all", "columns-all", lambda: self._send(sent=True), "Send all columns that are shown"
        )
        self._none = Button("Send none", "columns-none", lambda: self._send(sent=False), NONE)
        self._count = Html("columns-count")
        self._shown.offer([(words, name) for name, (words, _) in SHOWN.items()], "all")
        self._order.offer([(words, name) for name, (words, _) in SORTED.items()], "frame")
        self.box: Any = hbox(self._name, self._shown, self._order, self._all, self._none, self._count)

    def labels(self, page: int) -> list[Hashable]:
        """Return the columns to show, and say how many there are. Whole profiles are deleted without columns.

        Parameters
        ----------
        page : int
            Columns on a page. If that is all of them, there is nothing to choose.
        """
        state = self._host.state
        every = [] if state.operation.verb == "delete" else sendable_labels(state)
        self.box.layout.display = None if len(every) > page else "none"
        if len(every) <= page:
            return every
        labels = self._chosen(state)
        sent = len({*(column.label for column in state.layout.columns), *state.layout.removed})
        of_them = "" if len(labels) == len(every) else f", {len(labels):,} shown"
        self._count.value = html.page(
            [html.note(f"{sent:,} of {counted(len(every), 'column')} sent{of_them}")]
        )
        return labels

    def _chosen(self, state: State) -> list[Hashable]:
        return columns_shown(state, self._name.value, self._shown.value, self._order.value)

    def _send(self, *, sent: bool) -> None:
        labels = self._chosen(self._host.state)
        self._host.change(
            lambda state: with_many_columns(
                state.operation, state.layout, sendable_labels(state), labels, sent
            )
        )


NONE = "Send none of the columns that are shown; if no other is sent, the first of them still is, as one has to be"

"""Which columns the map shows, and in which order; and buttons that send all of them or none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from mixpanel_pandas.checking.findings import column_findings
from mixpanel_pandas.errors import OperationError
from mixpanel_pandas.notebook.preview import html
from mixpanel_pandas.notebook.preview.controls import Button, Choice, Html, Input, hbox
from mixpanel_pandas.notebook.preview.edits import with_many_columns
from mixpanel_pandas.notebook.preview.mapping import KNOWN_STATES, sendable_labels
from mixpanel_pandas.rules.checks import SEVERITIES
from mixpanel_pandas.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Sequence

    from mixpanel_pandas.notebook.preview.host import Host
    from mixpanel_pandas.notebook.preview.state import State

__all__ = ["ColumnFilter", "columns_shown"]


class Condition(NamedTuple):
    """What a column is chosen by: its fill, whether it is sent, the rank of its worst finding, and the checks that it fails."""

    fill: float
    sent: bool
    rank: int
    checks: frozenset[str]

    def is_known_as(self, state: str) -> bool:
        """Return whether a column is new to Mixpanel, or of another type there."""
        return any(KNOWN_STATES.get(check) == state for check in self.checks)


#: Name of a choice of columns -> its words, and whether it shows a column.
SHOWN: dict[str, tuple[str, Callable[[Condition], bool]]] = {
    "all": ("all columns", lambda _column: True),
    "sent": ("what is sent", lambda column: column.sent),
    "not sent": ("what is not sent", lambda column: not column.sent),
    "problem": ("what has a problem", lambda column: column.rank < len(SEVERITIES)),
    "empty": ("what has no values", lambda column: column.fill == 0),
    "new": ("what is new to Mixpanel", lambda column: column.is_known_as("new")),
    "other type": ("what has another type in Mixpanel", lambda column: column.is_known_as("other type")),
}

#: Name of an order -> its words, and the number by which columns are sorted; columns with the same one stay as in the frame.
SORTED: dict[str, tuple[str, Callable[[Condition], float]]] = {
    "frame": ("as in the frame", lambda _column: 0),
    "problem": ("problems first", lambda column: column.rank),
    "fullest": ("fullest first", lambda column: -column.fill),
    "emptiest": ("emptiest first", lambda column: column.fill),
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
    conditions = _conditions(state, labels, {*names, *state.layout.removed})
    labels = [label for label in labels if SHOWN[shown][1](conditions[label])]
    return sorted(labels, key=lambda label: SORTED[order][1](conditions[label]))


def _conditions(
    state: State, labels: Sequence[Hashable], sent: Collection[Hashable]
) -> dict[Hashable, Condition]:
    """Return what columns are chosen by. Before a large frame is checked, names and types are known."""
    try:
        findings = [*state.findings] if state.is_checked else [*column_findings(state.layout)]
    except OperationError:  # Findings says why
        findings = []
    severities = [*SEVERITIES]
    ranks, checks = dict.fromkeys(labels, len(severities)), {label: set[str]() for label in labels}
    for finding in findings:
        if finding.column in checks:
            rank = severities.index(finding.severity)  # type: ignore[arg-type]  # a finding has one of these
            ranks[finding.column] = min(rank, ranks[finding.column])
            checks[finding.column].add(finding.check)
    return {
        label: Condition(_fill(state, label), label in sent, ranks[label], frozenset(checks[label]))
        for label in labels
    }


def _fill(state: State, label: Hashable) -> float:
    """Return the share of the rows that have a value; 1 for a property that is not a column."""
    if label not in state.frame.columns:
        return 1.0
    place: Any = state.frame.columns.get_loc(label)
    return float(state.facts.column(place, None)[1] / max(state.layout.rows, 1))


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
        known = host.state.known is not None
        self._shown.offer(
            [
                (words, name)
                for name, (words, _) in SHOWN.items()
                if known or name not in KNOWN_STATES.values()
            ],
            "all",
        )
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

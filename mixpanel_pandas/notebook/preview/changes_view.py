"""The tab Changes: a button that compares with what profiles hold, and each value that an upload would change, before and after."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mixpanel_pandas.errors import MixpanelError
from mixpanel_pandas.notebook.preview import html
from mixpanel_pandas.notebook.preview.controls import Button, Choice, Html, Pager, hbox, vbox
from mixpanel_pandas.notebook.preview.masking import is_private, masked, masked_record
from mixpanel_pandas.notebook.preview.runner import PlanMaker
from mixpanel_pandas.notebook.show import show
from mixpanel_pandas.pipeline.backup import obstacle_to_reading
from mixpanel_pandas.plans.plan import some_cells
from mixpanel_pandas.profiles.cells import KINDS_OF_CHANGE
from mixpanel_pandas.profiles.query import QUERIES_PER_HOUR
from mixpanel_pandas.profiles.rereading import queries_of_ids
from mixpanel_pandas.rules.code import planning_of
from mixpanel_pandas.text import counted

if TYPE_CHECKING:
    import pandas as pd

    from mixpanel_pandas.notebook.preview.host import Host
    from mixpanel_pandas.notebook.preview.state import State
    from mixpanel_pandas.plans.plan import Plan

__all__ = ["ChangesView", "cells_shown", "cost_in_words"]

#: Cells on a page, and in what is saved.
PAGE, SAVED = 12, 10

#: What a plan is for, below it.
USES = (
    "Send writes all rows, also what stays the same. {preview}.plan holds this plan: {preview}.plan.apply() sends only what changes, "
    "and keeps a backup. The same in Python:"
)


def cost_in_words(state: State, current: pd.DataFrame | None) -> str:
    """Return what a comparison asks of Mixpanel, before it does."""
    if current is not None:
        return (
            f"Compares with the {counted(len(current), 'profile')} of current. Nothing is asked of Mixpanel."
        )
    queries = queries_of_ids(state.profiles)
    reads = f"Reads {counted(state.profiles, 'profile')}"
    if queries is None:
        reads, queries = "Reads all profiles of the project, a request for each 1,000 of them", 1
    return f"{reads}: {queries} of the {QUERIES_PER_HOUR} queries that Mixpanel answers in an hour. Nothing is sent."


def cells_shown(
    state: State, plan: Plan, start: int, stop: int, *, change: str | None = None, unmasked: bool = False
) -> pd.DataFrame:
    """Return some cells of a plan.

    Parameters
    ----------
    start, stop : int
        Which of them.
    change : str, optional
        Only those that are new, changed or emptied.
    unmasked : bool
        Whether ids and private values can be read.
    """
    page = some_cells(plan, start, stop, change).astype(object)
    if unmasked:
        return page
    labels = {column.name: column.label for column in state.layout.columns}
    private = [
        is_private(name) or (name in labels and state.is_private(labels[name], name))
        for name in page["property"]
    ]
    texts = {
        name: [_masked_json(text, hides) for text, hides in zip(page[name], private, strict=True)]
        for name in ("before", "after")
    }
    return page.assign(id=page["id"].map(masked), **texts)


def _masked_json(text: Any, hides: bool) -> Any:
    if not isinstance(text, str):
        return text
    value = json.loads(text)
    return json.dumps(masked(value) if hides else masked_record(value), ensure_ascii=False)


def _number_of_each(plan: Plan) -> dict[str, int]:
    """Return the number of cells of each kind of change that there is."""
    counts = {kind: int(plan.counts[f"{kind} cells"]) for kind in KINDS_OF_CHANGE}
    return {kind: count for kind, count in counts.items() if count}


class ChangesView:
    """The tab Changes."""

    title = "Changes"

    def __init__(self, host: Host) -> None:
        self._host = host
        self.maker: PlanMaker | None = None
        refresh = lambda _value=None: host.guarded(self.refresh)
        self._about = Html("changes-about")
        self._compare = Button("", "compare", lambda: host.guarded(self._begin), style="primary")
        self._counts = Html("changes")
        self._change = Choice("Show", "change", lambda _value: self._pager.go_to(0))
        self._cells = Html("cells")
        self._pager = Pager("page of changes", "cells-page", refresh, PAGE)
        self._code = Html("plan-code")
        self.box: Any = vbox(
            self._about,
            hbox(self._compare),
            self._counts,
            hbox(self._change),
            self._cells,
            self._pager.box,
            self._code,
        )
        self._change.offer([("all changes", None)], None)

    @property
    def _made(self) -> PlanMaker | None:
        """What compares, or has compared, the operation as it is now."""
        return self.maker if self.maker is not None and self.maker.state is self._host.state else None

    @property
    def plan(self) -> Plan | None:
        """The plan of the operation as it is now, if it was made."""
        return self._made.plan if self._made is not None else None

    def refresh(self) -> None:
        """Show the state of now. Nothing is asked of Mixpanel."""
        host = self._host
        refusal, running = self._refusal(), self.maker is not None and not self.maker.ended
        self._about.value = html.page(
            [html.note(refusal, "error") if refusal else html.note(cost_in_words(host.state, host.current))]
        )
        self._compare.set_text(
            "Compare with current" if host.current is not None else "Compare with Mixpanel"
        )
        self._compare.enable(not refusal and not running)
        self._show_plan()

    def _refusal(self) -> str:
        """Return why nothing can be compared; an empty text if it can."""
        state = self._host.state
        if refusal := state.refusal():
            return refusal
        if self._host.current is not None:
            return ""
        try:
            project = state.project()
        except MixpanelError as error:
            return str(error)
        obstacle = obstacle_to_reading(state.operation, project)
        return f"To compare, profiles are read: {obstacle}" if obstacle else ""

    def _begin(self) -> None:
        """Make the plan."""
        if self.maker is not None and not self.maker.ended:
            return
        state, current = self._host.state, self._host.current
        operation = state.operation
        if current is None:  # the thread does not know the project of this context
            operation = replace(operation, named={**operation.named, "project": state.project()})
        self.maker = PlanMaker(state, operation, current, self._end)
        self._change.offer([("all changes", None)], None)
        self._pager.number = 0
        self.maker.begin()
        self.refresh()

    def _end(self) -> None:
        """Show what was found. Called from another thread."""
        self._host.plan = self.maker.plan if self.maker is not None else None
        self._host.guarded(self.refresh)
        self._host.save()

    def _show_plan(self) -> None:
        made, host = self._made, self._host
        plan = self.plan
        if plan is not None:
            counts = html.note(repr(plan), "message")
        elif made is not None:
            counts = html.note(made.error, "error") if made.ended else html.note("Comparing ...")
        elif self.maker is not None:
            counts = html.note("Something was changed since: compare again.")
        else:
            counts = ""
        self._counts.value = html.page([counts])
        number = 0 if plan is None else self._offer_changes(plan)
        self._change.show(number > 0)
        self._pager.set_count(number)
        self._cells.value = self._code.value = ""
        if plan is None:
            return
        if number:
            page = cells_shown(
                host.state,
                plan,
                self._pager.start,
                self._pager.stop,
                change=self._change.value,
                unmasked=host.unmasked,
            )
            self._cells.value = html.page([html.table(show(page))])
        frame, preview = host.names
        line = planning_of(host.state.operation, frame, current=host.current is not None)
        self._code.value = html.page([html.note(USES.format(preview=preview)), html.code(f"plan = {line}")])

    def _offer_changes(self, plan: Plan) -> int:
        """Offer the kinds of changes that there are, and return how many cells the chosen one has."""
        of_each = _number_of_each(plan)
        chosen = self._change.value if self._change.value in of_each else None
        kinds = [(f"{kind} ({count:,})", kind) for kind, count in of_each.items()]
        number = sum(of_each.values())
        self._change.offer([(f"all changes ({number:,})", None), *kinds], chosen)
        return of_each[chosen] if chosen is not None else number

    def saved(self, *, unmasked: bool) -> list[str]:
        """Return what would change, as HTML; nothing unless it was compared."""
        plan = self.plan
        if plan is None:
            return []
        parts = [html.note(repr(plan), "message")]
        number = sum(_number_of_each(plan).values())
        if number:
            page = cells_shown(self._host.state, plan, 0, SAVED, unmasked=unmasked)
            rest = number - len(page)
            parts += [
                html.table(show(page)),
                *([html.note(f"and {counted(rest, 'more change')}")] if rest else []),
            ]
        return parts

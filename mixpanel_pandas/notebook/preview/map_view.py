"""The map: ids, profiles, operator and options above a table of columns, a page at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mixpanel_pandas.notebook.preview import html
from mixpanel_pandas.notebook.preview.controls import (
    HIDDEN_NAME,
    Button,
    Choice,
    Html,
    Input,
    Shared,
    Tick,
    column,
    fill,
    grid,
)
from mixpanel_pandas.notebook.preview.edits import (
    with_columns,
    with_group,
    with_id,
    with_name,
    with_option,
    with_verb,
    with_verb_of,
)
from mixpanel_pandas.notebook.preview.mapping import (
    choices_of,
    columns,
    id_labels,
    ids_in_words,
    labels,
    verbs,
)
from mixpanel_pandas.notebook.preview.pager import Pager
from mixpanel_pandas.rules import options as rules
from mixpanel_pandas.rules.operators import OPERATORS
from mixpanel_pandas.text import percent, shortened

if TYPE_CHECKING:
    from mixpanel_pandas.notebook.preview.host import Host
    from mixpanel_pandas.notebook.preview.mapping import Column
    from mixpanel_pandas.rules.operation import Operation

__all__ = ["MapView"]

#: Columns on a page.
PAGE = 12

#: How much of an example is shown, in characters.
EXAMPLE = 32

#: How the table is laid out: tick, column, property, operator (for update), type, example, hint.
WIDTHS = "22px minmax(0, 11fr) minmax(0, 12fr) 92px minmax(0, 13fr) minmax(0, 12fr)"
WIDTHS_OF_UPDATE = "22px minmax(0, 13fr) minmax(0, 12fr) 86px 74px minmax(0, 10fr) minmax(0, 10fr)"
HEAD = ("", "column", "property", "type, filled", "example", "hint")

#: Option -> its label, and what its values are called.
OPTIONS: dict[str, tuple[str, dict[Any, str]]] = {
    "missing": (
        "Missing values",
        {"skip": "leave the property alone", "null": "send null", "unset": "remove the property"},
    ),
    "blank": ("Blank text", {"keep": "is a value", "missing": "is missing"}),
    "duplicates": (
        "Several rows of one id",
        {
            None: "as the operator does",
            "raise": "refuse the frame",
            "last": "send the last one",
            "merge": "send one, of the last values",
            "all": "send all, in order",
        },
    ),
}


class MapView:
    """Where each column goes."""

    title = "Map"

    def __init__(self, host: Host) -> None:
        self._host = host
        self._id = Choice(
            "Identifier", "id", lambda label: host.change(lambda s: with_id(s.operation, label))
        )
        self._ids = Html("ids")
        self._kind = Choice("Profiles of", "profiles", self._choose_kind)
        self._group = Input("Group key", "group", self._choose_group, hint="company_id")
        self._verb = Choice(
            "Operator", "operator", lambda verb: host.change(lambda s: with_verb(s.operation, s.layout, verb))
        )
        self._options = {name: self._option(name, label) for name, (label, _) in OPTIONS.items()}
        self._head = Html("columns-head")
        self._rows = _rows(host)
        self._pager = Pager("page of columns", "columns", lambda: host.look(self.refresh), PAGE)
        self._nothing = Html("columns-none")
        top = grid(
            self._id, self._kind, self._group, self._verb, *self._options.values(),
            columns="repeat(auto-fit, minmax(270px, 1fr))",
        )  # fmt: skip
        self._table = column()
        self.box = column(top, self._ids, self._head, self._table, self._nothing, self._pager.box)

    def _option(self, name: str, label: str) -> Choice:
        return Choice(
            label,
            name,
            lambda value: self._host.change(lambda state: with_option(state.operation, name, value)),
        )

    def _choose_kind(self, kind: str) -> None:
        self._host.change(
            lambda state: with_group(
                state.operation,
                None if kind == "users" else state.operation.group or str(state.layout.id.label),
            )
        )

    def _choose_group(self, key: str) -> None:
        self._host.change(lambda state: with_group(state.operation, key.strip()))

    def refresh(self) -> None:
        """Show the state."""
        state = self._host.state
        operation = state.operation
        self._id.offer([(str(label), label) for label in id_labels(state)], state.layout.id.label)
        self._ids.value = html.page([html.note(f"Ids in {ids_in_words(state)}")])
        kind = "users" if operation.group is None else "group"
        self._kind.offer([("users", "users"), ("a group", "group")], kind)
        self._group.value = operation.group or ""
        self._group.show(operation.group is not None)
        self._verb.offer([(_verb_in_words(verb), verb) for verb in verbs(state)], operation.verb)
        for name, control in self._options.items():
            offered = choices_of(state, name)
            control.show(len(offered) > 1)
            control.offer([(OPTIONS[name][1][value], value) for value in offered], _as_named(operation, name))
        self._refresh_columns()

    def _refresh_columns(self) -> None:
        state = self._host.state
        deletes = state.operation.verb == "delete"
        known = [] if deletes else labels(state)
        self._pager.of(len(known))
        several = state.operation.verbs is not None
        head = HEAD[:3] + ("operator",) * several + HEAD[3:]
        widths = WIDTHS_OF_UPDATE if several else WIDTHS
        cells = "".join(f"<b>{html.text(name)}</b>" for name in head)
        style = f"grid-template-columns: {widths}"
        self._head.value = html.page([f'<div class="mp-head" style="{style}">{cells}</div>'])
        self._head.show(not deletes)
        self._nothing.value = html.page([html.note("Whole profiles are deleted: no column is sent.")])
        self._nothing.show(deletes)
        found = columns(state, self._pager.start, self._pager.stop, shown=self._host.shown) if known else []
        shown = self._rows[: len(found)]
        for line, one in zip(shown, found, strict=True):
            line.show(one, several, widths)
        fill(self._table, [line.box for line in shown])


class MapRow:
    """One column of the frame."""

    def __init__(self, host: Host, shared: Shared) -> None:
        self._host = host
        self._column: Column | None = None
        self._tick = Tick("", "column-sent", self._choose, shared=shared)
        self._label = Html("column-label", shared=shared)
        self._name = Input("", "column-name", self._rename, shared=shared)
        self._verb = Choice("", "column-operator", self._choose_verb, shared=shared)
        self._type = Html("column-type", shared=shared)
        self._example = Html("column-example", shared=shared)
        self._hint = Html("column-hint", shared=shared)
        self._map = Button("", "column-map", self._map_to_hint, shared=shared)
        for control in (self._tick, self._name, self._verb):
            control.widget.add_class(HIDDEN_NAME)
        self.box = grid(columns=WIDTHS, shared=shared)
        self.box.add_class("mp-row")

    def show(self, found: Column, several: bool, widths: str) -> None:
        """Show a column.

        Parameters
        ----------
        several : bool
            Whether each column has an operator of its own.
        widths : str
            Of the columns of the map.
        """
        self._column = found
        self.box.layout.grid_template_columns = widths
        label = str(found.label)
        self._tick.value = found.sent
        self._tick.name(f"Send {label}")
        self._label.value = html.page([html.text(label)])
        self._name.value = found.name if found.sent else ""
        self._name.name(f"Property name for {label}")
        self._name.enable(found.renames)
        self._verb.offer([(verb, verb) for verb in _verbs_of_columns(self._host)], found.verb)
        self._verb.name(f"Operator for {label}")
        self._verb.enable(found.sent)
        filled = "" if found.fill is None else f", {percent(found.fill)}"
        self._type.value = html.page([html.text(f"{found.type}{filled}")])
        self._example.value = html.page([html.mono(shortened(found.example, EXAMPLE))])
        verb = [self._verb] if several else []
        fill(
            self.box,
            [self._tick, self._label, self._name, *verb, self._type, self._example, self._hints(found)],
        )

    def _hints(self, found: Column) -> Any:
        """Return what is noteworthy: a button where one click mends it, else text."""
        meant = _meant(found)
        self._map.say(f"Send as {meant}", f"{found.label} looks like {meant}: send it as that")
        words = "; ".join(hint.text for hint in found.hints if hint.name is None)
        self._hint.value = html.page([html.text(words)])
        if meant and words:
            return column(self._map, self._hint, min_width="0")
        return self._map if meant else self._hint

    def _choose(self, sent: bool) -> None:
        if (found := self._column) is not None:
            self._host.change(
                lambda state: with_columns(state.operation, state.layout, labels(state), found.label, sent)
            )

    def _rename(self, name: str) -> None:
        if (found := self._column) is not None:
            wanted = name.strip() or str(found.label)
            self._host.change(lambda state: with_name(state.operation, state.layout, found.label, wanted))

    def _choose_verb(self, verb: str) -> None:
        if (found := self._column) is not None:
            self._host.change(lambda state: with_verb_of(state.operation, found.label, verb))

    def _map_to_hint(self) -> None:
        if self._column is not None:
            self._rename(_meant(self._column))


def _rows(host: Host) -> list[MapRow]:
    """Return rows for a page; they share what they look like."""
    shared: Shared = {}
    return [MapRow(host, shared) for _ in range(PAGE)]


def _meant(found: Column) -> str:
    """Return the reserved property that a column looks like, if it can be sent as that."""
    return next((hint.name for hint in found.hints if hint.name and found.renames), "")


def _as_named(operation: Operation, name: str) -> Any:
    """Return an option as the call has it, where None stays the default of the operator."""
    return operation.named.get(name, rules.OPTIONS[name].default)


def _verb_in_words(verb: str) -> str:
    return (
        f"{verb}: {OPERATORS[verb].does[:-1].lower()}" if verb in OPERATORS else "update: several operators"
    )


def _verbs_of_columns(host: Host) -> list[str]:
    return [verb for verb in verbs(host.state) if verb not in {"delete", "update"}]

"""The tab Map: ids, profiles, operator and options above a row of controls for each column, a page at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mixpanel_pandas.notebook.preview import html
from mixpanel_pandas.notebook.preview.column_cells import (
    ColumnType,
    FixButtons,
    TakeAll,
    picture_of_column,
    samples_html,
)
from mixpanel_pandas.notebook.preview.column_filter import ColumnFilter
from mixpanel_pandas.notebook.preview.controls import (
    HIDDEN_NAME,
    Choice,
    Html,
    Input,
    Pager,
    Shared,
    Tick,
    grid,
    set_children,
    stack,
    vbox,
)
from mixpanel_pandas.notebook.preview.edits import (
    with_columns,
    with_group,
    with_id,
    with_name,
    with_option,
    with_verb_of,
)
from mixpanel_pandas.notebook.preview.findings_view import in_words_of_the_widget
from mixpanel_pandas.notebook.preview.mapping import (
    column_mappings,
    ids_in_words,
    known_names,
    sendable_labels,
)
from mixpanel_pandas.rules import options as rules
from mixpanel_pandas.rules.operators import OPERATORS
from mixpanel_pandas.rules.options import taken_by
from mixpanel_pandas.text import Length, html_text, quoted, shortened

if TYPE_CHECKING:
    from collections.abc import Hashable

    from mixpanel_pandas.notebook.preview.host import Host
    from mixpanel_pandas.notebook.preview.mapping import ColumnMapping
    from mixpanel_pandas.notebook.preview.state import State
    from mixpanel_pandas.rules.operation import Operation

__all__ = ["MapView", "available_verbs", "id_labels", "option_choices"]

#: Columns on a page.
PAGE = 12

#: Widths of tick, column, property, operator (only for update), type, example and hint.
WIDTHS = "22px minmax(0, 9fr) minmax(0, 10fr) minmax(0, 11fr) minmax(0, 14fr) minmax(0, 12fr)"
WIDTHS_OF_UPDATE = "22px minmax(0, 9fr) minmax(0, 9fr) 86px minmax(0, 10fr) minmax(0, 12fr) minmax(0, 11fr)"
HEAD = ("", "column", "property", "type, filled", "values", "hint")

#: Width of the labels above the columns.
LABELS = "158px"

#: Option -> its label, and the texts of its values.
SHOWN_OPTIONS: dict[str, tuple[str, dict[Any, str]]] = {
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
    """The tab Map."""

    title = "Map"

    def __init__(self, host: Host) -> None:
        self._host = host
        self._id = Choice(
            "Identifier", "id", lambda label: host.change(lambda s: with_id(s.operation, label))
        )
        self._ids = Html("ids")
        self._kind = Choice("Profiles of", "profiles", self._choose_kind)
        self._group = Input("Group key", "group", self._choose_group, hint="company_id")
        self._verb = Choice("Operator", "operator", lambda verb: host.change(lambda s: s.with_verb(verb)))
        self._verb.fill_row()
        self._options = {name: self._option(name, label) for name, (label, _) in SHOWN_OPTIONS.items()}
        self._filter = ColumnFilter(host, self._refiltered)
        self._rows = _rows(host)
        self._all = TakeAll(host, self._rows[0].focus)
        self._head = Html("columns-head")
        self._pager = Pager("page of columns", "columns", lambda: host.guarded(self.refresh), PAGE)
        self._nothing = Html("columns-none")
        top = grid(
            self._id, self._kind, self._group, self._verb, *self._options.values(),
            columns="repeat(auto-fit, minmax(min(100%, 330px), 1fr))",
        )  # fmt: skip
        for control in (self._id, self._kind, self._group, self._verb, *self._options.values()):
            control.label_width(LABELS)
        self._table = vbox()
        self.box: Any = vbox(
            top,
            self._ids,
            self._filter.box,
            self._all.box,
            self._head,
            self._table,
            self._nothing,
            self._pager.box,
        )

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
        """Show the state of now."""
        state = self._host.state
        operation = state.operation
        asks: list[tuple[str, Any]] = [("choose a column", None)] if state.asks else []
        self._id.offer([*asks, *((str(label), label) for label in id_labels(state))], operation.id)
        self._ids.value = html.page([_about_ids(self._host)])
        self._all.refresh()
        kind = "users" if operation.group is None else "group"
        self._kind.offer([("users", "users"), ("a group", "group")], kind)
        self._group.value = operation.group or ""
        self._group.show(operation.group is not None)
        self._verb.offer([(_verb_in_words(verb), verb) for verb in available_verbs(state)], operation.verb)
        for name, control in self._options.items():
            choices = option_choices(state, name)
            control.show(len(choices) > 1)
            control.offer(
                [(SHOWN_OPTIONS[name][1][value], value) for value in choices], _as_named(operation, name)
            )
        self._refresh_columns()

    def _refiltered(self) -> None:
        """Show other columns, from the first page on."""
        self._pager.number = 0
        self._host.guarded(self._refresh_columns)

    def _refresh_columns(self) -> None:
        state = self._host.state
        deletes = state.operation.verb == "delete"
        labels = self._filter.labels(PAGE)
        self._pager.set_count(len(labels))
        several = state.operation.verbs is not None
        head = HEAD[:3] + ("operator",) * several + HEAD[3:]
        widths = WIDTHS_OF_UPDATE if several else WIDTHS
        cells = "".join(f"<b>{html_text(name)}</b>" for name in head)
        style = f"grid-template-columns: {widths}"
        self._head.value = html.page([f'<div class="mp-head" style="{style}">{cells}</div>'])
        self._head.show(not deletes)
        self._nothing.value = html.page([html.note("Whole profiles are deleted: no column is sent.")])
        self._nothing.show(deletes)
        start, stop = self._pager.start, self._pager.stop
        mappings = (
            column_mappings(state, start, stop, labels=labels, unmasked=self._host.unmasked) if labels else []
        )
        rows = self._rows[: len(mappings)]
        for row, mapping in zip(rows, mappings, strict=True):
            row.show(mapping, several, widths)
        set_children(self._table, [row.box for row in rows])


class MapRow:
    """The controls for one column of the frame."""

    def __init__(self, host: Host, shared: Shared) -> None:
        self._host = host
        self._mapping: ColumnMapping | None = None
        self._tick = Tick("", "column-sent", self._choose, shared=shared)
        self._label = Html("column-label", shared=shared)
        self._is_known = host.state.known is not None
        self._name = Input("", "column-name", self._rename, completes=self._is_known, shared=shared)
        self._property: Any = self._name
        if self._is_known:
            self._mark, self._property = Html("column-mark", shared=shared), stack(shared)
        self._verb = Choice("", "column-operator", self._choose_verb, shared=shared)
        self._type = ColumnType(host, shared)
        self._example = Html("column-example", shared=shared)
        self._hint = Html("column-hint", shared=shared)
        self._fixes = FixButtons(host, shared, self.focus)
        self._remarks = stack(shared)
        for control in (self._tick, self._name, self._verb):
            control.widget.add_class(HIDDEN_NAME)
        self.box: Any = grid(columns=WIDTHS, shared=shared)
        self.box.add_class("mp-row")

    def show(self, mapping: ColumnMapping, several: bool, widths: str) -> None:
        """Show a column.

        Parameters
        ----------
        several : bool
            Whether each column has an operator of its own.
        widths : str
            Widths of the controls, in CSS.
        """
        self._mapping = mapping
        self.box.layout.grid_template_columns = widths
        label = str(mapping.label)
        self._tick.value = mapping.sent
        self._tick.name(f"Send {label}")
        shown = quoted(label, Length.NAME) if label != label.strip() else label  # blanks would not be seen
        self._label.value = html.page([html_text(shown)])
        self._name.value = mapping.name if mapping.sent else ""
        self._name.name(f"Property name for {label}")
        self._name.enable(mapping.renames)
        if self._is_known:
            self._name.offer(known_names(self._host.state))
            self._mark.value = html.page(map(html.mark, mapping.marks))
            set_children(self._property, [self._name, *([self._mark] if mapping.marks else [])])
        self._verb.offer([(verb, verb) for verb in _verbs_of_columns(self._host)], mapping.verb)
        self._verb.name(f"Operator for {label}")
        self._verb.enable(mapping.sent)
        self._type.show(mapping)
        example = html.mono(shortened(mapping.example, Length.EXAMPLE))
        picture = picture_of_column(self._host.state, mapping.label, unmasked=self._host.unmasked)
        self._example.value = html.page([picture.html, samples_html(mapping) or example])
        texts = [in_words_of_the_widget(remark.text) for remark in mapping.remarks if not remark.followed]
        remarks = "; ".join(texts)
        self._hint.value = html.page([html_text(remarks)])
        set_children(self._remarks, [*self._fixes.shown(mapping), *([self._hint] if remarks else [])])
        verb = [self._verb] if several else []
        set_children(
            self.box,
            [self._tick, self._label, self._property, *verb, self._type.box, self._example, self._remarks],
        )

    def focus(self) -> None:
        """Let the next key go to the name of the property, or where that is fixed to the box to tick."""
        control = self._name if self._mapping is not None and self._mapping.renames else self._tick
        control.focus()

    def _choose(self, sent: bool) -> None:
        if (mapping := self._mapping) is not None:
            self._host.change(
                lambda state: with_columns(
                    state.operation, state.layout, sendable_labels(state), mapping.label, sent
                )
            )

    def _rename(self, name: str) -> None:
        if (mapping := self._mapping) is not None:
            target = name.strip() or str(mapping.label)
            self._host.change(lambda state: with_name(state.operation, state.layout, mapping.label, target))

    def _choose_verb(self, verb: str) -> None:
        if (mapping := self._mapping) is not None:
            self._host.change(lambda state: with_verb_of(state.operation, mapping.label, verb))


def _rows(host: Host) -> list[MapRow]:
    """Return the rows of a page. They share layout and style."""
    shared: Shared = {}
    return [MapRow(host, shared) for _ in range(PAGE)]


def _about_ids(host: Host) -> str:
    """Return what is wrong with the ids, and how their column was found."""
    found = html.note(host.about_ids, "message") if host.about_ids else ""
    return found if host.state.asks else found + html.note(f"Ids in {ids_in_words(host.state)}")


def _as_named(operation: Operation, name: str) -> Any:
    """Return an option as the call has it, where None stays the default of the operator."""
    return operation.named.get(name, rules.ALL_OPTIONS[name].default)


def _verb_in_words(verb: str) -> str:
    return (
        f"{verb}: {OPERATORS[verb].does[:-1].lower()}" if verb in OPERATORS else "update: several operators"
    )


def _verbs_of_columns(host: Host) -> list[str]:
    return [verb for verb in available_verbs(host.state) if verb not in {"delete", "update"}]


def id_labels(state: State) -> list[Hashable]:
    """Return the columns and index levels that may hold the ids."""
    return [*state.frame.columns, *(name for name in state.frame.index.names if name is not None)]


def available_verbs(state: State) -> list[str]:
    """Return the verbs for users, or those for groups."""
    group = state.operation.group
    return [verb for verb, row in OPERATORS.items() if (row.users if group is None else row.groups)] + [
        "update"
    ]


def option_choices(state: State, option: str) -> list[Any]:
    """Return the values that an option can have; none if the verb does not take it."""
    row = next((row for row in taken_by(state.operation.verb) if row.name == option), None)
    if row is None:
        return []
    operators = state.operation.operators
    if option == "missing":
        return list(dict.fromkeys(way for row in operators for way in row.missing))
    if option == "duplicates" and not all(row.merges for row in operators):
        return [choice for choice in row.choices if choice != "merge"]
    return list(row.choices)

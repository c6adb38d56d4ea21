"""The cells of a column in the map: its type and how its text is read, a button for each suggestion, and what its values look like."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from mixpanel_pandas.checking.distribution import distribution_of
from mixpanel_pandas.errors import OperationError, naming_column, reading_column
from mixpanel_pandas.notebook.pictures import Picture, picture_of
from mixpanel_pandas.notebook.preview import html
from mixpanel_pandas.notebook.preview.controls import (
    HIDDEN_NAME,
    Button,
    Choice,
    Html,
    Input,
    Shared,
    set_children,
    stack,
    vbox,
)
from mixpanel_pandas.notebook.preview.edits import with_columns, with_reading
from mixpanel_pandas.notebook.preview.fixes import reading_in_words, suggestions, with_fixes
from mixpanel_pandas.notebook.preview.mapping import sendable_labels
from mixpanel_pandas.payloads.normalise import normalise
from mixpanel_pandas.payloads.sources import array_of
from mixpanel_pandas.text import counted, html_text, percent

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from mixpanel_pandas.checking.distribution import Distribution
    from mixpanel_pandas.notebook.preview.fixes import Fix
    from mixpanel_pandas.notebook.preview.host import Host
    from mixpanel_pandas.notebook.preview.mapping import ColumnMapping
    from mixpanel_pandas.notebook.preview.state import State
    from mixpanel_pandas.payloads.layout import PropertyColumn
    from mixpanel_pandas.payloads.normalise import Normalised
    from mixpanel_pandas.payloads.sources import Rows
    from mixpanel_pandas.rules.operation import Operation

__all__ = [
    "ColumnType",
    "FixButtons",
    "TakeAll",
    "column_distribution",
    "distinct_in_words",
    "picture_of_column",
    "samples_html",
]

NO_PICTURE = Picture()


def picture_of_column(state: State, label: Hashable, *, unmasked: bool = False) -> Picture:
    """Return a small picture of the values of a column; an empty one if there is nothing to show."""
    spread = column_distribution(state, label, unmasked=unmasked)
    return picture_of(spread, distinct_in_words(spread)) if spread is not None else NO_PICTURE


def distinct_in_words(spread: Distribution) -> str:
    """Return how many values differ; at least so many if not all rows were looked at."""
    return f"{spread.distinct:,}{'' if spread.rows is None else '+'} distinct"


def column_distribution(state: State, label: Hashable, *, unmasked: bool = False) -> Distribution | None:
    """Return how the values of a column are spread as they would be sent.

    Of private values only lengths are told, unless `unmasked`. None for a property that is no column, a column without a value, and one
    that cannot be read: that is a finding.
    """
    if label not in state.frame.columns:
        return None
    column = next((column for column in state.layout.columns if column.label == label), None)
    hides_values = not unmasked and state.is_private(label, column.name if column else None)
    options = state.operation.options
    how = repr(((options.parse or {}).get(label), options.blank, options.na, options.trim)) if column else ""

    def make() -> Distribution | None:
        try:
            return distribution_of(
                _reader(state, label, column), state.layout.rows, hides_values=hides_values
            )
        except OperationError:
            return None

    return state.facts.once(("distribution", label, how, hides_values), make)


def _reader(state: State, label: Hashable, column: PropertyColumn | None) -> Any:
    """Return what reads some rows of a column, of which each key may become a property, or which is not sent."""
    place: Any = state.frame.columns.get_loc(label)
    rule = column.source.rule if column else state.facts.column(place, None)[0]
    parse, blank = (column.parse if column else None), state.operation.options.blank

    def read(rows: Rows) -> Normalised:
        with reading_column(label):
            values = array_of(state.frame.iloc[rows, place])
        with naming_column(label):
            return normalise(values, rule, parse=parse, blank=blank, rows=rows)

    return read


#: Choices that are no readings.
ANOTHER, LEAVE_OUT = "another reading", "leave out"

#: Suggestions for a column that have a button.
BUTTONS = 3


class ColumnType:
    """The type of a column, and for text the choice of how it is read."""

    def __init__(self, host: Host, shared: Shared) -> None:
        self._host = host
        self._mapping: ColumnMapping | None = None
        self._types = False
        self._type = Html("column-type", shared=shared)
        self._reading = Choice("", "column-reading", self._choose, shared=shared)
        self._other: Input | None = None
        self._shared = shared
        self._reading.widget.add_class(HIDDEN_NAME)
        self.box: Any = stack(shared)

    def show(self, mapping: ColumnMapping) -> None:
        """Show the type of a column."""
        if self._mapping is None or self._mapping.label != mapping.label:
            self._types = False
        self._mapping = mapping
        filled = "" if mapping.fill is None else f", {percent(mapping.fill)}"
        self._type.value = html.page([html_text(f"{mapping.type}{filled}")])
        readings = [(reading_in_words(name), name) for name in mapping.readings]
        now = ANOTHER if self._types else mapping.reading if mapping.sent else LEAVE_OUT
        self._reading.offer(
            [("as it is", None), *readings, ("another reading ...", ANOTHER), ("leave out", LEAVE_OUT)], now
        )
        self._reading.name(f"Read text of {mapping.label} as")
        other = [self._format(mapping)] if self._types else []
        set_children(self.box, [self._type, *([self._reading] if mapping.readings else []), *other])

    def _format(self, mapping: ColumnMapping) -> Input:
        """Return the line for any reading, which few columns need."""
        if self._other is None:
            self._other = Input(
                "", "column-format", self._read_as, hint="date:dd.mm.yyyy hh:mm", shared=self._shared
            )
            self._other.widget.add_class(HIDDEN_NAME)
        self._other.name(f"Reading of {mapping.label}")
        if mapping.reading is not None:  # else what was typed is no reading, and stays to be mended
            self._other.value = mapping.reading
        return self._other

    def _choose(self, name: str | None) -> None:
        self._types = name == ANOTHER
        if self._mapping is not None and self._types:
            if self._other is not None:
                self._other.value = ""
            self.show(self._mapping)
        else:
            self._read_as(name)

    def _read_as(self, name: str | None) -> None:
        if (mapping := self._mapping) is None:
            return
        if name == LEAVE_OUT:
            self._host.change(lambda state: _sent(state, mapping, sent=False))
        else:  # a line for any other reading stays: it may have the focus
            self._host.change(lambda state: _read(state, mapping, (name or "").strip() or None))


def _sent(state: State, mapping: ColumnMapping, *, sent: bool) -> Operation:
    return with_columns(state.operation, state.layout, sendable_labels(state), mapping.label, sent)


def _read(state: State, mapping: ColumnMapping, name: str | None) -> Operation:
    """Read a column by a reading; one that is not sent is sent then."""
    operation = state.operation if mapping.sent else _sent(state, mapping, sent=True)
    return with_reading(operation, mapping.label, name)


class FixButtons:
    """A button for each suggestion about a column.

    Parameters
    ----------
    taken : callable
        Called after a click on a button that is not shown any more, which has lost the focus.
    """

    def __init__(self, host: Host, shared: Shared, taken: Callable[[], object]) -> None:
        self._host, self._shared, self._taken = host, shared, taken
        self._fixes: tuple[Fix, ...] = ()
        self._buttons: list[Button] = []

    def shown(self, mapping: ColumnMapping) -> list[Button]:
        """Return the buttons for a column."""
        self._fixes = mapping.fixes[:BUTTONS]
        while len(self._buttons) < len(self._fixes):  # most columns need none
            take = partial(self._take, len(self._buttons))
            self._buttons.append(Button("", "column-fix", take, shared=self._shared))
        buttons = self._buttons[: len(self._fixes)]
        for button, fix in zip(buttons, self._fixes, strict=True):
            button.set_text(_sentence(fix.words), f"{mapping.label}: {fix.words}")
        return buttons

    def _take(self, number: int) -> None:
        fix = self._fixes[number]
        self._host.change(lambda state: with_fixes(state, [fix]))
        if number >= len(self._fixes):
            self._taken()


class TakeAll:
    """A button that takes all suggestions, with what they are.

    Parameters
    ----------
    taken : callable
        As for `FixButtons`.
    """

    def __init__(self, host: Host, taken: Callable[[], object]) -> None:
        self._host, self._taken = host, taken
        self._button = Button("", "take-all", self._take, style="primary")
        self._words = Html("suggestions")
        self.box: Any = vbox(self._button, self._words, align_items="flex-start")

    def refresh(self) -> None:
        """Show the state of now."""
        state = self._host.state
        clear, either = suggestions(state) if state.is_checked else ([], [])
        self._button.show(bool(clear))
        self._button.set_text(
            f"Take all {counted(len(clear), 'suggestion')}" if len(clear) > 1 else "Take the suggestion"
        )
        rest = _open_in_words(either)
        self._words.value = html.page([html.note(rest)] if rest else [])
        self.box.layout.display = None if clear or rest else "none"

    def _take(self) -> None:
        self._host.change(lambda state: with_fixes(state, suggestions(state)[0]))
        if not self._button.visible:
            self._taken()


def _open_in_words(fixes: list[Fix]) -> str:
    """Return how many columns have suggestions of which a person has to choose; an empty text if none has."""

    def columns(*, certain: bool) -> int:
        some = [fix for fix in fixes if fix.certain == certain]
        return len({label for fix in some for option in fix.options.values() for label in option})

    ways, names = columns(certain=True), columns(certain=False)
    parts = [
        *([f"{counted(ways, 'column')} may be read in more than one way"] if ways else []),
        *([f"{counted(names, 'new property')} may be meant as one that Mixpanel has"] if names else []),
    ]
    return f"{', '.join(parts)}: choose below." if parts else ""


def samples_html(mapping: ColumnMapping) -> str:
    """Return the first values of a column, before and after they are read."""
    return "".join(
        f'<span class="mp-sample" title="{html_text(before)} becomes {html_text(after)}">'
        f"{html.mono(before)} \N{RIGHTWARDS ARROW} {html.mono(after)}</span>"
        for before, after in mapping.samples
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"

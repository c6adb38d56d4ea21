"""Labelled controls, made of ipywidgets. Each has a name for screen readers, and a CSS class by which tests find it.

Nothing else imports ipywidgets. Text from a frame stands in HTML (escaped), in tooltips, in inputs or in the options of a
dropdown. JupyterLab typesets formulas in descriptions, so there the signs that begin a formula are replaced.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mixpanel_pandas.errors import from_extra
from mixpanel_pandas.text import html_text, printable

with from_extra("notebook", "the preview needs ipywidgets"):
    import ipywidgets as widgets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = [
    "HIDDEN_NAME",
    "Bar",
    "Button",
    "Choice",
    "Html",
    "Input",
    "Number",
    "Pager",
    "Shared",
    "Tick",
    "grid",
    "hbox",
    "set_children",
    "stack",
    "tabs",
    "vbox",
]


Widget = Any

#: CSS class of a control -> layout and style of all controls of the class. The browser gets them once.
Shared = dict[str, dict[str, Any]]

#: CSS class of controls whose name is only for screen readers, because their place shows what they are for.
HIDDEN_NAME = "mp-hidden-name"

#: Signs that begin a formula -> signs that look like them.
NO_FORMULAS = str.maketrans({"$": "\N{FULLWIDTH DOLLAR SIGN}", "\\": "\N{FULLWIDTH REVERSE SOLIDUS}"})


class Control:
    """A widget. `changed` is called when a person changes its value, not when a view does."""

    def __init__(self, widget: Widget, name: str, changed: Callable[[Any], object] | None = None) -> None:
        self.widget: Widget = widget
        self._changed, self._quiet = changed, False
        widget.add_class(f"mp-{name}")
        if changed is not None:
            widget.observe(self._observed, names="value")

    def _observed(self, change: Any) -> None:
        if not self._quiet and self._changed is not None:
            self._changed(change["new"])

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        self._quiet = True
        try:
            yield
        finally:
            self._quiet = False

    @property
    def value(self) -> Any:
        """Value of the widget."""
        return self.widget.value

    @value.setter
    def value(self, value: Any) -> None:
        with self._quietly():
            self.widget.value = value

    def enable(self, enabled: bool) -> None:
        """Enable or disable it."""
        self.widget.disabled = not enabled

    def name(self, text: str) -> None:
        """Set its label and tooltip. The class `HIDDEN_NAME` hides the label from all but screen readers."""
        self.widget.tooltip = printable(text)
        self.widget.description = printable(text).translate(NO_FORMULAS)

    def label_width(self, width: str) -> None:
        """Give its label the width that the labels above and below have."""
        self.widget.style.description_width = width

    def fill_row(self) -> None:
        """Let it take a whole row of its grid."""
        self.widget.layout.grid_area = "auto / 1 / auto / -1"

    def show(self, visible: bool) -> None:
        """Show or hide it."""
        self.widget.layout.display = None if visible else "none"

    @property
    def visible(self) -> bool:
        """Whether it is shown, so far as it decides that itself."""
        return bool(self.widget.layout.display != "none")

    def focus(self) -> None:
        """Let the next key go to it."""
        self.widget.focus()


class Choice(Control):
    """One of several values, each with a text."""

    def __init__(
        self, label: str, name: str, changed: Callable[[Any], object], *, shared: Shared | None = None
    ) -> None:
        super().__init__(
            widgets.Dropdown(description=label, tooltip=label, **appearance(shared, name, FULL_WIDTH)),
            name,
            changed,
        )

    def offer(self, options: Sequence[tuple[str, Any]], value: Any) -> None:
        """Set the texts and values to choose from, and the value that is chosen."""
        options = [(printable(text), choice) for text, choice in options]
        with self._quietly():
            if tuple(self.widget.options) != tuple(options):
                self.widget.options = options
            self.widget.index = next(
                (n for n, (_, other) in enumerate(options) if is_same(other, value)), None
            )


class Input(Control):
    """A line of text. `changed` is called on Enter and when the input is left, or with `each_key` after each key.

    With `completes` the texts that `offer` sets complete what is typed; any other text may be typed as well.
    """

    def __init__(
        self,
        label: str,
        name: str,
        changed: Callable[[str], object],
        *,
        hint: str = "",
        each_key: bool = False,
        completes: bool = False,
        shared: Shared | None = None,
    ) -> None:
        kind = widgets.Combobox if completes else widgets.Text
        widget = kind(
            description=label,
            placeholder=hint,
            tooltip=label,
            continuous_update=each_key,
            **appearance(shared, name, FULL_WIDTH),
        )
        super().__init__(widget, name, changed)

    def offer(self, texts: tuple[str, ...]) -> None:
        """Set the texts that complete what is typed."""
        if self.widget.options != texts:
            self.widget.options = texts


class Number(Control):
    """A whole number. `changed` is called on Enter and when the input is left."""

    def __init__(self, label: str, name: str, changed: Callable[[int], object]) -> None:
        widget = widgets.BoundedIntText(
            description=label,
            tooltip=label,
            min=1,
            max=1,
            **appearance(None, name, {**FULL_WIDTH, "max_width": "190px"}),
        )
        super().__init__(widget, name, changed)

    def limit(self, most: int, value: int) -> None:
        """Set its upper limit and its value."""
        with self._quietly():
            self.widget.max = max(most, 1)
            self.widget.value = value


class Tick(Control):
    """A box to tick."""

    def __init__(
        self,
        label: str,
        name: str,
        changed: Callable[[bool], object],
        tooltip: str = "",
        *,
        shared: Shared | None = None,
    ) -> None:
        widget = widgets.Checkbox(
            description=label,
            tooltip=tooltip or label,
            indent=False,
            **appearance(shared, name, {"width": "auto", "margin": "0"}),
        )
        super().__init__(widget, name, changed)


class Button(Control):
    """A button."""

    def __init__(
        self,
        label: str,
        name: str,
        clicked: Callable[[], object],
        tooltip: str = "",
        *,
        style: str = "",
        shared: Shared | None = None,
    ) -> None:
        own = {"width": "auto", "max_width": "100%"}
        widget = widgets.Button(
            description=label, tooltip=tooltip, button_style=style, **appearance(shared, name, own, {})
        )
        super().__init__(widget, name)
        widget.on_click(lambda _button: clicked())

    def set_text(self, text: str, tooltip: str = "") -> None:
        """Change its text and tooltip."""
        self.widget.description, self.widget.tooltip = printable(text), printable(tooltip)


class Html(Control):
    """HTML to read. The caller escapes text that comes from a frame."""

    def __init__(self, name: str, *, shared: Shared | None = None) -> None:
        own = {"width": "auto", "margin": "0", "min_width": "0"}
        super().__init__(widgets.HTML(**appearance(shared, name, own, {})), name)


class Bar(Control):
    """A progress bar."""

    def __init__(self, name: str) -> None:
        super().__init__(
            widgets.IntProgress(
                min=0, max=1, layout=widgets.Layout(**FULL_WIDTH), tooltip="How much is sent"
            ),
            name,
        )

    def reach(self, done: int, total: int) -> None:
        """Show how much is done."""
        self.widget.max = max(total, 1)
        self.widget.value = done


#: Layout of controls that take all the width that there is.
FULL_WIDTH = {"width": "auto", "min_width": "0", "margin": "2px 0"}

#: Style of controls with a label as wide as its text.
LABEL_STYLE = {"description_width": "initial"}


def appearance(
    shared: Shared | None, name: str, layout: Mapping[str, str], style: Mapping[str, str] = LABEL_STYLE
) -> dict[str, Any]:
    """Return layout and style of a control. Shared ones are made once for each name."""
    if shared is not None and name in shared:
        return shared[name]
    made: dict[str, Any] = {"layout": widgets.Layout(**layout), "style": dict(style)}
    if shared is not None:
        shared[name] = made
    return made


def is_same(one: Any, other: Any) -> bool:
    """Return whether two values are equal and of one type: 1 is not True."""
    return type(one) is type(other) and bool(one == other)


def hbox(*controls: Any, **layout: str) -> Widget:
    """Return controls beside each other. Those that do not fit stand below."""
    style = {"flex_flow": "row wrap", "align_items": "center", "grid_gap": "2px 12px", **layout}
    return widgets.HBox([_widget(control) for control in controls], layout=widgets.Layout(**style))


def vbox(*controls: Any, **layout: str) -> Widget:
    """Return controls below each other."""
    return widgets.VBox([_widget(control) for control in controls], layout=widgets.Layout(**layout))


def stack(shared: Shared) -> Widget:
    """Return an empty box for controls below each other, in one of the columns of a `grid`."""
    return widgets.VBox(
        layout=appearance(shared, "stack", {"min_width": "0", "overflow": "visible"})["layout"]
    )


def grid(*controls: Any, columns: str, shared: Shared | None = None) -> Widget:
    """Return controls in columns, whose widths are CSS."""
    own = {"grid_template_columns": columns, "grid_gap": "0 8px", "align_items": "center", "width": "auto"}
    layout = appearance(shared, "grid", own)["layout"]
    return widgets.GridBox([_widget(control) for control in controls], layout=layout)


def set_children(box: Widget, controls: Sequence[Any]) -> None:
    """Put other controls in a box. Controls that keep their place are not drawn again."""
    children = tuple(map(_widget, controls))
    if box.children != children:
        box.children = children


def tabs(views: Sequence[tuple[str, Any]], opened: Callable[[int], object]) -> Widget:
    """Return tabs, each with its title. `opened` is called with the number of the tab that a person opens."""
    tab = widgets.Tab(
        children=[_widget(view) for _title, view in views],
        titles=[title for title, _view in views],
        selected_index=0,
    )
    tab.observe(lambda change: opened(change["new"]), names="selected_index")
    return tab


def _widget(control: Any) -> Widget:
    return control.widget if isinstance(control, Control) else control


class Pager:
    """First, previous, a number to type, next, last.

    Parameters
    ----------
    noun : str
        What a page is called, in the names of the controls.
    name : str
        How the CSS classes of the controls begin.
    turned : callable
        Called after a person has turned a page.
    size : int
        Number of items on a page.

    Attributes
    ----------
    number : int
        Number of the page that is shown, from 0.
    """

    def __init__(self, noun: str, name: str, turned: Callable[[], object], size: int = 1) -> None:
        self.number: int = 0
        self._count, self._size, self._turned = 0, size, turned
        self._first = Button("First", f"{name}-first", lambda: self.go_to(0), f"First {noun}")
        self._back = Button(
            "Previous", f"{name}-previous", lambda: self.go_to(self.number - 1), f"Previous {noun}"
        )
        self._typed = Number(f"{noun.capitalize()}", f"{name}-number", lambda number: self.go_to(number - 1))
        self._of = Html(f"{name}-of")
        self._next = Button("Next", f"{name}-next", lambda: self.go_to(self.number + 1), f"Next {noun}")
        self._last = Button("Last", f"{name}-last", lambda: self.go_to(self.pages - 1), f"Last {noun}")
        self.box: Any = hbox(
            self._first, self._back, self._typed, self._of, self._next, self._last, display="none"
        )

    @property
    def pages(self) -> int:
        """Number of pages, at least one."""
        return max(1, -(-self._count // self._size))

    @property
    def start(self) -> int:
        """Number of the first item on the page."""
        return self.number * self._size

    @property
    def stop(self) -> int:
        """Number after that of the last item on the page."""
        return min(self.start + self._size, self._count)

    def set_count(self, count: int) -> None:
        """Set the number of items on all pages. If the page is no longer there, the last one is shown."""
        self._count = count
        self._set_number(self.number)
        self.box.layout.display = None if self.pages > 1 else "none"

    def go_to(self, number: int) -> None:
        """Show a page, or the nearest that there is."""
        self._set_number(number)
        self._turned()

    def _set_number(self, number: int) -> None:
        self.number = min(max(number, 0), self.pages - 1)
        self._typed.limit(self.pages, self.number + 1)
        self._of.value = html_text(f"of {self.pages:,}")
        for control in (self._first, self._back):
            control.enable(self.number > 0)
        for control in (self._next, self._last):
            control.enable(self.number < self.pages - 1)

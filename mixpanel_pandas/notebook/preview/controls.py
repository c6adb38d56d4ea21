"""Labelled controls, made of ipywidgets: every one has a name that is read aloud, and a class by which it is found.

This is the home of ipywidgets. Text that comes from a frame stands in HTML (escaped), in tooltips, in inputs or in the
options of a dropdown; in descriptions, which JupyterLab typesets, only without what begins a formula.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from mixpanel_pandas.text import printable

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
    "Shared",
    "Tick",
    "column",
    "fill",
    "grid",
    "row",
    "tabs",
]

Widget = Any

#: Class of a control -> layout and style of all that are alike.
Shared = dict[str, dict[str, Any]]

#: Class of controls whose name is only heard: the place says what they are for.
HIDDEN_NAME = "mp-hidden-name"

#: Signs that begin formulas where JupyterLab typesets -> signs that look like them.
NO_MATHS = str.maketrans({"$": "\N{FULLWIDTH DOLLAR SIGN}", "\\": "\N{FULLWIDTH REVERSE SOLIDUS}"})


class Control:
    """A widget whose value the views set without hearing of it; only a person's change calls `changed`."""

    def __init__(self, widget: Widget, name: str, changed: Callable[[Any], object] | None = None) -> None:
        self.widget, self._changed, self._quiet = widget, changed, False
        widget.add_class(f"mp-{name}")
        if changed is not None:
            widget.observe(self._heard, names="value")

    def _heard(self, change: Any) -> None:
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
        """What it holds."""
        return self.widget.value

    @value.setter
    def value(self, value: Any) -> None:
        with self._quietly():
            self.widget.value = value

    def enable(self, enabled: bool) -> None:
        """Let it be used, or not."""
        self.widget.disabled = not enabled

    def name(self, words: str) -> None:
        """Say what it is for, to those who hear it and to those who point at it; `HIDDEN_NAME` hides it from the others."""
        self.widget.tooltip = printable(words)
        self.widget.description = printable(words).translate(NO_MATHS)

    def show(self, shown: bool) -> None:
        """Let it be seen, or not."""
        self.widget.layout.display = None if shown else "none"


class Choice(Control):
    """One of several values, each with its words."""

    def __init__(
        self, label: str, name: str, changed: Callable[[Any], object], *, shared: Shared | None = None
    ) -> None:
        super().__init__(
            widgets.Dropdown(description=label, tooltip=label, **looks(shared, name, FULL)), name, changed
        )

    def offer(self, options: Sequence[tuple[str, Any]], value: Any) -> None:
        """Offer other values; the one that is chosen is among them."""
        options = [(printable(words), offered) for words, offered in options]
        with self._quietly():
            if tuple(self.widget.options) != tuple(options):
                self.widget.options = options
            self.widget.index = next((n for n, (_, other) in enumerate(options) if same(other, value)), None)


class Input(Control):
    """A line of text; `changed` hears of it when it is left or on Enter, or of each key."""

    def __init__(
        self,
        label: str,
        name: str,
        changed: Callable[[str], object],
        *,
        hint: str = "",
        each_key: bool = False,
        shared: Shared | None = None,
    ) -> None:
        widget = widgets.Text(
            description=label,
            placeholder=hint,
            tooltip=label,
            continuous_update=each_key,
            **looks(shared, name, FULL),
        )
        super().__init__(widget, name, changed)


class Number(Control):
    """A whole number; `changed` hears of it when it is left, or on Enter."""

    def __init__(self, label: str, name: str, changed: Callable[[int], object]) -> None:
        widget = widgets.BoundedIntText(
            description=label,
            tooltip=label,
            min=1,
            max=1,
            **looks(None, name, {**FULL, "max_width": "190px"}),
        )
        super().__init__(widget, name, changed)

    def limit(self, most: int, value: int) -> None:
        """Let it be at most `most`, and be `value` now."""
        with self._quietly():
            self.widget.max = max(most, 1)
            self.widget.value = value


class Tick(Control):
    """Yes or no."""

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
            **looks(shared, name, {"width": "auto", "margin": "0"}),
        )
        super().__init__(widget, name, changed)


class Button(Control):
    """Something to do."""

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
            description=label, tooltip=tooltip, button_style=style, **looks(shared, name, own, {})
        )
        super().__init__(widget, name)
        widget.on_click(lambda _button: clicked())

    def say(self, words: str, tooltip: str = "") -> None:
        """Change what stands on it."""
        self.widget.description, self.widget.tooltip = printable(words), printable(tooltip)


class Html(Control):
    """HTML to read; whoever writes it escapes what comes from a frame."""

    def __init__(self, name: str, *, shared: Shared | None = None) -> None:
        own = {"width": "auto", "margin": "0", "min_width": "0"}
        super().__init__(widgets.HTML(**looks(shared, name, own, {})), name)


class Bar(Control):
    """How much of something is done."""

    def __init__(self, name: str) -> None:
        super().__init__(
            widgets.IntProgress(min=0, max=1, layout=widgets.Layout(**FULL), tooltip="How much is sent"), name
        )

    def reach(self, done: int, total: int) -> None:
        """Show that so much is done."""
        self.widget.max = max(total, 1)
        self.widget.value = done


#: Layout of what takes the width that there is.
FULL = {"width": "auto", "min_width": "0", "margin": "2px 0"}

#: Style of controls with a label, which is as wide as its text.
OWN_WIDTH = {"description_width": "initial"}


def looks(
    shared: Shared | None, name: str, layout: Mapping[str, str], style: Mapping[str, str] = OWN_WIDTH
) -> dict[str, Any]:
    """Return layout and style; those that are shared are made once, and the browser gets them once."""
    if shared is not None and name in shared:
        return shared[name]
    found: dict[str, Any] = {"layout": widgets.Layout(**layout), "style": dict(style)}
    if shared is not None:
        shared[name] = found
    return found


def same(one: Any, other: Any) -> bool:
    """Return whether two values are equal and of one type: 1 is not True."""
    return type(one) is type(other) and bool(one == other)


def row(*controls: Any, **layout: str) -> Widget:
    """Return controls beside each other; what does not fit stands below."""
    style = {"flex_flow": "row wrap", "align_items": "center", "grid_gap": "2px 12px", **layout}
    return widgets.HBox([_widget(control) for control in controls], layout=widgets.Layout(**style))


def column(*controls: Any, **layout: str) -> Widget:
    """Return controls below each other."""
    return widgets.VBox([_widget(control) for control in controls], layout=widgets.Layout(**layout))


def grid(*controls: Any, columns: str, shared: Shared | None = None) -> Widget:
    """Return controls in columns of a stated width."""
    own = {"grid_template_columns": columns, "grid_gap": "0 8px", "align_items": "center", "width": "auto"}
    layout = looks(shared, "grid", own)["layout"]
    return widgets.GridBox([_widget(control) for control in controls], layout=layout)


def fill(box: Widget, controls: Sequence[Any]) -> None:
    """Let a box hold other controls; those at its beginning that stay are not drawn again."""
    children = tuple(map(_widget, controls))
    if box.children != children:
        box.children = children


def tabs(views: Sequence[tuple[str, Any]], chosen: Callable[[int], object]) -> Widget:
    """Return views of which one is seen."""
    tab = widgets.Tab(
        children=[_widget(view) for _title, view in views],
        titles=[title for title, _view in views],
        selected_index=0,
    )
    tab.observe(lambda change: chosen(change["new"]), names="selected_index")
    return tab


def _widget(control: Any) -> Widget:
    return control.widget if isinstance(control, Control) else control

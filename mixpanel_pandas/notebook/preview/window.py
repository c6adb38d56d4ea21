"""The widget: the line of Python above the tabs, of which the open one is kept up to date."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from mixpanel_pandas.notebook.preview import html
from mixpanel_pandas.notebook.preview.changes_view import ChangesView
from mixpanel_pandas.notebook.preview.controls import Button, Html, Tick, hbox, tabs, vbox
from mixpanel_pandas.notebook.preview.findings_view import FindingsView
from mixpanel_pandas.notebook.preview.map_view import MapView
from mixpanel_pandas.notebook.preview.payloads_view import PayloadsView
from mixpanel_pandas.notebook.preview.send_view import SendView
from mixpanel_pandas.notebook.preview.static import operation_in_words
from mixpanel_pandas.text import counted

if TYPE_CHECKING:
    from mixpanel_pandas.notebook.preview.host import Host, View
    from mixpanel_pandas.notebook.preview.state import State

__all__ = ["Window"]

#: Label and tooltip of the box that shows private values.
SHOW_VALUES = "Show ids, e-mail addresses, phone numbers and names"
SHOW_VALUES_TOOLTIP = "What is shown here is part of the widget's state, which JupyterLab saves only with Save Widget State Automatically"


#: What the second line of Python is.
AGAIN = "The line that opens this preview again"


class Window:
    """The widget of a preview.

    Parameters
    ----------
    host : Host
        The preview.
    name : str
        Part of a CSS class that tells it from other previews on the page.
    """

    def __init__(self, host: Host, name: str) -> None:
        self._host = host
        self.send: SendView = SendView(host)
        self.changes: ChangesView = ChangesView(host)
        self.views: list[View] = [
            MapView(host),
            FindingsView(host),
            PayloadsView(host),
            self.changes,
            self.send,
        ]
        self._code = Html("code")
        self._message = Html("message")
        self._unmasked = Tick(SHOW_VALUES, "show-values", host.set_unmasked, SHOW_VALUES_TOOLTIP)
        self._take = Button("", "take-frame", lambda: host.guarded(host.take_frame))
        self._tabs = tabs([(view.title, view.box) for view in self.views], self._open)
        self.box: Any = vbox(self._code, hbox(self._unmasked, self._take), self._message, self._tabs)
        for css in ("mixpanel-preview", f"mixpanel-live-{name}"):
            self.box.add_class(css)

    def refresh(self, error: str = "") -> None:
        """Show the state of now in the open tab, and an error if there is one."""
        host = self._host
        self._code.value = f"<style>{html.STYLE}</style>" + html.page(
            [
                html.note(operation_in_words(host.state)),
                *(html.note(sentence, "message") for sentence in host.about_frame),
                html.code(host.code),
                html.details(AGAIN, html.code(host.preview_code, AGAIN, "mp-again")),
            ]
        )
        self._show_age()
        self._unmasked.value = host.unmasked
        self.show_error(error)
        host.guarded(self.refresh_titles)
        self._refresh_view(self._tabs.selected_index)

    def _show_age(self) -> None:
        """Say on the button whether the frame was changed."""
        frame, changed = self._host.names[0], self._host.is_outdated()
        text = f"{frame} was changed: reload it" if changed else f"Reload {frame}"
        self._take.set_text(text, f"Show {frame} as it is now, with the same mapping")
        self._take.widget.button_style = "warning" if changed else ""

    def show_error(self, text: str) -> None:
        """Show an error; an empty text hides the last one."""
        self._message.value = html.page([html.note(text, "error")] if text else [])
        self._message.show(bool(text))

    def _open(self, number: int | None) -> None:
        self.show_error("")
        self._show_age()
        self._refresh_view(number)
        self.refresh_titles()

    def _refresh_view(self, number: int | None) -> None:
        if number is not None:
            self._host.guarded(self.views[number].refresh)

    def refresh_titles(self) -> None:
        """Show the counts of findings and payloads in the titles of the tabs, once they are known."""
        state = self._host.state
        if not state.is_checked:
            return
        counts = {
            "Findings": _worst_in_words(state),
            "Payloads": f"{len(state.sent_rows):,}",
        }
        self._tabs.titles = [
            f"{view.title} ({counts[view.title]})" if view.title in counts else view.title
            for view in self.views
        ]


def _worst_in_words(state: State) -> str:
    """Return the number of errors that stop sending, or else of what is worst after them."""
    if state.standing:
        return counted(state.standing, "error")
    errors = sum(finding.count for finding in state.findings if finding.severity == "error")
    others = Counter[str]()
    for finding in state.findings:
        others[finding.severity] += finding.count
    worst = next((name for name in ("warning", "hint") if others[name]), None)
    if worst is not None:
        return counted(others[worst], worst)
    return f"{errors:,} taken care of" if errors else "none"

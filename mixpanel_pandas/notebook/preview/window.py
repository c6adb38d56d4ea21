"""The widget: the line of Python above four views, of which the one that is seen is kept up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mixpanel_pandas.notebook.preview import html
from mixpanel_pandas.notebook.preview.controls import Html, Tick, column, tabs
from mixpanel_pandas.notebook.preview.findings_view import FindingsView
from mixpanel_pandas.notebook.preview.map_view import MapView
from mixpanel_pandas.notebook.preview.payloads_view import PayloadsView
from mixpanel_pandas.notebook.preview.send_view import SendView
from mixpanel_pandas.notebook.preview.static import whose
from mixpanel_pandas.text import counted

if TYPE_CHECKING:
    from mixpanel_pandas.notebook.preview.host import View
    from mixpanel_pandas.notebook.preview.preview import Preview

__all__ = ["Window"]

#: Said where values are hidden, and where they are not.
HIDDEN = "Show ids, e-mail addresses, phone numbers and names"
WHAT_IS_SAVED = "What is shown here is part of the widget's state, which JupyterLab saves only with Save Widget State Automatically"


class Window:
    """The widget of a `Preview`.

    Parameters
    ----------
    preview : Preview
        Whose views these are.
    name : str
        Tells it from other previews of the page.
    """

    def __init__(self, preview: Preview, name: str) -> None:
        self._preview = preview
        self.send = SendView(preview)
        self.views: list[View] = [MapView(preview), FindingsView(preview), PayloadsView(preview), self.send]
        self._code = Html("code")
        self._message = Html("message")
        self._shown = Tick(HIDDEN, "show-values", preview.show_values, WHAT_IS_SAVED)
        self._tabs = tabs([(view.title, view.box) for view in self.views], self._open)
        self.box = column(self._code, self._shown, self._message, self._tabs)
        for css in ("mixpanel-preview", f"mixpanel-live-{name}"):
            self.box.add_class(css)
        self.refresh()

    def refresh(self, words: str = "") -> None:
        """Show the state, in the view that is seen."""
        preview = self._preview
        self._code.value = f"<style>{html.STYLE}</style>" + html.page(
            [html.note(whose(preview.state)), html.code(preview.code)]
        )
        self._shown.value = preview.shown
        self.tell(words)
        preview.look(self._name_tabs)
        self._show(self._tabs.selected_index)

    def found(self) -> None:
        """Show what a check beside the notebook has found; a view that is being used stays as it is."""
        self._name_tabs()

    def tell(self, words: str) -> None:
        """Say what is wrong; nothing takes it back."""
        self._message.value = html.page([html.note(words, "error")] if words else [])
        self._message.show(bool(words))

    def _open(self, number: int | None) -> None:
        self.tell("")
        self._show(number)
        self._name_tabs()

    def _show(self, number: int | None) -> None:
        if number is not None:
            self._preview.look(self.views[number].refresh)

    def _name_tabs(self) -> None:
        state = self._preview.state
        if not state.is_checked:
            return
        worst = next(iter(state.findings), None)
        found = sum(
            finding.count for finding in state.findings if worst and finding.severity == worst.severity
        )
        counts = {
            "Findings": counted(found, worst.severity) if worst else "none",
            "Payloads": f"{len(state.sent_rows):,}",
        }
        self._tabs.titles = [
            f"{view.title} ({counts[view.title]})" if view.title in counts else view.title
            for view in self.views
        ]

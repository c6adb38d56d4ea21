"""The preview of one operation: four views in a notebook, HTML in what is saved, text in a terminal."""

from __future__ import annotations

import logging
import threading
import uuid
from typing import TYPE_CHECKING, Any

from mixpanel_pandas.delivery.shell import in_notebook, shell
from mixpanel_pandas.errors import MixpanelError
from mixpanel_pandas.notebook.preview.html import STYLE
from mixpanel_pandas.notebook.preview.state import State
from mixpanel_pandas.notebook.preview.static import as_html, as_text

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from mixpanel_pandas.notebook.preview.window import Window
    from mixpanel_pandas.rules.operation import Operation

__all__ = ["Preview"]

logger = logging.getLogger("mixpanel_pandas")

#: Hides what is saved while the widget lives beside it, and the place of the widget once it does not.
BESIDE = """
:root:has(.mixpanel-live-{name}) .mixpanel-saved-{name} {{ display: none; }}
.jp-OutputArea-child:has(.mixpanel-saved-{name}) + .jp-OutputArea-child:not(:has(.mixpanel-live-{name})) {{ display: none; }}
"""


class Preview:
    """One operation on one frame, to look at, to change and to send; ``df.mixpanel.preview`` makes it.

    In a notebook it is a widget with four views. What the notebook saves of it is HTML; in a terminal it is text.

    Parameters
    ----------
    frame : pandas.DataFrame
        What would be sent, as it is now: columns that are set later do not matter.
    operation : Operation
        What the call asked for.
    save_values : bool
        Whether private values may stand in what is saved.

    Attributes
    ----------
    summary : pandas.DataFrame or None
        What became of every row of the latest upload; None before.
    """

    def __init__(self, frame: pd.DataFrame, operation: Operation, *, save_values: bool = False) -> None:
        self.state = State(frame.copy(deep=False), operation)
        self.shown = save_values
        self.summary: pd.DataFrame | None = None
        self._frame_name = _name_of(frame, "df")
        self._save_values, self._name = save_values, uuid.uuid4().hex[:8]
        self._window: Window | None = None
        self._saved: Any = None
        self._lock = threading.Lock()
        self._checking: threading.Thread | None = None

    @property
    def code(self) -> str:
        """The line of Python that does what the preview shows now."""
        return self.state.code(self._frame_name)

    @property
    def operation(self) -> Operation:
        """What the preview shows now."""
        return self.state.operation

    @property
    def widget(self) -> Any:
        """The widget, to put among others; made when it is first asked for."""
        if self._window is None:
            from mixpanel_pandas.notebook.preview.window import Window

            self._window = Window(self, self._name)
            self._check_beside()
        return self._window.box

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for what goes on beside the notebook: the check of a large frame, and the upload that the Send button began.

        Parameters
        ----------
        timeout : float, optional
            Seconds; by default as long as it takes.

        Returns
        -------
        bool
            Whether it has ended; also True where nothing was begun.
        """
        runner = self._window.send.runner if self._window is not None else None
        checking = self._checking
        if checking is not None:
            checking.join(timeout)
        sent = runner is None or runner.join(timeout)
        return sent and (checking is None or not checking.is_alive())

    @property
    def names(self) -> tuple[str, str]:
        """What the notebook calls the frame and the preview."""
        return self._frame_name, _name_of(self, "preview")

    # -- what the views ask for -------------------------------------------------------------------------------

    def change(self, edit: Callable[[State], Operation]) -> None:
        """Let the operation be another one; one that cannot be meant is told, and nothing changes."""
        try:
            state = self.state.changed(edit(self.state))
            if state.is_checked:
                _ = state.findings
            self.state = state
            words = ""
        except Exception as error:  # noqa: BLE001 (a notebook would show it with the frame's values)
            words = _in_words(error)
        if self._window is not None:
            self._window.refresh(words)
            self._check_beside()
        self.save()

    def _check_beside(self) -> None:
        """Check a frame that is too large to be checked at once, beside the notebook."""
        with self._lock:
            if self._checking is None and not self.state.is_checked:
                self._checking = threading.Thread(
                    target=self._check, daemon=True, name="mixpanel_pandas check"
                )
                self._checking.start()

    def _check(self) -> None:
        """Check until nobody has changed anything meanwhile, and show what was found."""
        while True:
            state = self.state
            self.look(lambda state=state: state.findings)  # type: ignore[misc]  # the state of now
            with self._lock:
                if self.state is state:
                    self._checking = None
                    break
        if self._window is not None:
            self._window.found()
        self.save()

    def look(self, show: Callable[[], object]) -> None:
        """Show something; what goes wrong is told."""
        try:
            show()
        except Exception as error:  # noqa: BLE001 (a notebook would show it with the frame's values)
            self.tell(_in_words(error))

    def tell(self, words: str) -> None:
        """Say what is wrong."""
        if self._window is not None:
            self._window.tell(words)

    def show_values(self, shown: bool) -> None:
        """Let private values be read in the widget, or not; what is saved is as the call said."""
        self.shown = shown
        if self._window is not None:
            self._window.refresh()

    def save(self) -> None:
        """Let what is saved be what is seen."""
        if self._saved is not None:
            self._saved.update(self._static(), raw=True)

    # -- how it is displayed ----------------------------------------------------------------------------------

    @property
    def _place(self) -> str:
        try:
            return self.state.project().place
        except MixpanelError:
            return ""

    def _static(self) -> dict[str, str]:
        """Return what is saved."""
        outcome = self._window.send.outcome() if self._window is not None else ""
        found = as_html(
            self.state,
            self.code,
            self._place,
            shown=self._save_values,
            outcome=outcome,
            classes=f"mixpanel-saved-{self._name}",
        )
        style = f"<style>{STYLE}{BESIDE.format(name=self._name)}</style>"
        return {"text/html": f"{style}{found}", "text/plain": repr(self)}

    def __repr__(self) -> str:
        if self._window is None:
            _ = self.state.findings  # nobody would look again
        return as_text(self.state, self.code, self._place, shown=self._save_values)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """Return the widget, with HTML and text for those who cannot show it."""
        return {**self._view(), **self._static()}

    def _view(self) -> dict[str, Any]:
        bundle: dict[str, Any] = self.widget._repr_mimebundle_()
        return bundle

    def _ipython_display_(self) -> None:
        """Display what is saved and the widget, in this order and apart.

        JupyterLab shows a widget whose kernel is gone as an error, whatever else the output holds: so HTML has an output
        of its own, which hides while the widget lives and hides the error afterwards.
        """
        from IPython.display import display

        if not in_notebook():
            print(repr(self))  # noqa: T201 (what a terminal shows)
            return
        show: Any = display
        live = self._view()
        self._saved = show(self._static(), raw=True, display_id=True)
        show({**live, "text/plain": ""}, raw=True)


def _in_words(error: Exception) -> str:
    """Return what went wrong: errors of ours in their words, of others without their text, which may hold values."""
    if isinstance(error, MixpanelError):
        return str(error)
    logger.debug("a view of the preview failed", exc_info=error)
    return f"this failed with {type(error).__name__}; the logger mixpanel_pandas tells more at level DEBUG"


def _name_of(thing: object, otherwise: str) -> str:
    """Return what a notebook calls something."""
    names = getattr(shell(), "user_ns", {})
    known = (name for name, value in list(names.items()) if value is thing and not name.startswith("_"))
    return next(known, otherwise)

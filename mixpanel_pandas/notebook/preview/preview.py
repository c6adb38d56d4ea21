"""The preview of one operation: a widget in a notebook, HTML in the saved file, text in a terminal."""

from __future__ import annotations

import logging
import threading
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from mixpanel_pandas.errors import MixpanelError
from mixpanel_pandas.notebook.preview.edits import fitted_to, guessed_id, with_fitting_columns, with_labels
from mixpanel_pandas.notebook.preview.findings_view import in_words_of_the_widget
from mixpanel_pandas.notebook.preview.html import STYLE
from mixpanel_pandas.notebook.preview.job import write_job
from mixpanel_pandas.notebook.preview.state import State
from mixpanel_pandas.notebook.preview.static import as_html, as_text
from mixpanel_pandas.notebook.preview.taken_frame import is_changed, take
from mixpanel_pandas.notebook.preview.window import Window
from mixpanel_pandas.process.shell import in_notebook, shell
from mixpanel_pandas.text import shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence
    from os import PathLike

    from mixpanel_pandas.plans.plan import Plan
    from mixpanel_pandas.rules.operation import Operation

__all__ = ["Preview"]

_logger = logging.getLogger("mixpanel_pandas")

#: What is said of a frame in which nothing is left to send.
NOTHING_LEFT = (
    "No column is left to {verb}: the frame has none beside the ids and what is in use already. Add columns to it, or take the "
    "ids from another column."
)

#: Hides the saved HTML as long as the widget beside it is alive, and the place of the widget afterwards.
ONE_OF_TWO = """
:root:has(.mixpanel-live-{name}) .mixpanel-saved-{name} {{ display: none; }}
.jp-OutputArea-child:has(.mixpanel-saved-{name}) + .jp-OutputArea-child:not(:has(.mixpanel-live-{name})) {{ display: none; }}
"""


class Preview:
    """One operation on one frame, to look at, to change and to send. ``df.mixpanel.preview`` makes it.

    In a notebook it is a widget with five tabs, and HTML in the saved file. In a terminal it is text. Where the call names no ids, they
    are guessed by the name of the column; where none is named like ids, the preview asks for it.

    Parameters
    ----------
    frame : pandas.DataFrame
        What would be sent, as it is now. What is changed later is not sent, until `take_frame` reloads it.
    operation : Operation
        The operation of the call.
    save_values : bool
        Whether private values can be read in the saved file.
    current : pandas.DataFrame, optional
        What profiles hold, to compare with. By default Mixpanel is asked when somebody wants to compare.

    Attributes
    ----------
    state : State
        The operation as it is now.
    unmasked : bool
        Whether private values can be read in the widget.
    summary : pandas.DataFrame or None
        What became of every row of the latest upload; None before.
    plan : Plan or None
        What the latest comparison of the tab Changes has found; None before.
    guessed : hashable
        The column of the ids, if it was guessed and not chosen since; else None.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        operation: Operation,
        *,
        save_values: bool = False,
        current: pd.DataFrame | None = None,
    ) -> None:
        self.current: pd.DataFrame | None = current
        self.guessed: Hashable = None
        self._original, self._taken = frame, take(frame)
        operation = with_labels(operation, self._taken.labels)
        if operation.id is None:
            operation = self._guess(self._taken.frame, operation)
        self.state: State = State(self._taken.frame, operation)
        if operation.properties is None:
            self.state = self.state.changed(with_fitting_columns(self.state.operation, self.state.layout))
        self._as_taken = frame.copy(deep=False)
        self.unmasked: bool = save_values
        self.summary: pd.DataFrame | None = None
        self.plan: Plan | None = None
        self._frame_name = _name_of(frame, "df")
        self._save_values, self._name = save_values, uuid.uuid4().hex[:8]
        self._window: Window | None = None
        self._saved: Any = None
        self._lock = threading.Lock()
        self._checking: threading.Thread | None = None

    @property
    def code(self) -> str:
        """The line of Python that does what the preview shows now, after those that repair the frame."""
        return self._taken.code(self._frame_name) + self.state.code(self._frame_name)

    @property
    def preview_code(self) -> str:
        """The line of Python that opens the same preview again."""
        return self._taken.code(self._frame_name) + self.state.preview_code(
            self._frame_name, save_values=self._save_values, current=self.current is not None
        )

    @property
    def operation(self) -> Operation:
        """The operation that the preview shows now."""
        return self.state.operation

    @property
    def widget(self) -> Any:
        """The widget, to place among others. It is made when it is first asked for."""
        if self._window is None:
            self._window = Window(self, self._name)
            self._window.refresh()  # what fails is shown in it
            self._check_in_background()
        return self._window.box

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for what runs in the background: the check of a large frame, a comparison, and the upload that the Send button began.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait at most. By default as long as it takes.

        Returns
        -------
        bool
            Whether all of it has ended; also True if nothing was begun.
        """
        checking = self._checking
        if checking is not None:
            checking.join(timeout)
        begun = () if self._window is None else (self._window.changes.maker, self._window.send.runner)
        ended = [one.join(timeout) for one in begun if one is not None]
        return all(ended) and (checking is None or not checking.is_alive())

    def save_job(
        self,
        path: str | PathLike[str],
        source: str | PathLike[str] | Sequence[str | PathLike[str]] | None = None,
    ) -> None:
        r"""Write the operation that the preview shows now as a job, which ``mixpanel-pandas run`` runs.

        The job reads the source again. Values, columns or rows that were changed after the frame was read are not part of it.
        It holds no project, and no ``invalid=`` of `frame`.

        Parameters
        ----------
        path : path
            The file to write, such as ``"users.toml"``. It is replaced if it exists.
        source : path, address, or list of them, optional
            The table that the job reads. By default the one that `frame` read, as ``df.attrs["source"]`` names it. User names,
            passwords and signatures are left out of an address. Relative paths become relative to the folder of the job.

        Raises
        ------
        OperationError
            If the frame does not tell its source and none is named, an option has no form in a job (such as ``schema``), or
            the file cannot be written.

        Examples
        --------
        >>> from pathlib import Path
        >>> _ = Path("users.csv").write_text("user_id,plan,credits\n007,pro,12\n")
        >>> preview = mpd.frame("users.csv").mixpanel.preview("set", "user_id")
        >>> preview.save_job("users.toml")
        >>> print(Path("users.toml").read_text().partition("\n\n")[2])
        source = "users.csv"
        verb = "set"
        id = "user_id"
        <BLANKLINE>
        [parse]
        credits = "number"
        <BLANKLINE>
        """
        write_job(self.state, path, source)

    def take_frame(self) -> None:
        """Reload the frame, as the notebook has it now, and show the same operation on it.

        Columns that it does not have any more are left out of the operation.

        Raises
        ------
        OperationError
            If the operation cannot be meant on the frame.
        """
        frame = self._frame_now()
        taken = take(frame)
        operation = fitted_to(taken.frame, self.state.operation)
        if operation.id is None:
            operation = self._guess(taken.frame, operation)
        state = State(taken.frame, operation)
        if state.is_checked:
            _ = state.findings
        self._original, self._as_taken, self._taken, self.state = frame, frame.copy(deep=False), taken, state
        if self._window is not None:
            self._window.refresh()
            self._check_in_background()
        self.save()

    @property
    def about_frame(self) -> list[str]:
        """What was wrong with the frame as a whole and what to do, in sentences."""
        nothing = NOTHING_LEFT.format(verb=self.state.operation.verb) if self.state.has_nothing else ""
        return [*self._taken.notes, *([nothing] if nothing else [])]

    @property
    def about_ids(self) -> str:
        """How the column of the ids was found, in a sentence, if the call does not name it; else an empty text."""
        return self._about_ids("choose it", "Choose another column")

    def _about_ids(self, choose: str, choose_another: str) -> str:
        """Return the same with the words for what a person does about it: a widget is clicked, a call is written."""
        if self.state.asks:
            return f"Which column holds the ids? None is named like ids: {choose}."
        if self.guessed is None:
            return ""
        return (
            f"Guessed by its name: {shortened(self.guessed)} holds the ids. {choose_another} if it does not."
        )

    @property
    def _about(self) -> list[str]:
        """What is said about the frame and its ids where there is no widget."""
        example = f"{self._frame_name}.mixpanel.preview({self.state.operation.verb!r}, id='user_id')"
        about_ids = self._about_ids(f"name it, as in {example}", "Name another column")
        return [*self.about_frame, *([about_ids] if about_ids else [])]

    def is_outdated(self) -> bool:
        """Return whether the frame was changed since the preview took it."""
        return is_changed(self._as_taken, self._frame_now())

    def _frame_now(self) -> pd.DataFrame:
        """Return the frame that has the name of the frame now: often it is another object by then."""
        variables: dict[str, object] = getattr(shell(), "user_ns", {})
        named = variables.get(self._frame_name)
        return named if isinstance(named, pd.DataFrame) else self._original

    def _guess(self, frame: pd.DataFrame, operation: Operation) -> Operation:
        """Return the operation with the column of ids that their name tells."""
        self.guessed = guessed_id(frame, operation.group)
        return operation if self.guessed is None else replace(operation, id=self.guessed)

    @property
    def names(self) -> tuple[str, str]:
        """The names of the frame and of the preview in the notebook."""
        return self._frame_name, _name_of(self, "preview")

    # -- what the widget asks for ------------------------------------------------------------------------------

    def change(self, edit: Callable[[State], Operation]) -> None:
        """Change the operation and show it. An invalid edit changes nothing; its error is shown."""
        try:
            state = self.state.changed(edit(self.state))
            if state.is_checked:
                _ = state.findings
            self.state = state
            if state.operation.id != self.guessed:
                self.guessed = None
            message = ""
        except Exception as error:  # noqa: BLE001  # a notebook would show it with values of the frame
            message = _in_words(error)
        if self._window is not None:
            self._window.refresh(message)
            self._check_in_background()
        self.save()

    def _check_in_background(self) -> None:
        """Check a frame in a thread of its own, if it is too large to be checked at once."""
        with self._lock:
            if self._checking is None and not self.state.is_checked:
                self._checking = threading.Thread(
                    target=self._check, daemon=True, name="mixpanel_pandas check"
                )
                self._checking.start()

    def _check(self) -> None:
        """Check until nothing has changed meanwhile, and show the findings."""
        while True:
            state = self.state
            self.guarded(lambda state=state: state.findings)  # type: ignore[misc]  # each lambda has its own state
            with self._lock:
                if self.state is state:
                    self._checking = None
                    break
        if self._window is not None:
            self._window.refresh_titles()  # a tab that somebody uses stays as it is
        self.save()

    def guarded(self, show: Callable[[], object]) -> None:
        """Show something. If that fails, the error is shown."""
        try:
            show()
        except Exception as error:  # noqa: BLE001  # a notebook would show it with values of the frame
            self.show_error(_in_words(error))

    def show_error(self, text: str) -> None:
        """Show an error in the widget."""
        if self._window is not None:
            self._window.show_error(text)

    def set_unmasked(self, unmasked: bool) -> None:
        """Show or mask private values in the widget. The saved file does not change."""
        self.unmasked = unmasked
        if self._window is not None:
            self._window.refresh()

    def save(self) -> None:
        """Update the saved output."""
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
        """Return the output that is saved."""
        outcome = self._window.send.outcome() if self._window is not None else ""
        changes = self._window.changes.saved(unmasked=self._save_values) if self._window is not None else []
        page = as_html(
            self.state,
            self.code,
            self._place,
            unmasked=self._save_values,
            outcome=outcome,
            changes=changes,
            about=self._about,
            classes=f"mixpanel-saved-{self._name}",
        )
        style = f"<style>{STYLE}{ONE_OF_TWO.format(name=self._name)}</style>"
        return {"text/html": f"{style}{page}", "text/plain": repr(self)}

    def __repr__(self) -> str:
        if self._window is None:
            _ = self.state.findings  # no widget shows them later
        return as_text(self.state, self.code, self._place, unmasked=self._save_values, about=self._about)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """Return the widget, and HTML and text for front ends that cannot show it."""
        return {**self._live(), **self._static()}

    def _live(self) -> dict[str, Any]:
        bundle: dict[str, Any] = self.widget._repr_mimebundle_()
        return bundle

    def _ipython_display_(self) -> None:
        """Display the saved HTML and the widget as two outputs.

        JupyterLab shows an error for a widget whose kernel is gone, even if the same output holds HTML. So the HTML has an
        output of its own. It hides while the widget is alive, and hides the error afterwards.
        """
        from IPython.display import display

        if not in_notebook():
            print(repr(self))  # noqa: T201 (what a terminal shows)
            return
        show: Any = display
        live = self._live()
        self._saved = show(self._static(), raw=True, display_id=True)
        show({**live, "text/plain": ""}, raw=True)


def _in_words(error: Exception) -> str:
    """Return the message of an error of ours. Other errors lose their message, which may hold values of the frame."""
    if isinstance(error, MixpanelError):
        return in_words_of_the_widget(str(error))
    _logger.debug("a view of the preview failed", exc_info=error)
    return "This cannot be shown, by a fault of mixpanel_pandas: please report it. Its logger tells more at level DEBUG."


def _name_of(thing: object, default: str) -> str:
    """Return the name of the variable that holds `thing` in the notebook."""
    variables: dict[str, object] = getattr(shell(), "user_ns", {})
    names = (name for name, value in list(variables.items()) if value is thing and not name.startswith("_"))
    return next(names, default)

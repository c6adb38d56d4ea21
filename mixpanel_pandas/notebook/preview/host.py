"""What the widget and its views use of the preview. They import this, not the preview, which imports them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from mixpanel_pandas.notebook.preview.state import State
    from mixpanel_pandas.plans.plan import Plan
    from mixpanel_pandas.rules.operation import Operation

__all__ = ["Host", "View"]


class Host(Protocol):
    """The preview, as its widget and views use it."""

    state: State
    unmasked: bool
    summary: pd.DataFrame | None
    plan: Plan | None

    @property
    def current(self) -> pd.DataFrame | None:
        """What profiles hold, if the call says it."""

    @property
    def names(self) -> tuple[str, str]:
        """The names of the frame and of the preview in the notebook."""

    @property
    def code(self) -> str:
        """The line of Python that does what the preview shows now."""

    @property
    def preview_code(self) -> str:
        """The line of Python that opens the same preview again."""

    @property
    def about_frame(self) -> list[str]:
        """What was wrong with the frame as a whole and what to do, in sentences."""

    @property
    def about_ids(self) -> str:
        """How the column of the ids was found, in a sentence, if the call does not name it; else an empty text."""

    def take_frame(self) -> None:
        """Reload the frame, as the notebook has it now."""

    def is_outdated(self) -> bool:
        """Return whether the frame was changed since the preview took it."""

    def save_job(self, path: str) -> None:
        """Write the operation that the preview shows now as a job, to be run on the source of the frame."""

    def change(self, edit: Callable[[State], Operation]) -> None:
        """Change the operation and show it. An invalid edit changes nothing; its error is shown."""

    def set_unmasked(self, unmasked: bool) -> None:
        """Show or mask private values in the widget."""

    def guarded(self, show: Callable[[], object]) -> None:
        """Show something. If that fails, the error is shown."""

    def show_error(self, text: str) -> None:
        """Show an error."""

    def save(self) -> None:
        """Update the saved output."""


class View(Protocol):
    """One of the tabs."""

    title: str
    box: object

    def refresh(self) -> None:
        """Show the state of now."""

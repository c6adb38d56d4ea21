"""What the views need of the preview that they are part of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from mixpanel_pandas.notebook.preview.state import State
    from mixpanel_pandas.rules.operation import Operation

__all__ = ["Host", "View"]


class Host(Protocol):
    """The preview, as its views see it."""

    state: State
    shown: bool
    summary: pd.DataFrame | None

    @property
    def names(self) -> tuple[str, str]:
        """What the notebook calls the frame and the preview."""

    def change(self, edit: Callable[[State], Operation]) -> None:
        """Let the operation be another one, and show it; one that cannot be meant is told, and nothing changes."""

    def look(self, show: Callable[[], object]) -> None:
        """Show something; what goes wrong is told."""

    def tell(self, words: str) -> None:
        """Say what is wrong; nothing takes it back."""

    def save(self) -> None:
        """Let what is saved be what is seen."""


class View(Protocol):
    """One of the four views."""

    title: str
    box: object

    def refresh(self) -> None:
        """Show the state."""

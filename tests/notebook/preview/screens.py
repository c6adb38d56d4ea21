"""What a person sees of a preview, and can do to it."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

import ipywidgets
import pandas as pd

from tests.notebook.preview.frames import people

__all__ = ["CHANGES", "FINDINGS", "MAP", "PAYLOADS", "SEND", "Screen", "good", "screen"]

MAP, FINDINGS, PAYLOADS, CHANGES, SEND = range(5)


class Screen:
    """What a person sees of a preview, and can do to it."""

    def __init__(self, preview: Any) -> None:
        self.preview, self.root = preview, preview.widget

    def all(self) -> list[Any]:
        """Every widget, whether or not it is seen."""
        found, rest = [], [self.root]
        while rest:
            widget = rest.pop(0)
            found.append(widget)
            rest[:0] = getattr(widget, "children", ())
        return found

    def visible(self) -> list[Any]:
        """The widgets that are seen, of the tab that is open."""
        found, rest = [], [self.root]
        while rest:
            widget = rest.pop(0)
            if widget.layout.display == "none":
                continue
            found.append(widget)
            children = list(getattr(widget, "children", ()))
            if isinstance(widget, ipywidgets.Tab):
                children = [children[widget.selected_index]]
            rest[:0] = children
        return found

    def text(self) -> str:
        """Everything that can be read."""
        parts = []
        for widget in self.visible():
            if isinstance(widget, ipywidgets.HTML):
                value = re.sub(r"<style>.*?</style>", "", widget.value, flags=re.DOTALL)
                parts.append(unescape(re.sub(r"<[^>]*>", " ", value)))
            else:
                parts += [str(getattr(widget, name, "")) for name in ("description", "value")]
        return re.sub(r"\s+", " ", " ".join(parts))

    def one(self, name: str, label: str = "") -> Any:
        """Return the visible control of that class, and of that label where there are several."""
        found = [
            w
            for w in self.visible()
            if f"mp-{name}" in w._dom_classes and label in getattr(w, "description", "")
        ]
        assert len(found) == 1, f"{len(found)} controls {name!r} {label!r}"
        return found[0]

    def open(self, tab: int) -> None:
        next(w for w in self.all() if isinstance(w, ipywidgets.Tab)).selected_index = tab

    def titles(self) -> list[str]:
        return list(next(w for w in self.all() if isinstance(w, ipywidgets.Tab)).titles)

    def state_bytes(self) -> int:
        """Bytes of everything that a browser is sent to show it."""
        parts = [*self.all()]
        parts += [getattr(w, name) for w in self.all() for name in ("layout", "style") if hasattr(w, name)]
        return sum(
            len(json.dumps(part.get_state(), default=str)) for part in {id(p): p for p in parts}.values()
        )


def screen(
    frame: pd.DataFrame | None = None, verb: str = "set", id: str = "user_id", properties=None, **options
):
    return Screen((people() if frame is None else frame).mixpanel.preview(verb, id, properties, **options))


def good(rows: int = 5) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "user_id": [f"user {n}" for n in range(rows)],
            "plan": "pro",
            "email": [f"u{n}@x.com" for n in range(rows)],
        }
    )

"""Whether Python runs in a notebook. IPython is never imported for that."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["in_notebook", "shell"]


def shell() -> Any:
    """Return the IPython shell that runs this code, or None."""
    return getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()


def in_notebook() -> bool:
    """Return whether a kernel runs this code."""
    return getattr(shell(), "kernel", None) is not None

"""The outcomes: what can become of a row."""

from __future__ import annotations

from typing import Literal

__all__ = ["OUTCOMES", "Outcome"]

Outcome = Literal["accepted", "rejected", "unknown", "not_sent", "invalid", "skipped"]

#: In the order of the summary's categories.
OUTCOMES: tuple[Outcome, ...] = ("accepted", "rejected", "unknown", "not_sent", "invalid", "skipped")

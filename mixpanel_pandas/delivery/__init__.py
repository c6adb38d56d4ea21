"""From batches to what became of every row: one request, what follows from its answer, threads, and the account."""

from __future__ import annotations

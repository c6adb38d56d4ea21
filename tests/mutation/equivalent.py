"""Mutants that no test can tell from the code, each with the reason."""

from __future__ import annotations

#: Module, its lines before and after as a report shows them (joined, without outer blanks) -> why nobody can tell.
EQUIVALENT: dict[tuple[str, str, str], str] = {}

"""Run the benchmarks: all of them, or those that are named.

    python -m tests.benchmarks [NAME ...] [--rows N] [--runs N] [--small] [--write]

Prints the results as they come; `--write` keeps them in docs/benchmarks.md, where sections that did not run stay as they are.
`--small` is for looking whether everything runs: few rows, one run. The first time, the other tools are installed from PyPI and npm
into the user's cache.
"""

from __future__ import annotations

import argparse
import inspect
import re
from typing import TYPE_CHECKING, Any

from tests.benchmarks import (
    files,
    findings,
    journal,
    latency,
    limit,
    memory,
    order,
    peers,
    plans,
    profiles,
    readings,
    shapes,
    startup,
    throughput,
)
from tests.benchmarks.measuring import ROOT, say

if TYPE_CHECKING:
    from types import ModuleType

PAGE = ROOT / "docs" / "benchmarks.md"

INTRODUCTION = """# Benchmarks

`python -m tests.benchmarks --write` runs them all and writes this page; each section names its own command, the day and the machine.
Compare ratios rather than seconds: both sides of a ratio come from one run on one machine."""

#: Name -> script, in the order of the page, and arguments for a small run.
SCRIPTS: dict[str, tuple[ModuleType, dict[str, Any]]] = {
    "peers": (peers, {"rows": 5000, "runs": 1}),
    "limit": (limit, {"rows": 20_000, "runs": 1}),
    "throughput": (throughput, {"rows": 20_000, "runs": 1}),
    "journal": (journal, {"rows": 20_000, "runs": 1}),
    "order": (order, {"rows": 20_000, "runs": 1}),
    "shapes": (shapes, {"megabytes": 2, "runs": 1}),
    "readings": (readings, {"values": 20_000, "runs": 1}),
    "findings": (findings, {"rows": 20_000, "runs": 1}),
    "memory": (memory, {"rows": (20_000,)}),
    "profiles": (profiles, {"rows": (5000,)}),
    "plans": (plans, {"rows": (2000,)}),
    "files": (files, {"rows": (20_000,)}),
    "latency": (latency, {"rounds": 3}),
    "startup": (startup, {"runs": 1}),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(SCRIPTS))
    parser.add_argument("--rows", type=int, help="of the frames that are measured")
    parser.add_argument("--runs", type=int, help="of each measurement that is a median")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--write", action="store_true")
    chosen = parser.parse_args()
    if unknown := set(chosen.names) - set(SCRIPTS):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(SCRIPTS)}")
    for name in chosen.names or SCRIPTS:
        script, small = SCRIPTS[name]
        say(f"-- {name}")
        options = dict(small) if chosen.small else {}
        parameters = inspect.signature(script.report).parameters
        if chosen.runs and "runs" in parameters:
            options["runs"] = chosen.runs
        if chosen.rows and "rows" in parameters:
            several = isinstance(parameters["rows"].default, tuple)
            options["rows"] = (chosen.rows,) if several else chosen.rows
        text = script.report(**options)
        print(f"{text}\n", flush=True)
        if chosen.write:
            PAGE.write_text(
                written(PAGE.read_text(encoding="utf-8") if PAGE.exists() else "", text), encoding="utf-8"
            )


def written(page: str, section: str) -> str:
    """Return the page with a section in its place."""
    sections = {text.split("\n", 1)[0]: text for text in re.split(r"^(?=## )", page, flags=re.MULTILINE)[1:]}
    sections[section.split("\n", 1)[0]] = section
    ordered = [
        sections[title] for script, _ in SCRIPTS.values() if (title := f"## {script.TITLE}") in sections
    ]
    return "\n\n".join(text.strip() for text in (INTRODUCTION, *ordered)) + "\n"


if __name__ == "__main__":
    main()

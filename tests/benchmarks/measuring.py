"""What the benchmarks share: memory, time, processes of their own, and how results are shown."""

from __future__ import annotations

import datetime as dt
import gc
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import threading
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

ROOT = Path(__file__).parents[2]


class Memory(threading.Thread):
    """Watches how much memory the process takes above what it took at the start."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        gc.collect()
        self.start_bytes = self.peak = _resident()
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.005):
            self.peak = max(self.peak, _resident())

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.ended.set()
        self.join()

    @property
    def megabytes(self) -> float:
        return (self.peak - self.start_bytes) / 1e6


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Measured(NamedTuple):
    """Seconds on the wall and of all processors together, and megabytes at the peak above those before."""

    wall: float
    cpu: float
    peak: float


def once(work: Callable[[], object], *, watched: bool = True) -> Measured:
    """Do the work, and measure it; unless `watched` without memory, for which a thread takes the interpreter 200 times a second."""
    with Memory() if watched else nullcontext() as memory:
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Measured(wall, cpu, memory.megabytes if memory else float("nan"))


def measure(work: Callable[[], object], runs: int) -> Measured:
    """Return the medians of the times of several runs, and the highest peak."""
    return middle([once(work) for _ in range(runs)])


def middle(found: Iterable[Measured]) -> Measured:
    """Return the medians of times, and the highest peak."""
    walls, cpus, peaks = zip(*found, strict=True)
    return Measured(statistics.median(walls), statistics.median(cpus), max(peaks))


def apart(
    function: Callable[..., Any],
    *arguments: Any,
    python: Path | str = sys.executable,
    cores: int | None = None,
    **variables: str,
) -> Any:
    """Call a function in a process of its own, which may be another Python or have fewer cores, and return what it returns.

    Arguments and result go as JSON; `variables` are added to the environment.
    """
    call = {
        "module": function.__module__,
        "function": function.__name__,
        "arguments": arguments,
        "cores": cores,
    }
    if function.__module__ == "__main__":
        call["module"] = sys.modules["__main__"].__spec__.name  # type: ignore[union-attr]  # they are run with -m
    done = subprocess.run(
        [python, "-m", "tests.benchmarks.apart", json.dumps(call)],
        cwd=ROOT,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def versions(*names: str) -> str:
    """Return the versions of installed packages, in words."""
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)


def machine() -> str:
    """Return what it is measured on and with, in words."""
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    python = f"Python {platform.python_version()}"
    return (
        f"{cores} cores ({platform.machine()}, {platform.system()}), {memory:.0f} GB; "
        f"{python}, {versions('pandas', 'numpy', 'pyarrow', 'pandera', 'requests', 'orjson')}"
    )


def medians(runs: int) -> str:
    """Return, in words, what the figures of a table are."""
    return f"medians of {runs} runs" if runs > 1 else "a single run"


def section(title: str, command: str, *parts: str) -> str:
    """Return a section of a page: title, how to get it again, when and on what it was measured, and the parts."""
    today = dt.datetime.now(dt.UTC).date()
    return "\n\n".join((f"## {title}", f"`{command}` on {today}: {machine()}.", *parts))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown that reads well as plain text: the first column to the left, figures to the right."""
    lines = [tuple(head), *map(tuple, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rule = ["-" * widths[0], *("-" * (max(width, 4) - 1) + ":" for width in widths[1:])]
    widths = [len(mark) for mark in rule]

    def line(cells: Sequence[str]) -> str:
        first, *others = cells
        padded = [
            first.ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)),
        ]
        return f"| {' | '.join(padded)} |"

    return "\n".join((line(lines[0]), line(rule), *map(line, lines[1:])))


def say(text: str) -> None:
    """Tell how far it is, beside the results."""
    print(text, file=sys.stderr, flush=True)

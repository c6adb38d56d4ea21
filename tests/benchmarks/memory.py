"""How much memory an upload takes above its frame.

    python -m tests.benchmarks.memory [ROWS ...]

Prints a table: for frames of each kind of memory and each number of rows, megabytes of the frame and of the peak above it.
A frame of 500 columns has as many values in fewer rows.
"""

from __future__ import annotations

import argparse
import warnings
from typing import TYPE_CHECKING

import pyarrow as pa

import mixpanel_pandas as mpd
from tests.benchmarks.frames import arrow_backed, customers, wide
from tests.benchmarks.jobs import TOKEN
from tests.benchmarks.measuring import apart, once, say, section, table
from tests.benchmarks.sink import sink

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

TITLE = "Memory"

#: Name -> frame of about so many rows of 12 columns.
FRAMES: dict[str, Callable[[int], pd.DataFrame]] = {
    "numpy": customers,
    "Arrow": lambda rows: arrow_backed(customers(rows)),
    "objects": lambda rows: customers(rows).astype(object),
    "500 columns": lambda rows: wide(rows // 40, 500),
    "numpy, ids shuffled": lambda rows: customers(rows).sample(frac=1, random_state=0),
}

NOTES = """\
- The peak is that of the whole process while `set` runs, checks included, above what it held before with the frame and after a first
  small upload; what making the frame left behind is given back before. Each frame has a process of its own."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", type=int, nargs="*", default=[1_000_000, 5_000_000])
    parser.add_argument("--frames", nargs="+", choices=FRAMES, default=list(FRAMES))
    chosen = parser.parse_args()
    print(report(tuple(chosen.rows), tuple(chosen.frames)))


def report(rows: tuple[int, ...] = (1_000_000, 5_000_000), frames: tuple[str, ...] = tuple(FRAMES)) -> str:
    """Run everything, and return the section."""
    lines = []
    with sink() as target:
        for number in rows:
            for name in frames:
                length, columns, size, peak = apart(above, name, number, target.address)
                more = f"{peak * 1e6 / length:,.0f}"
                lines.append((name, f"{length:,}", f"{columns:,}", f"{size:,.0f}", f"{peak:,.0f}", more))
                say(f"{name:24}{length:12,} rows{peak:8,.0f} MB")
    head = ("", "rows", "columns", "frame MB", "peak MB above", "bytes a row")
    command = f"python -m tests.benchmarks.memory {' '.join(map(str, rows))}"
    return section(TITLE, command, table(head, lines), NOTES)


def above(name: str, rows: int, address: str) -> tuple[int, int, float, float]:
    """Return rows and columns, megabytes of the frame, and megabytes at the peak above it."""
    warnings.simplefilter("ignore", mpd.ProfileWarning)
    mpd.set_project(mpd.Project(TOKEN, url=address))
    frame = FRAMES[name](rows)
    frame.head(1000).mixpanel.set("user_id")
    pa.default_memory_pool().release_unused()  # it would hide a part of the peak
    size = float(frame.memory_usage(deep=True).sum() / 1e6)
    return len(frame), frame.shape[1], size, once(lambda: frame.mixpanel.set("user_id")).peak


if __name__ == "__main__":
    main()

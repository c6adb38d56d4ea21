"""How fast a frame in memory becomes delivered profiles, and how much memory that takes.

    python -m tests.benchmarks.throughput [ROWS]

Prints a table: what was done, seconds (median of several runs), rows a second, megabytes of memory above the frame.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import mixpanel_pandas as mpd
from tests.benchmarks.frames import customers
from tests.benchmarks.measuring import measure, medians, say, section, table
from tests.benchmarks.sink import sink

if TYPE_CHECKING:
    import pandas as pd

TITLE = "Throughput"


def journalled(frame: pd.DataFrame) -> None:
    with tempfile.TemporaryDirectory() as folder:
        frame.mixpanel.set("user_id", journal=Path(folder, "mp.sqlite"))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    chosen = parser.parse_args()
    print(report(chosen.rows, chosen.runs))


def report(rows: int = 1_000_000, runs: int = 3) -> str:
    """Run everything, and return the section."""
    warnings.simplefilter("ignore", mpd.ProfileWarning)
    frame = customers(rows)
    frame.head(10).mixpanel.validate("set", "user_id")  # imports are not part of it
    size = frame.memory_usage(deep=True).sum() / 1e6
    bad = frame.assign(**dict.fromkeys(frame.columns.drop("user_id"), "x" * 300))
    lines = []
    with sink() as target, mpd.set_project(mpd.Project("0" * 32, url=target.address)):
        works = {
            "check, all values bad": lambda: bad.mixpanel.validate("set", "user_id"),
            "inventory": frame.mixpanel.inventory,
            "check": lambda: frame.mixpanel.validate("set", "user_id"),
            "check, encode (dry run)": lambda: frame.mixpanel.set("user_id", dry_run=True),
            "check, encode, send": lambda: frame.mixpanel.set("user_id"),
            "the same with a journal": lambda: journalled(frame),
        }
        for name, work in works.items():
            wall, cpu, peak = measure(work, runs)
            lines.append((name, f"{wall:.2f}", f"{cpu:.2f}", f"{rows / wall:,.0f}", f"{peak:,.0f}"))
            say(f"{name:28}{wall:8.2f} s")
        arrived = int(target.counts()["records"])
    return section(
        TITLE,
        f"python -m tests.benchmarks.throughput {rows}",
        f"{rows:,} rows x {frame.shape[1]} columns, {size:,.0f} MB; {medians(runs)}.",
        table(("", "s", "cpu s", "rows/s", "peak MB"), lines),
        f"Records that arrived: {arrived:,} of {2 * rows * runs:,}.",
    )


if __name__ == "__main__":
    main()

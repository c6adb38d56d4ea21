"""What ids that stand in several rows cost: one row in a hundred holds the id of another, sent in order or merged.

    python -m tests.benchmarks.order [ROWS]

Prints for 4 and 16 workers the median of several runs, each way in turn, rows a second, and the throughput beside that of
the same frame without duplicates: the median of what each turn gives.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from typing import TYPE_CHECKING

import numpy as np

import mixpanel_pandas as mpd
from tests.benchmarks.frames import customers
from tests.benchmarks.measuring import medians, say, section, table
from tests.benchmarks.sink import sink

if TYPE_CHECKING:
    import pandas as pd

TITLE = "Rows of one id"

#: How it is called -> share of rows that hold the id of another, and what is asked for.
WAYS = {
    "no duplicates": (0.0, "raise"),
    "1 % duplicates, all": (0.01, "all"),
    "1 % duplicates, merge": (0.01, "merge"),
}


def repeating(frame: pd.DataFrame, share: float, seed: int = 1) -> pd.DataFrame:
    """Return the frame with the ids of other rows in a share of its rows, wherever they stand."""
    random = np.random.default_rng(seed)
    source = np.arange(len(frame))
    rows = random.choice(len(frame), int(share * len(frame)), replace=False)
    source[rows] = random.integers(0, len(frame), len(rows))
    return frame.assign(user_id=frame["user_id"].take(source).array)


def seconds(frame: pd.DataFrame, duplicates: str, workers: int) -> float:
    began = time.perf_counter()
    summary = frame.mixpanel.set("user_id", duplicates=duplicates, workers=workers)
    taken = time.perf_counter() - began
    assert summary["accepted"].sum() == len(frame)
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--runs", type=int, default=7)
    chosen = parser.parse_args()
    print(report(chosen.rows, chosen.runs))


def report(rows: int = 1_000_000, runs: int = 7) -> str:
    """Run everything, and return the section."""
    warnings.simplefilter("ignore", mpd.ProfileWarning)
    frame = customers(rows)
    frames = {share: repeating(frame, share) for share, _duplicates in WAYS.values()}
    tables = []
    with sink() as target, mpd.set_project(mpd.Project("0" * 32, url=target.address)):
        frame.head(10).mixpanel.set("user_id", progress=False)  # imports are not part of it
        for workers in (4, 16):
            taken: dict[str, list[float]] = {name: [] for name in WAYS}
            for name, (share, duplicates) in list(WAYS.items()) * runs:  # in turn: the machine has moods
                taken[name].append(seconds(frames[share], duplicates, workers))
                say(f"{workers} workers, {name:24}{taken[name][-1]:8.2f} s")
            base = next(iter(taken.values()))
            lines = []
            for name, values in taken.items():
                middle = statistics.median(values)
                times = statistics.median(plain / value for plain, value in zip(base, values, strict=True))
                lines.append((name, f"{middle:.2f}", f"{rows / middle:,.0f}", f"{times:.2f} x"))
            tables.append(table((f"{workers} workers", "s", "rows/s", "throughput"), lines))
    return section(
        TITLE,
        f"python -m tests.benchmarks.order {rows} --runs {runs}",
        f"{rows:,} rows x {frame.shape[1]} columns; {medians(runs)}.",
        *tables,
    )


if __name__ == "__main__":
    main()

"""How fast a frame in memory becomes delivered profiles, and how much memory that takes.

    python -m tests.benchmarks.throughput [ROWS]

Prints a table: what was done, seconds (median of several runs), rows a second, megabytes of memory above the frame.
"""

from __future__ import annotations

import argparse
import gc
import platform
import statistics
import tempfile
import threading
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import pandas as pd

import mixpanel_pandas as mpd
from tests.benchmarks.sink import sink

if TYPE_CHECKING:
    from collections.abc import Callable

CITIES = [
    "München",
    "São Paulo",
    "Zürich",
    "Kraków",
    "Łódź",
    "Tromsø",
    "Reykjavík",
    "Québec",
    "Málaga",
    "İzmir",
]


def customers(rows: int, seed: int = 0) -> pd.DataFrame:
    """Return a frame of 12 columns of the kinds that profiles are made of; every value is within the limits."""
    random = np.random.default_rng(seed)
    number = np.arange(rows)
    names = pd.Series(number.astype(str), dtype="str")
    tags = [["rock"], ["jazz", "blues"], ["pop", "rock", "metal"], []]
    lists = np.empty(rows, dtype=object)
    lists[:] = [tags[place] for place in random.integers(0, 4, rows)]
    return pd.DataFrame(
        {
            "user_id": "user-" + names,
            "full name": "Customer Number " + names,
            "address": names + "@example.com",
            "signed up": pd.Series(
                pd.Timestamp("2020-01-01", tz="UTC") + pd.to_timedelta(number % 10**6, "min")
            ).where(random.random(rows) > 0.1),
            "plan": pd.Categorical.from_codes(random.integers(0, 3, rows), ["free", "pro", "enterprise"]),
            "lifetime value": pd.Series(np.round(random.random(rows) * 1000, 2)).where(
                random.random(rows) > 0.1
            ),
            "logins": pd.array(random.integers(0, 500, rows), dtype="Int64"),
            "active": random.random(rows) > 0.5,
            "town": pd.Series(np.array(CITIES, dtype=object)[random.integers(0, 10, rows)], dtype="str"),
            "score": random.integers(0, 100, rows),
            "tags": lists,
            "country": pd.Series(
                np.array(["DE", "BR", "CH", "PL"], dtype=object)[random.integers(0, 4, rows)], dtype="str"
            ),
        }
    )


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
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def measure(work: Callable[[], object], runs: int) -> tuple[float, float, float]:
    """Return the median of wall seconds, of processor seconds, and the peak of memory in megabytes."""
    walls, cpus, peaks = [], [], []
    for _ in range(runs):
        with Memory() as memory:
            wall, cpu = time.perf_counter(), time.process_time()
            work()
            walls.append(time.perf_counter() - wall)
            cpus.append(time.process_time() - cpu)
        peaks.append(memory.megabytes)
    return statistics.median(walls), statistics.median(cpus), max(peaks)


def journalled(frame: pd.DataFrame) -> None:
    with tempfile.TemporaryDirectory() as folder:
        frame.mixpanel.set("user_id", journal=Path(folder, "mp.sqlite"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    chosen = parser.parse_args()
    warnings.simplefilter("ignore", mpd.ProfileWarning)
    with sink() as (address, counter):  # before the frame: the process is forked
        frame = customers(chosen.rows)
        project = mpd.Project("0" * 32, url=address)
        frame.head(10).mixpanel.validate("set", "user_id")  # imports are not part of it
        size = frame.memory_usage(deep=True).sum() / 1e6
        print(
            f"{chosen.rows:,} rows x {frame.shape[1]} columns, {size:,.0f} MB; Python {platform.python_version()}, "
            f"pandas {pd.__version__}; medians of {chosen.runs}"
        )
        print(f"{'':28}{'s':>8}{'cpu s':>8}{'rows/s':>12}{'peak MB':>10}")
        bad = frame.assign(**dict.fromkeys(frame.columns.drop("user_id"), "x" * 300))
        with mpd.set_project(project):
            works = {
                "check, all values bad": lambda: bad.mixpanel.validate("set", "user_id"),
                "inventory": frame.mixpanel.inventory,
                "check": lambda: frame.mixpanel.validate("set", "user_id"),
                "check, encode (dry run)": lambda: frame.mixpanel.set("user_id", dry_run=True),
                "check, encode, send": lambda: frame.mixpanel.set("user_id"),
                "the same with a journal": lambda: journalled(frame),
            }
            for name, work in works.items():
                wall, cpu, peak = measure(work, chosen.runs)
                print(f"{name:28}{wall:8.2f}{cpu:8.2f}{chosen.rows / wall:12,.0f}{peak:10,.0f}")
        print(f"records that arrived: {counter.value:,} of {2 * chosen.rows * chosen.runs:,}")


if __name__ == "__main__":
    main()

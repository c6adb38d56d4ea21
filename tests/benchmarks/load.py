"""A million rows through 16 workers while one request in a hundred goes wrong: is anything lost, or doubled?

    python -m tests.benchmarks.load [ROWS]

Prints what became of the rows, what the emulator holds, memory, and what is left open.
"""

from __future__ import annotations

import argparse
import random
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd

import mixpanel_pandas as mpd
from tests.benchmarks.throughput import Memory

FAULTS = [
    (429, {}),
    (503, {}),
    (503, {"applied": True}),
    ("reset", {}),
    ("reset", {"applied": True}),
    ("truncated", {}),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=int, nargs="?", default=1_000_000)
    rows: int = parser.parse_args().rows
    frame = pd.DataFrame({"id": 1 + np.arange(rows), "credits": 1})
    frame.head(10).mixpanel.validate("add", "id")  # imports are not part of it
    chance = random.Random(7)
    with mpd.Emulator(history=0) as emulator, mpd.set_project(emulator.project):
        for fault, details in FAULTS:
            emulator.fail(
                fault, times=None, when=lambda request: chance.random() < 0.01 / len(FAULTS), **details
            )
        began, sockets = time.perf_counter(), len(list(Path("/proc/self/fd").iterdir()))
        with Memory() as memory:
            summary = frame.mixpanel.add("id", workers=16, batch_size=2000)
        print(mpd.totals(summary).to_string(index=False))
        held = emulator.profiles()["credits"]
        applied = frame["id"].astype(str).isin(held.index).to_numpy()
        accepted = frame.mixpanel.outcomes(summary)["outcome"].eq("accepted").to_numpy()
        print(f"{time.perf_counter() - began:.1f} s, {summary['requests'].sum():,} requests")
        print(
            f"applied {applied.sum():,}, most often {held.max()} times; accepted but not applied {(accepted & ~applied).sum():,}"
        )
        print(f"peak memory of client and emulator {memory.megabytes:,.0f} MB")
    left = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    print(f"threads left {left}, sockets left {len(list(Path('/proc/self/fd').iterdir())) - sockets}")


if __name__ == "__main__":
    main()

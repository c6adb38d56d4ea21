"""A million rows through 16 workers while one request in a hundred goes wrong: is anything lost, or doubled?

    python -m tests.benchmarks.load [ROWS]

Prints what became of the rows, what the emulator holds, memory, and what is left open. The emulator runs in a process of its
own, so that memory, threads and sockets are those of the client alone.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

import mixpanel_pandas as mpd
from tests.benchmarks.measuring import Memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection

FAULTS = [
    (429, {}),
    (503, {}),
    (503, {"applied": True}),
    ("reset", {}),
    ("reset", {"applied": True}),
    ("truncated", {}),
]


def serve(end: Connection) -> None:
    """Say where the emulator is, and when asked what it holds."""
    chance = random.Random(7)
    with mpd.Emulator(history=0) as emulator:
        for fault, details in FAULTS:
            emulator.fail(
                fault, times=None, when=lambda request: chance.random() < 0.01 / len(FAULTS), **details
            )
        end.send((str(emulator.token), emulator.url))
        end.recv()
        end.send(emulator.profiles()["credits"])


@contextmanager
def emulator() -> Iterator[tuple[mpd.Project, Callable[[], pd.Series[Any]]]]:
    """Yield the project of an emulator in a process of its own, and what asks it for the credits of each id."""
    context = multiprocessing.get_context("spawn")
    end, other = context.Pipe()
    process = context.Process(target=serve, args=(other,), daemon=True)
    process.start()
    token, url = end.recv()

    def held() -> pd.Series[Any]:
        end.send("what is there?")
        return end.recv()

    try:
        yield mpd.Project(token, url=url, timeout=10, backoff=0), held
    finally:
        process.kill()
        process.join()


def sockets() -> int:
    return sum(path.is_socket() for path in Path("/proc/self/fd").iterdir())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=int, nargs="?", default=1_000_000)
    rows: int = parser.parse_args().rows
    frame = pd.DataFrame({"id": 1 + np.arange(rows), "credits": 1})
    frame.head(10).mixpanel.validate("add", "id")  # imports are not part of it
    with emulator() as (project, held), mpd.set_project(project):
        frame.head(0).mixpanel.add("id")
        began, open_before = time.perf_counter(), sockets()
        with Memory() as memory:
            summary = frame.mixpanel.add("id", workers=16, batch_size=2000)
        seconds, open_after = time.perf_counter() - began, sockets()
        threads = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
        profiles = held()
    print(mpd.totals(summary).to_string(index=False))
    applied = frame["id"].astype(str).isin(profiles.index).to_numpy()
    accepted = frame.mixpanel.outcomes(summary)["outcome"].eq("accepted").to_numpy()
    print(f"{seconds:.1f} s, {summary['requests'].sum():,} requests")
    print(
        f"applied {applied.sum():,}, most often {profiles.max()} times; "
        f"accepted but not applied {(accepted & ~applied).sum():,}"
    )
    print(f"peak memory of the client above the frame: {memory.megabytes:,.0f} MB")
    print(f"threads left {threads}, sockets left open {open_after - open_before}")


if __name__ == "__main__":
    main()

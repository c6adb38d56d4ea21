"""What it costs to write down what is sent.

    python -m tests.benchmarks.journal [ROWS] [--runs N]

Sends a frame with and without a journal, in turn, to a server that reads bodies and answers at once: prints processor seconds, and
how many times as many the journal takes. ``add`` sends other values in each run, as the same ones are refused.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

import mixpanel_pandas as mpd
from tests.benchmarks.frames import customers
from tests.benchmarks.measuring import Measured, medians, middle, once, say, section, table
from tests.benchmarks.sink import sink

if TYPE_CHECKING:
    from collections.abc import Callable

TITLE = "Journal"

#: The same for both operators, so that both make as many requests.
BATCH_SIZE = 2000

NOTES = """\
- Before each request it is on disk that the request may be applied, and after it what became of it; several requests share a
  commit. "x without" is the median of what each round gives, of processor seconds.
- Seconds on the wall depend on the disk, because each request waits for it. Against a real server the network takes longer."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--runs", type=int, default=5)
    chosen = parser.parse_args()
    print(report(chosen.rows, chosen.runs))


def numbers(rows: int) -> pd.DataFrame:
    """Return a frame of ids and eleven columns of numbers."""
    number = np.arange(rows)
    columns = {f"counter {place}": (number * 7 + place) % 100 for place in range(11)}
    return pd.DataFrame({"user_id": customers(rows)["user_id"], **columns})


def report(rows: int = 1_000_000, runs: int = 5) -> str:
    """Run everything, and return the section."""
    warnings.simplefilter("ignore", mpd.ProfileWarning)
    frames = {"set": customers(rows), "add": numbers(rows)}
    lines = []
    with sink(counted=False) as target:
        project = mpd.Project("0" * 32, url=target.address)
        for verb, frame in frames.items():
            rounds = [_round(verb, frame, project, number) for number in range(-1, runs)][
                1:
            ]  # one to warm up
            lines += _lines(verb, rounds)
    return section(
        TITLE,
        f"python -m tests.benchmarks.journal {rows}",
        f"{rows:,} rows x 12 columns, {BATCH_SIZE:,} in a request, {medians(runs)}.",
        table(("", "s", "cpu s", "x without"), lines),
        NOTES,
    )


def _round(verb: str, frame: pd.DataFrame, project: mpd.Project, number: int) -> tuple[Measured, Measured]:
    """Send without and with a journal."""

    def send(shift: int, **options: Path) -> Callable[[], object]:
        changed = frame.assign(**{"counter 0": frame["counter 0"] + shift}) if verb == "add" else frame
        method = getattr(changed.mixpanel, verb)
        return lambda: method("user_id", project=project, batch_size=BATCH_SIZE, progress=False, **options)

    with tempfile.TemporaryDirectory() as folder:
        without = once(send(2 * number), watched=False)
        journalled = once(send(2 * number + 1, journal=Path(folder, "mp.sqlite")), watched=False)
    say(f"{verb}: {without.cpu:.2f} cpu s, with a journal {journalled.cpu:.2f}")
    return without, journalled


def _lines(verb: str, rounds: list[tuple[Measured, Measured]]) -> list[tuple[str, ...]]:
    without, journalled = (middle(column) for column in zip(*rounds, strict=True))
    times = sorted(after.cpu / before.cpu for before, after in rounds)[len(rounds) // 2]
    return [
        (verb, f"{without.wall:.2f}", f"{without.cpu:.2f}", ""),
        (f"{verb} with a journal", f"{journalled.wall:.2f}", f"{journalled.cpu:.2f}", f"{times:.2f}"),
    ]


if __name__ == "__main__":
    main()

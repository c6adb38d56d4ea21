"""What the shape of the data costs: seconds for a megabyte of JSON, checked, encoded and sent, for frames of many kinds.

    python -m tests.benchmarks.shapes [MEGABYTES]

Prints a table: columns, rows, seconds for a megabyte, beside the plain frame, and beside orjson given ready dicts.
"""

from __future__ import annotations

import argparse
import warnings
from typing import TYPE_CHECKING

import orjson

import mixpanel_pandas as mpd
from tests.benchmarks.frames import SHAPES
from tests.benchmarks.jobs import TOKEN
from tests.benchmarks.measuring import apart, measure, medians, say, section, table
from tests.benchmarks.sink import sink

if TYPE_CHECKING:
    import pandas as pd

TITLE = "Shapes of data"

NOTES = """\
- Every frame makes about as many megabytes of JSON, so the rows differ. Seconds are those of the whole call, checks and sending
  included; each shape has a process of its own.
- "x orjson" compares processor seconds with those of `orjson.dumps` for 2,000 of the records, as dicts that are there already: the
  floor for values that are dicts and mixed objects anyway. It checks nothing and sends nothing."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("megabytes", type=float, nargs="?", default=30.0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", help="words in the name of a shape", default="")
    chosen = parser.parse_args()
    print(report(chosen.megabytes, chosen.runs, chosen.only))


def report(megabytes: float = 30.0, runs: int = 3, only: str = "") -> str:
    """Run everything, and return the section."""
    lines, plain = [], 0.0
    with sink() as target:
        for place, name in enumerate(SHAPES):
            if place and only not in name:
                continue
            rows, columns, whole, cpu, floor = apart(cost, name, megabytes, runs, target.address)
            plain = plain or whole
            lines.append(
                (
                    name,
                    f"{columns:,}",
                    f"{rows:,}",
                    f"{whole * 1000:.2f}",
                    f"{whole / plain:.2f}",
                    f"{cpu * 1000:.2f}",
                    f"{cpu / floor:.1f}",
                )
            )
            say(f"{name:36}{whole * 1000:8.2f} ms/MB{whole / plain:8.2f}")
    head = ("", "columns", "rows", "ms/MB", "x plain", "cpu ms/MB", "x orjson")
    return section(
        TITLE,
        f"python -m tests.benchmarks.shapes {megabytes:g}",
        f"About {megabytes:g} MB of JSON, {medians(runs)}.",
        table(head, lines),
        NOTES,
    )


def cost(name: str, megabytes: float, runs: int, address: str) -> tuple[int, int, float, float, float]:
    """Return rows and columns, seconds and processor seconds for a megabyte, and those of orjson."""
    warnings.simplefilter("ignore", mpd.ProfileWarning)
    mpd.set_project(mpd.Project(TOKEN, url=address))
    few = SHAPES[name](100)
    rows = max(100, round(megabytes * 1e6 / (len(orjson.dumps(_records(few))) / 100)))
    frame = SHAPES[name](rows)
    few.mixpanel.set("user_id")  # imports are not part of it
    size = frame.mixpanel.set("user_id")["bytes"].sum() / 1e6
    wall, cpu, _peak = measure(lambda: frame.mixpanel.set("user_id"), runs)
    return rows, frame.shape[1], wall / size, cpu / size, _floor(frame.head(2000), runs)


def _records(frame: pd.DataFrame) -> list[object]:
    return [{"$token": TOKEN, **payload} for payload in frame.mixpanel.payloads("set", "user_id")]


def _floor(frame: pd.DataFrame, runs: int) -> float:
    """Return the processor seconds that orjson takes for a megabyte of the records of `frame`."""
    records = _records(frame)
    duplicates = 10  # one takes milliseconds
    return measure(lambda: [orjson.dumps(records) for _ in range(duplicates)], runs).cpu / (
        len(orjson.dumps(records)) * duplicates / 1e6
    )


if __name__ == "__main__":
    main()

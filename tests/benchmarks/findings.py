"""What a clean frame pays for the findings of its text: what ids and columns of text look like, and missing-value markers.

    python -m tests.benchmarks.findings [ROWS] [--runs N]

Checks and encodes each frame with and without these findings, in turn, and prints processor seconds and how many times as many the
findings take.
"""

from __future__ import annotations

import argparse
import warnings
from contextlib import ExitStack
from typing import TYPE_CHECKING
from unittest.mock import patch

import numpy as np
import pandas as pd

import mixpanel_pandas as mpd
from mixpanel_pandas.checking import id_scan, scan
from tests.benchmarks.frames import customers
from tests.benchmarks.measuring import Measured, medians, middle, once, say, section, table

if TYPE_CHECKING:
    from collections.abc import Callable

TITLE = "Findings of text"

NOTES = """\
- A dry run of `set`. "x without" is the median of what each round gives, of processor seconds.
- The last frame is not clean: all text is read a second time, because each column is named by a hint."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--runs", type=int, default=7)
    chosen = parser.parse_args()
    print(report(chosen.rows, chosen.runs))


def distinct(rows: int) -> pd.DataFrame:
    """Return ids and four columns of text, every value another."""
    number = pd.Series(np.arange(rows).astype(str), dtype="str")
    return pd.DataFrame(
        {
            "user_id": "user-" + number,
            "full name": "Customer Number " + number,
            "web page": "https://example.com/" + number,
            "street address": number + " Main Street, Springfield",
            "comment": "Order " + number + " came late, but it is fine",
        }
    )


def more_than_text(rows: int) -> pd.DataFrame:
    """Return ids and four columns of text that look like more than text."""
    number = np.arange(rows)
    dates = pd.Series(pd.Timestamp("2020-01-01") + pd.to_timedelta(number % 1000, "D"))
    return pd.DataFrame(
        {
            "user_id": pd.Series("user-" + pd.Series(number.astype(str)), dtype="str"),
            "amount": pd.Series((number / 7).round(2).astype(str), dtype="str").str.replace(".", ","),
            "seats": pd.Series((number % 120).astype(str), dtype="str"),
            "renewed": dates.dt.strftime("%d/%m/%Y").astype("str"),
            "plan": pd.Series(np.array(["pro", "free", "N/A"], dtype=object)[number % 3], dtype="str"),
        }
    )


FRAMES: dict[str, Callable[[int], pd.DataFrame]] = {
    "12 columns, 5 of them text": customers,
    "4 columns of text, all different": distinct,
    "4 columns that are more than text": more_than_text,
}


def report(rows: int = 1_000_000, runs: int = 7) -> str:
    """Run everything, and return the section."""
    warnings.simplefilter("ignore", mpd.ProfileWarning)
    lines = []
    for name, make in FRAMES.items():
        frame = make(rows)
        rounds = [_round(frame) for _ in range(runs + 1)][1:]  # one to warm up
        before, after = (middle(column) for column in zip(*rounds, strict=True))
        times = sorted(of.cpu / without.cpu for without, of in rounds)[runs // 2]
        say(f"{name}: {before.cpu:.2f} cpu s, with findings {after.cpu:.2f}, x {times:.3f}")
        lines.append((name, f"{before.cpu:.2f}", f"{after.cpu:.2f}", f"{times:.3f}"))
    return section(
        TITLE,
        f"python -m tests.benchmarks.findings {rows}",
        f"{rows:,} rows, {medians(runs)}.",
        table(("", "cpu s without", "cpu s", "x without"), lines),
        NOTES,
    )


def _round(frame: pd.DataFrame) -> tuple[Measured, Measured]:
    """Check and encode a frame without the findings, and with them."""
    run = lambda: frame.mixpanel.set("user_id", dry_run=True, progress=False)
    with ExitStack() as patches:
        others = [check for check in scan._VALUE_CHECKS if check.name != "missing_as_text"]
        patches.enter_context(patch.object(scan, "_VALUE_CHECKS", others))
        patches.enter_context(patch.object(scan, "is_looked_at", lambda *_: False))
        patches.enter_context(patch.object(id_scan, "id_findings", lambda _ids: {}))
        without = once(run, watched=False)
    return without, once(run, watched=False)


if __name__ == "__main__":
    main()

"""Whether the wire is kept busy when answers take their time.

    python -m tests.benchmarks.latency [ROUNDS] [--latency SECONDS] [--workers N]

A sink answers every request after 200 ms. With 16 workers and 2,000 rows in a request no more than 16 x 2,000 / 0.2 s = 160,000
rows a second can be delivered: prints which share of that is reached, and how many requests were under way at once.
"""

from __future__ import annotations

import argparse
import warnings

import mixpanel_pandas as mpd
from tests.benchmarks.frames import customers
from tests.benchmarks.jobs import TOKEN
from tests.benchmarks.measuring import apart, once, section, table
from tests.benchmarks.sink import sink

TITLE = "Latency"

NOTES = """\
- "While sending" is from the first request to the last answer, as the sink saw it; the call also checks the frame before that.
- "In flight" is the number of requests that the sink had not answered, at most and on average while sending.
- The first request travels alone until it is answered, so that a wrong token costs one request: that is one of the rounds."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rounds", type=int, nargs="?", default=64, help="requests of each worker")
    parser.add_argument("--latency", type=float, default=0.2, help="seconds")
    parser.add_argument("--workers", type=int, nargs="+", default=[4, 16])
    chosen = parser.parse_args()
    print(report(chosen.rounds, chosen.latency, tuple(chosen.workers)))


def report(rounds: int = 64, latency: float = 0.2, workers: tuple[int, ...] = (4, 16)) -> str:
    """Run everything, and return the section."""
    lines = []
    with sink(latency) as target:
        for number in workers:
            rows, bound = rounds * number * 2000, number * 2000 / latency
            target.reset()
            seconds = apart(upload, rows, number, target.address)
            counts = target.counts()
            assert counts["records"] == rows
            lines.append(
                (
                    f"{number} workers",
                    f"{rows:,}",
                    f"{bound:,.0f}",
                    f"{rows / counts['seconds']:,.0f}",
                    f"{rows / counts['seconds'] / bound:.1%}",
                    f"{rows / seconds / bound:.1%}",
                    f"{counts['most_in_flight']}",
                    f"{counts['mean_in_flight']:.1f}",
                )
            )
    head = (
        f"answers after {latency * 1000:.0f} ms",
        "rows",
        "bound, rows/s",
        "rows/s while sending",
        "share of the bound",
        "of the whole call",
        "in flight, most",
        "mean",
    )
    return section(TITLE, f"python -m tests.benchmarks.latency {rounds}", table(head, lines), NOTES)


def upload(rows: int, workers: int, address: str) -> float:
    """Return the seconds that the upload takes."""
    warnings.simplefilter("ignore", mpd.ProfileWarning)
    mpd.set_project(mpd.Project(TOKEN, url=address))
    frame = customers(rows)
    frame.head(10).mixpanel.validate("set", "user_id")  # imports are not part of it
    return once(lambda: frame.mixpanel.set("user_id", workers=workers)).wall


if __name__ == "__main__":
    main()

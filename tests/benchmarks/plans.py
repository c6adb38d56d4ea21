"""How long plans take, and how much memory.

    python -m tests.benchmarks.plans [ROWS ...]

Prints a table: for each number of rows of 12 columns, and for 1 % and all of the values of one column and all of the frame changed, the
seconds to make a plan, to save it and to open it, and megabytes at the peak above those before.
"""

from __future__ import annotations

import argparse
import tempfile
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa

import mixpanel_pandas as mpd
from tests.benchmarks.frames import customers
from tests.benchmarks.measuring import apart, once, say, section, table

if TYPE_CHECKING:
    from collections.abc import Callable

    from mixpanel_pandas.plans.plan import Plan

TITLE = "Plans"

NOTES = """\
- The profiles before are a frame in memory, as `read_profiles` returns it. What is measured is comparing: nothing is read or sent.
- The cells of a plan lie in a temporary file. The peak is that of the whole process above what it held before, with the pages of that file."""

#: Name -> the frame that is planned, of one that the profiles hold.
CHANGES: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "nothing changes": lambda frame: frame,
    "1 % of one column changes": lambda frame: frame.assign(
        logins=frame["logins"].mask(frame.index % 100 == 0, -1)
    ),
    "everything changes": lambda frame: frame.assign(
        **{name: frame[name].iloc[::-1].array for name in frame.columns if name != "user_id"}
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", type=int, nargs="*", default=[1_000_000])
    print(report(tuple(parser.parse_args().rows)))


def report(rows: tuple[int, ...] = (1_000_000,)) -> str:
    """Run everything, and return the section."""
    lines = []
    for number in rows:
        for change in CHANGES:
            seconds = {step: apart(measured, number, change, step) for step in ("make", "save", "open")}
            numbers = [f"{cpu:.1f}" for _wall, cpu, _peak in seconds.values()]
            lines.append((change, f"{number:,}", *numbers, f"{seconds['make'][2]:,.0f}"))
            say(
                f"{change:28}{number:12,} rows  make {numbers[0]}  save {numbers[1]}  open {numbers[2]} cpu s"
            )
    head = ("", "rows", "make, cpu s", "save", "open", "peak MB above, make")
    command = f"python -m tests.benchmarks.plans {' '.join(map(str, rows))}"
    return section(TITLE, command, table(head, lines), NOTES)


def measured(rows: int, change: str, step: str) -> tuple[float, float, float]:
    """Return the seconds on the wall and of the processors of a step, and the megabytes at the peak above those before."""
    frame = pa.Table.from_pandas(customers(rows), preserve_index=False).to_pandas(types_mapper=pd.ArrowDtype)
    current = frame.set_index("user_id").rename_axis("$distinct_id")
    edited = CHANGES[change](frame)
    project = mpd.Project("0" * 32, "eu")
    edited[:10].mixpanel.plan("set", "user_id", current=current[:10])  # what is imported first

    def make() -> Plan:
        return edited.mixpanel.plan("set", "user_id", current=current)

    if step == "make":
        return once(lambda: make() and None)
    plan = make()
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        path = f"{folder}/plan.parquet"
        if step == "open":
            plan.save(path, project=project)
            return once(lambda: mpd.open_plan(path) and None)
        return once(lambda: plan.save(path, project=project) and None)


if __name__ == "__main__":
    main()

"""How near the whole line is to what the machine can do at best.

    python -m tests.benchmarks.limit [ROWS] [--cores N]

The limit is made of three measured parts: pandas handing its columns to Polars, Polars writing the same records as JSON on one
thread, requests pushing the ready bodies. Their processor seconds, shared by the cores, are what a program could take that does
nothing else and wastes nothing; this project also checks the frame and accounts for every row. Prints both, and their ratio.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile

from tests.benchmarks import environments
from tests.benchmarks.jobs import run_often
from tests.benchmarks.measuring import Measured, apart, medians, middle, say, section, table, versions
from tests.benchmarks.sink import sink

TITLE = "Beside the limit"

#: Job -> what it is called; their processor seconds add up to the limit.
PARTS = {
    "pandas_to_polars": "pandas to Polars",
    "polars_json": "Polars writes the records, 1 thread",
    "push_requests": "requests pushes the ready bodies",
}

#: Shown beside them.
ASIDE = {"polars_ndjson": "Polars `write_ndjson`, missing values as null"}

OURS = {
    "this_project": "this project",
    "this_project_without_lists": "this project, without the column of lists",
}

#: Each process does its job cold, then warm.
TIMES = 2

NOTES = """\
- The limit is the sum of the processor seconds of the three parts, divided by the cores. All take turns, because the machine is
  not always equally fast; "x limit" is the median of what each round gives.
- The parts run in processes of their own, on as many cores as this project. The server that they send to is not confined, and no
  part of the limit: on a machine of two cores it takes its time from the client's. So it reads and answers and does not count
  records, which takes longer than to read them: other sections count them, this one tells how many bytes arrived.
- Polars makes the same records, missing values left out: `struct.json_encode` for the columns without gaps, the others joined to
  that one by one where they have a value. It leaves out the checks, and cuts dates to seconds."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--cores", type=int, nargs="+", default=[2, 1])
    chosen = parser.parse_args()
    print(report(chosen.rows, chosen.runs, tuple(chosen.cores)))


def report(rows: int = 1_000_000, runs: int = 5, cores: tuple[int, ...] = (2, 1)) -> str:
    """Run everything, and return the section."""
    return section(
        TITLE,
        f"python -m tests.benchmarks.limit {rows} --cores {' '.join(map(str, cores))}",
        f"{rows:,} rows x 12 columns, {medians(runs)}. {apart(tools, python=environments.python())}.",
        *(_compared(rows, runs, number) for number in cores),
        NOTES,
    )


def tools() -> str:
    return versions("polars", "requests")


def _compared(rows: int, runs: int, cores: int) -> str:
    """Return the table for so many cores."""
    rounds: list[dict[str, Measured]] = []
    served: dict[str, list[tuple[float, float]]] = {job: [] for job in ("this_project", "push_requests")}
    with tempfile.TemporaryDirectory() as folder, sink(counted=False) as target:
        for number in range(runs):
            found = {}
            for job in (*PARTS, *ASIDE, *OURS):
                before = target.counts()
                found[job] = _warm(job, rows, target.address, folder, cores)
                after = target.counts()
                if job in served:
                    served[job].append(
                        tuple((after[name] - before[name]) / TIMES for name in ("cpu", "bytes"))
                    )
                say(f"round {number + 1}, {cores} of the cores: {job:28}{found[job].wall:8.2f} s")
            rounds.append(found)
    limits = [sum(found[job].cpu for job in PARTS) / cores for found in rounds]
    limit = statistics.median(limits)
    lines = []
    for job, name in {**PARTS, **ASIDE, **OURS}.items():
        wall, cpu, _peak = middle(found[job] for found in rounds)
        times = statistics.median(
            found[job].wall / limit for found, limit in zip(rounds, limits, strict=True)
        )
        ratio = f"{times:.2f}" if job in OURS else ""
        lines.append((name, f"{cpu:.2f}", f"{wall:.2f}", f"{rows / wall:,.0f}", ratio))
    whole = ("**limit**", f"{limit * cores:.2f}", f"{limit:.2f}", f"{rows / limit:,.0f}", "1.00")
    lines.insert(-len(OURS), whole)
    words = f"{cores} core{'s' * (cores > 1)}"
    (seconds, ours), (_, ready) = (
        map(statistics.median, zip(*values, strict=True)) for values in served.values()
    )
    server = (
        f"For a run of this project the server took another {seconds:.2f} processor seconds; it received {ours / 1e6:,.1f} MB, "
        f"of ready bodies {ready / 1e6:,.1f} MB."
    )
    return table((words, "cpu s", "s", "rows/s", "x limit"), lines) + f"\n\n{server}"


def _warm(job: str, rows: int, address: str, folder: str, cores: int) -> Measured:
    """Do a job cold and warm in a process of its own, and return what it took warm."""
    python = sys.executable if job in OURS else environments.python()
    _cold, warm = apart(
        run_often, job, rows, address, folder, TIMES, cores=cores, POLARS_MAX_THREADS="1", python=python
    )
    return Measured(*warm)


if __name__ == "__main__":
    main()

"""How near the whole line is to what the machine can do at best.

    python -m tests.benchmarks.limit [ROWS] [--cores N]

The limit is made of three measured parts: pandas handing its columns to Polars, Polars writing the same records as JSON on one
thread, requests pushing the ready bodies. Their processor seconds, shared by the cores, are what a program could take that does
nothing else and wastes nothing; this project also checks the frame and accounts for every row. Prints both, and their ratio.
"""

from __future__ import annotations

import argparse
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

NOTES = """\
- The limit is the sum of the processor seconds of the three parts, divided by the cores. The parts run in processes of their
  own, on as many cores as this project; the server that they send to is not confined.
- Polars makes the same records, missing values left out: `struct.json_encode` for the columns without gaps, the others joined to
  that one by one where they have a value. It leaves out the checks, and cuts dates to seconds."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--cores", type=int, nargs="+", default=[2, 1])
    chosen = parser.parse_args()
    print(report(chosen.rows, chosen.runs, tuple(chosen.cores)))


def report(rows: int = 1_000_000, runs: int = 3, cores: tuple[int, ...] = (2, 1)) -> str:
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
    found: dict[str, Measured] = {}
    with tempfile.TemporaryDirectory() as folder, sink() as target:
        for job in (*PARTS, *ASIDE, *OURS):
            place = {} if job in OURS else {"python": environments.python()}
            runs_of_job = apart(
                run_often,
                job,
                rows,
                target.address,
                folder,
                runs,
                cores=cores,
                POLARS_MAX_THREADS="1",
                **place,
            )
            found[job] = middle(Measured(*measured) for measured in runs_of_job)
            say(f"{cores} of the cores: {job:28}{found[job].wall:8.2f} s")
    limit = sum(found[job].cpu for job in PARTS) / cores
    lines = [
        (name, f"{found[job].cpu:.2f}", f"{found[job].wall:.2f}", f"{rows / found[job].wall:,.0f}", "")
        for job, name in {**PARTS, **ASIDE}.items()
    ]
    lines.append(("**limit**", f"{limit * cores:.2f}", f"{limit:.2f}", f"{rows / limit:,.0f}", "1.00"))
    lines += [
        (name, f"{cpu:.2f}", f"{wall:.2f}", f"{rows / wall:,.0f}", f"{wall / limit:.2f}")
        for job, name in OURS.items()
        for wall, cpu, _peak in [found[job]]
    ]
    words = f"{cores} core{'s' * (cores > 1)}"
    return table((words, "cpu s", "s", "rows/s", "x limit"), lines)


if __name__ == "__main__":
    main()

"""How long it takes until something happens: imports, and the first small uploads.

    python -m tests.benchmarks.startup [RUNS]

Prints medians of whole processes and their ratios, and of single steps in fresh processes.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections import defaultdict

from tests.benchmarks.measuring import apart, medians, section, table

TITLE = "Start-up"

CODES = {
    "`import pandas, pyarrow, pyarrow.compute`": "import pandas, pyarrow, pyarrow.compute",
    "`import mixpanel_pandas`": "import mixpanel_pandas",
    "`python -m mixpanel_pandas --help`": "from mixpanel_pandas.cli import main; main(['--help'], standalone_mode=False)",
}

NOTES = """\
- The steps are measured in fresh processes, one after the other; the uploads go to the emulator in the same process.
- As on a user's machine: with compiled bytecode, and without hypothesis, which pandera imports where the tests have installed it.
- A verb imports pandera only for the option `schema`; `df.mixpanel.schema` imports it, too."""

#: Bytecode is kept, whatever this shell says.
COMPILED = {"PYTHONDONTWRITEBYTECODE": ""}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", type=int, nargs="?", default=7)
    print(report(parser.parse_args().runs))


def report(runs: int = 7) -> str:
    """Run everything, and return the section."""
    taken: dict[str, list[float]] = defaultdict(list)
    parts: dict[str, list[float]] = defaultdict(list)
    for _ in range(runs):  # in turn, so that the machine's moods hit all alike
        for name, code in CODES.items():
            taken[name].append(_seconds(code))
        for name, seconds in apart(steps, **COMPILED).items():
            parts[name].append(seconds)
    base = statistics.median(next(iter(taken.values())))
    whole = [
        (name, f"{middle:.3f}", f"{middle / base:.2f}")
        for name, values in taken.items()
        for middle in [statistics.median(values)]
    ]
    single = [(name, f"{statistics.median(values) * 1000:,.0f}") for name, values in parts.items()]
    return section(
        TITLE,
        f"python -m tests.benchmarks.startup {runs}",
        f"Each from processes of its own: {medians(runs)}.",
        table(("whole process", "s", "x the first"), whole),
        table(("step", "ms"), single),
        NOTES,
    )


def _seconds(code: str) -> float:
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL, env={**os.environ, **COMPILED}
    )
    return time.perf_counter() - began


def steps() -> dict[str, float]:
    """Return the seconds of single steps, in their order."""
    sys.modules["hypothesis"] = None  # type: ignore[assignment]  # so that it cannot be imported

    import pandas as pd
    import pyarrow.compute  # noqa: F401  # not part of the first step

    taken, last = {}, time.perf_counter()

    def step(name: str) -> None:
        nonlocal last
        taken[name] = time.perf_counter() - last
        last = time.perf_counter()

    import mixpanel_pandas as mpd

    step("import mixpanel_pandas, after pandas and pyarrow")
    import requests  # noqa: F401

    step("first import of requests")
    import pandera.pandas  # noqa: F401

    step("first import of pandera")
    from tests.benchmarks.frames import customers, wide

    small = pd.DataFrame({"user_id": [f"user {number}" for number in range(10)], "plan": "pro", "score": 1.5})
    broad = wide(10, 2000)
    long = customers(1_000_000)
    with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
        step("(the emulator, and the frames)")
        small.mixpanel.set("user_id")
        step("first `set`, 10 rows")
        small.mixpanel.set("user_id")
        step("second `set`, 10 rows")
        broad.mixpanel.set("user_id", check=True)
        step("`set`, 10 rows of 2,000 columns")
        preview = long.mixpanel.preview("set", "user_id")
        _ = preview.widget  # the map, as a notebook shows it first; the check goes on in the background
        step("`preview`, 1,000,000 rows of 12 columns")
    return taken


if __name__ == "__main__":
    main()

"""How long the import takes, beside that of what it stands on.

    python -m tests.benchmarks.startup

Prints medians of whole processes and their ratio.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

CODES = {
    "import pandas, pyarrow, pyarrow.compute": "import pandas, pyarrow, pyarrow.compute",
    "import mixpanel_pandas": "import mixpanel_pandas",
    "python -m mixpanel_pandas --help": "from mixpanel_pandas.cli import main; main(['--help'], standalone_mode=False)",
}


def seconds(code: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main(runs: int = 11) -> None:
    taken: dict[str, list[float]] = {name: [] for name in CODES}
    for name, code in list(CODES.items()) * runs:  # in turn, so that the machine's moods hit all alike
        taken[name].append(seconds(code))
    base = statistics.median(next(iter(taken.values())))
    for name, values in taken.items():
        median = statistics.median(values)
        print(f"{name:44}{median:7.3f} s{median / base:7.2f} x")


if __name__ == "__main__":
    main()

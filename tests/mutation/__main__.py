"""Do the tests notice small changes of the code? Run them on a sample of mutants.

    python -m tests.mutation [MODULE ...] [--mutants N] [--seed N] [--workers N] [--least PERCENT] [--results FILE]

Each mutant (`mutants.py`) meets the tests of its own module first: ``tests/<folder>/test_<module>.py`` and the examples in the module.
What survives meets the quick subset of all tests. Prints each survivor as a diff, then a line for each module. Ends with 1 where fewer
mutants are killed than `--least` says. Mutants that are explained in `equivalent.py` are not tried.

With `--results` each result is a line of that file as soon as it is there, and a second run with the same file tries only what is missing
and what survived before code or tests changed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from tests.mutation.equivalent import EQUIVALENT
from tests.mutation.mutants import Mutant, mutants, sample
from tests.mutation.results import Results, digest_of_code
from tests.mutation.runner import (
    LIBRARIES,
    ROOT,
    Run,
    carry_out,
    copy_of_the_repository,
    own_tests,
    quick_subset,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FOLDERS = ("rules", "payloads", "checking", "delivery")


def main() -> int:
    parser = argparse.ArgumentParser(
        "python -m tests.mutation", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "modules", nargs="*", metavar="MODULE", help="such as payloads/ids.py or delivery/journal"
    )
    parser.add_argument("--mutants", type=int, default=400, help="how many to try (default 400)")
    parser.add_argument("--seed", type=int, default=0, help="which ones (default 0)")
    parser.add_argument("--workers", type=int, default=2, help="processes at a time (default 2)")
    parser.add_argument("--least", type=float, default=90.0, help="percent to be killed (default 90)")
    parser.add_argument("--results", type=Path, metavar="FILE", help="go on from the results in this file")
    parser.add_argument("--own", action="store_true", help="only the tests of the module itself")
    asked = parser.parse_args()

    began = time.monotonic()
    tried = sample([*all_mutants(asked.modules or FOLDERS)], asked.mutants, asked.seed)
    tried = [mutant for mutant in tried if (mutant.module, *mutant.lines()) not in EQUIVALENT]
    for library in LIBRARIES:
        import_module(library)
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        copies = [copy_of_the_repository(Path(folder, str(number))) for number in range(asked.workers)]
        results = Results(asked.results, digest_of_code(copies[0]))
        survivors = against_own_tests(tried, copies, results)
        if not asked.own:
            survivors = against_quick_subset(survivors, copies, results)
    for mutant in survivors:
        say(f"\nsurvived:\n{mutant.diff()}")
    return report(tried, survivors, asked.least, time.monotonic() - began, results.cpu(tried))


def all_mutants(names: Iterable[str]) -> list[Mutant]:
    """Return the mutants of modules, or of all modules of folders, that are named as in the package."""
    package = ROOT / "mixpanel_pandas"
    paths = [
        path
        for name in names
        for path in ([package / name] if name.endswith(".py") else (package / name).rglob("*.py"))
    ]
    return [
        mutant
        for path in sorted(set(paths))
        for mutant in mutants(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8"))
    ]


def against_own_tests(tried: list[Mutant], copies: list[Path], results: Results) -> list[Mutant]:
    """Return the mutants that the tests of their own modules do not notice."""
    runs = [
        Run(mutant, own_tests(mutant.module, copies[0]))
        for mutant in tried
        if not results.is_known(mutant, "own")
    ]
    for run in carry_out(list(without_mutants(runs)), copies):
        check(run)
    say(
        f"{len(runs)} mutants of {len({run.tests for run in runs})} modules, against the tests of each module"
    )
    keep(runs, copies, results, "own")
    return [mutant for mutant in tried if not results.killed(mutant)]


def without_mutants(runs: list[Run]) -> Iterator[Run]:
    """Yield runs of the same tests on the code as it is, each file or folder of tests once."""
    examples: dict[str, set[str]] = {}
    for first, *others in (run.tests for run in runs):
        examples.setdefault(first, set()).update(others)
    for first, others in examples.items():
        yield Run(None, (first, *sorted(others)))


def against_quick_subset(survivors: list[Mutant], copies: list[Path], results: Results) -> list[Mutant]:
    """Return the mutants that no test of the quick subset notices."""
    runs = [
        Run(mutant, quick_subset(mutant.module, copies[0]))
        for mutant in survivors
        if not results.is_known(mutant, "quick")
    ]
    if runs:
        say(f"{len(runs)} mutants against the quick subset")
        (unchanged,) = carry_out([Run(None, runs[0].tests)], copies[:1])
        check(unchanged)
        keep(runs, copies, results, "quick")
    return [mutant for mutant in survivors if not results.killed(mutant)]


def check(run: Run) -> None:
    """End everything where tests fail on the code as it is."""
    if run.killed:
        sys.exit(f"{' '.join(run.tests)}: these tests fail without a mutant\n{run.output[-4000:]}")


def keep(runs: list[Run], copies: list[Path], results: Results, stage: str) -> None:
    """Carry out the runs and keep their results."""
    for count, run in enumerate(carry_out(runs, copies), 1):
        result = results.add(run, stage)
        fate = "survived" if not result.killed else "killed: it hung" if result.hung else "killed"
        say(
            f"{count}/{len(runs)} {fate} {run.seconds:.0f} s {result.module}: {result.before} -> {result.after}"
        )


def report(tried: list[Mutant], survivors: list[Mutant], least: float, seconds: float, cpu: float) -> int:
    """Print how many mutants of each module were killed; return the status of the command."""
    alive, counts = (Counter(mutant.module for mutant in some) for some in (survivors, tried))
    for module in sorted(counts):
        say(f"{module:<50} {counts[module] - alive[module]:>4} of {counts[module]}")
    killed = len(tried) - len(survivors)
    percent = 100 * killed / max(1, len(tried))
    say(
        f"{killed} of {len(tried)} mutants killed, {percent:.1f} %; {least:g} % are asked for\n"
        f"in {seconds / 60:.0f} minutes; the runs on these mutants took {cpu / 60:.0f} minutes of a processor"
    )
    return int(percent < least)


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())

"""How long reading profiles takes, and how much memory.

    python -m tests.benchmarks.profiles [ROWS ...]

An emulator in a process of its own holds the profiles. Prints a table: for each number of profiles, without and with a folder, seconds,
and megabytes at the peak above those before.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import mixpanel_pandas as mpd
from tests.benchmarks.measuring import ROOT, apart, once, say, section, table

if TYPE_CHECKING:
    from collections.abc import Iterator

TITLE = "Reading profiles"

NOTES = """\
- Each profile has 12 properties: text, numbers, a boolean, a date, a list of text, and one of several types. The emulator has a process
  of its own and no latency, so it takes most of the seconds. Mixpanel takes longer for a page.
- The peak is that of the whole process while `read_profiles` runs, above what it held before. It is pages that are read ahead, and the
  64 MB that a frame may hold before it goes to a temporary file."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", type=int, nargs="*", default=[1_000_000])
    parser.add_argument("--serve", action="store_true", help="be the process that holds the profiles")
    chosen = parser.parse_args()
    if chosen.serve:
        serve(chosen.rows[0])
    print(report(tuple(chosen.rows)))


def report(rows: tuple[int, ...] = (1_000_000,)) -> str:
    """Run everything, and return the section."""
    lines = []
    for number in rows:
        with held(number) as project:
            for name, to in (("frame", False), ("frame, pages kept in a folder", True)):
                seconds, cpu, peak = apart(read, project, number, to)
                lines.append(
                    (
                        name,
                        f"{number:,}",
                        f"{seconds:.1f}",
                        f"{cpu:.1f}",
                        f"{number / seconds:,.0f}",
                        f"{peak:,.0f}",
                    )
                )
                say(f"{name:32}{number:12,} profiles{seconds:8.1f} s{peak:8,.0f} MB")
    head = ("", "profiles", "s", "cpu s", "profiles/s", "peak MB above")
    command = f"python -m tests.benchmarks.profiles {' '.join(map(str, rows))}"
    return section(TITLE, command, table(head, lines), NOTES)


def read(project: dict[str, Any], rows: int, to: bool) -> tuple[float, float, float]:
    """Return the seconds on the wall and of the processors, and the megabytes at the peak above those before."""
    mpd.set_project(mpd.Project(**project))
    mpd.read_profiles('properties["plan"] == "nobody has it"')  # what is imported first

    def work() -> None:
        with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
            frame = mpd.read_profiles(to=f"{folder}/profiles" if to else None)
            assert frame.shape == (rows, 12), frame.shape

    return once(work)


@contextmanager
def held(rows: int) -> Iterator[dict[str, Any]]:
    """Start the process that holds so many profiles, and yield the arguments of its project."""
    command = [sys.executable, "-m", "tests.benchmarks.profiles", str(rows), "--serve"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.kill()


def serve(rows: int) -> None:
    """Hold profiles, say where, and never return."""
    with mpd.Emulator(history=1) as emulator:
        emulator._store.kinds[emulator.token, None] = {
            f"user-{number:09}": profile(number) for number in range(rows)
        }
        account = emulator.service_account._asdict()
        project = {"token": emulator.token, "url": emulator.url, "project_id": emulator.project_id, **account}
        print(json.dumps(project), flush=True)
        threading.Event().wait()


def profile(number: int) -> dict[str, Any]:
    return {
        "plan": ("free", "pro", "team")[number % 3],
        "$email": f"user{number}@example.com",
        "$name": f"Name {number % 1000}",
        "country": ("NO", "DE", "BR", "JP")[number % 4],
        "signups": number % 17,
        "spent": number * 0.37,
        "active": number % 2 == 0,
        "renewed": f"2026-{number % 12 + 1:02}-{number % 28 + 1:02}T{number % 24:02}:00:00",
        "tags": ["a", "b", "c"][: number % 4],
        "score": number if number % 100 else "n/a",
        "company": f"Company {number % 5000}",
        "$last_seen": "2026-11-20T10:00:00",
    }


if __name__ == "__main__":
    main()

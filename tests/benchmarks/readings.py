"""What it costs to read text: processor seconds for a million values, of each reading, of a CSV's types, and of the findings.

    python -m tests.benchmarks.readings [VALUES]

Prints a table.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.reading.cleaning import id_findings, read_missing, trimmed
from mixpanel_pandas.reading.inference import inferred
from mixpanel_pandas.reading.looks import looks_like
from mixpanel_pandas.reading.readings import reading
from tests.benchmarks.measuring import measure, medians, section, table

if TYPE_CHECKING:
    from collections.abc import Callable

TITLE = "Reading text"

NOTES = """\
- A column of distinct numbers, dates or times, of 1,000 distinct lists, and of 1,000 distinct objects. "One bad value" is the same
  column with one text that cannot be read, so that nothing is read in one go.
- `list:python`, `list:postgres` with quotes, and `json` cost Python's time for each distinct text, not for each row."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("values", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    chosen = parser.parse_args()
    print(report(chosen.values, chosen.runs))


def report(values: int = 1_000_000, runs: int = 3) -> str:
    """Run everything, and return the section."""
    million = values / 1e6
    lines = []
    for name, column in columns(values).items():
        bad = pa.concat_arrays([column, pa.array(["?!"], column.type)])
        lines.append(
            (
                f"`{name}`",
                column[0].as_py(),
                f"{_seconds(lambda name=name, column=column: reading(name).read(column), runs) / million:.2f}",
                f"{_seconds(lambda name=name, bad=bad: reading(name).read(bad), runs) / million:.2f}",
            )
        )
    texts = columns(values)
    numbers, decimals, dates = texts["number"], texts["number:1.234,5"], texts["date"]
    tasks: dict[str, Callable[[], object]] = {
        "types of a CSV: whole numbers": lambda: inferred(numbers),
        "types of a CSV: dates": lambda: inferred(dates),
        "types of a CSV: text": lambda: inferred(decimals),
        'na="common"': lambda: read_missing(decimals, "common"),
        "trim": lambda: trimmed(decimals),
        "findings of ids": lambda: id_findings(numbers),
        "what 10,000 distinct texts look like, for a million of them": lambda: [
            looks_like(decimals.slice(0, 10_000)) for _ in range(max(1, values // 10_000))
        ],
    }
    others = [(name, f"{_seconds(task, runs) / million:.2f}") for name, task in tasks.items()]
    return section(
        TITLE,
        f"python -m tests.benchmarks.readings {values}",
        f"Processor seconds for a million values, {medians(runs)}.",
        table(("reading", "a value", "all can be read", "one bad value"), lines),
        table(("", "s"), others),
        NOTES,
    )


def _seconds(work: Callable[[], object], runs: int) -> float:
    return measure(work, runs).cpu


def columns(values: int) -> dict[str, pa.Array]:
    """Return the name of a reading -> a column that it reads."""
    random = np.random.default_rng(1)
    texts = pa.large_string()
    cents = random.integers(100_000, 10**8, values)
    whole, rest = pa.array(cents // 100).cast(texts), pa.array(100 + cents % 100).cast(texts)
    rest = pc.utf8_slice_codeunits(rest, 1)
    grouped = pc.replace_substring_regex(whole, "^([0-9]+)([0-9]{3})$", r"\1.\2")
    seconds = random.integers(946_684_800, 1_800_000_000, values)
    times = pa.array(seconds).cast(pa.timestamp("s"))
    dates, clock = times.cast(pa.date32()).cast(texts), pc.strftime(times, "%H:%M:%S").cast(texts)
    swapped = pc.replace_substring_regex(dates, "([0-9]+)-([0-9]+)-([0-9]+)", r"\3/\2/\1")
    of_thousand = pa.array(random.integers(0, 1000, values))

    def joined(*parts: pa.Array | str) -> pa.Array:
        return pc.binary_join_element_wise(
            *(pa.scalar(part, texts) if isinstance(part, str) else part for part in parts),
            pa.scalar("", texts),
        )

    def several(pattern: str) -> pa.Array:
        return pa.array([pattern.replace("#", str(number)) for number in range(1000)], texts).take(
            of_thousand
        )

    return {
        "number": whole,
        "number:0.5": joined(whole, ".", rest),
        "number:1.234,5": joined(grouped, ",", rest),
        "number:money": joined("$", whole, ".", rest),
        "number:percent": joined(whole, "%"),
        "date": dates,
        "date:Europe/Berlin": joined(dates, " 12:00:00"),
        "date:dd/mm/yyyy": swapped,
        "date:dd/mm/yyyy hh:mm:ss": joined(swapped, " ", clock),
        "boolean:Yes/No": pa.array(["yes", "No"], texts).take(pa.array(random.integers(0, 2, values))),
        "list:semicolon": several("red#; green; blue"),
        "list:comma": several('"red, #",green'),
        "list:python": several("['red#', 'green']"),
        "list:postgres": several('{red#,"light green"}'),
        "json": several('{"color": "red", "size": #}'),
    }


if __name__ == "__main__":
    main()

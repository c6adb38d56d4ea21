"""Where the answers of a project differ from the contract, as a table and in words."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from mixpanel_pandas.notebook.show import table_of
from mixpanel_pandas.notebook.tables import Table, TableColumn
from mixpanel_pandas.text import counted, shortened
from tests.live.cases import ABSENT, VALUE
from tests.live.contract import Point, told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.live.contract import Contract
    from tests.live.running import Findings

#: Characters of an answer in the table.
LONGEST = 400

#: Points of a row of the table that are named.
NAMED = 3

_COLUMNS = tuple(map(TableColumn, ("asked", "emulator", "Mixpanel", "source")))

_MISSING = object()


@dataclass(frozen=True)
class Difference:
    """An answer that is not that of the emulator.

    Attributes
    ----------
    answer : Any
        What the project answers.
    """

    point: Point
    answer: Any


@dataclass(frozen=True)
class Comparison:
    """What a run has found."""

    contract: Contract
    findings: Findings

    @property
    def differences(self) -> list[Difference]:
        """The points that are answered in another way."""
        answers = (
            (point, self.findings.answers.get(point.asked, _MISSING)) for point in self.contract.points
        )
        return [
            Difference(point, answer)
            for point, answer in answers
            if answer is not _MISSING and told(answer) != told(point.answer)
        ]

    @property
    def not_asked(self) -> list[Point]:
        """The points without an answer."""
        return [point for point in self.contract.points if point.asked not in self.findings.answers]

    def frame(self) -> pd.DataFrame:
        """Return the differences: a row for each."""
        rows = [
            (difference.point.section, difference.point.asked, shown(difference.point, difference.point.answer), shown(difference.point, difference.answer), difference.point.source)
            for difference in self.differences
        ]  # fmt: skip
        return pd.DataFrame(
            rows, columns=["section", "asked", "emulator", "Mixpanel", "documented"], dtype=object
        )

    def in_words(self, place: str) -> str:
        """Return the table of differences, and what was measured."""
        frame = self.frame()
        counts = Counter(point.section for point in self.contract.points)
        differing, missing = Counter(frame["section"]), Counter(point.section for point in self.not_asked)
        total = pd.DataFrame(
            [(name, counts[name], counts[name] - differing[name] - missing[name], differing[name], missing[name]) for name in counts],
            columns=["section", "points", "as the emulator", "differs", "not asked"],
        )  # fmt: skip
        head = f"{place} and the emulator: {counted(len(frame), 'difference')} in {counted(sum(counts.values()), 'point')}"
        parts = [str(table_of(total, head))]
        if len(frame):
            sources = list(dict.fromkeys(frame["documented"]))
            table = Table(
                _COLUMNS,
                tuple(_rows(frame, sources)),
                "What differs, and where the emulator's answer is documented",
            )
            parts.append(str(table))
            parts.append("\n".join(f"[{number}] {source}" for number, source in enumerate(sources, 1)))
        measured = [_delay(what, delays) for what, delays in self.findings.delays.items()]
        measured += [f"Left of the hour, after {asked!r}: {left}" for asked, left in self.findings.limits]
        return "\n\n".join([*parts, "\n".join(measured)])


def _rows(frame: pd.DataFrame, sources: list[str]) -> Iterator[tuple[str, str, str, str]]:
    """Yield the rows of the table. Points with the same answers stand in one row."""
    for (emulator, answer), rows in frame.groupby(["emulator", "Mixpanel"], sort=False):
        asked, more = rows["asked"].tolist(), len(rows) - NAMED
        words = "; ".join([*asked[:NAMED], *([f"and {more:,} more"] if more > 0 else [])])
        numbers = (f"[{sources.index(source) + 1}]" for source in dict.fromkeys(rows["documented"]))
        yield words, emulator, answer, " ".join(numbers)


def _delay(what: str, delays: list[tuple[float, int, int]]) -> str:
    """Return how long it took until writes could be read, in words: the readings that show more than those before, and the last.

    >>> _delay("updates", [(0, 1, 9), (5, 1, 9), (20, 9, 9)])
    'Read after write, updates: 1 of 9 after 0 s, 9 of 9 after 20 s'
    """
    counts = [None, *(there for _seconds, there, _total in delays)]
    steps = [
        f"{there:,} of {total:,} after {seconds:.0f} s"
        for place, (seconds, there, total) in enumerate(delays)
        if there != counts[place] or place == len(delays) - 1
    ]
    return f"Read after write, {what}: {', '.join(steps) or 'not measured'}"


def shown(point: Point, answer: Any) -> str:
    """Return an answer for people.

    >>> point = Point("updates", "", None, "")
    >>> shown(point, {"mpd_live": 7}), shown(point, {}), shown(point, None)
    ('7', 'absent', 'no profile')
    """
    if point.section == "updates":
        if answer is None:
            return "no profile"
        if isinstance(answer, dict) and answer.keys() <= {VALUE}:
            answer = answer.get(VALUE, ABSENT)
        if answer is ABSENT:
            return "absent"
    text = json.dumps(answer, ensure_ascii=False)
    if len(text) <= LONGEST:
        return text
    return f"{shortened(text, LONGEST)} ({len(text):,} characters)"

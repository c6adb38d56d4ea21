"""The emulator as somebody who is asked, without sockets and pauses."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.live.contract import contract
from tests.live.running import new_prefix
from tests.live.subject import Subject

if TYPE_CHECKING:
    from mixpanel_pandas.emulator import Emulator

GROUP = "company"

#: Every case, and a few of them.
WHOLE = contract(groups=True, lasting=True)
FEW = replace(
    WHOLE,
    cases=WHOLE.cases[:40],
    exchanges=WHOLE.exchanges[:3],
    selectors=WHOLE.selectors[:2],
    questions=WHOLE.questions[:12],
)


class Clock:
    """A time that passes only when somebody sleeps."""

    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def subject_of(emulator: Emulator, clock: Clock | None = None, *, group: bool = True) -> Subject:
    """Return an emulator as a subject."""
    clock = clock or Clock()
    project = replace(emulator.project, adapter=emulator.adapter())
    key = (GROUP, emulator.data_group_id(GROUP)) if group else None
    return Subject(project, new_prefix(), key, sleep=clock.sleep, clock=clock)

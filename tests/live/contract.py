"""All cases together, as points: what is asked, what the emulator answers, and where that is documented."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.live.cases import RUN, SILENT, Exchange, ProfileCase, Properties, Question, Selector, filled, slug
from tests.live.exchanges import GROUP_EXCHANGES, USER_EXCHANGES
from tests.live.questions import GROUP_QUESTIONS, QUESTIONS, READERS
from tests.live.selectors import SELECTORS, crowd
from tests.live.updates import GROUPS, USERS

#: The answer to a batch of good updates.
_BATCH = [[200, {"error": None, "status": 1}]]


@dataclass(frozen=True)
class Point:
    """Something that is compared.

    Attributes
    ----------
    asked : str
        What is asked, in words. It is unique.
    answer : Any
        What the emulator answers.
    source : str
        Where that is documented.
    """

    section: str
    asked: str
    answer: Any
    source: str


@dataclass(frozen=True)
class Contract:
    """The cases of a run."""

    cases: tuple[ProfileCase, ...]
    exchanges: tuple[Exchange, ...]
    selectors: tuple[Selector, ...]
    questions: tuple[Question, ...]

    @property
    def points(self) -> list[Point]:
        """What is compared, in the order in which it is shown."""
        return [
            *(Point("batches", f"batches of {kind}", _BATCH, SILENT) for kind in ("first values", "updates")),
            *(Point("updates", case.name, case.after, case.source) for case in self.cases),
            *(Point("answers", case.name, answer_of(case), case.source) for case in self.exchanges),
            *(Point("answers", profiles_of(case), case.there, case.source) for case in self.exchanges if ids_of(case)),
            *(Point("selectors", selector_name(row), row.found, row.source) for row in self.selectors),
            *(Point("queries", case.name, case.answer, case.source) for case in self.questions),
        ]  # fmt: skip

    def seeds(self, *, group: bool) -> dict[str, Properties]:
        """Return the profiles to write first: end of the id -> properties."""
        seeds = {
            case.key: case.before for case in self.cases if case.group is group and case.before is not None
        }
        if not group:
            seeds |= READERS | crowd(self.selectors)
        return {end: {**properties, RUN: "{id}"} for end, properties in seeds.items()}

    def watched(self, *, group: bool) -> list[str]:
        """Return the ends of the ids whose profiles are compared."""
        ends = [case.key for case in self.cases if case.group is group]
        exchanges = [case for case in self.exchanges if (case.endpoint == "groups") is group]
        return list(dict.fromkeys([*ends, *(end for case in exchanges for end in ids_of(case))]))

    def ends(self, *, group: bool) -> list[str]:
        """Return the ends of all ids that the run can leave behind."""
        return list(dict.fromkeys([*self.seeds(group=group), *self.watched(group=group), "g"]))


def contract(*, groups: bool, lasting: bool) -> Contract:
    """Return the cases of a run.

    Parameters
    ----------
    groups : bool
        Whether a group key is configured.
    lasting : bool
        Whether cases run that leave much behind.
    """
    cases = (*USERS, *(GROUPS if groups else ()))
    return Contract(
        tuple(case for case in cases if lasting or not case.lasting),
        (*USER_EXCHANGES, *(GROUP_EXCHANGES if groups else ())),
        SELECTORS,
        (*QUESTIONS, *(GROUP_QUESTIONS if groups else ())),
    )


def selector_name(selector: Selector) -> str:
    """Return what a selector asks, in words."""
    return f"where {selector.where}"


def profiles_of(exchange: Exchange) -> str:
    """Return the words for the profiles that a request leaves."""
    return f"{exchange.name}: profiles"


def body_of(exchange: Exchange) -> Any:
    """Return the body of a request, with the name of the case in its ids."""
    return filled(exchange.body, case=slug(exchange.name))


def answer_of(exchange: Exchange) -> Any:
    """Return the answer to a request, with the name of the case in its ids."""
    return filled(exchange.answer, case=slug(exchange.name))


def ids_of(exchange: Exchange) -> list[str]:
    """Return the ends of the ids in a request."""
    body = body_of(exchange)
    records = [] if isinstance(body, str) else body if isinstance(body, list) else [body]
    ids = [record.get(name) for record in records for name in ("$distinct_id", "$group_id")]
    return list(dict.fromkeys(one.removeprefix("{id}") for one in ids if one))


def told(answer: Any) -> str:
    """Return an answer as text, by which answers are compared: 1 and 1.0 are two.

    >>> told({"b": 1.0, "a": (True, None)})
    '{"a": [true, null], "b": 1.0}'
    """
    return json.dumps(answer, sort_keys=True, ensure_ascii=False)

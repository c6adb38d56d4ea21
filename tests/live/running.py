"""A run: write first values, wait until they can be read, update, wait again, then ask."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

from tests.live.cases import FAMILY, ProfileCase, filled, slug
from tests.live.contract import body_of, ids_of, profiles_of, selector_name, told
from tests.live.selectors import DOUBTFUL, condition, found_by
from tests.live.subject import CannotAnswer, QueriesSpent
from tests.live.updates import ENVELOPE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tests.live.cases import Exchange, Properties, Question, Selector
    from tests.live.contract import Contract
    from tests.live.subject import Answer, Subject


@dataclass(frozen=True)
class Patience:
    """Seconds after a write at which Mixpanel is read, until it shows what was written. Each reading is a query.

    Attributes
    ----------
    writing : tuple of float
        After updates.
    deleting : tuple of float
        After deletes. What is seen at once proves nothing: an update on its way may make a profile again.
    """

    writing: tuple[float, ...] = (0.0, 5.0, 20.0, 60.0, 180.0)
    deleting: tuple[float, ...] = (20.0, 60.0, 180.0)


#: An emulator shows everything at once.
FOR_MIXPANEL, FOR_EMULATOR = Patience(), Patience((0.0,), (0.0,))

#: Updates in a request, as Mixpanel recommends.
#: https://docs.mixpanel.com/docs/data-structure/user-profiles
BATCH = 200

_PARAMETERS = "ip=0&verbose=1"
_NOBODY = {"stranger": secrets.token_hex(16), "stranger_project": "999999999"}


def new_prefix() -> str:
    """Return the prefix of the ids of a run."""
    return f"{FAMILY}{secrets.token_hex(4)}-"


@dataclass
class Findings:
    """What was answered.

    Attributes
    ----------
    answers : dict
        What was asked -> the answer. What could not be asked is missing.
    delays : dict
        What was written -> seconds after it, profiles that were read as they should, and how many there are.
    limits : list of (str, str)
        What was asked, and what is left of the hour's queries by the header of the answer.
    """

    answers: dict[str, Any] = field(default_factory=dict)
    delays: dict[str, list[tuple[float, int, int]]] = field(default_factory=dict)
    limits: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Run:
    """One run of a contract against one subject.

    Parameters
    ----------
    expected : dict, optional
        What was asked -> the answer for which the run is patient. By default nothing: what is read first counts.
    patience : Patience
        When profiles are read.
    say : callable
        Takes a line for who watches.
    """

    subject: Subject
    contract: Contract
    expected: dict[str, Any] | None = None
    patience: Patience = FOR_MIXPANEL
    say: Callable[[str], None] = lambda _text: None
    findings: Findings = field(default_factory=Findings)

    def carry_out(self) -> Findings:
        """Ask everything, as far as the queries of the hour go."""
        self._write_first_values()
        self._update()
        for exchange in self.contract.exchanges:
            self._exchange(exchange)
        self._compare_profiles()
        try:
            self._ask_questions()
            self._ask_selectors()
        except QueriesSpent:
            self.say("the queries of the hour are used up: the rest is not asked")
        return self.findings

    @property
    def _kinds(self) -> tuple[bool, ...]:
        return (False, True) if self.subject.group else (False,)

    def _filled(self, value: Any) -> Any:
        return filled(value, **self.subject.texts, **_NOBODY)

    # -- writing ------------------------------------------------------------------------------------------------------

    def _write_first_values(self) -> None:
        answers = []
        for group in self._kinds:
            seeds = self.contract.seeds(group=group)
            records = [
                self._record(end, {"$set": properties}, group=group) for end, properties in seeds.items()
            ]
            for start in range(0, len(records), BATCH):
                batch = records[start : start + BATCH]
                answers.append(self._write(batch, _PARAMETERS, group=group, idempotent=True))
            self.say(f"wrote {len(seeds):,} profiles of {'a group' if group else 'users'}")
        self._keep_batches("batches of first values", answers)
        watched = {
            group: [
                case.key for case in self.contract.cases if case.group is group and case.before is not None
            ]
            for group in self._kinds
        }
        total = sum(map(len, watched.values()))
        there = self._read_until("first values", watched, lambda there: total - len(there))
        if there is None:
            raise QueriesSpent
        if not there:
            msg = "none of the profiles that were written can be read: is the token that of the project with this number?"
            raise CannotAnswer(msg)

    def _update(self) -> None:
        answers = []
        for group in self._kinds:
            cases = [case for case in self.contract.cases if case.group is group]
            together = sorted((case for case in cases if not case.alone), key=lambda case: case.parameters)
            for parameters, some in groupby(together, key=lambda case: case.parameters):
                batches = cut([self._records(case) for case in some], BATCH)
                answers += [self._write(batch, parameters, group=group) for batch in batches]
            for case in cases:
                if case.alone:
                    self._write(self._records(case), case.parameters, group=group)
        self._keep_batches("batches of updates", answers)

    def _exchange(self, exchange: Exchange) -> None:
        body = self._filled(body_of(exchange))
        if exchange.times > 1:
            body = body * exchange.times
        answer = self.subject.write(exchange.endpoint, body, exchange.parameters, exchange.encoding)
        self.findings.answers[exchange.name] = _said(answer)

    def _keep_batches(self, asked: str, answers: Iterable[Answer]) -> None:
        different = {told(_said(answer)): list(_said(answer)) for answer in answers}
        self.findings.answers[asked] = list(different.values())

    def _record(self, end: str, operator: Properties, *, group: bool) -> Properties:
        names = (
            {"$group_key": "{group}", "$group_id": f"{{id}}{end}"}
            if group
            else {"$distinct_id": f"{{id}}{end}"}
        )
        record = {"$token": "{token}", **names, **ENVELOPE, **operator}
        return self._filled(
            {name: value for name, value in record.items() if name not in ENVELOPE or value is not None}
        )

    def _records(self, case: ProfileCase) -> list[Properties]:
        return [self._record(case.key, dict(update), group=case.group) for update in case.updates]

    def _write(
        self, records: list[Properties], parameters: str, *, group: bool, idempotent: bool = False
    ) -> Answer:
        endpoint = "groups" if group else "engage"
        return self.subject.write(endpoint, records, parameters, idempotent=idempotent)

    # -- reading until it is there -------------------------------------------------------------------------------------

    def _read_until(
        self, what: str, ends: dict[bool, list[str]], missing: Callable[[dict[str, Properties]], int]
    ) -> dict[str, Properties] | None:
        """Read profiles until none is `missing` or the patience is over. None: no query was left."""
        began, total, there = self.subject.clock(), sum(map(len, ends.values())), None
        delays = self.findings.delays.setdefault(what, [])
        for at in self.patience.writing:
            self.subject.sleep(max(0.0, at - (self.subject.clock() - began)))
            try:
                there = self._read(ends)
            except QueriesSpent:
                break
            seconds, left = self.subject.clock() - began, missing(there)
            delays.append((seconds, total - left, total))
            self.say(f"{what}: after {seconds:.0f} s {total - left:,} of {total:,} are read as written")
            if not left:
                break
        return there

    def _read(self, ends: dict[bool, list[str]]) -> dict[str, Properties]:
        """Return profiles by the ends of their ids."""
        prefix, found = self.subject.prefix, {}
        for group in self._kinds:
            if not ends[group]:
                continue
            number = self.subject.group[1] if group and self.subject.group else None
            found |= self.subject.profiles([prefix + end for end in ends[group]], number)
        return {identity.removeprefix(prefix): properties for identity, properties in found.items()}

    def _compare_profiles(self) -> None:
        """Read the profiles of all cases until they are as expected, and keep what they are."""

        def missing(there: dict[str, Properties]) -> int:
            answers = dict(self._answers_of(there))
            return (
                sum(told(answer) != told(self.expected.get(asked)) for asked, answer in answers.items())
                if self.expected
                else 0
            )

        watched = {group: self.contract.watched(group=group) for group in self._kinds}
        there = self._read_until("updates", watched, missing)
        if there is not None:
            self.findings.answers |= dict(self._answers_of(there))

    def _answers_of(self, there: dict[str, Properties]) -> Iterator[tuple[str, Any]]:
        for case in self.contract.cases:
            yield case.name, case.answer(there.get(case.key))
        for exchange in self.contract.exchanges:
            if ids := ids_of(exchange):
                short = slug(exchange.name)
                yield (
                    profiles_of(exchange),
                    tuple(end.removeprefix(f"{short}-") for end in ids if end in there),
                )

    # -- asking -------------------------------------------------------------------------------------------------------

    def _ask_selectors(self) -> None:
        sure = [row for row in self.contract.selectors if row.function not in DOUBTFUL]
        for rows in (sure, *([row] for row in self.contract.selectors if row.function in DOUBTFUL)):
            self._ask_rows(rows)

    def _ask_rows(self, rows: list[Selector]) -> None:
        """Ask some selectors in one query. If it is refused, ask each half of them."""
        answer = self._ask({"where": condition(rows), "output_properties": []}, "/api/query/engage")
        results = answer.content.get("results") if isinstance(answer.content, dict) else None
        if isinstance(results, list):
            ends = {answer.end_of(row["$distinct_id"]) for row in results}
            self.findings.answers |= {selector_name(row): found_by(row, ends) for row in rows}
        elif len(rows) == 1:
            self.findings.answers[selector_name(rows[0])] = [answer.status, _error_of(answer)]
        else:
            self.say(f"one of {len(rows)} selectors is refused: asking each half of them")
            self._ask_rows(rows[: len(rows) // 2])
            self._ask_rows(rows[len(rows) // 2 :])

    def _ask_questions(self) -> None:
        asked: dict[str, Answer] = {}
        session = ""
        for question in self.contract.questions:
            parameters = filled(question.parameters, session=session)
            request = told([question.path, question.how, question.login, question.project, parameters])
            if request not in asked:
                asked[request] = self._ask(parameters, question.path, question)
                if left := asked[request].headers.get("RateLimit"):
                    self.findings.limits.append((question.name, left))
            answer = asked[request]
            if isinstance(answer.content, dict):
                session = answer.content.get("session_id", session)
            self.findings.answers[question.name] = question.view(answer)

    def _ask(self, parameters: Any, path: str, question: Question | None = None) -> Answer:
        how, login = (question.how, question.login) if question else ("form", "account")
        project = self._filled(question.project) if question else None
        return self.subject.read(path, self._filled(dict(parameters)), how, login, project)


def _said(answer: Answer) -> tuple[int, Any]:
    """Return the status and the body of an answer."""
    return answer.status, answer.text[:200] if answer.content is None else answer.content


def _error_of(answer: Answer) -> Any:
    """Return the error that an answer names, else its body."""
    content = answer.content
    return content["error"] if isinstance(content, dict) and "error" in content else _said(answer)[1]


def cut(groups: list[list[Properties]], most: int) -> Iterator[list[Properties]]:
    """Yield batches of at most `most` records. The records of a group stay together.

    >>> [len(batch) for batch in cut([[{}, {}], [{}], [{}, {}]], 3)]
    [3, 2]
    """
    batch: list[Properties] = []
    for group in groups:
        if batch and len(batch) + len(group) > most:
            yield batch
            batch = []
        batch = batch + group
    if batch:
        yield batch

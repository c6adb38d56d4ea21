"""The emulator keeps its contract, and the suite that compares a real Mixpanel with it finds what differs."""

from __future__ import annotations

import doctest
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

from mixpanel_pandas.emulator import Emulator, StrictShape
from mixpanel_pandas.emulator.selector import FUNCTIONS
from mixpanel_pandas.emulator.store import EFFECTS, Store
from mixpanel_pandas.rules.limits import LIMITS
from mixpanel_pandas.rules.operators import OPERATORS
from tests.live.cases import FAMILY
from tests.live.comparing import Comparison, shown
from tests.live.contract import Contract, contract, told
from tests.live.emulated import FEW, GROUP, WHOLE, Clock, subject_of
from tests.live.running import Findings, Run, cut
from tests.live.selectors import DOUBTFUL, SELECTORS
from tests.live.subject import PAUSE, CannotAnswer, Foreign, refuse_foreign
from tests.live.updates import EDGES

if TYPE_CHECKING:
    from collections.abc import Callable

ANSWERS = {point.asked: point.answer for point in WHOLE.points}


def compared(emulator: Emulator, clock: Clock | None = None, contract: Contract = WHOLE) -> Comparison:
    """Return what a run against an emulator finds."""
    run = Run(subject_of(emulator, clock), contract, ANSWERS)
    return Comparison(contract, run.carry_out())


def differing(found: Comparison) -> dict[str, Any]:
    """Return what was asked -> the answer, where it is not that of the contract."""
    return {difference.point.asked: difference.answer for difference in found.differences}


# -- the contract -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def kept() -> Comparison:
    return compared(Emulator(whole_seconds=True))


@pytest.mark.parametrize("section", dict.fromkeys(point.section for point in WHOLE.points))
def test_the_emulator_keeps_the_contract(kept: Comparison, section: str) -> None:
    frame = kept.frame()
    assert frame[frame["section"] == section].to_dict("records") == []
    assert [point.asked for point in kept.not_asked if point.section == section] == []


@pytest.mark.parametrize("module", ["cases", "comparing", "contract", "running", "selectors"])
def test_the_examples_of_the_suite(module: str) -> None:
    failed, tried = doctest.testmod(import_module(f"tests.live.{module}"))
    assert tried > failed == 0


def test_every_point_is_asked_once_and_names_its_source() -> None:
    asked = [point.asked for point in WHOLE.points]
    assert len(asked) == len(set(asked)) > 600
    assert all(point.source for point in WHOLE.points)


def test_every_id_belongs_to_one_case() -> None:
    ends = [case.key for case in WHOLE.cases]
    assert len(ends) == len(set(ends))
    assert not set(WHOLE.ends(group=False)) & set(WHOLE.ends(group=True)) - {"g"}


def test_profiles_are_read_in_one_query_of_one_page() -> None:
    assert len(WHOLE.watched(group=False)) < 1000
    assert len(WHOLE.watched(group=True)) < 1000


def test_every_function_of_the_selectors_has_a_case() -> None:
    assert {selector.function for selector in SELECTORS} == FUNCTIONS.keys() > DOUBTFUL


def test_every_operator_has_a_case() -> None:
    names = {name for case in WHOLE.cases for update in case.updates for name in update}
    assert {operator.name for operator in OPERATORS.values()} <= names


def test_every_limit_of_values_has_a_case() -> None:
    of_requests = {"update_bytes", "row_bytes", "request_updates", "request_bytes", "id_bytes"}
    of_cases = {"properties", "name_characters", "latitude", "longitude", "time_seconds", "item_characters"}
    assert EDGES.keys() | of_requests | of_cases == LIMITS.keys()


def test_few_names_of_properties_stay_in_a_project() -> None:
    """Mixpanel keeps them in the Lexicon of the project when the profiles are gone."""
    short = contract(groups=True, lasting=False)
    emulator = Emulator()
    Run(subject_of(emulator), short).carry_out()
    names = {
        name
        for group in (None, GROUP)
        for name in emulator.profiles(group).columns
        if not name.startswith("$")
    }
    assert len(names) <= 12
    assert all(name.startswith("mpd_live") for name in names)
    assert [case.name for case in WHOLE.cases if case.lasting] == ["2,001 properties"]
    assert not any(case.group for case in contract(groups=False, lasting=True).cases)


# -- what it costs, and what it leaves --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "message"),
    [
        pytest.param({"$distinct_id": "ann", "$set": {}}, r"\$distinct_id 'ann' does not begin with", id="another user"),
        pytest.param({"$group_id": "acme", "$set": {}}, r"\$group_id 'acme' does not begin with", id="another group"),
        pytest.param({"$distinct_id": FAMILY, "$set": {"$vwo_user_id": "x"}}, r"\$vwo_user_id makes its value an alias", id="an alias"),
    ],
)  # fmt: skip
def test_what_belongs_to_others_is_never_sent(record: dict[str, Any], message: str) -> None:
    emulator = Emulator()
    with pytest.raises(Foreign, match=message):
        subject_of(emulator).write("engage", [record], "ip=0")
    assert not emulator.requests
    refuse_foreign([{"$distinct_id": f"{FAMILY}a", "$set": {"mpd_live": 1}}, {"$token": "x"}])


def test_updates_of_one_case_travel_together() -> None:
    assert [len(batch) for batch in cut([[{}, {}], [{}], [{}, {}], [{}] * 4], 3)] == [3, 2, 4]


# -- what differs -----------------------------------------------------------------------------------------------------


def _removes_all(old: Any, values: Any) -> Any:
    return {
        name: [item for item in value if item != values[name]] if name in values and isinstance(value, list) else value
        for name, value in (old or {}).items()
    }  # fmt: skip


def _applies_trimmed(self: Store, record: Any, **terms: Any) -> None:
    _apply(self, {**record, "$distinct_id": record.get("$distinct_id", "").strip()}, **terms)


_apply = Store.apply


def _refuses(emulator: Emulator, text: str, status: int = 400) -> None:
    emulator.fail(
        status, on="read", when=lambda request: text in str(request.fields) + request.path, times=None
    )


def _nothing(_emulator: Emulator, _patch: pytest.MonkeyPatch) -> None:
    pass


#: How a Mixpanel differs -> its switches, what is changed, and what the suite has to find: all of it, or a part of much.
OTHERS: dict[str, tuple[dict[str, Any], Callable[[Emulator, pytest.MonkeyPatch], None], dict[str, Any], int]] = {
    "it names errors in an object": (
        {"strict": StrictShape(naming="errors")},
        _nothing,
        {
            "strict: good and bad records": (200, {"error": None, "errors": {"1": ["$token, missing or empty"]}, "num_good_events": 2, "status": 1}),
            "strict: a bad record": (200, {"error": None, "errors": {"0": ["$token, missing or empty"]}, "num_good_events": 0, "status": 1}),
        },
        2,
    ),
    "it applies nothing of a bad request": (
        {"strict": StrictShape(partial=False)},
        _nothing,
        {"strict: good and bad records: profiles": ()},
        2,  # and the count
    ),
    "it answers milliseconds": (
        {"whole_seconds": False},
        _nothing,
        {
            "$created with milliseconds": {"$created": "2026-01-02T03:04:05.678"},
            "$set a date with Z": {"mpd_live": "2026-01-02T03:04:05Z"},
            "group: $remove 'a': a date": {"mpd_live": "2026-01-02T03:04:05.678"},
        },
        53,
    ),
    "its pages are smaller": (
        {"page_size": 700},
        _nothing,
        {"distinct_id of nobody": {"page": 0, "page_size": 700, "status": "ok", "total": 0}},
        2,
    ),
    "it removes every occurrence": (
        {},
        lambda _emulator, patch: patch.setitem(EFFECTS, "remove", _removes_all),
        {"$remove 'a': a list": {"mpd_live": [1]}, "group: $remove 'a': a list": {"mpd_live": [1]}},
        4,  # and an empty profile for nobody
    ),
    "it trims ids": (
        {},
        lambda _emulator, patch: patch.setattr(Store, "apply", _applies_trimmed),
        {"an id with blanks around": None},
        1,
    ),
    "it does not know floor": (
        {},
        lambda emulator, _patch: _refuses(emulator, "floor("),
        {"where floor(P) == 2": [400, "the selector cannot be read"]},
        1,
    ),
    "it does not know a function that is asked with others": (
        {},
        lambda emulator, _patch: _refuses(emulator, " list("),
        {'where "a" in list(P)': [400, "the selector cannot be read"]},
        1,
    ),
    "its plan has no statistics": (
        {},
        lambda emulator, _patch: _refuses(emulator, "engage/stats", 402),
        {"engage/stats: count()": (402, ["error", "request"])},
        2,
    ),
}  # fmt: skip


#: Those that the quick subset tries.
QUICK = ("it removes every occurrence", "it does not know a function that is asked with others")


@pytest.mark.parametrize(
    "other", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in OTHERS]
)
def test_what_differs_is_found(other: str, monkeypatch: pytest.MonkeyPatch) -> None:
    switches, change, differences, count = OTHERS[other]
    emulator = Emulator(**{"whole_seconds": True} | switches)
    change(emulator, monkeypatch)
    found = compared(emulator)
    answers = differing(found)
    assert {asked: answers.get(asked, "as the emulator") for asked in differences} == differences
    assert len(answers) == count
    assert not found.not_asked


TABLE = """\
eu and the emulator: 3 differences in {points} points
section    points  as the emulator  differs  not asked
batches         2                2        0          0
updates       564              564        0          0
answers        71               71        0          0
selectors      39               38        1          0
queries        29               27        2          0

What differs, and where the emulator's answer is documented
asked                          emulator                       Mixpanel                        source
where floor(P) == 2            ["fraction"]                   [400, "the selector cannot be   [1]
                                                              read"]
page 0: what it says of        {{"page": 0, "page_size":       {{"page": 0, "page_size": 700,   [2]
itself                         1000, "status": "ok",          "status": "ok", "total": 3}}
                               "total": 3}}
distinct_id of nobody          {{"page": 0, "page_size":       {{"page": 0, "page_size": 700,   [2]
                               1000, "status": "ok",          "status": "ok", "total": 0}}
                               "total": 0}}

[1] https://docs.mixpanel.com/reference/segmentation-expressions
[2] https://developer.mixpanel.com/reference/engage-query

Read after write, first values: 550 of 550 after 0 s
Read after write, updates: 604 of 604 after 0 s"""


def test_the_table_of_what_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    emulator = Emulator(whole_seconds=True, page_size=700)
    _refuses(emulator, "floor(")
    text = compared(emulator).in_words("eu")
    assert [line.rstrip() for line in text.splitlines()] == TABLE.format(
        points=len(WHOLE.points)
    ).splitlines()


def test_answers_that_differ_in_their_type_alone_differ() -> None:
    assert told({"n": 1}) != told({"n": 1.0}) != told({"n": True}) != told({"n": "1"})
    assert told({"a": (1, 2), "b": 3}) == told({"b": 3, "a": [1, 2]})


def test_a_number_of_another_type_is_a_difference() -> None:
    found = Comparison(
        WHOLE, Findings({"$add 2: absent": {"mpd_live": 2.0}, "$add 2: a number": {"mpd_live": 4.5}})
    )
    assert differing(found) == {"$add 2: absent": {"mpd_live": 2.0}}
    assert found.frame()[["emulator", "Mixpanel"]].to_numpy().tolist() == [["2", "2.0"]]


def test_points_with_the_same_answers_stand_in_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    asked = [f"$set 7: {before}" for before in ("absent", "null", "a number", "a text", "a list")]
    found = Comparison(WHOLE, Findings({name: {"mpd_live": "7"} for name in asked}))
    assert len(found.frame()) == 5
    lines = [" ".join(line.split()) for line in found.in_words("eu").splitlines()]
    assert '$set 7: absent; $set 7: null; $set 7: a number; and 2 more 7 "7" [1]' in lines


def test_a_long_answer_is_shown_with_its_length() -> None:
    point = next(point for point in WHOLE.points if point.asked == "$set 8,193 bytes")
    assert shown(point, {"mpd_live": "x" * 300}) == '"' + "x" * 300 + '"'
    assert shown(point, point.answer).endswith("… (8,195 characters)")
    assert [shown(point, answer) for answer in (None, {}, {"mpd_live": 7})] == ["no profile", "absent", "7"]


def test_how_long_it_takes_until_writes_are_read() -> None:
    clock = Clock()
    found = compared(Emulator(whole_seconds=True, read_delay=30, clock=clock), clock, FEW)
    assert not found.differences
    values = found.findings.delays["first values"]
    assert [(seconds, there) for seconds, there, _total in values] == [
        (0, 0),
        (5, 0),
        (20, 0),
        (60, values[0][2]),
    ]
    assert [seconds for seconds, _there, _total in found.findings.delays["updates"]] == [0, 5, 20, 60]


def test_without_queries_the_rest_is_not_asked() -> None:
    found = compared(Emulator(whole_seconds=True, queries_per_hour=5), contract=FEW)
    assert not found.differences
    assert {point.section for point in found.not_asked} == {"selectors", "queries"}
    subject = subject_of(Emulator(whole_seconds=True))
    subject.queries = 1
    found = Comparison(FEW, Run(subject, FEW, ANSWERS).carry_out())
    assert {point.section for point in found.not_asked} == {"updates", "answers", "selectors", "queries"}
    assert subject.spent == 1


def test_a_token_of_another_project_is_noticed() -> None:
    emulator = Emulator()
    subject = subject_of(emulator, group=False)
    subject.project = replace(subject.project, token="f" * 32)
    with pytest.raises(CannotAnswer, match="is the token that of the project"):
        Run(subject, contract(groups=False, lasting=False)).carry_out()


def test_what_is_left_of_the_hour_is_kept() -> None:
    """Mixpanel may say it with each answer. The emulator says it with a refusal alone."""
    emulator = Emulator(whole_seconds=True)
    left = {"RateLimit": '"project";r=29;t=3600'}
    emulator.fail(
        403,
        on="read",
        when=lambda request: "stats" in request.path,
        headers=left,
        times=1,
    )
    found = compared(emulator)
    assert found.findings.limits == [("engage/stats: count()", left["RateLimit"])]
    assert f"Left of the hour, after 'engage/stats: count()': {left['RateLimit']}" in found.in_words("eu")


# -- answers that are no answers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "details"),
    [
        pytest.param(503, {"on": "read"}, id="a reading fails once"),
        pytest.param("reset", {"on": "read"}, id="a connection for reading is lost once"),
        pytest.param(503, {}, id="first values fail once"),
        pytest.param("reset", {"applied": True}, id="a connection for first values is lost once"),
        pytest.param(429, {"skip": 1, "retry_after": 7}, id="updates come too fast once"),
        pytest.param("refused", {"skip": 1}, id="nobody takes updates once"),
    ],
)
def test_what_can_be_asked_again_is_asked_again(fault: str | int, details: dict[str, Any]) -> None:
    clock, emulator = Clock(), Emulator(whole_seconds=True)
    emulator.fail(fault, **details)
    subject = subject_of(emulator, clock)
    found = Comparison(FEW, Run(subject, FEW, ANSWERS).carry_out())
    assert differing(found) == {}
    assert clock.now - Clock.now == (7 if "retry_after" in details else PAUSE)


def test_updates_are_not_sent_twice() -> None:
    """Whether they were applied is not known, and some of them do harm when they are applied twice."""
    emulator = Emulator(whole_seconds=True)
    emulator.fail("reset", skip=1, applied=True)
    subject = subject_of(emulator)
    with pytest.raises(CannotAnswer, match=r"gives no clear answer: .*[Rr]eset"):
        Run(subject, FEW).carry_out()
    assert subject.requests == len(emulator.requests)


def test_an_answer_that_asks_for_a_long_pause_is_not_waited_for() -> None:
    clock, emulator = Clock(), Emulator(whole_seconds=True)
    emulator.fail(429, on="read", retry_after=3000, skip=4)
    found = Comparison(FEW, Run(subject_of(emulator, clock), FEW, ANSWERS).carry_out())
    assert clock.now == Clock.now
    assert found.not_asked
    assert not found.differences

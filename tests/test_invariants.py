"""Whatever goes wrong on the way: the summary tells the truth about every row.

Random frames meet random faults in process; what the emulator says that it applied is held against the summary.
``--hypothesis-profile=thorough`` tries thousands of them.
"""

from __future__ import annotations

import math
import random
import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from requests.adapters import BaseAdapter

import mixpanel_pandas as mpd
from mixpanel_pandas.rules.operators import OPERATORS
from tests.examples import examples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EXAMPLES = examples(300)

OUTCOMES = ["accepted", "rejected", "unknown", "not_sent", "invalid", "skipped"]

#: Faults as `Emulator.fail` takes them; ``applied`` only where the decision table says that updates may be applied.
FAULTS: list[dict[str, Any]] = [
    {"fault": "refused"},
    {"fault": "unresolved"},
    {"fault": "connect_timeout"},
    {"fault": "tls"},
    {"fault": "reset", "applied": False},
    {"fault": "reset", "applied": True},
    {"fault": "closed", "applied": True},
    {"fault": "timeout", "applied": True},
    {"fault": "delay", "seconds": 5},
    {"fault": 408, "applied": True},
    {"fault": 429},
    {"fault": 429, "retry_after": 3},
    {"fault": 429, "retry_after": "Wed, 21 Oct 2015 07:28:00 GMT"},
    {"fault": 429, "retry_after": "soon"},
    {"fault": 500, "applied": True},
    {"fault": 502, "body": "<html>Bad Gateway</html>"},
    {"fault": 503, "applied": True},
    {"fault": 504},
    {"fault": "too_large", "limit": 400},
    {"fault": 302, "location": "http://127.0.0.1:1/"},
    {"fault": 401},
    {"fault": 403},
    {"fault": "rejected"},
    {"fault": "zero"},
    {"fault": "garbage"},
    {"fault": "truncated"},
    {"fault": "stalled"},
    {"fault": "echo"},
    {"fault": "content_type", "kind": "text/html"},
    {"fault": "shuffle", "seed": 3},
    *(
        {
            "fault": "refuse",
            "record": lambda record: str(record["$distinct_id"]) in "ace",
            "naming": naming,
            "partial": partial,
        }
        for naming in ("index", "id", "text", "nobody")
        for partial in (True, False)
    ),
]

faults = st.tuples(st.sampled_from(FAULTS), st.integers(0, 3), st.sampled_from([1, 1, 2, None]))


@pytest.fixture
def emulator() -> Iterator[mpd.Emulator]:
    """A Mixpanel without sockets: the adapter raises what the network would raise."""
    emulator = mpd.Emulator()
    with mpd.set_project(project(emulator, emulator.adapter())):
        yield emulator


def project(emulator: mpd.Emulator, adapter: BaseAdapter) -> mpd.Project:
    return mpd.Project(emulator.token, url=emulator.url, timeout=1, retries=2, backoff=0, adapter=adapter)


def number_of(record: dict[str, Any]) -> int:
    """Return the row that a record was made of."""
    operand = next(record[operator.name] for operator in OPERATORS.values() if operator.name in record)["n"]
    return operand[0] if isinstance(operand, list) else operand


def replayed(frame: pd.DataFrame, verb: str, rows: set[int]) -> mpd.Emulator:
    """Return an emulator to which some rows were applied, one after the other."""
    fresh, name = mpd.Emulator(), OPERATORS[verb].name
    for identity, number in zip(frame["id"], frame["n"], strict=True):
        if number in rows:
            operand = [number] if verb == "union" else number
            record = {
                "$token": fresh.token,
                "$distinct_id": identity,
                "$ignore_time": True,
                name: {"n": operand},
            }
            fresh.answer("POST", "/engage", {"content-type": "application/json"}, orjson.dumps([record]))
    return fresh


def profiles(emulator: mpd.Emulator) -> dict[str, Any]:
    return {key: emulator.profile(key)["n"] for key in emulator.profiles().index}


def sent(frame: pd.DataFrame, verb: str, **options: Any) -> pd.DataFrame:
    options = {"duplicates": "all", "updated_at": "keep"} | options
    try:
        return getattr(frame.mixpanel, verb)("id", check=False, repeat=True, **options)
    except mpd.ConnectionFailed as error:
        return error.summary


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    ids=st.lists(st.sampled_from("abcdefghijklmnopqrst"), min_size=1, max_size=25),
    verb=st.sampled_from(["set", "union", "add", "append"]),
    batch_size=st.integers(1, 8),
    workers=st.sampled_from([1, 3]),
    script=st.lists(faults, max_size=5),
)
def test_the_summary_tells_the_truth(
    emulator: mpd.Emulator, ids: list[str], verb: str, batch_size: int, workers: int, script: list[Any]
) -> None:
    emulator.reset()
    for fault, skip, times in script:
        emulator.fail(**fault, skip=skip, times=times)
    frame = pd.DataFrame({"id": ids, "n": range(1, len(ids) + 1)})
    summary = sent(frame, verb, batch_size=batch_size, workers=workers)

    assert summary["rows"].sum() == len(frame)
    assert (summary[OUTCOMES].sum(axis=1) == summary["rows"]).all()
    assert emulator.token not in summary.to_csv()
    outcomes = dict(zip(frame["n"], frame.mixpanel.outcomes(summary)["outcome"], strict=True))
    applied = Counter(number_of(application.record) for application in emulator.applied)
    for number, outcome in outcomes.items():
        if outcome == "accepted":
            assert applied[number] >= 1
        if outcome in {"rejected", "not_sent", "invalid", "skipped"}:
            assert not applied[number]
        if not OPERATORS[verb].idempotent:
            assert applied[number] <= 1
    assert profiles(emulator) == profiles(replayed(frame, verb, set(applied)))


@settings(
    max_examples=EXAMPLES // 3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    ids=st.lists(st.sampled_from("abcdefghij"), min_size=1, max_size=15),
    verb=st.sampled_from(["set", "union", "add", "append"]),
    script=st.lists(
        st.tuples(st.sampled_from(FAULTS[:19]), st.integers(0, 3), st.sampled_from([1, 3])), max_size=4
    ),
)
def test_failures_sent_again_end_where_one_row_after_the_other_does(
    emulator: mpd.Emulator, ids: list[str], verb: str, script: list[Any]
) -> None:
    emulator.reset()
    for fault, skip, times in script:
        emulator.fail(**fault, skip=skip, times=times)
    frame = pd.DataFrame({"id": ids, "n": range(1, len(ids) + 1)})
    rest = frame
    for _attempt in range(12):
        rest = rest.mixpanel.failures(sent(rest, verb, batch_size=3))
        if not len(rest):
            break
    assert not len(rest)
    applied = Counter(number_of(application.record) for application in emulator.applied)
    if OPERATORS[verb].idempotent:
        assert set(applied) == set(frame["n"])
    else:
        assert max(applied.values(), default=0) <= 1
    assert profiles(emulator) == profiles(replayed(frame, verb, set(applied)))


def test_a_counter_is_never_lifted_twice(emulator: mpd.Emulator) -> None:
    """10,000 increments, of which one request in twenty breaks off after or before it is applied."""
    chance = random.Random(11)
    for share, applied in ((0.05, True), (0.02, False)):
        emulator.fail(
            "reset", applied=applied, times=None, when=lambda _, share=share: chance.random() < share
        )
    frame = pd.DataFrame({"id": [f"u{row % 9000}" for row in range(10_000)], "n": range(1, 10_001)})
    with mpd.set_project(replace(emulator.project, retries=8, adapter=emulator.adapter())):
        summary = frame.mixpanel.add("id", duplicates="all")
    outcomes = frame.mixpanel.outcomes(summary)["outcome"]
    applied = Counter(number_of(application.record) for application in emulator.applied)
    assert max(applied.values()) == 1
    assert {"accepted", "unknown"} <= set(outcomes)

    asked, held = frame.groupby("id")["n"].sum(), emulator.profiles()["n"].astype(int)
    assert (held <= asked.reindex(held.index)).all()
    short = frame["id"].isin(asked.index[held.reindex(asked.index, fill_value=0) < asked])
    lost = short & ~frame["n"].isin(applied)
    assert lost.any()
    assert set(outcomes[lost]) <= {"unknown", "not_sent"}
    assert set(outcomes[frame["n"].isin(applied)]) <= {"accepted", "unknown"}
    waited = frame["id"].isin(frame["id"][outcomes == "unknown"])
    assert waited[outcomes == "not_sent"].all()  # a later row of an id whose earlier row is in doubt


#: What the server counts -> whether the operator is idempotent -> what becomes of the bad rows, and of those beside them.
POISON = [
    pytest.param("num_good_events", "set", "rejected", "accepted", id="0 counted"),
    pytest.param("num_good_events", "append", "rejected", "accepted", id="0 counted, not idempotent"),
    pytest.param("", "set", "unknown", "accepted", id="nothing counted"),
    pytest.param("", "append", "unknown", "unknown", id="nothing counted, not idempotent"),
]


@pytest.mark.parametrize("share", [0.0002, 0.01])
@pytest.mark.parametrize(("count", "verb", "of_bad", "of_others"), POISON)
def test_poison_rows_are_found(
    emulator: mpd.Emulator, count: str, verb: str, of_bad: str, of_others: str, share: float
) -> None:
    """A server that refuses whole requests and names nobody."""
    rows, size = 10_000, 2000
    bad = set(random.Random(7).sample(range(1, rows + 1), int(rows * share)))
    poison(emulator, count, lambda record: number_of(record) in bad)
    frame = pd.DataFrame({"id": [f"u{row}" for row in range(rows)], "n": range(1, rows + 1)})
    summary = getattr(frame.mixpanel, verb)("id", batch_size=size, check=False)
    outcomes = frame.mixpanel.outcomes(summary)["outcome"]
    is_bad = frame["n"].isin(bad)
    assert set(outcomes[is_bad]) == {of_bad}
    requests = rows // size
    if of_others == "accepted":
        assert (outcomes[~is_bad] == "accepted").all()
        requests += 2 * len(bad) * math.ceil(math.log2(size))
    else:  # nothing is tried twice: the whole request is in doubt
        batch = (frame["n"] - 1) // size
        assert (outcomes.eq("unknown") == batch.isin(batch[is_bad])).all()
    assert summary["requests"].sum() == len(emulator.requests) <= requests


@pytest.mark.parametrize(("count", "verb", "of_bad", "of_others"), POISON)
def test_nothing_but_poison_ends_soon(
    emulator: mpd.Emulator, count: str, verb: str, of_bad: str, of_others: str
) -> None:
    poison(emulator, count, lambda record: True)
    frame = pd.DataFrame({"id": [f"u{row}" for row in range(100_000)], "n": 1})
    summary = getattr(frame.mixpanel, verb)("id", batch_size=2000, check=False)
    assert summary["requests"].sum() == len(emulator.requests) <= 50
    assert not emulator.applied
    assert set(summary["reason"]) == {"refused"}
    assert summary[[of_bad, "not_sent"]].sum().sum() == 100_000
    assert summary["not_sent"].sum() >= 40_000


def poison(emulator: mpd.Emulator, count: Any, is_bad: Callable[[Any], bool]) -> None:
    emulator.fail("refuse", record=is_bad, naming="nobody", partial=False, count=count, times=None)


class Late(BaseAdapter):
    """Lets requests arrive late, each after a time of its own."""

    def __init__(self, adapter: BaseAdapter, seed: int) -> None:
        super().__init__()
        self._adapter, self._chance = adapter, random.Random(seed)

    def send(self, *args: Any, **kwargs: Any) -> Any:
        time.sleep(self._chance.random() * 0.002)
        return self._adapter.send(*args, **kwargs)


@settings(
    max_examples=EXAMPLES // 3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    ids=st.lists(st.sampled_from("abcdef"), min_size=1, max_size=20),
    verb=st.sampled_from(["set", "union", "append"]),
    duplicates=st.sampled_from(["all", "merge"]),
    batch_size=st.integers(1, 6),
    seed=st.integers(0, 99),
    script=st.lists(
        st.tuples(st.sampled_from(FAULTS[:19]), st.integers(0, 3), st.sampled_from([1, 2])), max_size=2
    ),
)
def test_order_is_kept_whatever_arrives_late_or_is_shuffled(
    emulator: mpd.Emulator,
    ids: list[str],
    verb: str,
    duplicates: str,
    batch_size: int,
    seed: int,
    script: list[Any],
) -> None:
    assume(duplicates == "all" or verb == "set")
    emulator.reset()
    for fault, skip, times in script:
        emulator.fail(**fault, skip=skip, times=times)
    emulator.fail("shuffle", seed=seed, times=None)
    frame = pd.DataFrame({"id": ids, "n": range(1, len(ids) + 1)})
    with mpd.set_project(project(emulator, Late(emulator.adapter(), seed))):
        sent(frame, verb, duplicates=duplicates, batch_size=batch_size, workers=4)
    applied = {number_of(application.record) for application in emulator.applied}
    assert profiles(emulator) == profiles(replayed(frame, verb, applied))


# -- merged rows --------------------------------------------------------------------------------------------------

#: Rows of an id with what they say about two properties.
people = st.lists(
    st.tuples(
        st.sampled_from("abcdefgh"),
        st.sampled_from([None, "free", "pro"]),
        st.sampled_from([None, 1, 2.5, True, "text", ["a"]]),
    ),
    min_size=1,
    max_size=20,
)


def frame_of(rows: list[Any]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["id", "plan", "x"], dtype=object)


def set_one_by_one(frame: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return the profiles that rows make when each is set after the other, missing values skipped."""
    fresh = mpd.Emulator()
    for row in frame.to_dict("records"):
        said = {name: row[name] for name in ("plan", "x") if row[name] is not None}
        if said:
            head = {"$token": fresh.token, "$distinct_id": row["id"], "$ip": "0", "$ignore_time": True}
            record = head | {"$set": said}
            fresh.answer("POST", "/engage", {"content-type": "application/json"}, orjson.dumps([record]))
    return {identity: fresh.profile(identity) for identity in fresh.profiles().index}


@pytest.mark.filterwarnings("ignore::mixpanel_pandas.ProfileWarning")
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    rows=people,
    batch_size=st.integers(1, 6),
    workers=st.sampled_from([1, 3]),
    script=st.lists(faults, max_size=5),
)
def test_the_summary_tells_the_truth_about_merged_rows(
    emulator: mpd.Emulator, rows: list[Any], batch_size: int, workers: int, script: list[Any]
) -> None:
    emulator.reset()
    for fault, skip, times in script:
        emulator.fail(**fault, skip=skip, times=times)
    frame = frame_of(rows)
    summary = sent(frame, "set", duplicates="merge", batch_size=batch_size, workers=workers)

    assert summary["rows"].sum() == len(frame)
    assert (summary[OUTCOMES].sum(axis=1) == summary["rows"]).all()
    outcomes = frame.mixpanel.outcomes(summary)["outcome"].astype(str)
    assert len(outcomes) == len(frame)
    outcome_of = outcomes.groupby(frame["id"]).agg(set)
    assert all(len(of_id) == 1 for of_id in outcome_of)
    meant = set_one_by_one(frame)
    applied = {application.record["$distinct_id"] for application in emulator.applied}
    for identity, [outcome] in outcome_of.items():
        assert (outcome == "skipped") == (identity not in meant)
        assert identity in applied or outcome != "accepted"
        assert identity not in applied or outcome in {"accepted", "unknown"}
    for application in emulator.applied:
        assert application.record["$set"] == meant[application.record["$distinct_id"]]
    assert {identity: emulator.profile(identity) for identity in applied} == {
        identity: meant[identity] for identity in applied
    }
    failing = outcomes.isin(["rejected", "not_sent", "invalid", "unknown"])
    assert frame.mixpanel.failures(summary).index.tolist() == frame.index[failing].tolist()


@pytest.mark.filterwarnings("ignore::mixpanel_pandas.ProfileWarning")
@settings(
    max_examples=EXAMPLES // 3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=people,
    script=st.lists(
        st.tuples(st.sampled_from(FAULTS[:19]), st.integers(0, 3), st.sampled_from([1, 3])), max_size=4
    ),
)
def test_merged_failures_sent_again_end_where_one_row_after_the_other_does(
    emulator: mpd.Emulator, rows: list[Any], script: list[Any]
) -> None:
    emulator.reset()
    for fault, skip, times in script:
        emulator.fail(**fault, skip=skip, times=times)
    frame = rest = frame_of(rows)
    for _attempt in range(12):
        rest = rest.mixpanel.failures(sent(rest, "set", duplicates="merge", batch_size=3))
        if not len(rest):
            break
    assert not len(rest)
    meant = set_one_by_one(frame)
    assert {identity: emulator.profile(identity) for identity in emulator.profiles().index} == meant

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest

import mixpanel_pandas as mpd
from mixpanel_pandas.profiles import rereading
from mixpanel_pandas.profiles.rereading import QUERIES_OF_IDS, queries_of_ids, read_now
from mixpanel_pandas.profiles.selection import IDS_AT_ONCE
from tests.profiles.held import hold


@pytest.fixture
def mixpanel() -> mpd.Emulator:
    emulator = mpd.Emulator()
    hold(emulator, {f"u{number}": {"n": number, "even": number % 2 == 0} for number in range(10)})
    return emulator


def queries(mixpanel: mpd.Emulator) -> int:
    return len(mixpanel.requests)


def ids_of(count: int) -> pa.Array:
    return pa.array([f"u{number}" for number in range(count)], pa.large_string())


@pytest.mark.parametrize(
    ("ids", "total", "queries_made"),
    [
        pytest.param(1, None, 1, id="one id"),
        pytest.param(IDS_AT_ONCE + 1, None, 2, id="one more than a query takes"),
        pytest.param(QUERIES_OF_IDS * IDS_AT_ONCE, None, QUERIES_OF_IDS, id="as many as are asked by id"),
        pytest.param(QUERIES_OF_IDS * IDS_AT_ONCE + 1, None, 1, id="one more: all profiles"),
        pytest.param(IDS_AT_ONCE + 1, 5 * IDS_AT_ONCE, 1, id="all of a small project"),
        pytest.param(IDS_AT_ONCE + 1, 5 * IDS_AT_ONCE + 1, 2, id="some of a larger one"),
    ],
)
def test_the_cheaper_way_is_taken(
    mixpanel: mpd.Emulator, ids: int, total: int | None, queries_made: int
) -> None:
    project = replace(mixpanel.project, adapter=mixpanel.adapter())
    held = read_now(project, ids_of(ids), ["n"], None, total=total)
    assert queries(mixpanel) == queries_made
    assert held.values_of("n", held.places_of(ids_of(3))).to_pylist()[:1] == ["0"]


def test_what_a_condition_does_not_find_any_more_is_asked_by_id(mixpanel: mpd.Emulator) -> None:
    project = replace(mixpanel.project, adapter=mixpanel.adapter())
    held = read_now(project, ids_of(4), ["n"], None, where='properties["even"] == true', total=1)
    assert queries(mixpanel) == 1  # the ids alone
    where = 'properties["even"] == true'
    many = pa.concat_arrays(
        [ids_of(4), pa.array([f"no{number}" for number in range(IDS_AT_ONCE)], pa.large_string())]
    )
    held = read_now(project, many, ["n"], None, where=where, total=1)
    assert held.values_of("n", held.places_of(ids_of(4))).to_pylist() == ["0", "1", "2", "3"]
    assert queries(mixpanel) == 4


def test_the_log_says_which_are_not_found(mixpanel: mpd.Emulator, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    project = replace(mixpanel.project, adapter=mixpanel.adapter())
    read_now(project, ids_of(20), ["n"], None, label="backup")
    assert any(line.startswith("backup: 10 of 20 ids not found: ") for line in caplog.messages)
    caplog.clear()
    read_now(project, ids_of(QUERIES_OF_IDS * IDS_AT_ONCE + 1), ["n"], None, label="backup")
    assert any(line.startswith("backup: 4,991 of 5,001 ids not found: ") for line in caplog.messages)


@pytest.mark.parametrize("wait", [True, False])
def test_it_waits_for_the_next_query_if_it_is_asked_to(wait: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_000_000.0]
    emulator = mpd.Emulator(queries_per_hour=1, clock=lambda: now[0])
    project = replace(emulator.project, adapter=emulator.adapter())
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        now[0] += seconds

    monkeypatch.setattr(rereading.time, "sleep", sleep)
    read_now(project, ids_of(1), ["n"], None)
    if not wait:
        with pytest.raises(mpd.BudgetSpent):
            read_now(project, ids_of(1), ["n"], None)
        return
    read_now(project, ids_of(1), ["n"], None, wait=True)
    assert len(waited) == 1
    assert 0 < waited[0] <= 3600


@pytest.mark.parametrize(
    ("count", "total", "queries"),
    [
        pytest.param(0, None, 0, id="none"),
        pytest.param(1_000, None, 1, id="one query"),
        pytest.param(1_001, None, 2, id="one more than a query takes"),
        pytest.param(5_000, None, 5, id="as many as are cheap"),
        pytest.param(5_001, None, None, id="more than are cheap"),
        pytest.param(60_000, 10**7, 60, id="as many as an hour has, of very many profiles"),
        pytest.param(60_001, 10**7, None, id="more than an hour has"),
        pytest.param(1_001, 4_000, None, id="all profiles take fewer pages"),
    ],
)
def test_the_way_of_reading_is_told_before(count: int, total: int | None, queries: int | None) -> None:
    assert queries_of_ids(count, total) == queries


def test_it_waits_for_an_hour_where_mixpanel_does_not_say_how_long(
    mixpanel: mpd.Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = replace(mixpanel.project, adapter=mixpanel.adapter(), retries=0)
    waited: list[float] = []
    monkeypatch.setattr(rereading.time, "sleep", waited.append)
    mixpanel.fail(429, on="read")
    read_now(project, ids_of(1), ["n"], None, wait=True)
    assert waited == [3600]

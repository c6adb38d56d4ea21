from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mixpanel_pandas.payloads.repeats import Repeats

LETTERS = "abcdefghij"


@given(st.lists(st.sampled_from(LETTERS), max_size=40))
def test_a_rank_counts_the_rows_before(ids):
    groups = np.array([LETTERS.index(identity) for identity in ids], np.int64)
    counters = {letter: itertools.count() for letter in LETTERS}
    assert Repeats(np.arange(len(ids)), groups).ranks().tolist() == [
        next(counters[identity]) for identity in ids
    ]


def sequential(frame: pd.DataFrame) -> dict[str, list[int]]:
    """Return what appending row by row comes to."""
    return {identity: rows["n"].tolist() for identity, rows in frame.groupby("id", sort=False)}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ids=st.lists(st.sampled_from(LETTERS), min_size=1, max_size=60),
    batch_size=st.integers(1, 20),
    workers=st.integers(1, 4),
)
def test_all_rows_of_an_id_arrive_in_their_order(emulator, ids, batch_size, workers):
    emulator.reset()
    emulator.fail("shuffle", seed=len(ids), times=None)
    emulator.fail("delay", seconds=0.002, times=3, skip=1)
    frame = pd.DataFrame({"id": ids, "n": range(len(ids))})
    summary = frame.mixpanel.append("id", batch_size=batch_size, workers=workers, repeat=True)
    assert summary["accepted"].sum() == len(frame)
    assert emulator.profiles()["n"].to_dict() == sequential(frame)
    for request in emulator.requests:
        assert max(Counter(record["$distinct_id"] for record in request.records).values()) == 1


def test_set_with_all_ends_with_the_last_row(emulator):
    frame = pd.DataFrame(
        {"id": [*"abcab", "a"], "x": [1, 2, 3, 4, 5, 6], "y": [1, None, None, None, 2, None]}
    )
    frame.mixpanel.set("id", duplicates="all", workers=4, batch_size=1)
    profiles = emulator.profiles()
    assert profiles["x"].to_dict() == {"a": 6, "b": 5, "c": 3}
    assert profiles["y"].dropna().to_dict() == {"a": 1, "b": 2}


def test_a_row_after_a_doubtful_one_is_held_back(emulator):
    frame = pd.DataFrame({"id": [*"abcd", "a", "b", "a"], "n": range(7)})
    emulator.fail("reset", applied=True, when=lambda request: request.records[0]["$distinct_id"] == "a")
    summary = frame.mixpanel.append("id", batch_size=1, workers=1)
    outcomes = frame.mixpanel.outcomes(summary)
    assert outcomes["outcome"].tolist() == ["unknown", *["accepted"] * 3, "not_sent", "accepted", "not_sent"]
    assert "earlier row of the same id" in outcomes["error"].iloc[-1]
    assert emulator.profiles()["n"].to_dict() == {"a": [0], "b": [1, 5], "c": [2], "d": [3]}
    again = frame.mixpanel.failures(summary)
    assert again["n"].tolist() == [4, 6]
    again.mixpanel.append("id")
    assert emulator.profile("a") == {"n": [0, 4, 6]}


def test_rows_left_out_do_not_count(emulator):
    frame = pd.DataFrame({"id": [*"aaa"], "x": ["1", "y" * 300, "3"]})
    summary = frame.mixpanel.append("id", invalid="drop_row")
    assert frame.mixpanel.outcomes(summary)["outcome"].tolist() == ["accepted", "invalid", "accepted"]
    assert emulator.profile("a")["x"] == ["1", "3"]
    assert len(emulator.requests) == 2


@pytest.mark.parametrize("verb", ["add", "union", "append", "remove"])
def test_operators_that_add_up_send_all_rows_by_default(emulator, verb):
    frame = pd.DataFrame({"id": [*"aab"], "n": [1, 2, 3]})
    assert getattr(frame.mixpanel, verb)("id")["accepted"].sum() == 3


def test_a_dry_run_shows_every_wave(emulator):
    frame = pd.DataFrame({"id": [*"aab"], "n": [1, 2, 3]})
    summary = frame.mixpanel.append("id", dry_run=True)
    assert summary["not_sent"].tolist() == [2, 1]
    assert len(emulator.requests) == 0


def test_a_stop_ends_all_waves(emulator):
    frame = pd.DataFrame({"id": [*"aaaa"], "n": range(4)})
    emulator.fail(403, skip=1)
    summary = frame.mixpanel.append("id", check=False)
    assert frame.mixpanel.outcomes(summary)["outcome"].tolist() == [
        "accepted",
        "rejected",
        "not_sent",
        "not_sent",
    ]


def test_large_frames_with_few_repeats_take_few_more_requests(emulator):
    ids = 1 + np.arange(20_000)
    ids[::100] = 1 + np.repeat(np.arange(50), 4)
    frame = pd.DataFrame({"id": ids, "n": 1})
    summary = frame.mixpanel.union("id", workers=4)
    assert summary["accepted"].sum() == 20_000
    waves = frame.groupby("id").size().max()
    assert len(emulator.requests) <= 10 + waves

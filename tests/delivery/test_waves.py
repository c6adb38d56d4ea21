from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mixpanel_pandas.delivery.merged import deliveries_of_rows
from mixpanel_pandas.delivery.pending import Delivery
from mixpanel_pandas.delivery.waves import Waves
from mixpanel_pandas.payloads.changes import Changes
from mixpanel_pandas.payloads.duplicates import Duplicates
from mixpanel_pandas.payloads.layout import make_layout
from mixpanel_pandas.rules.operation import operation
from tests.examples import examples

LETTERS = "abcdefghij"


def sequential(frame: pd.DataFrame) -> dict[str, list[int]]:
    """Return what appending row by row comes to."""
    return {identity: rows["n"].tolist() for identity, rows in frame.groupby("id", sort=False)}


@settings(
    max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
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


def waves_of(ids, **masks):
    """Return the waves that append a row to each id, and what becomes of the rows in an earlier session by mask."""
    frame = pd.DataFrame({"id": list(ids), "n": range(len(ids))})
    repeated = np.flatnonzero(frame["id"].duplicated(keep=False))
    duplicates = Duplicates(repeated, pd.factorize(frame["id"].iloc[repeated])[0])
    layout = make_layout(frame, operation("append", "id", None, None, {}))
    at = {name: np.isin(range(len(ids)), rows) for name, rows in masks.items()}
    return Waves(layout, Changes(np.zeros(len(ids), bool)), duplicates, "token", **at)


@pytest.mark.parametrize(
    ("ids", "masks", "sent", "held", "whole"),
    [
        pytest.param("abc", {}, [[0, 1, 2]], {}, True, id="no id twice"),
        pytest.param("aab", {}, [[0, 2], [1]], {}, True, id="an id twice"),
        pytest.param("aab", {"done": [0, 2]}, [[1]], {}, True, id="what is done is not sent again"),
        pytest.param(
            "aaba",
            {"done": [0], "doubtful": [0]},
            [[2]],
            {"earlier row in doubt": [1, 3]},
            False,
            id="in doubt",
        ),
        pytest.param(
            "aabb", {"resent": [2]}, [[0, 2], [1]], {"earlier attempt in doubt": [3]}, True, id="sent twice"
        ),
        pytest.param(
            "aaab",
            {"resent": [1]},
            [[0, 3], [1]],
            {"earlier attempt in doubt": [2]},
            False,
            id="sent twice itself",
        ),
        pytest.param(
            "aaab",
            {"done": [0], "doubtful": [0], "resent": [0, 1]},
            [[3]],
            {"earlier row in doubt": [1, 2]},
            False,
            id="in doubt for two reasons",
        ),
    ],
)
def test_which_rows_of_a_wave_are_sent(ids, masks, sent, held, whole):
    waves = waves_of(ids, **masks)
    assert [list(batch.positions) for batch in waves.every()] == sent
    assert {one.reason: one.positions.tolist() for one in waves.held} == held
    assert waves.whole == whole


def test_nothing_is_drawn_after_the_end():
    waves = waves_of("aab")
    waves.close()
    assert waves.draw() == (None, True)


# -- merged -------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(
    ids=st.lists(st.sampled_from(LETTERS), min_size=1, max_size=30),
    size=st.integers(1, 7),
    named=st.sets(st.sampled_from(LETTERS)),
)
def test_rows_of_a_merged_update_share_its_answer(ids, size, named):
    frame = pd.DataFrame({"id": ids})
    repeated = np.flatnonzero(frame["id"].duplicated(keep=False))
    merged = Duplicates(repeated, pd.factorize(frame["id"].iloc[repeated])[0])
    updates = np.flatnonzero(~frame["id"].duplicated(keep="last"))
    deliveries = [
        Delivery(
            batch=number,
            positions=updates[begin : begin + size],
            updates=1,
            bytes=1,
            outcome="accepted",
            apart={
                row: ("rejected", f"{ids[position]} is refused")
                for row, position in enumerate(updates[begin : begin + size])
                if ids[position] in named
            },
        )
        for number, begin in enumerate(range(0, len(updates), size))
    ]
    told = {}
    for before, after in zip(deliveries, deliveries_of_rows(iter(deliveries), merged), strict=True):
        positions = np.asarray(after.positions).tolist()
        assert positions == sorted(set(positions))
        assert {ids[row] for row in positions} == {ids[row] for row in before.positions}
        outcomes = [after.apart.get(row, ("accepted", None)) for row in range(len(positions))]
        told |= dict(zip(positions, outcomes, strict=True))
    assert told == {
        row: ("rejected", f"{identity} is refused") if identity in named else ("accepted", None)
        for row, identity in enumerate(ids)
    }


def test_answers_on_neighbours_stay_neighbours():
    delivery = Delivery(batch=0, positions=range(3, 6), updates=3, bytes=9, outcome="accepted")
    for merged in (
        Duplicates(np.array([0, 9]), np.array([0, 0])),
        Duplicates(np.zeros(0, int), np.zeros(0, int)),
    ):
        [same] = deliveries_of_rows([delivery], merged)
        assert same is delivery


PEOPLE = pd.DataFrame(
    {
        "id": ["ann", "bob", "ann", "cid", "bob", "dan"],
        "plan": ["free", "pro", None, None, None, "pro"],
        "town": [None, "Bonn", "Rome", None, "Kiel", None],
    }
)


def test_rows_of_an_id_become_one_update(emulator):
    summary = PEOPLE.mixpanel.set("id", duplicates="merge")
    assert [len(request.records) for request in emulator.requests] == [1, 2]
    assert emulator.profile("ann") == {"plan": "free", "town": "Rome"}
    assert emulator.profile("bob") == {"plan": "pro", "town": "Kiel"}
    assert emulator.profile("dan") == {"plan": "pro"}
    assert summary["rows"].sum() == len(PEOPLE)
    assert summary["updates"].sum() == 3
    outcomes = PEOPLE.mixpanel.outcomes(summary)
    assert outcomes["outcome"].tolist() == ["accepted"] * 3 + ["skipped"] + ["accepted"] * 2


def test_a_merged_update_is_shown_where_its_last_row_stands():
    shown = PEOPLE.mixpanel.payloads("set", "id", duplicates="merge")
    assert [payload and payload["$set"] for payload in shown] == [
        None,
        None,
        {"plan": "free", "town": "Rome"},
        None,
        {"plan": "pro", "town": "Kiel"},
        {"plan": "pro"},
    ]


def test_rows_of_an_id_fail_together_and_are_sent_again_together(emulator):
    emulator.fail("refuse", record=lambda record: record["$distinct_id"] == "ann", times=1, skip=1)
    summary = PEOPLE.mixpanel.set("id", duplicates="merge")
    assert summary[["accepted", "rejected", "skipped"]].sum().tolist() == [3, 2, 1]
    failures = PEOPLE.mixpanel.failures(summary)
    assert failures.index.tolist() == [0, 2]
    failures.mixpanel.set("id", duplicates="merge")
    assert emulator.profile("ann") == {"plan": "free", "town": "Rome"}


MERGED = [
    pytest.param("skip", [{"$set": {"x": 1}}], id="a missing value: the last that is there counts"),
    pytest.param("null", [{"$set": {"x": 1, "y": None}}], id="null: only where no row of the id has a value"),
    pytest.param(
        "unset", [{"$set": {"x": 1}}, {"$unset": ["y"]}], id="unset: only where no row of the id has a value"
    ),
]


@pytest.mark.parametrize(("missing", "meant"), MERGED)
def test_what_a_missing_value_means_in_rows_that_are_merged(missing, meant):
    frame = pd.DataFrame({"id": ["a", "a"], "x": [1, None], "y": [None, None]}, dtype=object)
    _none, shown = frame.mixpanel.payloads("set", "id", duplicates="merge", missing=missing)
    records = shown if isinstance(shown, list) else [shown]
    assert [
        {name: record[name] for name in record if name in {"$set", "$unset"}} for record in records
    ] == meant


def test_the_address_and_the_time_are_those_of_the_last_row_that_has_one():
    frame = pd.DataFrame(
        {
            "id": list("aaabb"),
            "ip": ["1.1.1.1", "2.2.2.2", None, None, ""],
            "at": [5.0, None, None, None, None],
            "x": range(5),
        }
    )
    shown = frame.mixpanel.payloads("set", "id", duplicates="merge", ip="ip", updated_at="at")
    assert shown[2] == {"$distinct_id": "a", "$ip": "2.2.2.2", "$time": 5, "$set": {"x": 2}}
    assert shown[4] == {"$distinct_id": "b", "$ip": "0", "$ignore_time": True, "$set": {"x": 4}}


def test_several_operators_merge_together():
    frame = pd.DataFrame({"id": ["a", "a"], "plan": ["pro", None], "since": [None, "may"], "n": [1, 2]})
    verbs = {"plan": "set", "since": "set_once", "fax": "unset"}
    _none, shown = frame.mixpanel.payloads("update", "id", verbs, duplicates="merge")
    said = {
        name: record[name] for record in shown for name in record if name in {"$set", "$set_once", "$unset"}
    }
    assert said == {"$set": {"plan": "pro"}, "$set_once": {"since": "may"}, "$unset": ["fax"]}


@pytest.mark.parametrize(("verb", "properties"), [("unset", ["x"]), ("delete", None)])
def test_verbs_without_values_send_one_update_for_an_id(emulator, verb, properties):
    frame = pd.DataFrame({"id": ["a", "b", "a"], "x": [1, 2, 3]})
    frame.mixpanel.set("id", duplicates="last")
    options = {"at_most": 2} if verb == "delete" else {}
    summary = getattr(frame.mixpanel, verb)("id", properties, duplicates="merge", backup=None, **options)
    assert (summary["accepted"].sum(), summary["updates"].sum()) == (3, 2)


def test_one_id_in_every_row_of_a_frame_of_many_slices():
    rows = 200_000
    frame = pd.DataFrame({"id": "a", "n": np.arange(rows), "t": pd.Series([None] * rows, dtype="str")})
    frame.loc[5, "t"] = "early"
    shown = frame.mixpanel.payloads("set", "id", duplicates="merge")
    assert shown.notna().sum() == 1
    assert shown.iloc[-1]["$set"] == {"n": rows - 1, "t": "early"}


def test_a_dry_run_of_merged_rows_accounts_for_all(emulator):
    summary = PEOPLE.mixpanel.set("id", duplicates="merge", dry_run=True)
    assert (summary["not_sent"].sum(), summary["skipped"].sum()) == (5, 1)

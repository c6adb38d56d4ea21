"""Answers replace earlier ones, and doubts stay."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixpanel_pandas.delivery.journal.sessions import (
    codes,
    combined,
    last_words,
    with_settled,
    without_delivered,
)
from mixpanel_pandas.delivery.pending import Delivery
from mixpanel_pandas.payloads.changes import Excluded
from mixpanel_pandas.rules.outcomes import OUTCOMES

ROWS = 12


def delivery(positions, outcome="accepted", apart=None, batch=0, **fields):
    rows = positions if isinstance(positions, range) else np.array(positions)
    return Delivery(batch, rows, len(rows), 10 * len(rows), outcome, apart or {}, **fields)


def outcomes(deliveries, rows=ROWS):
    return [OUTCOMES[code] if code >= 0 else None for code in codes(deliveries, rows)]


def test_the_last_word_on_a_request_counts():
    told = [
        delivery(range(6), "unknown"),
        delivery(range(6, 9), "unknown"),
        delivery(range(3), "not_sent"),  # halved
        delivery(range(3, 6), "not_sent"),
        delivery(range(3), "accepted"),
    ]
    assert [(list(d.positions), d.outcome) for d in last_words(told, ROWS)] == [
        ([6, 7, 8], "unknown"),
        ([3, 4, 5], "not_sent"),
        ([0, 1, 2], "accepted"),
    ]


#: What became of a row in a session, and in the next -> what is true after both.
TWICE = [
    pytest.param("not_sent", "accepted", "accepted", id="sent at last"),
    pytest.param("not_sent", "rejected", "rejected", id="refused at last"),
    pytest.param("not_sent", "unknown", "unknown", id="in doubt at last"),
    pytest.param("unknown", "accepted", "accepted", id="a doubt that is lifted"),
    pytest.param("unknown", "unknown", "unknown", id="a doubt that stays"),
    pytest.param("unknown", "not_sent", "unknown", id="a doubt about what was not sent again"),
    pytest.param("unknown", "rejected", "unknown", id="a doubt about what was refused then"),
    pytest.param("rejected", "accepted", "accepted", id="refused for a passing reason"),
]


@pytest.mark.parametrize(("before", "now", "then"), TWICE)
def test_two_sessions_come_to_one_outcome(before, now, then):
    (whole,) = combined([delivery(range(4), before)], [delivery(range(4), now)], ROWS)
    assert whole.outcome == then
    mixed = combined([delivery(range(2), before), delivery(range(2, 4))], [delivery(range(2), now)], ROWS)
    assert outcomes(mixed, 4) == [then, then, "accepted", "accepted"]
    (apart,) = combined([delivery(range(4), "accepted", {1: (before, "why")})], [], 4)
    one_row = combined([apart], [delivery([1], now)], 4)
    assert outcomes(one_row, 4) == ["accepted", then, "accepted", "accepted"]


def test_a_doubtful_row_among_others_is_apart():
    (found,) = combined(
        [delivery([1], "unknown")], [delivery(range(3), "rejected", {0: ("rejected", "bad")})], ROWS
    )[-1:]
    assert found.outcome == "rejected"
    assert found.apart[0] == ("rejected", "bad")
    assert found.apart[1][0] == "unknown"


def test_what_nothing_new_is_known_of_stays_as_it_is():
    before = [delivery(range(3), "unknown"), delivery([4, 6], "rejected")]
    assert combined(before, [delivery([7])], ROWS)[:2] == before
    assert with_settled(before, np.isin(range(ROWS), [4, 5, 6, 8]), applied=True) == before
    (now,) = combined([], [delivery(range(3), "not_sent")], ROWS)
    assert now == delivery(range(3), "not_sent")


def test_batches_are_counted_on():
    both = combined([delivery(range(2), batch=4)], [delivery(range(2, 4), batch=0)], ROWS)
    assert [d.batch for d in both] == [4, 5]
    assert [d.batch for d in combined([], [delivery(range(2), batch=0)], ROWS)] == [0]


def test_updates_and_bytes_are_shared_out_by_rows():
    kept, _new = combined([delivery(range(4), "not_sent")], [delivery([1])], ROWS)
    assert (list(kept.positions), kept.updates, kept.bytes) == ([0, 2, 3], 3, 30)


def test_an_attempt_that_may_still_arrive_is_not_forgotten():
    earlier = [delivery(range(2), "unknown", late=True), delivery(range(2, 4), "not_sent")]
    both = combined(earlier, [delivery([0]), delivery(range(2, 4))], ROWS)
    assert [(list(d.positions), d.late) for d in both] == [([1], True), ([0], True), ([2, 3], False)]


@pytest.mark.parametrize(("applied", "outcome"), [(True, "accepted"), (False, "not_sent")])
def test_only_what_is_in_doubt_is_settled(applied, outcome):
    before = [
        delivery(range(3), "unknown", late=True),
        delivery(range(3, 6), "unknown", {0: ("rejected", "bad")}),
        delivery(range(6, 9), "accepted", {1: ("unknown", "why")}),
    ]
    rows = np.array([True, True, True, True, True, False, True, True, True, True, True, True])
    after = with_settled(before, rows, applied=applied)
    assert outcomes(after, 9) == [
        *[outcome] * 3, "rejected", outcome, "unknown", "accepted", outcome, "accepted",
    ]  # fmt: skip
    assert [d.late for d in after] == [False, False, False]
    assert outcomes(combined(after, [], ROWS), 9) == outcomes(after, 9)


def test_what_is_held_back_is_told_only_of_rows_that_nothing_else_tells_of():
    held = [Excluded(np.array([1, 5]), "not_sent", "why"), Excluded(np.array([0]), "not_sent", "why")]
    (left,) = without_delivered(held, [delivery(range(3), "rejected")], ROWS)
    assert left.positions.tolist() == [5]


sessions = st.lists(
    st.lists(
        st.tuples(st.sets(st.integers(0, ROWS - 1), min_size=1), st.sampled_from(OUTCOMES[:4])), max_size=4
    ),
    max_size=4,
)


@given(sessions)
def test_every_row_has_the_last_word_on_it_and_no_row_has_two(told):
    found: list[Delivery] = []
    expected: dict[int, str] = {}
    for session in told:
        taken: set[int] = set()
        later = []
        for asked, outcome in session:
            rows = sorted(asked - taken)
            taken |= set(rows)
            if rows:
                later.append(delivery(rows, outcome))
            for row in rows:
                doubt = expected.get(row) == "unknown" and outcome in {"rejected", "not_sent"}
                expected[row] = "unknown" if doubt else outcome
        found = combined(found, later, ROWS)
    assert outcomes(found) == [expected.get(row) for row in range(ROWS)]
    assert sum(len(d.positions) for d in found) == len(expected)

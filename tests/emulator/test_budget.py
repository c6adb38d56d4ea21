from __future__ import annotations

import pytest

from mixpanel_pandas.emulator.budget import Budget, QueryRefused


def admitted(budget, now, *, counts=True):
    try:
        budget.admit(now, counts=counts)
    except QueryRefused as refusal:
        return refusal
    return None


def test_an_hour_rolls():
    budget = Budget(7, per_hour=2)
    assert [admitted(budget, now) for now in (0.0, 10.0)] == [None, None]
    refusal = admitted(budget, 20.5)
    assert (refusal.status, refusal.headers["Retry-After"]) == (429, "3580")
    assert admitted(budget, 20.5, counts=False) is None
    assert admitted(budget, 3599.9).headers["RateLimit"] == '"project";r=0;t=1, "project-concurrency";r=5'
    assert admitted(budget, 3600.0) is None
    assert admitted(budget, 3600.0).headers["Retry-After"] == "10"


def test_what_is_refused_does_not_count():
    budget = Budget(7, per_hour=1)
    budget.running = 5
    assert admitted(budget, 0.0).status == 429
    budget.running = 4
    assert admitted(budget, 0.0) is None


def test_nothing_is_left_from_the_beginning():
    refusal = admitted(Budget(7, per_hour=0), 0.0)
    assert refusal.headers["Retry-After"] == "3600"
    assert str(refusal).startswith(
        "Query rate limit exceeded for project_id: 7. This request exceeded the rate limit (1/0 queries"
    )


@pytest.mark.parametrize("counts", [False, True])
def test_all_are_busy(counts):
    budget = Budget(7, per_hour=60, running=5)
    refusal = admitted(budget, 0.0, counts=counts)
    assert refusal.headers == {
        "RateLimit-Policy": '"project";q=60;w=3600, "project-concurrency";q=5;qu="concurrent-requests"',
        "RateLimit": '"project";r=60, "project-concurrency";r=0;t=10',
        "Retry-After": "10",
    }
    assert "(6/5 queries running concurrently)" in str(refusal)

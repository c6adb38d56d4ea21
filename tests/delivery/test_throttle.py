"""When a request may pass."""

from __future__ import annotations

import pytest

from mixpanel_pandas.delivery.throttle import Rate, Throttle


@pytest.mark.parametrize(
    ("costs", "times"),
    [
        pytest.param([1, 1, 1], [0, 0, 0], id="what fits passes at once"),
        pytest.param([1, 1, 1, 1, 1], [0, 0, 0, 10, 10], id="the next ones when the first have gone by"),
        pytest.param([2, 2, 2], [0, 10, 20], id="two of two do not fit together"),
        pytest.param([5, 1], [0, 10], id="what is more than the most passes alone"),
    ],
)
def test_a_rate_holds_in_any_stretch(costs, times):
    rate, now, found = Rate(10, 3), 0.0, []
    for cost in costs:
        now = rate.free(now, cost)
        rate.add(now, cost)
        found.append(now)
    assert found == times


def test_a_request_counts_until_its_stretch_is_over():
    rate, found = Rate(10, 2), []
    for asked in (0, 8, 10, 11, 18, 20.5):
        found.append(rate.free(asked, 1))
        rate.add(found[-1], 1)
    assert found == [0, 8, 10, 18, 20, 28]


def passing(throttle, nbytes=1, requests=3):
    """Return when each of some requests passes that follow each other as soon as they may."""
    now, times = 0.0, []
    for _ in range(requests):
        now, _by_rate = throttle.free(now, nbytes)
        throttle.add(now, nbytes)
        times.append(now)
    return times


@pytest.mark.parametrize(
    ("throttle", "nbytes", "times"),
    [
        pytest.param(Throttle(), 1, [0, 0, 0], id="nothing is asked for"),
        pytest.param(Throttle(per_hour=2), 1, [0, 0, 3600], id="requests in an hour"),
        pytest.param(Throttle(), 10**9, [0, 0, 60], id="bytes in a minute"),
    ],
)
def test_rates_are_kept(throttle, nbytes, times):
    assert passing(throttle, nbytes) == times


def test_the_longest_hold_counts():
    throttle = Throttle()
    throttle.hold(8)
    throttle.hold(3)
    assert throttle.free(1, 1) == (8, False)
    assert throttle.free(9, 1) == (9, False)


def test_it_is_said_whether_a_rate_is_why_it_waits():
    throttle = Throttle(per_hour=1)
    throttle.add(0, 1)
    assert throttle.free(1, 1) == (3600, True)
    throttle.hold(5000)
    assert throttle.free(1, 1) == (5000, False)

"""Work on slices beside each other, results in order."""

from __future__ import annotations

import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixpanel_pandas.payloads import prefetch as module
from mixpanel_pandas.payloads.prefetch import prefetch
from tests.patience import PATIENCE


@pytest.fixture(params=[1, 2, 4], ids=lambda cores: f"{cores} cores")
def cores(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(module, "_cores", lambda: request.param)
    return request.param


def own_threads() -> int:
    return sum("mixpanel_pandas slices" in thread.name for thread in threading.enumerate())


@given(items=st.lists(st.integers()), many=st.integers(1, 5))
def test_results_come_in_order(items: list[int], many: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_cores", lambda: many)
        assert list(prefetch(lambda item: item + 1, items)) == [item + 1 for item in items]


def test_as_many_items_as_there_are_cores_are_worked_on_at_a_time(cores: int) -> None:
    together, begun = threading.Barrier(cores), []

    def work(item: int) -> int:
        begun.append(item)
        together.wait(timeout=PATIENCE)  # breaks unless all cores get here
        return item

    results = prefetch(work, range(8))
    assert next(results) == 0
    assert len(begun) <= 2 * cores
    assert list(results) == list(range(1, 8))


def test_an_error_ends_it_and_no_thread_is_left(cores: int) -> None:
    results = prefetch(lambda item: 1 // item, [2, 1, 0, 1, 1, 1, 1, 1])
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert not own_threads()


def test_nothing_is_begun_before_it_is_asked_for_and_no_thread_is_left_when_it_is_closed(cores: int) -> None:
    begun: list[int] = []
    results = prefetch(begun.append, range(100))
    assert not begun
    next(results)
    results.close()
    assert not own_threads()
    assert len(begun) <= 2 * cores


def test_without_threads_each_item_is_worked_on_when_it_is_asked_for(cores: int) -> None:
    begun: list[int] = []
    results = prefetch(lambda item: begun.append(item) or own_threads(), range(8), threaded=False)
    assert [next(results), next(results)] == [0, 0]
    assert begun == [0, 1]


def test_cores_are_those_that_the_process_may_use() -> None:
    assert 1 <= module._cores() <= (os.cpu_count() or 1)

from __future__ import annotations

from typing import get_args

import pytest

from mixpanel_pandas.delivery.answers import Evidence
from mixpanel_pandas.delivery.policy import REACTIONS, FollowUp, RefusalCount, pause, tries
from mixpanel_pandas.rules.outcomes import OUTCOMES


def test_the_table_has_a_row_for_every_evidence():
    assert set(REACTIONS) == set(get_args(Evidence))
    actions = {action for row in REACTIONS.values() for action in (row.idempotent, row.otherwise)}
    assert actions == set(get_args(FollowUp))


@pytest.mark.parametrize("evidence", get_args(Evidence))
def test_every_row_of_the_table_holds_together(evidence):
    row = REACTIONS[evidence]
    assert row.last in OUTCOMES
    assert (row.reason == "") == (row.remedy == "") == (evidence == "accepted")
    if row.last == "not_sent":
        assert not row.may_be_applied
    if row.otherwise in {"retry", "again", "halve", "bisect"}:  # sent once more although it counts twice
        assert not row.may_be_applied


@pytest.mark.parametrize(
    ("tried", "backoff", "retry_after", "chance", "seconds"),
    [
        pytest.param(1, 2, None, 0, 3, id="first pause, least jitter"),
        pytest.param(1, 2, None, 1, 7, id="first pause, most jitter"),
        pytest.param(2, 2, None, 0, 5, id="doubled"),
        pytest.param(5, 2, None, 0, 33, id="doubled four times"),
        pytest.param(6, 2, None, 0, 61, id="at most a minute"),
        pytest.param(10_000, 2, None, 0, 61, id="after very many tries"),
        pytest.param(1, 2, 20, 0, 20, id="as long as the server asks"),
        pytest.param(6, 2, 20, 0, 61, id="longer than the server asks"),
        pytest.param(1, 2, 86_400, 0, 300, id="not as long as the server asks"),
        pytest.param(1, 0.5, None, 0, 1.5, id="another first pause"),
        pytest.param(3, 0, 30, 1, 0, id="no waiting at all"),
    ],
)
def test_pause(tried, backoff, retry_after, chance, seconds):
    assert pause(tried, backoff, retry_after, lambda: chance) == seconds


@pytest.mark.parametrize(
    ("retries", "met", "times"), [(8, True, 9), (8, False, 2), (0, True, 1), (0, False, 1)]
)
def test_tries(retries, met, times):
    assert tries(retries, met=met) == times


@pytest.mark.parametrize(("refused", "exhausted"), [(499, False), (500, True)])
def test_refusals_are_counted_in_all(refused, exhausted):
    """However their texts differ, and whatever is accepted between them."""
    count = RefusalCount()
    for number in range(refused):
        count = count.after("refused", f"record {number}").after("accepted", None)
    assert (count.refused, count.exhausted) == (refused, exhausted)


@pytest.mark.parametrize(
    ("answers", "count", "exhausted"),
    [
        pytest.param([], 0, False, id="nothing yet"),
        pytest.param([("refused", "a")] * 3, 3, False, id="three"),
        pytest.param([("refused", "a")] * 24, 24, True, id="enough"),
        pytest.param([("refused", "a")] * 23 + [("refused", "b")], 1, False, id="another text"),
        pytest.param([("none_valid", "a")] * 24, 24, True, id="24 of which no record is valid"),
        pytest.param([("none_applied", "a")] * 23 + [("accepted", None)], 0, False, id="something accepted"),
        pytest.param([("refused", "a")] * 24 + [("accepted", None)], 24, True, id="given up stays given up"),
    ],
)
def test_refusals_are_counted_in_a_row(answers, count, exhausted):
    refusals = RefusalCount()
    for evidence, text in answers:
        refusals = refusals.after(evidence, text)
    assert (refusals.count, refusals.exhausted) == (count, exhausted)

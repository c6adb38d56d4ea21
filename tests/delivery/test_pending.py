from __future__ import annotations

from itertools import chain

import numpy as np
import pyarrow as pa
import pytest

from mixpanel_pandas.delivery.answers import NAMING, Answer, Named
from mixpanel_pandas.delivery.pending import Delivery, Pending, follow
from mixpanel_pandas.delivery.policy import REACTIONS, Stop
from mixpanel_pandas.payloads.batches import Batch, Payloads


def batch(*updates, first=0):
    """Return a batch with a row per number: how many updates it makes."""
    rows = [
        "".join(f'{{"$distinct_id":"id{first + row}","n":{n}}},' for n in range(count))
        for row, count in enumerate(updates)
    ]
    positions = np.arange(first, first + len(rows), dtype=np.int64)
    return Batch(7, Payloads(pa.array(rows, pa.large_string()), np.array(updates, np.int64), positions))


def sent(part):
    return part.sent(now=1000.0, clock=10.0)


def after(answer, *updates, idempotent=True, allowed=3, past=(), tried=0, again=False, bisect=True):
    part = sent(Pending(batch(*updates), past=past, tried=tried, again=again))
    return follow(part, answer, idempotent=idempotent, tries=allowed, clock=12.5, bisect=bisect)


def ends(deliveries):
    """Return position -> outcome."""
    return {
        int(position): delivery.apart.get(row, (delivery.outcome,))[0]
        for delivery in deliveries
        for row, position in enumerate(delivery.positions)
    }


def on_the_way(parts):
    return [part.batch.positions.tolist() for part in parts]


NAMED = (Named(1, None, "bad"),)

#: evidence, answer, then for both kinds of operators: what goes on, and the outcome of three rows when nothing is left
WALK = [
    pytest.param(
        "no_connection", None, (), [[0, 1, 2]], "not_sent", [[0, 1, 2]], "not_sent", id="no connection"
    ),
    pytest.param("rate_limited", None, (), [[0, 1, 2]], "not_sent", [[0, 1, 2]], "not_sent", id="429"),
    pytest.param("unclear", None, (), [[0, 1, 2]], "unknown", [], "unknown", id="no clear answer"),
    pytest.param("too_large", None, (), [[0], [1, 2]], None, [[0], [1, 2]], None, id="413"),
    pytest.param("denied", None, (), [], "rejected", [], "rejected", id="401"),
    pytest.param("refused", None, (), [[0], [1, 2]], None, [], "unknown", id="refused as a whole"),
    pytest.param("none_applied", 0, (), [[0], [1, 2]], None, [[0], [1, 2]], None, id="refused, 0 counted"),
    pytest.param("none_valid", None, (), [], "rejected", [], "rejected", id="a bare 0"),
    pytest.param("named", None, NAMED, [[0, 2]], "unknown", [], "unknown", id="named"),
    pytest.param(
        "named_rest_applied", 2, NAMED, [], "accepted", [], "accepted", id="named, the others counted"
    ),
    pytest.param(
        "named_none_applied", 0, NAMED, [[0, 2]], "rejected", [[0, 2]], "rejected", id="named, 0 counted"
    ),
    pytest.param("accepted", None, (), [], "accepted", [], "accepted", id="success"),
]


def test_the_walk_is_complete():
    assert {case.values[0] for case in WALK} == set(REACTIONS)


@pytest.mark.parametrize("idempotent", [True, False], ids=["idempotent", "not idempotent"])
@pytest.mark.parametrize(
    ("evidence", "applied", "named", "goes_on", "last", "goes_on_else", "last_else"), WALK
)
def test_what_follows(evidence, applied, named, goes_on, last, goes_on_else, last_else, idempotent):
    answer = Answer(evidence, 200, applied, named, "text")
    expected, outcome = (goes_on, last) if idempotent else (goes_on_else, last_else)
    more, done = after(answer, 1, 1, 1, idempotent=idempotent)
    assert on_the_way(more) == expected
    if named:
        assert ends(done)[1] == "rejected"
    assert sorted([*ends(done), *chain(*on_the_way(more))]) == [0, 1, 2]
    assert sum(part.requests for part in more) + sum(delivery.requests for delivery in done) == 1

    if outcome is not None:  # the last try
        more, done = after(answer, 1, 1, 1, idempotent=idempotent, tried=2, again=True)
        assert more == []
        assert ends(done) == {row: "rejected" if named and row == 1 else outcome for row in range(3)}


@pytest.mark.parametrize(
    ("attempts", "error", "expected"),
    [
        pytest.param(0, None, "what to do", id="never tried"),
        pytest.param(2, None, "no further try: deadline", id="tried without an error"),
        pytest.param(2, "503", "no further try: deadline; before that: 503", id="tried, with an error"),
    ],
)
def test_the_error_of_what_was_stopped(attempts, error, expected):
    part = Pending(batch(1), attempts=attempts, error=error)
    assert part.stopped(Stop("deadline", "what to do"), clock=10.0).error == expected


def test_the_error_is_what_the_answer_says_and_then_what_a_person_can_do():
    _, (delivery,) = after(Answer("denied", 401, error="401 who are you?"), 1)
    assert delivery.error.startswith("401 who are you?")
    assert delivery.error.endswith(REACTIONS["denied"].remedy)
    assert delivery.reason == REACTIONS["denied"].reason


@pytest.mark.parametrize(
    ("idempotent", "advice"),
    [
        pytest.param(True, "send the failures again", id="idempotent"),
        pytest.param(False, "look at the profiles before", id="not idempotent"),
    ],
)
def test_after_an_unclear_answer_the_operator_decides_what_to_do(idempotent, advice):
    _, (delivery,) = after(Answer("unclear", 503, error="503"), 1, idempotent=idempotent, allowed=1)
    assert delivery.outcome == "unknown"
    assert advice in delivery.error


@pytest.mark.parametrize(
    ("evidence", "idempotent", "outcome"),
    [
        pytest.param("refused", True, "unknown", id="refused"),
        pytest.param("none_applied", True, "rejected", id="refused, 0 counted"),
        pytest.param("none_applied", False, "rejected", id="refused, 0 counted, not idempotent"),
    ],
)
def test_a_batch_that_is_not_bisected_any_more_ends_as_a_whole(evidence, idempotent, outcome):
    more, done = after(Answer(evidence, 400), 1, 1, 1, idempotent=idempotent, bisect=False)
    assert (more, ends(done)) == ([], dict.fromkeys(range(3), outcome))


@pytest.mark.parametrize(
    ("evidence", "idempotent", "outcome"),
    [
        pytest.param("too_large", True, "rejected", id="413"),
        pytest.param("too_large", False, "rejected", id="413, not idempotent"),
        pytest.param("refused", True, "rejected", id="refused"),
        pytest.param("refused", False, "unknown", id="refused, not idempotent"),
        pytest.param("none_applied", False, "rejected", id="refused, 0 counted, not idempotent"),
        pytest.param("none_valid", False, "rejected", id="a bare 0, not idempotent"),
    ],
)
def test_a_single_row(evidence, idempotent, outcome):
    more, done = after(Answer(evidence, 400), 1, idempotent=idempotent)
    assert (more, ends(done)) == ([], {0: outcome})


@pytest.mark.parametrize("applied", [None, 1], ids=["nothing counted", "one counted"])
def test_a_single_row_of_two_updates_may_be_applied_in_part(applied):
    assert ends(after(Answer("refused", 400, applied=applied), 2)[1]) == {0: "unknown"}


@pytest.mark.parametrize(
    ("evidence", "named", "past", "outcome"),
    [
        pytest.param("no_connection", (), ("unclear",), "unknown", id="not sent after a broken read"),
        pytest.param("rate_limited", (), ("unclear",), "unknown", id="429 after a broken read"),
        pytest.param("too_large", (), ("unclear",), "unknown", id="413 after a broken read"),
        pytest.param("denied", (), ("unclear",), "unknown", id="401 after a broken read"),
        pytest.param("denied", (), ("refused",), "unknown", id="401 after a refusal with others"),
        pytest.param("refused", (), ("unclear",), "unknown", id="refused after a broken read"),
        pytest.param("none_valid", (), ("unclear",), "unknown", id="a bare 0 after a broken read"),
        pytest.param("refused", (), ("refused",), "unknown", id="refused alone after a refusal with others"),
        pytest.param("refused", (), ("named",), "unknown", id="refused after others were named"),
        pytest.param(
            "named", (Named(0, None, None),), ("unclear",), "unknown", id="named after a broken read"
        ),
        pytest.param(
            "named", (Named(0, None, None),), ("named",), "unknown", id="named after others were named"
        ),
        pytest.param("accepted", (), ("unclear", "unclear"), "accepted", id="accepted after broken reads"),
    ],
)
def test_the_outcome_is_taken_over_all_attempts(evidence, named, past, outcome):
    more, done = after(Answer(evidence, 400, named=named), 1, past=past, tried=9)
    assert (more, ends(done)) == ([], {0: outcome})


#: rows 0, 1, 2 make 1, 2, 1 updates: records 0 | 1, 2 | 3
@pytest.mark.parametrize(
    ("named", "applied", "rows"),
    [
        pytest.param([Named(0, None, "m")], None, {0: "rejected"}, id="by index"),
        pytest.param([Named(3, None, "m")], None, {2: "rejected"}, id="by index behind a row of two"),
        pytest.param([Named(None, "id2", "m")], None, {2: "rejected"}, id="by id"),
        pytest.param([Named(3, "id2", "m")], None, {2: "rejected"}, id="index and id agree"),
        pytest.param(
            [Named(0, None, "m"), Named(3, None, "n")], None, {0: "rejected", 2: "rejected"}, id="two rows"
        ),
        pytest.param([Named(1, None, "m")], None, {1: "unknown"}, id="one of two updates of a row"),
        pytest.param(
            [Named(1, None, "m"), Named(2, None, "m")], None, {1: "rejected"}, id="both updates of a row"
        ),
        pytest.param([Named(None, "id1", "m")], None, {1: "unknown"}, id="a row of two by id: which one?"),
        pytest.param([Named(1, None, "m")], 0, {1: "rejected"}, id="one of two updates, 0 counted"),
    ],
)
def test_named_records_find_their_rows(named, applied, rows):
    evidence = "named" if applied is None else "named_none_applied"
    more, done = after(Answer(evidence, 400, applied, tuple(named), "text"), 1, 2, 1)
    assert ends(done) == rows
    assert on_the_way(more) == [[row for row in range(3) if row not in rows]]
    assert {position for delivery in done for position in delivery.positions} == set(rows)


@pytest.mark.parametrize(
    "named",
    [
        pytest.param([Named(None, "nobody", "m")], id="an id that is not in the batch"),
        pytest.param([Named(0, "id2", "m")], id="index and id of different rows"),
        pytest.param([Named(0, None, "m"), Named(None, "nobody", "m")], id="one of them is nobody"),
    ],
)
@pytest.mark.parametrize(
    ("evidence", "applied", "outcome"),
    [("named", None, "unknown"), ("named_rest_applied", 2, "unknown"), ("named_none_applied", 0, "rejected")],
)
def test_a_name_that_is_nobody_s_names_nobody(named, evidence, applied, outcome):
    more, done = after(Answer(evidence, 400, applied, tuple(named), "text"), 1, 1, 1, bisect=False)
    assert (more, ends(done)) == ([], dict.fromkeys(range(3), outcome))


def test_names_count_only_where_the_evidence_is_a_name():
    for evidence in set(REACTIONS) - NAMING:
        more, done = after(Answer(evidence, 400, named=(Named(0, None, "m"),)), 1, 1)
        assert sorted([*ends(done), *chain(*on_the_way(more))]) == [0, 1]


BROKEN = Answer("unclear", error="reset", complete=False)
GATEWAY = Answer("unclear", 503, error="503")
NOWHERE = Answer("no_connection", error="refused", complete=False)


@pytest.mark.parametrize(
    ("before", "last", "late"),
    [
        pytest.param([], "accepted", False, id="one attempt"),
        pytest.param([], "unclear", False, id="one attempt, broken: nothing came after it"),
        pytest.param([BROKEN], "accepted", True, id="success after a broken read"),
        pytest.param([BROKEN], "unclear", True, id="no answer after a broken read"),
        pytest.param([BROKEN, GATEWAY], "accepted", True, id="a broken read some time ago"),
        pytest.param([GATEWAY], "accepted", False, id="success after a complete 503"),
        pytest.param([NOWHERE], "accepted", False, id="success after nobody was there"),
        pytest.param([Answer("rate_limited", 429)], "accepted", False, id="success after a complete 429"),
    ],
)
def test_an_attempt_without_a_complete_answer_may_arrive_after_the_last(before, last, late):
    part = Pending(batch(1, 1))
    for answer in before:
        (part,), done = follow(sent(part), answer, idempotent=True, tries=9, clock=1.0)
        assert done == []
    _, (delivery,) = follow(
        sent(part), Answer(last, 200, complete=last == "accepted"), idempotent=True, tries=1, clock=1.0
    )
    assert delivery.late is late


def test_halves_inherit_that_an_attempt_may_still_arrive():
    (part,), _ = follow(sent(Pending(batch(1, 1))), BROKEN, idempotent=True, tries=9, clock=1.0)
    halves, _ = follow(sent(part), Answer("too_large", 413), idempotent=True, tries=9, clock=1.0)
    ends = [
        follow(sent(half), Answer("accepted", 200), idempotent=True, tries=9, clock=1.0)[1] for half in halves
    ]
    assert [delivery.late for (delivery,) in ends] == [True, True]


def test_what_a_delivery_says():
    named = (Named(1, None, "email: no such thing"),)
    _, (delivery,) = after(Answer("named_rest_applied", 400, 2, named, "400 some failed"), 1, 1, 1)
    assert delivery.batch == 7
    assert delivery.positions == range(3)
    assert (delivery.updates, delivery.bytes) == (3, len(batch(1, 1, 1).body()))
    assert (delivery.outcome, delivery.error, delivery.reason) == ("accepted", None, "record refused")
    assert delivery.apart == {
        1: ("rejected", "email: no such thing; correct the named rows, then send the failures again")
    }
    assert (delivery.status_code, delivery.attempts, delivery.requests) == (400, 1, 1)
    assert (delivery.started, delivery.elapsed) == (1000.0, 2.5)


def test_halves_go_on_with_what_was_known():
    more, _ = after(Answer("too_large", 413), 1, 1, 1, past=("unclear",))
    assert [(part.attempts, part.requests, part.tried, part.past) for part in more] == [
        (1, 1, 0, ("unclear",)),
        (1, 0, 0, ("unclear",)),
    ]


@pytest.mark.parametrize("positions", [range(3, 6), np.array([3, 4, 5]), range(3, 3)], ids=str)
def test_the_rows_of_a_delivery_are_its_positions(positions):
    rows = Delivery(0, positions, 3, 30, "accepted").rows
    assert isinstance(rows, np.ndarray)
    assert rows.tolist() == list(positions)

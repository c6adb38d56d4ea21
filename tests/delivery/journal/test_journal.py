"""A run sends a row that must not be applied twice at most once, however often the call is made."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mixpanel_pandas as mpd
from mixpanel_pandas.delivery.journal import Journal, without_delivered
from mixpanel_pandas.delivery.policy import Stop
from mixpanel_pandas.delivery.summary import summarise
from mixpanel_pandas.errors import JournalError, OperationError
from mixpanel_pandas.payloads.batches import Payloads
from mixpanel_pandas.payloads.changes import Excluded
from mixpanel_pandas.payloads.fingerprint import fingerprint, key_of
from tests.delivery.journal.conftest import content, delivery, upload
from tests.examples import examples

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EXAMPLES = examples(60)

ALL = dict.fromkeys(range(6), "accepted")


def outcomes(path: Path, run: str | None = "monday") -> list[str]:
    return mpd.read_journal(path, run).outcomes["outcome"].astype(str).tolist()


# -- fingerprints -------------------------------------------------------------------------------------------------


def payloads(*texts: str) -> Payloads:
    return Payloads(pa.array(texts, pa.large_string()), np.ones(len(texts), int), np.arange(len(texts)))


def test_a_fingerprint_tells_texts_apart_and_nobody_can_try_them() -> None:
    key, other = (key_of(mpd.Project(letter * 32, "eu")) for letter in "ab")
    assert fingerprint(payloads("a,", "b,"), key) == fingerprint(payloads("x,", "a,", "b,")[1:], key)
    several = {
        fingerprint(payloads(*texts), key) for texts in [(), ("a,",), ("b,",), ("b,", "a,"), ("a,", "b,")]
    }
    assert len(several) == 5
    assert {len(digest) for digest in several} == {16}
    assert fingerprint(payloads("a,"), other) not in several


# -- runs ---------------------------------------------------------------------------------------------------------

#: What became of the rows of a session -> which of them the next one does not send, where that may be twice and where not.
SETTLED = [
    pytest.param("accepted", True, True, id="accepted"),
    pytest.param("unknown", True, False, id="in doubt"),
    pytest.param(None, True, False, id="on the wire when the process ended"),
    pytest.param("rejected", False, False, id="refused"),
    pytest.param("not_sent", False, False, id="not sent"),
]


@pytest.mark.parametrize(("outcome", "counters", "idempotent"), SETTLED)
def test_what_was_surely_not_applied_is_tried_again(
    opened: Callable[..., Journal], outcome: Any, counters: bool, idempotent: bool
) -> None:
    for run, settled in ((content(idempotent=False), counters), (content(idempotent=True), idempotent)):
        name = run.operator
        upload(opened(name, run), {0: "accepted", 3: outcome}, end=outcome is not None)
        journal = opened(name, run)
        assert journal.resumed
        assert journal.done().tolist() == [True, False, False, settled, False, False]
        doubtful = settled and outcome != "accepted"
        assert journal.doubtful().tolist() == [False, False, False, doubtful, False, False]
        journal.close()


def test_a_named_run_that_has_ended_is_not_begun_again(opened: Callable[..., Journal], path: Path) -> None:
    for idempotent in (True, False):
        run = content(idempotent=idempotent)
        upload(opened(run.operator, run), ALL)
        for _call in range(2):
            journal = opened(run.operator, run)
            assert journal.finished is not None
            assert journal.finished.summary["accepted"].sum() == 6
            assert journal.ended_at is not None
            assert journal.compare_first
            assert journal.same_so_far(0, b"values 0")
            journal.note_slice(1, b"values 1")
            journal.close()
    assert mpd.read_journal(path, "add").summary["accepted"].sum() == 6


def test_a_named_run_that_was_killed_before_its_end_was_written_has_ended_too(
    opened: Callable[..., Journal],
) -> None:
    upload(opened(), ALL, end=False)
    journal = opened()
    assert journal.finished is not None
    assert journal.ended_at is not None
    assert journal.ended_at.timestamp() == 1_800_000_000  # when the last answer came


def test_an_unnamed_run_goes_on_until_nothing_is_left_to_try(opened: Callable[..., Journal]) -> None:
    upload(opened(None), {0: "accepted"})
    journal = opened(None)
    assert (journal.resumed, journal.compare_first, journal.finished) == (True, False, None)
    with pytest.raises(
        JournalError, match="has not ended, and began with other values in rows 0 to 1"
    ) as raised:
        journal.note_slice(0, b"other values")
    assert "name another run" in str(raised.value)
    journal.note_slice(1, b"other values")  # of which nothing was sent


def test_an_unnamed_run_goes_on_where_nothing_has_to_be_compared(opened: Callable[..., Journal]) -> None:
    for run in (content(idempotent=True), content(idempotent=True, name="another", ids=["ann", "bob"])):
        upload(opened(None, run), {0: "accepted"})
        journal = opened(None, run)
        assert (journal.resumed, journal.compare_first) == (True, False)
        assert np.flatnonzero(journal.done()).tolist() == [0]
        journal.close()


def test_an_unnamed_run_without_the_same_rows_is_another_one(opened: Callable[..., Journal]) -> None:
    upload(
        opened(None, content(excluded=[Excluded(np.array([5]), "invalid", "too long")])),
        dict.fromkeys(range(5), "accepted"),
    )
    journal = opened(None, content(excluded=[Excluded(np.array([4]), "invalid", "too long")]))
    assert (journal.finished, journal.compare_first, journal.resumed) == (None, False, False)
    assert not journal.done().any()


def test_an_unnamed_run_that_has_ended_begins_afresh_if_it_may(opened: Callable[..., Journal]) -> None:
    for _call in range(2):
        journal = opened(None, content(idempotent=True))
        assert (journal.resumed, journal.compare_first, journal.finished) == (False, False, None)
        upload(journal, ALL)


def test_an_unnamed_run_that_has_ended_is_told_from_others_by_its_values(
    opened: Callable[..., Journal], path: Path
) -> None:
    def compare(values: list[str]) -> tuple[bool, Journal]:
        journal = opened(None)
        assert journal.compare_first
        return all(journal.same_so_far(n, value.encode()) for n, value in enumerate(values)), journal

    upload(opened(None), ALL, values="monday's")
    same, journal = compare(["monday's 0", "monday's 1", "monday's 2"])
    assert same
    assert journal.finished is not None
    journal.close()
    same, journal = compare(["monday's 0", "tuesday's 1", "tuesday's 2"])
    assert not same
    journal.begin_afresh()
    assert (journal.finished, journal.compare_first, journal.resumed) == (None, False, False)
    with pytest.raises(JournalError, match="other values"):
        journal.note_slice(1, b"monday's 1")  # what was compared is written down
    assert not journal.done().any()
    journal.write([delivery(range(6))], wait=True)
    journal.note_slice(2, b"tuesday's 2")
    journal.end([], None)
    journal.close()
    for values in (["monday's 0", "monday's 1", "monday's 2"], ["monday's 0", "tuesday's 1", "tuesday's 2"]):
        same, journal = compare(values)  # also those before the last
        assert same
        journal.close()
    assert not compare(["monday's 0", "tuesday's 1", "monday's 2"])[0]


def test_a_call_that_sent_nothing_blocks_nothing(opened: Callable[..., Journal]) -> None:
    run = content(excluded=[Excluded(np.arange(6), "skipped", "nothing to send")])
    upload(opened(None, run), {})
    assert opened(None, run).finished is None


def test_slices_stay_as_long_as_they_were(opened: Callable[..., Journal]) -> None:
    upload(opened(), {0: "accepted"})
    journal = opened(of=content(rows_per_slice=5))
    assert journal.rows_per_slice == 2
    journal.close()
    upload(opened("other", content(rows_per_slice=5)), {0: "accepted"})
    assert opened("other").rows_per_slice == 5


CHANGED: list[Any] = [
    pytest.param(content(7, name="b"), "it had 6 rows, and has 7 now", id="more rows"),
    pytest.param(
        content(ids=["user-0", "user-1", "user-2", "user-3", "user-4", "user-6"], name="b"),
        "the first row with another id is at position 5",
        id="another id",
    ),
    pytest.param(
        content(ids=["user-0", None, *(f"user-{n}" for n in range(2, 6))], name="b"),
        "the first row with another id is at position 1",
        id="no id",
    ),
    pytest.param(
        content(described={"operator": "add", "columns": ["m ($add)"]}, name="b"),
        r"columns are now without 'n \(\$add\)' and with 'm \(\$add\)'",
        id="another column",
    ),
    pytest.param(
        content(excluded=[Excluded(np.array([3]), "invalid", "too long")]),
        "the checks now exclude other rows",
        id="a row that is left out",
    ),
]


@pytest.mark.parametrize(("changed", "message"), CHANGED)
def test_a_named_run_has_one_content(opened: Callable[..., Journal], changed: Any, message: str) -> None:
    upload(opened(), {0: "accepted"})
    with pytest.raises(JournalError, match=message) as raised:
        opened(of=changed)
    assert 'on_changed="remaining"' in str(raised.value)
    opened(of=changed, remaining=True)


def test_another_value_in_a_named_run_is_seen_at_its_slice(opened: Callable[..., Journal]) -> None:
    upload(opened(), {0: "accepted", 2: "rejected"})
    journal = opened()
    journal.note_slice(0, b"values 0")
    with pytest.raises(JournalError, match="other values in rows 2 to 3"):
        journal.note_slice(1, b"others")
    with pytest.raises(JournalError, match="other values in rows 2 to 3"):
        journal.note_slice(1, b"others")  # not taken for the one that stands there


def test_another_value_in_a_named_run_that_has_ended_is_no_repetition(opened: Callable[..., Journal]) -> None:
    upload(opened(), ALL)
    journal = opened()
    assert not journal.same_so_far(0, b"others")
    with pytest.raises(JournalError, match="other values in rows 0 to 1"):
        journal.begin_afresh()


def test_remaining_ids_of_a_run_with_the_same_ids_and_other_values(
    opened: Callable[..., Journal], path: Path
) -> None:
    upload(opened(), {0: "accepted", 1: "unknown", 2: "rejected", 3: "not_sent"})
    journal = opened(remaining=True)
    assert journal.compare_first
    assert not journal.same_so_far(0, b"others")
    journal.begin_afresh()
    assert journal.done().tolist() == [True, True, False, False, False, False]
    assert [left.reason for left in journal.carried] == ["sent before", "in doubt"]
    upload(journal, ALL)
    assert outcomes(path) == ["skipped", "unknown", *["accepted"] * 4]
    assert opened(remaining=True).finished is not None


def test_a_slice_is_on_disk_before_what_is_waited_for(opened: Callable[..., Journal]) -> None:
    journal = opened()
    journal.note_slice(0, b"values 0")
    journal.write([delivery(range(1), "unknown")], wait=True)
    records = journal._writer.call(lambda file: [record.kind for record in file.records()])
    assert records == ["run", "ids", "ids", "session", "slice", "delivery"]


def test_a_delivery_is_read_as_it_was_written(opened: Callable[..., Journal]) -> None:
    written = delivery(
        [0, 2, 5], "rejected", apart={1: ("unknown", "why")}, status_code=400, requests=2, attempts=3,
        elapsed=0.1, reason="refused", error="wrong \N{SNOWMAN}", late=True,
    )  # fmt: skip
    journal = opened()
    journal.write([written], wait=True)
    journal.close()
    (read,) = opened().earlier
    assert list(read.positions) == [0, 2, 5]
    assert read.apart == written.apart
    plain = {name for name in vars(read) if name not in {"positions", "apart"}}
    assert {name: getattr(read, name) for name in plain} == {name: getattr(written, name) for name in plain}


def test_rows_held_back_are_told_once(opened: Callable[..., Journal], path: Path) -> None:
    for earlier in ("friday", "saturday"):
        upload(opened(earlier), {0: "accepted"})
    upload(opened(), {0: "rejected", 1: "rejected"})
    journal = opened()
    journal.write([delivery(range(1), "unknown")], wait=True)
    held = [Excluded(np.array([1, 2]), "not_sent", "earlier row in doubt")]
    journal.end(held, Stop("stopped", "stopped by hand"))
    summary = summarise(
        together := journal.with_earlier([delivery(range(1), "unknown")]), without_delivered(held, together, 6),
        operator="add", rows=6, digest="", idempotent=False,
    )  # fmt: skip
    journal.close()
    assert summary["rows"].sum() == 6
    run = mpd.read_journal(path)
    assert run.outcomes["outcome"].tolist() == ["unknown", "rejected", *["not_sent"] * 4]
    assert run.outcomes["error"].tolist()[-1] == "stopped by hand"
    assert run.summary["reason"].tolist().count("earlier row in doubt") == 1


def test_a_journal_without_runs_says_so(opened: Callable[..., Journal], path: Path) -> None:
    with pytest.raises(JournalError, match="there is no journal"):
        mpd.read_journal(path)
    opened("monday").close()
    with pytest.raises(JournalError, match=r"there is no run 'sunday' in .*: there are 'monday'"):
        mpd.read_journal(path, "sunday")


# -- what the user found out --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("applied", "outcome"), [(True, "accepted"), (False, "not_sent")])
def test_a_doubt_is_settled(opened: Callable[..., Journal], path: Path, applied: bool, outcome: str) -> None:
    upload(opened(), {0: "accepted", 1: "unknown", 2: "unknown", 3: "rejected"})
    mpd.settle(path, "monday", "user-1", applied=applied)
    run = mpd.read_journal(path, "monday").outcomes
    assert run["outcome"].tolist() == ["accepted", outcome, "unknown", "rejected", "not_sent", "not_sent"]
    assert "is settled as" in run.loc["user-1", "error"]
    journal = opened()
    assert journal.done().tolist() == [True, applied, True, False, False, False]
    assert journal.doubtful().tolist() == [False, False, True, False, False, False]
    upload(journal, {1: "accepted"})
    assert outcomes(path)[:3] == ["accepted", "accepted", "unknown"]


def test_a_doubt_about_a_part_of_a_request_is_settled(opened: Callable[..., Journal], path: Path) -> None:
    journal = opened()
    apart = {0: ("accepted", None), 2: ("unknown", "why"), 3: ("rejected", "bad")}
    journal.write([delivery(range(4), "unknown", apart=apart)], wait=True)
    journal.close()
    mpd.settle(path, None, ["user-1"], applied=True)
    assert outcomes(path)[:4] == ["accepted", "accepted", "unknown", "rejected"]
    mpd.settle(path, None, ["user-2"], applied=False)
    assert outcomes(path)[:4] == ["accepted", "accepted", "not_sent", "rejected"]
    summary = mpd.read_journal(path).summary
    assert (summary["rows"].sum(), summary["requests"].sum()) == (6, 0)


def test_all_doubts_settled_end_a_run(opened: Callable[..., Journal], path: Path) -> None:
    upload(opened(), {**ALL, 4: None, 5: "unknown"})
    mpd.settle(path, "monday", ["user-4", "user-5"], applied=True)
    run = opened().finished
    assert run is not None
    assert run.summary["accepted"].sum() == 6


def test_a_doubt_that_another_content_left_is_settled_too(opened: Callable[..., Journal], path: Path) -> None:
    for applied, after in ((True, "skipped"), (False, "not_sent")):
        run = str(applied)
        upload(opened(run), {0: "unknown", 1: "accepted"})
        more = content(7, name="b")
        upload(opened(run, more, remaining=True), {})
        assert outcomes(path, run)[:2] == ["unknown", "skipped"]
        mpd.settle(path, run, "user-0", applied=applied)
        assert outcomes(path, run)[:2] == [after, "skipped"]
        journal = opened(run, more, remaining=True)
        assert journal.done()[:2].tolist() == [applied, True]
        journal.close()


IDS: list[Any] = [
    pytest.param("user-1", id="a text"),
    pytest.param(["user-1"], id="a list"),
    pytest.param({"user-1"}, id="a set"),
    pytest.param(np.array(["user-1"]), id="an array"),
    pytest.param(pa.array(["user-1"]).to_pandas(), id="a Series"),
]


@pytest.mark.parametrize("ids", IDS)
def test_ids_are_given_by_one_or_together(opened: Callable[..., Journal], path: Path, ids: Any) -> None:
    upload(opened(), {1: "unknown"})
    mpd.settle(path, "monday", ids, applied=True)
    assert outcomes(path)[1] == "accepted"


@pytest.mark.parametrize("id", [7, 7.0, np.int64(7), "7"])
def test_a_number_is_an_id_as_in_a_frame(opened: Callable[..., Journal], path: Path, id: Any) -> None:
    upload(opened(of=content(ids=[*"789"])), {0: "unknown"})
    mpd.settle(path, "monday", id, applied=True)
    assert outcomes(path)[0] == "accepted"


WRONG: list[Any] = [
    pytest.param(
        ["user-0", "user-1", "nobody", 5], True,
        r"ids 'nobody', '5' are not in the run; no row of the ids 'user-0' is unknown",
        id="ids that are not in the run or not in doubt",
    ),
    pytest.param([], True, "no ids", id="nobody"),
    pytest.param([None], True, "id None is not an id", id="no id"),
    pytest.param(1.5, True, "id 1.5 is not an id", id="half a number"),
    pytest.param(float("nan"), True, "is not an id", id="a missing value"),
    pytest.param(True, True, "id True is not an id", id="a boolean"),
    pytest.param("user-1", "yes", "applied='yes' must be True", id="neither yes nor no"),
    pytest.param("user-1", None, "applied=None must be True", id="no answer"),
]  # fmt: skip


@pytest.mark.parametrize(("ids", "applied", "message"), WRONG)
def test_what_cannot_be_settled_is_told_and_nothing_is(
    opened: Callable[..., Journal], path: Path, ids: Any, applied: Any, message: str
) -> None:
    upload(opened(), {0: "accepted", 1: "unknown"})
    with pytest.raises(OperationError, match=message):
        mpd.settle(path, "monday", ids, applied=applied)
    assert outcomes(path)[1] == "unknown"


def test_a_journal_that_is_not_there_is_not_made(path: Path) -> None:
    with pytest.raises(JournalError, match="there is no journal"):
        mpd.settle(path, "monday", "ann", applied=True)
    assert not path.exists()


# -- any history --------------------------------------------------------------------------------------------------

answers = st.sampled_from(["accepted", "rejected", "not_sent", "unknown and applied", "unknown and not"])
calls = st.lists(
    st.tuples(
        st.lists(answers, min_size=6, max_size=6),
        st.integers(0, 14),  # notes until the process ends
        st.booleans(),  # whether an answer is lost with it
        st.sampled_from([None, "truth"]),  # what is settled before the next call
    ),
    min_size=1,
    max_size=5,
)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(calls=calls, idempotent=st.booleans(), named=st.booleans())
def test_any_calls_come_to_what_is_true(
    tmp_path_factory: pytest.TempPathFactory, calls: list[Any], idempotent: bool, named: bool
) -> None:
    path = tmp_path_factory.mktemp("run") / "mp.sqlite"
    applied: Counter[int] = Counter()
    name = "monday" if named else None
    for of_rows, notes, lost, settled in calls:
        journal = Journal(path, name, content(idempotent=idempotent))
        if journal.finished is None:
            _upload(journal, of_rows, notes, applied, lost=lost)
        journal.close()
        told = outcomes(path, name)
        for row, outcome in enumerate(told):
            assert outcome != "accepted" or applied[row]
            assert outcome in {"accepted", "unknown"} or not applied[row] or idempotent
            assert idempotent or applied[row] <= 1
        if settled:
            for row, outcome in enumerate(told):
                if outcome == "unknown":
                    mpd.settle(path, name, f"user-{row}", applied=applied[row] > 0)
            truth = {True: "accepted", False: "not_sent"}
            assert outcomes(path, name) == [
                truth[applied[row] > 0] if outcome == "unknown" else outcome
                for row, outcome in enumerate(told)
            ]


def _upload(journal: Journal, of_rows: list[str], notes: int, applied: Counter[int], *, lost: bool) -> None:
    """Send each row by itself, until the process ends after some notes."""
    settled = journal.done()
    for row, answer in enumerate(of_rows):
        if settled[row]:
            continue
        if not notes:
            return
        notes -= 1
        journal.note_slice(row // 2, b"values")
        journal.write([delivery(range(row, row + 1), "unknown")], wait=True)
        applied[row] += answer in {"accepted", "unknown and applied"}
        if not notes and lost:
            return
        journal.write([delivery(range(row, row + 1), answer.split()[0])], wait=False)
    journal.end([], None)

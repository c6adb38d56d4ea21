from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixpanel_pandas.delivery.summary import COLUMNS, failures_mask, outcomes, totals, unlisted_runs
from mixpanel_pandas.errors import OperationError, SummaryError
from mixpanel_pandas.payloads.changes import Excluded
from mixpanel_pandas.rules.outcomes import OUTCOMES
from tests.delivery.summaries import DIGEST, accepted, ended, summary_of


def lists_of(column):
    return [None if part is None else list(part) for part in column]


@pytest.fixture
def summary():
    """Ten rows: 0, 1 accepted; 2, 3, 5 of one request, of which 3 named; 4, 9 junk; 6, 7 unknown; 8 never reached."""
    return summary_of(
        [
            accepted(range(2)),
            ended(
                range(6, 8),
                "unknown",
                2,
                "no clear answer",
                "503; look",
                status_code=503,
                attempts=3,
                requests=3,
            ),
            accepted(
                np.array([2, 3, 5]),
                1,
                apart={1: ("rejected", "bad email")},
                reason="record refused",
                status_code=400,
            ),
        ],
        [Excluded(np.array([4, 9]), "invalid", "junk id", "'null' is no id")],
        rows=10,
    )


def test_columns_and_dtypes(summary):
    text = pd.Series(["text"]).dtype
    assert list(summary.columns) == list(COLUMNS) == [
        "batch", "outcome", "rows", "accepted", "rejected", "unknown", "not_sent", "invalid", "skipped",
        "operator", "start", "stop", "positions", "position_outcomes", "reasons", "error", "started", "updates",
        "bytes", "requests", "attempts", "elapsed", "status_code", "reason",
    ]  # fmt: skip
    assert summary.dtypes[["batch", "status_code"]].eq("Int64").all()
    assert summary.dtypes[["operator", "reason", "error"]].eq(text).all()
    assert summary.dtypes[["positions", "position_outcomes", "reasons"]].eq(object).all()
    assert list(summary["outcome"].cat.categories) == list(OUTCOMES)
    assert isinstance(summary["started"].dtype, pd.DatetimeTZDtype)
    assert str(summary["started"].dt.tz) == "UTC"


def test_every_row_is_accounted_for(summary):
    assert summary["rows"].sum() == 10
    assert (summary[list(OUTCOMES)].sum(axis=1) == summary["rows"]).all()
    assert summary["start"].is_monotonic_increasing
    assert summary["start"].tolist() == [0, 2, 4, 6, 8]
    assert summary["outcome"].tolist() == ["accepted", "rejected", "invalid", "unknown", "not_sent"]
    assert summary["reason"].tolist()[1:] == ["record refused", "junk id", "no clear answer", "not reached"]
    assert summary["requests"].sum() == 5


def test_what_differs_from_the_outcome_is_listed(summary):
    columns = (lists_of(summary[name]) for name in ("positions", "position_outcomes", "reasons"))
    assert [list(row) for row in zip(*columns, strict=True)] == [
        [None, None, None],
        [
            [2, 5],  # not row 4 in between, which another run lists
            ["accepted", "accepted"],
            [None, None],
        ],
        [[4, 9], None, None],
        [None, None, None],
        [None, None, None],
    ]


def test_without_holes_only_the_others_are_listed():
    summary = summary_of([accepted(range(4), apart={1: ("rejected", "bad")})], rows=4)
    assert summary["outcome"].tolist() == ["rejected"]
    assert summary["error"].tolist() == ["bad"]
    assert lists_of(summary["positions"]) == [[0, 2, 3]]
    assert summary["position_outcomes"].tolist() == [["accepted"] * 3]


#: From good to bad.
GRAVITY = ["accepted", "skipped", "invalid", "not_sent", "rejected", "unknown"]


@pytest.mark.parametrize("order", [1, -1], ids=["the good row first", "the bad row first"])
@pytest.mark.parametrize(("good", "bad"), list(combinations(GRAVITY, 2)))
def test_a_run_of_rows_has_its_worst_outcome(good, bad, order):
    first, second = [good, bad][::order]
    run = accepted(range(2), outcome=first, reason="why", error=first, apart={1: (second, second)})
    (row,) = summary_of([run], rows=2).to_dict("records")
    assert (row["outcome"], row["error"], row[good], row[bad]) == (bad, bad, 1, 1)
    assert row["positions"] == [[good, bad][::order].index(good)]


def test_rows_of_one_outcome_with_texts_of_their_own():
    summary = summary_of([ended(range(3), "rejected", error="a", apart={2: ("rejected", "b")})], rows=3)
    assert lists_of(summary["positions"]) == [[2]]
    assert summary["reasons"].tolist() == [["b"]]
    assert outcomes(summary, pd.RangeIndex(3), DIGEST)["error"].tolist() == ["a", "a", "b"]


def test_a_row_apart_may_have_the_outcome_of_the_others():
    same, other = ("rejected", "why"), ("unknown", "lost")
    run = ended(range(4), *same[:1], error=same[1], apart={0: same, 2: other, 3: other})
    summary = summary_of([run], rows=4)
    assert summary[["rejected", "unknown"]].to_numpy().tolist() == [[2, 2]]
    rows = outcomes(summary, pd.RangeIndex(4), DIGEST)
    assert rows["outcome"].tolist() == ["rejected", "rejected", "unknown", "unknown"]
    assert rows["error"].tolist() == ["why", "why", "lost", "lost"]


def test_outcome_of_every_row(summary):
    index = pd.Index(list("abcdefghij"), name="key")
    found = outcomes(summary, index, DIGEST)
    assert found.index.equals(index)
    assert found["outcome"].tolist() == [
        "accepted", "accepted", "accepted", "rejected", "invalid",
        "accepted", "unknown", "unknown", "not_sent", "invalid",
    ]  # fmt: skip
    missing = pd.NA
    assert found["status_code"].fillna(0).tolist() == [200, 200, 400, 400, 0, 400, 503, 503, 0, 0]
    assert found["attempts"].tolist() == [1, 1, 1, 1, 0, 1, 3, 3, 0, 0]
    assert found["error"].notna().tolist() == [False, False, False, True, True, False, True, True, True, True]
    assert found["error"].iloc[3] == "bad email"
    assert found.dtypes[["status_code", "attempts"]].eq("Int64").all()
    assert missing is found["status_code"].iloc[4]


def test_no_rows():
    empty, full = summary_of([], rows=0), summary_of([accepted(range(2))], rows=2)
    pd.testing.assert_series_equal(empty.dtypes, full.dtypes)
    assert len(empty) == 0
    assert len(outcomes(empty, pd.RangeIndex(0), DIGEST)) == 0
    assert failures_mask(empty, pd.RangeIndex(0), DIGEST).tolist() == []
    assert len(totals(empty)) == 0


@pytest.mark.parametrize("rows", [0, 10])
def test_parquet_there_and_back(summary, tmp_path, rows):
    summary = summary if rows else summary_of([], rows=0)
    summary.to_parquet(tmp_path / "summary.parquet")
    back = pd.read_parquet(tmp_path / "summary.parquet")
    assert back.attrs == summary.attrs
    if not rows:  # Parquet has no place for the categories of no rows
        back["outcome"] = back["outcome"].astype(summary["outcome"].dtype)
    pd.testing.assert_series_equal(back.dtypes, summary.dtypes)
    lists = ["positions", "position_outcomes", "reasons"]
    pd.testing.assert_frame_equal(back.drop(columns=lists), summary.drop(columns=lists))
    for name in lists:
        assert lists_of(back[name]) == lists_of(summary[name])
    index = pd.RangeIndex(rows)
    pd.testing.assert_frame_equal(outcomes(back, index, DIGEST), outcomes(summary, index, DIGEST))
    pd.testing.assert_frame_equal(totals(back), totals(summary))


def test_attrs_are_plain_strings(summary):
    assert summary.attrs["mixpanel"] == {"operator": "set", "rows": "10", "ids": DIGEST, "idempotent": "true"}


@pytest.mark.parametrize(
    ("rows", "digest", "change", "message"),
    [
        pytest.param(11, DIGEST, lambda s: s, "10 rows, this one has 11", id="more rows"),
        pytest.param(
            10, "other", lambda s: s, "other ids, or with the same ids in another order", id="other ids"
        ),
        pytest.param(10, DIGEST, lambda s: s.iloc[1:], "accounts for 8 of 10 rows", id="a filtered summary"),
        pytest.param(10, DIGEST, lambda s: pd.DataFrame(s.to_dict()), "lost its attrs", id="without attrs"),
    ],
)
def test_a_summary_of_another_frame_is_refused(summary, rows, digest, change, message):
    with pytest.raises(SummaryError, match=message):
        outcomes(change(summary), pd.RangeIndex(rows), digest)
    with pytest.raises(SummaryError, match=message):
        failures_mask(change(summary), pd.RangeIndex(rows), digest)


@pytest.mark.parametrize(
    ("idempotent", "wanted", "positions"),
    [
        pytest.param(True, None, [3, 4, 6, 7, 8, 9], id="idempotent: unknown, too"),
        pytest.param(False, None, [3, 4, 8, 9], id="not idempotent"),
        pytest.param(False, ["unknown"], [6, 7], id="asked for by name"),
        pytest.param(False, "unknown", [6, 7], id="a single name"),
        pytest.param(True, ("accepted", "skipped"), [0, 1, 2, 5], id="two names"),
        pytest.param(True, [], [], id="none"),
    ],
)
def test_failures(summary, idempotent, wanted, positions):
    summary.attrs["mixpanel"]["idempotent"] = str(idempotent).lower()
    assert np.flatnonzero(failures_mask(summary, pd.RangeIndex(10), DIGEST, wanted)).tolist() == positions


def test_failures_of_no_known_name(summary):
    with pytest.raises(OperationError, match="'lost' are not known: choose from 'accepted', 'rejected'"):
        failures_mask(summary, pd.RangeIndex(10), DIGEST, ["unknown", "lost"])


def test_totals(summary):
    found = totals(summary)
    assert list(found.columns) == ["outcome", "reason", "status_code", "rows", "updates"]
    assert found.fillna({"status_code": 0, "reason": "-"}).to_numpy().tolist() == [
        ["accepted", "-", 200, 2, 2],
        ["accepted", "-", 400, 2, 2],
        ["rejected", "record refused", 400, 1, 1],
        ["unknown", "no clear answer", 503, 2, 2],
        ["not_sent", "not reached", 0, 1, 0],
        ["invalid", "junk id", 0, 2, 0],
    ]
    assert found["rows"].sum() == 10


def test_totals_share_out_updates_by_rows():
    found = totals(summary_of([accepted(range(3), updates=7, apart={1: ("rejected", "bad")})], rows=3))
    assert found["updates"].sum() == 7
    assert found["rows"].tolist() == [2, 1]


@st.composite
def uploads(draw):
    """Return rows, what became of each, and deliveries and rows left out that say so in any order."""
    rows = draw(st.integers(1, 30))
    truth = draw(st.lists(st.sampled_from(OUTCOMES), min_size=rows, max_size=rows))
    owner = draw(st.lists(st.integers(0, 4), min_size=rows, max_size=rows))
    deliveries, left = [], []
    for number in draw(st.permutations(range(5))):
        for kind in ("sent", "invalid", "skipped"):
            positions = np.array(
                [
                    at
                    for at in range(rows)
                    if owner[at] == number
                    and (truth[at] == kind or (kind == "sent" and truth[at] in OUTCOMES[:4]))
                ],
                np.int64,
            )
            if not len(positions):
                continue
            if kind != "sent":
                left.append(Excluded(positions, kind, f"reason {number}", kind))
                continue
            base = draw(st.sampled_from(OUTCOMES[:4]))
            apart = {row: (truth[at], truth[at]) for row, at in enumerate(positions) if truth[at] != base}
            deliveries.append(accepted(positions, number, outcome=base, error=base, apart=apart))
    return rows, truth, deliveries, left


@given(uploads())
def test_the_summary_tells_what_became_of_each_row(upload):
    rows, truth, deliveries, left = upload
    summary = summary_of(deliveries, left, rows=rows)
    assert summary["rows"].sum() == rows
    assert (summary[list(OUTCOMES)].sum(axis=1) == summary["rows"]).all()
    assert summary["start"].is_monotonic_increasing
    found = outcomes(summary, pd.RangeIndex(rows), DIGEST)
    assert found["outcome"].tolist() == truth
    assert found["error"].tolist() == truth
    counted = totals(summary).groupby("outcome", observed=True)["rows"].sum()
    assert counted.to_dict() == {outcome: truth.count(outcome) for outcome in set(truth)}


def with_all_rows_listed(summary, deliveries, left):
    """Return the summary as earlier versions made it: a run lists all its rows if it has holes, in lists of numbers."""
    summary = summary.copy()
    runs = {int(run.positions[0]): run for run in [*deliveries, *left]}
    for number, (start, stop, rows) in enumerate(
        zip(summary["start"], summary["stop"], summary["rows"], strict=True)
    ):
        run, worst = runs[start], (summary["outcome"].iloc[number], summary["error"].iloc[number])
        apart = getattr(run, "apart", {})
        kinds = {int(at): apart.get(row, (run.outcome, run.error)) for row, at in enumerate(run.positions)}
        differ = [at for at, kind in kinds.items() if kind != worst]
        listed = differ if stop - start == rows else list(kinds)
        summary.at[number, "positions"] = listed or None
        summary.at[number, "position_outcomes"] = [kinds[at][0] for at in listed] if differ else None
        summary.at[number, "reasons"] = [kinds[at][1] for at in listed] if differ else None
    return summary


@given(uploads())
def test_a_summary_that_lists_all_rows_of_runs_with_holes_tells_the_same(upload):
    rows, _truth, deliveries, left = upload
    summary = summary_of(deliveries, left, rows=rows)
    listing = with_all_rows_listed(summary, deliveries, left)
    index = pd.RangeIndex(rows)
    pd.testing.assert_frame_equal(outcomes(listing, index, DIGEST), outcomes(summary, index, DIGEST))
    assert (failures_mask(listing, index, DIGEST) == failures_mask(summary, index, DIGEST)).all()


def test_only_exceptions_are_listed():
    bad = np.arange(7, 10_000, 100)
    good = np.setdiff1d(np.arange(10_000), bad)
    batches = [accepted(good[at : at + 1000], at) for at in range(0, len(good), 1000)]
    summary = summary_of(batches, [Excluded(bad, "invalid", "junk id", "junk")], rows=10_000)
    listed = summary["positions"].dropna()
    assert [positions.dtype for positions in listed] == [np.int64]
    assert listed.iloc[0].tolist() == bad.tolist()
    assert summary["rows"].sum() == 10_000


def test_where_most_rows_are_exceptions_the_others_are_listed():
    sent = np.arange(0, 100, 10)
    bad = np.setdiff1d(np.arange(100), sent)
    left = [Excluded(bad, "invalid", "junk id", "junk")]
    summary = summary_of([accepted(sent[:5], 0), accepted(sent[5:], 1)], left, rows=100)
    assert lists_of(summary["positions"]) == [sent[:5].tolist(), None, sent[5:].tolist()]
    found = outcomes(summary, pd.RangeIndex(100), DIGEST)["outcome"]
    assert np.flatnonzero(found == "accepted").tolist() == sent.tolist()


def test_runs_that_touch_are_not_listed_and_runs_that_overlap_are():
    touching = [accepted(np.array([0, 2])), accepted(np.array([3, 5]), 1)]
    left = [Excluded(np.array([1, 4]), "invalid", "junk id", "junk")]
    assert lists_of(summary_of(touching, left, rows=6)["positions"]) == [None, [1, 4], None]
    overlapping = [accepted(np.array([0, 3, 4])), accepted(np.array([2, 5]), 1)]
    found = lists_of(
        summary_of(overlapping, [Excluded(np.array([1]), "invalid", "a", "b")], rows=6)["positions"]
    )
    assert found == [None, [1], [2, 5]]


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(1, 8), st.integers(1, 8)), max_size=5))
def test_no_other_choice_leaves_more_rows_unlisted(sizes):
    runs = [
        {"start": start, "stop": start + length, "rows": min(rows, length)} for start, length, rows in sizes
    ]

    def is_possible(chosen):
        return all(a["stop"] <= b["start"] or b["stop"] <= a["start"] for a, b in combinations(chosen, 2))

    def rows_of(chosen):
        return sum(run["rows"] for run in chosen)

    choices = [chosen for size in range(len(runs) + 1) for chosen in combinations(runs, size)]
    best = max(rows_of(chosen) for chosen in choices if is_possible(chosen))
    found = [runs[number] for number in unlisted_runs(runs)]
    assert is_possible(found)
    assert rows_of(found) == best

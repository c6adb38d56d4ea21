from __future__ import annotations

import io
import logging
import traceback
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import mixpanel_pandas as mpd
from tests.examples import examples

OUTCOMES = ["accepted", "rejected", "unknown", "not_sent", "invalid", "skipped"]
FAULTS: list[tuple[Any, dict[str, Any]]] = [
    (429, {}),
    (500, {}),
    (503, {"applied": True}),
    (413, {}),
    (403, {}),
    ("reset", {"applied": True}),
    ("reset", {"applied": False}),
    ("truncated", {}),
    ("garbage", {}),
    ("zero", {}),
    ("rejected", {}),
    ("echo", {}),
    ("too_large", {"limit": 300}),
    ("shuffle", {"seed": 1}),
    ("refuse", {"record": lambda record: record["$distinct_id"].endswith("1")}),
    (
        "refuse",
        {"record": lambda record: record["$distinct_id"].endswith("1"), "naming": "nobody", "partial": False},
    ),
]


def users(rows: int, **columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"id": [f"user {number}" for number in range(rows)], "plan": "pro", **columns})


def assert_adds_up(summary: pd.DataFrame, rows: int) -> None:
    assert summary["rows"].sum() == rows
    assert (summary[OUTCOMES].sum(axis=1) == summary["rows"]).all()
    assert mpd.totals(summary)["rows"].sum() == rows


@settings(
    max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    ids=st.lists(st.sampled_from(["", "null", None, *"abcdefgh", "user 1", "user 11"]), max_size=30),
    values=st.lists(st.sampled_from(["x", "", None, "y" * 300]), min_size=30, max_size=30),
    verb=st.sampled_from(["set", "union", "append"]),
    batch_size=st.integers(1, 12),
    faults=st.lists(st.sampled_from(FAULTS), max_size=3),
    invalid=st.sampled_from(
        ["drop_row", "drop_value", {"long_string": "truncate", "blank_id": "drop_row"}, "raise"]
    ),
    duplicates=st.sampled_from(["raise", "last", "merge"]),
)
def test_every_row_is_accounted_for(
    emulator, ids, values, verb, batch_size, faults, invalid, duplicates
) -> None:
    """Whatever the rows, the options and the faults: one outcome a row, and what is sent again is what was given."""
    assume(duplicates != "merge" or verb == "set")
    emulator.reset()
    for fault, details in faults:
        emulator.fail(fault, **details)
    frame = pd.DataFrame(
        {"id": pd.Series(ids, dtype=object), "note": pd.Series(values[: len(ids)], dtype=object)}
    )
    options = {
        "batch_size": batch_size,
        "invalid": invalid,
        "duplicates": duplicates,
        "check": False,
        "workers": 2,
        "repeat": True,
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", mpd.ProfileWarning)
            summary = getattr(frame.mixpanel, verb)("id", **options)
    except mpd.ValidationError:
        assert not emulator.requests
        return
    assert_adds_up(summary, len(frame))
    outcomes = frame.mixpanel.outcomes(summary)
    assert outcomes.index.equals(frame.index)
    assert (
        outcomes["outcome"].value_counts().reindex(OUTCOMES, fill_value=0).tolist()
        == summary[OUTCOMES].sum().tolist()
    )
    applied = {application.record["$distinct_id"] for application in emulator.applied}
    for identity, outcome in zip(frame["id"], outcomes["outcome"], strict=True):
        if outcome == "accepted":
            assert identity in applied
        if outcome in {"rejected", "not_sent"}:
            assert identity not in applied
    failures = frame.mixpanel.failures(summary)
    pd.testing.assert_frame_equal(failures, frame.loc[failures.index])


def test_failures_sent_again_are_the_original_properties(emulator: mpd.Emulator) -> None:
    frame = users(6, score=range(6))
    emulator.fail("refuse", record=lambda record: record["$distinct_id"] in {"user 1", "user 4"}, times=1)
    summary = frame.mixpanel.set("id")
    assert summary[["accepted", "rejected"]].sum().tolist() == [4, 2]
    failures = frame.mixpanel.failures(summary)
    again = failures.mixpanel.set("id")
    assert again["accepted"].sum() == 2
    assert [record["$set"] for record in emulator.requests[-1].records or ()] == [
        {"plan": "pro", "score": 1},
        {"plan": "pro", "score": 4},
    ]
    assert len(emulator.profiles()) == 6


def test_a_doubtful_increment_is_never_sent_again(emulator: mpd.Emulator) -> None:
    frame = users(1000, credits=1).drop(columns="plan")
    emulator.fail("reset", applied=True, times=2, skip=1)
    summary = frame.mixpanel.add("id", workers=1)
    assert_adds_up(summary, 1000)
    assert summary[["accepted", "unknown"]].sum().tolist() == [600, 400]
    assert len(frame.mixpanel.failures(summary)) == 0
    assert len(frame.mixpanel.failures(summary, ["unknown"])) == 400
    assert max(profile for profile in emulator.profiles()["credits"]) == 1


def test_the_summary_survives_parquet(emulator: mpd.Emulator, tmp_path: Any) -> None:
    frame = users(5, bio=["x", "x" * 300, None, "y", "z"])
    emulator.fail("refuse", record=lambda record: record["$distinct_id"] == "user 3")
    summary = frame.mixpanel.set("id", invalid="drop_row")
    summary.to_parquet(tmp_path / "summary.parquet")
    copy = pd.read_parquet(tmp_path / "summary.parquet")
    pd.testing.assert_frame_equal(frame.mixpanel.outcomes(copy), frame.mixpanel.outcomes(summary))
    assert frame.mixpanel.failures(copy)["id"].tolist() == ["user 1", "user 3"]
    assert copy.dtypes.astype(str).tolist() == summary.dtypes.astype(str).tolist()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(lambda df: df.iloc[:-1], "a frame of 3 rows, this one has 2", id="fewer rows"),
        pytest.param(
            lambda df: df.assign(id=["a", "b", "c"]),
            "other ids, or with the same ids in another order",
            id="ids",
        ),
        pytest.param(lambda df: df.iloc[::-1], "the same ids in another order", id="order"),
        pytest.param(
            lambda df: df.rename(columns={"id": "uid"}),
            "with its ids in 'id', which this one lacks: there are 'uid'",
            id="column",
        ),
    ],
)
def test_a_summary_of_another_frame_is_refused(emulator: mpd.Emulator, change: Any, message: str) -> None:
    frame = users(3)
    summary = frame.mixpanel.set("id")
    for use in (change(frame).mixpanel.outcomes, change(frame).mixpanel.failures):
        with pytest.raises(mpd.SummaryError) as raised:
            use(summary)
        assert message in str(raised.value)


def test_zero_rows_give_an_empty_summary_of_the_same_dtypes(emulator: mpd.Emulator) -> None:
    frame = users(2)
    full, empty = frame.mixpanel.set("id"), frame.head(0).mixpanel.set("id")
    assert len(empty) == 0
    assert empty.dtypes.equals(full.dtypes)
    assert len(frame.head(0).mixpanel.outcomes(empty)) == 0
    assert len(mpd.totals(empty)) == 0
    assert len(emulator.requests) == 1


def test_a_dry_run_sends_nothing_and_says_so(emulator: mpd.Emulator) -> None:
    summary = users(3).mixpanel.set("id", dry_run=True)
    assert not emulator.requests
    assert summary["reason"].tolist() == ["dry run"]
    assert summary["not_sent"].sum() == 3
    assert summary["bytes"].iloc[0] > 100


@pytest.mark.parametrize(
    ("check", "fault", "raises"),
    [
        pytest.param(None, {}, False, id="by default not when all is well"),
        pytest.param(None, {"fault": 403, "times": None}, True, id="by default when nothing is accepted"),
        pytest.param(
            None,
            {"fault": "refuse", "record": lambda r: r["$distinct_id"] == "user 1"},
            False,
            id="not for one row",
        ),
        pytest.param(
            True,
            {"fault": "refuse", "record": lambda r: r["$distinct_id"] == "user 1"},
            True,
            id="True: for one row",
        ),
        pytest.param(False, {"fault": 403, "times": None}, False, id="False: never"),
    ],
)
def test_check_decides_whether_an_upload_raises(
    emulator: mpd.Emulator, check: bool | None, fault: dict[str, Any], raises: bool
) -> None:
    if fault:
        emulator.fail(**fault)
    if not raises:
        assert_adds_up(users(3).mixpanel.set("id", check=check), 3)
        return
    with pytest.raises(mpd.UploadFailed, match=r"^set: ") as raised:
        users(3).mixpanel.set("id", check=check)
    assert raised.value.__notes__ == [".summary has the outcome of every row."]
    assert_adds_up(raised.value.summary, 3)


def test_nobody_there_is_an_error_with_the_summary() -> None:
    emulator = mpd.Emulator().start()
    emulator.close()
    with mpd.set_project(mpd.Project(emulator.token, url=emulator.url, backoff=0)):  # noqa: SIM117
        with pytest.raises(mpd.ConnectionFailed) as raised:
            users(3).mixpanel.set("id")
    assert raised.value.summary["not_sent"].sum() == 3
    assert_adds_up(raised.value.summary, 3)


def test_deleting_many_wants_a_word(emulator: mpd.Emulator) -> None:
    frame = users(1001)
    with pytest.raises(
        mpd.OperationError, match=r"1,001 profiles for good, more than at_most=1,000.*at_most=1001"
    ):
        frame.mixpanel.delete("id")
    assert not emulator.requests
    assert frame.mixpanel.delete("id", at_most=1001)["accepted"].sum() == 1001


def test_one_warning_tells_where_to_look(emulator: mpd.Emulator) -> None:
    frame = users(2, email=["a@b.c", "d@e.f"], when=pd.to_datetime(["2024-01-01", "2024-01-02"]))
    with pytest.warns(mpd.ProfileWarning) as caught:
        frame.mixpanel.set("id")
    assert [str(warning.message) for warning in caught] == [
        "1 warning and 1 hint (naive_datetime, lookalike): df.mixpanel.validate('set', 'id') shows them"
    ]
    assert caught[0].filename == __file__


def test_an_error_refuses_the_frame_before_anything_is_sent(emulator: mpd.Emulator) -> None:
    frame = users(3, bio=["x", "x" * 300, "y"])
    with pytest.raises(mpd.ValidationError) as raised:
        frame.mixpanel.set("id")
    assert not emulator.requests
    assert raised.value.report["position"].tolist() == [1]


def test_the_log_says_it_in_words(emulator: mpd.Emulator, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "mixpanel_pandas"):
        users(3, bio=["x", "x" * 300, "y"]).mixpanel.set("id", invalid="drop_row")
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("set: 2 accepted, 1 invalid (1 long string); 1 request, ")
    assert logging.getLogger("mixpanel_pandas").handlers == []


def test_requests_are_as_mixpanel_wants_them(emulator: mpd.Emulator) -> None:
    frame = users(4500)
    summary = frame.mixpanel.set("id")
    assert [len(request.records or ()) for request in sorted(emulator.requests, key=lambda r: -r.nbytes)] == [
        2000,
        2000,
        500,
    ]
    request = emulator.requests[0]
    assert request.query == {"ip": "0", "strict": "1", "verbose": "1"}
    assert request.headers["content-type"] == "application/json"
    assert "content-encoding" not in request.headers
    assert sorted(summary["updates"]) == [500, 2000, 2000]
    assert len(emulator.profiles()) == 4500


def test_secrets_are_nowhere(emulator: mpd.Emulator, caplog: pytest.LogCaptureFixture, capsys: Any) -> None:
    frame = users(3)
    shown = io.StringIO()
    emulator.fail("echo", times=None)
    with caplog.at_level(logging.DEBUG):
        summary = frame.mixpanel.set("id", check=False, progress=True)
        try:
            frame.mixpanel.set("id", check=True)
        except mpd.UploadFailed as error:
            traceback.print_exception(error, file=shown)
            print(error, repr(error), error.summary.to_dict(), file=shown)
    print(summary.to_csv(), summary.attrs, frame.mixpanel.payloads("set", "id").tolist(), file=shown)
    print(frame.mixpanel.outcomes(summary).to_csv(), emulator, emulator.project, file=shown)
    captured = capsys.readouterr()
    for text in (shown.getvalue(), caplog.text, captured.out, captured.err):
        assert emulator.token not in text
        assert emulator.token[:12] not in text
        assert emulator.token[-12:] not in text


@pytest.mark.parametrize(
    "index",
    [
        pytest.param(pd.Index(["a", "a", "b"]), id="labels that repeat"),
        pytest.param(
            pd.MultiIndex.from_tuples([(1, "x"), (1, "y"), (2, "x")], names=["n", None]), id="several levels"
        ),
        pytest.param(pd.date_range("2024-01-01", periods=3), id="dates"),
    ],
)
def test_the_index_is_the_users(emulator: mpd.Emulator, index: pd.Index) -> None:
    frame = users(3, bio=["x", "x" * 300, "y"]).set_axis(index)
    summary = frame.mixpanel.set("id", invalid="drop_row")
    assert frame.mixpanel.outcomes(summary).index.equals(index)
    assert frame.mixpanel.outcomes(summary)["outcome"].tolist() == ["accepted", "invalid", "accepted"]
    assert frame.mixpanel.failures(summary).index.equals(index[[1]])
    assert frame.mixpanel.validate("set", "id")["index"].tolist() == [index[1]]


def test_an_index_level_may_hold_the_ids(emulator: mpd.Emulator) -> None:
    frame = users(3).set_index("id")
    summary = frame.mixpanel.set("id")
    assert emulator.profiles().index.tolist() == ["user 0", "user 1", "user 2"]
    assert frame.mixpanel.outcomes(summary)["outcome"].eq("accepted").all()


def test_last_takes_the_last_usable_row(emulator: mpd.Emulator) -> None:
    frame = pd.DataFrame({"id": ["a", "b", "a", "b"], "x": ["1", "2", "3", "y" * 300]})
    summary = frame.mixpanel.set("id", duplicates="last", invalid="drop_row")
    assert frame.mixpanel.outcomes(summary)["outcome"].tolist() == [
        "skipped",
        "skipped",
        "accepted",
        "invalid",
    ]
    assert emulator.profiles()["x"].to_dict() == {"a": "3"}


def test_a_large_frame_goes_through_in_many_batches(emulator: mpd.Emulator) -> None:
    frame = users(30_000, score=np.arange(30_000))
    summary = frame.mixpanel.set("id", workers=4)
    assert summary["accepted"].sum() == 30_000
    assert len(summary) == 15
    assert emulator.profiles()["score"].sum() == frame["score"].sum()


@pytest.mark.parametrize("verb", ["add", "append", "remove"])
def test_a_cell_run_twice_sends_once(emulator: mpd.Emulator, verb: str) -> None:
    frame = users(3, credits=[1, 2, 3])[["id", "credits"]]
    again = getattr(frame.mixpanel, verb)
    again("id", dry_run=True)
    assert again("id")["accepted"].sum() == 3
    with pytest.raises(mpd.AlreadySent, match="pass repeat=True"):
        again("id")
    assert len(emulator.applied) == 3
    assert again("id", repeat=True)["accepted"].sum() == 3
    assert getattr(frame.assign(credits=[1, 2, 4]).mixpanel, verb)("id")["accepted"].sum() == 3


def test_what_was_not_applied_may_be_sent_again(emulator: mpd.Emulator) -> None:
    frame = users(3, credits=[1, 2, 3])[["id", "credits"]]
    emulator.fail(403)
    assert frame.mixpanel.add("id", check=False)["rejected"].sum() == 3
    assert frame.mixpanel.add("id")["accepted"].sum() == 3


def test_an_update_with_an_increment_is_not_repeated(emulator: mpd.Emulator) -> None:
    frame = users(2, credits=[1, 2])
    frame.mixpanel.update("id", {"plan": "set", "credits": "add"})
    with pytest.raises(mpd.AlreadySent):
        frame.mixpanel.update("id", {"plan": "set", "credits": "add"})
    frame.mixpanel.set("id")
    assert frame.mixpanel.set("id")["accepted"].sum() == 2


def test_another_project_is_another_upload(emulator: mpd.Emulator) -> None:
    frame = users(2, credits=[1, 2])[["id", "credits"]]
    frame.mixpanel.add("id")
    with mpd.Emulator() as other, mpd.set_project(other.project):
        assert frame.mixpanel.add("id")["accepted"].sum() == 2


def test_the_last_summary_is_at_hand(emulator: mpd.Emulator) -> None:
    summary = users(2).mixpanel.set("id")
    assert mpd.last_summary() is summary
    emulator.fail(403)
    with pytest.raises(mpd.UploadFailed):
        users(3).mixpanel.set("id")
    assert mpd.last_summary()["rejected"].sum() == 3

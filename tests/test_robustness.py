"""Odd frames, odd options and interruptions: every call ends in a summary, a report or an error of ours."""

from __future__ import annotations

import signal
import threading
import traceback
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import mixpanel_pandas as mpd
from mixpanel_pandas import sending
from mixpanel_pandas.delivery import upload


class Unshowable:
    def __repr__(self) -> str:
        raise RuntimeError


class Unreadable(dict):
    def items(self) -> Any:
        raise RuntimeError


def arrow(values: pa.Array) -> Any:
    return pd.array(values, dtype=pd.ArrowDtype(values.type))


FAR = pa.array([2**60, 0], pa.timestamp("s"))

#: Columns that once ended in a traceback of somebody else's.
COLUMNS = [
    pytest.param(np.array([1, 2], ">i4"), {"p": 1}, id="byte-swapped integers"),
    pytest.param(np.array([1.5, 2], np.longdouble), {"p": 1.5}, id="long doubles"),
    pytest.param(arrow(FAR), None, id="Arrow dates beyond Python's years"),
    pytest.param(
        pd.DatetimeIndex(np.array([2**40, 0], "M8[s]")).tz_localize("UTC"),
        None,
        id="aware dates beyond Python's years",
    ),
    pytest.param([Unreadable(a=1), {}], None, id="an object that cannot be read"),
    pytest.param(pd.Series([10**5000, 1], dtype=object), None, id="more digits than Python shows"),
    pytest.param(
        arrow(pa.array([b"\xff", b"a"]).cast(pa.string(), safe=False)), None, id="text that is no UTF-8"
    ),
]


@pytest.mark.parametrize(("values", "sent"), COLUMNS)
def test_a_column_is_sent_or_refused_in_our_words(values: Any, sent: dict[str, Any] | None) -> None:
    frame = pd.DataFrame({"id": ["a", "b"], "p": values})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        if sent is None:
            with pytest.raises(mpd.MixpanelError):
                frame.mixpanel.payloads("set", "id")
            return
        assert frame.mixpanel.payloads("set", "id").iloc[0]["$set"] == sent


@pytest.mark.parametrize(
    ("frame", "call"),
    [
        pytest.param(
            {"id": ["a"], "x": [1]},
            lambda df: df.set_axis(pd.MultiIndex.from_arrays([df.columns]), axis=1),
            id="one level",
        ),
        pytest.param(
            {"id": [None], "x": [1]},
            lambda df: df.set_axis(pd.MultiIndex.from_tuples([(1, 2)], names=["id", "id"])),
            id="levels of one name",
        ),
        pytest.param({"id": ["a"], int: [b"x"]}, lambda df: df, id="a label that can be called"),
        pytest.param({"id": ["a"], Unshowable(): [b"x"]}, lambda df: df, id="a label that cannot be shown"),
    ],
)
def test_odd_labels_are_refused_in_our_words(emulator: mpd.Emulator, frame: Any, call: Any) -> None:
    with pytest.raises(mpd.MixpanelError):
        call(pd.DataFrame(frame)).mixpanel.set("id")
    assert not emulator.requests


def test_a_function_that_cannot_rename(emulator: mpd.Emulator) -> None:
    frame = pd.DataFrame({"id": ["a"], "x": [1]})
    with pytest.raises(mpd.OperationError, match="rename fails on column 'x': ZeroDivisionError"):
        frame.mixpanel.set("id", rename=lambda label: 1 / 0)


@pytest.mark.parametrize(
    "use",
    [
        lambda df: mpd.totals(None),
        mpd.totals,
        lambda df: df.mixpanel.outcomes(None),
        lambda df: df.mixpanel.failures(df),
    ],
)
def test_what_is_no_summary_is_refused(use: Any) -> None:
    with pytest.raises(mpd.MixpanelError):
        use(pd.DataFrame({"id": ["a"]}))


def interrupting(work: Any) -> Any:
    """Return `work` with a Ctrl-C in the middle of its first call."""
    struck = threading.Event()

    def interrupted(*arguments: Any, **options: Any) -> Any:
        result = work(*arguments, **options)
        if not struck.is_set():
            struck.set()
            signal.raise_signal(signal.SIGINT)
        return result

    return interrupted


@pytest.mark.parametrize(
    ("home", "name"),
    [
        pytest.param(upload.threading.Thread, "start", id="while the first worker begins"),
        pytest.param(upload.Upload, "_watch", id="after the last answer"),
    ],
)
def test_ctrl_c_never_loses_the_summary(
    emulator: mpd.Emulator, monkeypatch: pytest.MonkeyPatch, home: Any, name: str
) -> None:
    frame = pd.DataFrame({"id": [f"user {n}" for n in range(2000)], "n": 1})
    frame.mixpanel.append("id", dry_run=True)  # what is imported is imported
    monkeypatch.setattr(home, name, interrupting(getattr(home, name)))
    with pytest.raises(mpd.UploadInterrupted) as raised:
        frame.mixpanel.append("id", workers=2)
    monkeypatch.undo()
    summary = raised.value.summary
    assert summary["rows"].sum() == 2000
    outcomes = frame.mixpanel.outcomes(summary)["outcome"]
    assert len(emulator.applied) == (outcomes == "accepted").sum()
    assert not [thread for thread in threading.enumerate() if "mixpanel_pandas" in thread.name]


def test_ctrl_c_during_the_account_waits_for_it(
    emulator: mpd.Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    main = threading.main_thread()

    def slowly(*arguments: Any, **options: Any) -> pd.DataFrame:
        signal.pthread_kill(main.ident, signal.SIGINT)
        return summarise(*arguments, **options)

    summarise = sending.summarise
    monkeypatch.setattr(sending, "summarise", slowly)
    frame = pd.DataFrame({"id": ["a", "b"], "n": 1})
    with pytest.raises(mpd.UploadInterrupted) as raised:
        frame.mixpanel.append("id")
    assert raised.value.summary["accepted"].sum() == 2


def changing(change: Any) -> Any:
    def changed(plan: Any, problems: Any) -> None:
        change()

    return changed


def test_a_frame_that_is_changed_meanwhile_is_sent_as_it_was_checked(
    emulator: mpd.Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = pd.DataFrame({"id": ["a", "b"], "p": ["x", "y"]})

    def change() -> None:
        frame["id"] = ["c", None]
        frame["p"] = ["z" * 300, b"z"]
        frame.insert(0, "new", [1, 2])

    monkeypatch.setattr(sending, "warn", changing(change))
    frame.mixpanel.set("id")
    assert emulator.profiles()["p"].to_dict() == {"a": "x", "b": "y"}


def test_no_token_in_a_traceback_with_locals(emulator: mpd.Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pd.DataFrame({"id": ["a", "b"], "p": ["x", "y"]})

    def broken(*arguments: Any, **options: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr("mixpanel_pandas.payloads.slices.encode", broken)
    with pytest.raises(mpd.UploadError) as raised:
        frame.mixpanel.set("id")
    assert raised.value.summary["not_sent"].sum() == 2
    shown = "".join(traceback.TracebackException.from_exception(raised.value, capture_locals=True).format())
    assert "ZeroDivisionError" in shown
    assert str(emulator.project.token) not in shown


@pytest.mark.parametrize("proxy", ["http://me:S3cr3t@127.0.0.1:99999", "nonsense://me:S3cr3t@x", "http://"])
def test_a_proxy_that_cannot_be_is_no_connection(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    frame = pd.DataFrame({"id": ["a"], "n": [1]})
    with mpd.set_project(mpd.Project("0" * 32, url="https://mixpanel.invalid", backoff=0)):  # noqa: SIM117
        with pytest.raises(mpd.ConnectionFailed) as raised:
            frame.mixpanel.add("id")
    assert raised.value.summary["not_sent"].sum() == 1
    assert "S3cr3t" not in str(raised.value)
    assert "S3cr3t" not in raised.value.summary.to_csv()


def test_a_status_that_nobody_knows_may_have_been_applied(emulator: mpd.Emulator) -> None:
    emulator.fail("status", status=600, applied=True, times=None)
    summary = pd.DataFrame({"id": ["a"], "n": [1]}).mixpanel.add("id", check=False)
    assert summary["unknown"].sum() == 1

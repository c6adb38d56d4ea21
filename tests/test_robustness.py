"""Odd frames, odd options and interruptions: every call ends in a summary, a report or an error of ours."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import mixpanel_pandas as mpd
from mixpanel_pandas.delivery import progress, sending, upload
from mixpanel_pandas.pipeline import line


class Unshowable:
    def __repr__(self) -> str:
        raise RuntimeError


class Unreadable(dict):
    def items(self) -> Any:
        raise RuntimeError


def arrow(values: pa.Array) -> Any:
    return pd.array(values, dtype=pd.ArrowDtype(values.type))


NO_TEXT = pa.array([b"\xff", b"a"]).cast(pa.string(), safe=False)
FAR = pa.array([2**60, 0], pa.timestamp("s"))

TWICE = pa.MapArray.from_arrays(pa.array([0, 2, 2], pa.int32()), pa.array(["k", "k"]), pa.array([1, 2]))
MAP = pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64()))

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
    pytest.param(arrow(NO_TEXT), None, id="text that is no UTF-8"),
    pytest.param(arrow(NO_TEXT.dictionary_encode()), None, id="a dictionary of it"),
    pytest.param(arrow(pa.array([["a"], []]).cast(pa.list_(pa.string()))), {"p": ["a"]}, id="lists of text"),
    pytest.param(arrow(pa.ListArray.from_arrays(pa.array([0, 1, 2]), NO_TEXT)), None, id="lists of no text"),
    pytest.param(arrow(pa.StructArray.from_arrays([NO_TEXT], ["k"])), None, id="objects of no text"),
    pytest.param(arrow(TWICE), None, id="a map that holds a key twice"),
    pytest.param(arrow(pa.StructArray.from_arrays([MAP], ["m"])), {"p": {"m": {"k": 1}}}, id="a map within"),
    pytest.param(
        arrow(pa.ListArray.from_arrays(pa.array([0, 1, 2]), MAP)), {"p": [{"k": 1}]}, id="maps in lists"
    ),
    pytest.param(
        arrow(pa.array([{"k": 0.1}, None], pa.struct([("k", pa.float32())]))),
        {"p": {"k": 0.1}},
        id="short floats within",
    ),
    pytest.param(arrow(pc.run_end_encode(pa.array([1, 1]))), {"p": 1}, id="runs"),
    pytest.param(
        arrow(pa.StructArray.from_arrays([NO_TEXT, NO_TEXT], ["k", "k"])), None, id="two fields of one name"
    ),
]


@pytest.mark.parametrize(("values", "sent"), COLUMNS)
def test_a_column_is_sent_or_refused_in_our_words(values: Any, sent: dict[str, Any] | None) -> None:
    frame = pd.DataFrame({"id": ["a", "b"], "p": values})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        if sent is None:
            with pytest.raises(mpd.MixpanelError, match="'p'"):
                frame.mixpanel.payloads("set", "id")
            return
        assert frame.mixpanel.payloads("set", "id").iloc[0]["$set"] == sent


def test_text_that_is_no_utf8_is_found_in_any_row(emulator: mpd.Emulator) -> None:
    texts = pa.array([b"a"] * 5000 + [b"caf\xe9"] + [b"a"] * 5000).cast(pa.string(), safe=False)
    frame = pd.DataFrame({"id": range(1, 10_002), "p": arrow(texts)})
    report = frame.mixpanel.validate("set", "id")
    assert report[["check", "position"]].to_numpy().tolist() == [["broken_text", 5000]]
    summary = frame.mixpanel.set("id", invalid="drop_row")
    assert summary[["accepted", "invalid"]].sum().tolist() == [10_000, 1]
    assert summary["requests"].sum() == 5  # none of them is refused


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
    with pytest.raises(mpd.OperationError, match="rename failed on column 'x': ZeroDivisionError"):
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


class Dying:
    """Python ignores what is raised when it dies."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


def test_ctrl_c_within_a_finalizer_counts(emulator: mpd.Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress bars have finalizers."""
    alive = [Dying()]
    monkeypatch.setattr(progress.Reporter, "show", lambda *_: alive.clear())
    emulator.fail("delay", seconds=0.3, times=None)
    frame = pd.DataFrame({"id": [f"user {n}" for n in range(2000)], "n": 1})
    with pytest.raises(mpd.UploadInterrupted) as raised:
        frame.mixpanel.append("id", batch_size=20, workers=1)
    assert raised.value.summary["not_sent"].sum() > 1000
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_handler_of_somebody_else_is_called_once_when_the_account_is_given(emulator: mpd.Emulator) -> None:
    heard: list[int] = []

    def theirs(number: int, _frame: object) -> None:
        heard.append(number)

    before = signal.signal(signal.SIGINT, theirs)
    try:
        emulator.fail("delay", seconds=0.01, when=lambda _: os.kill(os.getpid(), signal.SIGINT) or True)
        with pytest.raises(mpd.UploadInterrupted) as raised:
            pd.DataFrame({"id": range(1, 300), "n": 1}).mixpanel.append("id", batch_size=1, workers=1)
        assert signal.getsignal(signal.SIGINT) is theirs
    finally:
        signal.signal(signal.SIGINT, before)
    assert raised.value.summary["not_sent"].sum() > 0
    assert raised.value.summary["accepted"].sum() == len(emulator.applied)
    assert heard == [signal.SIGINT]


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
    def changed(*_: Any) -> None:
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

    monkeypatch.setattr(line, "warn", changing(change))
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

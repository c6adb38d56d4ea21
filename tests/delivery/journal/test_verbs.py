"""A run goes on where it ended, however it ended: nothing is lost, nothing is sent twice, no value is written down."""

from __future__ import annotations

import itertools
import json
import os
import random
import re
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import mixpanel_pandas as mpd
from mixpanel_pandas.delivery.journal import Journal
from mixpanel_pandas.errors import JournalError
from mixpanel_pandas.payloads import slice_sizes
from mixpanel_pandas.pipeline.line import prepare
from mixpanel_pandas.rules.operation import operation
from mixpanel_pandas.rules.operators import OPERATORS
from tests.examples import examples
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EXAMPLES = examples(40)


def users(rows: int, **columns: Any) -> pd.DataFrame:
    frame = pd.DataFrame({"id": [f"user-{n}" for n in range(rows)], "n": range(1, rows + 1)})
    return frame.assign(**columns)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mp.sqlite"


def count(emulator: mpd.Emulator) -> int:
    return len(emulator.requests)


# -- what a run remembers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["set", "add"])
def test_a_named_run_is_sent_once(emulator: mpd.Emulator, path: Path, verb: str) -> None:
    for _call in range(2):
        summary = getattr(users(10).mixpanel, verb)("id", journal=path, run="monday", batch_size=4)
        assert summary["accepted"].sum() == 10
        assert count(emulator) == 3
    assert mpd.last_summary()["accepted"].sum() == 10


def test_a_run_that_is_repeated_says_that_nothing_was_sent(
    emulator: mpd.Emulator, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for _call in range(2):
        summary = users(10).mixpanel.set("id", journal=path, run="monday")
        caption = mpd.show(summary).caption
    assert re.fullmatch(
        r"set: 10 accepted; already sent on \d{4}-\d\d-\d\d \d\d:\d\d UTC, and nothing was sent now", caption
    )
    first, again = (record for record in caplog.records if getattr(record, "event", "") == "uploaded")
    assert "1 request" in first.getMessage()
    assert "already sent to" in again.getMessage()
    assert [record.numbers["requests"] for record in (first, again)] == [1, 0]
    assert [record.numbers["accepted"] for record in (first, again)] == [10, 10]


def test_an_unnamed_run_that_has_ended_begins_afresh_where_that_does_no_harm(
    emulator: mpd.Emulator, path: Path
) -> None:
    for call in range(1, 3):
        assert users(10).mixpanel.set("id", journal=path)["accepted"].sum() == 10
        assert count(emulator) == call


def test_an_unnamed_run_that_has_ended_is_not_applied_twice(emulator: mpd.Emulator, path: Path) -> None:
    users(10).mixpanel.add("id", journal=path)
    users(10).assign(n=7).mixpanel.add("id", journal=path)  # other values are another run
    for frame in (users(10), users(10).assign(n=7)):
        with pytest.raises(mpd.AlreadySent, match=r"already sent, until .*; add: 10 accepted"):
            frame.mixpanel.add("id", journal=path)
    assert emulator.profile("user-4") == {"n": 5 + 7}


def test_the_way_to_repeat_is_another_run(emulator: mpd.Emulator, path: Path) -> None:
    with pytest.raises(mpd.OperationError, match="name another run"):
        users(10).mixpanel.add("id", journal=path, repeat=True)
    assert not path.exists()


def test_one_file_holds_many_runs(emulator: mpd.Emulator, path: Path) -> None:
    users(3).mixpanel.set("id", journal=path, run="monday")
    users(4).mixpanel.set("id", journal=path, run="tuesday")
    assert len(mpd.read_journal(path, "monday").outcomes) == 3
    assert len(mpd.read_journal(path).outcomes) == 4


def test_a_run_that_was_stopped_goes_on(emulator: mpd.Emulator, path: Path) -> None:
    frame = users(10)
    emulator.fail(403, skip=2, times=None)
    first = frame.mixpanel.add("id", journal=path, workers=1, batch_size=2)
    assert first[["accepted", "rejected", "not_sent"]].sum().tolist() == [4, 2, 4]
    emulator.heal()
    second = frame.mixpanel.add("id", journal=path, workers=1, batch_size=2)
    assert second["accepted"].sum() == 10
    assert second["batch"].tolist() == [0, 1, 3, 4, 5]
    assert [emulator.profile(f"user-{n}") for n in range(10)] == [{"n": n + 1} for n in range(10)]


@pytest.mark.parametrize("verb", ["set", "add"])
def test_what_was_refused_in_a_run_is_tried_again_in_it(
    emulator: mpd.Emulator, path: Path, verb: str
) -> None:
    emulator.fail(
        "refuse", record=lambda record: record["$distinct_id"] == "user-1", naming="index", times=None
    )
    for _call in range(2):
        summary = getattr(users(3).mixpanel, verb)("id", journal=path, run="monday", check=False)
        assert summary[["accepted", "rejected"]].sum().tolist() == [2, 1]
    assert [len(request.records) for request in emulator.requests] == [3, 1]
    emulator.heal()
    summary = getattr(users(3).mixpanel, verb)("id", journal=path, run="monday")
    assert summary["accepted"].sum() == 3
    assert [emulator.profile(f"user-{n}") for n in range(3)] == [{"n": n + 1} for n in range(3)]


def test_a_journal_gives_the_summary_and_the_outcome_of_each_id(emulator: mpd.Emulator, path: Path) -> None:
    emulator.fail("refuse", record=lambda record: record["$distinct_id"] == "user-4", naming="index")
    emulator.fail(408, applied=True)
    frame = users(10).convert_dtypes()
    frame.loc[2, "id"], frame.loc[3, "n"] = None, None
    summary = frame.mixpanel.add("id", journal=path, batch_size=4, workers=1, invalid="drop_row")
    script = (
        "import sys, mixpanel_pandas as mpd; run = mpd.read_journal(sys.argv[1]);"
        "run.summary.to_parquet(sys.argv[2]); run.outcomes.reset_index().to_parquet(sys.argv[3])"
    )
    files = [path.with_name(name) for name in ("summary.parquet", "outcomes.parquet")]
    subprocess.run([sys.executable, "-c", script, path, *files], check=True)
    run = mpd.read_journal(path)
    pd.testing.assert_frame_equal(run.summary, summary)
    read = pd.read_parquet(files[0])
    assert read.attrs == summary.attrs
    pd.testing.assert_frame_equal(frame.mixpanel.outcomes(read), frame.mixpanel.outcomes(summary))
    assert pd.read_parquet(files[1])["outcome"].astype(str).tolist() == [
        *["accepted"] * 2, "invalid", "skipped", "rejected", "accepted", *["unknown"] * 4
    ]  # fmt: skip
    assert run.outcomes.index[0] == "user-0"


def test_no_more_is_compared_than_tells_the_difference(
    emulator: mpd.Emulator, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slice_sizes, "SLICE_BYTES", 1)
    monkeypatch.setattr(slice_sizes, "WIDE_BYTES", 1)  # so that each row is a slice
    users(5).mixpanel.add("id", journal=path)
    compared, compare = [], Journal.same_so_far

    def counted(journal: Journal, number: int, digest: bytes) -> bool:
        compared.append(number)
        return compare(journal, number, digest)

    monkeypatch.setattr(Journal, "same_so_far", counted)
    users(5, n=[1, 9, 3, 4, 5]).mixpanel.add("id", journal=path)
    assert compared == [0, 1]
    assert emulator.profile("user-1") == {"n": 2 + 9}


def test_a_dry_run_writes_nothing_down(emulator: mpd.Emulator, path: Path) -> None:
    users(3).mixpanel.set("id", journal=path, dry_run=True)
    assert not path.exists()


def test_rows_held_back_are_in_the_journal(emulator: mpd.Emulator, path: Path) -> None:
    emulator.fail(500, applied=True)
    frame = pd.DataFrame({"id": ["a", "a"], "n": [1, 2]})
    summary = frame.mixpanel.append("id", journal=path, check=False)
    assert summary["reason"].tolist() == ["no clear answer", "earlier row in doubt"]
    pd.testing.assert_frame_equal(mpd.read_journal(path).summary, summary)


# -- another content ----------------------------------------------------------------------------------------------

CHANGED = [
    pytest.param(
        lambda df: df.assign(plan="pro"), {}, r"columns are now with 'plan \(\$set\)'", id="a column more"
    ),
    pytest.param(
        lambda df: df.rename(columns={"n": "m"}),
        {},
        r"without 'n \(\$set\)' and with 'm",
        id="another column",
    ),
    pytest.param(lambda df: df, {"missing": "null"}, "missing was 'skip', and is 'null' now", id="an option"),
    pytest.param(lambda df: df.head(4), {}, "it had 5 rows, and has 4 now", id="fewer rows"),
    pytest.param(
        lambda df: df.assign(n=[1, 2, 3, 9, 9]),
        {},
        "other values in rows 0 to 4",
        id="values",
    ),
    pytest.param(
        lambda df: df.iloc[::-1], {}, "the first row with another id is at position 0", id="another order"
    ),
    pytest.param(
        lambda df: df.assign(n=[1, 2, 3, None, 5]), {}, "the checks now exclude other rows", id="a row less"
    ),
]


@pytest.mark.parametrize(("change", "options", "said"), CHANGED)
def test_another_content_is_refused_with_what_changed(
    emulator: mpd.Emulator, path: Path, change: Any, options: dict[str, Any], said: str
) -> None:
    users(5).mixpanel.set("id", journal=path, run="monday")
    with pytest.raises(JournalError, match=said) as raised:
        change(users(5)).mixpanel.set("id", journal=path, run="monday", **options)
    assert 'pass on_changed="remaining"' in str(raised.value)
    assert count(emulator) == 1


def test_another_project_or_operator_is_another_content(emulator: mpd.Emulator, path: Path) -> None:
    users(5).mixpanel.set("id", journal=path, run="monday")
    with pytest.raises(JournalError, match="operator was set, and is set_once now"):
        users(5).mixpanel.set_once("id", journal=path, run="monday")
    other = mpd.Project("f" * 32, url=emulator.url)
    with mpd.set_project(other), pytest.raises(JournalError, match="project was") as raised:
        users(5).mixpanel.set("id", journal=path, run="monday")
    assert "f" * 32 not in str(raised.value)
    assert emulator.token not in str(raised.value)


def test_remaining_ids_are_sent_where_the_content_is_another(emulator: mpd.Emulator, path: Path) -> None:
    emulator.fail("refuse", record=lambda record: record["$distinct_id"] == "user-1", naming="index")
    users(3).mixpanel.set("id", journal=path, run="monday")
    for _call in range(2):  # the second one goes on with the new content
        summary = users(5, n=7).mixpanel.set("id", journal=path, run="monday", on_changed="remaining")
        assert summary[["accepted", "skipped"]].sum().tolist() == [3, 2]
        assert emulator.profiles()["n"].tolist() == [1, 7, 3, 7, 7]
    assert count(emulator) == 2
    again = users(6, n=8).mixpanel.set("id", journal=path, run="monday", on_changed="remaining")
    assert again[["accepted", "skipped"]].sum().tolist() == [1, 5]


def test_remaining_ids_are_those_of_which_no_update_may_be_applied(
    emulator: mpd.Emulator, path: Path
) -> None:
    ids = ["sure", "doubt", "part", "part", "fresh"]
    frame = pd.DataFrame({"id": ids, "n": [1, 1, 1, 2, 2]})
    emulator.fail(503, applied=True, when=lambda request: request.records[0]["$distinct_id"] == "doubt")
    emulator.fail(429, when=lambda request: request.records[0]["$append"] == {"n": 2}, times=None)
    first = frame.mixpanel.append("id", journal=path, run="monday", batch_size=1, workers=1, check=False)
    assert frame.mixpanel.outcomes(first)["outcome"].tolist() == [
        "accepted", "unknown", "accepted", "not_sent", "not_sent",
    ]  # fmt: skip
    emulator.heal()
    changed = frame.assign(n=3)
    second = changed.mixpanel.append("id", journal=path, run="monday", on_changed="remaining", check=False)
    assert changed.mixpanel.outcomes(second)["outcome"].tolist() == [
        "skipped", "unknown", "not_sent", "not_sent", "accepted",
    ]  # fmt: skip
    assert second["reason"].dropna().tolist() == ["sent before", "in doubt", "sent in part"]
    pd.testing.assert_frame_equal(mpd.read_journal(path).summary, second)


@pytest.mark.parametrize(
    ("verb", "again", "held"),
    [
        pytest.param("set", [], {"n": 1}, id="a later row is not overwritten"),
        pytest.param("add", [["a", 2]], {"n": 3}, id="sums know no order"),
    ],
)
def test_a_row_that_a_later_row_has_overtaken_is_not_sent_again(emulator, path, verb, again, held):
    frame = pd.DataFrame({"id": ["a", "b", "a"], "n": [2, 5, 1]})
    emulator.fail("refuse", record=lambda record: 2 in record[f"${verb}"].values(), times=1)
    options = {
        "duplicates": "all",
        "journal": path,
        "run": "monday",
        "check": False,
        "batch_size": 1,
        "workers": 1,
    }
    first = getattr(frame.mixpanel, verb)("id", updated_at="keep", **options)
    assert frame.mixpanel.outcomes(first)["outcome"].tolist() == ["rejected", "accepted", "accepted"]
    emulator.heal()
    before = len(emulator.requests)
    for _ in range(2):
        second = getattr(frame.mixpanel, verb)("id", updated_at="keep", **options)
    sent = [record for request in emulator.requests[before:] for record in request.records]
    assert [[record["$distinct_id"], record[f"${verb}"]["n"]] for record in sent] == again
    assert frame.mixpanel.outcomes(second)["outcome"].tolist() == [
        "accepted" if again else "rejected",
        *["accepted"] * 2,
    ]
    assert emulator.profile("a") == held


def test_rows_that_were_merged_are_settled_together(emulator: mpd.Emulator, path: Path) -> None:
    frame = pd.DataFrame({"id": [*"abab"], "x": [1, 2, None, None], "y": [None, None, 3, 4]})
    emulator.fail(403, skip=1, times=None)
    options: dict[str, Any] = {"duplicates": "merge", "journal": path, "run": "monday", "check": False}
    first = frame.mixpanel.set("id", workers=1, batch_size=1, **options)
    assert frame.mixpanel.outcomes(first)["outcome"].tolist() == ["accepted", "rejected"] * 2
    pd.testing.assert_frame_equal(mpd.read_journal(path).summary, first)
    emulator.heal()
    second = frame.mixpanel.set("id", **options)
    assert second["accepted"].sum() == 4
    assert [request.records[0]["$distinct_id"] for request in emulator.requests] == ["a", "b", "b"]
    changed = frame.assign(x=[7, None, None, None])
    remaining = changed.mixpanel.set("id", on_changed="remaining", **options)
    assert remaining["skipped"].sum() == 4
    assert emulator.profiles().to_dict("index") == {"a": {"x": 1, "y": 3}, "b": {"x": 2, "y": 4}}


# -- a file that cannot be used -----------------------------------------------------------------------------------


def test_the_file_is_its_owners_alone(emulator: mpd.Emulator, path: Path) -> None:
    users(3).mixpanel.set("id", journal=path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [found.name for found in path.parent.iterdir()] == [path.name]


def test_neither_values_nor_tokens_are_written_down(emulator: mpd.Emulator, path: Path) -> None:
    emulator.fail("refuse", record=lambda record: record["$distinct_id"] == "user-3", naming="index")
    emulator.fail(503, times=None)
    frame = users(6, secret="the-value-of-a-property", number=987654321.5)
    frame.mixpanel.set("id", journal=path, batch_size=4, workers=1, check=False)
    held = path.read_bytes()
    assert b"user-0" in held
    for hidden in (emulator.token, "the-value-of-a-property", "987654321"):
        assert hidden.encode() not in held


def test_an_answer_that_echoes_the_record_is_written_down_without_the_token(
    emulator: mpd.Emulator, path: Path
) -> None:
    emulator.fail("echo", times=None)
    users(3).mixpanel.set("id", journal=path, check=False)
    assert emulator.token.encode() not in path.read_bytes()


def unusable(kind: str, path: Path) -> Path:
    if kind == "another kind of file":
        path.write_text("a,b\n1,2\n" * 1000)
    if kind == "another database":
        with sqlite3.connect(path) as file:
            file.execute("CREATE TABLE mine (a)")
        file.close()
    return {"no folder": path.parent / "nowhere" / "mp.sqlite", "a folder": path.parent}.get(kind, path)


@pytest.mark.parametrize("kind", ["another kind of file", "another database", "no folder", "a folder"])
def test_a_file_that_cannot_be_a_journal_is_refused_first(
    emulator: mpd.Emulator, path: Path, kind: str
) -> None:
    with pytest.raises(JournalError, match="journal"):
        users(3).mixpanel.set("id", journal=unusable(kind, path))
    assert count(emulator) == 0


FULL = """
import resource, signal, sys
import pandas as pd, mixpanel_pandas as mpd
frame = pd.DataFrame({"id": [f"user-{n}" for n in range(5_000)], "n": 1})
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
    try:
        frame.mixpanel.add("id", journal=sys.argv[1], batch_size=10)
    except mpd.MixpanelError as error:
        summary = getattr(error, "summary", None)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        applied = {application.record["$distinct_id"] for application in emulator.applied}
        told = None if summary is None else summary[["accepted", "unknown", "not_sent"]].sum().to_dict()
        after = frame.mixpanel.add("id", journal=sys.argv[1])
        twice = int((emulator.profiles()["n"] > 1).sum())
        final = after[["accepted", "unknown"]].sum().to_dict()
        import json; print(json.dumps([type(error).__name__, len(applied), told, final, twice]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("room", [50_000, 180_000])
def test_a_full_disk_is_an_error_first_or_a_stop_that_tells_the_truth(path: Path, room: int) -> None:
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FULL, path, str(room)],
        capture_output=True,
        text=True,
        check=True,
    )
    kind, applied, told, final, twice = json.loads(ran.stdout)
    assert twice == 0
    assert final["accepted"] + final["unknown"] == 5_000
    if room == 50_000:
        assert (kind, applied, told) == ("JournalError", 0, None)
    else:
        assert kind == "UploadError"
        assert told["accepted"] <= applied <= told["accepted"] + told["unknown"]
        assert told["not_sent"] > 0


def test_nobody_else_gets_at_a_run_that_is_under_way(emulator: mpd.Emulator, path: Path) -> None:
    arrived, looked = threading.Event(), threading.Event()
    emulator.fail("delay", seconds=0, when=lambda _: arrived.set() or looked.wait(PATIENCE))
    sending = prepare(users(3), operation("set", "id", None, None, {"journal": path, "run": "monday"}))
    summaries: list[pd.DataFrame] = []
    thread = threading.Thread(target=lambda: summaries.append(sending.result()))
    thread.start()
    assert arrived.wait(PATIENCE)
    for run in ("monday", "tuesday"):
        with pytest.raises(JournalError, match="in use"):
            users(3).mixpanel.set("id", journal=path, run=run)
    with pytest.raises(JournalError, match="in use"):
        mpd.read_journal(path, "monday")
    looked.set()
    thread.join()
    assert summaries[0]["accepted"].sum() == 3
    users(3).mixpanel.set("id", journal=path, run="monday")


def test_a_journal_that_is_not_there_or_lacks_the_run_says_so(emulator: mpd.Emulator, path: Path) -> None:
    with pytest.raises(JournalError, match="there is no journal"):
        mpd.read_journal(path)
    users(3).mixpanel.set("id", journal=path, run="monday")
    with pytest.raises(JournalError, match=r"there is no run 'sunday' in .*: there are 'monday'"):
        mpd.read_journal(path, "sunday")


# -- an end at any point ------------------------------------------------------------------------------------------


class Ended(BaseException):
    """The process, as far as the journal is concerned."""


@pytest.fixture
def unplugged() -> Iterator[mpd.Emulator]:
    """A Mixpanel without sockets."""
    emulator = mpd.Emulator()
    with mpd.set_project(replace(emulator.project, timeout=1, retries=2, adapter=emulator.adapter())):
        yield emulator


def ending_after(notes: int, *, written: bool) -> Any:
    """Return `Journal.write` as it is in a process that ends at its n-th note, just before or just after it is written."""
    write, lock, left = Journal.write, threading.Lock(), [notes]

    def ending(self: Journal, deliveries: Any, *, wait: bool) -> None:
        with lock:
            left[0] -= 1
            if left[0] > 0 or (left[0] == 0 and written):
                write(self, deliveries, wait=wait)
            if left[0] <= 0:
                raise Ended

    return ending


#: So that no two examples send the same, which one process refuses.
EXAMPLE = itertools.count()

FAULTS: list[dict[str, Any]] = [
    {"fault": 429},
    {"fault": 503, "applied": True},
    {"fault": "reset", "applied": False},
    {"fault": "too_large", "limit": 300},
    {"fault": "rejected"},
    {"fault": "refuse", "record": lambda record: record["$distinct_id"] in "ac", "naming": "index"},
    {"fault": 403},
]


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    ids=st.lists(st.sampled_from("abcdefghijklmno"), min_size=1, max_size=15),
    verb=st.sampled_from(["set", "union", "add", "append"]),
    duplicates=st.sampled_from(["all", "merge"]),
    batch_size=st.integers(1, 5),
    workers=st.sampled_from([1, 3]),
    ends=st.lists(st.tuples(st.integers(1, 14), st.booleans()), min_size=1, max_size=3),
    script=st.lists(st.tuples(st.sampled_from(FAULTS), st.integers(0, 5)), max_size=3),
)
def test_calls_until_it_is_done_come_to_one_upload(
    unplugged: mpd.Emulator,
    tmp_path_factory: pytest.TempPathFactory,
    ids: list[str],
    verb: str,
    duplicates: str,
    batch_size: int,
    workers: int,
    ends: list[Any],
    script: list[Any],
) -> None:
    assume(duplicates == "all" or verb == "set")
    unplugged.reset()
    for fault, skip in script:
        unplugged.fail(**fault, skip=skip)
    frame = pd.DataFrame({"id": ids, "n": range(1, len(ids) + 1)}) + {"id": "", "n": 100 * next(EXAMPLE)}
    path = tmp_path_factory.mktemp("run") / "mp.sqlite"
    numbers = frame["n"] if duplicates == "all" else frame.groupby("id")["n"].transform("last")
    options: dict[str, Any] = {"duplicates": duplicates, "check": False, "updated_at": "keep"}
    options |= {"batch_size": batch_size, "workers": workers, "journal": path, "run": "monday"}

    def call() -> pd.DataFrame:
        try:
            return getattr(frame.mixpanel, verb)("id", **options)
        except mpd.UploadError as error:
            return error.summary

    def check(summary: pd.DataFrame) -> None:
        assert summary["rows"].sum() == len(frame)
        applied = Counter(
            number
            for application in unplugged.applied
            for number in [application.record[OPERATORS[verb].name]["n"]]
            for number in (number if isinstance(number, list) else [number])
        )
        for number, outcome in zip(numbers, frame.mixpanel.outcomes(summary)["outcome"], strict=True):
            assert outcome != "accepted" or applied[number]
            assert outcome in {"accepted", "unknown"} or not applied[number]
            assert OPERATORS[verb].idempotent or applied[number] <= 1

    for notes, written in ends:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Journal, "write", ending_after(notes, written=written))
            patch.setattr(Journal, "end", lambda *_: None)
            with suppress(Ended):
                call()
        check(mpd.read_journal(path).summary)
    for _call in range(3):
        summary = call()
        check(summary)
        pd.testing.assert_frame_equal(mpd.read_journal(path).summary, summary)


SERVER = """
import json, os, sys
import pandas as pd, mixpanel_pandas as mpd
frame = pd.DataFrame({"id": [f"user-{n}" for n in range(60)], "n": 1})
with mpd.set_project(mpd.Project("0" * 32, url="http://127.0.0.1:9")):
    frame.mixpanel.set("id", dry_run=True)  # every import is done
import mixpanel_pandas.delivery.journal, mixpanel_pandas.delivery.upload
for line in sys.stdin:
    token, url, verb, options = json.loads(line)
    if not (child := os.fork()):
        with mpd.set_project(mpd.Project(token, url=url, retries=2, backoff=0)):
            getattr(frame.mixpanel, verb)("id", **options)
        os._exit(0)
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""


class Processes:
    """Processes that make one call each, begun by one that has imported everything."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def begin(self, emulator: mpd.Emulator, verb: str, options: dict[str, Any]) -> int:
        assert self._server.stdin is not None
        asked = [emulator.project.token, emulator.url, verb, options]
        self._server.stdin.write(json.dumps([str(asked[0]), *asked[1:]]) + "\n")
        self._server.stdin.flush()
        return self._said()

    def ended(self) -> int:
        return self._said()

    def _said(self) -> int:
        assert self._server.stdout is not None
        return int(self._server.stdout.readline())

    def close(self) -> None:
        self._server.communicate()


@pytest.fixture(scope="module")
def processes() -> Iterator[Processes]:
    processes = Processes()
    yield processes
    processes.close()


def kill(process: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


POINTS = random.Random(17)


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["set", "add"])
@pytest.mark.parametrize("point", range(50))
def test_a_process_that_is_killed_loses_and_doubles_nothing(
    emulator: mpd.Emulator, processes: Processes, path: Path, verb: str, point: int
) -> None:
    options = {"journal": str(path), "run": "monday", "batch_size": 5, "workers": 3, "progress": False}
    request, pause, applied = POINTS.randrange(13), POINTS.random() / 100, POINTS.random() < 0.5
    dying: list[int] = []

    def strike(_request: Any) -> bool:
        arrived.append(None)
        if len(arrived) == request and dying and pause < 0.005:
            kill(dying[0])
            return True
        return False

    arrived: list[None] = []
    emulator.fail("reset", applied=applied, when=strike, times=None)
    dying.append(processes.begin(emulator, verb, options))
    if pause >= 0.005:  # between two requests, or before the first one
        until = time.monotonic() + 2
        while len(arrived) < request and time.monotonic() < until:
            time.sleep(0.0005)
        time.sleep(pause)
        kill(dying[0])
    processes.ended()
    emulator.heal()
    processes.begin(emulator, verb, options)
    assert processes.ended() == 0

    run = mpd.read_journal(path)
    profiles = emulator.profiles().reindex([f"user-{n}" for n in range(60)])["n"]
    assert run.summary["rows"].sum() == 60
    assert set(run.outcomes["outcome"]) <= ({"accepted"} if verb == "set" else {"accepted", "unknown"})
    assert (profiles[run.outcomes["outcome"].eq("accepted").to_numpy()] == 1).all()
    assert profiles.dropna().eq(1).all()

"""What a process has sent it does not send again by accident, whatever the frame looks like the second time."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import mixpanel_pandas as mpd
from mixpanel_pandas.delivery import history
from mixpanel_pandas.delivery.history import Fingerprints, History, InRun, Reservation
from mixpanel_pandas.delivery.waves import Waves
from mixpanel_pandas.payloads.batches import Payloads
from mixpanel_pandas.payloads.fingerprint import ROWS as FINGERPRINTED
from mixpanel_pandas.payloads.slices import Slice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


ROWS = 30_000


def notes(dtype: object, rows: int = ROWS) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": pd.Series([f"user-{n}" for n in range(rows)], dtype=dtype),
            "note": pd.Series(["x" * 200] * rows, dtype=dtype),
        }
    )


def test_the_same_updates_are_known_in_another_dtype(emulator: mpd.Emulator) -> None:
    notes(object).mixpanel.append("id")
    with pytest.raises(mpd.AlreadySent):
        notes("string[pyarrow]").mixpanel.append("id")


def test_a_late_row_makes_another_upload(emulator: mpd.Emulator) -> None:
    frame = notes("string[pyarrow]", 2000)
    frame.mixpanel.append("id")
    frame.loc[1999, "note"] = "y"
    assert frame.mixpanel.append("id")["accepted"].sum() == 2000
    longer = pd.concat([frame, frame.tail(1).assign(id="new")], ignore_index=True)
    assert longer.mixpanel.append("id")["accepted"].sum() == 2001
    assert frame.head(1024).mixpanel.append("id")["accepted"].sum() == 1024


def slices_of(texts: str) -> Iterator[Slice]:
    """Yield a slice for each letter, with a fingerprint of its own."""
    for number, text in enumerate(texts):
        rows = np.arange(number * FINGERPRINTED, (number + 1) * FINGERPRINTED)
        array = pa.array([text] * FINGERPRINTED, pa.large_string())
        yield Slice(0, number, Payloads(array, np.ones(FINGERPRINTED, np.int64), rows))


@pytest.mark.parametrize(
    ("earlier", "times"),
    [
        pytest.param([], 1, id="nothing sent before"),
        pytest.param(["x"], 1, id="the first slice differs"),
        pytest.param(["ax"], 1, id="the second slice differs"),
        pytest.param(["abx"], 2, id="the third slice differs: too many to keep"),
        pytest.param(["abcx"], 2, id="the last slice differs"),
        pytest.param(["x", "abcx", "ax"], 2, id="several uploads before"),
        pytest.param(["abcde"], 2, id="a longer upload"),
        pytest.param(["abc"], 2, id="a shorter upload"),
    ],
)
def test_each_slice_is_sent_once_however_many_are_compared(
    monkeypatch: pytest.MonkeyPatch, earlier: list[str], times: int
) -> None:
    monkeypatch.setattr(history, "process_history", History())
    for texts in earlier:
        before, slices = history.reserve(lambda texts=texts: slices_of(texts), b"key")
        for part in slices:
            before.add(part)
        before.finish()
        before.release(None)
    encoded: list[int] = []

    def encode() -> Iterator[Slice]:
        encoded.append(0)
        yield from slices_of("abcd")

    reservation, slices = history.reserve(encode, b"key")
    assert [part.number for part in slices] == [0, 1, 2, 3]
    assert len(encoded) == times
    assert reservation.under_way
    with pytest.raises(mpd.AlreadySent, match="is sending the same updates"):
        history.reserve(encode, b"key")


def test_an_upload_without_a_summary_may_have_arrived_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "process_history", History())
    reservation, _slices = history.reserve(lambda: slices_of("a"), b"key")
    reservation.release(None)
    with pytest.raises(mpd.AlreadySent, match="not all of them arrived"):
        history.reserve(lambda: slices_of("a"), b"key")


def test_the_first_row_of_each_id_alone_is_known(emulator: mpd.Emulator) -> None:
    """They travel first, and all of them were accepted before the upload was stopped."""
    frame = pd.DataFrame({"id": ["of three", "alone", "of three", "of three"], "n": [1, 2, 3, 4]})
    emulator.fail(401, skip=1)
    summary = frame.mixpanel.append("id", check=False)
    assert frame.mixpanel.outcomes(summary)["outcome"].tolist() == [
        "accepted",
        "accepted",
        "rejected",
        "not_sent",
    ]
    with pytest.raises(mpd.AlreadySent):
        frame.head(2).mixpanel.append("id")
    assert len(emulator.requests) == 2


def test_rows_of_one_id_are_compared_in_linear_time(
    emulator: mpd.Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = pd.DataFrame({"id": "hot", "n": np.arange(60)})
    frame.mixpanel.append("id", duplicates="all")
    results, compare = [], Reservation.compare

    def counted(self: Reservation, later: Reservation) -> str:
        results.append(compare(self, later))
        return results[-1]

    monkeypatch.setattr(Reservation, "compare", counted)
    with pytest.raises(mpd.AlreadySent):
        frame.mixpanel.append("id", duplicates="all")
    assert results.count("different") <= len(history.process_history)
    assert len(results) <= 60 + len(history.process_history)
    assert results[-1] == "same"


def test_where_rows_are_in_doubt_the_whole_is_not_recommended(emulator: mpd.Emulator) -> None:
    frame = pd.DataFrame({"id": range(1, 11), "n": 1})
    emulator.fail(500, skip=1)
    frame.mixpanel.add("id", batch_size=5, workers=1)
    with pytest.raises(mpd.AlreadySent, match="unknown") as caught:
        frame.mixpanel.add("id")
    assert "repeat" not in str(caught.value)


@pytest.mark.parametrize(
    ("fault", "applied", "refused"),
    [
        pytest.param(None, True, True, id="accepted"),
        pytest.param(503, True, True, id="unknown, and applied"),
        pytest.param(503, False, True, id="unknown, and not applied"),
        pytest.param("reset", True, True, id="no answer, and applied"),
        pytest.param(429, False, False, id="not sent"),
        pytest.param(401, False, False, id="rejected"),
    ],
)
def test_a_cell_that_runs_twice_adds_nothing_twice(
    emulator: mpd.Emulator, fault: Any, applied: bool, refused: bool
) -> None:
    """What may be applied is not sent again; what surely is not may be."""
    frame = pd.DataFrame({"id": [f"{fault} {applied} {n}" for n in range(4)], "n": 1})
    project = replace(emulator.project, retries=0)
    if fault is not None:
        emulator.fail(fault, **({} if fault in {401, 429} else {"applied": applied}))
    with suppress(mpd.UploadFailed):
        frame.mixpanel.add("id", project=project)
    requests = len(emulator.requests)
    for _call in range(2):
        if refused:
            with pytest.raises(mpd.AlreadySent):
                frame.mixpanel.add("id", project=project)
            assert len(emulator.requests) == requests
        else:
            assert frame.mixpanel.add("id", project=project)["accepted"].sum() == 4
            break
    counts = emulator.profiles().get("n", pd.Series(dtype=float))
    assert counts.tolist() == [1] * (4 if applied or not refused else 0)


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame({"id": range(1, 11), "n": 1})


def test_another_run_is_the_way_to_send_again_in_one_process_too(
    emulator: mpd.Emulator, frame: pd.DataFrame, tmp_path: Path
) -> None:
    for run in ("monday", "tuesday"):
        assert frame.mixpanel.add("id", journal=tmp_path / "j", run=run)["accepted"].sum() == 10
    assert emulator.profile("3") == {"n": 2}


@pytest.mark.parametrize(
    ("first", "then", "way_out"),
    [
        ({}, {}, "pass repeat=True to"),
        ({}, {"journal": "a"}, "pass repeat=True, without a journal, to"),
        ({}, {"journal": "a", "run": "monday"}, "pass repeat=True, without a journal, to"),
        ({"journal": "a", "run": "monday"}, {}, "pass repeat=True to"),
        ({"journal": "a"}, {"journal": "b"}, "name another run"),
        ({"journal": "a", "run": "monday"}, {"journal": "b"}, "name another run"),
    ],
)
def test_what_was_sent_in_another_way_is_refused_with_a_way_out(
    emulator: mpd.Emulator, frame: pd.DataFrame, tmp_path: Path, first: dict, then: dict, way_out: str
) -> None:
    def add(options: dict, **more: object) -> pd.DataFrame:
        paths = {name: tmp_path / value if name == "journal" else value for name, value in options.items()}
        return frame.mixpanel.add("id", **paths, **more)

    add(first)
    with pytest.raises(mpd.AlreadySent, match=way_out):
        add(then)
    assert emulator.profile("3") == {"n": 1}
    add(then | {"run": "another"}) if "another" in way_out else add({}, repeat=True)
    assert emulator.profile("3") == {"n": 2}


def test_a_run_whose_journal_is_gone_is_known_to_the_process(
    emulator: mpd.Emulator, frame: pd.DataFrame, tmp_path: Path
) -> None:
    frame.mixpanel.add("id", journal=tmp_path / "j", run="monday")
    (tmp_path / "j").unlink()
    with pytest.raises(mpd.AlreadySent):
        frame.mixpanel.add("id", journal=tmp_path / "j", run="monday")


def test_a_run_that_goes_on_is_refused_while_the_same_is_under_way_without_a_journal(
    emulator: mpd.Emulator, frame: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"journal": tmp_path / "j", "batch_size": 5, "workers": 1}
    emulator.fail(403, skip=1, times=None)
    assert frame.mixpanel.add("id", **options)["accepted"].sum() == 5
    emulator.heal()
    monkeypatch.setattr(history, "process_history", History())  # as in another process

    def again() -> None:
        with pytest.raises(mpd.AlreadySent, match="is sending the same updates"):
            frame.mixpanel.add("id", **options)

    with meanwhile(monkeypatch, again):
        frame.mixpanel.add("id")


@contextmanager
def meanwhile(monkeypatch: pytest.MonkeyPatch, call: Callable[[], object]) -> Iterator[None]:
    """Call something in another thread when the next upload draws its first batch."""
    draw, pool = Waves.draw, ThreadPoolExecutor(1)
    results: list[Future[object]] = []

    def call_and_draw(self: Waves, finished_wave: Any = None) -> object:
        if not results:
            results.append(Future())
            results[0] = pool.submit(call)
            wait(results)
        return draw(self, finished_wave)

    monkeypatch.setattr(Waves, "draw", call_and_draw)
    yield
    results[0].result()


def encoding() -> list[str]:
    return [thread.name for thread in threading.enumerate() if "mixpanel_pandas" in thread.name]


@pytest.mark.slow
def test_no_thread_is_left_where_an_error_is_kept(
    emulator: mpd.Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = notes("string[pyarrow]", 200_000)
    emulator.fail(401)
    with pytest.raises(mpd.UploadFailed) as kept:
        frame.mixpanel.append("id", batch_size=50, workers=1)
    assert encoding() == []
    frame.mixpanel.append("id", progress=False)
    compare = Reservation.compare
    monkeypatch.setattr(Reservation, "compare", lambda *two: compare(*two).replace("open", "same"))
    with pytest.raises(mpd.AlreadySent) as again:
        frame.mixpanel.append("id")
    assert encoding() == []
    del kept, again


# -- what is kept is bounded ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 8, 9, 1000])
def test_of_an_upload_that_is_over_few_fingerprints_tell_what_all_would(count: int) -> None:
    every = [number.to_bytes(16, "big") for number in range(1, count + 1)]
    few = Fingerprints.of(every)
    assert few.count == count
    assert len(few.kept) <= 16 * (count.bit_length() + 1)
    for upto in range(1, count + 5):
        place, fingerprint = few.latest(upto)
        assert fingerprint == every[place - 1]
        assert min(upto, count) / 2 < place <= upto
        assert place == count or upto < count


def test_a_difference_after_many_rows_is_found_in_an_upload_that_is_over(emulator: mpd.Emulator) -> None:
    frame = notes("string[pyarrow]", 5000)
    frame.mixpanel.append("id")
    for row in (300, 1500, 4999):
        changed = frame.copy()
        changed.loc[row, "note"] = "y"
        assert changed.mixpanel.append("id")["accepted"].sum() == 5000
        with pytest.raises(mpd.AlreadySent):
            changed.mixpanel.append("id")
    with pytest.raises(mpd.AlreadySent):
        frame.mixpanel.append("id")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> History:
    """A history of this process that is full after two uploads."""
    history_of_two = History(2)
    monkeypatch.setattr(history, "process_history", history_of_two)
    return history_of_two


def test_a_full_history_refuses_what_it_could_not_keep(
    emulator: mpd.Emulator, frame: pd.DataFrame, small: History
) -> None:
    for n in (1, 2):
        frame.assign(n=n).mixpanel.add("id")
    with pytest.raises(
        mpd.OperationError, match=r"has sent 2 uploads .* start a new process, or pass repeat=True"
    ):
        frame.assign(n=3).mixpanel.add("id")
    with pytest.raises(mpd.AlreadySent):
        frame.assign(n=1).mixpanel.add("id")
    frame.mixpanel.set("id")  # may be applied twice, and takes no room
    assert emulator.profile("3") == {"n": 1}
    assert len(small) == 2


def test_what_a_full_history_does_not_keep_is_refused_later_too(
    emulator: mpd.Emulator, frame: pd.DataFrame, small: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame.assign(n=1).mixpanel.add("id")
    emulator.fail(401, when=lambda request: request.records[0]["$add"] == {"n": 2})
    with meanwhile(monkeypatch, lambda: frame.assign(n=3).mixpanel.add("id", repeat=True)):
        frame.assign(n=2).mixpanel.add("id", check=False)  # nothing is applied: it is forgotten
    assert len(small) == 1
    with pytest.raises(mpd.OperationError, match="start a new process"):
        frame.assign(n=3).mixpanel.add("id")
    assert emulator.profile("3") == {"n": 4}


def test_a_full_history_forgets_what_a_journal_remembers(
    emulator: mpd.Emulator, frame: pd.DataFrame, small: History, tmp_path: Path
) -> None:
    frame.assign(n=1).mixpanel.add("id")
    for n in (2, 3, 4):
        frame.assign(n=n).mixpanel.add("id", journal=tmp_path / "j")
    assert len(small) == 2
    with pytest.raises(mpd.AlreadySent, match="were already sent by this process"):
        frame.assign(n=1).mixpanel.add("id")
    with pytest.raises(mpd.AlreadySent, match="were already sent, until"):  # the journal's words
        frame.assign(n=2).mixpanel.add("id", journal=tmp_path / "j")
    assert emulator.profile("3") == {"n": 10}


def test_an_upload_that_is_under_way_is_never_forgotten() -> None:
    running = Reservation(b"key", InRun(("j", "monday"), named=True, resumed=False))
    running.finish()
    small = History(1)
    assert small.enter(running, set(), repeat=False)
    other = Reservation(b"key", InRun(("j", "tuesday"), named=True, resumed=False))
    other.finish()
    with pytest.raises((mpd.OperationError, mpd.AlreadySent)):
        small.enter(other, set(), repeat=False)
    running.release(None)
    assert small.enter(other, set(), repeat=True)
    assert len(small) == 1

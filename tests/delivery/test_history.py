"""What a process has sent it does not send again by accident, whatever the frame looks like the second time."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import mixpanel_pandas as mpd
from mixpanel_pandas.delivery import history
from mixpanel_pandas.delivery.history import Reservation
from mixpanel_pandas.delivery.waves import Waves

if TYPE_CHECKING:
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


def test_rows_of_one_id_are_compared_in_linear_time(
    emulator: mpd.Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = pd.DataFrame({"id": "hot", "n": np.arange(60)})
    frame.mixpanel.append("id", duplicates="all")
    found, compare = [], Reservation.compared

    def compared(self: Reservation, other: Reservation) -> str:
        found.append(compare(self, other))
        return found[-1]

    monkeypatch.setattr(Reservation, "compared", compared)
    with pytest.raises(mpd.AlreadySent):
        frame.mixpanel.append("id", duplicates="all")
    assert found.count("different") <= len(history._reservations)
    assert len(found) <= 60 + len(history._reservations)
    assert found[-1] == "same"


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
    emulator: mpd.Emulator, frame: pd.DataFrame, tmp_path: Path
) -> None:
    options = {"journal": tmp_path / "j", "batch_size": 5, "workers": 1}
    emulator.fail(403, skip=1, times=None)
    assert frame.mixpanel.add("id", **options)["accepted"].sum() == 5
    emulator.heal()
    history._reservations.clear()  # as in another process
    found: list[object] = []

    def meanwhile() -> None:
        try:
            found.append(frame.mixpanel.add("id", **options))
        except mpd.AlreadySent as error:
            found.append(str(error))

    draw = Waves.draw

    def draw_and_try(self: Waves, settled: object = None) -> object:
        if not found:
            found.append(None)
            thread = threading.Thread(target=meanwhile)
            thread.start()
            thread.join()
        return draw(self, settled)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Waves, "draw", draw_and_try)
        frame.mixpanel.add("id")
    assert "on their way" in found[1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
def test_a_forked_process_does_not_wait_for_a_thread_of_its_parent() -> None:
    with history._lock:
        child = os.fork()
        if not child:
            os._exit(0 if history._lock.acquire(timeout=1) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


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
    compared = Reservation.compared
    monkeypatch.setattr(Reservation, "compared", lambda *two: compared(*two).replace("open", "same"))
    with pytest.raises(mpd.AlreadySent) as again:
        frame.mixpanel.append("id")
    assert encoding() == []
    del kept, again

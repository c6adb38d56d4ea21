from __future__ import annotations

import threading

import pandas as pd
import pytest

import mixpanel_pandas as mpd
from mixpanel_pandas.notebook.preview import runner as module
from mixpanel_pandas.notebook.preview.runner import Runner
from mixpanel_pandas.rules.operation import operation

FRAME = pd.DataFrame({"id": [f"u{number}" for number in range(30)], "plan": "pro"})
SECONDS = 20


def runner(verb: str = "set", told=lambda: None, frame=FRAME, **options) -> Runner:
    return Runner(frame, operation(verb, "id", ["plan"], None, {"progress": False, **options}), "here", told)


def test_the_summary_is_there_when_the_end_is_told(emulator) -> None:
    told = []
    found = runner(told=lambda: told.append(found.summary is not None))
    assert not found.ended
    found.begin()
    assert found.join(SECONDS)
    assert told[-1] is True
    assert found.summary["accepted"].sum() == 30
    assert found.outcome().startswith("set: 30 accepted; 1 request")
    assert found.error == ""
    assert found.progress()[:2] == (30, 30)


def test_stop_ends_it_and_every_row_is_accounted_for(emulator, monkeypatch) -> None:
    monkeypatch.setattr(module, "TICK", 0.01)
    under_way = threading.Event()
    emulator.fail("delay", seconds=0.1, times=None)

    def told() -> None:
        if found.progress()[0] >= 2:
            under_way.set()

    found = runner(told=told, batch_size=1, workers=1)
    found.begin()
    assert under_way.wait(SECONDS)
    found.stop()
    assert found.join(SECONDS)
    assert found.summary["rows"].sum() == 30
    assert 0 < found.summary["accepted"].sum() < 30
    assert set(found.summary["outcome"]) == {"accepted", "not_sent"}


def test_a_dry_run_has_no_progress() -> None:
    found = runner(dry_run=True)
    found.begin()
    assert found.join(SECONDS)
    assert found.progress() == (0, 1, "")
    assert found.summary["not_sent"].sum() == 30


def test_what_fails_is_told_in_our_words(emulator) -> None:
    emulator.fail("status", status=401, times=None)
    found = runner()
    found.begin()
    assert found.join(SECONDS)
    assert found.summary["accepted"].sum() == 0
    assert "401" in found.error
    assert found.outcome().endswith(found.error)


def test_what_nobody_foresaw_is_told_without_its_text(emulator, monkeypatch) -> None:
    found = runner()

    def result() -> pd.DataFrame:
        msg = "ann@example.com"
        raise RuntimeError(msg)

    monkeypatch.setattr(found._sending, "result", result)
    found.begin()
    assert found.join(SECONDS)
    assert found.outcome() == "the upload ended with RuntimeError"


def test_what_cannot_be_sent_is_refused_before_anything_begins(emulator) -> None:
    with pytest.raises(mpd.ValidationError):
        runner(frame=pd.DataFrame({"id": [None], "plan": ["pro"]}))
    assert not emulator.requests

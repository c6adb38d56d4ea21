"""What surrounds an upload: a stop before it begins, and a journal that cannot be ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import mixpanel_pandas as mpd
from mixpanel_pandas.delivery.journal import Journal
from mixpanel_pandas.errors import JournalError
from mixpanel_pandas.pipeline.line import prepare
from mixpanel_pandas.rules.operation import operation

if TYPE_CHECKING:
    from pathlib import Path

FRAME = pd.DataFrame({"id": ["ann", "bob"], "n": [1, 2]})


@pytest.mark.parametrize("verb", ["set", "add"])
def test_a_stop_before_the_first_request_sends_nothing(emulator: mpd.Emulator, verb: str) -> None:
    sending = prepare(FRAME, operation(verb, "id", None, None, {"check": False}))
    assert sending.progress() is None
    sending.stop()
    summary = sending.result()
    assert summary[["rows", "not_sent"]].sum().tolist() == [2, 2]
    assert summary["reason"].tolist() == ["stopped"]
    assert not emulator.requests
    assert sending.progress() is not None


def test_the_time_of_a_request_is_that_of_the_day(emulator: mpd.Emulator) -> None:
    before = pd.Timestamp.now("UTC")
    (started,) = FRAME.mixpanel.set("id")["started"]
    assert abs(started - before) < pd.Timedelta(hours=1)


@pytest.mark.parametrize("verb", ["set", "add"])
def test_a_journal_that_cannot_be_ended_is_an_error_with_the_summary(
    emulator: mpd.Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    def fail(*_: Any) -> None:
        msg = "the disk is full"
        raise JournalError(msg)

    monkeypatch.setattr(Journal, "end", fail)
    with pytest.raises(mpd.UploadError, match="the disk is full") as caught:
        getattr(FRAME.mixpanel, verb)("id", journal=tmp_path / "mp.sqlite")
    assert caught.value.summary["accepted"].sum() == 2
    pd.testing.assert_frame_equal(mpd.last_summary(), caught.value.summary)
    assert len(emulator.requests) == 1

"""Ctrl-C in a real terminal, the emulator in another process: it ends an upload at once and loses nothing."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import mixpanel_pandas as mpd

pytestmark = pytest.mark.slow

pty = pytest.importorskip("pty", reason="this system has no terminals of this kind")

#: Python takes the terminal as its own, so that Ctrl-C reaches it.
OWN_TERMINAL = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.executable, sys.argv[1:])"

SETUP = """
import json, sys, threading
import pandas as pd
import mixpanel_pandas as mpd
from mixpanel_pandas.delivery import http, upload

_ = mpd.set_project(mpd.Project({token!r}, url={url!r}, timeout=600, backoff=0))
frame = pd.DataFrame({{"id": range(1, 2001), "n": 1}})
_ = frame.mixpanel.append("id", dry_run=True, progress=False)

def account(summary):
    outcomes = frame.mixpanel.outcomes(summary)["outcome"]
    found = {{"rows": int(summary["rows"].sum()), **outcomes.value_counts().to_dict()}}
    found["accepted ids"] = frame["id"][outcomes == "accepted"].tolist()
    found["threads"] = [thread.name for thread in threading.enumerate() if thread.name == "mixpanel_pandas upload"]
    return "account" + json.dumps(found) + "."
"""

#: Where a second Ctrl-C does not help, the terminal waits for ever; the first says when it was heard.
PATIENT = """
upload.GRACE = 10_000
def stop(self, stop=upload.Upload.stop):
    stop(self)
    print("heard", flush=True)
upload.Upload.stop = stop
"""


class Terminal:
    """An interactive Python in a terminal of its own."""

    def __init__(self, script: Path) -> None:
        self._screen, inside = pty.openpty()
        command = [sys.executable, "-c", OWN_TERMINAL, sys.executable, "-i", str(script)]
        environment = {**os.environ, "PYTHON_BASIC_REPL": "1", "TERM": "dumb", "COLUMNS": "400"}
        self.process = subprocess.Popen(
            command, stdin=inside, stdout=inside, stderr=inside, start_new_session=True, env=environment
        )
        os.close(inside)
        self._shown = b""

    def until(self, text: str) -> str:
        """Return what is shown up to `text`, and forget it."""
        end, wanted = time.monotonic() + 100, text.encode()
        while wanted not in self._shown:
            assert select.select([self._screen], [], [], max(0.0, end - time.monotonic()))[0], (
                self._shown.decode()[-2000:]
            )
            self._shown += os.read(self._screen, 65_536)
        before, _, self._shown = self._shown.partition(wanted)
        return before.decode()

    def enter(self, line: str) -> None:
        self.until(">>> ")
        os.write(self._screen, line.encode() + b"\n")

    def press_ctrl_c(self) -> None:
        os.write(self._screen, b"\x03")

    def account(self, summary: str) -> dict[str, Any]:
        """Return what a summary says."""
        self.enter(f"print(account({summary}))")
        self.until("account{")
        return json.loads("{" + self.until("}.") + "}")

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._screen)


@pytest.fixture
def terminal(emulator: mpd.Emulator, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Terminal]:
    script = tmp_path / "setup.py"
    setup = SETUP.format(token=str(emulator.token), url=emulator.url)
    script.write_text(setup + getattr(request, "param", ""), encoding="utf-8")
    terminal = Terminal(script)
    yield terminal
    terminal.close()


def wait_for(emulator: mpd.Emulator, requests: int) -> None:
    while len(emulator.requests) < requests:
        time.sleep(0.01)


def applied(emulator: mpd.Emulator) -> list[int]:
    return sorted(int(application.record["$distinct_id"]) for application in emulator.applied)


def test_ctrl_c_ends_an_upload_and_loses_nothing(emulator: mpd.Emulator, terminal: Terminal) -> None:
    emulator.fail("delay", seconds=0.1, times=None)
    terminal.enter('_ = frame.mixpanel.append("id", batch_size=20, workers=2)')
    wait_for(emulator, 4)
    terminal.press_ctrl_c()
    terminal.until("UploadInterrupted: the upload was interrupted")
    found = terminal.account("sys.last_value.summary")
    assert found["rows"] == found["accepted"] + found["not_sent"] == 2000
    assert found["accepted ids"] == applied(emulator)
    assert found["threads"] == []

    emulator.reset()
    assert terminal.account('frame.mixpanel.set("id", progress=False)')["accepted"] == 2000


@pytest.mark.parametrize(
    ("terminal", "hanging"),
    [
        pytest.param(PATIENT, 0, id="its socket is shut"),
        pytest.param(PATIENT + "http.Client.cut = lambda client: None", 1, id="nothing ends the request"),
    ],
    indirect=["terminal"],
)
def test_a_second_ctrl_c_leaves_at_once(emulator: mpd.Emulator, terminal: Terminal, hanging: int) -> None:
    emulator.fail("timeout", skip=1, times=1)
    terminal.enter('_ = frame.mixpanel.append("id", batch_size=20, workers=1)')
    wait_for(emulator, 2)
    terminal.press_ctrl_c()
    terminal.until("heard")
    terminal.press_ctrl_c()
    terminal.until("UploadInterrupted: the upload was interrupted")
    found = terminal.account("sys.last_value.summary")
    assert (found["rows"], found["accepted"], found["unknown"], found["not_sent"]) == (2000, 20, 20, 1960)
    assert found["accepted ids"] == applied(emulator)[:20]
    assert len(found["threads"]) == hanging
    assert terminal.account('frame.mixpanel.set("id", progress=False)')["accepted"] == 2000

    terminal.enter("exit()")
    assert terminal.process.wait(100) == 0

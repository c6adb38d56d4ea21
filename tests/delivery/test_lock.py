"""A lock between processes, gone with its holder."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from mixpanel_pandas.delivery.lock import Lock

if TYPE_CHECKING:
    from pathlib import Path

HOLDER = """
import sys
from pathlib import Path
from mixpanel_pandas.delivery.lock import Lock
lock = Lock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_nobody_else_gets_it_until_it_is_released(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    lock = Lock(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(BlockingIOError):
        Lock(path)
    lock.release()
    assert not path.exists()
    Lock(path).release()


def test_it_ends_with_a_process_that_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(BlockingIOError):
            Lock(path)
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    Lock(path).release()


def test_a_file_that_its_holder_has_just_removed_locks_nobody_out(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.touch()
    found = os.open

    def removed_meanwhile(*args: object) -> int:
        file = found(*args)  # type: ignore[arg-type]
        if path.exists() and not removed:
            removed.append(path.unlink())
        return file

    removed: list[None] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", removed_meanwhile)
        lock = Lock(path)
    with pytest.raises(BlockingIOError):
        Lock(path)
    lock.release()

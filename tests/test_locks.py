"""A forked process waits for no thread of its parent, and the lock of a file ends with its process."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from mixpanel_pandas.delivery import history
from mixpanel_pandas.delivery.journal import file
from mixpanel_pandas.process.locks import file_lock
from mixpanel_pandas.project import current

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
@pytest.mark.parametrize("lock", [
    pytest.param(history._lock, id="of what was sent"),
    pytest.param(file._opening, id="of opening a journal"),
    pytest.param(current._lock, id="of the project"),
])  # fmt: skip
def test_a_forked_process_does_not_wait_for_a_thread_of_its_parent(lock: Callable[[], Any]) -> None:
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with lock():
            held.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    child = os.fork()
    if not child:
        os._exit(0 if lock().acquire(timeout=1) else 1)
    done.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


HOLD = """
import sys
from pathlib import Path
from mixpanel_pandas.process.locks import file_lock
with file_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_lock_of_a_file_keeps_other_processes_out_until_its_own_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "s.parquet"
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    with pytest.raises(BlockingIOError), file_lock(path):
        pass
    other.kill()
    other.communicate()
    with file_lock(path):
        pass


def test_the_lock_of_a_file_keeps_other_threads_out(tmp_path: Path) -> None:
    path = tmp_path / "s.parquet"
    for _time in range(2):
        with file_lock(path), pytest.raises(BlockingIOError), file_lock(path):
            pass
    assert (tmp_path / "s.parquet.lock").stat().st_size == 0


def test_another_file_in_the_place_of_the_lock(tmp_path: Path) -> None:
    (tmp_path / "s.parquet.lock").write_bytes(b"of another program" * 100)
    with pytest.raises(OSError, match="not a database") as raised, file_lock(tmp_path / "s.parquet"):
        pass
    assert not isinstance(raised.value, BlockingIOError)


def test_an_error_in_the_block_is_that_of_the_block(tmp_path: Path) -> None:
    mine = BlockingIOError("mine")
    with pytest.raises(BlockingIOError, match="mine"), file_lock(tmp_path / "s.parquet"):
        raise mine
    with file_lock(tmp_path / "s.parquet"):
        pass

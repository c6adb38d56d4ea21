"""A forked process waits for no thread of its parent."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import pytest

from mixpanel_pandas.delivery import history
from mixpanel_pandas.delivery.journal import file
from mixpanel_pandas.project import current

if TYPE_CHECKING:
    from collections.abc import Callable


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

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

import mixpanel_pandas as mpd
from mixpanel_pandas.project import process_default

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def emulator() -> Iterator[mpd.Emulator]:
    """A Mixpanel on this machine, the default project of all threads."""
    with mpd.Emulator() as running, process_default(running.project):
        yield running


@pytest.fixture(autouse=True, scope="session")
def _ctrl_c_is_heard() -> Iterator[None]:
    """Hear Ctrl-C also where the tests run in the background: there it is ignored, by the processes that tests start, too."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)

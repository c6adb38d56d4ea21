from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import mixpanel_pandas as mpd

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def emulator() -> Iterator[mpd.Emulator]:
    """A Mixpanel on this machine, the default project."""
    with mpd.Emulator() as running, mpd.set_project(running.project):
        yield running

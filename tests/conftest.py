from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

import mixpanel_pandas as mpd

if TYPE_CHECKING:
    from collections.abc import Iterator


settings.register_profile("untimed", deadline=None)  # how fast this machine is just now decides no test
settings.load_profile("untimed")


@pytest.fixture
def emulator() -> Iterator[mpd.Emulator]:
    """A Mixpanel on this machine, the default project."""
    with mpd.Emulator() as running, mpd.set_project(running.project):
        yield running

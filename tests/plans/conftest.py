from __future__ import annotations

from dataclasses import replace

import pytest

import mixpanel_pandas as mpd


@pytest.fixture
def mixpanel() -> mpd.Emulator:
    return mpd.Emulator()


@pytest.fixture
def project(mixpanel: mpd.Emulator) -> mpd.Project:
    """Return the project of the emulator, without a socket."""
    return replace(mixpanel.project, adapter=mixpanel.adapter())

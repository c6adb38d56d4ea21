"""A pytest plugin: the fixture ``mixpanel_emulator`` for tests of code that uploads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mixpanel_pandas.emulator import Emulator

__all__ = ["mixpanel_emulator"]


@pytest.fixture
def mixpanel_emulator() -> Iterator[Emulator]:
    """A Mixpanel on this machine that is the default project for the length of a test, in all threads.

    Examples
    --------
    A test takes it by its name, runs the code that uploads, and looks at what arrived::

        def test_nightly_upload(mixpanel_emulator):
            nightly_upload()
            assert mixpanel_emulator.profile("ann")["plan"] == "pro"
    """
    # Imported here, because pytest loads plugins in every run.
    from mixpanel_pandas.emulator import Emulator
    from mixpanel_pandas.project import process_default

    with Emulator() as emulator, process_default(emulator.project):
        yield emulator

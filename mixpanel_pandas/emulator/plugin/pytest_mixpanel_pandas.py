"""A pytest plugin: the fixture ``mixpanel_emulator`` for tests of code that uploads.

pytest imports the plugins of all installed packages in every run, and a module of a package imports the package. So this
module is installed beside the package, and imports the package only when a test asks for the fixture.
"""

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
    from mixpanel_pandas.emulator import Emulator
    from mixpanel_pandas.project import process_default

    with Emulator() as emulator, process_default(emulator.project):
        yield emulator

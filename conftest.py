"""What the examples in docstrings and in the README start from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pytest

import mixpanel_pandas as mpd

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _nothing_from_outside(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test sees the environment's project, nor the one that another test has set, nor how wide the terminal is."""
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("MIXPANEL_TOKEN", "MIXPANEL_REGION", "MIXPANEL_URL"):
        monkeypatch.delenv(name, raising=False)
    with mpd.set_project(None):
        yield


@pytest.fixture(autouse=True)
def _names_and_folder_of_examples(
    request: pytest.FixtureRequest, doctest_namespace: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    if request.node.name == "mixpanel_pandas.plotting.plot":
        pytest.importorskip("matplotlib", reason="pip install '.[plot]'")
    doctest_namespace.update(mpd=mpd, pa=pa, pd=pd)
    if isinstance(request.node, pytest.DoctestItem) and request.path.suffix == ".py":
        monkeypatch.chdir(request.getfixturevalue("tmp_path"))

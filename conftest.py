"""What the examples in docstrings and in the README start from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pytest

import mixpanel_pandas as mpd
from mixpanel_pandas.project import process_default

if TYPE_CHECKING:
    from collections.abc import Iterator


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("browser")
    group.addoption("--browser", action="store_true", help="fail, and do not skip, where no browser is")
    group.addoption(
        "--pictures", metavar="DIR", help="where the browser tests put pictures for a person to look at"
    )


@pytest.fixture(autouse=True)
def _nothing_from_outside(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test sees the environment's project, nor the one that another test has set, nor how wide the terminal is."""
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("MIXPANEL_TOKEN", "MIXPANEL_REGION", "MIXPANEL_URL"):
        monkeypatch.delenv(name, raising=False)
    with process_default(None):
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

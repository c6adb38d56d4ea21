"""What the examples in docstrings and in the README start from."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import Phase, settings

import mixpanel_pandas as mpd
from mixpanel_pandas.project import process_default

if TYPE_CHECKING:
    from collections.abc import Iterator


#: How many examples generated tests try, by profile, as a percentage of what a test names (`tests/examples.py`).
EXAMPLES = {"quick": 20, "whole": 30, "thorough": 3000}
for _profile, _examples in EXAMPLES.items():  # CI tries the same examples every time, everybody else new ones
    _same = "CI" in os.environ and _profile != "thorough"
    settings.register_profile(
        _profile, deadline=None, max_examples=_examples, print_blob=True, derandomize=_same
    )
settings.register_profile(  # for `tests.mutation`: the same examples for each mutant, and the first failure is enough
    "mutation",
    settings.get_profile("quick"),
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--all", action="store_true", help="run the slow tests too, and try more generated examples"
    )
    group = parser.getgroup("browser")
    group.addoption("--browser", action="store_true", help="fail, and do not skip, where no browser is")
    group.addoption(
        "--pictures", metavar="DIR", help="where the browser tests put pictures for a person to look at"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "slow: takes seconds, processes, kernels or a browser; runs with --all"
    )
    settings.load_profile(
        "whole" if config.getoption("--all") else "quick"
    )  # --hypothesis-profile has the last word


def pytest_report_header(config: pytest.Config) -> str:
    if config.getoption("--all"):
        return "all tests"
    return "quick subset; --all runs the slow tests too, and tries more generated examples"


#: Modules whose library need not be installed: their examples cannot even be collected without it.
collect_ignore = [f"mixpanel_pandas/{name}.py" for name in ("dask", "polars") if find_spec(name) is None]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--all") or config.getoption("--browser"):
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if not item.get_closest_marker("slow")]


@pytest.fixture(autouse=True)
def _nothing_from_outside(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test sees the environment's project, nor the one that another test has set, nor how wide the terminal is."""
    monkeypatch.setenv("COLUMNS", "80")
    for name in [name for name in os.environ if name.startswith("MIXPANEL_")]:
        monkeypatch.delenv(name, raising=False)
    with process_default(None):
        yield


@pytest.fixture(autouse=True)
def _names_and_folder_of_examples(
    request: pytest.FixtureRequest, doctest_namespace: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    if isinstance(request.node, pytest.DoctestItem):  # canaries are looked for at once
        monkeypatch.setattr("mixpanel_pandas.delivery.canary.rest", lambda *_: None)
    doctest_namespace.update(mpd=mpd, pa=pa, pd=pd)
    if isinstance(request.node, pytest.DoctestItem) and request.path.name != "README.md":
        monkeypatch.chdir(request.getfixturevalue("tmp_path"))

"""The pytest plug-in: every run of pytest in an environment loads it, so it imports nothing until a test asks for the fixture."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import mixpanel_pandas as mpd
from mixpanel_pandas.project import Project, current_project

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = ("pytester",)

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "mixpanel_pandas" / "emulator" / "plugin"

#: The entry point of the installed package is left out, so that the plug-in is loaded once in any case.
ALL_OPTIONS = ("-p", "no:mixpanel_pandas", "-p", "pytest_mixpanel_pandas", "-p", "no:cacheprovider")


@pytest.fixture
def _default_of_before() -> Iterator[None]:
    mpd.set_project(Project("0" * 32, "us"))
    yield
    mpd.set_project(None)


@pytest.mark.usefixtures("_default_of_before")
def test_the_fixture_makes_it_the_default_project(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from concurrent.futures import ThreadPoolExecutor

        import mixpanel_pandas as mpd
        from mixpanel_pandas.project import current_project

        def test_upload(mixpanel_emulator):
            assert mixpanel_emulator.project.base.startswith("http://127.0.0.1:")
            with ThreadPoolExecutor(1) as pool:
                assert current_project() == pool.submit(current_project).result() == mixpanel_emulator.project

        def test_one_that_leaves_another_default_behind(mixpanel_emulator):
            mpd.set_project(mpd.Project("f" * 32, "eu"))
            assert current_project().place == "eu"
        """
    )
    pytester.syspathinsert(PLUGIN)
    pytester.runpytest_inprocess(*ALL_OPTIONS).assert_outcomes(passed=2)
    assert current_project() == Project("0" * 32, "us")
    mpd.set_project(None)
    with pytest.raises(mpd.ProjectError):
        current_project()


def test_nothing_is_imported_until_a_test_asks_for_the_fixture(tmp_path: Path) -> None:
    (tmp_path / "test_that_needs_nothing.py").write_text(
        """
import sys

def imported():
    return {"pandas", "pyarrow", "mixpanel_pandas"} & set(sys.modules)

at_collection = imported()

def test_before():
    assert "pytest_mixpanel_pandas" in sys.modules
    assert not at_collection
    assert not imported()

def test_that_asks(mixpanel_emulator):
    assert imported() == {"pandas", "pyarrow", "mixpanel_pandas"}
    assert mixpanel_emulator.profiles().empty
""",
        encoding="utf-8",
    )
    path = os.pathsep.join([str(PLUGIN), str(ROOT)])
    # no plug-in of another package, which may import pandas
    environment = os.environ | {"PYTHONPATH": path, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "pytest_mixpanel_pandas", "-p", "no:cacheprovider", tmp_path],
        capture_output=True, text=True, check=False, env=environment, cwd=tmp_path,
    )  # fmt: skip
    assert "2 passed" in done.stdout, done.stdout + done.stderr


def test_it_is_installed_beside_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    module = project["project"]["entry-points"]["pytest11"]["mixpanel_pandas"]
    folders = project["tool"]["hatch"]["build"]["targets"]["wheel"]["sources"]
    assert [str((ROOT / folder).relative_to(ROOT)) for folder in folders] == [str(PLUGIN.relative_to(ROOT))]
    assert [path.stem for path in PLUGIN.glob("*.py")] == [module]

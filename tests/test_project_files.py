"""The project around the code: floors of the house, pages made of tables, public names, lowest versions."""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import re
import subprocess
import sys
import tomllib
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import mixpanel_pandas as mpd
from mixpanel_pandas.delivery.policy import REACTIONS

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "mixpanel_pandas"

#: The floors of the house, from the ground up. A module imports from its own floor and from those below it, also for types.
#: A module that lies lower than the rest of its folder is named: the rules know the readings of text.
FLOORS = (
    {"text", "process", "errors", "project", "payloads.arrays"},
    {
        f"reading.{name}"
        for name in ("columns", "numbers", "date_formats", "dates", "lists", "readings", "cleaning")
    },
    {"rules"},
    {"reading", "payloads"},
    {"checking", "explanations"},
    {"delivery"},
    {"profiles"},
    {"pipeline", "notebook.pictures", "notebook.show", "notebook.tables"},
    {"plans"},
    {"notebook"},
    {"accessors"},
    {"cli", "dask", "polars", "__init__", "__main__"},
)

#: What the emulator imports beside itself, and the only modules that import the emulator.
EMULATOR_NEEDS, EMULATOR_USERS = {"rules", "project", "errors", "text"}, {"cli", "__init__"}

#: Third-party library -> the only modules that import it. pandas, numpy and pyarrow are everywhere.
HOMES = {
    "requests": {"delivery.http", "delivery.connection", "emulator.adapter"},
    "urllib3": {"delivery.connection", "delivery.reply", "emulator.adapter"},
    "pandera": {"checking.user_schema", "checking.schema"},
    "tqdm": {"delivery.upload", "delivery.progress"},
    "xxhash": {"payloads.fingerprint"},
    "click": {f"cli.{name}" for name in ("commands", "help", "logs", "output", "running", "uploading")},
    "dask": {"dask", "reading.partitions"},
    "distributed": {"reading.partitions"},
    "fsspec": {"reading.streams"},
    "polars": {"polars"},
    "ipywidgets": {"notebook.preview.controls"},
    "matplotlib": {"notebook.plotting"},
}


@cache
def modules() -> dict[str, ast.Module]:
    return {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts): ast.parse(path.read_text(encoding="utf-8"))
        for path in PACKAGE.rglob("*.py")
    }


@cache
def imports(tree: ast.Module, *, types: bool = False) -> frozenset[str]:
    """Return what a module imports; with `types` also what only type checkers import."""
    only_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    names: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in only_types and not types:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(names)


def within(tree: ast.Module, *, types: bool = False) -> set[str]:
    """Return the modules of the package that a module imports; a package stands for its ``__init__``."""
    names = {
        name.removeprefix("mixpanel_pandas.")
        for name in imports(tree, types=types)
        if name.startswith("mixpanel_pandas.")
    }
    return {module for name in names for module in (name, f"{name}.__init__") if module in modules()}


def floor_of(module: str) -> int | None:
    """Return the floor of a module; None: it is one of the emulator's."""
    top = module.split(".", maxsplit=1)[0]
    return next((number for number, floor in enumerate(FLOORS) if {module, top} & floor), None)


def test_every_module_has_a_floor() -> None:
    homeless = [name for name in modules() if floor_of(name) is None and not name.startswith("emulator.")]
    assert not homeless


def offences(*, types: bool) -> list[str]:
    """Return the imports that go up, or into the emulator or out of it where that is not allowed."""
    wrong = []
    for name, tree in modules().items():
        for other in within(tree, types=types):
            tops = name.split(".")[0], other.split(".")[0]
            if tops[0] == "emulator":
                allowed = tops[1] in {"emulator"} | EMULATOR_NEEDS
            elif tops[1] == "emulator":
                allowed = tops[0] in EMULATOR_USERS
            else:
                allowed = (floor_of(other) or 0) <= (floor_of(name) or 0)
            wrong += [] if allowed else [f"{name} imports {other}"]
    return sorted(wrong)


@pytest.mark.parametrize(
    "types", [pytest.param(False, id="when it runs"), pytest.param(True, id="also for types")]
)
def test_a_module_imports_only_from_its_floor_and_below(types: bool) -> None:
    assert not offences(types=types)


@pytest.mark.parametrize(
    "types", [pytest.param(False, id="when it runs"), pytest.param(True, id="also for types")]
)
def test_no_modules_import_each_other_in_a_circle(types: bool) -> None:
    assert not circle(types=types)


def circle(*, types: bool) -> list[str]:
    """Return a circle of imports, if there is one. That a package imports its own modules is none."""
    graph = {}
    for name, tree in modules().items():
        inside = name.removesuffix("__init__")
        own = {other for other in within(tree, types=types) if other != name}
        if name.endswith("__init__"):
            own = {other for other in own if not other.startswith(inside)}
        graph[name] = own
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_few_modules_lie_on_top_and_no_folder_is_empty() -> None:
    assert len(list(PACKAGE.glob("*.py"))) <= 9
    for folder in [PACKAGE, *(path for path in PACKAGE.rglob("*") if path.is_dir())]:
        if folder.name != "__pycache__":
            assert list(folder.glob("*.py")), f"{folder} holds no module"


def test_the_package_holds_nothing_but_its_modules_and_explanations() -> None:
    """All files of the folder go into the wheel."""
    others = {path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix not in {".py", ".pyc"}}
    assert others == {PACKAGE / "py.typed", *(PACKAGE / "explanations").glob("*.md")}


@pytest.mark.parametrize(("library", "homes"), HOMES.items())
def test_a_library_has_one_home(library: str, homes: set[str]) -> None:
    users = {
        name
        for name, tree in modules().items()
        if any(name.split(".")[0] == library for name in imports(tree))
    }
    assert users <= homes


def test_importing_imports_nothing_slow() -> None:
    code = (
        "import sys, mixpanel_pandas; "
        "print(*[m for m in ('pandera', 'requests', 'ipywidgets', 'tqdm', 'click', 'matplotlib', 'mixpanel_pandas.emulator') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_sending_a_frame_imports_no_readers_of_files() -> None:
    code = (
        "import sys, pandas, mixpanel_pandas; "
        "pandas.DataFrame({'id': ['a'], 'plan': ['pro']}).mixpanel.set('id', dry_run=True); "
        "print(*[m for m in ('frame', 'sources', 'spool', 'csv', 'writing') if f'mixpanel_pandas.reading.{m}' in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_public_names_are_there_and_listed() -> None:
    assert list(mpd.__all__) == sorted(
        mpd.__all__, key=lambda name: (not name.isupper(), name[0].islower(), name)
    )
    for name in mpd.__all__:
        assert getattr(mpd, name).__doc__


def test_pages_made_of_tables_are_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "docs")
    spec = importlib.util.spec_from_file_location("tables", ROOT / "docs" / "tables.py")
    assert spec
    assert spec.loader
    tables = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tables)
    for path, text in tables.pages().items():
        assert path.read_text(encoding="utf-8") == text, f"run: python docs/tables.py ({path.name})"
    assert {evidence for _words, evidence in tables.FAULTS_IN_WORDS} == set(REACTIONS) - {"accepted"}


def pages() -> list[Path]:
    docs = ROOT / "docs"
    made_by_sphinx = {docs / "api", docs / "notebooks"}
    return [
        ROOT / "README.md",
        *sorted(page for page in docs.rglob("*.md") if not made_by_sphinx & set(page.parents)),
        ROOT / "notebooks" / "data" / "README.md",
    ]


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    broken = []
    for link in links:
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if "://" not in link and not (target.exists() and (not anchor or anchor in anchors(target))):
            broken.append(link)
    assert not broken


def test_the_tasks_that_are_named_are_there_and_the_others_are_named() -> None:
    tasks = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["poe"]["tasks"]
    contributing = (ROOT / "docs" / "contributing.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\bpoe ([a-z-]+)", contributing)) == set(tasks)
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert set(
        re.findall(r"^poe (?:--\S+ \S+ )*(?:\"location=\S+ )?([a-z-]+)", ci, flags=re.MULTILINE)
    ) <= set(tasks)


def test_the_readme_has_the_two_commands_that_ci_runs() -> None:
    blocks = re.findall(
        r"^```sh\n(.*?)^```$",
        (ROOT / "README.md").read_text(encoding="utf-8"),
        flags=re.MULTILINE | re.DOTALL,
    )
    assert [len(block.splitlines()) for block in blocks] == [1, 1]


def test_the_version_stands_in_one_place() -> None:
    """The tag is the version: no file of the repository says it as well."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["hatch"]["version"]["source"] == "vcs"
    assert not [name for name, tree in modules().items() if "__version__" in assigned(tree)]


def assigned(tree: ast.Module) -> set[str]:
    """Return the names to which a module assigns a value."""
    targets = [target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def test_the_version_is_that_of_the_installed_package(monkeypatch: pytest.MonkeyPatch) -> None:
    assert mpd.__version__ == importlib.metadata.version("mixpanel_pandas")
    monkeypatch.setattr(sys, "path", [str(ROOT)])  # a folder on the path that is not installed
    assert not hasattr(mpd, "__version__")


def test_every_extra_that_an_error_names_is_there() -> None:
    """The extra is in quotation marks that all shells take, that of Windows included."""
    code = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    named = set(re.findall(r'from_extra\("([a-z]+)"', code))
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "optional-dependencies"
    ]
    assert named == set(re.findall(r"[a-z]+", extras["all"][0].partition("[")[2]))
    assert named < set(extras)
    pages = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md"))
    assert set(re.findall(r'pip install "mixpanel_pandas\[([a-z]+)\]"', code + pages)) <= set(extras)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        pytest.param(
            "preview('set', 'id')",
            'the preview needs ipywidgets: pip install "mixpanel_pandas[notebook]"',
            id="the preview",
        ),
    ],
)
def test_without_an_extra_its_name_is_said_and_the_rest_works(call: str, message: str) -> None:
    code = f"""
import sys
import pandas
import mixpanel_pandas
sys.modules.update(dict.fromkeys(["fsspec", "ipywidgets", "matplotlib", "pandera", "IPython"]))
frame = pandas.DataFrame({{"id": ["a"], "plan": ["pro"]}})
assert frame.mixpanel.validate("set", "id").empty
assert len(frame.mixpanel.set("id", dry_run=True)) == 1
try:
    frame.mixpanel.{call}
except mixpanel_pandas.MissingExtraError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [message]


def test_every_picture_has_its_place_on_a_page() -> None:
    pages = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md"))
    shown = set(re.findall(r"\]\(images/([^)]+)\)", pages))
    assert shown == {path.name for path in (ROOT / "docs" / "images").iterdir()}


def test_ci_runs_every_version_that_the_package_says() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    (matrix,) = re.findall(r"^ +python: \[(.*)\]$", workflow, flags=re.MULTILINE)
    said = [name.rpartition(" ")[2] for name in project["classifiers"] if ":: 3." in name]
    assert re.findall(r"[\d.]+", matrix) == said
    assert project["requires-python"] == f">={said[0]}"


@pytest.mark.parametrize(
    "path", sorted((ROOT / ".github" / "workflows").glob("*.yml")), ids=lambda path: str(path.name)
)
def test_a_workflow_runs_no_action_that_may_change(path: Path) -> None:
    """An action is named by the hash of its commit, with the version beside it for Dependabot; a local workflow by its path."""
    lines = re.findall(r"^ +(?:- )?uses: (.*)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert lines
    for line in lines:
        assert re.fullmatch(
            r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+|\./\.github/workflows/\w+\.yml", line
        )
        assert not line.startswith("./") or (ROOT / line).is_file()


def test_lowest_versions_are_those_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    dependencies = [*project["dependencies"], *extras["notebook"]]
    lowest = dict(re.split(r" *>=", dependency) for dependency in dependencies)
    lines = [
        line
        for line in (ROOT / ".ci" / "lowest.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line
    ]
    pinned = dict(line.split("==") for line in lines)
    assert pinned.keys() == lowest.keys()
    assert all(
        pinned[name] == version or re.fullmatch(rf"{re.escape(version)}(\.0)+", pinned[name])
        for name, version in lowest.items()
    )

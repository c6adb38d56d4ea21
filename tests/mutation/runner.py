"""Run tests on mutants, in copies of the repository and in processes that have imported the libraries already."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.mutation.mutants import Mutant

ROOT = Path(__file__).parent.parent.parent

#: Libraries that a process imports once for all its runs: everything slow that neither has state nor is mutated.
LIBRARIES = (
    "numpy",
    "pandas",
    "pyarrow.compute",
    "pandera.pandas",
    "requests",
    "ipywidgets",
    "tqdm",
    "click",
    "xxhash",
    "hypothesis",
)

#: Seconds without a word from pytest after which a run ends: no single test takes a tenth of that.
SILENCE = 150.0

PASSED, NO_TESTS = 0, 5

#: Modules without a file of tests of their own -> the file in their folder that tests them. Of the others all tests of the folder run.
TESTED_IN = {
    "checking/id_scan.py": "test_decisions.py",
    "checking/scan.py": "test_decisions.py",
    "delivery/connection.py": "test_http.py",
    "delivery/merged.py": "test_waves.py",
    "delivery/reply.py": "test_http.py",
    "payloads/nested.py": "test_dtypes.py",
    "payloads/slice_sizes.py": "test_layout.py",
    "reading/date_formats.py": "test_dates.py",
    "reading/tables.py": "test_sources.py",
    "rules/operation.py": "test_options.py",
}

#: Tests that tell nothing of the mutated modules, or are all slow.
UNRELATED = {
    "browser", "emulator", "test_benchmarks", "test_interruption", "test_kernel", "test_mutation", "test_notebooks",
    "test_project_files",
}  # fmt: skip


@dataclass
class Run:
    """A run of tests on a mutant, or on the code as it is.

    Attributes
    ----------
    mutant : Mutant or None
        What is tested.
    tests : tuple of str
        Arguments for pytest: files and folders, in this order.
    status : int or None
        What pytest returned; None for a run that hung and was ended, which counts as killed.
    seconds : float
        How long it took.
    cpu : float
        For how many seconds it and its processes kept a processor busy.
    output : str
        What pytest printed.
    """

    mutant: Mutant | None
    tests: tuple[str, ...]
    status: int | None = None
    seconds: float = 0.0
    cpu: float = 0.0
    output: str = ""

    @property
    def killed(self) -> bool:
        """Whether a test failed, or none came to an end."""
        return self.status not in {PASSED, NO_TESTS}


def own_tests(module: str, root: Path = ROOT) -> tuple[str, ...]:
    """Return the tests of a module: the file that has its name or tests it, or else those of its folder, and its own examples."""
    folder, name = _folder(module), Path(module).name
    named = [*(root / folder).glob(f"test_{name}"), *(root / folder).glob(f"test_*_{name}")]
    file = named[0].name if named else TESTED_IN.get(module.removeprefix("mixpanel_pandas/"), "")
    own = folder / file
    return (str(own), module) if (root / own).exists() else (module,)


def _folder(module: str) -> Path:
    """Return the folder with the tests of a module's folder."""
    return Path("tests", *Path(module).parts[1:-1])


def quick_subset(module: str, root: Path = ROOT) -> tuple[str, ...]:
    """Return the tests of the quick subset that may tell something of a module, what is near it first."""
    tests = root / "tests"
    near = _folder(module)
    folders = [
        path.relative_to(root)
        for path in sorted(tests.iterdir())
        if path.is_dir() and any(path.rglob("test_*.py")) and path.name not in UNRELATED
    ]
    files = [path.relative_to(root) for path in sorted(tests.glob("test_*.py")) if path.stem not in UNRELATED]
    ordered = sorted(
        [*folders, *files], key=lambda path: (path not in near.parents and path != near, path.is_dir())
    )
    return (*map(str, ordered), "mixpanel_pandas")


def carry_out(runs: list[Run], copies: list[Path]) -> Iterator[Run]:
    """Carry out all runs, one at a time in each copy of the repository, and yield each when it ends."""
    waiting, free = deque(runs), deque(copies)
    under_way: dict[int, tuple[Run, Path, float]] = {}
    try:
        while waiting or under_way:
            while waiting and free:
                run, copy = waiting.popleft(), free.popleft()
                under_way[_begin(run, copy)] = run, copy, time.monotonic()
            time.sleep(0.02)
            for process, (run, copy, began) in list(under_way.items()):
                run.seconds = time.monotonic() - began
                hangs = time.time() - (copy / OUTPUT).stat().st_mtime > SILENCE
                if hangs:
                    _end(process)
                ended, status, usage = os.wait4(process, 0 if hangs else os.WNOHANG)
                if ended:
                    del under_way[process]
                    _end(process)  # and whatever it has left behind
                    run.status = None if hangs else os.waitstatus_to_exitcode(status)
                    run.cpu = usage.ru_utime + usage.ru_stime
                    run.output = (copy / OUTPUT).read_text(encoding="utf-8", errors="replace")
                    _restore(run, copy)
                    free.append(copy)
                    yield run
    finally:
        for process in under_way:
            _end(process)


def copy_of_the_repository(folder: Path) -> Path:
    """Copy the files of the work tree that git knows or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    return folder


#: Where a copy keeps what pytest printed last.
OUTPUT = "pytest.log"


def _begin(run: Run, copy: Path) -> int:
    """Begin a run in a child of this process; return its number."""
    if run.mutant:
        _write(copy / run.mutant.module, run.mutant.mutated)
    (copy / OUTPUT).write_bytes(b"")
    sys.stdout.flush()
    process = os.fork()
    if not process:
        status: Any = 70
        try:
            status = _pytest(run, copy)
        except BaseException:  # noqa: BLE001 (a child never returns into the loop of its parent)
            traceback.print_exc()
        finally:
            os._exit(status)
    return process


def _pytest(run: Run, copy: Path) -> int:
    """Run pytest in this process."""
    os.setsid()
    log = os.open(copy / OUTPUT, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, stream in enumerate((nothing, log, log)):
        os.dup2(stream, number)
    os.chdir(copy)
    os.environ["PYTHONPATH"] = str(copy)
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"  # two mutants of one size in one second would share a file
    sys.dont_write_bytecode = True
    sys.path[:] = [str(copy), *(path for path in sys.path if path not in {"", str(ROOT)})]
    for name in [name for name in sys.modules if name.split(".")[0] in {"tests", "mixpanel_pandas"}]:
        del sys.modules[name]
    import pytest

    options = ["-x", "-q", "--no-header", "-p", "no:cacheprovider", "--hypothesis-profile=mutation"]
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # of what is imported already
    return int(pytest.main([*options, *run.tests]))


def _end(process: int) -> None:
    """Kill a run and all processes that it has begun."""
    try:
        os.killpg(process, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _restore(run: Run, copy: Path) -> None:
    if run.mutant:
        _write(copy / run.mutant.module, run.mutant.source)


def _write(path: Path, source: str) -> None:
    path.write_bytes(source.encode())

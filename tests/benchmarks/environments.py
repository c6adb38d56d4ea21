"""The environments of the tools that are compared: in the user's cache, apart from the Python that runs this."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.measuring import say

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: What the tools are, at versions that the scripts know.
PYTHON = ("mixpanel==5.4.1", "mixpanel-utils==2.2.7", "orjson>=3.10", "polars>=1.30", "requests>=2.32")
NODE = ("mixpanel-import@3.1.43",)

#: What they share with this project, at the very versions that this Python has, so that the work is compared and not these.
SHARED = ("numpy", "pandas", "pyarrow")


def python() -> Path:
    """Return the Python that has the tools; the first time they are installed."""
    wanted = [*PYTHON, *(f"{name}=={importlib.metadata.version(name)}" for name in SHARED)]

    def install(folder: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = [folder / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "--quiet"]
        subprocess.run([*pip, "install", *wanted], check=True, stdout=sys.stderr)

    return _made("python", [sys.version, *wanted], install) / "bin" / "python"


def node() -> Path | None:
    """Return the folder of the tools for Node; None without npm."""
    npm = shutil.which("npm")
    if not npm or not shutil.which("node"):
        return None

    def install(folder: Path) -> None:
        folder.mkdir(parents=True)
        (folder / "package.json").write_text('{"private": true}')
        subprocess.run(
            [npm, "install", "--silent", "--no-fund", *NODE], cwd=folder, check=True, stdout=sys.stderr
        )

    return _made("node", NODE, install)


def node_version() -> str:
    """Return the version of Node."""
    return subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip(
        "v\n"
    )


def _made(name: str, wanted: Sequence[str], install: Callable[[Path], None]) -> Path:
    """Return a folder with what is wanted, made once."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "mixpanel_pandas", "benchmarks")
    folder = cache / f"{name}-{hashlib.sha256(json.dumps(wanted).encode()).hexdigest()[:12]}"
    done = folder / "installed"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        say(f"installing {', '.join(wanted[-8:])}")
        install(folder)
        done.touch()
    return folder

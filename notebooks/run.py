"""Run the notebooks, and keep what they show: ``python notebooks/run.py [NOTEBOOK ...]``."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
from nbclient import NotebookClient

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nbformat import NotebookNode

HERE = Path(__file__).parent

#: The same on every machine, or JupyterLab asks which kernel to take.
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}

#: Run before the first cell; what is pending is the kernel's own, when it shuts down.
STRICT = """
import warnings
warnings.simplefilter("error")
warnings.simplefilter("ignore", PendingDeprecationWarning)
warnings.simplefilter("ignore", ResourceWarning)  # the kernel leaves a socket to each thread that shows something
"""

#: What stands for a widget in a notebook; without its kernel it is an empty place.
LIVE = "application/vnd.jupyter.widget-view+json"

#: What differs from run to run -> what is kept in its place.
STEADY = {
    r"\bmixpanel-(saved|live)-[0-9a-f]{8}\b": r"mixpanel-\1-00000000",
    r"127\.0\.0\.1:\d+": "127.0.0.1",
    r"\b\d+\.\d+ s\b": "0.1 s",
    r"\S*/tmp[a-z0-9_]{8}/": "folder/",
    r"\b20[2-9]\d-\d\d-\d\d \d\d:\d\d:\d\d\b": "2026-01-01 00:00:00",
}


def notebooks() -> list[Path]:
    return sorted(HERE.glob("*.ipynb"))


def run(path: Path) -> NotebookNode:
    """Return the notebook as it is after a run from top to bottom, warnings being errors; the file stays as it is."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=1200,  # seconds for a cell, on any machine
        startup_timeout=600,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,  # the kernel sends a line in one part or in two
        resources={"metadata": {"path": str(path.parent)}},
    )
    notebook.cells.insert(0, nbformat.v4.new_code_cell(STRICT))
    with client.setup_kernel():
        for index, cell in enumerate(notebook.cells):
            client.execute_cell(cell, index, store_history=index > 0)
    del notebook.cells[0]
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({})
        if cell.cell_type == "code":
            cell.outputs = list(lasting(cell.outputs))
    return notebook


def lasting(outputs: Iterable[NotebookNode]) -> Iterable[NotebookNode]:
    """Leave out what only a running kernel fills with life: progress bars, and widgets beside their static picture."""
    for output in outputs:
        live = output.get("data", {}).pop(LIVE, None)
        if live is None or "text/html" in output.data:
            yield nbformat.from_dict(steady(output))


def steady(shown: Any) -> Any:
    """Put the words of `STEADY` into every text."""
    if isinstance(shown, dict):
        return {key: steady(value) for key, value in shown.items()}
    if isinstance(shown, list):
        return [steady(value) for value in shown]
    if isinstance(shown, str):
        for pattern, word in STEADY.items():
            shown = re.sub(pattern, word, shown)
    return shown


def main(names: list[str]) -> None:
    for path in [Path(name) for name in names] or notebooks():
        nbformat.write(run(path), path)
        print(path)  # noqa: T201  # what a command says


if __name__ == "__main__":
    main(sys.argv[1:])

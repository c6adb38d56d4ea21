"""The notebooks run from top to bottom, show what they show in the repository, and show no secrets."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

HERE = Path(__file__).parent.parent / "notebooks"

#: What must not be in a notebook that others see.
SECRETS = {
    "a token, or the secret of a service account": r"\b[0-9a-f]{32}\b",
    "a path of this machine": re.escape(str(Path.home())) + r"|/tmp/|/home/|ipykernel_\d",
    "a port of the emulator": r"127\.0\.0\.1:\d",
}


def runner() -> Any:
    spec = importlib.util.spec_from_file_location("run", HERE / "run.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


NOTEBOOKS = [pytest.param(path, id=path.stem) for path in sorted(HERE.glob("*.ipynb"))]


def shown(notebook: Any) -> list[list[str]]:
    """Return the words that a notebook shows: HTML, blanks and the sign for a missing text differ between versions of pandas."""
    texts = [
        output.get("text") or output["data"]["text/plain"]
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
    ]
    return [text.replace("None", "NaN").split() for text in texts]


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::ResourceWarning"
)  # of the client's sockets
@pytest.mark.parametrize("path", NOTEBOOKS)
def test_it_shows_what_it_showed(path: Path) -> None:
    fresh = runner().run(path)
    assert shown(fresh) == shown(nbformat.read(path, as_version=4)), f"run: python notebooks/run.py {path}"


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_it_is_fit_to_be_kept(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    notebook = json.loads(text)
    assert notebook["metadata"] == runner().METADATA
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert {output["output_type"] for cell in cells for output in cell["outputs"]} <= {
        "execute_result",
        "display_data",
        "stream",
    }
    assert [what for what, pattern in SECRETS.items() if re.search(pattern, text)] == []

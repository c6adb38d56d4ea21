"""What a person sees when a call of this package raises: in a notebook, in plain Python, and in pytest."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import nbformat
import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

nbclient = pytest.importorskip("nbclient", reason="no nbclient is installed")

SETUP = """
%colors NoColor
import pandas as pd
import mixpanel_pandas as mpd
import mixpanel_pandas.pipeline.line as line
import mixpanel_pandas.delivery.ending as ending
emulator = mpd.Emulator().start()
mpd.set_project(emulator.project)
nobody = mpd.Project("a" * 32, url="http://127.0.0.1:9", retries=0)
df = pd.DataFrame({"id": ["ann", "bob"], "n": [1, 2], "long": ["x" * 300, "y"]})
def rename(label):
    return {}[label]
def fails():
    yield df
    raise LookupError("the cursor is gone")
def bug(*args):
    raise LookupError("a bug")
"""

#: A call of one line -> the class of its error.
CALLS = {
    "df.mixpanel.set('id')": "ValidationError",
    "df.mixpanel.set('id', bogus=1)": "OptionError",
    "df.mixpanel.group('g').set('idd')": "ColumnNotFoundError",
    "df.mixpanel.plan('set', 'idd', current=df)": "ColumnNotFoundError",
    "df.mixpanel.preview('set', 'idd')": "ColumnNotFoundError",
    "df.mixpanel.schema('set', 'idd')": "ColumnNotFoundError",
    "df.mixpanel.failures(df)": "SummaryError",
    "mpd.upload('nowhere.csv', 'set', 'id')": "OperationError",
    "mpd.read_profiles(project=nobody)": "AccountError",
    "mpd.show(1)": "OperationError",
    "df.mixpanel.set('id', ['n'], project=nobody)": "ConnectionFailed",
}

#: What else cells do -> what is printed, in this order; and what is not.
OTHERS = {
    "def mine(frame):\n    return frame.mixpanel.set('idd')\nmine(df)": (["3 mine(df)", "2     return frame", "did you mean 'id'"], ["accessors.py"]),
    "try:\n    {}['mine']\nexcept KeyError:\n    df.mixpanel.set('idd')": (["KeyError: 'mine'", "4     df.mixpanel.set('idd')", "did you mean"], ["accessors.py"]),
    "try:\n    df.mixpanel.set('idd')\nexcept KeyError:\n    df.mixpanel.set('ix')": (["did you mean", "was being handled", "'ix'"], ["accessors.py"]),
    "df.mixpanel.set('id', ['n'], rename=rename)": (["return {}[label]", "KeyError: 'n'", "is the direct cause", "1 df.mixpanel.set", "rename failed"], []),
    "mpd.frame(fails())": (["raise LookupError", "is the direct cause", "1 mpd.frame(fails())", "the cursor is gone"], []),
    "summary = df.mixpanel.set('id', ['n'])\nending.raise_from(LookupError('a bug'), summary)": (["LookupError: a bug", "2 ending.raise_from", "the upload ended with LookupError"], []),
    "%xmode Minimal\ndf.mixpanel.set('idd')": (["ColumnNotFoundError: id column"], ["df.mixpanel.set", "accessors.py"]),
    "%xmode Plain\ndf.mixpanel.set('idd')": (["line 2", "df.mixpanel.set('idd')", "did you mean 'id'"], ["accessors.py"]),
    "%xmode Verbose\ndf.mixpanel.set('idd')": (["df.mixpanel.set('idd')", "accessors.py", "did you mean 'id'"], []),
    "%xmode Context\nline.prepare = bug\ndf.mixpanel.set('id')": (["df.mixpanel.set('id')", "accessors.py", "LookupError: a bug"], []),
}  # fmt: skip


@pytest.fixture(scope="module")
def printed() -> dict[str, str]:
    """What IPython prints of the error of each cell."""
    sources = [SETUP, *CALLS, *OTHERS]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    client = nbclient.NotebookClient(
        notebook, timeout=600, startup_timeout=600, kernel_name="python3", allow_errors=True
    )
    client.execute()
    return {
        cell.source: "\n".join(output["traceback"])
        for cell in notebook.cells
        for output in cell.outputs
        if output.output_type == "error"
    }


of_the_client = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::ResourceWarning"
)  # its sockets


@of_the_client
@pytest.mark.parametrize(("call", "error"), CALLS.items())
def test_a_notebook_shows_the_line_and_the_message(printed: dict[str, str], call: str, error: str) -> None:
    rule, heading, cell, line, blank, *message = printed[call].splitlines()
    assert set(rule) == {"-"}
    assert heading.split()[0] == error
    assert cell.startswith("Cell In[")
    assert (line, blank) == (f"----> 1 {call}", "")
    assert message[0].startswith(f"{error}: ")
    assert not any(text.startswith(("File ", "Cell ")) for text in message)


@of_the_client
@pytest.mark.parametrize(("cell", "there", "not_there"), [(cell, *texts) for cell, texts in OTHERS.items()])
def test_what_the_message_leaves_out_is_shown(
    printed: dict[str, str], cell: str, there: list[str], not_there: list[str]
) -> None:
    rest = printed[cell]
    for text in there:
        assert text in rest
        rest = rest.partition(text)[2]
    assert not any(text in printed[cell] for text in not_there)


SCRIPT = """
import pandas as pd
import mixpanel_pandas as mpd
def test_it():
    pd.DataFrame({"id": ["ann"]}).mixpanel.set("idd", dry_run=True)
"""


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["-c", f"{SCRIPT}\ntest_it()"], id="Python"),
        pytest.param(["-m", "pytest", "-p", "no:cacheprovider", "test_one.py"], id="pytest"),
    ],
)
def test_elsewhere_every_frame_is_shown(tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "test_one.py").write_text(SCRIPT, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    shown = done.stdout + done.stderr
    assert all(name in shown for name in ("test_it", "accessors.py", "layout.py", "did you mean 'id'?"))

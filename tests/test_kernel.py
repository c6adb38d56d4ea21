"""A real notebook kernel: the stop button ends an upload and loses nothing; a project that one cell sets holds in the next."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    import mixpanel_pandas as mpd

pytestmark = pytest.mark.slow

jupyter = pytest.importorskip("jupyter_client.manager", reason="no Jupyter kernel is installed")

SETUP = """
import threading
import pandas as pd
import mixpanel_pandas as mpd
emulator = mpd.Emulator().start()
emulator.fail("delay", seconds=0.3, times=None)
_ = mpd.set_project(emulator.project)
frame = pd.DataFrame({"id": range(1, 2001), "n": 1})
frame.mixpanel.append("id", dry_run=True)["rows"].sum()
"""

AFTER = """
import sys
summary = sys.last_value.summary
outcomes = frame.mixpanel.outcomes(summary)["outcome"]
emulator.reset()
print(
    type(sys.last_value).__name__,
    summary["rows"].sum() == len(frame),
    (outcomes == "accepted").sum() > 0,
    (outcomes == "not_sent").sum() > 0,
    mpd.last_summary() is summary,
    [thread.name for thread in threading.enumerate() if thread.name == "mixpanel_pandas upload"],
    frame.mixpanel.set("id")["accepted"].sum(),
)
emulator.close()
"""


of_the_client = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::ResourceWarning"
)  # its sockets


@pytest.fixture
def kernel() -> Iterator[Any]:
    manager, client = jupyter.start_new_kernel(kernel_name="python3", startup_timeout=600)
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def printed(client: Any, code: str) -> str:
    """Run a cell and return what it prints."""
    texts: list[str] = []

    def keep(message: Any) -> None:
        if message["msg_type"] in {"stream", "error"}:
            texts.append(message["content"].get("text") or "\n".join(message["content"]["traceback"]))

    status = "aborted"
    while status == "aborted":  # what arrives while the kernel still deals with an error is not run
        status = client.execute_interactive(code, timeout=600, output_hook=keep)["content"]["status"]
    return "".join(texts)


#: A request that hangs is waited for without end, unless the button is pressed once more.
PATIENT = """
import pandas as pd
import mixpanel_pandas as mpd
from mixpanel_pandas.delivery import upload
upload.GRACE = 10_000
def stop(self, stop=upload.Upload.stop):
    stop(self)
    print("heard", flush=True)
upload.Upload.stop = stop
_ = mpd.set_project(mpd.Project({token!r}, url={url!r}, timeout=600, backoff=0))
frame = pd.DataFrame({{"id": range(1, 2001), "n": 1}})
frame.mixpanel.append("id", dry_run=True)["rows"].sum()
"""

AFTER_PATIENCE = """
import sys, threading
names = ["accepted", "unknown", "not_sent"]
print(sys.last_value.summary[names].sum().tolist(), [t.name for t in threading.enumerate() if "mixpanel" in t.name])
print(frame.mixpanel.set("id", progress=False)["accepted"].sum())
"""


@of_the_client
def test_the_stop_button_once_more(kernel: Any, emulator: mpd.Emulator) -> None:
    manager, client = kernel
    printed(client, PATIENT.format(token=str(emulator.token), url=emulator.url))
    emulator.fail("timeout", skip=1, times=1)
    request = client.execute('frame.mixpanel.append("id", batch_size=20, workers=1)')
    while len(emulator.requests) < 2:
        time.sleep(0.01)
    manager.interrupt_kernel()
    while "heard" not in client.get_iopub_msg(timeout=100)["content"].get("text", ""):
        pass
    manager.interrupt_kernel()
    reply = client.get_shell_msg(timeout=100)
    assert reply["parent_header"]["msg_id"] == request
    assert reply["content"]["ename"] == "UploadInterrupted"
    assert printed(client, AFTER_PATIENCE).split("\n")[:2] == ["[20, 20, 1960] []", "2000"]


@of_the_client
def test_the_stop_button(kernel: Any) -> None:
    manager, client = kernel
    printed(client, SETUP)
    request = client.execute('frame.mixpanel.append("id", batch_size=20, workers=2)')
    moves = 0
    while (
        moves < 30
    ):  # the progress bar has moved: some of the requests, which take 15 seconds, have their answers
        message = client.get_iopub_msg(timeout=PATIENCE)
        moves += message["msg_type"] in {"comm_msg", "stream"}
    manager.interrupt_kernel()
    reply = client.get_shell_msg(timeout=PATIENCE)
    assert reply["parent_header"]["msg_id"] == request
    assert reply["content"]["ename"] == "UploadInterrupted"
    assert printed(client, AFTER).split("\n")[-2] == "UploadInterrupted True True True True [] 2000"


PROJECT = """
import asyncio, threading
import pandas as pd
import mixpanel_pandas as mpd
first, second = (mpd.Emulator().start() for _ in range(2))
row = pd.DataFrame({"id": ["ann"], "n": [1]})
places = {first.project.place: "first", second.project.place: "second"}
def place():
    try:
        return places[row.mixpanel.set("id", progress=False).attrs["mixpanel"]["place"]]
    except mpd.ProjectError as error:
        return "another block" if "in a block of mpd.set_project" in str(error) else "none"
def in_a_thread():
    answers = []
    thread = threading.Thread(target=lambda: answers.append(place()))
    thread.start(); thread.join()
    return answers[0]
"""

EVERYWHERE = """
print(in_a_thread(), place(), await asyncio.to_thread(place), await asyncio.create_task(asyncio.to_thread(in_a_thread)))
"""


def place(client: Any, cell: str) -> str:
    """Run a cell and return its last line."""
    return (printed(client, cell).strip().splitlines() or [""])[-1]


@of_the_client
@pytest.mark.parametrize(
    "cell",
    [
        pytest.param("mpd.set_project({}.project)", id="shown"),
        pytest.param("mpd.set_project({}.project);", id="not shown"),
        pytest.param("_ = mpd.set_project({}.project)", id="kept as _"),
        pytest.param("kept = mpd.set_project({}.project)", id="kept"),
        pytest.param(
            "await asyncio.sleep(0)\nmpd.set_project({}.project)\nawait asyncio.sleep(0)", id="await"
        ),
        pytest.param(
            "def choose():\n    mpd.set_project({}.project)\nthreading.Thread(target=choose).start()",
            id="a thread",
        ),
    ],
)
def test_a_project_that_a_cell_sets_holds_in_the_next_ones(kernel: Any, cell: str) -> None:
    _manager, client = kernel
    printed(client, PROJECT)
    assert place(client, EVERYWHERE) == "none none none none"
    for name in "first", "second":
        printed(client, cell.format(name))
        assert place(client, "print(in_a_thread())") == name
        assert place(client, EVERYWHERE) == " ".join([name] * 4)
        printed(client, "await asyncio.sleep(0)")
        assert place(client, "print(place(), in_a_thread())") == f"{name} {name}"
    printed(client, "mpd.set_project(None)")
    assert place(client, EVERYWHERE) == "none none none none"


@of_the_client
def test_a_block_ends_with_its_cell(kernel: Any) -> None:
    _manager, client = kernel
    printed(client, PROJECT)
    block = (
        "with mpd.set_project(first.project):\n    await asyncio.sleep(0)\n    print(place(), in_a_thread())"
    )
    assert place(client, block) == "first another block"
    assert place(client, EVERYWHERE) == "none none none none"
    printed(client, "mpd.set_project(second.project)")
    assert place(client, block) == "first second"
    assert place(client, EVERYWHERE) == "second second second second"

"""This project beside the other ways to write profiles, and beside what the machine can do at best.

    python -m tests.benchmarks.peers [ROWS]

Prints a table: seconds of the job itself, rows a second, how many times as long as this project takes, processor seconds,
megabytes at the peak above what was there before, and how many records arrived.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.benchmarks import environments
from tests.benchmarks.jobs import JOBS, TOKEN, run, write_files
from tests.benchmarks.measuring import Measured, apart, medians, middle, say, section, table, versions
from tests.benchmarks.sink import sink

if TYPE_CHECKING:
    from pathlib import Path as Folder

    from tests.benchmarks.sink import Sink

TITLE = "Beside other tools"


@dataclass(frozen=True)
class Peer:
    """A line of the table.

    Attributes
    ----------
    name : str
        What it is called there.
    job : str
        Name of a job, or of the file that mixpanel-import begins with.
    where : str
        "here" (this Python), "peers" (that of the tools) or "node".
    sends : bool
        Whether records arrive.
    options : dict
        Of mixpanel-import; else variables of the environment.
    """

    name: str
    job: str
    where: str = "peers"
    sends: bool = True
    options: dict[str, Any] = field(default_factory=dict)


PEERS = (
    Peer("this project, checks included", "this_project", "here"),
    Peer("official SDK, BufferedConsumer", "official_sdk"),
    Peer("mixpanel-utils, CSV", "utils_csv"),
    Peer("mixpanel-utils, list", "utils_list"),
    Peer("mixpanel-utils, JSON file ready", "utils_file"),
    Peer("sample script, batches of 200", "sample_script"),
    Peer("mixpanel-import, JSON Lines ready", "flat.jsonl", "node", options={"fixData": True}),
    Peer("mixpanel-import, CSV ready", "flat.csv", "node", options={"fixData": True}),
    Peer("mixpanel-import, Parquet ready", "flat.parquet", "node", options={"fixData": True}),
    Peer("mixpanel-import, records ready", "records.jsonl", "node", options={"abridged": True}),
    Peer("best by hand: orjson, one session", "by_hand"),
    Peer("limit: Polars, 1 thread", "polars_json", sends=False, options={"POLARS_MAX_THREADS": "1"}),
    Peer("limit: Polars, 2 threads", "polars_json", sends=False, options={"POLARS_MAX_THREADS": "2"}),
    Peer("limit: pandas to Arrow", "pandas_to_arrow", sends=False),
    Peer("limit: pandas to Polars", "pandas_to_polars", sends=False),
    Peer("limit: requests, bodies ready", "push_requests"),
    Peer("limit: http.client, bodies ready", "push_http_client"),
)

NOTES = """\
- A frame of 12 columns goes to a loopback server that reads bodies, counts records and answers at once. Seconds are those of the
  job itself: from the frame in memory, or from the file where one is said to be ready; imports are left out. Each run has a
  process of its own; the runs of all tools take turns.
- The official SDK, mixpanel-utils (list) and the sample script are given dicts, dates as text and missing values left out, as
  their users have to make them; that is timed. mixpanel-utils (CSV) is given what `to_csv` writes, which is timed, too; booleans
  and lists arrive as text.
- mixpanel-import reads its file while it sends, so reading is timed. From CSV all values arrive as text, from CSV and Parquet
  missing values are sent as empty text and null. "Records ready" are the finished updates, with its transforms switched off. It uses
  the transport that its documentation calls the default; the other one cannot be pointed elsewhere.
- This project alone checks the frame and accounts for every row in that time. By hand there are no checks and no retries, and nobody
  reads what the answers say.
- The limits do a part of the work: Polars writes the same records as JSON (dates cut to seconds, unchecked), pandas hands over its
  columns, ready bodies are pushed through one connection."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", type=int, nargs="?", default=200_000)
    parser.add_argument("--runs", type=int, default=3)
    chosen = parser.parse_args()
    print(report(chosen.rows, chosen.runs))


def report(rows: int = 200_000, runs: int = 3) -> str:
    """Run everything, and return the section."""
    python, modules = environments.python(), environments.node()
    peers = [peer for peer in PEERS if modules or peer.where != "node"]
    found: dict[str, list[Measured]] = defaultdict(list)
    arrived: dict[str, set[int]] = defaultdict(set)
    with tempfile.TemporaryDirectory() as folder, sink() as target:
        apart(write_files, rows, folder, python=python)
        for number in range(runs):
            for peer in peers:
                target.reset()
                measured = _run(peer, rows, target, folder, python, modules)
                found[peer.name].append(measured)
                arrived[peer.name].add(int(target.counts()["records"]))
                say(f"run {number + 1}: {peer.name:36}{measured.wall:8.2f} s")
    middles = {name: middle(measured) for name, measured in found.items()}
    ours = middles[PEERS[0].name].wall
    lines = [
        (
            peer.name,
            f"{wall:.2f}",
            f"{rows / wall:,.0f}",
            f"{wall / ours:.2f}",
            f"{cpu:.2f}",
            f"{peak:,.0f}",
            " or ".join(f"{count:,}" for count in sorted(arrived[peer.name])) if peer.sends else "",
        )
        for peer in peers
        for wall, cpu, peak in [middles[peer.name]]
    ]
    tools = apart(versions_of_tools, python=python)
    if modules:
        tools += f", {environments.NODE[0].replace('@', ' ')}, Node {environments.node_version()}"
    head = ("", "s", "rows/s", "x this", "cpu s", "peak MB", "arrived")
    return section(
        TITLE,
        f"python -m tests.benchmarks.peers {rows}",
        f"{rows:,} rows, {medians(runs)}. {tools}.",
        table(head, lines),
        NOTES,
    )


def versions_of_tools() -> str:
    return versions("mixpanel", "mixpanel-utils", "orjson", "polars", "requests")


def _run(
    peer: Peer, rows: int, target: Sink, folder: str, python: Folder, modules: Folder | None
) -> Measured:
    if peer.where == "node":
        call = {
            "modules": str(modules),
            "address": target.address,
            "file": str(Path(folder, peer.job)),
            "token": TOKEN,
            "options": peer.options,
        }
        script = Path(__file__).with_name("mixpanel_import.cjs")
        done = subprocess.run(
            ["node", script, json.dumps(call)], stdout=subprocess.PIPE, text=True, check=True, cwd=folder
        )
        wall, cpu, above, _whole = json.loads(done.stdout.splitlines()[-1])
        return Measured(wall, cpu, above)
    assert peer.job in JOBS
    place = {} if peer.where == "here" else {"python": python}
    return Measured(*apart(run, peer.job, rows, target.address, folder, **place, **peer.options))


if __name__ == "__main__":
    main()

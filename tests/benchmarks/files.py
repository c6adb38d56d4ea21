"""What it takes to upload files, also such as are larger than memory.

    python -m tests.benchmarks.files [--rows ROWS ...]

Makes Parquet, CSV and JSON Lines files in a temporary folder, a part at a time, and uploads each in a process of its own. Prints
a table: processor seconds for a million rows, and megabytes of the whole process at the peak.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import warnings
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

import mixpanel_pandas as mpd
from tests.benchmarks import environments
from tests.benchmarks.frames import customers
from tests.benchmarks.jobs import DATES, TOKEN
from tests.benchmarks.measuring import apart, once, say, section, table
from tests.benchmarks.sink import sink

if TYPE_CHECKING:
    from collections.abc import Iterator

TITLE = "Files"

#: Kind of file -> its name.
FILES = {"Parquet": "customers.parquet", "CSV": "customers.csv", "JSON Lines": "customers.jsonl"}

#: Rows that are written at once.
PART = 100_000

ID = "distinct_id"

NOTES = """\
- The files hold the 12 columns of the other sections. They go to a loopback server that reads bodies and answers at once. Each
  upload has a process of its own. The peak is that of the whole process, imports included, which take about 150 MB.
- This project reads the whole file into a temporary file, checks every row, then sends. It keeps to the 2 GB a minute that Mixpanel
  takes: 10,000,000 rows take over a minute. So processor seconds are compared.
- "In memory" is the same table as a pandas frame. To read it is not timed; the peak counts it.
- mixpanel-import sends while it reads (see "Beside other tools"). It uploads the smallest files only: it takes more memory for a
  larger Parquet file."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--no-peers", action="store_true", help="leave mixpanel-import out")
    chosen = parser.parse_args()
    print(report(tuple(chosen.rows), peers=not chosen.no_peers))


def report(rows: tuple[int, ...] = (1_000_000, 10_000_000), *, peers: bool = True) -> str:
    """Run everything, and return the section."""
    modules = environments.node() if peers else None
    lines = []

    def add(name: str, number: int, cpu: float, peak: float) -> None:
        arrived = int(target.counts()["records"])
        lines.append((name, f"{number:,}", f"{cpu / number * 1e6:.2f}", f"{peak:,.0f}", f"{arrived:,}"))
        say(f"{name:28}{number:12,} rows{peak:8,.0f} MB{cpu / number * 1e6:8.2f} s")
        target.reset()

    with sink() as target:
        for number in rows:
            with tempfile.TemporaryDirectory() as folder:
                write_files(number, Path(folder))
                paths = {kind: str(Path(folder, name)) for kind, name in FILES.items()}
                if number == min(rows):
                    add("in memory", number, *apart(upload_frame, paths["Parquet"], target.address))
                for kind, path in paths.items():
                    add(kind, number, *apart(upload_file, path, target.address))
                    if modules is not None and number == min(rows):
                        measured = mixpanel_import(path, target.address, modules)
                        add(f"mixpanel-import, {kind}", number, *measured)
    head = ("", "rows", "cpu s/million", "peak MB", "arrived")
    command = f"python -m tests.benchmarks.files --rows {' '.join(map(str, rows))}"
    return section(TITLE, command, table(head, lines), NOTES)


def write_files(rows: int, folder: Path) -> None:
    """Write the files, a part at a time, so that they may be larger than memory."""
    with ExitStack() as stack:
        lines = stack.enter_context(Path(folder, FILES["JSON Lines"]).open("wb"))
        parquet = csv = None
        for frame in _parts(rows):
            held = pa.Table.from_pandas(frame, preserve_index=False)
            plain = pa.Table.from_pandas(_as_text(frame), preserve_index=False)
            if parquet is None or csv is None:
                parquet = stack.enter_context(pq.ParquetWriter(Path(folder, FILES["Parquet"]), held.schema))
                csv = stack.enter_context(pyarrow.csv.CSVWriter(Path(folder, FILES["CSV"]), plain.schema))
            parquet.write_table(held)
            csv.write_table(plain)
            lines.writelines(_json_lines(frame))


def _parts(rows: int) -> Iterator[pd.DataFrame]:
    for first in range(0, rows, PART):
        part = customers(min(PART, rows - first), seed=first, first=first)
        yield part.rename(columns={"user_id": ID}).astype({"plan": "str"})


def _as_text(frame: pd.DataFrame) -> pd.DataFrame:
    """Return dates as ISO texts and lists as JSON, as a CSV file holds them."""
    tags = [orjson.dumps(tags).decode() for tags in frame["tags"]]
    return frame.assign(**{"signed up": frame["signed up"].dt.strftime(DATES), "tags": tags})


def _json_lines(frame: pd.DataFrame) -> Iterator[bytes]:
    """Yield the rows as JSON, missing values left out."""
    frame = frame.assign(**{"signed up": frame["signed up"].dt.strftime(DATES)})
    names = [str(name) for name in frame.columns]
    columns = [column.astype(object).where(column.notna(), None).tolist() for _name, column in frame.items()]
    for values in zip(*columns, strict=True):
        row = {name: value for name, value in zip(names, values, strict=True) if value is not None}
        yield orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)


def upload_file(path: str, address: str) -> tuple[float, float]:
    """Return seconds of all processors, and megabytes of the whole process at the peak."""
    _get_ready()
    project = mpd.Project(TOKEN, url=address)
    measured = once(lambda: mpd.upload(path, "set", id=ID, project=project), watched=False)
    return measured.cpu, _peak()


def upload_frame(path: str, address: str) -> tuple[float, float]:
    """Do the same with the frame of a Parquet file in memory; to read it is not timed."""
    _get_ready()
    frame = pd.read_parquet(path, dtype_backend="pyarrow")
    project = mpd.Project(TOKEN, url=address)
    measured = once(lambda: frame.mixpanel.set(ID, project=project), watched=False)
    return measured.cpu, _peak()


def _get_ready() -> None:
    """Import what is imported when it is used."""
    warnings.simplefilter("ignore", mpd.ProfileWarning)
    pd.DataFrame({ID: ["a"], "x": [1]}).mixpanel.validate("set", ID)


def mixpanel_import(path: str, address: str, modules: Path) -> tuple[float, float]:
    """Do the same with mixpanel-import."""
    call = {
        "modules": str(modules),
        "address": address,
        "file": path,
        "token": TOKEN,
        "options": {"fixData": True},
    }
    script = Path(__file__).with_name("mixpanel_import.cjs")
    done = subprocess.run(
        ["node", script, json.dumps(call)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=Path(path).parent,
    )
    _wall, cpu, _above, whole = json.loads(done.stdout.splitlines()[-1])
    return cpu, whole


def _peak() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()

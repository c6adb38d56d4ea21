"""What is compared: each way to bring one frame to Mixpanel, as its documentation says or as a careful user would write it.

A job is made from a `Task` (imports, reading and what else is not its work) and returns what is timed. It runs in a process of
its own, in this Python or in that of `environments.peers`, so this module stands on pandas alone.
"""

from __future__ import annotations

import json
import tempfile
import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from tests.benchmarks.frames import customers
from tests.benchmarks.measuring import once

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TOKEN = "0" * 32
DATES = "%Y-%m-%dT%H:%M:%S"

#: What every record has beside id and properties.
ENVELOPE = {"$token": TOKEN, "$ip": "0", "$ignore_time": True}


@dataclass(frozen=True)
class Task:
    """How many customers go where; `folder` holds what `write_files` wrote."""

    rows: int
    address: str
    folder: str

    @cached_property
    def frame(self) -> pd.DataFrame:
        return customers(self.rows)

    @property
    def url(self) -> str:
        return f"{self.address}/engage"

    def file(self, name: str) -> str:
        return str(Path(self.folder, name))


def run(job: str, rows: int, address: str, folder: str) -> tuple[float, float, float]:
    """Do a job once; return its `Measured`."""
    return tuple(once(JOBS[job](Task(rows, address, folder))))


def run_often(job: str, rows: int, address: str, folder: str, runs: int) -> list[tuple[float, float, float]]:
    """Do a job several times in one process, for its times alone."""
    work = JOBS[job](Task(rows, address, folder))
    return [tuple(once(work, watched=False)) for _ in range(runs)]


def write_files(rows: int, folder: str) -> None:
    """Write the files that some of the tools begin with."""
    frame, task = customers(rows).rename(columns={"user_id": "distinct_id"}), Task(rows, "", folder)
    flat = dicts(frame)
    with Path(task.file("flat.jsonl")).open("w", encoding="utf-8") as lines:
        lines.writelines(json.dumps(row) + "\n" for row in flat)
    with Path(task.file("records.jsonl")).open("w", encoding="utf-8") as lines:
        lines.writelines(json.dumps(record(row.pop("distinct_id"), row)) + "\n" for row in flat)
    profiles = [{"$distinct_id": name, "$properties": row} for name, row in identified(customers(rows))]
    Path(task.file("profiles.json")).write_text(json.dumps(profiles), encoding="utf-8")
    frame.to_csv(task.file("flat.csv"), index=False)
    frame.to_parquet(task.file("flat.parquet"), index=False)


def dicts(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows as dicts for JSON: dates as text, missing values left out. Users of the tools have to write this."""
    rows = frame.assign(**{"signed up": frame["signed up"].dt.strftime(DATES)}).to_dict("records")
    return [
        {str(name): value for name, value in row.items() if isinstance(value, list) or not pd.isna(value)}
        for row in rows
    ]


def identified(frame: pd.DataFrame) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield id and properties of each row."""
    for row in dicts(frame):
        yield row.pop("user_id"), row


def record(identity: str, properties: dict[str, Any]) -> dict[str, Any]:
    """Return the update that all are to send."""
    return {**ENVELOPE, "$distinct_id": identity, "$set": properties}


def this_project(task: Task) -> Callable[[], object]:
    return _ours(task.frame, task.address)


def this_project_without_lists(task: Task) -> Callable[[], object]:
    return _ours(task.frame.drop(columns="tags"), task.address)


def _ours(frame: pd.DataFrame, address: str) -> Callable[[], object]:
    import mixpanel_pandas as mpd

    warnings.simplefilter("ignore", mpd.ProfileWarning)
    mpd.set_project(mpd.Project(TOKEN, url=address))
    frame.head(10).mixpanel.validate("set", "user_id")  # imports what is imported when it is used
    return lambda: frame.mixpanel.set("user_id")


def official_sdk(task: Task) -> Callable[[], object]:
    import mixpanel

    consumer = mixpanel.BufferedConsumer(people_url=task.url)
    client, frame = mixpanel.Mixpanel(TOKEN, consumer=consumer), task.frame

    def work() -> None:
        for identity, properties in identified(frame):
            client.people_set(identity, properties, meta={"$ignore_time": True, "$ip": 0})
        consumer.flush()

    return work


def _utils(task: Task) -> Any:
    import mixpanel_utils

    utils = mixpanel_utils.MixpanelUtils("secret", token=TOKEN)
    utils.import_api = task.address
    return utils


def utils_csv(task: Task) -> Callable[[], object]:
    utils, frame = _utils(task), task.frame

    def work() -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder, "people.csv"))
            frame.rename(columns={"user_id": "$distinct_id"}).to_csv(path, index=False, date_format=DATES)
            utils.import_people(path)

    return work


def utils_list(task: Task) -> Callable[[], object]:
    utils, frame = _utils(task), task.frame

    def work() -> None:
        profiles = [{"$distinct_id": name, "$properties": row} for name, row in identified(frame)]
        utils.import_people(profiles)

    return work


def utils_file(task: Task) -> Callable[[], object]:
    utils, path = _utils(task), task.file("profiles.json")
    return lambda: utils.import_people(path)


def sample_script(task: Task) -> Callable[[], object]:
    """As in Mixpanel's documentation: JSON by requests, "batches of 200"."""
    import requests

    frame = task.frame

    def work() -> None:
        records = [record(*row) for row in identified(frame)]
        for start in range(0, len(records), 200):
            requests.post(
                task.url, json=records[start : start + 200], params={"verbose": 1}
            ).raise_for_status()  # as there

    return work


def by_hand(task: Task) -> Callable[[], object]:
    """The best that can be written by hand in half an hour: columns to lists, orjson, batches of 2,000, one session."""
    import orjson
    import requests

    frame = task.frame
    names = [str(name) for name in frame.columns.drop("user_id")]

    def work() -> None:
        with requests.Session() as session:
            for start in range(0, len(frame), 2000):
                part = frame.iloc[start : start + 2000]
                part = part.assign(**{"signed up": part["signed up"].dt.strftime(DATES)})
                columns = [
                    column.astype(object).where(column.notna(), None).tolist()
                    for _name, column in part.drop(columns="user_id").items()
                ]
                records = [
                    record(
                        identity,
                        {name: value for name, value in zip(names, values, strict=True) if value is not None},
                    )
                    for identity, *values in zip(part["user_id"], *columns, strict=True)
                ]
                session.post(task.url, data=orjson.dumps(records), timeout=60).raise_for_status()

    return work


def pandas_to_arrow(task: Task) -> Callable[[], object]:
    import pyarrow as pa

    frame = task.frame
    return lambda: pa.Table.from_pandas(frame, preserve_index=False)


def pandas_to_polars(task: Task) -> Callable[[], object]:
    import polars as pl

    frame = task.frame
    pl.from_pandas(frame.head(10))
    return lambda: pl.from_pandas(frame)


def polars_json(task: Task) -> Callable[[], object]:
    """The records, missing values left out, by the quickest way that Polars has.

    `struct.json_encode` writes missing values as null, so it makes the columns without any; the others are joined to that one
    by one where they have a value. Left out are the checks, and dates are cut to seconds.
    """
    import polars as pl

    def encoded(frame: pl.DataFrame) -> pl.Series:
        text = frame.with_columns(pl.col("signed up").dt.to_string(DATES))
        gaps = [name for name in text.columns if text[name].null_count()]
        members = [
            pl.col("user_id").alias("$distinct_id"),
            *(pl.lit(value).alias(name) for name, value in ENVELOPE.items()),
            pl.struct(pl.exclude("user_id", *gaps)).alias("$set"),
        ]
        others = [
            pl.when(pl.col(name).is_not_null())
            .then(pl.concat_str(pl.lit(","), pl.struct(name).struct.json_encode().str.slice(1).str.head(-1)))
            .otherwise(pl.lit(""))
            for name in gaps
        ]
        first = pl.struct(*members).struct.json_encode().str.strip_suffix("}}")
        return text.select(pl.concat_str(first, *others, pl.lit("}}")).alias("record"))["record"]

    few = task.frame.head(1000)
    assert [json.loads(text) for text in encoded(pl.from_pandas(few))] == [
        record(*row) for row in identified(few)
    ]
    frame = pl.from_pandas(task.frame)
    return lambda: encoded(frame)


def polars_ndjson(task: Task) -> Callable[[], object]:
    """Nearly the records: as Polars writes them to a file, missing values as null."""
    import polars as pl

    frame = pl.from_pandas(task.frame)
    members = [
        pl.col("user_id").alias("$distinct_id"),
        *(pl.lit(value).alias(name) for name, value in ENVELOPE.items()),
        pl.struct(pl.exclude("user_id")).alias("$set"),
    ]
    return lambda: frame.select(members).write_ndjson()


def bodies(task: Task) -> list[bytes]:
    """Return the bodies of the requests, ready to be sent."""
    import orjson

    parts = (task.frame.iloc[start : start + 2000] for start in range(0, task.rows, 2000))
    return [orjson.dumps([record(*row) for row in identified(part)]) for part in parts]


def push_requests(task: Task) -> Callable[[], object]:
    import requests

    ready = bodies(task)

    def work() -> None:
        with requests.Session() as session:
            for body in ready:
                session.post(task.url, data=body, timeout=60).raise_for_status()

    return work


def push_http_client(task: Task) -> Callable[[], object]:
    import http.client

    ready = bodies(task)

    def work() -> None:
        connection = http.client.HTTPConnection(task.address.removeprefix("http://"), timeout=60)
        for body in ready:
            connection.request("POST", "/engage", body)
            connection.getresponse().read()
        connection.close()

    return work


#: Name -> what makes the job.
JOBS: dict[str, Callable[[Task], Callable[[], object]]] = {
    job.__name__: job
    for job in (
        this_project,
        this_project_without_lists,
        official_sdk,
        utils_csv,
        utils_list,
        utils_file,
        sample_script,
        by_hand,
        pandas_to_arrow,
        pandas_to_polars,
        polars_json,
        polars_ndjson,
        push_requests,
        push_http_client,
    )
}

"""Dask frames: the cluster computes, this process sends, and a lost worker changes nothing."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

dask = pytest.importorskip("dask")
dd = pytest.importorskip("dask.dataframe")
distributed = pytest.importorskip("distributed")

import mixpanel_pandas as mpd
import mixpanel_pandas.dask
from mixpanel_pandas.reading.partitions import partitions

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS = 4_000
PARTITIONS = 8


@pytest.fixture(scope="module")
def cluster() -> Iterator[distributed.LocalCluster]:
    """Return two workers, each a process of its own, that are started again when they are killed."""
    with (
        dask.config.set(
            {
                "distributed.scheduler.allowed-failures": 10,
                "distributed.admin.large-graph-warning-threshold": "1GB",
            }
        ),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=60
        ) as running,
    ):
        yield running


@pytest.fixture
def client(cluster) -> Iterator[distributed.Client]:
    """Return the current client of the cluster."""
    with distributed.Client(cluster) as connected:
        connected.wait_for_workers(2)
        yield connected


def frame_of_counters() -> pd.DataFrame:
    """Return a frame of one counter for each id, and a text."""
    return pd.DataFrame(
        {
            "user_id": [f"u{row}" for row in range(ROWS)],
            "logins": 1,
            "plan": [["pro", "free"][row % 2] for row in range(ROWS)],
        }
    )


def state_of(emulator: mpd.Emulator) -> dict[str, object]:
    """Return the profiles of all ids."""
    return {f"u{row}": emulator.profile(f"u{row}") for row in range(ROWS)}


@pytest.mark.parametrize("scheduler", ["cluster", "threads"])
def test_the_profiles_are_those_of_pandas(emulator, request, scheduler):
    if scheduler == "cluster":
        request.getfixturevalue("client")
    frame = frame_of_counters()
    with mpd.Emulator() as other:
        frame.mixpanel.set("user_id", project=other.project)
        expected = state_of(other)
    summary = dd.from_pandas(frame, npartitions=PARTITIONS).mixpanel.set("user_id")
    assert summary["accepted"].sum() == ROWS
    assert state_of(emulator) == expected


def killing_itself(partition: pd.DataFrame, folder: str) -> pd.DataFrame:
    """Return a partition; the one that holds u1000 kills its worker when it is computed for the first time."""
    marker = Path(folder, "killed")
    if (partition["user_id"] == "u1000").any() and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return partition


def test_a_worker_killed_while_it_computes(emulator, client, tmp_path):
    frame = dd.from_pandas(frame_of_counters()[["user_id", "logins"]], npartitions=PARTITIONS)
    frame = frame.map_partitions(killing_itself, str(tmp_path), meta=frame)
    summary = frame.mixpanel.add("user_id")
    assert (tmp_path / "killed").exists()
    assert summary["accepted"].sum() == ROWS
    assert all(profile == {"logins": 1} for profile in state_of(emulator).values())


def test_a_worker_killed_after_it_has_finished(client):
    frame = dd.from_pandas(frame_of_counters(), npartitions=PARTITIONS)
    parts = partitions(frame)
    first = next(parts)
    distributed.wait([distributed.Future(key, client=client) for key in client.futures])
    for pid in client.run(os.getpid).values():
        os.kill(pid, signal.SIGKILL)
    whole = pd.concat([first, *parts])
    assert whole["user_id"].tolist() == frame_of_counters()["user_id"].tolist()


def test_work_that_partitions_share_is_done_once(client, tmp_path):
    def counting(partition: pd.DataFrame, folder: str) -> pd.DataFrame:
        with Path(folder, partition["user_id"].iloc[0]).open("a") as file:
            file.write("x")
        return partition

    frame = dd.from_pandas(frame_of_counters(), npartitions=PARTITIONS)
    frame = frame.map_partitions(counting, str(tmp_path), meta=frame).shuffle("plan", shuffle_method="tasks")
    assert sum(map(len, partitions(frame))) == ROWS
    assert [file.read_text() for file in tmp_path.iterdir()] == ["x"] * PARTITIONS


def test_nothing_is_sent_while_a_graph_is_built_shown_or_measured(emulator):
    frame = dd.from_pandas(frame_of_counters(), npartitions=PARTITIONS)
    repr(frame)
    repr(frame.mixpanel)
    len(frame)
    frame.head()
    assert emulator.requests == []


@pytest.mark.filterwarnings("ignore::mixpanel_pandas.errors.ProfileWarning")  # there is JSON in text
def test_lists_that_became_text_are_refused(emulator):
    frame = pd.DataFrame(
        {
            "user_id": ["ann", "bob"],
            "tags": [["x", "it's"], []],
            "note": ["[x] or not", "['no']"],
            "json": ['["a"]', "[1]"],
        }
    )
    with pytest.raises(mpd.OperationError, match=r"(?s)column 'tags' has .*convert-string") as raised:
        dd.from_pandas(frame, npartitions=2).mixpanel.set("user_id")
    assert "'note'" not in str(raised.value)
    assert "'json'" not in str(raised.value)
    assert emulator.requests == []
    with dask.config.set({"dataframe.convert-string": False}):
        dd.from_pandas(frame, npartitions=2).mixpanel.set("user_id")
    assert emulator.profile("ann")["tags"] == ["x", "it's"]


def test_partitions_without_values(emulator):
    frame = pd.DataFrame(
        {"user_id": ["a", "b", "c", "d"], "plan": [None, None, "pro", None], "n": [None, None, 1.5, 2]}
    )
    dd.from_pandas(frame, npartitions=4).mixpanel.set("user_id")
    assert emulator.profile("c") == {"plan": "pro", "n": 1.5}

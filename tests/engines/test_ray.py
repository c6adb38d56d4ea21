"""Ray computes, this process sends."""

from __future__ import annotations

import pandas as pd
import pytest

ray = pytest.importorskip("ray")
pytest.importorskip("ray.data")

import mixpanel_pandas as mpd

pytestmark = pytest.mark.filterwarnings("default")  # Ray's own


@pytest.fixture(scope="module")
def _running():
    """Run Ray on this machine."""
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
    yield
    ray.shutdown()


@pytest.mark.usefixtures("_running")
def test_a_dataset(emulator):
    frame = pd.DataFrame(
        {"user_id": [f"u{row}" for row in range(1_000)], "logins": 1, "tags": [["a", "b"]] * 1_000}
    )
    dataset = ray.data.from_pandas([frame[:600], frame[600:]]).map_batches(
        lambda table: table, batch_format="pyarrow"
    )
    summary = mpd.upload(dataset, "set", "user_id")
    assert summary["accepted"].sum() == 1_000
    assert emulator.profile("u999") == {"logins": 1, "tags": ["a", "b"]}

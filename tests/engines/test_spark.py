"""Spark writes Parquet, this process reads the folder and sends."""

from __future__ import annotations

import shutil

import pandas as pd
import pytest

pyspark = pytest.importorskip("pyspark")
if shutil.which("java") is None:
    pytest.skip("Spark needs Java", allow_module_level=True)

from pyspark.sql import SparkSession, functions

import mixpanel_pandas as mpd

pytestmark = pytest.mark.filterwarnings("default")  # Spark's own


@pytest.fixture(scope="module")
def spark():
    """Return Spark on this machine."""
    session = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    yield session
    session.stop()


def test_a_folder_of_parquet(emulator, spark, tmp_path):
    users = spark.range(1_000).select(
        functions.concat(functions.lit("u"), functions.col("id").cast("string")).alias("user_id"),
        functions.col("id").alias("score"),
        functions.array(functions.lit("a"), functions.lit("b")).alias("tags"),
        functions.when(functions.col("id") % 2 == 0, "007").otherwise("DE").alias("country"),
    )
    users.write.partitionBy("country").parquet(str(tmp_path / "users"))
    summary = mpd.upload(tmp_path / "users", "set", "user_id")
    assert summary["accepted"].sum() == 1_000
    assert emulator.profile("u2") == {
        "score": 2,
        "tags": ["a", "b"],
        "country": "007",
    }  # Hive's folders are text


def test_a_frame_as_arrow(emulator, spark):
    users = spark.createDataFrame(pd.DataFrame({"user_id": ["ann"], "score": [1]}))
    mpd.upload(users.toArrow(), "set", "user_id")
    assert emulator.profile("ann") == {"score": 1}

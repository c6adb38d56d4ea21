"""Code of a user, as mypy and pyright read it: what calls return. Nothing here runs; `poe types` checks it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any, assert_type

import pandas as pd

import mixpanel_pandas as mpd

if TYPE_CHECKING:
    import pandera.pandas as pandera


def the_accessor(df: pd.DataFrame) -> None:
    assert_type(mpd.accessor(df), mpd.MixpanelAccessor)
    assert_type(mpd.accessor(df).group("company"), mpd.GroupProfiles)
    df.mixpanel.set(
        "user_id", missing="null"
    )  # pandas registers it at run time: nothing is known of it, and nothing is wrong


def verbs(df: pd.DataFrame) -> None:
    users = mpd.accessor(df)
    assert_type(users.set("user_id"), pd.DataFrame)
    assert_type(users.set_once("user_id", ["plan"]), pd.DataFrame)
    assert_type(users.add("user_id", "credits"), pd.DataFrame)
    assert_type(users.union("user_id"), pd.DataFrame)
    assert_type(users.append("user_id"), pd.DataFrame)
    assert_type(users.remove("user_id"), pd.DataFrame)
    assert_type(users.unset("user_id", ["plan"]), pd.DataFrame)
    assert_type(users.delete("user_id"), pd.DataFrame)
    assert_type(users.update("user_id", {"plan": "set", "credits": "add"}), pd.DataFrame)
    assert_type(users.group("company").union("company"), pd.DataFrame)


def verbs_that_send_nothing(df: pd.DataFrame, summary: pd.DataFrame) -> None:
    users = mpd.accessor(df)
    assert_type(users.validate("set", "user_id"), pd.DataFrame)
    assert_type(users.payloads("set", "user_id"), "pd.Series[Any]")
    assert_type(users.preview("set", "user_id").summary, pd.DataFrame | None)
    assert_type(users.schema("set", "user_id"), "pandera.DataFrameSchema")
    assert_type(users.outcomes(summary), pd.DataFrame)
    assert_type(users.failures(summary), pd.DataFrame)
    assert_type(users.inventory(), pd.DataFrame)


def options(df: pd.DataFrame, schema: pandera.DataFrameSchema, project: mpd.Project) -> None:
    """Each form that an option takes."""
    users = mpd.accessor(df)
    users.set("user_id", rename="reserved", missing="unset", blank="missing", duplicates="merge")
    users.set("user_id", rename={"email": "$email"}, parse={"score": "number"}, na=["-"], trim=True)
    users.set("user_id", rename=str.lower, na="common", spread={"address": "address_"})
    users.set("user_id", spread=["address"], invalid="drop_row", schema=schema)
    users.set("user_id", invalid={"long_string": "truncate"}, ip="ip", latitude="lat", longitude="lon")
    users.set("user_id", updated_at="refresh", ignore_alias=True, known=["plan"], new_properties="raise")
    users.set("user_id", updated_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    users.set("user_id", project=project, batch_size=500, workers=2, requests_per_hour=1000, deadline=60.0)
    users.set("user_id", check=True, dry_run=True, progress=False)
    users.add("user_id", journal=Path("sent.journal"), run="monday", on_changed="remaining")
    users.add("user_id", journal="sent.journal", repeat=True)


def functions(df: pd.DataFrame) -> None:
    assert_type(mpd.frame("users.csv"), pd.DataFrame)
    assert_type(mpd.upload("users.csv", "set", "user_id", missing="null"), pd.DataFrame)
    mpd.upload(
        "users.csv", "set", "user_id", since="sent.parquet", mirror=True, at_most=5, backup=None, workers=2
    )
    mpd.upload(
        Path("users.csv"), "add", group="company", delimiter=";", names=["id", "n"], infer=False, run="monday"
    )
    mpd.upload(df, "delete", "user_id", at_most=5, backup="before.parquet", project=None)
    assert_type(mpd.read_profiles(), pd.DataFrame)
    assert_type(mpd.read_properties(), pd.DataFrame)
    assert_type(mpd.last_summary(), pd.DataFrame)
    assert_type(mpd.totals(df), pd.DataFrame)
    assert_type(mpd.read_journal("sent.journal").outcomes, pd.DataFrame)
    assert_type(mpd.__version__, str)


def plans(df: pd.DataFrame) -> tuple[mpd.Plan, mpd.Backup]:
    plan: mpd.Plan = mpd.accessor(df).plan("set", "user_id")
    assert_type(plan, mpd.Plan)
    assert_type(plan.save("plan.parquet"), mpd.Plan)
    assert_type(mpd.open_plan("plan.parquet"), mpd.Plan)
    assert_type(mpd.rename_property({"Plan": "plan"}), mpd.Plan)
    assert_type(mpd.open_backup("before.parquet"), mpd.Backup)
    assert_type(mpd.open_backup("before.parquet").plan(), mpd.Plan)
    assert_type(plan.cells, pd.DataFrame)
    assert_type(plan.apply(workers=2), pd.DataFrame)
    return plan, mpd.open_backup("before.parquet")


def projects(project: mpd.Project) -> None:
    assert_type(mpd.Project.from_env("eu"), mpd.Project)
    assert_type(project.check(), pd.DataFrame)
    assert_type(project.fingerprint, str)
    with mpd.set_project(project):
        pass
    with mpd.Emulator() as emulator:
        assert_type(emulator, mpd.Emulator)
        assert_type(emulator.project, mpd.Project)
        assert_type(emulator.profile("ann"), dict[str, Any] | None)


def errors(df: pd.DataFrame) -> None:
    """What the exceptions carry, and which builtin ones they are."""
    try:
        mpd.accessor(df).set("user_id")
    except mpd.ValidationError as error:
        assert_type(error.report, pd.DataFrame)
        assert_type(error.failure_cases, pd.DataFrame | None)
        a_value: ValueError = error
        raise a_value from None
    except mpd.AlreadySent as error:
        assert_type(error.summary, pd.DataFrame | None)
    except mpd.UploadError as error:
        assert_type(error.summary, pd.DataFrame)
    except mpd.BudgetSpent as error:
        assert_type(error.seconds, float | None)
    except mpd.UploadInterrupted as error:
        assert_type(error.summary, pd.DataFrame)
        a_stop: KeyboardInterrupt = error
        raise a_stop from None
    except mpd.MixpanelError:
        pass

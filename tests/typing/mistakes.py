"""Mistakes of a user that mypy and pyright see. Nothing here runs; `poe types` checks it.

Each line with a mistake says which error it is. Where a checker no longer sees it, the comment is in vain, which is an error, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mixpanel_pandas as mpd

if TYPE_CHECKING:
    import pandas as pd


def names_of_options(df: pd.DataFrame, anything: Any) -> None:
    users = mpd.accessor(df)
    users.set("user_id", misssing="null")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    users.unset("user_id", missing="null")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    users.set("user_id", repeated=True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    users.validate("set", "user_id", batch=500)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    users.set("user_id", ["plan"], anything)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def options_of_functions(df: pd.DataFrame, plan: mpd.Plan, summary: pd.DataFrame) -> None:
    mpd.upload("users.csv", "set", "user_id", misssing="null")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    mpd.upload("users.csv", "set", "user_id", missing="nul")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    mpd.upload("users.csv", "set", "user_id", decimal=";")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    plan.apply(repeat=True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    plan.apply(workers="2")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    mpd.accessor(df).verify(summary, renames={"a": "b"})  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    mpd.accessor(df).plan("set", "user_id", workers=2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def words_of_options(df: pd.DataFrame) -> None:
    users = mpd.accessor(df)
    users.set("user_id", missing="nul")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    users.set("user_id", invalid="drop")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    users.set("user_id", invalid={"long_string": "cut"})  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType]
    users.set("user_id", duplicates="first")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    users.set("user_id", on_changed="ignore")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def types_of_options(df: pd.DataFrame) -> None:
    users = mpd.accessor(df)
    users.set("user_id", batch_size="500")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    users.set("user_id", deadline="a minute")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    users.set("user_id", project="0123456789abcdef0123456789abcdef")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    users.set("user_id", schema={"age": int})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def what_is_not_there(df: pd.DataFrame, project: mpd.Project) -> None:
    mpd.accessor(df).upsert("user_id")  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    mpd.Project("0123456789abcdef0123456789abcdef", regions="eu")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    project.token = "fedcba9876543210fedcba9876543210"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def what_an_error_does_not_carry(error: mpd.ValidationError) -> pd.DataFrame:
    return error.summary  # type: ignore[attr-defined,no-any-return]  # pyright: ignore[reportAttributeAccessIssue]

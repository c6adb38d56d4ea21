"""`Project.check`: which parts of a project work."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from mixpanel_pandas.errors import AccessError, AccountError, QueryError, RegionError, SubscriptionError
from mixpanel_pandas.profiles.columns import profiles_as_batch
from mixpanel_pandas.profiles.pages import first_page
from mixpanel_pandas.profiles.query import Queries

if TYPE_CHECKING:
    from mixpanel_pandas.project import Project

__all__ = ["check_project"]

#: No profile has this id. Asking for it takes one query, whatever the project holds.
NOBODY = "mixpanel_pandas check: no such id"

#: What reading raises -> whether the account, the project and the region work. None: not known.
VERDICTS: dict[type[Exception], tuple[bool | None, bool | None, bool | None]] = {
    AccountError: (False, None, None),
    AccessError: (True, None, None),
    RegionError: (True, True, False),
    SubscriptionError: (True, True, True),
}

_TOKEN_WORDS = "Mixpanel does not verify tokens: compare it with Settings > Project Settings > Access Keys, or write one row and look for it"


def check_project(project: Project) -> pd.DataFrame:
    """Return what `Project.check` returns."""
    rows: list[tuple[str, bool | None, str]] = [("token", None, _TOKEN_WORDS)]
    error = _error_of_a_query(project)
    verdict = (True, True, True) if error is None else VERDICTS[type(error)]
    good = (
        f"the service account {project.username!r} may send queries",
        f"it may read project {project.project_id}",
        f"the project's data is in {project.place}",
    )
    parts = ("service account", "project", "region")
    for part, works, words in zip(parts, verdict, good, strict=True):
        rows.append((part, works, words if works else str(error)))
    if isinstance(error, SubscriptionError):
        rows.append(("plan", False, str(error)))
    if error is None:
        rows += [_group_row(project, key) for key in project.group_keys or {}]
    columns = [pa.array(column) for column in zip(*rows, strict=True)]
    checked: pd.DataFrame = pa.table(columns, names=["part", "works", "message"]).to_pandas(
        types_mapper=pd.ArrowDtype
    )
    return checked


def _error_of_a_query(project: Project) -> Any:
    """Return the error of a query about the access. None: it was answered."""
    try:
        _ask(project, {})
    except tuple(VERDICTS) as error:
        return error
    return None


def _group_row(project: Project, key: str) -> tuple[str, bool | None, str]:
    try:
        _ask(project, {"data_group_id": (project.group_keys or {})[key]})
    except QueryError as error:
        return f"group key {key}", False, str(error)
    return f"group key {key}", True, "its number can be queried"


def _ask(project: Project, form: dict[str, str]) -> None:
    with closing(Queries(project)) as queries:
        first_page(queries, {"distinct_id": NOBODY, "output_properties": "[]", **form}, profiles_as_batch)

"""`read_properties`: which properties the profiles of a project have."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from mixpanel_pandas.payloads.arrays import LARGE_STRING
from mixpanel_pandas.profiles.query import Queries, UnreadableAnswer
from mixpanel_pandas.profiles.selection import group_number
from mixpanel_pandas.project import current_project

if TYPE_CHECKING:
    from mixpanel_pandas.project import Project

__all__ = ["read_properties"]

_COLUMNS = {"name": LARGE_STRING, "type": LARGE_STRING, "count": pa.int64()}


def read_properties(group: str | None = None, *, project: Project | None = None) -> pd.DataFrame:
    """Return the properties that exist in Mixpanel, with their types and the number of profiles that have them.

    The call takes one of the 60 queries of an hour.

    Parameters
    ----------
    group : str, optional
        The group key, for the properties of groups. Its number must be in the ``group_keys`` of the `Project`.
    project : Project, optional
        The project, with a service account. By default that of `set_project`, else that of the environment.

    Returns
    -------
    pandas.DataFrame
        A row for each property, the most frequent first: ``name``, ``type`` as Mixpanel calls it, such as ``string``, and
        ``count``. A property may have another type on single profiles.

    Raises
    ------
    ReadError
        As `read_profiles` raises it.
    OperationError
        If the number of the group key is not known.

    Notes
    -----
    Mixpanel's own clients use this endpoint, but its pages do not document it.

    Examples
    --------
    >>> customers = pd.DataFrame({"id": ["ann", "bob"], "plan": ["pro", "free"], "credits": [7, None]})
    >>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
    ...     summary = customers.mixpanel.set("id", updated_at="keep")
    ...     mpd.read_properties()
          name    type  count
    0     plan  string      2
    1  credits  number      1
    """
    chosen = current_project(project)
    fields = {} if group is None else {"data_group_id": group_number(chosen, group)}
    with closing(Queries(chosen)) as queries:
        rows = queries.ask("/engage/properties", _rows, what="the list of properties", fields=fields)
    rows.sort(key=lambda row: -row[2])
    columns = [pa.array([row[place] for row in rows], arrow) for place, arrow in enumerate(_COLUMNS.values())]
    frame: pd.DataFrame = pa.table(columns, names=list(_COLUMNS)).to_pandas(types_mapper=pd.ArrowDtype)
    return frame


def _rows(answer: Any) -> list[tuple[str, str, int]]:
    results = answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(results, dict) or not all(map(_is_property, results.values())):
        msg = "it has no properties"
        raise UnreadableAnswer(msg)
    return [(name, row["type"], row["count"]) for name, row in results.items()]


def _is_property(row: Any) -> bool:
    return isinstance(row, dict) and isinstance(row.get("type"), str) and type(row.get("count")) is int

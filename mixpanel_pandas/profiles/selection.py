"""Which profiles a call asks for, as the forms that the Query API takes."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from mixpanel_pandas.errors import OperationError, OptionError, choices, did_you_mean
from mixpanel_pandas.profiles.query import QUERIES_PER_HOUR

if TYPE_CHECKING:
    from mixpanel_pandas.project import Project

__all__ = ["Selection", "defined", "group_number", "select"]

#: Ids of one query: as many as profiles on a page, so that a query of them is one request. Mixpanel documents no limit.
IDS_AT_ONCE = 1000


@dataclass(frozen=True)
class Selection:
    """The profiles and properties that a call asks for.

    Attributes
    ----------
    forms : tuple of dict
        One for each query, without session and page.
    properties : list of str or None
        The columns. None: whatever there is.
    index_name : str
        The name of the index.
    ids : int or None
        How many ids the call names, if it does.
    """

    forms: tuple[dict[str, str], ...]
    properties: list[str] | None
    index_name: str
    ids: int | None = None

    @property
    def where(self) -> str | None:
        """The condition of all queries."""
        return self.forms[0].get("where") if self.forms else None

    @property
    def is_whole(self) -> bool:
        """Whether it asks for all profiles."""
        return len(self.forms) == 1 and not {"where", "distinct_ids", "filter_by_cohort"} & set(self.forms[0])

    def most(self, query: int) -> float:
        """Return how many profiles a query can have: no more than the ids that it names."""
        return math.inf if self.ids is None else min(IDS_AT_ONCE, self.ids - query * IDS_AT_ONCE)


def select(
    project: Project, where: Any, ids: Any, cohort: Any, having: Any, properties: Any, group: Any
) -> Selection:
    """Return what a call of `read_profiles` asks for.

    Raises
    ------
    OperationError
        If the arguments exclude each other or are wrong.
    """
    chosen = [
        name for name, value in (("where", where), ("ids", ids), ("cohort", cohort)) if value is not None
    ]
    if len(chosen) > 1:
        msg = f"{' and '.join(f'{name}=' for name in chosen)} exclude each other: name one of them"
        raise OptionError(msg)
    columns = None if properties is None else _texts("properties", properties)
    form = {}
    if condition := _condition(where, having):
        form["where"] = condition
    if group is not None:
        form["data_group_id"] = group_number(project, group)
    if cohort is not None:
        if isinstance(cohort, bool) or not re.fullmatch("[0-9]{1,18}", str(cohort), re.ASCII):
            msg = f"cohort={cohort!r} is not the number of a cohort: it is in the address of the cohort in Mixpanel"
            raise OptionError(msg)
        # as documented, members without a profile are answered, too, unless the query says otherwise
        form |= {"filter_by_cohort": f'{{"id":{int(cohort)}}}', "include_all_users": "false"}
    if columns is not None:
        form["output_properties"] = orjson.dumps(columns).decode()
    name = "$distinct_id" if group is None else str(group)
    if ids is None:
        return Selection((form,), columns, name)
    texts = list(dict.fromkeys(_texts("ids", ids)))
    forms = tuple(
        {**form, "distinct_ids": orjson.dumps(texts[start : start + IDS_AT_ONCE]).decode()}
        for start in range(0, len(texts), IDS_AT_ONCE)
    )
    if len(forms) > QUERIES_PER_HOUR:
        msg = (
            f"{len(texts):,} ids take {len(forms):,} queries, and Mixpanel answers {QUERIES_PER_HOUR} an hour: read all profiles, "
            "or those of a condition with where=, which is a single query, and choose the ids from them"
        )
        raise OptionError(msg)
    return Selection(forms, columns, name, len(texts))


def group_number(project: Project, group: Any) -> str:
    """Return the number of a group key in the Query API.

    Raises
    ------
    OperationError
        If the project does not know it.
    """
    keys = project.group_keys or {}
    if not isinstance(group, str) or group not in keys:
        msg = (
            f"the number of group key {group!r} is not known: {did_you_mean(group, keys)}; pass "
            f"mpd.Project(..., group_keys={{{group!r}: '...'}}) or set MIXPANEL_GROUP_KEYS (Mixpanel: Settings > Project Settings > "
            "Group Keys)"
        )
        raise OperationError(msg)
    return keys[group]


def _condition(where: Any, having: Any) -> str | None:
    """Return the condition of `where` and `having` together."""
    for name, text, example in (
        ("where", where, 'write a condition such as \'properties["plan"] == "pro"\''),
        ("having", having, "name a property"),
    ):
        if text is not None and (not isinstance(text, str) or not text.strip()):
            msg = f"{name}={text!r} is not text: {example}"
            raise OptionError(msg)
    if having is None:
        return None if where is None else str(where)
    return defined(having) if where is None else f"({where}) and {defined(having)}"


def defined(name: str) -> str:
    """Return the condition that a profile has a property. A property that is null is not defined."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'defined(properties["{escaped}"])'


def _texts(name: str, values: Any) -> list[str]:
    """Return names or ids as a list of texts. Whole numbers become text."""
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        msg = f"{name}={values!r} is not a list: pass {name}=[{values!r}]"
        raise OptionError(msg)
    items = list(values)
    wrong = [item for item in items if not _is_text(item)]
    if wrong:
        msg = f"{name} must be texts or whole numbers, not {choices(wrong, most=3)}"
        raise OptionError(msg)
    return [str(item) for item in items]


def _is_text(item: Any) -> bool:
    return isinstance(item, str | int | np.integer) and not isinstance(item, bool) and item != ""

"""Write an `Operation` as the line of Python that runs it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from mixpanel_pandas.rules.operation import Operation

__all__ = ["line_of"]

#: Option whose value has no literal -> the name that stands for the value.
NAMED = {"schema": "schema", "project": "project"}


def line_of(operation: Operation, frame: str = "df") -> str:
    """Return the line that runs `operation` on the frame of that name.

    Where an option holds a schema or a project, the names ``schema`` and ``project`` stand for them.

    Examples
    --------
    >>> from mixpanel_pandas.rules.operation import operation
    >>> line_of(operation("set", "user_id", ["plan"], "company", {"missing": "null"}))
    "df.mixpanel.group('company').set('user_id', ['plan'], missing='null')"
    """
    group = f".group({literal(operation.group)})" if operation.group is not None else ""
    return f"{frame}.mixpanel{group}.{operation.verb}({', '.join(_arguments(operation))})"


def _arguments(operation: Operation) -> list[str]:
    arguments: list[str] = []
    properties: Any = operation.verbs or operation.properties
    if operation.id is not None:
        arguments.append(literal(operation.id))
    if properties is not None:
        value = literal(dict(properties) if operation.verbs else list(properties))
        arguments.append(value if arguments else f"properties={value}")
    return arguments + [f"{name}={_option(name, value)}" for name, value in operation.named.items()]


def _option(name: str, value: Any) -> str:
    return NAMED[name] if name in NAMED and value is not None else literal(value)


def literal(value: Any) -> str:
    """Return an expression for a label or an option, with ``pd`` for pandas.

    >>> literal([1, "a", pd.Timestamp("2024-01-01"), float("nan")])
    "[1, 'a', pd.Timestamp('2024-01-01 00:00:00'), float('nan')]"
    """
    if isinstance(value, dict | Mapping):
        return f"{{{', '.join(f'{literal(key)}: {literal(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(literal, value))}{',' * (len(value) == 1)})"
    if isinstance(value, np.datetime64 | np.timedelta64 | dt.datetime):
        value = pd.Timedelta(value) if isinstance(value, np.timedelta64) else pd.Timestamp(value)
    if value is pd.NaT or value is pd.NA:
        return f"pd.{value!r}" if value is pd.NaT else "pd.NA"
    if isinstance(value, pd.Timestamp | pd.Timedelta | pd.Period | pd.Interval):
        return f"pd.{value!r}"
    if isinstance(value, dt.date):
        return f"pd.Timestamp({value.isoformat()!r}).date()"
    if isinstance(value, PathLike):
        value = fspath(value)
    if isinstance(value, np.generic):
        value = value.item()
    return f"float({str(value)!r})" if isinstance(value, float) and not np.isfinite(value) else repr(value)

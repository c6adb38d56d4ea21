"""Calls as text: an `Operation` -> the code that runs it, or that shows its findings; an option -> its text."""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Mapping
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mixpanel_pandas.rules.known import KnownProperties
from mixpanel_pandas.rules.options import taken_by
from mixpanel_pandas.text import Length, repr_of, shortened

if TYPE_CHECKING:
    from collections.abc import Hashable

    from mixpanel_pandas.rules.operation import Operation

__all__ = ["frame_of", "line_of", "literal", "option_in_words", "preview_of", "validation_of"]

#: Option whose value has no literal -> the name that stands for the value.
NAMED = {"schema": "schema", "known": "known", "project": "project"}


def line_of(operation: Operation, frame: str = "df") -> str:
    """Return the code that runs `operation` on the frame of that name.

    Where an option holds a schema, a frame or a project, the names ``schema``, ``known`` and ``project`` stand for them.

    Examples
    --------
    >>> from mixpanel_pandas.rules.operation import operation
    >>> line_of(operation("set", "user_id", ["plan"], "company", {"missing": "null"}))
    "df.mixpanel.group('company').set('user_id', ['plan'], missing='null')"
    """
    return f"{_accessor(operation, frame)}.{operation.verb}({', '.join(_arguments(operation))})"


def preview_of(operation: Operation, frame: str = "df", *, save_values: bool = False) -> str:
    """Return the code that opens the preview of `operation`.

    Examples
    --------
    >>> from mixpanel_pandas.rules.operation import operation
    >>> preview_of(operation("set", "user_id", ["plan"], None, {"missing": "null"}))
    "df.mixpanel.preview('set', 'user_id', ['plan'], missing='null')"
    """
    saves = ["save_values=True"] if save_values else []
    arguments = [literal(operation.verb), *_arguments(operation), *saves]
    return f"{_accessor(operation, frame)}.preview({', '.join(arguments)})"


def _arguments(operation: Operation) -> list[str]:
    """Return the arguments of a call of the verb."""
    arguments = [] if operation.id is None else [literal(operation.id)]
    arguments += _properties(operation, named=operation.id is None)
    return [*arguments, *(_option(name, value) for name, value in operation.named.items())]


def validation_of(operation: Operation, id: Hashable, longest: int, frame: str = "df") -> str:
    """Return the code that shows what is wrong with the frame.

    Parameters
    ----------
    id : hashable
        Column of the ids, also where the operation names none.
    longest : int
        Characters that the arguments, and the group key, take at most; of more the beginning is shown.

    Examples
    --------
    >>> from mixpanel_pandas.rules.operation import operation
    >>> validation_of(operation("set", None, ["plan"], None, {"workers": 2, "missing": "null"}), "user_id", 100)
    "df.mixpanel.validate('set', 'user_id', ['plan'], missing='null')"
    """
    required = [literal(operation.verb), literal(id)]
    taken = {option.name for option in taken_by(operation.verb, sending=False)}
    if operation.removes:  # whether there is a backup depends on the project
        taken.add("project")
    options = [_option(name, value) for name, value in operation.named.items() if name in taken]
    texts = (
        ", ".join([*required, *_properties(operation), *options]),
        ", ".join([*required, "..."]),
    )
    text = next((text for text in texts if len(text) <= longest), "...")
    return f"{_accessor(operation, frame, longest)}.validate({text})"


def frame_of(names: list[str], options: Mapping[str, Any], longest: int) -> str:
    """Return the code that reads a source.

    Parameters
    ----------
    names : list of str
        Its paths and addresses. A source without them is ``source``.
    options : mapping
        Options of `frame`.
    longest : int
        Characters that the arguments take at most; of more, dots are shown.

    Examples
    --------
    >>> frame_of(["users.csv"], {"id": "user_id"}, 100), frame_of([], {}, 100)
    ("mpd.frame('users.csv', id='user_id')", 'mpd.frame(source)')
    """
    source = literal(names[0] if len(names) == 1 else names) if names else "source"
    text = ", ".join([source, *(_option(name, value) for name, value in options.items())])
    return f"mpd.frame({text if len(text) <= longest else '...'})"


def _accessor(operation: Operation, frame: str, longest: int | None = None) -> str:
    if operation.group is None:
        return f"{frame}.mixpanel"
    group = literal(operation.group)
    return f"{frame}.mixpanel.group({shortened(group, longest) if longest else group})"


def _properties(operation: Operation, *, named: bool = False) -> list[str]:
    """Return the argument that names the properties; none where the call leaves it out."""
    if operation.verbs is None and operation.properties is None:
        return []
    text = literal(dict(operation.verbs) if operation.verbs else list(operation.properties or ()))
    return [f"properties={text}" if named else text]


def option_in_words(name: str, value: Any) -> str:
    """Return an option as a message names it. The command line translates it.

    Examples
    --------
    >>> option_in_words("parse", {"amount": "number:1,234.5"})
    "parse={'amount': 'number:1,234.5'}"
    """
    return shortened(f"{name}={literal(value)}", Length.SENTENCE)


def _option(name: str, value: Any) -> str:
    if isinstance(value, KnownProperties):
        value = value.source
    text = literal(value) if name not in NAMED or _has_literal(value) else NAMED[name]
    return f"{name}={text}"


def _has_literal(value: Any) -> bool:
    return value is None or isinstance(
        value, bool | str | PathLike | list | tuple | set | frozenset | Mapping
    )


def literal(value: Any) -> str:
    """Return an expression for a label or an option, with ``pd`` for pandas.

    >>> literal([1, "a", pd.Timestamp("2024-01-01"), float("nan")])
    "[1, 'a', pd.Timestamp('2024-01-01 00:00:00'), float('nan')]"
    """
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{literal(key)}: {literal(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(literal, value))}{',' if len(value) == 1 else ''})"
    if value is pd.NA:
        return "pd.NA"
    if isinstance(value, np.timedelta64):
        value = pd.Timedelta(value)
    if isinstance(value, np.datetime64 | dt.datetime):
        value = pd.Timestamp(value)
    if value is pd.NaT or isinstance(value, pd.Timestamp | pd.Timedelta | pd.Period | pd.Interval):
        return f"pd.{value!r}"
    if isinstance(value, dt.date):
        return f"pd.Timestamp({value.isoformat()!r}).date()"
    if isinstance(value, PathLike):
        value = fspath(value)
    if isinstance(value, ipaddress.IPv4Address | ipaddress.IPv6Address):
        value = str(value)
    if isinstance(value, np.generic):
        value = value.item()
    return f"float({str(value)!r})" if isinstance(value, float) and not np.isfinite(value) else repr_of(value)

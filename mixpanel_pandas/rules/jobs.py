"""Jobs: a call on a source as TOML text, which ``mixpanel-pandas run`` reads and a team reviews.

A key of a job is an option of the command line without its dashes, beside ``source`` and ``verb``.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
from collections.abc import Iterable, Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mixpanel_pandas.errors import OperationError
from mixpanel_pandas.rules.known import KnownProperties
from mixpanel_pandas.text import is_text, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mixpanel_pandas.rules.operation import Operation

__all__ = ["is_local", "job_of", "job_text", "option_key", "path_in_job"]

#: A key of TOML that needs no quotes.
_BARE = re.compile(r"[A-Za-z0-9_-]+")

#: Options that concern a single call, so that a job has none of them.
_OF_ONE_CALL = ("project", "progress", "repeat", "dry_run")

#: Options whose text is the path of a file.
_PATHS = ("journal", "known", "backup")

#: What the first lines of a job say.
_PREAMBLE = """\
# A job of mixpanel-pandas: `mixpanel-pandas run {name}` runs it. {place}
# Each key is an option of the command line: `mixpanel-pandas {verb} --help` describes them. {infer}
"""


def option_key(option: str) -> str:
    """Return the key of a job, or the option of the command line without its dashes, for an option of Python.

    >>> option_key("requests_per_hour")
    'requests-per-hour'
    """
    return option.replace("_", "-")


def is_local(name: str) -> bool:
    """Return whether a name is a path, and neither an address nor standard input or output."""
    return name != "-" and "://" not in name


def path_in_job(name: str | PathLike[str], job: str | PathLike[str]) -> str:
    """Return a name as it is written in a job: a relative path is relative to the folder of the job.

    Parameters
    ----------
    name : path
        A path, relative to the working folder or absolute, or an address.
    job : path
        Where the job will be.

    Examples
    --------
    >>> path_in_job("users.csv", "jobs/users.toml"), path_in_job("/srv/users.csv", "jobs/users.toml")
    ('../users.csv', '/srv/users.csv')
    """
    text = fspath(name)
    text = fspath(Path(text).expanduser()) if text.startswith("~") else text
    is_relative = is_local(text) and not Path(text).is_absolute()
    return os.path.relpath(text, Path(job).parent) if is_relative else text


def job_of(
    operation: Operation, source: str | Sequence[str], path: str | PathLike[str] = "job.toml"
) -> dict[str, Any]:
    """Return the job that runs `operation` on `source`.

    The project is not part of it: a job is read by many, and a token is not for all of them. Neither is what concerns a single call: the
    options dry_run, progress and repeat.

    Parameters
    ----------
    operation : Operation
        The call. Its options that are not at their default become keys of the job.
    source : str or sequence of str
        Path, pattern or address of the table, or several of them.
    path : path
        Where the job will be. Relative paths become relative to its folder.

    Returns
    -------
    dict
        Key -> value, in the order in which `job_text` writes them.

    Examples
    --------
    >>> from mixpanel_pandas.rules.operation import operation
    >>> job_of(operation("set", "user_id", ["plan"], None, {"requests_per_hour": 900}), "users.csv")
    {'source': 'users.csv', 'verb': 'set', 'id': 'user_id', 'property': ['plan'], 'requests-per-hour': 900}
    """
    properties = dict(operation.verbs) if operation.verbs else operation.properties
    sources = [path_in_job(name, path) for name in ([source] if isinstance(source, str) else source)]
    of_call = {
        "source": sources if len(sources) > 1 else sources[0],
        "verb": operation.verb,
        "id": operation.id,
        "group": operation.group,
        "property": list(properties) if isinstance(properties, tuple) else properties,
    }
    options = {
        option_key(name): _option_in_job(name, value, path)
        for name, value in operation.named.items()
        if name not in _OF_ONE_CALL
    }
    return {key: value for key, value in of_call.items() if value is not None} | options


def _option_in_job(name: str, value: Any, job: str | PathLike[str]) -> Any:
    """Return the value of an option as it is written in a job."""
    if isinstance(value, KnownProperties):
        value = value.source
    if value is None:
        return False  # TOML has no None: the option is turned off, as by --no-backup
    return path_in_job(value, job) if name in _PATHS and isinstance(value, str | PathLike) else value


def job_text(job: Mapping[str, Any], name: str = "job.toml") -> str:
    r"""Return a job as TOML text.

    Parameters
    ----------
    job : mapping
        Key -> value: text, a number, a bool, a date, a list of text, or a mapping from text to text or to such a mapping.
    name : str
        The name of the file, for the comment at the top.

    Raises
    ------
    OperationError
        If a value has no form in TOML, such as a function or a label that is not text.

    Examples
    --------
    >>> print(job_text({"source": "users.csv", "verb": "set", "na": ["-"], "parse": {"amount": "number"}}))
    # A job of mixpanel-pandas: `mixpanel-pandas run job.toml` runs it. The project comes from the environment.
    # Each key is an option of the command line: `mixpanel-pandas set --help` describes them. No types are inferred.
    <BLANKLINE>
    source = "users.csv"
    verb = "set"
    na = ["-"]
    <BLANKLINE>
    [parse]
    amount = "number"
    <BLANKLINE>
    """
    tables = {key: value for key, value in job.items() if isinstance(value, Mapping)}
    lines = [f"{_key(key)} = {_value(key, value)}" for key, value in job.items() if key not in tables]
    for key, table in tables.items():
        lines += [
            "",
            f"[{_key(key)}]",
            *(f"{_key(inner)} = {_value(key, value)}" for inner, value in table.items()),
        ]
    preamble = _PREAMBLE.format(
        name=json.dumps(name)[1:-1],
        verb=job.get("verb", "set"),
        place=_place_in_words(job),
        infer="Types are inferred." if job.get("infer") else "No types are inferred.",
    )
    return "\n".join([preamble, *lines, ""])


def _place_in_words(job: Mapping[str, Any]) -> str:
    if job.get("emulator"):
        return "It writes to an emulator until you remove `emulator`."
    return "The project comes from the " + (
        "file that `project` names." if "project" in job else "environment."
    )


def _key(key: Any) -> str:
    if not isinstance(key, str):
        msg = f"{quoted(key)} is not text, so a job cannot contain it: rename the column"
        raise OperationError(msg)
    return key if _BARE.fullmatch(key) else _value(key, key)


def _value(key: str, value: Any) -> str:
    """Return a value as TOML writes it."""
    if isinstance(value, PathLike):
        value = fspath(value)
    if isinstance(value, np.floating | np.integer):
        value = value.item()
    if isinstance(value, str) and is_text(value):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, dt.datetime | dt.date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{_key(inner)} = {_value(key, item)}' for inner, item in value.items())} }}"
    if isinstance(value, Iterable) and not isinstance(value, str | bytes) and not hasattr(value, "columns"):
        return f"[{', '.join(_value(key, item) for item in value)}]"
    msg = f"a job cannot contain {key}={quoted(value)}, only text, numbers, dates and lists"
    raise OperationError(msg)

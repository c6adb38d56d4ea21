"""Calls of the command line: what is typed and what a job says become one `Call`, and a call becomes a job."""

from __future__ import annotations

import datetime as dt
import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixpanel_pandas.cli.option import value_in_job, value_of_words
from mixpanel_pandas.cli.options import EVERY_OPTION, options_of_verb
from mixpanel_pandas.errors import OperationError, did_you_mean
from mixpanel_pandas.rules.jobs import is_local, path_in_job
from mixpanel_pandas.rules.operators import OPERATORS
from mixpanel_pandas.text import Length, quoted, shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mixpanel_pandas.cli.option import CommandOption

__all__ = ["VERBS", "Call", "call_of", "job_of_call", "named_run", "verb_of_job"]

VERBS = (*OPERATORS, "update")

#: Keys of a job that are no options.
_SOURCE_AND_VERB = ("source", "verb")

#: Options that belong to one call, so that a saved job leaves them out.
_OF_ONE_CALL = ("job", "save_job", "token", "dry_run", "infer")

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True)
class Call:
    """A call of a verb on the command line.

    Attributes
    ----------
    verb : str
        The verb.
    sources : list of str
        Paths, patterns or addresses; ``-`` is standard input.
    values : dict
        Option -> value, as Python takes it. Options that nobody names are left out.
    """

    verb: str
    sources: list[str]
    values: dict[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.values.get(name)

    def of(self, names: Iterable[str]) -> dict[str, Any]:
        """Return the values of some options, as keywords. What is turned off is None in Python."""
        named = {name: self.values[name] for name in names if name in self.values}
        return {
            name: None if value is False and EVERY_OPTION[name].off else value
            for name, value in named.items()
        }


def call_of(
    verb: str, rows: Sequence[CommandOption], typed: Mapping[str, Any], sources: Sequence[str]
) -> Call:
    """Return what is typed and what the job says as one call. What is typed wins; pairs of both are kept.

    Parameters
    ----------
    rows : sequence of CommandOption
        The options of the command.
    typed : mapping
        Option -> what is typed; None or an empty tuple where nothing is.

    Raises
    ------
    OperationError
        If the job cannot be read or meant, or no source is named.
    """
    by_name = {row.name: row for row in rows}
    typed = _with_those_turned_off(rows, typed)
    values = {
        name: value_of_words(by_name[name], value) for name, value in typed.items() if value not in (None, ())
    }
    path = values.get("job")
    job_sources, job = _of_job(Path(path), verb, rows) if path else ([], {})
    for name, value in values.items():
        former = job.get(name)
        job[name] = {**former, **value} if isinstance(former, dict) and isinstance(value, dict) else value
    if not (names := list(sources) or job_sources):
        in_job = f", or write source = ... in {_name(path)}" if path else ""
        msg = f"name a table to read, such as users.csv{in_job}"
        raise OperationError(msg)
    return Call(verb, names, job)


def _with_those_turned_off(rows: Sequence[CommandOption], typed: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is typed, with False for the options that ``--no-...`` turns off.

    Raises
    ------
    OperationError
        If one of them is given as well.
    """
    values = dict(typed)
    for row in rows:
        if row.off and values.pop(row.off_name, None):
            if values.get(row.name) is not None:
                msg = f"--{row.key} and --no-{row.key} exclude each other"
                raise OperationError(msg)
            values[row.name] = False
    return values


def verb_of_job(path: str) -> str:
    """Return the verb that a job names.

    Raises
    ------
    OperationError
        If the job cannot be read, or names none.
    """
    verb = _read(Path(path)).get("verb")
    if verb not in VERBS:
        hint = (
            did_you_mean(verb, VERBS) if isinstance(verb, str) else 'write verb = "set" or another verb in it'
        )
        msg = f"{_name(path)}: {'no verb' if verb is None else f'no verb {quoted(verb)}'}: {hint}"
        raise OperationError(msg)
    return str(verb)


def _read(path: Path) -> dict[str, Any]:
    """Return the keys and values of a job, without a key that no job has."""
    try:
        job = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        msg = f"{_name(path)} cannot be read as a job: {shortened(reason, Length.SENTENCE)}"
        raise OperationError(msg) from error
    if "token" in job:
        msg = f"{_name(path)} contains a token, and many people read a job: set MIXPANEL_TOKEN, or write project = ... with the path of a file"
        raise OperationError(msg)
    keys = [*_SOURCE_AND_VERB, *(row.key for row in EVERY_OPTION.values() if row.in_job)]
    if unknown := [key for key in job if key not in keys]:
        hints = "; ".join(f"no key {quoted(key)}: {did_you_mean(key, keys)}" for key in unknown)
        msg = f"{_name(path)}: {hints}"
        raise OperationError(msg)
    return job


def _of_job(path: Path, verb: str, rows: Sequence[CommandOption]) -> tuple[list[str], dict[str, Any]]:
    """Return the sources of a job, and its options that the command has."""
    job = _read(path)
    if job.get("verb", verb) != verb:
        msg = f"{_name(path)} is a job of {quoted(job['verb'])}, not of {quoted(verb)}: `mixpanel-pandas run` runs it"
        raise OperationError(msg)
    of_verb = {row.key for row in options_of_verb(verb)}
    if foreign := [key for key in job if key not in of_verb and key not in _SOURCE_AND_VERB]:
        msg = f"{_name(path)}: {verb} has no {', '.join(foreign)}"
        raise OperationError(msg)
    values: dict[str, Any] = {"infer": False}
    for row in rows:
        if row.key in job:
            try:
                value = value_in_job(row, job[row.key])
            except ValueError as error:
                msg = f"{_name(path)}: {error}"
                raise OperationError(msg) from error
            values[row.name] = _beside(path, value) if row.is_path and isinstance(value, str) else value
    sources = job.get("source", [])
    sources = [sources] if isinstance(sources, str) else sources
    if not isinstance(sources, list) or not all(isinstance(source, str) for source in sources):
        msg = f"{_name(path)}: source takes text or a list of texts, not {quoted(sources)}"
        raise OperationError(msg)
    return [_beside(path, source) for source in sources], values


def _name(path: str | Path) -> str:
    return shortened(path, Length.SENTENCE)


def _beside(job: Path, name: str) -> str:
    """Return a name that is written in a job: a relative path is relative to the folder of the job."""
    return os.path.normpath(job.parent / name) if is_local(name) else name


def job_of_call(call: Call, path: Path) -> dict[str, Any]:
    """Return the job that runs a call, to be written to `path`.

    Parameters
    ----------
    path : Path
        Where the job will be. Relative paths become relative to its folder.
    """
    rows = {row.name: row for row in options_of_verb(call.verb)}
    options = {
        rows[name].key: path_in_job(value, path) if rows[name].is_path and isinstance(value, str) else value
        for name, value in call.values.items()
        if name in rows and name not in _OF_ONE_CALL
    }
    sources = [path_in_job(source, path) for source in call.sources]
    return {"source": sources if len(sources) > 1 else sources[0], "verb": call.verb, **options}


def named_run(name: str, now: dt.datetime) -> str:
    """Return the name of a run with its placeholders filled in.

    ``{date}`` is the day where this machine is, as a daily timer counts it. ``{hour}`` is the hour in UTC with its day, so that no
    hour has the name of another one, also where clocks are put back.

    Parameters
    ----------
    now : datetime.datetime
        The time, with a time zone.

    Raises
    ------
    OperationError
        If there is no such placeholder.

    Examples
    --------
    >>> named_run("users-{date}", dt.datetime(2026, 11, 21, 23, 30, tzinfo=dt.UTC))
    'users-2026-11-21'
    >>> named_run("users-{hour}", dt.datetime(2026, 11, 21, 23, 30, tzinfo=dt.UTC))
    'users-2026-11-21T23Z'
    """
    values = {"date": f"{now:%Y-%m-%d}", "hour": f"{now.astimezone(dt.UTC):%Y-%m-%dT%HZ}"}
    if unknown := [word for word in _PLACEHOLDER.findall(name) if word not in values]:
        msg = f"--run {quoted(name)}: {{{unknown[0]}}} has no meaning: {did_you_mean(unknown[0], values)}"
        raise OperationError(msg)
    return _PLACEHOLDER.sub(lambda match: values[match[1]], name)

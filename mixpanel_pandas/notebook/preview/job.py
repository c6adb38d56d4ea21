"""The job of a preview: its operation on the source that the frame came from, for ``mixpanel-pandas run``."""

from __future__ import annotations

import ast
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixpanel_pandas.errors import OperationError
from mixpanel_pandas.reading.sources import source_names
from mixpanel_pandas.rules.jobs import job_of, job_text, option_key
from mixpanel_pandas.rules.options import taken_by
from mixpanel_pandas.text import Length, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from mixpanel_pandas.notebook.preview.state import State

__all__ = ["has_source", "write_job"]

#: Options that can name a column, which is then no property.
COLUMN_OPTIONS = ("ip", "latitude", "longitude", "updated_at")


def has_source(frame: pd.DataFrame) -> bool:
    """Return whether a frame tells which files it was read from, as one from `frame` does."""
    return bool(frame.attrs.get("source"))


def write_job(
    state: State,
    path: str | PathLike[str],
    source: str | PathLike[str] | Sequence[str | PathLike[str]] | None = None,
) -> None:
    """Write the job that runs an operation on the source of its frame.

    Parameters
    ----------
    state : State
        The operation and the frame, whose ``attrs`` tell the source, how its content was read, and the readings.
    path : path
        Where the job will be.
    source : path, or list of paths, optional
        The source, if it is not that of the frame.

    Raises
    ------
    OperationError
        If no source is known, an option has no form in a job, or the file cannot be written.
    """
    if state.asks:
        msg = "which column holds the ids? A job names it"
        raise OperationError(msg)
    names = source_names(state.frame.attrs.get("source") if source is None else source)
    if not names:
        msg = (
            "the frame does not tell which file it came from, as one from mpd.frame does: "
            f"name it, as in save_job({quoted(fspath(path))}, source='users.csv')"
        )
        raise OperationError(msg)
    job = job_of(state.operation, names, path) | _reading(state)
    try:
        Path(path).write_text(job_text(job, Path(path).name), encoding="utf-8")
    except OSError as error:
        msg = f"{quoted(fspath(path), Length.SENTENCE)} cannot be written: {error.strerror}"
        raise OperationError(msg) from error


def _reading(state: State) -> dict[str, Any]:
    """Return the keys of a job by which it reads its source as the frame was read: a job infers nothing."""
    named, attrs = state.operation.named, state.frame.attrs
    takes = {option.name for option in taken_by(state.operation.verb)}
    options = dict(attrs.get("source_options", {}))
    if "na" in options:
        options["na"] = list(dict.fromkeys([*_texts(options["na"]), *_texts(named.get("na", ()))]))
    line = attrs.get("parse", "parse={}").removeprefix("parse=")
    of_options = [getattr(state.operation.options, name) for name in COLUMN_OPTIONS]
    labels = {
        *(column.label for column in state.layout.columns),
        *of_options,
    }  # no reading of ids: they are text
    used = {label: how for label, how in ast.literal_eval(line).items() if label in labels}
    if parse := used | dict(named.get("parse") or {}):
        options["parse"] = parse
    of_verbs = {"na", "trim", "parse"}
    return {
        option_key(name): value for name, value in options.items() if name in takes or name not in of_verbs
    }


def _texts(na: str | Sequence[str]) -> Sequence[str]:
    return [na] if isinstance(na, str) else na

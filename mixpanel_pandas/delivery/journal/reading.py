"""Reading a journal after its upload, and settling rows in doubt."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mixpanel_pandas.delivery.journal.carried import applied_by_id
from mixpanel_pandas.delivery.journal.file import File
from mixpanel_pandas.delivery.journal.journal import states_of
from mixpanel_pandas.delivery.journal.records import noted, place_of
from mixpanel_pandas.delivery.journal.run import Run, RunState, run_ids, run_of
from mixpanel_pandas.errors import JournalError, OperationError, choices

if TYPE_CHECKING:
    import os

__all__ = ["applied_in_run", "read_journal", "settle"]


def read_journal(path: str | os.PathLike[str], run: str | None = None) -> Run:
    """Return the outcomes of the rows of a run, from its journal.

    Parameters
    ----------
    path : str or path-like
        The file that an upload wrote with ``journal=``.
    run : str, optional
        Name of the run. By default the one that began last.

    Returns
    -------
    Run
        A named tuple. ``summary`` is the summary that the verb returned or would have returned, for ``df.mixpanel.outcomes``
        and ``df.mixpanel.failures``. ``outcomes`` has a row for each row of the frame, with the ids as its index.

    Raises
    ------
    JournalError
        If there is no such file or run, an upload has the file in use, or it is damaged.

    Examples
    --------
    >>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
    ...     df = pd.DataFrame({"user_id": ["ann", "bob"], "plan": ["pro", "free"]})
    ...     _ = df.mixpanel.set("user_id", journal="mp.sqlite", run="2026-11-21")
    >>> mpd.read_journal("mp.sqlite", "2026-11-21").outcomes["outcome"].to_dict()
    {'ann': 'accepted', 'bob': 'accepted'}
    """
    with closing(File(path, writes=False)) as file:
        state = _states(file, path, run)[-1]
        return run_of(state, run_ids(file.records(state.number, "ids")))


def settle(path: str | os.PathLike[str], run: str | None, ids: Any, *, applied: bool) -> None:
    """Record whether the updates of ``unknown`` rows were applied, so that their run can continue.

    With ``add``, ``append`` and ``remove`` a row without a clear answer is ``unknown``. It may have been applied, so it is not sent
    again, and later rows of its id wait. Look at the profile, settle the id, and make the same call again.

    Parameters
    ----------
    path : str or path-like
        The file that the upload wrote with ``journal=``.
    run : str or None
        Name of the run. None: the one that began last.
    ids : scalar or list-like
        Ids with ``unknown`` rows. All ``unknown`` rows of an id are settled.
    applied : bool
        True: the updates were applied, and the rows become ``accepted``. False: they were not, and the next call sends the rows.
        In both cases the next call sends the rows that waited for them, in order.

    Raises
    ------
    OperationError
        If some of the ids are not in the run, or have no ``unknown`` rows. Nothing is recorded then.
    JournalError
        If there is no such file or run, an upload has the file in use, or it is damaged.

    Examples
    --------
    >>> df = pd.DataFrame({"user_id": ["ann", "bob"], "visits": [1, 1]})
    >>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
    ...     emulator.fail(503, applied=False)
    ...     first = df.mixpanel.add("user_id", journal="mp.sqlite", run="2026-11-21", check=False)
    ...     mpd.settle("mp.sqlite", "2026-11-21", ["ann", "bob"], applied=False)
    ...     second = df.mixpanel.add("user_id", journal="mp.sqlite", run="2026-11-21")
    >>> first["outcome"].tolist(), second["outcome"].tolist()
    (['unknown'], ['accepted'])
    """
    if applied not in (True, False):
        msg = f"applied={applied!r} must be True (the updates are on the profiles) or False (they are not)"
        raise OperationError(msg)
    asked = pd.Index(_texts(ids), dtype=object).unique()
    with closing(File(path, writes=True)) as file:
        states = _states(file, path, run)
        texts = [run_ids(file.records(state.number, "ids")).to_pandas().to_numpy(object) for state in states]
        rows = [
            np.flatnonzero(state.doubtful() & pd.Index(of_run, dtype=object).isin(asked))
            for state, of_run in zip(states, texts, strict=True)
        ]
        _refuse_others(asked, texts, rows)
        file.append(
            noted(
                "settled",
                state.number,
                state.sessions,
                place | {"applied": bool(applied), "at": time.time()},
                more,
            )
            for state, of_state in zip(states, rows, strict=True)
            if len(of_state)
            for place, more in [place_of(of_state)]
        )


def applied_in_run(path: str | os.PathLike[str] | None, run: str | None) -> pd.DataFrame:
    """Return by id what a run has sent so far, as `applied_by_id` does. It is empty if there is no journal or no such run."""
    nothing = pd.DataFrame(
        {"whole": [], "some": [], "doubt": []}, dtype=bool, index=pd.Index([], dtype=object)
    )
    if path is None or run is None or not Path(path).exists():
        return nothing
    with closing(File(path, writes=False)) as file:
        if all(record.values["name"] != run for record in file.records(None, "run")):
            return nothing
        states = states_of(file, run)
        return applied_by_id([(state, run_ids(file.records(state.number, "ids"))) for state in states])


def _states(file: File, path: Any, run: str | None) -> list[RunState]:
    """Return the runs of a name, or without a name those of the run that began last."""
    names = [record.values["name"] for record in file.records(None, "run")][::-1]
    name = run if run is not None or not names else names[0]
    if name is None or name not in names:
        msg = f"there is no run {name!r} in {path}: there are {choices(dict.fromkeys(names)) or 'none'}"
        raise JournalError(msg)
    return states_of(file, name)


def _refuse_others(asked: pd.Index, texts: list[np.ndarray], rows: list[np.ndarray]) -> None:
    """Refuse ids that are not in the run, and ids that are not in doubt."""
    of_runs = np.concatenate(texts)
    doubtful = np.concatenate([of_run[at] for of_run, at in zip(texts, rows, strict=True)])
    absent = asked[~asked.isin(of_runs)]
    sure = asked[asked.isin(of_runs) & ~asked.isin(doubtful)]
    reasons = [f"ids {choices(absent)} are not in the run"] * bool(len(absent))
    reasons += [f"no row of the ids {choices(sure)} is unknown"] * bool(len(sure))
    if reasons or not len(asked):
        msg = f"nothing was settled: {'; '.join(reasons) or 'no ids were passed'}"
        raise OperationError(msg)


def _texts(ids: Any) -> list[str]:
    """Return ids as the texts that Mixpanel gets."""
    listed = list(ids) if isinstance(ids, Iterable) and not isinstance(ids, str | bytes) else [ids]
    return [_text(id) for id in listed]  # noqa: A001  # the field's word


def _text(id: Any) -> str:
    if isinstance(id, str):
        return id
    if isinstance(id, int | float | np.integer) and not isinstance(id, bool) and id == id // 1:
        return str(int(id))
    msg = f"id {id!r} is not an id: pass texts or whole numbers"
    raise OperationError(msg)

"""What has been sent, on disk: an upload that was interrupted, even by a power cut, goes on where it ended.

A run holds what tells its content from another (names of columns, options, a keyed digest of each row's payload), the
ids, and, before and after each request, what becomes of its rows if the process ends there and then. It holds no value
of a property and no token.
"""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa

from mixpanel_pandas.delivery.lock import Lock
from mixpanel_pandas.delivery.policy import DECISIONS, ENDED, OUTCOMES, Outcome, Stop
from mixpanel_pandas.delivery.runs import Runs
from mixpanel_pandas.delivery.sessions import codes, over
from mixpanel_pandas.delivery.summary import LeftOut, outcomes, summarise
from mixpanel_pandas.errors import JournalError, choices
from mixpanel_pandas.project import destination

if TYPE_CHECKING:
    import os
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from mixpanel_pandas.delivery.pending import Delivery

__all__ = ["Content", "Journal", "Run", "read_journal"]

#: Rows with ids that an earlier content of the run has dealt with: reason -> outcome, text.
CARRIED: dict[str, tuple[Outcome, str]] = {
    "sent before": ("skipped", "this run has an accepted update of the id, from an earlier frame"),
    "in doubt": (
        "unknown",
        "an update of the id, from an earlier frame, may be applied and must not be twice",
    ),
    "sent in part": (
        "not_sent",
        "of the updates of the id, from an earlier frame, some are applied and must not be twice",
    ),
}

_ACCEPTED, _REJECTED, _UNKNOWN = (OUTCOMES.index(name) for name in ("accepted", "rejected", "unknown"))

#: Reasons of refusals after which nothing else is sent.
_STOPPING = {decision.reason for decision in DECISIONS.values() if decision.action(idempotent=True) == "stop"}


@dataclass(frozen=True)
class Content:
    """What a run sends, without a value of it.

    Attributes
    ----------
    name : str
        Digest of all of it.
    described : mapping
        Project, operator, columns, options: texts, or lists or mappings of texts.
    operator, idempotent : str, bool
        What the upload is called, and whether all its operators are idempotent.
    digests : numpy.ndarray
        A keyed digest of each row's payload (uint64); 0 where nothing is sent.
    ids : callable
        Returns an iterator over the ids, as arrays of text.
    ids_digest, id : str
        Digest of the ids, and the repr of their column's label.
    left_out : sequence of LeftOut
        Rows that the checks left out.
    """

    name: str
    described: Mapping[str, Any]
    operator: str
    idempotent: bool
    digests: np.ndarray
    ids: Callable[[], Iterator[pa.LargeStringArray]]
    ids_digest: str
    id: str
    left_out: Sequence[LeftOut] = ()

    def __len__(self) -> int:
        return len(self.digests)


class Run(NamedTuple):
    """What a journal tells of a run.

    Attributes
    ----------
    summary : pandas.DataFrame
        As the verb returned it, or would have.
    outcomes : pandas.DataFrame
        What became of each row, on an index of the ids: outcome, status_code, attempts, error.
    """

    summary: pd.DataFrame
    outcomes: pd.DataFrame


class Journal:
    """One run of a journal, which this process writes down; no other can meanwhile.

    Parameters
    ----------
    path : str or path-like
        The file; made for its owner alone if it is not there.
    run : str or None
        Name of the run; None: the content is its name, and once every row had its turn the next one begins afresh.
    content : Content
        What is to be sent.
    remaining : bool
        Whether the run may have another content than before: only ids without an outcome are sent then.

    Attributes
    ----------
    earlier : list of Delivery
        What became of the rows in the sessions before.
    carried : list of LeftOut
        Rows whose ids an earlier content of the run has dealt with.

    Raises
    ------
    JournalError
        If the file cannot be written or is no journal, another process is at this run, or the run has another content.
    """

    def __init__(
        self, path: str | os.PathLike[str], run: str | None, content: Content, *, remaining: bool = False
    ) -> None:
        self._path, self._name, self._content = Path(path), run or content.name, content
        self._writing = threading.Lock()
        self._runs = Runs(self._path, create=True)
        try:
            self._lock = self._locked()
            self._begin(remaining=remaining, named=run is not None)
        except BaseException:
            self.close()
            raise

    def _locked(self) -> Lock:
        tag = hashlib.blake2b(self._name.encode(), digest_size=6).hexdigest()
        try:
            return Lock(self._path.with_name(f"{self._path.name}-{tag}.lock"))
        except BlockingIOError:
            msg = f"another upload is at the run {self._name!r} of {self._path}: wait for its end, or name another run"
        except OSError as error:
            msg = f"the journal {self._path} cannot be used: {error}"
        raise JournalError(msg)

    def _begin(self, *, remaining: bool, named: bool) -> None:
        """Go on with the run, or begin one."""
        runs = self._runs.named(self._name)
        self.earlier: list[Delivery] = []
        self.carried: list[LeftOut] = []
        number = None
        if runs and runs[-1]["content"] == self._content.name:
            self.earlier = self._runs.deliveries(runs[-1])
            self.carried = [left for left in self._runs.left_out(runs[-1]) if left.reason in CARRIED]
            number = runs[-1]["number"]
            if not named and self._finished(runs[-1]):
                self.earlier, number = [], None
        elif runs and not remaining:
            raise JournalError(self._changes(runs[-1]))
        elif runs:
            self.carried = self._dealt_with(runs)
        self._run = self._add() if number is None else number
        self._session = self._runs.add_session(self._run, time.time())

    def _add(self) -> int:
        content = self._content
        described = {
            "name": self._name,
            "content": content.name,
            "described": orjson.dumps(content.described).decode(),
            "operator": content.operator,
            "idempotent": content.idempotent,
            "rows": len(content),
            "ids": content.ids_digest,
            "id": content.id,
            "began": time.time(),
        }
        return self._runs.add_run(described, self._slices(), [*content.left_out, *self.carried])

    def _slices(self) -> Iterator[tuple[pa.LargeStringArray, np.ndarray]]:
        start = 0
        for ids in self._content.ids():
            yield ids, self._content.digests[start : start + len(ids)]
            start += len(ids)

    def _finished(self, last: sqlite3.Row) -> bool:
        """Return whether every row had its turn."""
        session = self._runs.last_session(last)
        rows = self.settled()
        if session is not None and session["ended"] is not None:
            rows |= codes(self.earlier, len(rows)) == _UNKNOWN
        return bool((rows | (self._content.digests == 0)).all())

    def _changes(self, last: sqlite3.Row) -> str:
        """Return in words how the content differs from the one that the run has."""
        was, now = orjson.loads(last["described"]), orjson.loads(orjson.dumps(self._content.described))
        said = list(_differences(was, now))
        old, new = self._runs.digests(last), self._content.digests
        if len(old) != len(new):
            said.append(f"it had {len(old):,} rows, and has {len(new):,} now")
        differs = np.flatnonzero(old[: len(new)] != new[: len(old)])
        if len(differs):
            said.append(f"the first row that differs is at position {differs[0]}")
        return (
            f"the run {self._name!r} of {self._path} was begun with another content: {'; '.join(said) or 'other ids'}. Name "
            'another run, or pass on_changed="remaining" to send only the ids that have no outcome in this one'
        )

    def _dealt_with(self, runs: list[sqlite3.Row]) -> list[LeftOut]:
        """Return the rows whose ids have an outcome in the contents before."""
        known = pd.concat([self._ids_of(run) for run in runs]).groupby(level=0).any()
        reasons = pd.Series("", index=known.index, dtype=object)
        if self._content.idempotent:
            reasons[known["whole"]] = "sent before"
        else:
            reasons[known["some"]] = "sent in part"
            reasons[known["whole"]] = "sent before"
            reasons[known["doubt"]] = "in doubt"
        ids = pd.Index(
            pa.chunked_array(list(self._content.ids()), pa.large_string()).to_pandas(), dtype=object
        )
        found = np.array(reasons.reindex(ids), object)
        found[self._content.digests == 0] = None
        return [
            LeftOut(np.flatnonzero(found == reason), outcome, reason, error)
            for reason, (outcome, error) in CARRIED.items()
            if (found == reason).any()
        ]

    def _ids_of(self, run: sqlite3.Row) -> pd.DataFrame:
        """Return for each id of a run whether all, some, or maybe some of its updates are applied."""
        found = codes(self._runs.deliveries(run), run["rows"])
        for left in self._runs.left_out(run):
            if left.reason in CARRIED:
                found[left.positions] = {"sent before": _ACCEPTED, "in doubt": _UNKNOWN}.get(left.reason, -1)
        sent = self._runs.digests(run) != 0
        rows = pd.DataFrame({"accepted": found == _ACCEPTED, "doubt": found == _UNKNOWN})[sent]
        by_id = rows.groupby(self._runs.ids(run).to_pandas().to_numpy(object)[sent])
        return pd.DataFrame(
            {
                "whole": by_id["accepted"].all(),
                "some": by_id["accepted"].any(),
                "doubt": by_id["doubt"].any(),
            }
        )

    # -- while it is sent ---------------------------------------------------------------------------------------------

    @property
    def resumed(self) -> bool:
        """Whether a session before this one has sent something."""
        return bool(self.earlier or self.carried)

    def settled(self) -> np.ndarray:
        """Return the mask of the rows that are not sent in this session.

        They are accepted, or were refused, or may be applied and must not be twice. A refusal that ended the upload is no
        verdict on its rows.
        """
        found = codes(self.earlier, len(self._content))
        rows: np.ndarray = np.isin(
            found, [_ACCEPTED, _REJECTED, *([] if self._content.idempotent else [_UNKNOWN])]
        )
        for delivery in self.earlier:
            if delivery.outcome == "rejected" and delivery.reason in _STOPPING:
                rows[delivery.rows] = False
        for left in self.carried:
            rows[left.positions] = True
        return rows

    def record(self, deliveries: Iterable[Delivery]) -> None:
        """Write down what becomes of some rows if the process ends now; it is on disk when this returns.

        Raises
        ------
        JournalError
            If it cannot be written.
        """
        with self._writing:
            self._runs.add_deliveries(self._run, self._session, deliveries)

    def together(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Return what became of the rows, the sessions before included."""
        return over(self.earlier, deliveries, len(self._content))

    def end(self, held: Iterable[LeftOut], stopped: Stop | None) -> None:
        """Write down how the session ended."""
        with self._writing:
            reason, error = (stopped.reason, stopped.error) if stopped else (None, None)
            self._runs.end_session(
                self._run, self._session, held, ended=time.time(), reason=reason, error=error
            )

    def close(self) -> None:
        """Let others have the run."""
        if (lock := getattr(self, "_lock", None)) is not None:
            lock.release()
        self._runs.close()


def _differences(was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Yield in words what differs between two descriptions."""
    for name in dict.fromkeys([*was, *now]):
        old, new = was.get(name), now.get(name)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _differences(old, new)
        elif isinstance(old, list) and isinstance(new, list):
            gone, come = [item for item in old if item not in new], [item for item in new if item not in old]
            parts = [f"without {choices(gone)}"] * bool(gone) + [f"with {choices(come)}"] * bool(come)
            yield f"{name} are now {' and '.join(parts) or 'in another order'}"
        else:
            yield f"{name} was {old}, and is {new} now"


def read_journal(path: str | os.PathLike[str], run: str | None = None) -> Run:
    """Return what a journal tells of a run, whether its process is alive or not.

    Parameters
    ----------
    path : str or path-like
        The file that an upload wrote with ``journal=``.
    run : str, optional
        Name of the run. By default the one that began last.

    Returns
    -------
    Run
        A named tuple. ``summary`` is as the verb returned it or would have: ``df.mixpanel.outcomes`` and
        ``df.mixpanel.failures`` take it. ``outcomes`` has a row per row of the frame, on an index of the ids.

    Raises
    ------
    JournalError
        If there is no such file or run.

    Examples
    --------
    >>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
    ...     df = pd.DataFrame({"user_id": ["ann", "bob"], "plan": ["pro", "free"]})
    ...     _ = df.mixpanel.set("user_id", journal="mp.sqlite", run="2026-11-21")
    >>> mpd.read_journal("mp.sqlite", "2026-11-21").outcomes["outcome"].to_dict()
    {'ann': 'accepted', 'bob': 'accepted'}
    """
    runs = Runs(Path(path), create=False)
    try:
        names = runs.names()
        name = run if run is not None else next(iter(names), None)
        found = runs.named(name) if name is not None else []
        if not found:
            msg = f"there is no run {name!r} in {path}: there are {choices(names) or 'none'}"
            raise JournalError(msg)
        return _read(runs, found[-1])
    finally:
        runs.close()


def _read(runs: Runs, run: sqlite3.Row) -> Run:
    session = runs.last_session(run)
    held = runs.left_out(run, session["session"]) if session is not None else []
    stopped = (
        Stop(session["reason"], session["error"]) if session is not None and session["reason"] else ENDED
    )
    summary = summarise(
        runs.deliveries(run),
        [*runs.left_out(run), *held],
        operator=run["operator"],
        rows=run["rows"],
        digest=run["ids"],
        idempotent=bool(run["idempotent"]),
        stopped=stopped,
    )
    summary.attrs["mixpanel"] |= {"id": run["id"], **destination(orjson.loads(run["described"])["project"])}
    ids = pd.Index(runs.ids(run).to_pandas(), name="id")
    return Run(summary, outcomes(summary, ids, run["ids"]))

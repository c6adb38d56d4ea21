"""The run of one upload in a journal. After an interruption, even a power cut, the same call resumes it.

A run holds what identifies its content (names of columns, options, a keyed fingerprint of each slice) and the ids. Before and
after each request it also notes what becomes of the rows if the process ends at once. It holds no property value and no token.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

import orjson

from mixpanel_pandas.delivery.journal.carried import differences_of, rows_dealt_with
from mixpanel_pandas.delivery.journal.path import resolved
from mixpanel_pandas.delivery.journal.records import (
    Record,
    delivery_records,
    excluded_record,
    noted,
    packed_ids,
)
from mixpanel_pandas.delivery.journal.run import Run, RunState, replay, run_ids, run_of
from mixpanel_pandas.delivery.journal.sessions import combined
from mixpanel_pandas.delivery.journal.writer import END, Writer
from mixpanel_pandas.errors import JournalError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import numpy as np
    import pyarrow as pa

    from mixpanel_pandas.delivery.journal.file import File
    from mixpanel_pandas.delivery.pending import Delivery
    from mixpanel_pandas.delivery.policy import Stop
    from mixpanel_pandas.payloads.changes import Excluded
    from mixpanel_pandas.payloads.fingerprint import Content

__all__ = ["Journal", "states_of"]


class Journal:
    """One run of a journal, which this process writes. No other process can open the file meanwhile.

    If `compare_first` is set, compare the payloads with those of earlier sessions before anything is sent::

        for number, digest in enumerate(fingerprints):
            if not journal.same_so_far(number, digest):
                journal.begin_afresh()
                break

    If no slice differs, `finished` tells whether there is nothing left to send.

    Parameters
    ----------
    path : str or path-like
        The file. If it does not exist, it is made, and only its owner can read it.
    run : str or None
        Name of the run. None: it is identified by the operation, the columns, the ids and the length.
    content : Content
        What is to be sent.
    remaining : bool
        Whether the run may have another content than before. Then only ids without an outcome are sent.
    hurried : callable
        Returns whether to give up waiting for the disk, as long as nothing is sent.

    Attributes
    ----------
    rows_per_slice : int
        Rows of a slice. They are those of earlier sessions, so that slices can be compared.
    compare_first : bool
        Whether slices are to be compared before anything is sent.
    named : bool
        Whether the user named the run.
    earlier : list of Delivery
        The outcomes of the rows in earlier sessions.
    carried : list of Excluded
        Rows that are not sent because of an earlier content of the run.

    Raises
    ------
    JournalError
        If the file cannot be written, is in use or damaged, or is not a journal, or the run has another content.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        run: str | None,
        content: Content,
        *,
        remaining: bool = False,
        hurried: Callable[[], bool] = lambda: False,
    ) -> None:
        self._path, self._content, self._remaining = path, content, remaining
        self.named: bool = run is not None
        self._name = content.name if run is None else run
        self._turn = threading.Lock()
        self._compared: dict[int, bytes] = {}
        self._closed: bool | None = None
        self._writer = Writer(path, hurried=hurried)
        weakref.finalize(self, self._writer.close, 0).atexit = False
        try:
            # only runs that a call can repeat are compared, and without them the last run decides
            last = not self.named and content.idempotent
            self._states = self._writer.call(lambda file: states_of(file, self._name, last=last))
            self._begin()
        except BaseException:
            self.close(0 if hurried() else END)
            raise

    # -- which run it is ----------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Resume the last run, begin a new one, or wait for a comparison."""
        last = self._states[-1] if self._states else None
        self._ended: list[RunState] = []  # finished runs that this call may repeat
        self.compare_first: bool = False
        if last is None:
            self._add(self._content.rows_per_slice)
        elif last.begun["content"] != self._content.name or not last.excludes(self._content.excluded):
            self._begin_changed(last)
        elif last.finished():
            self._begin_ended(last)
        else:
            self._go_on(last)
            self.compare_first = self._remaining and bool(last.slices)

    def _begin_changed(self, last: RunState) -> None:
        """Begin a run with another content than the last one of its name, if that is allowed."""
        if self.named and self._remaining:
            self._add(self._content.rows_per_slice)
        elif self.named or not last.finished():
            raise JournalError(self._changes(last))
        else:
            self._begin_ended(last)

    def _begin_ended(self, last: RunState) -> None:
        """Wait for a comparison with finished runs, or begin a new run if nothing can be applied twice."""
        self._ended = [last] if self.named else [
            state
            for state in self._states
            if state.excludes(self._content.excluded) and not state.untouched() and not state.idempotent
        ]  # fmt: skip
        if self._ended:
            self._go_on(self._ended[-1])
            self.compare_first = True
        else:
            self._add(last.begun["rows_per_slice"])

    def _go_on(self, state: RunState) -> None:
        self._number, self._session = state.number, state.sessions + 1
        self._slices = state.slices
        self.earlier: list[Delivery] = state.deliveries
        self.carried: list[Excluded] = state.carried
        self.rows_per_slice: int = state.begun["rows_per_slice"]
        self._done, self._doubtful = state.done(), state.doubtful()
        self._idle = True  # the session has written nothing

    def _add(self, rows_per_slice: int) -> None:
        """Begin a run."""
        content = self._content
        carried: list[Excluded] = []
        if self._remaining and self._states:
            carried = rows_dealt_with(content, [(state, self._ids_of(state)) for state in self._states])
        begun = {
            "name": self._name,
            "content": content.name,
            "described": content.described,
            "operator": content.operator,
            "idempotent": content.idempotent,
            "rows": content.rows,
            "rows_per_slice": rows_per_slice,
            "ids": content.ids_digest,
            "id": content.id,
            "began": time.time(),
        }

        def add(file: File) -> RunState:
            number = 1 + max((record.run for record in file.records(None, "run")), default=0)
            file.append(self._records_of_begin(number, begun, carried))
            return replay(file.records(number, "run", "excluded"))

        self._go_on(self._writer.call(add))

    def _records_of_begin(
        self, number: int, begun: dict[str, Any], carried: list[Excluded]
    ) -> Iterator[Record]:
        yield noted("run", number, 0, begun)
        for ids in self._content.ids():
            yield noted("ids", number, 0, {}, packed_ids(ids))
        for excluded in [*self._content.excluded, *carried]:
            if len(excluded.positions):
                yield excluded_record(number, 0, excluded)

    @property
    def finished(self) -> Run | None:
        """The finished run that this call repeats, by the slices compared so far. None: it repeats none."""
        if not self._ended:
            return None
        return run_of(self._ended[-1], self._ids_of(self._ended[-1]))

    @property
    def ended_at(self) -> dt.datetime | None:
        """When the run that this call repeats ended."""
        ended = self._ended[-1].ended if self._ended else None
        return None if ended is None else dt.datetime.fromtimestamp(ended, dt.UTC)

    def same_so_far(self, number: int, digest: bytes) -> bool:
        """Return whether a slice, and all slices that were compared before it, are the same as in an earlier session."""
        self._compared[number] = digest
        same = [state for state in self._ended if state.slices.get(number, digest) == digest]
        if self._ended:
            self._ended = same or self._ended
            return bool(same)
        return self._slices.get(number, digest) == digest

    def begin_afresh(self) -> None:
        """Begin a new run, because the content differs.

        Raises
        ------
        JournalError
            If the run is named and `remaining` is not set: it has one content only.
        """
        if self.named and not self._remaining:
            raise JournalError(self._other_values(max(self._compared)))
        self._ended, self.compare_first = [], False
        self._add(self.rows_per_slice)
        for number, digest in self._compared.items():
            self.note_slice(number, digest)

    def _ids_of(self, state: RunState) -> pa.ChunkedArray:
        return self._writer.call(lambda file: run_ids(file.records(state.number, "ids")))

    def _changes(self, last: RunState) -> str:
        """Return the message that says how the content differs from that of the run."""
        now = orjson.loads(orjson.dumps(self._content.described))
        differences = list(differences_of(last.begun["described"], now))
        if last.rows != self._content.rows:
            differences.append(f"it had {last.rows:,} rows, and has {self._content.rows:,} now")
        elif last.begun["ids"] != self._content.ids_digest:
            differences.append(self._first_other_id(last))
        elif not last.excludes(self._content.excluded):
            differences.append("the checks now exclude other rows")
        return f"{self._called()} began with other content: {'; '.join(differences)}. {self._remedy()}"

    def _first_other_id(self, last: RunState) -> str:
        ids, start = self._ids_of(last), 0
        for now in self._content.ids():
            same = ids.slice(start, len(now)).combine_chunks().equals(now)
            if not same:
                old, new = ids.slice(start, len(now)).to_pylist(), now.to_pylist()
                start += next(at for at in range(len(new)) if old[at] != new[at])
                break
            start += len(now)
        return f"the first row with another id is at position {start:,}"

    def _other_values(self, number: int) -> str:
        start = number * self.rows_per_slice
        stop = min(start + self.rows_per_slice, self._content.rows)
        rows = f"rows {start:,} to {stop - 1:,}" if start < stop else "rows that are merged or come later"
        return f"{self._called()} began with other values in {rows}. {self._remedy()}"

    def _called(self) -> str:
        if self.named:
            return f"the run {self._name!r} of {self._path}"
        return f"a run of {self._path} with these columns and ids has not ended, and"

    def _remedy(self) -> str:
        if self.named:
            return 'Name another run, or pass on_changed="remaining" to send only the ids that have no outcome in this one'
        return "Call it with the frame with which it began, or name another run, such as run='2026-11-21'"

    # -- while it is sent ---------------------------------------------------------------------------------------------

    @property
    def place(self) -> tuple[str, str]:
        """The path of the file and the name of the run."""
        return resolved(self._path), self._name

    @property
    def resumed(self) -> bool:
        """Whether an earlier session has sent something."""
        return bool(self.earlier or self.carried)

    def done(self) -> np.ndarray:
        """Return the mask of the rows that are not sent in this session.

        They are accepted, or may be applied and must not be applied twice.
        """
        return self._done.copy()

    def doubtful(self) -> np.ndarray:
        """Return the mask of the rows that may be applied and must not be applied twice. Later rows of their ids wait."""
        doubtful: np.ndarray = self._doubtful & self._done
        return doubtful

    def resent(self) -> np.ndarray:
        """Return the mask of the rows that are sent again though an attempt of an earlier session may still arrive."""
        resent: np.ndarray = self._doubtful & ~self._done
        return resent

    def note_slice(self, number: int, digest: bytes) -> None:
        """Write down the fingerprint of a slice. If there is one from an earlier session, compare the two.

        Parameters
        ----------
        number : int
            The number of the slice, the same in every call.
        digest : bytes
            Its fingerprint.

        Raises
        ------
        JournalError
            If the two differ.
        """
        with self._turn:
            written = self._slices.setdefault(number, digest)
            new = written is digest
        if written != digest:
            raise JournalError(self._other_values(number))
        if new:
            self._note([noted("slice", self._number, self._session, {"number": number}, digest)], wait=False)

    def write(self, deliveries: Iterable[Delivery], *, wait: bool) -> None:
        """Write down what becomes of some rows if the process ends now.

        Parameters
        ----------
        deliveries : iterable of Delivery
            The deliveries.
        wait : bool
            Whether to return only when they are on disk, with all that was written before. If not, the next call that waits
            raises the error, if there is one.

        Raises
        ------
        JournalError
            If it cannot be written.
        """
        self._note(delivery_records(self._number, self._session, deliveries), wait=wait)

    def with_earlier(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Return the outcomes of the rows in this session and in those before."""
        return combined(self.earlier, deliveries, self._content.rows)

    def end(self, held: Iterable[Excluded], stopped: Stop | None, timeout: float | None = None) -> None:
        """Write down how the session ended. It is on disk when this returns.

        Parameters
        ----------
        held : iterable of Excluded
            Rows that were held back.
        stopped : Stop or None
            Why the upload stopped early, if it did.
        timeout : float, optional
            Seconds to wait at most.

        Raises
        ------
        JournalError
            If this or an earlier note cannot be written, or not in time.
        """
        how = {
            "ended": time.time(),
            "reason": stopped and stopped.reason,
            "error": stopped and stopped.error,
        }
        records = [excluded_record(self._number, self._session, rows) for rows in held if len(rows.positions)]
        try:
            self._note([*records, noted("end", self._number, self._session, how)], wait=True, timeout=timeout)
        except JournalError:
            self.close(0)  # the disk had its time
            raise

    def close(self, timeout: float = END) -> bool:
        """Write what was handed over, close the file, and return whether that is done.

        What is not on disk after `timeout` seconds is not written later. Only the first call has an effect.
        """
        if self._closed is None:
            self._closed = self._writer.close(timeout)
        return self._closed

    def _note(self, records: list[Record], *, wait: bool, timeout: float | None = None) -> None:
        """Hand records over to the writer. The first ones of a session follow the record of its beginning."""
        with self._turn:  # so that no other record comes first
            if self._idle:
                begin = noted("session", self._number, self._session, {"began": time.time()})
                self._writer.write([begin], wait=False)
                self._idle = False
        self._writer.write(records, wait=wait, timeout=timeout)


def states_of(file: File, name: str, *, last: bool = False) -> list[RunState]:
    """Return the runs of a name, the oldest first. With `last`, return only the last one.

    Each has another content, or began after the others had ended.
    """
    numbers = [record.run for record in file.records(None, "run") if record.values["name"] == name]
    kinds = ("run", "excluded", "session", "slice", "delivery", "settled", "end")
    return [replay(file.records(number, *kinds)) for number in (numbers[-1:] if last else numbers)]

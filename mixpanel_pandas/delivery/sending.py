"""`Sending`: checked rows -> payloads -> batches -> deliveries -> summary."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from mixpanel_pandas.delivery import history
from mixpanel_pandas.delivery.canary import in_words, unless_ended
from mixpanel_pandas.delivery.ending import Ended, interrupted, raise_from, raise_if_failed
from mixpanel_pandas.delivery.interrupts import Interrupts, shielded
from mixpanel_pandas.delivery.merged import deliveries_of_rows
from mixpanel_pandas.delivery.pending import Delivery, compact
from mixpanel_pandas.delivery.policy import Stop
from mixpanel_pandas.delivery.progress import Reporter
from mixpanel_pandas.delivery.summary import summarise
from mixpanel_pandas.delivery.summary_in_words import in_numbers, with_already_sent, words
from mixpanel_pandas.delivery.waves import Waves
from mixpanel_pandas.errors import AlreadySent
from mixpanel_pandas.payloads.fingerprint import describe_call, digest_of_call, key_of
from mixpanel_pandas.project import destination
from mixpanel_pandas.rules.outcomes import OUTCOMES
from mixpanel_pandas.text import Length, shortened

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Generator, Iterable, Iterator
    from pathlib import Path

    import numpy as np
    import pandas as pd

    from mixpanel_pandas.checking.decisions import Decisions
    from mixpanel_pandas.delivery.canary import Canaries
    from mixpanel_pandas.delivery.history import Reservation
    from mixpanel_pandas.delivery.interrupts import Shielded
    from mixpanel_pandas.delivery.journal import Journal, Run
    from mixpanel_pandas.delivery.parts import Parts
    from mixpanel_pandas.delivery.progress import Progress
    from mixpanel_pandas.delivery.upload import Account
    from mixpanel_pandas.payloads.changes import Excluded
    from mixpanel_pandas.payloads.slices import Slice
    from mixpanel_pandas.project import Project

__all__ = ["Sending"]

#: Seconds that the disk has to take the end of a run.
JOURNAL_SECONDS = 5.0

#: Why nothing is sent if the calling thread itself would have to send.
NO_THREAD = Stop("error", "no thread could be started to send these rows: send the failures again")


class Sending:
    """Sends the rows of a checked frame; `result` does it, once.

    Meanwhile other threads can read the progress, and stop the upload.

    Parameters
    ----------
    decisions : Decisions
        The frame, and what becomes of its rows.
    project : Project
        Where to send, and with which token.
    began : float
        When the call began, on the clock of `time.perf_counter`.
    canaries : Canaries, optional
        Chooses the rows that are sent first, and looks for them.

    Attributes
    ----------
    decisions, project
        As above.
    backup : Path or None
        The file that keeps what the rows remove.
    """

    def __init__(
        self, decisions: Decisions, project: Project, began: float, canaries: Canaries | None = None
    ) -> None:
        self.decisions, self.project, self._began = decisions, project, began
        self._canaries = canaries
        self.backup: Path | None = None
        self._layout, self._operation = decisions.layout, decisions.layout.operation
        self._options = self._operation.options
        self._merged = decisions.changes.together
        self._parts: Parts | None = None
        self._stop_asked = self._exposed = False

    def stop(self) -> None:
        """Send nothing else. Requests that are on the wire have 5 seconds to be answered."""
        self._stop_asked = True
        if self._parts is not None:
            self._parts.stop()

    @property
    def backup_in_words(self) -> str:
        """Where what the rows remove is kept; empty where nothing is."""
        return "" if self.backup is None else f"backup in {shortened(self.backup, Length.SENTENCE)}"

    def progress(self) -> Progress | None:
        """Return the progress; None while no request can be made."""
        return None if self._parts is None else self._parts.progress()

    def result(self, interrupts: Interrupts | None = None) -> pd.DataFrame:
        """Send, wait for the end, and return the summary.

        The work is done in a thread of its own, where no signal arrives. What strikes the calling thread stops the upload,
        and is raised after its end.

        Parameters
        ----------
        interrupts : Interrupts, optional
            Counts how often Ctrl-C was pressed.

        Raises
        ------
        AlreadySent, JournalError
            If nothing is sent because of an earlier upload.
        UploadError, UploadInterrupted
            If the upload did not end as the call asks, with the summary.
        """
        pressed = interrupts or Interrupts()

        def work(outcome: Shielded[Ended]) -> Ended:
            self._exposed = outcome.exposed
            return self._send(lambda: pressed.count + len(outcome.strikes))

        outcome = shielded(work)
        try:
            ended = outcome.result()
        except Exception as error:  # nothing was sent, so what struck is raised
            if pressed.count:
                raise KeyboardInterrupt from error
            for strike in outcome.strikes:
                raise strike from error
            raise
        if pressed.count or any(isinstance(strike, KeyboardInterrupt) for strike in outcome.strikes):
            raise interrupted(ended.summary)
        for strike in outcome.strikes:
            raise_from(strike, ended.summary)
        ended.raise_if_broken(self.project.place)
        raise_if_failed(ended.summary, self._operation.verb, self._options.check)
        return ended.summary

    # -- the steps, in a thread that nothing strikes ------------------------------------------------------------------

    def _send(self, strikes: Callable[[], int]) -> Ended:
        """Send what is to be sent, and return how it ended.

        Parameters
        ----------
        strikes : callable
            Returns how often something struck the calling thread so far.
        """
        if self._options.dry_run:
            return self._dry_run()
        journal = self._open_journal(strikes)
        try:
            if journal is not None and (run := self._repeated_run(journal, strikes)) is not None:
                return self._ended_before(run, journal.ended_at)
            if self._exposed and self._rows_left(journal):  # a strike could hit the upload anywhere
                return self._without_thread(journal)
            return self._deliver(journal, strikes)
        finally:
            if journal is not None:
                journal.close()

    def _deliver(self, journal: Journal | None, strikes: Callable[[], int]) -> Ended:
        """Payloads -> batches -> deliveries -> summary. Canaries go first, and the others follow once they are seen."""
        rows = self._rows_left(journal)
        reporter = self._reporter(rows)
        parts = self._parts = self._new_parts(rows, reporter, journal, strikes)
        if self._stop_asked:
            parts.stop()
        all_waves = self._all_waves(journal, self._first_rows(parts, rows, journal))
        reservation = self._reserve(all_waves[0], journal, strikes)
        summary: pd.DataFrame | None = None
        try:
            for waves in all_waves:
                waves.passed = _noting(journal, reservation)
            account, unproven = parts.send(all_waves, self._canaries, self._accepted)
            stopped = account.stopped if unproven is None else unproven.stop
            held = [several for waves in all_waves for several in waves.held]
            summary = self._summary(account.deliveries, stopped, held, journal)
            history.remember(summary)
            journal_error = None
            if journal is not None:
                journal_error = _error_of(lambda: journal.end(held, stopped, JOURNAL_SECONDS))
            error = account.error or journal_error
            self._tell(summary, reporter)
            if unproven is not None and unproven.fails:
                words = f"{self._operation.verb}: {unproven.stop.error}; only the canaries were sent"
                return Ended(summary, unproven.cause or error, unproven=words)
            return Ended(summary, error, account.connection_failed)
        finally:
            for waves in all_waves:
                waves.close()
            if reservation is not None:
                if any(waves.whole for waves in all_waves):
                    reservation.finish()
                reservation.release(summary)

    def _accepted(self, account: Account) -> np.ndarray:
        """Return the mask of the rows that are accepted so far."""
        from mixpanel_pandas.delivery.journal.sessions import codes  # an upload without canaries does without

        became = codes(deliveries_of_rows(account.deliveries, self._merged), self._layout.rows)
        accepted: np.ndarray = became == OUTCOMES.index("accepted")
        return accepted

    def _new_parts(
        self, rows: int, reporter: Reporter, journal: Journal | None, strikes: Callable[[], int]
    ) -> Parts:
        """Return what sends, before anything is sent."""
        from mixpanel_pandas.delivery.parts import Notes, Parts

        deadline = self._options.deadline
        until = math.inf if deadline is None else time.monotonic() + deadline
        notes = None if journal is None else Notes(journal, self._merged)
        return Parts(self._operation, self.project, rows, reporter, notes, until, strikes)

    def _first_rows(self, parts: Parts, rows: int, journal: Journal | None) -> np.ndarray | None:
        """Return the mask of the canaries' rows; None if there are none, or nothing is sent any more.

        Raises
        ------
        MixpanelError
            If their profiles cannot be read. Nothing was sent.
        """
        canaries = self._canaries
        if canaries is None or not rows:
            return None
        left = ~self.decisions.changes.excluded
        if journal is not None:
            left &= ~journal.done()
        return unless_ended(lambda: canaries.choose(left), canaries.cut, parts.ended)

    def _all_waves(self, journal: Journal | None, first: np.ndarray | None) -> list[Waves]:
        """Return the batches of each part: those of the rows in `first`, a mask, and those of the others."""
        if first is None:
            return [self._waves(journal)]
        return [self._waves(journal, without=~first), self._waves(journal, without=first)]

    def _waves(self, journal: Journal | None, without: np.ndarray | None = None) -> Waves:
        """Return the batches of all rows that are not done, and not in `without`, a mask."""
        decisions, layout, changes = self.decisions, self._layout, self.decisions.changes
        token = self.project.token
        if journal is None:
            if without is not None and self._operation.idempotent:  # nobody compares slices
                changes, without = replace(changes, excluded=changes.excluded | without), None
            return Waves(layout, changes, decisions.duplicates, token, done=without)
        # slices are compared with those of earlier sessions
        if journal.rows_per_slice != layout.rows_per_slice:
            layout = replace(layout, rows_per_slice=journal.rows_per_slice)
            changes = replace(changes, read={})
        done = journal.done()
        return Waves(
            layout,
            changes,
            decisions.duplicates,
            token,
            key_of(self.project),
            done=done if without is None else done | without,
            doubtful=journal.doubtful(),
            resent=journal.resent(),
        )

    def _rows_left(self, journal: Journal | None) -> int:
        """Return how many updates are left to send."""
        changes = self.decisions.changes
        if journal is not None:
            changes = replace(changes, excluded=changes.excluded | journal.done())
        return changes.sent

    def _reporter(self, rows: int) -> Reporter:
        """Return what shows the progress of an upload of this many rows."""
        progress = self._options.progress if rows else False
        return Reporter(self._operation.verb, rows, progress, time.monotonic)

    def _summary(
        self,
        deliveries: list[Delivery],
        stopped: Stop | None = None,
        held: Iterable[Excluded] = (),
        journal: Journal | None = None,
    ) -> pd.DataFrame:
        """Return the summary of all rows, which includes earlier sessions of the journal."""
        deliveries = deliveries_of_rows(deliveries, self._merged)
        if journal is not None:
            from mixpanel_pandas.delivery.journal import without_delivered

            deliveries = journal.with_earlier(deliveries)
            held = [*journal.carried, *without_delivered(held, deliveries, self._layout.rows)]
        summary = summarise(
            deliveries,
            [*self.decisions.excluded, *held],
            operator=self._operation.verb,
            rows=self._layout.rows,
            digest=self.decisions.digest,
            idempotent=self._operation.idempotent,
            stopped=stopped,
        )
        identity = None if self._options.dry_run else self.project.identity
        backup = {} if self.backup is None else {"backup": str(self.backup)}
        summary.attrs["mixpanel"] |= {
            "id": repr(self._layout.id.label),
            "call": digest_of_call(describe_call(self._layout)),
            **destination(identity),
            **backup,
        }
        return summary

    def _tell(self, summary: pd.DataFrame, reporter: Reporter | None = None, more: str = "") -> None:
        """Report the outcomes of the rows in one line."""
        seconds = time.perf_counter() - self._began
        text = words(summary, seconds, self.project.place)
        reporter = reporter or self._reporter(0)
        reporter.say(
            "; ".join(filter(None, (text, self.backup_in_words, more))), in_numbers(summary, seconds)
        )

    # -- what was sent before -----------------------------------------------------------------------------------------

    def _reserve(
        self, waves: Waves, journal: Journal | None, strikes: Callable[[], int]
    ) -> Reservation | None:
        """Reserve updates that are not idempotent, so that this process does not send them twice.

        Raises
        ------
        AlreadySent
            If this process has sent the same updates before, or is sending them now.
        """
        if self._operation.idempotent or not self._rows_left(journal):
            return None
        comparing = [True]
        reservation, slices = history.reserve(
            lambda: _unless_struck(lambda: comparing and strikes(), waves.every_slice()),
            key_of(self.project),
            repeat=self._options.repeat,
            journalled=None
            if journal is None
            else history.InRun(journal.place, journal.named, journal.resumed),
        )
        comparing.clear()  # from here on a strike stops the upload
        waves.start_with(slices)
        return reservation

    def _open_journal(self, strikes: Callable[[], int]) -> Journal | None:
        """Open the journal that the call names; None if it names none."""
        options = self._options
        if options.journal is None:
            return None
        from mixpanel_pandas.delivery.journal import Journal
        from mixpanel_pandas.payloads.fingerprint import content_of

        until = time.monotonic() + (options.deadline or math.inf)
        return Journal(
            options.journal,
            options.run,
            content_of(self._layout, self.decisions.digest, self.project, self.decisions.excluded),
            remaining=options.on_changed == "remaining",
            hurried=lambda: bool(strikes()) or time.monotonic() >= until,
        )

    def _repeated_run(self, journal: Journal, strikes: Callable[[], int]) -> Run | None:
        """Return the finished run of the journal that this call repeats; None if there is something to send.

        If the journal asks for it, slices are compared with those of the run. At the first difference another run begins.
        """
        if journal.compare_first:
            for part in _unless_struck(strikes, self._waves(journal).every_slice()):
                if not journal.same_so_far(part.number, part.payloads.fingerprint):
                    journal.begin_afresh()
                    break
        return journal.finished

    def _ended_before(self, run: Run, ended_at: dt.datetime | None) -> Ended:
        """Return how a run ended that this call repeats."""
        when = f"{ended_at:%Y-%m-%d %H:%M} UTC"
        if self._options.run is None:
            msg = (
                f"the same updates were already sent, until {when}, and would be applied twice: name another run to send them "
                f"again, such as run='2026-11-21'; {words(run.summary)}"
            )
            raise AlreadySent(msg, run.summary)
        summary = with_already_sent(run.summary, when)
        history.remember(summary)
        self._tell(summary)
        return Ended(summary)

    # -- nothing is sent ----------------------------------------------------------------------------------------------

    def _dry_run(self) -> Ended:
        """Make every batch, and send none."""
        decisions = self.decisions
        waves = Waves(self._layout, decisions.changes, decisions.duplicates, self.project.token)
        deliveries = [
            Delivery(
                batch=batch.number,
                positions=compact(batch.positions),
                updates=batch.updates,
                bytes=batch.nbytes,
                outcome="not_sent",
                reason="dry run",
                error="not sent: this was a dry run",
            )
            for batch in waves.every()
        ]
        summary = self._summary(deliveries)
        canary = self._options.canary
        self._tell(summary, more="" if canary is None else in_words(min(canary, decisions.sent)))
        return Ended(summary)

    def _without_thread(self, journal: Journal | None) -> Ended:
        """Send nothing, because no thread could be started to send."""
        summary = self._summary([], NO_THREAD, (), journal)
        history.remember(summary)
        self._tell(summary)
        return Ended(summary, RuntimeError(NO_THREAD.error))


def _noting(journal: Journal | None, reservation: Reservation | None) -> Callable[[Slice], None]:
    """Return a function that takes note of a slice before it is sent."""

    def note(part: Slice) -> None:
        if reservation is not None:
            reservation.add(part)
        if journal is not None:
            journal.note_slice(part.number, part.payloads.fingerprint)

    return note


class Struck(Exception):
    """Something struck the call before anything was sent."""


def _unless_struck(struck: Callable[[], object], slices: Iterator[Slice]) -> Generator[Slice]:
    """Yield slices that are only compared, as long as nothing strikes."""
    for part in slices:
        if struck():
            raise Struck
        yield part


def _error_of(call: Callable[[], object]) -> Exception | None:
    """Return the error of a call, which is raised later, with the summary."""
    try:
        call()
    except Exception as error:  # noqa: BLE001
        return error
    return None

"""A frame on its way: `prepare` checks it, and the result of the `Sending` is the summary."""

from __future__ import annotations

import math
import random
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NoReturn

from mixpanel_pandas.checking.decisions import check_frame
from mixpanel_pandas.checking.report import raise_errors, warn
from mixpanel_pandas.delivery import history
from mixpanel_pandas.delivery.interrupts import Interrupts, shielded
from mixpanel_pandas.delivery.pending import Delivery
from mixpanel_pandas.delivery.policy import Stop
from mixpanel_pandas.delivery.progress import Reporter
from mixpanel_pandas.delivery.summary import summarise, words
from mixpanel_pandas.delivery.throttle import Throttle
from mixpanel_pandas.delivery.waves import MergedOutcomes, Waves
from mixpanel_pandas.errors import (
    AlreadySent,
    ConnectionFailed,
    MixpanelError,
    OperationError,
    UploadError,
    UploadFailed,
    UploadInterrupted,
)
from mixpanel_pandas.payloads.fingerprint import key_of
from mixpanel_pandas.project import Project, current_project, destination

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Generator, Iterable, Iterator

    import pandas as pd

    from mixpanel_pandas.checking.decisions import Decisions
    from mixpanel_pandas.delivery.history import Reservation
    from mixpanel_pandas.delivery.interrupts import Shielded
    from mixpanel_pandas.delivery.journal import Journal, Run
    from mixpanel_pandas.delivery.progress import Progress
    from mixpanel_pandas.delivery.upload import Account, Upload
    from mixpanel_pandas.payloads.changes import Excluded
    from mixpanel_pandas.payloads.slices import Slice
    from mixpanel_pandas.rules.operation import Operation

__all__ = ["Sending", "prepare", "send"]


#: Seconds that the disk has to take the end of a run.
JOURNAL_SECONDS = 5.0

#: Why nothing is sent where the thread that called would have to do it.
NO_THREAD = Stop("error", "no thread could be started to send these rows: send the failures again")

#: Where a dry run goes: a token of the right length, so that sizes are right.
NOWHERE = Project("0" * 32, url="https://dry-run.invalid")


def send(frame: pd.DataFrame, operation: Operation) -> pd.DataFrame:
    """Check a frame, send it, and return the summary.

    Ctrl-C ends the call at once as long as nothing is sent; after that it stops the upload, which gives its account.

    Raises
    ------
    MixpanelError
        As `prepare` and `Sending.result` raise it.
    UploadInterrupted
        With the summary.
    """
    interrupts = Interrupts()
    try:
        with interrupts:
            sending = prepare(frame, operation)
            interrupts.at_once = False
            summary = sending.result(interrupts)
    finally:
        interrupts.restore()
    if interrupts.count:
        raise _interrupted(summary)
    return summary


def prepare(frame: pd.DataFrame, operation: Operation) -> Sending:
    """Check `frame`, and return what sends it when its result is asked for.

    Raises
    ------
    ValidationError
        If the frame holds errors.
    OperationError
        If the call makes no sense on the frame, a column cannot be read, or more profiles than `at_most` would be deleted.
    """
    began = time.perf_counter()
    project = NOWHERE if operation.options.dry_run else current_project(operation.options.project)
    decisions = check_frame(frame, operation)
    raise_errors(decisions)
    _refuse_too_many(decisions)
    warn(decisions)
    return Sending(decisions, project, began)


def _refuse_too_many(decisions: Decisions) -> None:
    if decisions.layout.operation.verb == "delete":
        most = decisions.layout.operation.options.at_most
        if decisions.sent > most:
            msg = (
                f"this deletes {decisions.sent:,} profiles for good, more than at_most={most:,}: nothing was sent; pass "
                f"at_most={decisions.sent} if that is what you mean"
            )
            raise OperationError(msg)


@dataclass(frozen=True)
class Ended:
    """How a sending ended.

    Attributes
    ----------
    summary : pandas.DataFrame
        What became of every row.
    error : BaseException or None
        What broke the upload.
    connection_failed : str or None
        Why the very first connection could not be made.
    """

    summary: pd.DataFrame
    error: BaseException | None = None
    connection_failed: str | None = None


class Sending:
    """A checked frame; `prepare` makes it.

    Its result is asked for once. Meanwhile other threads may look at its progress, and stop it.

    Parameters
    ----------
    inspection : Inspection
        The frame, and what becomes of its rows.
    project : Project
        Where to, and as whom.
    began : float
        When the call began, on the clock of `time.perf_counter`.
    """

    def __init__(self, decisions: Decisions, project: Project, began: float) -> None:
        self._inspection, self._project, self._began = decisions, project, began
        self._layout, self._operation = decisions.layout, decisions.layout.operation
        self._merged_outcomes = MergedOutcomes(decisions.changes.together)
        self._upload: Upload | None = None
        self._stop_asked = self._exposed = False

    def stop(self) -> None:
        """Send nothing else; what is on the wire has 5 seconds to answer."""
        self._stop_asked = True
        if self._upload is not None:
            self._upload.stop()

    def progress(self) -> Progress | None:
        """Return how far it is; None where nothing is sent."""
        return None if self._upload is None else self._upload.progress()

    def result(self, interrupts: Interrupts | None = None) -> pd.DataFrame:
        """Send, wait for the end, and return the summary.

        Parameters
        ----------
        interrupts : Interrupts, optional
            Ctrl-C, as far as it struck.

        Raises
        ------
        AlreadySent, JournalError
            If nothing is sent because of an earlier upload.
        UploadError, UploadInterrupted
            If it did not end as asked, with the summary.
        """
        pressed = interrupts or Interrupts()

        def work(outcome: Shielded[Ended]) -> Ended:
            self._exposed = outcome.exposed
            return self._send(lambda: pressed.count + len(outcome.strikes))

        outcome = shielded(work)
        try:
            ended = outcome.result()
        except Exception as error:  # nothing was sent: what struck says more
            if pressed.count:
                raise KeyboardInterrupt from error
            for strike in outcome.strikes:
                raise strike from error
            raise
        if pressed.count or any(isinstance(strike, KeyboardInterrupt) for strike in outcome.strikes):
            raise _interrupted(ended.summary)
        for strike in outcome.strikes:
            _raise_from(strike, ended.summary)
        if ended.error is not None:
            _raise_from(ended.error, ended.summary)
        if ended.connection_failed:
            msg = f"{self._project.place}: {ended.connection_failed}"
            raise ConnectionFailed(msg, ended.summary)
        _raise_if_failed(self._operation, ended.summary)
        return ended.summary

    # -- in a thread that nothing strikes -----------------------------------------------------------------------------

    def _send(self, strikes: Callable[[], int]) -> Ended:
        """Send, and say how it ended."""
        if self._operation.options.dry_run:
            return Ended(self._told(self._summary(self._not_sent())))
        return self._deliver(strikes)

    def _not_sent(self) -> list[Delivery]:
        """Make every batch, send none."""
        decisions = self._inspection
        waves = Waves(self._layout, decisions.changes, decisions.duplicates, self._project.token)
        return [
            Delivery(
                batch=batch.number,
                positions=batch.positions,
                updates=batch.updates,
                bytes=batch.nbytes,
                outcome="not_sent",
                reason="dry run",
                error="not sent: this was a dry run",
            )
            for batch in waves.every()
        ]

    def _deliver(self, strikes: Callable[[], int]) -> Ended:
        """Send the batches, and say how it ended."""
        journal = self._open_journal(strikes)
        try:
            if journal is not None and (run := self._repeated(journal, strikes)) is not None:
                return self._ended_before(run, journal.ended_at)
            return self._upload_all(journal, strikes)
        finally:
            if journal is not None:
                journal.close()

    def _open_journal(self, strikes: Callable[[], int]) -> Journal | None:
        """Open the journal that the call names, if it names one."""
        path = self._operation.options.journal
        if path is None:
            return None
        from mixpanel_pandas.delivery.journal import Journal
        from mixpanel_pandas.payloads.fingerprint import content_of

        content = content_of(self._layout, self._inspection.digest, self._project, self._inspection.excluded)
        remaining = self._operation.options.on_changed == "remaining"
        until = time.monotonic() + (self._operation.options.deadline or math.inf)
        return Journal(
            path,
            self._operation.options.run,
            content,
            remaining=remaining,
            hurried=lambda: bool(strikes()) or time.monotonic() >= until,
        )

    def _repeated(self, journal: Journal, strikes: Callable[[], int]) -> Run | None:
        """Return the run of the journal that this call repeats, if it has nothing left to try.

        Slices are compared before anything is sent where the journal asks for that. At the first difference it is another run.
        """
        if journal.compare_first:
            for part in _unless(strikes, self._waves(journal).every_slice()):
                if not journal.same_so_far(part.number, part.payloads.fingerprint):
                    journal.begin_afresh()
                    break
        return journal.finished

    def _ended_before(self, run: Run, ended_at: dt.datetime | None) -> Ended:
        """Return how a run ended that this call repeats."""
        when = f"{ended_at:%Y-%m-%d %H:%M} UTC"
        if self._operation.options.run is None:
            msg = (
                f"the same updates were already sent, until {when}, and would be applied twice: name another run to send them "
                f"again, such as run='2026-11-21'; {words(run.summary)}"
            )
            raise AlreadySent(msg, run.summary)
        history.remember(run.summary)
        return Ended(self._told(run.summary, f"the run had ended on {when}, and nothing was sent"))

    def _upload_all(self, journal: Journal | None, strikes: Callable[[], int]) -> Ended:
        """Send what is not settled, and say how it ended."""
        if self._exposed and self._rows(journal):  # a strike might come anywhere
            nothing = self._summary([], NO_THREAD, (), journal)
            history.remember(nothing)
            return Ended(self._told(nothing), RuntimeError(NO_THREAD.error))
        waves, rows, reservation = self._waves(journal), self._rows(journal), None
        if not self._operation.idempotent and rows:
            comparing = [True]
            reservation, slices = history.reserve(
                lambda: _unless(lambda: comparing and strikes(), waves.every_slice()),
                key_of(self._project),
                repeat=self._operation.options.repeat,
                journalled=None
                if journal is None
                else history.InRun(journal.place, journal.named, journal.resumed),
            )
            comparing.clear()  # from here on a strike stops the upload
            waves.start_with(slices)
            del slices
        summary: pd.DataFrame | None = None
        try:
            waves.passed = _noting(journal, reservation)
            account, reporter = self._run(waves, rows, journal, strikes)
            summary = self._summary(account.deliveries, account.stopped, waves.held, journal)
            history.remember(summary)
            unwritten = None
            if journal is not None:
                unwritten = _error_of(lambda: journal.end(waves.held, account.stopped, JOURNAL_SECONDS))
            self._told(summary, reporter=reporter)
            return Ended(summary, account.error or unwritten, account.connection_failed)
        finally:
            waves.close()
            if reservation is not None:
                if waves.whole:
                    reservation.finish()
                reservation.release(summary)

    def _run(
        self, waves: Waves, rows: int, journal: Journal | None, strikes: Callable[[], int]
    ) -> tuple[Account, Reporter]:
        """Run the upload, and return the account of it."""
        from mixpanel_pandas.delivery.state import UploadState
        from mixpanel_pandas.delivery.upload import ProfileClient, Upload

        operation, project, now = self._operation, self._project, time.monotonic()
        workers, deadline = operation.options.workers if rows else 0, operation.options.deadline
        state = UploadState(
            workers,
            idempotent=operation.idempotent,
            retries=project.retries,
            backoff=project.backoff,
            chance=random.random,
            throttle=Throttle(operation.options.requests_per_hour),
            deadline=math.inf if deadline is None else now + deadline,
            journalled=journal is not None,
            epoch=time.time() - now,
        )
        clients = [ProfileClient(project, operation.endpoint) for _ in range(workers)]
        reporter = Reporter(
            operation.verb, rows, operation.options.progress if rows else False, time.monotonic
        )
        notes = None if journal is None else Notes(journal, self._merged_outcomes)
        self._upload = Upload(waves, clients, state, reporter, rows, notes)
        if self._stop_asked or strikes():
            self._upload.stop()
        return self._upload.run(strikes), reporter

    def _waves(self, journal: Journal | None) -> Waves:
        """Return the batches of all rows that are not settled."""
        decisions, layout, changes = self._inspection, self._layout, self._inspection.changes
        if journal is None:
            return Waves(layout, changes, decisions.duplicates, self._project.token)
        # slices are compared with those of earlier sessions
        if journal.rows_per_slice != layout.rows_per_slice:
            layout, changes = (
                replace(layout, rows_per_slice=journal.rows_per_slice),
                replace(changes, read={}),
            )
        return Waves(
            layout,
            changes,
            decisions.duplicates,
            self._project.token,
            key_of(self._project),
            settled=journal.settled(),
            doubtful=journal.doubtful(),
            resent=journal.resent(),
        )

    def _rows(self, journal: Journal | None) -> int:
        """Return how many updates are left to send."""
        changes = self._inspection.changes
        if journal is not None:
            changes = replace(changes, excluded=changes.excluded | journal.settled())
        return changes.sent

    def _summary(
        self,
        deliveries: list[Delivery],
        stopped: Stop | None = None,
        held: Iterable[Excluded] = (),
        journal: Journal | None = None,
    ) -> pd.DataFrame:
        deliveries, excluded = self._merged_outcomes.of_rows(deliveries), self._inspection.excluded
        if journal is not None:
            from mixpanel_pandas.delivery.journal import without_delivered

            deliveries = journal.with_earlier(deliveries)
            held = [*journal.carried, *without_delivered(held, deliveries, self._layout.rows)]
        summary = summarise(
            deliveries,
            [*excluded, *held],
            operator=self._operation.verb,
            rows=self._layout.rows,
            digest=self._inspection.digest,
            idempotent=self._operation.idempotent,
            stopped=stopped,
        )
        identity = None if self._operation.options.dry_run else self._project.identity
        summary.attrs["mixpanel"] |= {"id": repr(self._layout.id.label), **destination(identity)}
        return summary

    def _told(self, summary: pd.DataFrame, more: str = "", reporter: Reporter | None = None) -> pd.DataFrame:
        """Say in one line what became of the rows, and return the summary."""
        text = words(summary, time.perf_counter() - self._began, self._project.place)
        reporter = reporter or Reporter(self._operation.verb, 0, False, time.monotonic)
        reporter.say("; ".join(part for part in (text, more) if part))
        return summary


@dataclass(frozen=True)
class Notes:
    """Notes on updates, written as notes on the rows that they are made of."""

    journal: Journal
    merged_outcomes: MergedOutcomes

    def write(self, deliveries: Iterable[Delivery], *, wait: bool) -> None:
        """Write down what becomes of rows if the process ends now."""
        self.journal.write(self.merged_outcomes.of_rows(deliveries), wait=wait)


def _noting(journal: Journal | None, reservation: Reservation | None) -> Callable[[Slice], None]:
    """Return what takes note of a slice before it is sent."""

    def note(part: Slice) -> None:
        if reservation is not None:
            reservation.add(part)
        if journal is not None:
            journal.note_slice(part.number, part.payloads.fingerprint)

    return note


class Struck(Exception):
    """Something struck the call before anything was sent."""


def _unless(struck: Callable[[], object], slices: Iterator[Slice]) -> Generator[Slice]:
    """Yield slices that are only compared, as long as nothing strikes."""
    for part in slices:
        if struck():
            raise Struck
        yield part


def _error_of(call: Callable[[], object]) -> Exception | None:
    try:
        call()
    except Exception as error:  # noqa: BLE001 (it is raised again, with the summary)
        return error
    return None


def _interrupted(summary: pd.DataFrame) -> UploadInterrupted:
    return UploadInterrupted("the upload was interrupted", summary)


def _raise_from(error: BaseException, summary: pd.DataFrame) -> NoReturn:
    """Raise what broke or struck an upload, with the summary.

    Two kinds of errors are raised as they are: those that are no `Exception`, as they are to end more than the upload, and our
    own from before the first request, as there is nothing to add.
    """
    if not isinstance(error, Exception) or (
        isinstance(error, MixpanelError) and not summary["attempts"].any()
    ):
        raise error
    msg = f"the upload ended with {error if isinstance(error, MixpanelError) else type(error).__name__}"
    raise UploadError(msg, summary) from error


def _raise_if_failed(operation: Operation, summary: pd.DataFrame) -> None:
    """Raise if rows failed and `check` asks for an error then."""
    check = operation.options.check
    counts = {
        name: int(summary[name].sum()) for name in ("accepted", "rejected", "unknown", "not_sent", "invalid")
    }
    failed = sum(counts[name] for name in ("rejected", "unknown", "not_sent", "invalid"))
    nothing = summary["attempts"].sum() > 0 and not counts["accepted"]
    if (check is None and nothing) or (check is True and failed):
        listed = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items() if count)
        errors = summary["error"].dropna()
        first = f"; the first error: {errors.iloc[0]}" if len(errors) else ""
        msg = f"{operation.verb}: {listed}{first}"
        raise UploadFailed(msg, summary)

"""A frame on its way: `prepare` checks it, and the result of the `Sending` is the summary."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from mixpanel_pandas.delivery.history import digest_of, refuse_repetition, remember
from mixpanel_pandas.delivery.pending import Delivery
from mixpanel_pandas.delivery.summary import summarise, words
from mixpanel_pandas.delivery.throttle import Throttle
from mixpanel_pandas.errors import (
    ConnectionFailed,
    MixpanelError,
    OperationError,
    UploadError,
    UploadFailed,
    UploadInterrupted,
    in_our_words,
)
from mixpanel_pandas.order import Sharing, Waves
from mixpanel_pandas.payloads.slices import encode_slices
from mixpanel_pandas.project import Project, current_project, destination
from mixpanel_pandas.report import raise_errors, warn
from mixpanel_pandas.validation import checked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pandas as pd

    from mixpanel_pandas.delivery.journal import Journal
    from mixpanel_pandas.delivery.policy import Stop
    from mixpanel_pandas.delivery.summary import LeftOut
    from mixpanel_pandas.delivery.upload import Progress, Upload
    from mixpanel_pandas.inspection import Inspection
    from mixpanel_pandas.rules.options import Operation

__all__ = ["Sending", "prepare"]

logger = logging.getLogger("mixpanel_pandas")

#: Where a dry run goes: a token of the right length, so that sizes are right.
NOWHERE = Project("0" * 32, url="https://dry.run")


def prepare(frame: pd.DataFrame, operation: Operation) -> Sending:
    """Check `frame`, and return what sends it when its result is asked for.

    Raises
    ------
    ValidationError
        If the frame holds errors.
    AlreadySent
        If the updates must not be applied twice, and this process has sent them.
    OperationError
        If the frame or an option cannot be read, or the operation would delete more profiles than `at_most`.
    """
    began = time.perf_counter()
    project = NOWHERE if operation.option("dry_run") else current_project(operation.option("project"))
    inspection, problems = checked(frame, operation)
    with in_our_words():
        raise_errors(inspection.frame, inspection.plan, problems)
        _refuse_too_many(inspection)
        warn(inspection.plan, problems)
    digest = _digest_of_updates(inspection, project)
    journal = _journal_of(inspection, project)
    try:
        if digest is not None and not operation.option("repeat") and not (journal and journal.resumed):
            refuse_repetition(digest)
        return Sending(inspection, project, digest, journal, began)
    except BaseException:
        if journal is not None:
            journal.close()
        raise


def _refuse_too_many(inspection: Inspection) -> None:
    if inspection.plan.operation.verb == "delete":
        most = inspection.plan.operation.option("at_most")
        if inspection.sent > most:
            msg = (
                f"this deletes {inspection.sent:,} profiles for good, more than at_most={most:,}: nothing was sent; pass "
                f"at_most={inspection.sent} if that is what you mean"
            )
            raise OperationError(msg)


def _digest_of_updates(inspection: Inspection, project: Project) -> bytes | None:
    """Return the digest of updates that must not be applied twice; None for others."""
    operation = inspection.plan.operation
    if operation.idempotent or operation.option("dry_run") or not inspection.sent:
        return None
    with in_our_words():
        return digest_of(encode_slices(inspection.plan, inspection.changes), project)


def _journal_of(inspection: Inspection, project: Project) -> Journal | None:
    """Return the run that is written down, if one is."""
    operation = inspection.plan.operation
    path = operation.option("journal")
    if path is None or operation.option("dry_run"):
        return None
    from mixpanel_pandas.content import content_of
    from mixpanel_pandas.delivery.journal import Journal

    with in_our_words():
        content = content_of(inspection, project)
    return Journal(
        path, operation.option("run"), content, remaining=operation.option("on_changed") == "remaining"
    )


class Sending:
    """A checked frame; `prepare` makes it.

    Its result is asked for once. Meanwhile other threads may look at its progress, and stop it.

    Parameters
    ----------
    inspection : Inspection
        The frame, and what becomes of its rows.
    project : Project
        Where to, and as whom.
    digest : bytes or None
        Of updates that must not be applied twice.
    journal : Journal or None
        The run that is written down: rows that are settled in it are not sent.
    began : float
        When the call began, on the clock of `time.perf_counter`.
    """

    def __init__(
        self,
        inspection: Inspection,
        project: Project,
        digest: bytes | None,
        journal: Journal | None,
        began: float,
    ) -> None:
        self._inspection, self._project, self._digest, self._began = inspection, project, digest, began
        self._operation, self._journal = inspection.plan.operation, journal
        changes = inspection.changes
        if journal is not None:
            changes = replace(changes, left_out=changes.left_out | journal.settled())
        self._rows, self._sharing = changes.sent, Sharing(changes.together)
        self._waves = Waves(inspection.plan, changes, inspection.repeats, project.token)
        self._upload = self._start() if self._rows and not self._operation.option("dry_run") else None

    def _start(self) -> Upload:
        from mixpanel_pandas.delivery.upload import start

        operation = self._operation
        return start(
            self._waves.first(),
            self._project,
            operation.endpoint,
            idempotent=operation.idempotent,
            workers=operation.option("workers"),
            label=operation.verb,
            rows=self._rows,
            progress=operation.option("progress"),
            gate=Throttle(
                per_hour=operation.option("requests_per_hour"), deadline=operation.option("deadline")
            ),
            later=self._waves.later,
            record=None if self._journal is None else self._write_down,
            begin=False,
        )

    def stop(self) -> None:
        """Send nothing else; what is on the wire has 5 seconds to answer."""
        if self._upload is not None:
            self._upload.stop()

    def progress(self) -> Progress | None:
        """Return how far it is; None where nothing is sent."""
        return None if self._upload is None else self._upload.progress()

    def result(self) -> pd.DataFrame:
        """Send, wait for the end, and return the summary.

        Raises
        ------
        UploadError, UploadInterrupted
            If it did not end as asked, with the summary.
        """
        try:
            if self._operation.option("dry_run"):
                return self._said(self._summary(self._not_sent()))
            if self._upload is None:
                self._write_down_the_end(None)
                return self._said(self._summary([]))
            return self._deliver(self._upload)
        finally:
            if self._journal is not None:
                self._journal.close()

    def _not_sent(self) -> list[Delivery]:
        """Make every batch, send none."""
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
            for batch in self._waves.every()
        ]

    def _deliver(self, upload: Upload) -> pd.DataFrame:
        """Send the batches, and return the summary or raise with it."""
        from mixpanel_pandas.delivery.upload import unbroken

        broken = _exception_of(upload.result)

        def account() -> tuple[pd.DataFrame, Exception | None]:
            summary = self._summary(upload.deliveries, upload.stopped, self._waves.held)
            remember(summary, self._digest)
            unwritten = _exception_of(lambda: self._write_down_the_end(upload.stopped))
            return self._said(summary, upload.say), broken or unwritten

        (summary, broken), struck = unbroken(account)
        if broken is not None:
            msg = f"the upload ended with {broken if isinstance(broken, MixpanelError) else type(broken).__name__}"
            raise UploadError(msg, summary) from broken
        if upload.interrupted or struck:
            msg = "the upload was interrupted"
            raise UploadInterrupted(msg, summary)
        if upload.connection_failed:
            msg = f"{self._project.place}: {upload.connection_failed}"
            raise ConnectionFailed(msg, summary)
        _raise_if_failed(self._operation, summary)
        return summary

    def _write_down(self, deliveries: list[Delivery]) -> None:
        if self._journal is not None:
            self._journal.record(self._sharing.of_rows(deliveries))

    def _write_down_the_end(self, stopped: Stop | None) -> None:
        if self._journal is not None:
            self._journal.end(self._waves.held, stopped)

    def _summary(
        self, deliveries: list[Delivery], stopped: Stop | None = None, held: Iterable[LeftOut] = ()
    ) -> pd.DataFrame:
        plan, left_out = self._inspection.plan, [*self._inspection.left_out, *held]
        deliveries = self._sharing.of_rows(deliveries)
        if self._journal is not None:
            deliveries, left_out = self._journal.together(deliveries), [*left_out, *self._journal.carried]
        summary = summarise(
            deliveries,
            left_out,
            operator=plan.operation.verb,
            rows=plan.rows,
            digest=self._inspection.digest,
            idempotent=plan.operation.idempotent,
            stopped=stopped,
        )
        identity = None if self._operation.option("dry_run") else self._project.identity
        summary.attrs["mixpanel"] |= {"id": repr(plan.id.label), **destination(identity)}
        return summary

    def _said(self, summary: pd.DataFrame, say: Callable[[str], None] | None = None) -> pd.DataFrame:
        """Say in one line what became of the rows, and return the summary."""
        text = words(summary, time.perf_counter() - self._began, self._project.place)
        logger.info(text)
        if say is not None:
            say(text)
        return summary


def _exception_of(call: Callable[[], object]) -> Exception | None:
    try:
        call()
    except Exception as error:  # noqa: BLE001 (it is raised again, with the summary)
        return error
    return None


def _raise_if_failed(operation: Operation, summary: pd.DataFrame) -> None:
    """Raise where `check` asks for it."""
    check = operation.option("check")
    counts = {
        name: int(summary[name].sum()) for name in ("accepted", "rejected", "unknown", "not_sent", "invalid")
    }
    failed = sum(counts[name] for name in ("rejected", "unknown", "not_sent", "invalid"))
    nothing = summary["attempts"].sum() > 0 and not counts["accepted"]
    if (check is None and nothing) or (check is True and failed):
        said = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items() if count)
        errors = summary["error"].dropna()
        first = f"; the first error: {errors.iloc[0]}" if len(errors) else ""
        msg = f"{operation.verb}: {said}{first}"
        raise UploadFailed(msg, summary)

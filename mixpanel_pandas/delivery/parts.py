"""`Parts`: the parts of one upload, sent one after the other under one deadline, one throttle and one progress bar."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from mixpanel_pandas.delivery.canary import prove
from mixpanel_pandas.delivery.merged import deliveries_of_rows
from mixpanel_pandas.delivery.state import DEADLINE, UploadState
from mixpanel_pandas.delivery.throttle import Throttle
from mixpanel_pandas.delivery.upload import STOPPED, ProfileClient, Upload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import numpy as np

    from mixpanel_pandas.delivery.canary import Canaries, Unproven
    from mixpanel_pandas.delivery.journal import Journal
    from mixpanel_pandas.delivery.pending import Delivery
    from mixpanel_pandas.delivery.policy import Stop
    from mixpanel_pandas.delivery.progress import Progress, Reporter
    from mixpanel_pandas.delivery.upload import Account
    from mixpanel_pandas.delivery.waves import Waves
    from mixpanel_pandas.payloads.duplicates import Duplicates
    from mixpanel_pandas.project import Project
    from mixpanel_pandas.rules.operation import Operation

__all__ = ["Parts"]


@dataclass(frozen=True)
class Notes:
    """Writes what becomes of updates to a journal, as what becomes of the rows that they are made of."""

    journal: Journal
    merged: Duplicates

    def write(self, deliveries: Iterable[Delivery], *, wait: bool) -> None:
        """Write what becomes of the rows if the process ends now."""
        self.journal.write(deliveries_of_rows(deliveries, self.merged), wait=wait)


class Parts:
    """The parts of one upload.

    Parameters
    ----------
    operation : Operation
        What is sent, and how.
    project : Project
        Where to.
    rows : int
        Updates of all parts.
    reporter : Reporter
        Shows the progress of all parts.
    notes : Notes or None
        Where it is noted.
    until : float
        When no request begins any more, on the clock of `time.monotonic`.
    strikes : callable
        Returns how often the caller was interrupted.
    """

    def __init__(
        self,
        operation: Operation,
        project: Project,
        rows: int,
        reporter: Reporter,
        notes: Notes | None,
        until: float,
        strikes: Callable[[], int],
    ) -> None:
        self._operation, self._project, self._notes = operation, project, notes
        self._rows, self._reporter = rows, reporter
        self._until, self._strikes = until, strikes
        self._upload: Upload | None = None
        self._state: UploadState | None = None
        self._stopped = False
        self._waiting = ""

    def stop(self) -> None:
        """Send nothing else. Requests that are on the wire have 5 seconds to be answered."""
        self._stopped = True
        if self._upload is not None:
            self._upload.stop()

    def ended(self) -> Stop | None:
        """Return why nothing else is sent; None as long as something may be sent."""
        if self._stopped or self._strikes():
            return STOPPED
        return DEADLINE if time.monotonic() >= self._until else None

    def progress(self) -> Progress | None:
        """Return the progress; None before the first part."""
        return None if self._upload is None else self._shown(self._upload)

    def _shown(self, upload: Upload) -> Progress:
        progress = upload.progress()
        return replace(progress, waiting=self._waiting) if self._waiting else progress

    def show(self, waiting: str) -> None:
        """Show what is waited for between two parts, in words; empty if nothing is."""
        self._waiting = waiting
        if self._upload is not None:
            self._reporter.show(self._shown(self._upload))

    def say(self, text: str) -> None:
        """Write a line to the log."""
        self._reporter.say(f"{self._operation.verb}: {text}", event="canary")

    def send(
        self,
        all_waves: Sequence[Waves],
        canaries: Canaries | None,
        accepted: Callable[[Account], np.ndarray],
    ) -> tuple[Account, Unproven | None]:
        """Send all parts, and return the results of their rows, and why the canaries are no proof. None: they are, or there are none.

        Parameters
        ----------
        all_waves : sequence of Waves
            The batches of each part. The first one is that of the canaries, if there are two.
        canaries : Canaries or None
            Looks for them.
        accepted : callable
            Returns the mask of the rows that are accepted so far.
        """
        first, *others = all_waves
        account, unproven = self._run(first, goes_on=bool(others)), None
        if others and canaries is not None:
            unproven = prove(canaries, account, partial(accepted, account), self)
        if unproven is None:
            for waves in others:
                waves.batches = first.batches
                account = self._run(waves, goes_on=True)
        if others and self._upload is not None:
            self._reporter.end(self._upload.progress())
        return account, unproven

    def _run(self, waves: Waves, *, goes_on: bool) -> Account:
        """Send the rows of some waves, and return the outcomes of all rows so far.

        Parameters
        ----------
        goes_on : bool
            Whether another part may follow, so that the progress bar stays open.
        """
        operation, project, now = self._operation, self._project, time.monotonic()
        workers = operation.options.workers if self._rows else 0
        state = UploadState(
            workers,
            idempotent=operation.idempotent,
            retries=project.retries,
            backoff=project.backoff,
            chance=random.random,
            throttle=Throttle(operation.options.requests_per_hour),
            deadline=self._until,
            journalled=self._notes is not None,
            epoch=time.time() - now,
        )
        if self._state is not None:
            state.continue_from(self._state)
        clients = [ProfileClient(project, operation.endpoint) for _ in range(workers)]
        self._state = state
        self._upload = upload = Upload(waves, clients, state, self._reporter, self._rows, self._notes)
        if self._stopped or self._strikes():
            upload.stop()
        return upload.run(self._strikes, goes_on=goes_on)

"""A plan is applied: guards -> profiles are read again -> backup -> each step, without what is done or has changed -> summary."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.delivery import canary
from mixpanel_pandas.delivery.ending import interrupted, raise_from
from mixpanel_pandas.delivery.history import remember
from mixpanel_pandas.delivery.journal import applied_in_run
from mixpanel_pandas.delivery.steps import joined_steps
from mixpanel_pandas.delivery.summary import outcomes, summarise
from mixpanel_pandas.delivery.summary_in_words import already_sent_at
from mixpanel_pandas.errors import (
    AccountError,
    BackupError,
    DriftError,
    OptionError,
    UploadError,
    UploadInterrupted,
    choices,
)
from mixpanel_pandas.payloads.arrays import mask_of
from mixpanel_pandas.payloads.changes import Excluded
from mixpanel_pandas.payloads.ids import ids_of_all_rows
from mixpanel_pandas.pipeline.line import send_checked
from mixpanel_pandas.plans.comparing import compare, proven
from mixpanel_pandas.plans.guards import Guards
from mixpanel_pandas.plans.sealing import digest_of_plan, project_of_plan
from mixpanel_pandas.plans.snapshot import Snapshot, in_doubt
from mixpanel_pandas.profiles.backup import write_backup
from mixpanel_pandas.profiles.rereading import read_now
from mixpanel_pandas.rules.keywords import SendingOptions
from mixpanel_pandas.rules.operation import operation, refuse_unknown_options
from mixpanel_pandas.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from os import PathLike

    from mixpanel_pandas.checking.decisions import Decisions
    from mixpanel_pandas.plans.steps import Planned, Step
    from mixpanel_pandas.profiles.held import HeldProfiles
    from mixpanel_pandas.project import Project

__all__ = ["apply_plan", "drift_of_plan"]

DRIFTED = "the profile has changed since the plan was made: plan.drift() lists the changes"

logger: logging.Logger = logging.getLogger("mixpanel_pandas")


def apply_plan(
    plan: Planned,
    project: Project | None,
    backup: str | PathLike[str] | Literal[True] | None,
    drift: str | None,
    wait: bool,
    guards: Guards,
    options: Mapping[str, Any],
) -> pd.DataFrame:
    """Send what a plan says, and return the summary.

    Parameters
    ----------
    plan, project, backup, wait, guards, options
        As `Plan.apply` takes them.
    drift : str or None
        The same. None: the profiles are not compared, and read only for the backup. So it is where the plan knows no drift.
    """
    own = ["backup", "drift", "wait", *(guard.name for guard in fields(Guards))]
    refuse_unknown_options("apply", options, [*own, *SendingOptions.__annotations__])
    if drift not in {None, "leave_out", "raise"}:
        msg = f"drift={drift!r} is not one of {choices(['leave_out', 'raise'])}"
        raise OptionError(msg)
    project = project_of_plan(plan, project)
    guards.check(plan, project)
    applying = Applying(plan, project, options, wait)
    is_compared = (drift is not None and plan.origin.is_read) or backup is not None
    if is_compared and applying.has_work and not options.get("dry_run"):
        applying.look(backup, refuses=drift == "raise")
    return applying.run()


def drift_of_plan(plan: Planned, project: Project | None, wait: bool) -> pd.DataFrame:
    """Return what has changed since a plan was made."""
    now = _read_now(plan, project_of_plan(plan, project), plan.steps, wait)
    return _drift(plan, now)


def _drift(plan: Planned, now: HeldProfiles) -> pd.DataFrame:
    parts = [compare(step, now, plan.origin).drift for step in plan.steps]
    return pd.concat(parts, ignore_index=True)


def _read_now(
    plan: Planned, project: Project, steps: Iterable[Step], wait: bool, also: pa.Array | None = None
) -> HeldProfiles:
    """Return what the profiles of some steps hold now, and those of further ids."""
    steps = list(steps)
    ids = [step.cells["id"].unique() for step in steps]
    ids += [] if also is None else [also]
    deletes = any(step.operation.verb == "delete" for step in steps)
    names = {name for step in steps for name in step.cells["property"].unique().to_pylist()} - {None}
    return read_now(
        project,
        pa.concat_arrays(ids).unique(),
        None if deletes else sorted(names),
        plan.group,
        where=plan.origin.where,
        total=plan.origin.total,
        wait=wait,
    )


@dataclass(frozen=True)
class _RowsBefore:
    """What is known of the rows of a step before it is sent, as masks.

    Attributes
    ----------
    whole, in_part
        Earlier calls have sent all rows of the id, or some of them, as the journal tells.
    as_planned
        The profile was read, and is as the step leaves it.
    """

    whole: np.ndarray
    in_part: np.ndarray
    as_planned: np.ndarray

    @property
    def done(self) -> np.ndarray:
        """The rows that need not be sent."""
        done: np.ndarray = self.whole | self.as_planned
        return done


@dataclass
class Applying:
    """A plan that is applied.

    Attributes
    ----------
    plan, project, options, wait
        As `apply_plan` takes them.
    now : HeldProfiles or None
        What the profiles held before the first step. None: they were not read.
    """

    plan: Planned
    project: Project
    options: Mapping[str, Any]
    wait: bool
    now: HeldProfiles | None = None
    _sent_before: dict[int, pd.DataFrame] = field(default_factory=dict)
    _rows: dict[int, _RowsBefore] = field(default_factory=dict)
    _has_sent: bool = False

    @cached_property
    def digest(self) -> str:
        """What identifies what the plan does, in a backup."""
        return digest_of_plan(self.plan, self.project)

    @property
    def has_work(self) -> bool:
        """Whether there is anything to send."""
        return any(len(step.cells) for step in self.plan.steps)

    @property
    def journal(self) -> str | PathLike[str] | None:
        """The journal that the call names, else that of the plan's file."""
        beside = None if self.plan.path is None else f"{self.plan.path}.journal"
        named: str | PathLike[str] | None = self.options.get("journal", beside)
        return named

    # -- before anything is sent --------------------------------------------------------------------------------------

    def look(self, backup: str | PathLike[str] | Literal[True] | None, *, refuses: bool) -> None:
        """Read the profiles again, refuse the plan if it asks for that, and write the backup.

        Raises
        ------
        AccountError
            If the profiles cannot be read, and those that have changed are to refuse the plan.
        BackupError
            If there can be no backup.
        DriftError
            If profiles have changed, and that refuses the plan.
        """
        try:
            self.now = self._read(self.plan.steps)
        except AccountError as error:
            _refuse_without_account(error, backup=backup is not None, drift=refuses)
            logger.warning(
                "apply: without a service account the profiles are not compared with the plan, and there is no backup"
            )
            return
        drift = _drift(self.plan, self.now)
        before = self.sent_before(0)
        drift = drift[~drift["id"].isin(before.index[before["some"] | before["doubt"]])]
        if len(drift):
            words = f"{counted(drift['id'].nunique(), 'profile')} changed since the plan was made"
            if refuses:
                msg = f"{words}: nothing was sent"
                raise DriftError(msg, drift)
            logger.warning("apply: %s and left out; plan.drift() lists what changed", words)
        if backup is not None:
            path = self._default_backup() if backup is True else Path(backup).expanduser()
            self._write_backup(path, self.now, without=drift["id"])

    def _write_backup(self, path: Path, now: HeldProfiles, without: pd.Series[Any]) -> None:
        cells = pa.concat_tables([step.cells for step in self.plan.steps])
        is_left_out = pc.is_in(cells["id"], value_set=pa.array(without, pa.large_string()))
        write_backup(
            path, self.digest, self.project, self.plan.group, cells.filter(pc.invert(is_left_out)), now
        )

    def _default_backup(self) -> Path:
        if self.plan.path is not None:
            return Path(self.plan.path).with_suffix(".backup.parquet")
        return Path(f"mixpanel-{self.digest[:12]}.backup.parquet")

    def _read(self, steps: Iterable[Step], also: pa.Array | None = None) -> HeldProfiles:
        return _read_now(self.plan, self.project, steps, self.wait, also)

    # -- the steps ----------------------------------------------------------------------------------------------------

    def run(self) -> pd.DataFrame:
        """Send each step, and return the summary of all. Whatever ends a later step, the error carries the summary."""
        summaries: list[pd.DataFrame] = []
        for number in range(len(self.plan.steps)):
            try:
                self._step(number, summaries)
            except (UploadError, UploadInterrupted) as error:
                error.summary = self._all_of(summaries)
                raise
            except KeyboardInterrupt as error:
                raise interrupted(self._all_of(summaries)) from error
            except Exception as error:  # noqa: BLE001  # it is raised again, with the summary
                raise_from(error, self._all_of(summaries))
        summary = self._all_of(summaries)
        if when := already_sent_at(summary):
            logger.info("apply: the plan was already applied on %s, and nothing was sent now", when)
        return summary

    def _step(self, number: int, summaries: list[pd.DataFrame]) -> None:
        """Send a step, and add its summary, before anything else is done that could fail."""
        step = self.plan.steps[number]
        decisions = step.make().copy()
        now = self.now
        if step.proof is not None and not self.options.get("dry_run"):
            now = self._wait_for_proof(number, step.proof, decisions)
        self._leave_out(number, step, decisions, now)
        self._expect(number, decisions)
        try:
            summaries.append(self._send(number, decisions))
        except (UploadError, UploadInterrupted) as error:
            summaries.append(error.summary)
            self._remember(number, decisions, error.summary)
            raise
        self._has_sent |= bool(summaries[-1]["requests"].any())
        self._remember(number, decisions, summaries[-1])

    def _all_of(self, summaries: list[pd.DataFrame]) -> pd.DataFrame:
        """Return the summary of all steps, of which some may not have been reached; `last_summary` returns it from now on."""
        not_reached = map(self._not_reached, self.plan.steps[len(summaries) :])
        summary = joined_steps([*summaries, *not_reached])
        if summaries and not self.options.get("dry_run"):
            remember(summary)
        return summary

    def _send(self, number: int, decisions: Decisions) -> pd.DataFrame:
        layout = decisions.layout
        asked = layout.operation
        sending = {**self.options, "project": self.project, "journal": self.journal}
        if self.journal is not None:
            sending |= {"run": self._run(number), "on_changed": "remaining"}
        # all verbs take these options; an unset that changes nothing has no properties, which it could not be called with
        checked = operation("set", None, None, None, sending)
        named = {**asked.named, **checked.named}
        if asked.verb == "delete":
            named["at_most"] = len(decisions.frame)  # the guard has counted them
        layout = replace(layout, operation=replace(asked, named=named))
        return send_checked(replace(decisions, layout=layout))

    # -- the snapshot -------------------------------------------------------------------------------------------------

    @cached_property
    def _snapshot(self) -> Snapshot | None:
        """What was last accepted, before the next step. None: the plan has no such file, or nothing is sent."""
        if self.plan.since is None or self.options.get("dry_run"):
            return None
        return Snapshot.of(self.plan.since, self.project, self.plan.group)

    def _expect(self, number: int, decisions: Decisions) -> None:
        """Write to the snapshot which values a step sends, in case the process ends before it records their outcomes."""
        step = self.plan.steps[number]
        is_sent = ~(decisions.changes.excluded | self._rows[number].done)
        if self._snapshot is not None and is_sent.any():
            cells = step.cells.filter(pa.array(is_sent[_rows_of(step, decisions)]))
            self._snapshot.with_cells(in_doubt(cells, np.ones(len(cells), bool))).save()

    def _remember(self, number: int, decisions: Decisions, summary: pd.DataFrame) -> None:
        """Write to the snapshot what was accepted now, is there already, or may have arrived.

        What an earlier call has sent is no part of it: that call wrote it, and a later plan may have replaced it.
        """
        if self._snapshot is None or already_sent_at(summary):
            return
        step, before = self.plan.steps[number], self._rows[number]
        became = outcomes(summary, decisions.frame.index, decisions.digest)["outcome"].to_numpy()
        is_accepted = (became == "accepted") & ~before.whole
        is_unsure = (became == "unknown") | (is_accepted & before.in_part)
        is_there = is_accepted | before.as_planned
        rows = _rows_of(step, decisions)
        cells = in_doubt(step.cells, is_unsure[rows]).filter(pa.array((is_there | is_unsure)[rows]))
        self._snapshot = self._snapshot.with_cells(cells)
        self._snapshot.save()

    def _run(self, number: int) -> str:
        """Return the name of the run of a step."""
        name = self.plan.name or self.digest
        return name if number == 0 else f"{name}/{number + 1}"

    def sent_before(self, number: int) -> pd.DataFrame:
        """Return by id what earlier calls have sent of a step, as the journal tells."""
        if number not in self._sent_before:
            self._sent_before[number] = applied_in_run(self.journal, self._run(number))
        return self._sent_before[number]

    def _leave_out(self, number: int, step: Step, decisions: Decisions, now: HeldProfiles | None) -> None:
        """Exclude the rows of profiles that are as the step leaves them, or have changed. What the journal knows is left to it."""
        layout = decisions.layout
        ids = ids_of_all_rows(layout)
        before = self.sent_before(number)
        whole = _are_in(ids, before.index[before["whole"]])
        is_open = ~_are_in(ids, before.index[before["some"] | before["doubt"]])
        as_planned = np.zeros(layout.rows, bool)
        if now is not None:
            compared = compare(step, now, self.plan.origin)
            as_planned = mask_of(pc.is_in(ids, value_set=compared.done)) & is_open
            has_drift = mask_of(pc.is_in(ids, value_set=compared.drifted)) & is_open
            decisions.exclude(as_planned, "skipped", "already so", "the profile already has these values")
            decisions.exclude(has_drift, "not_sent", "drift", DRIFTED)
        self._rows[number] = _RowsBefore(whole, ~is_open & ~whole, as_planned)

    def _wait_for_proof(self, number: int, proof: pa.Table, decisions: Decisions) -> HeldProfiles:
        """Wait until the values of the earlier steps are read back. Exclude those that are not, and return what was read."""
        before, step = self.plan.steps[:number], self.plan.steps[number]
        of = proof["of"].combine_chunks().unique()
        for seconds in canary.PAUSES if self._has_sent else (0.0, *canary.PAUSES):
            canary.rest(seconds, lambda: False, lambda _left: None)
            now = self._read((*before, step), also=of)
            seen = proven(before, of, now)
            if len(seen) == len(of):
                break
            logger.info("apply: %s of %s read back so far", f"{len(seen):,}", counted(len(of), "profile"))
        layout = decisions.layout
        ids = ids_of_all_rows(layout)
        safe = proof["id"].combine_chunks().filter(pc.is_in(proof["of"].combine_chunks(), value_set=seen))
        decisions.exclude(
            ~mask_of(pc.is_in(ids, value_set=safe)),
            "not_sent",
            "not proven",
            f"what replaces it was not read back within {sum(canary.PAUSES):.0f} s: apply the plan again later",
        )
        return now

    def _not_reached(self, step: Step) -> pd.DataFrame:
        """Return the summary of a step that was not begun."""
        decisions = step.make().copy()
        rows = np.flatnonzero(~decisions.changes.excluded)
        not_reached = Excluded(
            rows, "not_sent", "not reached", "the step before it did not finish: apply the plan again"
        )
        return summarise(
            [],
            [*decisions.excluded, not_reached],
            operator=decisions.layout.operation.verb,
            rows=decisions.layout.rows,
            digest=decisions.digest,
            idempotent=decisions.layout.operation.idempotent,
        )


def _refuse_without_account(error: AccountError, *, backup: bool, drift: bool) -> None:
    """Refuse a plan whose profiles cannot be read, if it asks for a backup, or to be refused where they have changed."""
    if backup:
        msg = (
            f"a plan is applied after its profiles were read again and kept in a backup, and {error}. Pass backup=None to apply "
            "it without a backup: the profiles are then not compared with the plan, and the change cannot be undone"
        )
        raise BackupError(msg) from error
    if drift:
        msg = f"drift='raise' cannot be checked: {error}; nothing was sent"
        raise AccountError(msg) from error


def _are_in(ids: pa.Array, others: pd.Index[Any]) -> np.ndarray:
    return mask_of(pc.is_in(ids, value_set=pa.array(others, pa.large_string())))


def _rows_of(step: Step, decisions: Decisions) -> np.ndarray:
    """Return the row of each cell in the frame that is sent: that of the call, or of an opened plan one made of the cells."""
    positions, rows = step.cells["position"].to_numpy(), step.rows
    is_of_cells = len(rows) == decisions.layout.rows
    row_of_cell: np.ndarray = np.searchsorted(rows, positions) if is_of_cells else positions
    return row_of_cell

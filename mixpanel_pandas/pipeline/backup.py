"""The step before unset and delete send anything: what they remove is read, and kept in a file that `open_backup` opens."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from mixpanel_pandas.checking.findings import finding_of
from mixpanel_pandas.errors import AccountError, BackupError, OperationError, ProjectError, ReadError
from mixpanel_pandas.project import current_project
from mixpanel_pandas.rules.checks import CHECKS

if TYPE_CHECKING:
    from mixpanel_pandas.checking.decisions import Decisions
    from mixpanel_pandas.delivery.sending import Sending
    from mixpanel_pandas.project import Project
    from mixpanel_pandas.rules.operation import Operation

__all__ = ["find_missing_backup", "obstacle_to_reading", "refuse_without_backup", "with_backup"]

WAY_OUT = "nothing was sent; backup=None sends without a backup"

logger: logging.Logger = logging.getLogger("mixpanel_pandas")


def refuse_without_backup(asked: Operation, project: Project) -> None:
    """Refuse a call that names a backup which cannot be made.

    Raises
    ------
    BackupError
        If the profiles cannot be read, for want of a service account or the number of the group key.
    """
    if (
        _wants_backup(asked)
        and asked.options.backup is not True
        and (obstacle := obstacle_to_reading(asked, project))
    ):
        msg = f"backup={str(asked.options.backup)!r} cannot be made: {obstacle}; {WAY_OUT}"
        raise BackupError(msg)


def find_missing_backup(decisions: Decisions) -> None:
    """Report that there will be no backup although the call asks for one. Without a project that is not known."""
    asked = decisions.layout.operation
    if not _wants_backup(asked):
        return
    try:
        project = current_project(asked.options.project)
    except ProjectError:
        return
    if obstacle_to_reading(asked, project):
        decisions.report(finding_of(CHECKS["no_backup"], decisions.layout), None)


def with_backup(sending: Sending) -> Sending:
    """Read what the rows that are sent remove, and keep it in a file. What is sent stays the same.

    Without a service account nothing is kept, which `find_missing_backup` reports.

    Raises
    ------
    ReadError
        If the profiles cannot be read.
    BackupError
        If the file cannot be written, or holds something else.
    DamagedFile
        If it is not a backup, or was changed.
    """
    asked = sending.decisions.layout.operation
    if _wants_backup(asked) and sending.decisions.sent and not obstacle_to_reading(asked, sending.project):
        sending.backup = _write(sending.decisions, sending.project)
    return sending


def _write(decisions: Decisions, project: Project) -> Path | None:
    """Write the backup, and return its path. None: there is nothing to keep, and the call names no file."""
    from mixpanel_pandas.payloads.fingerprint import content_of
    from mixpanel_pandas.profiles.backup import earlier_backup, write_backup
    from mixpanel_pandas.profiles.cells import PlannedRows, cells_of
    from mixpanel_pandas.profiles.rereading import read_profiles_of

    layout = decisions.layout
    asked = layout.operation
    digest = content_of(layout, decisions.digest, project).name
    named = asked.named.get("backup")
    path = Path(named or f"mixpanel-{asked.verb}-{digest[:12]}.backup.parquet").expanduser()
    earlier_backup(path, digest, project)  # the file of another change is refused before a query is spent
    try:
        held = read_profiles_of(decisions, project, label="backup")
    except ReadError as error:
        raise _with_way_out(error) from error.__cause__
    cells = cells_of(
        PlannedRows(decisions.copy(), held)
    )  # rows whose profile is not found are sent all the same
    if named is None and not len(cells) and not path.exists():
        logger.info("backup: no profile has values that %s removes, so no file was written", asked.verb)
        return None
    write_backup(path, digest, project, asked.group, cells, held)
    return path


def _with_way_out(error: ReadError) -> ReadError:
    """Return an error of reading that also says how to do without."""
    _, (message, *rest) = error.__reduce__()
    return type(error)(f"{message}; {WAY_OUT}", *rest)


def _wants_backup(asked: Operation) -> bool:
    return asked.removes and asked.options.backup is not None and not asked.options.dry_run


def obstacle_to_reading(asked: Operation, project: Project) -> str | None:
    """Return why the profiles cannot be read, as far as the project tells. None: nothing is in the way."""
    # imported here: a call that reads nothing does without
    from mixpanel_pandas.profiles.query import refuse_without_account
    from mixpanel_pandas.profiles.selection import group_number

    try:
        refuse_without_account(project)
        if asked.group is not None:
            group_number(project, asked.group)
    except (AccountError, OperationError) as error:
        return str(error)
    return None

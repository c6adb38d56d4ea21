"""`upload`: any source, sent as it is or, with ``since=``, as a plan of what differs from what was last accepted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, Unpack

from mixpanel_pandas.errors import OptionError
from mixpanel_pandas.pipeline.upload import upload_source
from mixpanel_pandas.plans.applying import apply_plan
from mixpanel_pandas.plans.guards import Guards
from mixpanel_pandas.plans.making import make_plan
from mixpanel_pandas.plans.snapshot import locked_snapshot
from mixpanel_pandas.reading.frame import ReadingOptions
from mixpanel_pandas.rules.keywords import EveryOption
from mixpanel_pandas.rules.operators import REMOVALS
from mixpanel_pandas.rules.options import ALL_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from os import PathLike

    import pandas as pd

    from mixpanel_pandas.rules.operation import Operation

__all__ = ["upload"]

#: Options of sending that mean nothing beside `since`: what is sent follows from the file.
_DECIDED = ("run", "on_changed", "repeat")


class UploadOptions(EveryOption, ReadingOptions):
    """The options of an upload: of the verb, and of reading."""


def upload(
    source: Any,
    verb: str,
    id: Hashable = None,
    properties: Any = None,
    *,
    group: str | None = None,
    failures: str | PathLike[str] | None = None,
    since: str | PathLike[str] | None = None,
    only: Literal["existing", "new"] | None = None,
    mirror: bool = False,
    at_most_share: float | None = None,
    at_most_emptied: int | None = None,
    **options: Unpack[UploadOptions],
) -> pd.DataFrame:
    """Read the table of a source, send it with a verb, and return the summary with the outcome of every record.

    The call is the same as `frame` and then the verb. The whole source is read before anything is sent, so nothing is sent if
    reading fails.

    Parameters
    ----------
    source : path, list of paths, binary file, frame, or iterable of frames
        The source, as for `frame`.
    verb : str
        The operator: set, set_once, add, union, append, remove, unset, delete or update.
    id : label, optional
        Column of the ids. By default ``$distinct_id`` or ``distinct_id``; for groups ``$group_id``, ``group_id`` or the column
        with the name of the group key.
    properties : label, list of labels or mapping, optional
        Columns to send, as for the verb. By default all columns that no option uses.
    group : str, optional
        Write group profiles of this key instead of user profiles.
    failures : path, optional
        The ``.csv``, ``.jsonl`` or ``.parquet`` file for the rows to send again, which ``df.mixpanel.failures`` selects. It has three
        more columns, ``mixpanel_check``, ``mixpanel_outcome`` and ``mixpanel_error``, which are not sent when you upload the file.
    since : path, optional
        A snapshot: a Parquet file of the values that Mixpanel last accepted. Only different values are sent, and accepted values are
        added to the file; if it does not exist, all values are new. For set and unset. With `since`, the call makes a plan as
        ``df.mixpanel.plan`` does, and applies it as `Plan.apply` does. The options below need it.
    only : {"existing", "new"}, optional
        Send only the rows whose profile is in the snapshot, or only those whose profile is not.
    mirror : bool, default False
        For set: whether to remove properties that were written before and are no longer in the table. Malformed records are then
        an error.
    at_most_share : float, optional
        The largest share of the profiles in the snapshot that may change, from 0 to 1.
    at_most_emptied : int, optional
        The most values that may be emptied. With `since` the option `at_most` is the most profiles that may change.
    **options
        Options of `frame` (infer, encoding, delimiter, header, names, decimal, format, spool) and of the verb: see `Options`. `na`
        and `trim` also apply while the source is read. With ``invalid="drop_row"``, or ``invalid={"malformed_record": "drop_row"}``,
        malformed records are left out. With `since`, `backup` is the path of a file for the values of the profiles before the change;
        by default no backup is written.

    Returns
    -------
    pandas.DataFrame
        The summary, as the verbs return it. Malformed records that were left out have a row of their own, with the outcome ``invalid``
        and the reason ``malformed record``. ``attrs["mixpanel"]["parse"]`` is the inferred readings of a CSV file as code, such as
        ``"parse={'amount': 'number'}"``.

    Raises
    ------
    GuardError
        If the table would change more than the guards allow. Nothing was sent.
    OperationError, MissingExtraError
        As `frame` raises them, or if an argument is wrong or `failures` cannot be written. Nothing was sent.
    ValidationError
        If records are malformed, or the checks find errors. Nothing was sent.
    UploadError, UploadInterrupted
        As the verb raises them, with the summary; also if `failures` was not written in the end.

    See Also
    --------
    frame : Only reads the table, to look at it or to change it.

    Examples
    --------
    >>> from pathlib import Path
    >>> _ = Path("users.csv").write_text("user_id,plan\\n007,pro\\n008,free\\n")
    >>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
    ...     summary = mpd.upload("users.csv", "set", "user_id")
    ...     emulator.profile("007")
    {'plan': 'pro'}
    >>> summary[["rows", "outcome"]]
       rows   outcome
    0     2  accepted
    """
    needs_since = {
        "only": only,
        "mirror": mirror or None,
        "backup": None if verb in REMOVALS else options.get("backup"),
        "at_most_share": at_most_share,
        "at_most_emptied": at_most_emptied,
        "at_most": None if verb == "delete" else options.get("at_most"),
    }
    named = [name for name, value in needs_since.items() if value is not None]
    if since is None:
        _refuse(
            named,
            "needs since= as well, the file of the values that were last accepted: to compare with the profiles themselves, make a plan",
        )
        send_frame = None
    else:
        _refuse(
            [name for name in _DECIDED if name in options],
            "has no meaning with since=, because the file decides what is sent",
        )
        backup = options.pop("backup", None)
        guards = Guards(options.pop("at_most", None), at_most_share, at_most_emptied)
        send_frame = _sending_what_differs(since, only, mirror, backup, guards)
    return upload_source(
        source,
        verb,
        id,
        properties,
        group=group,
        failures=failures,
        options=options,
        send_frame=send_frame,
        mirror=mirror,
    )


def _sending_what_differs(
    since: str | PathLike[str],
    only: Literal["existing", "new"] | None,
    mirror: bool,
    backup: str | PathLike[str] | Literal[True] | None,
    guards: Guards,
) -> Callable[[pd.DataFrame, Operation], pd.DataFrame]:
    """Return what sends of a frame only what differs from what was last accepted."""

    def send_frame(frame: pd.DataFrame, asked: Operation) -> pd.DataFrame:
        sending = {name: value for name, value in asked.named.items() if ALL_OPTIONS[name].of == "sending"}
        of_rows = {name: value for name, value in asked.named.items() if name not in sending}
        project = sending.pop("project", None)
        asked = replace(asked, named={**of_rows, "project": project})
        with locked_snapshot(None if sending.get("dry_run") else since):
            plan = make_plan(frame, asked, None, since, only, mirror)
            return apply_plan(plan, project, backup, None, False, guards, sending)

    return send_frame


def _refuse(names: list[str], why: str) -> None:
    if names:
        msg = f"{names[0]}= {why}"
        raise OptionError(msg)

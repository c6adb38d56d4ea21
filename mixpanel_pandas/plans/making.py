"""A frame and an operation -> a plan: the line up to the checks, then what changes in the profiles."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import pyarrow.compute as pc

from mixpanel_pandas.checking.decisions import check_frame
from mixpanel_pandas.checking.report import raise_errors, warn
from mixpanel_pandas.errors import OperationError, choices
from mixpanel_pandas.payloads.arrays import nulls_in
from mixpanel_pandas.payloads.ids import ids_of_all_rows
from mixpanel_pandas.pipeline.known import with_known_properties
from mixpanel_pandas.pipeline.line import project_of
from mixpanel_pandas.plans.plan import plan_of
from mixpanel_pandas.plans.snapshot import Snapshot, step_of_gone
from mixpanel_pandas.plans.steps import Origin, step_of
from mixpanel_pandas.profiles.held import held_in_frame
from mixpanel_pandas.profiles.rereading import read_profiles_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

    import pandas as pd

    from mixpanel_pandas.checking.decisions import Decisions
    from mixpanel_pandas.plans.plan import Plan
    from mixpanel_pandas.profiles.held import HeldProfiles
    from mixpanel_pandas.rules.operation import Operation

__all__ = ["make_plan", "plan_of_checked"]

ONLY = ("existing", "new")


def make_plan(
    frame: pd.DataFrame,
    asked: Operation,
    current: Any = None,
    since: str | PathLike[str] | None = None,
    only: Literal["existing", "new"] | None = None,
    mirror: bool = False,
) -> Plan:
    """Return what an operation on `frame` would change in profiles. The arguments are those of ``df.mixpanel.plan``.

    Raises
    ------
    ValidationError
        If the frame holds errors.
    OperationError
        If the call makes no sense on the frames.
    ReadError
        If the profiles have to be read, and cannot.
    """
    if mistakes := list(_mistakes(asked, current, since, only, mirror)):
        raise OperationError("; ".join(mistakes))
    if mirror:
        asked = replace(asked, named={**asked.named, "missing": "unset"})
    # what is sent is what was planned; Arrow columns are shared
    decisions = check_frame(frame.copy(), with_known_properties(asked))
    raise_errors(decisions)
    warn(decisions)
    return plan_of_checked(decisions, current, since, only, mirror)


def plan_of_checked(
    decisions: Decisions,
    current: Any = None,
    since: str | PathLike[str] | None = None,
    only: Literal["existing", "new"] | None = None,
    mirror: bool = False,
) -> Plan:
    """Return the plan of a frame that was checked, which nobody else changes. What changes nothing is excluded from `decisions`."""
    asked = decisions.layout.operation
    snapshot = None if since is None else Snapshot.of(since, project_of(asked), asked.group)
    held, origin = _held(decisions, current, snapshot)
    if only is not None:
        _leave_out(decisions, held, only)
    step, same = step_of(decisions, held)
    steps, unchanged = [step], len(same)
    if mirror and snapshot is not None and (gone := step_of_gone(decisions, snapshot)) is not None:
        steps.append(gone)
        unchanged -= int(pc.sum(pc.is_in(same, value_set=gone.cells["id"].unique())).as_py() or 0)
    # the whole path: a saved plan may be applied in another directory
    return plan_of(steps, unchanged, origin, None if snapshot is None else str(snapshot.path.absolute()))


def _held(decisions: Decisions, current: Any, snapshot: Snapshot | None) -> tuple[HeldProfiles, Origin]:
    """Return what the profiles of a frame hold: as they were read, were last accepted, or are now."""
    asked = decisions.layout.operation
    if snapshot is not None:
        held = snapshot.held(removes=asked.verb == "unset")
        return held, Origin(is_read=False, remembered=len(held.ids))
    if current is None:
        return read_profiles_of(decisions, project_of(asked)), Origin()
    held = held_in_frame(current, asked.group or "$distinct_id")
    read = current.attrs.get("mixpanel", {})
    origin = Origin(
        where=read.get("where"),
        is_whole=bool(read.get("is_whole")),
        total=len(current),
        tells_null=False,
        tells_all="mixpanel" in current.attrs and held.only is None,
    )
    return held, origin


def _leave_out(decisions: Decisions, held: HeldProfiles, only: str) -> None:
    """Exclude the rows whose profile is not there, or those whose profile is."""
    layout = decisions.layout
    is_found = ~nulls_in(held.places_of(ids_of_all_rows(layout)))
    left = ~is_found if only == "existing" else is_found
    reason = "no such profile" if only == "existing" else "existing profile"
    decisions.exclude(left, "skipped", reason, f'only="{only}" leaves the row out')


#: Verbs of which a snapshot tells what they left: the values that they wrote do not depend on those before.
_OF_SNAPSHOT = ("set", "unset")


def _mistakes(asked: Operation, current: Any, since: Any, only: Any, mirror: bool) -> Iterator[str]:
    """Yield what is wrong with the arguments together."""
    if only not in {None, *ONLY}:
        yield f"only={only!r} is not one of {choices(ONLY)}"
    if current is not None and since is not None:
        yield "current= and since= exclude each other: both name the values before"
    if since is not None and any(operator.verb not in _OF_SNAPSHOT for operator in asked.operators):
        yield (
            f"since= compares with the values that were last accepted, which has no meaning for {asked.verb}: it is for {choices(_OF_SNAPSHOT)}"
        )
    if since is not None and not mirror and asked.named.get("missing") == "unset":
        yield (
            "missing='unset' removes a property whoever has written it, and since= tells only what you have written: mirror=True "
            "removes that"
        )
    if mirror and asked.verb != "set":
        yield f"mirror=True is for set, not for {asked.verb}: it removes values that are no longer in the frame"
    elif mirror and asked.named.get("missing", "unset") != "unset":
        yield f"mirror=True removes missing values, and missing={asked.named['missing']!r} does not: pass one of them"

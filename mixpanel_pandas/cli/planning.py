"""Plans on the command line: made of a table, shown, compared, applied and undone."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixpanel_pandas.cli.accounting import account_for
from mixpanel_pandas.cli.exit_status import ExitStatus
from mixpanel_pandas.cli.jobs import Call, call_of
from mixpanel_pandas.cli.logs import log_event
from mixpanel_pandas.cli.options import LOG, OF_PROJECT, OF_SENDING, options_of_apply, options_of_plan
from mixpanel_pandas.cli.output import STDOUT, check_outputs, echo
from mixpanel_pandas.cli.plan_options import APPLYING, OF_GUARDS, SHOWING, TO
from mixpanel_pandas.cli.projects import project_of_call
from mixpanel_pandas.cli.running import finish, options_of_call
from mixpanel_pandas.cli.sources import read_source
from mixpanel_pandas.errors import DriftError, OperationError
from mixpanel_pandas.text import Length, quoted, shortened

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from mixpanel_pandas.cli.exit_status import Termination
    from mixpanel_pandas.plans.plan import Plan
    from mixpanel_pandas.plans.undo import Backup

__all__ = ["OF_DRIFT", "OF_SHOW", "OF_UNDO", "applying", "comparing", "planning", "showing", "undoing"]

OF_SHOW = (*SHOWING, *LOG)
OF_DRIFT = (SHOWING[0], APPLYING["wait"], *OF_PROJECT, *LOG)
OF_UNDO = (TO, *OF_PROJECT, *LOG)


# -- made -------------------------------------------------------------------------------------------------------------


def planning(verb: str) -> Callable[..., Any]:
    """Return what makes a plan of a table."""

    def run(sources: tuple[str, ...], **typed: Any) -> None:
        call = call_of(verb, options_of_plan(verb), typed, sources)
        _check_to(call, [call[name] for name in ("job", "project", "since", "current")])
        finish(call, lambda _termination: _save(call, _plan(call)))

    return run


def _check_to(call: Call, inputs: list[str | None]) -> None:
    """Refuse a command that does not say where the plan is written, or names a file that it reads."""
    if not call["to"]:
        msg = "name the file of the plan: --to plan.parquet"
        raise OperationError(msg)
    check_outputs(call.sources, {"--to": call["to"]}, inputs)
    _refuse_ending("--to", call["to"])


def _refuse_ending(option: str, name: str | None) -> None:
    if name and not name.endswith(".parquet"):
        msg = f"{option} {quoted(name)}: the name must end in .parquet"
        raise OperationError(msg)


def _plan(call: Call) -> Plan:
    from mixpanel_pandas.plans.making import make_plan
    from mixpanel_pandas.profiles.opening import open_profiles
    from mixpanel_pandas.project import current_project

    project = current_project(project_of_call(call))
    current = None if call["current"] is None else open_profiles(call["current"], call["group"])
    table, asked = read_source(call, options_of_call(call, sending=False))
    asked = replace(asked, named={**asked.named, "project": project})
    return make_plan(table.as_frame(), asked, current, call["since"], call["only"], bool(call["mirror"]))


def _save(call: Call, plan: Plan) -> ExitStatus:
    """Write a plan, and say what it would do."""
    saved = plan.save(call["to"], project=project_of_call(call))
    _log_counts(saved)
    if not call["quiet"]:
        path = shortened(call["to"], Length.SENTENCE)
        echo(repr(saved))
        echo(f"Wrote {path}, and sent nothing. To look at it: mixpanel-pandas show {path}")
        echo(f"To apply it: mixpanel-pandas apply {path}")
    return ExitStatus.OK


def _log_counts(plan: Plan) -> None:
    counts = {str(name).replace(" ", "_"): int(count) for name, count in plan.counts.items()}
    log_event(logging.INFO, "planned", repr(plan), **counts)


def undoing(file: str, **typed: Any) -> None:
    """Make the plan that puts back what a backup holds."""
    from mixpanel_pandas.plans.undo import open_backup

    call = call_of("undo", OF_UNDO, typed, [file])
    _check_to(call, [call["project"]])
    finish(call, lambda _termination: _save(call, open_backup(file).plan()))


# -- looked at --------------------------------------------------------------------------------------------------------


def showing(file: str, **typed: Any) -> None:
    """Show a plan or a backup."""
    call = call_of("show", OF_SHOW, typed, [file])
    finish(call, lambda _termination: _show(call, file))


def _show(call: Call, file: str) -> ExitStatus:
    opened = _opened(file)
    table = opened.show(20 if call["rows"] is None else call["rows"])
    facts = _facts(file, opened)
    if not call["quiet"]:
        echo(f"{facts}\n\n{table.markdown()}" if call["markdown"] else f"{facts}\n{table}")
    return ExitStatus.OK


def _opened(file: str) -> Plan | Backup:
    from mixpanel_pandas.plans.plan import open_plan
    from mixpanel_pandas.plans.undo import open_backup
    from mixpanel_pandas.profiles.backup import FORMAT
    from mixpanel_pandas.profiles.files import sealed_format

    return open_backup(file) if sealed_format(Path(file).expanduser()) == FORMAT else open_plan(file)


def _facts(file: str, opened: Plan | Backup) -> str:
    """Return which file it is, when it was made, and for which project."""
    address, _, fingerprint = str(opened.identity).rpartition(", ")
    profiles = f", profiles of the group {shortened(opened.group)}" if opened.group else ""
    made = str(opened.made).replace("T", " ").replace("+00:00", " UTC")
    return f"{shortened(file, Length.SENTENCE)}: made {made} for {address} (token {fingerprint}){profiles}"


def comparing(file: str, **typed: Any) -> None:
    """Show what has changed in Mixpanel since a plan was made."""
    call = call_of("drift", OF_DRIFT, typed, [file])
    finish(call, lambda _termination: _compare(call, file))


def _compare(call: Call, file: str) -> ExitStatus:
    from mixpanel_pandas.plans.plan import open_plan

    drift = open_plan(file).drift(project=project_of_call(call), wait=bool(call["wait"]))
    _print_drift(drift, call)
    return ExitStatus.REFUSED if len(drift) else ExitStatus.OK


def _print_drift(drift: pd.DataFrame, call: Call) -> None:
    from mixpanel_pandas.notebook.show import show

    if not call["quiet"]:
        echo(show(drift, 20 if call["rows"] is None else call["rows"]), error=call["summary"] == STDOUT)


# -- applied ----------------------------------------------------------------------------------------------------------


def applying(file: str, **typed: Any) -> None:
    """Apply a plan."""
    call = call_of("apply", options_of_apply(), typed, [file])
    outputs = {"--summary": call["summary"], "--backup": call["backup"] or None}
    check_outputs([file], outputs, [call["journal"], call["project"]])
    _refuse_ending("--backup", call["backup"] or None)
    finish(call, lambda termination: _apply(call, file, termination))


def _apply(call: Call, file: str, termination: Termination) -> ExitStatus:
    from mixpanel_pandas.plans.plan import open_plan

    plan = open_plan(file)
    options = call.of(("drift", "wait", *OF_GUARDS, *OF_SENDING))
    options["backup"] = True if call["backup"] is None else call["backup"] or None
    options["project"] = project_of_call(call)
    if call["quiet"] or call["log_format"] == "json":
        options["progress"] = False
    _log_counts(plan)
    try:
        return account_for(call, lambda: plan.apply(**options), termination)
    except DriftError as error:
        _print_drift(error.drift, call)
        raise

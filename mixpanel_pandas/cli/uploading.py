"""The verbs on tables: they read and send a table, and print and write the outcomes of its rows."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mixpanel_pandas.cli.accounting import account_for
from mixpanel_pandas.cli.exit_status import ExitStatus
from mixpanel_pandas.cli.jobs import Call, call_of, job_of_call
from mixpanel_pandas.cli.options import SINCE, options_of_verb
from mixpanel_pandas.cli.output import STDOUT, check_outputs, echo, print_profiles
from mixpanel_pandas.cli.projects import project_of_call
from mixpanel_pandas.cli.running import finish, options_of_call
from mixpanel_pandas.cli.sources import options_of_reading, read_source, source_of
from mixpanel_pandas.errors import OperationError
from mixpanel_pandas.project import current_project
from mixpanel_pandas.rules.jobs import job_text, option_key
from mixpanel_pandas.rules.operators import REMOVALS
from mixpanel_pandas.rules.options import taken_by
from mixpanel_pandas.text import Length, printable, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

    from mixpanel_pandas.cli.exit_status import Termination
    from mixpanel_pandas.emulator import Emulator
    from mixpanel_pandas.project import Project

__all__ = ["uploading"]


def uploading(verb: str) -> Callable[..., Any]:
    """Return what runs the command of a verb."""

    def run(sources: tuple[str, ...], **typed: Any) -> None:
        call = call_of(verb, options_of_verb(verb), typed, sources)
        outputs = {f"--{option_key(name)}": call[name] for name in ("failures", "summary", "save_job")}
        inputs = [call[name] or None for name in ("journal", "job", "project", "since", "backup")]
        check_outputs(call.sources, outputs, inputs)
        if call["save_job"]:
            finish(call, lambda _termination: _save_job(call))
        takes_away = call.verb == "delete" or bool(_removed(call))
        asks = takes_away and not (call["yes"] or call["emulator"] or call["dry_run"])
        if asks and not sys.stdin.isatty():
            taking = "delete" if call.verb == "delete" else "unset"
            msg = f"{taking} removes values for good: pass --yes if there is no terminal to ask"
            raise OperationError(msg)
        options = options_of_call(call)
        finish(call, lambda termination: _send(call, options, asks=asks, termination=termination))

    return run


def _removed(call: Call) -> list[str]:
    """Return the properties that a call removes. None are where it names none, which `upload` refuses."""
    if call.verb == "update":
        return [name for name, verb in (call["property"] or {}).items() if verb == "unset"]
    return list(call["property"] or []) if call.verb == "unset" else []


def _send(call: Call, options: dict[str, Any], *, asks: bool, termination: Termination) -> ExitStatus:
    """Upload the table, and print and write the outcomes of the rows."""
    from mixpanel_pandas.plans.uploading import upload

    if call["quiet"] or call["log_format"] == "json":
        options["progress"] = False
    with _emulator(bool(call["emulator"])) as emulator, _failures_file(call["failures"]) as failures:
        options["project"] = emulator.project if emulator else project_of_call(call)
        if emulator and call.verb in REMOVALS:
            options.setdefault("backup", None)  # it would be that of a Mixpanel which ends with the command
        if asks:
            _ask(call, current_project(options["project"]))
        options |= {"group": call["group"], "failures": failures, **options_of_reading(call)}
        options |= call.of(SINCE)

        def send() -> pd.DataFrame:
            return upload(source_of(call), call.verb, call["id"], call["property"], **options)

        def show_profiles(to_stderr: bool) -> None:
            if emulator is not None:
                print_profiles(emulator, call["group"], error=to_stderr)

        return account_for(call, send, termination, show_profiles)


@contextlib.contextmanager
def _failures_file(name: str | None) -> Iterator[Path | None]:
    """Yield the path to which the rows to send again are written. Standard output gets them in the end, as JSON Lines."""
    if name != STDOUT:
        yield None if name is None else Path(name)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "failures.jsonl")
        yield path
        if path.exists():
            with path.open(encoding="utf-8") as lines:
                sys.stdout.writelines(lines)


def _ask(call: Call, project: Project) -> None:
    """Ask a person whether to take something away. It is asked before the table is read, which may take long."""
    ids = f"of all ids in {', '.join(map(shortened, call.sources))}"
    where = f"in {project.place} (token {project.fingerprint})"
    what = f"delete the profiles {ids}"
    if call.verb != "delete":
        what = f"remove {', '.join(map(shortened, _removed(call)))} from the profiles {ids}"
    if not click.confirm(printable(f"This will {what} {where}, for good. Go on?"), err=True):
        raise click.exceptions.Exit(ExitStatus.USAGE)


def _save_job(call: Call) -> ExitStatus:
    """Write a call to a job file. Types that are inferred of the table become readings of the job."""
    from mixpanel_pandas.pipeline.upload import is_used

    path = Path(call["save_job"])
    if call["infer"] is not False:
        table, asked = read_source(call, options_of_call(call))
        inferred = {label: how for label, how in table.parse.items() if is_used(label, asked)}
        readings = {**inferred, **(call["parse"] or {})}
        takes_readings = any(option.name == "parse" for option in taken_by(call.verb))
        call.values.update({"parse": readings} if readings and takes_readings else {})
    path.write_text(job_text(job_of_call(call, path), path.name), encoding="utf-8")
    shown = shortened(path, Length.SENTENCE)
    echo(f"Wrote {shown}, and sent nothing. To run it: mixpanel-pandas run {shown}")
    return ExitStatus.OK


@contextlib.contextmanager
def _emulator(emulated: bool) -> Iterator[Emulator | None]:
    """Yield an emulator that ends with the command, if one is asked for."""
    if not emulated:
        yield None
        return
    from mixpanel_pandas.emulator import Emulator

    with Emulator(history=0) as emulator:
        yield emulator

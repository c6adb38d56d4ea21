"""Compare a real Mixpanel with the emulator, point by point.

    python -m tests.live [--yes] [--clean] [--emulator] [--group KEY] [--queries N] [--report FILE]

The project is that of the environment: MIXPANEL_TOKEN, MIXPANEL_REGION or MIXPANEL_URL, MIXPANEL_USERNAME, MIXPANEL_SECRET,
MIXPANEL_PROJECT_ID, and MIXPANEL_GROUP_KEYS for groups. It writes profiles whose ids begin with ``mixpanel-pandas-live-``, and deletes
them again. Ends with 0 where nothing differs, with 1 where something does, with 2 where it cannot begin, with 3 where there is no clear
answer, and with 130 after Ctrl-C. See docs/live.md.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from contextlib import closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from mixpanel_pandas.cli.exit_status import Termination
from mixpanel_pandas.emulator import Emulator
from mixpanel_pandas.errors import ProjectError
from mixpanel_pandas.project import Project
from mixpanel_pandas.text import counted, duration
from tests.live import leftovers
from tests.live.comparing import Comparison
from tests.live.contract import Contract, contract
from tests.live.running import FOR_EMULATOR, FOR_MIXPANEL, Patience, Run, new_prefix
from tests.live.subject import QUERIES, CannotAnswer, QueriesSpent, Subject

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Variables without which it cannot begin.
VARIABLES = ("MIXPANEL_TOKEN", "MIXPANEL_USERNAME", "MIXPANEL_SECRET", "MIXPANEL_PROJECT_ID")

#: The group key of `--emulator`.
_GROUP = "company"


def main(arguments: Sequence[str] | None = None, patience: Patience = FOR_MIXPANEL) -> int:
    """Run the command, and return its status."""
    asked = _parser().parse_args(arguments)
    with (
        Termination() as termination,
        Emulator(whole_seconds=True) if asked.emulator else nullcontext() as emulator,
    ):
        try:
            subject = _subject(asked, emulator)
        except ProjectError as error:
            _say(f"it cannot begin: {error}")
            return 2
        with closing(subject):
            if not _may_write(subject, yes=asked.yes or asked.emulator):
                _say("nothing was written: answer y, or pass --yes")
                return 2
            status = _guarded(subject, asked, FOR_EMULATOR if asked.emulator else patience)
        return 128 + signal.SIGTERM if termination.received else status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m tests.live", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--yes", action="store_true", help="write without asking")
    parser.add_argument(
        "--clean", action="store_true", help="only delete what earlier runs left behind, with one query more"
    )
    parser.add_argument(
        "--emulator", action="store_true", help="ask an emulator, over a socket: nothing leaves this machine"
    )
    parser.add_argument(
        "--group",
        metavar="KEY",
        help="the group key to write to, of MIXPANEL_GROUP_KEYS (default: the first)",
    )
    parser.add_argument(
        "--queries",
        type=int,
        metavar="N",
        default=QUERIES,
        help=f"the most queries of the hour's 60 (default {QUERIES})",
    )
    parser.add_argument(
        "--report", type=Path, metavar="FILE", help="write every point with its answer, as JSON Lines"
    )
    return parser


def _subject(asked: argparse.Namespace, emulator: Emulator | None) -> Subject:
    """Return the project to ask.

    Raises
    ------
    ProjectError
        If the environment does not name it.
    """
    if emulator is not None:
        return Subject(emulator.project, new_prefix(), (_GROUP, emulator.data_group_id(_GROUP)))
    project = Project.from_env()
    if project.secret is None or project.project_id is None:
        msg = f"reading needs a service account: set {', '.join(VARIABLES)}"
        raise ProjectError(msg)
    keys = dict(project.group_keys or {})
    if asked.group is not None and asked.group not in keys:
        msg = f"--group {asked.group!r} is none of MIXPANEL_GROUP_KEYS: {', '.join(keys) or 'there are none'}"
        raise ProjectError(msg)
    key = asked.group or next(iter(keys), None)
    return Subject(project, new_prefix(), (key, keys[key]) if key else None, asked.queries)


def _may_write(subject: Subject, *, yes: bool) -> bool:
    """Tell what is going to happen, and return whether it may."""
    plan = contract(groups=subject.group is not None, lasting=False)
    profiles = sum(len(plan.ends(group=group)) for group in (False, True))
    _say(
        f"project {subject.project.project_id} in {subject.project.place}: writes {counted(profiles, 'profile')} whose ids begin with "
        f"{subject.prefix!r}, asks at most {subject.queries} queries, and deletes the profiles"
    )
    if yes:
        return True
    if not sys.stdin.isatty():
        return False
    return input("Is it a project for tests? [y/N] ").strip().lower() == "y"


def _guarded(subject: Subject, asked: argparse.Namespace, patience: Patience) -> int:
    """Return the status of a run, whatever happens."""
    try:
        is_clean = _clean_up(subject, patience)
        if asked.clean:
            found = leftovers.clean_unremembered(
                subject, contract(groups=False, lasting=True).ends(group=False)
            )
            _say(f"{counted(found, 'profile')} of runs on other machines deleted")
            return int(not is_clean)
        return _compare(subject, asked, patience)
    except CannotAnswer as error:
        _say(str(error))
        return 3
    except QueriesSpent:
        _say("the queries of the hour are used up: try again in an hour")
        return 3
    except KeyboardInterrupt:
        _say("interrupted")
        return 130
    finally:
        if leftovers.remembered(subject.project):
            _say(
                "profiles may be left in the project: the next run deletes them, and so does `python -m tests.live --clean`"
            )


def _clean_up(subject: Subject, patience: Patience) -> bool:
    """Delete what earlier runs have left behind, and return whether it is gone."""
    left = []
    for path in leftovers.remembered(subject.project):
        _say(f"an earlier run was not cleaned up: {path.stem}")
        left.append(leftovers.clean(subject, path, patience, _say))
    return all(count == 0 for count in left)


def _compare(subject: Subject, asked: argparse.Namespace, patience: Patience) -> int:
    """Run the contract, delete the profiles, and print what differs, also what was found before a failure."""
    plan = contract(groups=subject.group is not None, lasting=False)
    began = time.monotonic()
    path = leftovers.remember(subject, plan.ends(group=False), plan.ends(group=True) if subject.group else [])
    run = Run(subject, plan, {point.asked: point.answer for point in plan.points}, patience, _say)
    found = Comparison(plan, run.findings)
    left: int | None = None
    try:
        run.carry_out()
    finally:
        try:  # a second Ctrl-C ends this
            left = leftovers.clean(subject, path, patience, _say)
        finally:
            behind = "an unknown number of profiles" if left is None else counted(left, "profile")
            print(found.in_words(subject.project.place))
            print(
                f"\nSpent: {subject.spent} of the hour's 60 queries, {counted(subject.requests, 'request')}, "
                f"{duration(time.monotonic() - began)}. Left behind: {behind}, and names of properties."
            )
            if asked.report:
                asked.report.write_text("".join(_lines(plan, run)), encoding="utf-8")
    return int(bool(found.differences) or left != 0)


def _lines(plan: Contract, run: Run) -> list[str]:
    """Return a line of JSON for each point that was answered."""
    answers = run.findings.answers
    rows = [
        {"section": point.section, "asked": point.asked, "emulator": point.answer, "answer": answers[point.asked], "documented": point.source}
        for point in plan.points
        if point.asked in answers
    ]  # fmt: skip
    return [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

"""The commands: each verb on a table, what looks at a table without sending, jobs, and tools."""

from __future__ import annotations

import contextlib
import sys
import textwrap
import threading
from typing import TYPE_CHECKING, Any

import click

from mixpanel_pandas.cli.exit_status import STATUS_IN_WORDS, ExitStatus, status_of_summary
from mixpanel_pandas.cli.help import ByVerb, Commands, file_command, table_command
from mixpanel_pandas.cli.jobs import VERBS, Call, verb_of_job
from mixpanel_pandas.cli.looking import OF_INVENTORY, showing_payloads, taking_inventory, validating
from mixpanel_pandas.cli.options import options_of_apply, options_of_plan, options_of_report, options_of_verb
from mixpanel_pandas.cli.output import check_outputs, echo, print_summary, write_output
from mixpanel_pandas.cli.planning import (
    OF_DRIFT,
    OF_SHOW,
    OF_UNDO,
    applying,
    comparing,
    planning,
    showing,
    undoing,
)
from mixpanel_pandas.cli.running import finish
from mixpanel_pandas.cli.uploading import uploading
from mixpanel_pandas.rules.operators import OPERATORS

if TYPE_CHECKING:
    from collections.abc import Callable

    from mixpanel_pandas.cli.exit_status import Termination
    from mixpanel_pandas.cli.option import CommandOption

__all__ = ["main"]

#: Verb -> a command that uses it.
EXAMPLES = {
    "set": "users.csv --id user_id --parse amount=number --rename reserved",
    "set_once": "users.csv --id user_id --property first_seen --parse first_seen=date",
    "add": "orders.csv --id user_id --property credits --journal orders.sqlite --run 'orders-{date}'",
    "union": "users.csv --id user_id --property tags --parse tags=list:semicolon",
    "append": "orders.parquet --id user_id --property product --journal orders.sqlite --run 'orders-{date}'",
    "remove": "users.csv --id user_id --property tags",
    "unset": "users.csv --id user_id --property fax --yes",
    "delete": "gone.csv --id user_id --at-most 500 --yes",
    "update": "users.csv --id user_id --property plan=set --property credits=add",
}

HELP = """\
Write the rows of a table to Mixpanel's profiles. Every row is accounted for.

A TABLE is a file in CSV, JSON Lines, Parquet or Arrow, plain or compressed, a folder of them, a pattern such as 'data/*.csv', an
address such as s3://bucket/users.parquet, or - for standard input.

The project comes from the environment, MIXPANEL_TOKEN and MIXPANEL_REGION (us, eu, in) or MIXPANEL_URL, or from --project FILE. With
--emulator nothing leaves this machine.

\b
  mixpanel-pandas set users.csv --id user_id --emulator
  mixpanel-pandas validate set users.csv --id user_id
  mixpanel-pandas set users.csv --id user_id --save-job users.toml
  mixpanel-pandas run users.toml
"""

EPILOG = "\b\nExit status:\n" + "\n".join(
    textwrap.fill(words, 72, initial_indent=f"  {status:<5d}", subsequent_indent=" " * 7)
    for status, (words, _what_to_do) in STATUS_IN_WORDS.items()
)


@click.group(
    cls=Commands,
    help=HELP,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="mixpanel_pandas")
def main() -> None:  # its help is above
    pass


# -- jobs, journals and tools -----------------------------------------------------------------------------------------


@main.command("run", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("job", metavar="JOB")
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def _run_job(ctx: click.Context, job: str, options: tuple[str, ...]) -> None:
    """Run a job file.

    A job is a TOML file with a source, a verb and options, which --save-job writes. Options after JOB win over it:
    those of the verb that it names.

    \b
      mixpanel-pandas run users.toml --run users-2026-11-21
    """
    command = main.commands[verb_of_job(job)]
    with command.make_context(command.name, ["--job", job, *options], parent=ctx.parent) as inner:
        command.invoke(inner)


@main.command("journal")
@click.argument("file")
@click.option("--run", metavar="NAME", help="Name of the run. By default the one that began last.")
@click.option(
    "--outcomes", metavar="FILE", help="Write the outcome of each id to a .parquet, .csv or .jsonl file."
)
def _journal(file: str, run: str | None, outcomes: str | None) -> None:
    """Show the outcomes of the rows of a run."""
    from mixpanel_pandas.delivery.journal import read_journal

    check_outputs([file], {"--outcomes": outcomes})

    def work(_termination: Termination) -> ExitStatus:
        summary, of_ids = read_journal(file, run)
        print_summary(summary)
        written = write_output(outcomes, of_ids.reset_index, "the outcomes")
        return status_of_summary(summary) or (ExitStatus.OK if written else ExitStatus.DATA)

    finish(Call("journal", [file], {}), work)


@main.command("emulator")
@click.option("--token", metavar="TOKEN", help="Project token of the emulator. By default a new one.")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=0,
    metavar="PORT",
    help="Port of 127.0.0.1 to listen on. By default a free one.",
)
def _emulate(token: str | None, port: int) -> None:
    """Emulate Mixpanel on this machine until Ctrl-C.

    It prints its address, its token, and the account that may read. Nothing leaves this machine.

    \b
      mixpanel-pandas emulator --port 8001
    """
    from mixpanel_pandas.emulator import Emulator

    def work(_termination: Termination) -> ExitStatus:
        with Emulator(token=token, history=0).start(port) as emulator:
            username, secret = emulator.service_account
            echo(f"A Mixpanel on this machine: {emulator.url}. Ctrl-C ends it. In another terminal:")
            echo(f"  export MIXPANEL_TOKEN={emulator.token} MIXPANEL_URL={emulator.url}")
            echo("And to read profiles:")
            echo(
                f"  export MIXPANEL_USERNAME={username} MIXPANEL_SECRET={secret} MIXPANEL_PROJECT_ID={emulator.project_id}"
            )
            sys.stdout.flush()
            with contextlib.suppress(KeyboardInterrupt):
                threading.Event().wait()
            echo(f"Ended: {emulator!r}")
        return ExitStatus.OK

    finish(Call("emulator", [], {}), work)


def _codes(_ctx: click.Context, _parameter: click.Parameter, beginning: str) -> list[str]:
    """Complete a code."""
    from mixpanel_pandas.explanations import codes

    return [code for code in codes() if code.startswith(beginning)]


@main.command("explain")
@click.argument("code", required=False, shell_complete=_codes)
def _explain(code: str | None) -> None:
    """Explain a check or an error.

    It prints what is wrong, why it matters, and what to do. A CODE stands in front of each finding, such as long_string. Without one, all of them are listed.

    \b
      mixpanel-pandas explain long_string
    """
    from mixpanel_pandas.explanations import explain, explanation_pages

    if code is not None:
        click.echo(explain(code).text)
        return
    for page in explanation_pages().values():
        click.echo(f"{page.title}:")
        click.echo(textwrap.fill(", ".join(page.sections), 78, initial_indent="  ", subsequent_indent="  "))


@main.command("completion")
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def _completion(shell: str) -> None:
    """Print what makes a shell complete commands.

    \b
      bash: mixpanel-pandas completion bash > ~/.local/share/bash-completion/completions/mixpanel-pandas
      zsh:  mixpanel-pandas completion zsh > ~/.zfunc/_mixpanel-pandas
      fish: mixpanel-pandas completion fish > ~/.config/fish/completions/mixpanel-pandas.fish
    """
    from click.shell_completion import get_completion_class

    completion = get_completion_class(shell)
    if completion is not None:
        click.echo(completion(main, {}, "mixpanel-pandas", "_MIXPANEL_PANDAS_COMPLETE").source())


# -- the table of commands --------------------------------------------------------------------------------------------

_DOES = {verb: operator.does for verb, operator in OPERATORS.items()} | {
    "update": "Apply several operators in one pass."
}

for _verb, _does in _DOES.items():
    _example = f"mixpanel-pandas {_verb} {EXAMPLES[_verb]}"
    main.add_command(table_command(_verb, _does, options_of_verb(_verb), uploading(_verb), _example))


def _add_by_verb(
    name: str,
    options_of: Callable[[str], list[CommandOption]],
    running: Callable[[str], Callable[..., Any]],
    does: str,
    does_with: str,
    more: str = "",
) -> None:
    """Add a command that takes a verb as its first word.

    Parameters
    ----------
    options_of, running : callable
        Return the options and what runs the command, for a verb.
    does, does_with : str
        What it does, and what it does with ``{verb}``.
    more : str
        What an example needs besides the table and the ids.
    """
    words = f"users.csv --id user_id{more}"
    commands = [
        table_command(
            verb,
            does_with.format(verb=verb),
            options_of(verb),
            running(verb),
            f"mixpanel-pandas {name} {verb} {words}",
        )
        for verb in VERBS
    ]
    examples = f"  mixpanel-pandas {name} set {words}\n  mixpanel-pandas {name} --job users.toml{more}"
    main.add_command(ByVerb(name, help=f"{does}\n\n\b\n{examples}", short_help=does, commands=commands))


_add_by_verb(
    "validate",
    options_of_report,
    validating,
    "Show what is wrong with a table: counts, rows and values. Send nothing.",
    "Show what is wrong with a table for {verb}. Send nothing.",
)
_add_by_verb(
    "payloads",
    options_of_report,
    showing_payloads,
    "Show what would be sent, as JSON Lines. Send nothing.",
    "Show what {verb} would send. Send nothing.",
)
_add_by_verb(
    "plan",
    options_of_plan,
    planning,
    "Compare a table with the profiles, and write each change to a file. Send nothing.",
    "Write what {verb} would change in profiles to a file. Send nothing.",
    more=" --to plan.parquet",
)

main.add_command(
    table_command(
        "inventory",
        "Show what each column of a table contains, as Mixpanel would store it: types, fill, sizes and findings. Send nothing.",
        OF_INVENTORY,
        taking_inventory,
        "mixpanel-pandas inventory users.csv",
    )
)

main.add_command(
    file_command(
        "show",
        "Show each change of a plan, or the values of a backup.",
        OF_SHOW,
        showing,
        "mixpanel-pandas show plan.parquet",
    )
)
main.add_command(
    file_command(
        "drift",
        "Read the profiles of a plan again, and show what has changed since. Send nothing.",
        OF_DRIFT,
        comparing,
        "mixpanel-pandas drift plan.parquet",
    )
)
main.add_command(
    file_command(
        "apply",
        "Read the profiles of a plan again, back them up, and send the plan.",
        options_of_apply(),
        applying,
        "mixpanel-pandas apply plan.parquet --at-most 1000",
    )
)
main.add_command(
    file_command(
        "undo",
        "Write the plan that restores the values of a backup. Send nothing.",
        OF_UNDO,
        undoing,
        "mixpanel-pandas undo plan.backup.parquet --to undo.parquet",
    )
)

main.headings = {
    "Verbs": VERBS,
    "Looking without sending": ("validate", "payloads", "inventory"),
    "Plans": ("plan", "show", "drift", "apply", "undo"),
    "Jobs": ("run", "journal"),
    "Tools": ("explain", "emulator", "completion"),
}

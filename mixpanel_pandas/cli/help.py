"""The commands as click sees them: options below headings, commands below headings, errors that are printable."""

from __future__ import annotations

import itertools
import logging
import sys
from typing import TYPE_CHECKING, Any

import click
from click.exceptions import NoArgsIsHelpError

from mixpanel_pandas.cli.exit_status import ExitStatus
from mixpanel_pandas.cli.jobs import verb_of_job
from mixpanel_pandas.cli.logs import log_event, logging_to_stderr
from mixpanel_pandas.cli.option import HEADINGS, CommandOption
from mixpanel_pandas.cli.wording import in_words_of_the_command_line
from mixpanel_pandas.errors import MixpanelError
from mixpanel_pandas.text import bounded, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["ByVerb", "Commands", "HeadedCommand", "HeadedOption", "file_command", "table_command"]


class HeadedOption(click.Option):
    """An option of click that the help lists below a heading.

    Attributes
    ----------
    row : CommandOption
        Its row of the table.
    """

    def __init__(self, row: CommandOption) -> None:
        self.row = row
        flags = f"--{row.key}"
        more: dict[str, Any] = {"metavar": row.metavar or None}
        if row.kind == "flag":
            flags, more = f"--{row.key}/--no-{row.key}", {}
        elif row.kind in {"integer", "number"}:
            more["type"] = int if row.kind == "integer" else float
        elif row.choices:
            more["type"] = click.Choice(row.choices)
        super().__init__([row.name, flags], default=None, multiple=row.repeats, help=row.does, **more)

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return the flag as it is mostly used, and what it does, with its default."""
        record = super().get_help_record(ctx)
        if record is None:
            return None
        flag, text = record
        if self.row.repeats:
            text += " May be repeated."
        if self.row.kind == "flag":
            flag = {True: f"--no-{self.row.key}", False: f"--{self.row.key}"}.get(self.row.default, flag)
        elif self.row.default is not None:
            text += f"  [default: {self.row.default}]"
        return flag, text


class OffSwitch(click.Option):
    """The option that turns another one off: ``--no-backup``.

    Attributes
    ----------
    row : CommandOption
        The row of the other one.
    """

    def __init__(self, row: CommandOption) -> None:
        self.row = row
        super().__init__([row.off_name, f"--no-{row.key}"], is_flag=True, default=None, help=row.off)


class Commands(click.Group):
    """The commands below their headings, with printable errors and the exit status of the package.

    Attributes
    ----------
    headings : mapping
        Heading -> names of the commands below it.
    """

    headings: Mapping[str, Sequence[str]]

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the command line, and exit with the status that `ExitStatus` defines."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, False, **extra)
        words = list(sys.argv[1:] if args is None else args)
        try:
            status = super().main(words, prog_name, complete_var, False, **extra)
        except NoArgsIsHelpError as error:
            error.show()
            status = ExitStatus.USAGE
        except (click.ClickException, MixpanelError) as error:
            _show(error, words)
            status = ExitStatus.USAGE
        except click.Abort:
            status = ExitStatus.INTERRUPTED
        sys.exit(status if isinstance(status, int) else ExitStatus.OK)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands below headings."""
        for heading, names in self.headings.items():
            with formatter.section(heading):
                formatter.write_dl([(name, self.commands[name].get_short_help_str(60)) for name in names])


def _show(error: click.ClickException | MixpanelError, words: Sequence[str]) -> None:
    """Show what is wrong with a command, in the format of the log that was typed."""
    text = error.format_message() if isinstance(error, click.ClickException) else str(error)
    text = bounded(printable(in_words_of_the_command_line(text), keep="\n\t"))
    if "--log-format=json" in words or ("--log-format", "json") in itertools.pairwise(words):
        with logging_to_stderr("json", quiet=False, terminal=False):
            log_event(logging.ERROR, "error", text, status=int(ExitStatus.USAGE))
    else:
        context = error.ctx if isinstance(error, click.UsageError) else None
        click.UsageError(text, context).show()


class HeadedCommand(click.Command):
    """A command whose help lists its options below headings."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the options below headings."""
        headed = [
            parameter for parameter in self.get_params(ctx) if isinstance(parameter, HeadedOption | OffSwitch)
        ]
        for heading in HEADINGS:
            records = [option.get_help_record(ctx) for option in headed if option.row.heading == heading]
            if records:
                with formatter.section(heading):
                    formatter.write_dl([record for record in records if record is not None])
        with formatter.section("Help"):
            formatter.write_dl([("-h, --help", "Show this message and exit.")])


class ByVerb(click.Group):
    """A command with a verb as its first word. With --job the verb may be left out: the job names it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the verb of the job in front, if no verb is there."""
        if "--job" in args[:-1] and args[0] not in self.commands:
            args = [verb_of_job(args[args.index("--job") + 1]), *args]
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command of the verb; ask for the verb where a table stands in its place."""
        if args[0] not in self.commands and is_table(args[0]):
            ctx.fail(f"name the verb before the table, as in {ctx.command_path} set {args[0]}")
        return super().resolve_command(ctx, args)


def is_table(word: str) -> bool:
    """Return whether a word names a table rather than a command.

    >>> is_table("users.csv"), is_table("data/"), is_table("-"), is_table("sett")
    (True, True, True, False)
    """
    return word == "-" or any(mark in word for mark in "./*")


def _options_of(row: CommandOption) -> list[click.Parameter]:
    return [HeadedOption(row), OffSwitch(row)] if row.off else [HeadedOption(row)]


def table_command(
    name: str, description: str, rows: Sequence[CommandOption], run: Callable[..., Any], example: str
) -> click.Command:
    """Return a command on tables."""
    sources = click.Argument(["sources"], metavar="TABLE...", nargs=-1)
    return _command(sources, name, description, rows, run, example)


def file_command(
    name: str, description: str, rows: Sequence[CommandOption], run: Callable[..., Any], example: str
) -> click.Command:
    """Return a command on the file of a plan or of a backup."""
    return _command(click.Argument(["file"], metavar="FILE"), name, description, rows, run, example)


def _command(
    argument: click.Argument,
    name: str,
    description: str,
    rows: Sequence[CommandOption],
    run: Callable[..., Any],
    example: str,
) -> click.Command:
    return HeadedCommand(
        name,
        params=[argument, *(option for row in rows for option in _options_of(row))],
        callback=run,
        help=f"{description}\n\n\b\n  {example}",
        short_help=description,
    )

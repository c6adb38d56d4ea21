"""The command line, such as ``python -m mixpanel_pandas set users.csv --id user_id``: the verbs on files."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import click

from mixpanel_pandas.accessors import GroupProfiles, MixpanelAccessor
from mixpanel_pandas.delivery.summary import totals
from mixpanel_pandas.errors import MixpanelError, ProfileWarning, UploadError, UploadInterrupted
from mixpanel_pandas.notebook.show import show, table_of
from mixpanel_pandas.project import REGIONS, Project
from mixpanel_pandas.reading.cleaning import NA_TEXTS
from mixpanel_pandas.reading.frame import frame as table_frame
from mixpanel_pandas.reading.writing import atomic_write, link_target, write_table
from mixpanel_pandas.rules.operators import OPERATORS
from mixpanel_pandas.rules.options import Option, taken_by
from mixpanel_pandas.text import Length, bounded, printable, quoted, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import pandas as pd

    from mixpanel_pandas.emulator import Emulator
    from mixpanel_pandas.notebook.tables import Table

__all__ = ["main"]

#: How many profiles of the emulator and how many batches are shown.
SHOWN_PROFILES, SHOWN_BATCHES = 3, 10

#: The exit status after SIGTERM, as shells define it: 128 plus the number of the signal.
TERMINATED = 128 + signal.SIGTERM

#: Options of Python that the command line does not have.
ONLY_IN_PYTHON = ("schema", "project", "progress")

#: Option -> arguments of its `click.Option` that differ from what its row in the table of options says.
CLI_OPTIONS: dict[str, dict[str, Any]] = {
    "rename": {
        "multiple": True,
        "metavar": "COLUMN=PROPERTY",
        "help": "Send a column as another property; the word reserved alone does so for all look-alikes. May be repeated.",
    },
    "parse": {
        "multiple": True,
        "metavar": "COLUMN=READING",
        "help": "Read text as number, date, date:dd/mm/yyyy, boolean:Yes/No, json, list:semicolon and others. May be repeated.",
    },
    "na": {
        "multiple": True,
        "metavar": "TEXT",
        "help": "A text that means a missing value, or a set of them: common or pandas. May be repeated.",
    },
    "spread": {
        "multiple": True,
        "metavar": "COLUMN",
        "help": "Send each key of an object as a property. May be repeated.",
    },
    "invalid": {
        "multiple": True,
        "metavar": "[CHECK=]REMEDY",
        "help": "What errors do: raise, drop_row, drop_value or truncate; for one check or all. May be repeated.",
    },
    "check": {"help": "Report an error if rows are not accepted; by default only if none is."},
    "ip": {"metavar": "ADDRESS|COLUMN"},
    "updated_at": {"metavar": "TIME|COLUMN"},
    "journal": {"metavar": "FILE"},
    "run": {"metavar": "NAME"},
}

#: Verb -> metavar and help of its --property, if these are not columns to send.
PROPERTY = {
    "unset": ("NAME", "Remove this property. May be repeated."),
    "update": ("COLUMN=VERB", "Send this column with this verb, as in plan=set. May be repeated."),
}


def _echo(text: object, *, error: bool = False) -> None:
    """Print text. Everything is printed here, because any text may contain values of a file."""
    click.echo(printable(str(text), keep="\n"), err=error)


class Commands(click.Group):
    """A group of commands with printable errors, because an error may contain what was typed."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with _printable_errors():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        with _printable_errors():
            return super().invoke(ctx)


@contextlib.contextmanager
def _printable_errors() -> Iterator[None]:
    try:
        yield
    except click.ClickException as error:
        error.message = bounded(printable(error.message, keep="\n"))  # type: ignore[misc]  # click only shows it
        raise


class NewFile(click.Path):
    """A file to write. If it cannot be written, the command ends before anything is sent."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, writable=True, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        folder = link_target(path).parent
        if not os.access(folder, os.W_OK):
            self.fail(f"{quoted(str(folder))} is not a folder that can be written to.", param, ctx)
        return path


def _refuse_to_overwrite(inputs: Iterable[Path | None], outputs: dict[str, Path | None]) -> None:
    """Refuse to overwrite a file that the command reads, or to write two outputs to one file, whatever the paths are.

    Parameters
    ----------
    outputs : dict of str to Path or None
        Option -> path.
    """
    taken = [path for path in inputs if path is not None]
    for option, path in outputs.items():
        if path is None:
            continue
        if any(_is_same_file(path, other) for other in taken):
            msg = f"{option} {quoted(str(path))} is a file that this command reads or writes otherwise: choose another"
            raise click.UsageError(msg)
        taken.append(path)


def _is_same_file(one: Path, other: Path) -> bool:
    """Return whether two paths lead to one file, also through links, or on a file system that ignores case."""
    if one.exists() and other.exists():
        return one.samefile(other)
    return link_target(one) == link_target(other)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="mixpanel_pandas")
def main() -> None:
    """Write the rows of a table to Mixpanel's profiles. Every row is accounted for.

    The project comes from the environment: MIXPANEL_TOKEN, and MIXPANEL_REGION (us, eu, in) or MIXPANEL_URL. With --emulator
    nothing leaves this machine.

    FILE is a table in CSV (.csv, .csv.gz, .tsv) or Parquet. For example:

    \b
        python -m mixpanel_pandas set users.csv --id user_id --rename reserved

    The exit status is 0 if every row is accepted or skipped. It is 1 if a row is rejected, unknown, not sent or invalid, or
    if nothing could be sent, and 2 if the command is wrong. SIGTERM ends an upload as Ctrl-C does, with the status 143.
    """


def _verb_command(name: str, description: str) -> click.Command:
    """Return the command of a verb. Its options come from the table of options."""
    parameters: list[click.Parameter] = [
        click.Argument(["file"], type=click.Path(exists=True, dir_okay=False, path_type=Path)),
        click.Option(["--id"], metavar="COLUMN", help="Column of the ids. By default distinct_id."),
        click.Option(["--group"], metavar="KEY", help="Write group profiles of this key instead of users."),
        click.Option(
            ["--emulator"],
            is_flag=True,
            help="Write to an emulator on this machine, which ends with the command.",
        ),
        click.Option(
            ["--region"],
            type=click.Choice(list(REGIONS)),
            help="Region of the project, instead of MIXPANEL_REGION.",
        ),
        click.Option(["--validate"], is_flag=True, help="Only show what is wrong with the table."),
        click.Option(["--save-summary"], type=NewFile(), help="Write the summary to a Parquet file."),
        click.Option(
            ["--save-failures"],
            type=NewFile(),
            help="Write the rows to send again to a .csv or .parquet file.",
        ),
    ]
    if name != "delete":
        metavar, does = PROPERTY.get(name, ("COLUMN", "Send this column; by default all. May be repeated."))
        parameters.append(
            click.Option(
                ["properties", "--property"],
                multiple=True,
                required=name in PROPERTY,
                metavar=metavar,
                help=does,
            )
        )
    options = [_click_option(option) for option in taken_by(name) if option.name not in ONLY_IN_PYTHON]
    return click.Command(
        name,
        params=[*parameters, *options],
        callback=lambda **arguments: _run(name, **arguments),
        help=description,
        short_help=description,
    )


def _click_option(option: Option) -> click.Option:
    """Return an option of Python as one of the command line."""
    arguments = {"help": option.does} | CLI_OPTIONS.get(option.name, {})
    flag = option.name.replace("_", "-")
    choices = [choice for choice in option.choices if isinstance(choice, str)]
    if not choices and option.default is False:
        return click.Option([f"--{flag}"], is_flag=True, **arguments)
    if not choices and True in option.choices:
        return click.Option([f"--{flag}/--no-{flag}"], default=None, **arguments)
    if arguments.get("multiple"):
        return click.Option([f"--{flag}"], type=click.Choice(choices) if choices else None, **arguments)
    if choices:
        arguments = {"type": click.Choice(choices), **arguments}
    elif option.type.startswith(("int", "float")):
        arguments = {"type": float if option.type.startswith("float") else int, **arguments}
    has_default = isinstance(option.default, int | str)
    return click.Option([f"--{flag}"], default=option.default, show_default=has_default, **arguments)


def _run(
    verb: str,
    *,
    file: Path,
    id: str | None,
    group: str | None,
    emulator: bool,
    region: str | None,
    validate: bool,
    save_summary: Path | None,
    save_failures: Path | None,
    properties: tuple[str, ...] = (),
    **values: Any,
) -> None:
    """Read the file, run the verb, and print what became of the rows."""
    options = _python_options(values)
    journal = Path(options["journal"]) if options.get("journal") else None
    _refuse_to_overwrite([file, journal], {"--save-summary": save_summary, "--save-failures": save_failures})
    with Terminated() as terminated, _errors_in_words(), _emulator(emulator) as running:
        project = _project(running, region)
        frame = table_frame(file, id=id, group=group)
        profiles = MixpanelAccessor(frame) if group is None else GroupProfiles(frame, group)
        columns: Any = _mapping("property", properties) if verb == "update" else list(properties) or None
        if validate:
            checked = {option.name for option in taken_by(verb, sending=False)}
            options = {name: value for name, value in options.items() if name in checked}
            report = profiles.validate(verb, id, columns, **options)
            _print_report(report)
            click.get_current_context().exit(int((report["severity"] == "error").any()))
        try:
            summary = getattr(profiles, verb)(id, columns, project=project, **options)
        except (UploadError, UploadInterrupted) as error:
            _echo(f"Error: {error}", error=True)
            summary = error.summary
        terminated.is_over = True
        _print_summary(summary, running, group)
        saved = _saved(save_summary, lambda: summary, always_parquet=True)
        saved &= _saved(save_failures, lambda: profiles.failures(summary))
        status = _status(summary, dry_run=bool(options.get("dry_run"))) or int(not saved)
        click.get_current_context().exit(status)


class Terminated:
    """Make SIGTERM end a command as Ctrl-C does: the summary is printed and written, and the exit status is 143.

    Attributes
    ----------
    is_over : bool
        Whether the upload is over, so that SIGTERM has nothing to stop.
    """

    def __init__(self) -> None:
        self.is_over = self._received = False
        self._former: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._former = signal.signal(signal.SIGTERM, self._receive)
        return self

    def _receive(self, *_signal: object) -> None:
        self._received = True
        if not self.is_over:
            signal.raise_signal(signal.SIGINT)

    def __exit__(self, _kind: object, error: BaseException | None, _at: object) -> None:
        if self._former is not None:
            signal.signal(signal.SIGTERM, self._former)
        if self._received and isinstance(error, KeyboardInterrupt | click.exceptions.Exit):
            raise click.exceptions.Exit(TERMINATED) from None


def _saved(path: Path | None, table: Callable[[], pd.DataFrame], *, always_parquet: bool = False) -> bool:
    """Write a table if there is a path. Return False if that failed, which is an error but does not end the command."""
    try:
        if path is not None:
            with atomic_write(path) as temporary:
                table().to_parquet(temporary) if always_parquet else write_table(table(), temporary)
    except Exception as error:  # noqa: BLE001  # the upload is over, whatever happens here
        reason = shortened(f"{type(error).__name__}: {error}", Length.SENTENCE)
        _echo(f"Error: {quoted(str(path))} was not written: {reason}", error=True)
        return False
    return True


def _python_options(values: dict[str, Any]) -> dict[str, Any]:
    """Return the options that were typed, as Python takes them."""
    options = {name: value for name, value in values.items() if value not in (None, ())}
    for name in ("rename", "parse", "invalid"):
        words = options.get(name, ())
        if any("=" in word for word in words):
            options[name] = _mapping(name, words)
        elif words:
            options[name] = words[-1]
    if options.get("updated_at", "").isdigit():
        options["updated_at"] = int(options["updated_at"])
    if "na" in options:
        options["na"] = [text for word in options["na"] for text in NA_TEXTS.get(word, [word])]
    if "spread" in options:
        options["spread"] = list(options["spread"])
    return options


def _mapping(name: str, words: tuple[str, ...]) -> dict[str, str]:
    """Return words such as ``a=b`` as a mapping."""
    incomplete = [word for word in words if "=" not in word]
    if incomplete:
        form = "COLUMN=VERB" if name == "property" else CLI_OPTIONS[name]["metavar"]
        msg = f"--{name} {quoted(incomplete[0])}: write it as {form}"
        raise click.UsageError(msg)
    return dict(word.split("=", 1) for word in words)


@contextlib.contextmanager
def _errors_in_words() -> Iterator[None]:
    """Print errors and warnings as sentences, not as tracebacks."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ProfileWarning)
        try:
            yield
        except MixpanelError as error:
            raise click.ClickException(str(error)) from error
        finally:
            for warning in caught:
                text = getattr(warning.message, "counts", warning.message)
                _echo(f"Note: {text}; --validate shows them", error=True)


@contextlib.contextmanager
def _emulator(emulated: bool) -> Iterator[Emulator | None]:
    """Yield an emulator that ends with the command, if one is asked for."""
    if not emulated:
        yield None
        return
    from mixpanel_pandas.emulator import Emulator

    with Emulator(history=0) as emulator:
        yield emulator


def _project(emulator: Emulator | None, region: str | None) -> Project | None:
    """Return the project that the command names; None stands for the default of the verb."""
    if emulator is not None:
        return emulator.project
    return Project.from_env(region) if region else None


def _print_summary(summary: pd.DataFrame, emulator: Emulator | None = None, group: str | None = None) -> None:
    """Print the totals, the summary and some profiles of the emulator."""
    tables = [show(totals(summary)), show(summary, SHOWN_BATCHES)]
    if emulator is not None:
        tables.append(_profiles_table(emulator, group))
    for table in tables:
        _echo(f"{table}\n")


def _profiles_table(emulator: Emulator, group: str | None) -> Table:
    """Return a table of the first profiles: a column for each, and a row for each property."""
    profiles = emulator.profiles(group)
    first = profiles.head(SHOWN_PROFILES)
    properties = first.T.rename_axis(index="property").reset_index(allow_duplicates=True)
    caption = f"Profiles as Mixpanel now holds them ({len(first):,} of {len(profiles):,})"
    return table_of(properties, caption)


def _print_report(report: pd.DataFrame) -> None:
    """Print the first row of each finding."""
    findings = report.drop_duplicates(["severity", "check", "column", "property", "message"])
    _echo(show(findings, len(findings)))


def _status(summary: pd.DataFrame, *, dry_run: bool) -> int:
    """Return 0 if every row is accepted or skipped, else 1. In a dry run a row that is not sent is no failure."""
    failed = ["rejected", "unknown", "invalid"] + ([] if dry_run else ["not_sent"])
    return int(summary[failed].to_numpy().sum() > 0)


@main.command(short_help="Show what became of the rows of a run.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--run", metavar="NAME", help="Name of the run; by default the one that began last.")
@click.option(
    "--save-outcomes", type=NewFile(), help="Write what became of each id to a .csv or .parquet file."
)
def journal(file: Path, run: str | None, save_outcomes: Path | None) -> None:
    """Show what became of the rows of a run, from the journal of an upload."""
    from mixpanel_pandas.delivery.journal import read_journal

    _refuse_to_overwrite([file], {"--save-outcomes": save_outcomes})
    with _errors_in_words():
        summary, outcomes = read_journal(file, run)
    _print_summary(summary)
    saved = _saved(save_outcomes, outcomes.reset_index)
    click.get_current_context().exit(_status(summary, dry_run=False) or int(not saved))


@main.command(short_help="Show what a table holds.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--save", type=NewFile(), help="Also write the inventory to a .csv file.")
def inventory(file: Path, save: Path | None) -> None:
    """Show what each column of a table holds, as Mixpanel would see it: types, fill, sizes, and what is wrong.

    Nothing is sent, and no project is needed.
    """
    _refuse_to_overwrite([file], {"--save": save})
    with _errors_in_words():
        table = MixpanelAccessor(table_frame(file)).inventory()
        _echo(show(table, len(table)))
        click.get_current_context().exit(int(not _saved(save, lambda: table)))


for _verb, _description in [
    *((verb, operator.does) for verb, operator in OPERATORS.items()),
    ("update", "Apply several operators in one pass."),
]:
    main.add_command(_verb_command(_verb, _description))

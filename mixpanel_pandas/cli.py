"""``python -m mixpanel_pandas set users.csv --id user_id``: the verbs on files."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import textwrap
import threading
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import click
import pandas as pd

from mixpanel_pandas.accessors import GroupProfiles, MixpanelAccessor
from mixpanel_pandas.checking.report import report_in_words
from mixpanel_pandas.delivery.summary import totals
from mixpanel_pandas.errors import MixpanelError, ProfileWarning, UploadError, UploadInterrupted
from mixpanel_pandas.notebook.tables import show
from mixpanel_pandas.project import REGIONS, Project
from mixpanel_pandas.reading.files import read, real, replacing, write
from mixpanel_pandas.rules.operators import OPERATORS
from mixpanel_pandas.rules.options import Option, taken_by
from mixpanel_pandas.text import bounded, printable, quoted, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mixpanel_pandas.emulator import Emulator

__all__ = ["main"]

#: How many profiles of the emulator and how many batches are shown.
SHOWN_PROFILES, SHOWN_BATCHES = 3, 10

#: How long values, names of properties and the words of others may be, in characters.
SHOWN_CHARACTERS, WIDEST_NAME, SHOWN_MESSAGE = 24, 40, 300

#: The exit status after SIGTERM, as a shell has it: 128 and the signal's number.
TERMINATED = 128 + signal.SIGTERM

#: Option -> how it is written on the command line, where that is not how it is written in Python.
WRITTEN: dict[str, dict[str, Any]] = {
    "rename": {
        "multiple": True,
        "metavar": "COLUMN=PROPERTY",
        "help": "Send a column as another property, or: reserved. May be repeated.",
    },
    "parse": {
        "multiple": True,
        "metavar": "COLUMN=HOW",
        "help": "Read text as json, or split it at HOW. May be repeated.",
    },
    "spread": {
        "multiple": True,
        "metavar": "COLUMN",
        "help": "Send each key of an object as a property. May be repeated.",
    },
    "invalid": {
        "multiple": True,
        "metavar": "[CHECK=]REMEDY",
        "help": "raise, drop_row, drop_value or truncate, for one check or all. May be repeated.",
    },
    "check": {"help": "Say so when rows are not accepted; by default only when none is."},
    "schema": {},
    "project": {},
    "progress": {},
}


#: Verb -> what it takes as properties, where these are no columns to send.
PROPERTY = {
    "unset": ("NAME", "Remove this property. May be repeated."),
    "update": ("COLUMN=VERB", "Send this column with this verb, as in plan=set. May be repeated."),
}


def _echo(text: str, *, error: bool = False, **style: Any) -> None:
    """Print text. Everything is printed here, because any text may repeat what a file holds."""
    click.secho(printable(text, keep="\n"), err=error, **style)


class Commands(click.Group):
    """Commands whose errors may repeat what was typed."""

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
        error.message = bounded(printable(error.message, keep="\n"))  # type: ignore[misc]  # it is shown and no more
        raise


class NewFile(click.Path):
    """A file to write. Where it cannot be written, the command ends before anything is sent."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, writable=True, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        folder = real(path).parent  # a link is followed
        if not os.access(folder, os.W_OK):
            self.fail(f"{quoted(str(folder))} is no folder that can be written to.", param, ctx)
        return path


def _refuse_to_overwrite(kept: Iterable[Path | None], new: dict[str, Path | None]) -> None:
    """Refuse to overwrite a file that the command reads, or to write one file twice, under whichever names."""
    taken = [path for path in kept if path is not None]
    for option, path in new.items():
        if path is None:
            continue
        if any(_is_same_file(path, other) for other in taken):
            msg = f"{option} {quoted(str(path))} is a file that this command reads or writes otherwise: name another one"
            raise click.UsageError(msg)
        taken.append(path)


def _is_same_file(one: Path, other: Path) -> bool:
    """Return whether two paths lead to one file, also by links of both kinds, or in other case where that does not matter."""
    if one.exists() and other.exists():
        return one.samefile(other)
    return real(one) == real(other)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="mixpanel_pandas")
def main() -> None:
    """Write the rows of a table to Mixpanel's profiles, every row accounted for.

    The project is taken from the environment: MIXPANEL_TOKEN, and MIXPANEL_REGION (us, eu, in) or MIXPANEL_URL. With
    --emulator nothing leaves this machine.

    FILE is a table in CSV (.csv, .csv.gz, .tsv) or Parquet. For example:

        python -m mixpanel_pandas set users.csv --id user_id --rename email='$email'

    The exit status is 0 when every row is as it was meant to be, 1 when a row is rejected, unknown, not sent or invalid or
    nothing could be sent, and 2 when the command itself is wrong. SIGTERM ends an upload as Ctrl-C does, with the status 143.
    """


def _verb(name: str, does: str) -> click.Command:
    """Return the command for one verb, its options made from the tables."""
    own: list[click.Parameter] = [
        click.Argument(["file"], type=click.Path(exists=True, dir_okay=False, path_type=Path)),
        click.Option(["--id"], metavar="COLUMN", help="Column of the ids. By default distinct_id."),
        click.Option(["--group"], metavar="KEY", help="Write group profiles of this key instead of users."),
        click.Option(
            ["--emulator"], is_flag=True, help="Write to an emulator that lives as long as the command."
        ),
        click.Option(["--region"], type=click.Choice(list(REGIONS)), help="Instead of MIXPANEL_REGION."),
        click.Option(["--validate"], is_flag=True, help="Only show what is wrong with the table."),
        click.Option(["--save-summary"], type=NewFile(), help="Write the summary (.parquet)."),
        click.Option(
            ["--save-failures"], type=NewFile(), help="Write the rows to send again (.csv or .parquet)."
        ),
    ]
    if name != "delete":
        metavar, does_it = PROPERTY.get(
            name, ("COLUMN", "Send this column; by default all. May be repeated.")
        )
        own.append(
            click.Option(
                ["properties", "--property"],
                multiple=True,
                required=name in PROPERTY,
                metavar=metavar,
                help=does_it,
            )
        )
    options = [_option(option) for option in taken_by(name) if WRITTEN.get(option.name) != {}]
    return click.Command(
        name,
        params=[*own, *options],
        callback=lambda **arguments: _run(name, **arguments),
        help=does,
        short_help=does,
    )


def _option(option: Option) -> click.Option:
    written = WRITTEN.get(option.name) or {"help": option.does}
    kind: dict[str, Any] = {}
    choices = [choice for choice in option.choices if isinstance(choice, str)]
    if choices:
        kind = {"type": click.Choice(choices)}
    elif option.default is False:
        return click.Option([f"--{option.name.replace('_', '-')}"], is_flag=True, **written)
    elif True in option.choices:
        flag = option.name.replace("_", "-")
        return click.Option([f"--{flag}/--no-{flag}"], default=None, **written)
    elif option.type.startswith(("int", "float")):
        kind = {"type": float if option.type.startswith("float") else int}
    shown = isinstance(option.default, int | str)
    return click.Option(
        [f"--{option.name.replace('_', '-')}"],
        default=None if written.get("multiple") else option.default,
        show_default=shown and not written.get("multiple"),
        **kind,
        **written,
    )


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
    **written: Any,
) -> None:
    """Read the file, run the verb and show what became of it."""
    options = {name: value for name, value in _read(written).items() if value not in (None, ())}
    journal = Path(options["journal"]) if options.get("journal") else None
    _refuse_to_overwrite([file, journal], {"--save-summary": save_summary, "--save-failures": save_failures})
    with Terminated() as terminated, _errors_in_words(), _emulator(emulator) as running:
        project = _project(running, region)
        frame = read(file, id)
        profiles = MixpanelAccessor(frame) if group is None else GroupProfiles(frame, group)
        columns: Any = _pairs("property", properties) if verb == "update" else list(properties) or None
        if validate:
            taken = {option.name for option in taken_by(verb, sending=False)}
            rows = {name: value for name, value in options.items() if name in taken}
            report = profiles.validate(verb, id, columns, **rows)
            _show_report(report)
            click.get_current_context().exit(int((report["severity"] == "error").any()))
        try:
            summary = getattr(profiles, verb)(id, columns, project=project, **options)
        except (UploadError, UploadInterrupted) as error:
            _echo(f"Error: {error}", error=True)
            summary = error.summary
        terminated.is_late = True
        _show(summary, running, group)
        saved = _saved(save_summary, lambda: summary, always_parquet=True)
        saved &= _saved(save_failures, lambda: profiles.failures(summary))
        status = _status(summary, dry_run=bool(options.get("dry_run"))) or int(not saved)
        click.get_current_context().exit(status)


class Terminated:
    """Let SIGTERM end a command as Ctrl-C does: its summary is printed and written, and the status is 143.

    Attributes
    ----------
    is_late : bool
        Whether nothing is sent any more, so that there is nothing to stop.
    """

    def __init__(self) -> None:
        self.is_late = self._struck = False
        self._former: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._former = signal.signal(signal.SIGTERM, self._strike)
        return self

    def _strike(self, *_signal: object) -> None:
        self._struck = True
        if not self.is_late:
            signal.raise_signal(signal.SIGINT)

    def __exit__(self, _kind: object, error: BaseException | None, _at: object) -> None:
        if self._former is not None:
            signal.signal(signal.SIGTERM, self._former)
        if self._struck and isinstance(error, KeyboardInterrupt | click.exceptions.Exit):
            raise click.exceptions.Exit(TERMINATED) from None


def _saved(path: Path | None, table: Callable[[], pd.DataFrame], *, always_parquet: bool = False) -> bool:
    """Write a table if a file is named, and return whether that succeeded; a failure does not end the command."""
    try:
        if path is not None:
            with replacing(path) as beside:
                table().to_parquet(beside) if always_parquet else write(table(), beside)
    except Exception as error:  # noqa: BLE001 (whatever it is, the upload is over)
        why = shortened(f"{type(error).__name__}: {error}", SHOWN_MESSAGE)
        _echo(f"Error: {quoted(str(path))} was not written: {why}", error=True)
        return False
    return True


def _read(written: dict[str, Any]) -> dict[str, Any]:
    """Return options as Python has them."""
    options = {name: value for name, value in written.items() if value not in (None, ())}
    for name in ("rename", "parse", "invalid"):
        words = options.get(name, ())
        if any("=" in word for word in words):
            options[name] = _pairs(name, words)
        elif words:
            options[name] = words[-1]
    if options.get("updated_at", "").isdigit():
        options["updated_at"] = int(options["updated_at"])
    if "spread" in options:
        options["spread"] = list(options["spread"])
    return options


def _pairs(name: str, words: tuple[str, ...]) -> dict[str, str]:
    """Return ``a=b`` as a mapping."""
    odd = [word for word in words if "=" not in word]
    if odd:
        msg = (
            f"--{name} {quoted(odd[0])}: write it as {'COLUMN=VERB' if name == 'property' else 'LEFT=RIGHT'}"
        )
        raise click.UsageError(msg)
    return dict(word.split("=", 1) for word in words)


@contextlib.contextmanager
def _errors_in_words() -> Iterator[None]:
    """Show errors and warnings as sentences, not as tracebacks."""
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
    """Yield an emulator that lives as long as the command, if one is asked for."""
    if not emulated:
        yield None
        return
    from mixpanel_pandas.emulator import Emulator

    with Emulator(history=0) as emulator:
        yield emulator


def _project(emulator: Emulator | None, region: str | None) -> Project | None:
    """Return the project that the command names; None: the default of the verb."""
    if emulator is not None:
        return emulator.project
    return Project.from_env(region) if region else None


def _show(summary: pd.DataFrame, emulator: Emulator | None, group: str | None) -> None:
    """Print the totals, the summary and some profiles."""
    _echo(f"{show(totals(summary))}\n\n{show(summary, SHOWN_BATCHES)}\n")
    if emulator is not None:
        profiles = emulator.profiles(group)
        some = profiles.head(SHOWN_PROFILES).T
        title = f"Profiles as Mixpanel now holds them ({some.shape[1]:,} of {len(profiles):,})"
        _table(title, some, index=True)


def _show_report(report: pd.DataFrame) -> None:
    """Print a paragraph for each finding."""
    findings = report.drop_duplicates(["severity", "check", "column", "property", "message"])
    _echo(report_in_words(report), bold=True)
    for finding in findings.itertuples():
        where = "" if finding.column is None else f" in {quoted(finding.column)}"
        limit = f" (limit: {finding.limit!s})" if finding.limit else ""
        first = (
            f"; {finding.count:,} rows, the first is {finding.position}"
            if isinstance(finding.position, int)
            else ""
        )
        value = f": '{_shown(finding.value)}'" if first and finding.column is not None else ""
        text = f"{finding.severity!s}: {finding.check!s}{where}: {finding.message!s}{limit}{first}{value}"
        _echo(textwrap.fill(printable(text), _width(), subsequent_indent="    "))


def _table(title: str, table: pd.DataFrame, *, index: bool = False) -> None:
    """Print a table as wide as the terminal, numbers to the right, without empty columns."""
    _echo(title, bold=True)
    filled = table.loc[:, table.notna().any()]
    if not filled.size:
        _echo("nothing\n")
        return
    names = [_shown(name, WIDEST_NAME) for name in table.index] if index else []
    widest = max(12, (_width() - max(map(len, names), default=0)) // SHOWN_PROFILES - 2)
    columns = [
        [_shown(name, widest), *(_shown(value, widest) for value in filled[name].tolist())] for name in filled
    ]
    numbers = [bool(pd.api.types.is_numeric_dtype(filled[name].dtype)) for name in filled]
    if index:
        columns, numbers = [["", *names], *columns], [False, *numbers]
    padded = [_padded(cells, right) for cells, right in zip(columns, numbers, strict=True)]
    for cells in zip(*padded, strict=True):
        _echo("  ".join(cells).rstrip())
    _echo("")


def _padded(cells: list[str], right: bool) -> list[str]:
    """Return cells of one length."""
    longest = max(map(len, cells))
    return [cell.rjust(longest) if right else cell.ljust(longest) for cell in cells]


def _width() -> int:
    return shutil.get_terminal_size().columns


def _shown(value: Any, most: int = SHOWN_CHARACTERS) -> str:
    """Return a value as text: whole, or its beginning; nothing for a missing one."""
    text = "" if pd.api.types.is_scalar(value) and pd.isna(value) else str(value)
    return shortened(printable(text[: 2 * most]), most)


def _status(summary: pd.DataFrame, *, dry_run: bool) -> int:
    """Return 0 when every row is as it was meant to be, else 1."""
    failed = ["rejected", "unknown", "invalid"] + ([] if dry_run else ["not_sent"])
    return int(summary[failed].to_numpy().sum() > 0)


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--run", help="Name of the run; by default the one that began last.")
@click.option("--save-outcomes", type=NewFile(), help="Write what became of each id (.csv or .parquet).")
def journal(file: Path, run: str | None, save_outcomes: Path | None) -> None:
    """Show what became of the rows of a run, from the journal of an upload."""
    from mixpanel_pandas.delivery.journal import read_journal

    _refuse_to_overwrite([file], {"--save-outcomes": save_outcomes})
    with _errors_in_words():
        summary, outcomes = read_journal(file, run)
    _show(summary, None, None)
    saved = _saved(save_outcomes, outcomes.reset_index)
    click.get_current_context().exit(_status(summary, dry_run=False) or int(not saved))


@main.command(short_help="Show what a table holds.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--save", type=NewFile(), help="Write the inventory to a file, too (.csv).")
def inventory(file: Path, save: Path | None) -> None:
    """Show what each column of a table holds, as Mixpanel would see it: types, fill, sizes, and what is wrong.

    Nothing is sent, and no project is needed.
    """
    _refuse_to_overwrite([file], {"--save": save})
    with _errors_in_words():
        table = MixpanelAccessor(read(file)).inventory()
        _echo(str(show(table, len(table))))
        click.get_current_context().exit(int(not _saved(save, lambda: table)))


for _name, _does in [(name, row.does) for name, row in OPERATORS.items()] + [
    ("update", "Apply several operators in one pass.")
]:
    main.add_command(_verb(_name, _does))

"""``python -m mixpanel_pandas set users.csv --id user_id``: the verbs on files."""

from __future__ import annotations

import contextlib
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mixpanel_pandas.accessor import GroupProfiles, MixpanelAccessor
from mixpanel_pandas.delivery.summary import totals
from mixpanel_pandas.errors import MixpanelError, ProfileWarning, UploadError, UploadInterrupted
from mixpanel_pandas.files import read
from mixpanel_pandas.project import REGIONS, Project, set_project
from mixpanel_pandas.rules.operators import OPERATORS
from mixpanel_pandas.rules.options import Option, taken_by

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from mixpanel_pandas.emulator import Emulator

__all__ = ["main"]

#: How many profiles of the emulator are shown, and how long their values may be.
SHOWN_PROFILES, SHOWN_CHARACTERS = 3, 24

#: Columns of the summary that are shown.
SHOWN_COLUMNS = (
    "batch",
    "rows",
    "updates",
    "bytes",
    "status_code",
    "outcome",
    "requests",
    "elapsed",
    "reason",
    "error",
)

#: Option -> how it is written on the command line, where that is not how it is written in Python.
WRITTEN: dict[str, dict[str, Any]] = {
    "rename": {
        "multiple": True,
        "metavar": "COLUMN=PROPERTY",
        "help": "Send a column as another property, or: reserved.",
    },
    "parse": {"multiple": True, "metavar": "COLUMN=HOW", "help": "Read text as json, or split it at HOW."},
    "spread": {"multiple": True, "metavar": "COLUMN", "help": "Send each key of an object as a property."},
    "invalid": {
        "multiple": True,
        "metavar": "[CHECK=]REMEDY",
        "help": "raise, drop_row, drop_value or truncate.",
    },
    "schema": {},
    "progress": {},
}


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="mixpanel_pandas")
def main() -> None:
    """Write the rows of a table to Mixpanel's profiles, every row accounted for.

    The project is taken from the environment: MIXPANEL_TOKEN, and MIXPANEL_REGION (us, eu, in) or MIXPANEL_URL. With
    --emulator nothing leaves this machine.
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
        click.Option(
            ["--save-summary"], type=click.Path(path_type=Path), help="Write the summary to a Parquet file."
        ),
        click.Option(
            ["--save-failures"],
            type=click.Path(path_type=Path),
            help="Write the rows to send again to a CSV file.",
        ),
    ]
    if name == "update":
        own.append(
            click.Option(
                ["properties", "--property"],
                multiple=True,
                required=True,
                metavar="COLUMN=VERB",
                help="What to do.",
            )
        )
    elif name != "delete":
        own.append(
            click.Option(
                ["properties", "--property"],
                multiple=True,
                metavar="NAME",
                help="What to send; by default all.",
            )
        )
    options = [_option(option) for option in taken_by(name) if WRITTEN.get(option.name) != {}]
    return click.Command(
        name,
        params=[*own, *options],
        callback=lambda **given: _run(name, **given),
        help=does,
        short_help=does,
    )


def _option(option: Option) -> click.Option:
    written = WRITTEN.get(option.name) or {"help": option.does.split(". ")[0].rstrip(".") + "."}
    kind: dict[str, Any] = {}
    choices = [choice for choice in option.choices if isinstance(choice, str)]
    if choices:
        kind = {"type": click.Choice(choices)}
    elif option.default is False:
        return click.Option([f"--{option.name.replace('_', '-')}"], is_flag=True, **written)
    elif True in option.choices:
        flag = option.name.replace("_", "-")
        return click.Option([f"--{flag}/--no-{flag}"], default=None, **written)
    elif "int" in option.type:
        kind = {"type": int}
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
    with _errors_in_words(), _destination(emulator, region) as running:
        frame = read(file, id)
        profiles = GroupProfiles(frame, group) if group else MixpanelAccessor(frame)
        wanted: Any = _pairs("property", properties) if verb == "update" else list(properties) or None
        if validate:
            taken = {option.name for option in taken_by(verb, sending=False)}
            rows = {name: value for name, value in options.items() if name in taken}
            report = profiles.validate(verb, id, wanted, **rows)
            _show_report(report, frame)
            click.get_current_context().exit(int((report["severity"] == "error").any()))
        try:
            summary = getattr(profiles, verb)(id, wanted, **options)
        except (UploadError, UploadInterrupted) as error:
            click.echo(f"Error: {error}", err=True)
            summary = error.summary
        _show(summary, running, group)
        if save_summary is not None:
            summary.to_parquet(save_summary)
        if save_failures is not None:
            profiles.failures(summary).to_csv(save_failures, index=False)
    click.get_current_context().exit(_status(summary, dry_run=bool(options.get("dry_run"))))


def _read(written: dict[str, Any]) -> dict[str, Any]:
    """Return options as Python has them."""
    options = {name: value for name, value in written.items() if value not in (None, ())}
    for name in ("rename", "parse", "invalid"):
        words = options.get(name, ())
        if any("=" in word for word in words):
            options[name] = _pairs(name, words)
        elif words:
            options[name] = words[-1]
    if "spread" in options:
        options["spread"] = list(options["spread"])
    return options


def _pairs(name: str, words: tuple[str, ...]) -> dict[str, str]:
    """Return ``a=b`` as a mapping."""
    odd = [word for word in words if "=" not in word]
    if odd:
        msg = f"--{name} {odd[0]!r}: write LEFT=RIGHT"
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
                text = getattr(warning.message, "found", warning.message)
                click.echo(f"Note: {text}; --validate shows them", err=True)


@contextlib.contextmanager
def _destination(emulated: bool, region: str | None) -> Iterator[Emulator | None]:
    """Set the project to write to, for the length of the command."""
    if emulated:
        from mixpanel_pandas.emulator import Emulator

        with Emulator(history=0) as emulator, set_project(emulator.project):
            yield emulator
    elif region:
        project = Project.from_env(region)
        with set_project(project):
            yield None
    else:
        yield None


def _show(summary: pd.DataFrame, emulator: Emulator | None, group: str | None) -> None:
    """Print the totals, the summary and some profiles."""
    _table("Totals", totals(summary))
    _table("Summary", summary[list(SHOWN_COLUMNS)].assign(elapsed=summary["elapsed"].round(3)))
    if emulator is not None:
        profiles = emulator.profiles(group)
        some = profiles.head(SHOWN_PROFILES).T
        title = f"Profiles as Mixpanel now holds them ({some.shape[1]:,} of {len(profiles):,})"
        _table(title, some.map(_shown), index=True)


def _show_report(report: pd.DataFrame, frame: pd.DataFrame) -> None:
    counts = report.drop_duplicates(["severity", "check", "column", "message"])
    found = counts.groupby("severity", observed=False)["count"].sum()
    said = ", ".join(f"{count:,} {name}{'s' * (count != 1)}" for name, count in found.items())
    shown = report.drop(columns=["position", "property"]).assign(value=report["value"].map(_shown))
    _table(f"{said} in {len(frame):,} rows", shown, widest=120)


def _table(title: str, table: pd.DataFrame, *, index: bool = False, widest: int = 60) -> None:
    """Print a table, its texts to the left, without columns that say nothing."""
    click.secho(title, bold=True)
    if len(table):
        said = table.loc[:, table.notna().any()]
        cells = said.astype(object).where(said.notna(), "").apply(_left)
        text = cells.to_string(index=index, max_colwidth=widest, index_names=False, justify="left")
        click.echo("\n".join(line.rstrip() for line in text.splitlines()) + "\n")


def _left(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return texts padded to one length; numbers stay at the right."""
    if not column.map(lambda cell: isinstance(cell, str)).all():
        return column
    return column.str.ljust(max(len(str(column.name)), *column.str.len()))


def _shown(value: Any) -> Any:
    """Return a value as it is shown: whole, or its beginning."""
    if value is None or (isinstance(value, float) and value != value):
        return ""
    text = str(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 1]}…"


def _status(summary: pd.DataFrame, *, dry_run: bool) -> int:
    """Return 0 when every row is as it was meant to be, else 1."""
    failed = ["rejected", "unknown", "invalid"] + ([] if dry_run else ["not_sent"])
    return int(summary[failed].to_numpy().sum() > 0)


for _name, _does in [(name, row.does) for name, row in OPERATORS.items()] + [
    ("update", "Apply several operators in one pass.")
]:
    main.add_command(_verb(_name, _does))

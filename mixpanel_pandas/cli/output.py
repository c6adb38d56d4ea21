"""What a command prints, asks and writes: tables for people, files for programs."""

from __future__ import annotations

import fnmatch
import logging
import os
import shutil
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mixpanel_pandas.cli.logs import log_event
from mixpanel_pandas.cli.wording import in_words_of_the_command_line
from mixpanel_pandas.errors import OperationError
from mixpanel_pandas.reading.writing import (
    WRITTEN_ENDINGS,
    atomic_write,
    link_target,
    rows_as_json,
    write_table,
)
from mixpanel_pandas.text import Length, counted, printable, quoted, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import pandas as pd

    from mixpanel_pandas.emulator import Emulator

__all__ = [
    "STDOUT",
    "check_outputs",
    "echo",
    "print_profiles",
    "print_report",
    "print_summary",
    "write_output",
]

#: The path that stands for standard output.
STDOUT = "-"

#: How many profiles of the emulator and how many batches are shown.
SHOWN_PROFILES, SHOWN_BATCHES = 3, 10


def echo(text: object = "", *, error: bool = False) -> None:
    """Print text. Everything is printed here or in the log, because any text may contain values of a file."""
    click.echo(printable(str(text), keep="\n"), err=error)


# -- tables -----------------------------------------------------------------------------------------------------------


def print_summary(summary: pd.DataFrame, *, error: bool = False) -> None:
    """Print the totals, and the summary."""
    from mixpanel_pandas.delivery.summary import totals
    from mixpanel_pandas.notebook.show import show

    errors = summary["error"].map(in_words_of_the_command_line, na_action="ignore")
    for table in (show(totals(summary)), show(summary.assign(error=errors), SHOWN_BATCHES)):
        echo(f"{table}\n", error=error)


def print_profiles(emulator: Emulator, group: str | None, *, error: bool = False) -> None:
    """Print the first profiles of an emulator, if it has any: a column for each, and a row for each property."""
    from mixpanel_pandas.notebook.show import table_of

    profiles = emulator.profiles(group)
    if profiles.empty:
        return
    first = profiles.head(SHOWN_PROFILES)
    properties = first.T.rename_axis(index="property").reset_index(allow_duplicates=True)
    caption = f"Profiles as Mixpanel now holds them ({len(first):,} of {len(profiles):,})"
    echo(f"{table_of(properties, caption)}\n", error=error)


def print_report(report: pd.DataFrame, first: int) -> None:
    """Print each finding, with its count, and with its first rows and their values."""
    from mixpanel_pandas.checking.report import report_in_words
    from mixpanel_pandas.notebook.tables import MARKS

    echo(report_in_words(report))
    keys = ["severity", "check", "column", "message"]
    for key, rows in report.groupby(keys, dropna=False, observed=True, sort=False):
        severity, check, column, message = map(str, key)
        count = int(rows["count"].iloc[0])
        has_rows = bool(rows["position"].notna().any())
        where = f" in {shortened(column)}" if rows["column"].notna().any() else ""
        how_many = f": {counted(count, 'row')}" if has_rows else ""
        echo(f"\n{MARKS[severity].symbol} {severity} {check}{where}{how_many}")
        limit = rows["limit"].iloc[0]
        limited = f"{message} (limit: {limit})" if isinstance(limit, str) and limit else message
        echo(_wrapped(in_words_of_the_command_line(shortened(limited, Length.MESSAGE))))
        if has_rows and first:
            for position, value in zip(rows["position"][:first], rows["value"][:first], strict=True):
                echo(f"    row {position + 1:,}: {quoted(value, Length.NAME)}")
            if count > first:
                echo(f"    and {count - first:,} more")
    if report["position"].notna().any():
        echo("\nRows count from 1, without the line of names.")


def _wrapped(text: str) -> str:
    width = max(40, shutil.get_terminal_size().columns)
    indent = " " * 4
    return textwrap.fill(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


# -- files ------------------------------------------------------------------------------------------------------------


def check_outputs(
    sources: Iterable[str], outputs: Mapping[str, str | None], inputs: Iterable[str | None] = ()
) -> None:
    """Refuse files that cannot be written, before anything is sent.

    Refused are endings that name no format, folders that cannot be written to, and files that the command reads or writes otherwise,
    whatever the paths are.

    Parameters
    ----------
    sources : iterable of str
        Paths, patterns and addresses that are read as tables.
    outputs : mapping
        Option -> path.
    inputs : iterable of str or None
        Other files that the command uses.

    Raises
    ------
    OperationError
        Naming the option.
    """
    sources = [source for source in sources if source != STDOUT and "://" not in source]
    taken = [Path(path) for path in inputs if path is not None]
    for option, name in outputs.items():
        if name is None:
            continue
        path = Path(name)
        if any(_is_same_file(path, other) for other in taken) or any(
            _is_read(path, source) for source in sources
        ):
            msg = f"{option} {quoted(name)} is another file that this command reads or writes: choose another name"
            raise OperationError(msg)
        if name != STDOUT:
            _check_output(option, path)
        taken.append(path)


def _is_read(path: Path, source: str) -> bool:
    """Return whether a path is what a source names: the file, a file in the folder, or one that the pattern fits."""
    if Path(source).is_dir():
        return link_target(path).is_relative_to(link_target(Path(source)))
    names = str(link_target(path)), str(link_target(Path(source)))
    return _is_same_file(path, Path(source)) or fnmatch.fnmatch(*names)


def _check_output(option: str, path: Path) -> None:
    folder = link_target(path).parent
    if option != "--save-job" and not path.name.lower().endswith(WRITTEN_ENDINGS):
        msg = f"{option} {quoted(str(path))}: the name must end in {', '.join(WRITTEN_ENDINGS)}"
        raise OperationError(msg)
    if path.is_dir() or not os.access(folder, os.W_OK):
        what = (
            f"{quoted(str(path))} is a folder"
            if path.is_dir()
            else f"{quoted(str(folder))} is not a folder that can be written to"
        )
        msg = f"{option}: {what}"
        raise OperationError(msg)


def _is_same_file(one: Path, other: Path) -> bool:
    """Return whether two paths lead to one file, also through links, or on a file system that ignores case."""
    if one.exists() and other.exists():
        return one.samefile(other)
    return link_target(one) == link_target(other)


def write_output(name: str | None, frame: Callable[[], pd.DataFrame], what: str) -> bool:
    """Write a frame if there is a path. Return False if that failed, which is an error but does not end the command."""
    if name is None:
        return True
    try:
        rows = frame()
        if name == STDOUT:
            sys.stdout.writelines(line.decode() for line in rows_as_json(rows))
        else:
            with atomic_write(Path(name)) as temporary:
                write_table(rows, temporary)
    except Exception as error:  # noqa: BLE001  # the upload is over, whatever happens here
        reason = shortened(f"{type(error).__name__}: {error}", Length.SENTENCE)
        log_event(logging.ERROR, "not_written", f"{quoted(name)} was not written: {reason}", path=name)
        return False
    where = "standard output" if name == STDOUT else quoted(name)
    log_event(
        logging.INFO,
        "written",
        f"wrote {what}, {counted(len(rows), 'row')}, to {where}",
        path=name,
        rows=len(rows),
    )
    return True

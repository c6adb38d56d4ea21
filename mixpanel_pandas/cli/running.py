"""What all commands on tables share: reading, the log, warnings, and how they end."""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import sys
import time
import warnings
from typing import TYPE_CHECKING, Any, NoReturn

import click

from mixpanel_pandas.cli.exit_status import ExitStatus, Termination, status_of_error
from mixpanel_pandas.cli.jobs import named_run
from mixpanel_pandas.cli.logs import log_event, logging_to_stderr
from mixpanel_pandas.errors import MixpanelError, ProfileWarning
from mixpanel_pandas.rules.options import taken_by
from mixpanel_pandas.text import rounded, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mixpanel_pandas.cli.jobs import Call

__all__ = ["finish", "options_of_call"]


def finish(call: Call, work: Callable[[Termination], ExitStatus]) -> NoReturn:
    """Do the work of a command, with its log on stderr, and end with the exit status."""
    began = time.monotonic()
    terminal = sys.stderr.isatty()
    log = logging_to_stderr(call["log_format"] or "text", quiet=bool(call["quiet"]), terminal=terminal)
    with log, Termination() as termination:
        try:
            _log_start(call)
            with _warnings_in_the_log(call.verb):
                status = work(termination)
        except MixpanelError as error:
            status = status_of_error(error)
            log_event(logging.ERROR, "error", _words_of(error), status=int(status))
        except (KeyboardInterrupt, click.Abort):
            status = ExitStatus.INTERRUPTED
            text = "interrupted" if termination.is_over else "interrupted: nothing was sent"
            log_event(logging.ERROR, "interrupted", text, status=int(status))
        if termination.received:
            status = ExitStatus.TERMINATED
        seconds = round(time.monotonic() - began, 3)
        log_event(
            logging.INFO,
            "ended",
            f"ended with status {status:d} after {rounded(seconds)} s",
            status=int(status),
            seconds=seconds,
        )
    raise click.exceptions.Exit(status)


def _words_of(error: MixpanelError) -> str:
    """Return the message, and the note that names the page about its first check."""
    notes = [note for note in getattr(error, "__notes__", []) if note.startswith("mpd.explain(")]
    return "\n".join([str(error), *notes])


def _log_start(call: Call) -> None:
    """Write to the log which command runs on which tables."""
    if call.sources:
        context = click.get_current_context()
        command = context.command_path.removeprefix(context.find_root().command_path).strip()
        names = ", ".join(shortened(source) for source in call.sources)
        log_event(logging.INFO, "started", f"{command} {names}", command=command)


@contextlib.contextmanager
def _warnings_in_the_log(verb: str) -> Iterator[None]:
    """Write what the package warns of to the log, as soon as it does."""

    def log(message: Warning | str, *_where: object, **_more: object) -> None:
        if isinstance(message, ProfileWarning):
            text = f"{message.counts}; `mixpanel-pandas validate {verb}` shows them"
        else:
            text = str(message)
        log_event(logging.WARNING, "findings", text)

    with warnings.catch_warnings():
        warnings.simplefilter("always", ProfileWarning)
        warnings.showwarning = log
        yield


def options_of_call(call: Call, *, sending: bool = True) -> dict[str, Any]:
    """Return the options of the verb that the call names, as Python takes them."""
    from mixpanel_pandas.reading.cleaning import NA_TEXTS

    options = call.of(
        option.name for option in taken_by(call.verb, sending=sending) if option.name != "project"
    )
    if "na" in options:
        options["na"] = [text for word in options["na"] for text in NA_TEXTS.get(word, [word])]
    if "run" in options:
        options["run"] = named_run(options["run"], dt.datetime.now().astimezone())
    return options

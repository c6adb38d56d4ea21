"""What a command writes to stderr: a line for each event, for people or for programs.

A scheduler keeps stderr, so each line has a time stamp there. A terminal shows a progress bar instead, and only warnings and errors.
"""

from __future__ import annotations

import datetime as dt
import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import click
import orjson

from mixpanel_pandas.cli.wording import in_words_of_the_command_line
from mixpanel_pandas.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["LogFormat", "log_event", "logging_to_stderr"]

LogFormat = Literal["text", "json"]

_package = logging.getLogger("mixpanel_pandas")
_logger = logging.getLogger("mixpanel_pandas.cli")


def log_event(level: int, event: str, text: str, **numbers: Any) -> None:
    """Write an event to the log.

    Parameters
    ----------
    level : int
        Such as `logging.INFO`.
    event : str
        What kind of event it is, as programs filter by it.
    text : str
        The event in words. Several lines are possible.
    **numbers
        What a program reads: counts, seconds, names.
    """
    _logger.log(level, "%s", text, extra={"event": event, "numbers": numbers})


@contextmanager
def logging_to_stderr(format: LogFormat, *, quiet: bool, terminal: bool) -> Iterator[None]:
    """Write the log of this package to stderr, until the end of the block.

    Parameters
    ----------
    format : {"text", "json"}
        Lines for people, or an object in JSON per line.
    quiet : bool
        Whether only warnings and errors are written.
    terminal : bool
        Whether a person sees stderr: lines have no time stamps, and the progress bar tells the rest.
    """
    handler = _Handler(_as_json if format == "json" else _for_terminal if terminal else _as_text)
    handler.setLevel(logging.WARNING if quiet or (terminal and format == "text") else logging.INFO)
    before = _package.level, _package.propagate
    _package.setLevel(logging.INFO)
    _package.propagate = False
    _package.addHandler(handler)
    try:
        yield
    finally:
        _package.removeHandler(handler)
        _package.setLevel(before[0])
        _package.propagate = before[1]


class _Handler(logging.Handler):
    """Writes records to what stderr is at the time."""

    def __init__(self, line: Any) -> None:
        super().__init__()
        self._line = line

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record. An error of stderr itself has no place to be shown."""
        try:
            click.echo(self._line(record), err=True)
        except Exception:  # noqa: BLE001  # as logging does with an error of a handler
            self.handleError(record)


def _text_of(record: logging.LogRecord) -> str:
    text = in_words_of_the_command_line(record.getMessage())
    return printable(f"{text}\n{record.exc_text}" if record.exc_text else text, keep="\n")


def _time_of(record: logging.LogRecord) -> str:
    return f"{dt.datetime.fromtimestamp(record.created, dt.UTC):%Y-%m-%dT%H:%M:%SZ}"


def _as_text(record: logging.LogRecord) -> str:
    return f"{_time_of(record)} {record.levelname:<7} {_text_of(record)}"


def _for_terminal(record: logging.LogRecord) -> str:
    return f"{'Error' if record.levelno >= logging.ERROR else 'Note'}: {_text_of(record)}"


def _as_json(record: logging.LogRecord) -> str:
    line = {
        "time": _time_of(record),
        "level": record.levelname.lower(),
        "event": getattr(record, "event", "message"),
        "message": _text_of(record),
        **getattr(record, "numbers", {}),
    }
    return orjson.dumps(line, default=str, option=orjson.OPT_SERIALIZE_NUMPY).decode()

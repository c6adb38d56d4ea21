"""Dates as Mixpanel keeps them: text in UTC, known and compared to the second."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from mixpanel_pandas.errors import OperationError, did_you_mean
from mixpanel_pandas.rules.limits import LIMITS

if TYPE_CHECKING:
    from datetime import tzinfo

__all__ = ["is_moment", "moment_text", "seconds_of", "without_fractions", "zone_of"]

_FORMAT = "%Y-%m-%dT%H:%M:%S"

#: A date, or a date and a time in UTC.
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d+)?Z?)?", re.ASCII)


def zone_of(name: str) -> tzinfo:
    """Return a time zone by its name. UTC needs no database of time zones.

    >>> str(zone_of("UTC")), str(zone_of("Asia/Tokyo"))
    ('UTC', 'Asia/Tokyo')
    """
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        msg = f"there is no time zone {name!r}: {did_you_mean(name, sorted(available_timezones()))}"
        raise OperationError(msg) from None


def is_moment(text: str) -> bool:
    """Return whether a text looks like a date, or like a date and a time."""
    return text[4:5] == "-" and _MOMENT.fullmatch(text) is not None


def seconds_of(text: str, zone: tzinfo = UTC) -> int | None:
    """Return the whole seconds since 1970 of a date in `zone`. None: it is not a date.

    >>> seconds_of("1970-01-02"), seconds_of("1970-01-01T00:01:00.999Z"), seconds_of("1970-02-30")
    (86400, 60, None)
    """
    if not is_moment(text):
        return None
    try:
        return int(datetime.fromisoformat(text[:19]).replace(tzinfo=zone).timestamp())
    except (ValueError, OverflowError):
        return None


def moment_text(number: float) -> str:
    """Return seconds since 1970 as text in UTC. Some clients send milliseconds, which are recognized by their size.

    >>> moment_text(0), moment_text(1_700_000_000_000)
    ('1970-01-01T00:00:00', '2023-11-14T22:13:20')
    """
    seconds = number / 1000 if number > LIMITS["time_seconds"].value else number
    return datetime.fromtimestamp(seconds, UTC).strftime(_FORMAT)


def without_fractions(value: Any) -> Any:
    """Return a value with its dates to the second, as Mixpanel exports them.

    >>> without_fractions(["2024-01-01T10:00:00.123Z", "2024-01-01", "x"])
    ['2024-01-01T10:00:00', '2024-01-01', 'x']
    """
    if isinstance(value, str):
        return value[:19] if is_moment(value) else value
    if isinstance(value, list):
        return [without_fractions(item) for item in value]
    return value

"""The options `ip`, `latitude`, `longitude` and `updated_at`: a column of the frame, or a constant that every record gets."""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd

from mixpanel_pandas.errors import OperationError
from mixpanel_pandas.payloads.sources import Source, find_source, has_label
from mixpanel_pandas.payloads.values import ADDRESSES
from mixpanel_pandas.rules.limits import LIMITS
from mixpanel_pandas.text import quoted, repr_of

__all__ = ["address", "degrees_source", "ip_source", "time_source"]


def ip_source(frame: pd.DataFrame, ip: Any) -> Source | str:
    """Return where ``$ip`` comes from: a column, or an address; ``"0"`` means no address.

    Raises
    ------
    OperationError
        If `ip` is neither an address nor a column that can hold addresses.
    """
    if ip is None:
        return "0"
    if not has_label(frame, ip) and (constant := address(ip)):
        return constant
    if not isinstance(ip, Hashable):
        msg = f"ip={quoted(ip)} must be an address or a column"
        raise OperationError(msg)
    source = find_source(frame, ip, "ip must be an address or a column, and")
    return _of_kind(source, "ip", ("string", "mixed", "missing"), "addresses as text")


def address(value: object) -> str | None:
    """Return an IP address, given as text or an object, as Mixpanel reads it. None: it is not one, or only valid on one network."""
    text = str(value) if isinstance(value, ADDRESSES) else value
    if not isinstance(text, str) or "%" in text:
        return None
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def degrees_source(frame: pd.DataFrame, option: str, value: Any) -> Source | float | None:
    """Return where ``$latitude`` or ``$longitude`` comes from: a column, or degrees; None for nowhere.

    Parameters
    ----------
    option : {"latitude", "longitude"}
        Also the key of the limit.

    Raises
    ------
    OperationError
        If `value` is neither a column with degrees nor a possible number of degrees.
    """
    if value is None:
        return None
    degrees = None if has_label(frame, value) else _number(value)
    if degrees is None:
        if not isinstance(value, Hashable):
            msg = f"{option}={quoted(value)} must be a number or a column"
            raise OperationError(msg)
        source = find_source(frame, value, f"{option} must be a number of degrees or a column, and")
        return _of_kind(source, option, ("number", "mixed", "missing"), "degrees as numbers")
    most = LIMITS[option].value
    if not -most <= degrees <= most:
        msg = f"{option}={quoted(value)} must be from -{most} to {most} degrees"
        raise OperationError(msg)
    return degrees


def _number(value: Any) -> float | None:
    """Return a number, which may be text as on the command line; None if it is not a number."""
    if not isinstance(value, int | float | np.number | str) or isinstance(value, bool | np.timedelta64):
        return None
    try:
        return float(
            str(value) if isinstance(value, np.floating) else value
        )  # 1.1 of single precision, not 1.10000002
    except (OverflowError, ValueError):
        return None


def time_source(frame: pd.DataFrame, updated_at: Any) -> Source | int | str:
    """Return where ``$time`` comes from: a column, seconds since 1970, or ``"keep"`` or ``"refresh"``.

    Raises
    ------
    OperationError
        If `updated_at` is none of them, or a column that cannot hold times.
    """
    if isinstance(updated_at, str) and updated_at in {"keep", "refresh"}:
        return updated_at
    instant = _from_iso(updated_at)
    is_label = has_label(frame, updated_at)
    if is_label or (isinstance(updated_at, str) and instant is None):
        source = find_source(
            frame, updated_at, "updated_at must be 'keep', 'refresh', a column or a datetime, and"
        )
        kinds = ("date", "number", "string", "mixed", "missing")
        return _of_kind(source, "updated_at", kinds, "datetimes, ISO dates or seconds since 1970")
    seconds = _seconds(updated_at if instant is None else instant)
    if not 0 <= seconds < LIMITS["time_seconds"].value:
        msg = (
            f"updated_at={repr_of(updated_at if instant is None else instant)} must be from 1970 on and, as a number, "
            "seconds below 1e11: larger ones are milliseconds"
        )
        raise OperationError(msg)
    return int(seconds)


def _from_iso(value: Any) -> dt.datetime | None:
    """Return the time that an ISO text stands for."""
    try:
        return dt.datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _seconds(time: Any) -> float:
    """Return a number as it is, and a date or datetime, in UTC unless it names a time zone, as seconds since 1970."""
    try:
        if isinstance(time, int | float | np.number) and not isinstance(time, bool | np.timedelta64):
            return float(time)
        if isinstance(time, dt.date | np.datetime64) and not pd.isna(time):
            instant = pd.Timestamp(time)
            return (instant.tz_localize("UTC") if instant.tz is None else instant).timestamp()
    except (OverflowError, ValueError):  # an integer beyond floats, a date beyond timestamps
        return np.inf
    msg = f"updated_at={repr_of(time)} must be 'keep', 'refresh', a column, a datetime, or seconds since 1970"
    raise OperationError(msg)


def _of_kind(source: Source, option: str, kinds: tuple[str, ...], expected: str) -> Source:
    """Return `source`, if its values can be what the option expects."""
    if source.rule.kind not in kinds or source.rule.refusal:
        msg = f"{option}={quoted(source.label)} is a column of {source.rule.name}: expected {expected}"
        raise OperationError(msg)
    return source

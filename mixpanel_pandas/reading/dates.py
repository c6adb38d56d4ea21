"""Text -> dates and times.

Texts of one length lie in a matrix of bytes, a row each, and each token of a format reads its columns of it, so no Python runs for
a single value.
"""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.payloads.arrays import byte_counts, bytes_of, emptied, mask_of, offsets_of
from mixpanel_pandas.reading.columns import ReadColumn, matching, without_blanks
from mixpanel_pandas.reading.date_formats import ISO, DateFormat, Token

__all__ = ["NAIVE", "UTC", "read_dates"]

DATE, NAIVE, UTC = pa.date32(), pa.timestamp("us"), pa.timestamp("us", "UTC")

#: Years of two digits up to this one are of this century, as POSIX and `strptime` read them.
LAST_SHORT_YEAR = 68

#: Microseconds: of a day, and since 1970 of the first instant of the year 1 and of that after the year 9999.
_DAY = 86_400_000_000
_FIRST = np.datetime64("0001-01-01", "us").astype(np.int64)
_END = np.datetime64("10000-01-01", "us").astype(np.int64)

_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
           "november", "december")  # fmt: skip

#: A date whose day and month are ambiguous.
_TWO_WAYS = "(?:0?[1-9]|1[0-2])[./-](?:0?[1-9]|1[0-2])[./-](?:[0-9]{2}|[0-9]{4})(?:[ T,].*)?"


def read_dates(texts: pa.LargeStringArray, type: pa.DataType | None, format: DateFormat = ISO) -> ReadColumn:
    """Return texts as dates, or as times if one of them has a time.

    Parameters
    ----------
    type : pyarrow.DataType, optional
        date32, or timestamp of microseconds without a zone or in UTC; by default what the texts need. Times with an offset, and
        times in the zone of `format`, are in UTC.
    format : DateFormat
        By default ISO 8601.

    Returns
    -------
    ReadColumn
        Findings are ``unreadable``, ``two_way_date``, ``no_offset`` (a time without offset among others that have one),
        ``nonexistent_time`` and ``ambiguous_time`` (in the time zone), ``out_of_range`` (before the year 1 or after 9999, in UTC) and
        ``inexact`` (parts of a microsecond).
    """
    if format.iso and (values := _at_once(texts, type, format.zone)) is not None:
        return values
    texts = without_blanks(texts)
    parts = _Parts(len(texts))
    for pattern in format.patterns:
        _fit(texts, pattern, parts)
    return _converted(texts, parts, type, format)


def _at_once(texts: pa.LargeStringArray, type: pa.DataType | None, zone: str) -> ReadColumn | None:
    """Return dates that Arrow reads in one go, or None: they have several forms, or a finding."""
    if len(texts) == texts.null_count or set(np.flatnonzero(byte_counts(texts))) - set(b"0123456789-+:.TZ "):
        return None
    for form in (DATE, NAIVE, UTC):
        is_local = bool(zone) and form == NAIVE
        makes = UTC if is_local else form
        if type not in {None, makes}:
            continue
        try:
            values = texts.cast(form)
        except pa.ArrowInvalid:
            continue
        if is_local:
            instants, findings = _localised(values, zone)
            return None if findings else ReadColumn(instants)
        bounds = pc.min_max(values.cast(NAIVE if form == DATE else form).cast(pa.int64()))
        in_range = bounds["min"].as_py() >= _FIRST and bounds["max"].as_py() < _END
        return ReadColumn(values) if in_range else None
    return None


class _Parts:
    """The fields of dates, an array each, and which rows have them."""

    def __init__(self, rows: int) -> None:
        self.matched = np.zeros(rows, bool)
        self.has_time = np.zeros(rows, bool)
        self.has_offset = np.zeros(rows, bool)
        self.inexact = np.zeros(rows, bool)
        self.micros = np.zeros(rows, np.int64)  # in the text's own time
        self.offset = np.zeros(rows, np.int64)


def _fit(texts: pa.LargeStringArray, pattern: tuple[Token, ...], parts: _Parts) -> None:
    """Add the fields of those texts that fit a pattern, and fit none before."""
    rows = np.flatnonzero(mask_of(texts.is_valid()) & ~parts.matched)
    if not len(rows):
        return
    content, offsets = bytes_of(texts), offsets_of(texts)
    starts, lengths = offsets[:-1] - offsets[0], np.diff(offsets)[rows]
    for length in np.flatnonzero(np.bincount(np.minimum(lengths, 64))):  # no date is that long
        left = rows[lengths == length]
        for widths in _widths(pattern, int(length)):
            block = content[starts[left][:, None] + np.arange(length)].T
            fits = _fit_widths(block, pattern, widths, left, parts)
            left = left[~fits]
            if not len(left):
                break


@cache
def _widths(pattern: tuple[Token, ...], length: int) -> tuple[tuple[int, ...], ...]:
    """Return the widths of all tokens, in each way that makes a text of `length` bytes."""
    ways = product(*(token.widths for token in pattern))
    return tuple(widths for widths in ways if sum(widths) == length)


def _fit_widths(
    block: np.ndarray, pattern: tuple[Token, ...], widths: tuple[int, ...], rows: np.ndarray, parts: _Parts
) -> np.ndarray:
    """Read texts of one length, a column each, by tokens of these widths; return the mask of those that fit."""
    fits = np.ones(len(rows), bool)
    fields: dict[str, np.ndarray] = {}
    inexact = np.zeros(len(rows), bool)
    at = 0
    for token, width in zip(pattern, widths, strict=True):
        piece = block[at : at + width]
        at += width
        if not token.field:
            fits &= np.isin(piece[0], [ord(character) for character in token.text])
        elif token.field in _READERS:
            fields[token.field] = _READERS[token.field](piece, fits)
        elif token.field == "fraction":
            fields["micros"] = _number(piece[:6], fits) * 10 ** (6 - min(width, 6))
            inexact |= _number(piece[6:], fits) > 0
        else:
            fields[token.field] = _number(piece, fits)
        if not fits.any():
            return fits
    micros = _micros(fields, fits)
    taken = rows[fits]
    parts.matched[taken] = True
    parts.micros[taken] = micros[fits]
    parts.inexact[taken] = inexact[fits]
    parts.has_time[taken] = "hour" in fields
    parts.has_offset[taken] = "offset" in fields
    if "offset" in fields:
        parts.offset[taken] = fields["offset"][fits] * 60_000_000
    return fits


def _number(piece: np.ndarray, fits: np.ndarray) -> np.ndarray:
    """Return the numbers that rows of digits make; other characters do not fit."""
    number = np.zeros(len(fits), np.int64)
    for column in piece:
        digit = column - np.uint8(48)  # what is below wraps around
        fits &= digit < 10
        number = number * 10 + digit
    return number


def _month_name(piece: np.ndarray, fits: np.ndarray) -> np.ndarray:
    width = len(piece)
    names = {name[:width] if width == 3 else name: number for number, name in enumerate(_MONTHS, 1)}
    month = np.zeros(len(fits), np.int64)
    lower = piece | np.uint8(32)
    for name, number in names.items():
        if len(name) == width:
            month[(lower == np.frombuffer(name.encode(), np.uint8)[:, None]).all(axis=0)] = number
    fits &= month > 0
    return month


def _half(piece: np.ndarray, fits: np.ndarray) -> np.ndarray:
    first, second = piece | np.uint8(32)
    fits &= (second == ord("m")) & ((first == ord("a")) | (first == ord("p")))
    return np.where(first == ord("p"), 1, 0)


def _offset(piece: np.ndarray, fits: np.ndarray) -> np.ndarray:
    """Return minutes east of UTC: of Z, +hh, +hhmm or +hh:mm."""
    if len(piece) == 1:
        fits &= (piece[0] | np.uint8(32)) == ord("z")
        return np.zeros(len(fits), np.int64)
    sign = np.where(piece[0] == ord("-"), -1, 1)
    fits &= (piece[0] == ord("-")) | (piece[0] == ord("+"))
    if len(piece) == 6:
        fits &= piece[3] == ord(":")
    hours, minutes = _number(piece[1:3], fits), _number(piece[-2:], fits) if len(piece) > 3 else np.int64(0)
    fits &= (hours <= 23) & (minutes <= 59)
    return np.asarray(sign * (hours * 60 + minutes))


_READERS = {"month_name": _month_name, "half": _half, "offset": _offset}


def _micros(fields: dict[str, np.ndarray], fits: np.ndarray) -> np.ndarray:
    """Return microseconds since 1970; a date or a time that no calendar or clock shows does not fit."""
    if "short_year" in fields:
        year = fields["short_year"] + np.where(fields["short_year"] <= LAST_SHORT_YEAR, 2000, 1900)
    else:
        year = fields["year"]
    month, day = fields["month_name" if "month_name" in fields else "month"], fields["day"]
    fits &= (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1)
    first = (np.clip(year, 1, 9999) * 12 + np.clip(month, 1, 12) - 1 - 1970 * 12).astype("datetime64[M]")
    days = first.astype("datetime64[D]").astype(np.int64) + day - 1
    fits &= days < (first + np.timedelta64(1, "M")).astype("datetime64[D]").astype(np.int64)
    hour = fields.get("hour", np.int64(0))
    if "half" in fields:
        fits &= (hour >= 1) & (hour <= 12)
        hour = hour % 12 + 12 * fields["half"]
    minute, second = fields.get("minute", np.int64(0)), fields.get("second", np.int64(0))
    fits &= (hour <= 23) & (minute <= 59) & (second <= 59)
    seconds = (hour * 60 + minute) * 60 + second
    return np.asarray(days * _DAY + seconds * 1_000_000 + fields.get("micros", np.int64(0)))


def _converted(
    texts: pa.LargeStringArray, parts: _Parts, type: pa.DataType | None, format: DateFormat
) -> ReadColumn:
    findings = {"unreadable": ~parts.matched & mask_of(texts.is_valid()), "inexact": parts.inexact}
    if format.iso and findings["unreadable"].any():
        findings["two_way_date"] = findings["unreadable"] & matching(texts, _TWO_WAYS)
        findings["unreadable"] = findings["unreadable"] & ~findings["two_way_date"]
    needed = type or _needed_type(parts, format)
    if needed == DATE:
        findings["unreadable"] = findings["unreadable"] | parts.has_time
        days = (parts.micros // _DAY).astype(np.int32)
        return ReadColumn(pa.array(days, mask=~parts.matched | parts.has_time).cast(DATE), findings)
    micros = parts.micros
    if needed == NAIVE:
        findings["no_offset"] = parts.has_offset
    elif format.zone:
        naive = pa.array(micros, mask=~parts.matched | parts.has_offset).cast(NAIVE)
        local, wrong = _localised(naive, format.zone)
        findings |= wrong
        micros = np.where(
            parts.has_offset, micros - parts.offset, np.asarray(local.cast(pa.int64()).fill_null(0))
        )
    else:
        findings["no_offset"] = parts.matched & ~parts.has_offset
        micros = micros - parts.offset
    beyond = parts.matched & ((micros < _FIRST) | (micros >= _END))
    findings["out_of_range"] = beyond | findings.get("out_of_range", False)
    refused = np.logical_or.reduce([~parts.matched, *findings.values()])
    return ReadColumn(pa.array(micros, mask=refused).cast(needed), findings)


def _needed_type(parts: _Parts, format: DateFormat) -> pa.DataType:
    """Return the type that texts need: dates, or times if one of them has a time; in UTC if that is known."""
    if not parts.has_time.any():
        return DATE
    return UTC if format.zone or parts.has_offset.any() else NAIVE


def _localised(naive: pa.Array, zone: str) -> tuple[pa.Array, dict[str, np.ndarray]]:
    """Return times of a zone in UTC, null where there is a finding: they do not exist, exist twice, or are out of range."""
    early = pc.assume_timezone(naive, zone, ambiguous="earliest", nonexistent="earliest")
    late = pc.assume_timezone(naive, zone, ambiguous="latest", nonexistent="latest")
    instants = late.cast(UTC)
    uncertain = mask_of(pc.not_equal(early, late))
    absent = uncertain & mask_of(pc.not_equal(pc.local_timestamp(late), naive))
    micros = np.asarray(instants.cast(pa.int64()).fill_null(0))
    beyond = mask_of(naive.is_valid()) & ((micros < _FIRST) | (micros >= _END))
    findings = {
        "nonexistent_time": absent,
        "ambiguous_time": uncertain & ~absent,
        "out_of_range": beyond & ~uncertain,
    }
    findings = {name: mask for name, mask in findings.items() if mask.any()}
    return emptied(instants, uncertain | beyond), findings

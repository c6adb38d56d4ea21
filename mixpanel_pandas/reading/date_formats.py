"""How dates are written: formats of dates and times, as words (``dd/mm/yyyy hh:mm``) or as for ``strptime`` (``%d/%m/%Y``).

A format is a row of tokens (`Token`). ISO 8601 is a table of such formats.
"""

from __future__ import annotations

import re
import zoneinfo
from dataclasses import dataclass

from mixpanel_pandas.errors import did_you_mean

__all__ = ["ISO", "DateFormat", "Token", "date_format"]


@dataclass(frozen=True)
class Token:
    """A piece of a format.

    Attributes
    ----------
    field : str
        What it holds: year, short_year, month, month_name, day, hour, minute, second, fraction, half (am or pm) or offset; empty
        for characters that stand as they are.
    widths : tuple of int
        How many bytes it may have.
    text : str
        For characters that stand as they are: those of which one stands here.
    """

    field: str
    widths: tuple[int, ...] = (1,)
    text: str = ""


@dataclass(frozen=True)
class DateFormat:
    """How dates are written.

    Attributes
    ----------
    patterns : tuple of tuple of Token
        A text fits one of them.
    zone : str
        Time zone of the times that have no offset; empty if there is none.
    iso : bool
        Whether these are the patterns of ISO 8601.
    """

    patterns: tuple[tuple[Token, ...], ...]
    zone: str = ""
    iso: bool = False


_TWO, _ONE_OR_TWO = (2,), (1, 2)

#: Word of a format -> its token. Beside another word ``d`` and ``dd`` are alike; `_fixed` makes them two digits.
_WORDS: dict[str, Token] = {
    "yyyy": Token("year", (4,)),
    "yy": Token("short_year", _TWO),
    "mmmm": Token("month_name", tuple(range(3, 10))),
    "mmm": Token("month_name", (3,)),
    "mm": Token("month", _ONE_OR_TWO),
    "m": Token("month", _ONE_OR_TWO),
    "dd": Token("day", _ONE_OR_TWO),
    "d": Token("day", _ONE_OR_TWO),
    "hh": Token("hour", _ONE_OR_TWO),
    "h": Token("hour", _ONE_OR_TWO),
    "ss": Token("second", _TWO),
    "am/pm": Token("half", _TWO),
    "am": Token("half", _TWO),
    "pm": Token("half", _TWO),
    "z": Token("offset", (1, 3, 5, 6)),
}
_FRACTION = Token("fraction", tuple(range(1, 10)))
_MINUTE = Token("minute", _TWO)

#: Directive of strptime -> its token.
_DIRECTIVES = {
    "%Y": _WORDS["yyyy"],
    "%y": _WORDS["yy"],
    "%m": _WORDS["mm"],
    "%b": _WORDS["mmm"],
    "%B": _WORDS["mmmm"],
    "%d": _WORDS["dd"],
    "%H": _WORDS["hh"],
    "%I": _WORDS["hh"],
    "%M": _MINUTE,
    "%S": _WORDS["ss"],
    "%f": _FRACTION,
    "%p": _WORDS["am"],
    "%z": _WORDS["z"],
    "%%": Token("", text="%"),
}

_WORD = re.compile(r"(am/pm|yyyy|yy|mmmm|mmm|mm|m|dd|d|hh|h|ss|am|pm|z|f+)|(.)", re.DOTALL)


def date_format(detail: str) -> DateFormat:
    """Return the format that the detail of a reading describes.

    Parameters
    ----------
    detail : str
        Words such as ``dd/mm/yyyy hh:mm``, a format of `strptime`, or nothing for ISO 8601; then perhaps a blank and the name of a
        time zone.

    Raises
    ------
    ValueError
        If a word is not known, or the day, the month or the year is missing or stands there twice.
    """
    written, zone = _without_zone(detail)
    if not written:
        return DateFormat(ISO.patterns, zone, iso=True)
    tokens = _of_directives(written) if "%" in written else _of_words(written)
    _check(tokens, written)
    return DateFormat((_fixed(tokens),), zone)


def _without_zone(detail: str) -> tuple[str, str]:
    """Return a detail without its last word, if that is a time zone, and the time zone."""
    rest, _blank, last = detail.strip().rpartition(" ")
    if not last or "%" in last:
        return detail.strip(), ""
    try:
        zoneinfo.ZoneInfo(last)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        if re.fullmatch(r"[A-Z][A-Za-z]+/[A-Za-z_/]+", last) and not re.fullmatch("(?i)am/pm|[dmy/]+", last):
            msg = (
                f"there is no time zone {last}: {did_you_mean(last, sorted(zoneinfo.available_timezones()))}"
            )
            raise ValueError(msg) from None
        return detail.strip(), ""
    return rest.strip(), last


def _of_words(written: str) -> list[Token]:
    tokens: list[Token] = []
    for word, character in _WORD.findall(written.lower()):
        before = [token.field for token in tokens if token.field]
        if not word and character.isascii() and character.isalpha() and not (character == "t" and before):
            msg = (
                f"{character!r} is not part of a date format: use dd, mm, mmm, mmmm, yy, yyyy, hh, mm, ss, fff, am/pm and z, "
                "or a format of strptime such as %d/%m/%Y"
            )
            raise ValueError(msg)
        if not word:
            tokens += _literal("Tt" if character == "t" else character)
        elif word == "mm" and before and before[-1] == "hour":
            tokens.append(_MINUTE)
        else:
            tokens.append(_FRACTION if word.startswith("f") else _WORDS[word])
    return tokens


def _of_directives(written: str) -> list[Token]:
    tokens: list[Token] = []
    for piece in re.findall("%.?|[^%]", written, re.DOTALL):
        if piece in _DIRECTIVES:
            tokens.append(_DIRECTIVES[piece])
        elif piece.startswith("%"):
            msg = f"{piece} is not supported: use {', '.join(_DIRECTIVES)}"
            raise ValueError(msg)
        else:
            tokens += _literal(piece)
    return tokens


def _literal(characters: str) -> list[Token]:
    """Return the tokens of a character, or of one of several ASCII characters: a token for each byte."""
    if characters.isascii():
        return [Token("", text=characters)]
    return [Token("", text=chr(byte)) for byte in characters.encode()]


def _check(tokens: list[Token], written: str) -> None:
    fields = [token.field.removeprefix("short_").removesuffix("_name") for token in tokens if token.field]
    wrong = [name for name in ("day", "month", "year") if fields.count(name) != 1]
    wrong += sorted({name for name in fields if fields.count(name) > 1} - set(wrong))
    if wrong:
        msg = f"{written!r} must name the {' and the '.join(wrong)} exactly once, as in dd/mm/yyyy"
        raise ValueError(msg)
    needed = {"minute": "hour", "second": "minute", "fraction": "second", "half": "hour", "offset": "hour"}
    lacking = [
        f"{name} without {needed[name]}" for name in fields if name in needed and needed[name] not in fields
    ]
    if lacking:
        msg = f"{written!r} has a {lacking[0]}"
        raise ValueError(msg)


def _fixed(tokens: list[Token]) -> tuple[Token, ...]:
    """Return tokens of which those that touch digits on a side have two digits, so that 112024 is not read somehow."""
    numbers = {"year", "short_year", "month", "day", "hour", "minute", "second"}
    fields = ["", *(token.field for token in tokens), ""]
    touches_digits = [
        before in numbers or behind in numbers for before, behind in zip(fields, fields[2:], strict=False)
    ]
    return tuple(
        Token(token.field, _TWO) if touches and token.widths == _ONE_OR_TWO else token
        for token, touches in zip(tokens, touches_digits, strict=True)
    )


def _iso_patterns() -> tuple[tuple[Token, ...], ...]:
    year, offset = _WORDS["yyyy"], _WORDS["z"]
    month, day, hour, second = (Token(name, _TWO) for name in ("month", "day", "hour", "second"))
    patterns = []
    for dash, colon in (("-", ":"), ("", "")):
        between = [Token("", text=dash)] if dash else []
        apart = [Token("", text=colon)] if colon else []
        date = (year, *between, month, *between, day)
        to_hour = (*date, Token("", text="Tt "), hour)
        to_minute = (*to_hour, *apart, _MINUTE)
        to_second = (*to_minute, *apart, second)
        times = (to_hour, to_minute, to_second, (*to_second, Token("", text=".,"), _FRACTION))
        patterns += [date, *times, *((*time, offset) for time in times)]
    return tuple(patterns)


ISO = DateFormat(_iso_patterns(), iso=True)

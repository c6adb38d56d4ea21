"""Counts, sizes and shares as people read them."""

from __future__ import annotations

__all__ = ["counted", "duration", "percent", "short", "size_of"]

_UNITS = (("GB", 10**9), ("MB", 10**6), ("kB", 10**3), ("bytes", 1))
_TIMES = (("h", 3600), ("min", 60), ("s", 1))


def counted(count: int, noun: str) -> str:
    """Return a count with its noun.

    >>> counted(1200, "row"), counted(1, "row"), counted(2, "property")
    ('1,200 rows', '1 row', '2 properties')
    """
    several = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{count:,} {noun if count == 1 else several}"


def size_of(nbytes: int) -> str:
    """Return bytes in the unit that suits them.

    >>> size_of(12_851), size_of(612_000_000), size_of(1)
    ('13 kB', '612 MB', '1 byte')
    """
    unit, divisor = next(row for row in _UNITS if nbytes >= row[1] or row[1] == 1)
    return counted(nbytes, "byte") if divisor == 1 else f"{short(nbytes / divisor)} {unit}"


def short(number: float) -> str:
    """Return a number of seconds, or of a unit, with as many digits as matter.

    >>> short(74.3), short(0.26)
    ('74', '0.3')
    """
    return f"{number:,.0f}" if number >= 10 else f"{number:.1f}"


def duration(seconds: float) -> str:
    """Return about how long something takes.

    >>> duration(45), duration(150), duration(9000)
    ('45 s', '2.5 min', '2.5 h')
    """
    unit, length = next(row for row in _TIMES if seconds >= 1.5 * row[1] or row[1] == 1)
    return f"{short(seconds / length)} {unit}"


def percent(share: float) -> str:
    """Return a share in percent; what is not all never reads as all, nor what is something as nothing.

    >>> percent(0.831), percent(0.9996), percent(0.0001), percent(1.0)
    ('83 %', '>99 %', '<1 %', '100 %')
    """
    if 0 < share < 0.01:
        return "<1 %"
    if 0.99 < share < 1:
        return ">99 %"
    return f"{share:.0%}".replace("%", " %")

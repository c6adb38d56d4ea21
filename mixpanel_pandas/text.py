"""Text for people: printable, short enough to read, with counts, sizes and times in words.

Values, column names, property names, group keys, file names and messages of other programs may hold anything: escape
sequences that control a terminal, characters that hide or reorder what stands around them, megabytes. Whatever shows them (a
table, a message, a repr, a line of the log, HTML) takes the text to show from this module.
"""

from __future__ import annotations

import html
import logging
import re
from enum import IntEnum

from mixpanel_pandas.process.signals import ends_the_call

__all__ = [
    "NOT_SHOWN",
    "Length",
    "PrintableRecords",
    "bounded",
    "counted",
    "duration",
    "durations",
    "has_repr",
    "html_text",
    "is_text",
    "is_visible",
    "joined",
    "percent",
    "printable",
    "quoted",
    "repr_of",
    "rounded",
    "shortened",
    "size_of",
]


class Length(IntEnum):
    """How many characters of a text are shown at most."""

    #: An example that stands beside others.
    EXAMPLE = 32
    #: A name or a value among others: in a list, or in the cell of a table.
    NAME = 60
    #: The value that a message is about.
    VALUE = 100
    #: A sentence of somebody else: of a server, a library or a user's schema; also a path.
    SENTENCE = 300
    #: A whole message.
    MESSAGE = 4_000


#: Stands for a value that cannot be turned into text.
NOT_SHOWN = "cannot be shown"

#: Characters that Python calls printable although they are invisible: fillers, joiners, variation selectors, the blank of Braille.
#: https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U00016fe4\U0001d159\U000e0000-\U000e0fff]"
)

_PICTURE = "\u203c\u2049\u2122\u2139\u2190-\u27ff\u2900-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff\u00a9\u00ae"

#: Invisible characters that make one emoji of several characters: ZWJ between two, and the selectors after one.
_JOINTS = re.compile(
    f"(?<=[{_PICTURE}])[\ufe0e\ufe0f]|(?<=[#*0-9])\ufe0f(?=\u20e3)|(?<=[{_PICTURE}\ufe0f])\u200d(?=[{_PICTURE}])"
)


def printable(text: str, *, keep: str = "") -> str:
    r"""Return `text` with a backslash escape for every character that cannot be seen.

    These are control characters, line and paragraph separators, bidi controls, zero-width and other invisible characters,
    unusual blanks, lone surrogates, and code points that Unicode has not assigned. Letters of every script and emoji stay.

    Parameters
    ----------
    keep : str
        Characters that stay, such as a line feed where a text has several lines.

    Examples
    --------
    >>> print(printable("São\x1b[31m Paulo\u202e 日本 👩‍💻"))
    São\x1b[31m Paulo\u202e 日本 👩‍💻
    """
    if text.isprintable() and (text.isascii() or not _INVISIBLE.search(text)):
        return text
    joints = {joint.start() for joint in _JOINTS.finditer(text)}
    return "".join(
        character if character in keep or place in joints or is_visible(character) else _escape(character)
        for place, character in enumerate(text)
    )


def is_visible(character: str) -> bool:
    """Return whether a character can be seen, whatever is beside it.

    >>> [is_visible(character) for character in "aé \u202e\u200b\x1b"]
    [True, True, True, False, False, False]
    """
    return character.isprintable() and not _INVISIBLE.match(character)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode()


def shortened(value: object, length: int = Length.NAME) -> str:
    r"""Return a value as printable text on one line, at most `length` characters long. A longer text loses its end.

    >>> print(shortened("abcdef", 3), shortened(17), shortened("a\nb"))
    ab… 17 a\nb
    """
    try:
        text = value if isinstance(value, str) else str(value)
    except Exception as error:  # a value may be of any class
        if ends_the_call(error):
            raise
        text = NOT_SHOWN
    text = printable(text[: length + 1])  # an escape is never shorter than its character
    return text if len(text) <= length else f"{text[: length - 1]}…"


def quoted(value: object, length: int = Length.VALUE) -> str:
    r"""Return a value of any class as Python writes it, printable, at most `length` characters long.

    >>> print(quoted("a\u202eb"), quoted("x" * 1000, 5), quoted([1, 2]))
    'a\u202eb' 'xxx… [1, 2]
    """
    beginning = str.__getitem__(value, slice(length)) if isinstance(value, str) else value
    return shortened(repr_of(beginning), length)


def repr_of(value: object) -> str:
    """Return `repr` of a value; where the value's class makes that impossible, its type.

    >>> print(repr_of([1, "a"]), repr_of(10**5000))
    [1, 'a'] <int: cannot be shown>
    """
    try:
        return repr(value)
    except Exception as error:  # a value may be of any class
        if ends_the_call(error):
            raise
        return f"<{type(value).__name__}: {NOT_SHOWN}>"


def has_repr(value: object) -> bool:
    """Return whether `repr` of a value works: dates beyond Python's years have none, for example.

    >>> has_repr(1), has_repr(10**5000)
    (True, False)
    """
    return repr_of(value) != f"<{type(value).__name__}: {NOT_SHOWN}>"


def is_text(value: object) -> bool:
    r"""Return whether `str` of a value works, and can be encoded.

    >>> is_text("a"), is_text("a\ud800"), is_text(10**5000)
    (True, False, False)
    """
    try:
        str(value).encode()
    except Exception as error:  # a value may be of any class
        if ends_the_call(error):
            raise
        return False
    return True


def bounded(text: str, length: int = Length.MESSAGE) -> str:
    """Return a message of at most `length` characters. A longer one loses its middle: it begins with what is wrong, and ends with what would be right.

    >>> bounded("a" * 50 + "b" * 50, 30)
    'aaaaaaaaaaaaaaaaaaaa […] bbbbb'
    """
    gap = " […] "
    end = (length - len(gap)) // 5
    return text if len(text) <= length else f"{text[: length - len(gap) - end]}{gap}{text[-end:]}"


def html_text(value: object) -> str:
    r"""Return a value as HTML: markup is text, and only line feeds are not escaped as in a terminal.

    >>> print(html_text("<img onerror=alert(1)>\u202e"))
    &lt;img onerror=alert(1)&gt;\u202e
    """
    return html.escape(printable(str(value), keep="\n"))


def joined(*texts: str | None) -> str:
    """Return the texts that are neither empty nor None, with semicolons between them.

    >>> joined("400 bad value", None, "correct it")
    '400 bad value; correct it'
    """
    return "; ".join(text for text in texts if text)


class PrintableRecords(logging.Filter):
    """Make each record of the log one printable line; a traceback keeps its lines."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Make the record printable, and let it pass."""
        text = record.getMessage()
        if (line := printable(text)) != text:
            record.msg, record.args = line, None
        if record.exc_info and not record.exc_text:
            record.exc_text = printable(logging.Formatter().formatException(record.exc_info), keep="\n")
        return True


# -- counts, sizes and shares as people read them ---------------------------------------------------------------------

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
    """Return a number of bytes in the largest unit that it fills.

    >>> size_of(12_851), size_of(612_000_000), size_of(1)
    ('13 kB', '612 MB', '1 byte')
    """
    unit, divisor = next(row for row in _UNITS if nbytes >= row[1] or row[1] == 1)
    return counted(nbytes, "byte") if divisor == 1 else f"{rounded(nbytes / divisor)} {unit}"


def rounded(number: float) -> str:
    """Return a number with one decimal below 10, and none from 10 on.

    >>> rounded(74.3), rounded(0.26)
    ('74', '0.3')
    """
    return f"{number:,.0f}" if number >= 10 else f"{number:.1f}"


def duration(seconds: float) -> str:
    """Return a number of seconds in the largest unit of which there are one and a half.

    >>> duration(45), duration(150), duration(9000)
    ('45 s', '2.5 min', '2.5 h')
    """
    return durations(seconds)[0]


def durations(*seconds: float) -> list[str]:
    """Return several numbers of seconds in one unit, that of the longest.

    >>> durations(150, 30), durations(45, 60)
    (['2.5 min', '0.5 min'], ['45 s', '60 s'])
    """
    unit, length = next(row for row in _TIMES if max(seconds) >= 1.5 * row[1] or row[1] == 1)
    return [f"{rounded(each / length)} {unit}" for each in seconds]


def percent(share: float) -> str:
    """Return a share in percent. Only 0 reads as 0 %, and only 1 as 100 %.

    >>> percent(0.831), percent(0.9996), percent(0.0001), percent(1.0)
    ('83 %', '>99 %', '<1 %', '100 %')
    """
    if 0 < share < 0.01:
        return "<1 %"
    if 0.99 < share < 1:
        return ">99 %"
    return f"{share:.0%}".replace("%", " %")

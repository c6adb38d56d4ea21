r"""Messages of the package in the words of the command line: ``parse={'amount': 'number'}`` becomes ``--parse amount=number``.

Messages are written once, in the words of Python. Options are found by the name in the table of options, and their values are read as
literals. What has no option in its place, such as a call, has a row in `PHRASES`.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Callable, Mapping
from typing import Any

from mixpanel_pandas.cli.options import EVERY_OPTION
from mixpanel_pandas.rules.jobs import option_key
from mixpanel_pandas.rules.operators import OPERATORS

__all__ = ["in_words_of_the_command_line"]

_VERBS = "|".join((*OPERATORS, "update"))

#: Words of Python that no option replaces -> the words of the command line.
PHRASES: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (r"Name it first, as in \w+\('user_id'\)", "Name it with --id"),
    (r"\bid column '([^']*)' is not", r"--id \1 is not"),
    (r", pass project=mpd\.Project\(token, region\), or call mpd\.set_project\(mpd\.Project\(token, region\)\)", " or pass --project FILE"),
    (r"\bchoose one of ('us'.*?) here or in MIXPANEL_REGION", r"choose one of \1 with --region or in MIXPANEL_REGION"),
    (r"\bdf\.mixpanel\.failures\(mpd\.last_summary\(\)\)", "--failures"),
    (r"\bmpd\.explain\('(\w+)'\)", r"`mixpanel-pandas explain \1`"),
    (r"\bfirst at index (\d+)", lambda match: f"first in row {int(match[1]) + 1:,}"),
    (r"mpd\.open_backup\((.*?)\)\.plan\(\) restores them", r"`mixpanel-pandas undo \1` makes the plan that restores them"),
    (r"\bplan\.drift\(\)", "`mixpanel-pandas drift`"),
    (r"\bbackup=None\b", "--no-backup"),
    (r"\bcurrent=mpd\.read_profiles\(\)", "--current with all of them"),
    (r", or apply the plan without saving it", ""),
    (r"\bmpd\.Project\(\.\.\., ([\w=, ]+)=\)", lambda match: f"--project FILE with {match[1].replace('=', '')}"),
    (rf"\b({_VERBS})\(id\)", r"`mixpanel-pandas \1`"),
    (rf"\b({_VERBS})\(id, (\[[^\]]*\]|{{[^}}]*}})\)", lambda match: f"{match[1]} {_option('property', match[2])}"),
)  # fmt: skip

#: An option in a message without a value.
_BARE = re.compile(rf"(?<![\w.{{-])({'|'.join(EVERY_OPTION)})=(?=[\s,;)`]|$)")

#: The beginning of an option in a message, and a literal that is neither in quotes nor in brackets.
_ASSIGNED = re.compile(rf"(?<![\w.{{-])({'|'.join(EVERY_OPTION)})=(?=[\[{{(\"'\w.-])")
_PLAIN = re.compile(r"-?[\w.]*\w")
_CLOSING = {"[": "]", "{": "}", "(": ")"}


def in_words_of_the_command_line(text: str) -> str:
    """Return a message with options and calls as they are typed.

    >>> in_words_of_the_command_line("parse={'amount': 'number'} reads text; pass at_most=1_200 or duplicates='last'")
    '--parse amount=number reads text; pass --at-most 1200 or --duplicates last'
    """
    for pattern, words in PHRASES:
        text = re.sub(pattern, words, text)
    text = _BARE.sub(lambda match: f"--{option_key(match[1])}", text)
    parts, end = [], 0
    for match in _ASSIGNED.finditer(text):
        if match.start() < end:
            continue
        literal = _literal_at(text, match.end())
        parts += [text[end : match.start()], _option(match[1], literal)]
        end = match.end() + len(literal)
    return "".join([*parts, text[end:]])


def _literal_at(text: str, start: int) -> str:
    """Return the literal that begins at a place: text in quotes, something in brackets, or a word."""
    if text[start] not in "[{(\"'":
        match = _PLAIN.match(text, start)
        return match[0] if match else ""
    closing: list[str] = []
    place = start
    while place < len(text):
        character = text[place]
        if closing and closing[-1] in "\"'":
            if character == "\\":
                place += 1
            elif character == closing[-1]:
                closing.pop()
        elif character in "\"'":
            closing.append(character)
        elif character in _CLOSING:
            closing.append(_CLOSING[character])
        elif closing and character == closing[-1]:
            closing.pop()
        if not closing:
            break
        place += 1
    return text[start : place + 1]


def _option(name: str, literal: str) -> str:
    """Return an option with its value as they are typed."""
    flag = f"--{option_key(name)}"
    try:
        value = ast.literal_eval(re.sub(r"([{,] *)(\w+):", r"\1'\2':", literal))
    except (ValueError, SyntaxError):
        return f"{flag} {literal}".rstrip()
    if value is True:
        return flag if EVERY_OPTION[name].kind == "flag" else f"{flag} true"
    if value is False or (value is None and EVERY_OPTION[name].off):
        return f"--no-{option_key(name)}"
    return " ".join(f"{flag} {_word(item)}" for item in _items(value))


def _items(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return [f"{key}={item}" for key, item in value.items()]
    return list(value) if isinstance(value, list | tuple) else [value]


def _word(value: Any) -> str:
    """Return a value as a shell takes it; a dollar sign needs no quotes to be read."""
    word = str(value)
    return word if re.fullmatch(r"[\w$%+=:,./@^|-]+", word) and "$" not in word else shlex.quote(word)

"""Expressions over a population of values: at least one for each row of the emulator's table of operators and functions.

Each expression has a population of its own, so that one query asks many of them: ``(row == "gt" and (...)) or (row == "lt" and ...)``.
"""

from __future__ import annotations

import re
from typing import Any

from tests.live.cases import ABSENT, HEADLESS, ROW, SILENT, VALUE, Selector

#: Name -> value of the property.
POPULATION: dict[str, Any] = {
    "seven": 7,
    "fraction": 2.5,
    "negative": -2.5,
    "text": "abc",
    "digits": "7",
    "empty": "",
    "quoted": 'a"b\\c',
    "true": True,
    "false": False,
    "list": ["a", 7],
    "null": None,
    "absent": ABSENT,
    "date": "2026-01-02T03:04:05",
    "object": {"k": 1},
}

#: Functions of which mixpanel-headless says that queries of profiles do not know them. Each is asked by itself.
DOUBTFUL = {("*", 2), ("/", 2), ("%", 2), ("floor", 1), ("round", 1), ("ceil", 1), ("boolean", 1)}


def _all_but(*names: str) -> tuple[str, ...]:
    return tuple(name for name in POPULATION if name not in names)


SELECTORS = (
    Selector("or", ("or", 2), 'P == 7 or P == "abc"', ("seven", "text")),
    Selector("and", ("and", 2), "P > 0 and P < 5", ("fraction",)),
    Selector("not, of false", ("not", 1), "not P == 7", _all_but("seven")),
    Selector("not, of undefined", ("not", 1), "not P > 5", _all_but("seven")),
    Selector("== a number", ("==", 2), "P == 7", ("seven",)),
    Selector("== a text", ("==", 2), 'P == "7"', ("digits",)),
    Selector("== an empty text", ("==", 2), 'P == ""', ("empty",)),
    Selector("== true", ("==", 2), "P == true", ("true",)),
    Selector("== with quotes", ("==", 2), r'P == "a\"b\\c"', ("quoted",), HEADLESS),
    Selector("!=", ("!=", 2), "P != 7", _all_but("seven")),
    Selector("> a number", (">", 2), "P > 2.5", ("seven",)),
    Selector("> a text", (">", 2), 'P > "abb"', ("text",), SILENT),
    Selector("<", ("<", 2), "P < 2.5", ("negative",)),
    Selector(">=", (">=", 2), "P >= 2.5", ("seven", "fraction"), "Airbyte"),
    Selector("<=", ("<=", 2), "P <= 2.5", ("fraction", "negative"), HEADLESS),
    Selector("in a list of literals", ("in", 2), 'P in ["abc", 7]', ("seven", "text")),
    Selector("in a text", ("in", 2), '"b" in P', ("text", "quoted")),
    Selector("in a property", ("in", 2), '"a" in P', ("text", "quoted", "list"), HEADLESS),
    Selector("+ of numbers", ("+", 2), "P + 1 == 8", ("seven",)),
    Selector("+ of texts", ("+", 2), 'P + "d" == "abcd"', ("text",)),
    Selector("-", ("-", 2), "P - 1 == 6", ("seven",)),
    Selector("*", ("*", 2), "P * 2 == 14", ("seven",)),
    Selector("/", ("/", 2), "P / 2 == 3.5", ("seven",)),
    Selector("%", ("%", 2), "P % 4 == 3", ("seven",)),
    Selector("the negative", ("-", 1), "- P == 2.5", ("negative",)),
    Selector("floor", ("floor", 1), "floor(P) == 2", ("fraction",)),
    Selector("round", ("round", 1), "round(P) == 3", ("fraction",)),
    Selector("ceil", ("ceil", 1), "ceil(P) == 3", ("fraction",)),
    Selector("boolean", ("boolean", 1), "boolean(P)", ("seven", "fraction", "negative", "text", "digits", "quoted", "true", "date"), "mixpanel-utils"),
    Selector("number", ("number", 1), "number(P) == 7", ("seven", "digits")),
    Selector("number of a boolean", ("number", 1), "number(P) == 1", ("true",)),
    Selector("string", ("string", 1), 'string(P) == "7"', ("seven", "digits")),
    Selector("string of a boolean", ("string", 1), 'string(P) == "true"', ("true",)),
    Selector("list", ("list", 1), '"a" in list(P)', ("list",), HEADLESS),
    Selector("datetime", ("datetime", 1), 'datetime(P) > datetime("2025-06-01T00:00:00")', ("date",), HEADLESS),
    Selector("datetime of seconds", ("datetime", 1), "datetime(P) > datetime(1750000000)", ("date",), HEADLESS),
    Selector("defined: null is no value", ("defined", 1), "defined(P)", _all_but("null", "absent")),
    Selector("not defined", ("defined", 1), "not defined(P)", ("null", "absent")),
    Selector("NOW", (">", 2), "NOW > 1700000000 and P == 7", ("seven",), HEADLESS),
)  # fmt: skip


def crowd(selectors: tuple[Selector, ...] = SELECTORS) -> dict[str, dict[str, Any]]:
    """Return the profiles that the expressions are about: end of the id -> properties."""
    return {
        f"r{SELECTORS.index(selector)}-{name}": {ROW: f"{{id}}r{SELECTORS.index(selector)}"}
        | ({} if value is ABSENT else {VALUE: value})
        for selector in selectors
        for name, value in POPULATION.items()
    }


def condition(selectors: list[Selector]) -> str:
    """Return the text of one query for some of the expressions.

    >>> condition([SELECTORS[0]])
    '(properties["mpd_live_row"] == "{id}r0" and (properties["mpd_live"] == 7 or properties["mpd_live"] == "abc"))'
    """
    value = f'properties["{VALUE}"]'
    return " or ".join(
        f'(properties["{ROW}"] == "{{id}}r{SELECTORS.index(row)}" and ({re.sub(r"(?<![A-Z])P(?![A-Z])", value, row.where)}))'
        for row in selectors
    )


def found_by(selector: Selector, ends: set[str]) -> tuple[str, ...]:
    """Return the names of the population of an expression whose ids were answered."""
    row = f"r{SELECTORS.index(selector)}-"
    return tuple(name for name in POPULATION if row + name in ends)

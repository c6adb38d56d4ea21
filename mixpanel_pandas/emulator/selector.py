"""Selectors: the expressions by which a query chooses profiles, such as ``properties["plan"] == "pro"``.

A text becomes tokens, the tokens become a tree, and the tree becomes a function of a profile. A text is refused as a whole
before the first profile is looked at. `FUNCTIONS` lists all that a selector can do, with the source of each rule:

- "documentation": Mixpanel's page https://docs.mixpanel.com/reference/segmentation-expressions
- "headless": the selectors that Mixpanel's client ``mixpanel-headless`` builds, and what it says about them
- "utils", "airbyte": a selector that ``mixpanel-utils``, or Airbyte's source for Mixpanel, relies on

``mixpanel-headless`` says that queries of profiles know only a part of what the page documents: no ``*``, ``/``, ``%``, no
``floor``, ``round``, ``ceil`` and no ``boolean``. ``mixpanel-utils`` relies on ``boolean``. The emulator evaluates all that is
documented.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

from mixpanel_pandas.emulator.moments import moment_text, seconds_of
from mixpanel_pandas.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import tzinfo

    Profile = dict[str, Any]
    Evaluator = Callable[[Profile], Any]

__all__ = ["FUNCTIONS", "UNDEFINED", "SelectorError", "compile_selector", "parse_selector"]

#: How deep a selector may be nested. Chains of ``and`` and ``or`` may be of any length.
_MAX_DEPTH = 100

#: The largest number that ``datetime`` reads as seconds. It reads larger ones as milliseconds (headless).
_MAX_SECONDS = 4_294_967_295

#: The first millisecond after the year 9999.
_LAST_MILLISECOND = 253_402_300_800_000


class SelectorError(ValueError):
    """A selector that cannot be read, or that cannot be evaluated on a profile."""


class _Undefined:
    """The type of `UNDEFINED`."""

    def __repr__(self) -> str:
        return "undefined"


#: The value of a property that a profile lacks, and of an operation on values of the wrong type.
UNDEFINED: Final = _Undefined()


class _Moment(NamedTuple):
    """A value of type datetime: whole seconds since 1970."""

    seconds: int


_TYPES: dict[type, str] = {
    str: "string",
    int: "number",
    float: "number",
    bool: "boolean",
    list: "list",
    dict: "object",
    type(None): "null",
    _Moment: "datetime",
    _Undefined: "undefined",
}

# -- operations: values -> a value ------------------------------------------------------------------------------------


def _type(value: object) -> str:
    return _TYPES[type(value)]


def _alike(left: object, right: object) -> tuple[Any, Any]:
    """Return two values, a date as a datetime if the other one is a datetime."""
    if isinstance(left, _Moment) and isinstance(right, str):
        return left, _as_datetime(right)
    if isinstance(left, str) and isinstance(right, _Moment):
        return _as_datetime(left), right
    return left, right


def _equal(left: object, right: object) -> bool:
    left, right = _alike(left, right)
    return _type(left) == _type(right) and left == right


def _unequal(left: object, right: object) -> bool:
    return not _equal(left, right)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[object, object], object]:
    """Return a comparison of numbers, strings or dates. Of values of different types it is undefined."""

    def compared(left: object, right: object) -> object:
        left, right = _alike(left, right)
        comparable = _type(left) == _type(right) and _type(left) in {"number", "string", "datetime"}
        return compare(left, right) if comparable else UNDEFINED

    return compared


def _contained(left: object, right: object) -> object:
    if isinstance(right, list):
        return any(_equal(left, item) for item in right)
    return left in right if isinstance(left, str) and isinstance(right, str) else UNDEFINED


def _numeric(calculate: Callable[..., Any]) -> Callable[..., object]:
    """Return a calculation with numbers. With other values, or without a result, it is undefined."""

    def calculated(*values: object) -> object:
        if any(_type(value) != "number" for value in values):
            return UNDEFINED
        try:
            return calculate(*values)
        except (ArithmeticError, ValueError):
            return UNDEFINED

    return calculated


_sum = _numeric(lambda left, right: left + right)


def _plus(left: object, right: object) -> object:
    return left + right if isinstance(left, str) and isinstance(right, str) else _sum(left, right)


def _not(value: object) -> object:
    if isinstance(value, bool):
        return not value
    return True if value is UNDEFINED else UNDEFINED


def _is_true(operation: str, value: object) -> bool:
    """Return whether an operand of ``and`` or ``or`` is true. Undefined is false."""
    if isinstance(value, bool):
        return value
    if value is UNDEFINED:
        return False
    msg = f"{operation!r} takes booleans, not a {_type(value)}"
    raise SelectorError(msg)


def _and(*values: object) -> bool:
    return all(_is_true("and", value) for value in values)


def _or(*values: object) -> bool:
    return any(_is_true("or", value) for value in values)


def _is_defined(value: object) -> bool:
    return value is not UNDEFINED and value is not None


def _as_string(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(int(value) if math.isfinite(value) and value == int(value) else value)
    if isinstance(value, _Moment):
        return moment_text(value.seconds)
    return value if value is None or isinstance(value, str) else UNDEFINED


_DECIMAL = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)


def _as_number(value: object) -> object:
    if isinstance(value, str):
        return float(value) if _DECIMAL.fullmatch(value) else UNDEFINED
    return float(value) if isinstance(value, bool) else value if _type(value) == "number" else UNDEFINED


def _as_boolean(value: object) -> object:
    if isinstance(value, str):
        return value not in {"", "false"}
    return bool(value) if isinstance(value, int | float) else UNDEFINED


def _as_list(value: object) -> object:
    return value if isinstance(value, list) else UNDEFINED


def _as_datetime(value: object) -> object:
    if isinstance(value, str):
        seconds = seconds_of(value)
        return UNDEFINED if seconds is None else _Moment(seconds)
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < _LAST_MILLISECOND:
        return _Moment(int(value if value <= _MAX_SECONDS else value / 1000))
    return value if isinstance(value, _Moment) else UNDEFINED


class _Function(NamedTuple):
    """What an operator or a function of a selector does.

    Attributes
    ----------
    apply : callable
        Values of the operands -> value.
    source : str
        Where the rule is from, as the module says.
    says : str
        What it is.
    level : int, optional
        For an operator, how tightly it binds: the higher, the tighter.
    """

    apply: Callable[..., Any]
    source: str
    says: str
    level: int | None = None


#: Name and number of operands -> operator or function. ``and`` and ``or`` take chains of two and more.
FUNCTIONS: dict[tuple[str, int], _Function] = {
    ("or", 2): _Function(_or, "documentation", "whether one is true; undefined is false", 1),
    ("and", 2): _Function(_and, "documentation", "whether all are true; undefined is false", 2),
    ("not", 1): _Function(_not, "documentation", "true for false and undefined", 3),
    ("==", 2): _Function(_equal, "documentation", "whether both have one type and one value", 4),
    ("!=", 2): _Function(_unequal, "documentation", "whether they differ in type or value", 4),
    # Documented of numbers. Airbyte compares strings, headless compares datetimes.
    (">", 2): _Function(
        _ordered(lambda left, right: left > right), "documentation", "of two numbers, strings or datetimes", 4
    ),
    ("<", 2): _Function(_ordered(lambda left, right: left < right), "documentation", "as >", 4),
    (">=", 2): _Function(_ordered(lambda left, right: left >= right), "airbyte", "as >", 4),
    ("<=", 2): _Function(_ordered(lambda left, right: left <= right), "headless", "as >", 4),
    # Documented of two strings, and in an example of a list of literals. Headless looks for an item of a property.
    ("in", 2): _Function(
        _contained, "documentation", "whether a text contains a text, or a list contains a value", 4
    ),
    ("+", 2): _Function(_plus, "documentation", "a sum of numbers, or two strings joined", 5),
    ("-", 2): _Function(_numeric(lambda left, right: left - right), "documentation", "a difference", 5),
    ("*", 2): _Function(_numeric(lambda left, right: left * right), "documentation", "a product", 6),
    ("/", 2): _Function(
        _numeric(lambda left, right: left / right), "documentation", "a quotient; by 0 it is undefined", 6
    ),
    ("%", 2): _Function(
        _numeric(math.fmod), "documentation", "a remainder, with the sign of the dividend", 6
    ),
    ("-", 1): _Function(_numeric(lambda value: -value), "documentation", "the negative number", 7),
    ("floor", 1): _Function(_numeric(math.floor), "documentation", "the next lower whole number"),
    ("round", 1): _Function(
        _numeric(lambda value: math.floor(value + 0.5)), "documentation", "the closest whole number"
    ),
    ("ceil", 1): _Function(_numeric(math.ceil), "documentation", "the next higher whole number"),
    # Documented of "true" and "false". Utils applies it to other texts.
    ("boolean", 1): _Function(_as_boolean, "utils", "false for 0, an empty text and `false`"),
    ("number", 1): _Function(_as_number, "documentation", "the number in a text; 1 or 0 for a boolean"),
    ("string", 1): _Function(_as_string, "documentation", "a number or a boolean as text"),
    ("list", 1): _Function(_as_list, "headless", "a list unchanged; anything else is undefined"),
    ("datetime", 1): _Function(
        _as_datetime,
        "headless",
        "a date, to the second: a text, or a number of seconds or milliseconds since 1970",
    ),
    ("defined", 1): _Function(
        _is_defined, "documentation", "whether there is a value; null is not one (a choice of the emulator)"
    ),
}

_CALLED = [name for (name, _), function in FUNCTIONS.items() if function.level is None]
_INFIX = {name: function.level or 0 for (name, operands), function in FUNCTIONS.items() if operands == 2}

#: Names that are followed by the name of a property in brackets. Others, such as ``event``, have no place in a query of profiles.
_PROFILES = ("properties", "user")

_CONSTANTS = {"true": True, "false": False}


# -- the tree ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Literal:
    value: Any


@dataclass(frozen=True)
class _Property:
    name: str


@dataclass(frozen=True)
class _Now:
    """The current time in seconds since 1970 (headless)."""


@dataclass(frozen=True)
class _LocalTime:
    """A date that is written into the selector. It is in the time zone of the project (headless)."""

    text: str


@dataclass(frozen=True)
class _Call:
    name: str
    operands: tuple[_Expression, ...]
    depth: int = field(repr=False, compare=False)


_Expression = _Literal | _Property | _Now | _LocalTime | _Call


def _call(name: str, *operands: _Expression) -> _Call:
    depth = 1 + max(operand.depth if isinstance(operand, _Call) else 0 for operand in operands)
    if depth > _MAX_DEPTH:
        raise SelectorError(_TOO_DEEP)
    return _Call(name, operands, depth)


_TOO_DEEP = f"nested deeper than {_MAX_DEPTH} levels"


# -- text -> tokens ---------------------------------------------------------------------------------------------------


class _Token(NamedTuple):
    kind: str
    text: str


# A sign before a digit belongs to the number: `NOW -60` is NOW and a number, which is an error, and not a difference (headless).
_TOKEN = re.compile(
    r"""(?P<string>"(?:[^"\\]|\\.)*")"""
    r"""|(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.])"""
    r"""|(?P<name>[A-Za-z_]\w*)"""
    r"""|(?P<symbol>[=!<>]=|[<>+\-*/%()\[\],])""",
    re.DOTALL | re.ASCII,
)
_END = _Token("end", "")


def _tokens(text: str) -> Iterator[_Token]:
    place = 0
    while place < len(text):
        if text[place].isspace():
            place += 1
            continue
        match = _TOKEN.match(text, place)
        if not match:
            msg = f"cannot read {text[place : place + 20]!r} at character {place}"
            raise SelectorError(msg)
        yield _Token(str(match.lastgroup), match.group())
        place = match.end()


def _unquoted(text: str) -> str:
    """Return the content of a quoted string, in which a backslash stands before quotes and backslashes."""
    content = text[1:-1]
    if unknown := re.search(r"\\[^\\\"]", re.sub(r"\\\\", "", content)):
        msg = f"unknown escape {unknown.group()} in a string"
        raise SelectorError(msg)
    return re.sub(r"\\(.)", r"\1", content)


def _number(text: str) -> float:
    is_whole = len(text) < len(str(2**63)) and text.lstrip("-").isdigit()
    return int(text) if is_whole else float(text)


# -- tokens -> tree ---------------------------------------------------------------------------------------------------


class _Parser:
    """Reads one selector. Operators of a higher level are read first, see `_expression`."""

    def __init__(self, text: str) -> None:
        self._tokens = [*_tokens(text), _END]
        self._place = 0
        self._nesting = 0

    def selector(self) -> _Expression:
        """Return the tree of the whole text."""
        expression = self._expression()
        if self._next != _END:
            self._refuse("an operator")
        return expression

    @property
    def _next(self) -> _Token:
        return self._tokens[self._place]

    def _take(self) -> _Token:
        token = self._next
        self._place += 1
        return token

    def _expect(self, text: str) -> None:
        if self._next.text != text:
            self._refuse(repr(text))
        self._place += 1

    def _refuse(self, expected: str) -> NoReturn:
        shown = "the end" if self._next == _END else self._next.text
        msg = f"expected {expected}, found {shown}"
        raise SelectorError(msg)

    def _expression(self, lowest: int = 0) -> _Expression:
        """Return an operand, together with all operators after it that bind tighter than the level `lowest`."""
        self._nesting += 1
        if self._nesting > _MAX_DEPTH:
            raise SelectorError(_TOO_DEEP)
        left = self._operand()
        while (level := self._level()) > lowest:
            name = self._take().text
            operands = [left, self._expression(level)]
            if name in {"and", "or"}:
                while self._next.text == name:
                    self._place += 1
                    operands.append(self._expression(level))
            left = _call(name, *operands)
        self._nesting -= 1
        return left

    def _level(self) -> int:
        """Return the level of the operator that comes next. 0: there is none."""
        return _INFIX.get(self._next.text, 0)

    def _operand(self) -> _Expression:
        token = self._next
        if token.text in {"not", "-"}:
            self._place += 1
            level = FUNCTIONS[token.text, 1].level or 0
            return _call(token.text, self._expression(level))
        if token.kind in {"string", "number"} or token.text in _CONSTANTS:
            return _Literal(self._literal())
        if token.kind == "name":
            return self._named()
        if token.text == "[":
            return _Literal(self._items())
        if token.text != "(":
            self._refuse("a value")
        self._place += 1
        inner = self._expression()
        self._expect(")")
        return inner

    def _named(self) -> _Expression:
        """Return a property, the current time, or the call of a function."""
        name = self._take().text
        if name == "NOW":
            return _Now()
        if name in _PROFILES:
            self._expect("[")
            if self._next.kind != "string":
                self._refuse("the name of a property in double quotes")
            property_name = _unquoted(self._take().text)
            self._expect("]")
            return _Property(property_name)
        if name not in _CALLED:
            msg = f"{name!r} is not known: {did_you_mean(name, [*_CALLED, *_PROFILES])}"
            raise SelectorError(msg)
        self._expect("(")
        operand = self._expression()
        self._expect(")")
        if name == "datetime" and isinstance(operand, _Literal) and isinstance(operand.value, str):
            if seconds_of(operand.value) is None:
                msg = f"{operand.value!r} is not a date such as 2024-01-31 or 2024-01-31T10:00:00"
                raise SelectorError(msg)
            return _LocalTime(operand.value)
        return _call(name, operand)

    def _literal(self) -> Any:
        kind, text = self._next
        if kind == "string":
            value: Any = _unquoted(text)
        elif kind == "number":
            value = _number(text)
        elif text in _CONSTANTS:
            value = _CONSTANTS[text]
        else:
            self._refuse("a string, a number or a boolean")
        self._place += 1
        return value

    def _items(self) -> list[Any]:
        self._expect("[")
        if self._next.text == "]":
            self._place += 1
            return []
        items = [self._literal()]
        while self._next.text == ",":
            self._place += 1
            items.append(self._literal())
        self._expect("]")
        return items


def parse_selector(text: str) -> _Expression:
    """Return the tree of a selector.

    Raises
    ------
    SelectorError
        If the text is not a selector, or uses a function that is not in `FUNCTIONS`.

    Examples
    --------
    >>> parse_selector('not defined(properties["plan"])')
    _Call(name='not', operands=(_Call(name='defined', operands=(_Property(name='plan'),)),))
    """
    return _Parser(text).selector()


# -- tree -> function of a profile ------------------------------------------------------------------------------------


def compile_selector(text: str, now: float, zone: tzinfo) -> Evaluator:
    """Return a selector as a function of a profile's properties.

    Parameters
    ----------
    text : str
        The selector.
    now : float
        Seconds since 1970 that ``NOW`` stands for.
    zone : datetime.tzinfo
        The time zone of the project, in which dates in the selector are.

    Raises
    ------
    SelectorError
        If the text cannot be read. The function raises it, too, for a profile on which the selector has no value.

    Examples
    --------
    >>> from datetime import UTC
    >>> is_pro = compile_selector('properties["plan"] == "pro" and properties["n"] + 1 > 2', 0.0, UTC)
    >>> is_pro({"plan": "pro", "n": 1.5}), is_pro({"plan": "pro"})
    (True, False)
    """
    return _evaluator(parse_selector(text), now, zone)


def _evaluator(expression: _Expression, now: float, zone: tzinfo) -> Evaluator:
    match expression:
        case _Property(name):
            return lambda profile: profile.get(name, UNDEFINED)
        case _Call(name, operands):
            inner = [_evaluator(operand, now, zone) for operand in operands]
            return _applied(FUNCTIONS[name, min(len(inner), 2)].apply, inner)
        case _LocalTime(text):
            seconds = seconds_of(text, zone)
            moment = UNDEFINED if seconds is None else _Moment(seconds)
            return lambda profile: moment
        case _Now():
            return lambda profile: int(now)
        case _Literal(value):
            return lambda profile: value


def _applied(apply: Callable[..., Any], inner: list[Evaluator]) -> Evaluator:
    # It runs once for each profile and operation: with one and two operands, without a list of them.
    match inner:
        case [one]:
            return lambda profile: apply(one(profile))
        case [left, right]:
            return lambda profile: apply(left(profile), right(profile))
        case _:
            return lambda profile: apply(*(each(profile) for each in inner))

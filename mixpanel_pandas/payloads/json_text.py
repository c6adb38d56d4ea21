"""JSON text -> Python values that keep every digit of a number and every key of an object; and values -> JSON text.

orjson reads text fast, but silently keeps only the last of two equal keys, and rounds long numbers to doubles. So all values are
written again in one call and compared with the text. Most texts are the same, apart from blanks, and have lost nothing. A text that
may have lost something is read again by Python's own parser, which shows every key and every digit.
"""

from __future__ import annotations

import decimal
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.payloads.arrays import LARGE_STRING
from mixpanel_pandas.payloads.measures import has_double
from mixpanel_pandas.payloads.values import ORJSON_INTEGERS, HugeInteger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["JSON", "TYPE_OF_FIRST", "Parsed", "json_array", "json_lines", "json_text", "read_json"]

#: First character of a JSON text -> Mixpanel's type of the value. A number begins with any other character; a date is a string.
TYPE_OF_FIRST = {
    '"': "string",
    "[": "list",
    "{": "object",
    "t": "boolean",
    "f": "boolean",
    "n": "missing",
}

_LINE_END = orjson.Fragment(b"\n")

#: orjson would write dates in its own format, and subclasses as their base classes.
_AS_THEY_ARE = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS

#: A number that a double may not hold as written: more than 15 digits, or very close to zero.
_LONG_NUMBER = r"[0-9][0-9.]{15}|[0-9][eE]-[0-9]{3}"

#: Characters of the longest integer of 64 bits.
_LONGEST_INTEGER = len(str(-(2**63)))


def _json_type() -> pa.DataType:
    """Return Arrow's type of JSON text, which Arrow itself has from version 19 on."""
    if hasattr(pa, "json_"):
        return pa.json_(LARGE_STRING)

    class JsonType(pa.ExtensionType):  # type: ignore[misc]  # pyarrow has no types
        def __init__(self) -> None:
            super().__init__(LARGE_STRING, "arrow.json")

        def __arrow_ext_serialize__(self) -> bytes:
            return b""

        @classmethod
        def __arrow_ext_deserialize__(cls, _storage: pa.DataType, _serialized: bytes) -> pa.DataType:
            return cls()

    pa.register_extension_type(JsonType())
    return JsonType()


#: Arrow's type of a column whose values have several types: each value as JSON text.
#: https://arrow.apache.org/docs/format/CanonicalExtensions.html#json
JSON = _json_type()


@dataclass(frozen=True)
class Parsed:
    """The values of JSON texts.

    Attributes
    ----------
    values : list
        An integer beyond 64 bits is what `huge` makes of it. A number with a fraction is a `decimal.Decimal` if a double does not hold it as it is written. Items
        that are not text stay as they are. Blank text and invalid JSON become None.
    broken, repeated : numpy.ndarray
        Masks of the texts that are invalid JSON, and of those with an object that has a key twice.
    """

    values: list[Any]
    broken: np.ndarray
    repeated: np.ndarray


def read_json(
    items: Sequence[Any] | np.ndarray, *, huge: Callable[[str], int | HugeInteger] = HugeInteger
) -> Parsed:
    """Return `items` with the values of those that are JSON text.

    Parameters
    ----------
    items : sequence
        JSON texts, perhaps beside other values.
    huge : callable
        Digits of an integer beyond 64 bits -> its value.
    """
    values = list(items)
    broken, repeated = np.zeros(len(values), bool), np.zeros(len(values), bool)
    places = []
    for place, item in enumerate(values):
        if issubclass(type(item), str):  # `isinstance` and methods of a subclass could raise anything
            try:
                values[place] = orjson.loads(item if type(item) is str else str.__str__(item))
                places.append(place)
            except orjson.JSONDecodeError:
                values[place] = None
                broken[place] = bool(str.strip(item))
    for suspect in _suspects([items[place] for place in places], [values[place] for place in places]):
        place = places[suspect]
        try:
            values[place], repeated[place] = _exactly(items[place], huge)
        except (ValueError, ArithmeticError):  # an exponent that even decimals do not have
            values[place], broken[place] = None, True
        except RecursionError:  # far too deep to be sent: the value that orjson read is refused for its depth
            continue
    return Parsed(values, broken, repeated)


def json_lines(values: list[Any]) -> pa.Array:
    """Return the JSON of each value.

    Calls of orjson cost more than its work, so one call writes all values. Line ends separate them, which orjson writes nowhere
    else.
    """
    if not values:
        return pa.array([], LARGE_STRING)
    lines: list[Any] = [_LINE_END] * (2 * len(values) - 1)
    lines[::2] = values
    text = orjson.dumps(lines, option=_AS_THEY_ARE)[1:-1]
    return pc.split_pattern(pa.array([text], LARGE_STRING), ",\n,").flatten()


def json_array(texts: Sequence[str | None] | pa.Array) -> pa.Array:
    """Return JSON texts as a column of the type `JSON`."""
    storage = texts.cast(LARGE_STRING) if isinstance(texts, pa.Array) else pa.array(texts, LARGE_STRING)
    return pa.ExtensionArray.from_storage(JSON, storage)


def json_text(value: Any) -> str:
    """Return the JSON text of a value that `read_json` returns, with all digits of its numbers.

    >>> json_text({"a": [10**20, decimal.Decimal("0.1234567890123456789")]})
    '{"a":[100000000000000000000,0.1234567890123456789]}'
    """
    try:
        return orjson.dumps(value, option=_AS_THEY_ARE).decode()
    except orjson.JSONEncodeError:  # an integer beyond 64 bits, or a long decimal
        pass
    try:
        return orjson.dumps(_with_digits(value), option=_AS_THEY_ARE).decode()
    except orjson.JSONEncodeError:  # far too deep to be sent
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=float)


def _with_digits(value: Any) -> Any:
    """Return a value in which the numbers that orjson does not write are JSON text already."""
    if isinstance(value, dict):
        return {key: _with_digits(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_digits(item) for item in value]
    if isinstance(value, int | decimal.Decimal) and not isinstance(value, bool):
        return orjson.Fragment(str(value))
    return value


def _suspects(items: list[str], values: list[Any]) -> np.ndarray:
    """Return the positions of the texts that may have lost something when they were read."""
    places = np.arange(len(items))
    try:
        texts, written = pa.array(items, LARGE_STRING), json_lines(values)
    except orjson.JSONEncodeError:  # it reads deeper than it writes
        return places
    for simpler in (_as_it_is, _without_white_space):
        texts, written = simpler(texts), simpler(written)
        differs = pc.not_equal(texts, written)
        places, texts, written = places[differs], texts.filter(differs), written.filter(differs)
    long = pc.match_substring_regex(texts, _LONG_NUMBER)
    changed = pc.not_equal(_without_strings(texts), _without_strings(written))
    fewer_keys = pc.not_equal(_count_quotes(texts), _count_quotes(written))
    suspects: np.ndarray = places[pc.or_(fewer_keys, pc.and_(long, changed))]
    return suspects


def _as_it_is(texts: pa.Array) -> pa.Array:
    return texts


def _without_white_space(texts: pa.Array) -> pa.Array:
    """Return texts without blanks, also in strings, for a comparison in which both sides lose them."""
    for blank in " \n\r\t":
        texts = pc.replace_substring(texts, blank, "")
    return texts


def _without_strings(texts: pa.Array) -> pa.Array:
    """Return texts with all strings empty, because a string may be escaped in other ways."""
    return pc.replace_substring_regex(texts, r'"(?:[^"\\]|\\.)*"', '""')


def _count_quotes(texts: pa.Array) -> pa.Array:
    """Return how many quotes of each text begin or end a string."""
    return pc.count_substring(pc.replace_substring(pc.replace_substring(texts, "\\\\", ""), '\\"', ""), '"')


def _exactly(text: str, huge: Callable[[str], int | HugeInteger]) -> tuple[Any, bool]:
    """Return the value of a text, and whether an object in it has a key twice; then the value is None."""
    repeated = False

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal repeated
        members = dict(pairs)
        repeated |= len(members) < len(pairs)
        return members

    def integer(digits: str) -> int | HugeInteger:
        is_short = len(digits) <= _LONGEST_INTEGER and int(digits) in ORJSON_INTEGERS
        return int(digits) if is_short else huge(digits)

    value = json.loads(text, object_pairs_hook=once, parse_int=integer, parse_float=_decimal)
    return (None, True) if repeated else (value, False)


def _decimal(text: str) -> float | decimal.Decimal:
    exact = decimal.Decimal(text)
    return float(text) if has_double(exact) else exact

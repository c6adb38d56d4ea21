"""JSON Lines: one object a line, its values with the types that they have in the file.

Readers that are made for speed guess types, lose keys or round numbers. This one parses line by line, faster than Mixpanel takes
updates. A column whose values have several types, or are objects or lists, holds each value as JSON text.
"""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.errors import OperationError
from mixpanel_pandas.payloads.arrays import LARGE_STRING
from mixpanel_pandas.payloads.json_text import JSON, json_array, json_text, read_json
from mixpanel_pandas.reading.spool import EXACT
from mixpanel_pandas.reading.streams import Utf8
from mixpanel_pandas.text import size_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mixpanel_pandas.reading.malformed import Malformed

__all__ = ["as_json", "column_of_values", "json_batches"]

#: Bytes that are parsed at once.
BLOCK_BYTES = 1_000_000

#: Bytes of the longest line. An update of Mixpanel has a million at most.
LONGEST_LINE = 64_000_000

#: Levels of the deepest value that is kept, which are those that orjson writes. A property of Mixpanel has three.
DEEPEST = 250

#: Tests of Arrow's types whose values JSON knows.
_KNOWN_TO_JSON = (
    pa.types.is_null,
    pa.types.is_boolean,
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_string,
    pa.types.is_large_string,
)

#: Python's types of the values of a column -> Arrow's type that holds them.
TYPES: dict[frozenset[type], pa.DataType] = {
    frozenset({str}): LARGE_STRING,
    frozenset({bool}): pa.bool_(),
    frozenset({int}): pa.int64(),
    frozenset({float}): pa.float64(),
    frozenset({int, float}): pa.float64(),
}


def json_batches(
    stream: IO[bytes], name: str, malformed: Malformed, encoding: str | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield the objects of a JSON Lines file. Empty lines are skipped; a key that an object lacks is missing there.

    Parameters
    ----------
    stream : binary file
        Decompressed.
    name : str
        What messages call the file.
    malformed : Malformed
        Collects the lines that are not objects.
    encoding : str, optional
        By default UTF-8, or UTF-16 where the file begins with its byte order mark.

    Raises
    ------
    OperationError
        If the file is a JSON array, a line is too long, or the text is not in `encoding`.
    """
    for number, lines in _blocks(Utf8(stream, name, encoding), name):
        if number == 1:
            _refuse_array(lines, name)
        objects = _objects(lines, name, number, malformed)
        if objects:
            yield _batch(objects)


def _blocks(stream: IO[bytes], name: str) -> Iterator[tuple[int, list[bytes]]]:
    """Yield lines, and the number of the first of them."""
    number, rest = 1, b""
    while block := stream.read(BLOCK_BYTES):
        *lines, rest = (rest + block).split(b"\n")
        if len(rest) > LONGEST_LINE:
            msg = f"{name}: line {number + len(lines)} is longer than {size_of(LONGEST_LINE)}: is this JSON Lines?"
            raise OperationError(msg)
        if lines:
            yield number, lines
            number += len(lines)
    if rest:
        yield number, [rest]


def _refuse_array(lines: list[bytes], name: str) -> None:
    first = next((line.strip() for line in lines if line.strip()), b"")
    if first.startswith(b"["):
        msg = f"{name} is a JSON array, not JSON Lines with one object per line: read it with pd.read_json"
        raise OperationError(msg)


def _objects(lines: list[bytes], name: str, number: int, malformed: Malformed) -> list[dict[str, Any]]:
    """Return the objects of some lines."""
    texts, wrong = [], {}
    for place, line in enumerate(lines):
        try:
            texts.append(line.decode())
        except UnicodeDecodeError as error:
            texts.append("")
            wrong[place] = f"is not in UTF-8 ({error.reason} at byte {error.start + 1})"
    parsed = read_json(texts, huge=int)
    objects = []
    for place, value in enumerate(parsed.values):
        if isinstance(value, dict) and not _is_too_deep(texts[place], value):
            objects.append(value)
        elif isinstance(value, dict):
            wrong[place] = f"is nested more than {DEEPEST} levels deep"
        elif parsed.repeated[place]:
            wrong[place] = "has an object with a repeated key"
        elif parsed.broken[place]:
            wrong[place] = "is not valid JSON"
        elif value is not None or texts[place].strip():
            wrong[place] = f"is {_kind(value)}, not an object"
    for place, words in sorted(wrong.items()):
        text = lines[place].decode(errors="replace")
        malformed.add(name, number + place, f"line {number + place} {words}", text)
    return objects


def _is_too_deep(text: str, value: Any) -> bool:
    """Return whether a value has more than `DEEPEST` levels. Few lines have as many brackets."""
    if text.count("[") + text.count("{") <= DEEPEST:
        return False
    levels, members = 0, [value]
    while members:
        containers = [one for one in members if isinstance(one, dict | list)]
        members = [item for one in containers for item in (one.values() if isinstance(one, dict) else one)]
        levels += bool(containers)
    return levels > DEEPEST


def _kind(value: Any) -> str:
    """Return what a value is in JSON's words."""
    return {str: "a string", bool: "a boolean", list: "an array", type(None): "null"}.get(
        type(value), "a number"
    )


# -- columns ----------------------------------------------------------------------------------------------------------


def _batch(objects: list[dict[str, Any]]) -> pa.RecordBatch:
    """Return objects as columns, one for each key."""
    names = dict.fromkeys(key for one in objects for key in one)
    if not names:
        return pa.RecordBatch.from_struct_array(pa.array(objects, pa.struct([])))
    columns = [column_of_values([one.get(name) for one in objects]) for name in names]
    return pa.record_batch(columns, names=list(names))


def column_of_values(values: list[Any]) -> pa.Array:
    """Return values as a column: of Arrow's type where all are of one simple type, else each as JSON text.

    Examples
    --------
    >>> column_of_values([1, None, 2.5]).type, column_of_values([1, "a"]).storage.to_pylist()
    (DataType(double), ['1', '"a"'])
    """
    kinds = frozenset(map(type, values)) - {type(None)}
    if not kinds:
        return pa.nulls(len(values))
    if kinds in TYPES and not (
        len(kinds) > 1 and any(type(value) is int and abs(value) > EXACT for value in values)
    ):
        try:
            return pa.array(values, TYPES[kinds])
        except OverflowError:  # an integer beyond 64 bits
            pass
    return json_array([None if value is None else _json_text(value) for value in values])


def _json_text(value: Any) -> str:
    """Return the JSON text of a value. A whole number has no decimals, as Mixpanel has one type of numbers.

    So a column is the same whether or not its numbers were doubles, for want of other types, in a part of it.
    """
    if type(value) is float and value.is_integer() and abs(value) <= EXACT:
        value = int(value)
    return json_text(value)


def as_json(column: pa.Array) -> pa.Array | None:
    """Return a column as JSON text; None if JSON knows no such values."""
    if column.type == JSON:
        return column
    is_known = any(test(column.type) for test in _KNOWN_TO_JSON)
    if not is_known or (pa.types.is_floating(column.type) and pc.any(pc.is_inf(column)).as_py()):
        return None
    return json_array([None if value is None else _json_text(value) for value in column.to_pylist()])

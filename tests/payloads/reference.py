# ruff: noqa: DTZ001 (datetimes without a time zone are what is tested)
"""The encoder that is easy to believe: a dict per row, made in plain Python.

`records_of_rows` is what the column-wise encoder is compared with, `same` compares what it wrote with what was meant,
and `column_of` makes columns of every dtype together with the JSON values that are meant by them.
"""

from __future__ import annotations

import collections
import datetime as dt
import decimal
import enum
import json
import zoneinfo
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import strategies as st

from mixpanel_pandas.payloads.batches import Batch, cut
from mixpanel_pandas.payloads.changes import Changes
from mixpanel_pandas.payloads.layout import make_layout
from mixpanel_pandas.payloads.slices import encode_slices
from mixpanel_pandas.rules.operation import operation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MISSING: Any = type("Missing", (), {"__repr__": lambda self: "MISSING"})()


@dataclass
class Said:
    """One property as it is meant: JSON values, MISSING where there is none, and the rows that say nothing."""

    name: str
    operator: str
    values: list[Any]
    missing: str = "skip"
    dropped: list[int] = field(default_factory=list)


def records_of_rows(
    heads: list[dict[str, Any]], said: list[Said], removed: tuple[str, ...] = ()
) -> list[list[dict]]:
    """Return the records of each row, row by row."""
    rows = []
    for row, head in enumerate(heads):
        operands: dict[str, Any] = {column.operator: {} for column in said}
        unset = list(removed)
        for column in (column for column in said if row not in column.dropped):
            value = column.values[row]
            if value is not MISSING:
                wrapped = column.operator == "$union" and not isinstance(value, list)
                operands[column.operator][column.name] = [value] if wrapped else value
            elif column.missing == "null":
                operands[column.operator][column.name] = None
            elif column.missing == "unset":
                unset.append(column.name)
        rows.append(
            [{**head, name: operand} for name, operand in [*operands.items(), ("$unset", unset)] if operand]
        )
    return rows


def heads_of(ids: list[str], group: str | None = None, **fields: Any) -> list[dict[str, Any]]:
    """Return what stands in the records beside the operator."""
    fields = {"$ip": "0", "$ignore_time": True, **fields}
    if group is None:
        return [{"$distinct_id": text, **fields} for text in ids]
    return [{"$group_key": group, "$group_id": text, **fields} for text in ids]


def loads(text: bytes | str) -> Any:
    """Read strict JSON, numbers with all their digits; a key that stands twice is an error."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len({key for key, _ in pairs}) == len(pairs), pairs
        return dict(pairs)

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    if isinstance(text, bytes):
        text = text.decode("utf-8", errors="strict")
    return json.loads(
        text,
        parse_int=decimal.Decimal,
        parse_float=decimal.Decimal,
        parse_constant=refuse,
        object_pairs_hook=once,
    )


def same(read: Any, meant: Any) -> bool:
    """Return whether what `loads` read is what was meant, to the type: true is not 1, and integers are exact."""
    if isinstance(meant, bool) or meant is None or isinstance(meant, str):
        return type(read) is type(meant) and read == meant
    if isinstance(meant, int | decimal.Decimal):
        return isinstance(read, decimal.Decimal) and read == meant
    if isinstance(meant, float):
        return isinstance(read, decimal.Decimal) and float(read) == meant
    if isinstance(meant, list):
        return isinstance(read, list) and len(read) == len(meant) and all(map(same, read, meant))
    assert isinstance(meant, dict), meant
    return (
        isinstance(read, dict)
        and read.keys() == meant.keys()
        and all(same(read[key], meant[key]) for key in meant)
    )


def encoded(
    frame: pd.DataFrame,
    verb: str,
    properties: Any = None,
    *,
    id: Any = "id",
    group: str | None = None,
    changes: Changes | None = None,
    token: str | None = None,
    rows_per_slice: int | None = None,
    **options: Any,
) -> list[Any]:
    """Return the records of each row that is sent, read from the bytes of one body after the other."""
    layout = make_layout(frame, operation(verb, id, properties, group, options))
    if rows_per_slice is not None:
        layout = replace(layout, rows_per_slice=rows_per_slice)
    changes = changes or Changes(np.zeros(len(frame), bool))
    rows = []
    for payloads in encode_slices(layout, changes, token):
        assert len(payloads.text) == len(payloads.updates) == len(payloads.positions) == len(payloads)
        for row in range(len(payloads)):
            records = loads(Batch(0, payloads[row : row + 1]).body())
            assert len(records) == payloads.updates[row]
            rows.append(records)
    return rows


def bodies(
    frame: pd.DataFrame, verb: str, properties: Any = None, *, batch_size: int, **options: Any
) -> list[Batch]:
    """Return the batches of a frame."""
    layout = make_layout(frame, operation(verb, "id", properties, None, options))
    return list(cut(encode_slices(layout, Changes(np.zeros(len(frame), bool))), batch_size))


def values_sent(values: Any, verb: str = "set", **options: Any) -> list[Any]:
    """Return what a column sends, row by row, under the operator; MISSING for rows that say nothing."""
    series = values if isinstance(values, pd.Series) else pd.Series(values, dtype=object)
    frame = pd.DataFrame({"id": [f"u{row}" for row in range(len(series))], "also": 1, "x": series})
    rows = encoded(frame, "update", {"also": "set", "x": verb}, **options)
    operand = f"${verb}"
    return [
        next((record[operand]["x"] for record in records if "x" in record.get(operand, {})), MISSING)
        for records in rows
    ]


# -- columns of every dtype ---------------------------------------------------------------------------------------


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Shade(str, enum.Enum):  # noqa: UP042 (what frames hold)
    DARK = "dark"
    LIGHT = "light"


class Size(str, enum.Enum):  # noqa: UP042
    """Text that is another than its value."""

    SMALL = "s", "small"
    LARGE = "l", "large"

    def __new__(cls, letter, word):  # type: ignore[no-untyped-def]
        size = str.__new__(cls, letter)
        size._value_ = word
        return size


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


Point = collections.namedtuple("Point", "x y")  # noqa: PYI024 (what frames hold)


class Pair(NamedTuple):
    one: Any
    two: Any


def series_of(members: dict[str, Any]) -> pd.Series:
    return pd.Series(list(members.values()), list(members), dtype=object)


def as_is(value: Any) -> Any:
    return value


def iso(instant: dt.datetime | pd.Timestamp | np.datetime64) -> str:
    """Return an instant as Mixpanel reads it: in UTC, down to whole milliseconds, which are left out where zero."""
    stamp = pd.Timestamp(instant)
    stamp = stamp if stamp.tz is None else stamp.tz_convert("UTC").tz_localize(None)
    text = (
        f"{stamp.year:04}-{stamp.month:02}-{stamp.day:02}T{stamp.hour:02}:{stamp.minute:02}:{stamp.second:02}"
    )
    return f"{text}.{stamp.microsecond // 1000:03}" if stamp.microsecond >= 1000 else text


def shortest(value: Any) -> float:
    """Return the fraction of a short float as it reads, a whole number as it is."""
    return float(value) if float(value).is_integer() else float(str(value))


def with_digits(number: int) -> int | str:
    """Return an integer, as text if it is beyond 64 bits."""
    return number if -(2**63) <= number < 2**64 else str(number)


def plain(value: Any) -> Any:
    """Return nested values as JSON has them."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
BLANKS = st.sampled_from(["", " ", "\t\n", "\u2028", "a b"])
DOUBLES = st.floats(allow_nan=False, allow_infinity=False)
INT64 = st.integers(-(2**63), 2**63 - 1)
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
SCALARS = st.one_of(TEXT, INT64, DOUBLES, st.booleans())
OBJECTS = st.dictionaries(TEXT, st.one_of(SCALARS, st.none(), st.lists(SCALARS, max_size=2)), max_size=3)
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20, places=6)


def instants(first: str, last: str, unit: str) -> st.SearchStrategy[np.datetime64]:
    low, high = (int(np.datetime64(text, unit).astype(int)) for text in (first, last))
    return st.integers(low, high).map(lambda count: np.datetime64(count, unit))


@dataclass(frozen=True)
class Kind:
    """A kind of column: how its values are drawn, how they become a column, and what JSON is meant by each."""

    values: st.SearchStrategy[Any]
    column: Callable[[list[Any]], Any]
    meant: Callable[[Any], Any] = as_is
    holes: bool = True


def series(dtype: Any) -> Callable[[list[Any]], Any]:
    return lambda values: pd.Series(values, dtype=dtype)


def objects(values: list[Any]) -> pd.Series:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return pd.Series(array, dtype=object)


def objects_with(hole: Any) -> Callable[[list[Any]], Any]:
    return lambda values: objects([hole if value is None else value for value in values])


def arrow(type: pa.DataType) -> Callable[[list[Any]], Any]:
    def column(values: list[Any]) -> pd.Series:
        array = (
            pa.array(values, type.value_type).dictionary_encode() if pa.types.is_dictionary(type) else None
        )
        if pa.types.is_timestamp(type):
            array = pa.array(values, pa.timestamp(type.unit)).cast(type)
        array = pa.array(values, type) if array is None else array
        return pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([array])))

    return column


def numpy_instants(unit: str) -> Callable[[list[Any]], Any]:
    return lambda values: pd.Series(
        np.array(
            [np.datetime64("NaT", unit) if value is None else value for value in values], dtype=f"M8[{unit}]"
        )
    )


def aware(unit: str, zone: str) -> Callable[[list[Any]], Any]:
    return lambda values: numpy_instants(unit)(values).dt.tz_localize("UTC").dt.tz_convert(zone)


def categories(values: list[Any]) -> pd.Series:
    """Return a categorical with one category that no row holds."""
    known = list(dict.fromkeys(value for value in values if value is not None))
    array = pd.Categorical(objects(values), categories=objects(known) if known else None)
    return pd.Series(
        array.add_categories(["never"])
        if known and isinstance(known[0], str) and "never" not in known
        else array
    )


def numeric_categories(values: list[Any]) -> pd.Series:
    return pd.Series(
        pd.Categorical(pd.array(values, dtype="Int64"), categories=sorted({*filter(None, values), 77}))
    )


def sparse(dtype: Any, hole: Any) -> Callable[[list[Any]], Any]:
    return lambda values: pd.Series(
        pd.arrays.SparseArray(np.array([hole if value is None else value for value in values], dtype=dtype))
    )


def half(value: float) -> np.float16:
    return np.float16(value)


NUMPY_INTEGERS = {
    name: Kind(st.integers(np.iinfo(name).min, np.iinfo(name).max), series(name), holes=False)
    for name in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
}
NULLABLE_INTEGERS = {
    name: Kind(st.integers(np.iinfo(name.lower()).min, np.iinfo(name.lower()).max), series(name))
    for name in ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64")
}
FLOATS = {
    "float16": Kind(
        st.floats(width=16, allow_nan=False, allow_infinity=False).map(half), series("float16"), shortest
    ),
    "float32": Kind(
        st.floats(width=32, allow_nan=False, allow_infinity=False).map(np.float32),
        series("float32"),
        shortest,
    ),
    "float64": Kind(DOUBLES, series("float64")),
    "Float32": Kind(
        st.floats(width=32, allow_nan=False, allow_infinity=False).map(np.float32),
        series("Float32"),
        shortest,
    ),
    "Float64": Kind(DOUBLES, series("Float64")),
}
TEXTS = {
    "pandas' own strings": Kind(
        TEXT | BLANKS, lambda values: pd.Series(values, dtype="str" if pd.__version__ >= "3" else object)
    ),
    "string[python]": Kind(TEXT | BLANKS, series("string[python]")),
    "string[pyarrow]": Kind(TEXT | BLANKS, series("string[pyarrow]")),
    "object strings with None": Kind(TEXT | BLANKS, objects),
    "object strings with NaN": Kind(TEXT | BLANKS, objects_with(np.nan)),
    "object strings with NA": Kind(TEXT | BLANKS, objects_with(pd.NA)),
    "object strings with NaT": Kind(TEXT | BLANKS, objects_with(pd.NaT)),
    "numpy strings": Kind(TEXT.map(np.str_), objects, str.__str__),
    "arrow string": Kind(TEXT | BLANKS, arrow(pa.string())),
    "arrow large_string": Kind(TEXT | BLANKS, arrow(pa.large_string())),
    "arrow dictionary of strings": Kind(TEXT | BLANKS, arrow(pa.dictionary(pa.int32(), pa.string()))),
    "categories of strings": Kind(TEXT | BLANKS, categories),
    "sparse strings": Kind(TEXT | BLANKS, sparse(object, np.nan)),
}
DATES = {
    **{
        f"datetime64[{unit}]": Kind(instants(first, last, unit), numpy_instants(unit), iso)
        for unit, first, last in (
            ("s", "0001-01-01", "9999-12-31T23:59:59"),
            ("ms", "0001-01-01", "9999-12-31T23:59:59"),
            ("us", "0001-01-01", "9999-12-31T23:59:59"),
            ("ns", "1678-01-01", "2262-01-01"),
        )
    },
    **{
        f"datetime64[{unit}, {zone}]": Kind(
            instants("1700-01-01", "2200-01-01", unit), aware(unit, zone), iso
        )
        for unit, zone in (
            ("s", "UTC"),
            ("ms", "Asia/Kathmandu"),
            ("us", "Europe/Berlin"),
            ("ns", "America/New_York"),
        )
    },
    **{
        f"arrow timestamp[{unit}]": Kind(
            instants("1700-01-01", "2200-01-01", unit), arrow(pa.timestamp(unit)), iso
        )
        for unit in ("s", "ms", "us", "ns")
    },
    **{
        f"arrow timestamp[{unit}, Europe/Berlin]": Kind(
            instants("1700-01-01", "2200-01-01", unit), arrow(pa.timestamp(unit, "Europe/Berlin")), iso
        )
        for unit in ("s", "ms", "us", "ns")
    },
    "sparse datetimes": Kind(
        instants("1700-01-01", "2200-01-01", "ns"), sparse("M8[ns]", np.datetime64("NaT", "ns")), iso
    ),
    "dates": Kind(st.dates(), objects, str),
    "categories of dates": Kind(st.dates(), categories, str),
    "categories of datetimes": Kind(
        instants("1700-01-01", "2200-01-01", "s"),
        lambda values: numpy_instants("s")(values).astype("category"),
        iso,
    ),
    "arrow date32": Kind(st.dates(), arrow(pa.date32()), str),
    "arrow date64": Kind(st.dates(), arrow(pa.date64()), str),
    "Python datetimes": Kind(st.datetimes(), objects, iso),
    "aware Python datetimes": Kind(
        st.datetimes(
            dt.datetime(1800, 1, 1), dt.datetime(2200, 1, 1), timezones=st.sampled_from([dt.UTC, BERLIN])
        ),
        objects,
        iso,
    ),
    "dates and datetimes": Kind(
        st.dates() | st.datetimes(),
        objects,
        lambda value: iso(value) if isinstance(value, dt.datetime) else str(value),
    ),
    "days": Kind(st.dates(), lambda values: pd.Series(pd.PeriodIndex(values, freq="D")), str),
    "months": Kind(
        st.dates().map(lambda day: day.replace(day=1)),
        lambda values: pd.Series(pd.PeriodIndex(values, freq="M")),
        str,
    ),
    "hours": Kind(
        st.integers(1, 23).map(lambda hour: dt.datetime(2024, 2, 29, hour)),
        lambda values: pd.Series(pd.PeriodIndex(values, freq="h")),
        iso,
    ),
}
PYTHON = {
    "object integers": Kind(INT64, objects),
    "huge object integers": Kind(st.integers(-(2**200), 2**200), objects, with_digits),
    "object numpy integers": Kind(st.integers(0, 255).map(np.uint8), objects, int),
    "object floats": Kind(DOUBLES, objects),
    "object float32": Kind(
        st.floats(width=32, allow_nan=False, allow_infinity=False).map(np.float32), objects, shortest
    ),
    "object booleans": Kind(st.booleans(), objects),
    "integers and floats": Kind(INT64 | DOUBLES, objects),
    "Decimal": Kind(DECIMALS, objects_with(decimal.Decimal("NaN"))),
    "UUID": Kind(st.uuids(), objects, str),
    "times": Kind(st.times(), objects, str),
    "Enum": Kind(st.sampled_from(Color), objects, lambda value: value.value),
    "string Enum": Kind(st.sampled_from(Shade), objects, lambda value: value.value),
    "string Enum of other values": Kind(st.sampled_from(Size), objects, lambda value: value.value),
    "integer Enum": Kind(st.sampled_from(Level), objects, int),
    "mixed scalars": Kind(SCALARS | BLANKS, objects),
    "mixed everything": Kind(
        st.one_of(SCALARS, st.dates().map(str), st.lists(SCALARS, max_size=2), OBJECTS), objects
    ),
    "objects": Kind(OBJECTS, objects),
    "Series": Kind(OBJECTS.map(series_of), objects, dict),
    "named tuples": Kind(
        st.builds(Point, SCALARS, st.none() | st.lists(SCALARS, max_size=2)),
        objects,
        lambda value: value._asdict(),
    ),
    "lists of named tuples": Kind(
        st.lists(st.builds(Pair, SCALARS, TEXT), max_size=2),
        objects,
        lambda items: [item._asdict() for item in items],
    ),
    "addresses": Kind(st.ip_addresses(), objects, str),
    "lists of objects": Kind(st.lists(OBJECTS, max_size=2), objects),
    "lists of strings": Kind(st.lists(TEXT | st.none(), max_size=3), objects),
    "lists of integers": Kind(st.lists(INT64 | st.none(), max_size=3), objects),
    "lists of huge integers": Kind(
        st.lists(st.integers(-(2**70), 2**70), max_size=3), objects, lambda items: [*map(with_digits, items)]
    ),
    "lists of floats": Kind(st.lists(DOUBLES, max_size=3), objects),
    "lists of booleans": Kind(st.lists(st.booleans(), max_size=3), objects),
    "lists of mixed scalars": Kind(st.lists(SCALARS | st.none(), max_size=3), objects),
    "lists of lists": Kind(st.lists(st.lists(INT64, max_size=2), max_size=2), objects),
    "tuples": Kind(st.tuples(TEXT, TEXT), objects, list),
    "tuples of mixed scalars": Kind(st.tuples(TEXT, INT64, st.booleans()), objects, list),
    "sets": Kind(st.frozensets(TEXT, max_size=3), objects, sorted),
    "numpy arrays of integers": Kind(
        st.lists(INT64, max_size=3).map(lambda items: np.array(items, np.int64)), objects, plain
    ),
    "numpy arrays of floats": Kind(
        st.lists(DOUBLES, max_size=3).map(lambda items: np.array(items, np.float64)), objects, plain
    ),
    "numpy arrays of strings": Kind(
        st.lists(TEXT, max_size=3).map(lambda items: np.array(items, object)), objects, plain
    ),
    "square numpy arrays": Kind(
        st.integers(0, 9).map(lambda item: np.full((2, 2), item)), objects, lambda array: array.tolist()
    ),
}
ARROW = {
    "arrow null": Kind(st.none(), arrow(pa.null())),
    "arrow bool": Kind(st.booleans(), arrow(pa.bool_())),
    "arrow int8": Kind(st.integers(-128, 127), arrow(pa.int8())),
    "arrow uint64": Kind(st.integers(0, 2**64 - 1), arrow(pa.uint64())),
    "arrow float16": Kind(
        st.floats(width=16, allow_nan=False, allow_infinity=False).map(half), arrow(pa.float16()), shortest
    ),
    "arrow float32": Kind(
        st.floats(width=32, allow_nan=False, allow_infinity=False).map(np.float32),
        arrow(pa.float32()),
        shortest,
    ),
    "arrow float64": Kind(DOUBLES, arrow(pa.float64())),
    "arrow decimal128": Kind(DECIMALS, arrow(pa.decimal128(38, 6))),
    "arrow decimal256": Kind(DECIMALS, arrow(pa.decimal256(50, 10))),
    "small arrow decimals": Kind(
        st.decimals(-1, 1, places=20, allow_nan=False).map(lambda value: value / 10**10),
        arrow(pa.decimal128(38, 30)),
    ),
    "arrow dictionary of integers": Kind(INT64, arrow(pa.dictionary(pa.int32(), pa.int64()))),
    "arrow dictionary of floats": Kind(DOUBLES, arrow(pa.dictionary(pa.int32(), pa.float64()))),
    "arrow time32": Kind(
        st.times().map(lambda time: time.replace(microsecond=0)), arrow(pa.time32("s")), str
    ),
    "arrow time64": Kind(st.times(), arrow(pa.time64("us")), str),
    "arrow list of strings": Kind(st.lists(TEXT | st.none(), max_size=3), arrow(pa.list_(pa.string()))),
    "arrow large_list of integers": Kind(
        st.lists(INT64 | st.none(), max_size=3), arrow(pa.large_list(pa.int64()))
    ),
    "arrow list of uint64": Kind(
        st.lists(st.integers(0, 2**64 - 1), max_size=3), arrow(pa.list_(pa.uint64()))
    ),
    "arrow list of booleans": Kind(st.lists(st.booleans(), max_size=3), arrow(pa.list_(pa.bool_()))),
    "arrow list of floats": Kind(st.lists(DOUBLES, max_size=3), arrow(pa.list_(pa.float64()))),
    "arrow list of short floats": Kind(
        st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False).map(np.float32), max_size=3),
        arrow(pa.list_(pa.float32())),
        lambda items: [shortest(item) for item in items],
    ),
    "arrow list of dates": Kind(
        st.lists(st.dates(), max_size=3),
        arrow(pa.list_(pa.date32())),
        lambda items: [str(item) for item in items],
    ),
    "arrow fixed_size_list": Kind(st.tuples(INT64, INT64).map(list), arrow(pa.list_(pa.int64(), 2))),
    "arrow struct": Kind(
        st.fixed_dictionaries({"a": INT64 | st.none(), "b": TEXT}),
        arrow(pa.struct([("a", pa.int64()), ("b", pa.string())])),
    ),
    "arrow list of structs": Kind(
        st.lists(st.fixed_dictionaries({"a": INT64}), max_size=2),
        arrow(pa.list_(pa.struct([("a", pa.int64())]))),
    ),
    "arrow map": Kind(
        st.dictionaries(TEXT, INT64, max_size=3),
        lambda values: arrow(pa.map_(pa.string(), pa.int64()))(
            [v if v is None else list(v.items()) for v in values]
        ),
    ),
}
KINDS: Mapping[str, Kind] = {
    **NUMPY_INTEGERS,
    **NULLABLE_INTEGERS,
    **FLOATS,
    **TEXTS,
    **DATES,
    **PYTHON,
    **ARROW,
    "bool": Kind(st.booleans(), series("bool"), holes=False),
    "boolean": Kind(st.booleans(), series("boolean")),
    "categories of integers": Kind(st.integers(1, 9), numeric_categories),
    "sparse floats": Kind(DOUBLES, sparse("float64", np.nan)),
    "sparse integers": Kind(INT64, sparse("int64", 0), holes=False),
    "sparse booleans": Kind(st.booleans(), sparse("bool", False), holes=False),
}


@st.composite
def column_of(draw: Any, kind: str, rows: int) -> tuple[pd.Series, list[Any]]:
    """Draw a column of a kind, and the JSON values that are meant by it."""
    row = KINDS[kind]
    values = draw(st.lists(row.values | st.none() if row.holes else row.values, min_size=rows, max_size=rows))
    return row.column(values), [MISSING if value is None else row.meant(value) for value in values]

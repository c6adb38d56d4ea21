"""Any frame, any call: each ends in a summary, a report, payloads, or an error of ours, and what was sent is what was said.

Random columns, labels, indexes, objects and options meet every verb. ``--hypothesis-profile=thorough`` tries thousands.
"""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import fractions
import ipaddress
import pathlib
import uuid
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from pandas.api.extensions import ExtensionArray, ExtensionDtype

import mixpanel_pandas as mpd
from mixpanel_pandas.rules.operators import OPERATORS
from mixpanel_pandas.rules.options import ALL_OPTIONS, taken_by
from tests.examples import examples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EXAMPLES = examples(250)

OUTCOMES = ["accepted", "rejected", "unknown", "not_sent", "invalid", "skipped"]


# Values


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


class Text(str):
    """Text of somebody's own."""

    __slots__ = ()


class Point(NamedTuple):
    x: int
    y: int


class Hostile:
    """Nothing can be asked of it."""

    def _refuse(self, *_: Any) -> Any:
        raise RuntimeError

    __repr__ = __str__ = __eq__ = __hash__ = __len__ = __iter__ = __bool__ = __float__ = _refuse  # type: ignore[assignment]


def circle() -> list[Any]:
    found: list[Any] = [1]
    found.append({"again": found})
    return found


def deep(levels: int) -> Any:
    found: Any = 1
    for _ in range(levels):
        found = [found]
    return found


ODD: list[Callable[[], Any]] = [
    lambda: None, lambda: pd.NA, lambda: pd.NaT, lambda: float("nan"), lambda: float("-inf"), lambda: -0.0,
    lambda: 2**53 + 1, lambda: 10**400, lambda: 10**5000, lambda: -(2**63), lambda: 2**64, lambda: 5e-324,
    lambda: np.float16(1.5), lambda: np.longdouble(1.5), lambda: np.int8(3), lambda: np.uint64(2**64 - 1),
    lambda: np.bool_(True), lambda: np.datetime64("NaT"), lambda: np.datetime64("2024", "Y"),
    lambda: np.datetime64(10**18, "s"), lambda: np.timedelta64(5, "D"), lambda: np.str_("x"), lambda: np.void(b"x"),
    lambda: decimal.Decimal("1.10"), lambda: decimal.Decimal("sNaN"), lambda: decimal.Decimal("Infinity"),
    lambda: fractions.Fraction(1, 3), lambda: 1 + 2j, lambda: b"bytes", lambda: bytearray(b"x"),
    lambda: memoryview(b"x"), lambda: dt.date(1, 1, 1), lambda: dt.datetime.fromisoformat("9999-12-31T23:59:59.999999"), lambda: dt.time(12),
    lambda: dt.datetime(2024, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=5, minutes=30, seconds=7))),
    lambda: dt.datetime.min.replace(tzinfo=dt.timezone(dt.timedelta(hours=14))), lambda: dt.timedelta(days=999999999),
    lambda: pd.Timestamp("2262-04-11", tz="Asia/Tokyo"), lambda: pd.Timedelta("1D"), lambda: pd.Period("2024-03", "M"),
    lambda: pd.Interval(0, 1), lambda: pd.DateOffset(months=1), lambda: uuid.UUID(int=5),
    lambda: ipaddress.ip_address("::1"), lambda: pathlib.PurePosixPath("/tmp"), lambda: Colour.RED, lambda: Level.LOW,
    lambda: Text("text"), lambda: {"a", "b"}, lambda: frozenset({1}), lambda: (1, "a"), lambda: (n for n in "ab"),
    lambda: range(3), lambda: Point(1, 2), lambda: np.arange(3), lambda: np.zeros((2, 2)),
    lambda: np.array([None, 1], dtype=object), lambda: np.array("scalar"), lambda: pd.Series([1, None]),
    lambda: pd.DataFrame({"a": [1]}), lambda: pd.Index(["a"]), lambda: pd.Categorical(["a"]), lambda: pa.scalar(1),
    lambda: pa.array(["a", None]), object, Hostile, lambda: [Hostile()], lambda: {"k": Hostile()}, circle,
    lambda: {"k": circle()}, lambda: deep(20), lambda: deep(3000), lambda: {1: "a", None: 2}, lambda: {("a", 1): 2},
    lambda: {Hostile: 1}, dict, list, lambda: [[]], lambda: [{}], lambda: [None], lambda: [1, "1", 1.0, True],
    lambda: "\ud800", lambda: "a\ud800\udc00b", lambda: "\x00\u202e\x1b[31m", lambda: "é" * 200, lambda: "x" * 1_100_000,
    lambda: ["x" * 200] * 2000, lambda: {f"k{n}": n for n in range(300)}, lambda: "undefined", lambda: "",
    lambda: " ", lambda: "nan", lambda: "$delete", lambda: int, lambda: len, lambda: ..., lambda: NotImplemented,
]  # fmt: skip

plain = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.text(max_size=4),
    st.sampled_from(["a", "b", "c", "12", "1;2", '{"a": [1]}']), st.dates(), st.datetimes(),
)  # fmt: skip
odd = st.sampled_from(ODD).map(lambda make: make())
nested = st.recursive(
    plain | odd,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3) | st.integers(0, 3), inner, max_size=3)
    ),
    max_leaves=6,
)


# Columns


def whole(bits: int, *, signed: bool = True) -> st.SearchStrategy[int]:
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else st.integers(0, 2**bits - 1)


ZONES = [None, "UTC", "Europe/Berlin", "+05:30"]
#: Arrow type -> integers that it is made of.
TEMPORAL: list[tuple[pa.DataType, int]] = [
    (pa.date32(), 32), (pa.time32("s"), 32), (pa.time32("ms"), 32), (pa.time64("us"), 64), (pa.time64("ns"), 64),
    *((pa.duration(unit), 64) for unit in ("s", "ms", "us", "ns")),
    *((pa.timestamp(unit, zone), 64) for unit in ("s", "ms", "us", "ns") for zone in ZONES),
    (pa.date64(), 64),
]  # fmt: skip
#: Arrow type -> its values.
LEAVES: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    (pa.null(), st.none()), (pa.bool_(), st.booleans()),
    (pa.int8(), whole(8)), (pa.int64(), whole(64)), (pa.uint64(), whole(64, signed=False)),
    (pa.float16(), st.floats(width=16).map(np.float16)), (pa.float32(), st.floats(width=32)), (pa.float64(), st.floats()),
    (pa.string(), st.text(max_size=4)), (pa.large_string(), st.text(max_size=4)), (pa.string_view(), st.text(max_size=4)),
    (pa.binary(), st.binary(max_size=3)), (pa.binary_view(), st.binary(max_size=3)), (pa.binary(2), st.binary(min_size=2, max_size=2)),
    (pa.decimal128(38, 3), st.decimals(-(10**30), 10**30, places=3)), (pa.decimal256(76, 0), st.integers(-(10**70), 10**70)),
    (pa.decimal128(20, -2), st.integers(-9, 9).map(lambda n: n * 100)),
    (pa.month_day_nano_interval(), st.tuples(whole(8), whole(8), whole(32))),
]  # fmt: skip


@st.composite
def arrow_arrays(draw: Any, n: int, levels: int = 2) -> pa.Array:
    """Draw an Arrow array of `n` values of any type."""
    kind = draw(st.sampled_from(["leaf", "temporal", *(["nested"] if levels else [])]))
    if kind == "leaf":
        of, values = draw(st.sampled_from(LEAVES))
        return pa.array(draw(st.lists(values | st.none(), min_size=n, max_size=n)), of)
    if kind == "temporal":
        of, bits = draw(st.sampled_from(TEMPORAL))
        near = whole(bits) | st.integers(-(10**5), 10**5)
        return pa.array(draw(st.lists(near | st.none(), min_size=n, max_size=n)), pa.int64() if bits == 64 else pa.int32()).view(of)  # fmt: skip
    way = draw(
        st.sampled_from(
            [
                "list",
                "large_list",
                "fixed",
                "struct",
                "map",
                "dictionary",
                "run_ends",
                "union",
                "view",
                "no text",
            ]
        )
    )
    if way in {"dictionary", "run_ends"}:
        inner = draw(arrow_arrays(n, 0))
        return (
            inner.dictionary_encode()
            if way == "dictionary"
            else pc.run_end_encode(inner, run_end_type=pa.int32())
        )
    if way == "no text":
        return pa.array([b"\xff", b"a"] * n, pa.binary())[:n].cast(pa.string(), safe=False)
    if way == "struct":
        inner = draw(arrow_arrays(n, levels - 1))
        return pa.StructArray.from_arrays([inner, pa.array(range(n))], ["a", draw(st.sampled_from(["b", "a", ""]))])  # fmt: skip
    if way == "fixed":
        return pa.FixedSizeListArray.from_arrays(draw(arrow_arrays(2 * n, levels - 1)), 2)
    if way == "union":
        return pa.UnionArray.from_sparse(pa.array([k % 2 for k in range(n)], pa.int8()), [draw(arrow_arrays(n, 0)), pa.array(["x"] * n, pa.string())])  # fmt: skip
    sizes = draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))
    offsets = np.cumsum([0, *sizes])
    inner = draw(arrow_arrays(int(offsets[-1]), levels - 1))
    if way == "map":
        keys = pa.array([f"k{k}" for k in range(len(inner))], pa.string())
        return pa.MapArray.from_arrays(pa.array(offsets, pa.int32()), keys, inner)
    if way == "view":
        return pa.ListViewArray.from_arrays(pa.array(offsets[:-1], pa.int32()), pa.array(sizes, pa.int32()), inner)  # fmt: skip
    wide = way == "large_list"
    home = pa.LargeListArray if wide else pa.ListArray
    return home.from_arrays(pa.array(offsets, pa.int64() if wide else pa.int32()), inner)


@st.composite
def arrow_columns(draw: Any, n: int) -> Any:
    array = draw(arrow_arrays(n))
    cut = draw(st.integers(0, n))
    chunked = pa.chunked_array([array[:cut], array[cut:]], array.type)
    return pd.arrays.ArrowExtensionArray(chunked)


class RaisingDtype(ExtensionDtype):
    name, type, na_value = "raising", object, None

    @classmethod
    def construct_array_type(cls) -> Any:
        return Raising


class Raising(ExtensionArray):
    """A column that raises when it is read."""

    def __init__(self, n: int) -> None:
        self._n = n

    dtype = RaisingDtype()
    nbytes = 0

    def __len__(self) -> int:
        return self._n

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            return Raising(len(range(*key.indices(self._n))))
        msg = "the file is gone"
        raise OSError(msg)

    def isna(self) -> Any:
        msg = "the file is gone"
        raise OSError(msg)

    def copy(self) -> Any:
        return Raising(self._n)

    def take(self, indices: Any, **_: Any) -> Any:
        return Raising(len(indices))


def of(strategy: st.SearchStrategy[Any]) -> Callable[[int], st.SearchStrategy[Any]]:
    return lambda n: st.lists(strategy, min_size=n, max_size=n)


def as_dtype(strategy: st.SearchStrategy[Any], dtype: Any) -> Callable[[int], st.SearchStrategy[Any]]:
    return lambda n: of(strategy)(n).map(lambda values: pd.array(values, dtype=dtype))


def days(n: int, **options: Any) -> pd.DatetimeIndex:
    return pd.date_range("2024-01-31", periods=n, **options)


#: What a column is made of, in words -> its values for so many rows.
COLUMNS: dict[str, Callable[[int], st.SearchStrategy[Any]]] = {
    "text": of(st.text(max_size=5)),
    "ids": of(st.sampled_from(["a", "b", "c", "d", "e", "f", "g", None, "", "null", "0"])),
    "numbers": lambda n: st.just(np.arange(n)),
    "objects": lambda n: of(nested)(n).map(objects),
    "one kind of object": lambda n: odd.map(lambda value: objects([value] * n)),
    "floats": of(st.floats()),
    "complex": lambda n: st.just(np.ones(n, complex)),
    "half floats": lambda n: of(st.floats(width=16))(n).map(lambda values: np.array(values, np.float16)),
    "byte-swapped": lambda n: st.just(np.arange(n).astype(">i8")),
    "far dates": lambda n: of(whole(64))(n).map(lambda values: np.array(values, "i8").view("M8[s]")),
    "far durations": lambda n: of(whole(64))(n).map(lambda values: np.array(values, "i8").view("m8[ms]")),
    "aware dates": lambda n: st.sampled_from(["Europe/Berlin", "UTC"]).map(lambda zone: days(n, tz=zone)),
    "periods": lambda n: st.sampled_from(["M", "D", "W"]).map(
        lambda f: pd.period_range("2024", periods=n, freq=f)
    ),
    "intervals": lambda n: st.just(pd.IntervalIndex.from_breaks(range(n + 1))),
    "sparse": lambda n: st.sampled_from([0, np.nan, 1.5]).map(lambda fill: pd.arrays.SparseArray([1.5] * n, fill_value=fill)),
    "sparse dates": lambda n: st.just(pd.arrays.SparseArray(np.array(["2024"] * n, "M8[ns]"))),
    "categories of text": lambda n: of(st.sampled_from(["a", "b", None]))(n).map(pd.Categorical),
    "categories of dates": lambda n: st.just(pd.Categorical(days(n))),
    "categories of intervals": lambda n: st.just(pd.cut(np.arange(n), 3) if n else pd.Categorical([])),
    "categories of tuples": lambda n: st.just(pd.Categorical(objects([(1, "a")] * n))),
    "no categories": lambda n: st.just(pd.Categorical([None] * n)),
    "nullable": as_dtype(st.none() | st.integers(0, 9), "Int64"),
    "nullable floats": as_dtype(st.none() | st.floats(), "Float32"),
    "nullable booleans": as_dtype(st.none() | st.booleans(), "boolean"),
    "strings": lambda n: st.sampled_from(["string[python]", "string[pyarrow]"]).flatmap(lambda t: as_dtype(st.none() | st.text(max_size=3), t)(n)),
    "numpy strings": lambda n: st.just(pd.arrays.NumpyExtensionArray(np.array(["x"] * n, "U1"))),
    "Arrow": arrow_columns,
    "raising": lambda n: st.just(Raising(n)),
}  # fmt: skip


def objects(values: list[Any]) -> np.ndarray:
    """Return an array of objects, whatever they are."""
    found = np.empty(len(values), dtype=object)
    for at, value in enumerate(values):
        found[at] = value
    return found


# Frames

labels: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(["id", "n", "plan", "distinct_id", "$email", "$name", "token", "", " ", "x" * 300, "é\ud800"]),
    st.text(max_size=4),
    st.sampled_from([0, 1, 1.5, None, float("nan"), pd.NaT, True, ("a", 1), b"b", int, Colour.RED, frozenset({1}),
                     pd.Timestamp("2024"), pd.Period("2024"), pd.Interval(0, 1), 2**70]),
)  # fmt: skip

INDEXES: dict[str, Callable[[int], Any]] = {
    "range": pd.RangeIndex,
    "duplicates": lambda n: pd.Index([0] * n),
    "names": lambda n: pd.Index([f"u{k}" for k in range(n)], name="id"),
    "dates": lambda n: pd.DatetimeIndex(days(n, tz="UTC"), name="when"),
    "levels": lambda n: pd.MultiIndex.from_arrays([range(n), ["b"] * n], names=["id", None]),
    "levels of one name": lambda n: pd.MultiIndex.from_arrays([range(n), ["b"] * n], names=["id", "id"]),
    "intervals": lambda n: pd.IntervalIndex.from_breaks(range(n + 1)),
    "missing": lambda n: pd.Index([None] * n, dtype=object),
    "mixed": lambda n: pd.Index(objects([("t", 1), None, 1, "a", 1.5, b"x", dt.date.min, int][:n]), tupleize_cols=False),
    "Arrow": lambda n: pd.Index(pd.array(range(n), dtype=pd.ArrowDtype(pa.int8())), name="distinct_id"),
}  # fmt: skip


@st.composite
def frames(draw: Any, *, odd_labels: bool) -> pd.DataFrame:
    n = draw(st.sampled_from([5, 3, 8, 2, 1, 0]))
    kinds = draw(st.lists(st.sampled_from(list(COLUMNS)), min_size=1, max_size=3))
    names: Any = ["id", *("n", "plan", "$email")[: len(kinds)]]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ids = pd.Series([f"u{k}" for k in range(n)], dtype=object)
            columns = [ids, *(pd.Series(draw(COLUMNS[kind](n))) for kind in kinds)]
            if odd_labels:
                columns[0] = pd.Series(draw(COLUMNS[draw(st.sampled_from(list(COLUMNS)))](n)))
                names[1:] = draw(st.lists(labels, min_size=len(kinds), max_size=len(kinds)))
            frame = pd.DataFrame(dict(enumerate(columns)))
            frame.columns = pd.Index(names, dtype=object, tupleize_cols=False)
            if odd_labels:
                frame.index = INDEXES[draw(st.sampled_from(list(INDEXES)))](n)
                if draw(st.integers(0, 19)) == 7:
                    frame.columns = pd.MultiIndex.from_tuples([(name, "x") for name in names])
    except Exception:  # noqa: BLE001  # pandas does not take it: no such frame exists
        reject()
    return frame


# Calls

#: Option without choices of its own -> values that make sense, and others.
VALUES: dict[str, tuple[list[Any], list[Any]]] = {
    "rename": ([None, "reserved", {"n": "m"}, str.upper], [{"id": "n"}, lambda label: 1 / 0, lambda label: None, 5, {0: 1}]),
    "na": ([None, "common", ["x"], []], ["other", 5, [5], {"n": "x"}]),
    "parse": ([None, {"n": "json"}, {"plan": ";"}, {"n": "number"}, {"plan": "date"}, {"plan": "list:python"}], [{"id": ","}, {"gone": "json"}, {0: ";"}, "json", {"n": 5}]),
    "spread": ([None, ["n"], ["plan", "n"], "n", {"n": "n_"}], [["gone"], [0], 5, [["n"]], [], {"n": 5}, {"gone": ""}]),
    "invalid": (["drop_value", "drop_row", "truncate", "raise"], [{"missing_id": "drop_row"}, "other", {"x": 1}, 5]),
    "ip": ([None, "1.2.3.4", "n"], ["plan", "nowhere", 5, ["n"]]),
    "latitude": ([None], ["n", 5, "plan", float("nan"), ["n"]]),
    "longitude": ([None], ["n", 5, "gone", 181]),
    "updated_at": ([None, "keep", "refresh", "n", dt.datetime.fromisoformat("2024-01-01")], [pd.NaT, 5, float("nan"), "gone"]),
    "schema": ([None], ["schema", object()]),
    "known": ([None, ["n"], {"n": "list", "plan": "number"}, pd.DataFrame({"name": ["n"]})], ["nowhere.csv", 5, [5], False, pd.DataFrame({"n": [1]}), object()]),
    "at_most": ([1000], [1, 0, -1, True, "many"]),
    "backup": ([None], ["", 5, False, "/nowhere/at/all.parquet"]),
    "project": ([None], ["0" * 32, 5, object()]),
    "canary": ([None], [0, -1, 1001, True, "many"]),
    "batch_size": ([None, 1, 2], [2001, 0, 1.5]),
    "workers": ([1, 3], [0, 65, "2"]),
    "requests_per_hour": ([None, 100_000], [0, float("nan")]),
    "journal": ([None], ["", 5, "/nowhere/at/all.sqlite"]),
    "run": ([None], ["one", "", 5]),
    "deadline": ([None, 60, float("inf")], [0, -1, float("nan"), dt.timedelta(1)]),
}  # fmt: skip


def test_the_fuzz_knows_every_option() -> None:
    assert set(VALUES) == {option.name for option in ALL_OPTIONS.values() if not option.choices}


@st.composite
def calls(draw: Any, *, odd_options: bool) -> tuple[str, dict[str, Any]]:
    """Draw a verb and what it is called with."""
    verb = draw(st.sampled_from([*OPERATORS, "update"]))
    known = [option.name for option in taken_by(verb)]
    arguments: dict[str, Any] = {"id": "id", "invalid": draw(st.sampled_from(VALUES["invalid"][0]))}
    for name in draw(st.lists(st.sampled_from(known), max_size=3, unique=True)):
        sensible, others = VALUES.get(name, (list(ALL_OPTIONS[name].choices), []))
        arguments[name] = draw(st.sampled_from(sensible + others * odd_options))
    if verb == "update":
        verbs = st.sampled_from([*OPERATORS] if odd_options else ["set", "union", "add", "append", "unset"])
        arguments["properties"] = draw(st.dictionaries(st.sampled_from(["n", "plan"]), verbs, min_size=1))
    if verb == "unset":
        arguments["properties"] = draw(st.sampled_from([["n"], "n", ["gone", "x"]]))
    if odd_options:
        arguments["id"] = draw(
            st.sampled_from(["id", None, "n", "gone", 0, ("id", "x"), ["id"], float("nan")])
        )
        arguments["properties"] = draw(
            st.sampled_from([None, "n", ["n", "plan"], ["gone"], 0, [], {"n": "set"}, [None], ["x" * 300]])
        )
    return verb, arguments


@pytest.fixture
def emulator() -> Iterator[mpd.Emulator]:
    """A Mixpanel without sockets."""
    emulator = mpd.Emulator()
    with mpd.set_project(replace(emulator.project, adapter=emulator.adapter())):
        yield emulator


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(
    case=st.sampled_from([(False, False)] * 3 + [(True, False), (False, True)]).flatmap(
        lambda odd: st.tuples(frames(odd_labels=odd[0]), calls(odd_options=odd[1]))
    ),
    grouped=st.sampled_from([False] * 5 + [True]),
)
def test_every_call_ends_in_our_words(emulator: mpd.Emulator, case: Any, grouped: bool) -> None:
    emulator.reset()
    frame, (verb, arguments) = case
    profiles = frame.mixpanel.group("id") if grouped else frame.mixpanel
    said = [
        ended(lambda: profiles.validate(verb, **arguments)),
        ended(lambda: profiles.payloads(verb, **arguments)),
        ended(lambda: profiles.schema(verb, **arguments)),
        ended(lambda: send(emulator, profiles, frame, verb, arguments)),
    ]
    assert not [text for text in said if "the frame or an option" in text], "say what it is"


def ended(call: Callable[[], Any]) -> str:
    """Return what the error says in which a call ends, if it does: one of ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mpd.ProfileWarning)
        try:
            call()
        except mpd.MixpanelError as error:
            return str(error)
    return ""


def send(
    emulator: mpd.Emulator, profiles: Any, frame: pd.DataFrame, verb: str, arguments: dict[str, Any]
) -> None:
    """Send, and hold the summary against what the emulator applied."""
    summary = getattr(profiles, verb)(**{"check": False, "repeat": True, "progress": False, **arguments})
    assert summary["rows"].sum() == len(frame)
    assert (summary[OUTCOMES].sum(axis=1) == summary["rows"]).all()
    assert mpd.totals(summary)["rows"].sum() == len(frame)
    outcomes = frame.mixpanel.outcomes(summary)
    assert len(outcomes) == len(frame)
    failures = frame.mixpanel.failures(summary)
    assert len(failures) == outcomes["outcome"].isin(["rejected", "not_sent", "invalid"]).sum()
    accepted = outcomes["outcome"].eq("accepted").to_numpy()
    payloads = profiles.payloads(verb, **arguments)
    expected = [
        record
        for payload in payloads[accepted]
        for record in (payload if isinstance(payload, list) else [payload])
    ]
    applied = [{**application.record} for application in emulator.applied]
    assert all(record.pop("$token") == emulator.token for record in applied)
    assert sorted(map(as_text, applied)) == sorted(map(as_text, expected))


def as_text(record: Any) -> bytes:
    return orjson.dumps(record, option=orjson.OPT_SORT_KEYS)

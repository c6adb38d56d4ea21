"""Frames to measure with. They stand on pandas alone, so that other tools can be given the same ones."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CITIES = [
    "München",
    "São Paulo",
    "Zürich",
    "Kraków",
    "Łódź",
    "Tromsø",
    "Reykjavík",
    "Québec",
    "Málaga",
    "İzmir",
]


def customers(rows: int, seed: int = 0, first: int = 0) -> pd.DataFrame:
    """Return a frame of 12 columns of the kinds that profiles are made of; every value is within the limits.

    The customers are numbered from `first`.
    """
    random = np.random.default_rng(seed)
    number = np.arange(first, first + rows)
    names = pd.Series(number.astype(str), dtype="str")
    tags = [["rock"], ["jazz", "blues"], ["pop", "rock", "metal"], []]
    return pd.DataFrame(
        {
            "user_id": "user-" + names,
            "full name": "Customer Number " + names,
            "address": names + "@example.com",
            "signed up": pd.Series(
                pd.Timestamp("2020-01-01", tz="UTC") + pd.to_timedelta(number % 10**6, "min")
            ).where(random.random(rows) > 0.1),
            "plan": pd.Categorical.from_codes(random.integers(0, 3, rows), ["free", "pro", "enterprise"]),
            "lifetime value": pd.Series(np.round(random.random(rows) * 1000, 2)).where(
                random.random(rows) > 0.1
            ),
            "logins": pd.array(random.integers(0, 500, rows), dtype="Int64"),
            "active": random.random(rows) > 0.5,
            "town": pd.Series(np.array(CITIES, dtype=object)[random.integers(0, 10, rows)], dtype="str"),
            "score": random.integers(0, 100, rows),
            "tags": _picked(tags, rows, random),
            "country": pd.Series(
                np.array(["DE", "BR", "CH", "PL"], dtype=object)[random.integers(0, 4, rows)], dtype="str"
            ),
        }
    )


def wide(rows: int, columns: int) -> pd.DataFrame:
    """Return a frame of so many columns of the same kinds."""
    frame = customers(rows)
    names = frame.columns.drop("user_id")
    repeated = {
        f"{names[place % len(names)]} {place}": frame[names[place % len(names)]]
        for place in range(columns - 1)
    }
    return pd.DataFrame({"user_id": frame["user_id"], **repeated})


def arrow_backed(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the same frame with every column in Arrow's memory."""
    import pyarrow as pa

    return pa.Table.from_pandas(frame, preserve_index=False).to_pandas(types_mapper=pd.ArrowDtype)


def _picked(choices: Sequence[Any], rows: int, random: np.random.Generator) -> np.ndarray:
    """Return an object array of choices, at random."""
    found = np.empty(rows, dtype=object)
    found[:] = [choices[place] for place in random.integers(0, len(choices), rows)]
    return found


def _strings(rows: int, text: Callable[[int, int], str], columns: int = 11) -> pd.DataFrame:
    """Return ids and string columns; `text` is given row and column."""
    data = {
        f"text {column}": pd.Series([text(row, column) for row in range(rows)], dtype="str")
        for column in range(columns)
    }
    return pd.DataFrame({"user_id": customers(rows)["user_id"], **data})


def _objects(rows: int, choices: Sequence[Any], columns: int) -> pd.DataFrame:
    """Return ids and object columns of values picked at random."""
    random = np.random.default_rng(1)
    data = {f"object {column}": _picked(choices, rows, random) for column in range(columns)}
    return pd.DataFrame({"user_id": customers(rows)["user_id"], **data})


def _all_missing(rows: int) -> pd.DataFrame:
    kinds = [
        pd.Series(np.full(rows, np.nan)),
        pd.Series(pd.NaT, index=range(rows), dtype="datetime64[ns, UTC]"),
        pd.Series(None, index=range(rows), dtype="str"),
        pd.Series(None, index=range(rows), dtype=object),
    ]
    return customers(rows).assign(**{f"nothing {place}": kinds[place % 4] for place in range(12)})


DICTS = [
    {"street": f"Main Street {number}", "number": number, "zip": "10115", "geo": {"lat": 52.5, "lon": 13.25}}
    for number in range(50)
]
LISTS = [[f"item {number}-{place}" for place in range(40)] for number in range(50)]
MIXED = [
    "text",
    17,
    2.5,
    True,
    None,
    {"page": "/start", "n": 1},
    ["a", "b"],
    dt.datetime(2024, 2, 29, tzinfo=dt.UTC),
    "Zürich",
    -3,
]

#: Name -> frame of so many rows.
SHAPES: dict[str, Callable[[int], pd.DataFrame]] = {
    "12 columns, plain": customers,
    "the same, Arrow-backed": lambda rows: arrow_backed(customers(rows)),
    "the same, all objects": lambda rows: customers(rows).astype(object),
    "4 columns": lambda rows: customers(rows)[["user_id", "full name", "score", "town"]],
    "100 columns": lambda rows: wide(rows, 100),
    "2,000 columns": lambda rows: wide(rows, 2000),
    "12 columns and 12 without a value": _all_missing,
    "strings, 10 different": lambda rows: _strings(
        rows, lambda row, column: f"{CITIES[(row * 7 + column) % 10]}, a town"
    ),
    "strings, all different": lambda rows: _strings(rows, lambda row, column: f"value {row:07} of {column}"),
    "strings, quotes and emoji": lambda rows: _strings(
        rows, lambda row, column: f'"{row}" \\ said:\n"{column}" 🎉👍🏽 "yes"'
    ),
    "lists of 40 strings": lambda rows: _objects(rows, LISTS, 2),
    "dicts": lambda rows: _objects(rows, DICTS, 4),
    "mixed objects": lambda rows: _objects(rows, MIXED, 11),
}

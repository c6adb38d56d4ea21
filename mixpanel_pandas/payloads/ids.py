"""The ids of rows: as text, rows that share an id, and a digest of all ids.

Rows that share an id are found by 64-bit hashes of the texts. So a row costs a few bytes, however long its id is. Rows with equal
hashes are compared by text.
"""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import hashlib
import secrets
import sys
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.errors import naming_column, reading_values
from mixpanel_pandas.payloads.arrays import LARGE_STRING, bytes_of
from mixpanel_pandas.payloads.json_text import read_json
from mixpanel_pandas.payloads.measures import exact_below
from mixpanel_pandas.payloads.normalise import Normalised
from mixpanel_pandas.payloads.values import convert, encodable, is_date
from mixpanel_pandas.reading.cleaning import composed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mixpanel_pandas.payloads.dtypes import Rule
    from mixpanel_pandas.payloads.layout import Layout
    from mixpanel_pandas.payloads.sources import Rows, Source

__all__ = ["IdDigest", "hash_texts", "ids_of", "ids_of_all_rows", "normalise_ids", "repeated"]


#: Digits of the largest decimals that Arrow has.
_DECIMAL_DIGITS = 76


def normalise_ids(values: Any, rule: Rule) -> Normalised:
    """Return a slice of the id column as text; null where an id is missing or cannot be used.

    Integers, whole decimals and whole floats become their digits; floats only below 2**53 (of single precision: 2**24). Text stays
    as it is, with leading zeros. Other numbers are the finding ``inexact_id``, other types ``untyped_id``.
    """
    with reading_values():
        read = rule.read(values)
    if rule.reading == "json":
        return _from_json(read)
    if isinstance(read, np.ndarray):
        return _from_objects(read)
    if pa.types.is_decimal(read.type):
        return _from_objects(read.to_pylist())
    if pa.types.is_floating(read.type):
        return _from_floats(read)
    if pa.types.is_integer(read.type) or pa.types.is_large_string(read.type):
        return Normalised(read.cast(LARGE_STRING))
    with reading_values():
        present = ~np.asarray(pd.isna(values), bool)
    return Normalised(pa.nulls(len(read), LARGE_STRING), {"untyped_id": present} if present.any() else {})


def ids_of(source: Source, rows: Rows) -> pa.LargeStringArray:
    """Return the ids of some rows as text; null where an id is missing or cannot be used."""
    values = source.at(rows)
    with naming_column(source.label):
        return normalise_ids(values, source.rule).array


def ids_of_all_rows(layout: Layout) -> pa.LargeStringArray:
    """Return the ids of the whole frame as text, as `ids_of` does."""
    return ids_of(layout.id, slice(0, layout.rows))


def _from_floats(array: pa.Array) -> Normalised:
    numbers = array.to_numpy(zero_copy_only=False)  # NaN where null
    missing = np.isnan(numbers)
    broken = ~missing & ~((np.abs(numbers) < exact_below(numbers.dtype)) & (numbers == np.floor(numbers)))
    whole = np.where(missing | broken, 0, numbers).astype(np.int64)
    texts = pa.array(whole, mask=missing | broken).cast(LARGE_STRING)
    return Normalised(texts, {"inexact_id": broken} if broken.any() else {})


def _from_objects(values: Sequence[Any] | np.ndarray) -> Normalised:
    texts: list[str | None] = []
    broken = {"inexact_id": np.zeros(len(values), bool), "untyped_id": np.zeros(len(values), bool)}
    with reading_values():
        for row, value in enumerate(values):
            text, finding = _text_of(value)
            texts.append(text)
            if finding:
                broken[finding][row] = True
    return Normalised(
        pa.array(texts, LARGE_STRING), {name: mask for name, mask in broken.items() if mask.any()}
    )


def _from_json(texts: pa.Array) -> Normalised:
    parsed = read_json(texts.to_pylist())
    normalised = _from_objects(parsed.values)
    if parsed.broken.any():
        earlier = normalised.findings.get("untyped_id", False)
        return Normalised(normalised.array, {**normalised.findings, "untyped_id": parsed.broken | earlier})
    return normalised


def _text_of(value: Any) -> tuple[str | None, str]:
    """Return one id as text, and the name of the check that it fails, or ``""``."""
    if isinstance(value, enum.Enum):
        value = value.value
    findings: set[str] = set()
    converted = convert(value, findings)
    if converted is None and not findings:
        return None, ""
    if isinstance(converted, str):
        usable = encodable(converted) and not is_date(value) and not isinstance(value, dt.time)
        return (converted, "") if usable else (None, "untyped_id")
    if isinstance(converted, int | float | orjson.Fragment) and not isinstance(converted, bool):
        return (str(int(value)), "") if _is_whole(value) else (None, "inexact_id")
    return None, "inexact_id" if "infinite" in findings else "untyped_id"


def _is_whole(value: Any) -> bool:
    """Return whether a number is an integer of which all digits are exact."""
    if isinstance(value, int | np.integer):
        return True
    if isinstance(value, decimal.Decimal):
        return value.adjusted() < _DECIMAL_DIGITS and value == int(value)
    return bool(abs(value) < exact_below(type(value))) and float(value).is_integer()


def folded(texts: pa.Array) -> pa.Array:
    """Return ids in lower case, without outer blanks and in one Unicode form, to compare ids that look alike."""
    return composed(pc.utf8_lower(pc.utf8_trim_whitespace(texts)))


def hash_texts(texts: pa.Array) -> np.ndarray:
    """Return a 64-bit hash of each text. Its key is random for each process, so that nobody can choose texts with equal hashes.

    Parameters
    ----------
    texts : pyarrow.LargeStringArray
        Any number.

    Returns
    -------
    numpy.ndarray
        uint64. Equal texts have equal hashes, and different texts almost never. The hash of null has no meaning.
    """
    encoded = texts.cast(pa.large_binary()).to_numpy(zero_copy_only=False)  # pandas would encode text again
    return pd.util.hash_array(encoded, hash_key=_KEY, categorize=False)


#: The key of the hash, which takes 16 bytes.
_KEY = secrets.token_hex(8)

#: About how many hashes are compared at once.
PART_ROWS = 2_000_000

#: Where the highest byte of a number of 8 bytes stands.
_HIGHEST = 7 if sys.byteorder == "little" else 0


def repeated(
    hashes: np.ndarray, usable: np.ndarray, texts_at: Callable[[np.ndarray], Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows that share their text with another row.

    Parameters
    ----------
    hashes : numpy.ndarray
        From `hash_texts`.
    usable : numpy.ndarray
        Mask of the rows that are compared. The others have no text, or one that does not count.
    texts_at : callable
        Positions -> their texts, to confirm that equal hashes stand for equal texts.

    Returns
    -------
    positions : numpy.ndarray
        Sorted.
    groups : numpy.ndarray
        A number for each of these rows. Rows with equal texts have equal numbers.
    """
    shared = np.concatenate([np.zeros(0, np.uint64), *map(_repeated_in, _in_parts(hashes, usable))])
    if not shared.size:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    positions = np.flatnonzero(pd.Index(hashes).isin(shared) & usable)
    groups, _texts = pd.factorize(np.asarray(texts_at(positions), dtype=object))
    several = np.bincount(groups)[groups] > 1
    return positions[several], groups[several]


def _repeated_in(hashes: np.ndarray) -> np.ndarray:
    """Return the hashes that stand more than once in an array, which is sorted in place."""
    hashes.sort()
    shared: np.ndarray = hashes[1:][hashes[1:] == hashes[:-1]]
    return shared


def _in_parts(hashes: np.ndarray, usable: np.ndarray) -> Iterator[np.ndarray]:
    """Yield copies of the usable hashes in parts, by their highest byte: equal hashes are in one part.

    A copy of all would take 8 bytes a row; ten million rows in parts take 0.02 s longer for each million.
    """
    blocks = [slice(start, start + PART_ROWS) for start in range(0, len(hashes), PART_ROWS)]
    if len(blocks) < 2:
        yield hashes[usable]
        return
    highest = hashes.view(np.uint8)[_HIGHEST::8]
    bounds = np.linspace(0, 256, min(256, len(blocks)) + 1).astype(int)
    for first, stop in pairwise(bounds):
        yield np.concatenate(
            [hashes[rows][_between(highest[rows], first, stop) & usable[rows]] for rows in blocks]
        )


def _between(numbers: np.ndarray, first: int, stop: int) -> np.ndarray:
    return (numbers >= first) & (numbers < stop)


class IdDigest:
    """A digest of all ids in the order of the rows. It does not depend on slices.

    Examples
    --------
    >>> whole, sliced = IdDigest(), IdDigest()
    >>> whole.update(pa.array(["a", None, "bc"], pa.large_string()))
    >>> for ids in (["a"], [None, "bc"]):
    ...     sliced.update(pa.array(ids, pa.large_string()))
    >>> whole.hexdigest() == sliced.hexdigest()
    True
    """

    def __init__(self) -> None:
        self._texts = hashlib.blake2b(digest_size=16)
        self._lengths = hashlib.blake2b(digest_size=16)

    def update(self, ids: pa.Array) -> None:
        """Add the ids of the next rows. A null differs from an empty text."""
        self._lengths.update(np.asarray(pc.binary_length(ids).fill_null(-1), "<i8").tobytes())
        ids = ids.fill_null("") if ids.null_count else ids  # there may be bytes under a null
        self._texts.update(bytes_of(ids).data)

    def hexdigest(self) -> str:
        """Return the digest as 32 hexadecimal digits."""
        return hashlib.blake2b(self._texts.digest() + self._lengths.digest(), digest_size=16).hexdigest()

"""Fingerprints of what is sent: the same for the same rows however they are cut, another one for anything else."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mixpanel_pandas as mpd
from mixpanel_pandas.payloads.batches import Payloads
from mixpanel_pandas.payloads.fingerprint import ROWS, SIZE, Chain, fingerprint, key_of
from tests.examples import examples

PROJECT = mpd.Project("0123456789abcdef" * 2, "eu")
KEY = key_of(PROJECT)


def payloads(*texts: str) -> Payloads:
    rows = len(texts)
    return Payloads(
        pa.array(texts, pa.large_string()), np.ones(rows, np.int64), np.arange(rows, dtype=np.int64)
    )


def chained(*pieces: Payloads, key: bytes = KEY) -> list[bytes]:
    chain = Chain(key)
    for piece in pieces:
        chain.add(piece)
    chain.end()
    return chain.fingerprints


@pytest.mark.parametrize(
    ("rows", "count"),
    [(0, 0), (1, 1), (ROWS - 1, 1), (ROWS, 1), (ROWS + 1, 2), (2 * ROWS, 2), (2 * ROWS + 1, 3)],
)
def test_a_chain_has_a_fingerprint_for_every_so_many_rows_and_for_its_end(rows: int, count: int) -> None:
    fingerprints = chained(payloads(*map(str, range(rows))))
    assert len(fingerprints) == len(set(fingerprints)) == count
    assert {len(one) for one in fingerprints} <= {SIZE}


@settings(max_examples=examples(100))
@given(st.integers(0, 3 * ROWS), st.lists(st.integers(0, 3 * ROWS), max_size=4))
def test_a_chain_is_the_same_however_its_rows_are_cut(rows: int, cuts: list[int]) -> None:
    whole = payloads(*(f"row {row}" for row in range(rows)))
    edges = [0, *sorted(min(cut, rows) for cut in cuts), rows]
    pieces = [payloads(*whole.text.to_pylist()[start:stop]) for start, stop in itertools.pairwise(edges)]
    assert chained(*pieces) == chained(whole)


@pytest.mark.parametrize("row", [0, ROWS - 1, ROWS, 2 * ROWS - 1, 2 * ROWS])
def test_a_row_that_differs_shows_from_its_own_fingerprint_on(row: int) -> None:
    texts = [f"row {number}" for number in range(2 * ROWS + 1)]
    before = chained(payloads(*texts))
    texts[row] = "another"
    after = chained(payloads(*texts))
    same = [one == other for one, other in zip(before, after, strict=True)]
    assert same == [number < row // ROWS for number in range(3)]


def test_a_journal_of_an_earlier_version_is_understood() -> None:
    """These are on disk: with others a run would not be known again, and its updates would be applied twice."""
    rows = payloads(*(f"row {row}" for row in range(300)))
    assert KEY.hex() == "ede0328d2fc690a995ddf65d5faa67f7e12ad428b6d07649a41f624c0ea216a8"
    assert fingerprint(rows, KEY).hex() == "c9759991020fa337a16dc0df504fa8f7"
    assert [one.hex() for one in chained(rows)] == [
        "2b14d92e17e847a38deef24456edac70",
        "1787d59b7b7989476c43ce5d6f229f6d",
    ]


def test_rows_that_changed_places_show() -> None:
    assert chained(payloads("a", "b")) != chained(payloads("b", "a"))


def test_a_slice_of_an_array_is_what_it_holds() -> None:
    whole = pa.array(["a", "b", "c", "d"], pa.large_string())
    part = Payloads(whole.slice(1, 2), np.ones(2, np.int64), np.arange(2, dtype=np.int64))
    assert fingerprint(part, KEY) == fingerprint(payloads("b", "c"), KEY)
    assert chained(part) == chained(payloads("b", "c"))


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(mpd.Project("f" * 32, "eu"), id="another token"),
        pytest.param(mpd.Project("0123456789abcdef" * 2, "in"), id="another region"),
    ],
)
def test_the_key_is_that_of_the_project(other: mpd.Project) -> None:
    rows = payloads("a", "b")
    assert key_of(other) != KEY == key_of(replace(PROJECT, timeout=9.0))
    assert fingerprint(rows, key_of(other)) != fingerprint(rows, KEY)
    assert chained(rows, key=key_of(other)) != chained(rows)

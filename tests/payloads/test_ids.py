# ruff: noqa: DTZ001 (datetimes without a time zone are what is tested)
from __future__ import annotations

import datetime as dt
import decimal
import enum
import uuid

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import objects

from mixpanel_pandas.payloads.dtypes import rule_for
from mixpanel_pandas.payloads.ids import IdDigest, folded, hash_texts, normalise_ids, repeated
from tests.examples import examples


class Account(enum.Enum):
    ACME = "acme"
    NUMBER = 5


def texts_of(values):
    column = values if isinstance(values, pd.Series) else objects(values)
    array = column.to_numpy() if isinstance(column.dtype, np.dtype) else column.array
    found = normalise_ids(array, rule_for(column))
    assert found.array.type == pa.large_string()
    assert len(found.array) == len(column)
    return found.array.to_pylist(), {name: mask.tolist() for name, mask in found.findings.items()}


def arrow(type, *values):
    return pd.Series(list(values), dtype=pd.ArrowDtype(type))


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        pytest.param(["007", " a ", "", None, "Ü"], ["007", " a ", "", None, "Ü"], id="text stays as it is"),
        pytest.param(pd.Series([1, 2**63 - 1]), ["1", "9223372036854775807"], id="integers"),
        pytest.param(
            pd.Series([2**64 - 1], dtype="uint64"), ["18446744073709551615"], id="large unsigned integers"
        ),
        pytest.param(pd.Series([1, None], dtype="Int64"), ["1", None], id="nullable integers"),
        pytest.param(
            pd.Series([123.0, np.nan, -5.0]), ["123", None, "-5"], id="whole floats: 123, not 123.0"
        ),
        pytest.param(pd.Series([2.0**53 - 1]), ["9007199254740991"], id="the last sure float"),
        pytest.param(
            pd.Series([2.0**24 - 1], dtype="float32"),
            ["16777215"],
            id="the last sure float of single precision",
        ),
        pytest.param(
            [1, 2.0, "3", np.int8(4), None], ["1", "2", "3", "4", None], id="mixed integers, floats and text"
        ),
        pytest.param([2**70], [str(2**70)], id="integers beyond 64 bits"),
        pytest.param([decimal.Decimal(12), decimal.Decimal("1E+3")], ["12", "1000"], id="whole Decimals"),
        pytest.param(
            arrow(pa.decimal128(38, 0), decimal.Decimal(10**37), None),
            [str(10**37), None],
            id="arrow decimals, as warehouses have",
        ),
        pytest.param([uuid.UUID(int=5), None], ["00000000-0000-0000-0000-000000000005", None], id="UUID"),
        pytest.param([Account.ACME, Account.NUMBER], ["acme", "5"], id="Enum"),
        pytest.param(pd.Series(["a", None, "a"], dtype="category"), ["a", None, "a"], id="categories"),
        pytest.param(pd.Series([7, 7], dtype="category"), ["7", "7"], id="categories of integers"),
        pytest.param(pd.Series(["a", None], dtype="string"), ["a", None], id="string dtype"),
        pytest.param(arrow(pa.string(), "a", None), ["a", None], id="arrow text"),
        pytest.param(
            arrow(pa.dictionary(pa.int32(), pa.string()), "a", None), ["a", None], id="arrow dictionary"
        ),
        pytest.param(arrow(pa.float32(), 5.0), ["5"], id="arrow floats"),
        pytest.param([None, np.nan, pd.NA, pd.NaT, decimal.Decimal("NaN")], [None] * 5, id="missing"),
        pytest.param(arrow(pa.null(), None), [None], id="arrow null"),
        pytest.param([], [], id="no rows"),
        pytest.param(pd.Series([-0.0]), ["0"], id="minus zero"),
    ],
)
def test_usable_ids(values, texts):
    assert texts_of(values) == (texts, {})


@pytest.mark.parametrize(
    ("values", "finding"),
    [
        pytest.param(pd.Series([1.5, 2.0**53, -(2.0**53), np.inf, 1e300]), "inexact_id", id="floats"),
        pytest.param(
            pd.Series([2.0**24, 0.5], dtype="float32"), "inexact_id", id="floats of single precision"
        ),
        pytest.param(pd.Series([2048.0], dtype="float16"), "inexact_id", id="floats of half precision"),
        pytest.param([1.5, 2.0**53, float("inf")], "inexact_id", id="float objects"),
        pytest.param(
            [1.5, np.float32(2**24), float("-inf"), decimal.Decimal("1.5"), decimal.Decimal("Infinity")],
            "inexact_id",
            id="numbers of several types",
        ),
        pytest.param([decimal.Decimal("1E+999999")], "inexact_id", id="a Decimal of a million digits"),
        pytest.param(
            arrow(pa.decimal128(5, 2), decimal.Decimal("1.50")),
            "inexact_id",
            id="arrow decimals with a fraction",
        ),
        pytest.param(pd.Series([True, False]), "untyped_id", id="booleans"),
        pytest.param([True, np.bool_(False)], "untyped_id", id="boolean objects"),
        pytest.param(pd.to_datetime(pd.Series(["2024-01-01"])), "untyped_id", id="datetimes"),
        pytest.param(
            [dt.date(2024, 1, 1), dt.datetime(2024, 1, 1), pd.Period("2024")], "untyped_id", id="dates"
        ),
        pytest.param([dt.time(1)], "untyped_id", id="times"),
        pytest.param(arrow(pa.date32(), dt.date(2024, 1, 1)), "untyped_id", id="arrow dates"),
        pytest.param(arrow(pa.time64("us"), dt.time(1)), "untyped_id", id="arrow times"),
        pytest.param([["a"], ["b"]], "untyped_id", id="lists"),
        pytest.param(arrow(pa.list_(pa.string()), ["a"]), "untyped_id", id="arrow lists"),
        pytest.param([{"a": 1}], "untyped_id", id="objects"),
        pytest.param([b"a"], "untyped_id", id="bytes"),
        pytest.param(arrow(pa.binary(), b"a"), "untyped_id", id="arrow binary"),
        pytest.param(pd.to_timedelta(pd.Series([1])), "untyped_id", id="timedeltas"),
        pytest.param([np.timedelta64(5, "s"), 1j], "untyped_id", id="numpy's timedelta is no integer"),
        pytest.param(pd.Series(pd.cut([1.0, 2.0], 2)), "untyped_id", id="intervals"),
        pytest.param(["\ud800"], "untyped_id", id="lone surrogate"),
    ],
)
def test_unusable_ids(values, finding):
    texts, findings = texts_of(values)
    assert texts == [None] * len(values)
    assert findings == {finding: [True] * len(values)}


def test_unusable_ids_stand_beside_usable_ones():
    assert texts_of(pd.Series([1.0, 1.5, np.nan])) == (
        ["1", None, None],
        {"inexact_id": [False, True, False]},
    )
    assert texts_of(["a", True, None, 1.5]) == (
        ["a", None, None, None],
        {"inexact_id": [False, False, False, True], "untyped_id": [False, True, False, False]},
    )


TEXTS = st.lists(
    st.none()
    | st.sampled_from(["", "\0", "a", "a\0", "b"])
    | st.text(st.characters(codec="utf-8"), max_size=40),
    max_size=12,
)


@given(TEXTS, st.data())
@settings(max_examples=examples(150), deadline=None)
def test_equal_texts_have_equal_hashes_however_they_lie(texts, data):
    start = data.draw(st.integers(0, len(texts)))
    hashes = hash_texts(pa.array(texts, pa.large_string())[start:])
    assert hashes.dtype == np.uint64
    alone = [hash_texts(pa.array([text], pa.large_string()))[0] for text in texts[start:]]
    assert hashes.tolist() == alone
    there = [text for text in texts[start:] if text is not None]  # what stands for None is masked elsewhere
    assert len(
        {hash_of for hash_of, text in zip(alone, texts[start:], strict=True) if text is not None}
    ) == len(set(there))


def test_hashes_look_at_every_byte():
    long = "x" * 100_000
    hashes = hash_texts(pa.array([long + "a", long + "b", "a" + long, long], pa.large_string()))
    assert len(set(hashes)) == 4


def test_hashes_cannot_be_computed_without_the_key_of_the_process():
    hashes = hash_texts(pa.array(["a"], pa.large_string()))
    assert hashes != pd.util.hash_array(np.array([b"a"], dtype=object))


def test_many_ids_that_are_alike_have_hashes_that_differ():
    rows = 200_000
    counted = pa.array(np.arange(rows)).cast(pa.large_string())
    padded = pa.array([f"user-{row:032d}" for row in range(rows)], pa.large_string())
    assert len(np.unique(hash_texts(counted))) == rows
    assert len(np.unique(hash_texts(padded))) == rows


def repeated_texts(texts, hashes=None, unusable=()):
    array = np.array(texts, dtype=object)
    asked = []

    def texts_at(positions):
        asked.extend(positions)
        return array[positions]

    hashes = hash_texts(pa.array(texts, pa.large_string())) if hashes is None else np.array(hashes, np.uint64)
    usable = np.array([text is not None and row not in unusable for row, text in enumerate(texts)], bool)
    positions, groups = repeated(hashes, usable, texts_at)
    return positions.tolist(), groups, asked


@pytest.mark.parametrize(
    ("texts", "hashes", "positions"),
    [
        pytest.param(["a", "b", "a", "c", "b"], None, [0, 1, 2, 4], id="two ids in two rows each"),
        pytest.param(["a", "b", "c"], None, [], id="none"),
        pytest.param([], None, [], id="no rows"),
        pytest.param([None, None, "a"], None, [], id="missing ids are not the same id"),
        pytest.param(["a", "b", "c"], [7, 7, 9], [], id="two texts with one hash are two ids"),
        pytest.param(
            ["a", "b", "a", "b", "c"],
            [7, 7, 7, 7, 7],
            [0, 1, 2, 3],
            id="and are told apart where both repeat",
        ),
        pytest.param(["a", "a", None], [0, 0, 0], [0, 1], id="an id whose hash is 0 is an id"),
    ],
)
def test_repeated(texts, hashes, positions):
    found, groups, _asked = repeated_texts(texts, hashes)
    assert found == positions
    assert len(groups) == len(found)
    for first in range(len(found)):
        for second in range(len(found)):
            assert (groups[first] == groups[second]) == (texts[found[first]] == texts[found[second]])


def test_ids_that_cannot_be_used_repeat_no_other():
    assert repeated_texts(["a", "a", "b", "b"], unusable=[1])[0] == [2, 3]


@pytest.mark.parametrize(
    "part_rows", [1, 2, 1000], ids=["a part for each row", "two rows in a part", "one part"]
)
@given(
    st.lists(st.integers(0, 2**64 - 1) | st.sampled_from([0, 1, 2**56 - 1, 2**56, 2**64 - 1]), max_size=40),
    st.data(),
)
def test_hashes_are_compared_in_parts(part_rows, hashes, data):
    usable = data.draw(st.lists(st.booleans(), min_size=len(hashes), max_size=len(hashes)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mixpanel_pandas.payloads.ids.PART_ROWS", part_rows)
        array = np.array(hashes, np.uint64)
        positions, groups = repeated(array, np.array(usable, bool), lambda rows: array[rows])
    used = [number for number, is_used in zip(hashes, usable, strict=True) if is_used]
    wanted = [row for row, number in enumerate(hashes) if usable[row] and used.count(number) > 1]
    assert positions.tolist() == wanted
    assert len(set(groups)) == len({hashes[row] for row in wanted})


def test_only_the_texts_of_meeting_hashes_are_asked_for():
    _found, _groups, asked = repeated_texts([f"id{row}" for row in range(1000)] + ["id500"])
    assert asked == [500, 1000]


def digest(*slices):
    ids = IdDigest()
    for texts in slices:
        ids.update(pa.array(texts, pa.large_string()))
    return ids.hexdigest()


@given(TEXTS, st.data())
@settings(max_examples=examples(60), deadline=None)
def test_the_digest_does_not_depend_on_the_slices(texts, data):
    middle = data.draw(st.integers(0, len(texts)))
    whole = pa.array(texts, pa.large_string())
    ids = IdDigest()
    ids.update(whole[:middle])
    ids.update(whole[middle:])
    assert digest(texts) == digest(texts[:middle], [], texts[middle:]) == ids.hexdigest()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(["a", "b"], ["b", "a"], id="order"),
        pytest.param([None], [""], id="a missing id is not an empty one"),
        pytest.param(["ab", "c"], ["a", "bc"], id="where ids end"),
        pytest.param(["a"], ["a", None], id="number of rows"),
        pytest.param([], [None], id="no rows"),
    ],
)
def test_the_digest_tells_apart(first, second):
    assert digest(first) != digest(second)


def test_what_lies_under_a_missing_id_does_not_matter():
    hidden = pa.array(["a", "secret", "b"], pa.large_string())
    masked = pa.LargeStringArray.from_buffers(
        3, hidden.buffers()[1], hidden.buffers()[2], pa.array([True, False, True]).buffers()[1]
    )
    assert masked.to_pylist() == ["a", None, "b"]
    ids = IdDigest()
    ids.update(masked)
    assert ids.hexdigest() == digest(["a", None, "b"])


def test_folded_ids_are_alike_but_for_case_outer_blanks_and_unicode_form():
    texts = pa.array([" Ann\t", "ÄB", "A\u0308b", None], pa.large_string())
    assert folded(texts).to_pylist() == ["ann", "äb", "äb", None]


def test_the_digest_is_that_of_the_journals_that_are_out_there():
    """Another one, and no run of yesterday could go on."""
    assert digest(["ann", None, "bob"]) == "187df165e2e2b3c9b12e64995a4ad2b8"


@pytest.mark.skipif(not hasattr(pa, "json_"), reason="this PyArrow has no JSON type")
def test_ids_of_several_types_in_json():
    storage = pa.array(['"x"', "1", "{", None, "[1]", '"007"'])
    json = pa.ExtensionArray.from_storage(pa.json_(pa.string()), storage)
    ids = texts_of(pd.Series(pd.arrays.ArrowExtensionArray(json)))
    assert ids == (
        ["x", "1", None, None, None, "007"],
        {"untyped_id": [False, False, True, False, True, False]},
    )

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reference import KINDS, MISSING, Said, column_of, encoded, heads_of, records_of_rows, same

from mixpanel_pandas.payloads.changes import Changes
from mixpanel_pandas.payloads.duplicates import Duplicates
from mixpanel_pandas.payloads.layout import make_layout
from mixpanel_pandas.payloads.row_set import RowSet
from mixpanel_pandas.payloads.slices import encode_slice, encode_slices
from mixpanel_pandas.rules.operation import operation

ROWS = 5
FRAME = pd.DataFrame(
    {
        "id": list("abcde"),
        "text": ["x" * 300, "y", None, "é" * 200, "z"],
        "list": [["q" * 300], [], None, ["r"], ["s", "t"]],
        "number": [1, 2, 3, 4, 5],
    }
)


def mask(*rows):
    return np.isin(np.arange(ROWS), rows)


def rows_of(*positions):
    return RowSet(np.array(positions))


def plan_of(rows_per_slice, **options):
    return replace(
        make_layout(FRAME, operation("set", "id", None, None, options)), rows_per_slice=rows_per_slice
    )


@pytest.mark.parametrize("rows_per_slice", range(1, ROWS + 1))
def test_rows_and_values_are_left_out_and_cut_whatever_the_slices(rows_per_slice):
    changes = Changes(mask(1), {1: rows_of(0, 3), 2: rows_of(4)}, {0: rows_of(0, 1, 3)})
    found = encoded(FRAME, "set", changes=changes, rows_per_slice=rows_per_slice)
    said = [
        Said("text", "$set", ["x" * 255, "y", MISSING, "é" * 127, "z"]),
        Said("list", "$set", [MISSING, [], MISSING, MISSING, ["s", "t"]]),
        Said("number", "$set", [1, 2, 3, 4, MISSING]),
    ]
    meant = records_of_rows(heads_of(list("abcde")), said)
    assert all(map(same, found, [meant[row] for row in (0, 2, 3, 4)]))
    assert len(found) == 4


@pytest.mark.parametrize("rows_per_slice", range(1, ROWS + 1))
def test_positions_partition_the_rows_that_are_sent(rows_per_slice):
    layout = plan_of(rows_per_slice)
    slices = list(encode_slices(layout, Changes(mask(0, 3))))
    assert np.concatenate([payloads.positions for payloads in slices]).tolist() == [1, 2, 4]
    assert all(len(payloads) for payloads in slices)


def test_a_frame_that_is_left_out_as_a_whole_makes_no_slices():
    assert list(encode_slices(plan_of(2), Changes(np.ones(ROWS, bool)))) == []


@pytest.mark.parametrize(
    ("rows", "lengths"),
    [
        pytest.param(0, [], id="no rows"),
        pytest.param(7, [7], id="less than a slice"),
        pytest.param(13, [13], id="three rows left over"),
        pytest.param(30, [10, 10, 10], id="whole slices"),
        pytest.param(34, [12, 12, 10], id="four rows left over"),
        pytest.param(36, [9, 9, 9, 9], id="six rows left over"),
    ],
)
def test_slices_cover_the_frame_in_order_and_are_alike(rows, lengths):
    slices = replace(plan_of(10), rows=rows).slices()
    ends = np.cumsum(lengths).tolist()
    assert [(part.start, part.stop) for part in slices] == list(zip([0, *ends], ends, strict=False))


def test_a_slice_is_encoded_on_demand():
    layout = plan_of(2)
    payloads = encode_slice(layout, Changes(np.zeros(ROWS, bool)), slice(2, 4), "T")
    assert payloads.positions.tolist() == [2, 3]
    assert all(text.startswith('{"$token":"T","$distinct_id":"') for text in payloads.text.to_pylist())


def test_cutting_spares_the_other_rows_of_a_mixed_column():
    frame = pd.DataFrame({"id": ["a", "b", "c"], "x": ["x" * 300, 5, ["y" * 300, True]]})
    cut = {0: rows_of(0, 2)}
    rows = encoded(frame, "set", changes=Changes(np.zeros(3, bool), cut=cut))
    assert [record["$set"]["x"] for [record] in rows] == ["x" * 255, 5, ["y" * 255, True]]


def test_the_users_frame_stays_as_it_was():
    before = FRAME.copy(deep=True)
    changes = Changes(mask(1), {1: rows_of(0)}, {0: rows_of(0)})
    list(encode_slices(plan_of(2), changes))
    pd.testing.assert_frame_equal(FRAME, before)


def repeats_of(ids):
    repeated = np.flatnonzero(pd.Series(ids).duplicated(keep=False))
    return Duplicates(repeated, pd.factorize(np.array(ids, object)[repeated])[0])


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_merged_rows_of_every_kind_are_what_the_reference_says(kind, data):
    """The last value that is there, in the form that it has in a row by itself, whatever the slices."""
    ids = data.draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=8))
    values, meant = data.draw(column_of(kind, len(ids)))
    missing = data.draw(st.sampled_from(["skip", "null", "unset"]))
    dropped, excluded = (
        data.draw(st.lists(st.booleans(), min_size=len(ids), max_size=len(ids))) for _ in range(2)
    )
    frame = pd.DataFrame({"id": ids, "x": values, "row": range(len(ids))})
    changes = Changes(np.array(excluded), {0: RowSet.of_mask(np.array(dropped))}, merged=repeats_of(ids))
    size = data.draw(st.integers(1, len(ids)))
    found = encoded(frame, "set", changes=changes, rows_per_slice=size, missing=missing)

    rows_of = {}  # id -> its rows that are sent
    for row, identity in enumerate(ids):
        if not excluded[row]:
            rows_of.setdefault(identity, []).append(row)
    alone = [identity for identity in rows_of if ids.count(identity) == 1]
    merged = sorted(set(rows_of) - set(alone), key=lambda identity: rows_of[identity][-1])
    order = [*alone, *merged]

    def best(rows):
        """Return the row that decides: it has a value, or else misses one, or else has lost it; the last of its like."""
        return max(rows, key=lambda row: (0 if dropped[row] else 1 if meant[row] is MISSING else 2, row))

    deciding = [best(rows_of[identity]) for identity in order]
    silent = [place for place, row in enumerate(deciding) if dropped[row]]
    said = [
        Said("x", "$set", [meant[row] for row in deciding], missing, silent),
        Said("row", "$set", [rows_of[identity][-1] for identity in order]),
    ]
    expected = records_of_rows(heads_of(order), said)
    assert len(found) == len(expected)
    assert all(map(same, found, expected))


def test_merged_values_are_cut_where_they_are_too_long():
    frame = pd.DataFrame({"id": ["a", "a", "b"], "x": ["x" * 300, None, "y"]})
    changes = Changes(np.zeros(3, bool), cut={0: rows_of(0)}, merged=repeats_of([*"aab"]))
    assert [record["$set"]["x"] for [record] in encoded(frame, "set", changes=changes)] == ["y", "x" * 255]

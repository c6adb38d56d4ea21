# ruff: noqa: DTZ001 (datetimes without a time zone are what is tested)
from __future__ import annotations

import datetime as dt
import decimal
import ipaddress

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import encoded, objects

from mixpanel_pandas.payloads.envelope import envelope, has_member
from mixpanel_pandas.payloads.layout import make_layout
from mixpanel_pandas.rules.checks import CHECKS
from mixpanel_pandas.rules.operation import operation

TOKEN = "0123456789abcdef0123456789abcdef"
NOON = 1_704_110_400  # 2024-01-01T12:00:00Z


def heads(values, *, verb="set", group=None, **options):
    """Return what stands in the records beside id and operator, and the findings, with `values` as column `t`."""
    column = values if isinstance(values, pd.Series) else objects(values)
    frame = pd.DataFrame({"id": [f"u{row}" for row in range(len(column))], "x": 1, "t": column})
    properties = None if verb == "delete" else ["x"]
    layout = make_layout(frame, operation(verb, "id", properties, group, options))
    findings = envelope(layout, slice(0, len(frame))).findings
    assert set(findings) <= set(CHECKS)
    rows = encoded(frame, verb, properties, group=group, **options)
    kept = ("$ip", "$time", "$ignore_time", "$ignore_alias")
    return (
        [{key: record[key] for key in kept if key in record} for [record] in rows],
        {name: mask.tolist() for name, mask in findings.items() if mask.any()},
    )


def arrow(type, *values):
    return pd.Series(list(values), dtype=pd.ArrowDtype(type))


@pytest.mark.parametrize(
    ("verb", "group", "options", "head"),
    [
        pytest.param("set", None, {}, {"$ip": "0", "$ignore_time": True}, id="no look-up, Updated at stays"),
        pytest.param("set_once", None, {}, {"$ip": "0"}, id="set_once moves Updated at"),
        pytest.param("set", None, {"updated_at": "refresh"}, {"$ip": "0"}, id="refresh"),
        pytest.param("set_once", None, {"updated_at": "keep"}, {"$ip": "0", "$ignore_time": True}, id="keep"),
        pytest.param(
            "set", None, {"ip": "1.2.3.4"}, {"$ip": "1.2.3.4", "$ignore_time": True}, id="an address"
        ),
        pytest.param(
            "set", None, {"ip": "2001:DB8::0:1"}, {"$ip": "2001:db8::1", "$ignore_time": True}, id="IPv6"
        ),
        pytest.param("set", None, {"updated_at": NOON}, {"$ip": "0", "$time": NOON}, id="seconds"),
        pytest.param(
            "set", None, {"updated_at": np.int64(NOON)}, {"$ip": "0", "$time": NOON}, id="numpy's seconds"
        ),
        pytest.param(
            "set", None, {"updated_at": NOON + 0.9}, {"$ip": "0", "$time": NOON}, id="a fraction of seconds"
        ),
        pytest.param(
            "set",
            None,
            {"updated_at": dt.datetime(2024, 1, 1, 12)},
            {"$ip": "0", "$time": NOON},
            id="a datetime is in UTC",
        ),
        pytest.param(
            "set",
            None,
            {"updated_at": pd.Timestamp("2024-01-01 13:00", tz="Europe/Berlin")},
            {"$ip": "0", "$time": NOON},
            id="unless it says otherwise",
        ),
        pytest.param(
            "set", None, {"updated_at": dt.date(2024, 1, 1)}, {"$ip": "0", "$time": NOON - 43200}, id="a date"
        ),
        pytest.param(
            "set",
            None,
            {"updated_at": np.datetime64("2024-01-01T12")},
            {"$ip": "0", "$time": NOON},
            id="numpy's datetime",
        ),
        pytest.param(
            "delete", None, {}, {"$ip": "0", "$ignore_time": True, "$ignore_alias": True}, id="delete"
        ),
        pytest.param(
            "delete",
            None,
            {"ignore_alias": False},
            {"$ip": "0", "$ignore_time": True},
            id="delete through aliases",
        ),
        pytest.param(
            "set",
            None,
            {"ignore_alias": True},
            {"$ip": "0", "$ignore_time": True, "$ignore_alias": True},
            id="ignore_alias",
        ),
        pytest.param(
            "delete", "company", {}, {"$ip": "0", "$ignore_time": True}, id="groups have no aliases"
        ),
    ],
)
def test_switches(verb, group, options, head):
    assert heads([None], verb=verb, group=group, **options) == ([head], {})


def addresses(values):
    rows, findings = heads(values, ip="t")
    return [row["$ip"] for row in rows], findings


@pytest.mark.parametrize(
    ("values", "sent", "broken"),
    [
        pytest.param(
            ["1.2.3.4", "::1", None, "", " "],
            ["1.2.3.4", "::1", "0", "0", "0"],
            [],
            id="text, missing and blank",
        ),
        pytest.param(["1.2.3.4", "1.2.3", "x"], ["1.2.3.4", "0", "0"], [1, 2], id="no addresses"),
        pytest.param(["1.2.3.4", 5, None], ["1.2.3.4", "0", "0"], [1], id="a number beside text"),
        pytest.param(
            ['fe80::1%","$set":{"x":1},"', "1.1.1.1"], ["0", "1.1.1.1"], [0], id="a zone that is JSON"
        ),
        pytest.param(
            [ipaddress.ip_address("1.2.3.4")],
            ["1.2.3.4"],
            [],
            id="an object of ipaddress",
        ),
        pytest.param(
            [
                ipaddress.ip_address("fe80::1%eth0"),
                ipaddress.ip_network("10.0.0.0/8"),
                ipaddress.ip_address("::1"),
            ],
            ["0", "0", "::1"],
            [0, 1],
            id="a zone and a network, as objects",
        ),
        pytest.param(["1.2.3.4", "\ud800"], ["1.2.3.4", "0"], [1], id="a lone surrogate"),
        pytest.param(pd.Series(["1.2.3.4", None], dtype="category"), ["1.2.3.4", "0"], [], id="categories"),
        pytest.param(arrow(pa.string(), "1.2.3.4", None), ["1.2.3.4", "0"], [], id="arrow text"),
        pytest.param([None, None], ["0", "0"], [], id="nothing"),
    ],
)
def test_a_column_of_addresses(values, sent, broken):
    found, findings = addresses(values)
    assert found == sent
    assert [row for row, wrong in enumerate(findings.get("ip", [])) if wrong] == broken


def times(values):
    rows, findings = heads(values, updated_at="t")
    assert all(("$time" in row) != ("$ignore_time" in row) for row in rows)
    return [None if "$time" not in row else int(row["$time"]) for row in rows], findings


@pytest.mark.parametrize(
    ("values", "sent", "broken"),
    [
        pytest.param(pd.to_datetime(pd.Series(["2024-01-01T12:00:00", None])), [NOON, None], [], id="naive"),
        pytest.param(
            pd.to_datetime(pd.Series(["2024-01-01T12:00:00.999", None]), utc=True).dt.tz_convert(
                "Asia/Tokyo"
            ),
            [NOON, None],
            [],
            id="aware",
        ),
        pytest.param([dt.date(2024, 1, 1)], [NOON - 43200], [], id="dates"),
        pytest.param(
            arrow(pa.date32(), dt.date(2024, 1, 1), None), [NOON - 43200, None], [], id="arrow dates"
        ),
        pytest.param(
            [dt.date(2024, 1, 1), dt.datetime(2024, 1, 1, 12)],
            [NOON - 43200, NOON],
            [],
            id="dates and datetimes",
        ),
        pytest.param(
            ["2024-01-01T12:00:00Z", "2024-01-01 12:00", "2024-01-01T13:00:00+01:00", "", None],
            [NOON, NOON, NOON, None, None],
            [],
            id="ISO text",
        ),
        pytest.param(["noon", "01.02.2024", str(NOON)], [None] * 3, [0, 1, 2], id="other text"),
        pytest.param(pd.Series([NOON, 0]), [NOON, 0], [], id="seconds"),
        pytest.param(pd.Series([NOON + 0.5, np.nan]), [NOON, None], [], id="seconds with a fraction"),
        pytest.param([NOON, NOON + 0.5], [NOON, NOON], [], id="integers and floats"),
        pytest.param([decimal.Decimal(NOON)], [NOON], [], id="Decimals"),
        pytest.param([NOON, "2024-01-01T12:00:00", True], [NOON, NOON, None], [2], id="mixed"),
        pytest.param(pd.Series([NOON * 1000, -1]), [None, None], [0, 1], id="milliseconds, and before 1970"),
        pytest.param(pd.Series([NOON * 10**9]), [None], [0], id="nanoseconds"),
        pytest.param(pd.Series([1e300, np.inf]), [None, None], [0, 1], id="huge numbers"),
        pytest.param(
            pd.to_datetime(pd.Series(["1969-12-31T23:59:59"])), [None], [0], id="datetimes before 1970"
        ),
        pytest.param(["1969-12-31"], [None], [0], id="ISO text before 1970"),
        pytest.param(pd.Series(np.array(["10000-01-01"], "M8[s]")), [None], [0], id="year 10000"),
        pytest.param(["2024-01-01T12:00:00", "\ud800"], [NOON, None], [1], id="a lone surrogate"),
        pytest.param([None], [None], [], id="nothing"),
    ],
)
def test_a_column_of_times(values, sent, broken):
    found, findings = times(values)
    assert found == sent
    assert [row for row, wrong in enumerate(findings.get("time", [])) if wrong] == broken


def test_the_token_is_not_shown():
    frame = pd.DataFrame({"id": ["ann"], "x": [1]})
    layout = make_layout(frame, operation("set", "id", None, None, {}))
    around = envelope(layout, slice(0, 1), TOKEN)
    assert around.token == TOKEN
    assert TOKEN not in repr(around)
    assert envelope(layout, slice(0, 1)).token is None


def test_only_the_rows_of_a_mask_are_kept():
    frame = pd.DataFrame({"id": ["a", "b"], "ip": ["1.1.1.1", "2.2.2.2"], "at": [5, 6], "x": 1})
    layout = make_layout(frame, operation("set", "id", None, None, {"ip": "ip", "updated_at": "at"}))
    around = envelope(layout, slice(0, 2), TOKEN).filter(np.array([False, True]))
    assert around.ids.to_pylist() == ["b"]
    assert [column.to_pylist() for column in around.columns] == [[',"$ip":"2.2.2.2"'], [',"$time":6']]
    assert around.token == TOKEN


def test_address_and_time_may_come_from_other_rows():
    frame = pd.DataFrame({"id": ["a", "b"], "ip": ["1.1.1.1", None], "at": [5, 6], "x": 1})
    layout = make_layout(frame, operation("set", "id", None, None, {"ip": "ip", "updated_at": "at"}))
    around = envelope(layout, np.array([1, 0]), elsewhere={"ip": np.array([0, 1])})
    assert around.ids.to_pylist() == ["b", "a"]
    assert [column.to_pylist() for column in around.columns] == [
        [',"$ip":"1.1.1.1"', ',"$ip":"0"'],
        [',"$time":6', ',"$time":5'],
    ]
    assert has_member(layout, "ip", np.array([1, 0])).tolist() == [False, True]


def locations(latitudes, longitude=13.4, **options):
    """Return the locations of the records, and the rows of each finding."""
    frame = pd.DataFrame({"id": [f"u{row}" for row in range(len(latitudes))], "x": 1, "lat": latitudes})
    frame["long"] = longitude
    options = {"latitude": "lat", "longitude": "long", **options}
    layout = make_layout(frame, operation("set", "id", ["x"], None, options))
    findings = envelope(layout, slice(0, len(frame))).findings
    rows = encoded(frame, "set", ["x"], **options)
    return (
        [(record.get("$latitude"), record.get("$longitude")) for [record] in rows],
        {name: np.flatnonzero(mask).tolist() for name, mask in findings.items() if mask.any()},
    )


NOWHERE = (None, None)


@pytest.mark.parametrize(
    ("latitudes", "sent", "wrong"),
    [
        pytest.param([90.0, -90.0, 90.01, -91], [90, -90, None, None], [2, 3], id="the poles are the last"),
        pytest.param([52, 0], [52, 0], [], id="integers"),
        pytest.param(
            pd.Series([1.1, 2], dtype="float32"),
            [decimal.Decimal("1.1"), 2],
            [],
            id="single precision as it reads",
        ),
        pytest.param(
            arrow(pa.decimal128(10, 5), decimal.Decimal("1.1"), None),
            [decimal.Decimal("1.1"), None],
            [1],
            id="decimals",
        ),
        pytest.param(pd.Series([1.5, 2]).astype("category"), [1.5, 2], [], id="categories"),
        pytest.param([None, None], [None, None], [0, 1], id="nothing"),
        pytest.param(
            pd.Series([52.5, None], dtype="Float64"), [52.5, None], [1], id="a gap beside a longitude"
        ),
        pytest.param(
            objects([decimal.Decimal("52.5"), "52.5", True]), [52.5, None, None], [1, 2], id="several types"
        ),
        pytest.param(objects(["1970-01-01T00:00:10", 10]), [None, 10], [0], id="a date is no number"),
        pytest.param([np.inf, 1.5], [None, 1.5], [0], id="infinity"),
    ],
)
def test_a_column_of_latitudes(latitudes, sent, wrong):
    found, findings = locations(latitudes)
    assert found == [NOWHERE if degrees is None else (degrees, decimal.Decimal("13.4")) for degrees in sent]
    assert findings == ({"latitude": wrong} if wrong else {})


def test_a_row_has_both_degrees_or_neither():
    found, findings = locations([1.0, None, None, 2.0], [None, 181.0, None, -180.5])
    assert found == [NOWHERE] * 4
    assert findings == {"latitude": [1], "longitude": [0, 1, 3]}


DEGREES = st.none() | st.floats(-200, 200) | st.sampled_from([90.0, -90.0, 180.0, -180.0, 0.1])


@given(st.lists(st.tuples(DEGREES, DEGREES), min_size=1, max_size=6))
def test_locations_are_those_of_a_plain_loop(rows):
    meant, wrong = [], {"latitude": [], "longitude": []}
    for row, (latitude, longitude) in enumerate(rows):
        fits = [latitude is not None and abs(latitude) <= 90, longitude is not None and abs(longitude) <= 180]
        meant.append((latitude, longitude) if all(fits) else NOWHERE)
        if latitude is not None or longitude is not None:
            for name, fit in zip(wrong, fits, strict=True):
                wrong[name] += [] if fit else [row]
    latitudes, longitudes = (pd.Series(column, dtype=float) for column in zip(*rows, strict=True))
    found, findings = locations(latitudes, longitudes)
    assert [
        tuple(degrees if degrees is None else float(degrees) for degrees in pair) for pair in found
    ] == meant
    assert findings == {name: positions for name, positions in wrong.items() if positions}


def test_one_location_for_all_rows():
    for degrees in (1.1, "1.1", np.float32(1.1)):
        found, findings = locations([1, 2], latitude=degrees, longitude=-13)
        assert found == [(decimal.Decimal("1.1"), -13)] * 2
        assert not findings
    found, _findings = locations([1.5, 2], longitude=-13)
    assert found == [(1.5, -13), (2, -13)]


def test_merged_rows_have_the_location_of_the_last_row_that_has_one():
    frame = pd.DataFrame(
        {
            "id": ["a", "a", "a"],
            "x": [1, 2, 3],
            "lat": [1.0, 2.0, None],
            "long": [5.0, 6.0, None],
            "ip": ["1.1.1.1", None, None],
        }
    )
    payloads = frame.mixpanel.payloads(
        "set", "id", duplicates="merge", ip="ip", latitude="lat", longitude="long"
    )
    (record,) = payloads.dropna()
    assert (record["$latitude"], record["$longitude"], record["$ip"]) == (2, 6, "1.1.1.1")


def test_columns_for_ip_and_time_are_no_properties():
    frame = pd.DataFrame({"id": ["a"], "ip": ["1.1.1.1"], "at": [5], "x": [1]})
    [[record]] = encoded(frame, "set", ip="ip", updated_at="at")
    assert record == {"$distinct_id": "a", "$ip": "1.1.1.1", "$time": 5, "$set": {"x": 1}}
    [[record]] = encoded(frame, "set")
    assert set(record["$set"]) == {"ip", "at", "x"}

from __future__ import annotations

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from mixpanel_pandas.emulator.moments import is_moment, moment_text, seconds_of, without_fractions, zone_of
from mixpanel_pandas.errors import OperationError


@pytest.mark.parametrize(
    ("text", "seconds", "whole"),
    [
        pytest.param("2023-11-14T22:13:20", 1_700_000_000, "2023-11-14T22:13:20", id="to the second"),
        pytest.param("2023-11-14T22:13:20Z", 1_700_000_000, "2023-11-14T22:13:20", id="with a Z"),
        pytest.param("2023-11-14T22:13:20.999", 1_700_000_000, "2023-11-14T22:13:20", id="with milliseconds"),
        pytest.param("2023-11-14T22:13:20.9999999Z", 1_700_000_000, "2023-11-14T22:13:20", id="with both"),
        pytest.param("2023-11-14", 1_699_920_000, "2023-11-14", id="day"),
        pytest.param("1969-12-31T23:59:59.5", -1, "1969-12-31T23:59:59", id="before 1970"),
        pytest.param("2023-02-30", None, "2023-02-30", id="no day"),
        pytest.param("2023-11-14T25:00:00.5", None, "2023-11-14T25:00:00", id="no time"),
    ],
)
def test_dates(text, seconds, whole):
    assert is_moment(text)
    assert seconds_of(text) == seconds
    assert without_fractions(text) == whole


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "2023-11-14 22:13:20",
        "2023-11-14T22:13:20+02:00",
        "2023-11-14T22:13",
        " 2023-11-14",
        "\uff12023-11-14",
    ],
)
def test_no_dates(text):
    assert not is_moment(text)
    assert seconds_of(text) is None
    assert without_fractions(text) == text


@pytest.mark.parametrize("zone", [UTC, ZoneInfo("Asia/Tokyo"), ZoneInfo("America/New_York")])
def test_zones(zone):
    hours = {"UTC": 0, "Asia/Tokyo": -9, "America/New_York": 5}[str(zone)]
    assert seconds_of("2023-11-14T22:13:20", zone) == 1_700_000_000 + hours * 3600


@pytest.mark.parametrize("name", ["Asia/Tokio", "", "../x"])
def test_no_time_zone(name):
    with pytest.raises(OperationError, match="there is no time zone"):
        zone_of(name)


def test_other_values_stay():
    value = {"at": "2024-01-01T10:00:00.5"}
    assert without_fractions(value) is value
    assert without_fractions([1, None, "2024-01-01T10:00:00.5"]) == [1, None, "2024-01-01T10:00:00"]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        pytest.param(1_700_000_000.9, "2023-11-14T22:13:20", id="seconds"),
        pytest.param(1_700_000_000_999, "2023-11-14T22:13:20", id="milliseconds"),
        pytest.param(100_000_000_000, "5138-11-16T09:46:40", id="most seconds"),
        pytest.param(100_000_000_001, "1973-03-03T09:46:40", id="fewest milliseconds"),
    ],
)
def test_text(number, text):
    assert moment_text(number) == text

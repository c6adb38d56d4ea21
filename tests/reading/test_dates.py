"""Dates in text are read as they are written, and in no other way."""

# ruff: noqa: DTZ001  # times without a zone are what is tested

from __future__ import annotations

import datetime as dt
import zoneinfo

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mixpanel_pandas.errors import OperationError
from mixpanel_pandas.reading.readings import reading


def one(name, text):
    """Return the value of a text as ISO 8601, or the name of its finding."""
    read = reading(name).read(pa.array([text]))
    value = read.values[0].as_py()
    return next(iter(read.findings), None if value is None else value.isoformat())


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("2024-01-05", "2024-01-05", id="a date"),
        pytest.param("20240105", "2024-01-05", id="the basic form"),
        pytest.param("2024-02-29", "2024-02-29", id="a leap day"),
        pytest.param("2023-02-29", "unreadable", id="no leap day"),
        pytest.param("1900-02-29", "unreadable", id="no leap day in 1900"),
        pytest.param("2000-02-29", "2000-02-29", id="a leap day in 2000"),
        pytest.param("0001-01-01", "0001-01-01", id="the first year"),
        pytest.param("0000-12-31", "unreadable", id="no year 0"),
        pytest.param("9999-12-31", "9999-12-31", id="the last year"),
        pytest.param("10000-01-01", "unreadable", id="five digits"),
        pytest.param("2024-1-5", "unreadable", id="single digits"),
        pytest.param("2024-01", "unreadable", id="a month"),
        pytest.param("2024", "unreadable", id="a year"),
        pytest.param("2024-W05-1", "unreadable", id="a week"),
        pytest.param("2024-13-01", "unreadable", id="month 13"),
        pytest.param("2024-01-05T10:20:30", "2024-01-05T10:20:30", id="date and time"),
        pytest.param("2024-01-05 10:20", "2024-01-05T10:20:00", id="a blank, without seconds"),
        pytest.param("2024-01-05T10", "2024-01-05T10:00:00", id="hours alone"),
        pytest.param("2024-01-05t10:20:30.5z", "2024-01-05T10:20:30.500000+00:00", id="small letters"),
        pytest.param(
            "2024-01-05T10:20:30,123456", "2024-01-05T10:20:30.123456", id="a comma and microseconds"
        ),
        pytest.param(
            "2024-01-05T10:20:30.1234560", "2024-01-05T10:20:30.123456", id="zeros beyond microseconds"
        ),
        pytest.param("2024-01-05T10:20:30.1234567", "inexact", id="digits beyond microseconds"),
        pytest.param("2024-01-05T23:59:59", "2024-01-05T23:59:59", id="the last second"),
        pytest.param("2024-01-05T24:00:00", "unreadable", id="hour 24"),
        pytest.param("2024-01-05T23:59:60", "unreadable", id="a leap second"),
        pytest.param("2024-01-05T10:20:30Z", "2024-01-05T10:20:30+00:00", id="Z"),
        pytest.param("2024-01-05T10:20:30+02:00", "2024-01-05T08:20:30+00:00", id="an offset"),
        pytest.param("2024-01-05T10:20:30-0530", "2024-01-05T15:50:30+00:00", id="an offset without colon"),
        pytest.param("2024-01-05T10:20+02", "2024-01-05T08:20:00+00:00", id="an offset of hours"),
        pytest.param("20240105T102030Z", "2024-01-05T10:20:30+00:00", id="the basic form with time"),
        pytest.param("0001-01-01T00:00+02:00", "out_of_range", id="before the first year in UTC"),
        pytest.param("9999-12-31T23:00-02:00", "out_of_range", id="after the last year in UTC"),
        pytest.param("05/07/2023", "two_way_date", id="either"),
        pytest.param("5.7.23 10:00", "two_way_date", id="either, with time"),
        pytest.param("25/12/2023", "unreadable", id="not ISO"),
        pytest.param("10:20", "unreadable", id="a time alone"),
        pytest.param(" 2024-01-05 ", "2024-01-05", id="outer blanks"),
        pytest.param("", None, id="empty is missing"),
    ],
)
def test_iso(text, value):
    assert one("date", text) == value


@pytest.mark.parametrize(
    ("format", "text", "value"),
    [
        pytest.param("dd/mm/yyyy", "05/07/2023", "2023-07-05", id="day first"),
        pytest.param("mm/dd/yyyy", "05/07/2023", "2023-05-07", id="month first"),
        pytest.param("dd/mm/yyyy", "5/7/2023", "2023-07-05", id="single digits"),
        pytest.param("dd/mm/yyyy", "05/07/23", "unreadable", id="a year of two digits"),
        pytest.param("dd/mm/yyyy", "05.07.2023", "unreadable", id="other separators"),
        pytest.param("dd/mm/yyyy", "05/13/2023", "unreadable", id="month 13"),
        pytest.param("dd/mm/yyyy", "05/07/2023 10:00", "unreadable", id="a time that the format has not"),
        pytest.param("dd/mm/yyyy hh:mm", "05/07/2023", "unreadable", id="no time where the format has one"),
        pytest.param("dd.mm.yy", "05.07.68", "2068-07-05", id="the last short year of this century"),
        pytest.param("dd.mm.yy", "05.07.69", "1969-07-05", id="the first short year of the last century"),
        pytest.param("ddmmyyyy", "05072023", "2023-07-05", id="no separators"),
        pytest.param("ddmmyyyy", "5072023", "unreadable", id="no separators and single digits"),
        pytest.param("DD/MM/YYYY HH:MM:SS", "05/07/2023 10:20:30", "2023-07-05T10:20:30", id="capitals"),
        pytest.param("yyyy-mm-ddThh:mm", "2023-07-05T10:20", "2023-07-05T10:20:00", id="a T between"),
        pytest.param("mm/dd/yyyy hh:mm am/pm", "07/05/2023 12:05 AM", "2023-07-05T00:05:00", id="midnight"),
        pytest.param("mm/dd/yyyy hh:mm am/pm", "07/05/2023 12:05 pm", "2023-07-05T12:05:00", id="noon"),
        pytest.param("mm/dd/yyyy hh:mm pm", "7/5/2023 1:05 PM", "2023-07-05T13:05:00", id="afternoon"),
        pytest.param("mm/dd/yyyy hh:mm am/pm", "07/05/2023 13:05 PM", "unreadable", id="13 pm"),
        pytest.param("mm/dd/yyyy hh:mm am/pm", "07/05/2023 0:05 AM", "unreadable", id="0 am"),
        pytest.param(
            "dd/mm/yyyy hh:mm:ss.fff", "05/07/2023 10:20:30.5", "2023-07-05T10:20:30.500000", id="fractions"
        ),
        pytest.param("d mmm yyyy", "5 jul 2023", "2023-07-05", id="a short name"),
        pytest.param("d mmmm yyyy", "5 September 2023", "2023-09-05", id="a long name"),
        pytest.param("mmm d, yyyy", "Jul 5, 2023", "2023-07-05", id="a name in front"),
        pytest.param("d mmm yyyy", "5 Jux 2023", "unreadable", id="no month's name"),
        pytest.param(
            "yyyy\u5e74m\u6708d\u65e5",
            "2023\u5e747\u67085\u65e5",
            "2023-07-05",
            id="characters of other scripts",
        ),
        pytest.param("%d.%m.%Y", "05.07.2023", "2023-07-05", id="strptime"),
        pytest.param(
            "%Y%m%d %H:%M:%S.%f%z",
            "20230705 10:20:30.5+0200",
            "2023-07-05T08:20:30.500000+00:00",
            id="strptime with offset",
        ),
        pytest.param(
            "%B %d %Y %I:%M %p", "July 05 2023 01:05 PM", "2023-07-05T13:05:00", id="strptime with names"
        ),
        pytest.param(
            "Europe/Berlin", "2024-07-01 12:00", "2024-07-01T10:00:00+00:00", id="ISO in a time zone"
        ),
        pytest.param(
            "Europe/Berlin",
            "2024-07-01T12:00Z",
            "2024-07-01T12:00:00+00:00",
            id="an offset counts more than the zone",
        ),
        pytest.param("Europe/Berlin", "2024-07-01", "2024-07-01", id="a date has no zone"),
        pytest.param(
            "dd/mm/yyyy hh:mm Europe/Berlin", "01/01/2024 12:00", "2024-01-01T11:00:00+00:00", id="winter"
        ),
        pytest.param(
            "dd/mm/yyyy hh:mm Europe/Berlin",
            "31/03/2024 01:59",
            "2024-03-31T00:59:00+00:00",
            id="before the gap",
        ),
        pytest.param(
            "dd/mm/yyyy hh:mm Europe/Berlin", "31/03/2024 02:00", "nonexistent_time", id="the gap begins"
        ),
        pytest.param(
            "dd/mm/yyyy hh:mm Europe/Berlin", "31/03/2024 02:59", "nonexistent_time", id="the gap ends"
        ),
        pytest.param(
            "dd/mm/yyyy hh:mm Europe/Berlin",
            "31/03/2024 03:00",
            "2024-03-31T01:00:00+00:00",
            id="after the gap",
        ),
        pytest.param(
            "dd/mm/yyyy hh:mm Europe/Berlin",
            "27/10/2024 01:59",
            "2024-10-26T23:59:00+00:00",
            id="before the fold",
        ),
        pytest.param(
            "dd/mm/yyyy hh:mm Europe/Berlin", "27/10/2024 02:00", "ambiguous_time", id="the fold begins"
        ),
        pytest.param(
            "dd/mm/yyyy hh:mm Europe/Berlin", "27/10/2024 02:59", "ambiguous_time", id="the fold ends"
        ),
        pytest.param(
            "dd/mm/yyyy hh:mm Europe/Berlin",
            "27/10/2024 03:00",
            "2024-10-27T02:00:00+00:00",
            id="after the fold",
        ),
    ],
)
def test_formats(format, text, value):
    assert one(f"date:{format}", text) == value


@pytest.mark.parametrize(
    ("format", "words"),
    [
        pytest.param("dd/mm", "the year", id="no year"),
        pytest.param("dd/dd/yyyy", "the day and the month", id="the day twice"),
        pytest.param("dd/mm/yyyy mm", "the month", id="minutes without hours"),
        pytest.param("dd/mm/yyyy ss", "second without minute", id="seconds without minutes"),
        pytest.param("dd/mm/yyyy qq", "'q' is not part of a date format", id="no word"),
        pytest.param("%d.%m.%Q", "%Q is not supported", id="no directive"),
        pytest.param("dd/mm/yyyy Europe/Berln", "did you mean 'Europe/Berlin'", id="no time zone"),
    ],
)
def test_formats_that_say_nothing(format, words):
    with pytest.raises(OperationError, match=words):
        reading(f"date:{format}")


def test_a_time_without_an_offset_among_others_is_said():
    read = reading("date").read(pa.array(["2024-01-05T10:00Z", "2024-01-05T10:00", "2024-01-05"]))
    assert read.findings["no_offset"].tolist() == [False, True, True]
    assert read.values.type == pa.timestamp("us", "UTC")


def test_a_time_anywhere_makes_times_of_a_column_however_it_is_cut():
    texts = ["2024-01-05", None, "2024-01-06T10:00"]
    whole = reading("date").read(pa.array(texts))
    cut = reading("date").read(pa.chunked_array([[text] for text in texts], pa.string()))
    assert whole.values.type == pa.timestamp("us")
    assert whole.values == cut.values


MOMENTS = st.datetimes(dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59))


@given(
    MOMENTS,
    st.sampled_from(
        [
            "%Y-%m-%dT%H:%M:%S.%f",
            "%d/%m/%Y %H:%M:%S.%f",
            "%m-%d-%Y %I:%M:%S.%f %p",
            "%d %b %Y %H%M%S.%f",
            "%B %d, %Y %H:%M:%S.%f",
        ]
    ),
)
def test_a_time_that_is_written_in_a_format_is_read_again(moment, format):
    text = moment.strftime(format.replace("%Y", f"{moment.year:04}"))
    assert reading(f"date:{format}").read(pa.array([text])).values.to_pylist() == [moment]


@given(
    st.datetimes(dt.datetime(1980, 1, 1), dt.datetime(2037, 1, 1)),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]),
)
@example(dt.datetime(2024, 3, 31, 2, 30), "Europe/Berlin")
@example(dt.datetime(2024, 4, 7, 1, 45), "Australia/Lord_Howe")
def test_a_time_of_a_zone_is_read_as_python_reads_it(naive, zone):
    read = reading(f"date:{zone}").read(pa.array([naive.isoformat()]))
    first, second = (
        naive.replace(tzinfo=zoneinfo.ZoneInfo(zone), fold=fold).astimezone(dt.UTC) for fold in (0, 1)
    )
    assert bool(read.refused[0]) == (first != second)
    assert read.values[0].as_py() == (first if first == second else None)


@given(
    st.lists(
        st.one_of(
            st.from_regex(
                r"\A20[012][0-9]-[01][0-9]-[0-3][0-9]([T ][0-2][0-9](:[0-5][0-9](:[0-6][0-9](\.[0-9]{1,7})?)?)?(Z|[+-][0-2][0-9]:?[0-6][0-9])?)?\Z"
            ),
            st.just("x"),
        ),
        min_size=1,
    )
)
def test_what_arrow_reads_at_once_is_read_the_same_one_by_one(texts):
    together = reading("date").read(pa.array(texts))
    for place, text in enumerate(texts):
        alone = reading("date").read(pa.array([text, "x"]), together.values.type)
        assert alone.values[0] == together.values[place]
        assert alone.refused[0] == together.refused[place]


@pytest.mark.parametrize("type", [pa.date32(), pa.timestamp("us")], ids=str)
@pytest.mark.parametrize(
    "texts", [["2024-01-05T10:20"], ["2024-01-05T10:20", "x"]], ids=["at once", "one by one"]
)
def test_values_have_the_type_that_is_asked_for(type, texts):
    """Times of a time zone are instants: they are neither dates nor times without a zone."""
    read = reading("date:Europe/Berlin").read(pa.array(texts), type)
    assert read.values.type == type

"""A column of a CSV becomes something else than text only if nothing is lost, however the file is cut."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixpanel_pandas.reading.inference import TypeEvidence, inferred, reading_of
from mixpanel_pandas.reading.readings import reading

TEXT, WHOLE, NUMBER, TRUTH, DATE = pa.large_string(), pa.int64(), pa.float64(), pa.bool_(), pa.date32()
NAIVE, UTC = pa.timestamp("us"), pa.timestamp("us", "UTC")


@pytest.mark.parametrize(
    ("texts", "type"),
    [
        pytest.param(["1", "-20", "0"], WHOLE, id="whole numbers"),
        pytest.param(["1", None], WHOLE, id="a missing value says nothing"),
        pytest.param(["123456789012345"], WHOLE, id="15 digits"),
        pytest.param(["1234567890123456"], TEXT, id="16 digits"),
        pytest.param(["007"], TEXT, id="leading zeros"),
        pytest.param(["+5"], TEXT, id="a plus"),
        pytest.param([" 5"], TEXT, id="a blank"),
        pytest.param(["1e5"], TEXT, id="an exponent"),
        pytest.param(["0x10"], TEXT, id="hexadecimal"),
        pytest.param(["-0"], NUMBER, id="minus nothing"),
        pytest.param(["1", "-"], TEXT, id="a dash"),
        pytest.param(["1.5", "2.25", "3"], NUMBER, id="decimals"),
        pytest.param([".5"], TEXT, id="nothing before the point"),
        pytest.param(["5."], TEXT, id="nothing behind the point"),
        pytest.param(["1.10", "2.50"], NUMBER, id="as many decimals in every value"),
        pytest.param(["1.10", "2.5"], TEXT, id="zeros at the end of some"),
        pytest.param(["1.0", "2"], TEXT, id="a zero at the end, and none"),
        pytest.param(["10", "2.5"], NUMBER, id="a zero before the point is no zero at the end"),
        pytest.param(["0.123456789012345"], NUMBER, id="15 digits of a decimal"),
        pytest.param(["0.1234567890123456"], TEXT, id="16 digits of a decimal"),
        pytest.param(["0.00000000000000012"], NUMBER, id="zeros in front are no digits"),
        pytest.param(["1,5"], TEXT, id="a comma"),
        pytest.param(["5%"], TEXT, id="percent"),
        pytest.param(["nan", "1.5"], TEXT, id="a word"),
        pytest.param(["1", ""], TEXT, id="empty text is a value"),
        pytest.param(["true", "FALSE", "True"], TRUTH, id="true and false in any casing"),
        pytest.param(["yes", "no"], TEXT, id="yes and no"),
        pytest.param(["true", "1"], TEXT, id="true beside a number"),
        pytest.param(["2024-01-05", "0001-01-01"], DATE, id="dates"),
        pytest.param(["2023-02-29"], TEXT, id="a day that does not exist"),
        pytest.param(["0000-12-31"], TEXT, id="no year"),
        pytest.param(["2024-01-05", "2024-01-05T10:00"], TEXT, id="dates among times"),
        pytest.param(["2024-01-05T10:00", "2024-01-05 10:00:01.123456"], NAIVE, id="times with a date"),
        pytest.param(["2024-01-05T10:00:00.1234567"], TEXT, id="parts of a microsecond"),
        pytest.param(["2024-01-05T10"], TEXT, id="hours alone"),
        pytest.param(["2024-01-05T10:00Z", "2024-01-05 10:00:01+02:00"], UTC, id="times with an offset"),
        pytest.param(["2024-01-05T10:00Z", "2024-01-05 10:00:01"], TEXT, id="offsets in some"),
        pytest.param(["10:00:00"], TEXT, id="times alone"),
        pytest.param(["20240105"], WHOLE, id="eight digits are a number"),
        pytest.param(["05/07/2023"], TEXT, id="a date that is not ISO"),
        pytest.param(["a"], TEXT, id="text"),
        pytest.param([None, None], pa.null(), id="nothing"),
        pytest.param([], pa.null(), id="no rows"),
    ],
)
def test_inferred(texts, type):
    assert inferred(pa.array(texts, pa.string())) == type
    assert inferred(pa.array(texts[::-1], pa.large_string())) == type
    if type not in (TEXT, pa.null()):
        read = reading(reading_of(type)).read(pa.array(texts, pa.string()), type)
        assert read.values.type == type
        assert not read.findings


VALUES = st.one_of(
    st.none(),
    st.sampled_from(
        [
            "",
            "1",
            "-0",
            "007",
            "1.5",
            "1.50",
            "2.25",
            "true",
            "False",
            "2024-01-05",
            "2024-01-05T10:00",
            "2024-01-05T10:00Z",
            "a",
        ]
    ),
)
COLUMNS = st.one_of(
    st.lists(VALUES),
    st.lists(st.from_regex(r"\A-?[0-9]{1,9}(\.[0-9]{1,8})?\Z")),
    st.lists(st.sampled_from(["1.5", "1.50", "2", "2.25", None])),
    st.lists(st.dates().map(str)),
)


@given(COLUMNS, st.data())
def test_the_type_does_not_depend_on_where_a_file_is_cut(texts, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(texts)), max_size=4)))
    pieces = [texts[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(texts)], strict=True)]
    evidence = TypeEvidence()
    for piece in data.draw(st.permutations(pieces)):
        evidence &= TypeEvidence.of(pa.array(piece, pa.string()))
    assert evidence == TypeEvidence.of(pa.array(texts, pa.string()))


@given(st.lists(st.from_regex(r"\A-?[0-9]{1,17}(\.[0-9]{1,17})?\Z"), min_size=1))
def test_an_inferred_number_is_written_as_it_was(texts):
    inferred_type = inferred(pa.array(texts))
    if inferred_type == WHOLE:
        assert [str(value) for value in pa.array(texts).cast(inferred_type).to_pylist()] == texts
    if inferred_type == NUMBER:
        decimals = {len(text.partition(".")[2]) for text in texts}
        for text, value in zip(
            texts, reading("number").read(pa.array(texts), inferred_type).values.to_pylist(), strict=True
        ):
            assert f"{value:.{len(text.partition('.')[2])}f}" == text
            assert not text.endswith("0") or "." not in text or len(decimals) == 1

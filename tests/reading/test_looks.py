"""What a column of text looks like."""

from __future__ import annotations

import pyarrow as pa
import pytest

from mixpanel_pandas.reading.looks import looks_like
from mixpanel_pandas.reading.readings import reading

DAY_OR_MONTH = ("date:dd/mm/yyyy", "date:mm/dd/yyyy")


@pytest.mark.parametrize(
    ("texts", "readings"),
    [
        pytest.param(["1", "2.5"], ("number",), id="numbers"),
        pytest.param(["1.234"], ("number", "number:1.234,5"), id="a thousand, or one and a bit"),
        pytest.param(["1,234"], ("number:1,5", "number:1,234.5"), id="the same with a comma"),
        pytest.param(["1,234", "1,234,567"], ("number:1,234.5",), id="two groups tell it"),
        pytest.param(["12,5", "3"], ("number:1,5",), id="a decimal comma"),
        pytest.param(["1.234,50", "7,00"], ("number:1.234,5",), id="both marks"),
        pytest.param(["1\u00a0234,50"], ("number:1 234,5",), id="blanks between groups"),
        pytest.param(["1'234.50"], ("number:1'234.5",), id="apostrophes between groups"),
        pytest.param(["007", "8"], (), id="codes with zeros"),
        pytest.param(["+15550100"], (), id="phone numbers"),
        pytest.param(["1E5", "2E3"], (), id="codes with letters"),
        pytest.param(["5%", "7,5 %"], ("number:percent:1,5",), id="percent"),
        pytest.param(["$5", "$1,234.50"], ("number:money:1,234.5",), id="money"),
        pytest.param(["12 EUR", "(3.00) EUR"], (), id="money that cannot be read"),
        pytest.param(["$5", "8 EUR"], (), id="two currencies"),
        pytest.param(["yes", "No"], ("boolean:Yes/No",), id="yes and no"),
        pytest.param(["no"], (), id="only one of the two words"),
        pytest.param(["True", "false"], ("boolean",), id="true and false"),
        pytest.param(["2024-01-05", "2024-01-05T10:00"], ("date",), id="ISO dates"),
        pytest.param(["05/07/2023", "25/12/2023"], ("date:dd/mm/yyyy",), id="day first"),
        pytest.param(["05/07/2023", "12/25/2023"], ("date:mm/dd/yyyy",), id="month first"),
        pytest.param(["05/07/2023", "01/02/2023"], DAY_OR_MONTH, id="either"),
        pytest.param(["05/07/2023", "25/12/2023", "12/25/2023"], (), id="both"),
        pytest.param(["25/12/2023 10:30"], ("date:dd/mm/yyyy hh:mm",), id="with a time"),
        pytest.param(["12/25/2023 9:30 PM"], ("date:mm/dd/yyyy hh:mm am/pm",), id="with am and pm"),
        pytest.param(["25.12.23"], ("date:dd.mm.yy",), id="a short year"),
        pytest.param(["2024/01/25"], ("date:yyyy/mm/dd",), id="year first"),
        pytest.param(["5 Jan 2024"], ("date:dd mmm yyyy",), id="a month's name"),
        pytest.param(["Jan 5, 2024"], ("date:mmm dd, yyyy",), id="a month's name in front"),
        pytest.param(["1.2.10"], (), id="versions"),
        pytest.param(["192.168.0.1"], (), id="addresses"),
        pytest.param(["10:30"], (), id="times alone"),
        pytest.param(['{"a": 1}', "[1]"], ("json",), id="JSON"),
        pytest.param(["['a', 'b']", "[]"], ("list:python",), id="lists of Python"),
        pytest.param(["{a,b}", "{}"], ("list:postgres",), id="lists of PostgreSQL"),
        pytest.param(["a;b", "b", "c;a"], ("list:semicolon",), id="lists with semicolons"),
        pytest.param(["a, b", "b, c, a"], ("list:comma",), id="lists with commas"),
        pytest.param(["Ulm, Germany", "Bonn, Germany"], (), id="places"),
        pytest.param(["Hello, you; well", "x"], (), id="sentences"),
        pytest.param(["ann", "bob"], (), id="names"),
        pytest.param(["", " "], (), id="blanks"),
        pytest.param([], (), id="nothing"),
    ],
)
def test_looks_like(texts, readings):
    look = looks_like(pa.array(texts, pa.string()))
    assert look.readings == readings
    for name in readings:
        assert not reading(name).read(pa.array(texts, pa.string())).findings


def test_missing_value_markers_are_set_apart():
    look = looks_like(pa.array(["12", "N/A", "NULL", "7", ""]))
    assert look.readings == ("number",)
    assert look.missing == ("N/A", "NULL")


def test_only_missing_value_markers():
    look = looks_like(pa.array(["nan", "None"]))
    assert (look.readings, look.missing) == ((), ("nan", "None"))


def test_one_value_that_does_not_fit_beyond_the_sample():
    texts = [str(number) for number in range(100)]
    assert looks_like(pa.array(texts)).readings == ("number",)
    assert looks_like(pa.array([*texts, "x"])).readings == ()

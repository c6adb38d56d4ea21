"""Every row of the table of checks, and the functions that find what does not pass."""

from __future__ import annotations

import pyarrow as pa
import pytest

from mixpanel_pandas.payloads.arrays import mask_of
from mixpanel_pandas.payloads.ids import folded
from mixpanel_pandas.rules.checks import CHECKS, SEVERITIES, SUBJECTS
from mixpanel_pandas.rules.limits import JUNK_IDS, LIMITS, RESERVED_PROPERTIES

TYPES = {"string", "number", "boolean", "date", "list", "object", "mixed"}


@pytest.mark.parametrize("check", CHECKS.values(), ids=list(CHECKS))
def test_every_check_has_a_severity_a_page_and_words(check):
    assert check.severity in SEVERITIES
    assert check.of in SUBJECTS
    assert check.source.startswith(("https://docs.mixpanel.com/", "https://developer.mixpanel.com/"))
    assert check.says == check.says.strip().removesuffix(".")
    assert check.limit_text == (str(LIMITS[check.limit]) if check.limit else None)
    assert set(check.kinds) <= TYPES
    assert bool(check.kinds) == (check.of == "value")


@pytest.mark.parametrize(
    "check", [c for c in CHECKS.values() if c.of == "property"], ids=lambda check: check.name
)
def test_every_check_of_reserved_properties_has_properties(check):
    assert check.expects in {row.expects for row in RESERVED_PROPERTIES.values()}
    assert check.finds


@pytest.mark.parametrize(
    "check", [c for c in CHECKS.values() if c.finds and c.limit], ids=lambda check: check.name
)
def test_limits_of_single_texts_are_in_bytes(check):
    """So that shorter texts need not be looked at."""
    assert LIMITS[check.limit].unit.startswith("bytes")
    most = LIMITS[check.limit].value
    found = check.finds(pa.array(["x" * most, "x" * (most + 1)], pa.large_string()))
    assert mask_of(found).tolist() == [False, True]


#: What a check looks at -> what can be done with rows that do not pass.
REMEDIES = {
    "id": {"drop_row"},
    "frame": set(),
    "value": {"drop_row", "drop_value"},
    "reading": {"drop_row", "drop_value"},
    "property": {"drop_row", "drop_value"},
    "text": set(),
    "column": set(),
    "row": {"drop_row"},
    "record": {"drop_row"},
    "call": set(),
}
CUT = {"long_string", "long_item", "heavy_item"}
DROPPED = {"computed_property", "identity_property", "new_property", "type_drift", "no_list", "no_number"}


@pytest.mark.parametrize("check", CHECKS.values(), ids=list(CHECKS))
def test_remedies(check):
    assert set(check.remedies) == REMEDIES[check.of] | ({"truncate"} if check.name in CUT else set()) | (
        {"drop_value"} if check.name in DROPPED else set()
    )


#: Check -> strings that do not pass, strings that pass.
FOUND = {
    "offset_date": (
        [
            "2024-01-05T23:00:00-05:00",
            "2024-01-05 10:00+02",
            "2024-01-05T10:00:00.123+0530",
            "2024-01-05 10:00:00 -0500",
            "2024-01-05 10:00:00,5+00:00",
        ],
        [
            "2024-01-05T23:00:00Z",
            "2024-01-05T23:00:00",
            "2024-01-05",
            "2024-01-05-05:00",
            "on 2024-01-05T23:00:00-05:00",
            "2024-01-05T23:00:00-05:00 or so",
            "abcd-ef",
            "",
            "2024",
        ],
    ),
    "blank_id": (["", " ", "\t\n", "\u3000"], ["a", " a "]),
    "junk_id": (
        [*JUNK_IDS, *(f" {junk.upper()} " for junk in JUNK_IDS)],
        ["annull", "00", "-10", "truer", "unknown1"],
    ),
    "long_id": (["x" * 256, "é" * 128], ["x" * 255, "é" * 127]),
    "anonymous_id": (
        ["$device:1", "$DEVICE:1", "anon-1", "ANON_1", "anonymous-1", "Anonymous_1"],
        ["device:1", "anonymouse", "anona", "x$device:1"],
    ),
    "long_string": (["x" * 256, "é" * 128], ["x" * 255, "é" * 127, ""]),
    "missing_as_text": (
        [
            "N/A",
            "NULL",
            r"\N",
            " nan ",
            "<NA>",
            "-",
            "\u2014",
            "#REF!",
            "__HIVE_DEFAULT_PARTITION__",
            "undefined",
        ],
        ["", "NA", "Nan", "Null", "none", "--x", "-1", "N/A, really", "?!", "__HIVE_DEFAULT_PARTITION_"],
    ),
    "email": (
        [
            "ann",
            "ann@",
            "@x.com",
            "ann@x",
            "a b@x.com",
            "a@b@c.d",
            "",
            "a\u200b@b.c",
            "a@b.c\u00a0",
            "\ufeffa@b.c",
            "a@b\u00ad.c",
        ],
        ["a@b.c", "ann.bo+1@x-y.co.uk", "ä@ö.de"],
    ),
    "phone": (["0049", "49 30", "", " +49"], ["+49", "+1 (555) 1"]),
    "avatar": (
        ["a.png", "ftp://x/a.png", "https://x/a.svg", "https://x/png", "https://x /a.png"],
        ["https://x/a.png", "HTTP://x/a.GIF", "https://x/a.jpeg?s=1", "https://x/a.jpg#x"],
    ),
    "created": (
        [
            "today",
            "2024-1-2",
            "02.01.2024",
            "2024-01-02T03:04:05+01:00",
            "",
            "2024-02-30",
            "2024-01-02T25:00:00",
        ],
        [
            "2024-01-02",
            "2024-01-02T03:04:05",
            "2024-01-02 03:04:05",
            "2024-01-02T03:04:05.678",
            "2024-01-02T03:04:05Z",
        ],
    ),
    "timezone": (
        ["UTC+1:00", "", "5", "Europe /Berlin"],
        ["Europe/Berlin", "UTC", "America/Port-au-Prince", "Etc/GMT+5"],
    ),
    "country_code": (["DEU", "D", "", "D1", "49"], ["DE", "us"]),
}


def test_every_function_has_its_strings():
    assert set(FOUND) == {check.name for check in CHECKS.values() if check.finds}


@pytest.mark.parametrize("name", FOUND)
@pytest.mark.parametrize("type", [pa.large_string()], ids=str)
def test_functions_find_what_does_not_pass(name, type):
    check = CHECKS[name]

    def found(strings):
        array = pa.array(strings, type)
        return mask_of(check.finds(folded(array) if check.folded else array)).tolist()

    bad, good = FOUND[name]
    assert min(len(text.encode()) for text in bad) >= check.shortest
    assert found(bad) == [True] * len(bad)
    assert found([*good, None]) == [False] * (len(good) + 1)
    assert found([]) == []

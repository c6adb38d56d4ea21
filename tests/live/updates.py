"""What updates make of profiles: each operator over a lattice of values, fields, limits, values and ids."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from mixpanel_pandas.rules.limits import LIMITS
from mixpanel_pandas.rules.operators import GROUPS_REFUSAL, OPERATORS
from tests.live.cases import (
    ABSENT,
    DEFAULTS,
    GEOLOCATION,
    LISTS,
    OPENAPI,
    PLACE,
    PROFILES,
    SILENT,
    TYPES,
    VALUE,
    ProfileCase,
    Properties,
)

#: Fields of every update, unless a case says otherwise.
ENVELOPE = {"$ip": "0", "$ignore_time": True}

BIG = 2**53 + 1
DATE, DATE_AS_READ = "2026-01-02T03:04:05.678", "2026-01-02T03:04:05"

#: What the property holds before an update.
BEFORE: dict[str, Any] = {
    "absent": ABSENT,
    "null": None,
    "a number": 2.5,
    "a large integer": BIG,
    "a text": "abc",
    "an empty text": "",
    "a boolean": True,
    "a list": ["a", 1, "a"],
    "an empty list": [],
    "an object": {"k": 1},
    "a date": DATE,
}

UNCHANGED = "unchanged"
LISTS_ONLY = ("absent", "a list", "an empty list")


@dataclass(frozen=True)
class Row:
    """An operator with an operand, over all that the property may hold before.

    Attributes
    ----------
    after : dict
        Name of what is there before -> what is there then.
    otherwise : Any
        What is there then, where `after` does not say it.
    """

    operator: str
    operand: Any
    source: str
    after: dict[str, Any] = field(default_factory=dict)
    otherwise: Any = UNCHANGED


def _reference(operator: str) -> str:
    return next(row.source for row in OPERATORS.values() if row.name == operator)


def _row(operator: str, operand: Any, *, source: str = "", otherwise: Any = UNCHANGED, **after: Any) -> Row:
    """Return a row. Names of what is there before stand with underscores."""
    return Row(
        operator,
        operand,
        source or _reference(operator),
        {name.replace("_", " "): value for name, value in after.items()},
        otherwise,
    )


ROWS = (
    *(
        _row("$set", operand, otherwise=DATE_AS_READ if operand == DATE else operand)
        for operand in (7, BIG, "text", "", False, ["x", 1], [], {"k": [1]}, DATE)
    ),
    _row("$set", None, otherwise=None, source=TYPES),
    *(_row("$set_once", operand, absent=operand) for operand in (7, ["x"], None)),
    _row("$add", 2, absent=2, a_number=4.5, a_large_integer=BIG + 2),
    _row("$add", -0.5, absent=-0.5, a_number=2.0, a_large_integer=2**53 - 0.5),
    _row("$union", ["a", "b"], absent=["a", "b"], a_list=["a", 1, "a", "b"], an_empty_list=["a", "b"]),
    _row("$union", ["x", "x"], absent=["x"], a_list=["a", 1, "a", "x"], an_empty_list=["x"]),
    _row("$union", [{"k": 1}], source=SILENT, absent=[{"k": 1}], a_list=["a", 1, "a", {"k": 1}], an_empty_list=[{"k": 1}]),
    _row("$union", [None], source=SILENT, absent=[None], a_list=["a", 1, "a", None], an_empty_list=[None]),
    _row("$append", "a", absent=["a"], a_list=["a", 1, "a", "a"], an_empty_list=["a"]),
    _row("$append", DATE, absent=[DATE_AS_READ], a_list=["a", 1, "a", DATE_AS_READ], an_empty_list=[DATE_AS_READ]),
    _row("$append", {"k": 1}, absent=[{"k": 1}], a_list=["a", 1, "a", {"k": 1}], an_empty_list=[{"k": 1}]),
    _row("$append", ["b", "c"], source=SILENT, absent=[["b", "c"]], a_list=["a", 1, "a", ["b", "c"]], an_empty_list=[["b", "c"]]),
    _row("$append", None, source=SILENT, absent=[None], a_list=["a", 1, "a", None], an_empty_list=[None]),
    _row("$remove", "a", source=SILENT, a_list=[1, "a"]),
    _row("$remove", 1, a_list=["a", "a"]),
    _row("$remove", "zzz"),
    _row("$remove", None, source=SILENT),
    _row("$unset", [VALUE], otherwise=ABSENT),
    _row("$unset", ["mpd_live_other"]),
)  # fmt: skip

#: Operands that the emulator refuses. The profile stays as it was.
REFUSED = (
    *(("$add", operand) for operand in ("2", None, True, [2], {"k": 1})),
    *(("$union", operand) for operand in ([], "a", {"k": 1})),
    *(("$remove", operand) for operand in (["a"], {"k": 1})),
    *(("$unset", operand) for operand in ([], VALUE)),
)

#: Operands of $delete. All are ignored.
DELETED = ("", "null", None, {})


def update_of(operator: str, operand: Any) -> Properties:
    """Return the operator of an update."""
    return {operator: operand if operator in {"$unset", "$delete"} else {VALUE: operand}}


def _present(value: Any) -> Properties:
    return {} if value is ABSENT else {VALUE: value}


def _as_read(value: Any) -> Any:
    return DATE_AS_READ if value == DATE else value


def _cells(row: Row) -> list[ProfileCase]:
    is_list_operator = row.operator in {"$union", "$append", "$remove"}
    cases = []
    for name, before in BEFORE.items():
        after = row.after.get(name, row.otherwise)
        source = LISTS if is_list_operator and name not in LISTS_ONLY else row.source
        cases.append(
            ProfileCase(
                f"{row.operator} {row.operand!r}: {name}",
                _present(before),
                (update_of(row.operator, row.operand),),
                _present(_as_read(before) if after is UNCHANGED else after),
                source,
                suffix=f"{row.operator[1:]}-{ROWS.index(row)}-{name.replace(' ', '-')}",
            )
        )
    return cases


LATTICE = (
    *(case for row in ROWS for case in _cells(row)),
    *(
        ProfileCase(
            f"{operator} {operand!r}: {name}",
            {VALUE: BEFORE[name]},
            (update_of(operator, operand),),
            {VALUE: BEFORE[name]},
            SILENT,
            alone=True,
            suffix=f"refused-{number}-{name.replace(' ', '-')}",
        )
        for number, (operator, operand) in enumerate(REFUSED)
        for name in ("a number", "a list")
    ),
    *(
        ProfileCase(
            f"$delete {operand!r}", {VALUE: 1}, ({"$delete": operand},), None, _reference("$delete"), suffix=f"delete-{number}"
        )
        for number, operand in enumerate(DELETED)
    ),
)  # fmt: skip

_NOBODY: tuple[tuple[str, Any, Properties | None, str], ...] = (
    ("$set", 7, {VALUE: 7}, ""),
    ("$set_once", 7, {VALUE: 7}, ""),
    ("$add", 2, {VALUE: 2}, ""),
    ("$union", ["a"], {VALUE: ["a"]}, ""),
    ("$append", "a", {VALUE: ["a"]}, ""),
    ("$remove", "a", None, ""),
    ("$unset", [VALUE], {}, "SDK for PHP"),
    ("$delete", "", None, ""),
)

#: Updates of a profile that is not there.
MISSING = tuple(
    ProfileCase(f"{operator}: no profile", None, (update_of(operator, operand),), after, source or _reference(operator))
    for operator, operand, after, source in _NOBODY
)  # fmt: skip

#: Several updates of one profile in one request.
ORDER = (
    ProfileCase("two $set in one request", {}, (update_of("$set", 1), update_of("$set", 2)), {VALUE: 2}, SILENT),
    ProfileCase("two $append in one request", {}, (update_of("$append", "a"), update_of("$append", "b")), {VALUE: ["a", "b"]}, SILENT),
    ProfileCase("$set, then $unset, in one request", {}, (update_of("$set", 1), update_of("$unset", [VALUE])), {}, SILENT),
    ProfileCase("$delete, then $set, in one request", {VALUE: 1, "mpd_live_other": 1}, ({"$delete": ""}, update_of("$set", 2)), {VALUE: 2}, SILENT, shows=(VALUE, "mpd_live_other")),
)  # fmt: skip

_NO_PLACE = ("$city", "$country_code", "$region", "$timezone")

#: Fields of an update beside its operator.
FIELDS = (
    ProfileCase('$ip "0"', {}, (update_of("$set", 1),), (), GEOLOCATION, PLACE, only_names=True),
    ProfileCase("$ip of a resolver", {}, ({"$ip": "8.8.8.8", **update_of("$set", 1)},), _NO_PLACE, GEOLOCATION, PLACE, only_names=True),
    ProfileCase("no $ip, with ip=0", {}, ({"$ip": None, **update_of("$set", 1)},), (), f"{OPENAPI}/profile-set", PLACE, only_names=True),
    ProfileCase("no $ip, with ip=1", {}, ({"$ip": None, **update_of("$set", 1)},), _NO_PLACE, f"{OPENAPI}/profile-set", PLACE, only_names=True, parameters="ip=1&verbose=1"),
    ProfileCase("no $ip, without ip=", {}, ({"$ip": None, **update_of("$set", 1)},), _NO_PLACE, f"{OPENAPI}/profile-set", PLACE, only_names=True, parameters="verbose=1"),
    ProfileCase("$ip with $add", {}, ({"$ip": "8.8.8.8", **update_of("$add", 1)},), (), SILENT, PLACE, only_names=True),
    ProfileCase("$latitude and $longitude", {}, ({"$latitude": 52.52, "$longitude": 13.405, **update_of("$set", 1)},), ("$city", "$country_code", "$geo_source", "$region", "$timezone"), GEOLOCATION, PLACE, only_names=True),
    ProfileCase("$country_code wins over $ip", {}, ({"$ip": "8.8.8.8", "$set": {"$country_code": "NZ"}},), {"$country_code": "NZ"}, GEOLOCATION, ("$country_code",)),
    ProfileCase("$ignore_time true", {}, (update_of("$set", 1),), (), DEFAULTS, ("$last_seen",), only_names=True),
    ProfileCase("no $ignore_time", {}, ({"$ignore_time": None, **update_of("$set", 1)},), ("$last_seen",), DEFAULTS, ("$last_seen",), only_names=True),
    ProfileCase("no $ignore_time, $unset", {VALUE: 1}, ({"$ignore_time": None, **update_of("$unset", [VALUE])},), ("$last_seen",), SILENT, ("$last_seen",), only_names=True),
    ProfileCase("$time in seconds", {}, ({"$ignore_time": None, "$time": 1_700_000_000, **update_of("$set", 1)},), {"$last_seen": "2023-11-14T22:13:20"}, "SDK for Python", ("$last_seen",)),
    ProfileCase("$time in milliseconds", {}, ({"$ignore_time": None, "$time": 1_700_000_000_000, **update_of("$set", 1)},), {"$last_seen": "2023-11-14T22:13:20"}, "SDKs for Java and Swift", ("$last_seen",)),
    ProfileCase("$ignore_alias true", {VALUE: 1}, ({"$ignore_alias": True, **update_of("$set", 2)},), {VALUE: 2}, f"{OPENAPI}/delete-profile"),
    ProfileCase("$name and $email", {}, ({"$set": {"$name": "Ann", "$email": "ann@example.org"}},), {"$name": "Ann", "$email": "ann@example.org"}, PROFILES, ("$name", "$email")),
    ProfileCase("$created with milliseconds", {}, ({"$set": {"$created": DATE}},), {"$created": DATE_AS_READ}, TYPES, ("$created",)),
    ProfileCase("two operators in one update", {VALUE: 1}, ({"$set": {VALUE: 2}, "$add": {"mpd_live_other": 1}},), {VALUE: 1}, SILENT, (VALUE, "mpd_live_other"), alone=True),
)  # fmt: skip

#: Value -> as it is read. ``$set`` writes it.
VALUES: dict[str, tuple[Any, Any]] = {
    "blanks around": ("  a  ", "  a  "),
    "text beyond ASCII": ("Zoë 東京 😀", "Zoë 東京 😀"),
    "decomposed letters": ("Zoe\u0308", "Zoe\u0308"),
    "a line break and a tab": ("a\nb\tc", "a\nb\tc"),
    "a character 0": ("a\0b", "a\0b"),
    "a text of digits": ("007", "007"),
    "the text true": ("true", "true"),
    "the text null": ("null", "null"),
    "a day": ("2026-01-02", "2026-01-02"),
    "a date with Z": ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05"),
    "a date with an offset": ("2026-01-02T03:04:05+02:00", "2026-01-02T03:04:05+02:00"),
    "a date with a blank": ("2026-01-02 03:04:05", "2026-01-02 03:04:05"),
    "a date that is none": ("2026-02-30T00:00:00", "2026-02-30T00:00:00"),
    "a date of the year 1": ("0001-01-01T00:00:00", "0001-01-01T00:00:00"),
    "a list of dates": ([DATE], [DATE_AS_READ]),
    "a list with null": (["a", None], ["a", None]),
    "a list in a list": ([["a"]], [["a"]]),
    "a list of objects": ([{"k": 1}, {"k": 2}], [{"k": 1}, {"k": 2}]),
    "an empty object": ({}, {}),
    "null in an object": ({"k": None}, {"k": None}),
    "a fraction of 0": (1.0, 1.0),
    "minus 0": (-0.0, -0.0),
    "0.1 + 0.2": (0.1 + 0.2, 0.1 + 0.2),
    "2**53": (2**53, 2**53),
    "2**63": (2**63, 2**63),
    "the largest number": (1.7976931348623157e308, 1.7976931348623157e308),
}

READ_BACK = tuple(
    ProfileCase(f"$set {name}", {}, (update_of("$set", value),), {VALUE: read}, TYPES)
    for name, (value, read) in VALUES.items()
)

_NAME = "mpd_live_long_name_".ljust(LIMITS["name_characters"].value, "x")
_BYTES, _KEYS, _LIST = (LIMITS[name].value for name in ("string_bytes", "object_keys", "list_bytes"))
_PROPERTIES = LIMITS["properties"].value


def _nested(levels: int) -> Any:
    return {"k": _nested(levels - 1)} if levels else 1


#: Name of a limit -> values at its edge and beyond. The emulator keeps them as they are: what Mixpanel does is not documented.
EDGES: dict[str, dict[str, Any]] = {
    "string_bytes": {
        "255 bytes": "x" * _BYTES,
        "256 bytes": "x" * (_BYTES + 1),
        "255 characters of 2 bytes": "é" * _BYTES,
        "256 characters of 2 bytes": "é" * (_BYTES + 1),
        "8,193 bytes": "x" * 8_193,
    },
    "item_bytes": {"an item of 255 bytes": ["x" * _BYTES], "an item of 256 bytes": ["x" * (_BYTES + 1)]},
    "list_bytes": {
        "a list of 256 items": list(range(256)),
        "a list of 8 kB": ["x" * 200] * 41,
        "a list of 300 kB": ["x" * 200] * (_LIST // 200 + 220),
    },
    "object_keys": {
        "255 keys": {f"k{n}": n for n in range(_KEYS)},
        "256 keys": {f"k{n}": n for n in range(_KEYS + 1)},
    },
    "object_depth": {"3 levels": _nested(LIMITS["object_depth"].value), "4 levels": _nested(LIMITS["object_depth"].value + 1)},
    "list_object_depth": {"an object in an object in a list": [_nested(2)]},
    "object_bytes": {"an object of 300 kB": {f"k{n}": "x" * 250 for n in range(1200)}},
    "exact_integer": {"2**53 + 1": BIG, "a list with 2**53 + 1": [BIG]},
}  # fmt: skip

LIMIT_CASES = (
    *(
        ProfileCase(f"$set {name}", {}, (update_of("$set", value),), {VALUE: value}, LIMITS[limit].source, suffix=f"limit-{limit}-{place}")
        for limit, values in EDGES.items()
        for place, (name, value) in enumerate(values.items())
    ),
    ProfileCase("a name of 255 characters", {}, ({"$set": {_NAME: 1}},), {_NAME: 1}, PROFILES, (_NAME, _NAME + "x")),
    ProfileCase("a name of 256 characters", {}, ({"$set": {_NAME + "x": 1}},), {_NAME: 1}, PROFILES, (_NAME, _NAME + "x")),
    ProfileCase(
        "2,001 properties", {}, ({"$set": {f"p{n}": n for n in range(_PROPERTIES)}}, {"$set": {"q": 1}}), (f"p{_PROPERTIES - 2}",),
        PROFILES, (f"p{_PROPERTIES - 2}", f"p{_PROPERTIES - 1}", "q"), only_names=True, lasting=True,
    ),
)  # fmt: skip

#: What the ends of ids hold.
ODD_IDS = {
    "blanks around": "  a  ", "letters beyond ASCII": "Zoë東京", "an emoji": "😀", "decomposed letters": "Zoe\u0308",
    "upper case": "CASE", "lower case": "case", "quotes": "'\"`", "a backslash": "a\\b", "HTML": "<b>&amp;</b>",
    "a percent sign": "100%25", "a plus sign": "a+b c", "slashes": "a/../b", "a question mark": "a?b=c&d#e", "braces": "{[()]}",
    "a line break": "a\nb", "a tab": "a\tb", "a character 0": "a\0b", "an invisible character": "a\u200bb",
    "from right to left": "\u202eabc", "a comma and a semicolon": "a,b;c", "200 characters": "y" * 200, "1,000 characters": "z" * 1000,
}  # fmt: skip

IDS = tuple(
    ProfileCase(
        f"an id with {name}", {VALUE: 1}, (update_of("$set", 2),), {VALUE: 2}, SILENT, suffix=f"odd-{end}"
    )
    for name, end in ODD_IDS.items()
)

#: What is asked of users.
USERS = (*LATTICE, *MISSING, *ORDER, *FIELDS, *READ_BACK, *LIMIT_CASES, *IDS)

_OF_GROUPS = tuple(f": {name}" for name in ("absent", "a text", "a list", "a date"))


def _of_group(case: ProfileCase) -> ProfileCase:
    return replace(case, name=f"group: {case.name}", suffix=f"g-{case.key}", group=True)


def _goes_for_groups(case: ProfileCase) -> bool:
    operator = next(iter(case.updates[0]))
    return next((row.groups for row in OPERATORS.values() if row.name == operator), False)


#: What is asked of the profiles of a group key, where one is configured.
GROUPS = (
    *(_of_group(case) for case in LATTICE if _goes_for_groups(case) and case.name.endswith(_OF_GROUPS)),
    *(_of_group(case) for case in MISSING if _goes_for_groups(case)),
    *(
        _of_group(
            ProfileCase(f"{row.name}", {VALUE: 1}, (update_of(row.name, 1),), {VALUE: 1}, GROUPS_REFUSAL.format(name=row.name), alone=True)
        )
        for row in OPERATORS.values()
        if not row.groups
    ),
    _of_group(
        ProfileCase("$distinct_id in an update of a group", {VALUE: 1}, ({"$distinct_id": "{id}g", **update_of("$set", 2)},), {VALUE: 1}, "mixpanel/mixpanel-swift#539", alone=True)
    ),
)  # fmt: skip

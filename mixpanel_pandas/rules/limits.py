"""What Mixpanel publishes about profiles: limits, reserved properties, placeholders that are not ids. Each row names its source."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

__all__ = [
    "JUNK_IDS",
    "LIMITS",
    "LOOKALIKES",
    "NEVER_WRITTEN",
    "PAGES",
    "RESERVED_PROPERTIES",
    "Limit",
    "ReservedProperty",
    "plain",
    "reserved_names",
]

_PROFILES = "https://docs.mixpanel.com/docs/data-structure/user-profiles"
_TYPES = "https://docs.mixpanel.com/docs/data-structure/property-reference/data-type"
_RESERVED = "https://docs.mixpanel.com/docs/data-structure/property-reference/reserved-properties"
_DEFAULT = "https://docs.mixpanel.com/docs/data-structure/property-reference/default-properties"
_GEOLOCATION = "https://docs.mixpanel.com/docs/tracking-best-practices/geolocation"
_INTEGRATIONS = "https://docs.mixpanel.com/docs/cohort-sync/integrations"
_USER_LIMITS = "https://developer.mixpanel.com/reference/user-profile-limits"
_IMPORT = "https://developer.mixpanel.com/reference/import-events"

#: Mixpanel's pages, by what they are about.
PAGES = {
    "ids": "https://docs.mixpanel.com/docs/tracking-methods/id-management/identifying-users-simplified",
    "types": _TYPES,
    "reserved": _RESERVED,
    "profiles": _PROFILES,
    "limits": _USER_LIMITS,
    "set": "https://developer.mixpanel.com/reference/profile-set",
    "delete": "https://developer.mixpanel.com/reference/delete-profile",
}


@dataclass(frozen=True)
class Limit:
    """A number that Mixpanel publishes.

    Attributes
    ----------
    value : int
        The largest that is allowed.
    unit : str
        What is counted.
    of : str
        Where it is counted.
    source : str
        Mixpanel's page.
    note : str
        What the page leaves open, and how it is read here.
    """

    value: int
    unit: str
    of: str
    source: str
    note: str = ""

    def __str__(self) -> str:
        return f"{self.value:,} {self.unit}".rstrip()


LIMITS: dict[str, Limit] = {
    "properties": Limit(2000, "properties", "a profile", _PROFILES),
    "name_characters": Limit(255, "characters", "a property name", _PROFILES, "longer names are cut"),
    "string_bytes": Limit(
        255,
        "bytes",
        "a string (UTF-8)",
        _TYPES,
        "one page says 255 characters: bytes are the stricter reading",
    ),
    "item_bytes": Limit(255, "bytes", "a string in a list (UTF-8)", _TYPES, "one page says 255 characters"),
    "item_characters": Limit(255, "characters", "a string in a list", _TYPES),
    "list_bytes": Limit(256_000, "bytes", "a list (JSON)", _TYPES, "256 KB, read as 256,000"),
    "object_bytes": Limit(256_000, "bytes", "an object (JSON)", _TYPES, "256 KB, read as 256,000"),
    "object_keys": Limit(255, "keys", "an object", _TYPES),
    "object_depth": Limit(3, "levels", "an object", _TYPES),
    "list_object_depth": Limit(1, "level", "an object in a list", _TYPES, "a list of objects has no nesting"),
    "update_bytes": Limit(1_000_000, "bytes", "an update (JSON)", _USER_LIMITS, "1 MB, read as 1,000,000"),
    "row_bytes": Limit(
        1_000_000, "bytes", "all updates of a row (JSON)", _USER_LIMITS, "they travel together"
    ),
    "request_updates": Limit(2000, "updates", "a request", _USER_LIMITS),
    "request_bytes": Limit(
        2_000_000,
        "bytes",
        "a request",
        _IMPORT,
        "not documented for profiles; 2,097,152 in the sample of a 413",
    ),
    "exact_integer": Limit(
        2**53, "", "a number", _TYPES, "no range is documented; doubles are the safe reading"
    ),
    "id_bytes": Limit(255, "bytes", "an id (UTF-8)", _TYPES, "not documented; strings have this limit"),
    "latitude": Limit(90, "degrees", "$latitude, north or south", _GEOLOCATION),
    "longitude": Limit(180, "degrees", "$longitude, east or west", _GEOLOCATION),
    "time_seconds": Limit(100_000_000_000, "seconds", "$time", _PROFILES, "larger numbers are milliseconds"),
}

#: Not users: compared in lower case and without outer blanks. Mixpanel publishes the list for events only; those from "nan" on
#: are what missing values become in careless text.
#: https://developer.mixpanel.com/reference/import-events
JUNK_IDS = (
    "00000000-0000-0000-0000-000000000000",
    "anon",
    "anonymous",
    "nil",
    "none",
    "null",
    "n/a",
    "na",
    "undefined",
    "unknown",
    "<nil>",
    "0",
    "-1",
    "true",
    "false",
    "[]",
    "{}",
    "nan",
    "<na>",
    "nat",
    "\\n",
    "(null)",
    "<null>",
    "[null]",
    "__hive_default_partition__",
)

#: How anonymous ids begin; profiles are for known users.
#: https://docs.mixpanel.com/docs/tracking-methods/id-management/identifying-users-simplified
ANONYMOUS_ID_PREFIXES = ("$device:", "anon-", "anon_", "anonymous-", "anonymous_")


@dataclass(frozen=True)
class ReservedProperty:
    """A property name that means something to Mixpanel.

    Attributes
    ----------
    name : str
        The name in a record.
    display : str
        As Mixpanel shows it.
    role : {"editable", "alias", "computed", "identity"}
        May be set; makes its value an alias of the user's id; is computed by Mixpanel; identifies the profile and is not a property.
    expects : {"email", "phone", "avatar", "date", "timezone", "country_code", "text", ""}
        What its values should look like; a key of the check of that name.
    source : str
        Mixpanel's page.
    lookalikes : tuple of str
        Plain names that people use for it: letters and digits in lower case.
    """

    name: str
    display: str
    role: Literal["editable", "alias", "computed", "identity"]
    expects: Literal["email", "phone", "avatar", "date", "timezone", "country_code", "text", ""]
    source: str
    lookalikes: tuple[str, ...] = ()


RESERVED_PROPERTIES: dict[str, ReservedProperty] = {
    row.name: row
    for row in (
        ReservedProperty("$name", "Name", "editable", "text", _RESERVED, ("name", "fullname", "displayname")),
        ReservedProperty(
            "$first_name", "First Name", "editable", "text", _RESERVED, ("firstname", "givenname")
        ),
        ReservedProperty(
            "$last_name", "Last Name", "editable", "text", _RESERVED, ("lastname", "familyname", "surname")
        ),
        ReservedProperty(
            "$email",
            "Email",
            "editable",
            "email",
            _RESERVED,
            ("email", "mail", "emailaddress", "mailaddress"),
        ),
        ReservedProperty(
            "$phone", "Phone", "editable", "phone", _RESERVED, ("phone", "phonenumber", "mobile", "telephone")
        ),
        ReservedProperty(
            "$avatar", "Avatar URL", "editable", "avatar", _RESERVED, ("avatar", "avatarurl", "photourl")
        ),
        ReservedProperty(
            "$created",
            "Created",
            "editable",
            "date",
            _RESERVED,
            ("created", "createdat", "signupdate", "signedupat"),
        ),
        ReservedProperty("$city", "City", "editable", "text", _GEOLOCATION, ("city",)),
        ReservedProperty("$region", "Region", "editable", "text", _GEOLOCATION, ("region",)),
        ReservedProperty(
            "$country_code",
            "Country Code",
            "editable",
            "country_code",
            _GEOLOCATION,
            ("countrycode", "mpcountrycode"),
        ),
        ReservedProperty("$timezone", "Timezone", "editable", "timezone", _DEFAULT, ("timezone", "tz")),
        *(
            ReservedProperty(f"${of}_user_id", f"{of} user id", "alias", "", _INTEGRATIONS)
            for of in ("onesignal", "moengage", "CleverTap", "leanplum", "apptimize", "vwo")
        ),
        ReservedProperty("$last_seen", "Updated at", "computed", "", _DEFAULT, ("lastseen",)),
        ReservedProperty("$mp_first_event_time", "First Seen", "computed", "", _RESERVED),
        ReservedProperty("$geo_source", "Geo Source", "computed", "", _DEFAULT),
        ReservedProperty("$distinct_id", "Distinct ID", "identity", "", _RESERVED),
        ReservedProperty("$group_id", "Group ID", "identity", "", _RESERVED),
        ReservedProperty("$group_key", "Group Key", "identity", "", _RESERVED),
        ReservedProperty("$token", "Project token", "identity", "", _RESERVED),
        ReservedProperty("$device_id", "Device ID", "identity", "", _RESERVED),
        ReservedProperty("$user_id", "User ID", "identity", "", _RESERVED),
    )
}

#: Properties that Mixpanel writes itself: reading shows them, and no plan writes them.
NEVER_WRITTEN = frozenset(
    row.name for row in RESERVED_PROPERTIES.values() if row.role in {"computed", "identity"}
)

#: Further names that Mixpanel's SDKs and integrations give to properties, which may be set.
KNOWN_PROPERTIES = re.compile(
    r"\$("
    r"(android_|ios_|swift_)?lib_version|(android_)?os|android_os_version|ios_version|browser(_version)?"
    r"|android_app_version(_code)?|ios_app_(release|version)|initial_referr(er|ing_domain)"
    r"|android_(manufacturer|brand|model)|ios_device_model"
    r"|username|last_login|unsubscribed|notifications|transactions|(android|ios)_devices"
    r"|(iterable|abtasty|xtremepush|pushwoosh|flagship)_user_id"
    r"|braze_external_id|kameleoon_mapping_id|airship_named_user|\w+_urban_airship_channel_id"
    r")"
)

#: Fields of an update beside its properties -> the option that sets them.
UPDATE_FIELDS = {
    "$ip": "ip",
    "$latitude": "latitude",
    "$longitude": "longitude",
    "$time": "updated_at",
    "$ignore_time": "updated_at",
    "$ignore_alias": "ignore_alias",
}

#: Names like those of an update's fields, which some tools lift out of the properties; here they stay properties.
RECORD_FIELDS = (
    "distinct_id",
    "group_id",
    "token",
    "group_key",
    *(name.removeprefix("$") for name in UPDATE_FIELDS if name != "$time"),
)


def plain(name: object) -> str:
    """Return letters and digits of `name` in lower case, the form in which look-alikes are compared.

    >>> plain("E-Mail")
    'email'
    """
    return re.sub(r"[\W_]+", "", str(name).casefold())


#: Plain form of a name -> the reserved property that it looks like.
LOOKALIKES: dict[str, str] = {
    lookalike: row.name
    for row in RESERVED_PROPERTIES.values()
    for lookalike in (plain(row.name), *row.lookalikes)
    if row.role == "editable"
}


def reserved_names(labels: Iterable[Hashable]) -> dict[Hashable, str]:
    """Return column -> the reserved property that it looks like, for the columns that ``rename="reserved"`` renames.

    If several columns look like one property, the column that is named like it is renamed, else the first. If a column has the name of
    the property already, none is renamed to it.

    >>> reserved_names(["Email Address", "email", "Full Name", "plan"])
    {'email': '$email', 'Full Name': '$name'}
    """
    labels = list(labels)
    meant = {label: LOOKALIKES[plain(label)] for label in labels if plain(label) in LOOKALIKES}
    columns: dict[str, Hashable] = {}
    for label, name in meant.items():
        if name not in columns or name == f"${label}":
            columns[name] = label
    return {label: name for name, label in columns.items() if name not in labels}


#: Column names that a frame picks up on its way and that nobody wants on a profile.
HELPER_COLUMNS = re.compile(
    r"Unnamed: \d+(_level_\d+)?|_merge|index|level_\d+|__index_level_\d+__|__null_dask_index__"
)

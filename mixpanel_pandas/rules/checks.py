"""The checks, a row each; those on single values have one Arrow function: column -> mask of offending positions.

A row names its severity and its limit, and says what is wrong and what would be right. Checks without a function are
found on the way: by the layout (a whole column), while values are normalised, or over a whole row or frame.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.payloads.arrays import bytes_of, mask_of, offsets_of
from mixpanel_pandas.reading.cleaning import is_missing_marker
from mixpanel_pandas.reading.readings import FINDINGS, READINGS
from mixpanel_pandas.rules.limits import ANONYMOUS_ID_PREFIXES, JUNK_IDS, LIMITS, PAGES

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CHECKS", "ISO_DATE", "LOOKS", "SEVERITIES", "STRINGS", "Check", "has_offset"]

Severity = Literal["error", "warning", "hint"]
Of = Literal["id", "value", "reading", "property", "text", "column", "row", "frame", "record", "call"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "hint")

#: What a check looks at -> Mixpanel's page about it, and what can be done with rows that do not pass.
SUBJECTS: dict[Of, tuple[str, tuple[str, ...]]] = {
    "id": (PAGES["ids"], ("drop_row",)),
    "frame": (PAGES["ids"], ()),
    "value": (PAGES["types"], ("drop_row", "drop_value")),
    "reading": (PAGES["types"], ("drop_row", "drop_value")),
    "property": (PAGES["reserved"], ("drop_row", "drop_value")),
    "text": (PAGES["types"], ()),
    "column": (PAGES["profiles"], ()),
    "row": (PAGES["limits"], ("drop_row",)),
    "record": (PAGES["set"], ("drop_row",)),
    "call": (PAGES["delete"], ()),
}


@dataclass(frozen=True)
class Check:
    """One thing that can be wrong.

    Attributes
    ----------
    name : str
        As the report shows it.
    of : {"id", "value", "reading", "property", "text", "column", "row", "frame", "record", "call"}
        The subject, a key of `SUBJECTS`: an id, a value, text that `parse` reads, the value of a reserved property, all texts of a
        column together, a whole column, a row, ids across the frame, the fields of a record beside the properties, or the call.
    severity : {"error", "warning", "hint"}
        An error is never sent; a warning or hint is.
    says : str
        What is wrong, and what would be right.
    limit : str
        Key of `LIMITS`, where a number decides.
    finds : callable, optional
        Strings -> mask of those that do not pass, of Arrow or numpy.
    shortest : int
        The least number of bytes of a string that does not pass.
    expects : str
        The kind of reserved property that is checked.
    can_cut : bool
        Whether cutting the string mends it.
    can_drop : bool
        Whether leaving the property out mends a column as a whole.
    kinds : tuple of str
        Mixpanel types of columns whose values may fail it.
    folded : bool
        Whether `finds` looks at strings without case and outer blanks; they are folded once for all checks.
    """

    name: str
    of: Of
    severity: Severity
    says: str
    limit: str = ""
    finds: Callable[[pa.Array], pa.Array | np.ndarray] | None = None
    shortest: int = 0
    expects: str = ""
    can_cut: bool = False
    can_drop: bool = False
    kinds: tuple[str, ...] = ()
    folded: bool = False

    @property
    def source(self) -> str:
        """Mixpanel's page about the limit, or else about what the check looks at."""
        return LIMITS[self.limit].source if self.limit else SUBJECTS[self.of][0]

    @property
    def limit_text(self) -> str | None:
        """The number that decides, with its unit."""
        return str(LIMITS[self.limit]) if self.limit else None

    @property
    def remedies(self) -> tuple[str, ...]:
        """What `invalid` can do with rows that do not pass, beside raising."""
        return (
            *SUBJECTS[self.of][1],
            *(["drop_value"] if self.can_drop else []),
            *(["truncate"] if self.can_cut else []),
        )


def longer_than(most: int) -> Callable[[pa.Array], pa.Array]:
    """Return a function that finds strings of more than `most` bytes in UTF-8."""
    return lambda strings: pc.greater(pc.binary_length(strings), most)


def unlike(pattern: str) -> Callable[[pa.Array], pa.Array]:
    """Return a function that finds strings that do not match a regular expression as a whole."""
    return lambda strings: pc.invert(pc.match_substring_regex(strings, f"^(?:{pattern})$"))


def one_of(words: tuple[str, ...]) -> Callable[[pa.Array], pa.Array]:
    """Return a function that finds strings that are one of `words`."""
    known = pa.array(words, pa.large_string())
    return lambda strings: pc.is_in(strings, known)


def begins_with(prefixes: tuple[str, ...]) -> Callable[[pa.Array], pa.Array]:
    """Return a function that finds strings with one of some beginnings, whatever their case."""
    pattern = "|".join(map(re.escape, prefixes))
    return lambda strings: pc.match_substring_regex(strings, f"(?i)^(?:{pattern})")


def empty(strings: pa.Array) -> pa.Array:
    """Find strings of no characters."""
    return pc.equal(pc.binary_length(strings), 0)


ISO_DATE = r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?Z?)?"


def no_date(strings: pa.Array) -> pa.Array:
    """Find strings that are not ISO dates, or have a day or an hour that does not exist. Each distinct string is read once."""
    distinct = pc.unique(strings.filter(pc.match_substring_regex(strings, f"^(?:{ISO_DATE})$")))
    dates = [text for text in distinct.to_pylist() if text is not None and _is_date(text)]
    return pc.and_not(strings.is_valid(), pc.is_in(strings, pa.array(dates, strings.type)))


def _is_date(text: str) -> bool:
    try:
        dt.datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def has_offset(strings: pa.Array) -> np.ndarray:
    """Find ISO times with an offset.

    Measured: a look at the place of the first dash takes a tenth of the time of the regular expression, and clears most columns.
    """
    begins, text = offsets_of(strings)[:-1], bytes_of(strings)
    suspects = np.zeros(len(strings), bool)
    if len(text):
        suspects = text.take(begins - begins[0] + len("2024"), mode="clip") == ord("-")
    if suspects.any():
        suspects[suspects] = mask_of(
            pc.match_substring_regex(strings.filter(pa.array(suspects)), OFFSET_DATE)
        )
    return suspects


OFFSET_DATE = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)? ?[+-]\d{2}(:?\d{2})?$"

#: Kind of reading -> what texts look like for which it is meant.
LOOKS = {
    "number": "numbers",
    "date": "dates",
    "boolean": "yes or no",
    "list": "lists",
    "json": "JSON",
}

STRINGS = ("string", "mixed")
LISTS = ("list", "mixed")
NESTED = ("list", "object", "mixed")

CHECKS: dict[str, Check] = {
    check.name: check
    for check in (
        # ids
        Check("missing_id", "id", "error", "the id is missing: every row needs one"),
        Check("blank_id", "id", "error", "the id is blank: every row needs one", finds=empty, folded=True),
        Check(
            "junk_id",
            "id",
            "error",
            "the id is a placeholder, such as null: all rows with it would change the same profile",
            finds=one_of(JUNK_IDS),
            folded=True,
        ),
        Check(
            "inexact_id",
            "id",
            "error",
            "the id is a number with a fraction, or so large that its dtype has lost digits: read the column as text, "
            "with dtype={column: str}",
        ),
        Check("untyped_id", "id", "error", "the id is neither text nor a whole number: convert it to text"),
        Check(
            "long_id",
            "id",
            "warning",
            "the id is long: Mixpanel publishes no limit for ids",
            "id_bytes",
            finds=longer_than(LIMITS["id_bytes"].value),
        ),
        Check(
            "anonymous_id",
            "id",
            "warning",
            "the id looks anonymous: the properties of a device are lost when the user logs in",
            finds=begins_with(ANONYMOUS_ID_PREFIXES),
        ),
        Check(
            "padded_id",
            "id",
            "warning",
            "the id begins or ends with a blank, which is part of it: trim=True removes it",
        ),
        Check(
            "invisible_id",
            "id",
            "warning",
            "the id contains an invisible character, such as a zero-width space, and is another id than without it: trim=True removes it",
        ),
        Check(
            "unicode_form",
            "id",
            "warning",
            "letters and accents of the id are separate characters, so it is another id than the composed one: compose them with "
            "df[column].str.normalize('NFC')",
        ),
        Check(
            "float_id",
            "id",
            "warning",
            "the id ends in .0, as if it was read as a float: read the column as text, with dtype={column: str}",
        ),
        Check(
            "exponent_id",
            "id",
            "warning",
            "the id is a number with an exponent, as spreadsheets show long numbers: its last digits are lost",
        ),
        Check(
            "guarded_id",
            "id",
            "warning",
            'the id contains the mark with which a spreadsheet keeps a number as text, such as \'7001 or ="7001": remove it',
        ),
        Check("error_cell", "id", "warning", "the id is a spreadsheet error, such as #REF!"),
        Check(
            "duplicate_id",
            "frame",
            "error",
            "several rows have this id: duplicates='last' sends the last of them, duplicates='merge' the last value of each "
            "property, duplicates='all' sends all of them in order",
        ),
        Check(
            "similar_id",
            "frame",
            "warning",
            "the id differs from another only in case, outer blanks or Unicode form: Mixpanel keeps two profiles",
        ),
        Check(
            "shared_email",
            "frame",
            "warning",
            "several ids have the same e-mail address: probably two profiles of one person",
        ),
        # values of any property
        Check(
            "long_string",
            "value",
            "error",
            "the text is too long",
            "string_bytes",
            finds=longer_than(LIMITS["string_bytes"].value),
            can_cut=True,
            kinds=STRINGS,
        ),
        Check(
            "long_item",
            "value",
            "error",
            "an item of the list is too long",
            "item_characters",
            can_cut=True,
            kinds=LISTS,
        ),
        Check(
            "heavy_item",
            "value",
            "warning",
            "an item of the list is long",
            "item_bytes",
            can_cut=True,
            kinds=LISTS,
        ),
        Check("large_list", "value", "error", "the list is too large", "list_bytes", kinds=LISTS),
        Check(
            "nested_list",
            "value",
            "error",
            "the list contains lists: send single values or objects",
            kinds=LISTS,
        ),
        Check("large_object", "value", "error", "the object is too large", "object_bytes", kinds=NESTED),
        Check("many_keys", "value", "error", "the object has too many keys", "object_keys", kinds=NESTED),
        Check(
            "deep_object",
            "value",
            "error",
            "the object is nested too deeply",
            "object_depth",
            kinds=NESTED,
        ),
        Check(
            "deep_item",
            "value",
            "error",
            "an object in the list contains objects or lists of objects",
            "list_object_depth",
            kinds=LISTS,
        ),
        Check(
            "odd_key",
            "value",
            "error",
            "the object has a key that is not text: convert the keys to text, or a Series to a list with tolist()",
            kinds=NESTED,
        ),
        Check(
            "infinite",
            "value",
            "error",
            "the number is infinite, or beyond the largest double (1.8e308), which becomes infinity: replace it",
            kinds=("number", *NESTED),
        ),
        Check(
            "broken_text",
            "value",
            "error",
            "the text contains bytes or surrogates that are not characters: decode it with the right encoding",
            kinds=("string", *NESTED),
        ),
        Check(
            "date_range", "value", "error", "the date is outside the years 1 to 9999", kinds=("date", *NESTED)
        ),
        Check(
            "unsupported_value",
            "value",
            "error",
            "a value of this type cannot be sent: convert it to text, a number or a date",
            kinds=NESTED,
        ),
        Check(
            "bad_json",
            "value",
            "error",
            "the text is not JSON, or contains a number beyond the largest double (1.8e308)",
            kinds=("mixed",),
        ),
        Check(
            "repeated_key",
            "value",
            "error",
            "an object has a key twice, so one of the values would be lost: for JSON text, "
            "column.map(json.loads) keeps the last",
            kinds=NESTED,
        ),
        Check(
            "wrong_type",
            "value",
            "error",
            "the operator does not accept a value of this type",
            kinds=("mixed",),
        ),
        Check("union_items", "value", "error", "$union takes lists of strings or numbers", kinds=LISTS),
        Check(
            "inexact_integer",
            "value",
            "warning",
            "the number is beyond 2**53, where digits may be lost: send it as text, as numbers beyond 64 bits are",
            "exact_integer",
            kinds=("string", "number", *NESTED),
        ),
        Check(
            "inexact_decimal",
            "value",
            "warning",
            "the number has more digits than a double can store: send it as text, or round it",
            kinds=("number", *NESTED),
        ),
        Check(
            "naive_datetime",
            "value",
            "warning",
            "the time has no time zone and is sent as UTC: dt.tz_localize sets another one",
            kinds=("date", *NESTED),
        ),
        Check(
            "offset_date",
            "value",
            "warning",
            "the text is a time with an offset, but Mixpanel expects UTC: parse={column: 'date'} converts it",
            finds=has_offset,
            shortest=len("2024-02-29T10:00+01"),
            kinds=STRINGS,
        ),
        Check(
            "sub_millisecond",
            "value",
            "hint",
            "the time is more precise than a millisecond: Mixpanel stores milliseconds, so the rest is cut",
            kinds=("date", *NESTED),
        ),
        Check(
            "period", "value", "hint", "a period is sent as its first day or moment", kinds=("date", *NESTED)
        ),
        Check(
            "missing_as_text",
            "value",
            "hint",
            "the text probably means a missing value, but is sent as text: na='common' treats it as missing",
            finds=is_missing_marker,
            kinds=STRINGS,
        ),
        # text that may be more than text
        *(
            Check(
                f"{kind}_as_text",
                "text",
                "hint",
                f"the text looks like {noun}, but is sent as text: parse={{column: {READINGS[kind].examples[0]!r}}} converts it",
            )
            for kind, noun in LOOKS.items()
        ),
        # text that parse= reads; of JSON above
        *(Check(name, "reading", "error", says) for name, says in FINDINGS.items() if name != "repeated_key"),
        # values of reserved properties
        Check(
            "email",
            "property",
            "warning",
            "the value is not an e-mail address",
            expects="email",
            finds=unlike(r"C+@C+\.C+".replace("C", r"[^@\s\p{Z}\p{Cc}\p{Cf}]")),
        ),
        Check(
            "phone",
            "property",
            "warning",
            "the phone number does not begin with +: Mixpanel prefixes a country code",
            expects="phone",
            finds=unlike(r"\+.*"),
        ),
        Check(
            "avatar",
            "property",
            "warning",
            "the value is not the address of a gif, jpg, jpeg or png",
            expects="avatar",
            finds=unlike(r"(?i)https?://\S+\.(gif|jpe?g|png)([?#]\S*)?"),
        ),
        Check(
            "created",
            "property",
            "error",
            "the value is not an ISO date in UTC, such as 2024-01-31T10:00:00",
            expects="date",
            finds=no_date,
        ),
        Check(
            "timezone",
            "property",
            "warning",
            "the value is not the name of a time zone, such as Europe/Berlin",
            expects="timezone",
            finds=unlike(r"[A-Za-z]+([/_+\-][A-Za-z0-9_+\-]+)*"),
        ),
        Check(
            "country_code",
            "property",
            "warning",
            "the value is not a country code of two letters, such as DE",
            expects="country_code",
            finds=unlike(r"[A-Za-z]{2}"),
        ),
        Check("reserved_type", "column", "warning", "the values of this reserved property must be text"),
        # whole columns
        Check("unsupported_dtype", "column", "error", "a column of this dtype cannot be sent"),
        Check(
            "long_name",
            "column",
            "error",
            "the name is too long, and Mixpanel cuts it: rename it",
            "name_characters",
        ),
        Check(
            "same_name",
            "column",
            "error",
            "two properties have the same name (after Mixpanel's cut): rename one",
        ),
        Check(
            "no_name",
            "column",
            "error",
            "a property needs a name: rename the column, or leave it out; in a CSV file, a separator at the end of each line adds such a column",
        ),
        Check(
            "broken_name",
            "column",
            "error",
            "the name contains a lone surrogate, which is not a character: rename it",
        ),
        Check(
            "computed_property",
            "column",
            "error",
            "Mixpanel computes this property: do not send it; for $last_seen pass updated_at='$last_seen'",
            can_drop=True,
        ),
        Check(
            "identity_property",
            "column",
            "error",
            "the name identifies the profile and is not a property: do not send it",
            can_drop=True,
        ),
        Check(
            "alias_property",
            "column",
            "warning",
            "Mixpanel uses the value of this property as an alias of the user's id: send it only if you want that",
        ),
        Check(
            "misplaced_field",
            "column",
            "warning",
            "the name is that of a field of the update, but the column is sent as a property: an option sends it as the field",
        ),
        Check(
            "mixed_types",
            "column",
            "warning",
            "the column has values of several types: Mixpanel's reports show one type at a time",
        ),
        Check(
            "helper_column",
            "column",
            "warning",
            "the name looks like that of a helper column of pandas: drop it, or rename it",
        ),
        Check(
            "padded_name",
            "column",
            "warning",
            "the name has outer blanks or invisible characters: trim=True removes them",
        ),
        Check(
            "similar_name",
            "column",
            "warning",
            "the name differs from another only in case, blanks or invisible characters: Mixpanel keeps two properties",
        ),
        Check(
            "float_ids",
            "column",
            "warning",
            "the ids are floats, which read_csv returns if an id is missing, and leading zeros are lost: read the column as "
            "text, with dtype={column: str}",
        ),
        Check(
            "no_header",
            "column",
            "warning",
            "the names of the columns are numbers: was the table read without its header?",
        ),
        Check("bucket", "column", "warning", "Mixpanel hides data with a property of this name: rename it"),
        Check(
            "lookalike",
            "column",
            "hint",
            "the name looks like a reserved property, but is another property: rename sends it as the reserved one",
        ),
        Check(
            "dollar_name",
            "column",
            "hint",
            "the name begins with $, but Mixpanel has no such property: it becomes a custom property",
        ),
        Check(
            "record_field",
            "column",
            "hint",
            "the column is sent as an ordinary property, although its name is that of a field of the update",
        ),
        # comparisons with the properties in Mixpanel, from the option `known`
        Check(
            "new_property",
            "column",
            "warning",
            "creates a property that Mixpanel does not have: new_properties='raise' refuses it",
            can_drop=True,
        ),
        Check(
            "absent_property",
            "column",
            "warning",
            "Mixpanel does not have the property: there is nothing to remove",
        ),
        Check(
            "type_drift",
            "column",
            "warning",
            "the values have another type than the property in Mixpanel, whose reports show one type at a time",
            can_drop=True,
        ),
        Check(
            "no_list",
            "column",
            "warning",
            "the property is not a list in Mixpanel, which then ignores $union, $append and $remove without an error",
            can_drop=True,
        ),
        Check(
            "no_number",
            "column",
            "warning",
            "the property is not a number in Mixpanel: what $add does then is not documented",
            can_drop=True,
        ),
        Check("appended_list", "column", "hint", "$append adds each list as one item: union adds its items"),
        # whole rows, and the fields of a record beside the properties
        Check("many_properties", "row", "error", "too many properties for one profile", "properties"),
        Check("large_update", "row", "error", "the update is too large", "update_bytes"),
        Check("large_row", "row", "error", "the updates of the row are too large together", "row_bytes"),
        Check("ip", "record", "error", "the value is not an IP address"),
        Check(
            "latitude",
            "record",
            "error",
            "the value is not a latitude in degrees, or the row has no longitude",
            "latitude",
        ),
        Check(
            "longitude",
            "record",
            "error",
            "the value is not a longitude in degrees, or the row has no latitude",
            "longitude",
        ),
        Check(
            "time",
            "record",
            "error",
            "the value is not a time: a number must be seconds since 1970, below 1e11",
            "time_seconds",
        ),
        # the call
        Check(
            "no_backup",
            "call",
            "hint",
            "there is no backup, so the call cannot be undone: a backup needs a project with a service account, and for groups "
            "the number of the group key; backup=None sends without a backup",
        ),
    )
}

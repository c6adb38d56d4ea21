"""What the text of a column looks like: a sample of each column, then all texts of the few that look like more than text.

The scan takes the sample from values that it has at hand. Only a column whose sample looks like numbers, dates, yes and no, lists or
JSON is read a second time, as a whole: one text that does not fit makes it text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.checking.findings import finding_of
from mixpanel_pandas.payloads.arrays import LARGE_STRING, mask_of
from mixpanel_pandas.payloads.memory import give_back
from mixpanel_pandas.payloads.normalise import normalise_column
from mixpanel_pandas.reading.cleaning import MISSING_MARKERS, NA_TEXTS, is_missing_marker, trimmed
from mixpanel_pandas.reading.columns import matching, without_blanks
from mixpanel_pandas.reading.looks import Look, looks_like, may_be_read
from mixpanel_pandas.reading.readings import READINGS, reading
from mixpanel_pandas.rules.checks import CHECKS, ISO_DATE, LOOKS, has_offset
from mixpanel_pandas.rules.code import option_in_words
from mixpanel_pandas.rules.limits import LOOKALIKES, RESERVED_PROPERTIES, plain
from mixpanel_pandas.text import Length, counted, quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from mixpanel_pandas.checking.findings import Finding
    from mixpanel_pandas.payloads.layout import Layout, PropertyColumn
    from mixpanel_pandas.payloads.normalise import Normalised
    from mixpanel_pandas.rules.checks import Check

__all__ = [
    "ColumnLook",
    "email_message",
    "is_looked_at",
    "look_at_column",
    "look_finding",
    "missing_markers",
    "missing_message",
    "na_for",
    "sample_of",
    "texts_in_json",
]

#: Texts of each span that the sample of a column takes, and how many of all of them tell most columns at once.
SAMPLE, FIRST = 20, 20

#: Distinct texts that are looked at together; the others of a column are only read.
DISTINCT = 100_000

#: Texts that a message shows.
SHOWN = 3

#: Last words of names whose numbers, dates and words are codes. Names that end in "number" are; "number of seats" is not.
_CODES = frozenset([
    "id", "ids", "uuid", "guid", "key", "code", "codes", "zip", "zipcode", "plz", "postal", "postcode", "postalcode",
    "pin", "phone", "tel", "telephone", "mobile", "cell", "fax", "sku", "ean", "upc", "isbn", "iban", "bic", "vat",
    "version", "release", "build", "serial", "account", "number", "no", "nr", "num", "ref", "reference", "token",
    "hash", "ip", "address", "street",
])  # fmt: skip
_CODES_TOGETHER = re.compile(
    "(?:code|number|version|phone|uuid|zip)$"
    "|(?:user|customer|client|account|company|member|contact|lead|employee|order|product|item|invoice|ticket|device|session|parent)ids?$"
)


@dataclass(frozen=True)
class ColumnLook:
    """What the text of a column looks like.

    Attributes
    ----------
    readings : tuple of str
        Names of the readings that read all of it; several where it may be either.
    count : int
        Number of texts, without blanks and missing-value markers.
    examples : tuple of str
        The first distinct texts.
    has_missing : bool
        Whether there are missing-value markers, which the readings do not read.
    """

    readings: tuple[str, ...]
    count: int
    examples: tuple[str, ...]
    has_missing: bool

    @property
    def check(self) -> Check:
        """The check that reports it."""
        return CHECKS[f"{self._kind}_as_text"]

    @property
    def noun(self) -> str:
        """What it looks like, in words."""
        return LOOKS[self._kind]

    @property
    def _kind(self) -> str:
        return reading(self.readings[0]).kind


# -- what is looked for -----------------------------------------------------------------------------------------------


def is_looked_at(layout: Layout, column: PropertyColumn) -> bool:
    """Return whether a column holds text that no option reads."""
    parse = layout.operation.options.parse or {}
    return column.kind == "string" and column.key is None and column.label not in parse


def kinds_looked_for(column: PropertyColumn) -> frozenset[str]:
    """Return the kinds of readings that the text of a column may be meant for; none where it is text.

    That is so for properties that Mixpanel defines as text, and those that look like them. Names such as ``zip code`` or ``order_id``
    say that digits are a code.
    """
    kinds = {kind for kind in LOOKS if READINGS[kind].makes in column.operands | {"mixed"}}
    reserved = RESERVED_PROPERTIES.get(column.name) or RESERVED_PROPERTIES.get(
        LOOKALIKES.get(plain(column.name), "")
    )
    if reserved and reserved.expects:
        kinds &= {reserved.expects}
    elif _names_codes(column.name):
        kinds -= {"number", "date", "boolean"}
    return frozenset(kinds)


def _names_codes(name: str) -> bool:
    """Return whether a name says that its values are codes.

    >>> [_names_codes(name) for name in ("zip_code", "orderId", "Phone 2", "userid", "seats", "paid", "num_orders")]
    [True, True, True, True, False, False, False]
    """
    words = re.findall(r"[^\W\d_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name))
    return bool(words) and (
        words[-1].casefold() in _CODES or bool(_CODES_TOGETHER.search(plain(name).rstrip("0123456789")))
    )


def sample_of(values: Normalised) -> list[str]:
    """Return some texts of a slice of a column, spread over it."""
    texts = values.array
    if values.kinds is not None or not pa.types.is_large_string(texts.type):
        return []
    sample = _spread_over(texts).drop_null()
    if not len(sample) and texts.null_count < len(texts):
        sample = _spread_over(texts.drop_null())
    return sample.to_pylist()  # type: ignore[no-any-return]  # pyarrow has no types


def _spread_over(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    step = max(1, len(texts) // SAMPLE)
    return texts if step == 1 else texts.take(pa.array(np.arange(0, len(texts), step)))


def texts_in_json(values: pa.LargeStringArray) -> pa.LargeStringArray:
    r"""Return the texts that JSON strings hold. Of escapes only that of a backslash is read, as in ``"\\N"``."""
    return pc.replace_substring(pc.utf8_slice_codeunits(values, 1, -1), r"\\", "\\")


# -- what a column looks like -----------------------------------------------------------------------------------------


def look_at_column(layout: Layout, column: PropertyColumn, sample: Sequence[str]) -> ColumnLook | None:
    """Return what the text of a column looks like; None if it looks like text.

    Parameters
    ----------
    sample : sequence of str
        Some of the texts, from `sample_of`; none where nothing is looked for.
    """
    if not sample:
        return None
    texts = [text for text in dict.fromkeys(map(str.strip, sample)) if text and text not in MISSING_MARKERS]
    if texts and not may_be_read(texts[:FIRST]):
        return None
    kinds = kinds_looked_for(column)
    if not kinds or (texts and not _readings_to_name(looks_like(pa.array(texts)), texts, kinds)):
        return None
    return _look_at_all(_texts_of_spans(layout, column), kinds)


def _texts_of_spans(layout: Layout, column: PropertyColumn) -> Iterator[pa.LargeStringArray]:
    """Yield the texts of a column that are not blank."""
    for span in layout.spans():
        yield without_blanks(normalise_column(layout, column, span).array).drop_null()
        give_back()


def _look_at_all(parts: Iterable[pa.LargeStringArray], kinds: Collection[str]) -> ColumnLook | None:
    """Return what texts look like.

    Up to `DISTINCT` distinct texts are looked at together. What further ones cannot be read as is ruled out.
    """
    distinct, look = pa.array([], LARGE_STRING), None
    count = missing = 0
    for part in parts:
        nothing = is_missing_marker(part)
        texts = part.filter(pa.array(~nothing))
        count, missing = count + len(texts), missing + int(nothing.sum())
        if look is None:
            distinct = pc.unique(pa.concat_arrays([distinct, pc.unique(texts)]))
            look = looks_like(distinct) if len(distinct) > DISTINCT else None
        else:
            look = Look(tuple(name for name in look.readings if not reading(name).read(texts).findings))
        if look is not None and not look.readings:
            return None
    readings = _readings_to_name(look or looks_like(distinct), distinct, kinds)
    if not readings:
        return None
    return ColumnLook(readings, count, tuple(distinct[:SHOWN].to_pylist()), missing > 0)


def _readings_to_name(look: Look, texts: pa.Array | Sequence[str], kinds: Collection[str]) -> tuple[str, ...]:
    """Return the readings that are worth a hint: ISO dates in UTC are dates for Mixpanel, and ``offset_date`` names the others."""
    if not look.readings or reading(look.readings[0]).kind not in kinds:
        return ()
    if look.readings != ("date",):
        return look.readings
    dates = pa.array(texts, LARGE_STRING)
    needs_no_hint = matching(dates, ISO_DATE) | has_offset(dates)
    return () if needs_no_hint.all() else look.readings


# -- findings ---------------------------------------------------------------------------------------------------------


def look_finding(layout: Layout, number: int, look: ColumnLook, na: str | list[str] | None) -> Finding:
    """Return the hint that names the reading.

    Parameters
    ----------
    number : int
        Number of the column in the layout.
    na : str or list of str or None
        Value of the option `na` that takes the missing-value markers of all columns.
    """
    label = layout.columns[number].label
    ways = " or ".join(option_in_words("parse", {label: name}) for name in look.readings)
    if len(look.readings) > 1:
        ways += ", whichever is meant,"
    if look.has_missing and na is not None:
        ways += f" with {option_in_words('na', na)}"
    message = f"the text looks like {look.noun} ({_shown(look.examples)} in {counted(look.count, 'row')}): {ways} converts it"
    finding = finding_of(look.check, layout, number)
    return replace(finding, value=look.examples[0], message=message, readings=look.readings)


def missing_markers(layout: Layout, column: PropertyColumn, rows: np.ndarray) -> list[str]:
    """Return the missing-value markers in `rows`, a mask, in the order of their first row."""
    words: dict[str, None] = {}
    positions = np.flatnonzero(rows)
    for start in range(0, len(positions), DISTINCT):
        texts = _texts_at(layout, column, positions[start : start + DISTINCT])
        words |= dict.fromkeys(pc.unique(pc.utf8_trim_whitespace(texts)).to_pylist())
    return list(words)


def na_for(words: Iterable[str], na: str | Collection[str] | None) -> str | list[str]:
    """Return a value of the option `na` that takes some words, too.

    >>> na_for(["N/A", "NULL"], None), na_for(["N/A", "-"], None), na_for(["-"], None), na_for(["-"], "common")
    ('common', ['common', '-'], ['-'], ['common', '-'])
    """
    words = list(dict.fromkeys(words))
    before = [na] if isinstance(na, str) else list(na or ())
    common = [*before, "common"] if any(word in NA_TEXTS["common"] for word in words) else before
    texts = [*common, *(word for word in words if word not in NA_TEXTS["common"])]
    return "common" if texts == ["common"] else texts


def missing_message(words: Sequence[str], na: str | list[str]) -> str:
    """Return what `missing_as_text` says about a column."""
    return f"texts that probably mean a missing value are sent as text ({_shown(words)}): {option_in_words('na', na)} treats them as missing"


def email_message(layout: Layout, column: PropertyColumn, rows: np.ndarray) -> str:
    """Return what `email` says about a column: whether `trim` mends some of the addresses."""
    check = CHECKS["email"]
    texts = trimmed(_texts_at(layout, column, np.flatnonzero(rows)[:DISTINCT]))
    if check.finds is None or mask_of(check.finds(texts)).all():
        return check.says
    return f"{check.says}: {option_in_words('trim', True)} removes outer blanks and invisible characters"


def _texts_at(layout: Layout, column: PropertyColumn, positions: np.ndarray) -> pa.LargeStringArray:
    """Return the texts at some positions, which hold text."""
    values = normalise_column(layout, column, positions)
    return values.array if values.kinds is None else texts_in_json(values.array)


def _shown(texts: Sequence[str]) -> str:
    """Return the first of some texts."""
    rest = f" and {len(texts) - SHOWN:,} others" if len(texts) > SHOWN else ""
    return f"{', '.join(quoted(text, Length.EXAMPLE) for text in texts[:SHOWN])}{rest}"

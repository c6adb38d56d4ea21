r"""Texts that mean a missing value, and invisible characters. Nothing is removed unless the call asks for it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING
from unicodedata import is_normalized, normalize

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.errors import OperationError, did_you_mean
from mixpanel_pandas.payloads.arrays import LARGE_STRING, byte_counts, bytes_of, emptied, mask_of, offsets_of
from mixpanel_pandas.reading.columns import as_texts, matching, over_distinct

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "ERROR_CELLS",
    "INVISIBLE",
    "MISSING_MARKERS",
    "NA_TEXTS",
    "composed",
    "id_findings",
    "is_missing_marker",
    "missing_texts",
    "read_missing",
    "trimmed",
    "trimmed_name",
]

#: What spreadsheets write in a cell whose formula failed.
#: https://support.microsoft.com/office/error-type-function-10958677-7c8d-44f7-ae77-b9a9ee6eefaa
ERROR_CELLS = frozenset(
    [
        "#REF!",
        "#N/A",
        "#VALUE!",
        "#NAME?",
        "#DIV/0!",
        "#NUM!",
        "#NULL!",
        "#SPILL!",
        "#CALC!",
        "#GETTING_DATA",
        "#ERROR!",
        "#FIELD!",
        "#BLOCKED!",
    ]
)

_COMMON = (
    r"\N",  # MySQL, PostgreSQL (COPY), Hive
    "NULL", "null", "(null)", "<null>", "[NULL]", "__HIVE_DEFAULT_PARTITION__",  # SQL and its tools
    "N/A", "n/a", "#N/A", "#N/A N/A", "#NA",  # spreadsheets
    "NaN", "nan", "-NaN", "-nan", "<NA>", "NaT", "None",  # pandas and Python
    "1.#QNAN", "-1.#QNAN", "1.#IND", "-1.#IND",  # C on Windows
)  # fmt: skip

#: https://pandas.pydata.org/docs/reference/api/pandas.read_csv.html, na_values
_PANDAS = (
    "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA", "NULL", "NaN",
    "None", "n/a", "nan", "null",
)  # fmt: skip

#: Name of a set -> texts that mean a missing value, in exactly this casing.
#: ``common`` leaves out what is a word or a name as well: NA is Namibia, Nan and Null are names.
NA_TEXTS: dict[str, frozenset[str]] = {"common": frozenset(_COMMON), "pandas": frozenset(_PANDAS)}

#: Invisible characters without any meaning: soft hyphen, zero-width space, byte order mark, word joiner
#: and the like, and those that turn the direction of text. https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point
INVISIBLE = r"\x{00AD}\x{061C}\x{180E}\x{200B}\x{200E}\x{200F}\x{202A}-\x{202E}\x{2060}-\x{2064}\x{2066}-\x{206F}\x{FEFF}"

#: At an end of a text blanks, control characters, fillers and joiners mean nothing, either. Inside, joiners make emoji and letters.
_OUTER = (
    rf"[\s\p{{Z}}\p{{Cc}}\x{{115F}}\x{{1160}}\x{{200C}}\x{{200D}}\x{{2800}}\x{{3164}}\x{{FFA0}}{INVISIBLE}]+"
)


#: Texts that mean a missing value, in exactly this casing: a finding asks whether they are meant so.
MISSING_MARKERS = (
    NA_TEXTS["common"]
    | ERROR_CELLS
    | {"-", "--", "---", "\u2013", "\u2014", "?", "n.a.", "N.A.", "undefined"}
)

#: Whether such a text, perhaps with blanks around, may begin or end with a byte, in UTF-8.
_MAY_BEGIN, _MAY_END = np.zeros(256, bool), np.zeros(256, bool)
_MAY_BEGIN[[*b" \t\n\r", *(text.encode()[0] for text in MISSING_MARKERS)]] = True
_MAY_END[[*b" \t\n\r", *(text.encode()[-1] for text in MISSING_MARKERS)]] = True


def missing_texts(na: str | Iterable[str]) -> frozenset[str]:
    """Return the texts that ``na=`` stands for: texts, among which the name of a set stands for the texts of the set.

    Raises
    ------
    OperationError
        If there is no set of this name.

    Examples
    --------
    >>> sorted(missing_texts(["-", "?"])), missing_texts(["common", "-"]) == missing_texts("common") | {"-"}
    (['-', '?'], True)
    """
    if not isinstance(na, str):
        return frozenset().union(*(NA_TEXTS.get(text, {text}) for text in na))
    if na not in NA_TEXTS:
        msg = f"na={na!r} is not the name of a set (put a text of your own in a list, na=[{na!r}]): {did_you_mean(na, NA_TEXTS)}"
        raise OperationError(msg)
    return NA_TEXTS[na]


def is_missing_marker(array: pa.Array) -> np.ndarray:
    r"""Return the mask of the texts that mean a missing value, such as ``N/A``, ``\N`` or a dash.

    Measured: length, first and last byte clear most texts in a third of the time that it takes to compare them.

    Examples
    --------
    >>> is_missing_marker(pa.array(["Ulm", " N/A", "Nan", "-", None])).tolist()
    [False, True, False, True, False]
    """
    texts = as_texts(array)
    mask = np.zeros(len(texts), bool)
    content, offsets = bytes_of(texts), offsets_of(texts)
    lengths = offsets[1:] - offsets[:-1]
    fits = lengths <= _SHORT
    fits |= lengths == _LONGEST
    suspects: np.ndarray = np.zeros(0, np.int64)
    if content.size and fits.any():
        first = content.take(offsets[:-1] - offsets[0], mode="clip")  # a neighbour's, where the text is empty
        suspects = np.flatnonzero(_MAY_BEGIN.take(first) & fits)
        last = content.take(offsets[suspects + 1] - offsets[0] - 1, mode="clip")
        suspects = suspects[_MAY_END.take(last)]
    if suspects.size:
        some = pc.utf8_trim_whitespace(texts.take(pa.array(suspects)))
        mask[suspects] = mask_of(pc.is_in(some, _missing_markers()))
    return mask


#: Bytes of the longest missing-value marker, and of all others, with room for some blanks around most of them.
_LONGEST, _SHORT = max(len(text.encode()) for text in MISSING_MARKERS), 15


@cache
def _missing_markers() -> pa.LargeStringArray:
    """Return the missing-value markers. The first array of texts costs milliseconds, which an import does not pay."""
    return pa.array(sorted(MISSING_MARKERS), LARGE_STRING)


def read_missing(array: pa.Array, na: str | Iterable[str]) -> pa.Array:
    r"""Return text with null where it means a missing value.

    Parameters
    ----------
    array : pyarrow.Array
        Text.
    na : str or iterable of str
        ``"common"``, ``"pandas"``, or texts. Casing counts; outer blanks do not.

    Examples
    --------
    >>> read_missing(pa.array(["Ulm", r"\N", " N/A", "Nan"]), "common").to_pylist()
    ['Ulm', None, None, 'Nan']
    """
    texts = as_texts(array)
    value_set = pa.array(sorted(text.strip() for text in missing_texts(na)), texts.type)
    return emptied(
        texts, mask_of(pc.is_in(pc.utf8_trim_whitespace(texts), value_set)) & mask_of(texts.is_valid())
    )


def trimmed_name(name: str) -> str:
    """Return a name as `trimmed` does; one with a lone surrogate stays."""
    try:
        return str(trimmed(pa.array([name], pa.large_string()))[0])
    except UnicodeEncodeError:
        return name


def trimmed(array: pa.Array) -> pa.Array:
    r"""Return text without outer blanks and invisible characters.

    Blanks of all kinds and control characters go at both ends. Soft hyphens, zero-width spaces, byte order marks and marks of
    direction go everywhere. Joiners, which make emoji and some letters, stay between characters.

    Examples
    --------
    >>> trimmed(pa.array(["\ufeffann\u200b", "\u00a0e\u00advy ", "a b"])).to_pylist()
    ['ann', 'evy', 'a b']
    """
    texts = pc.utf8_trim_whitespace(as_texts(array))
    used = byte_counts(texts)
    if not used[:32].any() and not used[127:].any():
        return texts
    texts = pc.replace_substring_regex(texts, f"[{INVISIBLE}]+", "")
    return pc.replace_substring_regex(texts, rf"\A{_OUTER}|{_OUTER}\z", "")


# -- ids --------------------------------------------------------------------------------------------------------------

#: Finding -> pattern of the whole id.
_ID_PATTERNS = {
    "float_id": r"-?[0-9]+\.0+",  # what a column of floats makes of 101
    "exponent_id": r"[0-9](?:\.[0-9]+)?[eE]\+?[0-9]+",  # what a spreadsheet shows of a long number
    "guarded_id": r"'[0-9=+@-].*|=\".*\"",  # how a number is kept from a spreadsheet
}


#: Finding -> bytes that every such id has, by their place: 0 is the first, -1 the last.
_ID_BYTES = {
    "float_id": {-1: b"0", -2: b".0", 0: b"-0123456789"},
    "exponent_id": {-1: b"0123456789", 0: b"0123456789", 1: b".eE"},
    "guarded_id": {0: b"'="},
    "error_cell": {0: b"#"},
    "padded in front": {0: b" "},
    "padded behind": {-1: b" "},
}


def _findings_of_byte(place: int) -> np.ndarray:
    """Return for each byte the findings that an id may have which holds it there, a bit for each."""
    bits = np.zeros(256, np.uint8)
    for number, places in enumerate(_ID_BYTES.values()):
        bits[[*places.get(place, range(256))]] |= np.uint8(1 << number)
    return bits


_EVERY = np.uint8(255)
_OF_FIRST, _OF_LAST = _findings_of_byte(0), _findings_of_byte(-1)

#: Bit of a finding, and bytes that stand neither first nor last, by their place.
_INNER_BYTES = [
    (np.uint8(1 << number), place, expected)
    for number, places in enumerate(_ID_BYTES.values())
    for place, expected in places.items()
    if place not in (0, -1)
]

#: First bytes, in UTF-8, of blocks that hold nothing but plain letters: Latin to U+017F, Cyrillic, Chinese and most Korean.
_PLAIN_BYTES = b"\xc3\xc4\xc5\xd0\xd1\xe4\xe5\xe6\xe7\xe8\xe9\xeb\xec"

#: Whether a byte may belong to a character that is a blank, a control character, invisible, or apart from its accent.
_ODD_BYTES = np.ones(256, bool)
_ODD_BYTES[[*range(32, 127), *range(0x80, 0xC0), *_PLAIN_BYTES]] = False


def id_findings(array: pa.Array) -> dict[str, np.ndarray]:
    r"""Return what is odd about ids: the name of a finding -> mask of its rows; only those that have rows.

    - ``float_id``: ``101.0``, which a column of floats makes of 101.
    - ``exponent_id``: ``1.23457E+11``, of which a spreadsheet has lost digits.
    - ``guarded_id``: ``'7001`` or ``="00123"``, a guard against spreadsheets that is now part of the id.
    - ``error_cell``: ``#REF!`` and the like.
    - ``padded_id``: blanks at an end.
    - ``invisible_id``: invisible characters.
    - ``unicode_form``: letters and accents apart, as macOS writes file names: another id than that of the composed letters.

    Parameters
    ----------
    array : pyarrow.Array
        Text; missing ids have no findings.

    Examples
    --------
    >>> {name: mask.tolist() for name, mask in id_findings(pa.array(["101.0", "ann", " bob"])).items()}
    {'float_id': [True, False, False], 'padded_id': [False, False, True]}
    """
    texts = as_texts(array)
    suspects = _suspects(texts)
    if not suspects.any():
        return {}
    findings = {}
    for name, of_suspects in _findings_of(texts.filter(pa.array(suspects))):
        if of_suspects.any():
            mask = suspects.copy()
            mask[suspects] = of_suspects
            findings[name] = mask
    return findings


def _suspects(texts: pa.LargeStringArray) -> np.ndarray:
    """Return the mask of the ids that a few of their bytes cannot clear. Most columns have none.

    Where an id is too short for a place, the byte is that of a neighbour, which at worst makes a suspect of it.
    """
    content, offsets = bytes_of(texts), offsets_of(texts)
    offsets = offsets - offsets[0]
    if not content.size:
        return np.zeros(len(texts), bool)
    first = content.take(offsets[:-1], mode="clip")
    last = content.take(offsets[1:] - 1, mode="clip")
    findings = _OF_FIRST.take(first) & _OF_LAST.take(last)  # a bit for each
    for bit, place, expected in _INNER_BYTES:
        if (findings & bit).any():
            ends = offsets[1:] if place < 0 else offsets[:-1]
            findings &= np.where(_among(content.take(ends + place, mode="clip"), expected), _EVERY, ~bit)
    suspects: np.ndarray = findings > 0
    odd = _odd_places(content)
    suspects[np.searchsorted(offsets[1:], odd, side="right")] = True
    return suspects


def _among(content: np.ndarray, expected: bytes) -> np.ndarray:
    """Return the mask of the bytes that are among some, which are few or in a row."""
    low, high = min(expected), max(expected)
    mask: np.ndarray
    if high - low + 1 == len(expected):
        mask = (content - np.uint8(low)) <= np.uint8(high - low)  # bytes wrap around
        return mask
    mask = np.logical_or.reduce([content == byte for byte in expected])
    return mask


def _odd_places(content: np.ndarray) -> np.ndarray:
    """Return the places of odd bytes."""
    if content.min(initial=32) >= 32 and content.max(initial=0) < 127:
        return np.zeros(0, np.int64)
    others: np.ndarray = np.flatnonzero((content - np.uint8(32)) >= np.uint8(127 - 32))  # bytes wrap around
    odd: np.ndarray = others[_ODD_BYTES[content[others]]]
    return odd


def _findings_of(texts: pa.LargeStringArray) -> Iterator[tuple[str, np.ndarray]]:
    """Yield finding -> mask, from the whole of each id."""
    inner = pc.utf8_trim_whitespace(texts)
    for name, pattern in _ID_PATTERNS.items():
        yield name, matching(inner, pattern)
    yield "error_cell", mask_of(pc.is_in(inner, pa.array(sorted(ERROR_CELLS), texts.type)))
    yield "padded_id", mask_of(pc.and_(pc.not_equal(texts, inner), pc.not_equal(inner, "")))
    yield "invisible_id", mask_of(pc.match_substring_regex(inner, r"[\p{Cc}\p{Cf}\x{2800}\x{3164}]"))
    yield "unicode_form", _in_other_form(texts)


def composed(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    """Return texts with letters and accents composed, so that both Unicode forms of a text are equal."""
    other = _in_other_form(texts)
    if not other.any():
        return texts
    distinct, places = over_distinct(texts.filter(pa.array(other)), lambda text: normalize("NFC", text))
    order = np.arange(len(texts))
    order[other] = len(texts) + places
    return pa.concat_arrays([texts, pa.array(distinct, texts.type)]).take(pa.array(order))


def _in_other_form(texts: pa.LargeStringArray) -> np.ndarray:
    """Return whether texts change when their letters and accents are composed. (Arrow's own normalisation did not in version 17.)"""
    other = np.zeros(len(texts), bool)
    odd = _odd_places(bytes_of(texts))
    if not odd.size:
        return other
    offsets = offsets_of(texts)
    other[np.searchsorted(offsets[1:] - offsets[0], odd, side="right")] = True
    distinct, places = over_distinct(
        texts.filter(pa.array(other)), lambda text: not is_normalized("NFC", text)
    )
    other[other] = np.array(distinct, bool)[places]
    return other

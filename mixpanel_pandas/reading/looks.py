"""What a column of text looks like: the reading that would read all of it, and its missing-value markers.

Whatever may be a code, a name or a sentence looks like text: a hint that is missing costs less than one that is wrong.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.payloads.arrays import mask_of
from mixpanel_pandas.reading.cleaning import is_missing_marker
from mixpanel_pandas.reading.columns import as_texts, matching, without_blanks
from mixpanel_pandas.reading.inference import TypeEvidence
from mixpanel_pandas.reading.readings import reading

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Look", "looks_like", "may_be_read"]

#: How many texts are read first: most columns of text are found to be just that by then.
_SAMPLE = 20

_BOOLEANS = (
    "Yes/No",
    "Y/N",
    "Ja/Nein",
    "J/N",
    "Oui/Non",
    "S\u00ed/No",
    "Si/No",
    "Sim/N\u00e3o",
    "T/F",
    "On/Off",
)

_MARKS = ("1,5", "1,234.5", "1.234,5", "1 234,5", "1 234.5", "1'234.5", "1'234,5")

#: Formats whose separator is - . or /, written here as -.
_DATES = ("dd-mm-yyyy", "mm-dd-yyyy", "yyyy-mm-dd", "dd-mm-yy", "mm-dd-yy", "dd-mmm-yyyy", "dd-mmm-yy")
_DATES_IN_WORDS = ("dd mmm yyyy", "dd mmmm yyyy", "mmm dd, yyyy", "mmmm dd, yyyy")

_SEPARATORS = {"semicolon": ";", "pipe": "|", "comma": ","}

_BLANK = " \u00a0\u2009\u202f"

#: Digits, marks and a sign.
_NUMBER = re.compile(rf"[+\u2212-]?[.]?[0-9][0-9.,'\u2019{_BLANK}]*")

_DIGIT = re.compile("[0-9]")

#: Beginnings of dates.
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATE = re.compile(r"[0-9]{1,4}([-./])(?:[0-9]{1,2}|[A-Za-z]{3})\1[0-9]{2,4}(.*)")
_DATE_IN_WORDS = re.compile(r"(?:[0-9]{1,2} [A-Za-z]{3,9}|[A-Za-z]{3,9} [0-9]{1,2},) [0-9]{4}(.*)")

#: What an amount holds beside its currency.
_AMOUNT = re.compile(rf"[0-9.,'\u2019{_BLANK}()+\u2212-]")

#: Of a number that is more likely a code: a leading zero or plus, or an exponent.
_CODE = r"[+-]?0[0-9].*|\+.*|.*[eE].*"

#: Digits from which texts of equal length are codes, and digits that counts and amounts of a profile do not reach.
_DIGITS_OF_CODES, _DIGITS_OF_COUNTS = 4, 10

#: Nothing that tells an amount from other numbers: a currency, parentheses, or a minus behind.
_NO_MONEY = "[+-]?[0-9., 'eE+]*"

#: A list has short items: what is longer is a sentence.
_ITEM_CHARACTERS = 40


@dataclass(frozen=True)
class Look:
    """What a column of text looks like.

    Attributes
    ----------
    readings : tuple of str
        The name of the reading that reads all values. Two where it may be either, such as ``date:dd/mm/yyyy`` and
        ``date:mm/dd/yyyy``. Empty if it looks like text.
    missing : tuple of str
        The missing-value markers among the values, which `readings` leaves out of account: ``na=`` takes them.
    """

    readings: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def looks_like(distinct: pa.Array) -> Look:
    """Return what a column of text looks like.

    Parameters
    ----------
    distinct : pyarrow.Array
        The distinct texts of the column. Every one has to fit, except for blanks and for words that mean a missing value.

    Examples
    --------
    >>> looks_like(pa.array(["1.234,50", "7,00", "N/A"]))
    Look(readings=('number:1.234,5',), missing=('N/A',))
    >>> looks_like(pa.array(["05/07/2023", "01/02/2023"])).readings
    ('date:dd/mm/yyyy', 'date:mm/dd/yyyy')
    """
    texts = without_blanks(as_texts(distinct)).drop_null()
    nothing = is_missing_marker(texts)
    missing = tuple(texts.filter(pa.array(nothing)).to_pylist())
    texts = texts.filter(pa.array(~nothing))
    if not len(texts):
        return Look((), missing)
    for candidates in _candidates(texts.slice(0, _SAMPLE).to_pylist()):
        fitting = _that_read(candidates, texts)
        if fitting and _is_likely(fitting[0], texts):
            return Look(fitting, missing)
    return Look((), missing)


def may_be_read(texts: Sequence[str]) -> bool:
    """Return whether some texts may be more than text, at the first sight of Python.

    >>> may_be_read(["12", "7,5"]), may_be_read(["Ulm", "Bonn"])
    (True, False)
    """
    return next(_candidates(texts), None) is not None


def _that_read(candidates: tuple[str, ...], texts: pa.Array) -> tuple[str, ...]:
    """Return the readings that read all texts; of those that read the same values, the first."""
    fitting: dict[str, pa.Array] = {}
    for name in candidates:
        if reading(name).read(texts.slice(0, _SAMPLE)).findings:
            continue
        read = reading(name).read(texts)
        if not read.findings and not any(_same(read.values, other) for other in fitting.values()):
            fitting[name] = read.values
    return tuple(fitting)


def _same(values: pa.Array, others: pa.Array) -> bool:
    if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
        values, others = (numbers.cast(pa.float64(), safe=False) for numbers in (values, others))
    return bool(values.equals(others))


# -- candidates -------------------------------------------------------------------------------------------------------


def _candidates(texts: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield the readings that some texts may have, those that exclude each other together."""
    folded = set(map(str.casefold, texts))
    for name, words in _BOOLEAN_WORDS.items() if len(folded) <= 2 else ():
        if folded <= words:
            yield (name,)
    in_brackets = all(text[0] in "{[(" for text in texts)
    if in_brackets:
        yield ("json",)
        yield ("list:python", "list:postgres")
    if not in_brackets and all(map(_DIGIT.search, texts)):
        if all(_NUMBER.fullmatch(text) and not re.fullmatch(_CODE, text) for text in texts):
            yield ("number", *(f"number:{marks}" for marks in _MARKS))
        if all(text.endswith("%") for text in texts):
            yield ("number:percent", *(f"number:percent:{marks}" for marks in _MARKS))
        yield from _date_candidates(texts)
        if len(_AMOUNT.sub("", texts[0])) <= 4:
            currencies = {_AMOUNT.sub("", text) for text in texts}
            if len(currencies) <= 3 and all(len(currency) <= 4 for currency in currencies):
                yield ("number:money", *(f"number:money:{marks}" for marks in _MARKS))
    together = "".join(texts)
    for word, separator in _SEPARATORS.items():
        if separator in together and 3 * sum(separator in text for text in texts) >= len(texts):
            yield (f"list:{word}",)


#: Name of a reading -> its words, folded.
_BOOLEAN_WORDS = {"boolean": {"true", "false"}} | {
    f"boolean:{words}": set(words.casefold().split("/")) for words in _BOOLEANS
}


def _date_candidates(texts: Sequence[str]) -> Iterator[tuple[str, ...]]:
    first = texts[0]
    if all(map(_ISO_DATE.match, texts)):
        yield ("date",)
    shape = _DATE.match(first)
    words = _DATE_IN_WORDS.match(first)
    if shape and len(first) >= len("1.2.2024"):  # 1.2.3 is a version
        time = _time_words(shape[2])
        yield tuple(f"date:{date.replace('-', shape[1])}{time}" for date in _DATES)
    if words:
        yield tuple(f"date:{date}{_time_words(words[1])}" for date in _DATES_IN_WORDS)


def _time_words(rest: str) -> str:
    """Return the words for the time that follows a date, such as `` hh:mm``."""
    if not rest.strip():
        return ""
    clock = rest.count(":")
    fraction = ".fff" if "." in rest.lower().replace("a.m.", "") else ""
    words = " hh:mm" + (f":ss{fraction}" if clock > 1 else "")
    half = re.search("( ?)(am|pm)$", rest.lower())
    return words + (f"{half[1]}am/pm" if half else "")


# -- what is likely ---------------------------------------------------------------------------------------------------


def _is_likely(name: str, texts: pa.Array) -> bool:
    """Return whether texts that can be read so are likely meant so: almost any text is a list of one item."""
    kind, _colon, detail = name.partition(":")
    if kind == "boolean" and detail:
        return len(set(pc.utf8_lower(texts).to_pylist())) == 2
    if detail.startswith("money"):
        plain = matching(texts, _NO_MONEY)
        in_currency = mask_of(pc.match_substring_regex(texts, r"[\p{L}\p{Sc}]"))
        return not plain.all() and bool(plain.any() or in_currency.any())  # (555) alone is no amount
    if kind == "number":
        return detail.startswith("percent") or not _are_codes(texts)
    if kind == "date" and "yy" in detail and "yyyy" not in detail:  # 1.2.10 is a version
        return not matching(texts, r"[0-9]+\.[0-9]\..*|[0-9]\..*").any()
    if kind == "list":
        return _are_lists(name, texts)
    return True


def _are_codes(texts: pa.Array) -> bool:
    """Return whether numbers are more likely codes: zip codes, phone numbers, versions."""
    if matching(texts, _CODE).any():
        return True
    bare = pc.replace_substring_regex(texts, f"[{_BLANK}]", "")
    if matching(bare, "[0-9]+").all():
        shortest, longest = pc.min_max(pc.binary_length(bare)).values()
        even = shortest == longest and longest.as_py() >= _DIGITS_OF_CODES
        return bool(even or longest.as_py() >= _DIGITS_OF_COUNTS)
    evidence = TypeEvidence.of(texts)
    return evidence.number and pa.types.is_large_string(evidence.type)  # 1.10 and 2.5 are versions


def _are_lists(name: str, texts: pa.Array) -> bool:
    """Return whether texts are lists: of short items, of which many stand now in front and now behind.

    Parts of addresses, names and titles keep their places; those of sentences do not come again.
    """
    lists = reading(name).read(texts).values
    lengths = np.asarray(pc.list_value_length(lists))
    if name == "list:python":
        return True
    if name == "list:postgres":
        return bool((lengths > 1).any())
    items = lists.flatten()
    if not len(items) or pc.max(pc.utf8_length(items)).as_py() > _ITEM_CHARACTERS:
        return False
    several = (lengths > 1).mean() >= 0.5
    uneven = lengths.min() < lengths.max()  # "Ulm, Germany" has always two
    encoded = items.dictionary_encode()
    places = np.asarray(encoded.indices)
    is_first = np.zeros(len(items), bool)
    is_first[(np.cumsum(lengths) - lengths)[lengths > 0]] = True
    moving = np.intersect1d(places[is_first], places[~is_first]).size
    return bool(several and 3 * moving >= len(encoded.dictionary) and (uneven or not name.endswith("comma")))

"""Text -> numbers. Nothing is rounded silently: a number that its type would not hold as written is a finding.

Read are ``12``, ``-3.5``, ``+5``, ``.5``, ``5.``, ``1e5`` and ``007``. Not read are ``1,234`` (a thousand, or one and a bit), ``NaN``,
``inf``, ``0x10``, ``1_000`` and digits of other scripts. Outer blanks go, and the minus sign U+2212 is a minus.
"""

from __future__ import annotations

import decimal
import re
import sys
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.payloads.arrays import byte_counts, emptied, mask_of
from mixpanel_pandas.reading.columns import ReadColumn, matching, over_distinct, without_blanks

__all__ = ["PLAIN", "NumberMarks", "marks_of", "read_money", "read_numbers", "read_percent"]

INT64, DOUBLE = pa.int64(), pa.float64()

#: Every decimal number with this many significant digits is kept by a double.
SAFE_DIGITS = sys.float_info.dig

#: Digits of the longest integers of 64 bits, some of which have as many and are beyond them.
_LONGEST_INT64 = len(str(2**63))

#: Doubles below this size have fewer digits than others.
_SMALLEST_NORMAL = 2.3e-308

_EXPONENT = "(?:[eE][+-]?[0-9]+)?"

#: Mark between groups of digits -> what it may be in a value: spreadsheets write spaces that do not break.
_GROUP_MARKS = {".": r"\.", ",": ",", "'": "['\u2019]", " ": "[ \u00a0\u2009\u202f]"}


@dataclass(frozen=True)
class NumberMarks:
    """The marks in numbers.

    Attributes
    ----------
    decimal : str
        Point or comma.
    group : str
        Between groups of three digits; empty where there are no groups.
    """

    decimal: str = "."
    group: str = ""

    @property
    def pattern(self) -> str:
        """An RE2 pattern of such a number without a sign."""
        point = re.escape(self.decimal)
        whole = "[0-9]+"
        if self.group:  # 0.123 is no number of groups
            whole = f"(?:[0-9]+|[1-9][0-9]{{0,2}}(?:{_GROUP_MARKS[self.group]}[0-9]{{3}})+)"
        return f"(?:{whole}(?:{point}[0-9]*)?|{point}[0-9]+){_EXPONENT}"

    def plain(self, texts: pa.Array) -> pa.Array:
        """Return numbers with these marks as Python writes them."""
        if self.group:
            texts = pc.replace_substring_regex(texts, _GROUP_MARKS[self.group], "")
        return pc.replace_substring(texts, ",", ".") if self.decimal == "," else texts


PLAIN = NumberMarks()


def marks_of(example: str) -> NumberMarks:
    """Return the marks that an example shows.

    Parameters
    ----------
    example : str
        A number such as ``1.234,5``, ``1'234.50``, ``1 234,5``, ``1,5`` or ``1234.5``.

    Raises
    ------
    ValueError
        If it is not a number, or shows only one mark that may be either: ``1,234``.

    Examples
    --------
    >>> marks_of("1.234,5")
    NumberMarks(decimal=',', group='.')
    >>> marks_of("0,5")
    NumberMarks(decimal=',', group='')
    """
    example = re.sub("[\u00a0\u2009\u202f]", " ", example.replace("\u2019", "'"))
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", example) and not re.fullmatch(
        r"[1-9][0-9]{0,2}\.[0-9]{3}", example
    ):
        return PLAIN
    if re.fullmatch(r"[0-9]+,[0-9]+", example) and not re.fullmatch(r"[1-9][0-9]{0,2},[0-9]{3}", example):
        return NumberMarks(",")
    shown = re.fullmatch(r"[0-9]{1,3}(?:([.,' ])[0-9]{3})(?:\1[0-9]{3})*(?:([.,])[0-9]+)?", example)
    if not shown or shown[1] == shown[2]:
        msg = "the example must be a number in the format of the column, such as 1,234.5 or 1.234,5 or 1 234,5 or 0,5"
        raise ValueError(msg)
    group, point = shown[1], shown[2]
    if point is None and group in ".," and example.count(group) == 1:
        msg = f"the mark in {example} may separate thousands or decimals: write {example}{'.' if group == ',' else ','}5, or 0{group}5"
        raise ValueError(msg)
    return NumberMarks(point or ("," if group in ". " else "."), group)


def read_numbers(
    texts: pa.LargeStringArray, type: pa.DataType | None, marks: NumberMarks = PLAIN
) -> ReadColumn:
    """Return texts as numbers: int64 where all of them are whole, else doubles.

    Findings are ``unreadable`` and ``inexact``: beyond 64 bits, or with more digits than a double keeps.
    """
    if marks == PLAIN and (values := _at_once(texts, type)) is not None:
        return values
    texts = without_blanks(texts)
    texts = pc.replace_substring(texts, "\u2212", "-")
    readable = matching(texts, f"[+-]?{marks.pattern}")
    return _converted(texts, readable, type, marks)


def _at_once(texts: pa.LargeStringArray, type: pa.DataType | None) -> ReadColumn | None:
    """Return numbers that Arrow reads in one go, or None: something may be blank, unreadable or inexact."""
    used = set(np.flatnonzero(byte_counts(texts)))
    if not used <= set(b"0123456789+-.") or len(texts) == texts.null_count:
        return None
    is_whole = used <= set(b"0123456789-") and type != DOUBLE
    if not is_whole and pc.max(pc.binary_length(texts)).as_py() > SAFE_DIGITS:
        return None
    try:
        return ReadColumn(texts.cast(INT64 if is_whole else DOUBLE))
    except pa.ArrowInvalid:
        return None


def _converted(
    texts: pa.Array, readable: np.ndarray, type: pa.DataType | None, marks: NumberMarks
) -> ReadColumn:
    """Return texts that are numbers with `marks`, where they are `readable`."""
    unreadable = ~readable & mask_of(texts.is_valid())
    plain = pc.utf8_ltrim(marks.plain(emptied(texts, unreadable)), "+")
    has_decimals = mask_of(pc.match_substring_regex(plain, "[.eE]")).any()
    needed = type or (DOUBLE if has_decimals else INT64)
    fits = _fits_int64(plain) if needed == INT64 else _fits_double(plain)
    inexact = readable & ~fits
    values = emptied(plain, inexact).cast(needed)
    return ReadColumn(values, {"unreadable": unreadable, "inexact": inexact})


def _fits_int64(plain: pa.Array) -> np.ndarray:
    """Return whether each number is whole and has at most 64 bits."""
    whole = matching(plain, "-?[0-9]+")
    digits = pc.utf8_ltrim(plain, "-0")
    lengths = np.asarray(pc.binary_length(digits).fill_null(0))
    suspects = np.flatnonzero(whole & (lengths == _LONGEST_INT64))  # shorter numbers fit, longer ones do not
    fits: np.ndarray = whole & (lengths <= _LONGEST_INT64)
    fits[suspects] = [-(2**63) <= int(text) < 2**63 for text in plain.take(pa.array(suspects)).to_pylist()]
    return fits


def _fits_double(plain: pa.Array) -> np.ndarray:
    """Return whether a double holds each number as it is written: no digit is lost when it is written again."""
    fits = mask_of(plain.is_valid())
    numbers = plain.cast(DOUBLE)
    sizes = np.abs(numbers.to_numpy(zero_copy_only=False))
    long = np.asarray(pc.binary_length(plain).fill_null(0)) > SAFE_DIGITS
    odd = ~np.isfinite(sizes) | (sizes < _SMALLEST_NORMAL)  # too large, zero, or almost zero
    zero = mask_of(pc.equal(numbers, 0)) & matching(plain, "-?[0.]+")
    suspects = np.flatnonzero((long | odd) & ~zero & fits)
    if len(suspects):
        texts = plain.take(pa.array(suspects))
        digits = pc.utf8_ltrim(pc.replace_substring_regex(texts, r"[eE].*|[-.]", ""), "0")
        sure = (np.asarray(pc.binary_length(digits)) <= SAFE_DIGITS) & ~odd[suspects]
        for place, text in zip(suspects[~sure], texts.filter(pa.array(~sure)).to_pylist(), strict=True):
            fits[place] = _holds(text)
    return fits


def _holds(text: str) -> bool:
    """Return whether the double nearest to a number is written in the same digits, or is the number exactly."""
    try:
        exact, number = decimal.Decimal(text), float(text)
    except ArithmeticError:  # an exponent that even decimals do not have
        return False
    return exact in (decimal.Decimal(repr(number)), decimal.Decimal(number))


# -- money and percent ------------------------------------------------------------------------------------------------

#: Codes of currencies: https://www.iso.org/iso-4217-currency-codes.html
CURRENCY_CODES = [
    "AED", "AFN", "ALL", "AMD", "ANG", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BGN", "BHD", "BIF", "BMD",
    "BND", "BOB", "BRL", "BSD", "BTN", "BWP", "BYN", "BZD", "CAD", "CDF", "CHF", "CLP", "CNY", "COP", "CRC", "CUP", "CVE",
    "CZK", "DJF", "DKK", "DOP", "DZD", "EGP", "ERN", "ETB", "EUR", "FJD", "FKP", "GBP", "GEL", "GHS", "GIP", "GMD", "GNF",
    "GTQ", "GYD", "HKD", "HNL", "HRK", "HTG", "HUF", "IDR", "ILS", "INR", "IQD", "IRR", "ISK", "JMD", "JOD", "JPY", "KES",
    "KGS", "KHR", "KMF", "KPW", "KRW", "KWD", "KYD", "KZT", "LAK", "LBP", "LKR", "LRD", "LSL", "LYD", "MAD", "MDL", "MGA",
    "MKD", "MMK", "MNT", "MOP", "MRU", "MUR", "MVR", "MWK", "MXN", "MYR", "MZN", "NAD", "NGN", "NIO", "NOK", "NPR", "NZD",
    "OMR", "PAB", "PEN", "PGK", "PHP", "PKR", "PLN", "PYG", "QAR", "RON", "RSD", "RUB", "RWF", "SAR", "SBD", "SCR", "SDG",
    "SEK", "SGD", "SHP", "SLE", "SOS", "SRD", "SSP", "STN", "SVC", "SYP", "SZL", "THB", "TJS", "TMT", "TND", "TOP", "TRY",
    "TTD", "TWD", "TZS", "UAH", "UGX", "USD", "UYU", "UZS", "VED", "VES", "VND", "VUV", "WST", "XAF", "XCD", "XOF", "XPF",
    "YER", "ZAR", "ZMW", "ZWG", "ZWL",
]  # fmt: skip

#: Signs of more than one character, or of letters. Single signs are those that Unicode calls signs of currencies.
CURRENCY_WORDS = (
    "US$",
    "A$",
    "AU$",
    "C$",
    "CA$",
    "HK$",
    "NZ$",
    "S$",
    "R$",
    "kr.",
    "kr",
    "z\u0142",
    "K\u010d",
    "Ft",
    "Fr.",
    "Rs.",
    "Rs",
)

#: Sign or word, in capital letters -> the currency that it is counted as. Others, such as kr of several countries, are counted as they stand.
_SAME = {"\u20ac": "EUR", "\u00a3": "GBP", "\u20b9": "INR", "RS": "INR", "RS.": "INR", "US$": "USD", "$": "USD", "\u00a5": "JPY"} | {
    "Z\u0141": "PLN", "K\u010c": "CZK", "FT": "HUF", "FR.": "CHF", "R$": "BRL", "KR.": "KR"
}  # fmt: skip

_BLANK = "[ \u00a0\u2009\u202f]?"

_DIGITS_AND_MARKS = r"[0-9.,' \x{a0}\x{2009}\x{202f}\x{2019}eE+-]*"


def _currency_pattern() -> str:
    words = "|".join(map(re.escape, (*CURRENCY_WORDS, *CURRENCY_CODES)))
    return rf"(?:(?i:{words})|\p{{Sc}})"


def read_money(
    texts: pa.LargeStringArray, type: pa.DataType | None, marks: NumberMarks = PLAIN
) -> ReadColumn:
    """Return amounts as numbers, without the sign or the code of the currency.

    A minus stands in front or behind, also beside the currency; parentheses are a minus, too. Findings are those of numbers, and
    ``other_currency``: the amounts that are not in the column's most frequent currency, which a number would not tell.
    """
    texts = pc.replace_substring(without_blanks(texts), "\u2212", "-")
    currency = _currency_pattern()
    bare = pc.replace_substring_regex(texts, f"{_BLANK}{currency}{_BLANK}", "")
    has_currency = mask_of(pc.not_equal(texts, bare))
    # one currency, at one end, with nothing but a sign beside it
    in_front = rf"[(]?[+-]?{_BLANK}{currency}{_BLANK}[+-]?{_DIGITS_AND_MARKS}[)]?"
    behind = rf"[(+-]*[0-9.,]{_DIGITS_AND_MARKS}{_BLANK}{currency}-?[)]?"
    misplaced = has_currency.copy()
    misplaced[has_currency] = ~matching(texts.filter(pa.array(has_currency)), f"{in_front}|{behind}")
    negative = matching(bare, rf"-{_BLANK}.*|.*[0-9.,]{_BLANK}-|[(].*[)]")
    amount = f"{_BLANK}{marks.pattern}{_BLANK}"
    readable = ~misplaced & matching(bare, f"[+-]?{amount}|{amount}-|[(]{amount}[)]")
    digits = pc.utf8_trim(bare, "()+- \u00a0\u2009\u202f")
    signed = pc.if_else(pa.array(negative), pc.binary_replace_slice(digits, 0, 0, "-"), digits)
    read = _converted(signed, readable, type, marks)
    other = _other_currencies(texts, has_currency & readable, currency)
    return ReadColumn(emptied(read.values, other), {**read.findings, "other_currency": other})


def _other_currencies(texts: pa.Array, rows: np.ndarray, currency: str) -> np.ndarray:
    """Return the mask of `rows` whose currency is not the most frequent one (the first of equally frequent ones)."""
    other = np.zeros(len(texts), bool)
    if not rows.any():
        return other
    written = pc.extract_regex(texts.filter(pa.array(rows)), f"(?P<currency>{currency})").field("currency")
    distinct, places = over_distinct(written, lambda name: _SAME.get(name.upper(), name.upper()))
    codes = np.array([distinct.index(name) for name in distinct])[places]
    other[rows] = codes != np.bincount(codes).argmax()
    return other


def read_percent(
    texts: pa.LargeStringArray, type: pa.DataType | None, marks: NumberMarks = PLAIN
) -> ReadColumn:
    """Return ``5%`` as 5. The sign stands behind; a number without it is unreadable, for it may be a share of 1."""
    texts = without_blanks(texts)
    signed = mask_of(pc.ends_with(texts, "%"))
    bare = pc.utf8_rtrim(pc.utf8_rtrim(texts, "%"), " \u00a0\u2009\u202f")
    single = ~mask_of(pc.ends_with(texts, "%%"))
    bare = pc.replace_substring(bare, "\u2212", "-")
    return _converted(bare, signed & single & matching(bare, f"[+-]?{marks.pattern}"), type, marks)

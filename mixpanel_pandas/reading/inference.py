"""What type a column of a CSV file has. The decision looks at all values, and is the same however the file is cut.

A column becomes something else than text only if nothing is lost:

- Numbers have no leading ``+`` or zeros, no exponent, and at most 15 digits. Where a number ends in a zero after the point, all have
  as many decimals: ``1.10`` and ``2.5`` are versions.
- Booleans are true and false, in any casing.
- Dates are ISO dates. Times have a date; all of them have an offset, or none. Times alone stay text, as do dates among times.

An empty text is a value, so its column stays text; a missing value says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.payloads.arrays import LARGE_STRING, byte_counts, mask_of
from mixpanel_pandas.reading.columns import as_texts, matching
from mixpanel_pandas.reading.dates import NAIVE, UTC, read_dates
from mixpanel_pandas.reading.numbers import SAFE_DIGITS

__all__ = ["TypeEvidence", "inferred", "reading_of"]

_NO_DECIMALS = 1 << 30


@dataclass(frozen=True)
class TypeEvidence:
    """What the values of a part of a column have in common.

    The evidence of two parts together is ``a & b``, in any order; that of no values at all is ``TypeEvidence()``.

    Attributes
    ----------
    empty : bool
        Whether all values are missing.
    whole, number, boolean, date, naive, utc : bool
        Whether each value may be of this type.
    even : bool
        Whether no number ends in a zero after the point.
    fewest_decimals, most_decimals : int
        Of the numbers.

    Examples
    --------
    >>> (TypeEvidence.of(pa.array(["1.10"])) & TypeEvidence.of(pa.array(["2.5"]))).type
    DataType(large_string)
    """

    empty: bool = True
    whole: bool = True
    number: bool = True
    boolean: bool = True
    date: bool = True
    naive: bool = True
    utc: bool = True
    even: bool = True
    fewest_decimals: int = _NO_DECIMALS
    most_decimals: int = -1

    @classmethod
    def of(cls, array: pa.Array, decimal: str = ".") -> TypeEvidence:
        """Return the evidence of some values, which are text or missing; `decimal` is the mark of their decimals."""
        texts = as_texts(array).drop_null()
        if not len(texts):
            return cls()
        if decimal == ",":
            numbers = cls.of(pc.replace_substring(pc.replace_substring(texts, ".", "x"), ",", "."))
            names = ("whole", "number", "even", "fewest_decimals", "most_decimals")
            return replace(cls.of(texts), **{name: getattr(numbers, name) for name in names})
        used = {chr(byte) for byte in np.flatnonzero(byte_counts(texts))}
        counts = _numbers(texts) if used <= set("0123456789.-") else None
        even, fewest, most = counts or (True, 0, 0)
        shortest = pc.min(pc.binary_length(texts)).as_py()
        dates = used <= set("0123456789-:.T Z+")
        return cls(
            empty=False,
            whole=counts is not None
            and "." not in used
            and not ("-" in used and matching(texts, "-0").any()),
            number=counts is not None,
            boolean=used <= set("TRUEFALStruefals") and _booleans(texts),
            date=shortest == 10 and used <= set("0123456789-") and _casts(texts, pa.date32()),
            naive=dates and shortest >= len("2024-01-05T10:00") and _casts(texts, NAIVE),
            utc=dates and shortest >= len("2024-01-05T10:00Z") and _casts(texts, UTC),
            even=even,
            fewest_decimals=fewest,
            most_decimals=most,
        )

    def __and__(self, other: TypeEvidence) -> TypeEvidence:
        together = {
            item.name: getattr(self, item.name) and getattr(other, item.name)
            for item in fields(self)
            if not item.name.endswith("decimals")
        }
        if self.number and other.number:  # else nobody asks for decimals
            fewest = min(self.fewest_decimals, other.fewest_decimals)
            most = max(self.most_decimals, other.most_decimals)
        else:
            together["even"], fewest, most = True, 0, 0
        return TypeEvidence(**together, fewest_decimals=fewest, most_decimals=most)

    @property
    def is_settled(self) -> bool:
        """Whether further values make no difference: the column stays text."""
        return not (self.whole or self.number or self.boolean or self.date or self.naive or self.utc)

    @property
    def type(self) -> pa.DataType:
        """The type of the column; ``null`` if it has no value, and ``large_string`` if it stays text."""
        number = self.number and (self.even or self.fewest_decimals == self.most_decimals)
        rules = (
            (self.empty, pa.null()),
            (self.whole, pa.int64()),
            (number, pa.float64()),
            (self.boolean, pa.bool_()),
            (self.date, pa.date32()),
            (self.naive, NAIVE),
            (self.utc, UTC),
        )
        return next((fitting for holds, fitting in rules if holds), LARGE_STRING)


def _numbers(texts: pa.Array) -> tuple[bool, int, int] | None:
    """Return whether no number ends in a zero after the point, the fewest and the most decimals; None if one loses something."""
    if not matching(texts, r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?").all():
        return None
    lengths, points = np.asarray(pc.binary_length(texts)), np.asarray(pc.find_substring(texts, "."))
    if lengths.max() > SAFE_DIGITS:
        digits = pc.utf8_ltrim(pc.replace_substring_regex(texts, "[-.]", ""), "0")
        if pc.max(pc.binary_length(digits)).as_py() > SAFE_DIGITS:
            return None
    decimals = np.where(points < 0, 0, lengths - points - 1)
    padded = (points >= 0) & mask_of(pc.ends_with(texts, "0"))
    return not padded.any(), int(decimals.min()), int(decimals.max())


def _booleans(texts: pa.Array) -> bool:
    words = pa.array(["true", "false"], texts.type)
    return bool(pc.all(pc.is_in(pc.ascii_lower(texts), words)).as_py())


def _casts(texts: pa.Array, type: pa.DataType) -> bool:
    try:
        texts.slice(0, 100).cast(type)  # most columns that are no dates show it at once
    except pa.ArrowInvalid:
        return False
    read = read_dates(texts, type)
    return not read.findings and not read.values.null_count


def inferred(array: pa.Array | pa.ChunkedArray) -> pa.DataType:
    """Return the type of a column of text.

    Examples
    --------
    >>> inferred(pa.array(["12", None, "7"])), inferred(pa.array(["12", "007"]))
    (DataType(int64), DataType(large_string))
    """
    chunks = array.chunks if isinstance(array, pa.ChunkedArray) else [array]
    evidence: TypeEvidence = reduce(
        lambda before, chunk: before & TypeEvidence.of(chunk), chunks, TypeEvidence()
    )
    return evidence.type


def reading_of(type: pa.DataType) -> str:
    """Return the name of the reading that makes an inferred type of text.

    >>> reading_of(pa.int64()), reading_of(pa.null())
    ('number', 'text')
    """
    return {
        pa.int64(): "number",
        pa.float64(): "number",
        pa.bool_(): "boolean",
        pa.date32(): "date",
        NAIVE: "date",
        UTC: "date",
    }.get(type, "text")

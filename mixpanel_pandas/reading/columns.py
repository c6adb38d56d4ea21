"""Steps that all readings of text share: the record of what was read, masks, and how texts are normalised first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.payloads.arrays import LARGE_STRING, emptied, mask_of

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "ReadColumn",
    "as_texts",
    "is_text_type",
    "masks_of",
    "matching",
    "over_distinct",
    "without_blanks",
]


@dataclass(frozen=True)
class ReadColumn:
    """What a reading makes of a column of text.

    Attributes
    ----------
    values : pyarrow.Array
        As long as the column. Null where the text is null or blank, and in the rows of a finding.
    findings : dict of str to numpy.ndarray
        Name of a finding (a key of `FINDINGS` in ``readings``) -> mask of its rows. Only findings with rows are listed.
    """

    values: pa.Array
    findings: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "findings", {name: mask for name, mask in self.findings.items() if mask.any()}
        )

    def mask(self, finding: str) -> np.ndarray:
        """Return the mask of the rows of a finding; also of one that has none."""
        return self.findings.get(finding, np.zeros(len(self.values), bool))

    @property
    def refused(self) -> np.ndarray:
        """The mask of all rows whose text was not read."""
        no_row = np.zeros(len(self.values), bool)
        refused: np.ndarray = np.logical_or.reduce([no_row, *self.findings.values()])
        return refused


def is_text_type(type: pa.DataType) -> bool:
    """Return whether an Arrow type is one of text, also dictionary-encoded."""
    if pa.types.is_dictionary(type):
        return is_text_type(type.value_type)
    view = getattr(pa.types, "is_string_view", lambda _type: False)
    return bool(pa.types.is_string(type) or pa.types.is_large_string(type) or view(type))


def as_texts(array: pa.Array) -> pa.LargeStringArray:
    """Return an array of text, or of nulls alone, as ``large_string``."""
    return array if array.type == LARGE_STRING else array.cast(LARGE_STRING)


def matching(texts: pa.Array, pattern: str) -> np.ndarray:
    """Return the mask of the texts of which all matches an RE2 pattern."""
    return mask_of(pc.match_substring_regex(texts, rf"\A(?:{pattern})\z"))


def without_blanks(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    """Return texts without outer blanks; those that are nothing else become null."""
    texts = pc.utf8_trim_whitespace(texts)
    blank = mask_of(pc.equal(pc.binary_length(texts), 0))
    return emptied(texts, blank)


def over_distinct(texts: pa.Array, read: Callable[[str], Any]) -> tuple[list[Any], np.ndarray]:
    """Return what `read` makes of each distinct text, and the place of each row in that list (-1 where it is null).

    What only Python can read costs Python's time for each distinct text, not for each row.
    """
    encoded = texts.dictionary_encode()
    places = np.asarray(encoded.indices.fill_null(-1), np.int64)
    return [read(text) for text in encoded.dictionary.to_pylist()], places


def masks_of(distinct: list[str], places: np.ndarray) -> dict[str, np.ndarray]:
    """Return the mask of the rows of each finding.

    Parameters
    ----------
    distinct : list of str
        The finding of each distinct text, or nothing.
    places : numpy.ndarray
        The place of each row in `distinct`; -1 for a row without a text, which has no finding.
    """
    findings = np.array([*distinct, ""])
    return {name: (findings == name)[places] for name in sorted(set(distinct) - {""})}

"""How the values of a column are spread: a few bars, made of some rows from all parts of the column.

Of each of these rows a hash and one number are kept. Numbers, dates and lengths become a histogram, booleans and values that repeat a
bar each.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from mixpanel_pandas.payloads.encoding import join, json_texts
from mixpanel_pandas.payloads.ids import hash_texts
from mixpanel_pandas.text import Length, joined, percent, shortened

if TYPE_CHECKING:
    from collections.abc import Callable

    from mixpanel_pandas.payloads.normalise import Normalised
    from mixpanel_pandas.payloads.sources import Rows

    #: Rows of a column -> their values.
    ReadRows = Callable[[Rows], Normalised]

__all__ = ["BARS", "BINS", "SAMPLE", "Distribution", "distribution_of", "texts_of"]

#: Bars of a histogram, and of single values with one more for all others.
BINS, BARS = 12, 6

#: The least share of all values that the commonest must have to be shown.
COMMON = 1 / 3

#: Rows that are looked at where not all are, and in how many runs: rows one by one would touch every page of a mapped file.
SAMPLE, RUNS = 50_000, 50

#: What is counted: single values, ranges of numbers or dates, ranges of a length, or types where there are several.
Counted = Literal["values", "numbers", "dates", "characters", "items", "bytes", "types"]

#: What is counted of values that may not be shown.
LENGTHS = {"characters", "items", "bytes"}

#: The label of all values that have no bar of their own.
OTHER = "other"

#: What a histogram is of -> the unit of its ranges.
UNITS: dict[str, str] = {
    "numbers": "",
    "dates": "",
    "characters": " characters",
    "items": " items",
    "bytes": " bytes",
}


@dataclass(frozen=True)
class Distribution:
    """How the values of a column are spread.

    Attributes
    ----------
    of : {"values", "numbers", "dates", "characters", "items", "bytes", "types"}
        What is counted. Without bars nothing is known.
    labels : tuple of str
        The value or the range of each bar.
    counts : tuple of int
        How many values each bar counts.
    low, high : str
        Of a histogram, the ends of all ranges.
    rows : int or None
        How many rows were looked at, if those are not all.
    distinct : int
        Number of different values in these rows.
    """

    of: Counted
    labels: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    low: str = ""
    high: str = ""
    rows: int | None = None
    distinct: int = 0

    @property
    def is_histogram(self) -> bool:
        """Whether the bars are neighbouring ranges."""
        return self.of in UNITS

    @property
    def has_rest(self) -> bool:
        """Whether the last bar counts all values without a bar of their own."""
        return self.of == "values" and len(self.counts) > BARS

    def summary(self) -> str:
        """Return the range of the values, or the commonest of them, in a few words."""
        if self.is_histogram:
            return (self.low if self.low == self.high else f"{self.low} to {self.high}") + UNITS[self.of]
        return ", ".join(map(self._bar, range(len(self.counts))))

    def in_words(self) -> str:
        """Return what a picture of it shows, for those who do not see it."""
        most = int(np.argmax(self.counts)) if self.is_histogram and len(self.counts) > 1 else None
        parts = [
            self.summary(),
            f"most in {self._bar(most)}" if most is not None else "",
            f"in a sample of {self.rows:,} rows" if self.rows is not None else "",
        ]
        return f"{self.of}: {joined(*parts)}"

    def _bar(self, place: int) -> str:
        return f"{self.labels[place]} ({percent(self.counts[place] / sum(self.counts))})"


def distribution_of(read: ReadRows, rows: int, *, hides_values: bool = False) -> Distribution | None:
    """Return how the values of a column are spread. Of many rows, some from all parts of the column are looked at.

    Parameters
    ----------
    read : callable
        Reads some rows of the column.
    rows : int
        Number of rows of the column.
    hides_values : bool
        Whether no value may be shown: then only lengths of text are shown.

    Returns
    -------
    Distribution or None
        None if no value was found.
    """
    sample = _Sample()
    for part in _runs(rows):
        sample.add(read(part), part.start)
    hashes, measures, positions = map(np.concatenate, (sample.hashes, sample.measures, sample.positions))
    if not len(hashes):
        return None
    unique, firsts, counts = np.unique(hashes, return_index=True, return_counts=True)
    bars = _Bars(measures, positions[firsts], firsts, counts)
    spread = _spread(sample, bars, read, hides_values)
    return replace(spread, distinct=len(unique), rows=SAMPLE if rows > SAMPLE else None)


@dataclass
class _Sample:
    """What is kept of the rows that are looked at.

    Attributes
    ----------
    of : set of str
        What was measured. A column of objects may have several in its parts.
    types : Counter
        Mixpanel type -> number of values.
    hashes, measures, positions : list of numpy.ndarray
        Of each value: its hash, the number that represents it, and its row.
    """

    of: set[Counted] = field(default_factory=set)
    types: Counter[str] = field(default_factory=Counter)
    hashes: list[np.ndarray] = field(default_factory=lambda: [np.zeros(0, np.uint64)])
    measures: list[np.ndarray] = field(default_factory=lambda: [np.zeros(0)])
    positions: list[np.ndarray] = field(default_factory=lambda: [np.zeros(0, np.int64)])

    def add(self, values: Normalised, start: int) -> None:
        """Keep what is needed of some rows, the first of which is `start`."""
        present = ~values.missing
        if not present.any():
            return
        of, measures = _measures(values)
        self.of.add(of)
        self.types.update(
            [_TYPES[of]] * int(present.sum()) if values.kinds is None else values.kinds[present].tolist()
        )
        self.hashes.append(hash_texts(texts_of(values))[present])
        self.measures.append(measures[present])
        self.positions.append(np.flatnonzero(present) + start)


@dataclass(frozen=True)
class _Bars:
    """The measure of each value; and of each different value the row and the place where it comes first, and how often it comes."""

    measures: np.ndarray
    rows: np.ndarray
    places: np.ndarray
    counts: np.ndarray

    @property
    def common(self) -> float:
        """The share of the commonest values that get a bar."""
        return float(np.sort(self.counts)[-BARS:].sum() / len(self.measures))


def _runs(rows: int) -> list[slice]:
    """Return runs of rows from all parts of a column; all rows if there are few."""
    length = max(SAMPLE // RUNS, 1)
    if rows <= SAMPLE:
        starts = list(range(0, rows, length))
    else:
        starts = np.linspace(0, rows - length, RUNS).astype(int).tolist()
    return [slice(start, min(start + length, rows)) for start in starts]


def _spread(sample: _Sample, bars: _Bars, read: ReadRows, hides_values: bool) -> Distribution:
    """Return the bars that tell most."""
    if len(sample.types) > 1:
        types, counts = zip(*sample.types.most_common(), strict=True)
        return Distribution("types", types, counts)
    of = next(iter(sample.of))
    if len(sample.of) > 1 or (hides_values and of not in LENGTHS):
        return Distribution("values")
    few = of == "values" or (of in {"numbers", "characters"} and len(bars.counts) <= BARS)
    repeats = of == "characters" and len(bars.counts) <= len(bars.measures) / 2 and bars.common >= COMMON
    if (few or repeats) and not hides_values:
        return _of_values(of, bars, read)
    return _histogram(of, bars.measures)


def _of_values(of: str, bars: _Bars, read: ReadRows) -> Distribution:
    """Return a bar for each of the commonest texts and one for all others, or for each number in their order."""
    keys = (bars.places, -bars.counts) if of == "characters" else (bars.measures[bars.places],)
    shown = np.lexsort(keys)[:BARS]
    labels = [shortened(text, Length.NAME) for text in _labels(read(bars.rows[shown]))]
    counts = bars.counts[shown].tolist()
    if rest := len(bars.measures) - sum(counts):
        labels, counts = [*labels, OTHER], [*counts, rest]
    return Distribution("values", tuple(labels), tuple(counts))


def _labels(values: Normalised) -> list[str]:
    """Return a few values as text, strings without the quotes of JSON."""
    texts: list[str] = texts_of(values).to_pylist()
    return [
        orjson.loads(text) if values.kinds is not None and text.startswith('"') else text for text in texts
    ]


def _histogram(of: Counted, measures: np.ndarray) -> Distribution:
    """Return the counts of ranges of one width."""
    low, high = float(measures.min()), float(measures.max())
    if max(-low, high) >= WIDEST:
        return Distribution(of, low=_number(low, 0), high=_number(high, 0))
    text = _text_of(of, measures, high - low)
    step = DAY if of == "dates" else 1
    # from 1 to 3 are three numbers, and from Monday to Wednesday three days
    whole = 0 if (measures % step).any() else step
    bins, width = _bins(high - low, whole)
    places = ((measures - low) / (width or 1.0)).astype(np.int64).clip(0, bins - 1)
    starts = low + width * np.arange(bins)
    stops = np.minimum(starts + width - whole, high)
    ranges = [(text(start), text(stop)) for start, stop in zip(starts.tolist(), stops.tolist(), strict=True)]
    labels = [start if start == stop else f"{start} to {stop}" for start, stop in ranges]
    counts = np.bincount(places, minlength=bins).tolist()
    return Distribution(of, tuple(labels), tuple(counts), text(low), text(high))


def _bins(span: float, whole: int) -> tuple[int, float]:
    """Return the number and the width of the ranges; `whole` is what all numbers are multiples of, or 0."""
    if not whole:
        return (BINS, span / BINS) if span else (1, 0.0)
    steps = span / whole + 1
    # the last range is to be as wide as the others, or nearly so
    most = min(range(BINS, BINS // 2, -1), key=lambda bins: -steps % bins)
    width = float(np.ceil(steps / most)) if steps > BINS else 1.0
    return int(np.ceil(steps / width)), width * whole


#: From here on the sums of numbers may be no floats: there is no histogram.
WIDEST = 1e300

#: Milliseconds of a day, and the greatest number that is written with all its digits.
DAY, GREATEST = 86_400_000, 10**15


def _text_of(of: Counted, measures: np.ndarray, span: float) -> Callable[[float], str]:
    """Return what writes the ends of ranges so that neighbours differ."""
    if of == "dates":
        unit = "m" if (measures % DAY).any() and span < BINS * DAY else "D"
        return lambda end: str(np.datetime64(int(end), "ms").astype(f"datetime64[{unit}]")).replace("T", " ")
    is_whole = not (measures % 1).any()
    decimals = int(-np.floor(np.log10(span / BINS))) if not is_whole and 0 < span < BINS else 0
    return lambda end: _number(end, decimals)


def _number(number: float, decimals: int) -> str:
    return f"{number:,.{decimals}f}" if abs(number) < GREATEST and decimals < 7 else f"{number:.3g}"


def texts_of(values: Normalised) -> pa.Array:
    """Return a text for each value: strings as they are, everything else as JSON."""
    if values.kinds is None and pa.types.is_large_string(values.array.type):
        return values.array
    opening, texts, closing = json_texts(values)
    return join(opening, texts, closing) if opening == "[" else texts


# -- value -> the number that represents it ---------------------------------------------------------------------------


def _measures(values: Normalised) -> tuple[Counted, np.ndarray]:
    """Return what the bars are of, and the number that represents each value."""
    array = values.array
    if values.kinds is not None:
        kinds = set(values.kinds[~values.missing])
        of, measure = _OF_JSON.get(kinds.pop(), _BYTES) if len(kinds) == 1 else _BYTES
    else:
        of, measure = next(((of, measure) for fits, of, measure in _OF_TYPES if fits(array.type)), _NUMBERS)
    return of, np.asarray(measure(array).cast(pa.float64(), safe=False).fill_null(0))


def _milliseconds(array: pa.Array) -> pa.Array:
    return array.cast(pa.timestamp("ms")).cast(pa.int64())


Measure = tuple[Counted, "Callable[[pa.Array], pa.Array]"]

_NUMBERS: Measure = ("numbers", lambda array: array.cast(pa.float64(), safe=False))
_BYTES: Measure = ("bytes", pc.binary_length)

#: Type of the values -> what the bars are of, and what is measured. All other types are numbers.
_OF_TYPES: tuple[tuple[Callable[[pa.DataType], bool], Counted, Callable[[pa.Array], pa.Array]], ...] = (
    (pa.types.is_boolean, "values", lambda array: array.cast(pa.int8())),
    (pa.types.is_large_string, "characters", pc.utf8_length),
    (pa.types.is_large_list, "items", pc.list_value_length),
    (pa.types.is_temporal, "dates", _milliseconds),
)


def _items(array: pa.Array) -> pa.Array:
    """Return the number of items of lists that are JSON text. No function of Arrow reads JSON, so Python looks at each of the sample."""
    return pa.array(
        [None if text is None else len(orjson.loads(text)) for text in array.to_pylist()], pa.int64()
    )


#: What the bars are of, where the values are no JSON text -> Mixpanel's type of the values.
_TYPES = {"values": "boolean", "characters": "string", "items": "list", "dates": "date", "numbers": "number"}

#: Mixpanel type of values that are JSON text -> the same. Of objects the bytes are measured.
_OF_JSON: dict[str, Measure] = {
    "number": _NUMBERS,
    "boolean": ("values", lambda array: pc.equal(array, "true").cast(pa.int8())),
    "date": ("dates", lambda array: _milliseconds(pc.replace_substring(array, '"', ""))),
    "list": ("items", _items),
    "string": ("characters", lambda array: pc.subtract(pc.utf8_length(array), 2)),
}

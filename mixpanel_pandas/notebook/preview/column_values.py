"""What the values of a column look like: how they are spread, and how many differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mixpanel_pandas.checking.distribution import distribution_of
from mixpanel_pandas.errors import OperationError, naming_column, reading_column
from mixpanel_pandas.notebook.pictures import Picture, picture_of
from mixpanel_pandas.payloads.normalise import normalise
from mixpanel_pandas.payloads.sources import array_of

if TYPE_CHECKING:
    from collections.abc import Hashable

    from mixpanel_pandas.checking.distribution import Distribution
    from mixpanel_pandas.notebook.preview.state import State
    from mixpanel_pandas.payloads.layout import PropertyColumn
    from mixpanel_pandas.payloads.normalise import Normalised
    from mixpanel_pandas.payloads.sources import Rows

__all__ = ["column_distribution", "distinct_in_words", "picture_of_column"]

NO_PICTURE = Picture()


def picture_of_column(state: State, label: Hashable, *, unmasked: bool = False) -> Picture:
    """Return a small picture of the values of a column; an empty one if there is nothing to show."""
    spread = column_distribution(state, label, unmasked=unmasked)
    return picture_of(spread, distinct_in_words(spread)) if spread is not None else NO_PICTURE


def distinct_in_words(spread: Distribution) -> str:
    """Return how many values differ; at least so many if not all rows were looked at."""
    return f"{spread.distinct:,}{'' if spread.rows is None else '+'} distinct"


def column_distribution(state: State, label: Hashable, *, unmasked: bool = False) -> Distribution | None:
    """Return how the values of a column are spread as they would be sent.

    Of private values only lengths are told, unless `unmasked`. None for a property that is no column, a column without a value, and one
    that cannot be read: that is a finding.
    """
    if label not in state.frame.columns:
        return None
    column = next((column for column in state.layout.columns if column.label == label), None)
    hides_values = not unmasked and state.is_private(label, column.name if column else None)
    options = state.operation.options
    how = repr(((options.parse or {}).get(label), options.blank, options.na, options.trim)) if column else ""

    def make() -> Distribution | None:
        try:
            return distribution_of(
                _reader(state, label, column), state.layout.rows, hides_values=hides_values
            )
        except OperationError:
            return None

    return state.facts.once(("distribution", label, how, hides_values), make)


def _reader(state: State, label: Hashable, column: PropertyColumn | None) -> Any:
    """Return what reads some rows of a column, of which each key may become a property, or which is not sent."""
    place: Any = state.frame.columns.get_loc(label)
    rule = column.source.rule if column else state.facts.column(place, None)[0]
    parse, blank = (column.parse if column else None), state.operation.options.blank

    def read(rows: Rows) -> Normalised:
        with reading_column(label):
            values = array_of(state.frame.iloc[rows, place])
        with naming_column(label):
            return normalise(values, rule, parse=parse, blank=blank, rows=rows)

    return read

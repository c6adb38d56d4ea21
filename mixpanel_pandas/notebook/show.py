"""``mpd.show``: the frames of this package as formatted tables. The frames themselves stay plain.

Each kind of frame has a row in `KINDS`: which columns are shown, the caption above them, and which rows come first if there are
too many. Each column has a format in `FORMATS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mixpanel_pandas.checking.distribution import Distribution
from mixpanel_pandas.checking.report import report_in_words
from mixpanel_pandas.delivery.summary import COLUMNS
from mixpanel_pandas.delivery.summary_in_words import words
from mixpanel_pandas.errors import OperationError
from mixpanel_pandas.notebook.pictures import Picture, picture_of
from mixpanel_pandas.notebook.tables import MARKS, Table, TableColumn
from mixpanel_pandas.rules.outcomes import OUTCOMES
from mixpanel_pandas.text import NOT_SHOWN, Length, counted, percent, shortened, size_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

__all__ = ["show", "table_of"]


def show(frame: pd.DataFrame, rows: int = 20) -> Table:
    """Return a frame as a formatted table, below a line that sums it up.

    It knows the summary of an upload, the report of `validate`, totals, the inventory, the cells of a plan and the comparison of
    `verify`. Any other frame is shown with all its columns. The frame does not change.

    Parameters
    ----------
    frame : pandas.DataFrame
        The frame, or some of its rows and columns.
    rows : int, default 20
        The most rows to show. If there are more, a summary begins with the rows that were not all accepted, and a report with the
        first row of each finding.

    Returns
    -------
    Table
        A notebook shows the table as HTML, ``print`` shows it as text of the width of the terminal, and ``.caption`` is the line
        above it. Missing values are blank, columns without any value are left out, bytes are in kB and MB, values are escaped.

    Raises
    ------
    OperationError
        If `frame` is not a frame, or `rows` is below 0.

    Examples
    --------
    >>> df = pd.DataFrame({"user_id": ["ann", "bob"], "$email": ["ann@here.com", "bob"]})
    >>> mpd.show(df.mixpanel.validate("set", "user_id"))
    0 errors, 1 warning, 0 hints in 2 rows x 1 property
    severity   check  column  index  value  message                            count
    ! warning  email  $email  1      bob    the value is not an e-mail             1
                                            address
    >>> mpd.show(df[:1].mixpanel.validate("set", "user_id"))
    0 errors, 0 warnings, 0 hints in 1 row x 1 property
    """
    if not isinstance(frame, pd.DataFrame):
        msg = f"show needs a frame, such as the summary that a verb returned, not {type(frame).__name__}"  # type: ignore[unreachable]  # callers without a type checker
        raise OperationError(msg)
    if rows < 0:
        msg = f"rows={rows!r} must be a whole number of 0 or more"
        raise OperationError(msg)
    kind = next((kind for kind in KINDS if set(kind.required) <= set(frame.columns)), ANY)
    first = _first(frame, kind, rows)
    return table_of(
        kind.prepare(first), kind.caption(frame), kind.columns, _note(len(first), len(frame), kind)
    )


def table_of(frame: pd.DataFrame, caption: str, columns: Sequence[str] = (), note: str = "") -> Table:
    """Return a table of all rows of a frame.

    Parameters
    ----------
    caption, note : str
        The texts above and below the table.
    columns : sequence of str
        The columns to show, in this order, if the frame has them. By default every column. A column without any value is left out.
    """
    labels = list(frame.columns)
    places = [labels.index(name) for name in columns if name in labels] or range(len(labels))
    shown = [_shown_column(labels[place], frame.iloc[:, place]) for place in places]
    shown = [(column, texts) for column, texts in shown if any(texts)]
    return Table(
        tuple(column for column, _texts in shown),
        tuple(zip(*(texts for _column, texts in shown), strict=True)),
        _sentence(caption),
        note,
    )


def _shown_column(label: Hashable, values: pd.Series[Any]) -> tuple[TableColumn, list[str]]:
    """Return how a column is shown, and its values as text."""
    is_number = pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype)
    how = FORMATS.get(str(label), Format(align_right=is_number, wraps=not is_number))
    texts = [_cell(values, place, how.text) for place in range(len(values))]
    return TableColumn(how.heading or shortened(label), how.align_right, how.wraps, width=how.width), texts


def _cell(values: pd.Series[Any], place: int, text: Callable[[Any], str]) -> str:
    """Return a value as text; a missing one is blank."""
    try:
        value = values.iloc[place]
    except Exception:  # noqa: BLE001  # a date beyond Python's years, for one
        return NOT_SHOWN
    if value is None or (pd.api.types.is_scalar(value) and bool(pd.isna(value))):
        return ""
    try:
        shown = text(value)
        return shown if isinstance(shown, Picture) else _sentence(shown)
    except Exception:  # noqa: BLE001  # a frame of a user's, with the names of ours and other values
        return shortened(value)


def _first(frame: pd.DataFrame, kind: Kind, rows: int) -> pd.DataFrame:
    """Return at most `rows` rows."""
    if len(frame) <= rows or kind.rank is None:
        return frame.iloc[:rows]
    return frame.iloc[np.argsort(np.asarray(kind.rank(frame)), kind="stable")[:rows]]


def _note(shown: int, total: int, kind: Kind) -> str:
    """Return how many rows are shown, unless all are."""
    if shown == total:
        return ""
    first = f", {kind.first}" if kind.first and shown else ""
    return f"{shown:,} of {counted(total, kind.noun)}{first}"


# -- values -> text ---------------------------------------------------------------------------------------------------


def _sentence(text: object) -> str:
    """Return a sentence in full length."""
    return shortened(text, Length.MESSAGE)


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _requests(value: float) -> str:
    """Return a number of requests; one is what everybody expects."""
    return _count(value) if value > 1 else ""


def _marked(value: str) -> str:
    return f"{MARKS[value].symbol} {value}" if value in MARKS else shortened(value)


def _size(value: int) -> str:
    return size_of(value) if value else ""


def _seconds(value: float) -> str:
    """Return how long a request took; rows that were not sent took no time."""
    if not value:
        return ""
    return f"{value:,.3f} s" if value < 10 else f"{value:,.1f} s"


def _instant(value: pd.Timestamp) -> str:
    return f"{value:%Y-%m-%d %H:%M:%S}"


def _listed(values: Any) -> str:
    """Return the items of a list, or the names of a mapping with their counts."""
    if isinstance(values, str):
        return shortened(values)
    if isinstance(values, Mapping):
        return ", ".join(f"{shortened(name)} {count:,}" for name, count in values.items())
    return ", ".join(map(shortened, values))


def _picture(value: Mapping[str, Any]) -> Picture:
    return picture_of(Distribution(**value))


def _yes(value: object) -> str:
    return "yes" if value else ""


def _verdict(value: object) -> str:
    return "yes" if value else "no"


@dataclass(frozen=True)
class Format:
    """How the column of a frame is shown.

    Attributes
    ----------
    text : callable
        A value that is not missing -> text.
    align_right, wraps : bool
        As in `TableColumn`.
    heading : str
        The text above the column. By default its name.
    width : str
        Its width on a page, in CSS.
    """

    text: Callable[[Any], str] = shortened
    align_right: bool = False
    wraps: bool = False
    heading: str = ""
    width: str = "auto"


#: Name of a column -> its format.
FORMATS: dict[str, Format] = {
    **dict.fromkeys(("rows", "updates", "attempts", "start", "stop", *OUTCOMES), Format(_count, align_right=True)),
    **dict.fromkeys(("count", "position", "filled", "distinct", "over_limit"), Format(_count, align_right=True)),
    **dict.fromkeys(("bytes", "largest"), Format(_size, align_right=True)),
    **dict.fromkeys(("fill", "top_share"), Format(percent, align_right=True)),
    **dict.fromkeys(("batch", "status_code"), Format(str, align_right=True)),
    **dict.fromkeys(("outcome", "severity"), Format(_marked)),
    **dict.fromkeys(("error", "reason", "of them"), Format(_sentence, wraps=True)),
    "examples": Format(wraps=True, width="14%"),
    "message": Format(_sentence, wraps=True, width="48%"),
    **dict.fromkeys(("type", "types", "findings"), Format(_listed, wraps=True)),
    "distribution": Format(_picture),
    "requests": Format(_requests, align_right=True),
    "limit": Format(_sentence),
    "elapsed": Format(_seconds, align_right=True),
    "started": Format(_instant, heading="started (UTC)"),
    "nearly_constant": Format(_yes, heading="constant"),
    "matches": Format(_verdict),
}  # fmt: skip


# -- frame -> caption -------------------------------------------------------------------------------------------------


def _totals_in_words(totals: pd.DataFrame) -> str:
    return f"{counted(int(totals['rows'].sum()), 'row')}, {counted(int(totals['updates'].sum()), 'update')}"


def _inventory_in_words(inventory: pd.DataFrame) -> str:
    attrs: Mapping[str, str] = inventory.attrs.get("mixpanel", {})
    rows = f" of {counted(int(attrs['rows']), 'row')}" if "rows" in attrs else ""
    counts = {
        "with values over a limit": (inventory["over_limit"] > 0).sum(),
        "nearly constant": inventory["nearly_constant"].sum(),
        "empty": (inventory["filled"] == 0).sum(),
        "reserved or alike": inventory["reserved"].notna().sum(),
    }
    details = ", ".join(f"{count:,} {words}" for words, count in counts.items() if count)
    return f"{counted(len(inventory), 'property')}{rows}{f': {details}' if details else ''}"


def _cells_in_words(cells: pd.DataFrame) -> str:
    counts = cells["change"].value_counts()
    parts = ", ".join(f"{counts.get(change, 0):,} {change}" for change in ("new", "changed", "emptied"))
    return f"{counted(len(cells), 'cell')} in {counted(cells['id'].nunique(), 'profile')}: {parts}"


def _comparison_in_words(comparison: pd.DataFrame) -> str:
    matches = comparison["matches"].astype("boolean")
    counts = {
        "as sent": matches.sum(),
        "different": (~matches).sum(),
        "not known": matches.isna().sum(),
    }
    parts = ", ".join(f"{count:,} {words}" for words, count in counts.items() if count)
    profiles = counted(comparison["id"].nunique(), "profile")
    return f"{counted(len(comparison), 'value')} in {profiles}{f': {parts}' if parts else ''}"


def _drift_in_words(drift: pd.DataFrame) -> str:
    if drift.empty:
        return "nothing has changed since the plan was made"
    return f"{counted(drift['id'].nunique(), 'profile')} changed since the plan was made"


def _shape_in_words(frame: pd.DataFrame) -> str:
    return f"{counted(len(frame), 'row')} x {counted(frame.shape[1], 'column')}"


# -- rows -> the same rows, with columns joined that belong together ---------------------------------------------------


def _with_mixed_outcomes(summary: pd.DataFrame) -> pd.DataFrame:
    """Add the column "of them": how many rows of a request ended in which way, if not all ended alike."""
    counts = summary[list(OUTCOMES)]
    texts = [
        ", ".join(f"{count:,} {outcome}" for outcome, count in row.items() if count)
        for row in counts.to_dict("records")
    ]
    is_mixed = (counts > 0).sum(axis=1) > 1
    return summary.assign(**{"of them": pd.Series(texts, summary.index, dtype=object).where(is_mixed, None)})


def _without_repetition(report: pd.DataFrame) -> pd.DataFrame:
    """Drop what a line repeats: the property if it is named like its column, and what the line above says of the same finding.

    Where the finding is about the column as a whole, there is no value either.
    """
    is_same = [str(label) == name for label, name in zip(report["column"], report["property"], strict=True)]
    is_of_column = report["position"].isna().to_numpy(bool)
    finding = report[["severity", "check", "column", "message"]].astype(str)
    is_repeated = (finding == finding.shift()).all(axis=1).to_numpy(bool)
    repeated = [name for name in OF_A_FINDING if name in report.columns]
    return report.assign(
        property=_blanked(report["property"], np.array(is_same, bool)),
        value=_blanked(report["value"], is_of_column),
        **{name: _blanked(report[name], is_repeated) for name in repeated},
    )


#: What all lines of a finding have alike.
OF_A_FINDING = ("limit", "message", "count")


def _blanked(column: pd.Series[Any], mask: np.ndarray) -> pd.Series[Any]:
    values = column.to_numpy(object, copy=True)
    values[mask] = None
    return pd.Series(values, column.index, dtype=object)


def _with_types_and_examples(inventory: pd.DataFrame) -> pd.DataFrame:
    """Show the counts of types if there are several, and as many examples as fit a short line."""
    types = [
        kind if len(counts) < 2 else counts
        for kind, counts in zip(inventory["type"], inventory["types"], strict=True)
    ]
    examples = [_examples([shortened(value) for value in values]) for values in inventory["examples"]]
    return inventory.assign(
        type=pd.Series(types, inventory.index, dtype=object),
        examples=pd.Series(examples, inventory.index, dtype=object),
    )


def _examples(texts: list[str]) -> str:
    """Return the first examples, at least one."""
    while len(texts) > 1 and len(", ".join(texts)) > Length.EXAMPLE:
        texts = texts[:-1]
    return ", ".join(texts)


@dataclass(frozen=True)
class Kind:
    """How one kind of frame is shown.

    Attributes
    ----------
    required : tuple of str
        A frame with these columns is of this kind.
    columns : tuple of str
        The columns to show, as in `table_of`.
    caption : callable
        Frame -> one line that sums it up.
    prepare : callable
        The rows that are shown -> the same rows, with columns joined that belong together.
    noun : str
        The noun for a row.
    rank : callable, optional
        Frame -> a number for each row. If not all rows are shown, those with the lowest numbers are.
    first : str
        The words for these rows.
    """

    required: tuple[str, ...]
    columns: tuple[str, ...]
    caption: Callable[[pd.DataFrame], str]
    prepare: Callable[[pd.DataFrame], pd.DataFrame] = lambda frame: frame
    noun: str = "line"
    rank: Callable[[pd.DataFrame], Any] | None = None
    first: str = ""


KINDS: tuple[Kind, ...] = (
    Kind(  # the summary of an upload
        tuple(COLUMNS),
        ("batch", "rows", "outcome", "of them", "bytes", "status_code", "requests", "started", "elapsed", "reason", "error"),
        words,
        _with_mixed_outcomes,
        rank=lambda summary: summary["accepted"] == summary["rows"],
        first="those with rows that are not accepted first",
    ),
    Kind(  # the report of `validate`
        ("severity", "check", "column", "property", "position", "value", "message"),
        ("severity", "check", "column", "property", "index", "value", "limit", "message", "count"),
        report_in_words,
        _without_repetition,
        rank=lambda report: report.groupby(["severity", "check", "column", "message"], dropna=False, observed=True).cumcount(),
        first="the first of each finding first",
    ),
    Kind(("outcome", "reason", "status_code", "rows", "updates"), (), _totals_in_words),  # totals
    Kind(  # the inventory
        ("column", "type", "types", "filled", "examples", "over_limit", "nearly_constant", "reserved"),
        ("column", "type", "fill", "distinct", "distribution", "examples", "largest", "nearly_constant", "reserved", "findings"),
        _inventory_in_words,
        _with_types_and_examples,
    ),
    Kind(  # the drift of a plan
        ("id", "property", "before", "now", "after"),
        ("id", "property", "before", "now", "after"),
        _drift_in_words,
        noun="value",
    ),
    Kind(  # the cells of a plan
        ("position", "id", "property", "before", "after", "change"),
        ("id", "property", "before", "after", "change"),
        _cells_in_words,
        noun="cell",
    ),
    Kind(  # what `verify` has read
        ("id", "property", "expected", "found", "matches", "reason"),
        ("id", "property", "expected", "found", "matches", "reason"),
        _comparison_in_words,
        noun="value",
        rank=lambda comparison: comparison["matches"].astype("boolean").fillna(True).astype(bool),
        first="those that differ first",
    ),
)  # fmt: skip

#: Any other frame.
ANY = Kind((), (), _shape_in_words, noun="row")

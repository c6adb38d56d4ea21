"""The whole line, frame -> layout -> checks -> payloads -> batches -> deliveries -> summary, and its earlier stops."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mixpanel_pandas.checking.inventory import take_inventory
from mixpanel_pandas.checking.report import make_report, raise_errors, report_in_words
from mixpanel_pandas.checking.scan import id_digest
from mixpanel_pandas.checking.schema import checked, make_schema
from mixpanel_pandas.delivery.sending import send
from mixpanel_pandas.delivery.summary import failures_mask, outcomes
from mixpanel_pandas.errors import SummaryError, choices, in_our_words
from mixpanel_pandas.payloads.json_text import read_json
from mixpanel_pandas.payloads.layout import layout_of_ids, make_layout
from mixpanel_pandas.payloads.slices import encode_slices

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    import pandera.pandas as pandera

    from mixpanel_pandas.rules.operation import Operation

__all__ = ["inventory", "payloads", "report", "rows_to_send_again", "rows_with_outcomes", "schema", "send"]

logger = logging.getLogger("mixpanel_pandas")


def report(frame: pd.DataFrame, operation: Operation, first: int | None = 100) -> pd.DataFrame:
    """Check `frame`, and return what is wrong."""
    decisions, findings = checked(frame, operation)
    with in_our_words():
        found = make_report(decisions.frame, decisions.layout, findings, first)
    logger.info("validate: %s", report_in_words(found))
    return found


def payloads(frame: pd.DataFrame, operation: Operation) -> pd.Series[Any]:
    """Check `frame`, and return what would be sent for each row, without the token: a Python object per row, to look at."""
    decisions, findings = checked(frame, operation)
    frame, layout = decisions.frame, decisions.layout
    with in_our_words():
        raise_errors(frame, layout, findings)
    rows = np.full(len(frame), None, dtype=object)
    for found in encode_slices(layout, decisions.changes):
        texts = found.text.to_pylist()
        records = read_json([f"[{text[:-1]}]" for text in texts]).values  # each record ends with a comma
        for position, of_row in zip(found.positions, records, strict=True):
            rows[position] = of_row if len(of_row) > 1 else of_row[0]
    return pd.Series(rows, index=frame.index, name=operation.verb, dtype=object)


def inventory(frame: pd.DataFrame) -> pd.DataFrame:
    """Return what the columns of `frame` hold."""
    with in_our_words():
        return take_inventory(frame.copy(deep=False))


def schema(frame: pd.DataFrame, operation: Operation) -> pandera.DataFrameSchema:
    """Return the checks for frames like `frame`."""
    with in_our_words():
        return make_schema(make_layout(frame, operation))


def rows_with_outcomes(frame: pd.DataFrame, summary: pd.DataFrame) -> pd.DataFrame:
    """Return what became of each row of `frame`."""
    with in_our_words():
        return outcomes(summary, frame.index, _digest(frame, summary))


def rows_to_send_again(
    frame: pd.DataFrame, summary: pd.DataFrame, wanted: Iterable[str] | None
) -> pd.DataFrame:
    """Return the retryable rows of `frame`."""
    with in_our_words():
        rows = failures_mask(summary, frame.index, _digest(frame, summary), wanted)
    with in_our_words("a column", ": convert it to another dtype, so that pandas can take rows of it"):
        return frame[rows]


def _digest(frame: pd.DataFrame, summary: pd.DataFrame) -> str:
    """Return the digest of the ids of `frame`, in the column that the summary names."""
    named = getattr(summary, "attrs", {}).get("mixpanel", {}).get("id")
    labels: list[Hashable] = [*frame.columns, *(name for name in frame.index.names if name is not None)]
    label = next((label for label in labels if repr(label) == named), None)
    if named is not None and label is None:
        msg = f"the summary was made from a frame with its ids in {named}, which this one lacks: there are {choices(labels)}"
        raise SummaryError(msg)
    return id_digest(layout_of_ids(frame, label)) if named is not None else ""

"""The whole line, frame -> layout -> checks -> payloads -> batches -> deliveries -> summary, and its earlier stops."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mixpanel_pandas.checking.decisions import check_frame
from mixpanel_pandas.checking.inventory import take_inventory
from mixpanel_pandas.checking.report import make_report, raise_errors, report_in_words
from mixpanel_pandas.checking.scan import id_digest
from mixpanel_pandas.delivery.sending import send
from mixpanel_pandas.delivery.summary import failures_mask, outcomes
from mixpanel_pandas.errors import SummaryError, choices
from mixpanel_pandas.payloads.json_text import read_json
from mixpanel_pandas.payloads.layout import layout_of_ids
from mixpanel_pandas.payloads.slices import encode_slices
from mixpanel_pandas.payloads.sources import labels_of, rows_of_frame
from mixpanel_pandas.text import repr_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandera.pandas as pandera

    from mixpanel_pandas.rules.operation import Operation

__all__ = ["inventory", "payloads", "report", "rows_to_send_again", "rows_with_outcomes", "schema", "send"]

logger = logging.getLogger("mixpanel_pandas")


def report(frame: pd.DataFrame, operation: Operation, first: int | None = 100) -> pd.DataFrame:
    """Check `frame`, and return what is wrong."""
    decisions = check_frame(frame, operation)
    findings = make_report(decisions.frame, decisions.layout, decisions.findings, first)
    logger.info("validate: %s", report_in_words(findings))
    return findings


def payloads(frame: pd.DataFrame, operation: Operation) -> pd.Series[Any]:
    """Check `frame`, and return what would be sent for each row, without the token: a Python object per row, to look at."""
    decisions = check_frame(frame, operation)
    raise_errors(decisions)
    rows = np.full(len(frame), None, dtype=object)
    for encoded in encode_slices(decisions.layout, decisions.changes):
        texts = encoded.text.to_pylist()
        records = read_json([f"[{text[:-1]}]" for text in texts]).values  # each record ends with a comma
        for position, of_row in zip(encoded.positions, records, strict=True):
            rows[position] = of_row if len(of_row) > 1 else of_row[0]
    return pd.Series(rows, index=decisions.frame.index, name=operation.verb, dtype=object)


def inventory(frame: pd.DataFrame) -> pd.DataFrame:
    """Return what the columns of `frame` hold."""
    return take_inventory(frame.copy(deep=False))


def schema(frame: pd.DataFrame, operation: Operation) -> pandera.DataFrameSchema:
    """Return the checks for frames like `frame`."""
    from mixpanel_pandas.checking.schema import make_schema  # imports pandera, which takes about a second

    return make_schema(frame, operation)


def rows_with_outcomes(frame: pd.DataFrame, summary: pd.DataFrame) -> pd.DataFrame:
    """Return what became of each row of `frame`."""
    return outcomes(summary, frame.index, _digest(frame, summary))


def rows_to_send_again(
    frame: pd.DataFrame, summary: pd.DataFrame, wanted: Iterable[str] | None
) -> pd.DataFrame:
    """Return the retryable rows of `frame`."""
    return rows_of_frame(frame, failures_mask(summary, frame.index, _digest(frame, summary), wanted))


def _digest(frame: pd.DataFrame, summary: pd.DataFrame) -> str:
    """Return the digest of the ids of `frame`, in the column that the summary names; empty where it names none."""
    attributes = getattr(summary, "attrs", {}).get("mixpanel")
    id_repr = attributes.get("id") if isinstance(attributes, dict) else None
    if id_repr is None:
        return ""
    labels = labels_of(frame)
    for label in labels:
        if repr_of(label) == id_repr:
            return id_digest(layout_of_ids(frame, label))
    msg = f"the summary was made from a frame with its ids in {id_repr}, which this one lacks: there are {choices(labels)}"
    raise SummaryError(msg)

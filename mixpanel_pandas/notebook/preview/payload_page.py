"""What a page of the payloads view shows: the JSON of one row, encoded when it is opened."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mixpanel_pandas.notebook.preview.masking import masked_record

if TYPE_CHECKING:
    from mixpanel_pandas.notebook.preview.state import State

__all__ = ["PayloadPage", "largest_page", "payload_page", "reason_without_payload"]


@dataclass(frozen=True)
class PayloadPage:
    """What one row sends, or several rows that are merged.

    Attributes
    ----------
    position : int
        Position of the row in the frame; of merged rows, that of the last.
    label : str
        Index label of that row.
    text : str
        The payload as JSON, without the token.
    bytes : int
        Size of the payload as it is sent, with the token.
    """

    position: int
    label: str
    text: str
    bytes: int


def payload_page(state: State, number: int, *, unmasked: bool = False) -> PayloadPage:
    """Return what is sent for one of the `State.sent_rows`.

    Parameters
    ----------
    number : int
        Its number among them, from 0.
    unmasked : bool
        Whether private values can be read.
    """
    position = int(state.sent_rows[number])
    (payloads,) = state.encoded(np.array([position]))
    records = json.loads(f"[{payloads.text[0].as_py()[:-1]}]")  # each record ends with a comma
    for record in records:
        del record["$token"]
    records = records if unmasked else masked_record(records)
    text = json.dumps(records if len(records) > 1 else records[0], indent=2, ensure_ascii=False)
    return PayloadPage(position, state.row_label(position, unmasked=unmasked), text, payloads.nbytes - 1)


def largest_page(state: State) -> int:
    """Return the number of the row, among the `State.sent_rows`, that sends most bytes. This encodes every row."""
    measured = state.measured
    return int(np.searchsorted(state.sent_rows, measured.positions[measured.sizes.argmax()]))


def reason_without_payload(state: State, position: int) -> str:
    """Return why a row of the frame has no payload."""
    for excluded in state.decisions.excluded:
        if position in excluded.positions:
            return f"{excluded.outcome}: {excluded.reason}"
    refusing = [
        finding
        for finding in state.findings
        if finding.stands and (finding.rows is None or finding.rows.within(np.array([position])).any())
    ]
    return f"refused: {', '.join(dict.fromkeys(finding.words for finding in refusing))}"

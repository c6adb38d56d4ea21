"""What the payloads view shows: the JSON of one row, encoded when it is looked at."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mixpanel_pandas.notebook.preview.masking import masked_record

if TYPE_CHECKING:
    from mixpanel_pandas.notebook.preview.state import State

__all__ = ["Payload", "largest", "payload", "why_without"]


@dataclass(frozen=True)
class Payload:
    """What one row sends, or several that are merged.

    Attributes
    ----------
    position : int
        Of the row in the frame; of rows that are merged the last.
    label : str
        Of the row in the frame's index.
    text : str
        JSON, without the token.
    bytes : int
        As it is sent, with the token.
    """

    position: int
    label: str
    text: str
    bytes: int


def payload(state: State, number: int, *, shown: bool = False) -> Payload:
    """Return what is sent for one of the `State.sent_rows`.

    Parameters
    ----------
    number : int
        Which of them, from 0.
    shown : bool
        Whether private values are readable.
    """
    position = int(state.sent_rows[number])
    (found,) = state.encoded(np.array([position]))
    records = json.loads(f"[{found.text[0].as_py()[:-1]}]")  # each record ends with a comma
    for record in records:
        del record["$token"]
    seen = records if shown else masked_record(records)
    text = json.dumps(seen if len(seen) > 1 else seen[0], indent=2, ensure_ascii=False)
    return Payload(position, state.row_label(position, shown=shown), text, found.nbytes - 1)


def largest(state: State) -> int:
    """Return which of the `State.sent_rows` sends most bytes; every row is encoded to know."""
    measured = state.measured
    return int(np.searchsorted(state.sent_rows, measured.positions[measured.sizes.argmax()]))


def why_without(state: State, position: int) -> str:
    """Return why a row of the frame has no payload."""
    for left in state.decisions.excluded:
        if position in left.positions:
            return f"{left.outcome}: {left.reason}"
    found = [p for p in state.findings if p.stands and (p.rows is None or p.rows[position])]
    return f"refused: {', '.join(dict.fromkeys(finding.words for finding in found))}"

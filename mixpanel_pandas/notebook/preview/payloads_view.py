"""The tab Payloads: the JSON of one row at a time, encoded when it is opened, and found by its number, its id or its size."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mixpanel_pandas.notebook.preview import html
from mixpanel_pandas.notebook.preview.controls import Button, Html, Input, Pager, hbox, vbox
from mixpanel_pandas.notebook.preview.masking import masked_record
from mixpanel_pandas.text import counted

if TYPE_CHECKING:
    from mixpanel_pandas.notebook.preview.host import Host
    from mixpanel_pandas.notebook.preview.state import State

__all__ = ["PayloadPage", "PayloadsView", "largest_page", "payload_page", "reason_without_payload"]


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


class PayloadsView:
    """The tab Payloads."""

    title = "Payloads"

    def __init__(self, host: Host) -> None:
        self._host = host
        self._pager = Pager("payload", "payload", lambda: host.guarded(self._show))
        self._id = Input(
            "Id", "find-id", lambda _text: host.guarded(self._find), hint="the whole id, then Enter"
        )
        self._go = Button("Find", "find", lambda: host.guarded(self._find), "Show the row with this id")
        self._largest = Button(
            "Largest",
            "largest",
            lambda: host.guarded(self._to_largest),
            "Show the largest payload; encodes every row",
        )
        self._message = Html("found")
        self._json = Html("payload-json")
        self.box: Any = vbox(
            hbox(self._id, self._go, self._largest), self._message, self._pager.box, self._json
        )

    def refresh(self) -> None:
        """Show the state of now."""
        state = self._host.state
        self._pager.set_count(len(state.sent_rows))
        excluded = f"{counted(state.excluded, 'row')} without a payload." if state.excluded else ""
        refused = (
            f"{counted(state.standing, 'error')} would refuse the frame, see Findings."
            if state.standing
            else ""
        )
        self._say(" ".join(filter(None, [excluded, refused])))
        self._show()

    def _show(self) -> None:
        state = self._host.state
        if not len(state.sent_rows):
            self._json.value = html.page([html.note("No row would be sent.")])
            return
        page = payload_page(state, self._pager.number, unmasked=self._host.unmasked)
        size = f"Row {page.label}, {page.bytes:,} bytes as it is sent (the token is left out here)"
        self._json.value = html.page([html.note(size), html.pre(page.text)])

    def _say(self, text: str) -> None:
        self._message.value = html.page([html.note(text)] if text else [])

    def _find(self) -> None:
        """Go to the next payload of the id that was typed, after the one that is shown."""
        state, text = self._host.state, self._id.value.strip()
        if not text:
            return
        self._id.value = ""  # the text of a control may be saved
        rows = state.rows_of_id(text)
        numbers = np.flatnonzero(np.isin(state.sent_rows, rows)).tolist()
        if not len(rows):
            self._say("No row has this id.")
        elif not numbers:
            label = state.row_label(int(rows[0]), unmasked=self._host.unmasked)
            self._say(
                f"Row {label} has this id and is not sent; {reason_without_payload(state, int(rows[0]))}."
            )
        else:
            later = [number for number in numbers if number > self._pager.number]
            self._pager.go_to((later or numbers)[0])
            self._say(f"{counted(len(rows), 'row')} with this id, {counted(len(numbers), 'payload')}.")

    def _to_largest(self) -> None:
        if len(self._host.state.sent_rows):
            self._pager.go_to(largest_page(self._host.state))
            self._say("This is the largest payload.")

"""The payloads: the JSON of one row at a time, found by its number, its id or its size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mixpanel_pandas.notebook.preview import html
from mixpanel_pandas.notebook.preview.controls import Button, Html, Input, column, row
from mixpanel_pandas.notebook.preview.pager import Pager
from mixpanel_pandas.notebook.preview.payload_page import largest, payload, why_without
from mixpanel_pandas.text import counted

if TYPE_CHECKING:
    from mixpanel_pandas.notebook.preview.host import Host

__all__ = ["PayloadsView"]


class PayloadsView:
    """What goes over the wire."""

    title = "Payloads"

    def __init__(self, host: Host) -> None:
        self._host = host
        self._pager = Pager("payload", "payload", lambda: host.look(self._show))
        self._id = Input(
            "Id", "find-id", lambda _text: host.look(self._find), hint="the whole id, then Enter"
        )
        self._go = Button("Find", "find", lambda: host.look(self._find), "Show the row with this id")
        self._largest = Button(
            "Largest",
            "largest",
            lambda: host.look(self._to_largest),
            "Show the largest payload; encodes every row",
        )
        self._said = Html("found")
        self._json = Html("payload-json")
        self.box = column(row(self._id, self._go, self._largest), self._said, self._pager.box, self._json)

    def refresh(self) -> None:
        """Show the state."""
        state = self._host.state
        self._pager.of(len(state.sent_rows))
        rest = state.excluded
        refused = (
            f" {counted(state.standing, 'error')} would refuse the frame, see Findings."
            if state.standing
            else ""
        )
        self._say(f"{counted(rest, 'row')} without a payload.{refused}" if rest or refused else "")
        self._show()

    def _show(self) -> None:
        state = self._host.state
        if not len(state.sent_rows):
            self._json.value = html.page([html.note("No row would be sent.")])
            return
        found = payload(state, self._pager.number, shown=self._host.shown)
        size = f"Row {found.label}, {found.bytes:,} bytes as it is sent (the token is left out here)"
        self._json.value = html.page([html.note(size), html.pre(found.text)])

    def _say(self, words: str) -> None:
        self._said.value = html.page([html.note(words)] if words else [])

    def _find(self) -> None:
        """Go to the next row with the id that was typed, after the one that is shown."""
        state, wanted = self._host.state, self._id.value.strip()
        if not wanted:
            return
        self._id.value = ""  # what stands in a control may be saved
        rows = state.rows_of_id(wanted)
        sent = [number for number in state.sent_rows.searchsorted(rows) if number < len(state.sent_rows)]
        sent = [number for number in sent if state.sent_rows[number] in rows]
        if not len(rows):
            self._say("No row has this id.")
        elif not sent:
            label = state.row_label(int(rows[0]), shown=self._host.shown)
            self._say(f"Row {label} has this id and is not sent; {why_without(state, int(rows[0]))}.")
        else:
            later = [number for number in sent if number > self._pager.number]
            self._pager.turn(int((later or sent)[0]))
            self._say(f"{counted(len(rows), 'row')} with this id, {counted(len(sent), 'payload')}.")

    def _to_largest(self) -> None:
        if len(self._host.state.sent_rows):
            self._pager.turn(largest(self._host.state))
            self._say("This is the largest payload.")

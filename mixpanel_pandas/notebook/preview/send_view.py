"""Sending: how much, where to, a button that says what it does, how far it is, and what became of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mixpanel_pandas.delivery.summary import totals as totals_of
from mixpanel_pandas.errors import MixpanelError, ValidationError
from mixpanel_pandas.notebook.preview import html
from mixpanel_pandas.notebook.preview.controls import Bar, Button, Html, Input, Tick, column, row
from mixpanel_pandas.notebook.preview.edits import with_option
from mixpanel_pandas.notebook.preview.runner import Runner
from mixpanel_pandas.notebook.preview.totals import confirmation, deed, totals, totals_in_words
from mixpanel_pandas.text import counted

if TYPE_CHECKING:
    from mixpanel_pandas.notebook.preview.host import Host
    from mixpanel_pandas.notebook.preview.state import State
    from mixpanel_pandas.project import Project

__all__ = ["SendView"]

#: Reasons shown for rows that were not accepted.
REASONS = 10


class SendView:
    """Send it."""

    title = "Send"

    def __init__(self, host: Host) -> None:
        self._host = host
        self.runner: Runner | None = None
        self._sent: State | None = None
        self._seen: Project | None = None
        self._about = Html("send-about")
        self._count = Button(
            "Count exactly", "count", lambda: host.look(self._count_exactly), "Encode every row"
        )
        self._repeat = Tick(
            "Send it again although it was sent before (repeat)",
            "repeat",
            lambda value: host.change(lambda state: with_option(state.operation, "repeat", value)),
        )
        self._typed = Input("Confirm", "confirm", lambda _text: host.look(self._allow), each_key=True)
        self._send = Button("Send", "send", lambda: host.look(self._begin), style="primary")
        self._stop = Button("Stop", "stop", self._end, "Send nothing else", style="warning")
        self._bar = Bar("progress")
        self._progress = Html("progress-words")
        self._outcome = Html("outcome")
        self.box = column(
            self._about, row(self._count, self._repeat), self._typed, row(self._send, self._stop),
            self._bar, self._progress, self._outcome,
        )  # fmt: skip
        for control in (self._stop, self._bar, self._progress):
            control.show(False)

    @property
    def running(self) -> bool:
        """Whether something is on its way."""
        return self.runner is not None and not self.runner.ended

    def outcome(self) -> str:
        """Return what became of this operation, in one line."""
        return self.runner.outcome() if self.runner is not None and self._sent is self._host.state else ""

    def refresh(self) -> None:
        """Show the state."""
        state = self._host.state
        if self._sent is not state and not self.running:
            for control in (self._bar, self._progress):
                control.show(False)
            self._outcome.value = ""
        self._typed.value = ""
        self._seen = self._project()
        found = totals(state)
        self._count.show(not found.exact)
        self._repeat.show(not state.operation.idempotent)
        self._repeat.value = state.operation.options.repeat
        place = self._seen.place if self._seen else ""
        excluded = state.layout.rows - found.rows
        lines = [html.note(_sentence(totals_in_words(found)))] if found.rows else []
        lines += (
            [html.note(f"{counted(excluded, 'row')} left out, see Findings and Payloads")]
            if excluded and not state.standing
            else []
        )
        if state.operation.options.dry_run:
            lines.append(html.note("A dry run: everything but the sending itself"))
        elif self._seen:
            lines.append(html.note(f"To {place}, as {self._seen!r}"))
        self._about.value = html.page([*lines, *map(_as_error, self._refusals(state, found.rows))])
        self._send.say(deed(state, found, place), "Send it now")
        word = confirmation(state, found)
        self._typed.show(bool(word))
        self._typed.name(f'Type "{word}" to confirm')
        self._allow()

    def _project(self) -> Project | None:
        try:
            return self._host.state.project()
        except MixpanelError:
            return None

    def _refusals(self, state: State, rows: int) -> list[str]:
        """Return why it cannot be sent as it is."""
        found = []
        if state.standing:
            found.append(
                f"{counted(state.standing, 'error')} would refuse the frame: nothing can be sent. See Findings."
            )
        elif not rows:
            found.append("No row would be sent.")
        if self._seen is None:
            try:
                state.project()
            except MixpanelError as error:
                found.append(str(error))
        return found

    def _allow(self) -> None:
        """Let the button be pressed if nothing speaks against it."""
        state = self._host.state
        found = totals(state)
        confirmed = self._typed.value.strip() == confirmation(state, found)
        done = self._sent is state
        free = not self.running and not done and not self._refusals(state, found.rows)
        self._send.enable(free and confirmed)
        self._typed.enable(free)

    def _count_exactly(self) -> None:
        _ = self._host.state.measured
        self.refresh()

    def _begin(self) -> None:
        """Send, unless it would go elsewhere than the button says."""
        if self.running or self._sent is self._host.state:
            return
        state, seen = self._host.state, self._seen
        project = state.project()
        if project != seen:
            self.refresh()
            self._host.tell("The project is another one than when this was shown: look again, then send.")
            return
        named = {**state.operation.named, "project": project, "progress": False}
        try:
            runner = Runner(
                state.frame,
                replace(state.operation, named=named),
                project.place,
                lambda: self._tell(runner),
            )
        except ValidationError:  # its text holds values
            self._host.tell("The frame was changed and holds errors now: open the preview again.")
            return
        self.runner, self._sent = runner, state
        self._outcome.value = ""
        self._stop.enable(True)
        for control in (self._stop, self._bar, self._progress):
            control.show(True)
        self._allow()
        runner.begin()

    def _end(self) -> None:
        """Stop; the summary follows."""
        if self.runner is not None:
            self._stop.enable(False)
            self.runner.stop()

    def _tell(self, runner: Runner) -> None:
        """Show how far it is, and at the end what became of it; called from another thread."""
        rows, total, words = runner.progress()
        self._bar.reach(rows, total)
        self._progress.value = html.page([html.note(words)])
        if runner.ended:
            self._host.summary = runner.summary
            self._stop.show(False)
            self._progress.show(False)
            self._outcome.value = html.page(_outcome(runner, *self._host.names))
            self._allow()
            self._host.save()


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."


def _as_error(words: str) -> str:
    return html.note(words, "error")


def _outcome(runner: Runner, frame: str, preview: str) -> list[str]:
    """Return what became of it: in words, as totals, and why rows were not accepted."""
    parts = [html.note(runner.outcome(), "error" if runner.error else "message")]
    summary = runner.summary
    if summary is None:
        return parts
    found = totals_of(summary).astype(object)
    found = found.where(found.notna(), "")
    parts.append(
        html.table(
            dict.fromkeys(map(str, found.columns), "auto"),
            ([html.text(cell) for cell in line] for line in found.to_numpy()),
        )
    )
    failed = summary[(summary["outcome"] != "accepted") & summary["error"].notna()]
    lines = dict.fromkeys(zip(failed["outcome"].astype(str), failed["error"].astype(str), strict=True))
    parts += [html.note(f"{outcome}: {error}") for outcome, error in list(lines)[:REASONS]]
    again = int(summary[["rejected", "unknown", "not_sent", "invalid"]].to_numpy().sum())
    after = f"{preview}.summary holds this as a frame"
    if again:
        after += f"; {frame}.mixpanel.failures({preview}.summary) gives those of the {counted(again, 'row')} that are retryable"
    return [*parts, html.note(f"{after}.")]

"""The tab Send: how much is sent and where to, a button that says what it does, the progress, what became of it, and the job."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mixpanel_pandas.delivery.summary import totals
from mixpanel_pandas.delivery.throttle import BYTES_PER_MINUTE
from mixpanel_pandas.errors import MixpanelError, ValidationError
from mixpanel_pandas.notebook.preview import html
from mixpanel_pandas.notebook.preview.controls import Bar, Button, Html, Input, Tick, hbox, vbox
from mixpanel_pandas.notebook.preview.edits import with_option
from mixpanel_pandas.notebook.preview.findings_view import in_words_of_the_widget
from mixpanel_pandas.notebook.preview.job import has_source
from mixpanel_pandas.notebook.preview.runner import Runner
from mixpanel_pandas.notebook.show import show
from mixpanel_pandas.rules.limits import LIMITS
from mixpanel_pandas.text import Length, counted, duration, shortened, size_of

if TYPE_CHECKING:
    from mixpanel_pandas.notebook.preview.host import Host
    from mixpanel_pandas.notebook.preview.state import State
    from mixpanel_pandas.project import Project

__all__ = ["SendView", "UploadSize", "button_text", "confirmation_text", "size_in_words", "upload_size"]

#: Frames of more slices are estimated, until somebody asks for exact numbers.
COUNTED_AT_ONCE = 3

#: An estimate is made from this many samples, each of neighbouring rows.
SAMPLES, SAMPLE_ROWS = 4, 500

#: Verb -> text of the button.
BUTTON_TEXTS = {
    "set": "Set {properties} on {profiles}",
    "set_once": "Set {properties} once on {profiles}",
    "add": "Add to {properties} of {profiles}",
    "union": "Unite {properties} of {profiles}",
    "append": "Append to {properties} of {profiles}",
    "remove": "Remove items from {properties} of {profiles}",
    "unset": "Remove {properties} from {profiles}",
    "delete": "Delete {profiles}",
    "update": "Update {properties} of {profiles}",
}

#: Verbs that have to be confirmed by typing.
CONFIRMED = ("delete", "unset")


@dataclass(frozen=True)
class UploadSize:
    """How much an upload sends.

    Attributes
    ----------
    rows, profiles, properties, updates, requests : int
        Number of each.
    bytes : int
        Bytes of the requests' bodies.
    exact : bool
        Whether updates, requests and bytes are exact, or estimated from some rows.
    seconds : float
        How long the upload takes at least, because of the limits on bytes and requests.
    """

    rows: int
    profiles: int
    properties: int
    updates: int
    requests: int
    bytes: int
    exact: bool
    seconds: float


def upload_size(state: State) -> UploadSize:
    """Return how much would be sent.

    It is exact if that is quick, or if every row was encoded already, else it is estimated.
    """
    payloads = len(state.sent_rows)
    exact = (
        not payloads
        or state.is_measured
        or state.layout.rows <= COUNTED_AT_ONCE * state.layout.rows_per_slice
    )
    if exact:
        measured = state.measured
        updates, requests, nbytes = measured.updates, measured.requests, measured.bytes
    else:
        updates, nbytes = _estimated(state)
        most = state.operation.options.batch_size
        requests = max(-(-updates // most), -(-nbytes // LIMITS["request_bytes"].value))
    per_hour = state.operation.options.requests_per_hour
    seconds = max(
        60.0 * (max(nbytes - 1, 0) // BYTES_PER_MINUTE),
        3600.0 * (max(requests - 1, 0) // per_hour) if per_hour else 0.0,
    )
    names = {column.name for column in state.layout.columns} | set(state.layout.removed)
    return UploadSize(
        rows=state.layout.rows - state.excluded,
        profiles=state.profiles,
        properties=len(names),
        updates=updates,
        requests=requests,
        bytes=nbytes,
        exact=exact,
        seconds=seconds,
    )


def _estimated(state: State) -> tuple[int, int]:
    """Return the updates and bytes of all rows, estimated from samples all over the frame."""
    count = len(state.sent_rows)
    starts = np.linspace(0, max(count - SAMPLE_ROWS, 0), SAMPLES).astype(int)
    sample = np.unique(np.concatenate([state.sent_rows[start : start + SAMPLE_ROWS] for start in starts]))
    payloads = state.encoded(sample)
    factor = count / len(sample)
    updates = sum(int(part.updates.sum()) for part in payloads)
    return round(factor * updates), round(factor * sum(part.nbytes for part in payloads))


def size_in_words(size: UploadSize) -> str:
    """Return how much would be sent, in one line."""
    about = "" if size.exact else "about "
    numbers = (counted(size.updates, "update"), counted(size.requests, "request"), size_of(size.bytes))
    text = "{0}{1} in {0}{2}, {0}{3}".format(about, *numbers)
    return f"{text}; the pace limits make it take at least {duration(size.seconds)}" if size.seconds else text


def button_text(state: State, size: UploadSize, place: str) -> str:
    """Return the text of the button that sends. It names no place if there is no project yet."""
    group = state.operation.group
    profiles = (
        counted(size.profiles, "user")
        if group is None
        else f"{counted(size.profiles, 'profile')} of group {shortened(group)}"
    )
    text = BUTTON_TEXTS[state.operation.verb].format(
        properties=counted(size.properties, "property"), profiles=profiles
    )
    return f"{'Dry run: ' if state.operation.options.dry_run else ''}{text}{f' in {place}' if place else ''}"


def confirmation_text(state: State, size: UploadSize) -> str:
    """Return what a person has to type before it is sent; empty if nothing is removed."""
    verbs = {operator.verb for operator in state.operation.operators}
    return next((f"{verb} {size.profiles:,}" for verb in CONFIRMED if verb in verbs), "")


#: How many reasons are shown for rows that were not accepted.
REASONS = 10

#: Why the button is not enabled after an upload.
SENT = "Sent. Change something to send again."

#: Where a job is written, unless a person names another file.
JOB_PATH = "job.toml"

#: Tooltip of the button that writes a job.
SAVE_JOB = "Write a TOML file that mixpanel-pandas run runs: it reads the source of the frame, and sends it as shown here"

#: Why a job cannot be written.
NO_SOURCE = 'A job needs the file that the frame came from: make the frame with mpd.frame, or call {preview}.save_job("{path}", source=...).'


class SendView:
    """The tab Send."""

    title = "Send"

    def __init__(self, host: Host) -> None:
        self._host = host
        self.runner: Runner | None = None
        self._sent: State | None = None
        self._shown_project: Project | None = None
        self._about = Html("send-about")
        self._count = Button(
            "Count exactly", "count", lambda: host.guarded(self._count_exactly), "Encode every row"
        )
        self._repeat = Tick(
            "Send it again although it was sent before (repeat)",
            "repeat",
            lambda value: host.change(lambda state: with_option(state.operation, "repeat", value)),
        )
        self._typed = Input(
            "Confirm", "confirm", lambda _text: host.guarded(self._enable_send), each_key=True
        )
        self._send = Button("Send", "send", lambda: host.guarded(self._begin), style="primary")
        self._again = Html("sent-already")
        self._stop = Button("Stop", "stop", self._stop_sending, "Send nothing else", style="warning")
        self._bar = Bar("progress")
        self._progress = Html("progress-words")
        self._outcome = Html("outcome")
        self._job_path = Input(
            "Job file", "job-path", lambda _text: host.guarded(self._show_job), hint=JOB_PATH, each_key=True
        )
        self._job_path.value = JOB_PATH
        self._save_job = Button("Save job", "save-job", lambda: host.guarded(self._write_job), SAVE_JOB)
        self._job = Html("job")
        self.box: Any = vbox(
            self._about, hbox(self._count, self._repeat), self._typed, hbox(self._send, self._stop, self._again),
            self._bar, self._progress, self._outcome, hbox(self._job_path, self._save_job), self._job,
        )  # fmt: skip
        for control in (self._stop, self._bar, self._progress):
            control.show(False)

    @property
    def running(self) -> bool:
        """Whether an upload is under way."""
        return self.runner is not None and not self.runner.ended

    def outcome(self) -> str:
        """Return what became of the operation of now, in one line; empty if it was not sent."""
        return self.runner.outcome() if self.runner is not None and self._sent is self._host.state else ""

    def refresh(self) -> None:
        """Show the state of now."""
        state = self._host.state
        if self._sent is not state and not self.running:
            for control in (self._bar, self._progress):
                control.show(False)
            self._outcome.value = ""
        self._typed.value = ""
        self._shown_project = self._project()
        size = upload_size(state)
        self._count.show(not size.exact)
        self._repeat.show(not state.operation.idempotent)
        self._repeat.value = state.operation.options.repeat
        place = self._shown_project.place if self._shown_project else ""
        excluded = state.layout.rows - size.rows
        lines = [html.note(_sentence(size_in_words(size)))] if size.rows else []
        lines += (
            [html.note(f"{counted(excluded, 'row')} left out, see Findings and Payloads")]
            if excluded and not state.standing
            else []
        )
        if state.operation.options.dry_run:
            lines.append(html.note("A dry run: nothing is sent"))
        elif self._shown_project:
            lines.append(html.note(f"To {place}, as {self._shown_project!r}"))
        self._about.value = html.page([*lines, *map(_as_error, self._refusals(state))])
        self._send.set_text(button_text(state, size, place), "Send it now")
        confirmation = confirmation_text(state, size)
        self._typed.show(bool(confirmation))
        self._typed.name(f'Type "{confirmation}" to confirm')
        self._enable_send()
        self._show_job()

    def _project(self) -> Project | None:
        try:
            return self._host.state.project()
        except MixpanelError:
            return None

    def _refusals(self, state: State) -> list[str]:
        """Return why it cannot be sent as it is."""
        refusals = list(filter(None, [state.refusal()]))
        if self._shown_project is None:
            try:
                state.project()
            except MixpanelError as error:
                refusals.append(str(error))
        return refusals

    def _enable_send(self) -> None:
        """Enable the button if nothing prevents sending."""
        state = self._host.state
        size = upload_size(state)
        typed, asked = self._typed.value.strip(), confirmation_text(state, size)
        confirmed = typed in {asked, asked.replace(",", "")}
        done = self._sent is state and not self.running
        self._again.value = html.page([html.note(SENT)] if done else [])
        free = not self.running and self._sent is not state and not self._refusals(state)
        self._send.enable(free and confirmed)
        self._typed.enable(free)

    def _count_exactly(self) -> None:
        _ = self._host.state.measured
        self.refresh()

    def _begin(self) -> None:
        """Send, unless the project is no longer the one that the button names."""
        if self.running or self._sent is self._host.state:
            return
        state = self._host.state
        project = state.project()
        if project != self._shown_project:
            self.refresh()
            self._host.show_error(
                "The project is another one than when this was shown: look again, then send."
            )
            return
        named = {**state.operation.named, "project": project, "progress": False}
        try:
            runner = Runner(
                state.frame,
                replace(state.operation, named=named),
                project.place,
                lambda: self._show_progress(runner),
            )
        except ValidationError:  # its message holds values
            self._host.show_error("The frame was changed and holds errors now: open the preview again.")
            return
        self.runner, self._sent = runner, state
        self._outcome.value = ""
        self._stop.enable(True)
        for control in (self._stop, self._bar, self._progress):
            control.show(True)
        self._enable_send()
        runner.begin()

    def _show_job(self, message: str = "") -> None:
        """Show what was written. Without a source nothing can be written, which is shown in its place."""
        path = self._job_path.value.strip()
        possible = has_source(self._host.state.frame) and not self._host.state.asks
        self._job_path.enable(possible)
        self._save_job.enable(possible and bool(path))
        has_none = not has_source(self._host.state.frame)
        text = NO_SOURCE.format(preview=self._host.names[1], path=JOB_PATH) if has_none else message
        self._job.value = html.page([html.note(text)] if text else [])

    def _write_job(self) -> None:
        path = self._job_path.value.strip()
        self._host.show_error("")
        self._show_job()
        self._host.save_job(path)
        shown = shortened(path, Length.SENTENCE)
        self._show_job(f"Wrote {shown}. To run it: mixpanel-pandas run {shown}")

    def _stop_sending(self) -> None:
        """Stop the upload. Its summary follows."""
        if self.runner is not None:
            self._stop.enable(False)
            self.runner.stop()

    def _show_progress(self, runner: Runner) -> None:
        """Show the progress, and at the end what became of the upload. Called from another thread."""
        rows, total, progress = runner.progress()
        self._bar.reach(rows, total)
        self._progress.value = html.page([html.note(progress)])
        if runner.ended:
            self._host.summary = runner.summary
            self._stop.show(False)
            self._progress.show(False)
            self._outcome.value = html.page(_outcome(runner, *self._host.names))
            self._enable_send()
            self._host.save()


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _as_error(text: str) -> str:
    return html.note(text, "error")


def _outcome(runner: Runner, frame: str, preview: str) -> list[str]:
    """Return what became of an upload: one line, its totals, and why rows were not accepted."""
    outcome = in_words_of_the_widget(runner.outcome())
    parts = [html.note(outcome, "error" if runner.error else "message")]
    summary = runner.summary
    if summary is None:
        return parts
    parts.append(html.table(show(totals(summary))))
    failed = summary[(summary["outcome"] != "accepted") & summary["error"].notna()]
    reasons = dict.fromkeys(zip(failed["outcome"].astype(str), failed["error"].astype(str), strict=True))
    parts += [html.note(f"{outcome}: {error}") for outcome, error in list(reasons)[:REASONS]]
    retryable = int(summary[["rejected", "unknown", "not_sent", "invalid"]].to_numpy().sum())
    after = f"{preview}.summary holds this as a frame"
    if retryable:
        after += f"; {frame}.mixpanel.failures({preview}.summary) gives those of the {counted(retryable, 'row')} that are retryable"
    return [*parts, html.note(f"{after}.")]

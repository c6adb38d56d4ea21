"""The whole line, frame -> plan -> checks -> payloads -> batches -> deliveries -> summary, and its earlier stops."""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pandas as pd

from mixpanel_pandas.delivery.parts import Delivery
from mixpanel_pandas.delivery.summary import failures_mask, outcomes, summarise, words
from mixpanel_pandas.errors import (
    ConnectionFailed,
    MixpanelError,
    OperationError,
    SummaryError,
    UploadError,
    UploadFailed,
    UploadInterrupted,
    choices,
)
from mixpanel_pandas.inspection import Inspection, id_digest
from mixpanel_pandas.memory import digest_of, refuse_repetition, remember
from mixpanel_pandas.order import Waves
from mixpanel_pandas.payloads.batches import Batch
from mixpanel_pandas.payloads.plan import id_plan, make_plan
from mixpanel_pandas.payloads.slices import encode_slices
from mixpanel_pandas.project import Project, current_project
from mixpanel_pandas.report import make_report, raise_errors, warn
from mixpanel_pandas.validation import check_frame, make_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator

    import pandera.pandas as pandera

    from mixpanel_pandas.delivery.schedule import Stop
    from mixpanel_pandas.delivery.summary import LeftOut
    from mixpanel_pandas.problems import Problem
    from mixpanel_pandas.rules.options import Operation

__all__ = ["payloads", "report", "rows_to_send_again", "rows_with_outcomes", "schema", "send"]

logger = logging.getLogger("mixpanel_pandas")

#: Where a dry run goes: a token of the right length, so that sizes are right.
NOWHERE = Project("0" * 32, url="https://dry.run")


@contextmanager
def _in_our_words() -> Iterator[None]:
    """Let what a frame or an option raises when it is read, whatever it is, be an error of ours."""
    try:
        yield
    except (MixpanelError, Warning, MemoryError):
        raise
    except Exception as error:
        msg = f"the frame or an option cannot be read: {type(error).__name__} (see the error above)"
        raise OperationError(msg) from error


def _checked(frame: pd.DataFrame, operation: Operation) -> tuple[Inspection, list[Problem]]:
    """Plan and check, on a frame of its own: columns that are set, moved or dropped meanwhile do not matter."""
    with _in_our_words():
        frame = frame.copy(deep=False)
        return check_frame(frame, make_plan(frame, operation))


def send(frame: pd.DataFrame, operation: Operation) -> pd.DataFrame:
    """Check `frame`, send it, and return the summary."""
    began = time.perf_counter()
    project = NOWHERE if operation.option("dry_run") else current_project()
    inspection, problems = _checked(frame, operation)
    frame, plan = inspection.frame, inspection.plan
    with _in_our_words():
        raise_errors(frame, plan, problems)
        _refuse_too_many(inspection)
        warn(plan, problems)
    digest = _digest_of_updates(inspection, project)
    waves = Waves(frame, plan, inspection.changes, inspection.repeats, project.token)
    if operation.option("dry_run"):
        return _deliver_nothing(waves, inspection, project, began)
    return _deliver(waves, inspection, project, began, digest)


def _digest_of_updates(inspection: Inspection, project: Project) -> bytes | None:
    """Return the digest of updates that must not be applied twice, refused where this process has sent them; None for others."""
    operation = inspection.plan.operation
    if operation.harmless_twice or operation.option("dry_run") or not inspection.sent:
        return None
    with _in_our_words():
        digest = digest_of(encode_slices(inspection.frame, inspection.plan, inspection.changes), project)
    if not operation.option("repeat"):
        refuse_repetition(digest)
    return digest


def report(frame: pd.DataFrame, operation: Operation, first: int | None = 100) -> pd.DataFrame:
    """Check `frame`, and return what is wrong."""
    inspection, problems = _checked(frame, operation)
    with _in_our_words():
        return make_report(inspection.frame, inspection.plan, problems, first)


def payloads(frame: pd.DataFrame, operation: Operation) -> pd.Series[Any]:
    """Check `frame`, and return what would be sent for each row, without the token: a Python object per row, to look at."""
    inspection, problems = _checked(frame, operation)
    frame, plan = inspection.frame, inspection.plan
    with _in_our_words():
        raise_errors(frame, plan, problems)
    rows = np.full(len(frame), None, dtype=object)
    for found in encode_slices(frame, plan, inspection.changes):
        records = orjson.loads(Batch(0, found).body())
        ends = np.cumsum(found.updates)
        for position, end, updates in zip(found.positions, ends, found.updates, strict=True):
            rows[position] = records[end - 1] if updates == 1 else records[end - updates : end]
    return pd.Series(rows, index=frame.index, name=operation.verb, dtype=object)


def schema(frame: pd.DataFrame, operation: Operation) -> pandera.DataFrameSchema:
    """Return the checks for frames like `frame`."""
    with _in_our_words():
        return make_schema(make_plan(frame, operation))


def rows_with_outcomes(frame: pd.DataFrame, summary: pd.DataFrame) -> pd.DataFrame:
    """Return what became of each row of `frame`."""
    with _in_our_words():
        return outcomes(summary, frame.index, _digest(frame, summary))


def rows_to_send_again(
    frame: pd.DataFrame, summary: pd.DataFrame, wanted: Iterable[str] | None
) -> pd.DataFrame:
    """Return the rows of `frame` that it is right to send again."""
    with _in_our_words():
        return frame[failures_mask(summary, frame.index, _digest(frame, summary), wanted)]


def _refuse_too_many(inspection: Inspection) -> None:
    if inspection.plan.operation.verb == "delete":
        most = inspection.plan.operation.option("at_most")
        if inspection.sent > most:
            msg = (
                f"this deletes {inspection.sent:,} profiles for good, more than at_most={most:,}: nothing was sent; pass "
                f"at_most={inspection.sent} if that is what you mean"
            )
            raise OperationError(msg)


def _deliver(
    waves: Waves, inspection: Inspection, project: Project, began: float, digest: bytes | None
) -> pd.DataFrame:
    """Send the batches, and return the summary or raise with it."""
    from mixpanel_pandas.delivery.schedule import Gate
    from mixpanel_pandas.delivery.upload import start, unbroken

    operation = inspection.plan.operation
    if not inspection.sent:
        return _said(_summary(inspection, []), began, project)
    upload = start(
        waves.first(),
        project,
        operation.endpoint,
        harmless=operation.harmless_twice,
        workers=operation.option("workers"),
        label=operation.verb,
        rows=inspection.sent,
        progress=operation.option("progress"),
        gate=Gate(per_hour=operation.option("requests_per_hour"), deadline=operation.option("deadline")),
        later=waves.later,
        begin=False,
    )
    broken = _exception_of(upload.result)

    def account() -> pd.DataFrame:
        summary = _summary(inspection, upload.deliveries, upload.stopped, waves.held)
        remember(summary, digest)
        return _said(summary, began, project, upload.say)

    summary, struck = unbroken(account)
    if broken is not None:
        msg = f"the upload ended with {type(broken).__name__}"
        raise UploadError(msg, summary) from broken
    if upload.interrupted or struck:
        msg = "the upload was interrupted"
        raise UploadInterrupted(msg, summary)
    if upload.connection_failed:
        msg = f"{project.place}: {upload.connection_failed}"
        raise ConnectionFailed(msg, summary)
    _raise_if_failed(operation, summary)
    return summary


def _exception_of(call: Callable[[], object]) -> Exception | None:
    try:
        call()
    except Exception as error:  # noqa: BLE001 (it is raised again, with the summary)
        return error
    return None


def _deliver_nothing(waves: Waves, inspection: Inspection, project: Project, began: float) -> pd.DataFrame:
    """Make every batch, send none."""
    deliveries = [
        Delivery(
            batch=batch.number,
            positions=batch.positions,
            updates=batch.updates,
            bytes=batch.nbytes,
            outcome="not_sent",
            reason="dry run",
            error="not sent: this was a dry run",
        )
        for batch in waves.every()
    ]
    return _said(_summary(inspection, deliveries), began, project)


def _summary(
    inspection: Inspection,
    deliveries: list[Delivery],
    stopped: Stop | None = None,
    held: Iterable[LeftOut] = (),
) -> pd.DataFrame:
    plan = inspection.plan
    summary = summarise(
        deliveries,
        [*inspection.left_out, *held],
        operator=plan.operation.verb,
        rows=plan.rows,
        digest=inspection.digest,
        harmless=plan.operation.harmless_twice,
        stopped=stopped,
    )
    summary.attrs["mixpanel"] |= {"id": repr(plan.id.label)}
    return summary


def _said(
    summary: pd.DataFrame, began: float, project: Project, say: Callable[[str], None] | None = None
) -> pd.DataFrame:
    """Say in one line what became of the rows, and return the summary."""
    text = words(summary, time.perf_counter() - began, project.place)
    logger.info(text)
    if say is not None:
        say(text)
    return summary


def _raise_if_failed(operation: Operation, summary: pd.DataFrame) -> None:
    """Raise where `check` asks for it."""
    check = operation.option("check")
    counts = {
        name: int(summary[name].sum()) for name in ("accepted", "rejected", "unknown", "not_sent", "invalid")
    }
    failed = sum(counts[name] for name in ("rejected", "unknown", "not_sent", "invalid"))
    nothing = summary["attempts"].sum() > 0 and not counts["accepted"]
    if (check is None and nothing) or (check is True and failed):
        said = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items() if count)
        errors = summary["error"].dropna()
        first = f"; the first error: {errors.iloc[0]}" if len(errors) else ""
        msg = f"{operation.verb}: {said}{first}"
        raise UploadFailed(msg, summary)


def _digest(frame: pd.DataFrame, summary: pd.DataFrame) -> str:
    """Return the digest of the ids of `frame`, in the column that the summary names."""
    named = getattr(summary, "attrs", {}).get("mixpanel", {}).get("id")
    labels: list[Hashable] = [*frame.columns, *(name for name in frame.index.names if name is not None)]
    label = next((label for label in labels if repr(label) == named), None)
    if named is not None and label is None:
        msg = f"the summary was made from a frame with its ids in {named}, which this one lacks: there are {choices(labels)}"
        raise SummaryError(msg)
    return id_digest(frame, id_plan(frame, label)) if named is not None else ""

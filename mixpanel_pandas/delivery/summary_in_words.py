"""A summary in one line, in numbers for programs, and whether it is that of an earlier call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from mixpanel_pandas.rules.outcomes import OUTCOMES
from mixpanel_pandas.text import counted, duration, printable, size_of

if TYPE_CHECKING:
    from mixpanel_pandas.rules.outcomes import Outcome

__all__ = ["already_sent_at", "in_numbers", "with_already_sent", "words"]


def words(summary: pd.DataFrame, seconds: float | None = None, place: str = "") -> str:
    """Return the outcomes of the rows, in one line: how many were accepted, then the others.

    Parameters
    ----------
    summary : pandas.DataFrame
        As a verb returned it.
    seconds : float, optional
        How long the upload took. By default the time from the first request to the last answer.
    place : str, optional
        The place of the project.
    """
    counts = {outcome: int(summary[outcome].sum()) for outcome in OUTCOMES}
    texts = [_outcome_in_words(summary, outcome, rows) for outcome, rows in counts.items() if rows]
    operators = summary.attrs.get("mixpanel", {}).get("operator") or ", ".join(summary["operator"].unique())
    how = ", ".join(
        [
            counted(int(summary["requests"].sum()), "request"),
            size_of(_bytes_sent(summary)),
            duration(_seconds(summary) if seconds is None else seconds),
            *([place] if place else []),
        ]
    )
    if when := already_sent_at(summary):
        how = f"already sent{f' to {place}' if place else ''} on {when}, and nothing was sent now"
    return printable(f"{operators}: {', '.join(texts) or '0 rows'}; {how}")


def _outcome_in_words(summary: pd.DataFrame, outcome: Outcome, rows: int) -> str:
    """Return how many rows have an outcome; those that were not sent with their reasons, the most frequent first."""
    text = f"{rows:,} {outcome.replace('_', ' ')}"
    if outcome not in {"invalid", "skipped"}:
        return text
    by_reason = summary[summary[outcome] > 0].groupby("reason")[outcome].sum()
    largest = by_reason.sort_values(ascending=False, kind="stable")
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in largest.items())
    return f"{text} ({reasons})" if reasons else text


def in_numbers(summary: pd.DataFrame, seconds: float) -> dict[str, float]:
    """Return what `words` says, as numbers: rows of each outcome, requests, bytes and seconds."""
    counts: dict[str, float] = {outcome: int(summary[outcome].sum()) for outcome in OUTCOMES}
    requests, sent = int(summary["requests"].sum()), _bytes_sent(summary)
    if already_sent_at(summary):
        requests = sent = 0
    return {**counts, "requests": requests, "bytes": sent, "seconds": round(seconds, 3)}


def with_already_sent(summary: pd.DataFrame, when: str) -> pd.DataFrame:
    """Return the summary of an earlier upload, marked as that of a call which sent nothing because of it."""
    summary.attrs["mixpanel"] = summary.attrs["mixpanel"] | {"already_sent": when}
    return summary


def already_sent_at(summary: pd.DataFrame) -> str | None:
    """Return when the rows of a call were sent that itself sent nothing. None: it sent what there was to send."""
    when: str | None = summary.attrs.get("mixpanel", {}).get("already_sent")
    return when


def _bytes_sent(summary: pd.DataFrame) -> int:
    return int(summary.loc[summary["requests"] > 0, "bytes"].sum())


def _seconds(summary: pd.DataFrame) -> float:
    """Return seconds from the first request to the last answer."""
    sent = summary[summary["started"].notna()]
    ended = sent["started"] + pd.to_timedelta(sent["elapsed"], unit="s")
    return (ended.max() - sent["started"].min()).total_seconds() if len(sent) else 0.0

"""Summaries of several steps as one, and the part of it that tells of the frame of the call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from mixpanel_pandas.delivery.summary_in_words import already_sent_at, with_already_sent

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["joined_steps", "summary_of_frame"]

#: What each step was made of, in the attrs of a summary of several.
_STEPS = "mixpanel_steps"


def joined_steps(summaries: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the summaries of several steps as one, with the column ``step``. That of a single step stays as it is.

    The positions in it are those of each step's own rows. So no frame fits it as a whole.
    """
    if len(summaries) == 1:
        return summaries[0]
    numbered = [summary.assign(step=number) for number, summary in enumerate(summaries, 1)]
    joined = pd.concat(numbered, ignore_index=True)
    made_of = [dict(summary.attrs["mixpanel"]) for summary in summaries]
    is_idempotent = all(of_step["idempotent"] == "true" for of_step in made_of)
    joined.attrs = {"mixpanel": {"idempotent": str(is_idempotent).lower()}, _STEPS: made_of}
    times = [already_sent_at(summary) for summary in summaries]
    return joined if None in times else with_already_sent(joined, max(filter(None, times)))


def summary_of_frame(summary: pd.DataFrame) -> pd.DataFrame:
    """Return the part of a summary that tells of the frame of the call: its first step, or all of it."""
    if _STEPS not in summary.attrs:
        return summary
    first = summary[summary["step"] == 1].drop(columns="step")
    first.attrs = {"mixpanel": dict(summary.attrs[_STEPS][0])}
    return first

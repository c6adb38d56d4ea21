"""A summary as a picture: what became of the requests over time, how fast rows went, how long requests took.

matplotlib is the extra ``plot`` and is imported when a picture is drawn. What is drawn is computed first, in bins of time of
which there are few, however many batches there are.
"""

from __future__ import annotations

import io
import re
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mixpanel_pandas.delivery.summary import COLUMNS, words
from mixpanel_pandas.errors import MissingExtraError, SummaryError
from mixpanel_pandas.notebook.tables import LOOKS
from mixpanel_pandas.rules.outcomes import OUTCOMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

__all__ = ["plot"]

#: Bins of time at most.
MOST_BINS = 60

#: Units of the time axis -> seconds; the first of which there are two in an upload.
UNITS = (("hours", 3600.0), ("minutes", 60.0), ("seconds", 1.0))

#: Text, axes and grid in a grey that is read on white as on black; no background, so that a notebook's own is seen.
GREY = "#808080"
STYLE: Any = {
    **dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color", "grid.color", "axes.titlecolor"), GREY
    ),
    **dict.fromkeys(("figure.facecolor", "axes.facecolor"), "none"),
    **dict.fromkeys(("axes.spines.top", "axes.spines.right"), False),
    **dict.fromkeys(("axes.grid", "axes.axisbelow"), True),
    "axes.grid.axis": "y",
    "grid.alpha": 0.3,
    "font.size": 9.0,
    "legend.frameon": False,
}  # fmt: skip

#: Outcome -> hatching of its bars and marker of its points, which tell what their colour tells.
PATTERNS: dict[str, tuple[str, str]] = {
    "accepted": ("", "o"),
    "rejected": ("xxx", "X"),
    "unknown": ("...", "^"),
    "not_sent": ("---", "s"),
    "invalid": ("///", "D"),
    "skipped": ("\\\\\\", "v"),
}

#: How much longer the slowest request may be than the fastest before its axis is logarithmic.
FAR = 50


@dataclass(frozen=True)
class Timeline:
    """What a summary tells, in bins of time.

    Attributes
    ----------
    began : pandas.Timestamp
        When the first request began.
    width : float
        Seconds of a bin.
    requests : dict of str to numpy.ndarray
        Outcome -> requests that ended in each bin; only outcomes that there are.
    accepted : numpy.ndarray
        Accepted rows a second, for each bin.
    ended, elapsed : numpy.ndarray
        For each run of rows that was sent, in seconds: when it ended, from the begin, and how long it took.
    outcomes : numpy.ndarray
        For each such run its outcome.
    median : numpy.ndarray
        Of `elapsed`, for each bin; NaN where none ended.
    """

    began: pd.Timestamp
    width: float
    requests: dict[str, np.ndarray]
    accepted: np.ndarray
    ended: np.ndarray
    elapsed: np.ndarray
    outcomes: np.ndarray
    median: np.ndarray

    @property
    def starts(self) -> np.ndarray:
        """Where each bin starts, in seconds."""
        return self.width * np.arange(len(self.accepted))


def timeline(summary: pd.DataFrame) -> Timeline | None:
    """Return what a summary tells over time; None where nothing was sent."""
    sent = summary[(summary["requests"] > 0) & summary["started"].notna()]
    if not len(sent):
        return None
    began = sent["started"].min()
    elapsed = sent["elapsed"].to_numpy(float)
    ended = (sent["started"] - began).dt.total_seconds().to_numpy(float) + elapsed
    span = float(ended.max())
    # no bin is shorter than most batches take, or a rate would be that of a moment
    count = max(1, min(MOST_BINS, len(sent), int(span / max(np.median(elapsed), 1e-6))))
    width = max(span, 1e-6) / count
    bins = np.minimum(ended / width, count - 1).astype(np.int64)
    outcomes = sent["outcome"].astype(str).to_numpy()
    requests = sent["requests"].to_numpy(float)
    return Timeline(
        began,
        width,
        {
            name: np.bincount(bins, np.where(outcomes == name, requests, 0), count)
            for name in OUTCOMES
            if (outcomes == name).any()
        },
        np.bincount(bins, sent["accepted"].to_numpy(float), count) / width,
        ended,
        elapsed,
        outcomes,
        pd.Series(elapsed).groupby(bins).median().reindex(range(count)).to_numpy(),
    )


def plot(summary: pd.DataFrame, figure: Figure | SubFigure | None = None) -> Figure | SubFigure:
    """Draw an upload over time: requests by outcome, accepted rows a second, and how long each batch took.

    Needs matplotlib: ``pip install 'mixpanel_pandas[plot]'``.

    Parameters
    ----------
    summary : pandas.DataFrame
        As a verb returned it, or some of its rows.
    figure : matplotlib.figure.Figure or SubFigure, optional
        To draw in, such as ``plt.figure(layout="constrained")`` for a window of its own. By default a new one that belongs to no
        window: a notebook shows it, ``.savefig("upload.png")`` keeps it.

    Returns
    -------
    matplotlib.figure.Figure or SubFigure
        Its ``.axes`` are the three panels, over one axis of time since the first request; none where nothing was sent, which it
        says instead. Requests are counted when they ended; a batch takes from its first request to its final answer, waits
        included. Rows that were left out before sending are in the title alone.

    Raises
    ------
    SummaryError
        If it is no summary.
    MissingExtraError
        If matplotlib is not installed.

    Examples
    --------
    >>> df = pd.DataFrame({"user_id": ["ann", "bob"], "plan": ["pro", "free"]})
    >>> with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
    ...     summary = df.mixpanel.set("user_id")
    >>> [panel.get_ylabel() for panel in mpd.plot(summary).axes]
    ['requests', 'accepted rows/s', 'seconds per batch']
    """
    if not set(COLUMNS) <= set(getattr(summary, "columns", ())):
        msg = "plot takes the summary that a verb returned, with all its columns"
        raise SummaryError(msg)
    try:
        import matplotlib as mpl
    except ImportError as error:
        msg = "plot needs matplotlib: pip install 'mixpanel_pandas[plot]'"
        raise MissingExtraError(msg) from error
    with mpl.rc_context(STYLE):
        figure = _new_figure() if figure is None else figure
        found = timeline(summary)
        said = re.sub(r"(\d) (\w)", "\\1\N{NO-BREAK SPACE}\\2", words(summary))
        title = "\n".join(textwrap.wrap(said, 105))
        if found is None:
            figure.suptitle(f"{title}\nNothing was sent.", y=0.5, verticalalignment="center", size="medium")
            return figure
        figure.suptitle(title, x=0.01, horizontalalignment="left", size="medium")
        unit, seconds = next(row for row in UNITS if found.ended.max() >= 2 * row[1] or row[1] == 1)
        panels = figure.subplots(3, sharex=True)
        for panel, draw in zip(panels, (_draw_requests, _draw_pace, _draw_latency), strict=True):
            draw(panel, found, seconds)
        panels[-1].set_xlabel(f"{unit} since {found.began:%Y-%m-%d %H:%M:%S} UTC")
        panels[-1].set_xlim(0, 1.01 * found.width * len(found.accepted) / seconds)
        figure.align_ylabels(panels)
    return figure


def _new_figure() -> Any:
    """Return a figure without a window, which a notebook shows whether or not pyplot was ever imported."""
    from matplotlib.figure import Figure

    def png(figure: Any) -> bytes:
        held = io.BytesIO()
        figure.savefig(held, format="png")
        return held.getvalue()

    return type("Picture", (Figure,), {"_repr_png_": png})(figsize=(8, 5.5), layout="constrained")


def _draw_requests(panel: Axes, found: Timeline, seconds: float) -> None:
    below = np.zeros(len(found.accepted))
    for name, counts in found.requests.items():
        panel.bar(
            found.starts / seconds, counts, 0.9 * found.width / seconds, below, align="edge", label=name.replace("_", " "),
            color=LOOKS[name].colour, hatch=PATTERNS[name][0], edgecolor="#00000080", linewidth=0,
        )  # fmt: skip
        below += counts
    panel.set_ylabel("requests")
    panel.locator_params(axis="y", integer=True)
    panel.legend(loc="lower right", bbox_to_anchor=(1, 0.97), ncols=len(OUTCOMES), borderpad=0)


def _draw_pace(panel: Axes, found: Timeline, seconds: float) -> None:
    edges = np.append(found.starts, found.width * len(found.accepted)) / seconds
    panel.stairs(found.accepted, edges, color=LOOKS["accepted"].colour, fill=True, alpha=0.3)
    panel.stairs(found.accepted, edges, color=LOOKS["accepted"].colour)
    panel.set_ylabel("accepted rows/s")
    panel.set_ylim(bottom=0)
    panel.yaxis.set_major_formatter("{x:,.0f}")


def _draw_latency(panel: Axes, found: Timeline, seconds: float) -> None:
    for name in found.requests:
        of = found.outcomes == name
        panel.scatter(
            found.ended[of] / seconds, found.elapsed[of], s=14, marker=PATTERNS[name][1], color=LOOKS[name].colour,
            alpha=0.6, linewidths=0, rasterized=True,
        )  # fmt: skip
    some = ~np.isnan(found.median)
    middle = (found.starts + found.width / 2) / seconds
    if some.sum() > 1:
        panel.plot(middle[some], found.median[some], color=GREY, linewidth=1.5, label="median")
        panel.legend(loc="lower right", bbox_to_anchor=(1, 0.97), borderpad=0)
    panel.set_ylabel("seconds per batch")
    least = found.elapsed[found.elapsed > 0].min(initial=np.inf)
    if found.elapsed.max() > FAR * least:
        panel.set_yscale("log")
        panel.yaxis.set_major_formatter("{x:g}")
    else:
        panel.set_ylim(bottom=0)

"""``mpd.plot``: an upload over time, as three panels: requests by outcome, accepted rows a second, seconds per batch.

`timeline` first adds the summary up in a few bins of time, however many batches there are. The panels are drawn from that.
matplotlib is the extra ``plot``, and is imported when something is drawn.
"""

from __future__ import annotations

import io
import re
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mixpanel_pandas.delivery.summary import COLUMNS
from mixpanel_pandas.delivery.summary_in_words import words
from mixpanel_pandas.errors import SummaryError, from_extra
from mixpanel_pandas.notebook.tables import MARKS
from mixpanel_pandas.rules.outcomes import OUTCOMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

__all__ = ["plot"]

#: How many bins of time there are at most.
MOST_BINS = 60

#: Units of the time axis and their seconds. The axis has the first unit of which an upload takes at least two.
UNITS = (("hours", 3600.0), ("minutes", 60.0), ("seconds", 1.0))

#: Grey can be read on white and on black. There is no background, so that the notebook's shines through.
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

#: Outcome -> hatching of its bars and marker of its points, for those who cannot tell the colours apart.
PATTERNS: dict[str, tuple[str, str]] = {
    "accepted": ("", "o"),
    "rejected": ("xxx", "X"),
    "unknown": ("...", "^"),
    "not_sent": ("---", "s"),
    "invalid": ("///", "D"),
    "skipped": ("\\\\\\", "v"),
}

#: The axis of seconds per batch is logarithmic if the slowest batch took this many times longer than the fastest.
LOG_RATIO = 50

#: Characters in a line of the title.
TITLE_WIDTH = 105


@dataclass(frozen=True)
class Timeline:
    """An upload in bins of time, all of one width.

    Attributes
    ----------
    began : pandas.Timestamp
        When the first request began.
    width : float
        Seconds in a bin.
    requests : dict of str to numpy.ndarray
        Outcome -> number of requests that ended in each bin. Outcomes that did not occur are not there.
    accepted : numpy.ndarray
        Accepted rows a second, in each bin.
    ended, elapsed : numpy.ndarray
        For each batch that was sent: seconds from `began` to its end, and seconds that it took.
    outcomes : numpy.ndarray
        For each batch that was sent: its outcome.
    median : numpy.ndarray
        Median of `elapsed` in each bin; NaN if no batch ended there.
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
    """Return a summary added up over time; None if nothing was sent."""
    sent = summary[(summary["requests"] > 0) & summary["started"].notna()]
    if not len(sent):
        return None
    began = sent["started"].min()
    elapsed = sent["elapsed"].to_numpy(float)
    ended = (sent["started"] - began).dt.total_seconds().to_numpy(float) + elapsed
    span = float(ended.max())
    # a bin is no shorter than the median batch, or it would show single batches instead of a rate
    count = max(1, min(MOST_BINS, len(sent), int(span / max(np.median(elapsed), 1e-6))))
    width = max(span, 1e-6) / count
    bins = np.minimum(ended / width, count - 1).astype(np.int64)
    outcomes = sent["outcome"].astype(str).to_numpy()
    requests = sent["requests"].to_numpy(float)
    return Timeline(
        began=began,
        width=width,
        requests={
            name: np.bincount(bins, np.where(outcomes == name, requests, 0), count)
            for name in OUTCOMES
            if (outcomes == name).any()
        },
        accepted=np.bincount(bins, sent["accepted"].to_numpy(float), count) / width,
        ended=ended,
        elapsed=elapsed,
        outcomes=outcomes,
        median=pd.Series(elapsed).groupby(bins).median().reindex(range(count)).to_numpy(),
    )


def plot(summary: pd.DataFrame, figure: Figure | SubFigure | None = None) -> Figure | SubFigure:
    """Plot an upload over time: requests by outcome, accepted rows per second, and the time of each batch.

    It needs matplotlib: ``pip install "mixpanel_pandas[plot]"``.

    Parameters
    ----------
    summary : pandas.DataFrame
        The summary that a verb returned, or some of its rows.
    figure : matplotlib.figure.Figure or SubFigure, optional
        The figure to draw on, such as ``plt.figure(layout="constrained")`` for a window of its own. By default a new figure
        without a window: a notebook shows it, ``.savefig("upload.png")`` saves it.

    Returns
    -------
    matplotlib.figure.Figure or SubFigure
        The figure. Its ``.axes`` are the three panels, which share the axis of the time since the first request. If nothing was
        sent, there are no panels but a note. A request is counted when it ended. The time of a batch is from its first request to
        its final answer, including waits. Rows that were excluded before sending appear only in the title.

    Raises
    ------
    SummaryError
        If `summary` is not a summary.
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
        msg = "this is not a summary: plot takes the summary that a verb returned, with all its columns"
        raise SummaryError(msg)
    with from_extra("plot", "plot needs matplotlib"):
        import matplotlib as mpl
    with mpl.rc_context(STYLE):
        figure = _new_figure() if figure is None else figure
        title = _title(summary)
        upload = timeline(summary)
        if upload is None:
            figure.suptitle(f"{title}\nNothing was sent.", y=0.5, verticalalignment="center", size="medium")
            return figure
        figure.suptitle(title, x=0.01, horizontalalignment="left", size="medium")
        unit, seconds = next(row for row in UNITS if upload.ended.max() >= 2 * row[1] or row[1] == 1)
        panels = figure.subplots(3, sharex=True)
        for panel, draw in zip(panels, (_draw_requests, _draw_rate, _draw_latency), strict=True):
            draw(panel, upload, seconds)
        panels[-1].set_xlabel(f"{unit} since {upload.began:%Y-%m-%d %H:%M:%S} UTC")
        panels[-1].set_xlim(0, 1.01 * upload.width * len(upload.accepted) / seconds)
        figure.align_ylabels(panels)
    return figure


def _title(summary: pd.DataFrame) -> str:
    """Return the result of the upload, in lines that do not end between a number and its noun."""
    text = re.sub(r"(\d) (\w)", "\\1\N{NO-BREAK SPACE}\\2", words(summary))
    return "\n".join(textwrap.wrap(text, TITLE_WIDTH))


def _new_figure() -> Any:
    """Return a figure without a window. A notebook shows it even if pyplot was never imported."""
    from matplotlib.figure import Figure

    def png(figure: Any) -> bytes:
        image = io.BytesIO()
        figure.savefig(image, format="png")
        return image.getvalue()

    return type("Picture", (Figure,), {"_repr_png_": png})(figsize=(8, 5.5), layout="constrained")


def _draw_requests(panel: Axes, upload: Timeline, seconds: float) -> None:
    below = np.zeros(len(upload.accepted))
    for name, counts in upload.requests.items():
        panel.bar(
            upload.starts / seconds, counts, 0.9 * upload.width / seconds, below, align="edge", label=name.replace("_", " "),
            color=MARKS[name].colour, hatch=PATTERNS[name][0], edgecolor="#00000080", linewidth=0,
        )  # fmt: skip
        below += counts
    panel.set_ylabel("requests")
    panel.locator_params(axis="y", integer=True)
    panel.legend(loc="lower right", bbox_to_anchor=(1, 0.97), ncols=len(OUTCOMES), borderpad=0)


def _draw_rate(panel: Axes, upload: Timeline, seconds: float) -> None:
    edges = np.append(upload.starts, upload.width * len(upload.accepted)) / seconds
    panel.stairs(upload.accepted, edges, color=MARKS["accepted"].colour, fill=True, alpha=0.3)
    panel.stairs(upload.accepted, edges, color=MARKS["accepted"].colour)
    panel.set_ylabel("accepted rows/s")
    panel.set_ylim(bottom=0)
    panel.yaxis.set_major_formatter("{x:,.0f}")


def _draw_latency(panel: Axes, upload: Timeline, seconds: float) -> None:
    for name in upload.requests:
        mask = upload.outcomes == name
        panel.scatter(
            upload.ended[mask] / seconds, upload.elapsed[mask], s=14, marker=PATTERNS[name][1], color=MARKS[name].colour,
            alpha=0.6, linewidths=0, rasterized=True,
        )  # fmt: skip
    has_median = ~np.isnan(upload.median)
    middles = (upload.starts + upload.width / 2) / seconds
    if has_median.sum() > 1:
        panel.plot(middles[has_median], upload.median[has_median], color=GREY, linewidth=1.5, label="median")
        panel.legend(loc="lower right", bbox_to_anchor=(1, 0.97), borderpad=0)
    panel.set_ylabel("seconds per batch")
    fastest = upload.elapsed[upload.elapsed > 0].min(initial=np.inf)
    if upload.elapsed.max() > LOG_RATIO * fastest:
        panel.set_yscale("log")
        panel.yaxis.set_major_formatter("{x:g}")
    else:
        panel.set_ylim(bottom=0)

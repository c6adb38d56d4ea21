"""The picture of an upload: its data, not its pixels."""

from __future__ import annotations

import pickle
import sys

import numpy as np
import pandas as pd
import pytest

import mixpanel_pandas as mpd
from mixpanel_pandas.delivery.pending import Delivery
from mixpanel_pandas.delivery.summary import summarise
from mixpanel_pandas.notebook.plotting import MOST_BINS, PATTERNS, timeline
from mixpanel_pandas.notebook.tables import MARKS
from mixpanel_pandas.payloads.changes import Excluded
from mixpanel_pandas.rules.outcomes import OUTCOMES


def made(runs, left=(), rows=100):
    """Return a summary of batches of `rows` rows: (outcome, seconds after the first when it began, seconds, requests)."""
    deliveries = [
        Delivery(
            batch=number,
            positions=np.arange(number * rows, (number + 1) * rows),
            updates=rows,
            bytes=1000,
            outcome=outcome,
            reason=None if outcome == "accepted" else "why",
            error=None,
            status_code=200,
            requests=requests,
            attempts=requests,
            started=None if not requests else 1.7e9 + began,
            elapsed=elapsed,
        )
        for number, (outcome, began, elapsed, requests) in enumerate(runs)
    ]
    total = rows * len(runs) + sum(len(one.positions) for one in left)
    return summarise(deliveries, left, operator="set", rows=total, digest="", idempotent=True)


STEADY = [("accepted", second, 1.0, 1) for second in range(10)]


@pytest.fixture
def drawn():
    pytest.importorskip("matplotlib", reason="pip install '.[plot]'")
    return mpd.plot


def test_requests_are_counted_when_they_ended():
    found = timeline(made([("accepted", 0, 1.0, 1), ("unknown", 0, 4.0, 3), ("accepted", 3, 1.0, 1)]))
    assert found.width == pytest.approx(4 / 3)
    assert {name: counts.tolist() for name, counts in found.requests.items()} == {
        "accepted": [1, 0, 1],
        "unknown": [0, 0, 3],
    }
    assert found.accepted.tolist() == pytest.approx([75, 0, 75])
    assert found.ended.tolist() == [1, 4, 4]
    assert found.median.tolist() == pytest.approx([1, np.nan, 2.5], nan_ok=True)


@pytest.mark.parametrize(
    ("runs", "bins"),
    [
        pytest.param([("accepted", 0, 0.3, 1)], 1, id="one batch"),
        pytest.param([("accepted", 0, 0.0, 1)], 1, id="no time at all"),
        pytest.param(STEADY, 10, id="no bin is shorter than a batch takes"),
        pytest.param([("accepted", n / 100, 0.5, 1) for n in range(100)], 2, id="slow batches side by side"),
        pytest.param([("accepted", n, 0.1, 1) for n in range(10_000)], MOST_BINS, id="many"),
    ],
)
def test_bins(runs, bins):
    found = timeline(made(runs))
    assert len(found.accepted) == len(found.median) == bins
    assert sum(counts.sum() for counts in found.requests.values()) == len(runs)
    assert found.accepted.sum() * found.width == pytest.approx(100 * len(runs))


@pytest.mark.parametrize(
    "summary",
    [
        pytest.param(made([]), id="no rows"),
        pytest.param(made([("not_sent", 0, 0.0, 0)]), id="a dry run"),
        pytest.param(made([], [Excluded(np.arange(5), "invalid", "junk id")]), id="rows left out"),
    ],
)
def test_nothing_sent(summary, drawn):
    assert timeline(summary) is None
    figure = drawn(summary)
    assert not figure.axes
    assert figure.get_suptitle().endswith("\nNothing was sent.")


def test_rows_that_were_left_out_are_told_in_the_title(drawn):
    summary = made(STEADY, [Excluded(np.arange(1000, 1005), "invalid", "junk id")])
    assert "5\N{NO-BREAK SPACE}invalid" in drawn(summary).get_suptitle()
    assert list(timeline(summary).requests) == ["accepted"]


def test_what_is_drawn_is_what_was_counted(drawn):
    summary = made([*STEADY, ("rejected", 5, 2.0, 3)])
    found = timeline(summary)
    requests, pace, latency = drawn(summary).axes
    assert [panel.get_ylabel() for panel in (requests, pace, latency)] == [
        "requests",
        "accepted rows/s",
        "seconds per batch",
    ]
    assert latency.get_xlabel() == "seconds since 2023-11-14 22:13:20 UTC"
    bars = {one.get_label(): one for one in requests.containers}
    assert list(bars) == ["accepted", "rejected"]
    for name, of in bars.items():
        assert [bar.get_height() for bar in of] == found.requests[name].tolist()
    assert [bar.get_y() for bar in bars["rejected"]] == found.requests["accepted"].tolist()
    assert [text.get_text() for text in requests.get_legend().get_texts()] == ["accepted", "rejected"]
    assert pace.patches[0].get_data().values.tolist() == found.accepted.tolist()
    points = np.concatenate([one.get_offsets() for one in latency.collections])
    assert sorted(map(tuple, points)) == sorted(zip(found.ended, found.elapsed, strict=True))
    assert latency.lines[0].get_ydata().tolist() == found.median[~np.isnan(found.median)].tolist()
    assert len({panel.get_xlim() for panel in (requests, pace, latency)}) == 1


@pytest.mark.parametrize(
    ("seconds", "unit", "end"),
    [
        pytest.param(100, "seconds", 100, id="seconds"),
        pytest.param(600, "minutes", 10, id="minutes"),
        pytest.param(7200, "hours", 2, id="hours"),
    ],
)
def test_time_is_in_a_unit_that_suits(seconds, unit, end, drawn):
    panel = drawn(made([("accepted", 0, 1.0, 1), ("accepted", seconds - 1, 1.0, 1)])).axes[-1]
    assert panel.get_xlabel().startswith(f"{unit} since ")
    assert panel.collections[0].get_offsets()[-1][0] == pytest.approx(end)


@pytest.mark.parametrize(("slowest", "scale"), [(2.0, "linear"), (100.0, "log")])
def test_one_slow_batch_does_not_flatten_the_others(slowest, scale, drawn):
    assert drawn(made([*STEADY, ("accepted", 0, slowest, 9)])).axes[-1].get_yscale() == scale


def test_ten_thousand_batches_are_few_artists(drawn):
    summary = made([("accepted", n, 0.1, 1) for n in range(10_000)], rows=1)
    requests, _pace, latency = drawn(summary).axes
    assert len(requests.patches) == MOST_BINS
    assert len(latency.collections) == 1
    assert latency.collections[0].get_rasterized()


def test_a_notebook_shows_it_without_pyplot_and_without_a_background(drawn):
    figure = drawn(made(STEADY))
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert figure.get_facecolor()[3] == 0
    assert all(panel.get_facecolor()[3] == 0 for panel in figure.axes)


def test_it_draws_in_the_users_own_figure(drawn):
    from matplotlib.figure import Figure

    own = Figure()
    left, right = own.subfigures(1, 2)
    assert drawn(made(STEADY), left) is left
    assert len(left.axes) == 3
    assert not right.axes
    assert drawn(made(STEADY), figure=own) is own
    pickle.dumps(own)


def test_the_users_settings_are_left_alone(drawn):
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    drawn(made(STEADY))
    assert dict(mpl.rcParams) == before


def test_every_outcome_has_a_pattern_of_its_own():
    assert set(PATTERNS) == set(OUTCOMES)
    assert (
        len(set(PATTERNS.values())) == len({marker for _hatch, marker in PATTERNS.values()}) == len(OUTCOMES)
    )
    assert len({MARKS[name].colour for name in OUTCOMES}) == len(OUTCOMES)


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(mpd.MissingExtraError, match=r'pip install "mixpanel_pandas\[plot\]"') as caught:
        mpd.plot(made(STEADY))
    assert isinstance(caught.value, ImportError)


@pytest.mark.parametrize("given", [None, [1], pd.DataFrame({"outcome": ["accepted"]})])
def test_what_is_no_summary_is_refused(given):
    with pytest.raises(mpd.SummaryError, match="plot takes the summary that a verb returned"):
        mpd.plot(given)

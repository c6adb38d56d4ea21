from __future__ import annotations

import numpy as np
import pytest

from mixpanel_pandas.delivery.summary_in_words import words
from mixpanel_pandas.payloads.changes import Excluded
from tests.delivery.summaries import accepted, ended, summary_of


def test_no_rows_in_words():
    assert words(summary_of([], rows=0), 0.0, "eu") == "set: 0 rows; 0 requests, 0 bytes, 0.0 s, eu"


def test_in_words_from_the_summary_alone():
    runs = [
        accepted(range(2), bytes=50, started=1e9, elapsed=2),
        accepted(range(2, 4), 1, started=1e9 + 10, elapsed=2),
    ]
    summary = summary_of(runs, rows=5)
    summary.attrs = {}
    assert words(summary) == "set: 4 accepted, 1 not sent; 2 requests, 70 bytes, 12 s"


def test_accepted_rows_come_first_in_words():
    left = [
        Excluded(np.arange(3, 5), "invalid", "junk id"),
        Excluded(np.arange(5, 60), "skipped", "already so"),
    ]
    assert words(summary_of([accepted(range(1)), ended(range(1, 3), "unknown")], left, rows=60), 1.0) == (
        "set: 1 accepted, 2 unknown, 2 invalid (2 junk id), 55 skipped (55 already so); 2 requests, 30 bytes, 1.0 s"
    )


def test_in_words():
    runs = [
        accepted(range(1_999_212), bytes=611_900_000, requests=1000),
        ended(range(1_999_212, 1_999_420), "unknown"),
    ]
    left = [
        Excluded(np.arange(1_999_420, 1_999_488), "invalid", "too long"),
        Excluded(np.arange(1_999_488, 2_000_000), "invalid", "junk id"),
    ]
    assert words(summary_of(runs, left, rows=2_000_000), 74.4, "eu") == (
        "set: 1,999,212 accepted, 208 unknown, 580 invalid (512 junk id, 68 too long); "
        "1,001 requests, 612 MB, 74 s, eu"
    )


@pytest.mark.parametrize(
    ("size", "seconds", "ends"),
    [
        pytest.param(999, 0.04, "1 request, 999 bytes, 0.0 s, us", id="little"),
        pytest.param(1_500, 9.94, "1 request, 1.5 kB, 9.9 s, us", id="kB"),
        pytest.param(20_000_000_000, 3601, "1 request, 20 GB, 60 min, us", id="GB"),
    ],
)
def test_sizes_and_times_in_words(size, seconds, ends):
    assert words(summary_of([accepted(range(1), bytes=size)], rows=1), seconds, "us").endswith(ends)


def test_what_was_not_sent_has_no_size():
    summary = summary_of([ended(range(5), "not_sent", requests=0, bytes=50)], rows=5)
    assert words(summary, 0.0, "us") == "set: 5 not sent; 0 requests, 0 bytes, 0.0 s, us"

"""Uploads from a cell: the bar moves, the stop button stops, and what is shown is text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.slow

#: The text beside a bar that has moved.
MOVED = re.compile(r"\s[1-9]\d*/1000\s")

SETUP = """
import pandas as pd
import mixpanel_pandas as mpd
emulator = mpd.Emulator().start()
_ = mpd.set_project(emulator.project)
frame = pd.DataFrame({"user_id": range(1, 1001), "plan": "pro"})
"""


#: What a browser would run if it were taken for a part of the page.
EVIL = [
    "<script>window.executed = 1</script>",
    "<img src=x onerror='window.executed = 1'>",
    "[x](javascript:alert(1))",
]


def test_the_bar_moves_and_the_totals_stay(notebook: Callable[..., Any], barriers: Any) -> None:
    from playwright.sync_api import expect

    page = notebook(
        SETUP,
        "emulator.fail('delay', seconds=0.2, times=None)\nsummary = frame.mixpanel.set('user_id', batch_size=50, workers=1)",
        "summary[['batch', 'rows', 'outcome', 'status_code']].head()",
    )
    page.run(1)
    page.start(2)
    expect(page.output(2).locator(".widget-hprogress")).to_be_visible()
    expect(page.output(2)).to_contain_text(MOVED)
    page.ended(2)
    expect(page.output(2)).to_contain_text("set: 1,000 accepted; 20 requests")
    page.run(3)
    assert barriers(page.page, ".jp-OutputArea") == []


def test_the_stop_button(notebook: Callable[..., Any]) -> None:
    from playwright.sync_api import expect

    page = notebook(
        SETUP,
        "emulator.fail('delay', seconds=0.2, times=None)\nframe.mixpanel.append('user_id', batch_size=5, workers=1)",
        "emulator.heal()\nframe.mixpanel.outcomes(mpd.last_summary())['outcome'].unique().tolist()",
    )
    page.run(1)
    page.start(2)
    expect(page.output(2)).to_contain_text(MOVED)
    page.press("notebook:interrupt-kernel")
    page.ended(2)
    expect(page.output(2)).to_contain_text("UploadInterrupted")
    expect(page.run(3)).to_contain_text("['accepted', 'not_sent']")


def test_values_are_text(notebook: Callable[..., Any]) -> None:
    page = notebook(
        SETUP,
        f"evil = pd.DataFrame({{'user_id': {EVIL}, 'plan': {EVIL}}})\n"
        "emulator.fail('refuse', record=lambda record: True, message=evil.user_id[0], times=None)\n"
        "summary = evil.mixpanel.set('user_id', check=False)\nsummary",
        "evil.mixpanel.validate('set', 'user_id')",
        "evil.mixpanel.outcomes(summary)",
        "emulator.profiles()",
    )
    page.run(1)
    page.run(2)
    for number in 3, 4, 5:
        page.run(number)
    assert page.output(2).locator("img, script").count() == 0
    assert page.page.evaluate("window.executed") is None

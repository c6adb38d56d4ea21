"""The preview as a person uses it: with the mouse, with the keyboard, and after the kernel is gone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.slow

SETUP = """
import pandas as pd
import mixpanel_pandas as mpd
emulator = mpd.Emulator().start()
_ = mpd.set_project(emulator.project)
customers = pd.read_csv("data/customers.csv")
customers.loc[3, "address"] = "Ullevålsveien 14, " * 20
customers.loc[5, "customer_id"] = 5
"""
PREVIEW = "preview = customers.mixpanel.preview('set', 'customer_id')\npreview"

CLEAN = "customers = customers.drop(index=[3, 5])"

MANY = """
customers = pd.DataFrame({"customer_id": range(1, 1001), "plan": "pro"})
emulator.fail("delay", seconds=0.2, times=None)
"""

#: What a browser would run if it were taken for a part of the page.
EVIL = [
    "<script>window.executed = 1</script>",
    "<img src=x onerror='window.executed = 1'>",
    "[x](javascript:window.executed=1)",
]

#: What reaches beyond the preview, and buttons and labels whose words are cut.
OVERFLOWING = """root => {
    const edge = root.getBoundingClientRect().right + 1;
    const seen = [...root.querySelectorAll('*')].filter(
        node => node.offsetParent && getComputedStyle(node).clipPath == 'none');
    return seen
        .filter(node => node.getBoundingClientRect().right > edge
            || (node.matches('button, label, pre, td, th') && node.scrollWidth > node.clientWidth + 1))
        .map(node => node.outerHTML.slice(0, 200));
}"""

TABS = ("Map", "Findings", "Payloads", "Changes", "Send")


LONG, ACCENTS = "x" * 300, "\u00e9" * 140

#: A list as people keep it, with something of everything that happens to such lists.
MESSY = f"""User ID,Full Name,Email Address, Phone Number ,Signup Date,Last Login,Amount,Newsletter,Tags,Zip,Bio,Visits
00123,Ann Lee,ann@example.com,+4930123456,25/12/2022,2023-01-05,"1,234.50",Yes,a; b,01067,{LONG},3
00124,Bob Ray,bob@example.com,+4930123457,05/07/2023,2023-02-11,7.00,No,b,10115,short,1
00125,Cid Orr,cid@example.com,+4930123458,14/02/2023,2023-03-09,12.25,Yes,c; a,20095,ok,0
00126,Dee Fox,dee@example.com,030 123459,31/01/2021,2023-01-30,"1,000.00",Yes,a,80331,{ACCENTS},12
00127,Eve Hall,eve.example.com,+4930123460,01/02/2023,2023-05-21,3.50,No,b; c,50667,fine,2
00124,Bob Ray,bob@example.com,+4930123457,05/07/2023,2023-02-11,9.75,No,b,10115,short,4
,Kim Low,kim@example.com,+4930123461,06/06/2023,2023-06-01,6.10,No,a,28195,short,1
00128,Leo Poe,leo@example.com,+4930123462,N/A,2023-06-02,4.40,Yes,c; b,30159,,7
00129,Mia Qu,mia@example.com,+4930123463,12/12/2022,2023-04-17,"2,222.20",Yes,b,45127,short,5
"""

MESSY_SETUP = f"""
from pathlib import Path
import mixpanel_pandas as mpd
emulator = mpd.Emulator().start()
_ = mpd.set_project(emulator.project)
_ = Path("messy.csv").write_text({MESSY!r}, encoding="utf-8")
customers = mpd.frame("messy.csv")
"""


class Preview:
    """The preview in a cell."""

    def __init__(self, page: Any, number: int) -> None:
        self.page = page.page
        self.cell = page.cell(number)
        self.node = page.output(number).locator(".mixpanel-preview")
        self.node.wait_for()
        self.code = self.node.locator("pre.mp-code")

    def open(self, tab: str) -> Any:
        """Open a tab, and return what it shows."""
        named = self.node.get_by_role("tab", name=re.compile(f"^{tab}"))
        named.click()
        self.node.locator(".lm-mod-current").filter(has_text=tab).wait_for()
        return self.node.locator(".widget-tab-contents > :not(.lm-mod-hidden)")


@pytest.fixture
def opened(notebook: Callable[..., Any]) -> Callable[..., tuple[Any, Preview]]:
    """Open a preview; cell 1 prepares it, and cell 2 shows it."""

    def open_one(*more: str, setup: str = SETUP, preview: str = PREVIEW) -> tuple[Any, Preview]:
        page = notebook(setup, preview, *more)
        page.run(1)
        page.run(2)
        return page, Preview(page, 2)

    return open_one


def test_from_the_map_to_the_summary(opened: Any, picture: Any) -> None:
    from playwright.sync_api import expect

    page, preview = opened("mpd.totals(preview.summary)", "emulator.profile('42')")
    expect(preview.code).to_have_text("customers.mixpanel.set('customer_id')")

    at = preview.open("Map")
    at.get_by_role("button", name="Send as $email").click()
    expect(preview.code).to_contain_text("rename={'email': '$email'}")
    fax = at.get_by_label("Property name for fax")
    fax.fill("telefax")
    fax.press("Enter")
    expect(preview.code).to_contain_text("'fax': 'telefax'")
    at.get_by_label("Send support_rep_id").uncheck()
    expect(preview.code).to_contain_text("['first_name', 'last_name'")
    expect(preview.code).not_to_contain_text("support_rep_id")
    picture("map", preview.cell)

    at = preview.open("Findings")
    expect(at).to_contain_text("3 errors stop sending; 0 warnings, 4 hints in 59 rows")
    at.get_by_label("Severity").select_option("error")
    expect(at.locator(".mp-finding-row").filter(has_text="hint")).to_have_count(0)
    at.get_by_label("What to do about long string in address").select_option("cut to 255 bytes in 1 row")
    expect(preview.code).to_contain_text("invalid={'address': {'long_string': 'truncate'}}")
    preview.open("Map").get_by_label("Several rows of one id").select_option("send the last one")
    expect(preview.code).to_contain_text("duplicates='last'")
    expect(preview.node.get_by_role("tab", name="Findings (4 hints)")).to_be_visible()

    at = preview.open("Payloads")
    first = at.locator("pre").inner_text()
    at.get_by_role("button", name="Next").click()
    expect(at.locator("pre")).not_to_have_text(first)
    at.get_by_label("Id").fill("42")
    at.get_by_role("button", name="Find").click()
    expect(at).to_contain_text("1 row with this id")
    expect(at.locator("pre")).to_contain_text('"city": "Bordeaux"')
    picture("payloads", preview.cell)
    at.get_by_role("button", name="Largest").click()
    expect(at.locator("pre")).to_contain_text('"city": "Oslo"')

    at = preview.open("Send")
    at.get_by_role("button", name="Set 11 properties on 58 users in 127.0.0.1").click()
    expect(at).to_contain_text("set: 58 accepted, 1 skipped")
    picture("sent", preview.cell)
    expect(page.run(3)).to_contain_text("accepted")
    expect(page.run(4)).to_contain_text("'$email': 'wyatt.girard@yahoo.fr'")


def test_a_messy_table_becomes_right_by_clicks(opened: Any, picture: Any) -> None:
    from playwright.sync_api import expect

    page, preview = opened(
        "emulator.profile('00123')",
        setup=MESSY_SETUP,
        preview="preview = customers.mixpanel.preview()\npreview",
    )
    expect(preview.code).to_have_text("customers.mixpanel.set('User ID')")
    at = preview.open("Map")
    expect(at).to_contain_text("Guessed by its name: User ID holds the ids")
    picture("messy-map", preview.cell)
    at.get_by_role("button", name=re.compile("^Take all")).click()
    expect(preview.code).to_contain_text("'Email Address': '$email'")
    at.get_by_label("Read text of Zip as").select_option("leave out")
    expect(preview.code).not_to_contain_text("Zip")
    expect(at.get_by_label("Send Zip")).not_to_be_checked()

    at = preview.open("Findings")
    expect(at).to_contain_text("5 errors stop sending")
    at.get_by_label("What to do about missing id").select_option("leave 1 row out")
    at.get_by_label("What to do about long string in Bio").select_option("cut to 255 bytes in 2 rows")
    expect(at).to_contain_text("2 errors stop sending, 3 taken care of")
    at.get_by_role("button", name="2 rows", exact=True).first.click()
    picture("remedies", preview.cell)
    at.get_by_label("What to do about duplicate id").select_option("merge the rows of each id")
    expect(at).to_contain_text("Nothing stops sending, 3 taken care of")

    at = preview.open("Send")
    at.get_by_role("button", name="Set 10 properties on 7 users in 127.0.0.1").click()
    expect(at).to_contain_text("Sent. Change something to send again.")
    expect(at).to_contain_text("set: 8 accepted, 1 invalid")
    expect(page.run(3)).to_contain_text("'Amount': 1234.5")


def test_a_slow_upload_is_stopped_while_the_kernel_is_free(opened: Any, picture: Any) -> None:
    from playwright.sync_api import expect

    page, preview = opened(
        "6 * 7",
        "preview.wait()\nsorted(customers.mixpanel.outcomes(preview.summary)['outcome'].unique())",
        setup=SETUP + MANY,
        preview="preview = customers.mixpanel.preview('set', 'customer_id', batch_size=10, workers=1)\npreview",
    )
    at = preview.open("Send")
    at.get_by_role("button", name=re.compile("Set 1 property on 1,000 users")).click()
    expect(at).to_contain_text(re.compile(r"[1-9]\d* of 1,000 rows"))
    picture("sending", preview.cell)
    expect(page.run(3)).to_contain_text("42")
    at.get_by_role("button", name="Stop").click()
    expect(at).to_contain_text("not sent")
    expect(page.run(4)).to_contain_text("['accepted', 'not_sent']")


def test_saved_and_opened_again_without_a_kernel(opened: Any, picture: Any) -> None:
    from playwright.sync_api import expect

    page, preview = opened("print(emulator.token)", setup=SETUP + CLEAN)
    token = page.run(3).locator("pre").inner_text().strip()
    page.execute("notebook:clear-cell-output")  # that of the third cell, which shows the token
    preview.open("Payloads")
    saved = page.save()
    for secret in token, "luisg@embraer", "leonekohler", "3923-5555":
        assert secret not in saved
    page.close_kernel()
    page.open(kernel=False)
    expect(page.node.get_by_role("button", name="No Kernel")).to_be_visible()
    expect(page.output(2).locator(".mixpanel-saved")).to_be_visible()
    expect(page.output(2)).to_contain_text("Set 12 properties on 57 users")
    expect(page.output(2).get_by_text("Error displaying widget")).to_be_hidden()
    picture("saved", page.cell(2))


def test_values_are_text(opened: Any) -> None:
    from playwright.sync_api import expect

    frame = {
        "user_id": EVIL,
        EVIL[0]: EVIL,
        EVIL[1]: EVIL,
        "$x^2$": EVIL,
        "note": [text * 20 for text in EVIL],
    }
    page, preview = opened(
        setup=SETUP + f"evil = pd.DataFrame({frame!r}, index={EVIL!r})",
        preview="preview = evil.mixpanel.preview('set', 'user_id', invalid='drop_value', save_values=True)\npreview",
    )
    preview.node.get_by_label("Show ids").check()
    for tab in TABS:
        expect(preview.open(tab)).to_be_visible()
        assert preview.node.locator("img, script, a[href]").count() == 0
    preview.open("Send").get_by_role("button", name=re.compile("^Set")).click()
    expect(preview.node).to_contain_text("3 accepted")
    assert page.output(2).locator("img, script, a[href]").count() == 0
    assert page.page.evaluate("window.executed === undefined")


def test_the_keyboard_alone_is_enough(opened: Any) -> None:
    from playwright.sync_api import expect

    page, preview = opened("len(emulator.profiles())", setup=SETUP + CLEAN)
    keyboard = page.page.keyboard

    def go_to(there: Any) -> None:
        for _ in range(60):
            if there.evaluate("node => node === document.activeElement"):
                return
            keyboard.press("Tab")
        pytest.fail(f"Tab does not lead to {there}")

    page.cell(2).locator(".cm-content").focus()
    keyboard.press("Escape")
    go_to(preview.node.get_by_role("tab", name="Map"))
    for _ in range(4):
        keyboard.press("ArrowRight")
    keyboard.press("Enter")
    button = preview.node.get_by_role("button", name=re.compile("^Set 12 properties on 57 users"))
    expect(button).to_be_visible()
    go_to(button)
    keyboard.press("Enter")
    expect(preview.node).to_contain_text("set: 57 accepted")
    expect(page.run(3)).to_contain_text("57")


def test_the_focus_stays_where_it_is(opened: Any) -> None:
    from playwright.sync_api import expect

    _page, preview = opened(setup=MESSY_SETUP, preview="preview = customers.mixpanel.preview()\npreview")
    at = preview.open("Map")
    name = at.get_by_label("Property name for Amount")
    name.fill("amount")
    name.press("Tab")
    expect(preview.code).to_contain_text("'Amount': 'amount'")
    reading = at.get_by_label("Read text of Amount as")
    expect(reading).to_be_focused()
    reading.select_option("number: 1,234.5")
    expect(preview.code).to_contain_text("'Amount': 'number:1,234.5'")
    expect(reading).to_be_focused()
    reading.select_option("another reading ...")
    line = at.get_by_label("Reading of Amount")
    line.fill("number:money")
    line.press("Enter")
    expect(preview.code).to_contain_text("'Amount': 'number:money'")
    expect(line).to_be_focused()
    at.get_by_label("Send Visits").press("Space")
    expect(preview.code).not_to_contain_text("Visits")
    expect(at.get_by_label("Send Visits")).to_be_focused()
    at.get_by_role("button", name="Read as yes/no: Yes/No").press("Enter")
    expect(preview.code).to_contain_text("'Newsletter': 'boolean:Yes/No'")
    expect(at.get_by_label("Property name for Newsletter")).to_be_focused()


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_nothing_stands_in_the_way_of_anybody(opened: Any, barriers: Any, theme: str) -> None:
    page, preview = opened()
    page.theme(f"JupyterLab {theme}")
    found = {}
    for tab in TABS:
        preview.open(tab)
        found[tab] = barriers(page.page, ".mixpanel-preview")
    assert found == {tab: [] for tab in TABS}


HUNDREDS = """
import numpy as np
random = np.random.default_rng(0)
customers = pd.DataFrame({"customer_id": range(500)} | {f"{name} {n}": values for n in range(60) for name, values in {
    "amount": random.lognormal(3, 1, 500),
    "plan": random.choice(["free", "pro", "enterprise"], 500, p=[.6, .3, .1]),
    "joined": pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(random.integers(0, 500, 500), "D"),
    "active": random.random(500) > .3,
    "note": ["x" * length for length in random.integers(1, 90, 500)],
}.items()})
customers.loc[2, "note 7"] = "y" * 300
"""


def test_columns_in_the_hundreds(opened: Any, picture: Any) -> None:
    from playwright.sync_api import expect

    _page, preview = opened(setup=SETUP + HUNDREDS)
    at = preview.open("Map")
    expect(at).to_contain_text("300 of 300 columns sent")
    assert at.locator("svg[role=img][aria-label]").count() == 12
    picture("columns", preview.cell)
    at.get_by_label("Sort").select_option("problems first")
    expect(at.get_by_label(re.compile("^Property name")).first).to_have_value("note 7")
    at.get_by_label("Find").fill("plan")
    expect(at).to_contain_text("60 shown")
    at.get_by_role("button", name="Send none").click()
    expect(at).to_contain_text("240 of 300 columns sent, 60 shown")
    expect(preview.code).not_to_contain_text("plan")
    operator = preview.node.get_by_label("Operator")
    operator.select_option(label=operator.locator("option", has_text="add: ").text_content())
    expect(preview.code).not_to_contain_text("active")
    expect(preview.code).to_contain_text("amount 59")


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_tables_fit_and_stand_in_nobodys_way(notebook: Any, barriers: Any, picture: Any, theme: str) -> None:
    tables = (
        "mpd.show(customers.mixpanel.inventory())",
        "mpd.show(customers.mixpanel.validate('set', 'customer_id'))",
    )
    page = notebook(SETUP, *tables)
    page.theme(f"JupyterLab {theme}")
    for number in 1, 2, 3:
        page.run(number)
    for width in 1280, 800:
        page.page.set_viewport_size({"width": width, "height": 1800})
        for number in 2, 3:
            assert page.output(number).locator(".mixpanel-table").evaluate(OVERFLOWING) == []
        if width == 1280:
            picture(f"{theme.lower()}-inventory", page.output(2))
    assert barriers(page.page, ".mixpanel-table") == []


@pytest.mark.parametrize(("width", "stacks"), [(1000, False), (390, True)])
def test_the_saved_preview_fits_the_page(context: Any, width: int, stacks: bool) -> None:
    import pandas as pd

    customers = pd.read_csv(ROOT / "notebooks" / "data" / "customers.csv").assign(note="x" * 300)
    html = customers.mixpanel.preview("set", "customer_id")._static()["text/html"]
    page = context.new_page()
    page.set_viewport_size({"width": width, "height": 1800})
    page.set_content(f"<!doctype html><body style='margin: 8px; font-family: sans-serif'>{html}</body>")
    saved = page.locator(".mixpanel-saved")
    assert saved.evaluate(OVERFLOWING) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    first, second = (
        saved.locator("tbody tr").first.locator("td").nth(number).bounding_box() for number in (0, 1)
    )
    assert (second["y"] > first["y"]) == stacks


@pytest.mark.parametrize("theme", ["Light", "Dark"])
@pytest.mark.parametrize("width", [1400, 800])
def test_a_messy_table_overflows_nowhere(
    opened: Any, barriers: Any, picture: Any, width: int, theme: str
) -> None:
    from playwright.sync_api import expect

    page, preview = opened(
        setup=MESSY_SETUP, preview="preview = customers.mixpanel.preview(invalid='drop_row')\npreview"
    )
    page.page.set_viewport_size({"width": width, "height": 1800})
    page.theme(f"JupyterLab {theme}")
    shown = {
        "Map": "Visits",
        "Findings": "duplicate id",
        "Payloads": "bytes",
        "Changes": "would refuse",
        "Send": "updates",
    }
    for tab in TABS:
        expect(preview.open(tab)).to_contain_text(shown[tab])
        if (theme, width, tab) == ("Dark", 1400, "Findings"):
            picture("dark-findings", preview.cell)
        assert preview.node.evaluate(OVERFLOWING) == []
        assert barriers(page.page, ".mixpanel-preview") == []


@pytest.mark.parametrize("width", [1280, 1000, 800])
def test_nothing_overflows(opened: Any, width: int) -> None:
    page, preview = opened()
    page.page.set_viewport_size({"width": width, "height": 1800})
    for tab in TABS:
        preview.open(tab)
        assert preview.node.evaluate(OVERFLOWING) == []


COMPARED = """
from pathlib import Path
import pandas as pd
import mixpanel_pandas as mpd
emulator = mpd.Emulator().start()
_ = mpd.set_project(emulator.project)
before = pd.DataFrame({"customer": ["ann", "bob", "cem"], "plan": ["free", "free", "pro"], "seats": [3, 5, 12],
    "city": ["Oslo", None, "Bonn"], "$email": ["ann@example.com", "bob@example.com", "cem@example.com"]})
_ = before.mixpanel.set("customer")
customers = pd.DataFrame({"id": ["ann", "bob", "cem", "dee"], "Plan": ["pro", "free", "pro", "free"],
    "seats": ["4", "five", "12", "1"], "city": ["Oslo", "Bergen", None, "Ulm"],
    "email": ["ann@example.com", "bob@sample.com", "cem@example.com", "dee@example.com"], "colour": "red"})
"""


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_names_are_completed_and_changes_stand_before_and_after(
    opened: Any, picture: Any, barriers: Any, theme: str
) -> None:
    from playwright.sync_api import expect

    page, preview = opened(
        "preview.plan",
        setup=COMPARED,
        preview="preview = customers.mixpanel.preview(missing='null', rename={'email': '$email'}, known=True)\npreview",
    )
    page.theme(f"JupyterLab {theme}")
    at = preview.open("Map")
    expect(at).to_contain_text("new, like plan")
    expect(at).to_contain_text("Mixpanel has number, this sends string")
    colour = at.get_by_label("Property name for colour")
    completions = at.locator(f"[id='{colour.get_attribute('list')}'] option")
    assert {option.get_attribute("value") for option in completions.all()} >= {
        "plan",
        "seats",
        "city",
        "$email",
    }
    if theme == "Light":
        picture("known", preview.cell)
    button = at.get_by_role("button", name="Send as plan")
    button.focus()
    button.press("Enter")
    expect(preview.code).to_contain_text("'Plan': 'plan'")
    expect(at.get_by_label("Property name for Plan")).to_be_focused()
    at.get_by_label("Send colour").uncheck()

    at = preview.open("Changes")
    expect(at).to_contain_text("Reads 4 profiles: 1 of the 60 queries")
    at.get_by_role("button", name="Compare with Mixpanel").click()
    expect(at).to_contain_text("1 new profile, 3 changed (7 cells), 0 emptied, 0 unchanged")
    expect(at.locator("tbody tr")).to_have_count(11)
    picture({"Light": "changes", "Dark": "dark-changes"}[theme], preview.cell)
    for width in 1280, 800:
        page.page.set_viewport_size({"width": width, "height": 1800})
        for tab in "Map", "Changes":
            preview.open(tab)
            assert preview.node.evaluate(OVERFLOWING) == []
            assert barriers(page.page, ".mixpanel-preview") == []
    expect(page.run(3)).to_contain_text("1 new profile, 3 changed")

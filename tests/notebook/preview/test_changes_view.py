"""What an upload would change: asked for by a click, told in words, and each value before and after."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest

import mixpanel_pandas as mpd
from mixpanel_pandas.notebook.preview import changes_view, runner
from mixpanel_pandas.notebook.preview.changes_view import cells_shown, cost_in_words
from tests.notebook.preview.frames import people, state
from tests.notebook.preview.screens import CHANGES, MAP, Screen, good, screen

pytestmark = pytest.mark.filterwarnings("ignore::mixpanel_pandas.ProfileWarning")

SECONDS = 100

CURRENT = pd.DataFrame(
    {"plan": ["pro", "free", "free"], "email": ["u0@x.com", "u1@x.com", "old@x.com"]},
    index=pd.Index(["user 0", "user 1", "user 2"], name="$distinct_id"),
)
COUNTS = "2 new profiles, 2 changed (3 cells), 0 emptied, 1 unchanged"


def compared(found: Screen) -> Screen:
    """Press the button, and wait for what it brings."""
    found.open(CHANGES)
    found.one("compare").click()
    assert found.preview.wait(SECONDS)
    return found


def cells_in_words(found: Screen) -> list[str]:
    """The kinds of changes to choose from."""
    return [words for words, _kind in found.one("change").options]


def test_a_click_compares_with_mixpanel_and_nothing_is_asked_before(emulator: mpd.Emulator) -> None:
    CURRENT.reset_index().mixpanel.set("$distinct_id")
    asked = len(emulator.requests)
    found = screen(good())
    found.open(CHANGES)
    assert (
        "Reads 5 profiles: 1 of the 60 queries that Mixpanel answers in an hour. Nothing is sent."
        in found.text()
    )
    assert found.one("compare").description == "Compare with Mixpanel"
    found.open(MAP)
    found.open(CHANGES)
    assert len(emulator.requests) == asked
    assert found.preview.plan is None
    compared(found)
    assert [request.path for request in emulator.requests[asked:]] == ["/api/query/engage"]
    assert COUNTS in found.text()
    assert repr(found.preview.plan) == COUNTS
    assert cells_in_words(found) == ["all changes (7)", "new (4)", "changed (3)"]
    assert 'property before after change us*** plan "free" "pro" changed' in found.text()


def test_what_the_call_says_profiles_hold_needs_no_query(emulator: mpd.Emulator) -> None:
    found = Screen(good().mixpanel.preview("set", "user_id", current=CURRENT))
    found.open(CHANGES)
    assert "Compares with the 3 profiles of current. Nothing is asked of Mixpanel." in found.text()
    compared(found)
    assert COUNTS in found.text()
    assert not emulator.requests
    assert "plan = df.mixpanel.plan('set', 'user_id', current=current)" in found.text()
    assert found.preview.preview_code == "df.mixpanel.preview('set', 'user_id', current=current)"


def test_it_is_the_plan_of_the_same_call() -> None:
    found = compared(screen(good(), properties=["plan"], rename={"plan": "Plan"}, current=CURRENT))
    line = f"{found.preview.state.operation.verb}"
    plan = good().mixpanel.plan(line, "user_id", ["plan"], rename={"plan": "Plan"}, current=CURRENT)
    pd.testing.assert_frame_equal(found.preview.plan.cells, plan.cells)


@pytest.mark.parametrize("verb", ["set", "set_once", "union", "append", "unset", "delete", "update"])
def test_the_line_makes_the_same_plan(verb: str) -> None:
    properties = {"unset": ["plan"], "update": {"plan": "set", "email": "unset"}}.get(verb)
    current = CURRENT.assign(plan=[["a"], ["b"], None]) if verb in {"union", "append"} else CURRENT
    more = {"workers": 2} if verb != "delete" else {"at_most": 7}
    found = compared(screen(good(), verb, properties=properties, current=current, **more))
    assert found.preview.plan is not None, found.text()
    line = next(w for w in found.visible() if "mp-plan-code" in w._dom_classes).value
    assert "workers" not in line
    code = changes_view.planning_of(found.preview.operation, current=True)
    again = eval(code, {"df": good(), "current": current})
    assert repr(again) == repr(found.preview.plan)


def test_a_change_of_the_map_asks_for_another_comparison() -> None:
    found = compared(screen(good(), current=CURRENT))
    found.open(MAP)
    found.one("column-sent", "Send email").value = False
    found.open(CHANGES)
    assert COUNTS not in found.text()
    assert "Something was changed since: compare again." in found.text()
    compared(found)
    assert "2 new profiles, 2 changed (2 cells)" in found.text()


def test_kinds_of_changes_and_pages() -> None:
    frame = good(40).assign(plan=["free"] * 20 + ["pro"] * 20)
    found = compared(screen(frame, properties=["plan"], current=CURRENT, save_values=True))
    assert found.one("cells-page-of").value == "of 4"
    found.one("change").value = "changed"
    assert not [w for w in found.visible() if "mp-cells-page-of" in w._dom_classes]
    assert 'user 0 plan "pro" "free" changed' in found.text()
    found.one("change").value = "new"
    found.one("cells-page-last").click()
    assert "user 39" in found.text()


def test_private_values_are_masked_until_they_are_shown() -> None:
    found = compared(screen(good().rename(columns={"email": "contact"}), current=CURRENT))
    for text in (found.text(), str(found.preview._static())):
        assert COUNTS.partition(",")[0] in text
        assert "user 2" not in text
    found = compared(screen(good(), current=CURRENT))
    saved = json.dumps(
        [*found.preview._static().values(), *(w.get_state() for w in found.all())], default=str
    )
    for secret in ("u3@x.com", "old@x.com", "user 3"):
        assert secret not in saved
    assert "ol***@x***" in found.text()
    found.one("show-values").value = True
    assert '"old@x.com" "u2@x.com" changed' in found.text()
    assert "old@x.com" not in str(found.preview._static())


def test_a_column_that_is_private_stays_so_under_another_name() -> None:
    found = state(people()[["user_id", "email"]].iloc[:1], rename={"email": "contact"})
    plan = found.frame.mixpanel.plan("set", "user_id", rename={"email": "contact"}, current=CURRENT)
    (cell,) = cells_shown(found, plan, 0, 5).to_dict("records")
    assert (cell["id"], cell["after"]) == ("an***@e***", '"an***@e***"')
    (cell,) = cells_shown(found, plan, 0, 5, unmasked=True).to_dict("records")
    assert (cell["id"], cell["after"]) == ("ann@example.com", '"ann@example.com"')


def test_why_nothing_can_be_compared(emulator: mpd.Emulator) -> None:
    found = screen(people())
    found.open(CHANGES)
    assert "5 errors would refuse the frame" in found.text()
    assert found.one("compare").disabled
    token_only = mpd.Project(emulator.project.token, url=emulator.url)
    found = screen(good(), project=token_only)
    found.open(CHANGES)
    assert "To compare, profiles are read: reading needs username and secret and project_id" in found.text()
    assert found.one("compare").disabled
    found = Screen(good().rename(columns={"user_id": "Kennung"}).mixpanel.preview())
    found.open(CHANGES)
    assert "Which column holds the ids? Choose it on the Map." in found.text()


def test_what_fails_on_the_way_is_told(emulator: mpd.Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    found = screen(good())
    emulator.fail(401, times=None, on="read")
    compared(found)
    assert "Mixpanel does not accept the service account" in found.text()
    assert not found.one("compare").disabled

    def broken(*_args: Any) -> Any:
        msg = "ann@example.com"
        raise ZeroDivisionError(msg)

    monkeypatch.setattr(runner, "plan_of_checked", broken)
    compared(found)
    assert "the comparison ended with ZeroDivisionError" in found.text()
    assert "ann@example.com" not in found.text()


def test_what_is_saved_holds_the_changes_once_they_are_known() -> None:
    found = screen(good(), current=CURRENT)
    assert COUNTS not in found.preview._static()["text/html"]
    compared(found)
    saved = found.preview._static()["text/html"]
    assert COUNTS in saved
    assert "&quot;free&quot;" in saved or '"free"' in saved


def test_the_cost_of_many_profiles_is_that_of_all() -> None:
    found = state(pd.DataFrame({"user_id": range(1, 6_001), "plan": "pro"}))
    assert cost_in_words(found, None) == (
        "Reads all profiles of the project, a request for each 1,000 of them: 1 of the 60 queries that Mixpanel answers in an hour. "
        "Nothing is sent."
    )

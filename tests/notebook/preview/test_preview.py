from __future__ import annotations

import json
import re
import threading
import tomllib
import warnings
from html import unescape
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ipywidgets
import pandas as pd
import pytest
from click.testing import CliRunner

import mixpanel_pandas as mpd
from mixpanel_pandas import errors
from mixpanel_pandas.cli import main
from mixpanel_pandas.notebook.preview import map_view
from mixpanel_pandas.notebook.preview import preview as module
from mixpanel_pandas.notebook.preview import state as state_module
from mixpanel_pandas.rules.options import ALL_OPTIONS, taken_by
from tests.notebook.preview.frames import ATTACKS, messy, people
from tests.notebook.preview.screens import FINDINGS, MAP, PAYLOADS, SEND, Screen, good, screen

SECONDS = 100


# -- map --------------------------------------------------------------------------------------------------------------


def test_it_opens_on_the_map_with_what_the_call_said() -> None:
    found = screen(properties=["bio", "visits"], rename={"bio": "about"}, duplicates="last")
    assert (
        found.preview.code
        == "df.mixpanel.set('user_id', ['bio', 'visits'], rename={'bio': 'about'}, duplicates='last')"
    )
    assert found.preview.code in found.text()
    assert "5 rows: 1 missing, 1 junk, 2 duplicate" in found.text()
    assert found.one("id").value == "user_id"
    assert found.one("operator").value == "set"
    assert found.one("duplicates").value == "last"
    assert found.one("column-name", "name for bio").value == "about"
    assert not found.one("column-sent", "Send email").value
    assert found.titles() == ["Map", "Findings (3 errors)", "Payloads (1)", "Changes", "Send"]


def test_the_type_choice_reads_text_as_the_hint_says() -> None:
    frame = pd.DataFrame({"user_id": ["ann", "bob"], "amount": ["1,234.50", "7.00"]})
    found = screen(frame)
    assert found.one("column-fix").description == "Read as number: 1,234.5"
    assert "1,234.50 \u2192 1234.5" in found.text()
    assert found.one("column-reading", "Read text of amount as").value is None
    found.one("column-reading", "Read text of amount as").value = "number:1,234.5"
    assert found.preview.code == "df.mixpanel.set('user_id', parse={'amount': 'number:1,234.5'})"
    assert not [w for w in found.visible() if "mp-column-fix" in w._dom_classes]
    assert "1,234.50 \u2192 1234.5" in found.text()
    found.one("column-reading", "Read text of amount as").value = None
    assert found.preview.code == "df.mixpanel.set('user_id')"


KNOWN = pd.DataFrame(
    {"name": ["plan", "seats", "$email", "is_vip"], "type": ["string", "number", "string", "boolean"]}
)


def marks(found: Screen) -> list[str]:
    """What the map says about a property in view of what Mixpanel has."""
    return [
        mark
        for w in found.visible()
        if "mp-column-mark" in w._dom_classes
        for mark in re.findall(r'"mp-mark">([^<]*)<', w.value)
    ]


def test_the_map_marks_what_mixpanel_does_not_have_or_has_of_another_type() -> None:
    frame = good().assign(seats="seven", plna="pro", is_vip=[True] * 5, colour="red")
    found = screen(frame, known=KNOWN, rename={"email": "$email"})
    assert marks(found) == ["Mixpanel has number, this sends string", "new, like plan", "new"]
    assert found.titles()[FINDINGS] == "Findings (3 warnings)"
    assert found.preview.state.verdict().endswith("; creates 2 properties: plna (like plan), colour")
    assert "new, like plan" in repr(found.preview)
    assert found.preview.code == "df.mixpanel.set('user_id', known=known, rename={'email': '$email'})"


def test_a_new_name_becomes_the_one_that_it_is_like_by_one_click() -> None:
    found = screen(good().rename(columns={"plan": "Plan"}), known=["plan", "email"])
    assert marks(found) == ["new, like plan"]
    assert "1 new property may be meant as one that Mixpanel has: choose below." in found.text()
    found.one("column-fix", "Send as plan").click()
    assert (
        found.preview.code == "df.mixpanel.set('user_id', known=['plan', 'email'], rename={'Plan': 'plan'})"
    )
    assert marks(found) == []
    assert found.one("column-name", "name for Plan").value == "plan"
    found = screen(good().assign(plna="pro"), known=["plan", "email"])
    assert marks(found) == ["new, like plan"]
    assert "Send as plan" not in [w.description for w in found.visible() if "mp-column-fix" in w._dom_classes]


def test_names_that_mixpanel_has_complete_the_field_of_a_name() -> None:
    found = screen(good(), properties=["plan"], known=KNOWN)
    name = found.one("column-name", "name for plan")
    assert isinstance(name, ipywidgets.Combobox)
    assert name.options == ("plan", "seats", "$email", "is_vip")
    name.value = "is_vip"
    assert marks(found) == ["Mixpanel has boolean, this sends string"]
    assert (
        found.preview.code == "df.mixpanel.set('user_id', ['plan'], known=known, rename={'plan': 'is_vip'})"
    )
    assert not isinstance(screen(good()).one("column-name", "name for plan"), ipywidgets.Combobox)


def test_thousands_of_names_and_hundreds_of_columns_are_sent_once() -> None:
    names = [f"property {number}" for number in range(7_000)]
    frame = pd.DataFrame({f"c{number}": [number] for number in range(300)}).assign(user_id="ann")
    found = screen(frame, known=names)
    shown = [w for w in found.visible() if "mp-column-name" in w._dom_classes]
    assert len(shown) == map_view.PAGE
    assert {w.options for w in shown} == {tuple(names[:5_000])}
    sent: list[str] = []
    for w in shown:
        w.observe(lambda change: sent.append(change["name"]), names="options")
    found.one("columns-next").click()
    found.one("column-sent", "Send c20").value = False
    assert not sent


def test_columns_are_found_by_what_mixpanel_has() -> None:
    frame = pd.DataFrame({f"c{number}": [number] for number in range(30)}).assign(user_id="ann", plan=3)
    known = {f"c{number}": "number" for number in range(29)} | {"plan": "string"}
    found = screen(frame, known=known)
    show = found.one("show-columns")
    show.value = "new"
    assert [w.value for w in found.visible() if "mp-column-name" in w._dom_classes] == ["c29"]
    show.value = "other type"
    assert [w.value for w in found.visible() if "mp-column-name" in w._dom_classes] == ["plan"]
    assert marks(found) == ["Mixpanel has string, this sends number"]
    unknown = screen(frame).one("show-columns")
    assert not {"new", "other type"} & {name for _words, name in unknown.options}


@pytest.mark.parametrize(
    ("verb", "frame", "known", "mark"),
    [
        pytest.param("add", {"n": 1}, {"n": "string"}, "Mixpanel has string, not number", id="add"),
        pytest.param("union", {"n": "a"}, {"n": "string"}, "Mixpanel has string, not list", id="union"),
        pytest.param("remove", {"tags": "a"}, {"n": "list"}, "not in Mixpanel", id="remove"),
        pytest.param("remove", {"tags": "a"}, {"tag": "list"}, "not in Mixpanel, like tag", id="like"),
    ],
)
def test_each_check_in_view_of_what_mixpanel_has_is_a_mark(
    verb: str, frame: dict[str, Any], known: dict[str, str], mark: str
) -> None:
    found = screen(pd.DataFrame({"user_id": ["ann"], **frame}), verb, known=known)
    assert marks(found) == [mark]


def test_clicks_become_the_line_and_the_operation() -> None:
    found = screen()
    found.one("column-fix", "Send as $email").click()
    assert "rename={'email': '$email'}" in found.preview.code
    assert found.one("column-name", "name for email").value == "$email"
    found.one("column-name", "name for bio").value = "about"
    found.one("column-sent", "Send tags").value = False
    found.one("missing").value = "null"
    line = "df.mixpanel.set('user_id', ['email', 'name', 'bio', 'visits'], rename={'email': '$email', 'bio': 'about'}, missing='null')"
    assert found.preview.code == line
    assert line in found.text()
    assert found.preview.operation.options.missing == "null"


def test_every_value_of_an_option_has_its_words() -> None:
    for name, (_label, words) in map_view.SHOWN_OPTIONS.items():
        assert list(words) == list(ALL_OPTIONS[name].choices)


def test_ids_are_counted_again_for_another_column() -> None:
    found = screen()
    found.one("id").value = "visits"
    assert "5 rows: 0 missing, 0 junk, 0 duplicate" in found.text()
    assert found.one("column-sent", "Send user_id").value


def test_groups_and_operators() -> None:
    found = screen(good())
    found.one("profiles").value = "group"
    assert found.preview.code == "df.mixpanel.group('user_id').set('user_id')"
    found.one("group").value = "company"
    assert found.preview.code == "df.mixpanel.group('company').set('user_id')"
    assert "add" not in [verb for _words, verb in found.one("operator").options]
    found.one("operator").value = "update"
    found.one("column-operator", "Operator for plan").value = "union"
    assert (
        found.preview.code
        == "df.mixpanel.group('company').update('user_id', {'plan': 'union', 'email': 'set'})"
    )
    found.one("profiles").value = "users"
    found.one("operator").value = "delete"
    assert found.preview.code == "df.mixpanel.delete('user_id')"
    assert "no column is sent" in found.text()


def test_what_cannot_be_meant_is_told_and_taken_back() -> None:
    found = screen(good(), "add", properties=["plan"])
    before = found.preview.operation
    found.one("profiles").value = "group"
    assert found.preview.operation == before
    assert "not supported in group profiles" in found.text()
    assert found.one("profiles").value == "users"
    found.one("column-sent", "Send email").value = True
    assert "not supported" not in found.text()


def test_many_columns_are_paged() -> None:
    frame = pd.DataFrame({f"c{number}": [number] for number in range(500)}).assign(user_id="ann")
    found = screen(frame)
    assert found.one("columns-of").value == "of 42"
    found.one("columns-last").click()
    assert "c499" in found.text()
    assert len([w for w in found.visible() if "mp-column-sent" in w._dom_classes]) == 500 % 12
    found.one("column-sent", "Send c499").value = False
    assert "c499" not in found.preview.code
    assert found.state_bytes() < 300_000


def test_the_map_shows_how_values_are_spread() -> None:
    found = screen()
    row = next(
        w for w in found.visible() if "mp-column-example" in w._dom_classes and "an***@e***" in w.value
    )
    assert 'aria-label="characters: ' in row.value
    assert "4 distinct" in row.value
    assert "ann@example.com" not in row.value
    found.one("show-values").value = True
    assert "values: ann@example.com (25 %)" in row.value


def test_columns_are_found_and_sent_together() -> None:
    frame = pd.DataFrame({f"{kind} {n}": [n] for n in range(50) for kind in ("geo", "amount")}).assign(
        user_id="ann", email="x"
    )
    found = screen(frame)
    assert "101 of 101 columns sent" in found.text()
    found.one("columns-last").click()
    found.one("find-column").value = "GEO"
    assert "101 of 101 columns sent, 50 shown" in found.text()
    assert found.one("columns-of").value == "of 5"
    assert "geo 0" in found.text()
    found.one("columns-none").click()
    assert "geo" not in found.preview.code
    assert "amount 49" in found.preview.code
    assert "51 of 101 columns sent, 50 shown" in found.text()
    found.one("columns-all").click()
    assert found.preview.code == "df.mixpanel.set('user_id')"
    found.one("find-column").value = ""
    found.one("sort-columns").value = "problem"
    assert [w.value for w in found.visible() if "mp-column-name" in w._dom_classes][:2] == ["email", "geo 0"]
    found.one("columns-none").click()
    assert found.preview.code == "df.mixpanel.set('user_id', ['email'])"
    found.one("show-columns").value = "sent"
    assert "1 of 101 columns sent, 1 shown" in found.text()
    found.one("operator").value = "delete"
    assert "columns sent" not in found.text()


def test_few_columns_need_no_search() -> None:
    assert not [w for w in screen().visible() if "mp-find-column" in w._dom_classes]


def test_add_begins_with_what_is_numeric() -> None:
    assert screen(verb="add").preview.code == "df.mixpanel.add('user_id', ['visits'])"
    assert screen(verb="add", properties=["bio"]).preview.code == "df.mixpanel.add('user_id', ['bio'])"
    assert screen(people()[["user_id", "bio"]], verb="add").preview.code == "df.mixpanel.add('user_id')"
    found = screen()
    found.one("operator").value = "add"
    assert found.preview.code == "df.mixpanel.add('user_id', ['visits'])"


# -- it opens always ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "group", "guess"),
    [
        pytest.param(["plan", "User ID"], None, "User ID", id="User ID"),
        pytest.param(["id", "user_id"], None, "user_id", id="the likeliest"),
        pytest.param(["Distinct ID", "plan"], None, "Distinct ID", id="Distinct ID"),
        pytest.param(["$distinct_id", "plan"], None, "$distinct_id", id="as exports name it"),
        pytest.param(["plan", "id"], None, "id", id="id"),
        pytest.param(["id", "Company"], "company", "Company", id="the group key"),
        pytest.param(["plan", "Company ID"], "company", "Company ID", id="the id of the group key"),
    ],
)
def test_the_column_of_the_ids_is_guessed_and_that_is_said(
    columns: list[str], group: str | None, guess: str
) -> None:
    frame = pd.DataFrame([[f"{name} {row}" for name in columns] for row in range(3)], columns=columns)
    profiles = frame.mixpanel.group(group) if group else frame.mixpanel
    found = Screen(profiles.preview())
    assert found.preview.guessed == guess
    said = f"Guessed by its name: {guess} holds the ids."
    assert said in found.text()
    assert all(said in text for text in found.preview._static().values())
    assert found.preview.code.endswith(f".set({guess!r})")
    other = next(name for name in columns if name != guess)
    found.one("id").value = other
    assert "Guessed" not in found.text()
    assert found.preview.guessed is None


def test_it_asks_where_no_column_is_named_like_ids(emulator: mpd.Emulator) -> None:
    frame = good().rename(columns={"user_id": "Kennung"})
    found = Screen(frame.mixpanel.preview())
    assert "Which column holds the ids? None is named like ids: choose it." in found.text()
    assert found.preview.code == "df.mixpanel.set()"
    assert "which column holds the ids?" in repr(found.preview)
    with pytest.raises(mpd.OperationError, match="which column holds the ids"):
        found.preview.save_job("job.toml", "users.csv")
    found.open(FINDINGS)
    assert "Which column holds the ids? Choose it on the Map." in found.text()
    found.open(SEND)
    assert "Which column holds the ids? Choose it on the Map." in found.text()
    assert found.one("send").disabled
    found.open(MAP)
    found.one("id").value = "Kennung"
    assert found.preview.code == "df.mixpanel.set('Kennung')"
    found.open(SEND)
    found.one("send").click()
    assert found.preview.wait(SECONDS)
    assert emulator.profile("user 1")["plan"] == "pro"


def test_a_line_opens_the_same_preview_again() -> None:
    found = screen(people(), duplicates="last", save_values=True)
    found.one("column-name", "name for bio").value = "about"
    again = eval(found.preview.preview_code, {"df": people()})
    assert again.operation == found.preview.operation
    assert again.unmasked
    assert found.preview.preview_code in found.text()


def test_the_frame_is_taken_anew_by_one_click(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"users": good()}
    monkeypatch.setattr(module, "shell", lambda: SimpleNamespace(user_ns=names))
    found = Screen(names["users"].mixpanel.preview(rename={"email": "$email", "plan": "Plan"}))
    assert found.one("take-frame").description == "Reload users"
    names["users"] = names["users"].drop(columns="email").assign(seats=3)
    found.open(PAYLOADS)
    assert found.one("take-frame").description == "users was changed: reload it"
    assert "seats" not in found.text()
    found.one("take-frame").click()
    assert found.one("take-frame").description == "Reload users"
    assert found.preview.code == "users.mixpanel.set('user_id', rename={'plan': 'Plan'})"
    assert "seats" in found.text()
    names["users"] = names["users"].rename(columns={"user_id": "Kennung"})
    found.one("take-frame").click()
    assert found.preview.code == "users.mixpanel.set(rename={'plan': 'Plan'})"


def test_a_frame_that_is_taken_anew_is_repaired_too(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"users": good()}
    monkeypatch.setattr(module, "shell", lambda: SimpleNamespace(user_ns=names))
    found = Screen(names["users"].mixpanel.preview())
    names["users"] = pd.concat([good(), good()["plan"]], axis=1)
    found.one("take-frame").click()
    assert "Columns 'plan' stand in the frame more than once: the first of each is shown" in found.text()
    line = "users = users.loc[:, ~users.columns.duplicated()]"
    assert found.preview.code == f"{line}\nusers.mixpanel.set('user_id')"
    assert found.one("take-frame").description == "Reload users"
    names["users"] = good()
    found.one("take-frame").click()
    assert found.preview.code == "users.mixpanel.set('user_id')"
    assert "more than once" not in found.text()


TWO_LEVELS = pd.MultiIndex.from_tuples([("user", "id"), ("plan", ""), ("user", "email")])


@pytest.mark.parametrize(
    ("frame", "arguments", "said"),
    [
        pytest.param(
            pd.concat([good(), good()], axis=1), (), "the first of each is shown", id="shared labels"
        ),
        pytest.param(good().set_axis(TWO_LEVELS, axis=1), (), "a MultiIndex of 2 levels", id="two levels"),
        pytest.param(
            good().set_axis(TWO_LEVELS, axis=1),
            ("set", "user_id", [("plan", "")]),
            "a MultiIndex of 2 levels",
            id="a call that names a column of two levels",
        ),
        pytest.param(
            good().set_index(["user_id", "user_id"]),
            (),
            "Levels of the index share a name",
            id="shared levels",
        ),
        pytest.param(
            pd.concat([good().set_axis(TWO_LEVELS, axis=1)] * 2, axis=1), (), "more than once", id="both"
        ),
    ],
)
def test_a_frame_on_which_no_call_can_be_meant_opens_and_the_code_says_what_was_done(
    emulator: mpd.Emulator, frame: pd.DataFrame, arguments: Any, said: str
) -> None:
    before = frame.copy()
    found = Screen(frame.mixpanel.preview(*arguments))
    for tab in range(5):
        found.open(tab)
        assert said in found.text()
    assert all(said in text for text in found.preview._static().values())
    assert said in repr(found.preview)
    found.one("send").click()
    assert found.preview.wait(SECONDS)
    sent = emulator.requests[-1].records
    names = {"df": frame.copy(), "pd": pd}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mpd.ProfileWarning)
        exec(found.preview.code, names)  # noqa: S102  # the code that the preview shows
    assert emulator.requests[-1].records == sent
    assert len(sent) == 5
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize(
    ("frame", "verb"),
    [
        pytest.param(good()[["user_id"]], "set", id="ids alone"),
        pytest.param(good()[["user_id"]], "add", id="ids alone, to add"),
        pytest.param(good().set_index("user_id")[[]], "set", id="ids alone, in the index"),
        pytest.param(good()[["user_id"]].iloc[:0], "set", id="no row"),
    ],
)
def test_a_frame_of_ids_alone_opens_and_says_what_is_missing(
    emulator: mpd.Emulator, frame: pd.DataFrame, verb: str
) -> None:
    found = Screen(frame.mixpanel.preview(verb))
    said = f"No column is left to {verb}: the frame has none beside the ids"
    for tab in range(5):
        found.open(tab)
        assert said in found.text()
    assert found.one("send").disabled
    assert f"Nothing would be sent: no column is left to {verb}." in repr(found.preview)
    assert all(said in text for text in found.preview._static().values())
    found.open(MAP)
    found.one("operator").value = "delete"
    assert said not in found.text()
    found.open(SEND)
    assert len(frame) == 0 or not found.one("confirm").disabled


def test_a_frame_without_columns_opens() -> None:
    found = Screen(pd.DataFrame().mixpanel.preview())
    assert "Which column holds the ids?" in found.text()
    assert "No column is left to set" in found.text()


@pytest.mark.parametrize("verb", ["unset", "delete", "add", "update"])
def test_changing_the_operator_and_back_keeps_the_mapping(verb: str) -> None:
    options = {"rename": {"bio": "about"}, "parse": {"bio": "text"}, "duplicates": "last"}
    found = screen(people(), properties=["bio", "visits"], **options)
    before = found.preview.code
    found.one("operator").value = verb
    assert found.preview.operation.verb == verb
    found.one("operator").value = "set"
    assert found.preview.code == before


@pytest.mark.parametrize("verb", ["unset", "delete", "add", "update"])
def test_all_columns_are_all_columns_again(verb: str) -> None:
    found = screen(people(), rename={"bio": "about"})
    found.one("operator").value = verb
    found.one("operator").value = "set"
    assert found.preview.code == "df.mixpanel.set('user_id', rename={'bio': 'about'})"


def test_what_is_chosen_for_the_ids_meanwhile_stays() -> None:
    found = screen(people(), rename={"bio": "about"})
    found.one("operator").value = "delete"
    found.one("id").value = "email"
    found.one("operator").value = "unset"
    assert found.preview.code == "df.mixpanel.unset('email', ['user_id', 'name', 'about', 'visits', 'tags'])"
    found.one("operator").value = "set_once"
    assert found.preview.code == "df.mixpanel.set_once('email', rename={'bio': 'about'})"


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["set", "add", "union", "unset", "delete", "update"])
def test_no_choice_leads_to_the_words_of_python(verb: str) -> None:
    for tab in (MAP, FINDINGS):
        found = Screen(messy().mixpanel.preview())
        found.one("operator").value = verb
        found.open(tab)
        for name in [w.description for w in found.visible() if isinstance(w, ipywidgets.Dropdown)]:
            number = 0
            while True:
                choices = [w for w in found.visible() if isinstance(w, ipywidgets.Dropdown)]
                choice = next((w for w in choices if w.description == name), None)
                if choice is None or number >= len(choice.options):
                    break
                choice.index, number = number, number + 1
                (told,) = [w for w in found.all() if "mp-message" in w._dom_classes]
                assert not re.search("Error|Traceback|Exception|by a fault of", told.value), (
                    name,
                    told.value,
                )


# -- findings ---------------------------------------------------------------------------------------------------------


def test_findings_are_filtered_and_each_has_its_remedy() -> None:
    found = screen(duplicates="last")
    found.open(FINDINGS)
    assert "3 errors stop sending; 0 warnings, 2 hints in 5 rows x 5 properties" in found.text()
    found.one("severity").value = "error"
    assert "lookalike" not in found.text()
    choose(found, "long string in bio", "cut to 255 bytes in 1 row")
    line = "df.mixpanel.set('user_id', duplicates='last', invalid={'bio': {'long_string': 'truncate'}})"
    assert found.preview.code == line
    assert found.titles()[FINDINGS] == "Findings (2 errors)"
    assert "2 errors stop sending, 1 taken care of" in found.text()
    choose(found, "missing id", "leave 1 row out")
    choose(found, "junk id", "leave 1 row out")
    assert "Nothing stops sending, 3 taken care of" in found.text()
    assert "Rows left out: 1 missing id, 1 junk id, 1 superseded." in found.text()
    choose(found, "long string in bio", "leave the value out of 1 row")
    assert "'bio': {'long_string': 'drop_value'}" in found.preview.code
    choose(found, "missing id", "stop sending")
    assert "missing_id" not in found.preview.code


def choose(found: Screen, finding: str, words: str) -> None:
    """Choose what to do about a finding."""
    choice = found.one("finding-fix", finding)
    choice.value = dict(choice.options)[words]


def test_one_remedy_for_all_becomes_one_for_each_problem() -> None:
    found = screen(duplicates="last", invalid="drop_row")
    found.open(FINDINGS)
    assert "Nothing stops sending, 3 taken care of" in found.text()
    choose(found, "long string in bio", "cut to 255 bytes in 1 row")
    assert found.preview.operation.options.invalid == {
        "missing_id": "drop_row",
        "junk_id": "drop_row",
        "bio": {"long_string": "truncate"},
    }


def test_rows_of_one_finding_show_what_finds_them_in_the_file() -> None:
    found = screen(save_values=True, duplicates="last")
    found.open(FINDINGS)
    rows = next(
        w for w in found.visible() if "mp-finding-rows" in w._dom_classes and "long string" in w.tooltip
    )
    rows.click()
    assert "Rows of long_string in bio" in found.text()
    assert re.search(r"row id value length 0 ann@example.com 'x{50,}\S* 300 bytes", found.text())
    assert "missing_id" not in found.text().partition("Rows of long_string")[2]
    found.one("all-values").click()
    assert "missing_id" in found.text().partition("Rows of these findings")[2]


def test_values_are_paged() -> None:
    frame = pd.DataFrame(
        {"user_id": [f"u{n}" for n in range(35)], "bio": [f"{n:03d}" * 90 for n in range(35)]}
    )
    found = screen(frame)
    found.open(FINDINGS)
    assert found.one("values-page-of").value == "of 4"
    found.one("values-page-next").click()
    assert "010010" in found.text()
    assert "009009" not in found.text()


def odd_names() -> pd.DataFrame:
    """Return a frame whose messages name options of many kinds."""
    columns = (
        " plan ",
        "Plan",
        "$ip",
        "$time",
        "ip",
        "latitude",
        "$last_seen",
        "$distinct_id",
        "Unnamed: 0",
        "$foo",
        "big",
        0,
    )
    frame = pd.DataFrame({name: ["1", "2"] for name in columns})
    return frame.assign(user_id=["a", "b "], when=["2020-01-01T10:00:00+02:00"] * 2, n=[2**60, 2**63 - 1])


FACES = {"people": people(), "messy": messy().rename(columns={"User ID": "user_id"}), "names": odd_names()}

OPTION = re.compile(rf"\b(?:{'|'.join(ALL_OPTIONS)})=")


@pytest.mark.parametrize("verb", ["set", "add", "union"])
@pytest.mark.parametrize("frame", FACES.values(), ids=FACES)
def test_the_widget_does_not_speak_of_options(emulator: mpd.Emulator, frame: pd.DataFrame, verb: str) -> None:
    found = screen(frame, verb)
    for tab in range(5):
        found.open(tab)
        words = "\n".join(
            re.sub(r"<(style|pre).*?</\1>", "", w.value, flags=re.DOTALL)
            if isinstance(w, ipywidgets.HTML)
            else f"{getattr(w, 'description', '')} {getattr(w, 'tooltip', '')} {getattr(w, 'options', '')}"
            for w in found.visible()
        )
        assert not OPTION.findall(words)


@pytest.mark.parametrize("frame", FACES.values(), ids=FACES)
def test_what_is_saved_and_a_terminal_speak_of_options_and_not_of_clicks(frame: pd.DataFrame) -> None:
    for preview in (
        frame.mixpanel.preview("set", "user_id"),
        frame.rename(columns={"user_id": "x"}).mixpanel.preview(),
    ):
        for text in preview._static().values():
            assert OPTION.search(unescape(text))
            assert not re.search(
                r"choose|click|tick|button|See Findings|on the Map",
                re.sub("<style>.*?</style>", "", text, flags=re.DOTALL),
            )


# -- payloads ---------------------------------------------------------------------------------------------------------


def test_payloads_are_paged_searched_and_the_largest_is_found() -> None:
    frame = good(20)
    frame.loc[11, "plan"] = "the largest of them all"
    found = screen(frame, missing="null")
    found.open(PAYLOADS)
    assert "Row 0, " in found.text()
    found.one("payload-next").click()
    found.one("payload-number").value = 5
    assert "Row 4, " in found.text()
    found.one("find-id").value = "user 17"
    assert "Row 17, " in found.text()
    assert found.one("find-id").value == ""
    found.one("largest").click()
    assert "Row 11, " in found.text()
    assert "the largest of them all" in found.text()
    found.one("find-id").value = "nobody"
    assert "No row has this id." in found.text()


def test_a_page_that_is_no_more_becomes_the_last_one() -> None:
    frame = good(6).assign(user_id=["a", "b", "a", "b", "a", "b"])
    found = screen(frame, duplicates="all")
    found.open(PAYLOADS)
    found.one("payload-last").click()
    assert "Row 5, " in found.text()
    found.open(MAP)
    found.one("duplicates").value = "last"
    found.open(PAYLOADS)
    assert found.one("payload-number").value == 2
    assert "Row 5, " in found.text()
    assert "failed" not in found.text()


def test_an_id_that_is_not_sent_says_why() -> None:
    found = screen(duplicates="last", invalid="drop_row")
    found.open(PAYLOADS)
    found.one("find-id").value = "null"
    assert "is not sent; invalid: junk id" in found.text()


def test_all_rows_of_an_id_are_found_in_turn() -> None:
    frame = good(6).assign(user_id=["a", "b", "a", "b", "a", "b"])
    found = screen(frame, duplicates="all")
    found.open(PAYLOADS)
    seen = []
    for _ in range(3):
        found.one("find-id").value = "b"
        seen.append(re.search(r"Row (\d)", found.text())[1])
    assert seen == ["1", "3", "5"]


@pytest.mark.parametrize("tab", range(5))
@pytest.mark.parametrize("shown", [False, True])
def test_markup_of_a_frame_is_shown_as_text(tab: int, shown: bool) -> None:
    frame = people().rename(columns={"tags": ATTACKS[1], "visits": "$x^2$"}).assign(user_id=list("abcde"))
    frame.loc[0, "bio"] = ATTACKS[0] + "x" * 300
    found = screen(frame, save_values=shown)
    found.open(tab)
    for widget in found.all():
        if isinstance(widget, ipywidgets.HTML):
            assert not re.search(r"<(script|img)", widget.value)
        if isinstance(widget, ipywidgets.widgets.widget_description.DescriptionWidget):
            assert not widget.description_allow_html
            if not isinstance(widget, ipywidgets.Button):
                assert "$" not in widget.description


# -- send -------------------------------------------------------------------------------------------------------------


def test_it_sends_what_it_shows(emulator: mpd.Emulator) -> None:
    found = screen(good())
    found.one("column-fix", "Send as $email").click()
    found.open(SEND)
    assert "5 updates in 1 request" in found.text()
    assert str(emulator.project.token) not in found.text()
    send = found.one("send")
    assert send.description == f"Set 2 properties on 5 users in {emulator.project.place}"
    send.click()
    assert found.preview.wait(SECONDS)
    assert emulator.profile("user 3") == {"plan": "pro", "$email": "u3@x.com"}
    assert found.preview.summary["accepted"].sum() == 5
    assert "set: 5 accepted; 1 request" in found.text()
    assert "preview.summary holds this as a frame" in found.text()
    assert send.disabled
    assert "Sent. Change something to send again." in found.text()
    send.click()
    assert len(emulator.requests) == 1
    found.open(MAP)
    found.one("column-sent", "Send plan").value = False
    found.open(SEND)
    assert not found.one("send").disabled
    assert "5 accepted" not in found.text()
    assert "Sent. Change" not in found.text()


def test_stop_ends_a_slow_upload(emulator: mpd.Emulator) -> None:
    emulator.fail("delay", seconds=0.2, times=None)
    found = screen(good(40), batch_size=1, workers=1)
    found.open(SEND)
    found.one("send").click()
    assert found.one("send").disabled
    found.one("stop").click()
    assert found.preview.wait(SECONDS)
    summary = found.preview.summary
    assert summary["rows"].sum() == 40
    assert summary["not_sent"].sum() > 0
    assert "not sent" in found.text()
    assert "df.mixpanel.failures(preview.summary)" in found.text()
    assert not [w for w in found.visible() if "mp-stop" in w._dom_classes]


@pytest.mark.parametrize(("verb", "properties"), [("delete", None), ("unset", ["fax"])])
def test_what_is_lost_is_confirmed_by_typing(emulator: mpd.Emulator, verb: str, properties: Any) -> None:
    found = screen(good(), verb, properties=properties)
    found.open(SEND)
    assert found.one("send").disabled
    found.one("confirm").value = verb
    assert found.one("send").disabled
    found.one("confirm").value = f"{verb} 5"
    assert not found.one("send").disabled
    found.one("send").click()
    assert found.preview.wait(SECONDS)
    assert [request.path for request in emulator.requests] == ["/api/query/engage", "/engage"]


def test_errors_and_a_project_that_is_not_named_keep_it_from_being_sent() -> None:
    found = screen()
    found.open(SEND)
    assert found.one("send").disabled
    assert "5 errors would refuse the frame: nothing can be sent. See Findings." in found.text()
    assert "no project token: set MIXPANEL_TOKEN" in found.text()


def test_another_project_than_the_one_shown_is_not_written_to(emulator: mpd.Emulator) -> None:
    found = screen(good())
    found.open(SEND)
    with mpd.Emulator() as other, mpd.set_project(other.project):
        found.one("send").click()
        assert "The project is another one" in found.text()
        assert found.one("send").description.endswith(other.project.place)
        assert not other.requests
    assert not emulator.requests


def test_the_project_of_the_call_is_the_one_that_is_written_to(emulator: mpd.Emulator) -> None:
    with mpd.Emulator() as other:
        found = Screen(good().mixpanel.preview("set", "user_id", project=other.project))
        assert found.preview.code == "df.mixpanel.set('user_id', project=project)"
        found.one("column-fix", "Send as $email").click()
        assert found.preview.code.endswith("project=project, rename={'email': '$email'})")
        found.open(SEND)
        with mpd.set_project(emulator.project):
            found.one("send").click()
        assert found.preview.wait(SECONDS)
        assert len(other.requests) == 1
    assert not emulator.requests


def test_updates_that_must_not_be_applied_twice(emulator: mpd.Emulator) -> None:
    frame = good().assign(credits=5)
    frame.mixpanel.add("user_id", ["credits"])
    found = screen(frame, "add", properties=["credits"])
    found.open(SEND)
    found.one("send").click()
    assert found.preview.wait(SECONDS)
    assert "already sent by this process" in found.text()
    assert "tick the box above the button to send them again" in found.text()
    assert "repeat=True" in found.preview._static()["text/html"]
    found.one("repeat").value = True
    assert found.preview.code == "df.mixpanel.add('user_id', ['credits'], repeat=True)"
    found.one("send").click()
    assert found.preview.wait(SECONDS)
    assert emulator.profile("user 1")["credits"] == 10


def test_an_upload_that_fails_says_so_in_our_words(emulator: mpd.Emulator) -> None:
    emulator.fail("status", status=401, times=None)
    found = screen(good())
    found.open(SEND)
    found.one("send").click()
    assert found.preview.wait(SECONDS)
    assert "401" in found.text()
    assert found.preview.summary["rejected"].sum() == 5


CSV = 'uid;plan;credits;tags;born\n007;pro;1,5;"a;b";2001-02-03\n8;?;2,25;c;\n9;Zo\u00eb;;;1999-12-31\n'


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("users.csv").write_text(CSV, encoding="cp1252")
    Path("jobs").mkdir()
    return "users.csv"


def run_job(path: str) -> None:
    done = CliRunner().invoke(main, ["run", path])
    assert done.exit_code == 0, done.output


def test_a_saved_job_writes_the_profiles_that_the_send_button_writes(
    emulator: mpd.Emulator, source: str
) -> None:
    frame = mpd.frame(source, na=["?"], encoding="cp1252", decimal=",")
    found = screen(frame[frame["uid"] != ""].copy(), id="uid")
    found.one("column-name", "name for plan").value = "Plan"
    found.one("column-reading", "Read text of tags as").value = "list:semicolon"
    found.open(SEND)
    found.one("job-path").value = "jobs/users.toml"
    found.one("save-job").click()
    assert "Wrote jobs/users.toml. To run it: mixpanel-pandas run jobs/users.toml" in found.text()
    assert not emulator.requests
    found.one("send").click()
    assert found.preview.wait(SECONDS)
    sent = emulator.profiles()
    assert sent.loc["007", ["Plan", "credits", "tags"]].tolist() == ["pro", 1.5, ["a", "b"]]
    emulator.reset()
    run_job("jobs/users.toml")
    pd.testing.assert_frame_equal(emulator.profiles(), sent)
    assert tomllib.loads(Path("jobs/users.toml").read_text(encoding="utf-8")) == {
        "source": "../users.csv", "verb": "set", "id": "uid", "na": ["?"], "encoding": "cp1252", "decimal": ",",
        "rename": {"plan": "Plan"}, "parse": {"credits": "number:0,5", "born": "date", "tags": "list:semicolon"},
    }  # fmt: skip


def test_a_job_has_the_readings_of_what_is_sent(emulator: mpd.Emulator, source: str) -> None:
    frame = mpd.frame(source, encoding="cp1252", decimal=",", na="common")
    options = {"na": ["?"], "journal": "j.sqlite", "project": emulator.project, "dry_run": True}
    frame.mixpanel.preview("set", "uid", ["credits"], **options).save_job("jobs/users.toml")
    text = Path("jobs/users.toml").read_text(encoding="utf-8")
    job = tomllib.loads(text)
    assert job["parse"] == {"credits": "number:0,5"}
    assert job["na"] == ["common", "?"]
    assert job["journal"] == "../j.sqlite"
    assert not {"project", "dry-run"} & set(job)
    assert str(emulator.project.token) not in text
    run_job("jobs/users.toml")
    assert emulator.profile("007") == {"credits": 1.5}


@pytest.mark.parametrize(
    ("id", "properties", "options"),
    [
        pytest.param("uid", None, {}, id="ids that were inferred as numbers"),
        pytest.param("uid", ["plan"], {"latitude": "lat", "longitude": "lon"}, id="columns of options"),
    ],
)
def test_a_job_reads_ids_as_text_and_columns_of_options_as_the_frame_has_them(
    emulator: mpd.Emulator, source: str, id: str, properties: Any, options: dict[str, Any]
) -> None:
    Path(source).write_text("uid,plan,lat,lon\n7,1,52.5,13.4\n8,2,48.1,11.6\n", encoding="utf-8")
    preview = mpd.frame(source).mixpanel.preview("set", id, properties, **options)
    preview.save_job("job.toml")
    mpd.frame(source).mixpanel.set(id, properties, **options)
    run_job("job.toml")
    first, second = (request.records for request in emulator.requests)
    assert first == second
    assert first[0]["$set"]["plan"] == 1


def test_a_job_of_a_verb_without_values(emulator: mpd.Emulator, source: str) -> None:
    frame = mpd.frame(source, encoding="cp1252", decimal=",", trim=True)
    frame.mixpanel.preview("delete", "uid").save_job(Path("job.toml"))
    job = tomllib.loads(Path("job.toml").read_text(encoding="utf-8"))
    assert job == {"source": source, "verb": "delete", "id": "uid", "encoding": "cp1252", "decimal": ","} | (
        {"trim": True} if "trim" in {option.name for option in taken_by("delete")} else {}
    )
    assert CliRunner().invoke(main, ["run", "job.toml", "--yes", "--no-backup"]).exit_code == 0
    assert len(emulator.requests) == 1


def test_a_job_needs_a_source(source: str) -> None:
    found = screen(good())
    found.open(SEND)
    assert found.one("save-job").disabled
    assert found.one("job-path").disabled
    assert 'make the frame with mpd.frame, or call preview.save_job("job.toml", source=...)' in found.text()
    with pytest.raises(
        mpd.OperationError, match=r"name it, as in save_job\('job.toml', source='users.csv'\)"
    ):
        found.preview.save_job("job.toml")
    assert not Path("job.toml").exists()
    found.preview.save_job("job.toml", ["https://me:secret@host/a.csv?signature=abc", Path("jobs", "b.csv")])
    job = tomllib.loads(Path("job.toml").read_text(encoding="utf-8"))
    assert job == {"source": ["https://host/a.csv", "jobs/b.csv"], "verb": "set", "id": "user_id"}


def test_a_job_that_cannot_be_written_is_told(source: str) -> None:
    found = screen(mpd.frame(source, encoding="cp1252"), id="uid")
    found.open(SEND)
    assert found.one("job-path").value == "job.toml"
    found.one("job-path").value = "nowhere/job.toml"
    found.one("save-job").click()
    assert "'nowhere/job.toml' cannot be written: No such file or directory" in found.text()
    assert "Wrote" not in found.text()
    found.one("job-path").value = " "
    assert found.one("save-job").disabled
    found.one("job-path").value = "job.toml"
    found.one("save-job").click()
    assert "Wrote job.toml" in found.text()
    assert "nowhere" not in found.text()
    found.open(MAP)
    found.one("missing").value = "null"
    found.open(SEND)
    assert "Wrote" not in found.text()


# -- what is saved ------------------------------------------------------------------------------------------------------


def test_a_bundle_holds_the_widget_and_what_stands_for_it() -> None:
    preview = good().mixpanel.preview("set", "user_id")
    bundle = preview._repr_mimebundle_()
    assert list(bundle) == ["text/plain", "application/vnd.jupyter.widget-view+json", "text/html"]
    assert bundle["text/plain"] == repr(preview)


def test_neither_what_is_saved_nor_the_state_of_the_widget_names_people(emulator: mpd.Emulator) -> None:
    found = screen(duplicates="last", invalid="drop_row")
    for tab in range(5):
        found.open(tab)
        saved = json.dumps(
            [*found.preview._static().values(), *(w.get_state() for w in found.all())], default=str
        )
        for secret in ("example.com", "Ann Lee", str(emulator.project.token)):
            assert secret not in saved


def test_values_are_shown_on_request_and_not_saved() -> None:
    found = screen()
    found.one("show-values").value = True
    assert "ann@example.com" in found.text()
    assert "example.com" not in str(found.preview._static())
    found.one("show-values").value = False
    assert "example.com" not in found.text()
    assert "ann@example.com" in str(screen(save_values=True).preview._static())


class Display:
    """Stands for IPython's display, and keeps what it was given."""

    def __init__(self) -> None:
        self.outputs: list[dict[str, str]] = []

    def __call__(self, bundle: Any, **_options: Any) -> Any:
        self.outputs.append(bundle)
        return self

    def update(self, bundle: Any, **_options: Any) -> None:
        self.outputs[0] = bundle


def test_a_notebook_saves_what_was_seen_last(emulator: mpd.Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    display = Display()
    monkeypatch.setattr("IPython.display.display", display)
    monkeypatch.setattr(module, "in_notebook", lambda: True)
    found = screen(good())
    found.preview._ipython_display_()
    saved, live = display.outputs
    assert list(saved) == ["text/html", "text/plain"]
    assert list(live) == ["text/plain", "application/vnd.jupyter.widget-view+json"]
    found.one("column-sent", "Send plan").value = False
    assert "[&#x27;email&#x27;]" in display.outputs[0]["text/html"]
    found.open(SEND)
    found.one("send").click()
    assert found.preview.wait(SECONDS)
    assert "set: 5 accepted" in display.outputs[0]["text/html"]


def test_a_terminal_shows_text(capsys: pytest.CaptureFixture[str]) -> None:
    preview = good().mixpanel.preview("set", "user_id")
    preview._ipython_display_()
    assert capsys.readouterr().out == f"{preview!r}\n"
    assert preview._window is None


def test_a_notebook_calls_the_frame_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = good()

    names = {"_": frame, "other": good(), "users": frame}
    monkeypatch.setattr(module, "shell", lambda: SimpleNamespace(user_ns=names))
    assert frame.mixpanel.preview("set", "user_id").code == "users.mixpanel.set('user_id')"
    assert good().mixpanel.preview("set", "user_id").code == "df.mixpanel.set('user_id')"


# -- large frames -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_million_rows_send_the_browser_a_page() -> None:
    rows = 1_000_000
    frame = pd.DataFrame({"user_id": range(1, rows + 1), "plan": "pro", "email": "a@x.com"})
    frame.loc[5:, "plan"] = "x" * 300
    found = screen(frame)
    for tab in range(5):
        found.open(tab)
        assert found.state_bytes() < 300_000
    assert "999,995" in str(found.preview._static())
    assert sum(map(len, found.preview._static().values())) < 40_000


def test_opening_encodes_a_few_rows_of_many(monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[int] = []
    encode = state_module.encode_rows
    monkeypatch.setattr(
        state_module,
        "encode_rows",
        lambda layout, changes, some, token: rows.append(len(some)) or encode(layout, changes, some, token),
    )
    found = screen(pd.DataFrame({"user_id": range(1, 500_001), "n": 1.5, "text": "x" * 100}))
    _ = found.preview._static()
    for tab in range(5):
        found.open(tab)
    assert sum(rows) < 10_000
    assert "about 500,000 updates" in found.text().lower()
    found.one("count").click()
    assert "500,000 updates in 250 requests" in found.text()
    assert "about" not in found.text().lower()


def test_a_frame_too_large_to_wait_for_is_checked_beside_the_notebook(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(state_module, "CHECKED_AT_ONCE", 3)
    go, checked = threading.Event(), state_module.user_schema_of
    monkeypatch.setattr(
        state_module,
        "user_schema_of",
        lambda *asked: checked(*asked) if go.wait(SECONDS) else pytest.fail("never"),
    )
    found = screen()
    assert found.titles() == ["Map", "Findings", "Payloads", "Changes", "Send"]
    assert "not checked yet" in str(found.preview._static())
    go.set()
    assert found.preview.wait(SECONDS)
    assert found.titles() == ["Map", "Findings (5 errors)", "Payloads (0)", "Changes", "Send"]
    assert "not checked yet" not in str(found.preview._static())
    found.one("duplicates").value = "last"
    assert found.preview.wait(SECONDS)
    assert found.titles() == ["Map", "Findings (3 errors)", "Payloads (1)", "Changes", "Send"]


# -- all controls -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tab", range(5))
def test_every_control_has_a_name(emulator: mpd.Emulator, tab: int) -> None:
    found = screen(good(), "update", properties={"plan": "set", "email": "unset"})
    found.open(tab)
    for widget in found.visible():
        if isinstance(
            widget,
            ipywidgets.Button
            | ipywidgets.Text
            | ipywidgets.Dropdown
            | ipywidgets.Checkbox
            | ipywidgets.IntText,
        ):
            assert widget.description
            assert any(name.startswith("mp-") for name in widget._dom_classes)


def test_what_goes_wrong_in_a_view_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    found = screen(good())

    def broken(*_args: Any, **_options: Any) -> Any:
        msg = "the frame was changed"
        raise errors.OperationError(msg)

    monkeypatch.setattr("mixpanel_pandas.notebook.preview.payloads_view.payload_page", broken)
    found.open(PAYLOADS)
    assert "the frame was changed" in found.text()


def test_what_nobody_foresaw_is_told_without_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    found = screen(good())

    def broken(*_args: Any, **_options: Any) -> Any:
        msg = "ann@example.com"
        raise ZeroDivisionError(msg)

    monkeypatch.setattr("mixpanel_pandas.notebook.preview.payloads_view.payload_page", broken)
    found.open(PAYLOADS)
    assert "This cannot be shown, by a fault of mixpanel_pandas" in found.text()
    assert "ann@example.com" not in found.text()
    monkeypatch.setattr("mixpanel_pandas.notebook.preview.map_view.with_id", broken)
    found.open(MAP)
    found.one("id").value = "plan"
    assert "This cannot be shown, by a fault of mixpanel_pandas" in found.text()
    assert found.one("id").value == "user_id"

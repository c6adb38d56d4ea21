from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mixpanel_pandas.notebook.preview import send_view as module
from mixpanel_pandas.notebook.preview.send_view import (
    BUTTON_TEXTS,
    button_text,
    confirmation_text,
    size_in_words,
    upload_size,
)
from mixpanel_pandas.rules.operators import OPERATORS
from tests.notebook.preview.frames import people, state

USERS = pd.DataFrame({"id": [f"u{number % 4_000}" for number in range(5_000)], "plan": "pro", "n": 1})


def test_every_verb_has_its_deed() -> None:
    assert BUTTON_TEXTS.keys() == {*OPERATORS, "update"}


@pytest.mark.parametrize(
    ("verb", "options", "words"),
    [
        pytest.param("set", {"duplicates": "last"}, "Set 2 properties on 4,000 users in eu", id="set"),
        pytest.param("add", {"properties": ["n"]}, "Add to 1 property of 4,000 users in eu", id="add"),
        pytest.param("delete", {"at_most": 9_000}, "Delete 4,000 users in eu", id="delete"),
        pytest.param(
            "unset", {"properties": ["a", "b"]}, "Remove 2 properties from 4,000 users in eu", id="unset"
        ),
        pytest.param(
            "set",
            {"duplicates": "last", "dry_run": True},
            "Dry run: Set 2 properties on 4,000 users in eu",
            id="dry",
        ),
        pytest.param(
            "set",
            {"duplicates": "last", "group": "team"},
            "Set 2 properties on 4,000 profiles of group team in eu",
            id="groups",
        ),
    ],
)
def test_the_button_names_what_it_does(verb: str, options: dict, words: str) -> None:
    found = state(USERS, verb, id="id", **options)
    assert button_text(found, upload_size(found), "eu") == words


@pytest.mark.parametrize(
    "options", [{"duplicates": "last"}, {"duplicates": "merge"}, {"duplicates": "all", "batch_size": 300}]
)
def test_exact_totals_are_those_of_an_upload(emulator, options: dict) -> None:
    found = upload_size(state(USERS, id="id", **options))
    summary = USERS.mixpanel.set("id", **options)
    assert found.exact
    assert found.requests == len(emulator.requests)
    assert found.updates == summary["updates"].sum()
    assert found.bytes == summary["bytes"].sum()
    assert found.rows == summary["accepted"].sum()


def test_large_frames_are_estimated_and_counted_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COUNTED_AT_ONCE", 0)
    frame = pd.DataFrame(
        {"id": np.arange(1, 20_001), "text": ["x" * (number % 50) for number in range(20_000)]}
    )
    found = state(frame, id="id")
    about = upload_size(found)
    assert not about.exact
    assert "about 20,000 updates in about 10 requests" in size_in_words(about)
    _ = found.measured
    exact = upload_size(found)
    assert exact.exact
    assert (exact.updates, exact.requests) == (20_000, 10)
    assert about.profiles == 20_000
    assert about.bytes == pytest.approx(exact.bytes, rel=0.02)
    assert "about" not in size_in_words(exact)


def test_an_estimate_looks_at_a_few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COUNTED_AT_ONCE", 0)
    found = state(pd.DataFrame({"id": np.arange(1, 200_001), "n": 1}), id="id")
    rows = []
    encoded = found.encoded
    monkeypatch.setattr(found, "encoded", lambda some: rows.append(len(some)) or encoded(some))
    assert upload_size(found).updates == 200_000
    assert sum(rows) == module.SAMPLES * module.SAMPLE_ROWS


def test_pace_limits_are_told() -> None:
    found = upload_size(state(USERS, id="id", duplicates="last", batch_size=100, requests_per_hour=15))
    assert (found.requests, found.seconds) == (40, 7200.0)
    assert size_in_words(found).endswith("the pace limits make it take at least 2.0 h")
    assert upload_size(state(USERS, id="id", duplicates="last")).seconds == 0.0


@pytest.mark.parametrize(
    ("verb", "properties", "word"),
    [
        ("set", None, ""),
        ("delete", None, "delete 4,000"),
        ("unset", ["plan"], "unset 4,000"),
        ("update", {"plan": "unset", "n": "set"}, "unset 4,000"),
    ],
)
def test_what_is_lost_has_to_be_confirmed(verb: str, properties, word: str) -> None:
    options = {"duplicates": "last"}
    found = state(USERS, verb, id="id", properties=properties, **options)
    assert confirmation_text(found, upload_size(found)) == word


def test_nothing_to_send_is_nothing() -> None:
    found = upload_size(state(people().iloc[2:4]))
    assert (found.rows, found.updates, found.requests, found.bytes, found.exact) == (0, 0, 0, 0, True)


def test_merged_rows_are_estimated_by_their_payloads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COUNTED_AT_ONCE", 0)
    found = state(USERS, id="id", duplicates="merge")
    about = upload_size(found)
    _ = found.measured
    exact = upload_size(found)
    assert (
        (about.rows, about.profiles, about.updates)
        == (exact.rows, exact.profiles, exact.updates)
        == (5_000, 4_000, 4_000)
    )
    assert about.bytes == pytest.approx(exact.bytes, rel=0.02)

from __future__ import annotations

import json

import pandas as pd

from mixpanel_pandas.notebook.preview import state as module
from mixpanel_pandas.notebook.preview.payloads_view import largest_page, payload_page, reason_without_payload
from tests.notebook.preview.frames import people, state


def test_a_payload_is_what_the_line_sends() -> None:
    frame = people()
    options = {"duplicates": "last", "invalid": "drop_row", "missing": "unset"}
    found = state(frame, **options)
    sent = frame.mixpanel.payloads("set", "user_id", **options)
    assert sent.notna().tolist() == [False, False, False, False, True]
    assert json.loads(payload_page(found, 0, unmasked=True).text) == sent.iloc[4]


def test_several_updates_of_a_row_are_an_array() -> None:
    frame = pd.DataFrame({"id": ["ann"], "a": [1], "b": [2]})
    found = state(frame, "update", id="id", properties={"a": "set", "b": "add"})
    assert [list(record)[-1] for record in json.loads(payload_page(found, 0).text)] == ["$set", "$add"]


def test_bytes_are_those_on_the_wire(emulator) -> None:
    frame = pd.DataFrame({"id": ["ann"], "plan": ["prö"]})
    summary = frame.mixpanel.set("id")
    assert payload_page(state(frame, id="id"), 0).bytes == summary["bytes"].sum() - len("[]")


def test_private_values_are_masked_until_they_are_shown() -> None:
    found = state(people(), duplicates="all")
    assert "bob" not in payload_page(found, 0).text
    assert '"bob@example.com"' in payload_page(found, 0, unmasked=True).text


def test_large_whole_numbers_keep_their_digits() -> None:
    frame = pd.DataFrame({"id": ["ann"], "n": [2**70]}, dtype=object)
    assert f'"n": "{2**70}"' in payload_page(state(frame, id="id"), 0).text


def test_the_largest_is_found() -> None:
    frame = pd.DataFrame({"id": list("abcde"), "text": ["x", "xx", "x" * 90, "x", None]})
    found = state(frame, id="id")
    assert payload_page(found, largest_page(found)).position == 2


def test_a_row_without_a_payload_says_why() -> None:
    found = state(people(), duplicates="last", invalid={"missing_id": "drop_row"})
    said = [reason_without_payload(found, row) for row in range(4)]
    assert said == [
        "refused: long string",
        "skipped: superseded",
        "invalid: missing id",
        "refused: junk id",
    ]


def test_a_page_encodes_one_row(monkeypatch) -> None:
    found = state(pd.DataFrame({"id": range(1, 100_001), "n": 1.5}), id="id")
    rows = []
    encode = module.encode_rows
    monkeypatch.setattr(
        module, "encode_rows", lambda p, c, some, token: rows.extend(some) or encode(p, c, some, token)
    )
    assert payload_page(found, 77_777).position == 77_777
    assert rows == [77_777]


def test_rows_that_are_merged_make_one_payload() -> None:
    frame = pd.DataFrame({"id": list("abacab"), "x": [1, 2, 3, 4, None, 6], "y": list("uvwxyz")})
    options = {"duplicates": "merge", "missing": "null"}
    found = state(frame, id="id", **options)
    sent = frame.mixpanel.payloads("set", "id", **options)
    assert found.sent_rows.tolist() == [3, 4, 5]
    assert found.excluded == 0
    for number, position in enumerate(found.sent_rows):
        assert json.loads(payload_page(found, number, unmasked=True).text) == sent.iloc[position]
    assert payload_page(found, largest_page(found)).bytes == found.measured.sizes.max() - 1

from __future__ import annotations

from dataclasses import replace

import pytest

import mixpanel_pandas as mpd
from mixpanel_pandas import errors
from tests.profiles.held import hold


def test_properties_of_users_and_groups() -> None:
    emulator = mpd.Emulator()
    hold(emulator, {"a": {"n": 1, "plan": "pro"}, "b": {"plan": "free"}})
    hold(emulator, {"acme": {"name": "Acme"}}, "company")
    project = replace(emulator.project, adapter=emulator.adapter())
    assert mpd.read_properties(project=project).to_numpy().tolist() == [
        ["plan", "string", 2],
        ["n", "number", 1],
    ]
    assert mpd.read_properties("company", project=project).to_numpy().tolist() == [["name", "string", 1]]
    with pytest.raises(errors.OperationError, match="group key 'team' is not known"):
        mpd.read_properties("team", project=project)


def test_no_properties() -> None:
    emulator = mpd.Emulator()
    frame = mpd.read_properties(project=replace(emulator.project, adapter=emulator.adapter()))
    assert frame.dtypes.map(str).to_dict() == {
        "name": "large_string[pyarrow]", "type": "large_string[pyarrow]", "count": "int64[pyarrow]",
    }  # fmt: skip


@pytest.mark.parametrize("body", ["[]", "{}", '{"results": {"a": {"count": "1", "type": "string"}}}'])
def test_an_answer_of_another_shape_is_asked_again(body: str) -> None:
    emulator = mpd.Emulator()
    project = replace(emulator.project, adapter=emulator.adapter(), retries=1)
    emulator.fail("garbage", body=body, on="read")
    assert mpd.read_properties(project=project).empty
    emulator.fail("garbage", body=body, on="read", times=None)
    with pytest.raises(errors.PageFailed, match="the list of properties failed after 2 tries"):
        mpd.read_properties(project=project)

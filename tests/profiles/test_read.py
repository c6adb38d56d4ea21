from __future__ import annotations

import logging
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pytest

import mixpanel_pandas as mpd
from mixpanel_pandas import errors
from mixpanel_pandas.emulator import query
from tests.profiles.held import hold

if TYPE_CHECKING:
    from collections.abc import Callable

    from mixpanel_pandas.emulator.wire import WireRequest

PROFILES = {
    f"user {number:02}": {"plan": "pro" if number % 2 else "free", "n": number} for number in range(23)
}


@pytest.fixture
def mixpanel() -> mpd.Emulator:
    """A Mixpanel without sockets, with 23 profiles on 5 pages of 5."""
    emulator = mpd.Emulator(page_size=5)
    hold(emulator, PROFILES)
    return emulator


@pytest.fixture
def project(mixpanel: mpd.Emulator) -> mpd.Project:
    return project_of(mixpanel)


def project_of(emulator: mpd.Emulator, **changes: Any) -> mpd.Project:
    return replace(emulator.project, adapter=emulator.adapter(), **changes)


def watch(emulator: mpd.Emulator) -> list[dict[str, str]]:
    """Return a list that gets the fields of each query from now on."""
    asked: list[dict[str, str]] = []
    emulator.fail(
        500, times=None, on="read", when=lambda request: asked.append(dict(request.fields)) is not None
    )
    return asked


def contents(frame: pd.DataFrame) -> dict[str, dict[str, Any]]:
    return {
        str(key): {name: value for name, value in row.items() if not pd.isna(value)}
        for key, row in frame.to_dict("index").items()
    }


# -- what is read -----------------------------------------------------------------------------------------------------


def test_all_profiles_in_pages(project: mpd.Project, mixpanel: mpd.Emulator) -> None:
    asked = watch(mixpanel)
    frame = mpd.read_profiles(project=project)
    assert contents(frame) == PROFILES
    assert frame.index.name == "$distinct_id"
    assert frame.index.dtype == pd.ArrowDtype(pa.large_string())
    assert frame.dtypes.map(str).to_dict() == {"plan": "large_string[pyarrow]", "n": "int64[pyarrow]"}
    assert sorted(int(fields.get("page", 0)) for fields in asked) == [0, 1, 2, 3, 4]
    (session,) = frame.attrs["mixpanel"]["sessions"]
    assert session["total"] == 23
    assert frame.attrs["mixpanel"]["project_id"] == 1


def test_over_sockets(emulator: mpd.Emulator) -> None:
    hold(emulator, {f"{number:04}": {"n": number} for number in range(2500)})
    frame = mpd.read_profiles()
    assert frame["n"].tolist() == list(range(2500))


@pytest.mark.parametrize("rows", [0, 1, 4, 5, 6, 10, 11])
def test_any_number_of_profiles(rows: int) -> None:
    emulator = mpd.Emulator(page_size=5)
    profiles = dict(list(PROFILES.items())[:rows])
    hold(emulator, profiles)
    assert contents(mpd.read_profiles(project=project_of(emulator))) == profiles


def test_pages_go_on_where_mixpanel_says_no_total(
    project: mpd.Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = query._CONTENTS["engage"]

    def without_total(*arguments: Any) -> object:
        answer: Any = page(*arguments)
        return {name: value for name, value in answer.items() if name != "total"}

    monkeypatch.setitem(query._CONTENTS, "engage", without_total)
    assert contents(mpd.read_profiles(project=project)) == PROFILES


def test_where_having_and_properties(project: mpd.Project, mixpanel: mpd.Emulator) -> None:
    hold(mixpanel, PROFILES | {"odd": {"plan": "pro"}, "other": {'a "b" \\': 1, "plan": "pro"}})
    pro = mpd.read_profiles(
        'properties["plan"] == "pro" or false', having="n", properties=["n"], project=project
    )
    assert contents(pro) == {key: {"n": row["n"]} for key, row in PROFILES.items() if row["plan"] == "pro"}
    assert contents(mpd.read_profiles(having='a "b" \\', properties=[], project=project)) == {"other": {}}


def test_properties_come_in_their_order_and_are_there_without_values(project: mpd.Project) -> None:
    frame = mpd.read_profiles(properties=["n", "nobody has it", "plan"], project=project)
    assert list(frame.columns) == ["n", "nobody has it", "plan"]
    assert frame["nobody has it"].isna().all()
    empty = mpd.read_profiles('properties["n"] == 77', properties=["n"], project=project)
    assert empty.shape == (0, 1)
    assert empty.index.name == "$distinct_id"


def test_ids(project: mpd.Project, mixpanel: mpd.Emulator, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "mixpanel_pandas")
    asked = pd.Series(["user 03", "user 01", "nobody", "user 01"])
    frame = mpd.read_profiles(ids=asked, project=project)
    assert contents(frame) == {key: PROFILES[key] for key in ("user 01", "user 03")}
    assert "1 of 3 ids not found" in caplog.text
    assert len(mixpanel.requests) == 1


def test_ids_take_a_query_for_each_thousand(mixpanel: mpd.Emulator) -> None:
    emulator = mpd.Emulator()
    hold(emulator, {str(number): {"n": number} for number in range(3000)})
    project = project_of(emulator)
    assert len(mpd.read_profiles(ids=range(500, 2600), project=project)) == 2100
    assert len(emulator.requests) == 3
    with pytest.raises(
        errors.OptionError, match="61,000 ids take 61 queries, and Mixpanel answers 60 an hour"
    ):
        mpd.read_profiles(ids=range(61_000), project=project)
    assert len(emulator.requests) == 3


def test_no_ids_ask_nothing(project: mpd.Project, mixpanel: mpd.Emulator) -> None:
    assert mpd.read_profiles(ids=[], project=project).empty
    assert not mixpanel.requests


def test_a_cohort(project: mpd.Project, mixpanel: mpd.Emulator) -> None:
    number = mixpanel.add_cohort("some", ["user 02", "user 05", "without a profile"])
    frame = mpd.read_profiles(cohort=number, project=project)
    assert contents(frame) == {key: PROFILES[key] for key in ("user 02", "user 05")}


def test_a_group(mixpanel: mpd.Emulator) -> None:
    hold(mixpanel, {"acme": {"company": "Acme Inc.", "$distinct_id": "a property"}}, "company")
    project = project_of(mixpanel)
    frame = mpd.read_profiles(group="company", project=project)
    assert frame.index.name == "company"
    assert contents(frame) == {"acme": {"company": "Acme Inc.", "$distinct_id": "a property"}}
    with pytest.raises(
        errors.OperationError, match="number of group key 'compny' is not known: did you mean 'company'"
    ):
        mpd.read_profiles(group="compny", project=project)


def test_an_id_that_is_a_number_keeps_its_text(project: mpd.Project, mixpanel: mpd.Emulator) -> None:
    answer = (
        '{"page":0,"page_size":5,"session_id":"s","status":"ok","total":2,"results":['
        '{"$distinct_id":12345678901234567890123,"$properties":{}},{"$distinct_id":7,"$properties":{}}]}'
    )
    mixpanel.fail("status", status=200, body=answer, on="read")
    assert list(mpd.read_profiles(project=project).index) == ["12345678901234567890123", "7"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(
            {"where": "true", "ids": ["a"]}, "where= and ids= exclude each other", id="where and ids"
        ),
        pytest.param({"cohort": 1, "ids": ["a"]}, "ids= and cohort= exclude each other", id="cohort and ids"),
        pytest.param({"ids": "ann"}, r"ids='ann' is not a list: pass ids=\['ann'\]", id="one id"),
        pytest.param(
            {"ids": [1.5, None]}, "must be texts or whole numbers, not 1.5, None", id="ids of floats"
        ),
        pytest.param({"properties": "plan"}, r"properties=\['plan'\]", id="one property"),
        pytest.param({"cohort": "all"}, "cohort='all' is not the number", id="name of a cohort"),
        pytest.param({"where": " "}, "where=' ' is not text", id="blank condition"),
        pytest.param(
            {"having": ["a"]}, r"having=\['a'\] is not text: name a property", id="several properties"
        ),
    ],
)
def test_calls_that_cannot_be_meant(
    project: mpd.Project, mixpanel: mpd.Emulator, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(errors.OptionError, match=message):
        mpd.read_profiles(**arguments, project=project)
    assert not mixpanel.requests


def test_it_says_before_how_much_there_is(project: mpd.Project, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "mixpanel_pandas")
    mpd.read_profiles(project=project)
    assert "23 profiles in 1 query and 5 requests, about" in caplog.text


def test_at_most_five_pages_at_once() -> None:
    emulator = mpd.Emulator(page_size=1)
    hold(emulator, PROFILES)
    together, most, lock = 0, 0, threading.Lock()
    gate = threading.Barrier(5)
    adapter = emulator.adapter()
    send = adapter.send

    def counting(request: Any, *args: Any, **kwargs: Any) -> Any:
        nonlocal together, most
        with lock:
            together += 1
            most = max(most, together)
        if b"session_id" in (request.body or b""):
            try:
                gate.wait(5)  # five pages are on their way at once
                gate.abort()
            except threading.BrokenBarrierError:
                pass
        try:
            return send(request, *args, **kwargs)
        finally:
            with lock:
                together -= 1

    adapter.send = counting  # type: ignore[method-assign]
    frame = mpd.read_profiles(project=replace(emulator.project, adapter=adapter))
    assert len(frame) == 23
    assert most == 5


# -- faults -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [0, 1, 4])
@pytest.mark.parametrize(
    ("fault", "details"),
    [
        pytest.param(429, {}, id="429"),
        pytest.param(429, {"retry_after": 2}, id="429 with a wait"),
        pytest.param(500, {}, id="500"),
        pytest.param(503, {}, id="503"),
        pytest.param(408, {}, id="408"),
        pytest.param("truncated", {}, id="truncated"),
        pytest.param("closed", {}, id="closed"),
        pytest.param("reset", {}, id="reset"),
        pytest.param("timeout", {}, id="no answer in time"),
        pytest.param("garbage", {}, id="no JSON"),
        pytest.param("zero", {}, id="bare 0"),
        pytest.param(
            "garbage", {"body": '{"results": [{"$distinct_id": "a"}]}'}, id="profiles of another shape"
        ),
        pytest.param("garbage", {"body": '{"page": 0, "results": [{"$distinct_id'}, id="JSON that is cut"),
        pytest.param("garbage", {"body": "null"}, id="null"),
        pytest.param("garbage", {"body": '{"page": 7, "results": []}'}, id="another page"),
        pytest.param("refused", {}, id="no connection"),
    ],
)
def test_a_page_that_fails_is_asked_for_again(
    project: mpd.Project, mixpanel: mpd.Emulator, page: int, fault: Any, details: dict[str, Any]
) -> None:
    when: Callable[[WireRequest], bool] = lambda request: int(request.fields.get("page", 0)) == page
    mixpanel.fail(fault, when=when, on="read", **details)
    assert contents(mpd.read_profiles(project=project)) == PROFILES


@pytest.mark.parametrize(
    ("fault", "details", "error", "message"),
    [
        pytest.param(500, {}, errors.PageFailed, "failed after 3 tries", id="500"),
        pytest.param("truncated", {}, errors.PageFailed, "failed after 3 tries", id="truncated"),
        pytest.param("garbage", {}, errors.PageFailed, "200, but it is not JSON", id="no JSON"),
        pytest.param(429, {}, errors.BudgetSpent, "in an hour at the latest", id="429 again and again"),
        pytest.param(401, {}, errors.AccountError, "check username and secret", id="401"),
        pytest.param(
            402, {}, errors.SubscriptionError, "does not include the query .402 Payment required", id="402"
        ),
        pytest.param(403, {}, errors.AccessError, "check project_id and region", id="403"),
        pytest.param(404, {}, errors.AccessError, "check region or url", id="404"),
        pytest.param(302, {"location": "/x"}, errors.AccessError, "check region or url", id="302"),
    ],
)
def test_errors(
    mixpanel: mpd.Emulator, fault: Any, details: dict[str, Any], error: type[errors.ReadError], message: str
) -> None:
    mixpanel.fail(fault, times=None, on="read", **details)
    with pytest.raises(error, match=message) as raised:
        mpd.read_profiles(project=project_of(mixpanel, retries=2))
    assert raised.value.kept is None
    assert mixpanel.service_account.secret not in str(raised.value)


def test_a_condition_that_cannot_be_read(project: mpd.Project) -> None:
    with pytest.raises(errors.QueryError, match="cannot read the query: correct it"):
        mpd.read_profiles('properties["plan" == 1', project=project)


def test_a_wrong_account(mixpanel: mpd.Emulator) -> None:
    with pytest.raises(errors.AccountError, match="does not accept the service account"):
        mpd.read_profiles(project=project_of(mixpanel, secret="wrong"))
    with pytest.raises(errors.AccessError, match="check project_id and region"):
        mpd.read_profiles(project=project_of(mixpanel, project_id=2))


def test_no_account_says_where_to_find_one(mixpanel: mpd.Emulator) -> None:
    project = mpd.Project(mixpanel.token, "eu")
    with pytest.raises(
        errors.AccountError, match=r"reading needs username and secret and project_id: pass mpd\.Project"
    ):
        mpd.read_profiles(project=project)


def test_a_project_of_another_region(project: mpd.Project, mixpanel: mpd.Emulator) -> None:
    mixpanel.fail(403, times=None, on="read", when=lambda request: "query" in request.path)
    with pytest.raises(errors.RegionError, match=r"is a member of project 1, but .* check the region"):
        mpd.read_profiles(project=project)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param({"Retry-After": "1800"}, 1800, id="Retry-After"),
        pytest.param({"RateLimit": '"project";r=0;t=900, "project-concurrency";r=5'}, 900, id="RateLimit"),
    ],
)
def test_a_long_wait_is_an_error_at_once(
    project: mpd.Project, mixpanel: mpd.Emulator, headers: dict[str, str], seconds: float
) -> None:
    mixpanel.fail(429, times=None, on="read", headers=headers)
    with pytest.raises(errors.BudgetSpent, match="make the same call again in") as raised:
        mpd.read_profiles(project=project)
    assert raised.value.seconds == seconds
    assert len(mixpanel.requests) == 1


def test_the_budget_of_an_hour() -> None:
    emulator = mpd.Emulator(queries_per_hour=2)
    project = project_of(emulator)
    for _ in range(2):
        mpd.read_profiles(project=project)
    with pytest.raises(errors.BudgetSpent, match="60 an hour and 5 at once") as raised:
        mpd.read_profiles(project=project)
    assert raised.value.seconds is not None
    assert 3000 < raised.value.seconds <= 3600


def session_ends(request: WireRequest) -> bool:
    return "session_id" in request.fields


def test_a_session_that_has_ended_begins_again(
    project: mpd.Project, mixpanel: mpd.Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    mixpanel.fail(400, body={"error": "unknown session"}, when=session_ends, skip=1, on="read")
    assert contents(mpd.read_profiles(project=project)) == PROFILES
    assert "session has ended, so reading starts again (400 unknown session)" in caplog.text


def test_sessions_that_always_end(project: mpd.Project, mixpanel: mpd.Emulator) -> None:
    mixpanel.fail(400, times=None, when=session_ends, on="read")
    with pytest.raises(errors.PageFailed, match="has ended 3 sessions"):
        mpd.read_profiles(project=project)


def test_another_number_than_announced_is_said(
    project: mpd.Project, mixpanel: mpd.Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    answer = '{"page":4,"page_size":5,"results":[],"status":"ok"}'
    mixpanel.fail(200, body=answer, on="read", when=lambda request: request.fields.get("page") == "4")
    assert len(mpd.read_profiles(project=project)) == 20
    assert "announced 23 profiles, and sent 20" in caplog.text

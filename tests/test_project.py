from __future__ import annotations

import pickle

import pandas as pd
import pytest

import mixpanel_pandas as mpd
from mixpanel_pandas.project import REGIONS, current_project

TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        pytest.param(("", "eu"), {}, "no project token: set MIXPANEL_TOKEN", id="no token"),
        pytest.param(("abc", "eu"), {}, "32 letters and digits, this one is 3 characters", id="short token"),
        pytest.param((None, "eu"), {}, "no project token", id="token None"),
        pytest.param((12345, "eu"), {}, "this one is no text", id="token a number"),
        pytest.param((TOKEN + "\n", "eu"), {}, "this one is 33 characters", id="token with a line end"),
        pytest.param((TOKEN,), {}, "no region: choose one of 'us', 'eu', 'in'", id="no region"),
        pytest.param(
            (TOKEN, "EU"), {}, "region 'EU' is not known: choose one of 'us', 'eu', 'in'", id="bad region"
        ),
        pytest.param((TOKEN, "eu"), {"url": "https://x"}, "say region or url, not both", id="region and url"),
        pytest.param(
            (TOKEN,), {"url": "mixpanel.com"}, "an address such as 'https://", id="url without scheme"
        ),
        pytest.param((TOKEN,), {"url": "http://proxy.example"}, "in the clear: use https", id="plain http"),
        pytest.param(
            (TOKEN,), {"url": "https://me:pw@proxy.example"}, "no user, password", id="password in url"
        ),
        pytest.param((TOKEN, "eu"), {"timeout": 0}, "timeout=0 cannot be", id="no time"),
        pytest.param(
            (TOKEN, "eu"),
            {"retries": -1, "backoff": -2},
            "retries=-1, backoff=-2 cannot be",
            id="two at once",
        ),
    ],
)
def test_refusals(arguments: tuple[str, ...], options: dict[str, object], message: str) -> None:
    with pytest.raises(mpd.ProjectError) as raised:
        mpd.Project(*arguments, **options)
    assert message in str(raised.value)
    assert "pw" not in str(raised.value)


def test_all_problems_at_once() -> None:
    with pytest.raises(mpd.ProjectError, match=r"(?s)no project token.*no region.*timeout=-1"):
        mpd.Project("", timeout=-1)


@pytest.mark.parametrize("region", REGIONS)
def test_a_region_has_a_host(region: str) -> None:
    project = mpd.Project(TOKEN, region)
    assert project.base == REGIONS[region]
    assert project.place == region


def test_an_address_stands_for_the_region() -> None:
    project = mpd.Project(TOKEN, url="https://proxy.example/mixpanel/")
    assert project.base == "https://proxy.example/mixpanel"
    assert project.place == "proxy.example"


def test_no_token_is_shown() -> None:
    project = mpd.Project(TOKEN, "eu")
    for text in (repr(project), str(project), repr(mpd.set_project(project))):
        assert TOKEN not in text
        assert TOKEN[5:] not in text


def test_a_project_survives_pickling() -> None:
    project = mpd.Project(TOKEN, "eu", timeout=5)
    assert pickle.loads(pickle.dumps(project)) == project


def test_the_environment_names_a_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIXPANEL_TOKEN", TOKEN)
    monkeypatch.setenv("MIXPANEL_REGION", "in")
    assert current_project() == mpd.Project.from_env() == mpd.Project(TOKEN, "in")
    assert mpd.Project(TOKEN) == mpd.Project(TOKEN, "in")
    monkeypatch.setenv("MIXPANEL_URL", "https://proxy.example")
    assert mpd.Project.from_env().place == "proxy.example"
    assert mpd.Project.from_env("us").place == "us"


def test_the_default_project_holds_until_the_block_ends() -> None:
    first, second = mpd.Project(TOKEN, "eu"), mpd.Project(TOKEN, "us")
    mpd.set_project(first)
    with mpd.set_project(second) as inner:
        assert inner is current_project() is second
    assert current_project() is first
    with pytest.raises(mpd.ProjectError, match="set_project takes a Project, not str"):
        mpd.set_project(TOKEN)
    assert current_project() is first


def test_a_verb_without_a_project_says_what_to_set() -> None:
    with pytest.raises(mpd.ProjectError, match="MIXPANEL_TOKEN"):
        pd.DataFrame({"id": ["a"], "x": [1]}).mixpanel.set("id")

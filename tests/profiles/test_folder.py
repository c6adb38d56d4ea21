"""Reading into a folder: it goes on after an interruption, and an older reading stays until the new one is whole."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

import mixpanel_pandas as mpd
from mixpanel_pandas import errors
from mixpanel_pandas.profiles.folder import Folder
from tests.profiles.held import hold

if TYPE_CHECKING:
    from collections.abc import Callable

PAGES = 5


class Clock:
    """The time of the emulator."""

    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def mixpanel(clock: Clock) -> mpd.Emulator:
    emulator = mpd.Emulator(page_size=5, clock=clock)
    fill(emulator, 23)
    return emulator


@pytest.fixture
def project(mixpanel: mpd.Emulator) -> mpd.Project:
    return replace(mixpanel.project, adapter=mixpanel.adapter(), retries=1)


@pytest.fixture
def to(tmp_path: Path) -> Path:
    return tmp_path / "profiles"


def fill(emulator: mpd.Emulator, rows: int) -> None:
    hold(
        emulator,
        {
            f"{number:02}": {"n": number, "mixed": number if number < 12 else str(number)}
            for number in range(rows)
        },
    )


def interrupt(
    monkeypatch: pytest.MonkeyPatch, after: int, error: type[BaseException] = KeyboardInterrupt
) -> None:
    """Raise after so many pages were kept."""
    keep, kept = Folder.keep, [0]

    def keep_some(folder: Folder, query: int, page: Any) -> None:
        if kept[0] == after:
            raise error
        kept[0] += 1
        keep(folder, query, page)

    monkeypatch.setattr(Folder, "keep", keep_some)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_holds_a_part_for_each_page_and_a_manifest(project: mpd.Project, to: Path) -> None:
    frame = mpd.read_profiles('properties["n"] >= 0', project=project, to=to)
    assert names(to.parent) == ["profiles"]
    assert names(to) == ["manifest.json", *(f"part-00000-{page:07}.parquet" for page in range(PAGES))]
    assert pq.read_table(to / "part-00000-0000000.parquet").num_rows == 5
    manifest = json.loads((to / "manifest.json").read_text())
    assert manifest["complete"] is True
    assert manifest["source"]["queries"] == [{"where": 'properties["n"] >= 0'}]
    assert manifest["sessions"][0]["total"] == 23
    assert manifest["sessions"] == frame.attrs["mixpanel"]["sessions"]
    secrets = (project.secret, project.token)
    assert not any(str(secret) in (to / "manifest.json").read_text() for secret in secrets)
    pd.testing.assert_frame_equal(frame, mpd.read_profiles(project=project))


@pytest.mark.parametrize("after", range(PAGES))
def test_it_goes_on_between_any_two_pages(
    project: mpd.Project, mixpanel: mpd.Emulator, to: Path, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        interrupt(patch, after)
        with pytest.raises(KeyboardInterrupt) as raised:
            mpd.read_profiles(project=project, to=to)
    assert f"{after} page" in raised.value.__notes__[0]
    assert names(to.parent) == ["profiles.reading"]
    fill(mixpanel, 40)  # the session holds the profiles as they were
    before = len(mixpanel.requests)
    frame = mpd.read_profiles(project=project, to=to)
    assert len(mixpanel.requests) - before == PAGES - after
    assert frame["n"].tolist() == list(range(23))
    assert names(to.parent) == ["profiles"]


def test_a_page_that_fails_keeps_the_others(project: mpd.Project, mixpanel: mpd.Emulator, to: Path) -> None:
    mixpanel.fail(500, times=None, on="read", when=lambda request: request.fields.get("page") == "3")
    with pytest.raises(
        errors.PageFailed, match=r"page 3 failed after 2 tries.*pages? kept in .*the same call continues"
    ) as raised:
        mpd.read_profiles(project=project, to=to)
    assert raised.value.kept == f"{to}.reading"
    mixpanel.heal()
    assert len(mpd.read_profiles(project=project, to=to)) == 23


def test_a_session_that_has_ended_begins_again(
    project: mpd.Project,
    mixpanel: mpd.Emulator,
    clock: Clock,
    to: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with monkeypatch.context() as patch:
        interrupt(patch, 3)
        with pytest.raises(KeyboardInterrupt):
            mpd.read_profiles(project=project, to=to)
    fill(mixpanel, 11)
    clock.now += 7200
    frame = mpd.read_profiles(project=project, to=to)
    assert "reading starts again" in caplog.text
    assert frame["n"].tolist() == list(range(11))
    assert len(names(to)) == 1 + 3


def test_another_query_does_not_take_the_pages(
    project: mpd.Project, to: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        interrupt(patch, 3)
        with pytest.raises(KeyboardInterrupt):
            mpd.read_profiles(project=project, to=to)
    frame = mpd.read_profiles('properties["n"] < 7', project=project, to=to)
    assert frame["n"].tolist() == list(range(7))


@pytest.mark.parametrize("after", range(PAGES))
def test_an_older_reading_stays_until_the_new_one_is_whole(
    project: mpd.Project, mixpanel: mpd.Emulator, to: Path, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    mpd.read_profiles(project=project, to=to)
    older = {path.name: path.read_bytes() for path in to.iterdir()}
    fill(mixpanel, 21)
    with monkeypatch.context() as patch:
        interrupt(patch, after, MemoryError)
        with pytest.raises(MemoryError):
            mpd.read_profiles(project=project, to=to)
    assert {path.name: path.read_bytes() for path in to.iterdir()} == older
    assert len(mpd.read_profiles(project=project, to=to)) == 21
    assert names(to.parent) == ["profiles"]


@pytest.mark.parametrize("step", range(2))
def test_an_end_between_two_renames(
    project: mpd.Project, mixpanel: mpd.Emulator, to: Path, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    mpd.read_profiles(project=project, to=to)
    fill(mixpanel, 21)
    rename: Callable[..., Any] = Path.rename
    renamed: list[Path] = []

    def rename_some(path: Path, target: Path) -> Any:
        if len(renamed) == step:
            raise MemoryError
        renamed.append(path)
        return rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", rename_some)
        with pytest.raises(MemoryError):
            mpd.read_profiles(project=project, to=to)
    whole = [
        path for path in to.parent.iterdir() if json.loads((path / "manifest.json").read_text())["complete"]
    ]
    assert len(whole) == 2  # the old one and the new one, under whatever name
    before = len(mixpanel.requests)
    assert len(mpd.read_profiles(project=project, to=to)) == 21
    assert len(mixpanel.requests) == before
    assert names(to.parent) == ["profiles"]


def test_an_old_reading_without_a_new_one_comes_back(
    project: mpd.Project, mixpanel: mpd.Emulator, to: Path
) -> None:
    mpd.read_profiles(project=project, to=to)
    to.rename(f"{to}.old")
    mixpanel.fail(500, times=None, on="read")
    with pytest.raises(errors.PageFailed):
        mpd.read_profiles(project=project, to=to)
    assert json.loads((to / "manifest.json").read_text())["complete"] is True


@pytest.mark.parametrize("damage", [b"", b"PAR1 and then nothing"])
def test_a_damaged_page_is_read_again(
    project: mpd.Project, to: Path, damage: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        interrupt(patch, 3)
        with pytest.raises(KeyboardInterrupt):
            mpd.read_profiles(project=project, to=to)
    (to.parent / "profiles.reading" / "part-00000-0000001.parquet").write_bytes(damage)
    assert mpd.read_profiles(project=project, to=to)["n"].tolist() == list(range(23))


def test_a_manifest_that_cannot_be_read_begins_again(project: mpd.Project, to: Path) -> None:
    (to.parent / "profiles.reading").mkdir()
    (to.parent / "profiles.reading" / "manifest.json").write_text("{")
    assert len(mpd.read_profiles(project=project, to=to)) == 23


def test_ids_of_several_queries(project: mpd.Project, mixpanel: mpd.Emulator, to: Path) -> None:
    big = mpd.Emulator()
    fill(big, 2500)
    project = replace(big.project, adapter=big.adapter())
    ids = [f"{number:02}" for number in range(2500)]
    big.fail(500, times=None, on="read", when=lambda request: '"1500"' in request.fields["distinct_ids"])
    with pytest.raises(errors.PageFailed):
        mpd.read_profiles(ids=ids, project=project, to=to)
    big.heal()
    before = len(big.requests)
    assert len(mpd.read_profiles(ids=ids, project=project, to=to)) == 2500
    assert len(big.requests) - before == 2


def test_a_budget_that_is_spent_keeps_what_was_read(to: Path, clock: Clock) -> None:
    emulator = mpd.Emulator(queries_per_hour=2, clock=clock)
    fill(emulator, 2500)
    project = replace(emulator.project, adapter=emulator.adapter())
    ids = [f"{number:02}" for number in range(2500)]
    with pytest.raises(
        errors.BudgetSpent, match=r"make the same call again in 60 min.*2 pages kept in"
    ) as raised:
        mpd.read_profiles(ids=ids, project=project, to=to)
    assert (raised.value.kept, raised.value.seconds) == (f"{to}.reading", 3600)
    clock.now += 3600
    before = len(emulator.requests)
    assert len(mpd.read_profiles(ids=ids, project=project, to=to)) == 2500
    assert len(emulator.requests) - before == 1


def test_no_profiles(project: mpd.Project, mixpanel: mpd.Emulator, to: Path) -> None:
    fill(mixpanel, 0)
    frame = mpd.read_profiles(project=project, to=to, properties=["n"])
    assert frame.shape == (0, 1)
    assert len(names(to)) == 2


def test_a_full_disk_ends_the_reading(
    project: mpd.Project, to: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        interrupt(patch, 2, OSError)
        with pytest.raises(OSError):
            mpd.read_profiles(project=project, to=to)
    assert len(mpd.read_profiles(project=project, to=to)) == 23


@pytest.mark.parametrize("name", ["profiles", "profiles.reading", "profiles.old"])
@pytest.mark.parametrize("is_file", [True, False])
def test_what_is_not_ours_is_refused(
    project: mpd.Project, mixpanel: mpd.Emulator, to: Path, name: str, is_file: bool
) -> None:
    place = to.parent / name
    if is_file:
        place.write_text("mine")
    else:
        place.mkdir()
        (place / "thesis.odt").write_text("mine")
    with pytest.raises(errors.OperationError, match="name a new folder"):
        mpd.read_profiles(project=project, to=to)
    assert names(to.parent) == [name]
    assert not mixpanel.requests

"""The command that compares a real Mixpanel with the emulator, against an emulator in its place: it leaves nothing behind."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mixpanel_pandas.emulator import Emulator
from tests.live import leftovers
from tests.live import subject as subject_module
from tests.live.__main__ import main
from tests.live.contract import contract
from tests.live.emulated import GROUP, WHOLE, Clock, subject_of
from tests.live.running import FOR_EMULATOR, Run
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(autouse=True)
def _files_of_this_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "FOLDER", tmp_path / "live")


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """An emulator on a socket, as the environment names a project."""
    with Emulator(whole_seconds=True) as running:
        username, secret = running.service_account
        for name, text in {
            "TOKEN": running.token,
            "URL": running.url,
            "USERNAME": username,
            "SECRET": secret,
            "PROJECT_ID": "1",
        }.items():
            monkeypatch.setenv(f"MIXPANEL_{name}", text)
        monkeypatch.setattr(subject_module, "PAUSE", 0.0)
        yield running


def run(*arguments: str) -> int:
    return main(["--yes", *arguments], FOR_EMULATOR)


def written(name: str) -> Callable[[Any], bool]:
    """Return a condition for a request with a record of a case."""
    return lambda request: any(name in str(record.get("$distinct_id")) for record in request.records or ())


def queries_of(emulator: Emulator) -> int:
    """Return how many queries of its hour an emulator has counted."""
    return len(emulator._reader.budget._recent)


def test_a_run_costs_few_queries_and_deletes_its_profiles() -> None:
    emulator = Emulator(whole_seconds=True)
    stranger = {
        "$token": emulator.token,
        "$distinct_id": "ann",
        "$ignore_time": True,
        "$set": {"mpd_live": 1},
    }
    emulator.answer("POST", "/engage?ip=0", {}, json.dumps(stranger).encode())
    subject = subject_of(emulator)
    path = leftovers.remember(subject, WHOLE.ends(group=False), WHOLE.ends(group=True))
    Run(subject, WHOLE).carry_out()
    assert len(emulator.profiles()) > 1000
    assert leftovers.clean(subject, path) == 0
    assert emulator.profiles()["mpd_live"].to_dict() == {"ann": 1}
    assert emulator.profiles(GROUP).empty
    assert not path.exists()
    assert subject.spent == queries_of(emulator) <= 32
    assert subject.requests <= 140
    assert subject.requests == len(emulator.requests) - 1


def test_a_project_of_the_environment(
    emulator: Emulator, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run("--report", str(tmp_path / "points.jsonl")) == 0
    out, err = capsys.readouterr()
    assert "0 differences in" in out
    assert "Left behind: 0 profiles, and names of properties." in out
    assert emulator.profiles().empty
    assert str(emulator.token) not in out + err
    rows = [json.loads(line) for line in (tmp_path / "points.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {row["asked"] for row in rows} == {
        point.asked for point in contract(groups=False, lasting=False).points
    }
    assert not leftovers.remembered(emulator.project)


def test_groups_of_the_environment(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MIXPANEL_GROUP_KEYS", f"team=5,company={emulator.data_group_id('company')}")
    assert run("--group", "company") == 0
    assert f"0 differences in {len(WHOLE.points) - 1:,} points" in capsys.readouterr().out
    assert emulator.profiles("company").empty
    assert run("--group", "region") == 2
    assert "--group 'region' is none of MIXPANEL_GROUP_KEYS: team, company" in capsys.readouterr().err


def test_a_difference_is_status_1(emulator: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    emulator.fail(402, on="read", when=lambda request: "stats" in request.path, times=None)
    assert run() == 1
    assert "2 differences in" in capsys.readouterr().out
    assert emulator.profiles().empty


@pytest.mark.parametrize(
    ("name", "fault", "status", "message"),
    [
        pytest.param(
            "two-set-in-one-request", "reset", 3, "gives no clear answer", id="a connection is lost"
        ),
        pytest.param("refused-0", "interrupt", 130, "interrupted", id="Ctrl-C while updates are sent"),
        pytest.param(
            "bare-a-good-record", "interrupt", 130, "interrupted", id="Ctrl-C while answers are compared"
        ),
    ],
)
def test_profiles_are_deleted_after_a_failure(
    emulator: Emulator, capsys: pytest.CaptureFixture[str], name: str, fault: str, status: int, message: str
) -> None:
    struck: list[Any] = []

    def strikes(request: Any) -> bool:
        """Interrupt the run once, while a request of the case is on its way."""
        if written(name)(request) and "$delete" not in str(request.records) and not struck:
            struck.append(signal.raise_signal(signal.SIGINT))
        return False

    if fault == "interrupt":
        emulator.fail("reset", when=strikes, times=None)
    else:
        emulator.fail(fault, when=written(name), skip=1)
    assert run() == status
    out, err = capsys.readouterr()
    assert message in err
    assert "not asked" in out
    assert emulator.profiles().empty
    assert not leftovers.remembered(emulator.project)


def test_the_next_run_deletes_what_could_not_be_deleted(
    emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    emulator.fail(
        "reset",
        when=lambda request: any("$delete" in record for record in request.records or ()),
        skip=1,
        times=None,
    )
    assert run() == 3
    out, err = capsys.readouterr()
    assert "Left behind: an unknown number of profiles" in out
    assert "profiles may be left in the project" in err
    assert len(emulator.profiles()) > 100
    emulator.heal()
    assert main(["--yes", "--clean"], FOR_EMULATOR) == 0
    assert "an earlier run was not cleaned up: mixpanel-pandas-live-" in capsys.readouterr().err
    assert emulator.profiles().empty
    assert not leftovers.remembered(emulator.project)


def test_profiles_of_another_machine_are_found_by_their_mark(emulator: Emulator) -> None:
    Run(subject_of(emulator, group=False), contract(groups=False, lasting=False)).carry_out()
    stranger = {
        "$token": emulator.token,
        "$distinct_id": "ann",
        "$ignore_time": True,
        "$set": {"mpd_live_run": 1},
    }
    emulator.answer("POST", "/engage?ip=0", {}, json.dumps(stranger).encode())
    assert run("--clean") == 0
    assert emulator.profile("ann") == {"mpd_live_run": 1}
    assert emulator.profiles().index.tolist() == ["ann"]


def test_files_of_another_project_are_left_alone(emulator: Emulator) -> None:
    subject = subject_of(Emulator(), group=False)
    path = leftovers.remember(subject, ["a"], [])
    assert not leftovers.remembered(emulator.project)
    assert run("--clean") == 0
    assert path.exists()


def test_profiles_that_come_back_are_deleted_again() -> None:
    """An update that was on its way when its profile was deleted makes it again."""
    clock = Clock()
    emulator = Emulator()
    subject = subject_of(emulator, clock, group=False)
    path = leftovers.remember(subject, ["a", "b"], [])
    record = {"$token": str(emulator.token), "$distinct_id": f"{subject.prefix}a", "$set": {"mpd_live": 1}}
    passed: list[float] = []

    def sleep(seconds: float) -> None:
        """Let the update arrive after the first delete."""
        clock.sleep(seconds)
        passed.append(seconds)
        if len(passed) == 1:
            subject.write("engage", [record], "ip=0")

    subject.sleep = sleep
    assert leftovers.clean(subject, path) == 0
    assert passed == [20, 40]
    assert emulator.profiles().empty
    assert not path.exists()


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        pytest.param("MIXPANEL_TOKEN", "set MIXPANEL_TOKEN", id="no token"),
        pytest.param(
            "MIXPANEL_PROJECT_ID",
            "set MIXPANEL_TOKEN, MIXPANEL_USERNAME, MIXPANEL_SECRET, MIXPANEL_PROJECT_ID",
            id="no number",
        ),
    ],
)
def test_without_a_project_it_does_not_begin(
    emulator: Emulator,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    missing: str,
    message: str,
) -> None:
    monkeypatch.delenv(missing)
    assert run() == 2
    assert message in capsys.readouterr().err
    assert not emulator.requests


@pytest.mark.parametrize(("answer", "terminal"), [("y", False), ("n", True), ("", True)])
def test_it_writes_only_if_somebody_says_yes(
    emulator: Emulator,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answer: str,
    terminal: bool,
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{answer}\n"))
    monkeypatch.setattr("sys.stdin.isatty", lambda: terminal, raising=False)
    assert main([], FOR_EMULATOR) == 2
    assert "nothing was written: answer y, or pass --yes" in capsys.readouterr().err
    assert not emulator.requests


def test_the_emulator_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--emulator"], FOR_EMULATOR) == 0
    assert "0 differences in" in capsys.readouterr().out


def test_without_a_query_profiles_are_deleted_and_remembered(
    emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody has seen that they are gone."""
    emulator.fail(429, on="read", retry_after=3000, times=None)
    assert run() == 3
    out, err = capsys.readouterr()
    assert "the queries of the hour are used up: try again in an hour" in err
    assert "deleted, but no query is left to see it" in err
    assert "profiles may be left in the project" in err
    assert "Left behind: an unknown number of profiles" in out
    assert emulator.profiles().empty
    assert leftovers.remembered(emulator.project)


def test_queries_for_cleaning_up_are_kept(emulator: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--queries", "5") == 0
    out, err = capsys.readouterr()
    assert "the queries of the hour are used up: the rest is not asked" in err
    assert "Spent: 6 of the hour's 60 queries" in out
    assert "Left behind: 0 profiles" in out
    assert emulator.profiles().empty


_COMMAND = (
    "import sys; from tests.live import __main__ as live; sys.exit(live.main(['--yes'], live.FOR_EMULATOR))"
)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_sigterm_ends_a_run_and_deletes_its_profiles(emulator: Emulator) -> None:
    emulator.fail("delay", seconds=0.1, times=None)
    process = subprocess.Popen(
        [sys.executable, "-c", _COMMAND], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        cwd=Path(__file__).parents[1], env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )  # fmt: skip
    assert process.stderr is not None
    while "first values: after" not in process.stderr.readline():
        pass
    process.terminate()
    out, _err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 143
    assert "Left behind: 0 profiles" in out
    assert emulator.profiles().empty

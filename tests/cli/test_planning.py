"""Plans on the command line: made, shown, compared, applied and undone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result

import mixpanel_pandas as mpd
from mixpanel_pandas.cli import main
from mixpanel_pandas.cli.jobs import VERBS
from tests.patience import PATIENCE


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("users.csv").write_text(
        "uid,plan,credits,tags,seen\nann,pro,4,a,2026-01-01\nbob,,1,b,2026-01-02\ncem,free,2,c,2026-01-03\n",
        encoding="utf-8",
    )


@pytest.fixture
def emulator(emulator: mpd.Emulator) -> mpd.Emulator:
    """A Mixpanel that holds two profiles."""
    pd.DataFrame({"uid": ["ann", "bob"], "plan": ["pro", "free"], "credits": [3, 1]}).mixpanel.set("uid")
    return emulator


def run(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


def updates(emulator: mpd.Emulator) -> list[dict[str, Any]]:
    return [record for request in emulator.requests for record in request.records or ()]


PLAN = ("plan", "set", "users.csv", "--id", "uid", "--property", "plan", "--property", "credits")


def planned(*more: str) -> None:
    done = run(*PLAN, "--missing", "unset", "--to", "plan.parquet", *more)
    assert done.exit_code == 0, done.output


def test_a_plan_is_made_and_nothing_is_sent(emulator: mpd.Emulator) -> None:
    sent = len(updates(emulator))
    done = run(*PLAN, "--missing", "unset", "--to", "plan.parquet")
    assert done.exit_code == 0, done.output
    assert done.stdout == (
        "1 new profile, 2 changed (2 cells), 0 emptied, 0 unchanged\n"
        "Wrote plan.parquet, and sent nothing. To look at it: mixpanel-pandas show plan.parquet\n"
        "To apply it: mixpanel-pandas apply plan.parquet\n"
    )
    assert len(updates(emulator)) == sent


def test_a_plan_is_shown_without_secrets(emulator: mpd.Emulator) -> None:
    planned()
    done = run("show", "plan.parquet")
    assert done.exit_code == 0, done.output
    facts, counts, *table = done.stdout.splitlines()
    assert facts.startswith("plan.parquet: made 20")
    assert f"UTC for {emulator.url} (token " in facts
    assert counts == "1 new profile, 2 changed (2 cells), 0 emptied, 0 unchanged"
    assert table[0].split() == ["id", "property", "before", "after", "change"]
    assert len(table) == 5
    assert emulator.token not in done.output
    assert emulator.service_account[1] not in done.output
    assert "2 of 4 cells" in run("show", "plan.parquet", "--rows", "2").stdout


def test_a_plan_in_markdown_is_for_a_pull_request(emulator: mpd.Emulator) -> None:
    planned()
    done = run("show", "plan.parquet", "--markdown")
    assert "\n\n| id | property | before | after | change |\n| --- | --- | --- | --- | --- |\n" in done.stdout
    assert '| bob | plan | "free" |  | emptied |' in done.stdout


def test_a_plan_is_applied_once_and_undone(emulator: mpd.Emulator) -> None:
    before = emulator.profiles()
    planned()
    done = run("apply", "plan.parquet", "--summary", "summary.csv")
    assert done.exit_code == 0, done.output
    assert "3 accepted" in done.stdout
    assert emulator.profile("ann") == {"plan": "pro", "credits": 4}
    assert emulator.profile("bob") == {"credits": 1}
    assert pd.read_csv("summary.csv")["accepted"].sum() == 3
    sent = len(updates(emulator))
    again = run("apply", "plan.parquet")
    assert again.exit_code == 0
    assert "3 accepted; already sent on" in again.stdout
    assert "UTC, and nothing was sent now" in again.stdout
    assert len(updates(emulator)) == sent
    shown = run("show", "plan.backup.parquet")
    assert "backup of 3 profiles (4 values) from" in shown.stdout
    assert emulator.token not in shown.output
    assert run("undo", "plan.backup.parquet", "--to", "undo.parquet").exit_code == 0
    assert len(updates(emulator)) == sent
    done = run("apply", "undo.parquet", "--no-backup")
    assert done.exit_code == 0, done.output
    assert not Path("undo.backup.parquet").exists()
    pd.testing.assert_frame_equal(emulator.profiles().loc[["ann", "bob"]], before, check_like=True)


def test_what_has_changed_since_is_shown_and_left_out_or_refuses(emulator: mpd.Emulator) -> None:
    planned()
    done = run("drift", "plan.parquet")
    assert (done.exit_code, done.stdout) == (0, "nothing has changed since the plan was made\n")
    pd.DataFrame({"uid": ["ann"], "credits": [9]}).mixpanel.set("uid")
    sent = len(updates(emulator))
    done = run("drift", "plan.parquet")
    assert done.exit_code == 4
    assert ["ann", "credits", "3", "9", "4"] in [line.split() for line in done.stdout.splitlines()]
    done = run("apply", "plan.parquet", "--drift", "raise")
    assert done.exit_code == 4
    assert ["ann", "credits", "3", "9", "4"] in [line.split() for line in done.stdout.splitlines()]
    assert len(updates(emulator)) == sent
    done = run("apply", "plan.parquet")
    assert done.exit_code == 1
    assert "`mixpanel-pandas drift` lists what changed" in done.stderr
    assert emulator.profile("ann")["credits"] == 9
    assert emulator.profile("cem") == {"plan": "free", "credits": 2}


@pytest.mark.parametrize(
    ("guard", "message"),
    [
        pytest.param(["--at-most", "2"], "changes 3 profiles, more than --at-most 2: nothing was sent", id="profiles"),
        pytest.param(["--at-most-emptied", "0"], "empties 1 value, more than --at-most-emptied 0", id="values"),
        pytest.param(["--at-most-share", "0.5"], "--at-most-share 0.5 cannot be checked: the plan must be made with all profiles (--current with all of them)", id="share"),
    ],
)  # fmt: skip
def test_a_guard_refuses_a_plan(emulator: mpd.Emulator, guard: list[str], message: str) -> None:
    planned()
    sent = len(updates(emulator))
    done = run("apply", "plan.parquet", *guard)
    assert done.exit_code == 4
    assert message in " ".join(done.stderr.split())
    assert len(updates(emulator)) == sent


def test_a_plan_that_deletes_is_guarded(emulator: mpd.Emulator) -> None:
    assert run("plan", "delete", "users.csv", "--id", "uid", "--to", "plan.parquet").exit_code == 0
    done = run("apply", "plan.parquet", "--at-most-deletes", "1")
    assert done.exit_code == 4
    assert "deletes 2 profiles for good, more than --at-most-deletes 1" in " ".join(done.stderr.split())
    assert run("apply", "plan.parquet").exit_code == 0
    assert emulator.profiles().empty
    assert run("undo", "plan.backup.parquet", "--to", "undo.parquet").exit_code == 0
    assert run("apply", "undo.parquet").exit_code == 0
    assert emulator.profile("bob") == {"plan": "free", "credits": 1}


def test_a_plan_may_not_create_properties(emulator: mpd.Emulator) -> None:
    assert run("plan", "set", "users.csv", "--id", "uid", "--to", "plan.parquet").exit_code == 0
    done = run("apply", "plan.parquet", "--new-properties", "raise")
    assert done.exit_code == 4
    assert "creates 2 properties: 'seen', 'tags'" in done.stderr


@pytest.mark.parametrize("kept", ["profiles.parquet", "folder"])
def test_profiles_that_were_read_are_what_a_plan_compares_with(emulator: mpd.Emulator, kept: str) -> None:
    if kept == "folder":
        mpd.read_profiles(to="folder")
    else:
        mpd.read_profiles().to_parquet("profiles.parquet")
    requests = len(emulator.requests)
    planned("--current", kept)
    assert len(emulator.requests) == requests
    assert "3 accepted" in run("apply", "plan.parquet", "--at-most-share", "1").stdout


def test_only_existing_profiles(emulator: mpd.Emulator) -> None:
    planned("--only", "existing")
    assert run("apply", "plan.parquet").exit_code == 0
    assert sorted(emulator.profiles().index) == ["ann", "bob"]


#: Verb -> what is typed beside the table.
WORDS = {
    "add": ["--property", "credits"],
    "union": ["--property", "tags", "--parse", "tags=list:semicolon"],
    "delete": [],
    "update": ["--property", "plan=set", "--property", "credits=add"],
}


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_planned_and_applied(emulator: mpd.Emulator, verb: str) -> None:
    words = WORDS.get(verb, ["--property", "tags"])
    done = run("plan", verb, "users.csv", "--id", "uid", *words, "--to", "plan.parquet")
    assert done.exit_code == 0, done.output
    done = run("apply", "plan.parquet")
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param([*PLAN], "name the file of the plan: --to plan.parquet", id="no file"),
        pytest.param([*PLAN, "--to", "plan.csv"], "--to 'plan.csv': the name must end in .parquet", id="another ending"),
        pytest.param([*PLAN, "--to", "users.csv"], "is another file that this command reads", id="the table"),
        pytest.param([*PLAN, "--to", "/nowhere/p.parquet"], "'/nowhere' is not a folder", id="no folder"),
        pytest.param([*PLAN, "--to", "p.parquet", "--current", "profiles.parquet", "--since", "b.parquet"], "exclude each other", id="two sources"),
        pytest.param([*PLAN, "--to", "p.parquet", "--current", "none.parquet"], "there are no profiles 'none.parquet'", id="no profiles"),
        pytest.param([*PLAN, "--to", "p.parquet", "--updated-at", "seen"], "cannot be saved: pass one value for all rows", id="a column of times"),
        pytest.param(["show", "users.csv"], "'users.csv' is not a plan", id="no plan"),
        pytest.param(["apply", "none.parquet"], "there is no plan 'none.parquet'", id="no such plan"),
        pytest.param(["undo", "users.csv", "--to", "p.parquet"], "'users.csv' is not a backup", id="no backup"),
        pytest.param(["undo", "b.parquet"], "--to plan.parquet", id="an undo without a file"),
        pytest.param(["apply", "p.parquet", "--backup", "b.parquet", "--no-backup"], "exclude each other", id="two backups"),
        pytest.param(["apply", "p.parquet", "--backup", "p.parquet"], "is another file that this command reads", id="a backup over the plan"),
    ],
)  # fmt: skip
def test_mistakes(emulator: mpd.Emulator, words: list[str], message: str) -> None:
    mpd.read_profiles().to_parquet("profiles.parquet")
    sent = len(updates(emulator))
    done = run(*words)
    assert done.exit_code == 2, done.output
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.output
    assert len(updates(emulator)) == sent


def test_without_an_account_the_words_are_those_of_the_command_line(emulator: mpd.Emulator) -> None:
    planned()
    with mpd.set_project(mpd.Project(emulator.token, url=emulator.url)):
        done = run("apply", "plan.parquet")
        assert done.exit_code == 2
        said = " ".join(done.stderr.split())
        assert "pass --project FILE with username, secret, project_id" in said
        assert "Pass --no-backup to apply it without" in said
        assert run("apply", "plan.parquet", "--no-backup").exit_code == 0
    assert emulator.profile("cem") == {"plan": "free", "credits": 2}


def test_a_plan_of_another_project_is_refused(emulator: mpd.Emulator) -> None:
    planned()
    done = run("apply", "plan.parquet", "--token", "0" * 32, "--region", "eu")
    assert done.exit_code == 2
    assert "the plan was made for another project" in done.stderr


# -- what is stopped on the way -----------------------------------------------------------------------------------

ROWS, BATCH = 300, 10


@pytest.fixture
def many(emulator: mpd.Emulator) -> dict[str, str]:
    """The environment of a plan of many rows, against a Mixpanel that takes its time."""
    ids = [f"user-{number}" for number in range(ROWS)]
    pd.DataFrame({"uid": ids, "n": 5, "plan": "free"}).mixpanel.set("uid")
    pd.DataFrame({"uid": ids, "n": 1, "plan": "pro"}).to_csv("many.csv", index=False)
    username, secret = emulator.service_account
    return {
        **os.environ,
        "MIXPANEL_TOKEN": str(emulator.token),
        "MIXPANEL_URL": emulator.url,
        "MIXPANEL_USERNAME": username,
        "MIXPANEL_SECRET": secret,
        "MIXPANEL_PROJECT_ID": str(emulator.project_id),
    }


def stopped(emulator: mpd.Emulator, environment: dict[str, str], number: int, *words: str) -> tuple[int, str]:
    """Start a command, stop it while it sends, and return its status and what it printed."""
    before = len([request for request in emulator.requests if request.records])
    emulator.fail("delay", seconds=0.05, times=None)
    command = [sys.executable, "-m", "mixpanel_pandas", *words]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, **pipes) as process:
        until = time.monotonic() + PATIENCE
        while len([r for r in emulator.requests if r.records]) < before + 4 and time.monotonic() < until:
            time.sleep(0.01)
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE)
    emulator.heal()
    return process.returncode, out + err


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("verb", ["add", "set"])
def test_a_plan_that_is_killed_and_applied_again_ends_as_if_it_had_not_been(
    emulator: mpd.Emulator, many: dict[str, str], verb: str
) -> None:
    words = ["--property", "n"] if verb == "add" else ["--property", "n", "--property", "plan"]
    assert run("plan", verb, "many.csv", "--id", "uid", *words, "--to", "plan.parquet").exit_code == 0
    sending = ("apply", "plan.parquet", "--batch-size", str(BATCH), "--workers", "1")
    for _ in range(2):
        assert stopped(emulator, many, signal.SIGKILL, *sending)[0] == -signal.SIGKILL
    done = run(*sending, "--summary", "summary.parquet")
    profiles = emulator.profiles().filter(like="user-", axis=0)
    summary = pd.read_parquet("summary.parquet")
    assert int(summary["rows"].sum()) == ROWS
    if verb == "set":
        assert done.exit_code == 0, done.output
        assert set(profiles["n"]) == {1}
        assert set(profiles["plan"]) == {"pro"}
    else:
        in_doubt = int(summary["unknown"].sum())
        assert in_doubt <= 2 * BATCH  # what was on its way when the process was killed
        assert set(profiles["n"]) <= {5, 6}
        assert (profiles["n"] == 6).sum() >= ROWS - in_doubt
        assert done.exit_code == (1 if in_doubt else 0), done.output
    assert run("undo", "plan.backup.parquet", "--to", "undo.parquet").exit_code == 0
    assert run("apply", "undo.parquet", "--no-backup").exit_code in ({0} if verb == "set" else {0, 1})
    assert set(emulator.profiles().filter(like="user-", axis=0)["n"]) == {5}


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize(
    ("number", "status"),
    [pytest.param(signal.SIGINT, 130, id="Ctrl-C"), pytest.param(signal.SIGTERM, 143, id="SIGTERM")],
)
def test_a_signal_ends_a_plan_with_every_row_accounted_for(
    emulator: mpd.Emulator, many: dict[str, str], number: int, status: int
) -> None:
    assert (
        run("plan", "add", "many.csv", "--id", "uid", "--property", "n", "--to", "plan.parquet").exit_code
        == 0
    )
    sending = ("apply", "plan.parquet", "--batch-size", str(BATCH), "--workers", "1")
    done, shown = stopped(emulator, many, number, *sending, "--summary", "summary.parquet")
    assert done == status, shown
    assert "not_sent" in shown
    assert int(pd.read_parquet("summary.parquet")["rows"].sum()) == ROWS
    again = run(*sending)
    assert again.exit_code == 0, again.output
    assert set(emulator.profiles().filter(like="user-", axis=0)["n"]) == {6}

"""Uploads and jobs with --since: what differs from what was last accepted is sent, within the guards."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result

import mixpanel_pandas as mpd
from mixpanel_pandas.cli import main

USERS = "uid,plan,credits\nann,pro,4\nbob,free,1\ncem,free,2\n"

JOB = """\
source = "../users.csv"
verb = "set"
id = "uid"
since = "users.parquet"

[parse]
credits = "number"
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("users.csv").write_text(USERS, encoding="utf-8")
    Path("jobs").mkdir()
    Path("jobs/users.toml").write_text(JOB, encoding="utf-8")


@pytest.fixture
def emulator(emulator: mpd.Emulator) -> mpd.Emulator:
    """A Mixpanel, without a service account."""
    mpd.set_project(mpd.Project(emulator.token, url=emulator.url))
    return emulator


def run(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


def sent(emulator: mpd.Emulator) -> list[tuple[str, dict[str, Any]]]:
    """Return the records that were sent: the id and what was done to it."""
    records = [record for request in emulator.requests for record in request.records or ()]
    operators = ("$set", "$unset")
    return [(r["$distinct_id"], {o: r[o] for o in operators if o in r}) for r in records]


SET = ("set", "users.csv", "--id", "uid", "--since", "users.parquet")


@pytest.mark.parametrize("words", [("run", "jobs/users.toml"), SET], ids=["a job", "a command"])
def test_the_second_time_nothing_is_sent(emulator: mpd.Emulator, words: tuple[str, ...]) -> None:
    done = run(*words)
    assert done.exit_code == 0, done.output
    assert len(sent(emulator)) == 3
    assert Path("jobs/users.parquet" if words[0] == "run" else "users.parquet").exists()
    requests = len(emulator.requests)
    done = run(*words)
    assert done.exit_code == 0, done.output
    assert "3 skipped (3 already so); 0 requests" in done.output
    assert len(emulator.requests) == requests
    Path("users.csv").write_text(USERS.replace("ann,pro", "ann,free"), encoding="utf-8")
    assert run(*words).exit_code == 0
    assert sent(emulator)[3:] == [("ann", {"$set": {"plan": "free"}})]


def test_nothing_is_read_and_nothing_is_warned_of(emulator: mpd.Emulator) -> None:
    done = run("run", "jobs/users.toml", "--quiet")
    assert (done.exit_code, done.output) == (0, "")
    assert {request.path for request in emulator.requests} == {"/engage"}


def test_a_job_mirrors_a_table_within_its_guards(emulator: mpd.Emulator) -> None:
    job = "mirror = true\nat-most-share = 0.5\nat-most-emptied = 3\n" + JOB
    Path("jobs/users.toml").write_text(job, encoding="utf-8")
    assert run("run", "jobs/users.toml").exit_code == 0
    requests = len(emulator.requests)
    Path("users.csv").write_text("uid,plan,credits\n", encoding="utf-8")
    done = run("run", "jobs/users.toml")
    assert done.exit_code == 4
    assert "changes 3 of 3 profiles, more than --at-most-share 0.5" in " ".join(done.stderr.split())
    assert "empties 6 values, more than --at-most-emptied 3" in " ".join(done.stderr.split())
    assert len(emulator.requests) == requests
    Path("users.csv").write_text("uid,plan,credits\nann,pro,4\nbob,,1\n", encoding="utf-8")
    done = run("run", "jobs/users.toml", "--at-most-share", "0.7")
    assert done.exit_code == 0, done.output
    assert emulator.profile("ann") == {"plan": "pro", "credits": 4}
    assert emulator.profile("bob") == {"credits": 1}
    assert not emulator.profile("cem")


def test_a_mirror_leaves_no_malformed_record_out(emulator: mpd.Emulator) -> None:
    assert run(*SET, "--mirror").exit_code == 0
    Path("users.csv").write_text(USERS.replace("cem,free,2", "cem,free"), encoding="utf-8")
    done = run(*SET, "--mirror", "--invalid", "drop_row")
    assert done.exit_code == 2
    assert "--mirror would remove the values of the profiles of 1 malformed record" in " ".join(
        done.stderr.split()
    )
    assert len(sent(emulator)) == 3


def test_a_mirror_of_two_steps_keeps_account_of_the_table(emulator: mpd.Emulator) -> None:
    assert run(*SET, "--mirror").exit_code == 0
    Path("users.csv").write_text("uid,plan,credits\nann,pro,5\nbob,pro,1\n", encoding="utf-8")
    emulator.fail("refuse", record=lambda record: record["$distinct_id"] == "bob")
    done = run(*SET, "--mirror", "--failures", "failures.csv", "--summary", "summary.parquet")
    assert done.exit_code == 1, done.output
    failures = pd.read_csv("failures.csv")
    assert failures[["uid", "plan"]].to_numpy().tolist() == [["bob", "pro"]]
    assert pd.read_parquet("summary.parquet").groupby("step")["accepted"].sum().tolist() == [1, 1]
    assert not emulator.profile("cem")
    assert run(*SET, "--mirror").exit_code == 0
    assert emulator.profile("bob") == {"plan": "pro", "credits": 1}


def test_only_profiles_that_are_known(emulator: mpd.Emulator) -> None:
    assert run(*SET).exit_code == 0
    Path("users.csv").write_text("uid,plan,credits\nann,free,4\nnew,pro,1\n", encoding="utf-8")
    assert run(*SET, "--only", "existing").exit_code == 0
    assert sent(emulator)[3:] == [("ann", {"$set": {"plan": "free"}})]


def test_a_backup_is_written_if_it_is_named(emulator: mpd.Emulator) -> None:
    pd.DataFrame({"uid": ["ann"], "plan": ["old"]}).mixpanel.set("uid")
    done = run(*SET, "--backup", "backup.parquet")
    assert done.exit_code == 2
    assert "pass --project FILE with username, secret, project_id" in " ".join(done.stderr.split())
    assert len(sent(emulator)) == 1
    mpd.set_project(emulator.project)
    done = run(*SET, "--backup", "backup.parquet")
    assert done.exit_code == 0, done.output
    assert emulator.profile("ann") == {"plan": "pro", "credits": 4}
    assert emulator.profile("bob") == {"plan": "free", "credits": 1}
    assert run("undo", "backup.parquet", "--to", "undo.parquet").exit_code == 0
    assert run("apply", "undo.parquet", "--no-backup").exit_code == 0
    assert not emulator.profile("bob")
    assert emulator.profile("ann") == {"plan": "old"}


@pytest.mark.parametrize("stop", ["rejected", "no service"])
def test_what_was_not_accepted_is_sent_again(emulator: mpd.Emulator, stop: str) -> None:
    if stop == "rejected":
        emulator.fail("refuse", record=lambda record: record["$distinct_id"] == "bob")
    else:
        emulator.fail("status", status=401, times=1)
    assert run(*SET).exit_code in {1, 3}
    emulator.heal()
    before = len(sent(emulator))
    assert run(*SET).exit_code == 0
    assert [one for one, _ in sent(emulator)[before:]] == (
        ["bob"] if stop == "rejected" else ["ann", "bob", "cem"]
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(["set", "--only", "new"], "--only needs --since as well", id="only"),
        pytest.param(["set", "--mirror"], "--mirror needs --since as well", id="mirror"),
        pytest.param(["set", "--backup", "b.parquet"], "--backup needs --since as well", id="backup"),
        pytest.param(["set", "--at-most", "1"], "--at-most needs --since as well", id="a guard"),
        pytest.param(["set", "--since", "s.parquet", "--journal", "j", "--run", "a"], "--run has no meaning with --since", id="a run"),
        pytest.param(["set", "--since", "s.parquet", "--summary", "s.parquet"], "is another file that this command reads or writes", id="the file itself"),
        pytest.param(["update", "--property", "credits=add", "--since", "s.parquet"], "--since compares with the values that were last accepted, which has no meaning for update", id="a verb"),
        pytest.param(["set", "--since", "users.csv"], "'users.csv' is not a snapshot", id="no snapshot"),
        pytest.param(["set", "--since", "s.parquet", "--at-most-share", "2"], "--at-most-share 2.0 must be a number from 0 to 1", id="a share"),
    ],
)  # fmt: skip
def test_mistakes(emulator: mpd.Emulator, words: list[str], message: str) -> None:
    done = run(words[0], "users.csv", "--id", "uid", *words[1:])
    assert done.exit_code == 2, done.output
    assert message in " ".join(done.stderr.split())
    assert not emulator.requests


def test_a_job_is_saved_and_planned(emulator: mpd.Emulator) -> None:
    mpd.set_project(emulator.project)
    words = (
        "--mirror",
        "--only",
        "existing",
        "--at-most",
        "9",
        "--at-most-share",
        "0.5",
        "--backup",
        "b.parquet",
    )
    done = run(*SET, *words, "--save-job", "jobs/saved.toml")
    assert done.exit_code == 0, done.output
    job = tomllib.loads(Path("jobs/saved.toml").read_text(encoding="utf-8"))
    keys = ("since", "mirror", "only", "at-most", "at-most-share", "backup")
    assert [job[key] for key in keys] == [
        "../users.parquet",
        True,
        "existing",
        9,
        0.5,
        "../b.parquet",
    ]
    done = run("plan", "--job", "jobs/users.toml", "--to", "plan.parquet")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("3 new profiles, ")
    assert not sent(emulator)
    assert run("apply", "plan.parquet").exit_code == 0
    assert run("run", "jobs/users.toml").exit_code == 0
    assert len(sent(emulator)) == 3


def test_a_dry_run_learns_nothing(emulator: mpd.Emulator) -> None:
    assert run(*SET, "--dry-run").exit_code == 0
    assert not Path("users.parquet").exists()
    assert not sent(emulator)

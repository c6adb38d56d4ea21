"""Commands as a scheduler runs them: whole processes, with their exit status and what they leave on stderr."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import termios
import time
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from mixpanel_pandas import errors
from mixpanel_pandas.cli import main
from mixpanel_pandas.cli.exit_status import status_of_error
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import mixpanel_pandas as mpd

COMMAND = [sys.executable, "-m", "mixpanel_pandas"]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and terminals of POSIX")


@pytest.fixture(autouse=True)
def _table(tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text("uid,plan,credits\n007,pro,1\n8,free,2\n", encoding="utf-8")
    (tmp_path / "text.csv").write_text("uid,plan,credits\n007,pro,many\n8,free,2\n", encoding="utf-8")
    (tmp_path / "many.csv").write_text(
        "uid,n\n" + "".join(f"user-{n},1\n" for n in range(400)), encoding="utf-8"
    )


@pytest.fixture
def start(tmp_path: Path, emulator: mpd.Emulator) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a command in a folder with tables, in an environment that names the emulator."""
    environment = {**os.environ, **environment_of(emulator)}
    with contextlib.ExitStack() as stack:

        def start(*words: str, **more: Any) -> subprocess.Popen[str]:
            pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
            environment_of_call = {**environment, **more.pop("env", {})}
            options = {"cwd": tmp_path, "env": environment_of_call, "text": True, **pipes, **more}
            process = subprocess.Popen([*COMMAND, *words], **options)
            stack.enter_context(process)  # it closes the pipes
            stack.callback(process.kill)
            return process

        yield start


@pytest.fixture
def run(start: Callable[..., subprocess.Popen[str]]) -> Callable[..., tuple[int, str, str]]:
    """Run a command to its end, and return its status, stdout and stderr."""

    def run(*words: str, **more: Any) -> tuple[int, str, str]:
        process = start(*words, **more)
        out, err = process.communicate(timeout=PATIENCE)
        return process.returncode, out, err

    return run


def environment_of(emulator: mpd.Emulator) -> dict[str, str]:
    """Return the variables that name an emulator."""
    username, secret = emulator.service_account
    return {
        "MIXPANEL_TOKEN": str(emulator.token),
        "MIXPANEL_URL": emulator.url,
        "MIXPANEL_USERNAME": username,
        "MIXPANEL_SECRET": secret,
        "MIXPANEL_PROJECT_ID": str(emulator.project_id),
    }


def refuse_one(emulator: mpd.Emulator) -> None:
    emulator.fail("refuse", record=lambda record: record["$distinct_id"] == "8")


SET, ADD = ["set", "users.csv", "--id", "uid"], ["add", "users.csv", "--id", "uid", "--property", "credits"]

#: What happens -> what is typed, what the emulator does, and the status. The table in docs/command-line.md says the same.
STATUS: dict[str, tuple[list[str], Callable[[mpd.Emulator], object], int]] = {
    "all rows are accepted": (SET, lambda _emulator: None, 0),
    "a dry run": ([*SET, "--dry-run"], lambda _emulator: None, 0),
    "a row is refused by checks": (["add", "text.csv", "--id", "uid", "--parse", "credits=number"], lambda _emulator: None, 1),
    "a row is left out": (["set", "text.csv", "--id", "uid", "--parse", "credits=number", "--invalid", "drop_row"], lambda _emulator: None, 1),
    "a row is refused by Mixpanel": (SET, refuse_one, 1),
    "a row is unknown": (ADD, lambda emulator: emulator.fail("status", status=500), 1),
    "the option does not exist": ([*SET, "--paln"], lambda _emulator: None, 2),
    "the table does not exist": (["set", "none.csv", "--id", "uid"], lambda _emulator: None, 2),
    "the column does not exist": (["set", "users.csv", "--id", "id"], lambda _emulator: None, 2),
    "the token is malformed": ([*SET, "--token", "x"], lambda _emulator: None, 2),
    "the token is denied": (SET, lambda emulator: emulator.fail("status", status=401, times=None), 3),
    "access is forbidden": (ADD, lambda emulator: emulator.fail("status", status=403, times=None), 3),
    "the service fails": (SET, lambda emulator: emulator.fail("status", status=503, times=None), 3),
    "the service fails, and rows are in doubt": (
        ADD,
        lambda emulator: emulator.fail("status", status=503, times=None),
        1,
    ),
    "the service takes too long": (
        [*SET, "--deadline", "0.001"],
        lambda emulator: emulator.fail("delay", seconds=0.01, times=None),
        3,
    ),
    "rows are left out, and nobody is there": (
        ["set", "text.csv", "--id", "uid", "--parse", "credits=number", "--invalid", "drop_row"],
        lambda emulator: emulator.close(),
        3,
    ),
    "a property is new": ([*SET, "--known", "true", "--new-properties", "raise"], lambda _emulator: None, 1),
    "a guard refuses what differs": ([*SET, "--since", "s.parquet", "--at-most", "1"], lambda _emulator: None, 4),
    "nobody is there": (SET, lambda emulator: emulator.close(), 3),
}  # fmt: skip


@pytest.fixture
def prepared(request: pytest.FixtureRequest, emulator: mpd.Emulator, tmp_path: Path) -> tuple[list[str], int]:
    """What is typed, and the status that is expected."""
    words, prepare, status = STATUS[request.param]
    prepare(emulator)
    (tmp_path / "project.toml").write_text("backoff = 0.001\nretries = 1\n", encoding="utf-8")
    return [*words, "--project", "project.toml"], status


@pytest.mark.parametrize(
    ("error", "status"),
    [
        pytest.param(errors.PageFailed("no answer"), 3, id="Mixpanel does not answer"),
        pytest.param(
            errors.BudgetSpent("try later", None, 60.0), 3, id="the queries of the hour are used up"
        ),
        pytest.param(errors.GuardError("too many"), 4, id="a plan would do too much"),
        pytest.param(errors.DriftError("changed", None), 4, id="profiles have changed"),
        pytest.param(errors.DamagedFile("no plan"), 2, id="a file is no plan"),
        pytest.param(errors.BackupError("no backup"), 2, id="there can be no backup"),
        pytest.param(errors.AccountError("no account"), 2, id="there is no service account"),
    ],
)
def test_the_exit_status_if_mixpanel_does_not_tell_what_it_has(error: Exception, status: int) -> None:
    assert status_of_error(error) == status


@pytest.mark.slow
@pytest.mark.parametrize("prepared", STATUS, indirect=True)
def test_the_exit_status(prepared: tuple[list[str], int], run: Callable[..., tuple[int, str, str]]) -> None:
    status, _out, err = run(*prepared[0])
    assert status == prepared[1], err
    assert "Traceback" not in err


@pytest.mark.parametrize("prepared", STATUS, indirect=True)
def test_the_exit_status_in_this_process(
    prepared: tuple[list[str], int], emulator: mpd.Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    environment = environment_of(emulator)
    done = CliRunner().invoke(main, prepared[0], env=environment)
    assert done.exit_code == prepared[1], done.output


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "typed"),
    [
        pytest.param(["-", "--format", "csv"], "uid,plan,credits\n007,pro,1\n8,free,2\n", id="standard input"),
        pytest.param(["-", "--format", "jsonl"], '{"uid":"007","plan":"pro","credits":1}\n{"uid":"8","plan":"free"}\n', id="JSON Lines"),
        pytest.param(["folder"], None, id="folder"),
        pytest.param(["folder/*.csv"], None, id="pattern"),
        pytest.param(["folder/a.csv", "folder/b.csv"], None, id="several files"),
        pytest.param(["semicolons.csv", "--delimiter", "semicolon", "--decimal", ",", "--encoding", "cp1252"], None, id="dialect"),
        pytest.param(["headless.csv", "--no-header", "--names", "uid,plan,credits"], None, id="names"),
        pytest.param(["headless.csv", "--no-header", "--id", "column_1", "--rename", "column_2=plan"], None, id="no names"),
    ],
)  # fmt: skip
def test_sources(
    emulator: mpd.Emulator,
    start: Callable[..., subprocess.Popen[str]],
    tmp_path: Path,
    words: list[str],
    typed: str | None,
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.csv").write_text("uid,plan\n007,pro\n", encoding="utf-8")
    (tmp_path / "folder" / "b.csv").write_text("uid,plan\n8,free\n", encoding="utf-8")
    (tmp_path / "semicolons.csv").write_text(
        "uid;plan;credits\n007;pro;1,5\n8;fr\u00e9;2,5\n", encoding="cp1252"
    )
    (tmp_path / "headless.csv").write_text("007,pro,1\n8,free,2\n", encoding="utf-8")
    process = start("set", "--id", "uid", *words)
    out, err = process.communicate(typed, timeout=PATIENCE)
    assert process.returncode == 0, err + out
    assert emulator.profile("007")["plan"] == "pro"
    assert len(emulator.profiles()) == 2


@pytest.mark.slow
def test_malformed_records(
    emulator: mpd.Emulator, run: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    (tmp_path / "bad.csv").write_text("uid,plan\n007,pro\n8\n", encoding="utf-8")
    status, _out, err = run("set", "bad.csv", "--id", "uid")
    assert status == 1
    assert "--invalid drop_row leaves them out" in err
    assert not emulator.requests
    status, out, err = run("set", "bad.csv", "--id", "uid", "--invalid", "drop_row")
    assert status == 1
    assert "malformed record" in out
    assert len(emulator.profiles()) == 1


LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (INFO|WARNING|ERROR) +\S")


def test_the_log_in_text(run: Callable[..., tuple[int, str, str]]) -> None:
    _status, out, err = run(*SET)
    assert "2 rows, 2 updates" in out
    assert [line for line in err.splitlines() if not LINE.match(line)] == []
    assert "read 2 rows of 3 columns" in err
    assert "set: 2 accepted; 1 request" in err
    assert "ended with status 0" in err


def test_the_log_in_json(emulator: mpd.Emulator, run: Callable[..., tuple[int, str, str]]) -> None:
    refuse_one(emulator)
    status, _out, err = run(*SET, "--log-format", "json")
    lines = [json.loads(line) for line in err.splitlines()]
    assert all({"time", "level", "event", "message"} <= set(line) for line in lines)
    by_event = {line["event"]: line for line in lines}
    assert list(by_event) == ["started", "inferred", "read", "uploaded", "ended"]
    assert (by_event["read"]["rows"], by_event["read"]["columns"]) == (2, 3)
    assert (
        by_event["uploaded"]["accepted"],
        by_event["uploaded"]["rejected"],
        by_event["uploaded"]["requests"],
    ) == (1, 1, 1)
    assert by_event["ended"]["status"] == status == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", [["set", "none.csv", "--id", "uid"], ["set", "--paln"], ["set"], ["run", "none.toml"]], ids=str
)
def test_errors_in_json(run: Callable[..., tuple[int, str, str]], words: list[str]) -> None:
    if words[0] == "run":
        words = ["run", "none.toml", "--log-format=json"]
    status, out, err = run(*words, *([] if words[0] == "run" else ["--log-format", "json"]))
    errors = [line for line in map(json.loads, err.splitlines()) if line["level"] == "error"]
    assert (status, out) == (2, "")
    assert [line["status"] for line in errors] == [2]


@pytest.mark.slow
def test_quiet_prints_nothing(run: Callable[..., tuple[int, str, str]]) -> None:
    assert run(*SET, "--quiet") == (0, "", "")
    status, out, err = run("set", "none.csv", "--id", "uid", "--quiet")
    assert (status, out) == (2, "")
    assert [line.split()[1] for line in err.splitlines()] == ["ERROR"]


@pytest.mark.slow
def test_failures_to_standard_output(
    emulator: mpd.Emulator, run: Callable[..., tuple[int, str, str]]
) -> None:
    refuse_one(emulator)
    status, out, err = run(*SET, "--failures", "-")
    assert status == 1
    (row,) = [json.loads(line) for line in out.splitlines()]
    assert row.items() >= {"uid": "8", "plan": "free", "credits": 2, "mixpanel_outcome": "rejected"}.items()
    assert "✓ accepted" in err


@pytest.mark.slow
def test_the_token_is_no_argument_without_a_warning(
    emulator: mpd.Emulator, run: Callable[..., tuple[int, str, str]]
) -> None:
    status, out, err = run(*SET, "--token", str(emulator.token), env={"MIXPANEL_TOKEN": ""})
    assert status == 0
    assert "WARNING everybody on this machine can see a token on the command line" in err
    assert emulator.token not in out + err


@pytest.mark.slow
def test_a_project_from_a_file(
    emulator: mpd.Emulator, run: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    (tmp_path / "project.toml").write_text(
        f'token = "{emulator.token}"\nurl = "{emulator.url}"\n', encoding="utf-8"
    )
    nothing = {"MIXPANEL_TOKEN": "", "MIXPANEL_URL": ""}
    assert run(*SET, "--project", "project.toml", env=nothing)[0] == 0
    assert len(emulator.profiles()) == 2
    (tmp_path / "project.toml").write_text(f'token = "{emulator.token}', encoding="utf-8")
    status, _out, err = run(*SET, "--project", "project.toml", env=nothing)
    assert status == 2
    assert "project.toml cannot be read as a project: it is not TOML" in err
    assert emulator.token not in err


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["delete", "users.csv", "--id", "uid"], id="delete"),
        pytest.param(["unset", "users.csv", "--id", "uid", "--property", "plan"], id="unset"),
        pytest.param(
            ["update", "users.csv", "--id", "uid", "--property", "plan=unset"], id="update with unset"
        ),
    ],
)
def test_without_a_terminal_nothing_is_taken_away_unless_yes(
    emulator: mpd.Emulator, run: Callable[..., tuple[int, str, str]], words: list[str]
) -> None:
    status, _out, err = run(*words)
    assert status == 2
    assert "removes values for good: pass --yes if there is no terminal to ask" in " ".join(err.split())
    assert not emulator.requests
    without_backup = [] if words[0] == "update" else ["--no-backup"]
    assert run(*words, "--yes", *without_backup)[0] == 0
    assert len(emulator.requests) == 1


def answered(
    start: Callable[..., subprocess.Popen[str]],
    answer: Callable[[int, subprocess.Popen[str]], object],
    *words: str,
) -> tuple[int, str]:
    """Run a command in a terminal, answer its question, and return its status and what the terminal showed."""
    near, far = pty.openpty()
    termios.tcsetwinsize(far, (24, 80))
    process = start(*words, stdin=far, stdout=far, stderr=far, env={"TERM": "dumb"})
    os.close(far)
    shown, until = b"", time.monotonic() + PATIENCE
    with contextlib.suppress(OSError):  # the end of a terminal
        while time.monotonic() < until:
            if select.select([near], [], [], 1)[0]:
                shown += os.read(near, 65_536)
            elif (
                b"[y/N]" in shown
            ):  # again each second: Ctrl-C is lost where it comes just before readline waits
                answer(near, process)
    status = process.wait(PATIENCE)
    os.close(near)
    return status, shown.decode()


def typing(text: bytes) -> Callable[[int, subprocess.Popen[str]], object]:
    return lambda terminal, _process: os.write(terminal, text)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "status", "left"),
    [
        pytest.param(typing(b"y\n"), 0, 0, id="yes"),
        pytest.param(typing(b"\n"), 2, 2, id="no"),
        pytest.param(lambda _terminal, process: process.send_signal(signal.SIGINT), 130, 2, id="Ctrl-C"),
    ],
)
def test_a_terminal_asks_before_something_is_taken_away(
    emulator: mpd.Emulator, start: Callable[..., subprocess.Popen[str]], answer: Any, status: int, left: int,
    tmp_path: Path,
) -> None:  # fmt: skip
    import pandas as pd

    pd.read_csv(tmp_path / "users.csv", dtype={"uid": str}).mixpanel.set("uid")
    done, shown = answered(start, answer, "delete", "users.csv", "--id", "uid")
    assert "This will delete the profiles of all ids in users.csv in 127.0.0.1" in " ".join(shown.split())
    assert (done, len(emulator.profiles())) == (status, left)


def test_a_terminal_gets_a_bar_and_no_lines_of_the_log(start: Callable[..., subprocess.Popen[str]]) -> None:
    status, shown = answered(start, typing(b""), *SET)
    assert status == 0
    assert "100%" in shown
    assert not LINE.search(shown)


@pytest.mark.parametrize(
    ("number", "status"),
    [pytest.param(signal.SIGINT, 130, id="Ctrl-C"), pytest.param(signal.SIGTERM, 143, id="SIGTERM")],
)
def test_a_signal_ends_an_upload_with_every_row_accounted_for(
    emulator: mpd.Emulator,
    start: Callable[..., subprocess.Popen[str]],
    tmp_path: Path,
    number: int,
    status: int,
) -> None:
    emulator.fail("delay", seconds=0.05, times=None)
    words = [
        "add",
        "many.csv",
        "--id",
        "uid",
        "--batch-size",
        "10",
        "--workers",
        "1",
        "--failures",
        "failures.csv",
    ]
    process = start(*words, "--log-format", "json")
    while len(emulator.requests) < 3:
        time.sleep(0.01)
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == status
    assert "not_sent" in out
    assert json.loads(err.splitlines()[-1])["status"] == status
    left = (tmp_path / "failures.csv").read_text(encoding="utf-8").splitlines()
    assert len(left) == 1 + 400 - len(emulator.applied)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "status"),
    [pytest.param(signal.SIGINT, 130, id="Ctrl-C"), pytest.param(signal.SIGTERM, 143, id="SIGTERM")],
)
def test_a_signal_ends_the_reading_at_once(
    emulator: mpd.Emulator, start: Callable[..., subprocess.Popen[str]], number: int, status: int
) -> None:
    process = start("set", "-", "--format", "csv", "--id", "uid")
    assert process.stderr is not None
    assert "set -" in process.stderr.readline()
    process.send_signal(number)
    assert process.wait(PATIENCE) == status
    assert "interrupted: nothing was sent" in process.stderr.read()
    assert not emulator.requests


@pytest.mark.slow
def test_sigterm_ends_what_a_shell_started_in_the_background(
    emulator: mpd.Emulator, start: Callable[..., subprocess.Popen[str]]
) -> None:
    """A shell that is not interactive starts `command &` with Ctrl-C ignored."""
    emulator.fail("delay", seconds=0.05, times=None)
    ignored = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = start("add", "many.csv", "--id", "uid", "--batch-size", "10", "--workers", "1")
    finally:
        signal.signal(signal.SIGINT, ignored)
    while len(emulator.requests) < 3:
        time.sleep(0.01)
    process.terminate()
    out, _err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 143
    assert "not_sent" in out


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_the_emulator_stays_until_it_is_stopped(
    start: Callable[..., subprocess.Popen[str]], run: Callable[..., tuple[int, str, str]], number: int
) -> None:
    process = start("emulator")
    assert process.stdout is not None
    first, *more = (process.stdout.readline() for _ in range(4))
    assert re.match(r"A Mixpanel on this machine: http://127\.0\.0\.1:\d+\. Ctrl-C ends it\.", first)
    environment = dict(re.findall(r"(MIXPANEL_\w+)=(\S+)", "".join(more)))
    status, _out, err = run(*SET, "--known", "true", env=environment)  # which also asks a query
    assert status == 0, err
    process.send_signal(number)
    out, _err = process.communicate(timeout=PATIENCE)
    assert "users: 2" in out
    assert process.returncode == (0 if number == signal.SIGINT else 143)


@pytest.mark.slow
def test_two_processes_agree_on_a_port(
    start: Callable[..., subprocess.Popen[str]], run: Callable[..., tuple[int, str, str]]
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    process = start("emulator", "--port", port)
    assert process.stdout is not None
    assert f" http://127.0.0.1:{port}." in process.stdout.readline()
    assert run(*SET, env={"MIXPANEL_URL": f"http://127.0.0.1:{port}"})[0] == 0
    status, _out, err = run("emulator", "--port", port)
    assert status == 2
    assert f"cannot listen on port {port} of 127.0.0.1: " in err


@pytest.mark.slow
def test_a_reader_that_stops_reading_is_no_traceback(start: Callable[..., subprocess.Popen[str]]) -> None:
    process = start("payloads", "set", "many.csv", "--id", "uid", "--first", "400")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()


@pytest.mark.slow
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(run: Callable[..., tuple[int, str, str]], shell: str) -> None:
    status, out, _err = run("completion", shell)
    assert status == 0
    assert "_MIXPANEL_PANDAS_COMPLETE" in out
    words = {"bash": {"COMP_WORDS": "mixpanel-pandas set --par", "COMP_CWORD": "2"},
             "zsh": {"COMP_WORDS": "mixpanel-pandas set --par", "COMP_CWORD": "2"},
             "fish": {"COMP_WORDS": "mixpanel-pandas set --par", "COMP_CWORD": "--par"}}[shell]  # fmt: skip
    code = "from mixpanel_pandas.cli import main; main(prog_name='mixpanel-pandas')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **words, "_MIXPANEL_PANDAS_COMPLETE": f"{shell}_complete"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "--parse" in done.stdout

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result

import mixpanel_pandas as mpd
from mixpanel_pandas.cli import main
from mixpanel_pandas.cli.exit_status import Termination
from mixpanel_pandas.cli.options import ONLY_IN_PYTHON
from mixpanel_pandas.rules.operators import OPERATORS
from mixpanel_pandas.rules.options import ALL_OPTIONS
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable

CUSTOMERS = str(Path(__file__).parents[2] / "notebooks" / "data" / "customers.csv")


@pytest.fixture
def table(tmp_path: Path) -> str:
    path = tmp_path / "users.csv"
    path.write_text("uid,plan,credits,tags\n007,pro,1,a;b\n8,,2,c\n", encoding="utf-8")
    return str(path)


def run(*arguments: str, environment: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(main, [*arguments], env=environment)


def test_the_readme_command() -> None:
    done = run("set", CUSTOMERS, "--id", "customer_id", "--emulator")
    assert done.exit_code == 0
    assert done.stdout.startswith(
        "59 rows, 59 updates\noutcome     status_code  rows  updates\n✓ accepted          200    59       59\n\nset: 59 accepted; "
    )
    assert "Profiles as Mixpanel now holds them (3 of 59)" in done.stdout
    assert "São José dos Campos" in done.stdout
    assert "5 hints (lookalike); `mixpanel-pandas validate set` shows them\n" in done.stderr
    assert max(map(len, done.stdout.splitlines())) < 100


def test_a_project_from_the_environment(emulator: mpd.Emulator, table: str) -> None:
    mpd.set_project(None)
    environment = {"MIXPANEL_TOKEN": emulator.token, "MIXPANEL_URL": emulator.url}
    done = run("set", table, "--id", "uid", environment=environment)
    assert done.exit_code == 0, done.output
    assert emulator.profiles()["plan"].to_dict() == {
        "007": "pro",
        "8": pytest.approx(float("nan"), nan_ok=True),
    }
    assert emulator.token not in done.output


@pytest.mark.parametrize(
    ("arguments", "profile"),
    [
        pytest.param(["set"], {"plan": "pro", "credits": 1, "tags": "a;b"}, id="set"),
        pytest.param(["set", "--property", "plan"], {"plan": "pro"}, id="one property"),
        pytest.param(
            ["set", "--property", "plan", "--rename", "plan=Plan", "--updated-at", "keep"],
            {"Plan": "pro"},
            id="rename",
        ),
        pytest.param(["union", "--property", "tags", "--parse", "tags=;"], {"tags": ["a", "b"]}, id="parse"),
        pytest.param(["set", "--na", "common", "--na", "pro"], {"credits": 1, "tags": "a;b"}, id="na"),
        pytest.param(["set", "--property", "plan", "--trim"], {"plan": "pro"}, id="trim"),
        pytest.param(
            ["set", "--property", "tags", "--parse", "tags=list:semicolon"],
            {"tags": ["a", "b"]},
            id="a reading",
        ),
        pytest.param(["add", "--property", "credits", "--batch-size", "1"], {"credits": 1}, id="batch size"),
        pytest.param(
            ["update", "--property", "plan=set", "--property", "credits=add"],
            {"plan": "pro", "credits": 1},
            id="update",
        ),
        pytest.param(["unset", "--property", "fax", "--yes"], {}, id="unset"),
        pytest.param(
            ["set", "--property", "plan", "--latitude", "52.5", "--longitude", "-13"],
            {"plan": "pro"}
            | {"$city": "Nowhere", "$region": "Nowhere", "$country_code": "ZZ", "$timezone": "UTC"}
            | {"$geo_source": "reverse_geocoding"},
            id="one location",
        ),
        pytest.param(
            ["set", "--property", "uid", "--property", "plan"],
            {"uid": "007", "plan": "pro"},
            id="the ids, too",
        ),
        pytest.param(
            ["set", "--property", "plan", "--updated-at", "1600000000"],
            {"plan": "pro", "$last_seen": "2020-09-13T12:26:40"},
            id="seconds since 1970",
        ),
        pytest.param(
            ["set", "--property", "plan", "--updated-at", "2020-09-13"],
            {"plan": "pro", "$last_seen": "2020-09-13T00:00:00"},
            id="a date",
        ),
        pytest.param(
            ["set", "--property", "plan", "--deadline", "30", "--requests-per-hour", "400"],
            {"plan": "pro"},
            id="pace",
        ),
        pytest.param(["delete", "--at-most", "2", "--yes"], None, id="delete"),
        pytest.param(["set", "--property", "plan", "--dry-run"], None, id="dry run"),
    ],
)
def test_verbs_and_options(emulator: mpd.Emulator, table: str, arguments: list[str], profile: Any) -> None:
    verb, *options = arguments
    done = run(verb, table, "--id", "uid", *options)
    assert done.exit_code == 0, done.output
    assert emulator.profile("007") == profile


def test_objects_are_spread_with_a_prefix(emulator: mpd.Emulator, tmp_path: Path) -> None:
    path = tmp_path / "objects.csv"
    path.write_text('uid,address,more\na,"{""city"": ""Ulm""}","{""n"": 1}"\n')
    done = run("set", str(path), "--id", "uid", "--spread", "address=address_", "--spread", "more")
    assert done.exit_code == 0, done.output
    assert emulator.profile("a") == {"address_city": "Ulm", "n": 1}


def test_groups(emulator: mpd.Emulator, table: str) -> None:
    assert run("set", table, "--id", "uid", "--group", "company", "--property", "plan").exit_code == 0
    assert emulator.profile("007", "company") == {"plan": "pro"}


def test_every_verb_and_option_is_there() -> None:
    assert {name for names in main.headings.values() for name in names} == set(main.commands)
    assert {*OPERATORS, "update"} <= set(main.commands)
    shown = {parameter.name for command in main.commands.values() for parameter in command.params}
    assert set(ALL_OPTIONS) - shown == ONLY_IN_PYTHON - {"project"}


@pytest.mark.parametrize("words", [[], ["validate"], ["payloads"]], ids=str)
def test_a_command_without_its_words_shows_the_help_once(words: list[str]) -> None:
    done = run(*words)
    assert done.exit_code == 2
    assert done.stderr.startswith("Usage: ")
    assert done.stderr.count("Usage: ") == 1
    assert "Error" not in done.stderr


def test_the_help_of_looking_names_the_verbs() -> None:
    assert "Show what is wrong with a table for add. Send nothing." in run("validate", "--help").output
    assert "Show what set_once would send. Send nothing." in run("payloads", "--help").output


def test_the_summary_on_standard_output_and_no_profiles_where_there_are_none(table: str) -> None:
    done = run("set", table, "--id", "uid", "--emulator", "--dry-run", "--summary", "-")
    assert done.exit_code == 0, done.output
    assert "Profiles" not in done.output
    assert "wrote the summary, 1 row, to standard output" in done.stderr


@pytest.mark.parametrize("more", [[], ["--log-format", "json"]], ids=str)
def test_a_quiet_command_says_why_it_fails(tmp_path: Path, more: list[str]) -> None:
    path = tmp_path / "users.csv"
    path.write_text("uid,plan\na,pro\n,free\n", encoding="utf-8")
    done = run("set", str(path), "--id", "uid", "--emulator", "--invalid", "drop_row", "--quiet", *more)
    assert done.exit_code == 1
    assert not done.stdout
    assert done.stderr.count("set: 1 accepted, 1 invalid (1 missing id)") == 1
    path.write_text("uid,plan\na,pro\n", encoding="utf-8")
    assert not run("set", str(path), "--id", "uid", "--emulator", "--quiet", *more).output


def test_files_of_what_became_of_the_rows(emulator: mpd.Emulator, table: str, tmp_path: Path) -> None:
    emulator.fail("refuse", record=lambda record: record["$distinct_id"] == "8")
    done = run(
        "set", table, "--id", "uid",
        "--summary", str(tmp_path / "summary.parquet"), "--failures", str(tmp_path / "failures.csv"),
    )  # fmt: skip
    assert done.exit_code == 1
    failures = pd.read_csv(tmp_path / "failures.csv", dtype=str, keep_default_na=False)
    assert failures.loc[0].to_list()[:4] == ["8", "", "2", "c"]
    assert failures.loc[0, "mixpanel_outcome"] == "rejected"
    assert pd.read_parquet(tmp_path / "summary.parquet")["rejected"].sum() == 1


def test_a_run_goes_on_and_its_journal_tells(emulator: mpd.Emulator, table: str, tmp_path: Path) -> None:
    journal, outcomes = str(tmp_path / "mp.sqlite"), str(tmp_path / "outcomes.csv")
    call = ("set", table, "--id", "uid", "--journal", journal, "--run", "monday")
    for _call in range(2):
        assert run(*call).exit_code == 0
    assert len(emulator.requests) == 1
    told = run("journal", journal, "--outcomes", outcomes)
    assert told.exit_code == 0
    assert "accepted" in told.output
    assert set(pd.read_csv(outcomes)["outcome"]) == {"accepted"}
    assert "there is no run 'sunday'" in run("journal", journal, "--run", "sunday").output


def test_the_inventory(table: str, tmp_path: Path) -> None:
    done = run("inventory", table, "--output", str(tmp_path / "found.csv"))
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("4 properties of 2 rows\ncolumn   type")
    assert pd.read_csv(tmp_path / "found.csv")["column"].tolist() == ["uid", "plan", "credits", "tags"]


def test_the_report(table: str) -> None:
    done = run("validate", "add", table, "--id", "uid")
    assert done.exit_code == 1
    assert done.stdout.startswith("2 errors, 0 warnings, 0 hints in 2 rows x 3 properties\n")
    assert "$add takes numbers" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        pytest.param(["set", "FILE"], 2, "which column holds the ids? Name it with --id;", id="no id"),
        pytest.param(
            ["set", "FILE", "--id", "ui"],
            2,
            "--id ui is not in users.csv: did you mean 'uid'?",
            id="bad id",
        ),
        pytest.param(
            ["set", "none.csv", "--id", "uid"], 2, "cannot read none.csv: No such file", id="no file"
        ),
        pytest.param(
            ["set", "FILE", "--id", "uid", "--missing", "nul"], 2, "'nul' is not one of 'skip'", id="choice"
        ),
        pytest.param(["sett", "FILE"], 2, "No such command 'sett'", id="verb"),
        pytest.param(["validate", "sett", "FILE"], 2, "No such command 'sett'", id="verb to look at"),
        pytest.param(
            ["validate", "FILE"], 2, "name the verb before the table, as in main validate set ", id="no verb"
        ),
        pytest.param(["completion"], 2, "Choose from:\n\tbash,\n", id="no shell"),
        pytest.param(
            ["update", "FILE", "--id", "uid", "--property", "plan"],
            2,
            "write it as COLUMN=VERB",
            id="no verb of a column",
        ),
        pytest.param(["add", "FILE", "--id", "uid"], 1, "$add takes numbers", id="text to add"),
    ],
)
def test_mistakes(
    emulator: mpd.Emulator, table: str, arguments: list[str], status: int, message: str
) -> None:
    done = run(*[table if argument == "FILE" else argument for argument in arguments])
    assert done.exit_code == status
    assert message in done.stderr
    assert "Traceback" not in done.output
    assert not emulator.requests


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        pytest.param(["--emulator"], "127.0.0.1", id="the emulator"),
        pytest.param(["--region", "eu"], "eu", id="a region"),
    ],
)
def test_what_the_command_names_is_written_to_whatever_is_set(
    table: str, monkeypatch: pytest.MonkeyPatch, arguments: list[str], place: str
) -> None:
    written: list[str] = []

    def keep(frame: Any, operation: Any, code: str) -> Any:
        written.append(operation.options.project.place)
        msg = "nothing is sent"
        raise mpd.OperationError(msg)

    monkeypatch.setattr("mixpanel_pandas.pipeline.upload.send", keep)
    with mpd.set_project(mpd.Project("f" * 32, "in")):
        run("set", table, "--id", "uid", *arguments, environment={"MIXPANEL_TOKEN": "e" * 32})
    assert written[0].split(":")[0] == place


def test_nobody_there(table: str) -> None:
    emulator = mpd.Emulator().start()
    emulator.close()
    with mpd.set_project(mpd.Project(emulator.token, url=emulator.url, backoff=0)):
        done = run("set", table, "--id", "uid")
    assert done.exit_code == 3
    assert "ERROR   127.0.0.1" in done.stderr
    assert "not_sent" in done.stdout


def test_a_group_without_a_name_is_refused(emulator: mpd.Emulator, table: str) -> None:
    done = run("set", table, "--id", "uid", "--group", "")
    assert done.exit_code == 2
    assert "group takes the name of a group key" in done.stderr
    assert not emulator.requests


def test_a_path_that_cannot_be_written_stops_the_command_first(emulator: mpd.Emulator, table: str) -> None:
    done = run("set", table, "--id", "uid", "--failures", "/nowhere/failures.csv")
    assert done.exit_code == 2
    assert "'/nowhere' is not a folder that can be written to" in done.stderr
    assert not emulator.requests


#: How the file that is read is named another way -> the name, given its path and a folder.
OTHER_NAMES: dict[str, Callable[[Path, Path], str]] = {
    "the same": lambda path, _folder: str(path),
    "a relative path": lambda path, _folder: os.path.relpath(path),
    "a way around": lambda path, _folder: f"{path.parent}/../{path.parent.name}/./{path.name}",
    "a symlink": lambda path, folder: linked(folder / "soft.csv", os.symlink, path),
    "a symlink to a symlink": lambda path, folder: linked(
        folder / "softer.csv", os.symlink, Path(linked(folder / "soft.csv", os.symlink, path))
    ),
    "a symlink of the folder": lambda path, folder: (
        f"{linked(folder / 'there', os.symlink, path.parent)}/{path.name}"
    ),
    "a hard link": lambda path, folder: linked(folder / "hard.csv", os.link, path),
}


def linked(name: Path, link: Callable[[Path, Path], None], path: Path) -> str:
    link(path, name)
    return str(name)


@pytest.mark.parametrize("option", ["--failures", "--summary"])
@pytest.mark.parametrize("name", OTHER_NAMES)
def test_the_input_is_never_written_over(
    emulator: mpd.Emulator, table: str, tmp_path: Path, name: str, option: str
) -> None:
    before = Path(table).read_text(encoding="utf-8")
    folder = tmp_path / "links"
    folder.mkdir()
    done = run("set", table, "--id", "uid", option, OTHER_NAMES[name](Path(table), folder))
    assert done.exit_code == 2
    assert f"{option} '" in done.stderr
    assert "this command reads or writes: choose another" in done.stderr
    assert not emulator.requests
    assert Path(table).read_text(encoding="utf-8") == before


def test_the_input_in_another_case_is_the_input(emulator: mpd.Emulator, table: str, tmp_path: Path) -> None:
    """Where a file system knows no case, both names lead to one file; here a link stands for that."""
    other = tmp_path / "USERS.CSV"
    if not other.exists():
        other.hardlink_to(table)
    assert run("set", table, "--id", "uid", "--failures", str(other)).exit_code == 2
    assert not emulator.requests


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["set", "FILE", "--id", "uid", "--failures", "NEW", "--summary", "NEW"], id="two to one"),
        pytest.param(["set", "FILE", "--id", "uid", "--journal", "NEW", "--failures", "NEW"], id="a new journal"),
        pytest.param(["set", "FILE", "--id", "uid", "--journal", "JOURNAL", "--summary", "JOURNAL"], id="a journal"),
        pytest.param(["journal", "JOURNAL", "--outcomes", "JOURNAL"], id="outcomes over their journal"),
        pytest.param(["inventory", "FILE", "--output", "FILE"], id="an inventory"),
    ],
)  # fmt: skip
def test_no_file_is_written_over_another_of_the_command(
    emulator: mpd.Emulator, table: str, tmp_path: Path, arguments: list[str]
) -> None:
    journal = tmp_path / "mp.sqlite"
    pd.DataFrame({"uid": ["x"], "n": [1]}).mixpanel.set("uid", journal=journal)
    before = {path: path.read_bytes() for path in (journal, Path(table))}
    requests = len(emulator.requests)
    places = {"FILE": table, "JOURNAL": str(journal), "NEW": str(tmp_path / "new.parquet")}
    done = run(*(places.get(word, word) for word in arguments))
    assert done.exit_code == 2, done.output
    assert len(emulator.requests) == requests
    assert {path: path.read_bytes() for path in before} == before
    assert not (tmp_path / "new.parquet").exists()


def test_an_old_file_stays_whole_where_writing_fails(
    emulator: mpd.Emulator, table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "failures.csv"
    old.write_text("what was there", encoding="utf-8")
    emulator.fail("refuse", record=lambda record: record["$distinct_id"] == "8")

    def breaks(frame: pd.DataFrame, path: Path) -> None:
        path.write_text("half of", encoding="utf-8")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mixpanel_pandas.pipeline.upload.write_table", breaks)
    done = run("set", table, "--id", "uid", "--failures", str(old))
    assert done.exit_code == 1
    assert "was not written: OSError: [Errno 28] No space left on device" in done.stderr
    assert old.read_text(encoding="utf-8") == "what was there"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["failures.csv", "users.csv"]


@pytest.mark.skipif(sys.platform == "win32", reason="links and modes of POSIX")
def test_a_file_is_replaced_as_it_stood(emulator: mpd.Emulator, table: str, tmp_path: Path) -> None:
    old, link = tmp_path / "failures.csv.gz", tmp_path / "link.csv.gz"
    old.write_bytes(b"old")
    old.chmod(0o640)
    link.symlink_to(old.name)
    emulator.fail("refuse", record=lambda record: record["$distinct_id"] == "8")
    assert run("set", table, "--id", "uid", "--failures", str(link)).exit_code == 1
    assert link.is_symlink()
    assert old.stat().st_mode & 0o777 == 0o640
    assert gzip.decompress(old.read_bytes()).startswith(b"uid,plan,credits,tags,")


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of POSIX")
def test_a_pipe_is_written_to(emulator: mpd.Emulator, table: str, tmp_path: Path) -> None:
    pipe = tmp_path / "failures.csv"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(pipe.read_text, encoding="utf-8")
        assert run("set", table, "--id", "uid", "--failures", str(pipe)).exit_code == 0
        assert reading.result(timeout=PATIENCE).startswith("uid,plan,credits,tags,")
    assert pipe.is_fifo()


def test_tables_fit_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for columns in (80, 120):
        monkeypatch.setenv("COLUMNS", str(columns))
        for words in (["set"], ["validate", "set"], ["validate", "add"], ["inventory"]):
            id_column = [] if words == ["inventory"] else ["--id", "customer_id"]
            where = ["--emulator"] if words == ["set"] else []
            shown = run(*words, CUSTOMERS, *id_column, *where).stdout
            assert max(map(len, shown.splitlines())) <= columns


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM")
def test_sigterm_ends_an_upload_as_ctrl_c_does(emulator: mpd.Emulator, tmp_path: Path) -> None:
    file, failures = tmp_path / "users.csv", tmp_path / "failures.csv"
    file.write_text("id,n\n" + "".join(f"user-{n},1\n" for n in range(400)), encoding="utf-8")
    emulator.fail("delay", seconds=0.05, times=None)
    command = [sys.executable, "-m", "mixpanel_pandas", "add", str(file), "--id", "id", "--batch-size", "10"]
    environment = {**os.environ, "MIXPANEL_TOKEN": str(emulator.token), "MIXPANEL_URL": emulator.url}
    with subprocess.Popen(
        [*command, "--workers", "1", "--failures", str(failures)],
        env=environment, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        while len(emulator.requests) < 3:
            time.sleep(0.01)
        process.terminate()
        shown = process.communicate()[0]
    assert process.returncode == 143
    assert "accepted" in shown
    assert len(failures.read_text(encoding="utf-8").splitlines()) == 1 + 400 - len(emulator.applied)


def test_sigterm_before_anything_is_sent_ends_the_command_at_once() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), Termination() as termination:
        signal.raise_signal(signal.SIGTERM)
    assert termination.received
    assert signal.getsignal(signal.SIGTERM) is before


def test_sigterm_ends_a_command_whose_shell_ignores_ctrl_c() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pytest.raises(KeyboardInterrupt), Termination():
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGINT, before)


def test_validate_leaves_malformed_records_out_where_it_is_told_to(tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("uid,plan\n7,pro\n8\n", encoding="utf-8")
    assert run("validate", "set", str(bad), "--id", "uid").exit_code == 1
    for remedy in ("drop_row", "malformed_record=drop_row"):
        done = run("validate", "set", str(bad), "--id", "uid", "--invalid", remedy)
        assert done.exit_code == 0, done.output
        assert "1 malformed record left out" in done.stderr


@pytest.mark.parametrize("command", [["validate", "set"], ["payloads", "set"], ["inventory"]], ids=str)
def test_what_is_looked_at_goes_to_standard_output_as_json_lines(table: str, command: list[str]) -> None:
    id_column = [] if command == ["inventory"] else ["--id", "uid"]
    done = run(*command, table, *id_column, "--output", "-")
    assert done.exit_code == 0, done.output
    assert all(json.loads(line) for line in done.stdout.splitlines())


def test_outputs_in_the_folder_or_the_pattern_that_is_read_are_refused(
    emulator: mpd.Emulator, table: str, tmp_path: Path
) -> None:
    for source in (str(tmp_path), str(tmp_path / "*.csv")):
        done = run("set", source, "--id", "uid", "--failures", str(tmp_path / "failures.csv"))
        assert done.exit_code == 2
        assert "is another file that this command reads or writes" in " ".join(done.stderr.split())
    assert not emulator.requests


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(["delete"], "This will delete the profiles of all ids in users.csv in ", id="delete"),
        pytest.param(
            ["unset", "--property", "plan"],
            "This will remove plan from the profiles of all ids in users.csv in ",
            id="unset",
        ),
        pytest.param(
            ["update", "--property", "plan=set", "--property", "fax=unset"],
            "This will remove fax from the profiles of all ids in users.csv in ",
            id="update",
        ),
        pytest.param(
            ["unset"], "unset needs the names of the properties to remove", id="nothing is named: no question"
        ),
        pytest.param(["update"], "update takes a mapping", id="no mapping: no question"),
    ],
)
def test_a_person_is_asked_before_something_is_taken_away(
    emulator: mpd.Emulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _stream: True, raising=False)
    Path("users.csv").write_text("user_id,plan\nann,pro\n", encoding="utf-8")
    verb, *properties = words
    done = CliRunner().invoke(main, [verb, "users.csv", "--id", "user_id", *properties], input="n\n")
    assert done.exit_code == 2
    assert message in " ".join(done.output.split())
    assert not emulator.requests

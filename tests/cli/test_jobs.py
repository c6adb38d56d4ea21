from __future__ import annotations

import datetime as dt
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

import mixpanel_pandas as mpd
from mixpanel_pandas.cli import main
from mixpanel_pandas.cli.jobs import VERBS, call_of, job_of_call
from mixpanel_pandas.cli.option import value_in_job, value_of_words
from mixpanel_pandas.cli.options import EVERY_OPTION, options_of_verb
from mixpanel_pandas.rules.jobs import job_of, job_text
from mixpanel_pandas.rules.operation import operation
from mixpanel_pandas.rules.options import taken_by


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("users.csv").write_text("uid,plan,credits,tags\n007,pro,1,a;b\n8,,2,c\n", encoding="utf-8")


def run(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


def write_job(text: str, path: str = "users.toml") -> str:
    Path(path).parent.mkdir(exist_ok=True)
    Path(path).write_text(text, encoding="utf-8")
    return path


JOB = 'source = "users.csv"\nverb = "set"\nid = "uid"\nproperty = ["plan", "credits"]\n'


def test_a_job_runs_and_infers_nothing(emulator: mpd.Emulator) -> None:
    assert run("run", write_job(JOB)).exit_code == 0
    assert emulator.profile("007") == {"plan": "pro", "credits": "1"}


@pytest.mark.parametrize(
    ("lines", "profile"),
    [
        pytest.param('[parse]\ncredits = "number"\n', {"plan": "pro", "credits": 1}, id="readings"),
        pytest.param("infer = true\n", {"plan": "pro", "credits": 1}, id="inference"),
        pytest.param('na = ["pro"]\n', {"credits": "1"}, id="a list"),
        pytest.param('na = "common"\n', {"plan": "pro", "credits": "1"}, id="a text in place of a list"),
        pytest.param('[rename]\nplan = "Plan"\n', {"Plan": "pro", "credits": "1"}, id="a table"),
        pytest.param("workers = 2\nquiet = true\nlog-format = 'json'\n", {"plan": "pro", "credits": "1"}, id="others"),
        pytest.param("updated-at = 2020-09-13\n", {"plan": "pro", "credits": "1", "$last_seen": "2020-09-13T00:00:00"}, id="a date"),
    ],
)  # fmt: skip
def test_options_stand_in_a_job(emulator: mpd.Emulator, lines: str, profile: dict[str, Any]) -> None:
    done = run("run", write_job(JOB + lines))
    assert done.exit_code == 0, done.output
    assert emulator.profile("007") == profile


@pytest.mark.parametrize(
    ("typed", "profile"),
    [
        pytest.param(["--property", "credits"], {"credits": 1}, id="a list is replaced"),
        pytest.param(["--parse", "tags=list:semicolon", "--property", "credits", "--property", "tags"],
                     {"credits": 1, "tags": ["a", "b"]}, id="pairs are added"),
        pytest.param(["--parse", "credits=text"], {"plan": "pro", "credits": "1"}, id="a pair is replaced"),
        pytest.param(["--no-dry-run"], {"plan": "pro", "credits": 1}, id="a flag is taken back"),
    ],
)  # fmt: skip
def test_what_is_typed_wins(emulator: mpd.Emulator, typed: list[str], profile: dict[str, Any]) -> None:
    job = write_job(
        JOB + ("dry-run = true\n" if "--no-dry-run" in typed else "") + '[parse]\ncredits = "number"\n'
    )
    for command in (["run", job], ["set", "--job", job]):
        emulator.reset()
        done = run(*command, *typed)
        assert done.exit_code == 0, done.output
        assert emulator.profile("007") == profile


def test_the_source_can_be_typed(emulator: mpd.Emulator) -> None:
    Path("others.csv").write_text("uid,plan,credits\n9,free,3\n", encoding="utf-8")
    assert run("run", write_job(JOB), "others.csv").exit_code == 0
    assert emulator.profiles().index.tolist() == ["9"]


def test_paths_of_a_job_are_relative_to_its_folder(emulator: mpd.Emulator) -> None:
    lines = 'journal = "users.sqlite"\nsummary = "summary.csv"\n'
    job = write_job(JOB.replace("users.csv", "../users.csv") + lines, "jobs/users.toml")
    assert run("run", job).exit_code == 0
    assert {path.name for path in Path("jobs").iterdir()} >= {"users.sqlite", "summary.csv"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(JOB + "worker = 2\n", "no key 'worker': did you mean 'workers'?", id="key"),
        pytest.param(JOB + "on_changed = 'raise'\n", "no key 'on_changed': did you mean 'on-changed'?", id="underscore"),
        pytest.param(JOB + 'token = "x"\n', "contains a token, and many people read a job", id="token"),
        pytest.param(JOB + "yes = true\n", "set has no yes", id="key of another verb"),
        pytest.param(JOB + 'workers = "2"\n', "workers takes a whole number, not '2'", id="type"),
        pytest.param(JOB + "workers = true\n", "workers takes a whole number, not True", id="bool"),
        pytest.param(JOB + 'trim = "no"\n', "trim takes true or false, not 'no'", id="flag"),
        pytest.param(JOB + 'missing = "nul"\n', "missing takes one of 'skip', 'null', 'unset', not 'nul'", id="choice"),
        pytest.param(JOB + "[parse]\ncredits = 1\n", "parse takes a table", id="type in a table"),
        pytest.param(JOB + "parse = 'number'\n", "parse takes a table", id="no table"),
        pytest.param(JOB + "journal = 'j'\nrun = 'a-{day}'\n", "{day} has no meaning: there are 'date', 'hour'", id="placeholder"),
        pytest.param(JOB.replace('"set"', '"sett"'), "no verb 'sett': did you mean 'set'?", id="verb"),
        pytest.param('source = "users.csv"\n', 'no verb: write verb = "set"', id="no verb"),
        pytest.param(JOB + "known = 5\n", "known takes text, true, a list of texts or a table, not 5", id="no properties"),
        pytest.param('verb = "set"\n', "name a table to read, such as users.csv, or write source", id="no source"),
        pytest.param('verb = "set"\nsource = 1\n', "source takes text or a list of texts, not [1]", id="source"),
        pytest.param("verb = set\n", "cannot be read as a job: Invalid value", id="no TOML"),
    ],
)  # fmt: skip
def test_mistakes_in_a_job(emulator: mpd.Emulator, text: str, message: str) -> None:
    done = run("run", write_job(text.replace("source = 1", "source = [1]")))
    assert done.exit_code == 2
    assert message in " ".join(done.stderr.split())
    assert "users.toml" in done.stderr or "{day}" in text
    assert not emulator.requests


def test_a_job_that_is_not_there() -> None:
    done = run("run", "none.toml")
    assert done.exit_code == 2
    assert "none.toml cannot be read as a job: No such file or directory" in done.stderr


def test_a_job_of_another_verb_is_refused(emulator: mpd.Emulator) -> None:
    done = run("add", "--job", write_job(JOB))
    assert done.exit_code == 2
    assert "is a job of 'set', not of 'add'" in done.stderr


@pytest.mark.parametrize("command", ["validate", "payloads"])
def test_looking_at_what_a_job_would_send(emulator: mpd.Emulator, command: str) -> None:
    done = run(command, "--job", write_job(JOB + "workers = 2\n"))
    assert done.exit_code == 0, done.output
    assert not emulator.requests
    assert done.stdout == run(command, "set", "--job", "users.toml").stdout


def test_a_saved_job_does_what_the_call_does(emulator: mpd.Emulator) -> None:
    words = [
        "set",
        "users.csv",
        "--id",
        "uid",
        "--rename",
        "plan=Plan",
        "--na",
        "c",
        "--parse",
        "tags=list:semicolon",
        "--workers",
        "2",
    ]
    assert run(*words).exit_code == 0
    before = emulator.profiles()
    emulator.reset()
    Path("jobs").mkdir()
    done = run(*words, "--save-job", "jobs/users.toml")
    assert done.exit_code == 0
    assert not emulator.requests
    assert (
        done.stdout
        == "Wrote jobs/users.toml, and sent nothing. To run it: mixpanel-pandas run jobs/users.toml\n"
    )
    job = tomllib.loads(Path("jobs/users.toml").read_text(encoding="utf-8"))
    assert job == {
        "source": "../users.csv", "verb": "set", "id": "uid", "na": ["c"], "workers": 2,
        "parse": {"credits": "number", "tags": "list:semicolon"}, "rename": {"plan": "Plan"},
    }  # fmt: skip
    assert run("run", "jobs/users.toml").exit_code == 0
    pd.testing.assert_frame_equal(emulator.profiles(), before)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(["--property", "plan"], id="one property"),
        pytest.param(
            ["--latitude", "lat", "--longitude", "lon", "--updated-at", "seen"], id="columns of options"
        ),
        pytest.param(
            ["--latitude", "52.5", "--longitude", "lon", "--property", "n"], id="degrees and a property"
        ),
    ],
)
def test_a_saved_job_reads_the_columns_that_the_call_uses(emulator: mpd.Emulator, options: list[str]) -> None:
    Path("seen.csv").write_text("uid,plan,lat,lon,seen,n\n1,pro,52.5,13.4,2026-01-02,7\n", encoding="utf-8")
    words = ["set", "seen.csv", "--id", "uid", *options]
    assert run(*words).exit_code == 0
    before = [received.records for received in emulator.requests]
    assert run(*words, "--save-job", "seen.toml").exit_code == 0
    done = run("run", "seen.toml")
    assert done.exit_code == 0, done.output
    assert [received.records for received in emulator.requests[1:]] == before
    assert run("validate", "--job", "seen.toml").exit_code == 0


@pytest.mark.parametrize("words", [["unset", "--property", "plan", "--yes"], ["delete", "--yes"]], ids=str)
def test_a_saved_job_of_a_verb_without_values(emulator: mpd.Emulator, words: list[str]) -> None:
    assert run(words[0], "users.csv", "--id", "uid", *words[1:], "--save-job", "job.toml").exit_code == 0
    done = run("run", "job.toml")
    assert done.exit_code == 0, done.output
    assert [request.path for request in emulator.requests] == ["/api/query/engage", "/engage"]


@pytest.mark.parametrize(
    ("typed", "line", "written"),
    [
        pytest.param(["--backup", "b.parquet"], 'backup = "b.parquet"', ["b.parquet"], id="a file"),
        pytest.param(["--no-backup"], "backup = false", [], id="none"),
        pytest.param([], "", ["mixpanel-delete-"], id="by default"),
    ],
)
def test_a_backup_is_named_or_turned_off(
    emulator: mpd.Emulator, typed: list[str], line: str, written: list[str]
) -> None:
    words = ["users.csv", "--id", "uid"]
    run("set", *words)
    assert run("delete", *words, "--yes", *typed, "--save-job", "job.toml").exit_code == 0
    assert line in Path("job.toml").read_text(encoding="utf-8")
    done = run("run", "job.toml")
    assert done.exit_code == 0, done.output
    kept = [path.name for path in Path().glob("*.parquet")]
    assert len(kept) == len(written)
    assert all(name.startswith(beginning) for name, beginning in zip(kept, written, strict=True))


def test_a_backup_is_not_both_named_and_turned_off(emulator: mpd.Emulator) -> None:
    job = write_job('source = "users.csv"\nverb = "delete"\nid = "uid"\nyes = true\nbackup = "b.parquet"\n')
    assert run("run", job, "--no-backup").exit_code == 0  # what is typed wins
    done = run("delete", "users.csv", "--id", "uid", "--yes", "--backup", "b.parquet", "--no-backup")
    assert done.exit_code == 2
    assert "--backup and --no-backup exclude each other" in done.output
    assert not Path("b.parquet").exists()
    done = run("run", write_job('source = "users.csv"\nverb = "delete"\nbackup = 5\n'))
    assert "backup takes text or false, not 5" in done.output


def test_the_emulator_of_a_command_leaves_no_backup(emulator: mpd.Emulator) -> None:
    done = run("delete", "users.csv", "--id", "uid", "--emulator")
    assert done.exit_code == 0, done.output
    assert "backup" not in done.output


def test_a_saved_job_keeps_its_placeholders_and_leaves_out_what_is_of_one_call(
    emulator: mpd.Emulator,
) -> None:
    words = ["--journal", "j.sqlite", "--run", "users-{date}", "--token", "0" * 32, "--dry-run", "--no-infer"]
    assert run("set", "users.csv", "--id", "uid", *words, "--save-job", "job.toml").exit_code == 0
    job = tomllib.loads(Path("job.toml").read_text(encoding="utf-8"))
    assert job == {
        "source": "users.csv",
        "verb": "set",
        "id": "uid",
        "journal": "j.sqlite",
        "run": "users-{date}",
    }


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_can_stand_in_a_job(verb: str) -> None:
    left_out = {row.name for row in options_of_verb(verb) if not row.in_job}
    assert left_out == {"token", "job", "save_job"}
    values = {
        "text": "a", "text or number": 1.5, "texts": ["a", "b"], "mapping": {"a": "b"}, "mapping or text": {"a": "b"}, "mapping or texts": ["a"],
        "names": ["a"], "path": "a", "properties": ["a"], "integer": 1, "number": 1.5, "flag": True,
    }  # fmt: skip
    for row in options_of_verb(verb):
        value = row.choices[0] if row.choices else values[row.kind]
        job = tomllib.loads(job_text({row.key: value}))
        assert value_in_job(row, job[row.key]) == value


def test_remedies_of_columns_are_typed_and_stand_in_a_job() -> None:
    row = EVERY_OPTION["invalid"]
    remedies = {"missing_id": "drop_row", "Bio: long": {"long_string": "truncate", "broken_text": "drop_row"}}
    words = ["missing_id=drop_row", "Bio: long:long_string=truncate", "Bio: long:broken_text=drop_row"]
    assert value_of_words(row, words) == remedies
    assert value_in_job(row, tomllib.loads(job_text({"invalid": remedies}))["invalid"]) == remedies
    with pytest.raises(ValueError, match="invalid takes a table or text"):
        value_in_job(row, {"Bio": {"long_string": 5}})


def test_the_name_of_a_run_holds_the_date(emulator: mpd.Emulator) -> None:
    lines = 'journal = "j.sqlite"\nrun = "users-{date}"\n'
    assert run("run", write_job(JOB + lines)).exit_code == 0
    assert (
        run("journal", "j.sqlite", "--run", f"users-{dt.datetime.now().astimezone():%Y-%m-%d}").exit_code == 0
    )


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.one_of(
    TEXT,
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
    st.floats(allow_nan=False),
    st.lists(TEXT),
    st.dictionaries(TEXT, TEXT | st.dictionaries(TEXT, TEXT)),
)


@given(st.dictionaries(TEXT, VALUES))
def test_a_job_is_read_as_it_was_written(job: dict[str, Any]) -> None:
    assert tomllib.loads(job_text(job)) == job


@pytest.mark.parametrize("name", ["a\nb = 1", 'x"', "\x1b[31m"])
def test_the_name_of_a_job_stays_in_its_comment(name: str) -> None:
    assert tomllib.loads(job_text({"verb": "set"}, name)) == {"verb": "set"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param({}, "The project comes from the environment.", id="environment"),
        pytest.param(
            {"project": "mp.toml"}, "The project comes from the file that `project` names.", id="file"
        ),
        pytest.param(
            {"emulator": True}, "It writes to an emulator until you remove `emulator`.", id="emulator"
        ),
        pytest.param({"infer": True}, "describes them. Types are inferred.", id="infer"),
    ],
)
def test_a_job_says_where_it_writes_and_whether_types_are_inferred(
    options: dict[str, Any], words: str
) -> None:
    assert words in job_text({"source": "users.csv", "verb": "set", **options})


KNOWN = [
    pytest.param('known = ["plan"]\n', id="names"),
    pytest.param('[known]\nplan = "string"\n', id="types"),
    pytest.param('known = "known.csv"\n', id="a file"),
    pytest.param("known = true\n", id="those of Mixpanel"),
]


@pytest.mark.parametrize("known", KNOWN)
@pytest.mark.parametrize("command", ["run", "validate"])
def test_a_job_refuses_properties_that_mixpanel_lacks(
    emulator: mpd.Emulator, command: str, known: str
) -> None:
    Path("jobs").mkdir()
    Path("jobs/known.csv").write_text("name,type\nplan,string\n", encoding="utf-8")
    pd.DataFrame({"uid": ["x"], "plan": ["y"]}).mixpanel.set("uid")
    sent = len(emulator.requests)
    job = write_job(
        JOB.replace("users.csv", "../users.csv") + f"new-properties = 'raise'\n{known}", "jobs/users.toml"
    )
    done = run(*(["run", job] if command == "run" else ["validate", "--job", job]))
    assert done.exit_code == 1, done.output
    assert "creates the property 'credits', which Mixpanel does not have" in " ".join(done.output.split())
    assert {request.path for request in emulator.requests[sent:]} <= {"/api/query/engage/properties"}


def test_new_properties_needs_what_is_known() -> None:
    done = run("run", write_job(JOB + "new-properties = 'raise'\n"))
    assert done.exit_code == 2
    assert "--new-properties raise needs the properties that exist: pass known as well" in done.stderr


def test_what_is_known_is_typed_and_saved(emulator: mpd.Emulator) -> None:
    options = ("--id", "uid", "--property", "plan", "--property", "credits", "--new-properties", "raise")
    Path("jobs").mkdir()
    Path("known.csv").write_text("name\nplan\nkredits\n", encoding="utf-8")
    done = run("set", "users.csv", *options, "--known", "known.csv")
    assert done.exit_code == 1
    assert "it has 'kredits': --rename credits=kredits sends it as 'kredits'" in " ".join(done.stderr.split())
    for typed, saved in (("known.csv", "../known.csv"), ("true", True)):
        assert (
            run("set", "users.csv", *options, "--known", typed, "--save-job", "jobs/users.toml").exit_code
            == 0
        )
        assert tomllib.loads(Path("jobs/users.toml").read_text(encoding="utf-8"))["known"] == saved
    done = run("set", "users.csv", *options, "--new-properties", "warn", "--known", "true", "--dry-run")
    assert done.exit_code == 0
    assert "creates 2 properties: plan, credits" in " ".join(done.stderr.split())


def test_known_true_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIXPANEL_TOKEN", "0" * 32)
    monkeypatch.setenv("MIXPANEL_REGION", "eu")
    done = run("set", "users.csv", "--id", "uid", "--known", "true")
    assert done.exit_code == 2
    assert "--known true asks Mixpanel: reading needs username" in " ".join(done.stderr.split())


def test_an_operation_as_a_job() -> None:
    call = operation(
        "update",
        "uid",
        {"plan": "set"},
        None,
        {"parse": {"plan": "text"}, "dry_run": True, "project": mpd.Project("0" * 32, "eu")},
    )
    assert job_of(call, ["a.csv", "b.csv"]) == {
        "source": ["a.csv", "b.csv"], "verb": "update", "id": "uid", "property": {"plan": "set"}, "parse": {"plan": "text"},
    }  # fmt: skip


def test_paths_of_options_are_relative_to_the_folder_of_the_job() -> None:
    files = {"journal": "mp.sqlite", "backup": Path("kept.parquet")}
    job = job_of(operation("delete", "uid", None, None, files), "users.csv", "jobs/delete.toml")
    assert [job[key] for key in ("source", "journal", "backup")] == [
        "../users.csv",
        "../mp.sqlite",
        "../kept.parquet",
    ]


def test_a_backup_that_is_turned_off_is_off_in_a_job() -> None:
    job = job_text(job_of(operation("delete", "uid", None, None, {"backup": None}), "users.csv"))
    assert tomllib.loads(job)["backup"] is False


def test_a_number_of_numpy_is_a_number_in_a_job() -> None:
    place = {"latitude": np.float64(52.5), "longitude": np.float32(13.25)}
    job = tomllib.loads(job_text(job_of(operation("set", "uid", None, None, place), "users.csv")))
    assert [job["latitude"], job["longitude"]] == [52.5, 13.25]


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"rename": str.upper}, id="a function"),
        pytest.param({"parse": {1: "number"}}, id="a label"),
        pytest.param({"known": pd.DataFrame({"name": ["plan"]})}, id="a frame"),
    ],
)
def test_what_has_no_form_in_a_job_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(mpd.OperationError, match="a job cannot contain"):
        job_text(job_of(operation("set", "uid", None, None, options), "users.csv"))


def test_the_preview_and_the_command_line_name_options_alike() -> None:
    options = {option.name for verb in VERBS for option in taken_by(verb)}
    assert options - set(EVERY_OPTION) == {"schema", "progress", "repeat"}
    call = call_of("set", options_of_verb("set"), {"requests_per_hour": 9}, ["users.csv"])
    assert job_of_call(call, Path("job.toml")) == job_of(
        operation("set", None, None, None, {"requests_per_hour": 9}), "users.csv"
    )

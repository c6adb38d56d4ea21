"""The page about the command line: its commands run, its job files are jobs, its log lines are those that are written."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from click.testing import CliRunner

from mixpanel_pandas.cli import main
from mixpanel_pandas.cli.commands import EXAMPLES
from mixpanel_pandas.cli.options import EVERY_OPTION

if TYPE_CHECKING:
    import mixpanel_pandas as mpd

PAGE = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    found = re.findall(rf"^ *```{language}\n(.*?)^ *```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    return [re.sub(r"^   (?=\S)", "", block, flags=re.MULTILINE) for block in found]


@pytest.fixture(autouse=True)
def _tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    users = "user_id,plan,credits,tags,email,amount,first_seen,fax,product\n1,pro,2,a;b,a@b.c,1.5,2026-01-02,,x\n2,free,3,c,,2,2026-01-03,,y\n"
    for name in ("users.csv", "orders.csv", "gone.csv"):
        Path(name).write_text(users, encoding="utf-8")
    Path("edited.csv").write_text(users.replace("free", "pro"), encoding="utf-8")
    pd.read_csv("orders.csv", dtype={"user_id": str}).to_parquet("orders.parquet")


def test_its_commands_run_one_after_the_other(emulator: mpd.Emulator) -> None:
    environment = {"MIXPANEL_TOKEN": str(emulator.token), "MIXPANEL_URL": emulator.url}
    lines = [
        line for block in blocks("sh") for line in block.splitlines() if line.startswith("mixpanel-pandas")
    ]
    assert len(lines) >= 8
    for line in lines:
        done = CliRunner().invoke(main, shlex.split(line)[1:], env=environment)
        assert done.exit_code == 0, f"{line}\n{done.output}"
    job = tomllib.loads(next(block for block in blocks("toml") if "verb" in block))
    saved = tomllib.loads(Path("users.toml").read_text(encoding="utf-8"))
    assert saved.pop("parse").items() >= job.pop("parse").items()
    assert saved == job


@pytest.mark.parametrize("verb", EXAMPLES)
def test_the_example_of_each_verb_runs(verb: str) -> None:
    words = shlex.split(EXAMPLES[verb])
    done = CliRunner().invoke(main, [verb, *words, "--emulator"])
    assert done.exit_code == 0, done.output


def test_the_commands_of_its_recipes_exist() -> None:
    recipes = PAGE[PAGE.index("## Recipes") : PAGE.index("## Options")]
    for words in re.findall(r"mixpanel-pandas (run [^\n\"]*)", recipes):
        command, _job, *options = shlex.split(words)
        assert command in main.commands
        assert {word[2:] for word in options if word.startswith("--")} <= {
            row.key for row in EVERY_OPTION.values()
        }


def test_its_log_lines_have_the_keys_that_are_written(emulator: mpd.Emulator) -> None:
    environment = {"MIXPANEL_TOKEN": str(emulator.token), "MIXPANEL_URL": emulator.url}
    done = CliRunner().invoke(
        main, ["set", "users.csv", "--id", "user_id", "--log-format", "json"], env=environment
    )
    written = {line["event"]: line for line in map(json.loads, done.stderr.splitlines())}
    shown = re.findall(r'"(\w+)":', blocks("json")[0])
    assert shown == list(written["uploaded"])[: len(shown)]
    rows = re.findall(
        r"^\| (`[^|]*`) \| [^|]* \| ([^|]*) \|$",
        PAGE[PAGE.index("## The log") : PAGE.index("## Recipes")],
        flags=re.MULTILINE,
    )
    keys = {
        event: re.findall(r"`(\w+)`", numbers)
        for events, numbers in rows
        for event in re.findall(r"`(\w+)`", events)
    }
    for event, line in written.items():
        assert set(keys[event]) <= set(line), event

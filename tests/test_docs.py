"""The pages of docs/: each stands in the contents of the site, and code that no doctest runs is code at least."""

from __future__ import annotations

import ast
import re
import shlex
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

import mixpanel_pandas as mpd
from mixpanel_pandas.cli import main
from mixpanel_pandas.rules.operators import OPERATORS
from mixpanel_pandas.rules.options import ALL_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = Path(__file__).parent.parent / "docs"
PAGES = sorted(
    path for path in DOCS.rglob("*.md") if path.relative_to(DOCS).parts[0] not in {"api", "notebooks"}
)


def name_of(page: Path) -> str:
    return str(page.relative_to(DOCS))


def blocks(page: Path, language: str) -> list[str]:
    text = page.read_text(encoding="utf-8")
    found = re.findall(rf"^ *```{re.escape(language)}\n(.*?)^ *```$", text, flags=re.MULTILINE | re.DOTALL)
    return [re.sub(r"^   (?=\S)", "", block, flags=re.MULTILINE) for block in found]


def contents(page: Path) -> Iterator[Path]:
    """Yield the pages that a page puts into the contents of the site."""
    for block in blocks(page, "{toctree}"):
        for line in block.splitlines():
            if line and not line.startswith(":"):
                yield (page.parent / f"{line}.md").resolve()


def test_every_page_stands_in_the_contents_of_the_site_once() -> None:
    listed = [path for page in PAGES for path in contents(page) if path.parent.name != "notebooks"]
    assert sorted(listed) == [path.resolve() for path in PAGES if path != DOCS / "index.md"]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_python_that_no_doctest_runs_is_python_and_names_what_there_is(page: Path) -> None:
    for block in blocks(page, "python"):
        if ">>>" not in block:
            names_what_there_is(ast.parse(block))


def names_what_there_is(tree: ast.AST) -> None:
    """Fail if code asks for a name of the package, a verb or an option that does not exist."""
    verbs = {*OPERATORS, "update"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "mpd":
            assert node.attr in mpd.__all__
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in verbs:
            of = node.func.value
            if isinstance(of, ast.Attribute) and of.attr == "mixpanel":
                assert {keyword.arg for keyword in node.keywords} <= {*ALL_OPTIONS, "id", "properties"}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_toml_of_a_page_is_toml(page: Path) -> None:
    for block in blocks(page, "toml"):
        tomllib.loads(block)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_of_a_page_are_those_of_the_command_line(page: Path) -> None:
    for block in blocks(page, "sh"):
        for line in block.splitlines():
            if line.startswith("mixpanel-pandas"):
                is_command(main, shlex.split(line)[1:])


def is_command(command: click.Command, words: list[str]) -> None:
    """Fail if words are no command, or hold an option that it does not take."""
    if isinstance(command, click.Group):
        if words[0].startswith("--"):  # validate --job users.toml
            words = ["set", *words]
        is_command(command.commands[words[0]], words[1:])
    else:
        command.make_context("", words)

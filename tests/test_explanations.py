"""`mpd.explain`: every check and every exception has a page, whose examples run and show the check."""

from __future__ import annotations

import doctest
from typing import TYPE_CHECKING

import pandas as pd
import pandera.pandas as pandera
import pytest
from click.testing import CliRunner

import mixpanel_pandas as mpd
from mixpanel_pandas import errors
from mixpanel_pandas.cli import main
from mixpanel_pandas.explanations import codes, explanation_pages, facts
from mixpanel_pandas.rules.checks import CHECKS

if TYPE_CHECKING:
    from pathlib import Path

FRAME = pd.DataFrame({"user_id": ["ann", None], "plan": ["pro", "free"]})


def test_every_check_and_every_exception_has_a_page_and_nothing_else_has() -> None:
    assert sorted(codes()) == sorted({*CHECKS, *errors.__all__, "malformed_record"})


@pytest.mark.parametrize("code", [*CHECKS, "malformed_record"])
def test_the_example_of_a_check_shows_it(code: str) -> None:
    """That the examples run is a doctest of the files themselves."""
    examples = doctest.DocTestParser().get_examples(mpd.explain(code).text)
    assert any(
        f"'{code}'" in example.want or example.source.startswith(f'"{code}" in') for example in examples
    )


#: Exceptions that no short example can raise: a wait for canaries, a stop button, a service account of a real project, a library that is not installed.
WITHOUT_EXAMPLE = {
    "AccessError",
    "BudgetSpent",
    "CanaryFailed",
    "MissingExtraError",
    "PageFailed",
    "ReadError",
    "RegionError",
    "SubscriptionError",
    "UploadError",
    "UploadInterrupted",
}


@pytest.mark.parametrize("code", sorted(set(errors.__all__) - WITHOUT_EXAMPLE))
def test_the_example_of_an_exception_raises_it(code: str) -> None:
    examples = doctest.DocTestParser().get_examples(mpd.explain(code).text)
    assert any(
        f"mixpanel_pandas.errors.{code}:" in example.want or f"except mpd.{code}" in example.source
        for example in examples
    )


@pytest.mark.parametrize("code", codes())
def test_a_page_begins_with_its_code_and_has_no_links_that_lead_nowhere(code: str) -> None:
    page = mpd.explain(code)
    assert page.text.startswith(f"# {code}\n\nA")
    assert "](" not in page.text.replace("](https://", "")
    assert repr(page) == page._repr_markdown_() == page.text


@pytest.mark.parametrize("name", explanation_pages())
def test_the_prose_of_a_page_is_readable_in_a_terminal(name: str) -> None:
    page = explanation_pages()[name]
    for code, prose in page.sections.items():
        in_code = False
        for line in prose.splitlines():
            in_code ^= line.startswith("```")
            assert in_code or len(line) <= 80 or "](" in line, code


@pytest.mark.parametrize(
    ("code", "first"),
    [
        pytest.param(
            "long_string",
            'An **error** about a value: the frame is refused, unless `invalid=` is `"drop_row"`, `"drop_value"` or `"truncate"`.\n'
            "The limit is 255 bytes.\n",
            id="an error with several ways out and a limit",
        ),
        pytest.param(
            "missing_id",
            'An **error** about an id: the frame is refused, unless `invalid=` is `"drop_row"`.\n',
            id="an error with one way out",
        ),
        pytest.param(
            "duplicate_id",
            "An **error** about ids across the frame: the frame is refused.\n",
            id="an error that refuses",
        ),
        pytest.param(
            "padded_id", "A **warning** about an id: the frame is sent all the same.\n", id="a warning"
        ),
        pytest.param(
            "AccountError", "An `AccountError` is a `ReadError` and a `PermissionError`.", id="an exception"
        ),
        pytest.param(
            "MixpanelError", "A `MixpanelError` is an `Exception`.", id="an exception with one base"
        ),
    ],
)
def test_facts_come_from_the_tables(code: str, first: str) -> None:
    assert facts(code).startswith(first)
    source = CHECKS[code].source if code in CHECKS else ""
    assert source in facts(code)


def test_a_code_that_does_not_exist_is_refused() -> None:
    with pytest.raises(mpd.OperationError, match="no page about 'long_strin': did you mean 'long_string'"):
        mpd.explain("long_strin")


def test_an_error_of_checks_names_the_page_of_its_first_check() -> None:
    with pytest.raises(mpd.ValidationError) as raised:
        FRAME.mixpanel.set("user_id", dry_run=True)
    assert "mpd.explain('missing_id') explains a check." in raised.value.__notes__


def test_a_check_of_a_users_schema_has_no_page() -> None:
    schema = pandera.DataFrameSchema({"plan": pandera.Column(checks=pandera.Check.isin(["pro"]))})
    with pytest.raises(mpd.ValidationError) as raised:
        FRAME.dropna().assign(plan="free").mixpanel.set("user_id", schema=schema, dry_run=True)
    assert not [note for note in raised.value.__notes__ if "explain" in note]


def test_an_error_of_a_command_names_the_command_that_explains_it(tmp_path: Path) -> None:
    path = tmp_path / "users.csv"
    FRAME.to_csv(path, index=False)
    done = CliRunner().invoke(main, ["set", str(path), "--id", "user_id", "--emulator"])
    assert done.exit_code == 1
    assert "\n`mixpanel-pandas explain missing_id` explains a check.\n" in done.stderr


def test_the_command_prints_a_page_and_lists_the_codes() -> None:
    page = CliRunner().invoke(main, ["explain", "bucket"])
    assert (page.exit_code, page.stdout) == (0, f"{mpd.explain('bucket').text}\n")
    listed = CliRunner().invoke(main, ["explain"])
    assert listed.exit_code == 0
    assert set(codes()) <= set(listed.stdout.replace(",", " ").split())
    unknown = CliRunner().invoke(main, ["explain", "long_strin"])
    assert unknown.exit_code == 2
    assert "did you mean 'long_string'?" in unknown.stderr

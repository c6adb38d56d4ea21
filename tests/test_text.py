"""What is seen of foreign text, character by character, and wherever this package lets it out."""

from __future__ import annotations

import contextlib
import csv
import io
import logging
import os
import pty
import subprocess
import sys
import unicodedata
import warnings
from typing import TYPE_CHECKING, Any

import pandas as pd
import pandera.pandas as pandera
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import mixpanel_pandas as mpd
from mixpanel_pandas.cli import main
from mixpanel_pandas.text import Length, bounded, printable, quoted, shortened

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: Name -> a character that acts, reorders, or is not seen.
HOSTILE = {
    "escape": "\x1b",
    "bell": "\x07",
    "backspace": "\b",
    "carriage return": "\r",
    "delete": "\x7f",
    "CSI of C1": "\x9b",
    "next line of C1": "\x85",
    "line separator": "\u2028",
    "paragraph separator": "\u2029",
    "override to the left": "\u202e",
    "isolate": "\u2066",
    "mark to the left": "\u200f",
    "Arabic letter mark": "\u061c",
    "zero-width blank": "\u200b",
    "zero-width joiner": "\u200d",
    "byte order mark": "\ufeff",
    "soft hyphen": "\xad",
    "Hangul filler": "\u3164",
    "grapheme joiner": "\u034f",
    "variation selector": "\ufe0f",
    "blank of Braille": "\u2800",
    "tag": "\U000e0041",
}

#: All of them, and a sequence that colours a terminal, in one text; first those that Python's own repr leaves as they are.
TEXT = f"\x1b[31mred{''.join(f'x{character}' for character in reversed(HOSTILE.values()))}y"


@pytest.mark.parametrize("character", HOSTILE.values(), ids=HOSTILE)
def test_a_character_that_acts_or_is_not_seen_is_escaped(character: str) -> None:
    escape = character.encode("unicode_escape").decode()
    assert printable(f"a{character}b") == f"a{escape}b"
    assert quoted(f"a{character}b") == f"'a{escape}b'"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("São José, Łódź, Ελλάδα, Москва, 日本語, 한국어, עברית, العربية, हिन्दी", id="letters"),
        pytest.param("e\u0301", id="combining accent"),
        pytest.param("\U0001f469\u200d\U0001f4bb", id="emoji of two"),
        pytest.param("\U0001f469\U0001f3fd\u200d\U0001f4bb", id="emoji with a tone of skin"),
        pytest.param("\U0001f3f3\ufe0f\u200d\U0001f308", id="emoji with a selector"),
        pytest.param("❤\ufe0f", id="heart"),
        pytest.param("1\ufe0f\u20e3", id="keycap"),
        pytest.param("\U0001f1e7\U0001f1f7", id="flag"),
        pytest.param("C:\\users\\new", id="backslashes"),
    ],
)
def test_what_people_write_stays(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a\u200db", "a\\u200db", id="joiner between letters"),
        pytest.param("\U0001f469\u200d", "\U0001f469\\u200d", id="joiner at the end"),
        pytest.param("❤\ufe0f\ufe0f", "❤\ufe0f\\ufe0f", id="second selector"),
        pytest.param("a\nb", "a\\nb", id="line feed"),
        pytest.param("a\xa0b", "a\\xa0b", id="no-break blank"),
        pytest.param("\ud800", "\\ud800", id="lone surrogate"),
    ],
)
def test_what_only_looks_like_it_is_escaped(text: str, expected: str) -> None:
    assert printable(text) == expected


@given(st.text())
def test_what_is_printable_stays_so_and_can_be_written(text: str) -> None:
    shown = printable(text)
    assert printable(shown) == shown
    shown.encode()
    joined = set("\u200d\ufe0e\ufe0f")
    assert all(
        c in joined or unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
        for c in shown
    )


def test_lines_stay_where_they_are_asked_for() -> None:
    assert printable("a\nb\x1b", keep="\n") == "a\nb\\x1b"


@given(st.text(max_size=30), st.integers(12, 40))
def test_texts_are_no_longer_than_they_may_be(text: str, most: int) -> None:
    for cut in (shortened, bounded, quoted):
        assert len(cut(text, most)) <= most
    assert bounded(text, most) == text or len(text) > most


# Where text goes out


def lines(**columns: Any) -> pd.DataFrame:
    """Return a frame whose ids, labels, values and index are hostile."""
    return pd.DataFrame({"id": [TEXT, "b"], TEXT: [TEXT, TEXT], **columns}, index=[TEXT, "i"])


def message_of(call: Callable[[], object], kind: type[BaseException] = mpd.MixpanelError) -> str:
    with pytest.raises(kind) as raised:
        call()
    return f"{raised.value}\n{raised.value!r}"


def warning_of(call: Callable[[], object]) -> str:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    assert caught
    return "\n".join(str(one.message) for one in caught)


def widget_texts(widget: Any) -> str:
    """Return whatever a widget and those within it show."""
    shown = [getattr(widget, name, "") for name in ("description", "tooltip")]
    shown += [widget.value] if type(widget).__name__ == "HTML" else []
    shown += [str(label) for label in getattr(widget, "_options_labels", ())]
    return "\n".join([*map(str, shown), *map(widget_texts, getattr(widget, "children", ()))])


def seen_in_widget() -> str:
    preview = lines().mixpanel.group(TEXT).preview("set", "id")
    texts = []
    for view in range(4):
        preview.widget.children[-1].selected_index = view
        texts.append(widget_texts(preview.widget))
    return "\n".join(texts)


def sent_with_schema() -> str:
    """Return what is logged, shown and said of rows that a check of the user's own, named by somebody else, leaves out."""
    check = pandera.Check(lambda values: values != "b", name=TEXT, error=TEXT)
    schema = pandera.DataFrameSchema({"id": pandera.Column(None, check)})
    heard, bar = io.StringIO(), io.StringIO()
    handler = logging.StreamHandler(heard)
    logger = logging.getLogger("mixpanel_pandas")
    logger.addHandler(handler)
    before = logger.level
    logger.setLevel(logging.INFO)
    try:
        with mpd.Emulator() as emulator, mpd.set_project(emulator.project), contextlib.redirect_stderr(bar):
            frame = pd.DataFrame({"id": ["a", "b"], "n": [1, 2]})
            summary = frame.mixpanel.set("id", schema=schema, invalid="drop_row", progress=True)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
    assert "red" in heard.getvalue()
    seen = bar.getvalue().replace("\r", "")  # the bar's own
    return f"{heard.getvalue()}{seen}{mpd.show(summary)}{mpd.show(mpd.totals(summary))}"


def logged_traceback() -> str:
    heard = io.StringIO()
    handler = logging.StreamHandler(heard)
    logger = logging.getLogger("mixpanel_pandas")
    logger.addHandler(handler)
    try:
        int(TEXT)
    except ValueError:
        logger.warning("failed on %s", TEXT, exc_info=True)
    finally:
        logger.removeHandler(handler)
    return heard.getvalue()


def profiles_of_group() -> str:
    with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
        pd.DataFrame({"id": ["a"], "n": [1]}).mixpanel.group(TEXT).set("id")
        return repr(emulator)


LONG = "x" * 300

#: Where -> what is seen there.
PLACES: dict[str, Callable[[], str]] = {
    "an unknown column": lambda: message_of(lambda: lines().mixpanel.set(f"{TEXT}!", dry_run=True)),
    "columns to choose from": lambda: message_of(lambda: lines().mixpanel.set(dry_run=True)),
    "an option": lambda: message_of(lambda: lines().mixpanel.set("id", missing=TEXT)),
    "an unknown option": lambda: message_of(lambda: lines().mixpanel.set("id", **{TEXT: 1})),
    "values that are invalid": lambda: message_of(lambda: lines(**{f"{TEXT}2": LONG + TEXT}).mixpanel.set("id", dry_run=True)),
    "a warning": lambda: warning_of(lambda: pd.DataFrame({"id": ["a"], f"{TEXT}e": 1, "email": "x"}).mixpanel.group(TEXT).set("id", dry_run=True)),
    "a group": lambda: repr(lines().mixpanel.group(TEXT)),
    "the emulator": profiles_of_group,
    "a report": lambda: str(mpd.show(lines(**{"$email": TEXT}).mixpanel.validate("set", "id"))),
    "a report in HTML": lambda: mpd.show(lines(**{"$email": TEXT}).mixpanel.validate("set", "id"))._repr_html_(),
    "an inventory": lambda: str(mpd.show(lines().mixpanel.inventory())),
    "any frame": lambda: str(mpd.show(lines())),
    "a frame named like ours": lambda: str(mpd.show(pd.DataFrame([[TEXT] * 6], columns=["batch", "status_code", "outcome", "error", "limit", "type"]))),
    "a preview": lambda: repr(lines(**{"$email": TEXT}).mixpanel.preview("set", "id", save_values=True)),
    "a preview of a group": lambda: repr(lines().mixpanel.group(TEXT).preview("set", "id", save_values=True)),
    "a saved preview": lambda: "\n".join(lines().mixpanel.group(TEXT).preview("set", "id", save_values=True)._static().values()),
    "a widget": seen_in_widget,
    "log, bar and summary": sent_with_schema,
    "a traceback in the log": logged_traceback,
}  # fmt: skip


def left_in(seen: str) -> list[str]:
    return [name for name, character in HOSTILE.items() if character in seen]


@pytest.mark.filterwarnings("ignore::mixpanel_pandas.errors.ProfileWarning")
@pytest.mark.parametrize("place", PLACES)
def test_nothing_foreign_goes_out_as_it_is(place: str) -> None:
    seen = PLACES[place]()
    assert "red" in seen
    assert left_in(seen) == []


@pytest.fixture
def table(tmp_path: Path) -> str:
    path = tmp_path / "users.csv"
    frame = pd.DataFrame({"id": [TEXT, "b"], TEXT: [TEXT, LONG + TEXT], "email": ["x", "y"]})
    frame.to_csv(path, index=False, quoting=csv.QUOTE_ALL)
    return str(path)


#: What is typed; FILE is a table, FOLDER one that can be written to.
COMMANDS = {
    "profiles": ["set", "FILE", "--id", "id", "--emulator", "--invalid", "drop_row"],
    "groups": ["set", "FILE", "--id", "id", "--emulator", "--invalid", "drop_row", "--group", TEXT],
    "the error": ["set", "FILE", "--id", "id", "--emulator"],
    "the report": ["validate", "set", "FILE", "--id", "id"],
    "the inventory": ["inventory", "FILE"],
    "an unknown column": ["set", "FILE", "--id", f"{TEXT}!", "--emulator"],
    "an unknown property": ["set", "FILE", "--id", "id", "--property", f"{TEXT}!", "--emulator"],
    "a pair that is none": ["update", "FILE", "--id", "id", "--property", TEXT],
    "an unknown command": [TEXT],
    "an unknown option": ["set", "FILE", f"--{TEXT}"],
    "a choice": ["set", "FILE", "--missing", TEXT],
    "a number": ["set", "FILE", "--workers", TEXT],
    "too much": ["set", "FILE", TEXT],
    "no file": ["set", f"{TEXT}.csv"],
    "no table": ["set", f"FOLDER/{TEXT}.txt", "--id", "id", "--emulator"],
    "a folder to write to": ["set", "FILE", "--failures", f"/{TEXT}/f.csv"],
    "the input to write to": ["inventory", f"FOLDER/{TEXT}.txt", "--output", f"FOLDER/{TEXT}.txt"],
    "payloads": ["payloads", "set", "FILE", "--id", "id", "--invalid", "drop_row"],
    "a job": ["run", f"FOLDER/{TEXT}.txt"],
    "the log as JSON": ["set", "FILE", "--id", "id", "--emulator", "--log-format", "json"],
    "a journal": ["journal", f"FOLDER/{TEXT}.txt"],
    "a run": ["journal", "JOURNAL", "--run", TEXT],
    "what is not written": ["inventory", "FILE", "--output", f"FOLDER/{TEXT}.parquet"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_line_shows_nothing_foreign_as_it_is(command: str, table: str, tmp_path: Path) -> None:
    (tmp_path / f"{TEXT}.txt").write_text("no table, and no journal")
    journal = str(tmp_path / "mp.sqlite")
    with mpd.Emulator() as emulator, mpd.set_project(emulator.project):
        pd.DataFrame({"id": ["a"], "n": [1]}).mixpanel.set("id", journal=journal, run=f"run {TEXT}")
    places = {"FILE": table, "JOURNAL": journal, "FOLDER": str(tmp_path)}
    typed = []
    for word in COMMANDS[command]:
        for name, path in places.items():
            word = word.replace(name, path)  # noqa: PLW2901
        typed.append(word)
    done = CliRunner().invoke(main, typed, color=True)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    seen = done.output.replace("\x1b[1m", "").replace("\x1b[0m", "")  # our own
    assert "red" in seen
    assert left_in(seen) == []


def test_a_real_terminal_gets_nothing_foreign(table: str) -> None:
    """Where nobody looks click itself takes escape sequences out, so somebody does."""
    near, far = pty.openpty()
    command = [
        sys.executable,
        "-m",
        "mixpanel_pandas",
        "set",
        table,
        "--id",
        "id",
        "--emulator",
        "--invalid",
        "drop_row",
    ]
    with subprocess.Popen(command, stdin=far, stdout=far, stderr=far, env={**os.environ, "TERM": "xterm"}):
        os.close(far)
        seen = b""
        with contextlib.suppress(OSError):  # the end of a terminal
            while part := os.read(near, 65_536):
                seen += part
    os.close(near)
    text = seen.decode()
    assert "Profiles as Mixpanel now holds them" in text
    assert "\\x1b[31mred" in text
    ours = {"\x1b", "\r"}  # bold captions, the bar, ends of lines
    assert [name for name in left_in(text) if HOSTILE[name] not in ours] == []
    assert "\x1b[31m" not in text


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda name: pd.DataFrame({name: ["a"]}).mixpanel.set(), id="the columns there are"),
        pytest.param(pd.DataFrame({"id": ["a"]}).mixpanel.set, id="an unknown column"),
        pytest.param(lambda name: pd.DataFrame({name: ["a"]}).mixpanel.set(f"{name}y"), id="a close match"),
        pytest.param(lambda name: pd.DataFrame({"id": [name], name: [b""]}).mixpanel.set("id"), id="values"),
        pytest.param(
            lambda name: pd.DataFrame({"id": ["a"]}).mixpanel.set("id", missing=name), id="an option"
        ),
        pytest.param(lambda name: pd.DataFrame({"id": ["a"]}).mixpanel.set("id", run=[name]), id="a run"),
        pytest.param(lambda name: pd.DataFrame({"id": ["a"]}).mixpanel.group([name]), id="a group"),
        pytest.param(lambda name: mpd.Project("0" * 32, name), id="a region"),
    ],
)
def test_messages_are_bounded(call: Callable[[str], object]) -> None:
    with pytest.raises(mpd.MixpanelError) as raised:
        call("x" * 100_000)
    assert len(str(raised.value)) <= Length.MESSAGE


def test_hints_and_reprs_are_bounded() -> None:
    frame = pd.DataFrame({"x" * 10_000: ["a"], "email": ["x"]})
    warned = warning_of(lambda: frame.mixpanel.group("g" * 10_000).set("x" * 10_000, dry_run=True))
    assert max(map(len, warned.split("\n"))) < 600
    assert len(repr(frame.mixpanel.group("g" * 10_000))) < 300
    assert len(str(mpd.show(frame))) < 500

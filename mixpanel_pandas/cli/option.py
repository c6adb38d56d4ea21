"""`CommandOption`: an option of the command line, and its value as Python takes it, from what was typed or stands in a job."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from mixpanel_pandas.errors import OperationError
from mixpanel_pandas.errors import choices as listed
from mixpanel_pandas.rules.jobs import option_key
from mixpanel_pandas.text import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["HEADINGS", "CommandOption", "Heading", "value_in_job", "value_of_words"]

Heading = Literal[
    "What is sent", "Reading", "Wrong and missing values", "Profiles", "Plans", "Guards", "Sending", "Resuming an upload",
    "Project", "Results and log", "Jobs",
]  # fmt: skip
HEADINGS: tuple[Heading, ...] = get_args(Heading)

#: - ``texts``: may be repeated.
#: - ``mapping``: pairs such as COLUMN=READING; may be repeated.
#: - ``mapping or text``: the same, or one word for all columns or checks.
#: - ``mapping or texts``: the same, or words alone.
#: - ``names``: one text, with commas between the names.
#: - ``path``: a file that the command reads or writes; in a job relative to the folder of the job.
#: - ``switch``: a flag that has no opposite.
#: - ``properties``: the path of a table of properties, or the word true; in a job also a list of names, or a table of types.
Kind = Literal[
    "text",
    "text or number",
    "texts",
    "mapping",
    "mapping or text",
    "mapping or texts",
    "names",
    "path",
    "properties",
    "integer",
    "number",
    "flag",
]


@dataclass(frozen=True)
class CommandOption:
    """An option of the command line.

    Attributes
    ----------
    name : str
        The keyword in Python.
    heading : str
        Where the help lists it.
    kind : str
        What its value is.
    does : str
        What it does, for the help.
    metavar : str
        The placeholder of the value in the help.
    choices : tuple of str
        The values that it may have; all if empty.
    default : object
        The default that the help shows. None: nothing is shown. A flag is shown as it changes the default.
    in_job : bool
        Whether a job can contain it.
    off : str
        What ``--no-...`` does, for the help: its value is False then. Empty: it cannot be turned off.
    """

    name: str
    heading: Heading
    kind: Kind
    does: str
    metavar: str = ""
    choices: tuple[str, ...] = ()
    default: Any = None
    in_job: bool = True
    off: str = ""

    @property
    def key(self) -> str:
        """Its name on the command line, without the dashes, and in a job."""
        return option_key(self.name)

    @property
    def off_name(self) -> str:
        """The name of what is typed to turn it off."""
        return f"no_{self.name}"

    @property
    def is_path(self) -> bool:
        """Whether text is the path of a file."""
        return self.kind in {"path", "properties"}

    @property
    def repeats(self) -> bool:
        """Whether it may be given several times."""
        return self.kind in {"texts", "mapping", "mapping or text", "mapping or texts"}


# -- words and values of TOML -> values of Python -----------------------------------------------------------------------


def value_of_words(row: CommandOption, typed: Any) -> Any:
    """Return the value of an option as Python takes it, from what was typed.

    Raises
    ------
    OperationError
        If a pair is incomplete.
    """
    if not row.repeats:
        return _of_text(row, typed)
    words: Sequence[str] = typed
    has_pairs = any("=" in word for word in words)
    if row.kind == "texts" or (row.kind == "mapping or texts" and not has_pairs):
        return list(words)
    if row.kind == "mapping or text" and not has_pairs:
        return words[-1]
    if row.kind == "mapping or texts":
        return {name: detail for name, _, detail in (word.partition("=") for word in words)}
    incomplete = [word for word in words if "=" not in word]
    if incomplete:
        msg = f"--{row.key} {quoted(incomplete[0])}: write it as {row.metavar}"
        raise OperationError(msg)
    pairs = dict(word.split("=", 1) for word in words)
    return _remedies_of_columns(pairs) if row.name == "invalid" else pairs


def _remedies_of_columns(pairs: Mapping[str, str]) -> dict[str, Any]:
    """Return the option `invalid` as Python takes it, with the checks of a column in a mapping of their own.

    >>> _remedies_of_columns({"missing_id": "drop_row", "bio:long_string": "truncate"})
    {'missing_id': 'drop_row', 'bio': {'long_string': 'truncate'}}
    """
    remedies: dict[str, Any] = {}
    for name, remedy in pairs.items():
        column, colon, check = name.rpartition(":")
        if colon and isinstance(remedies.get(column, {}), dict):
            remedies.setdefault(column, {})[check] = remedy
        else:
            remedies[name] = remedy
    return remedies


def _of_text(row: CommandOption, text: Any) -> Any:
    """Return the value of a single word."""
    if row.kind == "names" and isinstance(text, str):
        return text.split(",")
    if row.kind == "properties" and text == "true":
        return True
    return int(text) if row.name == "updated_at" and isinstance(text, str) and text.isdigit() else text


#: Kind -> the types that a value in a job may have, and the types in words.
_TYPES: dict[Kind, tuple[tuple[type, ...], str]] = {
    "text": ((str,), "text"),
    "text or number": ((str, int, float, dt.date), "text, a number or a time"),
    "texts": ((str, list), "a list of texts"),
    "mapping": ((dict,), "a table"),
    "mapping or text": ((dict, str), "a table or text"),
    "mapping or texts": ((dict, list), "a table or a list of texts"),
    "names": ((list,), "a list of texts"),
    "path": ((str,), "text"),
    "properties": ((str, bool, list, dict), "text, true, a list of texts or a table"),
    "integer": ((int,), "a whole number"),
    "number": ((int, float), "a number"),
    "flag": ((bool,), "true or false"),
}


def value_in_job(row: CommandOption, value: Any) -> Any:
    """Return the value of an option as Python takes it, from the value in a job.

    Raises
    ------
    ValueError
        If it has another type than the option, or is none of its choices.
    """
    if row.off and value is False:
        return False
    types, words = _TYPES[row.kind]
    items = list(value.values()) if isinstance(value, Mapping) else value if isinstance(value, list) else []
    if row.name == "invalid":  # a column has a table of its own
        items = [
            inner for item in items for inner in (item.values() if isinstance(item, Mapping) else [item])
        ]
    is_true = isinstance(value, bool) and row.kind not in {"flag", "properties"}  # bool is a kind of int
    if not isinstance(value, types) or is_true or not all(isinstance(item, str) for item in items):
        msg = f"{row.key} takes {words}{' or false' if row.off else ''}, not {quoted(value)}"
        raise ValueError(msg)
    if row.choices and value not in row.choices:
        msg = f"{row.key} takes one of {listed(row.choices)}, not {quoted(value)}"
        raise ValueError(msg)
    if row.kind == "texts" and isinstance(value, str):
        return [value]
    return _of_text(row, value)

"""The options of the commands: a table with a row for each, made from the options of the verbs and from those of the command line.

The table decides the flags, the help, and the keys of a job with the types of their values.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from mixpanel_pandas.errors import OperationError
from mixpanel_pandas.errors import choices as listed
from mixpanel_pandas.project import REGIONS
from mixpanel_pandas.rules.jobs import option_key
from mixpanel_pandas.rules.options import ALL_OPTIONS, taken_by
from mixpanel_pandas.text import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mixpanel_pandas.rules.options import Option

__all__ = [
    "EVERY_OPTION",
    "HEADINGS",
    "OF_READING",
    "CommandOption",
    "Heading",
    "options_of_report",
    "options_of_verb",
    "value_in_job",
    "value_of_words",
]

Heading = Literal[
    "What is sent", "Reading", "Wrong and missing values", "Profiles", "Sending", "A run that goes on", "Project",
    "Results and log", "Jobs",
]  # fmt: skip
HEADINGS: tuple[Heading, ...] = (
    "What is sent", "Reading", "Wrong and missing values", "Profiles", "Sending", "A run that goes on", "Project",
    "Results and log", "Jobs",
)  # fmt: skip

#: - ``texts``: may be repeated.
#: - ``mapping``: pairs such as COLUMN=READING; may be repeated.
#: - ``mapping or text``: the same, or one word for all columns or checks.
#: - ``mapping or texts``: the same, or words alone.
#: - ``names``: one text, with commas between the names.
#: - ``path``: a file that the command reads or writes; in a job relative to the folder of the job.
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
        What stands for the value in the help.
    choices : tuple of str
        The values that it may have; all if empty.
    default : object
        The default that the help shows. None: nothing is shown. A flag is shown as it changes the default.
    in_job : bool
        Whether it can stand in a job.
    """

    name: str
    heading: Heading
    kind: Kind
    does: str
    metavar: str = ""
    choices: tuple[str, ...] = ()
    default: Any = None
    in_job: bool = True

    @property
    def key(self) -> str:
        """Its name on the command line, without the dashes, and in a job."""
        return option_key(self.name)

    @property
    def is_path(self) -> bool:
        """Whether text is the path of a file."""
        return self.kind in {"path", "properties"}

    @property
    def repeats(self) -> bool:
        """Whether it may be given several times."""
        return self.kind in {"texts", "mapping", "mapping or text", "mapping or texts"}


#: Options of Python that the command line does not have: it has others in their place, or a process sends only once.
ONLY_IN_PYTHON = {"schema", "project", "progress", "repeat"}

#: Option of the verbs -> what differs from its row in `ALL_OPTIONS`.
DIFFERENCES: dict[str, dict[str, Any]] = {
    "rename": {
        "kind": "mapping or text",
        "metavar": "COLUMN=PROPERTY",
        "does": "Send a column as another property. The word reserved alone does so for columns that look like reserved "
        "properties: Email Address becomes $email.",
    },
    "parse": {
        "kind": "mapping",
        "metavar": "COLUMN=READING",
        "does": "Read text as number, number:1.234,5, date:dd/mm/yyyy, boolean:Yes/No, json, list:semicolon and others. The "
        "command validate proposes them.",
    },
    "na": {
        "kind": "texts",
        "metavar": "TEXT",
        "does": "A text that means a missing value, or a set of them: common or pandas.",
    },
    "trim": {"does": "Remove outer blanks and invisible characters from ids, names and text."},
    "spread": {
        "kind": "mapping or texts",
        "metavar": "COLUMN[=PREFIX]",
        "does": "Send each key of an object as a property, perhaps with a prefix.",
    },
    "invalid": {
        "kind": "mapping or text",
        "metavar": "[[COLUMN:]CHECK=]REMEDY",
        "does": "What an error does, for one check (of one column) or for all: refuse the table (raise), leave out the row (drop_row) "
        "or the value (drop_value), or cut the text (truncate).",
    },
    "duplicates": {
        "does": "What several rows of one id do: refuse the table (by default for set and set_once), send the last (unset, delete), be "
        "merged, or all be sent in their order (the others).",
    },
    "ip": {"metavar": "ADDRESS|COLUMN"},
    "latitude": {"kind": "text or number", "metavar": "DEGREES|COLUMN"},
    "longitude": {"kind": "text or number", "metavar": "DEGREES|COLUMN"},
    "updated_at": {
        "kind": "text or number",
        "metavar": "keep|refresh|TIME|COLUMN",
        "does": 'What "Updated at" in Mixpanel becomes: it stays (keep), becomes now (refresh), or is a time or that of a column.',
    },
    "deadline": {"metavar": "SECONDS"},
    "check": {"does": "Report an error if any row is not accepted. By default only if none is."},
    "dry_run": {"does": "Do everything but send."},
    "known": {
        "kind": "properties",
        "metavar": "FILE|true",
        "does": "A table of the properties that Mixpanel has (name, type), so that others are found; true asks Mixpanel.",
    },
    "journal": {"kind": "path", "metavar": "FILE"},
    "run": {
        "metavar": "NAME",
        "does": "Name of the run in the journal. {date} stands for today, {hour} for this hour in UTC: users-{date}.",
    },
    "on_changed": {
        "does": "Refuse the call, or send only the remaining ids, if the run in the journal has other content.",
    },
}

#: Option of the verbs -> its heading, where the heading does not follow from who takes it.
PLACES: dict[str, Heading] = {
    **dict.fromkeys(("parse", "na", "trim"), "Reading"),
    **dict.fromkeys(
        ("invalid", "duplicates", "missing", "blank", "known", "new_properties"), "Wrong and missing values"
    ),
    **dict.fromkeys(("journal", "run", "on_changed"), "A run that goes on"),
}
_PLACE_OF: dict[str, Heading] = {
    "rows": "Profiles",
    "values": "What is sent",
    "sending": "Sending",
    "delete": "Sending",
}


def _of_python(option: Option) -> CommandOption:
    """Return an option of the verbs as one of the command line."""
    words = tuple(choice for choice in option.choices if isinstance(choice, str))
    kinds: dict[str, Kind] = {"int": "integer", "float": "number", "bool": "flag"}
    kind = kinds.get(option.type.split(",")[0], "text")
    default = option.default if isinstance(option.default, int | str) else None
    row = CommandOption(
        option.name,
        PLACES.get(option.name, _PLACE_OF[option.of]),
        kind,
        option.does,
        choices=words,
        default=default,
    )
    return replace(row, **DIFFERENCES.get(option.name, {}))


OF_VERBS = {name: _of_python(option) for name, option in ALL_OPTIONS.items() if name not in ONLY_IN_PYTHON}

ROWS = (
    CommandOption("id", "What is sent", "text", "Column of the ids. By default distinct_id.", "COLUMN"),
    CommandOption(
        "group", "What is sent", "text", "Write group profiles of this key instead of users.", "KEY"
    ),
)

PROPERTY = CommandOption(
    "property", "What is sent", "texts", "Send this column. By default all are sent.", "COLUMN"
)

#: Verb -> its --property, if that is not a column to send; `delete` has none.
PROPERTY_OF = {
    "unset": replace(PROPERTY, metavar="NAME", does="Remove this property."),
    "update": replace(
        PROPERTY,
        kind="mapping",
        metavar="COLUMN=VERB",
        does="Send this column with this verb, as in plan=set.",
    ),
}

#: How a source is read, beside `parse`, `na`, `trim` and `invalid`, which the verbs have as well.
OF_READING: dict[str, CommandOption] = {
    option.name: option
    for option in (
        CommandOption(
            "format",
            "Reading",
            "text",
            "Format of the source: csv, tsv, jsonl, parquet or arrow. By default the ending says it. Standard input needs it.",
            "NAME",
        ),
        CommandOption(
            "encoding", "Reading", "text", "Encoding of text, such as cp1252. By default UTF-8.", "NAME"
        ),
        CommandOption(
            "delimiter",
            "Reading",
            "text",
            "Between two columns of a CSV: a character, or tab, comma, semicolon, pipe, space. By default that of the first line.",
            "CHARACTER",
        ),
        CommandOption(
            "decimal", "Reading", "text", "Decimal mark of numbers in a CSV, such as a comma.", "CHARACTER"
        ),
        CommandOption(
            "header", "Reading", "flag", "The first line of a CSV is a row, and no names.", default=True
        ),
        CommandOption(
            "names", "Reading", "names", "Names of the columns, with commas between them.", "NAME,NAME"
        ),
        CommandOption(
            "infer",
            "Reading",
            "flag",
            "Leave text as it is: only --parse makes numbers, dates and booleans of a CSV. A job does so unless it says infer = true.",
            default=True,
        ),
        CommandOption(
            "spool", "Reading", "path", "Folder for the temporary file that holds a large table.", "FOLDER"
        ),
    )
}

YES = CommandOption(
    "yes",
    "Sending",
    "flag",
    "Delete profiles or properties without asking. Needed where nobody can be asked.",
    default=False,
)

#: Verbs with --yes: they take something away for good, or can.
WITH_YES = ("unset", "delete", "update")

#: What the command line adds to the options of a verb.
OF_COMMANDS = (
    CommandOption(
        "project",
        "Project",
        "path",
        "A TOML file with the token, and the region or url, instead of the environment.",
        "FILE",
    ),
    CommandOption(
        "region",
        "Project",
        "text",
        "Region of the project, instead of MIXPANEL_REGION.",
        choices=tuple(REGIONS),
    ),
    CommandOption(
        "token",
        "Project",
        "text",
        "Project token. Everybody on this machine can see it: prefer MIXPANEL_TOKEN or --project.",
        "TOKEN",
        in_job=False,
    ),
    CommandOption(
        "emulator",
        "Project",
        "flag",
        "Write to an emulator on this machine, which ends with the command.",
        default=False,
    ),
    CommandOption(
        "failures",
        "Results and log",
        "path",
        "Write the rows to send again to a .parquet, .csv or .jsonl file, or to standard output (-) as JSON Lines.",
        "FILE",
    ),
    CommandOption(
        "summary", "Results and log", "path", "Write what became of the rows, in the same formats.", "FILE"
    ),
)

LOG = (
    CommandOption(
        "log_format",
        "Results and log",
        "text",
        "How the log on standard error is written.",
        choices=("text", "json"),
        default="text",
    ),
    CommandOption(
        "quiet",
        "Results and log",
        "flag",
        "Print no tables, and of the log only warnings and errors.",
        default=False,
    ),
)

JOBS = (
    CommandOption(
        "job",
        "Jobs",
        "path",
        "A TOML file with options. Options of the command line win over it.",
        "FILE",
        in_job=False,
    ),
    CommandOption(
        "save_job", "Jobs", "path", "Write this call to a job file, and send nothing.", "FILE", in_job=False
    ),
)

REPORT = (
    CommandOption(
        "output",
        "Results and log",
        "path",
        "Also write all of it to a .parquet, .csv or .jsonl file.",
        "FILE",
        in_job=False,
    ),
    CommandOption("first", "Results and log", "integer", "How many rows are shown.", "NUMBER", in_job=False),
)

#: Name -> every option that a job can hold.
EVERY_OPTION: dict[str, CommandOption] = {
    option.name: option
    for option in (*ROWS, PROPERTY, *OF_READING.values(), *OF_VERBS.values(), YES, *OF_COMMANDS, *LOG, *JOBS)
}


def options_of_verb(verb: str) -> list[CommandOption]:
    """Return the options of the command of a verb."""
    asks = (YES,) if verb in WITH_YES else ()
    return [*_options_of_rows(verb, sending=True), *asks, *OF_COMMANDS, *LOG, *JOBS]


def options_of_report(verb: str) -> list[CommandOption]:
    """Return the options of a command that sends nothing, but looks at what a verb would send."""
    return [*_options_of_rows(verb, sending=False), *REPORT, *LOG, *JOBS[:1]]


def _options_of_rows(verb: str, *, sending: bool) -> list[CommandOption]:
    taken = {option.name for option in taken_by(verb, sending=sending)}
    properties = () if verb == "delete" else (PROPERTY_OF.get(verb, PROPERTY),)
    of_verb = [option for name, option in OF_VERBS.items() if name in taken]
    of_reading = [option for option in of_verb if option.heading == "Reading"]
    rest = [option for option in of_verb if option.heading != "Reading"]
    return [*ROWS, *properties, *of_reading, *OF_READING.values(), *rest]


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
    types, words = _TYPES[row.kind]
    items = list(value.values()) if isinstance(value, Mapping) else value if isinstance(value, list) else []
    if row.name == "invalid":  # a column has a table of its own
        items = [
            inner for item in items for inner in (item.values() if isinstance(item, Mapping) else [item])
        ]
    is_true = isinstance(value, bool) and row.kind not in {"flag", "properties"}  # bool is a kind of int
    if not isinstance(value, types) or is_true or not all(isinstance(item, str) for item in items):
        msg = f"{row.key} takes {words}, not {quoted(value)}"
        raise ValueError(msg)
    if row.choices and value not in row.choices:
        msg = f"{row.key} takes one of {listed(row.choices)}, not {quoted(value)}"
        raise ValueError(msg)
    if row.kind == "texts" and isinstance(value, str):
        return [value]
    return _of_text(row, value)

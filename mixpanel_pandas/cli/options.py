"""The options of the commands: a table with a row for each, made from the options of the verbs and from those of the command line.

The table decides the flags, the help, and the keys of a job with the types of their values.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mixpanel_pandas.cli.option import CommandOption
from mixpanel_pandas.cli.plan_options import APPLYING, OF_GUARDS, PLANNING, SHOWING, TO
from mixpanel_pandas.project import REGIONS
from mixpanel_pandas.rules.operators import REMOVALS
from mixpanel_pandas.rules.options import ALL_OPTIONS, taken_by

if TYPE_CHECKING:
    from mixpanel_pandas.cli.option import Heading, Kind
    from mixpanel_pandas.rules.options import Option

__all__ = [
    "EVERY_OPTION",
    "LOG",
    "OF_PROJECT",
    "OF_READING",
    "OF_SENDING",
    "REPORT",
    "SINCE",
    "options_of_apply",
    "options_of_plan",
    "options_of_report",
    "options_of_verb",
]

#: Options of Python that the command line does not have: it has others in their place, or a process sends only once.
ONLY_IN_PYTHON = {"schema", "project", "progress", "repeat"}

#: Option of the verbs -> what differs from its row in `ALL_OPTIONS`.
DIFFERENCES: dict[str, dict[str, Any]] = {
    "rename": {
        "kind": "mapping or text",
        "metavar": "COLUMN=PROPERTY",
        "does": "Send a column under another name. The word reserved alone renames columns that look like reserved "
        "properties: Email Address becomes $email.",
    },
    "parse": {
        "kind": "mapping",
        "metavar": "COLUMN=READING",
        "does": "Convert text as number, number:1.234,5, date:dd/mm/yyyy, boolean:Yes/No, json, list:semicolon and others. The "
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
        "does": "Send each key of an object as a property, optionally with a prefix.",
    },
    "invalid": {
        "kind": "mapping or text",
        "metavar": "[[COLUMN:]CHECK=]REMEDY",
        "does": "What happens to an error of one check (of one column) or of all checks: refuse the table (raise), leave out the row "
        "(drop_row) or the value (drop_value), or cut the text (truncate).",
    },
    "duplicates": {
        "does": "What happens to several rows of one id: refuse the table (default of set and set_once), send the last one (default of unset "
        "and delete), merge them, or send all in order (default of the others).",
    },
    "ip": {"metavar": "ADDRESS|COLUMN"},
    "latitude": {"kind": "text or number", "metavar": "DEGREES|COLUMN"},
    "longitude": {"kind": "text or number", "metavar": "DEGREES|COLUMN"},
    "updated_at": {
        "kind": "text or number",
        "metavar": "keep|refresh|TIME|COLUMN",
        "does": 'What happens to "Updated at" in Mixpanel: it stays as it is (keep), becomes the current time (refresh), or is taken from a column or a time.',
    },
    "at_most": {
        "does": "The most profiles that may be changed or deleted. Verbs other than delete take it only with --since.",
    },
    "backup": {
        "kind": "path",
        "metavar": "FILE",
        "does": "The file that keeps the removed values. By default one in the working directory, if there is a service account.",
        "off": "Keep no backup of the removed values.",
    },
    "deadline": {"metavar": "SECONDS"},
    "check": {"does": "Report an error if any row is not accepted. By default only if none is."},
    "dry_run": {"does": "Do everything but send."},
    "known": {
        "kind": "properties",
        "metavar": "FILE|true",
        "does": "A table of the properties that exist in Mixpanel (name, type), so that new ones are reported; true asks Mixpanel.",
    },
    "journal": {"kind": "path", "metavar": "FILE"},
    "run": {
        "metavar": "NAME",
        "does": "Name of the run in the journal. {date} becomes today, {hour} this hour in UTC: users-{date}.",
    },
    "on_changed": {
        "does": "Refuse the call, or send only the remaining ids, if the values differ from those of the run in the journal.",
    },
}

#: Option of the verbs -> its heading, where the heading does not follow from who takes it.
PLACES: dict[str, Heading] = {
    **dict.fromkeys(("parse", "na", "trim"), "Reading"),
    **dict.fromkeys(
        ("invalid", "duplicates", "missing", "blank", "known", "new_properties"), "Wrong and missing values"
    ),
    **dict.fromkeys(("journal", "run", "on_changed"), "Resuming an upload"),
    "at_most": "Guards",
}
_PLACE_OF: dict[str, Heading] = {
    "rows": "Profiles",
    "values": "What is sent",
    "sending": "Sending",
    "removal": "Sending",
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

#: The options of sending that a plan leaves to the call which applies it.
OF_SENDING = tuple(
    name for name in OF_VERBS if ALL_OPTIONS[name].of == "sending" and name not in {"run", "on_changed"}
)

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
        does="Send this column with this verb, such as plan=set.",
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
            "Format of the source: csv, tsv, jsonl, parquet or arrow. By default the ending of the name decides. Required for standard input.",
            "NAME",
        ),
        CommandOption(
            "encoding", "Reading", "text", "Encoding of text, such as cp1252. By default UTF-8.", "NAME"
        ),
        CommandOption(
            "delimiter",
            "Reading",
            "text",
            "Separator of a CSV: a character, or tab, comma, semicolon, pipe, space. By default that of the first line.",
            "CHARACTER",
        ),
        CommandOption(
            "decimal", "Reading", "text", "Decimal mark of numbers in a CSV, such as a comma.", "CHARACTER"
        ),
        CommandOption(
            "header", "Reading", "flag", "The first line of a CSV is a row, not a header.", default=True
        ),
        CommandOption(
            "names", "Reading", "names", "Names of the columns, with commas between them.", "NAME,NAME"
        ),
        CommandOption(
            "infer",
            "Reading",
            "flag",
            "Infer no types: only --parse converts the text of a CSV. This is the default of a job without infer = true.",
            default=True,
        ),
        CommandOption(
            "spool", "Reading", "path", "Folder for the temporary file that holds a large table.", "FOLDER"
        ),
    )
}

#: Verbs with --since: a file of what was accepted tells what they left.
WITH_SINCE = ("set", "unset", "update")

YES = CommandOption(
    "yes",
    "Sending",
    "flag",
    "Delete profiles or properties without asking. Required without a terminal.",
    default=False,
)

#: Verbs with --yes: they take something away for good, or can.
WITH_YES = (*REMOVALS, "update")

OF_PROJECT = (
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
)

SUMMARY = CommandOption(
    "summary", "Results and log", "path", "Write the summary, in the same formats.", "FILE"
)

#: What the command line adds to the options of a verb.
OF_COMMANDS = (
    *OF_PROJECT,
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
    SUMMARY,
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
        "Also write the whole table to a .parquet, .csv or .jsonl file.",
        "FILE",
        in_job=False,
    ),
    CommandOption("first", "Results and log", "integer", "How many rows are shown.", "NUMBER", in_job=False),
)

#: Name -> every option of the verbs and of plans, in the order of the help.
EVERY_OPTION: dict[str, CommandOption] = {
    option.name: option
    for option in (
        *ROWS, PROPERTY, *OF_READING.values(), *PLANNING.values(), TO, *APPLYING.values(), *OF_GUARDS.values(), *OF_VERBS.values(), YES,
        *OF_COMMANDS, *LOG, *SHOWING, *JOBS,
    )
}  # fmt: skip


def options_of_verb(verb: str) -> list[CommandOption]:
    """Return the options of the command of a verb."""
    asks = (YES,) if verb in WITH_YES else ()
    rows = _options_of_rows(verb, sending=True)
    taken = {row.name for row in rows}
    since = [
        row for name, row in _PLANS.items() if name in SINCE and _takes(verb, name) and name not in taken
    ]
    return [*rows, *since, *asks, *OF_COMMANDS, *LOG, *JOBS]


_PLANS = {**PLANNING, **APPLYING, **OF_GUARDS}

#: The options of an upload with --since, which deletes nothing.
SINCE = ("since", "only", "mirror", "backup", "at_most", "at_most_share", "at_most_emptied")


def _takes(verb: str, name: str) -> bool:
    """Return whether an upload with a verb takes an option of `SINCE`."""
    return verb in (("set",) if name == "mirror" else WITH_SINCE)


def options_of_plan(verb: str) -> list[CommandOption]:
    """Return the options of the command that plans a verb."""
    planning = [row for name, row in PLANNING.items() if name in {"current", "only"} or _takes(verb, name)]
    return [*_options_of_rows(verb, sending=False), *planning, TO, *OF_PROJECT, *LOG, *JOBS[:1]]


def options_of_apply() -> list[CommandOption]:
    """Return the options of the command that applies a plan."""
    sending = [OF_VERBS[name] for name in OF_SENDING]
    return [*APPLYING.values(), *OF_GUARDS.values(), *sending, *OF_PROJECT, SUMMARY, *LOG]


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

"""The options of plans: what they compare with, how they are applied, what they may do at most, and how they are shown."""

from __future__ import annotations

from mixpanel_pandas.cli.option import CommandOption

__all__ = ["APPLYING", "OF_GUARDS", "PLANNING", "SHOWING", "TO"]

#: What a plan compares with, and what it leaves out.
PLANNING = {
    option.name: option
    for option in (
        CommandOption(
            "since",
            "Plans",
            "path",
            "A snapshot: a Parquet file of the values that were last accepted. Only different values are sent, and accepted values are added.",
            "FILE",
        ),
        CommandOption(
            "current",
            "Plans",
            "path",
            "Profiles that were read: the folder of read_profiles, or a .parquet file of its frame. By default they are read now.",
            "PATH",
            in_job=False,
        ),
        CommandOption(
            "only",
            "Plans",
            "text",
            "Send only rows whose profile exists (existing), or does not exist (new).",
            choices=("existing", "new"),
        ),
        CommandOption(
            "mirror",
            "Plans",
            "flag",
            "Remove properties that have no value in the row; with --since also those that were written before and are no longer in the table.",
            default=False,
        ),
    )
}

#: Where a plan is written.
TO = CommandOption(
    "to", "Plans", "path", "Write the plan to this .parquet file. Needed.", "FILE", in_job=False
)

#: How a plan is applied.
APPLYING = {
    option.name: option
    for option in (
        CommandOption(
            "backup",
            "Plans",
            "path",
            "Write the values of the profiles before the change to this .parquet file, from which undo makes a plan. By default apply writes one beside the plan.",
            "FILE",
            off="Write no backup, so that the change cannot be undone.",
        ),
        CommandOption(
            "drift",
            "Plans",
            "text",
            "What happens if profiles have changed since the plan was made: leave them out, or refuse the plan.",
            choices=("leave_out", "raise"),
            in_job=False,
        ),
        CommandOption(
            "wait", "Plans", "flag", "Wait when Mixpanel's queries of this hour are used up.", default=False
        ),
    )
}

#: What a plan may do at most.
OF_GUARDS = {
    option.name: option
    for option in (
        CommandOption("at_most", "Guards", "integer", "The most profiles that may be changed."),
        CommandOption(
            "at_most_share",
            "Guards",
            "number",
            "The largest share of all profiles that may be changed, from 0 to 1; with --since of those in the file.",
        ),
        CommandOption("at_most_emptied", "Guards", "integer", "The most values that may be emptied."),
        CommandOption(
            "at_most_deletes",
            "Guards",
            "integer",
            "The most profiles that a plan may delete.",
            default=1000,
            in_job=False,
        ),
        CommandOption(
            "new_properties",
            "Guards",
            "text",
            "Whether a plan may create properties that no profile has.",
            choices=("allow", "raise"),
            default="allow",
        ),
    )
}

SHOWING = (
    CommandOption(
        "rows", "Results and log", "integer", "How many values are shown.", "NUMBER", default=20, in_job=False
    ),
    CommandOption(
        "markdown",
        "Results and log",
        "flag",
        "Print Markdown, for a pull request.",
        default=False,
        in_job=False,
    ),
)

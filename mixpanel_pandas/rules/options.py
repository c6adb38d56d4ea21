"""The options of the verbs: `Options` holds the values of a call, `ALL_OPTIONS` has a row for each option."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from mixpanel_pandas.rules.operators import OPERATORS

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
    from os import PathLike

    import pandera.pandas as pandera

    from mixpanel_pandas.project import Project

__all__ = ["ALL_OPTIONS", "REMEDIES", "Option", "Options", "Remedy", "taken_by"]

Remedy = Literal["raise", "drop_row", "drop_value", "truncate"]
REMEDIES: tuple[Remedy, ...] = ("raise", "drop_row", "drop_value", "truncate")


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of the verbs.

    Every option is a keyword of the verbs that take it. An option whose default is None takes the default of the operator,
    where the operator has one.

    Parameters
    ----------
    rename : mapping, callable or "reserved", optional
        Column -> property name, as in ``DataFrame.rename``; other columns keep their names. ``"reserved"`` turns columns that
        look like reserved properties into these: ``Email Address`` into ``$email``, ``first_name`` into ``$first_name``. If
        several columns look like the same one, it renames the column with exactly that name, or else the first. A mapping that
        contains the id column sends the ids as a property, too. Not for unset and delete.
    missing : {"skip", "null", "unset"}, default "skip"
        What happens to the property of a missing value (NaN, NaT, NA, None): it stays as it is, it becomes null, or it is
        removed. ``set`` takes all three, ``set_once`` takes skip and null, the others take only skip. Not for unset and delete.
    blank : {"keep", "missing"}, default "keep"
        Whether ``""`` and white space are values, or missing values. Not for unset and delete.
    parse : mapping, optional
        Column -> the reading that converts its text: ``"number"``, ``"number:1.234,5"`` (an example shows the marks), ``"date"``,
        ``"date:dd/mm/yyyy"``, ``"boolean:Yes/No"``, ``"json"``, ``"list:semicolon"`` or the separator itself, ``";"``, and others:
        see "Reading text" in the documentation. Blank text is missing. Text that cannot be converted is an error. A column that
        already has the type stays as it is. Not for unset and delete.
    na : list of str or str, optional
        Texts that mean a missing value, such as ``["-", "?"]``, or the name of a set: ``"common"`` contains ``NULL``, ``N/A``, ``nan``,
        ``None``, ``\\N`` and others, ``"pandas"`` contains what `pandas.read_csv` treats as missing. A list may contain names of
        sets: ``["common", "-"]``. They apply to ids and values. Case matters, outer blanks do not. Not for unset and delete.
    trim : bool, default False
        Whether to remove outer blanks and invisible characters from ids, names of properties and text. Items of lists and texts
        in objects keep them. Not for unset and delete.
    spread : label, list of labels or mapping, optional
        Columns of objects (dicts, named tuples, Series, structs, JSON text) of which each key becomes a property. A mapping
        from column to prefix puts the prefix before each key: ``{"address": "address_"}``. Not for unset and delete.
    invalid : {"raise", "drop_row", "drop_value", "truncate"} or mapping, default "raise"
        What happens to a row with an error: the frame is refused, the row is not sent, the property is not sent, or the
        string is cut to 255 bytes. A mapping can name one of these for each check, or for each check of a column:
        ``{"missing_id": "drop_row", "bio": {"long_string": "truncate"}}``. An error of a whole column always raises, except
        for properties that Mixpanel computes or that identify the profile: ``"drop_value"`` leaves them out.
    duplicates : {"raise", "last", "merge", "all"}, optional
        What happens to several rows of one id: the frame is refused, the last row is sent, the rows are merged to one
        update, or all are sent in order. By default set and set_once raise, unset and delete send the last row, and the
        others send all. In merged rows a property has its last value that is not missing (also for set_once), and is
        missing only if no row has a value. Rows that are excluded as invalid are not merged; the merged rows share one
        outcome. add, union, append and remove cannot be merged.
    ip : str, optional
        The IP address, or the column of IP addresses, from which Mixpanel derives city, region and country. By default
        Mixpanel looks up no location.
    latitude : label or float, optional
        Latitude of the user in degrees, from -90 to 90: a number or a column. Mixpanel derives city, region, country and time
        zone from it. It needs `longitude`: a row has both or neither. Only for users.
    longitude : label or float, optional
        Longitude of the user in degrees, from -180 to 180: a number or a column.
    updated_at : {"keep", "refresh"}, label or datetime, optional
        What happens to "Updated at" in Mixpanel: it stays as it is, becomes the current time, or is taken from a column or a
        time (in UTC; numbers are seconds since 1970). By default set_once refreshes it, and the others keep it.
    ignore_alias : bool, optional
        Whether the id is taken literally even if it is an alias of another id. By default only delete takes it literally.
    schema : pandera.DataFrameSchema, optional
        Your own checks of the frame, in addition to those of Mixpanel's limits. It must not change the frame.
    known : frame, path, collection of str or True, optional
        The properties that exist in Mixpanel, so that new ones are reported: a frame with the columns ``name`` and ``type``, as
        `read_properties` returns it, a file with them that `frame` reads, a mapping from name to type, or only names. True asks
        Mixpanel during the check, which needs a service account. Mixpanel's own properties are always known. Not for unset and
        delete.
    new_properties : {"warn", "raise"}, default "warn"
        Whether a property that is not in `known` is a warning or the error ``new_property``. The error refuses the frame unless
        `invalid` leaves such properties out. Not for unset and delete.
    at_most : int, default 1000
        The most profiles that the call may delete. It refuses to delete more. Only for delete.
    backup : path-like, True or None, default True
        The file that keeps the removed values, so that `open_backup` can restore them. The profiles are read before anything is
        sent, which takes one or more of the 60 queries that Mixpanel answers in an hour. True writes
        ``mixpanel-delete-....backup.parquet`` or ``mixpanel-unset-....backup.parquet`` in the working directory; the log and
        ``attrs["mixpanel"]["backup"]`` of the summary contain its path, and the same call has the same file. Without a service
        account True writes no backup, and the hint ``no_backup`` reports it. None reads and keeps nothing. A dry run writes no
        backup. Only for unset and delete.
    project : Project, optional
        The project to write to. By default the project that `set_project` has set for this context or for the process, or
        else the project of the environment variables.
    batch_size : int, optional
        Updates per request, at most 2000. By default 2000, and 200 for operators that are not idempotent.
    workers : int, default 4
        Requests in flight at once, at most 64.
    requests_per_hour : int, optional
        The most requests in any hour, including retries. By default only Mixpanel's own limit of 2 GB a minute applies.
    deadline : float, optional
        Seconds after which no request begins. The remaining rows are ``not_sent``.
    check : bool, optional
        When to raise `UploadFailed`. By default it is raised when requests were sent and no row was accepted; with True, when
        any row is rejected, unknown, not sent or invalid; with False, never.
    canary : int, optional
        How many ids are sent first, from 1 to 1000, with all rows of each. Their profiles are read before they are sent, and 5, 20
        and 60 seconds after. If none of them has the values that were sent, or one has other values, `CanaryFailed` is raised,
        and the other rows are not sent. It takes up to 4 queries, and needs a service account. See "Proof" in the documentation.
    dry_run : bool, default False
        Whether to do everything but send. All rows that would be sent are ``not_sent``.
    journal : path-like, optional
        A file that records what has been sent, so that the same call continues after an interruption, even after a power
        cut. It contains ids and outcomes, but no values. A file can contain many runs, and serves one upload at a time.
        See `read_journal` and `settle`.
    run : str, optional
        Name of the run in the journal, such as a date. Rows that were accepted in a run are not sent again in it, even
        after it has ended. By default the operator, the columns and the ids identify the run. When no row is left to send,
        the same call starts a new run; with add, append and remove the same values raise `AlreadySent`.
    on_changed : {"raise", "remaining"}, default "raise"
        What happens if the values differ from those of the run in the journal: the call is refused, or only the ids without
        an outcome in the run are sent.
    repeat : bool, default False
        Whether to send updates that are not idempotent (add, append, remove) even if this process has already sent the
        same updates. With a journal, name another run instead.
    progress : bool, optional
        Whether to show a progress bar. By default it is shown in a notebook and in a terminal.

    Examples
    --------
    >>> mpd.Options(missing="null", batch_size=500).batch_size
    500
    >>> df = pd.DataFrame({"user_id": ["ann"], "plan": [None]})
    >>> df.mixpanel.set("user_id", missing="null", batch_size=500, dry_run=True)["reason"].tolist()
    ['dry run']
    """

    rename: Mapping[Any, str] | Callable[[Any], str] | Literal["reserved"] | None = None
    missing: Literal["skip", "null", "unset"] = "skip"
    blank: Literal["keep", "missing"] = "keep"
    parse: Mapping[Any, str] | None = None
    na: str | Collection[str] | None = None
    trim: bool = False
    spread: Mapping[Any, str] | Iterable[Any] | None = None
    invalid: Remedy | Mapping[Any, Remedy | Mapping[str, Remedy]] = "raise"
    duplicates: Literal["raise", "last", "merge", "all"] = "raise"
    ip: Hashable = None
    latitude: Hashable = None
    longitude: Hashable = None
    updated_at: Literal["keep", "refresh"] | Hashable | dt.datetime = "keep"
    ignore_alias: bool = False
    schema: pandera.DataFrameSchema | None = None
    known: Any = None
    new_properties: Literal["warn", "raise"] = "warn"
    at_most: int = 1000
    backup: str | PathLike[str] | Literal[True] | None = True
    project: Project | None = None
    batch_size: int = 2000
    workers: int = 4
    requests_per_hour: int | None = None
    deadline: float | None = None
    check: bool | None = None
    canary: int | None = None
    dry_run: bool = False
    journal: str | PathLike[str] | None = None
    run: str | None = None
    on_changed: Literal["raise", "remaining"] = "raise"
    repeat: bool = False
    progress: bool | None = None


@dataclass(frozen=True)
class Option:
    """One option of the verbs.

    Attributes
    ----------
    name : str
        The keyword of a call, and the field of `Options`.
    default : object
        The default of a call. None can mean the default of the operator.
    type : str
        Its type and default, as numpydoc writes it.
    does : str
        One sentence for documentation.
    of : {"rows", "values", "sending", "removal", "delete"}
        Which calls take it: all, those of operators with values, those that send, those that send and only remove, or delete.
    choices : tuple
        The values that it may have. An empty tuple means any value.
    """

    name: str
    default: Any
    type: str
    does: str
    of: Literal["rows", "values", "sending", "removal", "delete"] = "rows"
    choices: tuple[Any, ...] = ()


ALL_OPTIONS: dict[str, Option] = {
    option.name: option
    for option in (
        Option(
            "rename",
            None,
            'mapping, callable or "reserved", optional',
            "Names of the properties, where they differ from the columns.",
            "values",
        ),
        Option(
            "missing",
            "skip",
            '{"skip", "null", "unset"}, default "skip"',
            "Whether a missing value leaves its property as it is, sends null, or removes it.",
            "values",
            ("skip", "null", "unset"),
        ),
        Option(
            "blank",
            "keep",
            '{"keep", "missing"}, default "keep"',
            "Whether empty text and white space are values, or missing.",
            "values",
            ("keep", "missing"),
        ),
        Option("parse", None, "mapping, optional", "How the text of columns is read.", "values"),
        Option("na", None, "list of str or str, optional", "Texts that mean a missing value.", "values"),
        Option(
            "trim",
            False,
            "bool, default False",
            "Whether to remove outer blanks and invisible characters from ids, names and text.",
            "values",
            (True, False),
        ),
        Option(
            "spread",
            None,
            "label, list of labels or mapping, optional",
            "Columns of objects: each key becomes a property, with a prefix from a mapping.",
            "values",
        ),
        Option(
            "invalid",
            "raise",
            '{"raise", "drop_row", "drop_value", "truncate"} or mapping, default "raise"',
            "What happens to a row with an error: the frame is refused, or the row, the value or the end of its text is left out.",
        ),
        Option(
            "duplicates",
            None,
            '{"raise", "last", "merge", "all"}, optional',
            "What happens to several rows of one id: refuse the frame, send the last one, merge them, or send all in order.",
            choices=(None, "raise", "last", "merge", "all"),
        ),
        Option(
            "ip",
            None,
            "str, optional",
            "The IP address or column from which Mixpanel derives the location. By default it looks up none.",
        ),
        Option(
            "latitude", None, "label or float, optional", "Degrees from -90 to 90, or the column of them."
        ),
        Option(
            "longitude", None, "label or float, optional", "Degrees from -180 to 180, or the column of them."
        ),
        Option(
            "updated_at",
            None,
            '{"keep", "refresh"}, label or datetime, optional',
            'Whether "Updated at" in Mixpanel stays, becomes the current time, or is taken from a column or a time.',
        ),
        Option(
            "ignore_alias",
            None,
            "bool, optional",
            "Whether the id is taken literally even if it is an alias. By default only delete does so.",
            choices=(None, True, False),
        ),
        Option("schema", None, "pandera.DataFrameSchema, optional", "Your own checks of the frame."),
        Option(
            "known",
            None,
            "frame, path, collection of str or True, optional",
            "The properties that exist in Mixpanel, so that new ones are reported; True asks Mixpanel.",
            "values",
        ),
        Option(
            "new_properties",
            "warn",
            '{"warn", "raise"}, default "warn"',
            "Whether a property that is not among the known ones is a warning or an error.",
            "values",
            ("warn", "raise"),
        ),
        Option("at_most", 1000, "int, default 1000", "The most profiles that the call may delete.", "delete"),
        Option(
            "backup",
            True,
            "path-like, True or None, default True",
            "The file that keeps the removed values. By default one in the working directory.",
            "removal",
        ),
        Option("project", None, "Project, optional", "The project to write to.", "sending"),
        Option("batch_size", None, "int, optional", "Updates per request, at most 2000.", "sending"),
        Option("workers", 4, "int, default 4", "Requests in flight at once, at most 64.", "sending"),
        Option(
            "requests_per_hour",
            None,
            "int, optional",
            "The most requests in any hour, including retries.",
            "sending",
        ),
        Option("deadline", None, "float, optional", "Seconds after which no request begins.", "sending"),
        Option(
            "check",
            None,
            "bool, optional",
            "When to raise for rows that failed. By default only when none is accepted.",
            "sending",
            (None, True, False),
        ),
        Option(
            "canary",
            None,
            "int, optional",
            "How many ids to send first and look for in Mixpanel; the others are sent when one of them is seen.",
            "sending",
        ),
        Option("dry_run", False, "bool, default False", "Do everything but send.", "sending", (True, False)),
        Option(
            "journal",
            None,
            "path-like, optional",
            "A file that records what has been sent, so that the same call continues after an interruption.",
            "sending",
        ),
        Option("run", None, "str, optional", "Name of the run in the journal, such as a date.", "sending"),
        Option(
            "on_changed",
            "raise",
            '{"raise", "remaining"}, default "raise"',
            "Whether to raise or to send only the remaining ids if the values differ from those of the run in the journal.",
            "sending",
            ("raise", "remaining"),
        ),
        Option(
            "repeat",
            False,
            "bool, default False",
            "Send updates that are not idempotent even if this process has already sent them.",
            "sending",
            (True, False),
        ),
        Option(
            "progress",
            None,
            "bool, optional",
            "Whether to show a progress bar.",
            "sending",
            (None, True, False),
        ),
    )
}


def taken_by(verb: str, *, sending: bool = True) -> list[Option]:
    """Return the options that a verb takes, in the order of the table; with `sending=False` without those of sending."""
    removes = verb != "update" and not OPERATORS[verb].has_values
    takes = {"rows", verb} if removes else {"rows", "values"}  # some options are of delete alone
    if sending:
        takes |= {"sending", "removal"} if removes else {"sending"}
    return [option for option in ALL_OPTIONS.values() if option.of in takes]

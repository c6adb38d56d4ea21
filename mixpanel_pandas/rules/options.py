"""The options of the verbs, a row each, and `Operation`: what a call asks for, checked as far as it can be without a frame."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from mixpanel_pandas.errors import OperationError, OptionError, choices, did_you_mean
from mixpanel_pandas.project import Project
from mixpanel_pandas.rules.operators import GROUPS_REFUSAL, OPERATORS, DuplicatesChoice, Missing, Operator

if TYPE_CHECKING:
    import datetime as dt

    import pandera.pandas as pandera

__all__ = ["OPTIONS", "Operation", "Option", "operation"]

Remedy = Literal["raise", "drop_row", "drop_value", "truncate"]
REMEDIES: tuple[Remedy, ...] = ("raise", "drop_row", "drop_value", "truncate")


@dataclass(frozen=True)
class Option:
    """One option of the verbs.

    Attributes
    ----------
    name : str
        As it is written in a call.
    default : object
        None often stands for the operator's own default.
    type : str
        What it may be, as numpydoc writes it.
    does : str
        What it means, for the docstrings.
    of : {"rows", "values", "sending", "delete"}
        Who takes it: every operator, those with values, the verbs that send, or one of them.
    choices : tuple
        The values that it may have; anything when empty.
    """

    name: str
    default: Any
    type: str
    does: str
    of: Literal["rows", "values", "sending", "delete"] = "rows"
    choices: tuple[Any, ...] = ()


OPTIONS: dict[str, Option] = {
    option.name: option
    for option in (
        Option(
            "rename",
            None,
            'mapping, callable or "reserved", optional',
            'Column -> property name, as in ``DataFrame.rename``; the other columns keep theirs. ``"reserved"`` turns name, '
            "first_name, last_name, email, phone, avatar and created into ``$name``, ``$first_name`` and so on.",
            "values",
        ),
        Option(
            "missing",
            "skip",
            '{"skip", "null", "unset"}, default "skip"',
            "A missing value (NaN, NaT, NA, None) leaves the property alone, sends null, or removes the property. ``set`` knows "
            "all three, ``set_once`` skip and null, the others skip.",
            "values",
            ("skip", "null", "unset"),
        ),
        Option(
            "blank",
            "keep",
            '{"keep", "missing"}, default "keep"',
            'Whether ``""`` and white space are values, or missing.',
            "values",
            ("keep", "missing"),
        ),
        Option(
            "parse",
            None,
            "mapping, optional",
            'Column -> how its text is read: ``"json"``, or what separates the items of a list, such as ``";"``.',
            "values",
        ),
        Option(
            "spread",
            None,
            "list of labels, optional",
            "Columns of objects (dicts, structs, JSON text) that become one property per key.",
            "values",
        ),
        Option(
            "invalid",
            "raise",
            '{"raise", "drop_row", "drop_value", "truncate"} or mapping, default "raise"',
            "A row with an error: refuse the frame, leave the row out, leave the property out of the row, or cut the string "
            "to 255 bytes; or a mapping from check to one of them. What is wrong with a whole column always raises.",
        ),
        Option(
            "duplicates",
            None,
            '{"raise", "last", "merge", "all"}, optional',
            "Several rows for one id: refuse the frame, send the last one, merge them to one update, or send all in the order "
            "of the rows. Merged, a property has the last value that is there (also with set_once), and is missing only where "
            "no row has one; rows left out as invalid do not take part, and all others share one outcome. add, union, append "
            "and remove cannot be merged. By default set and set_once refuse, unset and delete take the last, the others send "
            "all.",
            choices=(None, "raise", "last", "merge", "all"),
        ),
        Option(
            "ip",
            None,
            "str, optional",
            "Where Mixpanel takes city, region and country from: an IP address, or the column that holds one. By default "
            "nothing is looked up.",
        ),
        Option(
            "updated_at",
            None,
            '{"keep", "refresh"}, label or datetime, optional',
            '"Updated at" in Mixpanel: stays, becomes now, or is taken from a column or a time (in UTC; numbers are seconds). By '
            "default set_once refreshes and the others keep.",
        ),
        Option(
            "ignore_alias",
            None,
            "bool, optional",
            "Take the id literally where it is an alias of another. By default only delete does.",
            choices=(None, True, False),
        ),
        Option(
            "schema",
            None,
            "pandera.DataFrameSchema, optional",
            "Your own checks on the frame, beside Mixpanel's. It must not change the frame.",
        ),
        Option("at_most", 1000, "int, default 1000", "More rows than this are refused.", "delete"),
        Option(
            "project",
            None,
            "Project, optional",
            "Where to write. By default the project that `set_project` has set for this context or for the process, else the "
            "one that the environment names.",
            "sending",
        ),
        Option(
            "batch_size",
            None,
            "int, optional",
            "Updates per request, at most 2000. By default 2000, and 200 for operators that must not be applied twice.",
            "sending",
        ),
        Option("workers", 4, "int, default 4", "Requests in flight at once.", "sending"),
        Option(
            "requests_per_hour",
            None,
            "int, optional",
            "Requests in any hour at most, further tries counted. By default only Mixpanel's own 2 GB a minute are kept.",
            "sending",
        ),
        Option(
            "deadline",
            None,
            "float, optional",
            "Seconds after which no request begins; the rest is ``not_sent``.",
            "sending",
        ),
        Option(
            "check",
            None,
            "bool, optional",
            "Raise `UploadFailed`: by default when nothing was accepted though something was tried; True: when any row is "
            "rejected, unknown, not sent or invalid; False: never.",
            "sending",
            (None, True, False),
        ),
        Option(
            "dry_run",
            False,
            "bool, default False",
            "Do everything but send; the outcome is ``not_sent``.",
            "sending",
            (True, False),
        ),
        Option(
            "journal",
            None,
            "path-like, optional",
            "A file that remembers what has been sent, so that the same call goes on after an interruption, even after a power "
            "cut. It holds ids and outcomes, no values; one file holds many runs and serves one upload at a time. See "
            "`read_journal` and `settle`.",
            "sending",
        ),
        Option(
            "run",
            None,
            "str, optional",
            "Name of the run in the journal, such as a date: what is accepted in a run is not sent again in it, also when it has "
            "ended. By default operator, columns and ids are the name; once nothing is left to try, the call begins afresh, and "
            "with add, append and remove the same values raise `AlreadySent`.",
            "sending",
        ),
        Option(
            "on_changed",
            "raise",
            '{"raise", "remaining"}, default "raise"',
            "Where the run in the journal has another content: refuse, or send only the ids that have no outcome in it.",
            "sending",
            ("raise", "remaining"),
        ),
        Option(
            "repeat",
            False,
            "bool, default False",
            "Send updates that must not be applied twice (add, append, remove) although this process has sent the same before. "
            "With a journal name another run instead.",
            "sending",
            (True, False),
        ),
        Option(
            "progress",
            None,
            "bool, optional",
            "Show a bar; by default in a notebook and in a terminal.",
            "sending",
            (None, True, False),
        ),
    )
}


class RowOptions(TypedDict, total=False):
    """Options that every operator takes."""

    invalid: Remedy | Mapping[str, Remedy]
    duplicates: DuplicatesChoice | None
    ip: Hashable
    updated_at: Literal["keep", "refresh"] | Hashable | dt.datetime | None
    ignore_alias: bool | None
    schema: pandera.DataFrameSchema | None


class ValueOptions(RowOptions, total=False):
    """Options that operators with values take."""

    rename: Mapping[Any, str] | Callable[[Any], str] | Literal["reserved"] | None
    missing: Missing
    blank: Literal["keep", "missing"]
    parse: Mapping[Any, str] | None
    spread: list[Any] | None


class Sending(TypedDict, total=False):
    """Options of the verbs that send."""

    project: Project | None
    batch_size: int | None
    workers: int
    requests_per_hour: int | None
    deadline: float | None
    check: bool | None
    dry_run: bool
    journal: str | PathLike[str] | None
    run: str | None
    on_changed: Literal["raise", "remaining"]
    repeat: bool
    progress: bool | None


class SendRows(RowOptions, Sending, total=False):
    """Options of unset."""


class SendDeletes(SendRows, total=False):
    """Options of delete."""

    at_most: int


class SendValues(ValueOptions, Sending, total=False):
    """Options of the verbs with values."""


class AnyOptions(SendValues, SendDeletes, total=False):
    """Options of the verbs that name their operator."""


@dataclass(frozen=True)
class Operation:
    """What a call asks for.

    Attributes
    ----------
    verb : str
        The verb that was called; ``update`` for several operators.
    id : hashable or None
        Column or index level of the ids; None: find it.
    properties : tuple or None
        Labels of the columns, or for unset the names of the properties; None: every other column.
    verbs : mapping or None
        For ``update``: column -> verb.
    group : str or None
        Group key; None for user profiles.
    options : mapping
        Every option of the verb, with its value.
    """

    verb: str
    id: Hashable = None
    properties: tuple[Hashable, ...] | None = None
    verbs: Mapping[Hashable, str] | None = None
    group: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def operators(self) -> tuple[Operator, ...]:
        """The operators in use, each once."""
        verbs = dict.fromkeys(self.verbs.values()) if self.verbs else (self.verb,)
        return tuple(OPERATORS[verb] for verb in verbs)

    @property
    def idempotent(self) -> bool:
        """Whether profiles are the same when everything is applied twice."""
        return all(operator.idempotent for operator in self.operators)

    @property
    def endpoint(self) -> Literal["engage", "groups"]:
        """Last part of the address."""
        return "groups" if self.group else "engage"

    def option(self, name: str) -> Any:
        """Return the value of an option; for None the default of the (first) operator that has one."""
        value = self.options.get(name, OPTIONS[name].default)
        if value is None and name in _BY_OPERATOR:
            values = [getattr(operator, name) for operator in self.operators]
            return _BY_OPERATOR[name](values)
        return value

    def missing(self, operator: Operator) -> Missing:
        """Return what becomes of missing values: as asked where the operator knows it, else the property is left alone."""
        asked: Missing = self.option("missing")
        return asked if asked in operator.missing else "skip"


#: How the defaults of several operators become one.
_BY_OPERATOR: dict[str, Callable[[list[Any]], Any]] = {
    "duplicates": lambda values: next(way for way in ("raise", "all", "last") if way in values),
    "updated_at": lambda values: "refresh" if set(values) == {"refresh"} else "keep",
    "ignore_alias": all,
    "batch_size": min,
}


def operation(
    verb: str, id: Hashable, properties: Any, group: str | None, options: Mapping[str, Any]
) -> Operation:
    """Return what a call asks for.

    Raises
    ------
    OperationError
        With all that is wrong with the call.
    OptionError
        If the verb does not take an option.
    """
    if verb not in (known := [*OPERATORS, "update"]):
        msg = f"operator {verb!r} is not known: {did_you_mean(verb, known)}"
        raise OperationError(msg)
    _refuse_unknown_options(verb, options)
    mistakes = [mistake for check in _CALL_MISTAKES if (mistake := check(verb, id, properties))]
    if mistakes:
        raise OperationError(mistakes[0])
    verbs = dict(properties) if verb == "update" else None
    asked = Operation(
        verb, id, _labels(properties if verbs is None else list(verbs)), verbs, group, dict(options)
    )
    mistakes = [*_group_mistakes(asked), *_option_mistakes(asked)]
    if mistakes:
        raise OperationError("; ".join(mistakes))
    return asked


def taken_by(verb: str, *, sending: bool = True) -> list[Option]:
    """Return the options that a verb takes, in the order of the table."""
    values = verb == "update" or OPERATORS[verb].has_values
    takes = {"rows", *(["values"] if values else []), *(["sending"] if sending else []), verb}
    return [option for option in OPTIONS.values() if option.of in takes]


def _refuse_unknown_options(verb: str, options: Mapping[str, Any]) -> None:
    known = [option.name for option in taken_by(verb)]
    unknown = [name for name in options if name not in known]
    if unknown:
        hints = "; ".join(f"no option {name!r}: {did_you_mean(name, known)}" for name in unknown)
        msg = f"{verb} takes {hints}"
        raise OptionError(msg)


def _labels(properties: Any) -> tuple[Hashable, ...] | None:
    if properties is None:
        return None
    if isinstance(properties, Hashable) and not isinstance(properties, tuple):
        return (properties,)
    return tuple(properties)


def _names_in_place_of_id(verb: str, id: Any, properties: Any) -> str | None:
    if isinstance(id, list | tuple | set) or getattr(id, "ndim", False):
        names = choices(list(id), most=3)
        return f"the id comes first: {verb}(id, [{names}]), where id is the column that holds the ids"
    return None


def _properties_of_delete(verb: str, id: Any, properties: Any) -> str | None:
    if verb == "delete" and properties is not None:
        return (
            "delete removes whole profiles and takes no properties: to remove properties call "
            f"unset({id!r}, {properties!r}); to delete the profiles call delete({id!r})"
        )
    return None


def _unset_without_names(verb: str, id: Any, properties: Any) -> str | None:
    if verb == "unset" and (properties is None or (hasattr(properties, "__len__") and len(properties) == 0)):
        return "unset needs the names of the properties to remove: unset(id, ['fax']); to remove profiles call delete(id)"
    return None


def _mapping_of_properties(verb: str, id: Any, properties: Any) -> str | None:
    if verb == "update":
        if not isinstance(properties, Mapping) or not properties:
            return (
                "update takes a mapping from column to operator: update(id, {'plan': 'set', 'tags': 'union'})"
            )
        verbs = [name for name, row in OPERATORS.items() if row.has_values or name == "unset"]
        wrong = {column: name for column, name in properties.items() if name not in verbs}
        if wrong:
            return f"update knows the operators {choices(verbs)}, not {wrong!r}"
        return None
    if isinstance(properties, Mapping) and verb == "unset":
        return f"unset takes the names of the properties: unset(id, {list(properties)!r})"
    if isinstance(properties, Mapping):
        verbs_meant = [name for name in properties.values() if isinstance(name, str) and name in OPERATORS]
        if verbs_meant:
            return f"{verb} is one operator; for several call update(id, {dict(properties)!r})"
        return (
            f"properties is a list of columns, not a mapping: {verb}(id, {list(properties)!r}, rename={dict(properties)!r}) "
            "sends them under other names; values come from the frame"
        )
    return None


_CALL_MISTAKES = (_names_in_place_of_id, _properties_of_delete, _mapping_of_properties, _unset_without_names)


def _group_mistakes(asked: Operation) -> list[str]:
    if asked.group is None:
        return []
    return [GROUPS_REFUSAL.format(name=operator.name) for operator in asked.operators if not operator.groups]


def _option_mistakes(asked: Operation) -> list[str]:
    mistakes = [
        f"{name}={value!r} is not one of {choices(OPTIONS[name].choices)}"
        for name, value in asked.options.items()
        if OPTIONS[name].choices and value not in OPTIONS[name].choices
    ]
    return mistakes + [mistake for check in _OPTION_CHECKS if (mistake := check(asked))]


def _missing_mistake(asked: Operation) -> str | None:
    value = asked.option("missing")
    if value in OPTIONS["missing"].choices and not any(
        value in operator.missing for operator in asked.operators
    ):
        known = sorted({known for operator in asked.operators for known in operator.missing})
        return f"missing={value!r} means nothing to {asked.verb}: it knows {choices(known)}"
    return None


def _duplicates_mistake(asked: Operation) -> str | None:
    losing = [operator.verb for operator in asked.operators if not operator.merges]
    if asked.option("duplicates") != "merge" or not losing:
        return None
    return (
        f"duplicates='merge' would lose values of {', '.join(losing)}: 'all' sends each row, in their order"
    )


def _invalid_mistake(asked: Operation) -> str | None:
    value = asked.option("invalid")
    asked_for = value.values() if isinstance(value, Mapping) else [value]
    wrong = [remedy for remedy in asked_for if remedy not in REMEDIES]
    return f"invalid={value!r}: {choices(wrong)} is not one of {choices(REMEDIES)}" if wrong else None


def _number_mistake(asked: Operation) -> str | None:
    wrong = [
        f"{name}={asked.options[name]!r} must be a whole number {between}"
        for name, (least, most, between) in _BOUNDS.items()
        if name in asked.options and not _is_whole(asked.options[name], least, most, OPTIONS[name].default)
    ]
    deadline = asked.options.get("deadline")
    if deadline is not None and (
        isinstance(deadline, bool) or not isinstance(deadline, int | float) or not deadline > 0
    ):
        wrong.append(f"deadline={deadline!r} must be a number of seconds above 0")
    return "; ".join(wrong) or None


#: Option -> least and largest value, and the two in words.
_BOUNDS: dict[str, tuple[int, float, str]] = {
    "batch_size": (1, 2000, "from 1 to 2000"),
    "workers": (1, 64, "from 1 to 64"),
    "at_most": (0, float("inf"), "of 0 or more"),
    "requests_per_hour": (1, float("inf"), "of 1 or more"),
}


def _is_whole(value: Any, least: int, most: float, default: Any) -> bool:
    if value is None:
        return default is None
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _project_mistake(asked: Operation) -> str | None:
    project = asked.option("project")
    if project is None or isinstance(project, Project):
        return None
    return f"project takes a Project, not {type(project).__name__}: project=mpd.Project(token, region)"  # it may be a token


def _mapping_mistake(asked: Operation) -> str | None:
    parse, rename, spread = asked.option("parse"), asked.option("rename"), asked.option("spread")
    if spread is not None and (isinstance(spread, str | Mapping) or not isinstance(spread, Iterable)):
        return f"spread={spread!r} must be a list of columns, such as [{spread!r}]"
    if parse is not None and not isinstance(parse, Mapping):
        return f"parse={parse!r} must be a mapping from column to 'json' or to a separator, such as {{'tags': ';'}}"
    if parse is not None and not all(isinstance(how, str) and how for how in parse.values()):
        return f"parse={parse!r}: each column is read as 'json', or split at a text such as ';'"
    odd = [how for how in (parse or {}).values() if how != "json" and len(how) > 1 and how.isalnum()]
    if odd:
        return f"parse={parse!r}: {choices(odd)} is neither 'json' nor a separator such as ';'"
    if (
        rename is not None
        and rename != "reserved"
        and not isinstance(rename, Mapping)
        and not callable(rename)
    ):
        return f"rename={rename!r} must be a mapping from column to property, a function, or 'reserved'"
    return None


def _journal_mistake(asked: Operation) -> str | None:
    journal, run = asked.option("journal"), asked.option("run")
    if journal is not None and (not isinstance(journal, str | PathLike) or not str(journal)):
        return f"journal={journal!r} must be the path of a file"
    if run is not None and (
        not isinstance(run, str) or not run or run.encode("utf-8", "ignore").decode() != run
    ):
        return f"run={run!r} must be a name, such as '2026-11-21'"
    if run is not None and journal is None:
        return f"run={run!r} names a run of a journal: pass journal='mp.sqlite' as well"
    if journal is not None and asked.option("repeat"):
        return "repeat=True would be true of each restart as well: with a journal name another run to send the same again"
    if asked.option("on_changed") == "remaining" and run is None:
        return "on_changed='remaining' needs the name of a run: pass journal='mp.sqlite', run='2026-11-21'"
    return None


_OPTION_CHECKS = (
    _project_mistake,
    _missing_mistake,
    _duplicates_mistake,
    _invalid_mistake,
    _number_mistake,
    _mapping_mistake,
    _journal_mistake,
)

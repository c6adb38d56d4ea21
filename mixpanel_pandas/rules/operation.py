"""`Operation`: what a call asks for, checked as far as that is possible without a frame."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from os import PathLike
from typing import Any, Literal

from mixpanel_pandas.errors import OperationError, OptionError, choices, did_you_mean
from mixpanel_pandas.project import Project
from mixpanel_pandas.reading.cleaning import missing_texts
from mixpanel_pandas.reading.readings import reading
from mixpanel_pandas.rules.known import KnownProperties, is_collection_of_names, is_source_of_names
from mixpanel_pandas.rules.operators import GROUPS_REFUSAL, OPERATORS, REMOVALS, Missing, Operator
from mixpanel_pandas.rules.options import ALL_OPTIONS, REMEDIES, Options, taken_by
from mixpanel_pandas.text import quoted

__all__ = ["Operation", "group_mistake", "is_whole", "operation", "refuse_unknown_options"]


@dataclass(frozen=True)
class Operation:
    """What a call asks for.

    Attributes
    ----------
    verb : str
        The verb that is called; ``update`` for several operators.
    id : hashable or None
        Column or index level of the ids; None for the default one.
    properties : tuple or None
        Labels of the columns, or for unset the names of the properties; None for every other column.
    verbs : mapping or None
        For ``update``: column -> verb.
    group : str or None
        Group key; None for user profiles.
    named : mapping
        The options that the call names, except for those that it sets to their default.
    """

    verb: str
    id: Hashable = None
    properties: tuple[Hashable, ...] | None = None
    verbs: Mapping[Hashable, str] | None = None
    group: str | None = None
    named: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def options(self) -> Options:
        """Every option: as the call names it, else the default of the operators, else its own default."""
        of_operators = {
            name: combine([getattr(operator, name) for operator in self.operators])
            for name, combine in _DEFAULT_OF.items()
        }
        return Options(**{**of_operators, **self.named})

    @property
    def operators(self) -> tuple[Operator, ...]:
        """The operators of the call, without repetition."""
        verbs = dict.fromkeys(self.verbs.values()) if self.verbs else (self.verb,)
        return tuple(OPERATORS[verb] for verb in verbs)

    @cached_property
    def prefixes(self) -> dict[Hashable, str]:
        """Column that is spread -> what the names of its properties begin with."""
        spread = self.options.spread
        if isinstance(spread, Mapping):
            return {label: prefix or "" for label, prefix in spread.items()}
        return dict.fromkeys(spread or (), "")

    @property
    def idempotent(self) -> bool:
        """Whether applying everything twice leaves the same profiles as applying it once."""
        return all(operator.idempotent for operator in self.operators)

    @property
    def removes(self) -> bool:
        """Whether it is a verb that only removes what profiles hold: unset or delete."""
        return self.verb in REMOVALS

    @property
    def ordered(self) -> bool:
        """Whether the order of two updates of one profile makes a difference."""
        return any(operator.ordered for operator in self.operators)

    @property
    def endpoint(self) -> Literal["engage", "groups"]:
        """Last part of the address."""
        return "groups" if self.group else "engage"

    def missing(self, operator: Operator) -> Missing:
        """Return what missing values do: as the call asks if the operator can do it, else leave the property as it is."""
        return self.options.missing if self.options.missing in operator.missing else "skip"


#: Option with a default for each operator -> the default of several operators together.
_DEFAULT_OF: dict[str, Callable[[list[Any]], Any]] = {
    "duplicates": lambda values: next(way for way in ("raise", "all", "last") if way in values),
    "updated_at": lambda values: "refresh" if set(values) == {"refresh"} else "keep",
    "ignore_alias": all,
    "batch_size": min,
}


def operation(
    verb: str, id: Hashable, properties: Any, group: str | None, options: Mapping[str, Any]
) -> Operation:
    """Return what a call asks for.

    An option that is set to its default is the same as one that is not named.

    Raises
    ------
    OperationError
        With everything that is wrong with the call.
    OptionError
        If the verb does not take an option.
    """
    if verb not in (verbs := [*OPERATORS, "update"]):
        msg = f"operator {verb!r} is not known: {did_you_mean(verb, verbs)}"
        raise OperationError(msg)
    named = {name: value for name, value in options.items() if not _is_default(name, value)}
    refuse_unknown_options(verb, named, [option.name for option in taken_by(verb)])
    if isinstance(properties, Iterator):
        properties = list(properties)
    named |= {name: listed(named[name]) for name, listed in _LISTED.items() if name in named}
    mistake = next(filter(None, (check(verb, id, properties) for check in _CALL_MISTAKES)), None)
    if mistake is not None:
        raise OperationError(mistake)
    verbs_of = dict(properties) if verb == "update" else None
    labels = _labels(properties if verbs_of is None else list(verbs_of))
    asked = Operation(verb, id, labels, verbs_of, group, named)
    mistakes = [*_group_mistakes(asked), *_option_mistakes(asked)]
    if mistakes:
        raise OperationError("; ".join(mistakes))
    return asked


def _is_default(name: str, value: Any) -> bool:
    """Return whether an option has its default; types are compared first, because a value can be an array."""
    if name not in ALL_OPTIONS:
        return False
    default = ALL_OPTIONS[name].default
    return type(value) is type(default) and bool(value == default)


def refuse_unknown_options(verb: str, names: Iterable[str], taken: Sequence[str]) -> None:
    """Raise `OptionError` if options are named that are not among those that a verb takes."""
    unknown = [name for name in names if name not in taken]
    if unknown:
        hints = "; ".join(f"no option {name!r}: {did_you_mean(name, taken)}" for name in unknown)
        msg = f"{verb} takes {hints}"
        raise OptionError(msg)


def _labels(properties: Any) -> tuple[Hashable, ...] | None:
    if properties is None:
        return None
    if isinstance(properties, Hashable) and not isinstance(properties, tuple | frozenset):
        return (properties,)
    return tuple(_in_order(properties))


def _in_order(labels: Iterable[Any]) -> list[Any]:
    """Return labels as a list. Those of a set are sorted: its own order is another one in each process, and a journal compares calls."""
    return sorted(labels, key=repr) if isinstance(labels, set | frozenset) else list(labels)


def _spread_labels(spread: Any) -> Any:
    """Return the option `spread` as a list or a mapping; one label is a list of one."""
    if isinstance(spread, Mapping):
        return spread
    return [spread] if isinstance(spread, str) or not isinstance(spread, Iterable) else _in_order(spread)


def _na_texts(na: Any) -> Any:
    """Return the option `na` as a list, or as it is if it is the name of a set or no collection of texts."""
    is_collection = isinstance(na, Collection) and not isinstance(na, str | bytes | Mapping)
    return _in_order(na) if is_collection else na


#: Option that takes any collection -> the function that makes a list of it.
_LISTED: dict[str, Callable[[Any], Any]] = {"spread": _spread_labels, "na": _na_texts}


def _names_in_place_of_id(verb: str, id: Any, properties: Any) -> str | None:
    if isinstance(id, list | tuple | set) or getattr(id, "ndim", False):
        names = choices(list(id), most=3)
        return f"the id comes first: {verb}(id, [{names}]), where id is the column of the ids"
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
            return f"the operators of update are {choices(verbs)}, not {wrong!r}"
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


def group_mistake(group: Any) -> str | None:
    """Return what is wrong with a group key; None: nothing is."""
    if isinstance(group, str) and group.strip() and group.encode(errors="ignore").decode() == group:
        return None
    return f"group takes the name of a group key, such as 'company_id', not {quoted(group)}"


def _group_mistakes(asked: Operation) -> list[str]:
    if asked.group is None:
        return []
    if mistake := group_mistake(asked.group):
        return [mistake]
    return [GROUPS_REFUSAL.format(name=operator.name) for operator in asked.operators if not operator.groups]


def _option_mistakes(asked: Operation) -> list[str]:
    """Return what is wrong with options. If a value is not one of the choices, its other mistakes are not reported."""
    wrong = {
        name: value
        for name, value in asked.named.items()
        if ALL_OPTIONS[name].choices and not _is_among(value, ALL_OPTIONS[name].choices)
    }
    mistakes = [
        f"{name}={value!r} is not one of {choices(ALL_OPTIONS[name].choices)}"
        for name, value in wrong.items()
    ]
    others = replace(asked, named={name: value for name, value in asked.named.items() if name not in wrong})
    return mistakes + [mistake for check in _OPTION_CHECKS if (mistake := check(others))]


def _is_among(value: Any, choices: Iterable[Any]) -> bool:
    """Return whether a value is one of some choices. An array never is, because it would be compared item by item."""
    return isinstance(value, Hashable) and value in choices


def _missing_mistake(asked: Operation) -> str | None:
    choice = asked.options.missing
    possible = {way for operator in asked.operators for way in operator.missing}
    if choice in possible:
        return None
    return f"missing={choice!r} has no meaning for {asked.verb}: choose {choices(sorted(possible))}"


def _duplicates_mistake(asked: Operation) -> str | None:
    losing = [operator.verb for operator in asked.operators if not operator.merges]
    if asked.options.duplicates != "merge" or not losing:
        return None
    return f"duplicates='merge' would lose values of {', '.join(losing)}: duplicates='all' sends all rows in order"


def _invalid_mistake(asked: Operation) -> str | None:
    value = asked.named.get("invalid", "raise")
    wrong = [remedy for remedy in _remedies_in(value) if not _is_among(remedy, REMEDIES)]
    return f"invalid={value!r}: {choices(wrong)} is not one of {choices(REMEDIES)}" if wrong else None


def _remedies_in(invalid: Any) -> Iterator[Any]:
    """Yield the remedies of the option `invalid`: of all checks, of each check, and of the checks of a column."""
    if not isinstance(invalid, Mapping):
        yield invalid
        return
    for remedy in invalid.values():
        yield from remedy.values() if isinstance(remedy, Mapping) else (remedy,)


def _number_mistake(asked: Operation) -> str | None:
    wrong = [
        f"{name}={asked.named[name]!r} must be a whole number {between}"
        for name, (least, most, between) in _BOUNDS.items()
        if name in asked.named and not is_whole(asked.named[name], least, most)
    ]
    deadline = asked.named.get("deadline")
    if deadline is not None and (
        isinstance(deadline, bool) or not isinstance(deadline, int | float) or not deadline > 0
    ):
        wrong.append(f"deadline={deadline!r} must be a number of seconds above 0")
    return "; ".join(wrong) or None


#: Option -> least and largest value, and the two in words.
_BOUNDS: dict[str, tuple[int, float, str]] = {
    "batch_size": (1, 2000, "from 1 to 2000"),
    "workers": (1, 64, "from 1 to 64"),
    "canary": (1, 1000, "from 1 to 1000"),
    "at_most": (0, float("inf"), "of 0 or more"),
    "requests_per_hour": (1, float("inf"), "of 1 or more"),
}


def is_whole(value: Any, least: int, most: float) -> bool:
    """Return whether a value is a whole number between two bounds, which it may equal."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _project_mistake(asked: Operation) -> str | None:
    project = asked.named.get("project")
    if project is None or isinstance(project, Project):
        return None
    return f"project takes a Project, not {type(project).__name__}: project=mpd.Project(token, region)"  # it may be a token


def _mapping_mistake(asked: Operation) -> str | None:
    rename, spread = (asked.named.get(name) for name in ("rename", "spread"))
    if spread is not None and not all(isinstance(label, Hashable) for label in spread):
        return f"spread={spread!r} must be a column, a list of columns, or a mapping from column to prefix"
    if isinstance(spread, Mapping) and not all(isinstance(prefix, str | None) for prefix in spread.values()):
        return f"spread={spread!r}: a prefix is text, such as {{'address': 'address_'}}"
    is_renaming = isinstance(rename, Mapping) or callable(rename) or _is_among(rename, ("reserved",))
    if rename is not None and not is_renaming:
        return f"rename={rename!r} must be a mapping from column to property, a function, or 'reserved'"
    return None


def _location_mistake(asked: Operation) -> str | None:
    named = [name for name in ("latitude", "longitude") if asked.named.get(name) is not None]
    if not named:
        return None
    if asked.group is not None:
        return f"{named[0]} is for users: Mixpanel documents the location of an update only for user profiles"
    if len(named) == 1:
        return f"{named[0]} has no meaning alone: pass latitude and longitude"
    return None


def _parse_mistake(asked: Operation) -> str | None:
    parse = asked.named.get("parse")
    if parse is None:
        return None
    if not isinstance(parse, Mapping):
        return f"parse={parse!r} must be a mapping from column to reading, such as {{'amount': 'number', 'tags': ';'}}"
    if not all(isinstance(name, str) for name in parse.values()):
        return f"parse={parse!r}: a reading is a name, such as 'number' or 'date:dd/mm/yyyy'"
    return (
        "; ".join(dict.fromkeys(mistake for name in parse.values() if (mistake := _reading_mistake(name))))
        or None
    )


def _na_mistake(asked: Operation) -> str | None:
    na = asked.named.get("na", [])
    if not isinstance(na, str) and not (isinstance(na, list) and all(isinstance(text, str) for text in na)):
        return (
            f"na={na!r} must be a list of texts, such as ['-', '?'], or the name of a set, such as 'common'"
        )
    try:
        missing_texts(na or ())
    except OperationError as error:
        return str(error)
    return None


def _known_mistake(asked: Operation) -> str | None:
    known = asked.named.get("known")
    if known is None:
        return (
            "new_properties='raise' needs the properties that exist: pass known as well"
            if "new_properties" in asked.named
            else None
        )
    if (
        isinstance(known, KnownProperties)
        or known is True
        or is_collection_of_names(known)
        or is_source_of_names(known)
    ):
        return None
    return f"known={quoted(known)} must be a frame of read_properties, the path of a file, names of properties, or True to ask Mixpanel"


def _backup_mistake(asked: Operation) -> str | None:
    backup = asked.named.get("backup")
    if backup is None or (isinstance(backup, str | PathLike) and str(backup)):
        return None
    return f"backup={backup!r} must be the path of a file, True for one in the working directory, or None"


def _reading_mistake(name: str) -> str | None:
    try:
        reading(name)
    except OperationError as error:
        return f"parse: {error}"
    return None


def _journal_mistake(asked: Operation) -> str | None:
    journal, run = asked.named.get("journal"), asked.named.get("run")
    if journal is not None and (not isinstance(journal, str | PathLike) or not str(journal)):
        return f"journal={journal!r} must be the path of a file"
    if run is not None and (
        not isinstance(run, str) or not run or run.encode("utf-8", "ignore").decode() != run
    ):
        return f"run={run!r} must be a name, such as '2026-11-21'"
    if run is not None and journal is None:
        return (
            f"run={run!r} names a run of a journal, but there is no journal: pass journal='mp.sqlite' as well"
        )
    if journal is not None and asked.options.repeat:
        return "repeat=True would also send the updates again at each restart: to send them again with a journal, name another run"
    if asked.options.on_changed == "remaining" and run is None:
        return "on_changed='remaining' needs the name of a run: pass journal='mp.sqlite', run='2026-11-21'"
    return None


#: They read `Operation.named`, because a value can be of any type until it is checked.
_OPTION_CHECKS = (
    _project_mistake,
    _missing_mistake,
    _duplicates_mistake,
    _invalid_mistake,
    _number_mistake,
    _mapping_mistake,
    _location_mistake,
    _parse_mistake,
    _na_mistake,
    _known_mistake,
    _journal_mistake,
    _backup_mistake,
)

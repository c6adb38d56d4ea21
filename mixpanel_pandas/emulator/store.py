"""Profiles in memory, and what each operator does to a profile."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from mixpanel_pandas.emulator.moments import moment_text
from mixpanel_pandas.rules.limits import LIMITS
from mixpanel_pandas.rules.operators import OPERATORS, Operator, Verb

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["EFFECTS", "GEOLOCATION", "Refusal", "Store", "refusal_of", "same", "size_refusal"]

Properties = dict[str, Any]

#: The place of every address. It is no real place, so that a profile that is moved there stands out. In ISO 3166 ZZ is an
#: unknown country.
GEOLOCATION = {"$city": "Nowhere", "$region": "Nowhere", "$country_code": "ZZ", "$timezone": "UTC"}

#: What Mixpanel adds to a place that it knows by its coordinates.
_BY_COORDINATES = {"$geo_source": "reverse_geocoding"}

#: Properties whose value becomes an alias of the user who gets it, by the pages of https://docs.mixpanel.com/docs/cohort-sync.
ALIASING = frozenset(
    {
        "$onesignal_user_id",
        "$moengage_user_id",
        "$CleverTap_user_id",
        "$leanplum_user_id",
        "$apptimize_user_id",
        "$vwo_user_id",
    }
)


# What the operators do: old properties (None: no profile) and the operand -> new properties (None: no profile).
# Values are never changed in place, because the recorded requests share them.


def _set(old: Properties | None, values: Properties) -> Properties:
    return {**(old or {}), **values}


def _set_once(old: Properties | None, values: Properties) -> Properties:
    before = old or {}
    return {**before, **{name: value for name, value in values.items() if name not in before}}


def _add(old: Properties | None, values: Properties) -> Properties:
    # For a property that is no number the effect is not documented. It stays as it is, as with the list operators.
    before = old or {}
    return {**before, **{n: before.get(n, 0) + v for n, v in values.items() if _is_number(before.get(n, 0))}}


def _append(old: Properties | None, values: Properties) -> Properties:
    return _on_lists(old or {}, values, lambda items, value: [*items, value])


def _union(old: Properties | None, values: Properties) -> Properties:
    return _on_lists(old or {}, values, _united)


def _remove(old: Properties | None, values: Properties) -> Properties | None:
    present = {name: value for name, value in values.items() if name in (old or {})}
    new = None if old is None else _on_lists(old, present, _without_first)
    return old if new == old else new  # "If it does not exist, no updates are made": not even of "Updated at"


def _unset(old: Properties | None, names: list[str]) -> Properties:
    # The documentation of one client says that this creates an empty profile. Mixpanel's does not mention it.
    return {name: value for name, value in (old or {}).items() if name not in names}


def _delete(old: Properties | None, ignored: object) -> None:
    return None


def _on_lists(
    old: Properties, values: Properties, change: Callable[[list[Any], Any], list[Any]]
) -> Properties:
    """Return `old` with the lists named in `values` changed. Values that are not lists stay as they are."""
    lists = {name: old.get(name, []) for name in values}
    return {**old, **{n: change(lists[n], v) for n, v in values.items() if isinstance(lists[n], list)}}


def _united(items: list[Any], more: list[Any]) -> list[Any]:
    united = list(items)
    for item in more:
        if not any(same(item, other) for other in united):
            united.append(item)
    return united


def _without_first(items: list[Any], value: object) -> list[Any]:
    # Whether the first or every occurrence is removed is not documented. This is the variant in which sending twice does harm.
    first = next((place for place, item in enumerate(items) if same(item, value)), len(items))
    return items[:first] + items[first + 1 :]


def same(one: object, other: object) -> bool:
    """Return whether two JSON values are equal: ``true`` is not 1."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


EFFECTS: dict[Verb, Callable[[Properties | None, Any], Properties | None]] = {
    "set": _set,
    "set_once": _set_once,
    "add": _add,
    "union": _union,
    "append": _append,
    "remove": _remove,
    "unset": _unset,
    "delete": _delete,
}


class Refusal(NamedTuple):
    """Why a record is refused."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}, {self.message}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _is_names(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(name, str) for name in value)


def _is_scalar(value: object) -> bool:
    return not isinstance(value, dict | list)


def _is_list(value: object) -> bool:
    # A prose page allows a bare value here, the specification only lists of at least one item. This is the stricter variant.
    return isinstance(value, list) and bool(value)


def _is_identity(value: object) -> bool:
    # Some clients send numbers as ids. They are read as text.
    return isinstance(value, str | int | float) and not isinstance(value, bool) and value != ""


def _is_moment(value: object) -> bool:
    # Clients send seconds or milliseconds, see _moment.
    return _is_number(value) and 0 <= value < 1e14  # type: ignore[operator]  # a number, then


_Rule = tuple["Callable[[object], bool]", str]

#: Operator.takes -> the rule for the operand, and the rule for each value in it.
_OPERANDS: dict[str, tuple[_Rule | None, _Rule | None]] = {
    "any": ((_is_object, "an object"), None),
    "number": ((_is_object, "an object"), (_is_number, "a number")),
    "list": ((_is_object, "an object"), (_is_list, "a list of at least one item")),
    "item": ((_is_object, "an object"), None),
    "scalar": ((_is_object, "an object"), (_is_scalar, "a single value")),
    "names": ((_is_names, "a list of at least one name"), None),
    "nothing": (None, None),
}

_BY_NAME = {operator.name: operator for operator in OPERATORS.values()}
_REQUIRED = {False: ("$token", "$distinct_id"), True: ("$token", "$group_key", "$group_id")}


def operators_in(record: dict[str, Any]) -> list[Operator]:
    """Return the operators that `record` holds."""
    return [_BY_NAME[name] for name in record if name in _BY_NAME]


def refusal_of(record: object, *, group: bool) -> Refusal | None:
    """Return the first reason to refuse a record of a user or a group. None: it is good.

    Only the wording for missing fields is that of Mixpanel.
    """
    if not isinstance(record, dict):
        return Refusal("record", "must be an object")
    for name in _REQUIRED[group]:
        if not _is_identity(record.get(name)):
            return Refusal(name, "missing or empty")
    if group and "$distinct_id" in record:
        return Refusal("$distinct_id", "disallowed on groups records")
    if not _is_moment(record.get("$time", 0)):
        return Refusal("$time", "must be seconds since 1970")
    operators = operators_in(record)
    if len(operators) != 1:
        names = ", ".join(operator.name for operator in operators) or "none"
        return Refusal("operator", f"exactly one is needed, found {names}")
    if group and not operators[0].groups:
        return Refusal(operators[0].name, "not supported in group profiles")
    return _operand_refusal(operators[0], record[operators[0].name])


def _operand_refusal(operator: Operator, operand: Any) -> Refusal | None:
    whole, each = _OPERANDS[operator.takes]
    if whole and not whole[0](operand):
        return Refusal(operator.name, f"must be {whole[1]}")
    if each:
        for name, value in operand.items():
            if not each[0](value):
                return Refusal(f"{operator.name}.{name}", f"must be {each[1]}")
    return None


def size_refusal(record: object) -> Refusal | None:
    """Return the reason to refuse a record if it is too large."""
    limit = LIMITS["update_bytes"]
    return Refusal("record", f"larger than {limit}") if len(orjson.dumps(record)) > limit.value else None


_Key = tuple[str, str | None]


@dataclass
class Store:
    """Profiles by token and kind.

    Mixpanel does not verify tokens. Records with another token are answered with success and change no profile of the project.

    Attributes
    ----------
    read_delay : float
        Seconds from a write until queries see it.
    kinds : dict
        Token and group key (None: users) -> id -> properties. The properties of a profile are replaced, never changed, so
        whoever holds them has a snapshot.
    aliases : dict
        Token and alias -> id of the user.
    version : int
        Grows whenever profiles change, as writes and as queries see them.
    """

    read_delay: float = 0.0
    kinds: dict[_Key, dict[str, Properties]] = field(default_factory=dict)
    aliases: dict[tuple[str, str], str] = field(default_factory=dict)
    version: int = 0
    _readable: dict[_Key, dict[str, Properties]] = field(default_factory=dict)
    _late: deque[tuple[float, _Key, str, Properties | None]] = field(default_factory=deque)

    def kind(self, token: str, group: str | None) -> dict[str, Properties]:
        """Return the profiles of users, or of one `group` key, by id."""
        return self.kinds.get((token, group), {})

    def readable(self, token: str, group: str | None, now: float) -> dict[str, Properties]:
        """Return the profiles as queries see them."""
        if not self.read_delay:
            return self.kind(token, group)
        while self._late and self._late[0][0] <= now:
            _, key, identity, properties = self._late.popleft()
            _put(self._readable, key, identity, properties)
            self.version += 1
        return self._readable.get((token, group), {})

    def alias(self, token: str, alias: str, identity: str, now: float) -> None:
        """Make `alias` another id of a user. A profile that it has already is gone, as the profile of an anonymous device is."""
        identity = self.aliases.get((token, identity), identity)
        if alias != identity:
            self.aliases = {key: identity if known == alias else known for key, known in self.aliases.items()}
            self.aliases[token, alias] = identity
            self._write((token, None), alias, None, now)

    def apply(self, record: dict[str, Any], *, group: bool, now: float, geolocate: bool) -> None:
        """Apply a good record.

        Parameters
        ----------
        now : float
            Seconds since 1970, for "Updated at".
        geolocate : bool
            Whether the address of the request is looked up for records without ``$ip``.
        """
        key = (str(record["$token"]), str(record["$group_key"]) if group else None)
        identity = str(record["$group_id" if group else "$distinct_id"])
        if not group and record.get("$ignore_alias") not in _TRUE:
            identity = self.aliases.get((key[0], identity), identity)
        (operator,) = operators_in(record)
        old = self.kinds.get(key, {}).get(identity)
        operand: Any = None if operator.takes == "nothing" else _cut_names(record[operator.name])
        new = EFFECTS[operator.verb](old, operand)
        if new is not None and new is not old:
            # Mixpanel refreshes its own properties when something is set, and for users only as far as is documented.
            if operator.takes == "any" and not group:
                place = _place(record, geolocate=geolocate)
                new = new | {name: value for name, value in place.items() if name not in operand}
            if record.get("$ignore_time") is not True:
                new["$last_seen"] = moment_text(record.get("$time", now))
            new = _first_properties(new)
        if new is not old:
            self._write(key, identity, new, now)
        if operator.takes == "any" and not group:
            for name in ALIASING & operand.keys():
                if isinstance(operand[name], str):
                    self.alias(key[0], operand[name], identity, now)

    def _write(self, key: _Key, identity: str, properties: Properties | None, now: float) -> None:
        _put(self.kinds, key, identity, properties)
        self.version += 1
        if self.read_delay:
            self._late.append((now + self.read_delay, key, identity, properties))


#: Values of ``$ignore_alias`` that switch it on. One official client sends text.
_TRUE = (True, "true")


def _put(
    kinds: dict[_Key, dict[str, Properties]], key: _Key, identity: str, properties: Properties | None
) -> None:
    """Keep the properties of a profile. None: there is no such profile any more."""
    profiles = kinds.setdefault(key, {})
    if properties is None:
        profiles.pop(identity, None)
    else:
        profiles[identity] = properties


def _place(record: dict[str, Any], *, geolocate: bool) -> Properties:
    """Return the properties of the place of a record: that of its coordinates, else that of its address."""
    if "$latitude" in record and "$longitude" in record:
        return GEOLOCATION | _BY_COORDINATES
    return GEOLOCATION if str(record.get("$ip", "1" if geolocate else "0")) != "0" else {}


def _cut_names(operand: Any) -> Any:
    """Return `operand` with names of properties cut to their limit."""
    limit = LIMITS["name_characters"].value
    if not isinstance(operand, dict | list) or max(map(len, operand), default=0) <= limit:
        return operand
    if isinstance(operand, list):
        return [name[:limit] for name in operand]
    return {name[:limit]: value for name, value in operand.items()}


def _first_properties(properties: Properties) -> Properties:
    """Return as many `properties` as a profile holds. Mixpanel drops others silently."""
    limit = LIMITS["properties"].value
    return properties if len(properties) <= limit else dict(list(properties.items())[:limit])

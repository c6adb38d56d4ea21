"""Requests that read: profiles in pages, their statistics, the catalogue of their properties, and cohorts."""

from __future__ import annotations

import base64
import secrets
import zlib
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from mixpanel_pandas.emulator.budget import Budget, QueryRefused
from mixpanel_pandas.emulator.moments import is_moment, moment_text, without_fractions
from mixpanel_pandas.emulator.parameters import QueryFields
from mixpanel_pandas.emulator.selector import SelectorError, compile_selector
from mixpanel_pandas.emulator.stats import statistic
from mixpanel_pandas.emulator.wire import WireRequest, WireResponse, answer_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from collections.abc import Set as AbstractSet
    from datetime import tzinfo

    from mixpanel_pandas.emulator.selector import Evaluator
    from mixpanel_pandas.emulator.store import Properties, Store

__all__ = ["READS", "Reader", "ServiceAccount", "data_group_id"]


class ServiceAccount(NamedTuple):
    """A user who may read. The repr does not show the secret."""

    username: str
    secret: str

    def __repr__(self) -> str:
        return f"ServiceAccount(username={self.username!r})"


def data_group_id(group: str) -> str:
    """Return the id of a group key in the Query API. It is negative and has 19 digits, as real ones may."""
    return str(-(10**18) - zlib.crc32(group.encode()))


@dataclass(frozen=True)
class _Cohort:
    """A list of ids with a name."""

    name: str
    ids: tuple[str, ...]
    created: float


@dataclass
class _Session:
    """The profiles as they were at page 0. Their properties are never changed, so it copies none.

    Attributes
    ----------
    number : str or None
        The ``data_group_id`` of page 0.
    version : int
        The version of the store. Sessions of one version share their profiles.
    matching : dict
        Parameters that choose profiles -> the ids that they choose, in order. As documented, each page repeats them.
    expires : float
        Seconds since 1970.
    """

    profiles: dict[str, Properties]
    number: str | None
    version: int
    page_size: int
    expires: float
    matching: dict[tuple[str | None, ...], list[str]] = field(default_factory=dict)


@dataclass
class Reader:
    """Answers queries about the profiles of a project.

    Attributes
    ----------
    page_size : int
        The most profiles on a page.
    session_seconds : float
        How long a session lasts after its latest page.
    zone : datetime.tzinfo
        The time zone of the project, in which dates in selectors are.
    whole_seconds : bool
        Whether dates are answered to the second.
    """

    store: Store = field(repr=False)
    token: str = field(repr=False)
    account: ServiceAccount
    project_secret: str = field(repr=False)
    project_id: int
    budget: Budget
    page_size: int
    session_seconds: float
    zone: tzinfo
    whole_seconds: bool
    cohorts: dict[int, _Cohort] = field(default_factory=dict)
    _sessions: dict[str, _Session] = field(default_factory=dict, repr=False)

    def add_cohort(self, name: str, ids: Iterable[str], now: float) -> int:
        """Keep a list of ids as a cohort, and return its number."""
        number = len(self.cohorts) + 1
        self.cohorts[number] = _Cohort(name, tuple(map(str, ids)), now)
        return number

    def answer(self, request: WireRequest, now: float) -> WireResponse:
        """Answer a request for one of the paths of `READS`."""
        endpoint = READS[request.path]
        fields = QueryFields({name: text for name, text in request.fields.items() if text})
        try:
            content = self._content(endpoint, request, fields, now)
        except (QueryRefused, SelectorError) as error:
            refusal = error if isinstance(error, QueryRefused) else QueryRefused(400, str(error))
            response = answer_json(refusal.status, {"request": request.target, "error": str(refusal)})
            return replace(response, headers={**response.headers, **refusal.headers})
        return answer_json(200, content)

    def _content(self, endpoint: str, request: WireRequest, fields: QueryFields, now: float) -> object:
        by_secret = self._authenticate(request)
        if endpoint == "me":  # it is an account's, not a project's, and no query
            return self._me()
        project = fields.text("project_id") or (str(self.project_id) if by_secret else None)
        if project is None:
            raise QueryRefused(400, "project_id is a required parameter")
        if project != str(self.project_id):
            raise QueryRefused(403, "The service account has no access to this project")
        self.budget.admit(now, counts="session_id" not in fields)
        fields.check(endpoint)
        return _CONTENTS[endpoint](self, fields, now)

    def _authenticate(self, request: WireRequest) -> bool:
        """Return whether a request comes with the secret of the project, else with the service account."""
        known = {_basic(":".join(self.account)): False}
        known |= {_basic(self.project_secret + colon): True for colon in ("", ":")}
        login = request.headers.get("authorization")
        if login not in known:
            raise QueryRefused(401, "Invalid service account credentials")
        return known[login]

    # -- profiles -----------------------------------------------------------------------------------------------------

    def _page(self, fields: QueryFields, now: float) -> object:
        page = fields.number("page", 0)
        name, session = self._session(fields, page, now)
        terms = fields.part(_CHOOSING)
        if terms not in session.matching:
            session.matching[terms] = self._ordered(session.profiles, fields, now)
        matching = session.matching[terms]
        names = fields.names("output_properties")
        ids = matching[page * session.page_size : (page + 1) * session.page_size]
        # A client by Airbyte says of the total that it is on the first page only.
        total = {} if page else {"total": len(matching)}
        return {
            "page": page,
            "page_size": session.page_size,
            "results": [
                {"$distinct_id": one, "$properties": self._shown(session.profiles.get(one, {}), names)}
                for one in ids
            ],
            "session_id": name,
            "status": "ok",
            **total,
        }

    def _session(self, fields: QueryFields, page: int, now: float) -> tuple[str, _Session]:
        """Return the name of the session of a query, and the session: the one that it names, or a new one."""
        self._sessions = {name: old for name, old in self._sessions.items() if old.expires > now}
        name, number = fields.text("session_id"), fields.text("data_group_id")
        if name is None:
            if page:
                raise QueryRefused(400, "page needs the session_id of page 0")
            name = f"{int(now)}-{secrets.token_hex(3).upper()}"
            size = min(fields.number(key, self.page_size, least=1) for key in ("page_size", "limit"))
            profiles = self._snapshot(number, now)
            self._sessions[name] = _Session(
                profiles, number, self.store.version, min(size, self.page_size), 0.0
            )
        if name not in self._sessions:
            msg = f"unknown or expired session_id {name!r}"
            raise QueryRefused(400, msg)
        session = self._sessions[name]
        if session.number != number:
            raise QueryRefused(400, "data_group_id is not that of page 0")
        session.expires = now + self.session_seconds
        return name, session

    def _snapshot(self, number: str | None, now: float) -> dict[str, Properties]:
        """Return the profiles as they can be read now, whatever is written later."""
        profiles = self._profiles(number, now)
        for session in self._sessions.values():
            if (session.number, session.version) == (number, self.store.version):
                return session.profiles
        return dict(profiles)

    def _profiles(self, number: str | None, now: float) -> dict[str, Properties]:
        """Return the profiles of users, or of the group key with a number, as they can be read now."""
        if number is None:
            return self.store.readable(self.token, None, now)
        groups = {
            data_group_id(group): group for token, group in self.store.kinds if token == self.token and group
        }
        if number not in groups:
            msg = f"unknown data_group_id {number}"
            raise QueryRefused(400, msg)
        return self.store.readable(self.token, groups[number], now)

    def _matching(self, profiles: dict[str, Properties], fields: QueryFields, now: float) -> Iterable[str]:
        """Return the ids that a query chooses, in the order of ids."""
        ids = self._requested(profiles, fields)
        # One official client calls the condition `selector`.
        where = fields.text("where") or fields.text("selector")
        if where is None:
            return ids
        condition = self._selector(where, now)
        return [one for one in ids if condition(profiles.get(one, {})) is True]

    def _requested(self, profiles: dict[str, Properties], fields: QueryFields) -> list[str]:
        """Return the ids that a query names, alone or by a cohort, else those of all profiles."""
        one, some, cohort = fields.text("distinct_id"), fields.names("distinct_ids"), fields.cohort_id()
        if one is not None and some is not None:
            raise QueryRefused(400, "distinct_id and distinct_ids exclude each other")
        chosen: AbstractSet[str] = profiles.keys()
        if cohort is not None:
            members = self._members(cohort)
            # As documented, members without a profile are there unless a query says otherwise.
            chosen = members if fields.flag("include_all_users", default=True) else chosen & members
        if one is not None or some is not None:
            chosen = chosen & ({one} if one is not None else set(some or ()))
        return sorted(chosen)

    def _members(self, number: int) -> AbstractSet[str]:
        if number not in self.cohorts:
            msg = f"unknown cohort {number}"
            raise QueryRefused(400, msg)
        aliases = self.store.aliases
        return {aliases.get((self.token, one), one) for one in self.cohorts[number].ids}

    def _ordered(self, profiles: dict[str, Properties], fields: QueryFields, now: float) -> list[str]:
        """Return the ids that a query chooses, in its order. Profiles without the value come last."""
        ids = list(self._matching(profiles, fields, now))
        order = fields.text("sort_order") or "ascending"
        if order not in {"ascending", "descending"}:
            msg = f"sort_order must be ascending or descending, not {order!r}"
            raise QueryRefused(400, msg)
        key = fields.text("sort_key")
        if key is None:
            return ids
        value_of = self._selector(key, now)
        values = {one: value_of(profiles.get(one, {})) for one in ids}
        sortable = [one for one in ids if isinstance(values[one], str | int | float)]
        sortable.sort(key=lambda one: _rank(values[one]), reverse=order == "descending")
        return list(dict.fromkeys([*sortable, *ids]))

    def _selector(self, text: str, now: float) -> Evaluator:
        return compile_selector(text, now, self.zone)

    def _shown(self, properties: Properties, names: list[str] | None) -> Properties:
        if names is not None:
            properties = {name: properties[name] for name in names if name in properties}
        if self.whole_seconds:
            properties = {name: without_fractions(value) for name, value in properties.items()}
        return properties

    # -- the other endpoints ------------------------------------------------------------------------------------------

    def _stats(self, fields: QueryFields, now: float) -> object:
        profiles = self._profiles(fields.text("data_group_id"), now)
        chosen = [profiles.get(one, {}) for one in self._matching(profiles, fields, now)]
        action = fields.text("action") or "count()"
        result = statistic(action, chosen, lambda text: self._selector(text, now))
        computed = datetime.fromtimestamp(now, UTC).isoformat()
        return {"computed_at": computed, "results": result, "status": "ok"}

    def _catalogue(self, fields: QueryFields, now: float) -> object:
        profiles = self._profiles(fields.text("data_group_id"), now)
        types: dict[str, Counter[str]] = defaultdict(Counter)
        for one in self._matching(profiles, fields, now):
            for name, value in profiles[one].items():
                types[name][_type(value)] += 1
        names = sorted(types, key=lambda name: -types[name].total())
        names = names[: fields.number("limit", len(names))]
        return {
            "results": {
                name: {"count": types[name].total(), "type": _most_common(types[name])} for name in names
            },
            "status": "ok",
        }

    def _cohort_list(self, fields: QueryFields, now: float) -> object:
        return [
            {
                "count": len(cohort.ids),
                "is_visible": 1,
                "description": "",
                "created": moment_text(cohort.created).replace("T", " "),
                "project_id": self.project_id,
                "id": number,
                "name": cohort.name,
            }
            for number, cohort in self.cohorts.items()
        ]

    def _me(self) -> object:
        project = {"name": "Emulator", "organization_id": 1, "timezone": str(self.zone), "type": "PROJECT"}
        return {
            "status": "ok",
            "results": {
                "user_id": 1,
                "user_name": self.account.username,
                "organizations": {"1": {"id": 1, "name": "Emulator", "role": "admin"}},
                "projects": {str(self.project_id): project},
                "workspaces": {},
            },
        }


#: Parameters that decide which profiles a query chooses, and in which order.
_CHOOSING = (
    "where", "selector", "distinct_id", "distinct_ids", "filter_by_cohort", "include_all_users", "sort_key", "sort_order",
)  # fmt: skip

_CONTENTS: dict[str, Callable[[Reader, QueryFields, float], object]] = {
    "engage": Reader._page,
    "engage/stats": Reader._stats,
    "engage/properties": Reader._catalogue,
    "cohorts/list": Reader._cohort_list,
}

#: Path -> endpoint. Mixpanel's current path and its older one are equivalent.
READS: dict[str, str] = {
    **{f"/api/{base}/{endpoint}": endpoint for base in ("query", "2.0") for endpoint in _CONTENTS},
    "/api/app/me": "me",
}


def _basic(login: str) -> str:
    return "Basic " + base64.b64encode(login.encode()).decode()


def _rank(value: str | float) -> tuple[str, Any]:
    """Return what values are sorted by: their type, then the value."""
    return "string" if isinstance(value, str) else "number", value


#: Names of types in the catalogue. "string", "datetime", "list" and "unknown" are those of clients. The others are those of
#: Mixpanel's page of data types.
_TYPES: dict[type, str] = {
    str: "string",
    bool: "boolean",
    int: "number",
    float: "number",
    list: "list",
    dict: "object",
    type(None): "unknown",
}


def _type(value: object) -> str:
    return "datetime" if isinstance(value, str) and is_moment(value) else _TYPES[type(value)]


def _most_common(types: Counter[str]) -> str:
    """Return the type that most profiles have. What has no type, as null, counts only if nothing else is there."""
    return max(types, key=lambda name: (name != "unknown", types[name]))

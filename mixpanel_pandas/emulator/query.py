"""Requests that read: the Query API for profiles, and the catalogue of their properties."""

from __future__ import annotations

import base64
import re
import uuid
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from mixpanel_pandas.emulator.store import same
from mixpanel_pandas.emulator.wire import WireRequest, WireResponse, answer_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from mixpanel_pandas.emulator.store import Properties, Store

__all__ = ["Reader", "ServiceAccount", "data_group_id"]

_HOUR = 3600.0


class ServiceAccount(NamedTuple):
    """A user who may read. The repr does not show the secret."""

    username: str
    secret: str

    def __repr__(self) -> str:
        return f"ServiceAccount(username={self.username!r})"


class QueryRefused(Exception):
    """A query is answered with an error: a status and a text."""

    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.status = status


def data_group_id(group: str) -> str:
    """Return the id of a group key in the Query API. It is negative and has 19 digits, as real ones may."""
    return str(-(10**18) - zlib.crc32(group.encode()))


@dataclass
class Reader:
    """Answers queries about the profiles of a project.

    Attributes
    ----------
    page_size : int
        Profiles on a page.
    per_hour : int
        Queries in an hour. Each page counts as one.
    """

    token: str = field(repr=False)
    account: ServiceAccount
    project_id: int
    page_size: int
    per_hour: int
    sessions: dict[str, dict[str, Properties]] = field(default_factory=dict)
    recent: list[float] = field(default_factory=list)

    def profiles(self, store: Store, request: WireRequest, now: float) -> WireResponse:
        """Answer ``/api/query/engage``: one page of profiles."""
        return self._answer(self._page, store, request, now)

    def properties(self, store: Store, request: WireRequest, now: float) -> WireResponse:
        """Answer ``/api/2.0/engage/properties``: the type of each property, and how many profiles have it."""
        return self._answer(self._catalogue, store, request, now)

    def _answer(
        self, content: Callable[[Store, WireRequest], object], store: Store, request: WireRequest, now: float
    ) -> WireResponse:
        try:
            self._admit(request)
            self._throttle(now)
            return answer_json(200, content(store, request))
        except QueryRefused as refusal:
            return answer_json(refusal.status, {"error": str(refusal), "status": "error"})

    def _admit(self, request: WireRequest) -> None:
        login = base64.b64encode(":".join(self.account).encode()).decode()
        if request.headers.get("authorization") != f"Basic {login}":
            raise QueryRefused(401, "Invalid service account credentials")
        if "project_id" not in request.fields:
            raise QueryRefused(400, "project_id is a required parameter")
        if request.fields["project_id"] != str(self.project_id):
            raise QueryRefused(403, "The service account has no access to this project")

    def _throttle(self, now: float) -> None:
        self.recent = [then for then in self.recent if then > now - _HOUR]
        if len(self.recent) >= self.per_hour:
            msg = (
                f"Query rate limit exceeded for project_id: {self.project_id}. 1/5 queries running concurrently and "
                f"{len(self.recent) + 1}/{self.per_hour} queries running in the last hour"
            )
            raise QueryRefused(429, msg)
        self.recent.append(now)

    def _page(self, store: Store, request: WireRequest) -> object:
        fields = request.fields
        unknown = [name for name in ("filter_by_cohort", "behaviors") if name in fields]
        if unknown:
            msg = f"the emulator knows no {unknown[0]}"
            raise QueryRefused(400, msg)
        page, session = _number(fields, "page"), self._session(store, fields)
        # A session holds the profiles as they were at its beginning. As documented, each page repeats the conditions.
        matching = sorted(_matching(self.sessions[session], fields))
        names = _json(fields, "output_properties")
        rows = matching[page * self.page_size : (page + 1) * self.page_size]
        return {
            "page": page,
            "page_size": self.page_size,
            "results": [
                {"$distinct_id": identity, "$properties": _chosen(self.sessions[session][identity], names)}
                for identity in rows
            ],
            "session_id": session,
            "status": "ok",
            "total": len(matching),
        }

    def _session(self, store: Store, fields: dict[str, str]) -> str:
        """Return the session that the query names, or a new one."""
        session = fields.get("session_id")
        if session is None:
            if _number(fields, "page"):
                raise QueryRefused(400, "page needs the session_id of page 0")
            session = uuid.uuid4().hex
            self.sessions[session] = dict(self._kind(store, fields))
        if session not in self.sessions:
            msg = f"unknown session_id {session!r}"
            raise QueryRefused(400, msg)
        return session

    def _catalogue(self, store: Store, request: WireRequest) -> object:
        counts: dict[str, dict[str, Any]] = {}
        for properties in self._kind(store, request.fields).values():
            for name, value in properties.items():
                row = counts.setdefault(name, {"count": 0, "type": _type(value)})
                row["count"] += 1
        return {"results": counts}

    def _kind(self, store: Store, fields: dict[str, str]) -> dict[str, Properties]:
        number = fields.get("data_group_id")
        if number is None:
            return store.kind(self.token, None)
        groups = {
            data_group_id(group): group for token, group in store.kinds if token == self.token and group
        }
        if number not in groups:
            msg = f"unknown data_group_id {number}"
            raise QueryRefused(400, msg)
        return store.kind(self.token, groups[number])


def _matching(profiles: dict[str, Properties], fields: dict[str, str]) -> list[str]:
    """Return the ids of the `profiles` that a query asks for."""
    requested = [fields["distinct_id"]] if "distinct_id" in fields else _json(fields, "distinct_ids")
    ids = list(profiles) if requested is None else [str(i) for i in requested if str(i) in profiles]
    # One official client calls the condition `selector`.
    condition = _condition(fields.get("where") or fields.get("selector") or "")
    return [identity for identity in ids if condition(profiles[identity])]


def _json(fields: dict[str, str], name: str) -> list[Any] | None:
    if name not in fields:
        return None
    try:
        return list(orjson.loads(fields[name]))
    except (orjson.JSONDecodeError, TypeError):
        msg = f"{name} must be a list in JSON"
        raise QueryRefused(400, msg) from None


def _number(fields: dict[str, str], name: str) -> int:
    try:
        return int(fields.get(name, 0))
    except ValueError:
        msg = f"{name} must be a number"
        raise QueryRefused(400, msg) from None


def _equals(properties: Properties, name: str, literal: str) -> bool:
    try:
        return name in properties and same(properties[name], orjson.loads(literal))
    except orjson.JSONDecodeError:
        msg = f"cannot read {literal!r} in the condition"
        raise QueryRefused(400, msg) from None


def _defined(properties: Properties, name: str) -> bool:
    return name in properties


def _truthy(properties: Properties, name: str) -> bool:
    return bool(properties.get(name))


_PROPERTY = r'(?:properties|user)\s*\[\s*"([^"]*)"\s*\]'

#: The conditions that the emulator understands.
_CONDITIONS: tuple[tuple[re.Pattern[str], Callable[..., bool]], ...] = (
    (re.compile(rf"{_PROPERTY}\s*==\s*(.+)"), _equals),
    (re.compile(rf"defined\s*\(\s*{_PROPERTY}\s*\)"), _defined),
    (re.compile(rf"boolean\s*\(\s*{_PROPERTY}\s*\)\s*==\s*true"), _truthy),
)


def _condition(where: str) -> Callable[[Properties], bool]:
    """Return the condition `where` as a function of properties."""
    text = where.strip()
    while text.startswith("(") and text.endswith(")"):
        text = text[1:-1].strip()
    if not text:
        return lambda properties: True
    for pattern, holds in _CONDITIONS:
        if match := pattern.fullmatch(text):
            return lambda properties: holds(properties, *match.groups())
    msg = f'the emulator understands properties["x"] == "y" and defined(properties["x"]), not {where!r}'
    raise QueryRefused(400, msg)


def _chosen(properties: Properties, names: list[Any] | None) -> Properties:
    return properties if names is None else {name: properties[name] for name in names if name in properties}


_DATE = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?Z?)?")

#: Names of types in the catalogue. Only "string" is recorded from Mixpanel. The others are those of its page of data types.
_TYPES: tuple[tuple[str, Callable[[Any], bool]], ...] = (
    ("datetime", lambda value: isinstance(value, str) and _DATE.fullmatch(value) is not None),
    ("string", lambda value: isinstance(value, str)),
    ("boolean", lambda value: isinstance(value, bool)),
    ("number", lambda value: isinstance(value, int | float)),
    ("list", lambda value: isinstance(value, list)),
    ("object", lambda value: isinstance(value, dict)),
    ("null", lambda value: value is None),
)


def _type(value: object) -> str:
    return next(name for name, fits in _TYPES if fits(value))

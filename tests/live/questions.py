"""Requests that read, and what of their answers is compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.live.cases import HEADLESS, QUERY, ROW, SILENT, VALUE, Question

if TYPE_CHECKING:
    from tests.live.subject import Answer

_ACCOUNTS = "https://developer.mixpanel.com/reference/service-accounts"
_RATES = "https://developer.mixpanel.com/reference/rate-limits"
_AIRBYTE = "airbytehq/airbyte source-mixpanel"

#: The profiles that the questions are about: end of the id -> properties.
READERS: dict[str, dict[str, Any]] = {
    f"reader-{name}": {ROW: "{id}reader", **properties}
    for name, properties in {
        "ann": {VALUE: 1, "mpd_live_null": None, "mpd_live_object": {"k": 1}},
        "bob": {VALUE: "x", "mpd_live_list": ["a"], "mpd_live_datetime": "2026-01-02T03:04:05.678"},
        "cem": {"mpd_live_string": "a", "mpd_live_number": 1.5, "mpd_live_boolean": True},
    }.items()
}

_MINE = f'properties["{ROW}"] == "{{id}}reader"'
_SOME = {"where": _MINE, "output_properties": [VALUE, "mpd_live_null", "mpd_live_datetime"]}
_TYPES = ("string", "number", "boolean", "datetime", "list", "object", "null")

_LIMIT_HEADERS = ("RateLimit-Policy", "RateLimit", "Retry-After")


def _refusal(answer: Answer) -> Any:
    """Return the status and the names in the body of an error."""
    return answer.status, sorted(answer.content) if isinstance(answer.content, dict) else answer.text


def _content(answer: Answer) -> dict[str, Any]:
    return answer.content if isinstance(answer.content, dict) else {}


def _status(answer: Answer) -> Any:
    """Return the status alone, and what was answered in place of profiles."""
    return answer.status if answer.status == 200 else _refusal(answer)


def _names(answer: Answer) -> Any:
    return sorted(_content(answer)) if answer.status == 200 else _refusal(answer)


def _page(answer: Answer) -> Any:
    """Return what a page says of itself."""
    told = ("page", "page_size", "status", "total")
    return {name: _content(answer)[name] for name in told if name in _content(answer)} or _refusal(answer)


def _profiles(answer: Answer) -> Any:
    """Return the profiles of a page, by the ends of their ids."""
    results = _content(answer).get("results")
    if not isinstance(results, list):
        return _refusal(answer)
    return {answer.end_of(row["$distinct_id"]): row.get("$properties") for row in results}


def _ends(answer: Answer) -> Any:
    profiles = _profiles(answer)
    return sorted(profiles) if isinstance(profiles, dict) else profiles


def _limit_headers(answer: Answer) -> Any:
    return [name for name in _LIMIT_HEADERS if name in answer.headers]


def _results(answer: Answer) -> Any:
    return _content(answer).get("results", _refusal(answer))


def _types(answer: Answer) -> Any:
    """Return the types of the properties that only these profiles have."""
    results = _content(answer).get("results")
    if not isinstance(results, dict):
        return _refusal(answer)
    return {name: results[f"mpd_live_{name}"].get("type") for name in _TYPES if f"mpd_live_{name}" in results}


def _me(answer: Answer) -> Any:
    """Return whether an account's answer names the project, and which time zone it has."""
    results = _content(answer).get("results")
    if not isinstance(results, dict):
        return _refusal(answer)
    projects = results.get("projects")
    project = projects.get(answer.project) if isinstance(projects, dict) else None
    return {"names": sorted(results), "project": isinstance(project, dict), "timezone": "timezone" in (project or {})}  # fmt: skip


_ERROR = ["error", "request"]
_PAGE_NAMES = ["page", "page_size", "results", "session_id", "status", "total"]
_ALL = ["reader-ann", "reader-bob", "reader-cem"]
_SHOWN = {
    "reader-ann": {VALUE: 1, "mpd_live_null": None},
    "reader-bob": {VALUE: "x", "mpd_live_datetime": "2026-01-02T03:04:05"},
    "reader-cem": {},
}

#: Asked one after the other. Questions with one query and several views are asked once.
QUESTIONS = (
    Question("page 0: names", _SOME, _names, _PAGE_NAMES, QUERY),
    Question("page 0: what it says of itself", _SOME, _page, {"page": 0, "page_size": 1000, "status": "ok", "total": 3}, QUERY),
    Question("page 0: profiles, with null and a date", _SOME, _profiles, _SHOWN, QUERY),
    Question("page 0: headers of limits", _SOME, _limit_headers, [], HEADLESS),
    Question("page 0 again, in its session", {**_SOME, "session_id": "{session}", "page": 0}, _ends, _ALL, QUERY),
    Question("a page after the last one", {**_SOME, "session_id": "{session}", "page": 1}, _profiles, {}, QUERY),
    Question("a page after the last one: names", {**_SOME, "session_id": "{session}", "page": 1}, _names, [name for name in _PAGE_NAMES if name != "total"], _AIRBYTE),
    Question("a page without a session", {**_SOME, "page": 1}, _refusal, (400, _ERROR), QUERY),
    Question("a session that is none", {**_SOME, "session_id": "1-ABCDEF", "page": 1}, _refusal, (400, _ERROR), SILENT),
    Question("parameters in JSON", _SOME, _ends, _ALL, HEADLESS, how="json"),
    Question("GET, with parameters in the address", _SOME, _ends, _ALL, HEADLESS, how="address"),
    Question("the older address", _SOME, _ends, _ALL, HEADLESS, path="/api/2.0/engage"),
    Question("distinct_id", {"distinct_id": "{id}reader-ann"}, _ends, ["reader-ann"], QUERY),
    Question("distinct_id of nobody", {"distinct_id": "{id}nobody"}, _page, {"page": 0, "page_size": 1000, "status": "ok", "total": 0}, QUERY),
    Question("distinct_id with distinct_ids", {"distinct_id": "{id}reader-ann", "distinct_ids": ["{id}reader-bob"]}, _refusal, (400, _ERROR), HEADLESS),
    Question("distinct_ids with where", {"distinct_ids": ["{id}reader-ann", "{id}reader-bob"], "where": f'properties["{VALUE}"] == 1'}, _ends, ["reader-ann"], SILENT),
    Question("where that cannot be read", {"where": "properties[ =="}, _refusal, (400, _ERROR), QUERY),
    Question("user[...] in where", {"where": _MINE.replace("properties", "user")}, _ends, _ALL, QUERY),
    Question("an empty session_id", {**_SOME, "session_id": ""}, _ends, _ALL, SILENT),
    Question("without an account", _SOME, _status, (401, _ERROR), QUERY, login="nobody"),
    Question("with a wrong secret", _SOME, _status, (401, _ERROR), QUERY, login="wrong"),
    Question("another project", _SOME, _status, (403, _ERROR), QUERY, project="{stranger_project}"),
    Question("without a project", _SOME, _status, (400, _ERROR), QUERY, project=""),
    Question("engage/stats: count()", {"action": "count()", "selector": _MINE}, _results, 3, HEADLESS, path="/api/query/engage/stats"),
    Question("engage/stats: extremes", {"action": f'extremes(properties["{VALUE}"])', "selector": _MINE}, _results, {"max": 1, "min": 1}, HEADLESS, path="/api/query/engage/stats"),
    Question("engage/properties: types", {}, _types, dict(zip(_TYPES, (*_TYPES[:-1], "unknown"), strict=True)), _AIRBYTE, path="/api/query/engage/properties", how="address"),
    Question("app/me", {}, _me, {"names": ["organizations", "projects", "user_id", "user_name", "workspaces"], "project": True, "timezone": True}, HEADLESS, path="/api/app/me", how="address", project=""),
    Question("app/me with a wrong secret", {}, _status, (401, _ERROR), _ACCOUNTS, path="/api/app/me", how="address", login="wrong", project=""),
)  # fmt: skip

#: Asked where a group key is configured.
GROUP_QUESTIONS = (
    Question("group: a number that is none", {"data_group_id": "1"}, _refusal, (400, _ERROR), SILENT),
)

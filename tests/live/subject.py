"""Who is asked: a project, its answers as they come, and what it has cost."""

from __future__ import annotations

import base64
import json
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from mixpanel_pandas.delivery.answers import seconds_to_wait
from mixpanel_pandas.delivery.http import Client, secrets_of
from mixpanel_pandas.delivery.messages import Failure, Request, Response
from mixpanel_pandas.delivery.redaction import redact
from mixpanel_pandas.profiles.query import PAGE_BYTES, QUERIES_PER_HOUR
from mixpanel_pandas.rules.limits import RESERVED_PROPERTIES
from tests.live.cases import FAMILY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mixpanel_pandas.project import Project

#: Properties whose value becomes an alias of the user's id.
ALIASING = {name for name, row in RESERVED_PROPERTIES.items() if row.role == "alias"}

#: Tries of a request that another try can do no harm, seconds between them, and the longest pause that an answer may ask for.
TRIES, PAUSE, LONGEST_PAUSE = 4, 5.0, 120.0

#: The most queries that are asked. The rest of the hour's is left to cleaning up, and to whoever else reads the project.
QUERIES = QUERIES_PER_HOUR - 8

_CONTENT_TYPES = {
    "json": "application/json",
    "form": "application/x-www-form-urlencoded",
    "base64": "application/x-www-form-urlencoded",
    "text": "text/plain",
}


class CannotAnswer(Exception):
    """There is no answer that could be compared."""


class QueriesSpent(Exception):
    """The queries of the hour are used up."""


class Foreign(ValueError):
    """A record is not about a profile of this suite."""


@dataclass(frozen=True)
class Answer:
    """An answer.

    Attributes
    ----------
    content : Any
        The body as JSON. Texts of the run are replaced by their names in braces.
    text : str
        The body, if it is no JSON.
    prefix, project : str
        The prefix of the ids of the run, and the number of the project.
    """

    status: int
    headers: Mapping[str, str]
    content: Any
    text: str
    prefix: str
    project: str

    def end_of(self, identity: Any) -> str:
        """Return an id without the prefix of the run."""
        return str(identity).removeprefix(self.prefix).removeprefix("{id}")


@dataclass
class Subject:
    """A project that is asked.

    Parameters
    ----------
    project : Project
        With a service account.
    prefix : str
        How the ids of the run begin.
    group : tuple of (str, str), optional
        A group key and its number.
    queries : int
        The most queries that are asked.
    sleep : callable
        Waits for some seconds.

    Attributes
    ----------
    spent, requests : int
        Queries asked, and requests made.
    """

    project: Project
    prefix: str
    group: tuple[str, str] | None = None
    queries: int = QUERIES
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    spent: int = 0
    requests: int = 0
    _clients: dict[str, Client] = field(default_factory=dict, repr=False)

    def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            client.close()

    @contextmanager
    def more_queries(self, count: int) -> Iterator[None]:
        """Allow some queries more."""
        self.queries += count
        try:
            yield
        finally:
            self.queries -= count

    @property
    def texts(self) -> dict[str, str]:
        """Name in braces -> text of this project."""
        texts = {"id": self.prefix, "token": str(self.project.token), "project": str(self.project.project_id)}
        return texts | dict(zip(("group", "number"), self.group or (), strict=False))

    # -- writing ------------------------------------------------------------------------------------------------------

    def write(
        self, endpoint: str, body: Any, parameters: str, encoding: str = "json", *, idempotent: bool = False
    ) -> Answer:
        """Send records, or a body as it is, and return the answer.

        Parameters
        ----------
        idempotent : bool
            Whether it can do no harm to send them again after an answer that leaves open what became of them.
        """
        if not isinstance(body, str):
            refuse_foreign(body if isinstance(body, list) else [body])
        text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
        headers = {"Content-Type": _CONTENT_TYPES[encoding], "Accept": "*/*", "Accept-Encoding": "identity"}
        request = Request(
            f"{self.project.base}/{endpoint}?{parameters}", _ENCODINGS[encoding](text), headers=headers
        )
        return self._answer(request, again=idempotent)

    # -- reading ------------------------------------------------------------------------------------------------------

    def read(
        self, path: str, parameters: Mapping[str, Any], how: str = "form", login: str = "account", project: str | None = None
    ) -> Answer:  # fmt: skip
        """Ask a query, and return the answer.

        Raises
        ------
        QueriesSpent
            If no query is left, by this count or by that of the project.
        """
        form = {
            name: value if isinstance(value, str) else json.dumps(value) for name, value in parameters.items()
        }
        address = {"project_id": str(self.project.project_id) if project is None else project}
        body, headers = b"", {"Accept": "*/*", "Accept-Encoding": "identity", **self._login(login)}
        if how == "address":
            address |= form
        elif how == "json":
            body, headers["Content-Type"] = json.dumps(dict(parameters)).encode(), "application/json"
        else:
            body, headers["Content-Type"] = urlencode(form).encode(), _CONTENT_TYPES["form"]
        address = {name: value for name, value in address.items() if value}
        url = f"{self.project.query_base}{path}?{urlencode(address)}".rstrip("?")
        counts = "project_id" in address and not form.get("session_id") and not path.startswith("/api/app/")
        if counts and self.spent >= self.queries:
            raise QueriesSpent
        method = "GET" if how == "address" else "POST"
        answer = self._answer(Request(url, body, method, headers, PAGE_BYTES), again=True)
        self.spent += counts and answer.status not in {401, 402, 403, 429}
        if answer.status == 429:
            raise QueriesSpent
        return answer

    def profiles(self, ids: list[str], number: str | None = None) -> dict[str, dict[str, Any]]:
        """Return the profiles with some ids: id -> properties."""
        return self.pages({"distinct_ids": ids} | ({"data_group_id": number} if number else {}))

    def pages(self, form: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """Return the profiles that a query finds: id -> properties. It is one query, whose further pages do not count."""
        found: dict[str, dict[str, Any]] = {}
        page, full = 0, True
        while full:
            answer = self.read("/api/query/engage", form)
            results = answer.content.get("results") if isinstance(answer.content, dict) else None
            if answer.status != 200 or not isinstance(results, list):
                msg = f"profiles cannot be read: {answer.status} {self.shown(answer)}"
                raise CannotAnswer(msg)
            found |= {str(row["$distinct_id"]): row["$properties"] for row in results}
            full = len(results) >= int(answer.content["page_size"])
            page += 1
            form = {**form, "session_id": answer.content["session_id"], "page": page}
        return {identity.replace("{id}", self.prefix): properties for identity, properties in found.items()}

    # -- one request --------------------------------------------------------------------------------------------------

    def _answer(self, request: Request, *, again: bool) -> Answer:
        """Return the answer to a request. It is made again where that can do no harm: `again`, or if nothing was sent."""
        base = "/".join(request.url.split("/", 3)[:3])
        if base not in self._clients:
            self._clients[base] = Client(self.project, base)
        client = self._clients[base]
        reply: Response | Failure = Failure("", "unclear")
        for tried in range(TRIES):
            reply = client.send(request, timeout=self.project.timeout)
            self.requests += 1
            pause = _pause(reply, again=again)
            if pause is None or pause > LONGEST_PAUSE or tried == TRIES - 1:
                break
            self.sleep(pause)
        if isinstance(reply, Failure) or reply.flaw is not None:
            text = reply.text if isinstance(reply, Failure) else f"{reply.status}, but {reply.flaw}"
            msg = f"{self.project.place} gives no clear answer: {redact(text, secrets_of(self.project))}"
            raise CannotAnswer(msg)
        text = (
            reply.body.decode(errors="replace")
            .replace(self.prefix, "{id}")
            .replace(str(self.project.token), "{token}")
        )
        try:
            content = json.loads(text)
        except ValueError:
            content = None
        is_json = content is not None or text.strip() == "null"
        return Answer(
            reply.status,
            reply.headers,
            content,
            "" if is_json else text,
            self.prefix,
            str(self.project.project_id),
        )

    def shown(self, answer: Answer) -> str:
        """Return the body of an answer for people, without secrets."""
        text = answer.text or json.dumps(answer.content, ensure_ascii=False)
        return redact(text, secrets_of(self.project))

    def _login(self, login: str) -> dict[str, str]:
        if login == "nobody":
            return {}
        secret = "0" * 32 if login == "wrong" else self.project.secret
        account = base64.b64encode(f"{self.project.username}:{secret}".encode()).decode()
        return {"Authorization": f"Basic {account}"}


def refuse_foreign(records: list[Any]) -> None:
    """Refuse records that name a profile of somebody else, or give a profile another id, which nobody can take away again.

    Raises
    ------
    Foreign
        If there is one.
    """
    for record in records:
        operands = (operand for operand in record.values() if isinstance(operand, dict))
        for name in (name for operand in operands for name in operand if name in ALIASING):
            msg = f"{name} makes its value an alias of the id: nothing is sent"
            raise Foreign(msg)
        for name in ("$distinct_id", "$group_id"):
            identity = record.get(name)
            if identity and not str(identity).startswith(FAMILY):
                msg = f"{name} {identity!r} does not begin with {FAMILY!r}: nothing is sent"
                raise Foreign(msg)


def _pause(reply: Response | Failure, *, again: bool) -> float | None:
    """Return the seconds until another try. None: there is none, as it may do harm, or brings nothing else."""
    if isinstance(reply, Failure):
        return PAUSE if again or reply.evidence == "no_connection" else None
    if reply.status == 429:
        return seconds_to_wait(reply.headers.get("Retry-After"), time.time()) or PAUSE
    return PAUSE if again and reply.status >= 500 else None


def _as_data(text: str) -> bytes:
    return urlencode({"data": text}).encode()


_ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "json": str.encode,
    "form": _as_data,
    "text": _as_data,
    "base64": lambda text: _as_data(base64.b64encode(text.encode()).decode()),
}
